//! The power goes at every moment of a queue's life, and in every way that a file system permits. What was sent for good is
//! there until it was acknowledged for good, and never after; how often it was delivered, whether it is leased or waits,
//! and the order are what they were; a message that died is in its queue, where dead letters go, or in both, and never in
//! neither; nothing is there that nobody sent.
//!
//! `CRASH_SEED` names the first life, `CRASH_RUNS` how many there are.

mod common;

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use common::cuts::{cut_everywhere, number};
use common::errands::{Life, body, look, number_of};
use common::ledger::{DEAD, JOBS, Ledger};
use common::power::{Image, read_image, write_image};
use common::recorder::{Kind, Recorder};
use common::scratch;
use mqlab::log::Options;
use mqlab::{Flushing, Message, QueueOptions, Queues, now};
use mqlab_core::queue::DeadLetter;
use mqlab_core::rng::{Rng, Stream};

/// How many lives there are, unless `CRASH_RUNS` says otherwise.
const RUNS: u64 = 4;
/// How many calls each has.
const CALLS: u64 = 25;
/// One in so many times the power goes again while what was left is opened.
const AGAIN: u64 = 80;
/// How many more there are after some of the crashes.
const CALLS_AFTER: u64 = 6;

/// Opens what a power cut left, which must be what was promised; and the power may go again meanwhile; and it goes on.
fn opened(
    life: &Life,
    root: &Path,
    image: &Image,
    ledger: &Ledger,
    rng: &mut Rng,
    depth: u32,
) -> Result<(), String> {
    write_image(root, image);
    let disk = Arc::new(Recorder::new(root));
    let (mut host, found) = look(disk.clone(), &root.join("data"), life.options(), &life.names)?;
    ledger.keeps(&found)?;
    let ops = disk.ops();
    let resumed = ledger.resumed(&found);
    let mut goes_on = resumed.clone();
    for queue in [JOBS, DEAD].into_iter().filter(|queue| found.0[*queue].is_some()) {
        goes_on.tick(queue);
        let browsed =
            host.browse(now(), &life.names[queue], usize::MAX).map_err(|error| error.to_string())?;
        let seen: Result<Vec<_>, String> =
            browsed.iter().map(|one| Ok((number_of(&one.message)?, one.deliveries))).collect();
        let (seen, wanted) = (seen?, goes_on.seen(queue));
        if seen != wanted && !resumed.has_double() {
            return Err(format!("queue {queue} shows {seen:?}, not {wanted:?}"));
        }
    }
    drop(host);
    if depth > 0 {
        // What was found is durable when it is open: the power goes at each moment until then, and after it.
        let promised = |changes| if changes == ops.len() { &resumed } else { ledger };
        let words = |changes: usize| format!("opened: {}", changes == ops.len());
        cut_everywhere(image, &ops, rng, (depth - 1, AGAIN), &words, &mut |changes, image, rng, depth| {
            opened(life, root, image, promised(changes), rng, depth)
        })?;
        write_image(root, image);
    }
    if rng.below(4) > 0 || resumed.has_double() {
        return Ok(());
    }
    let disk = Arc::new(Recorder::new(root));
    let mut further = life.elsewhere(root, disk, resumed, rng.below(u64::MAX));
    further.live(CALLS_AFTER).map_err(|why| format!("it does not go on: {why}"))
}

/// A life, and all its crashes.
fn life(seed: u64, prepare: impl Fn(&Recorder)) -> Result<(), String> {
    let (living, dead) = (scratch(), scratch());
    let disk = Arc::new(Recorder::new(living.path()));
    prepare(&disk);
    let before = read_image(living.path());
    let mut life = Life::new(living.path(), disk.clone(), seed);
    life.live(CALLS)?;
    let ops = disk.ops();
    let mut rng = Rng::new(seed, Stream::Disk);
    let words = |changes| life.promised(changes).words.clone();
    cut_everywhere(&before, &ops, &mut rng, (1, AGAIN), &words, &mut |changes, image, rng, depth| {
        let promise = life.promised(changes);
        opened(&life, &dead.path().join("d"), image, &promise.ledger, rng, depth)
            .map_err(|why| format!("{why} ({})", promise.words))
    })
}

fn lives(runs: u64, prepare: impl Fn(u64, &Recorder)) {
    let first = number("CRASH_SEED", 0);
    let mut failed = Vec::new();
    for seed in first..first + runs {
        if let Err(why) = life(seed, |disk| prepare(seed, disk)) {
            failed.push(format!("CRASH_SEED={seed} CRASH_RUNS=1: {why}"));
        }
    }
    assert!(failed.is_empty(), "{} of {runs} lives:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn no_message_is_lost_or_comes_again_whenever_the_power_goes() {
    lives(number("CRASH_RUNS", RUNS), |_, _| ());
}

#[test]
fn a_sync_that_fails_and_a_power_cut_later_lose_no_message_either() {
    lives(number("CRASH_RUNS", RUNS) / 2, |seed, disk| {
        disk.fail(Kind::Sync, seed * 7 % 60, ErrorKind::Other)
    });
}

/// A handle that flushes on request has buried a message; another one sends, and makes durable all that was done.
#[test]
fn a_message_that_died_is_somewhere_whenever_a_send_writes_that_it_did() {
    for (dead, segment_bytes) in [("a-dead", 1), ("z-dead", 1), ("a-dead", 1 << 20), ("z-dead", 1 << 20)] {
        let (living, root) = (scratch(), scratch());
        let disk = Arc::new(Recorder::new(living.path()));
        let options = Options { segment_bytes, ..Options::DEFAULT };
        let queues = Queues::open_on(disk.clone(), living.path().join("data"), options).expect("opens");
        queues.queue(dead).expect("made");
        let wanted =
            QueueOptions { dead_letter: Some(DeadLetter::to_queue(dead)), ..QueueOptions::default() };
        let jobs = queues.queue_with("jobs", wanted).expect("made");
        jobs.send(Message::new(body(0))).expect("kept");
        let sent = disk.len();
        let taken = jobs.receive().expect("no failure").expect("ready");
        let later = jobs.clone().with_flushing(Flushing::OnRequest);
        later.reject_all([&taken]).expect("it is out");
        jobs.send(Message::new(body(1))).expect("kept");
        let names = ["jobs".into(), dead.into()];
        let (mut rng, mut cuts) = (Rng::new(segment_bytes.into(), Stream::Disk), 0);
        let words = |changes: usize| format!("{changes}");
        cut_everywhere(
            &Image::new(),
            &disk.ops(),
            &mut rng,
            (1, u64::MAX),
            &words,
            &mut |changes, image, _, _| {
                if changes < sent {
                    return Ok(());
                }
                cuts += 1;
                let root = root.path().join("d");
                write_image(&root, image);
                let disk = Arc::new(Recorder::new(&root));
                let (_, found) = look(disk, &root.join("data"), options, &names)?;
                let is_there = found.0.iter().flatten().flatten().any(|seen| seen.number == 0);
                if is_there { Ok(()) } else { Err(format!("it is nowhere: {found:?}")) }
            },
        )
        .unwrap_or_else(|why| panic!("{dead}, segments of {segment_bytes}: {why}"));
        assert!(cuts > 10, "{cuts} power cuts");
    }
}

/// A judge that never says no proves nothing: disks that only say that they sync are found out.
#[test]
fn a_disk_that_lies_is_found_out() {
    for kind in [Kind::Sync, Kind::SyncDir] {
        let found = (0..10).any(|seed| life(seed, |disk| disk.lie(kind)).is_err());
        assert!(found, "{kind:?}");
    }
}
