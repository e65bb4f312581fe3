//! The power goes at every moment of a log's life, and in every way that a file system permits: what had been
//! promised is there, byte for byte, and nothing is there that was not appended.
//!
//! `CRASH_SEED` names the first life, `CRASH_RUNS` how many there are: a campaign of thousands takes an hour.

mod common;

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use common::cuts::{cut_everywhere, number};
use common::power::{Image, read_image, write_image};
use common::recorder::{Kind, Recorder};
use common::story::{Doing, Plain, Promise, Story};
use common::{name, scratch};
use mqlab::log::{FileLog, FileStorage, Options};
use mqlab_core::log::contract::batch;
use mqlab_core::log::{Log, Storage};
use mqlab_core::rng::{Rng, Stream};

/// How many lives there are, unless `CRASH_RUNS` says otherwise.
const RUNS: u64 = 16;
/// How many operations each has.
const OPERATIONS: u64 = 14;
/// One in so many times the power goes again while what was left is opened.
const AGAIN: u64 = 12;

/// Opens what is in a directory, on a disk, with whatever options.
fn open(disk: Arc<Recorder>, root: &Path, rng: &mut Rng) -> Result<(FileStorage, FileLog), String> {
    let preallocate_bytes = [0, 700][rng.below(2) as usize];
    let options =
        Options { segment_bytes: 500, index_interval_bytes: 100, preallocate_bytes, ..Options::DEFAULT };
    let mut storage =
        FileStorage::open_on(disk, root.join("data"), options).map_err(|error| error.to_string())?;
    let log = storage.open(&name()).map_err(|error| error.to_string())?;
    Ok((storage, log))
}

/// Opens what a power cut left, which must be what was promised; and opened again, the same; and it goes on.
fn look(root: &Path, image: &Image, promise: &Promise, rng: &mut Rng, depth: u32) -> Result<(), String> {
    write_image(root, image);
    let disk = Arc::new(Recorder::new(root));
    let (storage, log) = open(disk.clone(), root, rng)?;
    let found = Plain::of(&log)?;
    promise.keeps(&found)?;
    if log.durable() != log.end() {
        return Err("what was recovered is not durable".into());
    }
    drop((storage, log));
    if depth > 0 {
        // The power goes again, at each moment of the recovery, and at the end of it: what it found is durable then.
        let words = format!("recovered, after: {}", promise.words);
        let recovered = Promise { durable: found.end, plain: found.clone(), doing: Doing::Nothing, words };
        let ops = disk.ops();
        let promised = |changes| if changes == ops.len() { &recovered } else { promise };
        let words = |changes| promised(changes).words.clone();
        cut_everywhere(image, &ops, rng, (depth - 1, AGAIN), &words, &mut |changes, image, rng, depth| {
            look(root, image, promised(changes), rng, depth)
        })?;
        write_image(root, image);
    }
    if rng.below(4) > 0 {
        return Ok(());
    }
    let disk = Arc::new(Recorder::new(root));
    let (mut storage, mut log) = open(disk, root, rng)?;
    let again = Plain::of(&log)?;
    promise.keeps(&again).map_err(|why| format!("opened again: {why}"))?;
    let end = log.end().0;
    log.append(&batch(end, 2)).map_err(|error| format!("append: {error}"))?;
    storage.close(&name(), log).map_err(|error| format!("close: {error}"))?;
    let log = storage.open(&name()).map_err(|error| format!("after a clean shutdown: {error}"))?;
    let mut wanted = again;
    wanted.batches.extend(batch(end, 2).iter());
    wanted.end = end + 2;
    let found = Plain::of(&log)?;
    if found != wanted { Err("it does not go on as it should".into()) } else { Ok(()) }
}

/// A life, and all its crashes.
fn life(seed: u64, prepare: impl Fn(&Recorder)) -> Result<(), String> {
    let (living, dead) = (scratch(), scratch());
    let disk = Arc::new(Recorder::new(living.path()));
    prepare(&disk);
    let before = read_image(living.path());
    let mut story = Story::new(living.path(), disk.clone(), seed);
    story.live(OPERATIONS)?;
    let ops = disk.ops();
    let mut rng = Rng::new(seed, Stream::Disk);
    let words = |changes| story.promised(changes).words.clone();
    cut_everywhere(&before, &ops, &mut rng, (1, AGAIN), &words, &mut |changes, image, rng, depth| {
        look(&dead.path().join("d"), image, story.promised(changes), rng, depth)
    })
}

#[test]
fn what_was_promised_survives_a_power_cut_at_every_moment() {
    let first = number("CRASH_SEED", 0);
    let runs = number("CRASH_RUNS", RUNS);
    let mut failed = Vec::new();
    for seed in first..first + runs {
        if let Err(why) = life(seed, |_| ()) {
            failed.push(format!("CRASH_SEED={seed} CRASH_RUNS=1: {why}"));
        }
    }
    assert!(failed.is_empty(), "{} of {runs} lives:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn a_sync_that_fails_and_a_power_cut_later_lose_nothing_either() {
    let mut failed = Vec::new();
    for seed in number("CRASH_SEED", 0)..number("CRASH_SEED", 0) + number("CRASH_RUNS", RUNS) / 2 {
        let after = seed * 3 % 50;
        if let Err(why) = life(seed, |disk| disk.fail(Kind::Sync, after, ErrorKind::Other)) {
            failed.push(format!("life {seed}, sync {after}: {why}"));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// A judge that never says no proves nothing: disks that only say that they sync are found out.
#[test]
fn a_disk_that_lies_is_found_out() {
    for kind in [Kind::Sync, Kind::SyncDir] {
        let found = (0..10).any(|seed| life(seed, |disk| disk.lie(kind)).is_err());
        assert!(found, "{kind:?}");
    }
}
