//! How long does it take to go anywhere in a run that was seen? The page scrubs: its bar is a tenth of a second.
//!
//! A run of 100,000 facts and more is played to its end; then moments of it are visited in any order, with the picture
//! that the page would draw. Beside it stands who has no checkpoints and goes to each moment from the beginning. The
//! slowest of all visits, the first way through the run and the memory of its checkpoints are told in a remark.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use mqlab_bench_contest::contest::{Bar, Contest, Done, Plan};
use mqlab_bench_contest::machine::Stopwatch;
use mqlab_bench_contest::report::Row;
use mqlab_bench_world::{batches, run_until, run_until_delivered, world};
use mqlab_core::rng::{Rng, Stream};
use mqlab_core::sim::{Scenario, Timeline};
use mqlab_core::time::{Span, Time};

/// What is asked for: a tenth of a second each.
const VISITS: f64 = 10.0;
/// How many facts a run has at least.
const FACTS: usize = 100_000;
/// Messages that bring so many facts, on one broker, and on each of three.
const SINGLE: u64 = 25_000;
const REPLICATED: u64 = 27_000;
/// Moments visited in one measurement.
const MOMENTS: usize = 40;
/// Log cells of each strip in a picture, as many as the page shows.
const CELLS: usize = 16;

pub(crate) fn rows() -> Vec<Row> {
    vec![
        ("seek: any moment of 100,000 facts, 1 broker".into(), Box::new(|plan| contest(plan, SINGLE, false))),
        (
            "seek: any moment of 100,000 facts, 3 replicas".into(),
            Box::new(|plan| contest(plan, REPLICATED, true)),
        ),
    ]
}

/// The scenario, ending when everything is delivered.
fn scenario(messages: u64, replicated: bool) -> Scenario {
    let mut scenario = batches(1, messages, replicated);
    let mut world = world(scenario.clone());
    run_until_delivered(&mut world, messages);
    scenario.ends_at = world.now() + Span::from_millis(10);
    scenario
}

fn contest(plan: &Plan, messages: u64, replicated: bool) -> Contest {
    let scenario = scenario(messages, replicated);
    let (seed, ends_at) = (scenario.seed, scenario.ends_at);
    let start = Stopwatch::start();
    let mut timeline = Timeline::new(scenario.clone(), seed).expect("a sound scenario");
    timeline.seek(ends_at);
    let first = start.elapsed();
    let facts = timeline.events().len();
    assert!(facts >= FACTS, "{facts} facts are fewer than were promised");
    let slowest = Rc::new(RefCell::new(Duration::ZERO));
    let visits = plan.work(MOMENTS);
    let mut rng = Rng::new(seed, Stream::Workload);
    let mut any = move || Time(rng.below(ends_at.0));
    let own = Rc::clone(&slowest);
    let replicas = if replicated { "3 replicas" } else { "1 broker" };
    Contest::new(format!("seek: any moment of 100,000 facts, {replicas}"), "visited moments")
        .with_timed("mqlab timeline", "with its picture", move || {
            let mut took = Duration::ZERO;
            for _ in 0..visits {
                let to = any();
                let start = Stopwatch::start();
                timeline.seek(to);
                std::hint::black_box(timeline.picture(CELLS));
                let one = start.elapsed();
                took += one;
                let mut slowest = own.borrow_mut();
                *slowest = (*slowest).max(one);
            }
            (Done { work: visits, sum: 0 }, took)
        })
        .with("from the beginning each time", "the same world, no checkpoints", move || {
            let mut world = world(scenario.clone());
            run_until(&mut world, Time(ends_at.0 / 2));
            Done { work: 1, sum: 0 }
        })
        .bar(Bar::PerSecond(VISITS))
        .remark(move || {
            let millis = |span: Duration| span.as_secs_f64() * 1e3;
            format!(
                "{facts} facts; the slowest visit took {:.1} ms, the first way to the end {:.0} ms",
                millis(*slowest.borrow()),
                millis(first)
            )
        })
}
