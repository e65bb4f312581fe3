//! What is wrong with a run, and how small can it be made? A promise that was broken, or a panic of the engine.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;

use mqlab_core::observe::Promise;
use mqlab_core::sim::swarm::Trial;
use mqlab_core::sim::{Scenario, shrink};
use mqlab_core::sorted::SortedSet;
use serde::Serialize;

use super::super::Stop;
use super::{Options, Tally};

/// The most runs that making one finding small may take.
const SHRINK_RUNS: u64 = 4_000;
/// Of so many kinds of findings one is made small.
const FINDINGS_MAX: usize = 5;

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Broken {
    /// A promise.
    Promise(Promise),
    /// The engine panicked.
    Panic,
    /// The swarm drew what cannot be run.
    Invalid,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Promise(promise) => promise.fmt(f),
            Self::Panic => f.write_str("the engine does not panic"),
            Self::Invalid => f.write_str("what is drawn can be run"),
        }
    }
}

impl Broken {
    /// A word for the name of a file.
    fn word(self) -> String {
        match self {
            Self::Promise(promise) => {
                let name = serde_json::to_value(promise).ok();
                name.and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default().replace('_', "-")
            }
            Self::Panic => "panic".into(),
            Self::Invalid => "invalid".into(),
        }
    }
}

/// What came of a run.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) made: Vec<String>,
    pub(super) met: SortedSet<&'static str>,
    pub(super) broken: BTreeSet<Broken>,
}

/// Makes a run, whatever happens in it.
pub(super) fn run(scenario: &Scenario, seed: u64) -> Outcome {
    match panic::catch_unwind(AssertUnwindSafe(|| Trial::of(scenario, seed))) {
        Ok(Ok(trial)) => Outcome {
            broken: trial.broken().map(|judged| Broken::Promise(judged.promised.promise)).collect(),
            made: trial.judged.iter().map(|judged| judged.promised.promise.to_string()).collect(),
            met: trial.met,
        },
        Ok(Err(_)) => Outcome { broken: [Broken::Invalid].into(), ..Outcome::default() },
        Err(_) => Outcome { broken: [Broken::Panic].into(), ..Outcome::default() },
    }
}

/// While it lives, panics are findings and print nothing.
pub(super) struct Quiet;

impl Quiet {
    pub(super) fn begin() -> Self {
        panic::set_hook(Box::new(|_| {}));
        Self
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // The hook that tells.
        drop(panic::take_hook());
    }
}

/// One thing that is wrong, and the smallest run that shows it.
#[derive(Serialize)]
pub(super) struct Finding {
    pub(super) broken: String,
    pub(super) seeds: Vec<u64>,
    /// The smallest run; only of the first few findings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) small: Option<Small>,
}

/// A run that was made small.
#[derive(Serialize)]
pub(super) struct Small {
    pub(super) file: String,
    pub(super) link: String,
    pub(super) runs: u64,
    #[serde(skip)]
    pub(super) scenario: Scenario,
}

/// Makes the first run of each kind of finding small, and writes it down.
pub(super) fn report(tally: &Tally, options: &Options) -> Result<Vec<Finding>, Stop> {
    let mut findings = Vec::new();
    for (broken, seeds) in &tally.broken {
        let small = match seeds.first() {
            Some(&seed) if findings.len() < FINDINGS_MAX => Some(small(*broken, seed, options)?),
            _ => None,
        };
        findings.push(Finding { broken: broken.to_string(), seeds: seeds.clone(), small });
    }
    Ok(findings)
}

fn small(broken: Broken, seed: u64, options: &Options) -> Result<Small, Stop> {
    let drawn = options.draw(seed);
    let fails = |scenario: &Scenario| run(scenario, scenario.seed).broken.contains(&broken);
    let shrunk = shrink(&drawn, seed, SHRINK_RUNS, fails);
    let name = format!("swarm-{}-{seed}", broken.word());
    let scenario = Scenario { name: name.clone(), ..shrunk.scenario };
    let cannot = |what: &str, path: &PathBuf, error: std::io::Error| {
        Stop::Failure(format!("cannot {what} {}: {error}", path.display()))
    };
    fs::create_dir_all(&options.out).map_err(|error| cannot("make", &options.out, error))?;
    let file = options.out.join(format!("{name}.json"));
    fs::write(&file, scenario.to_json() + "\n").map_err(|error| cannot("write", &file, error))?;
    let link = format!("{}?run={}&seed={}", options.page, scenario.pack(), scenario.seed);
    Ok(Small { file: file.display().to_string(), link, runs: shrunk.runs, scenario })
}
