//! A stream whose members die, whose network is bad, and whose coordinator elects by the rule: what was confirmed is there,
//! once, in order; and what consumers, publishers and retention see, as tables.

use std::collections::{BTreeMap, BTreeSet};

use mqlab_core::ids::{Epoch, LogName, Name, NodeId, Offset, PartitionId};
use mqlab_core::log::faulty::FaultyStorage;
use mqlab_core::log::memory::MemoryStorage;
use mqlab_core::log::{Log, Slice, Storage};
use mqlab_core::message::Message;
use mqlab_core::rng::{Rng, Stream as Chance};
use mqlab_core::systems::rabbitmq::{OffsetSpec, Stream, StreamConfig, StreamMessage, elect, messages_of};
use mqlab_core::systems::{Input, Out};
use mqlab_core::time::{Span, Time};

type Disk = FaultyStorage<MemoryStorage>;
type Said = StreamMessage;

const COORDINATOR: NodeId = NodeId::Controller;
const CLIENT: NodeId = NodeId::Consumer(1);

fn name(text: &str) -> Name {
    Name::new(text).expect("a legal name")
}

/// A stream that is a majority alone.
struct Alone {
    stream: Stream<Disk>,
    now: Time,
    next: u64,
}

impl Alone {
    fn new(change: impl FnOnce(&mut StreamConfig)) -> Self {
        let mut config = StreamConfig::new(name("clicks"), NodeId::Broker(1));
        change(&mut config);
        let stream = Stream::open(Disk::default(), config).expect("opens");
        let mut alone = Self { stream, now: Time::ZERO, next: 0 };
        alone.say(Said::Write { epoch: Epoch(1), replicas: vec![] });
        alone
    }

    fn say(&mut self, message: Said) -> Vec<Said> {
        let mut out = Out::default();
        self.stream.handle(self.now, Input::Message { from: CLIENT, message }, &mut out);
        self.stream.settle(self.now, &mut out).expect("no failure");
        out.sends.into_iter().map(|(_, said)| said.load().expect("no failure")).collect()
    }

    /// Publishes words in one chunk.
    fn publish(&mut self, words: &str) -> Vec<Said> {
        let mut messages = Vec::new();
        for word in words.split(' ') {
            self.next += 1;
            messages.push((self.next, Message::new(word.to_owned())));
        }
        self.say(Said::Publish { publisher: None, messages })
    }

    fn read(&mut self, from: OffsetSpec, credit: u32) -> String {
        words(&self.say(Said::Subscribe { tag: 1, from, credit }))
    }
}

/// The chunks that came, one after the other: `a,b c`.
fn words(said: &[Said]) -> String {
    let chunk = |said: &Said| match said {
        Said::Chunk { chunk, from, .. } => {
            let words = messages_of(chunk, *from).into_iter().map(|(_, message)| message.text().into_owned());
            Some(words.collect::<Vec<_>>().join(","))
        }
        _ => None,
    };
    said.iter().filter_map(chunk).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_consumer_begins_where_it_likes_and_gets_a_chunk_for_each_credit() {
    let mut alone = Alone::new(|_| ());
    for (at, chunk) in [(1_000, "a b"), (2_000, "c"), (3_000, "d e")] {
        alone.now = Time(at * 1_000);
        alone.publish(chunk);
    }
    let late = |millis: u64| OffsetSpec::Timestamp(Time(millis * 1_000));
    // Offset 0 is the writer's own entry.
    let table = [
        (OffsetSpec::First, 9, "a,b c d,e"),
        (OffsetSpec::First, 2, "a,b c"),
        (OffsetSpec::Last, 9, "d,e"),
        (OffsetSpec::Next, 9, ""),
        (OffsetSpec::Offset(Offset(2)), 9, "b c d,e"),
        (OffsetSpec::Offset(Offset(5)), 9, "e"),
        (OffsetSpec::Offset(Offset(99)), 9, ""),
        (late(0), 9, "a,b c d,e"),
        (late(2_000), 9, "c d,e"),
        (late(2_001), 9, "d,e"),
        (late(3_001), 9, ""),
    ];
    for (from, credit, expected) in table {
        assert_eq!(alone.read(from, credit), expected, "{from:?} with {credit}");
    }
    // Credit that is granted later is used at once; reading takes nothing out.
    assert_eq!(alone.read(OffsetSpec::First, 1), "a,b");
    assert_eq!(words(&alone.say(Said::Credit { tag: 1, credit: 1 })), "c");
    assert_eq!(words(&alone.publish("f")), "");
    assert_eq!(words(&alone.say(Said::Credit { tag: 1, credit: 5 })), "d,e f");
    assert_eq!(words(&alone.publish("g")), "g");
    alone.say(Said::Unsubscribe { tag: 1 });
    assert_eq!(words(&alone.publish("h")), "");
}

#[test]
fn a_publisher_with_a_name_is_stored_once_and_offsets_are_kept_in_the_stream() {
    let mut alone = Alone::new(|config| config.segment_bytes = 400);
    let publish = |alone: &mut Alone, ids: &[u64]| {
        let messages = ids.iter().map(|id| (*id, Message::new(format!("m{id}")))).collect();
        alone.say(Said::Publish { publisher: Some(name("p")), messages })
    };
    let confirmed = |said: &[Said]| match said {
        [Said::Confirmed { ids }] => ids.clone(),
        _ => panic!("{said:?}"),
    };
    assert_eq!(confirmed(&publish(&mut alone, &[1, 2])), [1, 2]);
    assert_eq!(confirmed(&publish(&mut alone, &[2, 3])), [2, 3], "confirmed once more, and stored once");
    assert_eq!(alone.read(OffsetSpec::First, 9), "m1,m2 m3");
    assert!(
        alone
            .say(Said::QueryOffset { reference: name("c") })
            .iter()
            .all(|said| matches!(said, Said::StoredOffset { offset: None, .. }))
    );
    alone.say(Said::StoreOffset { reference: name("c"), offset: Offset(2) });
    // A header that is the stream's own is refused.
    let own = Message::new("m").with_header("x-stream-tracking", 1);
    let refused = alone.say(Said::Publish { publisher: None, messages: vec![(9, own)] });
    assert!(matches!(&refused[..], [Said::Refused { ids }] if ids[..] == [9]));
    for id in 4..40 {
        publish(&mut alone, &[id]);
    }
    assert!(alone.stream.log().segments().len() > 3);
    // After a restart, too.
    let disk = alone.stream.close().expect("memory closes");
    alone.stream = Stream::open(disk, StreamConfig::new(name("clicks"), NodeId::Broker(1))).expect("opens");
    alone.say(Said::Write { epoch: Epoch(2), replicas: vec![] });
    let sequence = alone.say(Said::QuerySequence { publisher: name("p") });
    assert!(matches!(&sequence[..], [Said::Sequence { id: 39, .. }]), "{sequence:?}");
    let offset = alone.say(Said::QueryOffset { reference: name("c") });
    assert!(matches!(&offset[..], [Said::StoredOffset { offset: Some(Offset(2)), .. }]), "{offset:?}");
}

#[test]
fn whole_segments_go_when_there_is_too_much_or_it_is_too_old() {
    let kept = |change: fn(&mut StreamConfig)| {
        let mut alone = Alone::new(|config| {
            config.segment_bytes = 1_000;
            change(config);
        });
        for second in 1..=100_u64 {
            alone.now = Time(second * 1_000_000);
            alone.publish(&format!("{second:0>80}"));
        }
        let bytes: u64 = alone.stream.log().segments().iter().map(|segment| segment.bytes).sum();
        let first = alone.read(OffsetSpec::First, 1);
        (bytes, first.parse::<u64>().expect("a number"), alone)
    };
    let (all, first, _) = kept(|_| ());
    assert_eq!(first, 1, "nothing goes by itself");
    let (bytes, first, mut alone) = kept(|config| config.bytes_max = Some(5_000));
    assert!(bytes < all && (3_500..7_000).contains(&bytes) && first > 50, "{bytes} from {first}");
    // Who wants what is gone begins with what is left; what is known of clients is known still.
    assert_eq!(alone.read(OffsetSpec::Offset(Offset(1)), 1).parse::<u64>(), Ok(first));
    let (_, first, _) = kept(|config| config.age_max = Some(Span::from_millis(30_000)));
    assert!((56..=70).contains(&first), "the oldest is of second {first}, and it is 100 now");
}

enum Machine {
    Runs(Box<Stream<Disk>>),
    Dead(Disk),
}

/// Three or five members, a coordinator that is always right about nothing but its epochs, and one publisher.
struct World {
    members: Vec<NodeId>,
    machines: BTreeMap<NodeId, Machine>,
    mail: BTreeMap<(Time, u64), (NodeId, NodeId, Said)>,
    sent: u64,
    now: Time,
    rng: Rng,
    loss: u64,
    alone: Option<NodeId>,
    epoch: Epoch,
    tails: Vec<(NodeId, (Option<Epoch>, Offset))>,
    writer: Option<NodeId>,
    elect_at: Time,
    open: BTreeSet<u64>,
    next: u64,
    again_at: Time,
    confirmed: u64,
}

impl World {
    fn new(seed: u64, count: u16) -> Self {
        let members: Vec<NodeId> = (1..=count).map(NodeId::Broker).collect();
        let machines = members.iter().map(|&node| (node, Machine::Dead(Disk::default()))).collect();
        let mut world = Self {
            machines,
            members: members.clone(),
            mail: BTreeMap::new(),
            sent: 0,
            now: Time::ZERO,
            rng: Rng::new(seed, Chance::Workload),
            loss: 0,
            alone: None,
            epoch: Epoch(0),
            tails: Vec::new(),
            writer: None,
            elect_at: Time::ZERO,
            open: BTreeSet::new(),
            next: 0,
            again_at: Time::ZERO,
            confirmed: 0,
        };
        members.into_iter().for_each(|node| world.start(node));
        world
    }

    fn start(&mut self, node: NodeId) {
        let Some(Machine::Dead(disk)) = self.machines.get_mut(&node) else { return };
        let config = StreamConfig { segment_bytes: 2_000, ..StreamConfig::new(name("clicks"), node) };
        let stream = Stream::open(std::mem::take(disk), config).expect("opens");
        self.machines.insert(node, Machine::Runs(Box::new(stream)));
        // What was on its way to who was there before is gone with the connection.
        self.mail.retain(|_, (_, to, _)| *to != node);
        if let Some(writer) = self.writer.filter(|writer| *writer != node) {
            let copy = Said::Copy { epoch: self.epoch, writer };
            self.send(COORDINATOR, node, copy);
        } else if self.writer == Some(node) {
            self.elect_at = self.now; // it forgot that it writes
        }
    }

    fn stop(&mut self, node: NodeId) {
        match self.machines.remove(&node) {
            Some(Machine::Runs(stream)) => {
                let mut disk = stream.close().expect("memory closes");
                let rng = &mut self.rng;
                disk.cut_power(|_, tail| rng.between(0, tail)).expect("memory can be cut");
                self.machines.insert(node, Machine::Dead(disk));
                if self.writer == Some(node) {
                    self.elect_at = self.now + Span(50_000);
                }
            }
            Some(dead) => drop(self.machines.insert(node, dead)),
            None => {}
        }
    }

    fn send(&mut self, from: NodeId, to: NodeId, message: Said) {
        let cut = self.alone.is_some_and(|alone| alone == from || alone == to);
        // Members lose and double; what the coordinator says comes once, or not at all.
        let copies = match self.rng.below(100) {
            _ if cut => 0,
            chance if chance < self.loss => 0,
            chance if chance < self.loss * 2 && from != COORDINATOR => 2,
            _ => 1,
        };
        for _ in 0..copies {
            let at = self.now + Span(self.rng.between(300, 5_000));
            self.sent += 1;
            self.mail.insert((at, self.sent), (from, to, message.clone()));
        }
    }

    fn give(&mut self, node: NodeId, input: Input<Said>) {
        let Some(Machine::Runs(stream)) = self.machines.get_mut(&node) else { return };
        let mut out = Out::default();
        stream.handle(self.now, input, &mut out);
        if self.loss > 0 && self.rng.below(500) == 0 {
            return self.stop(node); // before it has flushed
        }
        stream.settle(self.now, &mut out).expect("no failure");
        for (to, message) in out.sends {
            self.send(node, to, message.load().expect("no failure"));
        }
    }

    /// An election is due: everybody is told to stop.
    fn coordinate(&mut self) {
        if self.now < self.elect_at {
            return;
        }
        self.epoch = self.epoch.next();
        (self.tails, self.writer) = (Vec::new(), None);
        self.elect_at = self.now + Span(100_000);
        for member in self.members.clone() {
            self.send(COORDINATOR, member, Said::Stop { epoch: self.epoch });
        }
    }

    fn heard(&mut self, from: NodeId, message: &Said) {
        let Said::Stopped { epoch, last_epoch, end } = message else { return };
        if *epoch != self.epoch || self.tails.iter().any(|tail| tail.0 == from) {
            return;
        }
        if let Some(writer) = self.writer {
            let copy = Said::Copy { epoch: self.epoch, writer };
            return self.send(COORDINATOR, from, copy);
        }
        self.tails.push((from, (*last_epoch, *end)));
        let Some(writer) = elect(&self.tails, self.members.len()) else { return };
        self.writer = Some(writer);
        self.elect_at = Time(u64::MAX);
        let (epoch, replicas) = (self.epoch, self.members.clone());
        self.send(COORDINATOR, writer, Said::Write { epoch, replicas });
        for member in self.members.clone().into_iter().filter(|member| *member != writer) {
            self.send(COORDINATOR, member, Said::Copy { epoch, writer });
        }
    }

    fn publish(&mut self) {
        if self.open.len() < 4 {
            self.next += 1;
            self.open.insert(self.next);
            self.again_at = self.now;
        }
        if self.now >= self.again_at && !self.open.is_empty() {
            self.again_at = self.now + Span(60_000);
            let messages = self.open.iter().map(|id| (*id, Message::new(format!("m{id}")))).collect();
            let to = self.writer.unwrap_or(NodeId::Broker(1));
            self.send(NodeId::Producer(1), to, Said::Publish { publisher: Some(name("p")), messages });
        }
    }

    fn run_until(&mut self, until: Time) {
        while self.now < until {
            let pause = Time(until.0.min(self.now.0 + 10_000));
            let mail = self.mail.first_key_value().map(|(&(at, _), _)| at).filter(|at| *at <= pause);
            if let Some(at) = mail {
                self.now = self.now.max(at);
                let (_, (from, to, message)) = self.mail.pop_first().expect("it was there");
                match to {
                    NodeId::Broker(_) => self.give(to, Input::Message { from, message }),
                    COORDINATOR => self.heard(from, &message),
                    _ => {
                        if let Said::Confirmed { ids } = message {
                            ids.iter().for_each(|id| self.confirmed += u64::from(self.open.remove(id)));
                        }
                    }
                }
                continue;
            }
            self.now = pause;
            for member in self.members.clone() {
                self.give(member, Input::Wake);
            }
            self.coordinate();
            self.publish();
        }
    }
}

#[test]
fn what_was_confirmed_is_in_the_stream_once_and_in_order_whoever_writes() {
    for seed in 0..80 {
        let mut world = World::new(seed, if seed % 3 == 0 { 5 } else { 3 });
        world.loss = 1 + world.rng.below(8);
        while world.now < Time(6_000_000) {
            let pause = world.rng.between(20_000, 200_000);
            world.run_until(world.now + Span(pause));
            let member = world.members[world.rng.below(world.members.len() as u64) as usize];
            match world.rng.below(8) {
                0 => world.stop(member),
                1..=3 => world.start(member),
                4 => {
                    world.alone = Some(member);
                    // The coordinator does not hear it either.
                    if world.writer == Some(member) {
                        world.elect_at = world.now + Span(50_000);
                    }
                }
                5 => world.elect_at = world.now, // it thinks that the writer is gone
                _ => world.alone = None,
            }
        }
        (world.loss, world.alone, world.elect_at) = (0, None, world.now);
        world.members.clone().into_iter().for_each(|member| world.start(member));
        world.run_until(Time(9_000_000));
        let sent = world.next - world.open.len() as u64;
        assert!(world.confirmed > 10, "seed {seed}: it got on");
        let mut logs = Vec::new();
        for member in world.members.clone() {
            world.stop(member);
            let Some(Machine::Dead(disk)) = world.machines.get_mut(&member) else { panic!("stopped") };
            let log = disk
                .open(&LogName::Partition(PartitionId { topic: name("clicks"), index: 0 }))
                .expect("memory opens");
            let read = log.read(log.start(), log.end(), u32::MAX).expect("there").load().expect("no failure");
            let stored: Vec<u64> = messages_of(&read, Offset(0))
                .into_iter()
                .map(|(_, message)| message.text()[1..].parse().expect("a number"))
                .collect();
            logs.push(stored);
        }
        let longest = logs.iter().max_by_key(|log| log.len()).expect("somebody");
        assert!(longest.is_sorted_by(|a, b| a < b), "seed {seed}: once, and in order");
        assert!(
            (1..=sent).all(|id| longest.binary_search(&id).is_ok()),
            "seed {seed}: all that was confirmed"
        );
        for log in &logs {
            assert!(longest.starts_with(log), "seed {seed}: all have the same");
        }
    }
}
