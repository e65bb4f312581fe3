//! How does a consumer get messages? By asking again and again, as long as it has room.
//!
//! ```text
//!   Locking ──▶ Placing ──▶ Pulling ◀──┐ found, or nothing, or nothing that matches: at once
//!                              └───────┘ too much in hand: after 50 ms.   failed: after 3 s
//! ```
//!
//! Source: `DefaultMQPushConsumerImpl.pullMessage`, `RebalancePushImpl.computePullFromWhere`.

use super::*;
use crate::ids::Offset;
use crate::observe::{Event, Place, PullEvent};
use crate::systems::rocketmq::protocol::{Pull, PullStatus, Pulled};
use crate::systems::rocketmq::retry::RETRY_PREFIX;

impl Consumer {
    /// Makes the requests that are due.
    pub(super) fn pull(&mut self, now: Time, out: &mut Output) {
        let is_due = |process: &ProcessQueue| !process.asked && process.ask_at <= now;
        let due: Vec<_> =
            self.queues.iter().filter(|(_, p)| is_due(p)).map(|(queue, _)| queue.clone()).collect();
        for queue in due {
            self.ask_for(now, &queue, out);
        }
    }

    fn ask_for(&mut self, now: Time, queue: &MessageQueue, out: &mut Output) {
        let Some(process) = self.queues.get(queue) else { return };
        let (stage, broker_id) = (process.stage, process.broker_id);
        let routed = self.routes.broker(&queue.topic, &queue.broker);
        let Some(whom) = routed.and_then(|routed| routed.node(broker_id)) else {
            return self.refused(now, About::Pull(queue.clone()));
        };
        match stage {
            Stage::Locking => self.ask_locks(now, whom, Vec::from([queue.clone()]), out),
            Stage::Placing if self.settings.model == Model::Broadcasting => {
                let kept = self.local.get(queue).copied();
                return self.placed(now, queue, kept, out);
            }
            Stage::Placing => {
                let (group, topic) = (self.settings.group.clone(), queue.topic.clone());
                let request = Request::Offset { group, topic, queue: queue.queue };
                self.ask(now, whom, About::Offset(queue.clone()), request, out);
            }
            Stage::Pulling => return self.ask_for_messages(now, queue, whom, out),
        }
        self.is_asked(queue);
    }

    fn is_asked(&mut self, queue: &MessageQueue) {
        if let Some(process) = self.queues.get_mut(queue) {
            process.asked = true;
        }
    }

    fn ask_for_messages(&mut self, now: Time, queue: &MessageQueue, whom: NodeId, out: &mut Output) {
        let Some(process) = self.queues.get_mut(queue) else { return };
        if process.is_full(&self.settings) || !process.is_locked(now, &self.settings) {
            process.ask_at = now + self.settings.flow_delay;
            return;
        }
        let commit = process.done_below().filter(|_| self.settings.model == Model::Clustering);
        let pull = Pull {
            count: self.settings.count,
            wants: self.subscriptions.get(&queue.topic).cloned().unwrap_or_default(),
            commit: commit.filter(|offset| *offset > 0),
            ..Pull::new(self.settings.group.clone(), queue.topic.clone(), queue.queue, process.next)
        };
        process.committed = pull.commit.or(process.committed);
        self.ask(now, whom, About::Pull(queue.clone()), Request::Pull(pull), out);
        self.is_asked(queue);
    }

    /// It is known how far the group is, or that it is not known.
    pub(super) fn placed(&mut self, now: Time, queue: &MessageQueue, offset: Option<u64>, out: &mut Output) {
        // A group's retries are read from the beginning: nobody else reads them.
        let offset = offset.or(queue.topic.as_str().starts_with(RETRY_PREFIX).then_some(0));
        match offset {
            Some(offset) => self.bounded(now, queue, (offset, offset)),
            None => {
                let Some(whom) = self.master(queue) else {
                    return self.refused(now, About::Offset(queue.clone()));
                };
                let request = Request::Bounds { topic: queue.topic.clone(), queue: queue.queue };
                self.ask(now, whom, About::Bounds(queue.clone()), request, out);
                self.is_asked(queue);
            }
        }
    }

    /// It is known where to begin.
    pub(super) fn bounded(&mut self, now: Time, queue: &MessageQueue, (min, max): (u64, u64)) {
        let begin = if self.settings.from == FirstOffset::First { min } else { max };
        if let Some(process) = self.queues.get_mut(queue) {
            (process.stage, process.next, process.asked, process.ask_at) =
                (Stage::Pulling, begin, false, now);
        }
    }

    /// Takes what came. What does not have a tag that is wanted, though its hash is, goes no further.
    pub(super) fn pulled(&mut self, now: Time, queue: &MessageQueue, pulled: Pulled, out: &mut Output) {
        let Some(process) = self.queues.get_mut(queue) else { return };
        (process.asked, process.ask_at, process.broker_id) = (false, now, pulled.broker_id);
        if pulled.status == PullStatus::OffsetIllegal {
            let (wanted, goes_on) = (Offset(process.next), Offset(pulled.next));
            let partition = self.settings.numbering.of(queue);
            out.events.push(Event::Pull(PullEvent::OffsetGone { partition, wanted, goes_on }));
            process.clear();
            process.next = pulled.next;
            return;
        }
        process.next = pulled.next;
        let wants = self.subscriptions.get(&queue.topic);
        for message in pulled.messages {
            if !wants.is_none_or(|wants| wants.accepts(&message.properties)) {
                continue;
            }
            if let Some(id) = message.properties.message_id() {
                let from = Place::Partition(self.settings.numbering.of(queue));
                let delivery = message.reconsumed + 1;
                out.events.push(Event::Received { from, messages: id.into(), delivery });
            }
            self.arrivals += 1;
            process.put(now, message, self.arrivals);
        }
    }

    /// Tells the brokers how far it is, or keeps it for itself.
    pub(super) fn commit(&mut self, out: &mut Output) {
        let queues: Vec<_> = self.queues.keys().cloned().collect();
        queues.iter().for_each(|queue| self.commit_one(queue, out));
    }

    pub(super) fn commit_one(&mut self, queue: &MessageQueue, out: &mut Output) {
        let master = self.master(queue);
        let Some(process) = self.queues.get_mut(queue) else { return };
        let Some(offset) = process.done_below().filter(|offset| process.committed != Some(*offset)) else {
            return;
        };
        if self.settings.model == Model::Broadcasting {
            process.committed = Some(offset);
            self.local.insert(queue.clone(), offset);
        } else if let Some(master) = master {
            process.committed = Some(offset);
            let (group, topic) = (self.settings.group.clone(), queue.topic.clone());
            let notice = Notice::Commit { group, topic, queue: queue.queue, offset };
            out.sends.push((master, Message::Notice(notice)));
        }
    }
}
