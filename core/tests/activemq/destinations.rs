//! Queues and topics, and of A-9 the exclusive consumer and virtual topics.

use super::*;
use mqlab_core::ids::Name;
use mqlab_core::systems::activemq::{BrokerError, SHARED_DLQ};

#[test]
fn consumers_compete_in_turn_and_the_first_takes_what_lies_there_a1() {
    let mut broker = plain();
    for _ in 0..3 {
        broker.consume(START, "q", "").expect("attached");
    }
    send(&mut broker, START, "q", "m1 m2 m3 m4 m5 m6 m7 m8 m9 m10");
    assert_eq!(said(&mut broker), "A=m1,m4,m7,m10 B=m2,m5,m8 C=m3,m6,m9");

    let mut broker = plain();
    send(&mut broker, START, "q", "m1 m2 m3 m4 m5 m6 m7 m8 m9 m10");
    broker.consume(START, "q", "").expect("attached");
    broker.consume(START, "q", "").expect("attached");
    assert_eq!(said(&mut broker), "A=m1,m2,m3,m4,m5,m6,m7,m8,m9,m10");
}

#[test]
fn what_was_seen_makes_room_without_being_acknowledged_a1() {
    let mut broker = plain();
    send(&mut broker, START, "q", "m1 m2 m3 m4 m5 m6 m7 m8 m9 m10");
    broker.consume_on(START, ONE, "q?consumer.prefetchSize=1", "").expect("attached");
    broker.consume_on(START, TWO, "q?consumer.prefetchSize=1", "").expect("attached");
    let mut received = [Vec::new(), Vec::new()];
    let mut waiting = [Vec::new(), Vec::new()];
    let mut take = |broker: &mut Store, who: usize| {
        for delivered in pushed(broker) {
            waiting[delivered.consumer.0 as usize - 1].push(delivered);
        }
        let next = waiting[who].remove(0);
        broker.host_mut().seen(START, next.handle).expect("it has it");
        received[who].push(word(&next.message));
    };
    take(&mut broker, 0);
    take(&mut broker, 1);
    for _ in 0..3 {
        take(&mut broker, 0);
    }
    assert_eq!(received[0], ["m1", "m3", "m5", "m6"]);
    assert_eq!(received[1], ["m2"]);
    // Without the extension what is unacknowledged counts, as in RabbitMQ.
    let policy = DestinationPolicy { use_prefetch_extension: false, ..DestinationPolicy::default() };
    let mut broker = self::broker(policy);
    send(&mut broker, START, "q", "m1 m2");
    broker.consume(START, "q?consumer.prefetchSize=1", "").expect("attached");
    let first = pushed(&mut broker).remove(0);
    broker.host_mut().seen(START, first.handle).expect("it has it");
    assert_eq!(said(&mut broker), "");
    broker.host_mut().ack(START, first.handle).expect("it has it");
    assert_eq!(said(&mut broker), "A=m2");
    assert!(broker.host_mut().seen(START, first.handle).is_err(), "it is settled");
}

#[test]
fn who_is_ahead_by_none_asks_for_each_a1() {
    let mut broker = plain();
    send(&mut broker, START, "q", "m1 m2");
    let consumer = broker.consume(START, "q?consumer.prefetchSize=0", "").expect("attached");
    assert_eq!(said(&mut broker), "");
    let got = broker.host_mut().receive_for(START, consumer).expect("it is attached").expect("m1");
    assert_eq!(word(&got.message), "m1");
    for bad in ["q?consumer.prefetchSize=-1", "q?consumer.color=red", "q?consumer.exclusive=perhaps"] {
        assert!(matches!(broker.consume(START, bad, ""), Err(BrokerError::Destination(_))), "{bad}");
    }
    assert!(matches!(broker.consume(START, "q", "1 +"), Err(BrokerError::Selector(_))));
}

#[test]
fn what_has_expired_goes_to_the_dead_if_it_is_persistent_a2() {
    for (persistent, dead) in [(true, "old"), (false, "")] {
        let old = Message::new("old").with_ttl(span(100));
        let old = if persistent { old } else { old.transient() };
        // At dispatch.
        let mut broker = plain();
        broker.send(START, "q", old.clone()).expect("taken");
        send(&mut broker, START, "q", "live");
        run_until(&mut broker, ms(300));
        broker.consume(ms(300), "q", "").expect("attached");
        assert_eq!(said(&mut broker), "A=live");
        assert_eq!(ready(&mut broker, ms(300), SHARED_DLQ), dead, "persistent: {persistent}");
        // By the sweep, every 30 s, also behind one that lives.
        let mut broker = plain();
        send(&mut broker, START, "q", "live");
        broker.send(START, "q", old).expect("taken");
        run_until(&mut broker, ms(29_999));
        assert_eq!(broker.host().queue("q").expect("there").stats().held, 2);
        run_until(&mut broker, ms(30_000));
        assert_eq!(broker.host().queue("q").expect("there").stats().held, 1);
        assert_eq!(ready(&mut broker, ms(30_000), SHARED_DLQ), dead);
    }
    // Both can be had otherwise.
    let policy = DestinationPolicy { process_non_persistent: true, ..DestinationPolicy::default() };
    let mut broker = broker(policy);
    broker.send(START, "q", Message::new("old").with_ttl(span(100)).transient()).expect("taken");
    run_until(&mut broker, ms(30_000));
    assert_eq!(ready(&mut broker, ms(30_000), SHARED_DLQ), "old");
}

#[test]
fn priorities_count_only_where_the_policy_says_so_a4() {
    for (prioritized_messages, order) in [(false, "m0 m1 m2 m3 m4 m5"), (true, "m2 m4 m3 m0 m5 m1")] {
        let mut broker = broker(DestinationPolicy { prioritized_messages, ..DestinationPolicy::default() });
        for (number, priority) in [4, 0, 9, 5, 9, 1].into_iter().enumerate() {
            let message = Message::new(format!("m{number}"));
            // Four is what a message has that names none.
            let message = if priority == 4 { message } else { message.with_priority(priority) };
            broker.send(START, "q", message).expect("taken");
        }
        assert_eq!(ready(&mut broker, START, "q"), order);
    }
}

#[test]
fn a_scheduled_message_comes_late_and_again_where_that_is_supported_a5() {
    let scheduled = Message::new("late")
        .with_header("AMQ_SCHEDULED_DELAY", 300)
        .with_header("AMQ_SCHEDULED_PERIOD", 200)
        .with_header("AMQ_SCHEDULED_REPEAT", 2);
    let mut broker = broker(DestinationPolicy { scheduler_support: true, ..DestinationPolicy::default() });
    broker.consume(START, "q", "").expect("attached");
    broker.send(START, "q", scheduled.clone()).expect("taken");
    send(&mut broker, START, "q", "soon");
    assert_eq!(said(&mut broker), "A=soon");
    let mut came = Vec::new();
    for millis in [299, 300, 499, 500, 699, 700, 5_000] {
        run_until(&mut broker, ms(millis));
        if !said(&mut broker).is_empty() {
            came.push(millis);
        }
    }
    assert_eq!(came, [300, 500, 700], "two repetitions are three deliveries");
    // Off by default: they are properties like others.
    let mut broker = plain();
    broker.send(START, "q", scheduled).expect("taken");
    assert_eq!(ready(&mut broker, START, "q"), "late");
}

#[test]
fn subscriptions_and_their_wildcards_a6() {
    for (pattern, expected) in [("P.*", "P.A"), ("P.>", "P P.A P.A.B P.A.B.C"), ("P.*.B", "P.A.B")] {
        let mut broker = plain();
        broker.subscribe(START, ONE, pattern, "").expect("subscribed");
        for topic in ["P", "P.A", "P.A.B", "P.A.B.C"] {
            broker.publish(START, topic, Message::new(topic)).expect("published");
        }
        assert_eq!(said(&mut broker), format!("A={}", expected.replace(' ', ",")), "{pattern}");
    }
}

#[test]
fn a_durable_subscription_with_another_selector_is_a_new_one_a6() {
    let mut broker = plain();
    let name = |text: &str| Name::new(text).expect("a legal name");
    let own = (&name("client"), &name("audit"));
    let publish = |broker: &mut Store, word: &'static str| {
        broker.publish(START, "T", Message::new(word).with_header("a", 1)).expect("published");
    };
    publish(&mut broker, "before");
    let first = broker.subscribe_durably(START, ONE, own, "T", "").expect("subscribed");
    let second = broker.subscribe_durably(START, TWO, own, "T", "").expect_err("it is in use");
    assert!(matches!(second, BrokerError::Host(error) if error.code() == 403));
    assert!(broker.host_mut().unsubscribe(START, Some(own.0), own.1).is_err(), "while somebody is there");
    broker.host_mut().cancel(START, first).expect("attached");
    publish(&mut broker, "kept");
    let again = broker.subscribe_durably(START, ONE, own, "T", "").expect("subscribed");
    let got = pushed(&mut broker);
    assert_eq!(got.iter().map(|got| word(&got.message)).collect::<Vec<_>>(), ["kept"]);
    broker.host_mut().ack(START, got[0].handle).expect("its own");
    broker.host_mut().cancel(START, again).expect("attached");
    publish(&mut broker, "lost");
    broker.subscribe_durably(START, ONE, own, "T", "a = 1").expect("subscribed");
    assert!(pushed(&mut broker).is_empty());
    publish(&mut broker, "new");
    assert_eq!(pushed(&mut broker).len(), 1);
}

#[test]
fn a_message_group_has_one_consumer_a7() {
    let mut broker = plain();
    broker.consume(START, "q", "").expect("attached");
    let b = broker.consume_on(START, TWO, "q", "").expect("attached");
    let send = |broker: &mut Store, group: &str, sequence: i32| {
        let message = Message::new(group.to_owned()).with_group(group);
        let message = if sequence == 0 { message } else { message.with_group_sequence(sequence) };
        broker.send(START, "q", message).expect("taken");
    };
    for group in ["g1", "g2", "g1", "g3", "g2", "g1", "g4", "g3"] {
        send(&mut broker, group, 0);
    }
    assert_eq!(said(&mut broker), "A=g1,g1,g1,g4 B=g2,g3,g2,g3");
    send(&mut broker, "g2", -1);
    assert_eq!(said(&mut broker), "B=g2", "what closes the group goes to its owner");
    // One group each: the next free one goes to whoever has fewer, and is first in turn.
    broker.host_mut().cancel(START, b).expect("attached");
    for group in ["g2", "g3"] {
        send(&mut broker, group, 0);
    }
    assert_eq!(said(&mut broker), "A=g2,g3", "whose owner is gone is free");
    // A first message lets a group find its consumer anew.
    broker.consume_on(START, TWO, "q", "").expect("attached");
    send(&mut broker, "g1", 1);
    send(&mut broker, "g1", 0);
    assert_eq!(said(&mut broker), "C=g1,g1");
}

#[test]
fn the_best_exclusive_consumer_gets_everything_a9() {
    let mut broker = plain();
    let a = broker.consume_on(START, ONE, "q?consumer.exclusive=true", "").expect("attached");
    let b = broker.consume(START, "q?consumer.exclusive=true&consumer.priority=5", "").expect("attached");
    broker.consume(START, "q", "").expect("attached");
    send(&mut broker, START, "q", "a b c");
    assert_eq!(said(&mut broker), "B=a,b,c");
    broker.host_mut().cancel(START, b).expect("attached");
    send(&mut broker, START, "q", "d");
    assert_eq!(said(&mut broker), "A=d");
    broker.host_mut().cancel(START, a).expect("attached");
    send(&mut broker, START, "q", "e");
    assert_eq!(said(&mut broker), "C=e");
}

#[test]
fn a_virtual_topic_copies_to_the_queues_that_are_there_a9() {
    let mut broker = plain();
    for queue in ["Consumer.A.VirtualTopic.X", "Consumer.A.VirtualTopic.X", "Consumer.B.VirtualTopic.X"] {
        broker.consume(START, queue, "").expect("attached");
    }
    broker.subscribe(START, ONE, "VirtualTopic.X", "").expect("subscribed");
    for word in ["a", "b", "c", "d"] {
        assert_eq!(broker.publish(START, "VirtualTopic.X", Message::new(word)).expect("published"), 3);
    }
    assert_eq!(said(&mut broker), "A=a,c B=b,d C=a,b,c,d D=a,b,c,d");
    broker.consume(START, "Consumer.C.VirtualTopic.X", "").expect("attached");
    assert_eq!(said(&mut broker), "", "nothing old");
}
