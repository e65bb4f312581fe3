//! Where do Pulsar's messages stay? In ledgers: lists of entries that one writer appends to, spread over bookies.
//!
//! ```text
//!   ledger 7   E = 4 bookies, each entry on Qw = 3 of them, stored when Qa = 2 have answered
//!
//!            B1   B2   B3   B4
//!   entry 0  ■    ■    ■                 entry e goes to places e, e+1, e+2 (mod 4) of the ensemble
//!   entry 1       ■    ■    ■
//!   entry 2  ■         ■    ■            an entry is acknowledged when Qa have it
//!   entry 3  ■    ■         ■            AND all entries below are acknowledged
//! ```
//!
//! * [`WriteSets`]: which bookies an entry goes to;
//! * [`Bookie`]: keeps entries of many ledgers in one journal;
//! * [`LedgerMetadata`]: what is known of a ledger, changed by compare-and-set only;
//! * [`LedgerWriter`]: the one that appends, and what it does when a bookie fails;
//! * [`LedgerRecovery`]: how somebody else ends a ledger whose writer may be dead, or may only seem so;
//! * [`Replication`]: how entries get back to so many copies as they should have.
//!
//! A ledger is closed once, at one last entry, and never opened again: so whoever reads a closed ledger reads the same
//! as everybody else. New messages go to a new ledger.
//!
//! What real systems do differently: Kafka and RabbitMQ's quorum queues have one set of replicas for a whole log, and
//! a new replica must copy all of it before it counts. Here a new bookie counts from the next entry on, and nothing moves.
//!
//! Source: BookKeeper, `protocol.md`, `RoundRobinDistributionSchedule`, `PendingAddOp`, `LedgerRecoveryOp`.

mod bookie;
mod index;
mod journal;
mod metadata;
mod recovery;
mod replication;
mod writer;

pub use bookie::{Bookie, BookieFailure};
pub use metadata::{BadMetadata, LedgerMetadata, LedgerState, Quorums, WriteSets, ledger_path};
pub use recovery::LedgerRecovery;
pub use replication::Replication;
pub use writer::{ADD_TIMEOUT, LedgerWriter, NotOpen};

use core::fmt;

use serde::{Deserialize, Serialize};

use super::store_op::{StoreAnswer, StoreOp};
use crate::ids::NodeId;
use crate::record::Batches;

/// A ledger; numbers are given by the metadata store, never twice.
///
/// ```
/// use mqlab_core::systems::pulsar::ledger::LedgerId;
/// assert_eq!(LedgerId(7).to_string(), "7");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LedgerId(pub u64);

impl fmt::Display for LedgerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What is written to a ledger at once: a batch of messages, as its producer made it.
///
/// ```
/// use mqlab_core::log::contract::batch;
/// use mqlab_core::systems::pulsar::ledger::{Entry, LedgerId};
/// // Entry 4 says that its writer knew by then that 0 to 2 are acknowledged.
/// let entry = Entry { ledger: LedgerId(7), entry: 4, lac: Some(2), payload: batch(0, 3) };
/// assert_eq!(entry.payload.records().count(), 3);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Of which ledger.
    pub ledger: LedgerId,
    /// Its number there, from 0.
    pub entry: u64,
    /// The last entry that was acknowledged when this one was sent, if any was: the *last add confirmed*.
    pub lac: Option<u64>,
    /// The messages.
    pub payload: Batches,
}

/// What a bookie is asked.
///
/// ```
/// use mqlab_core::systems::pulsar::ledger::{BookieRequest, LedgerId};
/// let request = BookieRequest::Read { ledger: LedgerId(7), entry: 4, fence: false };
/// assert_eq!(request.ledger(), LedgerId(7));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BookieRequest {
    /// Keep this.
    Add {
        /// What.
        entry: Entry,
        /// By whoever ends the ledger, or copies it: that goes into fenced ledgers, too.
        recovery: bool,
    },
    /// Say what this entry is.
    Read {
        /// Of which ledger.
        ledger: LedgerId,
        /// Which.
        entry: u64,
        /// Whether its writer is to be shut out first.
        fence: bool,
    },
    /// Take no more from the writer of this ledger, and say what it last knew to be acknowledged.
    Fence {
        /// Which.
        ledger: LedgerId,
    },
    /// Forget the ledger.
    Delete {
        /// Which.
        ledger: LedgerId,
        /// Why.
        why: Goes,
    },
}

/// Why a bookie is to forget a ledger.
///
/// ```
/// use mqlab_core::systems::pulsar::ledger::Goes;
/// assert_eq!(Goes::default(), Goes::NotNeeded);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Goes {
    /// Everybody has what is in it.
    #[default]
    NotNeeded,
    /// Its entries are elsewhere now.
    Moved,
    /// It is a compacted copy that nobody reads any more, or that was never finished.
    Compacted,
}

impl BookieRequest {
    /// The ledger that it is about.
    pub fn ledger(&self) -> LedgerId {
        match self {
            Self::Add { entry, .. } => entry.ledger,
            Self::Read { ledger, .. } | Self::Fence { ledger } | Self::Delete { ledger, .. } => *ledger,
        }
    }
}

/// What a bookie answers.
///
/// ```
/// use mqlab_core::systems::pulsar::ledger::{BookieReply, LedgerId, NotDone};
/// let reply = BookieReply::Added { ledger: LedgerId(7), entry: 4, done: Err(NotDone::Fenced) };
/// assert_eq!(reply.ledger(), LedgerId(7));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BookieReply {
    /// To [`BookieRequest::Add`].
    Added {
        /// Of which ledger.
        ledger: LedgerId,
        /// Which entry.
        entry: u64,
        /// Whether it is on disk.
        done: Result<(), NotDone>,
    },
    /// To [`BookieRequest::Read`].
    Found {
        /// Of which ledger.
        ledger: LedgerId,
        /// Which entry was asked for.
        entry: u64,
        /// The entry.
        found: Result<Entry, NotDone>,
    },
    /// To [`BookieRequest::Fence`].
    Fenced {
        /// Which ledger.
        ledger: LedgerId,
        /// The greatest last add confirmed that any of its entries here has.
        lac: Option<u64>,
    },
    /// To [`BookieRequest::Delete`].
    Deleted {
        /// Which ledger.
        ledger: LedgerId,
    },
}

impl BookieReply {
    /// The ledger that it is about.
    pub fn ledger(&self) -> LedgerId {
        match self {
            Self::Added { ledger, .. }
            | Self::Found { ledger, .. }
            | Self::Fenced { ledger, .. }
            | Self::Deleted { ledger } => *ledger,
        }
    }
}

/// Why a bookie did not do it.
///
/// ```
/// use mqlab_core::systems::pulsar::ledger::NotDone;
/// assert_eq!(NotDone::Fenced.to_string(), "the ledger is fenced: another is its owner now");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotDone {
    /// Somebody else has begun to end the ledger. Its writer must stop.
    Fenced,
    /// It has no such entry.
    NoEntry,
    /// Its disk is full.
    Full,
}

impl fmt::Display for NotDone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fenced => "the ledger is fenced: another is its owner now",
            Self::NoEntry => "the bookie has no such entry",
            Self::Full => "the bookie's disk is full",
        })
    }
}

impl core::error::Error for NotDone {}

/// What somebody who works on a ledger wants done, and what it has found out.
///
/// ```
/// use mqlab_core::systems::pulsar::ledger::{Effect, LedgerEnd};
/// let effect = Effect::Ended(LedgerEnd::Closed { last: Some(41) });
/// assert!(matches!(effect, Effect::Ended(LedgerEnd::Closed { last: Some(41) })));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Ask a bookie.
    Ask(NodeId, BookieRequest),
    /// Ask the metadata store, and hand the answer back. Nobody asks again before the answer is there.
    Store(StoreOp),
    /// All entries up to this one are acknowledged.
    Acknowledged {
        /// The last add confirmed.
        entry: u64,
    },
    /// It is over.
    Ended(LedgerEnd),
}

/// How the work on a ledger ended.
///
/// ```
/// use mqlab_core::systems::pulsar::ledger::LedgerEnd;
/// assert_ne!(LedgerEnd::Fenced, LedgerEnd::NotEnoughBookies);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerEnd {
    /// The ledger is closed, and whatever was acknowledged is in it.
    Closed {
        /// Its last entry, if it has any.
        last: Option<u64>,
    },
    /// Another has begun to end it. What was not acknowledged may be in it or not.
    Fenced,
    /// Too few bookies are there. What was not acknowledged may be in the ledger or not; it must be recovered.
    NotEnoughBookies,
    /// The entries of a bookie that is gone are elsewhere now.
    Replicated,
    /// Its metadata cannot be read, or is gone.
    NoMetadata,
}

/// The metadata and its version, if the store's answer has them.
fn metadata_in(answer: &StoreAnswer) -> Option<(LedgerMetadata, u64)> {
    let StoreAnswer::Value(Some(stored)) = answer else { return None };
    Some((LedgerMetadata::parse(&stored.value).ok()?, stored.version))
}
