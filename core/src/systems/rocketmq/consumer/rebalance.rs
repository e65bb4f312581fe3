//! Which queues are mine? Computed from the queues and the members, which all see alike sooner or later.
//!
//! A queue that is another's now is let go: what of it is in hand is forgotten, its offset told once more. Whoever takes it over
//! begins there; what was in work here comes again there.
//!
//! Source: `RebalanceImpl.java`, `RebalancePushImpl.java`.

use alloc::string::String;

use super::*;
use crate::observe::Event;
use crate::systems::rocketmq::protocol::RoutedBroker;

impl Consumer {
    /// Finds out who is in the group, for each topic.
    pub(super) fn rebalance(&mut self, now: Time, out: &mut Output) {
        let topics: Vec<_> = self.subscriptions.keys().cloned().collect();
        for topic in topics {
            if self.settings.model == Model::Broadcasting {
                let all = self.routes.queues(&topic);
                self.take_over(now, &topic, all, out);
                continue;
            }
            let broker = self.routes.of(&topic).first().and_then(|routed| routed.node(0));
            if let Some(broker) = broker {
                let request = Request::Members(self.settings.group.clone());
                self.ask(now, broker, About::Members(topic), request, out);
            }
        }
    }

    /// Computes what is this consumer's.
    pub(super) fn deal(&mut self, now: Time, topic: &Topic, members: &BTreeSet<String>, out: &mut Output) {
        if members.is_empty() {
            return; // a broker that was restarted knows of nobody yet
        }
        let members: Vec<_> = members.iter().cloned().collect();
        let all = self.routes.queues(topic);
        let mine = self.settings.strategy.allocate(&all, &members, &self.name);
        self.take_over(now, topic, mine, out);
    }

    fn take_over(&mut self, now: Time, topic: &Topic, mine: Vec<MessageQueue>, out: &mut Output) {
        let of_topic = self.queues.keys().filter(|queue| queue.topic == *topic);
        let before: Vec<_> = of_topic.cloned().collect();
        for queue in before.iter().filter(|queue| !mine.contains(queue)) {
            self.let_go(queue, out);
        }
        for queue in mine.iter().filter(|queue| !before.contains(queue)) {
            self.queues.insert(queue.clone(), ProcessQueue::new(now, self.settings.order));
        }
        if before != mine {
            let partitions = self.queues.keys().map(|queue| self.settings.numbering.of(queue)).collect();
            out.events.push(Event::Assigned { group: self.settings.group.clone(), partitions });
        }
    }

    fn let_go(&mut self, queue: &MessageQueue, out: &mut Output) {
        self.commit_one(queue, out);
        let Some(process) = self.queues.remove(queue) else { return };
        if process.locked_at.is_some() {
            self.unlock(queue, out);
        }
    }

    fn unlock(&self, queue: &MessageQueue, out: &mut Output) {
        if let Some(master) = self.master(queue) {
            let queues = Vec::from([(queue.topic.clone(), queue.queue)]);
            let notice = Notice::Unlock { group: self.settings.group.clone(), queues };
            out.sends.push((master, Message::Notice(notice)));
        }
    }

    /// The master of a queue's broker; or, while there is none, a slave of it.
    pub(super) fn master(&self, queue: &MessageQueue) -> Option<NodeId> {
        self.routes.broker(&queue.topic, &queue.broker).and_then(|routed| RoutedBroker::node(routed, 0))
    }

    /// Asks for the locks of its queues anew, so that they do not run out.
    pub(super) fn renew_locks(&mut self, now: Time, out: &mut Output) {
        if self.settings.order == Order::Concurrently {
            return;
        }
        let mut by_master: BTreeMap<NodeId, Vec<MessageQueue>> = BTreeMap::new();
        for (queue, process) in &self.queues {
            if let Some(master) = self.master(queue).filter(|_| process.stage != Stage::Locking) {
                by_master.entry(master).or_default().push(queue.clone());
            }
        }
        for (master, queues) in by_master {
            self.ask_locks(now, master, queues, out);
        }
    }

    pub(super) fn ask_locks(
        &mut self,
        now: Time,
        master: NodeId,
        queues: Vec<MessageQueue>,
        out: &mut Output,
    ) {
        let wanted = queues.iter().map(|queue| (queue.topic.clone(), queue.queue)).collect();
        let request = Request::Lock { group: self.settings.group.clone(), queues: wanted };
        self.ask(now, master, About::Lock(queues), request, out);
    }

    /// Which locks it has now. What it does not get it asks for again; what it let go meanwhile it gives back.
    pub(super) fn locked(
        &mut self,
        now: Time,
        queues: &[MessageQueue],
        got: &[(Topic, u32)],
        out: &mut Output,
    ) {
        for queue in queues {
            if !self.queues.contains_key(queue) {
                self.unlock(queue, out);
                continue;
            }
            let Some(process) = self.queues.get_mut(queue) else { continue };
            let is_mine = got.iter().any(|(topic, number)| (topic, *number) == (&queue.topic, queue.queue));
            process.locked_at = is_mine.then_some(now);
            if process.stage == Stage::Locking {
                process.asked = false;
                process.ask_at = if is_mine { now } else { now + self.settings.failure_delay };
                process.stage = if is_mine { Stage::Placing } else { Stage::Locking };
            }
        }
    }
}
