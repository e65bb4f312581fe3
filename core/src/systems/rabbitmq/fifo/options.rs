//! What may a quorum queue do with its messages?

use crate::time::Span;

/// How often a message may come back by default (RabbitMQ 4.0: `x-delivery-limit` 20; before there was no limit).
pub const DELIVERY_LIMIT: u32 = 20;
/// A quorum queue has the priorities from 0 to this (RabbitMQ 4.3).
pub const QUORUM_PRIORITY_MAX: u8 = 31;
/// The priority of a message that names none, as JMS and AMQP 1.0 have it (RabbitMQ 4.3).
pub const QUORUM_PRIORITY_DEFAULT: u8 = 4;
/// A queue that refused publishers takes them again when it has at most so many hundredths of what it may have
/// (RabbitMQ: `LOW_LIMIT` 0.8).
pub const LOW_LIMIT_PERCENT: u64 = 80;

/// What a quorum queue does.
///
/// ```
/// use mqlab_core::systems::rabbitmq::FifoOptions;
/// assert_eq!(FifoOptions::default().delivery_limit, Some(20));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FifoOptions {
    /// How long messages live; the shorter of this and a message's own counts (`x-message-ttl`).
    pub ttl: Option<Span>,
    /// The most messages that are ready (`x-max-length`).
    pub length_max: Option<u64>,
    /// The most bytes of bodies that are ready (`x-max-length-bytes`).
    pub bytes_max: Option<u64>,
    /// Whether publishers are refused while there is more (`reject-publish`), or the head goes (`drop-head`). What is
    /// under way when the limit is passed is still taken, so the limit is a soft one.
    pub reject_publish: bool,
    /// How often a message may come back before it dies; so it is delivered once more than this. None: what comes back
    /// goes to the end (`x-delivery-limit` -1).
    pub delivery_limit: Option<u32>,
    /// What counts towards the limit.
    pub counting: Counting,
    /// Whether one consumer at a time is served (`x-single-active-consumer`).
    pub single_active: bool,
    /// What becomes of messages that die.
    pub dead_letters: DeadLetters,
}

impl Default for FifoOptions {
    fn default() -> Self {
        Self {
            ttl: None,
            length_max: None,
            bytes_max: None,
            reject_publish: false,
            delivery_limit: Some(DELIVERY_LIMIT),
            counting: Counting::default(),
            single_active: false,
            dead_letters: DeadLetters::default(),
        }
    }
}

/// What counts towards the delivery limit.
///
/// ```
/// use mqlab_core::systems::rabbitmq::Counting;
/// assert_eq!(Counting::default(), Counting::Failures);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Counting {
    /// A reject, and the end of a consumer; not a nack (RabbitMQ 4.3).
    #[default]
    Failures,
    /// Whatever comes back (RabbitMQ up to 4.2).
    Returns,
}

/// What becomes of messages that die.
///
/// ```
/// use mqlab_core::systems::rabbitmq::DeadLetters;
/// assert_eq!(DeadLetters::default(), DeadLetters::Dropped);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeadLetters {
    /// They are gone: no dead-letter exchange is named.
    #[default]
    Dropped,
    /// The leader sends them on and forgets them: its crash at that moment loses them (`at-most-once`, RabbitMQ's
    /// default).
    AtMostOnce,
    /// They stay in the state until they are told to have arrived, and every leader sends again what is left
    /// (`at-least-once`).
    AtLeastOnce,
}
