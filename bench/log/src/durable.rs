//! What does it cost that a batch is on the disk before the next is written? And how much of that do several writers share?
//!
//! | row | against | bar |
//! |---|---|---|
//! | each batch flushed, one writer | write(2) at the end of a growing file, and fdatasync | 1.4 |
//! | | the same into blocks that were written ahead | 0.9 |
//! | each batch flushed before its append returns, eight writers | one writer of this log | 5 |
//!
//! A file that grows makes each fdatasync write its new length and blocks, too; one whose blocks were written before does
//! not. No run writes more than 64 MiB, a pause stands before each contender, and the raw ones are its neighbours: disks in
//! a cloud grant bursts.

use std::thread;

use mqlab::log::Durability;
use mqlab_bench_contest::contest::{Bar, Contest, Done, Plan, Took};
use mqlab_bench_contest::report::Row;
use mqlab_core::ids::Offset;

use crate::compare::PAUSE;
use crate::load::{MEDIUM, RECORDS, SMALL, Size};
use crate::ours::Ours;
use crate::place::Place;
use crate::raw::Raw;
use crate::watch::Watch;

/// Batches that are flushed one by one in one measurement.
const FLUSHED: usize = 100;

const GROWING: &str = "write(2) + fdatasync";
const ONE: &str = "mqlab log, 1 writer";
const AHEAD: &str = "the same, blocks written ahead";

pub(crate) fn rows(place: &Place) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for size in [SMALL, MEDIUM] {
        let (name, place) = (format!("flush: each batch of 100 x {}, 1 writer", size.text), place.clone());
        let own_name = name.clone();
        rows.push((name, Box::new(move |plan| each_batch(&own_name, plan, &place, size))));
    }
    for size in [SMALL, MEDIUM] {
        let (name, place) = (format!("flush: each batch of 100 x {}, 8 writers", size.text), place.clone());
        let own_name = name.clone();
        rows.push((name, Box::new(move |plan| together(&own_name, plan, &place, size))));
    }
    rows
}

fn each_batch(name: &str, plan: &Plan, place: &Place, size: Size) -> Contest {
    let count = plan.work(FLUSHED);
    let ours = {
        let (place, mut pool) = (place.clone(), size.batches());
        move || {
            let dir = place.settled();
            let bytes = count * pool[0].bytes().len();
            let mut ours = Ours::open_ahead(dir.path(), bytes, &pool[0]);
            let watch = Watch::start();
            for number in 0..count {
                let slot = number % pool.len();
                pool[slot] = ours.append_bytes(std::mem::take(&mut pool[slot]).into_bytes());
                ours.flush();
            }
            (Done { work: count, sum: 0 }, watch.took())
        }
    };
    let raw = |ahead: bool| {
        let (place, pool) = (place.clone(), size.batches());
        move || -> (Done, Took) {
            let dir = place.settled();
            let bytes = count * pool[0].bytes().len();
            let mut raw = if ahead { Raw::written_ahead(dir.path(), bytes) } else { Raw::create(dir.path()) };
            let watch = Watch::start();
            for number in 0..count {
                raw.write(pool[number % pool.len()].bytes());
                raw.flush();
            }
            (Done { work: count, sum: 0 }, watch.took())
        }
    };
    Contest::new(name, "batches")
        .pause(PAUSE)
        .with_timed("mqlab log", "checked, stamped, one write, fdatasync; blocks written ahead", ours)
        .with_timed(GROWING, "to a new file, opened for appending", raw(false))
        .with_timed(AHEAD, "zeros, flushed before", raw(true))
        .bar(Bar::Times(1.4, GROWING))
        .bar(Bar::Times(0.9, AHEAD))
}

/// Several threads append to one log, each batch durable when its append returns.
fn together(name: &str, plan: &Plan, place: &Place, size: Size) -> Contest {
    let count = plan.work(FLUSHED);
    let run = |writers: usize| {
        let (place, pool) = (place.clone(), size.batches());
        // As many batches for one as for all: the disk's bursts are shared alike.
        let each = (count / writers).max(1);
        move || -> (Done, Took) {
            let dir = place.settled();
            let log = Ours::shared(dir.path(), Durability::EveryBatch);
            let watch = Watch::start();
            thread::scope(|scope| {
                for writer in 0..writers {
                    let (log, pool) = (log.clone(), &pool);
                    scope.spawn(move || {
                        for number in 0..each {
                            let batch = pool[(writer + number) % pool.len()].clone();
                            log.append(batch).expect("the disk takes it");
                        }
                    });
                }
            });
            let took = watch.took();
            assert_eq!(log.durable(), Offset((writers * each * RECORDS) as u64), "all of it is durable");
            (Done { work: writers * each, sum: 0 }, took)
        }
    };
    Contest::new(name, "batches")
        .pause(PAUSE)
        .with_timed("mqlab log, 8 writers", "threads, which share flushes", run(8))
        .with_timed(ONE, "the same calls", run(1))
        .bar(Bar::Times(5.0, ONE))
}
