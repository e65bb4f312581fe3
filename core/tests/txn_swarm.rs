//! Transactions over partitions under every drawn fault of network, nodes, clocks and disks: all or nothing, once, in order.
//!
//! A shop writes orders. Two programs read them as one group and write a bill for each, in transactions. Beside them a
//! teller moves money in transactions of three messages, and aborts some. Readers of committed records read all along; and
//! when all is well again, auditors come who read every log from its beginning: what they see is what there is.

use std::collections::{BTreeMap, BTreeSet};

use mqlab_core::ids::{MessageId, Name, NodeId, PartitionId};
use mqlab_core::observe::{Event, Place, TxnEvent};
use mqlab_core::sim::picture::Role;
use mqlab_core::sim::{Scenario, Timeline};

/// How many seeds are tried.
const SEEDS: u64 = 150;
/// The moments between which what readers may see is compared with what is undecided, in steps.
const LOOK_EVERY: u64 = 97;

const ALL_KINDS: &str = r#""crash", "power_cut", "freeze", "cut", "slow_link", "loss", "duplication", "reordering",
    "slow_disk", "full_disk", "skew""#;

/// What is tried; `same` gives both programs one transactional id, so that each fences the other.
fn scenario(same: bool, kinds: &str) -> Scenario {
    let other = if same { "billing-1" } else { "billing-2" };
    let json = format!(
        r#"{{ "format": 1, "name": "swarm", "seed": 1, "ends_at": 4000000, "brokers": 3, "latency": [300, 2500],
        "topics": [
          {{ "name": "orders", "partitions": 2, "replicas": 3, "min_in_sync": 2 }},
          {{ "name": "bills", "partitions": 2, "replicas": 3, "min_in_sync": 2 }},
          {{ "name": "moves", "partitions": 2, "replicas": 3, "min_in_sync": 2 }}
        ],
        "producers": [
          {{ "name": "shop", "to": {{ "topic": {{ "name": "orders", "acks": "all" }} }}, "starts_at": 50000,
             "messages": 40, "every": 12000, "keys": 4, "options": {{ "idempotent": true }} }},
          {{ "name": "teller", "to": {{ "topic": {{ "name": "moves", "acks": "all" }} }}, "starts_at": 50000,
             "messages": 60, "every": 8000, "keys": 4,
             "transactional": {{ "id": "teller", "messages": 3, "timeout": 150000, "aborts_per_mille": 200, "restarts_after": 30000 }} }}
        ],
        "consumers": [
          {{ "name": "biller-1", "from": {{ "group": {{ "name": "billing", "topic": "orders" }} }}, "work": 2000,
             "program": {{ "transform": {{ "to": "bills", "transactional":
               {{ "id": "billing-1", "messages": 3, "timeout": 150000, "aborts_per_mille": 60, "restarts_after": 30000 }} }} }} }},
          {{ "name": "biller-2", "from": {{ "group": {{ "name": "billing", "topic": "orders" }} }}, "work": 2000,
             "program": {{ "transform": {{ "to": "bills", "transactional":
               {{ "id": "{other}", "messages": 3, "timeout": 150000, "restarts_after": 30000 }} }} }} }},
          {{ "name": "ledger", "from": {{ "group": {{ "name": "ledger", "topic": "bills", "options": {{ "isolation": "committed" }} }} }}, "work": 500 }},
          {{ "name": "bank", "from": {{ "group": {{ "name": "bank", "topic": "moves", "options": {{ "isolation": "committed" }} }} }}, "work": 500 }},
          {{ "name": "audit-bills", "starts_at": 2500000, "from": {{ "group": {{ "name": "audit-bills", "topic": "bills",
             "options": {{ "isolation": "committed", "commits": "never" }} }} }}, "work": 100 }},
          {{ "name": "audit-moves", "starts_at": 2500000, "from": {{ "group": {{ "name": "audit-moves", "topic": "moves",
             "options": {{ "isolation": "committed", "commits": "never" }} }} }}, "work": 100 }},
          {{ "name": "audit-pulled", "starts_at": 2500000, "from": {{ "poll": {{ "reader": "audit-pulled", "topic": "moves",
             "options": {{ "isolation": "committed" }} }} }}, "work": 100 }},
          {{ "name": "audit-picked", "starts_at": 2500000, "from": {{ "poll": {{ "reader": "audit-picked", "topic": "moves",
             "options": {{ "isolation": "committed", "filter": "1 = 1", "bytes_max": 700 }} }} }}, "work": 100 }}
        ],
        "settings": {{ "in_flight_max": 5 }},
        "faults": {{ "kinds": [{kinds}], "from": 60000, "until": 1200000, "faults": [4, 14] }} }}"#
    );
    Scenario::from_json(&json).expect("it is sound")
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a legal name")
}

/// What a group processed, in order.
fn processed(timeline: &Timeline, of: &str) -> Vec<(PartitionId, MessageId)> {
    let group = Some(name(of));
    let pick = |event: &Event| match event {
        Event::Processed { from: Place::Partition(partition), messages, group: by } if *by == group => {
            messages.iter().map(|message| (partition.clone(), *message)).collect()
        }
        _ => Vec::new(),
    };
    timeline.events().iter().flat_map(|stamped| pick(&stamped.event)).collect()
}

/// What was committed, transaction by transaction, and what was aborted, by somebody.
fn decided(timeline: &Timeline, by: impl Fn(NodeId) -> bool) -> (Vec<Vec<MessageId>>, BTreeSet<MessageId>) {
    let (mut committed, mut aborted) = (Vec::new(), BTreeSet::new());
    for stamped in timeline.events().iter().filter(|stamped| by(stamped.node)) {
        match &stamped.event {
            Event::Txn(TxnEvent::Committed { messages, .. }) => committed.push(messages.clone()),
            Event::Txn(TxnEvent::Aborted { messages, .. }) => aborted.extend(messages.iter().copied()),
            _ => {}
        }
    }
    (committed, aborted)
}

/// What is sent in transactions that are not decided, from the facts so far.
#[derive(Default)]
struct Undecided {
    seen: usize,
    by: BTreeMap<NodeId, BTreeSet<MessageId>>,
    /// Where they were appended since they were sent.
    at: BTreeMap<(Place, u64), MessageId>,
}

impl Undecided {
    fn learn(&mut self, timeline: &Timeline) {
        for stamped in &timeline.events()[self.seen..] {
            match &stamped.event {
                Event::Txn(TxnEvent::Began { .. }) => {
                    // Its last one is decided, also what it went on to send before it heard of that.
                    let late = self.by.insert(stamped.node, BTreeSet::new()).unwrap_or_default();
                    self.at.retain(|_, message| !late.contains(message));
                }
                Event::Sent { messages, .. } => {
                    if let Some(open) = self.by.get_mut(&stamped.node) {
                        open.extend(messages);
                    }
                }
                Event::Appended { to, base, messages } => {
                    for (at, message) in (base.0..).zip(messages) {
                        if self.by.values().any(|open| open.contains(message)) {
                            self.at.insert((to.clone(), at), *message);
                        }
                    }
                }
                Event::Txn(TxnEvent::Committed { messages, .. } | TxnEvent::Aborted { messages, .. }) => {
                    if let Some(open) = self.by.get_mut(&stamped.node) {
                        open.retain(|message| !messages.contains(message));
                    }
                    self.at.retain(|_, message| !messages.contains(message));
                }
                _ => {}
            }
        }
        self.seen = timeline.events().len();
    }

    /// No leader lets a reader of committed records see what is undecided. Returns how often that was not trivial.
    fn check(&self, timeline: &Timeline, seed: u64) -> usize {
        let mut held_back = 0;
        for strip in timeline.picture(usize::MAX).brokers.into_iter().flat_map(|broker| broker.strips) {
            let (Role::Leader { .. }, Some(high_watermark)) = (strip.role, strip.high_watermark) else {
                continue;
            };
            let stable = strip.last_stable.unwrap_or(high_watermark);
            held_back += usize::from(stable < high_watermark);
            for cell in &strip.cells {
                let Some(mark) = cell.mark else { continue };
                let open = self.at.get(&(strip.place.clone(), cell.offset.0)) == Some(&mark.message);
                assert!(
                    !(open && cell.offset < stable),
                    "seed {seed}, {}: {} at {} in {} is undecided, and below {stable}",
                    timeline.now(),
                    mark.message,
                    cell.offset,
                    strip.place
                );
            }
        }
        held_back
    }
}

/// One run; returns how often a transaction was decided by a coordinator other than the first, broken, timed out, and how
/// often a reader was held back.
fn run(same: bool, kinds: &str, seed: u64) -> [usize; 4] {
    let mut scenario = scenario(same, kinds);
    if seed % 2 == 1 {
        scenario.settings.internal_segment_bytes = 700; // the cluster's own logs are compacted all the time
    }
    let mut timeline = Timeline::new(scenario, seed).expect("it is sound");
    let (mut undecided, mut held_back, mut steps) = (Undecided::default(), 0, 0_u64);
    while timeline.step() {
        steps += 1;
        if steps.is_multiple_of(LOOK_EVERY) && timeline.now().0 < 1_500_000 {
            undecided.learn(&timeline);
            held_back += undecided.check(&timeline, seed);
        }
    }
    let verdict = timeline.verdict();
    assert!(verdict.dirty().is_empty(), "seed {seed}: dirty {:?}", verdict.dirty());
    assert!(verdict.lost().is_empty(), "seed {seed}: lost {:?}", verdict.lost());

    // Each order that was stored is done once, and has one bill; nothing else has.
    let done = processed(&timeline, "billing");
    let orders: BTreeSet<MessageId> = done.iter().map(|(_, message)| *message).collect();
    assert_eq!(orders.len(), done.len(), "seed {seed}: an order is done twice");
    let waiting: Vec<MessageId> = verdict.waiting().collect();
    assert!(waiting.is_empty(), "seed {seed}: {waiting:?} wait for ever");
    let biller = |node| matches!(node, NodeId::Consumer(1 | 2));
    let (bills, _) = decided(&timeline, biller);
    let bills: Vec<MessageId> = bills.concat();
    assert_eq!(bills.len(), done.len(), "seed {seed}: as many bills as orders");
    let seen: Vec<MessageId> =
        processed(&timeline, "audit-bills").into_iter().map(|(_, bill)| bill).collect();
    let set = |messages: &[MessageId]| messages.iter().copied().collect::<BTreeSet<_>>();
    assert_eq!(seen.len(), bills.len(), "seed {seed}: what is read is what was committed");
    assert_eq!(set(&seen), set(&bills), "seed {seed}");

    // All or nothing of each of the teller's transactions, in the order in which they were sent.
    let (moves, aborted) = decided(&timeline, |node| node == NodeId::Producer(2));
    let seen = processed(&timeline, "audit-moves");
    let all: Vec<MessageId> = seen.iter().map(|(_, message)| *message).collect();
    assert_eq!(all.len(), moves.concat().len(), "seed {seed}: {all:?} of {moves:?}");
    assert_eq!(set(&all), set(&moves.concat()), "seed {seed}");
    for (index, partition) in seen.iter().map(|(partition, _)| partition).enumerate() {
        let before = seen[..index].iter().rfind(|(other, _)| other == partition);
        let place = |message: &MessageId| moves.iter().flatten().position(|other| other == message);
        assert!(before.is_none_or(|(_, before)| place(before) < place(&seen[index].1)), "seed {seed}: order");
    }
    let all = set(&all);
    for reader in ["audit-pulled", "audit-picked"] {
        let pulled: Vec<MessageId> = processed(&timeline, reader).into_iter().map(|(_, id)| id).collect();
        assert_eq!((pulled.len(), set(&pulled)), (all.len(), all.clone()), "seed {seed}: {reader}");
    }
    let never = aborted.difference(&all).count();

    let events = || timeline.events().iter().map(|stamped| (stamped.node, &stamped.event));
    let mut coordinators: BTreeMap<&Name, BTreeSet<NodeId>> = BTreeMap::new();
    for (node, event) in events() {
        if let Event::Txn(TxnEvent::Decided { id, .. }) = event {
            coordinators.entry(id).or_default().insert(node);
        }
    }
    let moved = coordinators.values().filter(|nodes| nodes.len() > 1).count();
    let broken = events().filter(|(_, event)| matches!(event, Event::Txn(TxnEvent::Failed { .. }))).count();
    [moved, broken, never, held_back]
}

fn swarm(same: bool, kinds: &str, seeds: std::ops::Range<u64>) -> [usize; 4] {
    let mut sums = [0; 4];
    for seed in seeds {
        let counts = run(same, kinds, seed);
        sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }
    sums
}

#[test]
fn all_or_nothing_once_and_in_order_under_every_fault() {
    let [moved, broken, aborted, held_back] = swarm(false, ALL_KINDS, 0..SEEDS);
    assert!(moved > 0, "some coordinator was replaced");
    assert!(broken > 0, "some transaction was broken");
    assert!(aborted > 0, "something was aborted for good");
    assert!(held_back > 0, "some reader was held back");
}

#[test]
fn programs_that_fence_each_other_do_nothing_twice() {
    swarm(true, r#""freeze", "crash", "cut""#, 1_000..1_000 + SEEDS / 3);
}
