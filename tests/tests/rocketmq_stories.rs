//! What the stories of RocketMQ say, held against many seeds.

use std::collections::{BTreeMap, BTreeSet};

use mqlab_core::ids::{MessageId, NodeId};
use mqlab_core::observe::{Event, Place, QueueEvent, RocketmqEvent, SendStatus};
use mqlab_core::sim::{RocketmqReplication, Scenario, SystemSource, SystemSpec, SystemTarget, Timeline};
use mqlab_core::sim::{SourceSpec, TargetSpec};
use mqlab_core::systems::rocketmq::broker::Flush;
use mqlab_core::time::{Span, Time};
use mqlab_tests::claims::{all, each, ended, scenario, story};

/// How many seeds each claim is held against.
const SEEDS: u64 = 8;

fn facts<T>(timeline: &Timeline, pick: impl Fn(&RocketmqEvent) -> Option<T>) -> Vec<(Time, NodeId, T)> {
    all(timeline, |event| if let Event::Rocketmq(event) = event { pick(event) } else { None })
}

/// A scenario whose brokers are set otherwise.
fn with_flush(name: &str, flush: Flush) -> Scenario {
    let mut scenario = scenario(name);
    let Some(SystemSpec::Rocketmq(spec)) = &mut scenario.system else { panic!("{name} is RocketMQ's") };
    spec.broker.flush = flush;
    scenario
}

#[test]
fn a_held_pull_is_answered_as_soon_as_something_comes() {
    for seed in 0..SEEDS {
        let timeline = story("rocketmq-long-poll", seed);
        let verdict = timeline.verdict();
        assert_eq!((verdict.acknowledged(), verdict.lost().len()), (100, 0), "seed {seed}");
        assert!(verdict.doubled().is_empty(), "seed {seed}");
        let held = facts(&timeline, |event| matches!(event, RocketmqEvent::PullHeld { .. }).then_some(()));
        assert!(held.len() > 100, "seed {seed}: {}", held.len());
        // Stored, and in a consumer's hands: one way, and no waiting.
        let stored = each(&timeline, |event| matches!(event, Event::Appended { .. }));
        let stored: BTreeMap<MessageId, Time> = stored.into_iter().map(|(at, _, id)| (id, at)).collect();
        let received = each(&timeline, |event| matches!(event, Event::Received { .. }));
        for (at, _, id) in received {
            assert!(at.since(stored[&id]) < Span::from_millis(5), "seed {seed}: {id} at {at}");
        }
        // The payer wants one of two tags, the audit all, each of its members a half of the queues.
        let done = |node| {
            let done = each(&timeline, |event| matches!(event, Event::Processed { .. }));
            done.into_iter().filter(|(_, by, _)| *by == node).count()
        };
        assert_eq!(done(NodeId::Consumer(1)), 30, "seed {seed}");
        assert_eq!(done(NodeId::Consumer(2)) + done(NodeId::Consumer(3)), 60, "seed {seed}");
        assert_eq!((done(NodeId::Consumer(2)), done(NodeId::Consumer(4))), (30, 40), "seed {seed}");
    }
}

#[test]
fn each_of_the_four_answers_means_that_the_message_is_stored() {
    for seed in 0..SEEDS {
        let timeline = story("rocketmq-send-results", seed);
        let told = facts(&timeline, |event| match event {
            RocketmqEvent::LessSafe { status, .. } => Some(*status),
            _ => None,
        });
        let kinds: BTreeSet<SendStatus> = told.iter().map(|(.., status)| *status).collect();
        let expected =
            [SendStatus::FlushDiskTimeout, SendStatus::FlushSlaveTimeout, SendStatus::SlaveNotAvailable];
        assert_eq!(kinds, BTreeSet::from(expected), "seed {seed}");
        assert!(told.len() < 110, "seed {seed}: the others are SEND_OK");
        let verdict = timeline.verdict();
        assert_eq!((verdict.acknowledged(), verdict.delivered()), (130, 130), "seed {seed}");
        assert!(verdict.lost().is_empty() && verdict.doubled().is_empty(), "seed {seed}");
        // Sent again it is stored twice.
        let mut again = scenario("rocketmq-send-results");
        let TargetSpec::System(SystemTarget::Rocketmq(to)) = &mut again.producers[0].to else { panic!() };
        to.retries_unsafe = true;
        assert!(!ended(again, seed).verdict().doubled().is_empty(), "seed {seed}");
    }
}

#[test]
fn what_was_not_flushed_is_gone_with_the_power_though_it_was_send_ok() {
    let (mut lost, mut kept) = (0, 0);
    for seed in 0..SEEDS {
        lost += story("rocketmq-power-cut", seed).verdict().lost().len();
        kept += ended(with_flush("rocketmq-power-cut", Flush::Sync), seed).verdict().lost().len();
        let mut crash = scenario("rocketmq-power-cut");
        crash.actions[0] = "1250 crash broker-1".parse().expect("a command with its moment");
        assert!(ended(crash, seed).verdict().lost().is_empty(), "seed {seed}: a crash takes nothing");
    }
    assert!(lost > 0, "nothing was lost");
    assert_eq!(kept, 0, "with synchronous flushes nothing may be");
}

#[test]
fn a_controller_makes_a_slave_the_master_and_nothing_acknowledged_is_lost() {
    let mut lost_async = 0;
    for seed in 0..SEEDS {
        let timeline = story("rocketmq-controller", seed);
        let verdict = timeline.verdict();
        assert!(verdict.lost().is_empty(), "seed {seed}: {:?}", verdict.lost());
        assert_eq!(verdict.delivered(), verdict.acknowledged(), "seed {seed}");
        assert!(verdict.acknowledged() > 80, "seed {seed}: {}", verdict.acknowledged());
        let masters = facts(&timeline, |event| match event {
            RocketmqEvent::MasterIs { master, epoch, .. } => Some((*master, *epoch)),
            _ => None,
        });
        assert_eq!(masters.len(), 1, "seed {seed}: {masters:?}");
        let (at, _, (master, epoch)) = masters[0];
        assert!(master != NodeId::Broker(1) && epoch == 2, "seed {seed}: {master}");
        let missed = Time(1_000_000)..Time(1_150_000);
        assert!(missed.contains(&at), "seed {seed}: at {at}");
        // The three are in sync in the end, and have the same.
        let last = facts(&timeline, |event| match event {
            RocketmqEvent::InSyncIs { in_sync, .. } => Some(in_sync.len()),
            _ => None,
        });
        assert_eq!(last.last().map(|(.., count)| *count), Some(3), "seed {seed}");
        let mut weak = scenario("rocketmq-controller");
        let Some(SystemSpec::Rocketmq(spec)) = &mut weak.system else { panic!("it is RocketMQ's") };
        spec.broker.replication = RocketmqReplication::Async;
        for slave in ["broker-2", "broker-3"] {
            // What is on its way when the power goes still arrives: a while before nothing leaves any more.
            let cut = format!("550 cut broker-1 to {slave}");
            weak.actions.push(cut.parse().expect("a command with its moment"));
        }
        lost_async += ended(weak, seed).verdict().lost().len();
    }
    assert!(lost_async > 0, "asynchronous replication lost nothing");
}

#[test]
fn order_costs_the_time_of_a_lock() {
    for seed in 0..SEEDS {
        let timeline = story("rocketmq-orderly", seed);
        let verdict = timeline.verdict();
        assert!(verdict.reordered().is_empty(), "seed {seed}: {:?}", verdict.reordered());
        assert_eq!(verdict.delivered(), verdict.acknowledged(), "seed {seed}");
        let refused = facts(&timeline, |event| match event {
            RocketmqEvent::LockRefused { by, .. } => Some(*by),
            _ => None,
        });
        let after = refused.iter().filter(|(at, ..)| *at > Time(500_000));
        assert!(after.clone().count() > 0, "seed {seed}: the dead one's locks were not refused");
        assert!(after.clone().all(|(_, _, by)| *by == NodeId::Consumer(2)), "seed {seed}");
        let locked = facts(&timeline, |event| match event {
            RocketmqEvent::Locked { by: NodeId::Consumer(2), .. } => Some(()),
            _ => None,
        });
        let last = locked.last().expect("it got them").0;
        assert!(last > Time(1_400_000), "seed {seed}: too soon, at {last}");
        let failed = each(&timeline, |event| matches!(event, Event::Queue(QueueEvent::Failed { .. })));
        assert!(!failed.is_empty(), "seed {seed}: nothing failed");
    }
}

#[test]
fn what_fails_comes_again_later_each_time_and_is_buried() {
    for seed in 0..SEEDS {
        let timeline = story("rocketmq-retry", seed);
        let buried = facts(&timeline, |event| match event {
            RocketmqEvent::Buried { message, .. } => Some(*message),
            _ => None,
        });
        let hopeless: BTreeSet<MessageId> = [10, 20, 30, 40, 50].map(MessageId).into();
        assert_eq!(buried.iter().map(|(.., id)| *id).collect::<BTreeSet<_>>(), hopeless, "seed {seed}");
        for id in &hopeless {
            let failed = each(&timeline, |event| matches!(event, Event::Queue(QueueEvent::Failed { .. })));
            let at: Vec<Time> =
                failed.iter().filter(|(.., failed)| failed == id).map(|(at, ..)| *at).collect();
            assert_eq!(at.len(), 1 + 4, "seed {seed}: {id}");
            let waits: Vec<u64> = at.windows(2).map(|pair| pair[1].since(pair[0]).0 / 1_000).collect();
            for (wait, level) in waits.iter().zip([100, 200, 400, 800]) {
                assert!((level..level + 40).contains(wait), "seed {seed}: {id}: {waits:?}");
            }
        }
        let verdict = timeline.verdict();
        assert_eq!(verdict.delivered(), 45, "seed {seed}: nothing waited for what failed");
        assert!(verdict.lost().is_empty(), "seed {seed}: dead letters are kept");
    }
}

#[test]
fn who_pops_shares_a_queue_and_one_that_hangs_holds_up_what_it_has() {
    for seed in 0..SEEDS {
        let timeline = story("rocketmq-pop", seed);
        let verdict = timeline.verdict();
        assert_eq!((verdict.delivered(), verdict.lost().len()), (100, 0), "seed {seed}");
        let done = each(&timeline, |event| matches!(event, Event::Processed { .. }));
        let by = |node| done.iter().filter(|(_, by, _)| *by == node).count();
        for number in 1..=3 {
            assert!(by(NodeId::Consumer(number)) > 5, "seed {seed}: consumer {number} got little");
        }
        let revived = facts(&timeline, |event| match event {
            RocketmqEvent::Revived { message, .. } => Some(*message),
            _ => None,
        });
        assert!(!revived.is_empty(), "seed {seed}: nothing came again");
        let from_retry = |event: &Event| match event {
            Event::Processed { from: Place::Partition(from), .. } => {
                from.topic.as_str().starts_with(".RETRY.")
            }
            _ => false,
        };
        assert!(!each(&timeline, from_retry).is_empty(), "seed {seed}");
        // The same by pulling: one queue has one reader.
        let mut pulls = scenario("rocketmq-pop");
        for consumer in &mut pulls.consumers {
            let SourceSpec::System(SystemSource::Rocketmq(from)) = &mut consumer.from else { panic!() };
            from.pop_invisible = None;
        }
        pulls.actions.clear();
        let timeline = ended(pulls, seed);
        let done = each(&timeline, |event| matches!(event, Event::Processed { .. }));
        let who: BTreeSet<NodeId> = done.iter().map(|(_, by, _)| *by).collect();
        assert_eq!(who.len(), 1, "seed {seed}");
    }
}
