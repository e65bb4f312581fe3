//! Where do the figures come from? A file that names a source for each: read it, change it, describe another machine.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::machine::{Costs, Machine, System};

/// The file that comes with the engine.
const BUILT_IN: &str = include_str!("../../../costs.json");

/// The most bytes of such a file.
pub const CATALOGUE_MAX: usize = 1024 * 1024;

/// Something, and the source of each of its figures.
///
/// ```
/// use mqlab_core::sim::Catalogue;
/// let catalogue = Catalogue::built_in();
/// let server = catalogue.machine("server").ok_or("not in the catalogue")?;
/// assert!(server.sources.contains_key("flush"));
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sourced<T> {
    /// What.
    pub what: T,
    /// For each figure by its name, who measured it, or what it is derived from.
    pub sources: BTreeMap<String, String>,
}

/// Machines and systems.
///
/// ```
/// use mqlab_core::sim::Catalogue;
/// let catalogue = Catalogue::built_in();
/// let names: Vec<&str> = catalogue.systems.iter().map(|system| system.what.name.as_str()).collect();
/// assert_eq!(names, ["activemq", "rabbitmq", "rocketmq", "kafka", "pulsar"]);
/// assert_eq!(Catalogue::from_json(&catalogue.to_json())?, catalogue);
/// # Ok::<(), mqlab_core::sim::BadCatalogue>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// Machines.
    pub machines: Vec<Sourced<Machine>>,
    /// Systems.
    pub systems: Vec<Sourced<System>>,
}

/// Why a file is no catalogue.
///
/// ```
/// use mqlab_core::sim::Catalogue;
/// let error = Catalogue::from_json("{}").expect_err("it names nothing");
/// assert!(error.to_string().starts_with("no catalogue of costs: "));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadCatalogue(String);

impl fmt::Display for BadCatalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no catalogue of costs: {}", self.0)
    }
}

impl core::error::Error for BadCatalogue {}

impl Catalogue {
    /// The one that comes with the engine.
    ///
    /// # Panics
    ///
    /// Never: a test reads it.
    pub fn built_in() -> Self {
        Self::from_json(BUILT_IN).expect("the catalogue that comes with the engine is sound")
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// [`BadCatalogue`] when it is too long, is no JSON of this form, or a figure is out of bounds.
    pub fn from_json(json: &str) -> Result<Self, BadCatalogue> {
        if json.len() > CATALOGUE_MAX {
            let bytes = json.len();
            return Err(BadCatalogue(format!("it has {bytes} bytes, use up to {CATALOGUE_MAX}")));
        }
        let catalogue: Self = serde_json::from_str(json).map_err(|error| BadCatalogue(error.to_string()))?;
        if let (Some(machine), Some(system)) = (catalogue.machines.first(), catalogue.systems.first()) {
            for machine in &catalogue.machines {
                let costs = Costs { machine: machine.what.clone(), system: system.what.clone() };
                costs.check().map_err(|error| BadCatalogue(error.0))?;
            }
            for system in &catalogue.systems {
                let costs = Costs { machine: machine.what.clone(), system: system.what.clone() };
                costs.check().map_err(|error| BadCatalogue(error.0))?;
            }
        }
        Ok(catalogue)
    }

    /// As a file.
    ///
    /// # Panics
    ///
    /// Never: plain data can be written.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("plain data can be written")
    }

    /// A machine by its name.
    pub fn machine(&self, name: &str) -> Option<&Sourced<Machine>> {
        self.machines.iter().find(|machine| machine.what.name == name)
    }

    /// A system by its name.
    pub fn system(&self, name: &str) -> Option<&Sourced<System>> {
        self.systems.iter().find(|system| system.what.name == name)
    }

    /// What a system costs on a machine, both by their names.
    pub fn costs(&self, machine: &str, system: &str) -> Option<Costs> {
        let machine = self.machine(machine)?.what.clone();
        Some(Costs { machine, system: self.system(system)?.what.clone() })
    }
}
