//! What can a selector ask a message? A name, which has a value of some type or none.

use core::fmt::{self, Write};

use super::Truth;
use crate::ids::MessageId;
use crate::message::{Headers, JMS_DEFAULT_PRIORITY, Message, Value};

/// The value of a property, borrowed from where it is kept.
///
/// ```
/// use mqlab_core::message::Value;
/// use mqlab_core::selector::PropertyValue;
/// assert_eq!(PropertyValue::from(&Value::from("red")), PropertyValue::Text("red"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum PropertyValue<'a> {
    /// The property is not there, or is there without a value: to a selector this is the same.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// An IEEE double.
    Double(f64),
    /// A text.
    Text(&'a str),
    /// A text that stands for whatever it is compared with, where properties have no types of their own, as in RocketMQ: beside
    /// a number it is the number that it spells, beside a boolean true or false, else a text.
    Untyped(&'a str),
    /// A message's identity, which is the text `ID:m17` for number 17. It is written out only where it is compared.
    Id(MessageId),
}

impl<'a> From<&'a Value> for PropertyValue<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Int(value) => Self::Int(*value),
            Value::Double(value) => Self::Double(*value),
            Value::Text(value) => Self::Text(value),
            Value::Bytes(_) => Self::Null, // no type that a selector could ask about
        }
    }
}

impl<'a> From<Option<&'a str>> for PropertyValue<'a> {
    fn from(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

impl From<Truth> for PropertyValue<'_> {
    /// A condition in parentheses can be compared with a boolean; unknown is no value.
    fn from(truth: Truth) -> Self {
        match truth {
            Truth::True => Self::Bool(true),
            Truth::False => Self::Bool(false),
            Truth::Unknown => Self::Null,
        }
    }
}

impl PropertyValue<'_> {
    /// The value as a condition: `flag` alone. A value that is no boolean is false, as a comparison of unlike types.
    pub(super) fn truth(self) -> Truth {
        match self {
            Self::Null => Truth::Unknown,
            Self::Bool(value) => value.into(),
            Self::Untyped(text) => spelled_bool(text).map_or(Truth::False, Truth::from),
            Self::Int(_) | Self::Double(_) | Self::Text(_) | Self::Id(_) => Truth::False,
        }
    }

    /// Whether the text that this is passes a test: unknown without a value, false for what is no text.
    pub(super) fn is_text(self, test: impl FnOnce(&str) -> bool) -> Truth {
        match self {
            Self::Null => Truth::Unknown,
            Self::Text(text) | Self::Untyped(text) => test(text).into(),
            Self::Id(id) => test(IdText::new(id).as_str()).into(),
            Self::Bool(_) | Self::Int(_) | Self::Double(_) => Truth::False,
        }
    }
}

/// The boolean that a text spells, in letters of either case.
fn spelled_bool(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        return Some(true);
    }
    text.eq_ignore_ascii_case("false").then_some(false)
}

impl<'a> PropertyValue<'a> {
    /// An untyped text as what it is beside `other`: a number, a boolean, or a text. What does not spell one stays a text,
    /// which is unlike a number or a boolean.
    pub(super) fn beside(self, other: Self) -> Self {
        let Self::Untyped(text) = self else { return self };
        match other {
            Self::Bool(_) => spelled_bool(text).map_or(Self::Text(text), Self::Bool),
            Self::Int(_) | Self::Double(_) => Self::spelled_number(text).unwrap_or(Self::Text(text)),
            _ => Self::Text(text),
        }
    }

    /// The number that a text spells, if it does.
    pub(super) fn spelled_number(text: &str) -> Option<PropertyValue<'static>> {
        let whole = text.parse().ok().map(PropertyValue::Int);
        let double = || text.parse().ok().filter(|value: &f64| value.is_finite()).map(PropertyValue::Double);
        whole.or_else(double)
    }
}

/// The text of an identity, `ID:m17` (JMS asks for the `ID:`), in a buffer on the stack: no selector allocates.
struct IdText {
    bytes: [u8; Self::BYTES_MAX],
    len: usize,
}

impl IdText {
    /// `ID:m`, and a number of 64 bits.
    const BYTES_MAX: usize = 4 + 20;

    fn new(id: MessageId) -> Self {
        let mut text = Self { bytes: [0; Self::BYTES_MAX], len: 0 };
        write!(text, "ID:{id}").expect("the longest number has room");
        text
    }

    fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..self.len]).expect("whole strings were written")
    }
}

impl Write for IdText {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        let room = self.bytes.get_mut(self.len..self.len + more.len()).ok_or(fmt::Error)?;
        room.copy_from_slice(more.as_bytes());
        self.len += more.len();
        Ok(())
    }
}

/// What has named values that a selector can ask for.
///
/// ```
/// use mqlab_core::selector::{Properties, PropertyValue, Selector, Truth};
///
/// /// One sensor's reading.
/// struct Reading(f64);
///
/// impl Properties for Reading {
///     fn property(&self, name: &str) -> PropertyValue<'_> {
///         if name == "celsius" { PropertyValue::Double(self.0) } else { PropertyValue::Null }
///     }
/// }
///
/// assert_eq!(Selector::parse("celsius > 30")?.evaluate(&Reading(31.5)), Truth::True);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Properties {
    /// The value of this name, which is case-sensitive; [`PropertyValue::Null`] where there is none.
    fn property(&self, name: &str) -> PropertyValue<'_>;
}

impl Properties for Headers {
    fn property(&self, name: &str) -> PropertyValue<'_> {
        self.get(name).map_or(PropertyValue::Null, PropertyValue::from)
    }
}

/// A message has its headers, and what JMS names:
///
/// | name | is | where it has none |
/// |---|---|---|
/// | `JMSMessageID` | [`id`](Message::id) as text, `'ID:m17'` | NULL |
/// | `JMSPriority` | [`priority`](Message::priority), a number | [`JMS_DEFAULT_PRIORITY`] |
/// | `JMSDeliveryMode` | `'NON_PERSISTENT'` if [`is_transient`](Message::is_transient) | `'PERSISTENT'` |
/// | `JMSType` | [`kind`](Message::kind) | NULL |
/// | `JMSCorrelationID` | [`correlation`](Message::correlation) | NULL |
/// | `JMSXGroupID` | [`group`](Message::group) | NULL |
/// | `JMSXGroupSeq` | [`group_sequence`](Message::group_sequence), a number | NULL |
///
/// A header that has one of these names is not seen. Other names that begin with `JMS` are headers like any.
impl Properties for Message {
    fn property(&self, name: &str) -> PropertyValue<'_> {
        match name.strip_prefix("JMS") {
            None => self.headers().property(name),
            Some("MessageID") => self.id().map_or(PropertyValue::Null, PropertyValue::Id),
            Some("Priority") => PropertyValue::Int(self.priority().unwrap_or(JMS_DEFAULT_PRIORITY).into()),
            Some("DeliveryMode") if self.is_transient() => PropertyValue::Text("NON_PERSISTENT"),
            Some("DeliveryMode") => PropertyValue::Text("PERSISTENT"),
            Some("Type") => self.kind().into(),
            Some("CorrelationID") => self.correlation().into(),
            Some("XGroupID") => self.group().map(|group| &**group).into(),
            Some("XGroupSeq") => {
                self.group_sequence().map_or(PropertyValue::Null, |number| PropertyValue::Int(number.into()))
            }
            Some(_) => self.headers().property(name),
        }
    }
}
