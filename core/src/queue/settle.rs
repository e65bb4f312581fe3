//! How does a delivery end? Acknowledged, given back, refused, or taken back: each by its tag, or all up to a tag.
//!
//! ```text
//!   ack                       gone
//!   nack, put it back         counted; over the limit: dead (delivery limit). Otherwise ready again, where the
//!                             options say (old place, front, back), at once or after a pause that grows
//!   nack, do not              dead (rejected)
//!   the consumer leaves,      as if given back
//!   or its lease is over
//! ```
//!
//! Sources: AMQP 0-9-1 `basic.ack`, `basic.reject`; RabbitMQ `basic.nack`, "Quorum Queues"; [`Requeue`] for the
//! places.

use super::*;

impl<L: Log> Queue<L> {
    /// A consumer is done with a delivery: its message is gone for good.
    ///
    /// # Errors
    ///
    /// [`QueueError::UnknownTag`] when there is no such delivery any more: nothing has changed then.
    /// [`QueueError::Log`] when the storage fails.
    pub fn ack(&mut self, now: Time, tag: Tag) -> Result<(), QueueError<L::Error>> {
        let (offset, by) = self.settle(tag)?;
        if let Some(id) = self.remove(offset, |slot| slot.id()) {
            self.fact(Fact::Settled { offset, id, by });
        }
        self.push(now)
    }

    /// A consumer is done with everything that it has, up to and with this delivery. None is fine too.
    ///
    /// # Errors
    ///
    /// [`QueueError::Log`] when the storage fails.
    pub fn ack_until(
        &mut self,
        now: Time,
        consumer: ConsumerId,
        tag: Tag,
    ) -> Result<(), QueueError<L::Error>> {
        for tag in self.unacked.of(consumer, tag) {
            self.ack(now, tag)?;
        }
        Ok(())
    }

    /// A consumer gives a delivery back (`requeue`), or refuses it for good.
    ///
    /// # Errors
    ///
    /// [`QueueError::UnknownTag`] when there is no such delivery any more: nothing has changed then.
    /// [`QueueError::Log`] when the storage fails.
    pub fn nack(&mut self, now: Time, tag: Tag, requeue: bool) -> Result<(), QueueError<L::Error>> {
        self.nack_all(now, [tag], requeue)
    }

    /// [`nack`](Self::nack) for everything that a consumer has, up to and with this delivery.
    ///
    /// # Errors
    ///
    /// [`QueueError::Log`] when the storage fails.
    pub fn nack_until(
        &mut self,
        now: Time,
        consumer: ConsumerId,
        tag: Tag,
        requeue: bool,
    ) -> Result<(), QueueError<L::Error>> {
        self.nack_all(now, self.unacked.of(consumer, tag), requeue)
    }

    /// Puts all of them back before one is delivered again, so that their order is that of the queue.
    fn nack_all(
        &mut self,
        now: Time,
        tags: impl IntoIterator<Item = Tag>,
        requeue: bool,
    ) -> Result<(), QueueError<L::Error>> {
        for tag in tags {
            if requeue {
                self.give_back(now, tag, ReturnReason::Nacked)?;
            } else {
                let (offset, _) = self.settle(tag)?;
                self.die(offset, DeathReason::Rejected)?;
            }
        }
        self.settle_down(now)
    }

    /// [`ack`](Self::ack), and nothing when there is no such delivery any more.
    pub(crate) fn ack_if_out(&mut self, now: Time, tag: Tag) -> Result<(), QueueError<L::Error>> {
        if self.unacked.get(tag).is_some() { self.ack(now, tag) } else { Ok(()) }
    }

    /// What this delivery is consumed for is written by the next commit, and not before.
    pub(crate) fn keeps_until_written(&mut self, tag: Tag) {
        if let Some(offset) = self.unacked.get(tag).map(|pending| pending.offset) {
            self.departs(offset);
        }
    }

    /// Gives deliveries back, or refuses them, as far as they are out; only then is anything delivered again.
    pub(crate) fn nack_if_out(
        &mut self,
        now: Time,
        mut tags: Vec<Tag>,
        requeue: bool,
    ) -> Result<(), QueueError<L::Error>> {
        tags.retain(|tag| self.unacked.get(*tag).is_some());
        self.nack_all(now, tags, requeue)
    }

    /// Takes deliveries back whose consumers are gone.
    pub(crate) fn give_up(&mut self, now: Time, tags: Vec<Tag>) -> Result<(), QueueError<L::Error>> {
        for tag in tags {
            if self.unacked.get(tag).is_some() {
                self.give_back(now, tag, ReturnReason::Left)?;
            }
        }
        self.settle_down(now)
    }

    /// A delivery that its consumer has not seen is not counted, since its consumer says so.
    pub(crate) fn forget_unseen(&mut self, tag: Tag) {
        let Some(pending) = self.unacked.get(tag).filter(|pending| !pending.seen) else { return };
        let offset = pending.offset;
        let Some(slot) = self.slots.get_mut(offset) else { return };
        slot.deliveries = slot.deliveries.saturating_sub(1);
        if slot.stored {
            let deliveries = slot.deliveries;
            self.note(Note::Count(deliveries), offset);
        }
    }

    /// A consumer has seen a delivery, and acknowledges it later. Where the options extend windows, it may get
    /// another one.
    ///
    /// # Errors
    ///
    /// [`QueueError::UnknownTag`] when there is no such delivery any more.
    pub fn seen(&mut self, now: Time, tag: Tag) -> Result<(), QueueError<L::Error>> {
        let pending = self.unacked.get_mut(tag).ok_or(QueueError::UnknownTag(tag))?;
        let known = core::mem::replace(&mut pending.seen, true);
        if known || !self.options.prefetch_extension {
            return Ok(());
        }
        let consumer = pending.consumer;
        if let Some(consumer) = self.consumers.iter_mut().find(|other| other.id == consumer) {
            consumer.seen += 1;
        }
        self.push(now)
    }

    /// Lets a delivery's lease begin anew: its consumer is alive and works on it.
    ///
    /// # Errors
    ///
    /// [`QueueError::UnknownTag`] when there is no such delivery any more.
    pub fn renew(&mut self, now: Time, tag: Tag) -> Result<(), QueueError<L::Error>> {
        let Some(lease) = self.options.lease else { return Ok(()) };
        let noted = |slot: &Slot| slot.is_noted();
        self.renew_until(tag, now + lease, noted)
    }

    /// Gives a delivery a lease until then; whether it is to outlive the process, its slot says.
    pub(super) fn renew_until(
        &mut self,
        tag: Tag,
        until: Time,
        noted: impl FnOnce(&Slot) -> bool,
    ) -> Result<(), QueueError<L::Error>> {
        let pending = self.unacked.get_mut(tag).ok_or(QueueError::UnknownTag(tag))?;
        let (before, offset) = (core::mem::replace(&mut pending.lease, until), pending.offset);
        self.leases.remove(&(before, tag));
        self.leases.insert((until, tag));
        if let Some(slot) = self.slots.get_mut(offset).filter(|slot| slot.stored && noted(slot)) {
            slot.set_noted(true);
            // A lease counts as a delivery: this one was counted before.
            let deliveries = slot.deliveries;
            self.note(Note::Count(deliveries.saturating_sub(1)), offset);
            self.note(Note::Leased(until), offset);
        }
        Ok(())
    }

    /// Ends a delivery, whatever comes of its message; says of which message, and whose it was.
    #[inline]
    fn settle(&mut self, tag: Tag) -> Result<(Offset, ConsumerId), QueueError<L::Error>> {
        let pending = self.unacked.remove(tag).ok_or(QueueError::UnknownTag(tag))?;
        if !self.leases.is_empty() {
            self.leases.remove(&(pending.lease, tag));
        }
        if let Some(consumer) = self.consumers.iter_mut().find(|other| other.id == pending.consumer) {
            consumer.outstanding -= 1;
            consumer.seen -= u32::from(pending.seen && self.options.prefetch_extension);
        }
        Ok((pending.offset, pending.consumer))
    }

    /// A message comes back from a consumer.
    pub(super) fn give_back(
        &mut self,
        now: Time,
        tag: Tag,
        why: ReturnReason,
    ) -> Result<(), QueueError<L::Error>> {
        self.take_back(now, tag, why, None)
    }

    /// The same, and it waits for so long, whatever the options say.
    pub(super) fn take_back(
        &mut self,
        now: Time,
        tag: Tag,
        why: ReturnReason,
        delay: Option<Span>,
    ) -> Result<(), QueueError<L::Error>> {
        let (offset, from) = self.settle(tag)?;
        let Some(slot) = self.slots.get_mut(offset) else { return Ok(()) };
        slot.returns = slot.returns.saturating_add(1);
        let is_noted = slot.is_noted() || delay.is_some();
        slot.set_noted(false);
        let (id, deliveries) = (slot.id(), slot.deliveries);
        if self.options.delivery_limit.is_some_and(|most| slot.returns > most) {
            self.fact(Fact::Returned { offset, id, from, tag, why, until: None });
            return self.die(offset, DeathReason::DeliveryLimit);
        }
        let wait = delay.or_else(|| Some(self.options.redelivery?.after(deliveries)));
        let until = wait.filter(|wait| *wait > Span::ZERO).map(|wait| now + wait);
        let mut place = offset;
        if self.options.requeue == Requeue::Back {
            let message = self.load(offset)?;
            place = self.move_to_back(now, offset, message)?;
        }
        match until {
            Some(until) => self.wait(place, until),
            None => self.back_in_line(place),
        }
        if is_noted && let Some(slot) = self.slots.get_mut(place).filter(|slot| slot.stored) {
            slot.set_noted(until.is_some());
            self.note(Note::Waits(until.unwrap_or_default()), place);
        }
        self.fact(Fact::Returned { offset: place, id, from, tag, why, until });
        Ok(())
    }

    /// Puts a message that came back where the options say.
    pub(super) fn back_in_line(&mut self, offset: Offset) {
        let seat = match self.options.requeue {
            Requeue::OldPlace | Requeue::Back => Seat::Returned,
            Requeue::Front => Seat::Front,
        };
        self.stand_in_line(offset, seat);
    }
}
