//! Why can a member of a quorum queue not go on?

use core::fmt;

use crate::ids::Offset;
use crate::log::LogError;
use crate::raft::RaftError;

/// Why a member must stop. `E` is how its storage can fail.
///
/// ```
/// use mqlab_core::ids::Offset;
/// use mqlab_core::systems::rabbitmq::QuorumError;
/// let error = QuorumError::<std::convert::Infallible>::NotACommand(Offset(7));
/// assert_eq!(error.to_string(), "the log of the quorum queue holds no command at offset 7: is it another program's?");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QuorumError<E> {
    /// The quorum's storage failed, or a ballot cannot be read.
    Raft(RaftError<E>),
    /// The log holds something else: to go on would make another state than the other members'.
    NotACommand(Offset),
}

impl<E: fmt::Display> fmt::Display for QuorumError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Raft(error) => error.fmt(f),
            Self::NotACommand(at) => write!(
                f,
                "the log of the quorum queue holds no command at offset {at}: is it another program's?"
            ),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for QuorumError<E> {}

impl<E> From<RaftError<E>> for QuorumError<E> {
    fn from(error: RaftError<E>) -> Self {
        Self::Raft(error)
    }
}

impl<E> From<LogError<E>> for QuorumError<E> {
    fn from(error: LogError<E>) -> Self {
        Self::Raft(error.into())
    }
}
