//! When does a consumer say that it has a message? Before its work, after it, for several at once, or not at all.
//!
//! Each kind of consumer has its own name for the same choice:
//!
//! | | queue, subscription | group | share group | reader on its own |
//! |---|---|---|---|---|
//! | `each` | acknowledges what is done | commits what is done | accepts what is done | notes what is done |
//! | `every N` | so many at once | | so many at once | |
//! | `before` | acknowledges, then begins | commits, then begins | accepts, then begins | notes, then begins |
//! | `automatic` | the delivery is enough | commits from time to time | accepts all with its next question | |

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use super::change::BadChange;

/// When a consumer acknowledges.
///
/// ```
/// use mqlab_core::observe::AckWhen;
/// assert_eq!("every 10".parse(), Ok(AckWhen::Every(10)));
/// assert_eq!(AckWhen::Before.to_string(), "before");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AckWhen {
    /// Each message, when it is done. A crash: what is not acknowledged is done again.
    Each,
    /// So many at once, when they are done. A crash: up to so many are done again.
    Every(u32),
    /// Each message, before the work. A crash: the one that is worked on is lost.
    Before,
    /// By itself: with the delivery, with the next question, or from time to time.
    Automatic,
}

impl fmt::Display for AckWhen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Each => f.write_str("each"),
            Self::Every(many) => write!(f, "every {many}"),
            Self::Before => f.write_str("before"),
            Self::Automatic => f.write_str("automatic"),
        }
    }
}

impl FromStr for AckWhen {
    type Err = BadChange;

    fn from_str(text: &str) -> Result<Self, BadChange> {
        let bad = || BadChange(text.into());
        match text {
            "each" => Ok(Self::Each),
            "before" => Ok(Self::Before),
            "automatic" => Ok(Self::Automatic),
            _ => {
                let many = text.strip_prefix("every ").and_then(|many| many.trim().parse().ok());
                many.map(Self::Every).ok_or_else(bad)
            }
        }
    }
}
