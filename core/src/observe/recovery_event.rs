//! What happens where bookies of Pulsar see to it themselves that entries are on as many of them as they should be?

use alloc::vec::Vec;
use core::fmt;

use serde::Serialize;

use super::event::list;
use super::turn::Turn;
use crate::ids::NodeId;

/// A fact of autorecovery.
///
/// ```
/// use mqlab_core::ids::NodeId::Bookie;
/// use mqlab_core::observe::RecoveryEvent;
/// let copied = RecoveryEvent::Copied { ledger: 7, lost: Bookie(2), to: vec![Bookie(4)] };
/// assert_eq!(copied.to_string(), "copied what bookie-2 had of ledger 7 to bookie-4");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
#[non_exhaustive]
pub enum RecoveryEvent {
    /// A bookie is the auditor from now on.
    Audits,
    /// The auditor found out that bookies are gone, and that copies of these ledgers are missing.
    Marked {
        /// Who is gone.
        bookies: Vec<NodeId>,
        /// Which ledgers.
        ledgers: Vec<u64>,
    },
    /// A worker begins to copy what a bookie had of a ledger.
    Copies {
        /// Which ledger.
        ledger: u64,
        /// Who is gone.
        lost: NodeId,
    },
    /// It is copied, and the ledger's metadata says so.
    Copied {
        /// Which ledger.
        ledger: u64,
        /// Who is gone.
        lost: NodeId,
        /// Who has it now.
        to: Vec<NodeId>,
    },
}

impl RecoveryEvent {
    /// Whether it changes what comes after it.
    pub fn is_landmark(&self) -> bool {
        matches!(self, Self::Marked { .. } | Self::Copied { .. })
    }

    /// What kind of turn it is, if it is one.
    pub(super) fn turn(&self) -> Turn {
        match self {
            Self::Marked { .. } => Turn::Fault,
            _ => Turn::Change,
        }
    }
}

impl fmt::Display for RecoveryEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Audits => f.write_str("is the auditor from now on"),
            Self::Marked { bookies, ledgers } => {
                let all: Vec<_> = ledgers.iter().map(alloc::string::ToString::to_string).collect();
                write!(f, "misses {}: copies of ledgers {} are too few", list(bookies), all.join(","))
            }
            Self::Copies { ledger, lost } => write!(f, "copies what {lost} had of ledger {ledger}"),
            Self::Copied { ledger, lost, to } if to.is_empty() => {
                write!(f, "found nothing that {lost} had of ledger {ledger}")
            }
            Self::Copied { ledger, lost, to } => {
                write!(f, "copied what {lost} had of ledger {ledger} to {}", list(to))
            }
        }
    }
}
