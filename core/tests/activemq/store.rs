//! The store that brokers share: its lock, the lease, and what comes too late.

use super::*;
use mqlab_core::ids::{LogName, Name, NodeId, Offset};
use mqlab_core::log::contract::batch;
use mqlab_core::log::faulty::{Condition, FaultyStorage};
use mqlab_core::log::{Log, Storage};
use mqlab_core::observe::Event;
use mqlab_core::systems::activemq::protocol::{StoreReply, StoreRequest};
use mqlab_core::systems::activemq::{JournalSync, LogOp, StoreOp, StoreServer};

type Disk = FaultyStorage<MemoryStorage>;

const FIRST: NodeId = NodeId::Broker(1);
const SECOND: NodeId = NodeId::Broker(2);

fn open(disk: Disk, incarnation: u64, sync: JournalSync) -> StoreServer<Disk> {
    StoreServer::open(disk, incarnation, span(200), sync).expect("memory opens")
}

fn ask(
    store: &mut StoreServer<Disk>,
    at: u64,
    from: NodeId,
    request: StoreRequest,
) -> (StoreReply, Vec<String>) {
    let mut events = Vec::new();
    let reply = store.handle(ms(at), from, request, &mut events).expect("memory does not fail");
    store.settle(ms(at)).expect("memory does not fail");
    (reply.expect("an answer"), events.iter().map(Event::to_string).collect())
}

fn lock(store: &mut StoreServer<Disk>, at: u64, from: NodeId) -> Option<u64> {
    match ask(store, at, from, StoreRequest::Lock).0 {
        StoreReply::Locked { token, .. } => Some(token),
        _ => None,
    }
}

fn queue() -> LogName {
    LogName::Queue(Name::new("q").expect("a legal name"))
}

fn write(token: u64, number: u64, base: u64) -> StoreRequest {
    let ops = [StoreOp { log: queue(), op: LogOp::Append(batch(base, 1)) }].into();
    StoreRequest::Write { token, number, ops, facts: Vec::new() }
}

#[test]
fn one_broker_has_the_lock_until_it_is_silent_for_a_lease() {
    let mut store = open(Disk::default(), 1, JournalSync::Always);
    let token = lock(&mut store, 0, FIRST).expect("it was free");
    assert_eq!(lock(&mut store, 199, SECOND), None);
    assert_eq!(ask(&mut store, 150, FIRST, StoreRequest::KeepAlive { token }).0, StoreReply::Kept { token });
    assert_eq!(lock(&mut store, 349, SECOND), None);
    // What it writes says, too, that it is there.
    assert_eq!(ask(&mut store, 340, FIRST, write(token, 1, 0)).0, StoreReply::Written { token, number: 1 });
    assert_eq!(lock(&mut store, 539, SECOND), None);
    let (locked, told) = ask(&mut store, 540, SECOND, StoreRequest::Lock);
    let StoreReply::Locked { token: next, mut contents, .. } = locked else { panic!("the lease is over") };
    assert!(next > token);
    assert_eq!(told, ["took the lock from broker-1: its lease is over", "gave the lock to broker-2"]);
    assert_eq!(contents.open(&queue()).expect("memory opens").end(), Offset(1), "it has what was written");
    // Who stood still meanwhile is refused, and nothing is done.
    for late in [write(token, 2, 1), StoreRequest::KeepAlive { token }] {
        assert_eq!(ask(&mut store, 541, FIRST, late).0, StoreReply::LockLost { token });
    }
    assert_eq!(
        ask(&mut store, 542, SECOND, write(next, 1, 1)).0,
        StoreReply::Written { token: next, number: 1 }
    );
}

#[test]
fn a_broken_connection_frees_the_lock_and_a_restart_forgets_it() {
    let mut store = open(Disk::default(), 1, JournalSync::Always);
    let first = lock(&mut store, 0, FIRST).expect("it was free");
    store.hang_up(SECOND, &mut Vec::new());
    assert_eq!(store.holder(), Some(FIRST), "another one's connection");
    let mut events = Vec::new();
    store.hang_up(FIRST, &mut events);
    assert_eq!((store.holder(), events.len()), (None, 1));
    let second = lock(&mut store, 1, SECOND).expect("it is free");
    ask(&mut store, 2, SECOND, write(second, 1, 0));
    let disk = store.close().expect("memory closes");
    let mut store = open(disk, 2, JournalSync::Always);
    assert_eq!(ask(&mut store, 3, SECOND, write(second, 2, 1)).0, StoreReply::LockLost { token: second });
    let third = lock(&mut store, 4, FIRST).expect("nobody has it");
    assert!(first < second && second < third, "no token is given twice");
}

#[test]
fn a_power_cut_takes_what_the_journal_did_not_flush() {
    let every = JournalSync::Periodic(span(10));
    for (sync, until, kept) in
        [(JournalSync::Always, 2, 2), (JournalSync::Never, 50, 0), (every, 5, 0), (every, 20, 2)]
    {
        let mut store = open(Disk::default(), 1, sync);
        let token = lock(&mut store, 0, FIRST).expect("it was free");
        for number in 1..=2 {
            ask(&mut store, number, FIRST, write(token, number, number - 1));
        }
        store.settle(ms(until)).expect("memory does not fail");
        let mut disk = store.close().expect("memory closes");
        disk.cut_power(|_, _| 0).expect("memory can be cut");
        assert_eq!(disk.open(&queue()).expect("memory opens").end(), Offset(kept), "{sync:?} {until}");
    }
}

#[test]
fn a_full_store_says_so_and_takes_nothing() {
    let mut disk = Disk::default();
    disk.set_condition(Condition::Full);
    let mut store = open(disk, 1, JournalSync::Always);
    let token = lock(&mut store, 0, FIRST).expect("it was free");
    assert_eq!(ask(&mut store, 1, FIRST, write(token, 1, 0)).0, StoreReply::NoSpace { token });
    assert_eq!(store.holder(), Some(FIRST));
    assert!(
        store.handle(ms(2), FIRST, StoreRequest::Unlock { token }, &mut Vec::new()).expect("fine").is_none()
    );
    assert_eq!(store.holder(), None);
}
