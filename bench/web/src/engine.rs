//! How fast is the engine in a page, against the same code natively? With the same digest, in alternating pairs.

use std::path::Path;
use std::time::Duration;

use mqlab_bench_contest::contest::{Bar, Contest, Done, Plan};
use mqlab_bench_contest::machine::Stopwatch;
use mqlab_bench_contest::report::Row;
use mqlab_bench_world::{batches, run_until_delivered, world};

use crate::browser::Browser;
use crate::page::Served;

/// How fast it should be, as a part of native.
const PART: f64 = 0.7;
/// How many messages all producers send in one measurement.
const MESSAGES: u64 = 100_000;

const NAME: &str = "engine: WebAssembly in the page, built as the page is";

pub(crate) fn rows(worlds: &Path) -> Vec<Row> {
    let worlds = worlds.to_owned();
    vec![(NAME.into(), Box::new(move |plan| contest(plan, &worlds)))]
}

/// A browser with the world in it; the server lives as long.
struct InPage {
    browser: Browser,
    _served: Served,
}

impl InPage {
    fn start(worlds: &Path) -> Self {
        let served = Served::start(worlds);
        let browser = Browser::start();
        browser.open(&served.address());
        browser.ask(
            "return import('./mqlab_bench_world.js').then(async (world) => {
                await world.default();
                globalThis.world = world;
            })",
        );
        Self { browser, _served: served }
    }

    /// Runs a world; the digest of the run, and for how long the processor worked.
    fn run(&self, messages: u64) -> (u64, Duration) {
        let before = self.browser.worked();
        let digest = self.browser.ask(&format!("return world.run(1, {messages})"));
        let took = self.browser.worked().saturating_sub(before);
        let digest = digest.as_str().and_then(|digest| u64::from_str_radix(digest, 16).ok());
        (digest.expect("a digest"), took)
    }
}

fn contest(plan: &Plan, worlds: &Path) -> Contest {
    let messages = plan.work(MESSAGES as usize) as u64;
    let page = InPage::start(worlds);
    // A browser compiles quickly first, and well while it runs: that is no part of a run.
    page.run(messages);
    Contest::new(NAME, "delivered messages")
        .with_timed("in the page", "on its main thread", move || {
            let (digest, took) = page.run(messages);
            (Done { work: messages as usize, sum: digest }, took)
        })
        .with_timed("natively", "the same digest", move || {
            let start = Stopwatch::start();
            let mut world = world(batches(1, messages, false));
            run_until_delivered(&mut world, messages);
            let digest = world.digest().0;
            drop(world);
            (Done { work: messages as usize, sum: digest }, start.elapsed())
        })
        .bar(Bar::Times(PART, "natively"))
}
