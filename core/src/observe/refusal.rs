//! Why not? What a client is told that asked for something, and whether asking again can help.
//!
//! ```text
//!   will pass by itself       another broker leads, no answer, full, blocked, in use       ask again later
//!   will never be possible    denied, declared otherwise, invalid, fenced, unsupported    give up, and say so
//! ```
//!
//! A client that asks again and again for what can never be does harm in silence: whatever waits behind it in the same
//! line waits for ever. So each refusal says of which sort it is.
//!
//! Sources: AMQP 0-9-1 "Constants" (reply codes); Kafka `Errors` (which of its errors are retriable).

use core::fmt;

use serde::Serialize;

use crate::message::BadMessage;
use crate::queue::QueueError;
use crate::routing::RouteError;
use crate::vhost::VhostError;

/// Why a broker did not do what it was asked, as a client may be told.
///
/// ```
/// use mqlab_core::observe::Refusal;
/// use mqlab_core::routing::RouteError;
/// use mqlab_core::vhost::VhostError;
/// let internal = VhostError::<()>::Route(RouteError::Internal("audit".parse()?));
/// let why = Refusal::from(&internal);
/// assert_eq!((why, why.code(), why.is_final()), (Refusal::Denied, Some(403), true));
/// assert!(!Refusal::Full.is_final());
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Refusal {
    /// Another broker leads the partition, or none does. Ask for the metadata anew.
    NotLeader,
    /// There is no such topic, partition, queue or exchange on this broker. Ask for the metadata anew: it may be
    /// elsewhere, or be declared later.
    Unknown,
    /// Too few replicas are in sync for what the producer asked; nothing was written.
    NotEnoughReplicas,
    /// The offset is not in the log.
    OffsetOutOfRange,
    /// The group does not know this member, or gave its partition to another.
    NotAMember,
    /// The request comes from an earlier epoch.
    Stale,
    /// Nobody answered in time, or the connection broke.
    NoAnswer,
    /// The broker's disk failed.
    Storage,
    /// A queue is full and refuses more.
    Full,
    /// A queue is full, or an alarm is on: wait, and try again.
    Blocked,
    /// Somebody has it for himself: a subscription that is not shared has its consumer. Try again later.
    InUse,
    /// The broker retains as many last values as it may. Try again later, or without.
    RetainedFull,
    /// The delivery was settled, or taken back: there is nothing to settle any more.
    UnknownDelivery,
    /// Parts of a transaction are missing, or there are others: it is not committed. Roll back, and begin anew.
    Incomplete,
    /// It is not for clients: the exchange is internal, or the name is the broker's own.
    Denied,
    /// It is there with other options.
    Different,
    /// It cannot be so: a key, a header, an option, a selector. Nothing but another request helps.
    Invalid,
    /// The message has more bytes than can be stored.
    TooLarge,
    /// This node does not do that at all.
    Unsupported,
    /// A producer's batch does not follow its last one: an earlier one is missing. Send that first.
    OutOfSequence,
    /// The producer has begun anew since: this is of an earlier epoch of it.
    ProducerEpoch,
    /// The producer waited for an answer as long as it may: it does not know whether the message is stored.
    Overdue,
    /// The group is being dealt anew: join again.
    Rebalancing,
    /// The group has been dealt anew since: whoever says so is late.
    IllegalGeneration,
    /// Somebody else came with the same instance id.
    FencedInstance,
    /// The members of the group speak another protocol, or have no assignor in common with this one.
    InconsistentProtocol,
    /// The leader has written it, and then too few replicas were in sync: it is there, and less safe than was asked for.
    /// Who sends it again may store it twice.
    NotEnoughReplicasAfterAppend,
    /// That controller is not the active one: ask another.
    NotController,
    /// The last transaction of this name is still being ended. Try again soon.
    ConcurrentTransactions,
    /// The transaction is not in a state for this: there is none, or it ends the other way.
    InvalidTransaction,
    /// Somebody else took over under this transactional id: this producer has nothing to say any more.
    ProducerFenced,
    /// The transaction took too long, and the coordinator aborted it: begin another.
    TransactionTimedOut,
    /// The coordinator of transactions that says so has been replaced since.
    CoordinatorFenced,
    /// The coordinator of transactions has just begun, and does not know yet how they stand. Try again soon.
    CoordinatorLoading,
}

impl Refusal {
    /// Whether the same request will be refused for ever, so that asking again is in vain.
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Denied
                | Self::Different
                | Self::FencedInstance
                | Self::InconsistentProtocol
                | Self::Invalid
                | Self::ProducerFenced
                | Self::TooLarge
                | Self::Unsupported
        )
    }

    /// AMQP's reply code, where it has one.
    pub const fn code(self) -> Option<u16> {
        Some(match self {
            Self::TooLarge => 311,
            Self::Denied => 403,
            Self::Unknown => 404,
            Self::InUse => 405,
            Self::UnknownDelivery | Self::Incomplete | Self::Different => 406,
            Self::Invalid => 502,
            Self::Full | Self::Blocked | Self::RetainedFull => 506,
            Self::Unsupported => 540,
            Self::Storage => 541,
            _ => return None,
        })
    }
}

impl<E> From<&VhostError<E>> for Refusal {
    /// What a client is told of an error of the host's.
    fn from(error: &VhostError<E>) -> Self {
        match error {
            VhostError::Route(error) => error.into(),
            VhostError::NoQueue(_) => Self::Unknown,
            // A client without channel or consumer must begin anew; so must who decides what is not there.
            VhostError::NoChannel | VhostError::NoConsumer | VhostError::NoHalf(_) => Self::NotAMember,
            VhostError::Different(_) => Self::Different,
            VhostError::UnknownDelivery(_) => Self::UnknownDelivery,
            VhostError::InUse(_) => Self::InUse,
            VhostError::Blocked => Self::Blocked,
            VhostError::RetainedFull => Self::RetainedFull,
            VhostError::TooLarge(_) => Self::TooLarge,
            VhostError::BadOptions(_) | VhostError::BadName(_) | VhostError::Mode | VhostError::Nameless => {
                Self::Invalid
            }
            VhostError::Queue(error) => error.into(),
            VhostError::Definitions(_) => Self::Storage,
        }
    }
}

impl<E> From<&QueueError<E>> for Refusal {
    fn from(error: &QueueError<E>) -> Self {
        match error {
            QueueError::Full => Self::Full,
            QueueError::Blocked => Self::Blocked,
            QueueError::BadMessage(BadMessage::TooLarge(_)) => Self::TooLarge,
            QueueError::BadMessage(_) => Self::Invalid,
            QueueError::UnknownTag(_)
            | QueueError::Gone(_)
            | QueueError::DeliveredAgain(_)
            | QueueError::NotOut(_) => Self::UnknownDelivery,
            QueueError::UnknownConsumer => Self::NotAMember,
            QueueError::Missing(_) | QueueError::Log(_) => Self::Storage,
        }
    }
}

impl From<&RouteError> for Refusal {
    fn from(error: &RouteError) -> Self {
        match error {
            RouteError::NoExchange(_) | RouteError::NoQueue(_) => Self::Unknown,
            RouteError::DefaultExchange
            | RouteError::Reserved(_)
            | RouteError::Internal(_)
            | RouteError::NoBindings(_) => Self::Denied,
            RouteError::Different(_) => Self::Different,
            RouteError::BadMatch(_)
            | RouteError::BadWeight(_)
            | RouteError::TooManyBuckets
            | RouteError::TooManyWildcards(_)
            | RouteError::KeyTooLong(_) => Self::Invalid,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotLeader => "not the leader",
            Self::Unknown => "unknown",
            Self::NotEnoughReplicas => "not enough replicas in sync",
            Self::NotEnoughReplicasAfterAppend => "not enough replicas in sync after the append",
            Self::OffsetOutOfRange => "offset out of range",
            Self::NotAMember => "not a member",
            Self::Rebalancing => "rebalance in progress",
            Self::IllegalGeneration => "illegal generation",
            Self::FencedInstance => "fenced instance id",
            Self::InconsistentProtocol => "inconsistent group protocol",
            Self::Stale => "stale epoch",
            Self::OutOfSequence => "out of sequence",
            Self::ProducerEpoch => "an earlier epoch of the producer",
            Self::ConcurrentTransactions => "the last transaction is still being ended",
            Self::InvalidTransaction => "not in the state for this",
            Self::ProducerFenced => "producer fenced",
            Self::TransactionTimedOut => "transaction timed out",
            Self::CoordinatorFenced => "fenced coordinator",
            Self::CoordinatorLoading => "coordinator loading",
            Self::Overdue => "not acknowledged in time",
            Self::NoAnswer => "no answer",
            Self::Storage => "storage failed",
            Self::Full => "queue full",
            Self::Blocked => "blocked",
            Self::InUse => "in use",
            Self::RetainedFull => "too many retained values",
            Self::UnknownDelivery => "unknown delivery",
            Self::Incomplete => "transaction incomplete",
            Self::Denied => "access refused",
            Self::Different => "declared with other options",
            Self::Invalid => "invalid",
            Self::TooLarge => "too large",
            Self::Unsupported => "not supported",
            Self::NotController => "not the active controller",
        })
    }
}
