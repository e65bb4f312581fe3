//! How does a process know that an answer is not for its earlier life? The numbers of its requests carry which life it is.
//!
//! ```text
//!   life 1   asks with 1, 2, 3 ...   dies; nobody is told, for its machine lost power
//!   life 2   asks with 1, 2, 3 ...   and an answer to the first life's 2 arrives: it is passed over
//! ```
//!
//! Real programs have a connection for each life: what belongs to an earlier one meets a closed door. Here a link leads
//! from node to node, and a broker that was not told pushes on, and answers late, whoever lives there now. What a life
//! began, requests and subscriptions, has numbers of its own.

use crate::broker::{Delivery, Message, Request, RequestId, TransactionStep};

/// The number of the life stands above this bit of a request's number. Above it stand the marks of `beside.rs`.
const LIFE_BIT: u32 = 32;
/// So many bits has it.
const LIFE_MASK: RequestId = 0xffff << LIFE_BIT;

/// The first life has no mark of its own: most nodes live once.
fn life(incarnation: u64) -> RequestId {
    (incarnation.wrapping_sub(1) << LIFE_BIT) & LIFE_MASK
}

/// What a node sends, marked with its life.
pub(super) fn mark(incarnation: u64, message: &mut Message) {
    if let Message::Request(_, Request::Transaction { step: TransactionStep::Settle { session, .. }, .. }) =
        message
    {
        *session |= life(incarnation);
    }
    match message {
        Message::Request(id, _)
        | Message::Settle { session: id, .. }
        | Message::Credit { session: id, .. }
        | Message::Window { session: id, .. } => {
            *id |= life(incarnation);
        }
        _ => {}
    }
}

/// Whether what a node gets is for this life of it; then the mark is off.
pub(super) fn is_for(incarnation: u64, message: &mut Message) -> bool {
    match message {
        Message::Reply(id, _) | Message::Deliver(Delivery { session: id, .. }) => {
            if *id & LIFE_MASK != life(incarnation) {
                return false;
            }
            *id &= !LIFE_MASK;
        }
        _ => {}
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::Reply;

    #[test]
    fn an_answer_finds_the_life_that_asked() {
        let asked = |incarnation| {
            let mut message = Message::Request(7, Request::Metadata);
            mark(incarnation, &mut message);
            match message {
                Message::Request(id, _) => id,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(asked(1), 7, "most nodes live once");
        let answered = |incarnation, id| {
            let mut message = Message::Reply(id, Reply::Pong);
            is_for(incarnation, &mut message).then_some(message)
        };
        for (asker, hears) in [(1, 1), (2, 2), (9, 9)] {
            let own = answered(hears, asked(asker));
            assert!(matches!(own, Some(Message::Reply(7, Reply::Pong))), "{own:?}");
            assert!(answered(hears + 1, asked(asker)).is_none());
        }
    }
}
