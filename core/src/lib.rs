//! One engine for message queues.
#![no_std]

extern crate alloc;

/// The engine's version, as the workspace names it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
