//! A puller over a real broker, with crashes and power cuts between any two steps and disks that fail within them,
//! against what it must have done.

#[path = "rigged/mod.rs"]
mod rigged;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mqlab_core::broker::{
    Acks, Broker, Fetch, Input, Isolation, Message as Said, Out, PartitionState, Reply, Request, Retention,
    Settings, View,
};
use mqlab_core::client::{Commits, PullOptions, Puller, Staged, Staging, StartAt};
use mqlab_core::ids::{Epoch, MessageId, Name, NodeId, Offset, PartitionId};
use mqlab_core::log::Storage as _;
use mqlab_core::log::faulty::Fault;
use mqlab_core::log::memory::{MemorySlice, MemoryStorage};
use mqlab_core::message::Message;
use mqlab_core::observe::{Event, PullEvent, Refusal};
use mqlab_core::record::BatchBuilder;
use mqlab_core::time::{Span, Time};
use proptest::prelude::*;
use rigged::{Disk, Rigged, RiggedLog};

const BROKER: NodeId = NodeId::Broker(1);
const READER: NodeId = NodeId::Consumer(1);
const COLORS: [&str; 3] = ["red", "green", "blue"];

fn topic() -> Name {
    Name::new("orders").expect("a legal name")
}

fn partition(index: u32) -> PartitionId {
    PartitionId { topic: topic(), index }
}

/// One broker that leads two partitions.
struct Bench {
    broker: Broker<MemoryStorage>,
    now: Time,
    stored: u64,
    /// Which messages are there, with their partitions.
    all: BTreeMap<MessageId, u32>,
    events: Vec<Event>,
}

impl Bench {
    fn new(retention: Retention) -> Self {
        let new = PartitionState::new(vec![BROKER], 1);
        let state = PartitionState { leader: Some(BROKER), epoch: Epoch(1), version: 1, ..new };
        let mut view = View { version: 1, ..View::default() };
        view.partitions.extend([0, 1].map(|index| (partition(index), state.clone())));
        if retention != Retention::default() {
            view.retention.insert(topic(), retention);
        }
        let broker =
            Broker::new(BROKER, 1, Settings::default(), MemoryStorage::default()).expect("memory opens");
        let mut bench = Self { broker, now: Time::ZERO, stored: 0, all: BTreeMap::new(), events: Vec::new() };
        bench.tell(NodeId::Controller, Said::Cluster(Arc::new(view)));
        bench
    }

    /// Hands the broker something, and returns what it says to the reader.
    fn hand(&mut self, input: Input) -> Vec<Said> {
        let mut out = Out::<MemorySlice>::default();
        self.broker.handle(self.now, input, &mut out);
        self.broker.settle(self.now, &mut out).expect("memory does not fail");
        self.events.append(&mut out.events);
        let load = |envelope: mqlab_core::broker::Envelope<MemorySlice>| {
            (envelope.to == READER).then(|| envelope.message.load().expect("memory can be read"))
        };
        out.sends.into_iter().filter_map(load).collect()
    }

    fn tell(&mut self, from: NodeId, message: Said) -> Vec<Said> {
        self.hand(Input::Message { from, message })
    }

    fn ask(&mut self, request: Request) -> Vec<Reply> {
        let said = self.tell(READER, Said::Request(1, request));
        said.into_iter()
            .map(|said| if let Said::Reply(_, reply) = said { reply } else { panic!("{said:?}") })
            .collect()
    }

    /// Stores so many messages in one batch; says what that brings for a reader who waits.
    fn produce(&mut self, to: u32, count: usize) -> Vec<Said> {
        let mut batch = BatchBuilder::new();
        for _ in 0..count {
            self.stored += 1;
            let id = MessageId(self.stored);
            let color = COLORS[id.0 as usize % COLORS.len()];
            let message = Message::new("an order").with_id(id).with_header("color", color);
            batch.push(&message.to_record(self.now.as_millis() as i64)).expect("a small message");
            self.all.insert(id, to);
        }
        let request = Request::Produce { partition: partition(to), acks: Acks::None, batches: batch.build() };
        self.tell(NodeId::Producer(1), Said::Request(1, request))
    }

    fn fetch(&mut self, from: u64, filter: Option<&str>) -> Vec<Reply> {
        let filter = filter.map(|text| text.parse().expect("a selector"));
        self.ask(Request::Fetch(Fetch {
            partition: partition(0),
            from: Offset(from),
            bytes_max: u32::MAX,
            bytes_min: 0,
            wait_max: Span::ZERO,
            filter,
            rack: None,
            replica: None,
            isolation: Isolation::Uncommitted,
        }))
    }

    fn offset_for(&mut self, timestamp: i64) -> (u64, u64, u64) {
        let replies = self.ask(Request::OffsetForTime {
            partition: partition(0),
            timestamp,
            isolation: Isolation::Uncommitted,
        });
        let [Reply::OffsetForTime { offset, start, end }] = replies[..] else { panic!("{replies:?}") };
        (offset.0, start.0, end.0)
    }
}

type Log = RiggedLog;

fn open(options: &PullOptions, disk: &mut Rigged) -> Puller<Log> {
    let log = disk.open(&Puller::<Log>::log_name()).expect("memory opens");
    let settings = Settings::default();
    Puller::new(settings, options.clone(), topic(), vec![BROKER], log).expect("memory can be read")
}

#[derive(Clone, Debug)]
enum Step {
    Produce(u32, usize),
    /// What is said goes both ways, until nobody has anything to say.
    Talk,
    Take,
    Finish,
    Crash,
    CutPower,
    Pass(u64),
    /// After so many writes the puller's disk fails.
    Fail(u32, Fault),
}

fn step() -> impl Strategy<Value = Step> {
    let fault = prop_oneof![
        Just(Fault::FailAppend),
        Just(Fault::FailFlush),
        (0_usize..800).prop_map(|bytes| Fault::TearAppend { bytes }),
    ];
    prop_oneof![
        4 => (0_u32..2, 1_usize..5).prop_map(|(to, count)| Step::Produce(to, count)),
        6 => Just(Step::Talk),
        5 => Just(Step::Take),
        5 => Just(Step::Finish),
        1 => Just(Step::Crash),
        1 => Just(Step::CutPower),
        3 => (1_u64..60).prop_map(Step::Pass),
        1 => (0_u32..6, fault).prop_map(|(left, fault)| Step::Fail(left, fault)),
    ]
}

/// The puller, its disk, and what the program did.
struct Life {
    options: PullOptions,
    disk: Rigged,
    puller: Puller<Log>,
    in_hand: Vec<Staged>,
    done: BTreeMap<MessageId, u32>,
    forgotten: BTreeSet<MessageId>,
    /// Done, or at stake, when the disk failed (so often): it may say so or not.
    unsure: BTreeMap<MessageId, u32>,
    received: u64,
    recovered: u64,
    failed: bool,
    /// On their way to the puller.
    coming: Vec<Said>,
}

impl Life {
    fn talk(&mut self, bench: &mut Bench) {
        let mut input = vec![Input::Wake];
        for _ in 0..100 {
            input.extend(self.coming.drain(..).map(|message| Input::Message { from: BROKER, message }));
            if input.is_empty() {
                return;
            }
            let mut out = Out::default();
            for input in input.drain(..) {
                self.puller.handle(bench.now, input, &mut out);
            }
            for event in out.events {
                match event {
                    Event::Received { messages, .. } => self.received += messages.len() as u64,
                    Event::Pull(PullEvent::Recovered { messages }) => self.recovered += messages.len() as u64,
                    _ => {}
                }
            }
            for envelope in out.sends {
                self.coming.extend(bench.tell(READER, envelope.message));
            }
        }
        panic!("they never stop talking");
    }

    fn crash(&mut self, bench: &mut Bench, power: bool) {
        let at_stake = self.puller.at_stake().filter_map(|staged| staged.record.message_id());
        if self.puller.failure().is_some() {
            at_stake.for_each(|id| *self.unsure.entry(id).or_default() += 1);
        } else {
            self.forgotten.extend(at_stake);
        }
        self.disk.rig.after(u32::MAX, None);
        self.in_hand.clear();
        self.coming.clear();
        bench.hand(Input::HangUp { peer: READER });
        self.disk.close(&Puller::<Log>::log_name(), self.puller.clone().into_log()).expect("memory closes");
        if power {
            self.disk.disk.cut_power(|_, _| 0).expect("memory can be cut");
        }
        self.puller = open(&self.options, &mut self.disk);
    }

    fn step(&mut self, bench: &mut Bench, step: &Step) {
        match *step {
            Step::Produce(to, count) => {
                let said = bench.produce(to, count);
                self.coming.extend(said);
            }
            Step::Talk => self.talk(bench),
            Step::Take => self.in_hand.extend(self.puller.take()),
            Step::Finish => {
                // A position says nothing of what is done behind it; on its own disk each message counts for itself.
                let next =
                    if self.options.staging == Staging::Disk { self.in_hand.len().max(1) - 1 } else { 0 };
                if next < self.in_hand.len() {
                    let staged = self.in_hand.remove(next);
                    let id = staged.record.message_id().expect("it has one");
                    *self.done.entry(id).or_default() += 1;
                    self.puller.done(&[staged]);
                    if self.puller.failure().is_some() {
                        *self.unsure.entry(id).or_default() += 1;
                    }
                }
            }
            Step::Crash => self.crash(bench, false),
            Step::CutPower => self.crash(bench, true),
            Step::Pass(millis) => {
                bench.now = bench.now + Span::from_millis(millis);
                let said = bench.hand(Input::Wake);
                self.coming.extend(said);
            }
            Step::Fail(left, fault) => self.disk.rig.after(left, Some(fault)),
        }
        if self.puller.failure().is_some() {
            assert!(self.puller.take().is_none(), "it goes on over a disk that failed");
            self.failed = true;
            self.crash(bench, self.received.is_multiple_of(2));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]
    /// Whatever dies when: with "after" every wanted message is done exactly once. With "before" each is done once, or was
    /// at stake in a crash. Nothing is done that the filter does not select.
    #[test]
    fn each_message_is_done_once_or_was_at_stake(
        steps in prop::collection::vec(step(), 0..120),
        disk: bool,
        before: bool,
        filtered: bool,
        bytes_max in 100_u32..2_000,
        wait in prop::sample::select(vec![0_u64, 20]),
    ) {
        let options = PullOptions {
            staging: if disk { Staging::Disk } else { Staging::Memory },
            commits: if before { Commits::Before } else { Commits::After },
            filter: filtered.then(|| "color = 'red'".parse().expect("a selector")),
            poll_every: Span::from_millis(5),
            wait_max: Span::from_millis(wait),
            bytes_max,
            ..PullOptions::default()
        };
        let mut bench = Bench::new(Retention::default());
        let mut storage = Rigged::new(Disk::default());
        let puller = open(&options, &mut storage);
        let (in_hand, done, forgotten, unsure, coming) = Default::default();
        let mut life =
            Life { options, disk: storage, puller, in_hand, done, forgotten, unsure, received: 0, recovered: 0, failed: false, coming };
        for step in &steps {
            life.step(&mut bench, step);
        }
        // Then nothing dies any more, and all that is left is done.
        life.disk.rig.after(u32::MAX, None);
        // Not more than that, also if it begins once more: it knows where.
        for rounds in [400, 20] {
            for _ in 0..rounds {
                for step in [Step::Pass(60), Step::Talk, Step::Take, Step::Finish] {
                    life.step(&mut bench, &step);
                }
            }
            if rounds == 400 {
                life.crash(&mut bench, false);
            }
        }
        prop_assert_eq!(life.puller.failure(), None);
        let wanted = |id: &MessageId| !filtered || id.0.is_multiple_of(3);
        for id in bench.all.keys() {
            let times = life.done.get(id).copied().unwrap_or(0);
            let at_stake = life.forgotten.contains(id);
            let expected = u32::from(wanted(id) && !at_stake);
            if let Some(failures) = life.unsure.get(id) {
                // Where nobody knows, it is done again with "after", and may be lost with "before"; nothing else.
                let allowed = if before { 0..=1 } else { 1..=1 + failures };
                prop_assert!(allowed.contains(&times), "{} times {}", times, id);
                continue;
            }
            prop_assert_eq!(times, expected, "{} of {:?}", id, life.done);
        }
        prop_assert!(life.failed || life.unsure.is_empty());
        prop_assert!(before || life.forgotten.is_empty());
        if disk {
            // What is on its own disk is not asked for again.
            let wanted = bench.all.keys().filter(|id| wanted(id)).count() as u64;
            if life.failed {
                prop_assert!(life.received <= wanted);
            } else {
                prop_assert_eq!(life.received, wanted);
            }
        } else {
            prop_assert_eq!(life.recovered, 0);
        }
    }

    /// A filtered fetch brings exactly what a scan of everything would select, at the same offsets.
    #[test]
    fn a_filter_selects_as_a_scan_would(
        batches in prop::collection::vec(1_usize..6, 0..8),
        from in 0_u64..30,
        text in prop::sample::select(vec!["color = 'red'", "color <> 'red'", "color IN ('red', 'blue')", "size > 3", "TRUE"]),
    ) {
        let mut bench = Bench::new(Retention::default());
        batches.into_iter().for_each(|count| drop(bench.produce(0, count)));
        let from = from.min(bench.stored);
        let [Reply::Fetched { batches: all, .. }] = &bench.fetch(from, None)[..] else { panic!("no answer") };
        let [Reply::Selected { batches: some, next, .. }] = &bench.fetch(from, Some(text))[..] else { panic!("no answer") };
        let selector: mqlab_core::selector::Selector = text.parse().expect("a selector");
        let scan: Vec<_> = all
            .records()
            .filter(|record| record.offset.0 >= from && selector.matches(&Message::from_record(record)))
            .collect();
        prop_assert_eq!(some.records().collect::<Vec<_>>(), scan);
        prop_assert_eq!(*next, Offset(bench.stored));
    }
}

#[test]
fn an_offset_is_found_by_its_time() {
    let mut bench = Bench::new(Retention::default());
    assert_eq!(bench.offset_for(0), (0, 0, 0), "nothing is there");
    for at in [10, 20, 20, 35] {
        bench.now = Time(at * 1_000);
        bench.produce(0, 2);
    }
    for (timestamp, offset) in [(-5, 0), (0, 0), (10, 0), (11, 2), (20, 2), (21, 6), (35, 6), (36, 8)] {
        assert_eq!(bench.offset_for(timestamp), (offset, 0, 8), "from {timestamp} ms on");
    }
}

#[test]
fn a_leader_keeps_what_it_is_told_to_and_refuses_what_is_gone() {
    let mut bench = Bench::new(Retention { bytes: None, time: Some(Span::from_millis(50)) });
    for at in [10, 20, 40] {
        bench.now = Time(at * 1_000);
        bench.produce(0, 2);
    }
    let vectors: [(u64, u64); 5] = [(59, 0), (60, 2), (69, 2), (70, 4), (90, 6)];
    for (at, start) in vectors {
        bench.now = Time(at * 1_000);
        bench.hand(Input::Wake);
        assert_eq!(
            bench.broker.marks(&partition(0)).map(|marks| marks.start),
            Some(Offset(start)),
            "at {at} ms"
        );
    }
    assert!(matches!(bench.fetch(5, None)[..], [Reply::Refused(Refusal::OffsetOutOfRange)]));
    assert!(matches!(bench.fetch(5, Some("TRUE"))[..], [Reply::Refused(Refusal::OffsetOutOfRange)]));
    assert!(matches!(&bench.fetch(6, None)[..], [Reply::Fetched { batches, .. }] if batches.is_empty()));
    let trimmed = bench.events.iter().filter_map(|event| match event {
        Event::Pull(PullEvent::Trimmed { messages, .. }) => Some(messages.clone()),
        _ => None,
    });
    assert_eq!(trimmed.flatten().collect::<Vec<_>>(), (1..=6).map(MessageId).collect::<Vec<_>>());
}

#[test]
fn by_bytes_a_batch_goes_when_enough_is_left_without_it() {
    let mut one = Bench::new(Retention::default());
    one.produce(0, 3);
    let [Reply::Fetched { batches, .. }] = &one.fetch(0, None)[..] else { panic!("no answer") };
    let size = batches.bytes().len() as u64;
    for (bytes, starts) in
        [(2 * size, [0, 0, 3, 6]), (2 * size - 1, [0, 0, 3, 6]), (2 * size + 1, [0, 0, 0, 3])]
    {
        let mut bench = Bench::new(Retention { bytes: Some(bytes), time: None });
        for start in starts {
            bench.produce(0, 3);
            assert_eq!(
                bench.broker.marks(&partition(0)).map(|marks| marks.start),
                Some(Offset(start)),
                "{bytes}"
            );
        }
    }
}

#[test]
fn a_puller_begins_where_it_is_told_to() {
    for (start, expected) in [
        (StartAt::Earliest, 1..9),
        (StartAt::Latest, 9..9),
        (StartAt::Offset(Offset(3)), 4..9),
        (StartAt::Time(Time(20_000)), 3..9),
    ] {
        let mut bench = Bench::new(Retention::default());
        for at in [10, 20, 20, 35] {
            bench.now = Time(at * 1_000);
            bench.produce(0, 2);
        }
        let options = PullOptions { start, partitions: vec![0], ..PullOptions::default() };
        let mut disk = Rigged::new(Disk::default());
        let puller = open(&options, &mut disk);
        let (in_hand, done, forgotten, unsure, coming) = Default::default();
        let mut life = Life {
            options,
            disk,
            puller,
            in_hand,
            done,
            forgotten,
            unsure,
            received: 0,
            recovered: 0,
            failed: false,
            coming,
        };
        for _ in 0..30 {
            for step in [Step::Talk, Step::Take, Step::Finish, Step::Pass(30)] {
                life.step(&mut bench, &step);
            }
        }
        assert_eq!(
            life.done.keys().map(|id| id.0).collect::<Vec<_>>(),
            expected.collect::<Vec<_>>(),
            "{start:?}"
        );
    }
}
