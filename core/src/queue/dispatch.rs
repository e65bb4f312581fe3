//! Who gets what? The first message that suits somebody with room goes to the first of those whom it suits.
//!
//! ```text
//!   ready      m1 red   m2 blue   m3 red   m4 red
//!   consumers  A (wants blue, room)   B (has no room)   C (wants anything, room)
//!   ─────────────────────────────────────────────────
//!   m1 → C, and C goes to the end of its priority's turn; m2 → A; m3 → C; ...
//! ```
//!
//! Each consumer remembers up to where nothing suits it, so that a selector is asked once about each message and a
//! long backlog of other people's messages costs nothing.
//!
//! Sources: ActiveMQ `Queue.java#doActualDispatch` and `#orderedCompare`; RabbitMQ "Consumer Priorities", "Single
//! Active Consumer".

use super::consumer::AckMode;
use super::*;

impl<L: Log> Queue<L> {
    /// Attaches a consumer, behind the others of its priority, and pushes what can be pushed. One of the same number
    /// that is attached already is detached first.
    ///
    /// # Errors
    ///
    /// [`QueueError::Log`] when the storage fails.
    pub fn attach(
        &mut self,
        now: Time,
        id: ConsumerId,
        options: ConsumerOptions,
    ) -> Result<(), QueueError<L::Error>> {
        self.enter(now, Consumer::new(id, options))
    }

    /// [`attach`](Self::attach) under a window that the consumer shares with others, here and in other queues, and
    /// within which so many more messages may be pushed.
    ///
    /// # Errors
    ///
    /// [`QueueError::Log`] when the storage fails.
    pub fn attach_within(
        &mut self,
        now: Time,
        id: ConsumerId,
        options: ConsumerOptions,
        (window, left): (WindowId, u32),
    ) -> Result<(), QueueError<L::Error>> {
        self.windows.insert(window, left);
        self.enter(now, Consumer { window: Some(window), ..Consumer::new(id, options) })
    }

    fn enter(&mut self, now: Time, consumer: Consumer) -> Result<(), QueueError<L::Error>> {
        self.tick(now)?;
        self.detach(now, consumer.id)?;
        self.insert(consumer);
        self.elect();
        self.push(now)
    }

    /// Puts a consumer behind all others of its priority.
    fn insert(&mut self, consumer: Consumer) {
        let behind = |other: &Consumer| other.options.priority >= consumer.options.priority;
        let at = self.consumers.partition_point(behind);
        self.consumers.insert(at, consumer);
    }

    /// Ends a consumer. Where its messages go, the queue's options say; they are marked as redelivered.
    ///
    /// # Errors
    ///
    /// [`QueueError::Log`] when the storage fails.
    pub fn detach(&mut self, now: Time, id: ConsumerId) -> Result<(), QueueError<L::Error>> {
        self.leave(now, id);
        // All of them, before anything is pushed to others: the order is that of the queue, also within a group
        // that is free now.
        for tag in self.unacked.of(id, Tag(u64::MAX)) {
            self.give_back(now, tag, ReturnReason::Left)?;
        }
        self.settle_down(now)
    }

    /// Stops pushing to a consumer that keeps what it has: it may still acknowledge it (AMQP's `basic.cancel`).
    ///
    /// # Errors
    ///
    /// [`QueueError::Log`] when the storage fails.
    pub fn cancel(&mut self, now: Time, id: ConsumerId) -> Result<(), QueueError<L::Error>> {
        self.leave(now, id);
        self.push(now)
    }

    /// Takes a consumer out of the turn.
    fn leave(&mut self, now: Time, id: ConsumerId) {
        let Some(at) = self.consumers.iter().position(|consumer| consumer.id == id) else { return };
        self.consumers.remove(at);
        if self.consumers.is_empty() {
            self.unused_since = now;
        }
        self.groups.release(id);
        self.scan_anew();
        if self.active == Some(id) {
            self.active = None;
        }
        self.elect();
    }

    /// Messages may suit consumers that they did not suit before.
    fn scan_anew(&mut self) {
        for consumer in &mut self.consumers {
            consumer.scanned = Rank::FIRST;
        }
    }

    /// Chooses the one that alone is served, where there shall be one.
    fn elect(&mut self) {
        let exclusive = self.consumers.iter().find(|consumer| consumer.options.exclusive);
        let chosen = match exclusive {
            // The list is in order of priority; whoever is active and as good as the first, stays.
            Some(first) => {
                let stays = self.consumers.iter().find(|consumer| Some(consumer.id) == self.active);
                let as_good = |consumer: &&Consumer| {
                    consumer.options.exclusive && consumer.options.priority >= first.options.priority
                };
                Some(stays.filter(as_good).map_or(first.id, |consumer| consumer.id))
            }
            None if self.options.single_active => {
                self.active.or_else(|| self.consumers.first().map(|consumer| consumer.id))
            }
            None => None,
        };
        if chosen != self.active {
            self.active = chosen;
            if let Some(chosen) = chosen {
                self.fact(Fact::Activated(chosen));
            }
        }
    }

    fn consumer(&mut self, id: ConsumerId) -> Option<&mut Consumer> {
        self.consumers.iter_mut().find(|consumer| consumer.id == id)
    }

    /// Grants a consumer so much more credit, where its flow is by credit.
    ///
    /// # Errors
    ///
    /// [`QueueError::UnknownConsumer`]; [`QueueError::Log`] when the storage fails.
    pub fn grant(&mut self, now: Time, id: ConsumerId, credit: u64) -> Result<(), QueueError<L::Error>> {
        let consumer = self.consumer(id).ok_or(QueueError::UnknownConsumer)?;
        consumer.credit = consumer.credit.saturating_add(credit);
        self.tick(now)?;
        self.push(now)
    }

    /// Stops pushing to a consumer, whatever room it has, or goes on (AMQP's `channel.flow`).
    ///
    /// # Errors
    ///
    /// [`QueueError::UnknownConsumer`]; [`QueueError::Log`] when the storage fails.
    pub fn block(&mut self, now: Time, id: ConsumerId, blocked: bool) -> Result<(), QueueError<L::Error>> {
        let consumer = self.consumer(id).ok_or(QueueError::UnknownConsumer)?;
        consumer.blocked = blocked;
        self.push(now)
    }

    /// Says how many more messages may be pushed within a shared window, and pushes what can be pushed. Each push
    /// counts one down, so that whoever shares the window among queues need only tell the others.
    ///
    /// # Errors
    ///
    /// [`QueueError::Log`] when the storage fails.
    pub fn set_window(&mut self, now: Time, window: WindowId, left: u32) -> Result<(), QueueError<L::Error>> {
        if !self.consumers.iter().any(|consumer| consumer.window == Some(window)) {
            self.windows.remove(&window);
            return Ok(());
        }
        self.windows.insert(window, left);
        if left > 0 { self.push(now) } else { Ok(()) }
    }

    /// Puts an attached consumer under a shared window within which so many more messages may be pushed, or under
    /// none, and pushes what can be pushed then.
    pub(crate) fn share_window(
        &mut self,
        now: Time,
        id: ConsumerId,
        window: Option<(WindowId, u32)>,
    ) -> Result<(), QueueError<L::Error>> {
        let consumer = self.consumer(id).ok_or(QueueError::UnknownConsumer)?;
        consumer.window = window.map(|(window, _)| window);
        self.windows.extend(window);
        self.push(now)
    }

    /// How many more messages may be pushed within a shared window; `None` when it is not known here.
    pub(crate) fn window_left(&self, window: WindowId) -> Option<u32> {
        self.windows.get(&window).copied()
    }

    /// Hands out the next message to whoever asks, attached or not; it must be acknowledged (AMQP's `basic.get`).
    /// `None` when none is ready.
    ///
    /// # Errors
    ///
    /// [`QueueError::Log`] when the storage fails.
    pub fn receive(&mut self, now: Time) -> Result<Option<Delivery>, QueueError<L::Error>> {
        self.tick(now)?;
        self.unused_since = now;
        let Some((_, head)) = self.ready.first(&self.slots) else { return Ok(None) };
        self.hand_out(now, head, ConsumerId::default(), AckMode::Explicit).map(Some)
    }

    /// [`receive`](Self::receive) for whoever reads the message where it lies, in the queue, and has done with it before
    /// the queue is used again: the fastest way through, since there are no two who share the message and must count
    /// each other. It must be acknowledged all the same, and comes again if it is given back.
    ///
    /// # Errors
    ///
    /// [`QueueError::Log`] when the storage fails.
    pub fn receive_in_place(&mut self, now: Time) -> Result<Option<Lent<'_>>, QueueError<L::Error>> {
        self.tick(now)?;
        self.unused_since = now;
        let Some((_, offset)) = self.ready.first(&self.slots) else { return Ok(None) };
        if !self.is_in_memory(offset) {
            self.load_from_log(offset)?; // to the page, where it is found below
        }
        let (tag, count) = self.let_out(now, offset, ConsumerId::default(), None)?;
        let message = self.slots.get(offset).and_then(|slot| slot.message.as_ref());
        let message = message.or_else(|| self.page.get(&offset)).ok_or(QueueError::Missing(offset))?;
        Ok(Some(Lent { tag, offset, count, message }))
    }

    /// Hands out the very message at an offset, if it is ready, to whoever asks.
    pub(crate) fn receive_at(
        &mut self,
        now: Time,
        offset: Offset,
    ) -> Result<Option<Delivery>, QueueError<L::Error>> {
        if self.slots.get(offset).is_none_or(|slot| slot.state != State::Ready) {
            return Ok(None);
        }
        self.hand_out(now, offset, ConsumerId::default(), AckMode::Explicit).map(Some)
    }

    /// Hands out the next message that suits an attached consumer, whatever room it has.
    ///
    /// # Errors
    ///
    /// [`QueueError::UnknownConsumer`]; [`QueueError::Log`] when the storage fails.
    pub fn receive_for(
        &mut self,
        now: Time,
        id: ConsumerId,
    ) -> Result<Option<Delivery>, QueueError<L::Error>> {
        self.tick(now)?;
        let at = self.consumers.iter().position(|consumer| consumer.id == id);
        let at = at.ok_or(QueueError::UnknownConsumer)?;
        if self.active.is_some_and(|active| active != id) {
            return Ok(None);
        }
        while let Some((_, offset)) = self.first_suiting(at)? {
            if self.is_expired(now, offset) {
                self.die(offset, DeathReason::Expired)?;
                continue;
            }
            let ack = self.consumers[at].options.ack;
            self.assign_group(offset, id);
            let delivery = self.hand_out(now, offset, id, ack)?;
            // It may have closed a group, or taken one over: what waited for its owner may suit others now.
            self.push(now)?;
            return Ok(Some(delivery));
        }
        Ok(None)
    }

    /// Pushes ready messages until none is left that suits a consumer with room.
    #[inline]
    pub(super) fn push(&mut self, now: Time) -> Result<(), QueueError<L::Error>> {
        // Whoever only asks, as most tests and many programs do, waits for no search.
        if self.consumers.is_empty() { self.expire_head(now) } else { self.push_to_consumers(now) }
    }

    #[inline(never)]
    fn push_to_consumers(&mut self, now: Time) -> Result<(), QueueError<L::Error>> {
        while let Some((at, offset)) = self.choose(now)? {
            let consumer = &mut self.consumers[at];
            let (id, ack) = (consumer.id, consumer.options.ack);
            consumer.credit = consumer.credit.saturating_sub(1);
            if let Some(left) = consumer.window.and_then(|window| self.windows.get_mut(&window)) {
                *left = left.saturating_sub(1);
            }
            if !self.options.strict_dispatch {
                let consumer = self.consumers.remove(at);
                self.insert(consumer);
            }
            self.assign_group(offset, id);
            let delivery = self.hand_out(now, offset, id, ack)?;
            self.deliveries.push_back(delivery);
        }
        Ok(())
    }

    /// The next message to push, and the place of the consumer that gets it.
    fn choose(&mut self, now: Time) -> Result<Option<(usize, Offset)>, QueueError<L::Error>> {
        loop {
            self.expire_head(now)?;
            if self.ready.first(&self.slots).is_none() {
                return Ok(None);
            }
            let mut best: Option<(Rank, core::cmp::Reverse<i32>, u32, usize, Offset)> = None;
            for at in 0..self.consumers.len() {
                let consumer = &self.consumers[at];
                let full = consumer.window.is_some_and(|window| self.windows.get(&window) == Some(&0));
                if full || !consumer.has_room() || self.active.is_some_and(|active| active != consumer.id) {
                    continue;
                }
                let priority = core::cmp::Reverse(consumer.options.priority);
                let groups = consumer.groups;
                let Some((rank, offset)) = self.first_suiting(at)? else { continue };
                // Who has fewer groups comes first, for a message that belongs to one.
                let grouped = self.slots.get(offset).is_some_and(|slot| slot.group().is_some());
                let found = (rank, priority, if grouped { groups } else { 0 }, at, offset);
                if best.is_none_or(|best| found < best) {
                    best = Some(found);
                }
            }
            let Some((_, _, _, at, offset)) = best else { return Ok(None) };
            if !self.is_expired(now, offset) {
                return Ok(Some((at, offset)));
            }
            self.die(offset, DeathReason::Expired)?;
        }
    }

    /// The first ready message that suits the consumer at a place.
    fn first_suiting(&mut self, at: usize) -> Result<Option<(Rank, Offset)>, QueueError<L::Error>> {
        let consumer = &self.consumers[at];
        if consumer.options.selector.is_none() && self.groups.is_empty() {
            return Ok(self.ready.first(&self.slots));
        }
        let (id, selector) = (consumer.id, consumer.options.selector.clone());
        let mut scanned = consumer.scanned;
        let found = 'search: loop {
            let mut unloaded = None;
            for (rank, offset) in self.ready.from(&self.slots, scanned) {
                let Some(slot) = self.slots.get(offset) else { continue };
                let owner = slot.group().and_then(|group| self.groups.owner(group));
                let free = slot.group_sequence() == Some(1) || owner.is_none_or(|owner| owner == id);
                let suits = free
                    && match &selector {
                        None => true,
                        Some(selector) => {
                            let Some(message) = slot.message.as_ref().or_else(|| self.page.get(&offset))
                            else {
                                (scanned, unloaded) = (rank, Some(offset));
                                break;
                            };
                            selector.matches(message)
                        }
                    };
                if suits {
                    break 'search Some((rank, offset));
                }
                scanned = rank.after();
            }
            match unloaded {
                Some(offset) => drop(self.load(offset)?),
                None => break None,
            }
        };
        self.consumers[at].scanned = found.map_or(scanned, |(rank, _)| rank);
        Ok(found)
    }

    /// Notes that a message's group belongs to a consumer, or ends with this message.
    fn assign_group(&mut self, offset: Offset, to: ConsumerId) {
        let Some(slot) = self.slots.get(offset) else { return };
        let Some(group) = slot.group().cloned() else { return };
        let closes = slot.group_sequence().is_some_and(|sequence| sequence < 0);
        let lost = if closes {
            [self.groups.close(&group), None]
        } else {
            let lost = self.groups.assign(&group, to);
            if let Some(owner) = self.consumer(to) {
                owner.groups += 1;
            }
            lost
        };
        // A group that was forgotten is free for all, and so is one that was closed.
        let mut changed = closes || lost[1].is_some();
        for owner in lost.into_iter().flatten() {
            changed |= owner != to;
            if let Some(owner) = self.consumer(owner) {
                owner.groups = owner.groups.saturating_sub(1);
            }
        }
        if changed {
            self.scan_anew();
        }
    }

    /// Takes a message from its line and makes it a delivery, where its caller wants it: a copy more is measurable.
    #[inline(always)]
    fn hand_out(
        &mut self,
        now: Time,
        offset: Offset,
        to: ConsumerId,
        ack: AckMode,
    ) -> Result<Delivery, QueueError<L::Error>> {
        if ack == AckMode::Explicit {
            let message = self.load(offset)?;
            let (tag, count) = self.let_out(now, offset, to, None)?;
            return Ok(Delivery { tag, consumer: to, offset, count, settled: false, message });
        }
        // It leaves for good: nothing of it stays here that would have to be shared.
        let loaded = if self.is_in_memory(offset) { None } else { Some(self.load_from_log(offset)?) };
        let tag = self.unacked.skip();
        let taken = |slot: &mut Slot| (slot.id(), slot.deliveries.saturating_add(1), slot.message.take());
        let (id, count, message) = self.remove(offset, taken).ok_or(QueueError::Missing(offset))?;
        let message = message.or(loaded).ok_or(QueueError::Missing(offset))?;
        self.fact(Fact::Delivered { offset, id, to, count });
        self.fact(Fact::Settled { offset, id, by: to });
        Ok(Delivery { tag, consumer: to, offset, count, settled: true, message })
    }

    /// Takes a message from its line: it is with a consumer now, and still in the queue, until the delivery of this tag
    /// is settled; also after a restart, if it is leased by whoever asks. Also says how often it was delivered.
    #[inline(always)]
    pub(super) fn let_out(
        &mut self,
        now: Time,
        offset: Offset,
        to: ConsumerId,
        leased: Option<Time>,
    ) -> Result<(Tag, u32), QueueError<L::Error>> {
        let Some(slot) = self.slots.get_mut(offset) else { return Err(QueueError::Missing(offset)) };
        let swept = self.ready.take(offset, slot).then_some(slot.lane);
        slot.deliveries = slot.deliveries.saturating_add(1);
        slot.set_noted(leased.is_some() && slot.stored);
        let (count, id, stored) = (slot.deliveries, slot.id(), slot.stored);
        let tag = self.unacked.push(offset, to);
        slot.state = State::Out(tag);
        if let Some(lane) = swept {
            self.ready.sweep(&self.slots, lane);
        }
        self.fact(Fact::Delivered { offset, id, to, count });
        if stored {
            self.note(leased.map_or(Note::Delivered, Note::Leased), offset);
        }
        if let Some(until) = leased.or_else(|| Some(now + self.options.lease?)) {
            self.leases.insert((until, tag));
            if let Some(pending) = self.unacked.get_mut(tag) {
                pending.lease = until;
            }
        }
        if let Some(consumer) = self.consumer(to) {
            consumer.outstanding += 1;
        }
        Ok((tag, count))
    }
}
