//! What do the members of a quorum say to each other?

use crate::ids::{Epoch, Offset};
use crate::log::Slice;
use crate::record::Batches;

/// What one member of a quorum says to another. `D` is how stored entries are carried, as in a broker's messages.
///
/// ```
/// use mqlab_core::ids::{Epoch, Offset};
/// use mqlab_core::raft::RaftMessage;
/// let asks: RaftMessage = RaftMessage::Vote { term: Epoch(3), trial: false, last_term: None, end: Offset(0) };
/// assert_eq!(asks.term(), Epoch(3));
/// ```
#[derive(Clone, Debug)]
pub enum RaftMessage<D = Batches> {
    /// I want to lead. Answer: [`Voted`](Self::Voted).
    Vote {
        /// The term that it would lead in.
        term: Epoch,
        /// Whether it only asks how the vote would go: nobody changes anything for that.
        trial: bool,
        /// The term of the last entry of its log; none when it is empty.
        last_term: Option<Epoch>,
        /// Where its log ends.
        end: Offset,
    },
    /// You have my vote, or not.
    Voted {
        /// The term of who answers.
        term: Epoch,
        /// Whether it was asked on trial.
        trial: bool,
        /// Whether it votes for who asked.
        granted: bool,
    },
    /// I lead, and here is what follows in the log; nothing when there is nothing. Answer:
    /// [`Appended`](Self::Appended).
    Append {
        /// The leader's term.
        term: Epoch,
        /// Where the entries begin.
        from: Offset,
        /// The term of the entry before; none at the beginning of the log.
        last_term: Option<Epoch>,
        /// The entries.
        batches: D,
        /// Everything below is agreed on.
        committed: Offset,
        /// Which word of its leader to this member that is: the answer says it again.
        number: u64,
    },
    /// So far my log is yours.
    Appended {
        /// The term of who answers.
        term: Epoch,
        /// Up to there both logs are the same; or, where they are not, the end of what may be.
        end: Offset,
        /// Whether they are the same up to there.
        same: bool,
        /// The number of what it answers.
        answers: u64,
    },
}

impl<D> RaftMessage<D> {
    /// The term of who says it, or would have it.
    pub fn term(&self) -> Epoch {
        match self {
            Self::Vote { term, .. }
            | Self::Voted { term, .. }
            | Self::Append { term, .. }
            | Self::Appended { term, .. } => *term,
        }
    }
}

impl<D: Slice> RaftMessage<D> {
    /// Fetches the stored entries that a message refers to.
    ///
    /// # Errors
    ///
    /// When the storage fails.
    pub fn load(self) -> Result<RaftMessage, D::Error> {
        Ok(match self {
            Self::Vote { term, trial, last_term, end } => RaftMessage::Vote { term, trial, last_term, end },
            Self::Voted { term, trial, granted } => RaftMessage::Voted { term, trial, granted },
            Self::Append { term, from, last_term, batches, committed, number } => {
                let batches = batches.load()?;
                RaftMessage::Append { term, from, last_term, batches, committed, number }
            }
            Self::Appended { term, end, same, answers } => RaftMessage::Appended { term, end, same, answers },
        })
    }
}
