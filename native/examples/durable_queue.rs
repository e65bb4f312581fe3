//! A queue in files: what was not acknowledged is there again after a restart, and marked.
//!
//! `cargo run -p mqlab --example durable_queue -- DIRECTORY`

use mqlab::log::FileStorage;
use mqlab::now;
use mqlab_core::message::Message;
use mqlab_core::queue::QueueOptions;
use mqlab_core::vhost::VirtualHost;

fn run(dir: &str) -> Result<(), Box<dyn std::error::Error>> {
    let mut host = VirtualHost::open(FileStorage::open(dir)?, now())?;
    host.declare_queue(now(), "orders", QueueOptions::default())?;
    for order in ["a book", "a pen", "a lamp"] {
        host.send(now(), "orders", Message::new(order))?;
    }
    host.flush()?; // now they survive a power cut

    let first = host.receive(now(), "orders")?.ok_or("nothing is there")?;
    host.ack(now(), first.handle)?;
    let second = host.receive(now(), "orders")?.ok_or("nothing is there")?;
    println!("{}: done. {}: the program ends here", first.message.text(), second.message.text());
    host.flush()?;
    drop(host.close()?);

    let mut host = VirtualHost::open(FileStorage::open(dir)?, now())?;
    let mut again = 0;
    while let Some(order) = host.receive(now(), "orders")? {
        println!("{}: done, delivered {} times", order.message.text(), order.count);
        again += u32::from(order.is_redelivered());
        host.ack(now(), order.handle)?;
    }
    host.flush()?;
    drop(host.close()?);
    if again == 1 { Ok(()) } else { Err(format!("{again} were delivered again instead of 1").into()) }
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
