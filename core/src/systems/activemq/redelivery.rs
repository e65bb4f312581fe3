//! How often, and how late, does a consumer try a message again that it could not process? By a policy of its client:
//! in ActiveMQ it is the consumer that counts and waits, not the broker.
//!
//! ```text
//!   delivered ── rolled back ──▶ 1 s ──▶ delivered ── rolled back ──▶ ... ──▶ the 7th time ──▶ poison: ActiveMQ.DLQ
//!                   nothing else is delivered to this consumer meanwhile: order is kept
//! ```
//!
//! Sources: ActiveMQ `RedeliveryPolicy.java`; `ActiveMQMessageConsumer.java#rollback`.

use crate::rng::Rng;
use crate::time::Span;

/// How often a message is tried again at most (`maximumRedeliveries`): so it is delivered once more than this.
pub const MAXIMUM_REDELIVERIES: u32 = 6;
/// How long a consumer waits before it tries again, at first and each time (`initialRedeliveryDelay`,
/// `redeliveryDelay`).
pub const REDELIVERY_DELAY: Span = Span::from_millis(1_000);
/// By how much each wait is longer than the one before, in hundredths, where waits grow (`backOffMultiplier` 5.0).
pub const BACK_OFF_MULTIPLIER_PERCENT: u32 = 500;
/// By how much a wait is made longer or shorter at most, in hundredths, where that is wanted
/// (`collisionAvoidanceFactor` 0.15).
pub const COLLISION_AVOIDANCE_PERCENT: u32 = 15;

/// When a consumer tries again.
///
/// ```
/// use mqlab_core::systems::activemq::RedeliveryPolicy;
/// use mqlab_core::time::Span;
/// let policy = RedeliveryPolicy { use_exponential_back_off: true, ..RedeliveryPolicy::default() };
/// let first = policy.initial_redelivery_delay;
/// assert_eq!(policy.next_delay(first), Span::from_millis(5_000));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedeliveryPolicy {
    /// How often it tries again; none for ever (ActiveMQ: -1).
    pub maximum_redeliveries: Option<u32>,
    /// How long it waits the first time.
    pub initial_redelivery_delay: Span,
    /// How long it waits after that, or begins to wait where waits grow and the first was none.
    pub redelivery_delay: Span,
    /// Whether waits grow.
    pub use_exponential_back_off: bool,
    /// By how much, in hundredths.
    pub back_off_multiplier_percent: u32,
    /// The longest wait; it is never less than `redelivery_delay`. None for no end.
    pub maximum_redelivery_delay: Option<Span>,
    /// By how much a wait differs at most, by chance, in hundredths; so that consumers that failed together do not try
    /// together. None: not at all.
    pub collision_avoidance_percent: Option<u32>,
}

impl Default for RedeliveryPolicy {
    fn default() -> Self {
        Self {
            maximum_redeliveries: Some(MAXIMUM_REDELIVERIES),
            initial_redelivery_delay: REDELIVERY_DELAY,
            redelivery_delay: REDELIVERY_DELAY,
            use_exponential_back_off: false,
            back_off_multiplier_percent: BACK_OFF_MULTIPLIER_PERCENT,
            maximum_redelivery_delay: None,
            collision_avoidance_percent: None,
        }
    }
}

impl RedeliveryPolicy {
    /// The wait after one that was so long, without chance.
    pub fn next_delay(&self, previous: Span) -> Span {
        let grows = self.use_exponential_back_off && self.back_off_multiplier_percent > 100;
        if !grows || previous == Span::ZERO {
            return self.redelivery_delay;
        }
        let longer = u128::from(previous.0) * u128::from(self.back_off_multiplier_percent) / 100;
        let longer = u64::try_from(longer).unwrap_or(u64::MAX);
        let most = self.maximum_redelivery_delay.map(|most| most.max(self.redelivery_delay));
        Span(most.map_or(longer, |most| longer.min(most.0)))
    }

    /// The same wait, a little longer or shorter by chance, where that is wanted.
    pub fn vary(&self, delay: Span, rng: &mut Rng) -> Span {
        let Some(percent) = self.collision_avoidance_percent else { return delay };
        let most = u64::try_from(u128::from(delay.0) * u128::from(percent) / 100).unwrap_or(u64::MAX);
        let by = rng.between(0, most);
        Span(if rng.below(2) == 0 { delay.0.saturating_add(by) } else { delay.0.saturating_sub(by) })
    }

    /// Whether a message that was tried again so often is not tried any more.
    pub fn is_poison(&self, redeliveries: u32) -> bool {
        self.maximum_redeliveries.is_some_and(|most| redeliveries > most)
    }
}
