//! When can a command not be carried out? When it names what is not there, or what is so already.

use core::convert::Infallible;
use core::fmt;

use super::command::Command;
use super::scenario::RUN_MICROS_MAX;
use super::timeline::BRANCHES_MAX;
use super::world::{Power, World};
use crate::ids::{Name, NodeId, PartitionId};
use crate::observe::{DiskState, Link, LinkFault};
use crate::routing::ExchangeName;
use crate::time::Span;
use crate::vhost::VhostError;

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
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// There is no such queue.
    NoSuchQueue(Name),
    /// There is no such topic.
    NoSuchTopic(Name),
    /// There is no such exchange, or only the broker's own.
    NoSuchExchange(ExchangeName),
    /// Something of that name is there, or not gone yet.
    IsThere(ExchangeName),
    /// That cannot be set of it: who sends to no topic has no acks, to whom nothing is pushed has no prefetch, and the like.
    DoesNotApply(NodeId),
    /// It numbers its batches or sends in transactions, and needs `acks=all` for that.
    NeedsAll(NodeId),
    /// A number out of its limits.
    BadCount {
        /// What was asked for.
        given: u64,
        /// The least.
        least: u64,
        /// The most.
        most: u64,
    },
    /// It is set like that already.
    IsSet(Name),
    /// An exchange and a queue that stand on different brokers cannot be bound.
    Apart(ExchangeName, Name),
    /// There is no such binding.
    NotBound(ExchangeName, Name),
    /// The broker would refuse that.
    Unfit(VhostError<Infallible>),
    /// There are as many branches as are kept.
    TooManyBranches,
    /// Nobody has given a command in this branch.
    NothingToUndo,
    /// A topic of that name was removed: who still knows it would take the new one for the old.
    WasRemoved(Name),
    /// A queue or an exchange stands on that broker, and nowhere else.
    StandsOn(ExchangeName, NodeId),
    /// No other broker that lives has everything of this partition.
    KeepsAlone(NodeId, PartitionId),
    /// There is no other broker.
    LastBroker(NodeId),
    /// Its program works in transactions, and acknowledges each message with them.
    NeedsEach(NodeId),
    /// Whether a compacted topic has a retention, too, is settled by its policy.
    Compacted(Name),
    /// Another system plays, and that cannot be changed in it while it runs.
    OfSystem,
    /// There is no durable subscription of that name, or not of that client.
    NoSuchSubscription(Name),
    /// A subscription cannot end while somebody reads it.
    IsRead(Name, NodeId),
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
            Self::NoSuchQueue(name) => write!(f, "there is no queue {name}"),
            Self::NoSuchTopic(name) => write!(f, "there is no topic {name}"),
            Self::NoSuchExchange(name) => write!(f, "there is no exchange {name} that could be changed"),
            Self::IsThere(name) => write!(f, "{name} is there already"),
            Self::DoesNotApply(node) => write!(f, "with {node} there is nothing of that kind to change"),
            Self::NeedsAll(node) => write!(f, "{node} needs acks all for what it does"),
            Self::BadCount { given, least, most } if least > most => {
                write!(f, "{given} cannot be: it has the most already, {most}")
            }
            Self::BadCount { given, least, most } => write!(f, "{given} cannot be, use {least} to {most}"),
            Self::IsSet(name) => write!(f, "with {name} it is so already"),
            Self::Apart(exchange, queue) => {
                write!(f, "{exchange} and {queue} stand on different brokers")
            }
            Self::NotBound(exchange, queue) => write!(f, "nothing leads so from {exchange} to {queue}"),
            Self::Unfit(why) => why.fmt(f),
            Self::TooManyBranches => write!(f, "there are {BRANCHES_MAX} branches: remove one first"),
            Self::NothingToUndo => f.write_str("no command was given in this branch"),
            Self::WasRemoved(name) => {
                write!(
                    f,
                    "a topic {name} was removed, and its readers would take the new one for it: use another name"
                )
            }
            Self::StandsOn(name, node) => write!(f, "{name} stands on {node} alone: remove it first"),
            Self::KeepsAlone(node, partition) => {
                write!(f, "nobody but {node} has all of {partition}: without it nobody could lead that")
            }
            Self::LastBroker(node) => write!(f, "there is no broker but {node}"),
            Self::Compacted(topic) => {
                write!(f, "{topic} is compacted: its policy says whether it has a retention, too")
            }
            Self::OfSystem => f.write_str(
                "that cannot be changed while another system plays: set it in the scenario's \"system\"",
            ),
            Self::NoSuchSubscription(name) => {
                write!(f, "there is no durable subscription {name}, or none of that client")
            }
            Self::IsRead(name, node) => write!(f, "{node} reads the subscription {name}: let it leave first"),
            Self::NeedsEach(node) => {
                write!(f, "{node} works in transactions, and acknowledges each message with them")
            }
        }
    }
}

impl core::error::Error for CommandRefused {}

impl Command {
    /// Whether the command makes sense where the nodes are those that `has` knows; `plays` where another system does, whose
    /// store of metadata may die.
    pub(super) fn check(&self, plays: bool, has: impl Fn(NodeId) -> bool) -> Result<(), CommandRefused> {
        let span = |span: Span| match span.0 {
            1..=RUN_MICROS_MAX => Ok(()),
            _ => Err(CommandRefused::BadSpan(span)),
        };
        if let Some(node) = self.node() {
            let fits = match (self, node) {
                (Self::Freeze(_) | Self::Thaw(_) | Self::Skew { .. }, NodeId::Controller) => true,
                (Self::Crash(_) | Self::CutPower(_) | Self::Restart(_), NodeId::Controller) => plays,
                (Self::Crash(_) | Self::CutPower(_) | Self::Restart(_), NodeId::Voter(_)) => true,
                (Self::Freeze(_) | Self::Thaw(_) | Self::Skew { .. }, NodeId::Voter(_)) => true,
                (Self::Change(_), _) => true, // what fits there is asked apart
                (_, NodeId::Controller | NodeId::Voter(_) | NodeId::User(_)) => false,
                (Self::ShutDown(_), node) => matches!(node, NodeId::Broker(_)),
                (Self::Replace(_), NodeId::NameServer(_)) => false,
                (Self::CrashOnceDone(_), node) => matches!(node, NodeId::Consumer(_)),
                _ => true,
            };
            if !has(node) || !fits {
                return Err(CommandRefused::NoSuchNode(node));
            }
        }
        match *self {
            Self::Skew { by, .. } if by != 0 => span(Span(by.unsigned_abs())),
            Self::Disk { node, .. }
                if !matches!(node, NodeId::Broker(_) | NodeId::Bookie(_) | NodeId::Store) =>
            {
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
        if let Command::Change(change) = command {
            return self.permits_change(change);
        }
        command.check(self.scenario.system.is_some(), |node| self.power(node).is_some())?;
        self.permits_of_guest(command)?;
        let power = command.node().and_then(|node| self.power(node));
        match (command, power) {
            (Command::Crash(node), Some(Power::Crashed | Power::Off))
            | (Command::CutPower(node), Some(Power::Off))
            | (
                Command::Freeze(node) | Command::ShutDown(node) | Command::CrashOnceDone(node),
                Some(Power::Crashed | Power::Off),
            ) => Err(CommandRefused::IsDown(*node)),
            (Command::Restart(node) | Command::Replace(node), Some(Power::On)) => {
                Err(CommandRefused::IsUp(*node))
            }
            (Command::Freeze(node), _) if self.is_frozen(*node) => Err(CommandRefused::IsFrozen(*node)),
            (Command::CrashOnceDone(node), _) if self.doomed.contains(node) => {
                Err(CommandRefused::IsSo(*node))
            }
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
