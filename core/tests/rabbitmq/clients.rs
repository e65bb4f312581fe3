//! Clients of a quorum queue that never give up: they look for the leader, and say again what was not answered.

use std::collections::{BTreeMap, BTreeSet};

use crate::net::Net;
use mqlab_core::ids::{MessageId, NodeId, Offset};
use mqlab_core::message::Message;
use mqlab_core::systems::rabbitmq::QuorumMessage;
use mqlab_core::time::{Span, Time};

/// After so long without an answer another member is asked.
const PATIENCE: Span = Span::from_millis(150);

pub(crate) struct Publisher {
    pub(crate) me: NodeId,
    leader: NodeId,
    sequence: u64,
    pub(crate) open: BTreeMap<u64, MessageId>,
    pub(crate) confirmed: Vec<MessageId>,
    again_at: Time,
}

impl Publisher {
    pub(crate) fn new(number: u16) -> Self {
        let (open, confirmed) = Default::default();
        let (me, leader) = (NodeId::Producer(number), NodeId::Broker(1));
        Self { me, leader, sequence: 0, open, confirmed, again_at: Time::ZERO }
    }

    pub(crate) fn publish(&mut self, net: &mut Net) {
        if self.open.len() > 5 {
            return;
        }
        self.sequence += 1;
        let NodeId::Producer(number) = self.me else { unreachable!("it is made so") };
        self.open.insert(self.sequence, MessageId(u64::from(number) * 100_000 + self.sequence));
        self.say(net, self.sequence);
    }

    fn say(&mut self, net: &mut Net, from: u64) {
        for (&sequence, &id) in self.open.range(from..) {
            let message = Message::new(format!("m{}", id.0)).with_id(id);
            net.send(self.me, self.leader, QuorumMessage::Publish { sequence, message });
        }
        self.again_at = net.now + PATIENCE;
    }

    pub(crate) fn tick(&mut self, net: &mut Net) {
        if !self.open.is_empty() && net.now >= self.again_at {
            self.leader = net.any_member();
            self.say(net, 0);
        }
    }

    pub(crate) fn take(&mut self, net: &mut Net, from: NodeId, message: QuorumMessage) {
        match message {
            QuorumMessage::Confirmed { sequence } => {
                self.confirmed.extend(self.open.remove(&sequence));
                self.again_at = net.now + PATIENCE;
            }
            QuorumMessage::Missing { next } => self.say(net, next),
            QuorumMessage::NotLeader { leader: Some(leader) } if from == self.leader => {
                self.leader = leader;
                self.say(net, 0);
            }
            QuorumMessage::Refused { .. } => panic!("there is no limit"),
            _ => {}
        }
    }
}

/// What a consumer says of deliveries: the same until it is answered.
type Words = BTreeMap<u64, QuorumMessage>;

pub(crate) struct Consumer {
    pub(crate) me: NodeId,
    leader: NodeId,
    key: Option<Offset>,
    next: u64,
    had: BTreeSet<u64>,
    words: Words,
    again_at: Time,
    /// Whether it gives some back.
    pub(crate) is_fussy: bool,
}

impl Consumer {
    pub(crate) fn new(number: u16) -> Self {
        let (key, next, had, words) = Default::default();
        let (me, leader) = (NodeId::Consumer(number), NodeId::Broker(1));
        Self { me, leader, key, next, had, words, again_at: Time::ZERO, is_fussy: true }
    }

    /// It dies and is there again, and remembers nothing.
    pub(crate) fn restart(&mut self) {
        let NodeId::Consumer(number) = self.me else { unreachable!("it is made so") };
        *self = Self { is_fussy: self.is_fussy, ..Self::new(number) };
    }

    fn consume(&mut self, net: &mut Net) {
        let next = self.next;
        net.send(self.me, self.leader, QuorumMessage::Consume { tag: 0, prefetch: 3, priority: 0, next });
        for word in self.words.values() {
            net.send(self.me, self.leader, word.clone());
        }
        self.again_at = net.now + PATIENCE;
    }

    pub(crate) fn tick(&mut self, net: &mut Net) {
        if net.now >= self.again_at {
            self.leader = net.any_member();
            self.consume(net);
        }
    }

    pub(crate) fn take(&mut self, net: &mut Net, from: NodeId, message: QuorumMessage) {
        match message {
            QuorumMessage::Consuming { key, .. } => {
                if self.key != Some(key) && self.key.is_none_or(|own| own < key) {
                    // It counts anew: what was open before has gone back.
                    (self.key, self.next, self.words) = (Some(key), 0, Words::new());
                    self.had.clear();
                }
                self.leader = from;
                self.again_at = net.now + PATIENCE;
            }
            QuorumMessage::Delivery { key, number, .. } if Some(key) == self.key => {
                self.again_at = net.now + PATIENCE;
                if !self.had.insert(number) {
                    return; // the same once more
                }
                while self.had.contains(&self.next) {
                    self.next += 1;
                }
                let deliveries = vec![number];
                let word = match net.rng.below(10) {
                    0 if self.is_fussy => QuorumMessage::Return { key, deliveries, failed: true },
                    1 if self.is_fussy => QuorumMessage::Return { key, deliveries, failed: false },
                    _ => QuorumMessage::Settle { key, deliveries },
                };
                self.words.insert(number, word.clone());
                net.send(self.me, self.leader, word);
            }
            QuorumMessage::Done { key, deliveries } if Some(key) == self.key => {
                deliveries.iter().for_each(|number| drop(self.words.remove(number)));
            }
            QuorumMessage::NotLeader { leader: Some(leader) } if from == self.leader => {
                self.leader = leader;
                self.consume(net);
            }
            _ => {}
        }
    }
}
