//! One ledger, its bookies, and some who take themselves for its owner; what is under way arrives when a test says so.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mqlab_core::ids::{Epoch, NodeId, Offset};
use mqlab_core::log::faulty::FaultyStorage;
use mqlab_core::log::memory::MemoryStorage;
use mqlab_core::record::{BatchBuilder, Batches, NewRecord};
use mqlab_core::systems::pulsar::ledger::{
    Bookie, BookieReply, BookieRequest, Effect, LedgerEnd, LedgerId, LedgerMetadata, LedgerRecovery,
    LedgerState, LedgerWriter, Quorums, ledger_path,
};
use mqlab_core::systems::pulsar::{
    Expected, Message, MetadataStore, STORE_SESSION, StoreAnswer, StoreOp, Stored,
};
use mqlab_core::systems::{Input, Out};
use mqlab_core::time::Time;
use proptest::prelude::*;

pub(crate) type Disk = FaultyStorage<MemoryStorage>;

pub(crate) const LEDGER: LedgerId = LedgerId(1);
pub(crate) const OWNER: NodeId = NodeId::Broker(1);

pub(crate) fn bookie(number: u16) -> NodeId {
    NodeId::Broker(10 + number)
}

pub(crate) fn payload(number: u64) -> Batches {
    let mut builder = BatchBuilder::new();
    let value = Some(format!("payload {number}").into());
    builder.push(&NewRecord { value, ..NewRecord::default() }).expect("small");
    builder.build().into_stamped(Offset::ZERO, Epoch::default())
}

/// Bookies, a store, and messages that are under way in the order they were sent, from each to each.
pub(crate) struct Cluster {
    pub(crate) bookies: BTreeMap<NodeId, Option<Bookie<Disk>>>,
    pub(crate) disks: BTreeMap<NodeId, Disk>,
    pub(crate) store: MetadataStore<MemoryStorage>,
    pub(crate) ways: BTreeMap<(NodeId, NodeId), VecDeque<Message>>,
}

impl Cluster {
    pub(crate) fn new(bookies: u16) -> Self {
        let open = |_| Some(Bookie::open(Disk::new(MemoryStorage::default())).expect("an empty disk opens"));
        let store = MetadataStore::open(MemoryStorage::default(), STORE_SESSION, Time::ZERO).expect("opens");
        let bookies = (1..=bookies).map(|number| (bookie(number), open(number))).collect();
        Self { bookies, disks: BTreeMap::new(), store, ways: BTreeMap::new() }
    }

    pub(crate) fn alive(&self) -> Vec<NodeId> {
        self.bookies.iter().filter(|(_, bookie)| bookie.is_some()).map(|(node, _)| *node).collect()
    }

    pub(crate) fn send(&mut self, from: NodeId, to: NodeId, message: Message) {
        self.ways.entry((from, to)).or_default().push_back(message);
    }

    /// A bookie does the next thing that it was asked by `from`.
    pub(crate) fn serve(&mut self, from: NodeId, node: NodeId) {
        let Some(message) = self.ways.get_mut(&(from, node)).and_then(VecDeque::pop_front) else { return };
        let Some(Some(bookie)) = self.bookies.get_mut(&node) else { return };
        let mut out = Out::default();
        bookie.handle(Time::ZERO, Input::Message { from, message }, &mut out);
        bookie.settle(Time::ZERO, &mut out).expect("the disk is sound");
        for (to, message) in out.sends {
            self.send(node, to, message);
        }
    }

    /// The power of a bookie goes; what is under way to and from it is lost.
    pub(crate) fn crash(&mut self, node: NodeId) {
        let Some(bookie) = self.bookies.get_mut(&node).and_then(Option::take) else { return };
        let mut disk = bookie.into_storage().expect("memory closes");
        disk.cut_power(|_, _| 0).expect("memory survives");
        self.disks.insert(node, disk);
        self.ways.retain(|(from, to), _| *from != node && *to != node);
    }

    pub(crate) fn restart(&mut self, node: NodeId) {
        let Some(disk) = self.disks.remove(&node) else { return };
        self.bookies.insert(node, Some(Bookie::open(disk).expect("what it has is a journal")));
    }

    pub(crate) fn metadata(&mut self) -> LedgerMetadata {
        let answer = self.store.apply(Time::ZERO, OWNER, StoreOp::Get { path: ledger_path(LEDGER) });
        let StoreAnswer::Value(Some(Stored { value, .. })) = answer else { panic!("no ledger: {answer:?}") };
        LedgerMetadata::parse(&value).expect("metadata")
    }

    pub(crate) fn create(&mut self, quorums: Quorums) -> LedgerWriter {
        let metadata = LedgerMetadata::new(quorums, &self.alive()).expect("enough bookies");
        let (path, value) = (ledger_path(LEDGER), metadata.to_bytes());
        let put = StoreOp::Put { path, value, expected: Expected::Absent, ephemeral: false };
        assert_eq!(self.store.apply(Time::ZERO, OWNER, put), StoreAnswer::Written { version: 0 });
        LedgerWriter::new(LEDGER, metadata, 0)
    }

    /// What can be read of a closed ledger from the bookies that are alive.
    pub(crate) fn read(&mut self) -> Vec<Option<Batches>> {
        let metadata = self.metadata();
        let LedgerState::Closed { last } = metadata.state else { panic!("it is not closed: {metadata:?}") };
        let reader = NodeId::Broker(9);
        let mut found = Vec::new();
        for entry in 0..last.map_or(0, |last| last + 1) {
            let mut payload = None;
            for node in metadata.write_set(entry) {
                let request = BookieRequest::Read { ledger: LEDGER, entry, fence: false };
                self.send(reader, node, Message::ToBookie(request));
                self.serve(reader, node);
                let answer = self.ways.get_mut(&(node, reader)).and_then(VecDeque::pop_front);
                if let Some(Message::FromBookie(BookieReply::Found { found: Ok(entry), .. })) = answer {
                    payload = Some(entry.payload);
                }
                self.ways.remove(&(reader, node));
            }
            found.push(payload);
        }
        found
    }
}

/// Somebody who works on the ledger.
pub(crate) enum Work {
    Writing(LedgerWriter),
    Recovering(LedgerRecovery),
}

pub(crate) struct Owner {
    pub(crate) node: NodeId,
    pub(crate) work: Work,
    /// What the store was asked and has not answered.
    pub(crate) asked: Option<StoreOp>,
    pub(crate) acknowledged: Option<u64>,
    pub(crate) end: Option<LedgerEnd>,
}

impl Owner {
    pub(crate) fn new(node: NodeId, work: Work) -> Self {
        Self { node, work, asked: None, acknowledged: None, end: None }
    }

    pub(crate) fn carry_out(&mut self, effects: Vec<Effect>, cluster: &mut Cluster) {
        for effect in effects {
            match effect {
                Effect::Ask(to, request) => cluster.send(self.node, to, Message::ToBookie(request)),
                Effect::Store(op) => assert!(self.asked.replace(op).is_none(), "one question at a time"),
                Effect::Acknowledged { entry } => {
                    assert!(self.end.is_none(), "nothing is acknowledged after the end");
                    assert!(self.acknowledged < Some(entry), "in order");
                    self.acknowledged = Some(entry);
                }
                Effect::Ended(end) => self.end = Some(end),
            }
        }
    }

    pub(crate) fn store_answers(&mut self, cluster: &mut Cluster) {
        let Some(op) = self.asked.take() else { return };
        let answer = cluster.store.apply(Time::ZERO, self.node, op);
        let mut out = Vec::new();
        match &mut self.work {
            Work::Writing(writer) => writer.on_store(&answer, &mut out),
            Work::Recovering(recovery) => recovery.on_store(&answer, &mut out),
        }
        self.carry_out(out, cluster);
    }

    pub(crate) fn hear(&mut self, from: NodeId, cluster: &mut Cluster) {
        let Some(Message::FromBookie(reply)) =
            cluster.ways.get_mut(&(from, self.node)).and_then(VecDeque::pop_front)
        else {
            return;
        };
        let (mut out, alive) = (Vec::new(), cluster.alive());
        match &mut self.work {
            Work::Writing(writer) => writer.on_reply(from, &reply, &alive, &mut out),
            Work::Recovering(recovery) => recovery.on_reply(from, reply, &mut out),
        }
        self.carry_out(out, cluster);
    }

    pub(crate) fn lose(&mut self, node: NodeId, cluster: &mut Cluster) {
        let (mut out, alive) = (Vec::new(), cluster.alive());
        match &mut self.work {
            Work::Writing(writer) => writer.bookie_failed(node, &alive, &mut out),
            Work::Recovering(recovery) => recovery.bookie_failed(node, &mut out),
        }
        self.carry_out(out, cluster);
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Add,
    /// A bookie serves an owner, and an owner hears a bookie: by number.
    Serve(u8, u8),
    Hear(u8, u8),
    Store(u8),
    Crash(u8),
    Restart(u8),
    /// Another takes itself for the owner; the ones before are not told.
    TakeOver,
    Close,
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => Just(Step::Add),
        16 => (any::<u8>(), any::<u8>()).prop_map(|(owner, bookie)| Step::Serve(owner, bookie)),
        16 => (any::<u8>(), any::<u8>()).prop_map(|(owner, bookie)| Step::Hear(owner, bookie)),
        4 => any::<u8>().prop_map(Step::Store),
        1 => any::<u8>().prop_map(Step::Crash),
        1 => any::<u8>().prop_map(Step::Restart),
        1 => Just(Step::TakeOver),
        1 => Just(Step::Close),
    ]
}

pub(crate) struct Run {
    pub(crate) cluster: Cluster,
    pub(crate) owners: Vec<Owner>,
    /// How many bookies may be down at once.
    pub(crate) down_max: usize,
    pub(crate) down: BTreeSet<NodeId>,
}

impl Run {
    pub(crate) fn new(quorums: Quorums, bookies: u16) -> Self {
        let mut cluster = Cluster::new(bookies);
        let writer = cluster.create(quorums);
        let owners = vec![Owner::new(OWNER, Work::Writing(writer))];
        Self { cluster, owners, down_max: usize::from(quorums.ack) - 1, down: BTreeSet::new() }
    }

    pub(crate) fn bookie(&self, number: u8) -> NodeId {
        bookie(u16::from(number) % self.cluster.bookies.len() as u16 + 1)
    }

    pub(crate) fn take_over(&mut self) {
        let node = NodeId::Broker(self.owners.len() as u16 + 1);
        let mut out = Vec::new();
        let recovery = LedgerRecovery::begin(LEDGER, &self.cluster.alive(), &mut out);
        let mut owner = Owner::new(node, Work::Recovering(recovery));
        owner.carry_out(out, &mut self.cluster);
        self.owners.push(owner);
    }

    pub(crate) fn step(&mut self, step: &Step) {
        let owners = self.owners.len();
        match step {
            Step::Add => {
                let owner = &mut self.owners[0];
                if let Work::Writing(writer) = &mut owner.work {
                    let mut out = Vec::new();
                    let next = payload(writer.entries());
                    if writer.add(Time::ZERO, next, &mut out).is_ok() {
                        owner.carry_out(out, &mut self.cluster);
                    }
                }
            }
            Step::Serve(owner, number) => {
                let (node, bookie) = (self.owners[usize::from(*owner) % owners].node, self.bookie(*number));
                self.cluster.serve(node, bookie);
            }
            Step::Hear(owner, number) => {
                let bookie = self.bookie(*number);
                self.owners[usize::from(*owner) % owners].hear(bookie, &mut self.cluster);
            }
            Step::Store(owner) => self.owners[usize::from(*owner) % owners].store_answers(&mut self.cluster),
            Step::Crash(number) => {
                let node = self.bookie(*number);
                if self.down.len() < self.down_max && self.down.insert(node) {
                    self.cluster.crash(node);
                    for owner in &mut self.owners {
                        owner.lose(node, &mut self.cluster);
                    }
                }
            }
            Step::Restart(number) => {
                let node = self.bookie(*number);
                if self.down.remove(&node) {
                    self.cluster.restart(node);
                }
            }
            Step::TakeOver if owners < 4 => self.take_over(),
            Step::TakeOver => {}
            Step::Close => {
                let owner = &mut self.owners[0];
                if let Work::Writing(writer) = &mut owner.work
                    && writer.is_open()
                {
                    let mut out = Vec::new();
                    writer.close(&mut out);
                    owner.carry_out(out, &mut self.cluster);
                }
            }
        }
    }

    /// Everything that is under way arrives, until nothing is.
    pub(crate) fn come_to_rest(&mut self) {
        for _ in 0..10_000 {
            if self.cluster.ways.values().all(VecDeque::is_empty)
                && self.owners.iter().all(|owner| owner.asked.is_none())
            {
                return;
            }
            for index in 0..self.owners.len() {
                self.step(&Step::Store(index as u8));
                for number in 0..self.cluster.bookies.len() as u8 {
                    self.step(&Step::Serve(index as u8, number));
                    self.step(&Step::Hear(index as u8, number));
                }
            }
        }
        panic!("it never comes to rest");
    }

    /// What was acknowledged is in the ledger, as it was sent; and nothing that was not sent.
    pub(crate) fn check(&mut self) {
        self.take_over();
        self.come_to_rest();
        let end = self.owners.last().and_then(|owner| owner.end.clone());
        assert!(matches!(end, Some(LedgerEnd::Closed { .. })), "who comes last can end it: {end:?}");
        let mut model: Vec<Option<Batches>> = Vec::new();
        let found = self.cluster.read();
        model.extend((0..found.len() as u64).map(|number| Some(payload(number))));
        assert_eq!(found, model, "all of it can be read, with what is down being down");
        let acknowledged = self.owners[0].acknowledged.map_or(0, |last| last + 1);
        assert!(acknowledged <= found.len() as u64, "{acknowledged} acknowledged, {} there", found.len());
        let ends: BTreeSet<Option<u64>> = self
            .owners
            .iter()
            .filter_map(
                |owner| if let Some(LedgerEnd::Closed { last }) = owner.end { Some(last) } else { None },
            )
            .collect();
        assert_eq!(ends.len(), 1, "everybody who saw its end saw the same one");
    }
}
