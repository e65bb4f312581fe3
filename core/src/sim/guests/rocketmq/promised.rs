//! What does RocketMQ promise? What its settings guarantee under the faults that the scenario brings, and no more.
//!
//! | promise | what it takes |
//! |---|---|
//! | not lost | no disk is lost; where the power of a broker goes, synchronous flushes, and a disk that does not lie |
//! | the same under a controller | synchronous replication, and that no more than one broker dies, and nothing worse happens |
//! | at least once | not lost and kept long enough; a group that shares, begins at the first message, wants all of them, and does not give up; all faults over, and time |
//! | in order | sent by key, one at a time, to one master (with several, one that is away makes keys go elsewhere); read orderly; nodes die, and nothing worse |
//! | answered | all faults over, and time |
//! | agrees | not lost; half messages, whose broker asks often enough |
//!
//! Nothing is ever stored once, or processed at most once: who sends again after a timeout may store twice, and a group reads
//! again what it had not said that it was done with.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::spec::{RocketmqReplication, RocketmqSend, RocketmqSource, RocketmqSpec, RocketmqTarget};
use super::{producers, readers};
use crate::ids::{Name, NodeId};
use crate::observe::{Promise, Promised, Subject};
use crate::sim::adversity::Adversity;
use crate::sim::scenario::{ConsumerSpec, ProducerSpec};
use crate::sim::{OnFailure, Scenario};
use crate::systems::rocketmq::broker::Flush;
use crate::systems::rocketmq::consumer::{FirstOffset, Model, Order};
use crate::systems::rocketmq::retry::{FIRST_RETRY_LEVEL, RETRIES_MAX};

/// Who fails more often than so many times of a thousand may well give up.
const FAILS_MAX: u32 = 100;
/// So many retries are waited for: that all of them fail is not to be expected.
const RETRIES: usize = 9;
/// So often a broker must ask at least, that its question does not come too early each time.
const CHECKS_MIN: u32 = 6;

/// What is asked about a scenario.
struct Promises<'a> {
    spec: &'a RocketmqSpec,
    scenario: &'a Scenario,
    adversity: &'a Adversity,
}

/// What it promises.
pub(in super::super) fn promises(
    spec: &RocketmqSpec,
    scenario: &Scenario,
    adversity: &Adversity,
) -> Vec<Promised> {
    let asked = Promises { spec, scenario, adversity };
    let mut made = Vec::new();
    for topic in spec.topics.keys() {
        asked.of_topic(topic, &mut made);
    }
    let halves: Vec<_> = producers(scenario).filter(|(spec, _)| spec.transaction.is_some()).collect();
    if !halves.is_empty() && asked.keeps() && halves.iter().all(|(_, to)| asked.asks(to)) {
        made.push(Promised { promise: Promise::Agrees, of: Subject::Producers });
    }
    made
}

impl Promises<'_> {
    /// Whether what producers are told is stored stays somewhere.
    fn keeps(&self) -> bool {
        let Adversity { dark, lied, .. } = self.adversity;
        if self.spec.controller.is_some() && !self.adversity.brokers.is_empty() {
            // Any in sync may be the next master; and while one broker alone suffers, what is acknowledged is with all in sync.
            return self.spec.broker.replication == RocketmqReplication::Sync
                && self.adversity.brokers.len() == 1
                && !self.adversity.more_than_deaths
                && lied.is_empty();
        }
        let is_flushed = self.spec.broker.flush == Flush::Sync;
        let is_safe =
            |node: &NodeId| !matches!(node, NodeId::Broker(_)) || is_flushed && !lied.contains(node);
        !self.adversity.replaces() && dark.iter().all(is_safe)
    }

    /// Whether brokers ask a producer of half messages often enough: not too few times, and while they know it.
    fn asks(&self, to: &RocketmqTarget) -> bool {
        let broker = &self.spec.broker;
        let for_long = broker.check_every.0.saturating_mul(broker.checks_max.into());
        let beat = to.heartbeat_every.0;
        broker.checks_max >= CHECKS_MIN
            && beat.saturating_mul(2) <= broker.client_expires.0
            && beat.saturating_mul(3) <= for_long
    }

    /// Whether nothing is deleted.
    fn stays(&self) -> bool {
        self.spec.broker.reserved.is_none() && self.spec.broker.disk_bytes.is_none()
    }

    fn masters(&self) -> u16 {
        self.scenario.brokers / (self.spec.slaves + 1)
    }

    fn of_topic(&self, topic: &Name, made: &mut Vec<Promised>) {
        let senders: Vec<_> = producers(self.scenario).filter(|(_, to)| to.topic == *topic).collect();
        if senders.is_empty() {
            return;
        }
        let mut promise = |holds: bool, promise| {
            if holds {
                made.push(Promised { promise, of: Subject::Topic(topic.clone()) });
            }
        };
        promise(self.keeps(), Promise::NotLost);
        let all: Vec<_> = readers(self.scenario).filter(|(_, from)| from.topic == *topic).collect();
        promise(self.is_in_order(&senders, &all), Promise::InOrder);
        let plain = senders.iter().all(|(spec, _)| spec.transaction.is_none());
        promise(plain && self.has_time(self.answers_within(&senders)), Promise::Answered);
        let groups: BTreeSet<&Name> = all.iter().map(|(_, from)| &from.group).collect();
        for group in groups {
            let members: Vec<_> = all.iter().copied().filter(|(_, from)| from.group == *group).collect();
            if self.is_at_least_once(&senders, &members) {
                let of = Subject::Group { group: group.clone(), topic: topic.clone() };
                made.push(Promised { promise: Promise::AtLeastOnce, of });
            }
        }
    }

    fn is_in_order(
        &self,
        senders: &[(&ProducerSpec, &RocketmqTarget)],
        readers: &[(&ConsumerSpec, &RocketmqSource)],
    ) -> bool {
        let sent = senders.iter().all(|(_, to)| to.send == RocketmqSend::ByKey && to.in_flight == 1);
        let undelayed = senders.iter().all(|(_, to)| to.levels.is_empty());
        let read = readers.iter().all(|(_, from)| from.order == Order::Orderly);
        let calm = !self.adversity.more_than_deaths && !self.adversity.replaces();
        let one = self.masters() == 1 || self.adversity.brokers.is_empty();
        sent && undelayed && read && calm && one && self.keeps()
    }

    fn is_at_least_once(
        &self,
        senders: &[(&ProducerSpec, &RocketmqTarget)],
        members: &[(&ConsumerSpec, &RocketmqSource)],
    ) -> bool {
        let reads_all = |(_, from): &(&ConsumerSpec, &RocketmqSource)| {
            from.model == Model::Clustering
                && from.first == FirstOffset::First
                && from.tags.is_none()
                && from.sql.is_none()
        };
        let finishes = |(spec, from): &(&ConsumerSpec, &RocketmqSource)| {
            let program = &spec.program;
            let never_fails = program.fails_every == 0 && program.fails_per_mille == 0;
            let tries = program.fails_every == 0
                && program.fails_per_mille <= FAILS_MAX
                && program.on_failure == OnFailure::Requeue
                && from.client.retries_max >= RETRIES_MAX;
            never_fails || tries
        };
        // In one group all must want the same, in the same way.
        let alike = members.iter().all(|(_, from)| {
            let first = members[0].1;
            from.order == first.order
                && from.pop_invisible.is_some() == first.pop_invisible.is_some()
                && from.strategy == first.strategy
        });
        let checks = senders.iter().all(|(spec, to)| spec.transaction.is_none() || self.asks(to));
        self.keeps()
            && self.stays()
            && members.iter().all(reads_all)
            && members.iter().all(finishes)
            && alike
            && checks
            && self.has_time(self.reads_within(senders, members))
    }

    /// When the last message is sent, if nothing holds its producer up, and how long it then may take until it is answered.
    fn answers_within(&self, senders: &[(&ProducerSpec, &RocketmqTarget)]) -> u64 {
        let of = |(spec, to): &(&ProducerSpec, &RocketmqTarget)| {
            let attempts = to.timeout.0.saturating_mul(u64::from(to.attempts) + 1);
            // One at a time may be held up by each message before it.
            let held_up =
                if to.in_flight == 0 { 0 } else { spec.messages.saturating_mul(self.scenario.latency.1 * 4) };
            to.routes_every.0.saturating_add(attempts).saturating_add(held_up)
        };
        senders.iter().map(of).max().unwrap_or(0)
    }

    /// How long it may take until the last message is processed, after the last fault and the last send.
    fn reads_within(
        &self,
        senders: &[(&ProducerSpec, &RocketmqTarget)],
        members: &[(&ConsumerSpec, &RocketmqSource)],
    ) -> u64 {
        let broker = &self.spec.broker;
        let messages: u64 = senders.iter().map(|(spec, _)| spec.messages).sum();
        let of = |(spec, from): &(&ConsumerSpec, &RocketmqSource)| {
            let (program, client) = (&spec.program, &from.client);
            let work = messages.saturating_mul(spec.work.max(program.work_max)).saturating_mul(2);
            let settles = [
                client.rebalance_every,
                client.routes_every,
                client.heartbeat_every,
                client.pull_timeout,
                client.timeout,
                client.failure_delay,
                broker.hold_max,
                broker.register_every,
            ];
            let fails = program.fails_per_mille > 0;
            let levels = broker.levels.iter().skip(FIRST_RETRY_LEVEL as usize - 1).take(RETRIES);
            let retries = if fails { levels.map(|level| level.0).sum() } else { 0 };
            let locks = if from.order == Order::Orderly { broker.lock_expires.0 } else { 0 };
            let suspends = if fails { client.suspend.0.saturating_mul(messages) } else { 0 };
            let pops = from.pop_invisible.map_or(0, |invisible| invisible.0.saturating_mul(RETRIES as u64));
            let settles: u64 = settles.iter().map(|span| span.0 * 2).sum();
            [work, settles, retries, locks, suspends, pops].into_iter().fold(0, u64::saturating_add)
        };
        let halves = senders.iter().any(|(spec, _)| spec.transaction.is_some());
        let checks = if halves { (broker.check_every.0 + broker.check_after.0) * 3 } else { 0 };
        let levels = senders.iter().flat_map(|(_, to)| &to.levels).max().copied().unwrap_or(0) as usize;
        let delay = broker.levels.iter().take(levels).map(|level| level.0).max().unwrap_or(0);
        let slowest = members.iter().map(of).max().unwrap_or(0);
        [self.answers_within(senders), slowest, checks, delay].into_iter().fold(0, u64::saturating_add)
    }

    /// Whether so much time is left when all faults are over and all was sent.
    fn has_time(&self, within: u64) -> bool {
        let Some(over) = self.adversity.over else { return false };
        let sent_at = |spec: &ProducerSpec| {
            let bursts = spec.messages.div_ceil(u64::from(spec.burst.max(1)));
            spec.starts_at.saturating_add(bursts.saturating_add(1).saturating_mul(spec.every))
        };
        let sent = producers(self.scenario).map(|(spec, _)| sent_at(spec)).max().unwrap_or(0);
        // What a dead producer did not send it sends when it is back, at its pace.
        let last = if over.0 == 0 { sent } else { over.0.saturating_add(sent) };
        last.saturating_add(within) <= self.scenario.ends_at.0
    }
}
