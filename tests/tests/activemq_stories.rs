//! What the stories of ActiveMQ say is so, under many seeds.

use mqlab_core::ids::{MessageId, NodeId};
use mqlab_core::observe::{ActivemqEvent, Event, Place, QueueEvent};
use mqlab_core::sim::{SourceSpec, SystemSource, SystemSpec, Timeline};
use mqlab_core::systems::activemq::JournalSync;
use mqlab_core::time::Time;
use mqlab_tests::claims::{all, each, ended, scenario, story};

/// How many seeds each claim is held against.
const SEEDS: u64 = 40;

fn processed(timeline: &Timeline) -> Vec<u64> {
    let processed = &timeline.metrics().processed;
    (1..=timeline.scenario().consumers.len() as u16)
        .map(|number| processed.get(&NodeId::Consumer(number)).copied().unwrap_or(0))
        .collect()
}

#[test]
fn a_slave_takes_over_twice_and_nothing_is_lost_or_stored_twice() {
    let (mut known, mut cleared) = (0, 0);
    for seed in 0..SEEDS {
        let timeline = story("activemq-master-slave", seed);
        let verdict = timeline.verdict();
        assert!(verdict.lost().is_empty(), "seed {seed}: lost {:?}", verdict.lost());
        assert_eq!((verdict.sent(), verdict.acknowledged()), (160, 160), "seed {seed}");
        assert!(
            verdict.waiting().next().is_none(),
            "seed {seed}: {:?} wait",
            verdict.waiting().collect::<Vec<_>>()
        );
        let masters = all(&timeline, |event| {
            matches!(event, Event::Activemq(ActivemqEvent::Master { .. })).then_some(())
        });
        let who: Vec<NodeId> = masters.iter().map(|(_, node, ())| *node).collect();
        assert_eq!(who, [1, 2, 1].map(NodeId::Broker), "seed {seed}");
        // A crash frees the lock at once; where the power goes, the lease must run out.
        let after = |at: u64, take: usize| masters[take].0.0 - at;
        assert!(after(252_000, 1) < 130_000 && after(700_000, 2) > 130_000, "seed {seed}: {masters:?}");
        let mut stored: Vec<MessageId> = each(&timeline, |event| {
            matches!(event, Event::Appended { to: Place::Queue(queue), .. } if queue.as_str() == "orders")
        })
        .into_iter()
        .map(|(_, _, message)| message)
        .collect();
        stored.sort();
        assert!(stored.windows(2).all(|pair| pair[0] != pair[1]), "seed {seed}: stored twice");
        let own = |is: fn(&ActivemqEvent) -> bool| {
            all(&timeline, |event| matches!(event, Event::Activemq(event) if is(event)).then_some(())).len()
        };
        known += own(|event| matches!(event, ActivemqEvent::KnownAlready { .. }));
        cleared += own(|event| matches!(event, ActivemqEvent::ClearedPrefetch { .. }));
    }
    assert!(known > 0, "some producer said again what was stored");
    assert!(cleared > 0, "some consumer was ahead");
}

#[test]
fn what_is_stored_is_seen_also_while_a_dead_master_has_the_lock() {
    for seed in 0..SEEDS {
        let mut timeline = Timeline::new(scenario("activemq-master-slave"), seed).expect("it can be run");
        let stored = |timeline: &mut Timeline, at: u64| {
            timeline.advance(Time(at));
            let picture = timeline.picture(64);
            let of = |node| picture.brokers.iter().find(|view| view.node == node).expect("it is there");
            let orders = |node| of(node).strips.iter().map(|strip| strip.held).sum::<u64>();
            (orders(NodeId::Broker(2)), orders(NodeId::Store))
        };
        // Broker 2 is master since the crash at 252 ms, and loses power at 700 ms.
        let (master, store) = stored(&mut timeline, 699_999);
        assert!(master > 0 && store == 0, "seed {seed}: who has the lock shows what is stored");
        let (dead, store) = stored(&mut timeline, 715_000);
        assert_eq!(dead, 0, "seed {seed}");
        // What consumers had acknowledged and the master had not flushed is there once more.
        assert!(store > 0 && store + 20 > master, "seed {seed}: {store} of {master} are to be seen");
    }
}

#[test]
fn without_flushes_a_power_cut_takes_what_was_confirmed_and_a_crash_does_not() {
    let mut lossy = 0;
    for seed in 0..SEEDS {
        lossy += usize::from(!story("activemq-no-sync", seed).verdict().lost().is_empty());
        let mut crashes = scenario("activemq-no-sync");
        crashes.actions[0].command = "crash broker-1".parse().expect("a command");
        let timeline = ended(crashes, seed);
        assert!(timeline.verdict().lost().is_empty(), "seed {seed}: a crash lost something");
        let mut flushes = scenario("activemq-no-sync");
        let Some(SystemSpec::Activemq(spec)) = &mut flushes.system else { panic!("it is ActiveMQ's") };
        spec.journal_sync = JournalSync::Always;
        assert!(ended(flushes, seed).verdict().lost().is_empty(), "seed {seed}: flushed, and lost");
    }
    assert!(lossy > SEEDS as usize / 2, "{lossy} of {SEEDS} runs lost something");
}

#[test]
fn poison_is_delivered_seven_times_and_holds_up_the_rest() {
    for seed in 0..SEEDS {
        let timeline = story("activemq-poison", seed);
        for poison in [7, 14].map(MessageId) {
            let tries = each(&timeline, |event| matches!(event, Event::Queue(QueueEvent::Failed { .. })));
            let tries: Vec<_> = tries.into_iter().filter(|(_, _, message)| *message == poison).collect();
            assert_eq!(tries.len(), 7, "seed {seed}");
            // Nothing is processed between the first try and the last.
            let (from, until) = (tries[0].0, tries[6].0);
            let done = each(&timeline, |event| matches!(event, Event::Processed { .. }));
            assert!(done.iter().all(|(at, _, _)| *at < from || *at > until), "seed {seed}");
        }
        let verdict = timeline.verdict();
        let dead: Vec<MessageId> = verdict.dead_letters().collect();
        assert_eq!(dead, [7, 14].map(MessageId), "seed {seed}");
        assert!(verdict.lost().is_empty() && verdict.delivered() == 18, "seed {seed}");
    }
}

#[test]
fn the_first_consumer_takes_all_that_lies_there() {
    for seed in 0..SEEDS {
        assert_eq!(processed(&story("activemq-prefetch", seed)), [60, 0], "seed {seed}");
        let mut shared = scenario("activemq-prefetch");
        for consumer in &mut shared.consumers {
            let SourceSpec::System(SystemSource::Activemq(from)) = &mut consumer.from else {
                panic!("it reads ActiveMQ")
            };
            from.prefetch = Some(1);
        }
        let each = processed(&ended(shared, seed));
        assert!(each[1] >= 20 && each[0] + each[1] == 60, "seed {seed}: {each:?}");
    }
}

#[test]
fn a_virtual_topic_fills_queues_and_plain_subscribers_miss_what_they_did_not_hear() {
    for seed in 0..SEEDS {
        let timeline = story("activemq-virtual-topic", seed);
        let done = processed(&timeline);
        assert_eq!(done[0] + done[1], 60, "seed {seed}: {done:?}");
        assert!(done[0] > 20 && done[1] > 20, "seed {seed}: {done:?}");
        assert!(done[2] >= 60, "seed {seed}: the durable subscription kept all, {done:?}");
        assert!((10..45).contains(&done[3]), "seed {seed}: {done:?}");
    }
}
