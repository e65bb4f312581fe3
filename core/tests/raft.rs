//! A quorum under every fault: members die and come back, with what they had flushed; the network loses, doubles, delays
//! and cuts. Whatever happens, a term has one leader, and what was agreed on never changes; and when it is calm again,
//! everybody agrees on everything.

use std::collections::BTreeMap;

use mqlab_core::ids::{Epoch, Name, NodeId, Offset};
use mqlab_core::log::faulty::{FaultyLog, FaultyStorage};
use mqlab_core::log::memory::{MemoryLog, MemoryStorage};
use mqlab_core::log::{Log, Slice};
use mqlab_core::raft::{Raft, RaftMessage, RaftOut, Timing};
use mqlab_core::record::{BatchBuilder, Batches, NewRecord};
use mqlab_core::rng::{Rng, Stream};
use mqlab_core::time::{Span, Time};

type Disk = FaultyStorage<MemoryStorage>;
type Member = Raft<FaultyLog<MemoryLog>>;

/// How many runs.
const RUNS: u64 = 3_000;
/// Faults end then; after it there is time to agree.
const CALM: Time = Time(15_000_000);
const END: Time = Time(17_000_000);

fn entry(text: &str) -> Batches {
    let mut builder = BatchBuilder::new();
    let record = NewRecord { value: Some(text.to_owned().into()), ..NewRecord::default() };
    builder.push(&record).expect("a small record");
    builder.build()
}

enum Machine {
    Runs(Box<Member>),
    Dead(Disk),
}

/// Messages by the moment of their arrival.
type Mail = BTreeMap<(Time, u64), (NodeId, NodeId, RaftMessage)>;

struct Quorum {
    voters: Vec<NodeId>,
    machines: BTreeMap<NodeId, Machine>,
    /// Disks of those that run: their logs are in the members.
    disks: BTreeMap<NodeId, Disk>,
    mail: Mail,
    sent: u64,
    now: Time,
    rng: Rng,
    /// How many of a hundred messages are lost, and doubled.
    loss: u64,
    /// Links on which nothing passes.
    cut: Vec<(NodeId, NodeId)>,
    /// What was agreed on, by its end.
    agreed: BTreeMap<Offset, String>,
    leaders: BTreeMap<u32, NodeId>,
    proposed: u64,
}

impl Quorum {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed, Stream::Workload);
        let count = [1, 3, 3, 5][rng.below(4) as usize];
        let voters: Vec<NodeId> = (1..=count).map(NodeId::Broker).collect();
        let mut quorum = Self {
            machines: voters.iter().map(|&node| (node, Machine::Dead(Disk::default()))).collect(),
            voters: voters.clone(),
            disks: BTreeMap::new(),
            mail: Mail::new(),
            sent: 0,
            now: Time::ZERO,
            loss: rng.below(4) * 8,
            rng,
            cut: Vec::new(),
            agreed: BTreeMap::new(),
            leaders: BTreeMap::new(),
            proposed: 0,
        };
        voters.iter().for_each(|&node| quorum.start(node));
        quorum
    }

    fn start(&mut self, node: NodeId) {
        let Some(Machine::Dead(disk)) = self.machines.get_mut(&node) else { return };
        let mut disk = std::mem::take(disk);
        let rng = Rng::new(self.rng.below(u64::MAX), Stream::Elections);
        let (name, voters) = (Name::new("metadata").expect("a legal name"), self.voters.clone());
        let raft = Raft::open(&mut disk, name, node, voters, Timing::default(), rng, self.now);
        self.machines.insert(node, Machine::Runs(Box::new(raft.expect("its disk opens"))));
        self.disks.insert(node, disk);
    }

    /// A member dies; with its power goes what it had not flushed.
    fn stop(&mut self, node: NodeId) {
        if let Some(Machine::Dead(_)) = self.machines.get(&node) {
            return;
        }
        let Some(Machine::Runs(raft)) = self.machines.remove(&node) else { return };
        let mut disk = self.disks.remove(&node).expect("whoever runs has a disk");
        raft.close(&mut disk).expect("memory closes its logs");
        let rng = &mut self.rng;
        disk.cut_power(|_, tail| rng.between(0, tail)).expect("memory can be cut");
        self.machines.insert(node, Machine::Dead(disk));
    }

    /// Lets a member do something, and checks what came of it.
    fn with(
        &mut self,
        node: NodeId,
        work: impl FnOnce(&mut Member, Time, &mut RaftOut<<FaultyLog<MemoryLog> as Log>::Slice>),
    ) {
        let Some(Machine::Runs(raft)) = self.machines.get_mut(&node) else { return };
        let mut out = RaftOut::default();
        let before = raft.committed();
        work(raft, self.now, &mut out);
        if let Some(end) = out.truncated {
            assert!(end >= before, "{node} cuts off what was agreed on");
        }
        // Sometimes it dies before it has flushed, and then nothing was sent.
        if self.now < CALM && self.rng.below(400) == 0 {
            return self.stop(node);
        }
        raft.settle().expect("memory does not fail");
        if raft.leads() {
            let leader = *self.leaders.entry(raft.term().0).or_insert(node);
            assert_eq!(leader, node, "two lead in {:?}", raft.term());
        }
        let read = raft.log().read(before, raft.committed(), u32::MAX).expect("it is there");
        for record in
            read.load().expect("memory does not fail").records().filter(|record| record.offset >= before)
        {
            let text =
                record.value.map(|value| String::from_utf8_lossy(&value).into_owned()).unwrap_or_default();
            let agreed = self.agreed.entry(record.offset.next()).or_insert_with(|| text.clone());
            assert_eq!(*agreed, text, "{node} agrees on something else at {:?}", record.offset);
        }
        for (to, message) in out.sends {
            let copies = match self.rng.below(100) {
                chance if chance < self.loss => 0,
                chance if chance < self.loss * 2 => 2,
                _ => 1,
            };
            for _ in 0..copies {
                let most = if self.rng.below(20) == 0 { 60_000 } else { 3_000 };
                let at = self.now + Span(self.rng.between(300, most));
                self.sent += 1;
                let message = message.clone().load().expect("memory does not fail");
                self.mail.insert((at, self.sent), (node, to, message));
            }
        }
    }

    /// Lets the next thing happen.
    fn step(&mut self) {
        let wakes = self.machines.iter().filter_map(|(node, machine)| match machine {
            Machine::Runs(raft) => Some((raft.next_wakeup().max(self.now), *node)),
            Machine::Dead(_) => None,
        });
        let wake = wakes.min();
        let mail = self.mail.first_key_value().map(|(&(at, _), _)| at);
        match (wake, mail) {
            (Some((at, node)), mail) if mail.is_none_or(|mail| at < mail) => {
                self.now = at.max(self.now + Span(1));
                self.with(node, |raft, now, out| raft.tick(now, out).expect("memory does not fail"));
            }
            (_, Some(at)) => {
                self.now = at.max(self.now);
                let ((_, _), (from, to, message)) = self.mail.pop_first().expect("it was there");
                if !self.cut.contains(&(from, to)) {
                    self.with(to, |raft, now, out| {
                        raft.handle(now, from, message, out).expect("memory does not fail")
                    });
                }
            }
            _ => self.now = self.now + Span(500), // nobody runs
        }
    }

    fn propose(&mut self) {
        let node = self.voters[self.rng.below(self.voters.len() as u64) as usize];
        self.proposed += 1;
        let batches = entry(&format!("e{}", self.proposed));
        self.with(node, |raft, _, out| {
            raft.propose(batches, out).expect("memory does not fail");
        });
    }

    fn any(&mut self) -> NodeId {
        self.voters[self.rng.below(self.voters.len() as u64) as usize]
    }

    fn disturb(&mut self) {
        let (one, other) = (self.any(), self.any());
        match self.rng.below(8) {
            0 | 1 => self.stop(one),
            2..=4 => self.start(one),
            5 => self.cut.push((one, other)),
            _ => self.cut.clear(),
        }
    }

    fn run(&mut self) {
        while self.now < CALM {
            self.step();
            match self.rng.below(100) {
                0..=3 => self.disturb(),
                4..=15 => self.propose(),
                _ => {}
            }
        }
        (self.loss, self.cut) = (0, Vec::new());
        self.voters.clone().into_iter().for_each(|node| self.start(node));
        while self.now < END {
            self.step();
        }
    }
}

#[test]
fn what_was_agreed_on_never_changes_and_in_the_end_all_agree() {
    let (mut terms, mut agreed) = (0, 0);
    for seed in 0..RUNS {
        let mut quorum = Quorum::new(seed);
        quorum.run();
        let leaders =
            quorum.machines.values().filter(|machine| matches!(machine, Machine::Runs(raft) if raft.leads()));
        assert_eq!(leaders.count(), 1, "seed {seed}: one leads in the end");
        let last = quorum.agreed.keys().next_back().copied().unwrap_or_default();
        for (node, machine) in &quorum.machines {
            let Machine::Runs(raft) = machine else { panic!("all run") };
            assert_eq!(raft.committed(), last, "seed {seed}: {node} does not know all that was agreed on");
            assert_eq!(raft.log().end(), last, "seed {seed}: {node} has what was not agreed on");
        }
        terms += quorum.leaders.len();
        agreed += quorum.agreed.values().filter(|text| !text.is_empty()).count();
    }
    assert!(terms > 5 * RUNS as usize, "leaders fall, and others come: {terms}");
    assert!(agreed > 20 * RUNS as usize, "and all the while they agree on much: {agreed}");
}

#[test]
fn a_member_that_was_cut_off_deposes_nobody() {
    let mut quorum = Quorum::new(1);
    while quorum.voters.len() != 3 {
        let seed = quorum.rng.below(1_000);
        quorum = Quorum::new(seed);
    }
    quorum.loss = 0;
    quorum.now = CALM;
    while quorum.now < CALM + Span::from_millis(500) {
        quorum.step();
    }
    let term = *quorum.leaders.keys().next_back().expect("somebody leads");
    let leader = quorum.leaders[&term];
    let lonely = *quorum.voters.iter().find(|node| **node != leader).expect("three");
    // First it does not hear the leader alone, then nobody, then everybody again.
    let all = quorum.voters.iter().flat_map(|&other| [(lonely, other), (other, lonely)]).collect();
    for cut in [vec![(leader, lonely)], all, Vec::new()] {
        quorum.cut = cut;
        let until = quorum.now + Span::from_millis(1_000);
        while quorum.now < until {
            quorum.step();
        }
    }
    assert_eq!(quorum.leaders.keys().next_back(), Some(&term), "it asked on trial, and heard no");
}

/// One member of three, and the test in the place of the others.
struct Alone {
    raft: Member,
    now: Time,
}

const ME: NodeId = NodeId::Broker(1);
const OTHER: NodeId = NodeId::Broker(2);

impl Alone {
    fn new() -> Self {
        let name = Name::new("metadata").expect("a legal name");
        let voters = (1..=3).map(NodeId::Broker).collect();
        let (mut disk, rng) = (Disk::default(), Rng::new(1, Stream::Elections));
        let raft = Raft::open(&mut disk, name, ME, voters, Timing::default(), rng, Time::ZERO);
        Self { raft: raft.expect("an empty disk opens"), now: Time::ZERO }
    }

    fn hear(&mut self, message: RaftMessage) {
        let mut out = RaftOut::default();
        self.raft.handle(self.now, OTHER, message, &mut out).expect("memory does not fail");
        self.raft.settle().expect("memory does not fail");
    }

    /// It wants to lead, and the other votes for it, on trial and in earnest.
    fn is_elected(&mut self) {
        self.now = self.raft.next_wakeup();
        self.raft.tick(self.now, &mut RaftOut::default()).expect("memory does not fail");
        let term = self.raft.term().next();
        self.hear(RaftMessage::Voted { term, trial: true, granted: true });
        self.hear(RaftMessage::Voted { term, trial: false, granted: true });
        assert!(self.raft.leads());
    }

    fn has(&mut self, end: u64) -> Offset {
        self.hear(RaftMessage::Appended { term: self.raft.term(), end: Offset(end), same: true, answers: 0 });
        self.raft.committed()
    }
}

/// Figure 8 of the paper: what an earlier term left may be on a majority, and yet be removed by a leader who lacks it.
#[test]
fn what_an_earlier_term_left_is_not_committed_by_counting() {
    let mut alone = Alone::new();
    alone.is_elected();
    let later = alone.raft.term().next();
    alone.hear(RaftMessage::Voted { term: later, trial: false, granted: false });
    assert!(!alone.raft.leads(), "there is a later term");
    alone.is_elected();
    assert_eq!(alone.raft.log().end(), Offset(2), "an entry of each of its terms");
    assert_eq!(alone.has(1), Offset(0), "a majority has the first one's, and that is not enough");
    assert_eq!(alone.has(2), Offset(2), "the second's takes it along");
}

#[test]
fn a_tail_that_the_leader_did_not_speak_of_is_not_committed() {
    let mut alone = Alone::new();
    let (first, second) = (Epoch(1), Epoch(2));
    let batches = |texts: &[&str], term| {
        let all: Vec<_> =
            (0..).zip(texts).flat_map(|(at, text)| entry(text).stamped(Offset(at), term).iter()).collect();
        Batches::joined(&all)
    };
    let append = |term, from, last_term, batches, committed| RaftMessage::Append {
        term,
        from: Offset(from),
        last_term,
        batches,
        committed: Offset(committed),
        number: 0,
    };
    alone.hear(append(first, 0, None, batches(&["a", "b", "c"], first), 0));
    // The leader of the next term has `a` too, and something else after it, on which a majority has agreed.
    alone.hear(append(second, 1, Some(first), Batches::default(), 3));
    assert_eq!((alone.raft.committed(), alone.raft.log().end()), (Offset(1), Offset(3)));
    let others = [entry("x").stamped(Offset(1), second), entry("y").stamped(Offset(2), second)];
    let others: Vec<_> = others.iter().flat_map(|batches| batches.iter()).collect();
    alone.hear(append(second, 1, Some(first), Batches::joined(&others), 3));
    assert_eq!((alone.raft.committed(), alone.raft.log().end()), (Offset(3), Offset(3)));
    let read =
        alone.raft.log().read(Offset(0), Offset(3), u32::MAX).expect("it is there").load().expect("memory");
    let texts: Vec<_> = read.records().filter_map(|record| record.value).collect();
    assert_eq!(texts, ["a", "x", "y"]);
}

/// A member that answers later than the next beat is asked again; its answers to what came before are no reason to send more.
/// They once were, and the more was under way the later it answered.
#[test]
fn late_answers_do_not_multiply_what_is_under_way() {
    let mut alone = Alone::new();
    alone.is_elected();
    // What goes to the other member: the number of each word, and whether it has entries.
    let sent = |out: RaftOut<_>| -> Vec<(u64, bool)> {
        let to_other = out.sends.into_iter().filter(|(to, _)| *to == OTHER);
        let words = to_other.filter_map(|(_, message)| match message {
            RaftMessage::Append { number, batches, .. } => {
                let batches: Batches = Slice::load(&batches).expect("it is in memory");
                Some((number, batches.iter().next().is_some()))
            }
            _ => None,
        });
        words.collect()
    };
    let mut under_way = Vec::new();
    for text in ["a", "b", "c"] {
        let mut out = RaftOut::default();
        alone.raft.propose(entry(text), &mut out).expect("memory does not fail");
        alone.now = alone.raft.next_wakeup();
        alone.raft.tick(alone.now, &mut out).expect("memory does not fail");
        under_way.extend(sent(out).into_iter().filter(|(_, has)| *has).map(|(number, _)| number));
    }
    assert!(under_way.len() == 3, "each beat asks again: {under_way:?}");
    let mut answer = |answers: u64, end: u64| {
        let mut out = RaftOut::default();
        let word = RaftMessage::Appended { term: alone.raft.term(), end: Offset(end), same: true, answers };
        alone.raft.handle(alone.now, OTHER, word, &mut out).expect("memory does not fail");
        sent(out).len()
    };
    let latest = under_way.pop().expect("there are some");
    for (end, number) in (1..).zip(under_way) {
        assert_eq!(answer(number, end), 0, "the answer to word {number} is late");
    }
    assert_eq!(answer(latest, 3), 1, "what follows is sent when the latest is answered");
    assert_eq!(answer(latest, 3), 0, "and once");
}
