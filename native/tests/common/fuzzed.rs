//! What must hold whatever bytes there are: of batches, of indexes beside a sound log, of a log's directory. The fuzzers in
//! `fuzz/` and the test of the corpus call the same functions.
//!
//! An input of several files is these, one after the other; the last may be cut short:
//!
//! ```text
//!   ┌──────┬───────────┬────────┬───────┐
//!   │ kind │ base      │ length │ bytes │   kind: what file it is, and whether its checksums are put right
//!   │ 1    │ 8         │ 2      │       │   base: the offset in its name, where its name has one
//!   └──────┴───────────┴────────┴───────┘
//! ```
//!
//! Checksums keep a fuzzer out of what stands behind them: so every kind is there with what it has, and with what it
//! should have.
#![allow(dead_code, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bytes::Bytes;
use mqlab::Error;
use mqlab::log::{FileLog, FileStorage, LogReader, Options};
use mqlab_core::ids::{Epoch, LogName, Name, Offset};
use mqlab_core::log::contract::batch;
use mqlab_core::log::{Log, LogError, Slice, Storage};
use mqlab_core::record::{BatchHeader, Batches, Marker, crc32c, whole_prefix};

/// Segments of a few batches, indexes of a few entries.
const OPTIONS: Options = Options { segment_bytes: 600, index_interval_bytes: 60, ..Options::DEFAULT };
/// The most files of an input.
const PARTS_MAX: usize = 24;
/// The records of the sound log.
const END: u64 = 30;
/// How many offsets may be missing that a repair can stand in for.
const OFFSETS_MISSING_MAX: u64 = 1 << 40;
/// The most offsets that are asked for one by one.
const ASKED_MAX: usize = 64;

/// What file a part of an input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Segment,
    SegmentSummed,
    Index,
    TimeIndex,
    TimeIndexSummed,
    Point,
    PointSummed,
    Clean,
    CleanSummed,
    Swap,
    SwapSummed,
    Cleaned,
}

const KINDS: [Kind; 12] = [
    Kind::Segment,
    Kind::SegmentSummed,
    Kind::Index,
    Kind::TimeIndex,
    Kind::TimeIndexSummed,
    Kind::Point,
    Kind::PointSummed,
    Kind::Clean,
    Kind::CleanSummed,
    Kind::Swap,
    Kind::SwapSummed,
    Kind::Cleaned,
];

/// A file of an input.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) kind: Kind,
    pub(crate) base: u64,
    pub(crate) bytes: Vec<u8>,
}

impl Part {
    fn file_name(&self) -> String {
        let base = self.base;
        match self.kind {
            Kind::Segment | Kind::SegmentSummed => format!("{base:020}.log"),
            Kind::Index => format!("{base:020}.index"),
            Kind::TimeIndex | Kind::TimeIndexSummed => format!("{base:020}.timeindex"),
            Kind::Point | Kind::PointSummed => "recovery-point".into(),
            Kind::Clean | Kind::CleanSummed => "clean-shutdown".into(),
            Kind::Swap | Kind::SwapSummed => format!("{base:020}.log.swap"),
            Kind::Cleaned => format!("{base:020}.log.cleaned"),
        }
    }

    fn content(&self) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        match self.kind {
            Kind::SegmentSummed | Kind::SwapSummed => sum(&mut bytes),
            Kind::TimeIndexSummed => {
                let of = [&self.bytes[..], &self.base.to_be_bytes()].concat();
                bytes.extend_from_slice(&crc32c(&of).to_be_bytes());
            }
            Kind::PointSummed => {
                bytes.extend_from_slice(format!(" {:08x}\n", crc32c(&self.bytes)).as_bytes())
            }
            Kind::CleanSummed => bytes.extend_from_slice(format!("{:08x}\n", crc32c(&self.bytes)).as_bytes()),
            _ => {}
        }
        bytes
    }
}

/// The files that an input stands for.
pub(crate) fn parts(mut input: &[u8]) -> Vec<Part> {
    let mut parts = Vec::new();
    while let Some((head, rest)) = input.split_first_chunk::<11>()
        && parts.len() < PARTS_MAX
    {
        let [kind, base @ .., high, low] = *head;
        let (bytes, rest) = rest.split_at(rest.len().min(u16::from_be_bytes([high, low]).into()));
        let kind = KINDS[usize::from(kind) % KINDS.len()];
        parts.push(Part { kind, base: u64::from_be_bytes(base), bytes: bytes.into() });
        input = rest;
    }
    parts
}

/// An input that stands for these files.
pub(crate) fn input(parts: &[Part]) -> Vec<u8> {
    let mut input = Vec::new();
    for Part { kind, base, bytes } in parts {
        let number = KINDS.iter().position(|known| known == kind).expect("every kind has a number");
        input.push(u8::try_from(number).expect("there are few"));
        input.extend_from_slice(&base.to_be_bytes());
        input.extend_from_slice(&u16::try_from(bytes.len()).expect("a small file").to_be_bytes());
        input.extend_from_slice(bytes);
    }
    input
}

/// Puts the checksums right of whatever looks like batches.
fn sum(bytes: &mut [u8]) {
    let mut rest = bytes;
    while let Some(length) = rest.get(8..12) {
        let total = u32::from_be_bytes(length.try_into().expect("four bytes")) as usize;
        let total = total.saturating_add(12);
        if total < 61 || total > rest.len() {
            return;
        }
        let (batch, after) = rest.split_at_mut(total);
        let crc = crc32c(&batch[21..]);
        batch[17..21].copy_from_slice(&crc.to_be_bytes());
        rest = after;
    }
}

/// Bytes that may be batches: reading them is refused in words, or all that one can do with batches can be done.
pub(crate) fn batches(input: &[u8]) {
    walk(input);
    let mut summed = input.to_vec();
    sum(&mut summed);
    walk(&summed);
}

fn walk(input: &[u8]) {
    let _ = BatchHeader::peek(input);
    let (good, next, bad) = whole_prefix(input, Offset::ZERO);
    assert_eq!(bad.is_none(), good == input.len());
    let all = Bytes::copy_from_slice(input);
    let parsed = Batches::parse(all.clone());
    assert_eq!(parsed.as_ref().err(), bad.as_ref());
    let front = Batches::parse(all.slice(..good)).expect("what is whole can be parsed");
    assert_eq!(front.next().unwrap_or(Offset::ZERO), next);
    let batches: Vec<_> = front.iter().collect();
    assert_eq!(Batches::joined(&batches).bytes(), &all[..good], "what was parsed prints back");
    assert_eq!(front.below(next), front);
    let mut at = Offset::ZERO;
    for batch in &batches {
        assert_eq!(BatchHeader::peek(batch.bytes()), Ok(batch.header()));
        assert!(at <= batch.base() && batch.base() < batch.next());
        at = batch.next();
        let records: Vec<_> = batch.records().collect();
        assert_eq!(records.len(), batch.count() as usize);
        assert!(records.iter().all(|record| (batch.base()..batch.next()).contains(&record.offset)));
        let one = Batches::from(batch.clone());
        if !batch.is_control() {
            assert!(records.iter().filter_map(|record| record.message_id()).eq(one.message_ids()));
        }
        let _ = (Marker::of(batch), batch.producer(), batch.epoch(), batch.delete_horizon());
        for horizon in [None, Some(7)] {
            let less = batch.retaining(|record| record.offset.0 % 2 == 0, horizon);
            let less = Batches::parse(less.bytes().clone()).expect("what is retained is a batch");
            let kept = records.iter().filter(|record| record.offset.0 % 2 == 0);
            assert!(less.iter().flat_map(|batch| batch.records()).eq(kept.cloned()));
        }
    }
    let lent: Vec<_> = front.lent().collect();
    let records: Vec<_> = front.records().collect();
    assert_eq!(lent.len(), records.len());
    for (lent, record) in lent.iter().zip(&records) {
        assert_eq!((lent.offset, lent.timestamp), (record.offset, record.timestamp));
        assert_eq!((lent.key, lent.value), (record.key.as_deref(), record.value.as_deref()));
        assert!(lent.headers().eq(record.headers.iter()));
    }
    let stamped = front.stamped(Offset(1_000), Epoch(3));
    assert_eq!(Batches::parse(stamped.bytes().clone()), Ok(stamped));
}

fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.expect("a directory")
}

fn name() -> LogName {
    LogName::Queue(Name::new("q").expect("a legal name"))
}

fn log_dir(data: &Path) -> PathBuf {
    data.join("queues/q/messages")
}

/// A log's files, by name.
type Files = BTreeMap<String, Vec<u8>>;

fn read_dir(dir: &Path) -> Files {
    let entries = fs::read_dir(dir).expect("listed").map(|entry| entry.expect("listed"));
    let read = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().expect("ASCII");
        (name, fs::read(entry.path()).expect("read"))
    };
    entries.map(read).collect()
}

/// A data directory with one log of these files.
fn lay(files: &Files) -> tempfile::TempDir {
    let root = scratch();
    drop(FileStorage::open_with(root.path(), OPTIONS).expect("an empty directory is made ours"));
    let dir = log_dir(root.path());
    fs::create_dir_all(&dir).expect("created");
    for (name, bytes) in files {
        fs::write(dir.join(name), bytes).expect("written");
    }
    root
}

/// A log of some segments: closed in good order, or killed when about half of it was durable.
pub(crate) fn sound(is_closed: bool) -> Files {
    let root = scratch();
    let mut storage = FileStorage::open_with(root.path(), OPTIONS).expect("opens");
    let mut log = storage.open(&name()).expect("opens");
    while log.end().0 < END {
        let at = log.end().0;
        log.append(&batch(at, 1 + at % 3 % 2)).expect("in order");
        if (END / 2..END / 2 + 2).contains(&at) {
            log.flush().expect("flushes");
        }
    }
    if is_closed {
        storage.close(&name(), log).expect("closes");
    }
    read_dir(&log_dir(root.path()))
}

/// Arbitrary indexes beside the segments of a log that was closed in good order: every offset and every time is found.
pub(crate) fn indexes(input: &[u8]) {
    static SOUND: OnceLock<Files> = OnceLock::new();
    let mut files = SOUND.get_or_init(|| sound(true)).clone();
    let bases: Vec<u64> = files.keys().filter_map(|name| name.strip_suffix(".log")?.parse().ok()).collect();
    for mut part in parts(input) {
        part.base = bases[(part.base % bases.len() as u64) as usize];
        if matches!(part.kind, Kind::Index | Kind::TimeIndex) {
            files.insert(part.file_name(), part.content());
        }
    }
    let root = lay(&files);
    let reader = LogReader::open(root.path(), &name()).expect("a reader needs no index");
    all_is_found(|from, bytes_max| reader.read(from, Offset(END), bytes_max), |time| reader.offset_at(time));
    let mut storage = FileStorage::open_with(root.path(), OPTIONS).expect("opens");
    assert!(storage.verify(&name()).expect("reads").is_sound());
    let mut log = storage.open(&name()).expect("opens");
    assert_eq!((log.start(), log.end()), (Offset::ZERO, Offset(END)));
    all_is_found(|from, bytes_max| log.read(from, Offset(END), bytes_max), |time| log.offset_at(time));
    for to in (0..END).rev() {
        log.truncate(Offset(to)).expect("truncates");
        // A batch that reaches past it goes whole.
        assert!(log.end().0 == to || log.end().0 + 1 == to, "cut at {to}, it ends at {}", log.end());
    }
    assert!(storage.recovered().is_empty());
}

fn all_is_found<S: Slice<Error = Error>>(
    read: impl Fn(Offset, u32) -> Result<S, LogError<Error>>,
    offset_at: impl Fn(i64) -> Result<Option<Offset>, LogError<Error>>,
) {
    for from in 0..END {
        for bytes_max in [1, 250, u32::MAX] {
            let read = read(Offset(from), bytes_max).expect("in range").load().expect("sound");
            assert!(read.base() <= Some(Offset(from)) && read.next() > Some(Offset(from)));
            for record in read.records() {
                assert_eq!(record.value, Some(format!("value {}", record.offset).into()));
            }
        }
        assert_eq!(offset_at(from as i64).expect("found"), Some(Offset(from)));
    }
    assert_eq!(offset_at(END as i64).expect("read"), None);
}

/// Errors that say what is wrong with the files.
fn is_clear(error: &Error) -> bool {
    matches!(error, Error::Damaged { .. } | Error::Gap { .. } | Error::Changed { .. })
}

/// What a log says when it is asked for everything.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    span: (Offset, Offset),
    all: Result<Batches, String>,
    one_by_one: Vec<Result<Batches, String>>,
    times: Vec<Result<Option<Offset>, String>>,
}

fn told<T>(answer: Result<T, LogError<Error>>) -> Result<T, String> {
    match answer {
        Err(LogError::Storage(error)) if is_clear(&error) => Err(error.to_string()),
        Err(error) => panic!("not a clear error: {error}"),
        Ok(value) => Ok(value),
    }
}

/// Asks a log for everything, and checks that no two answers differ. Times count where no time index is of the input: one
/// that was made of a segment with other times, and with this one's length, is found out by nobody.
fn ask<S: Slice<Error = Error>>(
    times_count: bool,
    (start, end): (Offset, Offset),
    read: impl Fn(Offset, u32) -> Result<S, LogError<Error>>,
    offset_at: impl Fn(i64) -> Result<Option<Offset>, LogError<Error>>,
) -> Told {
    let load = |from, bytes_max| told(read(from, bytes_max).and_then(|slice| Ok(slice.load()?)));
    let all = load(start, u32::MAX);
    let mut one_by_one = Vec::new();
    let mut at = start;
    while at < end && one_by_one.len() < ASKED_MAX {
        let one = load(at, 1);
        let next = one.as_ref().ok().and_then(Batches::next);
        one_by_one.push(one);
        let Some(next) = next else { break };
        assert!(next > at, "{at} is not passed");
        at = next;
    }
    if let Ok(all) = &all {
        assert_eq!(all.next().unwrap_or(start), end, "the last batch ends where the log ends");
        let expected = all.iter().take(ASKED_MAX).map(|batch| Ok(Batches::from(batch)));
        assert!(one_by_one.iter().cloned().eq(expected), "one by one and all at once are not the same");
    }
    let mut asked: BTreeSet<i64> = [i64::MIN, -1, 0, 1, i64::MAX].into();
    if let Ok(all) = &all {
        asked.extend(all.records().take(ASKED_MAX).map(|record| record.timestamp));
    }
    let times: Vec<_> = asked.iter().map(|time| told(offset_at(*time))).collect();
    // A batch that says a wrong greatest time is not damaged: it was written like that.
    let is_honest = |batches: &Batches| {
        batches.iter().all(|batch| batch.records().all(|record| record.timestamp <= batch.max_timestamp()))
    };
    if let Ok(all) = all.as_ref()
        && is_honest(all)
        && times_count
    {
        for (time, found) in asked.iter().zip(&times) {
            let first = all.records().find(|record| record.timestamp >= *time);
            assert_eq!(found, &Ok(first.map(|record| record.offset)), "time {time}");
        }
    }
    Told { span: (start, end), all, one_by_one, times }
}

fn ask_log(times_count: bool, log: &FileLog) -> Told {
    let (start, end) = (log.start(), log.end());
    ask(
        times_count,
        (start, end),
        |from, bytes_max| log.read(from, end, bytes_max),
        |time| log.offset_at(time),
    )
}

/// Opens the log and asks it, as a process does that is killed then.
fn open(root: &Path, times_count: bool) -> (Result<Told, String>, usize) {
    let mut storage = FileStorage::open_with(root, OPTIONS).expect("the directory is ours");
    let log = storage.open(&name());
    let cuts = storage.recovered().len();
    (told(log.map_err(LogError::Storage)).map(|log| ask_log(times_count, &log)), cuts)
}

/// Arbitrary files as a log: opening ends in an error, or in a log whose every answer is right or an error. The second
/// time it is the same. What is repaired is sound.
pub(crate) fn recovery(input: &[u8]) {
    let files: Files = parts(input).iter().map(|part| (part.file_name(), part.content())).collect();
    let times_count = !files.keys().any(|name| name.ends_with(".timeindex"));
    let root = lay(&files);
    let dir = log_dir(root.path());

    // Whoever only looks changes nothing.
    let storage = FileStorage::open_with(root.path(), OPTIONS).expect("the directory is ours");
    let verified = storage.verify(&name()).expect("whatever is there can be verified");
    drop(storage);
    match LogReader::open(root.path(), &name()) {
        Ok(reader) => {
            let (start, end) = (reader.start(), reader.end());
            ask(
                times_count,
                (start, end),
                |at, most| reader.read(at, end, most),
                |time| reader.offset_at(time),
            );
        }
        Err(error) => assert!(is_clear(&error) || matches!(error, Error::NoSuchLog { .. }), "{error}"),
    }
    assert_eq!(read_dir(&dir), files, "it was only looked at");

    let (first, _) = open(root.path(), times_count);
    let (second, cuts) = open(root.path(), times_count);
    assert_eq!(first, second, "the second opening says something else");
    assert!(cuts == 0 || second.is_err(), "the second opening cuts again");
    if let Ok(Told { all: Ok(all), .. }) = &first {
        let is_there =
            |bytes: &[u8]| files.values().any(|file| file.windows(bytes.len()).any(|window| window == bytes));
        assert!(all.iter().all(|batch| is_there(batch.bytes())), "a batch that is in no file");
    }
    if verified.is_sound() {
        let told = first.as_ref().unwrap_or_else(|error| panic!("{verified:?}, and then: {error}"));
        let all = told.all.as_ref().unwrap_or_else(|error| panic!("{verified:?}, and then: {error}"));
        let swaps = files.keys().any(|name| name.ends_with(".swap"));
        assert!(swaps || all.iter().map(|batch| u64::from(batch.count())).sum::<u64>() == verified.records);
    }
    if let Ok(told) = &first {
        goes_on(root.path(), told);
    }
    repairs(&files);
}

/// A log that opened takes appends, and has them when it is opened again.
fn goes_on(root: &Path, before: &Told) {
    let mut storage = FileStorage::open_with(root, OPTIONS).expect("the directory is ours");
    let mut log = storage.open(&name()).expect("it opened before");
    let end = log.end();
    let new = batch(7, 2).stamped(end, Epoch(1));
    match log.append(&new) {
        Ok(_) => {}
        Err(error) => {
            told::<()>(Err(error)).expect_err("it is one");
            return;
        }
    }
    log.flush().expect("flushes");
    let is_closed = storage.close(&name(), log).is_ok();
    drop(storage);
    let (after, cuts) = open(root, false);
    assert_eq!(cuts, 0, "it was flushed");
    let Ok(after) = after else { panic!("closed: {is_closed}, it does not open again: {after:?}") };
    assert_eq!(after.span, (before.span.0, new.next().expect("it has records")));
    if let (Ok(before), Ok(after)) = (&before.all, &after.all) {
        assert_eq!(after.bytes(), &[&before.bytes()[..], &new.bytes()[..]].concat());
    }
    assert_eq!(before.all.is_ok(), after.all.is_ok());
}

/// What is repaired is sound, opens, and has every whole batch.
fn repairs(files: &Files) {
    let root = lay(files);
    let mut storage = FileStorage::open_with(root.path(), OPTIONS).expect("the directory is ours");
    let repaired = match storage.repair(&name()) {
        // A file's name is so far away that no log can have been there.
        Err(Error::Gap { ends, next, .. }) if next.0.saturating_sub(ends.0) > OFFSETS_MISSING_MAX => return,
        repaired => repaired.expect("repairs"),
    };
    let again = storage.verify(&name()).expect("reads");
    assert!(again.is_sound(), "{repaired:?}, and then {again:?}");
    // A compaction that a crash interrupted is ended first: what it left out goes.
    let swaps = files.keys().any(|name| name.ends_with(".swap"));
    assert!(swaps || again.records == repaired.found.records, "{repaired:?}, and then {again:?}");
    drop(storage);
    let (after, cuts) = open(root.path(), false);
    assert_eq!(cuts, 0, "it was repaired");
    let all = after.expect("what was repaired opens").all.expect("what was repaired can be read");
    assert_eq!(all.iter().map(|batch| u64::from(batch.count())).sum::<u64>(), again.records);
}
