//! How long does a comparison of all systems take in the page's workers, and what does the page itself feel of it?
//!
//! 100,000 messages for each system, one seed, nothing goes wrong. The clock runs from the click to the last row of the table;
//! meanwhile the page draws its frames as on a screen, and the time between two of them is told in a remark.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use mqlab_bench_contest::contest::{Bar, Contest, Done, Plan};
use mqlab_bench_contest::report::Row;
use mqlab_core::sim::compare::{self, Contender, Mishap, Profile, Workload};
use serde_json::Value;

use crate::browser::Browser;
use crate::page::{Served, draw};

/// What is asked for, in milliseconds.
const ALL: f64 = 3_000.0;

/// Runs the comparison; how long it took, and the times between two frames meanwhile, in milliseconds.
const RUN: &str = "return new Promise((resolve) => {
    const began = performance.now(), gaps = [];
    let last = began;
    const look = (now) => {
        gaps.push(performance.now() - last);
        last = performance.now();
        const { state } = document.getElementById('outcome').dataset;
        if (document.getElementById('run').hidden || gaps.length < 3) return requestAnimationFrame(look);
        resolve({ took: last - began, gaps, state, words: document.getElementById('progress-words').textContent });
    };
    document.getElementById('run').click();
    requestAnimationFrame(look);
})";

pub(crate) fn rows(site: &Rc<Served>) -> Vec<Row> {
    let site = Rc::clone(site);
    let name = format!("comparison: {} systems, 100,000 messages each", Profile::ALL.len());
    vec![(name.clone(), Box::new(move |plan| contest(&name, plan, &site)))]
}

fn contest(name: &str, plan: &Plan, site: &Served) -> Contest {
    let mut workload = Workload::built_in("hundred-thousand").expect("it comes with the engine");
    workload.messages = plan.work(workload.messages as usize) as u64;
    let contenders: Vec<Contender> = Profile::ALL.into_iter().map(Contender::usual).collect();
    let asked = compare::Plan { contenders, workload, mishaps: vec![Mishap::None], seeds: 1 };
    let browser = Browser::start();
    browser.open(&format!("{}compare.html{}", site.address(), asked.write()));
    browser.until("globalThis.probe?.next");
    browser.ask("probe.loose = true"); // frames as on a screen
    draw(&browser, 1);
    let gaps: Rc<RefCell<Vec<f64>>> = Rc::default();
    let seen = Rc::clone(&gaps);
    let cores = browser.ask("return navigator.hardwareConcurrency");
    Contest::new(name, "comparisons")
        .with_timed("mqlab page", "workers, table and charts", move || {
            let answer = browser.ask(RUN);
            assert_eq!(answer["state"], "done", "{}", answer["words"]);
            let list = answer["gaps"].as_array().map_or(&[] as &[Value], Vec::as_slice);
            seen.borrow_mut().extend(list.iter().filter_map(Value::as_f64));
            let took = answer["took"].as_f64().expect("it was timed");
            (Done { work: 1, sum: 0 }, Duration::from_secs_f64(took / 1_000.0))
        })
        .bar(Bar::Each(ALL))
        .remark(move || {
            let mut all = gaps.borrow().clone();
            all.sort_by(f64::total_cmp);
            let part = |hundredths: usize| {
                all.get((all.len() * hundredths / 100).min(all.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
            };
            format!(
                "{cores} processors; between two frames of the page meanwhile: p50 {:.1} ms, p95 {:.1} ms, longest {:.1} ms",
                part(50),
                part(95),
                part(100)
            )
        })
}
