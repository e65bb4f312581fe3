//! What does the size of a simulated world cost? Simulated time against real time, and the cost of a step as worlds grow.
//!
//! A world goes on from one measurement to the next: what is measured is its course, not its beginning, in which
//! everybody joins. *Ordinary* is the timing that Kafka has by default, and ten messages a second of each producer.
//!
//! | row | bar |
//! |---|---|
//! | 20 actors at ordinary rates, while faults come and go | 300 simulated seconds a second |
//! | 100 brokers, 10,000 partitions, 1,000 consumers, 10,000 messages a second | 1 simulated second a second |
//! | worlds of 20 to 20,000 actors | a step costs at most as many times more as the logarithm of the size grows |

use std::cell::RefCell;
use std::rc::Rc;

use mqlab_bench_contest::contest::{Bar, Contest, Done, Plan};
use mqlab_bench_contest::report::Row;
use mqlab_bench_world::{cells, cluster, ordinary, run_until, world};
use mqlab_core::sim::World;
use mqlab_core::time::{Span, Time};

use crate::memory::{self, Kept};

/// What is asked for, in simulated seconds a second.
const ORDINARY: f64 = 300.0;
const CLUSTER: f64 = 1.0;
/// The sizes of the curve, in actors.
const SIZES: [(u16, &str); 4] =
    [(20_000, "20,000 actors"), (2_000, "2,000 actors"), (200, "200 actors"), (20, "20 actors")];
/// Steps of each in one measurement.
const STEPS: usize = 100_000;
/// Steps for each actor before the first measurement: everybody has joined by then.
const WARM_UP_STEPS: u64 = 60;
/// The messages of all producers of a world.
const MESSAGES: u64 = 1_000_000;

pub(crate) fn rows() -> Vec<Row> {
    vec![
        ("scale: 20 actors at ordinary rates, with faults".into(), Box::new(with_faults)),
        ("scale: 100 brokers, 10,000 partitions, 1,000 consumers".into(), Box::new(large_cluster)),
        ("scale: the cost of a step by the size of the world".into(), Box::new(curve)),
    ]
}

fn with_faults(plan: &Plan) -> Contest {
    let seconds = plan.work(240) as u64;
    Contest::new("scale: 20 actors at ordinary rates, with faults", "simulated seconds")
        .with("mqlab world", "from the beginning each time", move || {
            let mut world = world(ordinary(seconds));
            run_until(&mut world, Time(seconds * 1_000_000));
            Done { work: seconds as usize, sum: world.digest().0 }
        })
        .bar(Bar::PerSecond(ORDINARY))
}

fn large_cluster(_: &Plan) -> Contest {
    // As long as the messages last that a scenario may have.
    let seconds = MESSAGES / 10_000;
    let mut world = world(cluster(seconds));
    let mut end = Time(20_000_000);
    run_until(&mut world, end);
    let start = (world.steps(), world.verdict().delivered());
    let world = Rc::new(RefCell::new(world));
    let own = Rc::clone(&world);
    Contest::new("scale: 100 brokers, 10,000 partitions, 1,000 consumers", "simulated seconds")
        .with("mqlab world", "10,000 messages a second", move || {
            end = end + Span::from_millis(1_000);
            run_until(&mut own.borrow_mut(), end);
            Done { work: 1, sum: 0 }
        })
        .bar(Bar::PerSecond(CLUSTER))
        .remark(move || {
            let world = world.borrow();
            let span = world.now().0 as f64 / 1e6 - 20.0;
            let rate = |now: u64, before: u64| (now - before) as f64 / span;
            let (steps, delivered) = (world.steps(), world.verdict().delivered());
            let weight = memory::of(Kept::Cluster).map_or_else(|| "?".into(), |mib| format!("{mib:.0} MiB"));
            format!(
                "{:.0} steps and {:.0} delivered messages a simulated second; {weight} of memory after {} s",
                rate(steps, start.0),
                rate(delivered, start.1),
                memory::SECONDS,
            )
        })
}

/// Worlds of all sizes take the same number of steps in turn.
fn curve(plan: &Plan) -> Contest {
    let steps = plan.work(STEPS);
    let mut contest = Contest::new("scale: the cost of a step by the size of the world", "steps");
    for (actors, name) in SIZES {
        let mut world = world(cells(actors, MESSAGES / (u64::from(actors) / 2)));
        take(&mut world, WARM_UP_STEPS * u64::from(actors));
        contest = contest.with(name, "", move || {
            take(&mut world, steps as u64);
            Done { work: steps, sum: 0 }
        });
    }
    // At most as the logarithm: 14.3 to 4.3 binary digits.
    let (largest, least) = (f64::from(SIZES[0].0).log2(), f64::from(SIZES[3].0).log2());
    contest.bar(Bar::Times((least / largest * 100.0).round() / 100.0, SIZES[3].1))
}

fn take(world: &mut World, steps: u64) {
    for _ in 0..steps {
        assert!(world.pass(), "there is always something to do");
    }
}
