//! `mqlab bench machine`: what do a system call, a copy, a flush take here? A machine for the file of costs.
//!
//! | figure | how it is measured |
//! |---|---|
//! | system call | write(2) of 100 B to the same place of a file: little else is in it |
//! | switch | a byte to another thread on the same processor and back, without its four calls, by two |
//! | copy | read(2) of a MiB from the page cache, a KiB |
//! | page | write(2) of a MiB behind the end of a file, a KiB, without the copy |
//! | checksum | CRC-32C of a MiB, a KiB |
//! | flush | 4 KiB behind the end, and fdatasync(2) |
//! | disk | fdatasync(2) of 32 MiB, a KiB, without one flush |
//! | network | not measured: that takes a second machine; said by `--network` |
//!
//! Each is measured in rounds, and the median counts.

use std::fs::{File, OpenOptions};
use std::hint::black_box;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use mqlab_core::record::crc32c;
use mqlab_core::sim::{Catalogue, Machine, Sourced};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use crate::cli::{Stop, output};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
/// How often each figure is measured.
const ROUNDS: usize = 15;
/// How many system calls, or ping-pongs, a round has.
const CALLS: u32 = 2_000;
/// How much is written before a flush that is to take long, in MiB.
const FLUSHED_MIB: usize = 32;
/// Nanoseconds that a KiB takes on a wire of one gigabit a second.
const KIB_AT_GIGABIT: u64 = 8_192;

const EXAMPLES: &str = "\
What is measured becomes a machine beside those that come with mqlab, in a file of costs that mqlab compare reads:

  mqlab bench machine --json > costs.json
  mqlab compare --costs costs.json --machine here";

/// Options of `mqlab bench machine`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    /// What the machine shall be called
    #[arg(long, value_name = "NAME", default_value = "here")]
    name: String,
    /// Where files are written, in a directory of its own that goes afterwards [default: the system's for temporary files]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// How fast its network is, in gigabits a second
    #[arg(long, value_name = "GBIT", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=800))]
    network: u16,
    /// Print the whole file of costs, this machine added, instead of a table
    #[arg(long)]
    json: bool,
}

/// One figure: its name, what it takes in nanoseconds, and how it was measured.
struct Figure {
    name: &'static str,
    nanos: u64,
    how: &'static str,
}

/// Measures, and prints.
pub(super) fn machine(options: &Options) -> Result<(), Stop> {
    let cannot = |error: io::Error| Stop::Failure(format!("cannot measure: {error}"));
    let dir = match &options.dir {
        Some(dir) => tempfile::tempdir_in(dir),
        None => tempfile::tempdir(),
    };
    let dir =
        dir.map_err(|error| Stop::Failure(format!("cannot make a directory for the files: {error}")))?;
    let figures = measure(dir.path()).map_err(cannot)?;
    let sourced = sourced(options, &figures)?;
    let text = if options.json {
        let mut catalogue = Catalogue::built_in();
        catalogue.machines.retain(|known| known.what.name != options.name);
        catalogue.machines.push(sourced);
        let text = catalogue.to_json();
        // What others would refuse to read is not printed.
        Catalogue::from_json(&text).map_err(|why| Stop::Failure(why.to_string()))?;
        text
    } else {
        told(&figures, &sourced)
    };
    io::stdout().lock().write_all(text.as_bytes()).map_err(output)
}

fn measure(dir: &std::path::Path) -> io::Result<Vec<Figure>> {
    let call = system_call(&dir.join("call"))?;
    let copy = copy(&dir.join("copy"))?;
    let written = write_behind(&dir.join("page"))?;
    let flush = flush(&dir.join("flush"))?;
    let figure = |name, nanos, how| Figure { name, nanos, how };
    Ok(vec![
        figure("system_call", call, "write(2) of 100 B to the same place of a file"),
        figure(
            "switch",
            switch(call)?,
            "ping-pong between two threads on one processor, less its four calls, by two",
        ),
        figure("copy", copy, "read(2) of 1 MiB from the page cache, a KiB"),
        figure(
            "page",
            written.saturating_sub(copy),
            "write(2) of 1 MiB behind the end of a file, a KiB, less the copy",
        ),
        figure("checksum", checksum(), "CRC-32C of 1 MiB, a KiB"),
        figure("flush", flush, "4 KiB appended and fdatasync(2)"),
        figure("disk", disk(&dir.join("disk"), flush)?, "fdatasync(2) of 32 MiB, a KiB, less one flush"),
    ])
}

/// The median of some rounds, each of which says what one thing took, in nanoseconds.
fn median(mut round: impl FnMut() -> io::Result<u64>) -> io::Result<u64> {
    let mut all = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        all.push(round()?);
    }
    all.sort_unstable();
    Ok(all[ROUNDS / 2])
}

/// What one of so many took.
fn each(took: Duration, many: u64) -> u64 {
    u64::try_from(took.as_nanos() / u128::from(many)).unwrap_or(u64::MAX)
}

fn new_file(path: &std::path::Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)
}

fn system_call(path: &std::path::Path) -> io::Result<u64> {
    let (file, bytes) = (new_file(path)?, [7_u8; 100]);
    file.write_all_at(&bytes, 0)?;
    median(|| {
        let begun = Instant::now();
        for _ in 0..CALLS {
            file.write_all_at(&bytes, 0)?;
        }
        Ok(each(begun.elapsed(), CALLS.into()))
    })
}

/// Two threads share a processor, so that each byte that goes to and fro takes two switches.
fn switch(call: u64) -> io::Result<u64> {
    let (mut near, mut far) = UnixStream::pair()?;
    let answers = thread::spawn(move || -> io::Result<()> {
        pin()?;
        let mut byte = [0];
        while far.read(&mut byte)? == 1 {
            far.write_all(&byte)?;
        }
        Ok(())
    });
    let measured = thread::spawn(move || -> io::Result<u64> {
        pin()?;
        let mut byte = [1];
        let mut ping = || -> io::Result<()> {
            near.write_all(&byte)?;
            near.read_exact(&mut byte)
        };
        ping()?; // both are where they shall be
        median(|| {
            let begun = Instant::now();
            for _ in 0..CALLS {
                ping()?;
            }
            Ok(each(begun.elapsed(), CALLS.into()))
        })
    });
    let died = |_| io::Error::other("a thread of the ping-pong died");
    let trip = measured.join().map_err(died)??; // its end of the pair is closed now
    answers.join().map_err(died)??;
    Ok(trip.saturating_sub(4 * call) / 2)
}

/// Binds this thread to the first processor that it may use.
fn pin() -> io::Result<()> {
    let this = Pid::from_raw(0);
    let may = sched_getaffinity(this)?;
    let mut one = CpuSet::new();
    let first = (0..CpuSet::count()).find(|cpu| may.is_set(*cpu).unwrap_or(false)).unwrap_or(0);
    one.set(first)?;
    Ok(sched_setaffinity(this, &one)?)
}

fn copy(path: &std::path::Path) -> io::Result<u64> {
    let (file, mut bytes) = (new_file(path)?, vec![7_u8; MIB]);
    file.write_all_at(&bytes, 0)?;
    median(|| {
        let begun = Instant::now();
        file.read_exact_at(&mut bytes, 0)?;
        black_box(&bytes);
        Ok(each(begun.elapsed(), (MIB / KIB) as u64))
    })
}

fn write_behind(path: &std::path::Path) -> io::Result<u64> {
    let (mut file, bytes) = (new_file(path)?, vec![7_u8; MIB]);
    median(|| {
        let begun = Instant::now();
        file.write_all(&bytes)?;
        Ok(each(begun.elapsed(), (MIB / KIB) as u64))
    })
}

fn checksum() -> u64 {
    let bytes = vec![7_u8; MIB];
    let measured = median(|| {
        let begun = Instant::now();
        black_box(crc32c(black_box(&bytes)));
        Ok(each(begun.elapsed(), (MIB / KIB) as u64))
    });
    measured.unwrap_or(0) // nothing in it can fail
}

fn flush(path: &std::path::Path) -> io::Result<u64> {
    let (mut file, bytes) = (new_file(path)?, vec![7_u8; 4 * KIB]);
    median(|| {
        let begun = Instant::now();
        file.write_all(&bytes)?;
        file.sync_data()?;
        Ok(each(begun.elapsed(), 1))
    })
}

fn disk(path: &std::path::Path, flush: u64) -> io::Result<u64> {
    let (file, bytes) = (new_file(path)?, vec![7_u8; MIB]);
    median(|| {
        for place in 0..FLUSHED_MIB {
            file.write_all_at(&bytes, (place * MIB) as u64)?;
        }
        let begun = Instant::now();
        file.sync_data()?;
        Ok(each(begun.elapsed(), 1).saturating_sub(flush) / (FLUSHED_MIB * MIB / KIB) as u64)
    })
}

/// The machine as the file of costs has it. Nothing is free there: what is too quick to be seen takes a nanosecond.
fn sourced(options: &Options, figures: &[Figure]) -> Result<Sourced<Machine>, Stop> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let of = |name: &str| {
        figures.iter().find(|figure| figure.name == name).map_or(1, |figure| figure.nanos.max(1))
    };
    let what = Machine {
        name: options.name.clone(),
        cores: u16::try_from(cores).map_err(|_| Stop::Failure(format!("{cores} cores are too many")))?,
        system_call: of("system_call"),
        switch: of("switch"),
        copy: of("copy"),
        page: of("page"),
        checksum: of("checksum"),
        flush: of("flush"),
        disk: of("disk"),
        network: (KIB_AT_GIGABIT / u64::from(options.network)).max(1),
    };
    let measured =
        figures.iter().map(|figure| (figure.name.into(), format!("mqlab bench machine: {}", figure.how)));
    let said = [
        ("cores".into(), "what the operating system says".into()),
        ("network".into(), format!("said: {} Gbit/s", options.network)),
    ];
    Ok(Sourced { what, sources: measured.chain(said).collect() })
}

fn told(figures: &[Figure], sourced: &Sourced<Machine>) -> String {
    let mut text = format!("{}: {} cores\n", sourced.what.name, sourced.what.cores);
    for figure in figures {
        text += &format!("  {:12} {:>10} ns   {}\n", figure.name, figure.nanos, figure.how);
    }
    text += &format!("  {:12} {:>10} ns   {}\n", "network", sourced.what.network, sourced.sources["network"]);
    text
}
