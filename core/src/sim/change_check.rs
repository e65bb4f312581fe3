//! When can something not be set, added or removed? When it is not there, is so already, or does not fit: one reason each.
//!
//! What the scenario alone says is asked first (`accepts`): so a file's schedule is checked before it runs, too. What only
//! the world knows, who is down, and what a broker still has, is asked when the moment has come.

use super::host_check::declare;
use super::permits::CommandRefused;
use super::scenario::{
    CLIENTS_MAX, ConsumerSpec, MESSAGES_MAX, NODES_MAX, PARTITIONS_MAX, ProducerSpec, RUN_MICROS_MAX,
    Scenario, SourceSpec, TargetSpec, TopicSpec,
};
use super::service_spec::{ServiceSpec, UserSpec, WorkSpec};
use super::shop::target;
use super::world::{BrokerProcess, Power, World, index};
use crate::broker::{Acks, is_internal};
use crate::client::{ProducerOptions, SHARE_RECORDS_MAX};
use crate::ids::{Name, NodeId};
use crate::observe::{AckWhen, AcksLevel, Change};
use crate::routing::{Binding, Destination, ExchangeName};
use crate::time::{Span, Time};

/// The most messages that a consumer acknowledges at once.
const ACKS_AT_ONCE_MAX: u32 = 10_000;

type Checked = Result<(), CommandRefused>;

impl From<AcksLevel> for Acks {
    fn from(level: AcksLevel) -> Self {
        match level {
            AcksLevel::None => Self::None,
            AcksLevel::Leader => Self::Leader,
            AcksLevel::All => Self::All,
        }
    }
}

fn span(span: Span) -> Checked {
    if (1..=RUN_MICROS_MAX).contains(&span.0) { Ok(()) } else { Err(CommandRefused::BadSpan(span)) }
}

fn within(given: u64, least: u64, most: u64) -> Checked {
    if (least..=most).contains(&given) {
        Ok(())
    } else {
        Err(CommandRefused::BadCount { given, least, most })
    }
}

/// Refuses what changes nothing.
fn news(is_so: bool, refused: CommandRefused) -> Checked {
    if is_so { Err(refused) } else { Ok(()) }
}

/// A binding of a queue.
pub(super) fn binding(exchange: &ExchangeName, queue: &Name, key: &str) -> Binding {
    Binding::new(exchange.clone(), Destination::Queue(queue.clone()), key)
}

impl Scenario {
    /// Whether the change makes sense in this scenario.
    pub(super) fn accepts(&self, change: &Change) -> Checked {
        if let Some(node) = change.node().filter(|node| !self.has(*node)) {
            return Err(CommandRefused::NoSuchNode(node));
        }
        let in_system = matches!(
            change,
            Change::Every { node: NodeId::Producer(_), .. } | Change::Work { node: NodeId::Consumer(_), .. }
        );
        if self.system.is_some() && !in_system {
            return Err(CommandRefused::OfSystem);
        }
        match change {
            Change::Every { node: node @ NodeId::Consumer(_), span: every } => {
                let SourceSpec::Poll { options, .. } = &self.consumer(*node)?.from else {
                    return Err(CommandRefused::DoesNotApply(*node));
                };
                span(*every)?;
                news(options.poll_every == *every, CommandRefused::IsSo(*node))
            }
            Change::Every { node: node @ NodeId::User(_), span: every } => {
                let spec = self.user(*node)?;
                span(*every)?;
                news(spec.every == every.0, CommandRefused::IsSo(*node))
            }
            Change::Every { node, span: every } => {
                let spec = self.producer(*node)?;
                span(*every)?;
                news(spec.every == every.0, CommandRefused::IsSo(*node))
            }
            Change::Acks { node, level } => self.accepts_acks(*node, (*level).into()),
            Change::Work { node: node @ NodeId::Service(_), span: work } => {
                let spec = self.service_at(*node)?;
                span(*work)?;
                news(spec.work == WorkSpec::always(*work), CommandRefused::IsSo(*node))
            }
            Change::Work { node, span: work } => {
                let spec = self.consumer(*node)?;
                span(*work)?;
                news(spec.work == work.0, CommandRefused::IsSo(*node))
            }
            Change::Prefetch { node, most } => match &self.consumer(*node)?.from {
                SourceSpec::Queue { prefetch, reading, .. }
                | SourceSpec::Subscription { prefetch, reading, .. }
                    if !reading.credit =>
                {
                    news(prefetch == most, CommandRefused::IsSo(*node))
                }
                SourceSpec::Share { options, .. } => {
                    within((*most).into(), 1, SHARE_RECORDS_MAX.into())?;
                    news(options.records_max == *most, CommandRefused::IsSo(*node))
                }
                _ => Err(CommandRefused::DoesNotApply(*node)),
            },
            Change::Ack { node, when } => self.accepts_ack(*node, *when),
            Change::Join(node) => self.accepts_join(*node),
            Change::Leave(node) => match node {
                NodeId::Producer(_) | NodeId::Consumer(_) => Ok(()),
                NodeId::Broker(number) => self.accepts_retirement(*number),
                node => Err(CommandRefused::DoesNotApply(*node)),
            },
            Change::Partitions { .. }
            | Change::MinInSync { .. }
            | Change::RetentionTime { .. }
            | Change::RetentionBytes { .. }
            | Change::Topic { .. }
            | Change::DropTopic(_) => self.accepts_of_topic(change),
            Change::DropSubscription { name, client } => self.durable(name, client.as_ref()).map(drop),
            _ => self.accepts_of_host(change),
        }
    }

    fn accepts_acks(&self, node: NodeId, wanted: Acks) -> Checked {
        let spec = self.producer(node)?;
        let TargetSpec::Topic { name, acks } = &spec.to else {
            return Err(CommandRefused::DoesNotApply(node));
        };
        news(*acks == wanted, CommandRefused::IsSo(node))?;
        let to = TargetSpec::Topic { name: name.clone(), acks: wanted };
        let idempotent = spec.options.idempotent || spec.transactional.is_some();
        let options = ProducerOptions { idempotent, ..spec.options };
        options.check(&target(&to), &self.settings).map_err(|_| CommandRefused::NeedsAll(node))
    }

    fn accepts_ack(&self, node: NodeId, when: AckWhen) -> Checked {
        let spec = self.consumer(node)?;
        if let AckWhen::Every(many) = when {
            within(many.into(), 1, ACKS_AT_ONCE_MAX.into())?;
        }
        let altered = spec.acknowledging(when).ok_or(CommandRefused::DoesNotApply(node))?;
        news(spec.acknowledges() == Some(when), CommandRefused::IsSo(node))?;
        let fits = self.check_transform(&altered).and_then(|()| self.check_together(&altered));
        fits.map_err(|_| CommandRefused::NeedsEach(node))
    }

    /// A broker goes for good: what stands on it alone must be removed before.
    fn accepts_retirement(&self, number: u16) -> Checked {
        let node = NodeId::Broker(number);
        let queues = self.queues.iter().filter(|queue| queue.broker == number);
        let queues = queues.map(|queue| queue.name.clone().into());
        let exchanges = self.exchanges.iter().filter(|exchange| exchange.broker == number);
        match queues.chain(exchanges.map(|exchange| exchange.exchange.name.clone())).next() {
            Some(name) => Err(CommandRefused::StandsOn(name, node)),
            None => news(self.brokers < 2, CommandRefused::LastBroker(node)),
        }
    }

    fn accepts_join(&self, node: NodeId) -> Checked {
        let room = |count: usize, most: usize| within(count as u64 + 1, 1, most as u64);
        match node {
            NodeId::Producer(_) => {
                let spec = self.producer(node)?;
                // Two who wait for answers in one queue would take each other's.
                news(spec.asks.is_some(), CommandRefused::DoesNotApply(node))?;
                room(self.producers.len(), CLIENTS_MAX)?;
                let all = self.producers.iter().map(|producer| producer.messages);
                within(all.fold(spec.messages, u64::saturating_add), 0, MESSAGES_MAX)
            }
            NodeId::Consumer(_) => room(self.consumers.len(), CLIENTS_MAX),
            NodeId::Broker(_) => room(self.brokers.into(), NODES_MAX),
            node => Err(CommandRefused::DoesNotApply(node)),
        }
    }

    fn accepts_of_topic(&self, change: &Change) -> Checked {
        match change {
            Change::Partitions { topic, total } => {
                let has = u64::from(self.topic(topic)?.partitions);
                news(u64::from(*total) == has, CommandRefused::IsSet(topic.clone()))?;
                within((*total).into(), has + 1, PARTITIONS_MAX.into())
            }
            Change::MinInSync { topic, least } => {
                let spec = self.topic(topic)?;
                within((*least).into(), 1, spec.replicas.into())?;
                news(spec.min_in_sync == *least, CommandRefused::IsSet(topic.clone()))
            }
            Change::RetentionTime { topic, keep } => {
                let spec = self.topic(topic)?;
                keep.map_or(Ok(()), span)?;
                news(spec.retention_time == *keep, CommandRefused::IsSet(topic.clone()))?;
                self.altered(change).check_cleanups().map_err(|_| CommandRefused::Compacted(topic.clone()))
            }
            Change::RetentionBytes { topic, keep } => {
                let spec = self.topic(topic)?;
                news(spec.retention_bytes == *keep, CommandRefused::IsSet(topic.clone()))?;
                self.altered(change).check_cleanups().map_err(|_| CommandRefused::Compacted(topic.clone()))
            }
            Change::Topic { name, partitions, replicas } => {
                self.is_free(name)?;
                within((*partitions).into(), 1, PARTITIONS_MAX.into())?;
                within((*replicas).into(), 1, self.brokers.into())
            }
            Change::DropTopic(name) => self.topic(name).map(drop),
            _ => Ok(()),
        }
    }

    fn accepts_of_host(&self, change: &Change) -> Checked {
        match change {
            Change::Queue { name, on } => {
                self.is_free(name)?;
                news(!matches!(on, NodeId::Broker(_)), CommandRefused::DoesNotApply(*on))?;
            }
            Change::DropQueue(name) => _ = self.queue(name)?,
            Change::Ttl { queue, ttl } => {
                ttl.map_or(Ok(()), span)?;
                let is_so = self.queues[self.queue(queue)?].options.ttl == *ttl;
                news(is_so, CommandRefused::IsSet(queue.clone()))?;
            }
            Change::Length { queue, most } => {
                let is_so = self.queues[self.queue(queue)?].options.length_max == *most;
                news(is_so, CommandRefused::IsSet(queue.clone()))?;
            }
            Change::Exchange { name, on, .. } => {
                let is_there = self.exchanges.iter().any(|known| known.exchange.name == *name);
                news(is_there || name.is_default(), CommandRefused::IsThere(name.clone()))?;
                news(!matches!(on, NodeId::Broker(_)), CommandRefused::DoesNotApply(*on))?;
            }
            Change::DropExchange(name) => _ = self.exchange_on(name)?,
            Change::Bind { exchange, queue, key } => {
                let on = self.exchange_on(exchange)?;
                let at = self.queue(queue)?;
                let apart = CommandRefused::Apart(exchange.clone(), queue.clone());
                news(self.queues[at].broker != on, apart)?;
                let is_so = self.bindings.contains(&binding(exchange, queue, key));
                news(is_so, CommandRefused::IsSet(queue.clone()))?;
            }
            Change::Unbind { exchange, queue, key } => {
                self.exchange_on(exchange)?;
                self.queue(queue)?;
                let is_so = self.bindings.contains(&binding(exchange, queue, key));
                news(!is_so, CommandRefused::NotBound(exchange.clone(), queue.clone()))?;
            }
            _ => {}
        }
        let on = self.host_of(change).map(NodeId::Broker);
        let layout = on.and_then(|on| self.altered(change).layouts().remove(&on));
        layout.map_or(Ok(()), |layout| declare(&layout).map_err(|(_, why)| CommandRefused::Unfit(why)))
    }

    fn altered(&self, change: &Change) -> Self {
        let mut altered = self.clone();
        altered.alter(Time::ZERO, change);
        altered
    }

    fn producer(&self, node: NodeId) -> Result<&ProducerSpec, CommandRefused> {
        let NodeId::Producer(number) = node else { return Err(CommandRefused::DoesNotApply(node)) };
        self.producers.get(index(number)).ok_or(CommandRefused::NoSuchNode(node))
    }

    fn consumer(&self, node: NodeId) -> Result<&ConsumerSpec, CommandRefused> {
        let NodeId::Consumer(number) = node else { return Err(CommandRefused::DoesNotApply(node)) };
        self.consumers.get(index(number)).ok_or(CommandRefused::NoSuchNode(node))
    }

    fn user(&self, node: NodeId) -> Result<&UserSpec, CommandRefused> {
        let NodeId::User(number) = node else { return Err(CommandRefused::DoesNotApply(node)) };
        self.users.get(index(number)).ok_or(CommandRefused::NoSuchNode(node))
    }

    fn service_at(&self, node: NodeId) -> Result<&ServiceSpec, CommandRefused> {
        let NodeId::Service(number) = node else { return Err(CommandRefused::DoesNotApply(node)) };
        self.services.get(index(number)).ok_or(CommandRefused::NoSuchNode(node))
    }

    fn topic(&self, name: &Name) -> Result<&TopicSpec, CommandRefused> {
        let found = self.topics.iter().find(|topic| topic.name == *name);
        found.ok_or_else(|| CommandRefused::NoSuchTopic(name.clone()))
    }

    /// Where a queue stands in the scenario.
    fn queue(&self, name: &Name) -> Result<usize, CommandRefused> {
        let found = self.queues.iter().position(|queue| queue.name == *name);
        found.ok_or_else(|| CommandRefused::NoSuchQueue(name.clone()))
    }

    /// The broker of an exchange.
    fn exchange_on(&self, name: &ExchangeName) -> Result<u16, CommandRefused> {
        let found = self.exchanges.iter().find(|known| known.exchange.name == *name);
        found.map(|known| known.broker).ok_or_else(|| CommandRefused::NoSuchExchange(name.clone()))
    }

    fn is_free(&self, name: &Name) -> Checked {
        let taken = is_internal(name)
            || self.queues.iter().any(|queue| queue.name == *name)
            || self.topics.iter().any(|topic| topic.name == *name);
        news(taken, CommandRefused::IsThere(name.clone().into()))
    }

    /// The broker on whose virtual host something changes.
    pub(super) fn host_of(&self, change: &Change) -> Option<u16> {
        match change {
            Change::Queue { on: NodeId::Broker(on), .. }
            | Change::Exchange { on: NodeId::Broker(on), .. } => Some(*on),
            Change::DropQueue(queue) | Change::Ttl { queue, .. } | Change::Length { queue, .. } => {
                Some(self.queues[self.queue(queue).ok()?].broker)
            }
            Change::DropExchange(exchange)
            | Change::Bind { exchange, .. }
            | Change::Unbind { exchange, .. } => self.exchange_on(exchange).ok(),
            _ => None,
        }
    }
}

impl World {
    /// Whether something can be set, added or removed now.
    pub(super) fn permits_change(&self, change: &Change) -> Checked {
        self.scenario.accepts(change)?;
        if let Change::DropSubscription { name, client } = change {
            return self.permits_end(name, client.as_ref());
        }
        let on = self.scenario.host_of(change).map(NodeId::Broker);
        let must_run = match change {
            Change::Leave(node) => Some(*node),
            _ => on,
        };
        if let Some(node) = must_run {
            news(self.power(node) != Some(Power::On), CommandRefused::IsDown(node))?;
        }
        if let Change::Leave(node) = change {
            news(self.is_frozen(*node), CommandRefused::IsFrozen(*node))?;
            self.permits_retirement(*node)?;
        }
        if let Change::Topic { name, replicas, .. } = change {
            news(self.removed.contains(name), CommandRefused::WasRemoved(name.clone()))?;
            let stay = self.scenario.brokers as usize - self.retired.len();
            within((*replicas).into(), 1, stay as u64)?;
        }
        let Some(NodeId::Broker(number)) = on else { return Ok(()) };
        let BrokerProcess::Runs(broker) = &self.brokers[index(number)].process else { return Ok(()) };
        // What was removed a moment ago may not be gone yet.
        match change {
            Change::Queue { name, .. } => news(
                broker.host().queue(name.as_str()).is_some(),
                CommandRefused::IsThere(name.clone().into()),
            ),
            Change::Exchange { name, .. } => {
                news(broker.host().router().exchange(name).is_some(), CommandRefused::IsThere(name.clone()))
            }
            _ => Ok(()),
        }
    }

    /// Whether a broker may go for good: another one lives, and no partition is left without a replica in sync.
    fn permits_retirement(&self, node: NodeId) -> Checked {
        if !matches!(node, NodeId::Broker(_)) {
            return Ok(());
        }
        news(self.retired.contains(&node), CommandRefused::IsSo(node))?;
        let view = self.controllers.view();
        let stays = |other: &&NodeId| {
            **other != node && !self.retired.contains(other) && view.brokers.get(other) == Some(&true)
        };
        news(!view.brokers.keys().any(|other| stays(&other)), CommandRefused::LastBroker(node))?;
        let mut kept = view.partitions.iter().filter(|(_, state)| state.replicas.contains(&node));
        match kept.find(|(_, state)| !state.in_sync.iter().any(|other| stays(&other))) {
            Some((partition, _)) => Err(CommandRefused::KeepsAlone(node, partition.clone())),
            None => Ok(()),
        }
    }
}
