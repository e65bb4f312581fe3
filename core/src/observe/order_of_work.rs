//! Was the work done in order? A queue may deliver in order, and the order is lost after that: in a program that works
//! on several messages at once, or by a message that failed and came again behind others.
//!
//! ```text
//!   received by one consumer   A1 A2 A3          in order, the queue kept its promise
//!   done by its two workers    A2 A1 A3          A1 is out of order: whoever reads the result sees it
//! ```
//!
//! What is judged: the messages that one producer sent *with one key* to one queue, as long as one consumer gets all
//! of them. A message is out of order when it is done for the first time after one that was sent later.
//!
//! What is not: messages without a key, for nothing says that one has to do with another. Messages of a key that
//! several consumers share, for a queue that is shared promises no order of work. Messages that died in a queue and
//! go on in another one: what is said of them is why they died. And messages whose sender gave them a priority or a
//! delay: that was the wish for another order.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::event::{Event, Place};
use super::queue_event::QueueEvent;
use crate::ids::{MessageId, Name, NodeId};
use crate::sorted::SortedMap;

/// What must be done in order: a queue, who sent, and with which key.
type Line = (Name, Option<NodeId>, char);

/// The order in which the messages of queues are done.
#[derive(Clone, Debug, Default)]
pub(super) struct OrderOfWork {
    /// Who gets the messages of a line; nobody once several do.
    owners: SortedMap<Line, Option<NodeId>>,
    /// The latest message of each line that was done.
    latest: SortedMap<Line, MessageId>,
    /// What was done, where.
    done: BTreeSet<(Name, MessageId)>,
    /// What died in a queue.
    dead: BTreeSet<MessageId>,
}

impl OrderOfWork {
    /// Takes note of a fact, and says which messages come too late. `of` knows who sent a message and with which key,
    /// if it is to be in order.
    pub(super) fn observe(
        &mut self,
        event: &Event,
        of: impl Fn(&MessageId) -> Option<(Option<NodeId>, char)>,
    ) -> Vec<MessageId> {
        let mut late = Vec::new();
        match event {
            Event::Delivered { queue, message, to, .. } => {
                if let Some((producer, key)) = of(message) {
                    self.delivered((queue.clone(), producer, key), *to);
                }
            }
            Event::Processed { from: Place::Queue(queue), messages, .. } => {
                for message in messages {
                    let Some((producer, key)) = of(message) else { continue };
                    if self.processed((queue.clone(), producer, key), *message) {
                        late.push(*message);
                    }
                }
            }
            Event::Queue(QueueEvent::Died { message, .. }) => self.died(*message),
            Event::Queue(QueueEvent::Dropped { messages, .. }) => {
                messages.iter().for_each(|message| self.died(*message));
            }
            _ => {}
        }
        late
    }

    /// A message was pushed to a consumer. Whether it arrived or not, from then on the line may be shared.
    fn delivered(&mut self, line: Line, to: NodeId) {
        let owner = self.owners.entry(line).or_insert(Some(to));
        if *owner != Some(to) {
            *owner = None;
        }
    }

    /// A message left a queue without having been consumed.
    fn died(&mut self, message: MessageId) {
        self.dead.insert(message);
    }

    /// A message was done. Whether it comes too late.
    fn processed(&mut self, line: Line, message: MessageId) -> bool {
        let first = self.done.insert((line.0.clone(), message));
        let owned = matches!(self.owners.get(&line), Some(Some(_)));
        if !first || !owned || self.dead.contains(&message) {
            return false;
        }
        let latest = self.latest.entry(line).or_insert(message);
        let late = message < *latest;
        *latest = message.max(*latest);
        late
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use NodeId::{Consumer, Producer};

    const NOTHING: [u64; 0] = [];

    fn line(key: char) -> Line {
        (Name::new("q").expect("a legal name"), Some(Producer(1)), key)
    }

    /// The messages found out of order when they are received and done so: (number, key, consumer).
    fn late(received: &[(u64, char, u16)], done: &[u64]) -> Vec<u64> {
        let mut order = OrderOfWork::default();
        for &(_, key, consumer) in received {
            order.delivered(line(key), Consumer(consumer));
        }
        let key = |id: u64| received.iter().find(|(other, ..)| *other == id).expect("it was received").1;
        let late = done.iter().filter(|&&id| order.processed(line(key(id)), MessageId(id)));
        late.copied().collect()
    }

    #[test]
    fn a_message_of_a_key_that_is_done_after_a_later_one_is_out_of_order() {
        let received = [(1, 'A', 1), (2, 'A', 1), (3, 'A', 1)];
        assert_eq!(late(&received, &[1, 2, 3]), NOTHING);
        assert_eq!(late(&received, &[2, 1, 3]), [1]);
        assert_eq!(late(&received, &[3, 1, 2]), [1, 2]);
        assert_eq!(late(&received, &[1, 2, 3, 1]), NOTHING, "the first time counts");
    }

    #[test]
    fn between_keys_and_between_consumers_no_order_is_promised() {
        assert_eq!(late(&[(1, 'A', 1), (2, 'B', 1)], &[2, 1]), NOTHING);
        assert_eq!(late(&[(1, 'A', 1), (2, 'A', 2)], &[2, 1]), NOTHING);
        assert_eq!(late(&[(1, 'A', 1), (2, 'A', 1), (3, 'B', 2)], &[3, 2, 1]), [1]);
    }

    #[test]
    fn what_died_and_goes_on_elsewhere_is_not_judged() {
        let mut order = OrderOfWork::default();
        order.delivered(line('A'), Consumer(1));
        order.died(MessageId(1));
        assert!(!order.processed(line('A'), MessageId(2)));
        assert!(!order.processed(line('A'), MessageId(1)));
    }
}
