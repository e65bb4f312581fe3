//! How many messages a second go through a queue? Sent, received and acknowledged, on one core, in memory.
//!
//! A queue holds so many messages all the time (its *depth*). In bursts, messages are sent, as many received, which
//! stay unacknowledged until all of the burst are there, and then acknowledged. Each message is made anew, its body
//! in memory of its own, and whoever receives it reads the body whole: where it lies, in the queue (what is judged), or
//! as a delivery of its own, which shares the body with the queue; the library that counts who shares a body takes
//! memory for that, once for each message.
//!
//! The bare `VecDeque` is what a queue cannot beat: it moves a message in and out and knows nothing of it. A second
//! one holds what is not acknowledged. Channels pass messages on and are done: no acknowledgement, no second
//! delivery, nothing to look at.

use std::collections::VecDeque;
use std::sync::mpsc;

use mqlab_bench_contest::contest::{Bar, Contest, Done, Plan};
use mqlab_bench_contest::report::Row;
use mqlab_core::ids::Name;
use mqlab_core::log::memory::{MemoryLog, MemoryStorage};
use mqlab_core::message::Message;
use mqlab_core::queue::{Queue, QueueOptions, Tag};
use mqlab_core::time::Time;

/// How many messages are sent, then received, then acknowledged.
const BURST: usize = 1_000;
/// How many go through in one measurement.
const MESSAGES: usize = 200_000;
/// What an engine of queues should do on one core.
const PER_SECOND: f64 = 5e6;
/// And how close it should come to a queue that knows nothing.
const OF_A_DEQUE: f64 = 0.3;

const DEQUE: &str = "VecDeque<Message>, two of them";
const NO_ACK: &str = "no acknowledgement, one way";

pub(crate) fn rows() -> Vec<Row> {
    let sizes = [("100 B", 100), ("1 KiB", 1024)];
    let depths = [("1,000", 1_000), ("100,000", 100_000)];
    let mut rows: Vec<Row> = Vec::new();
    for (size_text, size) in sizes {
        for (depth_text, depth) in depths {
            let name = format!("queue: bodies of {size_text}, {depth_text} messages deep");
            let own_name = name.clone();
            rows.push((name, Box::new(move |plan| contest(&own_name, plan, size, depth))));
        }
    }
    rows
}

fn contest(name: &str, plan: &Plan, size: usize, depth: usize) -> Contest {
    let messages = plan.work(MESSAGES);
    let through = |line: Box<dyn Line>| {
        let mut traffic = Traffic { line, sent: 0, size };
        (0..depth).for_each(|_| traffic.send());
        move || traffic.run(messages)
    };
    let (sender, receiver) = mpsc::channel();
    let crossbeam = crossbeam_channel::unbounded();
    let flume = flume::unbounded();
    let handed_out = Box::new(HandedOut(Ours::new(transient())));
    let logged = "read in place; memory logs, flushed after each half of a burst";
    Contest::new(name, "messages")
        .with("mqlab queue, transient", "read in place", through(Box::new(Ours::new(transient()))))
        .with(
            "mqlab queue, handed out",
            "each delivery shares its message with the queue",
            through(handed_out),
        )
        .with("mqlab queue, logged", logged, through(Box::new(Ours::new(in_logs()))))
        .with(DEQUE, "the second one holds the unacknowledged", through(Box::<Deques>::default()))
        .with("std::sync::mpsc", NO_ACK, through(Box::new(Channel(sender, receiver))))
        .with("crossbeam-channel, unbounded", NO_ACK, through(Box::new(Channel(crossbeam.0, crossbeam.1))))
        .with("flume, unbounded", NO_ACK, through(Box::new(Channel(flume.0, flume.1))))
        .bar(Bar::PerSecond(PER_SECOND))
        .bar(Bar::Times(OF_A_DEQUE, DEQUE))
}

/// What messages go through.
trait Line {
    fn send(&mut self, message: Message);
    /// Ends the sending of a burst.
    fn sent(&mut self) {}
    /// Receives a message and reads it.
    fn receive(&mut self) -> u64;
    /// Acknowledges all that was received since the last call.
    fn settle(&mut self) {}
}

/// Messages that go through a line, one like the other.
struct Traffic {
    line: Box<dyn Line>,
    sent: u64,
    size: usize,
}

impl Traffic {
    fn send(&mut self) {
        self.line.send(Message::new(vec![self.sent as u8; self.size]));
        self.sent += 1;
    }

    fn run(&mut self, messages: usize) -> Done {
        let mut sum = 0_u64;
        for _ in 0..messages / BURST {
            (0..BURST).for_each(|_| self.send());
            self.line.sent();
            for _ in 0..BURST {
                sum = sum.wrapping_add(self.line.receive());
            }
            self.line.settle();
        }
        Done { work: messages / BURST * BURST, sum }
    }
}

/// Reads a body, eight bytes at a time.
fn read(message: &Message) -> u64 {
    let (words, rest) = message.body().as_chunks::<8>();
    let sum = words.iter().fold(0_u64, |sum, word| sum.wrapping_add(u64::from_ne_bytes(*word)));
    rest.iter().fold(sum, |sum, byte| sum.wrapping_add(u64::from(*byte)))
}

fn transient() -> Queue<MemoryLog> {
    Queue::in_memory("bench").expect("the name is legal")
}

fn in_logs() -> Queue<MemoryLog> {
    let name = Name::new("bench").expect("the name is legal");
    let mut storage = MemoryStorage::default();
    Queue::open(&mut storage, name, QueueOptions::default(), Time::ZERO).expect("memory does not fail")
}

struct Ours {
    queue: Queue<MemoryLog>,
    received: Vec<Tag>,
    now: Time,
}

impl Ours {
    fn new(queue: Queue<MemoryLog>) -> Self {
        Self { queue, received: Vec::with_capacity(BURST), now: Time::ZERO }
    }
}

impl Line for Ours {
    fn send(&mut self, message: Message) {
        self.queue.send(self.now, message).expect("the queue has no limit");
    }

    fn sent(&mut self) {
        self.queue.flush().expect("memory does not fail");
        self.now = Time(self.now.0 + 1_000);
    }

    fn receive(&mut self) -> u64 {
        let lent = self.queue.receive_in_place(self.now).expect("memory does not fail").expect("it was sent");
        self.received.push(lent.tag);
        read(lent.message)
    }

    fn settle(&mut self) {
        for tag in self.received.drain(..) {
            self.queue.ack(self.now, tag).expect("it was received");
        }
        self.queue.flush().expect("memory does not fail");
    }
}

/// The same queue, whose messages leave it as deliveries.
struct HandedOut(Ours);

impl Line for HandedOut {
    fn send(&mut self, message: Message) {
        self.0.send(message);
    }

    fn sent(&mut self) {
        self.0.sent();
    }

    fn receive(&mut self) -> u64 {
        let Ours { queue, received, now } = &mut self.0;
        let delivery = queue.receive(*now).expect("memory does not fail").expect("it was sent");
        received.push(delivery.tag);
        read(&delivery.message)
    }

    fn settle(&mut self) {
        self.0.settle();
    }
}

#[derive(Default)]
struct Deques {
    ready: VecDeque<Message>,
    unacknowledged: VecDeque<Message>,
}

impl Line for Deques {
    fn send(&mut self, message: Message) {
        self.ready.push_back(message);
    }

    fn receive(&mut self) -> u64 {
        let message = self.ready.pop_front().expect("it was sent");
        let sum = read(&message);
        self.unacknowledged.push_back(message);
        sum
    }

    fn settle(&mut self) {
        while let Some(message) = self.unacknowledged.pop_front() {
            drop(message);
        }
    }
}

/// A channel's two ends.
struct Channel<S, R>(S, R);

impl Line for Channel<mpsc::Sender<Message>, mpsc::Receiver<Message>> {
    fn send(&mut self, message: Message) {
        self.0.send(message).expect("the receiver is here");
    }

    fn receive(&mut self) -> u64 {
        read(&self.1.try_recv().expect("it was sent"))
    }
}

impl Line for Channel<crossbeam_channel::Sender<Message>, crossbeam_channel::Receiver<Message>> {
    fn send(&mut self, message: Message) {
        self.0.send(message).expect("the receiver is here");
    }

    fn receive(&mut self) -> u64 {
        read(&self.1.try_recv().expect("it was sent"))
    }
}

impl Line for Channel<flume::Sender<Message>, flume::Receiver<Message>> {
    fn send(&mut self, message: Message) {
        self.0.send(message).expect("the receiver is here");
    }

    fn receive(&mut self) -> u64 {
        read(&self.1.try_recv().expect("it was sent"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_passes_on_the_same_messages() {
        let outcome = contest("small", &Plan { pairs: 1, quick: true }, 100, 10);
        // Warming up compares what the contenders saw; a run of one round is enough for it.
        assert_eq!(outcome.run(&Plan { pairs: 1, quick: true }).contenders.len(), 7);
    }
}
