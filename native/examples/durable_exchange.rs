//! Exchanges in files: they, their bindings and the dead letters are there again after a restart.
//!
//! `cargo run -p mqlab --example durable_exchange -- DIRECTORY`

use mqlab::log::FileStorage;
use mqlab::now;
use mqlab_core::message::Message;
use mqlab_core::queue::{DeadLetter, QueueOptions};
use mqlab_core::routing::ExchangeKind;
use mqlab_core::vhost::VirtualHost;

fn run(dir: &str) -> Result<(), Box<dyn std::error::Error>> {
    let mut host = VirtualHost::open(FileStorage::open(dir)?, now())?;
    let dead_letter = Some(DeadLetter::to_queue("graveyard"));
    host.declare_queue(now(), "graveyard", QueueOptions::default())?;
    host.declare_queue(now(), "europe", QueueOptions { dead_letter, ..QueueOptions::default() })?;
    host.declare_exchange("orders", ExchangeKind::Topic)?;
    host.bind("orders", "europe", "order.eu.#")?;
    host.publish(now(), "orders", "order.eu.broken", Message::new("a torn page"))?;
    let order = host.receive(now(), "europe")?.ok_or("it was not routed")?;
    host.nack(now(), order.handle, false)?; // refused for good
    host.flush()?;
    drop(host.close()?);

    let mut host = VirtualHost::open(FileStorage::open(dir)?, now())?;
    let published = host.publish(now(), "orders", "order.eu.paid", Message::new("a book"))?;
    println!("after the restart {} queue(s) took a message", published.queues);
    let order = host.receive(now(), "europe")?.ok_or("it was not routed")?;
    host.ack(now(), order.handle)?;
    let letter = host.receive(now(), "graveyard")?.ok_or("nothing was refused")?;
    let death = letter.message.deaths().first().ok_or("it has no history")?;
    println!("{} left {} ({})", letter.message.text(), death.queue, death.reason.as_str());
    host.ack(now(), letter.handle)?;
    host.flush()?;
    drop(host.close()?);
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    run(&std::env::args().nth(1).ok_or("say in which directory")?)
}

#[test]
fn runs() -> Result<(), Box<dyn std::error::Error>> {
    let scratch = tempfile::tempdir()?;
    let dir = scratch.path().to_str().ok_or("a path in UTF-8")?;
    run(dir)?;
    run(dir) // what the first left is no obstacle
}
