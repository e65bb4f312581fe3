//! How does a broker live in the lab? Without a disk: what it serves it finds with bookies and in the metadata store.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::super::{Guest, GuestMessage, GuestOut, GuestView, Halts, Look, Run, Speaks as _};
use super::carry;
use super::geo::Cluster;
use crate::ids::{NodeId, Offset};
use crate::observe::{Event, Place};
use crate::queue::Overflow;
use crate::sim::picture::{BrokerView, Cell, CellState, QueueView, Role, StripView};
use crate::systems::pulsar::{
    BrokerSettings, EntryLook, EntryState, Message, PulsarBroker, SubscriptionLook, TopicLook,
};
use crate::systems::{Input, Out};
use crate::time::Time;

/// A broker.
#[derive(Clone, Debug)]
pub(super) struct Server {
    node: NodeId,
    settings: BrokerSettings,
    cluster: Cluster,
    /// Which of its lives it is.
    incarnation: u64,
    process: Box<PulsarBroker>,
}

impl Server {
    pub(super) fn new(node: NodeId, settings: BrokerSettings, cluster: Cluster) -> Self {
        let process = Box::new(cluster.broker(Time::ZERO, node, settings, 0));
        Self { node, settings, cluster, incarnation: 0, process }
    }
}

/// The entries of a topic or a subscription as cells, one for each message.
fn cells(entries: &[EntryLook], look: &Look<'_>) -> Vec<Cell> {
    let cell = |entry: &EntryLook| {
        let (offset, deliveries) = (Offset(entry.number), entry.redeliveries);
        let state = match entry.state {
            EntryState::Stored => CellState::Committed,
            EntryState::OnItsWay => CellState::Uncommitted,
            EntryState::Ready => CellState::Ready,
            EntryState::Waits(until) => CellState::Waiting(look.true_time(until)),
            EntryState::With(client) => CellState::Delivered(client),
        };
        let mark = |message| Cell { offset, mark: Some(look.mark(message)), state, deliveries, priority: 0 };
        entry.messages.iter().copied().map(mark).collect::<Vec<Cell>>()
    };
    let mut cells: Vec<Cell> = entries.iter().flat_map(cell).collect();
    cells.truncate(look.cells_max);
    cells
}

/// A topic as its log.
fn topic_strip(topic: &TopicLook, look: &Look<'_>) -> StripView {
    let groups = topic.subscriptions.iter();
    StripView {
        place: Place::Partition(topic.place.clone()),
        role: Role::Owner { ledger: topic.ledger.unwrap_or(0) },
        start: Offset(0),
        end: Offset(topic.end),
        high_watermark: Some(Offset(topic.stored)),
        last_stable: None,
        behind: 0,
        held: topic.stored,
        groups: groups.map(|subscription| (subscription.name.clone(), Offset(subscription.mark))).collect(),
        queue: None,
        epochs: Vec::new(),
        cells: cells(&topic.entries, look),
    }
}

/// A subscription as the queue that its consumers see.
fn subscription_strip(subscription: &SubscriptionLook, look: &Look<'_>) -> StripView {
    let cells = cells(&subscription.entries, look);
    let queue = QueueView {
        ready: subscription.backlog.saturating_sub(subscription.unacked + subscription.delayed),
        waiting: subscription.delayed,
        unacked: subscription.unacked,
        length_max: None,
        bytes_max: None,
        full: subscription.over_quota,
        overflow: Overflow::DropHead,
        priority_max: 0,
        dead_letter: None,
        died: Vec::new(),
        readers: subscription.consumers.clone(),
        active: subscription.active,
    };
    StripView {
        place: Place::Queue(subscription.name.clone()),
        role: Role::Queue,
        start: Offset(subscription.mark),
        end: Offset(subscription.end),
        high_watermark: None,
        last_stable: None,
        behind: 0,
        held: subscription.backlog,
        groups: Vec::new(),
        queue: Some(queue),
        epochs: Vec::new(),
        cells,
    }
}

impl Guest for Server {
    fn boxed(&self) -> Box<dyn Guest> {
        Box::new(self.clone())
    }

    fn handle(&mut self, now: Time, input: Input<GuestMessage>, _run: &mut Run<'_>, out: &mut GuestOut) {
        let Some(input) = Message::input(input) else { return };
        let mut own = Out::default();
        self.process.handle(now, input, &mut own);
        carry(own, out);
    }

    fn next_wakeup(&self) -> Option<Time> {
        self.process.next_wakeup()
    }

    fn stop(&mut self) -> Vec<Event> {
        // It keeps nothing; what it was told and had not stored yet, producers have.
        *self.process = self.cluster.broker(Time::ZERO, self.node, self.settings, self.incarnation);
        Vec::new()
    }

    fn start(&mut self, now: Time, incarnation: u64) -> Result<(), Halts> {
        self.incarnation = incarnation;
        *self.process = self.cluster.broker(now, self.node, self.settings, incarnation);
        Ok(())
    }

    fn view(&self, look: &Look<'_>) -> GuestView {
        let mut strips = Vec::new();
        for topic in self.process.look(look.cells_max).filter(|_| look.is_up()) {
            strips.push(topic_strip(&topic, look));
            strips.extend(
                topic.subscriptions.iter().map(|subscription| subscription_strip(subscription, look)),
            );
        }
        GuestView::Broker(BrokerView {
            node: self.node,
            up: look.is_up(),
            alarms: Vec::new(),
            mailbox: 0,
            exchanges: Vec::new(),
            strips,
        })
    }
}
