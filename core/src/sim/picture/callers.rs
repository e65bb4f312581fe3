//! What is drawn of those who call and are called: users, and the services that work for them.

use alloc::string::String;
use alloc::vec::Vec;

use crate::ids::{Name, NodeId, OrderId};
use crate::time::Time;

/// One service.
///
/// ```
/// use mqlab_core::sim::{Scenario, Timeline};
/// let mut timeline = Timeline::new(Scenario::built_in("flash-sale-by-calls").ok_or("no such scenario")?, 12)?;
/// timeline.seek(timeline.ends_at());
/// let services = timeline.picture(8).services;
/// assert!(services.iter().all(|service| service.working.len() <= usize::from(service.workers)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceView {
    /// Which.
    pub node: NodeId,
    /// What the scenario calls it.
    pub name: String,
    /// Whether its process runs.
    pub up: bool,
    /// The queue or topic that it takes work from, if not only calls.
    pub from: Option<Name>,
    /// Its group; `None` for one that reads no topic.
    pub group: Option<Name>,
    /// The partitions that it reads.
    pub assigned: Vec<u32>,
    /// The services that it calls, in the order of its steps.
    pub calls: Vec<NodeId>,
    /// The queues and topics that it sends to.
    pub sends_to: Vec<Name>,
    /// How many orders it can work on at once.
    pub workers: u16,
    /// How many calls may wait for a worker.
    pub backlog: u32,
    /// The orders that workers have in hands, and since when, the first begun first.
    pub working: Vec<(OrderId, Time)>,
    /// The orders that wait for a worker, the first to be served first.
    pub waiting: Vec<OrderId>,
    /// How many orders it did its part of.
    pub worked: u64,
    /// How many it gave up.
    pub gave_up: u64,
    /// How many it had no room for.
    pub turned_away: u64,
}

/// One crowd of users.
///
/// ```
/// use mqlab_core::sim::{Scenario, Timeline};
/// let mut timeline = Timeline::new(Scenario::built_in("flash-sale-by-calls").ok_or("no such scenario")?, 12)?;
/// timeline.seek(timeline.ends_at());
/// for crowd in timeline.picture(8).users {
///     assert_eq!(crowd.asked, crowd.waiting + crowd.done + crowd.accepted + crowd.errors);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserView {
    /// Which.
    pub node: NodeId,
    /// What the scenario calls it.
    pub name: String,
    /// The service that it calls.
    pub calls: NodeId,
    /// Orders asked for.
    pub asked: u64,
    /// Orders that it will ask for in all.
    pub planned: u64,
    /// Orders that somebody waits for an answer to.
    pub waiting: u64,
    /// Orders of which somebody was told that they are done.
    pub done: u64,
    /// Orders of which somebody was told that they are accepted.
    pub accepted: u64,
    /// Orders of which somebody was told that they failed, or nothing.
    pub errors: u64,
    /// Orders of which somebody was let know afterwards what became of them.
    pub notified: u64,
}
