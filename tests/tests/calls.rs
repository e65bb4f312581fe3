//! What a queue is for, measured: the same load and the same chance by calls and through a queue, under many seeds.

use std::collections::BTreeSet;

use mqlab_core::ids::{NodeId, OrderId};
use mqlab_core::observe::{Answer, Event, OrderEvent, OrderMetrics};
use mqlab_core::sim::{Scenario, Timeline};
use mqlab_core::time::{Span, Time};
use mqlab_tests::claims::{ended, scenario};

/// How many seeds each claim is held against.
const SEEDS: u64 = 40;

/// Both runs of a pair under one seed.
fn pair(without: &str, with: &str, seed: u64) -> (Timeline, Timeline) {
    (ended(scenario(without), seed), ended(scenario(with), seed))
}

fn orders_that(timeline: &Timeline, fits: impl Fn(&OrderEvent) -> bool) -> BTreeSet<OrderId> {
    let orders = timeline.events().iter().filter_map(|stamped| match &stamped.event {
        Event::Order(event) if fits(event) => Some(event.order()),
        _ => None,
    });
    orders.collect()
}

#[test]
fn both_runs_of_a_pair_have_the_same_load() {
    for (without, with) in [
        ("checkout-by-calls", "checkout-by-queue"),
        ("flash-sale-by-calls", "flash-sale-by-queue"),
        ("shop-by-calls", "shop-by-topic"),
    ] {
        let (without, with) = (scenario(without), scenario(with));
        assert_eq!((&without.users, &without.actions), (&with.users, &with.actions));
        assert_eq!((without.seed, without.ends_at, without.latency), (with.seed, with.ends_at, with.latency));
        for (service, twin) in without.services.iter().zip(&with.services) {
            assert_eq!((&service.name, service.workers, service.work), (&twin.name, twin.workers, twin.work));
            assert_eq!(service.fails_per_mille, twin.fails_per_mille);
        }
    }
}

#[test]
fn with_a_queue_the_answer_no_longer_waits_for_five_slow_steps() {
    for seed in 0..SEEDS {
        let (calls, queue) = pair("checkout-by-calls", "checkout-by-queue", seed);
        let (calls, queue) = (&calls.metrics().orders, &queue.metrics().orders);
        let (before, after) = (calls.waited_for_success.figures(), queue.waited.figures());
        assert!(after.p50.0 * 5 < before.p50.0, "seed {seed}: {before:?} {after:?}");
        assert!(after.p99.0 * 5 < before.p50.0, "seed {seed}: {before:?} {after:?}");
        // The work itself is not done any sooner.
        let (before, after) = (calls.until_fulfilled.figures(), queue.until_fulfilled.figures());
        assert!(after.p50.0 * 10 > before.p50.0 * 9, "seed {seed}: {before:?} {after:?}");
    }
}

#[test]
fn accepted_is_not_done_and_some_of_what_was_accepted_fails() {
    let mut disappointed = 0;
    for seed in 0..SEEDS {
        let (calls, queue) = pair("checkout-by-calls", "checkout-by-queue", seed);
        // The same orders fail, for the same reason; what differs is what their users were told.
        let failed = orders_that(&calls, |event| matches!(event, OrderEvent::GaveUp { .. }));
        let let_down = orders_that(&queue, |event| matches!(event, OrderEvent::Disappointed { .. }));
        assert_eq!(failed, let_down, "seed {seed}");
        let done = orders_that(&queue, |event| matches!(event, OrderEvent::Notified { done: true, .. }));
        let fulfilled = orders_that(&queue, |event| matches!(event, OrderEvent::Fulfilled { .. }));
        assert_eq!(done, fulfilled, "seed {seed}: whoever is let know, is let know the truth");
        let (calls, queue) = (&calls.metrics().orders, &queue.metrics().orders);
        assert_eq!((calls.answers(Answer::Failed), calls.disappointed), (failed.len() as u64, 0));
        assert_eq!((calls.told_early, queue.told_early), (0, 50), "seed {seed}");
        assert_eq!((queue.errors(), queue.answers(Answer::Accepted)), (0, 50), "seed {seed}");
        // That is why the last step lets the user know what really became of it.
        assert_eq!(queue.notified, 50, "seed {seed}");
        disappointed += queue.disappointed;
    }
    assert!(disappointed > SEEDS, "{disappointed} in {SEEDS} runs");
}

#[test]
fn behind_a_queue_a_service_may_be_away_for_a_while() {
    let finance = NodeId::Service(2);
    let actions =
        ["300 crash service-2", "600 restart service-2"].map(|text| text.parse().expect("an action"));
    for seed in 0..SEEDS {
        let away = |name: &str| Scenario { actions: actions.to_vec(), ..scenario(name) };
        let whole = ended(scenario("checkout-by-queue"), seed);
        let (calls, queue) = (ended(away("checkout-by-calls"), seed), ended(away("checkout-by-queue"), seed));
        let by = |timeline: &Timeline| {
            let blamed =
                |event: &OrderEvent| matches!(event, OrderEvent::GaveUp { by, .. } if *by == finance);
            orders_that(timeline, blamed).len()
        };
        assert!(by(&calls) >= 10, "seed {seed}: {} orders failed", by(&calls));
        assert_eq!(by(&queue), 0, "seed {seed}");
        let fulfilled = |timeline: &Timeline| {
            orders_that(timeline, |event| matches!(event, OrderEvent::Fulfilled { .. }))
        };
        assert_eq!(fulfilled(&queue), fulfilled(&whole), "seed {seed}: the same orders, only later");
        assert_eq!(queue.metrics().orders.errors(), 0, "seed {seed}");
        assert!(queue.metrics().orders.services[&NodeId::Service(7)].tried_again > 0, "seed {seed}");
    }
}

#[test]
fn a_flash_sale_turns_users_away_by_calls_and_none_with_a_queue() {
    for seed in 0..SEEDS {
        let (calls, queue) = pair("flash-sale-by-calls", "flash-sale-by-queue", seed);
        let (calls, queue) = (&calls.metrics().orders, &queue.metrics().orders);
        assert!(calls.errors() * 100 > calls.asked * 40, "seed {seed}: {} errors", calls.errors());
        assert!(calls.fulfilled < calls.asked * 6 / 10, "seed {seed}");
        assert_eq!((queue.errors(), queue.answers(Answer::Accepted)), (0, 300), "seed {seed}");
        assert_eq!((queue.fulfilled, queue.disappointed), (300, 0), "seed {seed}");
        // The rush is over at 320 ms; the stock works it off at its own pace, no faster than it can.
        let drained = queue.last_fulfilled.expect("something was fulfilled");
        assert!((Time(700_000)..Time(1_200_000)).contains(&drained), "seed {seed}: {drained}");
        assert!(queue.waited.figures().p99 < Span::from_millis(20), "seed {seed}");
    }
}

/// When the notification service is down.
fn outage(orders: &Timeline, fits: impl Fn(&OrderEvent) -> bool) -> usize {
    let down = Time(400_000)..Time(700_000);
    let events = orders.events().iter().filter(|stamped| down.contains(&stamped.at));
    events.filter(|stamped| matches!(&stamped.event, Event::Order(event) if fits(event))).count()
}

#[test]
fn one_service_down_fails_every_order_by_calls_and_none_by_topic() {
    let error =
        |event: &OrderEvent| matches!(event, OrderEvent::Answered { answer, .. } if !answer.is_success());
    for seed in 0..SEEDS {
        let (calls, topic) = pair("shop-by-calls", "shop-by-topic", seed);
        assert!(outage(&calls, error) >= 15, "seed {seed}: {}", outage(&calls, error));
        let done = |event: &OrderEvent| matches!(event, OrderEvent::Answered { answer: Answer::Done, .. });
        assert!(outage(&calls, done) <= 4, "seed {seed}: {}", outage(&calls, done));
        let (calls, after): (&OrderMetrics, &OrderMetrics) =
            (&calls.metrics().orders, &topic.metrics().orders);
        assert!(calls.fulfilled < calls.asked, "seed {seed}");
        assert_eq!((after.errors(), after.fulfilled, after.disappointed), (0, 80, 0), "seed {seed}");
        // The one that was down caught up.
        assert!(after.services[&NodeId::Service(5)].worked >= 80, "seed {seed}");
        assert!(topic.verdict().lost().is_empty(), "seed {seed}: {:?}", topic.verdict().lost());
    }
}

#[test]
fn a_subscriber_more_changes_nothing_for_those_who_are_there() {
    for seed in 0..SEEDS {
        let without = Scenario {
            services: scenario("shop-by-topic").services[..6].to_vec(),
            ..scenario("shop-by-topic")
        };
        let (without, with) = (ended(without, seed), ended(scenario("shop-by-topic"), seed));
        // The newcomer came at 900 ms, and has worked on everything there ever was.
        assert_eq!(with.metrics().orders.services[&NodeId::Service(7)].worked, 80, "seed {seed}");
        let (before, after) = (&without.metrics().orders, &with.metrics().orders);
        let told = |orders: &OrderMetrics| (orders.asked, orders.answered.clone(), orders.fulfilled);
        assert_eq!(told(before), told(after), "seed {seed}");
        // Until it came, even the events are the same.
        let until = |timeline: &Timeline| {
            let events = timeline.events().iter().take_while(|stamped| stamped.at < Time(900_000));
            events.map(ToString::to_string).collect::<Vec<_>>()
        };
        assert!(until(&without) == until(&with), "seed {seed}");
    }
}
