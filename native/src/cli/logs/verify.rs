//! `mqlab log verify`: are the files what was written?

use std::io::{ErrorKind, Write as _};

use clap::Args;
use mqlab::Error;
use mqlab::log::{Finding, Verified, verify_in};
use serde_json::{Value, json};

use super::super::{Stop, count, output, say};
use super::{Which, stdout};

const EXAMPLES: &str = "\
Reads everything and changes nothing. Ends with 0 when all is sound, and with 1 when something
that was stored is damaged or missing, or cannot be read.

What heals by itself when the log is opened is told, and is no damage: the torn end of a write
that was interrupted, and an index that does not fit.

Examples:
  mqlab log verify --dir data
  mqlab log verify --dir data --topic orders --json";

/// Options of `mqlab log verify`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    #[command(flatten)]
    which: Which,
    /// Print a JSON object for each log
    #[arg(long)]
    json: bool,
}

/// Reads logs and says whether they are sound.
pub(super) fn verify(options: &Options) -> Result<(), Stop> {
    let Options { which, json } = options;
    // Keeps others from writing meanwhile; where nothing can be written, nobody can.
    let _held = match which.open() {
        Err(error) if is_read_only(&error) => None,
        opened => Some(opened?),
    };
    let names = which.names()?;
    let mut out = stdout();
    let mut damaged = 0;
    for name in &names {
        let (verified, aside) = verify_in(&which.dir, name)?;
        damaged += usize::from(!verified.is_sound());
        if *json {
            let aside: Vec<String> = aside.iter().map(|path| path.display().to_string()).collect();
            writeln!(out, "{}", to_json(&verified, &aside)).map_err(output)?;
            continue;
        }
        writeln!(out, "{}", summary(&verified)).map_err(output)?;
        for finding in &verified.findings {
            let kind = if finding.is_damage() { "damage" } else { "note" };
            writeln!(out, "  {kind}: {finding}").map_err(output)?;
        }
        for path in aside {
            writeln!(out, "  note: {} was set aside earlier", path.display()).map_err(output)?;
        }
    }
    out.flush().map_err(output)?;
    if damaged == 0 {
        return Ok(());
    }
    let logs = match (damaged, names.len()) {
        (_, 1) => "the log is".to_owned(),
        (1, of) => format!("1 of {of} logs is"),
        (damaged, of) => format!("{damaged} of {of} logs are"),
    };
    say(format_args!(
        "{logs} damaged: 'mqlab log repair' saves what is whole (make a copy of the directory first)"
    ));
    Err(Stop::Found)
}

/// Whether it is only that we may not write there.
fn is_read_only(error: &Error) -> bool {
    use ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    matches!(error, Error::Io { source, .. } if matches!(source.kind(), PermissionDenied | ReadOnlyFilesystem))
}

fn summary(verified: &Verified) -> String {
    let state = if verified.is_sound() { "sound" } else { "DAMAGED" };
    format!(
        "{}: {state}, {} in {}, offsets {} to {}, {} bytes in {}",
        verified.log,
        count(verified.records, "record"),
        count(verified.batches, "batch").replace("batchs", "batches"),
        verified.offsets.start,
        verified.offsets.end,
        verified.bytes,
        count(verified.segments as u64, "segment"),
    )
}

fn to_json(verified: &Verified, set_aside: &[String]) -> Value {
    let finding = |finding: &Finding| json!({ "damage": finding.is_damage(), "what": finding.to_string() });
    json!({
        "log": verified.log.to_string(),
        "sound": verified.is_sound(),
        "segments": verified.segments,
        "batches": verified.batches,
        "records": verified.records,
        "bytes": verified.bytes,
        "start": verified.offsets.start.0,
        "end": verified.offsets.end.0,
        "findings": verified.findings.iter().map(finding).collect::<Vec<_>>(),
        "set_aside": set_aside,
    })
}
