//! How does what came of a comparison look as a file? As CSV for spreadsheets, and as one JSON with every run.
//!
//! The command line and the page write both; whoever has the engine has the same columns.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Serialize;

use super::{Contender, FateDiffers, Mishap, Outcome, Row, Workload};
use crate::time::Time;

/// The columns of the table, times in microseconds.
const HEAD: &str = "system,setting,mishap,seeds,sent,per_second,p50_us,p95_us,p99_us,no_storing_us,no_delivery_us,lost,\
                    lost_in,doubled,waiting,flushes_per_thousand,copied_per_message,written_per_message,worst_seed\n";

/// The seed of the runs that are compared message by message.
pub const FIRST_SEED: u64 = 1;

impl Row {
    /// A table for a spreadsheet: a line for each row, times in microseconds, nothing where nothing was measured.
    ///
    /// ```
    /// use mqlab_core::sim::compare::Row;
    /// assert!(Row::csv(&[]).starts_with("system,setting,mishap,seeds,sent,per_second,"));
    /// ```
    pub fn csv(rows: &[Self]) -> String {
        let mut text = String::from(HEAD);
        for row in rows {
            let or_none = |figure: Option<u64>| figure.map_or(String::new(), |figure| figure.to_string());
            let fields = [
                row.contender.profile.to_string(),
                row.contender.setting().to_string(),
                row.mishap.to_string(),
                row.seeds.to_string(),
                row.sent.to_string(),
                row.per_second.to_string(),
                row.p50.0.to_string(),
                row.p95.0.to_string(),
                row.p99.0.to_string(),
                or_none(row.no_storing.map(|span| span.0)),
                row.no_delivery.0.to_string(),
                row.lost.to_string(),
                row.lost_in.to_string(),
                row.doubled.to_string(),
                row.waiting.to_string(),
                or_none(row.flushes_per_thousand),
                or_none(row.copied_per_message),
                or_none(row.written_per_message),
                row.worst.to_string(),
            ];
            text += &fields.join(","); // no field has a comma or a quotation mark: names and numbers
            text.push('\n');
        }
        text
    }
}

/// The first message that fared differently with one contender than with the first of them, under the same mishap and with
/// the first seed.
///
/// ```
/// use mqlab_core::sim::compare::{FirstDifference, Mishap, Outcome, Workload};
/// let workload = Workload { messages: 300, ..Workload::built_in("steady").ok_or("no such workload")? };
/// let run = |who: &str| Outcome::run(&workload, who.parse().expect("it is known"), Mishap::PowerCut, 1);
/// let found = FirstDifference::all(&[run("kafka:acks-all")?, run("kafka:acks-0")?]);
/// assert_eq!(found[0].than.to_string(), "kafka:acks-all");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FirstDifference {
    /// Who.
    pub contender: Contender,
    /// Than whom.
    pub than: Contender,
    /// Under which mishap.
    pub mishap: Mishap,
    /// With which seed.
    pub seed: u64,
    /// Which message, and how it fared: first with the one that it is compared with, then with this one.
    #[serde(flatten)]
    pub differs: FateDiffers,
    /// When that could be seen: the earliest moment at which its fate was decided in the run in which it fared worse.
    pub at: Time,
}

impl FirstDifference {
    /// Of all outcomes: those with the first seed are looked at.
    pub fn all(outcomes: &[Outcome]) -> Vec<Self> {
        let first = |outcome: &&Outcome| outcome.seed == FIRST_SEED;
        let base = |mishap| outcomes.iter().filter(first).find(|other| other.mishap == mishap);
        let against = |outcome: &Outcome| Self::between(base(outcome.mishap)?, outcome);
        outcomes.iter().filter(first).filter_map(against).collect()
    }

    /// Of two; nothing where they are of one contender, or every message fared alike.
    pub fn between(base: &Outcome, other: &Outcome) -> Option<Self> {
        if base.contender == other.contender {
            return None;
        }
        let differs = FateDiffers::between(&base.fates, &other.fates)?;
        let place = usize::try_from(differs.message.0).ok()?.checked_sub(1)?;
        let decided = |outcome: &Outcome| outcome.decided.get(place).copied().unwrap_or(Time::ZERO);
        let [one, another] = [decided(base), decided(other)];
        let worse = if differs.of[0] > differs.of[1] { one } else { another };
        // Where nothing was ever decided of it, the other run is where it can be seen.
        let at = if worse == Time::ZERO { one.max(another) } else { worse };
        Some(Self {
            contender: other.contender,
            than: base.contender,
            mishap: other.mishap,
            seed: other.seed,
            differs,
            at,
        })
    }
}

/// All that came out, for a file.
///
/// ```
/// use mqlab_core::sim::compare::{Mishap, Outcome, Report, Workload};
/// let workload = Workload { messages: 50, ..Workload::built_in("steady").ok_or("no such workload")? };
/// let runs = [Outcome::run(&workload, "kafka".parse()?, Mishap::None, 1)?];
/// assert!(Report::new(&workload, &runs).to_json().contains("\"first_differences\": []"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Serialize)]
pub struct Report<'a> {
    /// What was sent and read.
    pub workload: &'a Workload,
    /// The table.
    pub rows: Vec<Row>,
    /// The first message that fared differently from the first contender's, by contender and mishap, with the first seed.
    pub first_differences: Vec<FirstDifference>,
    /// Every run.
    pub runs: &'a [Outcome],
}

impl<'a> Report<'a> {
    /// Of runs that are over.
    pub fn new(workload: &'a Workload, runs: &'a [Outcome]) -> Self {
        Self { workload, rows: Row::of(runs), first_differences: FirstDifference::all(runs), runs }
    }

    /// The report as a file.
    ///
    /// # Panics
    ///
    /// Never: it is plain data.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("plain data can be written") + "\n"
    }
}
