//! Some brokers that keep one partition, and the test in the place of the controller, the network and the clocks.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use mqlab_core::broker::{
    Acks, Broker, Cleanup, Fetch, Input, Isolation, Marks, Message, Out, PartitionState, Reply, Request,
    Retention, Settings, View,
};
use mqlab_core::ids::{Epoch, LogName, MessageId, Name, NodeId, Offset, PartitionId};
use mqlab_core::log::memory::MemoryStorage;
use mqlab_core::log::{Log as _, Slice as _, Storage as _};
use mqlab_core::observe::Event;
use mqlab_core::record::{BatchBuilder, Batches, NewRecord};
use mqlab_core::time::{Span, Time};

/// The keys that random runs write.
pub(crate) const KEYS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// A key's last value.
pub(crate) type Table = BTreeMap<String, String>;

pub(crate) fn partition() -> PartitionId {
    PartitionId { topic: Name::new("t").expect("a legal name"), index: 0 }
}

fn node(broker: usize) -> NodeId {
    NodeId::Broker(broker as u16 + 1)
}

pub(crate) struct Cluster {
    brokers: Vec<Option<Broker<MemoryStorage>>>,
    view: View,
    now: Time,
    epoch: u32,
    leader: usize,
    /// How far each clock is from the true time, in milliseconds.
    pub(crate) skew: Vec<i64>,
    /// How each broker is told to compact.
    pub(crate) cleanup: Vec<Option<Cleanup>>,
    pub(crate) retention: Option<Retention>,
    pub(crate) in_sync: Vec<usize>,
    /// Who comes to the partition, on its move.
    pub(crate) adding: Vec<usize>,
    is_cut_off: Vec<bool>,
    wires: VecDeque<(NodeId, NodeId, Message)>,
    answers: Vec<Reply>,
    pub(crate) events: Vec<(usize, Event)>,
    /// What the leaders' logs said, record by record.
    truth: BTreeMap<u64, (String, Option<String>)>,
    /// Below this all is committed.
    committed: u64,
    written: u64,
    settings: Settings,
}

impl Cluster {
    pub(crate) fn new(count: usize) -> Self {
        Self::with(count, Settings::default())
    }

    pub(crate) fn with(count: usize, settings: Settings) -> Self {
        let broker = |at| Some(start(at, 1, &settings, MemoryStorage::default()));
        Self {
            brokers: (0..count).map(broker).collect(),
            view: View::default(),
            now: Time(5_000_000),
            epoch: 0,
            leader: 0,
            skew: vec![0; count],
            cleanup: vec![None; count],
            retention: None,
            in_sync: (0..count).collect(),
            adding: Vec::new(),
            is_cut_off: vec![false; count],
            wires: VecDeque::new(),
            answers: Vec::new(),
            events: Vec::new(),
            truth: BTreeMap::new(),
            committed: 0,
            written: 0,
            settings: settings.clone(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.brokers.len()
    }

    /// Another reign begins: this one leads. What its log has is the truth from now on, as far as it was not committed.
    pub(crate) fn lead(&mut self, leader: usize) {
        self.epoch += 1;
        self.leader = leader;
        let committed = self.committed;
        self.truth.split_off(&committed);
        let rows = self.rows(leader).into_iter().filter(|(offset, ..)| *offset >= committed);
        self.truth.extend(rows.map(|(offset, key, value)| (offset, (key, value))));
        self.lead_again();
    }

    /// Everybody hears how things stand, those that are cut off as well: it is the others that they do not reach.
    pub(crate) fn lead_again(&mut self) {
        self.view.version += 1;
        let all: Vec<NodeId> = (0..self.len()).map(node).collect();
        let state = PartitionState {
            in_sync: self.in_sync.iter().copied().map(node).collect(),
            adding: self.adding.iter().copied().map(node).collect(),
            leader: Some(node(self.leader)),
            epoch: Epoch(self.epoch),
            version: self.view.version,
            ..PartitionState::new(all.clone(), 1)
        };
        self.view.brokers = all.into_iter().map(|broker| (broker, true)).collect();
        self.view.partitions = [(partition(), state)].into();
        let topic = partition().topic;
        self.view.retention =
            self.retention.map(|retention| (topic.clone(), retention)).into_iter().collect();
        for broker in 0..self.len() {
            self.tell(broker);
        }
        self.deliver();
    }

    fn tell(&mut self, broker: usize) {
        let cleanup = self.cleanup[broker].map(|cleanup| (partition().topic, cleanup)).into_iter().collect();
        let view = View { cleanup, ..self.view.clone() };
        let message = Message::Cluster(view.into());
        self.hand(broker, Input::Message { from: NodeId::Controller, message });
    }

    pub(crate) fn cut_off(&mut self, broker: usize, cut_off: bool) {
        self.is_cut_off[broker] = cut_off;
    }

    pub(crate) fn restart(&mut self, broker: usize) {
        let storage = self.brokers[broker].take().expect("it runs").into_storage().expect("memory closes");
        self.brokers[broker] = Some(start(broker, 2, &self.settings, storage));
        if broker == self.leader {
            // Whoever leads again leads in another reign.
            return self.lead(broker);
        }
        self.tell(broker);
        self.deliver();
    }

    /// The leader appends, and the producer does not wait for the others.
    pub(crate) fn append(&mut self, broker: usize, records: &[(&str, Option<&str>)]) {
        let mut builder = BatchBuilder::new();
        let timestamp = self.time_of(broker).as_millis() as i64;
        let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        let base = self.marks(broker).expect("it keeps the partition").end.0;
        for (offset, (key, value)) in (base..).zip(records) {
            self.written += 1;
            let (key_bytes, value_bytes) = (Some(bytes(key)), value.map(bytes));
            let new = NewRecord { timestamp, key: key_bytes, value: value_bytes, ..NewRecord::default() };
            builder.push(&new.with_id(MessageId(self.written))).expect("a small record");
            self.truth.insert(offset, ((*key).into(), value.map(Into::into)));
        }
        let produce =
            Request::Produce { partition: partition(), acks: Acks::Leader, batches: builder.build() };
        let message = Message::Request(1, produce);
        self.hand(broker, Input::Message { from: NodeId::Producer(1), message });
        let answer = self.answers.pop();
        assert!(matches!(answer, Some(Reply::Stored { base: at }) if at.0 == base), "{answer:?}");
    }

    /// What a consumer that reads from `from` is answered.
    pub(crate) fn read(&mut self, broker: usize, from: u64) -> Option<Reply> {
        let fetch = Fetch {
            partition: partition(),
            from: Offset(from),
            bytes_max: u32::MAX,
            bytes_min: 0,
            wait_max: Span::ZERO,
            filter: None,
            rack: None,
            replica: None,
            isolation: Isolation::Uncommitted,
        };
        let message = Message::Request(1, Request::Fetch(fetch));
        self.hand(broker, Input::Message { from: NodeId::Consumer(1), message });
        self.answers.pop()
    }

    fn time_of(&self, broker: usize) -> Time {
        Time(self.now.0.saturating_add_signed(self.skew[broker] * 1_000))
    }

    fn hand(&mut self, broker: usize, input: Input) {
        let now = self.time_of(broker);
        let mut out = Out::default();
        let it = self.brokers[broker].as_mut().expect("it runs");
        it.handle(now, input, &mut out);
        it.settle(now, &mut out).expect("memory does not fail");
        let watermark = it.marks(&partition()).map_or(0, |marks| marks.high_watermark.0);
        self.committed = self.committed.max(watermark);
        self.events.extend(out.events.into_iter().map(|event| (broker, event)));
        for envelope in out.sends {
            let message = envelope.message.load().expect("memory does not fail");
            match (envelope.to, message) {
                (NodeId::Broker(_), message) => self.wires.push_back((node(broker), envelope.to, message)),
                (_, Message::Reply(_, reply)) => self.answers.push(reply),
                _ => {}
            }
        }
    }

    /// What is under way arrives, and what that brings about, unless one of the two is cut off.
    fn deliver(&mut self) {
        while let Some((from, to, message)) = self.wires.pop_front() {
            let index = |node: NodeId| match node {
                NodeId::Broker(number) => usize::from(number) - 1,
                other => panic!("{other} is no broker"),
            };
            if !self.is_cut_off[index(from)] && !self.is_cut_off[index(to)] {
                self.hand(index(to), Input::Message { from, message });
            }
        }
    }

    /// Lets so many milliseconds pass.
    pub(crate) fn run(&mut self, millis: u64) {
        for _ in 0..millis {
            self.now = self.now + Span::from_millis(1);
            for broker in 0..self.len() {
                let now = self.time_of(broker);
                let due = self.brokers[broker].as_ref().and_then(Broker::next_wakeup);
                if due.is_some_and(|due| due <= now) {
                    self.hand(broker, Input::Wake);
                }
            }
            self.deliver();
        }
    }

    pub(crate) fn marks(&self, broker: usize) -> Option<Marks> {
        self.brokers[broker].as_ref()?.marks(&partition())
    }

    fn batches(&self, broker: usize) -> Batches {
        let copy = self.brokers[broker].clone().expect("it runs");
        let mut storage = copy.into_storage().expect("memory closes");
        let log = storage.open(&LogName::Partition(partition())).expect("memory opens");
        log.read(log.start(), log.end(), u32::MAX).expect("in range").load().expect("memory loads")
    }

    fn rows(&self, broker: usize) -> Vec<(u64, String, Option<String>)> {
        let word = |bytes: Bytes| String::from_utf8(bytes.to_vec()).expect("a word");
        let row = |record: mqlab_core::record::Record| {
            (record.offset.0, record.key.map(word).unwrap_or_default(), record.value.map(word))
        };
        self.batches(broker).records().map(row).collect()
    }

    /// What is in a broker's log, as `offset:k=v`.
    pub(crate) fn text(&self, broker: usize) -> String {
        let word = |(offset, key, value): (u64, String, Option<String>)| {
            format!("{offset}:{key}={}", value.unwrap_or_default())
        };
        self.rows(broker).into_iter().map(word).collect::<Vec<_>>().join(" ")
    }

    /// What a reader of a broker's log knows at its end.
    pub(crate) fn table(&self, broker: usize) -> Table {
        table(self.rows(broker).into_iter().map(|(_, key, value)| (key, value)))
    }

    /// The same of all that leaders ever wrote, and that was not overruled.
    pub(crate) fn truth_table(&self) -> Table {
        table(self.truth.values().cloned())
    }

    /// Whether everything in a broker's log is what a leader wrote there.
    pub(crate) fn is_true(&self, broker: usize) -> bool {
        let rows = self.rows(broker);
        rows.into_iter().all(|(offset, key, value)| self.truth.get(&offset) == Some(&(key, value)))
    }
}

fn table(rows: impl Iterator<Item = (String, Option<String>)>) -> Table {
    let last: BTreeMap<String, Option<String>> = rows.collect();
    last.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

fn start(
    broker: usize,
    incarnation: u64,
    settings: &Settings,
    storage: MemoryStorage,
) -> Broker<MemoryStorage> {
    Broker::new(node(broker), incarnation, settings.clone(), storage).expect("memory does not fail")
}
