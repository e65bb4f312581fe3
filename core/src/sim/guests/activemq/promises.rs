//! What does ActiveMQ promise? What it flushed before it answered stays, on one disk; and what comes again after a fail-over
//! is stored once.
//!
//! | promise | it takes |
//! |---|---|
//! | not lost | persistent messages, sent with an answer; a journal that is flushed, where power goes; the disk is not replaced; acknowledged when done |
//! | in order | one consumer, one worker, no selector; nothing fails; no priority, no delay; nobody but processes dies |
//! | answered | all faults are over, and there is time |
//! | at least once | not lost, somebody reads it, nothing fails, no exclusive consumer of a queue with groups, and there is time |
//! | at most once | nothing goes wrong at all |
//!
//! What is published to a topic is owed to those alone who are subscribed; so of topics only durable subscriptions, and queues
//! of virtual topics that are there from the first, are promised anything.

use alloc::vec::Vec;

use super::spec::{ActivemqReads, ActivemqSource, ActivemqSpec, ActivemqTarget};
use crate::ids::{Name, NodeId};
use crate::observe::{DiskState, LinkFault, Promise, Promised, Subject};
use crate::sim::adversity::Adversity;
use crate::sim::guests::spec::{SystemSource, SystemTarget};
use crate::sim::{Command, ConsumerSpec, ProducerSpec, Scenario, Settles};
use crate::sorted::SortedSet;
use crate::systems::activemq::{DestinationName, JournalSync, virtual_topic_of};
use crate::time::{Span, Time};

/// After so long without a fault everything is where it belongs: a lease has run out, a slave has asked, clients have found
/// it.
const CALMS_DOWN: Span = Span::from_millis(1_500);

struct Promises<'a> {
    spec: &'a ActivemqSpec,
    scenario: &'a Scenario,
    adversity: &'a Adversity,
}

/// What it promises under what will happen.
pub(in super::super) fn promises(
    spec: &ActivemqSpec,
    scenario: &Scenario,
    adversity: &Adversity,
) -> Vec<Promised> {
    let all = Promises { spec, scenario, adversity };
    let mut made = Vec::new();
    let names: SortedSet<&DestinationName> = all.producers().map(|(_, to)| &to.to).collect();
    for to in names {
        match to {
            DestinationName::Queue(queue) if !spec.composite_queues.contains_key(queue) => {
                all.of_queue(queue, &mut made);
            }
            // Sent to one, and owed by several: as with topics, all of them have to have readers.
            DestinationName::Queue(_) => {}
            DestinationName::Topic(topic) => all.of_topic(topic, &mut made),
        }
    }
    made
}

impl<'a> Promises<'a> {
    fn producers(&self) -> impl Iterator<Item = (&'a ProducerSpec, &'a ActivemqTarget)> {
        self.scenario.producers.iter().filter_map(|producer| match producer.to.system() {
            Some(SystemTarget::Activemq(to)) => Some((producer, to)),
            _ => None,
        })
    }

    fn consumers(&self) -> impl Iterator<Item = (&'a ConsumerSpec, &'a ActivemqSource)> {
        self.scenario.consumers.iter().filter_map(|consumer| match consumer.from.system() {
            Some(SystemSource::Activemq(from)) => Some((consumer, from)),
            _ => None,
        })
    }

    fn senders(&self, to: &DestinationName) -> Vec<(&'a ProducerSpec, &'a ActivemqTarget)> {
        self.producers().filter(|(_, target)| target.to == *to).collect()
    }

    fn readers(&self, queue: &Name) -> Vec<(&'a ConsumerSpec, &'a ActivemqSource)> {
        let reads =
            |source: &ActivemqSource| matches!(&source.from, ActivemqReads::Queue(name) if name == queue);
        self.consumers().filter(|(_, source)| reads(source)).collect()
    }

    /// Whoever keeps the messages: the store, or the only broker.
    fn keeper(&self) -> NodeId {
        if super::shares_store(self.scenario) { NodeId::Store } else { NodeId::Broker(1) }
    }

    /// Whether what was called stored stays.
    fn disk_keeps(&self) -> bool {
        let keeper = self.keeper();
        let dark = self.adversity.dark.contains(&keeper);
        let lied = self.adversity.lied.contains(&keeper);
        let flushed = self.spec.journal_sync == JournalSync::Always;
        !self.adversity.replaced.contains(&keeper) && (!dark || flushed && !lied)
    }

    /// Whether its messages are kept, each as its producer is told.
    fn is_kept((producer, to): &(&ProducerSpec, &ActivemqTarget)) -> bool {
        let transient = producer.message.transient;
        !transient && !to.use_async_send
    }

    fn has_time(&self) -> bool {
        let calm = self.adversity.over.is_some_and(|over| over + CALMS_DOWN <= self.scenario.ends_at);
        calm && self.sends_until() + CALMS_DOWN <= self.scenario.ends_at
    }

    /// When the last message is due.
    fn sends_until(&self) -> Time {
        let last = self.producers().map(|(producer, _)| {
            let bursts = producer.messages.div_ceil(u64::from(producer.burst.max(1)));
            producer.starts_at.saturating_add(bursts.saturating_mul(producer.every))
        });
        Time(last.max().unwrap_or_default())
    }

    /// Whether consumers can be through with everything in time: twice what their work takes, and a wait for each failure.
    fn is_done_in_time(&self, messages: u64, readers: &[(&ConsumerSpec, &ActivemqSource)]) -> bool {
        let work = readers.iter().map(|(consumer, _)| consumer.work.max(consumer.program.work_max)).max();
        let needed = messages.saturating_mul(work.unwrap_or_default()).saturating_mul(2);
        let begins = self.adversity.over.unwrap_or_default().max(self.sends_until());
        let starts = readers.iter().map(|(consumer, _)| consumer.starts_at).max().unwrap_or_default();
        let from = begins.max(Time(starts)) + CALMS_DOWN;
        from + Span(needed) <= self.scenario.ends_at
    }

    fn of_queue(&self, queue: &Name, made: &mut Vec<Promised>) {
        let to = DestinationName::Queue(queue.clone());
        let (senders, readers) = (self.senders(&to), self.readers(queue));
        let mut promise = |holds: bool, promise| {
            if holds {
                made.push(Promised { promise, of: Subject::Queue(queue.clone()) });
            }
        };
        let told = senders.iter().all(Self::is_kept);
        let after = readers.iter().all(|(consumer, _)| consumer.program.settles != Settles::Before);
        let keeps = told && self.disk_keeps() && after;
        promise(keeps, Promise::NotLost);
        promise(told && self.has_time(), Promise::Answered);
        // Waits hold up all that comes after: how long that takes together is not reckoned here.
        let finishes = readers.iter().all(|(consumer, _)| never_fails(consumer));
        let sees_all = readers.iter().any(|(_, source)| source.selector.is_none());
        let messages = senders.iter().map(|(producer, _)| producer.messages).sum();
        // Whose group it is may not have it, and who may have it does not own the group: both wait for ever.
        let at_odds = senders.iter().any(|(producer, _)| producer.message.group_by_key)
            && readers.iter().any(|(_, source)| source.exclusive);
        let last = keeps
            && sees_all
            && !at_odds
            && finishes
            && !readers.is_empty()
            && self.has_time()
            && self.is_done_in_time(messages, &readers);
        promise(last, Promise::AtLeastOnce);
        let peaceful = self.adversity.actions.iter().all(|action| ends(&action.command));
        let one_by_one =
            readers.iter().all(|(consumer, _)| !matches!(consumer.program.settles, Settles::Every(_)));
        let never = readers.iter().all(|(consumer, _)| never_fails(consumer));
        promise(peaceful && (never || one_by_one), Promise::AtMostOnce);
        let unordered = senders.iter().any(|(producer, _)| {
            !producer.message.delays.is_empty() || !producer.message.priorities.is_empty()
        });
        let alone = readers.len() == 1
            && readers.iter().all(|(consumer, source)| {
                consumer.program.workers <= 1 && source.selector.is_none() && never_fails(consumer)
            });
        promise(peaceful && told && alone && !unordered, Promise::InOrder);
    }

    /// Of a topic: all its subscriptions are queues that are there before anything is published, and everybody acknowledges
    /// when he is done.
    fn of_topic(&self, topic: &Name, made: &mut Vec<Promised>) {
        let to = DestinationName::Topic(topic.clone());
        let senders = self.senders(&to);
        let matches = |source: &ActivemqSource| match &source.from {
            ActivemqReads::Queue(queue) => virtual_topic_of(queue.as_str()) == Some(topic.as_str()),
            ActivemqReads::Topic(pattern) => {
                crate::routing::Syntax::Hierarchy.matches(pattern, topic.as_str())
            }
        };
        let readers: Vec<_> = self.consumers().filter(|(_, source)| matches(source)).collect();
        let virtual_ones = |source: &ActivemqSource| matches!(&source.from, ActivemqReads::Queue(queue) if self.spec.queues.contains(queue));
        let lasting = !readers.is_empty() && readers.iter().all(|(_, source)| virtual_ones(source));
        let told = senders.iter().all(Self::is_kept);
        let after = readers.iter().all(|(consumer, _)| consumer.program.settles != Settles::Before);
        let of = Subject::Topic(topic.clone());
        if told && self.disk_keeps() && after && lasting {
            made.push(Promised { promise: Promise::NotLost, of: of.clone() });
        }
        if told && self.has_time() {
            made.push(Promised { promise: Promise::Answered, of });
        }
    }
}

/// Whether a command ends something that was wrong, and does nothing else.
const fn ends(command: &Command) -> bool {
    matches!(
        command,
        Command::Restart(_)
            | Command::Thaw(_)
            | Command::Skew { by: 0, .. }
            | Command::Disk { is: DiskState::Sound, .. }
            | Command::Link { fault: LinkFault::Heal, .. }
            | Command::Change(_)
    )
}

fn never_fails(consumer: &ConsumerSpec) -> bool {
    consumer.program.fails_every == 0 && consumer.program.fails_per_mille == 0
}
