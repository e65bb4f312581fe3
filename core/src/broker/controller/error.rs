//! What makes a controller stop? A disk that fails, or one that holds something else than metadata.

use core::fmt;

use crate::ids::Offset;
use crate::log::LogError;
use crate::raft::RaftError;
use crate::record::Malformed;

/// Why a controller cannot go on: stop it, and open its log anew. `E` is how its storage can fail.
///
/// ```
/// use mqlab_core::broker::ControllerError;
/// use mqlab_core::ids::Offset;
/// let error = ControllerError::<&str>::NotMetadata(Offset(7));
/// assert_eq!(error.to_string(), "the controllers' log holds something else than metadata at offset 7");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ControllerError<E> {
    /// The storage failed.
    Storage(LogError<E>),
    /// The log holds something else than metadata, or that of a newer version.
    NotMetadata(Offset),
    /// More changes at once than a batch can hold.
    TooLarge(Malformed),
    /// It does not know whom it voted for.
    Quorum(RaftError<E>),
}

impl<E: fmt::Display> fmt::Display for ControllerError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storage(error) => error.fmt(f),
            Self::NotMetadata(at) => {
                write!(f, "the controllers' log holds something else than metadata at offset {at}")
            }
            Self::Quorum(error) => error.fmt(f),
            Self::TooLarge(error) => write!(f, "a step of the cluster's metadata is too large: {error}"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for ControllerError<E> {}

impl<E> From<RaftError<E>> for ControllerError<E> {
    fn from(error: RaftError<E>) -> Self {
        match error {
            RaftError::Storage(error) => Self::Storage(error),
            error => Self::Quorum(error),
        }
    }
}

impl<E> From<LogError<E>> for ControllerError<E> {
    fn from(error: LogError<E>) -> Self {
        Self::Storage(error)
    }
}
