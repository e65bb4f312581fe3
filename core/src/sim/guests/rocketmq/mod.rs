//! How does RocketMQ live in the lab?

mod names;
mod spec;
mod talk;

pub use spec::{RocketmqSource, RocketmqSpec, RocketmqTarget};

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::Guest;
use crate::ids::NodeId;
use crate::observe::Promised;
use crate::sim::Scenario;
use crate::sim::adversity::Adversity;

/// The nodes of a scenario that was checked.
pub(super) fn guests(spec: &RocketmqSpec, _scenario: &Scenario, _seed: u64) -> Vec<(NodeId, Box<dyn Guest>)> {
    let names = (1..=spec.name_servers).map(NodeId::NameServer);
    names.map(|node| (node, Box::new(names::Names::new(node)) as Box<dyn Guest>)).collect()
}

/// Whether the scenario can be played.
pub(super) fn check(_spec: &RocketmqSpec, _scenario: &Scenario) -> Result<(), String> {
    Ok(())
}

/// What it promises.
pub(super) fn promises(_spec: &RocketmqSpec, _scenario: &Scenario, _adversity: &Adversity) -> Vec<Promised> {
    Vec::new()
}
