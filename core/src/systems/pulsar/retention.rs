//! What may go, and what goes though somebody still needs it? Three rules, which are easily mistaken for each other.
//!
//! ```text
//!                acknowledged by all      │ not acknowledged by some
//!   ├──── ledger 7 ────┼──── ledger 9 ────┼──── ledger 12 ─────▶
//!    retention:          how long what is  │ time to live:  when it counts as acknowledged all the same
//!    acknowledged is kept all the same     │ backlog quota: how much of it there may be, and what then
//! ```
//!
//! Without any of them a message is kept exactly as long as some subscription has not acknowledged it; where there is no
//! subscription, nothing is kept. Whole ledgers go, and never the one that is written to.
//!
//! Sources: Pulsar `ManagedLedgerConfig`, `ManagedLedgerImpl`, `BacklogQuotaManager`.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::cursor::Cursor;
use super::ledger::LedgerId;
use super::ledger_list::LedgerInfo;
use super::position::{Extents, Position};
use crate::time::{Span, Time};

/// To how many hundredths of the limit the slowest subscription is brought by eviction.
pub const EVICT_TO_PERCENT: u64 = 90;

/// How long, and how much of, what everybody has acknowledged is kept.
///
/// ```
/// use mqlab_core::systems::pulsar::Retention;
/// use mqlab_core::time::Span;
/// assert_eq!(Retention::default(), Retention { time: Some(Span::ZERO), bytes: Some(0) });
/// assert_eq!(Retention::FOREVER, Retention { time: None, bytes: None });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// At least so long, as long as there is room by `bytes`; for ever if there is no limit (-1 in Pulsar).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Span>,
    /// As long as the topic has no more than this; without a limit (-1 in Pulsar) as long as `time` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

impl Default for Retention {
    /// Nothing is kept (`defaultRetentionTimeInMinutes`, `defaultRetentionSizeInMB`: 0).
    fn default() -> Self {
        Self { time: Some(Span::ZERO), bytes: Some(0) }
    }
}

impl Retention {
    /// Everything is kept.
    pub const FOREVER: Self = Self { time: None, bytes: None };

    /// The ledgers that may go: closed, before `slowest`, and too old or too much. `slowest` is where the subscription is
    /// that has got least far; without subscriptions it is the end.
    ///
    /// ```
    /// use mqlab_core::systems::pulsar::{LedgerInfo, Position, Retention};
    /// use mqlab_core::systems::pulsar::ledger::LedgerId;
    /// use mqlab_core::time::{Span, Time};
    /// let ledger = |id, closed| LedgerInfo { ledger: LedgerId(id), entries: 10, bytes: 100, closed, offloaded: None };
    /// let list = [ledger(7, Some(Time(0))), ledger(9, Some(Time(5_000))), ledger(12, None)];
    /// let all_read = Position::new(LedgerId(12), 4);
    /// let now = Time(6_000);
    /// assert_eq!(Retention::default().gone(&list, all_read, now), [LedgerId(7), LedgerId(9)]);
    /// let for_3_ms = Retention { time: Some(Span::from_millis(3)), bytes: None };
    /// assert_eq!(for_3_ms.gone(&list, all_read, now), [LedgerId(7)]);
    /// ```
    pub fn gone(self, list: &[LedgerInfo], slowest: Position, now: Time) -> Vec<LedgerId> {
        let total: u64 = list.iter().map(|info| info.bytes).sum();
        let (mut gone, mut freed) = (Vec::new(), 0);
        for info in list {
            let Some(closed) = info.closed.filter(|_| info.ledger < slowest.ledger) else { break };
            let old = self.time.is_some_and(|time| now.since(closed) >= time);
            freed += info.bytes;
            // It goes if there is enough without it.
            let much = self.bytes.is_some_and(|bytes| total.saturating_sub(freed) >= bytes);
            if !old && !much {
                break;
            }
            gone.push(info.ledger);
        }
        gone
    }
}

/// Up to where a subscription's messages have been there for longer than they live: acknowledge up to there, inclusive.
/// `published` says when an entry was published, where that is known.
///
/// ```
/// use mqlab_core::systems::pulsar::{Cursor, Extents, Position, expired};
/// use mqlab_core::systems::pulsar::ledger::LedgerId;
/// use mqlab_core::time::{Span, Time};
/// let extents = Extents::from_iter([(LedgerId(7), 3)]);
/// let at = |entry| Position::new(LedgerId(7), entry);
/// let published = |position: Position| Some(Time(position.entry * 1_000)); // one a millisecond
/// let ttl = Span::from_millis(2);
/// assert_eq!(expired(&Cursor::new(at(0)), &extents, published, ttl, Time(3_000)), Some(at(1)));
/// assert_eq!(expired(&Cursor::new(at(2)), &extents, published, ttl, Time(3_000)), None);
/// ```
pub fn expired(
    cursor: &Cursor,
    extents: &Extents,
    published: impl Fn(Position) -> Option<Time>,
    ttl: Span,
    now: Time,
) -> Option<Position> {
    let (mut last, mut at) = (None, cursor.mark());
    while extents.contains(at) && published(at).is_some_and(|published| now.since(published) >= ttl) {
        last = Some(at);
        at = extents.after(at);
    }
    last
}

/// What happens where a backlog is too large.
///
/// ```
/// use mqlab_core::systems::pulsar::QuotaPolicy;
/// assert_eq!(QuotaPolicy::default(), QuotaPolicy::ProducerRequestHold);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuotaPolicy {
    /// Producers wait for an answer until there is room, or their time is over.
    #[default]
    ProducerRequestHold,
    /// Producers are refused.
    ProducerException,
    /// The slowest subscription loses its oldest messages.
    ConsumerBacklogEviction,
}

/// How much a topic's slowest subscription may be behind.
///
/// ```
/// use mqlab_core::systems::pulsar::{BacklogQuota, OverQuota, QuotaPolicy};
/// let quota = BacklogQuota { bytes: 1_000, policy: QuotaPolicy::ConsumerBacklogEviction };
/// assert_eq!(quota.check(1_000), None);
/// assert_eq!(quota.check(1_001), Some(OverQuota::Evict { down_to: 900 }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BacklogQuota {
    /// So many bytes; without a quota there is no limit, as by default.
    pub bytes: u64,
    /// What then.
    #[serde(default)]
    pub policy: QuotaPolicy,
}

/// What is to be done about a backlog that is too large.
///
/// ```
/// use mqlab_core::systems::pulsar::OverQuota;
/// assert_ne!(OverQuota::Hold, OverQuota::Refuse);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverQuota {
    /// Let producers wait.
    Hold,
    /// Refuse producers.
    Refuse,
    /// Acknowledge the slowest subscription's oldest entries, until so many bytes are left.
    Evict {
        /// Bytes.
        down_to: u64,
    },
}

impl BacklogQuota {
    /// What is to be done about a backlog of so many bytes.
    pub fn check(self, backlog: u64) -> Option<OverQuota> {
        (backlog > self.bytes).then_some(match self.policy {
            QuotaPolicy::ProducerRequestHold => OverQuota::Hold,
            QuotaPolicy::ProducerException => OverQuota::Refuse,
            QuotaPolicy::ConsumerBacklogEviction => OverQuota::Evict {
                down_to: self.bytes / 100 * EVICT_TO_PERCENT + self.bytes % 100 * EVICT_TO_PERCENT / 100,
            },
        })
    }
}
