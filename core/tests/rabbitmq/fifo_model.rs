//! A quorum queue's state against a plain list: every message with where it is, searched through from end to end each
//! time, and every consumer with the moment since when it waits for its turn.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use mqlab_core::ids::{Epoch, NodeId, Offset};
use mqlab_core::message::{DeathReason, Message};
use mqlab_core::systems::rabbitmq::{
    Command, ConsumerTag, Counting, DeadLetters, Effect, Entry, Fifo, FifoOptions,
};
use mqlab_core::time::{Span, Time};
use proptest::prelude::*;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Ready,
    /// The how-many-eth return.
    Returned(u64),
    With(u16),
    Gone,
}

#[derive(Clone, Debug)]
struct Item {
    index: u64,
    priority: u8,
    expires: Option<u64>,
    acquired: u32,
    failed: u32,
    place: Place,
}

#[derive(Clone, Debug)]
struct Consumer {
    name: u16,
    key: u64,
    prefetch: usize,
    priority: i32,
    /// Since when it has room and waits for its turn.
    since: Option<u64>,
    cancelled: bool,
}

/// The plain list.
struct List {
    options: FifoOptions,
    items: Vec<Item>,
    consumers: Vec<Consumer>,
    /// The consumer that is served, where it is one; and whether it gives way.
    active: Option<u16>,
    gives_way: bool,
    dead: Vec<(u64, DeathReason)>,
    now: u64,
    count: u64,
}

impl List {
    fn tick(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    fn held(&self, name: u16) -> usize {
        self.items.iter().filter(|item| item.place == Place::With(name)).count()
    }

    /// The ready messages, in order.
    fn in_order(&self) -> Vec<u64> {
        let mut ready: Vec<(u64, Reverse<u8>, u64)> = Vec::new();
        for item in &self.items {
            match item.place {
                Place::Ready => ready.push((u64::MAX, Reverse(item.priority), item.index)),
                Place::Returned(order) => ready.push((order, Reverse(0), item.index)),
                _ => {}
            }
        }
        ready.sort_unstable();
        ready.into_iter().map(|(_, _, index)| index).collect()
    }

    fn item(&mut self, index: u64) -> &mut Item {
        self.items.iter_mut().find(|item| item.index == index).expect("it is there")
    }

    fn die(&mut self, index: u64, reason: DeathReason) {
        self.item(index).place = Place::Gone;
        self.dead.push((index, reason));
    }

    fn give_back(&mut self, index: u64, failed: bool) {
        let (order, options) = (self.tick(), self.options.clone());
        let item = self.item(index);
        item.acquired += 1;
        item.failed += u32::from(failed || options.counting == Counting::Returns);
        let count = item.failed;
        item.place = Place::Returned(order);
        if options.delivery_limit.is_some_and(|most| count > most) {
            self.die(index, DeathReason::DeliveryLimit);
        }
    }

    /// Consumers that have come to have room join the end of the turn; those that are done with go.
    fn look_at_consumers(&mut self) {
        let gone: Vec<u16> =
            self.consumers.iter().filter(|c| c.cancelled && self.held(c.name) == 0).map(|c| c.name).collect();
        self.consumers.retain(|consumer| !gone.contains(&consumer.name));
        for at in 0..self.consumers.len() {
            let (name, prefetch) = (self.consumers[at].name, self.consumers[at].prefetch);
            let room = prefetch == 0 || self.held(name) < prefetch;
            let served = !self.options.single_active || (self.active == Some(name) && !self.gives_way);
            if !room || !served || self.consumers[at].cancelled {
                self.consumers[at].since = None;
            } else if self.consumers[at].since.is_none() {
                self.consumers[at].since = Some(self.tick());
            }
        }
    }

    fn choose_active(&mut self) {
        if !self.options.single_active {
            return;
        }
        let serves = |consumer: &&Consumer| !consumer.cancelled;
        self.active =
            self.active.filter(|name| self.consumers.iter().filter(serves).any(|c| c.name == *name));
        // Who gives way waits like the others when it has nothing, whoever is there by then.
        if self.gives_way && self.active.is_some_and(|name| self.held(name) == 0) {
            self.active = None;
        }
        let active = self.active.and_then(|name| self.consumers.iter().find(|c| c.name == name)).cloned();
        let room = |c: &Consumer| if c.prefetch == 0 { usize::MAX } else { c.prefetch };
        let waiting = self.consumers.iter().filter(serves).filter(|c| Some(c.name) != self.active);
        let next = waiting.min_by_key(|c| (Reverse(c.priority), Reverse(room(c)), c.key)).cloned();
        match (active, next) {
            (None, next) => (self.active, self.gives_way) = (next.map(|next| next.name), false),
            (Some(active), Some(next)) if next.priority > active.priority => {
                self.gives_way = true;
                if self.held(active.name) == 0 {
                    (self.active, self.gives_way) = (Some(next.name), false);
                }
            }
            (Some(_), _) => {}
        }
    }

    fn end(&mut self) {
        self.look_at_consumers();
        self.choose_active();
        self.look_at_consumers();
        loop {
            while let Some(&head) = self.in_order().first()
                && self.item(head).expires.is_some_and(|at| at <= self.now)
            {
                self.die(head, DeathReason::Expired);
            }
            let Some(&head) = self.in_order().first() else { break };
            let turn = self.consumers.iter().filter(|consumer| consumer.since.is_some());
            let Some(next) = turn.min_by_key(|c| (Reverse(c.priority), c.since)).map(|c| c.name) else {
                break;
            };
            self.item(head).place = Place::With(next);
            self.consumers.iter_mut().filter(|c| c.name == next).for_each(|c| c.since = None);
            self.look_at_consumers();
        }
        while self.options.length_max.is_some_and(|most| self.in_order().len() as u64 > most) {
            self.die(self.in_order()[0], DeathReason::MaxLength);
        }
    }
}

#[derive(Clone, Debug)]
enum Op {
    Publish(Option<u8>, Option<u64>),
    Consume(u16, usize, i32),
    Settle(usize),
    Discard(usize),
    Back(usize, bool),
    Cancel(u16),
    Down(u16),
    Purge,
    Wait(u64),
}

fn operations() -> impl Strategy<Value = Vec<Op>> {
    let nth = 0..20_usize;
    let op = prop_oneof![
        6 => (proptest::option::of(0..40_u8), proptest::option::weighted(0.2, 0..6_u64))
            .prop_map(|(priority, ttl)| Op::Publish(priority, ttl)),
        3 => (1..5_u16, 0..4_usize, 0..3_i32).prop_map(|(name, most, priority)| Op::Consume(name, most, priority)),
        3 => nth.clone().prop_map(Op::Settle),
        1 => nth.clone().prop_map(Op::Discard),
        3 => (nth, any::<bool>()).prop_map(|(nth, failed)| Op::Back(nth, failed)),
        1 => (1..5_u16).prop_map(Op::Cancel),
        1 => (1..5_u16).prop_map(Op::Down),
        1 => Just(Op::Purge),
        2 => (0..4_u64).prop_map(Op::Wait),
    ];
    proptest::collection::vec(op, 1..80)
}

fn options() -> impl Strategy<Value = FifoOptions> {
    let limit = proptest::option::of(0..4_u32);
    let length = proptest::option::weighted(0.3, 0..6_u64);
    (limit, length, any::<bool>(), any::<bool>(), proptest::option::weighted(0.2, 1..8_u64)).prop_map(
        |(delivery_limit, length_max, returns, single_active, ttl)| FifoOptions {
            delivery_limit,
            length_max,
            single_active,
            ttl: ttl.map(Span::from_millis),
            counting: if returns { Counting::Returns } else { Counting::Failures },
            dead_letters: DeadLetters::AtMostOnce,
            ..FifoOptions::default()
        },
    )
}

/// Both beside each other.
struct Pair {
    fifo: Fifo,
    list: List,
    /// How long the log is.
    end: u64,
    sequence: u64,
    /// Where each delivery's message is: index, consumer, key, number.
    out: Vec<(u64, u16, Offset, u64)>,
    dead: Vec<(u64, DeathReason)>,
}

fn tag(name: u16) -> ConsumerTag {
    ConsumerTag { node: NodeId::Consumer(name), tag: 0 }
}

impl Pair {
    fn new(options: FifoOptions) -> Self {
        let list = List {
            options: options.clone(),
            items: Vec::new(),
            consumers: Vec::new(),
            active: None,
            gives_way: false,
            dead: Vec::new(),
            now: 0,
            count: 0,
        };
        Self { fifo: Fifo::new(options), list, end: 0, sequence: 0, out: Vec::new(), dead: Vec::new() }
    }

    fn apply(&mut self, command: &Command, message: Option<&Message>) {
        let batches = command.to_batches(Time(self.list.now * 1_000), message).expect("small");
        let batches = batches.stamped(Offset(self.end), Epoch(1));
        self.end = batches.next().expect("an entry").0;
        let entry = Entry::read(&batches.iter().next().expect("an entry")).expect("a command");
        let mut effects = Vec::new();
        self.fifo.apply(&entry, &mut effects);
        for effect in effects {
            match effect {
                Effect::Deliver { consumer, key, number, index, .. } => {
                    let NodeId::Consumer(name) = consumer.node else { panic!("a consumer") };
                    self.out.retain(|out| (out.2, out.3) != (key, number));
                    self.out.push((index.0, name, key, number));
                }
                Effect::DeadLetter { index, reason } => self.dead.push((index.0, reason)),
                _ => {}
            }
        }
    }

    fn nth(&self, nth: usize) -> Option<(u64, u16, Offset, u64)> {
        (!self.out.is_empty()).then(|| self.out[nth % self.out.len()])
    }

    fn run(&mut self, op: &Op) {
        match *op {
            Op::Publish(priority, ttl) => self.publish(priority, ttl),
            Op::Consume(name, prefetch, priority) => {
                if !self.consume(name, prefetch, priority) {
                    return; // nobody looked at the queue, so neither does the list
                }
            }
            Op::Settle(nth) | Op::Discard(nth) | Op::Back(nth, _) => {
                let Some((index, _, key, number)) = self.nth(nth) else { return };
                self.out.retain(|out| out.0 != index);
                self.finish(op, index, key, number);
            }
            Op::Cancel(name) => {
                self.apply(&Command::Cancel { consumer: tag(name) }, None);
                self.list.consumers.iter_mut().filter(|c| c.name == name).for_each(|c| c.cancelled = true);
            }
            Op::Down(name) => {
                // In the order in which they were given out.
                let mut back: Vec<_> = self.out.iter().filter(|out| out.1 == name).copied().collect();
                back.sort_by_key(|out| (out.2, out.3));
                self.out.retain(|out| out.1 != name);
                self.apply(&Command::Down { node: tag(name).node }, None);
                back.into_iter().for_each(|out| self.list.give_back(out.0, true));
                self.list.consumers.retain(|consumer| consumer.name != name);
            }
            Op::Purge => {
                self.apply(&Command::Purge, None);
                for index in self.list.in_order() {
                    self.list.item(index).place = Place::Gone;
                }
            }
            Op::Wait(millis) => {
                self.list.now += millis;
                self.apply(&Command::Expire, None);
            }
        }
        self.list.end();
        self.compare(op);
    }

    fn publish(&mut self, priority: Option<u8>, ttl: Option<u64>) {
        self.sequence += 1;
        let index = self.end + 1;
        let mut message = Message::new("m");
        if let Some(priority) = priority {
            message = message.with_priority(priority);
        }
        if let Some(ttl) = ttl {
            message = message.with_ttl(Span::from_millis(ttl));
        }
        let command = Command::Enqueue { from: NodeId::Producer(1), sequence: self.sequence };
        self.apply(&command, Some(&message));
        let whole = self.list.options.ttl.map(|ttl| ttl.0 / 1_000);
        let ttl = [whole, ttl].into_iter().flatten().min().map(|ttl| ttl.max(1));
        let priority = priority.unwrap_or(4).min(31);
        let expires = ttl.map(|ttl| self.list.now + ttl);
        self.list.items.push(Item { index, priority, expires, acquired: 0, failed: 0, place: Place::Ready });
    }

    /// Whether that was a command at all.
    fn consume(&mut self, name: u16, prefetch: usize, priority: i32) -> bool {
        let known = self.list.consumers.iter().position(|consumer| consumer.name == name);
        if known.is_some() && self.list.options.single_active {
            return false; // the list does not know what one is that waits for itself
        }
        let key = self.end;
        let command = Command::Checkout {
            consumer: tag(name),
            prefetch: prefetch as u32,
            priority,
            once: false,
            next: u64::MAX,
        };
        self.apply(&command, None);
        let new = Consumer { name, key, prefetch, priority, since: None, cancelled: false };
        match known {
            Some(at) => self.list.consumers[at] = Consumer { key: self.list.consumers[at].key, ..new },
            None => self.list.consumers.push(new),
        }
        true
    }

    fn finish(&mut self, op: &Op, index: u64, key: Offset, number: u64) {
        let deliveries = vec![number];
        match *op {
            Op::Settle(_) => {
                self.apply(&Command::Settle { key, deliveries }, None);
                self.list.item(index).place = Place::Gone;
            }
            Op::Discard(_) => {
                self.apply(&Command::Discard { key, deliveries }, None);
                self.list.die(index, DeathReason::Rejected);
            }
            Op::Back(..) if self.list.options.delivery_limit.is_none() => {
                let anew = self.end + 1;
                self.apply(&Command::Requeue { key, delivery: number }, Some(&Message::new("m")));
                let counts = u32::from(self.list.options.counting == Counting::Returns);
                let item = self.list.item(index);
                (item.index, item.place) = (anew, Place::Ready);
                (item.acquired, item.failed) = (item.acquired + 1, item.failed + counts);
            }
            Op::Back(_, failed) => {
                self.apply(&Command::Return { key, deliveries, failed }, None);
                self.list.give_back(index, failed);
            }
            _ => unreachable!("the others end no delivery"),
        }
    }

    fn compare(&self, op: &Op) {
        let ready: Vec<u64> = self.fifo.in_order().map(|index| index.0).collect();
        assert_eq!(ready, self.list.in_order(), "ready after {op:?}");
        assert_eq!(self.fifo.ready(), ready.len() as u64);
        let held = |name: u16| -> BTreeSet<u64> {
            let own = self.list.items.iter().filter(|item| item.place == Place::With(name));
            own.map(|item| item.index).collect()
        };
        for name in 1..5 {
            let out: BTreeSet<u64> = self.out.iter().filter(|out| out.1 == name).map(|out| out.0).collect();
            assert_eq!(out, held(name), "with consumer {name} after {op:?}");
        }
        for &(index, _, key, number) in &self.out {
            assert_eq!(self.fifo.delivered(key, number), Some(Offset(index)));
        }
        assert_eq!(self.dead, self.list.dead, "dead after {op:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn the_state_is_a_plain_list(options in options(), operations in operations()) {
        let mut pair = Pair::new(options);
        for operation in &operations {
            pair.run(operation);
        }
    }
}
