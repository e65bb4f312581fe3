//! How does a program read one topic, write another, and do each message once? What it writes, and where its group goes on,
//! are one transaction.
//!
//! ```text
//!   orders/0:  17  18  19 │ 20 ...                without transactions
//!              work, write │                      17 written ─┬─ offset committed
//!              b17 b18 b19 ─▶ bills               dies here ──┘  17 comes again, and is written again
//!                      │
//!              offsets: 20 ─▶ pending             in a transaction
//!              commit ─▶ b17 b18 b19, and 20      dies anywhere: all of it counts, or nothing does,
//!                        count at one moment      and then 17 comes again
//! ```
//!
//! While it commits it begins nothing. When a transaction breaks, it goes back to where the group is, and what it had
//! done since is done again: nobody who reads committed records saw that. The same when its group takes a partition
//! away in the middle.
//!
//! A message that is written for an order has a number that follows from the order, so that the judge knows it again.
//!
//! What real systems do: Kafka Streams with `processing.guarantee=exactly_once_v2`.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use super::beside::{for_mark, marked};
use super::onward::{Errand, Mint};
use super::program::Worker;
use super::source::Source;
use super::transactional_spec::{TransactionalSpec, TransformSpec};
use crate::broker::{Acks, Input, Out, Settings};
use crate::client::{Producer, ProducerOptions, Staged, Target, Transactional, TxnStanding};
use crate::ids::{MessageId, Name, NodeId, Offset, PartitionId};
use crate::message::Message;
use crate::observe::{Event, Place, TxnEvent};
use crate::record::NewRecord;
use crate::rng::{Rng, Stream};
use crate::sorted::SortedMap;
use crate::time::Time;

/// The mark of the client that sends.
const MARK: u16 = 1;

/// The part of a program that writes what comes of what it reads.
#[derive(Clone, Debug)]
pub(super) struct Transform {
    to: Name,
    group: Name,
    writes: Writes,
    /// What is done here: its output is on its way.
    done: Vec<Done>,
}

/// A message that is done here, and what comes of it.
#[derive(Clone, Debug)]
struct Done {
    staged: Staged,
    id: MessageId,
    record: NewRecord,
    sent: bool,
}

#[derive(Clone, Debug)]
enum Writes {
    Plainly(Box<Producer>),
    Together { spec: TransactionalSpec, client: Box<Transactional>, ends: Option<Ends>, tries: u64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    Commit,
    Abort,
}

impl Transform {
    pub(super) fn new(
        spec: &TransformSpec,
        group: &Name,
        settings: &Settings,
        brokers: Vec<NodeId>,
        seed: u64,
    ) -> Self {
        let to = spec.to.clone();
        let writes = match &spec.transactional {
            None => {
                let producer = Producer::new(settings.clone(), Target::Topic(to.clone(), Acks::All), brokers);
                let options = ProducerOptions { idempotent: true, ..ProducerOptions::default() };
                let producer = producer.with_options(options, seed);
                Writes::Plainly(Box::new(producer.expect("its settings were checked with the scenario")))
            }
            Some(spec) => {
                let id = (spec.id.clone(), spec.timeout);
                let client = Transactional::new(settings.clone(), id, to.clone(), brokers);
                Writes::Together { spec: spec.clone(), client: Box::new(client), ends: None, tries: 0 }
            }
        };
        Self { to, group: group.clone(), writes, done: Vec::new() }
    }

    /// Whether the program may begin with another message.
    pub(super) fn may_begin(&self) -> bool {
        match &self.writes {
            Writes::Plainly(_) => self.done.is_empty(),
            Writes::Together { spec, ends, .. } => ends.is_none() && self.done.len() < spec.messages as usize,
        }
    }

    /// Whether somebody else took over, and after how many microseconds the program is started again; 0 for never.
    pub(super) fn fenced(&self) -> Option<u64> {
        match &self.writes {
            Writes::Together { spec, client, .. } => {
                matches!(client.standing(), TxnStanding::Fenced(_)).then_some(spec.restarts_after)
            }
            Writes::Plainly(_) => None,
        }
    }

    /// How many messages are done, and not known to count.
    pub(super) fn held(&self) -> usize {
        self.done.len()
    }

    /// Work on a message is done.
    pub(super) fn begin(&mut self, now: Time, staged: Staged, mint: Mint<'_>) {
        let Some(order) = staged.record.message_id() else { return };
        let errand = Errand::new(order, staged.from.clone(), self.to.clone());
        let message = Message::new(format!("{} for {order}", self.to));
        let key = staged.record.key.clone();
        let record = NewRecord { key, ..message.to_record(now.as_millis() as i64) };
        self.done.push(Done { staged, id: mint(errand), record, sent: false });
    }

    /// Takes what reaches the program, for the client that sends. One in transactions sleeps until there is work: it would
    /// take over from whoever still does it.
    pub(super) fn handle(&mut self, now: Time, input: &Input, out: &mut Out) {
        let asleep = self.sleeps();
        if let Some(input) = for_mark(MARK, input) {
            marked(MARK, out, |out| match &mut self.writes {
                Writes::Plainly(producer) => producer.handle(now, input, out),
                Writes::Together { .. } if asleep => {}
                Writes::Together { client, .. } => client.handle(now, input, out),
            });
        }
    }

    fn sleeps(&self) -> bool {
        matches!(&self.writes, Writes::Together { client, .. } if client.standing() == TxnStanding::Starting)
            && self.done.is_empty()
    }

    pub(super) fn next_wakeup(&self) -> Option<Time> {
        match &self.writes {
            Writes::Plainly(producer) => producer.next_wakeup(),
            Writes::Together { .. } if self.sleeps() => None,
            Writes::Together { client, .. } => client.next_wakeup(),
        }
    }

    /// Goes on as far as it goes. Returns what is done with: its output is stored, or counts.
    pub(super) fn go_on(
        &mut self,
        now: Time,
        (source, idle): (&mut Source, bool),
        out: &mut Out,
    ) -> Vec<(Staged, bool)> {
        let mut over = Vec::new();
        self.give_up_lost(now, source, out);
        while let Some(more) = marked(MARK, out, |out| self.step(now, source, idle, out)) {
            over.extend(more);
        }
        over
    }

    /// The group gave what is done here to another member, who does it again: it must not count. This is looked at before
    /// anything else is begun, or the same message could come back, and be done twice in one transaction; and also while
    /// it commits, for the other member may have done it by then, and given the partition back.
    fn give_up_lost(&mut self, now: Time, source: &mut Source, out: &mut Out) {
        let Writes::Together { client, ends, .. } = &mut self.writes else { return };
        let keeps = self.done.iter().all(|done| source.has_in_hand(&done.staged));
        if *ends == Some(Ends::Abort) || keeps {
            return;
        }
        if client.may_abort() {
            *ends = Some(Ends::Abort);
            marked(MARK, out, |out| client.abort(now, out));
        } else if ends.is_none() {
            self.done.clear();
            source.rewind();
        }
    }

    /// Does the next thing that is to be done; nothing when there is none.
    fn step(
        &mut self,
        now: Time,
        source: &mut Source,
        idle: bool,
        out: &mut Out,
    ) -> Option<Vec<(Staged, bool)>> {
        match &mut self.writes {
            Writes::Plainly(producer) => {
                let next = self.done.iter_mut().find(|done| !done.sent);
                if let Some(done) = next {
                    done.sent = true;
                    let sent = producer.send(now, done.id, done.record.clone(), out);
                    sent.expect("what is written is a few bytes");
                }
                let stored = self.done.iter().position(|done| done.sent && !producer.holds(done.id))?;
                Some([(self.done.remove(stored).staged, false)].into())
            }
            Writes::Together { spec, client, ends, tries } => match client.standing() {
                TxnStanding::Starting if self.done.is_empty() => None,
                TxnStanding::Starting if !client.is_asking() => {
                    client.handle(now, Input::Wake, out);
                    client.is_asking().then(Vec::new)
                }
                TxnStanding::Starting | TxnStanding::Ending | TxnStanding::Fenced(_) => None,
                TxnStanding::Broken(_) => {
                    *ends = Some(Ends::Abort);
                    client.abort(now, out);
                    Some(Vec::new())
                }
                TxnStanding::Ready => match ends.take() {
                    Some(Ends::Commit) => Some(self.done.drain(..).map(|done| (done.staged, true)).collect()),
                    Some(Ends::Abort) => {
                        self.done.clear();
                        source.rewind();
                        Some(Vec::new())
                    }
                    None if self.done.is_empty() => None,
                    None => {
                        *tries += 1;
                        client.begin(out);
                        Some(Vec::new())
                    }
                },
                TxnStanding::Open => {
                    if let Some(done) = self.done.iter_mut().find(|done| !done.sent) {
                        done.sent = true;
                        let sent = client.send(now, done.id, done.record.clone(), 0, out);
                        sent.expect("what is written is a few bytes");
                        return Some(Vec::new());
                    }
                    if !idle && self.done.len() < spec.messages as usize {
                        return None;
                    }
                    let first =
                        self.done.first().map_or(0, |done| done.id.0) ^ tries.wrapping_mul(0x9e37_79b9);
                    if Rng::new(first, Stream::Services).below(1_000) < u64::from(spec.aborts_per_mille) {
                        *ends = Some(Ends::Abort);
                        client.abort(now, out);
                        return Some(Vec::new());
                    }
                    *ends = Some(Ends::Commit);
                    let (id, group) = (spec.id.clone(), self.group.clone());
                    let done = self.done.iter().filter_map(|done| {
                        Some((partition_of(&done.staged)?.clone(), done.staged.record.message_id()?))
                    });
                    let done = done.collect();
                    out.event(Event::Txn(TxnEvent::Includes { id, group: group.clone(), done }));
                    client.send_offsets(group, next_offsets(&self.done));
                    client.commit(now, out);
                    Some(Vec::new())
                }
            },
        }
    }
}

fn partition_of(staged: &Staged) -> Option<&PartitionId> {
    match &staged.from {
        Place::Partition(partition) => Some(partition),
        Place::Queue(_) | Place::Exchange(_) | Place::Topic(_) => None,
    }
}

/// For each partition the offset after the last message that is done.
fn next_offsets(done: &[Done]) -> Vec<(PartitionId, Offset)> {
    let mut next: SortedMap<PartitionId, Offset> = SortedMap::new();
    for Done { staged, .. } in done {
        if let Some(partition) = partition_of(staged) {
            let offset = next.entry(partition.clone()).or_default();
            *offset = staged.record.offset.next().max(*offset);
        }
    }
    next.into_iter().collect()
}

impl Worker {
    /// Goes on with what is written for what was read.
    pub(super) fn transform_on(&mut self, now: Time, out: &mut Out) {
        let Some(mut transform) = self.transform.take() else { return };
        let idle = self.work.is_empty() && !self.source.has_next();
        for (staged, counts) in transform.go_on(now, (&mut self.source, idle), out) {
            match counts {
                // That it is processed was said when the coordinator decided.
                true => self.source.done(now, &staged, out),
                false => self.conclude(now, staged, out),
            }
        }
        self.transform = Some(transform);
    }

    /// Whether somebody else took over its work.
    pub(super) fn fenced(&self) -> Option<u64> {
        self.transform.as_ref().and_then(Transform::fenced)
    }
}
