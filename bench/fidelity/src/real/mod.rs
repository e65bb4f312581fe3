//! How does a real broker play a script? It is started on loopback, with a folder of its own, and driven by a client of its
//! own kind.

mod active;
mod guard;
mod rabbit;
mod rabbit_client;
mod rabbit_server;

pub use active::Active;
pub use rabbit::Rabbit;

use std::fmt;
use std::path::Path;

use crate::broker::{Broker, Result};
use crate::script::System;

/// A server that is not on this machine: no failure, but nothing to compare with either.
#[derive(Debug)]
pub struct NotInstalled(pub String);

impl fmt::Display for NotInstalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotInstalled {}

/// Starts a system's server in a folder, which is emptied.
///
/// # Errors
///
/// [`NotInstalled`] where there is none; otherwise when it does not start.
pub fn start(system: System, folder: &Path) -> Result<Box<dyn Broker>> {
    Ok(match system {
        System::Rabbitmq => Box::new(Rabbit::start(&folder.join("rabbitmq"))?),
        System::Activemq => Box::new(Active::start(&folder.join("activemq"))?),
    })
}
