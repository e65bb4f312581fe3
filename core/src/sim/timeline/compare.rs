//! Where do two futures part? At the first fact that one has and the other has not.
//!
//! ```text
//!   as written        ... m17 appended | m17 acknowledged   m18 sent
//!   broker-1 crashes  ... m17 appended | broker-1 crashed   broker-2 elected
//!                                      └── the first difference
//! ```
//!
//! Both are played again from the last checkpoint before their journals part, fact beside fact, and no fact is kept: it
//! costs no more memory than two worlds, and nothing of the timeline moves. That the first difference comes no earlier is
//! what determinism means: same scenario, seed and commands, same facts.

use alloc::vec::IntoIter;

use super::{Entry, Timeline};
use crate::observe::Stamped;
use crate::sim::world::World;
use crate::time::Time;

/// The first fact that two branches do not share.
///
/// ```
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::sim::{Command, Scenario, Timeline};
/// use mqlab_core::time::Time;
/// let mut timeline = Timeline::new(Scenario::built_in("kill-the-leader").ok_or("no such scenario")?, 20)?;
/// timeline.seek(timeline.ends_at());
/// timeline.seek(Time(100_000));
/// timeline.command(Command::Crash(NodeId::Broker(2)))?;
/// let first = timeline.first_difference(0, 1).ok_or("they are the same")?;
/// assert_eq!(first.at, Time(100_001));
/// let facts = (first.one.map(|fact| fact.to_string()), first.other.map(|fact| fact.to_string()));
/// assert_eq!(facts.1.as_deref(), Some("  100.001 broker-2    crashed"));
/// assert_ne!(facts.0, facts.1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// When, in microseconds: the moment of the earlier of the two facts.
    pub at: Time,
    /// The place of both facts among the facts of their branches; before it, all are the same.
    pub fact: usize,
    /// What the one branch has there; nothing where it has come to its end.
    pub one: Option<Stamped>,
    /// What the other has there.
    pub other: Option<Stamped>,
}

/// A world's facts, one after the other.
struct Facts {
    world: World,
    ends_at: Time,
    step: IntoIter<Stamped>,
}

impl Iterator for Facts {
    type Item = Stamped;

    fn next(&mut self) -> Option<Stamped> {
        loop {
            if let Some(fact) = self.step.next() {
                return Some(fact);
            }
            if self.world.next_time().is_none_or(|next| next > self.ends_at) {
                return None;
            }
            self.step = self.world.step()?.into_iter();
        }
    }
}

/// Whether two branches have the same fact. The numbers of their steps are no part of it: one may wake somebody in vain.
fn same(one: &Stamped, other: &Stamped) -> bool {
    (one.at, one.node, &one.event) == (other.at, other.node, &other.event)
}

impl Timeline {
    /// The first fact that two branches do not share, up to the end of the run, whether they were visited so far or not.
    /// Nothing when they are the same to the end, or one of them is not there.
    pub fn first_difference(&self, one: usize, other: usize) -> Option<Difference> {
        let (one, other) = (self.place_of(one)?, self.place_of(other)?);
        let journals = (&self.branches[one].journal, &self.branches[other].journal);
        let same_entry = |(a, b): &(&Entry, &Entry)| (a.at, &a.command) == (b.at, &b.command);
        let shared = journals.0.iter().zip(journals.1).take_while(same_entry).count();
        let parting = [journals.0.get(shared), journals.1.get(shared)];
        let parting = parting.into_iter().flatten().map(|entry| entry.given_after).min()?;
        let facts = |place: usize| {
            let (world, fact) = self.last_world(place, |world| world.steps() <= parting)?;
            Some((Facts { world, ends_at: self.ends_at(), step: IntoIter::default() }, fact))
        };
        let ((mut one, mut first), (mut other, second)) = (facts(one)?, facts(other)?);
        // One of them may have kept a later checkpoint than the other.
        for _ in first..second {
            one.next()?;
        }
        for _ in second..first {
            other.next()?;
        }
        first = first.max(second);
        for fact in first.. {
            let (one, other) = (one.next(), other.next());
            match (&one, &other) {
                (None, None) => return None,
                (Some(a), Some(b)) if same(a, b) => {}
                _ => {
                    let at = [&one, &other].into_iter().flatten().map(|fact| fact.at).min()?;
                    return Some(Difference { at, fact, one, other });
                }
            }
        }
        None
    }

    /// What any branch is like at any moment, without going there. Nothing when there is no such branch.
    pub fn world_of(&self, branch: usize, at: Time) -> Option<World> {
        let place = self.place_of(branch)?;
        let at = at.min(self.ends_at());
        let (mut world, _) = self.last_world(place, |world| world.now() <= at)?;
        while world.next_time().is_some_and(|next| next <= at) {
            world.pass();
        }
        Some(world)
    }

    /// A branch's last checkpoint that fits, with the commands that are still to come, and how many facts it has behind it.
    fn last_world(&self, place: usize, fits: impl Fn(&World) -> bool) -> Option<(World, usize)> {
        let branch = &self.branches[place];
        let (world, facts) = branch.checkpoints.values().rev().find(|(world, _)| fits(world))?;
        let mut ready = World::clone(world);
        for entry in branch.journal.iter().filter(|entry| entry.given_after >= world.steps()) {
            ready.plan(entry.at, entry.command.clone());
        }
        Some((ready, *facts))
    }
}
