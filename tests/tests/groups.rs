//! Consumer groups on a cluster whose brokers and consumers die: the same promises as on one coordinator, now with its
//! change. Judged from the trace alone.

use std::collections::BTreeMap;

use mqlab_core::broker::{Acks, Assignor};
use mqlab_core::client::{CommitMode, GroupProtocol, MemberOptions, StartAt};
use mqlab_core::ids::{MessageId, Name, NodeId, Offset, PartitionId};
use mqlab_core::observe::{Event, GroupEvent};
use mqlab_core::rng::{Rng, Stream};
use mqlab_core::sim::{
    Action, Command, ConsumerSpec, ProducerSpec, ProgramSpec, Scenario, SourceSpec, TargetSpec, Timeline,
    TopicSpec,
};
use mqlab_core::time::{Span, Time};

/// How many runs each way of agreeing is tried with.
const RUNS: u64 = 25;
/// After this moment nothing fails any more.
const CALM: Time = Time(900_000);

const WAYS: [(GroupProtocol, Assignor); 5] = [
    (GroupProtocol::Server, Assignor::Uniform),
    (GroupProtocol::Classic, Assignor::Range),
    (GroupProtocol::Classic, Assignor::RoundRobin),
    (GroupProtocol::Classic, Assignor::Sticky),
    (GroupProtocol::Classic, Assignor::CooperativeSticky),
];

fn name(text: &str) -> Name {
    Name::new(text).expect("a legal name")
}

fn group(options: MemberOptions) -> SourceSpec {
    SourceSpec::Group { name: name("g"), topic: name("t"), options }
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

fn scenario((protocol, assignor): (GroupProtocol, Assignor), commits: CommitMode, seed: u64) -> Scenario {
    let mut rng = Rng::new(seed, Stream::Workload);
    let consumers = rng.between(1, 3) as u16;
    let mut actions = Vec::new();
    for _ in 0..rng.between(1, 6) {
        let node = match rng.below(2) {
            0 => NodeId::Broker(rng.between(1, 3) as u16),
            _ => NodeId::Consumer(rng.between(1, consumers.into()) as u16),
        };
        let at = Time(rng.between(20_000, 500_000));
        actions.push(Action { at, command: Command::Crash(node) });
        actions.push(Action { at: at + Span(rng.between(500, 300_000)), command: Command::Restart(node) });
    }
    let all = (1..=3).map(NodeId::Broker).chain((1..=consumers).map(NodeId::Consumer));
    actions.extend(all.map(|node| Action { at: CALM, command: Command::Restart(node) }));
    let consumer = |number: u16, rng: &mut Rng| {
        let options = MemberOptions {
            protocol,
            assignor: Some(assignor),
            commits,
            instance: (rng.below(3) == 0).then(|| name(&format!("desk-{number}"))),
            ..MemberOptions::default()
        };
        ConsumerSpec {
            work: rng.between(500, 9_000),
            program: ProgramSpec { workers: rng.between(0, 3) as u16, ..ProgramSpec::default() },
            ..ConsumerSpec::new(&format!("c{number}"), group(options))
        }
    };
    let to = TargetSpec::Topic { name: name("t"), acks: Acks::All };
    let producer = ProducerSpec { messages: 80, every: 7_000, ..ProducerSpec::new("p", to) };
    Scenario {
        seed,
        ends_at: CALM + Span::from_millis(4_000),
        brokers: 3,
        topics: vec![topic(rng.between(1, 5) as u32, 3)],
        producers: vec![producer],
        consumers: (1..=consumers).map(|number| consumer(number, &mut rng)).collect(),
        actions,
        ..Scenario::empty("groups")
    }
}

fn run(scenario: Scenario) -> Timeline {
    let seed = scenario.seed;
    let mut timeline = Timeline::new(scenario, seed).expect("a sound scenario");
    timeline.advance(timeline.ends_at());
    timeline
}

/// How often each message was processed; or that a committed offset went back.
fn processed(timeline: &Timeline) -> Result<BTreeMap<MessageId, u32>, String> {
    let mut times = BTreeMap::new();
    let mut committed: BTreeMap<PartitionId, Offset> = BTreeMap::new();
    for stamped in timeline.events() {
        match &stamped.event {
            Event::Processed { messages, .. } => {
                messages.iter().for_each(|message| *times.entry(*message).or_default() += 1);
            }
            Event::OffsetStored { partition, next, .. } => {
                let before = committed.insert(partition.clone(), *next);
                if before.is_some_and(|before| before > *next) {
                    return Err(format!("{stamped}: it was at {before:?}"));
                }
            }
            _ => {}
        }
    }
    Ok(times)
}

/// Runs every way, and returns how many messages were never processed, and how many more than once.
fn swarm(commits: CommitMode) -> (u64, usize) {
    let (mut missed, mut doubled) = (0, 0);
    for way in WAYS {
        for seed in 0..RUNS {
            let timeline = run(scenario(way, commits, seed));
            let times = processed(&timeline).unwrap_or_else(|wrong| panic!("{way:?}, seed {seed}: {wrong}"));
            let lost = timeline.verdict().acknowledged() - timeline.verdict().delivered();
            let twice: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
            // With commits before the work a message may be stored twice, and so be processed as two.
            if (commits == CommitMode::Before && retried(&timeline))
                || (commits != CommitMode::Before && lost == 0)
            {
                doubled += twice.len();
                continue;
            }
            assert!(commits == CommitMode::Before, "{way:?}, seed {seed}: {lost} were never processed");
            assert!(twice.is_empty(), "{way:?}, seed {seed}: processed again: {twice:?}");
            missed += lost;
        }
    }
    (missed, doubled)
}

/// Whether a producer sent something again, so that it may stand in the log twice.
fn retried(timeline: &Timeline) -> bool {
    timeline.events().iter().any(|stamped| matches!(stamped.event, Event::Sent { attempt: 2.., .. }))
}

#[test]
fn with_commits_after_the_work_nothing_is_lost_when_brokers_die() {
    let (missed, doubled) = swarm(CommitMode::After);
    assert_eq!(missed, 0);
    assert!(doubled > 0, "at least once doubles sometimes");
}

#[test]
fn with_commits_from_time_to_time_nothing_is_lost_when_brokers_die() {
    assert_eq!(swarm(CommitMode::Interval).0, 0);
}

#[test]
fn with_commits_before_the_work_nothing_is_doubled_when_brokers_die() {
    assert!(swarm(CommitMode::Before).0 > 0, "at most once loses sometimes");
}

/// Where a group begins that never said anything: with what was there before it, with what comes, or at a time.
#[test]
fn a_group_begins_where_it_is_told_to() {
    for (start, least, most) in [
        (StartAt::Earliest, 1, 1),
        (StartAt::Offset(Offset(10)), 11, 11),
        // Message n is sent at n * 5 ms and is there a little later.
        (StartAt::Time(Time(200_000)), 38, 41),
        // (The classic protocol waits for more members first.)
        (StartAt::Latest, 58, 76),
    ] {
        for protocol in [GroupProtocol::Server, GroupProtocol::Classic] {
            let options = MemberOptions { protocol, start, ..MemberOptions::default() };
            let consumer = ConsumerSpec { starts_at: 300_000, ..ConsumerSpec::new("c", group(options)) };
            let to = TargetSpec::Topic { name: name("t"), acks: Acks::All };
            let timeline = run(Scenario {
                topics: vec![topic(1, 1)],
                producers: vec![ProducerSpec { every: 5_000, ..ProducerSpec::new("p", to) }],
                consumers: vec![consumer],
                ..Scenario::empty("start")
            });
            let times = processed(&timeline).expect("offsets go forward");
            let first = times.keys().next().expect("something was processed").0;
            assert!((least..=most).contains(&first), "{start:?}, {protocol:?}: from {first}");
            assert_eq!(times.len() as u64, 101 - first, "{start:?}, {protocol:?}: all from there on");
        }
    }
}

/// What a scenario cannot mean is refused with one clear sentence.
#[test]
fn groups_that_cannot_agree_are_refused() {
    let check = |consumers: &[MemberOptions]| {
        let consumer = |options: &MemberOptions| ConsumerSpec::new("c", group(options.clone()));
        let to = TargetSpec::Topic { name: name("t"), acks: Acks::All };
        let scenario = Scenario {
            topics: vec![topic(1, 1)],
            producers: vec![ProducerSpec::new("p", to)],
            consumers: consumers.iter().map(consumer).collect(),
            ..Scenario::empty("check")
        };
        let read = Scenario::from_json(&scenario.to_json()).map(|read| read == scenario);
        assert_eq!(read, scenario.check().map(|()| true), "as a file it means the same");
        scenario.check().map_err(|error| error.to_string())
    };
    let server = MemberOptions::default();
    let classic = MemberOptions { protocol: GroupProtocol::Classic, ..server.clone() };
    assert_eq!(check(&[classic.clone(), classic.clone()]), Ok(()));
    for (consumers, expected) in [
        (vec![server.clone(), classic.clone()], "c and another member of g differ in protocol or assignor"),
        (
            vec![MemberOptions { assignor: Some(Assignor::Sticky), ..server.clone() }],
            "c asks the coordinator for sticky, which knows range and uniform",
        ),
        (
            vec![MemberOptions { assignor: Some(Assignor::Uniform), ..classic.clone() }],
            "c speaks the classic protocol, which has no uniform: use sticky",
        ),
        (
            vec![MemberOptions { session: Some(Span::from_millis(50)), ..server }],
            "c has a session of its own, which only the classic protocol has",
        ),
        (
            vec![MemberOptions { poll_max: Some(Span(1)), ..classic }],
            "the poll_max of c is not from 0.1 ms to 3600000 ms",
        ),
    ] {
        let refused = check(&consumers).expect_err(expected);
        assert_eq!(refused, format!("the scenario cannot be run: {expected}"));
    }
}

/// A coordinator that dies takes the members' ids with it; they join anew and go on.
#[test]
fn the_coordinator_dies_and_the_group_goes_on() {
    let options = MemberOptions { protocol: GroupProtocol::Classic, ..MemberOptions::default() };
    let to = TargetSpec::Topic { name: name("t"), acks: Acks::All };
    let timeline = run(Scenario {
        ends_at: Time(1_500_000),
        brokers: 3,
        topics: vec![topic(4, 3)],
        producers: vec![ProducerSpec { every: 6_000, ..ProducerSpec::new("p", to) }],
        consumers: vec![
            ConsumerSpec::new("c1", group(options.clone())),
            ConsumerSpec::new("c2", group(options)),
        ],
        // The last broker coordinates.
        actions: vec![Action { at: Time(300_000), command: Command::Crash(NodeId::Broker(3)) }],
        ..Scenario::empty("coordinator")
    });
    assert_eq!(timeline.verdict().delivered(), 100);
    let ended = |stamped: &&mqlab_core::observe::Stamped| matches!(&stamped.event, Event::Group(GroupEvent::RebalanceEnded { members, .. }) if members.len() == 2);
    let by: Vec<NodeId> = timeline.events().iter().filter(ended).map(|stamped| stamped.node).collect();
    assert!(by.len() >= 2 && by[0] == NodeId::Broker(3) && by[by.len() - 1] != NodeId::Broker(3), "{by:?}");
}
