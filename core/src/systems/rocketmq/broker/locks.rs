//! Who may read a queue in order? One consumer of a group at a time, as long as it says so again.
//!
//! ```text
//!   c1 locks q0 ─────── renews (20 s) ─────── ✗ dies            c2 asks: no     c2 asks: no      c2 asks: yes
//!   ├───────────────────────────────────────────┤60 s without a word├────────────────────────────▶
//! ```
//!
//! While a consumer that died still has the lock nobody reads the queue: order costs time.
//!
//! Source: `RebalanceLockManager.java`.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::{Broker, Output};
use crate::ids::{Name, NodeId, PartitionId};
use crate::log::Storage;
use crate::observe::{Event, RocketmqEvent};
use crate::systems::rocketmq::Topic;
use crate::time::{Span, Time};

/// Who has which queue, and since when it said so last.
#[derive(Clone, Debug, Default)]
pub(super) struct Locks(BTreeMap<(Name, Topic, u32), (NodeId, Time)>);

impl Locks {
    /// Gives a client the queues that nobody else has, or had too long without a word; returns those.
    pub(super) fn lock(
        &mut self,
        now: Time,
        expires: Span,
        (group, client): (&Name, NodeId),
        queues: Vec<(Topic, u32)>,
    ) -> Vec<(Topic, u32)> {
        let is_got = |(topic, queue): &(Topic, u32)| {
            let lock = self.0.entry((group.clone(), topic.clone(), *queue)).or_insert((client, now));
            if lock.0 == client || now.since(lock.1) > expires {
                *lock = (client, now);
            }
            lock.0 == client
        };
        queues.into_iter().filter(is_got).collect()
    }

    /// Lets go what of these a client has; returns that.
    pub(super) fn unlock(
        &mut self,
        group: &Name,
        client: NodeId,
        queues: Vec<(Topic, u32)>,
    ) -> Vec<(Topic, u32)> {
        let is_its = |(topic, queue): &(Topic, u32)| {
            let key = (group.clone(), topic.clone(), *queue);
            let is_its = self.0.get(&key).is_some_and(|(owner, _)| *owner == client);
            if is_its {
                self.0.remove(&key);
            }
            is_its
        };
        queues.into_iter().filter(is_its).collect()
    }

    /// Who has a queue.
    fn holder(&self, group: &Name, (topic, queue): &(Topic, u32)) -> Option<NodeId> {
        self.0.get(&(group.clone(), topic.clone(), *queue)).map(|(owner, _)| *owner)
    }
}

impl<S: Storage> Broker<S> {
    fn partitions<'a>(&self, queues: impl Iterator<Item = &'a (Topic, u32)>) -> Vec<PartitionId> {
        queues.map(|(topic, queue)| self.partition(topic, *queue)).collect()
    }

    /// Gives a client of a group what locks it may have, and says so of those that are new to it.
    pub(super) fn lock(
        &mut self,
        now: Time,
        (group, by): (Name, NodeId),
        queues: Vec<(Topic, u32)>,
        out: &mut Output,
    ) -> Vec<(Topic, u32)> {
        let had: Vec<_> =
            queues.iter().filter(|queue| self.locks.holder(&group, queue) == Some(by)).cloned().collect();
        let got = self.locks.lock(now, self.settings.lock_expires, (&group, by), queues.clone());
        let new = self.partitions(got.iter().filter(|queue| !had.contains(queue)));
        if !new.is_empty() {
            let fact = RocketmqEvent::Locked { group: group.clone(), queues: new, by };
            out.events.push(Event::Rocketmq(fact));
        }
        for queue in queues.iter().filter(|queue| !got.contains(queue)) {
            if let Some(holder) = self.locks.holder(&group, queue) {
                let (group, queue) = (group.clone(), self.partition(&queue.0, queue.1));
                out.events.push(Event::Rocketmq(RocketmqEvent::LockRefused { group, queue, by, holder }));
            }
        }
        got
    }

    /// A client lets locks go.
    pub(super) fn unlock(&mut self, by: NodeId, group: Name, queues: Vec<(Topic, u32)>, out: &mut Output) {
        let gone = self.locks.unlock(&group, by, queues);
        if !gone.is_empty() {
            let queues = self.partitions(gone.iter());
            out.events.push(Event::Rocketmq(RocketmqEvent::Unlocked { group, queues, by }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_has_one_reader_until_it_is_silent_for_too_long() {
        let (mut locks, expires) = (Locks::default(), Span::from_millis(60_000));
        let group = Name::new("g").expect("a name");
        let queues = || alloc::vec![(Topic::new("t").expect("a topic"), 0)];
        let (a, b) = (NodeId::Consumer(1), NodeId::Consumer(2));
        let mut lock = |now, client| locks.lock(Time(now), expires, (&group, client), queues()).len();
        assert_eq!((lock(0, a), lock(1, b)), (1, 0));
        assert_eq!(lock(20_000_000, a), 1);
        assert_eq!(lock(80_000_000, b), 0, "60 s after the renewal it is still a's");
        assert_eq!((lock(80_000_001, b), lock(80_000_002, a)), (1, 0));
        locks.unlock(&group, a, queues());
        assert_eq!(
            locks.lock(Time(80_000_003), expires, (&group, a), queues()).len(),
            0,
            "it was not a's to give"
        );
        locks.unlock(&group, b, queues());
        assert_eq!(locks.lock(Time(80_000_004), expires, (&group, a), queues()).len(), 1);
    }
}
