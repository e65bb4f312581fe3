//! Where does a transaction stand? What a coordinator keeps of each transactional id, and what may come next.
//!
//! ```text
//!              add                 end: commit                  all partitions marked
//!   Empty ───────────▶ Ongoing ────────────────▶ PrepareCommit ──────────────────────▶ CompleteCommit ─┐
//!     ▲                 │  ▲ │                                                                         │ add
//!     │                 │  │ └ end: abort,  ───▶ PrepareAbort ───────────────────────▶ CompleteAbort ──┤
//!     │ init            │  │   timeout, init                                                           │
//!     └─────────────────│──┴───────────────────────────────────────────────────────────────────────────┘
//!                       └ what is *prepared* is decided: whatever fails from here on, it comes to the same end
//! ```
//!
//! Each end raises the epoch, so a transaction and its epoch are one: what comes late from an earlier one is refused by
//! everybody. An *init* raises it too, and that fences whoever had the transactional id before: if a transaction of it is
//! open, it is aborted first, and who asks must ask again. A transaction that times out is aborted like that, but its producer may go on:
//! it is still the only one, and begins another. What it says with the old epoch is answered as late, not as fenced.
//!
//! Who comes back after years finds nothing: a transactional id that nobody used for a while is forgotten, unless a
//! transaction of it is open. Its next producer gets a new number, and begins with epoch 0; the old one is not known.
//!
//! Epochs end at [`i16::MAX`]: the last one goes to a marker, and the next transaction is under another number.
//!
//! Source: Kafka `TransactionMetadata.java`, `TransactionCoordinator.scala`; KIP-360, KIP-588, KIP-890.

use alloc::vec::Vec;

use bytes::{Buf as _, BufMut as _, Bytes};

use super::txn_request::TxnProducer;
use crate::ids::{Name, PartitionId};
use crate::observe::Refusal;
use crate::record::{NewRecord, Record};
use crate::sorted::SortedSet;
use crate::time::{Span, Time};

/// The version of what is kept of a transaction.
const FORMAT: u8 = 0;

/// A producer's number and its epoch.
pub(super) type Identity = (i64, i16);

/// Where a transaction stands.
///
/// ```
/// use mqlab_core::broker::TxnPhase;
/// assert!(TxnPhase::PrepareCommit.is_decided() && !TxnPhase::Ongoing.is_decided());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TxnPhase {
    /// None was begun since the producer came.
    Empty,
    /// One is open.
    Ongoing,
    /// It is committed, and not all partitions know.
    PrepareCommit,
    /// It is aborted, and not all partitions know.
    PrepareAbort,
    /// It is committed.
    CompleteCommit,
    /// It is aborted.
    CompleteAbort,
}

impl TxnPhase {
    const ALL: [Self; 6] = [
        Self::Empty,
        Self::Ongoing,
        Self::PrepareCommit,
        Self::PrepareAbort,
        Self::CompleteCommit,
        Self::CompleteAbort,
    ];

    /// Whether it is decided, and is being told to the partitions.
    pub const fn is_decided(self) -> bool {
        matches!(self, Self::PrepareCommit | Self::PrepareAbort)
    }

    /// How the last transaction ended, if one did.
    const fn outcome(self) -> Option<bool> {
        match self {
            Self::Empty | Self::Ongoing => None,
            Self::PrepareCommit | Self::CompleteCommit => Some(true),
            Self::PrepareAbort | Self::CompleteAbort => Some(false),
        }
    }
}

/// Who had the transaction that ended last, and may ask how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Previous {
    /// Nobody who has anything to say any more.
    Nobody,
    /// This one ended it.
    Ended(Identity),
    /// This one let it take too long.
    Late(Identity),
}

/// All that is kept of a transactional id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Txn {
    /// The number and epoch of the producer that may go on.
    pub(super) identity: Identity,
    previous: Previous,
    pub(super) phase: TxnPhase,
    /// What the markers say, once it is decided.
    pub(super) ending: Identity,
    /// Where it writes; those that must be told.
    pub(super) partitions: SortedSet<PartitionId>,
    timeout: Span,
    began: Time,
    /// When this was written down, in whole milliseconds as records have it.
    pub(super) updated: Time,
}

/// What follows from an init.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Inited {
    /// The producer is this from then on.
    Now(Txn),
    /// First the open transaction is aborted; then it must ask again.
    AbortFirst(Txn),
}

/// What follows from an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It is decided, when this is kept.
    Now(Txn),
    /// It was, and this is who may go on.
    Before(Identity),
}

impl Txn {
    /// What is kept of a transactional id that nobody knows yet.
    pub(super) fn new(producer: i64, timeout: Span) -> Self {
        Self {
            identity: (producer, 0),
            previous: Previous::Nobody,
            phase: TxnPhase::Empty,
            ending: (producer, 0),
            partitions: SortedSet::new(),
            timeout,
            began: Time::ZERO,
            updated: Time::ZERO,
        }
    }

    /// The next epoch, or another number when there is none: `fresh` gives one, or cannot now.
    fn raised(&self, fresh: &mut dyn FnMut() -> Option<i64>) -> Result<Identity, Refusal> {
        let (producer, epoch) = self.identity;
        // The greatest epoch is left for the marker that ends the last transaction.
        match epoch.checked_add(1).filter(|next| *next < i16::MAX) {
            Some(next) => Ok((producer, next)),
            None => fresh().map(|producer| (producer, 0)).ok_or(Refusal::ConcurrentTransactions),
        }
    }

    /// A producer comes under this transactional id.
    pub(super) fn init(
        &self,
        timeout: Span,
        fresh: &mut dyn FnMut() -> Option<i64>,
    ) -> Result<Inited, Refusal> {
        match self.phase {
            TxnPhase::PrepareCommit | TxnPhase::PrepareAbort => Err(Refusal::ConcurrentTransactions),
            TxnPhase::Ongoing => {
                let next = self.prepared(false, fresh)?;
                Ok(Inited::AbortFirst(Self { previous: Previous::Nobody, ..next }))
            }
            TxnPhase::Empty | TxnPhase::CompleteCommit | TxnPhase::CompleteAbort => {
                let identity = self.raised(fresh)?;
                Ok(Inited::Now(Self { identity, timeout, ..Self::new(identity.0, timeout) }))
            }
        }
    }

    /// Whether somebody may speak for the transaction that is open, or may be begun.
    fn check(&self, who: &TxnProducer) -> Result<(), Refusal> {
        let who = (who.producer, who.epoch);
        match self.previous {
            _ if who == self.identity => Ok(()),
            Previous::Late(late) if who == late => Err(Refusal::TransactionTimedOut),
            _ if who.0 != self.identity.0 => Err(Refusal::Unknown),
            _ => Err(Refusal::ProducerFenced),
        }
    }

    /// The transaction writes to these, too; nothing changes if that is known.
    pub(super) fn add(
        &self,
        now: Time,
        who: &TxnProducer,
        partitions: &[PartitionId],
    ) -> Result<Option<Self>, Refusal> {
        self.check(who)?;
        let mut next = self.clone();
        match self.phase {
            TxnPhase::PrepareCommit | TxnPhase::PrepareAbort => return Err(Refusal::ConcurrentTransactions),
            TxnPhase::Ongoing => {}
            TxnPhase::Empty | TxnPhase::CompleteCommit | TxnPhase::CompleteAbort => {
                (next.phase, next.began) = (TxnPhase::Ongoing, now);
            }
        }
        next.partitions.extend(partitions.iter().cloned());
        Ok((next != *self).then_some(next))
    }

    /// The producer ends it.
    pub(super) fn end(
        &self,
        who: &TxnProducer,
        commit: bool,
        fresh: &mut dyn FnMut() -> Option<i64>,
    ) -> Result<Ended, Refusal> {
        let asker = (who.producer, who.epoch);
        if self.previous == Previous::Ended(asker) || self.previous == Previous::Late(asker) {
            return match self.phase.outcome() {
                // It has begun another since: this comes late.
                None => Err(Refusal::ProducerFenced),
                Some(outcome) if outcome != commit && self.previous == Previous::Late(asker) => {
                    Err(Refusal::TransactionTimedOut)
                }
                Some(outcome) if outcome != commit => Err(Refusal::InvalidTransaction),
                Some(_) if self.phase.is_decided() => Err(Refusal::ConcurrentTransactions),
                Some(_) => Ok(Ended::Before(self.identity)),
            };
        }
        self.check(who)?;
        match self.phase {
            TxnPhase::Ongoing => self.prepared(commit, fresh).map(Ended::Now),
            _ => Err(Refusal::InvalidTransaction),
        }
    }

    /// The coordinator aborts it, because it takes too long.
    pub(super) fn time_out(&self, fresh: &mut dyn FnMut() -> Option<i64>) -> Result<Self, Refusal> {
        let previous = Previous::Late(self.identity);
        Ok(Self { previous, ..self.prepared(false, fresh)? })
    }

    /// When it takes too long, if it is open.
    pub(super) fn deadline(&self) -> Option<Time> {
        (self.phase == TxnPhase::Ongoing).then(|| self.began + self.timeout)
    }

    /// When the transactional id is forgotten that nobody uses: never while a transaction is open, or being told.
    pub(super) fn expires(&self, unused_for: Span) -> Option<Time> {
        match self.phase {
            TxnPhase::Empty | TxnPhase::CompleteCommit | TxnPhase::CompleteAbort => {
                Some(Time(self.updated.0.saturating_add(unused_for.0)))
            }
            TxnPhase::Ongoing | TxnPhase::PrepareCommit | TxnPhase::PrepareAbort => None,
        }
    }

    fn prepared(&self, commit: bool, fresh: &mut dyn FnMut() -> Option<i64>) -> Result<Self, Refusal> {
        let (producer, epoch) = self.identity;
        Ok(Self {
            identity: self.raised(fresh)?,
            previous: Previous::Ended(self.identity),
            phase: if commit { TxnPhase::PrepareCommit } else { TxnPhase::PrepareAbort },
            ending: (producer, epoch.saturating_add(1)),
            ..self.clone()
        })
    }

    /// All partitions know of its end.
    pub(super) fn completed(&self) -> Self {
        let phase = match self.phase {
            TxnPhase::PrepareCommit => TxnPhase::CompleteCommit,
            TxnPhase::PrepareAbort => TxnPhase::CompleteAbort,
            other => other,
        };
        Self { phase, partitions: SortedSet::new(), ..self.clone() }
    }

    /// Why it was aborted, if its producer did not ask for it.
    pub(super) fn aborted_by(&self) -> Option<Refusal> {
        match self.previous {
            Previous::Nobody => Some(Refusal::ProducerFenced),
            Previous::Late(_) => Some(Refusal::TransactionTimedOut),
            Previous::Ended(_) => None,
        }
    }

    /// The record that keeps it: the key is the transactional id.
    pub(super) fn to_record(&self, id: &Name, timestamp: i64) -> NewRecord {
        let mut value = Vec::new();
        value.put_u8(FORMAT);
        value.put_u8(TxnPhase::ALL.iter().position(|phase| *phase == self.phase).unwrap_or(0) as u8);
        let (kind, previous) = match self.previous {
            Previous::Nobody => (0, self.identity),
            Previous::Ended(previous) => (1, previous),
            Previous::Late(previous) => (2, previous),
        };
        value.put_u8(kind);
        for (producer, epoch) in [self.identity, previous, self.ending] {
            value.put_i64(producer);
            value.put_i16(epoch);
        }
        value.put_u64(self.timeout.0);
        value.put_u64(self.began.0);
        for partition in &self.partitions {
            value.put_u32(partition.index);
            value.put_u16(partition.topic.as_str().len() as u16); // a name is short
            value.put_slice(partition.topic.as_str().as_bytes());
        }
        let key = Bytes::copy_from_slice(id.as_str().as_bytes());
        NewRecord { timestamp, key: Some(key), value: Some(value.into()), headers: Default::default() }
    }

    /// The record that says that a transactional id is forgotten: a tombstone.
    pub(super) fn forgotten(id: &Name, timestamp: i64) -> NewRecord {
        let key = Some(Bytes::copy_from_slice(id.as_str().as_bytes()));
        NewRecord { timestamp, key, ..NewRecord::default() }
    }

    /// Of which transactional id such a record keeps something, and what: nothing when it is forgotten. `None` if it is no
    /// such record.
    pub(super) fn from_record(record: &Record) -> Option<(Name, Option<Self>)> {
        let id = Name::new(core::str::from_utf8(record.key.as_deref()?).ok()?).ok()?;
        match &record.value {
            Some(value) => Some((id, Some(Self::from_value(value.clone(), record.timestamp)?))),
            None => Some((id, None)),
        }
    }

    fn from_value(mut value: Bytes, timestamp: i64) -> Option<Self> {
        if value.try_get_u8().ok()? != FORMAT {
            return None;
        }
        let phase = *TxnPhase::ALL.get(usize::from(value.try_get_u8().ok()?))?;
        let kind = value.try_get_u8().ok()?;
        let mut identity = || Some((value.try_get_i64().ok()?, value.try_get_i16().ok()?));
        let (identity, previous, ending) = (identity()?, identity()?, identity()?);
        let previous = match kind {
            0 => Previous::Nobody,
            1 => Previous::Ended(previous),
            2 => Previous::Late(previous),
            _ => return None,
        };
        let (timeout, began) = (Span(value.try_get_u64().ok()?), Time(value.try_get_u64().ok()?));
        let mut partitions = SortedSet::new();
        while value.has_remaining() {
            let index = value.try_get_u32().ok()?;
            let length = usize::from(value.try_get_u16().ok()?);
            let topic = value.get(..length)?.to_vec();
            value.advance(length);
            partitions
                .insert(PartitionId { topic: Name::new(core::str::from_utf8(&topic).ok()?).ok()?, index });
        }
        let updated = Time(u64::try_from(timestamp).unwrap_or(0).saturating_mul(1_000));
        Some(Self { identity, previous, phase, ending, partitions, timeout, began, updated })
    }
}
