//! What can a virtual host refuse? Each reason with the number that AMQP has for it.

use alloc::string::String;
use core::fmt;

use super::{DEFINITION_BYTES_MAX, RETAINED_BYTES_MAX, RETAINED_MAX};
use crate::ids::{BadName, Name};
use crate::log::{LogError, Storage, StorageError};
use crate::queue::{BadOptions, QueueError};
use crate::routing::RouteError;

/// Why a virtual host did not do what it was asked. `E` is how its storage can fail.
///
/// ```
/// use mqlab_core::vhost::{VhostError, VirtualHost};
/// use mqlab_core::{message::Message, queue::QueueOptions, time::Time};
/// let (mut host, now) = (VirtualHost::in_memory(), Time::ZERO);
/// host.declare_queue(now, "q", QueueOptions::default())?;
/// let error = host.send(now, "nobody", Message::new("a")).unwrap_err();
/// assert!(matches!(error, VhostError::NoQueue(_)) && error.code() == 404);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VhostError<E> {
    /// What exchanges, bindings and keys may not be.
    Route(RouteError),
    /// A queue cannot work so.
    BadOptions(BadOptions),
    /// There is no queue of this name.
    NoQueue(Name),
    /// The queue is there, with other options.
    Different(Name),
    /// There is no such channel: open it first.
    NoChannel,
    /// The channel has no such delivery, or it is settled already.
    UnknownDelivery(u64),
    /// There is no such consumer.
    NoConsumer,
    /// The channel is in a transaction, or in confirm mode, and cannot be in the other (AMQP: the two exclude each
    /// other).
    Mode,
    /// The subscription has a consumer already, and does not share.
    InUse(Name),
    /// A name is none.
    BadName(BadName),
    /// A queue is full and asks its senders to wait, or an alarm is on: nothing was stored. Publish again when
    /// [`Output::Room`](super::Output::Room) or [`Output::Unblocked`](super::Output::Unblocked) comes.
    Blocked,
    /// The host retains as much as it may: nothing was published.
    RetainedFull,
    /// A subscription without a name shall be durable or shared.
    Nameless,
    /// What is declared is too large to be noted: it has so many bytes.
    TooLarge(usize),
    /// There is no such half message: it was decided already.
    NoHalf(u64),
    /// A queue did not do it.
    Queue(QueueError<E>),
    /// The log of definitions holds something else.
    Definitions(String),
}

/// The same, for a storage.
///
/// ```
/// use mqlab_core::log::memory::MemoryStorage;
/// use mqlab_core::vhost::ErrorOf;
/// let error: ErrorOf<MemoryStorage> = ErrorOf::<MemoryStorage>::NoHalf(7);
/// println!("{error}");
/// ```
pub type ErrorOf<S> = VhostError<StorageError<S>>;

impl<E> VhostError<E> {
    /// AMQP's reply code. 403, 404 and 406 close the channel there; 541 is an internal error.
    pub fn code(&self) -> u16 {
        match self {
            Self::Route(error) => error.code(),
            Self::NoQueue(_) => 404,
            Self::InUse(_) => 403,
            Self::BadOptions(_)
            | Self::Different(_)
            | Self::UnknownDelivery(_)
            | Self::Mode
            | Self::Nameless
            | Self::TooLarge(_)
            | Self::NoHalf(_)
            | Self::Queue(
                QueueError::UnknownTag(_)
                | QueueError::Gone(_)
                | QueueError::DeliveredAgain(_)
                | QueueError::NotOut(_),
            ) => 406,
            Self::BadName(_) => 502,
            Self::NoChannel | Self::NoConsumer => 504,
            Self::Blocked | Self::RetainedFull => 506,
            Self::Queue(_) | Self::Definitions(_) => 541,
        }
    }

    /// Whether the storage failed: the host must stop then, and open its logs anew.
    pub fn is_storage(&self) -> bool {
        matches!(self, Self::Queue(QueueError::Log(_) | QueueError::Missing(_)))
    }
}

impl<E: fmt::Display> fmt::Display for VhostError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Route(error) => error.fmt(f),
            Self::BadOptions(error) => error.fmt(f),
            Self::NoQueue(name) => write!(f, "there is no queue {name}: declare it first"),
            Self::Different(name) => {
                write!(
                    f,
                    "the queue {name} is there with other options: declare it with the same, or delete it first"
                )
            }
            Self::NoChannel => f.write_str("there is no such channel: open it first"),
            Self::UnknownDelivery(tag) => {
                write!(f, "the channel has no delivery {tag} to settle: settle each once, on its own channel")
            }
            Self::NoConsumer => {
                f.write_str("there is no such consumer: it was cancelled, or its queue deleted")
            }
            Self::Mode => {
                f.write_str("a channel is either in a transaction or in confirm mode: use two channels")
            }
            Self::InUse(name) => {
                write!(f, "the subscription {name} has a consumer: close it first, or make both shared")
            }
            Self::BadName(error) => error.fmt(f),
            Self::Blocked => {
                f.write_str("there is no room: publish again when the host says that it is unblocked")
            }
            Self::RetainedFull => write!(
                f,
                "{RETAINED_MAX} values with {RETAINED_BYTES_MAX} bytes are retained: forget some with empty messages"
            ),
            Self::Nameless => f.write_str("a durable or shared subscription needs a name: give it one"),
            Self::TooLarge(bytes) => write!(
                f,
                "a definition has {bytes} bytes, at most {DEFINITION_BYTES_MAX}: use fewer or shorter arguments"
            ),
            Self::NoHalf(id) => write!(f, "the half message {id} was decided already, or never begun"),
            Self::Queue(error) => error.fmt(f),
            Self::Definitions(what) => {
                write!(f, "the log of definitions holds {what}: is it another program's?")
            }
        }
    }
}

impl<E: core::error::Error> core::error::Error for VhostError<E> {}

impl<E> From<RouteError> for VhostError<E> {
    fn from(error: RouteError) -> Self {
        Self::Route(error)
    }
}

impl<E> From<QueueError<E>> for VhostError<E> {
    fn from(error: QueueError<E>) -> Self {
        match error {
            QueueError::Blocked => Self::Blocked,
            QueueError::UnknownConsumer => Self::NoConsumer,
            error => Self::Queue(error),
        }
    }
}

impl<E> From<LogError<E>> for VhostError<E> {
    fn from(error: LogError<E>) -> Self {
        Self::Queue(QueueError::Log(error))
    }
}

impl<E> From<BadOptions> for VhostError<E> {
    fn from(error: BadOptions) -> Self {
        Self::BadOptions(error)
    }
}

impl<E> From<BadName> for VhostError<E> {
    fn from(error: BadName) -> Self {
        Self::BadName(error)
    }
}

/// What a virtual host over some storage returns.
///
/// ```
/// use mqlab_core::log::memory::MemoryStorage;
/// use mqlab_core::vhost::Result;
/// let done: Result<u32, MemoryStorage> = Ok(1);
/// assert!(done.is_ok());
/// ```
pub type Result<T, S> = core::result::Result<T, VhostError<StorageError<S>>>;

/// Keeps the bound on `S` in one place.
pub(super) fn storage<S: Storage>(error: StorageError<S>) -> ErrorOf<S> {
    VhostError::from(LogError::Storage(error))
}
