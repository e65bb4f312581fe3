//! Does a disk fail as it is told to, and is it whole otherwise?

use super::*;
use crate::ids::Name;
use crate::log::contract::{batch, suite};
use crate::log::memory::MemoryStorage;

fn name() -> LogName {
    LogName::Queue(Name::new("q").expect("a legal name"))
}

/// A storage with one closed log of three batches, of which one is flushed.
fn one_of_three_flushed() -> FaultyStorage<MemoryStorage> {
    let mut storage = FaultyStorage::new(MemoryStorage::default());
    let mut log = storage.open(&name()).expect("memory opens");
    log.append(&batch(0, 1)).expect("in order");
    log.flush().expect("memory flushes");
    log.append(&batch(1, 1)).expect("in order");
    log.append(&batch(2, 1)).expect("in order");
    storage.close(&name(), log).expect("memory closes");
    storage
}

#[test]
fn keeps_the_contract() {
    suite(FaultyStorage::<MemoryStorage>::default, |storage| storage);
}

#[test]
fn a_power_cut_takes_the_unflushed_tail() {
    let size = batch(1, 1).bytes().len() as u64;
    for (kept, end) in [(0, 1), (size - 1, 1), (size, 2), (size + 1, 2), (2 * size, 3)] {
        let mut storage = one_of_three_flushed();
        storage.cut_power(|_, tail| kept.min(tail)).expect("memory never fails");
        let log = storage.open(&name()).expect("memory opens");
        assert_eq!((log.end(), log.durable()), (Offset(end), Offset(end)), "{kept} bytes kept");
    }
}

#[test]
fn after_a_failure_the_log_refuses_until_it_is_opened_again() {
    for fault in [Fault::FailAppend, Fault::TearAppend { bytes: 80 }, Fault::FailFlush] {
        let mut storage = FaultyStorage::new(MemoryStorage::default());
        let mut log = storage.open(&name()).expect("memory opens");
        log.append(&batch(0, 1)).expect("in order");
        log.inject(fault);
        let failed = log.append(&batch(1, 1)).and_then(|()| log.flush());
        assert_eq!(failed, Err(LogError::Storage(FaultyError::Injected(fault))));
        assert_eq!(log.append(&batch(2, 1)), Err(LogError::Refusing));
        assert_eq!(log.flush(), Err(LogError::Refusing));
        assert_eq!(log.truncate(Offset(0)), Err(LogError::Refusing));
        storage.close(&name(), log).expect("memory closes");
        let mut log = storage.open(&name()).expect("memory opens");
        let end = log.end();
        log.append(&batch(end.0, 1)).expect("opened again, it works");
    }
}

#[test]
fn a_torn_append_keeps_whole_batches_only() {
    let two = Batches::parse([&batch(0, 1).bytes()[..], &batch(1, 1).bytes()[..]].concat().into())
        .expect("two sound batches");
    let one = batch(0, 1).bytes().len();
    for (bytes, end) in [(0, 0), (one - 1, 0), (one, 1), (2 * one - 1, 1)] {
        let mut log = FaultyLog::new(crate::log::memory::MemoryLog::default());
        log.inject(Fault::TearAppend { bytes });
        assert!(log.append(&two).is_err());
        assert_eq!(log.end(), Offset(end), "torn after {bytes} bytes");
    }
}
