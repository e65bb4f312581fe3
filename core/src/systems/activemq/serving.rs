//! What does a master do with what clients say? It lets its [`Broker`] do the work, dispatches to consumers, and answers when
//! all that was done is written.
//!
//! ```text
//!   Message ─▶ known already? ──no──▶ queue, or the queues of a topic's subscriptions ─┐
//!                  └─ yes ─▶ answered                                                  ├─▶ settle: written ─▶ Response
//!   MessageAck ─▶ gone, or to ActiveMQ.DLQ ────────────────────────────────────────────┤                      MessageDispatch
//!   ConsumerInfo, MessagePull ─────────────────────────────────────────────────────────┘
//! ```
//!
//! Also what is dispatched waits for that, as with `concurrentStoreAndDispatchQueues="false"`: nobody works on what a crash
//! may take back. (By default ActiveMQ dispatches while it writes.)
//!
//! Sources: `TransportConnection.java`, `PrefetchSubscription.java#acknowledge`, `Queue.java`, `AbstractInactivityMonitor.java`.

mod doing;
mod telling;

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::audit::Audit;
use super::protocol::{AckType, BrokerCommand, ClientCommand, ConsumerInfo, Dispatch, Message, Reads, Wire};
use super::{Broker, BrokerError, DestinationName, DestinationPolicy, Dispatched, JournalSync};
use crate::ids::{MessageId, Name, NodeId};
use crate::log::{LogError, Storage, StorageError};
use crate::message::{DeathReason, Message as Payload};
use crate::observe::{ActivemqEvent, Event, Place, QueueEvent, Refusal, state_fact};
use crate::queue::ConsumerId;
use crate::sorted::{SortedMap, SortedSet};
use crate::systems::Out;
use crate::time::{Span, Time};
use crate::vhost::{ChannelId, Delivered, ErrorOf, Handle, Output, VhostError};

/// How a master serves.
///
/// ```
/// use mqlab_core::systems::activemq::ServingOptions;
/// let options = ServingOptions::default();
/// assert!(options.producer_audit && options.composite_queues.is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct ServingOptions {
    /// What it does with its destinations.
    pub policy: DestinationPolicy,
    /// Queues that are there from the first.
    pub queues: Vec<Name>,
    /// Queues that send on what comes to them, and where to.
    pub composite_queues: SortedMap<Name, Vec<DestinationName>>,
    /// When the journal is flushed.
    pub journal_sync: JournalSync,
    /// Whether it remembers how far each producer has got.
    pub producer_audit: bool,
    /// A client that is silent for so long is taken for gone.
    pub max_inactivity: Span,
}

impl Default for ServingOptions {
    fn default() -> Self {
        Self {
            policy: DestinationPolicy::default(),
            queues: Vec::new(),
            composite_queues: SortedMap::new(),
            journal_sync: JournalSync::Always,
            producer_audit: true,
            max_inactivity: Span::from_millis(30_000),
        }
    }
}

/// A client that is connected.
#[derive(Clone, Debug)]
struct Connected {
    wire: Wire,
    channel: ChannelId,
    /// It is taken for gone when it was silent until then.
    until: Time,
    consumers: SortedMap<u32, ConsumerId>,
    /// Those of them that asked for a message, and wait.
    pulls: SortedSet<u32>,
    /// What it has and did not acknowledge.
    out: SortedMap<u64, Delivered>,
}

/// A broker that is master, and its clients.
///
/// ```
/// use mqlab_core::log::memory::MemoryStorage;
/// use mqlab_core::systems::activemq::{Serving, ServingOptions};
/// use mqlab_core::time::Time;
/// let mut master = Serving::open(MemoryStorage::default(), ServingOptions::default(), Time::ZERO)?;
/// assert_eq!(master.messages(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Serving<S: Storage> {
    broker: Broker<S>,
    audit: Audit<S::Log>,
    options: ServingOptions,
    connections: SortedMap<NodeId, Connected>,
    last_channel: u64,
    /// Whose each consumer is.
    attached: SortedMap<ConsumerId, (NodeId, u32)>,
    /// Messages that are kept in memory alone.
    transient: BTreeSet<MessageId>,
    next_sync: Option<Time>,
}

impl<S: Storage + Clone> Clone for Serving<S>
where
    S::Log: Clone,
{
    fn clone(&self) -> Self {
        Self {
            broker: self.broker.clone(),
            audit: self.audit.clone(),
            options: self.options.clone(),
            connections: self.connections.clone(),
            attached: self.attached.clone(),
            transient: self.transient.clone(),
            ..*self
        }
    }
}

impl<S: Storage> core::fmt::Debug for Serving<S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Serving").field("connections", &self.connections).finish_non_exhaustive()
    }
}

/// Why it cannot go on.
type Fatal<S> = BrokerError<StorageError<S>>;
type Result<T, S> = core::result::Result<T, Fatal<S>>;

impl<E> From<LogError<E>> for BrokerError<E> {
    fn from(error: LogError<E>) -> Self {
        Self::Host(VhostError::from(error))
    }
}

impl<S: Storage> Serving<S> {
    /// Opens a store, as the one who has its lock.
    ///
    /// # Errors
    ///
    /// When the storage fails, or holds something else.
    pub fn open(mut storage: S, options: ServingOptions, now: Time) -> Result<Self, S> {
        let audit = Audit::open(&mut storage)?;
        let mut broker = Broker::open(storage, options.policy.clone(), now)?;
        for queue in &options.queues {
            broker.declare_queue(now, queue.as_str())?;
        }
        broker.host_mut().watch(true);
        broker.host_mut().stops_when_full();
        let (connections, attached, transient, next_sync) = Default::default();
        Ok(Self { broker, audit, options, connections, last_channel: 0, attached, transient, next_sync })
    }

    /// Gives the storage back. What was not flushed is the disk's affair.
    ///
    /// # Errors
    ///
    /// When the storage fails.
    pub fn close(self) -> Result<S, S> {
        let mut storage = self.broker.close()?;
        self.audit.close(&mut storage).map_err(LogError::Storage)?;
        Ok(storage)
    }

    /// The broker below, to be looked at.
    pub fn broker(&self) -> &Broker<S> {
        &self.broker
    }

    /// How many messages it holds.
    pub fn messages(&self) -> u64 {
        self.broker.host().queues().map(|queue| queue.stats().held).sum()
    }

    /// The client that a consumer belongs to.
    pub fn client_of(&self, consumer: ConsumerId) -> Option<NodeId> {
        self.attached.get(&consumer).map(|(client, _)| *client)
    }

    /// Whether a fact is one of the store: it is true when that is written. The others are true in the broker's memory.
    pub fn is_of_store(&self, event: &Event) -> bool {
        match event {
            Event::Appended { to: Place::Queue(queue), messages, .. } => {
                !self.is_transient(queue, messages.first())
            }
            Event::Settled { queue, message, .. } | Event::Queue(QueueEvent::Died { queue, message, .. }) => {
                !self.is_transient(queue, Some(message))
            }
            _ => false,
        }
    }

    fn is_transient(&self, queue: &Name, message: Option<&MessageId>) -> bool {
        let queue = self.broker.host().queue(queue.as_str());
        message.is_some_and(|message| self.transient.contains(message))
            || queue.is_none_or(|queue| queue.options().transient)
    }

    /// What it has in memory alone, by queue.
    pub fn volatile(&self) -> Vec<(Place, Vec<MessageId>)> {
        let all = self.broker.host().queues().map(|queue| {
            let held = queue.held().filter(|held| !held.stored).filter_map(|held| held.id).collect();
            (Place::Queue(queue.name().clone()), held)
        });
        all.filter(|(_, messages): &(_, Vec<MessageId>)| !messages.is_empty()).collect()
    }

    /// The storage below, and the logs that are open: for whoever drives the disk.
    pub(crate) fn disk_mut(&mut self) -> (&mut S, impl Iterator<Item = &mut S::Log>) {
        let (storage, logs) = self.broker.host_mut().disk_mut();
        (storage, logs.chain([self.audit.log_mut()]))
    }

    /// Takes what a client says. What it wants sent may leave when all is written, see [`settle`](Self::settle).
    ///
    /// # Errors
    ///
    /// When the storage fails: it cannot go on.
    pub fn handle(
        &mut self,
        now: Time,
        from: NodeId,
        (wire, command): (Wire, ClientCommand),
        out: &mut Out<Message>,
    ) -> Result<(), S> {
        if let ClientCommand::Connect { .. } = command {
            return self.connect(now, from, wire, out);
        }
        let until = now + self.options.max_inactivity;
        let Some(connected) = self.connections.get_mut(&from).filter(|connected| connected.wire == wire)
        else {
            // It was taken for gone, or this is of an earlier connection: there is nothing to go on with.
            say(from, wire, BrokerCommand::Shutdown, out);
            return Ok(());
        };
        connected.until = until;
        let channel = connected.channel;
        match command {
            ClientCommand::Connect { .. } => {}
            ClientCommand::KeepAlive => say(from, wire, BrokerCommand::KeepAlive, out),
            ClientCommand::Consume { id, info } => {
                let done = self.consume(now, (from, channel), *info);
                self.answer((from, wire, id), done, out)?;
            }
            ClientCommand::Send { id, life, sequence, to, answer, message } => {
                let done = self.take((now, from, channel), (life, sequence), &to, message, out);
                match done {
                    Ok(()) if !answer => {}
                    done => self.answer((from, wire, id), done, out)?,
                }
            }
            ClientCommand::Ack { consumer, kind, deliveries, cause } => {
                for delivery in deliveries {
                    self.acknowledge((now, from), consumer, kind, delivery, cause.as_deref(), out)?;
                }
            }
            ClientCommand::Pull { consumer } => {
                if let Some(connected) = self.connections.get_mut(&from) {
                    connected.pulls.insert(consumer);
                }
            }
            ClientCommand::Remove { consumer } => {
                let known =
                    self.connections.get_mut(&from).and_then(|known| known.consumers.remove(&consumer));
                if let Some(id) = known {
                    self.broker.host_mut().cancel(now, id)?;
                }
            }
        }
        self.drain(out);
        Ok(())
    }

    fn connect(&mut self, now: Time, from: NodeId, wire: Wire, out: &mut Out<Message>) -> Result<(), S> {
        self.leave(now, from, out)?;
        self.last_channel += 1;
        let channel = ChannelId(self.last_channel);
        self.broker.host_mut().open_channel(now, channel, Default::default())?;
        let until = now + self.options.max_inactivity;
        let (consumers, pulls, unsettled) = Default::default();
        let connected = Connected { wire, channel, until, consumers, pulls, out: unsettled };
        self.connections.insert(from, connected);
        say(from, wire, BrokerCommand::Connected, out);
        Ok(())
    }

    fn answer(
        &self,
        (from, wire, id): (NodeId, Wire, u64),
        done: Result<(), S>,
        out: &mut Out<Message>,
    ) -> Result<(), S> {
        let command = match done {
            Ok(()) => BrokerCommand::Response { id },
            Err(BrokerError::Host(error)) if error.is_storage() => return Err(error.into()),
            Err(BrokerError::Host(error)) => BrokerCommand::Exception { id, why: Refusal::from(&error) },
            Err(BrokerError::Destination(_) | BrokerError::Selector(_)) => {
                BrokerCommand::Exception { id, why: Refusal::Invalid }
            }
        };
        say(from, wire, command, out);
        Ok(())
    }

    /// A client is gone: what it had goes back, its subscriptions that do not endure end.
    ///
    /// # Errors
    ///
    /// When the storage fails.
    pub fn leave(&mut self, now: Time, client: NodeId, out: &mut Out<Message>) -> Result<(), S> {
        if let Some(connected) = self.connections.remove(&client) {
            self.broker.host_mut().close_channel(now, connected.channel)?;
            self.drain(out);
            self.attached.retain(|_, (other, _)| *other != client);
        }
        Ok(())
    }

    /// Tells every client that it serves nobody any more.
    pub fn say_goodbye(&self, out: &mut Out<Message>) {
        for (client, connected) in self.connections.iter() {
            say(*client, connected.wire, BrokerCommand::Shutdown, out);
        }
    }

    /// Ends a burst: does what is due, and writes. What it wanted sent may leave after that.
    ///
    /// # Errors
    ///
    /// When the storage fails: then nothing may leave.
    pub fn settle(&mut self, now: Time, out: &mut Out<Message>) -> Result<(), S> {
        let silent: Vec<NodeId> = self
            .connections
            .iter()
            .filter(|(_, connected)| connected.until <= now)
            .map(|(client, _)| *client)
            .collect();
        for client in silent {
            self.leave(now, client, out)?;
        }
        if self.broker.host().next_wakeup().is_some_and(|at| at <= now) {
            self.broker.host_mut().tick(now)?;
        }
        self.drain(out);
        self.serve_pulls(now, out)?;
        self.write(now)
    }

    fn write(&mut self, now: Time) -> Result<(), S> {
        let host = self.broker.host_mut();
        let flushes = match self.options.journal_sync {
            JournalSync::Always => true,
            JournalSync::Never => false,
            JournalSync::Periodic(every) => {
                let due = self.next_sync.is_some_and(|at| at <= now);
                if due {
                    self.next_sync = None;
                } else if host.is_dirty() {
                    self.next_sync.get_or_insert(now + every);
                }
                due
            }
        };
        if flushes {
            host.flush()?;
            self.audit.flush()?;
        } else {
            host.commit()?;
        }
        Ok(())
    }

    /// When it wants to be woken.
    pub fn next_wakeup(&self) -> Option<Time> {
        let clients = self.connections.values().map(|connected| connected.until);
        clients.chain(self.broker.host().next_wakeup()).chain(self.next_sync).min()
    }
}

fn say(to: NodeId, wire: Wire, command: BrokerCommand, out: &mut Out<Message>) {
    out.sends.push((to, Message::Broker { wire, command }));
}
