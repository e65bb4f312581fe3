//! What does time do to a queue? Messages expire, delays end, silent consumers lose what they hold.

use super::send::whole_millis;
use super::*;
use crate::message::Repeat;

/// The shortest time between two repetitions of a message.
const REPEAT_EVERY_MIN: Span = Span::from_millis(1);
/// A moment that never comes: what a time to live or a delay without end adds up to.
pub(super) const NEVER: Time = Time(u64::MAX);

/// Whether a moment has come.
#[inline]
pub(super) fn is_due(at: Time, now: Time) -> bool {
    at <= now && at != NEVER
}

impl<L: Log> Queue<L> {
    /// Does what is due: expiry, delays, leases, and pushes what can be pushed then. Sooner than
    /// [`next_wakeup`](Self::next_wakeup) it changes nothing.
    ///
    /// # Errors
    ///
    /// [`QueueError::Log`] when the storage fails.
    #[inline]
    pub fn tick(&mut self, now: Time) -> Result<(), QueueError<L::Error>> {
        // Most queues, most of the time, have nothing that waits for a moment.
        let timeless = self.leases.is_empty()
            && self.waiting.is_empty()
            && !self.has_expiry()
            && self.too_full_since.is_none();
        if timeless { Ok(()) } else { self.do_what_is_due(now) }
    }

    #[inline(never)]
    fn do_what_is_due(&mut self, now: Time) -> Result<(), QueueError<L::Error>> {
        if self.next_wakeup().is_none_or(|at| at > now) {
            return Ok(());
        }
        self.too_full_since = None;
        while let Some(&(at, tag)) = self.leases.first()
            && is_due(at, now)
        {
            self.leases.pop_first();
            self.give_back(now, tag, ReturnReason::LeaseOver)?;
        }
        while let Some(&(at, offset)) = self.waiting.first()
            && is_due(at, now)
        {
            self.waiting.pop_first();
            self.waited(now, at, offset)?;
        }
        if let (Expiry::Sweep(every), Some(at)) = (self.options.expiry, self.next_sweep)
            && is_due(at, now)
            && self.slots.len() > 0
        {
            self.sweep(now)?;
            self.next_sweep = Some(now + every);
        }
        self.settle_down(now)
    }

    /// When [`tick`](Self::tick) will have something to do: always later than the `now` of the last one.
    pub fn next_wakeup(&self) -> Option<Time> {
        let lease = self.leases.first().map(|(at, _)| *at);
        let waiting = self.waiting.first().map(|(at, _)| *at);
        let sweep = self.next_sweep.filter(|_| self.slots.len() > 0);
        let head = self.has_expiry().then(|| self.ready.from(&self.slots, Rank::FIRST).next()).flatten();
        let head = head.and_then(|(_, offset)| Some(self.slots.get(offset)?.expires));
        [lease, waiting, sweep, head, self.too_full_since]
            .into_iter()
            .flatten()
            .min()
            .filter(|at| *at != NEVER)
    }

    /// Whether any message may expire: until one does, nobody looks at the head for it.
    #[inline]
    fn has_expiry(&self) -> bool {
        self.mortal || self.options.ttl.is_some()
    }

    pub(super) fn is_expired(&self, now: Time, offset: Offset) -> bool {
        self.slots.get(offset).is_some_and(|slot| slot.is_expired(now))
    }

    /// Takes out what has expired at the head. What stands behind a live message stays, and is counted.
    #[inline]
    pub(super) fn expire_head(&mut self, now: Time) -> Result<(), QueueError<L::Error>> {
        if self.has_expiry() { self.expire_mortal_head(now) } else { Ok(()) }
    }

    #[inline(never)]
    fn expire_mortal_head(&mut self, now: Time) -> Result<(), QueueError<L::Error>> {
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
            .filter(|(_, slot)| slot.state == State::Ready && slot.is_expired(now))
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
        let id = slot.id();
        if slot.deliveries > 0 {
            self.back_in_line(offset);
            self.fact(Fact::Due { offset, id });
            return Ok(());
        }
        let message = self.load(offset)?;
        let Some(repeat) = message.repeat().filter(|repeat| repeat.times > 0) else {
            let place = self.move_to_back(now, offset, message.clone().due())?;
            self.stand_in_line(place, Seat::Fresh);
            self.fact(Fact::Due { offset: place, id });
            return Ok(());
        };
        if self.is_cramped() {
            self.wait(offset, due + repeat.every.max(REPEAT_EVERY_MIN)); // it does not come this time
            return Ok(());
        }
        let place = self.add(now, message.clone().due(), State::Aside);
        self.store(place, None)?;
        self.stand_in_line(place, Seat::Fresh);
        self.fact(Fact::Due { offset: place, id });
        // The next one keeps the rhythm of the first, also where this one came late; it does not make up for lost
        // time by coming twice at once. Only it names the place of the old: whatever a power cut leaves of the two,
        // no repetition is lost.
        let every = repeat.every.max(REPEAT_EVERY_MIN);
        let missed = now.since(due).0 / every.0;
        let until = due + Span(every.0.saturating_mul(missed.saturating_add(1)));
        let delay = until.since(whole_millis(now));
        let rest = Repeat { times: repeat.times - 1, ..repeat };
        let again = message.clone().with_delay(delay).with_repeat(rest);
        let place = self.move_to_back(now, offset, again)?;
        self.wait(place, until);
        Ok(())
    }
}
