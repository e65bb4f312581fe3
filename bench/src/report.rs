//! How is a result kept? As JSON beside the table, so that two runs can be compared.

use std::fs;
use std::io;
use std::path::Path;

use serde::Serialize;

use crate::contest::Outcome;
use crate::machine::{Busy, Machine};

/// A whole run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) before: Busy,
    pub(crate) after: Busy,
    /// Rounds that each row should have.
    pub(crate) pairs: usize,
    pub(crate) quick: bool,
    pub(crate) rows: Vec<Outcome>,
}

impl Report {
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        let json = serde_json::to_string_pretty(self).map_err(io::Error::other)?;
        fs::write(path, json + "\n")
    }

    /// Which bars were met, in a line or a few.
    pub(crate) fn summary(&self) -> String {
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
