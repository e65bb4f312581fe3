//! How does a message come into a queue? Known ones are recognised, full queues refuse, the rest is taken.

use alloc::collections::{BTreeMap, VecDeque};

use super::clock::is_due;
use super::*;
use crate::log::LogError;

/// What became of a message that was sent.
///
/// ```
/// use mqlab_core::ids::{MessageId, Name};
/// use mqlab_core::log::memory::MemoryLog;
/// use mqlab_core::queue::{Queue, QueueOptions, Sent};
/// use mqlab_core::{message::Message, time::{Span, Time}};
/// let options = QueueOptions { remember_ids: Some(Span::from_millis(1_000)), ..QueueOptions::default() };
/// let mut queue = Queue::<MemoryLog>::transient(Name::new("q")?, options);
/// let once = Message::new("a").with_id(MessageId(1));
/// queue.send(Time::ZERO, once.clone())?;
/// assert_eq!(queue.send(Time::ZERO, once)?, Sent::Duplicate);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The queue took it, at this offset. It may have been consumed already.
    Stored(Offset),
    /// One of its identity was sent before; this one was not stored.
    Duplicate,
}

/// The identities that a queue remembers, each for a while.
#[derive(Clone, Debug, Default)]
pub(super) struct Remembered {
    ids: BTreeMap<MessageId, Time>,
    order: VecDeque<(Time, MessageId)>,
}

impl Remembered {
    pub(super) fn has(&self, id: MessageId) -> bool {
        self.ids.contains_key(&id)
    }

    #[inline]
    pub(super) fn note(&mut self, options: &QueueOptions, now: Time, id: MessageId) {
        if options.remember_ids.is_some() && self.ids.insert(id, now).is_none() {
            self.order.push_back((now, id));
        }
    }

    /// Forgets one before its time: it was not stored.
    fn forget_one(&mut self, id: Option<MessageId>) {
        if let Some(at) = id.and_then(|id| self.ids.remove(&id)) {
            self.order.retain(|entry| Some(entry.1) != id || entry.0 != at);
        }
    }

    /// Forgets what is older than `window`, or too much.
    pub(super) fn forget(&mut self, now: Time, window: Span) {
        while let Some(&(at, id)) = self.order.front()
            && (now.since(at) >= window || self.order.len() > REMEMBERED_MAX)
        {
            self.order.pop_front();
            self.ids.remove(&id);
        }
    }
}

/// The moment in whole milliseconds: what a restart will find in the log.
pub(super) fn whole_millis(now: Time) -> Time {
    Time(now.as_millis() * 1_000)
}

impl<L: Log> Queue<L> {
    /// Takes a message, and pushes what can be pushed.
    ///
    /// It is durable after [`flush`](Self::flush); before that nobody may be told that it is stored.
    ///
    /// # Errors
    ///
    /// [`QueueError::Full`] or [`QueueError::Blocked`] when the queue holds as much as it may and its options
    /// say so; [`QueueError::BadMessage`]; [`LogError::Full`] when [`UNWRITTEN_BYTES_MAX`] wait for room on the disk
    /// already: it has no effect then; [`QueueError::Log`] when the storage fails.
    pub fn send(&mut self, now: Time, message: Message) -> Result<Sent, QueueError<L::Error>> {
        message.check()?;
        if self.is_cramped() && !message.is_transient() {
            return Err(LogError::Full.into());
        }
        self.tick(now)?;
        if let (Some(window), Some(id)) = (self.options.remember_ids, message.id()) {
            self.remembered.forget(now, window);
            if self.remembered.has(id) {
                return Ok(Sent::Duplicate);
            }
        }
        let id = self.options.remember_ids.and(message.id());
        let offset = self.accept(now, message)?;
        if let Some(id) = id {
            self.remembered.note(&self.options, whole_millis(now), id);
        }
        Ok(Sent::Stored(offset))
    }

    /// [`send`](Self::send) for a message that may have been here before, and left: it is not sent twice by a sender
    /// who did not hear the answer, so nobody asks whether its identity is known.
    pub(crate) fn send_again(&mut self, now: Time, message: Message) -> Result<Sent, QueueError<L::Error>> {
        message.check()?;
        self.tick(now)?;
        let id = message.id();
        let offset = self.accept(now, message)?;
        if let Some(id) = id {
            self.remembered.note(&Arc::clone(&self.options), now, id);
        }
        Ok(Sent::Stored(offset))
    }

    /// Whether as many messages wait for room on the disk as may.
    #[inline]
    pub(super) fn is_cramped(&mut self) -> bool {
        self.journal.as_mut().is_some_and(Journal::is_cramped)
    }

    /// Takes back messages that were sent to these places (in ascending order) and are not durable, because there was no
    /// room for all that was to be: their sender is told that they were not taken. What they have thrown out of a full queue
    /// stays gone, and what somebody has received already stays. Says how many were taken back.
    ///
    /// Of a large burst some may be in the log before there is no more room: that they are gone is noted, and is as durable
    /// as the next [`flush`](Self::flush). A process that ends before it finds them again.
    pub fn withdraw(&mut self, sent: &[Offset]) -> u64 {
        let (Some(&from), Some(journal)) = (sent.first(), &mut self.journal) else { return 0 };
        let mut back = Vec::with_capacity(sent.len());
        for &offset in sent {
            let free = self.slots.get(offset).is_some_and(|slot| slot.deliveries == 0);
            if free && !journal.has_flushed(offset) {
                back.push(offset);
            }
        }
        let others =
            self.slots.iter().any(|(offset, _)| offset >= from && back.binary_search(&offset).is_err());
        let dropped = !others && journal.withdraw(from);
        for &offset in &back {
            let Some((id, stored)) = self.drop_slot(offset, |slot| (slot.id(), slot.stored)) else {
                continue;
            };
            self.remembered.forget_one(id);
            if stored && !dropped {
                self.note(Note::Done, offset);
            }
        }
        back.len() as u64
    }

    /// Writes the messages of a [`commit`](Self::commit) before anything is said of what became of any.
    pub(crate) fn commit_messages(&mut self) -> Result<(), QueueError<L::Error>> {
        self.journal.as_mut().map_or(Ok(()), |journal| Ok(journal.commit_messages()?))
    }

    /// [`commit_messages`](Self::commit_messages), and makes them durable.
    pub(crate) fn flush_messages(&mut self) -> Result<(), QueueError<L::Error>> {
        self.journal.as_mut().map_or(Ok(()), |journal| Ok(journal.flush_messages()?))
    }

    /// Takes a message that the queue has not seen before.
    #[inline]
    fn accept(&mut self, now: Time, message: Message) -> Result<Offset, QueueError<L::Error>> {
        if let Some(delay) = waits(&message) {
            return self.accept_later(now, message, delay);
        }
        // Whoever does not watch does not wait for the identity to be read.
        let id = if self.watched { message.id() } else { None };
        let facts = self.facts.len();
        let offset = self.add(now, message, State::Ready);
        self.push(now)?;
        self.refuse_overflow(offset)?;
        if self.watched {
            // Whether it is taken is known only now; that it was, comes before that it was delivered.
            self.facts.insert(facts, Fact::Stored { offset, id });
        }
        self.store(offset, None)?;
        self.settle_down(now)?;
        Ok(offset)
    }

    /// Takes a message that stands in no line before it has waited.
    fn accept_later(
        &mut self,
        now: Time,
        message: Message,
        delay: Span,
    ) -> Result<Offset, QueueError<L::Error>> {
        let id = message.id();
        let offset = self.add(now, message, State::Aside);
        self.fact(Fact::Stored { offset, id });
        self.wait(offset, whole_millis(now) + delay);
        self.store(offset, None)?;
        self.tick(now)?; // it may have waited long enough already
        Ok(offset)
    }

    /// Gives a message the next offset and a slot, at the end of its line (`State::Ready`) or in no line yet.
    ///
    /// The slot is made last and where it stays, from what is known by then: a copy of it costs as much as all else
    /// that a queue does for a message, since the processor waits for what was just written in other pieces.
    #[inline(always)]
    pub(super) fn add(&mut self, now: Time, message: Message, state: State) -> Offset {
        let offset = self.next;
        self.next = offset.next();
        let since = whole_millis(now);
        let expires = self.expires(now, since, &message);
        let lane = self.options.lane(message.priority());
        let bytes = Slot::bytes_of(&message);
        self.resident += u64::from(bytes);
        if state == State::Ready {
            let rank = self.ready.add_fresh(offset, lane, bytes);
            self.look_again_from(rank);
        }
        self.slots.push(offset, Slot::new(message, lane, since, expires, state));
        if is_due(expires, now) {
            self.allow_this_moment(offset);
        }
        offset
    }

    /// A message came with its time over: it may still be delivered in this moment.
    #[cold]
    fn allow_this_moment(&mut self, offset: Offset) {
        if let Some(slot) = self.slots.get_mut(offset) {
            slot.at_once = true;
            self.newcomers.push(offset);
        }
    }

    /// Puts a message into its line.
    pub(super) fn stand_in_line(&mut self, offset: Offset, seat: Seat) {
        let Some(slot) = self.slots.get_mut(offset) else { return };
        let rank = self.ready.add(offset, slot, seat);
        self.look_again_from(rank);
    }

    /// A message is ready at this place: no consumer may have looked beyond it.
    #[inline]
    fn look_again_from(&mut self, rank: Rank) {
        for consumer in &mut self.consumers {
            consumer.scanned = consumer.scanned.min(rank);
        }
    }

    /// Lets a message wait for a moment.
    pub(super) fn wait(&mut self, offset: Offset, until: Time) {
        if let Some(slot) = self.slots.get_mut(offset) {
            slot.state = State::Waiting(until);
            self.waiting.insert((until, offset));
        }
    }

    /// Gives a message to the log, unless it is gone already or does not belong there.
    #[inline]
    pub(super) fn store(&mut self, offset: Offset, moved: Option<Moved>) -> Result<(), QueueError<L::Error>> {
        if self.journal.is_some() { self.store_in_log(offset, moved) } else { Ok(()) }
    }

    #[inline(never)]
    fn store_in_log(&mut self, offset: Offset, moved: Option<Moved>) -> Result<(), QueueError<L::Error>> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        let Some(slot) = self.slots.get_mut(offset) else { return Ok(()) };
        let Some(message) = slot.message.as_ref().filter(|message| !message.is_transient()) else {
            return Ok(());
        };
        let wrote = journal.store(offset, message, slot.since.as_millis() as i64, moved)?;
        slot.stored = true;
        if slot.deliveries > 0 && moved.is_none() {
            journal.note(Note::Count(slot.deliveries), offset);
        }
        if self.resident > self.resident_max {
            self.leaving.push(offset);
        }
        if wrote {
            self.shed();
        }
        Ok(())
    }

    #[inline]
    fn is_over(&self) -> bool {
        self.options.length_max.is_some_and(|most| self.ready.len() > most)
            || self.options.bytes_max.is_some_and(|most| self.ready.bytes() > most)
    }

    /// Whether the head must go.
    #[inline]
    pub(super) fn drops_head(&self) -> bool {
        self.options.overflow == Overflow::DropHead && self.is_over()
    }

    /// Takes a new message out again when it makes the queue too full and is to be refused.
    #[inline]
    fn refuse_overflow(&mut self, offset: Offset) -> Result<(), QueueError<L::Error>> {
        let refuses = self.options.overflow != Overflow::DropHead && self.is_over();
        if refuses { self.refuse(offset) } else { Ok(()) }
    }

    #[cold]
    fn refuse(&mut self, offset: Offset) -> Result<(), QueueError<L::Error>> {
        let refused = self.slots.get(offset).is_some_and(|slot| slot.state == State::Ready);
        if !refused {
            return Ok(());
        }
        if self.options.overflow == Overflow::RejectPublishDeadLetter {
            self.die(offset, DeathReason::MaxLength)?;
        } else {
            self.remove(offset, |_| ());
        }
        let blocks = self.options.overflow == Overflow::Block;
        Err(if blocks { QueueError::Blocked } else { QueueError::Full })
    }

    /// Ends every operation after which messages may be ready that were not: what can be pushed is pushed, what had
    /// this moment only is over, and the head goes as long as the queue is too full. No head is left that has
    /// expired.
    #[inline]
    pub(super) fn settle_down(&mut self, now: Time) -> Result<(), QueueError<L::Error>> {
        self.push(now)?;
        if self.newcomers.is_empty() && !self.drops_head() {
            return self.expire_head(now);
        }
        self.let_heads_go(now)
    }

    #[inline(never)]
    fn let_heads_go(&mut self, now: Time) -> Result<(), QueueError<L::Error>> {
        for offset in core::mem::take(&mut self.newcomers) {
            if let Some(slot) = self.slots.get_mut(offset) {
                slot.at_once = false;
            }
        }
        self.expire_head(now)?;
        while self.drops_head()
            && let Some((_, head)) = self.ready.first(&self.slots)
        {
            self.die(head, DeathReason::MaxLength)?;
            self.expire_head(now)?;
        }
        Ok(())
    }

    /// Stores a message anew behind all others, in place of the one at `from`, and returns where it stands.
    ///
    /// The new record says whose place it takes, and how often that was delivered. So the log of messages alone
    /// decides which of the two there is, and a power cut that takes one of the logs further back than the other
    /// never loses both.
    pub(super) fn move_to_back(
        &mut self,
        now: Time,
        from: Offset,
        message: Message,
    ) -> Result<Offset, QueueError<L::Error>> {
        let old = self.drop_slot(from, |old| (old.deliveries, old.returns, old.since, old.expires));
        let offset = self.add(now, message, State::Aside);
        if let (Some((deliveries, returns, since, expires)), Some(slot)) = (old, self.slots.get_mut(offset)) {
            (slot.deliveries, slot.returns) = (deliveries, returns);
            if deliveries > 0 {
                // It has not begun a new life, only changed its place.
                (slot.since, slot.expires, slot.at_once) = (since, expires, false);
            }
        }
        let deliveries = self.slots.get(offset).map_or(0, |slot| slot.deliveries);
        self.store(offset, Some(Moved { from, deliveries }))?;
        Ok(offset)
    }
}
