//! Who am I? A producer that wants each message stored once asks for a number, and counts its epochs.
//!
//! ```text
//!   unknown ── ask a broker, the next one if it is silent ──▶ 1000, epoch 0
//!                                                                  │ a count is in doubt
//!                                                                  ▼
//!                                                             1000, epoch 1    told to nobody: the next batch says it
//! ```
//!
//! The epoch rises without a word to anybody (KIP-360): only this producer has the number, so nobody else can raise it
//! too. When no higher epoch is left, it asks for another number.

use super::asked::Asked;
use crate::broker::{Message, Out, Request, RequestId, Settings};
use crate::ids::NodeId;
use crate::observe::{Event, ProducerEvent};
use crate::time::Time;

/// A producer's number and epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProducerId {
    pub(super) id: i64,
    pub(super) epoch: i16,
    /// Whether what it sends is part of a transaction.
    pub(super) transactional: bool,
}

/// What a producer knows of itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Identity {
    known: Option<ProducerId>,
    asked: Option<Asked>,
    /// Nobody is asked before.
    not_before: Time,
    /// How often it asked: which broker is next.
    tries: usize,
}

impl Identity {
    pub(super) fn known(&self) -> Option<ProducerId> {
        self.known
    }

    /// Begins anew: a higher epoch of the same number. Without one it must ask again.
    pub(super) fn raise(&mut self) {
        self.known = self.known.and_then(|me| Some(ProducerId { epoch: me.epoch.checked_add(1)?, ..me }));
    }

    /// The number is no good: it asks for another.
    pub(super) fn forget(&mut self) {
        self.known = None;
    }

    /// Takes an answer, if it is the one that is waited for.
    pub(super) fn learn(&mut self, request: RequestId, id: i64, epoch: i16, out: &mut Out) {
        if Asked::is(self.asked.as_ref(), request) {
            self.asked = None;
            self.known = Some(ProducerId { id, epoch, transactional: false });
            out.event(Event::Producer(ProducerEvent::Identified { id, epoch }));
        }
    }

    /// A broker said no; says whether that was the answer to this.
    pub(super) fn refused(&mut self, request: RequestId, retry: Time) -> bool {
        let own = Asked::is(self.asked.as_ref(), request);
        if own {
            (self.asked, self.not_before) = (None, retry);
        }
        own
    }

    /// The connection to a broker broke.
    pub(super) fn hang_up(&mut self, peer: NodeId, retry: Time) {
        if self.asked.is_some_and(|asked| asked.broker == peer) {
            (self.asked, self.not_before) = (None, retry);
        }
    }

    /// When something is due.
    pub(super) fn next_wakeup(&self) -> Option<Time> {
        let due = self.asked.map_or(self.not_before, |asked| asked.deadline);
        self.known.is_none().then_some(due)
    }

    /// Asks the next broker, if that is due.
    pub(super) fn ask_if_due(
        &mut self,
        now: Time,
        (brokers, settings): (&[NodeId], &Settings),
        last_request: &mut RequestId,
        out: &mut Out,
    ) {
        if brokers.is_empty() || self.next_wakeup().is_none_or(|at| at > now) {
            return;
        }
        let broker = brokers[self.tries % brokers.len()];
        self.tries += 1;
        *last_request += 1;
        self.asked = Some(Asked { id: *last_request, broker, deadline: now + settings.request_timeout });
        out.send(broker, Message::Request(*last_request, Request::InitProducer));
    }
}
