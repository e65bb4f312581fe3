//! Who leads? The controller keeps the cluster's metadata, watches the brokers and holds elections.
//!
//! ```text
//!   alive ── not heard for a session ──▶ fenced: out of every in-sync set, and its partitions get new leaders
//!     ▲                                    │
//!     └──────────── heard again ───────────┘
//! ```
//!
//! Who wins an election stands in `election.rs`. The last replica of an in-sync set stays in it even when it dies,
//! because only it is known to have everything.
//!
//! A broker that is told to stop does not just go: it asks the controller first, which lets others lead what it leads
//! (*controlled shutdown*). Nobody has to miss it before the partitions have leaders again.
//!
//! After faults some brokers lead more than their share. From time to time the controller gives leadership back to the
//! *preferred* replicas, the first of each assignment, where more than [`IMBALANCE_PERCENT`] of a broker's own
//! partitions are led by others.
//!
//! What real systems do: Kafka's controller is itself replicated (KRaft). Here it is one node that does not die.
//!
//! Source: Kafka `ReplicationControlManager.java`.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::election::{Wanted, Won, elect};
use super::mutant::Mutant;
use super::producer_ids::PRODUCER_IDS_A_BLOCK;
use super::protocol::{Input, Message, Out, Reply, Request, RequestId};
use super::settings::Settings;
use super::view::{PartitionState, View};
use crate::ids::{Epoch, NodeId, PartitionId};
use crate::observe::{ClusterEvent, Event, Refusal};
use crate::time::Time;

/// How many of a hundred partitions may be led by others than the preferred replica before it gets them back.
/// Kafka: 10 (`leader.imbalance.per.broker.percentage`).
pub const IMBALANCE_PERCENT: usize = 10;

/// The controller of a cluster.
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
pub struct Controller {
    settings: Settings,
    view: Arc<View>,
    brokers: BTreeMap<NodeId, Registration>,
    /// When it looks next whether the preferred replicas lead; never where that is not asked for.
    next_balance: Option<Time>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Registration {
    heard: Time,
    /// Which start of the broker was heard; `None` before the first word from it.
    incarnation: Option<u64>,
    /// Whether this start of the broker is about to stop.
    leaves: bool,
}

impl Controller {
    /// A controller of a cluster in which every broker is alive and every replica in sync, and nobody leads yet.
    pub fn new(settings: Settings, view: View) -> Self {
        let brokers = view.brokers.keys().map(|&broker| (broker, Registration::default())).collect();
        let next_balance = settings.leader_balance.map(|every| Time::ZERO + every);
        Self { settings, view: Arc::new(view), brokers, next_balance }
    }

    /// How the cluster stands.
    pub fn view(&self) -> &Arc<View> {
        &self.view
    }

    /// Elects the first leaders and tells every broker.
    pub fn start(&mut self, out: &mut Out) {
        self.change(out, elect_all);
    }

    /// Takes what reaches the controller.
    pub fn handle(&mut self, now: Time, input: Input, out: &mut Out) {
        match input {
            Input::Message { from, message: Message::Request(id, request) } => {
                self.request(now, from, id, request, out);
            }
            Input::Wake => {
                self.fence_silent(now, out);
                self.balance_if_due(now, out);
            }
            Input::Message { .. } | Input::HangUp { .. } => {}
        }
    }

    /// When it wants to be woken.
    pub fn next_wakeup(&self) -> Option<Time> {
        let alive = self.brokers.iter().filter(|(broker, _)| self.is_alive(**broker));
        let silent = alive.map(|(_, registration)| registration.heard + self.settings.broker_session);
        silent.chain(self.next_balance).min()
    }

    fn is_alive(&self, broker: NodeId) -> bool {
        self.view.brokers.get(&broker).copied().unwrap_or(false)
    }

    fn request(&mut self, now: Time, from: NodeId, id: RequestId, request: Request, out: &mut Out) {
        match request {
            Request::Alive { incarnation, version } => {
                self.alive(now, from, incarnation, out);
                if version < self.view.version {
                    out.reply(from, id, Reply::Cluster(Arc::clone(&self.view)));
                }
            }
            Request::Leave { incarnation } => {
                self.leave(now, from, incarnation, out);
                out.reply(from, id, Reply::Cluster(Arc::clone(&self.view)));
            }
            Request::Metadata => out.reply(from, id, Reply::Cluster(Arc::clone(&self.view))),
            Request::AllocateProducerIds => {
                let (first, count) = (self.view.producer_ids, PRODUCER_IDS_A_BLOCK);
                self.change(out, |view, _| view.producer_ids += count);
                out.reply(from, id, Reply::ProducerIds { first, count });
            }
            Request::SetInSync { partition, epoch, version, in_sync } => {
                let set = self.set_in_sync(from, partition, (epoch, version), in_sync, out);
                let reply = set.map_or_else(Reply::Refused, |()| Reply::Cluster(Arc::clone(&self.view)));
                out.reply(from, id, reply);
            }
            _ => out.reply(from, id, Reply::Refused(Refusal::Unknown)),
        }
    }

    fn alive(&mut self, now: Time, broker: NodeId, incarnation: u64, out: &mut Out) {
        let Some(registration) = self.brokers.get_mut(&broker) else { return };
        let restarted = registration.incarnation.is_some_and(|known| known != incarnation);
        let leaves = registration.leaves && !restarted;
        *registration = Registration { heard: now, incarnation: Some(incarnation), leaves };
        if leaves {
            return; // said before it asked to leave, and late
        }
        if restarted && self.is_alive(broker) {
            // It came back before anybody missed it, but may have forgotten what it knew: it must not lead on.
            self.fence(broker, Event::Fenced { broker }, out);
        }
        if !self.is_alive(broker) {
            self.change(out, |view, events| {
                view.brokers.insert(broker, true);
                elect_all(view, events);
            });
        }
    }

    /// A broker is about to stop: what it leads others lead from now on, if they can.
    fn leave(&mut self, now: Time, broker: NodeId, incarnation: u64, out: &mut Out) {
        let Some(registration) = self.brokers.get_mut(&broker) else { return };
        *registration = Registration { heard: now, incarnation: Some(incarnation), leaves: true };
        if self.is_alive(broker) {
            self.fence(broker, Event::Cluster(ClusterEvent::Relieved { broker }), out);
        }
    }

    /// Gives partitions back to the preferred replicas of brokers that lead too few of theirs.
    fn balance_if_due(&mut self, now: Time, out: &mut Out) {
        let Some((at, every)) = self.next_balance.zip(self.settings.leader_balance) else { return };
        if at > now {
            return;
        }
        self.next_balance = Some(now + every);
        let wrong = preferred_elsewhere(&self.view);
        if wrong.iter().any(|partition| self.can_be_preferred(partition)) {
            self.change(out, |view, events| {
                let View { brokers, partitions, .. } = view;
                for (partition, state) in partitions.iter_mut().filter(|(id, _)| wrong.contains(*id)) {
                    election(partition, state, Wanted::Preferred, brokers, events);
                }
            });
        }
    }

    fn can_be_preferred(&self, partition: &PartitionId) -> bool {
        let Some(state) = self.view.partitions.get(partition) else { return false };
        elect(state, Wanted::Preferred, |broker| self.is_alive(*broker)).leader != state.leader
    }

    fn fence_silent(&mut self, now: Time, out: &mut Out) {
        let session = self.settings.broker_session;
        let silent: Vec<NodeId> = (self.brokers.iter())
            .filter(|(broker, registration)| self.is_alive(**broker) && registration.heard + session <= now)
            .map(|(&broker, _)| broker)
            .collect();
        for broker in silent {
            self.fence(broker, Event::Fenced { broker }, out);
        }
    }

    /// Takes a broker out of every in-sync set, and lets others lead; `why` is the fact that it is said with.
    fn fence(&mut self, broker: NodeId, why: Event, out: &mut Out) {
        let mutated = self.settings.mutated();
        self.change(out, |view, events| {
            view.brokers.insert(broker, false);
            events.push(why);
            let View { brokers, partitions, .. } = view;
            for (partition, state) in partitions {
                if mutated.is(Mutant::ElectsAnyone) {
                    let alive = |broker: &&NodeId| brokers.get(broker).copied().unwrap_or(false);
                    state.in_sync = state.replicas.iter().filter(alive).copied().collect();
                }
                if state.in_sync.contains(&broker) && state.in_sync.len() > 1 {
                    state.in_sync.retain(|&replica| replica != broker);
                    let replicas = state.in_sync.clone();
                    events.push(Event::InSync { partition: partition.clone(), replicas });
                }
            }
            elect_all(view, events);
        });
    }

    /// A leader's in-sync set changes, if the leader knows how the partition stands and names none that is dead.
    fn set_in_sync(
        &mut self,
        from: NodeId,
        partition: PartitionId,
        known: (Epoch, u64),
        in_sync: Vec<NodeId>,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        let state = self.view.partitions.get(&partition).ok_or(Refusal::Unknown)?;
        if state.leader != Some(from) || (state.epoch, state.version) != known {
            return Err(Refusal::Stale);
        }
        let fits = |replica: &NodeId| state.replicas.contains(replica) && self.is_alive(*replica);
        if !in_sync.contains(&from) || !in_sync.iter().all(fits) {
            return Err(Refusal::NotEnoughReplicas);
        }
        self.change(out, |view, events| {
            if let Some(state) = view.partitions.get_mut(&partition) {
                state.in_sync.clone_from(&in_sync);
                events.push(Event::InSync { partition, replicas: in_sync });
            }
        });
        Ok(())
    }

    /// Makes a new version of the view, and tells every live broker.
    fn change(&mut self, out: &mut Out, change: impl FnOnce(&mut View, &mut Vec<Event>)) {
        let before = Arc::clone(&self.view);
        let view = Arc::make_mut(&mut self.view);
        change(view, &mut out.events);
        view.version += 1;
        for (partition, state) in &mut view.partitions {
            if before.partitions.get(partition) != Some(state) {
                state.version = view.version;
            }
        }
        for (&broker, _) in self.view.brokers.iter().filter(|(_, alive)| **alive) {
            out.send(broker, Message::Cluster(Arc::clone(&self.view)));
        }
    }
}

/// The partitions that are led by others than their preferred replica, of brokers for which these are too many.
fn preferred_elsewhere(view: &View) -> BTreeSet<PartitionId> {
    let mut owned: BTreeMap<NodeId, (usize, Vec<&PartitionId>)> = BTreeMap::new();
    for (partition, state) in &view.partitions {
        let Some(preferred) = state.replicas.first() else { continue };
        let (all, elsewhere) = owned.entry(*preferred).or_default();
        *all += 1;
        if state.leader != Some(*preferred) {
            elsewhere.push(partition);
        }
    }
    let too_many =
        |(all, elsewhere): &(usize, Vec<&PartitionId>)| elsewhere.len() * 100 > all * IMBALANCE_PERCENT;
    owned.into_values().filter(too_many).flat_map(|(_, elsewhere)| elsewhere.into_iter().cloned()).collect()
}

/// Gives every partition whose leader is dead, or that has none, another one, if it can be.
fn elect_all(view: &mut View, events: &mut Vec<Event>) {
    let View { brokers, partitions, .. } = view;
    for (partition, state) in partitions {
        election(partition, state, Wanted::Anyone, brokers, events);
    }
}

/// Elects a leader of a partition. Whoever is not in sync and leads all the same is in sync alone from then on.
fn election(
    partition: &PartitionId,
    state: &mut PartitionState,
    wanted: Wanted,
    brokers: &BTreeMap<NodeId, bool>,
    events: &mut Vec<Event>,
) {
    let Won { leader, unclean } =
        elect(state, wanted, |broker| brokers.get(broker).copied().unwrap_or(false));
    if leader == state.leader {
        return;
    }
    state.leader = leader;
    state.epoch = state.epoch.next();
    if let (Some(leader), true) = (leader, unclean) {
        state.in_sync = [leader].into();
        events.push(Event::Cluster(ClusterEvent::UncleanElection { partition: partition.clone(), leader }));
    }
    events.push(Event::Elected { partition: partition.clone(), leader, epoch: state.epoch });
    if unclean {
        events.push(Event::InSync { partition: partition.clone(), replicas: state.in_sync.clone() });
    }
}
