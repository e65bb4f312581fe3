//! Who is the master, if masters may change? A controller keeps for each broker's name the master, its epoch, and who is in sync
//! with it; when the master is silent, it makes one of those the master.
//!
//! ```text
//!   broker-1, broker-2 ── Alive, each second ──▶ controller          broker-a: master broker-1, epoch 1, in sync 1 2
//!   broker-1 ── AlterInSync { 1 2 3 } ────────▶      │
//!   broker-1 ✗                                       │ nothing of it for 10 s
//!   broker-2, broker-3 ◀── RoleIs ───────────────────┘               broker-a: master broker-2, epoch 2, in sync 2
//! ```
//!
//! Only who is in sync has everything that was acknowledged; where none of them is alive there is no master. Who was the master
//! and comes back is told that it is a slave, and cuts off what the new master does not have.
//!
//! Left out: that controllers are several and agree by Raft. One keeps what it knows on a disk that does not fail.
//!
//! Source: `ReplicasInfoManager.java`, `DefaultElectPolicy.java`, `DefaultBrokerHeartbeatManager.java`.

use alloc::collections::{BTreeMap, BTreeSet};

use super::protocol::{Message, Notice};
use crate::ids::{Name, NodeId};
use crate::observe::{Event, RocketmqEvent};
use crate::systems::{Input, Out};
use crate::time::{Span, Time};

/// Who is what to a broker's name.
///
/// ```
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::systems::rocketmq::controller::Reign;
/// let reign = Reign::new(NodeId::Broker(1));
/// assert_eq!((reign.epoch, reign.in_sync.len()), (1, 1));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reign {
    /// The master; nobody while none that is in sync is alive.
    pub master: Option<NodeId>,
    /// The master's epoch.
    pub epoch: u32,
    /// Who has everything that was acknowledged, the master among them.
    pub in_sync: BTreeSet<NodeId>,
    /// How often that changed in this epoch.
    pub version: u32,
    /// Whether the master was heard of.
    pub began: bool,
}

impl Reign {
    /// That of the first master.
    pub fn new(master: NodeId) -> Self {
        Self { master: Some(master), epoch: 1, in_sync: BTreeSet::from([master]), version: 0, began: false }
    }
}

/// What is known of a broker that is alive.
#[derive(Clone, Copy, Debug)]
struct Heard {
    at: Time,
    /// The last epoch in its log, and the log's end.
    reach: (u32, u64),
}

/// A controller.
///
/// ```
/// use mqlab_core::ids::{Name, NodeId};
/// use mqlab_core::systems::rocketmq::controller::{Controller, Reign};
/// use mqlab_core::time::Span;
/// let (a, first) = (Name::new("broker-a")?, NodeId::Broker(1));
/// let reigns = [(a.clone(), (Reign::new(first), vec![first, NodeId::Broker(2)]))].into();
/// let controller = Controller::new(Span::from_millis(10_000), reigns);
/// assert_eq!(controller.reign(&a).and_then(|reign| reign.master), Some(first));
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug)]
pub struct Controller {
    expires: Span,
    /// With those that have the name.
    reigns: BTreeMap<Name, (Reign, alloc::vec::Vec<NodeId>)>,
    heard: BTreeMap<NodeId, Heard>,
    /// When it heard of the first broker.
    since: Option<Time>,
}

impl Controller {
    /// One that takes a broker for dead of which it heard nothing for so long.
    pub fn new(expires: Span, reigns: BTreeMap<Name, (Reign, alloc::vec::Vec<NodeId>)>) -> Self {
        Self { expires, reigns, heard: BTreeMap::new(), since: None }
    }

    /// Who is what to a name.
    pub fn reign(&self, broker: &Name) -> Option<&Reign> {
        self.reigns.get(broker).map(|(reign, _)| reign)
    }

    /// It starts again, with what it had on its disk: nobody was silent since.
    pub fn restart(&mut self, now: Time) {
        self.heard.values_mut().for_each(|heard| heard.at = now);
    }

    /// Takes an input.
    pub fn handle(&mut self, now: Time, input: &Input<Message>, out: &mut Out<Message>) {
        match input {
            Input::HangUp { peer } => _ = self.heard.remove(peer),
            Input::Message { from, message: Message::Notice(notice) } => match notice {
                Notice::Alive { broker, reach, is_new } => {
                    self.since.get_or_insert(now);
                    self.heard.insert(*from, Heard { at: now, reach: *reach });
                    if let Some((reign, _)) = self.reigns.get_mut(broker) {
                        // It may have lost the end of its log: another that is in sync is the better master.
                        if *is_new && reign.master == Some(*from) && reign.began {
                            reign.master = None;
                        }
                        reign.began |= reign.master == Some(*from);
                        out.sends.push((*from, Message::Notice(Notice::RoleIs(reign.clone()))));
                    }
                }
                Notice::AlterInSync { broker, epoch, version, in_sync } => {
                    self.alter(*from, broker, (*epoch, *version), in_sync, out);
                }
                _ => {}
            },
            Input::Wake | Input::Message { .. } => {}
        }
        self.elect(now, out);
    }

    /// A master says who is in sync with it. One that was replaced is not listened to.
    fn alter(
        &mut self,
        from: NodeId,
        broker: &Name,
        (epoch, version): (u32, u32),
        in_sync: &BTreeSet<NodeId>,
        out: &mut Out<Message>,
    ) {
        let Some((reign, members)) = self.reigns.get_mut(broker) else { return };
        let is_current = reign.master == Some(from) && (reign.epoch, reign.version) == (epoch, version);
        let is_sound = in_sync.contains(&from) && in_sync.iter().all(|node| members.contains(node));
        if is_current && is_sound {
            reign.in_sync = in_sync.clone();
            reign.version += 1;
            let (broker, in_sync) = (broker.clone(), in_sync.iter().copied().collect());
            out.events.push(Event::Rocketmq(RocketmqEvent::InSyncIs { broker, in_sync }));
        }
        out.sends.push((from, Message::Notice(Notice::RoleIs(reign.clone()))));
    }

    /// Replaces masters that are silent.
    fn elect(&mut self, now: Time, out: &mut Out<Message>) {
        let expires = self.expires;
        self.heard.retain(|_, heard| now.since(heard.at) <= expires);
        for (broker, (reign, members)) in &mut self.reigns {
            // Before anybody was heard of nobody is missed; and a first master has a while to come.
            let is_known = members.iter().any(|member| self.heard.contains_key(member));
            let waits = !reign.began && self.since.is_none_or(|since| now.since(since) <= expires);
            if !is_known || waits || reign.master.is_some_and(|master| self.heard.contains_key(&master)) {
                continue;
            }
            let reach = |node: &NodeId| self.heard.get(node).map(|heard| heard.reach);
            let fit = reign.in_sync.iter().filter_map(|node| Some((reach(node)?, *node)));
            // Of two that reach as far the one with the lesser number.
            let best = fit.max_by_key(|(reach, node)| (*reach, core::cmp::Reverse(*node)));
            match best {
                Some((_, master)) => {
                    *reign = Reign {
                        master: Some(master),
                        epoch: reign.epoch + 1,
                        in_sync: BTreeSet::from([master]),
                        version: 0,
                        began: true,
                    };
                    let (broker, epoch) = (broker.clone(), reign.epoch);
                    out.events.push(Event::Rocketmq(RocketmqEvent::MasterIs { broker, master, epoch }));
                }
                None if reign.master.take().is_some() => {
                    let broker = broker.clone();
                    out.events.push(Event::Rocketmq(RocketmqEvent::NoMaster { broker }));
                }
                None => continue,
            }
            for member in members.iter() {
                out.sends.push((*member, Message::Notice(Notice::RoleIs(reign.clone()))));
            }
        }
    }

    /// When somebody may be missed.
    pub fn next_wakeup(&self) -> Option<Time> {
        self.heard.values().map(|heard| heard.at + self.expires + Span(1)).min()
    }
}
