//! When can a command not be carried out? When it names what is not there, or what is so already.

use core::fmt;

use super::command::Command;
use super::scenario::RUN_MICROS_MAX;
use super::timeline::BRANCHES_MAX;
use super::world::{Power, World};
use crate::ids::NodeId;
use crate::observe::{DiskState, Link, LinkFault};
use crate::time::Span;

/// Why a command cannot be given.
///
/// ```
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::sim::{Command, CommandRefused, Scenario, World};
/// let world = World::new(Scenario::built_in("hundred-messages").ok_or("no such scenario")?, 7)?;
/// let refused = world.permits(&Command::Crash(NodeId::Broker(9)));
/// assert_eq!(refused, Err(CommandRefused::NoSuchNode(NodeId::Broker(9))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommandRefused {
    /// The scenario has no such node, or it is one to which that cannot be done: a controller without others does not
    /// die here, one among others does not lose its vote with its disk, and a crowd of users neither dies nor stands still.
    NoSuchNode(NodeId),
    /// It is down already, or not there to be frozen.
    IsDown(NodeId),
    /// It runs already.
    IsUp(NodeId),
    /// It stands still already.
    IsFrozen(NodeId),
    /// It does not stand still.
    IsNotFrozen(NodeId),
    /// Its clock, or its disk, is like that already.
    IsSo(NodeId),
    /// It keeps nothing on a disk of its own.
    HasNoDisk(NodeId),
    /// A link needs two nodes.
    SameNode(NodeId),
    /// Nothing is wrong there.
    NothingToHeal(Link),
    /// A chance is 1 to 1000 of a thousand.
    BadChance(u16),
    /// A time is longer than any run, or is none at all.
    BadSpan(Span),
    /// The run is over.
    RunIsOver,
    /// There are as many branches as are kept.
    TooManyBranches,
    /// Nobody has given a command in this branch.
    NothingToUndo,
}

impl fmt::Display for CommandRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchNode(node) => write!(f, "there is no {node} to which that could be done"),
            Self::IsDown(node) => write!(f, "{node} is down already"),
            Self::IsUp(node) => write!(f, "{node} runs already"),
            Self::IsFrozen(node) => write!(f, "{node} stands still already"),
            Self::IsNotFrozen(node) => write!(f, "{node} does not stand still"),
            Self::IsSo(node) => write!(f, "with {node} it is so already"),
            Self::HasNoDisk(node) => write!(f, "{node} has no disk of which that could be said"),
            Self::SameNode(node) => write!(f, "there is no link from {node} to itself"),
            Self::NothingToHeal(link) => write!(f, "nothing is wrong on the link: {link}"),
            Self::BadChance(chance) => write!(f, "{chance} of a thousand is no chance, use 1 to 1000"),
            Self::BadSpan(span) => write!(f, "{span} cannot be, use 0.001 ms to {}", Span(RUN_MICROS_MAX)),
            Self::RunIsOver => f.write_str("the run is over"),
            Self::TooManyBranches => write!(f, "there are {BRANCHES_MAX} branches: remove one first"),
            Self::NothingToUndo => f.write_str("no command was given in this branch"),
        }
    }
}

impl core::error::Error for CommandRefused {}

impl Command {
    /// Whether the command makes sense where the nodes are those that `has` knows.
    pub(super) fn check(&self, has: impl Fn(NodeId) -> bool) -> Result<(), CommandRefused> {
        let span = |span: Span| match span.0 {
            1..=RUN_MICROS_MAX => Ok(()),
            _ => Err(CommandRefused::BadSpan(span)),
        };
        if let Some(node) = self.node() {
            let fits = match (self, node) {
                (Self::Freeze(_) | Self::Thaw(_) | Self::Skew { .. }, NodeId::Controller) => true,
                (Self::Crash(_) | Self::CutPower(_) | Self::Restart(_), NodeId::Voter(_)) => true,
                (Self::Freeze(_) | Self::Thaw(_) | Self::Skew { .. }, NodeId::Voter(_)) => true,
                (_, NodeId::Controller | NodeId::Voter(_) | NodeId::User(_)) => false,
                (Self::ShutDown(_), node) => matches!(node, NodeId::Broker(_)),
                _ => true,
            };
            if !has(node) || !fits {
                return Err(CommandRefused::NoSuchNode(node));
            }
        }
        match *self {
            Self::Skew { by, .. } if by != 0 => span(Span(by.unsigned_abs())),
            Self::Disk { node, .. } if !matches!(node, NodeId::Broker(_)) => {
                Err(CommandRefused::HasNoDisk(node))
            }
            Self::Replace(node @ NodeId::Service(_)) => Err(CommandRefused::HasNoDisk(node)),
            Self::Disk { is: DiskState::Slow(flush), .. } => span(flush),
            Self::Link { link, fault } => {
                if let Some(node) = link.nodes().find(|node| !has(*node)) {
                    return Err(CommandRefused::NoSuchNode(node));
                }
                match (link, fault) {
                    (Link::OneWay(a, b) | Link::Both(a, b), _) if a == b => Err(CommandRefused::SameNode(a)),
                    (_, LinkFault::Slow(extra)) => span(extra),
                    (
                        _,
                        LinkFault::Lose(chance) | LinkFault::Duplicate(chance) | LinkFault::Reorder(chance),
                    ) if !(1..=1_000).contains(&chance) => Err(CommandRefused::BadChance(chance)),
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}

impl World {
    /// Whether a command could be carried out now.
    ///
    /// # Errors
    ///
    /// [`CommandRefused`] says why not.
    pub fn permits(&self, command: &Command) -> Result<(), CommandRefused> {
        command.check(|node| self.power(node).is_some())?;
        let power = command.node().and_then(|node| self.power(node));
        match (command, power) {
            (Command::Crash(node), Some(Power::Crashed | Power::Off))
            | (Command::CutPower(node), Some(Power::Off))
            | (Command::Freeze(node) | Command::ShutDown(node), Some(Power::Crashed | Power::Off)) => {
                Err(CommandRefused::IsDown(*node))
            }
            (Command::Restart(node) | Command::Replace(node), Some(Power::On)) => {
                Err(CommandRefused::IsUp(*node))
            }
            (Command::Freeze(node), _) if self.is_frozen(*node) => Err(CommandRefused::IsFrozen(*node)),
            (Command::Thaw(node), _) if !self.is_frozen(*node) => Err(CommandRefused::IsNotFrozen(*node)),
            (Command::Skew { node, by }, _) if self.skew_of(*node) == *by => Err(CommandRefused::IsSo(*node)),
            (Command::Disk { node, is }, _) if self.disk_of(*node) == *is => Err(CommandRefused::IsSo(*node)),
            (Command::Link { link, fault: LinkFault::Heal }, _) if !self.network.links.is_hurt(*link) => {
                Err(CommandRefused::NothingToHeal(*link))
            }
            _ => Ok(()),
        }
    }
}
