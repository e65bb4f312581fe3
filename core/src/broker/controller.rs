//! Who leads? The controller keeps the cluster's metadata, watches the brokers and holds elections.
//!
//! ```text
//!   alive ── not heard for a session ──▶ fenced: out of every in-sync set, and its partitions get new leaders
//!     ▲                                    │
//!     └──────────── heard again ───────────┘
//! ```
//!
//! *An election takes the first replica, in the order of the assignment, that is in sync and alive.* A replica
//! outside the in-sync set may lack what was committed, so it cannot win: rather the partition has no leader.
//! The last replica of an in-sync set stays in it even when it dies, because only it is known to have everything.
//!
//! What real systems do: Kafka's controller is itself replicated (KRaft), and can be told to elect an unclean
//! leader. Here it is one node that does not die.
//!
//! Source: Kafka `PartitionChangeBuilder.java`, `ReplicationControlManager.java`.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::producer_ids::PRODUCER_IDS_A_BLOCK;
use super::protocol::{Input, Message, Out, Reply, Request, RequestId};
use super::settings::Settings;
use super::view::{PartitionState, View};
use crate::ids::{Epoch, NodeId, PartitionId};
use crate::observe::{Event, Refusal};
use crate::time::Time;

/// The controller of a cluster.
///
/// ```
/// use mqlab_core::broker::{Controller, Message, Out, PartitionState, Settings, View};
/// use mqlab_core::ids::{Epoch, Name, NodeId, PartitionId};
///
/// let (first, second) = (NodeId::Broker(1), NodeId::Broker(2));
/// let partition = PartitionId { topic: Name::new("orders")?, index: 0 };
/// let state = PartitionState {
///     replicas: vec![first, second],
///     in_sync: vec![first, second],
///     leader: None,
///     epoch: Epoch(0),
///     version: 0,
///     min_in_sync: 1,
/// };
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
}

#[derive(Clone, Copy, Debug, Default)]
struct Registration {
    heard: Time,
    /// Which start of the broker was heard; `None` before the first word from it.
    incarnation: Option<u64>,
}

impl Controller {
    /// A controller of a cluster in which every broker is alive and every replica in sync, and nobody leads yet.
    pub fn new(settings: Settings, view: View) -> Self {
        let brokers = view.brokers.keys().map(|&broker| (broker, Registration::default())).collect();
        Self { settings, view: Arc::new(view), brokers }
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
            Input::Wake => self.fence_silent(now, out),
            Input::Message { .. } | Input::HangUp { .. } => {}
        }
    }

    /// When it wants to be woken.
    pub fn next_wakeup(&self) -> Option<Time> {
        let alive = self.brokers.iter().filter(|(broker, _)| self.is_alive(**broker));
        alive.map(|(_, registration)| registration.heard + self.settings.broker_session).min()
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
        *registration = Registration { heard: now, incarnation: Some(incarnation) };
        if restarted && self.is_alive(broker) {
            // It came back before anybody missed it, but may have forgotten what it knew: it must not lead on.
            self.fence(broker, out);
        }
        if !self.is_alive(broker) {
            self.change(out, |view, events| {
                view.brokers.insert(broker, true);
                elect_all(view, events);
            });
        }
    }

    fn fence_silent(&mut self, now: Time, out: &mut Out) {
        let session = self.settings.broker_session;
        let silent: Vec<NodeId> = (self.brokers.iter())
            .filter(|(broker, registration)| self.is_alive(**broker) && registration.heard + session <= now)
            .map(|(&broker, _)| broker)
            .collect();
        for broker in silent {
            self.fence(broker, out);
        }
    }

    fn fence(&mut self, broker: NodeId, out: &mut Out) {
        self.change(out, |view, events| {
            view.brokers.insert(broker, false);
            events.push(Event::Fenced { broker });
            for (partition, state) in &mut view.partitions {
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

/// Gives every partition whose leader is dead, or that has none, a leader in sync if one lives.
fn elect_all(view: &mut View, events: &mut Vec<Event>) {
    let View { brokers, partitions, .. } = view;
    let alive = |broker: &NodeId| brokers.get(broker).copied().unwrap_or(false);
    for (partition, state) in partitions {
        if state.leader.is_some_and(|leader| alive(&leader)) {
            continue;
        }
        let leader = elect(state, alive);
        if leader == state.leader {
            continue;
        }
        state.leader = leader;
        state.epoch = state.epoch.next();
        events.push(Event::Elected { partition: partition.clone(), leader, epoch: state.epoch });
    }
}

/// The first replica in the order of the assignment that is in sync and alive.
fn elect(state: &PartitionState, alive: impl Fn(&NodeId) -> bool) -> Option<NodeId> {
    state.replicas.iter().find(|replica| state.in_sync.contains(replica) && alive(replica)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use NodeId::Broker;

    #[test]
    fn only_the_living_in_sync_can_win() {
        let state = |in_sync: &[u16]| PartitionState {
            replicas: [1, 2, 3].map(Broker).into(),
            in_sync: in_sync.iter().copied().map(Broker).collect(),
            leader: None,
            epoch: Epoch(1),
            version: 1,
            min_in_sync: 1,
        };
        let table: [(&[u16], &[u16], Option<u16>); 5] = [
            (&[1, 2, 3], &[1, 2, 3], Some(1)),
            (&[1, 2, 3], &[2, 3], Some(2)),
            (&[3, 2], &[2, 3], Some(2)), // the order is that of the assignment
            (&[1], &[2, 3], None),       // alive, but not in sync: rather nobody
            (&[], &[1, 2, 3], None),
        ];
        for (in_sync, alive, expect) in table {
            let won = elect(&state(in_sync), |broker| alive.iter().any(|&number| *broker == Broker(number)));
            assert_eq!(won, expect.map(Broker), "in sync {in_sync:?}, alive {alive:?}");
        }
    }
}
