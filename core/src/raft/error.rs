//! Why can a member of a quorum not begin? Its disk fails, or what it must never forget cannot be read.

use core::fmt;

use crate::ids::Offset;
use crate::log::LogError;

/// Why a member cannot begin. `E` is how its storage can fail.
///
/// ```
/// use mqlab_core::ids::Offset;
/// use mqlab_core::raft::RaftError;
/// let error = RaftError::<&str>::NotABallot(Offset(7));
/// assert_eq!(error.to_string(), "the ballot is damaged at offset 7: this member may have voted, and does not know for whom");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RaftError<E> {
    /// The storage failed.
    Storage(LogError<E>),
    /// The ballot was written, and something else stands there, or nothing: to go on could mean to vote twice in one term.
    NotABallot(Offset),
}

impl<E: fmt::Display> fmt::Display for RaftError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storage(error) => error.fmt(f),
            Self::NotABallot(at) => write!(
                f,
                "the ballot is damaged at offset {at}: this member may have voted, and does not know for whom"
            ),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for RaftError<E> {}

impl<E> From<LogError<E>> for RaftError<E> {
    fn from(error: LogError<E>) -> Self {
        Self::Storage(error)
    }
}
