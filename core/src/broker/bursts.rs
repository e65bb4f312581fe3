//! How does one fact come to name many messages? What is said of one message after the other, in one burst, is one fact.
//!
//! ```text
//!   sent(orders/0, m7)  sent(orders/0, m8)  sent(orders/1, m9)     ──▶     sent m7,m8 to orders/0;  sent m9 to orders/1
//! ```

use super::protocol::Out;
use crate::ids::{MessageId, Name};
use crate::observe::{Event, Place};

impl<D> Out<D> {
    /// A producer sends a message.
    pub(crate) fn sent(&mut self, place: &Place, message: MessageId, attempt: u32) {
        match self.events.last_mut() {
            Some(Event::Sent { to, messages, attempt: same }) if *same == attempt && to == place => {
                messages.push(message);
            }
            _ => self.event(Event::Sent { to: place.clone(), messages: message.into(), attempt }),
        }
    }

    /// A producer hears that a message is stored.
    pub(crate) fn acknowledged(&mut self, place: &Place, message: MessageId) {
        match self.events.last_mut() {
            Some(Event::Acknowledged { by, messages }) if by == place => messages.push(message),
            _ => self.event(Event::Acknowledged { by: place.clone(), messages: message.into() }),
        }
    }

    /// A consumer has a message.
    pub(crate) fn received(&mut self, place: &Place, message: MessageId, delivery: u32) {
        match self.events.last_mut() {
            Some(Event::Received { from, messages, delivery: same })
                if *same == delivery && from == place =>
            {
                messages.push(message);
            }
            _ => self.event(Event::Received { from: place.clone(), messages: message.into(), delivery }),
        }
    }

    /// A program is done with a message.
    pub(crate) fn processed(&mut self, place: &Place, message: MessageId, by: Option<&Name>) {
        match self.events.last_mut() {
            Some(Event::Processed { from, messages, group }) if from == place && group.as_ref() == by => {
                messages.push(message);
            }
            _ => {
                let (from, group) = (place.clone(), by.cloned());
                self.event(Event::Processed { from, messages: message.into(), group });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;
    use alloc::vec::Vec;

    use super::*;
    use crate::ids::PartitionId;

    #[test]
    fn what_differs_in_more_than_the_message_is_a_fact_of_its_own() {
        let topic = Name::new("t").expect("a legal name");
        let place = |index| Place::Partition(PartitionId { topic: topic.clone(), index });
        let (zero, one, m) = (place(0), place(1), MessageId);
        let mut out = Out::<()>::default();
        out.sent(&zero, m(1), 1);
        out.sent(&zero, m(2), 1);
        out.sent(&one, m(3), 1);
        out.sent(&one, m(4), 2);
        out.acknowledged(&one, m(5));
        out.acknowledged(&one, m(6));
        out.acknowledged(&zero, m(7));
        out.received(&zero, m(8), 1);
        out.received(&zero, m(9), 1);
        out.received(&zero, m(10), 2);
        out.processed(&zero, m(11), None);
        out.processed(&zero, m(12), Some(&topic));
        out.processed(&zero, m(13), Some(&topic));
        let said: Vec<String> = out.events.iter().map(|event| format!("{event}")).collect();
        let expected = [
            "sent m1,m2 to t/0",
            "sent m3 to t/1",
            "sent m4 to t/1, attempt 2",
            "was told that m5,m6 are stored in t/1",
            "was told that m7 is stored in t/0",
            "received m8,m9 from t/0",
            "received m10 from t/0, redelivered, count 2",
            "processed m11 from t/0",
            "processed m12,m13 from t/0",
        ];
        assert_eq!(said, expected);
    }
}
