//! The page that compares: everything that a person has before them, without a browser.
//!
//! ```text
//!   a link, or the form ──▶ Plan ──start──▶ workers, each a run at a time
//!                                              │ arrive (outcome, fates)      tell (how far)
//!                                              ▼
//!                                           Results ──▶ tables, charts, files; links to the page for each run
//!                                              │
//!                                              └──▶ Together: the runs of one mishap and seed, and one clock for all
//! ```
//!
//! As with the [desk](crate::desk), it takes what a person does and real milliseconds, and gives panels of ready sentences.

mod charts;
mod form;
pub mod needs;
pub mod panel;
pub mod presets;
pub mod results;
mod tables;
mod together;

use mqlab_core::sim::compare::{BadPlan, Plan};
use mqlab_core::time::Time;

use crate::desk::share::Keep;
use crate::embed::THEMES;
use crate::link;
use crate::scene::theme::{DARK, LIGHT, Theme};
use crate::text::{Lang, compare as words, ui};
use needs::Needs;
use panel::{Panel, RunPart, Words};
use results::{Results, State};
use together::Together;

/// Between two fillings, in real milliseconds.
const FILL_MS: f64 = 100.0;
/// Between two announcements of how far it is, in tenths of the whole.
const SAY_TENTHS: u32 = 4;

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wrong {
    /// The link.
    Link(BadPlan),
    /// Its language.
    Lang(String),
    /// A choice.
    Choice(BadPlan),
    /// A drawing, or what the workers sent.
    Inside(String),
}

/// Who comes to the page.
#[derive(Clone, Debug, Default)]
pub struct Visitor {
    /// The address after `?`.
    pub query: String,
    /// Their languages, the first one first, with commas between.
    pub languages: String,
    /// Whether their system is dark.
    pub dark: bool,
    /// The theme that they chose before.
    pub theme: usize,
}

/// All of it.
#[derive(Debug)]
pub struct CompareDesk {
    lang: Lang,
    theme_choice: usize,
    system_dark: bool,
    plan: Plan,
    wrong: Option<Wrong>,
    results: Option<Results>,
    together: Together,
    needs: Needs,
    /// How wide a chart may be, in pixels.
    width: f64,
    shown: Panel,
    filled: Option<f64>,
    /// Whether something may have changed since then.
    touched: bool,
    /// In which part of the progress something was said last.
    said: Option<u32>,
}

impl CompareDesk {
    /// Opens what the visitor's link asks for; where it cannot be followed, it says why, and shows the usual choice.
    pub fn new(visitor: &Visitor) -> Self {
        let spoken = visitor.languages.split(',').find_map(|tag| Lang::from_tag(tag.trim()));
        let asked = link::Link::language(&visitor.query);
        let known = asked.as_deref().and_then(Lang::from_tag);
        let mut wrong = asked.filter(|_| known.is_none()).map(Wrong::Lang);
        let plan = Plan::read(&visitor.query).unwrap_or_else(|why| {
            wrong = Some(Wrong::Link(why));
            Plan::usual()
        });
        Self {
            lang: known.or(spoken).unwrap_or_default(),
            theme_choice: visitor.theme % THEMES.len(),
            system_dark: visitor.dark,
            plan,
            wrong,
            results: None,
            together: Together::default(),
            needs: Needs::default(),
            width: 480.0,
            shown: Panel::default(),
            filled: None,
            touched: true,
            said: None,
        }
    }

    /// The language.
    pub fn lang(&self) -> Lang {
        self.lang
    }

    /// The number of the chosen theme.
    pub fn theme_choice(&self) -> usize {
        self.theme_choice
    }

    /// What is chosen now.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    fn theme(&self) -> &'static Theme {
        match THEMES[self.theme_choice] {
            "light" => &LIGHT,
            "dark" => &DARK,
            _ if self.system_dark => &DARK,
            _ => &LIGHT,
        }
    }

    /// The system turned dark or light.
    pub fn set_system_dark(&mut self, dark: bool) {
        self.system_dark = dark;
        self.touched = true;
    }

    /// A chart may be this wide now.
    pub fn resize_charts(&mut self, width: f64) {
        if width.is_finite() && width > 0.0 {
            self.width = width;
            self.touched = true;
        }
    }

    /// Does what a control of the page means; a control that means nothing does nothing.
    pub fn act(&mut self, name: &str, value: &str) {
        self.hurry();
        match name {
            "lang" => self.lang = self.lang.other(),
            "theme" => self.theme_choice = (self.theme_choice + 1) % THEMES.len(),
            "need" => drop(self.needs.toggle(value)),
            _ if self.act_together(name, value) => {}
            _ => match form::change(&self.plan, name, value) {
                None => {}
                Some(Ok(plan)) => (self.plan, self.wrong) = (plan, None),
                Some(Err(why)) => self.wrong = Some(Wrong::Choice(why)),
            },
        }
    }

    /// What is meant for the runs side by side; whether it was.
    fn act_together(&mut self, name: &str, value: &str) -> bool {
        let Some(plan) = self.results.as_ref().map(|results| &results.plan) else { return false };
        let together = &mut self.together;
        match name {
            "together-mishap" => {
                if let Ok(mishap) = value.parse() {
                    together.choose(mishap);
                }
            }
            "together-seed" => {
                if let Ok(seed) = value.parse() {
                    together.choose_seed(seed);
                }
            }
            "together-open" => together.open(),
            "see" => {
                if let Some((mishap, seed, at)) = tables::place(value) {
                    together.show(mishap, seed, at);
                }
            }
            "play" => together.play(plan),
            "back" => together.reset(),
            "seek" => {
                if let Ok(micros) = value.parse() {
                    together.seek(Time(micros), plan);
                }
            }
            "pace" => {
                if let Ok(pace) = value.parse() {
                    together.set_pace(pace);
                }
            }
            _ => return false,
        }
        true
    }

    fn hurry(&mut self) {
        (self.touched, self.filled) = (true, None);
    }

    /// Begins the comparison that is chosen: its link, for the workers, and how many runs there are.
    pub fn start(&mut self) -> (String, usize) {
        self.hurry();
        self.wrong = None;
        self.said = None;
        let results = Results::new(self.plan.clone());
        let count = results.progress().1;
        self.together.begin_anew();
        self.results = Some(results);
        (self.plan.write(), count)
    }

    /// A run is so far.
    pub fn tell(&mut self, number: usize, share: f64) {
        self.touched = true;
        if let Some(results) = &mut self.results {
            results.tell(number, share);
        }
    }

    /// A run is over.
    pub fn arrive(&mut self, number: usize, json: &str, fates: &[u8], decided: &[u32]) {
        self.touched = true;
        let Some(results) = self.results.as_mut().filter(|results| results.state == State::Running) else {
            return;
        };
        if let Err(why) = results.arrive(number, json, fates, decided) {
            results.state = State::Failed(why);
        }
        if results.state != State::Running {
            self.filled = None;
        }
    }

    /// A run could not be run: which, where that is known.
    pub fn fail(&mut self, number: Option<usize>, why: &str) {
        let run = self.results.as_ref().and_then(|results| results.run(number?));
        let whose = run.map_or_else(String::new, |(contender, mishap, seed)| {
            let mishap = crate::text::compare_names::mishap(mishap).0.get(self.lang);
            format!("{} · {mishap} · {}: ", words::contender(&contender), words::seed(seed, self.lang))
        });
        self.end(State::Failed(whose + why));
    }

    /// What the workers run could not be loaded.
    pub fn miss(&mut self) {
        self.end(State::Missing);
    }

    /// Somebody stops it.
    pub fn stop(&mut self) {
        self.end(State::Stopped);
    }

    fn end(&mut self, state: State) {
        self.hurry();
        if let Some(results) = self.results.as_mut().filter(|results| results.state == State::Running) {
            results.state = state;
        }
    }

    /// Whether runs are under way.
    pub fn is_running(&self) -> bool {
        self.results.as_ref().is_some_and(|results| results.state == State::Running)
    }

    /// Lets real time pass; the moment that the runs side by side should show, where there are any.
    pub fn tick(&mut self, now_ms: f64) -> Option<f64> {
        let plan = &self.results.as_ref()?.plan;
        self.together.tick(now_ms, plan)
    }

    /// A run side by side was moved by hand: the others follow.
    pub fn follow(&mut self, micros: f64) {
        if micros.is_finite() && micros >= 0.0 {
            self.act("seek", &(micros as u64).to_string());
        }
    }

    /// A file to keep: `csv`, `json` or `svg`.
    pub fn keep(&mut self, what: &str) -> Option<Keep> {
        let results = self.results.as_ref().filter(|results| !results.rows().is_empty())?;
        let name = format!("mqlab-compare-{}", results.plan.workload.name);
        let keep = |ending: &str, kind, text| Some(Keep { name: format!("{name}.{ending}"), kind, text });
        match what {
            "csv" => keep("csv", "text/csv", results.csv()),
            "json" => keep("json", "application/json", results.json()),
            "svg" => {
                let head = words::head(&results.plan, self.lang);
                match charts::picture(&head, results.rows(), self.theme(), self.lang) {
                    Ok(svg) => keep("svg", "image/svg+xml", svg),
                    Err(why) => {
                        self.wrong = Some(Wrong::Inside(why));
                        None
                    }
                }
            }
            _ => None,
        }
    }

    /// What has changed, if it is time to show it.
    pub fn panel(&mut self, now_ms: f64) -> Option<Panel> {
        let clock = self.results.as_ref().map(|results| self.together.clock(&results.plan, self.lang));
        let mut fresh = Panel { clock, ..Panel::default() };
        let is_due = self.filled.is_none_or(|last| now_ms - last >= FILL_MS);
        if self.touched && is_due {
            (self.touched, self.filled) = (false, Some(now_ms));
            self.fill(&mut fresh);
        }
        let mut changed = Panel::default();
        let shown = &mut self.shown;
        let any = [
            news(&mut shown.words, fresh.words, &mut changed.words),
            news(&mut shown.form, fresh.form, &mut changed.form),
            news(&mut shown.run, fresh.run, &mut changed.run),
            news(&mut shown.tables, fresh.tables, &mut changed.tables),
            news(&mut shown.charts, fresh.charts, &mut changed.charts),
            news(&mut shown.needs, fresh.needs, &mut changed.needs),
            news(&mut shown.together, fresh.together, &mut changed.together),
            news(&mut shown.clock, fresh.clock, &mut changed.clock),
            news(&mut shown.address, fresh.address, &mut changed.address),
            news(&mut shown.notice, fresh.notice, &mut changed.notice),
            news(&mut shown.say, fresh.say, &mut changed.say),
        ];
        any.contains(&true).then_some(changed)
    }

    fn fill(&mut self, panel: &mut Panel) {
        let lang = self.lang;
        panel.words = Some(self.words());
        panel.form = Some(form::form(&self.plan, lang));
        panel.run = Some(self.run_part());
        if let Some(results) = &self.results {
            panel.tables = Some(tables::tables(results, lang));
            match charts::charts(results.rows(), self.width, self.theme(), lang) {
                Ok(charts) => panel.charts = Some(charts),
                Err(why) => self.wrong = Some(Wrong::Inside(why)),
            }
        }
        panel.needs = Some(self.needs.part(lang));
        panel.together = Some(self.together.part(self.results.as_ref(), lang));
        let tag = if lang == Lang::En { "en" } else { "zh" };
        let query = self.plan.write();
        let (query, version) = query.rsplit_once("&v=").unwrap_or((&query, mqlab_core::VERSION));
        panel.address = Some(format!("{query}&lang={tag}&v={version}"));
        panel.notice = Some(self.wrong.as_ref().map_or_else(String::new, |wrong| match wrong {
            Wrong::Link(why) => words::bad_link(why, lang),
            Wrong::Lang(tag) => words::bad_lang(tag, lang),
            Wrong::Choice(why) => words::bad(why, lang),
            Wrong::Inside(why) => words::failed(why, lang),
        }));
        panel.say = self.say(panel.run.as_ref());
    }

    /// How far it is, aloud: at the beginning, in large steps, and at the end.
    fn say(&mut self, run: Option<&RunPart>) -> Option<String> {
        let run = run.filter(|run| run.state != "idle")?;
        let step = if run.state == "running" { run.hundredths / (SAY_TENTHS * 10) } else { u32::MAX };
        let is_new = self.said.replace(step) != Some(step);
        is_new.then(|| run.words.clone())
    }

    fn words(&self) -> Words {
        let lang = self.lang;
        let shared = [("lang", ui::text("lang", lang)), ("failed", ui::text("failed", lang))];
        let texts = words::TEXTS.iter().map(|(name, both)| (*name, both.get(lang)));
        Words {
            tag: lang.tag(),
            texts: texts.chain(shared).collect(),
            theme: THEMES[self.theme_choice],
            theme_words: ui::THEMES[self.theme_choice].get(lang),
            title: format!("{} · mqlab", words::PAGE.get(lang)),
        }
    }

    fn run_part(&self) -> RunPart {
        let lang = self.lang;
        let Some(results) = &self.results else {
            return RunPart { state: "idle", hundredths: 0, words: String::new(), has_outcome: false };
        };
        let (done, all) = results.progress();
        let (state, words) = match &results.state {
            State::Running => ("running", words::so_far(done, all, lang)),
            State::Done => ("done", words::all_done(all, lang)),
            State::Stopped => ("stopped", words::stopped(done, all, lang)),
            State::Failed(why) => ("failed", words::failed(why, lang)),
            State::Missing => ("failed", words::MISSING.get(lang).into()),
        };
        let hundredths = (results.share() * 100.0) as u32;
        RunPart { state, hundredths, words, has_outcome: done > 0 }
    }
}

/// Puts aside what is new, and whether it is.
fn news<T: PartialEq + Clone>(shown: &mut Option<T>, fresh: Option<T>, changed: &mut Option<T>) -> bool {
    if fresh.is_none() || *shown == fresh {
        return false;
    }
    shown.clone_from(&fresh);
    *changed = fresh;
    true
}
