//! Filling the panels: from what the run is to what a person reads.

use mqlab_core::sim::Scenario;

use super::panel::{
    Events, GroupPart, LegendPart, NodeControl, Panel, Piece, Row, StoryPart, Transport, Words,
};
use super::run::Run;
use super::{Desk, Notice};
use crate::scene::shape::Rect;
use crate::text::sentence::{Tone, sentence};
use crate::text::{Both, LANGS, adding, groups, moment, share, story, ui, words};

/// Events shown before the present one, and after it.
const EVENTS_BEFORE: usize = 80;
const EVENTS_AFTER: usize = 30;
/// While the run plays: as many as are in sight, for the list is laid out anew with every filling.
const EVENTS_PLAYING: (usize, usize) = (26, 2);
const EVENTS_CROWDED: (usize, usize) = (12, 0);
/// Between two fillings while the run plays, in real milliseconds.
const FILL_MS: f64 = 120.0;
/// Where hundreds of messages are on their way, words change so fast that nobody reads them: then they change less often.
const FILL_CROWDED_MS: f64 = 400.0;
/// Between two announcements.
const SAY_MS: f64 = 1_500.0;

/// What was shown last, so that only changes are shown again.
#[derive(Debug, Default)]
pub(super) struct Filled {
    shown: Panel,
    last_fill: Option<f64>,
    last_said: Option<f64>,
}

impl Filled {
    /// The next filling does not wait.
    pub(super) fn hurry(&mut self) {
        self.last_fill = None;
    }
}

/// Keeps `fresh` only if it differs from what was shown.
fn changed<T: Clone + PartialEq>(shown: &mut Option<T>, fresh: T) -> Option<T> {
    if shown.as_ref() == Some(&fresh) {
        return None;
    }
    *shown = Some(fresh.clone());
    Some(fresh)
}

impl Desk {
    /// The parts that have changed since the last call; nothing while there are none, or it is too early.
    pub fn panel(&mut self, now_ms: f64) -> Option<Panel> {
        let apart = if self.is_layered() { FILL_CROWDED_MS } else { FILL_MS };
        let early = self.filled.last_fill.is_some_and(|last| now_ms - last < apart);
        if self.player.playing && early {
            return None;
        }
        let address = self.address(now_ms);
        self.measure();
        self.settle_wagers();
        let mut filled = std::mem::take(&mut self.filled);
        filled.last_fill = Some(now_ms);
        let shown = &mut filled.shown;
        let mut fresh = Panel {
            words: changed(&mut shown.words, self.words()),
            story: changed(&mut shown.story, self.story()),
            notice: changed(&mut shown.notice, self.notice_words()),
            bet: changed(&mut shown.bet, self.bet_part()),
            goals: changed(&mut shown.goals, self.goals_part()),
            ..Panel::default()
        };
        if let Some(run) = &self.run {
            fresh.transport = changed(&mut shown.transport, self.transport(run));
            fresh.verdict = changed(&mut shown.verdict, self.verdict(run));
            fresh.life = changed(&mut shown.life, self.life(run));
            fresh.events = changed(&mut shown.events, self.events(run));
            fresh.views = changed(&mut shown.views, self.views_part());
            fresh.charts = changed(&mut shown.charts, self.charts_part(run));
            fresh.nodes = changed(&mut shown.nodes, self.nodes(run));
            fresh.menu = changed(&mut shown.menu, self.menu_part(run));
            fresh.adding = changed(&mut shown.adding, self.adding_part(run));
            fresh.branches = changed(&mut shown.branches, self.branches(run));
            fresh.address = address.and_then(|address| changed(&mut shown.address, address));
        }
        if let Some(comparison) = self.comparison() {
            fresh.comparison = changed(&mut shown.comparison, comparison);
        }
        let may_say = filled.last_said.is_none_or(|last| now_ms - last >= SAY_MS);
        if may_say && !self.say.is_empty() {
            filled.last_said = Some(now_ms);
            fresh.say = Some(std::mem::take(&mut self.say));
        }
        self.filled = filled;
        (fresh != Panel::default()).then_some(fresh)
    }

    /// What should be said aloud; it is said once.
    pub(crate) fn take_words(&mut self) -> String {
        std::mem::take(&mut self.say)
    }

    /// What an element within somebody's page shows of a run: title, transport, nodes' controls.
    pub(crate) fn embedded(&self) -> Option<(String, Transport, Vec<NodeControl>)> {
        let run = self.run.as_ref()?;
        let title = story::of(&run.name).map_or(run.name.clone(), |story| story.title.get(self.lang).into());
        Some((title, self.transport(run), self.nodes(run)))
    }

    fn words(&self) -> Words {
        Words {
            tag: self.lang.tag(),
            texts: ui::TEXTS
                .iter()
                .chain(share::TEXTS)
                .chain(adding::TEXTS)
                .map(|(name, text)| (*name, text.get(self.lang)))
                .collect(),
            theme: ui::THEMES[self.theme_choice].get(self.lang),
            theme_name: ["auto", "light", "dark"][self.theme_choice],
        }
    }

    fn story(&self) -> StoryPart {
        let name = self.run.as_ref().map_or("", |run| run.name.as_str());
        let story = story::of(name);
        let get = |text: Both| text.get(self.lang);
        let title_of = |name: &str| story::of(name).map_or(name.into(), |story| get(story.title).into());
        let all = |texts: &[Both]| texts.iter().map(|text| get(*text).to_owned()).collect();
        StoryPart {
            kicker: story.map_or(String::new(), |story| get(story.kicker).into()),
            title: title_of(name),
            paragraphs: story
                .map_or(Vec::new(), |story| story.paragraphs.iter().map(|text| pieces(get(*text))).collect()),
            look: story.map_or(Vec::new(), |story| all(story.look)),
            tries: story.map_or(Vec::new(), |story| all(story.tries)),
            groups: groups::grouped(&Scenario::names().collect::<Vec<_>>())
                .into_iter()
                .map(|(title, names)| GroupPart {
                    title: get(title),
                    scenarios: names
                        .into_iter()
                        .map(|other| (other.into(), title_of(other), other == name))
                        .collect(),
                })
                .collect(),
            legend: self.legend(),
        }
    }

    /// What things are called, where another system plays.
    fn legend(&self) -> Option<LegendPart> {
        let plays = self.run.as_ref()?.picture.system?;
        let get = |text: Both| text.get(self.lang);
        let head = [get(words::WHAT)].into_iter().chain(words::SYSTEMS.map(|(_, name)| name)).collect();
        let column = words::SYSTEMS.iter().position(|(system, _)| *system == plays)? + 1;
        let row = |thing: &words::Thing| [get(thing.is)].into_iter().chain(thing.called).collect();
        let rows = words::THINGS.iter().map(row).collect();
        Some(LegendPart { title: get(words::TITLE), head, plays: column, rows })
    }

    fn transport(&self, run: &Run) -> Transport {
        let (now, end) = (run.timeline.now(), run.timeline.ends_at());
        Transport {
            playing: self.player.playing,
            play: if self.player.playing { ui::PAUSE } else { ui::PLAY }.get(self.lang),
            now: now.0,
            end: end.0,
            time: moment(now),
            heard: self.heard(run),
            pace: self.player.pace(),
            pace_words: self.player.words(self.lang),
            seed: run.timeline.seed().to_string(),
            digest: run.timeline.digest().to_string(),
            upkeep: self.upkeep,
            slow: self.watch.slow,
            leap: self.watch.leap,
            note: self.watch_words(),
            slowed: self.watch.is_slow(),
            can_undo: run.timeline.commands_given() > 0,
        }
    }

    fn events(&self, run: &Run) -> Events {
        let (events, happened) = (run.timeline.events(), run.timeline.happened());
        let (before, after) = match self.player.playing {
            true if self.is_layered() => EVENTS_CROWDED,
            true => EVENTS_PLAYING,
            false => (EVENTS_BEFORE, EVENTS_AFTER),
        };
        let (from, to) = (happened.saturating_sub(before), (happened + after).min(events.len()));
        let step = happened.checked_sub(1).map(|last| events[last].step);
        let rows = events[from..to].iter().enumerate().map(|(index, fact)| {
            let id = from + index;
            Row {
                id,
                at: fact.at.0,
                time: moment(fact.at),
                text: sentence(fact, &run.names, self.lang),
                tone: Tone::of(&fact.event).name(),
                when: match id < happened {
                    true if Some(fact.step) == step => "now",
                    true => "past",
                    false => "next",
                },
            }
        });
        Events { rows: rows.collect(), current: happened.checked_sub(1), differs: self.row_that_differs() }
    }

    fn nodes(&self, run: &Run) -> Vec<NodeControl> {
        if !self.shows_the_stage() {
            return Vec::new();
        }
        let layout = &run.layout;
        let clients =
            |of: &[(mqlab_core::ids::NodeId, Rect)]| of.iter().map(|(node, _)| *node).collect::<Vec<_>>();
        let brokers = layout.brokers.iter().map(|broker| broker.node);
        let controllers = clients(&layout.controllers);
        let all = clients(&layout.producers)
            .into_iter()
            .chain(controllers)
            .chain(brokers)
            .chain(clients(&layout.consumers));
        let round = |value: f64| (value * 10.0).round() / 10.0;
        let (scale, frame) = (layout.scale, self.frame_size());
        all.filter_map(|node| {
            let area = layout.control(node)?.grown(2.0);
            let laid = Rect::new(area.x * scale, area.y * scale, area.w * scale, area.h * scale);
            let area = self.seen_area(laid);
            // What is out of sight waits at the edge for who walks by keyboard: then it comes into sight.
            let inside = |from: f64, wide: f64, room: f64| from.clamp(0.0, (room - wide).max(0.0));
            let area = match self.camera().is_at_home() {
                true => area,
                false => Rect::new(
                    inside(area.x, area.w, frame.0),
                    inside(area.y, area.h, frame.1),
                    area.w,
                    area.h,
                ),
            };
            let up = run.is_up(node);
            Some(NodeControl {
                id: node.to_string(),
                label: ui::control(node, up, &run.names, self.lang),
                area: (round(area.x), round(area.y), round(area.w), round(area.h)),
                up,
            })
        })
        .collect()
    }

    /// What is wrong, in words; empty when nothing is.
    pub(crate) fn notice_words(&self) -> String {
        let lang = self.lang;
        match &self.notice {
            None => String::new(),
            Some(Notice::NoSuchScenario(name)) => {
                ui::no_such_scenario(name, &Scenario::names().collect::<Vec<_>>(), lang)
            }
            Some(Notice::BadLink(why)) => share::bad_link(why, lang),
            Some(Notice::BadRun(why)) => ui::bad_run(why, lang),
            Some(Notice::Invalid(words)) => words.clone(),
            Some(Notice::Refused(why)) => match &self.run {
                Some(run) => ui::refused(why.clone(), &run.names, lang),
                None => why.to_string(),
            },
            Some(Notice::Said(words)) => {
                words[LANGS.iter().position(|known| *known == lang).unwrap_or(0)].clone()
            }
        }
    }
}

/// Splits `plain *stressed* plain` into its pieces.
fn pieces(text: &str) -> Vec<Piece> {
    let split = text.split('*').enumerate();
    split
        .filter(|(_, text)| !text.is_empty())
        .map(|(index, text)| Piece { text: text.into(), strong: index % 2 == 1 })
        .collect()
}
