//! What a broker says that will not do something, and what its clients make of it: they ask again, or give up.

use std::sync::Arc;

use mqlab_core::broker::{Broker, HostLayout, Input, Message, Out, Reads, Reply, Request, Settings, View};
use mqlab_core::client::{Producer, Subscriber, Target};
use mqlab_core::ids::{MessageId, Name, NodeId};
use mqlab_core::log::memory::MemoryStorage;
use mqlab_core::message::Message as Payload;
use mqlab_core::observe::{Event, QueueEvent, Refusal};
use mqlab_core::queue::{ConsumerOptions, Overflow, QueueOptions};
use mqlab_core::record::{BatchBuilder, Batches};
use mqlab_core::routing::{
    Binding, Declaration, Destination, ExchangeKind, ExchangeName, ExchangeOptions, KEY_BYTES_MAX,
};
use mqlab_core::time::{Span, Time};
use mqlab_core::vhost::Subscription;

const BROKER: NodeId = NodeId::Broker(1);
/// So often a client is let speak, whatever it does.
const ROUNDS: usize = 300;

fn name(text: &str) -> Name {
    Name::new(text).expect("a legal name")
}

fn exchange(text: &str) -> ExchangeName {
    text.parse().expect("a legal name")
}

fn view() -> Arc<View> {
    let declared = |text: &str, kind, internal| Declaration {
        name: exchange(text),
        options: ExchangeOptions { internal, ..ExchangeOptions::new(kind) },
    };
    let narrow = QueueOptions { length_max: Some(1), overflow: Overflow::Block, ..QueueOptions::default() };
    let layout = HostLayout {
        queues: vec![(name("q"), QueueOptions::default()), (name("narrow"), narrow)],
        exchanges: vec![
            declared("x", ExchangeKind::Fanout, false),
            declared("inside", ExchangeKind::Fanout, true),
            declared("topic", ExchangeKind::Topic, false),
        ],
        bindings: vec![Binding::new(exchange("x"), Destination::Queue(name("q")), "")],
        ..HostLayout::default()
    };
    let exchanges = ["x", "inside", "topic"].map(|text| (exchange(text), BROKER));
    Arc::new(View {
        version: 1,
        queues: [(name("q"), BROKER), (name("narrow"), BROKER)].into(),
        exchanges: exchanges.into(),
        hosts: [(BROKER, Arc::new(layout))].into(),
        ..View::default()
    })
}

/// A broker whose answers come at once.
struct Desk(Broker<MemoryStorage>);

impl Desk {
    fn new() -> Self {
        let broker = Broker::new(BROKER, 1, Settings::default(), MemoryStorage::default());
        let mut desk = Self(broker.expect("memory does not fail"));
        desk.hand(Time::ZERO, NodeId::Controller, Message::Cluster(view()));
        desk
    }

    fn hand(&mut self, now: Time, from: NodeId, message: Message) -> Vec<Message> {
        let mut out = Out::default();
        self.0.handle(now, Input::Message { from, message }, &mut out);
        self.0.settle(now, &mut out).expect("no client stops a broker");
        let to_client = out.sends.into_iter().filter(|envelope| envelope.to == from);
        to_client.map(|envelope| envelope.message.load().expect("memory does not fail")).collect()
    }

    fn ask(&mut self, from: NodeId, request: Request) -> Reply {
        let mut answers = self.hand(Time::ZERO, from, Message::Request(1, request)).into_iter();
        let reply = |message| if let Message::Reply(1, reply) = message { Some(reply) } else { None };
        answers.find_map(reply).expect("every request is answered")
    }

    /// Lets a client talk to the broker until a moment; returns what happened to it, and how often it asked.
    fn talk(
        &mut self,
        me: NodeId,
        until: Time,
        mut client: impl FnMut(Time, Input, &mut Out) -> Option<Time>,
    ) -> (Vec<Event>, usize) {
        let (mut events, mut asked, mut now) = (Vec::new(), 0, Time::ZERO);
        for _ in 0..ROUNDS {
            if now > until {
                break;
            }
            let mut out = Out::default();
            let mut wakes = client(now, Input::Wake, &mut out);
            for _ in 0..ROUNDS {
                if out.sends.is_empty() {
                    break;
                }
                let sends = std::mem::take(&mut out.sends);
                asked += sends.len();
                for envelope in sends {
                    for message in self.hand(now, me, envelope.message) {
                        wakes = client(now, Input::Message { from: BROKER, message }, &mut out);
                    }
                }
            }
            events.extend(out.events);
            let Some(at) = wakes else { break };
            now = at.max(now + Span(1));
        }
        (events, asked)
    }
}

fn batch(keys: &[&str]) -> Batches {
    let mut builder = BatchBuilder::new();
    for (id, key) in (1..).zip(keys) {
        let message = Payload::new("x").with_routing_key(key);
        builder.push(&message.to_record(0).with_id(MessageId(id))).expect("a small batch");
    }
    builder.build()
}

fn publish(to: &str, keys: &[&str]) -> Request {
    Request::Publish { exchange: exchange(to), mandatory: false, retain: false, batches: batch(keys) }
}

fn subscribe(subscription: Subscription) -> Request {
    Request::Subscribe { reads: Reads::Topic(subscription), options: ConsumerOptions::default() }
}

#[test]
fn each_refusal_says_what_is_wrong() {
    let mut desk = Desk::new();
    let (shop, reader) = (NodeId::Producer(1), NodeId::Consumer(1));
    let long = "k".repeat(KEY_BYTES_MAX + 1);
    let topic = |text: &str| Subscription::new(text, "#").expect("a legal name");
    let durable = || topic("topic").durable("audit").expect("a legal name");
    assert!(matches!(desk.ask(reader, subscribe(durable())), Reply::Subscribed { .. }));

    // A message that is at fault is refused alone.
    let refused =
        |reply| if let Reply::Published { refused } = reply { refused } else { panic!("{reply:?}") };
    assert_eq!(refused(desk.ask(shop, publish("inside", &["a"]))), [(0, Refusal::Denied)]);
    assert_eq!(refused(desk.ask(shop, publish("x", &["a", &long, "b"]))), [(1, Refusal::Invalid)]);
    assert_eq!(desk.0.host().queue("q").map(|queue| queue.stats().ready), Some(2));

    let nobody = Request::Send { queue: name("nobody"), batches: batch(&[""]) };
    let nameless = Subscription { durable: true, ..topic("topic") };
    let table: [(NodeId, Request, Refusal); 8] = [
        (shop, publish("nowhere", &["a"]), Refusal::Unknown),
        (shop, nobody, Refusal::Unknown),
        (NodeId::Consumer(2), subscribe(durable()), Refusal::InUse),
        (reader, subscribe(topic("nowhere")), Refusal::Unknown),
        (reader, subscribe(nameless), Refusal::Invalid),
        (reader, Request::Ping { queue: name("nobody") }, Refusal::Unknown),
        (NodeId::Consumer(3), Request::Ping { queue: name("q") }, Refusal::NotAMember),
        (shop, Request::Alive { incarnation: 1, version: 1 }, Refusal::Unsupported),
    ];
    for (from, request, expected) in table {
        let said = format!("{request:?}");
        let Reply::Refused(why) = desk.ask(from, request) else { panic!("{said} is refused") };
        assert_eq!(why, expected, "{said}");
    }
}

#[test]
fn a_producer_gives_up_what_can_never_be_stored_and_goes_on_with_the_rest() {
    let long = "k".repeat(KEY_BYTES_MAX + 1);
    for (to, keys, stored) in [("x", ["a", &long, "b"], 2), ("inside", ["a", "b", "c"], 0)] {
        let mut desk = Desk::new();
        let target = Target::Exchange { name: exchange(to), mandatory: false, retain: false };
        let mut producer = Producer::new(Settings::default(), target, vec![BROKER]);
        let mut out = Out::default();
        for (id, key) in (1..).zip(keys) {
            let record = Payload::new("x").with_routing_key(key).to_record(0);
            producer.send(Time::ZERO, MessageId(id), record, &mut out).expect("a small message");
        }
        // The first words were said: begin anew, with what it holds.
        let mut first = Some(out);
        let (events, asked) = desk.talk(NodeId::Producer(1), Time(60_000_000), |now, input, out| {
            if let Some(said) = first.take() {
                out.sends.extend(said.sends);
            }
            producer.handle(now, input, out);
            producer.next_wakeup()
        });
        let gave_up = |event: &&Event| matches!(event, Event::Queue(QueueEvent::GaveUp { .. }));
        let told = |event: &&Event| matches!(event, Event::Acknowledged { .. });
        assert_eq!(events.iter().filter(gave_up).count(), 3 - stored, "{to}: {events:?}");
        let told = events.iter().filter(told).map(|event| event.messages().len()).sum::<usize>();
        assert_eq!(told, stored, "{to}: {events:?}");
        assert_eq!(producer.unstored().count(), 0);
        assert_eq!(std::iter::from_fn(|| producer.take_given_up()).count(), 3 - stored);
        assert!(asked < 10, "it does not ask for ever: {asked}");
    }
}

#[test]
fn a_subscriber_that_is_refused_for_good_does_not_ask_again() {
    let nameless = Subscription { durable: true, ..Subscription::new("topic", "#").expect("a legal name") };
    let waits = Subscription::new("nowhere", "#").expect("a legal name");
    for (subscription, refused) in [(nameless, Some(Refusal::Invalid)), (waits, None)] {
        let mut desk = Desk::new();
        let (reads, options) = (Reads::Topic(subscription), ConsumerOptions::default());
        let mut subscriber = Subscriber::new(Settings::default(), reads, options, vec![BROKER]);
        let (_, asked) = desk.talk(NodeId::Consumer(1), Time(60_000_000), |now, input, out| {
            subscriber.handle(now, input, out);
            subscriber.next_wakeup()
        });
        assert_eq!(subscriber.refused(), refused);
        assert_eq!(asked < 10, refused.is_some(), "it asked {asked} times");
    }
}

#[test]
fn a_sign_of_life_does_not_put_off_the_end_of_a_wait() {
    let mut desk = Desk::new();
    let client = NodeId::Consumer(1);
    let reads = Reads::Queue(name("q"));
    desk.ask(client, Request::Subscribe { reads, options: ConsumerOptions::default() });
    let send = || Message::Request(2, Request::Send { queue: name("narrow"), batches: batch(&[""]) });
    let told_to_wait =
        |said: Vec<Message>| said.iter().any(|message| matches!(message, Message::Flow { blocked: true }));
    assert!(told_to_wait(desk.hand(Time::ZERO, client, send())), "it filled the queue");
    assert!(told_to_wait(desk.hand(Time::ZERO, client, send())), "the queue is full");
    let ping = Message::Request(3, Request::Ping { queue: name("q") });
    assert!(!told_to_wait(desk.hand(Time(1_000), client, ping)));
}
