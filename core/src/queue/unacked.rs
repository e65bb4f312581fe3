//! Which deliveries are not settled yet? By tag: a number that counts deliveries and is never used twice, so that a
//! late acknowledgement of an earlier delivery never hits a later one.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::ConsumerId;
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
    /// When it will be taken back.
    pub(super) lease: Option<Time>,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Unacked {
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
    pub(super) fn push(&mut self, offset: Offset, consumer: ConsumerId) -> Tag {
        self.entries.push_back(Some(Pending { offset, consumer, seen: false, lease: None }));
        self.len += 1;
        Tag(self.before + self.entries.len() as u64)
    }

    /// A tag for a delivery that nobody will settle.
    pub(super) fn skip(&mut self) -> Tag {
        if self.entries.is_empty() {
            self.before += 1;
            return Tag(self.before);
        }
        self.entries.push_back(None);
        Tag(self.before + self.entries.len() as u64)
    }

    fn place(&self, tag: Tag) -> Option<usize> {
        usize::try_from(tag.0.checked_sub(self.before + 1)?).ok()
    }

    pub(super) fn get(&self, tag: Tag) -> Option<&Pending> {
        self.entries.get(self.place(tag)?)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, tag: Tag) -> Option<&mut Pending> {
        let place = self.place(tag)?;
        self.entries.get_mut(place)?.as_mut()
    }

    /// Takes a delivery out.
    pub(super) fn remove(&mut self, tag: Tag) -> Option<Pending> {
        let place = self.place(tag)?;
        let pending = self.entries.get_mut(place)?.take()?;
        self.len -= 1;
        while matches!(self.entries.front(), Some(None)) {
            self.entries.pop_front();
            self.before += 1;
        }
        Some(pending)
    }

    /// Everything that a consumer has, up to a tag, oldest delivery first.
    pub(super) fn of(&self, consumer: ConsumerId, until: Tag) -> Vec<Tag> {
        let own = |(tag, entry): (u64, &Option<Pending>)| {
            entry.is_some_and(|pending| pending.consumer == consumer).then_some(Tag(tag))
        };
        (self.before + 1..=until.0).zip(&self.entries).filter_map(own).collect()
    }
}
