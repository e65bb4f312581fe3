//! A frozen master, a store that is gone, full or lies, and messages that are kept in memory alone.

use super::running::{TWO, one};
use super::*;
use mqlab_core::ids::NodeId;
use mqlab_core::observe::ActivemqEvent;
use mqlab_core::sim::{SystemSpec, SystemTarget, TargetSpec};
use mqlab_core::systems::activemq::JournalSync;
use mqlab_core::time::Span;

const SEEDS: std::ops::Range<u64> = 1..20;

fn with(json: &str, actions: &[&str]) -> Scenario {
    let mut scenario = scenario(json);
    scenario.actions = actions.iter().map(|action| action.parse().expect("an action")).collect();
    scenario.check().expect("it can be run");
    scenario
}

#[test]
fn a_master_that_stood_still_is_fenced_and_its_clients_go_elsewhere() {
    let scenario = with(TWO, &["150 freeze broker-1", "700 thaw broker-1"]);
    for seed in SEEDS {
        let timeline = run(&scenario, seed);
        let fenced = count(&timeline, |event| {
            matches!(event, Event::Activemq(ActivemqEvent::SteppedDown { fenced: true }))
        });
        assert_eq!(fenced, 1, "seed {seed}");
        let over = |event: &Event| {
            matches!(event, Event::Activemq(ActivemqEvent::LeaseOver { broker: NodeId::Broker(1) }))
        };
        assert_eq!(count(&timeline, over), 1, "seed {seed}");
        let verdict = timeline.verdict();
        assert_eq!((verdict.sent(), verdict.acknowledged()), (100, 100), "seed {seed}");
        assert!(verdict.lost().is_empty() && verdict.waiting().next().is_none(), "seed {seed}");
        judged(&scenario, &timeline, seed);
    }
}

#[test]
fn without_the_store_nobody_serves_and_nothing_is_lost() {
    for cut in ["150 crash store", "150 cut-power store"] {
        let scenario = with(TWO, &[cut, "600 restart store"]);
        for seed in SEEDS {
            let timeline = run(&scenario, seed);
            let told =
                timeline.events().iter().filter(|fact| matches!(fact.event, Event::Acknowledged { .. }));
            let quiet = told.filter(|fact| (170_000..600_000).contains(&fact.at.0)).count();
            assert_eq!(quiet, 0, "seed {seed}: {cut}");
            let verdict = timeline.verdict();
            assert_eq!((verdict.sent(), verdict.acknowledged()), (100, 100), "seed {seed}: {cut}");
            assert!(verdict.lost().is_empty() && verdict.waiting().next().is_none(), "seed {seed}: {cut}");
            judged(&scenario, &timeline, seed);
        }
    }
}

#[test]
fn a_full_store_stops_the_master_until_there_is_room() {
    let scenario = with(TWO, &["150 disk store full", "500 disk store sound"]);
    for seed in SEEDS {
        let timeline = run(&scenario, seed);
        assert!(!lines(&timeline, &["cannot write to the store"]).is_empty(), "seed {seed}");
        let verdict = timeline.verdict();
        assert_eq!(verdict.acknowledged(), 100, "seed {seed}");
        assert!(verdict.lost().is_empty(), "seed {seed}: {:?}", verdict.lost());
    }
}

#[test]
fn what_is_not_persistent_goes_with_its_master() {
    let mut scenario = with(TWO, &["150 crash broker-1", "600 restart broker-1"]);
    scenario.producers[0].message.transient = true;
    // It waits for answers all the same: else nobody would be told that it is stored.
    let TargetSpec::System(SystemTarget::Activemq(to)) = &mut scenario.producers[0].to else {
        panic!("it sends to ActiveMQ")
    };
    to.always_sync_send = true;
    for consumer in &mut scenario.consumers {
        consumer.work = 30_000; // there is always something in the queue
    }
    let lossy = SEEDS.filter(|seed| !run(&scenario, *seed).verdict().lost().is_empty()).count();
    assert!(lossy > 10, "{lossy}");
    let lost = Promise::NotLost;
    assert!(scenario.promises(1).iter().all(|promised| promised.promise != lost));
}

#[test]
fn the_journal_of_one_broker_keeps_what_it_flushed() {
    let periodic = JournalSync::Periodic(Span::from_millis(30));
    for (sync, keeps) in [(JournalSync::Always, true), (periodic, false), (JournalSync::Never, false)] {
        let mut scenario = one();
        let Some(SystemSpec::Activemq(spec)) = &mut scenario.system else { panic!("it is ActiveMQ's") };
        spec.journal_sync = sync;
        scenario.actions = ["200 cut-power broker-1", "500 restart broker-1"]
            .map(|text| text.parse().expect("an action"))
            .into();
        for consumer in &mut scenario.consumers {
            consumer.work = 30_000;
        }
        let mut lossy = 0;
        for seed in SEEDS {
            let timeline = run(&scenario, seed);
            lossy += usize::from(!timeline.verdict().lost().is_empty());
            judged(&scenario, &timeline, seed);
        }
        assert_eq!(lossy == 0, keeps, "{sync:?}: {lossy} lost something");
    }
}
