//! Does memory grow while one plays? An hour of a run, at full speed: a second of it in each second of playing.
//!
//! A run of ten minutes is played six times from its beginning, in frames of a tenth of a second, without waiting for a
//! screen: 36,000 frames. While it is seen for the first time its history grows, for time travel keeps it. From then on
//! nothing should: neither what WebAssembly holds, nor what JavaScript does after its garbage was collected.

use std::rc::Rc;

use mqlab_bench_contest::contest::{Bar, Contest, Plan};
use mqlab_bench_contest::report::Row;
use mqlab_bench_world::ordinary;
use mqlab_core::time::Time;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::page::{Served, link, shown};

/// How much more there may be after the last time than after the second, in hundredths.
const GROWTH: f64 = 5.0;
/// The run's length in seconds, and how often it is played.
const SECONDS: u64 = 600;
const TIMES: usize = 6;
/// How much passes in a frame, in milliseconds, and frames between two looks at the browser.
const APART: u64 = 100;
const AT_ONCE: u64 = 100;

pub(crate) fn rows(site: &Rc<Served>) -> Vec<Row> {
    let site = Rc::clone(site);
    vec![("memory: an hour of play at full speed".into(), Box::new(move |plan| contest(plan, &site)))]
}

/// What WebAssembly holds, and JavaScript, in MiB.
fn held(browser: &Browser) -> (f64, f64) {
    browser.devtools("HeapProfiler.collectGarbage", json!({}));
    let wasm = browser.ask("return probe.memory.buffer.byteLength");
    let heap = browser.devtools("Runtime.getHeapUsage", json!({}));
    let mib = |bytes: &Value| bytes.as_f64().unwrap_or(f64::NAN) / 1024.0 / 1024.0;
    (mib(&wasm), mib(&heap["usedSize"]))
}

fn contest(plan: &Plan, site: &Served) -> Contest {
    let seconds = plan.work(SECONDS as usize) as u64;
    let scenario = ordinary(seconds);
    let browser = shown(site, &link(&scenario, Time(1_000)));
    // As fast as it goes, and nothing in between: no slow motion, no leaps.
    browser.ask(
        "document.getElementById('slow').click();
         document.getElementById('leap').click();
         const pace = document.getElementById('pace');
         pace.value = pace.max;
         pace.dispatchEvent(new Event('input'));",
    );
    let mut seen = Vec::new();
    for _ in 0..TIMES {
        browser.ask("document.getElementById('play').click(); return probe.rush(2, 1)");
        for _ in 0..seconds * 1_000 / APART / AT_ONCE + 1 {
            browser.ask(&format!("return probe.rush({AT_ONCE}, {APART})"));
        }
        let playing = browser.ask("return document.getElementById('play').getAttribute('aria-pressed')");
        assert_eq!(playing, "false", "the run came to its end");
        seen.push(held(&browser));
    }
    let grown = |of: fn(&(f64, f64)) -> f64| (of(&seen[TIMES - 1]) / of(&seen[1]) - 1.0) * 100.0;
    let (wasm, heap) = (grown(|held| held.0), grown(|held| held.1));
    Contest::new("memory: an hour of play at full speed", "growth from the second time to the last")
        .bar(Bar::AtMost(GROWTH, wasm, "% of WebAssembly's memory"))
        .bar(Bar::AtMost(GROWTH, heap, "% of JavaScript's heap"))
        .remark(move || {
            let list = |of: fn(&(f64, f64)) -> f64| {
                seen.iter().map(|held| format!("{:.1}", of(held))).collect::<Vec<_>>().join(", ")
            };
            format!(
                "a run of {seconds} s, played {TIMES} times; after each WebAssembly held {} MiB, JavaScript {} MiB",
                list(|held| held.0),
                list(|held| held.1)
            )
        })
}
