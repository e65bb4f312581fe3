//! How does a table of a comparison look in words, on a terminal?

use std::fmt::Write as _;

use mqlab_core::sim::compare::{Fate, FirstDifference, Mishap, Row, Workload, in_brief};

use crate::cli::count;

/// The heads of the columns, and how wide each is.
const COLUMNS: [(&str, usize); 11] = [
    ("", 24),
    ("a second", 9),
    ("p50", 9),
    ("p95", 9),
    ("p99", 9),
    ("no storing", 11),
    ("no delivery", 12),
    ("lost", 12),
    ("doubled", 8),
    ("flushes/1000", 13),
    ("KiB written", 12),
];

/// The table, one part for each mishap.
pub(super) fn words(workload: &Workload, rows: &[Row], differences: &[FirstDifference]) -> String {
    let mut text = head(workload, rows);
    let mut mishaps: Vec<Mishap> = Vec::new();
    for row in rows {
        if !mishaps.contains(&row.mishap) {
            mishaps.push(row.mishap);
        }
    }
    for mishap in mishaps {
        let _ = writeln!(text, "\n{mishap}: {}", mishap.says());
        for (name, wide) in COLUMNS {
            let _ =
                if name.is_empty() { write!(text, "  {name:wide$}") } else { write!(text, "{name:>wide$}") };
        }
        text.push('\n');
        for row in rows.iter().filter(|row| row.mishap == mishap) {
            line(&mut text, row);
        }
        for difference in differences.iter().filter(|difference| difference.mishap == mishap) {
            let [one, other] = difference.differs.of.map(fate);
            let _ = writeln!(
                text,
                "  with seed {}, {} is the first message that fared differently: {one} with {}, {other} with {}",
                difference.seed, difference.differs.message, difference.than, difference.contender
            );
        }
    }
    text += "\nTimes are medians over the seeds, lost and doubled are sums. no storing, no delivery: the longest that somebody\n\
             waited while nothing was acknowledged, or processed. Every timeout is a tenth of the system's own.\n";
    text
}

fn head(workload: &Workload, rows: &[Row]) -> String {
    let seeds = rows.first().map_or(0, |row| row.seeds);
    let machine =
        workload.machine.as_deref().map_or("that costs nothing".into(), |name| format!("\"{name}\""));
    format!(
        "{}: {} of {} B from {} to {}, on a machine {machine}; {}\n",
        workload.name,
        count(workload.messages, "message"),
        workload.bytes,
        count(workload.producers.into(), "producer"),
        count(workload.consumers.into(), "consumer"),
        count(seeds, "seed"),
    )
}

/// The figures of a row, as the columns have them.
fn figures(row: &Row) -> [String; 10] {
    let lost = match (row.lost, row.lost_in) {
        (0, _) => "0".to_owned(),
        (lost, runs) => format!("{lost} in {runs}"),
    };
    [
        row.per_second.to_string(),
        in_brief(row.p50),
        in_brief(row.p95),
        in_brief(row.p99),
        row.no_storing.map_or("-".into(), in_brief),
        in_brief(row.no_delivery),
        lost,
        row.doubled.to_string(),
        row.flushes_per_thousand.map_or("-".into(), |flushes| flushes.to_string()),
        row.written_per_message
            .map_or("-".into(), |bytes| format!("{}.{}", bytes / 1024, bytes % 1024 * 10 / 1024)),
    ]
}

fn line(text: &mut String, row: &Row) {
    let _ = write!(text, "  {:24}", row.contender);
    for (figure, (_, wide)) in figures(row).iter().zip(&COLUMNS[1..]) {
        let _ = write!(text, "{figure:>wide$}");
    }
    if row.waiting > 0 {
        let _ = write!(text, "  {} still waiting at the end", row.waiting);
    }
    text.push('\n');
}

/// The same for a document.
pub(super) fn markdown(rows: &[Row]) -> String {
    let heads: Vec<&str> = COLUMNS[1..].iter().map(|(head, _)| *head).collect();
    let mut text = format!("| system | mishap | {} | still waiting |\n", heads.join(" | "));
    text += &format!("|---|---|{}---:|\n", "---:|".repeat(heads.len()));
    for row in rows {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            row.contender,
            row.mishap,
            figures(row).join(" | "),
            row.waiting
        );
    }
    text
}

fn fate(fate: Fate) -> &'static str {
    match fate {
        Fate::Once => "processed once",
        Fate::Doubled => "processed more than once",
        Fate::Waiting => "kept and not processed",
        Fate::Unanswered => "not acknowledged",
        Fate::Lost => "lost",
    }
}
