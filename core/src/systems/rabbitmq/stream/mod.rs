//! What is a stream of RabbitMQ? A log that one member writes and others copy: reading takes nothing out of it, and
//! everybody reads from where they like.
//!
//! ```text
//!   publisher ── publish ──▶ writer ── chunks ──▶ replica ── chunk ──▶ consumer (from an offset, by credit)
//!             ◀─ confirmed ──  │  ◀─ fetch ──────  replica
//!                              └ a majority has it, durably: now it is committed, confirmed, and may be read
//!
//!   coordinator:  stop ──▶ all       stopped, my log ends there ◀── a majority
//!                 write ──▶ whose log goes furthest (by epoch, then by offset)       copy ──▶ the others
//! ```
//!
//! * A *chunk* is what is written, copied and sent as one: a batch. A consumer's credit is counted in chunks.
//! * Who writes is decided elsewhere, by a coordinator that is a Raft in RabbitMQ; [`elect`] is its rule. A member that
//!   starts does nothing before the coordinator tells it what to do.
//! * A writer begins with an entry of its own epoch. What earlier ones left is committed by what comes after it: to count
//!   alone is not enough, as with Raft.
//! * Numbers of publishers and offsets of consumers are kept in the stream (`tracking.rs`).
//! * When a segment is full, another begins, and the oldest go that are too many or too old (`retention`).
//!
//! A member is driven as [`host`](crate::systems) says.
//!
//! Left out: filters, sub-entry batches with compression, single active consumers and super streams.
//!
//! Sources: RabbitMQ, "Streams and Super Streams"; osiris (`osiris_log.erl`, `osiris_writer.erl`, `osiris_replica.erl`);
//! `rabbit_stream_coordinator.erl#select_leader`.

mod copying;
mod message;
mod reading;
mod tracking;
mod writing;

pub use copying::elect;
pub use message::{OffsetSpec, StreamMessage};
pub use tracking::messages_of;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use reading::Reader;
use tracking::Tracking;

use super::STREAM_SEGMENT_BYTES;
use crate::ids::{Epoch, LogName, MessageId, Name, NodeId, Offset, PartitionId};
use crate::log::{Epochs, Log, LogError, Slice as _, SliceOf, Storage, StorageError, read_all, read_range};
use crate::observe::{Event, Place, PullEvent};
use crate::record::Batches;
use crate::systems::{Input, Out};
use crate::time::{Span, Time};

/// A replica that heard nothing asks again after this.
const ASK_AGAIN: Span = Span::from_millis(100);

/// What a member of a stream is told when it starts.
///
/// ```
/// use mqlab_core::ids::{Name, NodeId};
/// use mqlab_core::systems::rabbitmq::StreamConfig;
/// let config = StreamConfig::new(Name::new("clicks")?, NodeId::Broker(1));
/// assert_eq!((config.segment_bytes, config.bytes_max), (500_000_000, None));
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamConfig {
    /// The stream's name.
    pub name: Name,
    /// Which member this is.
    pub me: NodeId,
    /// The most bytes that are kept (`x-max-length-bytes`); the last segment is kept whatever it has.
    pub bytes_max: Option<u64>,
    /// How long chunks are kept (`x-max-age`).
    pub age_max: Option<Span>,
    /// How large a segment is before another begins.
    pub segment_bytes: u64,
}

impl StreamConfig {
    /// A member with the default settings.
    pub fn new(name: Name, me: NodeId) -> Self {
        Self { name, me, bytes_max: None, age_max: None, segment_bytes: STREAM_SEGMENT_BYTES }
    }

    fn log_name(&self) -> LogName {
        LogName::Partition(PartitionId { topic: self.name.clone(), index: 0 })
    }
}

/// What a member does at present.
#[derive(Clone, Debug)]
enum Role {
    /// Nothing: it waits for the coordinator.
    Idle,
    /// It writes. Of each replica: up to where it has the log, and whether it waits for more.
    Writer { begins: Offset, replicas: BTreeMap<NodeId, Copier> },
    /// It copies: when it asks again, whether it asks now, and how often it has asked.
    Replica { writer: NodeId, ask_at: Time, asks: bool, number: u64 },
}

/// What a writer knows of a replica.
#[derive(Clone, Copy, Debug, Default)]
struct Copier {
    end: Offset,
    waits: bool,
    /// How much it knows to be committed.
    told: Offset,
}

/// A member of a stream.
///
/// ```
/// use mqlab_core::ids::{Epoch, Name, NodeId};
/// use mqlab_core::log::memory::MemoryStorage;
/// use mqlab_core::message::Message;
/// use mqlab_core::systems::rabbitmq::{Stream, StreamConfig, StreamMessage};
/// use mqlab_core::systems::{Input, Out};
/// use mqlab_core::time::Time;
/// // Alone it is a majority. Somebody is the coordinator.
/// let (now, from) = (Time::ZERO, NodeId::Controller);
/// let config = StreamConfig::new(Name::new("clicks")?, NodeId::Broker(1));
/// let mut stream = Stream::open(MemoryStorage::default(), config)?;
/// let mut out = Out::default();
/// let write = StreamMessage::Write { epoch: Epoch(1), replicas: vec![] };
/// stream.handle(now, Input::Message { from, message: write }, &mut out);
/// let publish = StreamMessage::Publish { publisher: None, messages: vec![(1, Message::new("a click"))] };
/// stream.handle(now, Input::Message { from: NodeId::Producer(1), message: publish }, &mut out);
/// stream.settle(now, &mut out)?;
/// assert!(matches!(&out.sends[..], [(_, StreamMessage::Confirmed { ids })] if ids[..] == [1]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Stream<S: Storage> {
    config: StreamConfig,
    storage: S,
    log: S::Log,
    epochs: Epochs,
    tracking: Tracking,
    epoch: Epoch,
    role: Role,
    /// A majority has everything below, as far as it knows.
    committed: Offset,
    readers: BTreeMap<(NodeId, u32), Reader>,
    /// Who is told when everything below an offset is committed.
    open: VecDeque<(Offset, NodeId, Vec<u64>)>,
    /// Facts that are told with the next settling.
    events: Vec<Event>,
    failed: Option<LogError<StorageError<S>>>,
}

/// A storage that cannot be cloned, such as files, makes a member that cannot.
impl<S: Storage + Clone> Clone for Stream<S>
where
    S::Log: Clone,
    StorageError<S>: Clone,
{
    fn clone(&self) -> Self {
        Self {
            config: self.config.clone(),
            storage: self.storage.clone(),
            log: self.log.clone(),
            epochs: self.epochs.clone(),
            tracking: self.tracking.clone(),
            role: self.role.clone(),
            readers: self.readers.clone(),
            open: self.open.clone(),
            events: self.events.clone(),
            failed: self.failed.clone(),
            ..*self
        }
    }
}

type Fallible<T, S> = Result<T, LogError<StorageError<S>>>;
type OutOf<S> = Out<StreamMessage<SliceOf<S>>>;

impl<S: Storage> Stream<S> {
    /// Opens a member's log.
    ///
    /// # Errors
    ///
    /// When the storage fails.
    pub fn open(mut storage: S, config: StreamConfig) -> Fallible<Self, S> {
        let log = storage.open(&config.log_name()).map_err(LogError::Storage)?;
        let (mut epochs, mut tracking) = (Epochs::default(), Tracking::default());
        read_all(&log, |chunks| {
            epochs.learn(chunks);
            tracking.learn(chunks);
        })?;
        let (readers, open) = Default::default();
        let (committed, epoch) = (log.start(), epochs.last().unwrap_or_default());
        let (role, events, failed) = (Role::Idle, Vec::new(), None);
        Ok(Self {
            config,
            storage,
            log,
            epochs,
            tracking,
            epoch,
            role,
            committed,
            readers,
            open,
            events,
            failed,
        })
    }

    /// Gives the storage back.
    ///
    /// # Errors
    ///
    /// When the storage fails.
    pub fn close(mut self) -> Result<S, StorageError<S>> {
        self.storage.close(&self.config.log_name(), self.log)?;
        Ok(self.storage)
    }

    /// Its storage, and the log of it that is open.
    pub fn storage_mut(&mut self) -> (&mut S, &mut S::Log) {
        (&mut self.storage, &mut self.log)
    }

    /// Who writes, in which epoch, as far as it was told.
    pub fn writer(&self) -> Option<(NodeId, Epoch)> {
        match &self.role {
            Role::Idle => None,
            Role::Writer { .. } => Some((self.config.me, self.epoch)),
            Role::Replica { writer, .. } => Some((*writer, self.epoch)),
        }
    }

    /// Which leaders' epochs wrote what it has, each with its first offset.
    pub fn epochs(&self) -> impl Iterator<Item = (Epoch, Offset)> {
        self.epochs.iter()
    }

    /// How far each consumer said that it has come.
    pub fn offsets(&self) -> impl Iterator<Item = (Name, Offset)> {
        self.tracking.offsets.iter().map(|(name, &offset)| (name.clone(), offset))
    }

    /// Its place as facts name it.
    pub fn partition(&self) -> PartitionId {
        PartitionId { topic: self.config.name.clone(), index: 0 }
    }

    /// Its log, of which only what is [committed](Self::committed) counts.
    pub fn log(&self) -> &S::Log {
        &self.log
    }

    /// A majority has everything below, as far as this member knows.
    pub fn committed(&self) -> Offset {
        self.committed
    }

    /// Whether it writes.
    pub fn writes(&self) -> bool {
        matches!(self.role, Role::Writer { .. })
    }

    /// When it wants to be woken.
    pub fn next_wakeup(&self) -> Option<Time> {
        match &self.role {
            Role::Replica { ask_at, .. } => Some(*ask_at),
            _ => None,
        }
    }

    /// Takes what comes. What follows of it goes out with the next [`settle`](Self::settle).
    pub fn handle(&mut self, now: Time, input: Input<StreamMessage>, out: &mut OutOf<S>) {
        if self.failed.is_none() {
            self.failed = self.take(now, input, out).err();
        }
    }

    fn take(&mut self, now: Time, input: Input<StreamMessage>, out: &mut OutOf<S>) -> Fallible<(), S> {
        match input {
            Input::Wake => self.ask_again(now),
            Input::HangUp { peer } => self.readers.retain(|(client, _), _| *client != peer),
            Input::Message { from, message } => match message {
                StreamMessage::Stop { epoch } => self.stop(from, epoch, out)?,
                StreamMessage::Write { epoch, replicas } => self.begin_to_write(now, epoch, &replicas)?,
                StreamMessage::Copy { epoch, writer } => self.begin_to_copy(now, epoch, writer),
                StreamMessage::Fetch { epoch, number, from: at, last_epoch, committed } => {
                    self.fetched((from, epoch, number), (at, committed), last_epoch, out);
                }
                StreamMessage::Chunks { epoch, chunks, committed } => {
                    self.copied(now, (from, epoch), &chunks, committed)?;
                }
                StreamMessage::Begin { epoch, number, at, anew } => {
                    self.cut((from, epoch, number), at, anew)?;
                }
                StreamMessage::Publish { publisher, messages } => {
                    self.publish(now, from, publisher, messages, out)?;
                }
                StreamMessage::StoreOffset { reference, offset } => {
                    self.store_offset(now, from, reference, offset, out)?;
                }
                StreamMessage::QueryOffset { reference } => {
                    let offset = self.tracking.offsets.get(&reference).copied();
                    out.sends.push((from, StreamMessage::StoredOffset { reference, offset }));
                }
                StreamMessage::QuerySequence { publisher } => {
                    let id = self.tracking.sequences.get(&publisher).copied().unwrap_or_default();
                    out.sends.push((from, StreamMessage::Sequence { publisher, id }));
                }
                StreamMessage::Subscribe { tag, from: spec, credit } => {
                    self.subscribe((from, tag), spec, credit)?;
                }
                StreamMessage::Credit { tag, credit } => self.grant((from, tag), credit),
                StreamMessage::Unsubscribe { tag } => {
                    self.readers.remove(&(from, tag));
                }
                _ => {} // an answer, and it asked nothing
            },
        }
        Ok(())
    }

    /// Makes durable what was written, and says what follows of it: copies, confirms, chunks for consumers.
    ///
    /// # Errors
    ///
    /// When the storage failed, now or before: the member must be stopped, and nothing may be sent.
    pub fn settle(&mut self, now: Time, out: &mut OutOf<S>) -> Fallible<(), S> {
        if let Some(failed) = self.failed.take() {
            return Err(failed);
        }
        if self.log.durable() < self.log.end() {
            self.log.flush()?;
        }
        out.events.append(&mut self.events);
        self.commit(out);
        self.send_copies(out)?;
        self.ask(now, out);
        self.serve_readers(out)
    }

    /// The epoch of the last chunk below an offset.
    fn epoch_before(&self, offset: Offset) -> Option<Epoch> {
        self.epochs.at(Offset(offset.0.checked_sub(1)?))
    }

    /// Notes what was appended, and begins another segment before a snapshot; then the oldest may go.
    fn append(&mut self, now: Time, chunks: &Batches) -> Fallible<(), S> {
        for chunk in chunks.iter() {
            let one = Batches::joined([&chunk]);
            let (base, messages) = (chunk.base(), ids_in(&one));
            let begins = Tracking::default().learn(&one);
            if begins && self.log.segments().last().is_some_and(|last| last.end > last.base) {
                self.log.roll()?;
            }
            self.log.append(&one)?;
            self.epochs.learn(&one);
            self.tracking.learn(&one);
            if !messages.is_empty() {
                self.events.push(match self.role {
                    Role::Writer { .. } => {
                        Event::Appended { to: Place::Partition(self.partition()), base, messages }
                    }
                    _ => Event::Copied { partition: self.partition(), base, messages },
                });
            }
            if begins {
                self.forget_the_oldest(now)?;
            }
        }
        Ok(())
    }

    /// Removes sealed segments that are too many or too old; never what is not committed.
    fn forget_the_oldest(&mut self, now: Time) -> Fallible<(), S> {
        let segments = self.log.segments();
        let mut bytes: u64 = segments.iter().map(|segment| segment.bytes).sum();
        let mut to = self.log.start();
        for segment in &segments[..segments.len().saturating_sub(1)] {
            let too_many = self.config.bytes_max.is_some_and(|most| bytes > most);
            let too_old = match self.config.age_max {
                None => false,
                Some(age) => self.last_moment(segment.base, segment.end)?.is_some_and(|at| at + age < now),
            };
            if !(too_many || too_old) || segment.end > self.committed {
                break;
            }
            bytes -= segment.bytes;
            to = segment.end;
        }
        if to > self.log.start() {
            let mut messages = Vec::new();
            read_range(&self.log, self.log.start(), to, |chunks| messages.extend(ids_in(chunks)))?;
            let (partition, below) = (self.partition(), to);
            self.events.push(Event::Pull(match self.role {
                Role::Writer { .. } => PullEvent::Trimmed { partition, below, messages },
                _ => PullEvent::CopyTrimmed { partition, below, messages },
            }));
            self.log.trim(to)?;
        }
        Ok(())
    }

    /// When the last chunk of a segment was written.
    fn last_moment(&self, from: Offset, until: Offset) -> Fallible<Option<Time>, S> {
        let chunks = self.log.read(from.max(self.log.start()), until, u32::MAX)?;
        let chunks = chunks.load().map_err(LogError::Storage)?;
        let last = chunks.iter().map(|chunk| chunk.max_timestamp()).max();
        Ok(last
            .and_then(|millis| u64::try_from(millis).ok())
            .map(|millis| Time(millis.saturating_mul(1_000))))
    }
}

/// The messages in chunks.
fn ids_in(chunks: &Batches) -> Vec<MessageId> {
    chunks.records().filter_map(|record| record.message_id()).collect()
}
