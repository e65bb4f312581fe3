//! Which queue do a client's arguments ask for? RabbitMQ's `x-` arguments, read into what the engine calls the same; or
//! 406 PRECONDITION_FAILED, with the argument and the reason.
//!
//! | argument | for | here |
//! |---|---|---|
//! | `x-queue-type` | | `classic` (default), `quorum`, `stream` |
//! | `x-message-ttl` | classic, quorum | `ttl`, 0 and more ms |
//! | `x-expires` | classic, quorum | `unused_max`, more than 0 ms |
//! | `x-max-length`, `x-max-length-bytes` | classic, quorum; bytes also stream | `length_max`, `bytes_max` |
//! | `x-overflow` | classic, quorum | `drop-head` (default), `reject-publish`; `reject-publish-dlx` classic only |
//! | `x-dead-letter-exchange`, `x-dead-letter-routing-key` | classic, quorum | `dead_letter`; a key alone is an error |
//! | `x-dead-letter-strategy` | quorum | `at-most-once` (default), `at-least-once` (with `reject-publish`, or it is the other) |
//! | `x-single-active-consumer` | classic, quorum | `single_active` |
//! | `x-max-priority` | classic | `priority_max`, 0 to 255 |
//! | `x-delivery-limit` | quorum | `delivery_limit`, 20 by default; -1 for none |
//! | `x-quorum-initial-group-size` | quorum | members, 3 by default |
//! | `x-max-age`, `x-stream-max-segment-size-bytes` | stream | retention: `7D`, `12h`, ...; bytes, 500,000,000 by default |
//!
//! An argument that no queue knows is nobody's business: it is kept and ignored, as there.
//!
//! Sources: `rabbit_amqqueue.erl#declare_args`, `rabbit_queue_type.erl` (which type takes which), `rabbit_misc.erl`
//! (`check_expiry`); RabbitMQ, "Queues", "Quorum Queues", "Streams". Words of reasons are those of the first.

use alloc::format;
use alloc::string::{String, ToString as _};
use core::fmt;

use super::fifo::{DELIVERY_LIMIT, DeadLetters, FifoOptions};
use super::quorum::QUORUM_MEMBERS;
use crate::message::{Headers, Value};
use crate::queue::{DeadLetter, Overflow, PRIORITY_MAX, QueueOptions};
use crate::time::Span;

/// The longest time to live, in milliseconds: 2^32 - 1 (RabbitMQ's `MAX_EXPIRY_TIMER`).
pub const EXPIRY_MAX_MILLIS: i64 = 4_294_967_295;
/// How large a segment of a stream is by default, in bytes (`x-stream-max-segment-size-bytes`).
pub const STREAM_SEGMENT_BYTES: u64 = 500_000_000;

/// A queue that was asked for.
///
/// ```
/// use mqlab_core::message::Headers;
/// use mqlab_core::systems::rabbitmq::{Declared, declare};
/// let mut arguments = Headers::default();
/// arguments.insert("x-queue-type", "quorum");
/// arguments.insert("x-delivery-limit", 5);
/// let Declared::Quorum { options, members, .. } = declare(&arguments)? else { panic!("it is one") };
/// assert_eq!((options.delivery_limit, members), (Some(5), 3));
/// # Ok::<(), mqlab_core::systems::rabbitmq::PreconditionFailed>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Declared {
    /// On one broker.
    Classic(QueueOptions),
    /// A Raft of its own.
    Quorum {
        /// What it does with its messages.
        options: FifoOptions,
        /// How many members it begins with.
        members: usize,
        /// Where dead letters go.
        dead_letter: Option<DeadLetter>,
        /// How long nobody uses it before it goes.
        unused_max: Option<Span>,
    },
    /// A log.
    Stream {
        /// The most bytes that it keeps.
        bytes_max: Option<u64>,
        /// How long it keeps them.
        age_max: Option<Span>,
        /// How large its segments are, in bytes.
        segment_bytes: u64,
    },
}

/// An argument that cannot be: AMQP's 406.
///
/// ```
/// use mqlab_core::message::Headers;
/// use mqlab_core::systems::rabbitmq::declare;
/// let mut arguments = Headers::default();
/// arguments.insert("x-message-ttl", -1);
/// let error = declare(&arguments).expect_err("no time is less than none");
/// assert_eq!(error.to_string(), "PRECONDITION_FAILED - invalid arg 'x-message-ttl': {value_negative,-1}");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreconditionFailed {
    /// Which argument.
    pub argument: String,
    /// What is wrong with it.
    pub why: String,
}

impl PreconditionFailed {
    /// AMQP's reply code: it closes the channel.
    pub const CODE: u16 = 406;
}

impl fmt::Display for PreconditionFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PRECONDITION_FAILED - invalid arg '{}': {}", self.argument, self.why)
    }
}

impl core::error::Error for PreconditionFailed {}

type Result<T> = core::result::Result<T, PreconditionFailed>;

fn bad<T>(argument: &str, why: impl Into<String>) -> Result<T> {
    Err(PreconditionFailed { argument: argument.to_string(), why: why.into() })
}

/// Which types of queue take an argument.
const TAKEN: [(&str, &[&str]); 15] = [
    ("x-message-ttl", &["classic", "quorum"]),
    ("x-expires", &["classic", "quorum"]),
    ("x-max-length", &["classic", "quorum"]),
    ("x-max-length-bytes", &["classic", "quorum", "stream"]),
    ("x-overflow", &["classic", "quorum"]),
    ("x-dead-letter-exchange", &["classic", "quorum"]),
    ("x-dead-letter-routing-key", &["classic", "quorum"]),
    ("x-dead-letter-strategy", &["quorum"]),
    ("x-single-active-consumer", &["classic", "quorum"]),
    ("x-max-priority", &["classic"]),
    ("x-delivery-limit", &["quorum"]),
    ("x-quorum-initial-group-size", &["quorum"]),
    ("x-max-age", &["stream"]),
    ("x-stream-max-segment-size-bytes", &["stream"]),
    ("x-queue-type", &["classic", "quorum", "stream"]),
];

/// The arguments of one declaration.
struct Arguments<'a>(&'a Headers);

/// How a value's type is called in AMQP's tables.
fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "void",
        Value::Bool(_) => "bool",
        Value::Int(_) => "long",
        Value::Double(_) => "double",
        Value::Text(_) => "longstr",
        _ => "binary",
    }
}

impl Arguments<'_> {
    fn integer(&self, name: &str) -> Result<Option<i64>> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Int(number)) => Ok(Some(*number)),
            Some(other) => bad(name, format!("{{unacceptable_type,{}}}", type_of(other))),
        }
    }

    fn not_negative(&self, name: &str) -> Result<Option<u64>> {
        match self.integer(name)? {
            Some(number) => match u64::try_from(number) {
                Ok(number) => Ok(Some(number)),
                Err(_) => bad(name, format!("{{value_negative,{number}}}")),
            },
            None => Ok(None),
        }
    }

    fn span(&self, name: &str) -> Result<Option<Span>> {
        match self.not_negative(name)? {
            Some(millis) if millis > EXPIRY_MAX_MILLIS as u64 => {
                bad(name, format!("{{value_too_big,{millis}}}"))
            }
            millis => Ok(millis.map(Span::from_millis)),
        }
    }

    fn text(&self, name: &str) -> Result<Option<&str>> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(&**text)),
            Some(other) => bad(name, format!("{{unacceptable_type,{}}}", type_of(other))),
        }
    }

    fn flag(&self, name: &str) -> Result<bool> {
        match self.0.get(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => bad(name, format!("{{unacceptable_type,{}}}", type_of(other))),
        }
    }

    fn dead_letter(&self) -> Result<Option<DeadLetter>> {
        let key = self.text("x-dead-letter-routing-key")?;
        match (self.text("x-dead-letter-exchange")?, key) {
            (None, Some(_)) => bad("x-dead-letter-routing-key", "routing_key_but_no_dlx_defined"),
            (None, None) => Ok(None),
            (Some(exchange), key) => {
                Ok(Some(DeadLetter { exchange: exchange.into(), routing_key: key.map(Into::into) }))
            }
        }
    }

    fn unused(&self) -> Result<Option<Span>> {
        match self.span("x-expires")? {
            Some(Span::ZERO) => bad("x-expires", "{value_zero,0}"),
            span => Ok(span),
        }
    }

    fn overflow(&self) -> Result<Overflow> {
        match self.text("x-overflow")? {
            None | Some("drop-head") => Ok(Overflow::DropHead),
            Some("reject-publish") => Ok(Overflow::RejectPublish),
            Some("reject-publish-dlx") => Ok(Overflow::RejectPublishDeadLetter),
            Some(_) => bad("x-overflow", "invalid_overflow"),
        }
    }

    fn classic(&self) -> Result<QueueOptions> {
        let priority_max = match self.not_negative("x-max-priority")? {
            Some(most) if most > u64::from(PRIORITY_MAX) => {
                return bad("x-max-priority", format!("{{max_value_exceeded,{most}}}"));
            }
            most => most.unwrap_or_default() as u8,
        };
        Ok(QueueOptions {
            priority_max,
            ttl: self.span("x-message-ttl")?,
            unused_max: self.unused()?,
            length_max: self.not_negative("x-max-length")?,
            bytes_max: self.not_negative("x-max-length-bytes")?,
            overflow: self.overflow()?,
            dead_letter: self.dead_letter()?,
            single_active: self.flag("x-single-active-consumer")?,
            ..QueueOptions::default()
        })
    }

    fn quorum(&self) -> Result<Declared> {
        let overflow = self.overflow()?;
        if overflow == Overflow::RejectPublishDeadLetter {
            return bad("x-overflow", "reject-publish-dlx is not supported by quorum queues");
        }
        let dead_letter = self.dead_letter()?;
        let reject_publish = overflow == Overflow::RejectPublish;
        let dead_letters = match self.text("x-dead-letter-strategy")? {
            None | Some("at-most-once") if dead_letter.is_none() => DeadLetters::Dropped,
            Some("at-least-once") if dead_letter.is_none() => DeadLetters::Dropped,
            Some("at-least-once") if reject_publish => DeadLetters::AtLeastOnce,
            None | Some("at-most-once" | "at-least-once") => DeadLetters::AtMostOnce,
            Some(_) => return bad("x-dead-letter-strategy", "invalid_dlx_strategy"),
        };
        let delivery_limit = match self.integer("x-delivery-limit")? {
            None => Some(DELIVERY_LIMIT),
            Some(limit) if limit < 0 => None,
            Some(limit) => Some(u32::try_from(limit).unwrap_or(u32::MAX)),
        };
        let members = match self.not_negative("x-quorum-initial-group-size")? {
            None => QUORUM_MEMBERS,
            Some(0) => return bad("x-quorum-initial-group-size", "{value_zero,0}"),
            Some(members) => usize::try_from(members).unwrap_or(usize::MAX),
        };
        let options = FifoOptions {
            ttl: self.span("x-message-ttl")?,
            length_max: self.not_negative("x-max-length")?,
            bytes_max: self.not_negative("x-max-length-bytes")?,
            reject_publish,
            delivery_limit,
            single_active: self.flag("x-single-active-consumer")?,
            dead_letters,
            ..FifoOptions::default()
        };
        Ok(Declared::Quorum { options, members, dead_letter, unused_max: self.unused()? })
    }

    fn stream(&self) -> Result<Declared> {
        let age_max = match self.text("x-max-age")? {
            None => None,
            Some(text) => match age(text) {
                Some(age) => Some(age),
                None => return bad("x-max-age", "invalid_max_age"),
            },
        };
        let segment_bytes = self.not_negative("x-stream-max-segment-size-bytes")?;
        Ok(Declared::Stream {
            bytes_max: self.not_negative("x-max-length-bytes")?,
            age_max,
            segment_bytes: segment_bytes.unwrap_or(STREAM_SEGMENT_BYTES),
        })
    }
}

/// A span of years, months, days, hours, minutes or seconds: `1Y`, `2M`, `7D`, `12h`, `30m`, `45s`.
fn age(text: &str) -> Option<Span> {
    let unit = text.chars().next_back()?;
    let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
    let seconds = match unit {
        'Y' => 365 * 24 * 60 * 60,
        'M' => 30 * 24 * 60 * 60,
        'D' => 24 * 60 * 60,
        'h' => 60 * 60,
        'm' => 60,
        's' => 1,
        _ => return None,
    };
    Some(Span(number.checked_mul(seconds)?.checked_mul(1_000_000)?))
}

/// Reads the arguments of `queue.declare`.
///
/// # Errors
///
/// [`PreconditionFailed`] with the first argument that is wrong, or that the type of queue does not take.
pub fn declare(arguments: &Headers) -> Result<Declared> {
    let arguments = Arguments(arguments);
    let kind = arguments.text("x-queue-type")?.unwrap_or("classic");
    if !["classic", "quorum", "stream"].contains(&kind) {
        return bad("x-queue-type", format!("unsupported queue type '{kind}'"));
    }
    for (name, _) in arguments.0.iter() {
        if TAKEN.iter().any(|(taken, by)| *taken == name && !by.contains(&kind)) {
            return bad(name, format!("not supported by queue type {kind}"));
        }
    }
    match kind {
        "quorum" => arguments.quorum(),
        "stream" => arguments.stream(),
        _ => arguments.classic().map(Declared::Classic),
    }
}
