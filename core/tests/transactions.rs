//! What a broker answers to the steps of a transaction: together, not at all, and never twice.

use TransactionState::{Committed, Open, RolledBack};
use mqlab_core::broker::{
    Broker, Delivery, HostLayout, Input, Message, Out, Reads, Reply, Request, Settings, Settlement,
    TransactionState, TransactionStep, View,
};
use mqlab_core::client::{Staged, Standing, Transacted};
use mqlab_core::ids::{MessageId, Name, NodeId, Offset};
use mqlab_core::log::memory::MemoryStorage;
use mqlab_core::message::Message as Payload;
use mqlab_core::observe::{Event, Place, QueueEvent, Refusal};
use mqlab_core::queue::{ConsumerOptions, Overflow, QueueOptions};
use mqlab_core::record::{BatchBuilder, Batches};
use mqlab_core::time::Time;
use std::sync::Arc;

const BROKER: NodeId = NodeId::Broker(1);
const DESK: NodeId = NodeId::Consumer(1);
const SHOP: NodeId = NodeId::Producer(1);

fn name(text: &str) -> Name {
    Name::new(text).expect("a legal name")
}

fn batch(id: u64, key: &str) -> Batches {
    let message = Payload::new(format!("{key} {id}")).with_id(MessageId(id)).with_routing_key(key);
    let mut batch = BatchBuilder::new();
    batch.push(&message.to_record(0)).expect("a small one");
    batch.build()
}

/// A broker with a queue of orders, one for parcels, and two that hold one message: a narrow one asks
/// to wait, a strict one refuses.
struct Desk {
    broker: Broker<MemoryStorage>,
    now: Time,
    requests: u64,
    /// The number of the desk's subscription.
    session: u64,
    /// What the desk had delivered: tag and message.
    had: Vec<(u64, u64)>,
    events: Vec<Event>,
    /// What was said to the desk without being asked: whether it has to wait.
    flow: Vec<bool>,
}

impl Desk {
    /// The desk has subscribed, and two orders, 1 and 2, are delivered to it.
    fn new() -> Self {
        let broker = Broker::new(BROKER, 1, Settings::default(), MemoryStorage::default());
        let broker = broker.expect("an empty disk opens");
        let (had, events, flow) = Default::default();
        let mut desk = Self { broker, now: Time::ZERO, requests: 0, session: 0, had, events, flow };
        desk.lay_out();
        desk.subscribe();
        for order in [1, 2] {
            desk.ask(SHOP, Request::Send { queue: name("orders"), batches: batch(order, "orders") });
        }
        assert_eq!(desk.had, [(1, 1), (2, 2)]);
        desk.events.clear();
        desk
    }

    fn lay_out(&mut self) {
        let narrow =
            QueueOptions { length_max: Some(1), overflow: Overflow::Block, ..QueueOptions::default() };
        let plain = QueueOptions::default();
        let strict = QueueOptions { overflow: Overflow::RejectPublish, ..narrow.clone() };
        let queues = [("orders", plain.clone()), ("parcels", plain), ("narrow", narrow), ("strict", strict)];
        let layout = HostLayout {
            queues: queues.into_iter().map(|(queue, options)| (name(queue), options)).collect(),
            ..HostLayout::default()
        };
        let view = View { version: 1, hosts: [(BROKER, Arc::new(layout))].into(), ..View::default() };
        let learn = Message::Cluster(Arc::new(view));
        self.hand(Input::Message { from: NodeId::Controller, message: learn });
    }

    fn hand(&mut self, input: Input) -> Vec<(NodeId, Message)> {
        let mut out = Out::default();
        self.broker.handle(self.now, input, &mut out);
        self.broker.settle(self.now, &mut out).expect("memory does not fail");
        self.events.append(&mut out.events);
        let loaded = out.sends.into_iter().map(|sent| (sent.to, sent.message.load().expect("it is there")));
        let all: Vec<(NodeId, Message)> = loaded.collect();
        for (to, message) in all.iter().filter(|(to, _)| *to == DESK) {
            match message {
                Message::Deliver(Delivery { tag, message, .. }) => {
                    self.had.push((*tag, message.id().expect("it has one").0));
                }
                Message::Flow { blocked } => self.flow.push(*blocked),
                Message::Reply(..) => {}
                other => panic!("{to} hears {other:?}"),
            }
        }
        all
    }

    fn ask(&mut self, from: NodeId, request: Request) -> Reply {
        self.requests += 1;
        let message = Message::Request(self.requests, request);
        let said = self.hand(Input::Message { from, message });
        let mut replies = said.into_iter().filter_map(|(_, message)| match message {
            Message::Reply(id, reply) if id == self.requests => Some(reply),
            _ => None,
        });
        replies.next().expect("every request is answered")
    }

    fn subscribe(&mut self) {
        let request =
            Request::Subscribe { reads: Reads::Queue(name("orders")), options: ConsumerOptions::default() };
        assert!(matches!(self.ask(DESK, request), Reply::Subscribed { .. }));
        self.session = self.requests;
    }

    /// A step of the desk's, and the answer.
    fn step(&mut self, number: u64, step: TransactionStep) -> Result<TransactionState, Refusal> {
        match self.ask(DESK, Request::Transaction { number, step }) {
            Reply::Transaction(state) => Ok(state),
            Reply::Refused(why) => Err(why),
            other => panic!("{other:?}"),
        }
    }

    fn begin(&mut self, number: u64) {
        assert_eq!(self.step(number, TransactionStep::Begin), Ok(Open { parts: 0 }));
    }

    fn publish(&mut self, number: u64, id: u64, to: &str) -> Result<TransactionState, Refusal> {
        let exchange = Default::default();
        self.step(number, TransactionStep::Publish { exchange, batches: batch(id, to) })
    }

    fn settle(&mut self, number: u64, tag: u64) -> Result<TransactionState, Refusal> {
        let (queue, session, how) = (name("orders"), self.session, Settlement::Done);
        self.step(number, TransactionStep::Settle { queue, session, tag, how })
    }

    /// A delivery as the desk's client has it.
    fn delivered(&self, tag: u64) -> Staged {
        let record = Payload::new("an order").to_record_at(Offset(tag), 0);
        Staged { from: Place::Queue(name("orders")), record, delivery: 1, session: self.session, tag }
    }

    fn commit(&mut self, number: u64, parts: u32) -> Result<TransactionState, Refusal> {
        self.step(number, TransactionStep::Commit { parts })
    }

    /// How many messages a queue has, delivered ones too.
    fn held(&self, queue: &str) -> u64 {
        let stats = self.broker.host().queue(queue).expect("it is there").stats();
        stats.ready + stats.unacked
    }

    /// What was told of transactions since the last time.
    fn told(&mut self) -> Vec<String> {
        let of = |event: &Event| {
            matches!(
                event,
                Event::Queue(
                    QueueEvent::TransactionCommitted { .. } | QueueEvent::TransactionRolledBack { .. }
                )
            )
        };
        self.events.drain(..).filter(of).map(|event| event.to_string()).collect()
    }
}

#[test]
fn nothing_is_there_before_the_commit_and_all_of_it_after() {
    let mut desk = Desk::new();
    desk.begin(1);
    assert_eq!(desk.publish(1, 11, "parcels"), Ok(Open { parts: 1 }));
    assert_eq!(desk.settle(1, 1), Ok(Open { parts: 2 }));
    assert_eq!((desk.held("orders"), desk.held("parcels")), (2, 0));
    assert_eq!(desk.commit(1, 2), Ok(Committed { refused: Vec::new() }));
    assert_eq!((desk.held("orders"), desk.held("parcels")), (1, 1));
    // That it is committed is told before anything that comes of it.
    let first = desk.events.iter().position(|event| matches!(event, Event::Settled { .. })).expect("settled");
    assert!(matches!(desk.events[first - 1], Event::Queue(QueueEvent::TransactionCommitted { .. })));
    assert_eq!(desk.told(), ["committed for consumer-1: m1 done, m11 sent"]);
    // Outside a transaction the client's word holds at once.
    let (tags, session) = (vec![2], desk.session);
    let done = Message::Settle { queue: name("orders"), session, tags, how: Settlement::Done };
    desk.hand(Input::Message { from: DESK, message: done });
    assert_eq!(desk.held("orders"), 0);
}

#[test]
fn a_second_commit_is_answered_and_not_done() {
    let mut desk = Desk::new();
    desk.begin(1);
    desk.publish(1, 11, "parcels").expect("it is open");
    let committed = Ok(Committed { refused: Vec::new() });
    assert_eq!(desk.commit(1, 1), committed);
    assert_eq!(desk.commit(1, 1), committed, "the first answer was lost");
    assert_eq!((desk.held("parcels"), desk.told().len()), (1, 1));
    // Neither goes anything on that was committed, nor is it undone.
    assert_eq!(desk.publish(1, 12, "parcels"), Err(Refusal::NotAMember));
    assert_eq!(desk.step(1, TransactionStep::Rollback), Err(Refusal::NotAMember));
    // After the connection nobody knows any more, and nobody pretends to.
    desk.hand(Input::HangUp { peer: DESK });
    assert_eq!(desk.commit(1, 1), Err(Refusal::NotAMember));
    assert_eq!(desk.held("parcels"), 1);
}

#[test]
fn a_rollback_leaves_everything_as_it_was() {
    let mut desk = Desk::new();
    desk.begin(1);
    desk.publish(1, 11, "parcels").expect("it is open");
    desk.settle(1, 1).expect("its own delivery");
    assert_eq!(desk.step(1, TransactionStep::Rollback), Ok(RolledBack));
    assert_eq!((desk.held("orders"), desk.held("parcels")), (2, 0));
    assert_eq!(desk.told(), ["rolled back for consumer-1, as it asked: m11 never sent"]);
    assert_eq!(desk.commit(1, 2), Err(Refusal::NotAMember));
    // The delivery is still its own: it may try again with the same one.
    desk.begin(2);
    desk.settle(2, 1).expect("its own delivery");
    assert_eq!(desk.commit(2, 1), Ok(Committed { refused: Vec::new() }));
    assert_eq!(desk.held("orders"), 1);
}

#[test]
fn whoever_is_gone_is_rolled_back_and_its_delivery_comes_again() {
    let gone: [fn(&mut Desk); 3] = [
        |desk| {
            desk.hand(Input::HangUp { peer: DESK });
        },
        // It subscribes anew, because it was lost from sight for a while.
        Desk::subscribe,
        // It falls silent.
        |desk| {
            desk.now = desk.now + Settings::default().consumer_session;
            desk.hand(Input::Wake);
        },
    ];
    for (case, leave) in gone.into_iter().enumerate() {
        let mut desk = Desk::new();
        desk.begin(1);
        desk.publish(1, 11, "parcels").expect("it is open");
        desk.settle(1, 1).expect("its own delivery");
        leave(&mut desk);
        assert_eq!(
            desk.told(),
            ["rolled back what consumer-1 left unfinished: m11 never sent"],
            "case {case}"
        );
        assert_eq!((desk.held("orders"), desk.held("parcels")), (2, 0), "case {case}");
        // A part that was under way begins nothing new, and is not done on its own.
        assert_eq!(desk.publish(1, 12, "parcels"), Err(Refusal::NotAMember), "case {case}");
        assert_eq!(desk.commit(1, 3), Err(Refusal::NotAMember), "case {case}");
        assert_eq!(desk.held("parcels"), 0, "case {case}");
        // Nor does what it had from the old subscription belong in a transaction of the new one.
        let old = desk.session;
        desk.had.clear();
        desk.subscribe();
        desk.begin(2);
        let new = std::mem::replace(&mut desk.session, old);
        assert_eq!((desk.settle(2, 1), new > old), (Err(Refusal::UnknownDelivery), true), "case {case}");
        assert_eq!(desk.had.iter().map(|(_, order)| *order).collect::<Vec<_>>(), [1, 2], "case {case}");
    }
}

#[test]
fn a_broker_that_dies_remembers_no_transaction() {
    let mut desk = Desk::new();
    desk.begin(1);
    desk.publish(1, 11, "parcels").expect("it is open");
    desk.settle(1, 1).expect("its own delivery");
    let Desk { broker, .. } = desk;
    let disk = broker.into_storage().expect("memory closes");
    let again = Broker::new(BROKER, 2, Settings::default(), disk).expect("its disk opens");
    let (had, events, flow) = Default::default();
    let mut desk = Desk { broker: again, now: Time(1), requests: 0, session: 0, had, events, flow };
    assert_eq!(desk.commit(1, 2), Err(Refusal::NotAMember));
    assert_eq!((desk.held("orders"), desk.held("parcels")), (2, 0));
    // Whoever begins one before it knows that its subscription is gone finds it rolled back when it subscribes: what it
    // says of the new deliveries is no part of it.
    desk.lay_out();
    desk.begin(2);
    desk.publish(2, 11, "parcels").expect("it is open");
    desk.subscribe();
    assert_eq!(desk.told(), ["rolled back what consumer-1 left unfinished: m11 never sent"]);
    let (tags, session) = (vec![1], desk.session);
    let done = Message::Settle { queue: name("orders"), session, tags, how: Settlement::Done };
    desk.hand(Input::Message { from: DESK, message: done });
    assert_eq!((desk.held("orders"), desk.held("parcels")), (1, 0));
}

#[test]
fn another_number_of_parts_is_not_committed() {
    let mut desk = Desk::new();
    desk.begin(1);
    desk.settle(1, 1).expect("its own delivery");
    for parts in [0, 2, u32::MAX] {
        assert_eq!(desk.commit(1, parts), Err(Refusal::Incomplete), "{parts}");
    }
    assert_eq!((desk.held("orders"), desk.told()), (2, Vec::new()));
    // It is open as before. What is not its delivery is no part, and another transaction's part neither.
    assert_eq!(desk.settle(1, 7), Err(Refusal::UnknownDelivery));
    assert_eq!(desk.settle(1, 1), Err(Refusal::UnknownDelivery), "it waits already");
    assert_eq!(desk.publish(2, 11, "parcels"), Err(Refusal::NotAMember));
    assert_eq!(desk.publish(1, 11, "parcels"), Ok(Open { parts: 2 }));
    // What a client says outside of it would be taken for a part: it is refused, or counted.
    let send = Request::Send { queue: name("parcels"), batches: batch(12, "parcels") };
    assert!(matches!(desk.ask(DESK, send), Reply::Refused(Refusal::Invalid)));
    let (tags, session) = (vec![2], desk.session);
    let done = Message::Settle { queue: name("orders"), session, tags, how: Settlement::Done };
    desk.hand(Input::Message { from: DESK, message: done });
    assert_eq!(desk.commit(1, 2), Err(Refusal::Incomplete));
    assert_eq!(desk.commit(1, 3), Ok(Committed { refused: Vec::new() }));
    assert_eq!((desk.held("orders"), desk.held("parcels")), (0, 1));
}

#[test]
fn whoever_begins_anew_has_rolled_back() {
    let mut desk = Desk::new();
    desk.begin(5);
    desk.publish(5, 11, "parcels").expect("it is open");
    // Also with a lower number: a client that was started anew counts from 1.
    desk.begin(1);
    assert_eq!(desk.told(), ["rolled back what consumer-1 left unfinished: m11 never sent"]);
    assert_eq!(desk.commit(5, 1), Err(Refusal::NotAMember));
    desk.publish(1, 12, "parcels").expect("it is open");
    assert_eq!(desk.commit(1, 1), Ok(Committed { refused: Vec::new() }));
    assert_eq!(desk.held("parcels"), 1);
}

#[test]
fn a_full_queue_that_blocks_refuses_the_commit_and_it_can_be_tried_again() {
    let mut desk = Desk::new();
    desk.ask(SHOP, Request::Send { queue: name("narrow"), batches: batch(9, "narrow") });
    desk.begin(1);
    desk.publish(1, 11, "parcels").expect("it is open");
    desk.publish(1, 12, "narrow").expect("it is open");
    desk.settle(1, 1).expect("its own delivery");
    assert_eq!(desk.commit(1, 3), Err(Refusal::Blocked));
    assert_eq!((desk.held("orders"), desk.held("parcels"), desk.held("narrow")), (2, 0, 1));
    assert_eq!(desk.flow, [true]);
    // Somebody takes what is there.
    let reads = Reads::Queue(name("narrow"));
    desk.ask(NodeId::Consumer(2), Request::Subscribe { reads, options: ConsumerOptions::default() });
    assert_eq!(desk.flow, [true, false], "it hears that there is room");
    assert_eq!(desk.commit(1, 3), Ok(Committed { refused: Vec::new() }));
    assert_eq!((desk.held("orders"), desk.held("parcels")), (1, 1));
}

#[test]
fn a_message_that_fits_no_queue_is_told_of_and_one_that_is_refused_too() {
    let mut desk = Desk::new();
    desk.begin(1);
    desk.publish(1, 11, "nowhere").expect("it is open");
    assert_eq!(desk.commit(1, 1), Ok(Committed { refused: Vec::new() }));
    let lost = |event: &Event| {
        matches!(event, Event::Queue(QueueEvent::Unroutable { message: MessageId(11), returned: false, .. }))
    };
    assert!(desk.events.iter().any(lost), "{:?}", desk.events);
    // A queue that refuses rather than to let wait does so alone, and its place is named.
    desk.begin(2);
    for id in [12, 13] {
        desk.publish(2, id, "strict").expect("it is open");
    }
    desk.told();
    assert_eq!(desk.commit(2, 2), Ok(Committed { refused: vec![1] }));
    assert_eq!(desk.told(), ["committed for consumer-1: - done, m12 sent"]);
}

/// The desk's client against the broker, as far as answers arrive.
fn drive(desk: &mut Desk, client: &mut Transacted, out: Out, lose: bool) -> Out {
    let mut next = Out::default();
    for envelope in out.sends {
        for (to, message) in desk.hand(Input::Message { from: DESK, message: envelope.message }) {
            if to == DESK && !lose {
                client.handle(desk.now, &Input::Message { from: BROKER, message }, &mut next);
            }
        }
    }
    next
}

/// A client whose transaction has a parcel and an order in it, and waits to be committed.
fn ready_to_commit(desk: &mut Desk) -> Transacted {
    let mut client = Transacted::new(Settings::default());
    let now = desk.now;
    let mut out = Out::default();
    client.begin(now, BROKER, &mut out);
    drive(desk, &mut client, core::mem::take(&mut out), false);
    let record = Payload::new("a parcel").with_routing_key("parcels").to_record(0).with_id(MessageId(11));
    client.publish(now, Default::default(), &record, &mut out).expect("a small one");
    drive(desk, &mut client, core::mem::take(&mut out), false);
    client.settle(now, &desk.delivered(1), Settlement::Done, &mut out);
    drive(desk, &mut client, core::mem::take(&mut out), false);
    assert_eq!(client.standing(), Standing::Open);
    client
}

#[test]
fn a_client_that_hears_nothing_asks_again_and_does_nothing_twice() {
    let mut desk = Desk::new();
    let mut client = ready_to_commit(&mut desk);
    let mut out = Out::default();
    client.commit(desk.now, &mut out);
    drive(&mut desk, &mut client, out, true); // the answer does not arrive
    desk.now = client.next_wakeup().expect("it waits for the answer");
    let mut out = Out::default();
    client.handle(desk.now, &Input::Wake, &mut out);
    drive(&mut desk, &mut client, out, false);
    assert_eq!((client.standing(), desk.held("parcels"), desk.told().len()), (Standing::Committed, 1, 1));
}

#[test]
fn after_a_lost_connection_a_client_does_not_pretend_to_know() {
    // The commit was under way, done or not: the client cannot tell.
    for arrives in [false, true] {
        let mut desk = Desk::new();
        let mut client = ready_to_commit(&mut desk);
        let mut out = Out::default();
        client.commit(desk.now, &mut out);
        if arrives {
            drive(&mut desk, &mut client, out, true);
        }
        client.handle(desk.now, &Input::HangUp { peer: BROKER }, &mut Out::default());
        assert_eq!(client.standing(), Standing::Unknown);
        // The delivery tells: it comes again, or it does not.
        desk.hand(Input::HangUp { peer: DESK });
        desk.had.clear();
        desk.subscribe();
        assert_eq!(desk.had.iter().any(|(_, order)| *order == 1), !arrives);
        assert_eq!(desk.held("parcels"), u64::from(arrives));
    }
    // Asked again of a broker that was started anew meanwhile, and knows nothing: neither is that an answer.
    let mut desk = Desk::new();
    let mut client = ready_to_commit(&mut desk);
    let mut out = Out::default();
    client.commit(desk.now, &mut out);
    drive(&mut desk, &mut client, out, true);
    desk.hand(Input::HangUp { peer: DESK });
    desk.now = client.next_wakeup().expect("it waits for the answer");
    let mut out = Out::default();
    client.handle(desk.now, &Input::Wake, &mut out);
    drive(&mut desk, &mut client, out, false);
    assert_eq!(client.standing(), Standing::Unknown);
    // Before the commit was asked for, there is no doubt.
    let mut client = ready_to_commit(&mut Desk::new());
    client.handle(Time(1), &Input::HangUp { peer: BROKER }, &mut Out::default());
    assert_eq!(client.standing(), Standing::Undone(Refusal::NoAnswer));
}

#[test]
fn a_client_waits_for_room_and_is_undone_where_waiting_is_in_vain() {
    let mut desk = Desk::new();
    desk.ask(SHOP, Request::Send { queue: name("narrow"), batches: batch(9, "narrow") });
    let mut client = Transacted::new(Settings::default());
    let mut out = Out::default();
    client.begin(desk.now, BROKER, &mut out);
    drive(&mut desk, &mut client, core::mem::take(&mut out), false);
    let record = Payload::new("a parcel").with_routing_key("narrow").to_record(0).with_id(MessageId(11));
    client.publish(desk.now, Default::default(), &record, &mut out).expect("a small one");
    drive(&mut desk, &mut client, core::mem::take(&mut out), false);
    client.commit(desk.now, &mut out);
    drive(&mut desk, &mut client, core::mem::take(&mut out), false);
    assert_eq!(client.standing(), Standing::Asked, "it waits");
    // It was refused, and not done: if the broker is lost now, that is known.
    let mut lost = client.clone();
    lost.handle(desk.now, &Input::HangUp { peer: BROKER }, &mut out);
    assert_eq!(lost.standing(), Standing::Undone(Refusal::NoAnswer));
    let reads = Reads::Queue(name("narrow"));
    desk.ask(NodeId::Consumer(2), Request::Subscribe { reads, options: ConsumerOptions::default() });
    let room = Input::Message { from: BROKER, message: Message::Flow { blocked: false } };
    client.handle(desk.now, &room, &mut out);
    drive(&mut desk, &mut client, core::mem::take(&mut out), false);
    assert_eq!(client.standing(), Standing::Committed);
    // A part that is refused ends it at once; so does one that is not answered.
    client.begin(desk.now, BROKER, &mut out);
    drive(&mut desk, &mut client, core::mem::take(&mut out), false);
    client.settle(desk.now, &desk.delivered(77), Settlement::Done, &mut out);
    let out = drive(&mut desk, &mut client, out, false);
    assert_eq!(client.standing(), Standing::Undone(Refusal::UnknownDelivery));
    drive(&mut desk, &mut client, out, false);
    let mut out = Out::default();
    client.begin(desk.now, BROKER, &mut out);
    drive(&mut desk, &mut client, out, true);
    let late = client.next_wakeup().expect("it waits for the answer");
    let mut out = Out::default();
    client.handle(late, &Input::Wake, &mut out);
    assert_eq!(client.standing(), Standing::Undone(Refusal::NoAnswer));
    assert!(!desk.told().is_empty());
    drive(&mut desk, &mut client, out, false);
    assert_eq!(desk.told(), ["rolled back for consumer-1, as it asked: - never sent"]);
}
