//! What comes next? Everything that will happen, in order of time, and at one time in the order it was planned.
//!
//! The order is total, so a run has no ties to break and is the same every time. What a person commands comes
//! before what was planned for the same moment.
//!
//! ```text
//!               3.1 ms                a heap: the next thing is on top, and each entry is before the two below it;
//!          4.0         3.5            to plan or to take one costs a walk from top to bottom: 10 steps for 1,000
//!       9.2   4.1   3.5   7.7         entries, 20 for a million
//! ```

use alloc::collections::BinaryHeap;
use core::cmp::Ordering;

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
    entries: BinaryHeap<Entry<T>>,
    planned: u64,
}

/// Something planned. The one that comes first is the greatest, as the heap wants it.
#[derive(Clone, Debug)]
struct Entry<T> {
    at: Time,
    rank: Rank,
    /// How many were planned before it.
    number: u64,
    what: T,
}

impl<T> Entry<T> {
    fn place(&self) -> (Time, Rank, u64) {
        (self.at, self.rank, self.number)
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.place().cmp(&self.place())
    }
}

impl<T> Default for Agenda<T> {
    fn default() -> Self {
        Self { entries: BinaryHeap::new(), planned: 0 }
    }
}

impl<T> Agenda<T> {
    /// Plans something.
    pub(crate) fn plan(&mut self, at: Time, rank: Rank, what: T) {
        self.planned += 1;
        self.entries.push(Entry { at, rank, number: self.planned, what });
    }

    /// When the next thing happens.
    pub(crate) fn next_time(&self) -> Option<Time> {
        self.entries.peek().map(|entry| entry.at)
    }

    /// The next thing, and when it happens.
    pub(crate) fn peek(&self) -> Option<(Time, &T)> {
        self.entries.peek().map(|entry| (entry.at, &entry.what))
    }

    /// Takes the next thing.
    pub(crate) fn pop(&mut self) -> Option<(Time, T)> {
        self.entries.pop().map(|entry| (entry.at, entry.what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn by_time_then_commands_then_as_planned() {
        let mut agenda = Agenda::default();
        let course = Rank::Course;
        for (at, rank, what) in
            [(5, course, 'a'), (3, course, 'b'), (5, Rank::Command, 'c'), (5, course, 'd')]
        {
            agenda.plan(Time(at), rank, what);
        }
        assert_eq!(agenda.next_time(), Some(Time(3)));
        let all: Vec<(Time, char)> = core::iter::from_fn(|| agenda.pop()).collect();
        assert_eq!(all, [(Time(3), 'b'), (Time(5), 'c'), (Time(5), 'a'), (Time(5), 'd')]);
    }
}
