//! How does each message reach exactly one of several consumers? A point-to-point queue, complete.
//!
//! ```text
//!            send                    deliver                     ack
//!   sender ───────▶ ready ────────────────────────▶ with a ─────────────▶ gone
//!            │      ▲ ▲ │   to consumers in turn,   consumer
//!      delay │      │ │ │   as far as they have        │
//!            ▼      │ │ │   room, or when asked        │ nack, detach, lease over:
//!          waiting ─┘ │ │                              │ back, counted and marked
//!                     └─┼──────────────────────────────┘
//!                       │ time to live over, queue full, refused, delivered too often
//!                       ▼
//!                     dead: dropped, or handed out to be routed to where dead letters go
//! ```
//!
//! A [`Queue`] is a state machine without I/O: every call takes `now`, and what it wants done is asked for:
//!
//! * [`poll_delivery`](Queue::poll_delivery): what is pushed to consumers;
//! * [`poll_departure`](Queue::poll_departure): messages that died, where the options name a place for dead letters;
//! * [`poll_fact`](Queue::poll_fact): what happened, for who watches ([`watch`](Queue::watch));
//! * [`next_wakeup`](Queue::next_wakeup): when to call [`tick`](Queue::tick), if nothing else comes before;
//! * [`commit`](Queue::commit) or [`flush`](Queue::flush) at the end of a burst, before anybody is told "stored".
//!
//! ```
//! use mqlab_core::message::Message;
//! use mqlab_core::queue::Queue;
//! use mqlab_core::time::Time;
//!
//! let mut orders = Queue::in_memory("orders")?;
//! orders.send(Time::ZERO, Message::new("a book"))?;
//! let delivery = orders.receive(Time::ZERO)?.expect("it was just sent");
//! assert_eq!(&delivery.message.body()[..], b"a book");
//! orders.ack(Time::ZERO, delivery.tag)?; // or nack: then it is there again
//! assert_eq!(orders.stats().held, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A message lies in the queue until it is settled. A delivery shares it, so that it may go anywhere; whoever reads it on
//! the spot borrows it, which is faster: [`receive_in_place`](Queue::receive_in_place).
//!
//! Over files it is the same queue; see the crate `mqlab`.
//!
//! What real systems do differently stands beside each option: [`QueueOptions`], [`ConsumerOptions`].

mod clock;
mod consumer;
mod cursor;
mod dispatch;
mod durable;
mod emptied;
mod error;
mod groups;
mod journal;
mod look;
mod options;
mod output;
mod ready;
mod receipt;
mod send;
mod settle;
mod slots;

mod unacked;

pub use consumer::{AckMode, ConsumerId, ConsumerOptions, Flow, WindowId};
pub use error::QueueError;
pub use journal::UNWRITTEN_BYTES_MAX;
pub use look::{Browsed, Held, Standing, Stats};
pub use options::{
    Backoff, BadOptions, DeadLetter, Expiry, GROUPS_MAX, Overflow, PRIORITY_MAX, QueueOptions,
    REMEMBERED_MAX, RESIDENT_BYTES, Requeue,
};
pub use output::{Delivery, Departure, Fact, Lent, ReturnReason};
pub use receipt::{BadReceipt, Receipt};
pub use send::Sent;
pub use unacked::Tag;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

use clock::NEVER;
use consumer::Consumer;
use cursor::{Note, Stands};
use groups::Groups;
use journal::{Journal, Moved};
use ready::{Rank, Ready};
use send::Remembered;
use slots::{Seat, Slot, Slots, State};
use unacked::Unacked;

use crate::ids::{BadName, MessageId, Name, Offset};
use crate::log::Log;
use crate::log::memory::MemoryLog;
use crate::message::{DeathReason, Message};
use crate::sorted::SortedMap;
use crate::time::{Span, Time};

/// A queue over logs of some kind.
///
/// ```
/// use mqlab_core::queue::{Queue};
/// use mqlab_core::{message::Message, time::Time};
/// let (mut queue, now) = (Queue::in_memory("q")?, Time::ZERO);
/// queue.send(now, Message::new("a"))?;
/// assert_eq!(queue.stats().ready, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Queue<L> {
    name: Name,
    options: Arc<QueueOptions>,
    /// None for a queue that lives in memory alone.
    journal: Option<Journal<L>>,
    slots: Slots,
    ready: Ready,
    unacked: Unacked,
    /// In the order in which they are asked: by priority, and within one priority by turn.
    consumers: Vec<Consumer>,
    /// The consumer that alone is served, where the queue or a consumer wants it so.
    active: Option<ConsumerId>,
    groups: Groups,
    /// How many more may be pushed within each shared window.
    windows: SortedMap<WindowId, u32>,
    /// Messages that wait for a moment.
    waiting: BTreeSet<(Time, Offset)>,
    /// Deliveries that will be taken back.
    leases: BTreeSet<(Time, Tag)>,
    next_sweep: Option<Time>,
    /// Since when it is opened with more in it than it may have, until the next tick.
    too_full_since: Option<Time>,
    /// Whether a message came that may expire.
    mortal: bool,
    /// Messages that came with their time over, and may be delivered in this moment.
    newcomers: Vec<Offset>,
    remembered: Remembered,
    /// When it looks again for segments of its log to empty.
    next_look: Offset,
    /// Where the next message goes.
    next: Offset,
    /// Bodies in memory, in bytes.
    resident: u64,
    /// Beyond so many bytes they leave memory.
    resident_max: u64,
    /// Messages that are to leave memory as soon as the log has them.
    leaving: Vec<Offset>,
    /// Messages that were read from the log a moment ago.
    page: BTreeMap<Offset, Message>,
    unused_since: Time,
    deliveries: VecDeque<Delivery>,
    departures: VecDeque<Departure>,
    /// The first place of a message that left for another queue, as a dead letter or as another message that a transaction
    /// made of it, and may not be written there yet.
    departed_from: Option<Offset>,
    facts: VecDeque<Fact>,
    watched: bool,
}

/// How long a message waits before it is ready, if at all. One that repeats is a waiting one from the first.
#[inline]
fn waits(message: &Message) -> Option<Span> {
    let repeats = message.repeat().is_some_and(|repeat| repeat.times > 0);
    message.delay().or(repeats.then_some(Span::ZERO))
}

impl Queue<MemoryLog> {
    /// A queue that lives in memory alone, with the default options.
    ///
    /// # Errors
    ///
    /// [`BadName`] when the name is none.
    pub fn in_memory(name: &str) -> Result<Self, BadName> {
        let options = QueueOptions { transient: true, ..QueueOptions::default() };
        Ok(Self::transient(Name::new(name)?, options))
    }
}

impl<L: Log> Queue<L> {
    /// A queue that lives in memory alone. Options that cannot work are taken as far as they can: see
    /// [`QueueOptions::check`].
    pub fn transient(name: Name, options: QueueOptions) -> Self {
        Self::with(name, options, None)
    }

    fn with(name: Name, options: QueueOptions, journal: Option<Journal<L>>) -> Self {
        let ready = Ready::new(options.lanes());
        let (slots, unacked, consumers, groups, windows) = Default::default();
        let (waiting, leases, remembered, leaving) = Default::default();
        let (page, deliveries, departures, facts) = Default::default();
        Self {
            name,
            options: options.into(),
            journal,
            slots,
            ready,
            unacked,
            consumers,
            active: None,
            groups,
            windows,
            waiting,
            leases,
            next_sweep: None,
            too_full_since: None,
            mortal: false,
            newcomers: Vec::new(),
            remembered,
            next_look: Offset::ZERO,
            next: Offset::ZERO,
            resident: 0,
            resident_max: RESIDENT_BYTES,
            leaving,
            page,
            unused_since: Time::ZERO,
            deliveries,
            departures,
            departed_from: None,
            facts,
            watched: false,
        }
    }

    /// When a message ends that is in the queue since a moment; [`NEVER`] where it has no end.
    #[inline]
    fn expires(&mut self, now: Time, since: Time, message: &Message) -> Time {
        let Some(expires) = self.options.expires(since, message.ttl()) else { return NEVER };
        self.mortal = true;
        if let Expiry::Sweep(every) = self.options.expiry
            && self.next_sweep.is_none_or(|at| at <= now && self.slots.len() == 0)
        {
            self.next_sweep = Some(now + every);
        }
        expires
    }

    /// Whether facts are kept for [`poll_fact`](Self::poll_fact). Nobody watches at first.
    pub fn watch(&mut self, watched: bool) {
        self.watched = watched;
        self.facts.clear();
    }

    /// The next message that is pushed to a consumer.
    pub fn poll_delivery(&mut self) -> Option<Delivery> {
        self.deliveries.pop_front()
    }

    /// The next message that goes where dead letters go.
    pub fn poll_departure(&mut self) -> Option<Departure> {
        self.departures.pop_front()
    }

    /// The next thing that happened.
    pub fn poll_fact(&mut self) -> Option<Fact> {
        self.facts.pop_front()
    }

    #[inline]
    fn fact(&mut self, fact: Fact) {
        if self.watched {
            self.facts.push_back(fact);
        }
    }

    #[inline]
    fn note(&mut self, note: Note, offset: Offset) {
        if let Some(journal) = &mut self.journal {
            journal.note(note, offset);
        }
    }

    /// The message in a slot, from memory or from the log.
    #[inline]
    fn load(&mut self, offset: Offset) -> Result<Message, QueueError<L::Error>> {
        match self.slots.get(offset).and_then(|slot| slot.message.as_ref()) {
            Some(message) => Ok(message.clone()),
            None => self.load_from_log(offset),
        }
    }

    /// Whether a message is not in the log alone.
    #[inline]
    fn is_in_memory(&self, offset: Offset) -> bool {
        self.slots.get(offset).is_some_and(|slot| slot.message.is_some())
    }

    #[cold]
    fn load_from_log(&mut self, offset: Offset) -> Result<Message, QueueError<L::Error>> {
        if self.slots.get(offset).is_none() {
            return Err(QueueError::Missing(offset));
        }
        if !self.page.contains_key(&offset)
            && let Some(journal) = &mut self.journal
        {
            self.page = journal.page(offset)?.into_iter().collect();
        }
        self.page.get(&offset).cloned().ok_or(QueueError::Missing(offset))
    }

    /// Takes a message out of the queue for good.
    ///
    /// Returns what `keep` keeps of its slot (moving the whole slot about costs more than all else here).
    #[inline]
    fn remove<T>(&mut self, offset: Offset, keep: impl FnOnce(&mut Slot) -> T) -> Option<T> {
        let (stored, kept) = self.drop_slot(offset, |slot| (slot.stored, keep(slot)))?;
        if stored {
            self.note(Note::Done, offset);
        }
        Some(kept)
    }

    /// Takes a message out of memory, and out of the line that it may stand in; the log is told nothing.
    /// Returns what `keep` keeps of its slot.
    #[inline]
    fn drop_slot<T>(&mut self, offset: Offset, keep: impl FnOnce(&mut Slot) -> T) -> Option<T> {
        let (swept, kept) = self.slots.remove(offset, |slot| {
            let sweep = self.ready.take(offset, slot);
            if let State::Waiting(until) = slot.state {
                self.waiting.remove(&(until, offset));
            }
            if slot.message.is_some() {
                self.resident -= u64::from(slot.bytes);
            }
            (sweep.then_some(slot.lane), keep(slot))
        })?;
        if let Some(lane) = swept {
            self.ready.sweep(&self.slots, lane);
        }
        Some(kept)
    }

    /// What comes of this message may not be written yet.
    fn departs(&mut self, offset: Offset) {
        self.departed_from = Some(self.departed_from.map_or(offset, |first| first.min(offset)));
    }

    /// A message dies: it is dropped, or goes where dead letters go.
    fn die(&mut self, offset: Offset, reason: DeathReason) -> Result<(), QueueError<L::Error>> {
        let message = if self.options.dead_letter.is_some() { Some(self.load(offset)?) } else { None };
        let message =
            message.filter(|dead| !(self.options.dead_letter_persistent_only && dead.is_transient()));
        let id = self.remove(offset, |slot| slot.id()).flatten();
        self.fact(Fact::Died { offset, id, reason });
        if let Some(message) = message {
            self.departs(offset);
            self.departures.push_back(Departure { offset, reason, message });
        }
        Ok(())
    }
}
