//! A log that is compacted, next to a plain list of everything that it should hold.
//!
//! The list knows the rules in their plainest words, and works in squares: a record goes if a later one has its key. What
//! it must never contradict: whoever reads the log from its start has the table that was written.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use bytes::Bytes;

use super::{log_name, open, records};
use crate::ids::{Epoch, Offset};
use crate::log::compaction::{Compacted, Dirt, Rules, compact};
use crate::log::{Epochs, Log, Storage, read_all};
use crate::record::{Batch, BatchBuilder, Batches, NewRecord, Producer, Record};
use crate::rng::{Rng, Stream};

/// How many operations a run has.
const OPERATIONS: usize = 150;
/// How many keys there are.
const KEYS: u64 = 6;
/// For how long tombstones stay: as long as so many operations take.
const RETENTION: i64 = 12;

/// A record, and the batch in which it came.
#[derive(Clone, Debug)]
struct Row {
    record: Record,
    batch: (u64, u64),
}

/// What should be there.
#[derive(Debug, Default)]
struct Plain {
    rows: Vec<Row>,
    /// From when on the tombstones of a batch may go.
    horizons: BTreeMap<u64, i64>,
    /// Everything that was ever written and not cut off.
    written: Vec<Record>,
    epochs: Epochs,
    /// The batches of which the header must stay.
    needed: BTreeSet<u64>,
    clean_until: u64,
    committed: u64,
    trimmed: bool,
}

impl Plain {
    fn append(&mut self, batches: &Batches) {
        self.epochs.learn(batches);
        for batch in batches.iter() {
            let place = (batch.base().0, batch.next().0);
            self.needed.extend(is_needed(&batch).then_some(place.0));
            self.rows.extend(batch.records().map(|record| Row { record, batch: place }));
            self.written.extend(batch.records());
        }
    }

    /// Everything from `end` on is gone.
    fn cut(&mut self, end: Offset) {
        self.rows.retain(|row| row.record.offset < end);
        self.written.retain(|record| record.offset < end);
        self.needed.retain(|base| *base < end.0);
        self.epochs.truncate(end);
    }

    /// A pass over what is dirty below `until`, with a map of so many keys; says what it should have done.
    fn clean(&mut self, mut until: u64, now: i64, keys_max: usize) -> (u64, u64, u64) {
        let dirty = self.rows.iter().filter(|row| row.record.offset.0 >= self.clean_until);
        let mut seen = BTreeSet::new();
        for Row { record, .. } in dirty.filter(|row| row.record.offset.0 < until) {
            seen.insert(record.key.clone());
            if seen.len() > keys_max {
                until = record.offset.0;
                break;
            }
        }
        let old = self.rows.clone();
        let is_superseded = |record: &Record| {
            old.iter().any(|Row { record: later, .. }| {
                let in_map = later.offset.0 >= self.clean_until && later.offset.0 < until;
                in_map && later.offset > record.offset && later.key == record.key
            })
        };
        let (mut superseded, mut expired) = (0, 0);
        let horizons = &self.horizons;
        self.rows.retain(|Row { record, batch }| {
            let over = record.value.is_none() && horizons.get(&batch.0).is_some_and(|at| *at <= now);
            let gone = is_superseded(record);
            superseded += u64::from(gone);
            expired += u64::from(over && !gone && record.offset.0 < until);
            !gone && (!over || record.offset.0 >= until)
        });
        for Row { record, batch } in &self.rows {
            if record.value.is_none() && batch.1 <= until {
                self.horizons.entry(batch.0).or_insert(now + RETENTION);
            }
        }
        self.clean_until = until;
        (until, superseded + expired, expired)
    }

    fn agrees<L: Log>(&self, log: &L, seed: u64) {
        let found = records(log, log.start());
        let rows: Vec<Record> = self.rows.iter().map(|row| row.record.clone()).collect();
        assert_eq!(found, rows, "seed {seed}: log and list differ");
        if self.trimmed {
            return;
        }
        assert_eq!(table(&found), table(&self.written), "seed {seed}: the table is another one");
        let (mut epochs, mut bases) = (Epochs::default(), BTreeSet::new());
        read_all(log, |batches| {
            epochs.learn(batches);
            bases.extend(batches.iter().map(|batch| batch.base().0));
        })
        .expect("it can be read");
        assert_eq!(epochs, self.epochs, "seed {seed}: epochs begin elsewhere");
        assert!(self.needed.is_subset(&bases), "seed {seed}: a header that is needed is gone");
    }
}

/// The last value of each key that has one.
fn table(records: &[Record]) -> BTreeMap<Option<Bytes>, Option<Bytes>> {
    let mut table: BTreeMap<_, _> =
        records.iter().map(|record| (record.key.clone(), record.value.clone())).collect();
    table.retain(|_, value| value.is_some());
    table
}

/// Stands for "remembered of its producer".
fn is_needed(batch: &Batch) -> bool {
    batch.producer().sequence % 4 == 0
}

fn run_of(rng: &mut Rng, mut base: u64, epoch: Epoch, time: i64) -> Batches {
    let mut all = Vec::new();
    for _ in 0..rng.between(1, 3) {
        base += rng.below(8) / 7;
        let sequence = rng.below(1_000) as i32;
        let mut builder = BatchBuilder::of(Producer { id: 1, epoch: 0, sequence });
        let count = rng.between(1, 4);
        for number in 0..count {
            let key = alloc::format!("k{}", rng.below(KEYS)).into_bytes();
            let value = alloc::format!("value {}", base + number).into_bytes();
            let value = (rng.below(4) > 0).then(|| value.into());
            let new =
                NewRecord { timestamp: time, key: Some(key.into()), value, headers: Default::default() };
            builder.push(&new).expect("a small record");
        }
        all.extend(builder.build().stamped(Offset(base), epoch).iter());
        base += count;
    }
    Batches::joined(&all)
}

/// Random operations on a log that is compacted, and on the list.
pub(super) fn agrees_with_a_plain_table<S: Storage>(
    mut storage: S,
    restart: &mut impl FnMut(S) -> S,
    seed: u64,
) {
    let mut rng = Rng::new(seed, Stream::Workload);
    let mut log = open(&mut storage);
    let (mut plain, mut epoch) = (Plain::default(), Epoch(0));
    for now in 0..OPERATIONS as i64 {
        let end = log.end();
        match rng.below(20) {
            0..=9 => {
                let run = run_of(&mut rng, end.0, epoch, now);
                log.append(&run).expect("in order");
                plain.append(&run);
            }
            10 | 11 => log.roll().expect("rolls"),
            12 => plain.committed = rng.between(plain.committed, end.0),
            13 => epoch = Epoch(epoch.0 + 1),
            14 => {
                log.truncate(Offset(rng.between(plain.committed, end.0))).expect("in range");
                plain.cut(log.end());
                plain.committed = plain.committed.min(log.end().0);
            }
            15 if seed.is_multiple_of(3) => {
                log.trim(Offset(rng.between(0, plain.committed))).expect("in range");
                let start = log.start();
                plain.trimmed |= start > Offset::ZERO;
                plain.rows.retain(|row| row.record.offset >= start);
            }
            16 => {
                storage.close(&log_name(0), log).expect("closes");
                storage = restart(storage);
                log = open(&mut storage);
                // It is kept how far it was cleaned, or not, or as it was before: that costs work and nothing else.
                plain.clean_until = rng.below(plain.clean_until + 1);
            }
            _ => {
                let Some(dirt) = Dirt::of(&log, Offset(plain.clean_until), Offset(plain.committed)) else {
                    continue;
                };
                let keys_max = rng.between(1, KEYS + 2) as usize;
                let rules =
                    Rules { now, tombstone_retention: RETENTION, segment_bytes: rng.below(600), keys_max };
                plain.clean_until = plain.clean_until.max(log.start().0);
                let before: Vec<u64> = log.segments().iter().map(|segment| segment.bytes).collect();
                let done =
                    compact(&mut log, dirt, rules, Offset(plain.committed), is_needed).expect("cleans");
                let Compacted { until, records, tombstones, bytes, .. } = done;
                let after: Vec<u64> = log.segments().iter().map(|segment| segment.bytes).collect();
                let sum = |sizes: &[u64]| sizes.iter().sum::<u64>();
                // A batch that gets a horizon may grow a little: its times count from there.
                let grown = (sum(&after) + bytes).checked_sub(sum(&before));
                assert!(
                    grown.is_some() && bytes <= sum(&before),
                    "seed {seed}: how much smaller it says that it is"
                );
                let most = before.iter().copied().max().max(Some(rules.segment_bytes)).unwrap_or(0);
                let largest = after.into_iter().max().unwrap_or(0);
                assert!(
                    largest <= most + grown.unwrap_or(0),
                    "seed {seed}: segments were joined beyond their size"
                );
                let expected = plain.clean(dirt.until.0, now, keys_max);
                assert_eq!((until.0, records, tombstones), expected, "seed {seed}: what it says that it did");
            }
        }
        plain.agrees(&log, seed);
    }
}
