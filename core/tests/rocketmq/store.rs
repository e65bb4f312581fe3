//! The store against a plain list: whatever is put, flushed, delayed, deleted and lost, both hold the same.

use std::collections::BTreeMap;

use mqlab_core::ids::Epoch;
use mqlab_core::log::faulty::FaultyStorage;
use mqlab_core::log::memory::MemoryStorage;
use mqlab_core::systems::rocketmq::delay::DelayLevels;
use mqlab_core::systems::rocketmq::filter::Subscription;
use mqlab_core::systems::rocketmq::layout::{StoredMessage, sys_flag};
use mqlab_core::systems::rocketmq::store::{
    ENTRY_BYTES, GotStatus, IndexFile, MessageStore, StoreError, StoreSettings, index_file,
};
use mqlab_core::systems::rocketmq::{SCHEDULE_TOPIC, Topic};
use mqlab_core::time::{Span, Time};
use proptest::prelude::*;

type Disk = FaultyStorage<MemoryStorage>;

const FILE_BYTES: u64 = 600;
const RESERVED: u64 = 10_000;
const DELAYS: [u64; 2] = [1_000, 5_000];

fn settings() -> StoreSettings {
    let levels = DelayLevels::new(DELAYS.iter().map(|millis| Span::from_millis(*millis)).collect());
    StoreSettings {
        file_bytes: FILE_BYTES,
        index_slots: 3,
        index_entries: 5,
        levels: levels.expect("two levels"),
        reserved: Span::from_millis(RESERVED),
        delete_hour: 0,
        ..StoreSettings::default()
    }
}

fn open(disk: Disk) -> MessageStore<Disk> {
    MessageStore::open(disk, settings()).expect("the disk is sound")
}

fn topic(name: &str) -> Topic {
    Topic::new(name).expect("a legal topic")
}

#[derive(Clone, Debug)]
enum Op {
    Put { topic: u8, queue: u32, tag: Option<&'static str>, body: usize, prepared: bool, delay: usize },
    Flush,
    Persist,
    Wait(u64),
    Deliver,
    Delete,
    Reopen,
    PowerCut(u8),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let tag = prop_oneof![Just(None), Just(Some("AaAa")), Just(Some("BBBB")), Just(Some("c"))];
    let put = (0_u8..2, 0_u32..2, tag, 0_usize..200, prop::bool::weighted(0.1), 0_usize..10).prop_map(
        |(topic, queue, tag, body, prepared, delay)| {
            let delay = if delay > DELAYS.len() { 0 } else { delay };
            Op::Put { topic, queue, tag, body, prepared, delay }
        },
    );
    let op = prop_oneof![
        12 => put,
        2 => Just(Op::Flush),
        1 => Just(Op::Persist),
        3 => (1_u64..4_000).prop_map(Op::Wait),
        3 => Just(Op::Deliver),
        1 => Just(Op::Delete),
        1 => Just(Op::Reopen),
        1 => any::<u8>().prop_map(Op::PowerCut),
    ];
    prop::collection::vec(op, 1..60)
}

#[derive(Clone, Debug, PartialEq)]
struct Listed {
    topic: String,
    queue: u32,
    offset: u64,
    tag: Option<&'static str>,
    key: String,
    body: Vec<u8>,
    visible: bool,
    stored: u64,
    physical: u64,
    size: u64,
    /// Where it goes when it is due.
    to: Option<(String, u32)>,
}

/// Everything in one list, searched from the beginning each time.
#[derive(Default)]
struct Model {
    list: Vec<Listed>,
    durable: usize,
    floors: BTreeMap<(String, u32), u64>,
    delivered: BTreeMap<u32, u64>,
    persisted: BTreeMap<u32, u64>,
    end: u64,
    floor: u64,
    now: u64,
    numbers: u64,
}

impl Model {
    fn next(&self, topic: &str, queue: u32) -> u64 {
        let of = |m: &&Listed| m.topic == topic && m.queue == queue && m.visible;
        let last = self.list.iter().rev().find(of).map(|m| m.offset + 1);
        last.or(self.floors.get(&(topic.to_owned(), queue)).copied()).unwrap_or(0)
    }

    fn add(&mut self, mut message: Listed) {
        message.offset = if message.visible { self.next(&message.topic, message.queue) } else { 0 };
        message.stored = self.now;
        let left = FILE_BYTES - self.end % FILE_BYTES;
        message.physical = if message.size + 8 > left { self.end + left } else { self.end };
        if message.physical / FILE_BYTES != self.end / FILE_BYTES {
            self.durable = self.list.len(); // a file is flushed when the next begins
        }
        self.end = message.physical + message.size;
        self.list.push(message);
    }

    fn due(&self, level: u32) -> Option<usize> {
        let next = self.delivered.get(&level).copied().unwrap_or(0);
        let is_next = |m: &Listed| m.topic == SCHEDULE_TOPIC && m.queue == level && m.offset >= next;
        let at = self.list.iter().position(is_next)?;
        (self.list[at].stored + DELAYS[level as usize] <= self.now).then_some(at)
    }
}

fn put(model: &mut Model, store: &mut MessageStore<Disk>, op: &Op) {
    let Op::Put { topic: number, queue, tag, body, prepared, delay } = op else { return };
    let name = format!("t{number}");
    model.numbers += 1;
    let key = format!("k{}", model.numbers % 5);
    let mut message = StoredMessage::new(topic(&name), *queue, vec![model.numbers as u8; *body].into());
    message.properties.set("KEYS", &key).expect("a legal property");
    if let Some(tag) = tag {
        message.properties.set("TAGS", tag).expect("a legal property");
    }
    if *delay > 0 {
        message.properties.set("DELAY", &delay.to_string()).expect("a legal property");
    }
    if *prepared {
        message.sys_flag = sys_flag::PREPARED;
    }
    let stored = store.put(Time(model.now * 1_000), message.clone(), Epoch(0)).expect("the disk is sound");
    let waits = *delay > 0 && !prepared;
    let (name, queue, to) = if waits {
        (SCHEDULE_TOPIC.to_owned(), *delay as u32 - 1, Some((name, *queue)))
    } else {
        (name, *queue, None)
    };
    let size = u64::from(stored.at.size);
    let listed = Listed {
        topic: name,
        queue,
        offset: 0,
        tag: *tag,
        key,
        body: message.body.to_vec(),
        visible: !prepared,
        stored: 0,
        physical: 0,
        size,
        to,
    };
    model.add(listed);
    assert_eq!(stored.at.physical, model.list.last().expect("it was added").physical);
}

fn deliver(model: &mut Model, store: &mut MessageStore<Disk>) {
    let delivered = store.deliver_due(Time(model.now * 1_000), Epoch(0)).expect("the disk is sound");
    let mut sizes = delivered.iter().map(|stored| u64::from(stored.at.size));
    for level in 0..DELAYS.len() as u32 {
        while let Some(at) = model.due(level) {
            let waiting = model.list[at].clone();
            model.delivered.insert(level, waiting.offset + 1);
            let (topic, queue) = waiting.to.clone().expect("it says where it goes");
            let size = sizes.next().expect("the store delivers as many");
            model.add(Listed { topic, queue, to: None, size, ..waiting });
        }
    }
    assert_eq!(sizes.next(), None, "and no more");
}

fn delete(model: &mut Model, store: &mut MessageStore<Disk>) {
    let deleted = store.delete_expired(Time(model.now * 1_000)).expect("the disk is sound");
    let Some(last) = model.list.last() else { return assert!(deleted.is_empty()) };
    let (last, mut until) = (last.physical / FILE_BYTES, 0);
    for file in model.list[0].physical / FILE_BYTES..last {
        let of = |m: &&Listed| m.physical / FILE_BYTES == file;
        let newest = model.list.iter().filter(of).map(|m| m.stored).max().unwrap_or(0);
        if newest + RESERVED >= model.now {
            break;
        }
        until = (file + 1) * FILE_BYTES;
    }
    let gone = model.list.iter().take_while(|m| m.physical < until).count();
    assert_eq!(deleted.is_empty(), !model.list[..gone].iter().any(|m| m.visible));
    if gone > 0 {
        model.floor = until;
        for m in model.list.drain(..gone).filter(|m| m.visible) {
            model.floors.insert((m.topic, m.queue), m.offset + 1);
        }
        model.durable = model.durable.saturating_sub(gone);
    }
}

fn power_cut(model: &mut Model, store: MessageStore<Disk>, part: u8) -> MessageStore<Disk> {
    let mut disk = store.close().expect("the disk is sound");
    disk.cut_power(|_, bytes| bytes * u64::from(part) / 256).expect("the disk is sound");
    let store = open(disk);
    let kept = store.commit_log().messages();
    assert!(kept >= model.durable, "{kept} messages, of which {} were flushed", model.durable);
    model.list.truncate(kept);
    model.durable = kept;
    model.end = model.list.last().map_or(model.floor, |m| m.physical + m.size);
    restarted(model);
    store
}

/// What was delivered is what was noted, unless less is there.
fn restarted(model: &mut Model) {
    model.delivered = model.persisted.clone();
    let next: Vec<_> = (0..DELAYS.len() as u32).map(|level| model.next(SCHEDULE_TOPIC, level)).collect();
    for (level, offset) in &mut model.delivered {
        *offset = (*offset).min(next[*level as usize]);
    }
}

/// All that a reader can see.
fn check(model: &Model, store: &MessageStore<Disk>) {
    assert_eq!(store.commit_log().messages(), model.list.len());
    assert_eq!(store.commit_log().end(), model.end);
    for (name, queue) in
        [("t0", 0), ("t0", 1), ("t1", 0), ("t1", 1), (SCHEDULE_TOPIC, 0), (SCHEDULE_TOPIC, 1)]
    {
        let next = model.next(name, queue);
        assert_eq!(store.max_offset(&topic(name), queue), next, "{name}/{queue}");
        let of = |m: &&Listed| m.topic == name && m.queue == queue && m.visible;
        let first = model.list.iter().find(of).map_or(next, |m| m.offset);
        assert_eq!(store.min_offset(&topic(name), queue), first, "{name}/{queue}");
        if name == SCHEDULE_TOPIC {
            continue;
        }
        for (wants, passes) in [("*", None), ("AaAa", Some(["AaAa", "BBBB"])), ("c", Some(["c", "c"]))] {
            let wants = Subscription::tags(wants).expect("tags");
            let expected: Vec<_> = model
                .list
                .iter()
                .filter(of)
                .filter(|m| passes.is_none_or(|tags| m.tag.is_some_and(|tag| tags.contains(&tag))))
                .collect();
            let (mut at, mut seen) = (first, Vec::new());
            while at < next {
                let got = store.get(&topic(name), queue, at, 2, &wants).expect("the disk is sound");
                assert!(got.next > at && got.messages.len() <= 2);
                assert_eq!(got.status == GotStatus::Found, !got.messages.is_empty());
                seen.extend(got.messages);
                at = got.next;
            }
            let seen: Vec<_> =
                seen.iter().map(|m| (m.queue_offset, m.physical_offset, m.body.to_vec())).collect();
            let expected: Vec<_> = expected.iter().map(|m| (m.offset, m.physical, m.body.clone())).collect();
            assert_eq!(seen, expected, "{name}/{queue}");
        }
        for moment in [0, model.now / 2, model.now, model.now + 1] {
            let found = store.offset_by_time(&topic(name), queue, Time(moment * 1_000)).expect("sound");
            let expected =
                model.list.iter().filter(of).find(|m| m.stored >= moment).map_or(next, |m| m.offset);
            assert_eq!(found, expected, "{name}/{queue} from {moment} ms on");
        }
    }
    for name in ["t0", "t1"] {
        for key in ["k0", "k1", "k2", "k3", "k4", "k5"] {
            let found = store.query(&topic(name), key, 100).expect("the disk is sound");
            let found: Vec<_> = found.iter().map(|m| m.physical_offset).collect();
            let of = model.list.iter().rev().filter(|m| m.topic == name && m.key == key);
            assert_eq!(found, of.map(|m| m.physical).collect::<Vec<_>>(), "{name} {key}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn the_store_holds_what_a_list_holds(ops in ops()) {
        let mut model = Model::default();
        let mut store = open(Disk::default());
        for op in &ops {
            match op {
                Op::Put { .. } => put(&mut model, &mut store, op),
                Op::Flush => {
                    store.flush().expect("the disk is sound");
                    model.durable = model.list.len();
                }
                Op::Persist => {
                    store.persist().expect("the disk is sound");
                    model.persisted = model.delivered.clone();
                }
                Op::Wait(millis) => model.now += millis,
                Op::Deliver => deliver(&mut model, &mut store),
                Op::Delete => delete(&mut model, &mut store),
                Op::Reopen => {
                    store = open(store.close().expect("the disk is sound"));
                    restarted(&mut model);
                }
                Op::PowerCut(part) => store = power_cut(&mut model, store, *part),
            }
            let durable = store.commit_log().durable();
            let expected = model.durable.checked_sub(1).map(|last| model.list[last].physical + model.list[last].size);
            prop_assert_eq!(durable.max(store.commit_log().start()), expected.unwrap_or(store.commit_log().start()));
            check(&model, &store);
        }
    }
}

#[test]
fn a_delayed_message_gets_its_offset_when_it_is_due() {
    let mut store = open(Disk::default());
    let orders = topic("orders");
    let mut late = StoredMessage::new(orders.clone(), 0, "late".into());
    late.properties.set("DELAY", "1").expect("a legal property");
    store.put(Time::ZERO, late, Epoch(0)).expect("sound");
    store.put(Time::ZERO, StoredMessage::new(orders.clone(), 0, "soon".into()), Epoch(0)).expect("sound");
    assert_eq!(store.next_due(), Some(Time(1_000_000)));
    assert!(store.deliver_due(Time(999_999), Epoch(0)).expect("sound").is_empty());
    assert_eq!(store.deliver_due(Time(1_000_000), Epoch(0)).expect("sound").len(), 1);
    let got = store.get(&orders, 0, 0, 32, &Subscription::All).expect("sound");
    let bodies: Vec<_> = got.messages.iter().map(|m| m.body.clone()).collect();
    assert_eq!(bodies, ["soon", "late"]);
    assert_eq!(store.next_due(), None);
}

#[test]
fn a_reader_is_told_where_to_go_on() {
    let mut store = open(Disk::default());
    let orders = topic("orders");
    let read = |store: &MessageStore<Disk>, at| {
        let got = store.get(&orders, 0, at, 32, &Subscription::All).expect("sound");
        (got.status, got.next)
    };
    assert_eq!(read(&store, 3), (GotStatus::NoMessage, 0));
    for second in 0..20 {
        let message = StoredMessage::new(orders.clone(), 0, vec![0; 200].into());
        store.put(Time(second * 1_000_000), message, Epoch(0)).expect("sound");
    }
    let deleted = store.delete_expired(Time(20_000_000)).expect("sound");
    // Files of 600 bytes take one message of 297 and the blank behind it, or two without: 8 bytes are left free.
    assert_eq!(deleted.iter().map(|deleted| deleted.below).collect::<Vec<_>>(), [10]);
    assert_eq!(read(&store, 0), (GotStatus::TooSmall, 10));
    assert_eq!(read(&store, 20), (GotStatus::OverflowOne, 20));
    assert_eq!(read(&store, 21), (GotStatus::OverflowBadly, 20));
}

#[test]
fn a_message_that_fits_no_file_is_refused() {
    let mut store = open(Disk::default());
    let of = |body| StoredMessage::new(topic("t"), 0, vec![0; body].into());
    assert!(matches!(store.put(Time::ZERO, of(501), Epoch(0)), Err(StoreError::Rejected(_))));
    store.put(Time::ZERO, of(500), Epoch(0)).expect("91 + 500 + 1 + 8 = 600");
}

#[test]
fn full_disks_are_emptied_by_force() {
    let small = StoreSettings { disk_bytes: Some(3_000), delete_hour: 23, ..settings() };
    let mut store = MessageStore::open(Disk::default(), small).expect("sound");
    let mut ages = Vec::new();
    for second in 0..8 {
        let message = StoredMessage::new(topic("t"), 0, vec![0; 400].into());
        store.put(Time(second * 1_000_000), message, Epoch(0)).expect("sound");
        let deleted = store.delete_expired(Time(second * 1_000_000)).expect("sound");
        ages.extend(deleted.iter().map(|deleted| (second, deleted.below)));
    }
    // One message a file. With the fifth 2,892 of 3,000 bytes are used: more than 85 %, and no file is ten seconds old.
    assert_eq!(ages, [(4, 1), (5, 2), (6, 3), (7, 4)]);
}

#[test]
fn an_index_file_is_laid_out_so() {
    let mut file = IndexFile::new(2, 4);
    assert!(
        file.put(3, 100, Time(5_000_000))
            && file.put(5, 200, Time(7_500_000))
            && file.put(3, 300, Time(8_000_000))
    );
    assert!(!file.put(1, 400, Time(9_000_000)), "number 0 is never used");
    let bytes = file.encode();
    assert_eq!(bytes.len(), index_file::HEADER_BYTES + 2 * 4 + 4 * 20);
    let mut expected = Vec::new();
    for number in [5_000_u64, 8_000, 100, 300] {
        expected.extend_from_slice(&number.to_be_bytes());
    }
    for number in [1_u32, 4, 0, 3] {
        expected.extend_from_slice(&number.to_be_bytes()); // slots in use, the next number, the two slots
    }
    expected.extend_from_slice(&[0; 20]);
    for (hash, physical, seconds, previous) in
        [(3_u32, 100_u64, 0_u32, 0_u32), (5, 200, 2, 1), (3, 300, 3, 2)]
    {
        expected.extend_from_slice(&hash.to_be_bytes());
        expected.extend_from_slice(&physical.to_be_bytes());
        expected.extend_from_slice(&seconds.to_be_bytes());
        expected.extend_from_slice(&previous.to_be_bytes());
    }
    assert_eq!(bytes, expected);
    assert_eq!(file.find(3).collect::<Vec<_>>(), [300, 100]);
    assert_eq!(ENTRY_BYTES, 20);
}
