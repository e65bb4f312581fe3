//! What does a queue know of each message it holds? A slot, found by the message's offset in a few instructions.
//!
//! ```text
//!   offsets    17   18   19   20   21           a queue's offsets grow without gaps, so the n-th entry is
//!   index    [  0 |  - |  2 |  1 |  - ]         offset `first + n`: no tree, no hashing
//!               │         │    │                 `-`: that message is gone
//!   slots    [ ▣ | ▣ | ▣ | free ]               a slot that is free again is used for the next message
//! ```
//!
//! A message that is stuck while many behind it come and go would keep an index entry for each of them. When most of
//! the index is void, what stands at its front moves to a small ordered map (`old`), so that memory is bounded by what
//! is held and not by what went by.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Tag;
use super::clock::is_due;
use crate::ids::{MessageId, Offset};
use crate::message::Message;
use crate::time::Time;

/// A message that the queue holds.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    /// The message; `None` when only the log has it.
    pub(super) message: Option<Arc<Message>>,
    pub(super) state: State,
    /// Which of the places in the ready lines is the valid one, when it is ready.
    pub(super) seat: Seat,
    /// How often it was delivered.
    pub(super) deliveries: u32,
    /// How often a return counted towards the delivery limit.
    pub(super) returns: u32,
    /// The bytes of its body.
    pub(super) bytes: u32,
    pub(super) lane: u8,
    pub(super) id: Option<MessageId>,
    pub(super) group: Option<Arc<str>>,
    pub(super) group_sequence: Option<i32>,
    /// Whether the log has it.
    pub(super) stored: bool,
    /// Since when it is in the queue, in whole milliseconds: what a restart reads from the log.
    pub(super) since: Time,
    pub(super) expires: Option<Time>,
    /// Whether it came with its time over, and may still be delivered in this moment.
    pub(super) at_once: bool,
}

impl Slot {
    pub(super) fn is_expired(&self, now: Time) -> bool {
        !self.at_once && self.expires.is_some_and(|at| is_due(at, now))
    }
}

/// Where a message is in its life in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It is in no line: on its way from one to another, within one call.
    Aside,
    /// It waits for a consumer.
    Ready,
    /// It waits for a moment: a delay that its sender asked for, or a pause before it is delivered again.
    Waiting(Time),
    /// A consumer has it.
    Out(Tag),
}

/// A place in the ready lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seat {
    /// In the order of arrival.
    Fresh,
    /// Among those that came back to their old place.
    Returned,
    /// Among those that are served first.
    Front,
}

const GONE: u32 = u32::MAX;
/// How many entries the index may have more than eight for each message that is held.
const INDEX_SLACK: usize = 1024;

/// All slots of a queue.
#[derive(Clone, Debug, Default)]
pub(super) struct Slots {
    /// Messages before `first`: they stayed while those behind them came and went.
    old: BTreeMap<Offset, u32>,
    first: Offset,
    index: VecDeque<u32>,
    slots: Vec<Option<Slot>>,
    free: Vec<u32>,
}

impl Slots {
    /// How many messages there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// The first message, by offset.
    pub(super) fn first(&self) -> Option<Offset> {
        let old = self.old.first_key_value().map(|(&offset, _)| offset);
        old.or_else(|| (!self.index.is_empty()).then_some(self.first))
    }

    fn at(&self, offset: Offset) -> Option<usize> {
        if offset < self.first {
            return self.old.get(&offset).map(|slot| *slot as usize);
        }
        let place = usize::try_from(offset.0 - self.first.0).ok()?;
        self.index.get(place).filter(|slot| **slot != GONE).map(|slot| *slot as usize)
    }

    pub(super) fn get(&self, offset: Offset) -> Option<&Slot> {
        self.slots[self.at(offset)?].as_ref()
    }

    pub(super) fn get_mut(&mut self, offset: Offset) -> Option<&mut Slot> {
        let at = self.at(offset)?;
        self.slots[at].as_mut()
    }

    /// Adds a message behind all others.
    pub(super) fn push(&mut self, offset: Offset, slot: Slot) {
        if self.index.is_empty() {
            self.first = offset;
        }
        let gap = (offset.0 - self.first.0).saturating_sub(self.index.len() as u64);
        if gap > self.index_max() as u64 {
            while self.age_first() {}
            self.first = offset;
        } else {
            self.index.extend((0..gap).map(|_| GONE));
        }
        let at = match self.free.pop() {
            Some(at) => {
                self.slots[at as usize] = Some(slot);
                at
            }
            None => {
                self.slots.push(Some(slot));
                (self.slots.len() - 1) as u32
            }
        };
        self.index.push_back(at);
        while self.index.len() > self.index_max() {
            self.age_first();
        }
    }

    fn index_max(&self) -> usize {
        INDEX_SLACK + 8 * self.len()
    }

    /// Moves the first entry of the index to the map; false when there is none.
    fn age_first(&mut self) -> bool {
        let Some(at) = self.index.pop_front() else { return false };
        if at != GONE {
            self.old.insert(self.first, at);
        }
        self.first = self.first.next();
        true
    }

    /// Takes a message out.
    pub(super) fn remove(&mut self, offset: Offset) -> Option<Slot> {
        let at = self.at(offset)?;
        let slot = self.slots[at].take()?;
        self.free.push(at as u32);
        if self.free.len() == self.slots.len() && self.slots.len() > INDEX_SLACK {
            (self.slots, self.free) = Default::default(); // a backlog is over: its memory is given back
        }
        if offset < self.first {
            self.old.remove(&offset);
            return Some(slot);
        }
        self.index[(offset.0 - self.first.0) as usize] = GONE;
        while self.index.front() == Some(&GONE) {
            self.index.pop_front();
            self.first = self.first.next();
        }
        while self.index.back() == Some(&GONE) {
            self.index.pop_back();
        }
        Some(slot)
    }

    /// Every message, by offset.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Offset, &Slot)> {
        let old = self.old.iter().map(|(&offset, &at)| (offset, at));
        let index = (self.first.0..).zip(&self.index).map(|(offset, &at)| (Offset(offset), at));
        old.chain(index).filter_map(|(offset, at)| Some((offset, self.slots.get(at as usize)?.as_ref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::ready::{Rank, Ready};

    fn slot() -> Slot {
        Slot {
            message: None,
            state: State::Aside,
            seat: Seat::Fresh,
            deliveries: 0,
            returns: 0,
            bytes: 1,
            lane: 0,
            id: None,
            group: None,
            group_sequence: None,
            stored: false,
            since: Time::ZERO,
            expires: None,
            at_once: false,
        }
    }

    #[test]
    fn what_is_stuck_costs_nothing_for_what_goes_by() {
        let mut slots = Slots::default();
        for offset in 0..100_000 {
            slots.push(Offset(offset), slot());
            if offset % 10_000 != 0 {
                assert!(slots.remove(Offset(offset)).is_some());
            }
            assert!(slots.index.len() <= slots.index_max());
        }
        assert_eq!((slots.len(), slots.first()), (10, Some(Offset(0))));
        let all: Vec<u64> = slots.iter().map(|(offset, _)| offset.0 / 10_000).collect();
        assert_eq!(all, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert!(slots.get(Offset(20_000)).is_some() && slots.get(Offset(20_001)).is_none());
        for offset in all {
            assert!(slots.remove(Offset(10_000 * offset)).is_some());
        }
        assert_eq!((slots.len(), slots.first(), slots.old.len()), (0, None, 0));
    }

    #[test]
    fn what_is_taken_from_the_middle_of_a_line_leaves_little_behind() {
        let (mut slots, mut ready) = (Slots::default(), Ready::new(1));
        let put = |slots: &mut Slots, ready: &mut Ready, offset: u64| {
            let mut slot = slot();
            ready.add(Offset(offset), &mut slot, Seat::Fresh);
            slots.push(Offset(offset), slot);
        };
        put(&mut slots, &mut ready, 0);
        for offset in 1..10_000 {
            put(&mut slots, &mut ready, offset);
            ready.take(&slots, Offset(offset));
            slots.remove(Offset(offset));
            assert!(ready.entries() <= 200, "{} entries for one message", ready.entries());
        }
        put(&mut slots, &mut ready, 10_000);
        let order: Vec<u64> = ready.from(&slots, Rank::FIRST).map(|(_, offset)| offset.0).collect();
        assert_eq!((order, ready.len(), ready.bytes()), (Vec::from([0, 10_000]), 2, 2));
    }
}
