//! What was done, and what does it come to?

use core::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::machine::{Costs, Path};
use crate::time::Span;

/// What a broker's machine was asked to do, counted.
///
/// ```
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::sim::{Catalogue, Scenario, World};
/// let mut scenario = Scenario::built_in("hundred-messages").ok_or("no such scenario")?;
/// scenario.costs = Catalogue::built_in().costs("server", "rabbitmq");
/// let (mut world, ends_at) = (World::new(scenario.clone(), 7)?, scenario.ends_at);
/// while world.next_time().is_some_and(|at| at <= ends_at) {
///     world.step();
/// }
/// let bill = world.bill(NodeId::Broker(1)).ok_or("it has costs")?;
/// assert_eq!(bill.messages_in, 100);
/// assert!(bill.flushes > 0 && bill.busy.0 > 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bill {
    /// Bursts: each woke the broker.
    pub bursts: u64,
    /// Packets that came.
    pub packets_in: u64,
    /// Messages in them.
    pub messages_in: u64,
    /// Packets that left.
    pub packets_out: u64,
    /// Messages in them that the broker packed one by one.
    pub messages_out: u64,
    /// System calls.
    pub system_calls: u64,
    /// Bytes that the processor copied.
    pub bytes_copied: u64,
    /// Bytes that were appended to logs.
    pub bytes_written: u64,
    /// Bytes that left as they are stored.
    pub bytes_as_stored: u64,
    /// Bytes that left.
    pub bytes_out: u64,
    /// Flushes.
    pub flushes: u64,
    /// How long it was busy with all this.
    pub busy: Span,
}

impl core::iter::Sum for Bill {
    /// Of several machines together.
    fn sum<I: Iterator<Item = Self>>(bills: I) -> Self {
        bills.fold(Self::default(), |sum, more| Self {
            bursts: sum.bursts + more.bursts,
            packets_in: sum.packets_in + more.packets_in,
            messages_in: sum.messages_in + more.messages_in,
            packets_out: sum.packets_out + more.packets_out,
            messages_out: sum.messages_out + more.messages_out,
            system_calls: sum.system_calls + more.system_calls,
            bytes_copied: sum.bytes_copied + more.bytes_copied,
            bytes_written: sum.bytes_written + more.bytes_written,
            bytes_as_stored: sum.bytes_as_stored + more.bytes_as_stored,
            bytes_out: sum.bytes_out + more.bytes_out,
            flushes: sum.flushes + more.flushes,
            busy: Span(sum.busy.0 + more.busy.0),
        })
    }
}

/// What a burst was, or a part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Work {
    pub(super) packets_in: u64,
    pub(super) bytes_in: u64,
    pub(super) messages_in: u64,
    pub(super) packets_out: u64,
    /// Bytes that the broker packed.
    pub(super) bytes_packed: u64,
    /// Packets and bytes that leave as they are stored.
    pub(super) stored: (u64, u64),
    pub(super) messages_out: u64,
    pub(super) appends: u64,
    pub(super) bytes_written: u64,
    pub(super) flushes: u64,
}

/// What so many bytes cost at so much a KiB.
pub(super) fn per_kib(bytes: u64, cost: u64) -> u64 {
    bytes.saturating_mul(cost) / 1_024
}

impl Work {
    /// Whether nothing came, was written, or leaves.
    pub(super) fn is_nothing(&self) -> bool {
        self.packets_in + self.packets_out + self.appends + self.flushes == 0
    }

    fn system_calls(&self, path: Path) -> u64 {
        let packed = self.packets_out - self.stored.0;
        self.packets_in + packed + self.stored.0 * path.calls() + self.appends + self.flushes
    }

    fn bytes_copied(&self, path: Path) -> u64 {
        self.bytes_in + self.bytes_written + self.bytes_packed + self.stored.1 * path.copies()
    }

    /// What the processor takes for it, in nanoseconds.
    pub(super) fn processor(&self, costs: &Costs) -> u64 {
        let Costs { machine, system } = costs;
        per_kib(self.bytes_copied(system.path), machine.copy)
            + per_kib(self.bytes_written, machine.page)
            + per_kib(self.bytes_in, machine.checksum)
            + self.system_calls(system.path).saturating_mul(machine.system_call)
            + self.packets_in.saturating_mul(system.request)
            + self.messages_in.saturating_mul(system.message_in)
            + self.messages_out.saturating_mul(system.message_out)
    }

    /// What the disk takes, in nanoseconds: what was written in the burst is flushed with it.
    pub(super) fn disk(&self, costs: &Costs) -> u64 {
        let written = if self.flushes > 0 { per_kib(self.bytes_written, costs.machine.disk) } else { 0 };
        self.flushes.saturating_mul(costs.machine.flush).saturating_add(written)
    }
}

impl AddAssign for Work {
    fn add_assign(&mut self, more: Self) {
        self.packets_in += more.packets_in;
        self.bytes_in += more.bytes_in;
        self.messages_in += more.messages_in;
        self.packets_out += more.packets_out;
        self.bytes_packed += more.bytes_packed;
        self.stored = (self.stored.0 + more.stored.0, self.stored.1 + more.stored.1);
        self.messages_out += more.messages_out;
        self.appends += more.appends;
        self.bytes_written += more.bytes_written;
        self.flushes += more.flushes;
    }
}

impl Bill {
    /// Adds a burst.
    pub(super) fn add(&mut self, work: &Work, path: Path) {
        self.bursts += 1;
        self.packets_in += work.packets_in;
        self.messages_in += work.messages_in;
        self.packets_out += work.packets_out;
        self.messages_out += work.messages_out;
        self.system_calls += work.system_calls(path);
        self.bytes_copied += work.bytes_copied(path);
        self.bytes_written += work.bytes_written;
        self.bytes_as_stored += work.stored.1;
        self.bytes_out += work.bytes_packed + work.stored.1;
        self.flushes += work.flushes;
    }
}
