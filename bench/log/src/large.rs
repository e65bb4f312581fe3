//! Does a log that grows stay as quick to open and as small in memory? Only with `--large`: it writes eleven gigabytes.
//!
//! | row | bar |
//! |---|---|
//! | open a log that was closed cleanly, 10 GB | 20 opens a second (50 ms each), and not slower than of 1 GB |
//!
//! Its files are put out of the page cache before each opening. How much memory it takes to write and to read as much is
//! measured in processes of their own, and said below.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::rc::Rc;

use clap::ValueEnum;
use mqlab::log::FileStorage;
use mqlab_bench_contest::contest::{Bar, Contest, Done, Plan, Took};
use mqlab_bench_contest::report::Row;
use mqlab_core::log::{Log as _, Storage as _};
use rustix::fs::{Advice, fadvise};

use crate::load::MEDIUM;
use crate::ours::{Ours, name};
use crate::place::Place;
use crate::read::look;
use crate::watch::Watch;

const GIGABYTE: u64 = 1_000_000_000;
/// The two sizes, in gigabytes.
const SMALLER: u64 = 1;
const LARGER: u64 = 10;
/// How often a log is opened in one measurement.
const OPENS: usize = 5;
/// 50 ms each.
const PER_SECOND: f64 = 20.0;
/// What "constant in its size" means beside noise: the ratio of two equal rows.
const CONSTANT: f64 = 0.8;

/// What a process of its own does.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Work {
    /// Appends so many gigabytes to a new log, and closes it.
    Append,
    /// Reads a log from its beginning to its end.
    Read,
}

pub(crate) fn rows(place: &Place) -> Vec<Row> {
    let place = place.clone();
    vec![("large: open a log that was closed".into(), Box::new(move |plan| contest(plan, &place)))]
}

fn contest(_: &Plan, place: &Place) -> Contest {
    let dir = Rc::new(place.scratch());
    let path = |gigabytes: u64| dir.path().join(gigabytes.to_string());
    let mut said = Vec::new();
    for gigabytes in [SMALLER, LARGER] {
        for work in [Work::Append, Work::Read] {
            said.push(in_a_process(work, &path(gigabytes), gigabytes));
        }
    }
    let open = |gigabytes: u64| {
        let (path, dir) = (path(gigabytes), Rc::clone(&dir));
        move || {
            let _dir = &dir;
            let mut took = None;
            for _ in 0..OPENS {
                forget(&path);
                let watch = Watch::start();
                let mut storage = FileStorage::open(&path).expect("it was closed cleanly");
                let log = storage.open(&name()).expect("it was closed cleanly");
                let this = watch.took();
                assert!(log.end().0 > gigabytes * 900_000, "it is all there");
                storage.close(&name(), log).expect("it closes");
                took = Some(took.map_or(this, |before| add(before, this)));
            }
            (Done { work: OPENS, sum: 0 }, took.expect("it was opened"))
        }
    };
    let contest = Contest::new("large: open a log that was closed", "opens")
        .with_timed("10 GB", "nothing of it in the page cache", open(LARGER))
        .with_timed("1 GB", "the same", open(SMALLER))
        .bar(Bar::PerSecond(PER_SECOND))
        .bar(Bar::Times(CONSTANT, "1 GB"));
    said.into_iter().fold(contest, |contest, line| contest.remark(move || line.clone()))
}

fn add(one: Took, other: Took) -> Took {
    Took {
        counted: one.counted + other.counted,
        processor: one.processor.zip(other.processor).map(|(one, other)| one + other),
    }
}

/// Puts what is below a directory out of the page cache; what is dirty stays, so it is written first.
fn forget(dir: &Path) {
    for entry in fs::read_dir(dir).expect("it is there") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            forget(&path);
            continue;
        }
        let file = File::open(&path).expect("it can be read");
        file.sync_all().expect("the disk takes it");
        fadvise(&file, 0, None, Advice::DontNeed).expect("advice is taken");
    }
}

/// Has another process do the work, and hands on what it says.
fn in_a_process(work: Work, dir: &Path, gigabytes: u64) -> String {
    let program = std::env::current_exe().expect("this program has a path");
    let work = work.to_possible_value().expect("none is hidden");
    let mut command = Command::new(program);
    command.args(["--work", work.get_name(), "--gigabytes", &gigabytes.to_string(), "--dir"]).arg(dir);
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// What such a process does: it says how much memory it had in hand at a tenth of the work, and at most.
pub(crate) fn work(work: Work, dir: &PathBuf, gigabytes: u64) -> ExitCode {
    let mut storage = FileStorage::open(dir).expect("the directory is new, or was closed");
    let log = storage.open(&name()).expect("the directory is new, or was closed");
    let mut ours = Ours::of(storage, log);
    let (total, watch) = (gigabytes * GIGABYTE, Watch::start());
    let (mut done, mut early, mut sum) = (0, None, 0);
    let mut note = |bytes: usize| {
        done += bytes as u64;
        if done > total / 10 && early.is_none() {
            early = memory_mib("VmRSS");
        }
        done < total
    };
    match work {
        Work::Append => {
            let pool = MEDIUM.records();
            let mut number = 0;
            while note(MEDIUM.batch_bytes()) {
                ours.append_records(&pool[number % pool.len()]);
                number += 1;
            }
        }
        Work::Read => ours.read_in_place(|body| {
            sum = look(sum, body);
            note(body.len());
        }),
    }
    let seconds = watch.took().counted.as_secs_f64();
    ours.close();
    let mib = |mib: Option<f64>| mib.map_or_else(|| "?".into(), |mib| format!("{mib:.1}"));
    let (word, rest) = match work {
        Work::Append => ("appended", String::new()),
        Work::Read => ("read", format!(" (seen: {sum:x})")),
    };
    let now = memory_mib("VmRSS");
    println!(
        "{gigabytes} GB {word} in {seconds:.1} s: {} MiB of memory after a tenth, {} at the end, {} at most{rest}",
        mib(early),
        mib(now),
        mib(memory_mib("VmHWM")),
    );
    ExitCode::SUCCESS
}

/// A line of what the system says of this process's memory, in MiB.
fn memory_mib(name: &str) -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(name))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
}
