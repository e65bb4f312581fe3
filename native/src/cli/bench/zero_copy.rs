//! `mqlab bench zero-copy`: the same stored bytes to a socket by read and write, by mmap and write, and by sendfile.
//!
//! ```text
//!   batches of records ──▶ a log in files ──▶ ┌ read and write ┐
//!                          (a temporary       │ mmap and write │ ──▶ TCP over loopback ──▶ a thread that
//!                           directory)        └ sendfile       ┘                           reads and forgets
//!          round 1: A B C     round 2: B C A     round 3: C A B   ...   medians, least and greatest
//! ```
//!
//! Each way is tried once before anything is measured, and what arrives is summed: all send the same bytes. The bytes are
//! in the page cache then. `native/src/log/transfer.rs` draws what is copied, and says why the order of the ways depends
//! on the congestion control: so the experiment is made under the machine's own, and if that one paces, under one that
//! does not.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use mqlab::log::{FileLog, FileStorage, Transfer};
use mqlab_core::ids::{Epoch, LogName, Name, Offset};
use mqlab_core::log::{Log as _, Slice as _, Storage as _};
use mqlab_core::record::{BatchBuilder, Batches, NewRecord};
use serde::Serialize;

use super::sending::{Round, Sum, connection, send};
use super::telling::tell;
use crate::cli::{Stop, output};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
/// The least and the most that is sent a round, and how large slices can be, in bytes.
const BYTES: (u64, u64) = (64 * KIB, 2 * 1024 * MIB);
const SLICE: (u64, u64) = (4 * KIB, 64 * MIB);
const ROUNDS_MAX: u32 = 1_000;
/// The records of a batch, and the bytes of a record's value.
const RECORDS: u64 = 15;
const RECORD_BYTES: u64 = KIB;
/// How much room there must be beside the bytes themselves: one part in so many.
const SPARE: u64 = 8;

/// The congestion control that paces, and one that does not and is part of every Linux.
const PACED: &str = "bbr";
const UNPACED: &str = "reno";
const CONGESTION: &str = "/proc/sys/net/ipv4/tcp_congestion_control";
const CONGESTION_ALL: &str = "/proc/sys/net/ipv4/tcp_available_congestion_control";

const EXAMPLES: &str = "\
Zero copy is said to be why Kafka (sendfile) sends faster than RocketMQ (mmap), and both faster than a program
that reads and writes. This sends the same stored bytes each way and prints what the books say beside what this
machine does: system calls, copies, CPU time of sender and receiver, throughput.

Examples:
  mqlab bench zero-copy
  mqlab bench zero-copy --bytes 1GiB --slice 16KiB
  mqlab bench zero-copy --congestion cubic --congestion bbr --json";

/// Options of `mqlab bench zero-copy`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    /// How much is sent a round, such as 256MiB
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = |text: &str| size(text, BYTES))]
    bytes: u64,
    /// How much one system call moves at most
    #[arg(long, value_name = "SIZE", default_value = "64KiB", value_parser = |text: &str| size(text, SLICE))]
    slice: u64,
    /// How often each way is measured
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=i64::from(ROUNDS_MAX)))]
    rounds: u32,
    /// Where the log is written, in a directory of its own that goes afterwards [default: the system's for temporary files]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The sender's TCP congestion control, as often as wanted [default: the machine's, and reno beside bbr]
    #[arg(long, value_name = "NAME")]
    congestion: Vec<String>,
    /// Print one JSON object instead of words
    #[arg(long)]
    json: bool,
}

/// `64KiB`, `256MiB`, `1GiB`, `4096`: bytes within bounds.
fn size(text: &str, (min, max): (u64, u64)) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match &text[digits.len()..] {
        "" | "B" => 1,
        "K" | "KiB" => KIB,
        "M" | "MiB" => MIB,
        "G" | "GiB" => 1024 * MIB,
        other => return Err(format!("there is no unit {other:?}: use KiB, MiB or GiB")),
    };
    let bytes = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    match bytes {
        Some(bytes) if (min..=max).contains(&bytes) => Ok(bytes),
        _ => Err(format!("use {} to {}", human(min), human(max))),
    }
}

/// The largest unit that divides it.
pub(super) fn human(bytes: u64) -> String {
    let units = [(1024 * MIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")];
    let unit = units.into_iter().find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit));
    unit.map_or_else(|| format!("{bytes} B"), |(unit, name)| format!("{} {name}", bytes / unit))
}

/// What was measured of one way.
#[derive(Debug, Serialize)]
pub(super) struct Way {
    pub(super) name: &'static str,
    /// System calls that the books count: one or two a slice.
    pub(super) calls_in_theory: u64,
    pub(super) rounds: Vec<Round>,
}

/// What was measured under one congestion control.
#[derive(Debug, Serialize)]
pub(super) struct Part {
    pub(super) congestion: String,
    pub(super) ways: Vec<Way>,
}

/// The whole experiment.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Bytes sent a round, batches that they are, and the slices that they are sent in.
    pub(super) bytes: u64,
    pub(super) batches: u64,
    pub(super) slice: u64,
    pub(super) rounds: u32,
    /// How many processors this process may use.
    pub(super) processors: usize,
    /// A checksum of what was sent, which every way was checked by.
    pub(super) sum: u32,
    pub(super) parts: Vec<Part>,
}

/// Runs the command.
pub(super) fn zero_copy(options: &Options) -> Result<(), Stop> {
    if options.slice > options.bytes {
        let (slice, bytes) = (human(options.slice), human(options.bytes));
        return Err(Stop::Failure(format!("a slice of {slice} is more than the {bytes} that are sent")));
    }
    let congestion = controls(&options.congestion)?;
    let dir = temporary(options)?;
    let (_storage, log) = store(dir.path(), options.bytes)?;
    let report = measure(options, &log, congestion)?;
    let mut out = io::stdout().lock();
    if options.json {
        let json = serde_json::to_string(&report).expect("numbers, names and lists are JSON");
        writeln!(out, "{json}").map_err(output)
    } else {
        tell(&report, &mut out).map_err(output)
    }
}

/// Under which congestion controls it is measured. Each is tried, so that a wrong name is said before anything is written.
fn controls(asked: &[String]) -> Result<Vec<String>, Stop> {
    let named = |path: &str| fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default();
    let mut controls = asked.to_vec();
    if controls.is_empty() {
        let own = named(CONGESTION);
        let own = if own.is_empty() { UNPACED.to_owned() } else { own };
        let paced = own == PACED;
        controls.push(own);
        controls.extend(paced.then(|| UNPACED.to_owned()));
    }
    for name in &controls {
        connection(name).map_err(|error| {
            let known = named(CONGESTION_ALL).replace(' ', ", ");
            Stop::Failure(format!(
                "no socket can have the congestion control {name:?} ({error}); there are: {known}"
            ))
        })?;
    }
    Ok(controls)
}

/// A directory that goes when the value does, with room for what is written.
fn temporary(options: &Options) -> Result<tempfile::TempDir, Stop> {
    let above = options.dir.clone().unwrap_or_else(std::env::temp_dir);
    let cannot =
        |error: io::Error| Stop::Failure(format!("cannot make a directory in {}: {error}", above.display()));
    let dir = tempfile::Builder::new().prefix("mqlab-bench-").tempdir_in(&above).map_err(cannot)?;
    let free = rustix::fs::statvfs(dir.path()).map_err(|error| cannot(error.into()))?;
    let (free, needed) = (free.f_bavail.saturating_mul(free.f_frsize), options.bytes + options.bytes / SPARE);
    if free < needed {
        let text = format!(
            "{} has room for {} MiB, and {} MiB are needed",
            above.display(),
            free / MIB,
            needed.div_ceil(MIB)
        );
        return Err(Stop::Failure(text));
    }
    Ok(dir)
}

/// A log of at least so many bytes, durable.
fn store(dir: &Path, bytes: u64) -> Result<(FileStorage, FileLog), Stop> {
    let mut storage = FileStorage::open(dir.join("data"))?;
    let mut log = storage.open(&LogName::Queue(Name::new("stored").expect("the name is legal")))?;
    let mut written = 0;
    while written < bytes {
        let batch = batch(log.end());
        written += batch.bytes().len() as u64;
        log.append(&batch.stamped(log.end(), Epoch(0))).map_err(mqlab::Error::from)?;
    }
    log.flush().map_err(mqlab::Error::from)?;
    Ok((storage, log))
}

/// A batch whose records say where they stand.
fn batch(at: Offset) -> Batches {
    let mut batch = BatchBuilder::new();
    for number in 0..RECORDS {
        let word = (at.0 + number).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
        let value = word.repeat((RECORD_BYTES / 8) as usize);
        batch.push(&NewRecord { value: Some(value.into()), ..NewRecord::default() }).expect("a small batch");
    }
    batch.build()
}

/// What all that the log has sums up to.
fn sum_of(log: &FileLog) -> Result<u32, Stop> {
    let (mut sum, mut at) = (Sum::default(), log.start());
    while at < log.end() {
        let batches = log.read(at, log.end(), MIB as u32).map_err(mqlab::Error::from)?.load()?;
        sum.take(batches.bytes());
        at = batches.next().expect("there is something before the end");
    }
    Ok(sum.of_all())
}

/// Sends it all, each way once to see that it arrives, and then in rounds.
fn measure(options: &Options, log: &FileLog, congestion: Vec<String>) -> Result<Report, Stop> {
    let slice = log.read(log.start(), log.end(), u32::MAX).map_err(mqlab::Error::from)?;
    let piece = options.slice as usize;
    let sum = sum_of(log)?;
    let calls = log.segments().iter().map(|segment| segment.bytes.div_ceil(options.slice)).sum::<u64>();
    let mut parts = Vec::new();
    for congestion in congestion {
        let mut ways = Transfer::ALL.map(|way| {
            let calls_in_theory = if way == Transfer::ReadWrite { 2 * calls } else { calls };
            Way { name: way.name(), calls_in_theory, rounds: Vec::new() }
        });
        for way in Transfer::ALL {
            send(&slice, way, piece, &congestion, Some(sum)).map_err(Stop::Failure)?;
        }
        for round in 0..options.rounds as usize {
            for turn in 0..ways.len() {
                let number = (round + turn) % ways.len();
                let way = Transfer::ALL[number];
                ways[number].rounds.push(send(&slice, way, piece, &congestion, None).map_err(Stop::Failure)?);
            }
        }
        parts.push(Part { congestion, ways: ways.into() });
    }
    Ok(Report {
        bytes: slice.bytes(),
        batches: log.end().0 / RECORDS,
        slice: options.slice,
        rounds: options.rounds,
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        sum,
        parts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_they_are_written() {
        for (text, bytes) in
            [("65536", 65_536), ("64K", 65_536), ("64KiB", 65_536), ("3MiB", 3 * MIB), ("2G", 2_048 * MIB)]
        {
            assert_eq!(size(text, BYTES), Ok(bytes), "{text}");
        }
        for text in [
            "",
            "KiB",
            "-1",
            "1.5GiB",
            "1 MiB",
            "64kb",
            "3GiB",
            "1KiB",
            "99999999999999999999",
            "18446744073709551615G",
        ] {
            assert!(size(text, BYTES).is_err(), "{text}");
        }
        assert_eq!(
            [human(1), human(1_500), human(64 * KIB), human(2_048 * MIB)],
            ["1 B", "1500 B", "64 KiB", "2 GiB"]
        );
    }
}
