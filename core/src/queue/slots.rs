//! What does a queue know of each message it holds? A slot, found by the message's offset in a few instructions.
//!
//! ```text
//!   old      3 ▸ ▣   12 ▸ ▣              what stayed while those behind it came and went: a small ordered map
//!
//!   offsets    17   18   19   20   21    a queue's offsets grow without gaps, so the n-th entry is offset
//!   entries  [  ▣ |  - |  ▣ |  ▣ |  ▣ ]  `first + n`: no tree, no hashing. `-`: that message is gone
//! ```
//!
//! A message that is stuck while many behind it come and go would keep an entry for each of them. When most entries are
//! void, what stands at their front moves to the map, so that memory is bounded by what is held and not by what went by.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;

use super::Tag;
use super::clock::is_due;
use crate::ids::{MessageId, Offset};
use crate::message::Message;
use crate::time::Time;

/// A message that the queue holds. It lies in its slot, not behind a pointer: a queue of many messages is as fast as the
/// memory that each touches, and slots stand in a row, which the processor reads ahead.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    /// The message; `None` when only the log has it.
    pub(super) message: Option<Message>,
    /// What must be known of a message that only the log has, where there is something to know.
    brief: Option<Box<Brief>>,
    pub(super) state: State,
    /// Which of the places in the ready lines is the valid one, when it is ready; when it is not, whether that is noted.
    pub(super) seat: Seat,
    /// How often it was delivered.
    pub(super) deliveries: u32,
    /// How often a return counted towards the delivery limit.
    pub(super) returns: u32,
    /// The bytes of its body.
    pub(super) bytes: u32,
    pub(super) lane: u8,
    /// Whether the log has it.
    pub(super) stored: bool,
    /// Since when it is in the queue, in whole milliseconds: what a restart reads from the log.
    pub(super) since: Time,
    /// [`NEVER`](super::clock::NEVER) where it has no end.
    pub(super) expires: Time,
    /// Whether it came with its time over, and may still be delivered in this moment.
    pub(super) at_once: bool,
}

const _: () = assert!(size_of::<Option<Slot>>() <= 112);

/// What a queue asks of messages without loading them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Brief {
    id: Option<MessageId>,
    group: Option<Arc<str>>,
    group_sequence: Option<i32>,
}

impl Slot {
    /// A slot of a message, in memory so far. If it is ready, it stands at the end of its line.
    #[inline(always)]
    pub(super) fn new(message: Message, lane: u8, since: Time, expires: Time, state: State) -> Self {
        Self {
            bytes: Self::bytes_of(&message),
            message: Some(message),
            brief: None,
            state,
            seat: Seat::Fresh,
            deliveries: 0,
            returns: 0,
            lane,
            stored: false,
            since,
            expires,
            at_once: false,
        }
    }

    /// The bytes of a message's body, as a slot counts them.
    #[inline]
    pub(super) fn bytes_of(message: &Message) -> u32 {
        u32::try_from(message.body().len()).unwrap_or(u32::MAX)
    }

    /// Lets the message leave memory; false when it has left already.
    pub(super) fn unload(&mut self) -> bool {
        let Some(message) = self.message.take() else { return false };
        let (id, group, group_sequence) = (message.id(), message.group().cloned(), message.group_sequence());
        if id.is_some() || group.is_some() || group_sequence.is_some() {
            self.brief = Some(Box::new(Brief { id, group, group_sequence }));
        }
        true
    }

    #[inline]
    pub(super) fn id(&self) -> Option<MessageId> {
        match &self.message {
            Some(message) => message.id(),
            None => self.brief.as_ref()?.id,
        }
    }

    pub(super) fn group(&self) -> Option<&Arc<str>> {
        match &self.message {
            Some(message) => message.group(),
            None => self.brief.as_ref()?.group.as_ref(),
        }
    }

    pub(super) fn group_sequence(&self) -> Option<i32> {
        match &self.message {
            Some(message) => message.group_sequence(),
            None => self.brief.as_ref()?.group_sequence,
        }
    }

    /// Whether the cursor says that it is leased, or waits.
    #[inline]
    pub(super) fn is_noted(&self) -> bool {
        self.seat == Seat::Noted
    }

    /// Says whether the cursor says so.
    #[inline]
    pub(super) fn set_noted(&mut self, noted: bool) {
        if noted != self.is_noted() {
            self.seat = if noted { Seat::Noted } else { Seat::Fresh };
        }
    }

    pub(super) fn is_expired(&self, now: Time) -> bool {
        !self.at_once && is_due(self.expires, now)
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
    /// In no line: it is leased, or waits, and the cursor says so.
    Noted,
}

/// How many entries there may be more than twice the messages that are held.
const ENTRIES_SLACK: usize = 256;
/// An empty queue keeps memory for so many entries.
const ENTRIES_KEPT: usize = 4096;

/// All slots of a queue.
#[derive(Clone, Debug, Default)]
pub(super) struct Slots {
    /// Messages before `first`.
    old: BTreeMap<Offset, Slot>,
    first: Offset,
    entries: VecDeque<Option<Slot>>,
    len: usize,
}

impl Slots {
    /// How many messages there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The first message, by offset.
    pub(super) fn first(&self) -> Option<Offset> {
        let old = self.old.first_key_value().map(|(&offset, _)| offset);
        old.or_else(|| (!self.entries.is_empty()).then_some(self.first))
    }

    /// The entry of an offset, if it is not before all entries.
    #[inline]
    fn place(&self, offset: Offset) -> Option<usize> {
        usize::try_from(offset.0.checked_sub(self.first.0)?).ok()
    }

    #[inline]
    pub(super) fn get(&self, offset: Offset) -> Option<&Slot> {
        let Some(place) = self.place(offset) else { return self.old.get(&offset) };
        self.entries.get(place)?.as_ref()
    }

    #[inline]
    pub(super) fn get_mut(&mut self, offset: Offset) -> Option<&mut Slot> {
        let Some(place) = self.place(offset) else { return self.old.get_mut(&offset) };
        self.entries.get_mut(place)?.as_mut()
    }

    /// Adds a message behind all others.
    #[inline(always)] // so that the slot is made where it stays
    pub(super) fn push(&mut self, offset: Offset, slot: Slot) {
        self.len += 1;
        if self.entries.is_empty() {
            self.first = offset;
        } else if self.place(offset) != Some(self.entries.len()) {
            self.leave_gap(offset);
        }
        self.entries.push_back(Some(slot));
        if self.entries.len() > self.entries_max() {
            self.age();
        }
    }

    /// Makes the entry after the last one that of an offset further on.
    #[cold]
    fn leave_gap(&mut self, offset: Offset) {
        let gap = (offset.0 - self.first.0).saturating_sub(self.entries.len() as u64);
        if gap > self.entries_max() as u64 {
            while self.age_first() {}
            self.first = offset;
        } else {
            (0..gap).for_each(|_| self.entries.push_back(None));
        }
    }

    fn entries_max(&self) -> usize {
        ENTRIES_SLACK + 2 * self.len
    }

    #[cold]
    fn age(&mut self) {
        while self.entries.len() > self.entries_max() {
            self.age_first();
        }
    }

    /// Moves the first entry to the map; false when there is none.
    fn age_first(&mut self) -> bool {
        let Some(entry) = self.entries.pop_front() else { return false };
        if let Some(slot) = entry {
            self.old.insert(self.first, slot);
        }
        self.first = self.first.next();
        true
    }

    /// Takes a message out, after `see` has seen its slot; `None` when there is none.
    #[inline]
    pub(super) fn remove<T>(&mut self, offset: Offset, see: impl FnOnce(&mut Slot) -> T) -> Option<T> {
        let Some(place) = self.place(offset) else {
            let mut slot = self.old.remove(&offset)?;
            self.len -= 1;
            return Some(see(&mut slot));
        };
        let entry = self.entries.get_mut(place)?;
        let seen = see(entry.as_mut()?);
        self.len -= 1;
        if place == 0 {
            // Most leave in the order in which they came. To mark the entry first would let the processor wait for it.
            self.entries.pop_front();
            self.first = self.first.next();
        } else {
            *entry = None;
            while matches!(self.entries.back(), Some(None)) {
                self.entries.pop_back();
            }
        }
        while matches!(self.entries.front(), Some(None)) {
            self.entries.pop_front();
            self.first = self.first.next();
        }
        if self.entries.is_empty() && self.entries.capacity() > ENTRIES_KEPT {
            self.entries = VecDeque::new(); // a backlog is over: its memory is given back
        }
        Some(seen)
    }

    /// Whether there is a message from an offset on and before another.
    pub(super) fn any(&self, from: Offset, until: Offset) -> bool {
        let old = self.old.range(from..until).next().is_some();
        let start = from.max(self.first);
        let entries = self.place(start).unwrap_or(0).min(self.entries.len());
        let end = self.place(until.max(self.first)).unwrap_or(0).clamp(entries, self.entries.len());
        old || self.entries.range(entries..end).any(Option::is_some)
    }

    /// Every message, by offset.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Offset, &Slot)> {
        let old = self.old.iter().map(|(&offset, slot)| (offset, slot));
        let entries = (self.first.0..).zip(&self.entries);
        old.chain(entries.filter_map(|(offset, entry)| Some((Offset(offset), entry.as_ref()?))))
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::queue::clock::NEVER;
    use crate::queue::ready::{Rank, Ready};

    fn slot() -> Slot {
        Slot::new(Message::new("m"), 0, Time::ZERO, NEVER, State::Aside)
    }

    #[test]
    fn what_a_queue_asks_is_known_of_messages_that_left_memory() {
        let asked = |slot: &Slot| (slot.id(), slot.group().cloned(), slot.group_sequence());
        let message = Message::new("m").with_id(MessageId(7)).with_group("g").with_group_sequence(-1);
        let mut slot = Slot::new(message, 0, Time::ZERO, NEVER, State::Aside);
        let before = asked(&slot);
        assert!(slot.unload() && !slot.unload());
        assert_eq!(before, (Some(MessageId(7)), Some("g".into()), Some(-1)));
        assert_eq!(asked(&slot), before);
    }

    #[test]
    fn what_is_stuck_costs_nothing_for_what_goes_by() {
        let mut slots = Slots::default();
        for offset in 0..100_000 {
            slots.push(Offset(offset), slot());
            if offset % 10_000 != 0 {
                assert!(slots.remove(Offset(offset), |_| ()).is_some());
            }
            assert!(slots.entries.len() <= slots.entries_max());
        }
        assert_eq!((slots.len(), slots.first()), (10, Some(Offset(0))));
        let all: Vec<u64> = slots.iter().map(|(offset, _)| offset.0 / 10_000).collect();
        assert_eq!(all, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert!(slots.get(Offset(20_000)).is_some() && slots.get(Offset(20_001)).is_none());
        for offset in all {
            assert!(slots.remove(Offset(10_000 * offset), |_| ()).is_some());
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
            if slots.remove(Offset(offset), |slot| ready.take(Offset(offset), slot)) == Some(true) {
                ready.sweep(&slots, 0);
            }
            assert!(ready.entries() <= 200, "{} entries for one message", ready.entries());
        }
        put(&mut slots, &mut ready, 10_000);
        let order: Vec<u64> = ready.from(&slots, Rank::FIRST).map(|(_, offset)| offset.0).collect();
        assert_eq!((order, ready.len(), ready.bytes()), (Vec::from([0, 10_000]), 2, 2));
    }
}
