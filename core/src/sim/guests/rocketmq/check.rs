//! Can a scenario of RocketMQ be played? One clear error for each thing that does not fit.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::producer::text;
use super::spec::{RocketmqSend, RocketmqSource, RocketmqSpec, RocketmqTarget};
use super::strips::COMMIT_LOG;
use super::{producers, readers};
use crate::ids::Name;
use crate::sim::own_transaction::{HowTransaction, Keeps};
use crate::sim::program_spec::Settles;
use crate::sim::scenario::{ConsumerSpec, PATIENCE_MAX, PATIENCE_MIN, ProducerSpec};
use crate::sim::spec::is_default;
use crate::sim::{OnFailure, ProgramSpec, Scenario};
use crate::systems::rocketmq::consumer::{Model, Order};
use crate::systems::rocketmq::delay::LEVELS_MAX;
use crate::systems::rocketmq::filter::Subscription;
use crate::systems::rocketmq::retry::{dead_letter_topic, retry_topic};
use crate::systems::rocketmq::sql::SqlFilter;
use crate::systems::rocketmq::{Properties, Topic};
use crate::time::Span;

/// The most name servers.
const NAME_SERVERS_MAX: u16 = 9;
/// The most queues that a topic has on one broker.
const QUEUES_MAX: u32 = 64;
/// The least size of a file of the CommitLog, in bytes.
const FILE_BYTES_MIN: u64 = 1_024;

type Checked = Result<(), String>;

fn require(holds: bool, what: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(what()) }
}

fn span(of: &str, what: &str, span: Span) -> Checked {
    require((PATIENCE_MIN..=PATIENCE_MAX).contains(&span), || {
        format!("{of}: {what} is {span}, use {PATIENCE_MIN} to {PATIENCE_MAX}")
    })
}

/// Whether the scenario can be played.
pub(in super::super) fn check(spec: &RocketmqSpec, scenario: &Scenario) -> Checked {
    cluster(spec, scenario)?;
    broker(spec)?;
    let mut groups = BTreeSet::new();
    for (producer, to) in producers(scenario) {
        check_producer(spec, producer, to)?;
        let group = to.group.as_ref().map_or("producers", Name::as_str);
        require(producer.transaction.is_none() || groups.insert(group), || {
            format!(
                "{}: another producer of group {group} sends half messages, and would be asked about this one's: give each a group",
                producer.name
            )
        })?;
    }
    readers(scenario).try_for_each(|(reader, from)| check_consumer(spec, reader, from))
}

fn cluster(spec: &RocketmqSpec, scenario: &Scenario) -> Checked {
    require((1..=NAME_SERVERS_MAX).contains(&spec.name_servers), || {
        format!("{} name servers, use 1 to {NAME_SERVERS_MAX}", spec.name_servers)
    })?;
    let each = spec.slaves.saturating_add(1);
    require(scenario.brokers > 0 && scenario.brokers.is_multiple_of(each), || {
        format!("{} brokers, and each master has {}: use a multiple of {each}", scenario.brokers, spec.slaves)
    })?;
    require(!spec.topics.is_empty(), || "there is no topic".to_string())?;
    for (name, queues) in &spec.topics {
        let is_good =
            Topic::new(name.as_str()).is_ok_and(|topic| !topic.is_system() && topic.as_str() != COMMIT_LOG);
        require(is_good, || format!("{name} cannot be a topic of RocketMQ: it has a dot, or is its own"))?;
        require((1..=QUEUES_MAX).contains(queues), || {
            format!("{name} has {queues} queues on each broker, use 1 to {QUEUES_MAX}")
        })?;
    }
    if let Some(controller) = &spec.controller {
        require(spec.slaves > 0, || "a controller, and no slave that could become the master".to_string())?;
        for (what, value) in [
            ("expires", controller.expires),
            ("alive_every", controller.alive_every),
            ("catch_up_max", controller.catch_up_max),
        ] {
            span("the controller", what, value)?;
        }
    }
    span("the name servers", "broker_expires", spec.broker_expires)
}

fn broker(spec: &RocketmqSpec) -> Checked {
    let broker = &spec.broker;
    for (what, value) in [
        ("flush_every", broker.flush_every),
        ("flush_all_every", broker.flush_all_every),
        ("flush_timeout", broker.flush_timeout),
        ("slave_timeout", broker.slave_timeout),
        ("slave_reports_every", broker.slave_reports_every),
        ("slave_expires", broker.slave_expires),
        ("hold_max", broker.hold_max),
        ("hold_check_every", broker.hold_check_every),
        ("persist_every", broker.persist_every),
        ("lock_expires", broker.lock_expires),
        ("register_every", broker.register_every),
        ("client_expires", broker.client_expires),
        ("check_every", broker.check_every),
        ("check_after", broker.check_after),
        ("revive_every", broker.revive_every),
        ("clean_every", broker.clean_every),
        ("reserved", broker.reserved.unwrap_or(PATIENCE_MIN)),
    ] {
        span("broker", what, value)?;
    }
    require((1..=LEVELS_MAX).contains(&broker.levels.len()), || {
        format!("{} levels of delay, use 1 to {LEVELS_MAX}", broker.levels.len())
    })?;
    broker.levels.iter().try_for_each(|level| span("broker", "a level of delay", *level))?;
    require(broker.file_bytes >= FILE_BYTES_MIN, || {
        format!("a file of {} bytes, use {FILE_BYTES_MIN} at least", broker.file_bytes)
    })
}

/// Whether the first of these that is there is none.
fn refuse<'a>(name: &str, there: impl IntoIterator<Item = (bool, &'a str)>) -> Checked {
    match there.into_iter().find(|(is, _)| *is) {
        Some((_, what)) => Err(format!("{name}: RocketMQ has no {what}")),
        None => Ok(()),
    }
}

fn check_producer(spec: &RocketmqSpec, producer: &ProducerSpec, to: &RocketmqTarget) -> Checked {
    let (name, message) = (&producer.name, &producer.message);
    require(spec.topics.contains_key(&to.topic), || format!("{name} sends to {}: no such topic", to.topic))?;
    refuse(
        name,
        [
            (!is_default(&producer.options), "options: put what it has into \"to\""),
            (producer.keeps != Keeps::UntilStored, "keeps"),
            (
                producer.transactional.is_some(),
                "transactions over partitions: use \"transaction\" of the kind half",
            ),
            (producer.asks.is_some(), "asks"),
            (!message.routing_keys.is_empty(), "routing_keys: use tags"),
            (!message.priorities.is_empty(), "priorities"),
            (!message.ttls.is_empty(), "ttls"),
            (!message.delays.is_empty(), "delays: use levels"),
            (message.group_by_key, "group_by_key: send by_key"),
            (message.transient, "transient"),
            (message.late.is_some(), "late"),
            (message.tombstone_every > 0, "tombstone_every"),
        ],
    )?;
    if let Some(transaction) = &producer.transaction {
        require(transaction.how == HowTransaction::Half, || {
            format!("{name}: a transaction of its own goes with a half message here: use how half")
        })?;
        require(to.levels.is_empty() && to.send == RocketmqSend::RoundRobin, || {
            format!("{name}: a half message has neither a delay nor a queue of its choice")
        })?;
    }
    require(to.send == RocketmqSend::RoundRobin || producer.keys > 0 || message.key.is_some(), || {
        format!("{name} sends by key, and its messages have none: give it keys")
    })?;
    require((1..=100).contains(&to.attempts), || {
        format!("{name} tries {} times, use 1 to 100", to.attempts)
    })?;
    for (what, value) in
        [("timeout", to.timeout), ("routes_every", to.routes_every), ("heartbeat_every", to.heartbeat_every)]
    {
        span(name, what, value)?;
    }
    let mut properties = Properties::default();
    let mut texts: Vec<(String, String)> = to.tags.iter().map(|tag| ("TAGS".into(), tag.clone())).collect();
    for headers in &message.headers {
        texts.extend(headers.iter().map(|(name, value)| (name.into(), text(value))));
    }
    texts.iter().try_for_each(|(property, text)| {
        properties.set(property, text).map_err(|why| format!("{name}: {why}"))
    })
}

fn check_consumer(spec: &RocketmqSpec, reader: &ConsumerSpec, from: &RocketmqSource) -> Checked {
    let (name, client) = (&reader.name, &from.client);
    require(spec.topics.contains_key(&from.topic), || format!("{name} reads {}: no such topic", from.topic))?;
    let group = from.group.as_str();
    require(retry_topic(group).and(dead_letter_topic(group)).is_ok(), || {
        format!("{group} cannot be a group of RocketMQ: it has a dot, or is too long")
    })?;
    let ProgramSpec { settles, memory_max, restarts_after, remembers, .. } = &reader.program;
    refuse(
        name,
        [
            (*settles != Settles::Each, "settles: offsets follow what is done"),
            (*memory_max > 0, "memory_max: use cached_max"),
            (*restarts_after > 0, "restarts_after"),
            (*remembers, "remembers"),
            (reader.program.windows.is_some(), "windows"),
            (reader.program.database.is_some(), "database"),
            (reader.program.onward.is_some(), "onward"),
            (reader.program.transform.is_some(), "transform"),
        ],
    )?;
    require(from.tags.is_none() || from.sql.is_none(), || {
        format!("{name} selects by tags and by SQL: use one")
    })?;
    if let Some(tags) = &from.tags {
        Subscription::tags(tags).map_err(|why| format!("{name}: {why}"))?;
    }
    if let Some(sql) = &from.sql {
        SqlFilter::parse(sql).map_err(|why| format!("{name}: {why}"))?;
    }
    let rejects = reader.program.on_failure == OnFailure::Reject;
    let is_plain = from.model == Model::Clustering && from.order == Order::Concurrently;
    require(!rejects || is_plain && from.pop_invisible.is_none(), || {
        format!("{name} rejects what fails: that is for those who share, in no order, and pull")
    })?;
    require(from.pop_invisible.is_none() || is_plain, || {
        format!("{name} pops: then queues are shared, and there is no order")
    })?;
    require(from.model == Model::Clustering || from.order == Order::Concurrently, || {
        format!("{name} keeps the order, under a lock of its group: that is for those who share")
    })?;
    require((1..=1_024).contains(&client.count), || {
        format!("{name} pulls {} messages at once, use 1 to 1024", client.count)
    })?;
    for (what, value) in [
        ("pop_invisible", from.pop_invisible.unwrap_or(PATIENCE_MIN)),
        ("suspend", client.suspend),
        ("rebalance_every", client.rebalance_every),
        ("lock_every", client.lock_every),
        ("commit_every", client.commit_every),
        ("heartbeat_every", client.heartbeat_every),
        ("routes_every", client.routes_every),
        ("timeout", client.timeout),
        ("pull_timeout", client.pull_timeout),
        ("failure_delay", client.failure_delay),
    ] {
        span(name, what, value)?;
    }
    Ok(())
}
