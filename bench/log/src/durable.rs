//! What does it cost that a batch is on the disk before the next is written? And how much of that do several writers share?
//!
//! | row | against | bar |
//! |---|---|---|
//! | each batch flushed, one writer | write(2) at the end of a growing file, and fdatasync | 1.4 |
//! | | the same into blocks that were written ahead | 0.9 |
//!
//! A file that grows makes each fdatasync write its new length and blocks, too; one whose blocks were written before does
//! not. No run writes more than 64 MiB, a pause stands before each contender, and the raw ones are its neighbours: disks in
//! a cloud grant bursts.

use mqlab_bench_contest::contest::{Bar, Contest, Done, Plan, Took};
use mqlab_bench_contest::report::Row;

use crate::compare::PAUSE;
use crate::load::{MEDIUM, SMALL, Size};
use crate::ours::Ours;
use crate::place::Place;
use crate::raw::Raw;
use crate::watch::Watch;

/// Batches that are flushed one by one in one measurement.
const FLUSHED: usize = 200;

const GROWING: &str = "write(2) + fdatasync";
const AHEAD: &str = "the same, blocks written ahead";

pub(crate) fn rows(place: &Place) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for size in [SMALL, MEDIUM] {
        let (name, place) = (format!("flush: each batch of 100 x {}, 1 writer", size.text), place.clone());
        let own_name = name.clone();
        rows.push((name, Box::new(move |plan| each_batch(&own_name, plan, &place, size))));
    }
    rows
}

fn each_batch(name: &str, plan: &Plan, place: &Place, size: Size) -> Contest {
    let count = plan.work(FLUSHED);
    let ours = {
        let (place, mut pool) = (place.clone(), size.batches());
        move || {
            let dir = place.settled();
            let mut ours = Ours::open_durable(dir.path());
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
        .with_timed("mqlab log", "checked, stamped, one write, fdatasync", ours)
        .with_timed(GROWING, "to a new file, opened for appending", raw(false))
        .with_timed(AHEAD, "zeros, flushed before", raw(true))
        .bar(Bar::Times(1.4, GROWING))
        .bar(Bar::Times(0.9, AHEAD))
}
