//! Three views of the same moment: the stage, space and time, and the logs.
//!
//! All are drawn from the run that lies on the desk, so they are in step by themselves; what is chosen in one is chosen in
//! all.

use mqlab_core::ids::NodeId;
use mqlab_core::observe::{Event, FaultEvent, Stamped};
use mqlab_core::sim::Trips;
use mqlab_core::time::{Span, Time};

use super::Desk;
use super::action::Action;
use super::panel::{ViewPart, ViewsPart};
use super::run::Run;
use crate::scene::camera::{Camera, Size};
use crate::scene::changes::Changes;
use crate::scene::logs::{Logs, PITCHES, logs};
use crate::scene::shape::{Rect, Scene, Target};
use crate::scene::space_time::{SpaceTime, Still, space_time, window};
use crate::text::{Lang, ui};

/// What the main area shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Which {
    /// Nodes and what moves between them.
    #[default]
    Stage,
    /// A lane for each node, an arrow for each way.
    SpaceTime,
    /// Every log, record by record.
    Logs,
    /// All three, where there is room.
    Together,
}

impl Which {
    /// All of them, in the order of the switch.
    pub const ALL: [Self; 4] = [Self::Stage, Self::SpaceTime, Self::Logs, Self::Together];

    /// Its name in the page.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stage => "stage",
            Self::SpaceTime => "space-time",
            Self::Logs => "logs",
            Self::Together => "together",
        }
    }

    /// The one of a name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|which| which.name() == name)
    }

    fn next(self, room_for_three: bool) -> Self {
        match self {
            Self::Stage => Self::SpaceTime,
            Self::SpaceTime => Self::Logs,
            Self::Logs if room_for_three => Self::Together,
            Self::Logs | Self::Together => Self::Stage,
        }
    }
}

/// How finely a window may be seen: so many doublings.
const ZOOM_MAX: i8 = 5;
/// What fits into the window of space and time, in real milliseconds of playing.
const WINDOW_MS: f64 = 1_300.0;
/// The shortest window.
const WINDOW_MIN: Span = Span(1_000);
/// How far the logs' window can be moved back, in records.
const BACK_MAX: u64 = 2_000;
/// How long the marks of the last step stay while the run plays, in real milliseconds.
const FRESH_MS: f64 = 400.0;

/// Which view is shown, and how.
#[derive(Clone, Debug, Default)]
pub(super) struct Views {
    pub(super) which: Which,
    /// What is seen of the stage.
    pub(super) camera: Camera,
    /// Doublings of the window of space and time.
    zoom: i8,
    /// Which pitch the logs have.
    log_zoom: usize,
    /// How many records the logs' window was moved back.
    back: u64,
    /// Among three views: where the logs are, and how far they are scrolled, of how much.
    pub(super) logs_pane: Rect,
    pub(super) scrolled: f64,
    pub(super) scrolled_max: f64,
    trips: Trips,
    rests: Rests,
}

/// When nodes did nothing, gathered from the events of a branch as far as it was visited.
#[derive(Clone, Debug, Default)]
struct Rests {
    all: Vec<Still>,
    gathered: usize,
    last: Option<Stamped>,
}

impl Rests {
    fn gather(&mut self, events: &[Stamped]) {
        let known = self.gathered.checked_sub(1).and_then(|last| events.get(last));
        if known != self.last.as_ref() {
            *self = Self::default();
        }
        for fact in &events[self.gathered..] {
            self.note(fact.node, fact.at, &fact.event);
        }
        self.gathered = events.len();
        self.last = events.last().cloned();
    }

    fn note(&mut self, node: NodeId, at: Time, event: &Event) {
        let (begins, frozen) = match event {
            Event::Crashed | Event::PowerCut => (true, false),
            Event::Restarted => (false, false),
            Event::Fault(FaultEvent::Frozen) => (true, true),
            Event::Fault(FaultEvent::Thawed { .. }) => (false, true),
            _ => return,
        };
        let going_on = |still: &&mut Still| still.node == node && still.until.is_none();
        // Who dies no longer stands still.
        let ended = self.all.iter_mut().filter(going_on).filter(|still| still.frozen == frozen || !frozen);
        ended.for_each(|still| still.until = Some(at));
        if begins {
            self.all.push(Still { node, from: at, until: None, frozen });
        }
    }
}

impl Views {
    /// Another run: what was seen of the last one is of no use.
    pub(super) fn begin_anew(&mut self) {
        *self = Self { which: self.which, zoom: self.zoom, log_zoom: self.log_zoom, ..Self::default() };
    }

    /// How long the window of space and time is.
    fn length(&self, micros_per_second: u64, ends_at: Time) -> Span {
        let usual = micros_per_second as f64 * WINDOW_MS / 1_000.0;
        let length = usual * 2_f64.powi(-i32::from(self.zoom));
        Span(length as u64).clamp(WINDOW_MIN, Span(ends_at.0.max(WINDOW_MIN.0)))
    }
}

impl Desk {
    /// Chooses a view, or changes how much of it is seen.
    pub(super) fn look(&mut self, action: &Action) {
        let room_for_three = self.has_room_for_three();
        if self.shows_the_stage() {
            self.look_closer(action);
        }
        let (shown, views) = (self.shown_view(), &mut self.views);
        match *action {
            Action::View(which) => {
                views.which = which;
                self.lay_out();
            }
            Action::NextView => {
                views.which = shown.next(room_for_three);
                self.lay_out();
            }
            Action::Zoom(by) if views.which == Which::SpaceTime => {
                views.zoom = (views.zoom + by).clamp(-ZOOM_MAX, ZOOM_MAX);
            }
            Action::Zoom(by) if views.which == Which::Logs => {
                let coarser = views.log_zoom.saturating_add_signed(-isize::from(by));
                views.log_zoom = coarser.min(PITCHES.len() - 1);
            }
            Action::Pan(by) if matches!(shown, Which::Logs | Which::Together) => {
                let step = (self.stage_size.0 / PITCHES[views.log_zoom] / 4.0) as i64 * i64::from(by);
                views.back = views.back.saturating_add_signed(-step).min(BACK_MAX);
            }
            _ => {}
        }
    }

    /// The main area, drawn: whichever view was chosen. Nothing when there is no run.
    pub fn main_scene(&mut self) -> Option<Scene> {
        match self.shown_view() {
            Which::Together => self.together_scene(),
            Which::Stage => self.stage_scene().map(|stage| self.seen(stage)),
            Which::SpaceTime => self.space_time_scene(),
            Which::Logs => self.logs_scene(),
        }
    }

    /// Space and time around the present; nothing when there is no run.
    pub fn space_time_scene(&mut self) -> Option<Scene> {
        self.space_time_scene_in(self.stage_size, false)
    }

    pub(super) fn space_time_scene_in(&mut self, size: Size, across: bool) -> Option<Scene> {
        let run = self.run.as_ref()?;
        let timeline = &run.timeline;
        let (now, ends_at) = (timeline.now(), timeline.ends_at());
        let (from, to) = window(now, self.views.length(self.player.micros_per_second(), ends_at), ends_at);
        self.views.trips.follow(timeline, from, to);
        self.views.rests.gather(timeline.events());
        let events = timeline.events();
        let first = events.partition_point(|fact| fact.at < from);
        let last = events.partition_point(|fact| fact.at <= to);
        Some(space_time(&SpaceTime {
            lanes: &lanes(run, self.lang),
            still: &self.views.rests.all,
            trips: &self.views.trips,
            events: &events[first..last],
            now,
            window: (from, to),
            selected: self.selection.message,
            theme: self.theme(),
            lang: self.lang,
            width: size.0,
            height: size.1,
            across,
        }))
    }

    /// The logs; nothing when there is no run.
    pub fn logs_scene(&self) -> Option<Scene> {
        self.logs_scene_in(self.stage_size, false)
    }

    pub(super) fn logs_scene_in(&self, size: Size, close: bool) -> Option<Scene> {
        let run = self.run.as_ref()?;
        let views = &self.views;
        let columns = (size.0 / PITCHES[views.log_zoom]) as u64;
        let cells = (columns * 2 + views.back) as usize;
        Some(logs(&Logs {
            picture: &run.timeline.picture(cells),
            names: &run.names,
            zoom: views.log_zoom,
            back: views.back,
            selected: self.selection.message,
            changes: &self.changes(run),
            theme: self.theme(),
            lang: self.lang,
            width: size.0,
            height: size.1,
            close,
        }))
    }

    /// What the last step changed, while that is news.
    pub(super) fn changes(&self, run: &Run) -> Changes {
        let past = &run.timeline.events()[..run.timeline.happened()];
        let Some(last) = past.last() else { return Changes::default() };
        let fresh = (self.player.micros_per_second() as f64 * FRESH_MS / 1_000.0) as u64;
        if self.player.playing && run.timeline.now().since(last.at).0 > fresh {
            return Changes::default();
        }
        let step = past.iter().rev().take_while(|fact| fact.step == last.step).count();
        Changes::of(&past[past.len() - step..])
    }

    /// A moment on a diagram was pressed: its message is chosen, and time goes there.
    pub(super) fn visit(&mut self, target: Target) {
        if let Target::Moment { message, at } = target {
            self.selection.message = message.or(self.selection.message);
            self.act(Action::Seek(at));
        }
    }

    pub(super) fn views_part(&self) -> ViewsPart {
        let which = self.shown_view();
        let part = |view: Which| ViewPart { name: view.name(), current: view == which };
        let label = match which {
            Which::Stage => "stage",
            Which::SpaceTime => "space-time",
            Which::Logs => "logs",
            Which::Together => "together",
        };
        ViewsPart {
            views: Which::ALL
                .into_iter()
                .filter(|view| *view != Which::Together || self.has_room_for_three())
                .map(part)
                .collect(),
            label: ui::text(label, self.lang),
            fits: self.shows_the_stage(),
            holds: self.holds_the_stage(),
            pans: matches!(which, Which::Logs | Which::Together),
        }
    }
}

/// The nodes in the order in which messages pass them, with their names.
fn lanes(run: &Run, lang: Lang) -> Vec<(NodeId, String)> {
    let picture = &run.picture;
    let users = picture.users.iter().map(|view| view.node);
    let producers = picture.producers.iter().map(|view| view.node);
    let voters = picture.controllers.iter().map(|view| view.node).filter(|node| *node != NodeId::Controller);
    let brokers = picture.brokers.iter().map(|view| view.node);
    let services = picture.services.iter().map(|view| view.node);
    let consumers = picture.consumers.iter().map(|view| view.node);
    let all = users.chain(producers).chain(voters).chain(brokers).chain(services).chain(consumers);
    all.map(|node| (node, run.names.node(node, lang))).collect()
}
