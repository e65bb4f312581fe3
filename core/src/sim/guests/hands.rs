//! What does a consumer's program do with what its client gives it? It works on so many at once, and each takes its time.
//!
//! ```text
//!   client ─▶ waiting ─▶ in work ─┬─ done ──▶ the client is told
//!                                 └─ failed ▶ the client is told; what then happens is the system's own
//! ```

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::super::program_spec::ProgramSpec;
use super::super::scenario::ConsumerSpec;
use crate::ids::MessageId;
use crate::rng::{Rng, Stream};
use crate::time::{Span, Time};

/// Something to work on.
pub(in super::super) trait HasId {
    /// Which message it is.
    fn message(&self) -> Option<MessageId>;
    /// How often it came, this time included.
    fn attempt(&self) -> u32;
}

/// Something that the program has begun with.
#[derive(Clone, Debug)]
struct Work<T> {
    what: T,
    since: Time,
    until: Time,
}

/// What the program is through with.
#[derive(Clone, Debug)]
pub(in super::super) struct Over<T> {
    pub(in super::super) what: T,
    /// Whether it is done; else it failed.
    pub(in super::super) done: bool,
}

/// A program's hands.
#[derive(Clone, Debug)]
pub(in super::super) struct Hands<T> {
    waiting: VecDeque<T>,
    /// In the order of being done.
    work: VecDeque<Work<T>>,
    spec: ProgramSpec,
    takes: Span,
    seed: u64,
}

impl<T: HasId> Hands<T> {
    /// Those of a new process.
    pub(in super::super) fn new(spec: &ConsumerSpec, seed: u64) -> Self {
        let (waiting, work) = Default::default();
        Self { waiting, work, spec: spec.program.clone(), takes: Span(spec.work), seed }
    }

    /// How many more it would begin with at once.
    pub(in super::super) fn free(&self) -> usize {
        usize::from(self.spec.workers.max(1)).saturating_sub(self.work.len() + self.waiting.len())
    }

    /// Its client gives it something.
    pub(in super::super) fn give(&mut self, what: T) {
        self.waiting.push_back(what);
    }

    /// Begins with what it has hands for, and returns what it is through with by now.
    pub(in super::super) fn go_on(&mut self, now: Time) -> Vec<Over<T>> {
        let mut over = Vec::new();
        while let Some(work) = self.work.pop_front_if(|work| work.until <= now) {
            let done = !self.fails(&work.what);
            over.push(Over { what: work.what, done });
        }
        while self.work.len() < usize::from(self.spec.workers.max(1))
            && let Some(what) = self.waiting.pop_front()
        {
            let most = self.spec.work_max.max(self.takes.0);
            let varies = most > self.takes.0;
            let takes = if varies { self.chance(&what, 1).between(self.takes.0, most) } else { self.takes.0 };
            let work = Work { what, since: now, until: now + Span(takes.max(1)) };
            let at = self.work.partition_point(|other| other.until <= work.until);
            self.work.insert(at, work);
        }
        over
    }

    /// Chance follows from the message and how often it came, so that two consumers of one run are alike.
    fn chance(&self, what: &T, salt: u64) -> Rng {
        let id = what.message().map_or(0, |id| id.0);
        let mixed = (id * 1_000 + u64::from(what.attempt()) * 10 + salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Rng::new(self.seed ^ mixed, Stream::Services)
    }

    fn fails(&self, what: &T) -> bool {
        let number = what.message().map_or(0, |id| id.0);
        let hopeless = self.spec.fails_every > 0 && number.is_multiple_of(self.spec.fails_every);
        let per_mille = u64::from(self.spec.fails_per_mille);
        hopeless || per_mille > 0 && self.chance(what, 2).below(1_000) < per_mille
    }

    /// Works so long on each message that it begins from now on.
    pub(in super::super) fn work_for(&mut self, takes: Span) {
        self.takes = takes;
    }

    /// What it works on: since when, until when.
    pub(in super::super) fn in_work(&self) -> impl Iterator<Item = (&T, Time, Time)> {
        self.work.iter().map(|work| (&work.what, work.since, work.until))
    }

    /// What waits in its memory, oldest first.
    pub(in super::super) fn waiting(&self) -> impl Iterator<Item = &T> {
        self.waiting.iter()
    }

    /// When it is through with something.
    pub(in super::super) fn next_wakeup(&self) -> Option<Time> {
        self.work.front().map(|work| work.until)
    }
}
