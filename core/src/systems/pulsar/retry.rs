//! A program cannot do it now, and does not want the message back in a minute, but in an hour: where does it go? Through a
//! topic of its own, with a delay.
//!
//! ```text
//!   paid ─▶ program: later! ─▶ paid-mail-RETRY (RECONSUMETIMES 1, not before now + delay) ─▶ the same program
//!                                 16 times; the next time it goes to paid-mail-DLQ
//! ```
//!
//! The message is published anew and then acknowledged where it was: the subscription's cursor can go on, other than with
//! a message that is given back. So it lives on in two copies for a moment, and may be doubled by a crash between.
//!
//! Only shared subscriptions honour the delay.
//!
//! Source: Pulsar `ConsumerImpl.reconsumeLater`, `RetryMessageUtil`; Go client `retry_router.go`.

use super::entries::DELIVER_AT_HEADER;
use super::names::{BadTopicName, TopicName};
use super::position::MessagePlace;
use crate::record::{Headers, NewRecord, Record};
use crate::time::{Span, Time};

/// How often a message goes through the retry topic, unless told otherwise (`MAX_RECONSUMETIMES`).
pub const MAX_RECONSUME_TIMES: u32 = 16;

/// The header that says how often a message went through a retry topic, in decimal.
pub const RECONSUME_TIMES: &str = "RECONSUMETIMES";

/// The header with the delay that was asked for, in milliseconds, in decimal.
pub const DELAY_TIME: &str = "DELAY_TIME";

/// The header with the topic where the message came from at first.
pub const REAL_TOPIC: &str = "REAL_TOPIC";

/// The header with the place that it had there.
pub const ORIGIN_MESSAGE_ID: &str = "ORIGIN_MESSAGE_ID";

/// A message that is to be published before it is acknowledged.
///
/// ```
/// use mqlab_core::record::{BatchBuilder, NewRecord};
/// use mqlab_core::systems::pulsar::{MAX_RECONSUME_TIMES, MessagePlace, Position, Reconsumed, TopicName};
/// use mqlab_core::time::{Span, Time};
/// let mut builder = BatchBuilder::new();
/// builder.push(&NewRecord { value: Some("an order".into()), ..NewRecord::default() })?;
/// let record = builder.build().records().next().ok_or("one record")?;
/// let topic: TopicName = "paid".parse()?;
/// let place = MessagePlace { position: Position::default(), partition: None, batch: None };
/// let delay = Span::from_millis(1_000);
/// let later = Reconsumed::later(&topic, "mail", place, &record, (Time::ZERO, delay), MAX_RECONSUME_TIMES)?;
/// assert_eq!((later.to.local().as_str(), later.times), ("paid-mail-RETRY", 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reconsumed {
    /// Where.
    pub to: TopicName,
    /// What.
    pub record: NewRecord,
    /// How often it went there, this time too.
    pub times: u32,
}

impl Reconsumed {
    /// What becomes of a message that a subscription of `topic` wants again `delay` after `now`; of one that went there
    /// `max` times already, a dead letter. It may have come from the retry topic itself.
    ///
    /// # Errors
    ///
    /// When the names together are too long for a topic's name.
    pub fn later(
        topic: &TopicName,
        subscription: &str,
        place: MessagePlace,
        record: &Record,
        (now, delay): (Time, Span),
        max: u32,
    ) -> Result<Self, BadTopicName> {
        let text = |name: &str| core::str::from_utf8(record.headers.get(name.as_bytes())??).ok();
        let times = text(RECONSUME_TIMES).and_then(|times| times.parse::<u32>().ok()).unwrap_or(0);
        let times = times.saturating_add(1);
        let real = text(REAL_TOPIC).and_then(|name| name.parse::<TopicName>().ok());
        let real = real.unwrap_or_else(|| topic.clone());
        let is_dead = times > max;
        let to = if is_dead { real.dead_letters(subscription)? } else { real.retry(subscription)? };
        let own = [RECONSUME_TIMES, DELAY_TIME, DELIVER_AT_HEADER];
        let kept = record.headers.iter().filter(|(name, _)| !own.iter().any(|own| own.as_bytes() == *name));
        let mut headers: Headers = kept.collect();
        let mut add = |name: &str, value: &[u8]| headers.push(name.as_bytes(), Some(value));
        if record.headers.get(REAL_TOPIC.as_bytes()).is_none() {
            add(REAL_TOPIC, alloc::format!("{real}").as_bytes());
            add(ORIGIN_MESSAGE_ID, alloc::format!("{place}").as_bytes());
        }
        add(RECONSUME_TIMES, alloc::format!("{times}").as_bytes());
        add(DELAY_TIME, alloc::format!("{}", delay.0 / 1_000).as_bytes());
        if !is_dead {
            add(DELIVER_AT_HEADER, &(now + delay).0.to_be_bytes());
        }
        Ok(Self { to, record: NewRecord { headers, ..record.to_new() }, times })
    }
}
