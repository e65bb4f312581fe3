//! What came of all seeds? Medians where it is about time, sums where it is about messages.

use alloc::vec::Vec;

use serde::Serialize;

use super::{Contender, Mishap, Outcome};
use crate::sim::Bill;
use crate::time::Span;

/// A contender under a mishap, over all seeds.
///
/// ```
/// use mqlab_core::sim::compare::{Mishap, Outcome, Row, Workload};
/// let workload = Workload { messages: 50, ..Workload::built_in("steady").ok_or("no such workload")? };
/// let run = |seed| Outcome::run(&workload, "kafka".parse().expect("it is known"), Mishap::None, seed);
/// let rows = Row::of(&[run(1)?, run(2)?, run(3)?]);
/// assert_eq!((rows.len(), rows[0].seeds, rows[0].sent), (1, 3, 150));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Who.
    pub contender: Contender,
    /// What went wrong.
    pub mishap: Mishap,
    /// How many runs.
    pub seeds: u64,
    /// Messages sent, in all runs.
    pub sent: u64,
    /// Lost, in all runs.
    pub lost: u64,
    /// In how many runs something was lost.
    pub lost_in: u64,
    /// Processed more than once, in all runs.
    pub doubled: u64,
    /// Not processed by the end though kept, in all runs.
    pub waiting: u64,
    /// Messages processed a second: the median.
    pub per_second: u64,
    /// The time from sent to processed that half of the messages had, the median of the runs.
    pub p50: Span,
    /// The same of 95 of a hundred.
    pub p95: Span,
    /// The same of 99 of a hundred.
    pub p99: Span,
    /// The longest time without anything acknowledged while somebody waited: the median; nothing where nobody asks.
    pub no_storing: Option<Span>,
    /// The longest time without anything processed while something waited: the median.
    pub no_delivery: Span,
    /// Flushes for a thousand messages: the median; nothing without a machine.
    pub flushes_per_thousand: Option<u64>,
    /// Bytes that brokers copied for a message: the median.
    pub copied_per_message: Option<u64>,
    /// Bytes that brokers wrote to disks for a message, all replicas together: the median.
    pub written_per_message: Option<u64>,
    /// The seed of the worst run: the one that lost most, then doubled most, then stood still longest.
    pub worst: u64,
}

impl Row {
    /// Of outcomes in any order, one row for each contender under each mishap, in order of first appearance.
    pub fn of(outcomes: &[Outcome]) -> Vec<Self> {
        let mut groups: Vec<Vec<&Outcome>> = Vec::new();
        for outcome in outcomes {
            let same = |group: &&mut Vec<&Outcome>| {
                (group[0].contender, group[0].mishap) == (outcome.contender, outcome.mishap)
            };
            match groups.iter_mut().find(same) {
                Some(group) => group.push(outcome),
                None => groups.push(Vec::from([outcome])),
            }
        }
        groups.into_iter().map(|group| Self::of_group(&group)).collect()
    }

    /// Of at least one outcome.
    fn of_group(group: &[&Outcome]) -> Self {
        let sum = |of: fn(&Outcome) -> u64| group.iter().map(|outcome| of(outcome)).sum::<u64>();
        let span = |of: fn(&Outcome) -> Span| Span(median(group.iter().map(|outcome| of(outcome).0)));
        let costs = |of: fn(&Bill) -> u64, times: u64| {
            let for_each = |outcome: &&Outcome| {
                let bill = outcome.bill.as_ref()?;
                Some(of(bill).saturating_mul(times) / outcome.sent.max(1))
            };
            Some(median(group.iter().map(for_each).collect::<Option<Vec<u64>>>()?.into_iter()))
        };
        let worst = group.iter().max_by_key(|outcome| {
            (outcome.lost, outcome.doubled, outcome.no_storing, core::cmp::Reverse(outcome.seed))
        });
        Self {
            contender: group[0].contender,
            mishap: group[0].mishap,
            seeds: group.len() as u64,
            sent: sum(|outcome| outcome.sent),
            lost: sum(|outcome| outcome.lost),
            lost_in: group.iter().filter(|outcome| outcome.lost > 0).count() as u64,
            doubled: sum(|outcome| outcome.doubled),
            waiting: sum(|outcome| outcome.waiting),
            per_second: median(group.iter().map(|outcome| outcome.per_second)),
            p50: span(|outcome| outcome.p50),
            p95: span(|outcome| outcome.p95),
            p99: span(|outcome| outcome.p99),
            no_storing: group[0].no_storing.map(|_| span(|outcome| outcome.no_storing.unwrap_or_default())),
            no_delivery: span(|outcome| outcome.no_delivery),
            flushes_per_thousand: costs(|bill| bill.flushes, 1_000),
            copied_per_message: costs(|bill| bill.bytes_copied, 1),
            written_per_message: costs(|bill| bill.bytes_written, 1),
            worst: worst.map_or(group[0].seed, |outcome| outcome.seed),
        }
    }
}

/// The middle one, of an even number the lower of the two.
fn median(values: impl Iterator<Item = u64>) -> u64 {
    let mut all: Vec<u64> = values.collect();
    all.sort_unstable();
    all.get(all.len().saturating_sub(1) / 2).copied().unwrap_or(0)
}
