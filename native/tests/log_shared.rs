//! Many threads write to a log, many readers read it, and each finds what it was promised.

mod common;

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::{TINY, name, scratch};
use mqlab::log::disk::{Disk, SystemDisk};
use mqlab::log::{Durability, FileLog, FileStorage, LogReader, Options, Retention, SharedLog};
use mqlab_core::ids::{Epoch, Offset};
use mqlab_core::log::contract::batch;
use mqlab_core::log::{Log, LogError, Slice, Storage};
use mqlab_core::record::{BatchBuilder, Batches, NewRecord};
use proptest::prelude::*;

/// A disk that counts, and that has no room when it is told so.
#[derive(Debug, Default)]
struct Counting {
    writes: AtomicUsize,
    reads: AtomicUsize,
    syncs: AtomicUsize,
    is_full: AtomicBool,
}

impl Disk for Counting {
    fn create(&self, path: &Path) -> io::Result<File> {
        SystemDisk.create(path)
    }
    fn write_at(&self, file: &File, path: &Path, bytes: &[u8], position: u64) -> io::Result<()> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        if self.is_full.load(Ordering::SeqCst) && path.extension().is_some_and(|ending| ending == "log") {
            SystemDisk.write_at(file, path, &bytes[..bytes.len() / 2], position)?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        SystemDisk.write_at(file, path, bytes, position)
    }
    fn read_at(&self, file: &File, path: &Path, bytes: &mut [u8], position: u64) -> io::Result<()> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        SystemDisk.read_at(file, path, bytes, position)
    }
    fn set_len(&self, file: &File, path: &Path, bytes: u64) -> io::Result<()> {
        SystemDisk.set_len(file, path, bytes)
    }
    fn sync(&self, file: &File, path: &Path) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::SeqCst);
        SystemDisk.sync(file, path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        SystemDisk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        SystemDisk.remove(path)
    }
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        SystemDisk.create_dir(path)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        SystemDisk.sync_dir(path)
    }
}

fn open_on(disk: &Arc<Counting>, path: &Path, options: Options) -> (FileStorage, FileLog) {
    let mut storage = FileStorage::open_on(disk.clone(), path, options).expect("opens");
    let log = storage.open(&name()).expect("opens");
    (storage, log)
}

fn record(value: String) -> NewRecord {
    NewRecord { value: Some(value.into()), ..NewRecord::default() }
}

fn values(log: &SharedLog) -> Vec<String> {
    let read = log.read(Offset(0), Offset(u64::MAX), u32::MAX).expect("in range").load().expect("loads");
    let text =
        |value: Option<bytes::Bytes>| String::from_utf8(value.expect("it has one").into()).expect("text");
    read.records().map(|record| text(record.value)).collect()
}

#[test]
fn eight_threads_share_their_flushes() {
    const THREADS: usize = 8;
    const SENDS: usize = 150;
    for preallocate_bytes in [0, 1024 * 1024] {
        // On a real disk, if there is one: in memory a flush takes no time in which others could come.
        let root = tempfile::tempdir().expect("a directory");
        let options = Options {
            durability: Durability::EveryBatch,
            preallocate_bytes,
            segment_bytes: 4_000,
            ..Options::DEFAULT
        };
        let disk = Arc::new(Counting::default());
        let (mut storage, log) = open_on(&disk, root.path(), options);
        let log = log.share();
        let before = disk.syncs.load(Ordering::SeqCst);
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let log = log.clone();
                scope.spawn(move || {
                    for n in 0..SENDS {
                        let offset = if n % 10 == 9 {
                            let mut batch = BatchBuilder::new();
                            batch.push(&record(format!("{thread} {n}"))).expect("small");
                            log.append(batch.build()).expect("appends")
                        } else {
                            log.send(&record(format!("{thread} {n}"))).expect("sends")
                        };
                        assert!(offset < log.durable(), "it is durable when it returns");
                    }
                });
            }
            scope.spawn(|| {
                let mut seen = 0;
                while seen < THREADS * SENDS {
                    let now = values(&log).len();
                    assert!(now >= seen, "what was read stays");
                    seen = now;
                }
            });
        });
        let syncs = disk.syncs.load(Ordering::SeqCst) - before;
        assert!(syncs < THREADS * SENDS, "{syncs} flushes for {} messages", THREADS * SENDS);
        let mut next = BTreeMap::new();
        for value in values(&log) {
            let (thread, n) = value.split_once(' ').expect("two numbers");
            let expected = next.entry(thread.to_owned()).or_insert(0);
            assert_eq!(n, expected.to_string(), "thread {thread}'s messages are in order");
            *expected += 1;
        }
        assert!(next.len() == THREADS && next.values().all(|count| *count == SENDS));
        let log = log.into_log().expect("nobody else has it").expect("writes");
        storage.close(&name(), log).expect("closes");
        assert_eq!(storage.open(&name()).expect("opens").end(), Offset((THREADS * SENDS) as u64));
        assert!(storage.recovered().is_empty());
    }
}

#[test]
fn single_messages_become_batches() {
    let root = scratch();
    let disk = Arc::new(Counting::default());
    let (mut storage, log) = open_on(&disk, root.path(), Options::default());
    let log = log.share();
    let before = disk.writes.load(Ordering::SeqCst);
    for n in 0..10_000 {
        assert_eq!(log.send(&record(format!("message {n}"))).expect("sends"), Offset(n));
    }
    assert!(disk.writes.load(Ordering::SeqCst) - before < 10, "one write for some thousand messages");
    assert_eq!(log.end().expect("whole"), Offset(10_000));
    assert_eq!(values(&log).len(), 10_000, "what is gathered is read, too");
    log.send(&record("the last".into())).expect("sends");
    let log = log.into_log().expect("nobody else has it").expect("writes");
    storage.close(&name(), log).expect("closes");
    assert_eq!(storage.open(&name()).expect("opens").end(), Offset(10_001));
}

#[test]
fn the_durability_is_what_was_chosen() {
    let open = |root: &Path, durability| {
        let mut storage = FileStorage::open_with(root, Options { durability, ..TINY }).expect("opens");
        let log = storage.open(&name()).expect("opens");
        (storage, log)
    };
    let root = scratch();
    let (_storage, mut log) = open(root.path(), Durability::Every(3));
    let durable: Vec<u64> = (0..7)
        .map(|base| {
            log.append(&batch(base, 1)).expect("in order");
            log.durable().0
        })
        .collect();
    assert_eq!(durable, [0, 0, 3, 3, 3, 6, 6]);
    let root = scratch();
    let (_storage, mut log) = open(root.path(), Durability::EveryBatch);
    log.append(&batch(0, 5)).expect("in order");
    assert_eq!(log.durable(), Offset(5));
    for shared in [false, true] {
        let root = scratch();
        let (_storage, mut log) = open(root.path(), Durability::Interval(Duration::from_millis(20)));
        let wait = |durable: &dyn Fn() -> Offset, end: u64| {
            let since = Instant::now();
            while durable() < Offset(end) {
                assert!(since.elapsed() < Duration::from_secs(60), "nobody flushed");
                thread::sleep(Duration::from_millis(1));
            }
        };
        if shared {
            let log = log.share();
            for end in 1..5 {
                log.send(&record("x".into())).expect("sends");
                wait(&|| log.durable(), end);
            }
        } else {
            for end in 1..5 {
                log.append(&batch(end - 1, 1)).expect("in order");
                wait(&|| log.durable(), end);
            }
        }
    }
}

#[test]
fn a_full_disk_takes_nothing_and_loses_nothing() {
    for options in [TINY, Options { durability: Durability::EveryBatch, preallocate_bytes: 100, ..TINY }] {
        let root = scratch();
        let disk = Arc::new(Counting::default());
        let (mut storage, mut log) = open_on(&disk, root.path(), options);
        log.append(&batch(0, 1)).expect("there is room");
        let run: Vec<u8> = (1..8).flat_map(|base| batch(base, 1).bytes().to_vec()).collect();
        let run = Batches::parse(run.into()).expect("sound");
        disk.is_full.store(true, Ordering::SeqCst);
        for _ in 0..2 {
            assert!(matches!(log.append(&run), Err(LogError::Full)));
            assert_eq!(log.end(), Offset(1), "nothing of it is there");
        }
        disk.is_full.store(false, Ordering::SeqCst);
        log.append(&run).expect("there is room again");
        assert_eq!(common::offsets(&log), [0, 1, 2, 3, 4, 5, 6, 7]);

        let log = log.share();
        disk.is_full.store(true, Ordering::SeqCst);
        let sent = log.send(&record("eight".into()));
        if options.durability == Durability::EveryBatch {
            assert!(matches!(sent, Err(LogError::Full)), "{sent:?}");
        } else {
            assert!(matches!(log.flush(), Err(LogError::Full)));
        }
        assert!(matches!(log.send(&record("not taken".into())), Err(LogError::Full)));
        assert_eq!(values(&log).len(), 8, "what is there is read");
        disk.is_full.store(false, Ordering::SeqCst);
        // What was refused is not there; what was gathered before is.
        let end = if options.durability == Durability::EveryBatch { 8 } else { 9 };
        assert_eq!(log.send(&record("nine".into())).expect("there is room again"), Offset(end));
        let log = log.into_log().expect("nobody else has it").expect("writes");
        storage.close(&name(), log).expect("closes");
        let log = storage.open(&name()).expect("opens");
        assert_eq!(common::offsets(&log), (0..=end).collect::<Vec<_>>());
        assert!(storage.recovered().is_empty());
    }
}

#[test]
fn who_is_refused_on_a_full_disk_may_send_again_and_nothing_is_there_twice() {
    let root = scratch();
    let disk = Arc::new(Counting::default());
    let options = Options { durability: Durability::EveryBatch, segment_bytes: 1_000, ..Options::DEFAULT };
    let (_storage, log) = open_on(&disk, root.path(), options);
    let log = log.share();
    let done = AtomicBool::new(false);
    disk.is_full.store(true, Ordering::SeqCst);
    assert!(matches!(log.send(&record("nobody's".into())), Err(LogError::Full)));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_micros(300));
                disk.is_full.fetch_not(Ordering::SeqCst);
            }
            disk.is_full.store(false, Ordering::SeqCst);
        });
        let senders: Vec<_> = (0..4)
            .map(|sender| {
                let log = log.clone();
                scope.spawn(move || {
                    for n in 0..100 {
                        let record = record(format!("{sender} {n}"));
                        loop {
                            match log.send(&record) {
                                Ok(offset) => break assert!(offset < log.durable()),
                                Err(LogError::Full) => {}
                                Err(error) => panic!("{error}"),
                            }
                        }
                    }
                })
            })
            .collect();
        let sent: Vec<_> = senders.into_iter().map(thread::ScopedJoinHandle::join).collect();
        done.store(true, Ordering::SeqCst);
        sent.into_iter().for_each(|sent| sent.expect("no panic"));
    });
    let mut all = values(&log);
    assert_eq!(all.len(), 400);
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 400, "each once");
}

#[test]
fn a_clean_log_is_opened_without_a_look() {
    let disk = Arc::new(Counting::default());
    let reads_of_open = [3, 30, 300].map(|end| {
        let root = scratch();
        common::write(root.path(), TINY, end);
        let before = disk.reads.load(Ordering::SeqCst);
        let (storage, log) = open_on(&disk, root.path(), TINY);
        assert_eq!((log.start(), log.end(), log.durable()), (Offset(0), Offset(end), Offset(end)));
        assert!(storage.recovered().is_empty());
        disk.reads.load(Ordering::SeqCst) - before
    });
    assert_eq!(reads_of_open[0], reads_of_open[2], "however long it is");
    assert!(reads_of_open[0] <= 1, "the first header of the last segment at most");
}

#[test]
fn a_reader_of_another_process_keeps_up() {
    let root = scratch();
    let options = Options { preallocate_bytes: 256, durability: Durability::EveryBatch, ..TINY };
    let (_storage, mut log) = common::open(root.path(), options).expect("opens");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for base in 0..2_000 {
                log.append(&batch(base, 1)).expect("in order");
            }
            done.store(true, Ordering::SeqCst);
        });
        let mut reader = LogReader::open(root.path(), &name()).expect("opens");
        let mut at = Offset(0);
        loop {
            let was_done = done.load(Ordering::SeqCst);
            reader.refresh().expect("refreshes");
            while at < reader.end() {
                let read =
                    reader.read(at, reader.end(), 500).expect("in range").load().expect("whole batches");
                assert!(read.records().map(|record| record.offset.0).eq(at.0..read.next().expect("some").0));
                at = read.next().expect("some");
            }
            if was_done {
                break;
            }
        }
        assert_eq!(at, Offset(2_000));
    });
    let missing = LogReader::open(root.path(), &mqlab_core::ids::LogName::Definitions).map(drop);
    assert_eq!(
        missing.expect_err("there is none").to_string(),
        "there is no log host/definitions in this data directory"
    );
}

#[test]
fn a_reader_sees_what_was_trimmed_replaced_cut_and_begun_anew() {
    let root = scratch();
    let (_storage, mut log) = common::open(root.path(), TINY).expect("opens");
    for base in 0..12 {
        log.append(&batch(base, 1)).expect("in order");
    }
    let mut reader = LogReader::open(root.path(), &name()).expect("opens");
    let mut agree = |log: &FileLog| {
        reader.refresh().expect("refreshes");
        assert_eq!((reader.start(), reader.end()), (log.start(), log.end()));
        let read = |slice: Result<mqlab::log::FileSlice, LogError<mqlab::Error>>| {
            slice.expect("in range").load().expect("loads")
        };
        let (from, until) = (log.start(), log.end());
        assert_eq!(read(reader.read(from, until, u32::MAX)), read(log.read(from, until, u32::MAX)));
    };
    agree(&log);
    log.trim(Offset(3)).expect("trims");
    agree(&log);
    log.replace(Offset(2), Offset(4), &batch(3, 1)).expect("a sealed segment"); // under the same name
    agree(&log);
    log.replace(Offset(2), Offset(8), &batch(7, 1)).expect("sealed segments");
    agree(&log);
    log.truncate(Offset(9)).expect("truncates");
    agree(&log);
    log.append(&batch(9, 2)).expect("in order");
    agree(&log);
    log.begin_anew(Offset(40)).expect("begins anew");
    agree(&log);
    log.append(&batch(40, 2)).expect("in order");
    agree(&log);
}

fn timed(base: u64, times: &[i64]) -> Batches {
    let mut builder = BatchBuilder::new();
    for &timestamp in times {
        builder.push(&NewRecord { timestamp, ..record("a value of some length".into()) }).expect("small");
    }
    builder.build().stamped(Offset(base), Epoch(0))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// A time is found where a plain list has it, whichever index is there, wrong, or missing.
    #[test]
    fn a_time_is_found_where_a_list_has_it(
        batches in prop::collection::vec(prop::collection::vec(-20_i64..60, 1..4), 1..60),
        hurt in 0_u64..4,
        age in prop::option::of(1_u64..60),
    ) {
        let root = scratch();
        let options = Options { segment_bytes: 500, index_interval_bytes: 100, segment_age: age.map(Duration::from_millis), ..Options::DEFAULT };
        let (mut storage, mut log) = common::open(root.path(), options).expect("opens");
        let mut list: Vec<i64> = Vec::new();
        for times in &batches {
            log.append(&timed(list.len() as u64, times)).expect("in order");
            list.extend(times);
        }
        let check = |log: &FileLog| {
            for time in -21..61 {
                let wanted = list.iter().position(|at| *at >= time).map(|at| Offset(at as u64));
                assert_eq!(log.offset_at(time).expect("sound"), wanted, "time {time}");
            }
        };
        check(&log);
        storage.close(&name(), log).expect("closes");
        for base in common::bases(root.path()) {
            let path = common::segment(root.path(), base).with_extension("timeindex");
            match hurt {
                1 => std::fs::remove_file(path).expect("removed"),
                2 => std::fs::write(path, b"rubbish").expect("written"),
                _ => {}
            }
        }
        if hurt == 3 {
            std::fs::remove_file(common::log_dir(root.path()).join("clean-shutdown")).expect("removed");
        }
        let log = storage.open(&name()).expect("opens");
        check(&log);
        check(&log);
        let reader = LogReader::open(root.path(), &name()).expect("opens");
        for time in -21..61 {
            prop_assert_eq!(reader.offset_at(time).expect("sound"), log.offset_at(time).expect("sound"));
        }
        if let Some(age) = age {
            for segment in log.segments() {
                let records = log.read(segment.base, segment.end, u32::MAX).expect("in range").load().expect("loads");
                let first = records.iter().next().map_or(0, |batch| batch.max_timestamp());
                prop_assert!(records.iter().all(|batch| batch.max_timestamp() - first <= age as i64));
            }
        }
    }

    /// Retention keeps what it must, and no segment more than that.
    #[test]
    fn retention_keeps_what_it_must(
        batches in prop::collection::vec(prop::collection::vec(0_i64..60, 1..3), 1..40),
        age in prop::option::of(0_u64..60),
        bytes in prop::option::of(0_u64..4_000),
        now in 0_i64..120,
    ) {
        let root = scratch();
        let (_storage, mut log) = common::open(root.path(), Options { segment_bytes: 300, ..TINY }).expect("opens");
        let mut end = 0;
        for times in &batches {
            log.append(&timed(end, times)).expect("in order");
            end += times.len() as u64;
        }
        let before = log.segments();
        let old = |segment: &mqlab_core::log::Segment| {
            let read = log.read(segment.base, segment.end, u32::MAX).expect("in range").load().expect("loads");
            let newest = read.records().map(|record| record.timestamp).max().expect("it has records");
            age.is_some_and(|age| now - newest > age as i64)
        };
        let mut kept: Vec<_> = before.iter().map(|segment| (*segment, old(segment))).collect();
        while let Some((_, is_old)) = kept.first() {
            let left: u64 = kept[1..].iter().map(|(segment, _)| segment.bytes).sum();
            if !(*is_old || bytes.is_some_and(|bytes| left >= bytes)) {
                break;
            }
            kept.remove(0);
        }
        let rules = Retention { age: age.map(Duration::from_millis), bytes };
        let removed = log.retain(rules, now).expect("retains");
        prop_assert_eq!(removed.segments, before.len() - kept.len());
        let start = kept.first().map_or(Offset(end), |(segment, _)| segment.base);
        prop_assert_eq!((log.start(), log.end()), (start, Offset(end)));
        prop_assert_eq!(log.retain(rules, now).expect("retains").segments, 0);
    }
}
