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

/// What a leader that trims knows of its batches, oldest first.
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
        let (Some(kept), Role::Leader(_)) = (&mut self.kept, &self.role) else { return Ok(()) };
        let Some(below) = kept.drop_old(now, self.high_watermark) else { return Ok(()) };
        let gone = self.log.read(self.log.start(), below, u32::MAX)?.load()?;
        self.log.trim(below)?;
        let (partition, messages) = (self.partition.clone(), message_ids(&gone));
        out.event(Event::Pull(PullEvent::Trimmed { partition, below, messages }));
        Ok(())
    }

    /// When the oldest batch will be too old.
    pub(super) fn next_expiry(&self) -> Option<Time> {
        let kept = self.kept.as_ref()?;
        kept.expires(kept.batches.front().filter(|oldest| oldest.next <= self.high_watermark)?)
    }
}
