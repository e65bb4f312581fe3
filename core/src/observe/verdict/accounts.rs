//! What does the judge know of each message? An account for every one.

use crate::ids::NodeId;
use crate::observe::paged::Paged;
use crate::sorted::SortedSet;

/// What is known of one message.
#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    /// Who sent it, once somebody did.
    pub(super) sender: Option<NodeId>,
    pub(super) key: Option<char>,
    /// Its producer was told that it is stored.
    pub(super) acknowledged: bool,
    /// It was processed at least once.
    pub(super) delivered: bool,
    /// Exchanges route it: each queue owes it to its consumers.
    pub(super) routed: bool,
    /// Its sender does not want it in order.
    pub(super) unordered: bool,
    /// Some log held it once.
    pub(super) was_held: bool,
    /// The first purpose that it was processed for.
    pub(super) done_for: Option<u32>,
    /// The logs that hold it.
    pub(super) logs: Logs,
}

/// The accounts of all messages.
pub(super) type Accounts = Paged<Account>;

/// Some logs, by their numbers, which count from 1. A message stands in few: as many as there are replicas.
#[derive(Clone, Debug)]
pub(super) enum Logs {
    /// Up to four; the rest is 0.
    Few([u32; 4]),
    Many(SortedSet<u32>),
}

impl Default for Logs {
    fn default() -> Self {
        Self::Few([0; 4])
    }
}

impl Logs {
    pub(super) fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    pub(super) fn contains(&self, log: u32) -> bool {
        match self {
            Self::Few(few) => few.contains(&log),
            Self::Many(many) => many.contains(&log),
        }
    }

    pub(super) fn insert(&mut self, log: u32) {
        match self {
            Self::Many(many) => _ = many.insert(log),
            Self::Few(few) if few.contains(&log) => {}
            Self::Few(few) => match few.iter_mut().find(|free| **free == 0) {
                Some(free) => *free = log,
                None => *self = Self::Many(few.iter().copied().chain([log]).collect()),
            },
        }
    }

    pub(super) fn remove(&mut self, log: u32) {
        match self {
            Self::Few(few) => few.iter_mut().filter(|held| **held == log).for_each(|held| *held = 0),
            Self::Many(many) => _ = many.remove(&log),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        let (few, many) = match self {
            Self::Few(few) => (Some(few), None),
            Self::Many(many) => (None, Some(many)),
        };
        let few = few.into_iter().flatten().copied().filter(|log| *log != 0);
        few.chain(many.into_iter().flat_map(|many| many.iter().copied()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_a_set_however_many_they_are() {
        let mut logs = Logs::default();
        let mut model = SortedSet::new();
        for (step, log) in [3, 1, 3, 9, 2, 9, 7, 5, 1, 3, 4, 2, 8, 6].into_iter().enumerate() {
            if step % 3 == 2 {
                logs.remove(log);
                model.remove(&log);
            } else {
                logs.insert(log);
                model.insert(log);
            }
            assert_eq!(logs.iter().collect::<SortedSet<u32>>(), model);
            assert_eq!(logs.is_empty(), model.is_empty());
            assert!((1..10).all(|log| logs.contains(log) == model.contains(&log)));
        }
    }
}
