//! A producer that is asked to wait: it is silent, does not keep its host busy, begins small again, and does not wait
//! for ever for a word that was lost.

use std::sync::Arc;

use mqlab_core::broker::{Input, Message, Out, Reply, Request, RequestId, Settings, View};
use mqlab_core::client::{Producer, Target};
use mqlab_core::ids::{MessageId, Name, NodeId};
use mqlab_core::observe::{Event, Refusal};
use mqlab_core::record::NewRecord;
use mqlab_core::time::Time;

const BROKER: NodeId = NodeId::Broker(1);
/// No batches.
const NONE: [(RequestId, usize); 0] = [];

struct Desk {
    producer: Producer,
    sent: u64,
}

impl Desk {
    /// A producer that knows where its queue is.
    fn new() -> Self {
        let queue = Name::new("q").expect("a legal name");
        let mut view = View { version: 1, ..View::default() };
        view.queues.insert(queue.clone(), BROKER);
        let producer = Producer::new(Settings::default(), Target::Queue(queue), [BROKER].into());
        let mut desk = Self { producer, sent: 0 };
        let asked = desk.hand(0, Input::Wake);
        let Some((id, _)) = asked.sends.iter().find_map(request) else {
            panic!("it asks where its queue is")
        };
        desk.reply(0, id, Reply::Cluster(Arc::new(view)));
        desk
    }

    fn hand(&mut self, at: u64, input: Input) -> Out {
        let mut out = Out::default();
        self.producer.handle(Time(at), input, &mut out);
        out
    }

    fn reply(&mut self, at: u64, id: RequestId, reply: Reply) -> Out {
        self.hand(at, Input::Message { from: BROKER, message: Message::Reply(id, reply) })
    }

    fn flow(&mut self, at: u64, blocked: bool) -> Out {
        self.hand(at, Input::Message { from: BROKER, message: Message::Flow { blocked } })
    }

    /// Lets it send so many messages; returns the batches that go at once.
    fn send(&mut self, at: u64, count: u64) -> Vec<(RequestId, usize)> {
        let mut out = Out::default();
        for _ in 0..count {
            self.sent += 1;
            let sent = self.producer.send(Time(at), MessageId(self.sent), NewRecord::default(), &mut out);
            sent.expect("a small message");
        }
        batches(&out)
    }
}

fn request(envelope: &mqlab_core::broker::Envelope) -> Option<(RequestId, &Request)> {
    let Message::Request(id, request) = &envelope.message else { return None };
    Some((*id, request))
}

/// The batches that are sent: the request, and how many messages.
fn batches(out: &Out) -> Vec<(RequestId, usize)> {
    let sends = out.sends.iter().filter_map(request);
    let sends = sends.filter_map(|(id, request)| match request {
        Request::Send { batches, .. } => Some((id, batches.records().count())),
        _ => None,
    });
    sends.collect()
}

#[test]
fn who_is_asked_to_wait_is_silent_until_it_may_go_on_and_begins_small() {
    let mut desk = Desk::new();
    let [(first, 1)] = desk.send(1_000, 1)[..] else { panic!("the first goes at once") };
    assert_eq!(desk.send(1_000, 39), NONE, "one request at a time");
    assert_eq!(batches(&desk.flow(2_000, true)), NONE);
    let refused = desk.reply(2_000, first, Reply::Refused(Refusal::Blocked));
    assert!(
        refused.events.iter().any(|event| matches!(event, Event::NotStored { why: Refusal::Blocked, .. }))
    );
    assert_eq!(batches(&refused), NONE);
    assert_eq!(
        batches(&desk.hand(20_000, Input::Wake)),
        NONE,
        "the pause after a refusal is over, the word holds"
    );
    let wakes = desk.producer.next_wakeup().expect("it looks again");
    assert!(wakes > Time(20_000), "it does not keep its host busy: {wakes}");
    // It goes on with one message, then two, four, and so on, up to a whole batch.
    let mut out = desk.flow(30_000, false);
    for most in [1, 2, 4, 8, 16, 9] {
        let [(id, count)] = batches(&out)[..] else { panic!("one batch") };
        assert_eq!(count, most);
        out = desk.reply(31_000, id, Reply::Published { refused: Vec::new() });
    }
    assert_eq!(desk.producer.unstored().count(), 0);
}

#[test]
fn a_lost_word_is_not_waited_for_for_ever() {
    let mut desk = Desk::new();
    desk.flow(1_000, true);
    assert_eq!(desk.send(1_000, 3), NONE);
    let wakes = desk.producer.next_wakeup().expect("it looks again");
    assert_eq!(wakes, Time(1_000) + Settings::default().request_timeout);
    assert!(matches!(batches(&desk.hand(wakes.0, Input::Wake))[..], [(_, 1)]), "one message, to see");
}

#[test]
fn what_did_not_fit_of_a_batch_waits_like_all_the_rest() {
    let mut desk = Desk::new();
    let [(first, 1)] = desk.send(1_000, 1)[..] else { panic!("the first goes at once") };
    desk.send(1_000, 4);
    let out = desk.reply(2_000, first, Reply::Published { refused: Vec::new() });
    let [(second, 4)] = batches(&out)[..] else { panic!("the others go together") };
    desk.flow(3_000, true);
    let out = desk.reply(
        3_000,
        second,
        Reply::Published { refused: vec![(2, Refusal::Blocked), (3, Refusal::Blocked)] },
    );
    let why: Vec<Refusal> = out
        .events
        .iter()
        .filter_map(|event| if let Event::NotStored { why, .. } = event { Some(*why) } else { None })
        .collect();
    assert_eq!(why, [Refusal::Blocked; 2]);
    let left: Vec<u64> = desk.producer.unstored().map(|(id, _)| id.0).collect();
    assert_eq!(left, [4, 5]);
}
