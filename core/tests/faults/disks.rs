//! Disks that are slow, lie, are full or new; and clocks that are wrong.

use mqlab_core::ids::{LogName, Offset};
use mqlab_core::log::contract::batch;
use mqlab_core::log::faulty::{Condition, FaultyStorage};
use mqlab_core::log::memory::MemoryStorage;
use mqlab_core::log::{Log as _, LogError, Storage as _};
use mqlab_core::observe::DiskState;
use mqlab_core::sim::Keeps;
use mqlab_core::time::Span;

use super::*;

/// When the producer hears that what it sent at `sent` is stored.
fn acknowledged_after(timeline: &Timeline, sent: u64) -> Span {
    let sent = facts(timeline, SHOP, sent, sent + 1);
    let sent = sent.iter().find(|fact| matches!(fact.event, Event::Sent { .. })).expect("it sends then");
    let message = sent.event.messages()[0];
    let told = timeline.events().iter().find(
        |fact| matches!(&fact.event, Event::Acknowledged { messages, .. } if messages.contains(&message)),
    );
    told.expect("it is told").at.since(sent.at)
}

#[test]
fn a_slow_disk_holds_up_answers_and_nothing_before() {
    let sound = run(queue(&[]));
    let slow = run(queue(&["50 disk broker-1 slow 0.7"]));
    // One flush of the queue's log of messages, and one of its cursor: it is delivered in the same burst.
    assert_eq!(acknowledged_after(&sound, 100), Span(2_000));
    assert_eq!(acknowledged_after(&slow, 100), Span(3_400));
    assert_eq!(acknowledged_after(&slow, 40), Span(2_000), "before it was slow");
    all_came(&slow);
    assert!(slow.verdict().is_clean());
}

#[test]
fn one_flush_serves_all_that_came_during_the_last() {
    let crowd = |lines: &[&str]| Scenario {
        producers: (1..=8)
            .map(|number| ProducerSpec {
                messages: 20,
                every: 5_000,
                starts_at: 200 * number,
                ..ProducerSpec::new("p", TargetSpec::Queue(name("q")))
            })
            .collect(),
        ..queue(lines)
    };
    let timeline = run(crowd(&["1 disk broker-1 slow 2"]));
    let most = timeline.events().iter().filter_map(|fact| match &fact.event {
        Event::Appended { messages, .. } => Some(messages.len()),
        _ => None,
    });
    assert!(most.max() > Some(1), "neighbours of one burst are one batch: group commit");
    all_came(&timeline);
}

#[test]
fn a_slow_disk_without_flushes_slows_nothing() {
    let lines = ["50 disk broker-1 slow 20", "50.1 disk broker-2 slow 20", "50.2 disk broker-3 slow 20"];
    let timeline = run(topic(Acks::All, false, &lines));
    assert!(timeline.verdict().is_clean());
    assert!(acknowledged_after(&timeline, 100) < Span(20_000));
}

#[test]
fn a_disk_that_lies_loses_what_was_promised_when_the_power_goes() {
    let lines = [
        "100 disk broker-1 lying",
        "150.5 freeze consumer-1",
        "170 cut-power broker-1",
        "200 restart broker-1",
    ];
    let timeline = run(queue(&lines));
    let gone: Vec<MessageId> = faults(&timeline)
        .into_iter()
        .filter(|fault| matches!(fault, FaultEvent::DiskLied { .. }))
        .flat_map(|fault| fault.messages().to_vec())
        .collect();
    assert!(!gone.is_empty());
    let lost = timeline.verdict().lost();
    assert!(!lost.is_empty() && lost.iter().all(|message| gone.contains(message)), "{lost:?} of {gone:?}");
    // What was flushed before is there.
    assert!(lost.iter().all(|message| message.0 >= 24), "{lost:?}");
}

#[test]
fn a_disk_that_lies_is_not_found_out_without_a_power_cut() {
    let lines = ["100 disk broker-1 lying", "170 crash broker-1", "200 restart broker-1"];
    all_came(&run(queue(&lines)));
    // A disk that is honest again writes out what it had called flushed.
    let lines = [
        "100 disk broker-1 lying",
        "150 disk broker-1 sound",
        "170 cut-power broker-1",
        "200 restart broker-1",
    ];
    let timeline = run(queue(&lines));
    assert!(!faults(&timeline).iter().any(|fault| matches!(fault, FaultEvent::DiskLied { .. })));
    all_came(&timeline);
}

#[test]
fn one_disk_that_lies_is_survived_by_replicas_and_three_are_not() {
    let one = ["60 disk broker-1 lying", "150 cut-power broker-1", "250 restart broker-1"];
    all_came(&run(topic(Acks::All, true, &one)));
    let all = [
        "60 disk broker-1 lying",
        "60.1 disk broker-2 lying",
        "60.2 disk broker-3 lying",
        "90 freeze consumer-1",
        "150 cut-power broker-1",
        "150.1 cut-power broker-2",
        "150.2 cut-power broker-3",
        "250 restart broker-1",
        "250.1 restart broker-2",
        "250.2 restart broker-3",
    ];
    let timeline = run(topic(Acks::All, true, &all));
    assert!(!timeline.verdict().lost().is_empty(), "promised, and nowhere");
}

#[test]
fn a_full_disk_stops_the_broker_and_keeps_what_was_promised() {
    let lines =
        ["100 disk broker-1 full", "150 restart broker-1", "250 disk broker-1 sound", "260 restart broker-1"];
    let timeline = run(queue(&lines));
    let own = facts(&timeline, BROKER, 100, 300);
    let halts: Vec<Time> = own
        .iter()
        .filter(|fact| matches!(fact.event, Event::Fault(FaultEvent::NoSpace)))
        .map(|fact| fact.at)
        .collect();
    assert!(halts.len() == 2, "at its first write, and again when it comes back too early: {halts:?}");
    let appended = facts(&timeline, BROKER, 101, 250);
    assert!(!appended.iter().any(|fact| matches!(fact.event, Event::Appended { .. })));
    assert!(appended.iter().any(|fact| fact.event == Event::Crashed));
    all_came(&timeline);
}

#[test]
fn a_follower_with_a_full_disk_leaves_the_set_in_sync_and_comes_back() {
    let lines = ["60 disk broker-3 full", "400 disk broker-3 sound", "410 restart broker-3"];
    let timeline = run(topic(Acks::All, true, &lines));
    assert!(faults(&timeline).contains(&&FaultEvent::NoSpace));
    let last = timeline.events().iter().rev().find_map(|fact| match &fact.event {
        Event::InSync { replicas, .. } => Some(replicas.len()),
        _ => None,
    });
    assert_eq!(last, Some(3));
    all_came(&timeline);
}

#[test]
fn a_broker_with_a_new_disk_starts_over_nothing() {
    // It is alone: what waited on it is gone.
    let lines =
        ["100 freeze consumer-1", "150 crash broker-1", "170 replace broker-1", "200 thaw consumer-1"];
    let timeline = run(queue(&lines));
    let gone: Vec<MessageId> = faults(&timeline)
        .into_iter()
        .filter(|fault| matches!(fault, FaultEvent::DiskGone { .. }))
        .flat_map(|fault| fault.messages().to_vec())
        .collect();
    let lost = timeline.verdict().lost();
    assert!(!lost.is_empty() && lost.iter().all(|message| gone.contains(message)), "{lost:?} of {gone:?}");
    let verdict = timeline.verdict();
    assert_eq!(verdict.sent() - verdict.delivered(), lost.len() as u64, "all others came");

    // It has replicas: it copies everything anew.
    let lines = ["100 crash broker-1", "400 replace broker-1"];
    let timeline = run(topic(Acks::All, true, &lines));
    let copied = facts(&timeline, BROKER, 400, 600);
    let first = copied.iter().find_map(|fact| match &fact.event {
        Event::Copied { base, messages, .. } => Some((base.0, messages.clone())),
        _ => None,
    });
    assert!(first.is_some_and(|(base, messages)| base == 0 && messages.contains(&MessageId(1))));
    all_came(&timeline);
}

#[test]
fn a_new_disk_is_sound() {
    let lines = ["100 disk broker-3 full", "300 replace broker-3"];
    let timeline = run(topic(Acks::All, true, &lines));
    assert!(
        facts(&timeline, NodeId::Broker(3), 300, 500)
            .iter()
            .any(|fact| matches!(fact.event, Event::Copied { .. }))
    );
    let full = FaultEvent::Disk { is: DiskState::Full };
    assert_eq!(faults(&timeline).into_iter().filter(|fault| **fault == full).count(), 1);
    all_came(&timeline);
}

#[test]
fn a_producer_with_a_new_disk_has_forgotten_what_it_kept() {
    let keeps = |last: &str| {
        let mut scenario =
            queue(&["60 cut producer-1 and broker-1", "100 crash producer-1", last, "300 heal everywhere"]);
        scenario.producers[0].keeps = Keeps::UntilProcessed;
        run(scenario)
    };
    let (kept, forgotten) = (keeps("150 restart producer-1"), keeps("150 replace producer-1"));
    assert_eq!(kept.verdict().delivered(), 50);
    let missing = 50 - forgotten.verdict().delivered();
    assert!(missing > 3, "what it had begun with and nobody had stored: {missing}");
    assert!(forgotten.verdict().lost().is_empty(), "nobody had promised it");
}

#[test]
fn a_consumer_with_a_new_disk_does_again_what_it_has_done() {
    let remembers = |last: &str| {
        let mut scenario = queue(&["97 lose-next consumer-1 to broker-1", "99.5 crash consumer-1", last]);
        scenario.consumers[0].program.remembers = true;
        run(scenario)
    };
    let (kept, forgotten) = (remembers("150 restart consumer-1"), remembers("150 replace consumer-1"));
    assert!(kept.verdict().doubled().is_empty());
    assert_eq!(forgotten.verdict().doubled().len(), 1, "its database went with the disk");
    all_came(&kept);
    all_came(&forgotten);
}

/// The stamp that a message carries is not shown by events; a queue's time to live is counted from it.
#[test]
fn a_clock_that_is_ahead_ends_leases_early_and_one_behind_late() {
    let ttl = |lines: &[&str]| {
        let mut scenario = queue(lines);
        scenario.consumers[0].starts_at = 400_000;
        scenario.queues[0].options.ttl = Some(Span::from_millis(100));
        let timeline = run(scenario);
        let died = timeline
            .events()
            .iter()
            .find(|fact| matches!(fact.event, Event::Queue(mqlab_core::observe::QueueEvent::Died { .. })));
        died.map(|fact| fact.at)
    };
    // The first message comes at 5 ms.
    assert_eq!(ttl(&[]), Some(Time(105_000)));
    assert_eq!(ttl(&["50 skew broker-1 30"]), Some(Time(75_000)));
    assert_eq!(ttl(&["50 skew broker-1 -30"]), Some(Time(135_000)));
    assert_eq!(ttl(&["50 skew broker-1 -30", "60 skew broker-1 0"]), Some(Time(105_000)));
}

#[test]
fn clocks_that_differ_from_the_beginning_change_nothing_for_a_queue() {
    let lines = ["0 skew broker-1 500", "0 skew consumer-1 40", "0 skew producer-1 0"];
    let timeline = run(queue(&lines));
    assert!(timeline.verdict().is_clean());
    all_came(&timeline);
}

#[test]
fn a_clock_that_jumps_makes_sessions_run_out_and_nothing_is_lost() {
    let lines =
        ["60 skew broker-1 1000", "120 skew broker-1 -40", "200 skew consumer-1 300", "300 skew broker-1 0"];
    let timeline = run(queue(&lines));
    let requeued = facts(&timeline, BROKER, 60, 61);
    assert!(
        requeued.iter().any(|fact| matches!(fact.event, Event::Requeued { .. }))
            || timeline.verdict().is_clean()
    );
    all_came(&timeline);
    all_came(&run(topic(
        Acks::All,
        true,
        &["60 skew broker-1 1000", "150 skew controller 200", "300 skew broker-2 -100"],
    )));
}

/// A storage whose one log was flushed up to 1, then in a lie up to 2, and ends at 3.
fn half_in_a_lie(then: Condition) -> FaultyStorage<MemoryStorage> {
    let mut storage = FaultyStorage::new(MemoryStorage::default());
    let mut log = storage.open(&LogName::Definitions).expect("memory opens");
    log.append(&batch(0, 1)).and_then(|()| log.flush()).expect("it is sound");
    storage.set_condition(Condition::Lying);
    log.set_condition(Condition::Lying);
    log.append(&batch(1, 1)).and_then(|()| log.flush()).expect("so it says");
    assert_eq!((log.durable(), log.flushes()), (Offset(2), 2));
    log.append(&batch(2, 1)).expect("in order");
    storage.close(&LogName::Definitions, log).expect("memory closes");
    // A process that opens it anew is lied to as well.
    let log = storage.open(&LogName::Definitions).expect("memory opens");
    assert_eq!((log.durable(), log.end()), (Offset(2), Offset(3)));
    storage.close(&LogName::Definitions, log).expect("memory closes");
    storage.set_condition(then);
    storage
}

#[test]
fn a_log_that_lies_has_what_was_flushed_in_truth() {
    for (then, end, called_flushed) in
        [(Condition::Lying, 1, vec![true, false]), (Condition::Sound, 2, vec![false])]
    {
        let mut storage = half_in_a_lie(then);
        let lost = storage.cut_power(|_, _| 0).expect("memory does not fail");
        assert_eq!(lost.iter().map(|lost| lost.was_called_flushed).collect::<Vec<_>>(), called_flushed);
        let log = storage.open(&LogName::Definitions).expect("memory opens");
        assert_eq!(log.end(), Offset(end), "{then:?}");
    }
}

#[test]
fn a_log_without_space_takes_nothing_and_gives_what_it_has() {
    let mut storage = FaultyStorage::new(MemoryStorage::default());
    let mut log = storage.open(&LogName::Definitions).expect("memory opens");
    log.append(&batch(0, 1)).expect("there is room");
    log.set_condition(Condition::Full);
    for _ in 0..2 {
        assert_eq!(log.append(&batch(1, 1)), Err(LogError::Full));
    }
    assert_eq!(log.end(), Offset(1));
    log.set_condition(Condition::Sound);
    log.append(&batch(1, 1)).expect("there is room again");
}
