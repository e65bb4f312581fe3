//! What can a person do to a running cluster? Commands, each with its moment.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::NodeId;
use crate::time::Time;

/// What a person does to a running cluster.
///
/// ```
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::sim::Command;
/// assert_eq!("crash broker-1".parse(), Ok(Command::Crash(NodeId::Broker(1))));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Command {
    /// The process dies. Its connections break; its disk, and what the operating system has of its writes, stay.
    Crash(NodeId),
    /// The machine loses power. Nobody is told, and what was not flushed is gone.
    CutPower(NodeId),
    /// The process starts again, over what its disk holds.
    Restart(NodeId),
}

impl Command {
    /// Whom it is done to.
    pub fn node(self) -> NodeId {
        match self {
            Self::Crash(node) | Self::CutPower(node) | Self::Restart(node) => node,
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crash(node) => write!(f, "crash {node}"),
            Self::CutPower(node) => write!(f, "cut-power {node}"),
            Self::Restart(node) => write!(f, "restart {node}"),
        }
    }
}

impl FromStr for Command {
    type Err = BadAction;

    /// Reads what `Display` writes: `crash broker-1`, `cut-power broker-1`, `restart broker-1`.
    fn from_str(text: &str) -> Result<Self, BadAction> {
        let mut words = text.split_whitespace();
        let (Some(verb), Some(node), None) = (words.next(), words.next(), words.next()) else {
            return Err(BadAction(text.into()));
        };
        let node = node.parse().map_err(|_| BadAction(text.into()))?;
        match verb {
            "crash" => Ok(Self::Crash(node)),
            "cut-power" => Ok(Self::CutPower(node)),
            "restart" => Ok(Self::Restart(node)),
            _ => Err(BadAction(text.into())),
        }
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
/// assert!(error.to_string().contains("write milliseconds, then crash, cut-power or restart"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadAction(pub String);

impl fmt::Display for BadAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not understood: write milliseconds, then crash, cut-power or restart, then a node",
            self.0
        )?;
        f.write_str(", such as 412.8 crash broker-1")
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// When, in microseconds.
    pub at: Time,
    /// What.
    pub command: Command,
}
