//! What must everybody know of a ledger? Where its entries are, and whether it has ended.
//!
//! ```text
//!            ┌──────┐  recovery begins   ┌─────────────┐
//!   made ──▶ │ OPEN │ ─────────────────▶ │ IN_RECOVERY │
//!            └──┬───┘                    └──────┬──────┘
//!     closed by │        ┌────────┐             │ closed by whoever recovers
//!    its writer └──────▶ │ CLOSED │ ◀───────────┘
//!                        └────────┘ at one last entry, for ever
//!
//!   fragments   0 ─▶ B1 B2 B3        entries 0 to 4
//!               5 ─▶ B1 B4 B3        from entry 5 on: B2 had failed, and B4 took its place
//! ```
//!
//! It stands in the metadata store, and whoever changes it says which version it has read: of two who change it at once
//! one must look again. Nothing else keeps two writers apart before the bookies do.
//!
//! Source: BookKeeper `LedgerMetadata`, `RoundRobinDistributionSchedule`.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::LedgerId;
use crate::ids::NodeId;
use crate::systems::pulsar::store_op::{Expected, StoreOp};

/// Where a ledger's metadata stands in the store.
pub fn ledger_path(ledger: LedgerId) -> String {
    format!("ledgers/{:020}", ledger.0)
}

/// How many bookies an entry needs.
///
/// ```
/// use mqlab_core::systems::pulsar::ledger::Quorums;
/// let quorums = Quorums::new(3, 2, 2)?;
/// assert_eq!(quorums.fencing(), 1);
/// assert!(Quorums::new(2, 3, 2).is_err()); // E ≥ Qw ≥ Qa ≥ 1
/// # Ok::<(), mqlab_core::systems::pulsar::ledger::BadMetadata>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quorums {
    /// E: over how many bookies a ledger is spread.
    pub ensemble: u16,
    /// Qw: on how many of them an entry is.
    pub write: u16,
    /// Qa: how many must have answered before it counts as stored. So Qa - 1 may be lost.
    pub ack: u16,
}

impl Default for Quorums {
    /// What a Pulsar broker asks for: 2, 2, 2 (`managedLedgerDefaultEnsembleSize` and its two like).
    fn default() -> Self {
        Self { ensemble: 2, write: 2, ack: 2 }
    }
}

impl Quorums {
    /// Checks the numbers.
    ///
    /// # Errors
    ///
    /// [`BadMetadata::Quorums`] unless E ≥ Qw ≥ Qa ≥ 1.
    pub fn new(ensemble: u16, write: u16, ack: u16) -> Result<Self, BadMetadata> {
        if ensemble >= write && write >= ack && ack >= 1 {
            Ok(Self { ensemble, write, ack })
        } else {
            Err(BadMetadata::Quorums { ensemble, write, ack })
        }
    }

    /// How many bookies of an entry's write set must say that they do not have it, or that they are fenced, before no Qa
    /// of them can have it any more: (Qw - Qa) + 1.
    pub fn fencing(&self) -> u16 {
        self.write - self.ack + 1
    }
}

/// Which bookies an entry goes to, by turns.
///
/// ```
/// use mqlab_core::systems::pulsar::ledger::{Quorums, WriteSets};
/// let sets = WriteSets(Quorums::new(4, 3, 2)?);
/// assert_eq!(sets.of(3).collect::<Vec<_>>(), [3, 0, 1]);
/// # Ok::<(), mqlab_core::systems::pulsar::ledger::BadMetadata>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteSets(pub Quorums);

impl WriteSets {
    /// The places in the ensemble that an entry goes to, in order.
    pub fn of(self, entry: u64) -> impl Iterator<Item = usize> {
        let places = u64::from(self.0.ensemble);
        (0..u64::from(self.0.write)).map(move |step| ((entry % places + step) % places) as usize)
    }

    /// Whether every write set has at least `count` members among `these` places.
    pub fn all_have(self, count: u16, these: impl Fn(usize) -> bool) -> bool {
        let enough = |first: u16| self.of(first.into()).filter(|&place| these(place)).count() >= count.into();
        (0..self.0.ensemble).all(enough)
    }
}

/// Whether a ledger has ended.
///
/// ```
/// use mqlab_core::systems::pulsar::ledger::LedgerState;
/// assert_eq!(LedgerState::Closed { last: Some(9) }.last(), Some(9));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LedgerState {
    /// Its writer writes.
    Open,
    /// Somebody else is about to close it.
    InRecovery,
    /// It has ended.
    Closed {
        /// At this entry; an empty ledger has none.
        last: Option<u64>,
    },
}

impl LedgerState {
    /// The last entry of one that is closed and has any.
    pub fn last(self) -> Option<u64> {
        if let Self::Closed { last } = self { last } else { None }
    }
}

/// What is known of a ledger.
///
/// ```
/// use mqlab_core::ids::NodeId::Broker;
/// use mqlab_core::systems::pulsar::ledger::{LedgerMetadata, Quorums};
/// let bookies = [Broker(11), Broker(12), Broker(13)];
/// let metadata = LedgerMetadata::new(Quorums::new(3, 2, 2)?, &bookies)?;
/// assert_eq!(metadata.write_set(2), [Broker(13), Broker(11)]);
/// assert_eq!(LedgerMetadata::parse(&metadata.to_bytes()), Ok(metadata));
/// # Ok::<(), mqlab_core::systems::pulsar::ledger::BadMetadata>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerMetadata {
    /// How many bookies an entry needs.
    pub quorums: Quorums,
    /// Whether it has ended.
    pub state: LedgerState,
    /// By the first entry of each fragment: its ensemble.
    pub fragments: BTreeMap<u64, Vec<NodeId>>,
}

impl LedgerMetadata {
    /// A new ledger on the first of these bookies.
    ///
    /// # Errors
    ///
    /// [`BadMetadata::TooFewBookies`] when there are fewer than E.
    pub fn new(quorums: Quorums, bookies: &[NodeId]) -> Result<Self, BadMetadata> {
        let ensemble = bookies.get(..quorums.ensemble.into()).ok_or(BadMetadata::TooFewBookies)?;
        Ok(Self { quorums, state: LedgerState::Open, fragments: BTreeMap::from([(0, ensemble.to_vec())]) })
    }

    /// As it stands in the metadata store.
    ///
    /// # Panics
    ///
    /// Never: numbers and names can be written.
    pub fn to_bytes(&self) -> Bytes {
        serde_json::to_vec(self).expect("plain data can be written").into()
    }

    /// Reads what stands in the metadata store.
    ///
    /// # Errors
    ///
    /// [`BadMetadata`] when it is none, or contradicts itself.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadMetadata> {
        let found: Self = serde_json::from_slice(bytes).map_err(|_| BadMetadata::Unreadable)?;
        let Quorums { ensemble, write, ack } = found.quorums;
        Quorums::new(ensemble, write, ack)?;
        let whole = found.fragments.values().all(|bookies| bookies.len() == usize::from(ensemble));
        if !whole || !found.fragments.contains_key(&0) {
            return Err(BadMetadata::Fragments);
        }
        Ok(found)
    }

    /// How it is written to the store by whoever has read `version`.
    pub(super) fn put(&self, ledger: LedgerId, version: u64) -> StoreOp {
        let expected = Expected::Version(version);
        StoreOp::Put { path: ledger_path(ledger), value: self.to_bytes(), expected, ephemeral: false }
    }

    /// The first entry and the ensemble of the last fragment.
    pub fn last_fragment(&self) -> (u64, &[NodeId]) {
        self.fragments.last_key_value().map_or((0, &[]), |(first, ensemble)| (*first, ensemble))
    }

    /// The bookies over which an entry's neighbours are spread.
    pub fn ensemble(&self, entry: u64) -> &[NodeId] {
        self.fragments.range(..=entry).next_back().map_or(&[], |(_, ensemble)| ensemble)
    }

    /// The bookies that an entry goes to, or is on.
    pub fn write_set(&self, entry: u64) -> Vec<NodeId> {
        let ensemble = self.ensemble(entry);
        WriteSets(self.quorums).of(entry).filter_map(|place| ensemble.get(place).copied()).collect()
    }

    /// The ensemble of `entry` with another bookie for each that is gone: the first that is not in it. `None` when there
    /// are too few.
    pub(super) fn replaced(
        &self,
        entry: u64,
        gone: impl Fn(NodeId) -> bool,
        available: &[NodeId],
    ) -> Option<Vec<NodeId>> {
        let ensemble = self.ensemble(entry);
        let mut free =
            available.iter().copied().filter(|bookie| !gone(*bookie) && !ensemble.contains(bookie));
        ensemble.iter().map(|&bookie| if gone(bookie) { free.next() } else { Some(bookie) }).collect()
    }
}

/// Metadata that cannot be.
///
/// ```
/// use mqlab_core::systems::pulsar::ledger::{BadMetadata, LedgerMetadata};
/// assert_eq!(LedgerMetadata::parse(b"?"), Err(BadMetadata::Unreadable));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadMetadata {
    /// Not E ≥ Qw ≥ Qa ≥ 1.
    Quorums {
        /// E.
        ensemble: u16,
        /// Qw.
        write: u16,
        /// Qa.
        ack: u16,
    },
    /// Fewer bookies than an ensemble has.
    TooFewBookies,
    /// Not what [`LedgerMetadata::to_bytes`] writes.
    Unreadable,
    /// A fragment has too many or too few bookies, or none begins at entry 0.
    Fragments,
}

impl fmt::Display for BadMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quorums { ensemble, write, ack } => {
                write!(f, "E ≥ Qw ≥ Qa ≥ 1 does not hold of {ensemble}, {write}, {ack}")
            }
            Self::TooFewBookies => f.write_str("there are fewer bookies than a ledger is spread over"),
            Self::Unreadable => f.write_str("this is no ledger's metadata"),
            Self::Fragments => f.write_str("the fragments of the ledger do not cover it"),
        }
    }
}

impl core::error::Error for BadMetadata {}
