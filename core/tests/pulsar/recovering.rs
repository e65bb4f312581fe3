//! A bookie is gone for good, and then others: as long as there is time between, nothing is lost. Nobody but the bookies
//! themselves sees to that.

use std::collections::BTreeMap;

use mqlab_core::ids::NodeId;
use mqlab_core::observe::{PulsarEvent, RecoveryEvent};
use mqlab_core::systems::pulsar::{
    AutoRecoverySettings, BrokerSettings, ConsumerSettings, InitialPosition, LedgerSettings, Retention,
    TopicSettings,
};
use mqlab_core::time::Span;

use crate::net::{Net, Program, STORE, bookie, ms, record};

/// Five bookies, two copies of everything, ledgers of ten entries.
fn net(delay: Span) -> Net {
    let ledgers = LedgerSettings {
        entries_max: 10,
        age_min: Span::ZERO,
        add_timeout: ms(50),
        retry: ms(20),
        ..LedgerSettings::default()
    };
    let topics = TopicSettings { ledgers, retention: Retention::FOREVER, ..TopicSettings::default() };
    let settings = BrokerSettings { topics, ..BrokerSettings::default() };
    let recovery = AutoRecoverySettings { ping: ms(100), delay, again: ms(150) };
    Net::new(2, 5, settings).with_recovery(recovery)
}

fn fill(net: &mut Net) {
    let producer = net.add_producer(1, "p", "t");
    net.run(ms(200));
    for id in 1..=65 {
        net.send(producer, vec![record(id)]);
        net.run(ms(2));
    }
    net.run(ms(50));
}

/// Who reads everything from the start, from another owner, which has nothing at hand.
fn all_is_there(net: &mut Net, when: &str) {
    let owner = net.servers("t")[0];
    net.crash(owner);
    let from = ConsumerSettings { from: InitialPosition::Earliest, ..ConsumerSettings::default() };
    let reader = net.add_consumer(1, "t", "s", from, Program::Acknowledges);
    net.run(ms(3_000));
    assert_eq!(net.ids(reader), (1..=65).collect::<Vec<u64>>(), "{when}");
}

fn copied(net: &Net) -> BTreeMap<u64, Vec<NodeId>> {
    let of = |(_, fact): &(NodeId, PulsarEvent)| match fact {
        PulsarEvent::Recovery(RecoveryEvent::Copied { ledger, to, .. }) => Some((*ledger, to.clone())),
        _ => None,
    };
    net.facts.iter().filter_map(of).collect()
}

#[test]
fn bookies_burn_one_after_the_other_and_whoever_copies_may_die_too() {
    for wait in (0..600).step_by(40) {
        let mut net = net(Span::ZERO);
        fill(&mut net);
        net.crash(bookie(1));
        net.burn(bookie(1));
        // A worker dies in the middle of it, and comes back with what it had: its lock is of an earlier life then.
        net.run(ms(wait));
        net.crash(bookie(3));
        net.run(ms(30));
        net.start(bookie(3));
        net.run(ms(2_000));
        assert!(!copied(&net).is_empty(), "waited {wait}");
        net.crash(bookie(2));
        net.burn(bookie(2));
        net.run(ms(1_500));
        net.crash(bookie(4));
        net.burn(bookie(4));
        net.run(ms(1_500));
        all_is_there(&mut net, &format!("waited {wait}"));
    }
}

#[test]
fn the_auditor_or_the_store_may_go_first() {
    for first in [bookie(1), bookie(2), bookie(3), bookie(4), bookie(5), STORE] {
        let mut net = net(Span::ZERO);
        fill(&mut net);
        if first == STORE {
            net.darken(STORE);
            net.run(ms(100));
            net.start(STORE);
        } else {
            net.crash(first);
        }
        net.run(ms(100));
        let second = if first == bookie(2) { bookie(3) } else { bookie(2) };
        net.crash(second);
        net.run(ms(50));
        net.start(second); // only one of them is gone for long
        net.run(ms(2_500));
        if first == STORE {
            assert!(copied(&net).is_empty(), "all are back before anything was begun: {:?}", copied(&net));
            net.crash(bookie(1));
            net.run(ms(1_500));
        }
        assert!(!copied(&net).is_empty(), "{first} went first");
        net.crash(second);
        net.burn(second);
        all_is_there(&mut net, &format!("{first} went first"));
    }
}

#[test]
fn who_is_back_in_time_has_what_it_had() {
    let mut net = net(ms(500));
    fill(&mut net);
    net.crash(bookie(1));
    net.run(ms(600)); // its session is over, and it is awaited still
    net.start(bookie(1));
    net.run(ms(2_000));
    assert!(copied(&net).is_empty(), "{:?}", copied(&net));
    net.crash(bookie(1));
    net.run(ms(2_000));
    assert!(!copied(&net).is_empty());
}
