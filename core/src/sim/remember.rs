//! What do consumers' programs remember together? The messages that are done, in a database that several may share.
//!
//! A message that came to two queues, because its sender heard nothing from the first, is taken by two consumers. Each
//! for itself cannot know that it is done. With one database, whoever commits second finds it there: that is a unique
//! key over the message's identity, written in the transaction that has the work's effect.

use super::onward::Errand;
use super::program::Inbox;
use super::world::{World, index};
use crate::broker::{Input, Out};
use crate::ids::{MessageId, Name, NodeId};
use crate::sorted::SortedMap;

/// The databases that consumers share, by name. They survive everybody.
pub(super) type Databases = SortedMap<Name, Inbox>;

impl World {
    /// Hands an input to a consumer's program, which has its database at hand while it works.
    pub(super) fn hand_to_worker(&mut self, number: u16, input: Input, out: &mut Out) {
        let now = self.clock(NodeId::Consumer(number));
        let Self { consumers, scenario, databases, keys, derived, verdict, .. } = self;
        // What is sent on for an order comes when the order is done: in no order of its own.
        let mut mint = |errand: Errand| {
            *derived.entry(errand).or_insert_with(|| {
                keys.push(None);
                let id = MessageId(keys.len() as u64);
                verdict.learn_unordered(id);
                id
            })
        };
        let worker = &mut consumers[index(number)].process;
        let shared = scenario.consumers[index(number)].program.database.as_ref();
        let Some(database) = shared else { return worker.handle(now, input, &mut mint, out) };
        worker.inbox = databases.remove(database).unwrap_or_default();
        worker.handle(now, input, &mut mint, out);
        databases.insert(database.clone(), core::mem::take(&mut worker.inbox));
    }
}
