//! How does one go back in time? By knowing the seed and what a person did, and doing it again.
//!
//! A run follows from its scenario, its seed and its *journal*: the commands given, each with its time. Clones of
//! the world are kept now and then as *checkpoints*; any moment is reached by the checkpoint before it and the
//! steps from there. A command given in the past of what was already seen makes a *branch*: the old future is
//! kept, and both can be visited.
//!
//! ```text
//!   main  ──o──────o──────o──────o──────o──▶        o checkpoint
//!                     ╲ crash broker-2 at 412 ms
//!   branch 1           ╲──o──────o──────o──▶        shares the checkpoints before the fork
//! ```

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::command::{Action, Command};
use super::permits::CommandRefused;
use super::picture::Picture;
use super::scenario::{InvalidScenario, Scenario};
use super::trips::Course;
use super::world::World;
use crate::ids::MessageId;
use crate::observe::{Digest, Metrics, Stamped, Verdict};
use crate::time::{Span, Time};

/// The steps between two checkpoints, at first.
const CHECKPOINT_STEPS: u64 = 256;
/// When a branch has more checkpoints than this, every second one goes and the distance doubles.
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
    current: usize,
    world: World,
    /// The moment that is looked at: at or after the world's last step.
    now: Time,
    /// How many of the branch's events lie at or before the world's last step.
    happened: usize,
}

#[derive(Clone, Debug)]
struct Branch {
    parent: Option<usize>,
    forked_at: Time,
    journal: Vec<Entry>,
    /// Everything that is known to happen, as far as the branch was visited.
    events: Vec<Stamped>,
    /// How many steps were visited.
    visited: u64,
    /// Worlds by their steps, each with how many events it has behind it.
    checkpoints: BTreeMap<u64, (Arc<World>, usize)>,
    checkpoint_steps: u64,
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

/// One branch, for whoever lists them.
///
/// ```
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::sim::{Command, Scenario, Timeline};
/// use mqlab_core::time::Time;
/// let mut timeline = Timeline::new(Scenario::built_in("hundred-messages").ok_or("no such scenario")?, 7)?;
/// timeline.seek(timeline.ends_at());
/// timeline.seek(Time(200_000)); // back, and something else happens
/// timeline.command(Command::Crash(NodeId::Consumer(1)))?;
/// let branches = timeline.branches();
/// assert_eq!((branches.len(), branches[1].parent, branches[1].forked_at), (2, Some(0), Time(200_000)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BranchView {
    /// Its number; 0 is the run without anybody's commands, or the first that was given none in the past.
    pub id: usize,
    /// The branch that it left.
    pub parent: Option<usize>,
    /// When it left it.
    pub forked_at: Time,
    /// The commands given in it, those before the fork included.
    pub commands: Vec<(Time, Command)>,
    /// Whether it is the one that is looked at.
    pub current: bool,
}

impl Timeline {
    /// A run at time zero.
    ///
    /// # Errors
    ///
    /// [`InvalidScenario`] when the scenario cannot be run.
    pub fn new(scenario: Scenario, seed: u64) -> Result<Self, InvalidScenario> {
        let world = World::new(scenario.clone(), seed)?;
        let trunk = Branch {
            parent: None,
            forked_at: Time::ZERO,
            journal: Vec::new(),
            events: Vec::new(),
            visited: 0,
            checkpoints: BTreeMap::from([(0, (Arc::new(world.clone()), 0))]),
            checkpoint_steps: CHECKPOINT_STEPS,
        };
        let branches = [trunk].into();
        let mut timeline = Self { scenario, seed, branches, current: 0, world, now: Time::ZERO, happened: 0 };
        timeline.advance(Time::ZERO);
        Ok(timeline)
    }

    /// What is tried.
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// With which chance.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The moment that is looked at.
    pub fn now(&self) -> Time {
        self.now
    }

    /// The last moment of the run.
    pub fn ends_at(&self) -> Time {
        self.scenario.ends_at
    }

    /// What the run looks like now, with no more than `cells_max` cells of each log.
    pub fn picture(&self, cells_max: usize) -> Picture {
        self.world.picture(self.now, cells_max)
    }

    /// Everything that is known to happen in this branch, also what lies ahead and was visited.
    pub fn events(&self) -> &[Stamped] {
        &self.branch().events
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

    /// Goes to any moment of the run.
    pub fn seek(&mut self, to: Time) {
        if to < self.now {
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
        self.restore_last(|(world, _)| world.steps() <= target);
        while self.world.steps() < target {
            self.step_world();
        }
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
            self.fork();
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

    /// Every branch, in order of its making.
    pub fn branches(&self) -> Vec<BranchView> {
        let view = |(id, branch): (usize, &Branch)| BranchView {
            id,
            parent: branch.parent,
            forked_at: branch.forked_at,
            commands: branch.journal.iter().map(|entry| (entry.at, entry.command.clone())).collect(),
            current: id == self.current,
        };
        self.branches.iter().enumerate().map(view).collect()
    }

    /// Looks at another branch, at the same moment. A number that no branch has changes nothing.
    pub fn switch(&mut self, branch: usize) {
        if branch >= self.branches.len() {
            return;
        }
        self.current = branch;
        let now = self.now;
        self.restore_last(|(world, _)| world.now() <= now);
        self.advance(now);
    }

    /// What the future of the branch follows from.
    pub(super) fn course(&self) -> Course {
        let journal = &self.branch().journal;
        (self.current, journal.len(), journal.last().map_or(Time::ZERO, |entry| entry.at))
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

    /// Begins a branch at the present moment; what lies ahead stays with the old one.
    fn fork(&mut self) {
        let (now, steps, happened) = (self.now, self.world.steps(), self.happened);
        let old = self.branch();
        let branch = Branch {
            parent: Some(self.current),
            forked_at: now,
            journal: old.journal.iter().filter(|entry| entry.given_after < steps).cloned().collect(),
            events: old.events[..happened].to_vec(),
            visited: steps,
            checkpoints: old.checkpoints.range(..=steps).map(|(&at, point)| (at, point.clone())).collect(),
            checkpoint_steps: old.checkpoint_steps,
        };
        self.current = self.branches.len();
        self.branches.push(branch);
        // Forget what the old future had planned: the world is made anew from what the branch knows.
        self.restore_last(|_| true);
        while self.world.steps() < steps {
            self.step_world();
        }
        self.now = now;
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

    /// One step of the world, with its events and perhaps a checkpoint.
    fn step_world(&mut self) {
        let Some(events) = self.world.step() else { return };
        let steps = self.world.steps();
        let known = self.branch().visited >= steps;
        self.happened += events.len();
        if known {
            return; // it was here before: the same events stand in the list already
        }
        let happened = self.happened;
        let due = steps.is_multiple_of(self.branch().checkpoint_steps);
        let checkpoint = due.then(|| Arc::new(self.world.clone()));
        let branch = self.branch_mut();
        branch.visited = steps;
        branch.events.extend(events);
        if let Some(world) = checkpoint {
            branch.checkpoints.insert(steps, (world, happened));
            branch.thin_out();
        }
    }
}

impl Branch {
    /// Keeps the number of checkpoints bounded, however long the run is.
    fn thin_out(&mut self) {
        if self.checkpoints.len() > CHECKPOINTS_MAX {
            self.checkpoint_steps *= 2;
            let distance = self.checkpoint_steps;
            self.checkpoints.retain(|steps, _| steps.is_multiple_of(distance));
        }
    }
}
