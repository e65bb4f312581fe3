//! A coordinator and its members on one clock: messages take a millisecond, programs take their time, processes die,
//! freeze and come back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mqlab_core::broker::{
    Acks, Broker, GroupRequest, Input, Message as Said, Out, PartitionState, Reply, Request, Settings, View,
    offsets_partition,
};
use mqlab_core::client::{ClassicMember, CommitMode, GroupProtocol, Member, MemberOptions, Staged};
use mqlab_core::ids::{Epoch, MessageId, Name, NodeId, Offset, PartitionId};
use mqlab_core::log::memory::{MemorySlice, MemoryStorage};
use mqlab_core::message::Message;
use mqlab_core::observe::{Event, GroupEvent};
use mqlab_core::record::BatchBuilder;
use mqlab_core::time::{Span, Time};

const BROKER: NodeId = NodeId::Broker(1);
const WAY: Span = Span::from_millis(1);

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).expect("a legal name")
}

pub(crate) fn partition(index: u32) -> PartitionId {
    PartitionId { topic: name("t"), index }
}

/// A member, whichever protocol it speaks.
pub(crate) enum Client {
    Server(Box<Member>),
    Classic(Box<ClassicMember>),
}

impl Client {
    fn new(settings: &Settings, options: &MemberOptions) -> Self {
        let (settings, group, topic) = (settings.clone(), name("g"), name("t"));
        let (options, brokers) = (options.clone(), vec![BROKER]);
        match options.protocol {
            GroupProtocol::Server => {
                Self::Server(Box::new(Member::with_options(settings, options, group, topic, brokers)))
            }
            GroupProtocol::Classic => {
                Self::Classic(Box::new(ClassicMember::new(settings, options, group, topic, brokers)))
            }
        }
    }

    fn handle(&mut self, now: Time, input: Input, out: &mut Out) {
        match self {
            Self::Server(member) => member.handle(now, input, out),
            Self::Classic(member) => member.handle(now, input, out),
        }
    }

    fn next_wakeup(&self) -> Option<Time> {
        match self {
            Self::Server(member) => member.next_wakeup(),
            Self::Classic(member) => member.next_wakeup(),
        }
    }

    fn take(&mut self) -> Option<Staged> {
        match self {
            Self::Server(member) => member.take(),
            Self::Classic(member) => member.take(),
        }
    }

    fn done(&mut self, now: Time, staged: &Staged, out: &mut Out) {
        match self {
            Self::Server(member) => member.done(now, &staged.from, staged.record.offset, out),
            Self::Classic(member) => member.done(now, &staged.from, staged.record.offset, out),
        }
    }

    pub(crate) fn pause(&mut self, partitions: &[PartitionId], on: bool) {
        match (self, on) {
            (Self::Server(member), true) => member.pause(partitions),
            (Self::Server(member), false) => member.resume(partitions),
            (Self::Classic(member), true) => member.pause(partitions),
            (Self::Classic(member), false) => member.resume(partitions),
        }
    }

    pub(crate) fn partitions(&self) -> BTreeSet<PartitionId> {
        match self {
            Self::Server(member) => member.partitions().cloned().collect(),
            Self::Classic(member) => member.partitions().cloned().collect(),
        }
    }

    pub(crate) fn holds(&self) -> BTreeSet<PartitionId> {
        match self {
            Self::Server(member) => member.holds().cloned().collect(),
            Self::Classic(member) => member.holds().cloned().collect(),
        }
    }

    pub(crate) fn is_refused(&self) -> bool {
        match self {
            Self::Server(member) => member.refused().is_some(),
            Self::Classic(member) => member.refused().is_some(),
        }
    }

    /// What it would say to commit; nothing when it is no member by its own knowledge.
    fn commit(&self, offsets: Vec<(PartitionId, Offset)>) -> Option<Request> {
        let group = name("g");
        Some(match self {
            Self::Server(_) => Request::Commit { group, as_member: false, offsets },
            Self::Classic(member) => {
                let request = GroupRequest::Commit { identity: member.identity()?, offsets };
                Request::Group { group, request }
            }
        })
    }
}

/// One consumer: a process that may be dead, and a program that may be slow.
pub(crate) struct Slot {
    pub(crate) client: Option<Client>,
    pub(crate) options: MemberOptions,
    /// How long its program works on a message.
    pub(crate) work: Span,
    working: Option<(Staged, Time)>,
    pub(crate) frozen: Option<Time>,
    incarnation: u64,
}

enum Happening {
    ToBroker(NodeId, Said),
    ToClient(usize, u64, Said),
    HangUp(NodeId),
}

pub(crate) struct Lab {
    pub(crate) now: Time,
    settings: Settings,
    pub(crate) broker: Broker<MemoryStorage>,
    pub(crate) slots: Vec<Slot>,
    wires: BTreeMap<(Time, u64), Happening>,
    sent: u64,
    pub(crate) partitions: u32,
    /// Where each message stands.
    pub(crate) messages: u64,
    /// How often each was processed to its end.
    pub(crate) processed: BTreeMap<MessageId, u32>,
    /// The highest offset that was committed.
    pub(crate) committed: BTreeMap<PartitionId, Offset>,
    pub(crate) events: Vec<(Time, NodeId, Event)>,
    /// What the group must never do.
    pub(crate) broken: Option<String>,
}

impl Lab {
    pub(crate) fn new(partitions: u32, consumers: Vec<MemberOptions>) -> Self {
        let state = PartitionState {
            leader: Some(BROKER),
            epoch: Epoch(1),
            version: 1,
            ..PartitionState::new(vec![BROKER], 1)
        };
        let mut view = View { version: 1, ..View::default() };
        view.partitions.extend((0..partitions).map(|index| (partition(index), state.clone())));
        view.partitions.insert(offsets_partition(), state);
        // The log of offsets is compacted all the time.
        let settings =
            Settings { flush_before_reply: false, internal_segment_bytes: 500, ..Settings::default() };
        let broker =
            Broker::new(BROKER, 1, settings.clone(), MemoryStorage::default()).expect("memory opens");
        let slot = |options: MemberOptions| Slot {
            client: Some(Client::new(&settings, &options)),
            options,
            work: Span::from_millis(3),
            working: None,
            frozen: None,
            incarnation: 0,
        };
        let slots = consumers.into_iter().map(slot).collect();
        let (wires, processed, committed, events) = Default::default();
        let mut lab = Self {
            now: Time::ZERO,
            settings,
            broker,
            slots,
            wires,
            sent: 0,
            partitions,
            messages: 0,
            processed,
            committed,
            events,
            broken: None,
        };
        lab.tell_broker(NodeId::Controller, Said::Cluster(Arc::new(view)));
        lab
    }

    fn wire(&mut self, happening: Happening) {
        self.sent += 1;
        self.wires.insert((self.now + WAY, self.sent), happening);
    }

    fn break_rule(&mut self, rule: String) {
        let now = self.now;
        self.broken.get_or_insert_with(|| format!("at {now}: {rule}"));
    }

    fn hand_broker(&mut self, input: Input) {
        let mut out = Out::<MemorySlice>::default();
        self.broker.handle(self.now, input, &mut out);
        self.broker.settle(self.now, &mut out).expect("memory does not fail");
        for event in out.events {
            if let Event::OffsetStored { partition, next, .. } = &event {
                let before = self.committed.insert(partition.clone(), *next);
                if before.is_some_and(|before| before > *next) {
                    self.break_rule(format!("{partition} went back from {before:?} to {next}"));
                }
            }
            self.events.push((self.now, BROKER, event));
        }
        for envelope in out.sends {
            let NodeId::Consumer(number) = envelope.to else { continue };
            let (at, said) = (usize::from(number), envelope.message.load().expect("memory can be read"));
            let incarnation = self.slots[at].incarnation;
            self.wire(Happening::ToClient(at, incarnation, said));
        }
    }

    fn tell_broker(&mut self, from: NodeId, message: Said) {
        self.hand_broker(Input::Message { from, message });
    }

    /// Stores so many messages, and knows that they are stored.
    pub(crate) fn produce(&mut self, to: u32, count: u64) {
        let mut batch = BatchBuilder::new();
        for _ in 0..count {
            self.messages += 1;
            let message = Message::new("an order").with_id(MessageId(self.messages));
            batch.push(&message.to_record(self.now.as_millis() as i64)).expect("a small message");
        }
        let (partition, batches) = (partition(to), batch.build());
        let request = Request::Produce { partition, acks: Acks::All, batches };
        self.tell_broker(NodeId::Producer(1), Said::Request(1, request));
    }

    /// Lets a client do something, and carries out what it wants. Then its program takes what it can.
    fn with_client(&mut self, at: usize, work: impl FnOnce(&mut Client, Time, &mut Out)) {
        let now = self.now;
        let mut out = Out::default();
        let slot = &mut self.slots[at];
        let Some(client) = &mut slot.client else { return };
        work(client, now, &mut out);
        if slot.working.is_none()
            && let Some(staged) = client.take()
        {
            slot.working = Some((staged, now + slot.work));
        }
        let node = NodeId::Consumer(at as u16);
        self.events.extend(out.events.into_iter().map(|event| (now, node, event)));
        for envelope in out.sends {
            self.wire(Happening::ToBroker(node, envelope.message));
        }
        self.check_fencing();
    }

    pub(crate) fn crash(&mut self, at: usize) {
        let slot = &mut self.slots[at];
        if slot.client.take().is_some() {
            (slot.working, slot.frozen) = (None, None);
            slot.incarnation += 1;
            self.wire(Happening::HangUp(NodeId::Consumer(at as u16)));
        }
    }

    pub(crate) fn start(&mut self, at: usize) {
        let slot = &mut self.slots[at];
        if slot.client.is_none() {
            slot.client = Some(Client::new(&self.settings, &slot.options));
        }
    }

    /// Two that may both commit do not hold the same partition: whoever overlaps is tried out on a copy of the broker.
    fn check_fencing(&mut self) {
        let mut holders: BTreeMap<PartitionId, Vec<usize>> = BTreeMap::new();
        for (at, slot) in self.slots.iter().enumerate() {
            for partition in slot.client.iter().flat_map(Client::holds) {
                holders.entry(partition).or_default().push(at);
            }
        }
        for (partition, holders) in holders.into_iter().filter(|(_, holders)| holders.len() > 1) {
            let may: Vec<usize> = holders.into_iter().filter(|at| self.may_commit(*at, &partition)).collect();
            if may.len() > 1 {
                self.break_rule(format!("{may:?} may all commit {partition}"));
            }
        }
    }

    fn may_commit(&self, at: usize, partition: &PartitionId) -> bool {
        let offsets = vec![(partition.clone(), Offset(0))];
        let Some(request) = self.slots[at].client.as_ref().and_then(|client| client.commit(offsets)) else {
            return false;
        };
        let (mut broker, mut out) = (self.broker.clone(), Out::<MemorySlice>::default());
        let (from, message) = (NodeId::Consumer(at as u16), Said::Request(u64::MAX, request));
        broker.handle(self.now, Input::Message { from, message }, &mut out);
        let stored = |said: &Said<MemorySlice>| matches!(said, Said::Reply(u64::MAX, Reply::OffsetsStored));
        out.sends.iter().any(|envelope| stored(&envelope.message))
    }

    fn next_of(slot: &Slot) -> Option<Time> {
        let wakes = slot.client.as_ref()?.next_wakeup();
        let next = slot.working.as_ref().map(|(_, until)| *until).into_iter().chain(wakes).min();
        next.map(|at| slot.frozen.map_or(at, |until| at.max(until)))
    }

    /// Lets time pass.
    pub(crate) fn run(&mut self, span: Span) {
        let end = self.now + span;
        for _ in 0..1_000_000 {
            let wire = self.wires.first_key_value().map(|((at, _), _)| *at);
            let clients = self.slots.iter().filter_map(Self::next_of);
            let next = clients.chain(wire).chain(self.broker.next_wakeup()).min().filter(|at| *at <= end);
            let Some(next) = next else {
                self.now = end;
                return;
            };
            // Who asks for a moment that is over gets the next one.
            self.now = next.max(self.now + Span(1));
            self.step();
        }
        panic!("time does not pass");
    }

    fn step(&mut self) {
        let now = self.now;
        while let Some(first) = self.wires.first_entry().filter(|first| first.key().0 <= now) {
            match first.remove() {
                Happening::ToBroker(from, said) => self.tell_broker(from, said),
                Happening::HangUp(peer) => self.hand_broker(Input::HangUp { peer }),
                Happening::ToClient(at, incarnation, message) => {
                    let slot = &self.slots[at];
                    match slot.frozen.filter(|until| *until > now) {
                        _ if slot.incarnation != incarnation => {}
                        Some(until) => {
                            self.sent += 1;
                            let later = Happening::ToClient(at, incarnation, message);
                            self.wires.insert((until, self.sent), later);
                        }
                        None => {
                            let input = Input::Message { from: BROKER, message };
                            self.with_client(at, |client, now, out| client.handle(now, input, out));
                        }
                    }
                }
            }
        }
        self.hand_broker(Input::Wake);
        for at in 0..self.slots.len() {
            if self.slots[at].frozen.is_some_and(|until| until > now) {
                continue;
            }
            self.slots[at].frozen = None;
            if let Some((staged, _)) = self.slots[at].working.take_if(|(_, until)| *until <= now) {
                if let Some(message) = staged.record.message_id() {
                    *self.processed.entry(message).or_default() += 1;
                }
                self.with_client(at, |client, now, out| client.done(now, &staged, out));
            }
            if Self::next_of(&self.slots[at]).is_some_and(|wakes| wakes <= now) {
                self.with_client(at, |client, now, out| client.handle(now, Input::Wake, out));
            }
        }
    }

    /// Whether each partition is read by one, and all who may be members are.
    pub(crate) fn is_settled(&self) -> Result<(), String> {
        let mut read = BTreeSet::new();
        for slot in &self.slots {
            for partition in
                slot.client.iter().filter(|client| !client.is_refused()).flat_map(Client::partitions)
            {
                if !read.insert(partition.clone()) {
                    return Err(format!("{partition} is read twice"));
                }
            }
        }
        if read.len() as u32 == self.partitions { Ok(()) } else { Err(format!("only {read:?} are read")) }
    }

    pub(crate) fn count(&self, is: impl Fn(&GroupEvent) -> bool) -> usize {
        self.events.iter().filter(|(_, _, event)| matches!(event, Event::Group(event) if is(event))).count()
    }

    pub(crate) fn commits(&self) -> CommitMode {
        self.slots[0].options.commits
    }
}
