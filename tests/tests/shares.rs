//! Share groups on a cluster that suffers: what the stories about them say, and what must hold whatever is drawn. Judged
//! from the trace alone.

use std::collections::{BTreeMap, BTreeSet};

use mqlab_core::broker::{Acks, Settings, ShareSettings, ShareStart};
use mqlab_core::client::{Acknowledges, ProducerOptions, ShareOptions};
use mqlab_core::ids::{MessageId, Name, NodeId, PartitionId};
use mqlab_core::observe::{CameBack, Event, GivenUp, ShareEvent};
use mqlab_core::rng::{Rng, Stream};
use mqlab_core::sim::swarm::SURVIVED;
use mqlab_core::sim::{
    ConsumerSpec, FaultPlan, OnFailure, ProducerSpec, ProgramSpec, Scenario, Settles, SourceSpec, TargetSpec,
    Timeline, TopicSpec,
};
use mqlab_core::time::{Span, Time};
use mqlab_tests::claims::{all, each, story};

/// How many runs the swarm makes.
const RUNS: u64 = 120;
/// How many seeds each claim of a story is held against.
const SEEDS: u64 = 40;
/// From then on nothing new fails.
const CALM: Time = Time(900_000);
/// So long everything has to come to an end: a record may wait for a lock to run out five times.
const DRAIN: Span = Span::from_millis(8_000);

fn name(text: &str) -> Name {
    Name::new(text).expect("a legal name")
}

fn share(options: ShareOptions) -> SourceSpec {
    SourceSpec::Share { name: name("g"), topic: name("t"), options }
}

/// A group that begins with the oldest message.
fn from_the_start() -> ShareSettings {
    ShareSettings { start: ShareStart::Earliest, ..ShareSettings::default() }
}

fn topic(partitions: u32, replicas: u16) -> TopicSpec {
    TopicSpec {
        unclean_election: false,
        name: name("t"),
        partitions,
        replicas,
        min_in_sync: u32::from(replicas).div_ceil(2),
        retention_bytes: None,
        retention_time: None,
        cleanup: Default::default(),
    }
}

fn to_topic() -> TargetSpec {
    TargetSpec::Topic { name: name("t"), acks: Acks::All }
}

fn swarmed(seed: u64) -> Scenario {
    let mut rng = Rng::new(seed, Stream::Workload);
    let mut consumer = |number: u64| {
        let implicit = rng.below(4) == 0;
        let options = ShareOptions {
            acknowledges: if implicit { Acknowledges::Implicit } else { Acknowledges::Explicit },
            records_max: rng.between(1, 6) as u32,
            renews: rng.below(3) == 0,
        };
        let program = ProgramSpec {
            workers: rng.between(0, 3) as u16,
            fails_per_mille: if implicit { 0 } else { [0, 100, 400][rng.below(3) as usize] },
            fails_every: if implicit { 0 } else { [0, 9][rng.below(2) as usize] },
            on_failure: if rng.below(4) == 0 { OnFailure::Reject } else { OnFailure::Requeue },
            ..ProgramSpec::default()
        };
        let work = rng.between(500, 12_000);
        ConsumerSpec { work, program, ..ConsumerSpec::new(&format!("c{number}"), share(options)) }
    };
    let consumers = (1..=3).map(&mut consumer).collect();
    let mut producer = |number: u64| ProducerSpec {
        messages: rng.between(10, 60),
        every: rng.between(1_000, 9_000),
        // Each message once in the log, so that a message and a record are the same.
        options: ProducerOptions { idempotent: true, ..ProducerOptions::default() },
        ..ProducerSpec::new(&format!("p{number}"), to_topic())
    };
    let producers = (1..=2).map(&mut producer).collect();
    let limits = ShareSettings {
        delivery_limit: rng.between(1, 5) as u32,
        locks_max: [4, 20, 2_000][rng.below(3) as usize],
        start: ShareStart::Earliest,
        ..ShareSettings::default()
    };
    let mut settings = Settings { flush_before_reply: true, share: limits, ..Settings::default() };
    if seed % 2 == 1 {
        settings.internal_segment_bytes = 2_000; // the accounts' own log is compacted all the time
    }
    Scenario {
        seed,
        ends_at: CALM + DRAIN,
        brokers: 3,
        latency: (rng.between(100, 600), rng.between(600, 4_000)),
        topics: vec![topic(rng.between(1, 3) as u32, 3)],
        producers,
        consumers,
        settings,
        faults: Some(FaultPlan { kinds: SURVIVED.into(), from: Time(20_000), until: CALM, faults: (2, 12) }),
        ..Scenario::empty("shares")
    }
}

fn run(scenario: Scenario) -> Timeline {
    let seed = scenario.seed;
    let mut timeline = Timeline::new(scenario, seed).expect("a sound scenario");
    timeline.advance(timeline.ends_at());
    timeline
}

/// Who holds what, by the leader that gave it away: each reign for itself, for a new leader knows nothing of what an
/// earlier one gave away last.
#[derive(Default)]
struct Holders {
    held: BTreeMap<(NodeId, PartitionId, MessageId), NodeId>,
    /// Written down as done, by that leader.
    done: BTreeSet<(NodeId, PartitionId, MessageId)>,
}

impl Holders {
    fn observe(&mut self, node: NodeId, event: &ShareEvent) -> Result<(), String> {
        let key = |partition: &PartitionId, message: &MessageId| (node, partition.clone(), *message);
        match event {
            ShareEvent::Began { partition, .. } => {
                self.held.retain(|(leader, of, _), _| (*leader, of) != (node, partition));
                self.done.retain(|(leader, of, _)| (*leader, of) != (node, partition));
            }
            ShareEvent::Acquired { partition, by, messages, .. } => {
                for message in messages {
                    if self.done.contains(&key(partition, message)) {
                        return Err(format!("{message} is done, and {by} gets it"));
                    }
                    if let Some(holder) = self.held.insert(key(partition, message), *by) {
                        return Err(format!("{holder} has {message}, and {by} gets it"));
                    }
                }
            }
            ShareEvent::Returned { partition, from, messages, .. } => {
                for message in messages {
                    if self.held.remove(&key(partition, message)) != Some(*from) {
                        return Err(format!("{message} comes back from {from}, which does not have it"));
                    }
                }
            }
            ShareEvent::Archived { partition, messages, .. } => {
                for message in messages {
                    self.held.remove(&key(partition, message));
                    self.done.insert(key(partition, message));
                }
            }
            // Written down a while after the word was taken.
            ShareEvent::Accepted { partition, by, messages, .. } => {
                for message in messages {
                    if self.held.remove(&key(partition, message)) != Some(*by) {
                        return Err(format!("{by} is done with {message}, and does not have it"));
                    }
                    self.done.insert(key(partition, message));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// What must hold, whatever happened.
fn check(timeline: &Timeline) -> Result<(), String> {
    let verdict = timeline.verdict();
    if !verdict.lost().is_empty() || !verdict.reordered().is_empty() {
        return Err(format!("lost {:?}, out of order {:?}", verdict.lost(), verdict.reordered()));
    }
    let limit = timeline.scenario().settings.share.delivery_limit;
    let mut holders = Holders::default();
    for stamped in timeline.events() {
        let Event::Share(event) = &stamped.event else { continue };
        holders.observe(stamped.node, event).map_err(|wrong| format!("{stamped}: {wrong}"))?;
        if let ShareEvent::Acquired { delivery, .. } = event
            && !(1..=limit).contains(delivery)
        {
            return Err(format!("{stamped}: the limit is {limit}"));
        }
    }
    let waiting: Vec<_> = verdict.waiting().collect();
    if !waiting.is_empty() {
        return Err(format!("neither processed nor archived: {waiting:?}"));
    }
    Ok(())
}

fn seeds() -> (std::ops::Range<u64>, bool) {
    let number = |name| std::env::var(name).ok().and_then(|number| number.parse().ok());
    match number("SWARM_SEED") {
        Some(seed) => (seed..seed + 1, true),
        None => (0..number("SWARM_RUNS").unwrap_or(RUNS), false),
    }
}

#[test]
fn whatever_is_drawn_every_message_is_processed_or_archived_and_nothing_is_with_two() {
    let (seeds, verbose) = seeds();
    for seed in seeds {
        let timeline = run(swarmed(seed));
        if verbose {
            timeline.events().iter().for_each(|stamped| println!("{stamped}"));
        }
        if let Err(wrong) = check(&timeline) {
            panic!("seed {seed}: {wrong}\nthe run: SWARM_SEED={seed}");
        }
    }
}

/// What must have happened in some run: a swarm in which nothing goes wrong proves nothing.
#[test]
fn what_can_happen_does_happen() {
    let mut seen: BTreeMap<&'static str, u32> = BTreeMap::new();
    for seed in 0..RUNS / 2 {
        let timeline = run(swarmed(seed));
        let mut note = |what: &'static str, holds: bool| *seen.entry(what).or_default() += u32::from(holds);
        let mut began: BTreeSet<&PartitionId> = BTreeSet::new();
        let mut holders: BTreeMap<&PartitionId, BTreeSet<NodeId>> = BTreeMap::new();
        for stamped in timeline.events() {
            let Event::Share(event) = &stamped.event else { continue };
            let back = |cause| matches!(event, ShareEvent::Returned { why, .. } if *why == cause);
            let given_up = |cause| matches!(event, ShareEvent::Archived { why, .. } if *why == cause);
            note("a lock ran out", back(CameBack::LockRanOut));
            note("released", back(CameBack::Released));
            note("a member is gone", back(CameBack::MemberGone));
            note("rejected", given_up(GivenUp::Rejected));
            note("delivered too often", given_up(GivenUp::DeliveryLimit));
            note("renewed", matches!(event, ShareEvent::Renewed { .. }));
            note("acknowledged in vain", matches!(event, ShareEvent::NotAcknowledged { .. }));
            if let ShareEvent::Began { partition, in_flight, .. } = event {
                note("another leader goes on", !began.insert(partition));
                note("with something in flight", *in_flight > 0);
            }
            if let ShareEvent::Acquired { partition, by, .. } = event {
                let all = holders.entry(partition).or_default();
                note("several on one partition", all.insert(*by) && all.len() > 1);
            }
        }
        note("processed twice", !timeline.verdict().doubled().is_empty());
        note("archived in the end", !timeline.verdict().archived().is_empty());
    }
    let never: Vec<_> = seen.iter().filter(|(_, times)| **times == 0).collect();
    assert!(never.is_empty() && seen.len() == 12, "never: {never:?} of {seen:?}");
}

/// More consumers than partitions share the load.
#[test]
fn three_consumers_share_one_partition_and_one_of_them_freezes() {
    for seed in 0..SEEDS {
        let timeline = story("share-group", seed);
        let verdict = timeline.verdict();
        assert!(verdict.lost().is_empty() && verdict.reordered().is_empty(), "seed {seed}: {verdict:?}");
        assert_eq!((verdict.delivered(), verdict.archived().len()), (90, 0), "seed {seed}");
        for consumer in (1..=3).map(NodeId::Consumer) {
            let done = timeline.metrics().processed.get(&consumer).copied().unwrap_or(0);
            assert!(done >= 10, "seed {seed}: {consumer} did {done}");
        }
        let ran_out = all(&timeline, |event| match event {
            Event::Share(ShareEvent::Returned { from, why: CameBack::LockRanOut, messages, .. }) => {
                Some((*from, messages.clone()))
            }
            _ => None,
        });
        for (at, _, (from, messages)) in ran_out {
            assert_eq!(from, NodeId::Consumer(3), "seed {seed}");
            assert!(
                (300_000..=400_000).contains(&at.0),
                "seed {seed}: the lock of {messages:?} ran out at {at}"
            );
            // Somebody else gets each of them before carl thaws.
            for message in messages {
                let again = each(&timeline, |event| matches!(event, Event::Received { delivery: 2, .. }));
                let of = again.iter().filter(|(.., other)| *other == message);
                assert!(
                    of.clone().any(|(at, by, _)| *by != from && at.0 < 600_000),
                    "seed {seed}: {message}"
                );
            }
        }
    }
}

#[test]
fn a_poison_message_is_delivered_five_times_and_holds_nobody_up() {
    for seed in 0..SEEDS {
        let timeline = story("share-poison", seed);
        let verdict = timeline.verdict();
        let poison: BTreeSet<MessageId> = [20, 40, 60].map(MessageId).into();
        assert_eq!((verdict.archived(), verdict.delivered()), (&poison, 57), "seed {seed}");
        assert!(verdict.is_clean(), "seed {seed}: {verdict:?}");
        for message in poison {
            let deliveries = all(&timeline, |event| match event {
                Event::Received { messages, delivery, .. } if messages.contains(&message) => Some(*delivery),
                _ => None,
            });
            let counts: Vec<u32> = deliveries.iter().map(|(.., count)| *count).collect();
            assert_eq!(counts, [1, 2, 3, 4, 5], "seed {seed}: {message}");
            let archived = all(&timeline, |event| match event {
                Event::Share(ShareEvent::Archived { messages, .. }) if messages.contains(&message) => {
                    Some(())
                }
                _ => None,
            });
            let next = MessageId(message.0 + 1);
            let passed = all(&timeline, |event| match event {
                Event::Processed { messages, .. } if messages.contains(&next) => Some(()),
                _ => None,
            });
            if message.0 < 60 {
                assert!(passed[0].0 < archived[0].0, "seed {seed}: {next} waited for {message}");
            }
        }
    }
}

#[test]
fn when_the_leader_dies_what_is_done_stays_done_and_what_was_out_comes_again() {
    let (mut again, mut doubled) = (0, 0);
    for seed in 0..SEEDS {
        let timeline = story("share-fail-over", seed);
        let verdict = timeline.verdict();
        assert!(verdict.lost().is_empty() && verdict.delivered() == 80, "seed {seed}: {verdict:?}");
        doubled += verdict.doubled().len();
        let mut accepted: BTreeSet<MessageId> = BTreeSet::new();
        let mut leaders: BTreeSet<NodeId> = BTreeSet::new();
        let mut given: BTreeMap<MessageId, NodeId> = BTreeMap::new();
        for stamped in timeline.events() {
            match &stamped.event {
                Event::Share(ShareEvent::Began { .. }) => {
                    leaders.insert(stamped.node);
                }
                Event::Share(ShareEvent::Accepted { messages, .. }) => accepted.extend(messages),
                Event::Share(ShareEvent::Acquired { messages, delivery, .. }) => {
                    for message in messages {
                        assert!(!accepted.contains(message), "seed {seed}, {stamped}: that was done");
                        let before = given.insert(*message, stamped.node);
                        if before.is_some_and(|before| before != stamped.node) {
                            assert_eq!(
                                *delivery, 1,
                                "seed {seed}, {stamped}: a delivery that nobody wrote down"
                            );
                            again += 1;
                        }
                    }
                }
                _ => {}
            }
        }
        assert!(leaders.len() >= 2, "seed {seed}: {leaders:?}");
    }
    assert!(again > 0 && doubled > 0, "again {again}, doubled {doubled}");
}

/// Who takes more than it can do in the time of a lock loses it, unless it renews.
#[test]
fn who_renews_keeps_what_takes_long() {
    let ran_out = |renews| {
        let options = ShareOptions { renews, records_max: 3, ..ShareOptions::default() };
        let consumer = ConsumerSpec { work: 60_000, ..ConsumerSpec::new("c", share(options)) };
        let timeline = run(Scenario {
            ends_at: Time(1_500_000),
            topics: vec![topic(1, 1)],
            producers: vec![ProducerSpec { messages: 12, ..ProducerSpec::new("p", to_topic()) }],
            consumers: vec![consumer],
            settings: Settings { share: from_the_start(), ..Settings::default() },
            ..Scenario::empty("renewing")
        });
        let verdict = timeline.verdict();
        assert!(verdict.lost().is_empty(), "{verdict:?}");
        let lost = |event: &Event| {
            matches!(event, Event::Share(ShareEvent::Returned { why: CameBack::LockRanOut, .. }))
                .then_some(())
        };
        (all(&timeline, lost).len(), verdict.doubled().len(), verdict.delivered())
    };
    assert_eq!(ran_out(true), (0, 0, 12));
    let (lost, doubled, _) = ran_out(false);
    assert!(lost > 0 && doubled > 0, "{lost}, {doubled}");
}

/// A group that begins with what comes; and where it begins stays, whoever leads.
#[test]
fn a_share_group_begins_where_it_is_told_to() {
    for (start, least, most) in [(ShareStart::Earliest, 1, 1), (ShareStart::Latest, 58, 66)] {
        let consumer =
            ConsumerSpec { starts_at: 300_000, ..ConsumerSpec::new("c", share(Default::default())) };
        let limits = ShareSettings { start, ..ShareSettings::default() };
        let timeline = run(Scenario {
            topics: vec![topic(1, 1)],
            producers: vec![ProducerSpec { every: 5_000, ..ProducerSpec::new("p", to_topic()) }],
            consumers: vec![consumer],
            settings: Settings { share: limits, ..Settings::default() },
            ..Scenario::empty("start")
        });
        let done = each(&timeline, |event| matches!(event, Event::Processed { .. }));
        let done: BTreeSet<u64> = done.into_iter().map(|(.., message)| message.0).collect();
        let first = *done.first().expect("something was processed");
        assert!((least..=most).contains(&first), "{start:?}: from {first}");
        assert_eq!(done.len() as u64, 101 - first, "{start:?}: all from there on");
    }
}

/// What a scenario cannot mean is refused with one clear sentence.
#[test]
fn share_groups_that_cannot_be_are_refused() {
    type Change = fn(&mut Scenario);
    let table: [(Change, &str); 6] = [
        (
            |scenario| scenario.settings.share.delivery_limit = 0,
            "the setting share.delivery_limit is 0, use 1 to 100",
        ),
        (
            |scenario| scenario.settings.share.locks_max = 20_000,
            "the setting share.locks_max is 20000, use 1 to 10000",
        ),
        (
            |scenario| scenario.settings.share.lock = Span(1),
            "the setting share.lock is 0.001 ms, use 0.1 ms to 3600000 ms",
        ),
        (
            |scenario| {
                scenario.consumers[0].from = share(ShareOptions { records_max: 0, ..Default::default() });
            },
            "c1 takes 0 records at once, use 1 to 10000",
        ),
        (
            |scenario| {
                let options = Default::default();
                scenario.consumers[1].from = SourceSpec::Group { name: name("g"), topic: name("t"), options };
            },
            "c1 and c2 name the same group g, one as a share group and one as a consumer group",
        ),
        (
            |scenario| {
                let options = ShareOptions { acknowledges: Acknowledges::Implicit, ..Default::default() };
                scenario.consumers[0].from = share(options);
                scenario.consumers[0].program.settles = Settles::Every(2);
            },
            "c1 acknowledges implicitly, so it accepts whatever it had: it cannot fail, or acknowledge at another \
             time; use explicit",
        ),
    ];
    let sound = || Scenario {
        topics: vec![topic(1, 1)],
        producers: vec![ProducerSpec::new("p", to_topic())],
        consumers: vec![
            ConsumerSpec::new("c1", share(Default::default())),
            ConsumerSpec::new("c2", share(Default::default())),
        ],
        ..Scenario::empty("check")
    };
    assert_eq!(Scenario::from_json(&sound().to_json()).map_err(|error| error.to_string()), Ok(sound()));
    for (change, expected) in table {
        let mut scenario = sound();
        change(&mut scenario);
        let refused = scenario.check().expect_err(expected).to_string();
        assert_eq!(refused, format!("the scenario cannot be run: {expected}"));
    }
}
