//! What does time do to a queue? Messages expire, delays end, silent consumers lose what they hold.

use super::*;

impl<L: Log> Queue<L> {
    /// Does what is due: expiry, delays, leases, and pushes what can be pushed then. Sooner than
    /// [`next_wakeup`](Self::next_wakeup) it changes nothing.
    ///
    /// # Errors
    ///
    /// [`QueueError::Log`] when the storage fails.
    pub fn tick(&mut self, now: Time) -> Result<(), QueueError<L::Error>> {
        if self.next_wakeup().is_none_or(|at| at > now) {
            return Ok(());
        }
        while let Some(&(at, tag)) = self.leases.first()
            && at <= now
        {
            self.leases.pop_first();
            self.give_back(now, tag, ReturnReason::LeaseOver)?;
        }
        while let Some(&(at, offset)) = self.waiting.first()
            && at <= now
        {
            self.waiting.pop_first();
            self.waited(now, at, offset)?;
        }
        if let (Expiry::Sweep(every), Some(at)) = (self.options.expiry, self.next_sweep)
            && at <= now
        {
            self.sweep(now)?;
            self.next_sweep = Some(now + every);
        }
        self.expire_head(now)?;
        self.push(now)?;
        self.drop_overflow()
    }

    /// When [`tick`](Self::tick) will have something to do.
    pub fn next_wakeup(&self) -> Option<Time> {
        let lease = self.leases.first().map(|(at, _)| *at);
        let waiting = self.waiting.first().map(|(at, _)| *at);
        let sweep = self.next_sweep.filter(|_| self.slots.len() > 0);
        let head = self.has_expiry().then(|| self.ready.from(&self.slots, Rank::FIRST).next()).flatten();
        let head = head.and_then(|(_, offset)| self.slots.get(offset)?.expires);
        [lease, waiting, sweep, head].into_iter().flatten().min()
    }

    /// Whether any message may expire: until one does, nobody looks at the head for it.
    fn has_expiry(&self) -> bool {
        self.mortal || self.options.ttl.is_some()
    }

    pub(super) fn is_expired(&self, now: Time, offset: Offset) -> bool {
        self.slots.get(offset).is_some_and(|slot| slot.expires.is_some_and(|at| at <= now))
    }

    /// Takes out what has expired at the head. What stands behind a live message stays, and is counted.
    pub(super) fn expire_head(&mut self, now: Time) -> Result<(), QueueError<L::Error>> {
        if !self.has_expiry() {
            return Ok(());
        }
        while let Some((_, head)) = self.ready.first(&self.slots)
            && self.is_expired(now, head)
        {
            self.die(head, DeathReason::Expired)?;
        }
        Ok(())
    }

    /// Takes out what has expired anywhere in the queue.
    fn sweep(&mut self, now: Time) -> Result<(), QueueError<L::Error>> {
        let dead: Vec<Offset> = self
            .slots
            .iter()
            .filter(|(_, slot)| slot.state == State::Ready && slot.expires.is_some_and(|at| at <= now))
            .map(|(offset, _)| offset)
            .collect();
        for offset in dead {
            self.die(offset, DeathReason::Expired)?;
        }
        Ok(())
    }

    /// A message has waited long enough. One that its sender delayed gets its place now, behind all that came in the
    /// meantime; one that came back stands where it would have stood.
    fn waited(&mut self, now: Time, due: Time, offset: Offset) -> Result<(), QueueError<L::Error>> {
        let Some(slot) = self.slots.get(offset).filter(|slot| slot.state == State::Waiting(due)) else {
            return Ok(());
        };
        let id = slot.id;
        if slot.deliveries > 0 {
            self.back_in_line(offset);
            self.fact(Fact::Due { offset, id });
            return Ok(());
        }
        let message = self.load(offset)?;
        let repeat = message.repeat().filter(|repeat| repeat.times > 0);
        let again = repeat.map(|repeat| {
            let rest = crate::message::Repeat { times: repeat.times - 1, ..repeat };
            message.clone().with_delay(repeat.every).with_repeat(rest)
        });
        let place = self.move_to_back(now, offset, message.due())?;
        self.stand_in_line(place, Seat::Fresh);
        self.fact(Fact::Due { offset: place, id });
        if let Some(again) = again {
            // Counted from when this one was due, so that delays do not add up.
            let until = due + repeat.map_or(crate::time::Span::ZERO, |repeat| repeat.every);
            let place = self.move_to_back(now, offset, again)?;
            self.waiting.insert((until, place));
            if let Some(slot) = self.slots.get_mut(place) {
                slot.state = State::Waiting(until);
            }
        }
        Ok(())
    }
}
