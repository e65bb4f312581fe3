//! A disk fails: the log says so, refuses until it is opened again, and loses nothing that it had promised. A disk is
//! full: the log refuses what does not fit, and nothing else.
//!
//! `FULL_STEP=1` tries each number of bytes that there may be room for, not one of five.

mod common;

use std::io::ErrorKind;
use std::sync::Arc;

use common::recorder::{KINDS, Recorder};
use common::story::{Plain, Story};
use common::{name, scratch};
use mqlab::Error;
use mqlab::log::{Durability, FileLog, FileStorage, Options};
use mqlab_core::ids::Offset;
use mqlab_core::log::contract::batch;
use mqlab_core::log::{Log, LogError, Storage};
use mqlab_core::record::Batches;
use mqlab_core::rng::{Rng, Stream};

/// How many lives are lived over and over, with a failure at each call of the disk.
const LIVES: u64 = 2;
/// How many operations each has.
const OPERATIONS: u64 = 24;

fn live(seed: u64, prepare: impl FnOnce(&Recorder)) -> (Arc<Recorder>, Result<Story, String>) {
    let root = scratch();
    let disk = Arc::new(Recorder::new(root.path()));
    prepare(&disk);
    let mut story = Story::new(root.path(), disk.clone(), seed);
    let lived = story.live(OPERATIONS);
    (disk, lived.map(|()| story))
}

#[test]
fn each_call_of_the_disk_fails_in_turn() {
    let mut failed = Vec::new();
    for seed in 0..LIVES {
        let (sound, lived) = live(seed, |_| ());
        lived.expect("nothing fails");
        for kind in KINDS {
            let calls = sound.calls(kind);
            assert!(calls > 0, "{kind:?} is never called");
            let mut met = 0;
            for call in 0..calls {
                let (disk, lived) = live(seed, |disk| disk.fail(kind, call, ErrorKind::Other));
                if let Err(why) = lived {
                    failed.push(format!("life {seed}, {kind:?} {call}: {why}"));
                }
                met += u64::from(disk.has_failed());
            }
            // All, but where a thread flushes by itself.
            assert!(met > calls / 2, "life {seed}, {kind:?}: {met} of {calls} calls failed");
        }
    }
    assert!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed[..failed.len().min(20)].join("\n"));
}

/// What a run on a disk with little room comes to: how much it took, and whether there was too little.
#[derive(Debug)]
struct Run {
    room_left: u64,
    was_full: bool,
}

/// Writes a log on a disk that has so much room, and gets more once it is full.
fn run_with_room(room: u64, reopens: bool) -> Result<Run, String> {
    const MORE: u64 = 1 << 20;
    let root = scratch();
    let disk = Arc::new(Recorder::new(root.path()));
    disk.give_room(room);
    let durability = [Durability::Manual, Durability::EveryBatch][room as usize % 2];
    let preallocate_bytes = [0, 300][room as usize / 2 % 2];
    let options = Options {
        segment_bytes: 400,
        index_interval_bytes: 50,
        durability,
        preallocate_bytes,
        ..Options::DEFAULT
    };
    let open = || {
        let mut storage = FileStorage::open_on(disk.clone(), root.path().join("data"), options)?;
        let log = storage.open(&name())?;
        Ok::<_, Error>((storage, log))
    };
    let mut was_full = false;
    let mut full = |error: &str| {
        was_full = true;
        disk.give_room(MORE);
        if error.contains("storage space") || error.contains("space left") || error.contains("no room") {
            Ok(())
        } else {
            Err(error.to_owned())
        }
    };
    let (mut storage, mut log) = match open() {
        Err(error) => {
            full(&format!("it is not opened: {error}"))?;
            open().map_err(|error| format!("with room it is not opened: {error}"))?
        }
        Ok(open) => open,
    };
    let mut rng = Rng::new(7, Stream::Workload);
    for number in 0..26 {
        let before = Plain::of(&log)?;
        let durable = log.durable();
        let (end, segments) = (log.end(), Log::segments(&log));
        let new = drawn_small(&mut rng, end.0);
        let act = |log: &mut FileLog| match number {
            5 | 13 => log.flush(),
            8 | 16 => log.roll(),
            11 => log.truncate(Offset(end.0 - 2)),
            18 => log.replace(segments[0].base, segments[1].end, &batch(segments[1].end.0 - 1, 1)),
            20 => log.trim(segments[1].base),
            22 => log.begin_anew(Offset(end.0 + 3)),
            _ => log.append(&new),
        };
        match act(&mut log) {
            Ok(()) => continue,
            Err(LogError::Full) => full("no room")?,
            Err(error) => return Err(format!("operation {number}: {error}")),
        }
        if Plain::of(&log)? != before || log.durable() < durable {
            return Err(format!("operation {number} was refused, and changed something"));
        }
        if reopens {
            disk.give_room(0);
            drop((storage, log));
            (storage, log) = match open() {
                Ok(open) => open,
                Err(error) => {
                    full(&error.to_string())?;
                    open().map_err(|error| format!("with room it is not opened: {error}"))?
                }
            };
            disk.give_room(MORE);
            if Plain::of(&log)? != before {
                return Err(format!("operation {number} was refused, and something is lost"));
            }
        }
        act(&mut log).map_err(|error| format!("operation {number} when there is room: {error}"))?;
    }
    let before = Plain::of(&log)?;
    if let Err(error) = storage.close(&name(), log) {
        full(&error.to_string())?;
    }
    drop(storage);
    let (_storage, log) = open().map_err(|error| format!("at last: {error}"))?;
    if Plain::of(&log)? != before {
        return Err("what is there at last is not what was there before".into());
    }
    Ok(Run { room_left: disk.room().expect("it was limited"), was_full })
}

fn drawn_small(rng: &mut Rng, base: u64) -> Batches {
    let sizes = [rng.between(1, 3), rng.between(1, 2)];
    Batches::joined(
        [batch(base, sizes[0]), batch(base + sizes[0], sizes[1])]
            .iter()
            .flat_map(Batches::iter)
            .collect::<Vec<_>>()
            .iter(),
    )
}

#[test]
fn a_disk_is_full_after_every_number_of_bytes() {
    const PLENTY: u64 = 1 << 20;
    let run = run_with_room(PLENTY, false).expect("there is plenty of room");
    assert!(!run.was_full);
    // With the old and the new side by side it takes more meanwhile than in the end.
    let takes = 3 * (PLENTY - run.room_left);
    let mut failed = Vec::new();
    let mut full = 0;
    let step = std::env::var("FULL_STEP").map_or(5, |text| text.parse().expect("a number"));
    for room in (0..takes).step_by(step) {
        match run_with_room(room, room / 4 % 2 == 0) {
            Ok(run) => full += u64::from(run.was_full),
            Err(why) => failed.push(format!("room for {room} bytes: {why}")),
        }
    }
    assert!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed[..failed.len().min(20)].join("\n"));
    assert!(full as usize > 1_000 / step, "it was full in {full} runs");
}
