//! Which partition does a message go to? Its producer decides: by key, or so that batches get large.
//!
//! ```text
//!   with a key      hash(key) mod partitions              what has one key stays in one order
//!   without, dealt  0 0 0 0 │ 1 1 1 1 │ 2 2 2 2 │ 0 ...   a partition keeps its turn for one batch window
//!   without, single 1 1 1 1 1 1 1 1 ...                   the partition that was drawn when the producer was made
//! ```
//!
//! The window ends when a batch would be full: by messages, by bytes, or by time. So a batch goes to one partition
//! whole, and dealing costs no larger number of requests than one partition would.
//!
//! Source: Pulsar's Go client `default_router.go`, Java `RoundRobinPartitionMessageRouterImpl`,
//! `ProducerConfigurationData`.

use serde::{Deserialize, Serialize};

use super::hash::HashingScheme;
use crate::rng::Rng;
use crate::time::{Span, Time};

/// How many messages one partition gets before it is the next one's turn (`batchingMaxMessages`).
pub const WINDOW_MESSAGES: u32 = 1_000;

/// How many bytes one partition gets before it is the next one's turn (`batchingMaxBytes`).
pub const WINDOW_BYTES: u64 = 128 * 1024;

/// How long one partition gets messages: ten times the longest wait of a batch, 1 ms
/// (`batchingMaxPublishDelay`, `batchingPartitionSwitchFrequencyByPublishDelay`).
pub const WINDOW_TIME: Span = Span::from_millis(10);

/// Where messages without a key go.
///
/// ```
/// use mqlab_core::systems::pulsar::RoutingMode;
/// assert_eq!(RoutingMode::default(), RoutingMode::RoundRobin);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoutingMode {
    /// To each partition for one batch window.
    #[default]
    RoundRobin,
    /// All to one, which is drawn once.
    SinglePartition,
}

/// How much goes to one partition before it is the next one's turn.
///
/// ```
/// use mqlab_core::systems::pulsar::Window;
/// use mqlab_core::time::Span;
/// let window = Window::default();
/// assert_eq!((window.messages, window.bytes, window.time), (1_000, 131_072, Span::from_millis(10)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Messages.
    pub messages: u32,
    /// Bytes of payload.
    pub bytes: u64,
    /// Time since its first message.
    pub time: Span,
}

impl Default for Window {
    fn default() -> Self {
        Self { messages: WINDOW_MESSAGES, bytes: WINDOW_BYTES, time: WINDOW_TIME }
    }
}

/// Chooses partitions for one producer.
///
/// ```
/// use mqlab_core::rng::{Rng, Stream};
/// use mqlab_core::systems::pulsar::{HashingScheme, Router, RoutingMode, Window};
/// use mqlab_core::time::{Span, Time};
/// let window = Window { messages: 2, ..Window::default() };
/// let mut rng = Rng::new(7, Stream::Workload);
/// let mut router = Router::new(RoutingMode::RoundRobin, HashingScheme::default(), window, 3, &mut rng);
/// let first = router.choose(Time::ZERO, None, 10);
/// assert_eq!(router.choose(Time::ZERO, None, 10), first);
/// assert_eq!(router.choose(Time::ZERO, None, 10), (first + 1) % 3);
/// assert_eq!(router.choose(Time::ZERO, Some("hello"), 10), 0x5e9_18d2 % 3);
/// ```
#[derive(Clone, Debug)]
pub struct Router {
    mode: RoutingMode,
    hashing: HashingScheme,
    window: Window,
    partitions: u32,
    /// Whose turn it is.
    current: u32,
    /// What it got in this window.
    messages: u32,
    bytes: u64,
    since: Option<Time>,
}

impl Router {
    /// A router over so many partitions, which begins at one that is drawn.
    pub fn new(
        mode: RoutingMode,
        hashing: HashingScheme,
        window: Window,
        partitions: u32,
        rng: &mut Rng,
    ) -> Self {
        let current = rng.below(partitions.into()) as u32;
        Self { mode, hashing, window, partitions, current, messages: 0, bytes: 0, since: None }
    }

    /// The partition of a message of so many bytes; 0 when there are none. `key` is its ordering key if it has one, else
    /// its key.
    pub fn choose(&mut self, now: Time, key: Option<&str>, bytes: u64) -> u32 {
        if self.partitions < 2 {
            return 0;
        }
        if let Some(key) = key {
            return self.hashing.hash(key) % self.partitions;
        }
        if self.mode == RoutingMode::RoundRobin {
            self.deal(now, bytes);
        }
        self.current
    }

    /// Ends the window if the message does not fit it any more, and counts the message.
    fn deal(&mut self, now: Time, bytes: u64) {
        let Window { messages, bytes: bytes_max, time } = self.window;
        let over = |since: Time| {
            self.messages >= messages
                || self.bytes.saturating_add(bytes) > bytes_max
                || now.since(since) >= time
        };
        match self.since {
            Some(since) if !over(since) => {}
            Some(_) => {
                self.current = (self.current + 1) % self.partitions;
                (self.messages, self.bytes, self.since) = (0, 0, Some(now));
            }
            None => self.since = Some(now),
        }
        self.messages = self.messages.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// The topic has more partitions now; keys may go elsewhere from here on.
    pub fn set_partitions(&mut self, partitions: u32) {
        self.partitions = partitions;
        self.current = self.current.checked_rem(partitions).unwrap_or(0);
    }
}
