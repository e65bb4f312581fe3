//! The desk: everything a person has before them, without a browser.
//!
//! It holds the run, the player, the choice and the language; it takes wishes ([`Action`]) and real milliseconds, and
//! gives drawings ([`Scene`](crate::scene::shape::Scene)) and panels ([`Panel`](panel::Panel)). The browser's side
//! (`lab`) only carries these to and fro.

pub mod action;
pub mod adding;
mod bets;
mod branches;
mod charts;
pub(crate) mod completing;
mod fill;
mod hand;
mod judged;
mod layers;
mod life;
pub mod menu;
pub mod panel;
mod run;
mod settings;
pub mod share;
mod together;
pub mod views;
mod watch;

use mqlab_core::ids::{MessageId, NodeId};
use mqlab_core::sim::{BadPacked, InvalidScenario, Scenario};
use mqlab_core::time::Time;

use crate::link::{self, BadLink};
use crate::player::{Move, Player};
use crate::scene::Selection;
use crate::scene::axis::moment_at;
use crate::scene::shape::Target;
use crate::scene::theme::{DARK, LIGHT, Theme};
use crate::text::Lang;
use crate::text::ui;
use action::{Action, Count};
use run::Run;

/// How long a lost message falls, in real milliseconds.
const FALL_MS: f64 = 650.0;

/// Why the page shows a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Notice {
    NoSuchScenario(String),
    BadLink(BadLink),
    /// The scenario in the link cannot be read.
    BadRun(BadPacked),
    /// Words from the engine about a scenario that it cannot run.
    Invalid(String),
    Refused(mqlab_core::sim::CommandRefused),
    /// Words that were chosen where it arose, by language.
    Said([String; 2]),
}

/// Everything a person has before them.
#[derive(Debug)]
pub struct Desk {
    run: Option<Run>,
    player: Player,
    selection: Selection,
    /// What the open menu is about.
    menu: Option<menu::Subject>,
    opened: Option<Count>,
    lang: Lang,
    theme_choice: usize,
    system_dark: bool,
    upkeep: bool,
    notice: Option<Notice>,
    stage_size: (f64, f64),
    axis_size: (f64, f64),
    /// What should be said aloud next.
    say: String,
    last_frame: Option<f64>,
    /// Lost messages that fall into the tray, and since when, in real milliseconds.
    falling: Vec<(MessageId, f64)>,
    filled: fill::Filled,
    address: share::Address,
    /// How the run is watched: slowly at turns, with jumps where nothing happens.
    watch: watch::Watch,
    /// The two branches that are compared.
    pair: Option<branches::Pair>,
    views: views::Views,
    measured: charts::Measured,
    adding: adding::Adding,
    layers: layers::Layers,
    wagers: bets::Wagers,
    hand: hand::Hand,
}

/// What a visitor brings along.
#[derive(Clone, Debug, Default)]
pub struct Visitor {
    /// The address after `?`.
    pub query: String,
    /// Their languages, the dearest first, with commas between.
    pub languages: String,
    /// Whether their system is dark.
    pub dark: bool,
    /// Whether they want less motion.
    pub less_motion: bool,
    /// The theme that they chose before.
    pub theme: usize,
}

impl Desk {
    /// Opens what the visitor's link asks for.
    pub fn new(visitor: &Visitor) -> Self {
        let spoken = visitor.languages.split(',').find_map(|tag| Lang::from_tag(tag.trim()));
        let mut desk = Self {
            run: None,
            player: Player::new(visitor.less_motion),
            selection: Selection::default(),
            menu: None,
            opened: None,
            lang: spoken.unwrap_or_default(),
            theme_choice: visitor.theme % ui::THEMES.len(),
            system_dark: visitor.dark,
            upkeep: true,
            notice: None,
            stage_size: (816.0, 700.0),
            axis_size: (780.0, 96.0),
            say: String::new(),
            last_frame: None,
            falling: Vec::new(),
            filled: fill::Filled::default(),
            address: share::Address::default(),
            watch: watch::Watch::default(),
            pair: None,
            views: views::Views::default(),
            measured: charts::Measured::default(),
            adding: adding::Adding::default(),
            layers: layers::Layers::default(),
            wagers: bets::Wagers::default(),
            hand: hand::Hand::default(),
        };
        desk.lang = link::language(&visitor.query).unwrap_or(desk.lang);
        match link::read(&visitor.query) {
            Ok(link) => desk.follow(link),
            Err(why) => desk.notice = Some(Notice::BadLink(why)),
        }
        desk
    }

    fn open(&mut self, name: &str, seed: Option<u64>) {
        let Some(scenario) = Scenario::built_in(name) else {
            self.notice = Some(Notice::NoSuchScenario(name.into()));
            return;
        };
        let seed = seed.unwrap_or(scenario.seed);
        self.show(Run::new(name, scenario, seed, self.stage_room()));
    }

    fn show(&mut self, run: Result<Run, InvalidScenario>) {
        match run {
            Ok(run) => {
                self.run = Some(run);
                self.notice = None;
                self.selection = Selection::default();
                (self.menu, self.opened) = (None, None);
                self.views.begin_anew();
                self.measure_anew();
                self.wagers.begin_anew();
                self.player.set_playing(false);
                self.watch.begin_anew();
                self.pair = None;
            }
            Err(why) => self.notice = Some(Notice::Invalid(why.to_string())),
        }
    }

    /// The language.
    pub fn lang(&self) -> Lang {
        self.lang
    }

    /// The number of the chosen theme: as the system, light, dark.
    pub fn theme_choice(&self) -> usize {
        self.theme_choice
    }

    /// The colours.
    pub fn theme(&self) -> &'static Theme {
        match self.theme_choice {
            1 => &LIGHT,
            2 => &DARK,
            _ if self.system_dark => &DARK,
            _ => &LIGHT,
        }
    }

    /// The system turned dark or light.
    pub fn set_system_dark(&mut self, dark: bool) {
        self.system_dark = dark;
    }

    /// The visitor wants less motion, or no longer.
    pub fn set_less_motion(&mut self, less: bool) {
        self.player.steps = less;
    }

    /// The stage has this size now, in pixels of the page.
    pub fn resize_stage(&mut self, width: f64, height: f64) {
        self.stage_size = (width, height);
        self.lay_out();
    }

    /// Lays the stage out anew for the room that it has.
    fn lay_out(&mut self) {
        let room = self.stage_room();
        if let Some(run) = self.run.as_mut().filter(|run| run.size() != room) {
            run.lay_out(room);
        }
        self.refit();
    }

    /// The axis has this size now, in pixels of the page.
    pub fn resize_axis(&mut self, width: f64, height: f64) {
        self.axis_size = (width, height);
    }

    /// Lets real time pass up to `now_ms`; whether anything moved.
    pub fn frame(&mut self, now_ms: f64) -> bool {
        let elapsed = self.last_frame.map_or(0.0, |last| now_ms - last);
        self.last_frame = Some(now_ms);
        let was_falling = !self.falling.is_empty();
        self.falling.retain(|(_, since)| now_ms - since < FALL_MS);
        let moved = self.keep_watch(elapsed, now_ms);
        let Some(run) = &mut self.run else { return false };
        let before = run.timeline.happened();
        match self.player.tick(elapsed) {
            Move::Stay if !moved => return was_falling,
            Move::Stay => {}
            Move::By(span) => {
                let to = run.timeline.now() + span;
                run.timeline.advance(to);
            }
            Move::Step => {
                run.timeline.step();
            }
        }
        self.look_again(now_ms);
        let Some(run) = &mut self.run else { return false };
        if run.timeline.now() >= run.timeline.ends_at() {
            self.player.set_playing(false);
            run.refresh(); // what stands still, too
        }
        if let Some(words) = run.landmark_since(before, self.lang) {
            self.say = words;
        }
        true
    }

    /// The present seed; nothing when there is no run.
    pub fn seed(&self) -> Option<u64> {
        self.run.as_ref().map(|run| run.timeline.seed())
    }

    /// Whether it plays.
    pub fn is_playing(&self) -> bool {
        self.player.playing
    }

    /// The moment that is shown, and the end; nothing when there is no run.
    pub fn moment(&self) -> Option<(Time, Time)> {
        self.run.as_ref().map(|run| (run.timeline.now(), run.timeline.ends_at()))
    }

    /// Does what a person asked for, and lets them read at once what it did.
    pub fn act(&mut self, action: Action) {
        self.filled.hurry();
        match action {
            Action::View(_)
            | Action::NextView
            | Action::Zoom(_)
            | Action::Pan(_)
            | Action::Fit
            | Action::Move(..) => self.look(&action),
            Action::Charts(open) => self.open_charts(open),
            Action::Lang(lang) => self.lang = lang,
            Action::Theme => self.theme_choice = (self.theme_choice + 1) % ui::THEMES.len(),
            Action::Upkeep => self.upkeep = !self.upkeep,
            Action::Pace(pace) => self.player.set_pace(pace),
            Action::ChangePace(by) => self.player.change_pace(by),
            Action::Scenario(name) => self.open(&name, None),
            Action::Message(message) => self.selection.message = Some(message),
            Action::Select(node) => {
                if self.run.as_ref().is_some_and(|run| run.timeline.scenario_now().has(node)) {
                    self.selection.node = Some(node);
                    self.reveal(node);
                }
            }
            Action::Bet(choice) => self.place(choice),
            Action::BeforeBet => self.before_the_bet(),
            Action::Count(count) => self.open_count(count),
            Action::Menu(subject) => self.open_menu(subject),
            Action::ToggleMenu => self.toggle_menu(),
            Action::Do(command) => self.give(&command),
            Action::Change(wish) => self.change(wish),
            // The nearest first: a menu, then what is chosen.
            Action::Clear if self.menu.is_some() => self.open_menu(None),
            Action::Clear => {
                self.selection = Selection::default();
                self.opened = None;
                self.notice = self.notice.take().filter(|_| self.run.is_none());
            }
            Action::Kill => self.toggle(self.selection.node, Some(true)),
            Action::Revive => self.toggle(self.selection.node, Some(false)),
            // A crowd does not die.
            Action::Toggle(node @ NodeId::User(_)) => self.open_menu(Some(menu::Subject::Node(node))),
            Action::Toggle(node) => {
                self.selection.node = Some(node);
                self.toggle(Some(node), None);
            }
            Action::Slow | Action::Leap | Action::Mark { .. } => self.watch_otherwise(&action),
            Action::Undo
            | Action::Rename(..)
            | Action::Remove(_)
            | Action::Compare(_)
            | Action::CompareUsual
            | Action::Difference => self.branch_out(action),
            other => self.travel(other),
        }
        self.compare_anew();
        self.show_chosen();
    }

    /// Whatever moves through time.
    fn travel(&mut self, action: Action) {
        let Some(run) = &mut self.run else { return };
        self.notice = None;
        let timeline = &mut run.timeline;
        match action {
            Action::Play => {
                if !self.player.playing && timeline.now() >= timeline.ends_at() {
                    timeline.seek(Time::ZERO);
                }
                self.player.set_playing(!self.player.playing);
            }
            Action::Back => {
                self.player.set_playing(false);
                timeline.back();
            }
            Action::Forward => {
                self.player.set_playing(false);
                timeline.step();
            }
            Action::Reset => {
                self.player.set_playing(false);
                timeline.seek(Time::ZERO);
            }
            Action::End => {
                self.player.set_playing(false);
                let end = timeline.ends_at();
                timeline.seek(end);
            }
            Action::Seek(to) => timeline.seek(to),
            Action::Branch(branch) => {
                timeline.switch(branch);
                run.forget_the_curve();
            }
            Action::NewSeed(seed) => {
                let (name, packed) = (run.name.clone(), run.packed.clone());
                let scenario = run.timeline.scenario().clone();
                return match packed {
                    Some(packed) => self.show(Run::of_link(&packed, scenario, seed, self.stage_room())),
                    None => self.open(&name, Some(seed)),
                };
            }
            _ => return,
        }
        run.refresh();
        if !self.player.playing && !matches!(action, Action::Play | Action::Reset) {
            self.say = run.last_words(self.lang);
        }
    }

    fn choose(&mut self, message: MessageId) {
        self.selection.message = if self.selection.message == Some(message) { None } else { Some(message) };
    }

    /// Kills or revives a node; `kill` of `None` does whichever is possible.
    fn toggle(&mut self, node: Option<NodeId>, kill: Option<bool>) {
        let (Some(node), Some(run)) = (node, &mut self.run) else { return };
        match run.toggle(node, kill) {
            Ok(()) => {
                self.notice = None;
                self.say = run.last_words(self.lang);
            }
            Err(why) => self.notice = Some(Notice::Refused(why)),
        }
    }

    /// The pointer is here on the stage, or nowhere; whether it points at anything.
    pub fn hover(&mut self, spot: Option<(f64, f64)>) -> bool {
        let target = spot.and_then(|(x, y)| self.main_scene()?.target_at(x, y));
        self.selection.hover = target;
        target.is_some()
    }

    /// The pointer was pressed here on the stage. Nodes' controls are buttons of the page and not meant here.
    pub fn press(&mut self, x: f64, y: f64) {
        self.filled.hurry();
        if self.was_drag() {
            return;
        }
        match self.main_scene().and_then(|scene| scene.target_at(x, y)) {
            Some(Target::Message(message)) => self.choose(message),
            Some(Target::Node(node)) => {
                let is_open = self.menu == Some(menu::Subject::Node(node));
                self.open_menu((!is_open).then_some(menu::Subject::Node(node)));
            }
            Some(Target::Link(a, b)) => self.open_menu(Some(menu::Subject::Link(a, b))),
            Some(target @ Target::Moment { .. }) => self.visit(target),
            Some(Target::Control(_)) => {}
            None if self.menu.is_some() => self.open_menu(None),
            None => self.selection = Selection { hover: self.selection.hover, ..Selection::default() },
        }
        self.show_chosen();
    }

    /// The stage was pressed for long, or with the other button: a node or a way tells what can be done to it.
    pub fn ask(&mut self, x: f64, y: f64) {
        self.filled.hurry();
        match self.main_scene().and_then(|scene| scene.target_at(x, y)) {
            Some(Target::Node(node) | Target::Control(node)) => {
                self.open_menu(Some(menu::Subject::Node(node)));
            }
            Some(Target::Link(a, b)) => self.open_menu(Some(menu::Subject::Link(a, b))),
            Some(Target::Message(message)) => self.selection.message = Some(message),
            Some(Target::Moment { .. }) | None => {}
        }
        self.show_chosen();
    }

    /// The axis was dragged to `x`.
    pub fn scrub(&mut self, x: f64) {
        let Some(run) = &self.run else { return };
        let to = moment_at(x, self.axis_size.0, run.timeline.ends_at());
        self.act(Action::Seek(to));
    }
}
