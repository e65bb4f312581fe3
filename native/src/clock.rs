//! What time is it? The moment that a host of the engine hands in.

use std::time::{SystemTime, UNIX_EPOCH};

use mqlab_core::time::Time;

/// The machine's time: microseconds since 1970, so that what was stored before a restart has the right age after it.
///
/// When somebody sets the clock back, waits become longer by as much; nothing is lost.
///
/// ```
/// let now = mqlab::now();
/// assert!(now.as_millis() > 1_600_000_000_000, "it is later than 2020");
/// ```
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}
