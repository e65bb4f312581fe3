//! Which replicas want attention? A broker keeps hundreds, and at any moment nearly all of them wait.
//!
//! ```text
//!   touched   whoever was handed out to be changed since the last tick
//!   due       (5 ms, orders/3) (12 ms, orders/0) (25 ms, orders/7) ...     when each wants to be woken
//!
//!   tick(9 ms):  what was touched, and orders/3; of no other replica is anything known to have changed
//! ```
//!
//! So what a message costs does not grow with the number of partitions that its broker keeps. Whoever takes a replica to
//! change it ([`Replicas::get_mut`]) has it touched thereby: nothing can be forgotten.

use alloc::vec::Vec;

use super::protocol::RequestId;
use super::replica::{Replica, Role};
use crate::ids::PartitionId;
use crate::log::Log;
use crate::sorted::{SortedMap, SortedSet};
use crate::time::Time;

/// The replicas of a broker, in order of partition.
#[derive(Clone, Debug)]
pub(crate) struct Replicas<L> {
    all: Vec<Slot<L>>,
    /// What may have changed since the last tick, in no order, some perhaps twice.
    touched: Vec<usize>,
    /// What may have something to flush: touched since the last flush.
    unflushed: Vec<usize>,
    /// When which replica wants to be woken.
    due: SortedSet<(Time, usize)>,
    /// Which replica made a request that is not answered.
    asked: SortedMap<RequestId, usize>,
    /// How many of their logs the cleaner looks after.
    compacted: usize,
}

#[derive(Clone, Debug)]
struct Slot<L> {
    replica: Replica<L>,
    /// When it wants to be woken, as it stands in `due`.
    wakes: Option<Time>,
    /// What it asked, as it stands in `asked`.
    asked: Option<RequestId>,
    /// Whether its log is looked after by the cleaner, as it is counted.
    compacted: bool,
}

impl<L> Default for Replicas<L> {
    fn default() -> Self {
        let (all, touched, unflushed, due, asked, compacted) = Default::default();
        Self { all, touched, unflushed, due, asked, compacted }
    }
}

impl<L: Log> Replicas<L> {
    fn find(&self, partition: &PartitionId) -> Result<usize, usize> {
        self.all.binary_search_by(|slot| slot.replica.partition.cmp(partition))
    }

    /// The replica of a partition.
    pub(super) fn get(&self, partition: &PartitionId) -> Option<&Replica<L>> {
        self.find(partition).ok().map(|at| &self.all[at].replica)
    }

    /// The same, to be changed: it is touched.
    pub(super) fn get_mut(&mut self, partition: &PartitionId) -> Option<&mut Replica<L>> {
        let at = self.find(partition).ok()?;
        Some(self.touch(at))
    }

    /// The replica that made a request, to be changed.
    pub(super) fn that_asked(&mut self, id: RequestId) -> Option<&mut Replica<L>> {
        let &at = self.asked.get(&id)?;
        Some(self.touch(at))
    }

    fn touch(&mut self, at: usize) -> &mut Replica<L> {
        self.touched.push(at);
        &mut self.all[at].replica
    }

    /// Adds the replica of a partition that there was none of.
    pub(super) fn insert(&mut self, replica: Replica<L>) {
        let Err(at) = self.find(&replica.partition) else { return };
        self.all.insert(at, Slot { replica, wakes: None, asked: None, compacted: false });
        if at + 1 < self.all.len() {
            return self.number_anew();
        }
        self.touch(at); // as a view names them in order, so most come
    }

    /// Takes the replica of a partition out.
    pub(super) fn remove(&mut self, partition: &PartitionId) -> Option<Replica<L>> {
        let slot = self.all.remove(self.find(partition).ok()?);
        self.compacted -= usize::from(slot.compacted);
        self.number_anew();
        Some(slot.replica)
    }

    /// Whatever stood behind one that came or went has another place now.
    fn number_anew(&mut self) {
        self.touch_all();
        self.due.clear();
        self.asked.clear();
        for (at, slot) in self.all.iter().enumerate() {
            self.due.extend(slot.wakes.map(|wakes| (wakes, at)));
            self.asked.extend(slot.asked.map(|id| (id, at)));
        }
    }

    fn touch_all(&mut self) {
        self.touched = (0..self.all.len()).collect();
        self.unflushed.clone_from(&self.touched);
    }

    /// All of them, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Replica<L>> {
        self.all.iter().map(|slot| &slot.replica)
    }

    /// All of them, to be changed.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Replica<L>> {
        self.touch_all();
        self.all.iter_mut().map(|slot| &mut slot.replica)
    }

    /// Their logs: for whoever drives the disk below. Nobody is touched.
    pub(super) fn logs_mut(&mut self) -> impl Iterator<Item = &mut L> {
        self.all.iter_mut().flat_map(|slot| slot.replica.logs_mut())
    }

    pub(super) fn into_all(self) -> impl Iterator<Item = Replica<L>> {
        self.all.into_iter().map(|slot| slot.replica)
    }

    /// Lets everyone that was touched, or is due, do what it has to do, in order of partition.
    pub(super) fn tick<E>(
        &mut self,
        now: Time,
        mut work: impl FnMut(&mut Replica<L>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut wanting = core::mem::take(&mut self.touched);
        wanting.extend(self.due.iter().take_while(|(at, _)| *at <= now).map(|(_, at)| *at));
        wanting.sort_unstable();
        wanting.dedup();
        self.unflushed.extend(&wanting);
        let mut done = Ok(());
        for &at in &wanting {
            done = done.and_then(|()| work(&mut self.all[at].replica));
            self.take_note(at);
        }
        wanting.clear();
        self.touched = wanting; // its memory serves the next tick
        done
    }

    /// Takes note of what each waits for now: something was done with all of them since the tick.
    pub(super) fn take_note_of_all(&mut self) {
        (0..self.all.len()).for_each(|at| self.take_note(at));
    }

    /// Takes note of what a replica waits for now.
    fn take_note(&mut self, at: usize) {
        let slot = &mut self.all[at];
        let wakes = slot.replica.next_wakeup();
        if wakes != slot.wakes {
            if let Some(before) = slot.wakes {
                self.due.remove(&(before, at));
            }
            self.due.extend(wakes.map(|wakes| (wakes, at)));
            slot.wakes = wakes;
        }
        let compacted = slot.replica.is_looked_after();
        if core::mem::replace(&mut slot.compacted, compacted) != compacted {
            self.compacted = if compacted { self.compacted + 1 } else { self.compacted - 1 };
        }
        let asked = match &slot.replica.role {
            Role::Follower(follower) => follower.asks(),
            Role::Idle | Role::Leader(_) => None,
        };
        if asked != slot.asked {
            if let Some(before) = slot.asked {
                self.asked.remove(&before);
            }
            self.asked.extend(asked.map(|id| (id, at)));
            slot.asked = asked;
        }
    }

    /// Flushes what has something to flush.
    pub(super) fn flush(&mut self) -> Result<(), crate::log::LogError<L::Error>> {
        self.unflushed.sort_unstable();
        self.unflushed.dedup();
        for at in self.unflushed.drain(..) {
            let log = &mut self.all[at].replica.log;
            if log.durable() < log.end() {
                log.flush()?;
            }
        }
        Ok(())
    }

    /// Nothing is to be flushed: what was touched need not be remembered for it.
    pub(super) fn skip_flush(&mut self) {
        self.unflushed.clear();
    }

    /// Whether the cleaner looks after any of their logs.
    pub(super) fn any_compacted(&self) -> bool {
        self.compacted > 0
    }

    /// When the first of them wants to be woken.
    pub(super) fn next_wakeup(&self) -> Option<Time> {
        self.due.first().map(|(at, _)| *at)
    }
}
