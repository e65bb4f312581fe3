//! How does the engine play a script? A profile is driven as the lab drives it, with a clock that goes when the script says
//! so: a wait of a second takes none.

mod active;
mod quorum;
mod rabbit;
mod rabbit_steps;

pub use active::Active;
pub use rabbit::Rabbit;

use crate::broker::Broker;
use crate::script::System;

/// The engine's profile of a system.
pub fn profile(system: System) -> Box<dyn Broker> {
    match system {
        System::Rabbitmq => Box::new(Rabbit::default()),
        System::Activemq => Box::new(Active::default()),
    }
}
