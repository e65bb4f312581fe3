//! An exchange that routes by pattern, and what becomes of what nobody can use: dead letters.
//!
//! `cargo run -p mqlab-core --example exchange`

use mqlab_core::message::Message;
use mqlab_core::queue::{DeadLetter, QueueOptions};
use mqlab_core::routing::ExchangeKind;
use mqlab_core::time::Time;
use mqlab_core::vhost::VirtualHost;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let now = Time::ZERO;
    let mut host = VirtualHost::in_memory();
    let dead_letter = Some(DeadLetter::to_queue("graveyard"));
    host.declare_queue(now, "graveyard", QueueOptions::default())?;
    host.declare_queue(now, "europe", QueueOptions { dead_letter, ..QueueOptions::default() })?;
    host.declare_exchange("orders", ExchangeKind::Topic)?;
    host.bind("orders", "europe", "order.eu.#")?;
    for key in ["order.eu.paid", "order.us.paid", "order.eu.broken"] {
        let published = host.publish(now, "orders", key, Message::new(key))?;
        println!("{key}: {} queue(s) took it", published.queues);
    }

    while let Some(order) = host.receive(now, "europe")? {
        match order.message.routing_key() {
            Some(key) if key.ends_with("broken") => host.nack(now, order.handle, false)?,
            _ => host.ack(now, order.handle)?,
        }
    }
    let letter = host.receive(now, "graveyard")?.ok_or("nothing was refused")?;
    let death = letter.message.deaths().first().ok_or("it has no history")?;
    println!("{} left {} ({})", letter.message.text(), death.queue, death.reason.as_str());
    Ok(host.ack(now, letter.handle)?)
}

#[test]
fn runs() -> Result<(), Box<dyn std::error::Error>> {
    main()
}
