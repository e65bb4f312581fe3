//! Who keeps the messages? A broker: queues, replicas of partitions, and the groups that read them.
//!
//! A [`Broker`] is a state machine without I/O. It does not know where its logs are ([`Storage`] does), what time
//! it is (`now` is an argument), or how messages travel (it puts them into [`Out`]). The host drives it:
//!
//! ```text
//!   loop:  broker.handle(now, input, &mut out)     for each input that is there: a burst
//!          broker.settle(now, &mut out)?           flush once for the burst, release what waited for it
//!          carry out out.sends, in order           stored records are still slices: load them, or send the file
//!          show out.events to whoever watches      facts; the broker does not need them
//!          wait for input, or until broker.next_wakeup(): then Input::Wake
//! ```
//!
//! Appending is a call; making durable is gathered in `settle`, so that one fsync serves a whole burst (group
//! commit). When the settings ask for a flush, nothing that `handle` wants sent leaves before it.
//!
//! ```
//! use std::sync::Arc;
//! use mqlab_core::broker::{Acks, Broker, Input, Message, Out, PartitionState, Reply, Request, Settings, View};
//! use mqlab_core::ids::{Epoch, Name, NodeId, Offset, PartitionId};
//! use mqlab_core::log::memory::MemoryStorage;
//! use mqlab_core::record::{BatchBuilder, NewRecord};
//! use mqlab_core::time::Time;
//!
//! // One broker that leads the only replica of one partition. In a cluster a controller would say so.
//! let (me, client) = (NodeId::Broker(1), NodeId::Producer(1));
//! let partition = PartitionId { topic: Name::new("orders")?, index: 0 };
//! let state = PartitionState {
//!     replicas: vec![me],
//!     in_sync: vec![me],
//!     leader: Some(me),
//!     epoch: Epoch(1),
//!     version: 1,
//!     min_in_sync: 1,
//! };
//! let mut view = View { version: 1, ..View::default() };
//! view.partitions.insert(partition.clone(), state);
//!
//! let mut out = Out::default();
//! let mut broker = Broker::new(me, 1, Settings::default(), MemoryStorage::default());
//! broker.handle(Time::ZERO, Input::Message { from: NodeId::Controller, message: Message::Cluster(Arc::new(view)) }, &mut out);
//!
//! let mut batch = BatchBuilder::new();
//! batch.push(&NewRecord { value: Some("a book".into()), ..NewRecord::default() })?;
//! let produce = Request::Produce { partition, acks: Acks::All, batches: batch.build() };
//! broker.handle(Time::ZERO, Input::Message { from: client, message: Message::Request(7, produce) }, &mut out);
//! broker.settle(Time::ZERO, &mut out)?;
//!
//! let answer = out.sends.pop().expect("the broker answers");
//! assert_eq!(answer.to, client);
//! assert!(matches!(answer.message, Message::Reply(7, Reply::Stored { base: Offset(0) })));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod controller;
mod epochs;
mod follower;
mod group;
mod leader;
mod part;
mod partitioner;
mod protocol;
mod queue;
mod replica;
mod settings;
mod view;

pub use controller::Controller;
pub use epochs::Epochs;
pub use partitioner::{Partitioner, murmur2, partition_of_key};
pub use protocol::{
    Acks, Delivery, Envelope, Fetch, Input, Message, Out, ReplicaFetch, Reply, Request, RequestId,
};
pub use queue::Held;
pub use settings::Settings;
pub use view::{OFFSETS_TOPIC, PartitionState, View, offsets_partition, place_replicas};

pub(crate) use queue::Queue;
pub(crate) use replica::{Replica, Role};

use alloc::collections::BTreeMap;
use alloc::sync::Arc;

use group::Groups;
use leader::Then;

use crate::ids::{Name, NodeId, Offset, PartitionId};
use crate::log::{Log, LogError, SliceOf, Storage, StorageError};
use crate::observe::{Event, Refusal};
use crate::time::Time;

/// A broker over some storage.
#[derive(Debug)]
pub struct Broker<S: Storage> {
    me: NodeId,
    incarnation: u64,
    /// Whether there is a controller to report to: a broker that is the whole cluster has none.
    has_controller: bool,
    settings: Settings,
    storage: S,
    view: Arc<View>,
    queues: BTreeMap<Name, Queue<S::Log>>,
    replicas: BTreeMap<PartitionId, Replica<S::Log>>,
    groups: Groups,
    /// The number of the last request that this broker made.
    last_request: RequestId,
    /// For which partition a change of the in-sync set was asked, by request.
    proposals: BTreeMap<RequestId, PartitionId>,
    next_heartbeat: Time,
    next_lag_check: Time,
    /// The first failure of the storage: it is reported by the next `settle`.
    failed: Option<LogError<StorageError<S>>>,
}

impl<S: Storage + Clone> Clone for Broker<S>
where
    S::Log: Clone,
    StorageError<S>: Clone,
{
    fn clone(&self) -> Self {
        Self {
            storage: self.storage.clone(),
            view: Arc::clone(&self.view),
            queues: self.queues.clone(),
            replicas: self.replicas.clone(),
            groups: self.groups.clone(),
            settings: self.settings.clone(),
            proposals: self.proposals.clone(),
            failed: self.failed.clone(),
            ..*self
        }
    }
}

/// What a broker does with its storage may fail.
type Done<S> = Result<(), LogError<StorageError<S>>>;

impl<S: Storage> Broker<S> {
    /// A broker that keeps nothing until it is told how the cluster stands, and that reports to nobody.
    /// `incarnation` counts its starts.
    pub fn new(me: NodeId, incarnation: u64, settings: Settings, storage: S) -> Self {
        let (view, queues, replicas, groups, proposals) = Default::default();
        let (next_heartbeat, next_lag_check) = (Time::ZERO, Time::ZERO);
        let (last_request, failed) = (0, None);
        Self {
            me,
            incarnation,
            has_controller: false,
            settings,
            storage,
            view,
            queues,
            replicas,
            groups,
            last_request,
            proposals,
            next_heartbeat,
            next_lag_check,
            failed,
        }
    }

    /// The same broker as a member of a cluster: it tells the controller that it lives, and is told in return.
    #[must_use]
    pub fn with_controller(self) -> Self {
        Self { has_controller: true, ..self }
    }

    /// Takes what reaches the broker. A failure of the storage is kept for [`settle`](Self::settle).
    pub fn handle(&mut self, now: Time, input: Input, out: &mut Out<SliceOf<S>>) {
        let done = match input {
            Input::Message { from, message } => self.message(now, from, message, out),
            Input::HangUp { peer } => self.hang_up(now, peer, out),
            Input::Wake => Ok(()),
        };
        if let Err(error) = done.and_then(|()| self.tick(now, out)) {
            self.failed.get_or_insert(error);
        }
    }

    /// Ends a burst: makes durable what was appended, if the settings ask for it, before anything is sent.
    ///
    /// # Errors
    ///
    /// The first failure of the storage since the last call. Nothing in `out` may be sent then: the broker must be
    /// stopped, and its logs recovered by opening them again.
    pub fn settle(&mut self, _now: Time, _out: &mut Out<SliceOf<S>>) -> Done<S> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if self.settings.flush_before_reply {
            for queue in self.queues.values_mut().filter(|queue| queue.is_dirty()) {
                queue.flush()?;
            }
            for replica in
                self.replicas.values_mut().filter(|replica| replica.log.durable() < replica.log.end())
            {
                replica.log.flush()?;
            }
        }
        Ok(())
    }

    /// When the broker wants to be woken, if nothing reaches it before.
    pub fn next_wakeup(&self) -> Option<Time> {
        let followers = self.replicas.values().filter_map(|replica| match &replica.role {
            Role::Idle => None,
            Role::Leader(leader) => leader.next_deadline(),
            Role::Follower(follower) => Some(follower.next_wakeup()),
        });
        let upkeep = self.has_controller.then_some(self.next_heartbeat.min(self.next_lag_check));
        let consumers = self.queues.values().filter_map(Queue::next_deadline);
        followers.chain(upkeep).chain(consumers).chain(self.groups.next_deadline()).min()
    }

    /// Stops the broker, in good order or because its process dies, and gives the storage back with all logs
    /// closed. What was not flushed is still there; only a power cut takes it.
    ///
    /// # Errors
    ///
    /// When a log cannot be closed.
    pub fn into_storage(mut self) -> Result<S, StorageError<S>> {
        for queue in core::mem::take(&mut self.queues).into_values() {
            queue.close(&mut self.storage)?;
        }
        for replica in core::mem::take(&mut self.replicas).into_values() {
            replica.close(&mut self.storage)?;
        }
        Ok(self.storage)
    }

    /// How the cluster stands, as far as this broker knows.
    pub fn view(&self) -> &Arc<View> {
        &self.view
    }

    /// The storage below; the logs in use are not in it.
    pub fn storage(&self) -> &S {
        &self.storage
    }

    pub(crate) fn queues(&self) -> &BTreeMap<Name, Queue<S::Log>> {
        &self.queues
    }

    pub(crate) fn replicas(&self) -> &BTreeMap<PartitionId, Replica<S::Log>> {
        &self.replicas
    }

    pub(crate) fn groups(&self) -> &Groups {
        &self.groups
    }

    /// Where a partition's log on this broker begins and ends, and how far it is committed.
    pub fn marks(&self, partition: &PartitionId) -> Option<Marks> {
        let replica = self.replicas.get(partition)?;
        Some(Marks {
            start: replica.log.start(),
            high_watermark: replica.high_watermark,
            end: replica.log.end(),
        })
    }

    fn message(&mut self, now: Time, from: NodeId, message: Message, out: &mut Out<SliceOf<S>>) -> Done<S> {
        match message {
            Message::Request(id, request) => self.request(now, (from, id), request, out),
            Message::Reply(id, reply) => self.reply(now, id, reply, out),
            Message::Done { queue, offsets } => match self.queues.get_mut(&queue) {
                None => Ok(()),
                Some(queue) => {
                    queue.done(from, &offsets, out)?;
                    queue.dispatch(out)
                }
            },
            Message::Cluster(view) => self.learn(now, view, out),
            Message::Deliver(_) | Message::Notice { .. } => Ok(()), // for consumers and users only
        }
    }

    fn request(
        &mut self,
        now: Time,
        asker: (NodeId, RequestId),
        request: Request,
        out: &mut Out<SliceOf<S>>,
    ) -> Done<S> {
        let (from, id) = asker;
        match request {
            Request::Send { queue, batches } => {
                let Some(queue) = self.queues.get_mut(&queue) else {
                    return refuse(asker, Refusal::Unknown, out);
                };
                let base = queue.append(&batches, out)?;
                out.reply(from, id, Reply::Stored { base });
                queue.dispatch(out)
            }
            Request::Subscribe { queue, prefetch } => {
                let Some(queue) = self.queues.get_mut(&queue) else {
                    return refuse(asker, Refusal::Unknown, out);
                };
                queue.subscribe(from, prefetch, now + self.settings.consumer_session, out);
                out.reply(from, id, Reply::Subscribed);
                queue.dispatch(out)
            }
            Request::Ping { queue } => {
                let deadline = now + self.settings.consumer_session;
                match self.queues.get_mut(&queue).map(|queue| queue.heard(from, deadline)) {
                    None => refuse(asker, Refusal::Unknown, out),
                    Some(false) => refuse(asker, Refusal::NotAMember, out),
                    Some(true) => {
                        out.reply(from, id, Reply::Pong);
                        Ok(())
                    }
                }
            }
            Request::Produce { partition, acks, batches } => match self.replicas.get_mut(&partition) {
                None => refuse(asker, self.not_here(&partition), out),
                Some(replica) => replica.produce(asker, acks, &batches, |base| Then::Stored { base }, out),
            },
            Request::Fetch(fetch) => {
                let partition = fetch.partition.clone();
                let Some(replica) = self.replicas.get_mut(&partition) else {
                    return refuse(asker, self.not_here(&partition), out);
                };
                let proposal = replica.fetch(now, asker, fetch, out)?;
                self.propose(&partition, proposal, out);
                Ok(())
            }
            Request::Metadata => {
                out.reply(from, id, Reply::Cluster(Arc::clone(&self.view)));
                Ok(())
            }
            Request::Heartbeat { group, topic, epoch, owned } => {
                self.coordinate(asker, out, |broker, out| {
                    let deadline = now + broker.settings.consumer_session;
                    let beat =
                        broker.groups.heartbeat((from, group, topic), epoch, owned, deadline, &broker.view);
                    let (epoch, partitions) = beat?;
                    out.reply(from, id, Reply::Membership { epoch, partitions });
                    Ok(())
                });
                Ok(())
            }
            Request::Commit { group, offsets } => self.commit(now, asker, group, &offsets, out),
            Request::OffsetOf { group, partition } => {
                self.coordinate(asker, out, |broker, out| {
                    out.reply(from, id, Reply::OffsetIs(broker.groups.offset(&group, &partition)));
                    Ok(())
                });
                Ok(())
            }
            Request::Alive { .. } | Request::SetInSync { .. } | Request::Call(_) => {
                refuse(asker, Refusal::Unknown, out)
            }
        }
    }

    /// Why a partition is not served here.
    fn not_here(&self, partition: &PartitionId) -> Refusal {
        if self.view.partitions.contains_key(partition) { Refusal::NotLeader } else { Refusal::Unknown }
    }

    fn is_coordinator(&self) -> bool {
        let replica = self.replicas.get(&offsets_partition());
        replica.is_some_and(|replica| matches!(replica.role, Role::Leader(_)))
    }

    /// Does something that only the coordinator may do.
    fn coordinate(
        &mut self,
        (from, id): (NodeId, RequestId),
        out: &mut Out<SliceOf<S>>,
        work: impl FnOnce(&mut Self, &mut Out<SliceOf<S>>) -> Result<(), Refusal>,
    ) {
        let worked = if self.is_coordinator() { work(self, out) } else { Err(Refusal::NotLeader) };
        if let Err(refusal) = worked {
            out.reply(from, id, Reply::Refused(refusal));
        }
    }

    /// Keeps where a group has got to: a record like any other, answered when it is committed.
    fn commit(
        &mut self,
        now: Time,
        asker: (NodeId, RequestId),
        group: Name,
        offsets: &[(PartitionId, Offset)],
        out: &mut Out<SliceOf<S>>,
    ) -> Done<S> {
        let Some(replica) = self.replicas.get_mut(&offsets_partition()) else {
            return refuse(asker, Refusal::NotLeader, out);
        };
        if let Err(refusal) = self.groups.may_commit(asker.0, &group, offsets) {
            return refuse(asker, refusal, out);
        }
        let batches = group::to_records(&group, offsets, now.as_millis() as i64);
        let stored = |(partition, next): &(PartitionId, Offset)| {
            let (group, partition) = (group.clone(), partition.clone());
            Event::OffsetStored { group, partition, next: *next }
        };
        let then = |_| Then::OffsetsStored { events: offsets.iter().map(stored).collect() };
        let end = replica.log.end();
        replica.produce(asker, Acks::All, &batches, then, out)?;
        if replica.log.end() > end {
            self.groups.learn(&group, offsets);
        }
        Ok(())
    }

    fn reply(&mut self, now: Time, id: RequestId, reply: Reply, out: &mut Out<SliceOf<S>>) -> Done<S> {
        let proposal = self.proposals.remove(&id);
        if let Reply::Cluster(view) = reply {
            return self.learn(now, view, out);
        }
        if let Some(partition) = proposal {
            if let Some(Role::Leader(leader)) =
                self.replicas.get_mut(&partition).map(|replica| &mut replica.role)
            {
                leader.withdraw_proposal();
            }
            return Ok(());
        }
        let asked = |replica: &&mut Replica<S::Log>| match &replica.role {
            Role::Follower(follower) => follower.asked(id),
            _ => false,
        };
        match self.replicas.values_mut().find(asked) {
            Some(replica) => replica.fetched(now, reply, &self.settings, out),
            None => Ok(()), // an answer that nobody waits for any more
        }
    }

    fn hang_up(&mut self, now: Time, peer: NodeId, out: &mut Out<SliceOf<S>>) -> Done<S> {
        for queue in self.queues.values_mut() {
            queue.remove_consumer(peer, out);
        }
        for replica in self.replicas.values_mut() {
            replica.leader_hung_up(now, peer, &self.settings);
            replica.forget_fetches_of(peer);
        }
        Ok(())
    }
}

/// Where a log begins and ends, and how far it is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// The first offset that can be read.
    pub start: Offset,
    /// Consumers read below this.
    pub high_watermark: Offset,
    /// The offset of the next record.
    pub end: Offset,
}

fn refuse<D, E>((to, id): (NodeId, RequestId), refusal: Refusal, out: &mut Out<D>) -> Result<(), E> {
    out.reply(to, id, Reply::Refused(refusal));
    Ok(())
}
