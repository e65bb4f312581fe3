//! Random conditions, written down in random ways, must be worth for random messages what the plain evaluator says.
//! And hostile texts: noise, and selectors with something broken in them.

use mqlab_core::message::{Headers, Message, Value};
use mqlab_core::selector::{Selector, Truth};
use proptest::prelude::*;

use crate::model::{Bit, Given, NAMES, Tree, evaluate, truth};
use crate::printer::written;

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
    let small = (0..24_u8).prop_map(|n| f64::from(n) / 2.0);
    let large = any::<u32>().prop_map(|n| f64::from(n) * 1e290);
    prop_oneof![6 => small, 1 => large]
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
        3 => (any_value.clone(), equality.clone(), any_value)
            .prop_map(|(l, o, r)| Tree::Compare(l.into(), o, r.into())),
        3 => (number(), order, number()).prop_map(|(l, o, r)| Tree::Compare(l.into(), o, r.into())),
        2 => (number(), any::<bool>(), number(), number())
            .prop_map(|(v, not, low, high)| Tree::Between(v.into(), not, low.into(), high.into())),
        2 => (name(), any::<bool>(), prop::collection::vec(word(), 1..5))
            .prop_map(|(n, not, of)| Tree::In(n, not, of)),
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

fn properties() -> impl Strategy<Value = Given> {
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

/// Words of the language, and what is none.
const WORDS: [&str; 35] = [
    "a",
    "B",
    "1",
    "0x",
    "08",
    "1E",
    "1.",
    ".",
    "'x'",
    "'",
    "(",
    ")",
    ",",
    "=",
    "<",
    ">",
    "!",
    "-",
    "+",
    "*",
    "/",
    "%",
    "AND",
    "OR",
    "NOT",
    "BETWEEN",
    "IN",
    "LIKE",
    "ESCAPE",
    "IS",
    "NULL",
    "TRUE",
    "9223372036854775808",
    "长",
    "",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8192))]

    #[test]
    fn a_selector_is_worth_what_its_tree_is(
        tree in condition(),
        given in prop::array::uniform4(properties()),
        chance: u64,
    ) {
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
        words in prop::collection::vec(prop::sample::select(&WORDS[..]), 0..24),
        by in prop::sample::select(&["", " "][..]),
    ) {
        survives(&words.join(by));
    }

    #[test]
    fn a_broken_selector_breaks_nothing(
        tree in condition(),
        chance: u64,
        at: prop::sample::Index,
        with in "[ -~]?",
        cut in 0..3_usize,
    ) {
        let characters: Vec<char> = written(&tree, chance).chars().collect();
        let at = at.index(characters.len() + 1);
        let (before, behind) = characters.split_at(at);
        let behind = behind.iter().skip(cut);
        survives(&before.iter().copied().chain(with.chars()).chain(behind.copied()).collect::<String>());
    }
}
