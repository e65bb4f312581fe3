//! Credit flow, counted to the message: a broker whose queue needs a while to take each message in reads 400 of a
//! connection, and 200 more whenever 200 were taken.

use std::collections::VecDeque;
use std::sync::Arc;

use mqlab_core::broker::{
    Broker, HostLayout, Input, Message, Out, Reads, Reply, Request, RequestId, Settings, Untaken, View,
};
use mqlab_core::ids::{MessageId, Name, NodeId};
use mqlab_core::log::SliceOf;
use mqlab_core::log::memory::MemoryStorage;
use mqlab_core::observe::{Event, Place, QueueEvent, Refusal};
use mqlab_core::queue::{AckMode, ConsumerOptions, Overflow, QueueOptions};
use mqlab_core::record::{BatchBuilder, NewRecord};
use mqlab_core::time::{Span, Time};
use mqlab_core::vhost::{INITIAL_CREDIT, MORE_CREDIT_AFTER};
use proptest::prelude::*;

const BROKER: NodeId = NodeId::Broker(1);
const FAST: NodeId = NodeId::Producer(1);
const SLOW: NodeId = NodeId::Producer(2);
/// How long the queue needs for one message.
const INTAKE: u64 = 100;
/// The bytes of a message's body.
const BYTES: u64 = 10;

fn queue() -> Name {
    Name::new("q").expect("a legal name")
}

fn settings() -> Settings {
    Settings { intake: Span(INTAKE), ..Settings::default() }
}

/// What a broker said: answers, in order, and who went into flow (`true`) or out of it.
#[derive(Debug, Default, PartialEq)]
struct Said {
    answered: Vec<(NodeId, RequestId)>,
    refused: Vec<(NodeId, RequestId, Refusal)>,
    flow: Vec<(NodeId, bool, u64)>,
    delivered: Vec<u64>,
}

struct Desk {
    broker: Broker<MemoryStorage>,
    now: Time,
    sent: u64,
}

impl Desk {
    fn new(settings: Settings, layout: HostLayout) -> Self {
        Self::over(MemoryStorage::default(), settings, layout)
    }

    fn plain() -> Self {
        Self::new(settings(), HostLayout::default())
    }

    /// A broker with one queue; of the layout its options of a queue, and its limits, are taken.
    fn over(storage: MemoryStorage, settings: Settings, mut layout: HostLayout) -> Self {
        let broker = Broker::new(BROKER, 1, settings, storage).expect("memory does not fail");
        let mut desk = Self { broker, now: Time::ZERO, sent: 0 };
        if layout.queues.is_empty() {
            layout.queues.push((queue(), QueueOptions::default()));
        }
        let mut view = View { version: 1, ..View::default() };
        view.hosts.insert(BROKER, Arc::new(layout));
        desk.hear(NodeId::Controller, Message::Cluster(Arc::new(view)));
        desk
    }

    fn hand(&mut self, input: Input) -> Said {
        let mut out: Out<SliceOf<MemoryStorage>> = Out::default();
        self.broker.handle(self.now, input, &mut out);
        self.broker.settle(self.now, &mut out).expect("memory does not fail");
        let mut said = Said::default();
        for envelope in out.sends {
            match envelope.message {
                Message::Reply(id, Reply::Refused(why)) => said.refused.push((envelope.to, id, why)),
                Message::Reply(id, Reply::Published { refused }) if refused.is_empty() => {
                    said.answered.push((envelope.to, id));
                }
                Message::Reply(id, _) => said.answered.push((envelope.to, id)),
                Message::Deliver(delivery) => said.delivered.extend(delivery.message.id().map(|id| id.0)),
                _ => {}
            }
        }
        for event in out.events {
            match event {
                Event::Queue(QueueEvent::InFlow { client, waiting }) => {
                    said.flow.push((client, true, waiting))
                }
                Event::Queue(QueueEvent::OutOfFlow { client, waiting }) => {
                    said.flow.push((client, false, waiting));
                }
                _ => {}
            }
        }
        said
    }

    fn hear(&mut self, from: NodeId, message: Message) -> Said {
        self.hand(Input::Message { from, message })
    }

    /// A producer publishes so many messages in one request.
    fn publish(&mut self, from: NodeId, id: RequestId, messages: u64) -> Said {
        let mut batch = BatchBuilder::new();
        for _ in 0..messages {
            self.sent += 1;
            let value = Some(vec![b'.'; BYTES as usize].into());
            let record = NewRecord { value, ..NewRecord::default() }.with_id(MessageId(self.sent));
            batch.push(&record).expect("a batch has room for so few");
        }
        self.hear(from, Message::Request(id, Request::Send { queue: queue(), batches: batch.build() }))
    }

    /// Lets the queue take in the next messages, each when it is due.
    fn take(&mut self, messages: u64) -> Said {
        let mut all = Said::default();
        for _ in 0..messages {
            self.now = self.broker.next_wakeup().expect("something waits to be taken in");
            let said = self.hand(Input::Wake);
            all.answered.extend(said.answered);
            all.refused.extend(said.refused);
            all.flow.extend(said.flow);
            all.delivered.extend(said.delivered);
        }
        all
    }

    fn held(&self) -> u64 {
        self.broker.host().queue("q").expect("it is there").stats().held
    }

    fn credit(&self, client: NodeId) -> u32 {
        self.broker.credit_of(client).expect("it is connected")
    }
}

#[test]
fn four_hundred_are_read_and_two_hundred_more_when_two_hundred_were_taken() {
    let mut desk = Desk::plain();
    assert_eq!(desk.publish(FAST, 1, 150), Said::default(), "nothing is stored yet, so nothing is said");
    assert_eq!((desk.credit(FAST), desk.held()), (250, 0));
    desk.publish(FAST, 2, 150);
    let said = desk.publish(FAST, 3, 150);
    assert_eq!(said.flow, [(FAST, true, 400)], "the third request is read up to its hundredth message");
    assert_eq!(desk.credit(FAST), 0);
    assert_eq!(desk.broker.untaken(), Untaken { messages: 400, bytes: 400 * BYTES });
    assert!(desk.broker.in_flow().eq([FAST]));
    // What comes now is not read, whatever it is.
    assert_eq!(desk.hear(FAST, Message::Request(4, Request::Metadata)), Said::default());

    let said = desk.take(199);
    assert_eq!(desk.now, Time(199 * INTAKE), "one message each time");
    assert_eq!((said.answered, said.flow), (vec![(FAST, 1)], vec![]));
    assert_eq!((desk.credit(FAST), desk.held()), (0, 199));
    let said = desk.take(1);
    assert_eq!(said.flow, [(FAST, false, 200)]);
    assert_eq!(desk.credit(FAST), 150, "two hundred more, and fifty are spent at once");
    assert_eq!(desk.broker.untaken().messages, 250);
    assert_eq!(said.answered, [(FAST, 4)], "what waited behind is read, too");
    let said = desk.take(250);
    assert_eq!(said.answered, [(FAST, 2), (FAST, 3)]);
    assert_eq!((desk.credit(FAST), desk.held()), (350, 450));
    assert_eq!(desk.broker.untaken(), Untaken::default());
}

#[test]
fn only_who_is_fast_is_in_flow() {
    let mut desk = Desk::plain();
    desk.publish(FAST, 1, 1_000);
    desk.publish(SLOW, 1, 3);
    assert!(desk.broker.in_flow().eq([FAST]));
    assert_eq!((desk.credit(FAST), desk.credit(SLOW)), (0, 397));
    let answered = desk.hear(SLOW, Message::Request(2, Request::Metadata)).answered;
    assert_eq!(answered, [(SLOW, 2)], "the other one is heard");
    // Its messages wait behind the four hundred that were read before, and behind no more of them.
    assert_eq!(desk.take(402).answered, []);
    assert_eq!(desk.take(1).answered, [(SLOW, 1)]);
    assert!(desk.broker.in_flow().eq([FAST]));
}

#[test]
fn without_credit_everything_is_read() {
    let mut desk = Desk::new(Settings { credit_flow: (0, 0), ..settings() }, HostLayout::default());
    for id in 1..=5 {
        assert_eq!(desk.publish(FAST, id, 1_000), Said::default());
    }
    assert_eq!(desk.broker.untaken(), Untaken { messages: 5_000, bytes: 5_000 * BYTES });
    assert_eq!((desk.broker.credit_of(FAST), desk.broker.in_flow().count()), (None, 0));
}

#[test]
fn a_queue_that_needs_no_time_has_no_mailbox() {
    let mut desk = Desk::new(Settings::default(), HostLayout::default());
    assert_eq!(desk.publish(FAST, 1, 1_000).answered, [(FAST, 1)]);
    assert_eq!((desk.held(), desk.broker.untaken()), (1_000, Untaken::default()));
}

#[test]
fn what_waits_in_the_mailbox_is_gone_when_the_broker_dies() {
    let mut desk = Desk::plain();
    desk.publish(FAST, 1, 500);
    desk.take(120);
    let lost: Vec<u64> = desk
        .broker
        .in_mailboxes()
        .flat_map(|(place, messages)| {
            assert_eq!(*place, Place::Queue(queue()));
            messages.into_iter().map(|id| id.0).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(lost, (121..=400).collect::<Vec<_>>(), "the last hundred were never read");
    let storage = desk.broker.into_storage().expect("memory does not fail");
    let mut desk = Desk::over(storage, settings(), HostLayout::default());
    assert_eq!((desk.held(), desk.broker.untaken()), (120, Untaken::default()));
    // Nobody remembers the connection: it begins anew.
    desk.publish(FAST, 1, 1);
    assert_eq!(desk.credit(FAST), INITIAL_CREDIT - 1);
    assert_eq!(desk.take(1).answered, [(FAST, 1)]);
}

#[test]
fn a_connection_that_breaks_in_flow_leaves_what_was_read_and_begins_anew() {
    let mut desk = Desk::plain();
    desk.publish(FAST, 1, 450);
    assert!(desk.broker.in_flow().eq([FAST]));
    desk.hand(Input::HangUp { peer: FAST });
    assert_eq!((desk.broker.in_flow().count(), desk.broker.credit_of(FAST)), (0, None));
    desk.publish(FAST, 7, 10);
    let said = desk.take(400);
    assert_eq!(said, Said::default(), "nobody is there to be told of the first request");
    assert_eq!(desk.held(), 400, "its fifty messages that were not read are gone, all others are taken in");
    assert_eq!(desk.credit(FAST), INITIAL_CREDIT - 10, "they give no credit to who comes after");
    assert_eq!(desk.take(10).answered, [(FAST, 7)]);
}

#[test]
fn an_alarm_refuses_what_is_new_and_lets_the_queue_empty_its_mailbox() {
    let limits = HostLayout { memory_max: Some(100 * BYTES), ..HostLayout::default() };
    let mut desk = Desk::new(settings(), limits);
    desk.publish(FAST, 1, 101);
    assert!(desk.broker.host().has_alarm(), "what waits in the mailbox counts");
    assert_eq!(desk.publish(SLOW, 1, 1).refused, [(SLOW, 1, Refusal::Blocked)]);
    assert_eq!(desk.take(101).answered, [(FAST, 1)]);
    assert_eq!(desk.held(), 101);
    assert!(desk.broker.host().has_alarm(), "it is as much as before, in another place");
    let options = ConsumerOptions { ack: AckMode::Automatic, ..ConsumerOptions::default() };
    let subscribe = Request::Subscribe { reads: Reads::Queue(queue()), options };
    desk.hear(NodeId::Consumer(1), Message::Request(1, subscribe));
    assert!(!desk.broker.host().has_alarm());
    assert_eq!(desk.publish(SLOW, 2, 1).refused, []);
}

#[test]
fn a_full_queue_that_blocks_leaves_the_rest_in_its_mailbox_in_order() {
    let options = QueueOptions { length_max: Some(2), overflow: Overflow::Block, ..QueueOptions::default() };
    let mut desk =
        Desk::new(settings(), HostLayout { queues: vec![(queue(), options)], ..HostLayout::default() });
    desk.publish(FAST, 1, 3);
    desk.publish(SLOW, 1, 2);
    assert_eq!(desk.take(20), Said::default(), "it is tried now and then, and nothing overtakes");
    assert_eq!((desk.held(), desk.broker.untaken().messages), (2, 3));
    let options = ConsumerOptions { ack: AckMode::Automatic, ..ConsumerOptions::default() };
    let subscribe = Request::Subscribe { reads: Reads::Queue(queue()), options };
    let first = desk.hear(NodeId::Consumer(1), Message::Request(1, subscribe));
    assert_eq!(first.delivered, [1, 2, 3], "there is room, and the third needs no more time");
    assert_eq!(first.answered, [(NodeId::Consumer(1), 1), (FAST, 1)]);
    let then = desk.take(2);
    assert_eq!((then.delivered, then.answered), (vec![4, 5], vec![(SLOW, 1)]));
}

/// What a random run does.
#[derive(Clone, Debug)]
enum Operation {
    /// One of two producers publishes so many messages.
    Publish(bool, u64),
    /// The queue takes in so many.
    Take(u64),
}

/// A connection as plain counts.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    sent: u64,
    read: u64,
    taken: u64,
}

impl Counts {
    /// The credit that is left, if all is read that may be.
    fn read_on(&mut self) -> u64 {
        let (first, more) = (u64::from(INITIAL_CREDIT), u64::from(MORE_CREDIT_AFTER));
        let may = first + self.taken / more * more;
        self.read = self.sent.min(may);
        may - self.read
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// The broker against counts: who may send how much, and who is in flow, after each step.
    #[test]
    fn credit_is_what_counting_says(
        operations in prop::collection::vec(
            prop_oneof![
                (any::<bool>(), 1..300_u64).prop_map(|(fast, messages)| Operation::Publish(fast, messages)),
                (1..300_u64).prop_map(Operation::Take),
            ],
            1..20,
        ),
    ) {
        let mut desk = Desk::plain();
        let mut counts = [Counts::default(); 2];
        let mut mailbox = VecDeque::new();
        let read_on = |counts: &mut [Counts; 2], who: usize, mailbox: &mut VecDeque<usize>| {
            let before = counts[who].read;
            counts[who].read_on();
            mailbox.extend((before..counts[who].read).map(|_| who));
        };
        for (id, operation) in (1..).zip(operations) {
            match operation {
                Operation::Publish(fast, messages) => {
                    let who = usize::from(!fast);
                    counts[who].sent += messages;
                    read_on(&mut counts, who, &mut mailbox);
                    desk.publish([FAST, SLOW][who], id, messages);
                }
                Operation::Take(messages) => {
                    for _ in 0..messages.min(mailbox.len() as u64) {
                        let who = mailbox.pop_front().expect("as many are there");
                        counts[who].taken += 1;
                        read_on(&mut counts, who, &mut mailbox);
                        desk.take(1);
                    }
                }
            }
            prop_assert_eq!(desk.broker.untaken().messages, mailbox.len() as u64);
            prop_assert_eq!(desk.held(), counts[0].taken + counts[1].taken);
            for (who, client) in [FAST, SLOW].into_iter().enumerate() {
                if counts[who].sent == 0 {
                    continue;
                }
                let left = counts[who].read_on();
                prop_assert_eq!(u64::from(desk.credit(client)), left);
                prop_assert_eq!(desk.broker.in_flow().any(|other| other == client), left == 0);
                prop_assert!(counts[who].read - counts[who].taken <= u64::from(INITIAL_CREDIT));
            }
        }
    }
}
