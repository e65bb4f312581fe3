//! How much, how fast, how far behind? Counts of a run, and how its backlog went.

use alloc::vec::Vec;

use serde::Serialize;

use super::event::{Event, Stamped};
use super::mailbox_metrics::MailboxMetrics;
use super::order_metrics::{Figures, OrderMetrics, Spans};
use super::paged::Paged;
use super::pull_metrics::PullMetrics;
use super::queue_event::QueueEvent;
use super::queue_metrics::QueueMetrics;
use crate::ids::{MessageId, Name, NodeId};
use crate::message::DeathReason;
use crate::sorted::SortedMap;
use crate::time::{Span, Time};
use crate::vhost::Decision;

/// How many samples a series keeps; when there are more, every second one goes and the interval doubles.
pub const SAMPLES_MAX: usize = 512;

/// A quantity over time, sampled at a fixed interval from time zero.
///
/// ```
/// use mqlab_core::sim::{Scenario, Timeline};
/// let mut timeline = Timeline::new(Scenario::built_in("hundred-messages").ok_or("no such scenario")?, 1)?;
/// timeline.advance(timeline.ends_at());
/// let backlog = timeline.metrics().backlog();
/// assert_eq!(backlog.samples().first(), Some(&0)); // at time zero nothing was sent
/// println!("a sample each {}", backlog.interval());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Series {
    interval: Span,
    samples: Vec<u32>,
}

impl Default for Series {
    fn default() -> Self {
        Self { interval: Span::from_millis(1), samples: Vec::new() }
    }
}

impl Series {
    /// The time between samples, in microseconds.
    pub fn interval(&self) -> Span {
        self.interval
    }

    /// The value at time zero, after one interval, after two, and so on.
    pub fn samples(&self) -> &[u32] {
        &self.samples
    }

    /// The value has been `value` up to `now`.
    fn hold(&mut self, now: Time, value: u32) {
        let due = (now.0 / self.interval.0) as usize + 1;
        while self.samples.len() < due {
            self.samples.push(value);
            if self.samples.len() > SAMPLES_MAX {
                let mut index = 0;
                self.samples.retain(|_| {
                    index += 1;
                    index % 2 == 1
                });
                self.interval = Span(self.interval.0 * 2);
                return self.hold(now, value);
            }
        }
    }
}

/// What was counted so far.
///
/// ```
/// use mqlab_core::sim::{Scenario, Timeline};
/// let mut timeline = Timeline::new(Scenario::built_in("hundred-messages").ok_or("no such scenario")?, 1)?;
/// timeline.advance(timeline.ends_at());
/// let metrics = timeline.metrics();
/// assert_eq!((metrics.sent, metrics.acknowledged), (100, 100));
/// assert!(metrics.latency().p50 <= metrics.latency_max);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Metrics {
    /// Messages sent, repeats counted.
    pub sent: u64,
    /// Messages that producers were told are stored.
    pub acknowledged: u64,
    /// Messages that consumers received, repeats counted.
    pub received: u64,
    /// Of these, those that the broker marked as redelivered.
    pub redelivered: u64,
    /// Messages that programs were done with, by consumer.
    pub processed: SortedMap<NodeId, u64>,
    /// The time from first sent to first processed, summed over the messages that were processed.
    pub latency_sum: Span,
    /// The longest of these times.
    pub latency_max: Span,
    /// What became of what users asked for; only where there are users.
    #[serde(skip_serializing_if = "OrderMetrics::is_empty")]
    pub orders: OrderMetrics,
    /// What happened on the side that pulls; only where something did.
    #[serde(skip_serializing_if = "PullMetrics::is_empty")]
    pub pulls: PullMetrics,
    /// How full the mailboxes of brokers were; only where queues need time to take messages in.
    #[serde(skip_serializing_if = "MailboxMetrics::is_empty")]
    pub mailboxes: MailboxMetrics,
    #[serde(skip)]
    latencies: Spans,
    /// What failed, died or came back around queues.
    #[serde(skip_serializing_if = "QueueMetrics::is_empty")]
    pub queues: QueueMetrics,
    /// How many messages were sent and not processed yet.
    backlog: Series,
    /// How many users waited for an answer.
    #[serde(skip)]
    users_waiting: Series,
    #[serde(skip)]
    acknowledged_by: SortedMap<NodeId, u64>,
    /// How many messages left a queue unconsumed, by broker, queue and reason.
    #[serde(skip)]
    died: SortedMap<(NodeId, Name), SortedMap<DeathReason, u64>>,
    #[serde(skip)]
    /// When each message was sent that nobody has processed, and how many they are.
    sent_at: Paged<Option<Time>>,
    #[serde(skip)]
    waiting: u64,
    #[serde(skip)]
    known: u64,
}

impl Metrics {
    /// How many messages were sent and not processed, over time.
    pub fn backlog(&self) -> &Series {
        &self.backlog
    }

    /// How many users waited for an answer, over time.
    pub fn users_waiting(&self) -> &Series {
        &self.users_waiting
    }

    /// How many messages one producer was told are stored.
    pub fn acknowledged_by(&self, producer: NodeId) -> u64 {
        self.acknowledged_by.get(&producer).copied().unwrap_or(0)
    }

    /// How many messages left a broker's queue without having been consumed, by reason.
    pub fn died_in(&self, broker: NodeId, queue: &Name) -> impl Iterator<Item = (DeathReason, u64)> {
        let counts = self.died.get(&(broker, queue.clone()));
        counts.into_iter().flatten().map(|(reason, count)| (*reason, *count))
    }

    /// The mean time from first sent to first processed; nothing before a message was processed.
    pub fn latency_mean(&self) -> Span {
        let measured = self.known - self.waiting;
        Span(self.latency_sum.0.checked_div(measured).unwrap_or(0))
    }

    /// What the times from first sent to first processed amount to.
    pub fn latency(&self) -> Figures {
        self.latencies.figures()
    }

    /// Takes note that time went on.
    pub fn pass(&mut self, now: Time) {
        self.backlog.hold(now, u32::try_from(self.waiting).unwrap_or(u32::MAX));
        self.users_waiting.hold(now, u32::try_from(self.orders.unanswered()).unwrap_or(u32::MAX));
    }

    /// A message waits to be processed, from a moment on.
    fn waits(&mut self, message: MessageId, since: Time) {
        let before = self.sent_at.of(message).replace(since);
        self.waiting += u64::from(before.is_none());
    }

    /// A message is processed, or never will be. Returns when it was sent, if it waited.
    fn waits_no_more(&mut self, message: MessageId) -> Option<Time> {
        self.sent_at.get(message).copied().flatten()?;
        self.waiting -= 1;
        self.sent_at.of(message).take()
    }

    /// Takes note of a fact.
    pub fn observe(&mut self, Stamped { at, node, event, .. }: &Stamped) {
        match event {
            Event::Sent { messages, attempt, .. } => {
                self.sent += messages.len() as u64;
                if *attempt == 1 {
                    self.known += messages.len() as u64;
                    messages.iter().for_each(|message| self.waits(*message, *at));
                }
            }
            Event::Acknowledged { messages, .. } => {
                self.acknowledged += messages.len() as u64;
                *self.acknowledged_by.entry(*node).or_default() += messages.len() as u64;
            }
            Event::Received { messages, delivery, .. } => {
                self.received += messages.len() as u64;
                self.redelivered += if *delivery > 1 { messages.len() as u64 } else { 0 };
            }
            Event::Processed { messages, .. } => {
                *self.processed.entry(*node).or_default() += messages.len() as u64;
                for message in messages {
                    let Some(sent) = self.waits_no_more(*message) else { continue };
                    let latency = at.since(sent);
                    self.latency_sum = Span(self.latency_sum.0 + latency.0);
                    self.latency_max = self.latency_max.max(latency);
                    self.latencies.add(latency);
                }
            }
            Event::Pull(event) => self.pulls.observe(*at, event),
            Event::Queue(
                QueueEvent::HalfDecided { message, decision: Decision::Rollback }
                | QueueEvent::GaveUp { message: Some(message), .. },
            ) => {
                // Taken back before anybody saw it, or never taken: nobody waits for it any more.
                self.known -= u64::from(self.waits_no_more(*message).is_some());
            }
            Event::Queue(QueueEvent::InFlow { .. }) => self.mailboxes.in_flow += 1,
            Event::Queue(QueueEvent::MailboxLost { messages, .. }) => {
                self.mailboxes.lost += messages.len() as u64;
            }
            Event::Order(event) => self.orders.observe(*at, *node, event),
            Event::Queue(event) => {
                if let QueueEvent::Died { queue, reason, .. } = event {
                    *self.died.entry((*node, queue.clone())).or_default().entry(*reason).or_default() += 1;
                }
                self.queues.observe(event);
            }
            Event::Requeued { messages, .. } => self.queues.came_back(messages.len()),
            _ => {}
        }
    }
}
