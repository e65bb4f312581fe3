//! Transactions of a channel: together, or not at all.

use super::*;
use mqlab_core::queue::Overflow;
use mqlab_core::vhost::{Publish, Rollback};

fn transacted(queues: &str) -> Host {
    let mut host = host(queues);
    let options = ChannelOptions { transactional: true, ..ChannelOptions::default() };
    host.open_channel(START, ONE, options).expect("opens");
    host
}

fn publish(host: &mut Host, queue: &str, text: &str) {
    let how = Publish { channel: ONE, mandatory: true, ..Publish::default() };
    host.publish_with(START, "", queue, Message::new(text.to_owned()), how).expect("held back");
}

fn receive(host: &mut Host, queue: &str) -> Handle {
    host.receive_on(START, ONE, queue).expect("there").expect("a message").handle
}

#[test]
fn committed_or_undone_as_a_whole() {
    let mut host = transacted("in out");
    send(&mut host, START, "in", "m1 m2 m3");
    let (first, second) = (receive(&mut host, "in"), receive(&mut host, "in"));
    host.ack(START, first).expect("its own");
    publish(&mut host, "out", "r1");
    publish(&mut host, "nowhere", "r2");
    assert_eq!((held(&host, "in"), held(&host, "out"), said(&mut host).as_str()), (3, 0, ""));
    // What is acknowledged already cannot be once more, nor otherwise.
    assert_eq!(host.ack(START, first).expect_err("settled").code(), 406);
    assert_eq!(host.nack(START, first, true).expect_err("settled").code(), 406);
    let published = host.commit_transaction(START, ONE).expect("commits");
    assert_eq!((published.queues, published.returned), (1, true));
    assert_eq!((held(&host, "in"), held(&host, "out"), said(&mut host).as_str()), (2, 1, "returned:1:r2@"));

    // AMQP's rollback keeps what was received, JMS's gives it back. What was not acknowledged stays either way.
    host.ack(START, second).expect("its own");
    publish(&mut host, "out", "never");
    host.rollback_transaction(START, ONE, Rollback::Keep).expect("undone");
    assert_eq!(
        (ready(&mut host, START, "in").as_str(), ready(&mut host, START, "out").as_str()),
        ("m3", "r1")
    );
    host.ack_until(START, on(ONE, 0)).expect("all there are");
    let third = receive(&mut host, "in");
    host.rollback_transaction(START, ONE, Rollback::Redeliver).expect("undone");
    assert_eq!(ready(&mut host, START, "in"), "m2");
    host.nack(START, third, false).expect("its own");
    host.commit_transaction(START, ONE).expect("commits");
    assert_eq!((ready(&mut host, START, "in").as_str(), host.unsettled(ONE).count()), ("m2", 0));

    // Closing undoes; other channels are in no transaction.
    let again = receive(&mut host, "in");
    host.ack(START, again).expect("its own");
    publish(&mut host, "out", "never");
    host.close_channel(START, ONE).expect("closes");
    assert_eq!((ready(&mut host, START, "in").as_str(), held(&host, "out")), ("m2", 1));
    assert_eq!(host.commit_transaction(START, TWO).expect_err("none").code(), 406);
    assert_eq!(host.rollback_transaction(START, TWO, Rollback::Keep).expect_err("none").code(), 406);
}

#[test]
fn up_to_a_message_means_those_of_which_nothing_was_said_yet() {
    let mut host = transacted("in");
    send(&mut host, START, "in", "m1 m2 m3");
    let (first, _, third) = (receive(&mut host, "in"), receive(&mut host, "in"), receive(&mut host, "in"));
    host.nack(START, first, true).expect("its own");
    host.ack_until(START, third).expect("its own");
    host.commit_transaction(START, ONE).expect("commits");
    assert_eq!(
        (ready(&mut host, START, "in").as_str(), held(&host, "in")),
        ("m1", 1),
        "what was refused came back"
    );
}

#[test]
fn what_cannot_be_published_as_a_whole_changes_nothing() {
    let mut host = transacted("in out");
    let options = QueueOptions { length_max: Some(2), overflow: Overflow::Block, ..QueueOptions::default() };
    declare(&mut host, "narrow", options);
    send(&mut host, START, "in", "m");
    send(&mut host, START, "narrow", "a");
    let got = receive(&mut host, "in");
    host.ack(START, got).expect("its own");
    for text in ["b", "c"] {
        publish(&mut host, "narrow", text);
        publish(&mut host, "out", text);
    }
    let untouched = |host: &mut Host| {
        let now = (held(host, "in"), held(host, "out"), ready(host, START, "narrow"));
        assert_eq!(now, (1, 0, "a".to_owned()));
    };
    // Each alone has room, both have not.
    assert_eq!(host.commit_transaction(START, ONE).expect_err("no room").code(), 506);
    untouched(&mut host);
    assert_eq!(said(&mut host), "");
    // An alarm that the transaction's own messages set off does not break it in the middle.
    take(&mut host, START, "narrow", 1);
    assert_eq!(said(&mut host), "room:narrow");
    host.set_memory_max(Some(1));
    host.commit_transaction(START, ONE).expect("there is room");
    assert_eq!((held(&host, "in"), held(&host, "out")), (0, 2));
    assert_eq!(
        (ready(&mut host, START, "narrow").as_str(), said(&mut host).as_str()),
        ("b c", "Blocked(Memory)")
    );
    publish(&mut host, "out", "d");
    assert_eq!(host.commit_transaction(START, ONE).expect_err("an alarm is on").code(), 506);
    // Deleting what is too much ends it.
    for queue in ["narrow", "out"] {
        host.delete_queue(START, queue).expect("deleted");
    }
    assert_eq!(said(&mut host), "room:narrow Unblocked(Memory)");
    // An exchange that is gone.
    let how = Publish { channel: ONE, ..Publish::default() };
    host.publish_with(START, "nowhere", "k", Message::new("m"), how).expect("held back");
    assert_eq!(host.commit_transaction(START, ONE).expect_err("no exchange").code(), 404);
    host.rollback_transaction(START, ONE, Rollback::Keep).expect("undone");
    host.commit_transaction(START, ONE).expect("nothing to do");
}
