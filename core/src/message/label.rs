//! What must a queue know of a message that lies in a log? What stands on its label: the rest is read when it is delivered.

use super::codec::{PRIORITY, TTL};
use super::value::Value;
use crate::ids::MessageId;
use crate::record::LentRecord;
use crate::time::Span;

/// What is known of a stored message without reading it whole.
///
/// ```
/// use mqlab_core::message::{Label, Message};
/// use mqlab_core::record::BatchBuilder;
/// let mut builder = BatchBuilder::new();
/// builder.push(&Message::new("a book").with_priority(7).to_record(0))?;
/// let batches = builder.build();
/// let label = Label::of(&batches.lent().next().ok_or("one record")?);
/// assert_eq!((label.bytes, label.priority, label.ttl, label.id), (6, Some(7), None, None));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Label {
    /// Its identity.
    pub id: Option<MessageId>,
    /// How many bytes its body has.
    pub bytes: u64,
    /// The priority that its sender named.
    pub priority: Option<u8>,
    /// How long it lives in a queue.
    pub ttl: Option<Span>,
}

impl Label {
    /// The label of a message, read from its record.
    pub fn of(record: &LentRecord<'_>) -> Self {
        let bytes = record.value.map_or(0, |body| body.len() as u64);
        let mut label = Self { id: record.message_id(), bytes, ..Self::default() };
        for (name, value) in record.headers() {
            // Nothing else is made into a value: a text would be copied for it.
            if (name == PRIORITY.as_bytes() || name == TTL.as_bytes())
                && let Some(Value::Int(number)) = value.and_then(Value::from_bytes)
            {
                if name == TTL.as_bytes() {
                    label.ttl = u64::try_from(number).ok().map(Span);
                } else {
                    label.priority = u8::try_from(number).ok();
                }
            }
        }
        label
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Message;
    use crate::record::BatchBuilder;

    #[test]
    fn a_label_says_what_the_whole_message_says() {
        let plain = || Message::new("a book").with_header("mq", 7_i64).with_header("priority", 9_i64);
        let messages = [
            Message::new(""),
            plain(),
            plain().with_priority(0),
            plain().with_priority(255).with_ttl(Span(0)),
            plain().with_ttl(Span(u64::MAX)).with_delay(Span(5)).with_group("a"),
            plain().with_ttl(Span(1_500)).with_routing_key("eu").with_header("mq-ttl2", 3_i64),
        ];
        for (number, message) in (1..).zip(messages) {
            let mut builder = BatchBuilder::new();
            builder.push(&message.to_record(0).with_id(MessageId(number))).expect("it fits");
            let batches = builder.build();
            let label = Label::of(&batches.lent().next().expect("one record"));
            let whole = Message::from_record(&batches.records().next().expect("one record"));
            let bytes = whole.body().len() as u64;
            let told = Label { id: whole.id(), bytes, priority: whole.priority(), ttl: whole.ttl() };
            assert_eq!(label, told, "{message:?}");
            assert_eq!(label.id, Some(MessageId(number)));
        }
    }
}
