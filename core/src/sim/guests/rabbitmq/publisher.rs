//! How does a publisher live in the lab? Its program hands messages over at its pace; its client publishes them.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::super::{Guest, GuestMessage, GuestOut, GuestView, Halts, Look, Pace, Run, Speaks};
use super::{OnNack, RabbitmqTarget};
use crate::ids::{Name, NodeId, PartitionId};
use crate::observe::{Change, Event, Place};
use crate::routing::ExchangeName;
use crate::sim::ProducerSpec;
use crate::sim::picture::{HeldUp, ProducerView};
use crate::systems::rabbitmq::cluster::{
    ClusterConfig, ClusterMessage, Fate, HeldUpBy, PublisherClient, Publishes,
};
use crate::systems::{Input, Out};
use crate::time::Time;

/// A publisher.
#[derive(Clone, Debug)]
pub(super) struct PublisherGuest {
    node: NodeId,
    pace: Pace,
    how: Publishes,
    /// What it publishes to, as it is drawn.
    name: Name,
    nodes: Vec<NodeId>,
    config: Arc<ClusterConfig>,
    client: PublisherClient,
    acknowledged: u64,
}

impl PublisherGuest {
    pub(super) fn new(
        spec: &ProducerSpec,
        to: &RabbitmqTarget,
        number: u16,
        (nodes, stream): (Vec<NodeId>, bool),
        config: &Arc<ClusterConfig>,
    ) -> Self {
        let exchange = to.exchange.clone().unwrap_or(ExchangeName::DEFAULT);
        let place = match &to.queue {
            Some(name) if stream => Place::Partition(PartitionId { topic: name.clone(), index: 0 }),
            Some(name) => Place::Queue(name.clone()),
            None => Place::Exchange(exchange.clone()),
        };
        let how = Publishes {
            exchange,
            key: to.queue.clone(),
            place,
            mandatory: to.mandatory,
            confirms: to.confirms,
            unconfirmed_max: to.unconfirmed_max,
            retries: (to.on_nack == OnNack::Retry).then_some(to.retry_after),
            publisher: to.publisher.clone(),
        };
        let begins = (Time(spec.starts_at), 0);
        let client = PublisherClient::new(how.clone(), nodes.clone(), config.heartbeat, 1, begins);
        let pace = Pace::new(spec, number, config.seed);
        let (node, config) = (NodeId::Producer(number), Arc::clone(config));
        Self { node, pace, how, name: to.name(), nodes, config, client, acknowledged: 0 }
    }
}

impl Guest for PublisherGuest {
    fn boxed(&self) -> Box<dyn Guest> {
        Box::new(self.clone())
    }

    fn handle(&mut self, now: Time, input: Input<GuestMessage>, run: &mut Run<'_>, out: &mut GuestOut) {
        let Some(input) = ClusterMessage::input(input) else { return };
        let mut own = Out::default();
        self.client.handle(now, input, &mut own);
        while let Some(drafted) = self.pace.due(now, run) {
            self.client.publish(drafted.id, drafted.message.with_id(drafted.id));
        }
        self.client.go_on(now, &mut own);
        let stored = self.client.fates().into_iter().filter(|(_, fate)| *fate == Fate::Stored);
        self.acknowledged += stored.count() as u64;
        out.events.append(&mut own.events);
        out.sends.extend(own.sends.into_iter().map(|(to, message)| (to, message.wrap())));
    }

    fn next_wakeup(&self) -> Option<Time> {
        [self.client.next_wakeup(), self.pace.next_at()].into_iter().flatten().min()
    }

    fn stop(&mut self) -> Vec<Event> {
        Vec::new() // what it had not been told is stored, nobody promised
    }

    fn start(&mut self, now: Time, incarnation: u64) -> Result<(), Halts> {
        let begins = (now.max(Time(self.pace.spec().starts_at)), self.pace.sent());
        let (how, nodes) = (self.how.clone(), self.nodes.clone());
        self.client = PublisherClient::new(how, nodes, self.config.heartbeat, incarnation, begins);
        Ok(())
    }

    fn change(&mut self, now: Time, change: &Change) -> bool {
        let Change::Every { span, .. } = change else { return false };
        self.pace.send_every(now, *span);
        true
    }

    fn view(&self, look: &Look<'_>) -> GuestView {
        let spec = self.pace.spec();
        GuestView::Producer(ProducerView {
            node: self.node,
            name: spec.name.clone(),
            up: look.is_up(),
            to: self.name.clone(),
            or_to: Vec::new(),
            reads: None,
            publishes: matches!(self.how.place, Place::Exchange(_)),
            held_up: self.client.held_up().filter(|_| look.is_up()).map(|by| match by {
                HeldUpBy::Alarm => HeldUp::Alarm,
                HeldUpBy::Flow => HeldUp::Flow,
                HeldUpBy::FullQueue => HeldUp::Full,
            }),
            acks: None,
            sent: self.pace.sent(),
            planned: spec.messages,
            acknowledged: self.acknowledged,
            waiting: self.client.holds().filter(|_| look.is_up()).map(|id| look.mark(id)).collect(),
        })
    }
}
