//! A topic: one durable subscription that is away for a while, and one with a selector that two workers share.
//!
//! `cargo run -p mqlab-core --example topic`

use mqlab_core::message::Message;
use mqlab_core::queue::{AckMode, ConsumerOptions};
use mqlab_core::routing::ExchangeKind;
use mqlab_core::selector::Selector;
use mqlab_core::time::Time;
use mqlab_core::vhost::{ChannelId, Subscription, VirtualHost};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (now, me) = (Time::ZERO, ChannelId::default());
    let options = ConsumerOptions { ack: AckMode::Automatic, ..ConsumerOptions::default() };
    let audit = Subscription::new("stock", "nyse.#")?.durable("audit")?;
    let dear = Selector::parse("price > 100")?;
    let workers = Subscription::new("stock", "#")?.shared("workers")?.with_selector(dear);

    let mut host = VirtualHost::in_memory();
    host.declare_exchange("stock", ExchangeKind::Topic)?;
    let auditor = host.subscribe(now, me, audit.clone(), options.clone())?;
    host.cancel(now, auditor)?; // away; its subscription stays
    for _ in 0..2 {
        host.subscribe(now, me, workers.clone(), options.clone())?;
    }
    for (key, price) in [("nyse.ibm", 180), ("nyse.ge", 90), ("ssec.cnpc", 140)] {
        host.publish(now, "stock", key, Message::new(key).with_header("price", price))?;
    }
    host.subscribe(now, me, audit, options)?;

    let mut delivered = 0;
    while let Some(news) = host.poll_delivery() {
        println!("consumer {} gets {} from {}", news.consumer.0, news.message.text(), news.queue);
        delivered += 1;
    }
    if delivered == 4 { Ok(()) } else { Err(format!("{delivered} were delivered instead of 4").into()) }
}

#[test]
fn runs() -> Result<(), Box<dyn std::error::Error>> {
    main()
}
