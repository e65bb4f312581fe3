//! How is a run made, shown and kept? Row by row as a table, and as JSON beside it, so that two runs can be compared.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::contest::{Contest, Outcome, PAIRS_MIN, Plan};
use crate::machine::{Busy, Machine};

/// Pairs of runs for each row, where nobody says how many.
const PAIRS_DEFAULT: usize = 11;

/// A row of the table: made when its turn comes, since it holds much memory.
pub type Row = (String, Box<dyn Fn(&Plan) -> Contest>);

/// What everybody may ask of a benchmark.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Also write what was measured as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// How often each row is measured, all its contenders each time
    #[arg(long, default_value_t = PAIRS_DEFAULT, value_parser = at_least_pairs)]
    pub pairs: usize,
    /// A first look: the fewest pairs, and a quarter of the work
    #[arg(long)]
    pub quick: bool,
    /// Only the rows whose name holds this text
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,
}

fn at_least_pairs(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(pairs) if pairs >= PAIRS_MIN => Ok(pairs),
        Ok(_) => Err(format!("with fewer than {PAIRS_MIN} pairs a median says little")),
        Err(error) => Err(format!("{error}")),
    }
}

/// A whole run.
#[derive(Debug, Serialize)]
pub struct Report {
    /// On which machine.
    pub machine: Machine,
    /// What else there is to know of where it ran: each line is said below the machine.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub place: Vec<String>,
    /// How busy it was at the beginning.
    pub before: Busy,
    /// And at the end.
    pub after: Busy,
    /// Rounds that each row should have.
    pub pairs: usize,
    /// Whether less work was measured than a median deserves.
    pub quick: bool,
    /// What came out.
    pub rows: Vec<Outcome>,
}

impl Report {
    /// Measures the rows that are asked for, and prints each when it is done.
    pub fn measure(rows: &[Row], options: &Options, place: Vec<String>) -> Self {
        let (pairs, quick) = (if options.quick { PAIRS_MIN } else { options.pairs }, options.quick);
        let plan = Plan { pairs, quick };
        let wanted = |(name, _): &&Row| options.only.as_ref().is_none_or(|text| name.contains(text.as_str()));
        let (machine, before) = (Machine::describe(), Busy::now());
        println!("{machine}");
        place.iter().for_each(|line| println!("{line}"));
        println!("before: {before}");
        let mut results = Vec::new();
        for (_, contest) in rows.iter().filter(wanted) {
            let result = contest(&plan).run(&plan);
            print!("\n{result}");
            results.push(result);
        }
        let after = Busy::now();
        println!("\nafter:  {after}");
        Self { machine, place, before, after, pairs, quick, rows: results }
    }

    /// Says which bars were met, and writes the JSON that was asked for.
    pub fn finish(&self, options: &Options) -> ExitCode {
        println!("{}", self.summary());
        let Some(path) = &options.json else { return ExitCode::SUCCESS };
        match self.write(path) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: cannot write {}: {error}", path.display());
                ExitCode::FAILURE
            }
        }
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let json = serde_json::to_string_pretty(self).map_err(io::Error::other)?;
        fs::write(path, json + "\n")
    }

    /// Which bars were met, in a line or a few.
    fn summary(&self) -> String {
        let quiet = || self.rows.iter().filter(|row| !row.noisy);
        let bars = quiet().map(|row| row.bars.len()).sum::<usize>();
        let missed: Vec<String> = quiet()
            .flat_map(|row| {
                row.bars.iter().filter(|bar| !bar.met).map(|bar| format!("  {}: {bar}", row.name))
            })
            .collect();
        let noisy = self.rows.len() - quiet().count();
        let mut text = format!("{} of {bars} bars met", bars - missed.len());
        if noisy > 0 {
            text += &format!("; {noisy} rows too noisy to judge");
        }
        missed.iter().fold(text, |text, line| format!("{text}\n{line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_pairs_are_refused() {
        assert!(at_least_pairs("7").is_ok());
        assert!(at_least_pairs("6").is_err());
        assert!(at_least_pairs("many").is_err());
    }
}
