//! How small can a run be made that goes wrong? A long random run finds a fault; a short one explains it.
//!
//! ```text
//!   12 faults, 3 brokers, 5 clients, 140 messages, 6.9 s
//!        │ leave something out, run it again: does it still go wrong?
//!        ├── yes: go on from there
//!        └── no:  put it back, and leave out something else
//!        ▼
//!    2 faults, 2 brokers, 2 clients, 3 messages, 0.4 s
//! ```
//!
//! What is left out, over and over until nothing more can be: faults, in halves, then quarters, then one by one (delta
//! debugging); clients; brokers; messages, the last ones and the first ones; partitions and replicas; every setting that
//! may be left out; time at the end. Each candidate is tried under a few seeds, because whatever is left out shifts the
//! chance of all that follows.
//!
//! Source: A. Zeller, R. Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Value;

use super::command::Action;
use super::scenario::Scenario;
use crate::ids::NodeId;
use crate::time::Time;

/// Under so many seeds a candidate is tried.
const SEEDS_A_TRY: u64 = 4;
/// A moment is easier to read with fewer digits: to a tenth of a second, ten milliseconds, or one, in microseconds.
const ROUND: [u64; 3] = [100_000, 10_000, 1_000];

/// What shrinking came to.
///
/// ```
/// use mqlab_core::sim::{Scenario, shrink};
/// let scenario = Scenario::built_in("kill-the-leader").ok_or("no such scenario")?;
/// // Whatever has a message goes wrong, let us say: then one is enough.
/// let fails = |scenario: &Scenario| scenario.producers.iter().any(|producer| producer.messages > 0);
/// let small = shrink(&scenario, 20, 1_000, fails);
/// assert_eq!(small.scenario.producers.len(), 1);
/// assert_eq!((small.scenario.producers[0].messages, small.scenario.actions.len()), (1, 0));
/// assert_eq!(small.scenario.check(), Ok(()));
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// The smallest scenario that was found, with the seed under which it goes wrong. It draws no faults.
    pub scenario: Scenario,
    /// How many runs that took.
    pub runs: u64,
}

/// Makes a scenario that goes wrong under a seed as small as `runs_max` runs allow. `fails` runs a scenario under its own
/// seed and says whether it still goes wrong.
pub fn shrink(scenario: &Scenario, seed: u64, runs_max: u64, fails: impl FnMut(&Scenario) -> bool) -> Shrunk {
    let planned = Scenario { actions: scenario.all_actions(seed), faults: None, seed, ..scenario.clone() };
    let mut shrinker = Shrinker { best: planned, runs: 0, runs_max, fails };
    loop {
        let before = shrinker.best.clone();
        shrinker.fewer_actions();
        shrinker.fewer_nodes();
        shrinker.fewer_messages();
        shrinker.fewer_copies();
        shrinker.shorter();
        shrinker.plainer();
        shrinker.rounder();
        let same = Scenario { seed: before.seed, ..shrinker.best.clone() } == before;
        if same || shrinker.runs >= runs_max {
            return Shrunk { scenario: shrinker.best, runs: shrinker.runs };
        }
    }
}

struct Shrinker<F> {
    best: Scenario,
    runs: u64,
    runs_max: u64,
    fails: F,
}

impl<F: FnMut(&Scenario) -> bool> Shrinker<F> {
    /// Goes on from a candidate if it still goes wrong under some seed; says whether it does.
    fn takes(&mut self, candidate: Scenario) -> bool {
        if candidate == self.best || candidate.check().is_err() {
            return false;
        }
        for more in 0..SEEDS_A_TRY {
            if self.runs >= self.runs_max {
                return false;
            }
            self.runs += 1;
            let candidate = Scenario { seed: self.best.seed.wrapping_add(more), ..candidate.clone() };
            if (self.fails)(&candidate) {
                self.best = candidate;
                return true;
            }
        }
        false
    }

    /// Changes a copy, and goes on from there if it still goes wrong.
    fn tries(&mut self, change: impl FnOnce(&mut Scenario)) -> bool {
        let mut candidate = self.best.clone();
        change(&mut candidate);
        self.takes(candidate)
    }

    fn fewer_actions(&mut self) {
        let mut size = self.best.actions.len();
        while size > 0 {
            let mut at = 0;
            while at < self.best.actions.len() {
                let until = (at + size).min(self.best.actions.len());
                let gone = self.tries(|candidate| _ = candidate.actions.drain(at..until));
                at = if gone { at } else { until };
            }
            size /= 2;
        }
    }

    fn fewer_nodes(&mut self) {
        let producers = (1..=self.best.producers.len() as u16).rev().map(NodeId::Producer);
        let consumers = (1..=self.best.consumers.len() as u16).rev().map(NodeId::Consumer);
        let brokers = (1..=self.best.brokers).rev().map(NodeId::Broker);
        for node in producers.chain(consumers).chain(brokers) {
            let candidate = self.best.without(node);
            self.takes(candidate);
        }
    }

    fn fewer_messages(&mut self) {
        for index in 0..self.best.producers.len() {
            let messages = |scenario: &Scenario| scenario.producers[index].messages;
            // The last ones at their moments: a later start, so that what goes wrong finds the same message on its way.
            self.least(1, messages, |scenario, fewer| {
                let producer = &mut scenario.producers[index];
                let left_out = producer.messages.saturating_sub(fewer);
                let later = left_out.saturating_mul(producer.every);
                producer.starts_at = producer.starts_at.saturating_add(later);
                producer.messages = fewer;
            });
            // The first ones.
            self.least(1, messages, |scenario, fewer| scenario.producers[index].messages = fewer);
            self.least(
                0,
                |scenario| scenario.producers[index].starts_at,
                |scenario, at| scenario.producers[index].starts_at = at,
            );
        }
    }

    fn fewer_copies(&mut self) {
        for index in 0..self.best.topics.len() {
            self.least(
                1,
                |scenario| scenario.topics[index].partitions.into(),
                |scenario, partitions| {
                    scenario.topics[index].partitions = partitions as u32;
                },
            );
            self.least(
                1,
                |scenario| scenario.topics[index].replicas.into(),
                |scenario, replicas| {
                    scenario.topics[index].replicas = replicas as u16;
                },
            );
        }
        // With fewer copies the last broker may be needed no more.
        let last = NodeId::Broker(self.best.brokers);
        let candidate = self.best.without(last);
        self.takes(candidate);
    }

    fn shorter(&mut self) {
        self.least(
            1,
            |scenario| scenario.ends_at.0,
            |scenario, ends_at| {
                scenario.ends_at = Time(ends_at);
                scenario.actions.retain(|action| action.at.0 <= ends_at);
            },
        );
    }

    /// Makes a number as small as it can be, by halving the distance.
    fn least(&mut self, least: u64, get: impl Fn(&Scenario) -> u64, set: impl Fn(&mut Scenario, u64)) {
        let mut low = least;
        while low < get(&self.best) {
            let middle = low + (get(&self.best) - low) / 2;
            if !self.tries(|candidate| set(candidate, middle)) {
                low = middle + 1;
            }
            if self.runs >= self.runs_max {
                return;
            }
        }
    }

    /// Leaves out every part of the file that may be left out.
    fn plainer(&mut self) {
        let mut path = Vec::new();
        let Ok(whole) = serde_json::to_value(&self.best) else { return };
        let mut paths = Vec::new();
        gather(&whole, &mut path, &mut paths);
        for path in paths {
            let Ok(mut value) = serde_json::to_value(&self.best) else { return };
            if !leave_out(&mut value, &path) {
                continue;
            }
            if let Ok(candidate) = serde_json::from_value::<Scenario>(value) {
                self.takes(candidate);
            }
        }
        let (low, high) = self.best.latency;
        self.tries(|candidate| candidate.latency = (low.midpoint(high), low.midpoint(high)));
    }

    /// Moments that are easier to read.
    fn rounder(&mut self) {
        for round in ROUND {
            let rounded = |time: Time| Time((time.0 / round).max(1) * round);
            for index in 0..self.best.actions.len() {
                self.tries(|candidate| {
                    let Action { at, .. } = &mut candidate.actions[index];
                    *at = rounded(*at);
                });
            }
            self.tries(|candidate| candidate.ends_at = Time(candidate.ends_at.0.next_multiple_of(round)));
        }
    }
}

/// A part of a file: keys of objects, and numbers of lists as text.
type Path = Vec<String>;

/// Every part that could be left out, the large ones first. Nodes and actions are left out elsewhere: there it matters who
/// moves up.
fn gather(value: &Value, path: &mut Path, all: &mut Vec<Path>) {
    let nodes = ["producers", "consumers", "actions"];
    let inside = path.last().is_some_and(|last| nodes.contains(&last.as_str()));
    let parts: Vec<(String, &Value)> = match value {
        Value::Object(parts) => parts.iter().map(|(key, part)| (key.clone(), part)).collect(),
        Value::Array(parts) => {
            parts.iter().enumerate().map(|(index, part)| (format!("{index}"), part)).collect()
        }
        _ => return,
    };
    // From the back, so that those before keep their numbers.
    for (key, part) in parts.into_iter().rev() {
        path.push(key);
        let is_list_of_nodes = path.len() == 1 && nodes.contains(&path[0].as_str());
        if !inside && !is_list_of_nodes {
            all.push(path.clone());
        }
        if path.len() != 1 || path[0] != "actions" {
            gather(part, path, all);
        }
        path.pop();
    }
}

/// Leaves a part out; whether it was there.
fn leave_out(value: &mut Value, path: &[String]) -> bool {
    let Some((key, rest)) = path.split_first() else { return false };
    let index = key.parse::<usize>().ok();
    match (value, rest.is_empty(), index) {
        (Value::Object(parts), true, _) => parts.remove(key).is_some(),
        (Value::Object(parts), false, _) => parts.get_mut(key).is_some_and(|part| leave_out(part, rest)),
        (Value::Array(parts), true, Some(index)) if index < parts.len() => {
            parts.remove(index);
            true
        }
        (Value::Array(parts), false, Some(index)) => {
            parts.get_mut(index).is_some_and(|part| leave_out(part, rest))
        }
        _ => false,
    }
}
