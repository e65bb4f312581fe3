//! How long does a topic keep its messages? Until there are too many, or they are too old; read or not.
//!
//! ```text
//!        trimmed          start                                   end
//!   ┌┄┄┄┄┬┄┄┄┄┬┄┄┄┄┄┄┬┄┄┄┄┄┼──────┬──────┬──────┬──────┬──────┬───┤
//!   ┆    ┆    ┆      ┆     │ batch│ batch│ batch│ batch│ batch│   │ ◀── append
//!   └┄┄┄┄┴┄┄┄┄┴┄┄┄┄┄┄┴┄┄┄┄┄┼──────┴──────┴──────┴──────┴──────┴───┘
//!       ▲ a reader that is    └── at least so many bytes, and none older ──┘
//!         still here is out of range, and has lost what lies between
//! ```
//!
//! A queue gives a message up when its consumer is done with it. A topic does not know who reads it, so it cannot wait
//! for anybody: this is the price of a broker that keeps no account of its consumers. Whoever pulls slower than
//! messages come must know how long the topic keeps them.
//!
//! Each replica deletes by its own clock, leader and followers alike; and a follower hears with every answer where its
//! leader's log begins, and deletes what it has before that. So a follower with a fast clock may begin later than its leader,
//! and never earlier for long. When it is elected, readers lose what only the others still had: retention is a promise
//! about the clock of whoever leads.
//!
//! Batches go whole, oldest first, and only what is committed. By bytes, a batch goes when what is left without it is
//! still as much as was asked for; by time, when its youngest record is too old.
//!
//! What real systems do: Kafka (`retention.bytes`, `retention.ms`: 7 days) deletes segment files, of 1 GiB or a week,
//! so it keeps up to a segment more; RocketMQ deletes commit log files after 72 hours, Pulsar what all subscriptions
//! acknowledged, unless it is told to retain more.

use alloc::collections::VecDeque;

use super::protocol::Out;
use super::replica::{Replica, Role, message_ids};
use crate::ids::Offset;
use crate::log::{Log, LogError, Slice as _, read_all};
use crate::observe::{Event, PullEvent};
use crate::record::Batches;
use crate::time::{Span, Time};

/// How much of a topic is kept: as much as both limits allow; all of it without any.
///
/// ```
/// use mqlab_core::broker::Retention;
/// use mqlab_core::time::Span;
/// let a_minute = Retention { time: Some(Span::from_millis(60_000)), ..Retention::default() };
/// assert_eq!(a_minute.bytes, None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// In each partition at least so many bytes, once there were as many.
    pub bytes: Option<u64>,
    /// Every record that is younger.
    pub time: Option<Span>,
}

/// What a replica that trims knows of its batches, oldest first.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    retention: Retention,
    batches: VecDeque<Batch>,
    bytes: u64,
}

#[derive(Clone, Copy, Debug)]
struct Batch {
    next: Offset,
    bytes: u64,
    youngest: Time,
}

impl Kept {
    /// Counts batches that were appended.
    pub(super) fn learn(&mut self, batches: &Batches) {
        for batch in batches.iter() {
            let bytes = batch.bytes().len() as u64;
            let youngest = Time(u64::try_from(batch.max_timestamp()).unwrap_or(0).saturating_mul(1_000));
            self.batches.push_back(Batch { next: batch.next(), bytes, youngest });
            self.bytes += bytes;
        }
    }

    /// What it knows is no more: it has to learn the log anew.
    pub(super) fn forget(&mut self) {
        self.batches.clear();
        self.bytes = 0;
    }

    /// The log was cut back.
    pub(super) fn cut(&mut self, end: Offset) {
        while let Some(gone) = self.batches.pop_back_if(|batch| batch.next > end) {
            self.bytes -= gone.bytes;
        }
    }

    /// When a batch is too old.
    fn expires(&self, batch: &Batch) -> Option<Time> {
        Some(Time(batch.youngest.0.saturating_add(self.retention.time?.0)))
    }

    /// Drops what was deleted.
    fn drop_below(&mut self, start: Offset) {
        while let Some(gone) = self.batches.pop_front_if(|batch| batch.next <= start) {
            self.bytes -= gone.bytes;
        }
    }

    /// Drops what need not be kept, and says below which offset all of it was.
    fn drop_old(&mut self, now: Time, committed: Offset) -> Option<Offset> {
        let mut below = None;
        while let Some(oldest) = self.batches.front().filter(|oldest| oldest.next <= committed) {
            let too_many = self.retention.bytes.is_some_and(|bytes| self.bytes - oldest.bytes >= bytes);
            let too_old = self.expires(oldest).is_some_and(|at| at <= now);
            if !too_many && !too_old {
                break;
            }
            self.bytes -= oldest.bytes;
            below = Some(oldest.next);
            self.batches.pop_front();
        }
        below
    }
}

impl<L: Log> Replica<L> {
    /// Begins to trim, or changes how.
    pub(super) fn retain(&mut self, retention: Option<Retention>) -> Result<(), LogError<L::Error>> {
        let same = self.kept.as_ref().map(|kept| kept.retention) == retention;
        if !same {
            self.kept = retention.map(|retention| Kept { retention, batches: VecDeque::new(), bytes: 0 });
            if let Some(kept) = &mut self.kept {
                read_all(&self.log, |batches| kept.learn(batches))?;
            }
        }
        Ok(())
    }

    /// Trims what need not be kept any longer.
    pub(super) fn trim_if_due(
        &mut self,
        now: Time,
        out: &mut Out<L::Slice>,
    ) -> Result<(), LogError<L::Error>> {
        if matches!(self.role, Role::Idle) {
            return Ok(());
        }
        let below = self.kept.as_mut().and_then(|kept| kept.drop_old(now, self.high_watermark));
        below.map_or(Ok(()), |below| self.trim(below, out))
    }

    /// Deletes what is below an offset, as far as it is known to be committed.
    pub(super) fn trim(&mut self, below: Offset, out: &mut Out<L::Slice>) -> Result<(), LogError<L::Error>> {
        let (below, before) = (below.min(self.high_watermark), self.log.start());
        if below <= before {
            return Ok(());
        }
        let old = self.log.read(before, below, u32::MAX)?.load()?;
        self.log.trim(below)?;
        if let Some(kept) = &mut self.kept {
            kept.drop_below(below);
        }
        let start = self.log.start();
        if start == before {
            return Ok(()); // a log in files goes by whole segments
        }
        self.producers.trim(start);
        let (partition, messages) = (self.partition.clone(), message_ids(&old.below(start)));
        out.event(Event::Pull(match self.role {
            Role::Leader(_) => PullEvent::Trimmed { partition, below, messages },
            Role::Idle | Role::Follower(_) => PullEvent::CopyTrimmed { partition, below, messages },
        }));
        Ok(())
    }

    /// When the oldest batch will be too old.
    pub(super) fn next_expiry(&self) -> Option<Time> {
        let kept = self.kept.as_ref()?;
        kept.expires(kept.batches.front().filter(|oldest| oldest.next <= self.high_watermark)?)
    }
}
