//! How do a database and a queue agree? Two-phase: a *half message* that nobody sees until its sender's own
//! transaction is decided, and that asks back when it hears nothing.
//!
//! ```text
//!   sender                         host
//!     │ half message ──────────────▶ stored, invisible
//!     │ its own transaction
//!     │ commit / rollback ─────────▶ published, or forgotten
//!     ✗ dies here, or the word is lost
//!     │                      ◀────── "what became of it?"  after 6 s, then every 30 s, at most 15 times
//!     │ commit / rollback / unknown ▶
//! ```
//!
//! So a message is published if and only if its sender's transaction was committed, as long as somebody can be asked.
//! The alternative without two phases is the *outbox*: the message is a row of the sender's own database.
//!
//! Half messages stand in a queue of their own; that they survive a restart, and how often they were checked, is the
//! queue's doing: a check is a delivery. There each is wrapped, as the record that it will be, in a message that has
//! nothing of its own: a time to live or a delay begins when it is published, not before.
//!
//! Source: `RocketMQ` `TransactionalMessageServiceImpl.java`, `BrokerConfig.java` (figures).

use alloc::vec::Vec;

use super::*;
use crate::log::Log;
use crate::message::BadMessage;
use crate::queue::Sent;
use crate::record::{BatchBuilder, Batches};
use crate::time::Span;

/// A half message that is undecided for so long is asked about for the first time.
pub const FIRST_CHECK_AFTER: Span = Span::from_millis(6_000);
/// And again after each such time. (Nobody is asked more often than once a millisecond.)
pub const NEXT_CHECK_AFTER: Span = Span::from_millis(30_000);
/// So often it is asked about; then it is given up: moved to the queue `amq.half-discarded`, for a person to look at.
pub const CHECKS_MAX: u32 = 15;

/// A half message, within its host.
///
/// ```
/// use mqlab_core::vhost::{Decision, HalfId, VirtualHost};
/// use mqlab_core::{message::Message, queue::QueueOptions, time::Time};
/// let (mut host, now) = (VirtualHost::in_memory(), Time::ZERO);
/// host.declare_queue(now, "q", QueueOptions::default())?;
/// let id: HalfId = host.begin_half(now, "", "q", Message::new("paid"))?;
/// assert!(host.receive(now, "q")?.is_none());
/// host.decide_half(now, id, Decision::Commit)?;
/// assert!(host.receive(now, "q")?.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct HalfId(pub u64);

/// What became of the transaction that a half message belongs to.
///
/// ```
/// use mqlab_core::vhost::Decision;
/// assert_eq!(serde_json::to_string(&Decision::Rollback)?, r#""rollback""#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It was committed: publish the message.
    Commit,
    /// It was undone: forget the message.
    Rollback,
    /// It is still going on: ask again later.
    Unknown,
}

/// The half messages of a host. There is no queue before there is one.
#[derive(Clone, Debug)]
pub(super) struct Halves<L> {
    queue: Option<Queue<L>>,
    /// When each is asked about next.
    checks: BTreeMap<Offset, Time>,
    first_after: Span,
    next_after: Span,
}

impl<L> Default for Halves<L> {
    fn default() -> Self {
        let (first_after, next_after) = (FIRST_CHECK_AFTER, NEXT_CHECK_AFTER);
        Self { queue: None, checks: BTreeMap::new(), first_after, next_after }
    }
}

impl<L: Log> Halves<L> {
    pub(super) fn close<S: Storage<Log = L>>(&mut self, storage: &mut S) -> Result<(), S> {
        match self.queue.take() {
            Some(queue) => Ok(queue.close(storage)?),
            None => Ok(()),
        }
    }

    /// The logs of the half messages.
    pub(super) fn logs_mut(&mut self) -> impl Iterator<Item = &mut L> {
        self.queue.iter_mut().flat_map(Queue::logs_mut)
    }

    pub(super) fn next_check(&self) -> Option<Time> {
        self.checks.values().min().copied()
    }

    pub(super) fn commit(&mut self) -> core::result::Result<(), QueueError<L::Error>> {
        self.queue.as_mut().map_or(Ok(()), Queue::commit)
    }

    pub(super) fn write_no_more(&mut self) {
        if let Some(queue) = &mut self.queue {
            queue.write_no_more();
        }
    }

    pub(super) fn flush(&mut self) -> core::result::Result<(), QueueError<L::Error>> {
        match &mut self.queue {
            Some(queue) if queue.is_dirty() => queue.flush(),
            _ => Ok(()),
        }
    }

    pub(super) fn is_dirty(&self) -> bool {
        self.queue.as_ref().is_some_and(Queue::is_dirty)
    }
}

fn half_queue(what: &str) -> Name {
    Name::new(&alloc::format!("{RESERVED_PREFIX}{what}")).expect("a legal name")
}

/// A message as the body of one that neither expires nor waits.
fn wrap(message: &Message) -> core::result::Result<Message, BadMessage> {
    let mut batch = BatchBuilder::new();
    batch.push(&message.to_record(0)).map_err(|_| BadMessage::TooLarge(message.body().len()))?;
    Ok(Message::new(batch.build().bytes().clone()))
}

fn unwrap(wrapped: &Message) -> Option<Message> {
    let batches = Batches::parse(wrapped.body().clone()).ok()?;
    batches.records().next().map(|record| Message::from_record(&record))
}

impl<S: Storage> VirtualHost<S> {
    /// Opens the queue of half messages, if an earlier life of the host has left some.
    pub(super) fn open_halves(&mut self, now: Time) -> Result<(), S> {
        let name = crate::ids::LogName::Queue(half_queue("half"));
        if self.storage.names().map_err(storage::<S>)?.contains(&name) {
            self.half_queue(now)?;
        }
        Ok(())
    }

    fn half_queue(&mut self, now: Time) -> Result<&mut Queue<S::Log>, S> {
        if self.halves.queue.is_none() {
            let queue = Queue::open(&mut self.storage, half_queue("half"), QueueOptions::default(), now)?;
            let next = now + self.halves.first_after;
            self.halves.checks.extend(queue.held().map(|held| (held.offset, next)));
            self.halves.queue = Some(queue);
        }
        self.halves.queue.as_mut().ok_or(VhostError::NoHalf(0))
    }

    /// Sets when an undecided message is asked about for the first time, and how long after each time again;
    /// [`FIRST_CHECK_AFTER`] and [`NEXT_CHECK_AFTER`] otherwise. Half messages that wait already, as those of an earlier
    /// life do when a host is told its times, are asked about accordingly sooner or later; at once, where that moment is over.
    pub fn set_check_times(&mut self, first: Span, next: Span) {
        let least = Span::from_millis(1);
        for at in self.halves.checks.values_mut() {
            *at = Time(at.0.saturating_sub(self.halves.first_after.0)) + first;
        }
        (self.halves.first_after, self.halves.next_after) = (first, next.max(least));
    }

    /// Takes a half message: stored after the next flush, seen by nobody until it is decided.
    ///
    /// # Errors
    ///
    /// [`VhostError::Route`] when there is no such exchange; [`QueueError::BadMessage`]; failures of the storage.
    pub fn begin_half(
        &mut self,
        now: Time,
        exchange: &str,
        key: &str,
        message: Message,
    ) -> Result<HalfId, S> {
        let exchange: ExchangeName = exchange.parse()?;
        message.check().map_err(QueueError::from)?;
        self.router.route(&exchange, key, message.headers())?;
        let message = message.with_route(exchange.as_str(), key);
        let first = now + self.halves.first_after;
        let wrapped = wrap(&message).map_err(QueueError::from)?;
        let Sent::Stored(offset) = self.half_queue(now)?.send(now, wrapped)? else {
            return Err(VhostError::NoHalf(0)); // it remembers no identities, so there are no duplicates
        };
        self.halves.checks.insert(offset, first);
        Ok(HalfId(offset.0))
    }

    /// Decides a half message.
    ///
    /// # Errors
    ///
    /// [`VhostError::NoHalf`] when it was decided already; [`VhostError::Blocked`] when it cannot be published now,
    /// or all its queues are full and refuse it, [`VhostError::Route`] when its exchange is gone: it stays undecided.
    /// Failures of the storage.
    pub fn decide_half(&mut self, now: Time, id: HalfId, decision: Decision) -> Result<Published, S> {
        let offset = Offset(id.0);
        if !self.halves.checks.contains_key(&offset) {
            return Err(VhostError::NoHalf(id.0));
        }
        let queue = self.half_queue(now)?;
        let message = unwrap(&queue.look(offset)?).ok_or(QueueError::Missing(offset))?;
        let mut published = Published::default();
        match decision {
            Decision::Unknown => return Ok(published),
            Decision::Rollback => {}
            Decision::Commit => {
                let exchange: ExchangeName = message.exchange().parse()?;
                let key: Arc<str> = message.routing_key().unwrap_or_default().into();
                published = self.put(now, &exchange, &key, message, Publish::default())?;
                if published.queues == 0 && !published.is_stored() {
                    return Err(VhostError::Blocked);
                }
            }
        }
        self.forget_half(now, offset)?;
        Ok(published)
    }

    fn forget_half(&mut self, now: Time, offset: Offset) -> Result<(), S> {
        self.halves.checks.remove(&offset);
        let queue = self.half_queue(now)?;
        if let Some(delivery) = queue.receive_at(now, offset)? {
            queue.ack(now, delivery.tag)?;
        }
        Ok(())
    }

    /// A half message that is not decided, as far as memory has it.
    pub fn half(&self, id: HalfId) -> Option<Message> {
        unwrap(&self.halves.queue.as_ref()?.peek(Offset(id.0))?)
    }

    /// Half messages that are not decided.
    pub fn halves(&self) -> impl Iterator<Item = HalfId> {
        self.halves.checks.keys().map(|offset| HalfId(offset.0))
    }

    /// Asks about those that are undecided for too long, and gives up those that were asked about too often.
    pub(super) fn check_back(&mut self, now: Time) -> Result<(), S> {
        let due: Vec<Offset> =
            self.halves.checks.iter().filter(|(_, at)| **at <= now).map(|(&offset, _)| offset).collect();
        for offset in due {
            let next = now + self.halves.next_after;
            let queue = self.half_queue(now)?;
            let Some(delivery) = queue.receive_at(now, offset)? else {
                self.halves.checks.remove(&offset);
                continue;
            };
            if delivery.count > CHECKS_MAX {
                queue.ack(now, delivery.tag)?;
                self.halves.checks.remove(&offset);
                let discarded = half_queue("half-discarded");
                if !self.queues.contains_key(&discarded) {
                    self.open_queue(now, discarded.clone(), QueueOptions::default())?;
                    self.definitions.note_queue(discarded.clone(), Some(QueueOptions::default()))?;
                }
                // Who looks at it may come late.
                if let Some(message) = unwrap(&delivery.message) {
                    let message = message.due().without_ttl();
                    self.with_queue(now, &discarded, |queue| queue.send(now, message))?;
                }
                continue;
            }
            queue.nack(now, delivery.tag, true)?;
            self.halves.checks.insert(offset, next);
            if let Some(message) = unwrap(&delivery.message) {
                let (id, check) = (HalfId(offset.0), delivery.count);
                self.outputs.push_back(Output::CheckBack { id, check, message });
            }
        }
        Ok(())
    }
}
