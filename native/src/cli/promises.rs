//! What was promised, and was it kept? For each promise of a run a line, and for what was broken the chain of events.

use std::io::{self, Write};

use mqlab_core::ids::MessageId;
use mqlab_core::observe::{Judged, Stamped, chain};
use serde::Serialize;

use super::run::named;

/// Of so many messages that broke a promise the story is told.
const TOLD_MAX: usize = 2;

/// What is said about a promise.
#[derive(Serialize)]
pub(super) struct Account<'a> {
    #[serde(flatten)]
    judged: &'a Judged,
    kept: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stories: Vec<Story<'a>>,
}

/// How one message broke it.
#[derive(Serialize)]
struct Story<'a> {
    message: MessageId,
    chain: Vec<&'a Stamped>,
}

/// The accounts of a run's promises. The events are needed for those that were broken.
pub(super) fn accounts<'a>(judged: &'a [Judged], events: &'a [Stamped]) -> Vec<Account<'a>> {
    let story = |&message: &MessageId| Story { message, chain: chain(events, message) };
    let account = |judged: &'a Judged| Account {
        kept: judged.is_kept(),
        stories: judged.broken_by.iter().take(TOLD_MAX).map(story).collect(),
        judged,
    };
    judged.iter().map(account).collect()
}

/// Tells of them in words.
pub(super) fn tell(out: &mut impl Write, accounts: &[Account<'_>]) -> io::Result<()> {
    let broken = accounts.iter().filter(|account| !account.kept).count();
    match (accounts.len(), broken) {
        (0, _) => return writeln!(out, "promises     none: the settings, the faults or the time allow none"),
        (made, 0) => writeln!(out, "promises     {made} made, all kept")?,
        (made, broken) => {
            writeln!(out, "promises     {made} made, {broken} broken")?;
        }
    }
    for Account { judged, kept, stories } in accounts {
        let word = if *kept { "kept" } else { "BROKEN" };
        let by = if *kept { String::new() } else { format!(", by {}", named(&judged.broken_by)) };
        writeln!(out, "  {word:<10} {}{by}", judged.promised)?;
        for Story { message, chain } in stories {
            writeln!(out, "    {message} {}:", judged.promised.promise.breach())?;
            for fact in chain {
                writeln!(out, "    {fact}")?;
            }
        }
    }
    Ok(())
}
