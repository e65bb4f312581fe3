//! Gauges, against the metrics that the world counts and against a plain recount.

use mqlab_core::observe::{Event, Gauges, SLICES_MAX, Spans, WINDOW};
use mqlab_core::sim::{Scenario, Timeline};
use mqlab_core::time::{Span, Time};

fn run(name: &str) -> (Gauges, Timeline) {
    let scenario = Scenario::built_in(name).expect("it is built in");
    let calls = scenario.brokers == 0;
    let replicas = scenario.topics.iter().filter(|topic| topic.replicas > 1);
    let replicas: Vec<_> = replicas.map(|topic| (topic.name.clone(), u32::from(topic.replicas))).collect();
    let mut gauges = Gauges::new(scenario.ends_at, replicas, calls);
    let seed = scenario.seed;
    let mut timeline = Timeline::new(scenario, seed).expect("it can be run");
    timeline.seek(timeline.ends_at());
    timeline.events().iter().for_each(|fact| gauges.observe(fact));
    gauges.pass(timeline.ends_at());
    (gauges, timeline)
}

#[test]
fn at_the_end_of_every_run_gauges_and_metrics_agree() {
    for name in Scenario::names() {
        let (gauges, timeline) = run(name);
        let (end, metrics) = (gauges.reading(timeline.ends_at()), timeline.metrics());
        assert!(gauges.len() as u64 <= SLICES_MAX, "{name}");
        assert_eq!(end.again, metrics.redelivered, "{name}");
        let waiting = match timeline.scenario().brokers {
            0 => u32::try_from(metrics.orders.unanswered()).expect("few"),
            _ => *metrics.backlog().samples().last().expect("time has passed"),
        };
        // The metrics' last sample lies a little before the end.
        assert!(end.backlog.abs_diff(waiting) <= 3, "{name}: {} and {waiting}", end.backlog);
    }
}

#[test]
fn rates_and_percentiles_are_those_of_a_plain_recount() {
    let (gauges, timeline) = run("kill-the-leader");
    let interval = gauges.interval();
    for slice in (20..SLICES_MAX).step_by(37) {
        let from = Time((slice + 1 - WINDOW as u64) * interval.0);
        let to = Time((slice + 1) * interval.0);
        let within = |at: Time| at >= from && at < to;
        let (mut sent, mut spans) = (std::collections::BTreeMap::new(), Spans::default());
        let (mut came, mut went) = (0_u64, 0_u64);
        for fact in timeline.events() {
            match &fact.event {
                Event::Sent { messages, attempt: 1, .. } => {
                    messages.iter().for_each(|message| _ = sent.insert(*message, fact.at));
                    came += if within(fact.at) { messages.len() as u64 } else { 0 };
                }
                Event::Processed { messages, .. } => {
                    for message in messages.iter() {
                        let Some(since) = sent.remove(message) else { continue };
                        if within(fact.at) {
                            went += 1;
                            spans.add(fact.at.since(since));
                        }
                    }
                }
                _ => {}
            }
        }
        let reading = gauges.reading(Time(to.0 - 1));
        let seconds = |count: u64| (count * 1_000_000) / (WINDOW as u64 * interval.0);
        assert!(
            reading.rate_in.abs_diff(seconds(came)) <= 1 && reading.rate_out.abs_diff(seconds(went)) <= 1
        );
        let figures = spans.figures();
        for (read, exact) in [(reading.p50, figures.p50), (reading.p99, figures.p99)] {
            let read = read.unwrap_or_default();
            assert!(read >= exact && read.0 - exact.0 <= exact.0 / 32, "{read} for {exact} of {went}");
        }
    }
}

#[test]
fn a_dead_leader_is_seen_in_every_gauge() {
    let (gauges, _) = run("kill-the-leader");
    let (before, after) = (gauges.reading(Time(240_000)), gauges.reading(Time(310_000)));
    assert_eq!((before.in_sync, gauges.reading(Time(450_000)).in_sync), (Some(3), Some(2)));
    assert!(after.backlog > before.backlog, "{before:?} {after:?}");
    assert!(after.waited > before.waited);
    let later = (310..900).map(|at| gauges.reading(Time(at * 1_000)));
    assert!(later.clone().any(|reading| reading.p99 > before.p99.map(|span| Span(span.0 * 2))));
    assert!(later.clone().any(|reading| reading.drains_in.is_some()));
    assert_eq!(gauges.reading(Time(899_000)).in_sync, Some(3));
}
