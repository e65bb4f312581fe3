//! What becomes of a topic's old messages: do they go by age, or does the last of each key stay? And when does a cleaner
//! look?
//!
//! ```text
//!   policy               old messages go      the last of each key stays
//!   delete               yes                  -                            a topic as a stream
//!   compact              -                    yes                          a topic as a table
//!   compact_and_delete   yes                  as long as it is not old     a table of what happened lately
//!
//!           ┌─ clean ─────────┬─ dirty ─────────────┬─ not to be touched ────────────┐
//!   log     │ ▪ ▪   ▪     ▪ ▪ │ ▪▪▪▪▪▪▪▪▪▪│▪▪▪▪▪▪▪▪▪│▪▪▪▪▪▪▪▪▪▪│▪▪▪▪             ◀── append
//!           └─────────────────┴──────────┴──────────┴──────────┴─────────────────────┘
//!                             more than half?       ▲ too young, not committed, or active
//! ```
//!
//! Every broker cleans its own copies, led and followed ones, each in its own time: offsets are the same everywhere, and
//! what is missing on one is superseded on all. It looks at an interval, the dirtiest log first. A log is cleaned when
//! more than a share of it is dirty, or when a dirty record has waited for too long. How far it was cleaned is kept beside
//! the log (`checkpoint.rs`). Where that is lost, or older than the last pass, some of what is clean is taken for dirty: a
//! pass reads it once more and finds nothing to remove. It must never say too much: a tombstone that no pass has seen would
//! be taken for one that removed what it supersedes. So it is lowered, durably, before a log that was cut grows again.
//!
//! The cluster's own topics are tables, too: of where a group has got to only the last word counts. They are compacted in
//! segments so large that most runs never fill one.
//!
//! A message without a key has no place in a table: it is refused.
//!
//! What real systems do: `cleanup.policy` and the settings named below are Kafka's, and so are the rules. It keeps how far
//! each log is clean in a file (`cleaner-offset-checkpoint`).
//!
//! Source: Kafka `LogCleanerManager.scala`.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::checkpoint::Checkpoint;
use super::protocol::Out;
use super::replica::{Replica, Role};
use super::{Broker, Done};
use crate::ids::{LogName, Offset, PartitionId};
use crate::log::compaction::{Dirt, KEYS_MAX, Rules, compact};
use crate::log::{Log, LogError, Segment, Slice as _, SliceOf, Storage, StorageError, read_all, read_range};
use crate::observe::{Event, PullEvent};
use crate::record::Batches;
use crate::time::{Span, Time};

/// What happens to old messages. Kafka: `cleanup.policy`.
///
/// ```
/// use mqlab_core::broker::CleanupPolicy;
/// let both: CleanupPolicy = serde_json::from_str(r#""compact_and_delete""#)?;
/// assert!(both.compacts() && both.deletes());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CleanupPolicy {
    /// They go, by the topic's retention.
    #[default]
    Delete,
    /// The last of each key stays, and what it supersedes goes.
    Compact,
    /// Both.
    CompactAndDelete,
}

impl Cleanup {
    /// How the cluster's own topics are cleaned, in segments of so many bytes.
    pub(super) fn internal(segment_bytes: u64) -> Self {
        Self { policy: CleanupPolicy::Compact, segment_bytes, ..Self::default() }
    }
}

impl CleanupPolicy {
    /// Whether only the last of each key stays.
    pub const fn compacts(self) -> bool {
        matches!(self, Self::Compact | Self::CompactAndDelete)
    }

    /// Whether retention counts.
    pub const fn deletes(self) -> bool {
        matches!(self, Self::Delete | Self::CompactAndDelete)
    }
}

/// How a topic is cleaned. All but the policy matters to one that is compacted.
///
/// ```
/// use mqlab_core::broker::{Cleanup, CleanupPolicy};
/// let table: Cleanup = serde_json::from_str(r#"{ "policy": "compact", "segment_bytes": 1000 }"#)?;
/// assert_eq!((table.policy, table.dirty_per_mille), (CleanupPolicy::Compact, 500));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cleanup {
    /// What goes.
    pub policy: CleanupPolicy,
    /// A log is cleaned when more than so much of a thousand is dirty, of what can be cleaned.
    /// Kafka: a half, too (`min.cleanable.dirty.ratio`).
    pub dirty_per_mille: u16,
    /// So long every message stays, superseded or not. Kafka: 0, too (`min.compaction.lag.ms`).
    pub lag_min: Span,
    /// A message that waited for longer has its log cleaned, however little is dirty; none waits for ever without. Kafka:
    /// without, too (`max.compaction.lag.ms`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag_max: Option<Span>,
    /// So long a tombstone stays when it is clean. Kafka: a day, too (`delete.retention.ms`).
    pub tombstone_retention: Span,
    /// A segment is sealed before it grows past so many bytes. Kafka: 1 GiB (`segment.bytes`).
    pub segment_bytes: u64,
}

impl Default for Cleanup {
    fn default() -> Self {
        Self {
            policy: CleanupPolicy::Delete,
            dirty_per_mille: 500,
            lag_min: Span::ZERO,
            lag_max: None,
            tombstone_retention: Span::from_millis(24 * 60 * 60 * 1_000),
            segment_bytes: 4 * 1024,
        }
    }
}

/// What a broker knows of a log that it compacts.
#[derive(Clone, Debug)]
pub(super) struct Cleaner<L> {
    cleanup: Cleanup,
    /// Everything below was cleaned.
    clean_until: Checkpoint<L>,
    /// How many bytes the active segment has.
    active_bytes: u64,
    /// Whether there is a segment before it.
    is_sealed: bool,
}

impl<L: Log> Cleaner<L> {
    /// Gives back where it is kept how far the log is clean.
    pub(super) fn close<S: Storage<Log = L>>(
        self,
        storage: &mut S,
        partition: &PartitionId,
    ) -> Result<(), StorageError<S>> {
        self.clean_until.close(storage, &LogName::Clean(partition.clone()))
    }

    /// The log in which it is kept how far all is clean.
    pub(super) fn log_mut(&mut self) -> &mut L {
        self.clean_until.log_mut()
    }

    /// Whether the active segment is full: a batch of so many bytes goes into the next.
    fn must_roll(&self, bytes: u64) -> bool {
        self.active_bytes > 0 && self.active_bytes + bytes > self.cleanup.segment_bytes
    }
}

/// A span as records count it.
fn millis(span: Span) -> i64 {
    (span.0 / 1_000) as i64
}

/// A moment as records have it, so much earlier.
fn millis_before(now: Time, by: Span) -> i64 {
    now.as_millis() as i64 - millis(by)
}

impl<L: Log> Replica<L> {
    /// Begins to compact, or changes how; without is never.
    pub(super) fn compact_by<S: Storage<Log = L>>(
        &mut self,
        cleanup: Option<Cleanup>,
        storage: &mut S,
    ) -> Result<(), LogError<L::Error>> {
        let cleanup = cleanup.filter(|cleanup| cleanup.policy.compacts());
        match (cleanup, self.cleaner.take()) {
            (None, None) => {}
            (None, Some(cleaner)) => cleaner.close(storage, &self.partition).map_err(LogError::Storage)?,
            (Some(cleanup), Some(cleaner)) => self.cleaner = Some(Cleaner { cleanup, ..cleaner }),
            (Some(cleanup), None) => {
                let clean_until = Checkpoint::open(storage, &LogName::Clean(self.partition.clone()))?;
                self.cleaner = Some(Cleaner { cleanup, clean_until, active_bytes: 0, is_sealed: false });
                self.look_at_active()?;
            }
        }
        Ok(())
    }

    /// Whether somebody is to look from time to time if it must be cleaned.
    pub(super) fn is_looked_after(&self) -> bool {
        // The cluster's own logs are short in most runs: nobody is woken for them.
        self.cleaner.as_ref().is_some_and(|cleaner| cleaner.is_sealed || !self.is_internal())
    }

    /// Whether it leads a table, in which some of these records have no place.
    pub(super) fn lacks_a_key(&self, batches: &Batches) -> bool {
        let leads_table = self.cleaner.is_some() && matches!(self.role, Role::Leader(_));
        leads_table && batches.records().any(|record| record.key.is_none())
    }

    /// Adds batches to the log; where it is compacted, in segments of their size.
    pub(super) fn append_in_segments(&mut self, batches: &Batches) -> Result<(), LogError<L::Error>> {
        let Some(cleaner) = &mut self.cleaner else { return self.log.append(batches) };
        for batch in batches.iter() {
            let bytes = batch.bytes().len() as u64;
            if cleaner.must_roll(bytes) {
                self.log.roll()?;
                (cleaner.active_bytes, cleaner.is_sealed) = (0, true);
            }
            self.log.append(&batch.into())?;
            cleaner.active_bytes += bytes;
        }
        Ok(())
    }

    /// The log was opened or cut: another segment may be the active one now, and what was clean may be gone.
    pub(super) fn look_at_active(&mut self) -> Result<(), LogError<L::Error>> {
        let Some(cleaner) = &mut self.cleaner else { return Ok(()) };
        let segments = self.log.segments();
        cleaner.active_bytes = segments.last().map_or(0, |segment| segment.bytes);
        cleaner.is_sealed = segments.len() > 1;
        cleaner.clean_until.lower(self.log.end())
    }

    /// What is at or after this may yet be cut off, or is part of a transaction that is not decided: it is not cleaned.
    fn stable_end(&self) -> Offset {
        self.last_stable()
    }

    /// What is to be cleaned now, if anything is.
    fn dirt(&mut self, now: Time) -> Result<Option<Dirt>, LogError<L::Error>> {
        let Some(cleaner) = &self.cleaner else { return Ok(None) };
        let (cleanup, clean_until) = (cleaner.cleanup, cleaner.clean_until.value());
        self.seal_what_waits(now, &cleanup)?;
        let mut limit = self.stable_end();
        let mut is_overdue = false;
        let segments = self.log.segments();
        let sealed = segments.split_last().map_or(&[][..], |(_, sealed)| sealed);
        for segment in sealed.iter().filter(|segment| segment.end > clean_until && segment.end <= limit) {
            if cleanup.lag_min > Span::ZERO
                && self.youngest(segment)? > Some(millis_before(now, cleanup.lag_min))
            {
                limit = segment.base;
                break;
            }
            is_overdue |= self.waits_for_too_long(segment, now, &cleanup)?;
        }
        let dirt = Dirt::of(&self.log, clean_until, limit);
        Ok(dirt.filter(|dirt| is_overdue || dirt.is_above(cleanup.dirty_per_mille)))
    }

    /// A segment is sealed, however small, when its first record has waited for too long. (Kafka does so at the next
    /// append; here a log to which nobody writes any more is cleaned, too.)
    fn seal_what_waits(&mut self, now: Time, cleanup: &Cleanup) -> Result<(), LogError<L::Error>> {
        let Some(active) = self.log.segments().last().copied().filter(|active| active.bytes > 0) else {
            return Ok(());
        };
        if self.waits_for_too_long(&active, now, cleanup)? {
            self.log.roll()?;
            self.look_at_active()?;
        }
        Ok(())
    }

    fn waits_for_too_long(
        &self,
        segment: &Segment,
        now: Time,
        cleanup: &Cleanup,
    ) -> Result<bool, LogError<L::Error>> {
        let Some(lag_max) = cleanup.lag_max else { return Ok(false) };
        let first = self.log.read(segment.base, segment.end, 1)?.load()?;
        let oldest = first.iter().next().map(|batch| batch.max_timestamp());
        Ok(oldest.is_some_and(|oldest| oldest < millis_before(now, lag_max)))
    }

    /// The time of a segment's youngest record.
    fn youngest(&self, segment: &Segment) -> Result<Option<i64>, LogError<L::Error>> {
        let mut youngest = None;
        read_range(&self.log, segment.base, segment.end, |batches| {
            youngest = youngest.max(batches.iter().map(|batch| batch.max_timestamp()).max());
        })?;
        Ok(youngest)
    }

    /// Makes a pass.
    fn clean(&mut self, now: Time, dirt: Dirt, out: &mut Out<L::Slice>) -> Result<(), LogError<L::Error>> {
        // A transaction that is decided below the last stable offset may have its marker above: another began in between.
        let decided = self.high_watermark;
        let Some(cleaner) = &mut self.cleaner else { return Ok(()) };
        let rules = Rules {
            now: now.as_millis() as i64,
            tombstone_retention: millis(cleaner.cleanup.tombstone_retention),
            segment_bytes: cleaner.cleanup.segment_bytes,
            keys_max: KEYS_MAX,
        };
        let producers = &self.producers;
        let done = compact(&mut self.log, dirt, rules, decided, |batch| producers.remembers(batch))?;
        cleaner.clean_until.set(done.until)?;
        if let Some(kept) = &mut self.kept {
            kept.forget();
            read_all(&self.log, |batches| kept.learn(batches))?;
        }
        if done.records > 0 && !self.is_internal() {
            out.event(Event::Pull(PullEvent::Compacted {
                partition: self.partition.clone(),
                below: done.until,
                messages: done.messages.into_iter().collect(),
                tombstones: done.tombstones,
                bytes: done.bytes,
            }));
        }
        Ok(())
    }
}

impl<S: Storage> Broker<S> {
    /// Looks whether logs are to be cleaned, when it is time: the dirtiest first.
    pub(super) fn clean_if_due(&mut self, now: Time, out: &mut Out<SliceOf<S>>) -> Done<S> {
        if self.next_clean().is_none_or(|at| at > now) {
            return Ok(());
        }
        self.next_clean = now + self.settings.cleaner_interval;
        let mut dirty: Vec<(PartitionId, Dirt)> = Vec::new();
        for replica in self.replicas.iter_mut() {
            dirty.extend(replica.dirt(now)?.map(|dirt| (replica.partition.clone(), dirt)));
        }
        dirty.sort_by_key(|(_, dirt)| core::cmp::Reverse(dirt.per_mille()));
        for (partition, dirt) in dirty {
            if let Some(replica) = self.replicas.get_mut(&partition) {
                replica.clean(now, dirt, out)?;
            }
        }
        self.replicas.take_note_of_all();
        Ok(())
    }

    /// When it looks again, if any log is compacted.
    pub(super) fn next_clean(&self) -> Option<Time> {
        self.replicas.any_compacted().then_some(self.next_clean)
    }
}
