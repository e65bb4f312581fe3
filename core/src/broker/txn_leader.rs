//! What does the leader of a partition do for transactions? It says what a reader may see, writes their ends, and keeps what
//! the broker itself wants kept.
//!
//! ```text
//!   coordinator ── marker: 7, epoch 5, commit ──▶ leader ── appends ──▶ followers fetch ──▶ high watermark ──▶ "marked"
//!                                                   ├ of an epoch that is over, or of a coordinator that is: refused
//!                                                   └ in the log already: nothing is written, the answer is the same
//! ```
//!
//! The answer waits for the high watermark: a marker that may yet be gone would leave its transaction open for ever.

use super::protocol::{Isolation, Out, RequestId};
use super::replica::{Replica, Role};
use super::waiting::{Then, Waiting};
use crate::ids::{NodeId, Offset};
use crate::log::{Log, LogError};
use crate::observe::{Event, Refusal, TxnEvent};
use crate::record::{Batches, Marker};
use crate::time::Time;

/// What comes of a write: below where it stands, or why it cannot be.
type Written<L> = Result<Result<Offset, Refusal>, LogError<<L as Log>::Error>>;

impl<L: Log> Replica<L> {
    /// What lies below is decided.
    pub(crate) fn last_stable(&self) -> Offset {
        self.producers.last_stable(self.high_watermark)
    }

    /// Where what a consumer may see ends.
    pub(super) fn visible(&self, isolation: Isolation) -> Offset {
        match isolation {
            Isolation::Uncommitted => self.high_watermark,
            Isolation::Committed => self.last_stable(),
        }
    }

    /// Appends what the broker itself keeps here, if enough replicas are in sync.
    pub(super) fn store(&mut self, now: Time, batches: &Batches, out: &mut Out<L::Slice>) -> Written<L> {
        let base = self.log.end();
        let Role::Leader(leader) = &self.role else { return Ok(Err(Refusal::NotLeader)) };
        if !leader.has_enough() {
            return Ok(Err(Refusal::NotEnoughReplicas));
        }
        self.append(&batches.stamped(base, leader.epoch()))?;
        self.advance_high_watermark(now, out);
        Ok(Ok(self.log.end()))
    }

    /// Writes the end of a transaction, unless it is there.
    pub(super) fn mark(&mut self, now: Time, marker: &Marker, out: &mut Out<L::Slice>) -> Written<L> {
        match self.producers.check_marker(marker) {
            _ if !matches!(self.role, Role::Leader(_)) => Ok(Err(Refusal::NotLeader)),
            Err(refusal) => Ok(Err(refusal)),
            Ok(Some(below)) => Ok(Ok(below)),
            Ok(None) => {
                let at = self.log.end();
                let stored = self.store(now, &marker.build(now.as_millis() as i64), out)?;
                if stored.is_ok() {
                    let (partition, Marker { producer, epoch, commit, .. }) =
                        (self.partition.clone(), *marker);
                    out.event(Event::Txn(TxnEvent::Marked { partition, producer, epoch, commit, at }));
                }
                Ok(stored)
            }
        }
    }

    /// Answers somebody when everything below an offset is committed: at once, or later.
    pub(super) fn when_committed(
        &mut self,
        below: Offset,
        (to, id): (NodeId, RequestId),
        then: Then,
        out: &mut Out<L::Slice>,
    ) {
        let high_watermark = self.high_watermark;
        match &mut self.role {
            Role::Leader(leader) if below > high_watermark => {
                let at = leader.waiting.partition_point(|waiting| waiting.below <= below);
                leader.waiting.insert(at, Waiting { below, to, id, then });
            }
            _ => then.release(to, id, out),
        }
    }
}
