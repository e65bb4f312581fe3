//! Can a scenario of RabbitMQ be played? One clear word about the first thing that cannot be.

use alloc::format;
use alloc::string::String;

use super::{RabbitmqSource, RabbitmqSpec, RabbitmqTarget, StreamOffset, config, router};
use crate::ids::Name;
use crate::sim::guests::{SystemSource, SystemTarget};
use crate::sim::{ConsumerSpec, PATIENCE_MAX, PATIENCE_MIN, ProducerSpec, ProgramSpec, Scenario};
use crate::sorted::SortedSet;
use crate::systems::rabbitmq::Declared;
use crate::time::Span;

/// The most nodes of a cluster: each has a member of every queue, and quorums of more are slower, not safer.
const CLUSTER_MAX: u16 = 9;
/// A node looks at itself no more often.
const CHECK_MIN: Span = Span::from_millis(1);

type Checked = Result<(), String>;

fn require(holds: bool, what: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(what()) }
}

/// Whether the scenario can be played.
pub(in super::super) fn check(spec: &RabbitmqSpec, scenario: &Scenario) -> Checked {
    require((1..=CLUSTER_MAX).contains(&scenario.brokers), || {
        format!("a cluster of {} nodes, use 1 to {CLUSTER_MAX}", scenario.brokers)
    })?;
    for (what, span) in spec.settings.spans() {
        require((PATIENCE_MIN..=PATIENCE_MAX).contains(&span), || {
            format!("rabbitmq's {what} is {span}, use {PATIENCE_MIN} to {PATIENCE_MAX}")
        })?;
    }
    require(spec.settings.beat < spec.settings.patience, || {
        "rabbitmq's patience is no longer than its beat: nobody would lead for long".into()
    })?;
    limits(spec, scenario)?;
    let mut seen = SortedSet::new();
    for queue in &spec.queues {
        require(seen.insert(&queue.name), || format!("the name {} is taken", queue.name))?;
        require((1..=scenario.brokers).contains(&queue.node), || {
            format!("{} is declared on node {}, there are {}", queue.name, queue.node, scenario.brokers)
        })?;
    }
    for queue in config(spec, scenario, 0)?.queues {
        let name = &queue.name;
        match queue.kind {
            Declared::Quorum { members, unused_max, .. } => {
                // Three of three is the default; here every node has a member.
                let said = members == usize::from(scenario.brokers)
                    || members == crate::systems::rabbitmq::QUORUM_MEMBERS;
                require(said, || {
                    format!(
                        "{name} has {members} members: here every node has one, leave x-quorum-initial-group-size out"
                    )
                })?;
                require(unused_max.is_none(), || format!("{name} cannot expire here: leave x-expires out"))?;
            }
            Declared::Classic(options) => {
                options.check().map_err(|error| format!("{name}: {error}"))?;
                require(options.unused_max.is_none(), || {
                    format!("{name} cannot expire here: leave x-expires out")
                })?;
            }
            Declared::Stream { segment_bytes, .. } => {
                require(segment_bytes > 0, || format!("{name} has segments of no bytes"))?;
            }
        }
    }
    router(spec).map_err(|error| format!("rabbitmq: {error}"))?;
    let readings = &mut SortedSet::new();
    scenario.producers.iter().try_for_each(|own| producer(spec, scenario, own))?;
    scenario.consumers.iter().try_for_each(|own| consumer(spec, scenario, own, readings))
}

/// What nodes have, and how much may be under way.
fn limits(spec: &RabbitmqSpec, scenario: &Scenario) -> Checked {
    let mut seen = SortedSet::new();
    for limit in &spec.limits {
        let node = limit.node;
        require((1..=scenario.brokers).contains(&node), || {
            format!("limits for node {node}: use 1 to {}", scenario.brokers)
        })?;
        require(seen.insert(node), || format!("node {node} has limits twice"))?;
        require(limit.memory.is_some() || limit.disk.is_some(), || {
            format!("the limits of node {node} name neither memory nor disk")
        })?;
        require((1..=100).contains(&limit.watermark), || {
            format!("the watermark of node {node} is {}, use 1 to 100", limit.watermark)
        })?;
        require(limit.disk.is_none_or(|disk| disk.free_min <= disk.size), || {
            format!("node {node} is to have more of its disk free than there is")
        })?;
    }
    let settings = &spec.settings;
    let every = settings.check_every;
    require((CHECK_MIN..=PATIENCE_MAX).contains(&every), || {
        format!("rabbitmq's check_every is {every}, use {CHECK_MIN} to {PATIENCE_MAX}")
    })?;
    let (credit, more) = settings.credit_flow;
    require(0 < more && more <= credit, || {
        format!("rabbitmq's credit_flow is {credit} and {more}: the second is from 1 to the first")
    })?;
    let least = settings.quorum_commands_soft_limit.min(settings.stream_messages_soft_limit);
    require(least > 0, || "rabbitmq's soft limits are at least 1".into())
}

fn nodes(name: &str, named: &[u16], scenario: &Scenario) -> Checked {
    let is_there = |node: &&u16| !(1..=scenario.brokers).contains(*node);
    match named.iter().find(is_there) {
        Some(node) => Err(format!("{name} connects to node {node}, there are {}", scenario.brokers)),
        None => Ok(()),
    }
}

fn producer(spec: &RabbitmqSpec, scenario: &Scenario, own: &ProducerSpec) -> Checked {
    let name = &own.name;
    let Some(SystemTarget::Rabbitmq(to)) = own.to.system() else {
        return Err(format!("{name} sends to another system than plays"));
    };
    let RabbitmqTarget { queue, exchange, publisher, nodes: named, .. } = to;
    match (queue, exchange) {
        (Some(queue), None) => {
            require(spec.declared(queue).is_some(), || {
                format!("{name} publishes to {queue}: no such queue")
            })?;
        }
        (None, Some(exchange)) => {
            let declared = spec.exchanges.iter().any(|known| known.name == *exchange);
            require(declared || exchange.is_default() || exchange.is_reserved(), || {
                format!("{name} publishes to {exchange}: no such exchange")
            })?;
            let internal = spec.exchanges.iter().find(|known| known.name == *exchange);
            require(internal.is_none_or(|known| !known.options.internal), || {
                format!("{name} publishes to {exchange}, which is internal")
            })?;
        }
        _ => return Err(format!("{name} publishes to a queue or to an exchange: name one of them")),
    }
    let stream = spec.is_stream(queue.as_ref());
    require(publisher.is_none() || stream, || {
        format!("{name} has a publisher's name, which only streams know")
    })?;
    let options = &own.options;
    let plain = options.is_plain() && own.keeps == Default::default() && own.receipt_timeout == 0;
    require(plain, || {
        format!("{name} has options, keeps or receipt_timeout, which RabbitMQ's publishers do not know")
    })?;
    let alone = own.transaction.is_none() && own.transactional.is_none() && own.asks.is_none();
    require(alone, || format!("{name} has a transaction or asks: RabbitMQ's publishers cannot here"))?;
    require(own.message.delays.is_empty() && !own.message.group_by_key, || {
        format!("{name} has delays or groups, which RabbitMQ does not know")
    })?;
    nodes(name, named, scenario)
}

fn consumer<'a>(
    spec: &RabbitmqSpec,
    scenario: &Scenario,
    own: &'a ConsumerSpec,
    readings: &mut SortedSet<(&'a Name, &'a Name)>,
) -> Checked {
    let name = &own.name;
    let Some(SystemSource::Rabbitmq(from)) = own.from.system() else {
        return Err(format!("{name} reads from another system than plays"));
    };
    let RabbitmqSource { queue, prefetch, no_ack, priority, offset, reference, nodes: named, .. } = from;
    match spec.declared(queue) {
        None => return Err(format!("{name} consumes {queue}: no such queue")),
        Some(Declared::Stream { .. }) => {
            let Some(reference) = reference else {
                return Err(format!(
                    "{name} reads a stream: give it a reference, as whose reading it counts"
                ));
            };
            require(readings.insert((queue, reference)), || {
                format!(
                    "{name} reads {queue} as {reference}, as another does: a stream is read by each for itself"
                )
            })?;
            require(*prefetch > 0, || format!("{name} reads a stream: give it a prefetch"))?;
            require(!no_ack && *priority == 0, || {
                format!("{name} has no_ack or a priority, which streams do not know")
            })?;
        }
        Some(_) => {
            require(reference.is_none() && *offset == StreamOffset::Next, || {
                format!("{name} has a reference or an offset, which only streams know")
            })?;
        }
    }
    let ProgramSpec {
        workers: _,
        work_max: _,
        settles: _,
        fails_per_mille: _,
        fails_every: _,
        on_failure: _,
        memory_max,
        restarts_after,
        remembers,
        windows,
        database,
        onward,
        transform,
    } = &own.program;
    let known = *memory_max == 0
        && *restarts_after == 0
        && !remembers
        && windows.is_none()
        && database.is_none()
        && onward.is_none()
        && transform.is_none();
    require(known, || {
        format!(
            "{name} has memory_max, restarts_after, remembers, windows, database, onward or transform: not in a system of its own"
        )
    })?;
    nodes(name, named, scenario)
}
