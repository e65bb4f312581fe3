//! What is usual? Beginnings of scenarios and of those in them, for whoever writes them in Rust.

use super::program_spec::{ProgramSpec, ReadingSpec};
use super::scenario::{
    ConsumerSpec, ProducerSpec, QueueSpec, SCENARIO_FORMAT, Scenario, SourceSpec, TargetSpec, TopicSpec,
};
use crate::ids::Name;
use crate::queue::QueueOptions;
use crate::time::Time;

impl QueueSpec {
    /// A queue without limits on a broker.
    pub fn new(name: Name, broker: u16) -> Self {
        Self { name, broker, options: QueueOptions::default() }
    }
}

impl TopicSpec {
    /// A topic that keeps everything.
    pub fn new(name: Name, partitions: u32, replicas: u16, min_in_sync: u32) -> Self {
        let (unclean_election, retention_bytes, retention_time, cleanup) = Default::default();
        Self {
            name,
            partitions,
            replicas,
            min_in_sync,
            unclean_election,
            retention_bytes,
            retention_time,
            cleanup,
        }
    }
}

impl ProducerSpec {
    /// A producer that sends a hundred plain messages, one every millisecond.
    pub fn new(name: &str, to: TargetSpec) -> Self {
        let (message, options, keeps, receipt_timeout, transaction, transactional, asks) = Default::default();
        let (name, starts_at, messages, every, burst, keys) = (name.into(), 0, 100, 1_000, 0, 0);
        Self {
            name,
            to,
            starts_at,
            messages,
            every,
            burst,
            keys,
            message,
            options,
            keeps,
            receipt_timeout,
            transaction,
            transactional,
            asks,
        }
    }
}

impl ConsumerSpec {
    /// A consumer that works a millisecond on each message.
    pub fn new(name: &str, from: SourceSpec) -> Self {
        Self { name: name.into(), from, starts_at: 0, work: 1_000, program: ProgramSpec::default() }
    }
}

impl SourceSpec {
    /// A queue, read with a window.
    pub fn queue(name: Name, prefetch: u32) -> Self {
        Self::Queue { name, prefetch, reading: ReadingSpec::default() }
    }
}

impl Scenario {
    /// A scenario with one broker and nobody who uses it, to be filled.
    pub fn empty(name: &str) -> Self {
        let (queues, exchanges, bindings, limits, topics, producers) = Default::default();
        let (racks, consumers, services, users, settings, actions, admin) = Default::default();
        Self {
            format: SCENARIO_FORMAT,
            name: name.into(),
            seed: 1,
            ends_at: Time(1_000_000),
            brokers: 1,
            controllers: 1,
            racks,
            latency: (500, 2_000),
            queues,
            exchanges,
            bindings,
            limits,
            topics,
            producers,
            consumers,
            services,
            users,
            settings,
            actions,
            admin,
            faults: None,
            costs: None,
            system: None,
        }
    }
}
