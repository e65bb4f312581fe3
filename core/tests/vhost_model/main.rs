//! Is every message where it should be? A virtual host against plain lists, over restarts and power cuts.
//!
//! The model knows bindings as a list that it scans, queues as sets of copies, and four ways to leave one. What it does
//! not know is order: `queue.rs` and the vectors are for that. The power may go in the middle of a flush: a fuse lets
//! only so many writes through.

mod confirms;
#[path = "../rigged/mod.rs"]
mod rigged;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use mqlab_core::ids::{MessageId, Name};
use mqlab_core::log::faulty::Fault;
use mqlab_core::message::Message;
use mqlab_core::queue::{ConsumerOptions, DeadLetter, Fact, Flow, QueueOptions};
use mqlab_core::routing::{Binding, Destination, ExchangeKind};
use mqlab_core::time::{Span, Time};
use mqlab_core::vhost::{
    ChannelId, ChannelOptions, Handle, Output, Publish, Rollback, VhostError, VirtualHost,
};
use proptest::prelude::*;
use proptest::sample::Index;
use rigged::{Disk, Rig, Rigged};

const QUEUES: [&str; 4] = ["a", "b", "y", "z"];
const EXCHANGES: [(&str, ExchangeKind); 3] =
    [("direct", ExchangeKind::Direct), ("fanout", ExchangeKind::Fanout), ("topic", ExchangeKind::Topic)];
const KEYS: [&str; 3] = ["k.1", "k.2", "other"];
const CHANNELS: [ChannelId; 3] = [ChannelId(1), ChannelId(2), TRANSACTED];
const TRANSACTED: ChannelId = ChannelId(3);
const WINDOW: u32 = 2;

/// What each queue does: two lead their dead to others, which stand after and before them in every order of names.
fn options(queue: &str) -> QueueOptions {
    let to = |queue: &str| Some(DeadLetter { exchange: String::new(), routing_key: Some(queue.into()) });
    match queue {
        "a" => QueueOptions { dead_letter: to("z"), length_max: Some(4), ..QueueOptions::default() },
        "y" => QueueOptions { dead_letter: to("b"), delivery_limit: Some(1), ..QueueOptions::default() },
        "z" => QueueOptions { ttl: Some(Span::from_millis(5)), ..QueueOptions::default() },
        _ => QueueOptions::default(),
    }
}

fn leads_to(queue: &str) -> Option<&'static str> {
    match queue {
        "a" => Some("z"),
        "y" => Some("b"),
        _ => None,
    }
}

#[derive(Clone, Debug)]
enum Operation {
    Declare(usize),
    Delete(usize),
    Bind(usize, usize, usize),
    Unbind(Index),
    Publish(usize, usize, usize),
    Consume(usize, usize, u32),
    Receive(usize, usize),
    Ack(Index, bool),
    Nack(Index, bool),
    Commit,
    Rollback(bool),
    Close(usize),
    Pass(u64),
    Flush,
    Restart,
    /// The power goes after a flush, or after so many writes of it; or one log meets a fault, and then it goes.
    PowerCut(Option<u32>, Option<Fault>, u64),
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    use Operation::*;
    let (queue, key, channel) = (0..QUEUES.len(), 0..KEYS.len(), 0..CHANNELS.len());
    let fault = prop_oneof![
        Just(Fault::FailAppend),
        Just(Fault::FailFlush),
        (0..600_usize).prop_map(|bytes| Fault::TearAppend { bytes }),
    ];
    let kept = prop_oneof![1 => Just(u64::MAX), 2 => any::<u64>()];
    let operation = prop_oneof![
        2 => queue.clone().prop_map(Declare),
        1 => queue.clone().prop_map(Delete),
        4 => (0..EXCHANGES.len(), queue.clone(), key.clone()).prop_map(|(e, q, k)| Bind(e, q, k)),
        1 => any::<Index>().prop_map(Unbind),
        12 => (0..EXCHANGES.len() + 1, key, channel.clone()).prop_map(|(e, k, c)| Publish(e, k, c)),
        3 => (channel.clone(), queue.clone(), 0..3_u32).prop_map(|(c, q, n)| Consume(c, q, n)),
        4 => (channel.clone(), queue).prop_map(|(c, q)| Receive(c, q)),
        4 => (any::<Index>(), any::<bool>()).prop_map(|(i, many)| Ack(i, many)),
        5 => (any::<Index>(), any::<bool>()).prop_map(|(i, requeue)| Nack(i, requeue)),
        2 => Just(Commit),
        1 => any::<bool>().prop_map(Rollback),
        1 => channel.prop_map(Close),
        2 => (0..8_u64).prop_map(Pass),
        4 => Just(Flush),
        1 => Just(Restart),
        2 => (prop::option::of(0..12_u32), prop::option::of(fault), kept)
            .prop_map(|(fuse, fault, kept)| PowerCut(fuse, fault, kept)),
    ];
    prop::collection::vec(operation, 1..60)
}

/// A copy of a message in a queue.
type Copy = (String, u64);

/// What the plain lists say.
#[derive(Clone, Debug, Default)]
struct Lists {
    queues: BTreeSet<String>,
    bindings: BTreeSet<(usize, usize, usize)>,
    /// How many copies each queue should hold; more than one of a message only by dead letters.
    held: BTreeMap<Copy, u32>,
}

impl Lists {
    /// The scan over all bindings.
    fn routes(&self, exchange: usize, key: usize) -> BTreeSet<usize> {
        let matches = |bound: usize| match EXCHANGES[exchange].1 {
            ExchangeKind::Direct => bound == key,
            ExchangeKind::Topic => KEYS[bound] == KEYS[key],
            _ => true,
        };
        let own = |(e, _, k): &&(usize, usize, usize)| *e == exchange && matches(*k);
        self.bindings.iter().filter(own).map(|(_, queue, _)| *queue).collect()
    }

    fn add(&mut self, queue: &str, id: u64) {
        *self.held.entry((queue.into(), id)).or_default() += 1;
    }

    fn remove(&mut self, queue: &str, id: u64) -> bool {
        let copy = (queue.to_owned(), id);
        let Some(count) = self.held.get_mut(&copy) else { return false };
        *count -= 1;
        if *count == 0 {
            self.held.remove(&copy);
        }
        true
    }

    fn forget_queue(&mut self, queue: usize) {
        self.queues.remove(QUEUES[queue]);
        self.bindings.retain(|(_, bound, _)| *bound != queue);
        self.held.retain(|(held, _), _| held != QUEUES[queue]);
    }
}

struct Run {
    host: VirtualHost<Rigged>,
    rig: Rc<Rig>,
    now: Time,
    lists: Lists,
    /// What the lists said at the last flush.
    flushed: Lists,
    out: Vec<Handle>,
    /// Of these, what was pushed.
    pushed: Vec<Handle>,
    sent: u64,
    /// What waits for the commit of the transaction.
    waiting: Vec<(usize, usize, u64)>,
}

fn opened(disk: Disk, now: Time) -> (VirtualHost<Rigged>, Rc<Rig>) {
    let storage = Rigged::new(disk);
    let rig = Rc::clone(&storage.rig);
    let mut host = VirtualHost::open(storage, now).expect("it can be opened");
    host.watch(true);
    for id in CHANNELS {
        let options =
            ChannelOptions { window: WINDOW, transactional: id == TRANSACTED, ..ChannelOptions::default() };
        host.open_channel(now, id, options).expect("it opens");
    }
    (host, rig)
}

impl Run {
    fn new() -> Self {
        let (mut host, rig) = opened(Disk::default(), Time::ZERO);
        for (name, kind) in EXCHANGES {
            host.declare_exchange(name, kind).expect("a new exchange");
        }
        let mut lists = Lists::default();
        for queue in QUEUES {
            host.declare_queue(Time::ZERO, queue, options(queue)).expect("sound");
            lists.queues.insert(queue.into());
        }
        host.flush().expect("memory does not fail");
        let flushed = lists.clone();
        Self {
            host,
            rig,
            now: Time::ZERO,
            lists,
            flushed,
            out: Vec::new(),
            pushed: Vec::new(),
            sent: 0,
            waiting: Vec::new(),
        }
    }

    /// Follows what left the queues, by what the queues say of it, and checks that they say it of what was there.
    fn follow(&mut self) {
        while let Some(output) = self.host.poll() {
            match output {
                Output::Deliver(delivered) => {
                    self.out.push(delivered.handle);
                    self.pushed.push(delivered.handle);
                }
                Output::Fact(queue, Fact::Settled { id, .. }) => {
                    assert!(
                        self.lists.remove(queue.as_str(), id.expect("each has one").0),
                        "settled, and not there"
                    );
                }
                Output::Fact(queue, Fact::Died { id, .. }) => {
                    let id = id.expect("each has one").0;
                    assert!(self.lists.remove(queue.as_str(), id), "died, and was not there");
                    // Its exchange is the default one: the letter is there at once, or nowhere.
                    if let Some(to) = leads_to(queue.as_str()).filter(|to| self.lists.queues.contains(*to)) {
                        self.lists.add(to, id);
                    }
                }
                _ => {}
            }
        }
        self.out.retain(|handle| self.host.unsettled(handle.channel).any(|open| open == *handle));
        self.pushed.retain(|handle| self.out.contains(handle));
    }

    fn publish(&mut self, exchange: usize, key: usize, channel: usize) {
        self.sent += 1;
        let id = self.sent;
        let how = Publish { channel: CHANNELS[channel], ..Publish::default() };
        let message = Message::new(format!("m{id}")).with_id(MessageId(id));
        // One more than there are exchanges is the default one: keys are queues there.
        let Some((name, _)) = EXCHANGES.get(exchange) else {
            let queue = QUEUES[key];
            let published = self.host.publish_with(self.now, "", queue, message, how).expect("published");
            if how.channel == TRANSACTED {
                self.waiting.push((exchange, key, id));
            } else if self.lists.queues.contains(queue) {
                assert_eq!(published.queues, 1);
                self.lists.add(queue, id);
            }
            return;
        };
        let published = self.host.publish_with(self.now, name, KEYS[key], message, how).expect("published");
        if how.channel == TRANSACTED {
            assert_eq!(published.queues, 0, "nothing before the commit");
            self.waiting.push((exchange, key, id));
            return;
        }
        let routes = self.lists.routes(exchange, key);
        assert_eq!(published.queues, routes.len());
        routes.into_iter().for_each(|queue| self.lists.add(QUEUES[queue], id));
    }

    fn commit(&mut self) {
        self.host.commit_transaction(self.now, TRANSACTED).expect("nothing blocks");
        for (exchange, key, id) in std::mem::take(&mut self.waiting) {
            if exchange < EXCHANGES.len() {
                let routes = self.lists.routes(exchange, key);
                routes.into_iter().for_each(|queue| self.lists.add(QUEUES[queue], id));
            } else if self.lists.queues.contains(QUEUES[key]) {
                self.lists.add(QUEUES[key], id);
            }
        }
    }

    fn reopen(&mut self, disk: Disk) {
        (self.host, self.rig) = opened(disk, self.now);
        self.out.clear();
        self.pushed.clear();
        self.waiting.clear();
    }

    fn power_cut(&mut self, fuse: Option<u32>, fault: Option<Fault>, kept: u64) {
        self.rig.after(fuse.unwrap_or(u32::MAX), fault);
        let flushed = self.host.flush();
        self.follow();
        if flushed.is_ok() {
            self.flushed = self.lists.clone();
        } else {
            assert!(self.host.flush().is_err(), "it promises more after a failure");
        }
        // Where one disk failed, the others go on.
        self.rig.after(if fault.is_some() { u32::MAX } else { 0 }, None);
        let host = std::mem::replace(&mut self.host, opened(Disk::default(), self.now).0);
        let mut disk = host.close().expect("what cannot be written is given up").disk;
        disk.cut_power(|_, bytes| if kept == u64::MAX { bytes } else { kept % (bytes + 1) })
            .expect("memory does not fail");
        self.reopen(disk);
        if flushed.is_ok() {
            return;
        }
        // What was durable before, or should have become so, may be there. What was durable before and was not
        // settled since must be: in its queue, or where it was sent on to.
        let before = std::mem::take(&mut self.flushed);
        let after = self.found();
        let deleted = |queue: &str| !self.lists.queues.contains(queue);
        for (queue, id) in before.held.keys() {
            let kept_on = self.lists.held.keys().any(|(_, other)| other == id);
            let somewhere = after.held.keys().any(|(_, other)| other == id);
            assert!(somewhere || !kept_on || deleted(queue), "{id} was in {queue}, and is nowhere");
        }
        for (queue, id) in after.held.keys() {
            let known = before.held.keys().chain(self.lists.held.keys()).any(|(_, other)| other == id);
            let passed = *id <= self.sent;
            assert!(known || passed, "{id} in {queue} is nobody's");
        }
        self.lists = after;
        self.flushed = self.lists.clone();
        self.host.flush().expect("memory does not fail");
    }

    /// What is there, as lists.
    fn found(&self) -> Lists {
        let mut found = Lists::default();
        for queue in self.host.queues() {
            found.queues.insert(queue.name().to_string());
            for held in queue.held() {
                found.add(queue.name().as_str(), held.id.expect("each has one").0);
            }
        }
        for binding in self.host.router().bindings() {
            let Destination::Queue(to) = &binding.to else { continue };
            let exchange = EXCHANGES.iter().position(|(name, _)| *name == binding.exchange.as_str());
            let queue = QUEUES.iter().position(|name| *name == to.as_str());
            let key = KEYS.iter().position(|key| **key == *binding.key);
            found.bindings.insert((
                exchange.expect("one of them"),
                queue.expect("one of them"),
                key.expect("one of them"),
            ));
        }
        found
    }

    fn apply(&mut self, operation: &Operation) {
        let now = self.now;
        match *operation {
            Operation::Declare(queue) => {
                self.host.declare_queue(now, QUEUES[queue], options(QUEUES[queue])).expect("sound");
                self.lists.queues.insert(QUEUES[queue].into());
            }
            Operation::Delete(queue) => {
                let there = self.host.delete_queue(now, QUEUES[queue]).expect("memory does not fail");
                assert_eq!(there, self.lists.queues.contains(QUEUES[queue]));
                self.lists.forget_queue(queue);
                // What came from it does not count any more; which that is, only its host knows.
                self.pushed.clear();
            }
            Operation::Bind(exchange, queue, key) => {
                let bound = self.host.bind(EXCHANGES[exchange].0, QUEUES[queue], KEYS[key]);
                assert_eq!(bound.is_ok(), self.lists.queues.contains(QUEUES[queue]));
                if bound.is_ok() {
                    self.lists.bindings.insert((exchange, queue, key));
                }
            }
            Operation::Unbind(which) => {
                if self.lists.bindings.is_empty() {
                    return;
                }
                let all: Vec<_> = self.lists.bindings.iter().copied().collect();
                let (exchange, queue, key) = *which.get(&all);
                let to = Destination::Queue(Name::new(QUEUES[queue]).expect("legal"));
                let binding = Binding::new(EXCHANGES[exchange].0.parse().expect("legal"), to, KEYS[key]);
                assert!(self.host.unbind(&binding).expect("there"));
                self.lists.bindings.remove(&(exchange, queue, key));
            }
            Operation::Publish(exchange, key, channel) => self.publish(exchange, key, channel),
            Operation::Consume(channel, queue, most) => {
                let options = ConsumerOptions { flow: Flow::Prefetch(most), ..ConsumerOptions::default() };
                let consumed = self.host.consume_on(now, CHANNELS[channel], QUEUES[queue], options);
                assert_eq!(consumed.is_ok(), self.lists.queues.contains(QUEUES[queue]));
            }
            Operation::Receive(channel, queue) => {
                match self.host.receive_on(now, CHANNELS[channel], QUEUES[queue]) {
                    Ok(got) => self.out.extend(got.map(|got| got.handle)),
                    Err(error) => assert!(matches!(error, VhostError::NoQueue(_)), "{error}"),
                }
            }
            Operation::Ack(which, _) | Operation::Nack(which, _) if !self.out.is_empty() => {
                let handle = *which.get(&self.out);
                let done = match *operation {
                    Operation::Ack(_, true) => self.host.ack_until(now, handle),
                    Operation::Nack(_, requeue) => self.host.nack(now, handle, requeue),
                    _ => self.host.ack(now, handle),
                };
                // In the transaction it may be settled already.
                assert!(done.is_ok() || handle.channel == TRANSACTED, "{done:?}");
            }
            Operation::Ack(..) | Operation::Nack(..) => {}
            Operation::Commit => self.commit(),
            Operation::Rollback(redeliver) => {
                let before = self.found();
                let how = if redeliver { Rollback::Redeliver } else { Rollback::Keep };
                self.host.rollback_transaction(now, TRANSACTED, how).expect("it is in one");
                if !redeliver {
                    assert_eq!(self.found().held, before.held, "it left a trace");
                }
                self.waiting.clear();
            }
            Operation::Close(channel) => {
                let id = CHANNELS[channel];
                self.host.close_channel(now, id).expect("memory does not fail");
                assert_eq!(self.host.unsettled(id).count(), 0);
                let transactional = id == TRANSACTED;
                if transactional {
                    self.waiting.clear();
                }
                let options = ChannelOptions { window: WINDOW, transactional, ..ChannelOptions::default() };
                self.host.open_channel(now, id, options).expect("it opens");
            }
            Operation::Pass(millis) => {
                self.now = now + Span::from_millis(millis);
                self.host.tick(self.now).expect("memory does not fail");
                assert!(self.host.next_wakeup().is_none_or(|at| at > self.now), "what was due is due again");
            }
            Operation::Restart => {
                let host = std::mem::replace(&mut self.host, opened(Disk::default(), now).0);
                self.reopen(host.close().expect("memory does not fail").disk);
            }
            Operation::Flush => {
                self.host.flush().expect("memory does not fail");
                assert!(!self.host.is_dirty());
                self.flushed = self.lists.clone();
            }
            Operation::PowerCut(fuse, fault, kept) => self.power_cut(fuse, fault, kept),
        }
    }

    fn check(&self) {
        let found = self.found();
        assert_eq!(found.queues, self.lists.queues);
        assert_eq!(found.bindings, self.lists.bindings);
        assert_eq!(found.held, self.lists.held);
        // Nothing is out that no channel can settle, and no window has more than it may.
        let out: u64 = self.host.queues().map(|queue| queue.stats().unacked).sum();
        let known = CHANNELS.iter().map(|id| self.host.unsettled(*id).count() as u64).sum::<u64>();
        assert!(out <= known, "{out} are out, and channels know {known}");
        for id in CHANNELS {
            let pushed = self.pushed.iter().filter(|handle| handle.channel == id).count();
            assert!(pushed <= WINDOW as usize, "{pushed} were pushed within a window of {WINDOW}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn every_message_is_where_it_should_be(operations in operations()) {
        let mut run = Run::new();
        for operation in &operations {
            run.apply(operation);
            run.follow();
            run.check();
        }
    }
}
