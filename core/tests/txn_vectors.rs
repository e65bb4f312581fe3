//! Transactions over partitions, rule by rule: what a partition makes of batches and markers, and what a coordinator
//! answers in each state.

use std::sync::Arc;

use mqlab_core::broker::{
    Aborted, Acks, Broker, Fetch, Input, Isolation, Message, Out, PartitionState, ProducerStates, Reply,
    Request, RequestId, Settings, TRANSACTIONS_TOPIC, TxnPhase, TxnProducer, TxnReply, TxnRequest, View,
    offsets_partition,
};
use mqlab_core::ids::{Epoch, Name, NodeId, Offset, PartitionId};
use mqlab_core::log::memory::MemoryStorage;
use mqlab_core::observe::{Event, Refusal, TxnEvent};
use mqlab_core::record::{BatchBuilder, Batches, Marker, NewRecord, Producer};
use mqlab_core::time::{Span, Time};

const ME: NodeId = NodeId::Broker(1);
const CLIENT: NodeId = NodeId::Producer(1);
const TIMEOUT: Span = Span::from_millis(500);

fn batch(id: i64, epoch: i16, sequence: i32, transactional: bool) -> Batches {
    let builder = BatchBuilder::of(Producer { id, epoch, sequence });
    let mut builder = if transactional { builder.transactional() } else { builder };
    builder.push(&NewRecord::default()).expect("a small batch");
    builder.build()
}

fn marker(producer: i64, epoch: i16, commit: bool) -> Marker {
    Marker { producer, epoch, coordinator: Epoch(1), commit }
}

/// A partition's memory, and where its log ends.
#[derive(Default)]
struct Log {
    states: ProducerStates,
    end: u64,
}

impl Log {
    fn append(&mut self, batches: &Batches) -> u64 {
        let at = self.end;
        self.states.learn(&batches.stamped(Offset(at), Epoch(1)));
        self.end = batches.stamped(Offset(at), Epoch(1)).next().map_or(at, |next| next.0);
        at
    }

    fn produce(&mut self, batches: &Batches) -> Result<u64, Refusal> {
        self.states.check(batches).map(|known| match known {
            Some(known) => known.base.0,
            None => self.append(batches),
        })
    }

    fn stable(&self, high_watermark: u64) -> u64 {
        self.states.last_stable(Offset(high_watermark)).0
    }
}

#[test]
fn numbers_go_on_behind_a_marker_of_the_same_epoch() {
    let mut log = Log::default();
    assert_eq!(log.produce(&batch(1, 0, 0, true)), Ok(0));
    assert_eq!(log.produce(&batch(1, 0, 1, true)), Ok(1));
    assert_eq!(log.append(&marker(1, 0, true).build(0)), 2);
    assert_eq!(log.produce(&batch(1, 0, 2, true)), Ok(3));
    assert_eq!(log.append(&marker(1, 0, false).build(0)), 4);
    assert_eq!(log.produce(&batch(1, 0, 3, false)), Ok(5));
    let aborted = Aborted { producer: 1, first: Offset(3), last: Offset(4), stable: Offset(5) };
    assert_eq!(log.states.aborted(Offset(0), Offset(6)), [aborted]);
    assert_eq!(log.stable(6), 6);
}

#[test]
fn what_is_in_no_transaction_is_refused_while_one_is_open() {
    let mut log = Log::default();
    assert_eq!(log.produce(&batch(1, 0, 0, true)), Ok(0));
    assert_eq!(log.produce(&batch(1, 0, 1, false)), Err(Refusal::InvalidTransaction));
    assert_eq!(log.produce(&batch(1, 0, 1, true)), Ok(1));
    log.append(&marker(1, 1, true).build(0));
    assert_eq!(log.produce(&batch(1, 0, 2, true)), Err(Refusal::ProducerEpoch), "it comes too late");
    assert_eq!(log.produce(&batch(1, 1, 0, false)), Ok(3));
}

/// The log of the rules: A and B write, then a plain record, A commits, a plain record, B aborts.
#[test]
fn the_last_stable_offset_waits_for_markers_below_the_watermark() {
    let mut log = Log::default();
    let (a, b) = (1, 2);
    log.append(&batch(a, 0, 0, true));
    log.append(&batch(b, 0, 0, true));
    log.append(&batch(-1, -1, -1, false));
    log.append(&marker(a, 0, true).build(0));
    log.append(&batch(-1, -1, -1, false));
    assert_eq!([3, 4, 5].map(|watermark| log.stable(watermark)), [0, 1, 1]);
    log.append(&marker(b, 0, false).build(0));
    assert_eq!([3, 5, 6].map(|watermark| log.stable(watermark)), [0, 1, 6]);
    let aborted = Aborted { producer: b, first: Offset(1), last: Offset(5), stable: Offset(6) };
    // From where to where somebody reads, and whether he must know of it.
    for (from, until, knows) in [(0, 6, true), (0, 2, true), (0, 1, false), (5, 6, true), (6, 9, false)] {
        let expect: &[Aborted] = if knows { &[aborted] } else { &[] };
        assert_eq!(log.states.aborted(Offset(from), Offset(until)), expect, "{from} to {until}");
    }
}

/// A broker that is the whole cluster, and the test in the place of everybody else.
struct Bench {
    broker: Broker<MemoryStorage>,
    now: Time,
    request: RequestId,
    version: u64,
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a legal name")
}

fn bills() -> PartitionId {
    PartitionId { topic: name("bills"), index: 0 }
}

fn id() -> Name {
    name("billing")
}

fn who((producer, epoch): (i64, i16)) -> TxnProducer {
    TxnProducer { id: id(), producer, epoch }
}

impl Bench {
    fn new() -> Self {
        let broker = Broker::new(ME, 1, Settings::default(), MemoryStorage::default());
        let broker = broker.expect("memory does not fail").with_controller();
        let mut bench = Self { broker, now: Time(1_000), request: 100, version: 0 };
        bench.elect();
        bench
    }

    /// It leads all partitions, in a new epoch.
    fn elect(&mut self) {
        self.version += 1;
        let state = PartitionState {
            leader: Some(ME),
            epoch: Epoch(self.version as u32),
            version: self.version,
            ..PartitionState::new(vec![ME], 1)
        };
        let transactions = PartitionId { topic: name(TRANSACTIONS_TOPIC), index: 0 };
        let all = [bills(), offsets_partition(), transactions];
        let view = View {
            version: self.version,
            partitions: all.into_iter().map(|partition| (partition, state.clone())).collect(),
            ..View::default()
        };
        self.hand(NodeId::Controller, Message::Cluster(Arc::new(view)));
    }

    fn hand(&mut self, from: NodeId, message: Message) -> Vec<Message> {
        let mut out = Out::default();
        self.broker.handle(self.now, Input::Message { from, message }, &mut out);
        self.broker.settle(self.now, &mut out).expect("memory does not fail");
        let mut sends = Vec::new();
        for envelope in out.sends {
            match envelope.message.load().expect("memory does not fail") {
                Message::Request(id, Request::AllocateProducerIds) => {
                    let reply = Reply::ProducerIds { first: 1_000 * self.version, count: 1_000 };
                    sends.extend(self.hand(NodeId::Controller, Message::Reply(id, reply)));
                }
                message => sends.push(message),
            }
        }
        sends
    }

    fn wake(&mut self) -> Vec<Event> {
        let mut out = Out::default();
        self.broker.handle(self.now, Input::Wake, &mut out);
        self.broker.settle(self.now, &mut out).expect("memory does not fail");
        out.events
    }

    fn ask(&mut self, request: Request) -> Reply {
        self.request += 1;
        let sends = self.hand(CLIENT, Message::Request(self.request, request));
        let own = |message| match message {
            Message::Reply(id, reply) if id == self.request => Some(reply),
            _ => None,
        };
        sends.into_iter().find_map(own).expect("it answers at once")
    }

    fn txn(&mut self, request: TxnRequest) -> Result<Reply, Refusal> {
        match self.ask(Request::Txn(request)) {
            Reply::Refused(why) => Err(why),
            reply => Ok(reply),
        }
    }

    /// Comes under the transactional id, as often as it must ask.
    fn init(&mut self) -> (i64, i16) {
        for _ in 0..3 {
            match self.txn(TxnRequest::Init { id: id(), timeout: TIMEOUT }) {
                Ok(Reply::Producer { id, epoch }) => return (id, epoch),
                Err(Refusal::ConcurrentTransactions) => self.now = self.now + Span::from_millis(20),
                other => panic!("{other:?}"),
            }
        }
        panic!("it never learns who it is");
    }

    fn add(&mut self, as_whom: (i64, i16)) -> Result<Reply, Refusal> {
        self.txn(TxnRequest::AddPartitions { who: who(as_whom), partitions: vec![bills()] })
    }

    fn end(&mut self, as_whom: (i64, i16), commit: bool) -> Result<(i64, i16), Refusal> {
        match self.txn(TxnRequest::End { who: who(as_whom), commit })? {
            Reply::Txn(TxnReply::Ended { producer, epoch }) => Ok((producer, epoch)),
            other => panic!("{other:?}"),
        }
    }

    fn produce(&mut self, (id, epoch): (i64, i16), sequence: i32) -> Result<Offset, Refusal> {
        let batches = batch(id, epoch, sequence, true);
        match self.ask(Request::Produce { partition: bills(), acks: Acks::All, batches }) {
            Reply::Stored { base } => Ok(base),
            Reply::Refused(why) => Err(why),
            other => panic!("{other:?}"),
        }
    }

    fn phase(&self) -> Option<TxnPhase> {
        self.broker.txn_phase(&id())
    }

    /// What a reader of committed records gets: how far it may see, and the aborted transactions.
    fn fetch(&mut self) -> (Offset, Vec<Aborted>) {
        let fetch = Fetch {
            partition: bills(),
            from: Offset(0),
            bytes_max: 1_000_000,
            bytes_min: 0,
            wait_max: Span::ZERO,
            filter: None,
            replica: None,
            rack: None,
            isolation: Isolation::Committed,
        };
        match self.ask(Request::Fetch(fetch)) {
            Reply::Stable { aborted, last_stable, batches } => {
                assert!(batches.next().is_none_or(|next| next <= last_stable));
                (last_stable, aborted)
            }
            other => panic!("{other:?}"),
        }
    }
}

const ADDED: Result<(), Refusal> = Ok(());

#[test]
fn a_transaction_from_its_beginning_to_its_end() {
    let mut bench = Bench::new();
    assert_eq!(bench.add((1, 0)).map(|_| ()), Err(Refusal::Unknown), "nobody knows this transactional id");
    let me = bench.init();
    assert_eq!((bench.phase(), me.1), (Some(TxnPhase::Empty), 0));
    assert_eq!(bench.end(me, true), Err(Refusal::InvalidTransaction), "there is none");
    assert_eq!(bench.add(me).map(|_| ()), ADDED);
    assert_eq!(bench.phase(), Some(TxnPhase::Ongoing));
    assert_eq!(bench.produce(me, 0), Ok(Offset(0)));
    assert_eq!(bench.fetch(), (Offset(0), vec![]), "it is undecided");
    let next = (me.0, 1);
    assert_eq!(bench.end(me, true), Ok(next), "each end raises the epoch");
    assert_eq!(bench.phase(), Some(TxnPhase::CompleteCommit));
    assert_eq!(bench.fetch(), (Offset(2), vec![]));
    // Whoever did not hear that asks again.
    assert_eq!(bench.end(me, true), Ok(next));
    assert_eq!(bench.end(me, false), Err(Refusal::InvalidTransaction), "it ended the other way");
    assert_eq!(bench.end(next, true), Err(Refusal::InvalidTransaction), "there is none");
    assert_eq!(bench.add(me).map(|_| ()), Err(Refusal::ProducerFenced));
    assert_eq!(bench.add((me.0 + 1, 0)).map(|_| ()), Err(Refusal::Unknown));
    assert_eq!(bench.produce(me, 1), Err(Refusal::ProducerEpoch), "what comes late from it is refused");
    // The next one.
    assert_eq!(bench.add(next).map(|_| ()), ADDED);
    assert_eq!(bench.produce(next, 0), Ok(Offset(2)));
    assert_eq!(bench.end(next, false), Ok((me.0, 2)));
    assert_eq!(bench.phase(), Some(TxnPhase::CompleteAbort));
    let aborted = Aborted { producer: me.0, first: Offset(2), last: Offset(3), stable: Offset(4) };
    assert_eq!(bench.fetch(), (Offset(4), vec![aborted]));
}

#[test]
fn who_takes_over_fences_and_aborts() {
    let mut bench = Bench::new();
    let old = bench.init();
    assert_eq!(bench.add(old).map(|_| ()), ADDED);
    assert_eq!(bench.produce(old, 0), Ok(Offset(0)));
    let first = bench.txn(TxnRequest::Init { id: id(), timeout: TIMEOUT });
    assert_eq!(first.map(|_| ()), Err(Refusal::ConcurrentTransactions), "the open one is aborted first");
    let new = bench.init();
    assert_eq!(new, (old.0, 2), "one epoch for the abort, and one for who comes");
    assert_eq!(bench.end(old, true), Err(Refusal::ProducerFenced));
    assert_eq!(bench.add(old).map(|_| ()), Err(Refusal::ProducerFenced));
    assert_eq!(bench.produce(old, 1), Err(Refusal::ProducerEpoch));
    assert_eq!(bench.add(new).map(|_| ()), ADDED);
}

#[test]
fn what_is_open_for_too_long_is_aborted_and_its_producer_goes_on() {
    let mut bench = Bench::new();
    let me = bench.init();
    assert_eq!(bench.add(me).map(|_| ()), ADDED);
    assert_eq!(bench.produce(me, 0), Ok(Offset(0)));
    bench.now = bench.now + TIMEOUT;
    let mut out = Out::default();
    bench.broker.handle(bench.now, Input::Wake, &mut out);
    assert_eq!(bench.phase(), Some(TxnPhase::CompleteAbort));
    assert_eq!(bench.end(me, true), Err(Refusal::TransactionTimedOut));
    assert_eq!(bench.add(me).map(|_| ()), Err(Refusal::TransactionTimedOut));
    let next = (me.0, 1);
    assert_eq!(bench.end(me, false), Ok(next), "it agrees, and hears its next epoch");
    assert_eq!(bench.add(next).map(|_| ()), ADDED);
}

/// Each state, how long nobody used the id since, and whether it is forgotten then (Kafka: 7 days, and never while it is
/// open or being told).
#[test]
fn a_transactional_id_that_nobody_used_for_long_is_forgotten() {
    let week = Settings::default().transactional_id_expiration;
    assert_eq!(week, Span::from_millis(7 * 24 * 60 * 60 * 1_000));
    type Story = fn(&mut Bench) -> (i64, i16);
    let empty: Story = |bench| bench.init();
    let committed: Story = |bench| {
        let me = bench.init();
        bench.add(me).expect("it is the producer");
        bench.end(me, true).expect("it is open")
    };
    let aborted: Story = |bench| {
        let me = bench.init();
        bench.add(me).expect("it is the producer");
        bench.end(me, false).expect("it is open")
    };
    let ongoing: Story = |bench| {
        let me = bench.init();
        bench.add(me).expect("it is the producer");
        me
    };
    for (story, early, phase, forgotten) in [
        (empty, 1, TxnPhase::Empty, false),
        (empty, 0, TxnPhase::Empty, true),
        (committed, 1, TxnPhase::CompleteCommit, false),
        (committed, 0, TxnPhase::CompleteCommit, true),
        (aborted, 1, TxnPhase::CompleteAbort, false),
        (aborted, 0, TxnPhase::CompleteAbort, true),
    ] {
        for restarts in [false, true] {
            let mut bench = Bench::new();
            let me = story(&mut bench);
            assert_eq!(bench.phase(), Some(phase));
            let last = bench.now;
            bench.now = Time(last.0 + week.0 - 1_000 * early);
            if restarts {
                bench.elect(); // who leads next reads from the log when it was used last
            }
            let events = bench.wake();
            let why = format!("{phase:?}, {early} ms before a week is over, another leader: {restarts}");
            assert_eq!(bench.phase(), (!forgotten).then_some(phase), "{why}");
            let said = events.iter().any(|event| matches!(event, Event::Txn(TxnEvent::Forgotten { .. })));
            assert!(said == forgotten || restarts, "{why}");
            if forgotten {
                assert_eq!(bench.add(me).map(|_| ()), Err(Refusal::Unknown), "{why}");
                bench.elect();
                assert_eq!(bench.phase(), None, "the next coordinator does not know it either");
                let new = bench.init();
                assert!(new.0 != me.0 && new.1 == 0, "another number, and the first epoch: {new:?}");
            }
        }
    }
    let mut bench = Bench::new();
    ongoing(&mut bench);
    bench.now = bench.now + week;
    bench.wake();
    assert_eq!(bench.phase(), Some(TxnPhase::CompleteAbort), "what is open is aborted, and not forgotten");
    bench.now = bench.now + week;
    bench.wake();
    assert_eq!(bench.phase(), None, "a week after that it is");
}

#[test]
fn the_next_coordinator_knows_as_much() {
    let mut bench = Bench::new();
    let me = bench.init();
    assert_eq!(bench.add(me).map(|_| ()), ADDED);
    assert_eq!(bench.produce(me, 0), Ok(Offset(0)));
    bench.elect();
    assert_eq!(bench.phase(), Some(TxnPhase::Ongoing));
    let next = (me.0, 1);
    assert_eq!(bench.end(me, true), Ok(next));
    bench.elect();
    assert_eq!(bench.end(me, true), Ok(next), "it asks the next one how it ended");
    assert_eq!(bench.fetch(), (Offset(2), vec![]));
}

#[test]
fn a_marker_is_written_once_and_only_by_the_present_coordinator() {
    let mut bench = Bench::new();
    let me = bench.init();
    assert_eq!(bench.add(me).map(|_| ()), ADDED);
    assert_eq!(bench.produce(me, 0), Ok(Offset(0)));
    let mark = |epoch, coordinator| {
        let marker = Marker { producer: me.0, epoch, coordinator: Epoch(coordinator), commit: true };
        TxnRequest::Mark { partition: bills(), marker }
    };
    let marked: Result<String, Refusal> = Ok("Txn(Marked)".into());
    let said = |reply: Result<Reply, Refusal>| reply.map(|reply| format!("{reply:?}"));
    assert_eq!(said(bench.txn(mark(1, 5))), marked);
    assert_eq!(bench.fetch(), (Offset(2), vec![]));
    assert_eq!(said(bench.txn(mark(1, 5))), marked, "a copy of it");
    assert_eq!(bench.fetch(), (Offset(2), vec![]), "nothing is written");
    assert_eq!(said(bench.txn(mark(2, 4))), Err(Refusal::CoordinatorFenced));
    assert_eq!(said(bench.txn(mark(0, 5))), Err(Refusal::ProducerEpoch));
    // In the next epoch another transaction is open: a late copy must not end it.
    assert_eq!(bench.produce((me.0, 1), 0), Ok(Offset(2)));
    assert_eq!(said(bench.txn(mark(1, 5))), marked);
    assert_eq!(bench.fetch(), (Offset(2), vec![]), "it is still open");
}

/// Only a member may commit what it reads.
#[test]
fn offsets_wait_for_the_end_and_come_from_members_alone() {
    let mut bench = Bench::new();
    let me = bench.init();
    let (group, at) = (name("billers"), bills());
    let commit =
        |who| TxnRequest::CommitOffsets { who, group: group.clone(), offsets: vec![(at.clone(), Offset(7))] };
    assert_eq!(bench.txn(commit(who(me))).map(|_| ()), Err(Refusal::NotAMember));
    let beat = |epoch, owned| Request::Heartbeat {
        group: group.clone(),
        topic: name("bills"),
        epoch,
        owned,
        instance: None,
        assignor: None,
    };
    let Reply::Membership { epoch, .. } = bench.ask(beat(Epoch(0), vec![])) else { panic!("it may join") };
    bench.ask(beat(epoch, vec![at.clone()]));
    let offsets = TxnRequest::AddOffsets { who: who(me), group: group.clone() };
    assert_eq!(bench.txn(offsets).map(|_| ()), ADDED);
    assert!(matches!(bench.txn(commit(who(me))), Ok(Reply::OffsetsStored)));
    let of = || Request::OffsetOf { group: group.clone(), partition: at.clone() };
    assert!(matches!(bench.ask(of()), Reply::OffsetIs(None)), "it is pending");
    // Whoever joins anew gets nothing whose offset is pending.
    let Reply::Membership { partitions, .. } = bench.ask(beat(Epoch(0), vec![])) else {
        panic!("it may join")
    };
    assert!(partitions.is_empty(), "{partitions:?}");
    assert_eq!(bench.end(me, true), Ok((me.0, 1)));
    assert!(matches!(bench.ask(of()), Reply::OffsetIs(Some(Offset(7)))));
    let Reply::Membership { partitions, .. } = bench.ask(beat(Epoch(0), vec![])) else {
        panic!("it may join")
    };
    assert_eq!(partitions, [(at.clone(), Some(Offset(7)))]);
}
