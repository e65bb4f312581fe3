//! Scripts that read as lessons: what is done to a cluster, and what it did.
//!
//! A script is text. A line that begins with `> ` is an input; the lines after it, up to the next input, comment or
//! blank line, are what must come out. Everything else is for the reader.
//!
//! | input | output |
//! |---|---|
//! | `scenario NAME [seed N]` | - |
//! | `run to MS [only WORD WORD ...]` | the events on the way; only those with one of the words, if given |
//! | `go to MS` | - (also back in time; nothing is shown) |
//! | `crash NODE`, `cut-power NODE`, `restart NODE` | the events that this brings at once, or why it cannot be |
//! | `logs of PLACE` | each broker's copy, as cells: `[m1]` committed, `(m1)` not yet, `<m1>` delivered |
//! | `life of mN` | what happened to the message so far |
//! | `verdict` | what the judge says |
//! | `counts` | what failed, died, came back, and how many messages were sent and received |
//! | `orders` | what users were told, and what was really done |
//! | `branches` | each branch, and where it left which |
//!
//! With `UPDATE_EXPECT=1` the outputs are written anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use mqlab_core::ids::MessageId;
use mqlab_core::observe::Stamped;
use mqlab_core::sim::picture::{BrokerView, Cell, CellState, Role, StripView};
use mqlab_core::sim::{Command, Scenario, Timeline};
use mqlab_core::time::Time;

/// How many cells `logs of` shows of each log.
const CELLS_MAX: usize = 12;

/// Runs a script, and returns it with the outputs that came.
///
/// # Errors
///
/// The number of the line that is not understood, and why.
pub fn play(script: &str) -> Result<String, String> {
    let mut stage = None;
    let mut played = String::new();
    let mut skipping = false;
    for (index, line) in script.lines().enumerate() {
        if let Some(input) = line.strip_prefix("> ") {
            let output = perform(&mut stage, input).map_err(|why| format!("line {}: {why}", index + 1))?;
            played.push_str(line);
            played.push('\n');
            played.push_str(&output);
            skipping = true;
        } else if !skipping || line.is_empty() || line.starts_with('#') {
            skipping = false;
            played.push_str(line);
            played.push('\n');
        }
    }
    Ok(played)
}

fn perform(stage: &mut Option<Timeline>, input: &str) -> Result<String, String> {
    let words: Vec<&str> = input.split_whitespace().collect();
    if let ["scenario", name, ref rest @ ..] = words[..] {
        let scenario = Scenario::built_in(name).ok_or_else(|| format!("there is no scenario {name}"))?;
        let seed = match rest {
            ["seed", seed] => seed.parse().map_err(|_| format!("{seed} is not a seed"))?,
            _ => scenario.seed,
        };
        *stage = Some(Timeline::new(scenario, seed).map_err(|error| error.to_string())?);
        return Ok(String::new());
    }
    let timeline = stage.as_mut().ok_or("a script begins with a scenario")?;
    match words[..] {
        ["run", "to", at, ref filter @ ..] => run(timeline, moment(at)?, filter),
        ["go", "to", at] => {
            timeline.seek(moment(at)?);
            Ok(String::new())
        }
        ["logs", "of", place] => Ok(logs(timeline, place)),
        ["life", "of", message] => {
            let number = message.strip_prefix('m').and_then(|number| number.parse().ok());
            let message = MessageId(number.ok_or("a message is written m17")?);
            Ok(timeline.life(message).map(|stamped| format!("{stamped}\n")).collect())
        }
        ["verdict"] => Ok(verdict(timeline)),
        ["counts"] => Ok(counts(timeline)),
        ["orders"] => Ok(orders(timeline)),
        ["branches"] => Ok(branches(timeline)),
        _ => {
            let command: Command = input.parse().map_err(|_| format!("{input:?} is not understood"))?;
            let before = timeline.happened();
            Ok(match timeline.command(command) {
                Ok(()) => lines(&timeline.events()[before..timeline.happened()]),
                Err(refused) => format!("no: {refused}\n"),
            })
        }
    }
}

fn moment(text: &str) -> Result<Time, String> {
    text.parse().map_err(|error: mqlab_core::time::BadTime| error.to_string())
}

fn lines<'a>(events: impl IntoIterator<Item = &'a Stamped>) -> String {
    events.into_iter().map(|stamped| format!("{stamped}\n")).collect()
}

fn run(timeline: &mut Timeline, to: Time, filter: &[&str]) -> Result<String, String> {
    let before = timeline.happened();
    timeline.advance(to);
    let news = &timeline.events()[before..timeline.happened()];
    match filter {
        [] => Ok(lines(news)),
        ["only", words @ ..] => {
            let told = |stamped: &&Stamped| {
                let line = stamped.to_string();
                words.iter().any(|word| line.split([' ', ',', ':']).any(|part| part == *word))
            };
            Ok(lines(news.iter().filter(told)))
        }
        _ => Err("after the moment comes nothing, or only WORD ...".into()),
    }
}

fn logs(timeline: &Timeline, place: &str) -> String {
    let picture = timeline.picture(CELLS_MAX);
    let mut text = String::new();
    for BrokerView { node, up, strips, .. } in &picture.brokers {
        for strip in strips.iter().filter(|strip| strip.place.to_string() == place) {
            let cells: Vec<String> = strip.cells.iter().map(cell).collect();
            let down = if *up { "" } else { ", down" };
            let written =
                writeln!(text, "{node:<10} {:<22} {}", format!("{}{down}", role(strip)), cells.join(" "));
            debug_assert!(written.is_ok(), "a string takes what it is given");
        }
    }
    text
}

fn role(strip: &StripView) -> String {
    match strip.role {
        Role::Queue => format!("holds {}", strip.held),
        Role::Leader { epoch } => format!("leads, epoch {epoch}"),
        Role::Follower { in_sync: true } => "in sync".into(),
        Role::Follower { in_sync: false } => "not in sync".into(),
        Role::Down => "on its disk".into(),
        Role::Owner { ledger } => format!("owns, ledger {ledger}"),
        Role::Keeper { fenced: false } => "keeps".into(),
        Role::Keeper { fenced: true } => "keeps, fenced".into(),
    }
}

fn cell(cell: &Cell) -> String {
    let name = cell.mark.map_or_else(|| "-".into(), |mark| mark.message.to_string());
    match cell.state {
        CellState::Committed | CellState::Ready => format!("[{name}]"),
        CellState::Uncommitted => format!("({name})"),
        CellState::Delivered(_) => format!("<{name}>"),
        CellState::Waiting(_) => format!("~{name}~"),
    }
}

fn verdict(timeline: &Timeline) -> String {
    let verdict = timeline.verdict();
    let named = |messages: &BTreeSet<MessageId>| match messages.len() {
        0 => "0".into(),
        count => {
            format!("{count} ({})", messages.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        }
    };
    let agreement = verdict.agreement();
    let own = match agreement.is_empty() {
        true => String::new(),
        false => format!(
            "own transactions: committed {}, undone {}, asked about {}, invented {}, unheard {}\n",
            agreement.committed(),
            agreement.undone(),
            agreement.checked_back(),
            named(agreement.invented()),
            named(agreement.unheard()),
        ),
    };
    let some = |what: &str, messages: &BTreeSet<MessageId>| match messages.is_empty() {
        true => String::new(),
        false => format!(", {what} {}", named(messages)),
    };
    let dead = match verdict.dead_letters().count() {
        0 => String::new(),
        dead => format!(", dead letters {dead}"),
    };
    let superseded = match verdict.superseded().count() {
        0 => String::new(),
        count => format!(", superseded {count}"),
    };
    let returned = some("returned", verdict.returned())
        + &some("given up", verdict.given_up())
        + &some("archived", verdict.archived())
        + &superseded;
    format!(
        "acknowledged {}, delivered {}, on their way {}{dead}, lost {}, doubled {}, out of order {}{returned}\nprocessed by {}\n{own}",
        verdict.acknowledged(),
        verdict.delivered(),
        verdict.on_their_way(),
        named(verdict.lost()),
        named(verdict.doubled()),
        named(verdict.reordered()),
        processed(timeline),
    )
}

fn processed(timeline: &Timeline) -> String {
    let processed = timeline.metrics().processed.iter();
    processed.map(|(node, count)| format!("{node} {count}")).collect::<Vec<_>>().join(", ")
}

fn counts(timeline: &Timeline) -> String {
    let metrics = timeline.metrics();
    let queues = &metrics.queues;
    let died: Vec<String> =
        queues.died.iter().map(|(reason, count)| format!("{} {count}", reason.as_str())).collect();
    let died = if died.is_empty() { "none".into() } else { died.join(", ") };
    let requests = match queues.answered + queues.given_up {
        0 => String::new(),
        _ => format!(
            "requests answered {}, given up {}; answers too late {}, known already {}\n",
            queues.answered, queues.given_up, queues.late, queues.recognised
        ),
    };
    let mailboxes = match &metrics.mailboxes {
        none if none.is_empty() => String::new(),
        most => format!(
            "in mailboxes at most {} messages, {} bytes, lost there {}; in flow {} times\n",
            most.messages_max, most.bytes_max, most.lost, most.in_flow
        ),
    };
    format!(
        "sent {}, received {}, of these redelivered {}\ndied: {died}\nfailed {}, came back {}, out of memory {}, \
         alarms {}, fitting no queue {}, returned {}\n{requests}{mailboxes}processed by {}\n",
        metrics.sent,
        metrics.received,
        metrics.redelivered,
        queues.failed,
        queues.requeued,
        queues.out_of_memory,
        queues.blocked,
        queues.unroutable,
        queues.returned,
        processed(timeline),
    )
}

fn orders(timeline: &Timeline) -> String {
    let orders = &timeline.metrics().orders;
    let (waited, done) = (orders.waited.figures(), orders.until_fulfilled.figures());
    let answers: Vec<String> =
        orders.answered.iter().map(|(answer, count)| format!("{answer} {count}")).collect();
    let last = orders.last_fulfilled.map_or("never".into(), |at| at.to_string());
    format!(
        "asked {}, answered: {}\nanswered after p50 {}, p95 {}, longest {}\nfulfilled {}, after p50 {}, p95 {}, \
         longest {}, the last at {last}\ntold before it was done {}, told and then failed {}, done and not told {}\n",
        orders.asked,
        answers.join(", "),
        waited.p50,
        waited.p95,
        waited.max,
        orders.fulfilled,
        done.p50,
        done.p95,
        done.max,
        orders.told_early,
        orders.disappointed,
        orders.fulfilled_unknown,
    )
}

fn branches(timeline: &Timeline) -> String {
    let line = |branch: mqlab_core::sim::BranchView| {
        let commands: Vec<String> =
            branch.commands.iter().map(|(at, command)| format!("{at} {command}")).collect();
        let from = match branch.parent {
            Some(parent) => format!(", left {parent} at {}", branch.forked_at),
            None => String::new(),
        };
        let here = if branch.current { " (here)" } else { "" };
        let commands = if commands.is_empty() { "no commands".into() } else { commands.join("; ") };
        format!("branch {}{here}{from}: {commands}\n", branch.id)
    };
    timeline.branches().into_iter().map(line).collect()
}
