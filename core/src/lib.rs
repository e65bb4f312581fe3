//! One engine for message queues.
#![no_std]
#![deny(clippy::float_arithmetic)]

extern crate alloc;

pub mod broker;
pub mod client;
pub mod ids;
pub mod log;
pub mod observe;
pub mod record;
pub mod rng;
pub mod sim;
pub mod time;

/// The engine's version, as the workspace names it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
