//! `mqlab swarm`: random systems from a seed, as many as wanted; what their settings promise must be kept in every one.
//!
//! ```text
//!   seed, seed + 1, ...  ──▶ a thread for each core draws, runs and judges ──▶ counts
//!                                        │ a promise is broken, or the engine panics
//!                                        ▼
//!                            shrunk ──▶ a scenario file, and a link that the page opens
//! ```
//!
//! A run depends on nothing but its seed: the summary is the same with any number of threads, and with the same range.

mod found;
mod telling;

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
#[cfg(feature = "mutants")]
use mqlab_core::broker::Mutant;
use mqlab_core::sim::Scenario;
use mqlab_core::sim::swarm::{SOMETIMES, anything};

use super::Stop;
use found::{Broken, Outcome};

/// How many runs there are when neither their number nor a time is given.
const RUNS: u64 = 1_000;

const EXAMPLES: &str = "\
Every run is drawn from its seed: brokers, topics, queues, programs, settings and faults. What the settings
promise under those faults must be kept; what they do not promise must be broken sometimes, or the swarm is
blind. A run that breaks a promise is made as small as it can be and written as a file for mqlab run, with a
link that the page opens. The exit code is 1 then.

Examples:
  mqlab swarm
  mqlab swarm --runs 100000 --seed 7
  mqlab swarm --minutes 30 --out findings";

/// Options of `mqlab swarm`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    /// How many runs; 1000 if no time is given either
    #[arg(long, value_name = "N")]
    runs: Option<NonZeroU64>,
    /// The seed of the first run; those after it count on
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// Stop after so many minutes
    #[arg(long, value_name = "M")]
    minutes: Option<NonZeroU64>,
    /// Where the files of runs that broke a promise go
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// The address of the page, for the links
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080/")]
    page: String,
    /// Print one JSON object instead of words
    #[arg(long)]
    json: bool,
    /// Give the engine a deliberate fault, such as hasty_watermark, to see it found
    #[cfg(feature = "mutants")]
    #[arg(long, value_name = "NAME", value_parser = mutant)]
    mutant: Option<Mutant>,
}

#[cfg(feature = "mutants")]
fn mutant(name: &str) -> Result<Mutant, String> {
    serde_json::from_value(name.into()).map_err(|error| error.to_string())
}

/// What all runs came to.
#[derive(Default)]
pub(super) struct Tally {
    runs: u64,
    /// How often each promise was made.
    promises: BTreeMap<String, u64>,
    /// How often each thing was met, and the first seed.
    met: BTreeMap<&'static str, (u64, u64)>,
    /// What was broken, under which seeds.
    broken: BTreeMap<Broken, Vec<u64>>,
}

impl Options {
    fn draw(&self, seed: u64) -> Scenario {
        #[cfg_attr(not(feature = "mutants"), expect(unused_mut, reason = "only a mutant is changed"))]
        let mut scenario = anything(seed);
        #[cfg(feature = "mutants")]
        {
            scenario.settings.mutant = self.mutant;
        }
        scenario
    }
}

/// Runs the swarm.
pub(super) fn swarm(options: &Options) -> Result<(), Stop> {
    let runs = match (options.runs, options.minutes) {
        (Some(runs), _) => Some(runs.get()),
        (None, Some(_)) => None,
        (None, None) => Some(RUNS),
    };
    if runs.is_some_and(|runs| options.seed.checked_add(runs).is_none()) {
        return Err(Stop::Failure(format!("there are not so many seeds from {} on", options.seed)));
    }
    let until = options.minutes.map(|minutes| {
        Instant::now() + Duration::from_secs(minutes.get().saturating_mul(60).min(60 * 60 * 24 * 365))
    });
    let bar = bar(runs);
    let quiet = found::Quiet::begin();
    let started = Instant::now();
    let tally = run_all(options, runs, until, &bar);
    bar.finish_and_clear();
    let took = started.elapsed();
    let findings = found::report(&tally, options)?;
    drop(quiet);
    telling::tell(&tally, &findings, took, options)?;
    if findings.is_empty() { Ok(()) } else { Err(Stop::Found) }
}

/// Runs seeds on every core until there are none left, or the time is over. Where a number of runs is asked for, all up to
/// it are made, or, when the time is over, all up to some seed.
fn run_all(options: &Options, runs: Option<u64>, until: Option<Instant>, bar: &ProgressBar) -> Tally {
    let next = AtomicU64::new(0);
    let over = AtomicBool::new(false);
    let tally = Mutex::new(Tally::default());
    let threads = thread::available_parallelism().map_or(1, |threads| threads.get());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    if until.is_some_and(|until| Instant::now() >= until) {
                        over.store(true, Ordering::Relaxed);
                    }
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if over.load(Ordering::Relaxed) || runs.is_some_and(|runs| number >= runs) {
                        break;
                    }
                    // The last seed may come before the end of the time.
                    let Some(seed) = options.seed.checked_add(number) else { break };
                    let outcome = found::run(&options.draw(seed), seed);
                    // A thread that panicked while it held the lock would have left a whole tally all the same.
                    let mut tally = tally.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    tally.count(seed, outcome);
                    let broken = tally.broken.values().map(Vec::len).sum::<usize>();
                    bar.set_message(format!("{broken} broken"));
                    bar.inc(1);
                }
            });
        }
    });
    tally.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Tally {
    fn count(&mut self, seed: u64, outcome: Outcome) {
        self.runs += 1;
        for promise in outcome.made {
            *self.promises.entry(promise).or_default() += 1;
        }
        for what in outcome.met {
            let (times, first) = self.met.entry(what).or_insert((0, seed));
            *times += 1;
            *first = seed.min(*first);
        }
        for broken in outcome.broken {
            let seeds = self.broken.entry(broken).or_default();
            let at = seeds.partition_point(|other| *other < seed);
            seeds.insert(at, seed);
        }
    }

    /// How often each thing that should be met sometimes was met, and the first seed.
    fn sometimes(&self) -> impl Iterator<Item = (&'static str, Option<(u64, u64)>)> {
        SOMETIMES.into_iter().map(|what| (what, self.met.get(what).copied()))
    }
}

/// How far it got: on a terminal only.
fn bar(runs: Option<u64>) -> ProgressBar {
    let (bar, template) = match runs {
        Some(runs) => (ProgressBar::new(runs), "{bar:30} {pos} of {len} runs, {per_sec}, {eta} left, {msg}"),
        None => (ProgressBar::new_spinner(), "{spinner} {pos} runs, {per_sec}, {elapsed}, {msg}"),
    };
    bar.set_style(ProgressStyle::with_template(template).expect("the template is sound"));
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}
