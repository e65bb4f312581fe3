//! What does a producer's program put into a message? As its scenario says: in turn, where there is a list.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::ids::{MessageId, NodeId};
use crate::message::{Headers, Message};
use crate::record::NewRecord;
use crate::time::{Span, Time};

/// What the messages of a producer are like. Lists are used in turn, message by message.
///
/// ```
/// use mqlab_core::sim::MessageSpec;
/// let spec: MessageSpec = serde_json::from_str(r#"{ "priorities": [0, 9], "ttls": [50000] }"#)?;
/// assert_eq!(spec.priorities, [0, 9]); // every second message is urgent
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MessageSpec {
    /// Routing keys, for an exchange.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routing_keys: Vec<String>,
    /// Priorities.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub priorities: Vec<u8>,
    /// Times to live, in microseconds; 0 for none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ttls: Vec<u64>,
    /// Delays, in microseconds; 0 for none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub delays: Vec<u64>,
    /// Named values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<Headers>,
    /// Whether messages of one key are a group: one consumer gets all of it.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub group_by_key: bool,
    /// Whether they are kept in memory alone.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub transient: bool,
    /// Some tell of what happened a while ago.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub late: Option<LateSpec>,
    /// The key of each, instead of one that is drawn: a letter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<char>,
    /// Every so many messages one is a tombstone: it has no value, and says that its key is no more; 0 for none.
    #[serde(skip_serializing_if = "super::spec::is_default")]
    pub tombstone_every: u64,
    /// How many bytes the body has at least.
    #[serde(skip_serializing_if = "is_zero")]
    pub bytes: u32,
}

/// Messages that tell of what happened before they were sent: each says when in the header `event-time`.
///
/// ```
/// use mqlab_core::sim::LateSpec;
/// let spec: LateSpec = serde_json::from_str(r#"{ "per_mille": 100, "by": [20000, 80000] }"#)?;
/// assert_eq!(spec.by, (20_000, 80_000));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LateSpec {
    /// How many of a thousand messages are late.
    pub per_mille: u32,
    /// By how much at least and at most, in microseconds.
    pub by: (u64, u64),
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The largest body that a scenario may ask for, in bytes.
pub const BODY_BYTES_MAX: u32 = 1024 * 1024;

impl MessageSpec {
    /// Whether nothing is said.
    pub(super) fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// Whether messages may be delivered in another order than they were sent, because their sender wants it so.
    pub(super) fn reorders(&self) -> bool {
        !self.priorities.is_empty() || !self.delays.is_empty()
    }

    /// Whether the message of this number, from 1, is a tombstone.
    pub(super) fn is_tombstone(&self, number: u64) -> bool {
        self.tombstone_every > 0 && number.is_multiple_of(self.tombstone_every)
    }

    /// The message of this number, from 1.
    pub(super) fn draft(&self, number: u64, id: MessageId, key: Option<char>) -> Message {
        let turn = usize::try_from(number.saturating_sub(1)).unwrap_or_default();
        let mut message = Message::new(body(id, self.bytes as usize));
        if let Some(key) = key {
            message = message.with_key(String::from(key));
            if self.group_by_key {
                message = message.with_group(key.encode_utf8(&mut [0; 4]));
            }
        }
        if let Some(key) = of(&self.routing_keys, turn) {
            message = message.with_routing_key(key);
        }
        if let Some(&priority) = of(&self.priorities, turn) {
            message = message.with_priority(priority);
        }
        if let Some(&ttl) = of(&self.ttls, turn).filter(|ttl| **ttl > 0) {
            message = message.with_ttl(Span(ttl));
        }
        if let Some(&delay) = of(&self.delays, turn).filter(|delay| **delay > 0) {
            message = message.with_delay(Span(delay));
        }
        if let Some(headers) = of(&self.headers, turn) {
            message = message.with_headers(headers.clone());
        }
        if self.transient { message.transient() } else { message }
    }
}

/// What a message says, and dots up to so many bytes, in as much memory as it takes and no more: nothing of it moves when it
/// becomes bytes.
fn body(id: MessageId, bytes: usize) -> Vec<u8> {
    const WORD: &str = "order ";
    let digits = id.0.checked_ilog10().unwrap_or_default() as usize + 1;
    let mut body = String::with_capacity((WORD.len() + digits).max(bytes));
    let written = write!(body, "{WORD}{}", id.0);
    debug_assert!(written.is_ok(), "a string takes what it is given");
    let mut body = body.into_bytes();
    body.resize(body.len().max(bytes), b'.');
    body
}

fn of<T>(list: &[T], turn: usize) -> Option<&T> {
    list.get(turn % list.len().max(1))
}

/// The header that names whom to tell when a message has really been processed.
const RECEIPT_TO: &str = "receipt-to";

/// Asks for a receipt.
pub(super) fn with_receipt(message: Message, to: NodeId) -> Message {
    message.with_header(RECEIPT_TO, format!("{to}"))
}

/// Who asked for a receipt.
pub(super) fn receipt_to(message: &crate::record::Record) -> Option<NodeId> {
    message.headers.get(RECEIPT_TO.as_bytes())?;
    let message = Message::from_record(message);
    let crate::message::Value::Text(text) = message.headers().get(RECEIPT_TO)? else { return None };
    text.parse().ok()
}

/// The message as the record that a producer sends.
pub(super) fn record(now: Time, message: &Message) -> NewRecord {
    message.to_record(now.as_millis() as i64)
}
