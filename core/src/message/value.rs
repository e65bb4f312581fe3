//! What can a header hold? A value with a type: routing and selectors never turn one into another.

use alloc::string::String;
use alloc::sync::Arc;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// A typed value of a message header, as AMQP's field tables and JMS's properties have them.
///
/// Equality is exact, of type and value, as RabbitMQ's headers exchange compares (`=:=`): the number 1, the text
/// `"1"` and `true` are three values. Doubles are compared by their bits, so a value equals itself.
///
/// ```
/// use mqlab_core::message::Value;
/// assert_ne!(Value::from(1), Value::from("1"));
/// assert_eq!(Value::from(2.5), Value::Double(2.5));
/// ```
///
/// Source: AMQP 0-9-1, "Field Tables"; RabbitMQ `rabbit_exchange_type_headers.erl`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Value {
    /// Nothing: the header is there and says no more (AMQP's void).
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// An IEEE double.
    Double(f64),
    /// A text.
    Text(Arc<str>),
    /// The bytes of a header that no [`Value`] wrote: kept as they are, and compared with nothing but themselves.
    Bytes(Bytes),
}

impl Value {
    /// The rank of the type, for the order of values.
    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(_) => 1,
            Self::Int(_) => 2,
            Self::Double(_) => 3,
            Self::Text(_) => 4,
            Self::Bytes(_) => 5,
        }
    }

    /// The value as bytes: a letter for the type, as AMQP's field tables have it, and what follows.
    ///
    /// ```text
    ///   V            null               d 8 bytes    double, IEEE, big-endian
    ///   t 0 or 1     bool               S bytes      text, UTF-8
    ///   l 8 bytes    int, big-endian
    /// ```
    pub fn to_bytes(&self) -> Bytes {
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            _ => self.with_bytes(|pieces| pieces.concat().into()),
        }
    }

    /// Shows `see` the bytes of [`to_bytes`](Self::to_bytes), in pieces: nothing is put together for it.
    pub(super) fn with_bytes<T>(&self, see: impl FnOnce(&[&[u8]]) -> T) -> T {
        match self {
            Self::Null => see(&[b"V"]),
            Self::Bool(value) => see(&[b"t", &[u8::from(*value)]]),
            Self::Int(value) => see(&[b"l", &value.to_be_bytes()]),
            Self::Double(value) => see(&[b"d", &value.to_bits().to_be_bytes()]),
            Self::Text(value) => see(&[b"S", value.as_bytes()]),
            Self::Bytes(bytes) => see(&[bytes]),
        }
    }

    /// Reads what [`to_bytes`](Self::to_bytes) writes of a typed value; `None` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&tag, rest) = bytes.split_first()?;
        Some(match tag {
            b'V' if rest.is_empty() => Self::Null,
            b't' => match rest {
                [0] => Self::Bool(false),
                [1] => Self::Bool(true),
                _ => return None,
            },
            b'l' => Self::Int(i64::from_be_bytes(rest.try_into().ok()?)),
            b'd' => Self::Double(f64::from_bits(u64::from_be_bytes(rest.try_into().ok()?))),
            b'S' => Self::Text(core::str::from_utf8(rest).ok()?.into()),
            _ => return None,
        })
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Value {}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Value {
    /// An order for maps, first by type: it is not the order that a selector's `<` means.
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Double(a), Self::Double(b)) => a.to_bits().cmp(&b.to_bits()),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Bytes(a), Self::Bytes(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.rank().hash(state);
        match self {
            Self::Null => {}
            Self::Bool(value) => value.hash(state),
            Self::Int(value) => value.hash(state),
            Self::Double(value) => value.to_bits().hash(state),
            Self::Text(value) => value.hash(state),
            Self::Bytes(value) => value.hash(state),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Double(value) => write!(f, "{value:?}"),
            Self::Text(value) => write!(f, "{value:?}"),
            Self::Bytes(value) => write!(f, "{value:?}"),
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Int(value.into())
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Double(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_back_as_they_are_written() {
        let values = [
            Value::Null,
            true.into(),
            false.into(),
            i64::MIN.into(),
            7.into(),
            2.5.into(),
            f64::NAN.into(),
            "".into(),
            "长".into(),
        ];
        for value in values {
            assert_eq!(Value::from_bytes(&value.to_bytes()), Some(value));
        }
        for bad in [&b""[..], b"V1", b"t", b"t2", b"l1", b"d12", b"S\xff", b"x"] {
            assert_eq!(Value::from_bytes(bad), None, "{bad:?}");
        }
    }
}
