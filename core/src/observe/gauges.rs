//! How did rates, backlog, lag and latency go over time? What charts are drawn from.
//!
//! The run is cut into [`SLICES_MAX`] slices of equal length at most. Facts are counted in their slice; what stands (backlog,
//! lag, in-sync sets) is noted at the end of each. So a whole run needs the same room however much happens in it, and the
//! gauges of any moment can be read afterwards. A rate, or a percentile, is that of the [`WINDOW`] slices up to a moment:
//! less would jump, more would hide a fault.
//!
//! ```text
//!   slice    0    1    2    3    4    5    6 ...
//!   sent     0    3    4    3    4    3
//!   backlog  0    2    3   41   77   60                rate at the end of slice 5: (0+3+4+3+4+3) over six slices
//! ```
//!
//! Latencies are counted in steps of 1/32: a percentile is at most 3 percent too high.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::event::{Event, Stamped};
use super::order::OrderEvent;
use super::queue_event::QueueEvent;
use crate::ids::{MessageId, Name, Offset, PartitionId};
use crate::sorted::SortedMap;
use crate::time::{Span, Time};
use crate::vhost::Decision;

/// The most slices of a run.
pub const SLICES_MAX: u64 = 400;
/// How many slices a rate or a percentile is taken over.
pub const WINDOW: usize = 16;
/// Steps of a latency within a factor of two.
const STEPS: u64 = 32;
const MICROS_PER_SECOND: u64 = 1_000_000;

/// What was counted within one slice, and what stood at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Slice {
    came: u32,
    went: u32,
    again: u32,
    backlog: u32,
    lag: Option<u32>,
    /// Since when the oldest waits that waits.
    oldest: Option<Time>,
    in_sync: Option<u32>,
    /// How many took how long, in steps.
    latencies: SortedMap<u16, u32>,
}

/// What the gauges show at a moment.
///
/// ```
/// use mqlab_core::observe::Gauges;
/// use mqlab_core::sim::{Scenario, Timeline};
/// use mqlab_core::time::Time;
/// let scenario = Scenario::built_in("hundred-messages").ok_or("no such scenario")?;
/// let mut gauges = Gauges::new(scenario.ends_at, [], false);
/// let mut timeline = Timeline::new(scenario, 7)?;
/// timeline.seek(timeline.ends_at());
/// timeline.events().iter().for_each(|fact| gauges.observe(fact));
/// gauges.pass(timeline.ends_at());
/// let end = gauges.reading(timeline.ends_at());
/// assert_eq!((end.backlog, end.again), (0, timeline.metrics().redelivered));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Messages sent for the first time, per second.
    pub rate_in: u64,
    /// Messages processed for the first time, per second.
    pub rate_out: u64,
    /// Messages sent and not processed.
    pub backlog: u32,
    /// Records that the slowest group has before it, up to the high watermark; nothing where no group reads.
    pub lag: Option<u32>,
    /// How long the oldest message has waited that waits.
    pub waited: Span,
    /// When the backlog would be gone if the rates stayed; nothing where it grows or stands.
    pub drains_in: Option<Span>,
    /// The time from sent to processed that half of the messages did not exceed; nothing where none was processed.
    pub p50: Option<Span>,
    /// That 95 of a hundred did not exceed.
    pub p95: Option<Span>,
    /// That 99 of a hundred did not exceed.
    pub p99: Option<Span>,
    /// The size of the smallest in-sync set; nothing where nothing is replicated.
    pub in_sync: Option<u32>,
    /// Messages that consumers were given again, since the beginning.
    pub again: u64,
}

/// The gauges of a run, as far as its facts are known.
///
/// ```
/// use mqlab_core::observe::{Gauges, SLICES_MAX};
/// use mqlab_core::time::{Span, Time};
/// let gauges = Gauges::new(Time(2_000_000), [], false);
/// assert_eq!(gauges.interval(), Span(2_000_000 / SLICES_MAX));
/// assert!(gauges.is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct Gauges {
    interval: Span,
    slices: Vec<Slice>,
    /// Whether what users asked for is counted, because nobody sends messages.
    calls: bool,
    /// How many replicas each partition of a replicated topic has at first.
    replicas: SortedMap<Name, u32>,
    sent_at: BTreeMap<MessageId, Time>,
    waiting: BTreeSet<(Time, MessageId)>,
    unanswered: u32,
    in_sync: SortedMap<PartitionId, u32>,
    committed: SortedMap<PartitionId, Offset>,
    /// Where each group goes on, by its topics.
    next: SortedMap<Name, SortedMap<Name, SortedMap<PartitionId, Offset>>>,
    /// What the slowest group has before it.
    lag: Option<u32>,
    smallest: Option<u32>,
}

impl Gauges {
    /// The gauges of a run that ends at a moment, with its replicated topics and how many replicas they have; `calls` where
    /// users' calls are counted instead of messages.
    pub fn new(ends_at: Time, replicated: impl IntoIterator<Item = (Name, u32)>, calls: bool) -> Self {
        let replicas: SortedMap<Name, u32> = replicated.into_iter().collect();
        Self {
            interval: Span(ends_at.0.div_ceil(SLICES_MAX).max(1)),
            slices: Vec::new(),
            calls,
            smallest: replicas.values().copied().min(),
            replicas,
            sent_at: BTreeMap::new(),
            waiting: BTreeSet::new(),
            unanswered: 0,
            in_sync: SortedMap::new(),
            committed: SortedMap::new(),
            next: SortedMap::new(),
            lag: None,
        }
    }

    /// How long a slice is, in microseconds.
    pub fn interval(&self) -> Span {
        self.interval
    }

    /// How many slices are known.
    pub fn len(&self) -> usize {
        self.slices.len()
    }

    /// Whether nothing is known yet.
    pub fn is_empty(&self) -> bool {
        self.slices.is_empty()
    }

    /// Whether consumers were given anything again, as far as is known.
    pub fn has_again(&self) -> bool {
        self.slices.iter().any(|slice| slice.again > 0)
    }

    /// Takes note that time went on: slices in which nothing happened show what stands.
    pub fn pass(&mut self, now: Time) {
        let last = (now.0 / self.interval.0).min(SLICES_MAX - 1) as usize;
        while self.slices.len() <= last {
            let standing = self.standing();
            self.slices.push(standing);
        }
    }

    /// Takes note of a fact.
    pub fn observe(&mut self, fact: &Stamped) {
        self.pass(fact.at);
        let index = (fact.at.0 / self.interval.0).min(SLICES_MAX - 1) as usize;
        self.count(index, fact);
        let standing = self.standing();
        let slice = &mut self.slices[index];
        let Slice { backlog, lag, oldest, in_sync, .. } = standing;
        (slice.backlog, slice.lag, slice.oldest, slice.in_sync) = (backlog, lag, oldest, in_sync);
    }

    fn count(&mut self, index: usize, Stamped { at, event, .. }: &Stamped) {
        match event {
            Event::Order(event) if self.calls => self.count_order(index, event),
            Event::Sent { messages, attempt: 1, .. } if !self.calls => {
                for message in messages {
                    if self.sent_at.insert(*message, *at).is_none() {
                        self.waiting.insert((*at, *message));
                        self.slices[index].came += 1;
                    }
                }
            }
            Event::Processed { messages, .. } if !self.calls => {
                for message in messages {
                    let Some(sent) = self.waits_no_more(*message) else { continue };
                    self.went(index, at.since(sent));
                }
            }
            Event::Received { messages, delivery, .. } if *delivery > 1 => {
                self.slices[index].again += messages.len() as u32;
            }
            // Taken back before anybody saw it, or never taken.
            Event::Queue(
                QueueEvent::HalfDecided { message, decision: Decision::Rollback }
                | QueueEvent::GaveUp { message: Some(message), .. },
            ) => _ = self.waits_no_more(*message),
            Event::InSync { partition, replicas } => {
                self.in_sync.insert(partition.clone(), replicas.len() as u32);
                self.smallest = self.smallest_in_sync();
            }
            Event::Committed { partition, below } => {
                self.committed.insert(partition.clone(), *below);
                self.lag = self.slowest();
            }
            Event::OffsetStored { group, partition, next } => {
                let topics = self.next.entry(group.clone()).or_default();
                topics.entry(partition.topic.clone()).or_default().insert(partition.clone(), *next);
                self.lag = self.slowest();
            }
            _ => {}
        }
    }

    fn count_order(&mut self, index: usize, event: &OrderEvent) {
        match event {
            OrderEvent::Asked { .. } => {
                self.unanswered += 1;
                self.slices[index].came += 1;
            }
            OrderEvent::Answered { waited, .. } => {
                self.unanswered = self.unanswered.saturating_sub(1);
                self.went(index, *waited);
            }
            _ => {}
        }
    }

    fn went(&mut self, index: usize, after: Span) {
        let slice = &mut self.slices[index];
        slice.went += 1;
        *slice.latencies.entry(step_of(after)).or_default() += 1;
    }

    fn waits_no_more(&mut self, message: MessageId) -> Option<Time> {
        let sent = *self.sent_at.get(&message)?;
        self.waiting.remove(&(sent, message)).then_some(sent)
    }

    /// An empty slice with what stands now.
    fn standing(&self) -> Slice {
        let waiting = self.waiting.len() as u32;
        Slice {
            backlog: if self.calls { self.unanswered } else { waiting },
            lag: self.lag,
            oldest: self.waiting.first().map(|(since, _)| *since),
            in_sync: self.smallest,
            ..Slice::default()
        }
    }

    /// How much the slowest group has before it. Of the topics that it reads, partitions count of which it has kept nothing
    /// yet, too.
    fn slowest(&self) -> Option<u32> {
        let before = |topics: &SortedMap<Name, SortedMap<PartitionId, Offset>>| -> u64 {
            let rest = self.committed.iter().filter_map(|(partition, below)| {
                let next = topics.get(&partition.topic)?.get(partition).copied().unwrap_or_default();
                Some(below.0.saturating_sub(next.0))
            });
            rest.sum()
        };
        self.next.values().map(before).max().map(|lag| u32::try_from(lag).unwrap_or(u32::MAX))
    }

    fn smallest_in_sync(&self) -> Option<u32> {
        let known = self.in_sync.iter().filter(|(partition, _)| self.replicas.contains_key(&partition.topic));
        let known = known.map(|(_, size)| *size);
        self.replicas.values().copied().chain(known).min()
    }

    /// What the gauges showed at a moment, as far as it is known.
    pub fn reading(&self, at: Time) -> Reading {
        let Some(last) = self.slices.len().checked_sub(1) else { return Reading::default() };
        let index = last.min((at.0 / self.interval.0) as usize);
        let slice = &self.slices[index];
        let window = &self.slices[(index + 1).saturating_sub(WINDOW)..=index];
        let span = (window.len() as u64 * self.interval.0).max(1);
        let rate = |count: fn(&Slice) -> u32| {
            let sum: u64 = window.iter().map(|slice| u64::from(count(slice))).sum();
            (sum * MICROS_PER_SECOND + span / 2) / span
        };
        let (rate_in, rate_out) = (rate(|slice| slice.came), rate(|slice| slice.went));
        let percentiles = percentiles(window);
        Reading {
            rate_in,
            rate_out,
            backlog: slice.backlog,
            lag: slice.lag,
            waited: slice.oldest.map_or(Span::default(), |since| at.since(since)),
            drains_in: rate_out
                .checked_sub(rate_in)
                .filter(|surplus| *surplus > 0 && slice.backlog > 0)
                .map(|surplus| Span(u64::from(slice.backlog) * MICROS_PER_SECOND / surplus)),
            p50: percentiles[0],
            p95: percentiles[1],
            p99: percentiles[2],
            in_sync: slice.in_sync,
            again: self.slices[..=index].iter().map(|slice| u64::from(slice.again)).sum(),
        }
    }
}

/// The half, the 95 and the 99 percent.
fn percentiles(window: &[Slice]) -> [Option<Span>; 3] {
    let mut all: SortedMap<u16, u64> = SortedMap::new();
    for (step, count) in window.iter().flat_map(|slice| &slice.latencies) {
        *all.entry(*step).or_default() += u64::from(*count);
    }
    let count: u64 = all.values().sum();
    [50, 95, 99].map(|percent| {
        let rank = (count * percent).div_ceil(100);
        let mut passed = 0;
        all.iter()
            .find(|(_, count)| {
                passed += **count;
                passed >= rank
            })
            .map(|(step, _)| end_of(*step))
    })
}

/// The step that a span falls into.
fn step_of(span: Span) -> u16 {
    if span.0 < STEPS * 2 {
        return span.0 as u16;
    }
    // The leading bit says which factor of two, the five after it which step.
    let octave = u64::from(span.0.ilog2()) - u64::from(STEPS.ilog2());
    (octave * STEPS + (span.0 >> octave)) as u16
}

/// The longest span of a step.
fn end_of(step: u16) -> Span {
    let step = u64::from(step);
    if step < STEPS * 2 {
        return Span(step);
    }
    let octave = step / STEPS - 1;
    let lead = step - octave * STEPS;
    Span(((lead + 1) << octave) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_lies_in_its_step_and_no_step_is_wide() {
        for span in (0..5_000).chain([70_000, 123_456, 9_999_999, u64::from(u32::MAX)]) {
            let end = end_of(step_of(Span(span))).0;
            assert!(end >= span && end - span <= span / STEPS, "{span} ends at {end}");
            assert_eq!(step_of(Span(end)), step_of(Span(span)));
            assert!(step_of(Span(end + 1)) > step_of(Span(span)));
        }
    }
}
