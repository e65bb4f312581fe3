//! Why did it happen to a message? Its life as a chain: each step, and the earlier fact that it followed from.
//!
//! Events say what happened, not why. But each kind of step has few kinds of causes, and the last fact of one of these kinds
//! before it is its cause:
//!
//! ```text
//!   sent ──▶ appended ──▶ copied ──▶ committed ──▶ acknowledged (acks=all)
//!                 │                      └──▶ received ──▶ processed
//!                 └──▶ delivered ──▶ received ──▶ processed ──▶ settled
//!                          ▲                │
//!                          └── requeued ◀── the consumer crashed, failed, gave it back
//!   sent again ◀── refused, lost on the way, its leader died; or nobody answered
//!   removed    ◀── another leader was elected      tail lost ◀── the power went
//! ```

use alloc::vec::Vec;

use super::activemq_event::ActivemqEvent;
use super::event::{Event, Place, Stamped};
use super::fault_event::FaultEvent;
use super::life::life;
use super::queue_event::QueueEvent;
use super::rabbitmq_event::RabbitmqEvent;
use super::rocketmq_event::RocketmqEvent;
use crate::ids::{MessageId, NodeId, PartitionId};
use crate::sorted::SortedSet;

/// Why a step followed.
///
/// ```
/// use mqlab_core::observe::Why;
/// assert_ne!(Why::Because(3), Why::NoAnswer(3));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Nothing in this life came before it.
    First,
    /// The event of this number led to it.
    Because(usize),
    /// After the event of this number nothing was heard for too long.
    NoAnswer(usize),
}

/// A step of a life, or a fact from outside that is the cause of one.
///
/// ```
/// use mqlab_core::ids::MessageId;
/// use mqlab_core::observe::{Event, Why, causes};
/// use mqlab_core::sim::{Scenario, Timeline};
/// let mut timeline = Timeline::new(Scenario::built_in("hundred-messages").ok_or("no such scenario")?, 7)?;
/// timeline.advance(timeline.ends_at());
/// let steps = causes(timeline.events(), MessageId(1), |_| false);
/// assert_eq!((steps[0].why, steps[1].why), (Why::First, Why::Because(steps[0].index)));
/// assert!(matches!(timeline.events()[steps[1].index].event, Event::Appended { .. }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The event's number.
    pub index: usize,
    /// Why it happened.
    pub why: Why,
    /// Whether it is part of the message's own life, and not only a cause of something in it.
    pub own: bool,
}

/// The steps of a message's life with their causes, in order. `waits` says of a producer whether it waits for all replicas in
/// sync: then "stored" follows from the commit, else from appending.
pub fn causes(events: &[Stamped], message: MessageId, waits: impl Fn(NodeId) -> bool) -> Vec<Step> {
    let own: Vec<usize> = life(events, message).map(|(index, _)| index).collect();
    let (Some(&first), Some(&last)) = (own.first(), own.last()) else { return Vec::new() };
    let partition = own.iter().find_map(|&index| partition_of(&events[index].event));
    // What may be a cause: the life itself, and what happened to those around it.
    let around =
        |index: &usize| own.binary_search(index).is_ok() || is_context(&events[*index].event, partition);
    let past = Past { events, related: (first..=last).filter(around).collect(), message };
    let steps: Vec<Step> =
        own.iter().map(|&index| Step { index, why: past.why(index, &waits), own: true }).collect();
    let outside: SortedSet<usize> = steps
        .iter()
        .filter_map(|step| match step.why {
            Why::Because(cause) if own.binary_search(&cause).is_err() => Some(cause),
            _ => None,
        })
        .collect();
    let outside = outside.into_iter().map(|index| Step { index, why: Why::First, own: false });
    let mut all: Vec<Step> = steps.into_iter().chain(outside).collect();
    all.sort_by_key(|step| step.index);
    all
}

/// The event after which a message was lost, if one of these kinds did it: who leads has not got it, a power cut or a disk
/// took it, or the consumer died that alone had it.
///
/// ```
/// use mqlab_core::ids::MessageId;
/// use mqlab_core::observe::{Event, loss};
/// use mqlab_core::sim::{Scenario, Timeline};
/// let scenario = Scenario::built_in("kill-the-leader-acks-1").ok_or("no such scenario")?;
/// let mut timeline = Timeline::new(scenario, 20)?;
/// timeline.advance(timeline.ends_at());
/// let index = loss(timeline.events(), MessageId(88)).ok_or("it is lost")?;
/// assert!(matches!(timeline.events()[index].event, Event::Elected { .. }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn loss(events: &[Stamped], message: MessageId) -> Option<usize> {
    let own: Vec<(usize, &Stamped)> = life(events, message).collect();
    let (first, _) = own.first()?;
    let partition = own.iter().find_map(|(_, fact)| partition_of(&fact.event));
    let holders: SortedSet<NodeId> = own
        .iter()
        .filter(|(_, fact)| matches!(fact.event, Event::Appended { .. } | Event::Copied { .. }))
        .map(|(_, fact)| fact.node)
        .collect();
    let takes = |fact: &Stamped| match &fact.event {
        Event::Elected { partition: of, leader: Some(leader), .. } => {
            Some(of) == partition && !holders.contains(leader)
        }
        Event::TailLost { messages, .. }
        | Event::Fault(FaultEvent::DiskLied { messages, .. } | FaultEvent::DiskGone { messages, .. })
        | Event::Queue(QueueEvent::MailboxLost { messages, .. }) => messages.contains(&message),
        Event::Crashed | Event::PowerCut => {
            // The consumer that had acknowledged it before it was done.
            own.iter().any(|(_, own)| matches!(&own.event, Event::Received { .. }) && own.node == fact.node)
        }
        _ => false,
    };
    (*first..events.len()).find(|index| takes(&events[*index]))
}

/// Events that may be causes though they name no message.
fn is_context(event: &Event, partition: Option<&PartitionId>) -> bool {
    match event {
        Event::Crashed | Event::PowerCut | Event::Restarted | Event::Assigned { .. } => true,
        Event::Elected { partition: of, .. } | Event::InSync { partition: of, .. } => Some(of) == partition,
        Event::Fault(fault) => matches!(fault, FaultEvent::Link { .. } | FaultEvent::Broke { .. }),
        Event::Queue(event) => matches!(event, QueueEvent::OutOfMemory { .. }),
        Event::Rabbitmq(event) => matches!(event, RabbitmqEvent::Leads { .. }),
        _ => false,
    }
}

fn partition_of(event: &Event) -> Option<&PartitionId> {
    match event {
        Event::Sent { to: Place::Partition(partition), .. }
        | Event::Appended { to: Place::Partition(partition), .. } => Some(partition),
        _ => None,
    }
}

/// What came before, as far as it may have to do with a message.
struct Past<'a> {
    events: &'a [Stamped],
    related: Vec<usize>,
    message: MessageId,
}

impl Past<'_> {
    /// The last related fact before an event that fits.
    fn last(&self, before: usize, fits: impl Fn(&Stamped) -> bool) -> Option<usize> {
        let known = self.related.partition_point(|index| *index < before);
        self.related[..known].iter().rev().copied().find(|index| fits(&self.events[*index]))
    }

    fn names(&self, fact: &Stamped) -> bool {
        fact.event.messages().contains(&self.message)
    }

    fn why(&self, index: usize, waits: impl Fn(NodeId) -> bool) -> Why {
        let fact = &self.events[index];
        let own = |fits: fn(&Event) -> bool| self.last(index, |fact| fits(&fact.event) && self.names(fact));
        let appended = || own(|event| matches!(event, Event::Appended { .. }));
        let committed = || self.last(index, |fact| matches!(fact.event, Event::Committed { .. }));
        let received = |by: NodeId| {
            self.last(index, |other| {
                other.node == by && matches!(other.event, Event::Received { .. }) && self.names(other)
            })
        };
        let before = || self.last(index, |fact| self.names(fact));
        let found = match &fact.event {
            Event::Sent { attempt, .. } if *attempt > 1 => return self.sent_again(index),
            Event::Appended { .. } => self.appended(index),
            Event::Copied { .. } => appended(),
            Event::Rabbitmq(RabbitmqEvent::Written { .. }) => {
                own(|event| matches!(event, Event::Sent { .. }))
            }
            Event::Rabbitmq(RabbitmqEvent::CutBack { .. }) => {
                self.last(index, |other| matches!(other.event, Event::Rabbitmq(RabbitmqEvent::Leads { .. })))
            }
            Event::Committed { .. } => self.last(index, |fact| {
                matches!(fact.event, Event::InSync { .. })
                    || matches!(fact.event, Event::Copied { .. } | Event::Appended { .. }) && self.names(fact)
            }),
            Event::Acknowledged { .. } if waits(fact.node) => committed().or_else(appended),
            Event::Acknowledged { .. } => appended(),
            Event::Delivered { .. } => own(|event| {
                matches!(
                    event,
                    Event::Requeued { .. } | Event::Appended { .. } | Event::Queue(QueueEvent::Due { .. })
                )
            }),
            Event::Received { .. } => self.received(index).or_else(committed).or_else(appended),
            Event::Processed { .. }
            | Event::Queue(QueueEvent::Failed { .. } | QueueEvent::Recognised { .. }) => received(fact.node),
            Event::Settled { by, .. } => self
                .last(index, |other| {
                    other.node == *by && matches!(other.event, Event::Processed { .. }) && self.names(other)
                })
                .or_else(|| received(*by)),
            Event::NotStored { to, .. } => self.leaders_death(index, to).or_else(before),
            Event::Requeued { from, .. } => self.requeued(index, *from),
            Event::TailLost { .. } | Event::Fault(FaultEvent::DiskLied { .. }) => {
                self.last(index, |other| other.node == fact.node && matches!(other.event, Event::PowerCut))
            }
            Event::Truncated { .. } => self.last(index, |other| matches!(other.event, Event::Elected { .. })),
            Event::Fault(FaultEvent::Lost { .. }) => self
                .last(index, |other| {
                    matches!(other.event, Event::Fault(FaultEvent::Link { .. } | FaultEvent::Broke { .. }))
                })
                .or_else(before),
            _ => before(),
        };
        found.map_or(Why::First, Why::Because)
    }

    /// Refused, lost on its way, or its leader is gone; else nobody answered.
    fn sent_again(&self, index: usize) -> Why {
        let Some(earlier) =
            self.last(index, |fact| matches!(fact.event, Event::Sent { .. }) && self.names(fact))
        else {
            return Why::First;
        };
        let holders: SortedSet<NodeId> = self
            .related
            .iter()
            .filter(|other| **other < index)
            .map(|other| &self.events[*other])
            .filter(|fact| matches!(fact.event, Event::Appended { .. }) && self.names(fact))
            .map(|fact| fact.node)
            .collect();
        let cause = self.last(index, |fact| match &fact.event {
            Event::NotStored { .. } | Event::Fault(FaultEvent::Lost { .. }) => self.names(fact),
            Event::Crashed | Event::PowerCut => {
                holders.contains(&fact.node) || fact.node == self.events[index].node
            }
            Event::Elected { .. } | Event::Fault(FaultEvent::Broke { .. }) => true,
            _ => false,
        });
        match cause.filter(|cause| *cause > earlier) {
            Some(cause) => Why::Because(cause),
            None => Why::NoAnswer(earlier),
        }
    }

    /// Who leads the partition, or keeps the queue, is down. That may have been so before the life began.
    fn leaders_death(&self, index: usize, place: &Place) -> Option<usize> {
        let past = self.events[..index].iter().rev();
        let leader = past.clone().find_map(|fact| match (&fact.event, place) {
            (Event::Elected { partition, leader, .. }, Place::Partition(of)) if partition == of => {
                Some(*leader)
            }
            (Event::Appended { to, .. }, _) if to == place => Some(Some(fact.node)),
            _ => None,
        })??;
        let (last, fact) = (0..index).rev().map(|index| (index, &self.events[index])).find(|(_, fact)| {
            fact.node == leader && matches!(fact.event, Event::Crashed | Event::PowerCut | Event::Restarted)
        })?;
        (fact.event != Event::Restarted).then_some(last)
    }

    /// Sent here; or moved here in the step in which it died elsewhere; or its transaction was decided.
    fn appended(&self, index: usize) -> Option<usize> {
        let step = self.events[index].step;
        self.last(index, |fact| {
            let moves = match &fact.event {
                Event::Queue(QueueEvent::Died { .. }) => fact.step == step,
                Event::Sent { .. } => true,
                Event::Queue(QueueEvent::HalfDecided { .. } | QueueEvent::TransactionCommitted { .. }) => {
                    true
                }
                // Sent back, and stored once more; or its delay is over.
                Event::Queue(QueueEvent::Failed { .. }) | Event::Rocketmq(RocketmqEvent::Delayed { .. }) => {
                    true
                }
                _ => false,
            };
            moves && self.names(fact)
        })
    }

    /// Pushed by a queue; or read again, because somebody took its partition over or came back.
    fn received(&self, index: usize) -> Option<usize> {
        let node = self.events[index].node;
        let pushed = self.last(index, |fact| {
            let is_pushed = matches!(&fact.event, Event::Delivered { to, .. } if *to == node);
            let is_popped =
                matches!(&fact.event, Event::Rocketmq(RocketmqEvent::Popped { by, .. }) if *by == node);
            (is_pushed || is_popped) && self.names(fact)
        });
        let tries = self.last(index, |fact| {
            let will = matches!(&fact.event, Event::Activemq(ActivemqEvent::WillRedeliver { .. }));
            fact.node == node && will && self.names(fact)
        });
        if tries > pushed {
            return tries;
        }
        let earlier =
            self.last(index, |fact| matches!(fact.event, Event::Received { .. }) && self.names(fact));
        let again = || {
            let earlier = earlier?;
            let taken = self.last(index, |fact| {
                fact.node == node && matches!(fact.event, Event::Assigned { .. } | Event::Restarted)
            })?;
            (taken > earlier).then_some(taken)
        };
        pushed.or_else(again)
    }

    /// Its consumer is gone, or failed; else the lease ran out that began with the delivery.
    fn requeued(&self, index: usize, from: NodeId) -> Option<usize> {
        let delivered =
            self.last(index, |fact| matches!(fact.event, Event::Delivered { .. }) && self.names(fact));
        let gone = self.last(index, |fact| match &fact.event {
            Event::Crashed | Event::PowerCut | Event::Queue(QueueEvent::OutOfMemory { .. }) => {
                fact.node == from
            }
            Event::Queue(QueueEvent::Failed { .. }) => fact.node == from && self.names(fact),
            Event::Fault(FaultEvent::Broke { peer }) => fact.node == from || *peer == from,
            _ => false,
        });
        gone.filter(|gone| Some(*gone) > delivered).or(delivered)
    }
}
