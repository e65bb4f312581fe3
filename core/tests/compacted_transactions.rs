//! A table that is written in transactions, cleaned again and again: next to a list of what became of each record.
//!
//! Whoever reads from the start what is committed must have the table that was committed, after any number of passes; and
//! whoever walks the log must find of each record that is left what became of it, by the next marker of its producer.

use std::collections::BTreeMap;

use bytes::Bytes;
use mqlab_core::broker::{
    Broker, Cleanup, CleanupPolicy, Input, Message, Out, PartitionState, Settings, View,
};
use mqlab_core::ids::{Epoch, LogName, Name, NodeId, Offset, PartitionId};
use mqlab_core::log::compaction::{Dirt, Rules, compact};
use mqlab_core::log::memory::{MemoryLog, MemoryStorage};
use mqlab_core::log::{Log, Slice as _, Storage as _};
use mqlab_core::observe::{Event, PullEvent};
use mqlab_core::record::{Batch, BatchBuilder, Batches, Marker, NewRecord, Producer};
use mqlab_core::rng::{Rng, Stream};
use mqlab_core::time::Time;

/// How many runs are tried.
const SEEDS: u64 = 400;
/// How many operations a run has.
const OPERATIONS: i64 = 120;
/// How many producers send in transactions.
const PRODUCERS: u64 = 3;
/// How many keys there are.
const KEYS: u64 = 5;

type Value = Option<Bytes>;

/// A record as it was written, and whether it counts: nobody knows while its transaction is open.
#[derive(Debug)]
struct Written {
    offset: u64,
    key: Bytes,
    value: Value,
    counts: Option<bool>,
}

struct Run {
    log: MemoryLog,
    written: Vec<Written>,
    /// Where the open transaction of each producer begins.
    open: BTreeMap<i64, u64>,
    clean_until: Offset,
    rng: Rng,
}

impl Run {
    fn append(&mut self, batches: &Batches) -> u64 {
        let base = self.log.end();
        self.log.append(&batches.stamped(base, Epoch(1))).expect("in order");
        base.0
    }

    fn write(&mut self, producer: Option<i64>) {
        let sequence = self.rng.below(1_000) as i32;
        let mut builder = match producer {
            Some(id) => BatchBuilder::of(Producer { id, epoch: 0, sequence }).transactional(),
            None => BatchBuilder::new(),
        };
        let mut records = Vec::new();
        for _ in 0..self.rng.between(1, 3) {
            let key = Bytes::from(format!("k{}", self.rng.below(KEYS)));
            let value =
                (self.rng.below(6) > 0).then(|| Bytes::from(format!("{}", self.rng.below(1_000_000))));
            let new = NewRecord { key: Some(key.clone()), value: value.clone(), ..NewRecord::default() };
            builder.push(&new).expect("a small record");
            records.push((key, value));
        }
        let base = self.append(&builder.build());
        if let Some(id) = producer {
            self.open.entry(id).or_insert(base);
        }
        let counts = producer.is_none().then_some(true);
        let rows = (base..).zip(records);
        self.written.extend(rows.map(|(offset, (key, value))| Written { offset, key, value, counts }));
    }

    /// Ends a producer's transaction. Its records are those since it began that are of no other.
    fn end(&mut self, producer: i64, commit: bool) {
        let Some(first) = self.open.remove(&producer) else { return };
        let mine: Vec<u64> = self
            .batches()
            .iter()
            .filter(|batch| !batch.is_control() && batch.producer().id == producer && batch.base().0 >= first)
            .flat_map(|batch| batch.records().map(|record| record.offset.0).collect::<Vec<_>>())
            .collect();
        for row in self.written.iter_mut().filter(|row| mine.contains(&row.offset)) {
            row.counts = Some(commit);
        }
        self.append(&Marker { producer, epoch: 0, coordinator: Epoch(1), commit }.build(0));
    }

    fn batches(&self) -> Vec<Batch> {
        let all = self.log.read(self.log.start(), self.log.end(), u32::MAX).expect("in range");
        all.load().expect("memory loads").iter().collect()
    }

    /// One pass, as far as everything is decided.
    fn clean(&mut self, now: i64) {
        let stable = Offset(self.open.values().copied().min().unwrap_or(self.log.end().0));
        let Some(dirt) = Dirt::of(&self.log, self.clean_until, stable) else { return };
        let rules = Rules {
            now,
            tombstone_retention: 10,
            segment_bytes: self.rng.below(800),
            keys_max: self.rng.between(1, KEYS + 2) as usize,
        };
        let decided = self.log.end();
        let done = compact(&mut self.log, dirt, rules, decided, |_| false).expect("memory cleans");
        self.clean_until = done.until;
    }

    fn check(&self, seed: u64) {
        let (batches, mut found) = (self.batches(), Vec::new());
        for (at, batch) in batches.iter().enumerate().filter(|(_, batch)| !batch.is_control()) {
            let marker = batches[at..].iter().find(|other| {
                other.is_control() && other.producer().id == batch.producer().id && batch.producer().id >= 0
            });
            let says = marker.and_then(Marker::of).map(|marker| marker.commit);
            for record in batch.records() {
                let row = self.written.iter().find(|row| row.offset == record.offset.0);
                let row = row.expect("nothing is invented");
                assert_eq!((Some(&row.key), &row.value), (record.key.as_ref(), &record.value), "seed {seed}");
                if batch.producer().id >= 0 {
                    assert_eq!(says, row.counts, "seed {seed}: the fate of {row:?} is another one");
                }
                found.push(row);
            }
        }
        let table = |rows: &[&Written]| -> BTreeMap<Bytes, Value> {
            let counts = rows.iter().filter(|row| row.counts == Some(true));
            let all: BTreeMap<_, _> = counts.map(|row| (row.key.clone(), row.value.clone())).collect();
            all.into_iter().filter(|(_, value)| value.is_some()).collect()
        };
        let all: Vec<&Written> = self.written.iter().collect();
        assert_eq!(table(&found), table(&all), "seed {seed}: the table is another one");
        let undecided = |rows: &[&Written]| rows.iter().filter(|row| row.counts.is_none()).count();
        assert_eq!(undecided(&found), undecided(&all), "seed {seed}: something undecided is gone");
    }
}

#[test]
fn the_table_is_what_was_committed_after_any_number_of_passes() {
    let mut removed = 0;
    for seed in 0..SEEDS {
        let (log, written, open) = Default::default();
        let rng = Rng::new(seed, Stream::Workload);
        let mut run = Run { log, written, open, clean_until: Offset::ZERO, rng };
        for now in 0..OPERATIONS {
            let producer = run.rng.below(PRODUCERS) as i64;
            match run.rng.below(12) {
                0..=4 => run.write(Some(producer)),
                5 => run.write(None),
                6 | 7 => {
                    let commit = run.rng.below(3) > 0;
                    run.end(producer, commit);
                }
                8 => run.log.roll().expect("memory rolls"),
                // How far it is clean may be forgotten, in part: that costs work and nothing else.
                9 => run.clean_until = Offset(run.rng.below(run.clean_until.0 + 1)),
                _ => {
                    run.clean(now);
                    run.check(seed);
                }
            }
        }
        let left: usize = run
            .batches()
            .iter()
            .filter(|batch| !batch.is_control())
            .map(|batch| batch.count() as usize)
            .sum();
        removed += run.written.len() - left;
    }
    assert!(removed > 1_000, "only {removed} records were ever removed");
}

/// One transaction is aborted while a later one is open: what is below the last stable offset is decided, and its marker
/// stands above.
#[test]
fn a_broker_knows_of_an_abort_though_its_marker_is_not_stable() {
    let data = |id: Option<i64>, key: &'static str, value: &'static str| {
        let of = id.map(|id| BatchBuilder::of(Producer { id, epoch: 0, sequence: 0 }).transactional());
        let mut builder = of.unwrap_or_default();
        let new = NewRecord { key: Some(key.into()), value: Some(value.into()), ..NewRecord::default() };
        builder.push(&new).expect("a small record");
        builder.build()
    };
    let abort = Marker { producer: 2, epoch: 0, coordinator: Epoch(1), commit: false }.build(0);
    let all = [data(None, "a", "kept"), data(Some(2), "a", "aborted"), data(Some(1), "b", "open"), abort];
    let (me, partition) =
        (NodeId::Broker(1), PartitionId { topic: Name::new("t").expect("legal"), index: 0 });
    let (mut storage, name) = (MemoryStorage::default(), LogName::Partition(partition.clone()));
    let mut log = storage.open(&name).expect("memory opens");
    for batch in all {
        log.append(&batch.stamped(log.end(), Epoch(1))).expect("in order");
        log.roll().expect("memory rolls");
    }
    storage.close(&name, log).expect("memory closes");
    let mut broker = Broker::new(me, 1, Settings::default(), storage).expect("memory opens");
    let state =
        PartitionState { leader: Some(me), epoch: Epoch(1), version: 1, ..PartitionState::new(vec![me], 1) };
    let cleanup = Cleanup { policy: CleanupPolicy::Compact, dirty_per_mille: 0, ..Cleanup::default() };
    let view = View {
        version: 1,
        brokers: [(me, true)].into(),
        cleanup: [(partition.topic.clone(), cleanup)].into(),
        partitions: [(partition, state)].into(),
        ..View::default()
    };
    let cluster = Message::Cluster(view.into());
    let inputs = [Input::Message { from: NodeId::Controller, message: cluster }, Input::Wake, Input::Wake];
    let mut events = Vec::new();
    for (second, input) in (1..).zip(inputs) {
        let (now, mut out) = (Time(second * 1_000_000), Out::default());
        broker.handle(now, input, &mut out);
        broker.settle(now, &mut out).expect("memory does not fail");
        events.extend(out.events);
    }
    let is_pass = |event: &Event| matches!(event, Event::Pull(PullEvent::Compacted { .. }));
    assert!(events.iter().any(is_pass), "{events:?}");
    let mut storage = broker.into_storage().expect("memory closes");
    let log = storage.open(&name).expect("memory opens");
    let left = log.read(log.start(), log.end(), u32::MAX).expect("in range").load().expect("memory loads");
    let values: Vec<_> = left.records().filter_map(|record| record.value).collect();
    assert_eq!(values, ["kept", "open"]);
}
