//! What can be wrong with a disk, and with the way between two nodes? The words for it: commands ask for these faults,
//! and facts tell of them.

use alloc::format;
use alloc::string::{String, ToString as _};
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::NodeId;
use crate::time::{Span, Time};

/// Between which nodes something is wrong.
///
/// ```
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::observe::Link;
/// let link: Link = "broker-1 to producer-1".parse()?;
/// assert_eq!(link, Link::OneWay(NodeId::Broker(1), NodeId::Producer(1)));
/// assert_eq!("everywhere".parse(), Ok(Link::Everywhere));
/// # Ok::<(), mqlab_core::observe::BadFault>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Link {
    /// From the first to the second: `broker-1 to broker-2`.
    OneWay(NodeId, NodeId),
    /// Both ways: `broker-1 and broker-2`.
    Both(NodeId, NodeId),
    /// Between any two nodes: `everywhere`.
    Everywhere,
}

impl Link {
    /// The nodes that it names.
    pub fn nodes(self) -> impl Iterator<Item = NodeId> {
        let ends = match self {
            Self::OneWay(a, b) | Self::Both(a, b) => [Some(a), Some(b)],
            Self::Everywhere => [None, None],
        };
        ends.into_iter().flatten()
    }

    /// The ways that it consists of; none for everywhere.
    pub(crate) fn ways(self) -> impl Iterator<Item = (NodeId, NodeId)> {
        let ways = match self {
            Self::OneWay(a, b) => [Some((a, b)), None],
            Self::Both(a, b) => [Some((a, b)), Some((b, a))],
            Self::Everywhere => [None, None],
        };
        ways.into_iter().flatten()
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneWay(from, to) => write!(f, "{from} to {to}"),
            Self::Both(a, b) => write!(f, "{a} and {b}"),
            Self::Everywhere => f.write_str("everywhere"),
        }
    }
}

impl FromStr for Link {
    type Err = BadFault;

    fn from_str(text: &str) -> Result<Self, BadFault> {
        let bad = || BadFault(text.into());
        let node = |text: &str| text.parse::<NodeId>().map_err(|_| bad());
        let mut words = text.split_whitespace();
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("everywhere"), None, _, _) => Ok(Self::Everywhere),
            (Some(a), Some("to"), Some(b), None) => Ok(Self::OneWay(node(a)?, node(b)?)),
            (Some(a), Some("and"), Some(b), None) => Ok(Self::Both(node(a)?, node(b)?)),
            _ => Err(bad()),
        }
    }
}

impl From<Link> for String {
    fn from(link: Link) -> Self {
        link.to_string()
    }
}

impl TryFrom<String> for Link {
    type Error = BadFault;

    fn try_from(text: String) -> Result<Self, BadFault> {
        text.parse()
    }
}

/// What is wrong on a link. `core/src/sim/links.rs` says what each means for a connection.
///
/// ```
/// use mqlab_core::observe::LinkFault;
/// assert_eq!(serde_json::to_string(&LinkFault::Lose(20))?, r#"{"lose":20}"#); // 20 of a thousand messages
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LinkFault {
    /// Nothing passes, and nobody is told.
    Cut,
    /// Every message takes so much longer.
    Slow(Span),
    /// So many of a thousand messages are lost, each with its connection.
    Lose(u16),
    /// So many of a thousand messages come twice.
    Duplicate(u16),
    /// So many of a thousand messages are overtaken by later ones.
    Reorder(u16),
    /// The next message is lost, with its connection.
    LoseNext,
    /// The next message comes twice.
    DuplicateNext,
    /// The next message is overtaken by later ones.
    ReorderNext,
    /// Nothing is wrong any more.
    Heal,
}

/// The state of a broker's disk.
///
/// ```
/// use mqlab_core::observe::DiskState;
/// use mqlab_core::time::Span;
/// assert_eq!("slow 2.5".parse(), Ok(DiskState::Slow(Span::from_micros(2_500))));
/// assert_eq!(DiskState::Lying.to_string(), "lying");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DiskState {
    /// It does what it says, in no time.
    #[default]
    Sound,
    /// A flush of one log takes so long.
    Slow(Span),
    /// It says that it has flushed, and has not: a power cut will show.
    Lying,
    /// Nothing more can be written.
    Full,
}

impl fmt::Display for DiskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sound => f.write_str("sound"),
            Self::Slow(span) => write!(f, "slow {}", Time(span.0)),
            Self::Lying => f.write_str("lying"),
            Self::Full => f.write_str("full"),
        }
    }
}

impl FromStr for DiskState {
    type Err = BadFault;

    fn from_str(text: &str) -> Result<Self, BadFault> {
        let mut words = text.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some("sound"), None, _) => Ok(Self::Sound),
            (Some("lying"), None, _) => Ok(Self::Lying),
            (Some("full"), None, _) => Ok(Self::Full),
            (Some("slow"), Some(span), None) => match span.parse::<Time>() {
                Ok(span) => Ok(Self::Slow(Span(span.0))),
                Err(_) => Err(BadFault(text.into())),
            },
            _ => Err(BadFault(text.into())),
        }
    }
}

/// A text that names no link, or no state of a disk.
///
/// ```
/// use mqlab_core::observe::Link;
/// let error = "broker-1 broker-2".parse::<Link>().expect_err("a word is missing");
/// assert!(error.to_string().contains("broker-1 to broker-2"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadFault(pub String);

impl fmt::Display for BadFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let links = "a link is written broker-1 to broker-2, broker-1 and broker-2, or everywhere";
        let disks = "a disk is sound, lying, full, or slow and how many milliseconds a flush takes";
        f.write_str(&format!("{:?} is not understood: {links}; {disks}", self.0))
    }
}

impl core::error::Error for BadFault {}
