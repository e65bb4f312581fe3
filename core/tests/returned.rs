//! A mandatory message that comes back: its producer knows that nothing took it, and does not take an older answer for
//! this one's.

use std::sync::Arc;

use mqlab_core::broker::{Input, Message, Out, Reply, Request, RequestId, Settings, View};
use mqlab_core::client::{Producer, Target};
use mqlab_core::ids::{MessageId, NodeId};
use mqlab_core::observe::{Event, QueueEvent};
use mqlab_core::record::NewRecord;
use mqlab_core::time::Time;

const BROKER: NodeId = NodeId::Broker(1);

/// A producer that knows where its exchange is, and has sent one message and then two more; the first request.
fn desk() -> (Producer, RequestId) {
    let name: mqlab_core::routing::ExchangeName = "x".parse().expect("a legal name");
    let mut view = View { version: 1, ..View::default() };
    view.exchanges.insert(name.clone(), BROKER);
    let to = Target::Exchange { name, mandatory: true, retain: false };
    let mut producer = Producer::new(Settings::default(), to, [BROKER].into());
    let asked = hand(&mut producer, 0, Input::Wake);
    let Some(Message::Request(id, Request::Metadata)) = asked.sends.first().map(|first| &first.message)
    else {
        panic!("it asks where its exchange is")
    };
    let cluster = Message::Reply(*id, Reply::Cluster(Arc::new(view)));
    hand(&mut producer, 0, Input::Message { from: BROKER, message: cluster });
    let mut out = Out::default();
    for id in 1..=3 {
        producer.send(Time(1_000), MessageId(id), NewRecord::default(), &mut out).expect("a small message");
    }
    (producer, publish(&out))
}

fn hand(producer: &mut Producer, at: u64, input: Input) -> Out {
    let mut out = Out::default();
    producer.handle(Time(at), input, &mut out);
    out
}

/// The request by which it publishes.
fn publish(out: &Out) -> RequestId {
    let mut requests = out.sends.iter().filter_map(|envelope| match &envelope.message {
        Message::Request(id, Request::Publish { mandatory: true, .. }) => Some(*id),
        _ => None,
    });
    requests.next().expect("it publishes")
}

fn returned(id: u64) -> Input {
    let message = mqlab_core::message::Message::new("fax").with_id(MessageId(id));
    Input::Message { from: BROKER, message: Message::Returned(message) }
}

fn answer(id: RequestId) -> Input {
    Input::Message { from: BROKER, message: Message::Reply(id, Reply::Published { refused: Vec::new() }) }
}

/// What a producer heard: the message, and whether it is stored.
fn heard(out: &Out) -> Vec<(u64, bool)> {
    let told = |event: &Event| match event {
        Event::Acknowledged { .. } => Some(true),
        Event::Queue(QueueEvent::Returned { .. }) => Some(false),
        _ => None,
    };
    let told = out.events.iter().filter_map(|event| Some((event.messages(), told(event)?)));
    told.flat_map(|(messages, stored)| messages.iter().map(move |message| (message.0, stored))).collect()
}

#[test]
fn what_came_back_before_the_answer_is_not_stored() {
    let (mut producer, first) = desk();
    let second = publish(&hand(&mut producer, 2_000, answer(first)));
    assert_eq!(heard(&hand(&mut producer, 3_000, returned(3))), [], "the answer tells");
    assert_eq!(heard(&hand(&mut producer, 3_000, answer(second))), [(2, true), (3, false)]);
    assert_eq!(producer.unstored().count(), 0, "it is not tried again");
}

#[test]
fn what_came_back_of_a_try_that_was_given_up_says_nothing_of_the_next() {
    let (mut producer, first) = desk();
    let late = Settings::default().request_timeout.0 + 1_000;
    hand(&mut producer, late, Input::Wake);
    let next = late + Settings::default().retry_backoff.0;
    let second = publish(&hand(&mut producer, next, Input::Wake));
    // The first answer comes after all; by the second try a queue is bound.
    hand(&mut producer, next + 1, returned(1));
    assert_eq!(heard(&hand(&mut producer, next + 1, answer(first))), []);
    assert_eq!(heard(&hand(&mut producer, next + 2, answer(second))), [(1, true), (2, true), (3, true)]);
    // A connection that broke takes with it what was half said.
    let (mut producer, _) = desk();
    hand(&mut producer, 2_000, returned(1));
    hand(&mut producer, 2_000, Input::HangUp { peer: BROKER });
    let again = 2_000 + Settings::default().retry_backoff.0;
    let third = publish(&hand(&mut producer, again, Input::Wake));
    assert_eq!(heard(&hand(&mut producer, again + 1, answer(third)))[0], (1, true));
}
