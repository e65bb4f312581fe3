//! Why does a store not do what it is asked?

use core::fmt;

use crate::log::LogError;
use crate::systems::rocketmq::layout::BadLayout;

/// Why a store cannot go on, or refuses a message. `E` is how its storage can fail.
///
/// ```
/// use mqlab_core::systems::rocketmq::layout::BadLayout;
/// use mqlab_core::systems::rocketmq::store::StoreError;
/// let error = StoreError::<&str>::Rejected(BadLayout::TooLarge);
/// assert_eq!(error.to_string(), "the message cannot be stored: the message is larger than a broker takes");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreError<E> {
    /// The storage failed: open the store anew.
    Log(LogError<E>),
    /// The message does not fit the layout: nothing was stored.
    Rejected(BadLayout),
    /// What stands in the CommitLog is no message.
    Damaged {
        /// Where, in bytes.
        physical: u64,
        /// What is wrong.
        why: BadLayout,
    },
    /// What another store sent does not continue this one.
    Apart {
        /// Where this CommitLog ends.
        end: u64,
        /// Where the other's messages would go.
        physical: u64,
    },
    /// A file of settings or offsets is no JSON of the kind that stands there.
    BadConfig,
}

impl<E: fmt::Display> fmt::Display for StoreError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(error) => error.fmt(f),
            Self::Rejected(why) => write!(f, "the message cannot be stored: {why}"),
            Self::Damaged { physical, why } => write!(f, "the CommitLog is damaged at {physical}: {why}"),
            Self::Apart { end, physical } => {
                write!(f, "messages at {physical} do not continue a CommitLog that ends at {end}")
            }
            Self::BadConfig => f.write_str("a file of offsets is not readable"),
        }
    }
}

impl<E: core::error::Error> core::error::Error for StoreError<E> {}

impl<E> From<LogError<E>> for StoreError<E> {
    fn from(error: LogError<E>) -> Self {
        Self::Log(error)
    }
}
