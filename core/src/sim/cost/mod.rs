//! What does it cost? What a broker does takes time: system calls, copies, checksums, flushes, bytes on the wire. A
//! scenario may say how much, and then throughput and waiting times come out of its run.
//!
//! ```text
//!   a burst comes      │ woken: a switch │ per packet: a call, a copy │ per request and message: the broker's own work │
//!                      │ appended: a call, a copy into the page cache │ flushed: until the disk has it                 │
//!   the answers leave  │ per packet: a call; its bytes by read and write, by mmap, or by sendfile                      │
//!                        ───────────────────────── busy: what comes meanwhile waits, and is the next burst ─────────▶
//! ```
//!
//! * [`Machine`]: what its processor, disk and network take. [`System`]: what a broker's program takes for itself, and by
//!   which of the three ways its stored bytes reach the network. [`Catalogue`]: machines and systems with the source of each
//!   figure, kept in `core/costs.json`, to be read and changed.
//! * A processor's cores share the work of a burst as far as it concerns different queues or partitions: what concerns
//!   one is done by one. A flush is waited for; what comes meanwhile shares the next one.
//! * Without costs, which is how a scenario is unless it says otherwise, brokers answer at once.
//!
//! Left out: clients cost nothing, so that it is brokers that are compared; a disk reads nothing (what is read was just
//! written, and is in the page cache); and a network card sends one byte after the other, but takes in all at once.

mod bill;
mod catalogue;
mod charge;
mod machine;
mod weight;

pub use bill::Bill;
pub use catalogue::{BadCatalogue, CATALOGUE_MAX, Catalogue, Sourced};
pub use machine::{CORES_MAX, COST_MAX, Costs, Machine, Path, System};

pub(super) use charge::{Accounts, Asked, BurstCost};
pub(super) use weight::Weight;
