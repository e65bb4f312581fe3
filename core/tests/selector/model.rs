//! The language as trees, and a plain evaluator: by the rules as they are written, without a thought of speed.

use std::collections::BTreeMap;

use mqlab_core::message::Value;

/// The properties that conditions ask for; a message has some of them.
pub(crate) const NAMES: [&str; 6] = ["a", "B", "_c", "$d", "order", "nullable"];

/// An expression of the language, as a tree.
#[derive(Clone, Debug)]
pub(crate) enum Tree {
    Constant(Value),
    Property(usize),
    Sign(bool, Box<Self>),
    Arithmetic(Box<Self>, char, Box<Self>),
    Compare(Box<Self>, &'static str, Box<Self>),
    Between(Box<Self>, bool, Box<Self>, Box<Self>),
    In(usize, bool, Vec<String>),
    Like(usize, bool, Vec<Bit>, Option<char>),
    IsNull(usize, bool),
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
}

/// A piece of a pattern.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bit {
    Literal(char),
    One,
    Many,
}

pub(crate) fn truth(value: Option<Value>) -> Option<bool> {
    value.map(|value| matches!(value, Value::Bool(true)))
}

fn as_double(value: &Value) -> Option<f64> {
    match value {
        Value::Int(n) => Some(*n as f64),
        Value::Double(n) => Some(*n),
        _ => None,
    }
}

fn compare(left: &Option<Value>, operator: &str, right: &Option<Value>) -> Option<bool> {
    let (left, right) = (left.as_ref()?, right.as_ref()?);
    let by_order = |less: bool, equal: bool, greater: bool| match operator {
        "=" => equal,
        "<>" => !equal,
        "<" => less,
        "<=" => less || equal,
        ">" => greater,
        _ => greater || equal,
    };
    let equality_only = |equal: bool| matches!(operator, "=" | "<>") && by_order(false, equal, false);
    Some(match (left, right) {
        (Value::Int(a), Value::Int(b)) => by_order(a < b, a == b, a > b),
        (Value::Text(a), Value::Text(b)) => equality_only(a == b),
        (Value::Bool(a), Value::Bool(b)) => equality_only(a == b),
        _ => match (as_double(left), as_double(right)) {
            (Some(a), Some(b)) => by_order(a < b, a == b, a > b),
            _ => false,
        },
    })
}

fn and(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    if left == Some(false) || right == Some(false) { Some(false) } else { Some(left? && right?) }
}

fn or(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    if left == Some(true) || right == Some(true) { Some(true) } else { Some(left? || right?) }
}

/// Tries every length of every %.
fn looks_like(bits: &[Bit], text: &[char]) -> bool {
    match bits.split_first() {
        None => text.is_empty(),
        Some((Bit::Many, behind)) => (0..=text.len()).any(|taken| looks_like(behind, &text[taken..])),
        Some((Bit::One, behind)) => !text.is_empty() && looks_like(behind, &text[1..]),
        Some((Bit::Literal(letter), behind)) => {
            text.first() == Some(letter) && looks_like(behind, &text[1..])
        }
    }
}

fn arithmetic(left: Value, operator: char, right: Value) -> Option<Value> {
    if let (Value::Int(a), Value::Int(b)) = (&left, &right) {
        let (a, b) = (i128::from(*a), i128::from(*b));
        let exact = match operator {
            '+' => a + b,
            '-' => a - b,
            '*' => a * b,
            _ if b == 0 => return None,
            '/' => a / b,
            _ => a % b,
        };
        return Some(Value::Int(exact as i64)); // the low 64 bits
    }
    let (a, b) = (as_double(&left)?, as_double(&right)?);
    Some(Value::Double(match operator {
        '+' => a + b,
        '-' => a - b,
        '*' => a * b,
        '/' => a / b,
        _ => a % b,
    }))
}

pub(crate) type Given = BTreeMap<usize, Value>;

fn get(given: &Given, name: usize) -> Option<Value> {
    given.get(&name).filter(|value| **value != Value::Null).cloned()
}

pub(crate) fn evaluate(tree: &Tree, given: &Given) -> Option<Value> {
    let value = |tree: &Tree| evaluate(tree, given);
    let is_true = |tree: &Tree| truth(evaluate(tree, given));
    let text_is = |name: usize, not: bool, test: &dyn Fn(&str) -> bool| {
        let passes = match get(given, name)? {
            Value::Text(text) => test(&text),
            _ => false,
        };
        Some(passes != not)
    };
    let worth = match tree {
        Tree::Constant(value) => return Some(value.clone()),
        Tree::Property(name) => return get(given, *name),
        Tree::Sign(minus, of) => {
            return match value(of)? {
                Value::Int(n) => Some(Value::Int(if *minus { n.wrapping_neg() } else { n })),
                Value::Double(n) => Some(Value::Double(if *minus { -n } else { n })),
                _ => None,
            };
        }
        Tree::Arithmetic(left, operator, right) => return arithmetic(value(left)?, *operator, value(right)?),
        Tree::Compare(left, operator, right) => compare(&value(left), operator, &value(right)),
        Tree::Between(of, not, low, high) => {
            let (of, low, high) = (value(of), value(low), value(high));
            if *not {
                or(compare(&of, "<", &low), compare(&of, ">", &high))
            } else {
                and(compare(&of, ">=", &low), compare(&of, "<=", &high))
            }
        }
        Tree::In(name, not, texts) => text_is(*name, *not, &|text| texts.iter().any(|one| one == text)),
        Tree::Like(name, not, bits, _) => {
            text_is(*name, *not, &|text| looks_like(bits, &text.chars().collect::<Vec<_>>()))
        }
        Tree::IsNull(name, not) => Some(get(given, *name).is_none() != *not),
        Tree::Not(of) => is_true(of).map(|value| !value),
        Tree::And(left, right) => and(is_true(left), is_true(right)),
        Tree::Or(left, right) => or(is_true(left), is_true(right)),
    };
    worth.map(Value::Bool)
}
