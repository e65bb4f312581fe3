//! Which messages has a producer in hand? Those that it has sent and not heard of, and those for which it knows no broker yet.
//!
//! ```text
//!   unsent   m7 m8          no broker is known
//!   asked    31 ▶ m4, 32 ▶ m5, 33 ▶ m2         by the number of the request: the one that waits longest stands first
//! ```
//!
//! A burst has hundreds of them in hand at once, and each answer, each timer asks for one: nothing here looks at all.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::allocate::MessageQueue;
use super::layout::StoredMessage;
use super::producer::How;
use super::protocol::{RequestId, SendStatus};
use crate::ids::MessageId;
use crate::time::Time;

/// A message on its way.
#[derive(Clone, Debug)]
pub(super) struct Sending {
    pub(super) message: StoredMessage,
    pub(super) how: How,
    pub(super) attempt: u32,
    /// Where it was sent last, and when; under which number, while an answer is waited for.
    pub(super) last: Option<MessageQueue>,
    asked: Option<RequestId>,
    since: Time,
    /// The best that was heard: what a broker stored is stored, though the next attempt fails.
    pub(super) best: Option<SendStatus>,
}

impl Sending {
    /// Since when an answer, or a broker, is waited for.
    pub(super) fn since(&self) -> Time {
        self.since
    }

    /// Whether an answer is waited for.
    pub(super) fn is_asked(&self) -> bool {
        self.asked.is_some()
    }
}

/// All messages that a producer has in hand.
#[derive(Clone, Debug, Default)]
pub(super) struct InHand {
    sending: BTreeMap<MessageId, Sending>,
    /// What was never sent yet.
    unsent: BTreeSet<MessageId>,
    /// Numbers grow with time, so these stand in the order in which they were asked.
    asked: BTreeMap<RequestId, MessageId>,
}

impl InHand {
    /// Another message, which is not sent yet.
    pub(super) fn put(&mut self, now: Time, id: MessageId, message: StoredMessage, how: How) {
        let sending = Sending { message, how, attempt: 0, last: None, asked: None, since: now, best: None };
        self.remove(id);
        self.sending.insert(id, sending);
        self.unsent.insert(id);
    }

    /// It goes to a queue, under a number; how often it went then.
    pub(super) fn goes(
        &mut self,
        now: Time,
        id: MessageId,
        to: MessageQueue,
        request: RequestId,
    ) -> Option<&Sending> {
        let sending = self.sending.get_mut(&id)?;
        if let Some(before) = sending.asked.replace(request) {
            self.asked.remove(&before);
        }
        self.asked.insert(request, id);
        self.unsent.remove(&id);
        sending.attempt += 1;
        sending.since = now;
        sending.message.queue = to.queue;
        sending.last = Some(to);
        Some(sending)
    }

    /// No answer is waited for any more.
    pub(super) fn forget_asked(&mut self, id: MessageId) {
        if let Some(request) = self.sending.get_mut(&id).and_then(|sending| sending.asked.take()) {
            self.asked.remove(&request);
        }
    }

    /// It is stored, or given up.
    pub(super) fn remove(&mut self, id: MessageId) -> Option<Sending> {
        let sending = self.sending.remove(&id)?;
        if let Some(request) = sending.asked {
            self.asked.remove(&request);
        }
        self.unsent.remove(&id);
        Some(sending)
    }

    pub(super) fn get(&self, id: MessageId) -> Option<&Sending> {
        self.sending.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: MessageId) -> Option<&mut Sending> {
        self.sending.get_mut(&id)
    }

    /// The message that was asked about under this number, if its answer is waited for.
    pub(super) fn asked_under(&self, request: RequestId) -> Option<MessageId> {
        self.asked.get(&request).copied()
    }

    /// The messages that have waited since this moment or longer, in order.
    pub(super) fn waiting_since(&self, since: Time) -> Vec<MessageId> {
        let is_late = |id: &&MessageId| self.get(**id).is_some_and(|sending| sending.since <= since);
        let mut late: Vec<_> = self
            .asked
            .values()
            .take_while(is_late)
            .chain(self.unsent.iter().filter(is_late))
            .copied()
            .collect();
        late.sort_unstable();
        late
    }

    /// Since when the one that waits longest has waited.
    pub(super) fn longest_since(&self) -> Option<Time> {
        let first = self.asked.values().next();
        first.into_iter().chain(&self.unsent).filter_map(|id| Some(self.get(*id)?.since)).min()
    }

    /// What was never sent yet.
    pub(super) fn unsent(&self) -> &BTreeSet<MessageId> {
        &self.unsent
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (MessageId, &Sending)> {
        self.sending.iter().map(|(id, sending)| (*id, sending))
    }

    pub(super) fn len(&self) -> usize {
        self.sending.len()
    }
}
