//! What of a line of messages is on its way? Its first ones, request by request, as many requests as the settings allow.
//!
//! ```text
//!   waiting:   m4 m5 | m6 | m7 m8 | m9 m10 ...       three requests in flight, two messages to go
//!              └────── in flight ─┘
//!
//!   m6 refused:        m4 m5 | m7 m8 | m6 m9 m10 ...  m6 goes next; m7 and m8 are perhaps stored, and overtake it
//!   nobody answers m6: m4 m5 | m6 m7 m8 m9 m10 ...    taken for lost with all that went after it: order is kept
//! ```
//!
//! With one request at a time nothing can overtake anything. With more, messages travel in a stream, and a failure
//! finds others behind it on the way. A connection keeps order and breaks as a whole: whatever was sent after the first
//! that is lost is lost, too, and all of it is sent again in the old order (some of it may be stored twice then). A
//! refusal is another thing: it concerns these messages alone, those behind them may be stored, and so they are
//! overtaken.
//!
//! What real systems do: so do AMQP's publisher confirms; who needs order across refusals waits for each answer. Kafka
//! has up to five requests under way, and keeps order by sequence numbers.

use alloc::collections::VecDeque;
use core::ops::Range;

use super::asked::Asked;
use crate::broker::RequestId;
use crate::ids::NodeId;
use crate::time::Time;

/// The requests of one line that are not answered, in the order in which they were sent.
#[derive(Clone, Debug, Default)]
pub(super) struct InFlight {
    /// Each with how many messages are in it.
    requests: VecDeque<(Asked, usize)>,
    /// Whether one was lost, and nothing was heard since.
    unheard: bool,
}

impl InFlight {
    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Whether one more may go, where so many may be under way. After a loss one goes alone, until it is answered: it
    /// is the attempt to connect.
    pub(super) fn has_room(&self, most: u32) -> bool {
        self.requests.len() < if self.unheard { 1 } else { most.max(1) as usize }
    }

    /// How many messages are in them: the first of the line.
    pub(super) fn messages(&self) -> usize {
        self.requests.iter().map(|(_, count)| count).sum()
    }

    /// The first that will be taken for lost.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.requests.iter().map(|(asked, _)| asked.deadline).min()
    }

    pub(super) fn has(&self, id: RequestId) -> bool {
        self.requests.iter().any(|(asked, _)| asked.id == id)
    }

    /// Whom a request was sent to.
    pub(super) fn broker(&self, id: RequestId) -> Option<NodeId> {
        self.requests.iter().find(|(asked, _)| asked.id == id).map(|(asked, _)| asked.broker)
    }

    pub(super) fn push(&mut self, asked: Asked, messages: usize) {
        self.requests.push_back((asked, messages));
    }

    /// A request was answered: it is under way no longer. Returns where its messages stand in the line.
    pub(super) fn answered(&mut self, id: RequestId) -> Option<Range<usize>> {
        let at = self.requests.iter().position(|(asked, _)| asked.id == id)?;
        let start = self.requests.iter().take(at).map(|(_, count)| count).sum();
        let (_, count) = self.requests.remove(at)?;
        self.unheard = false;
        Some(start..start + count)
    }

    /// The first request counts no longer. Returns how many messages are in it.
    pub(super) fn forget_first(&mut self) -> Option<usize> {
        self.requests.pop_front().map(|(_, count)| count)
    }

    /// The first request that is lost is lost with all that went after it. Returns where their messages stand.
    pub(super) fn lose(&mut self, lost: impl Fn(&Asked) -> bool) -> Option<Range<usize>> {
        let first = self.requests.iter().position(|(asked, _)| lost(asked))?;
        let end = self.messages();
        self.requests.truncate(first);
        self.unheard = true;
        Some(self.messages()..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_concerns_one_request_and_a_loss_all_that_follow() {
        let mut in_flight = InFlight::default();
        for (id, count) in [(1, 2), (2, 1), (3, 4), (4, 5)] {
            in_flight.push(Asked { id, broker: NodeId::Broker(1), deadline: Time(id) }, count);
        }
        assert_eq!(in_flight.messages(), 12);
        assert!(in_flight.has_room(5) && !in_flight.has_room(4));
        assert_eq!(in_flight.answered(2), Some(2..3));
        assert!(in_flight.answered(2).is_none() && !in_flight.has(2));
        assert_eq!(in_flight.deadline(), Some(Time(1)));
        assert_eq!(in_flight.lose(|asked| asked.deadline > Time(9)), None);
        assert_eq!(in_flight.lose(|asked| asked.id == 3), Some(2..11), "the fourth goes with the third");
        assert_eq!(in_flight.messages(), 2);
        assert!(!in_flight.has_room(4), "nothing goes before something is heard");
        assert_eq!(in_flight.answered(1), Some(0..2));
        assert!(in_flight.is_empty() && in_flight.has_room(1));
    }
}
