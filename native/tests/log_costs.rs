//! What does a batch cost, counted? Allocations of memory, and system calls that write and read: figures that do not depend
//! on how busy a machine is, so a test can hold them. How long it all takes is for `cargo xtask bench log` to say.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use allocation_counter::measure;
use mqlab::log::disk::{Disk, SystemDisk};
use mqlab::log::{FileLog, FileStorage, Options};
use mqlab::{Message, Queues};
use mqlab_core::ids::{Epoch, LogName, Name, Offset};
use mqlab_core::log::{Log as _, Slice as _, Storage as _};
use mqlab_core::record::{BatchBuilder, Batches, NewRecord};

/// Batches over which is counted.
const BATCHES: u64 = 100;
/// How often the index may ask for more memory meanwhile.
const INDEX_GROWS: u64 = 8;
/// Records of each.
const RECORDS: usize = 100;

/// What the system counted of this thread so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Calls {
    reads: u64,
    writes: u64,
}

impl Calls {
    fn now() -> Self {
        let text = std::fs::read_to_string("/proc/thread-self/io").expect("this system counts");
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("it is a field");
            line.trim().parse().expect("it is a number")
        };
        Self { reads: field("syscr:"), writes: field("syscw:") }
    }

    fn and(self, other: Self) -> Self {
        Self { reads: self.reads + other.reads, writes: self.writes + other.writes }
    }

    /// The calls and allocations of some work, less those that counting itself takes.
    fn of(work: impl FnOnce()) -> (Self, u64) {
        let empty = Self::now();
        let before = Self::now();
        let allocated = measure(work).count_total;
        let after = Self::now();
        let itself = before.reads - empty.reads;
        (Self { reads: after.reads - before.reads - itself, writes: after.writes - before.writes }, allocated)
    }
}

/// The system's disk, whose flushes are counted: the system does not.
#[derive(Debug, Default)]
struct Flushes(AtomicU64);

impl Disk for Flushes {
    fn create(&self, path: &Path) -> io::Result<File> {
        SystemDisk.create(path)
    }

    fn write_at(&self, file: &File, path: &Path, bytes: &[u8], position: u64) -> io::Result<()> {
        SystemDisk.write_at(file, path, bytes, position)
    }

    fn read_at(&self, file: &File, path: &Path, bytes: &mut [u8], position: u64) -> io::Result<()> {
        SystemDisk.read_at(file, path, bytes, position)
    }

    fn reserve(&self, file: &File, path: &Path, position: u64, bytes: u64) -> io::Result<()> {
        SystemDisk.reserve(file, path, position, bytes)
    }

    fn set_len(&self, file: &File, path: &Path, bytes: u64) -> io::Result<()> {
        SystemDisk.set_len(file, path, bytes)
    }

    fn sync(&self, file: &File, path: &Path) -> io::Result<()> {
        self.0.fetch_add(1, Ordering::Relaxed);
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
        self.0.fetch_add(1, Ordering::Relaxed);
        SystemDisk.sync_dir(path)
    }
}

fn opened(dir: &Path) -> (FileStorage, FileLog) {
    // One segment: what a new one costs is shared by all batches that it holds.
    let options = Options { segment_bytes: 1024 * 1024 * 1024, ..Options::default() };
    let mut storage = FileStorage::open_with(dir, options).expect("the directory is new");
    let log = storage.open(&LogName::Queue(Name::new("q").expect("a legal name"))).expect("it is new");
    (storage, log)
}

fn records() -> Vec<NewRecord> {
    let record = |n: usize| NewRecord { value: Some(vec![n as u8; 1024].into()), ..NewRecord::default() };
    (0..RECORDS).map(record).collect()
}

fn batch(memory: bytes::Bytes, records: &[NewRecord]) -> Batches {
    let mut builder = BatchBuilder::reusing(memory);
    records.iter().for_each(|record| builder.push(record).expect("it fits"));
    builder.build()
}

/// Appends batches that came as bytes, each handed back for the next time.
fn append_ready(log: &mut FileLog, mut bytes: bytes::Bytes, count: u64) -> bytes::Bytes {
    for _ in 0..count {
        let batches = Batches::parse(bytes).expect("it is sound").into_stamped(log.end(), Epoch(0));
        log.append(&batches).expect("there is room");
        bytes = batches.into_bytes();
    }
    bytes
}

#[test]
fn a_ready_batch_is_one_write() {
    let dir = tempfile::tempdir().expect("a directory");
    let (_storage, mut log) = opened(dir.path());
    let ready = append_ready(&mut log, batch(bytes::Bytes::new(), &records()).into_bytes(), 2);
    let (calls, allocated) = Calls::of(|| {
        append_ready(&mut log, ready, BATCHES);
    });
    assert_eq!(calls, Calls { reads: 0, writes: BATCHES });
    // One a batch: who shares its bytes is counted anew once they were stamped. And the index grows.
    assert!(allocated <= BATCHES + INDEX_GROWS, "{allocated} allocations");
}

#[test]
fn a_batch_made_of_records_is_one_write() {
    let dir = tempfile::tempdir().expect("a directory");
    let (_storage, mut log) = opened(dir.path());
    let records = records();
    let mut spare = append_ready(&mut log, batch(bytes::Bytes::new(), &records).into_bytes(), 2);
    let (calls, allocated) = Calls::of(|| {
        for _ in 0..BATCHES {
            let batches = batch(std::mem::take(&mut spare), &records).into_stamped(log.end(), Epoch(0));
            log.append(&batches).expect("there is room");
            spare = batches.into_bytes();
        }
    });
    assert_eq!(calls, Calls { reads: 0, writes: BATCHES });
    // Five a batch, whatever it holds: two for its header, and for who shares its bytes before and after the stamp.
    assert!(allocated <= 5 * BATCHES + INDEX_GROWS, "{allocated} allocations");
}

#[test]
fn a_read_of_many_batches_is_few_reads() {
    let dir = tempfile::tempdir().expect("a directory");
    let (_storage, mut log) = opened(dir.path());
    append_ready(&mut log, batch(bytes::Bytes::new(), &records()).into_bytes(), BATCHES);
    let (mut seen, mut slices) = (0, 0);
    let (calls, allocated) = Calls::of(|| {
        let (mut at, end) = (Offset::ZERO, log.end());
        while at < end {
            let batches = log.read(at, end, 1024 * 1024).expect("in range").load().expect("sound");
            seen += batches.lent().count();
            at = batches.next().expect("there is a batch");
            slices += 1;
        }
    });
    assert_eq!(seen, RECORDS * BATCHES as usize);
    // Its bytes, and headers to find where they begin and end; whatever it holds.
    assert!(calls.reads <= 4 * slices && calls.writes == 0, "{calls:?} for {slices} slices");
    assert!(allocated <= 5 * slices + INDEX_GROWS, "{allocated} allocations for {slices} slices");
}

/// What so many calls of one kind took: system calls, flushes, allocations.
#[derive(Clone, Copy, Debug)]
struct Cost {
    calls: Calls,
    flushes: u64,
    allocated: u64,
}

impl Cost {
    fn none() -> Self {
        Self { calls: Calls { reads: 0, writes: 0 }, flushes: 0, allocated: 0 }
    }

    fn add(&mut self, disk: &Flushes, work: impl FnOnce()) {
        let before = disk.0.load(Ordering::Relaxed);
        let (calls, allocated) = Calls::of(work);
        self.calls = self.calls.and(calls);
        self.flushes += disk.0.load(Ordering::Relaxed) - before;
        self.allocated += allocated;
    }
}

#[test]
fn a_hundred_messages_through_a_queue_are_a_few_calls_and_three_flushes() {
    let dir = tempfile::tempdir().expect("a directory");
    let disk = Arc::new(Flushes::default());
    let options = Options { segment_bytes: 1024 * 1024 * 1024, ..Options::default() };
    let queues = Queues::open_on(disk.clone(), dir.path(), options).expect("it is new");
    let jobs = queues.queue("jobs").expect("it is new");
    let mut costs = [Cost::none(); 3];
    for round in 0..BATCHES + 2 {
        if round == 2 {
            costs = [Cost::none(); 3]; // now memory is what it needs
        }
        let messages: Vec<Message> = (0..RECORDS).map(|_| Message::new(vec![b'-'; 1024])).collect();
        let [send, receive, ack] = &mut costs;
        send.add(&disk, || drop(jobs.send_all(messages).expect("there is room")));
        let mut taken = Vec::new();
        receive.add(&disk, || taken = jobs.receive_up_to(RECORDS).expect("sound"));
        assert_eq!(taken.len(), RECORDS);
        ack.add(&disk, || jobs.ack_all(&taken).expect("they were just received"));
    }
    // Each is a batch of one log, and that log's recovery point, which is not flushed. So many allocations a message:
    // 1.2 when it is sent, 2.3 when it is received, 1.4 when it is acknowledged.
    for (cost, allocations) in costs.iter().zip([125, 230, 145]) {
        assert_eq!(cost.calls, Calls { reads: 0, writes: 2 * BATCHES });
        assert_eq!(cost.flushes, BATCHES);
        assert!(cost.allocated <= allocations * BATCHES, "{costs:?}");
    }
}
