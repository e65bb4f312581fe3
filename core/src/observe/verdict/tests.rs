//! Facts by hand, and what the judge must find in them.

use alloc::vec::Vec;

use super::*;
use crate::ids::{Epoch, Offset, PartitionId};
use crate::observe::Refusal;
use crate::time::Time;
use NodeId::{Broker, Consumer, Producer};

fn partition() -> PartitionId {
    PartitionId { topic: Name::new("t").expect("a legal name"), index: 0 }
}

fn judge(facts: &[(NodeId, Event)]) -> Verdict {
    let mut verdict = Verdict::default();
    for (node, event) in facts {
        verdict.observe(&Stamped { at: Time::ZERO, step: 0, node: *node, event: event.clone() });
    }
    verdict
}

fn appended(id: u64) -> Event {
    Event::Appended { to: Place::Partition(partition()), base: Offset(id), messages: [MessageId(id)].into() }
}

fn copied(id: u64) -> Event {
    Event::Copied { partition: partition(), base: Offset(id), messages: [MessageId(id)].into() }
}

fn acknowledged(id: u64) -> Event {
    Event::Acknowledged { by: Place::Partition(partition()), messages: MessageId(id).into() }
}

fn elected(leader: NodeId) -> Event {
    Event::Elected { partition: partition(), leader: Some(leader), epoch: Epoch(2) }
}

fn processed(id: u64) -> Event {
    Event::Processed { from: Place::Partition(partition()), messages: MessageId(id).into(), group: None }
}

#[test]
fn a_new_leader_without_an_acknowledged_message_loses_it() {
    let story =
        [(Broker(1), appended(1)), (Producer(1), acknowledged(1)), (NodeId::Controller, elected(Broker(2)))];
    assert_eq!(judge(&story).lost().len(), 1);
    let copied_in_time = [&story[..1], &[(Broker(2), copied(1))], &story[1..]].concat();
    assert!(judge(&copied_in_time).lost().is_empty());
    let sent_again = [&story[..], &[(Broker(2), appended(1))]].concat();
    assert!(judge(&sent_again).lost().is_empty());
    let late_word = [story[0].clone(), story[2].clone(), story[1].clone()];
    assert_eq!(judge(&late_word).lost().len(), 1, "told after the election: lost all the same");
}

#[test]
fn what_no_producer_was_told_or_somebody_processed_is_not_lost() {
    let untold = [(Broker(1), appended(1)), (NodeId::Controller, elected(Broker(2)))];
    assert!(judge(&untold).lost().is_empty());
    let done = [(Broker(1), appended(1)), (Consumer(1), processed(1)), (Producer(1), acknowledged(1))];
    let done = [&done[..], &[(NodeId::Controller, elected(Broker(2)))]].concat();
    assert!(judge(&done).lost().is_empty());
}

fn queue() -> Name {
    Name::new("q").expect("a legal name")
}

fn in_queue(id: u64) -> Event {
    Event::Appended { to: Place::Queue(queue()), base: Offset(id), messages: [MessageId(id)].into() }
}

fn routed(id: u64) -> Event {
    let to = Place::Exchange("x".parse().expect("a legal name"));
    Event::Sent { to, messages: MessageId(id).into(), attempt: 1 }
}

fn done_from(queue: Name, id: u64) -> Event {
    Event::Processed { from: Place::Queue(queue), messages: MessageId(id).into(), group: None }
}

#[test]
fn who_acknowledges_too_soon_and_dies_loses_what_it_had() {
    let settled = Event::Settled { queue: queue(), message: MessageId(1), by: Consumer(1) };
    let soon = [(Broker(1), in_queue(1)), (Producer(1), acknowledged(1)), (Broker(1), settled)];
    assert!(judge(&soon).lost().is_empty(), "the consumer has it");
    let dies = [&soon[..], &[(Consumer(1), Event::Crashed)]].concat();
    assert_eq!(judge(&dies).lost().len(), 1);
    let done = [&soon[..], &[(Consumer(1), done_from(queue(), 1)), (Consumer(1), Event::Crashed)]].concat();
    assert!(judge(&done).lost().is_empty());
    let late = [&soon[..2], &[(Consumer(1), Event::Crashed)], &soon[2..]].concat();
    assert_eq!(judge(&late).lost().len(), 1, "its word arrives when it is dead");
}

#[test]
fn a_routed_message_is_owed_to_each_queue() {
    let other = || Name::new("other").expect("a legal name");
    let twice = [
        (Producer(1), routed(1)),
        (Broker(1), in_queue(1)),
        (
            Broker(1),
            Event::Appended { to: Place::Queue(other()), base: Offset(0), messages: [MessageId(1)].into() },
        ),
        (Producer(1), acknowledged(1)),
        (Consumer(1), done_from(queue(), 1)),
    ];
    let both = [&twice[..], &[(Consumer(2), done_from(other(), 1))]].concat();
    assert!(judge(&both).is_clean(), "once from each is not doubled");
    let tail = Event::TailLost { of: Place::Queue(other()), messages: [MessageId(1)].into() };
    let torn = [&twice[..], &[(Broker(1), tail)]].concat();
    assert_eq!(judge(&torn).lost().len(), 1, "one of its queues lost it");
}

#[test]
fn a_second_copy_of_what_is_done_is_owed_to_nobody() {
    let settled = Event::Settled { queue: queue(), message: MessageId(1), by: Consumer(1) };
    // Its producer was refused by another queue, and sent it to all of them again.
    let verdict = judge(&[
        (Producer(1), routed(1)),
        (Broker(1), in_queue(1)),
        (Consumer(1), done_from(queue(), 1)),
        (Broker(1), in_queue(1)),
        (Producer(1), acknowledged(1)),
        (Broker(1), settled),
        (Consumer(1), Event::PowerCut),
    ]);
    assert!(verdict.lost().is_empty(), "{:?}", verdict.lost());
}

#[test]
fn what_dies_is_dropped_unless_it_is_among_dead_letters() {
    let died = |step| Stamped {
        at: Time::ZERO,
        step,
        node: Broker(1),
        event: Event::Queue(QueueEvent::Died {
            queue: queue(),
            message: MessageId(1),
            reason: crate::message::DeathReason::Expired,
        }),
    };
    let mut verdict = judge(&[(Broker(1), in_queue(1)), (Producer(1), acknowledged(1))]);
    verdict.observe(&died(7));
    assert_eq!((verdict.dropped().len(), verdict.lost().len(), verdict.on_their_way()), (1, 0, 0));
    let to = Place::Queue(Name::new("dead").expect("a legal name"));
    let event = Event::Appended { to, base: Offset(0), messages: [MessageId(1)].into() };
    verdict.observe(&Stamped { at: Time::ZERO, step: 7, node: Broker(1), event });
    assert!(verdict.dropped().is_empty());
    let dead = |verdict: &Verdict| (verdict.dead_letters().count(), verdict.on_their_way());
    let sent = |mut verdict: Verdict, event| {
        verdict.observe(&Stamped { at: Time::ZERO, step: 8, node: Producer(1), event });
        verdict
    };
    let first = Event::Sent { to: Place::Queue(queue()), messages: MessageId(1).into(), attempt: 1 };
    let verdict = sent(verdict, first);
    assert_eq!(dead(&verdict), (1, 0), "it is among dead letters, and nothing brings it anywhere");
    let grave = || Name::new("dead").expect("a legal name");
    assert_eq!(dead(&sent(verdict.clone(), done_from(grave(), 1))), (0, 0), "somebody looked after it");
    let another = Place::Queue(Name::new("another").expect("a legal name"));
    let copy = Event::Appended { to: another, base: Offset(0), messages: [MessageId(1)].into() };
    assert_eq!(dead(&sent(verdict.clone(), copy)), (0, 1), "another copy may yet come");
    let torn = Event::TailLost { of: Place::Queue(grave()), messages: [MessageId(1)].into() };
    let mut torn_away = verdict;
    torn_away.observe(&Stamped { at: Time::ZERO, step: 8, node: Broker(1), event: torn });
    assert_eq!((dead(&torn_away), torn_away.lost().len()), ((0, 0), 1), "dead letters can be lost, too");
}

#[test]
fn what_comes_back_is_neither_acknowledged_nor_dropped_nor_lost() {
    let exchange = || "x".parse().expect("a legal name");
    let message = MessageId(1);
    let nowhere = |returned| Event::Queue(QueueEvent::Unroutable { exchange: exchange(), message, returned });
    let back = || (Producer(1), Event::Queue(QueueEvent::Returned { exchange: exchange(), message }));
    let counts = |facts: &[(NodeId, Event)]| {
        let verdict = judge(facts);
        assert!(verdict.is_clean(), "no promise was made");
        let Verdict { returned, dropped, .. } = &verdict;
        (returned.len(), dropped.len(), verdict.acknowledged(), verdict.on_their_way())
    };
    let sent = (Producer(1), routed(1));
    let on_its_way_back = [sent.clone(), (Broker(1), nowhere(true))];
    assert_eq!(counts(&on_its_way_back), (0, 0, 0, 1), "its producer does not know yet");
    let returned = [&on_its_way_back[..], &[back()]].concat();
    assert_eq!(counts(&returned), (1, 0, 0, 0));
    let nobody_cares = [sent.clone(), (Broker(1), nowhere(false)), (Producer(1), acknowledged(1))];
    assert_eq!(counts(&nobody_cares), (0, 1, 1, 0), "not mandatory: dropped, and told that all is well");
    // An earlier try found a queue, and its answer was lost.
    let stored = [sent, (Broker(1), in_queue(1)), back()];
    let done = (Consumer(1), done_from(queue(), 1));
    assert_eq!(counts(&[&stored[..], core::slice::from_ref(&done)].concat()), (0, 0, 0, 0), "done later");
    assert_eq!(counts(&[stored[0].clone(), stored[1].clone(), done, back()]), (0, 0, 0, 0), "done before");
}

#[test]
fn what_is_refused_for_good_is_given_up_and_nobody_waits_for_it() {
    let refused = QueueEvent::GaveUp { message: Some(MessageId(1)), why: Refusal::TooLarge };
    let gave_up = || (Producer(1), Event::Queue(refused.clone()));
    let counts = |facts: &[(NodeId, Event)]| {
        let verdict = judge(facts);
        assert!(verdict.is_clean(), "no promise was made");
        (verdict.given_up().len(), verdict.acknowledged(), verdict.on_their_way())
    };
    let sent = || (Producer(1), routed(1));
    assert_eq!(counts(&[sent()]), (0, 0, 1));
    assert_eq!(counts(&[sent(), gave_up()]), (1, 0, 0));
    // An earlier try was stored, and its answer was lost.
    let done = || (Consumer(1), done_from(queue(), 1));
    assert_eq!(counts(&[sent(), (Broker(1), in_queue(1)), gave_up(), done()]), (0, 0, 0), "done later");
    assert_eq!(counts(&[sent(), (Broker(1), in_queue(1)), done(), gave_up()]), (0, 0, 0), "done before");
}

#[test]
fn what_retention_dropped_unprocessed_is_trimmed_and_not_lost() {
    let trimmed = Event::Pull(PullEvent::Trimmed {
        partition: partition(),
        below: Offset(3),
        messages: [MessageId(1), MessageId(2)].into(),
    });
    let story = [
        (Broker(1), appended(1)),
        (Broker(1), appended(2)),
        (Producer(1), acknowledged(1)),
        (Producer(1), acknowledged(2)),
        (Consumer(1), processed(1)),
        (Broker(1), trimmed),
    ];
    let verdict = judge(&story);
    assert_eq!(verdict.trimmed().collect::<BTreeSet<_>>(), BTreeSet::from([MessageId(2)]));
    assert!(verdict.lost().is_empty() && !verdict.is_clean());
    let in_hands = [&story[..], &[(Consumer(1), processed(2))]].concat();
    assert!(judge(&in_hands).is_clean(), "a consumer had it, and processed it after all");
}

#[test]
fn twice_is_doubled_and_later_first_is_out_of_order() {
    let verdict =
        judge(&[(Consumer(1), processed(2)), (Consumer(1), processed(1)), (Consumer(2), processed(2))]);
    assert_eq!(verdict.doubled(), &BTreeSet::from([MessageId(2)]));
    assert_eq!(verdict.reordered(), &BTreeSet::from([MessageId(1)]));
}

#[test]
fn a_second_copy_that_a_retry_stored_is_not_out_of_order() {
    let received = |id, delivery| Event::Received {
        from: Place::Queue(queue()),
        messages: MessageId(id).into(),
        delivery,
    };
    let reordered =
        |facts: &[(NodeId, Event)]| judge(facts).reordered().iter().map(|id| id.0).collect::<Vec<_>>();
    let in_order = [(Consumer(1), received(1, 1)), (Consumer(1), received(2, 1))];
    assert_eq!(reordered(&[&in_order[..], &[(Consumer(1), received(1, 1))]].concat()), [0; 0]);
    let elsewhere = [&in_order[..], &[(Consumer(2), received(3, 1)), (Consumer(2), received(1, 1))]].concat();
    assert_eq!(reordered(&elsewhere), [0; 0], "nor for another consumer");
    let overtaken = [(Consumer(1), received(2, 1)), (Consumer(1), received(1, 1))];
    assert_eq!(reordered(&overtaken), [1], "a first copy is");
}

fn compacted(ids: &[u64]) -> Event {
    Event::Pull(PullEvent::Compacted {
        partition: partition(),
        below: Offset(9),
        messages: ids.iter().copied().map(MessageId).collect(),
        tombstones: 0,
        bytes: 0,
    })
}

/// What a judge finds who knows the keys of messages 1 to 3, A, A and B, and that 3 is a tombstone.
fn judge_table(facts: &[(NodeId, Event)]) -> Verdict {
    let mut verdict = Verdict::default();
    verdict.learn_table(partition().topic);
    verdict.learn_tombstone(MessageId(3));
    for (id, key) in [(1, 'A'), (2, 'A'), (3, 'B')] {
        verdict.learn_key(MessageId(id), Some(key));
    }
    let stored = [1, 2, 3].map(|id| [(Broker(1), appended(id)), (Producer(1), acknowledged(id))]);
    for (node, event) in stored.iter().flatten().chain(facts) {
        verdict.observe(&Stamped { at: Time::ZERO, step: 0, node: *node, event: event.clone() });
    }
    verdict
}

#[test]
fn what_a_later_message_supersedes_is_not_lost_and_the_last_value_of_a_key_is() {
    let of = |facts: &[(NodeId, Event)]| {
        let verdict = judge_table(facts);
        let superseded: Vec<u64> = verdict.superseded().map(|id| id.0).collect();
        let lost: Vec<u64> = verdict.lost().iter().map(|id| id.0).collect();
        (superseded, lost)
    };
    assert_eq!(of(&[(Broker(1), compacted(&[1]))]), (alloc::vec![1], alloc::vec![]));
    assert_eq!(
        of(&[(Broker(1), compacted(&[1, 3]))]),
        (alloc::vec![1, 3], alloc::vec![]),
        "a tombstone may go"
    );
    assert_eq!(
        of(&[(Broker(1), compacted(&[1, 2]))]),
        (alloc::vec![1], alloc::vec![2]),
        "the last value may not"
    );
    let cut = Event::Truncated { partition: partition(), to: Offset(2), messages: [MessageId(2)].into() };
    let wrong = [(Broker(1), cut), (Broker(1), compacted(&[1]))];
    assert_eq!(of(&wrong).1, [1, 2], "what was cut off supersedes nothing");
    let read = [(Broker(1), compacted(&[1])), (Consumer(1), processed(1))];
    assert_eq!(of(&read), (alloc::vec![], alloc::vec![]), "somebody had it in hands");
    let on_another =
        [(Broker(2), copied(1)), (Broker(1), compacted(&[1])), (NodeId::Controller, elected(Broker(2)))];
    assert_eq!(of(&on_another).0, [1], "whoever leads then, it is superseded");
}
