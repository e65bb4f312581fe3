//! A topic as a table, in the lab: who begins anew has the last values, whoever dies meanwhile, and nothing is called lost.

use std::collections::{BTreeMap, BTreeSet};

use mqlab_core::broker::{Acks, Cleanup, CleanupPolicy};
use mqlab_core::client::PullOptions;
use mqlab_core::ids::{MessageId, Name, NodeId};
use mqlab_core::observe::{Event, Place, PullEvent};
use mqlab_core::rng::{Rng, Stream};
use mqlab_core::sim::picture::Role;
use mqlab_core::sim::{
    Action, Command, ConsumerSpec, MessageSpec, ProducerSpec, Scenario, SourceSpec, TargetSpec, Timeline,
    TopicSpec,
};
use mqlab_core::time::{Span, Time};
use mqlab_tests::claims::{all, each, ended, scenario, story};

/// How many seeds each claim is held against.
const SEEDS: u64 = 40;

fn name(text: &str) -> Name {
    Name::new(text).expect("a legal name")
}

/// The message that stands for each key.
type Table = BTreeMap<char, MessageId>;

/// The last message of each key among some, without those whose last is a tombstone.
fn table(timeline: &Timeline, messages: impl IntoIterator<Item = MessageId>) -> Table {
    let tombstones = tombstones(timeline);
    let mut table = Table::new();
    for message in messages {
        let key = timeline.world().mark(message).key.expect("all have keys");
        table.insert(key, message);
    }
    table.retain(|_, message| !tombstones.contains(message));
    table
}

/// The messages without value, by who sent them and in which turn.
fn tombstones(timeline: &Timeline) -> BTreeSet<MessageId> {
    let sent = each(timeline, |event| matches!(event, Event::Sent { attempt: 1, .. }));
    let mut turns = BTreeMap::<NodeId, u64>::new();
    let mut found = BTreeSet::new();
    let producers = &timeline.scenario().producers;
    let mut seen = BTreeSet::new();
    for (_, node, message) in sent {
        let (NodeId::Producer(number), true) = (node, seen.insert(message)) else { continue };
        let turn = turns.entry(node).or_default();
        *turn += 1;
        let every = producers[usize::from(number) - 1].message.tombstone_every;
        if every > 0 && turn.is_multiple_of(every) {
            found.insert(message);
        }
    }
    found
}

/// What a leader appended, in order: what is in its log now is not asked.
fn written(timeline: &Timeline) -> Vec<MessageId> {
    let appended = all(timeline, |event| match event {
        Event::Appended { to: Place::Partition(_), messages, .. } => Some(messages.clone()),
        _ => None,
    });
    appended.into_iter().flat_map(|(_, _, messages)| messages).collect()
}

/// What a reader has processed, in order.
fn read(timeline: &Timeline, reader: &str) -> Vec<MessageId> {
    let of = |group: &Name| group.as_str() == reader;
    let processed =
        each(timeline, |event| matches!(event, Event::Processed { group: Some(group), .. } if of(group)));
    processed.into_iter().map(|(_, _, message)| message).collect()
}

fn compacted(timeline: &Timeline) -> u64 {
    let pass = |event: &Event| match event {
        Event::Pull(PullEvent::Compacted { messages, .. }) => Some(messages.len() as u64),
        _ => None,
    };
    all(timeline, pass).into_iter().map(|(_, _, count)| count).sum()
}

#[test]
fn who_begins_anew_has_the_last_values_and_who_is_slow_misses_a_tombstone() {
    for seed in 0..SEEDS {
        let timeline = story("compacted-topic", seed);
        let verdict = timeline.verdict();
        assert!(verdict.is_clean(), "seed {seed}: {verdict:?}");
        assert_eq!(verdict.acknowledged(), 152, "seed {seed}");
        let right = table(&timeline, written(&timeline));
        assert_eq!(right.keys().collect::<String>(), "ABCD", "seed {seed}: E is delisted");
        let newcomer = read(&timeline, "newcomer");
        assert_eq!(table(&timeline, newcomer.clone()), right, "seed {seed}");
        assert!(newcomer.len() < 12, "seed {seed}: it reads {} of 152 messages", newcomer.len());
        // The slow one has an article that is no more, and else the same.
        let mut slow = table(&timeline, read(&timeline, "slow"));
        assert_eq!(slow.remove(&'E'), Some(MessageId(1)), "seed {seed}");
        assert_eq!(slow, right, "seed {seed}");
        assert_eq!(
            verdict.delivered() + verdict.superseded().count() as u64,
            152,
            "seed {seed}: each is read or superseded"
        );
    }
}

#[test]
fn with_more_time_the_slow_one_meets_the_tombstone() {
    for seed in 0..SEEDS {
        let mut patient = scenario("compacted-topic");
        patient.topics[0].cleanup.tombstone_retention = Span::from_millis(1_000);
        let timeline = ended(patient, seed);
        let right = table(&timeline, written(&timeline));
        assert_eq!(table(&timeline, read(&timeline, "slow")), right, "seed {seed}");
    }
}

#[test]
fn a_stream_keeps_everything() {
    let mut plain = scenario("compacted-topic");
    plain.topics[0].cleanup = Cleanup::default();
    let timeline = ended(plain, 7);
    assert_eq!(read(&timeline, "newcomer").len(), 152);
    assert_eq!(compacted(&timeline), 0);
}

/// A table on three brokers, of which one after the other dies, by crash or by power cut.
fn replicated(seed: u64) -> Scenario {
    let mut rng = Rng::new(seed, Stream::Workload);
    let to = TargetSpec::Topic { name: name("t"), acks: Acks::All };
    let producer = |label: &str, keys, tombstone_every| {
        let message = MessageSpec { tombstone_every, ..MessageSpec::default() };
        ProducerSpec { messages: 90, every: 4_000, keys, message, ..ProducerSpec::new(label, to.clone()) }
    };
    let source = |reader: &str| SourceSpec::Poll {
        reader: name(reader),
        topic: name("t"),
        options: PullOptions::default(),
    };
    let reader = |label: &str, at| ConsumerSpec {
        starts_at: at,
        work: 200,
        ..ConsumerSpec::new(label, source(label))
    };
    let mut actions = Vec::new();
    for number in 0..rng.between(2, 4) {
        let (node, at) = (NodeId::Broker(rng.between(1, 3) as u16), 100_000 + number * 150_000);
        let at = Time(at + rng.below(60_000));
        let fault = if rng.below(2) == 0 { Command::Crash(node) } else { Command::CutPower(node) };
        actions.push(Action { at, command: fault });
        let back = at + Span(rng.between(20_000, 80_000));
        actions.push(Action { at: back, command: Command::Restart(node) });
    }
    Scenario {
        seed,
        ends_at: Time(1_800_000),
        brokers: 3,
        latency: (rng.between(100, 600), rng.between(600, 3_000)),
        topics: vec![TopicSpec {
            name: name("t"),
            partitions: rng.between(1, 2) as u32,
            replicas: 3,
            min_in_sync: 2,
            unclean_election: false,
            retention_bytes: None,
            retention_time: None,
            cleanup: Cleanup {
                policy: CleanupPolicy::Compact,
                dirty_per_mille: rng.below(800) as u16,
                segment_bytes: rng.between(1, 2_000),
                tombstone_retention: Span::from_millis(rng.between(20, 2_000)),
                lag_max: (rng.below(2) == 0).then_some(Span::from_millis(rng.between(50, 300))),
                lag_min: Span::from_millis(rng.below(50)),
            },
        }],
        producers: vec![producer("one", 4, 0), producer("two", 6, 9)],
        consumers: vec![reader("early", 0), reader("late", 1_300_000)],
        actions,
        ..Scenario::empty("replicated-table")
    }
}

#[test]
fn a_replicated_table_survives_its_leaders() {
    let (mut passes, mut elections) = (0, 0);
    for seed in 0..SEEDS {
        let timeline = ended(replicated(seed), seed);
        let verdict = timeline.verdict();
        assert!(verdict.lost().is_empty(), "seed {seed}: lost {:?}", verdict.lost());
        assert_eq!(verdict.acknowledged(), 180, "seed {seed}");
        passes += compacted(&timeline);
        let elected = |event: &Event| match event {
            Event::Elected { leader: Some(_), .. } => Some(()),
            _ => None,
        };
        elections += all(&timeline, elected).len();
        // What the leaders have is what all other replicas have, but for what some have cleaned and others not yet.
        let late = table(&timeline, read(&timeline, "late"));
        let picture = timeline.picture(usize::MAX);
        let mut tables = BTreeMap::<Place, Vec<(bool, Table)>>::new();
        for strip in picture.brokers.iter().flat_map(|broker| &broker.strips) {
            let messages = strip.cells.iter().filter_map(|cell| cell.mark.as_ref()).map(|mark| mark.message);
            let is_leader = matches!(strip.role, Role::Leader { .. });
            tables.entry(strip.place.clone()).or_default().push((is_leader, table(&timeline, messages)));
        }
        let mut led = BTreeMap::new();
        for (place, tables) in tables {
            let (_, right) = tables.iter().find(|(is_leader, _)| *is_leader).expect("somebody leads");
            led.extend(right.clone());
            for (_, other) in &tables {
                assert_eq!(other, right, "seed {seed}: {place} is another table on another broker");
            }
        }
        assert_eq!(late, led, "seed {seed}: who comes late reads another table than the leaders have");
    }
    assert!(passes > 1_000 && elections > SEEDS as usize * 2, "{passes} removed, {elections} elections");
}

/// The same with a retention: each replica deletes by its own clock, whoever leads, and nothing but what is old is gone.
#[test]
fn replicas_that_delete_what_is_old_lose_nothing_else() {
    let (mut trimmed, mut copies, mut elections) = (0, 0, 0);
    for seed in 0..SEEDS {
        let mut scenario = replicated(seed);
        let topic = &mut scenario.topics[0];
        topic.retention_time = Some(Span::from_millis(100 + 10 * (seed % 20)));
        match seed % 2 {
            0 => topic.cleanup = Cleanup::default(),
            _ => topic.cleanup.policy = CleanupPolicy::CompactAndDelete,
        }
        let skew =
            |broker, by| Action { at: Time(1), command: Command::Skew { node: NodeId::Broker(broker), by } };
        scenario.actions.extend([skew(1, 30_000), skew(3, -30_000)]);
        let timeline = ended(scenario, seed);
        let verdict = timeline.verdict();
        assert!(verdict.lost().is_empty(), "seed {seed}: lost {:?}", verdict.lost());
        assert_eq!(verdict.acknowledged(), 180, "seed {seed}");
        let led = |event: &Event| matches!(event, Event::Pull(PullEvent::Trimmed { .. })).then_some(());
        trimmed += all(&timeline, led).len();
        let copied =
            |event: &Event| matches!(event, Event::Pull(PullEvent::CopyTrimmed { .. })).then_some(());
        copies += all(&timeline, copied).len();
        let elected = |event: &Event| match event {
            Event::Elected { leader: Some(_), .. } => Some(()),
            _ => None,
        };
        elections += all(&timeline, elected).len();
        let mut marks = BTreeMap::<Place, BTreeSet<_>>::new();
        for strip in timeline.picture(1).brokers.into_iter().flat_map(|broker| broker.strips) {
            marks.entry(strip.place).or_default().insert((strip.start, strip.end));
        }
        for (place, marks) in marks {
            assert_eq!(marks.len(), 1, "seed {seed}: {place} begins or ends elsewhere: {marks:?}");
            assert!(
                marks.iter().all(|(start, end)| start == end),
                "seed {seed}: all of it is old: {marks:?}"
            );
        }
    }
    assert!(trimmed > 500 && copies > 500 && elections > SEEDS as usize, "{trimmed} {copies} {elections}");
}

#[test]
fn what_makes_no_sense_is_refused_with_one_clear_error() {
    let refused = |change: &dyn Fn(&mut Scenario)| {
        let mut scenario = scenario("compacted-topic");
        change(&mut scenario);
        Timeline::new(scenario, 1).err().map(|error| error.to_string()).unwrap_or_default()
    };
    type Change = &'static dyn Fn(&mut Scenario);
    let cases: [(Change, &str); 8] = [
        (&|s| s.topics[0].cleanup.dirty_per_mille = 1_001, "more than all of it"),
        (&|s| s.topics[0].cleanup.segment_bytes = 0, "segments of no bytes"),
        (&|s| s.topics[0].cleanup.lag_min = Span::from_millis(900), "sooner at the latest"),
        (&|s| s.topics[0].retention_bytes = Some(1), "its policy is not to delete"),
        (&|s| s.topics[0].cleanup.policy = CleanupPolicy::Delete, "is not compacted, and says how"),
        (&|s| s.topics[0].cleanup.policy = CleanupPolicy::CompactAndDelete, "has no retention"),
        (&|s| s.producers[1].keys = 0, "without keys"),
        (&|s| s.producers[0].message.key = Some('7'), "no letter"),
    ];
    for (change, why) in cases {
        let error = refused(change);
        assert!(error.contains(why), "{error:?} does not say {why:?}");
    }
}
