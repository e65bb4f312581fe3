//! A share group's account of a partition: the vectors of Kafka's rules, and a comparison with an account that is a plain
//! map and as slow as it likes.

use std::collections::BTreeMap;

use mqlab_core::broker::{AcknowledgeType, Fate, RecordState, SharePartition, ShareSettings, ShareState};
use mqlab_core::ids::{MessageId, NodeId, Offset};
use mqlab_core::observe::Refusal;
use mqlab_core::time::Time;
use proptest::prelude::*;

use AcknowledgeType::{Accept, Reject, Release, Renew};

const LIMIT: u32 = 5;

fn settings(locks_max: u32) -> ShareSettings {
    ShareSettings { delivery_limit: LIMIT, locks_max, ..ShareSettings::default() }
}

fn member(number: u16) -> NodeId {
    NodeId::Consumer(number)
}

/// All records of a log of this length.
fn log(end: u64) -> Vec<(Offset, Option<MessageId>)> {
    (0..end).map(|offset| (Offset(offset), Some(MessageId(offset)))).collect()
}

/// Hands out what there is, of a log without gaps.
fn fetch(account: &mut SharePartition, by: u16, until: u64, end: u64, max: u32) -> Vec<(u64, u32)> {
    let acquired = account.acquire(member(by), Time(until), &log(end), Offset(end), max);
    acquired.into_iter().map(|(offset, delivery)| (offset.0, delivery)).collect()
}

fn says(account: &mut SharePartition, by: u16, word: &[(u64, AcknowledgeType)]) -> Result<(), Refusal> {
    let word: Vec<_> = word.iter().map(|(offset, what)| (Offset(*offset), *what)).collect();
    account.acknowledge(member(by), Time(1_000), &word).map(|_| ())
}

/// An account in letters from its start on: free, with member 1 or 2, done, archived; each with its count.
fn shown(account: &SharePartition) -> String {
    let letter = |offset| match account.look(Offset(offset)) {
        Some((RecordState::Available, count)) => format!("f{count}"),
        Some((RecordState::Acquired { by: NodeId::Consumer(by), .. }, count)) => format!("{by}x{count}"),
        Some((RecordState::Acknowledged, count)) => format!("d{count}"),
        Some((RecordState::Archived, count)) => format!("a{count}"),
        other => panic!("{other:?}"),
    };
    let records: Vec<String> = (account.start().0..account.end().0).map(letter).collect();
    format!("{} {}", account.start(), records.join(" ")).trim().into()
}

/// AVAILABLE → ACQUIRED (count + 1) → ACKNOWLEDGED | AVAILABLE, or ARCHIVED at the limit | ARCHIVED.
#[test]
fn a_record_goes_from_state_to_state_as_kafka_says() {
    let mut account = SharePartition::new(Offset(0), &settings(2_000));
    /// Who says what of which offsets, and how the account stands then.
    type Row = (u16, &'static [(u64, AcknowledgeType)], &'static str);
    let table: &[Row] = &[
        (1, &[(0, Release)], "0 f1 1x1 1x1"),
        (1, &[(1, Accept)], "0 f1 d1 1x1"),
        (1, &[(2, Renew)], "0 f1 d1 1x1"),
        (1, &[(2, Reject)], "0 f1 d1 a1"),
    ];
    assert_eq!(fetch(&mut account, 1, 100, 3, 10), [(0, 1), (1, 1), (2, 1)]);
    assert_eq!(shown(&account), "0 1x1 1x1 1x1");
    for (by, word, expected) in table {
        says(&mut account, *by, word).expect("it has them");
        assert_eq!(shown(&account), *expected, "{word:?}");
    }
    assert_eq!(fetch(&mut account, 2, 100, 3, 10), [(0, 2)], "what came back comes again, and is counted");
    says(&mut account, 2, &[(0, Accept)]).expect("it has it");
    assert_eq!((shown(&account), account.end()), ("3".into(), Offset(3)), "all is over: the start moves on");
}

#[test]
fn the_fifth_delivery_is_the_last() {
    let mut account = SharePartition::new(Offset(0), &settings(2_000));
    let mut ways = [Release, Release, Renew, Release, Renew].into_iter();
    for delivery in 1..=LIMIT {
        assert_eq!(fetch(&mut account, 1, 100, 1, 1), [(0, delivery)]);
        match ways.next() {
            Some(Renew) => {
                says(&mut account, 1, &[(0, Renew)]).expect("it has it");
                assert!(account.expire(Time(999)).is_empty(), "renewed until 1000");
                assert_eq!(account.expire(Time(1_000)).len(), 1);
            }
            Some(way) => says(&mut account, 1, &[(0, way)]).expect("it has it"),
            None => unreachable!("as many ways as deliveries"),
        }
    }
    assert_eq!(shown(&account), "1", "archived, and so over");
    assert!(fetch(&mut account, 1, 100, 1, 1).is_empty());
}

#[test]
fn whoever_does_not_have_a_record_has_no_say_in_it() {
    let mut account = SharePartition::new(Offset(0), &settings(2_000));
    fetch(&mut account, 1, 100, 4, 2);
    fetch(&mut account, 2, 100, 4, 1);
    let before = shown(&account);
    for (by, word, why) in [
        (2, &[(0, Accept)][..], Refusal::UnknownDelivery), // another's
        (1, &[(3, Accept)], Refusal::UnknownDelivery),     // nobody's
        (1, &[(0, Accept), (2, Accept)], Refusal::UnknownDelivery), // all or nothing
        (1, &[(0, Accept), (0, Release)], Refusal::Invalid),
    ] {
        assert_eq!(says(&mut account, by, word), Err(why), "{word:?}");
        assert_eq!(shown(&account), before, "{word:?}");
    }
    says(&mut account, 1, &[(0, Accept), (1, Accept)]).expect("both are its own");
    assert_eq!(says(&mut account, 2, &[(0, Reject)]), Ok(()), "of what is over any word is good");
    assert_eq!(says(&mut account, 2, &[(2, Accept), (2, Accept)]), Err(Refusal::Invalid));
    assert_eq!(account.take_from(member(2)).len(), 1, "its connection broke");
    assert_eq!(says(&mut account, 2, &[(2, Accept)]), Err(Refusal::UnknownDelivery), "it came too late");
}

#[test]
fn the_window_is_full_until_its_front_is_over() {
    let mut account = SharePartition::new(Offset(0), &settings(3));
    assert_eq!(fetch(&mut account, 1, 100, 9, 9).len(), 3);
    assert_eq!(account.next(), None);
    says(&mut account, 1, &[(1, Accept), (2, Accept)]).expect("it has them");
    assert_eq!(account.next(), None, "the first holds up all behind it");
    says(&mut account, 1, &[(0, Release)]).expect("it has it");
    assert_eq!(account.next(), Some(Offset(0)), "what came back may always be had");
    assert_eq!(fetch(&mut account, 1, 100, 9, 9), [(0, 2)]);
    says(&mut account, 1, &[(0, Accept)]).expect("it has it");
    assert_eq!(fetch(&mut account, 2, 100, 9, 9), [(3, 1), (4, 1), (5, 1)]);
}

#[test]
fn where_no_record_stands_there_is_nothing_to_wait_for() {
    let mut account = SharePartition::new(Offset(2), &settings(10));
    let there = [3, 4, 7].map(|offset| (Offset(offset), None));
    let acquired = account.acquire(member(1), Time(1), &there, Offset(9), 10);
    assert_eq!(acquired, [(Offset(3), 1), (Offset(4), 1), (Offset(7), 1)]);
    assert_eq!(shown(&account), "3 1x1 1x1 a0 a0 1x1 a0");
}

#[test]
fn what_the_log_lost_is_over_and_what_it_never_had_was_never_handed_out() {
    let mut account = SharePartition::new(Offset(0), &settings(10));
    fetch(&mut account, 1, 100, 6, 6);
    says(&mut account, 1, &[(3, Accept), (4, Release)]).expect("it has them");
    assert!(account.trim(Offset(3)) && !account.trim(Offset(3)));
    assert_eq!(shown(&account), "4 f1 1x1", "3 was done");
    let state = account.state();
    let shorter = SharePartition::restore(&state, Offset(2), &settings(10));
    assert_eq!((shorter.start(), shorter.end()), (Offset(2), Offset(2)), "another message will stand there");
}

#[test]
fn what_is_written_down_is_what_was_before_the_present_deliveries() {
    let mut account = SharePartition::new(Offset(0), &settings(10));
    fetch(&mut account, 1, 100, 7, 7);
    says(&mut account, 1, &[(1, Accept), (2, Accept), (3, Release), (4, Reject)]).expect("it has them");
    fetch(&mut account, 2, 100, 7, 1); // 3, for the second time
    let ShareState { start, runs } = account.state();
    let runs: Vec<_> =
        runs.into_iter().map(|run| (run.first.0, run.last.0, run.fate, run.deliveries)).collect();
    assert_eq!(start, Offset(0));
    assert_eq!(
        runs,
        [(1, 2, Fate::Acknowledged, 1), (3, 3, Fate::Available, 1), (4, 4, Fate::Archived, 1)],
        "0, 5 and 6 are as if they had never been handed out"
    );
    let restored = SharePartition::restore(&account.state(), Offset(7), &settings(10));
    assert_eq!(shown(&restored), "0 f0 d1 d1 f1 a1");
}

/// What is done to an account.
#[derive(Clone, Debug)]
enum Step {
    Fetch { by: u16, max: u32, lock: u64 },
    Says { by: u16, word: Vec<(u64, AcknowledgeType)> },
    Passes(u64),
    Leaves(u16),
    Append(u64),
    Trim(u64),
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let what = prop_oneof![4 => Just(Accept), 3 => Just(Release), 1 => Just(Reject), 1 => Just(Renew)];
    let word = prop::collection::vec((0_u64..24, what), 1..4);
    let step = prop_oneof![
        6 => (1_u16..4, 1_u32..5, 1_u64..40).prop_map(|(by, max, lock)| Step::Fetch { by, max, lock }),
        6 => (1_u16..4, word).prop_map(|(by, word)| Step::Says { by, word }),
        2 => (1_u64..30).prop_map(Step::Passes),
        1 => (1_u16..4).prop_map(Step::Leaves),
        3 => (1_u64..4).prop_map(Step::Append),
        1 => (0_u64..3).prop_map(Step::Trim),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..120)
}

/// How a record stands in the plain account.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Plain {
    Free,
    With(u16, u64),
    Over,
}

/// The plain account: every offset that was ever handed out, for ever.
#[derive(Debug, Default)]
struct Model {
    records: BTreeMap<u64, (Plain, u32)>,
    log: (u64, u64),
    now: u64,
    locks_max: u64,
}

impl Model {
    fn of(&self, offset: u64) -> (Plain, u32) {
        let known = self.records.get(&offset).copied().unwrap_or((Plain::Free, 0));
        if offset < self.log.0 { (Plain::Over, known.1) } else { known }
    }

    /// Everything below is over.
    fn start(&self) -> u64 {
        (0..).find(|offset| self.of(*offset).0 != Plain::Over).expect("a log ends")
    }

    fn end(&self) -> u64 {
        let last = self.records.iter().rfind(|(_, (state, count))| *state != Plain::Free || *count > 0);
        last.map_or(0, |(offset, _)| offset + 1).max(self.start())
    }

    fn fetch(&mut self, by: u16, max: u32, lock: u64) -> Vec<(u64, u32)> {
        let start = self.start();
        let free = |offset: &u64| self.of(*offset).0 == Plain::Free;
        // What came back first, wherever it is; new ones only as far as the window goes.
        let reach = self.end().max((start + self.locks_max).min(self.log.1)).min(self.log.1);
        let offsets: Vec<u64> = (start..reach).filter(free).take(max as usize).collect();
        let until = self.now + lock;
        let mut got = Vec::new();
        for offset in offsets {
            let count = self.of(offset).1 + 1;
            self.records.insert(offset, (Plain::With(by, until), count));
            got.push((offset, count));
        }
        got
    }

    fn give_back(&mut self, offset: u64) {
        let count = self.of(offset).1;
        let state = if count >= LIMIT { Plain::Over } else { Plain::Free };
        self.records.insert(offset, (state, count));
    }

    fn says(&mut self, by: u16, word: &[(u64, AcknowledgeType)]) -> bool {
        let start = self.start();
        let has = |offset: u64| matches!(self.of(offset).0, Plain::With(holder, _) if holder == by);
        let mut offsets: Vec<u64> = word.iter().map(|(offset, _)| *offset).collect();
        offsets.sort_unstable();
        offsets.dedup();
        if offsets.len() < word.len() || !offsets.iter().all(|offset| *offset < start || has(*offset)) {
            return false;
        }
        for (offset, what) in word.iter().filter(|(offset, _)| *offset >= start) {
            let count = self.of(*offset).1;
            match what {
                Accept | Reject => drop(self.records.insert(*offset, (Plain::Over, count))),
                Release => self.give_back(*offset),
                Renew => drop(self.records.insert(*offset, (Plain::With(by, 1_000), count))),
            }
        }
        true
    }

    fn take_back(&mut self, which: impl Fn(u16, u64) -> bool) -> usize {
        let all: Vec<u64> = self.records.keys().copied().collect();
        let lost = |offset: &u64| matches!(self.of(*offset).0, Plain::With(by, until) if which(by, until));
        let lost: Vec<u64> = all.into_iter().filter(lost).collect();
        lost.iter().for_each(|offset| self.give_back(*offset));
        lost.len()
    }

    /// A new leader: what members have is free, and that delivery was none.
    fn restart(&mut self) {
        for (state, count) in self.records.values_mut() {
            if let Plain::With(..) = state {
                (*state, *count) = (Plain::Free, *count - 1);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn it_does_what_a_plain_map_does(steps in steps(), locks_max in 1_u32..12) {
        let settings = settings(locks_max);
        let mut account = SharePartition::new(Offset(0), &settings);
        let mut model = Model { locks_max: locks_max.into(), ..Model::default() };
        for step in steps {
            match &step {
                Step::Fetch { by, max, lock } => {
                    let got = fetch(&mut account, *by, model.now + lock, model.log.1, *max);
                    prop_assert_eq!(got, model.fetch(*by, *max, *lock), "{:?}", step);
                }
                Step::Says { by, word } => {
                    let taken = says(&mut account, *by, word).is_ok();
                    prop_assert_eq!(taken, model.says(*by, word), "{:?}", step);
                }
                Step::Passes(time) => {
                    model.now += time;
                    let now = model.now;
                    let lost = account.expire(Time(now)).len();
                    prop_assert_eq!(lost, model.take_back(|_, until| until <= now), "{:?}", step);
                }
                Step::Leaves(by) => {
                    let lost = account.take_from(member(*by)).len();
                    prop_assert_eq!(lost, model.take_back(|holder, _| holder == *by), "{:?}", step);
                }
                Step::Append(records) => model.log.1 += records,
                Step::Trim(records) => {
                    model.log.0 = (model.log.0 + records).min(model.log.1);
                    account.trim(Offset(model.log.0));
                }
                Step::Restart => {
                    account = SharePartition::restore(&account.state(), Offset(model.log.1), &settings);
                    model.restart();
                }
            }
            prop_assert_eq!(account.start().0, model.start(), "{:?}", step);
            prop_assert!(account.end().0 - account.start().0 <= u64::from(locks_max), "{:?}", step);
            for offset in account.start().0..model.log.1 {
                let (state, count) = account.look(Offset(offset)).unwrap_or((RecordState::Available, 0));
                prop_assert!(count <= LIMIT);
                let state = match state {
                    RecordState::Available => Plain::Free,
                    RecordState::Acquired { by: NodeId::Consumer(by), until } => Plain::With(by, until.0),
                    _ => Plain::Over,
                };
                prop_assert_eq!((state, count), model.of(offset), "offset {} after {:?}", offset, step);
            }
            let holders = (0..model.log.1).filter(|offset| matches!(model.of(*offset).0, Plain::With(..)));
            prop_assert_eq!(account.acquired(), holders.count());
        }
    }
}
