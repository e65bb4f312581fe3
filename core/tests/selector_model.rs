//! Selectors against a plain evaluator: random conditions are written down in random ways, and must be worth the same
//! for random messages. And hostile texts: noise, and selectors with something broken in them.

use std::collections::BTreeMap;

use mqlab_core::message::{Headers, Message, Value};
use mqlab_core::selector::{Selector, Truth};
use proptest::prelude::*;

/// The properties that conditions ask for; a message has some of them.
const NAMES: [&str; 6] = ["a", "B", "_c", "$d", "order", "nullable"];

/// An expression of the language, as a tree.
#[derive(Clone, Debug)]
enum Tree {
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
enum Bit {
    Literal(char),
    One,
    Many,
}

/// Characters of texts and patterns: few, so that they meet, with those that mean something.
const LETTERS: [char; 7] = ['x', 'y', '%', '_', '\'', '!', '长'];

fn letter() -> impl Strategy<Value = char> {
    prop::sample::select(&LETTERS[..])
}

fn word() -> impl Strategy<Value = String> {
    prop::collection::vec(letter(), 0..5).prop_map(|letters| letters.into_iter().collect())
}

fn name() -> impl Strategy<Value = usize> {
    0..NAMES.len()
}

/// A whole number without a sign: small ones mostly, and what is near the end of the type.
fn whole() -> impl Strategy<Value = i64> {
    prop_oneof![6 => 0..12_i64, 1 => i64::MAX - 3..=i64::MAX, 1 => 0..=i64::MAX]
}

fn broken() -> impl Strategy<Value = f64> {
    prop_oneof![6 => (0..24_u8).prop_map(|n| f64::from(n) / 2.0), 1 => any::<u32>().prop_map(|n| f64::from(n) * 1e290)]
}

fn number() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        whole().prop_map(|value| Tree::Constant(value.into())),
        broken().prop_map(|value| Tree::Constant(value.into())),
        name().prop_map(Tree::Property),
    ];
    leaf.prop_recursive(4, 12, 2, |inner| {
        let operator = prop::sample::select(&['+', '-', '*', '/', '%'][..]);
        prop_oneof![
            1 => (any::<bool>(), inner.clone()).prop_map(|(minus, of)| Tree::Sign(minus, of.into())),
            3 => (inner.clone(), operator, inner).prop_map(|(l, o, r)| Tree::Arithmetic(l.into(), o, r.into())),
        ]
    })
}

fn condition() -> impl Strategy<Value = Tree> {
    let bits = prop_oneof![2 => letter().prop_map(Bit::Literal), 1 => Just(Bit::One), 2 => Just(Bit::Many)];
    let pattern = prop::collection::vec(bits, 0..6);
    let text = word().prop_map(|text| Tree::Constant(text.into()));
    let equality = prop::sample::select(&["=", "<>"][..]);
    let order = prop::sample::select(&["=", "<>", "<", "<=", ">", ">="][..]);
    let any_value = prop_oneof![
        number(),
        text,
        any::<bool>().prop_map(|value| Tree::Constant(value.into())),
        name().prop_map(Tree::Property)
    ];
    let leaf = prop_oneof![
        1 => any::<bool>().prop_map(|value| Tree::Constant(value.into())),
        2 => name().prop_map(Tree::Property),
        3 => (any_value.clone(), equality.clone(), any_value).prop_map(|(l, o, r)| Tree::Compare(l.into(), o, r.into())),
        3 => (number(), order, number()).prop_map(|(l, o, r)| Tree::Compare(l.into(), o, r.into())),
        2 => (number(), any::<bool>(), number(), number())
            .prop_map(|(v, not, low, high)| Tree::Between(v.into(), not, low.into(), high.into())),
        2 => (name(), any::<bool>(), prop::collection::vec(word(), 1..5)).prop_map(|(n, not, of)| Tree::In(n, not, of)),
        4 => (name(), any::<bool>(), pattern, prop::option::of(letter()))
            .prop_map(|(n, not, bits, escape)| Tree::Like(n, not, bits, escape)),
        1 => (name(), any::<bool>()).prop_map(|(n, not)| Tree::IsNull(n, not)),
    ];
    leaf.prop_recursive(5, 24, 2, move |inner| {
        let pair = (inner.clone(), inner.clone());
        prop_oneof![
            2 => inner.prop_map(|of| Tree::Not(of.into())),
            3 => pair.clone().prop_map(|(l, r)| Tree::And(l.into(), r.into())),
            3 => pair.clone().prop_map(|(l, r)| Tree::Or(l.into(), r.into())),
            1 => (pair, equality.clone()).prop_map(|((l, r), o)| Tree::Compare(l.into(), o, r.into())),
        ]
    })
}

fn properties() -> impl Strategy<Value = BTreeMap<usize, Value>> {
    let value = prop_oneof![
        1 => Just(Value::Null),
        3 => any::<bool>().prop_map(Value::from),
        3 => (whole(), any::<bool>()).prop_map(|(n, minus)| Value::from(if minus { -n - 1 } else { n })),
        2 => (broken(), any::<bool>()).prop_map(|(n, minus)| Value::from(if minus { -n } else { n })),
        1 => prop::sample::select(&[f64::NAN, f64::INFINITY][..]).prop_map(Value::from),
        5 => word().prop_map(Value::from),
    ];
    prop::collection::btree_map(name(), value, 0..7)
}

// The plain evaluator: `None` is NULL, and unknown.

fn truth(value: Option<Value>) -> Option<bool> {
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

type Given = BTreeMap<usize, Value>;

fn get(given: &Given, name: usize) -> Option<Value> {
    given.get(&name).filter(|value| **value != Value::Null).cloned()
}

fn evaluate(tree: &Tree, given: &Given) -> Option<Value> {
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

/// Writes a tree down, each time another way: a cheap generator of numbers decides.
struct Printer {
    chance: u64,
    words: Vec<String>,
}

/// How much binds a tree: OR 0, AND 1, NOT 2, comparisons 3, sums 4, products 5, signs 6, operands 7.
fn binds(tree: &Tree) -> u8 {
    match tree {
        Tree::Or(..) => 0,
        Tree::And(..) => 1,
        Tree::Not(..) => 2,
        Tree::Compare(..) | Tree::Between(..) | Tree::In(..) | Tree::Like(..) | Tree::IsNull(..) => 3,
        Tree::Arithmetic(_, '+' | '-', _) => 4,
        Tree::Arithmetic(..) => 5,
        Tree::Sign(..) => 6,
        Tree::Constant(_) | Tree::Property(_) => 7,
    }
}

impl Printer {
    /// One of so many.
    fn roll(&mut self, sides: u64) -> u64 {
        self.chance = self.chance.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.chance >> 33) % sides
    }

    fn push(&mut self, word: impl Into<String>) {
        self.words.push(word.into());
    }

    /// A keyword in letters of random case; several with spaces between.
    fn keywords(&mut self, keywords: &str) {
        for keyword in keywords.split(' ') {
            let letters = keyword.chars();
            let word = letters
                .map(|c| if self.roll(2) == 0 { c.to_ascii_lowercase() } else { c })
                .collect::<String>();
            self.push(word);
        }
    }

    fn negation(&mut self, not: bool) {
        if not {
            self.keywords("NOT");
        }
    }

    fn text(&mut self, text: &str) {
        self.push(format!("'{}'", text.replace('\'', "''")));
    }

    fn constant(&mut self, value: &Value) {
        match value {
            Value::Bool(true) => self.keywords("TRUE"),
            Value::Bool(false) => self.keywords("FALSE"),
            Value::Int(n) => {
                let word = match self.roll(5) {
                    0 => format!("{n}L"),
                    1 => format!("0x{n:X}"),
                    2 => format!("0{n:o}"),
                    _ => n.to_string(),
                };
                self.push(word);
            }
            Value::Double(n) => self.push(format!("{n:?}")),
            Value::Text(text) => self.text(text),
            other => panic!("no selector can write {other}"),
        }
    }

    /// The tree, in parentheses where it binds less than is needed, and sometimes without need.
    fn print(&mut self, tree: &Tree, needed: u8) {
        let parentheses = usize::from(binds(tree) < needed) + usize::from(self.roll(6) == 0);
        (0..parentheses).for_each(|_| self.push("("));
        self.bare(tree);
        (0..parentheses).for_each(|_| self.push(")"));
    }

    fn bare(&mut self, tree: &Tree) {
        match tree {
            Tree::Constant(value) => self.constant(value),
            Tree::Property(name) => self.push(NAMES[*name]),
            Tree::Sign(minus, of) => {
                self.push(if *minus { "-" } else { "+" });
                self.print(of, 6);
            }
            // From left to right: what stands on the right must bind more.
            Tree::Arithmetic(left, operator, right) => {
                self.print(left, binds(tree));
                self.push(*operator);
                self.print(right, binds(tree) + 1);
            }
            Tree::Compare(left, operator, right) => {
                self.print(left, 4);
                self.push(*operator);
                self.print(right, 4);
            }
            Tree::Between(of, not, low, high) => {
                self.print(of, 4);
                self.negation(*not);
                self.keywords("BETWEEN");
                self.print(low, 4);
                self.keywords("AND");
                self.print(high, 4);
            }
            Tree::In(name, not, texts) => {
                self.print(&Tree::Property(*name), 7);
                self.negation(*not);
                self.keywords("IN");
                for (place, text) in texts.iter().enumerate() {
                    self.push(if place == 0 { "(" } else { "," });
                    self.text(text);
                }
                self.push(")");
            }
            Tree::Like(name, not, bits, escape) => self.like(*name, *not, bits, *escape),
            Tree::IsNull(name, not) => {
                self.print(&Tree::Property(*name), 7);
                self.keywords(if *not { "IS NOT NULL" } else { "IS NULL" });
            }
            Tree::Not(of) => {
                self.keywords("NOT");
                self.print(of, 2);
            }
            Tree::And(left, right) | Tree::Or(left, right) => {
                let (keyword, level) = if binds(tree) == 1 { ("AND", 1) } else { ("OR", 0) };
                self.print(left, level);
                self.keywords(keyword);
                self.print(right, level);
            }
        }
    }

    fn like(&mut self, name: usize, not: bool, bits: &[Bit], escape: Option<char>) {
        // An escape is needed for the literal % and _, and a wildcard cannot be written where it is the escape.
        let taken = |c: char| bits.iter().any(|bit| matches!((bit, c), (Bit::One, '_') | (Bit::Many, '%')));
        let needed = bits.iter().any(|bit| matches!(bit, Bit::Literal('%' | '_')));
        let escape = escape.filter(|&c| !taken(c)).or(needed.then_some('\\'));
        let mut pattern = String::new();
        for bit in bits {
            match *bit {
                Bit::One => pattern.push('_'),
                Bit::Many => pattern.push('%'),
                Bit::Literal(letter) => {
                    if matches!(letter, '%' | '_') || Some(letter) == escape {
                        pattern.extend(escape);
                    }
                    pattern.push(letter);
                }
            }
        }
        self.print(&Tree::Property(name), 7);
        self.negation(not);
        self.keywords("LIKE");
        self.text(&pattern);
        if let Some(escape) = escape {
            self.keywords("ESCAPE");
            self.text(&escape.to_string());
        }
    }

    /// The words with white space between: as little as can be, or more.
    fn join(&mut self) -> String {
        let wordy = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '.'));
        let mut text = String::new();
        for word in std::mem::take(&mut self.words) {
            let must = wordy(text.chars().last()) && wordy(word.chars().next());
            let spaces = [" ", " ", "  ", "\t", "\n", "\x0c\r\n"];
            if must || self.roll(2) == 0 {
                text.push_str(spaces[self.roll(6) as usize]);
            }
            text.push_str(&word);
        }
        text
    }
}

fn written(tree: &Tree, chance: u64) -> String {
    let mut printer = Printer { chance, words: Vec::new() };
    printer.print(tree, 0);
    printer.join()
}

fn headers(given: &Given) -> Headers {
    given.iter().map(|(name, value)| (NAMES[*name], value.clone())).collect()
}

/// A text that may be no selector: it is compiled and asked, or refused at a place in it.
fn survives(text: &str) {
    match Selector::parse(text) {
        Ok(selector) => {
            let message = Message::new("").with_header("a", 1).with_header("B", "x");
            let _worth = selector.evaluate(&message);
            assert_eq!(selector.as_str(), text);
        }
        Err(wrong) => {
            assert!(text.is_char_boundary(wrong.at()), "{text:?}: {wrong}");
            assert!(!wrong.to_string().is_empty());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8192))]

    #[test]
    fn a_selector_is_worth_what_its_tree_is(tree in condition(), given in prop::array::uniform4(properties()), chance: u64) {
        let text = written(&tree, chance);
        let selector = Selector::parse(&text).map_err(|wrong| TestCaseError::fail(format!("{text}: {wrong}")))?;
        for given in given {
            let wanted = match truth(evaluate(&tree, &given)) {
                Some(true) => Truth::True,
                Some(false) => Truth::False,
                None => Truth::Unknown,
            };
            prop_assert_eq!(selector.evaluate(&headers(&given)), wanted, "{} of {:?}", text, given);
            let message = Message::new("").with_headers(headers(&given));
            prop_assert_eq!(selector.matches(&message), wanted == Truth::True);
        }
    }

    #[test]
    fn noise_is_refused_and_breaks_nothing(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        survives(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn words_in_any_order_break_nothing(
        words in prop::collection::vec(prop::sample::select(&[
            "a", "B", "1", "0x", "08", "1E", "1.", ".", "'x'", "'", "(", ")", ",", "=", "<", ">", "!", "-", "+", "*", "/", "%",
            "AND", "OR", "NOT", "BETWEEN", "IN", "LIKE", "ESCAPE", "IS", "NULL", "TRUE", "9223372036854775808", "长", "",
        ][..]), 0..24),
        by in prop::sample::select(&["", " "][..]),
    ) {
        survives(&words.join(by));
    }

    #[test]
    fn a_broken_selector_breaks_nothing(tree in condition(), chance: u64, at: prop::sample::Index, with in "[ -~]?", cut in 0..3_usize) {
        let characters: Vec<char> = written(&tree, chance).chars().collect();
        let at = at.index(characters.len() + 1);
        let (before, behind) = characters.split_at(at);
        let broken: String = before.iter().copied().chain(with.chars()).chain(behind.iter().copied().skip(cut)).collect();
        survives(&broken);
    }
}
