//! How are two programs compared on a machine that others use, too? In one run, taking turns, by their ratio.
//!
//! ```text
//!   spin  A B C  spin │ spin  B C A  spin │ spin  C A B  spin │ ...     at least 7 rounds, contenders rotated
//!     └─ if the second spin differs from the first by more than a tenth, the round is thrown away
//! ```
//!
//! A round gives one ratio to each rival; reported are the median ratio and the spread. Whatever slows the machine
//! for longer than a round slows all contenders of it, and the ratio does not move. How long a contender took is the
//! processor's time where the system tells it ([`Stopwatch`]), as long as all of them work on one thread; where disks,
//! sockets and other threads take part, it is the time on the clock, and the processor's stands beside it ([`Took`]).

use std::fmt;
use std::hint::black_box;
use std::thread;
use std::time::Duration;

use serde::Serialize;

use crate::machine::{Stopwatch, spin};

/// The fewest rounds whose median says something.
pub const PAIRS_MIN: usize = 7;
/// By how much of its length the calibration spin may move within a round.
const SPIN_MOVES_MAX: f64 = 0.1;
/// How many times as many rounds are tried as are wanted, before a row is called noisy.
const PATIENCE: usize = 4;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Rounds to keep.
    pub pairs: usize,
    /// Whether a quarter of the work is enough.
    pub quick: bool,
}

impl Plan {
    /// So much work, or a quarter of it.
    #[must_use]
    pub fn work(&self, full: usize) -> usize {
        if self.quick { full / 4 } else { full }
    }
}

/// What one contender did: how much, and a sum over what it saw, so that nothing can be optimized away.
#[derive(Clone, Copy, Debug)]
pub struct Done {
    /// How much, in the contest's unit.
    pub work: usize,
    /// Over what was seen.
    pub sum: u64,
}

/// How long something took.
#[derive(Clone, Copy, Debug)]
pub struct Took {
    /// What rates are computed with.
    pub counted: Duration,
    /// The processor's part of it, of all threads together, where that is another figure and worth knowing.
    pub processor: Option<Duration>,
}

impl From<Duration> for Took {
    fn from(counted: Duration) -> Self {
        Self { counted, processor: None }
    }
}

/// One who takes part.
struct Contender {
    name: &'static str,
    /// What a reader must know: where it does less, or something else.
    note: &'static str,
    run: Box<dyn FnMut() -> (Done, Took)>,
}

/// What the first contender should reach.
#[derive(Clone, Copy, Debug)]
pub enum Bar {
    /// So many units of work a second.
    PerSecond(f64),
    /// So many times the rate of this rival.
    Times(f64, &'static str),
    /// No longer than this for each unit of work, in milliseconds.
    Each(f64),
    /// No longer than so many times as long as this rival.
    TimesAsLong(f64, &'static str),
    /// No more than so many of a unit; what there is was counted, not timed.
    AtMost(f64, f64, &'static str),
}

/// The same work, done by several contenders; the first is the one that is judged.
pub struct Contest {
    name: String,
    unit: &'static str,
    contenders: Vec<Contender>,
    bars: Vec<Bar>,
    remarks: Vec<Box<dyn Fn() -> String>>,
    pause: Duration,
}

impl Contest {
    /// A contest over work that is counted in `unit`.
    pub fn new(name: impl Into<String>, unit: &'static str) -> Self {
        let (contenders, bars, remarks) = (Vec::new(), Vec::new(), Vec::new());
        Self { name: name.into(), unit, contenders, bars, remarks, pause: Duration::ZERO }
    }

    /// Waits so long before each contender: for what grants bursts and then has to rest, as disks in a cloud do.
    #[must_use]
    pub fn pause(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// Adds a contender.
    pub fn with(
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
    pub fn with_timed<T: Into<Took>>(
        mut self,
        name: &'static str,
        note: &'static str,
        mut run: impl FnMut() -> (Done, T) + 'static,
    ) -> Self {
        let run = move || {
            let (done, took) = run();
            (done, took.into())
        };
        self.contenders.push(Contender { name, note, run: Box::new(run) });
        self
    }

    /// Adds something that is to be said below the figures, once all have run.
    pub fn remark(mut self, remark: impl Fn() -> String + 'static) -> Self {
        self.remarks.push(Box::new(remark));
        self
    }

    /// Adds a bar for the first contender.
    pub fn bar(mut self, bar: Bar) -> Self {
        self.bars.push(bar);
        self
    }

    /// Lets all run in turn until enough rounds were quiet.
    pub fn run(mut self, plan: &Plan) -> Outcome {
        if self.contenders.is_empty() {
            return self.judge(&[], 0, 0); // nothing is timed
        }
        self.warm_up();
        let mut rounds: Vec<Vec<Rate>> = Vec::new();
        let mut thrown_away = 0;
        for round in 0..plan.pairs * PATIENCE {
            let before = calibrate();
            let mut rates = vec![Rate::default(); self.contenders.len()];
            for turn in 0..rates.len() {
                let at = (turn + round) % rates.len();
                thread::sleep(self.pause);
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

    fn judge(self, rounds: &[Vec<Rate>], thrown_away: usize, wanted: usize) -> Outcome {
        let contenders = self.contenders.iter().enumerate().map(|(at, contender)| {
            let of = |rate: fn(&Rate) -> Option<f64>| {
                rounds.iter().map(|rates| rate(&rates[at])).collect::<Option<_>>().map(Spread::of)
            };
            let times = |rate: fn(&Rate) -> Option<f64>| {
                let ratios = rounds.iter().map(|rates| Some(rate(&rates[0])? / rate(&rates[at])?));
                ratios.collect::<Option<_>>().map(Spread::of)
            };
            let clock: fn(&Rate) -> Option<f64> = |rate| Some(rate.per_second);
            let processor: fn(&Rate) -> Option<f64> = |rate| rate.per_processor_second;
            let none = || Spread::of(Vec::new());
            Figures {
                name: contender.name,
                note: contender.note,
                per_second: of(clock).unwrap_or_else(none),
                ratio: times(clock).unwrap_or_else(none),
                processor_ratio: if rounds.is_empty() { None } else { times(processor) },
            }
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
    fn rate(&mut self) -> Rate {
        let (done, took) = (self.run)();
        let per = |time: Duration| done.work as f64 / time.as_secs_f64();
        Rate { per_second: per(took.counted), per_processor_second: took.processor.map(per) }
    }
}

/// How much was done in a second.
#[derive(Clone, Copy, Debug, Default)]
struct Rate {
    per_second: f64,
    per_processor_second: Option<f64>,
}

impl Bar {
    fn judge(self, contenders: &[Figures]) -> Verdict {
        let ratio = |rival| {
            let found = contenders.iter().find(|figures| figures.name == rival);
            found.map_or(f64::NAN, |figures| figures.ratio.median)
        };
        let at_least = |wanted, reached, times_of| Verdict {
            times_of,
            at_most: None,
            wanted,
            reached,
            met: reached >= wanted,
        };
        let at_most = |wanted, reached, times_of, unit| Verdict {
            times_of,
            at_most: Some(unit),
            wanted,
            reached,
            met: reached <= wanted,
        };
        match self {
            Self::PerSecond(wanted) => at_least(wanted, contenders[0].per_second.median, None),
            Self::Times(wanted, rival) => at_least(wanted, ratio(rival), Some(rival)),
            Self::Each(wanted) => at_most(wanted, 1e3 / contenders[0].per_second.median, None, "ms each"),
            Self::TimesAsLong(wanted, rival) => {
                at_most(wanted, 1.0 / ratio(rival), Some(rival), "times as long")
            }
            Self::AtMost(wanted, reached, unit) => at_most(wanted, reached, None, unit),
        }
    }
}

/// The middle of some figures, and how far they lie apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The middle.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
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
pub struct Figures {
    /// Who it was.
    pub name: &'static str,
    /// Where it does less, or something else.
    pub note: &'static str,
    /// How much it did in a second.
    pub per_second: Spread,
    /// How many times as fast the first contender was, round by round.
    pub ratio: Spread,
    /// How many times as much the first contender did with the same time of the processor, where that was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processor_ratio: Option<Spread>,
}

/// Whether a bar was reached.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// The rival that the bar is a multiple of; a rate a second where there is none.
    pub times_of: Option<&'static str>,
    /// Of what there should be no more; `None` where there should be no less.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_most: Option<&'static str>,
    /// What should be reached.
    pub wanted: f64,
    /// The median of what was.
    pub reached: f64,
    /// Whether that is enough.
    pub met: bool,
}

/// A row of the table.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// What was measured.
    pub name: String,
    /// What is counted.
    pub unit: &'static str,
    /// Rounds that were quiet.
    pub rounds: usize,
    /// Rounds in which the machine's speed moved.
    pub thrown_away: usize,
    /// Whether too few rounds were quiet: then the bars say nothing.
    pub noisy: bool,
    /// Who took part; the first is judged.
    pub contenders: Vec<Figures>,
    /// What was asked of the first.
    pub bars: Vec<Verdict>,
    /// What else is to be known: how much memory it took, how much was done.
    pub remarks: Vec<String>,
}

/// A rate with a prefix that a person can read: `6.21 M`, `812 k`.
pub fn rate(per_second: f64) -> String {
    match per_second {
        rate if rate >= 1e9 => format!("{:.2} G", rate / 1e9),
        rate if rate >= 1e6 => format!("{:.2} M", rate / 1e6),
        rate if rate >= 1e3 => format!("{:.1} k", rate / 1e3),
        rate => format!("{rate:.1}"),
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.met { "met     " } else { "NOT MET " })?;
        match (self.times_of, self.at_most) {
            (Some(rival), Some(unit)) => {
                write!(f, "at most {} {unit} as {rival}: {:.2}", self.wanted, self.reached)
            }
            (None, Some(unit)) => write!(f, "at most {} {unit}: {:.1}", self.wanted, self.reached),
            (Some(rival), None) => {
                write!(f, "at least {} of {rival}: {:.2}", self.wanted, self.reached)
            }
            (None, None) => write!(f, "at least {}/s: {}/s", rate(self.wanted), rate(self.reached)),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, unit, rounds, thrown_away, .. } = self;
        if self.contenders.is_empty() {
            writeln!(f, "{name} ({unit})")?;
            self.remarks.iter().try_for_each(|remark| writeln!(f, "  {remark}"))?;
            return self.bars.iter().try_for_each(|bar| writeln!(f, "  {bar}"));
        }
        writeln!(f, "{name} ({unit} a second; {rounds} rounds, {thrown_away} thrown away)")?;
        let both = self.contenders.iter().any(|figures| figures.processor_ratio.is_some());
        let processor = if both { " processor" } else { "" };
        writeln!(
            f,
            "  {:<34} {:>9} {:>19}   {:>20}{processor}",
            "", "median", "min .. max", "ours to it, spread"
        )?;
        for (place, Figures { name, note, per_second, ratio, processor_ratio }) in
            self.contenders.iter().enumerate()
        {
            let spread = format!("{} .. {}", rate(per_second.min), rate(per_second.max));
            let ratio = match place {
                0 => String::new(),
                _ => format!("{:.2} ({:.2} .. {:.2})", ratio.median, ratio.min, ratio.max),
            };
            let processor = match processor_ratio {
                Some(spread) if place > 0 => format!(" {:>9.2}", spread.median),
                _ if both => format!(" {:>9}", ""),
                _ => String::new(),
            };
            let median = rate(per_second.median);
            let line = format!("  {name:<34} {median:>9} {spread:>19}   {ratio:>20}{processor}");
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
        let rounds = [[60.0, 100.0], [6.0, 10.0], [50.0, 100.0]];
        let rate = |per_second| Rate { per_second, per_processor_second: None };
        let rounds = rounds.map(|rates| rates.map(rate).to_vec());
        let outcome = contest.judge(&rounds, 0, 3);
        assert_eq!(outcome.contenders[1].ratio, Spread { median: 0.6, min: 0.5, max: 0.6 });
        assert_eq!(outcome.bars.iter().map(|bar| bar.met).collect::<Vec<_>>(), [true, false]);
        assert!(!outcome.noisy);
    }

    #[test]
    fn what_should_be_short_is_judged_by_how_long_it_takes() {
        let idle = || Done { work: 1, sum: 0 };
        let contest = Contest::new("row", "frames").with("ours", "", idle).with("theirs", "", idle);
        let bars = [
            Bar::Each(8.0),
            Bar::Each(4.0),
            Bar::TimesAsLong(1.5, "theirs"),
            Bar::AtMost(300.0, 301.0, "KB"),
        ];
        let contest = bars.into_iter().fold(contest, Contest::bar);
        let rate = |per_second| Rate { per_second, per_processor_second: None };
        let outcome = contest.judge(&[vec![rate(200.0), rate(250.0)]], 0, 1); // 5 ms, and 4 ms
        assert_eq!(outcome.bars.iter().map(|bar| bar.met).collect::<Vec<_>>(), [true, false, true, false]);
        assert_eq!(outcome.bars[0].to_string(), "met     at most 8 ms each: 5.0");
        assert_eq!(outcome.bars[2].to_string(), "met     at most 1.5 times as long as theirs: 1.25");
    }

    #[test]
    fn what_is_only_counted_needs_no_rounds() {
        let outcome =
            Contest::new("row", "size").bar(Bar::AtMost(3.0, 2.0, "KB")).run(&Plan { pairs: 7, quick: true });
        assert!(!outcome.noisy && outcome.bars[0].met && outcome.rounds == 0);
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
