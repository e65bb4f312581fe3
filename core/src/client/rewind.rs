//! What if work is undone? A member whose program's transaction is aborted goes back to where it was done last.

use super::reader::Reader;
use crate::ids::Offset;
use crate::observe::Place;

impl Reader {
    /// Whether the program has a message in hand, and its partition was not lost since.
    pub(super) fn has_in_hand(&self, from: &Place, offset: Offset) -> bool {
        let Place::Partition(partition) = from else { return false };
        self.positions.get(partition).is_some_and(|position| position.in_hand.contains(offset))
    }

    /// Forgets what the program has in hand and what is staged: both are fetched again. What is being let go is gone.
    pub(super) fn rewind(&mut self) {
        for position in self.positions.values_mut() {
            position.in_hand.clear();
            position.unstage();
        }
        self.drop_left();
        self.forget_unstaged();
    }
}
