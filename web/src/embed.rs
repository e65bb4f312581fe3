//! A lab within somebody's page: `<mq-lab scenario="kill-the-leader" seed="7" controls="play step">`.
//!
//! It is the same desk with less around it: the stage, the controls that its attributes ask for, and a line that says what
//! happened. An attribute that cannot be meant is answered in words, in the element itself, and then nothing runs.
//!
//! | attribute | what it may be | without it |
//! |---|---|---|
//! | `scenario` | a scenario that comes with the engine | `hundred-messages` |
//! | `seed` | a whole number | the scenario's own |
//! | `link` | a link of the page, instead of these two | |
//! | `controls` | any of `play`, `step`, `reset`, `time`, `open`, with spaces between | `play step` |
//! | `lang` | `en`, `zh` | as the page around it, else the visitor's |
//! | `theme` | `auto`, `light`, `dark` | `auto` |

use mqlab_core::time::Time;
use serde::Serialize;

use crate::desk::action::Action;
use crate::desk::panel::NodeControl;
use crate::desk::{Desk, Visitor};
use crate::text::{Lang, embed as words};

/// Between two fillings while the run plays, in real milliseconds.
const FILL_MS: f64 = 120.0;
/// Between two announcements, in real milliseconds: nobody hears faster.
const SAY_MS: f64 = 1_500.0;
/// What can be among the controls.
pub const CONTROLS: [&str; 5] = ["play", "step", "reset", "time", "open"];
/// What is, where nothing is said.
const CONTROLS_USUAL: &str = "play step";
/// Themes, in the order of the page's switch.
pub const THEMES: [&str; 3] = ["auto", "light", "dark"];

/// An attribute that cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadAttribute {
    /// There is no such control.
    Control(String),
    /// There is no such theme.
    Theme(String),
    /// There is no such language.
    Lang(String),
    /// No seed.
    Seed(String),
}

/// Everything that an element shows; it comes anew whenever some of it has changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EmbedPanel {
    /// For `lang`.
    pub tag: &'static str,
    /// `auto`, `light` or `dark`.
    pub theme: &'static str,
    /// The experiment, for who hears it.
    pub title: String,
    /// The controls: name, label.
    pub controls: Vec<(&'static str, &'static str)>,
    /// Whether it plays.
    pub playing: bool,
    /// The moment, in microseconds.
    pub now: u64,
    /// The end, in microseconds.
    pub end: u64,
    /// The moment, as it is read.
    pub time: String,
    /// The moment, as it is heard.
    pub heard: String,
    /// The run's digest up to now.
    pub digest: String,
    /// The nodes' buttons.
    pub nodes: Vec<NodeControl>,
    /// The experiment's address in the page, after `?`.
    pub address: String,
    /// What is wrong; empty when nothing is.
    pub notice: String,
    /// What should be said aloud.
    pub say: String,
}

/// A desk within an element.
#[derive(Debug)]
pub struct Embed {
    desk: Desk,
    controls: Vec<&'static str>,
    bad: Option<BadAttribute>,
    shown: Option<EmbedPanel>,
    filled: Option<f64>,
    said: (String, Option<f64>),
}

impl Embed {
    /// Opens what the attributes ask for; `visitor` brings the rest, and its query is not looked at.
    pub fn new(attribute: impl Fn(&str) -> Option<String>, visitor: Visitor) -> Self {
        let given = |name: &str| {
            attribute(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        let mut bad = None;
        let mut worth = |why: BadAttribute| bad = bad.take().or(Some(why));
        let lang = given("lang").and_then(|tag| {
            Lang::from_tag(&tag).or_else(|| {
                worth(BadAttribute::Lang(tag));
                None
            })
        });
        let theme = given("theme").map_or(0, |name| {
            THEMES.iter().position(|known| *known == name).unwrap_or_else(|| {
                worth(BadAttribute::Theme(name));
                0
            })
        });
        let wanted = given("controls").unwrap_or_else(|| CONTROLS_USUAL.into());
        let mut controls = Vec::new();
        for name in wanted.split_whitespace() {
            match CONTROLS.into_iter().find(|known| *known == name) {
                Some(known) if !controls.contains(&known) => controls.push(known),
                Some(_) => {}
                None => worth(BadAttribute::Control(name.into())),
            }
        }
        let mut query = String::from("?");
        match given("link") {
            Some(link) => query += link.split_once('?').map_or(link.as_str(), |(_, query)| query),
            None => {
                if let Some(name) = given("scenario") {
                    query += &format!("scenario={}", mqlab_core::sim::encoded(&name));
                }
                match given("seed").map(|seed| seed.parse::<u64>().map_err(|_| seed)) {
                    Some(Ok(seed)) => query += &format!("&seed={seed}"),
                    Some(Err(seed)) => worth(BadAttribute::Seed(seed)),
                    None => {}
                }
            }
        }
        let languages = lang.map_or(visitor.languages, |lang| lang.tag().into());
        let mut desk = Desk::new(&Visitor { query, languages, theme, ..visitor });
        if let Some(lang) = lang {
            desk.act(Action::Lang(lang)); // a link's own language is for those who follow it
        }
        Self { desk, controls, bad, shown: None, filled: None, said: (String::new(), None) }
    }

    /// The desk.
    pub fn desk(&self) -> &Desk {
        &self.desk
    }

    /// The desk, to be acted on; whatever that changes is shown at once.
    pub fn desk_mut(&mut self) -> &mut Desk {
        self.filled = None;
        &mut self.desk
    }

    /// Whether there is something to draw: an attribute that is wrong, or a scenario that is not there, leaves none.
    pub fn runs(&self) -> bool {
        self.bad.is_none() && self.desk.seed().is_some()
    }

    /// The moment that is shown, and the end of the run; nothing where there is no run.
    pub fn moment(&self) -> Option<(Time, Time)> {
        self.desk.moment().filter(|_| self.runs())
    }

    /// Plays, or stands still, whatever it did before.
    pub fn play(&mut self, on: bool) {
        if self.runs() && self.desk.is_playing() != on {
            self.desk_mut().act(Action::Play);
        }
    }

    /// Lets real time pass up to `now_ms`; whether anything moved.
    pub fn frame(&mut self, now_ms: f64) -> bool {
        self.runs() && self.desk.frame(now_ms)
    }

    /// Does what a key means here; whether it means anything. Only keys whose controls are shown do.
    pub fn key(&mut self, key: &str) -> bool {
        let needs = match key {
            " " => "play",
            "ArrowLeft" | "ArrowRight" => "step",
            "Home" => "reset",
            "End" => "time",
            "Escape" => "",
            _ => return false,
        };
        if !self.runs() || !(needs.is_empty() || self.controls.contains(&needs)) {
            return false;
        }
        let action = Action::from_key(key, self.desk.lang());
        let known = action.is_some();
        action.into_iter().for_each(|action| self.desk_mut().act(action));
        known
    }

    /// What is shown, when it has changed; while it plays, a few times a second.
    pub fn panel(&mut self, now_ms: f64) -> Option<EmbedPanel> {
        let early = self.filled.is_some_and(|last| now_ms - last < FILL_MS);
        if early && self.shown.is_some() {
            return None;
        }
        self.filled = Some(now_ms);
        if self.said.1.is_none_or(|last| now_ms - last >= SAY_MS) {
            let say = self.desk.take_words();
            if !say.is_empty() {
                self.said = (say, Some(now_ms));
            }
        }
        let fresh = self.fresh();
        if self.shown.as_ref() == Some(&fresh) {
            return None;
        }
        self.shown = Some(fresh.clone());
        Some(fresh)
    }

    fn fresh(&self) -> EmbedPanel {
        let lang = self.desk.lang();
        let empty = EmbedPanel {
            tag: lang.tag(),
            theme: THEMES[self.desk.theme_choice()],
            title: words::TITLE.get(lang).into(),
            controls: Vec::new(),
            playing: false,
            now: 0,
            end: 0,
            time: String::new(),
            heard: String::new(),
            digest: String::new(),
            nodes: Vec::new(),
            address: String::new(),
            notice: self.bad.as_ref().map_or_else(|| self.desk.notice_words(), |why| words::bad(why, lang)),
            say: self.said.0.clone(),
        };
        match self.desk.embedded().filter(|_| self.runs()) {
            None => empty,
            Some((title, transport, nodes)) => EmbedPanel {
                title,
                controls: self.labels(transport.play),
                playing: transport.playing,
                now: transport.now,
                end: transport.end,
                time: transport.time,
                heard: transport.heard,
                digest: transport.digest,
                nodes,
                address: self.desk.link().unwrap_or_default(),
                ..empty
            },
        }
    }

    /// The buttons in order, with their labels; a control of `step` is two.
    fn labels(&self, play: &'static str) -> Vec<(&'static str, &'static str)> {
        let lang = self.desk.lang();
        let label = |name| crate::text::ui::text(name, lang);
        let mut all = Vec::new();
        for control in &self.controls {
            match *control {
                "play" => all.push(("play", play)),
                "step" => all.extend([("back", label("back")), ("forward", label("forward"))]),
                "reset" => all.push(("reset", label("reset"))),
                "time" => all.push(("time", label("time-axis"))),
                _ => all.push(("open", words::OPEN.get(lang))),
            }
        }
        all
    }
}
