//! What does a machine take for what a broker asks of it, and what a broker's program for itself?

use alloc::format;
use alloc::string::String;

use serde::{Deserialize, Serialize};

use super::super::scenario::InvalidScenario;

/// The most cores of a machine.
pub const CORES_MAX: u16 = 1_024;
/// The most that anything costs, in nanoseconds: a second.
pub const COST_MAX: u64 = 1_000_000_000;

/// What a run costs: on which machines it runs, and which program the brokers are.
///
/// ```
/// use mqlab_core::sim::{Catalogue, Scenario};
/// let catalogue = Catalogue::built_in();
/// let mut scenario = Scenario::built_in("hundred-messages").ok_or("no such scenario")?;
/// assert_eq!(scenario.costs, None); // then brokers answer at once
/// scenario.costs = Some(catalogue.costs("server", "rabbitmq").ok_or("not in the catalogue")?);
/// scenario.check()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Costs {
    /// What each node stands on.
    pub machine: Machine,
    /// What each broker is.
    pub system: System,
}

/// What the parts of a machine take, in nanoseconds.
///
/// ```
/// use mqlab_core::sim::Catalogue;
/// let catalogue = Catalogue::built_in();
/// let machine = &catalogue.machine("server").ok_or("not in the catalogue")?.what;
/// assert!(machine.flush > 100 * machine.system_call); // why brokers gather what they flush
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// What it is called.
    pub name: String,
    /// How many cores it has.
    pub cores: u16,
    /// A system call, into the kernel and back.
    pub system_call: u64,
    /// Another thread gets the core: when something wakes a broker that waits.
    pub switch: u64,
    /// The processor copies a KiB.
    pub copy: u64,
    /// A KiB becomes a part of a file in the page cache, beside its copy.
    pub page: u64,
    /// A KiB's checksum.
    pub checksum: u64,
    /// The disk makes durable what was written: each time.
    pub flush: u64,
    /// And for each KiB.
    pub disk: u64,
    /// A KiB on the wire.
    pub network: u64,
}

/// How stored bytes reach the network.
///
/// | way | calls | switches between user and kernel | copies by the processor |
/// |---|---|---|---|
/// | read and write | 2 | 4 | 2 |
/// | mmap and write | 1, once it is mapped | 2 | 1 |
/// | sendfile, and a card that gathers | 1 | 2 | 0 |
///
/// (The mapping itself is made once for a file, so it is not counted for each answer.) Source: Kafka's design document,
/// "Efficiency"; `man 2 sendfile`.
///
/// ```
/// use mqlab_core::sim::Path;
/// assert_eq!(Path::SendFile.copies(), 0);
/// assert_eq!(Path::ReadWrite.calls(), 2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Path {
    /// Into the program's memory, and out of it.
    ReadWrite,
    /// Out of a file that lies in the program's memory: it can look at what it sends.
    Mmap,
    /// By the kernel, past the program: it cannot look at what it sends, nor encrypt it.
    SendFile,
}

impl Path {
    /// How many system calls a stored answer takes.
    pub fn calls(self) -> u64 {
        match self {
            Self::ReadWrite => 2,
            Self::Mmap | Self::SendFile => 1,
        }
    }

    /// How often the processor copies it.
    pub fn copies(self) -> u64 {
        match self {
            Self::ReadWrite => 2,
            Self::Mmap => 1,
            Self::SendFile => 0,
        }
    }
}

/// What a broker's program takes for itself, in nanoseconds, beside what it asks of the machine.
///
/// ```
/// use mqlab_core::sim::Catalogue;
/// let catalogue = Catalogue::built_in();
/// let what = |name| catalogue.system(name).map(|system| system.what.message_in);
/// assert!(what("rabbitmq") > what("kafka")); // one looks at each message, the other at each batch
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct System {
    /// What it is called.
    pub name: String,
    /// How stored bytes reach the network.
    pub path: Path,
    /// A request, whatever it holds: its protocol, its threads.
    pub request: u64,
    /// A message that comes in.
    pub message_in: u64,
    /// A message that is pushed, or packed anew. What is sent as it is stored is no work for each message.
    pub message_out: u64,
}

impl Costs {
    /// Checks that nothing is out of bounds.
    ///
    /// # Errors
    ///
    /// [`InvalidScenario`] names the figure that is wrong.
    pub(in super::super) fn check(&self) -> Result<(), InvalidScenario> {
        let Self { machine, system } = self;
        if !(1..=CORES_MAX).contains(&machine.cores) {
            let cores = machine.cores;
            return Err(InvalidScenario(format!("the machine has {cores} cores, use 1 to {CORES_MAX}")));
        }
        let figures = [
            ("system_call", machine.system_call),
            ("switch", machine.switch),
            ("copy", machine.copy),
            ("page", machine.page),
            ("checksum", machine.checksum),
            ("flush", machine.flush),
            ("disk", machine.disk),
            ("network", machine.network),
            ("request", system.request),
            ("message_in", system.message_in),
            ("message_out", system.message_out),
        ];
        match figures.into_iter().find(|(_, cost)| *cost > COST_MAX) {
            Some((name, cost)) => {
                Err(InvalidScenario(format!("{name} costs {cost} ns, use up to {COST_MAX}")))
            }
            None => Ok(()),
        }
    }
}
