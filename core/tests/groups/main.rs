//! Members of a group that come, go, die, freeze and work for too long, under each protocol and assignor, drawn from a
//! seed. What must hold: no two that may both commit hold the same partition, committed offsets never go back, and when
//! all is calm every partition has one reader and every message is processed: at least once with commits after the work,
//! at most once with commits before it. And what the modes do not promise must happen sometimes, or this would prove
//! nothing.
//!
//! `GROUP_SEED=n cargo test -p mqlab-core --test groups` runs one seed and prints what happened.

mod lab;

use std::collections::{BTreeMap, BTreeSet};

use lab::{Lab, name, partition};
use mqlab_core::broker::Assignor;
use mqlab_core::client::{CommitMode, GroupProtocol, MemberOptions};
use mqlab_core::observe::{Event, GroupEvent};
use mqlab_core::rng::{Rng, Stream};
use mqlab_core::time::{Span, Time};

/// How many seeds each way of agreeing is tried with.
const SEEDS: u64 = 60;

/// Every protocol with each assignor that it knows.
const WAYS: [(GroupProtocol, Assignor); 6] = [
    (GroupProtocol::Server, Assignor::Range),
    (GroupProtocol::Server, Assignor::Uniform),
    (GroupProtocol::Classic, Assignor::Range),
    (GroupProtocol::Classic, Assignor::RoundRobin),
    (GroupProtocol::Classic, Assignor::Sticky),
    (GroupProtocol::Classic, Assignor::CooperativeSticky),
];

fn millis(rng: &mut Rng, low: u64, high: u64) -> Span {
    Span::from_millis(rng.between(low, high))
}

/// A life of a group, from a seed; at its end all is calm.
fn live((protocol, assignor): (GroupProtocol, Assignor), commits: CommitMode, seed: u64) -> Lab {
    let mut rng = Rng::new(seed, Stream::Workload);
    let (partitions, consumers) = (rng.between(1, 6) as u32, rng.between(1, 4) as usize);
    let options = |rng: &mut Rng| MemberOptions {
        protocol,
        assignor: Some(assignor),
        commits,
        // Sometimes two have the same.
        instance: (rng.below(3) == 0).then(|| name(&format!("desk-{}", rng.below(6)))),
        poll_max: Some(Span::from_millis(150)),
        // Longer than the others wait for it: then a static member that is frozen misses a whole generation.
        session: (protocol == GroupProtocol::Classic && rng.below(2) == 0).then(|| millis(rng, 200, 500)),
        ..MemberOptions::default()
    };
    let all = (0..consumers).map(|_| options(&mut rng)).collect();
    let mut lab = Lab::new(partitions, all);
    for at in 0..consumers {
        if rng.below(2) == 0 {
            lab.crash(at); // it comes later
        }
    }
    for _ in 0..rng.between(5, 40) {
        let at = rng.below(consumers as u64) as usize;
        match rng.below(10) {
            0..=3 => {
                let to = rng.below(u64::from(partitions)) as u32;
                lab.produce(to, rng.between(1, 12));
            }
            4 => lab.crash(at),
            5 | 6 => lab.start(at),
            7 => lab.slots[at].frozen = Some(lab.now + millis(&mut rng, 1, 450)),
            8 => lab.slots[at].work = millis(&mut rng, 1, 250),
            _ => {
                let (which, on) = (partition(rng.below(u64::from(partitions)) as u32), rng.below(2) == 0);
                if let Some(client) = &mut lab.slots[at].client {
                    client.pause(&[which], on);
                }
            }
        }
        lab.run(millis(&mut rng, 0, 120));
    }
    let all: Vec<_> = (0..partitions).map(partition).collect();
    for at in 0..consumers {
        lab.start(at);
        lab.slots[at].work = Span::from_millis(1);
        if let Some(client) = &mut lab.slots[at].client {
            client.pause(&all, false);
        }
    }
    lab.run(Span::from_millis(4_000));
    lab
}

/// What is wrong with a life that is over.
fn judge(lab: &Lab) -> Result<(), String> {
    if let Some(broken) = &lab.broken {
        return Err(broken.clone());
    }
    lab.is_settled()?;
    for message in 1..=lab.messages {
        let id = mqlab_core::ids::MessageId(message);
        let times = lab.processed.get(&id).copied().unwrap_or(0);
        match lab.commits() {
            CommitMode::Before if times > 1 => return Err(format!("{id} was processed {times} times")),
            CommitMode::After | CommitMode::Interval if times == 0 => {
                return Err(format!("{id} was not processed"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn print(lab: &Lab) {
    for (at, node, event) in &lab.events {
        if !matches!(event, Event::Received { .. } | Event::Committed { .. } | Event::Appended { .. }) {
            eprintln!("{at:>9} {node:<11} {event}");
        }
    }
}

/// Runs every way with every seed; returns how often messages were lost and doubled, and counts facts.
fn swarm(commits: CommitMode) -> (u64, u64, BTreeMap<&'static str, usize>) {
    let (mut lost, mut doubled, mut facts) = (0, 0, BTreeMap::new());
    let only: Option<u64> = std::env::var("GROUP_SEED").ok().map(|seed| seed.parse().expect("a number"));
    for way in WAYS {
        for seed in only.map_or(0..SEEDS, |seed| seed..seed + 1) {
            let lab = live(way, commits, seed);
            if let Err(wrong) = judge(&lab) {
                print(&lab);
                panic!("{way:?}, commits {commits:?}, seed {seed}: {wrong}");
            }
            lost += lab.messages - lab.processed.len() as u64;
            doubled += lab.processed.values().filter(|times| **times > 1).count() as u64;
            let mut count =
                |fact, is: fn(&GroupEvent) -> bool| *facts.entry(fact).or_default() += lab.count(is);
            count("rebalances", |event| matches!(event, GroupEvent::RebalanceEnded { .. }));
            count("fenced", |event| matches!(event, GroupEvent::Fenced { .. }));
            count("overdue", |event| matches!(event, GroupEvent::PollOverdue { .. }));
            count("refused", |event| matches!(event, GroupEvent::CommitRefused { .. }));
            count("removed", |event| matches!(event, GroupEvent::Removed { .. }));
        }
    }
    assert!(facts.values().all(|count| *count > 0), "it was too calm: {facts:?}");
    (lost, doubled, facts)
}

#[test]
fn with_commits_after_the_work_nothing_is_lost() {
    let (lost, doubled, facts) = swarm(CommitMode::After);
    assert_eq!(lost, 0);
    assert!(doubled > 0, "a crash between work and commit doubles: {facts:?}");
}

#[test]
fn with_commits_from_time_to_time_nothing_is_lost() {
    let (lost, doubled, facts) = swarm(CommitMode::Interval);
    assert_eq!(lost, 0);
    assert!(doubled > 0, "what is done and not committed is doubled: {facts:?}");
}

#[test]
fn with_commits_before_the_work_nothing_is_doubled() {
    let (lost, doubled, facts) = swarm(CommitMode::Before);
    assert_eq!(doubled, 0);
    assert!(lost > 0, "a crash in the work loses: {facts:?}");
}

fn classic(assignor: Assignor) -> MemberOptions {
    MemberOptions { protocol: GroupProtocol::Classic, assignor: Some(assignor), ..MemberOptions::default() }
}

/// Which partitions nobody read for a while after `from`, and for how long in all.
fn unread(lab: &Lab, from: Time) -> (usize, Span) {
    let (mut since, mut sum, mut stood) = (BTreeMap::new(), 0, BTreeSet::new());
    for (at, _, event) in lab.events.iter().filter(|(at, _, _)| *at >= from) {
        match event {
            Event::Group(GroupEvent::Revoked { partitions, .. }) => {
                since.extend(partitions.iter().map(|partition| (partition.clone(), *at)));
            }
            Event::Assigned { partitions, .. } => {
                for partition in partitions {
                    if let Some(since) = since.remove(partition) {
                        sum += at.0 - since.0;
                        stood.insert(partition.clone());
                    }
                }
            }
            _ => {}
        }
    }
    assert!(since.is_empty(), "all are read in the end: {since:?}");
    (stood.len(), Span(sum))
}

/// A third member comes while one works for 60 ms on a message. Eager: all six partitions stand still until it is done.
/// Cooperative: only the two that move do.
#[test]
fn eager_stops_all_and_cooperative_what_moves() {
    let stands = |assignor| {
        let mut lab = Lab::new(6, vec![classic(assignor), classic(assignor), classic(assignor)]);
        lab.crash(2);
        lab.run(Span::from_millis(300));
        lab.is_settled().expect("two read all");
        lab.slots[0].work = Span::from_millis(60);
        (0..6).for_each(|to| lab.produce(to, 1));
        lab.run(Span::from_millis(20));
        let from = lab.now;
        lab.start(2);
        lab.run(Span::from_millis(600));
        lab.is_settled().expect("three read all");
        assert_eq!(lab.broken, None);
        unread(&lab, from)
    };
    let (eager, cooperative) = (stands(Assignor::Sticky), stands(Assignor::CooperativeSticky));
    assert_eq!((eager.0, cooperative.0), (6, 2), "{eager:?} against {cooperative:?}");
    assert!(cooperative.1 < eager.1, "{cooperative:?} against {eager:?}");
}

/// A static member that comes back within its session keeps its share, and nobody else notices; a dynamic one does not.
#[test]
fn a_static_member_comes_back_without_a_rebalance() {
    for protocol in [GroupProtocol::Classic, GroupProtocol::Server] {
        let rebalances = |instance: bool| {
            let options = |at| MemberOptions {
                protocol,
                instance: instance.then(|| name(&format!("desk-{at}"))),
                ..MemberOptions::default()
            };
            let mut lab = Lab::new(4, vec![options(0), options(1)]);
            lab.run(Span::from_millis(400));
            lab.is_settled().expect("two read all");
            let share = lab.slots[1].client.as_ref().expect("it runs").partitions();
            let before = lab.events.len();
            lab.crash(1);
            lab.run(Span::from_millis(40));
            lab.start(1);
            lab.run(Span::from_millis(60));
            let back = lab.slots[1].client.as_ref().expect("it runs").partitions() == share;
            let told = lab.events[before..].iter().any(|(_, node, event)| {
                let other = *node != mqlab_core::ids::NodeId::Consumer(1);
                other && matches!(event, Event::Group(_) | Event::Assigned { .. })
            });
            lab.run(Span::from_millis(600));
            lab.is_settled().expect("two read all");
            (back, told)
        };
        assert_eq!(rebalances(true), (true, false), "{protocol:?}");
        if protocol == GroupProtocol::Classic {
            assert!(rebalances(false).1, "the others notice a member without a name");
        }
    }
}

/// A second member under the same instance id fences the first, for good.
#[test]
fn a_second_one_of_the_same_instance_fences_the_first() {
    for protocol in [GroupProtocol::Classic, GroupProtocol::Server] {
        let options = MemberOptions { protocol, instance: Some(name("desk")), ..MemberOptions::default() };
        let mut lab = Lab::new(2, vec![options.clone(), options]);
        lab.crash(1);
        lab.run(Span::from_millis(300));
        lab.start(1);
        lab.run(Span::from_millis(300));
        let refused = |at: usize| lab.slots[at].client.as_ref().expect("it runs").is_refused();
        assert_eq!((refused(0), refused(1)), (true, false), "{protocol:?}");
        lab.is_settled().expect("the second reads all");
        assert_eq!(lab.count(|event| matches!(event, GroupEvent::Fenced { .. })), 1);
    }
}

/// Who works for longer than it may is out, its commit is refused, and another does the message again.
#[test]
fn who_works_for_too_long_is_out_and_commits_in_vain() {
    let slow = MemberOptions {
        poll_max: Some(Span::from_millis(100)),
        commits: CommitMode::After,
        ..classic(Assignor::Range)
    };
    let mut lab = Lab::new(1, vec![slow.clone(), slow]);
    lab.crash(1);
    lab.run(Span::from_millis(200));
    lab.slots[0].work = Span::from_millis(250);
    lab.start(1);
    lab.run(Span::from_millis(200));
    lab.produce(0, 1);
    lab.run(Span::from_millis(1_000));
    assert_eq!(lab.broken, None);
    assert_eq!(lab.count(|event| matches!(event, GroupEvent::PollOverdue { .. })), 1);
    assert_eq!(lab.count(|event| matches!(event, GroupEvent::CommitRefused { .. })), 1);
    assert_eq!(lab.processed.values().copied().collect::<Vec<_>>(), [2]);
}
