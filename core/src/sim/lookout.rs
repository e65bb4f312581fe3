//! What is about to happen? A second world runs a little ahead of the one that is looked at, and tells.
//!
//! Whoever plays a run slows down before a leader dies, and jumps where nothing happens; both must be known in advance. As
//! far as a branch was visited, its facts are known. Beyond that a clone of the world goes on as the branch will, if nobody
//! does anything: it is thrown away when somebody does.
//!
//! ```text
//!   known facts  ───────────────────┐
//!   the timeline ─────────▶ now     │
//!   the lookout             ·····················▶  as far ahead as somebody wants to see
//! ```

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::timeline::Timeline;
use super::world::World;
use crate::observe::turn::Before;
use crate::observe::{Landmark, Turn};
use crate::time::{Span, Time};

/// When the next fact comes.
///
/// ```
/// use mqlab_core::sim::{Lookout, Next, Scenario, Timeline};
/// use mqlab_core::time::{Span, Time};
/// let timeline = Timeline::new(Scenario::built_in("hundred-messages").ok_or("no such scenario")?, 7)?;
/// let mut lookout = Lookout::default();
/// lookout.look(&timeline, Span::from_millis(100));
/// assert!(matches!(lookout.next_fact(&timeline), Next::At(soon) if soon < Time(100_000)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// At this moment.
    At(Time),
    /// Not before this moment; what comes after was not looked at yet.
    NotBefore(Time),
    /// Never: the run ends without another fact.
    Never,
}

/// Looks ahead of a timeline.
///
/// ```
/// use mqlab_core::observe::Turn;
/// use mqlab_core::sim::{Lookout, Scenario, Timeline};
/// use mqlab_core::time::{Span, Time};
/// let mut timeline = Timeline::new(Scenario::built_in("kill-the-leader").ok_or("no such scenario")?, 20)?;
/// timeline.advance(Time(240_000));
/// let mut lookout = Lookout::default();
/// lookout.look(&timeline, Span::from_millis(20));
/// let ahead: Vec<(Time, Turn)> = lookout.turns(&timeline, Time(240_000), Time(260_000));
/// assert_eq!(ahead.first(), Some(&(Time(250_000), Turn::Crash))); // as the scenario has it
/// assert!(timeline.events().last().is_some_and(|fact| fact.at <= Time(240_000))); // which nobody has seen
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Lookout {
    scout: Option<Scout>,
}

/// The world that runs ahead.
#[derive(Clone, Debug)]
struct Scout {
    /// The run, the branch, and how many commands it had: with another, what was seen is no longer true.
    of: (u64, usize, usize),
    world: World,
    /// The decisive turns that it saw.
    turns: VecDeque<Landmark>,
    /// The first refusal of the run: with it known, no other is the first.
    refused: Option<Landmark>,
    /// The moments of facts that it saw, each once.
    facts: VecDeque<Time>,
}

/// The most steps that are taken ahead at once: whoever looks draws a picture meanwhile.
const STEPS_MAX: u64 = 20_000;

impl Lookout {
    /// Looks so far ahead, and at least to the next fact; not everything at once, where that takes many steps.
    pub fn look(&mut self, timeline: &Timeline, ahead: Span) {
        let to = (timeline.now() + ahead).min(timeline.ends_at());
        let of = (timeline.seed(), timeline.branch_id(), timeline.commands_given());
        let is_true = |scout: &Scout| scout.of == of && scout.world.steps() >= timeline.world().steps();
        if !self.scout.as_ref().is_some_and(is_true) {
            self.scout = None;
        }
        let known = timeline.events().get(timeline.happened()).is_some();
        let known_to = timeline.events().last().map_or(Time::ZERO, |fact| fact.at);
        if self.scout.is_none() && known && known_to >= to {
            return; // it was here before, and farther
        }
        let scout = self.scout.get_or_insert_with(|| Scout {
            of,
            world: timeline.world().clone(),
            turns: VecDeque::new(),
            refused: timeline.landmarks().iter().find(|mark| mark.turn == Turn::Refusal).copied(),
            facts: VecDeque::new(),
        });
        scout.forget(timeline.now());
        let last = scout.world.steps() + STEPS_MAX;
        while scout.world.steps() < last
            && scout.world.next_time().is_some_and(|next| {
                next <= to || (scout.facts.is_empty() && !known && next <= timeline.ends_at())
            })
        {
            scout.step();
        }
    }

    /// The decisive turns from one moment to another, as far as they are known.
    pub fn turns(&self, timeline: &Timeline, from: Time, to: Time) -> Vec<(Time, Turn)> {
        let within = |mark: &&Landmark| mark.decisive && (from..=to).contains(&mark.at);
        let known = timeline.landmarks();
        let near = &known[known.partition_point(|mark| mark.at < from)..];
        let known_to = timeline.events().last().map_or(Time::ZERO, |fact| fact.at);
        let ahead = self.scout.iter().flat_map(|scout| &scout.turns).filter(|mark| mark.at > known_to);
        near.iter().chain(ahead).filter(within).map(|mark| (mark.at, mark.turn)).collect()
    }

    /// When the next fact comes, after the present moment of the timeline.
    pub fn next_fact(&self, timeline: &Timeline) -> Next {
        if let Some(fact) = timeline.events().get(timeline.happened()) {
            return Next::At(fact.at);
        }
        let Some(scout) = &self.scout else { return Next::NotBefore(timeline.now()) };
        if let Some(&at) = scout.facts.iter().find(|at| **at > timeline.now()) {
            return Next::At(at);
        }
        match scout.world.next_time() {
            Some(next) if next <= timeline.ends_at() => Next::NotBefore(next),
            _ => Next::Never,
        }
    }
}

impl Scout {
    fn step(&mut self) {
        let before = Before::new(self.world.verdict());
        let Some(facts) = self.world.step() else { return };
        let Some(last) = facts.last() else { return };
        if self.facts.back() != Some(&last.at) {
            self.facts.push_back(last.at);
        }
        let decides = self.world.has_work();
        let turns = before.turns((0, &facts), self.world.verdict(), self.refused.as_slice(), decides);
        self.refused = self.refused.or_else(|| turns.iter().find(|mark| mark.turn == Turn::Refusal).copied());
        self.turns.extend(turns.into_iter().filter(|mark| mark.decisive));
    }

    /// What lies behind is no longer wanted.
    fn forget(&mut self, now: Time) {
        while self.facts.front().is_some_and(|at| *at <= now) {
            self.facts.pop_front();
        }
        while self.turns.front().is_some_and(|mark| mark.at < now) {
            self.turns.pop_front();
        }
    }
}
