//! What do `<` and `+` mean between two values? Java's rules, for JMS refers to them.
//!
//! Two whole numbers are calculated as 64-bit integers: they wrap around at the ends, and `5 / 2` is 2. As soon as
//! one is a double, both are. A double divided by zero is infinite or not a number, as IEEE has it; a whole number
//! divided by zero has no value, so that it is unknown whether a message is selected.
//!
//! What real systems do: ActiveMQ divides whole numbers as doubles (`5 / 2` is 2.5).

// JMS asks for IEEE doubles. The four operations, the remainder and comparisons are exact to the last bit on every
// machine (it is sines and powers that differ), so a run stays the same everywhere.
#![allow(clippy::float_arithmetic)]

use core::cmp::Ordering;

use super::{PropertyValue, Truth};

/// An arithmetic operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Arithmetic {
    /// How it is written.
    pub(super) const fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }

    /// The result; none where an operand is no number, or an integer is divided by zero.
    pub(super) fn apply<'a>(self, left: PropertyValue<'_>, right: PropertyValue<'_>) -> PropertyValue<'a> {
        if let (PropertyValue::Int(a), PropertyValue::Int(b)) = (left, right) {
            return match self {
                Self::Add => PropertyValue::Int(a.wrapping_add(b)),
                Self::Subtract => PropertyValue::Int(a.wrapping_sub(b)),
                Self::Multiply => PropertyValue::Int(a.wrapping_mul(b)),
                Self::Divide if b != 0 => PropertyValue::Int(a.wrapping_div(b)),
                Self::Remainder if b != 0 => PropertyValue::Int(a.wrapping_rem(b)),
                Self::Divide | Self::Remainder => PropertyValue::Null,
            };
        }
        let (Some(a), Some(b)) = (double(left), double(right)) else { return PropertyValue::Null };
        PropertyValue::Double(match self {
            Self::Add => a + b,
            Self::Subtract => a - b,
            Self::Multiply => a * b,
            Self::Divide => a / b,
            Self::Remainder => a % b,
        })
    }
}

/// The number with a sign before it; nothing for what is no number.
pub(super) fn signed<'a>(value: PropertyValue<'_>, negative: bool) -> PropertyValue<'a> {
    match value {
        PropertyValue::Untyped(text) => {
            PropertyValue::spelled_number(text).map_or(PropertyValue::Null, |number| signed(number, negative))
        }
        PropertyValue::Int(value) => PropertyValue::Int(if negative { value.wrapping_neg() } else { value }),
        PropertyValue::Double(value) => PropertyValue::Double(if negative { -value } else { value }),
        _ => PropertyValue::Null,
    }
}

/// A number as a double: the nearest one, for a whole number beyond 2^53.
fn double(value: PropertyValue<'_>) -> Option<f64> {
    match value {
        PropertyValue::Int(value) => Some(value as f64),
        PropertyValue::Double(value) => Some(value),
        PropertyValue::Untyped(text) => PropertyValue::spelled_number(text).and_then(double),
        _ => None,
    }
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    /// How it is written.
    pub(super) const fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::Unequal => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    /// Whether it asks which is first, which only numbers answer.
    pub(super) const fn is_order(self) -> bool {
        !matches!(self, Self::Equal | Self::Unequal)
    }

    /// Whether it holds. Unknown without one of the values; false, `<>` too, between values of unlike types, and
    /// false where texts or booleans are asked for their order.
    pub(super) fn holds<'a>(self, left: PropertyValue<'a>, right: PropertyValue<'a>) -> Truth {
        use PropertyValue::{Bool, Double, Id, Int, Null, Text, Untyped};
        match (left, right) {
            (Null, _) | (_, Null) => Truth::Unknown,
            (Untyped(a), Untyped(b)) if self.is_order() => {
                let numbers = PropertyValue::spelled_number(a).zip(PropertyValue::spelled_number(b));
                numbers.map_or(Truth::False, |(a, b)| self.holds(a, b))
            }
            (Untyped(_), _) | (_, Untyped(_)) => self.holds(left.beside(right), right.beside(left)),
            (Int(a), Int(b)) => self.accepts(Some(a.cmp(&b))).into(),
            (Int(_) | Double(_), Int(_) | Double(_)) => {
                // Nothing for what is not a number: it is unequal to all, and neither before nor after.
                let order = double(left).zip(double(right)).and_then(|(a, b)| a.partial_cmp(&b));
                self.accepts(order).into()
            }
            (Text(a), Text(b)) => self.accepts_equality(a == b).into(),
            (Bool(a), Bool(b)) => self.accepts_equality(a == b).into(),
            (Id(a), Id(b)) => self.accepts_equality(a == b).into(),
            (id @ Id(_), Text(text)) | (Text(text), id @ Id(_)) => {
                id.is_text(|id| self.accepts_equality(id == text))
            }
            _ => Truth::False,
        }
    }

    fn accepts(self, order: Option<Ordering>) -> bool {
        match self {
            Self::Equal => order == Some(Ordering::Equal),
            Self::Unequal => order != Some(Ordering::Equal),
            Self::Less => order == Some(Ordering::Less),
            Self::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Self::Greater => order == Some(Ordering::Greater),
            Self::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        }
    }

    fn accepts_equality(self, equal: bool) -> bool {
        match self {
            Self::Equal => equal,
            Self::Unequal => !equal,
            _ => false,
        }
    }
}
