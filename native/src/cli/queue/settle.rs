//! `mqlab queue ack` and `mqlab queue nack`: how what another command received ends.

use std::time::Duration;

use clap::Args;
use mqlab::Receipt;

use super::super::{Stop, count, say};
use super::{Place, close, span};

const ACK_EXAMPLES: &str = "\
The receipts are those that 'mqlab queue receive' printed. All of them are acknowledged, or none:
if one cannot be, because somebody has received its message again or it is gone, nothing changes.
A receipt is good after its lease, too, as long as nobody has received the message again.

Examples:
  mqlab queue ack --dir data --queue jobs 17-1
  mqlab queue ack --dir data --queue jobs 17-1 18-1 20-2";

const NACK_EXAMPLES: &str = "\
The receipts are those that 'mqlab queue receive' printed. The messages are there again at once, or
after --delay, in their old place, and counted: at its delivery limit a message becomes a dead
letter. All of them are given back, or none.

Examples:
  mqlab queue nack --dir data --queue jobs 17-1
  mqlab queue nack --dir data --queue jobs 17-1 18-1 --delay 10m
  mqlab queue nack --dir data --queue jobs 17-1 --reject";

/// Options of `mqlab queue ack`.
#[derive(Debug, Args)]
#[command(after_help = ACK_EXAMPLES)]
pub(super) struct Ack {
    #[command(flatten)]
    place: Place,
    /// Receipts, as in 17-2
    #[arg(value_name = "ID", required = true)]
    ids: Vec<Receipt>,
}

/// Options of `mqlab queue nack`.
#[derive(Debug, Args)]
#[command(after_help = NACK_EXAMPLES)]
pub(super) struct Nack {
    #[command(flatten)]
    place: Place,
    /// Receipts, as in 17-2
    #[arg(value_name = "ID", required = true)]
    ids: Vec<Receipt>,
    /// They can be received again only after this time
    #[arg(long, value_name = "TIME", value_parser = span)]
    delay: Option<Duration>,
    /// Refuse them for good: they go where the queue's dead letters go, or are dropped
    #[arg(long, conflicts_with = "delay")]
    reject: bool,
}

/// Acknowledges.
pub(super) fn ack(options: &Ack) -> Result<(), Stop> {
    let ids = distinct(&options.ids);
    let (queues, queue) = options.place.open_queue()?;
    queue.ack_all(ids.iter().copied())?;
    close(queues, queue)?;
    say(format_args!("{} acknowledged", count(ids.len() as u64, "message")));
    Ok(())
}

/// Gives back, or refuses.
pub(super) fn nack(options: &Nack) -> Result<(), Stop> {
    let ids = distinct(&options.ids);
    let (queues, queue) = options.place.open_queue()?;
    if options.reject {
        queue.reject_all(ids.iter().copied())?;
    } else {
        queue.nack_all(ids.iter().copied(), options.delay)?;
    }
    close(queues, queue)?;
    let what = if options.reject { "refused for good" } else { "given back" };
    say(format_args!("{} {what}", count(ids.len() as u64, "message")));
    Ok(())
}

/// Whoever names a receipt twice means it once.
fn distinct(ids: &[Receipt]) -> Vec<Receipt> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    ids
}
