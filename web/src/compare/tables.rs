//! How does the table look on the page? The command line's columns, and each figure leads to the run that gave it.
//!
//! A median is the figure of one run: that is the one that it opens. A sum is of all runs: there it opens the one with most
//! of it. What a mishap did is looked at from where it begins.

use mqlab_core::sim::Bill;
use mqlab_core::sim::compare::{Mishap, Outcome, Row};
use mqlab_core::time::Time;

use super::panel::{Cell, DifferencePart, RowPart, TablePart, Tables};
use super::results::{Results, State};
use crate::text::{Lang, compare as words, compare_names as names};

/// A figure of one run.
type OfRun = fn(&Outcome) -> Option<u64>;

/// A figure of a row: in words, whether it is bad news, and the figure of each run, to find the run that gave it.
struct Figure {
    words: String,
    is_bad: bool,
    /// What the row says, where it is a median; nothing where it is a sum.
    median: Option<u64>,
    of: OfRun,
    /// Whether it is looked at from where the mishap begins.
    from_mishap: bool,
}

/// Nothing was measured.
const NOTHING: &str = "–";

/// All tables, as far as they are known.
pub(super) fn tables(results: &Results, lang: Lang) -> Tables {
    let columns = words::COLUMNS.iter().map(|(name, head, means)| (*name, head.get(lang), means.get(lang)));
    let tables = results.plan.mishaps.iter().map(|mishap| table(results, *mishap, lang));
    Tables {
        head: words::head(&results.plan, lang),
        contender: words::CONTENDER.get(lang),
        columns: columns.collect(),
        tables: tables.filter(|table| !table.rows.is_empty()).collect(),
    }
}

fn table(results: &Results, mishap: Mishap, lang: Lang) -> TablePart {
    let (title, says) = names::mishap(mishap);
    let found = results.differences().iter().filter(|found| found.mishap == mishap);
    let differences: Vec<DifferencePart> = found
        .map(|found| DifferencePart {
            words: words::difference(found, lang),
            value: format!("{mishap} {} {}", found.seed, found.at.0),
            see: words::SEE.get(lang),
        })
        .collect();
    let is_alike = differences.is_empty() && results.state == State::Done;
    TablePart {
        mishap: mishap.name(),
        title: title.get(lang),
        says: says.get(lang),
        rows: results
            .rows()
            .iter()
            .filter(|row| row.mishap == mishap)
            .map(|row| line(results, row, lang))
            .collect(),
        differences,
        alike: if is_alike { words::alike(lang) } else { "" },
    }
}

fn line(results: &Results, row: &Row, lang: Lang) -> RowPart {
    let begins = Mishap::lasts(&results.plan.workload).0;
    let cells = words::COLUMNS.iter().zip(figures(row, lang)).map(|((column, head, _), figure)| {
        let seed = seed_of(results, row, &figure);
        let at = (figure.from_mishap && row.mishap != Mishap::None).then_some(begins);
        let run = (row.contender, row.mishap, seed);
        let link = if figure.words == NOTHING { None } else { results.link(run, at) };
        Cell {
            column,
            head: head.get(lang),
            words: figure.words,
            link: link.unwrap_or_default(),
            opens: format!("{} {seed}", words::OPENS.get(lang)),
            is_bad: figure.is_bad,
        }
    });
    RowPart {
        name: words::contender(&row.contender),
        says: words::says(&row.contender, lang),
        note: if row.waiting > 0 { words::waiting(row.waiting, lang) } else { String::new() },
        cells: cells.collect(),
    }
}

/// The seed of the run that gave a figure.
fn seed_of(results: &Results, row: &Row, figure: &Figure) -> u64 {
    let runs = results.of_row(row);
    let most = |runs: &mut dyn Iterator<Item = &Outcome>| {
        runs.max_by_key(|outcome| ((figure.of)(outcome), std::cmp::Reverse(outcome.seed))).map(|run| run.seed)
    };
    match figure.median {
        Some(median) => {
            runs.into_iter().find(|outcome| (figure.of)(outcome) == Some(median)).map(|run| run.seed)
        }
        None => most(&mut runs.into_iter()),
    }
    .unwrap_or(row.worst)
}

fn median(words: String, median: u64, from_mishap: bool, of: OfRun) -> Figure {
    Figure { words, is_bad: false, median: Some(median), of, from_mishap }
}

fn sum(words: String, is_bad: bool, of: OfRun) -> Figure {
    Figure { words, is_bad, median: None, of, from_mishap: true }
}

fn figures(row: &Row, lang: Lang) -> [Figure; 10] {
    let lost = match row.lost {
        0 => "0".into(),
        lost => words::lost_in(lost, row.lost_in, lang),
    };
    [
        median(words::number(row.per_second), row.per_second, false, |run| Some(run.per_second)),
        median(words::brief(row.p50), row.p50.0, false, |run| Some(run.p50.0)),
        median(words::brief(row.p95), row.p95.0, false, |run| Some(run.p95.0)),
        median(words::brief(row.p99), row.p99.0, false, |run| Some(run.p99.0)),
        median(
            row.no_storing.map_or(NOTHING.into(), words::brief),
            row.no_storing.map_or(0, |span| span.0),
            true,
            |run| run.no_storing.map(|span| span.0),
        ),
        median(words::brief(row.no_delivery), row.no_delivery.0, true, |run| Some(run.no_delivery.0)),
        sum(lost, row.lost > 0, |run| Some(run.lost)),
        sum(words::number(row.doubled), false, |run| Some(run.doubled)),
        median(
            row.flushes_per_thousand.map_or(NOTHING.into(), words::number),
            row.flushes_per_thousand.unwrap_or(0),
            false,
            |run| of_bill(run, |bill| bill.flushes, 1_000),
        ),
        median(
            row.written_per_message
                .map_or(NOTHING.into(), |bytes| format!("{}.{}", bytes / 1024, bytes % 1024 * 10 / 1024)),
            row.written_per_message.unwrap_or(0),
            false,
            |run| of_bill(run, |bill| bill.bytes_written, 1),
        ),
    ]
}

/// As the row counts it.
fn of_bill(run: &Outcome, of: fn(&Bill) -> u64, times: u64) -> Option<u64> {
    Some(of(run.bill.as_ref()?).saturating_mul(times) / run.sent.max(1))
}

/// Where a difference's button leads: its mishap, its seed, its moment.
pub(super) fn place(value: &str) -> Option<(Mishap, u64, Time)> {
    let mut parts = value.split(' ');
    let place = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, Time(parts.next()?.parse().ok()?));
    parts.next().is_none().then_some(place)
}
