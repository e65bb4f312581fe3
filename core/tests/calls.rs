//! A system without a queue: capacity, backlog, deadlines, and services that die in the middle of a call.

use std::collections::{BTreeMap, BTreeSet};

use mqlab_core::ids::{NodeId, OrderId};
use mqlab_core::observe::{Answer, Event, OrderEvent, Stamped};
use mqlab_core::rng::{Rng, Stream};
use mqlab_core::sim::{Scenario, Timeline};
use mqlab_core::time::{Span, Time};
use proptest::prelude::*;

/// A scenario without brokers in which everything travels for exactly a millisecond.
fn scenario(services: &str, users: &str, actions: &str) -> Scenario {
    let json = format!(
        r#"{{ "format": 1, "name": "test", "seed": 1, "ends_at": 400000, "brokers": 0, "latency": [1000, 1000],
              "services": [{services}], "users": [{users}], "actions": [{actions}] }}"#
    );
    Scenario::from_json(&json).unwrap_or_else(|error| panic!("{error}\n{json}"))
}

fn run(scenario: Scenario) -> Timeline {
    let seed = scenario.seed;
    let mut timeline = Timeline::new(scenario, seed).expect("it is sound");
    timeline.advance(timeline.ends_at());
    timeline
}

fn told(timeline: &Timeline) -> String {
    let lines: String = timeline.events().iter().map(|stamped| format!("{stamped}\n")).collect();
    format!("\n{lines}")
}

#[test]
fn one_works_one_waits_and_the_others_are_turned_away() {
    let timeline = run(scenario(
        r#"{ "name": "shop", "workers": 1, "work": 5000, "backlog": 1 }"#,
        r#"{ "name": "buyers", "calls": "shop", "requests": 4, "every": 1000, "timeout": 50000 }"#,
        "",
    ));
    // Asked at 1, 2, 3, 4 ms; each question and each answer travels for 1 ms; the work takes 5 ms.
    let expected = "
    1.000 user-1      asked service-1 for o1
    2.000 service-1   began o1
    2.000 user-1      asked service-1 for o2
    3.000 service-1   lets o2 wait, 0 before it
    3.000 user-1      asked service-1 for o3
    4.000 service-1   turned o3 away: overloaded
    4.000 user-1      asked service-1 for o4
    5.000 user-1      was told o3 is overloaded, after 2 ms
    5.000 service-1   turned o4 away: overloaded
    6.000 user-1      was told o4 is overloaded, after 2 ms
    7.000 service-1   did its part of o1
    7.000 user-1      has o1 fulfilled, after 6 ms
    7.000 service-1   began o2
    8.000 user-1      was told o1 is done, after 7 ms
   12.000 service-1   did its part of o2
   12.000 user-1      has o2 fulfilled, after 10 ms
   13.000 user-1      was told o2 is done, after 11 ms
";
    assert_eq!(told(&timeline), expected);
    let orders = &timeline.metrics().orders;
    assert_eq!((orders.asked, orders.answers(Answer::Done), orders.answers(Answer::Overloaded)), (4, 2, 2));
    let waited = orders.waited.figures();
    assert_eq!((waited.count, waited.mean, waited.p50), (4, Span(5_500), Span(2_000)));
    assert_eq!((waited.p95, waited.max), (Span(11_000), Span(11_000)));
    assert_eq!(orders.services[&NodeId::Service(1)].waiting_max, 1);
    assert_eq!(orders.last_fulfilled, Some(Time(12_000)));
}

#[test]
fn a_user_who_waited_long_enough_knows_nothing_and_the_work_goes_on() {
    let timeline = run(scenario(
        r#"{ "name": "shop", "workers": 1, "work": 30000 }"#,
        r#"{ "name": "buyers", "calls": "shop", "requests": 1, "every": 1000, "timeout": 10000 }"#,
        "",
    ));
    let expected = "
    1.000 user-1      asked service-1 for o1
    2.000 service-1   began o1
   11.000 user-1      knows nothing of o1: timed out, after 10 ms
   32.000 service-1   did its part of o1
   32.000 user-1      has o1 fulfilled, after 31 ms
";
    assert_eq!(told(&timeline), expected);
    let orders = &timeline.metrics().orders;
    assert_eq!((orders.errors(), orders.fulfilled, orders.fulfilled_unknown), (1, 1, 1));
}

/// A shop that calls a slow service, and what is done to that one in the middle of the first call.
fn in_mid_call(command: &str, timeout: u64) -> Timeline {
    let call =
        format!(r#""then": [{{ "call": {{ "service": "finance", "timeout": {timeout} }} }}], "backlog": 9"#);
    run(scenario(
        &format!(
            r#"{{ "name": "shop", "workers": 1, "work": 1000, {call} }},
               {{ "name": "finance", "workers": 1, "work": 20000 }}"#
        ),
        r#"{ "name": "buyers", "calls": "shop", "requests": 2, "every": 30000, "timeout": 90000, "done_by": ["finance"] }"#,
        &format!(
            r#"{{ "at": 40000, "command": {{ "{command}": "service-2" }} }},
               {{ "at": 45000, "command": {{ "restart": "service-2" }} }}"#
        ),
    ))
}

#[test]
fn whoever_calls_a_process_that_dies_hears_of_the_broken_connection() {
    let expected = "
   30.000 user-1      asked service-1 for o1
   31.000 service-1   began o1
   33.000 service-2   began o1
   40.000 service-2   crashed
   41.000 service-1   gave o1 up: service-2 unreachable
   42.000 user-1      knows nothing of o1: unreachable, after 12 ms
   45.000 service-2   restarted
   60.000 user-1      asked service-1 for o2
   61.000 service-1   began o2
   63.000 service-2   began o2
   83.000 service-2   did its part of o2
   83.000 user-1      has o2 fulfilled, after 23 ms
   84.000 service-1   did its part of o2
   85.000 user-1      was told o2 is done, after 25 ms
";
    assert_eq!(told(&in_mid_call("crash", 40_000)), expected);
}

#[test]
fn whoever_calls_a_machine_that_goes_dark_waits_until_the_deadline_and_holds_its_worker() {
    let timeline = in_mid_call("cut_power", 40_000);
    let gave_up = "   72.000 service-1   gave o1 up: service-2 timed out\n   72.000 service-1   began o2\n";
    assert!(told(&timeline).contains(gave_up), "{}", told(&timeline));
    assert!(told(&timeline).contains("   61.000 service-1   lets o2 wait, 0 before it\n"));
    let orders = &timeline.metrics().orders;
    assert_eq!((orders.answers(Answer::TimedOut), orders.answers(Answer::Done)), (1, 1));
}

#[test]
fn one_slow_service_fills_the_workers_of_those_before_it() {
    // The shop itself needs 1 ms and has ten workers; finance needs 50 ms and has one.
    let timeline = run(scenario(
        r#"{ "name": "shop", "workers": 10, "work": 1000,
             "then": [{ "call": { "service": "finance", "timeout": 300000 } }] },
           { "name": "finance", "workers": 1, "work": 50000, "backlog": 100 }"#,
        r#"{ "name": "buyers", "calls": "shop", "requests": 30, "every": 1000, "timeout": 300000 }"#,
        "",
    ));
    let services = &timeline.metrics().orders.services;
    assert_eq!(services[&NodeId::Service(1)].turned_away, 20, "it is the shop that turns away");
    assert_eq!(services[&NodeId::Service(2)].turned_away, 0);
}

#[test]
fn a_run_with_users_can_be_taken_back() {
    for name in ["checkout-by-queue", "shop-by-calls"] {
        let mut timeline =
            Timeline::new(Scenario::built_in(name).expect("it is there"), 3).expect("it is sound");
        timeline.seek(timeline.ends_at());
        let (digest, picture) = (timeline.digest(), timeline.picture(8));
        timeline.seek(Time(437_000));
        timeline.seek(timeline.ends_at());
        assert_eq!((timeline.digest(), timeline.picture(8)), (digest, picture), "{name}");
    }
}

#[test]
fn what_is_wrong_is_said() {
    let table = [
        ("\"workers\": 24", "\"workers\": 0", "0 workers, use 1 to 1000"),
        ("\"work\": 1000", "\"work\": 0", "shop works 0 to 0 microseconds"),
        ("\"timeout\": 300000", "\"timeout\": 3", "waits 0.003 ms for an answer"),
        ("\"service\": \"finance\"", "\"service\": \"nobody\"", "calls nobody, which is no service"),
        ("\"calls\": \"shop\"", "\"calls\": \"nobody\"", "calls nobody, which is no service"),
        ("\"name\": \"finance\"", "\"name\": \"shop\"", "can be called \"shop\""),
        ("\"service\": \"finance\"", "\"service\": \"shop\"", "go round in a circle"),
        ("\"every\": 20000", "\"every\": 0", "asks every 0 microseconds"),
        ("\"requests\": 50", "\"requests\": 100001", "100001 orders, use at most 100000"),
        ("\"requests\": 50", "\"requests\": 99999999999", "orders, use at most 100000"),
        ("\"fails_per_mille\": 80", "\"fails_per_mille\": 1001", "fails at 1001 of a thousand"),
        ("\"queue\": \"orders\"", "\"queue\": \"others\"", "sends to a queue or topic that is not there"),
        (
            "\"name\": \"orders\",\n          \"prefetch\"",
            "\"name\": \"x\",\n          \"prefetch\"",
            "reads what is not there",
        ),
        (
            "\"done_by\": [\n        \"finance\"",
            "\"done_by\": [\n        \"nobody\"",
            "is done by nobody, which is no service",
        ),
        ("\"backlog\": 50", "\"backlog\": 100001", "use at most 100000"),
        (
            "\"actions\": []",
            "\"actions\": [{ \"at\": 5, \"command\": { \"crash\": \"user-1\" } }]",
            "there is no user-1 to crash",
        ),
        ("\"users\": [", "\"uzers\": [", "unknown field `uzers`"),
    ];
    let sound = Scenario::built_in("checkout-by-queue").expect("it is there").to_json();
    for (from, to, words) in table {
        assert!(sound.contains(from), "the file has {from}:\n{sound}");
        let error = Scenario::from_json(&sound.replacen(from, to, 1)).expect_err(to).to_string();
        assert!(error.contains(words), "{from} -> {to}: {error}");
    }
}

/// The service that reads the queue, where there is one.
const READER: u64 = 2;

/// Services in a row, each calling some of those behind it, perhaps with a queue between the first and the second, and
/// everything dies now and then. From 600 ms on all are up.
fn random(seed: u64) -> Scenario {
    let mut rng = Rng::new(seed, Stream::Workload);
    let count = rng.between(2, 5);
    let queue = rng.below(2) == 0;
    let mut services = Vec::new();
    for number in 1..=count {
        let behind = (number + 1..=count).filter(|callee| !queue || *callee != READER);
        let mut then = Vec::new();
        for callee in behind {
            // Whoever works on a message calls until it works, so it must be able to.
            let patient = queue && number >= READER;
            let timeout = if patient { 400_000 } else { rng.between(5_000, 40_000) };
            if rng.below(2) == 0 {
                then.push(format!(r#"{{ "call": {{ "service": "s{callee}", "timeout": {timeout} }} }}"#));
            }
        }
        if queue && number == 1 {
            then.push(r#"{ "send": { "to": { "queue": "q" } } }"#.into());
        }
        if number == count && rng.below(2) == 0 {
            then.push("\"notify\"".into());
        }
        let from = match queue && number == READER {
            true => format!(r#""from": {{ "queue": {{ "name": "q", "prefetch": {} }} }},"#, rng.below(4)),
            false => String::new(),
        };
        let (workers, backlog) = (rng.between(1, 4), rng.below(6));
        let (low, fails) = (rng.between(500, 4_000), [0, 0, 100][rng.below(3) as usize]);
        services.push(format!(
            r#"{{ "name": "s{number}", {from} "workers": {workers}, "work": [{low}, {}], "backlog": {backlog},
                  "fails_per_mille": {fails}, "then": [{}] }}"#,
            low * 2,
            then.join(", "),
        ));
    }
    let done_by = if queue { format!("\"s{READER}\"") } else { "\"s1\"".into() };
    let user = |index: u64, rng: &mut Rng| {
        format!(
            r#"{{ "name": "u{index}", "calls": "s1", "starts_at": {}, "requests": {}, "every": {}, "timeout": {},
                  "done_by": [{done_by}] }}"#,
            rng.below(90_000),
            rng.between(5, 40),
            rng.between(300, 6_000),
            rng.between(10_000, 80_000),
        )
    };
    let users = [user(1, &mut rng), user(2, &mut rng)].join(", ");
    let mut actions = Vec::new();
    let mut act = |at: u64, verb: &str, node: &str| {
        actions.push(format!(r#"{{ "at": {at}, "command": {{ "{verb}": "{node}" }} }}"#));
    };
    for _ in 0..rng.below(6) {
        let node = match rng.below(5) {
            0 if queue => "broker-1".into(),
            _ => format!("service-{}", rng.between(1, count)),
        };
        let at = rng.between(10_000, 250_000);
        act(at, ["crash", "cut_power"][rng.below(2) as usize], &node);
        act(at + rng.between(500, 90_000), "restart", &node);
    }
    for number in 1..=count {
        act(600_000, "restart", &format!("service-{number}"));
    }
    if queue {
        act(600_000, "restart", "broker-1");
    }
    let (brokers, queues) = if queue { (1, r#"{ "name": "q", "broker": 1 }"#) } else { (0, "") };
    let json = format!(
        r#"{{ "format": 1, "name": "random", "seed": {seed}, "ends_at": 2500000, "brokers": {brokers},
              "latency": [300, 2500], "queues": [{queues}], "services": [{}], "users": [{users}],
              "actions": [{}] }}"#,
        services.join(", "),
        actions.join(", "),
    );
    Scenario::from_json(&json).unwrap_or_else(|error| panic!("{error}\n{json}"))
}

/// What is known of an order from the facts alone, counted as naively as can be.
#[derive(Default)]
struct Life {
    asked: Option<(Time, NodeId)>,
    answers: Vec<(Answer, Span)>,
    fulfilled: u32,
    disappointed: u32,
    gave_up: bool,
}

fn lives(events: &[Stamped]) -> BTreeMap<OrderId, Life> {
    let mut lives: BTreeMap<OrderId, Life> = BTreeMap::new();
    for Stamped { at, node, event, .. } in events {
        let Event::Order(event) = event else { continue };
        let life = lives.entry(event.order()).or_default();
        match event {
            OrderEvent::Asked { .. } => assert!(life.asked.replace((*at, *node)).is_none(), "asked twice"),
            OrderEvent::Answered { answer, waited, .. } => {
                let (asked, user) = life.asked.expect("asked before it is answered");
                assert_eq!((*node, *at), (user, asked + *waited));
                life.answers.push((*answer, *waited));
            }
            OrderEvent::Fulfilled { .. } => life.fulfilled += 1,
            OrderEvent::Disappointed { .. } => life.disappointed += 1,
            OrderEvent::GaveUp { why: Answer::Failed, .. } => life.gave_up = true,
            _ => {}
        }
    }
    lives
}

/// Never more workers busy than the scenario says, counted from the facts.
fn check_capacity(scenario: &Scenario, events: &[Stamped]) -> Result<(), TestCaseError> {
    let mut busy: BTreeMap<NodeId, i64> = BTreeMap::new();
    for Stamped { node, event, at, .. } in events {
        let NodeId::Service(number) = node else { continue };
        let busy = busy.entry(*node).or_default();
        match event {
            Event::Order(OrderEvent::Began { .. }) => *busy += 1,
            Event::Order(OrderEvent::Worked { .. } | OrderEvent::GaveUp { .. }) => *busy -= 1,
            Event::Crashed | Event::PowerCut => *busy = 0,
            _ => {}
        }
        let workers = i64::from(scenario.services[usize::from(*number) - 1].workers);
        prop_assert!((0..=workers).contains(busy), "{node} has {busy} of {workers} workers busy at {at}");
    }
    Ok(())
}

#[test]
fn the_random_scenarios_find_everything_that_can_become_of_an_order() {
    let (mut answers, mut disappointed, mut unknown, mut again) = (BTreeSet::new(), 0, 0, 0);
    for seed in 0..60 {
        let orders = run(random(seed)).metrics().orders.clone();
        answers.extend(orders.answered.keys().copied());
        disappointed += orders.disappointed;
        unknown += orders.fulfilled_unknown;
        again += orders.services.values().map(|counts| counts.tried_again).sum::<u64>();
    }
    let all = [
        Answer::Done,
        Answer::Accepted,
        Answer::Failed,
        Answer::Overloaded,
        Answer::TimedOut,
        Answer::Unreachable,
    ];
    assert_eq!(answers, BTreeSet::from(all));
    assert!(
        disappointed > 0 && unknown > 0,
        "{disappointed} disappointed, {unknown} done unknown to their users"
    );
    assert!(again > 0, "nothing was tried again");
}

fn check_orders(seed: u64) -> Result<(), TestCaseError> {
    let scenario = random(seed);
    let timeline = run(scenario.clone());
    let (orders, lives) = (&timeline.metrics().orders, lives(timeline.events()));
    check_capacity(&scenario, timeline.events())?;
    let planned: u64 = scenario.users.iter().map(|user| user.requests).sum();
    prop_assert_eq!(lives.len() as u64, planned);
    prop_assert_eq!((orders.asked, orders.unanswered()), (planned, 0));
    for (order, life) in &lives {
        prop_assert_eq!(life.answers.len(), 1, "{} was answered {:?}", order, &life.answers);
        let (answer, waited) = life.answers[0];
        let (_, user) = life.asked.expect("it was asked for");
        let NodeId::User(number) = user else { panic!("{user} asked") };
        let timeout = scenario.users[usize::from(number) - 1].timeout;
        prop_assert!(waited <= timeout, "{} was answered after {}", order, waited);
        prop_assert!(life.fulfilled <= 1 && life.disappointed <= 1);
        // An order that was accepted or done is fulfilled, unless somebody who works on it could not.
        if answer.is_success() {
            prop_assert!(life.fulfilled == 1 || life.gave_up, "{} was promised and forgotten", order);
            prop_assert_eq!(life.disappointed == 1, life.fulfilled == 0, "{}", order);
        } else {
            prop_assert_eq!(life.disappointed, 0);
        }
    }
    let count = |is: &dyn Fn(&Life) -> bool| lives.values().filter(|life| is(life)).count() as u64;
    prop_assert_eq!(orders.fulfilled, count(&|life| life.fulfilled == 1));
    prop_assert_eq!(orders.disappointed, count(&|life| life.disappointed == 1));
    prop_assert_eq!(orders.errors(), count(&|life| !life.answers[0].0.is_success()));
    let unknown = |life: &Life| life.fulfilled == 1 && !life.answers[0].0.is_success();
    prop_assert_eq!(orders.fulfilled_unknown, count(&unknown));
    Ok(())
}

/// Something else reaches a user in the very moment in which its patience ends: that must not put the end off.
#[test]
fn a_deadline_holds_though_something_else_happens_in_its_moment() -> Result<(), TestCaseError> {
    check_orders(21_781)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn every_order_is_answered_once_and_none_that_was_accepted_is_forgotten(seed in 0..100_000_u64) {
        check_orders(seed)?;
    }

    #[test]
    fn no_more_wait_than_there_is_room_for(seed in 0..100_000_u64) {
        let scenario = random(seed);
        let mut timeline = Timeline::new(scenario.clone(), seed).expect("it is sound");
        for millis in (0..400).step_by(5) {
            timeline.advance(Time(millis * 1_000));
            for (view, spec) in timeline.picture(4).services.iter().zip(&scenario.services) {
                prop_assert!(view.working.len() <= usize::from(spec.workers));
                prop_assert!(view.waiting.len() <= spec.backlog as usize);
                let idle = view.working.len() < usize::from(spec.workers);
                prop_assert!(!idle || view.waiting.is_empty(), "{} is idle and lets orders wait", view.name);
                // Who reads orders from a queue calls again when it heard nothing: then one may wait twice.
                let distinct: BTreeSet<OrderId> = view.waiting.iter().copied().collect();
                let again = scenario.services.iter().any(|service| service.from.is_some());
                prop_assert!(again || distinct.len() == view.waiting.len());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Any number in place of any other: the scenario is refused, or it runs.
    #[test]
    fn odd_numbers_are_refused_or_run(
        name in prop_oneof![Just("flash-sale-by-queue"), Just("flash-sale-by-calls"), Just("shop-by-calls")],
        place in 0..200_usize,
        number in prop_oneof![0..5_u64, 90..300_u64],
    ) {
        let text = Scenario::built_in(name).expect("it is there").to_json();
        let digit = |at: usize| text.as_bytes()[at].is_ascii_digit();
        let starts: Vec<usize> =
            (1..text.len()).filter(|&at| digit(at) && !digit(at - 1) && text.as_bytes()[at - 1] != b'-').collect();
        let start = starts[place % starts.len()];
        let length = text[start..].bytes().take_while(u8::is_ascii_digit).count();
        let odd = format!("{}{number}{}", &text[..start], &text[start + length..]);
        if let Ok(scenario) = Scenario::from_json(&odd) {
            let orders = run(scenario).metrics().orders.clone();
            prop_assert!(orders.fulfilled <= orders.asked);
        }
    }
}
