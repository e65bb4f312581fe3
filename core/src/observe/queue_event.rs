//! What happens around queues, besides that messages come, are delivered and go? Facts about routing, dying, waiting,
//! failing, and about transactions.

use alloc::vec::Vec;
use core::fmt;

use serde::Serialize;

use super::event::Place;
use super::messages::named;
use super::refusal::Refusal;
use crate::ids::{MessageId, Name, NodeId};
use crate::message::DeathReason;
use crate::routing::ExchangeName;
use crate::time::Span;
use crate::vhost::{Alarm, Decision};

/// A fact about a queue, an exchange, or who uses them.
///
/// ```
/// use mqlab_core::ids::{MessageId, Name};
/// use mqlab_core::message::DeathReason;
/// use mqlab_core::observe::QueueEvent;
/// let died = QueueEvent::Died { queue: Name::new("q")?, message: MessageId(7), reason: DeathReason::Expired };
/// assert_eq!(died.to_string(), "took m7 out of q: expired");
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
#[non_exhaustive]
pub enum QueueEvent {
    /// A message fits no queue of its exchange.
    Unroutable {
        /// The exchange.
        exchange: ExchangeName,
        /// Which.
        message: MessageId,
        /// Whether it goes back to its producer; else it is dropped.
        returned: bool,
    },
    /// A producer has a message back that fits no queue: it was told so, and does not send it again.
    Returned {
        /// The exchange.
        exchange: ExchangeName,
        /// Which.
        message: MessageId,
    },
    /// A message left its queue without having been consumed.
    Died {
        /// Which queue.
        queue: Name,
        /// Which.
        message: MessageId,
        /// Why.
        reason: DeathReason,
    },
    /// A message that waited for a moment is ready.
    Due {
        /// In which queue.
        queue: Name,
        /// Which.
        message: MessageId,
    },
    /// A queue serves this consumer alone from now on.
    Activated {
        /// The queue.
        queue: Name,
        /// Whom.
        consumer: NodeId,
    },
    /// A queue was removed: nobody used it any more.
    Removed {
        /// Which.
        queue: Name,
    },
    /// A broker asks its producers to wait.
    Blocked {
        /// Why.
        alarm: Alarm,
    },
    /// They may go on.
    Unblocked {
        /// What is over.
        alarm: Alarm,
    },
    /// A consumer's program could not do what a message asks.
    Failed {
        /// Where the message came from.
        from: Place,
        /// Which.
        message: MessageId,
    },
    /// A consumer knows a message already, and does not do it again.
    Recognised {
        /// Where it came from.
        from: Place,
        /// Which.
        message: MessageId,
    },
    /// A consumer, or a broker, has no room for more messages, and dies of it.
    OutOfMemory {
        /// How many it held.
        held: u32,
    },
    /// A consumer's word about a delivery came too late, or was wrong: nothing was settled by it.
    NotSettled {
        /// The queue that it named.
        queue: Name,
        /// Whose word.
        by: NodeId,
        /// Why not.
        why: Refusal,
    },
    /// A client was refused what can never be, or waited for as long as it may, and does not ask again.
    GaveUp {
        /// The message that it wanted stored; none when it wanted to subscribe.
        message: Option<MessageId>,
        /// Why.
        why: Refusal,
    },
    /// A broker cannot go on, and stops.
    Halted {
        /// Why, as a client would be told.
        why: Refusal,
    },
    /// A half message is kept, and seen by nobody yet.
    HalfStored {
        /// Which.
        message: MessageId,
    },
    /// A broker asks a producer what became of its transaction.
    CheckedBack {
        /// Of which message.
        message: MessageId,
        /// How often it was asked, this time counted.
        check: u32,
    },
    /// A half message was decided.
    HalfDecided {
        /// Which.
        message: MessageId,
        /// How.
        decision: Decision,
    },
    /// A producer's own transaction ended.
    OwnTransaction {
        /// Which message belongs to it.
        message: MessageId,
        /// Whether it was committed.
        committed: bool,
    },
    /// A broker keeps a message back until the client commits its transaction.
    HeldBack {
        /// Which.
        message: MessageId,
        /// Whose transaction.
        by: NodeId,
    },
    /// A broker committed a client's transaction: all of it took effect at this moment.
    TransactionCommitted {
        /// Whose.
        by: NodeId,
        /// What was acknowledged in it, and in which queue.
        done: Vec<(Name, MessageId)>,
        /// What was published in it.
        sent: Vec<MessageId>,
    },
    /// A broker forgot a client's transaction: nothing of it took effect.
    TransactionRolledBack {
        /// Whose.
        by: NodeId,
        /// The messages that were published in it.
        messages: Vec<MessageId>,
        /// Whether the client asked for it; else it is gone, or began anew.
        asked: bool,
    },
    /// A client lost its broker in the middle of its transaction for a message.
    TransactionLost {
        /// The message.
        message: MessageId,
        /// Whether it had asked for the commit: then it does not know how it ended. Else it was rolled back.
        unknown: bool,
    },
    /// A producer heard that a consumer has really done what a message asked, and forgets it.
    Forgotten {
        /// Which.
        message: MessageId,
    },
    /// An answer came in time for its request.
    Answered {
        /// The answer.
        answer: MessageId,
        /// The request.
        request: MessageId,
        /// So long after it was sent.
        after: Span,
    },
    /// An answer came for which nobody waits any more, and is thrown away.
    AnswerLate {
        /// The answer.
        answer: MessageId,
    },
    /// Whoever asked waits for the answer no longer.
    GaveUpWaiting {
        /// The request.
        request: MessageId,
        /// How long it waited.
        after: Span,
    },
    /// A broker reads no more from a client: it is so far ahead of the queues that its credit is spent.
    InFlow {
        /// Whom it does not read.
        client: NodeId,
        /// How many messages wait in the broker's mailboxes, of whoever.
        waiting: u64,
    },
    /// It reads on: queues took in enough of what the client sent.
    OutOfFlow {
        /// Whom it reads again.
        client: NodeId,
        /// How many messages wait in the broker's mailboxes, of whoever.
        waiting: u64,
    },
    /// A broker that died had these messages in a mailbox: no queue had taken them, and nobody was told that they are
    /// stored.
    MailboxLost {
        /// For which queue or exchange.
        to: Place,
        /// Which.
        messages: Vec<MessageId>,
    },
    /// Somebody removed a queue, and what was in it went with it.
    Dropped {
        /// Which queue.
        queue: Name,
        /// What was in it, with consumers or not.
        messages: Vec<MessageId>,
    },
}

impl QueueEvent {
    /// The message that it is about; of a transaction that ended, the first that was published in it.
    pub fn message(&self) -> Option<&MessageId> {
        match self {
            Self::Unroutable { message, .. }
            | Self::Returned { message, .. }
            | Self::Died { message, .. }
            | Self::Due { message, .. }
            | Self::Failed { message, .. }
            | Self::Recognised { message, .. }
            | Self::HalfStored { message }
            | Self::CheckedBack { message, .. }
            | Self::HalfDecided { message, .. }
            | Self::OwnTransaction { message, .. }
            | Self::HeldBack { message, .. }
            | Self::TransactionLost { message, .. }
            | Self::Forgotten { message }
            | Self::Answered { answer: message, .. }
            | Self::AnswerLate { answer: message }
            | Self::GaveUpWaiting { request: message, .. } => Some(message),
            Self::TransactionCommitted { sent: messages, .. }
            | Self::TransactionRolledBack { messages, .. } => messages.first(),
            Self::GaveUp { message, .. } => message.as_ref(),
            Self::Activated { .. }
            | Self::Removed { .. }
            | Self::Blocked { .. }
            | Self::Unblocked { .. }
            | Self::OutOfMemory { .. }
            | Self::NotSettled { .. }
            | Self::Halted { .. }
            | Self::InFlow { .. }
            | Self::OutOfFlow { .. }
            | Self::MailboxLost { .. }
            | Self::Dropped { .. } => None,
        }
    }

    /// Whether it marks a turn in the run, as a time axis shows it.
    pub fn is_landmark(&self) -> bool {
        matches!(
            self,
            Self::OutOfMemory { .. }
                | Self::Halted { .. }
                | Self::Blocked { .. }
                | Self::Activated { .. }
                | Self::Dropped { .. }
                | Self::CheckedBack { .. }
                | Self::InFlow { .. }
        )
    }
}

impl fmt::Display for QueueEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unroutable { exchange, message, returned } => {
                let what = if *returned { "returned" } else { "dropped" };
                write!(f, "{what} {message}: it fits no queue of exchange {exchange}")
            }
            Self::Returned { exchange, message } => {
                write!(f, "has {message} back: it fits no queue of exchange {exchange}")
            }
            Self::Died { queue, message, reason } => {
                write!(f, "took {message} out of {queue}: {}", reason.as_str())
            }
            Self::Due { queue, message } => write!(f, "{message} is due in {queue}"),
            Self::Activated { queue, consumer } => write!(f, "{queue} serves {consumer} alone"),
            Self::Removed { queue } => write!(f, "removed {queue}, which nobody used"),
            Self::Blocked { alarm } => write!(f, "asked its producers to wait: {alarm} alarm"),
            Self::Unblocked { alarm } => write!(f, "let its producers go on: {alarm} alarm over"),
            Self::Failed { from, message } => write!(f, "failed at {message} from {from}"),
            Self::Recognised { from, message } => {
                write!(f, "recognised {message} from {from}, and did not do it again")
            }
            Self::OutOfMemory { held } => write!(f, "ran out of memory with {held} messages"),
            Self::NotSettled { queue, by, why } => {
                write!(f, "settled nothing in {queue} for {by}: {why}")
            }
            Self::GaveUp { message: Some(message), why } => write!(f, "gave {message} up: {why}"),
            Self::GaveUp { message: None, why } => write!(f, "gave up subscribing: {why}"),
            Self::Halted { why } => write!(f, "stopped: {why}"),
            Self::HalfStored { message } => write!(f, "stored half of {message}"),
            Self::CheckedBack { message, check } => {
                write!(f, "asked what became of {message}, check {check}")
            }
            Self::HalfDecided { message, decision } => {
                let decision = match decision {
                    Decision::Commit => "commit",
                    Decision::Rollback => "rollback",
                    Decision::Unknown => "unknown",
                };
                write!(f, "was told of {message}: {decision}")
            }
            Self::OwnTransaction { message, committed: true } => {
                write!(f, "committed its own transaction of {message}")
            }
            Self::OwnTransaction { message, committed: false } => {
                write!(f, "rolled its own transaction of {message} back")
            }
            Self::HeldBack { message, by } => write!(f, "keeps {message} back until {by} commits"),
            Self::TransactionCommitted { by, done, sent } => {
                let done: Vec<MessageId> = done.iter().map(|(_, message)| *message).collect();
                write!(f, "committed for {by}: {} done, {} sent", named(&done), named(sent))
            }
            Self::TransactionRolledBack { by, messages, asked: true } => {
                write!(f, "rolled back for {by}, as it asked: {} never sent", named(messages))
            }
            Self::TransactionRolledBack { by, messages, asked: false } => {
                write!(f, "rolled back what {by} left unfinished: {} never sent", named(messages))
            }
            Self::TransactionLost { message, unknown: true } => {
                write!(f, "does not know whether its transaction for {message} was committed")
            }
            Self::TransactionLost { message, unknown: false } => {
                write!(f, "lost its broker in its transaction for {message}: it is rolled back")
            }
            Self::Forgotten { message } => write!(f, "heard that {message} is done, and forgot it"),
            Self::Answered { answer, request, after } => {
                write!(f, "has {answer}, the answer to {request}, after {after}")
            }
            Self::AnswerLate { answer } => write!(f, "has {answer}, an answer that nobody waits for"),
            Self::GaveUpWaiting { request, after } => {
                write!(f, "waits no longer for an answer to {request}, after {after}")
            }
            Self::InFlow { client, waiting } => {
                write!(f, "reads no more from {client}, in flow: {waiting} in the mailbox")
            }
            Self::OutOfFlow { client, waiting } => {
                write!(f, "reads on from {client}, out of flow: {waiting} in the mailbox")
            }
            Self::MailboxLost { to, messages } => {
                write!(f, "lost {} messages in the mailbox of {to}, none of them confirmed", messages.len())
            }
            Self::Dropped { queue, messages } => {
                write!(f, "removed {queue}, as it was told to, and in it {}", named(messages))
            }
        }
    }
}
