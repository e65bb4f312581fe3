//! On whose behalf is something done? An order's number and its user travel with each call and each message.
//!
//! A call carries them as they are; a message carries them as two record headers, because whoever reads it later
//! knows nothing else of who asked. JMS has the same pair as `JMSCorrelationID` and `JMSReplyTo`, AMQP as
//! `correlation-id` and `reply-to`; tracing (W3C Trace Context) passes its trace id on in the same way.

use alloc::string::ToString as _;

use super::{NewRecord, Record};
use crate::ids::{NodeId, ORDER_ID_HEADER, OrderId};

/// The record header that says whom to tell what became of an order, as the node's name in UTF-8.
pub const REPLY_TO_HEADER: &str = "reply-to";

/// What a user asked for: which, and whose it is.
///
/// ```
/// use mqlab_core::ids::{NodeId, OrderId};
/// use mqlab_core::record::{BatchBuilder, NewRecord, Order};
///
/// let order = Order { id: OrderId(17), user: NodeId::User(1) };
/// let mut builder = BatchBuilder::new();
/// builder.push(&NewRecord::default().with_order(order))?;
/// let batches = builder.build();
/// assert_eq!(batches.records().next().and_then(|record| record.order()), Some(order));
/// # Ok::<(), mqlab_core::record::Malformed>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Which.
    pub id: OrderId,
    /// Who asked, and is told what became of it.
    pub user: NodeId,
}

impl NewRecord {
    /// Adds the headers that say which order this message is about.
    #[must_use]
    pub fn with_order(mut self, order: Order) -> Self {
        self.headers.push(ORDER_ID_HEADER.as_bytes(), Some(&order.id.0.to_be_bytes()));
        self.headers.push(REPLY_TO_HEADER.as_bytes(), Some(order.user.to_string().as_bytes()));
        self
    }
}

impl Record {
    /// The order that this message is about; `None` when it says nothing of one, or nothing that can be read.
    pub fn order(&self) -> Option<Order> {
        let header = |name: &str| self.headers.get(name.as_bytes()).flatten();
        let id = u64::from_be_bytes(header(ORDER_ID_HEADER)?.try_into().ok()?);
        let user = core::str::from_utf8(header(REPLY_TO_HEADER)?).ok()?;
        Some(Order { id: OrderId(id), user: user.parse().ok()? })
    }
}
