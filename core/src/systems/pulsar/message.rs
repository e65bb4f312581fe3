//! What do Pulsar's nodes say to each other?

use super::ledger::{BookieReply, BookieRequest};
use super::protocol::{Answer, Command};
use super::store_op::{StoreReply, StoreRequest};

/// A message between nodes.
///
/// ```
/// use mqlab_core::systems::pulsar::Message;
/// use mqlab_core::systems::pulsar::ledger::{BookieRequest, LedgerId};
/// let message = Message::ToBookie(BookieRequest::Fence { ledger: LedgerId(7) });
/// assert_eq!(message, message.clone());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// To a bookie.
    ToBookie(BookieRequest),
    /// From a bookie.
    FromBookie(BookieReply),
    /// To the metadata store.
    ToStore(StoreRequest),
    /// From the metadata store.
    FromStore(StoreReply),
    /// From a client to a broker.
    ToBroker(Command),
    /// From a broker to a client.
    FromBroker(Answer),
}
