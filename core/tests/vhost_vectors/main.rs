//! What RabbitMQ, ActiveMQ and RocketMQ were seen to do with exchanges, channels, dead letters, subscriptions and half
//! messages, as tables: the queue alone is in `queue_vectors`.

mod channels;
mod deaths;
mod faults;
mod halves;
mod routing;
mod topics;
mod transactions;

use mqlab_core::ids::Name;
use mqlab_core::log::memory::MemoryStorage;
use mqlab_core::message::Message;
use mqlab_core::queue::{AckMode, ConsumerOptions, DeadLetter, Flow, QueueOptions};
use mqlab_core::time::{Span, Time};
use mqlab_core::vhost::{ChannelId, ChannelOptions, Handle, Output, VirtualHost};

type Host = VirtualHost<MemoryStorage>;

const START: Time = Time::ZERO;
const ONE: ChannelId = ChannelId(1);
const TWO: ChannelId = ChannelId(2);

fn ms(millis: u64) -> Time {
    Time(millis * 1_000)
}

fn span(millis: u64) -> Span {
    Span::from_millis(millis)
}

/// A host with these queues, and with channels 1 and 2 open without limits.
fn host(queues: &str) -> Host {
    let mut host = VirtualHost::in_memory();
    for queue in queues.split_whitespace() {
        declare(&mut host, queue, QueueOptions::default());
    }
    for channel in [ONE, TWO] {
        host.open_channel(START, channel, ChannelOptions::default()).expect("opens");
    }
    host
}

fn declare(host: &mut Host, queue: &str, options: QueueOptions) {
    host.declare_queue(START, queue, options).expect("sound options");
}

fn dead_letters_to(queue: &str) -> Option<DeadLetter> {
    Some(DeadLetter { exchange: String::new(), routing_key: Some(queue.into()) })
}

fn send(host: &mut Host, now: Time, queue: &str, words: &str) {
    for word in words.split_whitespace() {
        host.send(now, queue, Message::new(word.to_owned())).expect("it is taken");
    }
}

fn prefetch(most: u32) -> ConsumerOptions {
    ConsumerOptions { flow: Flow::Prefetch(most), ..ConsumerOptions::default() }
}

fn automatic() -> ConsumerOptions {
    ConsumerOptions { ack: AckMode::Automatic, ..ConsumerOptions::default() }
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a legal name")
}

fn word(message: &Message) -> String {
    message.text().into_owned()
}

fn on(channel: ChannelId, tag: u64) -> Handle {
    Handle { channel, tag }
}

/// What the host said since the last call, deliveries by consumer (the first that was attached is A): `A=m1,m2 B=m3`.
/// A delivery for the second time or later is marked: `m1*`.
fn said(host: &mut Host) -> String {
    let (mut pushed, mut others) = (std::collections::BTreeMap::<u64, Vec<String>>::new(), Vec::new());
    while let Some(output) = host.poll() {
        match output {
            Output::Deliver(delivered) => {
                let mark = if delivered.is_redelivered() { "*" } else { "" };
                let text = format!("{}{mark}", word(&delivered.message));
                pushed.entry(delivered.consumer.0).or_default().push(text);
            }
            Output::Returned { channel, message } => {
                others.push(format!("returned:{}:{}@{}", channel.0, word(&message), message.exchange()));
            }
            Output::Confirmed { channel, sequence, multiple, stored } => {
                let (sign, until) = (if stored { '+' } else { '-' }, if multiple { ".." } else { "" });
                others.push(format!("{sign}{}:{until}{sequence}", channel.0));
            }
            Output::CheckBack { id, check, message } => {
                others.push(format!("check:{}:{check}:{}", id.0, word(&message)));
            }
            Output::QueueRemoved(queue) => others.push(format!("removed:{queue}")),
            Output::Cancelled { consumer, .. } => others.push(format!("cancelled:{}", consumer.0)),
            Output::Room(queue) => others.push(format!("room:{queue}")),
            other => others.push(format!("{other:?}")),
        }
    }
    let letter = |consumer: u64| char::from(b'A' + consumer as u8 - 1);
    let pushed = pushed.iter().map(|(&id, words)| format!("{}={}", letter(id), words.join(",")));
    pushed.chain(others).collect::<Vec<_>>().join(" ")
}

/// What is ready, in the order in which it would be delivered.
fn ready(host: &mut Host, now: Time, queue: &str) -> String {
    let browsed = host.browse(now, queue, usize::MAX).expect("the queue is there");
    browsed.iter().map(|found| word(&found.message)).collect::<Vec<_>>().join(" ")
}

fn held(host: &Host, queue: &str) -> u64 {
    host.queue(queue).expect("the queue is there").stats().held
}

/// Takes so many messages, and puts none back.
fn take(host: &mut Host, now: Time, queue: &str, count: usize) -> Vec<Handle> {
    let mut next = || host.receive(now, queue).expect("the queue is there").expect("a message").handle;
    (0..count).map(|_| next()).collect()
}

/// Closes the host and opens it again: what a restart of the process does.
fn restarted(host: Host, now: Time) -> Host {
    VirtualHost::open(host.close().expect("memory does not fail"), now).expect("memory does not fail")
}

/// Lets time go on, doing what is due when it is due. What was due is done then: the next moment is always later.
fn run_until(host: &mut Host, until: Time) {
    while let Some(at) = host.next_wakeup().filter(|at| *at <= until) {
        host.tick(at).expect("memory does not fail");
        assert!(host.next_wakeup().is_none_or(|next| next > at), "what was due at {at} is due again");
    }
    host.tick(until).expect("memory does not fail");
}
