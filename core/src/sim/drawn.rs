//! Which faults come when, if chance decides? A plan of kinds, drawn from the seed: each fault, and some time later its
//! end.
//!
//! ```text
//!   from                                          until
//!    ├─ freeze b2 ───── thaw b2                     │
//!    │      ├─ cut b1 to b3 ───────────── heal ─────┤  everything is over, everybody is up
//!    │          ├─ lose everywhere 20 ── heal       │
//! ```
//!
//! A scenario that has such a plan brings other faults under every seed, and the same under the same. At `until` what is
//! still wrong ends: so a run that has time after it shows whether the system recovers.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::command::{Action, Command};
use super::scenario::{InvalidScenario, Scenario};
use crate::ids::NodeId;
use crate::observe::{DiskState, Link, LinkFault};
use crate::rng::{Rng, Stream};
use crate::time::{Span, Time};

/// The most faults that a plan may draw.
pub const DRAWN_MAX: u32 = 1_000;

/// A kind of fault that may be drawn. Where not said otherwise, of any node that it can happen to.
///
/// ```
/// use mqlab_core::sim::FaultKind;
/// assert_eq!(serde_json::from_str::<FaultKind>(r#""power_cut""#)?, FaultKind::PowerCut);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FaultKind {
    /// A process dies, and is started again.
    Crash,
    /// A machine loses power, and is started again.
    PowerCut,
    /// A process stands still for a while.
    Freeze,
    /// Nothing passes between two nodes for a while, one way or both.
    Cut,
    /// Messages between two nodes take longer for a while.
    SlowLink,
    /// Some messages are lost for a while, on one link or everywhere.
    Loss,
    /// Some requests and answers come twice for a while.
    Duplication,
    /// Some requests and answers are overtaken for a while.
    Reordering,
    /// A clock is wrong for a while.
    Skew,
    /// A broker's disk is slow for a while.
    SlowDisk,
    /// A broker's disk is full for a while, and the broker is started again after that.
    FullDisk,
    /// A broker's disk lies for a while. With [`PowerCut`](Self::PowerCut) that costs what was promised.
    LyingDisk,
    /// A broker dies, and is started again with an empty disk.
    NewDisk,
}

/// Faults to be drawn.
///
/// ```
/// use mqlab_core::sim::{FaultKind, FaultPlan, Scenario};
/// use mqlab_core::time::Time;
/// let json = r#"{ "kinds": ["crash", "cut"], "from": 20000, "until": 500000, "faults": [2, 5] }"#;
/// let plan: FaultPlan = serde_json::from_str(json)?;
/// let scenario = Scenario::built_in("kill-the-leader").ok_or("no such scenario")?;
/// let actions = plan.draw(&scenario, 7);
/// assert_eq!(actions, plan.draw(&scenario, 7)); // the same under the same seed
/// assert!(actions.iter().all(|action| Time(20_000) <= action.at && action.at <= Time(510_000)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultPlan {
    /// What may happen.
    pub kinds: Vec<FaultKind>,
    /// When the first fault may come, in microseconds.
    pub from: Time,
    /// When all is well again, in microseconds.
    pub until: Time,
    /// How many faults there are at least and at most, up to [`DRAWN_MAX`].
    pub faults: (u32, u32),
}

/// The longest extra time on a slow link, and the longest that a flush takes: some of them outlast a session.
const SLOW_MAX: u64 = 20_000;
/// The most messages of a thousand that are lost, doubled or held up.
const CHANCE_MAX: u64 = 100;
/// The most that a drawn clock is wrong, in microseconds.
const SKEW_MAX: u64 = 500_000;
/// Between two ends that would come at the same moment, in microseconds: each has a moment of its own.
const APART: Span = Span(10);

impl FaultPlan {
    /// Whether the plan can be drawn for a scenario.
    pub(super) fn check(&self, scenario: &Scenario) -> Result<(), InvalidScenario> {
        let (low, high) = self.faults;
        let why = match () {
            () if self.kinds.is_empty() => "it draws faults and names no kind",
            () if low > high || high > DRAWN_MAX => {
                "it draws faults from a number to a smaller one, or too many"
            }
            () if self.from >= self.until || self.until > scenario.ends_at => {
                "its drawn faults end before they begin, or after the run"
            }
            () => return Ok(()),
        };
        Err(InvalidScenario(why.into()))
    }

    /// The faults of a seed, in the order of their moments, with their ends.
    pub fn draw(&self, scenario: &Scenario, seed: u64) -> Vec<Action> {
        let mut rng = Rng::new(seed, Stream::Faults);
        let nodes = Nodes::of(scenario);
        let mut actions = Vec::new();
        for _ in 0..rng.between(self.faults.0.into(), self.faults.1.into()) {
            let at = Time(rng.between(self.from.0, self.until.0.saturating_sub(2).max(self.from.0)));
            let over = Time(rng.between(at.0 + 1, self.until.0.saturating_sub(1).max(at.0 + 1)));
            let kind = self.kinds.get(rng.below(self.kinds.len() as u64) as usize);
            let Some((begin, end)) = kind.and_then(|kind| fault(*kind, &nodes, &mut rng)) else { continue };
            actions.push(Action { at, command: begin });
            let ends = end.into_iter().flatten();
            actions.extend(ends.zip([over, over + APART]).map(|(command, at)| Action { at, command }));
        }
        actions.sort_by_key(|action| action.at);
        let mut at = self.until;
        for command in nodes.all_is_well() {
            actions.push(Action { at, command });
            at = at + APART;
        }
        actions
    }
}

/// A fault, and what ends it.
type Drawn = (Command, [Option<Command>; 2]);

fn fault(kind: FaultKind, nodes: &Nodes, rng: &mut Rng) -> Option<Drawn> {
    let chance = |rng: &mut Rng| rng.between(1, CHANCE_MAX) as u16;
    let hurt = |link, fault| {
        Some((Command::Link { link, fault }, [Some(Command::Link { link, fault: LinkFault::Heal }), None]))
    };
    let disk = |node, is| {
        let sound = Command::Disk { node, is: DiskState::Sound };
        // Who halted on a full disk is started again when there is room.
        Some((Command::Disk { node, is }, [Some(sound), Some(Command::Restart(node))]))
    };
    match kind {
        FaultKind::Crash => {
            let node = nodes.mortal(rng)?;
            Some((Command::Crash(node), [Some(Command::Restart(node)), None]))
        }
        FaultKind::PowerCut => {
            let node = nodes.mortal(rng)?;
            Some((Command::CutPower(node), [Some(Command::Restart(node)), None]))
        }
        FaultKind::NewDisk => {
            let node = nodes.broker(rng)?;
            Some((Command::Crash(node), [Some(Command::Replace(node)), None]))
        }
        FaultKind::Freeze => {
            let node = nodes.any(rng)?;
            Some((Command::Freeze(node), [Some(Command::Thaw(node)), None]))
        }
        FaultKind::Skew => {
            let node = nodes.any(rng)?;
            let by = rng.between(1, SKEW_MAX) as i64;
            let by = if rng.below(2) == 0 { by } else { -by };
            Some((Command::Skew { node, by }, [Some(Command::Skew { node, by: 0 }), None]))
        }
        FaultKind::Cut => {
            let link = nodes.link(rng)?;
            hurt(link, LinkFault::Cut)
        }
        FaultKind::SlowLink => {
            let link = nodes.link(rng)?;
            hurt(link, LinkFault::Slow(Span(rng.between(100, SLOW_MAX))))
        }
        FaultKind::Loss => hurt(nodes.link_or_all(rng)?, LinkFault::Lose(chance(rng))),
        FaultKind::Duplication => hurt(nodes.link_or_all(rng)?, LinkFault::Duplicate(chance(rng))),
        FaultKind::Reordering => hurt(nodes.link_or_all(rng)?, LinkFault::Reorder(chance(rng))),
        FaultKind::SlowDisk => {
            let node = nodes.broker(rng)?;
            disk(node, DiskState::Slow(Span(rng.between(50, SLOW_MAX / 4))))
        }
        FaultKind::FullDisk => disk(nodes.broker(rng)?, DiskState::Full),
        FaultKind::LyingDisk => disk(nodes.broker(rng)?, DiskState::Lying),
    }
}

/// Whom something may happen to.
struct Nodes {
    controllers: Vec<NodeId>,
    /// And those of a system that keep with them.
    brokers: Vec<NodeId>,
    /// Producers, consumers and services; and name servers, whom nobody connects with for long.
    clients: Vec<NodeId>,
}

impl Nodes {
    fn of(scenario: &Scenario) -> Self {
        let numbered = |count: usize, kind: fn(u16) -> NodeId| (1..=count as u16).map(kind);
        let producers = numbered(scenario.producers.len(), NodeId::Producer);
        let consumers = numbered(scenario.consumers.len(), NodeId::Consumer);
        let services = numbered(scenario.services.len(), NodeId::Service);
        let name_servers = scenario.guest_nodes().into_iter();
        let name_servers = name_servers.filter(|node| matches!(node, NodeId::NameServer(_)));
        Self {
            controllers: if scenario.system.is_some() { Vec::new() } else { scenario.controller_ids() },
            brokers: numbered(scenario.brokers.into(), NodeId::Broker)
                .chain(scenario.further_nodes())
                .collect(),
            clients: producers.chain(consumers).chain(services).chain(name_servers).collect(),
        }
    }

    fn broker(&self, rng: &mut Rng) -> Option<NodeId> {
        one_of(&self.brokers, rng)
    }

    /// A node that can die: brokers more often than each client. A controller can where there are several.
    fn mortal(&self, rng: &mut Rng) -> Option<NodeId> {
        if self.controllers.len() > 1 && rng.below(4) == 0 {
            return one_of(&self.controllers, rng);
        }
        let first = if rng.below(5) < 3 { &self.brokers } else { &self.clients };
        one_of(first, rng).or_else(|| one_of(&self.clients, rng))
    }

    fn controller(&self, rng: &mut Rng) -> Option<NodeId> {
        // The choice among one is none, and costs no chance.
        if let [only] = self.controllers[..] { Some(only) } else { one_of(&self.controllers, rng) }
    }

    /// A node of any kind.
    fn any(&self, rng: &mut Rng) -> Option<NodeId> {
        if rng.below(8) == 0 { self.controller(rng) } else { self.mortal(rng) }
    }

    /// Two nodes that may have something to say to each other: one of them is a broker, where there are any, or one of
    /// several controllers.
    fn link(&self, rng: &mut Rng) -> Option<Link> {
        let among_controllers = self.controllers.len() > 1 && rng.below(3) == 0;
        let a = match among_controllers {
            true => one_of(&self.controllers, rng)?,
            false => self.broker(rng).or_else(|| one_of(&self.clients, rng))?,
        };
        let others: Vec<NodeId> = (self.controllers.iter().copied())
            .chain(self.brokers.iter().copied())
            .chain(self.clients.iter().copied())
            .filter(|other| *other != a)
            .collect();
        let b = one_of(&others, rng)?;
        Some(match rng.below(4) {
            0 => Link::OneWay(a, b),
            1 => Link::OneWay(b, a),
            _ => Link::Both(a, b),
        })
    }

    fn link_or_all(&self, rng: &mut Rng) -> Option<Link> {
        if rng.below(2) == 0 { Some(Link::Everywhere) } else { self.link(rng) }
    }

    /// What ends every fault that may be left. A command that finds nothing to do does nothing.
    fn all_is_well(&self) -> impl Iterator<Item = Command> {
        let heal = Command::Link { link: Link::Everywhere, fault: LinkFault::Heal };
        let disks = self.brokers.iter().map(|&node| Command::Disk { node, is: DiskState::Sound });
        let mortals = || self.brokers.iter().chain(&self.clients).copied();
        let all = || self.controllers.iter().copied().chain(mortals());
        let clocks = all().map(|node| Command::Skew { node, by: 0 });
        [heal]
            .into_iter()
            .chain(disks)
            .chain(clocks)
            .chain(all().map(Command::Thaw))
            .chain(mortals().map(Command::Restart))
            .chain(
                self.controllers.iter().copied().filter(|_| self.controllers.len() > 1).map(Command::Restart),
            )
    }
}

fn one_of(nodes: &[NodeId], rng: &mut Rng) -> Option<NodeId> {
    nodes.get(rng.below(nodes.len() as u64) as usize).copied()
}
