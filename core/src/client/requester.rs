//! Which answer belongs to which request? The one that carries the same *correlation id*.
//!
//! ```text
//!   request m7 ── reply to: answers, correlation m7 ──▶ queue ──▶ some server
//!      │ asked                                                       │
//!      │          answers ◀── correlation m7 ────────────────────────┘
//!      ├─ an answer in time ───▶ answered      another answer to it: known already
//!      └─ the time is over ────▶ given up      an answer after that: late, nobody waits for it
//! ```
//!
//! Two messages in two queues: nothing but the correlation id ties them together. So answers may come in any order, and
//! one may come twice, because the server died between its answer and its acknowledgement, and the request was
//! delivered again. To give up a request takes nothing back: it stands in its queue, and somebody will do the work.
//!
//! What real systems do: AMQP's properties `reply-to` and `correlation-id`, JMS's `QueueRequestor`, `RocketMQ`'s
//! request-reply (which gives up after a time, too).

use alloc::collections::VecDeque;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use crate::ids::MessageId;
use crate::sorted::SortedMap;
use crate::time::{Span, Time};

/// Of so many requests that are over it is known what became of them; an answer to an older one counts as late.
pub const REQUESTS_REMEMBERED: usize = 1_000;

/// What an answer is to whoever reads it.
///
/// ```
/// use mqlab_core::client::{Answered, Requester};
/// use mqlab_core::time::{Span, Time};
/// let mut requester = Requester::new(Span::from_millis(70));
/// assert_eq!(requester.answer(Time::ZERO, "m9"), Answered::Late); // nobody waits for that
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answered {
    /// The answer to a request that waits.
    InTime {
        /// Which.
        request: MessageId,
        /// So long after it was asked.
        after: Span,
    },
    /// Another answer to a request that has one.
    Again {
        /// Which.
        request: MessageId,
    },
    /// Nobody waits for it: its request was given up, or asked by an earlier life of the program.
    Late,
}

/// The requests of a program.
///
/// ```
/// use mqlab_core::client::{Answered, Requester};
/// use mqlab_core::ids::MessageId;
/// use mqlab_core::time::{Span, Time};
/// let (mut requester, request) = (Requester::new(Span(500)), MessageId(7));
/// let correlation = requester.ask(Time(100), request);
/// assert_eq!(requester.answer(Time(130), &correlation), Answered::InTime { request, after: Span(30) });
/// assert_eq!(requester.answer(Time(140), &correlation), Answered::Again { request });
/// ```
#[derive(Clone, Debug)]
pub struct Requester {
    timeout: Span,
    waiting: SortedMap<String, (MessageId, Time)>,
    /// The last requests that were answered, oldest first.
    answered: VecDeque<(String, MessageId)>,
}

impl Requester {
    /// A program that waits so long for each answer.
    pub fn new(timeout: Span) -> Self {
        let (waiting, answered) = Default::default();
        Self { timeout, waiting, answered }
    }

    /// Notes a request; says the correlation id that it must carry.
    pub fn ask(&mut self, now: Time, request: MessageId) -> String {
        let correlation = request.to_string();
        self.waiting.insert(correlation.clone(), (request, now));
        correlation
    }

    /// An answer came.
    pub fn answer(&mut self, now: Time, correlation: &str) -> Answered {
        if let Some((correlation, (request, asked))) = self.waiting.remove_entry(correlation) {
            if self.answered.len() >= REQUESTS_REMEMBERED {
                self.answered.pop_front();
            }
            self.answered.push_back((correlation, request));
            return Answered::InTime { request, after: now.since(asked) };
        }
        match self.answered.iter().find(|(known, _)| known == correlation) {
            Some(&(_, request)) => Answered::Again { request },
            None => Answered::Late,
        }
    }

    /// Gives up the requests whose time is over, and says which and how long each waited.
    pub fn give_up(&mut self, now: Time) -> Vec<(MessageId, Span)> {
        let timeout = self.timeout;
        let over = |asked: Time| asked + timeout <= now;
        let mut given_up: Vec<(MessageId, Span)> = Vec::new();
        self.waiting.retain(|_, (request, asked)| {
            if over(*asked) {
                given_up.push((*request, now.since(*asked)));
            }
            !over(*asked)
        });
        given_up.sort_unstable();
        given_up
    }

    /// The requests that wait for their answers, oldest first.
    pub fn waiting(&self) -> Vec<MessageId> {
        let mut all: Vec<MessageId> = self.waiting.values().map(|(request, _)| *request).collect();
        all.sort_unstable();
        all
    }

    /// When the next request is given up.
    pub fn next_wakeup(&self) -> Option<Time> {
        self.waiting.values().map(|(_, asked)| *asked + self.timeout).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_find_their_requests_in_any_order_and_late_ones_find_nobody() {
        let mut requester = Requester::new(Span(100));
        let ids: Vec<String> = (1..=3).map(|id| requester.ask(Time(id), MessageId(id))).collect();
        let in_time = |request, after| Answered::InTime { request: MessageId(request), after: Span(after) };
        assert_eq!(requester.answer(Time(50), &ids[1]), in_time(2, 48));
        assert_eq!(requester.answer(Time(60), &ids[0]), in_time(1, 59));
        assert_eq!(requester.answer(Time(60), &ids[0]), Answered::Again { request: MessageId(1) });
        assert_eq!(requester.next_wakeup(), Some(Time(103)));
        assert_eq!(requester.give_up(Time(102)), []);
        assert_eq!(requester.give_up(Time(103)), [(MessageId(3), Span(100))]);
        assert_eq!(requester.answer(Time(104), &ids[2]), Answered::Late);
        assert_eq!(requester.answer(Time(104), "no request of mine"), Answered::Late);
        assert_eq!(requester.next_wakeup(), None);
    }

    #[test]
    fn what_it_remembers_is_bounded() {
        let mut requester = Requester::new(Span(100));
        for id in 0..=REQUESTS_REMEMBERED as u64 {
            let correlation = requester.ask(Time::ZERO, MessageId(id));
            requester.answer(Time::ZERO, &correlation);
        }
        assert_eq!(requester.answered.len(), REQUESTS_REMEMBERED);
        assert_eq!(requester.answer(Time::ZERO, &MessageId(0).to_string()), Answered::Late);
    }
}
