//! What does a queue know of each message it holds? A slot, found by the message's offset in a few instructions.
//!
//! ```text
//!   offsets    17   18   19   20   21           a queue's offsets grow without gaps, so the n-th entry is
//!   index    [  0 |  - |  2 |  1 |  - ]         offset `first + n`: no tree, no hashing
//!               │         │    │                 `-`: that message is gone
//!   slots    [ ▣ | ▣ | ▣ | free ]               a slot that is free again is used for the next message
//! ```
//!
//! A message that is stuck at the front costs four bytes for each that came and went behind it, not a slot.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Tag;
use crate::ids::{MessageId, Offset};
use crate::message::Message;
use crate::time::Time;

/// A message that the queue holds.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    /// The message; `None` when only the log has it.
    pub(super) message: Option<Message>,
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
    pub(super) expires: Option<Time>,
}

/// Where a message is in its life in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
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

/// All slots of a queue.
#[derive(Clone, Debug, Default)]
pub(super) struct Slots {
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
        (!self.index.is_empty()).then_some(self.first)
    }

    fn at(&self, offset: Offset) -> Option<usize> {
        let place = usize::try_from(offset.0.checked_sub(self.first.0)?).ok()?;
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
        let place = (offset.0 - self.first.0) as usize;
        debug_assert!(place >= self.index.len(), "offsets are given once, in order");
        while self.index.len() < place {
            self.index.push_back(GONE);
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
    }

    /// Takes a message out.
    pub(super) fn remove(&mut self, offset: Offset) -> Option<Slot> {
        let at = self.at(offset)?;
        let slot = self.slots[at].take()?;
        self.free.push(at as u32);
        let place = (offset.0 - self.first.0) as usize;
        self.index[place] = GONE;
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
        (self.first.0..).zip(&self.index).filter_map(|(offset, &at)| {
            let slot = self.slots.get(at as usize)?.as_ref()?;
            Some((Offset(offset), slot))
        })
    }
}
