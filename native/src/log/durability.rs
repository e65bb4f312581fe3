//! When does a log flush by itself, and what does that promise?
//!
//! ```text
//!                          the process dies       the power goes            costs
//!   Manual, no flush       nothing is lost        what the system had not   nothing
//!                                                 written back yet: some
//!                                                 30 seconds
//!   Interval(100 ms)       nothing                the last 100 ms           10 flushes a second
//!   Every(1000)            nothing                up to 999 records         a flush for 1000 records
//!   EveryBatch             nothing                nothing that an append    a flush an append, shared by those
//!                                                 returned from             who append at the same time
//! ```
//!
//! An append writes to the system's page cache, which outlives the process. A *flush* (`fdatasync`) waits until the
//! disk has it. That takes a hundred times as long as the write, and hardly longer for a megabyte than for a
//! kibibyte: so whoever must flush flushes seldom, or together with others (*group commit*, see
//! [`SharedLog`](super::SharedLog)).
//!
//! What real systems do: Kafka never flushes by default (`log.flush.interval.messages` and `.ms`), and relies on
//! replicas; RocketMQ has ASYNC_FLUSH every 500 ms and SYNC_FLUSH with group commit; RabbitMQ's quorum queues and
//! Pulsar's bookies flush before they confirm, many entries at a time.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::tail::Tail;

/// When a log flushes by itself. Whatever is chosen, [`flush`](mqlab_core::log::Log::flush) makes everything durable, and
/// [`durable`](mqlab_core::log::Log::durable) says how far the log is.
///
/// ```
/// use std::time::Duration;
/// use mqlab::log::{Durability, Options};
/// let options = Options { durability: Durability::Interval(Duration::from_millis(100)), ..Options::default() };
/// assert_eq!(Options::default().durability, Durability::Manual);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Never: only when it is told to, or when much is not flushed (see
    /// [`UNFLUSHED_SEGMENTS_MAX`](super::UNFLUSHED_SEGMENTS_MAX)). What was not flushed survives the end of the process, and
    /// a power cut as far as the operating system has written it back: on Linux what is older than some 30 seconds.
    #[default]
    Manual,
    /// A thread flushes what is older than this. After a power cut at most what was appended in that time, and while a
    /// flush takes, is lost.
    Interval(Duration),
    /// The append flushes with which so many records, or more, are not durable. After a power cut at most one record
    /// less than that is lost, of those whose append had returned. 0 is taken as 1.
    Every(u64),
    /// Each append flushes before it returns: what it returned from survives a power cut.
    EveryBatch,
}

/// The thread that flushes in intervals. It ends with this value.
#[derive(Debug)]
pub(super) struct Flusher {
    tail: Arc<Tail>,
    thread: Option<JoinHandle<()>>,
}

impl Flusher {
    /// Begins to flush what is older than `interval`.
    pub(super) fn start(tail: Arc<Tail>, interval: Duration) -> Self {
        let flushed = tail.clone();
        let work = move || {
            while let Some(end) = flushed.wait_until_due(interval) {
                // A failure is remembered by the tail: the log refuses from then on.
                if flushed.sync_to(end).is_err() {
                    return;
                }
            }
        };
        Self { tail, thread: Some(thread::spawn(work)) }
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        self.tail.close();
        if let Some(thread) = self.thread.take() {
            // It has no results, and a panic of its own was printed.
            let _ = thread.join();
        }
    }
}
