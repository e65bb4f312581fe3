//! How does a log become a table? Of each key only the last record stays, where it was.
//!
//! ```text
//!            sealed                                    active
//!   offset   0    1    2    3    4    5   ┆ until      6
//!          ┌────┬────┬────┬────┬────┬────┬┄┄┄┄┄┄┄┄┄┄┬────┐
//!          │k1=a│k2=b│k1=c│k3=d│k2=∅│k3=e│          │k1=z│        map of the dirty part: k1→2 k2→4 k3→5
//!          └────┴────┴────┴────┴────┴────┴┄┄┄┄┄┄┄┄┄┄┴────┘
//!   a pass           │k1=c│    │k2=∅│k3=e│          │k1=z│        ∅ is a tombstone: "there is no k2 any more"
//!   after a day      │k1=c│         │k3=e│          │k1=z│        everybody has had a day to read it
//! ```
//!
//! Whoever reads the log from its start has each key's last value at the end, as if nothing had been removed. Offsets
//! never change and order stays; a read in a gap goes on after it.
//!
//! A **pass** reads what was never cleaned (the dirty part), notes where each key stands there last, and writes all sealed
//! segments before its end anew, without what those keys supersede. How much is dirty decides when it is worth it: a log
//! that is half dirty is written once for each byte that came. A **tombstone** cannot go at once: a reader that has the
//! old value must come by it. So the first pass that sees it writes into its batch from when on it may go, and only a
//! later pass takes it away. A reader that is slower than that keeps a key which is no more.
//!
//! A batch all of whose records are gone stays as a header where something is known from it alone:
//!
//! | it is | because |
//! |---|---|
//! | the last of its segment | a segment says by itself where it ends |
//! | the first of its leader's epoch | logs that part find by epochs where they parted ([`Epochs`](super::Epochs)) |
//! | remembered of its producer | what the producer sends again is known by its numbers |
//!
//! What real systems do: this is Kafka's cleaner. It keeps epochs, producers' states and how far it cleaned in files
//! beside the log, so it needs fewer of such headers; here a log that is read from its start tells everything. Its map of
//! keys has a fixed size (128 MiB for all), by the keys' MD5. Pulsar compacts into a second log beside the first;
//! RocketMQ's compaction topics do what Kafka's do.
//!
//! Source: Kafka `LogCleaner.scala`, `LogCleanerManager.scala`, `MemoryRecords.java#filterTo`.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::fates::{Fates, Open};
use super::{Log, LogError, Segment, read_range};
use crate::ids::{Epoch, MessageId, Offset};
use crate::record::{Batch, Batches, Record};

/// How many keys a pass knows at most, unless it is told otherwise. What has more is cleaned by several.
pub const KEYS_MAX: usize = 1_000_000;
/// How many offsets the segments have at most that a pass writes as one: as many as 31 bits can tell apart.
const OFFSETS_MAX: u64 = i32::MAX as u64;

/// How a pass cleans.
///
/// ```
/// use mqlab_core::log::compaction::{KEYS_MAX, Rules};
/// let rules = Rules { now: 1_000, tombstone_retention: 500, ..Rules::default() };
/// assert_eq!(rules.keys_max, KEYS_MAX); // a tombstone that it sees first may go from 1,500 on
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The time, in milliseconds, as records have it.
    pub now: i64,
    /// For how many milliseconds a tombstone stays that was clean.
    pub tombstone_retention: i64,
    /// Segments are written as one as long as they had no more bytes together.
    pub segment_bytes: u64,
    /// How many keys the pass knows at most; at least one.
    pub keys_max: usize,
}

impl Default for Rules {
    /// A day, and segments as they are.
    fn default() -> Self {
        Self { now: 0, tombstone_retention: 24 * 60 * 60 * 1_000, segment_bytes: 0, keys_max: KEYS_MAX }
    }
}

/// What of a log can be cleaned.
///
/// ```
/// use mqlab_core::ids::Offset;
/// use mqlab_core::log::compaction::Dirt;
/// use mqlab_core::log::contract::batch;
/// use mqlab_core::log::memory::MemoryLog;
/// use mqlab_core::log::Log;
/// let mut log = MemoryLog::default();
/// log.append(&batch(0, 3))?;
/// assert!(Dirt::of(&log, Offset(0), Offset(3)).is_none()); // it is all in the active segment
/// log.roll()?;
/// let dirt = Dirt::of(&log, Offset(0), Offset(3)).ok_or("sealed")?;
/// assert_eq!((dirt.until, dirt.is_above(500)), (Offset(3), true));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dirt {
    /// Everything below was cleaned before.
    pub from: Offset,
    /// From here on nothing is cleaned: here a segment ends.
    pub until: Offset,
    /// How many bytes below `until` were cleaned before.
    pub clean_bytes: u64,
    /// How many were not.
    pub dirty_bytes: u64,
}

impl Dirt {
    /// What can be cleaned of a log that is clean below `clean_until`, in segments that end at or below `limit`. `None`
    /// when nothing is.
    pub fn of<L: Log>(log: &L, clean_until: Offset, limit: Offset) -> Option<Self> {
        let segments = log.segments();
        let (_, sealed) = segments.split_last()?;
        let from = clean_until.max(log.start());
        let below = sealed.iter().take_while(|segment| segment.end <= limit);
        let mut dirt = Self { from, until: from, clean_bytes: 0, dirty_bytes: 0 };
        for segment in below {
            if segment.end > from {
                dirt.dirty_bytes += segment.bytes;
                dirt.until = segment.end;
            } else {
                dirt.clean_bytes += segment.bytes;
            }
        }
        (dirt.dirty_bytes > 0).then_some(dirt)
    }

    /// How much of it is dirty, of a thousand.
    pub fn per_mille(&self) -> u64 {
        let all = u128::from(self.clean_bytes) + u128::from(self.dirty_bytes);
        (u128::from(self.dirty_bytes) * 1_000).checked_div(all).unwrap_or(0) as u64
    }

    /// Whether more than `per_mille` of a thousand bytes are dirty.
    pub fn is_above(&self, per_mille: u16) -> bool {
        let all = u128::from(self.clean_bytes) + u128::from(self.dirty_bytes);
        u128::from(self.dirty_bytes) * 1_000 > all * u128::from(per_mille)
    }
}

/// What a pass did.
///
/// ```
/// use mqlab_core::log::compaction::Compacted;
/// assert_eq!(Compacted::default().records, 0);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Everything below is clean now.
    pub until: Offset,
    /// How many records were removed.
    pub records: u64,
    /// How many of them were tombstones whose time is over.
    pub tombstones: u64,
    /// How many bytes the log has less.
    pub bytes: u64,
    /// The messages that are in what was cleaned no more.
    pub messages: BTreeSet<MessageId>,
}

/// Cleans a log: one pass over `dirt`. Every transaction with data in it ends with a marker below `decided`, and what stands
/// below `decided` is not cut off any more; `needs` says of which batches the header must stay.
///
/// ```
/// use mqlab_core::ids::Offset;
/// use mqlab_core::log::compaction::{Dirt, Rules, compact};
/// use mqlab_core::log::contract::batch;
/// use mqlab_core::log::memory::MemoryLog;
/// use mqlab_core::log::{Log, Slice};
/// let mut log = MemoryLog::default();
/// log.append(&batch(0, 3))?; // three records of the same key
/// log.roll()?;
/// let dirt = Dirt::of(&log, Offset(0), log.end()).ok_or("sealed")?;
/// let done = compact(&mut log, dirt, Rules::default(), Offset(3), |_| false)?;
/// assert_eq!((done.until, done.records), (Offset(3), 2));
/// let left = log.read(Offset(0), log.end(), u32::MAX)?.load()?;
/// assert_eq!(left.records().map(|record| record.offset).collect::<Vec<_>>(), [Offset(2)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// As for [`Log::replace`] and [`Log::read`]. What was written until then stays: it is clean, and the rest as it was.
pub fn compact<L: Log>(
    log: &mut L,
    dirt: Dirt,
    rules: Rules,
    decided: Offset,
    needs: impl Fn(&Batch) -> bool,
) -> Result<Compacted, LogError<L::Error>> {
    // Also what is clean is written anew, and its transactions ended before the dirt begins.
    let fates = Fates::read(log, log.start(), decided.max(dirt.until))?;
    let latest = Latest::read(log, dirt, &fates, rules.keys_max)?;
    let until = latest.until;
    let mut pass = Pass {
        rules,
        latest,
        fates,
        needs,
        open: Open::default(),
        epoch: None,
        done: Compacted { until, ..Compacted::default() },
    };
    let sealed: Vec<Segment> =
        log.segments().into_iter().take_while(|segment| segment.end <= dirt.until).collect();
    for group in groups(&sealed, until, rules.segment_bytes) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        let mut kept = Vec::new();
        let (mut before, mut changed) = (0, group.len() > 1);
        read_range(log, first.base, last.end, |batches| {
            for batch in batches.iter() {
                before += batch.bytes().len() as u64;
                let left = pass.clean(&batch, last.end);
                changed |= left.as_ref() != Some(&batch);
                kept.extend(left);
            }
        })?;
        if changed {
            let kept = Batches::joined(&kept);
            log.replace(first.base, last.end, &kept)?;
            pass.done.bytes += before.saturating_sub(kept.bytes().len() as u64);
        }
    }
    Ok(pass.done)
}

/// Segments that follow each other and are written as one, as far as they begin below `until`.
fn groups(sealed: &[Segment], until: Offset, bytes_max: u64) -> Vec<&[Segment]> {
    let below = &sealed[..sealed.partition_point(|segment| segment.base < until)];
    let mut groups = Vec::new();
    let mut from = 0;
    while from < below.len() {
        let (mut to, mut bytes) = (from + 1, below[from].bytes);
        while let Some(next) = below.get(to)
            && bytes + next.bytes <= bytes_max
            && next.end.0 - below[from].base.0 <= OFFSETS_MAX
        {
            bytes += next.bytes;
            to += 1;
        }
        groups.push(&below[from..to]);
        from = to;
    }
    groups
}

/// Where each key stands last in the dirty part of a log.
struct Latest {
    keys: BTreeMap<Vec<u8>, Offset>,
    /// Of what is at or after this it knows nothing.
    until: Offset,
}

impl Latest {
    fn read<L: Log>(log: &L, dirt: Dirt, fates: &Fates, most: usize) -> Result<Self, LogError<L::Error>> {
        let mut latest = Self { keys: BTreeMap::new(), until: dirt.until };
        read_range(log, dirt.from, dirt.until, |batches| {
            for batch in batches.iter().filter(|batch| !batch.is_control() && !fates.is_aborted(batch)) {
                for record in batch.records().filter(|record| record.offset >= dirt.from) {
                    latest.learn(&record, most.max(1));
                }
            }
        })?;
        Ok(latest)
    }

    /// A key for which there is no room ends what the map knows.
    fn learn(&mut self, record: &Record, most: usize) {
        let Some(key) = record.key.as_ref().filter(|_| record.offset < self.until) else { return };
        if let Some(offset) = self.keys.get_mut(&key[..]) {
            *offset = record.offset;
        } else if self.keys.len() < most {
            self.keys.insert(key.to_vec(), record.offset);
        } else {
            self.until = record.offset;
        }
    }

    /// Whether a later record has the same key, or the record has none.
    fn supersedes(&self, record: &Record) -> bool {
        let later = |key: &bytes::Bytes| self.keys.get(&key[..]).is_some_and(|last| *last > record.offset);
        record.offset < self.until && record.key.as_ref().is_none_or(later)
    }
}

/// A pass that is under way.
struct Pass<N> {
    rules: Rules,
    latest: Latest,
    fates: Fates,
    needs: N,
    open: Open,
    /// The epoch of the batch before.
    epoch: Option<Epoch>,
    done: Compacted,
}

impl<N: Fn(&Batch) -> bool> Pass<N> {
    /// What is left of a batch of a segment that ends at `end`.
    fn clean(&mut self, batch: &Batch, end: Offset) -> Option<Batch> {
        let begins_epoch = core::mem::replace(&mut self.epoch, batch.epoch()) != batch.epoch();
        let marker_may_go = self.open.sees(batch);
        if batch.base() >= self.latest.until {
            return Some(batch.clone());
        }
        let over = batch.delete_horizon().is_some_and(|horizon| horizon <= self.rules.now);
        let aborted = self.fates.is_aborted(batch);
        let (mut tombstones_stay, mut stays) = (false, BTreeSet::new());
        for record in batch.records() {
            let superseded = !batch.is_control() && self.latest.supersedes(&record);
            let expired = match batch.is_control() {
                true => over && marker_may_go,
                false => over && record.value.is_none() && record.offset < self.latest.until,
            };
            if aborted || superseded || expired {
                self.done.records += 1;
                self.done.tombstones += u64::from(expired && !superseded && !batch.is_control());
                self.done.messages.extend(record.message_id());
                continue;
            }
            tombstones_stay |= record.value.is_none();
            stays.insert(record.offset);
            if let Some(again) = record.message_id() {
                self.done.messages.remove(&again); // it was stored twice, and is still there
            }
        }
        let header_stays = batch.next() == end || begins_epoch || (self.needs)(batch);
        if stays.is_empty() && !header_stays {
            return None;
        }
        let waits = if batch.is_control() { marker_may_go } else { tombstones_stay };
        let is_clean = batch.next() <= self.latest.until && !stays.is_empty();
        let horizon = (waits && is_clean && batch.delete_horizon().is_none())
            .then(|| self.rules.now.saturating_add(self.rules.tombstone_retention));
        Some(batch.retaining(|record| stays.contains(&record.offset), horizon))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Slice as _;
    use crate::log::memory::MemoryLog;
    use crate::record::{BatchBuilder, Marker, NewRecord, Producer};

    /// Seals a log with these batches, compacts it, and says what the pass did and what is left.
    fn compacted(batches: &[Batches]) -> (Compacted, Batches) {
        let mut log = MemoryLog::default();
        for batch in batches {
            log.append(&batch.stamped(log.end(), Epoch(1))).expect("in order");
        }
        log.roll().expect("memory rolls");
        let dirt = Dirt::of(&log, Offset(0), log.end()).expect("it is sealed");
        let decided = log.end();
        let done = compact(&mut log, dirt, Rules::default(), decided, |_| false).expect("memory cleans");
        let left = log.read(Offset(0), log.end(), u32::MAX).expect("in range").load().expect("memory loads");
        (done, left)
    }

    fn data(builder: BatchBuilder, key: &'static [u8], id: u64) -> Batches {
        let mut builder = builder;
        let record = NewRecord { key: Some(key.into()), value: Some("v".into()), ..NewRecord::default() };
        builder.push(&record.with_id(MessageId(id))).expect("a small record");
        builder.build()
    }

    #[test]
    fn a_marker_is_no_record_of_a_table_whatever_its_key() {
        // A marker's key is a version and a type, as bytes: a client may have the same for a key.
        let key = &[0, 0, 0, 1];
        let of = BatchBuilder::of(Producer { id: 9, epoch: 0, sequence: 0 }).transactional();
        let end = Marker { producer: 9, epoch: 0, coordinator: Epoch(1), commit: true }.build(0);
        let (done, left) = compacted(&[
            data(of, b"a", 1),
            end,
            data(BatchBuilder::new(), key, 2),
            data(BatchBuilder::new(), key, 3),
        ]);
        assert_eq!((done.records, done.messages), (1, [MessageId(2)].into()));
        let counts = left.iter().map(|batch| (batch.base().0, batch.is_control(), batch.count()));
        assert_eq!(counts.collect::<Vec<_>>(), [(0, false, 1), (1, true, 1), (3, false, 1)]);
    }

    #[test]
    fn what_an_earlier_pass_found_committed_does_not_go_with_a_later_abort() {
        let mut log = MemoryLog::default();
        let mut clean_until = Offset(0);
        for (key, id, commit) in [(b"a", 1, true), (b"b", 2, false), (b"c", 3, true)] {
            let of = BatchBuilder::of(Producer { id: 9, epoch: 0, sequence: 0 }).transactional();
            let marker = Marker { producer: 9, epoch: 0, coordinator: Epoch(1), commit };
            for batch in [data(of, key, id), marker.build(0)] {
                log.append(&batch.stamped(log.end(), Epoch(1))).expect("in order");
            }
            log.roll().expect("memory rolls");
            let dirt = Dirt::of(&log, clean_until, log.end()).expect("it is sealed");
            let decided = log.end();
            let done = compact(&mut log, dirt, Rules::default(), decided, |_| false).expect("memory cleans");
            clean_until = done.until;
        }
        let left = log.read(Offset(0), log.end(), u32::MAX).expect("in range").load().expect("memory loads");
        assert_eq!(left.message_ids().collect::<Vec<_>>(), [MessageId(1), MessageId(3)]);
    }

    #[test]
    fn a_message_that_was_stored_twice_is_not_gone_with_its_first_copy() {
        let plain = |key, id| data(BatchBuilder::new(), key, id);
        let (done, left) = compacted(&[plain(b"a", 1), plain(b"b", 2), plain(b"a", 1), plain(b"b", 3)]);
        assert_eq!((done.records, done.messages), (2, [MessageId(2)].into()));
        assert_eq!(left.message_ids().collect::<Vec<_>>(), [MessageId(1), MessageId(3)]);
    }
}
