//! How does one go back in time? By knowing the seed and what a person did, and doing it again.
//!
//! A run follows from its scenario, its seed and its *journal*: the commands given, each with its time. Clones of
//! the world are kept now and then as *checkpoints*; any moment is reached by the checkpoint before it and the
//! steps from there. A command given in the past of what was already seen makes a *branch*: the old future is
//! kept, and both can be visited ([`branches`](Timeline::branches)) and compared
//! ([`first_difference`](Timeline::first_difference)).
//!
//! ```text
//!   main  ──o──────o──────o──────o──────o──▶        o checkpoint
//!                     ╲ crash broker-2 at 412 ms
//!   branch 1           ╲──o──────o──────o──▶        shares the checkpoints before the fork
//! ```
//!
//! Memory is bounded by the length of the run, not by how often one travels: [`BRANCHES_MAX`] branches at most, each of
//! which keeps what it does not share with the one that it left; and a bounded number of checkpoints, fewer of them where
//! nobody looks.

mod branches;
mod compare;

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::command::{Action, Command};
use super::permits::CommandRefused;
use super::picture::Picture;
use super::scenario::{InvalidScenario, Scenario};
use super::trips::Course;
use super::world::World;
use crate::ids::MessageId;
use crate::observe::turn::Before;
use crate::observe::{Digest, Landmark, Metrics, Stamped, Verdict};
use crate::time::{Span, Time};
use branches::Branch;
pub use branches::{BRANCHES_MAX, BranchView, NAME_MAX};
pub use compare::Difference;

/// When the branch that is looked at has more checkpoints than this, every second one goes and the distance doubles.
const CHECKPOINTS_MAX: usize = 64;

/// A run that can be taken anywhere in its time, and its branches.
///
/// ```
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::sim::{Command, Scenario, Timeline};
/// use mqlab_core::time::{Span, Time};
///
/// let scenario = Scenario::built_in("hundred-messages").ok_or("no such scenario")?;
/// let seed = scenario.seed;
/// let mut timeline = Timeline::new(scenario, seed)?;
/// timeline.seek(timeline.ends_at());
/// assert_eq!(timeline.verdict().delivered(), 100);
/// assert!(timeline.verdict().is_clean());
///
/// // Go back, kill a consumer, and look at the other future.
/// let before = timeline.digest();
/// timeline.seek(Time::ZERO + Span::from_millis(200));
/// timeline.command(Command::Crash(NodeId::Consumer(2)))?;
/// timeline.seek(timeline.ends_at());
/// assert_ne!(timeline.digest(), before);
/// assert_eq!(timeline.branches().len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Timeline {
    scenario: Scenario,
    seed: u64,
    branches: Vec<Branch>,
    /// The place of the branch that is looked at.
    current: usize,
    /// The number of the next branch.
    next_id: usize,
    /// Everything that is known to happen in the branch that is looked at, as far as it was visited.
    events: Vec<Stamped>,
    /// Where it turns.
    landmarks: Vec<Landmark>,
    world: World,
    /// The moment that is looked at: at or after the world's last step.
    now: Time,
    /// How many of the branch's events lie at or before the world's last step.
    happened: usize,
}

/// A command in the journal.
#[derive(Clone, Debug)]
struct Entry {
    at: Time,
    command: Command,
    /// How many steps the world had taken when it was given: checkpoints up to there do not know of it, and
    /// those after have it behind them, because it was the very next step.
    given_after: u64,
}

impl Timeline {
    /// A run at time zero.
    ///
    /// # Errors
    ///
    /// [`InvalidScenario`] when the scenario cannot be run.
    pub fn new(scenario: Scenario, seed: u64) -> Result<Self, InvalidScenario> {
        let world = World::new(scenario.clone(), seed)?;
        let mut timeline = Self {
            scenario,
            seed,
            branches: [Branch::trunk(world.clone())].into(),
            current: 0,
            next_id: 1,
            events: Vec::new(),
            landmarks: Vec::new(),
            world,
            now: Time::ZERO,
            happened: 0,
        };
        timeline.advance(Time::ZERO);
        Ok(timeline)
    }

    /// What is tried.
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// The scenario as it is now, with everything that was set, added and removed.
    pub fn scenario_now(&self) -> &Scenario {
        self.world.scenario_now()
    }

    /// With which chance.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The moment that is looked at.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Whether everything of this moment has happened: going step by step one may stop between two things that happen
    /// at once, and a moment alone does not name that place.
    pub fn is_moment_over(&self) -> bool {
        self.world.next_time().is_none_or(|next| next > self.now)
    }

    /// The last moment of the run.
    pub fn ends_at(&self) -> Time {
        self.scenario.ends_at
    }

    /// What the run looks like now, with no more than `cells_max` cells of each log.
    pub fn picture(&self, cells_max: usize) -> Picture {
        self.world.picture(self.now, cells_max)
    }

    /// The same without what is on its way: [`UnderWay`](super::UnderWay) shows that, where it may be very much.
    pub fn standing(&self, cells_max: usize) -> Picture {
        self.world.standing(self.now, cells_max)
    }

    /// Everything that is known to happen in this branch, also what lies ahead and was visited.
    pub fn events(&self) -> &[Stamped] {
        &self.events
    }

    /// Where this branch turns, in order, also ahead as far as it was visited.
    pub fn landmarks(&self) -> &[Landmark] {
        &self.landmarks
    }

    /// How many of the [`events`](Self::events) have happened.
    pub fn happened(&self) -> usize {
        self.happened
    }

    /// What has happened to one message.
    pub fn life(&self, message: MessageId) -> impl Iterator<Item = &Stamped> {
        let past = &self.events()[..self.happened];
        past.iter().filter(move |stamped| stamped.event.messages().contains(&message))
    }

    /// The digest of everything up to now.
    pub fn digest(&self) -> Digest {
        self.world.digest()
    }

    /// What the judge says up to now.
    pub fn verdict(&self) -> &Verdict {
        self.world.verdict()
    }

    /// What was counted up to now.
    pub fn metrics(&self) -> &Metrics {
        self.world.metrics()
    }

    /// The world now.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Lets time pass up to `to`, or to the end of the run. Does nothing when `to` is in the past.
    pub fn advance(&mut self, to: Time) {
        let to = to.min(self.ends_at());
        while self.world.next_time().is_some_and(|next| next <= to) {
            self.step_world();
        }
        self.now = self.now.max(to);
    }

    /// Goes to any moment of the run: by the last checkpoint before it, if that is nearer than where one is.
    pub fn seek(&mut self, to: Time) {
        let here = self.world.steps();
        let is_ahead = |(_, (world, _)): (&u64, &(Arc<World>, usize))| world.now() <= to;
        if to < self.now || self.branch().checkpoints.range(here + 1..).next().is_some_and(is_ahead) {
            self.restore_last(|(world, _)| world.now() <= to);
        }
        self.advance(to);
        self.now = to.min(self.ends_at());
    }

    /// Goes to the next moment at which anything happens that an event tells of. Several events of one step come
    /// together. `false` at the end of the run: then nothing more happens.
    pub fn step(&mut self) -> bool {
        let before = self.happened;
        while self.world.next_time().is_some_and(|next| next <= self.ends_at()) {
            self.step_world();
            if self.happened > before {
                self.now = self.world.now();
                return true;
            }
        }
        self.now = self.ends_at();
        false
    }

    /// Goes back to where the last event had not happened yet: to the step of the event before it. `false` at the
    /// beginning.
    pub fn back(&mut self) -> bool {
        let events = self.events();
        let Some(last) = self.happened.checked_sub(1).map(|index| events[index].step) else {
            self.seek(Time::ZERO);
            return false;
        };
        let earlier = events[..self.happened].iter().rev().find(|stamped| stamped.step < last);
        let Some(target) = earlier.map(|stamped| stamped.step) else {
            self.restore_last(|(world, _)| world.steps() == 0);
            self.now = Time::ZERO;
            return true;
        };
        self.restore_steps(target);
        self.now = self.world.now();
        true
    }

    /// Does something to the cluster, now: a microsecond after the moment that is looked at, before anything else
    /// that happens then. When the future of this moment was already seen, that makes a new branch.
    ///
    /// # Errors
    ///
    /// [`CommandRefused`] says why it cannot be done; nothing changes then.
    pub fn command(&mut self, command: Command) -> Result<(), CommandRefused> {
        let at = self.now + Span(1);
        if at > self.ends_at() {
            return Err(CommandRefused::RunIsOver);
        }
        self.world.permits(&command)?;
        self.advance(self.now); // stepping may have stopped between two things that happen at one moment
        if self.branch().visited > self.world.steps() {
            self.fork()?;
        }
        let given_after = self.world.steps();
        self.branch_mut().journal.push(Entry { at, command: command.clone(), given_after });
        self.world.plan(at, command);
        self.advance(at);
        Ok(())
    }

    /// Gives commands at their times, as a person would who watched: goes to each moment and acts. A command takes
    /// effect at its time, before anything else that happens then.
    ///
    /// # Errors
    ///
    /// The first [`Action`] that cannot be carried out, and why. Those before it stand.
    pub fn replay(&mut self, actions: &[Action]) -> Result<(), (Action, CommandRefused)> {
        for action in actions {
            self.seek(action.at - Span(1));
            self.command(action.command.clone()).map_err(|refused| (action.clone(), refused))?;
        }
        Ok(())
    }

    /// What the future of the branch follows from.
    pub(super) fn course(&self) -> Course {
        let journal = &self.branch().journal;
        (self.branch().id, journal.len(), journal.last().map_or(Time::ZERO, |entry| entry.at))
    }

    /// How many steps of the branch were visited.
    pub(super) fn visited(&self) -> u64 {
        self.branch().visited
    }

    /// How many steps the world of the last checkpoint up to a moment has taken.
    pub(super) fn steps_before(&self, moment: Time) -> u64 {
        let mut checkpoints = self.branch().checkpoints.iter().rev();
        checkpoints.find(|(_, (world, _))| world.now() <= moment).map_or(0, |(steps, _)| *steps)
    }

    /// The world of that checkpoint, which knows what is to be done to it.
    pub(super) fn world_before(&self, moment: Time) -> Option<World> {
        let (world, _) = self.branch().checkpoints.get(&self.steps_before(moment))?;
        let mut world = World::clone(world);
        let steps = world.steps();
        for entry in self.branch().journal.iter().filter(|entry| entry.given_after >= steps) {
            world.plan(entry.at, entry.command.clone());
        }
        Some(world)
    }

    fn branch(&self) -> &Branch {
        &self.branches[self.current]
    }

    fn branch_mut(&mut self) -> &mut Branch {
        &mut self.branches[self.current]
    }

    /// Restores the last checkpoint of the branch that fits; there is always the one at the beginning.
    fn restore_last(&mut self, fits: impl Fn(&(Arc<World>, usize)) -> bool) {
        let Some((world, happened)) =
            self.branch().checkpoints.values().rev().find(|point| fits(point)).cloned()
        else {
            return;
        };
        self.world = World::clone(&world);
        self.happened = happened;
        self.now = self.world.now();
        let journal = &self.branches[self.current].journal;
        for entry in journal.iter().filter(|entry| entry.given_after >= world.steps()) {
            self.world.plan(entry.at, entry.command.clone());
        }
    }

    /// Goes to where the world has taken so many steps; there must be a checkpoint before it.
    fn restore_steps(&mut self, steps: u64) {
        self.restore_last(|(world, _)| world.steps() <= steps);
        while self.world.steps() < steps && self.world.next_time().is_some() {
            self.step_world();
        }
    }

    /// One step of the world, with its events and perhaps a checkpoint.
    fn step_world(&mut self) {
        let is_fresh = self.branch().visited <= self.world.steps();
        let before = is_fresh.then(|| Before::new(self.world.verdict()));
        let Some(events) = self.world.step() else { return };
        let first = self.happened;
        self.happened += events.len();
        let Some(before) = before else {
            return; // it was here before: the same events stand in the list already
        };
        let (verdict, decides) = (self.world.verdict(), self.world.has_work());
        let turns = before.turns((first, &events), verdict, &self.landmarks, decides);
        self.landmarks.extend(turns);
        self.events.extend(events);
        let (steps, happened) = (self.world.steps(), self.happened);
        let due = steps.is_multiple_of(self.branch().checkpoint_steps);
        let checkpoint = due.then(|| Arc::new(self.world.clone()));
        let branch = self.branch_mut();
        branch.visited = steps;
        if let Some(world) = checkpoint {
            branch.checkpoints.insert(steps, (world, happened));
            branch.thin_out(CHECKPOINTS_MAX);
        }
    }
}
