//! The page in a browser of its own, whose frames come when they are asked for.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use mqlab_core::sim::Scenario;
use mqlab_core::time::Time;
use serde_json::Value;
use xtask::serve::SiteServer;

use crate::browser::Browser;

/// A folder that is served to this machine, as long as this value lives.
#[derive(Debug)]
pub(crate) struct Served {
    server: Arc<SiteServer>,
}

impl Served {
    /// Serves a folder.
    pub(crate) fn start(folder: &Path) -> Self {
        let server = Arc::new(SiteServer::bind(folder, 0).expect("the folder is served"));
        let running = Arc::clone(&server);
        thread::spawn(move || running.run());
        Self { server }
    }

    /// Where it is.
    pub(crate) fn address(&self) -> String {
        self.server.address()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.stop();
    }
}

/// How long frames took, in milliseconds each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frames {
    /// The page's own function.
    pub(crate) own: Vec<f64>,
    /// The whole frame, by the clock.
    pub(crate) whole: Vec<f64>,
}

impl Frames {
    /// Adds others.
    pub(crate) fn add(&mut self, other: Self) {
        self.own.extend(other.own);
        self.whole.extend(other.whole);
    }

    /// The middle and the ninety-fifth of a hundred, of both, in words.
    pub(crate) fn words(&self) -> String {
        let part = |of: &[f64], hundredths: usize| {
            let mut sorted = of.to_vec();
            sorted.sort_by(f64::total_cmp);
            sorted
                .get((sorted.len() * hundredths / 100).min(sorted.len().saturating_sub(1)))
                .copied()
                .unwrap_or(f64::NAN)
        };
        format!(
            "by the clock: the page's own function p50 {:.1} ms, p95 {:.1} ms; the whole frame p50 {:.1} ms, p95 {:.1} ms",
            part(&self.own, 50),
            part(&self.own, 95),
            part(&self.whole, 50),
            part(&self.whole, 95)
        )
    }
}

/// Lets a browser draw so many frames; the processor's time that its main thread needed, and what the clock says.
pub(crate) fn draw(browser: &Browser, count: usize) -> (Duration, Frames) {
    let before = browser.worked();
    let answer = browser.ask(&format!("return probe.frames({count})"));
    let took = browser.worked().saturating_sub(before);
    let list = |name: &str| {
        answer[name].as_array().map_or_else(Vec::new, |all| all.iter().filter_map(Value::as_f64).collect())
    };
    (took, Frames { own: list("own"), whole: list("whole") })
}

/// The address of a run at a moment, after `?`.
pub(crate) fn link(scenario: &Scenario, at: Time) -> String {
    format!("?run={}&seed={}&at={}&v={}", scenario.pack(), scenario.seed, at.0 / 1_000, mqlab_core::VERSION)
}

/// A browser that shows a run at a moment, at rest.
pub(crate) fn shown(site: &Served, query: &str) -> Browser {
    let browser = Browser::start();
    browser.open(&(site.address() + query));
    browser.until("globalThis.probe?.next");
    draw(&browser, 5); // the stage learns how large it is
    let notice = browser.ask("return document.getElementById('notice').textContent");
    assert_eq!(notice, "", "the page shows the run");
    browser
}
