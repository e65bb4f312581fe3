//! How does a message become a record, and a record a message again?

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

use super::{Death, Message, Repeat, Value};
use crate::ids::{MESSAGE_ID_HEADER, Name, Offset};
use crate::record::{BATCH_BYTES_MAX, BatchBuilder, HeaderWriter, Malformed, NewRecord, Record};
use crate::time::Span;

/// Record headers whose names begin so say what a sender wants done with a message; the rest are its own.
pub const PROPERTY_PREFIX: &str = "mq-";

pub(super) const PRIORITY: &str = "mq-priority";
pub(super) const TTL: &str = "mq-ttl";
const TRANSIENT: &str = "mq-transient";
const DELAY: &str = "mq-delay";
const REPEAT_EVERY: &str = "mq-repeat-every";
const REPEAT_TIMES: &str = "mq-repeat-times";
const GROUP: &str = "mq-group";
const GROUP_SEQUENCE: &str = "mq-group-sequence";
const CORRELATION: &str = "mq-correlation";
const REPLY_TO: &str = "mq-reply-to";
const KIND: &str = "mq-kind";
const EXCHANGE: &str = "mq-exchange";
const ROUTING_KEY: &str = "mq-routing-key";
const DEATHS: &str = "mq-deaths";

/// Why a message cannot be sent.
///
/// ```
/// use mqlab_core::message::{BadMessage, Message};
/// let message = Message::new("").with_header("mq-ttl", 1);
/// assert_eq!(message.check(), Err(BadMessage::ReservedHeader("mq-ttl".into())));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadMessage {
    /// A header's name begins with [`PROPERTY_PREFIX`], or is the one that carries identities.
    ReservedHeader(String),
    /// Body, key and headers together are larger than a batch may be, in bytes.
    TooLarge(usize),
}

impl fmt::Display for BadMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReservedHeader(name) => {
                write!(f, "the header {name:?} is the engine's own: use a name that does not begin with ")?;
                write!(f, "{PROPERTY_PREFIX:?} and is not {MESSAGE_ID_HEADER:?}")
            }
            Self::TooLarge(bytes) => {
                write!(
                    f,
                    "the message has {bytes} bytes with its headers, a batch holds {BATCH_BYTES_MAX}: "
                )?;
                f.write_str("send a smaller one, or where it lies")
            }
        }
    }
}

impl core::error::Error for BadMessage {}

impl Message {
    /// How many bytes it takes in memory and in a log, roughly: body, key, and the names and values beside them.
    pub fn size(&self) -> usize {
        let Some(more) = self.more.as_deref() else { return self.body.len() };
        let text = |value: &Value| match value {
            Value::Text(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
            _ => 8,
        };
        let headers: usize = more.headers.iter().map(|(name, value)| name.len() + text(value)).sum();
        self.body.len() + more.key.as_ref().map_or(0, Bytes::len) + headers
    }

    /// Checks that the message can be stored: its headers' names are its own, and a batch can hold it.
    ///
    /// # Errors
    ///
    /// [`BadMessage`] with what is wrong.
    #[inline]
    pub fn check(&self) -> Result<(), BadMessage> {
        // Most messages are a body, and far smaller than a batch.
        if self.more.is_none() && self.body.len() <= BATCH_BYTES_MAX / 2 { Ok(()) } else { self.check_all() }
    }

    fn check_all(&self) -> Result<(), BadMessage> {
        let reserved = |name: &&str| name.starts_with(PROPERTY_PREFIX) || *name == MESSAGE_ID_HEADER;
        if let Some(name) = self.headers().iter().map(|(name, _)| name).find(reserved) {
            return Err(BadMessage::ReservedHeader(name.into()));
        }
        // Numbers that a sender gives, the batch around the message and what a queue adds: this much is always enough.
        const ROOM: usize = 64 * 1024;
        // Around each name and its value: two lengths, and the letter of its type.
        const HEADER: usize = 16;
        let texts = self.more.as_deref().map_or(0, |more| {
            let texts = [&more.group, &more.correlation, &more.kind];
            let lengths = texts.into_iter().flatten().map(|text| text.len());
            // Six times: a text may be escaped, letter by letter.
            let death = |death: &Death| 256 + 6 * (death.exchange.len() + death.routing_key.len() + 256);
            lengths.sum::<usize>() + more.deaths.iter().map(death).sum::<usize>()
        });
        let bytes = self.size() + HEADER * self.headers().len() + texts + ROOM;
        if bytes > BATCH_BYTES_MAX {
            return Err(BadMessage::TooLarge(self.size()));
        }
        Ok(())
    }

    /// Shows `write` each record header in which the sender's wishes, the named values and the message's identity
    /// stand, in this order: the name, and the pieces of the value.
    fn each_header(&self, mut write: impl FnMut(&str, &[&[u8]])) {
        let mut put = |name: &str, value: &Value| value.with_bytes(|pieces| write(name, pieces));
        // More than 292,000 years are cut down to that.
        let number = |span: Span| Value::Int(i64::try_from(span.0).unwrap_or(i64::MAX));
        if let Some(priority) = self.priority {
            put(PRIORITY, &i64::from(priority).into());
        }
        if let Some(ttl) = self.ttl() {
            put(TTL, &number(ttl));
        }
        if self.transient {
            put(TRANSIENT, &true.into());
        }
        if let Some(more) = self.more.as_deref() {
            if let Some(delay) = more.delay {
                put(DELAY, &number(delay));
            }
            if let Some(Repeat { every, times }) = more.repeat {
                put(REPEAT_EVERY, &number(every));
                put(REPEAT_TIMES, &i64::from(times).into());
            }
            let texts = [
                (GROUP, &more.group),
                (CORRELATION, &more.correlation),
                (KIND, &more.kind),
                (EXCHANGE, &more.exchange),
                (ROUTING_KEY, &more.routing_key),
            ];
            for (name, text) in texts {
                if let Some(text) = text {
                    put(name, &Value::Text(Arc::clone(text)));
                }
            }
            if let Some(sequence) = more.group_sequence {
                put(GROUP_SEQUENCE, &sequence.into());
            }
            if let Some(queue) = &more.reply_to {
                put(REPLY_TO, &queue.as_str().into());
            }
            if !more.deaths.is_empty() {
                let json = serde_json::to_string(&more.deaths).expect("plain data can be written");
                put(DEATHS, &json.into());
            }
            more.headers.iter().for_each(|(name, value)| put(name, value));
        }
        if let Some(id) = self.id() {
            // Eight bytes, without a letter for their type.
            write(MESSAGE_ID_HEADER, &[&id.0.to_be_bytes()]);
        }
    }

    /// The message as a record, stamped with a time in milliseconds.
    pub fn to_record(&self, timestamp: i64) -> NewRecord {
        let mut headers = HeaderWriter::default();
        self.each_header(|name, pieces| headers.put(name.as_bytes(), Some(pieces)));
        let (key, value) = (self.key().cloned(), Some(self.body.clone()));
        NewRecord { timestamp, key, value, headers: headers.into() }
    }

    /// Writes the message into a batch, byte for byte as [`to_record`](Self::to_record) would have it, without making
    /// a record in between. `add` may put further headers behind its own.
    ///
    /// # Errors
    ///
    /// As [`BatchBuilder::push`].
    pub(crate) fn write_into(
        &self,
        batch: &mut BatchBuilder,
        timestamp: i64,
        add: impl FnOnce(&mut HeaderWriter),
    ) -> Result<(), Malformed> {
        let key = self.key().map(|key| &key[..]);
        batch.push_parts(timestamp, key, Some(&self.body), |headers| {
            self.each_header(|name, pieces| headers.put(name.as_bytes(), Some(pieces)));
            add(headers);
        })
    }

    /// The message that a record is. Headers that no message wrote (a value without a type) are kept as bytes; what
    /// cannot be understood of a sender's wishes is left out.
    pub fn from_record(record: &Record) -> Self {
        let body = record.value.clone().unwrap_or_default();
        let mut message = Self { body, id: record.message_id().into(), ..Self::default() };
        if let Some(key) = &record.key {
            message.more().key = Some(key.clone());
        }
        for (name, bytes) in record.headers.iter() {
            let Ok(name) = core::str::from_utf8(name) else { continue };
            if name == MESSAGE_ID_HEADER {
                continue;
            }
            let value = bytes.map_or(Some(Value::Null), Value::from_bytes);
            if name.starts_with(PROPERTY_PREFIX) {
                if let Some(value) = value {
                    message.learn(name, value);
                }
            } else if let Some(value) =
                value.or_else(|| bytes.map(|bytes| Value::Bytes(record.headers.share(bytes))))
            {
                message.more().headers.insert(name, value);
            }
        }
        message
    }

    /// The message as a record that stands at an offset.
    pub fn to_record_at(&self, offset: Offset, timestamp: i64) -> Record {
        let NewRecord { key, value, headers, .. } = self.to_record(timestamp);
        Record { offset, timestamp, key, value, headers }
    }

    /// Learns one of its sender's wishes.
    fn learn(&mut self, name: &str, value: Value) {
        match (name, value) {
            (PRIORITY, Value::Int(priority)) => self.priority = u8::try_from(priority).ok(),
            (TTL, Value::Int(micros)) => self.more().ttl = u64::try_from(micros).ok().map(Span),
            (TRANSIENT, Value::Bool(transient)) => self.transient = transient,
            (DELAY, Value::Int(micros)) => self.more().delay = u64::try_from(micros).ok().map(Span),
            (REPEAT_EVERY, Value::Int(micros)) => {
                let every = Span(u64::try_from(micros).unwrap_or_default());
                self.more().repeat = Some(Repeat { every, times: 0 });
            }
            (REPEAT_TIMES, Value::Int(times)) => {
                if let Some(repeat) = &mut self.more().repeat {
                    repeat.times = u32::try_from(times).unwrap_or_default();
                }
            }
            (GROUP, Value::Text(group)) => self.more().group = Some(group),
            (GROUP_SEQUENCE, Value::Int(sequence)) => {
                self.more().group_sequence = i32::try_from(sequence).ok();
            }
            (CORRELATION, Value::Text(correlation)) => self.more().correlation = Some(correlation),
            (REPLY_TO, Value::Text(queue)) => self.more().reply_to = Name::new(&queue).ok(),
            (EXCHANGE, Value::Text(exchange)) => self.more().exchange = Some(exchange),
            (ROUTING_KEY, Value::Text(key)) => self.more().routing_key = Some(key),
            (KIND, Value::Text(kind)) => self.more().kind = Some(kind),
            (DEATHS, Value::Text(json)) => {
                let deaths: Vec<Death> = serde_json::from_str(&json).unwrap_or_default();
                self.more().deaths = deaths;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::MessageId;
    use crate::message::DeathReason;
    use crate::record::BatchBuilder;

    fn round(message: &Message) -> Message {
        let mut builder = BatchBuilder::new();
        builder.push(&message.to_record(7)).expect("it fits");
        let batches = builder.build();
        let mut direct = BatchBuilder::new();
        message.write_into(&mut direct, 7, |_| {}).expect("it fits");
        assert_eq!(direct.build(), batches);
        let record = batches.records().next().expect("it was pushed");
        Message::from_record(&record)
    }

    #[test]
    fn a_message_is_read_back_as_it_was_written() {
        let name = || Name::new("q").expect("a legal name");
        let death = Death {
            queue: name(),
            reason: DeathReason::Expired,
            count: 9,
            exchange: "".into(),
            routing_key: "q".into(),
            original_ttl: None,
            time: Some(crate::time::Time(7)),
        };
        let whole = Message::new("body")
            .with_key("k")
            .with_header("color", "red")
            .with_header("n", 3)
            .with_header("none", Value::Null)
            .with_id(MessageId(9))
            .with_priority(7)
            .with_ttl(Span::from_millis(5))
            .with_delay(Span::from_millis(6))
            .with_repeat(Repeat { every: Span::from_millis(2), times: 3 })
            .with_group("g")
            .with_group_sequence(-1)
            .with_correlation("c")
            .with_reply_to(name())
            .with_kind("car")
            .with_route("x", "a.b")
            .transient()
            .after_death(death.clone());
        assert_eq!(round(&whole), whole);
        assert_eq!(round(&Message::new("")), Message::new(""));
        assert_eq!(whole.deaths()[0].count, 1);
        assert_eq!(whole.deaths()[0].original_ttl, Some(Span::from_millis(5)));
        assert_eq!(whole.ttl(), None);
        let twice = whole.after_death(death);
        assert_eq!((twice.deaths().len(), twice.deaths()[0].count), (1, 2));
    }

    #[test]
    fn a_message_with_a_name_of_the_engines_own_is_refused() {
        assert!(Message::new("x").with_header("a", 1).check().is_ok());
        assert!(matches!(
            Message::new("x").with_header("mq-priority", 1).check(),
            Err(BadMessage::ReservedHeader(_))
        ));
        let huge = Message::new(alloc::vec![0; BATCH_BYTES_MAX]);
        assert!(matches!(huge.check(), Err(BadMessage::TooLarge(_))));
        let talkative = "g".repeat(BATCH_BYTES_MAX);
        assert!(matches!(Message::new("x").with_group(&talkative).check(), Err(BadMessage::TooLarge(_))));
    }
}
