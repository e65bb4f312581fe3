//! When is flushed what nobody waits for? Every half second if it is worth it, every ten seconds whatever it is.
//!
//! ```text
//!   0.5 s   1.0 s    1.5 s   ...                 10 s
//!   1 page  3 pages  5 pages                     1 page
//!   no      no       flushed                     flushed
//! ```
//!
//! So with ASYNC_FLUSH a busy broker loses half a second to a power cut, and a quiet one up to ten seconds.
//!
//! Source: `CommitLog.FlushRealTimeService`, `MappedFile.isAbleToFlush`.

use super::*;

/// The clock of the flushing thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flushing {
    /// When it looks next; the times lie on a grid, whatever is written when.
    tick: Time,
    all_at: Time,
    /// Whether there was something to flush when the broker settled last. What came since waits for the next time.
    has_work: bool,
}

impl Flushing {
    pub(super) fn from(now: Time, settings: &BrokerSettings) -> Self {
        Self { tick: now + settings.flush_every, all_at: now + settings.flush_all_every, has_work: false }
    }
}

impl<S: Storage> Broker<S> {
    /// Flushes, if it is time to, and worth it.
    pub(super) fn flush_when_due(&mut self, now: Time) -> Done<S> {
        if now < self.flushing.tick {
            return Ok(());
        }
        let every = self.settings.flush_every.max(Span(1)).0;
        let missed = now.since(self.flushing.tick).0 / every;
        self.flushing.tick = self.flushing.tick + Span(every * (missed + 1));
        let pages = self.store.commit_log().end() / PAGE_BYTES - self.durable() / PAGE_BYTES;
        let is_time_for_all = now >= self.flushing.all_at;
        if self.flushing.has_work && (is_time_for_all || pages >= self.settings.flush_least_pages) {
            self.store.flush()?;
        }
        if is_time_for_all {
            self.flushing.all_at = now + self.settings.flush_all_every;
        }
        Ok(())
    }

    /// Takes note of whether there is something to flush.
    pub(super) fn note_unflushed(&mut self) {
        self.flushing.has_work = self.durable() < self.store.commit_log().end();
    }

    pub(super) fn next_flush(&self) -> Option<Time> {
        self.flushing.has_work.then_some(self.flushing.tick)
    }
}
