//! What a cleaner keeps: the vectors of Kafka's rules, as tables, and what a broker does with them.

use bytes::Bytes;
use mqlab_core::broker::{
    Acks, Broker, Cleanup, CleanupPolicy, Input, Message, Out, PartitionState, Reply, Request, Settings, View,
};
use mqlab_core::ids::{Epoch, LogName, Name, NodeId, Offset, PartitionId};
use mqlab_core::log::compaction::{Compacted, Dirt, Rules, compact};
use mqlab_core::log::contract::batch;
use mqlab_core::log::memory::{MemoryLog, MemoryStorage};
use mqlab_core::log::{Log, Slice, SliceOf, Storage};
use mqlab_core::observe::{Event, ProducerEvent, PullEvent, Refusal};
use mqlab_core::record::{Batch, BatchBuilder, Batches, NewRecord, Producer, crc32c};
use mqlab_core::time::{Span, Time};

const DAY: i64 = 24 * 60 * 60 * 1_000;
/// Where the attributes stand in a batch.
const ATTRIBUTES: usize = 21;
/// Where the checksum of all that follows stands.
const CRC: usize = 17;

/// A record of a key, with a value or without.
fn new(key: &str, value: Option<&str>) -> NewRecord {
    let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    NewRecord { key: Some(bytes(key)), value: value.map(bytes), ..NewRecord::default() }
}

fn put(log: &mut MemoryLog, of: Producer, records: &[NewRecord]) {
    let mut builder = BatchBuilder::of(of);
    records.iter().for_each(|record| builder.push(record).expect("a small record"));
    log.append(&builder.build().stamped(log.end(), Epoch(1))).expect("in order");
}

/// One record a batch, as `k=v`, `k=` for a tombstone, and `=v` without key.
fn table(text: &str) -> MemoryLog {
    let mut log = MemoryLog::default();
    for word in text.split_whitespace() {
        if word == "|" {
            log.roll().expect("memory rolls");
            continue;
        }
        let (key, value) = word.split_once('=').expect("a key and a value");
        let mut record = new(key, Some(value).filter(|value| !value.is_empty()));
        record.key = record.key.filter(|key| !key.is_empty());
        put(&mut log, Producer::ANONYMOUS, &[record]);
    }
    log
}

fn batches(log: &MemoryLog) -> Batches {
    log.read(log.start(), log.end(), u32::MAX).expect("in range").load().expect("memory loads")
}

/// What is in a log, as `offset:k=v`.
fn text(log: &MemoryLog) -> String {
    let word = |bytes: Option<Bytes>| String::from_utf8(bytes.unwrap_or_default().to_vec()).expect("a word");
    let records = batches(log).records().map(|record| {
        let (key, value) = (word(record.key), word(record.value));
        format!("{}:{key}={value}", record.offset)
    });
    records.collect::<Vec<_>>().join(" ")
}

fn pass(log: &mut MemoryLog, clean_until: u64, now: i64) -> Compacted {
    let rules = Rules { now, ..Rules::default() };
    let dirt = Dirt::of(log, Offset(clean_until), log.end());
    let dirt = dirt.unwrap_or(Dirt { from: Offset(0), until: Offset(0), clean_bytes: 0, dirty_bytes: 0 });
    let decided = log.end();
    compact(log, dirt, rules, decided, |_| false).expect("memory does not fail")
}

#[test]
fn the_vector_of_a_table_with_a_tombstone() {
    let mut log = table("k1=a k2=b k1=c k3=d k2= k3=e | k1=z");
    assert_eq!(pass(&mut log, 0, 0).until, Offset(6));
    assert_eq!(text(&log), "2:k1=c 4:k2= 5:k3=e 6:k1=z", "what is in the active segment is not in the map");
    for (after, left) in [
        (DAY - 1, "2:k1=c 4:k2= 5:k3=e 6:k1=z"),
        (DAY, "2:k1=c 5:k3=e 6:k1=z"),
        (DAY + 1, "2:k1=c 5:k3=e 6:k1=z"),
    ] {
        let mut later = log.clone();
        pass(&mut later, 0, after);
        assert_eq!(text(&later), left, "a pass {after} ms later");
    }
}

#[test]
fn what_a_pass_keeps() {
    for (before, after, why) in [
        ("a=1 a=2 a=3 |", "2:a=3", "the last of a key"),
        ("a=1 b=1 a=2 b=2 |", "2:a=2 3:b=2", "of each key"),
        ("a=1 =x b=1 |", "0:a=1 2:b=1", "a record without key has no place"),
        ("a=1 | a=2 | a=3", "1:a=2 2:a=3", "the active segment counts for nothing"),
        ("a=1 a=2", "0:a=1 1:a=2", "it is not touched"),
        ("a= a=1 |", "1:a=1", "a tombstone is superseded like any other"),
        ("a=1 a= |", "1:a=", "a tombstone supersedes"),
        ("a= a= |", "1:a=", "one is enough"),
    ] {
        let mut log = table(before);
        pass(&mut log, 0, 0);
        assert_eq!(text(&log), after, "{before}: {why}");
    }
}

#[test]
fn how_much_of_a_log_is_dirty() {
    let one = batch(0, 1).bytes().len() as u64;
    for (clean_until, limit, dirty_of_all, per_mille, above_half) in [
        (0, 10, Some((4, 4)), 1_000, true),
        (1, 10, Some((3, 4)), 750, true),
        (2, 10, Some((2, 4)), 500, false), // a half is not more than a half
        (3, 10, Some((1, 4)), 250, false),
        (4, 10, None, 0, false),
        (0, 3, Some((3, 3)), 1_000, true), // segments that reach past the limit are not cleaned
        (2, 3, Some((1, 3)), 333, false),
    ] {
        let mut log = MemoryLog::default();
        for base in 0..5 {
            log.append(&batch(base, 1)).expect("in order");
            if base < 4 {
                log.roll().expect("memory rolls");
            }
        }
        let dirt = Dirt::of(&log, Offset(clean_until), Offset(limit));
        let sizes = dirt.map(|dirt| (dirt.dirty_bytes / one, (dirt.clean_bytes + dirt.dirty_bytes) / one));
        assert_eq!(sizes, dirty_of_all, "clean below {clean_until}, up to {limit}");
        assert_eq!(dirt.map_or(0, |dirt| dirt.per_mille()), per_mille);
        assert_eq!(dirt.is_some_and(|dirt| dirt.is_above(500)), above_half);
    }
}

#[test]
fn a_header_stays_where_something_is_known_from_it_alone() {
    let of = |sequence| Producer { id: 7, epoch: 0, sequence };
    let mut log = MemoryLog::default();
    for sequence in 0..3 {
        put(&mut log, of(sequence), &[new("a", Some("x"))]);
    }
    put(&mut log, Producer::ANONYMOUS, &[new("a", Some("y"))]);
    put(&mut log, Producer::ANONYMOUS, &[new("a", Some("z"))]);
    log.roll().expect("memory rolls");
    put(&mut log, Producer::ANONYMOUS, &[new("a", Some("active"))]);
    let dirt = Dirt::of(&log, Offset(0), log.end()).expect("there is a sealed segment");
    let is_last = |batch: &Batch| batch.producer().sequence == 2;
    compact(&mut log, dirt, Rules::default(), Offset(5), is_last).expect("memory does not fail");
    let found: Vec<_> = batches(&log)
        .iter()
        .map(|batch| (batch.base().0, batch.producer().sequence, batch.count()))
        .collect();
    // The first of its epoch, the last of its producer, the one with the record that stays, and the active one.
    assert_eq!(found, [(0, 0, 0), (2, 2, 0), (4, -1, 1), (5, -1, 1)]);
}

/// Marks what is in a log's next batch as data of a transaction, or as its end.
fn in_transaction(records: &[NewRecord], producer: i64, control: bool, base: Offset) -> Batches {
    let mut builder =
        BatchBuilder::of(Producer { id: producer, epoch: 0, sequence: if control { -1 } else { 0 } });
    records.iter().for_each(|record| builder.push(record).expect("a small record"));
    let mut bytes = builder.build().stamped(base, Epoch(1)).bytes().to_vec();
    let attributes: i16 = if control { 0b11_0000 } else { 0b1_0000 };
    bytes[ATTRIBUTES..ATTRIBUTES + 2].copy_from_slice(&attributes.to_be_bytes());
    let sum = crc32c(&bytes[ATTRIBUTES..]);
    bytes[CRC..ATTRIBUTES].copy_from_slice(&sum.to_be_bytes());
    Batches::parse(bytes.into()).expect("a sound batch")
}

/// A transaction's end: its key is a version and a type, 0 to abort and 1 to commit.
fn marker(commits: bool) -> NewRecord {
    let key = Some(Bytes::from(vec![0, 0, 0, u8::from(commits)]));
    NewRecord { key, value: Some("the coordinator".into()), ..NewRecord::default() }
}

/// What is left of a transaction with one message and its end, as numbers of records in batches, after passes at times.
fn transaction(commits: bool, passes: &[i64]) -> (String, Vec<u32>) {
    let mut log = MemoryLog::default();
    put(&mut log, Producer::ANONYMOUS, &[new("a", Some("old"))]);
    let data = in_transaction(&[new("a", Some("new"))], 9, false, Offset(1));
    let end = in_transaction(&[marker(commits)], 9, true, Offset(2));
    for batches in [data, end] {
        log.append(&batches).expect("in order");
    }
    put(&mut log, Producer::ANONYMOUS, &[new("b", Some("last"))]);
    log.roll().expect("memory rolls");
    passes.iter().for_each(|now| _ = pass(&mut log, 0, *now));
    let counts = batches(&log).iter().filter(|batch| batch.producer().id == 9).map(|batch| batch.count());
    let counts = counts.collect();
    (text(&log), counts)
}

#[test]
fn transactions_are_kept_or_removed_by_the_same_rules() {
    let left = |text: &str, counts: &[u32]| (text.to_owned(), counts.to_vec());
    assert_eq!(
        transaction(true, &[0]),
        left("1:a=new 3:b=last", &[1, 1]),
        "committed: it supersedes, and its end stays"
    );
    assert_eq!(
        transaction(true, &[0, DAY, 2 * DAY]),
        left("1:a=new 3:b=last", &[1, 1]),
        "as long as it has data"
    );
    assert_eq!(
        transaction(false, &[0]),
        left("0:a=old 3:b=last", &[1]),
        "aborted: it supersedes nothing and goes at once"
    );
    assert_eq!(
        transaction(false, &[0, 1]),
        left("0:a=old 3:b=last", &[1]),
        "its end stays: its data were seen before"
    );
    assert_eq!(transaction(false, &[0, 1, DAY]), left("0:a=old 3:b=last", &[1]), "and a day longer");
    assert_eq!(transaction(false, &[0, 1, DAY + 1]), left("0:a=old 3:b=last", &[]), "then it goes");
}

type Answer = Reply<SliceOf<MemoryStorage>>;

/// A broker that leads a table of its own.
struct Table {
    broker: Option<Broker<MemoryStorage>>,
    now: Time,
    events: Vec<Event>,
}

fn partition() -> PartitionId {
    PartitionId { topic: Name::new("t").expect("a legal name"), index: 0 }
}

impl Table {
    fn new(cleanup: Cleanup) -> Self {
        let mut table = Self { broker: None, now: Time(1), events: Vec::new() };
        table.start(MemoryStorage::default(), cleanup);
        table
    }

    fn start(&mut self, storage: MemoryStorage, cleanup: Cleanup) {
        let me = NodeId::Broker(1);
        self.broker = Some(Broker::new(me, 1, Settings::default(), storage).expect("memory opens"));
        let state = PartitionState {
            leader: Some(me),
            epoch: Epoch(1),
            version: 1,
            ..PartitionState::new(vec![me], 1)
        };
        let view = View {
            version: 1,
            brokers: [(me, true)].into(),
            partitions: [(partition(), state)].into(),
            cleanup: [(partition().topic, cleanup)].into(),
            ..View::default()
        };
        self.tell(Message::Cluster(view.into()));
    }

    fn restart(&mut self, cleanup: Cleanup) {
        let broker = self.broker.take().expect("it runs");
        self.start(broker.into_storage().expect("memory closes"), cleanup);
    }

    fn tell(&mut self, message: Message) -> Option<Answer> {
        self.handle(Input::Message { from: NodeId::Controller, message })
    }

    fn handle(&mut self, input: Input) -> Option<Answer> {
        let mut out = Out::default();
        let broker = self.broker.as_mut().expect("it runs");
        broker.handle(self.now, input, &mut out);
        broker.settle(self.now, &mut out).expect("memory does not fail");
        self.events.extend(out.events);
        out.sends.into_iter().find_map(|send| match send.message {
            Message::Reply(_, reply) => Some(reply),
            _ => None,
        })
    }

    fn send(&mut self, of: Producer, records: &[NewRecord]) -> Option<Answer> {
        let mut builder = BatchBuilder::of(of);
        for record in records {
            let timestamp = self.now.as_millis() as i64;
            builder.push(&NewRecord { timestamp, ..record.clone() }).expect("a small record");
        }
        let batches = builder.build();
        self.tell(Message::Request(
            1,
            Request::Produce { partition: partition(), acks: Acks::Leader, batches },
        ))
    }

    /// Lets time pass, and the cleaner look.
    fn wait(&mut self, millis: u64) {
        self.now = self.now + Span::from_millis(millis);
        self.handle(Input::Wake);
    }

    /// What is in the log.
    fn text(&mut self, cleanup: Cleanup) -> String {
        let broker = self.broker.take().expect("it runs");
        let mut storage = broker.into_storage().expect("memory closes");
        let name = LogName::Partition(partition());
        let log = storage.open(&name).expect("memory opens");
        let text = text(&log);
        storage.close(&name, log).expect("memory closes");
        self.start(storage, cleanup);
        text
    }

    /// Stops the broker, does something with what says how far the log is clean, and starts it again.
    fn with_note(&mut self, work: impl FnOnce(&mut MemoryLog)) {
        let broker = self.broker.take().expect("it runs");
        let cleanup = broker.view().cleanup[&partition().topic];
        let mut storage = broker.into_storage().expect("memory closes");
        let name = LogName::Clean(partition());
        let mut log = storage.open(&name).expect("memory opens");
        work(&mut log);
        storage.close(&name, log).expect("memory closes");
        self.start(storage, cleanup);
    }

    /// How far the log is clean, as it is kept.
    fn clean_until(&mut self) -> Option<u64> {
        let mut found = None;
        self.with_note(|log| {
            let last = batches(log).records().last().and_then(|record| record.value);
            found = last.map(|value| String::from_utf8(value.to_vec()).expect("a number"));
        });
        found.map(|text| text.parse().expect("a number"))
    }

    fn set_clean_until(&mut self, until: Option<u64>) {
        self.with_note(|log| {
            *log = MemoryLog::default();
            let record = until
                .map(|until| NewRecord { value: Some(until.to_string().into()), ..NewRecord::default() });
            record.into_iter().for_each(|record| put(log, Producer::ANONYMOUS, &[record]));
        });
    }

    fn forget_how_far(&mut self) {
        self.set_clean_until(None);
    }

    fn passes(&self) -> usize {
        let is_pass = |event: &&Event| matches!(event, Event::Pull(PullEvent::Compacted { .. }));
        self.events.iter().filter(is_pass).count()
    }
}

/// A segment for each batch, and no lags.
fn eager() -> Cleanup {
    Cleanup { policy: CleanupPolicy::Compact, segment_bytes: 1, ..Cleanup::default() }
}

#[test]
fn a_table_refuses_a_record_without_key_and_a_stream_takes_it() {
    let keyless = NewRecord { value: Some("x".into()), ..NewRecord::default() };
    for (policy, stored) in [
        (CleanupPolicy::Delete, true),
        (CleanupPolicy::Compact, false),
        (CleanupPolicy::CompactAndDelete, false),
    ] {
        let mut table = Table::new(Cleanup { policy, ..eager() });
        let answer = table.send(Producer::ANONYMOUS, &[new("a", Some("x")), keyless.clone()]);
        let is_stored = matches!(answer, Some(Reply::Stored { .. }));
        let is_refused = matches!(answer, Some(Reply::Refused(Refusal::Invalid)));
        assert_eq!((is_stored, is_refused), (stored, !stored), "{policy:?}");
        assert!(matches!(table.send(Producer::ANONYMOUS, &[new("a", None)]), Some(Reply::Stored { .. })));
    }
}

#[test]
fn a_log_is_cleaned_when_enough_of_it_is_dirty() {
    for (dirty_per_mille, passes) in [(0, 5), (500, 2), (700, 1), (1_000, 0)] {
        let cleanup = Cleanup { dirty_per_mille, ..eager() };
        let mut table = Table::new(cleanup);
        for number in 0..7 {
            // One key of its own each: so the clean part grows, and the ratio falls. The first pass finds nothing to remove.
            table.send(Producer::ANONYMOUS, &[new(&format!("k{number}"), Some("v")), new("a", Some("v"))]);
            table.wait(60);
        }
        assert_eq!(table.passes(), passes, "above {dirty_per_mille} of a thousand");
    }
}

#[test]
fn lags_say_when_a_message_is_cleaned_at_the_earliest_and_at_the_latest() {
    let at_first = |cleanup: Cleanup| {
        let mut table = Table::new(cleanup);
        table.wait(1_000);
        for value in ["1", "2", "3"] {
            table.send(Producer::ANONYMOUS, &[new("a", Some(value))]);
        }
        let begins = table.now;
        while table.passes() == 0 && table.now.since(begins) < Span::from_millis(2_000) {
            table.wait(50);
        }
        table.now.since(begins).0 / 1_000
    };
    assert_eq!(at_first(eager()), 50, "at the next look");
    assert_eq!(at_first(Cleanup { lag_min: Span::from_millis(500), ..eager() }), 500);
    let lazy = Cleanup { dirty_per_mille: 1_000, segment_bytes: 10_000, ..eager() };
    assert_eq!(at_first(lazy), 2_000, "never: it is all in the active segment");
    assert_eq!(
        at_first(Cleanup { lag_max: Some(Span::from_millis(300)), ..lazy }),
        350,
        "the look after 300 ms"
    );
}

#[test]
fn a_restarted_broker_goes_on_with_the_same_table() {
    let mut table = Table::new(Cleanup { tombstone_retention: Span::from_millis(400), ..eager() });
    let cleanup = Cleanup { tombstone_retention: Span::from_millis(400), ..eager() };
    for record in
        [new("a", Some("1")), new("b", Some("1")), new("a", None), new("b", Some("2")), new("c", Some("1"))]
    {
        table.send(Producer::ANONYMOUS, &[record]);
    }
    table.wait(60);
    assert_eq!(table.text(cleanup), "2:a= 3:b=2 4:c=1", "restarted, it knows when the tombstone was clean");
    table.wait(300);
    assert_eq!(table.text(cleanup), "2:a= 3:b=2 4:c=1");
    table.wait(150);
    assert_eq!(table.text(cleanup), "2:a= 3:b=2 4:c=1", "its time is over, and nothing was dirty since");
    table.wait(60);
    assert_eq!(table.text(cleanup), "2:a= 3:b=2 4:c=1", "nor is it to a broker that was started again");
    table.forget_how_far();
    table.wait(60);
    assert_eq!(
        table.text(cleanup),
        "3:b=2 4:c=1",
        "to one that does not know how far it is clean all is dirty"
    );
}

#[test]
fn how_far_a_log_is_clean_is_kept_and_costs_only_work_when_it_is_old_or_gone() {
    let cleanup = Cleanup { dirty_per_mille: 0, ..eager() };
    let mut table = Table::new(cleanup);
    let all = ["a", "b", "a", "c", "b", "a"];
    let mut kept = Vec::new();
    for (number, key) in all.into_iter().enumerate() {
        kept.push(table.clean_until());
        table.send(Producer::ANONYMOUS, &[new(key, Some(&number.to_string()))]);
        table.wait(60);
    }
    kept.push(table.clean_until());
    assert!(kept.is_sorted() && *kept.last().expect("some") == Some(5), "all but the active one: {kept:?}");
    let right = "2:a=2 3:c=3 4:b=4 5:a=5";
    assert_eq!(table.text(cleanup), right);
    let passes = table.passes();
    table.restart(cleanup);
    table.wait(60);
    assert_eq!(table.passes(), passes, "what was clean is clean");
    for stale in kept.into_iter().chain([None, Some(99)]) {
        table.set_clean_until(stale);
        table.wait(60);
        assert_eq!(table.text(cleanup), right, "it says {stale:?}");
        assert!(
            table.clean_until().is_none_or(|until| until <= 6),
            "it is brought inside the log: {stale:?}"
        );
    }
}

#[test]
fn what_a_producer_sends_again_is_known_though_its_records_are_gone() {
    let of = |sequence| Producer { id: 7, epoch: 0, sequence };
    let mut table = Table::new(eager());
    for sequence in 0..8 {
        table.send(of(sequence), &[new("a", Some("x"))]);
    }
    table.send(Producer::ANONYMOUS, &[new("a", Some("y"))]);
    table.send(Producer::ANONYMOUS, &[new("b", Some("active"))]);
    table.wait(60);
    assert_eq!(table.text(eager()), "8:a=y 9:b=active");
    for sequence in 3..8 {
        let again = table.send(of(sequence), &[new("a", Some("x"))]);
        let first = Offset(sequence as u64);
        assert!(matches!(again, Some(Reply::Stored { base }) if base == first), "{sequence}: {again:?}");
    }
    let known = |event: &&Event| matches!(event, Event::Producer(ProducerEvent::Recognised { .. }));
    assert_eq!(table.events.iter().filter(known).count(), 5);
    assert!(matches!(table.send(of(9), &[new("a", None)]), Some(Reply::Refused(Refusal::OutOfSequence))));
    assert!(matches!(table.send(of(8), &[new("a", None)]), Some(Reply::Stored { base: Offset(10) })));
    table.restart(eager());
    assert!(matches!(table.send(of(8), &[new("a", None)]), Some(Reply::Stored { base: Offset(10) })));
}
