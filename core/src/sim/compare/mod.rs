//! Which system, or which setting, does better? The same workload and the same mishaps on several, and the same questions to
//! each run.
//!
//! ```text
//!   workload ─┐                         ┌─▶ world ─▶ outcome: throughput, latency, pauses, lost, doubled, what it cost
//!   mishap   ─┼─▶ scenario of a system ─┼─▶ world ─▶ outcome           for each seed
//!   seed     ─┘                         └─▶ ...
//!                                                    ─▶ rows: medians over seeds; the first message that fared differently
//! ```
//!
//! What is compared are mechanisms, under one model of cost (`core/costs.json`): how often a system flushes, copies, asks and
//! waits follows from its own rules, and what each of these takes is the same for all. Figures of one machine are no
//! promise for another; which of two is ahead, and by what mechanism, can be looked at: each outcome names the scenario
//! and the seed that gave it.
//!
//! * [`Workload`]: what is sent and read. [`Mishap`]: what goes wrong. [`Contender`]: a system with one of its settings.
//! * [`Comparison`]: runs one after the other, so that a host can show how far it is, and stop.
//! * [`Outcome`]: what came of one run. [`Row`]: of all seeds. [`Report`]: all of it, as a file.
//! * [`Plan`]: a whole comparison in a link.

mod contender;
mod fate;
mod field;
mod files;
mod mishap;
mod outcome;
mod plan;
mod row;
mod table;
mod watch;
mod workload;

pub use contender::{BadContender, Contender};
pub use fate::{Fate, FateDiffers};
pub use field::{Field, WORKLOAD_MESSAGES_MAX};
pub use mishap::Mishap;
pub use outcome::Outcome;
pub use plan::{BadPlan, PLAN_CONTENDERS_MAX, PLAN_SEEDS_MAX, Plan};
pub use row::Row;
pub use table::{FIRST_SEED, FirstDifference, Report};
pub use workload::{BadWorkload, Workload};

use alloc::string::String;
use alloc::vec::Vec;

pub use super::guests::SystemName as Profile;
use super::scenario::InvalidScenario;
use crate::time::Span;

/// The most seeds that one comparison runs with.
pub const SEEDS_MAX: u64 = 1_000;
/// The most contenders of one comparison.
pub const CONTENDERS_MAX: usize = 16;

/// What is compared.
///
/// ```
/// use mqlab_core::sim::compare::{Comparison, Mishap, Row, Workload};
/// let workload = Workload { messages: 200, ..Workload::built_in("steady").ok_or("no such workload")? };
/// let contenders = vec!["kafka:acks-all".parse()?, "kafka:acks-1".parse()?];
/// let mut comparison = Comparison::new(workload, contenders, vec![Mishap::None], 2)?;
/// let mut outcomes = Vec::new();
/// while let Some(outcome) = comparison.next() {
///     outcomes.push(outcome?);
/// }
/// let rows = Row::of(&outcomes);
/// assert_eq!((outcomes.len(), rows.len()), (4, 2)); // two seeds of each
/// assert!(rows.iter().all(|row| row.lost == 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Comparison {
    workload: Workload,
    /// What is still to be run, the next one last.
    left: Vec<(Contender, Mishap, u64)>,
    all: usize,
}

/// Why nothing can be compared.
///
/// ```
/// use mqlab_core::sim::compare::{BadComparison, Comparison, Workload};
/// let workload = Workload::built_in("steady").ok_or("no such workload")?;
/// let bad = Comparison::new(workload, Vec::new(), Vec::new(), 1).expect_err("nobody to compare");
/// assert!(matches!(bad, BadComparison::Contenders(0)));
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadComparison {
    /// So many contenders: there must be one, and no more than [`CONTENDERS_MAX`].
    Contenders(usize),
    /// So many seeds: there must be one, and no more than [`SEEDS_MAX`].
    Seeds(u64),
    /// Nothing is said to happen, not even that nothing goes wrong.
    NoMishap,
    /// The workload cannot be.
    Workload(BadWorkload),
}

impl core::fmt::Display for BadComparison {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Contenders(count) => write!(f, "{count} to compare, use 1 to {CONTENDERS_MAX}"),
            Self::Seeds(count) => write!(f, "{count} seeds, use 1 to {SEEDS_MAX}"),
            Self::NoMishap => f.write_str("name what goes wrong, or none"),
            Self::Workload(why) => why.fmt(f),
        }
    }
}

impl core::error::Error for BadComparison {}

impl Comparison {
    /// Every contender, under every mishap, with the seeds from 1 on.
    ///
    /// # Errors
    ///
    /// [`BadComparison`] when there is nothing to compare, or too much.
    pub fn new(
        workload: Workload,
        contenders: Vec<Contender>,
        mishaps: Vec<Mishap>,
        seeds: u64,
    ) -> Result<Self, BadComparison> {
        if !(1..=CONTENDERS_MAX).contains(&contenders.len()) {
            return Err(BadComparison::Contenders(contenders.len()));
        }
        if !(1..=SEEDS_MAX).contains(&seeds) {
            return Err(BadComparison::Seeds(seeds));
        }
        if mishaps.is_empty() {
            return Err(BadComparison::NoMishap);
        }
        workload.check().map_err(BadComparison::Workload)?;
        let mut left = Vec::new();
        for mishap in &mishaps {
            for contender in &contenders {
                left.extend((1..=seeds).map(|seed| (*contender, *mishap, seed)));
            }
        }
        left.reverse();
        Ok(Self { workload, all: left.len(), left })
    }

    /// How many runs there are in all, and how many are over.
    pub fn progress(&self) -> (usize, usize) {
        (self.all, self.all - self.left.len())
    }

    /// What is still to be run, to be shared among threads.
    pub fn into_runs(self) -> impl Iterator<Item = (Contender, Mishap, u64)> {
        self.left.into_iter().rev()
    }
}

impl Iterator for Comparison {
    type Item = Result<Outcome, InvalidScenario>;

    /// Runs the next one.
    fn next(&mut self) -> Option<Self::Item> {
        let (contender, mishap, seed) = self.left.pop()?;
        Some(Outcome::run(&self.workload, contender, mishap, seed))
    }
}

/// A span in words that a table can hold: in microseconds under a millisecond.
pub fn in_brief(span: Span) -> String {
    match span.0 {
        micros @ ..1_000 => alloc::format!("{micros} us"),
        micros @ ..100_000 => alloc::format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100),
        micros => alloc::format!("{} ms", micros / 1_000),
    }
}
