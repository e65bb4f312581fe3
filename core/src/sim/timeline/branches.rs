//! What becomes of a future that was seen and then changed? It is kept, as a branch, beside the new one.
//!
//! ```text
//!   0 as written   ──────────┬───────────────▶
//!                            ╲ broker-1 crashes
//!   1                         ╲──────┬───────▶      shares the facts before the fork with branch 0
//!                                    ╲ undo: as if the crash had not been ... that is branch 0 again
//! ```
//!
//! Only the branch that is looked at has its facts in one row. The others keep what is their own, from where they left
//! the one before them; to look at one of them, the rest is taken from those that it left. So a fact is kept once, however
//! many branches share it. Undoing forgets nothing: it leaves the branch for one without its last command, an old one if
//! there is one, or else a new one.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

use super::{CHECKPOINTS_MAX, Entry, Timeline};
use crate::observe::{Landmark, Stamped};
use crate::sim::command::Command;
use crate::sim::permits::CommandRefused;
use crate::sim::world::World;
use crate::sorted::SortedMap;
use crate::time::{Span, Time};

/// The most branches of a timeline. Nothing is dropped unasked: who wants one more removes one.
pub const BRANCHES_MAX: usize = 64;
/// The most characters of a branch's name.
pub const NAME_MAX: usize = 60;
/// The steps between two checkpoints, at first.
const CHECKPOINT_STEPS: u64 = 256;
/// The most checkpoints of a branch that nobody looks at.
const CHECKPOINTS_ASIDE: usize = CHECKPOINTS_MAX / 4;

#[derive(Clone, Debug)]
pub(super) struct Branch {
    pub(super) id: usize,
    /// As somebody called it.
    name: Option<String>,
    parent: Option<usize>,
    forked_at: Time,
    pub(super) journal: Vec<Entry>,
    /// How many of its facts, from the first, it shares with the branch that it left.
    shared: usize,
    /// The facts that it does not share, and their turns; empty while it is looked at.
    own: Vec<Stamped>,
    turns: Vec<Landmark>,
    /// How many steps were visited.
    pub(super) visited: u64,
    /// Worlds by their steps, each with how many events it has behind it.
    pub(super) checkpoints: SortedMap<u64, (Arc<World>, usize)>,
    pub(super) checkpoint_steps: u64,
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
/// timeline.rename(1, "one consumer less");
/// let branches = timeline.branches();
/// assert_eq!((branches.len(), branches[1].parent, branches[1].forked_at), (2, Some(0), Time(200_000)));
/// assert_eq!(branches[1].name.as_deref(), Some("one consumer less"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BranchView {
    /// Its number, which stays the same when others are removed; 0 is the run with which all began.
    pub id: usize,
    /// How somebody called it.
    pub name: Option<String>,
    /// The branch that it left; nothing when that one was removed, and nothing is before it.
    pub parent: Option<usize>,
    /// When it left it.
    pub forked_at: Time,
    /// The commands given in it, those before the fork included.
    pub commands: Vec<(Time, Command)>,
    /// Whether it is the one that is looked at.
    pub current: bool,
}

impl Branch {
    /// The run with which all begins.
    pub(super) fn trunk(world: World) -> Self {
        Self {
            id: 0,
            name: None,
            parent: None,
            forked_at: Time::ZERO,
            journal: Vec::new(),
            shared: 0,
            own: Vec::new(),
            turns: Vec::new(),
            visited: 0,
            checkpoints: SortedMap::from([(0, (Arc::new(world), 0))]),
            checkpoint_steps: CHECKPOINT_STEPS,
        }
    }

    /// Keeps the number of checkpoints bounded, however long the run is.
    pub(super) fn thin_out(&mut self, most: usize) {
        while self.checkpoints.len() > most {
            self.checkpoint_steps *= 2;
            let distance = self.checkpoint_steps;
            self.checkpoints.retain(|steps, _| steps.is_multiple_of(distance));
        }
    }

    /// The commands given in it, with their times.
    fn commands(&self) -> impl Iterator<Item = (Time, &Command)> {
        self.journal.iter().map(|entry| (entry.at, &entry.command))
    }
}

impl Timeline {
    /// Every branch, in order of its making.
    pub fn branches(&self) -> Vec<BranchView> {
        let view = |(place, branch): (usize, &Branch)| BranchView {
            id: branch.id,
            name: branch.name.clone(),
            parent: branch.parent,
            forked_at: branch.forked_at,
            commands: branch.commands().map(|(at, command)| (at, command.clone())).collect(),
            current: place == self.current,
        };
        self.branches.iter().enumerate().map(view).collect()
    }

    /// The number of the branch that is looked at.
    pub fn branch_id(&self) -> usize {
        self.branch().id
    }

    /// How many commands were given in the branch that is looked at, those before its fork included.
    pub fn commands_given(&self) -> usize {
        self.branch().journal.len()
    }

    /// Looks at another branch, at the same moment. A number that no branch has changes nothing.
    pub fn switch(&mut self, branch: usize) {
        let Some(place) = self.place_of(branch) else { return };
        let now = self.now;
        self.look_at(place);
        self.restore_last(|(world, _)| world.now() <= now);
        self.advance(now);
    }

    /// Calls a branch by a name of at most [`NAME_MAX`] characters; what is longer is cut. An empty name takes the name
    /// away again. A number that no branch has changes nothing.
    pub fn rename(&mut self, branch: usize, name: &str) {
        let Some(place) = self.place_of(branch) else { return };
        let name: String = name.trim().chars().take(NAME_MAX).collect();
        self.branches[place].name = (!name.is_empty()).then_some(name);
    }

    /// Forgets a branch that nobody looks at; those that left it keep what they shared with it. `false` when there is no
    /// such branch, or it is the one that is looked at.
    pub fn remove(&mut self, branch: usize) -> bool {
        let Some(place) = self.place_of(branch).filter(|place| *place != self.current) else { return false };
        let current = self.branch().id;
        let gone = self.branches.remove(place);
        self.current = self.place_of(current).unwrap_or_default();
        for child in self.branches.iter_mut().filter(|child| child.parent == Some(gone.id)) {
            child.parent = gone.parent;
            let Some(inherited) = child.shared.checked_sub(gone.shared).filter(|count| *count > 0) else {
                continue; // it left before that branch left its own parent: they share no more than that
            };
            if child.id != current {
                child.own.splice(0..0, gone.own[..inherited].iter().cloned());
                let turns = gone.turns.iter().filter(|mark| mark.fact < child.shared).copied();
                child.turns.splice(0..0, turns);
            }
            child.shared = gone.shared;
        }
        true
    }

    /// Takes the last command back: leaves this branch for one without it, at the moment before it was given. Nothing is
    /// lost; the branch stays.
    ///
    /// # Errors
    ///
    /// [`CommandRefused::NothingToUndo`] when no command was given in this branch, [`CommandRefused::TooManyBranches`]
    /// when that makes one branch too many.
    pub fn undo(&mut self) -> Result<(), CommandRefused> {
        let Some((last, before)) = self.branch().journal.split_last() else {
            return Err(CommandRefused::NothingToUndo);
        };
        let (at, given_after) = (last.at, last.given_after);
        let moment = at.min(self.now + Span(1));
        let wanted = || before.iter().map(|entry| (entry.at, &entry.command));
        let known = self.branches.iter().find(|branch| branch.commands().eq(wanted()));
        if let Some(id) = known.map(|branch| branch.id) {
            self.now = Time(moment.0.saturating_sub(1));
            self.switch(id);
            return Ok(());
        }
        self.has_room()?;
        self.restore_steps(given_after);
        self.now = Time(at.0.saturating_sub(1));
        self.fork()?;
        self.seek(Time(moment.0.saturating_sub(1)));
        Ok(())
    }

    /// Begins a branch at the present moment; what lies ahead stays with the old one.
    pub(super) fn fork(&mut self) -> Result<(), CommandRefused> {
        self.has_room()?;
        let (now, steps, happened) = (self.now, self.world.steps(), self.happened);
        let old = self.branch();
        let branch = Branch {
            id: self.next_id,
            name: None,
            parent: Some(old.id),
            forked_at: now,
            journal: old.journal.iter().filter(|entry| entry.given_after < steps).cloned().collect(),
            shared: happened,
            own: Vec::new(),
            turns: Vec::new(),
            visited: steps,
            checkpoints: old.checkpoints.range(..=steps).map(|(&at, point)| (at, point.clone())).collect(),
            checkpoint_steps: old.checkpoint_steps,
        };
        self.next_id += 1;
        self.branches.push(branch);
        self.look_at(self.branches.len() - 1);
        // Forget what the old future had planned: the world is made anew from what the branch knows.
        self.restore_steps(steps);
        self.now = now;
        Ok(())
    }

    fn has_room(&self) -> Result<(), CommandRefused> {
        match self.branches.len() {
            BRANCHES_MAX.. => Err(CommandRefused::TooManyBranches),
            _ => Ok(()),
        }
    }

    pub(super) fn place_of(&self, branch: usize) -> Option<usize> {
        self.branches.iter().position(|known| known.id == branch)
    }

    /// The places of a branch and of those that it goes back to, each with how many of its facts are the branch's, too.
    fn ancestry(&self, place: usize) -> Vec<(usize, usize)> {
        let mut line = Vec::from([(place, usize::MAX)]);
        let (mut place, mut limit) = (place, usize::MAX);
        while let Some(parent) = self.branches[place].parent.and_then(|id| self.place_of(id)) {
            limit = limit.min(self.branches[place].shared);
            line.push((parent, limit));
            place = parent;
        }
        line
    }

    /// Puts the facts of another branch in a row, and puts those of the present one aside. The world is left as it was.
    fn look_at(&mut self, place: usize) {
        if place == self.current {
            return;
        }
        let (from, to) = (self.ancestry(self.current), self.ancestry(place));
        // Both go back to some branch; up to where both follow it, the facts are the same.
        let common = to.iter().find_map(|(ancestor, limit)| {
            let (_, other) = from.iter().find(|(other, _)| other == ancestor)?;
            Some((*limit).min(*other))
        });
        let common = common.unwrap_or(0).min(self.events.len());

        let shared = self.branch().shared;
        let turns = self.landmarks.partition_point(|mark| mark.fact < shared);
        let rest = self.events.split_off(common.max(shared));
        let mut own = self.events[shared..].to_vec();
        own.extend(rest);
        let turns = self.landmarks[turns..].to_vec();
        let old = self.branch_mut();
        (old.own, old.turns) = (own, turns);
        old.thin_out(CHECKPOINTS_ASIDE);

        self.events.truncate(common);
        self.landmarks.truncate(self.landmarks.partition_point(|mark| mark.fact < common));
        for (ancestor, limit) in to.into_iter().rev() {
            let have = self.events.len();
            let branch = &mut self.branches[ancestor];
            let upto = limit.min(branch.shared + branch.own.len());
            if ancestor == place {
                self.events.extend(mem::take(&mut branch.own).into_iter().skip(have - branch.shared));
                self.landmarks
                    .extend(mem::take(&mut branch.turns).into_iter().filter(|mark| mark.fact >= have));
            } else if upto > have {
                self.events.extend_from_slice(&branch.own[have - branch.shared..upto - branch.shared]);
                let turns = branch.turns.iter().filter(|mark| (have..upto).contains(&mark.fact));
                self.landmarks.extend(turns);
            }
        }
        self.current = place;
    }
}
