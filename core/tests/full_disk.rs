//! A full disk takes nothing and loses nothing: what was sent and settled waits in memory, within bounds, and is written
//! when there is room. And what a cursor says of leases survives its being written anew. (`queue_model` fills disks at
//! random moments; here are the bounds that a small model does not reach.)

#[path = "rigged/mod.rs"]
mod rigged;

use mqlab_core::ids::{LogName, Name, Offset};
use mqlab_core::log::{Log as _, LogError, Storage as _};
use mqlab_core::message::Message;
use mqlab_core::queue::{
    DeadLetter, Queue, QueueError, QueueOptions, Receipt, Standing, UNWRITTEN_BYTES_MAX,
};
use mqlab_core::time::{Span, Time};
use mqlab_core::vhost::{VhostError, VirtualHost};
use rigged::{Disk, Rigged};

const START: Time = Time::ZERO;
const MIB: usize = 1024 * 1024;
const MINUTE: Span = Span::from_millis(60_000);

type Open = Queue<<Rigged as mqlab_core::log::Storage>::Log>;

fn name() -> Name {
    Name::new("q").expect("a legal name")
}

fn open(storage: &mut Rigged, options: QueueOptions) -> Open {
    Queue::open(storage, name(), options, START).expect("memory opens")
}

fn new() -> (Rigged, Open) {
    let mut storage = Rigged::new(Disk::default());
    let queue = open(&mut storage, QueueOptions::default());
    (storage, queue)
}

fn is_full<T: std::fmt::Debug, E>(answer: Result<T, QueueError<E>>) -> bool {
    matches!(answer, Err(QueueError::Log(LogError::Full)))
}

/// The process ends without a word.
fn crashed(mut storage: Rigged, queue: Open) -> (Rigged, Open) {
    storage.rig.set_full(true);
    assert!(matches!(queue.close(&mut storage), Ok(()) | Err(LogError::Full)));
    storage.rig.set_full(false);
    let queue = open(&mut storage, QueueOptions::default());
    (storage, queue)
}

#[test]
fn what_finds_no_room_is_bounded_and_the_rest_is_refused_without_effect() {
    let (mut storage, mut queue) = new();
    queue.send(START, Message::new("kept")).expect("taken");
    queue.flush().expect("there is room");
    storage.rig.set_full(true);
    let mut taken = 0;
    while let Ok(sent) = queue.send(START, Message::new(vec![7; MIB])) {
        taken += 1;
        assert!(is_full(queue.flush()), "{sent:?} is not promised");
        assert!(taken < 100, "memory is bounded");
    }
    assert!(taken * MIB >= UNWRITTEN_BYTES_MAX && taken * MIB <= UNWRITTEN_BYTES_MAX + 2 * MIB);
    let before = (queue.stats(), queue.next());
    assert!(is_full(queue.send(START, Message::new("refused"))));
    assert_eq!((queue.stats(), queue.next()), before, "what is refused has no effect");
    // Who consumes goes on.
    let first = queue.receive(START).expect("no failure").expect("ready");
    queue.ack(START, first.tag).expect("it was just delivered");
    let second = queue.receive(START).expect("no failure").expect("also what is in no log yet");
    queue.ack(START, second.tag).expect("it was just delivered");
    assert!(is_full(queue.commit()));

    storage.rig.set_full(false);
    queue.flush().expect("there is room again");
    assert!(!queue.is_dirty());
    queue.send(START, Message::new("after")).expect("taken again");
    queue.flush().expect("there is room");
    queue.close(&mut storage).expect("closes");
    let mut queue = open(&mut storage, QueueOptions::default());
    assert_eq!(queue.stats().held, taken as u64 - 1 + 1);
    let last = queue.browse(START, usize::MAX).expect("no failure").pop().expect("some");
    assert_eq!(last.message.text(), "after");
}

#[test]
fn notes_that_find_no_room_are_bounded_and_no_acknowledgement_is_lost() {
    let (storage, mut queue) = new();
    for number in 0..4 {
        queue.send(START, Message::new(number.to_string())).expect("taken");
    }
    queue.flush().expect("there is room");
    storage.rig.set_full(true);
    let done = queue.receive(START).expect("no failure").expect("ready");
    queue.ack(START, done.tag).expect("it was just delivered");
    let leased = queue.lease(START, MINUTE).expect("no failure").expect("ready");
    assert!(is_full(queue.commit()));
    // Many more notes than are kept: two neighbours come and go in turn, so that no run grows.
    for _ in 0..100_000 {
        let [one, two] = [(), ()].map(|()| queue.receive(START).expect("no failure").expect("ready"));
        queue.nack(START, two.tag, true).expect("it was just delivered");
        queue.nack(START, one.tag, true).expect("it was just delivered");
    }
    assert!(is_full(queue.commit()) && queue.is_dirty());
    storage.rig.set_full(false);
    queue.flush().expect("there is room again");
    assert!(!queue.is_dirty());
    let (mut storage, mut queue) = crashed(storage, queue);
    let held: Vec<_> = queue.held().map(|held| (held.offset.0, held.deliveries)).collect();
    assert_eq!(held, [(1, 1), (2, 100_000), (3, 100_000)]);
    queue.ack_receipt(START, leased.receipt()).expect("the lease is remembered");
    let cursor = {
        queue.close(&mut storage).expect("closes");
        let log = storage.open(&LogName::QueueCursor(name())).expect("opens");
        log.end().0 - log.start().0
    };
    assert!(cursor < 100, "the cursor was written from what the queue holds: {cursor} records");
}

#[test]
fn leases_and_waits_survive_that_the_cursor_is_written_anew() {
    let (storage, mut queue) = new();
    for number in 0..3 {
        queue.send(START, Message::new(number.to_string())).expect("taken");
    }
    let leased = queue.lease(START, MINUTE).expect("no failure").expect("ready").receipt();
    let waits = queue.lease(START, MINUTE).expect("no failure").expect("ready").receipt();
    queue.nack_receipt(START, waits, Some(Span(2 * MINUTE.0))).expect("it was just leased");
    for _ in 0..6_000 {
        queue.send(START, Message::new("x")).expect("taken");
        let delivery = queue.receive(START).expect("no failure").expect("ready");
        queue.ack(START, delivery.tag).expect("it was just delivered");
        queue.commit().expect("written");
    }
    queue.flush().expect("written");
    let (_storage, mut queue) = crashed(storage, queue);
    let standings: Vec<_> = queue.held().take(2).map(|held| (held.standing, held.lease)).collect();
    let with = Standing::With(mqlab_core::queue::ConsumerId(0));
    assert_eq!(standings, [(with, Some(START + MINUTE)), (Standing::Waiting(START + MINUTE + MINUTE), None)]);
    let almost = Time(MINUTE.0 - 1);
    assert_eq!(queue.stats().unacked, 1);
    queue.tick(almost).expect("no failure");
    assert_eq!((queue.stats().unacked, queue.stats().waiting), (1, 1));
    queue.tick(START + MINUTE).expect("no failure");
    assert_eq!((queue.stats().unacked, queue.stats().waiting), (0, 1));
    let again = queue.lease(START + MINUTE, MINUTE).expect("no failure").expect("its lease is over");
    assert_eq!(again.receipt(), Receipt { offset: leased.offset, count: 2 });
    let refused = queue.ack_receipt(START + MINUTE, leased);
    assert!(matches!(refused, Err(QueueError::DeliveredAgain(old)) if old == leased));
}

#[test]
fn what_is_acknowledged_makes_room_also_where_it_cannot_be_noted() {
    let (storage, mut queue) = new();
    for number in 0..10 {
        queue.send(START, Message::new(number.to_string())).expect("taken");
        queue.flush().expect("there is room"); // a batch each: a log is given back by whole batches
    }
    storage.rig.set_full(true);
    for _ in 0..7 {
        let delivery = queue.receive(START).expect("no failure").expect("ready");
        queue.ack(START, delivery.tag).expect("it was just delivered");
    }
    assert!(is_full(queue.commit()));
    // Nothing could be written; but what is needed no more is given back.
    let (_, queue) = crashed(storage, queue);
    assert_eq!(queue.held().map(|held| held.offset.0).collect::<Vec<_>>(), [7, 8, 9]);
}

#[test]
fn a_dead_letter_that_finds_no_room_where_it_goes_stays_where_it_was() {
    let storage = Rigged::new(Disk::default());
    let rig = std::rc::Rc::clone(&storage.rig);
    let mut host = VirtualHost::open(storage, START).expect("memory opens");
    let options = QueueOptions { dead_letter: Some(DeadLetter::to_queue("dead")), ..QueueOptions::default() };
    host.declare_queue(START, "dead", QueueOptions::default()).expect("declared");
    host.declare_queue(START, "q", options).expect("declared");
    for number in 0..3 {
        host.enqueue(START, "q", Message::new(number.to_string())).expect("taken");
    }
    host.flush().expect("there is room");
    rig.set_full(true);
    let first = host.take(START, "q", None).expect("no failure").expect("ready");
    host.reject_receipt(START, "q", first.receipt()).expect("it was just delivered");
    let no_room =
        |answer: Result<(), _>| matches!(answer, Err(VhostError::Queue(QueueError::Log(LogError::Full))));
    assert!(no_room(host.flush()) && no_room(host.commit()), "it is written nowhere");
    let count = |host: &VirtualHost<Rigged>, queue: &str| host.queue(queue).expect("there").stats().held;
    assert_eq!((count(&host, "q"), count(&host, "dead")), (2, 1));

    // The machine stops now: it is where it was.
    let Err(_) = host.close() else { panic!("what found no room is lost, and that is said") };
}

#[test]
fn a_sender_takes_back_what_found_no_room() {
    let (storage, mut queue) = new();
    queue.send(START, Message::new("kept")).expect("taken");
    queue.flush().expect("there is room");
    storage.rig.set_full(true);
    let from = queue.next();
    for number in 0..3 {
        queue.send(START, Message::new(number.to_string())).expect("taken for now");
    }
    assert!(is_full(queue.flush()));
    let sent: Vec<Offset> = (from.0..from.0 + 3).map(Offset).collect();
    assert_eq!(queue.withdraw(&sent), 3);
    assert!(!queue.is_dirty(), "nothing of it is left to be written");
    assert_eq!(queue.withdraw(&[Offset(0)]), 0, "what is durable stays");
    storage.rig.set_full(false);
    queue.send(START, Message::new("next")).expect("taken");
    queue.flush().expect("there is room");
    let (_, mut queue) = crashed(storage, queue);
    let bodies: Vec<_> = queue.browse(START, 10).expect("no failure");
    assert_eq!(
        bodies.iter().map(|seen| seen.message.text().to_string()).collect::<Vec<_>>(),
        ["kept", "next"]
    );
}

#[test]
fn of_a_burst_that_found_room_for_a_part_nothing_stays() {
    let (storage, mut queue) = new();
    queue.send(START, Message::new("kept")).expect("taken");
    queue.flush().expect("there is room");
    let from = queue.next();
    let half = || Message::new(vec![7; 3 * MIB / 5]);
    for message in [half(), half(), half(), half().transient()] {
        queue.send(START, message).expect("taken for now");
    }
    // More than one batch: what was gathered first is in the log by now.
    storage.rig.set_full(true);
    assert!(is_full(queue.flush()), "there is no room for the rest");
    let sent: Vec<Offset> = (from.0..queue.next().0).map(Offset).collect();
    assert_eq!(queue.withdraw(&sent), 4);
    assert_eq!(queue.stats().held, 1);
    assert!(is_full(queue.flush()), "that they are gone could not be noted");
    storage.rig.set_full(false);
    queue.flush().expect("there is room");
    queue.send(START, Message::new("next")).expect("taken");
    queue.flush().expect("there is room");
    let (_, queue) = crashed(storage, queue);
    let held: Vec<_> = queue.held().map(|held| held.offset).collect();
    assert_eq!(held, [Offset(0), Offset(5)], "nothing of it is left, and no place is given twice");
}
