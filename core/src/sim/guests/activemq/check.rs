//! Can a scenario of ActiveMQ be played? One clear error for each thing that cannot be.

use alloc::format;
use alloc::string::{String, ToString as _};

use super::shares_store;
use super::spec::{ActivemqReads, ActivemqSource, ActivemqSpec};
use crate::ids::Name;
use crate::sim::guests::spec::{SystemSource, SystemTarget};
use crate::sim::own_transaction::Keeps;
use crate::sim::{ConsumerSpec, PATIENCE_MAX, PATIENCE_MIN, ProducerSpec, ProgramSpec, Scenario};
use crate::systems::activemq::DestinationName;
use crate::time::Span;

type Checked = Result<(), String>;

fn require(holds: bool, what: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(what()) }
}

fn span(what: &str, span: Span) -> Checked {
    require((PATIENCE_MIN..=PATIENCE_MAX).contains(&span), || {
        format!("activemq: {what} is {span}, use {PATIENCE_MIN} to {PATIENCE_MAX}")
    })
}

/// Whether it can be played.
pub(in super::super) fn check(spec: &ActivemqSpec, scenario: &Scenario) -> Checked {
    let (store, transport) = (&spec.shared_store, &spec.transport);
    span("lock_acquire_sleep_interval", store.lock_acquire_sleep_interval)?;
    span("lock_keep_alive_period", store.lock_keep_alive_period)?;
    span("lease", store.lease)?;
    span("expire_messages_period", spec.policy.expire_messages_period)?;
    span("initial_reconnect_delay", transport.initial_reconnect_delay)?;
    span("max_reconnect_delay", transport.max_reconnect_delay)?;
    span("max_inactivity_duration", transport.max_inactivity_duration)?;
    if let crate::systems::activemq::JournalSync::Periodic(every) = spec.journal_sync {
        span("journal_sync periodic", every)?;
    }
    require(store.lock_keep_alive_period < store.lease, || {
        "activemq: lock_keep_alive_period must be shorter than the lease, or every master loses its lock"
            .into()
    })?;
    require(transport.initial_reconnect_delay <= transport.max_reconnect_delay, || {
        "activemq: initial_reconnect_delay is longer than max_reconnect_delay".into()
    })?;
    let default = ActivemqSpec::default().shared_store;
    require(shares_store(scenario) || *store == default, || {
        "activemq: one broker shares its store with nobody: leave shared_store out, or use more brokers"
            .into()
    })?;
    for (name, targets) in &spec.composite_queues {
        require(!targets.is_empty(), || format!("activemq: the composite queue {name} leads nowhere"))?;
        let again = targets.iter().find(
            |to| matches!(to, DestinationName::Queue(queue) if spec.composite_queues.contains_key(queue)),
        );
        require(again.is_none(), || format!("activemq: the composite queue {name} leads to another one"))?;
        require(!spec.queues.contains(name), || format!("activemq: {name} is a queue and a composite one"))?;
    }
    scenario.producers.iter().try_for_each(|producer| of_producer(spec, producer))?;
    scenario.consumers.iter().try_for_each(|consumer| of_consumer(spec, consumer))
}

fn of_producer(spec: &ActivemqSpec, producer: &ProducerSpec) -> Checked {
    let name = &producer.name;
    require(matches!(producer.to.system(), Some(SystemTarget::Activemq(_))), || {
        format!("{name} sends to another system than activemq")
    })?;
    for (there, what) in [
        (producer.options != Default::default(), "options"),
        (producer.keeps != Keeps::default(), "keeps"),
        (producer.receipt_timeout != 0, "receipt_timeout"),
        (producer.transaction.is_some(), "transaction"),
        (producer.transactional.is_some(), "transactional"),
        (producer.asks.is_some(), "asks"),
        (!producer.message.routing_keys.is_empty(), "routing keys"),
        (producer.message.tombstone_every > 0, "tombstones"),
    ] {
        require(!there, || format!("{name} has {what}, which a producer of activemq has not"))?;
    }
    require(producer.message.delays.is_empty() || spec.policy.scheduler_support, || {
        format!("{name} delays its messages: set scheduler_support in the policy")
    })
}

fn of_consumer(spec: &ActivemqSpec, consumer: &ConsumerSpec) -> Checked {
    let name = &consumer.name;
    let Some(SystemSource::Activemq(source)) = consumer.from.system() else {
        return Err(format!("{name} reads another system than activemq"));
    };
    let ProgramSpec { settles, .. } = &consumer.program;
    let usual = ProgramSpec {
        workers: consumer.program.workers,
        work_max: consumer.program.work_max,
        settles: *settles,
        fails_per_mille: consumer.program.fails_per_mille,
        fails_every: consumer.program.fails_every,
        on_failure: consumer.program.on_failure,
        ..ProgramSpec::default()
    };
    require(consumer.program == usual, || {
        format!(
            "{name} has in its program what a consumer of activemq has not: use workers, work_max, settles, \
             fails_per_mille, fails_every and on_failure"
        )
    })?;
    of_source(name, source)?;
    require(consumer.program.workers <= 1 || matches!(source.from, ActivemqReads::Queue(_)), || {
        format!("{name} reads a topic with several workers: each would be a subscriber of its own")
    })?;
    let composite =
        matches!(&source.from, ActivemqReads::Queue(queue) if spec.composite_queues.contains_key(queue));
    require(!composite, || format!("{name} reads a composite queue, which keeps nothing"))
}

fn of_source(name: &str, source: &ActivemqSource) -> Checked {
    let redelivery = &source.redelivery;
    for (what, wait) in [
        ("initial_redelivery_delay", Some(redelivery.initial_redelivery_delay)),
        ("redelivery_delay", Some(redelivery.redelivery_delay)),
        ("maximum_redelivery_delay", redelivery.maximum_redelivery_delay),
    ] {
        require(wait.is_none_or(|wait| wait <= PATIENCE_MAX), || {
            format!("{name} waits longer than {PATIENCE_MAX} by {what}")
        })?;
    }
    require(
        redelivery.maximum_redeliveries.is_some() || redelivery.redelivery_delay >= PATIENCE_MIN,
        || format!("{name} tries for ever without a wait: use a redelivery_delay of {PATIENCE_MIN} or more"),
    )?;
    match &source.from {
        ActivemqReads::Queue(_) => require(source.durable.is_none(), || {
            format!("{name} reads a queue, which every consumer finds again: durable is for topics")
        }),
        ActivemqReads::Topic(pattern) => {
            let word = |word: &str| word == "*" || word == ">" || Name::new(word).is_ok();
            let good = pattern.split('.').all(word)
                && pattern
                    .split('.')
                    .position(|word| word == ">")
                    .is_none_or(|at| at + 1 == pattern.split('.').count());
            require(good, || {
                format!("{name} reads topics {pattern:?}: use names, * for one level, > at the end")
            })?;
            require(!source.exclusive, || format!("{name} is exclusive: that is for queues"))?;
            require(source.durable.is_none() || Name::new(name).is_ok(), || {
                format!("{name:?} cannot be a client's id: {}", bad_name(name))
            })
        }
    }
}

fn bad_name(name: &str) -> String {
    Name::new(name).err().map(|error| error.to_string()).unwrap_or_default()
}
