//! How does a program that has one client get a second one behind the same address? The second one's requests carry a
//! mark in their numbers, and so do the replies to them.
//!
//! Real programs have a connection for each client instead. A service, which has many, counts lanes: see `clients.rs`.

use crate::broker::{Input, Message, Out, RequestId};

/// Marks stand above this bit of a request's number; no client counts so far.
const MARK_BIT: u32 = 48;

/// Lets a client act, and marks the requests that it makes as its own. Mark 0 is the first client's: no mark.
pub(super) fn marked<T>(mark: u16, out: &mut Out, act: impl FnOnce(&mut Out) -> T) -> T {
    let before = out.sends.len();
    let acted = act(out);
    for envelope in &mut out.sends[before..] {
        if let Message::Request(id, _) = &mut envelope.message {
            *id |= RequestId::from(mark) << MARK_BIT;
        }
    }
    acted
}

/// What an input is for the client with a mark: a reply only for the one that asked, all else for everybody.
pub(super) fn for_mark(mark: u16, input: &Input) -> Option<Input> {
    match input {
        Input::Message { from, message: Message::Reply(id, reply) } => {
            (id >> MARK_BIT == RequestId::from(mark)).then(|| {
                let id = id & ((1 << MARK_BIT) - 1);
                Input::Message { from: *from, message: Message::Reply(id, reply.clone()) }
            })
        }
        other => Some(other.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::{Reply, Request};
    use crate::ids::NodeId;

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
}
