//! How fast is the file-backed log, next to the bare system calls and to other logs? `cargo xtask bench log` runs this,
//! optimized.
//!
//! | file | question it answers |
//! |---|---|
//! | [`append`] | how much of the file system's speed is left? |
//! | [`read`] | how fast is it read, checked and visited? |
//! | [`compare`], [`rivals`] | how do other logs do the same? |
//! | [`load`], [`ours`], [`raw`] | what is stored, by whom? |
//! | [`place`], [`watch`] | where, and by which clock? |

mod append;
mod compare;
mod load;
mod ours;
mod place;
mod raw;
mod read;
mod rivals;
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

fn run(Arguments { options, dir }: &Arguments) -> io::Result<ExitCode> {
    let place = Place::new(dir)?;
    if env::var_os(WALRUS_DIR).is_none() {
        let walrus = place.scratch();
        let mut again = Command::new(env::current_exe()?);
        again.args(env::args_os().skip(1)).env(WALRUS_DIR, walrus.path()).env(WALRUS_QUIET, "1");
        let code = again.status()?.code().and_then(|code| u8::try_from(code).ok());
        return Ok(ExitCode::from(code.unwrap_or(1)));
    }
    let rows: Vec<Row> =
        append::rows(&place).into_iter().chain(read::rows(&place)).chain(compare::rows(&place)).collect();
    Ok(Report::measure(&rows, options, place.describe()).finish(options))
}
