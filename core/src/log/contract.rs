//! The rules that every log keeps, as a suite that any [`Storage`] can be put through.
//!
//! A storage's own tests call [`suite`]; a broken rule panics and names itself. Each rule begins with a fresh
//! storage. `restart` stops the storage and starts it again over the same medium, as a process does.

mod table;

use alloc::vec::Vec;

use super::{Log, LogError, Slice as _, Storage};
use crate::ids::{LogName, Name, Offset, PartitionId};
use crate::record::{BatchBuilder, Batches, NewRecord, Record};
use crate::rng::{Rng, Stream};

/// Puts a storage through every rule.
///
/// # Panics
///
/// When a rule is broken.
pub fn suite<S: Storage>(mut fresh: impl FnMut() -> S, mut restart: impl FnMut(S) -> S) {
    an_empty_log_begins_at_zero(fresh());
    what_is_appended_is_read_back(fresh());
    a_batch_out_of_order_is_refused_and_adds_nothing(fresh());
    reads_stop_at_the_limits(fresh());
    reads_outside_the_log_are_refused(fresh());
    durable_follows_flush(fresh());
    truncation_keeps_whole_batches(fresh());
    trimming_never_takes_too_much(fresh());
    gaps_are_kept(fresh());
    a_log_begins_anew_anywhere(fresh(), &mut restart);
    segments_follow_each_other(fresh());
    segments_are_replaced_whole(fresh(), &mut restart);
    what_does_not_fill_segments_is_refused(fresh());
    a_restart_keeps_everything(fresh(), &mut restart);
    names_are_listed(fresh());
    for seed in 0..RANDOM_RUNS {
        agrees_with_a_plain_list(fresh(), &mut restart, seed);
        table::agrees_with_a_plain_table(fresh(), &mut restart, seed);
    }
}

/// How many random runs the suite makes.
const RANDOM_RUNS: u64 = 24;
/// How many operations each of them has.
const RANDOM_OPERATIONS: usize = 120;

/// A batch of `records` records at `base`, whose content says where it belongs.
///
/// # Panics
///
/// Never for sensible counts: a batch of many millions of records would be too large.
pub fn batch(base: u64, records: u64) -> Batches {
    let mut builder = BatchBuilder::new();
    for offset in base..base + records {
        let value = alloc::format!("value {offset}").into_bytes().into();
        let record = NewRecord {
            timestamp: offset as i64,
            key: Some("k".into()),
            value: Some(value),
            headers: Default::default(),
        };
        builder.push(&record).expect("a small batch");
    }
    builder.build().stamped(Offset(base), crate::ids::Epoch(1))
}

fn log_name(index: u32) -> LogName {
    let topic = Name::new("contract").expect("a legal name");
    LogName::Partition(PartitionId { topic, index })
}

fn open<S: Storage>(storage: &mut S) -> S::Log {
    storage.open(&log_name(0)).expect("a log opens")
}

fn append<L: Log>(log: &mut L, base: u64, records: u64) {
    log.append(&batch(base, records)).expect("a batch in order is appended");
}

/// Everything readable from `from` on.
fn records<L: Log>(log: &L, from: Offset) -> Vec<Record> {
    let (mut at, mut all) = (from, Vec::new());
    while at < log.end() {
        let read =
            log.read(at, log.end(), 100).expect("an offset in range").load().expect("stored bytes load");
        at = read.next().expect("there is more below the end");
        all.extend(read.records().filter(|record| record.offset >= from));
    }
    all
}

fn offsets<L: Log>(log: &L, from: u64) -> Vec<u64> {
    records(log, Offset(from)).iter().map(|record| record.offset.0).collect()
}

fn an_empty_log_begins_at_zero<S: Storage>(mut storage: S) {
    let log = open(&mut storage);
    assert_eq!(
        (log.start(), log.end(), log.durable()),
        (Offset(0), Offset(0), Offset(0)),
        "a new log is empty"
    );
    let read = log.read(Offset(0), Offset(0), 1).expect("the end can be read").load().expect("nothing loads");
    assert!(read.is_empty(), "a new log has nothing to read");
}

fn what_is_appended_is_read_back<S: Storage>(mut storage: S) {
    let mut log = open(&mut storage);
    append(&mut log, 0, 3);
    append(&mut log, 3, 1);
    log.append(&Batches::default()).expect("nothing can always be appended");
    assert_eq!(log.end(), Offset(4));
    let slice = log.read(Offset(0), Offset(4), u32::MAX).expect("in range");
    let read = slice.load().expect("stored bytes load");
    let stored = [&batch(0, 3).bytes()[..], &batch(3, 1).bytes()[..]].concat();
    assert_eq!(read.bytes()[..], stored[..], "the bytes are those that were appended");
    assert_eq!(slice.bytes(), stored.len() as u64);
    let inside = log.read(Offset(1), Offset(4), 1).expect("in range").load().expect("stored bytes load");
    assert_eq!(inside, batch(0, 3), "a read inside a batch gives the whole batch, however small the limit");
}

fn a_batch_out_of_order_is_refused_and_adds_nothing<S: Storage>(mut storage: S) {
    let mut log = open(&mut storage);
    append(&mut log, 0, 3);
    for base in [0, 2] {
        let refused = log.append(&batch(base, 5));
        assert!(
            matches!(refused, Err(LogError::OutOfOrder { end: Offset(3), base: Offset(at) }) if at == base),
            "an append at {base} of a log that ends at 3 was not refused as out of order"
        );
    }
    assert_eq!(offsets(&log, 0), [0, 1, 2], "a refused batch leaves no trace");
    append(&mut log, 3, 1);
}

fn reads_stop_at_the_limits<S: Storage>(mut storage: S) {
    let mut log = open(&mut storage);
    for base in 0..6 {
        append(&mut log, base, 1);
    }
    let size = batch(0, 1).bytes().len() as u32;
    let next = |until: u64, bytes_max: u32| {
        let read = log.read(Offset(1), Offset(until), bytes_max).expect("in range").load().expect("loads");
        read.next().map(|next| next.0)
    };
    assert_eq!(next(6, 3 * size), Some(4), "three batches fit the limit");
    assert_eq!(next(6, 3 * size - 1), Some(3), "a batch that does not fit whole is left out");
    assert_eq!(next(6, 0), Some(2), "the first batch always comes");
    assert_eq!(next(3, u32::MAX), Some(3), "nothing at or past `until` is read");
    assert_eq!(next(1, u32::MAX), None, "nothing is below `until`");
}

fn reads_outside_the_log_are_refused<S: Storage>(mut storage: S) {
    let mut log = open(&mut storage);
    append(&mut log, 0, 2);
    let beyond = log.read(Offset(3), Offset(9), 1).err();
    assert!(
        matches!(beyond, Some(LogError::OutOfRange { start: Offset(0), end: Offset(2), asked: Offset(3) })),
        "a read past the end is out of range"
    );
    assert!(log.read(Offset(2), Offset(9), 1).is_ok(), "the end itself is in range");
}

fn durable_follows_flush<S: Storage>(mut storage: S) {
    let mut log = open(&mut storage);
    append(&mut log, 0, 2);
    assert!(log.durable() <= log.end());
    log.flush().expect("flushes");
    assert_eq!(log.durable(), Offset(2), "a flush makes everything durable");
    append(&mut log, 2, 2);
    assert!((Offset(2)..=Offset(4)).contains(&log.durable()), "durable never falls by an append");
    log.truncate(Offset(1)).expect("truncates");
    assert!(log.durable() <= log.end(), "durable never runs ahead of the end");
}

fn truncation_keeps_whole_batches<S: Storage>(mut storage: S) {
    let mut log = open(&mut storage);
    append(&mut log, 0, 2);
    append(&mut log, 2, 3);
    append(&mut log, 5, 1);
    log.truncate(Offset(9)).expect("past the end there is nothing to cut");
    assert_eq!(log.end(), Offset(6));
    log.truncate(Offset(4)).expect("truncates");
    assert_eq!(offsets(&log, 0), [0, 1], "the batch that reaches past the cut goes whole");
    append(&mut log, 2, 1);
    assert_eq!(offsets(&log, 0), [0, 1, 2], "the log goes on where it was cut");
    log.truncate(Offset(0)).expect("truncates");
    assert_eq!((log.start(), log.end()), (Offset(0), Offset(0)), "a log can be cut to nothing");
}

fn trimming_never_takes_too_much<S: Storage>(mut storage: S) {
    let mut log = open(&mut storage);
    for base in 0..5 {
        append(&mut log, base * 2, 2);
    }
    assert!(
        matches!(log.trim(Offset(11)), Err(LogError::OutOfRange { .. })),
        "what is not there cannot be trimmed"
    );
    log.trim(Offset(5)).expect("trims");
    assert!(log.start() <= Offset(5), "nothing at or past the mark is forgotten");
    assert_eq!(offsets(&log, 5), [5, 6, 7, 8, 9]);
    if log.start() > Offset(0) {
        assert!(matches!(log.read(Offset(0), Offset(9), 1), Err(LogError::OutOfRange { .. })));
        assert!(matches!(log.truncate(Offset(0)), Err(LogError::OutOfRange { .. })));
    }
    let start = log.start();
    log.trim(Offset(1)).expect("trims");
    assert_eq!(log.start(), start, "the start never goes back");
    log.trim(Offset(10)).expect("trims");
    assert_eq!(log.end(), Offset(10), "the end stays, even when nothing is left");
    append(&mut log, 10, 1);
    assert_eq!(offsets(&log, 10), [10]);
}

fn a_log_begins_anew_anywhere<S: Storage>(mut storage: S, restart: &mut impl FnMut(S) -> S) {
    let mut log = in_segments(&mut storage);
    for at in [40, 3, 3, 0, 10] {
        let before = log.read(log.start(), log.end(), u32::MAX).expect("in range");
        let stored = records(&log, log.start());
        log.begin_anew(Offset(at)).expect("begins anew");
        assert_eq!(before.load().expect("a slice outlives it").records().collect::<Vec<_>>(), stored);
        for _ in 0..2 {
            let marks = (log.start(), log.end(), log.durable());
            assert_eq!(marks, (Offset(at), Offset(at), Offset(at)), "it begins and ends at {at}");
            assert_eq!(log.segments().len(), 1, "nothing else is left");
            storage.close(&log_name(0), log).expect("closes");
            storage = restart(storage);
            log = open(&mut storage);
        }
        assert!(matches!(log.read(Offset(at + 1), Offset(99), 1), Err(LogError::OutOfRange { .. })));
        let early = at.checked_sub(1).map(|early| log.append(&batch(early, 1)));
        assert!(matches!(early, None | Some(Err(LogError::OutOfOrder { .. }))), "nothing goes before {at}");
        append(&mut log, at, 2);
        log.roll().expect("rolls");
        append(&mut log, at + 2, 1);
        assert_eq!(offsets(&log, at), [at, at + 1, at + 2]);
    }
}

fn gaps_are_kept<S: Storage>(mut storage: S) {
    let mut log = open(&mut storage);
    append(&mut log, 0, 1);
    append(&mut log, 7, 2);
    assert_eq!(log.end(), Offset(9));
    assert_eq!(offsets(&log, 0), [0, 7, 8]);
    assert_eq!(offsets(&log, 3), [7, 8], "a read in a gap goes on after it");
}

/// A log of four segments, as far as it rolls by itself: 0 to 3, 3 to 6, 6 to 9, and 9 to 10.
fn in_segments<S: Storage>(storage: &mut S) -> S::Log {
    let mut log = open(storage);
    for base in [0, 3, 6] {
        append(&mut log, base, 3);
        log.roll().expect("rolls");
    }
    append(&mut log, 9, 1);
    log
}

fn segments_follow_each_other<S: Storage>(mut storage: S) {
    let mut log = open(&mut storage);
    log.roll().expect("rolls");
    assert_eq!(log.segments().len(), 1, "an empty segment is not sealed");
    append(&mut log, 4, 2);
    log.roll().expect("rolls");
    assert_eq!(log.durable(), Offset(6), "what is sealed is durable");
    log.roll().expect("rolls");
    append(&mut log, 6, 1);
    let segments = log.segments();
    let ends: Vec<_> = segments.iter().map(|segment| (segment.base, segment.end)).collect();
    assert_eq!(ends, [(Offset(0), Offset(6)), (Offset(6), Offset(7))]);
    assert_eq!(segments[0].bytes, batch(4, 2).bytes().len() as u64);
    log.truncate(Offset(6)).expect("truncates");
    log.truncate(Offset(4)).expect("truncates");
    let whole: Vec<_> = log.segments().iter().map(|segment| (segment.base, segment.end)).collect();
    assert_eq!(whole, [(Offset(0), log.end())], "a cut makes the segment that it is in the last one");
}

fn segments_are_replaced_whole<S: Storage>(mut storage: S, restart: &mut impl FnMut(S) -> S) {
    let mut log = in_segments(&mut storage);
    let old = log.read(Offset(0), Offset(9), u32::MAX).expect("in range");
    let new = Batches::joined(&[batch(1, 1), batch(4, 2)].map(|one| one.iter().next().expect("one batch")));
    log.replace(Offset(0), Offset(6), &new).expect("two sealed segments");
    assert_eq!(old.load().expect("a slice outlives it").records().count(), 9);
    for _ in 0..2 {
        assert_eq!((log.start(), log.end()), (Offset(0), Offset(10)), "start and end stay");
        assert_eq!(offsets(&log, 0), [1, 4, 5, 6, 7, 8, 9]);
        assert_eq!(offsets(&log, 2), [4, 5, 6, 7, 8, 9], "a read in a gap goes on after it");
        assert_eq!((log.segments()[0].base, log.segments()[0].end), (Offset(0), Offset(6)));
        storage.close(&log_name(0), log).expect("closes");
        storage = restart(storage);
        log = open(&mut storage);
    }
    log.replace(Offset(0), Offset(9), &batch(8, 1)).expect("what was replaced can be replaced again");
    assert_eq!(offsets(&log, 0), [8, 9]);
    log.truncate(Offset(8)).expect("truncates");
    assert_eq!(log.end(), Offset(0), "a batch that reaches past the cut goes whole, and the gap before it");
    append(&mut log, 2, 1);
    assert_eq!(offsets(&log, 0), [2]);
}

fn what_does_not_fill_segments_is_refused<S: Storage>(mut storage: S) {
    let mut log = in_segments(&mut storage);
    for (from, until, new, why) in [
        (0, 9, Batches::default(), "nothing would say where the segment ends"),
        (0, 9, batch(7, 1), "it ends before the segment does"),
        (0, 6, batch(6, 3), "it lies behind"),
        (3, 6, batch(0, 6), "it begins before"),
        (1, 6, batch(5, 1), "no segment begins there"),
        (0, 5, batch(4, 1), "no segment ends there"),
        (0, 10, batch(9, 1), "the last segment is not sealed"),
        (6, 3, batch(2, 1), "it ends before it begins"),
    ] {
        let refused = log.replace(Offset(from), Offset(until), &new);
        assert!(matches!(refused, Err(LogError::NotSegments { .. })), "{why}");
    }
    assert_eq!(offsets(&log, 0).len(), 10, "nothing was changed");
    append(&mut log, 10, 1);
}

fn a_restart_keeps_everything<S: Storage>(mut storage: S, restart: &mut impl FnMut(S) -> S) {
    let mut log = open(&mut storage);
    append(&mut log, 0, 2);
    log.flush().expect("flushes");
    append(&mut log, 2, 3);
    let before = records(&log, Offset(0));
    storage.close(&log_name(0), log).expect("closes");
    let mut storage = restart(storage);
    let mut log = open(&mut storage);
    assert_eq!(records(&log, Offset(0)), before, "a restart of the process loses nothing, flushed or not");
    append(&mut log, 5, 1);
    assert_eq!(log.end(), Offset(6));
}

fn names_are_listed<S: Storage>(mut storage: S) {
    for index in [2, 0, 10] {
        let mut log = storage.open(&log_name(index)).expect("opens");
        append(&mut log, 0, u64::from(index) + 1);
        storage.close(&log_name(index), log).expect("closes");
    }
    let names = storage.names().expect("names are listed");
    assert_eq!(names, [log_name(0), log_name(2), log_name(10)], "names come in order");
    let log = storage.open(&log_name(2)).expect("opens");
    assert_eq!(log.end(), Offset(3), "logs do not mix");
}

/// Random operations on the log and on a plain list of batches; every answer must be the same.
fn agrees_with_a_plain_list<S: Storage>(mut storage: S, restart: &mut impl FnMut(S) -> S, seed: u64) {
    let mut rng = Rng::new(seed, Stream::Workload);
    let mut log = open(&mut storage);
    let mut model: Vec<Record> = Vec::new();
    for _ in 0..RANDOM_OPERATIONS {
        let end = log.end();
        match rng.below(11) {
            0..=5 => {
                let added = batch(end.0 + rng.below(8) / 7, rng.between(1, 4));
                log.append(&added).expect("in order");
                model.extend(added.records());
            }
            6 => log.flush().expect("flushes"),
            7 => {
                let to = Offset(rng.between(log.start().0, end.0 + 1));
                log.truncate(to).expect("in range");
                // A batch that reaches past `to` goes whole: the model cannot know its bounds, the log's end can.
                assert!(log.end() <= to.min(end), "seed {seed}: truncated to {to}, ends at {}", log.end());
                model.retain(|record| record.offset < log.end());
            }
            8 => {
                let to = Offset(rng.between(0, end.0));
                log.trim(to).expect("in range");
                let start = log.start();
                assert!(start <= to.max(start), "seed {seed}");
                model.retain(|record| record.offset >= start);
            }
            9 if rng.below(4) == 0 => {
                log.begin_anew(Offset(rng.below(2 * end.0 + 1))).expect("begins anew");
                model.clear();
            }
            _ => {
                storage.close(&log_name(0), log).expect("closes");
                storage = restart(storage);
                log = open(&mut storage);
            }
        }
        assert!(
            log.start() <= log.end() && log.durable() <= log.end(),
            "seed {seed}: the marks are in order"
        );
        assert_eq!(records(&log, log.start()), model, "seed {seed}: log and list differ");
        let from = Offset(rng.between(log.start().0, log.end().0));
        let tail: Vec<Record> = model.iter().filter(|record| record.offset >= from).cloned().collect();
        assert_eq!(records(&log, from), tail, "seed {seed}: log and list differ from {from} on");
    }
}
