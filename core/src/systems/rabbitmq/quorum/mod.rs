//! How does a queue survive the death of machines? Each of its members keeps the log of all commands, and does what a
//! majority has.
//!
//! ```text
//!   publisher ── publish ──▶ leader ── append ──▶ member 2 ┐ a majority has it, durably:
//!             ◀─ confirmed ──  │                  member 3 ┘ now, and only now, it is done
//!                              └─ deliver ──▶ consumer
//!
//!   the leader is gone: another has everything that was confirmed
//!     a consumer that comes back in time   goes on with what it holds, and gets what it has not had
//!     one that does not                    is gone: what it held comes back, and counts as failed
//! ```
//!
//! * Only the leader speaks to clients, and only of what was committed in its own term: without a majority nothing is
//!   confirmed and nothing delivered. What an earlier leader left undecided is answered when clients ask again;
//!   publishers' numbers and deliveries' numbers tell what was done before.
//! * Whoever asks another member is told who leads.
//! * Time stands in the log, too: the leader writes when the head has expired, and all see it go at the same place.
//!
//! A member is driven as [`host`](crate::systems) says. What it must not forget is flushed by
//! [`settle`](QuorumQueue::settle), once for a burst, before anything is sent.
//!
//! What real systems do: RabbitMQ's quorum queues, over Ra, with 3 members by default. There, clients speak to any
//! broker, which speaks to the leader for them and watches over the others' processes; here they speak to the leader
//! themselves. A dead letter is handed out by the leader ([`poll_departure`](QuorumQueue::poll_departure)).
//!
//! Sources: RabbitMQ, "Quorum Queues"; `rabbit_quorum_queue.erl`, `rabbit_fifo_client.erl`.

mod error;
mod leading;
mod message;

pub use error::QuorumError;
pub use message::QuorumMessage;

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::mem;

use leading::Reign;

use super::fifo::{Command, Effect, Entry, Fifo, FifoOptions};
use crate::ids::{Epoch, MessageId, Name, NodeId, Offset};
use crate::log::{Log, LogError, Slice, SliceOf, Storage, StorageError, read_all, read_range};
use crate::message::Message;
use crate::observe::{Event, RabbitmqEvent};
use crate::queue::Departure;
use crate::raft::{Raft, RaftOut, Timing};
use crate::record::{Batch, Batches};
use crate::rng::Rng;
use crate::systems::{Input, Out};
use crate::time::{Span, Time};

/// How many members a quorum queue has by default (RabbitMQ: `x-quorum-initial-group-size` 3).
pub const QUORUM_MEMBERS: usize = 3;
/// How many bytes of the log are read at once.
const READ_BYTES: u32 = 1024 * 1024;

/// What a member is told when it starts.
///
/// ```
/// use mqlab_core::ids::{Name, NodeId};
/// use mqlab_core::systems::rabbitmq::QuorumConfig;
/// let members = (1..=3).map(NodeId::Broker).collect();
/// let config = QuorumConfig::new(Name::new("orders")?, NodeId::Broker(1), members);
/// assert_eq!(config.members.len(), 3);
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumConfig {
    /// The queue's name.
    pub name: Name,
    /// Which member this is.
    pub me: NodeId,
    /// All members, this one among them: the same everywhere.
    pub members: Vec<NodeId>,
    /// What the queue does: the same everywhere.
    pub options: FifoOptions,
    /// How patient the members are.
    pub timing: Timing,
    /// How long a new leader waits for the consumers that its predecessor had. In RabbitMQ their brokers are watched,
    /// and a death is told at once or after the net tick time, 60 s; here they are clients that must look for it.
    pub grace: Span,
    /// Up to where it had done what the log says in its earlier lives: as a leader it says nothing of that once more. (Ra
    /// keeps it beside the term and the vote, as `last_applied`, and writes it now and then.)
    pub applied: Offset,
}

impl QuorumConfig {
    /// A member with the default settings.
    pub fn new(name: Name, me: NodeId, members: Vec<NodeId>) -> Self {
        let (options, timing, grace) = (FifoOptions::default(), Timing::default(), Span::from_millis(1_000));
        Self { name, me, members, options, timing, grace, applied: Offset::ZERO }
    }
}

/// A member of a quorum queue.
///
/// ```
/// use mqlab_core::ids::{Name, NodeId};
/// use mqlab_core::log::memory::MemoryStorage;
/// use mqlab_core::message::Message;
/// use mqlab_core::rng::{Rng, Stream};
/// use mqlab_core::systems::rabbitmq::{QuorumConfig, QuorumMessage, QuorumQueue};
/// use mqlab_core::systems::{Input, Out};
/// use mqlab_core::time::Time;
///
/// // Alone it is a majority.
/// let (me, now) = (NodeId::Broker(1), Time::ZERO);
/// let config = QuorumConfig::new(Name::new("orders")?, me, vec![me]);
/// let rng = Rng::new(7, Stream::Elections);
/// let mut queue = QuorumQueue::open(MemoryStorage::default(), config, rng, now)?;
/// let mut out = Out::default();
/// queue.handle(now, Input::Wake, &mut out);
/// let publish = QuorumMessage::Publish { sequence: 1, message: Message::new("a book") };
/// queue.handle(now, Input::Message { from: NodeId::Producer(1), message: publish }, &mut out);
/// assert!(out.sends.is_empty());
/// queue.settle(now, &mut out)?; // it is durable, and with a majority
/// assert!(matches!(out.sends[..], [(NodeId::Producer(1), QuorumMessage::Confirmed { sequence: 1 })]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct QuorumQueue<S: Storage> {
    config: QuorumConfig,
    storage: S,
    raft: Raft<S::Log>,
    fifo: Fifo,
    /// What stands below was done.
    applied: Offset,
    /// What it knows of clients while it leads.
    reign: Option<Reign>,
    departures: VecDeque<Departure>,
    /// Up to where it was said which messages are written.
    noted: Offset,
    /// The messages that are written, and not known to be with a majority.
    tail: VecDeque<(Offset, MessageId)>,
    /// What it has proposed and not done yet, and where that stands: it need not read its own words again.
    proposed: VecDeque<(Offset, Command)>,
    /// What follows of an entry, empty between two of them: its memory serves them all.
    effects: Vec<Effect>,
    /// Why it must stop.
    failed: Option<QuorumError<StorageError<S>>>,
}

/// A storage that cannot be cloned, such as files, makes a member that cannot.
impl<S: Storage + Clone> Clone for QuorumQueue<S>
where
    S::Log: Clone,
    StorageError<S>: Clone,
{
    fn clone(&self) -> Self {
        Self {
            config: self.config.clone(),
            storage: self.storage.clone(),
            raft: self.raft.clone(),
            fifo: self.fifo.clone(),
            applied: self.applied,
            reign: self.reign.clone(),
            departures: self.departures.clone(),
            noted: self.noted,
            tail: self.tail.clone(),
            proposed: self.proposed.clone(),
            effects: Vec::new(),
            failed: self.failed.clone(),
        }
    }
}

type Sends<S> = RaftOut<SliceOf<S>>;
type Fallible<T, S> = Result<T, QuorumError<StorageError<S>>>;

impl<S: Storage> QuorumQueue<S> {
    /// Opens a member's log. Its state is made from the log as it learns what is committed.
    ///
    /// # Errors
    ///
    /// When the storage fails, or the ballot cannot be read.
    pub fn open(mut storage: S, config: QuorumConfig, rng: Rng, now: Time) -> Fallible<Self, S> {
        let (name, members) = (config.name.clone(), config.members.clone());
        let raft = Raft::open(&mut storage, name, config.me, members, config.timing, rng, now)?;
        let (applied, fifo) = (raft.committed(), Fifo::new(config.options.clone()));
        let (reign, departures, failed) = (None, VecDeque::new(), None);
        let (noted, mut tail) = (raft.log().end(), VecDeque::new());
        let (proposed, effects) = Default::default();
        read_all(raft.log(), |batches| tail.extend(messages_in(batches)))?;
        Ok(Self {
            config,
            storage,
            raft,
            fifo,
            applied,
            reign,
            departures,
            noted,
            tail,
            proposed,
            effects,
            failed,
        })
    }

    /// Gives the storage back: in good order or by a crash, it is the same.
    ///
    /// # Errors
    ///
    /// When the storage fails.
    pub fn close(mut self) -> Result<S, StorageError<S>> {
        self.raft.close(&mut self.storage)?;
        Ok(self.storage)
    }

    /// It wants to lead at once: where its queue was declared.
    pub fn hurry(&mut self, now: Time) {
        self.raft.hurry(now);
    }

    /// Its storage, and the logs of it that are open.
    pub fn storage_mut(&mut self) -> (&mut S, [&mut S::Log; 2]) {
        (&mut self.storage, self.raft.logs_mut())
    }

    /// The log of all commands.
    pub fn log(&self) -> &S::Log {
        self.raft.log()
    }

    /// Whether it leads, and knows everything that was committed before.
    pub fn serves(&self) -> bool {
        self.raft.is_ready()
    }

    /// The state, as far as this member knows what is committed.
    pub fn state(&self) -> &Fifo {
        &self.fifo
    }

    /// Up to where the log is committed and done.
    pub fn applied(&self) -> Offset {
        self.applied
    }

    /// The same, of earlier lives, too: they may have come further than it has come again.
    pub fn applied_ever(&self) -> Offset {
        self.applied.max(self.config.applied)
    }

    /// The term that it is in.
    pub fn term(&self) -> Epoch {
        self.raft.term()
    }

    /// Who leads, as far as it knows.
    pub fn leader(&self) -> Option<NodeId> {
        self.raft.leader()
    }

    /// The next message that goes where dead letters go. Under `at-least-once` say when it has arrived:
    /// [`buried`](Self::buried).
    pub fn poll_departure(&mut self) -> Option<Departure> {
        self.departures.pop_front()
    }

    /// Takes what comes. What follows of it goes out with the next [`settle`](Self::settle).
    pub fn handle(
        &mut self,
        now: Time,
        input: Input<QuorumMessage>,
        out: &mut Out<QuorumMessage<SliceOf<S>>>,
    ) {
        if self.failed.is_some() {
            return;
        }
        let mut sends = RaftOut::default();
        let done = self.take(now, input, &mut sends, out);
        self.failed = done.err();
        out.sends.extend(sends.sends.into_iter().map(|(to, message)| (to, QuorumMessage::Raft(message))));
    }

    /// So many of the oldest dead letters have arrived.
    pub fn buried(&mut self, now: Time, count: u64, out: &mut Out<QuorumMessage<SliceOf<S>>>) {
        let mut sends = RaftOut::default();
        let done = self.propose(now, Command::Buried { count }, None, &mut sends);
        self.failed = self.failed.take().or(done.err());
        out.sends.extend(sends.sends.into_iter().map(|(to, message)| (to, QuorumMessage::Raft(message))));
    }

    fn take(
        &mut self,
        now: Time,
        input: Input<QuorumMessage>,
        sends: &mut Sends<S>,
        out: &mut Out<QuorumMessage<SliceOf<S>>>,
    ) -> Fallible<(), S> {
        match input {
            Input::Wake => self.raft.tick(now, sends)?,
            Input::HangUp { peer } => self.hung_up(now, peer, sends)?,
            Input::Message { from, message: QuorumMessage::Raft(message) } => {
                self.raft.handle(now, from, message, sends)?;
                if let Some(to) = sends.truncated.take() {
                    self.cut_back(to, out);
                }
            }
            Input::Message { from, message } => self.request(now, from, message, sends, out)?,
        }
        self.follow_the_term(out);
        self.do_what_is_due(now, sends)
    }

    /// Makes durable what was written, does what is committed, and says what follows of it. Then everything in `out` may
    /// be sent.
    ///
    /// # Errors
    ///
    /// When the storage failed, now or before: the member must be stopped, and nothing may be sent.
    pub fn settle(&mut self, now: Time, out: &mut Out<QuorumMessage<SliceOf<S>>>) -> Fallible<(), S> {
        if let Some(failed) = self.failed.take() {
            return Err(failed);
        }
        self.raft.settle()?;
        self.note_written(out)?;
        while self.applied < self.raft.committed() {
            let read = self.raft.log().read(self.applied, self.raft.committed(), READ_BYTES)?;
            for batch in read.load().map_err(LogError::Storage)?.iter() {
                self.apply(&batch, out)?;
                self.applied = batch.next();
            }
        }
        while self.tail.pop_front_if(|(at, _)| *at < self.applied).is_some() {}
        self.begin_to_serve(now)
    }

    /// How many bytes its log takes from the first message that is held: what lies before it is kept here, but a log with
    /// snapshots would have given it back.
    ///
    /// # Errors
    ///
    /// When the storage fails.
    pub fn disk_bytes(&self) -> Result<u64, LogError<StorageError<S>>> {
        let log = self.raft.log();
        let from = self.fifo.first_held().unwrap_or(self.applied).max(log.start());
        Ok(log.read(from, log.end(), u32::MAX)?.bytes())
    }

    /// When it wants to be woken.
    pub fn next_wakeup(&self) -> Option<Time> {
        [Some(self.raft.next_wakeup()), self.next_due()].into_iter().flatten().min()
    }

    /// Adds a command to the log, if it leads; says where it stands.
    fn propose(
        &mut self,
        now: Time,
        command: Command,
        message: Option<&Message>,
        sends: &mut Sends<S>,
    ) -> Fallible<Option<Offset>, S> {
        let index = self.raft.log().end();
        // What publishers send was checked before; and a message that was stored once fits again.
        let Ok(batches) = command.to_batches(now, message) else { return Ok(None) };
        let proposed = self.raft.propose(batches, sends)?;
        if proposed.is_some() {
            self.proposed.push_back((index, command));
        }
        Ok(proposed.map(|_| index))
    }

    /// Does what an entry says; and if this member leads, says what follows.
    fn apply(&mut self, batch: &Batch, out: &mut Out<QuorumMessage<SliceOf<S>>>) -> Fallible<(), S> {
        let known = self.proposed.pop_front_if(|(at, _)| *at == batch.base()).map(|(_, command)| command);
        let Some(entry) = Entry::read_as(batch, known) else {
            // A new leader's own entry says nothing.
            let empty = batch.records().all(|record| record.value.is_none());
            return if empty { Ok(()) } else { Err(QuorumError::NotACommand(batch.base())) };
        };
        let mut effects = mem::take(&mut self.effects);
        self.fifo.apply(&entry, &mut effects);
        let said = self.say(entry, batch.epoch(), &mut effects, out);
        effects.clear();
        self.effects = effects;
        said
    }

    /// Says what follows of an entry that was written in a term. Of what an earlier leader wrote it says which messages died,
    /// and sends their dead letters: that leader was perhaps gone before it could. It says so twice where that leader had done
    /// it and this one could not know, as Ra's leaders perform the effects of whatever they apply (`ra_server.erl`,
    /// `apply_with`).
    fn say(
        &mut self,
        entry: Entry,
        written: Option<Epoch>,
        effects: &mut Vec<Effect>,
        out: &mut Out<QuorumMessage<SliceOf<S>>>,
    ) -> Fallible<(), S> {
        if !self.raft.leads() {
            return Ok(());
        }
        if written == Some(self.raft.term()) {
            self.answer(entry, effects, out);
        } else if entry.index < self.config.applied {
            return Ok(());
        } else {
            effects.retain(Effect::is_death);
        }
        effects.drain(..).try_for_each(|effect| self.perform(effect, out))
    }

    /// Says which messages it has written since it last said so.
    fn note_written(&mut self, out: &mut Out<QuorumMessage<SliceOf<S>>>) -> Fallible<(), S> {
        let (from, end) = (self.noted, self.raft.log().end());
        let mut written = Vec::new();
        read_range(self.raft.log(), from, end, |batches| written.extend(messages_in(batches)))?;
        self.noted = end;
        let Some(&(base, _)) = written.first() else { return Ok(()) };
        self.tail.extend(written.iter().copied());
        let (queue, messages) = (self.config.name.clone(), written.into_iter().map(|(_, id)| id).collect());
        out.events.push(Event::Rabbitmq(RabbitmqEvent::Written { queue, base, messages }));
        Ok(())
    }

    /// Its log was another one than the leader's from there on.
    fn cut_back(&mut self, to: Offset, out: &mut Out<QuorumMessage<SliceOf<S>>>) {
        self.noted = self.noted.min(to);
        self.proposed.truncate(self.proposed.partition_point(|(at, _)| *at < to));
        let gone = self.tail.split_off(self.tail.partition_point(|(at, _)| *at < to));
        let (queue, messages) = (self.config.name.clone(), gone.into_iter().map(|(_, id)| id).collect());
        out.events.push(Event::Rabbitmq(RabbitmqEvent::CutBack { queue, to, messages }));
    }

    /// The message that stands at an offset of the log.
    fn message_at(&self, index: Offset) -> Fallible<Option<Message>, S> {
        let read = self.raft.log().read(index, index.next(), READ_BYTES)?;
        let batches = read.load().map_err(LogError::Storage)?;
        Ok(batches.record_at(index).map(|record| Message::from_record(&record)))
    }
}

/// The messages in a part of the log, and where they stand.
fn messages_in(batches: &Batches) -> impl Iterator<Item = (Offset, MessageId)> {
    batches.lent().filter_map(|record| Some((record.offset, record.message_id()?)))
}
