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
//! let new = PartitionState::new(vec![me], 1);
//! let state = PartitionState { leader: Some(me), epoch: Epoch(1), version: 1, ..new };
//! let mut view = View { version: 1, ..View::default() };
//! view.partitions.insert(partition.clone(), state);
//!
//! let mut out = Out::default();
//! let mut broker = Broker::new(me, 1, Settings::default(), MemoryStorage::default())?;
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

mod assignor;
mod back_pressure;
mod bursts;
mod checkpoint;
mod classic_group;
mod cleaner;
mod closest;
mod committed;
mod controller;
mod coordinator;
mod deadlines;
mod dispatch;
mod dropping;
mod election;
mod error;
mod follower;
mod group;
mod group_request;
mod group_turn;
mod hosting;
mod intake;
mod layout;
mod leader;
mod long_poll;
mod members;
mod mutant;
mod open_transactions;
mod part;
mod partitioner;
mod placement;
mod producer_ids;
mod producer_state;
mod protocol;
mod publishing;
mod reading;
mod replica;
mod replicas;
mod reply;
mod reporting;
mod request;
mod retention;
mod settings;
mod share_coordinator;
mod share_group;
mod share_leader;
mod share_led;
mod share_partition;
mod share_request;
mod share_settings;
mod share_state;
mod sticky;
mod transaction;
mod truncation;
mod txn_coordinator;
mod txn_leader;
mod txn_markers;
mod txn_offsets;
mod txn_request;
mod txn_state;
mod view;
mod waiting;

pub use assignor::{Assignor, Candidate, Shares};
pub use cleaner::{Cleanup, CleanupPolicy};
pub use controller::{
    Adjustment, BadOrder, Controller, ControllerError, IMBALANCE_PERCENT, METADATA_LOG, Order,
};
pub use error::{BrokerError, Declared};
pub use group_request::{GroupReply, GroupRequest, Identity, Join, MemberId};
pub use intake::Untaken;
pub use open_transactions::Aborted;
pub use partitioner::{Partitioner, murmur2, partition_of_key};
pub use placement::{CannotPlace, Site, StripedPlacer, place_replicas};
pub use producer_ids::PRODUCER_IDS_A_BLOCK;
pub use producer_state::{BATCHES_REMEMBERED, ProducerStates, StoredBatch};
pub use protocol::{
    Acks, Delivery, Envelope, Fetch, Input, Isolation, Message, Out, Reads, ReplicaFetch, Reply, Request,
    RequestId, Settlement,
};
pub use replica::Marks;
pub use retention::Retention;
pub use settings::{CREDIT_MAX, IN_FLIGHT_MAX, INTAKE_MAX, Settings};
pub use share_partition::{AcknowledgeType, RecordState, SharePartition, Turned};
pub use share_request::{ShareReply, ShareRequest};
pub use share_settings::{SHARE_DELIVERIES_MAX, SHARE_LOCKS_MAX, ShareSettings, ShareStart};
pub use share_state::{Fate, ShareRun, ShareState, ShareWriter};
pub use sticky::{STICKY_BYTES, StickyPartitioner, first_above, running_weights};
pub use transaction::{TransactionState, TransactionStep};
pub use truncation::Truncation;
pub use txn_coordinator::TRANSACTION_TIMEOUT_MAX;
pub use txn_request::{TxnProducer, TxnReply, TxnRequest};
pub use txn_state::TxnPhase;
pub use view::{
    HostLayout, OFFSETS_TOPIC, PartitionState, Removed, SHARE_TOPIC, TRANSACTIONS_TOPIC, View, is_internal,
    offsets_partition, share_partition,
};

pub(crate) use committed::committed_records;
#[cfg(feature = "mutants")]
pub use mutant::Mutant;
#[cfg(not(feature = "mutants"))]
pub(crate) use mutant::Mutant;
pub(crate) use replica::{Replica, Role};
pub(crate) use replicas::Replicas;

use alloc::sync::Arc;
use alloc::vec::Vec;

use group::Groups;
use hosting::Guests;
use intake::Intake;
use producer_ids::ProducerIds;
use reporting::{Controllers, Proposal};
use share_leader::Sharing;
use txn_coordinator::Txns;

use crate::ids::{NodeId, PartitionId};
use crate::log::{LogError, SliceOf, Storage, StorageError};
use crate::observe::Refusal;
use crate::sorted::SortedMap;
use crate::time::Time;
use crate::vhost::{ErrorOf, VirtualHost};

/// A broker over some storage.
///
/// ```
/// use mqlab_core::broker::{Broker, Settings};
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::log::memory::MemoryStorage;
/// let broker = Broker::new(NodeId::Broker(1), 1, Settings::default(), MemoryStorage::default())?;
/// assert!(broker.view().partitions.is_empty()); // it keeps nothing until it is told to: see the module's example
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Broker<S: Storage> {
    me: NodeId,
    incarnation: u64,
    controllers: Controllers,
    settings: Settings,
    /// Exchanges and queues; it owns the storage.
    host: VirtualHost<S>,
    guests: Guests,
    intake: Intake,
    view: Arc<View>,
    replicas: Replicas<S::Log>,
    groups: Groups,
    shares: Sharing,
    producer_ids: ProducerIds,
    txns: Txns,
    /// The number of the last request that this broker made.
    last_request: RequestId,
    /// The changes of in-sync sets that were asked for.
    proposals: SortedMap<RequestId, Proposal>,
    next_heartbeat: Time,
    next_lag_check: Time,
    /// When the cleaner looks again.
    next_clean: Time,
    /// Until when it waits for others to lead, once it is to stop.
    leaves_by: Option<Time>,
    /// The first failure: it is reported by the next `settle`.
    failed: Option<BrokerError<StorageError<S>>>,
}

impl<S: Storage + Clone> Clone for Broker<S>
where
    S::Log: Clone,
    StorageError<S>: Clone,
{
    fn clone(&self) -> Self {
        Self {
            host: self.host.clone(),
            guests: self.guests.clone(),
            intake: self.intake.clone(),
            view: Arc::clone(&self.view),
            replicas: self.replicas.clone(),
            groups: self.groups.clone(),
            shares: self.shares.clone(),
            producer_ids: self.producer_ids.clone(),
            txns: self.txns.clone(),
            settings: self.settings.clone(),
            proposals: self.proposals.clone(),
            controllers: self.controllers.clone(),
            failed: self.failed.clone(),
            ..*self
        }
    }
}

/// What a broker does may fail: its storage, or what it is told to be.
type Done<S> = Result<(), BrokerError<StorageError<S>>>;

impl<S: Storage> Broker<S> {
    /// A broker that knows of no partition until it is told how the cluster stands, and that reports to nobody.
    /// `incarnation` counts its starts.
    ///
    /// # Errors
    ///
    /// When the storage fails, or holds what is not a broker's.
    pub fn new(me: NodeId, incarnation: u64, settings: Settings, storage: S) -> Result<Self, ErrorOf<S>> {
        let mut host = VirtualHost::open(storage, Time::ZERO)?;
        host.watch(true);
        host.stops_when_full();
        let (view, guests, intake, replicas, groups, proposals) = Default::default();
        let (next_heartbeat, next_lag_check, next_clean) = (Time::ZERO, Time::ZERO, Time::ZERO);
        let (last_request, leaves_by, failed) = (0, None, None);
        Ok(Self {
            me,
            incarnation,
            controllers: Controllers::default(),
            settings,
            host,
            guests,
            intake,
            view,
            replicas,
            groups,
            shares: Sharing::default(),
            producer_ids: ProducerIds::default(),
            txns: Txns::default(),
            last_request,
            proposals,
            next_heartbeat,
            next_lag_check,
            next_clean,
            leaves_by,
            failed,
        })
    }

    /// The same broker as a member of a cluster with one controller: it tells that it lives, and is told in return.
    #[must_use]
    pub fn with_controller(self) -> Self {
        self.with_controllers([NodeId::Controller].into())
    }

    /// The same broker as a member of a cluster with these controllers, of which one is active.
    #[must_use]
    pub fn with_controllers(self, all: Vec<NodeId>) -> Self {
        Self { controllers: Controllers::new(all), ..self }
    }

    /// Takes what reaches the broker. A failure is kept for [`settle`](Self::settle), and nothing is taken after it: a disk
    /// that was full may have room for what comes next, which must not stand where something else should.
    pub fn handle(&mut self, now: Time, input: Input, out: &mut Out<SliceOf<S>>) {
        if self.failed.is_some() {
            return;
        }
        let done = match input {
            Input::Message { from, message } => self.arrives(now, from, message, out),
            Input::HangUp { peer } => self.hang_up(now, peer, out),
            Input::Wake => Ok(()),
        };
        let done = done.and_then(|()| self.tick(now, out)).and_then(|()| self.answer_itself(now, out));
        if let Err(error) = done {
            self.failed.get_or_insert(error);
        }
    }

    /// Ends a burst: makes durable what was appended, if the settings ask for it, before anything is sent.
    ///
    /// # Errors
    ///
    /// The first failure since the last call: of the storage, or a layout that disagrees with what the disk holds.
    /// Nothing in `out` may be sent then: the broker must be stopped, and its logs recovered by opening them again.
    pub fn settle(&mut self, _now: Time, out: &mut Out<SliceOf<S>>) -> Done<S> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        // Both only write: nothing but the storage can refuse them.
        if self.settings.flush_before_reply {
            self.host.flush()?;
        } else {
            self.host.commit()?;
        }
        // What was written may have filled the disk, or given some of it back.
        self.drain(out)?;
        if self.settings.flush_before_reply {
            self.replicas.flush()?;
        } else {
            self.replicas.skip_flush();
        }
        Ok(())
    }

    /// When the broker wants to be woken, if nothing reaches it before.
    pub fn next_wakeup(&self) -> Option<Time> {
        let upkeep = self.controllers.exist().then_some(self.next_heartbeat.min(self.next_lag_check));
        let own = upkeep.into_iter().chain(self.leaves_by).chain(self.producer_ids.next_wakeup());
        let own = own
            .chain(self.next_clean())
            .chain(self.replicas.next_wakeup())
            .chain(self.txns.next_wakeup(self.settings.transactional_id_expiration));
        let groups = self.groups.next_deadline().into_iter().chain(self.shares.next_wakeup());
        own.chain(self.next_host_wakeup()).chain(groups).min()
    }

    /// Stops the broker, in good order or because its process dies, and gives the storage back with all logs
    /// closed. What was not flushed is still there; only a power cut takes it.
    ///
    /// # Errors
    ///
    /// When a log cannot be closed.
    pub fn into_storage(mut self) -> Result<S, ErrorOf<S>> {
        for replica in core::mem::take(&mut self.replicas).into_all() {
            replica.close(self.host.storage_mut()).map_err(LogError::Storage)?;
        }
        self.host.close()
    }

    /// How the cluster stands, as far as this broker knows.
    pub fn view(&self) -> &Arc<View> {
        &self.view
    }

    /// The storage below; the logs in use are not in it.
    pub fn storage(&self) -> &S {
        self.host.storage()
    }

    /// Its exchanges and queues, to be looked at.
    pub fn host(&self) -> &VirtualHost<S> {
        &self.host
    }

    /// The storage and every log in use: for whoever drives the disk below.
    pub(crate) fn disk_mut(&mut self) -> (&mut S, impl Iterator<Item = &mut S::Log>) {
        let (storage, logs) = self.host.disk_mut();
        (storage, logs.chain(self.replicas.logs_mut()))
    }

    pub(crate) fn replicas(&self) -> &Replicas<S::Log> {
        &self.replicas
    }

    pub(crate) fn groups(&self) -> &Groups {
        &self.groups
    }

    /// Where a partition's log on this broker begins and ends, and how far it is committed.
    pub fn marks(&self, partition: &PartitionId) -> Option<Marks> {
        self.replicas.get(partition).map(Replica::marks)
    }
}

fn refuse<D, E>((to, id): (NodeId, RequestId), refusal: Refusal, out: &mut Out<D>) -> Result<(), E> {
    out.reply(to, id, Reply::Refused(refusal));
    Ok(())
}
