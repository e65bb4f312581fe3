//! The file log keeps the rules that every log keeps, and answers as the log in memory does.

mod common;

use std::cell::Cell;

use common::{TINY, bases, name, offsets, scratch};
use mqlab::log::{Durability, FileStorage, Options};
use mqlab_core::ids::Offset;
use mqlab_core::log::contract::{batch, suite};
use mqlab_core::log::faulty::FaultyStorage;
use mqlab_core::log::memory::MemoryStorage;
use mqlab_core::log::{Log, Slice, Storage};
use mqlab_core::record::{Batch, Batches, Record};
use proptest::prelude::*;

fn keeps_the_contract(options: Options) {
    let root = scratch();
    let mut count = 0;
    let fresh = || {
        count += 1;
        FileStorage::open_with(root.path().join(count.to_string()), options).expect("opens")
    };
    suite(fresh, |storage| {
        let path = storage.path().to_owned();
        drop(storage);
        FileStorage::open_with(path, options).expect("opens again")
    });
}

#[test]
fn with_usual_segments() {
    keeps_the_contract(Options::default());
}

#[test]
fn with_tiny_segments() {
    keeps_the_contract(TINY);
}

#[test]
fn with_one_batch_a_segment() {
    keeps_the_contract(Options { segment_bytes: 1, index_interval_bytes: 0, ..Options::DEFAULT });
}

#[test]
fn under_faults_that_do_not_come() {
    let root = scratch();
    let count = Cell::new(0);
    let open = || {
        let path = root.path().join(count.get().to_string());
        FaultyStorage::new(FileStorage::open_with(path, TINY).expect("opens"))
    };
    let fresh = || {
        count.set(count.get() + 1);
        open()
    };
    suite(fresh, |storage| {
        drop(storage);
        open()
    });
}

#[test]
fn a_run_of_batches_is_spread_over_segments() {
    let root = scratch();
    let run: Vec<u8> = (0..7).flat_map(|base| batch(base, 1).bytes().to_vec()).collect();
    let run = Batches::parse(run.into()).expect("sound");
    let mut storage = FileStorage::open_with(root.path(), TINY).expect("opens");
    let mut log = storage.open(&name()).expect("opens");
    log.append(&run).expect("in order");
    assert_eq!(bases(root.path()), [0, 2, 4, 6]);
    assert_eq!(log.durable(), Offset(0), "nobody asked for a flush");
    log.flush().expect("flushes");
    assert_eq!(log.durable(), Offset(7), "all segments are flushed");
    assert_eq!(offsets(&log), [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(log.read(Offset(0), Offset(7), u32::MAX).expect("in range").load().expect("loads"), run);
}

#[test]
fn the_start_survives_a_restart() {
    let root = scratch();
    common::write(root.path(), TINY, 7);
    let (mut storage, mut log) = common::open(root.path(), TINY).expect("opens");
    log.trim(Offset(5)).expect("trims");
    assert_eq!(bases(root.path()), [4, 6], "whole segments below the mark are gone");
    storage.close(&name(), log).expect("closes");
    drop(storage);
    let (_storage, log) = common::open(root.path(), TINY).expect("opens");
    assert_eq!((log.start(), log.end()), (Offset(4), Offset(7)));
    assert_eq!(offsets(&log), [4, 5, 6]);
}

#[test]
fn a_slice_outlives_a_trim() {
    let root = scratch();
    common::write(root.path(), TINY, 7);
    let (_storage, mut log) = common::open(root.path(), TINY).expect("opens");
    let slice = log.read(Offset(0), Offset(7), u32::MAX).expect("in range");
    log.trim(Offset(7)).expect("trims");
    assert_eq!(slice.load().expect("loads").records().count(), 7);
}

#[test]
fn a_log_has_one_writer_in_a_process() {
    let root = scratch();
    let (mut storage, log) = common::open(root.path(), TINY).expect("opens");
    let again = storage.open(&name()).map(drop);
    assert!(matches!(again, Err(mqlab::Error::AlreadyOpen { .. })), "{again:?}");
    drop(log);
    storage.open(&name()).expect("a log that was dropped is not open");
}

/// What a program may do to a log.
#[derive(Clone, Debug)]
enum Operation {
    Append { gap: u64, batches: Vec<u64> },
    Flush,
    Truncate(prop::sample::Index),
    Trim(prop::sample::Index),
    Read { from: prop::sample::Index, until: prop::sample::Index, bytes_max: u32 },
    Roll,
    Replace { first: prop::sample::Index, last: prop::sample::Index, stay: u64 },
    Anew(u64),
    Restart,
    Kill,
}

fn operation() -> impl Strategy<Value = Operation> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        6 => (0_u64..3, prop::collection::vec(1_u64..4, 0..5))
            .prop_map(|(gap, batches)| Operation::Append { gap, batches }),
        1 => Just(Operation::Flush),
        1 => index().prop_map(Operation::Truncate),
        1 => index().prop_map(Operation::Trim),
        6 => (index(), index(), 0_u32..600)
            .prop_map(|(from, until, bytes_max)| Operation::Read { from, until, bytes_max }),
        2 => Just(Operation::Roll),
        2 => (index(), index(), any::<u64>()).prop_map(|(first, last, stay)| Operation::Replace { first, last, stay }),
        1 => (0_u64..200).prop_map(Operation::Anew),
        1 => Just(Operation::Restart),
        1 => Just(Operation::Kill),
    ]
}

fn run_of(mut base: u64, sizes: &[u64]) -> Batches {
    let mut bytes = Vec::new();
    for &records in sizes {
        bytes.extend_from_slice(batch(base, records).bytes());
        base += records;
    }
    Batches::parse(bytes.into()).expect("sound")
}

fn records_from<L: Log>(log: &L, start: Offset) -> Vec<Record> {
    let all = log.read(start, log.end(), u32::MAX).expect("in range").load().expect("loads");
    all.records().filter(|record| record.offset >= start).collect()
}

/// Where sealed segments begin or end in both: files begin segments by themselves, memory does not.
fn borders(memory: &impl Log, file: &impl Log) -> Vec<Offset> {
    let file = file.segments();
    let both = |base: &Offset| file.iter().any(|other| other.base == *base);
    memory.segments().iter().map(|segment| segment.base).filter(both).collect()
}

/// What is left of a run of batches when some go, as bits say: the last always stays. None when that does not end the run.
fn compacted(memory: &impl Log, from: Offset, until: Offset, stay: u64) -> Option<Batches> {
    let old = memory.read(from, until, u32::MAX).ok()?.load().ok()?;
    let stays =
        |&(number, ref batch): &(usize, Batch)| stay >> (number % 64) & 1 == 1 || batch.next() == until;
    let new: Vec<Batch> = old.iter().enumerate().filter(stays).map(|(_, batch)| batch).collect();
    (new.last()?.next() == until).then(|| Batches::joined(&new))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Memory and files answer alike, whatever is done to them. Where they may differ they do so in one way: files
    /// are trimmed by whole segments, so they may still have what memory has forgotten.
    #[test]
    fn memory_and_files_answer_alike(operations in prop::collection::vec(operation(), 1..60), segment_bytes in 1_u32..1_000, durability in 0_u64..5, preallocate_bytes in 0_u32..500) {
        let root = scratch();
        let durability = match durability {
            0 | 1 => Durability::Manual,
            2 => Durability::EveryBatch,
            records => Durability::Every(records),
        };
        let index_interval_bytes = segment_bytes / 4;
        let options = Options { segment_bytes, index_interval_bytes, durability, preallocate_bytes, ..Options::DEFAULT };
        let (mut memory_storage, mut file_storage) =
            (MemoryStorage::default(), FileStorage::open_with(root.path(), options).expect("opens"));
        let mut memory = memory_storage.open(&name()).expect("memory opens");
        let mut file = file_storage.open(&name()).expect("opens");
        for operation in operations {
            let (start, end) = (memory.start().0, memory.end().0);
            let pick = |index: &prop::sample::Index| Offset(start + index.index((end - start) as usize + 1) as u64);
            match operation {
                Operation::Append { gap, batches } => {
                    let run = run_of(end + gap, &batches);
                    memory.append(&run).expect("in order");
                    file.append(&run).expect("in order");
                }
                Operation::Flush => {
                    memory.flush().expect("flushes");
                    file.flush().expect("flushes");
                    prop_assert_eq!(file.durable(), file.end());
                }
                Operation::Truncate(to) => {
                    memory.truncate(pick(&to)).expect("in range");
                    file.truncate(pick(&to)).expect("in range");
                }
                Operation::Trim(to) => {
                    memory.trim(pick(&to)).expect("in range");
                    file.trim(pick(&to)).expect("in range");
                }
                Operation::Read { from, until, bytes_max } => {
                    let (from, until) = (pick(&from), pick(&until));
                    let wanted = memory.read(from, until, bytes_max).expect("in range").load().expect("loads");
                    let found = file.read(from, until, bytes_max).expect("in range");
                    prop_assert_eq!(found.bytes(), wanted.bytes().len() as u64);
                    prop_assert_eq!(found.load().expect("loads"), wanted);
                }
                Operation::Roll => {
                    memory.roll().expect("rolls");
                    file.roll().expect("rolls");
                    prop_assert_eq!(file.durable(), file.end());
                }
                Operation::Replace { first, last, stay } => {
                    let borders = borders(&memory, &file);
                    if borders.len() > 1 {
                        let first = first.index(borders.len() - 1);
                        let last = first + 1 + last.index(borders.len() - 1 - first);
                        let (from, until) = (borders[first], borders[last]);
                        if let Some(new) = compacted(&memory, from, until, stay) {
                            memory.replace(from, until, &new).expect("sealed segments");
                            file.replace(from, until, &new).expect("sealed segments");
                        }
                    }
                }
                Operation::Anew(at) => {
                    memory.begin_anew(Offset(at)).expect("begins anew");
                    file.begin_anew(Offset(at)).expect("begins anew");
                }
                Operation::Kill => {
                    drop((file, file_storage));
                    file_storage = FileStorage::open_with(root.path(), options).expect("opens");
                    file = file_storage.open(&name()).expect("opens");
                    prop_assert_eq!(file.durable(), file.end());
                    prop_assert_eq!(file_storage.recovered(), []);
                }
                Operation::Restart => {
                    memory_storage.close(&name(), memory).expect("closes");
                    memory = memory_storage.open(&name()).expect("opens");
                    file_storage.close(&name(), file).expect("closes");
                    drop(file_storage);
                    file_storage = FileStorage::open_with(root.path(), options).expect("opens");
                    file = file_storage.open(&name()).expect("opens");
                    prop_assert_eq!(file.durable(), file.end());
                    prop_assert_eq!(file_storage.recovered(), []);
                }
            }
            if file.end() < memory.end() {
                // Cut to nothing, an empty log stands at its start, and theirs may differ (see above).
                prop_assert_eq!(memory.start(), memory.end());
                return Ok(());
            }
            prop_assert!(file.start() <= memory.start());
            prop_assert!(file.durable() <= file.end());
            prop_assert_eq!(file.end(), memory.end());
            prop_assert_eq!(records_from(&file, memory.start()), records_from(&memory, memory.start()));
        }
    }
}
