//! How fast is the file-backed log, next to the bare system calls and to other logs? `cargo xtask bench log` runs this,
//! optimized.
//!
//! | file | question it answers |
//! |---|---|
//! | [`append`], [`gather`], [`durable`] | how much of the file system's and the disk's speed is left? |
//! | [`read`], [`transfer`] | how fast is it read, checked and visited, and how does it get into a socket? |
//! | [`compare`], [`rivals`] | how do other logs do the same? |
//! | [`queue`] | what does a durable queue cost? |
//! | [`large`] | does a log that grows stay quick to open, and small in memory? |
//! | [`chart`] | how is it drawn? |
//! | [`load`], [`ours`], [`raw`] | what is stored, by whom? |
//! | [`place`], [`watch`] | where, and by which clock? |

mod append;
mod chart;
mod compare;
mod durable;
mod gather;
mod large;
mod load;
mod ours;
mod place;
mod queue;
mod raw;
mod read;
mod rivals;
mod transfer;
mod watch;

use std::env;
use std::io;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::Parser;
use mqlab_bench_contest::report::{Options, Report, Row};
use place::Place;

/// Measure mqlab's log next to the bare system calls and to other logs
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    /// Where files are written: the file system of this directory is measured
    #[arg(long, value_name = "DIR", default_value = "target/bench-log")]
    dir: PathBuf,
    /// Also draw what was measured
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Also measure logs of 1 and 10 GB, which are written before
    #[arg(long)]
    large: bool,
    /// Work that another process wants done: see `large.rs`
    #[arg(long, hide = true, requires = "gigabytes")]
    work: Option<large::Work>,
    #[arg(long, hide = true, requires = "work")]
    gigabytes: Option<u64>,
}

/// Where walrus-rust puts its files, and whether it is quiet: it asks the environment alone, which a program may not
/// change of itself.
const WALRUS_DIR: &str = "WALRUS_DATA_DIR";
const WALRUS_QUIET: &str = "WALRUS_QUIET";

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(Arguments { options, dir, svg, large, work, gigabytes }: &Arguments) -> io::Result<ExitCode> {
    if let (Some(work), Some(gigabytes)) = (work, gigabytes) {
        return Ok(large::work(*work, dir, *gigabytes));
    }
    let place = Place::new(dir)?;
    if env::var_os(WALRUS_DIR).is_none() {
        let walrus = place.scratch();
        let mut again = Command::new(env::current_exe()?);
        again.args(env::args_os().skip(1)).env(WALRUS_DIR, walrus.path()).env(WALRUS_QUIET, "1");
        let code = again.status()?.code().and_then(|code| u8::try_from(code).ok());
        return Ok(ExitCode::from(code.unwrap_or(1)));
    }
    let mut rows: Vec<Row> = append::rows(&place)
        .into_iter()
        .chain(gather::rows(&place))
        .chain(durable::rows(&place))
        .chain(read::rows(&place))
        .chain(transfer::rows(&place))
        .chain(compare::rows(&place))
        .chain(queue::rows(&place))
        .collect();
    if *large {
        rows.extend(large::rows(&place));
    }
    let report = Report::measure(&rows, options, place.describe());
    if let Some(path) = svg {
        chart::draw(&report, path)
            .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
    }
    Ok(report.finish(options))
}
