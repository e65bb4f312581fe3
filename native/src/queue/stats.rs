//! How much is in a queue, and since when?

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use mqlab_core::ids::{LogName, Name};
use mqlab_core::queue::Standing;
use mqlab_core::time::Time;
use mqlab_core::vhost::VirtualHost;
use serde::Serialize;

use super::age;
use crate::error::{Context as _, Error};
use crate::log::FileStorage;

/// How much is in a queue.
///
/// ```
/// use mqlab::{Message, Queue};
/// # let scratch = tempfile::tempdir()?;
/// # let dir = scratch.path().join("data");
/// let orders = Queue::open(&dir, "orders")?;
/// orders.send(Message::new("a book"))?;
/// let stats = orders.stats()?;
/// assert_eq!((stats.ready, stats.leased, stats.delayed), (1, 0, 0));
/// assert!(stats.disk_bytes > 6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QueueStats {
    /// Messages that can be received.
    pub ready: u64,
    /// Messages that somebody has received and not settled.
    pub leased: u64,
    /// Messages that wait for a moment.
    pub delayed: u64,
    /// Where its dead letters go, if that is a queue.
    pub dead_letter_queue: Option<Name>,
    /// How many messages are held there, whoever sent them.
    pub dead_letters: u64,
    /// Bytes of all its files. Room is given back by whole segments.
    pub disk_bytes: u64,
    /// How long its oldest message has been in it.
    pub oldest_age: Option<Duration>,
}

impl QueueStats {
    pub(super) fn of(host: &VirtualHost<FileStorage>, name: &str, now: Time) -> Result<Option<Self>, Error> {
        let Some(queue) = host.queue(name) else { return Ok(None) };
        let (mut ready, mut leased, mut delayed) = (0, 0, 0);
        let mut oldest: Option<Time> = None;
        for held in queue.held() {
            match held.standing {
                Standing::Ready => ready += 1,
                Standing::Waiting(_) => delayed += 1,
                Standing::With(_) => leased += 1,
            }
            oldest = Some(oldest.map_or(held.since, |oldest| oldest.min(held.since)));
        }
        let letter = queue.options().dead_letter.as_ref().filter(|letter| letter.exchange.is_empty());
        let dead = letter.and_then(|letter| host.queue(letter.routing_key.as_deref().unwrap_or(name)));
        let mut disk_bytes = 0;
        for log in [LogName::Queue(queue.name().clone()), LogName::QueueCursor(queue.name().clone())] {
            disk_bytes += bytes_in(&host.storage().path().join(log.to_string()))?;
        }
        Ok(Some(Self {
            ready,
            leased,
            delayed,
            dead_letter_queue: dead.map(|dead| dead.name().clone()),
            dead_letters: dead.map_or(0, |dead| dead.stats().held),
            disk_bytes,
            oldest_age: oldest.map(|since| age(now, since)),
        }))
    }
}

/// The bytes of the files in a log's directory; none where a transient queue has no log.
fn bytes_in(dir: &Path) -> Result<u64, Error> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries.context("list", dir)?,
    };
    let mut bytes = 0;
    for entry in entries {
        bytes += entry.and_then(|entry| entry.metadata()).context("list", dir)?.len();
    }
    Ok(bytes)
}
