//! How do several clients live behind one address? The numbers of their requests carry a mark.
//!
//! ```text
//!   client 0  asks with 1, 2, 3 ...  ─┐  the mark stands              ┌─▶ reply 2:1: client 2, its request 1
//!   client 1  asks with 1, 2, 3 ...  ─┼─ above the number ─────▶ ... ─┤
//!   client 2  asks with 1, 2, 3 ...  ─┘                               └─▶ delivery of 1:3: client 1, its subscription 3
//! ```
//!
//! Each client counts its own requests. The number that travels also says whose it is, so a reply finds its way back,
//! and so does what is delivered to a subscription: that has the number of the request that it began with.
//! Real programs have a connection for each client instead.

use crate::broker::{Delivery, Input, Message, Out, RequestId};

/// Marks stand above this bit of a request's number; no client counts so far.
const MARK_BIT: u32 = 48;

/// Lets a client act, and marks the requests that it makes as its own. Mark 0 is the first client's: no mark.
pub(super) fn marked<T>(mark: u16, out: &mut Out, act: impl FnOnce(&mut Out) -> T) -> T {
    let before = out.sends.len();
    let acted = act(out);
    for envelope in &mut out.sends[before..] {
        match &mut envelope.message {
            Message::Request(id, _)
            | Message::Settle { session: id, .. }
            | Message::Credit { session: id, .. }
            | Message::Window { session: id, .. } => *id |= RequestId::from(mark) << MARK_BIT,
            _ => {}
        }
    }
    acted
}

/// What an input is for the client with a mark: a reply only for the one that asked, a delivery only for the one that
/// subscribed, all else for everybody.
pub(super) fn for_mark(mark: u16, input: &Input) -> Option<Input> {
    let own = |id: RequestId| id >> MARK_BIT == RequestId::from(mark);
    let unmarked = |id: RequestId| id & ((1 << MARK_BIT) - 1);
    match input {
        Input::Message { message: Message::Reply(id, _), .. } if !own(*id) => None,
        Input::Message { message: Message::Deliver(delivery), .. } if !own(delivery.session) => None,
        Input::Message { from, message: Message::Reply(id, reply) } => {
            Some(Input::Message { from: *from, message: Message::Reply(unmarked(*id), reply.clone()) })
        }
        Input::Message { from, message: Message::Deliver(delivery) } => {
            let delivery = Delivery { session: unmarked(delivery.session), ..delivery.clone() };
            Some(Input::Message { from: *from, message: Message::Deliver(delivery) })
        }
        other => Some(other.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::{Reply, Request, Settlement};
    use crate::ids::{Name, NodeId, Offset};
    use alloc::vec;

    #[test]
    fn a_reply_finds_the_client_that_asked() {
        let mut out = Out::default();
        let broker = NodeId::Broker(1);
        marked(3, &mut out, |out| out.send(broker, Message::Request(7, Request::Metadata)));
        let Message::Request(id, _) = out.sends[0].message else { panic!("a request") };
        let reply = Input::Message { from: broker, message: Message::Reply(id, Reply::Pong) };
        assert!(for_mark(0, &reply).is_none() && for_mark(2, &reply).is_none());
        let own = for_mark(3, &reply);
        assert!(matches!(own, Some(Input::Message { message: Message::Reply(7, _), .. })), "{own:?}");
        assert!((0..3).all(|mark| for_mark(mark, &Input::Wake).is_some()));
    }

    #[test]
    fn a_delivery_finds_the_client_that_subscribed_and_so_does_the_word_about_it() {
        let (broker, queue) = (NodeId::Broker(1), Name::new("q").expect("a legal name"));
        let delivery = |session| Delivery {
            queue: queue.clone(),
            session,
            tag: 1,
            offset: Offset(0),
            delivery: 1,
            message: crate::message::Message::default(),
        };
        let mut out = Out::default();
        let (tags, how) = (vec![1], Settlement::Done);
        marked(2, &mut out, |out| {
            out.send(broker, Message::Settle { queue: queue.clone(), session: 5, tags, how });
        });
        let Message::Settle { session, .. } = out.sends[0].message else { panic!("its word") };
        let input = Input::Message { from: broker, message: Message::Deliver(delivery(session)) };
        assert!(for_mark(0, &input).is_none());
        let Some(Input::Message { message: Message::Deliver(own), .. }) = for_mark(2, &input) else {
            panic!("its own")
        };
        assert_eq!(own.session, 5);
    }
}
