//! Exchanges and bindings: RabbitMQ's and ActiveMQ's vectors as tables, and everything that is refused. The models are
//! in `routing_models.rs`.

use std::collections::BTreeSet;

use mqlab_core::ids::Name;
use mqlab_core::message::{Headers, Value};
use mqlab_core::routing::{
    Binding, Destination, ExchangeKind, ExchangeName, ExchangeOptions, HASH_BUCKETS_MAX, HashBy,
    KEY_BYTES_MAX, Path, Reached, RouteError, Router, Syntax, TopicTrie, matches,
};

fn exchange(name: &str) -> ExchangeName {
    name.parse().expect("the test says what is legal")
}

fn queue(name: &str) -> Destination {
    Destination::Queue(Name::new(name).expect("the test says what is legal"))
}

fn to(name: &str) -> Destination {
    Destination::Exchange(exchange(name))
}

fn bind(router: &mut Router, from: &str, to: Destination, key: &str) {
    if let Destination::Queue(name) = &to {
        router.add_queue(name.clone());
    }
    router.bind(Binding::new(exchange(from), to, key)).expect("the test says what is legal");
}

fn with(exchanges: &[(&str, ExchangeKind)]) -> Router {
    let mut router = Router::new();
    for (name, kind) in exchanges {
        router
            .declare(exchange(name), ExchangeOptions::new(kind.clone()))
            .expect("the test says what is legal");
    }
    router
}

/// The queues that get it, each once and in order, by the fast way; the other one must say the same.
fn route(router: &Router, from: &str, key: &str, headers: &Headers) -> Vec<String> {
    let routes = router.route(&exchange(from), key, headers).expect("the test says what is legal");
    let (again, path) =
        router.route_with_path(&exchange(from), key, headers).expect("the test says what is legal");
    assert_eq!(routes, again);
    let lit: BTreeSet<&Name> =
        path.steps.iter().flat_map(|step| &step.matched).filter_map(into_queue).collect();
    assert!(lit.into_iter().eq(routes.queues()), "the path leads to the same queues");
    routes.queues().iter().map(Name::to_string).collect()
}

fn into_queue(binding: &std::sync::Arc<Binding>) -> Option<&Name> {
    if let Destination::Queue(name) = &binding.to { Some(name) } else { None }
}

fn plain(router: &Router, from: &str, key: &str) -> Vec<String> {
    route(router, from, key, &Headers::default())
}

/// What a trie of these patterns finds, which must be what the naive matcher finds.
fn found<'a>(syntax: Syntax, patterns: &[&'a str], key: &str) -> Vec<&'a str> {
    let mut trie = TopicTrie::new(syntax);
    patterns
        .iter()
        .for_each(|pattern| assert!(trie.insert(pattern, *pattern).expect("the test says what is legal")));
    let mut found = BTreeSet::new();
    trie.search(key, |pattern| assert!(found.insert(*pattern), "{pattern} was found twice"));
    for pattern in patterns {
        assert_eq!(syntax.matches(pattern, key), found.contains(pattern), "{pattern} and {key:?}");
    }
    patterns.iter().filter(|pattern| found.contains(*pattern)).copied().collect()
}

/// RabbitMQ's `routing_SUITE`. Number 24 is not there; 20 has the key of 1, to another queue.
const UPSTREAM: [(u32, &str); 25] = [
    (1, "a.b.c"),
    (2, "a.*.c"),
    (3, "a.#.b"),
    (4, "a.b.b.c"),
    (5, "#"),
    (6, "#.#"),
    (7, "#.b"),
    (8, "*.*"),
    (9, "a.*"),
    (10, "*.b.c"),
    (11, "a.#"),
    (12, "a.#.#"),
    (13, "b.b.c"),
    (14, "a.b.b"),
    (15, "a.b"),
    (16, "b.c"),
    (17, ""),
    (18, "*.*.*"),
    (19, "vodka.martini"),
    (20, "a.b.c"),
    (21, "*.#"),
    (22, "#.*.#"),
    (23, "*.#.#"),
    (25, "*"),
    (26, "#.b.#"),
];

#[test]
fn topics_upstream_matrix() {
    let mut router = with(&[("t", ExchangeKind::Topic)]);
    for (number, key) in UPSTREAM {
        bind(&mut router, "t", queue(&format!("t{number:02}")), key);
    }
    let table: [(&str, &[u32]); 8] = [
        ("a.b.c", &[1, 2, 5, 6, 10, 11, 12, 18, 20, 21, 22, 23, 26]),
        ("a.b", &[3, 5, 6, 7, 8, 9, 11, 12, 15, 21, 22, 23, 26]),
        ("a.b.b", &[3, 5, 6, 7, 11, 12, 14, 18, 21, 22, 23, 26]),
        ("", &[5, 6, 17]),
        ("b.c.c", &[5, 6, 18, 21, 22, 23, 26]),
        ("a.a.a.a.a", &[5, 6, 11, 12, 21, 22, 23]),
        ("vodka.gin", &[5, 6, 8, 21, 22, 23]),
        ("oneword", &[5, 6, 21, 22, 23, 25]),
    ];
    for (key, expected) in table {
        let expected: Vec<String> = expected.iter().map(|number| format!("t{number:02}")).collect();
        assert_eq!(plain(&router, "t", key), expected, "{key:?}");
        let naive = UPSTREAM.iter().filter(|(_, pattern)| matches(pattern, key));
        assert_eq!(naive.map(|(number, _)| format!("t{number:02}")).collect::<Vec<_>>(), expected, "{key:?}");
    }
}

#[test]
fn topics_empty_words_and_words_that_look_like_wildcards() {
    let patterns = ["#", "*", "*.*", "*.", "#.#", "a..b", "a.*.b"];
    assert_eq!(found(Syntax::Topic, &patterns, "."), ["#", "*.*", "*.", "#.#"]);
    assert_eq!(found(Syntax::Topic, &patterns, "a..b"), ["#", "#.#", "a..b", "a.*.b"]);
    // Wildcards are whole words, and in a routing key they are none.
    let patterns = ["a#b", "a*", "*a", "##", "a.#", "a.*", "A.b"];
    assert_eq!(found(Syntax::Topic, &patterns, "a#b"), ["a#b"]);
    assert_eq!(found(Syntax::Topic, &patterns, "axb"), [""; 0]);
    assert_eq!(found(Syntax::Topic, &patterns, "a.#"), ["a.#", "a.*"]);
    assert_eq!(found(Syntax::Topic, &patterns, "##"), ["##"]);
    assert_eq!(found(Syntax::Topic, &patterns, "a.b"), ["a.#", "a.*"]);
}

#[test]
fn topics_have_at_most_two_words_that_match_many() {
    let mut router = with(&[("t", ExchangeKind::Topic)]);
    router.add_queue(Name::new("q").unwrap());
    for (key, legal) in
        [("#.#", true), ("#.a.#", true), ("a#.#b.#.#", true), ("#.#.#", false), ("#.a.#.b.#", false)]
    {
        let bound = router.bind(Binding::new(exchange("t"), queue("q"), key));
        assert_eq!(bound.map_err(|error| error.code()), if legal { Ok(true) } else { Err(406) }, "{key}");
    }
    // However many there are, the naive matcher has an answer at once.
    assert!(!matches(&["#"; 60].join(".a."), &["b"; 120].join(".")));
}

#[test]
fn hierarchy_wildcards() {
    let topics = ["P", "P.A", "P.A.B", "P.A.B.C"];
    let table: [(&str, &[&str]); 7] = [
        ("P.*", &["P.A"]),
        ("P.>", &["P", "P.A", "P.A.B", "P.A.B.C"]),
        ("P.*.B", &["P.A.B"]),
        (">", &["P", "P.A", "P.A.B", "P.A.B.C"]),
        ("P.*.>", &["P.A", "P.A.B", "P.A.B.C"]),
        ("P.>.>", &["P", "P.A", "P.A.B", "P.A.B.C"]),
        ("P.>.B", &[]),
    ];
    for (pattern, expected) in table {
        let hit = |topic: &&str| !found(Syntax::Hierarchy, &[pattern], topic).is_empty();
        assert_eq!(topics.into_iter().filter(hit).collect::<Vec<_>>(), expected, "{pattern}");
    }
    // What is a wildcard for one is a word for the other.
    assert_eq!(found(Syntax::Hierarchy, &["P.#", "P.>.B"], "P.#"), ["P.#"]);
    assert_eq!(found(Syntax::Hierarchy, &["P.>.B"], "P.>.B"), ["P.>.B"]);
    assert_eq!(found(Syntax::Topic, &["P.>"], "P.A"), [""; 0]);
    let mut router = with(&[("h", ExchangeKind::Hierarchy)]);
    bind(&mut router, "h", queue("q"), "P.>");
    assert_eq!(plain(&router, "h", "P"), ["q"]);
}

/// The arguments of a binding: `x-match` and the rest.
fn arguments(word: &str, rest: &[(&str, Value)]) -> Headers {
    let mut arguments: Headers = rest.iter().cloned().collect();
    if !word.is_empty() {
        arguments.insert("x-match", word);
    }
    arguments
}

#[test]
fn headers_table() {
    let one = || Value::from("1");
    let messages: [Headers; 4] = [
        Headers::default(),
        [("a", one()), ("x-foo", "2".into())].into(),
        [("x-foo", one())].into(),
        [("a", Value::Null)].into(),
    ];
    let table = [
        (arguments("all", &[("a", one())]), [false, true, false, false]),
        (arguments("all", &[]), [true; 4]),
        (Headers::default(), [true; 4]),
        (arguments("any", &[]), [false; 4]),
        (arguments("all", &[("x-foo", one())]), [true; 4]),
        (arguments("any", &[("x-foo", one())]), [false; 4]),
        (arguments("all-with-x", &[("a", one()), ("x-foo", one())]), [false; 4]),
        (arguments("any-with-x", &[("a", one()), ("x-foo", one())]), [false, true, true, false]),
        (arguments("all", &[("a", Value::Null)]), [false, true, false, true]),
        // No type becomes another one.
        (arguments("", &[("a", 1.into())]), [false; 4]),
        (arguments("", &[("a", true.into())]), [false; 4]),
    ];
    for (asked, expected) in table {
        let mut router = with(&[("h", ExchangeKind::Headers)]);
        router.add_queue(Name::new("q").unwrap());
        let binding = Binding::new(exchange("h"), queue("q"), "ignored").with_arguments(asked.clone());
        assert_eq!(router.bind(binding.clone()), Ok(true));
        assert_eq!(router.bind(binding), Ok(false));
        let got = messages.each_ref().map(|headers| !route(&router, "h", "any key", headers).is_empty());
        assert_eq!(got, expected, "{asked:?}");
    }
    for wrong in [Value::from("ALL"), "".into(), "some".into(), true.into(), 1.into(), Value::Null] {
        let mut router = with(&[("h", ExchangeKind::Headers)]);
        router.add_queue(Name::new("q").unwrap());
        let asked = [("x-match", wrong)].into();
        let error =
            router.bind(Binding::new(exchange("h"), queue("q"), "").with_arguments(asked)).unwrap_err();
        assert_eq!(error.code(), 406, "{error}");
        assert_eq!(router.bindings().count(), 0);
    }
}

/// Where the steps went, in few words.
fn told(path: &Path) -> Vec<String> {
    let way = |reached: &Reached| match reached {
        Reached::Published => "published".to_owned(),
        Reached::Bound(from) => format!("from {from}"),
        Reached::Alternate(of) => format!("instead of {of}"),
    };
    let step = |step: &mqlab_core::routing::Step| {
        let matched: Vec<String> = step.matched.iter().map(|binding| binding.to.to_string()).collect();
        format!("{}, {}: {}", step.exchange, way(&step.reached), matched.join(", "))
    };
    path.steps.iter().map(step).collect()
}

#[test]
fn alternate_exchanges() {
    let mut router = with(&[("ae", ExchangeKind::Fanout), ("lonely", ExchangeKind::Fanout)]);
    let backed = |alternate| ExchangeOptions {
        alternate: Some(exchange(alternate)),
        ..ExchangeOptions::new(ExchangeKind::Direct)
    };
    router.declare(exchange("mx"), backed("ae")).unwrap();
    router.declare(exchange("nowhere"), backed("missing")).unwrap();
    router.declare(exchange("ring-1"), backed("ring-2")).unwrap();
    router.declare(exchange("ring-2"), backed("ring-1")).unwrap();
    router.declare(exchange("by-name"), backed("")).unwrap();
    // No queue at the alternate: nobody gets it.
    assert_eq!(plain(&router, "mx", "nope"), [""; 0]);
    bind(&mut router, "ae", queue("left-over"), "");
    assert_eq!(plain(&router, "mx", "nope"), ["left-over"]);
    let (_, path) = router.route_with_path(&exchange("mx"), "nope", &Headers::default()).unwrap();
    assert_eq!(told(&path), ["mx, published: ", "ae, instead of mx: queue left-over"]);
    // What matches does not go there, even if it leads to an exchange that has nowhere to go.
    bind(&mut router, "mx", queue("q"), "yes");
    bind(&mut router, "mx", to("lonely"), "dead end");
    assert_eq!(plain(&router, "mx", "yes"), ["q"]);
    assert_eq!(plain(&router, "mx", "dead end"), [""; 0]);
    // One that is not there is none, and a ring of them ends.
    assert_eq!(plain(&router, "nowhere", "nope"), [""; 0]);
    assert_eq!(plain(&router, "ring-1", "nope"), [""; 0]);
    // An alternate has the original key, and may have an alternate; the default exchange may be one.
    bind(&mut router, "ring-2", queue("second"), "key");
    assert_eq!(plain(&router, "ring-1", "key"), ["second"]);
    assert_eq!(plain(&router, "by-name", "second"), ["second"]);
    // It is looked up when it is needed.
    router.declare(exchange("missing"), backed("ae")).unwrap();
    assert_eq!(plain(&router, "nowhere", "nope"), ["left-over"]);
}

#[test]
fn exchanges_bound_to_exchanges_give_one_copy() {
    use ExchangeKind::{Direct, Fanout, Topic};
    let mut router = with(&[("a", Topic), ("b", Fanout), ("c", Direct)]);
    bind(&mut router, "a", to("b"), "x.#");
    bind(&mut router, "a", to("c"), "*.y");
    bind(&mut router, "b", to("a"), "");
    bind(&mut router, "b", queue("q"), "");
    bind(&mut router, "b", queue("q"), "again");
    bind(&mut router, "c", queue("q"), "x.y");
    assert_eq!(plain(&router, "a", "x.y"), ["q"]);
    let (_, path) = router.route_with_path(&exchange("a"), "x.y", &Headers::default()).unwrap();
    assert_eq!(
        told(&path),
        [
            "a, published: exchange b, exchange c",
            "b, from a: queue q, queue q, exchange a",
            "c, from a: queue q"
        ]
    );
    // When an exchange goes, so do the bindings to it.
    assert_eq!(router.delete(&exchange("b")), Ok(true));
    assert_eq!(router.delete(&exchange("b")), Ok(false));
    assert_eq!(router.bindings().count(), 2);
    assert_eq!(plain(&router, "a", "x.z"), [""; 0]);
    assert!(router.remove_queue(&Name::new("q").unwrap()) && !router.remove_queue(&Name::new("q").unwrap()));
    assert_eq!(router.bindings().count(), 1);
}

#[test]
fn the_default_exchange_and_the_system_exchange() {
    let mut router = with(&[("sys", ExchangeKind::System), ("in", ExchangeKind::Fanout)]);
    router.add_queue(Name::new("Q").unwrap());
    assert_eq!(plain(&router, "", "Q"), ["Q"]);
    assert_eq!(plain(&router, "", "q"), [""; 0]);
    assert_eq!(plain(&router, "", "no name at all/"), [""; 0]);
    router.remove_queue(&Name::new("Q").unwrap());
    assert_eq!(plain(&router, "", "Q"), [""; 0]);
    bind(&mut router, "in", to("sys"), "");
    assert_eq!(router.add_service("amq.clock"), Ok(true));
    let (routes, path) = router.route_with_path(&exchange("in"), "amq.clock", &Headers::default()).unwrap();
    assert_eq!(routes.services().iter().map(|name| &**name).collect::<Vec<_>>(), ["amq.clock"]);
    assert_eq!(path.steps[1].service.as_deref(), Some("amq.clock"));
    assert!(!routes.is_empty() && routes.queues().is_empty());
    assert!(router.route(&exchange("sys"), "other", &Headers::default()).unwrap().is_empty());
    assert!(router.remove_service("amq.clock"));
    assert!(router.route(&exchange("sys"), "amq.clock", &Headers::default()).unwrap().is_empty());
}

#[test]
fn what_is_refused_and_by_which_number() {
    let options = || ExchangeOptions::new(ExchangeKind::Fanout);
    let none = Headers::default();
    let mut router = with(&[("x", ExchangeKind::Fanout), ("sys", ExchangeKind::System)]);
    router.declare(exchange("inner"), ExchangeOptions { internal: true, ..options() }).unwrap();
    let consistent = ExchangeKind::ConsistentHash { by: HashBy::RoutingKey };
    router.declare(exchange("hash"), ExchangeOptions::new(consistent)).unwrap();
    router.add_queue(Name::new("q").unwrap());
    let long = "k".repeat(KEY_BYTES_MAX + 1);
    let code = |result: Result<bool, RouteError>| result.map_err(|error| error.code());
    assert_eq!(code(router.declare(exchange("x"), options())), Ok(false));
    assert_eq!(code(router.declare(exchange("x"), ExchangeOptions { durable: true, ..options() })), Err(406));
    assert_eq!(code(router.declare(ExchangeName::DEFAULT, options())), Err(403));
    assert_eq!(code(router.declare(exchange("amq.mine"), options())), Err(403));
    let there = ExchangeOptions { durable: true, ..options() };
    assert_eq!(code(router.declare(exchange("amq.fanout"), there)), Ok(false));
    assert_eq!(code(router.delete(&ExchangeName::DEFAULT)), Err(403));
    assert_eq!(code(router.delete(&exchange("amq.topic"))), Err(403));
    let table = [
        ("", queue("q"), "q", 403),
        ("x", to(""), "", 403),
        ("sys", queue("q"), "", 403),
        ("none", queue("q"), "", 404),
        ("x", queue("none"), "", 404),
        ("x", to("none"), "", 404),
        ("x", queue("q"), &long, 502),
        ("hash", queue("q"), "", 406),
        ("hash", queue("q"), "0", 406),
        ("hash", queue("q"), "-1", 406),
        ("hash", queue("q"), "+1", 406),
        ("hash", queue("q"), "1.5", 406),
        ("hash", queue("q"), "2147483648", 406),
    ];
    for (from, to, key, expected) in table {
        assert_eq!(code(router.bind(Binding::new(exchange(from), to, key))), Err(expected), "{from} {key}");
    }
    assert_eq!(router.bindings().count(), 0, "what is refused leaves nothing behind");
    assert_eq!(
        code(router.bind(Binding::new(exchange("hash"), queue("q"), &HASH_BUCKETS_MAX.to_string()))),
        Ok(true)
    );
    assert_eq!(code(router.bind(Binding::new(exchange("hash"), queue("q"), "1"))), Err(406));
    // Unbinding needs exactly the same, and no map of arguments is the same as an empty one.
    let binding = Binding::new(exchange("x"), queue("q"), "k");
    let empty = binding.clone().with_arguments(serde_json::from_str("{}").unwrap());
    assert_eq!(code(router.bind(binding.clone())), Ok(true));
    assert_eq!(code(router.bind(empty.clone())), Ok(false));
    assert_eq!(code(router.unbind(&binding.clone().with_arguments([("a", 1)].into()))), Ok(false));
    assert_eq!(code(router.unbind(&Binding::new(exchange("x"), queue("q"), ""))), Ok(false));
    assert_eq!(code(router.unbind(&empty)), Ok(true));
    assert_eq!(code(router.unbind(&binding)), Ok(false));
    assert_eq!(code(router.unbind(&Binding::new(exchange("none"), queue("q"), ""))), Err(404));
    let publish = |router: &Router, name: &str, key: &str| {
        router.route(&exchange(name), key, &none).map_err(|e| e.code())
    };
    assert_eq!(publish(&router, "none", ""), Err(404));
    assert_eq!(publish(&router, "inner", ""), Err(403));
    assert_eq!(publish(&router, "x", &long), Err(502));
    // From another exchange an internal one takes it.
    bind(&mut router, "x", to("inner"), "");
    bind(&mut router, "inner", queue("q"), "");
    assert_eq!(plain(&router, "x", ""), ["q"]);
}
