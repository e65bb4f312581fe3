//! What is seen of a broker of ActiveMQ? Its queues, its topics, and what leads from these to those.

use alloc::vec::Vec;

use super::super::{GuestView, Look};
use crate::ids::{Name, NodeId};
use crate::log::Storage;
use crate::queue::ConsumerId;
use crate::routing::{Destination, ExchangeKind};
use crate::sim::draw_host::queue_strip;
use crate::sim::picture::{BrokerView, ExchangeView, Role, StripView};
use crate::systems::activemq::{Broker, DestinationPolicy, Serving};
use crate::time::Time;

fn view(look: &Look<'_>, exchanges: Vec<ExchangeView>, strips: Vec<StripView>) -> GuestView {
    GuestView::Broker(BrokerView {
        node: look.node,
        up: look.is_up(),
        alarms: Vec::new(),
        mailbox: 0,
        exchanges,
        strips,
    })
}

/// A node that has no messages to show.
pub(super) fn empty(look: &Look<'_>) -> GuestView {
    view(look, Vec::new(), Vec::new())
}

/// A master.
pub(super) fn serving<S: Storage>(look: &Look<'_>, serving: &Serving<S>) -> GuestView {
    let client = |consumer| serving.client_of(consumer);
    view(look, topics(serving.broker()), strips(look, serving.broker(), &client))
}

/// What a store holds that nobody has opened.
pub(super) fn disk<S: Storage>(look: &Look<'_>, disk: S) -> GuestView {
    let Ok(broker) = Broker::open(disk, DestinationPolicy::default(), Time::ZERO) else {
        return empty(look);
    };
    let strips = strips(look, &broker, &|_| None);
    let strips = strips.into_iter().map(|strip| StripView { role: Role::Down, ..strip });
    view(look, Vec::new(), strips.collect())
}

fn strips<S: Storage>(
    look: &Look<'_>,
    broker: &Broker<S>,
    client: &dyn Fn(ConsumerId) -> Option<NodeId>,
) -> Vec<StripView> {
    let queues = broker.host().queues();
    // Nobody wants to see the dead before there are any.
    let shown = queues.filter(|queue| {
        let is_dlq = queue.name().as_str() == crate::systems::activemq::SHARED_DLQ;
        !is_dlq || queue.stats().held > 0 || queue.consumers().next().is_some()
    });
    shown.map(|queue| queue_strip(look.node, queue, client, look.world, look.cells_max)).collect()
}

/// The topics that somebody subscribes to, or has a virtual topic's queue of; each with what leads from it.
fn topics<S: Storage>(broker: &Broker<S>) -> Vec<ExchangeView> {
    let mut views: Vec<ExchangeView> = Vec::new();
    for binding in broker.subscriptions() {
        if !matches!(binding.to, Destination::Queue(_)) {
            continue;
        }
        // A pattern stands for many topics: it is drawn by what is before its first wildcard.
        let plain = binding.key.split(['*', '>']).next().unwrap_or_default().trim_end_matches('.');
        let Ok(name) = Name::new(plain) else { continue };
        match views.iter_mut().find(|view| view.name.as_str() == plain) {
            Some(view) => view.bindings.push(binding.clone()),
            None => views.push(ExchangeView {
                name: name.into(),
                kind: ExchangeKind::Hierarchy,
                alternate: None,
                bindings: [binding.clone()].into(),
            }),
        }
    }
    views
}
