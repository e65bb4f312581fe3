//! The vectors of Kafka's replication rules, on one broker that is fed by hand: how the high watermark and the
//! in-sync set move as followers fetch, and what a fetch is answered with.

use std::sync::Arc;

use mqlab_core::broker::{
    Acks, Broker, Fetch, Input, Isolation, Message, Out, PartitionState, ReplicaFetch, Reply, Request,
    Settings, View,
};
use mqlab_core::ids::{Epoch, Name, NodeId, Offset, PartitionId};
use mqlab_core::log::memory::MemoryStorage;
use mqlab_core::observe::Refusal;
use mqlab_core::record::{BatchBuilder, Batches, NewRecord, Producer};
use mqlab_core::time::{Span, Time};

const LEADER: NodeId = NodeId::Broker(1);
const F2: NodeId = NodeId::Broker(2);
const F3: NodeId = NodeId::Broker(3);

fn partition() -> PartitionId {
    PartitionId { topic: Name::new("t").expect("a legal name"), index: 0 }
}

fn records(count: usize) -> Batches {
    let mut builder = BatchBuilder::new();
    for _ in 0..count {
        builder.push(&NewRecord { value: Some("x".into()), ..NewRecord::default() }).expect("a small batch");
    }
    builder.build()
}

/// A leader, and the test in the place of everybody else.
struct Bench {
    broker: Broker<MemoryStorage>,
    view: View,
    request: u64,
    /// The number of the last request to the controller for another in-sync set.
    last_proposal: u64,
}

impl Bench {
    fn new() -> Self {
        Self::with(true)
    }

    /// With the watermark that stands still below the minimum, or without.
    fn with(strict_watermark: bool) -> Self {
        let settings = Settings {
            replica_lag_max: Span::from_millis(30_000),
            flush_before_reply: false,
            strict_watermark,
            ..Settings::default()
        };
        let broker = Broker::new(LEADER, 1, settings, MemoryStorage::default());
        let broker = broker.expect("memory does not fail").with_controller();
        let mut bench = Self { broker, view: View::default(), request: 0, last_proposal: 0 };
        bench.view.brokers.extend([LEADER, F2, F3].map(|broker| (broker, true)));
        bench.learn(0, Some(LEADER), 1, &[LEADER, F2, F3]);
        bench
    }

    /// The controller says how the partition stands.
    fn learn(&mut self, now: u64, leader: Option<NodeId>, epoch: u32, in_sync: &[NodeId]) -> Vec<Reply> {
        self.view.version += 1;
        let state = PartitionState {
            in_sync: in_sync.into(),
            leader,
            epoch: Epoch(epoch),
            version: self.view.version,
            ..PartitionState::new([LEADER, F2, F3].into(), 2)
        };
        self.view.partitions.insert(partition(), state);
        let message = Message::Cluster(Arc::new(self.view.clone()));
        self.hand(now, Input::Message { from: NodeId::Controller, message }).0
    }

    /// The controller hears these brokers only; it says so when it says next how the partition stands.
    fn alive(&mut self, brokers: &[NodeId]) {
        self.view.brokers = [LEADER, F2, F3].map(|broker| (broker, brokers.contains(&broker))).into();
    }

    /// Hands over an input at a time in milliseconds; returns the replies, and the in-sync sets proposed.
    fn hand(&mut self, now: u64, input: Input) -> (Vec<Reply>, Vec<Vec<NodeId>>) {
        let mut out = Out::default();
        let now = Time::ZERO + Span::from_millis(now);
        self.broker.handle(now, input, &mut out);
        self.broker.settle(now, &mut out).expect("memory does not fail");
        let (mut replies, mut proposals) = (Vec::new(), Vec::new());
        for envelope in out.sends {
            match envelope.message.load().expect("memory does not fail") {
                Message::Reply(_, reply) => replies.push(reply),
                Message::Request(id, Request::SetInSync { in_sync, .. }) => {
                    self.last_proposal = id;
                    proposals.push(in_sync);
                }
                _ => {}
            }
        }
        (replies, proposals)
    }

    fn ask(&mut self, now: u64, from: NodeId, request: Request) -> (Vec<Reply>, Vec<Vec<NodeId>>) {
        self.request += 1;
        let message = Message::Request(self.request, request);
        self.hand(now, Input::Message { from, message })
    }

    fn produce(&mut self, now: u64, acks: Acks, count: usize) -> Vec<Reply> {
        let request = Request::Produce { partition: partition(), acks, batches: records(count) };
        self.ask(now, NodeId::Producer(1), request).0
    }

    /// A fetch that does not wait; `replica` is the follower's (leader epoch, last epoch).
    fn fetch(
        &mut self,
        now: u64,
        who: NodeId,
        from: u64,
        replica: Option<(u32, u32)>,
    ) -> (Vec<Reply>, Vec<Vec<NodeId>>) {
        let replica = replica.map(|(leader_epoch, last_epoch)| ReplicaFetch {
            leader_epoch: Epoch(leader_epoch),
            last_epoch: (from > 0).then_some(Epoch(last_epoch)),
        });
        let fetch = Fetch {
            partition: partition(),
            from: Offset(from),
            bytes_max: u32::MAX,
            bytes_min: 0,
            wait_max: Span::ZERO,
            filter: None,
            rack: None,
            replica,
            isolation: Isolation::Uncommitted,
        };
        self.ask(now, who, Request::Fetch(fetch))
    }

    /// A follower's fetch; returns the high watermark that it is told.
    fn follow(&mut self, now: u64, who: NodeId, from: u64) -> u64 {
        match self.fetch(now, who, from, Some((1, 1))).0.last() {
            Some(Reply::Fetched { high_watermark, .. }) => high_watermark.0,
            other => panic!("a follower's fetch from {from} was answered with {other:?}"),
        }
    }

    /// The leader's end and high watermark.
    fn marks(&self) -> (u64, u64) {
        let marks = self.broker.marks(&partition()).expect("it keeps the partition");
        (marks.end.0, marks.high_watermark.0)
    }
}

#[test]
fn high_watermark_and_in_sync_set() {
    let mut bench = Bench::new();
    assert!(bench.produce(0, Acks::All, 3).is_empty(), "acks=all waits for the followers");
    assert_eq!(bench.marks(), (3, 0));
    assert_eq!(bench.follow(20, F2, 3), 0);
    assert_eq!(bench.marks(), (3, 0), "one follower is not all in sync");
    assert_eq!(bench.follow(30, F3, 3), 0, "a follower is told the mark from before its fetch");
    assert_eq!(bench.marks(), (3, 3));
    assert_eq!(bench.follow(40, F2, 3), 3, "and the new one with the next");
    bench.produce(50, Acks::All, 2);
    bench.follow(60, F2, 5);
    assert_eq!(bench.marks(), (5, 3));

    // Follower 3 had everything last at 30 ms: 30 seconds later it is taken out.
    let (_, proposals) = bench.hand(30_000, Input::Wake);
    assert!(proposals.is_empty(), "a follower may lag for the whole time");
    bench.follow(30_040, F2, 5);
    let (_, proposals) = bench.hand(45_050, Input::Wake);
    assert_eq!(proposals, [vec![LEADER, F2]]);
    assert_eq!(bench.marks(), (5, 3), "until the controller agrees the larger set counts");
    let replies = bench.learn(45_051, Some(LEADER), 1, &[LEADER, F2]);
    assert_eq!(bench.marks(), (5, 5));
    assert!(
        matches!(replies[..], [Reply::Stored { base: Offset(3) }]),
        "whoever waited is answered: {replies:?}"
    );

    // It comes back: below the mark it is not in sync, at the mark it is.
    let (_, proposals) = bench.fetch(45_060, F3, 3, Some((1, 1)));
    assert!(proposals.is_empty());
    let (_, proposals) = bench.fetch(45_100, F3, 5, Some((1, 1)));
    assert_eq!(proposals, [vec![LEADER, F2, F3]]);
    bench.produce(45_110, Acks::Leader, 1);
    bench.follow(45_120, F2, 6);
    assert_eq!(bench.marks(), (6, 5), "a follower that may be let in counts already");
}

#[test]
fn too_few_in_sync_are_refused_and_nothing_is_written() {
    let mut bench = Bench::new();
    bench.learn(1, Some(LEADER), 1, &[LEADER]);
    let replies = bench.produce(2, Acks::All, 1);
    assert!(matches!(replies[..], [Reply::Refused(Refusal::NotEnoughReplicas)]), "{replies:?}");
    assert_eq!(bench.marks(), (0, 0));
    let replies = bench.produce(3, Acks::Leader, 1);
    assert!(matches!(replies[..], [Reply::Stored { .. }]), "acks=1 does not ask for the minimum");
    assert_eq!(bench.marks(), (1, 0), "and yet nothing is committed below the minimum");
}

#[test]
fn too_few_in_sync_after_the_append_is_said_or_waited_for() {
    for strict in [true, false] {
        let mut bench = Bench::with(strict);
        assert!(bench.produce(1, Acks::All, 1).is_empty(), "three are in sync: it is written");
        bench.alive(&[LEADER]);
        let replies = bench.learn(2, Some(LEADER), 1, &[LEADER]);
        if strict {
            assert_eq!((replies.len(), bench.marks()), (0, (1, 0)), "nothing is committed below the minimum");
            bench.alive(&[LEADER, F2]);
            let replies = bench.learn(3, Some(LEADER), 1, &[LEADER, F2]);
            assert!(replies.is_empty(), "{replies:?}");
            let (replies, _) = bench.fetch(4, F2, 1, Some((1, 1)));
            assert!(matches!(replies[..], [Reply::Stored { .. }, Reply::Fetched { .. }]), "{replies:?}");
        } else {
            let refused = [Reply::<Batches>::Refused(Refusal::NotEnoughReplicasAfterAppend)];
            assert_eq!(format!("{replies:?}"), format!("{refused:?}"));
            assert_eq!(bench.marks(), (1, 1), "it is there, and consumers may read it");
        }
    }
}

#[test]
fn a_follower_that_keeps_up_outside_the_set_is_waited_for() {
    // Follower 3 was taken out, and is on its way back: it lacks one message of two.
    let mut bench = Bench::new();
    bench.alive(&[LEADER, F2]);
    bench.learn(1, Some(LEADER), 1, &[LEADER, F2]);
    bench.produce(2, Acks::Leader, 1);
    bench.follow(3, F2, 1);
    assert_eq!(bench.marks(), (1, 1), "nobody waits for a dead one");
    bench.alive(&[LEADER, F2, F3]);
    bench.learn(3, Some(LEADER), 1, &[LEADER, F2]);
    let (_, proposals) = bench.fetch(4, F3, 1, Some((1, 1)));
    assert_eq!(proposals, [vec![LEADER, F2, F3]]);
    // The controller says no: and yet it keeps up, so the watermark waits for it.
    bench.hand(
        5,
        Input::Message {
            from: NodeId::Controller,
            message: Message::Reply(bench.last_proposal, Reply::Refused(Refusal::Stale)),
        },
    );
    bench.produce(6, Acks::Leader, 1);
    bench.follow(7, F2, 2);
    assert_eq!(bench.marks(), (2, 1), "it is about to return");
    bench.follow(8, F3, 2);
    assert_eq!(bench.marks(), (2, 2));
    // A dead one cannot return, however well it kept up.
    bench.alive(&[LEADER, F2]);
    bench.learn(9, Some(LEADER), 1, &[LEADER, F2]);
    bench.produce(10, Acks::Leader, 1);
    bench.follow(11, F2, 3);
    assert_eq!(bench.marks(), (3, 3));
}

#[test]
fn acks_say_when_the_answer_comes() {
    let mut bench = Bench::new();
    assert!(bench.produce(1, Acks::None, 1).is_empty());
    assert!(matches!(bench.produce(1, Acks::Leader, 1)[..], [Reply::Stored { base: Offset(1) }]));
    assert!(bench.produce(1, Acks::All, 1).is_empty());
    bench.follow(2, F2, 3);
    let (replies, _) = bench.fetch(2, F3, 3, Some((1, 1)));
    assert!(matches!(replies[..], [Reply::Stored { base: Offset(2) }, Reply::Fetched { .. }]), "{replies:?}");
}

#[test]
fn a_batch_that_comes_twice_is_written_once_and_answered_when_it_is_committed() {
    let mut bench = Bench::new();
    let send = |bench: &mut Bench, acks, sequence| {
        let mut builder = BatchBuilder::of(Producer { id: 7, epoch: 0, sequence });
        builder.push(&NewRecord::default()).expect("a small batch");
        let request = Request::Produce { partition: partition(), acks, batches: builder.build() };
        bench.ask(1, NodeId::Producer(1), request).0
    };
    assert!(send(&mut bench, Acks::All, 0).is_empty());
    assert!(send(&mut bench, Acks::All, 1).is_empty());
    assert!(send(&mut bench, Acks::All, 0).is_empty(), "known, and no more committed than before");
    let replies = send(&mut bench, Acks::Leader, 1);
    assert!(matches!(replies[..], [Reply::Stored { base: Offset(1) }]), "with acks=1 at once: {replies:?}");
    assert_eq!(bench.marks(), (2, 0));
    bench.follow(2, F2, 1);
    let (replies, _) = bench.fetch(2, F3, 1, Some((1, 1)));
    let stored = |base| move |reply: &&Reply| matches!(reply, Reply::Stored { base: at } if at.0 == base);
    assert_eq!(replies.iter().filter(stored(0)).count(), 2, "the first, and the second copy: {replies:?}");
    assert_eq!(replies.iter().filter(stored(1)).count(), 0);
    let replies = send(&mut bench, Acks::All, 0);
    assert!(matches!(replies[..], [Reply::Stored { base: Offset(0) }]), "{replies:?}");
    let replies = send(&mut bench, Acks::All, 5);
    assert!(matches!(replies[..], [Reply::Refused(Refusal::OutOfSequence)]), "{replies:?}");
    assert_eq!(bench.marks(), (2, 1));
}

#[test]
fn a_consumer_reads_below_the_high_watermark_only() {
    let mut bench = Bench::new();
    bench.produce(0, Acks::Leader, 2);
    let read = |bench: &mut Bench, from| match bench.fetch(1, NodeId::Consumer(1), from, None).0.pop() {
        Some(Reply::Fetched { batches, .. }) => batches.records().count(),
        other => panic!("a consumer's fetch was answered with {other:?}"),
    };
    assert_eq!(read(&mut bench, 0), 0);
    bench.follow(2, F2, 2);
    bench.follow(2, F3, 2);
    assert_eq!(read(&mut bench, 0), 2);
    let (replies, _) = bench.fetch(3, NodeId::Consumer(1), 3, None);
    assert!(matches!(replies[..], [Reply::Refused(Refusal::OffsetOutOfRange)]), "{replies:?}");
}

#[test]
fn a_log_that_went_its_own_way_is_told_where_they_parted() {
    // The leader has epoch 1 from 0 and epoch 3 from 6.
    let mut bench = Bench::new();
    bench.produce(0, Acks::Leader, 6);
    bench.learn(1, Some(LEADER), 3, &[LEADER, F2, F3]);
    bench.produce(2, Acks::Leader, 2);
    let mut ask = |from, last| bench.fetch(3, F2, from, Some((3, last))).0.pop();
    assert!(matches!(ask(9, 1), Some(Reply::Diverged { epoch: Epoch(1), end: Offset(6) })));
    assert!(matches!(ask(8, 2), Some(Reply::Diverged { epoch: Epoch(1), end: Offset(6) })));
    assert!(matches!(ask(6, 1), Some(Reply::Fetched { .. })), "epoch 1 ended there: nothing is wrong");
    assert!(matches!(ask(8, 3), Some(Reply::Fetched { .. })));
    let (replies, _) = bench.fetch(4, F2, 8, Some((2, 3)));
    assert!(
        matches!(replies[..], [Reply::Refused(Refusal::Stale)]),
        "a follower of an earlier reign: {replies:?}"
    );
    let (replies, _) = bench.fetch(4, F2, 8, Some((4, 3)));
    assert!(matches!(replies[..], [Reply::Refused(Refusal::NotLeader)]), "of a later one: {replies:?}");
}

#[test]
fn a_long_poll_waits_for_records_or_its_time() {
    let mut bench = Bench::new();
    let fetch = Fetch {
        partition: partition(),
        from: Offset(0),
        bytes_max: u32::MAX,
        bytes_min: 1,
        wait_max: Span::from_millis(100),
        filter: None,
        rack: None,
        replica: None,
        isolation: Isolation::Uncommitted,
    };
    assert!(bench.ask(0, NodeId::Consumer(1), Request::Fetch(fetch.clone())).0.is_empty(), "it waits");
    assert_eq!(bench.broker.next_wakeup().map(|at| at <= Time::ZERO + Span::from_millis(100)), Some(true));
    let (replies, _) = bench.hand(100, Input::Wake);
    assert!(matches!(&replies[..], [Reply::Fetched { batches, .. }] if batches.is_empty()), "{replies:?}");

    assert!(bench.ask(200, NodeId::Consumer(1), Request::Fetch(fetch)).0.is_empty());
    bench.produce(210, Acks::Leader, 1);
    bench.follow(220, F2, 1);
    let (replies, _) = bench.fetch(230, F3, 1, Some((1, 1)));
    let records =
        replies.iter().any(|reply| matches!(reply, Reply::Fetched { batches, .. } if !batches.is_empty()));
    assert!(records, "committed records end the waiting: {replies:?}");
}
