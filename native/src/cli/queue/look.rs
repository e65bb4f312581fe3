//! `mqlab queue peek` and `mqlab queue stats`: what is in a queue. Looking takes nothing.

use std::io::{self, BufWriter, Write};
use std::time::Duration;

use clap::Args;
use mqlab::QueueStats;
use mqlab_core::queue::Browsed;

use super::super::{Stop, output};
use super::{Place, body, close};

/// An age below this is told in milliseconds.
const SOON: Duration = Duration::from_secs(10);

const PEEK_EXAMPLES: &str = "\
Prints a line for each message that is ready, in the order in which they would be received: its
place in the queue, a tab, and the message. They stay, and are not counted as delivered. A place is
no receipt: receive a message to acknowledge it.

Examples:
  mqlab queue peek --dir data --queue jobs
  mqlab queue peek --dir data --queue jobs --max 1000 --json | jq -r .body";

const STATS_EXAMPLES: &str = "\
Counts messages that can be received (ready), that somebody has received (leased), that wait for
a moment (delayed), and those in the queue where its dead letters go; bytes of its files; and how
long its oldest message has been in it.

Examples:
  mqlab queue stats --dir data --queue jobs
  mqlab queue stats --dir data --queue jobs --json | jq .ready";

/// Options of `mqlab queue peek`.
#[derive(Debug, Args)]
#[command(after_help = PEEK_EXAMPLES)]
pub(super) struct Peek {
    #[command(flatten)]
    place: Place,
    /// Print at most N messages
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    max: u32,
    /// Print JSON: place, deliveries, priority, and body, or body_base64 where it is no text
    #[arg(long)]
    json: bool,
}

/// Options of `mqlab queue stats`.
#[derive(Debug, Args)]
#[command(after_help = STATS_EXAMPLES)]
pub(super) struct Stats {
    #[command(flatten)]
    place: Place,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Prints what is ready.
pub(super) fn peek(options: &Peek) -> Result<(), Stop> {
    let (queues, queue) = options.place.open_queue()?;
    let seen = queue.peek(options.max as usize)?;
    close(queues, queue)?;
    let mut out = BufWriter::new(io::stdout());
    for one in &seen {
        print_one(&mut out, one, options.json).map_err(output)?;
    }
    out.flush().map_err(output)
}

fn print_one(out: &mut impl Write, seen: &Browsed, json: bool) -> io::Result<()> {
    let Browsed { offset, deliveries, message } = seen;
    if json {
        let mut line = body(message);
        line.insert("place".into(), offset.0.into());
        line.insert("deliveries".into(), (*deliveries).into());
        line.insert("priority".into(), message.priority().unwrap_or_default().into());
        write!(out, "{}", serde_json::Value::Object(line))?;
    } else {
        write!(out, "{offset}\t")?;
        out.write_all(message.body())?;
    }
    out.write_all(b"\n")
}

/// Prints counts.
pub(super) fn stats(options: &Stats) -> Result<(), Stop> {
    let (queues, queue) = options.place.open_queue()?;
    let stats = queue.stats()?;
    close(queues, queue)?;
    let mut out = io::stdout();
    if options.json { print_json(&mut out, &stats) } else { print_stats(&mut out, &stats) }.map_err(output)
}

fn print_json(out: &mut impl Write, stats: &QueueStats) -> io::Result<()> {
    let QueueStats { ready, leased, delayed, dead_letter_queue, dead_letters, disk_bytes, oldest_age } =
        stats;
    let line = serde_json::json!({
        "ready": ready,
        "leased": leased,
        "delayed": delayed,
        "dead_letter_queue": dead_letter_queue,
        "dead_letters": dead_letters,
        "disk_bytes": disk_bytes,
        "oldest_age_ms": oldest_age.map(|age| age.as_millis() as u64),
    });
    writeln!(out, "{line}")
}

fn print_stats(out: &mut impl Write, stats: &QueueStats) -> io::Result<()> {
    writeln!(out, "ready         {}", stats.ready)?;
    writeln!(out, "leased        {}", stats.leased)?;
    writeln!(out, "delayed       {}", stats.delayed)?;
    if let Some(queue) = &stats.dead_letter_queue {
        writeln!(out, "dead letters  {} in {queue}", stats.dead_letters)?;
    }
    writeln!(out, "on disk       {} bytes", stats.disk_bytes)?;
    if let Some(age) = stats.oldest_age {
        // Nobody reads the milliseconds of an old one.
        let age = if age < SOON {
            Duration::from_millis(age.as_millis() as u64)
        } else {
            Duration::from_secs(age.as_secs())
        };
        writeln!(out, "oldest        {}", humantime::format_duration(age))?;
    }
    Ok(())
}
