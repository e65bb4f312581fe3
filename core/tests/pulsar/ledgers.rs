//! Ledgers against a plain list: whatever crashes, what was acknowledged is there, in order, and of two who take
//! themselves for the owner only one acknowledges.

use std::collections::{BTreeMap, VecDeque};

use mqlab_core::ids::NodeId;
use mqlab_core::log::memory::MemoryStorage;
use mqlab_core::log::{Log as _, Storage};
use mqlab_core::systems::pulsar::ledger::{
    Bookie, BookieReply, BookieRequest, Effect, Entry, Goes, LedgerEnd, LedgerId, LedgerState, NotDone,
    Quorums, Replication, WriteSets,
};
use mqlab_core::systems::pulsar::{
    Expected, Message, MetadataStore, STORE_SESSION, StoreAnswer, StoreOp, StoreReply, Stored,
};
use mqlab_core::systems::{Input, Out};
use mqlab_core::time::Time;
use proptest::prelude::*;

use crate::ledger_run::{Disk, LEDGER, OWNER, Run, Step, bookie, payload, step};

#[test]
fn write_sets_go_round_the_ensemble() {
    let sets = WriteSets(Quorums::new(4, 3, 2).expect("fine"));
    for (entry, places) in [(0, [0, 1, 2]), (1, [1, 2, 3]), (2, [2, 3, 0]), (3, [3, 0, 1]), (4, [0, 1, 2])] {
        assert_eq!(sets.of(entry).collect::<Vec<_>>(), places, "entry {entry}");
    }
    for (numbers, good) in [
        ((2, 2, 2), true),
        ((3, 2, 2), true),
        ((3, 3, 1), true),
        ((2, 3, 2), false),
        ((3, 2, 3), false),
        ((1, 1, 0), false),
    ] {
        assert_eq!(Quorums::new(numbers.0, numbers.1, numbers.2).is_ok(), good, "{numbers:?}");
    }
    // (E, Qw, Qa), how many of the ensemble may be missing before some write set is not fenced: one bookie in each suffices
    // where all must acknowledge.
    for ((e, w, a), fencing) in [((3, 3, 2), 2), ((2, 2, 2), 1), ((4, 3, 3), 1), ((5, 3, 2), 2)] {
        assert_eq!(Quorums::new(e, w, a).expect("fine").fencing(), fencing);
    }
    let sets = WriteSets(Quorums::new(4, 2, 2).expect("fine"));
    assert!(sets.all_have(1, |place| place % 2 == 0), "0 and 2 are in every pair");
    assert!(!sets.all_have(1, |place| place < 2), "2 and 3 have neither");
}

fn quorums() -> impl Strategy<Value = Quorums> {
    prop_oneof![Just((2, 2, 2)), Just((3, 3, 2)), Just((3, 2, 2)), Just((4, 3, 3)), Just((4, 3, 2))]
        .prop_map(|(ensemble, write, ack)| Quorums::new(ensemble, write, ack).expect("fine"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]
    #[test]
    fn nothing_that_was_acknowledged_is_lost(
        quorums in quorums(),
        spare in 0_u16..3,
        steps in prop::collection::vec(step(), 1..200),
    ) {
        let mut run = Run::new(quorums, quorums.ensemble + quorums.ack - 1 + spare);
        for step in &steps {
            run.step(step);
        }
        run.check();
    }
}

#[test]
fn the_old_owner_is_told_that_it_is_none() {
    let mut run = Run::new(Quorums::new(3, 3, 2).expect("fine"), 3);
    (0..5).for_each(|_| run.step(&Step::Add));
    run.come_to_rest();
    assert_eq!(run.owners[0].acknowledged, Some(4));
    run.take_over();
    run.come_to_rest();
    assert_eq!(run.owners[1].end, Some(LedgerEnd::Closed { last: Some(4) }));
    run.step(&Step::Add); // it has heard of nothing
    run.come_to_rest();
    assert_eq!((run.owners[0].acknowledged, &run.owners[0].end), (Some(4), &Some(LedgerEnd::Fenced)));
    assert_eq!(run.cluster.read().len(), 5, "what came too late is not in it");
}

#[test]
fn an_entry_needs_all_before_it() {
    let mut run = Run::new(Quorums::new(3, 2, 2).expect("fine"), 3);
    (0..3).for_each(|_| run.step(&Step::Add)); // 0: B1 B2, 1: B2 B3, 2: B3 B1
    for (number, serves) in [(1, 2), (2, 2)] {
        (0..serves).for_each(|_| {
            run.step(&Step::Serve(0, number));
            run.step(&Step::Hear(0, number));
        });
    }
    assert_eq!(run.owners[0].acknowledged, None, "1 has both answers, and waits for 0");
    run.step(&Step::Serve(0, 0));
    run.step(&Step::Hear(0, 0));
    assert_eq!(run.owners[0].acknowledged, Some(1));
}

#[test]
fn a_failed_bookie_is_replaced_from_the_first_entry_that_is_not_acknowledged() {
    let mut run = Run::new(Quorums::default(), 3);
    run.step(&Step::Add);
    run.come_to_rest();
    run.step(&Step::Add);
    run.step(&Step::Crash(1));
    run.come_to_rest();
    assert_eq!(run.owners[0].acknowledged, Some(1));
    let expected = BTreeMap::from([(0, vec![bookie(1), bookie(2)]), (1, vec![bookie(1), bookie(3)])]);
    assert_eq!(run.cluster.metadata().fragments, expected);
}

#[test]
fn without_another_bookie_the_writer_closes_and_a_recovery_waits() {
    let mut run = Run::new(Quorums::default(), 2);
    run.step(&Step::Add);
    run.come_to_rest();
    run.step(&Step::Add);
    run.step(&Step::Crash(0));
    run.come_to_rest();
    assert_eq!(run.owners[0].end, Some(LedgerEnd::Closed { last: Some(0) }), "1 is in no ledger");

    let mut run = Run::new(Quorums::default(), 2);
    run.step(&Step::Add);
    run.come_to_rest();
    run.cluster.crash(bookie(1));
    run.take_over();
    run.come_to_rest();
    // Qw - Qa + 1 = 1: one bookie is enough to fence both, but where entry 0 is to be copied to there is nobody.
    assert_eq!(run.owners[1].end, Some(LedgerEnd::NotEnoughBookies));
    run.cluster.restart(bookie(1));
    run.check();
}

#[test]
fn what_a_lost_bookie_had_is_copied_and_a_new_one_gets_nothing_else() {
    let quorums = Quorums::new(3, 2, 2).expect("fine");
    let mut run = Run::new(quorums, 4);
    (0..7).for_each(|_| run.step(&Step::Add));
    run.step(&Step::Close);
    run.come_to_rest();
    let held = |run: &Run, number| -> Vec<u64> {
        let Some(Some(bookie)) = run.cluster.bookies.get(&bookie(number)) else { return vec![] };
        bookie.entries().flat_map(|(_, entries)| entries).collect()
    };
    // It was asked to close before anything was acknowledged, so it closed empty; who wants more waits first.
    assert_eq!(run.cluster.metadata().state, LedgerState::Closed { last: None });

    let mut run = Run::new(quorums, 4);
    (0..7).for_each(|_| run.step(&Step::Add));
    run.come_to_rest();
    run.step(&Step::Close);
    run.come_to_rest();
    assert_eq!(run.owners[0].end, Some(LedgerEnd::Closed { last: Some(6) }));
    assert_eq!(held(&run, 4), [0; 0], "a bookie that is there moves nothing");
    run.cluster.crash(bookie(2));
    let alive = run.cluster.alive();
    assert!(run.cluster.metadata().is_under_replicated(&alive));

    let worker = NodeId::Broker(8);
    let (mut out, mut end) = (Vec::new(), None);
    let mut copying = Replication::begin(LEDGER, bookie(2), &alive, &mut out);
    while end.is_none() {
        assert!(!out.is_empty(), "it gets on");
        for effect in std::mem::take(&mut out) {
            match effect {
                Effect::Store(op) => {
                    let answer = run.cluster.store.apply(Time::ZERO, worker, op);
                    copying.on_store(&answer, &mut out);
                }
                Effect::Ask(to, request) => {
                    run.cluster.send(worker, to, Message::ToBookie(request));
                    run.cluster.serve(worker, to);
                    let answer = run.cluster.ways.get_mut(&(to, worker)).and_then(VecDeque::pop_front);
                    let Some(Message::FromBookie(reply)) = answer else { panic!("{to} is alive") };
                    copying.on_reply(to, reply, &mut out);
                }
                Effect::Ended(how) => end = Some(how),
                Effect::Acknowledged { .. } => panic!("it writes nothing of its own"),
            }
        }
    }
    assert_eq!(end, Some(LedgerEnd::Replicated));
    assert!(!run.cluster.metadata().is_under_replicated(&alive));
    assert_eq!(held(&run, 4), [0, 1, 3, 4, 6], "those that were on it, and no others");
    assert_eq!(run.cluster.read(), (0..7).map(|number| Some(payload(number))).collect::<Vec<_>>());
}

fn ask<S: Storage>(bookie: &mut Bookie<S>, request: BookieRequest) -> BookieReply {
    let mut out = Out::default();
    let message = Message::ToBookie(request);
    bookie.handle(Time::ZERO, Input::Message { from: OWNER, message }, &mut out);
    match out.sends.pop() {
        Some((OWNER, Message::FromBookie(reply))) => reply,
        other => panic!("no answer: {other:?}"),
    }
}

fn entry(ledger: u64, entry: u64, lac: Option<u64>) -> Entry {
    Entry { ledger: LedgerId(ledger), entry, lac, payload: payload(entry) }
}

fn add(entry: Entry, recovery: bool) -> BookieRequest {
    BookieRequest::Add { entry, recovery }
}

fn added(ledger: u64, entry: u64, done: Result<(), NotDone>) -> BookieReply {
    BookieReply::Added { ledger: LedgerId(ledger), entry, done }
}

fn fenced(lac: Option<u64>) -> BookieReply {
    BookieReply::Fenced { ledger: LedgerId(1), lac }
}

/// What a bookie answers, over a restart and a power cut.
#[test]
fn a_bookie_remembers_what_it_has_answered() {
    let mut bookie = Bookie::open(Disk::new(MemoryStorage::default())).expect("opens");
    for (ledger, number) in [(1, 0), (2, 5), (1, 1)] {
        let done = ask(&mut bookie, add(entry(ledger, number, number.checked_sub(1)), false));
        assert_eq!(done, added(ledger, number, Ok(())));
    }
    assert_eq!(ask(&mut bookie, BookieRequest::Fence { ledger: LedgerId(1) }), fenced(Some(0)));
    bookie.settle(Time::ZERO, &mut Out::default()).expect("the disk is sound");
    ask(&mut bookie, add(entry(2, 6, Some(5)), false)); // not flushed
    let mut disk = bookie.into_storage().expect("closes");
    disk.cut_power(|_, bytes| bytes - 1).expect("memory survives"); // the word of 2:6 survives, its payload does not
    let mut bookie = Bookie::open(disk).expect("opens");
    let have: Vec<(u64, Vec<u64>)> =
        bookie.entries().map(|(ledger, all)| (ledger.0, all.collect())).collect();
    assert_eq!(have, [(1, vec![0, 1]), (2, vec![5])]);

    assert_eq!(ask(&mut bookie, add(entry(1, 2, Some(1)), false)), added(1, 2, Err(NotDone::Fenced)));
    assert_eq!(ask(&mut bookie, add(entry(1, 2, Some(1)), true)), added(1, 2, Ok(())), "recovery may");
    assert_eq!(ask(&mut bookie, BookieRequest::Fence { ledger: LedgerId(1) }), fenced(Some(1)));
    let read = |ledger, entry| BookieRequest::Read { ledger: LedgerId(ledger), entry, fence: false };
    let BookieReply::Found { found, .. } = ask(&mut bookie, read(1, 1)) else {
        panic!("an answer to a read")
    };
    assert_eq!(found, Ok(entry(1, 1, Some(0))));
    let BookieReply::Found { found, .. } = ask(&mut bookie, read(2, 6)) else {
        panic!("an answer to a read")
    };
    assert_eq!(found, Err(NotDone::NoEntry));
    let fencing = BookieRequest::Read { ledger: LedgerId(2), entry: 5, fence: true };
    assert!(matches!(ask(&mut bookie, fencing), BookieReply::Found { found: Ok(_), .. }));
    assert_eq!(ask(&mut bookie, add(entry(2, 6, None), false)), added(2, 6, Err(NotDone::Fenced)));

    // What is deleted is gone for good, and its room is given back from the front.
    ask(&mut bookie, BookieRequest::Delete { ledger: LedgerId(1), why: Goes::NotNeeded });
    bookie.settle(Time::ZERO, &mut Out::default()).expect("the disk is sound");
    let bookie = Bookie::open(bookie.into_storage().expect("closes")).expect("opens");
    let have: Vec<(u64, Vec<u64>)> =
        bookie.entries().map(|(ledger, all)| (ledger.0, all.collect())).collect();
    assert_eq!(have, [(2, vec![5])]);
}

#[test]
fn a_fence_outlives_its_ledger_for_a_while() {
    let mut bookie = Bookie::open(MemoryStorage::default()).expect("opens");
    assert_eq!(ask(&mut bookie, add(entry(1, 0, None), false)), added(1, 0, Ok(())));
    assert_eq!(ask(&mut bookie, BookieRequest::Fence { ledger: LedgerId(1) }), fenced(None));
    ask(&mut bookie, BookieRequest::Delete { ledger: LedgerId(1), why: Goes::NotNeeded });
    let settle = |bookie: &mut Bookie<MemoryStorage>, ms: u64| {
        bookie.settle(Time(ms * 1_000), &mut Out::default()).expect("the disk is sound");
    };
    settle(&mut bookie, 0);
    let late = add(entry(1, 1, Some(0)), false);
    assert_eq!(ask(&mut bookie, late.clone()), added(1, 1, Err(NotDone::Fenced)));

    // Who opens the journal finds it, too; when a quarter of an hour (a hundredth of it) is over, its room is given back.
    let mut bookie = Bookie::open(bookie.into_storage().expect("closes")).expect("opens");
    settle(&mut bookie, 100);
    settle(&mut bookie, 9_099);
    assert_eq!(ask(&mut bookie, late), added(1, 1, Err(NotDone::Fenced)));
    settle(&mut bookie, 9_100);
    assert!(!bookie.is_fenced(LedgerId(1)));
    let (_, journal) = bookie.disk();
    assert_eq!(journal.start(), journal.end());
}

#[test]
fn of_two_who_change_a_value_one_must_look_again() {
    let mut store = MetadataStore::open(MemoryStorage::default(), STORE_SESSION, Time::ZERO).expect("opens");
    let put = |path: &str, expected, ephemeral| StoreOp::Put {
        path: path.into(),
        value: "v".into(),
        expected,
        ephemeral,
    };
    let written = |version| StoreAnswer::Written { version };
    let (one, two) = (NodeId::Broker(1), NodeId::Broker(2));
    let at = |ms: u64| Time(ms * 1_000);
    let table = [
        (0, one, put("a", Expected::Version(0), false), StoreAnswer::Conflict),
        (0, one, put("a", Expected::Absent, false), written(0)),
        (0, two, put("a", Expected::Absent, false), StoreAnswer::Conflict),
        (0, one, put("a", Expected::Version(0), false), written(1)),
        (0, two, put("a", Expected::Version(0), false), StoreAnswer::Conflict),
        (0, two, put("a", Expected::Any, false), written(2)),
        (0, two, StoreOp::Next { path: "n".into() }, StoreAnswer::Number(0)),
        (0, one, StoreOp::Next { path: "n".into() }, StoreAnswer::Number(1)),
        (0, one, put("owner/t", Expected::Absent, true), written(0)),
        (
            0,
            two,
            StoreOp::Watch { prefix: "owner/".into() },
            StoreAnswer::All(vec![(
                "owner/t".into(),
                Stored { value: "v".into(), version: 0, owner: Some(one) },
            )]),
        ),
        (20_000, one, StoreOp::Ping, StoreAnswer::Pong),
        (49_999, two, put("owner/t", Expected::Absent, true), StoreAnswer::Conflict),
        (
            49_999,
            two,
            StoreOp::Delete { path: "a".into(), expected: Expected::Version(1) },
            StoreAnswer::Conflict,
        ),
        (
            49_999,
            two,
            StoreOp::Delete { path: "a".into(), expected: Expected::Version(2) },
            StoreAnswer::Deleted,
        ),
    ];
    for (ms, node, op, expected) in table {
        assert_eq!(store.apply(at(ms), node, op.clone()), expected, "{op:?} by {node} at {ms} ms");
    }
    let storage = store.clone().into_storage().expect("closes");
    assert_eq!(store.next_wakeup(), Some(at(50_000)));
    let mut out = Out::default();
    store.handle(at(50_000), Input::Wake, &mut out);
    let gone = StoreReply::Changed { path: "owner/t".into(), now: None };
    assert_eq!(out.sends, [(two, Message::FromStore(gone))], "who watches is told");
    // After a restart it has what it had, and sessions begin anew.
    let mut store = MetadataStore::open(storage, STORE_SESSION, at(60_000)).expect("opens");
    assert_eq!(store.apply(at(60_000), two, StoreOp::Next { path: "n".into() }), StoreAnswer::Number(2));
    assert_eq!(store.next_wakeup(), Some(at(90_000)));
}

#[test]
fn a_store_that_has_written_its_log_anew_says_the_same() {
    let mut store = MetadataStore::open(MemoryStorage::default(), STORE_SESSION, Time::ZERO).expect("opens");
    for number in 0..5_000_u64 {
        let path = format!("path/{}", number % 3);
        let op = match number % 7 {
            6 => StoreOp::Delete { path, expected: Expected::Any },
            _ => StoreOp::Put {
                path,
                value: format!("{number}").into(),
                expected: Expected::Any,
                ephemeral: number % 5 == 0,
            },
        };
        store.apply(Time::ZERO, OWNER, op);
        store.settle(Time::ZERO, &mut Out::default()).expect("memory is sound");
    }
    let all = |store: &mut MetadataStore<MemoryStorage>| {
        store.apply(Time::ZERO, OWNER, StoreOp::List { prefix: "path/".into() })
    };
    let before = all(&mut store);
    let mut storage = store.into_storage().expect("closes");
    let name = storage.names().expect("memory is sound").remove(0);
    let log = storage.open(&name).expect("opens");
    assert!(log.end().0 - log.start().0 < 2_000, "{} of 5,000 records are kept", log.end().0 - log.start().0);
    storage.close(&name, log).expect("closes");
    let mut store = MetadataStore::open(storage, STORE_SESSION, Time::ZERO).expect("opens");
    assert_eq!(all(&mut store), before);
}
