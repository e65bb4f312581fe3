//! What has a queue promised at each moment? A drawn life of one, on a disk that writes everything down: messages are sent,
//! received, leased, settled, given back, thrown out and buried; the queue is closed, killed and opened again. Beside it
//! stands a [list](super::ledger) that says what each call must answer.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mqlab::log::disk::Disk;
use mqlab::log::{FileStorage, LogReader, Options};
use mqlab::{Error, Flushing, Message, Queue, QueueOptions, Queues, Receipt, Sent, now};
use mqlab_core::ids::{LogName, Name, Offset};
use mqlab_core::log::Slice as _;
use mqlab_core::queue::{DeadLetter, Requeue, Standing};
use mqlab_core::rng::{Rng, Stream};
use mqlab_core::time::Span;
use mqlab_core::vhost::VirtualHost;

use super::ledger::{DEAD, Found, JOBS, Lease, Ledger, Seen, Stands, Traits};
use super::recorder::{INJECTED, Recorder};

/// Longer than a test takes.
const LONG: Duration = Duration::from_secs(3_600);
/// Bodies are at most so long, in bytes: some take more than one sector.
const BODY_BYTES: u64 = 900;

/// The body of a message: its number, and as much more as the number says.
pub(crate) fn body(number: u64) -> String {
    let more = if number.is_multiple_of(3) { number.wrapping_mul(7_919) % BODY_BYTES } else { number % 20 };
    format!("{number} {}", "x".repeat(more as usize))
}

/// The number of a message that came back whole.
pub(crate) fn number_of(message: &Message) -> Result<u64, String> {
    let text = message.text();
    let number = text.split(' ').next().and_then(|number| number.parse().ok());
    number.filter(|number| body(*number) == text).ok_or_else(|| format!("a message that nobody sent: {text}"))
}

/// What was promised.
#[derive(Clone, Debug)]
pub(crate) struct Promise {
    pub(crate) ledger: Ledger,
    /// Whether something is being done: until it is, the moment before is another.
    doing: bool,
    /// For who reads about a failure.
    pub(crate) words: String,
}

/// Whether it failed because a process was to die, or a disk to fail.
fn is_asked_for(error: &str) -> bool {
    error.contains("the process ") || error.contains(INJECTED)
}

/// What a data directory has: of each of two queues the messages, where they stand, and how often they were delivered.
pub(crate) fn look(
    disk: Arc<dyn Disk>,
    data: &Path,
    options: Options,
    names: &[String; 2],
) -> Result<(VirtualHost<FileStorage>, Found), String> {
    let storage = FileStorage::open_on(disk, data, options).map_err(|error| error.to_string())?;
    let host = VirtualHost::open(storage, now()).map_err(|error| error.to_string())?;
    let mut found = Found([None, None]);
    for (queue, name) in names.iter().enumerate() {
        let Some(there) = host.queue(name) else { continue };
        let messages = messages_of(data, name)?;
        let mut seen = Vec::new();
        for held in there.held() {
            let message = messages.get(&held.offset).ok_or("it holds a message that its log has not")?;
            let is_over = held.lease.is_some_and(|until| until <= now());
            let stands = match held.standing {
                Standing::Ready => Stands::Free,
                Standing::With(_) if is_over => Stands::Free,
                Standing::With(_) => Stands::Leased,
                Standing::Waiting(_) => Stands::Waits,
            };
            let (number, count) = (number_of(message)?, held.deliveries);
            seen.push(Seen { number, offset: held.offset, count, stands, is_over });
        }
        found.0[queue] = Some(seen);
    }
    Ok((host, found))
}

/// What the log of a queue's messages has.
fn messages_of(data: &Path, name: &str) -> Result<BTreeMap<Offset, Message>, String> {
    let log = LogName::Queue(Name::new(name).expect("a legal name"));
    let reader = LogReader::open(data, &log).map_err(|error| format!("read: {error}"))?;
    let mut messages = BTreeMap::new();
    let mut at = reader.start();
    while at < reader.end() {
        let slice = reader.read(at, reader.end(), 100_000).map_err(|error| format!("read: {error}"))?;
        let batches = slice.load().map_err(|error| format!("read: {error}"))?;
        messages.extend(batches.records().map(|record| (record.offset, Message::from_record(&record))));
        at = batches.next().ok_or("nothing below the end")?;
    }
    Ok(messages)
}

/// A life, and what was promised from which change of the disk on.
pub(crate) struct Life {
    pub(crate) disk: Arc<Recorder>,
    data: PathBuf,
    options: Options,
    /// The names of the two queues, and their options.
    pub(crate) names: [String; 2],
    wanted: [QueueOptions; 2],
    pub(crate) ledger: Ledger,
    rng: Rng,
    open: Option<(Queues, [Queue; 2])>,
    promises: Vec<(usize, Promise)>,
}

impl Life {
    pub(crate) fn new(root: &Path, disk: Arc<Recorder>, seed: u64) -> Self {
        let mut rng = Rng::new(seed, Stream::Workload);
        let dead = ["a-dead", "z-dead"][rng.below(2) as usize];
        let wanted = QueueOptions {
            priority_max: [0, 3][rng.below(2) as usize],
            requeue: [Requeue::OldPlace, Requeue::OldPlace, Requeue::Back, Requeue::Front]
                [rng.below(4) as usize],
            delivery_limit: [None, Some(0), Some(1), Some(3)][rng.below(4) as usize],
            length_max: [None, None, None, Some(4)][rng.below(4) as usize],
            dead_letter: (rng.below(4) > 0).then(|| DeadLetter::to_queue(dead)),
            ..QueueOptions::default()
        };
        let segment_bytes = [1, 300, 700, 2_000, 1 << 20][rng.below(5) as usize];
        let index_interval_bytes = [0, 100, 600][rng.below(3) as usize];
        let options = Options { segment_bytes, index_interval_bytes, ..Options::DEFAULT };
        let mut life = Self {
            disk,
            data: root.join("data"),
            options,
            names: ["jobs".into(), dead.into()],
            ledger: Ledger::new(wanted.clone()),
            wanted: [wanted, QueueOptions::default()],
            rng,
            open: None,
            promises: Vec::new(),
        };
        life.promise(false, "before all");
        life
    }

    /// The same queues elsewhere, as they go on from what was found there.
    pub(crate) fn elsewhere(&self, root: &Path, disk: Arc<Recorder>, ledger: Ledger, seed: u64) -> Self {
        let (names, wanted, options) = (self.names.clone(), self.wanted.clone(), self.options);
        let rng = Rng::new(seed, Stream::Workload);
        Self {
            disk,
            data: root.join("data"),
            options,
            names,
            wanted,
            ledger,
            rng,
            open: None,
            promises: Vec::new(),
        }
    }

    pub(crate) fn options(&self) -> Options {
        self.options
    }

    fn promise(&mut self, doing: bool, words: &str) {
        let words = format!("{}: {words}", self.promises.len());
        self.promises.push((self.disk.len(), Promise { ledger: self.ledger.clone(), doing, words }));
    }

    /// What was promised when the disk had so many changes.
    pub(crate) fn promised(&self, changes: usize) -> &Promise {
        let holds =
            |(from, promise): &&(usize, Promise)| *from < changes || *from == changes && !promise.doing;
        let last = self.promises.iter().take_while(|(from, _)| *from <= changes).filter(holds).last();
        &last.unwrap_or(&self.promises[0]).1
    }

    /// Lives through so many calls, from the opening on.
    pub(crate) fn live(&mut self, calls: u64) -> Result<(), String> {
        let lived = self.try_live(calls);
        lived.map_err(|why| {
            let words = self.promises.iter().map(|(_, promise)| &promise.words[..]);
            format!(
                "{why}\n  {:?}\n  {}\n  {:?}",
                self.wanted[JOBS],
                words.collect::<Vec<_>>().join(", "),
                self.ledger.shelves
            )
        })
    }

    fn try_live(&mut self, calls: u64) -> Result<(), String> {
        self.reopen(false)?;
        for _ in 0..calls {
            if self.ledger.has_double() {
                return Ok(()); // a crash left a message in both queues: which copy is which cannot be told
            }
            if self.rng.below(15) == 0 {
                self.disk.die_in(Some(1 + self.rng.below(12)));
            }
            self.step()?;
        }
        Ok(())
    }

    /// Opens the queues, as long as it takes when the process dies meanwhile. After a death they are looked at first.
    fn reopen(&mut self, mut after_a_death: bool) -> Result<(), String> {
        loop {
            self.options.preallocate_bytes = [0, 0, 100, 3_000][self.rng.below(4) as usize];
            if after_a_death {
                self.disk.die_in(None);
                self.find()?;
            }
            match self.try_open() {
                Ok(()) => return Ok(()),
                Err(error) if is_asked_for(&error.to_string()) => after_a_death = true,
                Err(error) => return Err(format!("it is not opened: {error}")),
            }
        }
    }

    /// Goes on from what is there: the process was killed, and the system has what it wrote.
    fn find(&mut self) -> Result<(), String> {
        self.promise(true, "look");
        let found = match look(self.disk.clone(), &self.data, self.options, &self.names) {
            Err(error) if is_asked_for(&error) => {
                look(self.disk.clone(), &self.data, self.options, &self.names)
            }
            found => found,
        };
        let (host, found) = found.map_err(|error| format!("after a death: {error}"))?;
        self.ledger.keeps(&found).map_err(|why| format!("after a death: {why}"))?;
        self.ledger = self.ledger.resumed(&found);
        self.promise(false, "found");
        drop(host);
        Ok(())
    }

    fn try_open(&mut self) -> Result<(), Error> {
        self.promise(true, "open");
        let queues = Queues::open_on(self.disk.clone(), &self.data, self.options)?;
        let mut declare = |queue: usize| {
            self.ledger.declared[queue].1 = true;
            self.promise(true, "declare");
            let handle = queues.queue_with(&self.names[queue], self.wanted[queue].clone())?;
            self.ledger.declared[queue].0 = true;
            self.promise(false, "declared");
            Ok::<_, Error>(handle)
        };
        let (jobs, dead) = (declare(JOBS)?, declare(DEAD)?);
        self.open = Some((queues, [jobs, dead]));
        Ok(())
    }

    fn step(&mut self) -> Result<(), String> {
        let at_once = self.rng.below(3) > 0;
        match self.rng.below(26) {
            0..=6 => self.send(at_once),
            7..=10 => self.take(JOBS, at_once),
            11..=13 => self.ack(JOBS, at_once),
            14..=16 => self.nack(at_once),
            17 => self.reject(at_once),
            18 => self.extend(at_once),
            19 => self.take(DEAD, at_once),
            20 => self.ack(DEAD, at_once),
            21 => self.stats(at_once),
            22 => self.peek(at_once),
            23 => self.act("flush", true, JOBS, |jobs| jobs.flush(), |_, ()| Ok(())),
            24 => self.close(),
            _ => {
                self.open = None;
                self.reopen(true) // what was not flushed may be lost
            }
        }
    }

    fn tick(&mut self) {
        self.ledger.tick(JOBS);
        self.ledger.tick(DEAD);
    }

    fn send(&mut self, at_once: bool) -> Result<(), String> {
        self.tick();
        let mut messages = Vec::new();
        for _ in 0..self.rng.between(1, 4) {
            let (priority, kind) = (self.rng.below(4) as u8, self.rng.below(12));
            let number = self.ledger.traits.len() as u64;
            let priority = priority.min(self.wanted[JOBS].priority_max);
            let traits = Traits { priority, mortal: kind == 0, delayed: kind == 1 };
            let message = Message::new(body(number)).with_priority(priority);
            messages.push(match kind {
                0 => message.with_ttl(Span::ZERO),
                1 => message.with_delay(Span::from_millis(3_600_000)),
                _ => message,
            });
            self.ledger.send(traits);
        }
        let many = messages.len();
        self.act(
            "send",
            at_once,
            JOBS,
            |jobs| jobs.send_all(messages),
            |_, sent| {
                let stored = sent.iter().filter(|sent| matches!(sent, Sent::Stored(_))).count();
                if stored == many { Ok(()) } else { Err(format!("{stored} of {many} were stored")) }
            },
        )
    }

    fn take(&mut self, queue: usize, at_once: bool) -> Result<(), String> {
        let most = self.rng.between(1, 3) as usize;
        let kinds = [Lease::No, Lease::No, Lease::Long, Lease::Long, Lease::Over];
        let lease = kinds[self.rng.below(if queue == JOBS { 5 } else { 4 }) as usize];
        self.tick();
        let wanted = self.ledger.take(queue, most, lease);
        let work = |jobs: &Queue| match lease {
            Lease::No => jobs.receive_up_to(most),
            Lease::Long => jobs.lease_up_to(most, LONG),
            Lease::Over => jobs.lease_up_to(most, Duration::ZERO),
        };
        self.act(&format!("take {lease:?}"), at_once, queue, work, |ledger, taken| {
            let mut got = Vec::new();
            for one in &taken {
                let number = number_of(&one.message)?;
                got.push((number, one.count));
                ledger.has_receipt(queue, number, one.receipt());
            }
            if got == wanted { Ok(()) } else { Err(format!("it delivered {got:?}, not {wanted:?}")) }
        })
    }

    /// Some deliveries that can be settled.
    fn some(&mut self, queue: usize, given_back: bool) -> Vec<(u64, Receipt)> {
        let mut all = self.ledger.receipts(queue, given_back);
        let many = self.rng.between(1, 3).min(all.len() as u64);
        (0..many).map(|_| all.swap_remove(self.rng.below(all.len() as u64) as usize)).collect()
    }

    fn ack(&mut self, queue: usize, at_once: bool) -> Result<(), String> {
        let some = self.some(queue, false);
        some.iter().for_each(|(number, _)| self.ledger.ack(queue, *number));
        let receipts: Vec<Receipt> = some.iter().map(|(_, receipt)| *receipt).collect();
        self.act("ack", at_once, queue, |jobs| jobs.ack_all(receipts), |_, ()| Ok(()))
    }

    fn nack(&mut self, at_once: bool) -> Result<(), String> {
        let (some, delay) = (self.some(JOBS, true), self.rng.below(4) == 0);
        some.iter().for_each(|(number, _)| self.ledger.nack(JOBS, *number, delay));
        let receipts: Vec<Receipt> = some.iter().map(|(_, receipt)| *receipt).collect();
        let delay = delay.then_some(LONG);
        self.act("nack", at_once, JOBS, |jobs| jobs.nack_all(receipts, delay), |_, ()| Ok(()))
    }

    fn reject(&mut self, at_once: bool) -> Result<(), String> {
        let some = self.some(JOBS, true);
        some.iter().for_each(|(number, _)| self.ledger.reject(*number));
        let receipts: Vec<Receipt> = some.iter().map(|(_, receipt)| *receipt).collect();
        self.act("reject", at_once, JOBS, |jobs| jobs.reject_all(receipts), |_, ()| Ok(()))
    }

    fn extend(&mut self, at_once: bool) -> Result<(), String> {
        let Some((number, receipt)) = self.some(JOBS, true).first().copied() else { return Ok(()) };
        self.ledger.extend(JOBS, number);
        self.act("extend", at_once, JOBS, |jobs| jobs.extend(receipt, LONG), |_, ()| Ok(()))
    }

    fn stats(&mut self, at_once: bool) -> Result<(), String> {
        self.tick();
        let queue = [JOBS, DEAD][self.rng.below(2) as usize];
        let wanted = self.ledger.counts(queue);
        self.act("stats", at_once, queue, Queue::stats, |_, stats| {
            let found = (stats.ready, stats.leased, stats.delayed);
            if found == wanted { Ok(()) } else { Err(format!("{found:?} in queue {queue}, not {wanted:?}")) }
        })
    }

    fn peek(&mut self, at_once: bool) -> Result<(), String> {
        self.ledger.tick(JOBS);
        let wanted = self.ledger.seen(JOBS);
        self.act(
            "peek",
            at_once,
            JOBS,
            |jobs| jobs.peek(usize::MAX),
            |_, seen| {
                let seen: Result<Vec<_>, String> =
                    seen.iter().map(|one| Ok((number_of(&one.message)?, one.deliveries))).collect();
                let seen = seen?;
                if seen == wanted { Ok(()) } else { Err(format!("it shows {seen:?}, not {wanted:?}")) }
            },
        )
    }

    fn close(&mut self) -> Result<(), String> {
        self.promise(true, "close");
        let (queues, handles) = self.open.take().expect("it is open");
        let [jobs, dead] = handles;
        drop((queues, dead));
        match jobs.close() {
            Ok(()) => {
                self.ledger.is_durable();
                self.promise(false, "closed");
                self.ledger.close();
                self.promise(false, "forgotten who had what");
                self.reopen(false)
            }
            Err(error) if is_asked_for(&error.to_string()) => self.reopen(true),
            Err(error) => Err(format!("it is not closed: {error}")),
        }
    }

    /// Does something that the ledger says already. If the process dies of it, another begins.
    fn act<T>(
        &mut self,
        words: &str,
        at_once: bool,
        queue: usize,
        work: impl FnOnce(&Queue) -> Result<T, Error>,
        check: impl FnOnce(&mut Ledger, T) -> Result<(), String>,
    ) -> Result<(), String> {
        self.promise(true, words);
        let (_, handles) = self.open.as_ref().expect("it is open");
        let flushing = if at_once { Flushing::EachCall } else { Flushing::OnRequest };
        let done = work(&handles[queue].clone().with_flushing(flushing));
        match done {
            Ok(done) => {
                check(&mut self.ledger, done).map_err(|why| format!("{words}: {why}"))?;
                if at_once {
                    self.ledger.is_durable();
                }
                self.promise(false, &format!("after: {words}"));
                Ok(())
            }
            Err(error) if is_asked_for(&error.to_string()) || matches!(error, Error::Refusing) => {
                self.open = None;
                self.reopen(true)
            }
            Err(error) => Err(format!("{words}: {error}")),
        }
    }
}
