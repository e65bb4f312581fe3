//! A queue: send, receive, give back, acknowledge.
//!
//! `cargo run -p mqlab-core --example queue`

use mqlab_core::message::Message;
use mqlab_core::queue::QueueOptions;
use mqlab_core::time::Time;
use mqlab_core::vhost::VirtualHost;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let now = Time::ZERO; // the engine reads no clock: whoever runs it says what time it is
    let mut host = VirtualHost::in_memory();
    host.declare_queue(now, "orders", QueueOptions::default())?;
    host.send(now, "orders", Message::new("a book"))?;
    host.send(now, "orders", Message::new("a pen"))?;

    let order = host.receive(now, "orders")?.ok_or("nothing is there")?;
    println!("{}: not now", order.message.text());
    host.nack(now, order.handle, true)?;
    while let Some(order) = host.receive(now, "orders")? {
        println!("{}: done, delivered {} times", order.message.text(), order.count);
        host.ack(now, order.handle)?;
    }
    match host.queue("orders").map(|queue| queue.stats().held) {
        Some(0) => Ok(()),
        left => Err(format!("not everything was settled: {left:?}").into()),
    }
}

#[test]
fn runs() -> Result<(), Box<dyn std::error::Error>> {
    main()
}
