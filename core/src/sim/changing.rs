//! What comes of it when something is set, added or removed? The scenario says so from then on, and whoever it concerns
//! learns of it.
//!
//! ```text
//!   every, acks, work, prefetch, ack the program itself
//!   join, leave                      a program begins or ends; a broker begins, or stops when others lead what it led,
//!                                    and the controllers are told of it
//!   topics, queues, exchanges ...    the controllers are told, once one is active: the view changes, and brokers follow it
//! ```
//!
//! The scenario is what a node begins with, also the next time: so what was set outlives a restart. What the controllers are
//! told is how it shall *be*, read from the scenario at that moment: an order that had to wait for a controller is not old.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::admin::ASKS_AGAIN;
use super::agenda::Rank;
use super::change_check::binding;
use super::program::Worker;
use super::scenario::{ConsumerSpec, ProducerSpec, QueueSpec, Scenario, SourceSpec, TargetSpec, TopicSpec};
use super::service_spec::WorkSpec;
use super::shop::Shop;
use super::spec::ExchangeSpec;
use super::world::{BrokerProcess, Disk, Happening, Node, Power, World, index};
use crate::broker::{Adjustment, BadOrder, Broker, Cleanup, Out, Retention};
use crate::ids::{Name, NodeId};
use crate::observe::{Change, ClusterEvent, Event};
use crate::queue::QueueOptions;
use crate::rng::{Rng, Stream};
use crate::routing::{Declaration, Destination, ExchangeName, ExchangeOptions};
use crate::time::{Span, Time};

/// About what the controllers are to be told.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// A topic, or more partitions of it.
    Topic(Name),
    /// How many replicas in sync a topic needs.
    InSync(Name),
    /// How much a topic keeps.
    Keeps(Name),
    /// What stands on a broker's virtual host.
    Host(u16),
    /// That there is a broker.
    Broker(u16),
    /// That there is no such topic.
    NoTopic(Name),
    /// That a broker has gone for good.
    NoBroker(u16),
}

/// The next free name like this: `worker-2` like `worker`, and `worker-3` like `worker-2`.
fn another(like: &str, taken: impl Fn(&str) -> bool) -> String {
    if like.is_empty() {
        return String::new(); // it goes by its number
    }
    let stem = like.trim_end_matches(|c: char| c.is_ascii_digit());
    let stem = stem.strip_suffix('-').filter(|stem| !stem.is_empty()).unwrap_or(like);
    let mut names = (2_u32..).map(|number| format!("{stem}-{number}"));
    names.find(|name| !taken(name)).unwrap_or_default()
}

impl Scenario {
    /// Makes a change that it [accepts](Self::accepts), at a moment.
    pub(super) fn alter(&mut self, at: Time, change: &Change) {
        let topic = |topics: &mut Vec<TopicSpec>, name: &Name, set: &dyn Fn(&mut TopicSpec)| {
            topics.iter_mut().filter(|topic| topic.name == *name).for_each(set);
        };
        let queue = |queues: &mut Vec<QueueSpec>, name: &Name, set: &dyn Fn(&mut QueueOptions)| {
            queues.iter_mut().filter(|queue| queue.name == *name).for_each(|queue| set(&mut queue.options));
        };
        match change {
            Change::Every { .. }
            | Change::Acks { .. }
            | Change::Work { .. }
            | Change::Prefetch { .. }
            | Change::Ack { .. } => self.alter_client(change),
            Change::Join(NodeId::Producer(number)) => self.join_producer(at, index(*number)),
            Change::Join(NodeId::Consumer(number)) => self.join_consumer(at, index(*number)),
            Change::Join(NodeId::Broker(number)) => {
                self.brokers += 1;
                self.racks.extend(self.racks.get(index(*number)).cloned());
            }
            Change::Partitions { topic: name, total } => {
                topic(&mut self.topics, name, &|topic| topic.partitions = topic.partitions.max(*total));
            }
            Change::MinInSync { topic: name, least } => {
                topic(&mut self.topics, name, &|topic| topic.min_in_sync = *least);
            }
            Change::RetentionTime { topic: name, keep } => {
                topic(&mut self.topics, name, &|topic| topic.retention_time = *keep);
            }
            Change::RetentionBytes { topic: name, keep } => {
                topic(&mut self.topics, name, &|topic| topic.retention_bytes = *keep);
            }
            Change::Topic { name, partitions, replicas } => self.topics.push(TopicSpec {
                name: name.clone(),
                partitions: *partitions,
                replicas: *replicas,
                min_in_sync: 1,
                unclean_election: false,
                retention_bytes: None,
                retention_time: None,
                cleanup: Cleanup::default(),
            }),
            Change::DropTopic(name) => self.topics.retain(|topic| topic.name != *name),
            Change::Queue { name, on: NodeId::Broker(broker) } => {
                let (name, options) = (name.clone(), QueueOptions::default());
                self.queues.push(QueueSpec { name, broker: *broker, options });
            }
            Change::DropQueue(name) => {
                self.queues.retain(|queue| queue.name != *name);
                self.bindings.retain(|binding| binding.to != Destination::Queue(name.clone()));
            }
            Change::Ttl { queue: name, ttl } => queue(&mut self.queues, name, &|options| options.ttl = *ttl),
            Change::Length { queue: name, most } => {
                queue(&mut self.queues, name, &|options| options.length_max = *most);
            }
            Change::Exchange { name, kind, on: NodeId::Broker(broker) } => {
                let options = ExchangeOptions { durable: true, ..ExchangeOptions::new((*kind).into()) };
                let exchange = Declaration { name: name.clone(), options };
                self.exchanges.push(ExchangeSpec { broker: *broker, exchange });
            }
            Change::DropExchange(name) => self.drop_exchange(name),
            Change::Bind { exchange, queue, key } => self.bindings.push(binding(exchange, queue, key)),
            Change::Unbind { exchange, queue, key } => {
                let gone = binding(exchange, queue, key);
                self.bindings.retain(|binding| *binding != gone);
            }
            _ => {}
        }
    }

    fn alter_client(&mut self, change: &Change) {
        match change {
            Change::Every { node: NodeId::Producer(number), span } => {
                let spec = self.producers.get_mut(index(*number));
                spec.into_iter().for_each(|spec| spec.every = span.0);
            }
            Change::Every { node: NodeId::User(number), span } => {
                let spec = self.users.get_mut(index(*number));
                spec.into_iter().for_each(|spec| spec.every = span.0);
            }
            Change::Work { node: NodeId::Service(number), span } => {
                let spec = self.services.get_mut(index(*number));
                spec.into_iter().for_each(|spec| spec.work = WorkSpec::always(*span));
            }
            Change::Every { node: NodeId::Consumer(number), span } => {
                if let Some(ConsumerSpec { from: SourceSpec::Poll { options, .. }, .. }) =
                    self.consumers.get_mut(index(*number))
                {
                    options.poll_every = *span;
                }
            }
            Change::Acks { node: NodeId::Producer(number), level } => {
                if let Some(ProducerSpec { to: TargetSpec::Topic { acks, .. }, .. }) =
                    self.producers.get_mut(index(*number))
                {
                    *acks = (*level).into();
                }
            }
            Change::Work { node: NodeId::Consumer(number), span } => {
                let spec = self.consumers.get_mut(index(*number));
                spec.into_iter().for_each(|spec| spec.work = span.0);
            }
            Change::Prefetch { node: NodeId::Consumer(number), most } => {
                match self.consumers.get_mut(index(*number)).map(|spec| &mut spec.from) {
                    Some(SourceSpec::Queue { prefetch, .. } | SourceSpec::Subscription { prefetch, .. }) => {
                        *prefetch = *most;
                    }
                    Some(SourceSpec::Share { options, .. }) => options.records_max = *most,
                    _ => {}
                }
            }
            Change::Ack { node: NodeId::Consumer(number), when } => {
                if let Some(spec) = self.consumers.get_mut(index(*number))
                    && let Some(altered) = spec.acknowledging(*when)
                {
                    *spec = altered;
                }
            }
            _ => {}
        }
    }

    /// An exchange goes, and with it what leads from it and to it.
    fn drop_exchange(&mut self, name: &ExchangeName) {
        self.exchanges.retain(|known| known.exchange.name != *name);
        let to_it = Destination::Exchange(name.clone());
        self.bindings.retain(|binding| binding.exchange != *name && binding.to != to_it);
    }

    fn join_producer(&mut self, at: Time, like: usize) {
        let Some(mut spec) = self.producers.get(like).cloned() else { return };
        spec.name = another(&spec.name, |name| self.producers.iter().any(|known| known.name == name));
        spec.starts_at = at.0;
        let number = self.producers.len() + 1;
        if let Some(transactional) = &mut spec.transactional {
            transactional.id = numbered(&transactional.id, number);
        }
        self.producers.push(spec);
    }

    fn join_consumer(&mut self, at: Time, like: usize) {
        let Some(mut spec) = self.consumers.get(like).cloned() else { return };
        spec.name = another(&spec.name, |name| self.consumers.iter().any(|known| known.name == name));
        spec.starts_at = at.0;
        // What only one may be called at a time.
        let number = self.consumers.len() + 1;
        match &mut spec.from {
            SourceSpec::Group { options, .. } => {
                options.instance = options.instance.as_ref().map(|name| numbered(name, number));
            }
            SourceSpec::Poll { reader, .. } => *reader = numbered(reader, number),
            SourceSpec::Subscription { subscription, .. } if !subscription.shared => {
                subscription.name = subscription.name.as_ref().map(|name| numbered(name, number));
            }
            SourceSpec::Queue { .. }
            | SourceSpec::Subscription { .. }
            | SourceSpec::Share { .. }
            | SourceSpec::System(_) => {}
        }
        let transform = spec.program.transform.as_mut();
        if let Some(transactional) = transform.and_then(|transform| transform.transactional.as_mut()) {
            transactional.id = numbered(&transactional.id, number);
        }
        self.consumers.push(spec);
    }

    /// How what the controllers are to be told shall be.
    fn adjustment(&self, wanted: &Wanted) -> Option<Adjustment> {
        let find = |name: &Name| self.topics.iter().find(|topic| topic.name == *name);
        Some(match wanted {
            Wanted::Topic(name) => {
                let TopicSpec { name, partitions, replicas, min_in_sync, .. } = find(name)?;
                let (topic, partitions, replicas) = (name.clone(), *partitions, *replicas);
                Adjustment::Topic { topic, partitions, replicas, min_in_sync: *min_in_sync }
            }
            Wanted::InSync(name) => {
                Adjustment::MinInSync { topic: name.clone(), least: find(name)?.min_in_sync }
            }
            Wanted::Keeps(name) => {
                let topic = find(name)?;
                let keep = Retention { bytes: topic.retention_bytes, time: topic.retention_time };
                Adjustment::Retention { topic: name.clone(), keep }
            }
            Wanted::Host(number) => {
                let broker = NodeId::Broker(*number);
                let layout = self.layouts().remove(&broker).unwrap_or_default();
                Adjustment::Host { broker, layout: Box::new((*layout).clone()) }
            }
            Wanted::NoTopic(name) => Adjustment::NoTopic(name.clone()),
            Wanted::NoBroker(number) => Adjustment::NoBroker(NodeId::Broker(*number)),
            Wanted::Broker(number) => Adjustment::Broker {
                broker: NodeId::Broker(*number),
                rack: self.racks.get(index(*number)).cloned(),
            },
        })
    }

    /// About what the controllers are to be told when this changes.
    fn wants(&self, change: &Change) -> Option<Wanted> {
        match change {
            Change::Partitions { topic: name, .. } | Change::Topic { name, .. } => {
                Some(Wanted::Topic(name.clone()))
            }
            Change::MinInSync { topic, .. } => Some(Wanted::InSync(topic.clone())),
            Change::RetentionTime { topic, .. } | Change::RetentionBytes { topic, .. } => {
                Some(Wanted::Keeps(topic.clone()))
            }
            Change::DropTopic(topic) => Some(Wanted::NoTopic(topic.clone())),
            Change::Join(NodeId::Broker(_)) => Some(Wanted::Broker(self.brokers + 1)),
            change => self.host_of(change).map(Wanted::Host),
        }
    }
}

/// A name that a newcomer does not share with whom it is like; the same one where it would be too long.
fn numbered(name: &Name, number: usize) -> Name {
    Name::new(&format!("{name}-{number}")).unwrap_or_else(|_| name.clone())
}

impl World {
    /// Makes a change that is permitted.
    pub(super) fn change(&mut self, change: Change) {
        let wanted = self.scenario.wants(&change);
        let at = self.concerned(&change, wanted.as_ref());
        self.scenario.alter(self.now, &change);
        if let Change::Join(like) = change {
            return self.join(like, wanted);
        }
        self.note(at, Event::Changed(change.clone()));
        if change.node().is_some_and(|node| self.guests.has(node)) {
            return self.change_guest(at, &change);
        }
        match change {
            Change::DropTopic(topic) => _ = self.removed.insert(topic),
            Change::Every { node, span } => self.set_every(node, span),
            Change::Acks { node: NodeId::Producer(number), level } => {
                self.producers[index(number)].process.set_acks(level.into());
            }
            Change::Work { node: NodeId::Consumer(number), span } => {
                self.consumers[index(number)].process.work_for(span);
            }
            Change::Work { node: NodeId::Service(number), span } => self.calls.work_for(number, span),
            Change::Prefetch { node, most } => self.set_prefetch(node, most),
            Change::DropSubscription { name, client } => self.end_subscription(&name, client.as_ref()),
            Change::Ack { node, .. } => self.set_ack(node),
            Change::Leave(node) => self.leave(node),
            _ => {}
        }
        if let Some(wanted) = wanted {
            self.adjust(wanted);
        }
    }

    /// Whose fact a change is.
    fn concerned(&self, change: &Change, wanted: Option<&Wanted>) -> NodeId {
        match (change.node(), wanted) {
            (Some(node), _) => node,
            (None, Some(Wanted::Host(number))) => NodeId::Broker(*number),
            (None, _) => {
                let first = self.controllers.ids().first().copied().unwrap_or(NodeId::Controller);
                let active = || self.controllers.active().unwrap_or(first);
                self.keeper_of(change).unwrap_or_else(active)
            }
        }
    }

    fn set_every(&mut self, node: NodeId, every: Span) {
        let now = self.clock(node);
        match node {
            NodeId::Producer(number) => self.producers[index(number)].process.send_every(now, every),
            NodeId::Consumer(number) => self.consumers[index(number)].process.ask_every(every),
            NodeId::User(number) => self.calls.ask_every(now, number, every),
            _ => return,
        }
        if self.power(node) == Some(Power::On) && !self.stands_still(node) {
            self.plan_wake(node);
        }
    }

    fn set_ack(&mut self, node: NodeId) {
        let NodeId::Consumer(number) = node else { return };
        let spec = &self.scenario.consumers[index(number)];
        self.consumers[index(number)].process.acknowledge_as(spec);
        if self.power(node) == Some(Power::On) && !self.stands_still(node) {
            self.wake(node);
        }
    }

    fn set_prefetch(&mut self, node: NodeId, most: u32) {
        let NodeId::Consumer(number) = node else { return };
        let mut out = Out::default();
        self.consumers[index(number)].process.set_prefetch(most, &mut out);
        // A process that is down, or stands still, says nothing: it asks so when it subscribes, or goes on.
        if self.power(node) == Some(Power::On) && !self.stands_still(node) {
            self.carry_out(node, out);
        }
    }

    fn leave(&mut self, node: NodeId) {
        let now = self.clock(node);
        match node {
            NodeId::Producer(number) => {
                self.producers[index(number)].process.leave();
                self.wake(node);
                self.stop_if_gone(node);
            }
            NodeId::Consumer(number) => {
                let mut out = Out::default();
                self.consumers[index(number)].process.go(now, &mut out);
                self.carry_out(node, out);
                self.stop(node, Power::Crashed, Event::Cluster(ClusterEvent::Stopped));
            }
            NodeId::Broker(_) => {
                self.retired.insert(node);
                self.shut_down(node);
            }
            _ => {}
        }
    }

    /// A broker that was to go for good is down: the controllers are told that it does not belong to the cluster any more.
    pub(super) fn gone_for_good(&mut self, node: NodeId) {
        if let NodeId::Broker(number) = node
            && self.retired.contains(&node)
        {
            self.adjust(Wanted::NoBroker(number));
        }
    }

    /// A broker is started again: if it was to go for good, it is back, and the controllers are told of that.
    pub(super) fn back_again(&mut self, node: NodeId) {
        if let NodeId::Broker(number) = node
            && self.retired.remove(&node)
        {
            self.adjust(Wanted::Broker(number));
        }
    }

    /// A producer that was to go stops when nothing is left to do.
    pub(super) fn stop_if_gone(&mut self, node: NodeId) {
        let NodeId::Producer(number) = node else { return };
        let producer = &self.producers[index(number)];
        if producer.power == Power::On && producer.process.is_gone() {
            self.stop(node, Power::Crashed, Event::Cluster(ClusterEvent::Stopped));
        }
    }

    /// The scenario has one more: it begins.
    fn join(&mut self, like: NodeId, wanted: Option<Wanted>) {
        let ids: Vec<NodeId> = (1..=self.scenario.brokers).map(NodeId::Broker).collect();
        let settings = &self.scenario.settings;
        let new = match like {
            NodeId::Producer(_) => {
                let Some(spec) = self.scenario.producers.last() else { return };
                let node = NodeId::Producer(self.scenario.producers.len() as u16);
                // Chance of its own, however many came before it and whenever it comes.
                let seed = Rng::new(self.seed, Stream::Workload).below(u64::MAX)
                    ^ u64::from(self.scenario.producers.len() as u32);
                let rng = Rng::new(seed, Stream::Workload);
                let shop = Shop::new(node, spec.clone(), (self.seed, rng), settings, ids);
                self.network.links.learn_producer(node, &spec.to);
                self.producers.push(Node::new(shop));
                node
            }
            NodeId::Consumer(_) => {
                let Some(spec) = self.scenario.consumers.last() else { return };
                let node = NodeId::Consumer(self.scenario.consumers.len() as u16);
                let worker = Worker::new(spec, settings, ids, self.seed, Default::default());
                self.consumers.push(Node::new(worker));
                for group in self.scenario.committed_groups() {
                    self.verdict.learn_reads_committed(group.clone());
                }
                node
            }
            NodeId::Broker(_) => {
                let node = NodeId::Broker(self.scenario.brokers);
                let broker = Broker::new(node, 1, settings.clone(), Disk::default());
                let broker =
                    broker.expect("an empty disk opens").with_controllers(self.controllers.ids().to_vec());
                self.brokers.push(Node::new(BrokerProcess::Runs(Box::new(broker))));
                node
            }
            _ => return,
        };
        self.note(new, Event::Changed(Change::Join(like)));
        if let Some(wanted) = wanted {
            self.adjust(wanted);
        }
        self.wake(new);
    }

    /// Whoever runs the cluster tells the active controller how it shall be, or tries again later.
    pub(super) fn adjust(&mut self, wanted: Wanted) {
        // It came back, or went again, while this waited for a controller.
        let is_old = match wanted {
            Wanted::NoBroker(number) => !self.retired.contains(&NodeId::Broker(number)),
            Wanted::Broker(number) => self.retired.contains(&NodeId::Broker(number)),
            _ => false,
        };
        let Some(adjustment) = self.scenario.adjustment(&wanted).filter(|_| !is_old) else { return };
        let mut out = Out::default();
        let active = self.controllers.active().filter(|active| !self.stands_still(*active));
        let given = active
            .and_then(|node| Some((node, self.controllers.process(node)?.adjust(&adjustment, &mut out))));
        match given {
            Some((node, Ok(()))) => self.settle_controller(node, out),
            Some((_, Err(BadOrder::NotMore | BadOrder::NameTaken))) => {}
            // What it needs may be on its way: a topic, a broker, a controller.
            None | Some((_, Err(_))) => {
                let at = self.now + ASKS_AGAIN;
                self.agenda.plan(at, Rank::Command, Happening::Adjust(wanted));
            }
        }
    }
}
