//! What senders and consumers do to the list.

use mqlab_core::message::{DeathReason, Message};
use mqlab_core::queue::{AckMode, ConsumerId, ConsumerOptions, Expiry, Overflow, Requeue};
use mqlab_core::time::{Span, Time};

use DeathReason::{DeliveryLimit, Expired, MaxLength, Rejected};

use crate::list::{Consumer, Delivered, Item, List, Place, Refusal, body, whole_millis};

impl List {
    // How messages come, and come back.

    pub(crate) fn add(&mut self, now: Time, message: Message) -> u64 {
        let offset = self.next;
        self.next += 1;
        let mut item = Item::new(offset, message, whole_millis(now));
        item.at_once = self.is_expired(now, &item);
        if self.expires(&item).is_some() {
            self.arm(now);
        }
        self.items.push(item);
        offset
    }

    /// The sweeps begin with the first message that may expire; none is missed while something is there.
    pub(crate) fn arm(&mut self, now: Time) {
        if let Expiry::Sweep(every) = self.options.expiry
            && self.sweep.is_none_or(|at| at <= now && self.items.is_empty())
        {
            self.sweep = Some(now + every);
        }
    }

    pub(crate) fn log(&mut self, offset: u64) {
        if self.has(offset) && !self.item(offset).message.is_transient() && !self.options.transient {
            self.logged = self.logged.max(offset + 1);
        }
    }

    pub(crate) fn send(&mut self, now: Time, message: Message) -> Result<Option<u64>, Refusal> {
        self.tick(now);
        if let (Some(window), Some(id)) = (self.options.remember_ids, message.id()) {
            self.remembered.retain(|(_, at)| now.since(*at) < window);
            if self.remembered.iter().any(|(other, _)| *other == id) {
                return Ok(None);
            }
        }
        let repeats = message.repeat().is_some_and(|repeat| repeat.times > 0);
        let delay = message.delay().or(repeats.then_some(Span::ZERO));
        let id = message.id();
        let offset = self.add(now, message);
        match delay {
            Some(delay) => {
                self.item_mut(offset).place = Place::Waiting(whole_millis(now) + delay);
                self.log(offset);
                self.tick(now);
            }
            None => {
                self.item_mut(offset).place = Place::Ready(None);
                self.push(now);
                self.refuse_overflow(offset)?;
                self.log(offset);
                self.settle_down(now);
            }
        }
        self.remembered.extend(id.map(|id| (id, whole_millis(now))));
        Ok(Some(offset))
    }

    /// A message is taken back for which there was no room in the log; its number is not given again, except by a process
    /// that begins anew and finds nothing of it: its logs then say as much as before it was sent.
    pub(crate) fn withdraw(&mut self, offset: u64, logged_before: u64) -> bool {
        if !self.items.iter().any(|item| item.offset == offset && item.deliveries == 0) {
            return false;
        }
        let item = self.remove(offset);
        self.remembered.retain(|(id, _)| Some(*id) != item.message.id());
        self.logged = logged_before;
        true
    }

    fn refuse_overflow(&mut self, offset: u64) -> Result<(), Refusal> {
        let is_ready = self.has(offset) && matches!(self.item(offset).place, Place::Ready(_));
        if !is_ready || !self.is_over() {
            return Ok(());
        }
        match self.options.overflow {
            Overflow::DropHead => return Ok(()),
            Overflow::RejectPublishDeadLetter => self.die(offset, MaxLength),
            Overflow::RejectPublish | Overflow::Block => drop(self.remove(offset)),
        }
        Err(if self.options.overflow == Overflow::Block { Refusal::Blocked } else { Refusal::Full })
    }

    pub(crate) fn settle_down(&mut self, now: Time) {
        self.push(now);
        self.items.iter_mut().for_each(|item| item.at_once = false);
        self.expire_head(now);
        while self.options.overflow == Overflow::DropHead && self.is_over() {
            self.die(self.ready()[0], MaxLength);
            self.expire_head(now);
        }
    }

    pub(crate) fn back_in_line(&mut self, offset: u64) {
        let front = self.options.requeue == Requeue::Front;
        self.fronts += u64::from(front);
        self.item_mut(offset).place = Place::Ready(front.then_some(self.fronts));
    }

    /// Gives an item the place behind all others.
    fn go_to_back(&mut self, now: Time, offset: u64) -> u64 {
        let mut item = self.remove(offset);
        if self.expires(&item).is_some() {
            self.arm(now);
        }
        item.offset = self.next;
        self.next += 1;
        self.items.push(item);
        self.log(self.next - 1);
        self.next - 1
    }

    pub(crate) fn give_back(&mut self, now: Time, offset: u64) {
        self.take_back(now, offset, None);
    }

    fn take_back(&mut self, now: Time, offset: u64, delay: Option<Span>) {
        let (limit, backoff, requeue) =
            (self.options.delivery_limit, self.options.redelivery, self.options.requeue);
        let item = self.item_mut(offset);
        item.returns += 1;
        let noted = std::mem::take(&mut item.noted) || delay.is_some();
        if limit.is_some_and(|most| item.returns > most) {
            return self.die(offset, DeliveryLimit);
        }
        let wait = delay.unwrap_or(backoff.map_or(Span::ZERO, |backoff| backoff.after(item.deliveries)));
        let place = if requeue == Requeue::Back { self.go_to_back(now, offset) } else { offset };
        if wait > Span::ZERO {
            self.item_mut(place).place = Place::Waiting(now + wait);
            self.item_mut(place).noted = noted;
        } else {
            self.back_in_line(place);
        }
    }

    // What consumers do.

    pub(crate) fn attach(&mut self, now: Time, id: ConsumerId, options: ConsumerOptions) {
        self.tick(now);
        self.detach(now, id);
        self.insert(Consumer { id, options, credit: 0, blocked: false });
        self.elect();
        self.push(now);
    }

    pub(crate) fn detach(&mut self, now: Time, id: ConsumerId) {
        self.leave(id);
        for (_, offset, with) in self.out() {
            if with == id {
                self.give_back(now, offset);
            }
        }
        self.settle_down(now);
    }

    pub(crate) fn cancel(&mut self, now: Time, id: ConsumerId) {
        self.leave(id);
        self.push(now);
    }

    fn leave(&mut self, id: ConsumerId) {
        self.consumers.retain(|consumer| consumer.id != id);
        self.groups.retain(|(_, owner)| *owner != id);
        self.active = self.active.filter(|active| *active != id);
        self.elect();
    }

    pub(crate) fn grant(&mut self, now: Time, id: ConsumerId, credit: u64) -> Result<(), Refusal> {
        self.consumer(id)?.credit += credit;
        self.tick(now);
        self.push(now);
        Ok(())
    }

    pub(crate) fn block(&mut self, now: Time, id: ConsumerId, blocked: bool) -> Result<(), Refusal> {
        self.consumer(id)?.blocked = blocked;
        self.push(now);
        Ok(())
    }

    pub(crate) fn receive(&mut self, now: Time) -> Option<Delivered> {
        self.tick(now);
        let head = *self.ready().first()?;
        Some(self.deliver(now, head, ConsumerId::default(), AckMode::Explicit))
    }

    pub(crate) fn lease(&mut self, now: Time, span: Span) -> Option<Delivered> {
        let delivered = self.receive(now)?;
        let item = self.item_mut(delivered.2);
        item.noted = true;
        if let Place::Out { lease, .. } = &mut item.place {
            *lease = Some(now + span);
        }
        Some(delivered)
    }

    /// Whether somebody has what a receipt names.
    fn find(&self, (offset, count): (u64, u32)) -> Result<bool, Refusal> {
        let item = self.items.iter().find(|item| item.offset == offset && item.deliveries >= count);
        match item {
            None => Err(Refusal::Gone),
            Some(item) if item.deliveries > count => Err(Refusal::DeliveredAgain),
            Some(item) => Ok(matches!(item.place, Place::Out { .. })),
        }
    }

    pub(crate) fn ack_receipt(&mut self, now: Time, receipt: (u64, u32)) -> Result<(), Refusal> {
        self.find(receipt)?;
        self.remove(receipt.0);
        self.push(now);
        Ok(())
    }

    pub(crate) fn nack_receipt(
        &mut self,
        now: Time,
        receipt: (u64, u32),
        delay: Option<Span>,
    ) -> Result<(), Refusal> {
        if !self.find(receipt)? {
            return Err(Refusal::NotOut);
        }
        self.take_back(now, receipt.0, delay);
        self.settle_down(now);
        Ok(())
    }

    pub(crate) fn renew_receipt(
        &mut self,
        now: Time,
        receipt: (u64, u32),
        span: Span,
    ) -> Result<(), Refusal> {
        if !self.find(receipt)? {
            return Err(Refusal::NotOut);
        }
        let item = self.item_mut(receipt.0);
        item.noted = true;
        if let Place::Out { lease, .. } = &mut item.place {
            *lease = Some(now + span);
        }
        Ok(())
    }

    pub(crate) fn reject_receipt(&mut self, now: Time, receipt: (u64, u32)) -> Result<(), Refusal> {
        if !self.find(receipt)? {
            return Err(Refusal::NotOut);
        }
        self.die(receipt.0, Rejected);
        self.settle_down(now);
        Ok(())
    }

    pub(crate) fn receive_for(&mut self, now: Time, id: ConsumerId) -> Result<Option<Delivered>, Refusal> {
        self.tick(now);
        let consumer = self.consumer(id)?.clone();
        let ack = consumer.options.ack;
        if self.active.is_some_and(|active| active != id) {
            return Ok(None);
        }
        while let Some(offset) =
            self.ready().into_iter().find(|&offset| self.suits(self.item(offset), &consumer))
        {
            if self.is_expired(now, self.item(offset)) {
                self.die(offset, Expired);
                continue;
            }
            self.join_group(offset, id);
            let delivered = self.deliver(now, offset, id, ack);
            self.push(now);
            return Ok(Some(delivered));
        }
        Ok(None)
    }

    pub(crate) fn ack(&mut self, now: Time, tag: u64) -> Result<(), Refusal> {
        let offset = self.find_out(tag)?;
        self.remove(offset);
        self.push(now);
        Ok(())
    }

    /// What a consumer has, up to a tag.
    fn until(&self, id: ConsumerId, until: u64) -> Vec<u64> {
        let own = self.out().into_iter().filter(|(tag, _, with)| *tag <= until && *with == id);
        own.map(|(tag, ..)| tag).collect()
    }

    pub(crate) fn ack_until(&mut self, now: Time, id: ConsumerId, tag: u64) -> Result<(), Refusal> {
        self.until(id, tag).into_iter().try_for_each(|tag| self.ack(now, tag))
    }

    pub(crate) fn nack(&mut self, now: Time, tag: u64, requeue: bool) -> Result<(), Refusal> {
        self.nack_all(now, vec![tag], requeue)
    }

    pub(crate) fn nack_until(
        &mut self,
        now: Time,
        id: ConsumerId,
        tag: u64,
        requeue: bool,
    ) -> Result<(), Refusal> {
        self.nack_all(now, self.until(id, tag), requeue)
    }

    fn nack_all(&mut self, now: Time, tags: Vec<u64>, requeue: bool) -> Result<(), Refusal> {
        for tag in tags {
            let offset = self.find_out(tag)?;
            if requeue {
                self.give_back(now, offset);
            } else {
                self.die(offset, Rejected);
            }
        }
        self.settle_down(now);
        Ok(())
    }

    pub(crate) fn seen(&mut self, now: Time, tag: u64) -> Result<(), Refusal> {
        let offset = self.find_out(tag)?;
        let mut is_new = false;
        if let Place::Out { seen, .. } = &mut self.item_mut(offset).place {
            is_new = !std::mem::replace(seen, true);
        }
        if is_new && self.options.prefetch_extension {
            self.push(now);
        }
        Ok(())
    }

    pub(crate) fn renew(&mut self, now: Time, tag: u64) -> Result<(), Refusal> {
        let Some(span) = self.options.lease else { return Ok(()) };
        let offset = self.find_out(tag)?;
        if let Place::Out { lease, .. } = &mut self.item_mut(offset).place {
            *lease = Some(now + span);
        }
        Ok(())
    }

    pub(crate) fn purge(&mut self, now: Time) -> u64 {
        self.tick(now);
        let ready = self.ready();
        self.items.retain(|item| !ready.contains(&item.offset));
        ready.len() as u64
    }

    /// Offset, deliveries and body of what is ready and live.
    pub(crate) fn browse(&mut self, now: Time, most: usize) -> Vec<(u64, u32, Vec<u8>)> {
        self.tick(now);
        let live = self.ready().into_iter().map(|offset| self.item(offset));
        let live = live.filter(|item| !self.is_expired(now, item)).take(most);
        live.map(|item| (item.offset, item.deliveries, body(item))).collect()
    }
}
