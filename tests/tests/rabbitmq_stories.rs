//! What the stories of RabbitMQ say must be so, under several seeds.

use std::collections::BTreeMap;

use mqlab_core::ids::{MessageId, NodeId};
use mqlab_core::observe::{Event, PullEvent, QueueEvent, RabbitmqEvent, Stamped};
use mqlab_core::sim::{Scenario, Timeline};

const SEEDS: u64 = 12;

fn story(name: &str, seed: u64) -> Timeline {
    let scenario = Scenario::built_in(name).expect("it is built in");
    let mut timeline = Timeline::new(scenario, seed).expect("it can be run");
    timeline.advance(timeline.ends_at());
    timeline
}

/// The facts of a stretch of time, in milliseconds.
fn between(timeline: &Timeline, from: u64, to: u64) -> impl Iterator<Item = &Stamped> {
    timeline.events().iter().filter(move |fact| (from * 1_000..to * 1_000).contains(&fact.at.0))
}

#[test]
fn a_quorum_queue_outlives_its_leader_and_its_leaders_disk() {
    for seed in 0..SEEDS {
        let timeline = story("rabbitmq-quorum-queue", seed);
        let verdict = timeline.verdict();
        assert_eq!((verdict.acknowledged(), verdict.delivered()), (100, 100), "seed {seed}");
        assert!(verdict.lost().is_empty(), "seed {seed}");
        let mut leaders = timeline.events().iter().filter_map(|fact| match &fact.event {
            Event::Rabbitmq(RabbitmqEvent::Leads { .. }) => Some((fact.at.0, fact.node)),
            _ => None,
        });
        assert_eq!(
            leaders.next().map(|(_, node)| node),
            Some(NodeId::Broker(1)),
            "seed {seed}: where it was declared"
        );
        let (at, _) = leaders.next().expect("a second leader");
        assert!((400_000..900_000).contains(&at), "seed {seed}: {at}");
        // The new machine has everything in the end.
        let written = between(&timeline, 1_000, 2_500).filter_map(|fact| match &fact.event {
            Event::Rabbitmq(RabbitmqEvent::Written { messages, .. }) if fact.node == NodeId::Broker(1) => {
                Some(messages.len())
            }
            _ => None,
        });
        assert!(written.sum::<usize>() >= 100, "seed {seed}: it copied the whole log");
    }
}

#[test]
fn a_classic_queue_is_dark_with_its_node_and_empty_with_its_disk() {
    let mut lost = 0;
    for seed in 0..SEEDS {
        let timeline = story("rabbitmq-classic-queue", seed);
        let dark = between(&timeline, 402, 1_000);
        let served =
            dark.filter(|fact| matches!(fact.event, Event::Appended { .. } | Event::Delivered { .. }));
        assert_eq!(served.count(), 0, "seed {seed}: nobody serves it");
        let verdict = timeline.verdict();
        lost += verdict.lost().len();
        assert_eq!(verdict.acknowledged(), 100, "seed {seed}: in the end all are published");
        assert_eq!(verdict.delivered() + verdict.lost().len() as u64, 100, "seed {seed}");
    }
    assert!(lost > 0, "confirmed, and on that disk alone");
}

#[test]
fn one_of_three_neither_confirms_nor_delivers() {
    for seed in 0..SEEDS {
        let timeline = story("rabbitmq-no-majority", seed);
        // Two of three are enough.
        let two = between(&timeline, 420, 500).filter(|fact| matches!(fact.event, Event::Appended { .. }));
        assert!(two.count() > 3, "seed {seed}");
        let one = between(&timeline, 510, 1_200);
        let said =
            one.filter(|fact| matches!(fact.event, Event::Appended { .. } | Event::Acknowledged { .. }));
        assert_eq!(said.count(), 0, "seed {seed}: nothing is decided");
        let verdict = timeline.verdict();
        assert_eq!(
            (verdict.acknowledged(), verdict.delivered(), verdict.lost().len()),
            (80, 80, 0),
            "seed {seed}"
        );
    }
}

#[test]
fn what_fails_comes_back_first_and_dies_with_its_third_failure() {
    for seed in 0..SEEDS {
        let timeline = story("rabbitmq-delivery-limit", seed);
        let verdict = timeline.verdict();
        let poison = [20, 40, 60].map(MessageId);
        assert_eq!(verdict.dead_letters().collect::<Vec<_>>(), poison, "seed {seed}");
        assert_eq!((verdict.delivered(), verdict.lost().len()), (57, 0), "seed {seed}");
        for message in poison {
            let times = timeline.events().iter().filter_map(|fact| match &fact.event {
                Event::Received { messages, delivery, .. } if messages.contains(&message) => Some(*delivery),
                _ => None,
            });
            assert_eq!(times.collect::<Vec<_>>(), [1, 2, 3], "seed {seed}: {message}");
        }
    }
}

#[test]
fn a_stream_is_read_by_each_for_itself_and_goes_on_when_its_writer_dies() {
    for seed in 0..SEEDS {
        let timeline = story("rabbitmq-stream", seed);
        let verdict = timeline.verdict();
        assert_eq!((verdict.acknowledged(), verdict.lost().len()), (100, 0), "seed {seed}");
        let (mut done, mut stored) = (BTreeMap::<_, BTreeMap<MessageId, u32>>::new(), BTreeMap::new());
        let mut elected = 0;
        for fact in timeline.events() {
            match &fact.event {
                Event::Processed { messages, group: Some(group), .. } => {
                    for message in messages {
                        *done.entry(group.clone()).or_default().entry(*message).or_default() += 1;
                    }
                }
                Event::Appended { messages, .. } => {
                    messages.iter().for_each(|message| *stored.entry(*message).or_insert(0) += 1);
                }
                Event::Elected { .. } => elected += 1,
                Event::Pull(PullEvent::Trimmed { .. }) => panic!("nothing goes by itself"),
                _ => {}
            }
        }
        assert!(elected >= 2, "seed {seed}: a second writer");
        assert!(stored.values().all(|times| *times == 1), "seed {seed}: its publisher has a name");
        for (group, done) in &done {
            assert_eq!(done.len(), 100, "seed {seed}: {group} has read everything");
        }
        let twice = |name: &str| {
            done.iter()
                .filter(|(group, _)| group.as_str() == name)
                .flat_map(|(_, done)| done.values())
                .filter(|times| **times > 1)
                .count()
        };
        assert_eq!((done.len(), twice("audit")), (2, 0), "seed {seed}");
        assert!(twice("billing") <= 12, "seed {seed}: it went on where it had said that it was");
    }
}

#[test]
fn one_nodes_alarm_stops_publishers_everywhere_and_no_consumer() {
    for seed in 0..SEEDS {
        let timeline = story("rabbitmq-alarm", seed);
        let at = |what: &dyn Fn(&Stamped) -> bool| {
            timeline.events().iter().filter(|fact| what(fact)).map(|fact| fact.at.0).collect::<Vec<u64>>()
        };
        let raised = at(&|fact| matches!(fact.event, Event::Queue(QueueEvent::Blocked { .. })))[0];
        let over = at(&|fact| matches!(fact.event, Event::Queue(QueueEvent::Unblocked { .. })))[0];
        assert!((295_000..315_000).contains(&raised), "seed {seed}: the fifth photo: {raised}");
        assert!((700_000..730_000).contains(&over), "seed {seed}: the printer makes room: {over}");
        let blocked = |node: u16, client: u16| {
            let event = RabbitmqEvent::ConnectionBlocked { client: NodeId::Producer(client) };
            at(&|fact| fact.node == NodeId::Broker(node) && fact.event == Event::Rabbitmq(event.clone()))[0]
        };
        let late = |at: u64| at - raised;
        assert!(
            late(blocked(2, 1)) < 5_000 && late(blocked(3, 2)) < 5_000,
            "seed {seed}: on both other nodes"
        );
        let sent = |client: u16| {
            let sent =
                at(&|fact| fact.node == NodeId::Producer(client) && matches!(fact.event, Event::Sent { .. }));
            sent.into_iter().filter(|at| (raised + 5_000..over).contains(at)).count()
        };
        assert_eq!((sent(1), sent(2), sent(3)), (0, 0, 1), "seed {seed}: the till's first is read");
        let anna =
            at(&|fact| fact.node == NodeId::Consumer(2) && matches!(fact.event, Event::Processed { .. }));
        assert!(anna.iter().filter(|at| (raised..over).contains(at)).count() > 5, "seed {seed}: she goes on");
        let verdict = timeline.verdict();
        assert_eq!((verdict.acknowledged(), verdict.delivered()), (85, 85), "seed {seed}");
    }
}
