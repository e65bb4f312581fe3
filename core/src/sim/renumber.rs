//! What becomes of a scenario when somebody leaves it? Those behind move up, and what was done to the one who left is not
//! done any more.

use super::command::{Action, Command};
use super::scenario::Scenario;
use crate::ids::NodeId;
use crate::observe::{Change, Link};

impl Command {
    /// The same command where nodes have other numbers; `None` when it is about one that is gone.
    fn renumbered(&self, new: impl Fn(NodeId) -> Option<NodeId>) -> Option<Self> {
        if let Self::Change(change) = self {
            return Some(Self::Change(moved(change, new)?));
        }
        Some(match *self {
            Self::Change(_) => return None,
            Self::Crash(node) => Self::Crash(new(node)?),
            Self::CutPower(node) => Self::CutPower(new(node)?),
            Self::ShutDown(node) => Self::ShutDown(new(node)?),
            Self::Restart(node) => Self::Restart(new(node)?),
            Self::Replace(node) => Self::Replace(new(node)?),
            Self::Freeze(node) => Self::Freeze(new(node)?),
            Self::Thaw(node) => Self::Thaw(new(node)?),
            Self::CrashOnceDone(node) => Self::CrashOnceDone(new(node)?),
            Self::Skew { node, by } => Self::Skew { node: new(node)?, by },
            Self::Disk { node, is } => Self::Disk { node: new(node)?, is },
            Self::Link { link, fault } => {
                let link = match link {
                    Link::OneWay(a, b) => Link::OneWay(new(a)?, new(b)?),
                    Link::Both(a, b) => Link::Both(new(a)?, new(b)?),
                    Link::Everywhere => Link::Everywhere,
                };
                Self::Link { link, fault }
            }
        })
    }
}

/// The same change where nodes have other numbers.
fn moved(change: &Change, new: impl Fn(NodeId) -> Option<NodeId>) -> Option<Change> {
    let mut change = change.clone();
    match &mut change {
        Change::Every { node, .. }
        | Change::Acks { node, .. }
        | Change::Work { node, .. }
        | Change::Prefetch { node, .. }
        | Change::Ack { node, .. }
        | Change::Join(node)
        | Change::Leave(node)
        | Change::Queue { on: node, .. }
        | Change::Exchange { on: node, .. } => *node = new(*node)?,
        _ => {}
    }
    Some(change)
}

impl Scenario {
    /// The scenario without one of its producers, consumers or brokers. It may not be sound any more: then
    /// [`check`](Self::check) says so.
    pub(super) fn without(&self, gone: NodeId) -> Self {
        let mut rest = self.clone();
        let at = |number: u16| usize::from(number).saturating_sub(1);
        match gone {
            NodeId::Producer(number) if at(number) < rest.producers.len() => {
                rest.producers.remove(at(number));
            }
            NodeId::Consumer(number) if at(number) < rest.consumers.len() => {
                rest.consumers.remove(at(number));
            }
            // Places are given to brokers by their numbers: only the last can go.
            NodeId::Broker(number) if number == rest.brokers => {
                rest.brokers -= 1;
                rest.racks.truncate(rest.brokers.into());
            }
            _ => return rest,
        }
        let down = |number: u16, gone: u16| if number > gone { number - 1 } else { number };
        let new = |node: NodeId| match (node, gone) {
            (node, gone) if node == gone => None,
            (NodeId::Producer(number), NodeId::Producer(gone)) => Some(NodeId::Producer(down(number, gone))),
            (NodeId::Consumer(number), NodeId::Consumer(gone)) => Some(NodeId::Consumer(down(number, gone))),
            (node, _) => Some(node),
        };
        let kept =
            |Action { at, command }: &Action| Some(Action { at: *at, command: command.renumbered(new)? });
        rest.actions = self.actions.iter().filter_map(kept).collect();
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;

    #[test]
    fn those_behind_move_up() {
        let mut scenario = Scenario::built_in("kill-the-leader").expect("it is there");
        let texts = [
            "1 crash producer-1",
            "2 crash producer-2",
            "3 cut producer-2 and broker-1",
            "4 crash consumer-2",
            "5 lose everywhere 3",
        ];
        scenario.actions = texts.map(|text| text.parse().expect("a command")).into();
        let said = |scenario: &Scenario| -> Vec<String> {
            scenario.actions.iter().map(ToString::to_string).collect()
        };
        let rest = scenario.without(NodeId::Producer(1));
        assert_eq!(rest.producers.len() + 1, scenario.producers.len());
        assert_eq!(
            said(&rest),
            [
                "2.000 crash producer-1",
                "3.000 cut producer-1 and broker-1",
                "4.000 crash consumer-2",
                "5.000 lose everywhere 3"
            ]
        );
        assert_eq!(said(&scenario.without(NodeId::Broker(1))).len(), 5, "only the last broker can go");
        assert_eq!(scenario.without(NodeId::Broker(3)).brokers, 2);
    }
}
