//! What does a person read of a swarm? How many runs kept which promises, what was met, and each finding with its file.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::time::Duration;

use serde::Serialize;

use super::super::{Stop, count, output, scenarios};
use super::found::Finding;
use super::{Options, Tally};

/// Seeds that a line names.
const SEEDS_NAMED: usize = 5;

/// The same as JSON.
#[derive(Serialize)]
struct Report<'a> {
    engine: &'static str,
    first_seed: u64,
    runs: u64,
    sound: bool,
    /// How often each promise was made.
    promises: &'a BTreeMap<String, u64>,
    sometimes: Vec<Met>,
    findings: &'a [Finding],
}

#[derive(Serialize)]
struct Met {
    what: &'static str,
    runs: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_seed: Option<u64>,
}

pub(super) fn tell(
    tally: &Tally,
    findings: &[Finding],
    took: Duration,
    options: &Options,
) -> Result<(), Stop> {
    let mut out = BufWriter::new(io::stdout());
    if options.json {
        let met = |(what, met): (_, Option<(u64, u64)>)| Met {
            what,
            runs: met.map_or(0, |(runs, _)| runs),
            first_seed: met.map(|(_, first)| first),
        };
        let report = Report {
            engine: mqlab_core::VERSION,
            first_seed: options.seed,
            runs: tally.runs,
            sound: findings.is_empty(),
            promises: &tally.promises,
            sometimes: tally.sometimes().map(met).collect(),
            findings,
        };
        let json = serde_json::to_string(&report).expect("numbers, names and lists are JSON");
        writeln!(out, "{json}").map_err(output)?;
    } else {
        words(&mut out, tally, findings, took, options).map_err(output)?;
    }
    out.flush().map_err(output)
}

fn words(
    out: &mut impl Write,
    tally: &Tally,
    findings: &[Finding],
    took: Duration,
    options: &Options,
) -> io::Result<()> {
    let last = options.seed.wrapping_add(tally.runs.saturating_sub(1));
    writeln!(
        out,
        "swarm        {}, seeds {} to {last}, in {:.1} s",
        count(tally.runs, "run"),
        options.seed,
        took.as_secs_f64()
    )?;
    let made: u64 = tally.promises.values().sum();
    let word = match findings.len() {
        0 => format!("{made} made, all kept"),
        some => format!("{made} made, {} of them broken", count(some as u64, "kind")),
    };
    writeln!(out, "promises     {word}")?;
    for (promise, times) in &tally.promises {
        writeln!(out, "  {times:>8}   {promise}")?;
    }
    writeln!(out, "sometimes    what faults must bring, and what settings that do not promise better may")?;
    for (what, met) in tally.sometimes() {
        match met {
            Some((runs, first)) => writeln!(out, "  {runs:>8}   {what}, first under seed {first}")?,
            None => writeln!(out, "     never   {what}")?,
        }
    }
    for Finding { broken, seeds, small } in findings {
        let named: Vec<String> = seeds.iter().take(SEEDS_NAMED).map(u64::to_string).collect();
        let more = if seeds.len() > SEEDS_NAMED { " ..." } else { "" };
        writeln!(out, "BROKEN       {broken}")?;
        writeln!(out, "  under      {}: {}{more}", count(seeds.len() as u64, "seed"), named.join(" "))?;
        if let Some(small) = small {
            let messages: u64 = small.scenario.producers.iter().map(|producer| producer.messages).sum();
            let (actions, messages) =
                (count(small.scenario.actions.len() as u64, "action"), count(messages, "message"));
            let summary = scenarios::summary(&small.scenario);
            writeln!(out, "  made small {summary}, {messages}, {actions}, by {}", count(small.runs, "run"))?;
            writeln!(out, "  again      mqlab run {}", small.file)?;
            writeln!(out, "  to see     {}", small.link)?;
        }
    }
    Ok(())
}
