//! What can a puller be told anew while it reads? When it asks, and when it notes that a message need not come again.

use alloc::vec::Vec;

use super::{Held, Puller};
use crate::client::pull_options::{Commits, Staging};
use crate::client::subscriber::Staged;
use crate::log::Log;
use crate::time::Span;

impl<L: Log> Puller<L> {
    /// Asks no more often than this from now on.
    pub fn set_poll_every(&mut self, every: Span) {
        self.options.poll_every = every;
    }

    /// Notes then, from now on, that a message need not come again. What its program works on is noted at once where it
    /// would have been noted before the work.
    pub fn set_commits(&mut self, commits: Commits) {
        if self.options.commits == commits {
            return;
        }
        self.options.commits = commits;
        if (commits, self.options.staging) == (Commits::Before, Staging::Disk) {
            let in_hand = self.in_hand.values_mut();
            let fresh =
                in_hand.filter_map(|held| held.own.filter(|_| !core::mem::replace(&mut held.noted, true)));
            for own in fresh.collect::<Vec<_>>() {
                let noted = self.shelf.done(own);
                self.ok(noted);
            }
        }
    }

    /// What would be lost if the program died now: noted as done, and not done.
    pub fn at_stake(&self) -> impl Iterator<Item = &Staged> {
        let (before, memory) =
            (self.options.commits == Commits::Before, self.options.staging == Staging::Memory);
        let is_noted = move |held: &&Held| held.noted || before;
        let staged = self.staged.iter().filter(move |_| memory);
        self.in_hand.values().chain(staged).filter(is_noted).map(|held| &held.staged)
    }
}
