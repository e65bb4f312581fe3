//! Who keeps messages, and answers? A broker: a store, and what clients and slaves want of it.
//!
//! ```text
//!   inputs ──▶ handle ──▶ store, tables            nothing that says "stored" leaves before settle
//!                            │
//!              settle ───────┴─▶ flush once, if somebody waits for it ──▶ copies to slaves, answers
//! ```
//!
//! Read: `settings`; `due` (from time to time); `send` (four answers, all of which mean "stored"); `flushing` (when nobody waits for it); `copying` (a slave follows its master); `pull` (held
//! until there is something); `offsets`; `clients`; `locks`; `send_back` (retries and dead letters); `half` (transactions); `reigning` (where masters may change); `pop` (consumers that share a queue).
//!
//! Left out: access control; compression; batches of messages.
//!
//! Source: `BrokerController.java` and the processors that it registers.

mod clients;
mod copying;
mod due;
mod flushing;
mod half;
mod locks;
mod offsets;
mod pop;
mod pull;
mod reigning;
mod send;
mod send_back;
mod settings;

pub use offsets::OffsetTable;
pub use settings::{BrokerSettings, Flush, PAGE_BYTES, Role};

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::layout::StoredMessage;
use super::protocol::{Message, Notice, Refused, Reply, Request, RequestId};
use super::store::{ConfigFile, MessageStore, StoreError, Stored};
use super::{HALF_TOPIC, SCHEDULE_TOPIC, Topic};
use crate::ids::{Epoch, Name, NodeId, Offset, PartitionId};
use crate::log::{Log, LogError, Storage, StorageError};
use crate::observe::{Event, Place, PullEvent, QueueEvent, RocketmqEvent};
use crate::systems::{Input, Out};
use crate::time::{Span, Time};
use clients::Clients;
use copying::{Following, Slave};
use due::{Due, is_due};
use flushing::Flushing;
use half::HalfService;
use locks::Locks;
use offsets::Offsets;
use pop::Popping;
use pull::Holds;
use reigning::{Epochs, Reigning};
use send::Waiting;

type Output = Out<Message>;
type Done<S> = Result<(), StoreError<StorageError<S>>>;

/// A broker over some storage.
///
/// ```
/// use mqlab_core::ids::{Name, NodeId};
/// use mqlab_core::log::memory::MemoryStorage;
/// use mqlab_core::systems::rocketmq::broker::{Broker, BrokerSettings};
/// use mqlab_core::systems::rocketmq::layout::StoredMessage;
/// use mqlab_core::systems::rocketmq::protocol::{Message, Reply, Request, RequestId, SendStatus};
/// use mqlab_core::systems::rocketmq::Topic;
/// use mqlab_core::systems::{Input, Out};
/// use mqlab_core::time::Time;
///
/// let orders = Topic::new("orders")?;
/// let settings = BrokerSettings::new(Name::new("broker-a")?, 0).with_topic(orders.clone(), 4);
/// let mut broker = Broker::new(Time::ZERO, MemoryStorage::default(), settings)?;
/// let mut out = Out::default();
/// let message = StoredMessage::new(orders, 0, "paid".into());
/// let message = Message::Request(RequestId(1), Request::Send(message));
/// broker.handle(Time::ZERO, Input::Message { from: NodeId::Producer(1), message }, &mut out);
/// assert!(out.sends.is_empty()); // not before settle
/// broker.settle(Time::ZERO, &mut out)?;
/// let answer = Reply::Sent { status: SendStatus::SendOk, queue_offset: 0, physical: 0 };
/// assert_eq!(out.sends, [(NodeId::Producer(1), Message::Reply(RequestId(1), answer))]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Broker<S: Storage> {
    settings: BrokerSettings,
    store: MessageStore<S>,
    /// Its topics, with those that it made for groups.
    topics: BTreeMap<Topic, u32>,
    offsets: Offsets,
    offset_file: ConfigFile<S::Log, OffsetTable>,
    clients: Clients,
    locks: Locks,
    holds: Holds,
    /// Sends whose answers wait for a flush or a slave, in order.
    waiting: Vec<Waiting>,
    slaves: BTreeMap<NodeId, Slave>,
    following: Following,
    half: HalfService,
    /// What was popped and is not acknowledged.
    popping: Popping,
    flushing: Flushing,
    reigning: Reigning,
    epoch_file: ConfigFile<S::Log, Epochs>,
    due: Due,
    failed: Option<StoreError<StorageError<S>>>,
}

impl<S: Storage + Clone> Clone for Broker<S>
where
    S::Log: Clone,
    StorageError<S>: Clone,
{
    fn clone(&self) -> Self {
        Self {
            settings: self.settings.clone(),
            store: self.store.clone(),
            topics: self.topics.clone(),
            offsets: self.offsets.clone(),
            offset_file: self.offset_file.clone(),
            clients: self.clients.clone(),
            locks: self.locks.clone(),
            holds: self.holds.clone(),
            waiting: self.waiting.clone(),
            slaves: self.slaves.clone(),
            following: self.following,
            half: self.half.clone(),
            popping: self.popping.clone(),
            flushing: self.flushing,
            reigning: self.reigning.clone(),
            epoch_file: self.epoch_file.clone(),
            due: self.due,
            failed: self.failed.clone(),
        }
    }
}

impl<S: Storage> Broker<S> {
    /// A broker over what a storage holds.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the storage fails, or holds something else.
    pub fn new(now: Time, storage: S, settings: BrokerSettings) -> Result<Self, StoreError<StorageError<S>>> {
        let mut store = MessageStore::open(storage, settings.store.clone())?;
        let (offset_file, table) = ConfigFile::open(store.open_config("consumerOffset")?)?;
        let (epoch_file, epochs) = ConfigFile::open(store.open_config("epochFile")?)?;
        let mut topics = settings.topics.clone();
        // Topics that were made for groups are known by their messages.
        for (topic, queue) in store.queues() {
            let queues = topics.entry(topic.clone()).or_insert(0);
            *queues = (*queues).max(queue + 1);
        }
        let due = Due::from(now, &settings);
        Ok(Self {
            store,
            topics,
            offsets: Offsets::new(table.unwrap_or_default()),
            offset_file,
            clients: Clients::default(),
            locks: Locks::default(),
            holds: Holds::default(),
            waiting: Vec::new(),
            slaves: BTreeMap::new(),
            following: Following::from(now),
            half: HalfService::default(),
            popping: Popping::default(),
            flushing: Flushing::from(now, &settings),
            reigning: Reigning::new(now, epochs),
            epoch_file,
            due,
            failed: None,
            settings,
        })
    }

    /// Gives the storage back, as after a crash of the process.
    ///
    /// # Errors
    ///
    /// [`StoreError::Log`] when the storage fails.
    pub fn close(self) -> Result<S, StoreError<StorageError<S>>> {
        let mut storage = self.store.close()?;
        for (name, log) in
            [("consumerOffset", self.offset_file.into_log()), ("epochFile", self.epoch_file.into_log())]
        {
            let name = super::store::config_name(name);
            storage.close(&name, log).map_err(|error| StoreError::Log(LogError::Storage(error)))?;
        }
        Ok(storage)
    }

    /// What it keeps.
    pub fn store(&self) -> &MessageStore<S> {
        &self.store
    }

    /// The logs below, to inject faults.
    pub fn logs_mut(&mut self) -> impl Iterator<Item = &mut S::Log> {
        self.store.logs_mut().chain([self.offset_file.log_mut(), self.epoch_file.log_mut()])
    }

    /// The storage, and its logs that are open.
    pub fn disk_mut(&mut self) -> (&mut S, Vec<&mut S::Log>) {
        let (storage, mut logs) = self.store.disk_mut();
        logs.extend([self.offset_file.log_mut(), self.epoch_file.log_mut()]);
        (storage, logs)
    }

    /// How far groups are: `topic@group`, and the next offset of each queue.
    pub fn offsets(&self) -> &OffsetTable {
        self.offsets.table()
    }

    /// The slaves that follow it, and whether each has everything.
    pub fn slaves(&self) -> impl Iterator<Item = (NodeId, bool)> {
        let end = self.store.commit_log().end();
        self.slaves.iter().map(move |(node, slave)| (*node, slave.has(end)))
    }

    /// How it is set.
    pub fn settings(&self) -> &BrokerSettings {
        &self.settings
    }

    fn is_master(&self) -> bool {
        matches!(self.settings.role, Role::AsyncMaster | Role::SyncMaster)
    }

    /// Takes an input. Failures of the storage are reported by [`settle`](Self::settle).
    pub fn handle(&mut self, now: Time, input: Input<Message>, out: &mut Output) {
        let done = match input {
            Input::Wake => Ok(()), // what is due is done in settle
            Input::HangUp { peer } => {
                self.slave_gone(peer, out);
                self.holds.forget(peer);
                self.popping.forget(peer);
                self.client_gone(peer, out);
                Ok(())
            }
            Input::Message { from, message: Message::Request(id, request) } => {
                self.request(now, from, (id, request), out)
            }
            Input::Message { from, message: Message::Notice(notice) } => self.notice(now, from, notice, out),
            Input::Message { message: Message::Reply(..), .. } => Ok(()), // it asks nobody
        };
        self.note(done);
    }

    /// Keeps the first failure, after which the broker does nothing more. A full disk is none.
    fn note(&mut self, done: Done<S>) {
        if let Err(error) = done {
            self.failed.get_or_insert(error);
        }
    }

    fn request(
        &mut self,
        now: Time,
        from: NodeId,
        (id, request): (RequestId, Request),
        out: &mut Output,
    ) -> Done<S> {
        let reply = match request {
            Request::Send(message) => return self.take_message(now, (from, id), message, out),
            Request::Pull(pull) => return self.take_pull(now, (from, id), pull, out),
            Request::SendBack { group, physical, level, retries_max } => {
                self.take_back(now, &group, (physical, level, retries_max), out)?
            }
            Request::Pop(pop) => return self.take_pop(now, (from, id), pop, out),
            Request::Offset { group, topic, queue } => Reply::Offset(self.offset(&group, &topic, queue)),
            Request::Bounds { topic, queue } => {
                let (min, max) = (self.store.min_offset(&topic, queue), self.store.max_offset(&topic, queue));
                Reply::Bounds { min, max }
            }
            Request::Lock { group, queues } => Reply::Locked(self.lock(now, (group, from), queues, out)),
            Request::Members(group) => Reply::Members(self.clients.names(&group)),
            Request::Route(_) => Reply::Refused(Refused::NoPermission), // a name server's work
        };
        out.sends.push((from, Message::Reply(id, reply)));
        Ok(())
    }

    fn notice(&mut self, now: Time, from: NodeId, notice: Notice, out: &mut Output) -> Done<S> {
        match notice {
            Notice::Heartbeat { consumer_of, producer_of } => {
                for group in &consumer_of {
                    if let Ok(topic) = super::retry::retry_topic(group.as_str())
                        && self.topics.insert(topic, 1).is_none()
                    {
                        self.due.register = now; // clients learn of it from the name servers
                    }
                }
                let changed = self.clients.heard(now, from, consumer_of, producer_of);
                changed.iter().for_each(|group| self.tell_members(group, out));
            }
            Notice::Commit { group, topic, queue, offset } => {
                self.commit(&group, &topic, (queue, offset), out)
            }
            Notice::Unlock { group, queues } => self.unlock(from, group, queues, out),
            Notice::EndTransaction { group, physical, half_offset, state } => {
                self.end_transaction(now, &group, (physical, half_offset, state), out)?;
            }
            Notice::Ack(handle) => self.ack_popped(now, handle)?,
            Notice::CopyFrom { physical, anew, epochs } => {
                self.slave_reports(now, from, (physical, anew, epochs.as_slice()), out);
            }
            Notice::RoleIs(reign) => self.role_is(now, reign, out)?,
            Notice::CutBack { physical } => self.cut_back(from, physical, out)?,
            Notice::Epochs(epochs) => self.take_epochs(from, epochs)?,
            Notice::Copy { physical, begins, batches } => {
                self.take_copy(now, from, (physical, begins), &batches, out)?;
            }
            Notice::Tables { offsets, delays } if self.settings.role == Role::Slave(from) => {
                self.offsets.replace(offsets);
                self.store.set_delays(delays);
            }
            Notice::Tables { .. }
            | Notice::MembersChanged(_)
            | Notice::CheckTransaction { .. }
            | Notice::Alive { .. }
            | Notice::AlterInSync { .. }
            | Notice::Register { .. } => {} // not for a broker
        }
        Ok(())
    }

    fn commit(&mut self, group: &Name, topic: &Topic, (queue, next): (u32, u64), out: &mut Output) {
        if self.offsets.group_set(group, topic, queue, next) {
            let (group, partition, next) = (group.clone(), self.partition(topic, queue), Offset(next));
            out.events.push(Event::OffsetStored { group, partition, next });
        }
    }

    /// How far a group is. One that never said so begins at 0 if all that the queue ever had is there, and in memory: a new
    /// topic is read whole, whatever its first reader wishes.
    fn offset(&self, group: &Name, topic: &Topic, queue: u32) -> Option<u64> {
        let known = self.offsets.get(group.as_str(), topic, queue);
        let is_whole = self.store.min_offset(topic, queue) == 0 && self.store.max_offset(topic, queue) > 0;
        known.or_else(|| (is_whole && self.store.is_in_memory(topic, queue, 0)).then_some(0))
    }

    fn tell_members(&self, group: &Name, out: &mut Output) {
        for member in self.clients.consumers(group) {
            out.sends.push((member, Message::Notice(Notice::MembersChanged(group.clone()))));
        }
    }

    fn client_gone(&mut self, client: NodeId, out: &mut Output) {
        for group in self.clients.gone(client) {
            self.tell_members(&group, out);
        }
    }

    /// A message was stored here: says so, and wakes who waits for it.
    fn stored(&mut self, stored: &Stored, out: &mut Output) {
        let message = &stored.message;
        if message.topic.as_str() == HALF_TOPIC {
            out.events.extend(stored.id().map(|message| Event::Queue(QueueEvent::HalfStored { message })));
        } else if message.is_visible() {
            let base = Offset(message.queue_offset);
            let to = Place::Partition(self.partition(&message.topic, message.queue));
            out.events.push(Event::Appended { to, base, messages: stored.id().into_iter().collect() });
            if let Some(message) = stored.id().filter(|_| stored.message.topic.as_str() == SCHEDULE_TOPIC) {
                let level = stored.message.queue + 1;
                let until = self.settings.store.levels.due(level, stored.message.stored_at);
                out.events.push(Event::Rocketmq(RocketmqEvent::Delayed { message, level, until }));
            }
            self.holds.arrived(stored);
        }
    }

    /// Writes a message, in the epoch that is.
    fn put(&mut self, now: Time, message: StoredMessage) -> Result<Stored, StoreError<StorageError<S>>> {
        let epoch = self.epoch();
        self.store.put(now, message, epoch)
    }

    /// A queue of its own, as facts number it.
    fn partition(&self, topic: &Topic, queue: u32) -> PartitionId {
        self.settings.numbering.partition(&self.settings.name, topic, queue)
    }

    /// Does what is due, flushes if somebody waits for it, and lets go what waited. Call it once after each burst of inputs,
    /// and send nothing before.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the storage failed: stop the broker without sending what is in `out`.
    pub fn settle(&mut self, now: Time, out: &mut Output) -> Done<S> {
        if self.failed.is_none() {
            let done = self.settled(now, out);
            self.note(done);
        }
        self.failed.take().map_or(Ok(()), Err)
    }

    fn settled(&mut self, now: Time, out: &mut Output) -> Done<S> {
        self.do_what_is_due(now, out)?;
        self.flush_for_waiting()?;
        self.serve_holds(now, out)?;
        self.serve_pops(now, out)?;
        self.report_to_master(now, out);
        self.report_to_controller(now, out);
        self.copy_to_slaves(now, out)?;
        self.answer_sends(now, out);
        self.note_unflushed();
        Ok(())
    }
}

/// Nothing where the disk was full, which stops nobody: it is tried again later.
fn unless_full<T, E>(done: Result<T, StoreError<E>>) -> Result<Option<T>, StoreError<E>> {
    match done {
        Err(StoreError::Log(LogError::Full)) => Ok(None),
        done => done.map(Some),
    }
}

/// The same of what cannot be stored because it is too large, or the disk is full: why.
fn or_refused<T, E>(done: Result<T, StoreError<E>>) -> Result<Result<T, Refused>, StoreError<E>> {
    match done {
        Err(StoreError::Log(LogError::Full)) => Ok(Err(Refused::ServiceNotAvailable)),
        Err(StoreError::Rejected(_)) => Ok(Err(Refused::MessageIllegal)),
        done => done.map(Ok),
    }
}

impl<S: Storage> Broker<S> {
    /// The place below which everything is flushed.
    pub fn durable(&self) -> u64 {
        let log = self.store.commit_log();
        if log.log().durable() >= log.log().end() { log.end() } else { log.durable() }
    }
}
