//! What makes a broker stop? A disk that fails, or one that holds something else than what should stand here.
//!
//! Whatever a *client* did wrong is answered with a [`Refusal`]. These errors are for whoever drives the broker, and
//! come from [`Broker::settle`](super::Broker::settle).

use core::fmt;

use crate::ids::Name;
use crate::log::LogError;
use crate::observe::Refusal;
use crate::queue::QueueError;
use crate::routing::{Binding, ExchangeName};
use crate::vhost::VhostError;

/// Why a broker cannot go on. `E` is how its storage can fail.
///
/// ```
/// use mqlab_core::broker::{BrokerError, Declared};
/// use mqlab_core::ids::Name;
/// use mqlab_core::vhost::VhostError;
/// let q = Name::new("q")?;
/// let error = BrokerError::<&str>::Layout { what: Declared::Queue(q.clone()), error: VhostError::Different(q) };
/// assert_eq!(
///     error.to_string(),
///     "queue q cannot stand here: the queue q is there with other options: declare it with the same, or delete it \
///      first (nothing of the layout was declared)"
/// );
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BrokerError<E> {
    /// The storage failed: stop the broker, and open its logs anew.
    Storage(LogError<E>),
    /// The view says that something stands here which cannot, beside what the disk holds. Nothing of the layout was
    /// declared, and the broker still has its old view. Give it a layout that agrees, or another disk.
    Layout {
        /// The first declaration that is refused.
        what: Declared,
        /// Why, and what to do.
        error: VhostError<E>,
    },
    /// The virtual host refused what the broker does on its own account, or its files were changed behind its back.
    Host(VhostError<E>),
}

/// One declaration of a layout.
///
/// ```
/// use mqlab_core::broker::Declared;
/// use mqlab_core::ids::Name;
/// assert_eq!(Declared::Queue(Name::new("orders")?).to_string(), "queue orders");
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Declared {
    /// A queue.
    Queue(Name),
    /// An exchange.
    Exchange(ExchangeName),
    /// What leads from an exchange.
    Binding(Binding),
}

impl fmt::Display for Declared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queue(name) => write!(f, "queue {name}"),
            Self::Exchange(name) => write!(f, "exchange {name}"),
            Self::Binding(Binding { exchange, to, key, .. }) => {
                write!(f, "the binding {key:?} from exchange {exchange} to {to}")
            }
        }
    }
}

impl<E> BrokerError<E> {
    /// The same in a client's words: why the broker is gone.
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::Storage(_) | Self::Host(_) => Refusal::Storage,
            Self::Layout { .. } => Refusal::Different,
        }
    }
}

impl<E: fmt::Display> fmt::Display for BrokerError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storage(error) => write!(f, "the broker's storage failed: {error}"),
            Self::Layout { what, error } => {
                write!(f, "{what} cannot stand here: {error} (nothing of the layout was declared)")
            }
            Self::Host(error) => write!(f, "the broker's virtual host failed: {error}"),
        }
    }
}

impl<E: core::error::Error> core::error::Error for BrokerError<E> {}

impl<E> From<LogError<E>> for BrokerError<E> {
    fn from(error: LogError<E>) -> Self {
        Self::Storage(error)
    }
}

impl<E> From<VhostError<E>> for BrokerError<E> {
    fn from(error: VhostError<E>) -> Self {
        match error {
            VhostError::Queue(QueueError::Log(error)) => Self::Storage(error),
            error => Self::Host(error),
        }
    }
}
