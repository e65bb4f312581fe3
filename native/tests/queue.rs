//! The embedded queue as a program uses it: what survives a crash, what a batch costs, what room is given back.

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use common::scratch;
use mqlab::log::Options;
use mqlab::{Error, Flushing, Message, Queue, QueueOptions, Queues, Receipt};
use mqlab_core::queue::{DeadLetter, Requeue};
use mqlab_core::time::Span;
use proptest::prelude::*;
use proptest::sample::Index;

const SMALL: Options = Options { segment_bytes: 64 * 1024, ..Options::DEFAULT };

fn text(body: &[u8]) -> String {
    String::from_utf8(body.to_vec()).expect("text")
}

/// The bytes of everything below a directory.
fn bytes(dir: &Path) -> u64 {
    let mut sum = 0;
    for entry in std::fs::read_dir(dir).expect("listed") {
        let entry = entry.expect("listed");
        let kind = entry.file_type().expect("known");
        sum += if kind.is_dir() { bytes(&entry.path()) } else { entry.metadata().expect("there").len() };
    }
    sum
}

#[test]
fn what_was_acknowledged_stays_gone_and_what_was_not_comes_again_counted() {
    let root = scratch();
    let dir = root.path();
    for round in 1..=5_u32 {
        let jobs = Queue::open(dir, "jobs").expect("opens");
        if round == 1 {
            jobs.send_all(["done", "again"].map(Message::new)).expect("kept");
            let done = jobs.receive().expect("no failure").expect("ready");
            jobs.ack(&done).expect("it was just received");
        }
        let again = jobs.receive().expect("no failure").expect("ready");
        assert_eq!((text(again.message.body()).as_str(), again.count), ("again", round));
        assert!(jobs.receive().expect("no failure").is_none());
        drop(jobs); // as a crash of the process
    }
}

#[test]
fn what_is_not_flushed_may_go_and_what_is_stays() {
    let root = scratch();
    let events = Queue::open(root.path(), "events").expect("opens").with_flushing(Flushing::OnRequest);
    for number in 0..10 {
        events.send(Message::new(number.to_string())).expect("taken");
    }
    events.flush().expect("kept");
    events.send(Message::new("lost")).expect("taken, and not kept");
    drop(events);
    let events = Queue::open(root.path(), "events").expect("opens");
    let kept: Vec<String> =
        events.receive_up_to(100).expect("no failure").iter().map(|one| text(one.message.body())).collect();
    assert_eq!(kept, (0..10).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[test]
fn times_priorities_and_dead_letters_survive_a_restart() {
    let root = scratch();
    let options = QueueOptions {
        priority_max: 9,
        delivery_limit: Some(1),
        dead_letter: Some(DeadLetter::to_queue("dead")),
        ..QueueOptions::default()
    };
    let reopened = || {
        let queues = Queues::open(root.path()).expect("opens");
        let dead = queues.queue("dead").expect("there or made");
        (queues.queue_with("jobs", options.clone()).expect("there or made"), dead)
    };
    let (jobs, _) = reopened();
    let ms = Span::from_millis;
    jobs.send_all([
        Message::new("low"),
        Message::new("short").with_ttl(ms(150)),
        Message::new("late").with_delay(ms(400)),
        Message::new("high").with_priority(7),
    ])
    .expect("kept");
    drop(jobs);

    let (jobs, dead) = reopened();
    assert_eq!(jobs.stats().expect("counted").delayed, 1);
    let high = jobs.receive().expect("no failure").expect("ready");
    assert_eq!(text(high.message.body()), "high", "before what came before it");
    jobs.nack(&high).expect("it was just received");
    drop((jobs, dead));

    sleep(Duration::from_millis(200)); // the time to live is over while nobody has the files open
    let (jobs, dead) = reopened();
    let high = jobs.receive().expect("no failure").expect("ready");
    assert_eq!((text(high.message.body()).as_str(), high.count), ("high", 2));
    jobs.nack(&high).expect("it was just received"); // once too often
    let low = jobs.receive().expect("no failure").expect("ready");
    assert_eq!(text(low.message.body()), "low");
    jobs.ack(&low).expect("it was just received");
    assert!(jobs.receive().expect("no failure").is_none(), "the other is late, and one expired");
    drop((jobs, dead));

    let (jobs, dead) = reopened();
    let mut died = dead.peek(10).expect("no failure");
    died.sort_by_key(|seen| text(seen.message.body()));
    let died: Vec<_> =
        died.iter().map(|seen| (text(seen.message.body()), seen.message.deaths()[0].reason)).collect();
    use mqlab_core::message::DeathReason::{DeliveryLimit, Expired};
    assert_eq!(died, [("high".into(), DeliveryLimit), ("short".into(), Expired)]);
    assert_eq!(jobs.stats().expect("counted").dead_letters, 2);
    sleep(Duration::from_millis(250));
    assert_eq!(jobs.receive().expect("no failure").map(|one| text(one.message.body())), Some("late".into()));
}

#[test]
fn a_lease_holds_over_restarts_and_an_old_receipt_settles_nothing() {
    let root = scratch();
    let reopened = || Queue::open(root.path(), "jobs").expect("opens");
    let jobs = reopened();
    jobs.send(Message::new("a job")).expect("kept");
    let first = jobs.lease(Duration::from_millis(300)).expect("no failure").expect("ready").receipt();
    drop(jobs);

    let jobs = reopened();
    assert!(jobs.receive().expect("no failure").is_none(), "somebody has it");
    assert_eq!(jobs.stats().expect("counted").leased, 1);
    jobs.extend(first, Duration::from_millis(600)).expect("it is out");
    drop(jobs);
    sleep(Duration::from_millis(350));
    let jobs = reopened();
    assert!(jobs.receive().expect("no failure").is_none(), "the lease was extended");
    sleep(Duration::from_millis(300));
    let second = jobs.lease(Duration::from_secs(60)).expect("no failure").expect("the lease is over");
    assert_eq!(second.count, 2);
    assert!(matches!(jobs.ack(first), Err(Error::DeliveredAgain(old)) if old == first));
    drop(jobs);

    let jobs = reopened();
    assert!(matches!(jobs.nack(first), Err(Error::DeliveredAgain(_))));
    jobs.nack_after(&second, Duration::from_millis(200)).expect("it is out");
    drop(jobs);
    let jobs = reopened();
    assert_eq!(jobs.stats().expect("counted").delayed, 1);
    assert!(matches!(jobs.nack(&second), Err(Error::NotOut(_))));
    sleep(Duration::from_millis(250));
    assert_eq!(jobs.stats().expect("counted").ready, 1);
    jobs.ack(&second).expect("nobody has received it again");
    assert!(matches!(jobs.ack(&second), Err(Error::Gone(_))));
}

#[test]
fn several_are_settled_together_or_not_at_all() {
    let root = scratch();
    let jobs = Queue::open(root.path(), "jobs").expect("opens");
    jobs.send_all((0..3).map(|number: u32| Message::new(number.to_string()))).expect("kept");
    let taken = jobs.receive_up_to(2).expect("no failure");
    let wrong = Receipt { count: 7, ..taken[0].receipt() };
    for receipts in
        [vec![taken[0].receipt(), wrong], vec![taken[1].receipt(), "99-1".parse().expect("sound")]]
    {
        assert!(matches!(jobs.ack_all(receipts.clone()), Err(Error::Gone(_))));
        assert!(matches!(jobs.nack_all(receipts.clone(), None), Err(Error::Gone(_))));
        assert!(matches!(jobs.reject_all(receipts), Err(Error::Gone(_))));
        assert_eq!(jobs.stats().expect("counted").leased, 2, "nothing has changed");
    }
    jobs.ack_all([&taken[0], &taken[1], &taken[0]]).expect("a receipt that is named twice is meant once");
    assert_eq!(jobs.stats().expect("counted").ready, 1);
}

#[test]
fn threads_share_a_queue_and_each_message_goes_to_one_of_them() {
    let root = scratch();
    let jobs = Queue::open(root.path(), "jobs").expect("opens").with_flushing(Flushing::OnRequest);
    let sends = (0..2_u32).map(|sender| {
        let jobs = jobs.clone();
        std::thread::spawn(move || {
            for number in 0..500 {
                jobs.send(Message::new(format!("{sender} {number}"))).expect("taken");
            }
        })
    });
    sends.collect::<Vec<_>>().into_iter().for_each(|thread| thread.join().expect("no panic"));
    let workers = (0..3).map(|_| {
        let jobs = jobs.clone();
        std::thread::spawn(move || {
            let mut done = Vec::new();
            while let Some(job) = jobs.receive().expect("no failure") {
                done.push(text(job.message.body()));
                jobs.ack(&job).expect("it is ours");
            }
            done
        })
    });
    let workers: Vec<_> = workers.collect();
    let mut done: Vec<String> =
        workers.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect();
    done.sort();
    done.dedup();
    assert_eq!(done.len(), 1_000);
    jobs.close().expect("closes");
    assert_eq!(Queue::open(root.path(), "jobs").expect("opens again").stats().expect("counted").ready, 0);
}

#[test]
fn a_directory_stays_small_while_a_million_messages_pass_through() {
    const BATCH: u32 = 1_000;
    let root = scratch();
    let queues = Queues::open_with(root.path(), SMALL).expect("opens");
    let jobs = queues.queue("jobs").expect("made");
    let mut most = 0;
    for round in 0..1_000_000 / BATCH {
        jobs.send_all((0..BATCH).map(|number| Message::new((round * BATCH + number).to_string())))
            .expect("kept");
        let taken = jobs.receive_up_to(BATCH as usize).expect("no failure");
        assert_eq!(taken.len(), BATCH as usize);
        jobs.ack_all(&taken).expect("they were just received");
        if round % 50 == 0 {
            most = most.max(bytes(root.path()));
        }
    }
    // A segment of messages and one of the cursor, and what is written until the next look: no more.
    assert!(most < 1024 * 1024, "{most} bytes");
    assert_eq!(jobs.stats().expect("counted").ready, 0);
}

#[test]
fn a_message_that_is_stuck_does_not_keep_what_went_by() {
    let root = scratch();
    let reopened = || Queues::open_with(root.path(), SMALL).expect("opens").queue("jobs").expect("made");
    let jobs = reopened();
    let pass_by = |jobs: &Queue| {
        for _ in 0..100 {
            jobs.send_all((0..1_000).map(|number: u32| Message::new(number.to_string()))).expect("kept");
            let taken = jobs.receive_up_to(1_000).expect("no failure");
            jobs.ack_all(&taken).expect("they were just received");
        }
    };
    let mut stuck = Vec::new();
    for number in 0..3 {
        jobs.send(Message::new(format!("stuck {number}"))).expect("kept");
        let lease = jobs.lease(Duration::from_secs(3_600)).expect("no failure").expect("ready");
        stuck.push(lease.receipt());
        pass_by(&jobs);
    }
    // Two megabytes went by each, behind the first that is stuck.
    let size = bytes(root.path());
    assert!(size < 2 * 1024 * 1024, "{size} bytes for three messages");
    drop(jobs);
    let jobs = reopened();
    let stats = jobs.stats().expect("counted");
    assert_eq!((stats.ready, stats.leased), (0, 3));
    jobs.nack_all(stuck, None).expect("they are still leased");
    let again: Vec<String> =
        jobs.receive_up_to(9).expect("no failure").iter().map(|one| text(one.message.body())).collect();
    assert_eq!(again, ["stuck 0", "stuck 1", "stuck 2"]);
}

/// What moved behind all others is ended at its old place by its new record alone.
#[test]
fn what_moved_and_was_acknowledged_does_not_come_again_when_its_segment_is_emptied() {
    let root = scratch();
    let options = QueueOptions { requeue: Requeue::Back, ..QueueOptions::default() };
    let tiny = Options { segment_bytes: 400, ..Options::DEFAULT };
    let reopened = || {
        let queues = Queues::open_with(root.path(), tiny).expect("opens");
        queues.queue_with("jobs", options.clone()).expect("made")
    };
    let jobs = reopened();
    jobs.send_all(["stuck", "moves"].map(Message::new)).expect("kept");
    let taken = jobs.lease_up_to(2, Duration::from_secs(3_600)).expect("no failure");
    jobs.nack(&taken[1]).expect("it was just received");
    let moved = jobs.receive().expect("no failure").expect("ready");
    assert_eq!((text(moved.message.body()).as_str(), moved.offset.0), ("moves", 2));
    jobs.ack(&moved).expect("it was just received");
    for number in 0..300 {
        jobs.send(Message::new(number.to_string())).expect("kept");
        let one = jobs.receive().expect("no failure").expect("ready");
        jobs.ack(&one).expect("it was just received");
    }
    drop(jobs);
    let stats = reopened().stats().expect("counted");
    assert_eq!((stats.ready, stats.leased), (0, 1));
}

/// What a program may do, and when it dies.
#[derive(Clone, Debug)]
enum Step {
    Send(u8),
    Receive(usize),
    Lease(usize),
    Ack(Index),
    Nack(Index),
    Flush,
    Close,
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let one = prop_oneof![
        4 => (1..5_u8).prop_map(Step::Send),
        3 => (1..4_usize).prop_map(Step::Receive),
        2 => (1..4_usize).prop_map(Step::Lease),
        3 => any::<Index>().prop_map(Step::Ack),
        2 => any::<Index>().prop_map(Step::Nack),
        1 => Just(Step::Flush),
        1 => Just(Step::Close),
        1 => Just(Step::Crash),
    ];
    prop::collection::vec(one, 1..60)
}

/// A message as the model knows it: how often it was received, and who has it.
#[derive(Clone, Debug, PartialEq)]
enum Has {
    Nobody,
    /// Until the process ends.
    Process,
    /// For longer than the test takes.
    Lease,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Every call is durable when it returns, so a crash takes nothing: the model only forgets who had what.
    #[test]
    fn a_queue_that_flushes_each_call_is_a_map_whatever_crashes(steps in steps()) {
        let root = scratch();
        let reopened = || Queues::open_with(root.path(), Options { segment_bytes: 700, ..Options::DEFAULT }).expect("opens").queue("q").expect("made");
        let (mut queue, mut model) = (reopened(), BTreeMap::<u64, (u32, Has)>::new());
        let mut sent = 0;
        for step in steps {
            let out: Vec<(u64, u32)> = model.iter().filter(|(_, (_, has))| *has != Has::Nobody).map(|(at, (count, _))| (*at, *count)).collect();
            let pick = |index: &Index| (!out.is_empty()).then(|| *index.get(&out));
            match step {
                Step::Send(many) => {
                    queue.send_all((0..u64::from(many)).map(|number| Message::new((sent + number).to_string()))).expect("kept");
                    model.extend((0..u64::from(many)).map(|number| (sent + number, (0, Has::Nobody))));
                    sent += u64::from(many);
                }
                Step::Receive(most) | Step::Lease(most) => {
                    let leased = matches!(step, Step::Lease(_));
                    let taken = if leased { queue.lease_up_to(most, Duration::from_secs(3_600)) } else { queue.receive_up_to(most) };
                    let taken: Vec<(u64, u32)> = taken.expect("no failure").iter().map(|one| (text(one.message.body()).parse().expect("a number"), one.count)).collect();
                    let free: Vec<u64> = model.iter().filter(|(_, (_, has))| *has == Has::Nobody).map(|(at, _)| *at).take(most).collect();
                    prop_assert_eq!(taken.iter().map(|(at, _)| *at).collect::<Vec<_>>(), free.clone());
                    for (at, count) in taken {
                        let item = model.get_mut(&at).expect("it is free");
                        *item = (item.0 + 1, if leased { Has::Lease } else { Has::Process });
                        prop_assert_eq!(count, item.0);
                    }
                }
                Step::Ack(index) => if let Some((at, count)) = pick(&index) {
                    queue.ack(Receipt { offset: mqlab_core::ids::Offset(at), count }).expect("it is out");
                    model.remove(&at);
                },
                Step::Nack(index) => if let Some((at, count)) = pick(&index) {
                    queue.nack(Receipt { offset: mqlab_core::ids::Offset(at), count }).expect("it is out");
                    model.insert(at, (count, Has::Nobody));
                },
                Step::Flush => queue.flush().expect("kept"),
                Step::Close | Step::Crash => {
                    if matches!(step, Step::Close) { queue.close().expect("closes") } else { drop(queue) }
                    queue = reopened();
                    model.values_mut().filter(|(_, has)| *has == Has::Process).for_each(|(_, has)| *has = Has::Nobody);
                }
            }
            let stats = queue.stats().expect("counted");
            let leased = model.values().filter(|(_, has)| *has != Has::Nobody).count() as u64;
            prop_assert_eq!((stats.ready, stats.leased), (model.len() as u64 - leased, leased));
        }
    }
}
