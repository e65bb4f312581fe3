//! What does a durable queue cost? Batches of a hundred messages are sent and flushed, received, acknowledged and flushed.
//!
//! Against: the same bytes by the bare system calls, `write(2)` and `fdatasync` for what the queue wrote of each batch's
//! messages, and again for what it wrote of their acknowledgements.

use std::fs;
use std::path::Path;

use mqlab::log::FileStorage;
use mqlab::now;
use mqlab_bench_contest::contest::{Bar, Contest, Done, Plan};
use mqlab_bench_contest::report::Row;
use mqlab_core::ids::Offset;
use mqlab_core::message::Message;
use mqlab_core::queue::QueueOptions;
use mqlab_core::record::whole_prefix;
use mqlab_core::vhost::{Handle, VirtualHost};

use crate::compare::PAUSE;
use crate::load::{MEDIUM, RECORDS, SMALL, Size};
use crate::place::Place;
use crate::raw::Raw;
use crate::watch::Watch;

/// Batches that go through in one measurement.
const BATCHES: usize = 100;
const QUEUE: &str = "bench";
const RAW: &str = "write(2) + fdatasync";

pub(crate) fn rows(place: &Place) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for size in [SMALL, MEDIUM] {
        let (name, place) = (format!("queue: send, receive, acknowledge 100 x {}", size.text), place.clone());
        let own_name = name.clone();
        rows.push((name, Box::new(move |plan| contest(&own_name, plan, &place, size))));
    }
    rows
}

/// A queue in files, and what is sent through it.
struct Queue {
    host: VirtualHost<FileStorage>,
    handles: Vec<Handle>,
}

impl Queue {
    fn open(dir: &Path) -> Self {
        let storage = FileStorage::open(dir).expect("the directory is new");
        let mut host = VirtualHost::open(storage, now()).expect("the directory is new");
        host.declare_queue(now(), QUEUE, QueueOptions::default()).expect("the name is legal");
        host.flush().expect("the disk takes it");
        Self { host, handles: Vec::with_capacity(RECORDS) }
    }

    fn send(&mut self, bodies: &[bytes::Bytes]) {
        let at = now();
        for body in bodies {
            self.host.send(at, QUEUE, Message::new(body.clone())).expect("the queue has no limit");
        }
        self.host.flush().expect("the disk takes it");
    }

    fn receive(&mut self) {
        while let Some(delivery) = self.host.receive(now(), QUEUE).expect("it is sound") {
            self.handles.push(delivery.handle);
        }
    }

    fn acknowledge(&mut self) {
        let at = now();
        for handle in self.handles.drain(..) {
            self.host.ack(at, handle).expect("it was received");
        }
        self.host.flush().expect("the disk takes it");
    }
}

/// The bytes of all batches below a directory.
fn stored(dir: &Path) -> usize {
    let entries =
        fs::read_dir(dir).expect("it is there").map(|entry| entry.expect("it can be listed").path());
    let bytes = entries.map(|path| match path.is_dir() {
        true => stored(&path),
        false if path.extension().is_some_and(|ending| ending == "log") => {
            // Not the file's length: blocks may have been written ahead.
            whole_prefix(&fs::read(&path).expect("it is there"), Offset::ZERO).0
        }
        false => 0,
    });
    bytes.sum()
}

/// How many bytes a batch's messages take in the queue's logs, and how many their acknowledgements.
fn written(place: &Place, bodies: &[bytes::Bytes]) -> (usize, usize) {
    let dir = place.scratch();
    let mut queue = Queue::open(dir.path());
    let mut sizes = [0; 3];
    for (number, size) in sizes.iter_mut().enumerate() {
        match number {
            0 => {}
            1 => queue.send(bodies),
            _ => {
                queue.receive();
                queue.acknowledge();
            }
        }
        *size = stored(dir.path());
    }
    (sizes[1] - sizes[0], sizes[2] - sizes[1])
}

fn contest(name: &str, plan: &Plan, place: &Place, size: Size) -> Contest {
    let count = plan.work(BATCHES);
    let pool = size.bodies();
    let (messages, acknowledgements) = written(place, &pool[0]);
    let ours = {
        let place = place.clone();
        move || {
            let dir = place.settled();
            let mut queue = Queue::open(dir.path());
            let watch = Watch::start();
            for number in 0..count {
                queue.send(&pool[number % pool.len()]);
                queue.receive();
                assert_eq!(queue.handles.len(), RECORDS, "what was sent is there");
                queue.acknowledge();
            }
            (Done { work: count * RECORDS, sum: 0 }, watch.took())
        }
    };
    let place = place.clone();
    let bytes = vec![1; messages.max(acknowledgements)];
    let raw = move || {
        let dir = place.settled();
        let mut raw = Raw::create(dir.path());
        let watch = Watch::start();
        for _ in 0..count {
            raw.write(&bytes[..messages]);
            raw.flush();
            raw.write(&bytes[..acknowledgements]);
            raw.flush();
        }
        (Done { work: count * RECORDS, sum: 0 }, watch.took())
    };
    Contest::new(name, "messages")
        .pause(PAUSE)
        .with_timed("mqlab queue", "in files; sends flushed, acknowledgements flushed", ours)
        .with_timed(RAW, "of the same bytes, to one file", raw)
        .bar(Bar::Times(0.5, RAW))
        .remark(move || format!("a batch takes {messages} bytes, its acknowledgements {acknowledgements}"))
}
