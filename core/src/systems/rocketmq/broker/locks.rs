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

use crate::ids::{Name, NodeId};
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

    pub(super) fn unlock(&mut self, group: &Name, client: NodeId, queues: Vec<(Topic, u32)>) {
        for (topic, queue) in queues {
            let key = (group.clone(), topic, queue);
            if self.0.get(&key).is_some_and(|(owner, _)| *owner == client) {
                self.0.remove(&key);
            }
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
