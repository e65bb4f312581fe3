//! How many messages a second does a selector decide on? Compiled once, then asked message after message.
//!
//! The rival is evalexpr, an expression language for Rust programs that, like a selector, is compiled once and then
//! asked with named values. It has no logic of three values, so every message has every header that is asked for;
//! there the two mean the same, which is checked. It has no `LIKE`, `IN` and `BETWEEN`: they are spelled out. Its
//! values stand in its own map before the clock runs, as ours stand in the message. A closure in Rust shows what a
//! program costs that nobody can change at run time.

use std::rc::Rc;

use evalexpr::{ContextWithMutableVariables as _, HashMapContext};
use mqlab_bench_contest::contest::{Bar, Contest, Done, Plan};
use mqlab_bench_contest::report::Row;
use mqlab_core::message::{Message, Value};
use mqlab_core::rng::{Rng, Stream};
use mqlab_core::selector::{Properties as _, PropertyValue, Selector};

/// How many different messages are asked about, and how many evaluations are one measurement.
const MESSAGES: usize = 256;
const EVALUATIONS: usize = 100_000;
/// What the messages are drawn from.
const SEED: u64 = 2026;
/// What a selector that is compiled once should do.
const PER_SECOND: f64 = 5e6;

/// One condition, in two languages and in Rust.
struct Condition {
    selector: &'static str,
    /// The same for evalexpr, where it can say it.
    expression: Option<&'static str>,
    closure: fn(&Message) -> bool,
}

const CONDITIONS: [Condition; 4] = [
    Condition {
        selector: "color = 'red'",
        expression: Some("color == \"red\""),
        closure: |message| text(message, "color") == "red",
    },
    Condition {
        selector: "color = 'red' AND weight BETWEEN 2000 AND 3000",
        expression: Some("color == \"red\" && weight >= 2000 && weight <= 3000"),
        closure: |message| text(message, "color") == "red" && (2000..=3000).contains(&int(message, "weight")),
    },
    Condition {
        selector: "(color IN ('red', 'green') OR urgent) AND price * quantity > 100.5",
        expression: Some("(color == \"red\" || color == \"green\" || urgent) && price * quantity > 100.5"),
        closure: |message| {
            (["red", "green"].contains(&text(message, "color")) || flag(message, "urgent"))
                && double(message, "price") * int(message, "quantity") as f64 > 100.5
        },
    },
    Condition {
        selector: "region LIKE 'eu-%' AND NOT urgent",
        expression: None,
        closure: |message| text(message, "region").starts_with("eu-") && !flag(message, "urgent"),
    },
];

fn text<'a>(message: &'a Message, name: &str) -> &'a str {
    if let PropertyValue::Text(text) = message.property(name) { text } else { "" }
}

fn int(message: &Message, name: &str) -> i64 {
    if let PropertyValue::Int(number) = message.property(name) { number } else { 0 }
}

fn double(message: &Message, name: &str) -> f64 {
    if let PropertyValue::Double(number) = message.property(name) { number } else { 0.0 }
}

fn flag(message: &Message, name: &str) -> bool {
    message.property(name) == PropertyValue::Bool(true)
}

pub(crate) fn rows() -> Vec<Row> {
    let row = |condition: &'static Condition| -> Row {
        let name = format!("selector: {}", condition.selector);
        (name, Box::new(move |plan| contest(condition, plan)))
    };
    CONDITIONS.iter().map(row).collect()
}

/// A message with every header that a condition asks for, and two besides.
fn draw(rng: &mut Rng) -> Message {
    let mut one_of = |words: &[&'static str]| words[rng.below(words.len() as u64) as usize];
    let color = one_of(&["red", "green", "blue", "white"]);
    let region = one_of(&["eu-west", "eu-north", "us-east", "ap-south"]);
    Message::new("body")
        .with_header("color", color)
        .with_header("region", region)
        .with_header("weight", rng.between(1_000, 4_000) as i64)
        .with_header("price", rng.between(1, 4_000) as f64 / 100.0)
        .with_header("quantity", rng.between(1, 20) as i64)
        .with_header("urgent", rng.below(4) == 0)
        .with_header("customer", "c-4711")
        .with_header("attempt", 1)
}

/// The headers of a message as evalexpr knows them.
fn context(message: &Message) -> HashMapContext {
    let mut context = HashMapContext::new();
    for (name, value) in message.headers().iter() {
        let value = match value {
            Value::Bool(value) => evalexpr::Value::from(*value),
            Value::Int(value) => evalexpr::Value::from(*value),
            Value::Double(value) => evalexpr::Value::from(*value),
            Value::Text(value) => evalexpr::Value::from(&**value),
            other => unreachable!("no message was drawn with {other:?}"),
        };
        context.set_value(name.into(), value).expect("a new name takes any value");
    }
    context
}

/// Asks about messages in turn, and counts those that are selected.
fn asked<T: 'static>(
    about: Rc<[T]>,
    evaluations: usize,
    selects: impl Fn(&T) -> bool,
) -> impl FnMut() -> Done {
    move || {
        let sum = about.iter().cycle().take(evaluations).filter(|one| selects(one)).count();
        Done { work: evaluations, sum: sum as u64 }
    }
}

fn contest(condition: &Condition, plan: &Plan) -> Contest {
    let mut rng = Rng::new(SEED, Stream::Workload);
    let messages: Rc<[Message]> = (0..MESSAGES).map(|_| draw(&mut rng)).collect();
    let evaluations = plan.work(EVALUATIONS);
    let selector = Selector::parse(condition.selector).expect("the selector is right");
    let closure = condition.closure;
    let contest = Contest::new(format!("selector: {}", condition.selector), "evaluations").with(
        "mqlab Selector",
        "",
        asked(Rc::clone(&messages), evaluations, move |message| selector.matches(message)),
    );
    let contest = match condition.expression {
        None => contest,
        Some(expression) => {
            let tree = evalexpr::build_operator_tree(expression).expect("the expression is right");
            let contexts = messages.iter().map(context).collect();
            let selects = move |context: &HashMapContext| {
                tree.eval_boolean_with_context(context).expect("every header is there")
            };
            contest.with("evalexpr 11, compiled", "two truth values", asked(contexts, evaluations, selects))
        }
    };
    contest
        .with("a closure in Rust", "fixed at compile time", asked(messages, evaluations, closure))
        .bar(Bar::PerSecond(PER_SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_select_the_same_and_not_all_or_nothing() {
        let plan = Plan { pairs: 1, quick: true };
        for condition in &CONDITIONS {
            let _ = contest(condition, &plan).run(&plan); // warming up compares what was selected
            let mut rng = Rng::new(SEED, Stream::Workload);
            let selected = (0..MESSAGES).filter(|_| (condition.closure)(&draw(&mut rng))).count();
            assert!((10..MESSAGES - 10).contains(&selected), "{}: {selected}", condition.selector);
        }
    }
}
