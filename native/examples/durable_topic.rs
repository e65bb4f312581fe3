//! A topic in files: a durable, shared subscription with a selector keeps what comes while everybody is away.
//!
//! `cargo run -p mqlab --example durable_topic -- DIRECTORY`

use mqlab::log::FileStorage;
use mqlab::now;
use mqlab_core::message::Message;
use mqlab_core::queue::{AckMode, ConsumerOptions};
use mqlab_core::routing::ExchangeKind;
use mqlab_core::selector::Selector;
use mqlab_core::vhost::{ChannelId, Subscription, VirtualHost};

fn run(dir: &str) -> Result<(), Box<dyn std::error::Error>> {
    let me = ChannelId::default();
    let options = ConsumerOptions { ack: AckMode::Automatic, ..ConsumerOptions::default() };
    let dear = Selector::parse("price > 100")?;
    let workers =
        Subscription::new("stock", "nyse.#")?.durable("workers")?.shared("workers")?.with_selector(dear);

    let mut host = VirtualHost::open(FileStorage::open(dir)?, now())?;
    host.declare_exchange("stock", ExchangeKind::Topic)?;
    let first = host.subscribe(now(), me, workers.clone(), options.clone())?;
    host.cancel(now(), first)?;
    for (key, price) in [("nyse.ibm", 180), ("nyse.ge", 90), ("nyse.ko", 170), ("ssec.cnpc", 140)] {
        host.publish(now(), "stock", key, Message::new(key).with_header("price", price))?;
    }
    host.flush()?;
    drop(host.close()?);

    let mut host = VirtualHost::open(FileStorage::open(dir)?, now())?;
    host.subscribe(now(), me, workers.clone(), options.clone())?;
    host.subscribe(now(), me, workers, options)?;
    host.publish(now(), "stock", "nyse.ibm", Message::new("nyse.ibm again").with_header("price", 181))?;
    let mut delivered = 0;
    while let Some(news) = host.poll_delivery() {
        println!("consumer {} gets {}", news.consumer.0, news.message.text());
        delivered += 1;
    }
    host.flush()?;
    drop(host.close()?);
    if delivered == 3 { Ok(()) } else { Err(format!("{delivered} were delivered instead of 3").into()) }
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
