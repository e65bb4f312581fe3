//! Which numbers has a workload, and within which limits?
//!
//! | field | unit | least | most |
//! |---|---|---|---|
//! | `producers`, `consumers` | clients | 1 | 100 |
//! | `messages` | messages, of all producers together | 1 | 1,000,000 |
//! | `every` | microseconds between two bursts | 1 | 600,000,000 |
//! | `burst` | messages | 1 | 10,000 |
//! | `bytes` | bytes of a message | 0 | 1,048,576 |
//! | `keys` | letters | 0 | 26 |
//! | `work` | microseconds for each message | 1 | 600,000,000 |
//! | `latency_low`, `latency_high` | microseconds of a packet's way | 1 | 600,000,000 |
//! | `readers_at` | microseconds until consumers come | 0 | 600,000,000 |
//! | `ends_at` | microseconds | 1 | 600,000,000 |

use super::super::draft::BODY_BYTES_MAX;
use super::super::scenario::{BURST_MAX, RUN_MICROS_MAX};
use super::Workload;

/// The most messages of a workload.
pub const WORKLOAD_MESSAGES_MAX: u64 = 1_000_000;
/// The most producers, and the most consumers.
const CLIENTS: u64 = 100;
/// The most keys: the letters from A to Z.
const KEYS: u64 = 26;

/// A number of a workload.
///
/// ```
/// use mqlab_core::sim::compare::{Field, Workload};
/// let mut workload = Workload::built_in("steady").ok_or("no such workload")?;
/// assert_eq!(Field::Messages.of(&workload), 2_000);
/// assert!(Field::Messages.set(&mut workload, 500) && workload.messages == 500);
/// assert!(!Field::Keys.set(&mut workload, 27), "there are 26 letters");
/// assert_eq!(Field::by_name("bytes"), Some(Field::Bytes));
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// How many producers there are.
    Producers,
    /// How many consumers there are.
    Consumers,
    /// How many messages are sent, by all producers together.
    Messages,
    /// The time between two bursts of one producer, in microseconds.
    Every,
    /// How many messages come in one burst.
    Burst,
    /// How many bytes each message has.
    Bytes,
    /// How many keys there are.
    Keys,
    /// How long a consumer works on a message, in microseconds.
    Work,
    /// The shortest way of a packet, in microseconds.
    LatencyLow,
    /// The longest way of a packet, in microseconds.
    LatencyHigh,
    /// When the consumers come, in microseconds.
    ReadersAt,
    /// When the run is over, in microseconds.
    EndsAt,
}

impl Field {
    /// All of them, as a form shows them.
    pub const ALL: [Self; 12] = [
        Self::Messages,
        Self::Bytes,
        Self::Producers,
        Self::Consumers,
        Self::Burst,
        Self::Every,
        Self::Keys,
        Self::Work,
        Self::LatencyLow,
        Self::LatencyHigh,
        Self::ReadersAt,
        Self::EndsAt,
    ];

    /// Its name, as a link has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Producers => "producers",
            Self::Consumers => "consumers",
            Self::Messages => "messages",
            Self::Every => "every",
            Self::Burst => "burst",
            Self::Bytes => "bytes",
            Self::Keys => "keys",
            Self::Work => "work",
            Self::LatencyLow => "latency_low",
            Self::LatencyHigh => "latency_high",
            Self::ReadersAt => "readers_at",
            Self::EndsAt => "ends_at",
        }
    }

    /// The field of a name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    /// What it counts, in words for an error.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Producers => "producers",
            Self::Consumers => "consumers",
            Self::Messages => "messages",
            Self::Every => "microseconds between two bursts",
            Self::Burst => "messages in a burst",
            Self::Bytes => "bytes of a message",
            Self::Keys => "keys",
            Self::Work => "microseconds of work",
            Self::LatencyLow => "microseconds of the shortest way",
            Self::LatencyHigh => "microseconds of the longest way",
            Self::ReadersAt => "microseconds until consumers come",
            Self::EndsAt => "microseconds until the end",
        }
    }

    /// The least and the most that it may be.
    pub const fn limits(self) -> (u64, u64) {
        match self {
            Self::Producers | Self::Consumers => (1, CLIENTS),
            Self::Messages => (1, WORKLOAD_MESSAGES_MAX),
            Self::Burst => (1, BURST_MAX as u64),
            Self::Bytes => (0, BODY_BYTES_MAX as u64),
            Self::Keys => (0, KEYS),
            Self::ReadersAt => (0, RUN_MICROS_MAX),
            Self::Every | Self::Work | Self::LatencyLow | Self::LatencyHigh | Self::EndsAt => {
                (1, RUN_MICROS_MAX)
            }
        }
    }

    /// What it is.
    pub fn of(self, workload: &Workload) -> u64 {
        match self {
            Self::Producers => workload.producers.into(),
            Self::Consumers => workload.consumers.into(),
            Self::Messages => workload.messages,
            Self::Every => workload.every,
            Self::Burst => workload.burst.into(),
            Self::Bytes => workload.bytes.into(),
            Self::Keys => workload.keys.into(),
            Self::Work => workload.work,
            Self::LatencyLow => workload.latency.0,
            Self::LatencyHigh => workload.latency.1,
            Self::ReadersAt => workload.readers_at,
            Self::EndsAt => workload.ends_at,
        }
    }

    /// Makes it so; `false`, and nothing is changed, where it is out of its limits.
    pub fn set(self, workload: &mut Workload, to: u64) -> bool {
        let (least, most) = self.limits();
        if !(least..=most).contains(&to) {
            return false;
        }
        // The limits fit into the types.
        match self {
            Self::Producers => workload.producers = to as u16,
            Self::Consumers => workload.consumers = to as u16,
            Self::Messages => workload.messages = to,
            Self::Every => workload.every = to,
            Self::Burst => workload.burst = to as u32,
            Self::Bytes => workload.bytes = to as u32,
            Self::Keys => workload.keys = to as u8,
            Self::Work => workload.work = to,
            Self::LatencyLow => workload.latency.0 = to,
            Self::LatencyHigh => workload.latency.1 = to,
            Self::ReadersAt => workload.readers_at = to,
            Self::EndsAt => workload.ends_at = to,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_its_name_and_keeps_its_limits() {
        for field in Field::ALL {
            assert_eq!(Field::by_name(field.name()), Some(field));
            let (least, most) = field.limits();
            let mut workload = Workload::built_in("steady").expect("it is there");
            for good in [least, most] {
                assert!(field.set(&mut workload, good), "{}", field.name());
                assert_eq!(field.of(&workload), good, "{}", field.name());
            }
            for bad in [least.checked_sub(1), Some(most + 1), Some(u64::MAX)].into_iter().flatten() {
                assert!(!field.set(&mut workload, bad), "{} {bad}", field.name());
                assert_eq!(field.of(&workload), most, "nothing changed");
            }
        }
    }
}
