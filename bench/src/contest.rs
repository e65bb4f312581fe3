//! How are two programs compared on a machine that others use, too? In one run, taking turns, by their ratio.
//!
//! ```text
//!   spin  A B C  spin │ spin  B C A  spin │ spin  C A B  spin │ ...     at least 7 rounds, contenders rotated
//!     └─ if the second spin differs from the first by more than a tenth, the round is thrown away
//! ```
//!
//! A round gives one ratio to each rival; reported are the median ratio and the spread. Whatever slows the machine
//! for longer than a round slows all contenders of it, and the ratio does not move. How long a contender took is the
//! processor's time where the system tells it ([`Stopwatch`]): all of them work on one thread.

use std::fmt;
use std::hint::black_box;
use std::time::Duration;

use serde::Serialize;

use crate::machine::{Stopwatch, spin};

/// The fewest rounds whose median says something.
pub(crate) const PAIRS_MIN: usize = 7;
/// By how much of its length the calibration spin may move within a round.
const SPIN_MOVES_MAX: f64 = 0.1;
/// How many times as many rounds are tried as are wanted, before a row is called noisy.
const PATIENCE: usize = 4;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Rounds to keep.
    pub(crate) pairs: usize,
    /// Whether a quarter of the work is enough.
    pub(crate) quick: bool,
}

impl Plan {
    /// So much work, or a quarter of it.
    pub(crate) fn work(&self, full: usize) -> usize {
        if self.quick { full / 4 } else { full }
    }
}

/// What one contender did: how much, and a sum over what it saw, so that nothing can be optimized away.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    pub(crate) work: usize,
    pub(crate) sum: u64,
}

/// One who takes part.
struct Contender {
    name: &'static str,
    /// What a reader must know: where it does less, or something else.
    note: &'static str,
    run: Box<dyn FnMut() -> (Done, Duration)>,
}

/// What the first contender should reach.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bar {
    /// So many units of work a second.
    PerSecond(f64),
    /// So many times the rate of this rival.
    Times(f64, &'static str),
}

/// The same work, done by several contenders; the first is the one that is judged.
pub(crate) struct Contest {
    name: String,
    unit: &'static str,
    contenders: Vec<Contender>,
    bars: Vec<Bar>,
    remarks: Vec<Box<dyn Fn() -> String>>,
}

impl Contest {
    pub(crate) fn new(name: impl Into<String>, unit: &'static str) -> Self {
        Self { name: name.into(), unit, contenders: Vec::new(), bars: Vec::new(), remarks: Vec::new() }
    }

    /// Adds a contender.
    pub(crate) fn with(
        self,
        name: &'static str,
        note: &'static str,
        mut run: impl FnMut() -> Done + 'static,
    ) -> Self {
        let timed = move || {
            let start = Stopwatch::start();
            let done = black_box(run());
            (done, start.elapsed())
        };
        self.with_timed(name, note, timed)
    }

    /// Adds a contender that says itself how long it took: because only a part of what it does counts, or because
    /// somebody else does it.
    pub(crate) fn with_timed(
        mut self,
        name: &'static str,
        note: &'static str,
        run: impl FnMut() -> (Done, Duration) + 'static,
    ) -> Self {
        self.contenders.push(Contender { name, note, run: Box::new(run) });
        self
    }

    /// Adds something that is to be said below the figures, once all have run.
    pub(crate) fn remark(mut self, remark: impl Fn() -> String + 'static) -> Self {
        self.remarks.push(Box::new(remark));
        self
    }

    /// Adds a bar for the first contender.
    pub(crate) fn bar(mut self, bar: Bar) -> Self {
        self.bars.push(bar);
        self
    }

    /// Lets all run in turn until enough rounds were quiet.
    pub(crate) fn run(mut self, plan: &Plan) -> Outcome {
        self.warm_up();
        let mut rounds: Vec<Vec<f64>> = Vec::new();
        let mut thrown_away = 0;
        for round in 0..plan.pairs * PATIENCE {
            let before = calibrate();
            let mut rates = vec![0.0; self.contenders.len()];
            for turn in 0..rates.len() {
                let at = (turn + round) % rates.len();
                rates[at] = self.contenders[at].rate();
            }
            let (before, after) = (before.as_secs_f64(), calibrate().as_secs_f64());
            if (after - before).abs() > before * SPIN_MOVES_MAX {
                thrown_away += 1;
            } else {
                rounds.push(rates);
            }
            if rounds.len() == plan.pairs {
                break;
            }
        }
        self.judge(&rounds, thrown_away, plan.pairs)
    }

    /// Each runs once, uncounted. Those who did as much must have seen the same.
    fn warm_up(&mut self) {
        let done: Vec<Done> = self.contenders.iter_mut().map(|contender| (contender.run)().0).collect();
        for (contender, other) in self.contenders.iter().zip(&done) {
            let same = other.work != done[0].work || other.sum == done[0].sum;
            assert!(same, "{}: {} did not do the same work", self.name, contender.name);
        }
    }

    fn judge(self, rounds: &[Vec<f64>], thrown_away: usize, wanted: usize) -> Outcome {
        let contenders = self.contenders.iter().enumerate().map(|(at, contender)| {
            let rates = rounds.iter().map(|rates| rates[at]).collect();
            let ratios = rounds.iter().map(|rates| rates[0] / rates[at]).collect();
            let (name, note) = (contender.name, contender.note);
            Figures { name, note, per_second: Spread::of(rates), ratio: Spread::of(ratios) }
        });
        let contenders = contenders.collect::<Vec<_>>();
        let bars = self.bars.iter().map(|bar| bar.judge(&contenders)).collect();
        let noisy = rounds.len() < wanted;
        Outcome {
            name: self.name,
            unit: self.unit,
            rounds: rounds.len(),
            thrown_away,
            noisy,
            contenders,
            bars,
            remarks: self.remarks.iter().map(|remark| remark()).collect(),
        }
    }
}

/// The shortest of a few spins: a single interruption is not what is looked for.
fn calibrate() -> Duration {
    (0..3).map(|_| spin()).min().unwrap_or_default()
}

impl Contender {
    /// How much it does in a second, now.
    fn rate(&mut self) -> f64 {
        let (done, took) = (self.run)();
        done.work as f64 / took.as_secs_f64()
    }
}

impl Bar {
    fn judge(self, contenders: &[Figures]) -> Verdict {
        let (wanted, reached, of) = match self {
            Self::PerSecond(wanted) => (wanted, contenders[0].per_second.median, None),
            Self::Times(wanted, rival) => {
                let found = contenders.iter().find(|figures| figures.name == rival);
                (wanted, found.map_or(f64::NAN, |figures| figures.ratio.median), Some(rival))
            }
        };
        Verdict { times_of: of, wanted, reached, met: reached >= wanted }
    }
}

/// The middle of some figures, and how far they lie apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Of no figures it is all NaN, which JSON shows as null.
    fn of(mut figures: Vec<f64>) -> Self {
        figures.sort_by(f64::total_cmp);
        let at = |place: usize| figures.get(place).copied().unwrap_or(f64::NAN);
        let half = figures.len() / 2;
        let median =
            if figures.len() % 2 == 1 { at(half) } else { (at(half) + at(half.wrapping_sub(1))) / 2.0 };
        Self { median, min: at(0), max: at(figures.len().wrapping_sub(1)) }
    }
}

/// What was measured of one contender.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) name: &'static str,
    pub(crate) note: &'static str,
    pub(crate) per_second: Spread,
    /// How many times as fast the first contender was, round by round.
    pub(crate) ratio: Spread,
}

/// Whether a bar was reached.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Verdict {
    /// The rival that the bar is a multiple of; a rate a second where there is none.
    pub(crate) times_of: Option<&'static str>,
    pub(crate) wanted: f64,
    pub(crate) reached: f64,
    pub(crate) met: bool,
}

/// A row of the table.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Outcome {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    pub(crate) rounds: usize,
    pub(crate) thrown_away: usize,
    /// Whether too few rounds were quiet: then the bars say nothing.
    pub(crate) noisy: bool,
    pub(crate) contenders: Vec<Figures>,
    pub(crate) bars: Vec<Verdict>,
    /// What else is to be known: how much memory it took, how much was done.
    pub(crate) remarks: Vec<String>,
}

/// A rate with a prefix that a person can read: `6.21 M`, `812 k`.
pub(crate) fn rate(per_second: f64) -> String {
    match per_second {
        rate if rate >= 1e6 => format!("{:.2} M", rate / 1e6),
        rate if rate >= 1e3 => format!("{:.1} k", rate / 1e3),
        rate => format!("{rate:.1}"),
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.met { "met     " } else { "NOT MET " })?;
        match self.times_of {
            Some(rival) => {
                write!(f, "at least {} of {rival}: {:.2}", self.wanted, self.reached)
            }
            None => write!(f, "at least {}/s: {}/s", rate(self.wanted), rate(self.reached)),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, unit, rounds, thrown_away, .. } = self;
        writeln!(f, "{name} ({unit} a second; {rounds} rounds, {thrown_away} thrown away)")?;
        writeln!(f, "  {:<34} {:>9} {:>19}   {:>20}", "", "median", "min .. max", "ours to it, spread")?;
        for (place, Figures { name, note, per_second, ratio }) in self.contenders.iter().enumerate() {
            let spread = format!("{} .. {}", rate(per_second.min), rate(per_second.max));
            let ratio = match place {
                0 => String::new(),
                _ => format!("{:.2} ({:.2} .. {:.2})", ratio.median, ratio.min, ratio.max),
            };
            let line = format!("  {name:<34} {:>9} {spread:>19}   {ratio:>20}", rate(per_second.median));
            writeln!(
                f,
                "{}",
                if note.is_empty() { line.trim_end().into() } else { format!("{line}   {note}") }
            )?;
        }
        self.remarks.iter().try_for_each(|remark| writeln!(f, "  {remark}"))?;
        if self.noisy {
            return writeln!(
                f,
                "  NOISY: too few rounds were quiet; measure again when the machine has time"
            );
        }
        self.bars.iter().try_for_each(|bar| writeln!(f, "  {bar}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_and_its_spread() {
        assert_eq!(Spread::of(vec![3.0, 1.0, 2.0]), Spread { median: 2.0, min: 1.0, max: 3.0 });
        assert_eq!(Spread::of(vec![4.0, 1.0, 2.0, 3.0]).median, 2.5);
        assert!(Spread::of(Vec::new()).median.is_nan());
    }

    #[test]
    fn a_bar_is_judged_by_the_median_of_the_paired_ratios() {
        let idle = || Done { work: 1, sum: 0 };
        let contest = Contest::new("row", "runs").with("ours", "", idle).with("theirs", "", idle);
        let contest = contest.bar(Bar::Times(0.5, "theirs")).bar(Bar::PerSecond(100.0));
        // The machine was slow in the second round, for both: the rate suffers, the ratio does not.
        let rounds = [vec![60.0, 100.0], vec![6.0, 10.0], vec![50.0, 100.0]];
        let outcome = contest.judge(&rounds, 0, 3);
        assert_eq!(outcome.contenders[1].ratio, Spread { median: 0.6, min: 0.5, max: 0.6 });
        assert_eq!(outcome.bars.iter().map(|bar| bar.met).collect::<Vec<_>>(), [true, false]);
        assert!(!outcome.noisy);
    }

    #[test]
    #[should_panic(expected = "did not do the same work")]
    fn contenders_that_saw_something_else_are_not_compared() {
        let contest = Contest::new("row", "runs").with("ours", "", || Done { work: 1, sum: 0 }).with(
            "theirs",
            "",
            || Done { work: 1, sum: 1 },
        );
        contest.run(&Plan { pairs: 1, quick: true });
    }
}
