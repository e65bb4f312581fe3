//! What can a person do to a running cluster? Commands, each with its moment.
//!
//! ```text
//!   crash NODE       the process dies                    cut LINK             nothing passes, nobody is told
//!   cut-power NODE   the machine goes dark               slow LINK MS         everything takes so much longer
//!   restart NODE     it starts again                     lose LINK N          so many of a thousand are lost
//!   replace NODE     it starts again, with an empty disk duplicate LINK N     ... come twice
//!   freeze NODE      the process stands still            reorder LINK N       ... are overtaken by later ones
//!   thaw NODE        it goes on                          lose-next LINK       only the next (also duplicate-next,
//!   skew NODE MS     its clock is so far ahead (or -MS)                       reorder-next)
//!   disk NODE STATE  sound, lying, full, or slow MS      heal LINK            all is well there again
//!
//!   shut-down NODE   a broker stops in good order: others lead before it goes
//!
//!   LINK: broker-1 to broker-2 (one way), broker-1 and broker-2 (both ways), everywhere
//! ```

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::NodeId;
use crate::observe::{DiskState, Link, LinkFault};
use crate::time::{Span, Time};

/// What a person does to a running cluster.
///
/// ```
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::sim::Command;
/// assert_eq!("crash broker-1".parse(), Ok(Command::Crash(NodeId::Broker(1))));
/// assert_eq!("skew broker-2 -12.5".parse(), Ok(Command::Skew { node: NodeId::Broker(2), by: -12_500 }));
/// assert!("lose broker-1 to broker-2 20".parse::<Command>().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Command {
    /// The process dies. Its connections break; its disk, and what the operating system has of its writes, stay.
    Crash(NodeId),
    /// The machine loses power. Nobody is told, and what was not flushed is gone.
    CutPower(NodeId),
    /// A broker stops in good order: it asks the controller to let others lead, and goes when they do.
    ShutDown(NodeId),
    /// The process starts again, over what its disk holds.
    Restart(NodeId),
    /// The process starts again, with an empty disk.
    Replace(NodeId),
    /// The process stands still, as in a long garbage collection: what comes waits, no timer goes off, nothing is sent.
    Freeze(NodeId),
    /// It goes on: it takes in what waited, in order.
    Thaw(NodeId),
    /// Sets a node's clock.
    Skew {
        /// Whose.
        node: NodeId,
        /// So many microseconds ahead of the true time; behind it when negative. 0 sets it right.
        by: i64,
    },
    /// Changes the state of a broker's disk.
    Disk {
        /// Whose.
        node: NodeId,
        /// What it is from now on.
        is: DiskState,
    },
    /// Something is wrong on a link, or all is well there again.
    Link {
        /// Where.
        link: Link,
        /// What.
        fault: LinkFault,
    },
}

impl Command {
    /// The node that it is done to; `None` for what is done to a link.
    pub fn node(&self) -> Option<NodeId> {
        match *self {
            Self::Crash(node)
            | Self::CutPower(node)
            | Self::ShutDown(node)
            | Self::Restart(node)
            | Self::Replace(node)
            | Self::Freeze(node)
            | Self::Thaw(node)
            | Self::Skew { node, .. }
            | Self::Disk { node, .. } => Some(node),
            Self::Link { .. } => None,
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crash(node) => write!(f, "crash {node}"),
            Self::CutPower(node) => write!(f, "cut-power {node}"),
            Self::ShutDown(node) => write!(f, "shut-down {node}"),
            Self::Restart(node) => write!(f, "restart {node}"),
            Self::Replace(node) => write!(f, "replace {node}"),
            Self::Freeze(node) => write!(f, "freeze {node}"),
            Self::Thaw(node) => write!(f, "thaw {node}"),
            Self::Skew { node, by } => {
                let sign = if *by < 0 { "-" } else { "" };
                write!(f, "skew {node} {sign}{}", Time(by.unsigned_abs()))
            }
            Self::Disk { node, is } => write!(f, "disk {node} {is}"),
            Self::Link { link, fault } => match fault {
                LinkFault::Cut => write!(f, "cut {link}"),
                LinkFault::Slow(extra) => write!(f, "slow {link} {}", Time(extra.0)),
                LinkFault::Lose(chance) => write!(f, "lose {link} {chance}"),
                LinkFault::Duplicate(chance) => write!(f, "duplicate {link} {chance}"),
                LinkFault::Reorder(chance) => write!(f, "reorder {link} {chance}"),
                LinkFault::LoseNext => write!(f, "lose-next {link}"),
                LinkFault::DuplicateNext => write!(f, "duplicate-next {link}"),
                LinkFault::ReorderNext => write!(f, "reorder-next {link}"),
                LinkFault::Heal => write!(f, "heal {link}"),
            },
        }
    }
}

impl FromStr for Command {
    type Err = BadAction;

    /// Reads what `Display` writes: `crash broker-1`, `skew broker-1 -5`, `slow broker-1 to broker-2 2.5`.
    fn from_str(text: &str) -> Result<Self, BadAction> {
        read(text.trim()).ok_or_else(|| BadAction(text.into()))
    }
}

/// Reads a command; nothing when it is none.
fn read(text: &str) -> Option<Command> {
    let (verb, rest) = text.split_once(char::is_whitespace)?;
    let rest = rest.trim();
    let node = || rest.parse::<NodeId>().ok();
    let link = |fault| Some(Command::Link { link: rest.parse().ok()?, fault });
    match verb {
        "crash" => node().map(Command::Crash),
        "cut-power" => node().map(Command::CutPower),
        "shut-down" => node().map(Command::ShutDown),
        "restart" => node().map(Command::Restart),
        "replace" => node().map(Command::Replace),
        "freeze" => node().map(Command::Freeze),
        "thaw" => node().map(Command::Thaw),
        "skew" => {
            let (node, by) = rest.split_once(char::is_whitespace)?;
            let by = by.trim();
            let (ahead, size) = match by.strip_prefix('-') {
                Some(size) => (-1, size),
                None => (1, by.strip_prefix('+').unwrap_or(by)),
            };
            let size = i64::try_from(size.parse::<Time>().ok()?.0).ok()?;
            Some(Command::Skew { node: node.parse().ok()?, by: ahead * size })
        }
        "disk" => {
            let (node, state) = rest.split_once(char::is_whitespace)?;
            Some(Command::Disk { node: node.parse().ok()?, is: state.parse().ok()? })
        }
        "cut" => link(LinkFault::Cut),
        "heal" => link(LinkFault::Heal),
        "lose-next" => link(LinkFault::LoseNext),
        "duplicate-next" => link(LinkFault::DuplicateNext),
        "reorder-next" => link(LinkFault::ReorderNext),
        "slow" | "lose" | "duplicate" | "reorder" => {
            let (link, number) = rest.rsplit_once(char::is_whitespace)?;
            let link = link.parse().ok()?;
            let fault = match verb {
                "slow" => LinkFault::Slow(Span(number.parse::<Time>().ok()?.0)),
                "lose" => LinkFault::Lose(number.parse().ok()?),
                "duplicate" => LinkFault::Duplicate(number.parse().ok()?),
                _ => LinkFault::Reorder(number.parse().ok()?),
            };
            Some(Command::Link { link, fault })
        }
        _ => None,
    }
}

impl FromStr for Action {
    type Err = BadAction;

    /// Reads a moment in milliseconds and a command: `412.8 crash broker-1`.
    fn from_str(text: &str) -> Result<Self, BadAction> {
        let bad = || BadAction(text.into());
        let (at, command) = text.trim().split_once(char::is_whitespace).ok_or_else(bad)?;
        Ok(Self { at: at.parse().map_err(|_| bad())?, command: command.parse().map_err(|_| bad())? })
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.at, self.command)
    }
}

/// A text that is not a command, or not one with its moment.
///
/// ```
/// use mqlab_core::sim::Action;
/// let error = "soon crash broker-1".parse::<Action>().expect_err("a moment is a number");
/// assert!(error.to_string().contains("write milliseconds, then crash, cut-power, shut-down, restart"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadAction(pub String);

impl fmt::Display for BadAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not understood: write milliseconds, then crash, cut-power, shut-down, restart, replace, freeze or thaw and a \
             node, skew NODE MS, disk NODE sound|lying|full|slow MS, or cut, heal, slow, lose, duplicate, reorder and a \
             link",
            self.0
        )?;
        f.write_str(", such as 412.8 crash broker-1, or 412.8 lose broker-1 to broker-2 20")
    }
}

impl core::error::Error for BadAction {}

/// A command with its time.
///
/// ```
/// use mqlab_core::sim::Action;
/// use mqlab_core::time::Time;
/// let action: Action = "412.8 crash broker-1".parse()?;
/// assert_eq!(action.at, Time(412_800));
/// # Ok::<(), mqlab_core::sim::BadAction>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// When, in microseconds.
    pub at: Time,
    /// What.
    pub command: Command,
}
