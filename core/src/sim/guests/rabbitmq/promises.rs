//! What does RabbitMQ promise in a scenario? What its queues are made for, under the faults that come.
//!
//! | promise | it takes |
//! |---|---|
//! | nothing is lost | confirms, consumers that acknowledge when they are done; disks that keep what was flushed; of a classic queue, and of any in a cluster of one node, no disk that is replaced; persistent messages |
//! | all is done in the end | the same, somebody who reads every queue and does not fail for ever, all faults over, and time; of a stream that keeps all, somebody who reads it from its beginning |
//! | answered in the end | confirms, all faults over, and time; no queue that refuses for ever, and no alarm that stays: what fills memory or disk is consumed |
//! | what was read of a stream stays | disks that keep what was flushed, no retention |
//!
//! RabbitMQ promises no order once something was given back, and nothing about doing things once.

use alloc::vec::Vec;

use super::RabbitmqSpec;
use crate::ids::Name;
use crate::observe::{Promise, Promised, Subject};
use crate::routing::Destination;
use crate::sim::adversity::Adversity;
use crate::sim::guests::{SystemSource, SystemTarget};
use crate::sim::{ConsumerSpec, Scenario, Settles};
use crate::sorted::SortedSet;
use crate::systems::rabbitmq::Declared;
use crate::time::{Span, Time};

use super::{RabbitmqSource, RabbitmqTarget, StreamOffset};

/// So many times the longest patience passes until everybody has found everybody again.
const ROUNDS: u64 = 12;

/// How long an alarm's beginning and its end take to reach a publisher, in microseconds, with what it publishes then.
const ALARM_WAYS: u64 = 20_000;

struct Promises<'a> {
    spec: &'a RabbitmqSpec,
    scenario: &'a Scenario,
    adversity: &'a Adversity,
}

/// What is promised.
pub(in super::super) fn promises(
    spec: &RabbitmqSpec,
    scenario: &Scenario,
    adversity: &Adversity,
) -> Vec<Promised> {
    let promises = Promises { spec, scenario, adversity };
    let mut made = Vec::new();
    let mut seen = SortedSet::new();
    for producer in &scenario.producers {
        if let Some(SystemTarget::Rabbitmq(to)) = producer.to.system()
            && seen.insert(to.name())
        {
            promises.of_target(to, &mut made);
        }
    }
    for consumer in &scenario.consumers {
        promises.of_reader(consumer, &mut made);
    }
    made
}

impl Promises<'_> {
    fn source<'c>(&self, consumer: &'c ConsumerSpec) -> Option<&'c RabbitmqSource> {
        match consumer.from.system() {
            Some(SystemSource::Rabbitmq(from)) => Some(from),
            _ => None,
        }
    }

    /// All that publish to the same place have confirms.
    fn confirms(&self, name: &Name) -> bool {
        self.scenario.producers.iter().all(|producer| match producer.to.system() {
            Some(SystemTarget::Rabbitmq(to)) => to.name() != *name || to.confirms,
            _ => false,
        })
    }

    /// The queues and streams that something published there can come to.
    fn reached(&self, to: &RabbitmqTarget) -> SortedSet<Name> {
        if let Some(queue) = &to.queue {
            return [queue.clone()].into_iter().collect();
        }
        self.bound().into_iter().collect()
    }

    /// By whichever way: all that are bound to any exchange.
    fn bound(&self) -> Vec<Name> {
        let bound = self.spec.bindings.iter().filter_map(|binding| match &binding.to {
            Destination::Queue(name) => Some(name.clone()),
            Destination::Exchange(_) => None,
        });
        bound.collect()
    }

    /// Where a queue's dead letters go.
    fn graves(&self, queue: &Name) -> Vec<Name> {
        let letter = match self.spec.declared(queue) {
            Some(Declared::Quorum { dead_letter, .. }) => dead_letter,
            Some(Declared::Classic(options)) => options.dead_letter,
            _ => None,
        };
        match letter {
            None => Vec::new(),
            Some(letter) if letter.exchange.is_empty() => {
                let key = letter.routing_key.as_deref();
                key.and_then(|key| Name::new(key).ok()).into_iter().collect()
            }
            Some(_) => self.bound(),
        }
    }

    /// Whether what is confirmed in a queue stays there until it is done.
    fn keeps(&self, queue: &Name) -> bool {
        let careful = |consumer: &ConsumerSpec| {
            self.source(consumer).is_none_or(|from| {
                from.queue != *queue || !from.no_ack && consumer.program.settles != Settles::Before
            })
        };
        let disks = match self.spec.declared(queue) {
            // It has nobody who has a copy.
            Some(Declared::Classic(_)) => !self.adversity.replaces() && !self.gets_transient(queue),
            // Alone it has no copy either.
            Some(Declared::Quorum { .. } | Declared::Stream { .. }) => {
                self.scenario.brokers > 1 || !self.adversity.replaces()
            }
            None => false,
        };
        disks && self.adversity.disks_keep(true) && self.scenario.consumers.iter().all(careful)
    }

    /// Whether somebody publishes messages there that are kept in memory alone.
    fn gets_transient(&self, queue: &Name) -> bool {
        self.scenario.producers.iter().any(|producer| match producer.to.system() {
            Some(SystemTarget::Rabbitmq(to)) => {
                producer.message.transient && self.reached(to).contains(queue)
            }
            _ => false,
        })
    }

    fn of_target(&self, to: &RabbitmqTarget, made: &mut Vec<Promised>) {
        let (name, queues) = (to.name(), self.reached(to));
        let of = match (&to.queue, &to.exchange) {
            (Some(queue), _) if self.spec.is_stream(Some(queue)) => Subject::Topic(queue.clone()),
            (Some(queue), _) => Subject::Queue(queue.clone()),
            (None, Some(exchange)) => Subject::Exchange(exchange.clone()),
            (None, None) => return,
        };
        let confirms = self.confirms(&name);
        // A dead letter that its consumer acknowledges too soon may be lost with it, too.
        let graves: Vec<Name> = queues.iter().flat_map(|queue| self.graves(queue)).collect();
        let keeps = confirms && queues.iter().chain(&graves).all(|queue| self.keeps(queue));
        let quiet = self.has_time();
        let mut promise = |holds: bool, promise| {
            if holds {
                made.push(Promised { promise, of: of.clone() });
            }
        };
        let is_stream = matches!(of, Subject::Topic(_));
        let trims = queues.iter().any(|queue| self.trims(queue));
        let refuses = queues.iter().any(|queue| self.refuses(queue));
        promise(keeps, Promise::NotLost);
        promise(is_stream && keeps && !trims, Promise::ReadStays);
        promise(confirms && quiet && !refuses && self.alarms_end(), Promise::Answered);
        let read = queues.iter().all(|queue| self.is_worked_off(queue));
        promise(!is_stream && keeps && quiet && read && !refuses, Promise::AtLeastOnce);
    }

    fn of_reader(&self, consumer: &ConsumerSpec, made: &mut Vec<Promised>) {
        let Some(from) = self.source(consumer) else { return };
        let (Some(group), true) = (&from.reference, self.spec.is_stream(Some(&from.queue))) else { return };
        let sent = self.confirms(&from.queue);
        let holds = sent && self.keeps(&from.queue) && self.reads_all(consumer, from) && self.has_time();
        if holds {
            let of = Subject::Group { group: group.clone(), topic: from.queue.clone() };
            made.push(Promised { promise: Promise::AtLeastOnce, of });
        }
    }

    /// Whether a stream's consumer reads everything that is ever written there. Who begins at `next`, as everybody does who
    /// says nothing else, gets what is written after the stream knows of them; where a program fails, a log goes on.
    /// (RabbitMQ, "Streams and Super Streams", "Consuming": `x-stream-offset`.)
    fn reads_all(&self, consumer: &ConsumerSpec, from: &RabbitmqSource) -> bool {
        from.offset == StreamOffset::First
            && !self.trims(&from.queue)
            && ends(consumer)
            && consumer.program.fails_per_mille == 0
    }

    /// Whether old messages of a stream go.
    fn trims(&self, queue: &Name) -> bool {
        matches!(
            self.spec.declared(queue),
            Some(Declared::Stream { bytes_max, age_max, .. }) if bytes_max.is_some() || age_max.is_some()
        )
    }

    /// Whether it may refuse publishers.
    fn refuses(&self, queue: &Name) -> bool {
        use crate::queue::Overflow;
        match self.spec.declared(queue) {
            Some(Declared::Quorum { options, .. }) => options.reject_publish,
            Some(Declared::Classic(options)) => options.overflow != Overflow::DropHead,
            _ => false,
        }
    }

    /// Whether no alarm stays on for ever: whatever fills a node's memory or disk is worked off.
    fn alarms_end(&self) -> bool {
        let on_disk = self.spec.limits.iter().any(|limit| limit.disk.is_some());
        let ends = |name: &Name| match self.spec.is_stream(Some(name)) {
            true => !on_disk,
            false => self.is_worked_off(name),
        };
        self.spec.limits.is_empty() || self.spec.queues.iter().all(|queue| ends(&queue.name))
    }

    /// Whether somebody reads a queue and is through with everything in the end.
    fn is_worked_off(&self, queue: &Name) -> bool {
        let all = self.scenario.consumers.iter();
        let readers = all.filter_map(|consumer| Some((consumer, self.source(consumer)?)));
        let mut readers = readers.filter(|(_, from)| from.queue == *queue).peekable();
        if self.spec.is_stream(Some(queue)) {
            return readers.any(|(reader, from)| self.reads_all(reader, from));
        }
        readers.peek().is_some() && readers.all(|(reader, _)| ends(reader))
    }

    fn has_time(&self) -> bool {
        let Scenario { producers, consumers, ends_at, .. } = self.scenario;
        let Some(over) = self.adversity.over else { return false };
        let last = producers.iter().map(|producer| {
            let bursts = producer.messages.div_ceil(u64::from(producer.burst.max(1)));
            Time(bursts.saturating_mul(producer.every).saturating_add(producer.starts_at))
        });
        let come = consumers.iter().map(|consumer| Time(consumer.starts_at));
        let last = last.chain(come).chain([over]).max().unwrap_or_default();
        let messages = producers.iter().map(|producer| producer.messages).fold(0, u64::saturating_add);
        let slowest = consumers.iter().map(|consumer| consumer.work.max(consumer.program.work_max)).max();
        // As if one consumer did everything, and each came back once.
        let work = messages.saturating_mul(slowest.unwrap_or(0)).saturating_mul(2);
        let patience = self.spec.settings.spans().into_iter().map(|(_, span)| span.0).max().unwrap_or(0);
        // An alarm for each message, at worst: it is noticed, and over, a while later.
        let alarm =
            if self.spec.limits.is_empty() { 0 } else { self.spec.settings.check_every.0 * 2 + ALARM_WAYS };
        let work = work.saturating_add(messages.saturating_mul(alarm));
        let rounds = if self.adversity.actions.is_empty() { 1 } else { ROUNDS };
        ends_at.since(last) >= Span(patience.saturating_mul(rounds).saturating_add(work))
    }
}

/// Whether a program is through with each message some day.
fn ends(consumer: &ConsumerSpec) -> bool {
    consumer.program.fails_every == 0 && consumer.program.fails_per_mille < 1_000
}
