//! Who is this producer? A broker gives each that asks a number of its own, out of a block that it has from the
//! controller.
//!
//! ```text
//!   producer                 broker                            controller
//!      │ who am I?             │ no numbers left: may I have some? │
//!      │──────────────────────▶│──────────────────────────────────▶│  1000 to 1999 are broker 2's
//!      │◀── 1000, epoch 0 ─────│◀────────────────── 1000 to 1999 ──│
//!      │                       │ the next that asks gets 1001      │
//! ```
//!
//! No two producers may have one number: each would be taken for the other, and what it sends for a second copy. The
//! controller gives each block once, and keeps that in the cluster's metadata; a broker that dies takes the rest of its
//! block with it. There are enough: a million new producers a second last for 292,000 years.
//!
//! A producer that is started again asks again, and is somebody else from then on: what an earlier life had under way is
//! not recognised as the same. (A producer that gives itself a *name* is recognised over restarts: that is what
//! transactions are for.)
//!
//! Source: Kafka `RPCProducerIdManager`, `ProducerIdControlManager` (`AllocateProducerIds`, KIP-730).

use alloc::collections::VecDeque;
use core::ops::Range;

use super::{Broker, Out, Reply, Request, RequestId};
use crate::ids::NodeId;
use crate::log::{SliceOf, Storage};
use crate::observe::Refusal;
use crate::time::Time;

/// So many producer ids a broker gets at a time. Kafka: the same (`PRODUCER_ID_BLOCK_SIZE`).
pub const PRODUCER_IDS_A_BLOCK: u64 = 1_000;

/// The ids that a broker has left, and who waits for one.
#[derive(Clone, Debug, Default)]
pub(super) struct ProducerIds {
    left: Range<u64>,
    /// Each with when it asks again, and this request counts no longer.
    waiting: VecDeque<(NodeId, RequestId, Time)>,
    asked: Option<RequestId>,
    /// When to ask the controller, or to ask it again.
    ask_at: Time,
}

impl ProducerIds {
    /// When the controller must be asked, if anybody waits.
    pub(super) fn next_wakeup(&self) -> Option<Time> {
        (!self.waiting.is_empty()).then_some(self.ask_at)
    }

    /// Whoever waited on this connection is gone.
    pub(super) fn forget(&mut self, peer: NodeId) {
        self.waiting.retain(|(asker, ..)| *asker != peer);
    }

    /// Gives ids to those who wait, as long as there are any.
    fn give<D>(&mut self, out: &mut Out<D>) {
        while let Some(&(to, id, _)) = self.waiting.front()
            && let Some(producer) = self.left.next()
        {
            self.waiting.pop_front();
            out.reply(to, id, Reply::Producer { id: producer as i64, epoch: 0 });
        }
    }
}

impl<S: Storage> Broker<S> {
    /// A producer asks who it is.
    pub(super) fn init_producer(&mut self, now: Time, asker: (NodeId, RequestId), out: &mut Out<SliceOf<S>>) {
        if !self.controllers.exist() {
            // Nobody would know which numbers an earlier life of this broker gave away.
            out.reply(asker.0, asker.1, Reply::Refused(Refusal::Unsupported));
            return;
        }
        if self.producer_ids.waiting.is_empty() && self.producer_ids.asked.is_none() {
            self.producer_ids.ask_at = now;
        }
        let until = now + self.settings.request_timeout;
        self.producer_ids.waiting.push_back((asker.0, asker.1, until));
        self.producer_ids.give(out);
    }

    /// Asks the controller for a block, if somebody waits and that is due.
    pub(super) fn ask_for_producer_ids(&mut self, now: Time, out: &mut Out<SliceOf<S>>) {
        while self.producer_ids.waiting.pop_front_if(|(.., until)| *until <= now).is_some() {}
        if self.producer_ids.next_wakeup().is_some_and(|at| at <= now) {
            self.producer_ids.ask_at = now + self.settings.request_timeout;
            self.producer_ids.asked = Some(self.ask_controller(Request::AllocateProducerIds, out));
        }
    }

    /// Takes the controller's answer; says whether it is one that was waited for.
    pub(super) fn take_producer_ids(
        &mut self,
        now: Time,
        id: RequestId,
        reply: &Reply,
        out: &mut Out<SliceOf<S>>,
    ) -> bool {
        if self.producer_ids.asked != Some(id) {
            return false;
        }
        self.producer_ids.asked = None;
        match reply {
            Reply::ProducerIds { first, count } => {
                self.producer_ids.left = *first..first.saturating_add(*count);
                self.producer_ids.ask_at = now;
                self.producer_ids.give(out);
            }
            // It is another's affair, or not now.
            _ => self.producer_ids.ask_at = now + self.settings.retry_backoff,
        }
        true
    }
}
