//! What does it save that a log gathers messages? One message a call, which the log makes batches of.
//!
//! | messages | against | bar |
//! |---|---|---|
//! | 100 B, 1 KiB | `write(2)` of each message | 3, 2.3 |
//!
//! Neither flushes. What the log has gathered last is written before the clock stops.

use mqlab::log::Durability;
use mqlab_bench_contest::contest::{Bar, Contest, Done, Plan};
use mqlab_bench_contest::report::Row;
use mqlab_core::log::Log as _;

use crate::load::{MEDIUM, SMALL, Size};
use crate::ours::Ours;
use crate::place::Place;
use crate::raw::Raw;
use crate::watch::Watch;

/// What is written in one measurement.
const BYTES: usize = 64 * 1024 * 1024;
const RAW: &str = "write(2) of each message";

pub(crate) fn rows(place: &Place) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (size, bar) in [(SMALL, 3.0), (MEDIUM, 2.3)] {
        let (name, place) = (format!("gather: one message of {} a call", size.text), place.clone());
        let own_name = name.clone();
        rows.push((name, Box::new(move |plan| contest(&own_name, plan, &place, size, bar))));
    }
    rows
}

fn contest(name: &str, plan: &Plan, place: &Place, size: Size, bar: f64) -> Contest {
    let count = plan.work(BYTES) / size.bytes;
    let ours = {
        let (place, pool) = (place.clone(), size.records().concat());
        move || {
            let dir = place.scratch();
            let log = Ours::shared(dir.path(), Durability::Manual);
            let watch = Watch::start();
            for number in 0..count {
                log.send(&pool[number % pool.len()]).expect("there is room");
            }
            let end = log.with(|log| log.end()).expect("there is room");
            let took = watch.took();
            assert_eq!(end.0, count as u64, "all of them are there");
            (Done { work: count, sum: 0 }, took)
        }
    };
    let (place, pool) = (place.clone(), size.bodies().concat());
    let raw = move || {
        let dir = place.scratch();
        let mut raw = Raw::create(dir.path());
        let watch = Watch::start();
        for number in 0..count {
            raw.write(&pool[number % pool.len()]);
        }
        (Done { work: count, sum: 0 }, watch.took())
    };
    Contest::new(name, "messages")
        .with_timed("mqlab log", "gathered into batches", ours)
        .with_timed(RAW, "to a new file, opened for appending", raw)
        .bar(Bar::Times(bar, RAW))
}
