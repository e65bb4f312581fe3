//! Durable queues and topics in files: the mqlab engine on a machine's disk.
//!
//! The engine itself does no I/O. This crate is one of its hosts: [`log`] keeps its logs in files.

mod error;
pub mod log;

pub use error::Error;
