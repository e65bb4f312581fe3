//! A frozen process: what comes waits, nothing is sent, and it goes on where it was.

use mqlab_core::observe::QueueEvent;

use super::*;

#[test]
fn a_frozen_consumer_takes_in_all_that_waited_in_order_and_at_once() {
    // Shorter than anybody's patience: nobody notices.
    let timeline = run(queue(&["60 freeze consumer-1", "110 thaw consumer-1"]));
    let frozen = facts(&timeline, WORKER, 61, 110);
    assert!(frozen.is_empty(), "{frozen:?}");
    let woken = received(&timeline, WORKER).into_iter().filter(|(at, _)| *at == Time(110_000));
    let woken: Vec<MessageId> = woken.map(|(_, message)| message).collect();
    assert!(woken.len() >= 4 && woken.is_sorted(), "what its window lets come: {woken:?}");
    let thawed = faults(&timeline).into_iter().find_map(|fault| match fault {
        FaultEvent::Thawed { waited } => Some(*waited as usize),
        _ => None,
    });
    assert!(thawed.is_some_and(|waited| waited >= woken.len()), "{thawed:?}");
    let events = timeline.events();
    assert!(!events.iter().any(|fact| matches!(fact.event, Event::Requeued { .. })));
    all_came(&timeline);
    assert!(timeline.verdict().is_clean());
}

#[test]
fn who_is_frozen_for_longer_than_a_session_is_taken_for_dead_and_comes_back() {
    let timeline = run(queue(&["60 freeze consumer-1", "400 thaw consumer-1"]));
    let requeued = facts(&timeline, BROKER, 100, 400);
    assert!(requeued.iter().any(|fact| matches!(fact.event, Event::Requeued { .. })), "its session was over");
    all_came(&timeline);
}

#[test]
fn a_frozen_broker_answers_nobody_and_its_connections_stand() {
    let timeline = run(queue(&["60 freeze broker-1", "120 thaw broker-1"]));
    assert!(facts(&timeline, BROKER, 61, 120).is_empty());
    let stored = facts(&timeline, BROKER, 120, 121);
    assert!(stored.iter().any(|fact| matches!(fact.event, Event::Appended { .. })), "it goes on at once");
    assert!(!faults(&timeline).iter().any(|fault| matches!(fault, FaultEvent::Broke { .. })));
    all_came(&timeline);
}

#[test]
fn a_frozen_producer_sends_nothing_and_then_what_is_due() {
    let timeline = run(queue(&["60 freeze producer-1", "110 thaw producer-1"]));
    assert!(facts(&timeline, SHOP, 61, 110).is_empty());
    all_came(&timeline);
    assert!(timeline.verdict().is_clean());
}

#[test]
fn a_frozen_leader_is_replaced_and_comes_back_as_a_follower() {
    let timeline = run(topic(Acks::All, false, &["60 freeze broker-1", "500 thaw broker-1"]));
    let elected = facts(&timeline, NodeId::Controller, 60, 400);
    assert!(
        elected
            .iter()
            .any(|fact| matches!(fact.event, Event::Elected { leader: Some(NodeId::Broker(2)), .. }))
    );
    let copied = facts(&timeline, BROKER, 500, 2_000);
    assert!(copied.iter().any(|fact| matches!(fact.event, Event::Copied { .. })), "it follows");
    all_came(&timeline);
}

#[test]
fn a_frozen_controller_elects_nobody_until_it_goes_on() {
    let timeline =
        run(topic(Acks::All, false, &["50 freeze controller", "60 crash broker-1", "500 thaw controller"]));
    assert!(facts(&timeline, NodeId::Controller, 51, 500).is_empty());
    let elected = facts(&timeline, NodeId::Controller, 500, 700);
    assert!(elected.iter().any(|fact| matches!(fact.event, Event::Elected { leader: Some(_), .. })));
    all_came(&timeline);
}

#[test]
fn a_frozen_process_can_be_killed_and_what_waited_dies_with_it() {
    let lines = ["60 freeze broker-1", "100 crash broker-1", "150 restart broker-1"];
    let timeline = run(queue(&lines));
    assert!(facts(&timeline, BROKER, 100, 150).iter().all(|fact| {
        matches!(
            fact.event,
            Event::Crashed | Event::TailLost { .. } | Event::Queue(QueueEvent::MailboxLost { .. })
        )
    }));
    assert!(!faults(&timeline).iter().any(|fault| matches!(fault, FaultEvent::Thawed { .. })));
    all_came(&timeline);
}
