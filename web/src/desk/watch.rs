//! How is a run watched? Slowly where something decides itself, with a jump where nothing happens, from mark to mark.
//!
//! What is to come is known from a look ahead ([`Lookout`]); how slow that makes the run is a pure function of it
//! ([`crate::slowing`]). Both can be turned off, and both say in words what they do.

use mqlab_core::observe::Turn;
use mqlab_core::sim::Lookout;
use mqlab_core::time::{Span, Time};

use super::Desk;
use super::action::Action;
use super::run::Run;
use crate::player::STEPS_LINGER;
use crate::scene::axis::{AxisView, axis, moment_at};
use crate::scene::marks::{Cluster, cluster_at, clusters, is_difference_at};
use crate::scene::shape::{Scene, at};
use crate::slowing::{self, AS_CHOSEN, LEAST, Slow};
use crate::text::branches::FIRST_DIFFERENCE;
use crate::text::{between, time, ui};

/// The most jumps that stay marked on the axis.
const LEAPS_MAX: usize = 64;
/// How long the words about a jump stay, in real milliseconds.
const LEAPT_MS: f64 = 2_600.0;
/// From here on a run counts as slow.
const IS_SLOW: f64 = 0.9;

/// How the run is watched.
#[derive(Debug)]
pub(super) struct Watch {
    /// Slow at decisive moments.
    pub(super) slow: bool,
    /// Jump where nothing happens.
    pub(super) leap: bool,
    lookout: Lookout,
    now: Slow,
    /// Stretches that were jumped over: in which branch, from when, to when.
    leaps: Vec<(usize, Time, Time)>,
    /// The length of the last jump, and when it was, in real milliseconds.
    leapt: Option<(Span, f64)>,
    /// Where the pointer is on the axis.
    pointer: Option<(f64, f64)>,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            slow: true,
            leap: true,
            lookout: Lookout::default(),
            now: AS_CHOSEN,
            leaps: Vec::new(),
            leapt: None,
            pointer: None,
        }
    }
}

impl Watch {
    /// Another run is on the desk.
    pub(super) fn begin_anew(&mut self) {
        *self = Self { slow: self.slow, leap: self.leap, ..Self::default() };
    }

    /// Whether the run is slow just now.
    pub(super) fn is_slow(&self) -> bool {
        self.now.part < IS_SLOW
    }
}

/// Goes to the next mark, which may lie where nobody has been yet, or to the one before this moment.
fn to_mark(run: &mut Run, forward: bool) {
    let timeline = &mut run.timeline;
    let now = timeline.now();
    if !forward {
        let before = timeline.landmarks().iter().rev().find(|mark| mark.at < now);
        let to = before.map_or(Time::ZERO, |mark| mark.at);
        return timeline.seek(to);
    }
    loop {
        let known = timeline.landmarks();
        let next = known.get(known.partition_point(|mark| mark.at <= now)).map(|mark| mark.at);
        if let Some(to) = next {
            return timeline.seek(to);
        }
        if !timeline.step() {
            return;
        }
    }
}

impl Desk {
    /// Looks ahead after so many real milliseconds: sets the pace, and jumps if there is nothing to wait for. Whether it
    /// jumped.
    pub(super) fn keep_watch(&mut self, elapsed: f64, now_ms: f64) -> bool {
        let watch = &mut self.watch;
        if watch.leapt.is_some_and(|(_, since)| now_ms - since > LEAPT_MS) {
            watch.leapt = None;
        }
        let Some(run) = self.run.as_mut().filter(|_| self.player.playing) else {
            watch.now = AS_CHOSEN;
            return false;
        };
        let (timeline, pace) = (&mut run.timeline, self.player.micros_per_second());
        if !watch.slow && !watch.leap {
            watch.now = AS_CHOSEN;
            self.player.slow_to(1.0, elapsed);
            return false;
        }
        watch.lookout.look(timeline, slowing::foresight(pace));
        let now = timeline.now();
        watch.now = AS_CHOSEN;
        if watch.slow {
            // By steps, only what has just happened gives reason to stay; else what is near on both sides.
            let (from, to) = slowing::window(now, pace);
            let turns = watch.lookout.turns(timeline, from, if self.player.steps { now } else { to });
            watch.now = slowing::slow(now, &turns, pace);
        }
        match (self.player.steps, watch.is_slow()) {
            (true, true) => self.player.slow_to(STEPS_LINGER, f64::INFINITY),
            (true, false) => self.player.slow_to(1.0, f64::INFINITY),
            (false, _) => self.player.slow_to(watch.now.part, elapsed),
        }
        let next = watch.lookout.next_fact(timeline);
        let jump = slowing::leap(now, next, timeline.ends_at(), pace);
        let Some(to) = jump.filter(|_| watch.leap && !self.player.steps) else { return false };
        timeline.advance(to);
        let over = Span(to.0 - now.0);
        watch.leapt = Some((over, now_ms));
        let leap = (timeline.branch_id(), now, to);
        if !watch.leaps.contains(&leap) {
            watch.leaps.push(leap);
            let spare = watch.leaps.len().saturating_sub(LEAPS_MAX);
            watch.leaps.drain(..spare);
        }
        self.say = time::leapt(over, self.lang);
        true
    }

    /// Why the run is slow just now, or what it has jumped over.
    pub(super) fn watch_words(&self) -> String {
        let watch = &self.watch;
        match (watch.now.why, watch.leapt) {
            (Some(why), _) if watch.is_slow() && self.player.steps => time::lingers(why, self.lang),
            (Some(why), _) if watch.is_slow() => {
                let second = Span((self.player.micros_per_second() as f64 * LEAST).round() as u64);
                time::slowed(second, why, self.lang)
            }
            (_, Some((over, _))) => time::leapt(over, self.lang),
            _ => String::new(),
        }
    }

    /// Watches in another way, or from another mark.
    pub(super) fn watch_otherwise(&mut self, action: &Action) {
        match action {
            Action::Slow => self.watch.slow = !self.watch.slow,
            Action::Leap => self.watch.leap = !self.watch.leap,
            Action::Mark { forward } => {
                let Some(run) = &mut self.run else { return };
                self.notice = None;
                self.player.set_playing(false);
                to_mark(run, *forward);
                run.refresh();
                self.say = match self.marks_here() {
                    Some(words) => words,
                    None => self.heard_now(),
                };
            }
            _ => {}
        }
    }

    fn heard_now(&self) -> String {
        self.run.as_ref().map_or(String::new(), |run| self.heard(run))
    }

    /// Where on the axis one is, for who hears it.
    pub(super) fn heard(&self, run: &Run) -> String {
        let at = ui::at_of(run.timeline.now(), run.timeline.ends_at(), self.lang);
        match self.marks_here() {
            Some(words) => at + between(self.lang) + &words,
            None => at,
        }
    }

    /// The marks at this very moment, in words.
    fn marks_here(&self) -> Option<String> {
        let run = self.run.as_ref()?;
        let now = run.timeline.now();
        let here = run.timeline.landmarks().iter().filter(|mark| mark.at == now);
        let mut words: Vec<String> = here.filter_map(|mark| run.mark_words(mark, self.lang)).collect();
        words.dedup();
        (!words.is_empty()).then(|| words.join(between(self.lang)))
    }

    /// The signs of the axis.
    fn signs(&self, run: &Run) -> Vec<Cluster> {
        clusters(run.timeline.landmarks(), self.axis_size.0, run.timeline.ends_at())
    }

    /// The pointer is here on the axis, or nowhere; whether it points at a mark.
    pub fn hover_axis(&mut self, spot: Option<(f64, f64)>) -> bool {
        self.watch.pointer = spot;
        let (Some(run), Some((x, y))) = (&self.run, spot) else { return false };
        self.parts_here(run, x, y).is_some()
            || cluster_at(&self.signs(run), at(x, y), self.axis_size.1).is_some()
    }

    /// When two branches part, if the pointer is at the sign that says so.
    fn parts_here(&self, run: &Run, x: f64, y: f64) -> Option<Time> {
        let width = self.axis_size.0;
        self.difference_at().filter(|at| is_difference_at(*at, (x, y), width, run.timeline.ends_at()))
    }

    /// The axis was pressed: a mark leads to its moment, everything else to the one that lies there.
    pub fn press_axis(&mut self, x: f64, y: f64) {
        let Some(run) = &self.run else { return };
        if self.parts_here(run, x, y).is_some() {
            return self.act(Action::Difference);
        }
        match cluster_at(&self.signs(run), at(x, y), self.axis_size.1) {
            Some(cluster) => self.act(Action::Seek(cluster.mark.at)),
            None => self.scrub(x),
        }
    }

    /// Words for the spot of the axis that a person looks at: under the pointer, or the mark at which they are.
    fn named(&self, run: &Run) -> Option<(Time, String)> {
        let cluster = |found: Cluster| {
            let words = run.mark_words(&found.mark, self.lang)?;
            Some((found.mark.at, time::marks(&words, found.others, found.mark.at, self.lang)))
        };
        let signs = self.signs(run);
        if let Some((x, y)) = self.watch.pointer {
            if let Some(at) = self.parts_here(run, x, y) {
                return Some((at, time::marks(FIRST_DIFFERENCE.get(self.lang), 0, at, self.lang)));
            }
            return match cluster_at(&signs, at(x, y), self.axis_size.1) {
                Some(found) => cluster(found),
                None => {
                    let here = moment_at(x, self.axis_size.0, run.timeline.ends_at());
                    Some((here, time::here(here, self.lang)))
                }
            };
        }
        if self.player.playing {
            return None;
        }
        let here = run.timeline.landmarks().iter().filter(|mark| mark.at == run.timeline.now());
        let mark = *here.max_by_key(|mark| mark.turn)?;
        let words = run.mark_words(&mark, self.lang)?;
        Some((mark.at, time::marks(&words, 0, mark.at, self.lang)))
    }

    /// The time axis, drawn; nothing when there is no run.
    pub fn axis_scene(&self) -> Option<Scene> {
        let run = self.run.as_ref()?;
        let branch = run.timeline.branch_id();
        let leaps: Vec<(Time, Time)> = self
            .watch
            .leaps
            .iter()
            .filter(|(of, ..)| *of == branch)
            .map(|(_, from, to)| (*from, *to))
            .collect();
        Some(axis(&AxisView {
            now: run.timeline.now(),
            ends_at: run.timeline.ends_at(),
            interval: run.interval,
            backlog: &run.backlog,
            marks: run.timeline.landmarks(),
            leaps: &leaps,
            difference: self.difference_at(),
            named: self.named(run),
            label: if run.has_calls_alone() { ui::WAITING } else { ui::BACKLOG }.get(self.lang),
            theme: self.theme(),
            width: self.axis_size.0,
            height: self.axis_size.1,
        }))
    }

    /// For which turn the run is slow just now.
    pub fn slow_for(&self) -> Option<Turn> {
        self.watch.now.why.filter(|_| self.watch.is_slow())
    }
}
