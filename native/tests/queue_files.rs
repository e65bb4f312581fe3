//! A queue over files is the same queue: against the plain list of core's `queue_model`, with restarts, power cuts, full
//! disks and failures; and with the same answers as over logs in memory. Segments are tiny, so that every few operations begin a new one and let old
//! ones go.

#[path = "../../core/tests/queue_model/act.rs"]
mod act;
mod common;
#[path = "../../core/tests/queue_model/drive.rs"]
mod drive;
#[path = "../../core/tests/queue_model/ends.rs"]
mod ends;
#[path = "../../core/tests/queue_model/list.rs"]
mod list;
#[path = "../../core/tests/queue_model/pass.rs"]
mod pass;
#[path = "../../core/tests/queue_model/plan.rs"]
mod plan;
#[path = "../../core/tests/queue_model/receipts.rs"]
mod receipts;
#[path = "../../core/tests/rigged/mod.rs"]
mod rigged;

use std::path::Path;

use common::scratch;
use drive::{Disk, Pair};
use mqlab::log::{FileStorage, Options};
use mqlab_core::ids::{LogName, Name};
use mqlab_core::log::faulty::{Fault, FaultyStorage};
use mqlab_core::log::memory::MemoryStorage;
use mqlab_core::message::Message;
use mqlab_core::queue::{Queue, QueueOptions};
use mqlab_core::time::Time;
use plan::Ends;
use proptest::prelude::*;
use rigged::Rigged;

/// A few batches to a segment.
const SMALL: Options = Options { segment_bytes: 600, index_interval_bytes: 100, ..Options::DEFAULT };

fn open(path: &Path) -> FileStorage {
    FileStorage::open_with(path, SMALL).expect("opens")
}

impl Disk for FileStorage {
    fn reopened(self) -> Self {
        let path = self.path().to_owned();
        drop(self);
        open(&path)
    }

    fn cut(&mut self, _messages: u64, _cursor: u64) {
        unreachable!("the power of a test's machine stays on")
    }

    fn fail_after(&mut self, _left: u32, _fault: Option<Fault>) {
        unreachable!("files do not fail on demand")
    }

    fn set_full(&mut self, _full: bool) {
        unreachable!("the disk of a test's machine has room")
    }
}

impl Disk for MemoryStorage {
    fn reopened(self) -> Self {
        self
    }

    fn cut(&mut self, _messages: u64, _cursor: u64) {
        unreachable!("without power there is no memory")
    }

    fn fail_after(&mut self, _left: u32, _fault: Option<Fault>) {
        unreachable!("it is the model of what does not fail")
    }

    fn set_full(&mut self, _full: bool) {
        unreachable!("it is the model of what has room")
    }
}

/// Files whose power can be cut: what was not flushed is cut off them.
impl Disk for Rigged<FileStorage> {
    fn reopened(self) -> Self {
        self
    }

    fn cut(&mut self, messages: u64, cursor: u64) {
        let kept = |log: &LogName, bytes: u64| match log {
            LogName::QueueCursor(_) => bytes * cursor / 100,
            _ => bytes * messages / 100,
        };
        self.disk.cut_power(kept).expect("the files can be cut");
    }

    fn fail_after(&mut self, left: u32, fault: Option<Fault>) {
        self.rig.after(left, fault);
    }

    fn set_full(&mut self, full: bool) {
        self.rig.set_full(full);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn a_queue_over_files_is_a_list(options in plan::options(), operations in plan::operations(100, Ends::Restarts)) {
        let root = scratch();
        let over_files = Pair::new(open(root.path()), options.clone()).run(operations.clone());
        let in_memory = Pair::new(MemoryStorage::default(), options).run(operations);
        prop_assert_eq!(over_files, in_memory);
    }

    #[test]
    fn a_power_cut_takes_only_what_was_not_flushed(
        options in plan::options(),
        operations in plan::operations(100, Ends::PowerCuts),
    ) {
        let root = scratch();
        Pair::new(Rigged::new(FaultyStorage::new(open(root.path()))), options).run(operations);
    }

    #[test]
    fn a_disk_that_fails_takes_only_what_was_not_flushed(
        options in plan::options(),
        operations in plan::operations(100, Ends::Faults),
    ) {
        let root = scratch();
        Pair::new(Rigged::new(FaultyStorage::new(open(root.path()))), options).run(operations);
    }

    #[test]
    fn a_full_disk_takes_nothing_and_loses_nothing(
        options in plan::options(),
        operations in plan::operations(100, Ends::FullDisks),
    ) {
        let root = scratch();
        Pair::new(Rigged::new(FaultyStorage::new(open(root.path()))), options).run(operations);
    }
}

fn name() -> Name {
    Name::new("q").expect("a legal name")
}

/// How many files the queue has, and their bytes.
fn size(path: &Path) -> (usize, u64) {
    let mut found = (0, 0);
    for log in ["messages", "cursor"] {
        for entry in std::fs::read_dir(path.join("queues/q").join(log)).expect("listed") {
            let bytes = entry.expect("listed").metadata().expect("it is there").len();
            found = (found.0 + 1, found.1 + bytes);
        }
    }
    found
}

#[test]
fn what_was_acknowledged_stays_gone_when_segments_go() {
    let root = scratch();
    for round in 1..50_u64 {
        let mut storage = open(root.path());
        let mut queue =
            Queue::open(&mut storage, name(), QueueOptions::default(), Time::ZERO).expect("opens");
        assert_eq!(queue.stats().held, 0, "round {round}");
        // All messages in one batch, and so in the last segment, which is kept; an acknowledgement in each batch, so
        // that the cursor's segments go.
        for number in 0..round {
            queue.send(Time::ZERO, Message::new(number.to_string())).expect("taken");
        }
        queue.flush().expect("written");
        while let Some(delivery) = queue.receive(Time::ZERO).expect("no failure") {
            queue.ack(Time::ZERO, delivery.tag).expect("it was just delivered");
            queue.flush().expect("written");
        }
        queue.close(&mut storage).expect("closes");
    }
}

#[test]
fn a_cursor_over_files_is_written_anew_once_and_not_at_every_commit() {
    let root = scratch();
    // One segment takes all: nothing of it can be let go.
    let mut storage = FileStorage::open(root.path()).expect("opens");
    let mut queue = Queue::open(&mut storage, name(), QueueOptions::default(), Time::ZERO).expect("opens");
    queue.send(Time::ZERO, Message::new("stuck")).expect("taken");
    let stuck = queue.receive(Time::ZERO).expect("no failure").expect("ready");
    let pass_by = |queue: &mut Queue<_>, times: u64| {
        for _ in 0..times {
            queue.send(Time::ZERO, Message::new("x")).expect("taken");
            let delivery = queue.receive(Time::ZERO).expect("no failure").expect("ready");
            queue.ack(Time::ZERO, delivery.tag).expect("it was just delivered");
            queue.commit().expect("written");
        }
    };
    pass_by(&mut queue, 3_000);
    let before = size(root.path()).1;
    pass_by(&mut queue, 100);
    let each = (size(root.path()).1 - before) / 100;
    assert!(each < 400, "a message that passes by costs {each} bytes");
    queue.close(&mut storage).expect("closes");
    let mut queue = Queue::open(&mut storage, name(), QueueOptions::default(), Time::ZERO).expect("opens");
    assert_eq!(queue.stats().held, 1);
    let again = queue.receive(Time::ZERO).expect("no failure").expect("ready");
    assert_eq!((again.offset, again.count), (stuck.offset, 2));
}
