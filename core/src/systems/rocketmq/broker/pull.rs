//! How does pulling look like pushing? The broker holds a request that finds nothing, and answers when something comes.
//!
//! ```text
//!   Pull at 17 ──▶ queue has 17? ── yes ──▶ Pulled
//!                        │ no
//!                        ▼
//!                  held ≤ 15 s ◀── a message comes: does its tag's hash pass? ── yes ──▶ Pulled
//!                        │          └ no: still held
//!                        │ every 5 s: is there anything, whatever its tag? ──▶ answered, go on behind it
//!                        ▼
//!                  answered: nothing new; the consumer asks again at once
//! ```
//!
//! So a message is with the consumer one way after it came, and an idle queue costs four requests a minute.
//!
//! Source: `PullMessageProcessor.java`, `PullRequestHoldService.java`, `NotifyMessageArrivingListener.java`.

use super::*;
use crate::systems::rocketmq::protocol::{Pull, PullStatus, Pulled};
use crate::systems::rocketmq::store::GotStatus;

/// A pull that waits.
#[derive(Clone, Debug)]
struct Held {
    to: (NodeId, RequestId),
    pull: Pull,
    until: Time,
}

/// Pulls that wait, by queue.
#[derive(Clone, Debug, Default)]
pub(super) struct Holds {
    held: BTreeMap<(Topic, u32), Vec<Held>>,
    /// For these something came.
    woken: Vec<Held>,
}

impl Holds {
    fn hold(&mut self, held: Held) {
        self.held.entry((held.pull.topic.clone(), held.pull.queue)).or_default().push(held);
    }

    /// A client is gone, and wants nothing more.
    pub(super) fn forget(&mut self, client: NodeId) {
        self.held.values_mut().for_each(|held| held.retain(|held| held.to.0 != client));
        self.woken.retain(|held| held.to.0 != client);
    }

    /// A message came: whoever waits for it is woken. Its tag is all that is looked at, as in the queue's entry.
    pub(super) fn arrived(&mut self, stored: &Stored) {
        let message = &stored.message;
        let Some(held) = self.held.get_mut(&(message.topic.clone(), message.queue)) else { return };
        let code = crate::systems::rocketmq::hash::tags_code(message.properties.tag());
        let wakes = |held: &mut Held| held.pull.wants.passes_code(code);
        self.woken.extend(held.extract_if(.., wakes));
    }

    /// Those whose time is over, or, if it is asked, whose queue has something.
    fn over(&mut self, now: Time, has_something: impl Fn(&Pull) -> bool) -> Vec<Held> {
        let mut over = core::mem::take(&mut self.woken);
        for held in self.held.values_mut() {
            over.extend(held.extract_if(.., |held| now >= held.until || has_something(&held.pull)));
        }
        self.held.retain(|_, held| !held.is_empty());
        over
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.held.values().flatten().map(|held| held.until).min()
    }
}

impl<S: Storage> Broker<S> {
    pub(super) fn take_pull(
        &mut self,
        now: Time,
        to: (NodeId, RequestId),
        pull: Pull,
        out: &mut Output,
    ) -> Done<S> {
        let exists = self.topics.get(&pull.topic).is_some_and(|queues| pull.queue < *queues);
        if !exists {
            out.sends.push((to.0, Message::Reply(to.1, Reply::Refused(Refused::TopicNotExist))));
            return Ok(());
        }
        if let Some(offset) = pull.commit.filter(|_| self.is_master()) {
            self.commit(&pull.group, &pull.topic, (pull.queue, offset), out);
        }
        let until = now + self.settings.hold_max;
        let (topic, number) = (pull.topic.clone(), pull.queue);
        if !self.answer_pull(to, pull, until, out)? {
            let queue = self.partition(&topic, number);
            out.events.push(Event::Rocketmq(RocketmqEvent::PullHeld { queue, by: to.0 }));
        }
        Ok(())
    }

    /// Answers a pull, or holds it: then it is not answered.
    fn answer_pull(
        &mut self,
        to: (NodeId, RequestId),
        pull: Pull,
        until: Time,
        out: &mut Output,
    ) -> Result<bool, StoreError<StorageError<S>>> {
        let below = self.confirmed();
        let got =
            self.store.get_below(below, (&pull.topic, pull.queue), pull.offset, pull.count, &pull.wants)?;
        let status = match got.status {
            GotStatus::Found => PullStatus::Found,
            GotStatus::NoMatched => PullStatus::NoMatchedMessage,
            GotStatus::NoMessage if pull.offset != 0 => PullStatus::OffsetIllegal,
            GotStatus::OverflowOne | GotStatus::NoMessage => PullStatus::NoNewMessage,
            GotStatus::OverflowBadly | GotStatus::TooSmall => PullStatus::OffsetIllegal,
        };
        if status == PullStatus::NoNewMessage && pull.hold {
            self.holds.hold(Held { to, pull, until });
            return Ok(false);
        }
        let broker_id = u32::from(got.suggests_slave);
        let pulled =
            Pulled { status, next: got.next, min: got.min, max: got.max, broker_id, messages: got.messages };
        out.sends.push((to.0, Message::Reply(to.1, Reply::Pulled(pulled))));
        Ok(true)
    }

    /// Answers held pulls for which something came, or whose time is over.
    pub(super) fn serve_holds(&mut self, now: Time, out: &mut Output) -> Done<S> {
        let looks = is_due(now, &mut self.due.hold_check, self.settings.hold_check_every)
            || self.settings.controller.is_some(); // more may be confirmed
        let store = &self.store;
        let has_something = |pull: &Pull| looks && store.max_offset(&pull.topic, pull.queue) > pull.offset;
        for Held { to, mut pull, until } in self.holds.over(now, has_something) {
            // Under a controller what came may not be confirmed yet.
            pull.hold = now < until && self.settings.controller.is_some();
            self.answer_pull(to, pull, until, out)?;
        }
        Ok(())
    }
}
