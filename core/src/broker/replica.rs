//! What does a broker keep of a partition? A log, where epochs began in it, and how far it is committed.
//!
//! ```text
//!                     high watermark         log end
//!                           │                   │
//!   ┌────┬────┬────┬────┬───┴┬────┬────┬────┬───┤
//!   │ 12 │ 13 │ 14 │ 15 │ 16 ┆ 17 ┆ 18 ┆ 19 ┆   │
//!   └────┴────┴────┴────┴────┴────┴────┴────┴───┘
//!    committed: on every        appended here, and
//!    replica in sync;           perhaps nowhere else:
//!    consumers may read         no consumer sees it
//! ```
//!
//! At any time a replica leads ([`super::leader`]), follows ([`super::follower`]), or does neither because
//! nobody leads.

use alloc::vec::Vec;

use super::checkpoint::Checkpoint;
use super::cleaner::Cleaner;
use super::follower::Follower;
use super::leader::Leader;
use super::producer_state::ProducerStates;
use super::retention::Kept;
use super::truncation::Truncation;
use super::view::is_internal;
use crate::ids::{Epoch, LogName, MessageId, Offset, PartitionId};
use crate::log::{Epochs, Log, LogError, Slice as _, Storage, StorageError, read_all};
use crate::record::Batches;
use crate::time::Time;

/// A partition's log on one broker, and the broker's part in it.
#[derive(Clone, Debug)]
pub(crate) struct Replica<L> {
    pub(super) partition: PartitionId,
    pub(super) log: L,
    pub(super) epochs: Epochs,
    /// Who wrote what, so that nothing is stored twice.
    pub(super) producers: ProducerStates,
    pub(super) high_watermark: Offset,
    /// Where that is kept; only where followers truncate by it.
    pub(super) checkpoint: Option<Checkpoint<L>>,
    pub(super) role: Role,
    /// What is trimmed when; only where there is a limit.
    pub(super) kept: Option<Kept>,
    /// How far it is clean; only where it is compacted.
    pub(super) cleaner: Option<Cleaner<L>>,
}

/// What a broker does for a partition.
#[derive(Clone, Debug)]
pub(crate) enum Role {
    /// Nobody leads; there is nothing to do.
    Idle,
    /// It serves clients and followers.
    Leader(Leader),
    /// It copies its leader.
    Follower(Follower),
}

impl<L: Log> Replica<L> {
    /// Opens the log and learns from it where epochs began, and what producers wrote. What is committed is not known yet.
    pub(super) fn open<S: Storage<Log = L>>(
        storage: &mut S,
        partition: PartitionId,
        truncation: Truncation,
    ) -> Result<Self, LogError<StorageError<S>>> {
        let log = storage.open(&LogName::Partition(partition.clone()))?;
        let (mut epochs, mut producers) = (Epochs::default(), ProducerStates::default());
        read_all(&log, |batches| {
            epochs.learn(batches);
            producers.learn(batches);
        })?;
        let checkpoint = match truncation {
            Truncation::Epoch => None,
            Truncation::HighWatermark => {
                Some(Checkpoint::open(storage, &LogName::Watermark(partition.clone()))?)
            }
        };
        let known = checkpoint.as_ref().map_or(log.start(), Checkpoint::value);
        let high_watermark = known.clamp(log.start(), log.end());
        let (role, kept, cleaner) = (Role::Idle, None, None);
        Ok(Self { partition, log, epochs, producers, high_watermark, checkpoint, role, kept, cleaner })
    }

    /// Gives the log back.
    pub(super) fn close<S: Storage<Log = L>>(self, storage: &mut S) -> Result<(), StorageError<S>> {
        if let Some(checkpoint) = self.checkpoint {
            checkpoint.close(storage, &LogName::Watermark(self.partition.clone()))?;
        }
        if let Some(cleaner) = self.cleaner {
            cleaner.close(storage, &self.partition)?;
        }
        storage.close(&LogName::Partition(self.partition), self.log)
    }

    /// The log, and what is kept beside it.
    pub(super) fn logs_mut(&mut self) -> impl Iterator<Item = &mut L> {
        let watermark = self.checkpoint.as_mut().map(Checkpoint::log_mut);
        let clean = self.cleaner.as_mut().map(Cleaner::log_mut);
        core::iter::once(&mut self.log).chain(watermark).chain(clean)
    }

    /// Where the log begins and ends, and how far it is committed.
    pub(super) fn marks(&self) -> Marks {
        Marks { start: self.log.start(), high_watermark: self.high_watermark, end: self.log.end() }
    }

    /// The partition.
    pub(crate) fn partition(&self) -> &PartitionId {
        &self.partition
    }

    /// The log.
    pub(crate) fn log(&self) -> &L {
        &self.log
    }

    /// Consumers read below this.
    pub(crate) fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// What the broker does for the partition.
    pub(crate) fn role(&self) -> &Role {
        &self.role
    }

    /// When it wants to be woken.
    pub(super) fn next_wakeup(&self) -> Option<Time> {
        match &self.role {
            Role::Idle => None,
            Role::Leader(leader) => leader.next_deadline().into_iter().chain(self.next_expiry()).min(),
            Role::Follower(follower) => self.next_expiry().into_iter().chain([follower.next_wakeup()]).min(),
        }
    }

    /// The epoch that it leads or follows in; `None` while nobody leads.
    pub(super) fn epoch(&self) -> Option<Epoch> {
        match &self.role {
            Role::Idle => None,
            Role::Leader(leader) => Some(leader.epoch),
            Role::Follower(follower) => Some(follower.epoch),
        }
    }

    /// Whether the partition is the cluster's own: what is appended there is upkeep, and no event.
    pub(super) fn is_internal(&self) -> bool {
        is_internal(&self.partition.topic)
    }

    /// Keeps the watermark, where followers truncate by it.
    pub(super) fn keep_watermark(&mut self) -> Result<(), LogError<L::Error>> {
        match &mut self.checkpoint {
            Some(checkpoint) => checkpoint.set(self.high_watermark),
            None => Ok(()),
        }
    }

    /// Adds batches that are already stamped.
    pub(super) fn append(&mut self, batches: &Batches) -> Result<(), LogError<L::Error>> {
        self.append_in_segments(batches)?;
        self.epochs.learn(batches);
        self.producers.learn(batches);
        if let Some(kept) = &mut self.kept {
            kept.learn(batches);
        }
        Ok(())
    }

    /// Forgets the whole log, which begins anew at `at`. Returns the messages that are gone.
    pub(super) fn begin_anew(&mut self, at: Offset) -> Result<Vec<MessageId>, LogError<L::Error>> {
        let all = self.log.read(self.log.start(), self.log.end(), u32::MAX)?.load()?;
        self.log.begin_anew(at)?;
        (self.epochs, self.producers) = Default::default();
        if let Some(kept) = &mut self.kept {
            kept.forget();
        }
        self.look_at_active()?;
        self.high_watermark = at;
        Ok(message_ids(&all))
    }

    /// Cuts the log back, and returns the messages that are gone.
    pub(super) fn truncate(&mut self, to: Offset) -> Result<Vec<MessageId>, LogError<L::Error>> {
        let to = to.max(self.log.start());
        let tail = self.log.read(to.min(self.log.end()), self.log.end(), u32::MAX)?.load()?;
        self.log.truncate(to)?;
        self.epochs.truncate(self.log.end());
        let cut = self.producers.cut(self.log.end());
        if !cut.is_empty() {
            read_all(&self.log, |batches| self.producers.relearn(&cut, batches))?;
        }
        if let Some(kept) = &mut self.kept {
            kept.cut(self.log.end());
        }
        self.look_at_active()?;
        self.high_watermark = self.high_watermark.min(self.log.end());
        let gone = tail.records().filter(|record| record.offset >= self.log.end());
        Ok(gone.filter_map(|record| record.message_id()).collect())
    }
}

/// Where a log begins and ends, and how far it is committed.
///
/// ```
/// use mqlab_core::broker::Marks;
/// use mqlab_core::ids::Offset;
/// let marks = Marks { start: Offset(0), high_watermark: Offset(7), end: Offset(9) };
/// assert_eq!(marks.end.0 - marks.high_watermark.0, 2); // appended, and not yet on every replica in sync
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// The first offset that can be read.
    pub start: Offset,
    /// Consumers read below this.
    pub high_watermark: Offset,
    /// The offset of the next record.
    pub end: Offset,
}

/// The messages in batches, in order.
pub(super) fn message_ids(batches: &Batches) -> Vec<MessageId> {
    batches.message_ids().collect()
}
