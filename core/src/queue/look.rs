//! What is in a queue? Looking takes nothing away.

use serde::Serialize;

use super::*;

/// How much is in a queue.
///
/// ```
/// use mqlab_core::queue::{Queue};
/// use mqlab_core::{message::Message, time::Time};
/// let (mut queue, now) = (Queue::in_memory("q")?, Time::ZERO);
/// queue.send(now, Message::new("a"))?;
/// queue.receive(now)?;
/// let stats = queue.stats();
/// assert_eq!((stats.held, stats.ready, stats.unacked), (1, 0, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Messages in all.
    pub held: u64,
    /// Of these, those that wait for a consumer.
    pub ready: u64,
    /// Of these, those that wait for a moment.
    pub waiting: u64,
    /// Of these, those that consumers have.
    pub unacked: u64,
    /// Bytes of the bodies of ready messages.
    pub ready_bytes: u64,
    /// Bytes of the bodies that are in memory: about [`RESIDENT_BYTES`] at most, or what
    /// [`keep_resident`](Queue::keep_resident) says, transient messages apart, and what
    /// was sent since the log was last written.
    pub resident_bytes: u64,
    /// Attached consumers.
    pub consumers: u64,
}

/// Where a message stands in its queue.
///
/// ```
/// use mqlab_core::queue::{Queue, Standing};
/// use mqlab_core::{message::Message, time::Time};
/// let (mut queue, now) = (Queue::in_memory("q")?, Time::ZERO);
/// queue.send(now, Message::new("a"))?;
/// assert_eq!(queue.held().next().map(|held| held.standing), Some(Standing::Ready));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It waits for a consumer.
    Ready,
    /// It waits for a moment.
    Waiting(Time),
    /// A consumer has it.
    With(ConsumerId),
}

/// A message that was looked at.
///
/// ```
/// use mqlab_core::queue::{Browsed, Queue};
/// use mqlab_core::{message::Message, time::Time};
/// let (mut queue, now) = (Queue::in_memory("q")?, Time::ZERO);
/// queue.send(now, Message::new("a"))?;
/// let seen: Vec<Browsed> = queue.browse(now, 10)?;
/// assert_eq!((seen.len(), queue.stats().ready), (1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Browsed {
    /// Where it stands.
    pub offset: Offset,
    /// How often it was delivered.
    pub deliveries: u32,
    /// The message.
    pub message: Message,
}

/// What a queue knows of a message without reading it.
///
/// ```
/// use mqlab_core::queue::{Queue};
/// use mqlab_core::{message::Message, time::Time};
/// let (mut queue, now) = (Queue::in_memory("q")?, Time::ZERO);
/// queue.send(now, Message::new("a"))?;
/// let held: Vec<_> = queue.held().map(|held| (held.offset.0, held.deliveries)).collect();
/// assert_eq!(held, [(0, 0)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Where it is.
    pub offset: Offset,
    /// Which it is.
    pub id: Option<MessageId>,
    /// How often it was delivered.
    pub deliveries: u32,
    /// The priority that it has here.
    pub priority: u8,
    /// Whether the log has it; else it lives in memory alone.
    pub stored: bool,
    /// Whether it is ready, waits, or is with a consumer.
    pub standing: Standing,
    /// Until when a consumer has it, where that ends by itself.
    pub lease: Option<Time>,
    /// Since when it is in the queue, in whole milliseconds.
    pub since: Time,
}

impl<L: Log> Queue<L> {
    /// Its name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// What it does.
    pub fn options(&self) -> &QueueOptions {
        &self.options
    }

    /// How much is in it.
    pub fn stats(&self) -> Stats {
        Stats {
            held: self.slots.len() as u64,
            ready: self.ready.len(),
            waiting: self.waiting.len() as u64,
            unacked: self.unacked.len() as u64,
            ready_bytes: self.ready.bytes(),
            resident_bytes: self.resident,
            consumers: self.consumers.len() as u64,
        }
    }

    /// Where the next message goes: so many places were given.
    pub fn next(&self) -> Offset {
        self.next
    }

    /// The consumer that alone is served, where there is one.
    pub fn active(&self) -> Option<ConsumerId> {
        self.active
    }

    /// The attached consumers, in the order in which they will be asked.
    pub fn consumers(&self) -> impl Iterator<Item = ConsumerId> {
        self.consumers.iter().map(|consumer| consumer.id)
    }

    /// Since when the queue is unused, if no consumer is attached and nobody has asked since.
    pub fn unused_since(&self) -> Option<Time> {
        self.consumers.is_empty().then_some(self.unused_since)
    }

    /// Every message, by offset, without reading any.
    pub fn held(&self) -> impl Iterator<Item = Held> {
        self.slots.iter().map(|(offset, slot)| Held {
            offset,
            id: slot.id(),
            deliveries: slot.deliveries,
            priority: slot.lane,
            stored: slot.stored,
            lease: match slot.state {
                State::Out(tag) => self.unacked.get(tag).map(|found| found.lease).filter(|at| *at != NEVER),
                _ => None,
            },
            since: slot.since,
            standing: match slot.state {
                State::Ready | State::Aside => Standing::Ready,
                State::Waiting(until) => Standing::Waiting(until),
                State::Out(tag) => Standing::With(
                    self.unacked.get(tag).map_or(ConsumerId::default(), |found| found.consumer),
                ),
            },
        })
    }

    /// Up to `most` ready messages, in the order in which they would be delivered. They stay.
    ///
    /// # Errors
    ///
    /// [`QueueError::Log`] when the storage fails.
    pub fn browse(&mut self, now: Time, most: usize) -> Result<Vec<Browsed>, QueueError<L::Error>> {
        self.tick(now)?;
        let ready = self.ready.from(&self.slots, Rank::FIRST);
        let offsets: Vec<Offset> = ready
            .map(|(_, offset)| offset)
            .filter(|&offset| !self.is_expired(now, offset))
            .take(most)
            .collect();
        let mut browsed = Vec::with_capacity(offsets.len());
        for offset in offsets {
            let message = self.load(offset)?;
            let deliveries = self.slots.get(offset).map_or(0, |slot| slot.deliveries);
            browsed.push(Browsed { offset, deliveries, message });
        }
        Ok(browsed)
    }

    /// The message at an offset, wherever it stands; it stays.
    pub(crate) fn look(&mut self, offset: Offset) -> Result<Message, QueueError<L::Error>> {
        self.load(offset)
    }

    /// The same, if it is in memory.
    pub(crate) fn peek(&self, offset: Offset) -> Option<Message> {
        self.slots.get(offset)?.message.clone()
    }

    /// Notes that somebody used the queue.
    pub(crate) fn touch(&mut self, now: Time) {
        self.unused_since = now;
    }

    /// Sets anew how long messages live here and how many may be ready. Those that are here keep their time; a queue that
    /// is too long then is cut at its head, where it does that.
    ///
    /// # Errors
    ///
    /// [`QueueError::Log`] when the storage fails.
    pub(crate) fn retune(
        &mut self,
        now: Time,
        ttl: Option<Span>,
        length_max: Option<u64>,
    ) -> Result<(), QueueError<L::Error>> {
        let options = QueueOptions { ttl, length_max, ..QueueOptions::clone(&self.options) };
        self.options = options.into();
        self.settle_down(now)
    }

    /// How many messages a consumer may have that it did not acknowledge, from now on; 0 for no limit. What it has more it
    /// keeps. Nothing changes where its flow is of another kind.
    ///
    /// # Errors
    ///
    /// [`QueueError::Log`] when the storage fails.
    pub(crate) fn set_prefetch(
        &mut self,
        now: Time,
        consumer: ConsumerId,
        most: u32,
    ) -> Result<(), QueueError<L::Error>> {
        for known in self.consumers.iter_mut().filter(|known| known.id == consumer) {
            if let Flow::Unlimited | Flow::Prefetch(_) = known.options.flow {
                known.options.flow = Flow::Prefetch(most);
            }
        }
        self.settle_down(now)
    }

    /// Removes every message, whoever has it, and every consumer: the queue is about to be deleted.
    pub(crate) fn erase(&mut self, now: Time) -> Result<(), QueueError<L::Error>> {
        self.consumers.clear();
        self.active = None;
        self.purge(now)?;
        let left: Vec<Offset> = self.slots.iter().map(|(offset, _)| offset).collect();
        for offset in left {
            self.remove(offset, |_| ());
        }
        (self.unacked, self.leases, self.waiting) = Default::default();
        Ok(())
    }

    /// Removes every ready message, and says how many. They do not go where dead letters go; what consumers have
    /// stays theirs (AMQP's `queue.purge`).
    ///
    /// # Errors
    ///
    /// [`QueueError::Log`] when the storage fails.
    pub fn purge(&mut self, now: Time) -> Result<u64, QueueError<L::Error>> {
        self.tick(now)?;
        let ready: Vec<Offset> =
            self.slots.iter().filter(|(_, slot)| slot.state == State::Ready).map(|(at, _)| at).collect();
        self.ready.clear();
        for &offset in &ready {
            if let Some(slot) = self.slots.get_mut(offset) {
                slot.state = State::Aside;
            }
            self.remove(offset, |_| ());
        }
        Ok(ready.len() as u64)
    }
}
