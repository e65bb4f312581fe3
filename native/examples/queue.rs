//! A durable queue in ten lines: what was not acknowledged is there again after a restart, counted.
//!
//! `cargo run -p mqlab --example queue -- DIRECTORY`

use mqlab::{Error, Message, Queue};

fn run(dir: &str) -> Result<(), Error> {
    let orders = Queue::open(dir, "orders")?;
    orders.send(Message::new("a book"))?; // from here on it survives a power cut
    if let Some(order) = orders.receive()? {
        println!("{}, delivered {} times", order.message.text(), order.count);
        orders.nack(&order)?; // not done: it is there again, counted
    }
    orders.close()?;

    let orders = Queue::open(dir, "orders")?;
    while let Some(order) = orders.receive()? {
        println!("{}, delivered {} times: done", order.message.text(), order.count);
        orders.ack(&order)?; // gone for good
    }
    orders.close()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Ok(run(&std::env::args().nth(1).ok_or("say in which directory")?)?)
}

#[test]
fn runs() -> Result<(), Box<dyn std::error::Error>> {
    let scratch = tempfile::tempdir()?;
    let dir = scratch.path().to_str().ok_or("a path in UTF-8")?;
    run(dir)?;
    let orders = Queue::open(dir, "orders")?;
    assert_eq!(orders.stats()?.ready, 0);
    orders.send(Message::new("a pen"))?;
    let order = orders.receive()?.ok_or("it is there")?;
    assert_eq!((order.count, &*order.message.text()), (1, "a pen"));
    drop(orders); // as a crash: nothing was acknowledged
    let orders = Queue::open(dir, "orders")?;
    assert_eq!(orders.receive()?.map(|order| order.count), Some(2));
    Ok(())
}
