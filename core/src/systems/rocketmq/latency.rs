//! Which brokers does a producer avoid for a while? Those that answered late: the later, the longer.
//!
//! | the last send took at least | the broker is avoided for |
//! |---|---|
//! | 50 ms, 100 ms | not at all |
//! | 550 ms | 2 s |
//! | 1.8 s | 5 s |
//! | 3 s | 6 s |
//! | 5 s | 10 s |
//! | 15 s | 30 s |
//!
//! A send that failed counts as one that took 10 s. The strategy is off by default: then a producer avoids only the broker of
//! its last attempt.
//!
//! Source: `MQFaultStrategy.java`, `LatencyFaultToleranceImpl.java`.

use alloc::collections::BTreeMap;
use alloc::string::String;

use crate::time::{Span, Time};

/// From which latency on a broker is avoided, and for how long, in milliseconds; from the greatest down.
pub const AVOIDED_MILLIS: [(u64, u64); 7] =
    [(15_000, 30_000), (5_000, 10_000), (3_000, 6_000), (1_800, 5_000), (550, 2_000), (100, 0), (50, 0)];

/// What a send that failed counts as.
pub const FAILED_COUNTS_AS: Span = Span::from_millis(10_000);

/// For how long a broker is avoided that answered after `latency`.
///
/// ```
/// use mqlab_core::systems::rocketmq::latency::avoided_for;
/// use mqlab_core::time::Span;
/// assert_eq!(avoided_for(Span::from_millis(600)), Span::from_millis(2_000));
/// ```
pub fn avoided_for(latency: Span) -> Span {
    let found = AVOIDED_MILLIS.iter().find(|(least, _)| latency >= Span::from_millis(*least));
    found.map_or(Span::ZERO, |(_, avoided)| Span::from_millis(*avoided))
}

/// What a producer remembers of the brokers.
///
/// ```
/// use mqlab_core::systems::rocketmq::latency::FaultStrategy;
/// use mqlab_core::time::{Span, Time};
/// let mut strategy = FaultStrategy::default();
/// strategy.sent(Time::ZERO, "broker-a", Some(Span::from_millis(700)));
/// assert!(!strategy.is_available(Time(1_999_999), "broker-a"));
/// assert!(strategy.is_available(Time(2_000_000), "broker-a"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct FaultStrategy {
    until: BTreeMap<String, Time>,
}

impl FaultStrategy {
    /// A send to this broker was answered after so long, or failed.
    pub fn sent(&mut self, now: Time, broker: &str, latency: Option<Span>) {
        let until = now + avoided_for(latency.unwrap_or(FAILED_COUNTS_AS));
        self.until.insert(broker.into(), until);
    }

    /// Whether the broker is not avoided.
    pub fn is_available(&self, now: Time, broker: &str) -> bool {
        self.until.get(broker).is_none_or(|until| now >= *until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_rocketmq_s() {
        let rows = [
            (49, 0),
            (50, 0),
            (549, 0),
            (550, 2_000),
            (1_799, 2_000),
            (1_800, 5_000),
            (3_000, 6_000),
            (5_000, 10_000),
            (14_999, 10_000),
            (15_000, 30_000),
        ];
        for (latency, avoided) in rows {
            assert_eq!(avoided_for(Span::from_millis(latency)), Span::from_millis(avoided), "{latency} ms");
        }
    }
}
