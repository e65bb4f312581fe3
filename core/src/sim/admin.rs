//! What is changed in the cluster while it runs? A schedule of orders to the controller.
//!
//! Whoever gives them is a tool beside the cluster, that asks whichever controller is active; while none is, it tries
//! again.

use alloc::format;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::agenda::Rank;
use super::scenario::{InvalidScenario, PARTITIONS_MAX, Scenario};
use super::world::{Happening, World};
use crate::broker::{BadOrder, Order, Out};
use crate::ids::NodeId;
use crate::observe::Change;
use crate::sorted::SortedMap;
use crate::time::{Span, Time};

/// After this a tool asks again, where no controller is active.
pub(super) const ASKS_AGAIN: Span = Span::from_millis(20);

/// An order with its moment.
///
/// ```
/// use mqlab_core::sim::AdminAction;
/// let json = r#"{ "at": 300000, "order": { "add_partitions": { "topic": "orders", "total": 6 } } }"#;
/// let action: AdminAction = serde_json::from_str(json)?;
/// assert_eq!(action.order.to_string(), "orders shall have 6 partitions");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdminAction {
    /// When, in microseconds.
    pub at: Time,
    /// What.
    pub order: Order,
}

impl Scenario {
    /// Whether every order can be carried out when its time comes.
    pub(super) fn check_admin(&self) -> Result<(), InvalidScenario> {
        let mut totals: SortedMap<_, u32> =
            self.topics.iter().map(|topic| (&topic.name, topic.partitions)).collect();
        let mut actions: Vec<&AdminAction> = self.admin.iter().collect();
        actions.sort_by_key(|action| action.at);
        for AdminAction { at, order } in actions {
            let bad = |why: &str| Err(InvalidScenario(format!("the order that {order}: {why}")));
            if *at > self.ends_at {
                return bad("it comes after the end");
            }
            match order {
                Order::AddPartitions { topic, total } => match totals.get_mut(topic) {
                    None => return bad("there is no such topic"),
                    Some(count) if *total <= *count => return bad("it has as many, and can only get more"),
                    Some(_) if *total > PARTITIONS_MAX => {
                        return bad(&format!("use at most {PARTITIONS_MAX}"));
                    }
                    Some(count) => *count = *total,
                },
                Order::Cancel { partition } => {
                    let moves = |action: &AdminAction| match &action.order {
                        Order::Reassign { partition: moved, .. } => moved == partition && action.at < *at,
                        _ => false,
                    };
                    if !self.admin.iter().any(moves) {
                        return bad("nothing moves it before");
                    }
                }
                Order::Reassign { partition, replicas } => {
                    let known = |replica: &NodeId| matches!(replica, NodeId::Broker(_)) && self.has(*replica);
                    let once = |(index, replica): (usize, &NodeId)| !replicas[..index].contains(replica);
                    if totals.get(&partition.topic).is_none_or(|count| partition.index >= *count) {
                        return bad("there is no such partition");
                    }
                    if replicas.is_empty()
                        || !replicas.iter().all(known)
                        || !replicas.iter().enumerate().all(once)
                    {
                        return bad("name brokers of the scenario, each once, and at least one");
                    }
                }
            }
        }
        Ok(())
    }
}

impl World {
    pub(super) fn plan_orders(&mut self) {
        for (index, action) in self.scenario.admin.iter().enumerate() {
            self.agenda.plan(action.at, Rank::Command, Happening::Order(index));
        }
    }

    /// The tool gives the order to the active controller, or tries again later.
    pub(super) fn give_order(&mut self, index: usize) {
        let Some(AdminAction { order, .. }) = self.scenario.admin.get(index) else { return };
        let mut out = Out::default();
        let active = self.controllers.active().filter(|active| !self.stands_still(*active));
        let given =
            active.and_then(|node| Some((node, self.controllers.process(node)?.order(order, &mut out))));
        match given {
            Some((node, Ok(()))) => {
                if let Order::AddPartitions { topic, total } = order.clone() {
                    self.scenario.alter(self.now, &Change::Partitions { topic, total });
                }
                self.settle_controller(node, out);
            }
            // What is not there will be: the order that brings it waits for a controller, too.
            None | Some((_, Err(BadOrder::NotActive | BadOrder::Unknown | BadOrder::NoneInSync))) => {
                let at = self.now + ASKS_AGAIN;
                self.agenda.plan(at, Rank::Command, Happening::Order(index));
            }
            // A later order was carried out first, and brought more. (Bad replicas are found when the scenario is checked.)
            // Or the move that was to be cancelled is over.
            Some((
                _,
                Err(BadOrder::NotMore | BadOrder::NameTaken | BadOrder::BadReplicas | BadOrder::NotMoving),
            )) => {}
        }
    }
}
