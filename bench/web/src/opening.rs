//! When does the first message move? From going to the page's address on, with nothing kept from an earlier visit.
//!
//! The address leads to a moment at which a message is on its way. Play is pressed as soon as the page is ready, as the
//! quickest of visitors would; the message has moved when the stage looks different in a frame after that.

use std::rc::Rc;
use std::time::Duration;

use mqlab_bench_contest::contest::{Bar, Contest, Done, Plan};
use mqlab_bench_contest::report::Row;
use mqlab_core::sim::picture::PacketKind;
use mqlab_core::sim::{Scenario, Timeline};
use serde_json::json;

use crate::browser::Browser;
use crate::page::Served;

/// What is asked for, in milliseconds.
const OPENING: f64 = 500.0;
/// What is opened.
const SCENARIO: &str = "hundred-messages";

/// Stands before the page's own scripts: presses Play, and looks at the stage until it is another.
const WATCH: &str = "
probe.loose = true;
let before = null;
const look = () => {
  const stage = document.getElementById('stage');
  const seen = () => {
    const dots = new Uint32Array(stage.getContext('2d').getImageData(0, 0, stage.width, stage.height).data.buffer);
    return dots.reduce((sum, dot, at) => (sum + dot * (at % 8191 + 1)) % 9007199254740991, 0);
  };
  if (document.documentElement?.dataset.ready === '1') {
    const now = performance.now();
    if (before === null) {
      globalThis.ready = now;
      document.getElementById('play').click();
      before = seen();
    } else if (seen() !== before) {
      globalThis.moved = now;
      return;
    }
  }
  requestAnimationFrame(look);
};
requestAnimationFrame(look);";

pub(crate) fn rows(site: &Rc<Served>) -> Vec<Row> {
    let site = Rc::clone(site);
    vec![(
        "opening: from the address to the first moving message".into(),
        Box::new(move |plan| contest(plan, &site)),
    )]
}

/// A tenth of a millisecond at which a message is on its way from a producer.
fn moment() -> String {
    let scenario = Scenario::built_in(SCENARIO).expect("it is built in");
    let seed = scenario.seed;
    let mut timeline = Timeline::new(scenario, seed).expect("it can be run");
    let found = (0..7_000).find(|tenth| {
        timeline.seek(mqlab_core::time::Time(tenth * 100));
        let packets = timeline.picture(0).packets;
        packets.iter().any(|packet| packet.kind == PacketKind::Produce && packet.departed < timeline.now())
    });
    let tenth = found.expect("something is sent");
    format!("{}.{}", tenth / 10, tenth % 10)
}

fn contest(_: &Plan, site: &Served) -> Contest {
    let browser = Browser::start();
    browser.devtools("Network.enable", json!({}));
    browser.devtools("Network.setCacheDisabled", json!({ "cacheDisabled": true }));
    browser.devtools("Network.setBypassServiceWorker", json!({ "bypass": true }));
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": WATCH }));
    let address = format!("{}?scenario={SCENARIO}&at={}&v={}", site.address(), moment(), mqlab_core::VERSION);
    let ready = Rc::new(std::cell::RefCell::new(Vec::new()));
    let seen = Rc::clone(&ready);
    Contest::new("opening: from the address to the first moving message", "openings")
        .with_timed("mqlab page", "nothing kept, from this machine", move || {
            browser.open("about:blank");
            browser.open(&address);
            browser.until("globalThis.moved");
            let at = browser.ask("return [ready, moved]");
            let millis = |index: usize| at[index].as_f64().unwrap_or(f64::NAN);
            seen.borrow_mut().push(millis(0));
            (Done { work: 1, sum: 0 }, Duration::from_secs_f64(millis(1) / 1e3))
        })
        .bar(Bar::Each(OPENING))
        .remark(move || {
            let mut all = ready.borrow().clone();
            all.sort_by(f64::total_cmp);
            format!("the page is ready after {:.0} ms", all.get(all.len() / 2).copied().unwrap_or(f64::NAN))
        })
}
