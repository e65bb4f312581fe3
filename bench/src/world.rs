//! How many messages a second go through a whole simulated cluster? Producers, brokers, consumers, the network between
//! them, the judge and the metrics: everything that a run on the page has, but the drawing.
//!
//! A message is delivered when a consumer has processed it. In batches of one each message has its own request to the
//! broker and its own answer, with their places on the agenda; batches of 100 share them. How large the batches are that
//! the broker appends is counted in a run before the measurement, and a contest whose batches are not as its name says is
//! not held.
//!
//! The bare heap is what no simulator can beat: it takes out as many timed events as the world took steps, and plans as
//! many, and nothing happens at any of them.
//!
//! The same world in WebAssembly must come to the same digest; what it takes is measured inside of Node.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::PathBuf;
use std::time::Duration;

use mqlab_bench_contest::contest::{Bar, Contest, Done, Plan};
use mqlab_bench_contest::machine::Stopwatch;
use mqlab_bench_contest::report::Row;
use mqlab_bench_world::{batches, run_until_delivered, world};
use mqlab_core::observe::Event;

use crate::memory::{self, Kept};
use crate::node::Node;

/// How many messages all producers send in one measurement.
const MESSAGES: u64 = 200_000;
/// What is asked for, in delivered messages a second.
const SINGLE: f64 = 1e6;
const HUNDREDS: f64 = 5e6;
/// In acknowledged messages a second: each is on three brokers then.
const REPLICATED: f64 = 3e5;
/// How fast WebAssembly should be, as a part of native.
const WASM_RATIO: f64 = 0.7;

pub(crate) fn rows(wasm: Option<PathBuf>) -> Vec<Row> {
    let cases = [
        ("1 broker, 10 consumers, batches of one", (1, false), SINGLE),
        ("1 broker, 10 consumers, batches of 100", (100, false), HUNDREDS),
        ("3 brokers, 10 consumers, acks=all, batches of 10", (10, true), REPLICATED),
    ];
    let row = |(text, case, bar): (&str, (u64, bool), f64)| -> Row {
        let name = format!("world: 10 producers, {text}");
        let own = name.clone();
        (name, Box::new(move |plan| contest(&own, plan, case, bar)))
    };
    let native = cases.into_iter().map(row);
    let in_wasm = wasm.into_iter().flat_map(|module| {
        [1, 100].map(|batch| -> Row {
            let name =
                format!("world in WebAssembly: 10 producers, 1 broker, 10 consumers, batches of {batch}");
            let (own, module) = (name.clone(), module.clone());
            (name, Box::new(move |plan| in_node(&own, plan, batch, &module)))
        })
    });
    native.chain(in_wasm).collect()
}

fn contest(name: &str, plan: &Plan, (batch, replicated): (u64, bool), bar: f64) -> Contest {
    let messages = plan.work(MESSAGES as usize) as u64;
    let mut probe = world(batches(batch, messages, replicated));
    run_until_delivered(&mut probe, messages);
    let steps = probe.steps();
    drop(probe);
    let found = batch_size(batch, messages, replicated);
    assert!((batch * 9 / 10..=batch * 11 / 10).contains(&found), "batches of {found}, not of {batch}");
    let heap = "as many events as the world takes steps";
    let unit =
        if replicated { "replicated, acknowledged and delivered messages" } else { "delivered messages" };
    Contest::new(name, unit)
        .with_timed("mqlab world", "", move || {
            let (_, took) = run(batch, messages, replicated);
            (Done { work: messages as usize, sum: 0 }, took)
        })
        .with("a bare heap of timed events", heap, move || {
            bare(steps);
            Done { work: messages as usize, sum: 0 }
        })
        .bar(Bar::PerSecond(bar))
        .remark(move || {
            let steps = steps as f64 / messages as f64;
            let bytes = |mib: f64| mib * 1024.0 * 1024.0 / memory::MESSAGES as f64;
            match memory::of(Kept::Batches).filter(|_| batch == 1) {
                Some(mib) => format!(
                    "{steps:.2} steps a message; {:.0} bytes of memory a message, as long as its world stands",
                    bytes(mib)
                ),
                None => format!("{steps:.2} steps a message"),
            }
        })
}

/// The module against the same code natively.
fn in_node(name: &str, plan: &Plan, batch: u64, module: &std::path::Path) -> Contest {
    let messages = plan.work(MESSAGES as usize) as u64;
    let mut node = Node::start(module).expect("Node runs the module that was built for it");
    // Node compiles a module quickly first, and well while it runs: that is no part of a run.
    node.run(batch, messages).expect("the module answers");
    Contest::new(name, "delivered messages")
        .with_timed(
            "mqlab world in WebAssembly",
            "under Node, timed there, after a run to warm up",
            move || {
                let (digest, took) = node.run(batch, messages).expect("the module answers");
                (Done { work: messages as usize, sum: digest }, took)
            },
        )
        .with_timed("mqlab world natively", "the same digest", move || {
            // As the module's answer does, this counts the world's making and its end.
            let start = Stopwatch::start();
            let (digest, _) = run(batch, messages, false);
            (Done { work: messages as usize, sum: digest }, start.elapsed())
        })
        .bar(Bar::Times(WASM_RATIO, "mqlab world natively"))
}

/// Lets a world run until everything is delivered; returns the digest of the run, and how long it ran.
fn run(batch: u64, messages: u64, replicated: bool) -> (u64, Duration) {
    let mut world = world(batches(batch, messages, replicated));
    let start = Stopwatch::start();
    run_until_delivered(&mut world, messages);
    let took = start.elapsed();
    (world.digest().0, took)
}

/// How many messages a leader appends at once, in the middle of all batches.
fn batch_size(batch: u64, messages: u64, replicated: bool) -> u64 {
    let mut world = world(batches(batch, messages, replicated));
    let mut sizes = Vec::new();
    while world.verdict().sent() < messages / 2
        && let Some(events) = world.step()
    {
        sizes.extend(events.iter().filter_map(|stamped| match &stamped.event {
            Event::Appended { messages, .. } => Some(messages.len() as u64),
            _ => None,
        }));
    }
    sizes.sort_unstable();
    sizes.get(sizes.len() / 2).copied().unwrap_or_default()
}

/// Takes so many events out of a heap that holds twenty, and plans the next of each.
fn bare(steps: u64) {
    let mut heap: BinaryHeap<Reverse<(u64, u64)>> = (0..20).map(|actor| Reverse((actor, actor))).collect();
    for step in 0..steps {
        if let Some(Reverse((at, actor))) = heap.pop() {
            heap.push(Reverse((at + 1 + (step ^ actor) % 97, actor)));
        }
    }
    std::hint::black_box(heap);
}
