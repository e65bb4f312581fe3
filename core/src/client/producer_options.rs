//! How does a producer send? What it waits for before a batch leaves, how long it tries, and whether once is once.

use core::fmt;

use serde::{Deserialize, Serialize};

use super::target::Target;
use crate::broker::{Acks, BATCHES_REMEMBERED, Settings};
use crate::time::Span;

/// The smallest limit on a batch's bytes: a header, and a little more.
pub const BATCH_BYTES_MIN: u32 = 100;

/// What a producer does, beyond sending each message at once and for ever.
///
/// ```
/// use mqlab_core::client::ProducerOptions;
/// use mqlab_core::time::Span;
/// let options: ProducerOptions = serde_json::from_str(r#"{ "idempotent": true, "linger": 5000 }"#)?; // microseconds
/// assert_eq!(options.linger, Span::from_millis(5));
/// assert_eq!(options.delivery_timeout, None);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProducerOptions {
    /// Whether its batches carry numbers, so that a partition stores none of them twice. It must send to a topic with
    /// `acks=all`, and have at most [`BATCHES_REMEMBERED`] requests under way to a partition. Off here, so that what
    /// happens without it can be seen. Kafka: on (`enable.idempotence`).
    #[serde(skip_serializing_if = "is_default")]
    pub idempotent: bool,
    /// A batch has no more bytes, if it has more than one message: from [`BATCH_BYTES_MIN`]. Without, it has at most
    /// [`BATCH_RECORDS_MAX`](super::BATCH_RECORDS_MAX) messages instead. Kafka: 16384 (`batch.size`).
    #[serde(skip_serializing_if = "is_default")]
    pub batch_bytes: Option<u32>,
    /// A batch that is not full waits so long for more messages, counted from its first one. Kafka: 5 ms since 4.0, 0
    /// before (`linger.ms`).
    #[serde(skip_serializing_if = "is_default")]
    pub linger: Span,
    /// A message that is not acknowledged so long after it was handed over is given up: it may be stored, or not.
    /// Without, a producer tries for ever. Kafka: 2 minutes (`delivery.timeout.ms`).
    #[serde(skip_serializing_if = "is_default")]
    pub delivery_timeout: Option<Span>,
    /// Whether messages without a key fill one partition's batch after another, each partition drawn by chance, rather
    /// than go to all partitions in turn. Kafka: so since 2.4, and by bytes since 3.3 (KIP-480, KIP-794).
    #[serde(skip_serializing_if = "is_default")]
    pub sticky: bool,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Why a producer cannot work so.
///
/// ```
/// use mqlab_core::broker::{Acks, Settings};
/// use mqlab_core::client::{BadOptions, ProducerOptions, Target};
/// use mqlab_core::ids::Name;
/// let options = ProducerOptions { idempotent: true, ..ProducerOptions::default() };
/// let target = Target::Topic(Name::new("orders")?, Acks::Leader);
/// let refused = options.check(&target, &Settings::default());
/// assert_eq!(refused, Err(BadOptions::NotAll));
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadOptions {
    /// Only topics know a batch again.
    NoTopic,
    /// What one broker alone has may be lost with it, and then the numbers have a gap.
    NotAll,
    /// A partition remembers fewer batches than may be under way.
    InFlight(u32),
    /// No message fits so small a batch.
    BatchBytes(u32),
    /// Whoever gives up before an answer can have come would give up everything.
    DeliveryTimeout(Span),
}

impl fmt::Display for BadOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTopic => {
                f.write_str("only a topic stores a batch once: idempotent and sticky need a topic")
            }
            Self::NotAll => f.write_str("an idempotent producer needs acks all"),
            Self::InFlight(most) => write!(
                f,
                "an idempotent producer has at most {BATCHES_REMEMBERED} requests under way, in_flight_max is {most}"
            ),
            Self::BatchBytes(bytes) => write!(f, "batch_bytes is {bytes}, use at least {BATCH_BYTES_MIN}"),
            Self::DeliveryTimeout(span) => {
                write!(f, "delivery_timeout is {span}, use at least linger and request_timeout together")
            }
        }
    }
}

impl core::error::Error for BadOptions {}

impl ProducerOptions {
    /// Whether nothing is said.
    pub(crate) fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a producer can work so.
    ///
    /// # Errors
    ///
    /// [`BadOptions`] with the first thing that is wrong.
    pub fn check(&self, target: &Target, settings: &Settings) -> Result<(), BadOptions> {
        let Settings { in_flight_max, request_timeout, .. } = *settings;
        match target {
            Target::Topic(_, acks) if self.idempotent && *acks != Acks::All => {
                return Err(BadOptions::NotAll);
            }
            Target::Topic(..) => {}
            _ if self.idempotent || self.sticky => return Err(BadOptions::NoTopic),
            _ => {}
        }
        if self.idempotent && in_flight_max as usize > BATCHES_REMEMBERED {
            return Err(BadOptions::InFlight(in_flight_max));
        }
        if let Some(bytes) = self.batch_bytes.filter(|bytes| *bytes < BATCH_BYTES_MIN) {
            return Err(BadOptions::BatchBytes(bytes));
        }
        match self.delivery_timeout {
            Some(span) if span.0 < self.linger.0.saturating_add(request_timeout.0) => {
                Err(BadOptions::DeliveryTimeout(span))
            }
            _ => Ok(()),
        }
    }
}
