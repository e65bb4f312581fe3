//! What does a run suffer, and when is it over? A scenario's actions and what it draws from a seed, summed up.
//!
//! The promises that settings make hold under some faults and not under others: whoever says which are made has to know
//! what will happen. That is known before the run, for chance comes from the seed.

use alloc::vec::Vec;

use super::command::{Action, Command};
use super::scenario::Scenario;
use crate::ids::{Name, NodeId};
use crate::observe::{Change, DiskState, Link, LinkFault};
use crate::sorted::{SortedMap, SortedSet};
use crate::time::Time;

/// What a run suffers.
#[derive(Clone, Debug, Default)]
pub(super) struct Adversity {
    /// Everything that is done, in order.
    pub(super) actions: Vec<Action>,
    /// The moment after which nothing is wrong any more; `None` if something stays wrong to the end.
    pub(super) over: Option<Time>,
    /// Whose power was cut.
    pub(super) dark: SortedSet<NodeId>,
    /// Whose disk lied.
    pub(super) lied: SortedSet<NodeId>,
    /// Who got an empty disk, each time.
    pub(super) replaced: Vec<NodeId>,
    /// What of it was more than a process that died, or a machine that went dark, and came back.
    pub(super) more_than_deaths: bool,
    /// Topics that get more partitions by somebody's hand.
    pub(super) grown: SortedSet<Name>,
    /// Brokers that something was done to.
    pub(super) brokers: SortedSet<NodeId>,
}

impl Scenario {
    /// Everything that goes wrong under a seed: the scenario's actions, and those that it draws, in order of their
    /// moments.
    ///
    /// ```
    /// use mqlab_core::sim::Scenario;
    /// let scenario = Scenario::built_in("kill-the-leader").ok_or("no such scenario")?;
    /// assert_eq!(scenario.all_actions(20), scenario.actions); // it draws none
    /// # Ok::<(), &str>(())
    /// ```
    pub fn all_actions(&self, seed: u64) -> Vec<Action> {
        let mut actions = self.actions.clone();
        if let Some(plan) = &self.faults {
            actions.extend(plan.draw(self, seed));
        }
        actions.sort_by_key(|action| action.at);
        actions
    }
}

/// What is wrong at a moment.
#[derive(Default)]
struct Wrong {
    down: SortedSet<NodeId>,
    frozen: SortedSet<NodeId>,
    skewed: SortedSet<NodeId>,
    disks: SortedMap<NodeId, DiskState>,
    everywhere: bool,
    links: SortedSet<(NodeId, NodeId)>,
}

impl Wrong {
    fn is_over(&self) -> bool {
        let nodes = [&self.down, &self.frozen, &self.skewed];
        nodes.iter().all(|nodes| nodes.is_empty())
            && self.disks.is_empty()
            && !self.everywhere
            && self.links.is_empty()
    }

    fn suffer(&mut self, command: &Command) {
        match *command {
            Command::Crash(node)
            | Command::CutPower(node)
            | Command::ShutDown(node)
            | Command::CrashOnceDone(node) => {
                self.frozen.remove(&node);
                self.down.insert(node);
            }
            // A broker on a full disk stops again.
            Command::Restart(node) if self.disks.get(&node) == Some(&DiskState::Full) => {}
            Command::Restart(node) | Command::Replace(node) => _ = self.down.remove(&node),
            Command::Freeze(node) => _ = self.frozen.insert(node),
            Command::Thaw(node) => _ = self.frozen.remove(&node),
            Command::Skew { node, by: 0 } => _ = self.skewed.remove(&node),
            Command::Skew { node, .. } => _ = self.skewed.insert(node),
            Command::Disk { node, is: DiskState::Sound } => _ = self.disks.remove(&node),
            Command::Disk { node, is } => {
                if is == DiskState::Full {
                    self.down.insert(node); // it stops when it next writes
                }
                self.disks.insert(node, is);
            }
            Command::Link { link, fault } => self.hurt(link, fault),
            // It does not come back unless somebody starts it again.
            Command::Change(Change::Leave(node)) => _ = self.down.insert(node),
            Command::Change(_) => {}
        }
    }

    fn hurt(&mut self, link: Link, fault: LinkFault) {
        let heals = match fault {
            // One message, and all is well again.
            LinkFault::LoseNext | LinkFault::DuplicateNext | LinkFault::ReorderNext => return,
            LinkFault::Heal => true,
            _ => false,
        };
        let ways: &[(NodeId, NodeId)] = match link {
            Link::Everywhere => {
                self.everywhere = !heals;
                if heals {
                    self.links.clear();
                }
                &[]
            }
            Link::OneWay(a, b) => &[(a, b)],
            Link::Both(a, b) => &[(a, b), (b, a)],
        };
        for way in ways {
            _ = if heals { self.links.remove(way) } else { self.links.insert(*way) };
        }
    }
}

impl Adversity {
    /// What a scenario's run suffers under a seed.
    pub(super) fn of(scenario: &Scenario, seed: u64) -> Self {
        let mut all = Self { actions: scenario.all_actions(seed), over: Some(Time::ZERO), ..Self::default() };
        let mut wrong = Wrong::default();
        for Action { at, command } in &all.actions {
            wrong.suffer(command);
            all.over = wrong.is_over().then_some(*at);
            let node = command.node();
            let ends = matches!(
                command,
                Command::Restart(_)
                    | Command::Thaw(_)
                    | Command::Skew { by: 0, .. }
                    | Command::Disk { is: DiskState::Sound, .. }
                    | Command::Link { fault: LinkFault::Heal, .. }
                    | Command::Change(_)
            );
            all.more_than_deaths |= !ends
                && !matches!(
                    command,
                    Command::Crash(_)
                        | Command::CutPower(_)
                        | Command::ShutDown(_)
                        | Command::CrashOnceDone(_)
                );
            if !ends {
                all.brokers.extend(node.filter(|node| matches!(node, NodeId::Broker(_) | NodeId::Voter(_))));
                if let Command::Link { link, .. } = *command {
                    all.brokers.extend(
                        link.nodes().filter(|node| matches!(node, NodeId::Broker(_) | NodeId::Voter(_))),
                    );
                }
            }
            if let Command::Change(Change::Partitions { topic, .. }) = command {
                all.grown.insert(topic.clone());
            }
            match (command, node) {
                (Command::CutPower(_), Some(node)) => _ = all.dark.insert(node),
                (Command::Disk { is: DiskState::Lying, .. }, Some(node)) => _ = all.lied.insert(node),
                (Command::Replace(_), Some(node)) => all.replaced.push(node),
                _ => {}
            }
        }
        all
    }

    /// Whether the disks of brokers keep what was flushed, and all of it was, if `flushed`: no more than one broker's
    /// disk is replaced, and that is all that goes wrong then.
    pub(super) fn disks_keep(&self, flushed: bool) -> bool {
        // A controller's log is on a disk, too.
        let is_broker = |node: &&NodeId| matches!(node, NodeId::Broker(_) | NodeId::Voter(_));
        let replaced: Vec<&NodeId> = self.replaced.iter().filter(is_broker).collect();
        let dark: Vec<&NodeId> = self.dark.iter().filter(is_broker).collect();
        let lost_a_tail = dark.iter().any(|node| !flushed || self.lied.contains(node));
        let alone = replaced.is_empty() || self.is_one_new_disk();
        alone && !lost_a_tail
    }

    /// Whether somebody's disk is replaced.
    pub(super) fn replaces(&self) -> bool {
        !self.replaced.is_empty()
    }

    /// Whether all that happens is that one broker dies and comes back with an empty disk.
    fn is_one_new_disk(&self) -> bool {
        let harmless = |action: &&Action| {
            !matches!(
                action.command,
                Command::Restart(_)
                    | Command::Thaw(_)
                    | Command::Skew { by: 0, .. }
                    | Command::Disk { is: DiskState::Sound, .. }
                    | Command::Link { fault: LinkFault::Heal, .. }
                    | Command::Change(_)
            )
        };
        let harm = self.actions.iter().filter(harmless).count();
        self.replaced.len() == 1 && self.brokers.len() == 1 && harm <= 2
    }
}
