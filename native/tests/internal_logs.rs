//! Where groups have got to is said again and again. Does the log of it grow for ever? In memory and in files it must not.

use mqlab::log::{FileStorage, Options};
use mqlab_core::broker::{
    Broker, Input, Message, Out, PartitionState, Reply, Request, Settings, View, offsets_partition,
};
use mqlab_core::ids::{Epoch, LogName, Name, NodeId, Offset, PartitionId};
use mqlab_core::log::memory::MemoryStorage;
use mqlab_core::log::{Log as _, SliceOf, Storage, StorageError};
use mqlab_core::time::{Span, Time};

const ME: NodeId = NodeId::Broker(1);
/// How often each group says where it has got to in each partition.
const COMMITS: u64 = 400;
/// How large a segment of the log may be.
const SEGMENT_BYTES: u64 = 2_000;

fn name(text: &str) -> Name {
    Name::new(text).expect("a legal name")
}

struct Coordinator<S: Storage> {
    broker: Broker<S>,
    now: Time,
}

impl<S: Storage> Coordinator<S>
where
    StorageError<S>: std::fmt::Debug,
{
    fn start(storage: S, internal_segment_bytes: u64, now: Time) -> Self {
        let settings = Settings { internal_segment_bytes, flush_before_reply: false, ..Settings::default() };
        let broker = Broker::new(ME, 1, settings, storage).expect("it opens");
        let mut coordinator = Self { broker, now };
        let state = PartitionState {
            leader: Some(ME),
            epoch: Epoch(1),
            version: 1,
            ..PartitionState::new(vec![ME], 1)
        };
        let partitions = [(offsets_partition(), state)].into();
        let view = View { version: 1, brokers: [(ME, true)].into(), partitions, ..View::default() };
        coordinator.tell(NodeId::Controller, Message::Cluster(view.into()));
        coordinator
    }

    fn tell(&mut self, from: NodeId, message: Message) -> Option<Reply<SliceOf<S>>> {
        self.hand(Input::Message { from, message })
    }

    fn hand(&mut self, input: Input) -> Option<Reply<SliceOf<S>>> {
        let mut out = Out::default();
        self.broker.handle(self.now, input, &mut out);
        self.broker.settle(self.now, &mut out).expect("the storage is sound");
        out.sends.into_iter().find_map(|send| match send.message {
            Message::Reply(_, reply) => Some(reply),
            _ => None,
        })
    }

    fn ask(&mut self, request: Request) -> Reply<SliceOf<S>> {
        self.tell(NodeId::Consumer(1), Message::Request(1, request)).expect("it answers")
    }

    fn offset_of(&mut self, group: &str, partition: &PartitionId) -> Option<Offset> {
        match self.ask(Request::OffsetOf { group: name(group), partition: partition.clone() }) {
            Reply::OffsetIs(offset) => offset,
            _ => panic!("it does not say where {group} is"),
        }
    }
}

/// Commits, and a restart. Returns the log's bytes in the end, and what `measure` says of the storage.
fn commits<S: Storage, T>(storage: S, internal_segment_bytes: u64, measure: impl Fn(&S) -> T) -> (u64, T)
where
    StorageError<S>: std::fmt::Debug,
{
    let mut coordinator = Coordinator::start(storage, internal_segment_bytes, Time(1));
    let partition = |index| PartitionId { topic: name("orders"), index };
    for number in 1..=COMMITS {
        for group in ["billing", "shipping"] {
            let offsets = vec![(partition(0), Offset(number)), (partition(1), Offset(2 * number))];
            let stored = coordinator.ask(Request::Commit { group: name(group), as_member: false, offsets });
            assert!(matches!(stored, Reply::OffsetsStored));
        }
        coordinator.now = coordinator.now + Span::from_millis(20);
        coordinator.hand(Input::Wake);
    }
    let storage = coordinator.broker.into_storage().expect("it closes");
    let mut coordinator = Coordinator::start(storage, internal_segment_bytes, coordinator.now);
    for group in ["billing", "shipping"] {
        assert_eq!(coordinator.offset_of(group, &partition(0)), Some(Offset(COMMITS)));
        assert_eq!(coordinator.offset_of(group, &partition(1)), Some(Offset(2 * COMMITS)));
    }
    assert_eq!(coordinator.offset_of("nobody", &partition(0)), None);
    let mut storage = coordinator.broker.into_storage().expect("it closes");
    let measured = measure(&storage);
    let log = storage.open(&LogName::Partition(offsets_partition())).expect("it opens");
    (log.segments().iter().map(|segment| segment.bytes).sum(), measured)
}

fn size_of(dir: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(dir).expect("it can be listed").map(|entry| entry.expect("listed"));
    let size = |entry: std::fs::DirEntry| match entry.metadata().expect("it is there") {
        data if data.is_dir() => size_of(&entry.path()),
        data => data.len(),
    };
    entries.map(size).sum()
}

#[test]
fn the_log_of_offsets_stays_small_in_memory_and_in_files() {
    let (whole, ()) = commits(MemoryStorage::default(), Settings::default().internal_segment_bytes, |_| ());
    assert!(whole > 90_000, "without a full segment nothing goes: {whole} bytes");
    let (left, ()) = commits(MemoryStorage::default(), SEGMENT_BYTES, |_| ());
    assert!(left < 3 * SEGMENT_BYTES, "{left} bytes are left of {whole}");
    let scratch = tempfile::tempdir().expect("a directory");
    let files = FileStorage::open_with(scratch.path(), Options::default()).expect("it opens");
    let dir = scratch.path().join("topics");
    let (in_files, on_disk) = commits(files, SEGMENT_BYTES, |_| size_of(&dir));
    assert_eq!(in_files, left, "files and memory keep the same");
    assert!(on_disk < 2 * in_files, "{on_disk} bytes on the disk");
}
