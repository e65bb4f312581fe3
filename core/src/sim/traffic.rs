//! What does it cost to ask? Counts of what goes between consumers and brokers.

use serde::Serialize;

use super::words::Words;
use super::world::World;
use crate::broker::{Message, Reply};
use crate::ids::NodeId;

/// What went between consumers and brokers so far, both what keeps them in touch and what carries messages.
///
/// ```
/// use mqlab_core::sim::{Scenario, World};
/// let scenario = Scenario::built_in("hundred-messages").ok_or("no such scenario")?;
/// let mut world = World::new(scenario, 7)?;
/// while world.next_time().is_some_and(|at| at.0 < 100_000) {
///     world.step();
/// }
/// assert!(world.traffic().to_consumers > 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// What consumers sent to brokers: questions, acknowledgements, signs of life.
    pub from_consumers: u64,
    /// What brokers sent to consumers: messages and answers.
    pub to_consumers: u64,
    /// Answers to fetches that brought nothing.
    pub empty_answers: u64,
    /// Bytes of records that fetches brought.
    pub bytes_fetched: u64,
}

impl Traffic {
    /// Counts a packet that leaves.
    pub(super) fn count(&mut self, from: NodeId, to: NodeId, message: &Words) {
        match (from, to) {
            (NodeId::Consumer(_), NodeId::Broker(_)) => self.from_consumers += 1,
            (NodeId::Broker(_), NodeId::Consumer(_)) => {
                self.to_consumers += 1;
                if let Words::Own(Message::Reply(
                    _,
                    Reply::Fetched { batches, .. }
                    | Reply::Selected { batches, .. }
                    | Reply::Stable { batches, .. },
                )) = message
                {
                    self.empty_answers += u64::from(batches.is_empty());
                    self.bytes_fetched += batches.bytes().len() as u64;
                }
            }
            _ => {}
        }
    }
}

impl World {
    /// What went between consumers and brokers so far.
    pub fn traffic(&self) -> Traffic {
        self.network.traffic
    }
}
