//! `mqlab log repair`: what can be saved of a damaged log?

use std::io::Write as _;

use clap::Args;

use super::super::{Stop, count, output};
use super::{Which, stdout};

const EXAMPLES: &str = "\
Writes damaged segments anew with every batch of them that is whole, each at its offset, and keeps
the segments as they were beside them: nothing is thrown away. Logs that are sound are not touched.
Make a copy of the directory before, all the same: a disk that damaged files may do it again.

Consumers go on where they stopped. Records that are lost leave a gap in the offsets.

Examples:
  mqlab log repair --dir data
  mqlab log repair --dir data --topic orders";

/// Options of `mqlab log repair`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    #[command(flatten)]
    which: Which,
}

/// Repairs damaged logs.
pub(super) fn repair(options: &Options) -> Result<(), Stop> {
    let mut storage = options.which.open()?;
    let mut out = stdout();
    for name in options.which.names()? {
        let repaired = storage.repair(&name)?;
        if repaired.found.is_sound() {
            writeln!(out, "{name}: sound, not touched").map_err(output)?;
            continue;
        }
        let kept = count(repaired.found.records, "record");
        writeln!(out, "{name}: repaired, {kept} saved").map_err(output)?;
        for lost in &repaired.lost {
            writeln!(out, "  lost: offsets {} to {}", lost.start, lost.end.0 - 1).map_err(output)?;
        }
        for path in &repaired.set_aside {
            writeln!(out, "  set aside: {}", path.display()).map_err(output)?;
        }
    }
    out.flush().map_err(output)
}
