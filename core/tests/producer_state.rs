//! What a partition remembers of its producers: Kafka's vectors, and a broker against a plain list of every batch that
//! was ever accepted, over restarts, copies from other leaders, and cuts.

use std::sync::Arc;

use mqlab_core::broker::{
    Acks, Broker, Input, Message, Out, PartitionState, ProducerStates, Reply, Request, RequestId, Settings,
    View,
};
use mqlab_core::ids::{Epoch, Name, NodeId, Offset, PartitionId};
use mqlab_core::log::memory::MemoryStorage;
use mqlab_core::observe::{Event, ProducerEvent, Refusal};
use mqlab_core::record::{BatchBuilder, Batches, NewRecord, Producer};
use mqlab_core::time::{Span, Time};
use proptest::prelude::*;

const ME: NodeId = NodeId::Broker(1);
const OTHER: NodeId = NodeId::Broker(2);

/// What becomes of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is appended at this offset.
    Ok(u64),
    /// It is the batch at this offset.
    Dup(u64),
    /// An earlier one is missing.
    OutOfOrder,
    /// The producer began anew since.
    OldEpoch,
}

fn batch(id: i64, epoch: i16, sequence: i32, count: usize) -> Batches {
    let mut builder = BatchBuilder::of(Producer { id, epoch, sequence });
    for _ in 0..count {
        builder.push(&NewRecord::default()).expect("a small batch");
    }
    builder.build()
}

/// A batch by its epoch, first number, and how many; and what becomes of it.
type Row = ((i16, i32, usize), Fate);

/// The table of Kafka's rules.
#[test]
fn vectors() {
    use Fate::{Dup, Ok, OldEpoch, OutOfOrder};
    let table: [&[Row]; 6] = [
        &[
            ((0, 0, 1), Ok(0)),
            ((0, 1, 1), Ok(1)),
            ((0, 1, 1), Dup(1)),
            ((0, 0, 1), Dup(0)),
            ((0, 3, 1), OutOfOrder),
            ((0, 2, 1), Ok(2)),
        ],
        &[
            ((0, 0, 2), Ok(0)),
            ((0, 2, 2), Ok(2)),
            ((0, 4, 2), Ok(4)),
            ((0, 6, 2), Ok(6)),
            ((0, 8, 2), Ok(8)),
            ((0, 0, 2), Dup(0)),
            ((0, 10, 2), Ok(10)),
            ((0, 0, 2), OutOfOrder), // five others came since: it is forgotten
            ((0, 2, 2), Dup(2)),
        ],
        &[((0, 5, 1), Ok(0)), ((0, 6, 1), Ok(1))], // whoever is not known may begin anywhere
        &[
            ((0, 0, 1), Ok(0)),
            ((1, 1, 1), OutOfOrder),
            ((1, 0, 1), Ok(1)),
            ((0, 1, 1), OldEpoch),
            ((1, 1, 1), Ok(2)),
        ],
        &[
            ((0, 0, 3), Ok(0)),
            ((0, 0, 2), OutOfOrder), // a part of a batch is not that batch
            ((0, 1, 2), OutOfOrder),
            ((0, 3, 1), Ok(3)),
        ],
        &[((0, i32::MAX, 1), Ok(0)), ((0, 0, 1), Ok(1))],
    ];
    for row in table {
        let (mut states, mut end) = (ProducerStates::default(), 0);
        for &((epoch, first, count), expected) in row {
            let asked = batch(13, epoch, first, count);
            let fate = match states.check(&asked) {
                Result::Ok(None) => {
                    states.learn(&asked.stamped(Offset(end), Epoch(1)));
                    end += count as u64;
                    Ok(end - count as u64)
                }
                Result::Ok(Some(known)) => Dup(known.base.0),
                Err(Refusal::OutOfSequence) => OutOfOrder,
                Err(Refusal::ProducerEpoch) => OldEpoch,
                Err(other) => panic!("{other}"),
            };
            assert_eq!(fate, expected, "epoch {epoch}, {count} from {first}, in {row:?}");
        }
    }
}

#[test]
fn nonsense_is_refused() {
    let states = ProducerStates::default();
    let two = [batch(1, 0, 0, 1), batch(1, 0, 1, 1).stamped(Offset(1), Epoch(1))];
    let joined = Batches::joined(&two.iter().flat_map(Batches::iter).collect::<Vec<_>>());
    assert_eq!(states.check(&joined), Err(Refusal::Invalid), "two batches at once");
    assert_eq!(states.check(&batch(1, 0, -1, 1)), Err(Refusal::Invalid));
    assert_eq!(states.check(&batch(1, -1, 0, 1)), Err(Refusal::Invalid));
    assert_eq!(states.check(&batch(-1, -1, -1, 1)), Ok(None), "nobody's batch is always new");
}

/// A commit marker of producer 13, epoch 0, as Kafka writes it.
#[test]
fn a_transactions_end_has_no_number_and_the_count_goes_on() {
    let hex = "00000000000000080000004200000000025ec1d0ff00300000000000000000000000060000000000000006000000000000000d0000\
               ffffffff000000012000000008000000010c00000000000900";
    let bytes: Vec<u8> = hex
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("hex"), 16).expect("hex"))
        .collect();
    let marker = Batches::parse(bytes.into()).expect("it is sound");
    let mut states = ProducerStates::default();
    states.learn(&batch(13, 0, 0, 8).stamped(Offset(0), Epoch(1)));
    states.learn(&marker);
    assert_eq!(states.check(&batch(13, 0, 8, 1)), Ok(None));
    assert_eq!(states.check(&batch(13, 0, 0, 8)).map(|known| known.is_some()), Ok(true));
    assert_eq!(states.check(&marker), Err(Refusal::Invalid), "no client writes one");
    let mut states = ProducerStates::default();
    states.learn(&marker);
    assert_eq!(states.check(&batch(13, 0, 8, 1)), Err(Refusal::OutOfSequence), "it begins with 0");
    assert_eq!(states.check(&batch(13, 0, 0, 1)), Ok(None));
}

#[test]
fn who_is_silent_for_a_day_is_forgotten() {
    let (day, at) = (Settings::default().producer_expiry, |hours: u64| Time(hours * 3_600_000_000));
    assert_eq!(day, Span::from_millis(86_400_000));
    let mut states = ProducerStates::default();
    states.learn(&batch(1, 0, 0, 1).stamped(Offset(0), Epoch(1)));
    states.learn(&batch(2, 0, 0, 1).stamped(Offset(1), Epoch(1)));
    states.expire(at(1), day);
    states.learn(&batch(2, 0, 1, 1).stamped(Offset(2), Epoch(1)));
    states.expire(at(20), day);
    assert_eq!(states.check(&batch(1, 0, 9, 1)), Err(Refusal::OutOfSequence));
    states.expire(at(25), day);
    assert_eq!(states.len(), 1);
    assert_eq!(states.check(&batch(1, 0, 9, 1)), Ok(None), "it may begin anywhere");
    assert_eq!(states.check(&batch(2, 0, 9, 1)), Err(Refusal::OutOfSequence), "it wrote later");
    states.expire(at(44), day);
    assert!(states.is_empty());
}

/// A batch in the log, as the plain list has it.
#[derive(Clone, Copy, Debug)]
struct Entry {
    id: i64,
    epoch: i16,
    first: i64,
    last: i64,
    base: u64,
    next: u64,
}

/// What the rules say, from every batch that is in the log.
fn judge(log: &[Entry], end: u64, asked: Entry) -> Fate {
    let of_it: Vec<&Entry> = log.iter().filter(|entry| entry.id == asked.id).collect();
    let Some(last) = of_it.last() else { return Fate::Ok(end) };
    let window: Vec<&&Entry> =
        of_it.iter().rev().take_while(|entry| entry.epoch == last.epoch).take(5).collect();
    let same = |entry: &&&&Entry| (entry.first, entry.last) == (asked.first, asked.last);
    // A log that never passed these rules may have one twice: the first counts.
    if asked.epoch == last.epoch
        && let Some(known) = window.iter().rev().find(same)
    {
        return Fate::Dup(known.base);
    }
    if asked.epoch < last.epoch {
        return Fate::OldEpoch;
    }
    let follows = if asked.epoch > last.epoch { 0 } else { (last.last + 1) % (1 << 31) };
    if asked.first == follows { Fate::Ok(end) } else { Fate::OutOfOrder }
}

#[derive(Clone, Debug)]
enum Step {
    /// A client wants a batch stored: of which producer, how many epochs later, from which of the numbers that it has
    /// used (or the next one, or any), how many.
    Produce { id: i64, epoch: i16, from: From, count: usize },
    /// The process dies, and starts again.
    Restart,
    /// Another leads for a while: it has only so much of this log, and some batches of its own.
    OtherLeads { keeps_per_mille: u64, copies: Vec<(i64, i16, i32, usize)> },
}

#[derive(Clone, Copy, Debug)]
enum From {
    Next,
    Again(usize),
    Any(i32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let from = prop_oneof![
        4 => Just(From::Next),
        3 => (0_usize..8).prop_map(From::Again),
        1 => prop_oneof![0..12_i32, Just(i32::MAX - 1), Just(i32::MAX)].prop_map(From::Any),
    ];
    let epoch = prop_oneof![8 => Just(0_i16), 1 => Just(1), 1 => Just(-1)];
    let produce = (0..3_i64, epoch, from, 1_usize..4).prop_map(|(id, epoch, from, count)| Step::Produce {
        id,
        epoch,
        from,
        count,
    });
    let copies = prop::collection::vec((0..3_i64, 0..3_i16, 0..20_i32, 1_usize..4), 0..4);
    let other = (0..=1_000_u64, copies)
        .prop_map(|(keeps_per_mille, copies)| Step::OtherLeads { keeps_per_mille, copies });
    prop::collection::vec(prop_oneof![12 => produce, 1 => Just(Step::Restart), 1 => other], 1..60)
}

/// A broker with the only replica of one partition, and the test in the place of everybody else.
struct Bench {
    broker: Broker<MemoryStorage>,
    version: u64,
    incarnation: u64,
    request: u64,
}

fn partition() -> PartitionId {
    PartitionId { topic: Name::new("t").expect("a legal name"), index: 0 }
}

impl Bench {
    fn new() -> Self {
        let mut bench =
            Self { broker: start(1, MemoryStorage::default()), version: 0, incarnation: 1, request: 0 };
        bench.learn(ME);
        bench
    }

    fn restart(&mut self) {
        self.incarnation += 1;
        let broker = std::mem::replace(&mut self.broker, start(0, MemoryStorage::default()));
        self.broker = start(self.incarnation, broker.into_storage().expect("memory does not fail"));
        self.learn(ME);
    }

    /// A new view: somebody leads in the next epoch. Returns what the broker asks its leader.
    fn learn(&mut self, leader: NodeId) -> Option<RequestId> {
        self.version += 1;
        let state = PartitionState {
            in_sync: vec![leader],
            leader: Some(leader),
            epoch: Epoch(self.version as u32),
            version: self.version,
            ..PartitionState::new(vec![ME, OTHER], 1)
        };
        let mut view = View { version: self.version, ..View::default() };
        view.partitions.insert(partition(), state);
        let (sends, _) = self.hand(NodeId::Controller, Message::Cluster(Arc::new(view)));
        fetch_in(&sends)
    }

    fn hand(&mut self, from: NodeId, message: Message) -> (Vec<Message>, Vec<Event>) {
        let mut out = Out::default();
        self.broker.handle(Time::ZERO, Input::Message { from, message }, &mut out);
        self.broker.settle(Time::ZERO, &mut out).expect("memory does not fail");
        let loaded = |envelope: mqlab_core::broker::Envelope<_>| envelope.message.load();
        let sends = out.sends.into_iter().map(loaded).collect::<Result<_, _>>();
        (sends.expect("memory does not fail"), out.events)
    }

    fn end(&self) -> u64 {
        self.broker.marks(&partition()).expect("it keeps the partition").end.0
    }

    fn produce(&mut self, batches: Batches) -> Fate {
        self.request += 1;
        let before = self.end();
        let produce = Request::Produce { partition: partition(), acks: Acks::All, batches };
        let (sends, events) = self.hand(NodeId::Producer(1), Message::Request(self.request, produce));
        let recognised =
            events.iter().any(|event| matches!(event, Event::Producer(ProducerEvent::Recognised { .. })));
        match sends[..] {
            [Message::Reply(_, Reply::Stored { base })] if self.end() == before => {
                assert!(recognised, "nothing was written, and nobody says why");
                Fate::Dup(base.0)
            }
            [Message::Reply(_, Reply::Stored { base })] => {
                assert!(!recognised);
                Fate::Ok(base.0)
            }
            [Message::Reply(_, Reply::Refused(Refusal::OutOfSequence))] => Fate::OutOfOrder,
            [Message::Reply(_, Reply::Refused(Refusal::ProducerEpoch))] => Fate::OldEpoch,
            ref other => panic!("a produce was answered with {other:?}"),
        }
    }

    /// Another leads, and has only what is below `end`, and then `batches`.
    fn follow(&mut self, end: u64, batches: Vec<Batches>) {
        let epoch = Epoch(self.version as u32);
        let asked = self.learn(OTHER).expect("it fetches from its leader");
        let diverged = Reply::Diverged { epoch, end: Offset(end) };
        let (sends, _) = self.hand(OTHER, Message::Reply(asked, diverged));
        let mut asked = fetch_in(&sends).expect("it fetches on");
        for batches in batches {
            let batches = batches.stamped(Offset(self.end()), Epoch(self.version as u32));
            let fetched = Reply::Fetched { batches, high_watermark: Offset(0), start: Offset(0) };
            let (sends, _) = self.hand(OTHER, Message::Reply(asked, fetched));
            asked = fetch_in(&sends).expect("it fetches on");
        }
        self.learn(ME);
    }
}

fn start(incarnation: u64, storage: MemoryStorage) -> Broker<MemoryStorage> {
    Broker::new(ME, incarnation, Settings::default(), storage).expect("memory does not fail")
}

fn fetch_in(sends: &[Message]) -> Option<RequestId> {
    sends.iter().find_map(|message| match message {
        Message::Request(id, Request::Fetch(_)) => Some(*id),
        _ => None,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Whatever was appended by whom, copied, cut off and read again: each batch is judged by what is in the log.
    #[test]
    fn a_broker_judges_as_the_list_of_all_batches_does(steps in steps()) {
        let (mut bench, mut log) = (Bench::new(), Vec::<Entry>::new());
        for step in steps {
            match step {
                Step::Produce { id, epoch, from, count } => {
                    let of_it: Vec<Entry> = log.iter().filter(|entry| entry.id == id).copied().collect();
                    let last = of_it.last();
                    let epoch = (last.map_or(0, |last| last.epoch) + epoch).max(0);
                    let (first, count) = match (from, of_it.len()) {
                        (From::Again(back), len) if back < len => {
                            let again = of_it[len - 1 - back];
                            (again.first as i32, (again.next - again.base) as usize)
                        }
                        (From::Any(first), _) => (first, count),
                        _ => (last.map_or(0, |last| (last.last + 1) % (1 << 31)) as i32, count),
                    };
                    let (base, next) = (bench.end(), bench.end() + count as u64);
                    let last = (i64::from(first) + count as i64 - 1) % (1 << 31);
                    let asked = Entry { id, epoch, first: first.into(), last, base, next };
                    let expected = judge(&log, base, asked);
                    prop_assert_eq!(bench.produce(batch(id, epoch, first, count)), expected, "{:?} of {:?}", asked, log);
                    if let Fate::Ok(_) = expected {
                        log.push(asked);
                    }
                }
                Step::Restart => bench.restart(),
                Step::OtherLeads { keeps_per_mille, copies } => {
                    let mut end = bench.end() * keeps_per_mille / 1_000;
                    // A log is cut between two batches.
                    end = log.iter().map(|entry| entry.next).filter(|next| *next <= end).max().unwrap_or(0);
                    log.retain(|entry| entry.next <= end);
                    let mut batches = Vec::new();
                    for (id, epoch, first, count) in copies {
                        let (base, next) = (end, end + count as u64);
                        let last = i64::from(first) + count as i64 - 1;
                        log.push(Entry { id, epoch, first: first.into(), last, base, next });
                        batches.push(batch(id, epoch, first, count));
                        end = next;
                    }
                    let keeps = end - log.iter().skip(log.len() - batches.len()).map(|entry| entry.next - entry.base).sum::<u64>();
                    bench.follow(keeps, batches);
                    prop_assert_eq!(bench.end(), end);
                }
            }
        }
    }
}
