//! What the tests of the file log share.
#![allow(dead_code, missing_docs)]

pub(crate) mod cuts;
pub(crate) mod errands;
pub(crate) mod ledger;
pub(crate) mod power;
pub(crate) mod recorder;
pub(crate) mod story;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use mqlab::log::{FileLog, FileStorage, Options};
use mqlab_core::ids::{LogName, Name, Offset};
use mqlab_core::log::contract::batch;
use mqlab_core::log::{Log, Slice, Storage};

/// So small that a segment holds two of the suite's batches.
pub(crate) const TINY: Options = Options { segment_bytes: 200, index_interval_bytes: 50, ..Options::DEFAULT };

/// A directory in memory where there is one: thousands of fsyncs are not what the tests are about.
pub(crate) fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.expect("a directory")
}

pub(crate) fn name() -> LogName {
    LogName::Queue(Name::new("q").expect("a legal name"))
}

pub(crate) fn log_dir(data: &Path) -> PathBuf {
    data.join("queues/q/messages")
}

pub(crate) fn segment(data: &Path, base: u64) -> PathBuf {
    log_dir(data).join(format!("{base:020}.log"))
}

pub(crate) fn index(data: &Path, base: u64) -> PathBuf {
    log_dir(data).join(format!("{base:020}.index"))
}

/// The names of the segments, as numbers.
pub(crate) fn bases(data: &Path) -> Vec<u64> {
    let names = fs::read_dir(log_dir(data)).expect("listed").map(|entry| entry.expect("listed").file_name());
    let mut bases: Vec<u64> = names
        .filter_map(|name| {
            name.to_str().expect("ASCII").strip_suffix(".log").map(|base| base.parse().expect("a number"))
        })
        .collect();
    bases.sort_unstable();
    bases
}

/// Writes batches of one record each, offsets 0 up to `end`, and closes everything.
pub(crate) fn write(data: &Path, options: Options, end: u64) {
    let mut storage = FileStorage::open_with(data, options).expect("opens");
    let mut log = storage.open(&name()).expect("opens");
    for base in 0..end {
        log.append(&batch(base, 1)).expect("in order");
    }
    log.flush().expect("flushes");
    storage.close(&name(), log).expect("closes");
}

/// Writes batches of one record each, offsets 0 up to `end`, those below `durable` flushed, and stops as a process that
/// is killed does.
pub(crate) fn write_and_die(data: &Path, options: Options, durable: u64, end: u64) {
    let mut storage = FileStorage::open_with(data, options).expect("opens");
    let mut log = storage.open(&name()).expect("opens");
    for base in 0..end {
        if base == durable {
            log.flush().expect("flushes");
        }
        log.append(&batch(base, 1)).expect("in order");
    }
    if durable == end {
        log.flush().expect("flushes");
    }
}

/// The length of the batch at `base`, as [`write`] writes it.
pub(crate) fn batch_bytes(base: u64) -> u64 {
    batch(base, 1).bytes().len() as u64
}

pub(crate) fn open(data: &Path, options: Options) -> Result<(FileStorage, FileLog), mqlab::Error> {
    let mut storage = FileStorage::open_with(data, options)?;
    let log = storage.open(&name())?;
    Ok((storage, log))
}

/// Every offset that can be read, one batch at a time, and then all at once, which must be the same.
pub(crate) fn offsets(log: &FileLog) -> Vec<u64> {
    let (mut at, mut found) = (log.start(), Vec::new());
    while at < log.end() {
        let one = log.read(at, log.end(), 1).expect("in range").load().expect("loads");
        found.extend(one.records().map(|record| record.offset.0));
        at = one.next().expect("there is more");
    }
    let all = log.read(log.start(), log.end(), u32::MAX).expect("in range").load().expect("loads");
    assert_eq!(all.records().map(|record| record.offset.0).collect::<Vec<_>>(), found);
    for &offset in &found {
        let read = log.read(Offset(offset), log.end(), 1).expect("in range").load().expect("loads");
        assert!(read.base() <= Some(Offset(offset)) && read.next() > Some(Offset(offset)), "offset {offset}");
    }
    found
}

/// Runs the command `mqlab` over some input.
pub(crate) fn run(arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mqlab"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command starts");
    // The command may end before it has read everything; that is its affair.
    let _ = child.stdin.take().expect("piped").write_all(input);
    child.wait_with_output().expect("the command ends")
}
