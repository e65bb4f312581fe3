//! Who leads? The controller keeps the cluster's metadata, watches the brokers and holds elections.
//!
//! ```text
//!   alive ── not heard for a session ──▶ fenced: out of every in-sync set, and its partitions get new leaders
//!     ▲                                    │
//!     └──────────── heard again ───────────┘
//! ```
//!
//! Who wins an election stands in `election.rs`, what else follows from what in `decisions.rs`. The last replica of an
//! in-sync set stays in it even when it dies, because only it is known to have everything.
//!
//! A broker that is told to stop does not just go: it asks the controller first, which lets others lead what it leads
//! (*controlled shutdown*). Nobody has to miss it before the partitions have leaders again.
//!
//! After faults some brokers lead more than their share. From time to time the controller gives leadership back to the
//! *preferred* replicas, the first of each assignment, where more than [`IMBALANCE_PERCENT`] of a broker's own
//! partitions are led by others.
//!
//! # Several controllers
//!
//! The metadata is a log that a quorum of controllers agrees on ([`raft`](crate::raft)). Who leads the quorum is the
//! *active* controller, and does all of the above; the others read along, so that each of them can take over.
//!
//! ```text
//!   broker      active controller            the others
//!     │  I live     │ what follows from that?    │
//!     │────────────▶│ changes, as one step ─────▶│ appended, flushed
//!     │             │◀──── so far my log is yours│
//!     │◀────────────│ a majority has it: made    │
//! ```
//!
//! The active controller decides by what it has proposed, but nobody hears of a change before a majority has it: who
//! loses the lead forgets what was not agreed on, and nobody ever acted on it. A new one waits until everything of its
//! predecessors is agreed on, gives each broker a new session to be heard in, and goes on.
//!
//! One controller is a majority by itself: the same code, with nobody to ask.
//!
//! What real systems do: this is Kafka's `KRaft` controller (`QuorumController.java`). Sources:
//! `ReplicationControlManager.java`, KIP-500, KIP-631.

mod active;
mod adjustment;
mod decisions;
mod error;
mod metadata;
mod reassignment;

pub use adjustment::Adjustment;
pub use error::ControllerError;
pub use reassignment::{BadOrder, Order};

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::producer_ids::PRODUCER_IDS_A_BLOCK;
use super::protocol::{Input, Message, Out, Reply, RequestId};
use super::settings::Settings;
use super::view::View;
use crate::ids::{Epoch, Name, NodeId, Offset};
use crate::log::memory::{MemoryLog, MemoryStorage};
use crate::log::{Log, LogError, Slice, Storage, StorageError};
use crate::observe::{ClusterEvent, Event};
use crate::raft::{Raft, RaftOut, Timing};
use crate::rng::{Rng, Stream};
use crate::sorted::SortedMap;
use crate::time::{Span, Time};
use decisions::is_alive;
use metadata::{Change, Metadata};

/// How many of a hundred partitions may be led by others than the preferred replica before it gets them back.
/// Kafka: 10 (`leader.imbalance.per.broker.percentage`).
pub const IMBALANCE_PERCENT: usize = 10;

/// The log that the controllers agree on. Kafka's has the same name.
pub const METADATA_LOG: &str = "__cluster_metadata";

/// How many bytes of agreed metadata are read at once.
const READ_BYTES: u32 = 1024 * 1024;

/// A controller of a cluster: the only one, or a member of their quorum.
///
/// ```
/// use mqlab_core::broker::{Controller, Message, Out, PartitionState, Settings, View};
/// use mqlab_core::ids::{Name, NodeId, PartitionId};
///
/// let (first, second) = (NodeId::Broker(1), NodeId::Broker(2));
/// let partition = PartitionId { topic: Name::new("orders")?, index: 0 };
/// let state = PartitionState::new(vec![first, second], 1);
/// let brokers = [(first, true), (second, true)].into();
/// let view = View { brokers, partitions: [(partition.clone(), state)].into(), ..View::default() };
/// let mut controller = Controller::new(Settings::default(), view);
/// let mut out = Out::default();
/// controller.start(&mut out);
/// assert_eq!(controller.view().leader_of(&partition), Some(first)); // the first of the replicas in sync
/// assert!(matches!(out.sends[0].message, Message::Cluster(_))); // and the brokers are told
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Controller<L: Log = MemoryLog> {
    settings: Settings,
    /// Whether there is nobody else to agree with.
    alone: bool,
    raft: Raft<L>,
    /// What was agreed on.
    agreed: Metadata,
    /// Up to where in the log that is.
    read: Offset,
    /// What an observer of the whole was told of already, by other controllers.
    stated: Offset,
    /// What the active controller knows besides.
    reign: Option<Reign>,
    /// The first failure: it is reported by the next `settle`.
    failed: Option<ControllerError<L::Error>>,
}

/// What the active controller knows that need not be agreed on.
#[derive(Clone, Debug)]
struct Reign {
    /// With everything that was proposed.
    latest: Metadata,
    /// What is not agreed on yet.
    proposed: VecDeque<Proposed>,
    /// When each broker was heard last.
    heard: SortedMap<NodeId, Time>,
    /// When it looks next whether the preferred replicas lead; never where that is not asked for.
    next_balance: Option<Time>,
}

/// A step that was proposed.
#[derive(Clone, Debug)]
struct Proposed {
    end: Offset,
    after: Metadata,
    events: Vec<Event>,
    answer: Option<(NodeId, RequestId, Answer)>,
}

/// What is answered when a step was agreed on.
#[derive(Clone, Copy, Debug)]
enum Answer {
    /// How the cluster stands then.
    Cluster,
    /// Producer ids, from this one on.
    ProducerIds { first: u64 },
}

type Done<L> = Result<(), ControllerError<<L as Log>::Error>>;

impl Controller {
    /// The only controller of a cluster in which every broker is alive and every replica in sync, and nobody leads yet.
    /// Its log is in memory.
    ///
    /// # Panics
    ///
    /// Never: memory opens its logs.
    pub fn new(settings: Settings, view: View) -> Self {
        let (me, storage) = (NodeId::Controller, &mut MemoryStorage::default());
        let opened = Self::open(storage, me, [me].into(), settings, view, 0, Time::ZERO);
        opened.expect("memory opens its logs")
    }
}

impl<L: Log> Controller<L> {
    /// A controller over its log. `voters` are all of them, itself among them; `view` is how the cluster stood before
    /// anything happened. Both are the same for each, at every start.
    ///
    /// # Errors
    ///
    /// When the storage fails, or it cannot be read whom the controller voted for.
    ///
    /// # Panics
    ///
    /// Never: the log's name is a legal one.
    pub fn open<S: Storage<Log = L>>(
        storage: &mut S,
        me: NodeId,
        voters: Vec<NodeId>,
        settings: Settings,
        view: View,
        seed: u64,
        now: Time,
    ) -> Result<Self, ControllerError<StorageError<S>>> {
        let (name, rng) = (Name::new(METADATA_LOG).expect("a legal name"), Rng::new(seed, Stream::Elections));
        let alone = voters.len() == 1;
        let raft = Raft::open(storage, name, me, voters, Timing::default(), rng, now)?;
        let (read, stated) = (raft.log().start(), Offset::ZERO);
        let agreed = Metadata::new(view);
        Ok(Self { settings, alone, raft, agreed, read, stated, reign: None, failed: None })
    }

    /// Gives the log back.
    ///
    /// # Errors
    ///
    /// When the storage fails.
    pub fn close<S: Storage<Log = L>>(self, storage: &mut S) -> Result<(), StorageError<S>> {
        self.raft.close(storage)
    }

    /// How the cluster stands, as far as this controller knows: never more than was agreed on.
    pub fn view(&self) -> &Arc<View> {
        &self.agreed.view
    }

    /// Whether it is the active one.
    pub fn is_active(&self) -> bool {
        self.reign.is_some()
    }

    /// The term of the quorum that it knows of.
    pub fn term(&self) -> Epoch {
        self.raft.term()
    }

    /// When it wants to be the active one, if it hears none before, and the longest that it ever waits; nothing where it is
    /// active, or the only one.
    pub fn runs_at(&self) -> Option<(Time, Span)> {
        if self.alone { None } else { self.raft.runs_at() }
    }

    /// Up to where the log is known to be agreed on. Whoever watches several controllers lets each know with
    /// [`stated`](Self::stated) what others stated.
    pub fn agreed_until(&self) -> Offset {
        self.read
    }

    /// The facts of steps below were stated by other controllers, and need not be stated again.
    pub fn stated(&mut self, until: Offset) {
        self.stated = self.stated.max(until);
    }

    /// Begins. The only one elects the first leaders and tells every broker.
    pub fn start(&mut self, out: &mut Out) {
        self.handle(Time::ZERO, Input::Wake, out);
    }

    /// Takes what reaches the controller. A failure is kept for [`settle`](Self::settle).
    pub fn handle(&mut self, now: Time, input: Input, out: &mut Out) {
        let done = match input {
            Input::Message { from, message: Message::Raft(message) } => {
                let mut raft_out = RaftOut::default();
                let taken = self.raft.handle(now, from, message, &mut raft_out);
                taken.map_err(Into::into).and_then(|()| self.quorum_moved(now, raft_out, out))
            }
            Input::Message { from, message: Message::Request(id, request) } => {
                self.request(now, (from, id), request, out)
            }
            Input::Wake => self.tick(now, out),
            Input::Message { .. } | Input::HangUp { .. } => Ok(()),
        };
        if let Err(error) = done {
            self.failed.get_or_insert(error);
        }
    }

    /// Ends a burst: makes durable what must not be forgotten, before anything is sent.
    ///
    /// # Errors
    ///
    /// The first failure since the last call. Nothing may be sent then: the controller must be stopped.
    pub fn settle(&mut self) -> Done<L> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        Ok(self.raft.settle()?)
    }

    /// When it wants to be woken.
    pub fn next_wakeup(&self) -> Option<Time> {
        let quorum = (!self.alone).then(|| self.raft.next_wakeup());
        let reign = self.reign.iter().flat_map(|reign| {
            let alive = reign.heard.iter().filter(|(broker, _)| is_alive(&reign.latest.view, **broker));
            alive.map(|(_, &heard)| heard + self.settings.broker_session).chain(reign.next_balance)
        });
        quorum.into_iter().chain(reign).min()
    }

    fn tick(&mut self, now: Time, out: &mut Out) -> Done<L> {
        if !self.alone || !self.raft.leads() {
            let mut raft_out = RaftOut::default();
            self.raft.tick(now, &mut raft_out)?;
            self.quorum_moved(now, raft_out, out)?;
        }
        self.fence_silent(now, out)?;
        self.balance_if_due(now, out)
    }

    /// The quorum may have agreed on more, or follow another.
    fn quorum_moved(&mut self, now: Time, raft_out: RaftOut<L::Slice>, out: &mut Out) -> Done<L> {
        Self::pass_on(raft_out, out)?;
        if !self.raft.leads() && self.reign.take().is_some() {
            out.event(Event::Cluster(ClusterEvent::SteppedDown { term: self.raft.term() }));
        }
        self.agree(out)?;
        if self.raft.is_ready() && self.reign.is_none() {
            self.take_over(now, out)?;
        }
        Ok(())
    }

    fn pass_on(raft_out: RaftOut<L::Slice>, out: &mut Out) -> Done<L> {
        for (to, message) in raft_out.sends {
            let message = message.load().map_err(LogError::Storage)?;
            out.send(to, Message::Raft(message));
        }
        Ok(())
    }

    /// It is the active one from now on.
    fn take_over(&mut self, now: Time, out: &mut Out) -> Done<L> {
        let heard = self.agreed.registered.keys().map(|&broker| (broker, now)).collect();
        let next_balance = self.settings.leader_balance.map(|every| now + every);
        let latest = self.agreed.clone();
        self.reign = Some(Reign { latest, proposed: VecDeque::new(), heard, next_balance });
        if !self.alone {
            out.event(Event::Cluster(ClusterEvent::Controls { term: self.raft.term() }));
        }
        if self.agreed.view.version == 0 {
            let mut changes = [Change::Formed].to_vec();
            changes.extend(decisions::elect_all(&self.agreed.view));
            return self.propose(changes, None, out);
        }
        self.tell_brokers(out);
        Ok(())
    }

    fn tell_brokers(&self, out: &mut Out) {
        let view = &self.agreed.view;
        for (&broker, _) in view.brokers.iter().filter(|(_, alive)| **alive) {
            out.send(broker, Message::Cluster(Arc::clone(view)));
        }
    }

    /// Makes whatever a majority has by now.
    fn agree(&mut self, out: &mut Out) -> Done<L> {
        let committed = self.raft.committed();
        if self.reign.is_none() {
            return self.read_along(committed, out);
        }
        while let Some(reign) = &mut self.reign
            && let Some(step) = reign.proposed.pop_front_if(|step| step.end <= committed)
        {
            let Proposed { end, after, events, answer } = step;
            let news = after.view.version > self.agreed.view.version;
            (self.agreed, self.read) = (after, end);
            self.state(end, events, out);
            if news {
                self.tell_brokers(out);
            }
            match answer {
                Some((to, id, Answer::Cluster)) => self.tell(to, id, out),
                Some((to, id, Answer::ProducerIds { first })) => {
                    out.reply(to, id, Reply::ProducerIds { first, count: PRODUCER_IDS_A_BLOCK });
                }
                None => {}
            }
        }
        Ok(())
    }

    /// Makes what another controller proposed and a majority has.
    fn read_along(&mut self, committed: Offset, out: &mut Out) -> Done<L> {
        while self.read < committed {
            let batches = self.raft.log().read(self.read, committed, READ_BYTES)?.load();
            for batch in batches.map_err(LogError::Storage)?.iter() {
                let changes = metadata::from_batch(&batch);
                let changes = changes.ok_or(ControllerError::NotMetadata(batch.base()))?;
                self.read = batch.next();
                if !changes.is_empty() {
                    let events = self.agreed.make(&changes);
                    self.state(batch.next(), events, out);
                }
            }
        }
        Ok(())
    }

    fn state(&self, end: Offset, events: Vec<Event>, out: &mut Out) {
        if end > self.stated {
            out.events.extend(events);
        }
    }

    /// Proposes a step; `answer` is sent when it is agreed on.
    fn propose(
        &mut self,
        changes: Vec<Change>,
        answer: Option<(NodeId, RequestId, Answer)>,
        out: &mut Out,
    ) -> Done<L> {
        let Some(reign) = &mut self.reign else { return Ok(()) };
        let batches = metadata::to_batches(&changes).map_err(ControllerError::TooLarge)?;
        let mut raft_out = RaftOut::default();
        let Some(end) = self.raft.propose(batches, &mut raft_out)? else { return Ok(()) };
        let events = reign.latest.make(&changes);
        reign.proposed.push_back(Proposed { end, after: reign.latest.clone(), events, answer });
        Self::pass_on(raft_out, out)?;
        self.agree(out)
    }
}
