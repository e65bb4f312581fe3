//! What happens only in Pulsar? A broker takes a topic and lets it go, ledgers begin and end, bookies shut writers out, and
//! subscriptions are more than a place in a log.
//! What becomes of messages is said as of every other system: appended (by a bookie, to a ledger), committed (a ledger's
//! last add confirmed), delivered and put back (by a subscription).

use alloc::vec::Vec;
use core::fmt;

use serde::Serialize;

use super::compaction_event::CompactionEvent;
use super::event::list;
use super::messages::named;
use super::recovery_event::RecoveryEvent;
use super::turn::Turn;
use crate::ids::{MessageId, Name, NodeId, PartitionId};
use crate::time::{Span, Time};

/// What facts call the place of a ledger's entries.
pub const LEDGER: &str = "ledger";

/// Where the entries of a ledger stand, as facts name it; an entry's number is its offset there.
///
/// ```
/// use mqlab_core::observe::ledger_place;
/// assert_eq!(ledger_place(7).to_string(), "ledger/7");
/// ```
///
/// # Panics
///
/// Never: the name is a legal one.
pub fn ledger_place(ledger: u64) -> PartitionId {
    let topic = Name::new(LEDGER).expect("a legal name");
    PartitionId { topic, index: u32::try_from(ledger).unwrap_or(u32::MAX) }
}

/// Whether a place is a ledger.
pub(super) fn is_ledger(place: &PartitionId) -> bool {
    place.topic.as_str() == LEDGER
}

/// A fact of Pulsar's.
///
/// ```
/// use mqlab_core::ids::NodeId::Bookie;
/// use mqlab_core::observe::PulsarEvent;
/// let event = PulsarEvent::LedgerChanged { ledger: 7, first: 4, bookies: vec![Bookie(1), Bookie(3)] };
/// assert_eq!(event.to_string(), "spreads ledger 7 from entry 4 on over bookie-1,bookie-3");
/// assert!(event.is_landmark());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
#[non_exhaustive]
pub enum PulsarEvent {
    /// A broker wrote itself down as the owner of a topic.
    Owns {
        /// Which; a topic that is not partitioned is its partition 0.
        partition: PartitionId,
    },
    /// A broker has opened a topic: it takes and delivers.
    Opened {
        /// Which.
        partition: PartitionId,
        /// How many entries it has.
        entries: u64,
    },
    /// A broker serves a topic no more: another has it, or may have it.
    LetGo {
        /// Which.
        partition: PartitionId,
    },
    /// A new owner ends a ledger that the one before left open: its writer is shut out first.
    Recovers {
        /// Of which topic.
        partition: PartitionId,
        /// Which ledger.
        ledger: u64,
    },
    /// A broker found out that another has shut it out of a ledger.
    ShutOut {
        /// Of which topic.
        partition: PartitionId,
        /// Which ledger.
        ledger: u64,
    },
    /// A broker began a ledger.
    LedgerBegan {
        /// Of which topic.
        partition: PartitionId,
        /// Its number.
        ledger: u64,
        /// Its ensemble.
        bookies: Vec<NodeId>,
    },
    /// A bookie of the ensemble has failed: another is in its place.
    LedgerChanged {
        /// Which ledger.
        ledger: u64,
        /// From which entry on.
        first: u64,
        /// The ensemble from there on.
        bookies: Vec<NodeId>,
    },
    /// A ledger is closed for ever.
    LedgerClosed {
        /// Of which topic.
        partition: PartitionId,
        /// Which.
        ledger: u64,
        /// How many entries it has.
        entries: u64,
    },
    /// A ledger goes: nobody needs it any more.
    LedgerDropped {
        /// Of which topic.
        partition: PartitionId,
        /// Which.
        ledger: u64,
    },
    /// A broker gave an entry to bookies.
    Added {
        /// Of which topic.
        partition: PartitionId,
        /// To which ledger.
        ledger: u64,
        /// As which entry.
        entry: u64,
        /// Its messages.
        messages: Vec<MessageId>,
        /// Its write set.
        bookies: Vec<NodeId>,
    },
    /// A bookie takes no more from the writer of a ledger.
    Fenced {
        /// Which.
        ledger: u64,
        /// Who asked for it.
        by: NodeId,
    },
    /// A bookie refused an entry, because the ledger is fenced.
    FencedOff {
        /// Which ledger.
        ledger: u64,
        /// Whom it refused.
        writer: NodeId,
        /// What was in the entry.
        messages: Vec<MessageId>,
    },
    /// The metadata store has not heard a broker for a session: what it owned is anybody's.
    SessionOver {
        /// Whom.
        node: NodeId,
    },
    /// A consumer has its place in a subscription.
    Subscribed {
        /// Of which topic.
        partition: PartitionId,
        /// Which.
        subscription: Name,
        /// Who.
        consumer: NodeId,
    },
    /// A consumer was refused: the subscription has its only one, is of another type, or has no keys for it.
    Busy {
        /// Of which topic.
        partition: PartitionId,
        /// Which.
        subscription: Name,
        /// Who.
        consumer: NodeId,
    },
    /// One consumer of a failover subscription gets the messages from now on.
    Active {
        /// Of which topic.
        partition: PartitionId,
        /// Which.
        subscription: Name,
        /// Who.
        consumer: NodeId,
    },
    /// Messages wait: who has their key takes nothing now, or another still has some of it in hand.
    KeyWaits {
        /// Which subscription.
        subscription: Name,
        /// Which messages.
        messages: Vec<MessageId>,
    },
    /// Messages are not acknowledged, and count as if they were: they lived too long.
    Expired {
        /// Which subscription.
        subscription: Name,
        /// Which.
        messages: Vec<MessageId>,
    },
    /// The same, because the subscription's backlog was over its quota.
    Evicted {
        /// Which subscription.
        subscription: Name,
        /// Which.
        messages: Vec<MessageId>,
    },
    /// The slowest subscription of a topic is too far behind; or it is so no more.
    Quota {
        /// Of which topic.
        partition: PartitionId,
        /// Whether it is.
        over: bool,
    },
    /// A consumer's program did not acknowledge messages in time: its client asks for them again.
    AckOverdue {
        /// Which subscription.
        subscription: Name,
        /// Which messages.
        messages: Vec<MessageId>,
    },
    /// A consumer's program wants a message later: it goes through the retry topic.
    Later {
        /// Which message.
        message: MessageId,
        /// To where.
        to: Name,
        /// How often, this time included.
        times: u32,
        /// How long it waits there.
        delay: Span,
    },
    /// Messages failed too often: they stand in the dead-letter topic now, and are acknowledged where they were.
    Buried {
        /// Which.
        messages: Vec<MessageId>,
        /// Where.
        to: Name,
    },
    /// Messages wait for the moment that their sender named.
    Delayed {
        /// Which subscription.
        subscription: Name,
        /// Which.
        messages: Vec<MessageId>,
        /// Until when.
        until: Time,
    },
    /// A producer sent messages again that are stored: they are not stored twice.
    Known {
        /// Of which topic.
        partition: PartitionId,
        /// Which.
        messages: Vec<MessageId>,
    },
    /// Nobody was ready for messages of a topic that keeps none.
    Missed {
        /// Which subscription.
        subscription: Name,
        /// Which.
        messages: Vec<MessageId>,
    },
    /// A consumer's client dropped messages that were sent before it asked for everything again: they come once more.
    Outdated {
        /// Which subscription.
        subscription: Name,
        /// Which.
        messages: Vec<MessageId>,
        /// How often it has asked for everything again.
        epoch: u64,
    },
    /// Messages of a topic have arrived in another cluster, too.
    Replicated {
        /// Of which topic here.
        partition: PartitionId,
        /// Where.
        there: Name,
        /// Which.
        messages: Vec<MessageId>,
    },
    /// An object store has all entries of a ledger: readers are sent there.
    Offloaded {
        /// Of which topic.
        partition: PartitionId,
        /// Which ledger.
        ledger: u64,
        /// How many entries it has.
        entries: u64,
        /// The object store.
        to: NodeId,
    },
    /// Bookies need not keep a ledger any more: an object store has it.
    LeftBookies {
        /// Of which topic.
        partition: PartitionId,
        /// Which ledger.
        ledger: u64,
    },
    /// A bookie deleted its copies of a ledger that an object store has.
    Moved {
        /// Which ledger.
        ledger: u64,
        /// What of it the bookie had.
        messages: Vec<MessageId>,
    },
    /// Something where a topic is compacted.
    Compaction(CompactionEvent),
    /// Something where bookies copy what one that is gone had.
    Recovery(RecoveryEvent),
    /// Another cluster will never have these messages: with the header that says where they come from they are too large.
    TooLarge {
        /// Of which topic here.
        partition: PartitionId,
        /// Where.
        there: Name,
        /// Which.
        messages: Vec<MessageId>,
    },
}

impl PulsarEvent {
    /// The messages that it is about.
    pub fn messages(&self) -> &[MessageId] {
        match self {
            Self::Added { messages, .. }
            | Self::FencedOff { messages, .. }
            | Self::KeyWaits { messages, .. }
            | Self::Expired { messages, .. }
            | Self::Evicted { messages, .. }
            | Self::AckOverdue { messages, .. }
            | Self::Buried { messages, .. }
            | Self::Delayed { messages, .. }
            | Self::Known { messages, .. }
            | Self::Missed { messages, .. }
            | Self::Outdated { messages, .. }
            | Self::Moved { messages, .. }
            | Self::TooLarge { messages, .. }
            | Self::Replicated { messages, .. } => messages,
            Self::Later { message, .. } => core::slice::from_ref(message),
            Self::Compaction(event) => event.messages(),
            _ => &[],
        }
    }

    /// Whether it changes what comes after it.
    pub fn is_landmark(&self) -> bool {
        match self {
            Self::Compaction(event) => return event.is_landmark(),
            Self::Recovery(event) => return event.is_landmark(),
            _ => {}
        }
        !matches!(
            self,
            Self::Added { .. }
                | Self::LedgerBegan { .. }
                | Self::LedgerDropped { .. }
                | Self::Subscribed { .. }
                | Self::Opened { .. }
                | Self::Later { .. }
                | Self::KeyWaits { .. }
                | Self::Delayed { .. }
                | Self::Missed { .. }
                | Self::Outdated { .. }
                | Self::Replicated { .. }
                | Self::Moved { .. }
                | Self::Owns { .. }
        )
    }

    /// What kind of turn it is, if it is one.
    pub(super) fn turn(&self) -> Turn {
        match self {
            Self::Recovers { .. } | Self::Active { .. } | Self::ShutOut { .. } | Self::LetGo { .. } => {
                Turn::Election
            }
            Self::Compaction(event) => event.turn(),
            Self::Recovery(event) => event.turn(),
            Self::AckOverdue { .. } => Turn::Redelivery,
            Self::Busy { .. } | Self::TooLarge { .. } => Turn::Refusal,
            Self::SessionOver { .. } | Self::Quota { over: true, .. } => Turn::Fault,
            _ => Turn::Change,
        }
    }

    /// Of what is not only here: what was sent before, what another cluster has, and what an object store has.
    fn fmt_elsewhere(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offloaded { partition, ledger, entries, to } => {
                write!(f, "offloaded ledger {ledger} of {partition}, {entries} entries, to {to}")
            }
            Self::LeftBookies { partition, ledger } => {
                write!(f, "lets bookies delete ledger {ledger} of {partition}: it is offloaded")
            }
            Self::Moved { ledger, messages } => {
                write!(f, "deleted its {} of ledger {ledger}: it is offloaded", named(messages))
            }
            Self::TooLarge { partition, there, messages } => {
                let messages = named(messages);
                write!(
                    f,
                    "keeps {messages} of {partition} from cluster {there}: too large with one header more"
                )
            }
            Self::Replicated { partition, there, messages } => {
                write!(f, "has got {} of {partition} to cluster {there}", named(messages))
            }
            Self::Outdated { subscription, messages, epoch } => {
                let messages = named(messages);
                write!(
                    f,
                    "drops {messages} of {subscription}, sent before it asked for all again: epoch {epoch}"
                )
            }
            _ => Ok(()), // told below
        }
    }
}

impl fmt::Display for PulsarEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owns { partition } => write!(f, "owns {partition} from now on"),
            Self::Opened { partition, entries } => {
                write!(f, "opened {partition}, which has {entries} entries")
            }
            Self::LetGo { partition } => write!(f, "let {partition} go"),
            Self::Recovers { partition, ledger } => {
                write!(f, "ends ledger {ledger} of {partition}, which its last owner left open")
            }
            Self::ShutOut { partition, ledger } => {
                write!(f, "is shut out of ledger {ledger} of {partition}: another owns the topic")
            }
            Self::LedgerBegan { partition, ledger, bookies } => {
                write!(f, "began ledger {ledger} of {partition} on {}", list(bookies))
            }
            Self::LedgerChanged { ledger, first, bookies } => {
                write!(f, "spreads ledger {ledger} from entry {first} on over {}", list(bookies))
            }
            Self::LedgerClosed { partition, ledger, entries } => {
                write!(f, "closed ledger {ledger} of {partition} with {entries} entries")
            }
            Self::LedgerDropped { partition, ledger } => {
                write!(f, "dropped ledger {ledger} of {partition}: everybody has it")
            }
            Self::Added { partition, ledger, entry, messages, bookies } => {
                let messages = named(messages);
                write!(f, "gave {messages} of {partition} as entry {ledger}:{entry} to {}", list(bookies))
            }
            Self::Fenced { ledger, by } => write!(f, "fenced ledger {ledger} for {by}"),
            Self::FencedOff { ledger, writer, messages } => {
                write!(f, "took no {} from {writer}: ledger {ledger} is fenced", named(messages))
            }
            Self::SessionOver { node } => write!(f, "has not heard {node} for a session"),
            Self::Subscribed { partition, subscription, consumer } => {
                write!(f, "has {consumer} in {subscription} of {partition}")
            }
            Self::Busy { partition, subscription, consumer } => {
                write!(f, "refused {consumer} a place in {subscription} of {partition}")
            }
            Self::Active { partition, subscription, consumer } => {
                write!(f, "made {consumer} the active one of {subscription} of {partition}")
            }
            Self::KeyWaits { subscription, messages } => {
                write!(f, "holds {} back in {subscription}: who has the key is not ready", named(messages))
            }
            Self::Expired { subscription, messages } => {
                write!(f, "let {} expire in {subscription}", named(messages))
            }
            Self::Evicted { subscription, messages } => {
                write!(f, "evicted {} from the backlog of {subscription}", named(messages))
            }
            Self::Quota { partition, over: true } => {
                write!(f, "found the backlog of {partition} over its quota")
            }
            Self::Quota { partition, over: false } => {
                write!(f, "found room in the backlog of {partition} again")
            }
            Self::AckOverdue { subscription, messages } => {
                write!(f, "asks {subscription} again for {}: not acknowledged in time", named(messages))
            }
            Self::Later { message, to, times, delay } => {
                write!(f, "wants {message} again in {delay}, by way of {to}, time {times}")
            }
            Self::Buried { messages, to } => {
                write!(f, "put {} among the dead letters of {to}", named(messages))
            }
            Self::Delayed { subscription, messages, until } => {
                write!(f, "keeps {} of {subscription} until {until}", named(messages))
            }
            Self::Known { partition, messages } => {
                write!(f, "has {} of {partition} already", named(messages))
            }
            Self::Missed { subscription, messages } => {
                write!(f, "had nobody for {} in {subscription}", named(messages))
            }
            Self::Compaction(event) => event.fmt(f),
            Self::Recovery(event) => event.fmt(f),
            Self::Outdated { .. }
            | Self::Replicated { .. }
            | Self::TooLarge { .. }
            | Self::Offloaded { .. }
            | Self::LeftBookies { .. }
            | Self::Moved { .. } => self.fmt_elsewhere(f),
        }
    }
}
