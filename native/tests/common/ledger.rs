//! What must a queue have? A plain list of its messages, kept by hand beside it, and of each message all that it may be
//! after a crash: from what was durable of it up to what was done last.
//!
//! ```text
//!   message 7    absent ─ held, never delivered ─ held, delivered once ─ gone
//!                         ▲ durable                                      ▲ now
//!   after a crash it is one of the last three
//! ```
//!
//! Two queues: the one that is worked with, and the one that its dead letters go to. Of what is at both a crash may have
//! left both; of what is at neither, never.

use std::collections::BTreeMap;

use mqlab_core::ids::Offset;
use mqlab_core::queue::{QueueOptions, Receipt, Requeue};

/// The queue that is worked with, and that of its dead letters, by number.
pub(crate) const JOBS: usize = 0;
pub(crate) const DEAD: usize = 1;

/// Whether a message can be delivered, as far as it outlives a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stands {
    Free,
    Leased,
    Waits,
}

/// What may be found of a message in one queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    Absent,
    Held {
        count: u32,
        stands: Stands,
        /// Its place among the others.
        place: u64,
    },
    /// It went where dead letters go.
    Died,
    Gone,
}

/// Where a message is in the process that has the queue open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// With its number among those that are served first, if it is one of them.
    Ready(Option<u64>),
    Out,
    Leased,
    /// Leased until a moment that has come.
    LeaseOver,
    Waits,
    Left,
}

/// What a message has from its sender.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traits {
    pub(crate) priority: u8,
    /// It has expired when it comes.
    pub(crate) mortal: bool,
    /// It waits for longer than a test takes.
    pub(crate) delayed: bool,
}

/// A message in one queue.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    traits: Traits,
    state: State,
    count: u32,
    returns: u32,
    place: u64,
    /// By which its last delivery can be settled.
    receipt: Option<Receipt>,
    /// What it may be after a crash: from what is durable to what it is now.
    pub(crate) versions: Vec<Version>,
}

impl Item {
    fn new(traits: Traits, place: u64) -> Self {
        let state = if traits.delayed { State::Waits } else { State::Ready(None) };
        let mut item = Self {
            traits,
            state,
            count: 0,
            returns: 0,
            place,
            receipt: None,
            versions: vec![Version::Absent],
        };
        item.note();
        item
    }

    /// What it is now may be found from here on.
    fn note(&mut self) {
        let stands = match self.state {
            State::Leased => Stands::Leased,
            State::Waits => Stands::Waits,
            _ => Stands::Free,
        };
        self.versions.push(Version::Held { count: self.count, stands, place: self.place });
    }

    fn leave(&mut self, version: Version) {
        self.state = State::Left;
        self.versions.push(version);
    }

    fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready(_))
    }

    /// Sooner is smaller.
    fn rank(&self) -> (bool, u64, std::cmp::Reverse<u8>, u64) {
        let State::Ready(front) = self.state else { unreachable!("only what is ready has a rank") };
        (front.is_none(), front.unwrap_or(0), std::cmp::Reverse(self.traits.priority), self.place)
    }

    /// Whether it may not be there, and has not left either.
    fn may_be_absent(&self) -> bool {
        self.versions[0] == Version::Absent
    }

    fn may_have_left(&self) -> bool {
        self.versions.iter().any(|version| matches!(version, Version::Gone | Version::Died))
    }

    fn may_have(&self, version: Version) -> bool {
        self.versions.contains(&version)
    }
}

/// The messages of one queue, by number.
pub(crate) type Shelf = BTreeMap<u64, Item>;

/// What was found of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) number: u64,
    pub(crate) offset: Offset,
    pub(crate) count: u32,
    pub(crate) stands: Stands,
    /// It is leased until a moment that has come: so it is free, but nobody has noticed.
    pub(crate) is_over: bool,
}

/// What was found: of each queue the messages in order of offset; none where there is no such queue.
#[derive(Clone, Debug)]
pub(crate) struct Found(pub(crate) [Option<Vec<Seen>>; 2]);

/// Two queues as they must be.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    options: QueueOptions,
    pub(crate) shelves: [Shelf; 2],
    /// Whether a queue must be there, and whether it may.
    pub(crate) declared: [(bool, bool); 2],
    /// What every message has that was ever sent.
    pub(crate) traits: Vec<Traits>,
    next_place: u64,
    next_front: u64,
}

impl Ledger {
    pub(crate) fn new(options: QueueOptions) -> Self {
        let (shelves, declared, traits) = Default::default();
        Self { options, shelves, declared, traits, next_place: 0, next_front: 0 }
    }

    fn next_place(&mut self) -> u64 {
        self.next_place += 1;
        self.next_place
    }

    /// Everything that was done is durable now.
    pub(crate) fn is_durable(&mut self) {
        for shelf in &mut self.shelves {
            shelf.retain(|_, item| {
                item.versions.drain(..item.versions.len() - 1);
                item.state != State::Left
            });
        }
        self.declared.iter_mut().for_each(|(durable, now)| *durable = *now);
    }

    /// Nobody has it open any more, and everything is durable: whoever had a message without a lease has it no more.
    pub(crate) fn close(&mut self) {
        let limit = self.options.delivery_limit.unwrap_or(u32::MAX);
        for (queue, shelf) in self.shelves.iter_mut().enumerate() {
            let mut items: Vec<&mut Item> = shelf.values_mut().collect();
            items.sort_by_key(|item| item.place);
            for item in items {
                let is_out = matches!(item.state, State::Leased | State::LeaseOver);
                item.returns = (item.count - u32::from(is_out)).min(limit);
                if matches!(item.state, State::Ready(_) | State::Out) {
                    let is_first = queue == JOBS && self.options.requeue == Requeue::Front && item.count > 0;
                    item.state = State::Ready(is_first.then_some(self.next_front));
                    self.next_front += 1;
                }
            }
        }
    }

    /// The ready messages in the order in which they are served.
    pub(crate) fn ready(&self, queue: usize) -> Vec<u64> {
        let ready = self.shelves[queue].iter().filter(|(_, item)| item.is_ready());
        let mut ready: Vec<(u64, &Item)> = ready.map(|(number, item)| (*number, item)).collect();
        ready.sort_by_key(|(_, item)| item.rank());
        ready.into_iter().map(|(number, _)| number).collect()
    }

    /// The ready messages that somebody who looks sees, and how often each was delivered.
    pub(crate) fn seen(&self, queue: usize) -> Vec<(u64, u32)> {
        let shelf = &self.shelves[queue];
        let seen =
            self.ready(queue).into_iter().filter(|number| queue == DEAD || !shelf[number].traits.mortal);
        seen.map(|number| (number, shelf[&number].count)).collect()
    }

    /// How many messages are ready, with somebody, and wait.
    pub(crate) fn counts(&self, queue: usize) -> (u64, u64, u64) {
        let count = |is: fn(&State) -> bool| {
            self.shelves[queue].values().filter(|item| is(&item.state)).count() as u64
        };
        (
            count(|state| matches!(state, State::Ready(_))),
            count(|state| matches!(state, State::Out | State::Leased | State::LeaseOver)),
            count(|state| *state == State::Waits),
        )
    }

    /// Deliveries that can be settled: all, or those that can be given back.
    pub(crate) fn receipts(&self, queue: usize, given_back: bool) -> Vec<(u64, Receipt)> {
        let can = |item: &Item| match item.state {
            State::Out | State::Leased => true,
            State::Ready(_) | State::LeaseOver | State::Waits => !given_back,
            State::Left => false,
        };
        let shelf = self.shelves[queue].iter().filter(|(_, item)| can(item));
        shelf.filter_map(|(number, item)| Some((*number, item.receipt?))).collect()
    }

    pub(crate) fn item(&mut self, queue: usize, number: u64) -> &mut Item {
        self.shelves[queue].get_mut(&number).expect("it is there")
    }

    /// A message is sent; its number is the next.
    pub(crate) fn send(&mut self, traits: Traits) {
        let number = self.traits.len() as u64;
        self.traits.push(traits);
        self.tick(JOBS);
        let place = self.next_place();
        self.shelves[JOBS].insert(number, Item::new(traits, place));
        self.settle(JOBS);
    }

    /// Leases that are over end, and what must go at the head goes.
    pub(crate) fn tick(&mut self, queue: usize) {
        let over = self.shelves[queue].iter().filter(|(_, item)| item.state == State::LeaseOver);
        let over: Vec<u64> = over.map(|(number, _)| *number).collect();
        for number in over {
            self.give_back(queue, number, false);
        }
        self.settle(queue);
    }

    fn expire(&mut self, queue: usize) {
        while let Some(&head) = self.ready(queue).first()
            && queue == JOBS
            && self.shelves[queue][&head].traits.mortal
        {
            self.die(head);
        }
    }

    fn settle(&mut self, queue: usize) {
        self.expire(queue);
        if queue == JOBS
            && let Some(most) = self.options.length_max
        {
            while self.ready(queue).len() as u64 > most {
                let head = self.ready(queue)[0];
                self.die(head);
                self.expire(queue);
            }
        }
    }

    fn die(&mut self, number: u64) {
        let buried = self.options.dead_letter.is_some();
        self.item(JOBS, number).leave(if buried { Version::Died } else { Version::Gone });
        if buried {
            let place = self.next_place();
            self.shelves[DEAD].insert(number, Item::new(Traits::default(), place));
        }
    }

    /// The next messages are delivered: which, and the how-many-eth time each.
    pub(crate) fn take(&mut self, queue: usize, most: usize, lease: Lease) -> Vec<(u64, u32)> {
        let mut taken = Vec::new();
        while taken.len() < most {
            self.tick(queue);
            let Some(&number) = self.ready(queue).first() else { break };
            let item = self.item(queue, number);
            item.count += 1;
            item.receipt = None;
            item.state = match lease {
                Lease::No => State::Out,
                Lease::Long => State::Leased,
                Lease::Over => State::LeaseOver,
            };
            item.note();
            taken.push((number, item.count));
        }
        taken
    }

    pub(crate) fn has_receipt(&mut self, queue: usize, number: u64, receipt: Receipt) {
        // One that came back in the same call may stand elsewhere.
        let is_out = |item: &&mut Item| !item.is_ready() && item.count == receipt.count;
        if let Some(item) = self.shelves[queue].get_mut(&number).filter(is_out) {
            item.receipt = Some(receipt);
        }
    }

    pub(crate) fn ack(&mut self, queue: usize, number: u64) {
        self.item(queue, number).leave(Version::Gone);
        self.expire(queue);
    }

    pub(crate) fn nack(&mut self, queue: usize, number: u64, delay: bool) {
        self.give_back(queue, number, delay);
        self.settle(queue);
    }

    pub(crate) fn reject(&mut self, number: u64) {
        self.die(number);
        self.settle(JOBS);
    }

    /// A delivery's lease is long from now on.
    pub(crate) fn extend(&mut self, queue: usize, number: u64) {
        let item = self.item(queue, number);
        item.state = State::Leased;
        item.note();
    }

    fn give_back(&mut self, queue: usize, number: u64, delay: bool) {
        let limit = if queue == JOBS { self.options.delivery_limit } else { None };
        let requeue = if queue == JOBS { self.options.requeue } else { Requeue::OldPlace };
        let (place, front) = (self.next_place + 1, self.next_front);
        let item = self.item(queue, number);
        item.returns += 1;
        if limit.is_some_and(|most| item.returns > most) {
            return self.die(number);
        }
        item.state = State::Ready((requeue == Requeue::Front).then_some(front));
        if requeue == Requeue::Back {
            (item.place, item.receipt) = (place, None);
            item.note();
        }
        if delay {
            item.state = State::Waits;
        }
        item.note();
        (self.next_place, self.next_front) = (place, front + 1);
    }

    /// Whether what was found after a crash is what was promised.
    pub(crate) fn keeps(&self, found: &Found) -> Result<(), String> {
        let mut there = [Shelf::new(), Shelf::new()];
        for queue in [JOBS, DEAD] {
            let Some(seen) = &found.0[queue] else {
                if self.declared[queue].0 {
                    return Err(format!("queue {queue} is not there"));
                }
                continue;
            };
            if !self.declared[queue].1 {
                return Err(format!("queue {queue} is there"));
            }
            let shelf = &self.shelves[queue];
            let mut place = 0;
            for seen in seen {
                let item = shelf.get(&seen.number).ok_or_else(|| {
                    format!("queue {queue} has message {}, which was never sent or is gone", seen.number)
                })?;
                place = place_of(item, seen, place).ok_or_else(|| {
                    format!("queue {queue}: {seen:?} of {:?}, after place {place}", item.versions)
                })?;
                if there[queue].insert(seen.number, item.clone()).is_some() {
                    return Err(format!("queue {queue} has message {} twice", seen.number));
                }
            }
            for (number, item) in shelf.iter().filter(|(number, _)| !there[queue].contains_key(number)) {
                let died = item.may_have(Version::Died)
                    && (found.0[DEAD].iter().flatten().any(|seen| seen.number == *number)
                        || self.shelves[DEAD].get(number).is_none_or(Item::may_have_left));
                // What was sent after it is not there either: a log is cut off at its end.
                let never = item.may_be_absent()
                    && matches!(item.versions.get(1), Some(Version::Held { place: first, .. }) if *first > place);
                if !(died || never || item.may_have(Version::Gone)) {
                    return Err(format!("queue {queue}: message {number} is lost, of {:?}", item.versions));
                }
            }
        }
        Ok(())
    }

    /// The queues as they go on from what was found.
    pub(crate) fn resumed(&self, found: &Found) -> Self {
        let mut resumed = Self { traits: self.traits.clone(), ..Self::new(self.options.clone()) };
        for queue in [JOBS, DEAD] {
            let Some(seen) = &found.0[queue] else { continue };
            resumed.declared[queue] = (true, true);
            for seen in seen {
                let traits =
                    if queue == JOBS { self.traits[seen.number as usize] } else { Traits::default() };
                let mut item = Item::new(traits, resumed.next_place());
                let is_out = seen.is_over || seen.stands == Stands::Leased;
                (item.count, item.versions) = (seen.count, Vec::new());
                item.returns =
                    (seen.count - u32::from(is_out)).min(self.options.delivery_limit.unwrap_or(u32::MAX));
                item.receipt = (seen.count > 0).then_some(Receipt { offset: seen.offset, count: seen.count });
                let is_first = queue == JOBS && self.options.requeue == Requeue::Front && seen.count > 0;
                item.state = match seen.stands {
                    _ if seen.is_over => State::LeaseOver,
                    Stands::Leased => State::Leased,
                    Stands::Waits => State::Waits,
                    Stands::Free => State::Ready(is_first.then_some(resumed.next_front)),
                };
                resumed.next_front += 1;
                item.note();
                resumed.shelves[queue].insert(seen.number, item);
            }
        }
        resumed
    }

    /// Whether a message stands in both queues.
    pub(crate) fn has_double(&self) -> bool {
        self.shelves[JOBS].keys().any(|number| self.shelves[DEAD].contains_key(number))
    }
}

/// How long a delivery is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lease {
    /// As long as the process lives.
    No,
    /// Longer than a test takes.
    Long,
    /// No time at all.
    Over,
}

/// The first place after another at which the message may be what was found of it.
fn place_of(item: &Item, seen: &Seen, after: u64) -> Option<u64> {
    let places = item.versions.iter().filter_map(|version| match version {
        Version::Held { count, stands, place } if (*count, *stands) == (seen.count, seen.stands) => {
            Some(*place)
        }
        _ => None,
    });
    places.filter(|place| *place > after).min()
}
