//! How does the log compare with others that a Rust program could take? The same bodies, the same durability, the same
//! order; [`rivals`](crate::rivals) says who they are and how each is used.
//!
//! | row | bar |
//! |---|---|
//! | append batches of a hundred bodies, and let the operating system write | first of all |
//! | the same, each batch on the disk before the next | first of all |
//! | read all from the beginning | first of all |

use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use mqlab_bench_contest::contest::{Bar, Contest, Done, Plan, Took};
use mqlab_bench_contest::report::Row;
use mqlab_core::record::{BatchBuilder, NewRecord};

use crate::load::{LARGE, MEDIUM, SMALL, Size, encoded};
use crate::ours::Ours;
use crate::place::Place;
use crate::read::look;
use crate::rivals::{ALL, Entrant, Pool, Rival};
use crate::watch::Watch;

/// What is written or read in one measurement, undurably.
const BYTES: usize = 64 * 1024 * 1024;
/// Batches that are flushed one by one in one measurement.
const FLUSHED: usize = 100;
/// How long a disk rests before each contender that flushes.
pub(crate) const PAUSE: Duration = Duration::from_millis(200);

const OURS: &str = "mqlab log";

pub(crate) fn rows(place: &Place) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for size in [MEDIUM, SMALL, LARGE] {
        let (name, place) = (format!("others: append 100 x {}, no flush", size.text), place.clone());
        let own_name = name.clone();
        rows.push((name, Box::new(move |plan| append(&own_name, plan, &place, size, false))));
    }
    for size in [MEDIUM, SMALL] {
        let (name, place) =
            (format!("others: append 100 x {}, each batch flushed", size.text), place.clone());
        let own_name = name.clone();
        rows.push((name, Box::new(move |plan| append(&own_name, plan, &place, size, true))));
    }
    for size in [MEDIUM, SMALL] {
        let (name, place) = (format!("others: read 100 x {}", size.text), place.clone());
        let own_name = name.clone();
        rows.push((name, Box::new(move |plan| read(&own_name, plan, &place, size))));
    }
    rows
}

/// Our log as one among them.
struct Own {
    log: Ours,
    records: Vec<Vec<NewRecord>>,
    durable: bool,
}

impl Own {
    fn open(dir: &Path, pool: &Pool, durable: bool) -> Self {
        let record = |body: &bytes::Bytes| NewRecord { value: Some(body.clone()), ..NewRecord::default() };
        let records: Vec<Vec<_>> = pool.iter().map(|batch| batch.iter().map(record).collect()).collect();
        let dir = dir.join("mqlab");
        let log = match durable {
            true => {
                let filler = encoded(BatchBuilder::new(), &records[0]);
                Ours::open_ahead(&dir, FLUSHED * filler.bytes().len(), &filler)
            }
            false => Ours::open(&dir),
        };
        Self { log, records, durable }
    }
}

impl Rival for Own {
    fn append(&mut self, slot: usize) {
        self.log.append_records(&self.records[slot]);
        if self.durable {
            self.log.flush();
        }
    }

    fn read(&mut self) -> u64 {
        let mut sum = 0;
        self.log.read_in_place(|body| sum = look(sum, body));
        sum
    }
}

const OWN: Entrant = Entrant {
    name: OURS,
    note: "a sum for each batch; where durable, blocks written ahead",
    undurable: true,
    read: true,
    open: |dir, pool, durable| Box::new(Own::open(dir, &pool, durable)),
};

/// First of all: at least as fast as each.
fn bars(contest: Contest, rivals: impl Iterator<Item = Entrant>) -> Contest {
    rivals.fold(contest, |contest, rival| contest.bar(Bar::Times(1.0, rival.name)))
}

fn append(name: &str, plan: &Plan, place: &Place, size: Size, durable: bool) -> Contest {
    let count = if durable { plan.work(FLUSHED) } else { plan.work(BYTES) / size.batch_bytes() };
    let pool: Pool = Rc::new(size.bodies());
    let rivals = || ALL.into_iter().filter(|rival| durable || rival.undurable);
    let run = |entrant: Entrant| {
        let (pool, place) = (Rc::clone(&pool), place.clone());
        move || -> (Done, Took) {
            let dir = if durable { place.settled() } else { place.scratch() };
            let mut log = (entrant.open)(dir.path(), Rc::clone(&pool), durable);
            let watch = Watch::start();
            (0..count).for_each(|number| log.append(number % pool.len()));
            let took = watch.took();
            (Done { work: count * size.batch_bytes(), sum: 0 }, took)
        }
    };
    let contest = Contest::new(name, "bytes").pause(if durable { PAUSE } else { Duration::ZERO });
    let contest = std::iter::once(OWN)
        .chain(rivals())
        .fold(contest, |contest, entrant| contest.with_timed(entrant.name, entrant.note, run(entrant)));
    bars(contest, rivals())
}

fn read(name: &str, plan: &Plan, place: &Place, size: Size) -> Contest {
    let count = plan.work(BYTES) / size.batch_bytes();
    let pool: Pool = Rc::new(size.bodies());
    let dir = Rc::new(place.scratch());
    let run = |entrant: Entrant| {
        let mut log = (entrant.open)(dir.path(), Rc::clone(&pool), false);
        (0..count).for_each(|number| log.append(number % pool.len()));
        let dir = Rc::clone(&dir);
        move || -> (Done, Took) {
            let _dir = &dir;
            let watch = Watch::start();
            let sum = log.read();
            (Done { work: count * size.batch_bytes(), sum }, watch.took())
        }
    };
    let rivals = || ALL.into_iter().filter(|rival| rival.read);
    let contest = Contest::new(name, "bytes");
    let contest = std::iter::once(OWN)
        .chain(rivals())
        .fold(contest, |contest, entrant| contest.with_timed(entrant.name, entrant.note, run(entrant)));
    bars(contest, rivals())
}
