//! `mqlab queue receive`: messages are printed, with the receipts that settle them.

use std::io::{self, BufWriter, Write};
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::Args;
use mqlab::{Delivery, Queue, Queues};

use super::super::{Stop, count, output, say};
use super::{Place, body, close, span};

/// How often a command that waits looks again. Meanwhile others have the directory.
const WAIT_POLL: Duration = Duration::from_millis(100);

const EXAMPLES: &str = "\
Prints a line for each message: its receipt, a tab, and the message. The message is hidden from
everybody for the time of its lease, whatever becomes of this command or the machine. Acknowledge
it by its receipt when the work is done; if nobody does until the lease ends, it is there again.

A receipt has the message's place and how often it was delivered: 17-2. Once somebody has received
the message again, the older receipt settles nothing.

With --ack each message is acknowledged as soon as it is printed and flushed: if the command is
stopped in between, it comes again after its lease. When nothing is ready, nothing is printed, and
that is no failure. Messages that may have newlines in them are best read with --json.

Examples:
  mqlab queue receive --dir data --queue jobs
  mqlab queue receive --dir data --queue jobs --max 10 --lease 5m --wait 1m
  mqlab queue receive --dir data --queue jobs --max 100 --ack
  mqlab queue receive --dir data --queue jobs --json | jq -r .body

A worker:
  while IFS=$'\\t' read -r id job; do
    do-the-work \"$job\" && mqlab queue ack --dir data --queue jobs \"$id\"
  done < <(mqlab queue receive --dir data --queue jobs --wait 1h)";

/// Options of `mqlab queue receive`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    #[command(flatten)]
    place: Place,
    /// Take up to N messages
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    max: u32,
    /// For how long they are hidden from others
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = span)]
    lease: Duration,
    /// Acknowledge them at once, after they are printed
    #[arg(long)]
    ack: bool,
    /// When nothing is ready, wait up to this time for something
    #[arg(long, value_name = "TIME", value_parser = span)]
    wait: Option<Duration>,
    /// Print JSON: id, deliveries, priority, and body, or body_base64 where it is no text
    #[arg(long)]
    json: bool,
}

/// Prints messages, and hides them.
pub(super) fn receive(options: &Options) -> Result<(), Stop> {
    let Options { place, max, lease, .. } = options;
    if lease.is_zero() {
        return Err(Stop::Failure("a lease of no time hides nothing: use at least 1ms".into()));
    }
    let since = Instant::now();
    let (queues, queue, taken) = loop {
        let (queues, queue) = place.open_queue()?;
        let taken = queue.lease_up_to(*max as usize, *lease)?;
        let left = options.wait.map_or(Duration::ZERO, |wait| wait.saturating_sub(since.elapsed()));
        if !taken.is_empty() || left.is_zero() {
            break (queues, queue, taken);
        }
        close(queues, queue)?;
        sleep(WAIT_POLL.min(left));
    };
    let printed = print(options, &taken);
    if options.ack && printed.is_ok() {
        queue.ack_all(&taken)?;
    }
    report(options, &taken, queues, queue)?;
    printed
}

/// Says beside the output what was done.
fn report(options: &Options, taken: &[Delivery], queues: Queues, queue: Queue) -> Result<(), Stop> {
    let stats = queue.stats()?;
    close(queues, queue)?;
    let name = &options.place.queue;
    let left = format!("{} ready, {} leased, {} delayed", stats.ready, stats.leased, stats.delayed);
    match taken.len() as u64 {
        0 => say(format_args!(
            "nothing is ready in {name} ({} leased, {} delayed)",
            stats.leased, stats.delayed
        )),
        number if options.ack => {
            say(format_args!("{} received from {name} and acknowledged; {left}", count(number, "message")));
        }
        number => say(format_args!(
            "{} received from {name}, hidden for {}; {left}",
            count(number, "message"),
            humantime::format_duration(options.lease)
        )),
    }
    Ok(())
}

fn print(options: &Options, taken: &[Delivery]) -> Result<(), Stop> {
    let mut out = BufWriter::new(io::stdout());
    for delivery in taken {
        print_one(&mut out, delivery, options.json).map_err(output)?;
    }
    out.flush().map_err(output)
}

fn print_one(out: &mut impl Write, delivery: &Delivery, json: bool) -> io::Result<()> {
    let Delivery { count, message, .. } = delivery;
    let id = delivery.receipt().to_string();
    if json {
        let mut line = body(message);
        line.insert("id".into(), id.into());
        line.insert("deliveries".into(), (*count).into());
        line.insert("priority".into(), message.priority().unwrap_or_default().into());
        write!(out, "{}", serde_json::Value::Object(line))?;
    } else {
        write!(out, "{id}\t")?;
        out.write_all(message.body())?;
    }
    out.write_all(b"\n")
}
