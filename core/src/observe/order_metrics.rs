//! How long do users wait, and what for? Figures of orders: answered, really done, and the gap between.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use serde::{Serialize, Serializer};

use super::order::{Answer, OrderEvent};
use crate::ids::{NodeId, OrderId};
use crate::sorted::SortedMap;
use crate::time::{Span, Time};

/// The most orders of a run, and so the most spans that are kept for exact figures.
pub const ORDERS_MAX: u64 = 100_000;

/// Spans of one kind, every one of them kept: the figures are exact.
///
/// ```
/// use mqlab_core::observe::Spans;
/// use mqlab_core::time::Span;
/// let mut spans = Spans::default();
/// (1..=200).for_each(|micros| spans.add(Span(micros)));
/// let figures = spans.figures();
/// assert_eq!((figures.p50, figures.p95, figures.p99, figures.max), (Span(100), Span(190), Span(198), Span(200)));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spans(Vec<Span>);

impl Spans {
    /// Adds one; beyond [`ORDERS_MAX`] it is not kept.
    pub fn add(&mut self, span: Span) {
        if (self.0.len() as u64) < ORDERS_MAX {
            self.0.push(span);
        }
    }

    /// What they amount to.
    pub fn figures(&self) -> Figures {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let count = sorted.len();
        // The nearest rank: the smallest span that so many of a hundred do not exceed.
        let rank = |percent: usize| {
            let place = (count * percent).div_ceil(100).saturating_sub(1);
            sorted.get(place).copied().unwrap_or_default()
        };
        let sum: u64 = sorted.iter().map(|span| span.0).sum();
        Figures {
            count: count as u64,
            mean: Span(sum.checked_div(count as u64).unwrap_or(0)),
            p50: rank(50),
            p95: rank(95),
            p99: rank(99),
            max: rank(100),
        }
    }
}

impl Serialize for Spans {
    /// As their [`Figures`].
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.figures().serialize(serializer)
    }
}

/// What a number of spans amounts to; zeros when there are none. In microseconds.
///
/// ```
/// use mqlab_core::observe::Spans;
/// use mqlab_core::time::Span;
/// let mut spans = Spans::default();
/// (1..=100).for_each(|millis| spans.add(Span::from_millis(millis)));
/// let figures = spans.figures();
/// assert_eq!((figures.p50, figures.p99), (Span::from_millis(50), Span::from_millis(99)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// How many there are.
    pub count: u64,
    /// The mean.
    pub mean: Span,
    /// Half of them are not longer.
    pub p50: Span,
    /// 95 of a hundred are not longer.
    pub p95: Span,
    /// 99 of a hundred are not longer.
    pub p99: Span,
    /// The longest.
    pub max: Span,
}

/// What was counted of one service.
///
/// ```
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::sim::{Scenario, Timeline};
/// let mut timeline = Timeline::new(Scenario::built_in("flash-sale-by-calls").ok_or("no such scenario")?, 1)?;
/// timeline.advance(timeline.ends_at());
/// let counts = timeline.metrics().orders.services.values();
/// assert!(counts.map(|service| service.turned_away).sum::<u64>() > 0); // the crowd is too large for it
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ServiceCounts {
    /// Orders that a worker took up.
    pub began: u64,
    /// Orders of which it did its part.
    pub worked: u64,
    /// Orders that it gave up.
    pub gave_up: u64,
    /// Orders that it had no room for.
    pub turned_away: u64,
    /// Calls that it made again, because nobody waits for what came from a queue.
    pub tried_again: u64,
    /// The most orders that waited for a worker at one time.
    pub waiting_max: u32,
}

/// What was counted of orders so far.
///
/// ```
/// use mqlab_core::sim::{Scenario, Timeline};
/// let scenario = Scenario::built_in("checkout-by-queue").ok_or("no such scenario")?;
/// let mut timeline = Timeline::new(scenario, 1)?;
/// timeline.advance(timeline.ends_at());
/// let orders = &timeline.metrics().orders;
/// // The answer comes long before the order is done.
/// assert!(orders.waited.figures().p50.0 * 5 < orders.until_fulfilled.figures().p50.0);
/// assert!(orders.told_early > 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OrderMetrics {
    /// Orders that users asked for.
    pub asked: u64,
    /// What users were told, or found out.
    pub answered: SortedMap<Answer, u64>,
    /// How long they waited for it, whatever it was.
    pub waited: Spans,
    /// How long they waited for good news: done, or accepted.
    pub waited_for_success: Spans,
    /// Orders that everybody who has to had worked on.
    pub fulfilled: u64,
    /// The time from asked to fulfilled.
    pub until_fulfilled: Spans,
    /// When the last order was fulfilled: by then a crowd is served.
    pub last_fulfilled: Option<Time>,
    /// Users who were told "done" or "accepted" before the order was fulfilled.
    pub told_early: u64,
    /// Users who were told "done" or "accepted" of an order that failed.
    pub disappointed: u64,
    /// Orders that were fulfilled although their users heard that they were not, or heard nothing.
    pub fulfilled_unknown: u64,
    /// Users who were let know afterwards, that it is done or that it failed.
    pub notified: u64,
    /// The time from asked to being let know.
    pub until_notified: Spans,
    /// What was counted of each service.
    pub services: SortedMap<NodeId, ServiceCounts>,
    /// Who was told good news, and whose order is not fulfilled yet.
    #[serde(skip)]
    told: BTreeMap<OrderId, Answer>,
    #[serde(skip)]
    done: BTreeSet<OrderId>,
}

impl OrderMetrics {
    /// Whether nobody ever asked for anything.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// How many users got this answer.
    pub fn answers(&self, answer: Answer) -> u64 {
        self.answered.get(&answer).copied().unwrap_or(0)
    }

    /// How many users got no good answer.
    pub fn errors(&self) -> u64 {
        self.answered.iter().filter(|(answer, _)| !answer.is_success()).map(|(_, count)| count).sum()
    }

    /// How many users wait for an answer.
    pub fn unanswered(&self) -> u64 {
        self.asked - self.answered.values().sum::<u64>()
    }

    /// Takes note of a fact.
    pub(super) fn observe(&mut self, at: Time, node: NodeId, event: &OrderEvent) {
        match event {
            OrderEvent::Asked { .. } => self.asked += 1,
            OrderEvent::Answered { order, answer, waited } => {
                *self.answered.entry(*answer).or_default() += 1;
                self.waited.add(*waited);
                let done = self.done.contains(order);
                if answer.is_success() {
                    self.waited_for_success.add(*waited);
                    self.told_early += u64::from(!done);
                } else {
                    self.fulfilled_unknown += u64::from(done);
                }
                self.told.insert(*order, *answer);
            }
            OrderEvent::Fulfilled { order, after } => {
                self.fulfilled += 1;
                self.until_fulfilled.add(*after);
                self.last_fulfilled = Some(at);
                self.done.insert(*order);
                let told = self.told.get(order);
                self.fulfilled_unknown += u64::from(told.is_some_and(|answer| !answer.is_success()));
            }
            OrderEvent::Disappointed { .. } => self.disappointed += 1,
            OrderEvent::Notified { after, .. } => {
                self.notified += 1;
                self.until_notified.add(*after);
            }
            OrderEvent::Waiting { ahead, .. } => {
                let counts = self.counts(node);
                counts.waiting_max = counts.waiting_max.max(*ahead + 1);
            }
            OrderEvent::TurnedAway { .. } => self.counts(node).turned_away += 1,
            OrderEvent::Began { .. } => self.counts(node).began += 1,
            OrderEvent::Worked { .. } => self.counts(node).worked += 1,
            OrderEvent::GaveUp { .. } => self.counts(node).gave_up += 1,
            OrderEvent::TriesAgain { .. } => self.counts(node).tried_again += 1,
            OrderEvent::Put { .. } => {}
        }
    }

    fn counts(&mut self, service: NodeId) -> &mut ServiceCounts {
        self.services.entry(service).or_default()
    }
}
