//! What of an experiment can be taken elsewhere, and brought back: a link, a scenario's file, its events, a picture.
//!
//! ```text
//!   the present branch ─┬─ link ────────────── another browser: the same digest
//!                       ├─ scenario, as JSON ─ `mqlab run`, and this page (by picker or drop)
//!                       ├─ events so far, a JSON object each line
//!                       └─ picture of the stage
//! ```
//!
//! Whatever comes in is looked at as a whole before anything on the desk changes.

use mqlab_core::sim::{Action, BadFile, InvalidScenario, PACKED_MAX, SCENARIO_FILE_MAX, Scenario, Timeline};
use mqlab_core::time::Time;

use super::action::Action as Want;
use super::run::Run;
use super::views::Which;
use super::{Desk, Notice};
use crate::link::{self, Link, Place, SCENARIO_USUAL};
use crate::svg::svg;
use crate::text::ui::refused;
use crate::text::{LANGS, Lang, moment, share as words};

/// Between two changes of the address bar, in real milliseconds: browsers refuse more than a few in a second.
const ADDRESS_MS: f64 = 400.0;
/// The most letters that a scenario's name gives to a file's.
const NAME_MAX: usize = 60;

/// Something to keep: a file that is not written yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keep {
    /// What it is called.
    pub name: String,
    /// What kind of file it is, as browsers say it.
    pub kind: &'static str,
    /// What is in it.
    pub text: String,
}

/// When the address was written last, in real milliseconds, and with which language and seed.
#[derive(Debug, Default)]
pub(super) struct Address {
    written: Option<(f64, Lang, Option<u64>)>,
}

impl Desk {
    /// Opens what a link asks for, all of it or nothing.
    pub(super) fn follow(&mut self, link: Link) {
        match self.run_of(&link) {
            Ok(run) => {
                self.show(Ok(run));
                if let Some((view, charts)) = link.view.as_deref().and_then(link::view_in) {
                    self.act(Want::View(Which::of_name(view).unwrap_or_default()));
                    self.act(Want::Charts(Some(charts)));
                    self.charts_are_chosen();
                }
                self.notice = link.other_engine.map(|engine| said(|lang| words::other_engine(&engine, lang)));
            }
            Err(notice) => self.notice = Some(notice),
        }
    }

    fn run_of(&self, link: &Link) -> Result<Run, Notice> {
        let invalid = |why: InvalidScenario| Notice::Invalid(why.to_string());
        let size = self.stage_room();
        let mut run = if let Some(packed) = &link.run {
            let scenario = Scenario::unpack(packed).map_err(Notice::BadRun)?;
            let seed = link.seed.unwrap_or(scenario.seed);
            Run::of_link(packed, scenario, seed, size).map_err(invalid)?
        } else {
            let name = link.scenario.as_deref().unwrap_or(SCENARIO_USUAL);
            let scenario = Scenario::built_in(name).ok_or_else(|| Notice::NoSuchScenario(name.into()))?;
            let seed = link.seed.unwrap_or(scenario.seed);
            Run::new(name, scenario, seed, size).map_err(invalid)?
        };
        let ends_at = run.timeline.ends_at();
        let actions = in_order(&link.actions, ends_at)?;
        run.timeline.replay(&actions).map_err(|(action, why)| {
            said(|lang| words::misplaced(&action, &refused(why.clone(), &run.names, lang), lang))
        })?;
        run.timeline.go_to(link.place.unwrap_or(Place { at: Time::ZERO, happened: None }));
        run.refresh();
        Ok(run)
    }

    /// The address of what is on the desk, after `?`, with the present moment; nothing where there is no run. Empty for a
    /// scenario of somebody's own that is too large for any link.
    pub fn link(&self) -> Option<String> {
        let run = self.run.as_ref()?;
        let timeline = &run.timeline;
        if run.packed.as_ref().is_some_and(|packed| packed.len() > PACKED_MAX) {
            return Some(String::new());
        }
        let happened = (!timeline.is_moment_over()).then(|| timeline.happened());
        let at_rest = timeline.now() == Time::ZERO && happened.is_none();
        Some(
            Link {
                scenario: Some(run.name.clone()),
                run: run.packed.clone(),
                seed: Some(timeline.seed()),
                actions: commands(timeline),
                place: (!at_rest).then_some(Place { at: timeline.now(), happened }),
                view: (self.views.which != Which::Stage || self.charts_open())
                    .then(|| link::view_of(self.views.which.name(), self.charts_open())),
                lang: Some(if self.lang == Lang::En { "en" } else { "zh" }.into()),
                other_engine: None,
            }
            .write(),
        )
    }

    /// The address, when it is time to write it: not while the run plays, and not too often. Another language or seed is
    /// written at once, for who loads the page again expects it.
    pub(super) fn address(&mut self, now_ms: f64) -> Option<String> {
        let (lang, seed) = (self.lang, self.seed());
        let same = self.address.written.filter(|(_, with, of)| (*with, *of) == (lang, seed));
        let early = same.is_some_and(|(last, ..)| self.player.playing || now_ms - last < ADDRESS_MS);
        if early {
            return None;
        }
        self.address.written = Some((now_ms, lang, seed));
        self.link()
    }

    /// Something of the run to keep: `scenario`, `events` or `picture`. Nothing where there is no run, or no such thing.
    pub fn keep(&self, what: &str) -> Option<Keep> {
        let run = self.run.as_ref()?;
        let timeline = &run.timeline;
        let (kind, ending, text) = match what {
            "scenario" => ("application/json", ".json".into(), scenario_of(timeline).to_json() + "\n"),
            "events" => ("application/jsonl", ".jsonl".into(), lines(timeline)),
            "picture" => {
                let scene = self.stage_scene()?;
                let moment = format!("-{}ms.svg", moment(timeline.now()));
                ("image/svg+xml", moment, svg(&scene, self.theme().sunk))
            }
            _ => return None,
        };
        Some(Keep { name: format!("{}-seed{}{ending}", file_name(&run.name), timeline.seed()), kind, text })
    }

    /// Opens a scenario's file of so many bytes; of one that is too large, nobody need have read more than that.
    pub fn open_file(&mut self, name: &str, size: f64, bytes: &[u8]) {
        self.filled.hurry();
        let read =
            if size > SCENARIO_FILE_MAX as f64 { Err(BadFile::TooLarge) } else { Scenario::from_file(bytes) };
        let opened = read.and_then(|scenario| {
            let (packed, seed) = (scenario.pack(), scenario.seed);
            Run::of_link(&packed, scenario, seed, self.stage_room()).map_err(BadFile::Impossible)
        });
        match opened {
            Ok(run) => {
                self.show(Ok(run));
                self.say = words::opened(name, self.lang);
            }
            Err(why) => self.notice = Some(said(|lang| words::bad_file(name, &why, lang))),
        }
    }
}

/// A notice in words that were chosen where it arose, in all languages, for the language may change while it stands.
fn said(words: impl Fn(Lang) -> String) -> Notice {
    Notice::Said(LANGS.map(words))
}

/// What a person did in the present branch.
fn commands(timeline: &Timeline) -> Vec<Action> {
    let current = timeline.branches().into_iter().filter(|branch| branch.current);
    current.flat_map(|branch| branch.commands).map(|(at, command)| Action { at, command }).collect()
}

/// The scenario with this run's seed, and with what a person did as if it had been written down before.
fn scenario_of(timeline: &Timeline) -> Scenario {
    let mut scenario = timeline.scenario().clone();
    scenario.seed = timeline.seed();
    scenario.actions.extend(commands(timeline));
    scenario
}

/// What has happened so far, a JSON object each line: the lines of `mqlab run --trace --json`'s list.
fn lines(timeline: &Timeline) -> String {
    let past = &timeline.events()[..timeline.happened()];
    past.iter().map(|fact| fact.to_json() + "\n").collect()
}

/// Commands in order of their moments, each of which must lie in the run, and be taken once.
fn in_order(actions: &[Action], ends_at: Time) -> Result<Vec<Action>, Notice> {
    let mut actions = actions.to_vec();
    actions.sort_by_key(|action| action.at);
    for (index, action) in actions.iter().enumerate() {
        if action.at == Time::ZERO || action.at > ends_at {
            return Err(said(|lang| words::outside(action, ends_at, lang)));
        }
        if index > 0 && actions[index - 1].at == action.at {
            return Err(said(|lang| words::same_moment(action, lang)));
        }
    }
    Ok(actions)
}

/// A scenario's name as a part of a file's.
fn file_name(name: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() { c } else { '-' };
    let name: String = name.chars().take(NAME_MAX).map(plain).collect();
    match name.trim_matches('-') {
        "" => "scenario".into(),
        name => name.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_name_has_nothing_that_leads_elsewhere() {
        assert_eq!(file_name("../../etc/passwd"), "etc-passwd");
        assert_eq!(file_name("queue*"), "queue");
        assert_eq!(file_name("队列 1"), "队列-1");
        assert_eq!(file_name(" / "), "scenario");
        assert_eq!(file_name(&"x".repeat(500)).len(), NAME_MAX);
    }
}
