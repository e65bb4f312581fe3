//! A member of a quorum queue alone, which is a majority then: what it answers, and what becomes of dead letters when it
//! dies and comes back.

use crate::net::{Disk, Member, queue_name};
use mqlab_core::ids::{MessageId, NodeId, Offset};
use mqlab_core::log::memory::MemoryStorage;
use mqlab_core::message::{DeathReason, Message};
use mqlab_core::observe::{Event, QueueEvent};
use mqlab_core::rng::{Rng, Stream};
use mqlab_core::systems::rabbitmq::{DeadLetters, FifoOptions, QuorumConfig, QuorumMessage, QuorumQueue};
use mqlab_core::systems::{Input, Out};
use mqlab_core::time::{Span, Time};

type Said = QuorumMessage;

const CONSUMER: NodeId = NodeId::Consumer(1);
const PRODUCER: NodeId = NodeId::Producer(1);

struct Alone {
    member: Member,
    now: Time,
    options: FifoOptions,
    events: Vec<Event>,
    sequence: u64,
}

impl Alone {
    fn new(options: FifoOptions) -> Self {
        let member = Self::open(Disk::new(MemoryStorage::default()), &options, Offset::ZERO);
        let mut alone = Self { member, now: Time::ZERO, options, events: Vec::new(), sequence: 0 };
        alone.give(Input::Wake);
        alone
    }

    fn open(disk: Disk, options: &FifoOptions, applied: Offset) -> Member {
        let (me, options) = (NodeId::Broker(1), options.clone());
        let config = QuorumConfig { options, applied, ..QuorumConfig::new(queue_name(), me, vec![me]) };
        QuorumQueue::open(disk, config, Rng::new(1, Stream::Elections), Time::ZERO).expect("opens")
    }

    /// It dies, with what it had flushed, and is there again.
    fn restart(self) -> Self {
        let applied = self.member.applied_ever();
        self.restart_before(applied)
    }

    /// The same, as if it had died before it could do what stands in its log from there on.
    fn restart_before(self, applied: Offset) -> Self {
        let mut disk = self.member.close().expect("memory closes");
        disk.cut_power(|_, _| 0).expect("memory can be cut");
        let mut alone = Self { member: Self::open(disk, &self.options, applied), ..self };
        alone.give(Input::Wake);
        alone
    }

    fn give(&mut self, input: Input<Said>) -> Vec<Said> {
        let mut out = Out::default();
        self.member.handle(self.now, input, &mut out);
        use QuorumMessage::{Confirmed, Delivery};
        let done = |said: &(NodeId, QuorumMessage<_>)| matches!(said.1, Confirmed { .. } | Delivery { .. });
        assert!(!out.sends.iter().any(done), "nothing is done before it is flushed");
        self.member.settle(self.now, &mut out).expect("no failure");
        self.events.extend(out.events);
        out.sends.into_iter().map(|(_, said)| said.load().expect("no failure")).collect()
    }

    fn say(&mut self, from: NodeId, message: Said) -> Vec<Said> {
        self.give(Input::Message { from, message })
    }

    fn publish(&mut self, word: &'static str) -> Vec<Said> {
        self.sequence += 1;
        let message = Message::new(word).with_id(MessageId(self.sequence));
        self.say(PRODUCER, Said::Publish { sequence: self.sequence, message })
    }

    /// Asks for one message; its key and number.
    fn get(&mut self, tag: u32) -> (Offset, u64) {
        let said = self.say(CONSUMER, Said::Get { tag });
        let [Said::Consuming { .. }, Said::Delivery { key, number, .. }] = &said[..] else {
            panic!("{said:?}")
        };
        (*key, *number)
    }

    fn departed(&mut self) -> Vec<(String, DeathReason)> {
        std::iter::from_fn(|| self.member.poll_departure())
            .map(|dead| (dead.message.text().into_owned(), dead.reason))
            .collect()
    }
}

#[test]
fn dead_letters_go_again_until_they_have_arrived_where_that_is_wanted() {
    let rejected = || vec![("m1".to_owned(), DeathReason::Rejected)];
    for (dead_letters, again) in [(DeadLetters::AtLeastOnce, rejected()), (DeadLetters::AtMostOnce, vec![])] {
        let mut alone = Alone::new(FifoOptions { dead_letters, ..FifoOptions::default() });
        alone.publish("m1");
        let (key, number) = alone.get(1);
        let done = alone.say(CONSUMER, Said::Discard { key, deliveries: vec![number] });
        assert!(matches!(&done[..], [Said::Done { deliveries, .. }] if *deliveries == [number]));
        assert_eq!(alone.departed(), rejected());
        // It dies before the letter has arrived.
        let mut alone = alone.restart();
        assert_eq!(alone.departed(), again, "{dead_letters:?}");
        let mut out = Out::default();
        alone.member.buried(alone.now, 1, &mut out);
        alone.member.settle(alone.now, &mut out).expect("no failure");
        assert_eq!(alone.restart().departed(), []);
    }
}

#[test]
fn what_died_by_an_earlier_leaders_word_is_told_by_the_next_one_that_does_not_know_it_done() {
    for (dead_letters, died) in [(DeadLetters::Dropped, 1), (DeadLetters::AtMostOnce, 0)] {
        let options = FifoOptions { dead_letters, length_max: Some(1), ..FifoOptions::default() };
        let mut alone = Alone::new(options);
        alone.publish("m1");
        let before = alone.member.applied();
        alone.publish("m2"); // and m1 goes
        (_, _) = (alone.departed(), alone.events.clear());
        let mut alone = alone.restart_before(before);
        let is_death = |event: &&Event| matches!(event, Event::Queue(QueueEvent::Died { .. }));
        assert_eq!(alone.events.iter().filter(is_death).count(), died, "{dead_letters:?}");
        assert_eq!(alone.departed().len(), 1 - died, "{dead_letters:?}");
        alone.events.clear();
        let mut again = alone.restart();
        assert_eq!((again.events.iter().filter(is_death).count(), again.departed().len()), (0, 0));
    }
}

#[test]
fn the_leader_writes_down_when_the_head_has_expired() {
    let options = FifoOptions {
        ttl: Some(Span::from_millis(300)),
        dead_letters: DeadLetters::AtMostOnce,
        ..FifoOptions::default()
    };
    let mut alone = Alone::new(options);
    alone.publish("m1");
    let mut expired = Vec::new();
    while alone.now < Time(1_000_000) {
        alone.now = alone.member.next_wakeup().expect("it beats").max(alone.now + Span(1));
        let before = alone.member.applied();
        alone.give(Input::Wake);
        if !alone.departed().is_empty() {
            expired.push(alone.now);
        } else {
            assert_eq!(alone.member.applied(), before, "nothing else is written");
        }
    }
    assert_eq!(expired, [Time(300_000)]);
}

#[test]
fn what_it_answers() {
    let mut alone =
        Alone::new(FifoOptions { length_max: Some(2), reject_publish: true, ..FifoOptions::default() });
    for (word, sequence) in [("m1", 1), ("m2", 2), ("m3", 3)] {
        assert!(matches!(alone.publish(word)[..], [Said::Confirmed { sequence: own }] if own == sequence));
    }
    // Beyond the limit, and under this number for good.
    assert!(matches!(alone.publish("m4")[..], [Said::Refused { sequence: 4, never: false }]));
    let (key, number) = alone.get(1);
    let back = alone.say(CONSUMER, Said::Return { key, deliveries: vec![number], failed: true });
    assert!(matches!(&back[..], [Said::Done { .. }]), "{back:?}");
    let gone = alone.say(CONSUMER, Said::Settle { key, deliveries: vec![number] });
    assert!(matches!(&gone[..], [Said::Done { .. }]), "what is gone is answered, too");
    assert!(matches!(alone.say(CONSUMER, Said::Purge)[..], [Said::Purged { count: 3 }]));
    assert!(matches!(alone.say(CONSUMER, Said::Get { tag: 2 })[..], [Said::Empty { tag: 2 }]));
    let message = Message::new("m4").with_header("mq-own", 1);
    let refused = alone.say(PRODUCER, Said::Publish { sequence: 5, message });
    assert!(matches!(refused[..], [Said::Refused { sequence: 5, never: true }]));
    // It is remembered what became of a number, and what follows is not held up by one that was refused.
    let again = alone.say(PRODUCER, Said::Publish { sequence: 4, message: Message::new("m4") });
    assert!(matches!(again[..], [Said::Refused { sequence: 4, never: false }]));
    let skips = alone.say(PRODUCER, Said::Publish { sequence: 9, message: Message::new("m9") });
    assert!(matches!(skips[..], [Said::Missing { next: 6 }]));
    // A consumer, and the end of its connection.
    let consuming = Said::Consume { tag: 3, prefetch: 1, priority: 0, next: 0 };
    assert!(matches!(alone.say(CONSUMER, consuming)[..], [Said::Consuming { active: true, .. }]));
    alone.sequence = 5;
    assert!(matches!(&alone.publish("m4")[..], [Said::Confirmed { .. }, Said::Delivery { acquired: 0, .. }]));
    alone.give(Input::HangUp { peer: CONSUMER });
    assert_eq!((alone.member.state().ready(), alone.member.state().clients().len()), (1, 0));
    let cancelled = alone.say(CONSUMER, Said::Cancel { tag: 3 });
    assert!(matches!(cancelled[..], [Said::Cancelled { tag: 3 }]));
    let of_queues = alone.events.iter().filter(|event| !matches!(event, Event::Rabbitmq(_)));
    let told: Vec<String> = of_queues.map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "appended m1 to orders at 2",
            "appended m2 to orders at 4",
            "appended m3 to orders at 6",
            "delivered m1 from orders to consumer-1",
            "put m1 back in orders, consumer-1 gave them back",
            "appended m6 to orders at 20",
            "delivered m6 from orders to consumer-1",
            "put m6 back in orders, consumer-1 is gone",
        ]
    );
}
