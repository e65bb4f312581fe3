//! How fast is the file-backed log, next to the bare system calls and to other logs? `cargo xtask bench log` runs this,
//! optimized.
//!
//! | file | question it answers |
//! |---|---|
//! | [`append`] | how much of the file system's speed is left? |
//! | [`load`], [`ours`], [`raw`] | what is stored, by whom? |
//! | [`place`], [`watch`] | where, and by which clock? |

mod append;
mod load;
mod ours;
mod place;
mod raw;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

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
}

fn main() -> ExitCode {
    let Arguments { options, dir } = Arguments::parse();
    let place = match Place::new(&dir) {
        Ok(place) => place,
        Err(error) => {
            eprintln!("error: cannot make {}: {error}", dir.display());
            return ExitCode::FAILURE;
        }
    };
    let rows: Vec<Row> = append::rows(&place);
    Report::measure(&rows, &options, place.describe()).finish(&options)
}
