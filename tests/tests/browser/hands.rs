//! What a person does at the page, and what they read there.
//!
//! Every act waits until the page has drawn its answer, so that a test never has to wait by the clock.

use fantoccini::Locator;
use fantoccini::actions::{
    InputSource as _, KeyAction, KeyActions, MOUSE_BUTTON_LEFT, MouseActions, PointerAction,
};
use mqlab_core::ids::NodeId;
use mqlab_core::sim::{Action, Command};
use mqlab_core::time::Time;
use mqlab_tests::replay::{self, Replay};
use serde_json::{Value, json};

use crate::driver::Page;

/// Words on a canvas: what was written, and where in the window.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Written {
    pub(crate) text: String,
    pub(crate) x: f64,
    pub(crate) y: f64,
}

/// Takes down what the page writes on a canvas while it draws one frame.
const LISTEN_TO_PEN: &str = r#"
    const [id, done] = arguments, pen = CanvasRenderingContext2D.prototype, write = pen.fillText;
    const words = [];
    pen.fillText = function (text, x, y, ...room) {
        if (this.canvas.id === id) {
            const area = this.canvas.getBoundingClientRect();
            const scale = area.width / this.canvas.width;
            const spot = this.getTransform().transformPoint(new DOMPoint(x, y));
            words.push([text, area.left + spot.x * scale, area.top + spot.y * scale]);
        }
        return write.call(this, text, x, y, ...room);
    };
    document.getElementById("stage-box").dispatchEvent(new PointerEvent("pointerleave"));
    requestAnimationFrame(() => requestAnimationFrame(() => { pen.fillText = write; done(words); }));
"#;

/// Left and right of the time axis, as the page draws it.
pub(crate) const AXIS_MARGIN: f64 = 14.0;

/// The code that WebDriver has for a key's name; other keys are their own.
fn code(key: &str) -> char {
    match key {
        "Tab" => '\u{e004}',
        "Enter" => '\u{e007}',
        "Backspace" => '\u{e003}',
        "Escape" => '\u{e00c}',
        "End" => '\u{e010}',
        "Home" => '\u{e011}',
        "ArrowLeft" => '\u{e012}',
        "ArrowUp" => '\u{e013}',
        "ArrowRight" => '\u{e014}',
        "ArrowDown" => '\u{e015}',
        "PageUp" => '\u{e00e}',
        "PageDown" => '\u{e00f}',
        one => one.chars().next().expect("a key has a name"),
    }
}

impl Page {
    /// Opens the experiment of a link, `?scenario=..&seed=..`, and waits until it is drawn.
    pub(crate) async fn open(&self, query: &str) {
        let address = format!("{}{query}", self.url);
        self.client.goto(&address).await.unwrap_or_else(|error| panic!("{address}: {error}"));
        self.element(Locator::Css("html[data-ready='1']")).await;
        self.settle().await;
    }

    /// Waits until what was asked for has been drawn. The page works in frames: the first draws, and when that changes
    /// a size, the second draws it anew.
    pub(crate) async fn settle(&self) {
        let two = "const done = arguments[0], wait = requestAnimationFrame; wait(() => wait(() => done(0)));";
        self.client.execute_async(two, Vec::new()).await.expect("frames go by");
    }

    /// Presses and releases a key, wherever the focus is; `Shift+` before it holds that one down.
    pub(crate) async fn press(&self, key: &str) {
        const SHIFT: char = '\u{e008}';
        let (shifted, plain) = key.strip_prefix("Shift+").map_or((false, key), |plain| (true, plain));
        let value = code(plain);
        let keys = KeyActions::new("keys".into());
        let keys = if shifted { keys.then(KeyAction::Down { value: SHIFT }) } else { keys };
        let keys = keys.then(KeyAction::Down { value }).then(KeyAction::Up { value });
        let keys = if shifted { keys.then(KeyAction::Up { value: SHIFT }) } else { keys };
        self.client.perform_actions(keys).await.unwrap_or_else(|error| panic!("{key}: {error}"));
        self.settle().await;
    }

    /// Goes on by Tab so many times.
    pub(crate) async fn tab(&self, times: usize) {
        let value = code("Tab");
        let once = |keys: KeyActions, _| keys.then(KeyAction::Down { value }).then(KeyAction::Up { value });
        let keys = (0..times).fold(KeyActions::new("keys".into()), once);
        self.client.perform_actions(keys).await.expect("Tab is a key");
        self.settle().await;
    }

    /// Clicks on an element, scrolled to as the page scrolls for the keyboard; fails if another covers it.
    pub(crate) async fn click(&self, css: &str) {
        let element = self.element(Locator::Css(css)).await;
        self.ask_page("document.querySelector(arguments[0]).scrollIntoView({ block: 'nearest' })", css).await;
        element.click().await.unwrap_or_else(|error| panic!("{css}: {error}"));
        self.settle().await;
    }

    /// Clicks with the mouse on a spot of the window.
    pub(crate) async fn click_at(&self, x: f64, y: f64) {
        let mouse = MouseActions::new("mouse".into())
            .then(PointerAction::MoveTo { duration: None, x: x.round(), y: y.round() })
            .then(PointerAction::Down { button: MOUSE_BUTTON_LEFT })
            .then(PointerAction::Up { button: MOUSE_BUTTON_LEFT });
        self.client.perform_actions(mouse).await.unwrap_or_else(|error| panic!("{x}, {y}: {error}"));
        self.settle().await;
    }

    /// Drags with the mouse from one spot of the window to another.
    pub(crate) async fn drag(&self, from: (f64, f64), to: (f64, f64)) {
        let go = |(x, y): (f64, f64)| PointerAction::MoveTo { duration: None, x: x.round(), y: y.round() };
        let middle = (f64::midpoint(from.0, to.0), f64::midpoint(from.1, to.1));
        let mouse = MouseActions::new("mouse".into())
            .then(go(from))
            .then(PointerAction::Down { button: MOUSE_BUTTON_LEFT })
            .then(go(middle))
            .then(go(to))
            .then(PointerAction::Up { button: MOUSE_BUTTON_LEFT });
        self.client
            .perform_actions(mouse)
            .await
            .unwrap_or_else(|error| panic!("{from:?} to {to:?}: {error}"));
        self.settle().await;
    }

    /// Puts the focus on an element without a click.
    pub(crate) async fn focus(&self, css: &str) {
        self.ask_page("document.querySelector(arguments[0]).focus()", css).await;
    }

    /// Clicks on the time axis, at about this moment; the moment that it became, in microseconds.
    pub(crate) async fn seek(&self, to: u64) -> u64 {
        let end: f64 = self.attribute("#scrub", "aria-valuemax").await.parse().expect("the end is a number");
        let (x, y, width, height) = self.area("#scrub").await;
        let share = to as f64 / end;
        self.click_at(x + AXIS_MARGIN + share * (width - 2.0 * AXIS_MARGIN), y + height - 30.0).await;
        self.now().await
    }

    /// Where an element is in the window: left, top, width, height.
    pub(crate) async fn area(&self, css: &str) -> (f64, f64, f64, f64) {
        let script = "const area = document.querySelector(arguments[0]).getBoundingClientRect();
            return [area.left, area.top, area.width, area.height]";
        let area = self.ask_page(script, css).await;
        let side = |index: usize| area[index].as_f64().unwrap_or_else(|| panic!("{css} is nowhere"));
        (side(0), side(1), side(2), side(3))
    }

    /// What an element says, seen or not.
    pub(crate) async fn text(&self, css: &str) -> String {
        let text = self.ask_page("return document.querySelector(arguments[0])?.textContent", css).await;
        text.as_str().unwrap_or_else(|| panic!("there is no {css}")).to_owned()
    }

    /// What each of several elements says.
    pub(crate) async fn texts(&self, css: &str) -> Vec<String> {
        let script = "return [...document.querySelectorAll(arguments[0])].map((one) => one.textContent)";
        serde_json::from_value(self.ask_page(script, css).await).expect("they are texts")
    }

    /// An element's attribute, which must be there.
    pub(crate) async fn attribute(&self, css: &str, name: &str) -> String {
        let element = self.element(Locator::Css(css)).await;
        let value = element.attr(name).await.unwrap_or_else(|error| panic!("{css}: {error}"));
        value.unwrap_or_else(|| panic!("{css} has no {name}"))
    }

    /// The moment that is looked at, in microseconds.
    pub(crate) async fn now(&self) -> u64 {
        self.attribute("#scrub", "aria-valuenow").await.parse().expect("a moment is a number")
    }

    /// The run's digest up to now.
    pub(crate) async fn digest(&self) -> String {
        self.text("#digest").await
    }

    /// The words on a canvas, as they are drawn now.
    pub(crate) async fn written_on(&self, canvas: &str) -> Vec<Written> {
        let words = self.client.execute_async(LISTEN_TO_PEN, vec![json!(canvas)]).await;
        let words: Vec<(String, f64, f64)> =
            serde_json::from_value(words.expect("it is drawn")).expect("texts with their places");
        words.into_iter().map(|(text, x, y)| Written { text, x, y }).collect()
    }

    /// Kills a node that is up or revives one that is down, as `act` does it, and says what command that was: the
    /// page's own list of events tells when it took effect.
    pub(crate) async fn toggle(&self, node: NodeId, act: impl AsyncFnOnce(&Self)) -> Action {
        let button = format!("[data-node='{node}']");
        let was_up = self.attribute(&button, "data-up").await == "1";
        act(self).await;
        let is_up = self.attribute(&button, "data-up").await == "1";
        assert_ne!(was_up, is_up, "{node} changed: {}", self.text("#notice").await);
        let word = if was_up { "crashes" } else { "is back" };
        let rows = "const rows = [...document.querySelectorAll(`#events [data-when='now']`)];
            return rows.find((row) => row.textContent.endsWith(arguments[0]))?.dataset.at";
        let at = self.ask_page(rows, word).await;
        let at = at.as_str().unwrap_or_else(|| panic!("no event says that {node} {word}"));
        let command = if was_up { Command::Crash(node) } else { Command::Restart(node) };
        Action { at: Time(at.parse().expect("a moment is a number")), command }
    }

    async fn ask_page(&self, script: &str, argument: &str) -> Value {
        let answer = self.client.execute(script, vec![json!(argument)]).await;
        answer.unwrap_or_else(|error| panic!("{argument}: {error}"))
    }
}

/// The digest of the same run, made here and not in a browser.
pub(crate) fn native(scenario: &str, seed: u64, actions: &[Action]) -> String {
    let actions = actions.to_vec();
    let run = Replay { scenario: scenario.into(), seed, actions, digest: String::new() };
    replay::run(&run).unwrap_or_else(|error| panic!("{scenario}, seed {seed}: {error}")).to_string()
}
