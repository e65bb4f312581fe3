//! A producer with several requests on the way: how many, in which order what failed goes again, and what overtakes.

use std::sync::Arc;

use mqlab_core::broker::{Envelope, Input, Message, Out, Reply, Request, RequestId, Settings, View};
use mqlab_core::client::{Producer, Target};
use mqlab_core::ids::{MessageId, Name, NodeId};
use mqlab_core::observe::{Event, Refusal};
use mqlab_core::record::NewRecord;
use mqlab_core::time::Time;

const BROKER: NodeId = NodeId::Broker(1);

/// A request, and the numbers of its messages.
type Sent = (RequestId, Vec<u64>);

struct Desk {
    producer: Producer,
    now: Time,
    stored: Vec<u64>,
}

impl Desk {
    /// A producer that knows where its queue is, and may have so many requests on the way.
    fn new(in_flight_max: u32) -> Self {
        let queue = Name::new("q").expect("a legal name");
        let mut view = View { version: 1, ..View::default() };
        view.queues.insert(queue.clone(), BROKER);
        let settings = Settings { in_flight_max, ..Settings::default() };
        let producer = Producer::new(settings, Target::Queue(queue), [BROKER].into());
        let mut desk = Self { producer, now: Time::ZERO, stored: Vec::new() };
        let mut out = Out::default();
        desk.producer.handle(Time::ZERO, Input::Wake, &mut out);
        let asked = out.sends.iter().find_map(|envelope| match envelope.message {
            Message::Request(id, Request::Metadata) => Some(id),
            _ => None,
        });
        desk.reply(asked.expect("it asks where its queue is"), Reply::Cluster(Arc::new(view)));
        desk
    }

    fn hand(&mut self, input: Input) -> Vec<Sent> {
        let mut out = Out::default();
        self.producer.handle(self.now, input, &mut out);
        self.look(out)
    }

    fn look(&mut self, out: Out) -> Vec<Sent> {
        let told = out.events.iter().filter(|event| matches!(event, Event::Acknowledged { .. }));
        self.stored.extend(told.flat_map(Event::messages).map(|message| message.0));
        out.sends.iter().filter_map(publish).collect()
    }

    fn reply(&mut self, id: RequestId, reply: Reply) -> Vec<Sent> {
        self.hand(Input::Message { from: BROKER, message: Message::Reply(id, reply) })
    }

    fn stored(&mut self, id: RequestId) -> Vec<Sent> {
        self.reply(id, Reply::Published { refused: Vec::new() })
    }

    fn send(&mut self, message: u64) -> Vec<Sent> {
        let mut out = Out::default();
        let sent = self.producer.send(self.now, MessageId(message), NewRecord::default(), &mut out);
        sent.expect("a small message");
        self.look(out)
    }

    /// Sends messages one after the other; returns the requests that go.
    fn send_all(&mut self, messages: impl IntoIterator<Item = u64>) -> Vec<RequestId> {
        messages.into_iter().flat_map(|message| self.send(message)).map(|(id, _)| id).collect()
    }

    /// Waits until it does something by itself; returns what it sends then.
    fn wake(&mut self) -> Vec<Vec<u64>> {
        self.now = self.producer.next_wakeup().expect("it has something to do");
        self.hand(Input::Wake).into_iter().map(|(_, messages)| messages).collect()
    }
}

fn publish(envelope: &Envelope) -> Option<Sent> {
    let Message::Request(id, Request::Send { batches, .. }) = &envelope.message else { return None };
    Some((*id, batches.records().filter_map(|record| record.message_id()).map(|id| id.0).collect()))
}

fn messages(sent: Vec<Sent>) -> Vec<Vec<u64>> {
    sent.into_iter().map(|(_, messages)| messages).collect()
}

#[test]
fn as_many_requests_go_as_may_be_on_the_way_and_the_rest_goes_together() {
    let mut desk = Desk::new(3);
    let ids = desk.send_all(1..=8);
    assert_eq!(ids.len(), 3, "one message each: nothing waited");
    assert_eq!(messages(desk.stored(ids[0])), [[4, 5, 6, 7, 8]]);
    assert_eq!(messages(desk.stored(ids[1])), [[0; 0]; 0]);
    assert_eq!(messages(desk.send(9)), [[9]]);
    assert_eq!(desk.stored, [1, 2]);
}

#[test]
fn what_is_refused_goes_next_and_is_overtaken_by_what_was_on_the_way() {
    let mut desk = Desk::new(4);
    let ids = desk.send_all(1..=6);
    desk.reply(ids[1], Reply::Refused(Refusal::Full));
    desk.reply(ids[0], Reply::Refused(Refusal::Full));
    assert_eq!(messages(desk.stored(ids[2])), [[0; 0]; 0], "it pauses after a refusal");
    assert_eq!(desk.wake(), [[1, 2, 5, 6]], "in the old order, and before all that never went");
    desk.stored(ids[3]);
    assert_eq!(desk.stored, [3, 4]);
}

#[test]
fn a_broken_connection_loses_all_that_was_on_the_way_and_one_request_tries_it_again() {
    let mut desk = Desk::new(4);
    let ids = desk.send_all(1..=40);
    desk.stored(ids[0]);
    desk.reply(ids[1], Reply::Refused(Refusal::Full));
    desk.hand(Input::HangUp { peer: BROKER });
    // An answer that was on the way is too late: it is not known what the others became.
    desk.stored(ids[2]);
    assert_eq!(desk.stored, [1]);
    // It asks where its queue is now, and goes on where it was.
    let mut tries = Vec::new();
    while tries.is_empty() {
        tries = desk.wake();
    }
    assert_eq!(tries, [(2..=17).collect::<Vec<u64>>()], "one alone, before anything is heard");
}

#[test]
fn nobody_answers_in_time_and_the_order_is_kept() {
    let mut desk = Desk::new(2);
    desk.send_all(1..=3);
    desk.now = Time::ZERO + Settings::default().request_timeout;
    desk.hand(Input::Wake);
    let mut tries = Vec::new();
    while tries.is_empty() {
        tries = desk.wake();
    }
    assert_eq!(tries, [[1, 2, 3]]);
}
