//! A broker is told what stands on it: what agrees with its disk is there, what does not stops it and leaves no trace.

use std::sync::Arc;

use mqlab_core::broker::{
    Broker, BrokerError, Declared, HostLayout, Input, Message, Out, Reads, Reply, Request, Settings,
    Settlement, View,
};
use mqlab_core::ids::{Name, NodeId};
use mqlab_core::log::memory::MemoryStorage;
use mqlab_core::log::{LogError, SliceOf};
use mqlab_core::observe::{Event, QueueEvent, Refusal};
use mqlab_core::queue::{ConsumerOptions, QueueOptions};
use mqlab_core::routing::{
    Binding, Declaration, Destination, ExchangeKind, ExchangeName, ExchangeOptions, RouteError,
};
use mqlab_core::time::Time;
use mqlab_core::vhost::VhostError;

const ME: NodeId = NodeId::Broker(1);

type Settled = Result<(), BrokerError<core::convert::Infallible>>;

fn name(text: &str) -> Name {
    Name::new(text).expect("a legal name")
}

fn exchange(text: &str) -> ExchangeName {
    text.parse().expect("a legal name")
}

fn declaration(text: &str, kind: ExchangeKind) -> Declaration {
    let options = ExchangeOptions { durable: true, ..ExchangeOptions::new(kind) };
    Declaration { name: exchange(text), options }
}

/// A queue, an exchange, and a binding between them.
fn layout() -> HostLayout {
    HostLayout {
        queues: vec![(name("q"), QueueOptions::default())],
        exchanges: vec![declaration("x", ExchangeKind::Topic)],
        bindings: vec![Binding::new(exchange("x"), Destination::Queue(name("q")), "a.#")],
        ..HostLayout::default()
    }
}

fn hand(
    broker: &mut Broker<MemoryStorage>,
    from: NodeId,
    message: Message,
) -> (Settled, Out<SliceOf<MemoryStorage>>) {
    let mut out = Out::default();
    broker.handle(Time::ZERO, Input::Message { from, message }, &mut out);
    (broker.settle(Time::ZERO, &mut out), out)
}

fn tell(broker: &mut Broker<MemoryStorage>, version: u64, layout: HostLayout) -> Settled {
    let view = View { version, hosts: [(ME, Arc::new(layout))].into(), ..View::default() };
    hand(broker, NodeId::Controller, Message::Cluster(Arc::new(view))).0
}

fn started(storage: MemoryStorage) -> Broker<MemoryStorage> {
    Broker::new(ME, 1, Settings::default(), storage).expect("memory does not fail")
}

fn limited() -> QueueOptions {
    QueueOptions { length_max: Some(3), ..QueueOptions::default() }
}

#[test]
fn a_layout_that_disagrees_stops_the_broker_and_leaves_no_trace() {
    // Each with something new before what is refused, which must not be there afterwards.
    let new = || (name("new"), QueueOptions::default());
    let mut other_queue = layout();
    other_queue.queues = vec![new(), (name("q"), limited())];
    let mut other_exchange = layout();
    other_exchange.queues.insert(0, new());
    other_exchange.exchanges =
        vec![declaration("new", ExchangeKind::Fanout), declaration("x", ExchangeKind::Direct)];
    let mut no_queue = layout();
    no_queue.queues.insert(0, new());
    let dangling = Binding::new(exchange("x"), Destination::Queue(name("gone")), "a");
    no_queue.bindings.push(dangling.clone());
    let mut reserved = layout();
    reserved.queues = vec![new(), (name("amq.q"), QueueOptions::default())];
    let mut twice = layout();
    twice.queues = vec![new(), (name("new"), limited())];

    let cases = [
        (other_queue, Declared::Queue(name("q")), VhostError::Different(name("q"))),
        (
            other_exchange,
            Declared::Exchange(exchange("x")),
            VhostError::Route(RouteError::Different(exchange("x"))),
        ),
        (no_queue, Declared::Binding(dangling), VhostError::Route(RouteError::NoQueue(name("gone")))),
        (
            reserved,
            Declared::Queue(name("amq.q")),
            VhostError::Route(RouteError::Reserved(exchange("amq.q"))),
        ),
        (twice, Declared::Queue(name("new")), VhostError::Different(name("new"))),
    ];
    for (wanted, what, error) in cases {
        let mut broker = started(MemoryStorage::default());
        assert_eq!(tell(&mut broker, 1, layout()), Ok(()));
        // The same disk in the next life.
        let mut broker = started(broker.into_storage().expect("memory does not fail"));
        let refused = tell(&mut broker, 2, wanted).expect_err("it disagrees");
        assert_eq!(refused, BrokerError::Layout { what, error });
        assert_eq!(refused.refusal(), Refusal::Different);
        assert!(refused.to_string().contains(':'), "it says what to do: {refused}");

        assert_eq!(broker.view().version, 0, "the view is not taken over");
        let host = broker.host();
        assert_eq!(host.queues().map(|queue| queue.name().as_str()).collect::<Vec<_>>(), ["q"]);
        assert!(host.router().exchange(&exchange("new")).is_none());
        assert_eq!(host.router().bindings().count(), 1);
        assert_eq!(host.queue("q").map(|queue| queue.options().length_max), Some(None));

        // What agrees is still welcome, also after the refusal and in the life after it.
        let mut broker = started(broker.into_storage().expect("memory does not fail"));
        assert_eq!(tell(&mut broker, 3, layout()), Ok(()));
    }
}

#[test]
fn a_word_about_a_delivery_that_is_not_there_is_told() {
    let mut broker = started(MemoryStorage::default());
    assert_eq!(tell(&mut broker, 1, layout()), Ok(()));
    let me = NodeId::Consumer(1);
    let subscribe =
        Request::Subscribe { reads: Reads::Queue(name("q")), options: ConsumerOptions::default() };
    let (_, out) = hand(&mut broker, me, Message::Request(1, subscribe));
    assert!(matches!(out.sends[0].message, Message::Reply(1, Reply::Subscribed { .. })));
    let word = Message::Settle { queue: name("q"), session: 1, tags: vec![9], how: Settlement::Done };
    let (settled, out) = hand(&mut broker, me, word);
    assert_eq!(settled, Ok(()), "a client's mistake does not stop a broker");
    let why = Refusal::UnknownDelivery;
    assert_eq!(out.events, [Event::Queue(QueueEvent::NotSettled { queue: name("q"), by: me, why })]);
}

#[test]
fn what_the_broker_says_of_itself_names_what_to_do() {
    let failed = BrokerError::<core::convert::Infallible>::from(LogError::Refusing);
    assert_eq!(failed.refusal(), Refusal::Storage);
    assert!(failed.to_string().starts_with("the broker's storage failed: "), "{failed}");
}
