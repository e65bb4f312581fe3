//! Push and pull, measured: timeliness, what it costs to ask, backlog, what a crash takes, and what windows count.

use std::collections::{BTreeMap, BTreeSet};

use mqlab_core::client::{Late, Reset, Staging};
use mqlab_core::ids::{MessageId, Name, NodeId};
use mqlab_core::observe::{Event, PullEvent, QueueEvent};
use mqlab_core::sim::{Scenario, Settles, SourceSpec, Timeline};
use mqlab_core::time::{Span, Time};
use mqlab_tests::claims::{ended, scenario, story};

/// How many seeds each claim is held against.
const SEEDS: u64 = 20;

/// A scenario whose first consumer pulls otherwise.
fn pulling(name: &str, change: impl Fn(&mut mqlab_core::client::PullOptions)) -> Scenario {
    let mut scenario = scenario(name);
    let SourceSpec::Poll { options, .. } = &mut scenario.consumers[0].from else { panic!("{name} pulls") };
    change(options);
    scenario
}

fn pulls(timeline: &Timeline) -> impl Iterator<Item = (Time, &PullEvent)> {
    timeline.events().iter().filter_map(|stamped| match &stamped.event {
        Event::Pull(event) => Some((stamped.at, event)),
        _ => None,
    })
}

/// What was processed under each name.
fn processed(timeline: &Timeline) -> BTreeMap<Option<Name>, Vec<MessageId>> {
    let mut by = BTreeMap::<_, Vec<_>>::new();
    for stamped in timeline.events() {
        if let Event::Processed { messages, group, .. } = &stamped.event {
            by.entry(group.clone()).or_default().extend(messages);
        }
    }
    by
}

#[test]
fn the_runs_of_a_pair_have_the_same_load() {
    for (left, right) in [
        ("push-orders", "pull-orders"),
        ("pull-orders", "pull-long-poll"),
        ("push-overload", "pull-overload"),
        ("staging-in-memory", "staging-on-disk"),
        ("windowed-count", "windowed-count-lateness"),
    ] {
        let (left, right) = (scenario(left), scenario(right));
        assert_eq!((left.seed, left.ends_at, left.latency), (right.seed, right.ends_at, right.latency));
        assert_eq!(left.actions, right.actions);
        for (one, other) in left.producers.iter().zip(&right.producers) {
            assert_eq!(
                (one.messages, one.every, &one.message),
                (other.messages, other.every, &other.message)
            );
        }
        assert_eq!(left.consumers[0].work, right.consumers[0].work);
    }
}

#[test]
fn an_interval_is_late_and_cheap_and_a_long_poll_is_as_quick_as_push() {
    for seed in 0..SEEDS {
        let runs = ["push-orders", "pull-orders", "pull-long-poll"].map(|name| story(name, seed));
        for timeline in &runs {
            assert!(timeline.verdict().is_clean(), "seed {seed}");
            assert_eq!(timeline.verdict().delivered(), 180, "seed {seed}");
        }
        let [push, interval, long] = runs.each_ref().map(|timeline| timeline.metrics().latency());
        assert!(interval.mean.0 > 5 * push.mean.0, "seed {seed}: {interval:?} {push:?}");
        assert!(long.p99.0 < push.p99.0 + 2_000, "seed {seed}: {long:?} {push:?}");
        let [push, interval, long] = runs.each_ref().map(|timeline| timeline.world().traffic());
        let packets = |traffic: mqlab_core::sim::Traffic| traffic.from_consumers + traffic.to_consumers;
        assert!(packets(interval) * 4 < packets(push), "seed {seed}: {interval:?} {push:?}");
        // One question and one answer for each message that comes alone: no more than a push and its acknowledgement.
        assert!(packets(long) < packets(push), "seed {seed}: {long:?} {push:?}");
    }
}

#[test]
fn push_without_a_limit_kills_who_is_slow_and_pull_leaves_the_backlog_on_the_broker() {
    for seed in 0..SEEDS {
        let (push, pull) = (story("push-overload", seed), story("pull-overload", seed));
        let deaths = |timeline: &Timeline| {
            let dies = |event: &Event| matches!(event, Event::Queue(QueueEvent::OutOfMemory { .. }));
            timeline.events().iter().filter(|stamped| dies(&stamped.event)).count()
        };
        assert!(deaths(&push) > 3, "seed {seed}: {} deaths", deaths(&push));
        assert_eq!(deaths(&pull), 0, "seed {seed}");
        assert!(push.verdict().delivered() < 75, "seed {seed}: {}", push.verdict().delivered());
        assert_eq!(pull.verdict().delivered(), 150, "seed {seed}");
        let backlog = pull.metrics().backlog().samples().iter().max().copied().unwrap_or(0);
        assert!(backlog > 80, "seed {seed}: {backlog} on the broker");
    }
}

#[test]
fn whoever_is_slower_than_retention_misses_what_was_trimmed() {
    for seed in 0..SEEDS {
        let earliest = story("slow-puller-retention", seed);
        let latest = ended(pulling("slow-puller-retention", |options| options.reset = Reset::Latest), seed);
        for timeline in [&earliest, &latest] {
            let verdict = timeline.verdict();
            let trimmed: BTreeSet<MessageId> = verdict.trimmed().collect();
            assert!(trimmed.len() > 20, "seed {seed}: {} trimmed", trimmed.len());
            assert!(verdict.lost().is_empty() && verdict.doubled().is_empty() && !verdict.is_clean());
            let gone =
                pulls(timeline).filter(|(_, event)| matches!(event, PullEvent::OffsetGone { .. })).count();
            assert!(gone > 0, "seed {seed}");
        }
        let trimmed = earliest.verdict().trimmed().count() as u64;
        assert_eq!(
            earliest.verdict().delivered() + trimmed,
            150,
            "seed {seed}: each is processed or trimmed"
        );
        // Whoever goes on with the newest leaves out what is still there, too.
        assert!(latest.verdict().delivered() < earliest.verdict().delivered(), "seed {seed}");
        // With room for all, the same consumer misses nothing.
        let mut roomy = scenario("slow-puller-retention");
        roomy.topics[0].retention_bytes = None;
        assert_eq!(ended(roomy, seed).verdict().delivered(), 150, "seed {seed}");
    }
}

#[test]
fn messages_are_kept_as_long_as_the_topic_says() {
    for seed in 0..SEEDS {
        let mut scenario = scenario("slow-puller-retention");
        let kept = Span::from_millis(100);
        (scenario.topics[0].retention_bytes, scenario.topics[0].retention_time) = (None, Some(kept));
        let timeline = ended(scenario, seed);
        let mut appended = BTreeMap::new();
        let mut trimmed = 0;
        for stamped in timeline.events() {
            match &stamped.event {
                Event::Sent { messages, attempt: 1, .. } => {
                    appended.extend(messages.iter().map(|message| (*message, stamped.at)));
                }
                Event::Pull(PullEvent::Trimmed { messages, .. }) => {
                    for message in messages {
                        let age = stamped.at.since(appended[message]);
                        // Records tell their time in whole milliseconds.
                        assert!(
                            age.0 + 1_000 >= kept.0 && age.0 <= kept.0 + 2_000,
                            "seed {seed}: after {age}"
                        );
                        trimmed += 1;
                    }
                }
                _ => {}
            }
        }
        assert_eq!(trimmed, 150, "seed {seed}: at the end all are old");
    }
}

#[test]
fn a_replay_processes_again_exactly_what_is_of_that_time_or_later() {
    for seed in 0..SEEDS {
        let timeline = story("replay", seed);
        let since: BTreeSet<MessageId> = timeline
            .events()
            .iter()
            .filter(|stamped| {
                matches!(stamped.event, Event::Sent { attempt: 1, .. }) && stamped.at.as_millis() >= 180
            })
            .flat_map(|stamped| stamped.event.messages().to_vec())
            .collect();
        let by = processed(&timeline);
        let reading = |name: &str| by[&Some(Name::new(name).expect("a legal name"))].clone();
        let again = reading("worker.1");
        assert_eq!(again.len(), since.len(), "seed {seed}: each once");
        assert_eq!(again.into_iter().collect::<BTreeSet<_>>(), since, "seed {seed}");
        assert!(reading("worker").len() > 50, "seed {seed}: most of it was processed before");
        assert!(timeline.verdict().is_clean() && timeline.verdict().delivered() == 60, "seed {seed}");
    }
}

#[test]
fn what_a_crash_takes_follows_from_where_messages_are_staged_and_when_they_are_noted() {
    let (mut lost, mut doubled) = (0, 0);
    for seed in 0..SEEDS {
        let memory = story("staging-in-memory", seed);
        lost += memory.verdict().lost().len();
        assert!(memory.verdict().doubled().is_empty(), "seed {seed}");
        assert_eq!(memory.verdict().delivered() + memory.verdict().lost().len() as u64, 100, "seed {seed}");
        let disk = story("staging-on-disk", seed);
        assert!(disk.verdict().is_clean() && disk.verdict().delivered() == 100, "seed {seed}");
        assert!(disk.metrics().pulls.recovered > 0, "seed {seed}: it found what it had fetched");
        assert_eq!(disk.metrics().received, 100, "seed {seed}: nothing was asked for twice");
        // Noted after five at once, on disk or not: nothing is lost, and what was done and not noted is done again.
        for staging in [Staging::Memory, Staging::Disk] {
            let mut late = pulling("staging-on-disk", |options| options.staging = staging);
            late.consumers[0].program.settles = Settles::Every(5);
            let late = ended(late, seed);
            assert!(late.verdict().lost().is_empty() && late.verdict().delivered() == 100, "seed {seed}");
            assert!(late.verdict().doubled().len() < 5, "seed {seed}");
            doubled += late.verdict().doubled().len();
        }
    }
    assert!(lost > 5 * SEEDS as usize, "{lost} lost in {SEEDS} runs");
    assert!(doubled > SEEDS as usize, "{doubled} doubled in {SEEDS} runs");
}

#[test]
fn with_a_filter_only_what_is_wanted_travels() {
    for seed in 0..SEEDS {
        let with = story("filtered-pull", seed);
        let without = ended(pulling("filtered-pull", |options| options.filter = None), seed);
        let name = |name: &str| Some(Name::new(name).expect("a legal name"));
        let red: Vec<MessageId> = (1..=120).filter(|id| id % 4 == 1).map(MessageId).collect();
        let by = processed(&with);
        assert_eq!(by[&name("reds")], red, "seed {seed}");
        assert_eq!(by[&name("everything")].len(), 120, "seed {seed}");
        let (with, without) = (with.world().traffic(), without.world().traffic());
        assert!(with.bytes_fetched * 10 < without.bytes_fetched * 7, "seed {seed}: {with:?} {without:?}");
    }
}

/// The right counts of all windows, from what every message tells of.
fn right_counts(timeline: &Timeline, size: u64) -> BTreeMap<Time, u64> {
    let mut counts = BTreeMap::new();
    for (_, event) in pulls(timeline) {
        if let PullEvent::Happened { at, .. } = event {
            *counts.entry(Time(at.0 / size * size)).or_default() += 1;
        }
    }
    counts
}

/// The last count that was given out for each window.
fn given(timeline: &Timeline) -> BTreeMap<Time, u64> {
    let counts = pulls(timeline).filter_map(|(_, event)| match event {
        PullEvent::WindowClosed { start, count, .. } => Some((*start, *count)),
        _ => None,
    });
    counts.collect()
}

#[test]
fn without_lateness_the_answers_are_soon_and_wrong_and_with_it_right_and_later() {
    for seed in 0..SEEDS {
        let (strict, patient) = (story("windowed-count", seed), story("windowed-count-lateness", seed));
        let right = right_counts(&strict, 100_000);
        assert_eq!(right, right_counts(&patient, 100_000), "seed {seed}: the same messages");
        assert_eq!(right.values().sum::<u64>(), 250);
        let (soon, late) = (given(&strict), given(&patient));
        assert!(soon.len() >= 6 && late.len() >= 6, "seed {seed}");
        assert!(soon.iter().all(|(start, count)| *count <= right[start]), "seed {seed}");
        let missing: u64 = soon.iter().map(|(start, count)| right[start] - count).sum();
        assert_eq!(missing, strict.metrics().pulls.late, "seed {seed}: what is missing came too late");
        assert!(missing > 5, "seed {seed}: {missing}");
        assert!(late.iter().all(|(start, count)| *count == right[start]), "seed {seed}");
        assert_eq!(patient.metrics().pulls.late, 0, "seed {seed}");
        let (soon, late) = (strict.metrics().pulls.waited_mean(), patient.metrics().pulls.waited_mean());
        assert!(soon.0 < 20_000 && late.0 >= 80_000, "seed {seed}: {soon} {late}");
    }
}

#[test]
fn late_messages_may_correct_their_windows_also_over_a_crash() {
    for seed in 0..SEEDS {
        let mut scenario = scenario("windowed-count");
        if let Some(windows) = &mut scenario.consumers[0].program.windows {
            windows.late = Late::Correct;
        }
        let actions = ["300 crash consumer-1", "350 restart consumer-1"];
        scenario.actions = actions.iter().map(|text| text.parse().expect("an action")).collect();
        let timeline = ended(scenario, seed);
        let right = right_counts(&timeline, 100_000);
        assert!(timeline.metrics().pulls.corrected > 5, "seed {seed}");
        assert!(given(&timeline).iter().all(|(start, count)| *count == right[start]), "seed {seed}");
        assert!(timeline.metrics().processed[&NodeId::Consumer(1)] >= 250, "seed {seed}");
    }
}
