//! The router against the plainest model of it: a list of bindings, each asked by the naive matcher, followed from
//! exchange to exchange by recursion. And what a consistent hash promises: few keys move.

use std::collections::{BTreeMap, BTreeSet};

use mqlab_core::ids::Name;
use mqlab_core::message::{Headers, Value};
use mqlab_core::routing::{
    Binding, Destination, ExchangeKind, ExchangeName, ExchangeOptions, HashBy, Router, Syntax, TopicTrie,
    hash_of_key, jump_hash, matches,
};
use proptest::prelude::*;

fn words(of: &'static [&'static str], most: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(of), 0..=most).prop_map(|words| words.join("."))
}

const KEY_WORDS: &[&str] = &["a", "b", "", "c", "*", "#", ">"];

fn pattern(syntax: Syntax) -> impl Strategy<Value = String> {
    let of: &[&str] = match syntax {
        Syntax::Topic => &["a", "b", "", "*", "#", "#"],
        Syntax::Hierarchy => &["a", "b", "", "*", ">", ">"],
    };
    words(of, 6).prop_filter("legal", move |pattern| syntax.check(pattern).is_ok())
}

fn trie_case(syntax: Syntax) -> impl Strategy<Value = (Vec<(bool, String, u8)>, Vec<String>)> {
    let operation = (prop::bool::weighted(0.6), pattern(syntax), 0..3_u8);
    (prop::collection::vec(operation, 0..60), prop::collection::vec(words(KEY_WORDS, 7), 12))
}

/// Puts in and takes out, and compares with a set of pairs, and with a trie built anew from what is left.
fn trie_against_scan(syntax: Syntax, operations: Vec<(bool, String, u8)>, keys: Vec<String>) {
    let (mut trie, mut model) = (TopicTrie::new(syntax), BTreeSet::new());
    for (insert, pattern, value) in operations {
        if insert {
            assert_eq!(trie.insert(&pattern, value), Ok(model.insert((pattern, value))));
        } else {
            assert_eq!(trie.remove(&pattern, &value), model.remove(&(pattern, value)));
        }
    }
    let mut anew = TopicTrie::new(syntax);
    for (pattern, value) in &model {
        anew.insert(pattern, *value).expect("the test says what is legal");
    }
    assert_eq!(trie.len(), model.len());
    assert_eq!((trie.nodes(), trie.words()), (anew.nodes(), anew.words()), "what leads nowhere is gone");
    for key in keys {
        let expected =
            model.iter().filter(|(pattern, _)| syntax.matches(pattern, &key)).map(|(_, value)| *value);
        let mut expected: Vec<u8> = expected.collect();
        expected.sort_unstable();
        for trie in [&trie, &anew] {
            let mut found = Vec::new();
            trie.search(&key, |value| found.push(*value));
            found.sort_unstable();
            assert_eq!(found, expected, "{key:?} in {model:?}");
        }
    }
    for (pattern, value) in &model {
        assert!(trie.remove(pattern, value));
    }
    assert_eq!((trie.len(), trie.nodes(), trie.words()), (0, 1, 0));
}

/// By trying every way, as one would explain it: the matcher itself has a model.
fn recursive(pattern: &[&str], key: &[&str]) -> bool {
    match (pattern, key) {
        ([], _) => key.is_empty(),
        (["#", rest @ ..], _) => (0..=key.len()).any(|taken| recursive(rest, &key[taken..])),
        ([first, rest @ ..], [word, others @ ..]) => {
            (*first == "*" || first == word) && recursive(rest, others)
        }
        _ => false,
    }
}

fn split(text: &str) -> Vec<&str> {
    if text.is_empty() { Vec::new() } else { text.split('.').collect() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn a_topic_trie_is_a_scan((operations, keys) in trie_case(Syntax::Topic)) {
        trie_against_scan(Syntax::Topic, operations, keys);
    }

    #[test]
    fn a_hierarchy_trie_is_a_scan((operations, keys) in trie_case(Syntax::Hierarchy)) {
        trie_against_scan(Syntax::Hierarchy, operations, keys);
    }

    #[test]
    fn the_matcher_is_trying_every_way(pattern in words(&["a", "b", "", "*", "#"], 7), key in words(KEY_WORDS, 7)) {
        prop_assert_eq!(matches(&pattern, &key), recursive(&split(&pattern), &split(&key)));
    }

    #[test]
    fn a_router_is_a_list_of_bindings(
        kinds in prop::collection::vec((0..5_usize, prop::option::of(0..6_usize)), 5),
        operations in prop::collection::vec(operation(), 0..60),
        messages in prop::collection::vec((0..5_usize, words(&["a", "b"], 2), headers()), 8),
    ) {
        router_against_list(&kinds, operations, messages);
    }
}

#[derive(Clone, Debug)]
enum Operation {
    Bind(Binding),
    /// The binding at this place of the list, counted round.
    Unbind(usize),
    Delete(usize),
    RemoveQueue(usize),
}

fn name(index: usize) -> ExchangeName {
    format!("x{index}").parse().expect("the test says what is legal")
}

fn queue(index: usize) -> Name {
    Name::new(&format!("q{index}")).expect("the test says what is legal")
}

fn headers() -> impl Strategy<Value = Headers> {
    let value = prop::sample::select(vec![Value::Null, Value::from(1), Value::from("1")]);
    let header = (prop::sample::select(vec!["h", "i", "x-h"]), value);
    prop::collection::vec(header, 0..3).prop_map(|headers| headers.into_iter().collect())
}

fn operation() -> impl Strategy<Value = Operation> {
    let to = prop_oneof![
        (0..5_usize).prop_map(|index| Destination::Exchange(name(index))),
        (0..4_usize).prop_map(|index| Destination::Queue(queue(index))),
    ];
    let word = prop::sample::select(vec!["", "all", "any", "all-with-x", "any-with-x"]);
    let key = words(&["a", "b", "*", "#"], 2);
    let binding = (0..5_usize, to, key, word, headers()).prop_map(|(from, to, key, word, mut arguments)| {
        if !word.is_empty() {
            arguments.insert("x-match", word);
        }
        Binding::new(name(from), to, &key).with_arguments(arguments)
    });
    prop_oneof![
        30 => binding.prop_map(Operation::Bind),
        6 => (0..60_usize).prop_map(Operation::Unbind),
        1 => (0..5_usize).prop_map(Operation::Delete),
        1 => (0..4_usize).prop_map(Operation::RemoveQueue),
    ]
}

/// The rule of the headers exchange once more, from the arguments as they stand.
fn headers_match(arguments: &Headers, headers: &Headers) -> bool {
    let word = match arguments.get("x-match") {
        Some(Value::Text(word)) => word.to_string(),
        _ => "all".to_owned(),
    };
    let mut met = Vec::new();
    for (name, asked) in arguments.iter() {
        if name != "x-match" && (word.ends_with("-with-x") || !name.starts_with("x-")) {
            met.push(match headers.get(name) {
                None => false,
                Some(value) => asked == &Value::Null || asked == value,
            });
        }
    }
    if word.starts_with("all") { !met.contains(&false) } else { met.contains(&true) }
}

#[derive(Default)]
struct List {
    exchanges: BTreeMap<ExchangeName, ExchangeOptions>,
    bindings: Vec<Binding>,
}

impl List {
    fn route(
        &self,
        at: &ExchangeName,
        message: (&str, &Headers),
        visited: &mut BTreeSet<ExchangeName>,
        queues: &mut BTreeSet<Name>,
    ) {
        let Some(options) = self.exchanges.get(at) else { return };
        if !visited.insert(at.clone()) {
            return;
        }
        let (key, headers) = message;
        let hit = |binding: &&Binding| match options.kind {
            ExchangeKind::Direct => *binding.key == *key,
            ExchangeKind::Topic => matches(&binding.key, key),
            ExchangeKind::Hierarchy => Syntax::Hierarchy.matches(&binding.key, key),
            ExchangeKind::Headers => headers_match(&binding.arguments, headers),
            _ => true,
        };
        let matched: Vec<&Binding> =
            self.bindings.iter().filter(|binding| binding.exchange == *at).filter(hit).collect();
        if let (true, Some(alternate)) = (matched.is_empty(), &options.alternate) {
            self.route(alternate, message, visited, queues);
        }
        for binding in matched {
            match &binding.to {
                Destination::Queue(name) => _ = queues.insert(name.clone()),
                Destination::Exchange(name) => self.route(name, message, visited, queues),
            }
        }
    }
}

fn router_against_list(
    kinds: &[(usize, Option<usize>)],
    operations: Vec<Operation>,
    messages: Vec<(usize, String, Headers)>,
) {
    use ExchangeKind::{Direct, Fanout, Hierarchy, Topic};
    let (mut router, mut list) = (Router::new(), List::default());
    for (index, (kind, alternate)) in kinds.iter().enumerate() {
        let kind = [Direct, Fanout, Topic, Hierarchy, ExchangeKind::Headers][*kind].clone();
        let options = ExchangeOptions { alternate: alternate.map(name), ..ExchangeOptions::new(kind) };
        list.exchanges.insert(name(index), options.clone());
        router.declare(name(index), options).expect("the test says what is legal");
    }
    (0..4).for_each(|index| assert!(router.add_queue(queue(index))));
    for operation in operations {
        match operation {
            Operation::Bind(binding) => {
                let known = list.bindings.contains(&binding);
                if let Ok(new) = router.bind(binding.clone()) {
                    assert_eq!(new, !known);
                    if new {
                        list.bindings.push(binding);
                    }
                }
            }
            Operation::Unbind(at) if !list.bindings.is_empty() => {
                let binding = list.bindings.remove(at % list.bindings.len());
                assert_eq!(router.unbind(&binding), Ok(true));
                assert_eq!(router.unbind(&binding), Ok(false));
            }
            Operation::Unbind(_) => {}
            Operation::Delete(index) => {
                let there = list.exchanges.remove(&name(index)).is_some();
                assert_eq!(router.delete(&name(index)), Ok(there));
                let (gone, from) = (Destination::Exchange(name(index)), name(index));
                list.bindings.retain(|binding| binding.to != gone && binding.exchange != from);
            }
            Operation::RemoveQueue(index) => {
                router.remove_queue(&queue(index));
                list.bindings.retain(|binding| binding.to != Destination::Queue(queue(index)));
            }
        }
    }
    list.bindings.sort();
    assert!(router.bindings().eq(&list.bindings), "{list:#?}", list = list.bindings);
    // The same bindings made in another order: nothing of what is told may differ.
    let mut anew = Router::new();
    list.exchanges.iter().for_each(|(name, options)| {
        anew.declare(name.clone(), options.clone()).expect("the test says what is legal");
    });
    (0..4).for_each(|index| _ = anew.add_queue(queue(index)));
    list.bindings.iter().rev().for_each(|binding| assert_eq!(anew.bind(binding.clone()), Ok(true)));
    for (at, key, headers) in messages {
        let routed = router.route_with_path(&name(at), &key, &headers);
        assert_eq!(routed, anew.route_with_path(&name(at), &key, &headers));
        let Ok((routes, path)) = routed else {
            assert!(!list.exchanges.contains_key(&name(at)));
            continue;
        };
        assert_eq!(router.route(&name(at), &key, &headers).as_ref(), Ok(&routes));
        let (mut visited, mut queues) = (BTreeSet::new(), BTreeSet::new());
        list.route(&name(at), (&key, &headers), &mut visited, &mut queues);
        assert!(queues.iter().eq(routes.queues()), "{queues:?} and {routes:?}");
        let steps: BTreeSet<ExchangeName> = path.steps.iter().map(|step| step.exchange.clone()).collect();
        assert_eq!((steps.len(), steps), (path.steps.len(), visited), "each exchange is visited once");
    }
}

#[test]
fn jump_hash_vectors() {
    let table = [(1, 1, 0), (42, 57, 43), (0xDEAD_10CC, 666, 361), (256, 1024, 520), (9, 0, 0)];
    for (hash, buckets, bucket) in table {
        assert_eq!(jump_hash(hash, buckets), bucket, "{hash} among {buckets}");
    }
    // The paper's own formula, in doubles.
    let in_doubles = |mut hash: u64, buckets: u32| {
        let (mut bucket, mut next) = (-1_i64, 0_i64);
        while next < i64::from(buckets) {
            bucket = next;
            hash = hash.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
            next = ((bucket + 1) as f64 * (f64::from(1_u32 << 31) / ((hash >> 33) + 1) as f64)) as i64;
        }
        bucket as u32
    };
    for index in 0..100_000_u64 {
        let hash = hash_of_key(&index.to_be_bytes());
        let buckets = 1 + (hash >> 40) as u32 % 5_000;
        assert_eq!(jump_hash(hash, buckets), in_doubles(hash, buckets), "{hash} among {buckets}");
    }
    // SipHash-1-3 of nothing under a key of zeros: a key's place must not move between versions of this crate.
    assert_eq!(hash_of_key(b""), 0xd1fb_a762_150c_532c);
}

/// An exchange with a queue for each weight, named by its number.
fn shared(weights: &[u32], by: HashBy) -> Router {
    let mut router = Router::new();
    router
        .declare(name(0), ExchangeOptions::new(ExchangeKind::ConsistentHash { by }))
        .expect("the test says what is legal");
    for (index, weight) in weights.iter().enumerate() {
        router.add_queue(queue(index));
        let to = Destination::Queue(queue(index));
        router.bind(Binding::new(name(0), to, &weight.to_string())).expect("the test says what is legal");
    }
    router
}

fn place(router: &Router, key: &str) -> Option<Name> {
    let routes = router.route(&name(0), key, &Headers::default()).expect("the test says what is legal");
    assert!(routes.queues().len() <= 1, "one queue gets it");
    routes.queues().first().cloned()
}

#[test]
fn a_consistent_hash_moves_few_keys() {
    const KEYS: u32 = 20_000;
    for weights in [vec![1, 1], vec![1; 10], vec![3, 1, 2, 4], vec![5, 1, 1, 20, 7, 2]] {
        let (last, total) = (weights.len() - 1, weights.iter().sum::<u32>());
        let all = shared(&weights, HashBy::RoutingKey);
        let mut fewer = all.clone();
        let binding = Binding::new(name(0), Destination::Queue(queue(last)), &weights[last].to_string());
        assert_eq!(fewer.unbind(&binding), Ok(true));
        let mut counts = vec![0_u32; weights.len()];
        for key in 0..KEYS {
            let key = format!("customer-{key}");
            let (of_all, of_fewer) = (place(&all, &key), place(&fewer, &key));
            let index =
                (0..weights.len()).find(|index| of_all == Some(queue(*index))).expect("it goes somewhere");
            counts[index] += 1;
            assert!(index == last || of_all == of_fewer, "only keys of the last one move");
            assert_ne!(of_fewer, Some(queue(last)));
        }
        for (weight, count) in weights.iter().zip(counts) {
            let share = KEYS * weight / total;
            assert!(count.abs_diff(share) < 700, "{count} keys for a weight of {weight} in {total}"); // 10 sigma
        }
        // Bound again it takes the same keys; whoever goes from the middle gives its numbers to those behind.
        fewer.bind(binding).unwrap();
        let mut without = all.clone();
        without.remove_queue(&queue(0));
        let mut expected = shared(&weights, HashBy::RoutingKey);
        for (index, weight) in weights.iter().enumerate() {
            let binding = Binding::new(name(0), Destination::Queue(queue(index)), &weight.to_string());
            assert_eq!(expected.unbind(&binding), Ok(true));
            if index > 0 {
                expected.bind(binding).unwrap();
            }
        }
        assert!(without.bindings().eq(expected.bindings()));
        for key in (0..KEYS).step_by(20).map(|key| format!("customer-{key}")) {
            assert_eq!(place(&fewer, &key), place(&all, &key));
            assert_eq!(place(&without, &key), place(&expected, &key));
        }
    }
    assert_eq!(place(&shared(&[], HashBy::RoutingKey), "key"), None);
}

#[test]
fn a_consistent_hash_of_a_header() {
    let (by_key, by_header) =
        (shared(&[1; 7], HashBy::RoutingKey), shared(&[1; 7], HashBy::Header("h".into())));
    let mut places = BTreeSet::new();
    for key in (0..100).map(|key| format!("k{key}")) {
        let headers = [("h", key.as_str())].into();
        let routes = by_header.route(&name(0), "ignored", &headers).unwrap();
        assert_eq!(routes.queues().first(), place(&by_key, &key).as_ref(), "a text is hashed as a key is");
        places.extend(routes.queues().first().cloned());
    }
    assert_eq!(places.len(), 7);
    let number = |value: i64| by_header.route(&name(0), "k", &[("h", value)].into()).unwrap();
    assert!((0..100).any(|value| number(value) != number(0)));
    assert_eq!(
        by_header.route(&name(0), "k", &Headers::default()).unwrap().queues(),
        [place(&by_key, "").unwrap()]
    );
}
