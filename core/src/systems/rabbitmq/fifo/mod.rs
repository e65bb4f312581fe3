//! What does a quorum queue remember, and what does each command change? A state machine: the same commands in the
//! same order give the same state, on every member.
//!
//! ```text
//!               enqueue                     checkout
//!   publisher ──────────▶ priority 31 ▸ m7 ───────────▶ with a      ── settle ──▶ gone
//!                         ...                           consumer    ── discard ─▶ dead (rejected)
//!                         priority 4  ▸ m1 m2 m5           │
//!                         ...                              │ return, or the consumer is gone
//!               served    priority 0  ▸ m3                 ▼
//!               first ──▶ returns     ▸ m4 ◀──────────── counted; over the limit: dead (delivery_limit)
//! ```
//!
//! * What comes back stands in a line of its own, which is served first, in the order of coming back: neither its old
//!   place nor its priority counts. Without a delivery limit it is written anew, and stands last.
//! * Expiry is noticed at the head alone, and a full queue loses its head: what would be served next.
//! * The state holds places in the log, not messages. It is made anew from the log when a member starts: there is no
//!   snapshot of it. RabbitMQ has them, to keep the log short; here the log is kept whole.
//!
//! What real systems do: this is RabbitMQ's `rabbit_fifo` as of 4.3, over Ra. Left out: AMQP 1.0's credit and
//! `modified`, consumers that are only suspected to be gone, the two lines of priority that there were before 4.3. A
//! publisher's numbers are remembered for ever, there until its connection ends.
//!
//! Sources: `rabbit_fifo.erl` (`apply`, `return_one`, `checkout_one`, `evaluate_limit`); RabbitMQ, "Quorum Queues".

mod command;
mod consumers;
mod effect;
mod look;
mod options;

pub use command::{Command, Entry};
pub use consumers::ConsumerTag;
pub use effect::Effect;
pub use options::{
    Counting, DELIVERY_LIMIT, DeadLetters, FifoOptions, LOW_LIMIT_PERCENT, QUORUM_PRIORITY_DEFAULT,
    QUORUM_PRIORITY_MAX,
};

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use consumers::{Consumer, Consumers};

use crate::ids::{MessageId, NodeId, Offset};
use crate::message::{DeathReason, Label};
use crate::queue::ReturnReason;
use crate::time::{Span, Time};

/// RabbitMQ's clock counts milliseconds: what lives for none lives for this one.
const TICK: Span = Span::from_millis(1);

/// Where in a publisher's number its session stands.
const SESSION_SHIFT: u32 = 32;

/// The number of the first message of a publisher's session. Within a session numbers follow one on another; a higher
/// session begins anew, and its publisher remembers nothing of what was before.
///
/// ```
/// use mqlab_core::systems::rabbitmq::first_of_session;
/// assert_eq!(first_of_session(0), 1);
/// assert!(first_of_session(2) > first_of_session(1) + 1_000_000);
/// ```
pub const fn first_of_session(session: u32) -> u64 {
    ((session as u64) << SESSION_SHIFT) | 1
}

/// What is known of a message without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    /// Where it stands in the log.
    index: Offset,
    id: Option<MessageId>,
    /// Of its body.
    bytes: u64,
    priority: u8,
    expires: Option<Time>,
    /// How often it came back.
    acquired: u32,
    /// How often that was a failure.
    failed: u32,
}

/// The state of a quorum queue.
///
/// ```
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::systems::rabbitmq::{Command, ConsumerTag, Effect, Entry, Fifo, FifoOptions};
/// use mqlab_core::{message::Message, time::Time};
/// let mut fifo = Fifo::new(FifoOptions::default());
/// let consumer = ConsumerTag { node: NodeId::Consumer(1), tag: 0 };
/// let commands = [
///     (Command::Enqueue { from: NodeId::Producer(1), sequence: 1 }, Some(Message::new("a"))),
///     (Command::Checkout { consumer, prefetch: 1, priority: 0, once: false, next: 0 }, None),
/// ];
/// let mut effects = Vec::new();
/// for (command, message) in commands {
///     let batches = command.to_batches(Time::ZERO, message.as_ref())?;
///     let entry = Entry::read(&batches.iter().next().ok_or("one entry")?).ok_or("it is a command")?;
///     fifo.apply(&entry, &mut effects);
/// }
/// assert!(matches!(effects.last(), Some(Effect::Deliver { number: 0, .. })));
/// assert_eq!((fifo.ready(), fifo.unsettled()), (0, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fifo {
    options: FifoOptions,
    /// The latest moment that an entry named: it never goes back, whatever a new leader's clock says.
    now: Time,
    /// What nobody had yet, by priority.
    lanes: Vec<VecDeque<Held>>,
    /// What came back.
    returns: VecDeque<Held>,
    ready: u64,
    ready_bytes: u64,
    consumers: Consumers,
    /// Which number each publisher has next.
    publishers: BTreeMap<NodeId, u64>,
    /// Which of them were refused, in their present session; and whether for ever.
    refused: BTreeMap<(NodeId, u64), bool>,
    /// Dead letters that may not have arrived.
    dead: VecDeque<(Held, DeathReason)>,
    dead_bytes: u64,
    refusing: bool,
}

impl Fifo {
    /// An empty queue.
    pub fn new(options: FifoOptions) -> Self {
        Self {
            now: Time::ZERO,
            lanes: alloc::vec![VecDeque::new(); usize::from(QUORUM_PRIORITY_MAX) + 1],
            returns: VecDeque::new(),
            ready: 0,
            ready_bytes: 0,
            consumers: Consumers::new(options.single_active),
            publishers: BTreeMap::new(),
            refused: BTreeMap::new(),
            dead: VecDeque::new(),
            dead_bytes: 0,
            refusing: false,
            options,
        }
    }

    /// What it was made with.
    pub fn options(&self) -> &FifoOptions {
        &self.options
    }

    /// How many messages wait for a consumer.
    pub fn ready(&self) -> u64 {
        self.ready
    }

    /// How many messages are with consumers.
    pub fn unsettled(&self) -> u64 {
        self.consumers.all().map(|consumer| consumer.out.len() as u64).sum()
    }

    /// Whether publishers are refused at present.
    pub fn refuses(&self) -> bool {
        self.refusing
    }

    /// When the head expires.
    pub fn next_expiry(&self) -> Option<Time> {
        self.head()?.expires
    }

    /// Where the messages that are ready stand in the log, in the order in which they would be served.
    pub fn in_order(&self) -> impl Iterator<Item = Offset> {
        let lanes = self.lanes.iter().rev().flatten();
        self.returns.iter().chain(lanes).map(|held| held.index)
    }

    /// Where a delivery's message stands in the log, while it is unsettled.
    pub fn delivered(&self, key: Offset, number: u64) -> Option<Offset> {
        self.consumers.get(key)?.out.get(&number).map(|held| held.index)
    }

    /// Dead letters that may not have arrived where they go, the oldest first: where they stand in the log, and why
    /// they died.
    pub fn dead_letters(&self) -> impl Iterator<Item = (Offset, DeathReason)> {
        self.dead.iter().map(|(held, reason)| (held.index, *reason))
    }

    /// Does what an entry says, and adds what follows to `effects`. What names a consumer or a delivery that is gone
    /// changes nothing: commands may come twice.
    pub fn apply(&mut self, entry: &Entry, effects: &mut Vec<Effect>) {
        self.now = self.now.max(entry.at);
        match (&entry.command, &entry.message) {
            (&Command::Enqueue { from, sequence }, Some((at, label))) => {
                self.enqueue(from, sequence, (*at, label), effects);
            }
            (&Command::Refuse { from, sequence, never }, _) => self.refuse(from, sequence, never, effects),
            (Command::Requeue { key, delivery }, Some((at, _))) => {
                self.requeue(*key, *delivery, *at, effects);
            }
            (Command::Enqueue { .. } | Command::Requeue { .. }, None) => {}
            (&Command::Checkout { consumer, prefetch, priority, once, next }, _) => {
                let key = self.consumers.key_of(consumer).unwrap_or(entry.index);
                let consumer = Consumer::new(consumer, key, prefetch, priority, once);
                if once { self.get(consumer, effects) } else { self.consume(consumer, next, effects) }
            }
            (Command::Settle { key, deliveries }, _) => {
                for &number in deliveries {
                    let Some((tag, held)) = self.consumers.take(*key, number) else { continue };
                    effects.push(Effect::Settled { index: held.index, id: held.id, by: tag.node });
                }
            }
            (Command::Discard { key, deliveries }, _) => {
                for (_, held) in self.take_all(*key, deliveries) {
                    self.die(held, DeathReason::Rejected, effects);
                }
            }
            (Command::Return { key, deliveries, failed }, _) => {
                for (tag, held) in self.take_all(*key, deliveries) {
                    self.give_back(held, tag.node, *failed, ReturnReason::Nacked, effects);
                }
            }
            (Command::Cancel { consumer }, _) => self.consumers.cancel(*consumer),
            (Command::Down { node }, _) => self.down(*node, effects),
            (Command::Leave { consumer }, _) => self.leave(*consumer, effects),
            (Command::Purge, _) => self.purge(effects),
            (Command::Expire, _) => {}
            (Command::Buried { count }, _) => {
                let count = usize::try_from(*count).unwrap_or(usize::MAX).min(self.dead.len());
                self.dead_bytes -= self.dead.drain(..count).map(|(held, _)| held.bytes).sum::<u64>();
            }
        }
        self.activate(effects);
        self.serve(effects);
        self.keep_within_limits(effects);
    }

    fn enqueue(&mut self, from: NodeId, sequence: u64, at: (Offset, &Label), effects: &mut Vec<Effect>) {
        if !self.is_next(from, sequence, effects) {
            return;
        }
        effects.push(Effect::Confirm { to: from, sequence });
        let (index, label) = at;
        let ttl = match (self.options.ttl, label.ttl) {
            (Some(ttl), Some(own)) => Some(ttl.min(own)),
            (ttl, own) => ttl.or(own),
        };
        let priority = label.priority.unwrap_or(QUORUM_PRIORITY_DEFAULT).min(QUORUM_PRIORITY_MAX);
        let held = Held {
            index,
            id: label.id,
            bytes: label.bytes,
            priority,
            expires: ttl.map(|ttl| self.now + ttl.max(TICK)),
            acquired: 0,
            failed: 0,
        };
        effects.push(Effect::Stored { index, id: held.id });
        self.stand_last(held);
    }

    /// Whether this is the number that is waited for. Of one that was had before it is said what became of it.
    fn is_next(&mut self, from: NodeId, sequence: u64, effects: &mut Vec<Effect>) -> bool {
        let next = self.publishers.entry(from).or_insert(1);
        let begins = first_of_session((sequence >> SESSION_SHIFT) as u32);
        if begins > *next {
            *next = begins; // of an earlier session nobody waits for an answer any more
            self.refused.retain(|(other, _), _| *other != from);
        }
        if sequence > *next {
            effects.push(Effect::Missing { to: from, next: *next });
        } else if sequence < *next {
            effects.push(match self.refused.get(&(from, sequence)) {
                Some(&never) => Effect::Refused { to: from, sequence, never },
                None => Effect::Confirm { to: from, sequence }, // it is here, or was
            });
        } else {
            *next += 1;
            return true;
        }
        false
    }

    fn refuse(&mut self, from: NodeId, sequence: u64, never: bool, effects: &mut Vec<Effect>) {
        if self.is_next(from, sequence, effects) {
            self.refused.insert((from, sequence), never);
            effects.push(Effect::Refused { to: from, sequence, never });
        }
    }

    fn stand_last(&mut self, held: Held) {
        self.ready += 1;
        self.ready_bytes += held.bytes;
        self.lanes[usize::from(held.priority)].push_back(held);
    }

    /// A message that comes back where there is no limit: it was written anew, and is there.
    fn requeue(&mut self, key: Offset, number: u64, at: Offset, effects: &mut Vec<Effect>) {
        let Some((tag, held)) = self.consumers.take(key, number) else { return };
        let Held { index, id, .. } = held;
        effects.push(Effect::Returned { index, id, from: tag.node, why: ReturnReason::Nacked });
        let (acquired, failed) = (held.acquired.saturating_add(1), self.counted(&held, false));
        self.stand_last(Held { index: at, acquired, failed, ..held });
    }

    /// One message for whoever asks.
    fn get(&mut self, consumer: Consumer, effects: &mut Vec<Effect>) {
        let (tag, key) = (consumer.tag, consumer.key);
        let known = self.consumers.key_of(tag).is_some();
        self.expire(effects);
        let held = if known || self.options.single_active { None } else { self.take_head() };
        let Some(held) = held else { return effects.push(Effect::Empty { consumer: tag }) };
        self.consumers.enter_once(consumer);
        effects.push(Effect::Consuming { consumer: tag, key, active: true });
        self.lend(key, held, effects);
    }

    fn consume(&mut self, consumer: Consumer, next: u64, effects: &mut Vec<Effect>) {
        let (tag, key) = (consumer.tag, consumer.key);
        self.consumers.enter(consumer);
        let activated = self.consumers.activate();
        let active = self.consumers.is_active(key);
        effects.push(Effect::Consuming { consumer: tag, key, active });
        if let Some((consumer, key)) = activated.filter(|(_, other)| *other != key) {
            effects.push(Effect::Activated { consumer, key });
        }
        // One that comes back has perhaps not got what it holds.
        let missed = self.consumers.get(key).into_iter().flat_map(|consumer| consumer.out.range(next..));
        effects.extend(missed.map(|(&number, held)| deliver(tag, key, number, held)));
    }

    fn take_all(&mut self, key: Offset, deliveries: &[u64]) -> Vec<(ConsumerTag, Held)> {
        deliveries.iter().filter_map(|number| self.consumers.take(key, *number)).collect()
    }

    /// A message comes back.
    fn give_back(
        &mut self,
        mut held: Held,
        from: NodeId,
        failed: bool,
        why: ReturnReason,
        effects: &mut Vec<Effect>,
    ) {
        effects.push(Effect::Returned { index: held.index, id: held.id, from, why });
        held.acquired = held.acquired.saturating_add(1);
        held.failed = self.counted(&held, failed);
        if self.options.delivery_limit.is_some_and(|most| held.failed > most) {
            return self.die(held, DeathReason::DeliveryLimit, effects);
        }
        self.ready += 1;
        self.ready_bytes += held.bytes;
        self.returns.push_back(held);
    }

    /// How often a message that comes back counts towards the limit then.
    fn counted(&self, held: &Held, failed: bool) -> u32 {
        let counts = failed || self.options.counting == Counting::Returns;
        held.failed.saturating_add(u32::from(counts))
    }

    /// A client is gone, and so are its consumers.
    fn down(&mut self, node: NodeId, effects: &mut Vec<Effect>) {
        for key in self.consumers.of_node(node) {
            self.goes(key, node, effects);
        }
        // One that quiesced waits now.
        self.consumers.of_node(node);
    }

    /// One consumer is gone: its channel is.
    fn leave(&mut self, consumer: ConsumerTag, effects: &mut Vec<Effect>) {
        let Some(key) = self.consumers.key_of(consumer) else { return };
        self.goes(key, consumer.node, effects);
        self.consumers.forget_waiting(consumer);
    }

    fn goes(&mut self, key: Offset, node: NodeId, effects: &mut Vec<Effect>) {
        let there = self.consumers.get(key).into_iter();
        let numbers: Vec<u64> = there.flat_map(|consumer| consumer.out.keys().copied()).collect();
        for (_, held) in self.take_all(key, &numbers) {
            self.give_back(held, node, true, ReturnReason::Left, effects);
        }
        self.consumers.remove(key);
    }

    fn purge(&mut self, effects: &mut Vec<Effect>) {
        effects.push(Effect::Purged { count: self.ready });
        self.lanes.iter_mut().for_each(VecDeque::clear);
        self.returns.clear();
        (self.ready, self.ready_bytes) = (0, 0);
    }

    fn head(&self) -> Option<&Held> {
        if self.ready == 0 {
            return None; // so it is most of the time, and there are many lanes to look at
        }
        self.returns.front().or_else(|| self.lanes.iter().rev().find_map(VecDeque::front))
    }

    fn take_head(&mut self) -> Option<Held> {
        let lanes = &mut self.lanes;
        let held =
            self.returns.pop_front().or_else(|| lanes.iter_mut().rev().find_map(VecDeque::pop_front))?;
        self.ready -= 1;
        self.ready_bytes -= held.bytes;
        Some(held)
    }

    fn activate(&mut self, effects: &mut Vec<Effect>) {
        if let Some((consumer, key)) = self.consumers.activate() {
            effects.push(Effect::Activated { consumer, key });
        }
    }

    /// Gives out what can be given out.
    fn serve(&mut self, effects: &mut Vec<Effect>) {
        loop {
            self.expire(effects);
            if self.ready == 0 {
                return;
            }
            let Some(key) = self.consumers.next() else { return };
            if let Some(held) = self.take_head() {
                self.lend(key, held, effects);
            }
        }
    }

    fn lend(&mut self, key: Offset, held: Held, effects: &mut Vec<Effect>) {
        if let Some((tag, number)) = self.consumers.lend(key, held) {
            effects.push(deliver(tag, key, number, &held));
        }
    }

    fn expire(&mut self, effects: &mut Vec<Effect>) {
        while self.head().is_some_and(|head| head.expires.is_some_and(|at| at <= self.now)) {
            if let Some(held) = self.take_head() {
                self.die(held, DeathReason::Expired, effects);
            }
        }
    }

    fn die(&mut self, held: Held, reason: DeathReason, effects: &mut Vec<Effect>) {
        let Held { index, id, .. } = held;
        match self.options.dead_letters {
            DeadLetters::Dropped => return effects.push(Effect::Dropped { index, id, reason }),
            DeadLetters::AtMostOnce => {}
            DeadLetters::AtLeastOnce => {
                self.dead_bytes += held.bytes;
                self.dead.push_back((held, reason));
            }
        }
        effects.push(Effect::DeadLetter { index, reason });
    }

    fn is_over(&self, percent: u64) -> bool {
        let over = |most: Option<u64>, there: u64| {
            most.is_some_and(|most| there > (u128::from(most) * u128::from(percent) / 100) as u64)
        };
        over(self.options.length_max, self.ready + self.dead.len() as u64)
            || over(self.options.bytes_max, self.ready_bytes + self.dead_bytes)
    }

    fn keep_within_limits(&mut self, effects: &mut Vec<Effect>) {
        if self.options.reject_publish {
            let refusing = self.is_over(if self.refusing { LOW_LIMIT_PERCENT } else { 100 });
            if core::mem::replace(&mut self.refusing, refusing) != refusing {
                effects.push(Effect::Refusing(refusing));
            }
            return;
        }
        while self.is_over(100)
            && let Some(held) = self.take_head()
        {
            self.die(held, DeathReason::MaxLength, effects);
        }
    }
}

fn deliver(consumer: ConsumerTag, key: Offset, number: u64, held: &Held) -> Effect {
    let Held { index, acquired, failed, .. } = *held;
    Effect::Deliver { consumer, key, number, index, acquired, failed }
}
