//! The embedded broker: keys, turns, groups, and what becomes of them over restarts.

mod common;

use std::collections::BTreeMap;

use common::{TINY, scratch};
use mqlab::log::{FileStorage, Options};
use mqlab::{Error, Local, Moved, Receiver, Sender};
use mqlab_core::broker::partition_of_key;
use mqlab_core::ids::{LogName, Name, Offset, PartitionId};
use mqlab_core::log::{Log as _, Storage as _};
use mqlab_core::record::BATCH_BYTES_MAX;

fn named(text: &str) -> Name {
    Name::new(text).expect("a legal name")
}

fn partition(index: u32) -> PartitionId {
    PartitionId { topic: named("t"), index }
}

/// A broker with a topic of so many partitions.
fn with_topic(dir: &std::path::Path, partitions: u32) -> Local {
    let mut local = Local::open(dir).expect("opens");
    local.create_topic(&named("t"), partitions).expect("created");
    local
}

fn send(local: &mut Local, messages: &[(Option<&'static str>, String)]) {
    let mut sender = Sender::new(local, &named("t")).expect("the topic is there");
    for (key, value) in messages {
        sender.send(key.map(Into::into), value.clone().into()).expect("small");
    }
    assert_eq!(sender.kept(), 0, "nothing is called kept before it is");
    assert_eq!(sender.flush().expect("flushes"), messages.len() as u64);
}

/// Everything that a group has not had, by partition.
fn receive(local: &mut Local, group: &str, max: usize) -> BTreeMap<u32, Vec<String>> {
    let mut receiver = Receiver::new(local, &named("t"), &named(group)).expect("the topic is there");
    let mut found: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for _ in 0..max {
        let Some(received) = receiver.receive().expect("sound") else { break };
        let value = received.record.value.expect("every message has a value");
        let text = String::from_utf8(value.into()).expect("text");
        found.entry(received.partition.index).or_default().push(text);
    }
    receiver.commit().expect("kept");
    found
}

#[test]
fn a_key_has_one_partition_and_keeps_its_order() {
    let root = scratch();
    let mut local = with_topic(root.path(), 4);
    let keys = ["21", "foobar", "abc", "user-1", "a", "", "hello"];
    let messages: Vec<_> =
        (0..200).map(|n| (Some(keys[n % keys.len()]), format!("{} {n}", keys[n % keys.len()]))).collect();
    send(&mut local, &messages);
    let found = receive(&mut local, "g", usize::MAX);
    for (index, values) in &found {
        let wanted: Vec<String> = (messages.iter())
            .filter(|(key, _)| key.is_some_and(|key| partition_of_key(key.as_bytes(), 4) == *index))
            .map(|(_, value)| value.clone())
            .collect();
        assert_eq!(values, &wanted, "partition {index}");
    }
    assert_eq!(found.values().map(Vec::len).sum::<usize>(), 200);
}

#[test]
fn without_a_key_partitions_take_turns_also_over_restarts() {
    let root = scratch();
    for n in 0..9 {
        let mut local = with_topic(root.path(), 3);
        send(&mut local, &[(None, n.to_string())]);
        local.close().expect("closes");
    }
    let mut local = with_topic(root.path(), 3);
    let found = receive(&mut local, "g", usize::MAX);
    assert_eq!(found.values().map(Vec::len).collect::<Vec<_>>(), [3, 3, 3]);
}

#[test]
fn groups_go_on_where_they_committed() {
    let root = scratch();
    let mut local = with_topic(root.path(), 2);
    send(&mut local, &(0..10).map(|n| (None, n.to_string())).collect::<Vec<_>>());
    let first = receive(&mut local, "g", 7);
    assert_eq!(first.values().map(Vec::len).sum::<usize>(), 7);
    {
        let mut receiver = Receiver::new(&mut local, &named("t"), &named("g")).expect("the topic is there");
        receiver.receive().expect("sound").expect("there is more");
        assert_eq!(receiver.left(), 2);
    } // not committed: it comes again
    local.close().expect("closes");

    let mut local = with_topic(root.path(), 2);
    let second = receive(&mut local, "g", usize::MAX);
    for index in 0..2 {
        let had = [&first, &second].map(|part| part.get(&index).cloned().unwrap_or_default());
        assert_eq!(
            had.concat(),
            (0..10).filter(|n| n % 2 == index).map(|n| n.to_string()).collect::<Vec<_>>()
        );
    }
    assert_eq!(receive(&mut local, "another", usize::MAX).len(), 2);
    assert!(receive(&mut local, "g", usize::MAX).is_empty());
}

#[test]
fn what_was_flushed_survives_a_broker_that_is_dropped() {
    let root = scratch();
    let mut local = with_topic(root.path(), 2);
    send(&mut local, &[(None, "kept".into()), (None, "too".into())]);
    drop(local);
    let mut local = Local::open(root.path()).expect("opens");
    assert_eq!(local.topics().collect::<Vec<_>>(), [(&named("t"), 2)]);
    assert_eq!(receive(&mut local, "g", usize::MAX).len(), 2);
    assert!(local.recovered().is_empty());
}

#[test]
fn large_messages_and_tiny_segments() {
    let root = scratch();
    let mut local = Local::open_with(root.path(), TINY).expect("opens");
    local.create_topic(&named("t"), 1).expect("created");
    let messages: Vec<_> = (0..50_usize).map(|n| (None, n.to_string().repeat(n * n * 40))).collect();
    send(&mut local, &messages);
    local.close().expect("closes");
    let mut local = Local::open_with(root.path(), TINY).expect("opens");
    let found = receive(&mut local, "g", usize::MAX);
    assert_eq!(found[&0], messages.into_iter().map(|(_, value)| value).collect::<Vec<_>>());
}

#[test]
fn a_message_that_fits_no_batch_is_refused_and_the_rest_goes_on() {
    let root = scratch();
    let mut local = with_topic(root.path(), 1);
    let mut sender = Sender::new(&mut local, &named("t")).expect("the topic is there");
    sender.send(None, "before".into()).expect("small");
    let error = sender.send(None, vec![b'x'; BATCH_BYTES_MAX].into()).expect_err("too large");
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    sender.send(None, "after".into()).expect("small");
    assert_eq!(sender.flush().expect("flushes"), 2);
    assert_eq!(receive(&mut local, "g", 9)[&0], ["before", "after"]);
}

#[test]
fn topics_are_what_they_were_made() {
    let root = scratch();
    let mut local = with_topic(root.path(), 2);
    local.create_topic(&named("t"), 2).expect("it is there");
    let refused = |local: &mut Local, name: &str, partitions| {
        local.create_topic(&named(name), partitions).expect_err("refused").to_string()
    };
    assert!(refused(&mut local, "t", 3).starts_with("the topic t has 2 partitions and cannot get 3"));
    assert!(refused(&mut local, "u", 0).starts_with("a topic cannot have 0 partitions: use 1 to 512"));
    assert!(refused(&mut local, "u", 513).starts_with("a topic cannot have 513 partitions"));
    assert!(refused(&mut local, "__topics", 1).starts_with("the name __topics is the engine's own"));
    let error = Sender::new(&mut local, &named("u")).map(drop).expect_err("no such topic");
    assert_eq!(error.to_string(), "there is no topic u: there are t");
    local.create_topic(&named("u"), 512).expect("created");
    assert_eq!(local.open_topic(&named("u")).expect("opens"), Some(512));
    assert_eq!(local.open_topic(&named("v")).expect("nothing to open"), None);
    local.close().expect("closes");
    let local = Local::open(root.path()).expect("opens");
    assert_eq!(local.topics().collect::<Vec<_>>(), [(&named("t"), 2), (&named("u"), 512)]);
}

#[test]
fn a_group_whose_place_is_gone_is_moved_and_says_so() {
    let root = scratch();
    let options = Options { segment_bytes: 1, ..Options::default() };
    let mut local = Local::open_with(root.path(), options).expect("opens");
    local.create_topic(&named("t"), 1).expect("created");
    for n in 0..6 {
        send(&mut local, &[(None, n.to_string())]);
    }
    receive(&mut local, "late", 5);
    receive(&mut local, "early", 1);
    local.close().expect("closes");

    let mut storage = FileStorage::open(root.path()).expect("opens");
    let name = LogName::Partition(partition(0));
    let mut log = storage.open(&name).expect("opens");
    log.truncate(Offset(4)).expect("truncates");
    log.trim(Offset(3)).expect("trims");
    assert_eq!((log.start(), log.end()), (Offset(3), Offset(4)));
    storage.close(&name, log).expect("closes");
    drop(storage);

    let mut local = Local::open(root.path()).expect("opens");
    for (group, from, to) in [("late", 5, 4), ("early", 1, 3)] {
        let receiver = Receiver::new(&mut local, &named("t"), &named(group)).expect("the topic is there");
        let moved = Moved { partition: partition(0), from: Offset(from), to: Offset(to) };
        assert_eq!(receiver.moved(), [moved]);
    }
    assert_eq!(receive(&mut local, "early", 9)[&0], ["3"]);
    assert!(receive(&mut local, "late", 9).is_empty());
    let receiver = Receiver::new(&mut local, &named("t"), &named("late")).expect("the topic is there");
    assert_eq!(receiver.moved(), [], "its new place was committed");
}
