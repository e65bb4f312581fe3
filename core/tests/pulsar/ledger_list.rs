//! A topic's list of ledgers, with answers of the store that come when a test says so.

use std::collections::VecDeque;

use mqlab_core::ids::NodeId;
use mqlab_core::log::memory::MemoryStorage;
use mqlab_core::systems::pulsar::ledger::{BookieReply, BookieRequest, LedgerId, Quorums};
use mqlab_core::systems::pulsar::{
    LedgerFact, LedgerInfo, LedgerNews, LedgerSettings, ManagedLedger, MetadataStore, STORE_SESSION,
    StoreAnswer, StoreOp,
};
use mqlab_core::time::{Span, Time};

use crate::ledger_run::{OWNER, bookie, payload};

const PATH: &str = "managed-ledgers/t";

/// A list, its store and a bookie that stores at once.
struct Topic {
    ledgers: ManagedLedger,
    store: MetadataStore<MemoryStorage>,
    /// What the store has answered and nobody has heard yet.
    answers: VecDeque<(u64, StoreAnswer)>,
    stored: usize,
    closed: Vec<u64>,
}

impl Topic {
    fn open() -> Self {
        let settings = LedgerSettings {
            quorums: Quorums::new(1, 1, 1).expect("fine"),
            entries_max: 2,
            age_min: Span::ZERO,
            ..LedgerSettings::default()
        };
        let store = MetadataStore::open(MemoryStorage::default(), STORE_SESSION, Time::ZERO).expect("opens");
        let mut facts = Vec::new();
        let ledgers = ManagedLedger::open("t", settings, &[bookie(1)], &mut facts);
        let mut topic = Self { ledgers, store, answers: VecDeque::new(), stored: 0, closed: Vec::new() };
        topic.carry_out(facts);
        topic.hear();
        topic
    }

    fn carry_out(&mut self, facts: Vec<LedgerFact>) {
        for fact in facts {
            match fact {
                LedgerFact::Store(tag, op) => {
                    let answer = self.store.apply(Time::ZERO, OWNER, op);
                    self.answers.push_back((tag, answer));
                }
                LedgerFact::Ask(from, BookieRequest::Add { entry, .. }) => {
                    let (mut more, done) = (Vec::new(), Ok(()));
                    let added = BookieReply::Added { ledger: entry.ledger, entry: entry.entry, done };
                    self.ledgers.on_reply(Time::ZERO, from, added, &mut more);
                    self.carry_out(more);
                }
                LedgerFact::Stored { .. } => self.stored += 1,
                LedgerFact::Happened(LedgerNews::Closed(ledger, _)) => self.closed.push(ledger.0),
                _ => {}
            }
        }
    }

    fn answered(&mut self, (tag, answer): (u64, StoreAnswer)) {
        let mut facts = Vec::new();
        self.ledgers.on_store(Time::ZERO, tag, &answer, &mut facts);
        self.carry_out(facts);
    }

    /// All answers are heard, in their order.
    fn hear(&mut self) {
        while let Some(answer) = self.answers.pop_front() {
            self.answered(answer);
        }
    }

    fn add(&mut self, number: u64) {
        let mut facts = Vec::new();
        self.ledgers.add(Time::ZERO, payload(number), &mut facts);
        self.carry_out(facts);
    }

    /// The list as it stands in the store.
    fn written(&mut self) -> Vec<LedgerInfo> {
        let get = StoreOp::Get { path: PATH.into() };
        let StoreAnswer::Value(Some(stored)) = self.store.apply(Time::ZERO, NodeId::Broker(2), get) else {
            panic!("there is a list")
        };
        serde_json::from_slice(&stored.value).expect("a list")
    }
}

/// A ledger goes, and before the store's answer to that is heard the next one is closed. That it is closed must not be
/// forgotten with the answer: its entries would not be known to who opens the topic, and it would never go.
#[test]
fn what_was_closed_while_another_ledger_went_stays_closed() {
    let mut topic = Topic::open();
    for number in 0..4 {
        topic.add(number);
        topic.hear();
    }
    assert_eq!((topic.stored, &topic.closed[..]), (4, &[0][..]));
    let mut facts = Vec::new();
    assert!(topic.ledgers.drop_ledgers(&[LedgerId(0)], &mut facts));
    topic.carry_out(facts);
    let dropped = topic.answers.pop_front().expect("the list is written");
    topic.add(4); // ledger 1 is full: it is closed first
    let closed = topic.answers.pop_front().expect("the ledger's metadata is written");
    topic.answered(closed);
    assert_eq!(topic.closed, [0, 1]);
    topic.answered(dropped);
    topic.hear();
    assert_eq!(topic.stored, 5);
    let written = topic.written();
    let each = |info: &LedgerInfo| (info.ledger.0, info.entries, info.closed.is_some());
    assert_eq!(written.iter().map(each).collect::<Vec<_>>(), [(1, 2, true), (2, 0, false)]);
    assert_eq!(topic.ledgers.ledgers(), written);
    let mut facts = Vec::new();
    assert!(topic.ledgers.drop_ledgers(&[LedgerId(1)], &mut facts), "so it may go in its turn");
}
