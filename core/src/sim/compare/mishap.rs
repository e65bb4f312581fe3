//! What goes wrong while they are compared? The same for each, at the same moment, to the same node: the first of its kind.
//!
//! ```text
//!   sending  ├──────────────────────────────────────┤
//!   mishap             ├──────────┤                        from 2/5 of it on, for 2/5 of it
//! ```
//!
//! The first broker is the one that keeps a queue where one broker keeps it, the master where there are master and slave,
//! and the leader of some where many lead: so what spreads its load loses less of its service. That is no trick of the
//! comparison, it is what spreading is for.
//!
//! What befalls a disk befalls the first that keeps messages: mostly the first broker's, but with Pulsar a bookie's, and with
//! ActiveMQ the one that master and slave share.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::super::command::{Action, Command};
use super::super::scenario::Scenario;
use super::{BadContender, Workload};
use crate::ids::NodeId;
use crate::observe::{DiskState, Link, LinkFault};
use crate::time::{Span, Time};

/// Something that goes wrong.
///
/// ```
/// use mqlab_core::sim::compare::Mishap;
/// assert_eq!("power-cut".parse(), Ok(Mishap::PowerCut));
/// assert!(Mishap::ALL.contains(&Mishap::None)); // to compare with
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mishap {
    /// Nothing.
    None,
    /// The first broker's process dies, and is started again.
    Crash,
    /// The machine of the first that keeps messages loses power, with what was not flushed, and is started again.
    PowerCut,
    /// That machine is lost for good, with its disk; an empty one takes its place.
    DiskLost,
    /// The first broker is cut off from everybody, and nobody is told.
    CutOff,
    /// The first broker's process stands still.
    Freeze,
    /// The disk of the first that keeps messages takes 20 ms for each flush.
    SlowDisk,
    /// One of a hundred packets is lost, everywhere.
    Loss,
}

/// How long a flush takes on a slow disk.
const SLOW_FLUSH: Span = Span::from_millis(20);
/// How many of a thousand packets are lost.
const LOST: u16 = 10;

impl Mishap {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::None,
        Self::Crash,
        Self::PowerCut,
        Self::DiskLost,
        Self::CutOff,
        Self::Freeze,
        Self::SlowDisk,
        Self::Loss,
    ];

    /// Its name, as it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Crash => "crash",
            Self::PowerCut => "power-cut",
            Self::DiskLost => "disk-lost",
            Self::CutOff => "cut-off",
            Self::Freeze => "freeze",
            Self::SlowDisk => "slow-disk",
            Self::Loss => "loss",
        }
    }

    /// What happens.
    pub const fn says(self) -> &'static str {
        match self {
            Self::None => "nothing goes wrong",
            Self::Crash => "the first broker's process dies, and is started again",
            Self::PowerCut => {
                "the first machine that keeps messages loses power and what was not flushed, and is started again"
            }
            Self::DiskLost => {
                "the first machine that keeps messages is lost with its disk, and an empty one takes its place"
            }
            Self::CutOff => "the first broker is cut off from everybody, and nobody is told",
            Self::Freeze => "the first broker's process stands still",
            Self::SlowDisk => "the first disk that keeps messages takes 20 ms for each flush",
            Self::Loss => "one of a hundred packets is lost, everywhere",
        }
    }

    /// When it begins and when it is over.
    pub fn lasts(workload: &Workload) -> (Time, Time) {
        let fifth = workload.sent_by().0 / 5;
        (Time(2 * fifth), Time(4 * fifth))
    }

    /// What is done to a scenario's cluster.
    pub(super) fn actions(self, workload: &Workload, scenario: &Scenario) -> Vec<Action> {
        let (from, until) = Self::lasts(workload);
        let node = NodeId::Broker(1);
        let apart = |other: &NodeId| matches!(other, NodeId::Bookie(1) | NodeId::Store);
        let keeper = scenario.nodes().find(apart).unwrap_or(node);
        let pair = |first: Command, last: Command| {
            Vec::from([Action { at: from, command: first }, Action { at: until, command: last }])
        };
        match self {
            Self::None => Vec::new(),
            Self::Crash => pair(Command::Crash(node), Command::Restart(node)),
            Self::PowerCut => pair(Command::CutPower(keeper), Command::Restart(keeper)),
            Self::DiskLost => pair(Command::CutPower(keeper), Command::Replace(keeper)),
            Self::Freeze => pair(Command::Freeze(node), Command::Thaw(node)),
            Self::SlowDisk => pair(
                Command::Disk { node: keeper, is: DiskState::Slow(SLOW_FLUSH) },
                Command::Disk { node: keeper, is: DiskState::Sound },
            ),
            Self::Loss => {
                let link = Link::Everywhere;
                pair(
                    Command::Link { link, fault: LinkFault::Lose(LOST) },
                    Command::Link { link, fault: LinkFault::Heal },
                )
            }
            Self::CutOff => {
                let others: Vec<NodeId> = scenario.nodes().filter(|other| *other != node).collect();
                let both = |at: Time, fault: LinkFault| {
                    let link = move |other: &NodeId| Link::Both(node, *other);
                    others
                        .iter()
                        .map(move |other| Action { at, command: Command::Link { link: link(other), fault } })
                };
                both(from, LinkFault::Cut).chain(both(until, LinkFault::Heal)).collect()
            }
        }
    }
}

impl fmt::Display for Mishap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Mishap {
    type Err = BadContender;

    fn from_str(text: &str) -> Result<Self, BadContender> {
        Self::ALL.into_iter().find(|mishap| mishap.name() == text).ok_or_else(|| {
            let all: Vec<&str> = Self::ALL.iter().map(|mishap| mishap.name()).collect();
            BadContender::new(alloc::format!(
                "nothing of the kind goes wrong: {text}, use {}",
                all.join(", ")
            ))
        })
    }
}

impl Serialize for Mishap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Mishap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
