//! Damage is found wherever it is, and what is whole is saved at its offsets.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use common::{bases, log_dir, name, scratch, segment};
use mqlab::log::{FileStorage, Finding, Options};
use mqlab_core::ids::Offset;
use mqlab_core::log::contract::batch;
use mqlab_core::log::{Log, Slice, Storage};
use mqlab_core::record::Record;
use proptest::prelude::*;

const SMALL: Options = Options { segment_bytes: 400, index_interval_bytes: 100, ..Options::DEFAULT };

/// What somebody does to the files.
#[derive(Clone, Debug)]
enum Hurt {
    Flip { segment: prop::sample::Index, byte: prop::sample::Index },
    Zero { segment: prop::sample::Index, from: prop::sample::Index, bytes: usize },
    Shorten { segment: prop::sample::Index, to: prop::sample::Index },
    Remove { segment: prop::sample::Index },
    Index { segment: prop::sample::Index, ending: &'static str },
}

fn hurt() -> impl Strategy<Value = Hurt> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        4 => (index(), index()).prop_map(|(segment, byte)| Hurt::Flip { segment, byte }),
        2 => (index(), index(), 1_usize..300).prop_map(|(segment, from, bytes)| Hurt::Zero { segment, from, bytes }),
        1 => (index(), index()).prop_map(|(segment, to)| Hurt::Shorten { segment, to }),
        1 => index().prop_map(|segment| Hurt::Remove { segment }),
        1 => (index(), prop::sample::select(vec!["index", "timeindex"]))
            .prop_map(|(segment, ending)| Hurt::Index { segment, ending }),
    ]
}

fn apply(hurt: &Hurt, data: &Path) {
    let bases = bases(data);
    let (Hurt::Flip { segment: which, .. }
    | Hurt::Zero { segment: which, .. }
    | Hurt::Shorten { segment: which, .. }
    | Hurt::Remove { segment: which }
    | Hurt::Index { segment: which, .. }) = hurt;
    if bases.is_empty() {
        return;
    }
    let path = segment(data, bases[which.index(bases.len())]);
    let mut bytes = fs::read(&path).expect("read");
    let len = bytes.len();
    match hurt {
        Hurt::Remove { .. } => return fs::remove_file(&path).expect("removed"),
        Hurt::Index { ending, .. } => {
            return fs::write(path.with_extension(ending), b"not an index").expect("written");
        }
        _ if len == 0 => return,
        Hurt::Flip { byte, .. } => bytes[byte.index(len)] ^= 0x10,
        Hurt::Zero { from, bytes: count, .. } => {
            let from = from.index(len);
            bytes[from..(from + count).min(len)].fill(0);
        }
        Hurt::Shorten { to, .. } => bytes.truncate(to.index(len)),
    }
    fs::write(&path, &bytes).expect("written");
}

/// The segments of a log.
fn files(data: &Path) -> BTreeMap<u64, Vec<u8>> {
    bases(data).into_iter().map(|base| (base, fs::read(segment(data, base)).expect("read"))).collect()
}

/// Whether a checksum, a length or a missing file must show that something was done. Base offset (8 bytes) and epoch (at
/// 12) of a batch are outside every checksum.
fn shows(before: &BTreeMap<u64, Vec<u8>>, after: &BTreeMap<u64, Vec<u8>>) -> bool {
    before.iter().any(|(base, was)| {
        let Some(is) = after.get(base) else { return true };
        let mut covered = vec![true; was.len()];
        let mut at = 0;
        while at < was.len() {
            covered[at..at + 8].fill(false);
            covered[at + 12..at + 16].fill(false);
            at += u32::from_be_bytes(was[at + 8..at + 12].try_into().expect("four bytes")) as usize + 12;
        }
        is.len() != was.len() || (0..was.len()).any(|at| covered[at] && was[at] != is[at])
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damage_is_found_and_what_is_whole_is_saved(
        sizes in prop::collection::vec(1_u64..4, 1..30),
        wounds in prop::collection::vec(hurt(), 1..4),
    ) {
        let root = scratch();
        let mut storage = FileStorage::open_with(root.path(), SMALL).expect("opens");
        let mut log = storage.open(&name()).expect("opens");
        let mut all: BTreeMap<u64, Record> = BTreeMap::new();
        for records in &sizes {
            let batch = batch(log.end().0, *records);
            all.extend(batch.records().map(|record| (record.offset.0, record)));
            log.append(&batch).expect("in order");
        }
        let end = log.end();
        storage.close(&name(), log).expect("closes");
        let verified = storage.verify(&name()).expect("reads");
        prop_assert!(verified.findings.is_empty());
        prop_assert_eq!((verified.records, verified.offsets), (all.len() as u64, Offset(0)..end));

        let before = files(root.path());
        wounds.iter().for_each(|hurt| apply(hurt, root.path()));
        let hurt = files(root.path());
        let shows = shows(&before, &hurt);
        let Ok(found) = storage.verify(&name()) else {
            return Err(TestCaseError::fail("it is there"));
        };
        prop_assert!(!shows || !found.is_sound(), "{:?}", found);
        prop_assert_eq!(&files(root.path()), &hurt, "nothing was changed");

        let repaired = storage.repair(&name()).expect("repairs");
        prop_assert_eq!(&repaired.found, &found);
        // Where only the front is missing, there is nothing to set aside.
        let front = before.keys().next() != hurt.keys().next();
        prop_assert!(repaired.set_aside.is_empty() == found.is_sound() || front);
        let again = storage.verify(&name()).expect("reads");
        prop_assert!(again.is_sound(), "{:?}", again);
        prop_assert!(again.offsets.end >= end || !shows, "offsets are not given twice");
        // Every byte is still somewhere.
        let now: Vec<Vec<u8>> = fs::read_dir(log_dir(root.path())).expect("listed")
            .map(|entry| fs::read(entry.expect("listed").path()).expect("read")).collect();
        for bytes in hurt.values() {
            prop_assert!(now.contains(bytes), "a segment is gone");
        }
        let log = storage.open(&name()).expect("what was repaired opens");
        let read = log.read(log.start(), log.end(), u32::MAX).expect("in range").load().expect("sound");
        prop_assert_eq!(read.records().count() as u64, again.records);
        prop_assert_eq!(found.records, again.records, "every whole batch is saved");
        // A record is what it was, unless its batch's offset was changed, which nothing guards.
        let moved = read.records().filter(|record| all.get(&record.offset.0) != Some(record)).count();
        let guarded = !wounds.iter().any(|hurt| matches!(hurt, Hurt::Flip { .. } | Hurt::Zero { .. }));
        prop_assert!(moved == 0 || !guarded);
        storage.close(&name(), log).expect("closes");
        prop_assert_eq!(storage.repair(&name()).expect("is sound").set_aside.len(), 0);
    }
}

#[test]
fn a_torn_tail_is_told_apart_from_damage() {
    let root = scratch();
    common::write_and_die(root.path(), Options::default(), 2, 3);
    let path = segment(root.path(), 0);
    let whole = fs::read(&path).expect("read");
    let storage = FileStorage::open(root.path()).expect("opens");
    fs::write(&path, &whole[..whole.len() - 1]).expect("written");
    let verified = storage.verify(&name()).expect("reads");
    assert!(verified.is_sound());
    assert!(matches!(&verified.findings[..], [Finding::TornTail { .. }]), "{verified:?}");
    let last = common::batch_bytes(2) as usize;
    fs::write(&path, &whole[..whole.len() - last - 1]).expect("written");
    let verified = storage.verify(&name()).expect("reads");
    assert!(matches!(&verified.findings[..], [Finding::Damaged { .. }, Finding::Gap { .. }]), "{verified:?}");
}

#[test]
fn a_compaction_that_was_damaged_is_set_aside() {
    let root = scratch();
    common::write(root.path(), SMALL, 12);
    let swap = segment(root.path(), 0).with_extension("log.swap");
    fs::write(&swap, &batch(0, 1).bytes()[..70]).expect("written");
    let mut storage = FileStorage::open(root.path()).expect("opens");
    assert!(storage.open(&name()).is_err());
    assert!(!storage.verify(&name()).expect("reads").is_sound());
    let repaired = storage.repair(&name()).expect("repairs");
    assert!(repaired.lost.is_empty() && repaired.set_aside.len() == 1);
    assert_eq!(common::offsets(&storage.open(&name()).expect("opens")), (0..12).collect::<Vec<_>>());
}
