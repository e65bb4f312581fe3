//! When can a scenario not be played by Pulsar? One reason each.

use alloc::format;
use alloc::string::{String, ToString as _};

use super::spec::{PulsarSource, PulsarSpec, PulsarTarget, PulsarType};
use crate::ids::Name;
use crate::observe::LEDGER;
use crate::sim::scenario::{PARTITIONS_MAX, PATIENCE_MAX, PATIENCE_MIN};
use crate::sim::{
    ConsumerSpec, Keeps, NODES_MAX, OnFailure, ProducerSpec, ProgramSpec, Scenario, Settles, SystemSource,
    SystemTarget,
};
use crate::sorted::SortedSet;
use crate::systems::pulsar::ledger::Quorums;
use crate::systems::pulsar::{BadTopicName, Domain, REPLICATOR_PREFIX, RangeMode, TopicName};
use crate::time::Span;

type Checked = Result<(), String>;

fn require(holds: bool, what: &dyn Fn() -> String) -> Checked {
    if holds { Ok(()) } else { Err(what()) }
}

fn patience(what: &str, span: Span) -> Checked {
    require((PATIENCE_MIN..=PATIENCE_MAX).contains(&span), &|| {
        format!("{what} is {span}, use {PATIENCE_MIN} to {PATIENCE_MAX}")
    })
}

fn bad_name(bad: &BadTopicName) -> String {
    bad.to_string()
}

/// Whether the scenario can be played.
pub(in super::super) fn check(spec: &PulsarSpec, scenario: &Scenario) -> Checked {
    let bookies = usize::from(spec.bookies);
    require((1..=NODES_MAX).contains(&bookies), &|| format!("{bookies} bookies, use 1 to {NODES_MAX}"))?;
    let Quorums { ensemble, write, ack } = spec.quorums;
    Quorums::new(ensemble, write, ack).map_err(|bad| bad.to_string())?;
    require(ensemble <= spec.bookies, &|| format!("an ensemble of {ensemble}, there are {bookies} bookies"))?;
    spec.check_geo(scenario.brokers)?;
    spec.offload.map_or(Ok(()), |offload| offload.check(spec))?;
    spec.compaction.map_or(Ok(()), |compaction| compaction.check())?;
    spec.auto_recovery.map_or(Ok(()), |recovery| recovery.check())?;
    let second = spec.geo.as_ref().map(|geo| &geo.second);
    for (topic, partitions) in &spec.topics {
        topic.place().map_err(|bad| bad_name(&bad))?;
        spec.topic_in(topic, second).place().map_err(|bad| bad_name(&bad))?;
        require(topic.label().as_str() != LEDGER, &|| format!("a topic {LEDGER}: facts call ledgers so"))?;
        require(topic.partition_index().is_none(), &|| format!("{topic} is a partition: name the topic"))?;
        require(*partitions <= PARTITIONS_MAX, &|| {
            format!("{topic} has {partitions} partitions, use at most {PARTITIONS_MAX}")
        })?;
    }
    let of = &spec.patience;
    for (what, span) in [
        ("the patience session", of.session),
        ("the patience add_timeout", of.add_timeout),
        ("the patience quarantine", of.quarantine),
        ("the patience check_interval", of.check_interval),
        ("the patience backoff", of.backoff),
        ("the patience operation_timeout", of.operation_timeout),
        ("the patience keep_alive", of.keep_alive),
    ] {
        patience(what, span)?;
    }
    require(spec.ledgers.entries_max > 0 && spec.ledgers.bytes_max > 0, &|| {
        "a ledger that is full when it is empty: use entries_max and bytes_max of 1 or more".to_string()
    })?;
    patience("the ledgers' age_max", spec.ledgers.age_max)?;
    if let Some(live) = spec.time_to_live {
        patience("time_to_live", live)?;
    }
    for sends in &scenario.producers {
        let Some(SystemTarget::Pulsar(to)) = sends.to.system() else {
            return Err(format!("{} sends to another system than Pulsar", sends.name));
        };
        check_producer(spec, sends, to)?;
    }
    for reads in &scenario.consumers {
        let Some(SystemSource::Pulsar(from)) = reads.from.system() else {
            return Err(format!("{} reads from another system than Pulsar", reads.name));
        };
        check_consumer(spec, reads, from)?;
    }
    check_names(scenario)?;
    check_types(spec, scenario)
}

/// A broker knows producers of a topic by their names, and refuses a second one of a name.
fn check_names(scenario: &Scenario) -> Checked {
    let mut seen = SortedSet::new();
    for sends in &scenario.producers {
        let Some(SystemTarget::Pulsar(to)) = sends.to.system() else { continue };
        let name = to.producer.as_ref().unwrap_or(&sends.name);
        require(seen.insert((&to.topic, name)), &|| {
            format!("two producers of {} are called {name}", to.topic)
        })?;
    }
    Ok(())
}

fn is_there(spec: &PulsarSpec, topic: &TopicName, who: &str) -> Checked {
    require(spec.topics.contains_key(topic), &|| format!("{who} names the topic {topic}, which is not there"))
}

fn check_producer(spec: &PulsarSpec, sends: &ProducerSpec, to: &PulsarTarget) -> Checked {
    let name = &sends.name;
    is_there(spec, &to.topic, name)?;
    spec.check_cluster(name, to.cluster.as_ref())?;
    require(!to.producer.as_ref().is_some_and(String::is_empty), &|| format!("{name} has an empty name"))?;
    require(to.batching.messages > 0 && to.batching.delay <= PATIENCE_MAX, &|| {
        format!("{name} gathers {} messages for {}", to.batching.messages, to.batching.delay)
    })?;
    require(
        to.send_timeout == Span::ZERO || (PATIENCE_MIN..=PATIENCE_MAX).contains(&to.send_timeout),
        &|| {
            format!(
                "{name} waits {} for a receipt, use 0 or {PATIENCE_MIN} to {PATIENCE_MAX}",
                to.send_timeout
            )
        },
    )?;
    let message = &sends.message;
    for (there, what) in [
        (sends.options != Default::default(), "options"),
        (sends.keeps != Keeps::UntilStored, "keeps"),
        (sends.receipt_timeout != 0, "receipt_timeout"),
        (sends.transaction.is_some(), "transaction"),
        (sends.transactional.is_some(), "transactional"),
        (sends.asks.is_some(), "asks"),
        (!message.routing_keys.is_empty(), "message.routing_keys"),
        (!message.priorities.is_empty(), "message.priorities"),
        (!message.ttls.is_empty(), "message.ttls"),
        (message.group_by_key, "message.group_by_key"),
        (message.transient, "message.transient"),
        (message.late.is_some(), "message.late"),
    ] {
        require(!there, &|| format!("{name} has {what}, which a producer of Pulsar has not"))?;
    }
    Ok(())
}

fn check_consumer(spec: &PulsarSpec, reads: &ConsumerSpec, from: &PulsarSource) -> Checked {
    let name = &reads.name;
    is_there(spec, &from.topic, name)?;
    spec.check_cluster(name, from.cluster.as_ref())?;
    let subscription = from.subscription.as_str();
    let topic = spec.topic_in(&from.topic, spec.geo.as_ref().map(|geo| &geo.second));
    topic.retry(subscription).and_then(|to| to.place()).map_err(|bad| bad_name(&bad))?;
    topic.dead_letters(subscription).and_then(|to| to.place()).map_err(|bad| bad_name(&bad))?;
    require(spec.geo.is_none() || !subscription.starts_with(REPLICATOR_PREFIX), &|| {
        format!("{name} reads from {subscription}: replicators are called so")
    })?;
    require(from.receiver_queue > 0, &|| format!("{name} has a receiver queue of 0, use 1 or more"))?;
    for (what, span) in [
        ("nack_delay", Some(from.nack_delay)),
        ("ack_timeout", from.ack_timeout),
        ("retry", from.retry.map(|it| it.delay)),
    ] {
        if let Some(span) = span {
            patience(&format!("the {what} of {name}"), span)?;
        }
    }
    from.check_compacted(name)?;
    require(from.ack_group <= PATIENCE_MAX, &|| {
        format!("{name} gathers acknowledgements for {}", from.ack_group)
    })?;
    let shares = matches!(from.kind, PulsarType::Shared | PulsarType::KeyShared);
    require(shares || from.dead_letters.is_none() && from.retry.is_none(), &|| {
        format!("{name} has dead letters or a retry topic: only a shared or key-shared subscription has")
    })?;
    require(
        from.kind == PulsarType::KeyShared || from.ranges == RangeMode::default() && from.wanted.is_empty(),
        &|| format!("{name} has ranges: only a key-shared subscription has"),
    )?;
    let program = &reads.program;
    let says_at_once = matches!(program.settles, Settles::Every(_));
    require(!says_at_once || !shares && program.workers <= 1, &|| {
        format!(
            "{name} acknowledges several at once: only one who works alone on an exclusive or failover subscription may"
        )
    })?;
    require(program.on_failure == OnFailure::Requeue || from.retry.is_some(), &|| {
        format!("{name} rejects what it fails at: say with \"retry\" where that goes")
    })?;
    require(from.topic.domain() == Domain::Persistent || from.retry.is_none(), &|| {
        format!("{name} has a retry topic for what is not kept")
    })?;
    let ProgramSpec { memory_max, restarts_after, remembers, windows, database, onward, transform, .. } =
        program;
    for (there, what) in [
        (*memory_max != 0, "memory_max"),
        (*restarts_after != 0, "restarts_after"),
        (*remembers, "remembers"),
        (windows.is_some(), "windows"),
        (database.is_some(), "database"),
        (onward.is_some(), "onward"),
        (transform.is_some(), "transform"),
    ] {
        require(!there, &|| format!("{name} has program.{what}, which a consumer of Pulsar has not"))?;
    }
    Ok(())
}

/// A subscription has one type; where its consumers differ, those who come later would be refused for ever.
fn check_types(spec: &PulsarSpec, scenario: &Scenario) -> Checked {
    let all = || {
        scenario.consumers.iter().filter_map(|reads| match reads.from.system() {
            Some(SystemSource::Pulsar(from)) => Some((&reads.name, from)),
            _ => None,
        })
    };
    for (name, from) in all() {
        let same =
            |other: &PulsarSource| (&other.topic, &other.subscription) == (&from.topic, &from.subscription);
        let elsewhere = |other: &PulsarSource| {
            spec.topic_in(&other.topic, other.cluster.as_ref())
                != spec.topic_in(&from.topic, from.cluster.as_ref())
        };
        if let Some((other, _)) = all().find(|(_, other)| same(other) && elsewhere(other)) {
            let subscription: &Name = &from.subscription;
            return Err(format!(
                "{name} and {other} have the subscription {subscription} in two clusters: facts could not tell them apart"
            ));
        }
        let other =
            all().find(|(_, other)| same(other) && (other.kind, other.ranges) != (from.kind, from.ranges));
        if let Some((other, _)) = other {
            let subscription: &Name = &from.subscription;
            return Err(format!(
                "{name} and {other} want the subscription {subscription} to be of two types"
            ));
        }
    }
    Ok(())
}
