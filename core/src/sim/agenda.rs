//! What comes next? Everything that will happen, in order of time, and at one time in the order it was planned.
//!
//! The order is total, so a run has no ties to break and is the same every time. What a person commands comes
//! before what was planned for the same moment.

use alloc::collections::BTreeMap;

use crate::time::Time;

/// The order of entries at one moment: commands first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// What a person, or the scenario in their place, commands.
    Command,
    /// Everything else.
    Course,
}

/// A queue of future happenings.
#[derive(Clone, Debug)]
pub(crate) struct Agenda<T> {
    entries: BTreeMap<(Time, Rank, u64), T>,
    planned: u64,
}

impl<T> Default for Agenda<T> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), planned: 0 }
    }
}

impl<T> Agenda<T> {
    /// Plans something.
    pub(crate) fn plan(&mut self, at: Time, rank: Rank, what: T) {
        self.planned += 1;
        self.entries.insert((at, rank, self.planned), what);
    }

    /// When the next thing happens.
    pub(crate) fn next_time(&self) -> Option<Time> {
        self.entries.first_key_value().map(|(&(at, _, _), _)| at)
    }

    /// Takes the next thing.
    pub(crate) fn pop(&mut self) -> Option<(Time, T)> {
        self.entries.pop_first().map(|((at, _, _), what)| (at, what))
    }
}
