//! How many keys a second are routed through 100,000 bindings? By the trie, by looking at every binding, and by
//! public crates that match topics.
//!
//! The crates speak MQTT: `/` between words, `+` for one, `#` for the rest, at the end alone. AMQP's `*` and `#` at
//! the end mean the same, as long as no word is empty and no key begins with `$`; so the patterns of the first rows
//! keep to that, and all contenders are checked to find the same. They get a key as text, as it comes off a wire,
//! and split it themselves. AMQP also allows `#` anywhere: that row has no rival but the scan.

use std::rc::Rc;

use mqlab_bench_contest::contest::{Bar, Contest, Done, Plan};
use mqlab_bench_contest::report::Row;
use mqlab_core::rng::{Rng, Stream};
use mqlab_core::routing::{Syntax, TopicTrie};
use mqtt_topic_engine::{CacheStrategy, QoS, TopicPath, TopicPatternPath, TopicRouter};

/// How many patterns are bound.
const BINDINGS: usize = 100_000;
/// How many different keys are asked for, and how many in one measurement.
const KEYS: usize = 2_000;
const LOOKUPS: usize = 20_000;
/// A scan takes so much longer that it is asked for fewer.
const SCANNED: usize = 8;
/// What the bindings and keys are drawn from.
const SEED: u64 = 2026;
/// How many different words there are at each place of a key.
const WORDS: [u64; 5] = [20, 50, 200, 500, 1_000];

const SCAN: &str = "linear scan, Syntax::Topic.matches";
const ENGINE: &str = "mqtt-topic-engine, TopicRouter";

/// How patterns are drawn: with keys of 3 to 5 words, so many of a hundred words `*`, so many of a hundred patterns
/// with a `#`.
#[derive(Clone, Copy)]
struct Recipe {
    one: u64,
    many: u64,
    /// Whether `#` may stand anywhere, as AMQP alone allows.
    anywhere: bool,
}

pub(crate) fn rows() -> Vec<Row> {
    let recipes = [
        ("5 % of words *, 5 % of patterns end with #", Recipe { one: 5, many: 5, anywhere: false }),
        ("20 % of words *, 10 % of patterns end with #", Recipe { one: 20, many: 10, anywhere: false }),
        ("10 % of words *, 10 % of patterns have # anywhere", Recipe { one: 10, many: 10, anywhere: true }),
    ];
    let row = |(text, recipe): (&str, Recipe)| -> Row {
        let name = format!("routing: 100,000 bindings of 3 to 5 words, {text}");
        let own_name = name.clone();
        (name, Box::new(move |plan| contest(&own_name, plan, recipe, BINDINGS)))
    };
    recipes.map(row).into()
}

/// Bindings and keys.
struct Drawn {
    patterns: Vec<String>,
    keys: Vec<String>,
}

impl Recipe {
    fn draw(self, bindings: usize) -> Drawn {
        let mut rng = Rng::new(SEED, Stream::Workload);
        let patterns = (0..bindings).map(|_| self.pattern(&mut rng)).collect();
        let keys = (0..KEYS).map(|_| words(&mut rng).join(".")).collect();
        Drawn { patterns, keys }
    }

    fn pattern(self, rng: &mut Rng) -> String {
        let mut words = words(rng);
        for word in &mut words {
            if rng.below(100) < self.one {
                *word = "*".into();
            }
        }
        if rng.below(100) < self.many {
            // At least one word stays in front, so that it does not match everything.
            let at = rng.between(1, words.len() as u64 - 1) as usize;
            if !self.anywhere {
                words.truncate(at + 1);
            }
            words[at] = "#".into();
        }
        words.join(".")
    }
}

/// The words of a key, such as `w0-12`, `w1-7`: each place has its own.
fn words(rng: &mut Rng) -> Vec<String> {
    let count = rng.between(3, 5) as usize;
    WORDS.iter().take(count).enumerate().map(|(at, &of)| format!("w{at}-{}", rng.below(of))).collect()
}

/// Asks for keys in turn; `find` says how many bindings it found.
fn asked(keys: Rc<[String]>, lookups: usize, mut find: impl FnMut(&str) -> u64) -> impl FnMut() -> Done {
    move || {
        let sum = keys.iter().cycle().take(lookups).map(|key| find(key)).sum();
        Done { work: lookups, sum }
    }
}

fn contest(name: &str, plan: &Plan, recipe: Recipe, bindings: usize) -> Contest {
    let Drawn { patterns, keys } = recipe.draw(bindings);
    let mut trie = TopicTrie::new(Syntax::Topic);
    for (number, pattern) in (0_u32..).zip(&patterns) {
        trie.insert(pattern, number).expect("the pattern is legal");
    }
    let lookups = plan.work(LOOKUPS);
    let slashed: Rc<[String]> = keys.iter().map(|key| key.replace('.', "/")).collect();
    let keys: Rc<[String]> = keys.into();
    let rivals = (!recipe.anywhere).then(|| rivals(&patterns));
    let by_scan =
        move |key: &str| patterns.iter().filter(|pattern| Syntax::Topic.matches(pattern, key)).count();
    check(&keys, &trie, &by_scan);
    let by_trie = move |key: &str| {
        let mut found = Vec::new();
        trie.search(key, |number| found.push(*number));
        found.len() as u64
    };
    let contest =
        Contest::new(name, "keys").with("mqlab TopicTrie", "", asked(Rc::clone(&keys), lookups, by_trie));
    let contest = match rivals {
        None => contest,
        Some((engine, quill)) => {
            let by_engine = move |key: &str| {
                let path = TopicPath::new(key).expect("the key is a topic");
                engine.get_subscribers(&path).len() as u64
            };
            let by_quill = move |key: &str| {
                quill.matching(&quill::Topic::parse(key).expect("the key is a topic")).len() as u64
            };
            contest
                .with(ENGINE, "MQTT; the same matches", asked(Rc::clone(&slashed), lookups, by_engine))
                .with(
                    "quill-pubsub, Registry",
                    "MQTT; the same matches, behind a lock",
                    asked(slashed, lookups, by_quill),
                )
                .bar(Bar::Times(1.0, ENGINE))
                .bar(Bar::Times(1.0, "quill-pubsub, Registry"))
        }
    };
    contest
        .with(SCAN, "the plainest matcher; fewer keys", asked(keys, SCANNED, move |key| by_scan(key) as u64))
        .bar(Bar::Times(50.0, SCAN))
}

/// The bindings in the crates' own structures.
fn rivals(patterns: &[String]) -> (TopicRouter<u32>, quill::Registry<u32>) {
    let (mut engine, quill) = (TopicRouter::new(), quill::Registry::new());
    for (number, pattern) in (0_u32..).zip(patterns) {
        let pattern = pattern.replace('.', "/").replace('*', "+");
        quill.subscribe(quill::Pattern::parse(&pattern).expect("it is a pattern of MQTT"), number);
        let pattern = TopicPatternPath::new_from_string(pattern, CacheStrategy::NoCache);
        engine.add_subscription(pattern.expect("it is a pattern of MQTT"), QoS::AtMostOnce, number);
    }
    (engine, quill)
}

/// The scan is asked for too few keys to be compared by sums: here it is, on what it is asked for.
fn check(keys: &[String], trie: &TopicTrie<u32>, by_scan: &impl Fn(&str) -> usize) {
    for key in keys.iter().take(SCANNED) {
        let mut found = 0;
        trie.search(key, |_| found += 1);
        assert_eq!(found, by_scan(key), "the trie and the scan differ for {key}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_find_the_same() {
        let plan = Plan { pairs: 1, quick: true };
        for anywhere in [false, true] {
            // Warming up compares what was found.
            let outcome = contest("small", &plan, Recipe { one: 20, many: 20, anywhere }, 2_000).run(&plan);
            assert_eq!(outcome.contenders.len(), if anywhere { 2 } else { 4 });
        }
    }
}
