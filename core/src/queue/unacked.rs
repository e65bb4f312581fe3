//! Which deliveries are not settled yet? By tag: a number that counts deliveries and is never used twice, so that a
//! late acknowledgement of an earlier delivery never hits a later one.
//!
//! ```text
//!   old      3 ▸ m7     19 ▸ m20          what consumers hold on to, in an ordered map
//!   entries  │ 24 m31 │ 25 - │ 26 m32 │   what was delivered of late; `-` is settled, or needed no settling
//! ```
//!
//! Most deliveries are settled soon, and in order: a plain queue serves them. When most of it is settled but one at
//! its front is not, that one moves to the map.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::ConsumerId;
use super::clock::NEVER;
use crate::ids::Offset;
use crate::time::Time;

/// One delivery of a queue: what an acknowledgement names. Counted from 1 within the queue, since it was opened.
///
/// ```
/// use mqlab_core::queue::{Queue, Tag};
/// use mqlab_core::{message::Message, time::Time};
/// let (mut queue, now) = (Queue::in_memory("q")?, Time::ZERO);
/// queue.send(now, Message::new("a"))?;
/// assert_eq!(queue.receive(now)?.map(|delivery| delivery.tag), Some(Tag(1)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tag(pub u64);

/// A delivery that is not settled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    pub(super) offset: Offset,
    pub(super) consumer: ConsumerId,
    /// Whether the consumer said that it has seen it.
    pub(super) seen: bool,
    /// When it will be taken back; [`NEVER`] where it has no lease.
    pub(super) lease: Time,
}

const _: () = assert!(size_of::<Option<Pending>>() <= 32);

/// How many entries there may be more than four for each delivery that is not settled.
const ENTRIES_SLACK: usize = 256;

/// All of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Unacked {
    /// Those before the first entry.
    old: BTreeMap<Tag, Pending>,
    /// The tag of the first entry, less one.
    before: u64,
    entries: VecDeque<Option<Pending>>,
    len: usize,
}

impl Unacked {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Takes a delivery over and gives it its tag.
    #[inline]
    pub(super) fn push(&mut self, offset: Offset, consumer: ConsumerId) -> Tag {
        self.len += 1;
        self.add(Some(Pending { offset, consumer, seen: false, lease: NEVER }))
    }

    /// A tag for a delivery that nobody will settle.
    pub(super) fn skip(&mut self) -> Tag {
        if self.entries.is_empty() {
            self.before += 1;
            return Tag(self.before);
        }
        self.add(None)
    }

    #[inline]
    fn add(&mut self, entry: Option<Pending>) -> Tag {
        self.entries.push_back(entry);
        let tag = Tag(self.before + self.entries.len() as u64);
        if self.entries.len() > ENTRIES_SLACK + 4 * self.len {
            self.age();
        }
        tag
    }

    #[cold]
    fn age(&mut self) {
        while self.entries.len() > ENTRIES_SLACK + 4 * self.len
            && let Some(first) = self.entries.pop_front()
        {
            self.before += 1;
            if let Some(pending) = first {
                self.old.insert(Tag(self.before), pending);
            }
        }
    }

    #[inline]
    fn place(&self, tag: Tag) -> Option<usize> {
        usize::try_from(tag.0.checked_sub(self.before + 1)?).ok()
    }

    pub(super) fn get(&self, tag: Tag) -> Option<&Pending> {
        let Some(place) = self.place(tag) else { return self.old.get(&tag) };
        self.entries.get(place)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, tag: Tag) -> Option<&mut Pending> {
        let Some(place) = self.place(tag) else { return self.old.get_mut(&tag) };
        self.entries.get_mut(place)?.as_mut()
    }

    /// Takes a delivery out.
    #[inline]
    pub(super) fn remove(&mut self, tag: Tag) -> Option<Pending> {
        let pending = match self.place(tag) {
            Some(0) => {
                // Most are settled in the order in which they were delivered.
                let first = self.entries.pop_front()?;
                self.before += 1;
                first?
            }
            Some(place) => self.entries.get_mut(place)?.take()?,
            None => self.old.remove(&tag)?,
        };
        self.len -= 1;
        while matches!(self.entries.front(), Some(None)) {
            self.entries.pop_front();
            self.before += 1;
        }
        Some(pending)
    }

    /// Everything that a consumer has, up to a tag, oldest delivery first.
    pub(super) fn of(&self, consumer: ConsumerId, until: Tag) -> Vec<Tag> {
        let old = self.old.range(..=until).map(|(&tag, pending)| (tag, pending));
        let entries = (self.before + 1..=until.0).zip(&self.entries);
        let entries = entries.filter_map(|(tag, entry)| Some((Tag(tag), entry.as_ref()?)));
        old.chain(entries).filter(|(_, pending)| pending.consumer == consumer).map(|(tag, _)| tag).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stuck_costs_nothing_for_what_goes_by() {
        let (mut unacked, consumer) = (Unacked::default(), ConsumerId(1));
        let stuck = unacked.push(Offset(0), consumer);
        for offset in 1..100_000 {
            let tag = if offset % 2 == 0 { unacked.skip() } else { unacked.push(Offset(offset), consumer) };
            assert_eq!(unacked.remove(tag).is_some(), offset % 2 == 1);
            assert!(unacked.entries.len() <= ENTRIES_SLACK + 8);
        }
        let last = unacked.push(Offset(7), ConsumerId(2));
        assert_eq!((unacked.len(), last), (2, Tag(100_001)));
        assert_eq!(unacked.of(consumer, Tag(u64::MAX)), [stuck]);
        assert_eq!(unacked.remove(stuck).map(|pending| pending.offset), Some(Offset(0)));
        assert!(unacked.remove(stuck).is_none() && unacked.get(last).is_some());
    }
}
