//! Which logs are there, and what was ever put into each? The judge's own account of it, from the facts of appending and
//! copying.
//!
//! ```text
//!   orders/0   log 1 on broker-1   m1 m2 m3 m4        broker-2 is elected: what only log 1 has is overruled;
//!              log 2 on broker-2   m1 m2 m3           to find it, no message of another partition is looked at
//! ```
//!
//! Whether a log *still* has a message stands in the message's account. A log's list is only for elections.

use alloc::vec::Vec;

use super::accounts::Accounts;
use crate::ids::{MessageId, NodeId};
use crate::observe::Place;
use crate::sorted::{SortedMap, SortedSet};

/// Every log that a message ever stood in.
#[derive(Clone, Debug, Default)]
pub(super) struct Copies {
    /// The logs of each place, by broker: their numbers, from 1.
    numbers: SortedMap<Place, SortedMap<NodeId, u32>>,
    logs: Vec<Log>,
    /// Queues that have members on several brokers.
    replicated: SortedSet<Place>,
}

#[derive(Clone, Debug)]
struct Log {
    place: Place,
    /// Of a partition, what was put into it, and not yet found to be gone.
    messages: Vec<MessageId>,
}

impl Copies {
    /// The number of a broker's log of a place.
    fn number(&mut self, place: &Place, broker: NodeId) -> u32 {
        if let Some(&known) = self.numbers.get(place).and_then(|logs| logs.get(&broker)) {
            return known;
        }
        self.logs.push(Log { place: place.clone(), messages: Vec::new() });
        let number = self.logs.len() as u32;
        self.numbers.entry(place.clone()).or_default().insert(broker, number);
        number
    }

    /// The place that a log is of.
    pub(super) fn place(&self, log: u32) -> &Place {
        &self.logs[log as usize - 1].place
    }

    /// A broker's log has these messages now.
    pub(super) fn hold(
        &mut self,
        accounts: &mut Accounts,
        place: &Place,
        broker: NodeId,
        messages: &[MessageId],
    ) {
        let log = self.number(place, broker);
        let elects = matches!(place, Place::Partition(_)) || self.replicated.contains(place);
        if elects {
            self.logs[log as usize - 1].messages.extend(messages); // other queues have no elections
        }
        for &message in messages {
            let account = accounts.of(message);
            account.logs.insert(log);
            account.was_held = true;
        }
    }

    /// A queue has several logs, of which one is the truth.
    pub(super) fn is_replicated(&mut self, queue: &Place) {
        if !self.replicated.contains(queue) {
            self.replicated.insert(queue.clone());
        }
    }

    /// A queue does not have a message any more, wherever it stood. Says whether several brokers have members of it.
    pub(super) fn let_go_everywhere(
        &self,
        accounts: &mut Accounts,
        place: &Place,
        message: MessageId,
    ) -> bool {
        for &log in self.numbers.get(place).into_iter().flat_map(SortedMap::values) {
            accounts.of(message).logs.remove(log);
        }
        self.replicated.contains(place)
    }

    /// Whether any log of a place has a message.
    pub(super) fn is_held_by_any(&self, accounts: &Accounts, place: &Place, message: MessageId) -> bool {
        let mut logs = self.numbers.get(place).into_iter().flat_map(SortedMap::values);
        accounts.get(message).is_some_and(|account| logs.any(|&log| account.logs.contains(log)))
    }

    /// A broker's log does not have a message any more.
    pub(super) fn let_go(&self, accounts: &mut Accounts, place: &Place, broker: NodeId, message: MessageId) {
        if let Some(&log) = self.numbers.get(place).and_then(|logs| logs.get(&broker)) {
            accounts.of(message).logs.remove(log);
        }
    }

    /// Whether a broker's log has a message.
    pub(super) fn is_held(
        &self,
        accounts: &Accounts,
        place: &Place,
        broker: NodeId,
        message: MessageId,
    ) -> bool {
        let log = self.numbers.get(place).and_then(|logs| logs.get(&broker));
        let account = accounts.get(message);
        log.zip(account).is_some_and(|(log, account)| account.logs.contains(*log))
    }

    /// The others will cut away what the leader's log does not have. Returns that.
    pub(super) fn overrule(
        &mut self,
        accounts: &mut Accounts,
        place: &Place,
        leader: NodeId,
    ) -> Vec<MessageId> {
        let Some(logs) = self.numbers.get(place) else { return Vec::new() };
        let truth = logs.get(&leader).copied();
        let mut overruled = Vec::new();
        for &log in logs.values().filter(|log| Some(**log) != truth) {
            self.logs[log as usize - 1].messages.retain(|&message| {
                let Some(account) = accounts.get(message) else { return false };
                if !account.logs.contains(log) {
                    return false;
                }
                let stays = truth.is_some_and(|truth| account.logs.contains(truth));
                if !stays {
                    accounts.of(message).logs.remove(log);
                    overruled.push(message);
                }
                stays
            });
        }
        overruled
    }
}
