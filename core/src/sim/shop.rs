//! Who sends? A program around a producer's client, which sends at a pace, and does for its messages' safety what its
//! scenario says.
//!
//! ```text
//!            process                              disk
//!   pace ─▶ client ─▶ brokers          sent so far: it goes on where it was
//!           orders in hand             the store:    what is kept until it is processed
//!           half messages              the database: committed orders, the outbox
//! ```
//!
//! A crash takes the left side. What survives it decides which messages do.

use alloc::vec::Vec;

use super::asking::Asking;
use super::beside::for_mark;
use super::draft;
use super::in_transactions::InTransactions;
use super::own_transaction::{HowTransaction, Keeps, Next, Orders};
use super::scenario::{ProducerSpec, TargetSpec};
use super::stream::EVENT_TIME;
use super::world::{World, index};
use crate::broker::{Acks, Input, Message, Out, Settings};
use crate::client::{Again, Producer, RECEIPT_TIMEOUT, Row, Store, Target, TwoPhase};
use crate::ids::{MessageId, NodeId};
use crate::message::Message as Payload;
use crate::observe::{Event, Place, PullEvent, QueueEvent};
use crate::record::NewRecord;
use crate::rng::Rng;
use crate::time::{Span, Time};

/// A program that sends a message every so often. What it has not sent is not lost when it dies: it goes on
/// where it was.
#[derive(Clone, Debug)]
pub(crate) struct Shop {
    node: NodeId,
    pub(crate) spec: ProducerSpec,
    pub(crate) sent: u64,
    next_at: Time,
    /// How many of a burst are handed over.
    in_burst: u32,
    rng: Rng,
    store: Store,
    orders: Option<Orders>,
    client: Producer,
    /// The client for half messages, if it sends any; the other one sleeps then.
    halves: Option<TwoPhase>,
    /// Its client instead, if it sends in transactions.
    transactions: Option<InTransactions>,
    /// Waits for answers, if its messages are requests.
    asking: Option<Asking>,
    restarts: u16,
    /// Whether it finishes what it has in hand, and goes.
    leaving: bool,
    /// For what its clients draw by chance.
    seed: u64,
}

impl Shop {
    pub(crate) fn new(
        node: NodeId,
        spec: ProducerSpec,
        seeds: (u64, Rng),
        settings: &Settings,
        brokers: Vec<NodeId>,
    ) -> Self {
        let next_at = Time(spec.starts_at) + Span(spec.every);
        let (seed, rng) = seeds;
        let orders = spec.transaction.map(|transaction| Orders::new(transaction, seed));
        let store = store(&spec);
        let asking = spec.asks.as_ref().map(|asks| Asking::new(asks, settings, brokers.clone()));
        let seed = seed_of(seed, node);
        let transactions = in_transactions(&spec, settings, brokers.clone(), seed);
        let (client, halves) = clients(&spec, settings, brokers, seed);
        let (sent, restarts, in_burst) = (0, 0, 0);
        Self {
            node,
            spec,
            sent,
            next_at,
            in_burst,
            rng,
            store,
            orders,
            client,
            halves,
            transactions,
            asking,
            restarts,
            leaving: false,
            seed,
        }
    }

    /// Its process starts again, over what its disk holds.
    pub(super) fn restart(&mut self, now: Time, settings: &Settings, brokers: Vec<NodeId>) {
        self.asking = self.spec.asks.as_ref().map(|asks| Asking::new(asks, settings, brokers.clone()));
        self.restarts = self.restarts.wrapping_add(1);
        self.leaving = false;

        let seed = self.seed.wrapping_add(self.restarts.into());
        self.transactions = in_transactions(&self.spec, settings, brokers.clone(), seed);
        (self.client, self.halves) = clients(&self.spec, settings, brokers, seed);
        self.store.restart(now);
        if let Some(orders) = &mut self.orders {
            orders.restart(now);
        }
    }

    /// Its disk is another one, and empty: what it kept there is gone. What it is to send comes from elsewhere.
    pub(super) fn lose_disk(&mut self) {
        self.store = store(&self.spec);
        self.orders = self.spec.transaction.map(|transaction| Orders::new(transaction, self.seed));
    }

    /// When it wants to be woken.
    pub(super) fn next_wakeup(&self) -> Option<Time> {
        let next = self.has_more_to_send().then_some(self.next_at);
        let client = match (&self.halves, &self.transactions) {
            (Some(halves), _) => halves.next_wakeup(),
            (None, Some(transactions)) => transactions.next_wakeup(),
            (None, None) => self.client.next_wakeup(),
        };
        let orders = self.orders.as_ref().and_then(Orders::next_wakeup);
        let asking = self.asking.as_ref().and_then(Asking::next_wakeup);
        [next, client, self.store.next_wakeup(), orders, asking].into_iter().flatten().min()
    }

    /// Whether a wake-up is for more than to begin with what is due: a program that only sends is done then.
    fn has_more_to_do(&self, now: Time) -> bool {
        let only_sends = self.orders.is_none()
            && self.halves.is_none()
            && self.transactions.is_none()
            && self.asking.is_none()
            && self.spec.keeps != Keeps::UntilProcessed;
        !only_sends || self.client.next_wakeup().is_some_and(|at| at <= now)
    }

    fn has_more_to_send(&self) -> bool {
        self.sent < self.spec.messages && !self.leaving
    }

    /// Sends so often from now on: the next message comes no later than it would come if the last were just sent.
    pub(super) fn send_every(&mut self, now: Time, every: Span) {
        self.spec.every = every.0;
        self.next_at = self.next_at.min(now.max(Time(self.spec.starts_at)) + every);
    }

    /// Waits for so many replicas from now on.
    pub(super) fn set_acks(&mut self, acks: Acks) {
        if let TargetSpec::Topic { acks: own, .. } = &mut self.spec.to {
            *own = acks;
            self.client.set_acks(acks).expect("it was asked before whether it may");
        }
    }

    /// Begins nothing more.
    pub(super) fn leave(&mut self) {
        self.leaving = true;
        if let Some(transactions) = &mut self.transactions {
            transactions.complete();
        }
    }

    /// Whether it was to go, and nothing is left to do.
    pub(super) fn is_gone(&self) -> bool {
        self.leaving && self.waiting().is_empty()
    }

    /// Whether its messages may be received in another order than they were sent: because it wants it so, or because
    /// whoever comes late gets the last values in the order of their keys.
    fn reorders(&self) -> bool {
        self.spec.message.reorders() || matches!(self.spec.to, TargetSpec::Exchange { retain: true, .. })
    }

    /// The key of the message that is due, if one is.
    fn due(&mut self, now: Time) -> Option<Option<char>> {
        if !self.has_more_to_send() || self.next_at > now {
            return None;
        }
        self.sent += 1;
        self.in_burst += 1;
        if self.in_burst >= self.spec.burst {
            (self.in_burst, self.next_at) = (0, now + Span(self.spec.every));
        }
        let keys = u64::from(self.spec.keys);
        let drawn = (keys > 0).then(|| char::from(b'A' + self.rng.below(keys) as u8));
        Some(self.spec.message.key.or(drawn))
    }

    /// The message of this number; some tell of what happened a while ago.
    fn draft(&mut self, now: Time, id: MessageId, key: Option<char>, out: &mut Out) -> Payload {
        let message = self.spec.message.draft(self.sent, id, key);
        let Some(late) = self.spec.message.late else { return message };
        let is_late = self.rng.below(1_000) < u64::from(late.per_mille);
        let by = if is_late { self.rng.between(late.by.0, late.by.1) } else { 0 };
        let at = Time(now.0.saturating_sub(by));
        out.event(Event::Pull(PullEvent::Happened { message: id, at }));
        message.with_header(EVENT_TIME, at.0 as i64)
    }

    /// Begins with a message that is due.
    fn begin(&mut self, now: Time, id: MessageId, key: Option<char>, out: &mut Out) {
        let mut message = self.draft(now, id, key, out);
        if self.spec.keeps == Keeps::UntilProcessed {
            message = draft::with_receipt(message, self.node);
        }
        if let Some(asking) = &mut self.asking {
            message = asking.ask(now, id, message);
        }
        if let (Some(_), TargetSpec::Queue(queue)) = (&self.halves, &self.spec.to) {
            message = message.with_routing_key(queue.as_str());
        }
        let mut record = draft::record(now, &message);
        if self.spec.message.is_tombstone(self.sent) {
            record.value = None;
        }
        let Some(orders) = &mut self.orders else { return self.send(now, id, record, out) };
        orders.begin(now, id, record.clone());
        match (orders.how(), &mut self.halves) {
            (HowTransaction::Half, Some(halves)) => {
                halves.begin(now, id, record, out).expect("a body's size was checked with the scenario");
            }
            (HowTransaction::PublishFirst, _) => self.send(now, id, record, out),
            _ => {}
        }
    }

    /// Takes what reaches the program, and goes on with what it has in hand.
    fn handle(&mut self, now: Time, input: Input, out: &mut Out) {
        let input = match &mut self.asking {
            None => Some(input),
            Some(asking) => {
                asking.handle(now, &input, out);
                for_mark(0, &input)
            }
        };
        if let Some(input) = input {
            self.hear(now, input, out);
        }
        self.go_on_with_orders(now, out);
        let (client, orders) = (&self.client, &self.orders);
        let in_outbox = |id| orders.iter().flat_map(Orders::messages).any(|message| message == id);
        let on_its_way = |id| client.holds(id) || in_outbox(id);
        for Again { id, record, sent_before } in self.store.due(now, on_its_way) {
            self.send_again(now, id, record, sent_before, out);
        }
    }

    fn hear(&mut self, now: Time, input: Input, out: &mut Out) {
        if let Some(transactions) = &mut self.transactions {
            return transactions.handle(now, input, out);
        }
        match (input, &mut self.halves) {
            (Input::Message { message: Message::Processed { message }, .. }, _) => {
                if self.store.processed(message) {
                    out.event(Event::Queue(QueueEvent::Forgotten { message }));
                }
            }
            (Input::Message { from, message: Message::CheckBack { id, message } }, Some(halves)) => {
                if let (Some(orders), Some(message)) = (&self.orders, message.id()) {
                    halves.answer(from, id, orders.what_became_of(message), out);
                }
            }
            (input, Some(halves)) => halves.handle(now, input, out),
            (input, None) => self.client.handle(now, input, out),
        }
        while let Some(message) = self.client.take_given_up() {
            self.store.processed(message); // it would be sent again for ever
        }
    }

    fn go_on_with_orders(&mut self, now: Time, out: &mut Out) {
        let Some(orders) = &mut self.orders else { return };
        match &mut self.halves {
            Some(halves) => {
                while let Some(message) = halves.take_stored() {
                    orders.stored(now, message);
                }
            }
            None => {
                for message in orders.waiting_for_broker() {
                    if !self.client.holds(message) {
                        orders.stored(now, message);
                    }
                }
            }
        }
        while let Some(next) = self.orders.as_mut().and_then(|orders| orders.next(now)) {
            match next {
                Next::Ended { message, committed } => {
                    out.event(Event::Queue(QueueEvent::OwnTransaction { message, committed }));
                }
                Next::Send { message, record } => self.send(now, message, record, out),
                Next::Decide { message, committed } => {
                    if let Some(halves) = &mut self.halves {
                        halves.decide(now, message, committed, out);
                    }
                }
            }
        }
        self.relay(now, out);
    }

    /// The relay of an outbox: removes what is stored, and sends what is not on its way.
    fn relay(&mut self, now: Time, out: &mut Out) {
        let Some(orders) = &mut self.orders else { return };
        let looks = orders.relay_looks(now);
        let outbox = &mut orders.database.outbox;
        outbox.remove_stored(|id| !self.client.holds(id));
        let mut rows: Vec<Row> = Vec::new();
        if looks {
            rows.extend(core::iter::from_fn(|| outbox.take()));
        }
        for Row { id, record, sent_before } in rows {
            if self.spec.keeps == Keeps::UntilProcessed && sent_before == 0 {
                self.store.keep(now, id, record.clone());
            }
            self.send_again(now, id, record, sent_before, out);
        }
    }

    fn send(&mut self, now: Time, id: MessageId, record: NewRecord, out: &mut Out) {
        if self.spec.keeps == Keeps::UntilProcessed {
            self.store.keep(now, id, record.clone());
        }
        self.send_again(now, id, record, 0, out);
    }

    fn send_again(&mut self, now: Time, id: MessageId, record: NewRecord, sent_before: u32, out: &mut Out) {
        if let Some(transactions) = &mut self.transactions {
            let last = self.sent == self.spec.messages;
            return transactions.send(now, id, record, last, out);
        }
        let sent = self.client.send_again(now, id, record, sent_before, out);
        sent.expect("a body's size was checked with the scenario");
    }

    /// The client that it sends with.
    pub(super) fn client(&self) -> &Producer {
        self.transactions.as_ref().map_or(&self.client, InTransactions::producer)
    }

    /// Whether somebody else took over its transactional id, and after how many microseconds it is started again.
    pub(super) fn fenced(&self) -> Option<u64> {
        self.transactions.as_ref().and_then(InTransactions::fenced)
    }

    /// What the program still has to look after, oldest first.
    pub(crate) fn waiting(&self) -> Vec<MessageId> {
        let unstored = self.client.unstored().map(|(id, _)| id);
        let halves = self.halves.iter().flat_map(TwoPhase::pending);
        let orders = self.orders.iter().flat_map(Orders::messages);
        let asked = self.asking.iter().flat_map(Asking::waiting);
        let open = self.transactions.iter().flat_map(InTransactions::held);
        let mut all: Vec<MessageId> =
            unstored.chain(open).chain(self.store.kept()).chain(halves).chain(orders).chain(asked).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// An empty store on a producer's disk.
fn store(spec: &ProducerSpec) -> Store {
    Store::new(if spec.receipt_timeout == 0 { RECEIPT_TIMEOUT } else { Span(spec.receipt_timeout) })
}

/// A seed of its own for each producer of a world, far from its neighbours'.
fn seed_of(seed: u64, node: NodeId) -> u64 {
    let number = if let NodeId::Producer(number) = node { number } else { 0 };
    seed ^ (u64::from(number) << 32)
}

/// The clients of a program's new process.
fn clients(
    spec: &ProducerSpec,
    settings: &Settings,
    brokers: Vec<NodeId>,
    seed: u64,
) -> (Producer, Option<TwoPhase>) {
    let is_half = spec.transaction.is_some_and(|transaction| transaction.how == HowTransaction::Half);
    let place = match &spec.to {
        TargetSpec::Queue(name) => Some(Place::Queue(name.clone())),
        TargetSpec::Exchange { name, .. } => Some(Place::Exchange(name.clone())),
        TargetSpec::Topic { .. } | TargetSpec::AnyOf(_) | TargetSpec::System(_) => None,
    };
    let halves = place.filter(|_| is_half);
    let halves = halves.map(|place| TwoPhase::new(settings.clone(), place, brokers.clone()));
    let client = Producer::new(settings.clone(), target(&spec.to), brokers);
    let client = client.with_options(spec.options, seed);
    (client.expect("its options were checked with the scenario"), halves)
}

/// The client of a program that sends in transactions.
fn in_transactions(
    spec: &ProducerSpec,
    settings: &Settings,
    brokers: Vec<NodeId>,
    seed: u64,
) -> Option<InTransactions> {
    let (Some(transactional), TargetSpec::Topic { name, .. }) = (&spec.transactional, &spec.to) else {
        return None;
    };
    Some(InTransactions::new(spec, transactional, name, settings, (brokers, seed)))
}

/// What a client sends to, where a scenario says it.
pub(super) fn target(to: &TargetSpec) -> Target {
    match to {
        TargetSpec::Queue(name) => Target::Queue(name.clone()),
        TargetSpec::Topic { name, acks } => Target::Topic(name.clone(), *acks),
        TargetSpec::Exchange { name, mandatory, retain } => {
            Target::Exchange { name: name.clone(), mandatory: *mandatory, retain: *retain }
        }
        TargetSpec::AnyOf(queues) => Target::AnyOf(queues.clone()),
        // Only its options are asked about: it is played by a guest.
        TargetSpec::System(to) => Target::Queue(to.name()),
    }
}

impl World {
    /// Lets a producer's program begin with what is due.
    fn let_shop_send(&mut self, now: Time, number: u16, out: &mut Out) {
        let node = NodeId::Producer(number);
        let shop = &mut self.producers[index(number)].process;
        while let Some(key) = shop.due(now) {
            self.keys.push(key);
            let id = MessageId(self.keys.len() as u64);
            self.verdict.learn_key(id, key);
            if shop.reorders() {
                self.verdict.learn_unordered(id);
            }
            if shop.spec.message.is_tombstone(shop.sent) {
                self.verdict.learn_tombstone(id);
            }
            if shop.spec.transaction.is_some() {
                self.verdict.learn_transaction(id, node);
            }
            shop.begin(now, id, key, out);
        }
    }

    /// Hands an input to a producer's program.
    pub(super) fn hand_to_shop(&mut self, number: u16, input: Input, out: &mut Out) {
        let now = self.clock(NodeId::Producer(number));
        let wakes = matches!(input, Input::Wake);
        if wakes {
            self.let_shop_send(now, number, out);
        }
        let shop = &mut self.producers[index(number)].process;
        if !wakes || shop.has_more_to_do(now) {
            shop.handle(now, input, out);
        }
    }
}
