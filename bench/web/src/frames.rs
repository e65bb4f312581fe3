//! How long does a frame take where very much moves? The engine, the drawing and everything else of the page's main thread.
//!
//! Beside the page stands a bare loop on a canvas of the same size that draws as many discs of the same size. What is compared
//! is the processor's time of the main thread for each frame; what the clock says of the page's own function, and of whole
//! frames, is told in a remark. Frames come one by one as on a screen of 60 Hz, in each of which a sixtieth of a second of
//! playing passes, so that a slow machine does not make its own work.

use std::cell::RefCell;
use std::rc::Rc;

use mqlab_bench_contest::contest::{Bar, Contest, Done, Plan};
use mqlab_bench_contest::report::Row;
use mqlab_bench_world::crowds::moving;
use mqlab_core::sim::Timeline;
use mqlab_core::sim::picture::PacketKind;
use mqlab_core::time::Time;

use crate::browser::Browser;
use crate::page::{Frames, Served, draw, link, shown};

/// What is asked for, in milliseconds.
const FRAME: f64 = 8.0;
/// How many times as long as the bare loop.
const TIMES_BARE: f64 = 1.5;
/// Frames of one measurement, and before the first.
const COUNT: usize = 120;
const WARM: usize = 40;
/// From when on as much is on its way as is promised.
const FROM: Time = Time(1_000_000);
/// The bare loop.
const BARE: &str = include_str!("bare.js");

pub(crate) fn rows(site: &Rc<Served>) -> Vec<Row> {
    let (one, other) = (Rc::clone(site), Rc::clone(site));
    vec![
        ("frames: 2,000 messages moving at once".into(), Box::new(move |plan| discs(plan, &one))),
        ("frames: 50,000 messages in the system".into(), Box::new(move |plan| flows(plan, &other))),
    ]
}

/// What is on its way natively at the moment at which the page begins, and what waits.
fn found(timeline: &Timeline) -> (u64, u64) {
    let picture = timeline.picture(0);
    let carried = picture.packets.iter().filter(|packet| packet.kind == PacketKind::Produce);
    let strips = picture.brokers.iter().flat_map(|broker| &broker.strips);
    (carried.map(|packet| packet.marks.len() as u64).sum(), strips.map(|strip| strip.held).sum())
}

fn playing(site: &Served, under_way: u64, waiting: u64) -> (Browser, (u64, u64)) {
    let scenario = moving(under_way, waiting);
    let mut timeline = Timeline::new(scenario.clone(), scenario.seed).expect("a sound scenario");
    timeline.seek(FROM);
    let browser = shown(site, &link(&scenario, FROM));
    browser.ask("document.getElementById('play').click()");
    draw(&browser, WARM);
    (browser, found(&timeline))
}

fn discs(plan: &Plan, site: &Served) -> Contest {
    let (page, (moving, _)) = playing(site, 2_000, 0);
    let size = page.ask("const { width, height } = document.getElementById('stage'); return [width, height]");
    let bare = Browser::start();
    bare.open("about:blank");
    bare.ask(&format!("({BARE})({}, {}, {moving})", size[0], size[1]));
    draw(&bare, WARM);
    let count = plan.work(COUNT);
    let (seen, plain) = (Rc::new(RefCell::new(Frames::default())), Rc::new(RefCell::new(Frames::default())));
    let (ours, theirs) = (Rc::clone(&seen), Rc::clone(&plain));
    Contest::new("frames: 2,000 messages moving at once", "frames")
        .with_timed("mqlab page", "engine, drawing, panels, painting", move || timed(&page, count, &ours))
        .with_timed("bare canvas loop", "as many discs, and nothing else", move || {
            timed(&bare, count, &theirs)
        })
        .bar(Bar::Each(FRAME))
        .bar(Bar::TimesAsLong(TIMES_BARE, "bare canvas loop"))
        .remark(move || format!("{moving} messages on their way, each a disc; {}", seen.borrow().words()))
        .remark(move || format!("the bare loop, {}", plain.borrow().words()))
}

fn flows(plan: &Plan, site: &Served) -> Contest {
    let (page, (moving, held)) = playing(site, 20_000, 30_000);
    let count = plan.work(COUNT);
    let seen = Rc::new(RefCell::new(Frames::default()));
    let ours = Rc::clone(&seen);
    Contest::new("frames: 50,000 messages in the system", "frames")
        .with_timed("mqlab page", "flows and counts", move || timed(&page, count, &ours))
        .bar(Bar::Each(FRAME))
        .remark(move || {
            format!(
                "{moving} messages on their way, {held} records in logs and queues; {}",
                seen.borrow().words()
            )
        })
}

fn timed(browser: &Browser, count: usize, seen: &Rc<RefCell<Frames>>) -> (Done, std::time::Duration) {
    let (took, frames) = draw(browser, count);
    seen.borrow_mut().add(frames);
    (Done { work: count, sum: 0 }, took)
}
