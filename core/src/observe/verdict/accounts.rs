//! What does the judge know of each message? An account for every one, found by its number.
//!
//! ```text
//!   m2051  =  page 2, place 3
//!
//!   pages   0 ▶ [ m0 .. m1023 ]    1 ▶ [ m1024 .. m2047 ]    2 ▶ [ m2048 m2049 m2050 m2051 ... ]
//! ```
//!
//! A world numbers its messages from 1 as it makes them, so pages fill up one after the other, and to find an account costs
//! the same for the first message and the millionth. A page is shared between copies of the judge until one of them
//! writes on it (*copy on write*): the checkpoints of a run that can go back cost only the pages that changed.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::ids::{MessageId, NodeId};

/// How many accounts stand on a page.
const PAGE: u64 = 1_024;

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
#[derive(Clone, Debug, Default)]
pub(super) struct Accounts {
    pages: BTreeMap<u64, Arc<Vec<Account>>>,
}

impl Accounts {
    /// The account of a message, if anything was ever written on its page.
    pub(super) fn get(&self, id: MessageId) -> Option<&Account> {
        self.pages.get(&(id.0 / PAGE))?.get((id.0 % PAGE) as usize)
    }

    /// The account of a message, to write on.
    pub(super) fn of(&mut self, id: MessageId) -> &mut Account {
        let blank = || Arc::new((0..PAGE).map(|_| Account::default()).collect());
        let page = self.pages.entry(id.0 / PAGE).or_insert_with(blank);
        &mut Arc::make_mut(page)[(id.0 % PAGE) as usize]
    }

    /// All accounts with something on their page, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (MessageId, &Account)> {
        let numbered = |page: &u64, place: u64| MessageId(page * PAGE + place);
        self.pages.iter().flat_map(move |(page, accounts)| {
            (0..).zip(accounts.iter()).map(move |(place, account)| (numbered(page, place), account))
        })
    }
}

/// Some logs, by their numbers, which count from 1. A message stands in few: as many as there are replicas.
#[derive(Clone, Debug)]
pub(super) enum Logs {
    /// Up to four; the rest is 0.
    Few([u32; 4]),
    Many(BTreeSet<u32>),
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
    fn an_account_is_found_by_its_number_and_a_copy_keeps_what_it_had() {
        let mut accounts = Accounts::default();
        for id in [1, 1_023, 1_024, 5_000_000, u64::MAX] {
            accounts.of(MessageId(id)).acknowledged = true;
        }
        let copy = accounts.clone();
        accounts.of(MessageId(1)).acknowledged = false;
        let acknowledged = |accounts: &Accounts| {
            let all = accounts.iter().filter(|(_, account)| account.acknowledged);
            all.map(|(id, _)| id.0).collect::<Vec<u64>>()
        };
        assert_eq!(acknowledged(&accounts), [1_023, 1_024, 5_000_000, u64::MAX]);
        assert_eq!(acknowledged(&copy), [1, 1_023, 1_024, 5_000_000, u64::MAX]);
        assert!(accounts.get(MessageId(2)).is_some_and(|account| !account.acknowledged));
        assert!(accounts.get(MessageId(9_999)).is_none(), "nobody ever heard of it");
    }

    #[test]
    fn logs_are_a_set_however_many_they_are() {
        let mut logs = Logs::default();
        let mut model = BTreeSet::new();
        for (step, log) in [3, 1, 3, 9, 2, 9, 7, 5, 1, 3, 4, 2, 8, 6].into_iter().enumerate() {
            if step % 3 == 2 {
                logs.remove(log);
                model.remove(&log);
            } else {
                logs.insert(log);
                model.insert(log);
            }
            assert_eq!(logs.iter().collect::<BTreeSet<u32>>(), model);
            assert_eq!(logs.is_empty(), model.is_empty());
            assert!((1..10).all(|log| logs.contains(log) == model.contains(&log)));
        }
    }
}
