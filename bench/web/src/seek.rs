//! How long does it take to go anywhere in a long run, in the page? With the frame that shows it.
//!
//! A run of 100,000 events is played to its end; then moments of it are visited in any order, by the very control that the
//! page's list of events has. What counts is the processor's time of the page's main thread. Judged is the slowest of the visits
//! of each round, in the middle of the rounds. Natively
//! `cargo xtask bench engine --only seek` measures the same.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use mqlab_bench_contest::contest::{Bar, Contest, Done, Plan};
use mqlab_bench_contest::machine::Stopwatch;
use mqlab_bench_contest::report::Row;
use mqlab_bench_world::{batches, run_until_delivered, world};
use mqlab_core::rng::{Rng, Stream};
use mqlab_core::sim::{Scenario, Timeline};
use mqlab_core::time::{Span, Time};

use crate::page::{Served, link, shown};

/// What is asked for, in milliseconds.
const VISIT: f64 = 100.0;
/// How many events the run has at least.
const EVENTS: usize = 100_000;
/// Messages that bring so many.
const MESSAGES: u64 = 25_000;
/// Moments visited in one measurement.
const MOMENTS: usize = 40;

pub(crate) fn rows(site: &Rc<Served>) -> Vec<Row> {
    let site = Rc::clone(site);
    vec![("seek: any moment of 100,000 events".into(), Box::new(move |plan| contest(plan, &site)))]
}

/// The scenario, ending when everything is delivered.
fn scenario() -> Scenario {
    let mut scenario = batches(1, MESSAGES, false);
    let mut world = world(scenario.clone());
    run_until_delivered(&mut world, MESSAGES);
    scenario.ends_at = world.now() + Span::from_millis(10);
    scenario
}

/// Goes to a moment by a control of the page, and draws the frame that shows it.
const VISIT_SCRIPT: &str = "
let go = document.getElementById('bench-go');
if (!go) {
  go = document.createElement('button');
  Object.assign(go, { id: 'bench-go' }).dataset.act = 'seek';
  document.body.append(go);
}
go.dataset.value = MOMENT;
go.click();
return probe.frames(1);";

fn contest(plan: &Plan, site: &Served) -> Contest {
    let scenario = scenario();
    let ends_at = scenario.ends_at;
    let mut timeline = Timeline::new(scenario.clone(), scenario.seed).expect("a sound scenario");
    timeline.seek(ends_at);
    let events = timeline.events().len();
    assert!(events >= EVENTS, "{events} events are fewer than were promised");
    let digest = timeline.digest().to_string();
    let browser = shown(site, &link(&scenario, Time(1_000)));
    let start = Stopwatch::start();
    browser.ask("document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'End', bubbles: true }))");
    browser.ask("return probe.frames(12)");
    let first = start.elapsed();
    assert_eq!(browser.ask("return document.getElementById('digest').textContent"), digest.as_str());
    let mut rng = Rng::new(scenario.seed, Stream::Workload);
    let count = plan.work(MOMENTS);
    let all = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&all);
    Contest::new("seek: any moment of 100,000 events", "visits, each as slow as the slowest,")
        .with_timed("mqlab page", "with the frame that shows it", move || {
            let mut slowest = Duration::ZERO;
            for _ in 0..count {
                let script = VISIT_SCRIPT.replace("MOMENT", &rng.below(ends_at.0).to_string());
                let before = browser.worked();
                browser.ask(&script);
                let took = browser.worked().saturating_sub(before);
                seen.borrow_mut().push(took.as_secs_f64() * 1e3);
                slowest = slowest.max(took);
            }
            (Done { work: 1, sum: 0 }, slowest)
        })
        .bar(Bar::Each(VISIT))
        .remark(move || {
            let mut all = all.borrow().clone();
            all.sort_by(f64::total_cmp);
            let at = |part: usize| all.get(all.len() * part / 100).copied().unwrap_or(f64::NAN);
            format!(
                "{events} events; of all visits p50 {:.1} ms, p95 {:.1} ms; the first way to the end took {:.1} s",
                at(50),
                at(95),
                first.as_secs_f64()
            )
        })
}
