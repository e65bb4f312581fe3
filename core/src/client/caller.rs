//! How does one program ask another for something, and wait? A synchronous call, with a deadline.
//!
//! ```text
//!   call ─▶ open ── the service answers ────────▶ over: done, accepted, failed, overloaded
//!             ├──── the deadline passes ────────▶ over: timed out
//!             └──── the connection breaks ──────▶ over: unreachable
//! ```
//!
//! A caller that heard nothing does not know whether the work is done: the service may go on working for nobody, and
//! its late answer is dropped. A caller does not try again by itself: doing it twice is for the program to decide.
//!
//! What real systems do: HTTP clients and gRPC have the same three ends. gRPC also tells the service of the deadline
//! and of the end, so that it can stop.

use alloc::collections::VecDeque;

use crate::broker::{Input, Message, Out, Reply, Request, RequestId};
use crate::ids::{NodeId, OrderId};
use crate::observe::Answer;
use crate::record::Order;
use crate::sorted::SortedMap;
use crate::time::{Span, Time};

/// A call that is not answered yet.
#[derive(Clone, Debug)]
struct Open {
    order: OrderId,
    service: NodeId,
    since: Time,
    deadline: Time,
}

/// A call that is over.
///
/// ```
/// use mqlab_core::client::Over;
/// use mqlab_core::ids::OrderId;
/// use mqlab_core::observe::Answer;
/// use mqlab_core::time::Span;
/// let over = Over { id: 1, order: OrderId(17), answer: Answer::Done, waited: Span::from_millis(310) };
/// assert_eq!(over.waited.to_string(), "310 ms");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Over {
    /// Which call.
    pub id: RequestId,
    /// For which order.
    pub order: OrderId,
    /// What came of it.
    pub answer: Answer,
    /// How long it took.
    pub waited: Span,
}

/// Somebody who calls services.
///
/// ```
/// use mqlab_core::broker::{Input, Message, Out, Reply};
/// use mqlab_core::client::Caller;
/// use mqlab_core::ids::{NodeId, OrderId};
/// use mqlab_core::observe::Answer;
/// use mqlab_core::record::Order;
/// use mqlab_core::time::{Span, Time};
///
/// let (mut caller, mut out) = (Caller::default(), Out::default());
/// let order = Order { id: OrderId(1), user: NodeId::User(1) };
/// let id = caller.call(Time(0), NodeId::Service(1), order, Span(5_000), &mut out);
/// assert_eq!(caller.next_wakeup(), Some(Time(5_000)));
///
/// let message = Message::Reply(id, Reply::Called { order: order.id, answer: Answer::Done });
/// caller.handle(Time(3_000), &Input::Message { from: NodeId::Service(1), message });
/// let over = caller.next_over().expect("it was answered");
/// assert_eq!((over.answer, over.waited), (Answer::Done, Span(3_000)));
/// assert_eq!(caller.next_wakeup(), None);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Caller {
    open: SortedMap<RequestId, Open>,
    over: VecDeque<Over>,
    last_request: RequestId,
}

impl Caller {
    /// Calls a service, and says under which number it will be [over](Self::next_over).
    pub fn call(
        &mut self,
        now: Time,
        service: NodeId,
        order: Order,
        timeout: Span,
        out: &mut Out,
    ) -> RequestId {
        self.last_request += 1;
        let id = self.last_request;
        self.open.insert(id, Open { order: order.id, service, since: now, deadline: now + timeout });
        out.send(service, Message::Request(id, Request::Call(order)));
        id
    }

    /// How many calls are not over.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// Takes what reaches the caller.
    pub fn handle(&mut self, now: Time, input: &Input) {
        match input {
            Input::Message { message: Message::Reply(id, reply), .. } => {
                let answer = match reply {
                    Reply::Called { answer, .. } => *answer,
                    // Whoever answers something else is no service.
                    _ => Answer::Unreachable,
                };
                self.close(now, answer, |open_id, _| open_id == *id);
            }
            Input::HangUp { peer } => self.close(now, Answer::Unreachable, |_, open| open.service == *peer),
            Input::Wake => self.close(now, Answer::TimedOut, |_, open| open.deadline <= now),
            Input::Message { .. } => {}
        }
    }

    fn close(&mut self, now: Time, answer: Answer, ends: impl Fn(RequestId, &Open) -> bool) {
        let over = &mut self.over;
        self.open.retain(|&id, open| {
            let stays = !ends(id, open);
            if !stays {
                over.push_back(Over { id, order: open.order, answer, waited: now.since(open.since) });
            }
            stays
        });
    }

    /// The next call that is over, in the order of their ends; each is told once.
    pub fn next_over(&mut self) -> Option<Over> {
        self.over.pop_front()
    }

    /// When the caller wants to be woken.
    pub fn next_wakeup(&self) -> Option<Time> {
        self.open.values().map(|open| open.deadline).min()
    }
}
