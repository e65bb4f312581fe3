//! How does a node live in the lab? It runs over its disks, one for each queue and stream that it has a member of, and one for its
//! seat in the council.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::super::{Guest, GuestMessage, GuestOut, GuestView, Halts, Look, OpenDisk, Run, Speaks};
use super::view::broker_view;
use crate::ids::{LogName, MessageId, NodeId};
use crate::observe::{Event, Place, Refusal};
use crate::record::Batches;
use crate::routing::Router;
use crate::systems::Input;
use crate::systems::rabbitmq::cluster::{ClusterConfig, ClusterMessage, ClusterNode, Stopped};
use crate::time::Time;

/// Whether its process runs, or what it left.
#[derive(Clone, Debug)]
pub(super) enum State {
    Runs(Box<ClusterNode>),
    Down(Stopped),
}

/// A node of a cluster.
#[derive(Clone, Debug)]
pub(super) struct NodeGuest {
    pub(super) node: NodeId,
    pub(super) config: Arc<ClusterConfig>,
    pub(super) router: Arc<Router>,
    pub(super) state: State,
}

impl NodeGuest {
    /// A node that starts for the first time.
    pub(super) fn new(node: NodeId, config: Arc<ClusterConfig>, router: Arc<Router>) -> Self {
        let mut guest = Self { node, config, router, state: State::Down(Stopped::default()) };
        let started = guest.start(Time::ZERO, 1);
        debug_assert!(started.is_ok(), "empty memory opens");
        guest
    }
}

impl Guest for NodeGuest {
    fn boxed(&self) -> Box<dyn Guest> {
        Box::new(self.clone())
    }

    fn handle(&mut self, now: Time, input: Input<GuestMessage>, _run: &mut Run<'_>, _out: &mut GuestOut) {
        let Some(input) = ClusterMessage::input(input) else { return };
        if let State::Runs(node) = &mut self.state {
            node.handle(now, input);
        }
    }

    fn settle(&mut self, now: Time, out: &mut GuestOut) -> Result<(), Halts> {
        let State::Runs(node) = &mut self.state else { return Ok(()) };
        let goes = |to, message: ClusterMessage| out.sends.push((to, message.wrap()));
        let events = node.settle(now, goes).map_err(|_| Halts(Refusal::Storage))?;
        out.events.extend(events);
        Ok(())
    }

    fn untold(&mut self) -> Vec<Event> {
        match &mut self.state {
            State::Runs(node) => node.untold(),
            State::Down(_) => Vec::new(),
        }
    }

    fn next_wakeup(&self) -> Option<Time> {
        match &self.state {
            State::Runs(node) => node.next_wakeup(),
            State::Down(_) => None,
        }
    }

    fn stop(&mut self) -> Vec<Event> {
        match core::mem::replace(&mut self.state, State::Down(Stopped::default())) {
            State::Runs(node) => {
                // What no queue has was confirmed to nobody; what a classic queue has in memory alone is gone.
                let volatile = node.volatile();
                self.state = State::Down(node.stop());
                let lost = |(queue, messages)| Event::TailLost { of: Place::Queue(queue), messages };
                volatile.into_iter().map(lost).collect()
            }
            down => {
                self.state = down;
                Vec::new()
            }
        }
    }

    fn start(&mut self, now: Time, incarnation: u64) -> Result<(), Halts> {
        let State::Down(left) = &mut self.state else { return Ok(()) };
        let (config, router) = (Arc::clone(&self.config), Arc::clone(&self.router));
        let left = core::mem::take(left);
        match ClusterNode::start(self.node, config, router, left, (now, incarnation)) {
            Ok(node) => self.state = State::Runs(Box::new(node)),
            Err(left) => {
                self.state = State::Down(*left);
                return Err(Halts(Refusal::Storage));
            }
        }
        Ok(())
    }

    fn has_disk(&self) -> bool {
        true
    }

    fn disks(&mut self) -> Vec<OpenDisk<'_>> {
        match &mut self.state {
            State::Runs(node) => {
                let storages = node.storages_mut().into_iter();
                storages.map(|(disk, logs)| OpenDisk { disk, logs }).collect()
            }
            State::Down(left) => {
                let disks = left.queues.values_mut().chain(&mut left.council);
                disks.map(|disk| OpenDisk { disk, logs: Vec::new() }).collect()
            }
        }
    }

    fn messages_in(&self, log: &LogName, batches: &Batches) -> Vec<(Place, Vec<MessageId>)> {
        let place = match log {
            LogName::Quorum(name) | LogName::Queue(name) => Place::Queue(name.clone()),
            LogName::Partition(partition) => Place::Partition(partition.clone()),
            _ => return Vec::new(),
        };
        let messages: Vec<MessageId> = batches.records().filter_map(|record| record.message_id()).collect();
        if messages.is_empty() { Vec::new() } else { [(place, messages)].into() }
    }

    fn view(&self, look: &Look<'_>) -> GuestView {
        GuestView::Broker(broker_view(self, look))
    }
}
