//! Which scripts are there? Those of the folder `scripts`, as they were when this was compiled.

use crate::broker::Result;
use crate::script::{Script, System, parse};

/// RabbitMQ's.
const RABBITMQ: &[(&str, &str)] = &[
    ("routing", include_str!("../scripts/rabbitmq/routing.txt")),
    ("delivery", include_str!("../scripts/rabbitmq/delivery.txt")),
    ("settling", include_str!("../scripts/rabbitmq/settling.txt")),
    ("time-and-room", include_str!("../scripts/rabbitmq/time-and-room.txt")),
    ("dead-letters", include_str!("../scripts/rabbitmq/dead-letters.txt")),
    ("quorum", include_str!("../scripts/rabbitmq/quorum.txt")),
];

/// ActiveMQ's.
const ACTIVEMQ: &[(&str, &str)] = &[
    ("dispatch", include_str!("../scripts/activemq/dispatch.txt")),
    ("redelivery", include_str!("../scripts/activemq/redelivery.txt")),
    ("topics", include_str!("../scripts/activemq/topics.txt")),
];

/// All scripts of a system.
///
/// # Errors
///
/// When one cannot be read, or two have one name.
pub fn of(system: System) -> Result<Vec<Script>> {
    let files = match system {
        System::Rabbitmq => RABBITMQ,
        System::Activemq => ACTIVEMQ,
    };
    let mut scripts: Vec<Script> = Vec::new();
    for (file, text) in files {
        for script in parse(text).map_err(|error| format!("{file}.txt, {error}"))? {
            if scripts.iter().any(|other| other.name == script.name) {
                return Err(format!("{file}.txt: another script is called {}", script.name).into());
            }
            scripts.push(script);
        }
    }
    Ok(scripts)
}
