//! How is a selector asked of one message after another, fast? A flat list of steps, made once.
//!
//! ```text
//!   color = 'red' AND weight / 2 < 10
//!
//!   values      0 color    1 'red'    2 weight    3 2    4 2/3    5 10        conditions   0 values 0 = 1
//!                                                                                          1 values 4 < 5
//!   properties  0 color    1 weight                                                        2 0 AND 1   (the whole)
//! ```
//!
//! A step names those that it needs by their place in the list; they stand before it. Steps that yield a value and
//! conditions that yield a [`Truth`] are two lists: a condition that is compared is a value made of one, a property
//! that is used alone is a condition made of one. AND and OR stop at the first part that decides. Nothing is
//! allocated, and the depth of the calls is bounded by [`NESTING_MAX`](super::NESTING_MAX), since long chains of one
//! operator are one step.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::like::Pattern;
use super::number::{self, Arithmetic, Comparison};
use super::{Properties, PropertyValue, Truth};

/// The place of a value among the values.
#[derive(Clone, Copy, Debug)]
pub(super) struct ValueAt(u16);

/// The place of a condition among the conditions.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ConditionAt(u16);

/// The place of a name among the names of properties.
#[derive(Clone, Copy, Debug)]
pub(super) struct PropertyAt(u16);

// Each step takes at least one byte of the text, and the whole one more.
const _: () = assert!(super::SELECTOR_BYTES_MAX < u16::MAX as usize);

/// A step that yields a value.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Box<str>),
    Property(PropertyAt),
    /// A number with a sign before it.
    Signed {
        negative: bool,
        of: ValueAt,
    },
    /// `a + b - c`, or `a * b / c`: from left to right.
    Chain {
        first: ValueAt,
        rest: Box<[(Arithmetic, ValueAt)]>,
    },
    Condition(ConditionAt),
}

/// A step that yields a truth.
#[derive(Clone, Debug)]
pub(super) enum Condition {
    Value(ValueAt),
    Compare {
        left: ValueAt,
        comparison: Comparison,
        right: ValueAt,
    },
    Between {
        value: ValueAt,
        low: ValueAt,
        high: ValueAt,
        negated: bool,
    },
    /// The texts are in order, each there once.
    In {
        property: PropertyAt,
        texts: Box<[Box<str>]>,
        negated: bool,
    },
    Like {
        property: PropertyAt,
        pattern: Pattern,
        negated: bool,
    },
    IsNull {
        property: PropertyAt,
        negated: bool,
    },
    Not(ConditionAt),
    And(Box<[ConditionAt]>),
    Or(Box<[ConditionAt]>),
}

/// A compiled selector.
#[derive(Clone, Debug, Default)]
pub(super) struct Program {
    whole: ConditionAt,
    values: Vec<Value>,
    conditions: Vec<Condition>,
    properties: Vec<Box<str>>,
}

/// The place that comes next in a list.
fn place(list: &[impl Sized]) -> u16 {
    u16::try_from(list.len()).expect("the text is too short for so many")
}

impl Program {
    /// Adds a value.
    pub(super) fn value(&mut self, value: Value) -> ValueAt {
        let at = ValueAt(place(&self.values));
        self.values.push(value);
        at
    }

    /// Adds a condition.
    pub(super) fn condition(&mut self, condition: Condition) -> ConditionAt {
        let at = ConditionAt(place(&self.conditions));
        self.conditions.push(condition);
        at
    }

    /// The place of a property's name, the same for the same name.
    pub(super) fn property(&mut self, name: &str) -> PropertyAt {
        if let Some(at) = self.properties.iter().position(|known| **known == *name) {
            return PropertyAt(place(&self.properties[..at]));
        }
        let at = PropertyAt(place(&self.properties));
        self.properties.push(name.into());
        at
    }

    /// The names of the properties, each once, in the order of the text.
    pub(super) fn properties(&self) -> impl Iterator<Item = &str> {
        self.properties.iter().map(|name| &**name)
    }

    /// Says which condition is the whole, and gives back the memory that was kept for more steps.
    pub(super) fn finish(mut self, whole: ConditionAt) -> Self {
        self.whole = whole;
        self.values.shrink_to_fit();
        self.conditions.shrink_to_fit();
        self.properties.shrink_to_fit();
        self
    }

    /// What the selector is worth for these properties.
    pub(super) fn run(&self, of: &(impl Properties + ?Sized)) -> Truth {
        self.truth(self.whole, of)
    }

    fn truth<P: Properties + ?Sized>(&self, at: ConditionAt, of: &P) -> Truth {
        match &self.conditions[usize::from(at.0)] {
            Condition::Value(value) => self.get(*value, of).truth(),
            Condition::Compare { left, comparison, right } => {
                comparison.holds(self.get(*left, of), self.get(*right, of))
            }
            Condition::Between { value, low, high, negated } => {
                let (value, low, high) = (self.get(*value, of), self.get(*low, of), self.get(*high, of));
                // As JMS defines them: not between is below or above, so a text is neither in nor out.
                if *negated {
                    Comparison::Less.holds(value, low).or(Comparison::Greater.holds(value, high))
                } else {
                    Comparison::GreaterOrEqual
                        .holds(value, low)
                        .and(Comparison::LessOrEqual.holds(value, high))
                }
            }
            Condition::In { property, texts, negated } => {
                let is_in = |text: &str| texts.binary_search_by(|other| (**other).cmp(text)).is_ok();
                self.ask(*property, of).is_text(is_in).negate_if(*negated)
            }
            Condition::Like { property, pattern, negated } => {
                self.ask(*property, of).is_text(|text| pattern.matches(text)).negate_if(*negated)
            }
            Condition::IsNull { property, negated } => {
                let is_null = matches!(self.ask(*property, of), PropertyValue::Null);
                Truth::from(is_null).negate_if(*negated)
            }
            Condition::Not(condition) => !self.truth(*condition, of),
            Condition::And(parts) => self.chain(parts, of, Truth::True, Truth::False, Truth::and),
            Condition::Or(parts) => self.chain(parts, of, Truth::False, Truth::True, Truth::or),
        }
    }

    /// Joins conditions, up to one that decides.
    fn chain<P: Properties + ?Sized>(
        &self,
        parts: &[ConditionAt],
        of: &P,
        nothing: Truth,
        decisive: Truth,
        join: fn(Truth, Truth) -> Truth,
    ) -> Truth {
        let mut sum = nothing;
        for part in parts {
            sum = join(sum, self.truth(*part, of));
            if sum == decisive {
                break;
            }
        }
        sum
    }

    fn get<'a, P: Properties + ?Sized>(&'a self, at: ValueAt, of: &'a P) -> PropertyValue<'a> {
        match &self.values[usize::from(at.0)] {
            Value::Bool(value) => PropertyValue::Bool(*value),
            Value::Int(value) => PropertyValue::Int(*value),
            Value::Double(value) => PropertyValue::Double(*value),
            Value::Text(text) => PropertyValue::Text(text),
            Value::Property(property) => self.ask(*property, of),
            Value::Signed { negative, of: number } => number::signed(self.get(*number, of), *negative),
            Value::Chain { first, rest } => {
                let first = self.get(*first, of);
                rest.iter().fold(first, |sum, (operator, next)| operator.apply(sum, self.get(*next, of)))
            }
            Value::Condition(condition) => self.truth(*condition, of).into(),
        }
    }

    fn ask<'a, P: Properties + ?Sized>(&self, at: PropertyAt, of: &'a P) -> PropertyValue<'a> {
        of.property(&self.properties[usize::from(at.0)])
    }
}
