//! What clients do: A-3, redelivery and poison.

use super::*;
use mqlab_core::ids::Name;
use mqlab_core::message::Value;
use mqlab_core::rng::{Rng, Stream};
use mqlab_core::systems::activemq::{MessageConsumer, RedeliveryPolicy, RolledBack, SHARED_DLQ};

/// Lets a transacted consumer roll back everything that is called "poison", as often as it comes; says what it received,
/// and at which millisecond.
fn work(broker: &mut Store, policy: RedeliveryPolicy) -> (Vec<String>, Vec<u64>) {
    let mut consumer = MessageConsumer::new(policy);
    let mut rng = Rng::new(1, Stream::Workload);
    let (mut now, mut received, mut at) = (START, Vec::new(), Vec::new());
    loop {
        pushed(broker).into_iter().for_each(|delivered| consumer.pushed(delivered));
        let Some(got) = consumer.receive(now) else {
            match consumer.next_wakeup() {
                Some(until) => now = until,
                None => return (received, at),
            }
            continue;
        };
        assert_eq!(got.is_redelivered(), got.delivery_count() > 1);
        broker.host_mut().seen(now, got.delivered.handle).expect("it has it");
        received.push(format!("{}:{}", word(&got.delivered.message), got.delivery_count()));
        at.push(now.as_millis());
        if word(&got.delivered.message) != "poison" {
            for done in consumer.commit() {
                broker.host_mut().ack(now, done.delivered.handle).expect("it has it");
            }
            continue;
        }
        match consumer.roll_back(now, &mut rng) {
            RolledBack::Nothing => panic!("it had received something"),
            RolledBack::Again(until) => assert!(until > now && consumer.receive(now).is_none(), "it waits"),
            RolledBack::Poison(all, cause) => {
                all.iter().for_each(|one| broker.poison(now, one, &cause).expect("it has it"));
            }
        }
    }
}

#[test]
fn a_poisoned_message_is_delivered_seven_times_and_holds_up_the_next_a3() {
    for (persistent, dead) in [(true, "poison"), (false, "")] {
        let mut broker = plain();
        broker.consume(START, "q", "").expect("attached");
        let poison = Message::new("poison").with_ttl(span(3_600_000));
        broker.send(START, "q", if persistent { poison } else { poison.transient() }).expect("taken");
        send(&mut broker, START, "q", "next");
        let (received, at) = work(&mut broker, RedeliveryPolicy::default());
        let expected: Vec<String> =
            (1..=7).map(|count| format!("poison:{count}")).chain(["next:1".into()]).collect();
        assert_eq!(received, expected);
        assert_eq!(at, [0, 1_000, 2_000, 3_000, 4_000, 5_000, 6_000, 6_000]);
        assert_eq!(ready(&mut broker, ms(6_000), SHARED_DLQ), dead);
        assert_eq!(broker.host().queue("q").expect("there").stats().held, 0);
        if persistent {
            let letter = broker.host_mut().receive(ms(6_000), SHARED_DLQ).expect("there").expect("a letter");
            let header = |name: &str| letter.message.headers().get(name).cloned();
            assert_eq!(header("originalDestination"), Some(Value::Text("q".into())));
            let Some(Value::Text(cause)) = header("dlqDeliveryFailureCause") else { panic!("a cause") };
            assert!(cause.contains("exceeds redelivery policy limit:6"), "{cause}");
            assert_eq!(letter.message.ttl(), None, "it does not expire there");
        }
    }
}

#[test]
fn waits_between_redeliveries_a3() {
    let growing = RedeliveryPolicy { use_exponential_back_off: true, ..RedeliveryPolicy::default() };
    let table = [
        (RedeliveryPolicy::default(), vec![1_000, 1_000, 1_000, 1_000, 1_000, 1_000]),
        (growing.clone(), vec![1_000, 5_000, 25_000, 125_000, 625_000, 3_125_000]),
        (
            RedeliveryPolicy { maximum_redelivery_delay: Some(span(60_000)), ..growing.clone() },
            vec![1_000, 5_000, 25_000, 60_000, 60_000, 60_000],
        ),
        // A longest wait below the usual one is that one.
        (
            RedeliveryPolicy { maximum_redelivery_delay: Some(span(10)), ..growing.clone() },
            vec![1_000, 1_000, 1_000, 1_000, 1_000, 1_000],
        ),
        // From nothing it grows from the usual one.
        (
            RedeliveryPolicy { initial_redelivery_delay: Span::ZERO, ..growing.clone() },
            vec![0, 1_000, 5_000, 25_000, 125_000, 625_000],
        ),
        (
            RedeliveryPolicy { maximum_redeliveries: Some(2), back_off_multiplier_percent: 200, ..growing },
            vec![1_000, 2_000],
        ),
        (RedeliveryPolicy { maximum_redeliveries: Some(0), ..RedeliveryPolicy::default() }, vec![]),
    ];
    for (policy, waits) in table {
        let mut broker = plain();
        broker.consume(START, "q", "").expect("attached");
        send(&mut broker, START, "q", "poison");
        let mut consumer = MessageConsumer::new(policy.clone());
        consumer.pushed(pushed(&mut broker).remove(0));
        let (mut now, mut seen, mut rng) = (START, Vec::new(), Rng::new(1, Stream::Workload));
        loop {
            consumer.receive(now).expect("it has waited long enough");
            match consumer.roll_back(now, &mut rng) {
                RolledBack::Again(until) => {
                    seen.push(until.since(now).0 / 1_000);
                    now = until;
                }
                RolledBack::Poison(all, _) => break assert_eq!(all.len(), 1),
                RolledBack::Nothing => panic!("it had received something"),
            }
        }
        assert_eq!(seen, waits, "{policy:?}");
    }
}

#[test]
fn chance_varies_a_wait_within_its_bounds_a3() {
    let policy = RedeliveryPolicy { collision_avoidance_percent: Some(15), ..RedeliveryPolicy::default() };
    let mut rng = Rng::new(5, Stream::Workload);
    let waits: Vec<u64> = (0..200).map(|_| policy.vary(span(1_000), &mut rng).0 / 1_000).collect();
    assert!(waits.iter().all(|wait| (850..=1_150).contains(wait)));
    assert!(waits.iter().any(|wait| *wait < 950) && waits.iter().any(|wait| *wait > 1_050));
    assert_eq!(RedeliveryPolicy::default().vary(span(1_000), &mut rng), span(1_000));
}

#[test]
fn a_transaction_comes_back_as_a_whole_in_its_order_and_for_ever_where_there_is_no_limit_a3() {
    let mut broker = plain();
    broker.consume_on(START, TWO, "q", "").expect("attached");
    send(&mut broker, START, "q", "m1 m2 m3");
    let policy = RedeliveryPolicy { maximum_redeliveries: None, ..RedeliveryPolicy::default() };
    let mut consumer = MessageConsumer::new(policy);
    pushed(&mut broker).into_iter().for_each(|delivered| consumer.pushed(delivered));
    let (mut now, mut rng) = (START, Rng::new(1, Stream::Workload));
    for round in 1..=20 {
        for name in ["m1", "m2"] {
            let got = consumer.receive(now).expect("it has waited long enough");
            assert_eq!((word(&got.delivered.message).as_str(), got.delivery_count()), (name, round));
        }
        let RolledBack::Again(until) = consumer.roll_back(now, &mut rng) else { panic!("without end") };
        now = until;
    }
    assert_eq!(consumer.receive(now).map(|got| word(&got.delivered.message)), Some("m1".into()));
    assert_eq!(consumer.commit().len(), 1);
    // Who leaves gives back what it had: the next knows that it was tried.
    broker.host_mut().close_channel(now, TWO).expect("closes");
    broker.consume_on(now, ONE, "q", "").expect("attached");
    let counts: Vec<u32> = pushed(&mut broker).iter().map(|delivered| delivered.count).collect();
    assert_eq!(counts, [2, 2, 2]);
}

/// Seen of ActiveMQ 5.17.2: what a connection had only prefetched when it was closed comes to others unmarked, from queues
/// and durable subscriptions alike; also after a restart of the broker.
#[test]
fn only_what_its_program_saw_is_marked_when_a_client_leaves_a3() {
    for (in_order, restarted, counts) in [
        (true, false, "m1*2 m2*1 m3*1"),
        (true, true, "m1*2 m2*1 m3*1"),
        // A connection that breaks says nothing: each may have been seen.
        (false, false, "m1*2 m2*2 m3*2"),
        (false, true, "m1*2 m2*2 m3*2"),
    ] {
        let mut broker = plain();
        let name = |text: &str| Name::new(text).expect("a legal name");
        let own = (&name("client"), &name("audit"));
        broker.consume_on(START, ONE, "q", "").expect("attached");
        broker.subscribe_durably(START, ONE, own, "T", "").expect("subscribed");
        send(&mut broker, START, "q", "m1 m2 m3");
        for word in ["m1", "m2", "m3"] {
            broker.publish(START, "T", Message::new(word)).expect("published");
        }
        let all = pushed(&mut broker);
        for first in all.iter().filter(|delivered| word(&delivered.message) == "m1") {
            broker.host_mut().seen(START, first.handle).expect("it has it");
        }
        if in_order {
            broker.leave(START, ONE).expect("memory does not fail");
        } else {
            broker.host_mut().close_channel(START, ONE).expect("memory does not fail");
        }
        if restarted {
            broker.host_mut().flush().expect("memory does not fail");
            let disk = broker.close().expect("memory does not fail");
            broker = Broker::open(disk, DestinationPolicy::default(), START).expect("it is a store");
        }
        broker.host_mut().open_channel(START, ONE, ChannelOptions::default()).expect("opens");
        broker.host_mut().open_channel(START, TWO, ChannelOptions::default()).expect("opens");
        broker.consume_on(START, TWO, "q", "").expect("attached");
        assert_eq!(counted(&mut broker), counts, "a queue");
        broker.subscribe_durably(START, ONE, own, "T", "").expect("subscribed");
        assert_eq!(counted(&mut broker), counts, "a durable subscription");
    }
}

/// What was pushed, and how often each was.
fn counted(broker: &mut Store) -> String {
    let told = |got: &Delivered| format!("{}*{}", word(&got.message), got.count);
    pushed(broker).iter().map(told).collect::<Vec<_>>().join(" ")
}
