//! What is a topic's list of ledgers made of, when does another begin, and what is heard of it?
//!
//! Source: Pulsar `ManagedLedgerConfig`, `MLDataFormats.proto`, `conf/broker.conf`.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::ledger::{ADD_TIMEOUT, BookieRequest, LedgerId, Quorums};
use super::position::Position;
use super::store_op::StoreOp;
use crate::ids::{MessageId, NodeId};
use crate::time::{Span, Time};

/// When a ledger is closed and another begun, and who keeps its entries.
///
/// ```
/// use mqlab_core::systems::pulsar::LedgerSettings;
/// use mqlab_core::time::Span;
/// let settings = LedgerSettings::default();
/// assert_eq!((settings.entries_max, settings.age_min), (50_000, Span::from_millis(600_000)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerSettings {
    /// How many bookies an entry needs.
    pub quorums: Quorums,
    /// A ledger is full with so many entries (`managedLedgerMaxEntriesPerLedger`).
    pub entries_max: u64,
    /// Or so many bytes: 2048 MB (`managedLedgerMaxSizePerLedgerMbytes`).
    pub bytes_max: u64,
    /// But not before this age: 10 min (`managedLedgerMinLedgerRolloverTimeMinutes`).
    pub age_min: Span,
    /// And at this age in any case: 240 min (`managedLedgerMaxLedgerRolloverTimeMinutes`).
    pub age_max: Span,
    /// A bookie that has not answered for this long has failed.
    pub add_timeout: Span,
    /// Where something could not be done, it is tried again after this: 100 ms.
    pub retry: Span,
    /// The number of the first ledger: 0. Two clusters of one run number theirs apart.
    pub first_ledger: u64,
    /// Where closed ledgers go; nowhere by default (`managedLedgerOffloadDriver`).
    pub offload: Option<Offload>,
}

impl Default for LedgerSettings {
    fn default() -> Self {
        Self {
            quorums: Quorums::default(),
            entries_max: 50_000,
            bytes_max: 2_048 * 1024 * 1024,
            age_min: Span::from_millis(10 * 60_000),
            age_max: Span::from_millis(240 * 60_000),
            add_timeout: ADD_TIMEOUT,
            retry: Span::from_millis(100),
            first_ledger: 0,
            offload: None,
        }
    }
}

/// A ledger in a topic's list.
///
/// ```
/// use mqlab_core::systems::pulsar::LedgerInfo;
/// use mqlab_core::systems::pulsar::ledger::LedgerId;
/// let info = LedgerInfo { ledger: LedgerId(7), entries: 0, bytes: 0, closed: None, offloaded: None };
/// assert!(info.closed.is_none()); // it is written to, or nobody knows yet how it ended
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerInfo {
    /// Which.
    pub ledger: LedgerId,
    /// How many entries it has; 0 while it is open.
    pub entries: u64,
    /// How many bytes they have, as far as its writer counted them; what was recovered is not counted.
    pub bytes: u64,
    /// When it was closed, if it is.
    pub closed: Option<Time>,
    /// Whether an object store has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offloaded: Option<Offloaded>,
}

/// A ledger that was copied to an object store.
///
/// ```
/// use mqlab_core::systems::pulsar::Offloaded;
/// use mqlab_core::time::Time;
/// let offloaded = Offloaded { at: Time(5_000), moved: false };
/// assert!(!offloaded.moved); // bookies have it, too
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offloaded {
    /// When the copy was complete.
    pub at: Time,
    /// Whether bookies have it no more.
    pub moved: bool,
}

/// Where ledgers go that are closed, and when.
///
/// ```
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::systems::pulsar::{OFFLOAD_LAG, Offload};
/// let offload = Offload { to: NodeId::Store, threshold: 0, lag: OFFLOAD_LAG };
/// assert_eq!(offload.threshold, 0); // everything, as soon as it is closed
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offload {
    /// The object store.
    pub to: NodeId,
    /// A topic may have so many bytes on bookies; what is older goes (`managedLedgerOffloadThresholdInBytes`).
    pub threshold: u64,
    /// So long after that bookies may delete it: 4 h (`managedLedgerOffloadDeletionLagMs`).
    pub lag: Span,
}

/// How long bookies keep what an object store has: 4 h.
pub const OFFLOAD_LAG: Span = Span::from_millis(4 * 60 * 60_000);

/// What a managed ledger wants done, and what it has to say.
///
/// ```
/// use mqlab_core::systems::pulsar::{LedgerFact, Position};
/// let fact = LedgerFact::Stored { ticket: 4, position: Position::default() };
/// assert_ne!(fact, LedgerFact::Lost);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerFact {
    /// Ask a bookie.
    Ask(NodeId, BookieRequest),
    /// Ask the metadata store, and hand its answer back with this number.
    Store(u64, StoreOp),
    /// It takes messages, for the first time or again.
    Ready,
    /// What was given in with this number stands there.
    Stored {
        /// The number that `ManagedLedger::add` gave.
        ticket: u64,
        /// Where.
        position: Position,
    },
    /// Another broker has the topic. What was not stored may be or not.
    Lost,
    /// Something to be told.
    Happened(LedgerNews),
}

/// What happens to the ledgers of a topic, for whoever watches.
///
/// ```
/// use mqlab_core::systems::pulsar::LedgerNews;
/// use mqlab_core::systems::pulsar::ledger::LedgerId;
/// assert_ne!(LedgerNews::Recovers(LedgerId(7)), LedgerNews::Dropped(LedgerId(7)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerNews {
    /// Its last owner left it open: it is ended.
    Recovers(LedgerId),
    /// It was begun, on these bookies.
    Began(LedgerId, Vec<NodeId>),
    /// From this entry on it is on these bookies.
    Changed(LedgerId, u64, Vec<NodeId>),
    /// It is closed, with so many entries.
    Closed(LedgerId, u64),
    /// It is gone from the list.
    Dropped(LedgerId),
    /// Somebody else ends it.
    ShutOut(LedgerId),
    /// An object store has all of its entries, so many.
    Offloaded(LedgerId, u64, NodeId),
    /// Bookies may delete it: an object store has it.
    LeftBookies(LedgerId),
    /// An entry was given to its write set.
    Added(Position, Vec<MessageId>, Vec<NodeId>),
}
