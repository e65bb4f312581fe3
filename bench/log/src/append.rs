//! How much of the file system's speed is left when a log is appended to? No flush: the operating system writes when it
//! likes.
//!
//! | row | against | bar |
//! |---|---|---|
//! | a batch from outside: checked, stamped, one write | `write(2)` of the same bytes | 0.90 (1 KiB), 0.85 (100 B), 0.95 (16 KiB) |
//! | the same from records, encoding included | the same | 0.85 (1 KiB) |
//!
//! Both write the same batches, from memory that is as far from the processor for both: the batches in turn, more of them
//! than the nearest cache holds.

use mqlab_bench_contest::contest::{Bar, Contest, Done, Plan, Took};
use mqlab_bench_contest::report::Row;

use crate::load::{LARGE, MEDIUM, SMALL, Size};
use crate::ours::Ours;
use crate::place::Place;
use crate::raw::Raw;
use crate::watch::Watch;

/// What is written in one measurement.
pub(crate) const BYTES: usize = 256 * 1024 * 1024;
pub(crate) const RAW: &str = "write(2) of the same bytes";
pub(crate) const TO_A_NEW_FILE: &str = "to a new file, opened for appending";

pub(crate) fn rows(place: &Place) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (size, bar) in [(MEDIUM, 0.90), (SMALL, 0.85), (LARGE, 0.95)] {
        let (name, place) = (format!("append: ready batches of 100 x {}", size.text), place.clone());
        let own_name = name.clone();
        rows.push((name, Box::new(move |plan| ready(&own_name, plan, &place, size, bar))));
    }
    for (size, bar) in [(MEDIUM, Some(0.85)), (SMALL, None), (LARGE, None)] {
        let (name, place) = (format!("append: from records, 100 x {}", size.text), place.clone());
        let own_name = name.clone();
        rows.push((name, Box::new(move |plan| from_records(&own_name, plan, &place, size, bar))));
    }
    rows
}

/// How many batches of a size are written in one measurement.
pub(crate) fn batches(plan: &Plan, size: Size) -> usize {
    plan.work(BYTES) / size.batch_bytes()
}

fn ready(name: &str, plan: &Plan, place: &Place, size: Size, bar: f64) -> Contest {
    let count = batches(plan, size);
    let ours = |checked: bool| {
        let place = place.clone();
        let mut pool = size.batches();
        move || {
            let dir = place.scratch();
            let mut ours = Ours::open(dir.path());
            let mut bytes = 0;
            let watch = Watch::start();
            for number in 0..count {
                let slot = number % pool.len();
                let batches = std::mem::take(&mut pool[slot]);
                bytes += batches.bytes().len();
                // `Batches` are bytes that somebody has checked; from outside come bytes.
                pool[slot] =
                    if checked { ours.append(batches) } else { ours.append_bytes(batches.into_bytes()) };
            }
            (Done { work: bytes, sum: 0 }, watch.took())
        }
    };
    Contest::new(name, "bytes")
        .with_timed("mqlab log", "checked (sum and records), stamped, one write", ours(false))
        .with_timed(RAW, TO_A_NEW_FILE, raw(plan, place, size))
        .with_timed("mqlab log, checked before", "stamped, one write", ours(true))
        .bar(Bar::Times(bar, RAW))
}

fn from_records(name: &str, plan: &Plan, place: &Place, size: Size, bar: Option<f64>) -> Contest {
    let contest = Contest::new(name, "bytes")
        .with_timed("mqlab log", "encoded, summed, stamped, one write", records(plan, place, size))
        .with_timed(RAW, TO_A_NEW_FILE, raw(plan, place, size));
    bar.into_iter().fold(contest, |contest, bar| contest.bar(Bar::Times(bar, RAW)))
}

fn records(plan: &Plan, place: &Place, size: Size) -> impl FnMut() -> (Done, Took) + use<> {
    let (count, place) = (batches(plan, size), place.clone());
    let (pool, encoded_bytes) = (size.records(), size.encoded_bytes());
    move || {
        let dir = place.scratch();
        let mut ours = Ours::open(dir.path());
        let watch = Watch::start();
        for number in 0..count {
            ours.append_records(&pool[number % pool.len()]);
        }
        (Done { work: count * encoded_bytes, sum: 0 }, watch.took())
    }
}

/// The bare system calls, with the bytes of the same batches.
fn raw(plan: &Plan, place: &Place, size: Size) -> impl FnMut() -> (Done, Took) + use<> {
    let (count, place, pool) = (batches(plan, size), place.clone(), size.batches());
    move || {
        let dir = place.scratch();
        let mut raw = Raw::create(dir.path());
        let mut bytes = 0;
        let watch = Watch::start();
        for number in 0..count {
            let batch = pool[number % pool.len()].bytes();
            raw.write(batch);
            bytes += batch.len();
        }
        (Done { work: bytes, sum: 0 }, watch.took())
    }
}
