//! What ActiveMQ was seen to do, as tables: sections, through its profile.

mod clients;
mod destinations;
mod failing_over;
mod store;

use std::collections::BTreeMap;

use mqlab_core::log::memory::MemoryStorage;
use mqlab_core::message::Message;
use mqlab_core::systems::activemq::{Broker, DestinationPolicy};
use mqlab_core::time::{Span, Time};
use mqlab_core::vhost::{ChannelId, ChannelOptions, Delivered, Output};

type Store = Broker<MemoryStorage>;

const START: Time = Time::ZERO;
const ONE: ChannelId = ChannelId(1);
const TWO: ChannelId = ChannelId(2);

fn ms(millis: u64) -> Time {
    Time(millis * 1_000)
}

fn span(millis: u64) -> Span {
    Span::from_millis(millis)
}

/// A broker with two connections.
fn broker(policy: DestinationPolicy) -> Store {
    let mut broker = Broker::open(MemoryStorage::default(), policy, START).expect("memory does not fail");
    for channel in [ONE, TWO] {
        broker.host_mut().open_channel(START, channel, ChannelOptions::default()).expect("opens");
    }
    broker
}

fn plain() -> Store {
    broker(DestinationPolicy::default())
}

fn send(broker: &mut Store, now: Time, queue: &str, words: &str) {
    for word in words.split_whitespace() {
        broker.send(now, queue, Message::new(word.to_owned())).expect("taken");
    }
}

fn word(message: &Message) -> String {
    message.text().into_owned()
}

/// What was pushed since the last call, by consumer.
fn pushed(broker: &mut Store) -> Vec<Delivered> {
    let mut all = Vec::new();
    while let Some(output) = broker.host_mut().poll() {
        if let Output::Deliver(delivered) = output {
            all.push(delivered);
        }
    }
    all
}

/// The same as words: the first consumer that was attached is A.
fn said(broker: &mut Store) -> String {
    let mut by: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for delivered in pushed(broker) {
        by.entry(delivered.consumer.0).or_default().push(word(&delivered.message));
    }
    let letter = |consumer: u64| char::from(b'A' + consumer as u8 - 1);
    let texts: Vec<String> =
        by.iter().map(|(&id, words)| format!("{}={}", letter(id), words.join(","))).collect();
    texts.join(" ")
}

/// What is in a queue, in order.
fn ready(broker: &mut Store, now: Time, queue: &str) -> String {
    let found = broker.host_mut().browse(now, queue, usize::MAX).expect("it is there");
    found.iter().map(|found| word(&found.message)).collect::<Vec<_>>().join(" ")
}

/// Lets time go on, doing what is due when it is due.
fn run_until(broker: &mut Store, until: Time) {
    while let Some(at) = broker.host().next_wakeup().filter(|at| *at <= until) {
        broker.host_mut().tick(at).expect("memory does not fail");
    }
    broker.host_mut().tick(until).expect("memory does not fail");
}
