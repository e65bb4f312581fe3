//! Who notices that a bookie is gone, and sees to it that its entries are on as many bookies again as they should be? The
//! bookies themselves: one of them is the *auditor*, and each is a *worker*.
//!
//! ```text
//!   every bookie   put bookies/ME, as long as I live            the auditor watches these
//!                  put auditor, if absent, as long as I live     who is faster is it
//!
//!   auditor   bookie 2 is gone, and for lostBookieRecoveryDelay  ─▶ which ledgers have entries on it?
//!                                                                ─▶ put underreplicated/7, 9, ...
//!   worker    put replicating/7, if absent, as long as I live    ─▶ copy, fragment by fragment, and say in the ledger's
//!                                                                   metadata who has it now; then the mark goes
//! ```
//!
//! A bookie that is back before somebody has begun with its ledgers has them still: then nothing is copied. One that comes
//! back later has entries of which no ledger speaks any more.
//!
//! What real systems do differently: Kafka and RabbitMQ's quorum queues never choose another replica by themselves; who
//! wants one must say so. BookKeeper closes also a ledger whose writer has been away for long
//! (`openLedgerRereplicationGracePeriod`); here its topic's next owner does. Its bookies also compare their ledgers once a week
//! with what others think that they have; here a bookie that has lost its disk and is there is not found out.
//!
//! Source: BookKeeper `Auditor`, `AuditorBookieCheckTask`, `ReplicationWorker`, `ZkLedgerUnderreplicationManager`.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Message;
use super::ledger::{
    BookieRequest, Effect, LedgerEnd, LedgerId, LedgerMetadata, LedgerState, Replication, ledger_path,
};
use super::store_op::{Expected, StoreAnswer, StoreOp, StoreReply, StoreRequest, Stored};
use crate::ids::NodeId;
use crate::observe::{Event, PulsarEvent, RecoveryEvent};
use crate::systems::{Input, Out};
use crate::time::{Span, Time};

/// Under which path a bookie says that it is there.
const BOOKIES: &str = "bookies/";
/// Who the auditor is.
const AUDITOR: &str = "auditor";
/// Ledgers of which copies are missing.
const MARKS: &str = "underreplicated/";
/// Who copies one just now.
const LOCKS: &str = "replicating/";
/// Where the metadata of ledgers is.
const LEDGERS: &str = "ledgers/";

/// So many pings make a session.
const SESSION_PINGS: u64 = 3;

/// How soon it acts.
///
/// ```
/// use mqlab_core::systems::pulsar::AutoRecoverySettings;
/// use mqlab_core::time::Span;
/// assert_eq!(AutoRecoverySettings::default().delay, Span::ZERO);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AutoRecoverySettings {
    /// It tells the metadata store this often that it is alive: a third of a session.
    pub ping: Span,
    /// A bookie must be gone for so long: not at all (`lostBookieRecoveryDelay`).
    pub delay: Span,
    /// While one is gone, ledgers are looked through so often, as some are closed only later; and so long after it was tried
    /// in vain a ledger is tried again: 30 s (`openLedgerRereplicationGracePeriod`, `lockReleaseOfFailedLedgerGracePeriod`).
    pub again: Span,
}

impl Default for AutoRecoverySettings {
    fn default() -> Self {
        let (ping, again) = (Span::from_millis(10_000), Span::from_millis(30_000));
        Self { ping, delay: Span::ZERO, again }
    }
}

/// What the store was asked for.
#[derive(Clone, Debug)]
enum Asked {
    Bookies,
    Auditor,
    Marks,
    Locks,
    Elect,
    Audit,
    Lock(LedgerId),
    Look(LedgerId),
    Work(LedgerId),
    Done,
}

/// The ledger that it sees to, what it had for last, and since when nothing has come of it.
#[derive(Clone, Debug)]
struct Work {
    ledger: LedgerId,
    /// The bookie that is gone, and who copies what it had.
    replication: Option<(NodeId, Replication)>,
    to: BTreeSet<NodeId>,
    since: Time,
}

/// Auditor and worker, beside a bookie.
///
/// ```
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::systems::pulsar::{AutoRecovery, AutoRecoverySettings};
/// use mqlab_core::systems::{Input, Out};
/// use mqlab_core::time::Time;
/// let (me, settings) = (NodeId::Bookie(1), AutoRecoverySettings::default());
/// let all = [me, NodeId::Bookie(2)];
/// let mut recovery = AutoRecovery::new(me, NodeId::Controller, settings, &all).at(Time::ZERO);
/// let mut out = Out::default();
/// recovery.handle(Time::ZERO, Input::Wake, &mut out);
/// assert_eq!(out.sends.len(), 5); // it says that it is there, and asks who else is, and what is to be done
/// assert!(!recovery.is_auditor());
/// ```
#[derive(Clone, Debug)]
pub struct AutoRecovery {
    me: NodeId,
    store: NodeId,
    settings: AutoRecoverySettings,
    bookies: Vec<NodeId>,
    /// Who is there, once the store has said so.
    here: Option<BTreeSet<NodeId>>,
    /// Who is not, and since when.
    gone: BTreeMap<NodeId, Time>,
    auditor: bool,
    next_audit: Option<Time>,
    marks: BTreeSet<LedgerId>,
    /// What was in vain, and when it is tried again.
    later: BTreeMap<LedgerId, Time>,
    work: Option<Work>,
    asked: BTreeMap<u64, Asked>,
    tags: u64,
    began: bool,
    next_ping: Time,
    store_heard: Time,
}

impl AutoRecovery {
    /// That of a bookie. `store` is the metadata store, and `bookies` are all that there may be.
    pub fn new(me: NodeId, store: NodeId, settings: AutoRecoverySettings, bookies: &[NodeId]) -> Self {
        Self {
            me,
            store,
            settings,
            bookies: bookies.to_vec(),
            here: None,
            gone: BTreeMap::new(),
            auditor: false,
            next_audit: None,
            marks: BTreeSet::new(),
            later: BTreeMap::new(),
            work: None,
            asked: BTreeMap::new(),
            tags: 0,
            began: false,
            next_ping: Time::ZERO,
            store_heard: Time::ZERO,
        }
    }

    /// The same, if it starts at a moment.
    #[must_use]
    pub fn at(self, now: Time) -> Self {
        Self { next_ping: now, store_heard: now, ..self }
    }

    /// Whether it is the auditor.
    pub fn is_auditor(&self) -> bool {
        self.auditor
    }

    /// Takes what has come, and does what is due.
    pub fn handle(&mut self, now: Time, input: Input<Message>, out: &mut Out<Message>) {
        match input {
            Input::HangUp { peer } if peer == self.store => {
                self.begin_anew(now + self.settings.ping);
            }
            Input::HangUp { peer } => {
                self.with_work(now, out, |work, effects| work.bookie_failed(peer, effects));
            }
            Input::Message { from, message: Message::FromBookie(reply) } => {
                let its = self.work.as_ref().is_some_and(|work| work.ledger == reply.ledger());
                if its {
                    self.with_work(now, out, |work, effects| work.on_reply(from, reply, effects));
                }
            }
            Input::Message { message: Message::FromStore(StoreReply::Answer { tag, answer }), .. } => {
                self.store_heard = now;
                if let Some(asked) = self.asked.remove(&tag) {
                    self.answered(now, asked, answer, out);
                }
            }
            Input::Message {
                message: Message::FromStore(StoreReply::Changed { path, now: stands }), ..
            } => {
                self.store_heard = now;
                self.changed(now, &path, stands.as_ref(), out);
            }
            _ => {}
        }
        self.tick(now, out);
    }

    fn ask(&mut self, asked: Asked, op: StoreOp, out: &mut Out<Message>) {
        self.tags += 1;
        self.asked.insert(self.tags, asked);
        out.sends.push((self.store, Message::ToStore(StoreRequest { tag: self.tags, op })));
    }

    fn put(
        &mut self,
        asked: Asked,
        path: String,
        expected: Expected,
        ephemeral: bool,
        out: &mut Out<Message>,
    ) {
        self.ask(asked, StoreOp::Put { path, value: "".into(), expected, ephemeral }, out);
    }

    fn delete(&mut self, path: String, out: &mut Out<Message>) {
        self.ask(Asked::Done, StoreOp::Delete { path, expected: Expected::Any }, out);
    }

    /// The store is away, or has taken this node for dead: nothing that it has told holds.
    fn begin_anew(&mut self, at: Time) {
        self.asked.clear();
        (self.here, self.auditor, self.next_audit, self.work) = (None, false, None, None);
        self.marks.clear();
        self.gone.clear();
        (self.began, self.next_ping) = (false, at);
    }

    fn tick(&mut self, now: Time, out: &mut Out<Message>) {
        if now.since(self.store_heard).0 >= SESSION_PINGS.saturating_mul(self.settings.ping.0) {
            self.store_heard = now;
            self.begin_anew(now);
        }
        if now >= self.next_ping {
            self.next_ping = now + self.settings.ping;
            if self.began {
                self.ask(Asked::Done, StoreOp::Ping, out);
            } else {
                self.began = true;
                self.put(Asked::Done, format!("{BOOKIES}{}", self.me), Expected::Any, true, out);
                let prefix = |prefix: &str| StoreOp::Watch { prefix: prefix.into() };
                self.ask(Asked::Bookies, prefix(BOOKIES), out);
                self.ask(Asked::Auditor, prefix(AUDITOR), out);
                self.ask(Asked::Marks, prefix(MARKS), out);
                self.ask(Asked::Locks, StoreOp::List { prefix: LOCKS.into() }, out);
            }
        }
        if self.auditor && self.next_audit.is_some_and(|at| at <= now) {
            self.next_audit = (!self.gone.is_empty()).then_some(now + self.settings.again);
            self.ask(Asked::Audit, StoreOp::List { prefix: LEDGERS.into() }, out);
        }
        if let Some(work) = &self.work
            && now.since(work.since) >= self.settings.again
        {
            let ledger = work.ledger;
            self.put_off(now, ledger, out); // somebody owes an answer
        }
        self.later.retain(|_, at| *at > now);
        if self.work.is_none()
            && self.here.is_some()
            && let Some(ledger) = self.marks.iter().copied().find(|ledger| !self.later.contains_key(ledger))
        {
            self.work = Some(Work { ledger, replication: None, to: BTreeSet::new(), since: now });
            self.put(Asked::Lock(ledger), format!("{LOCKS}{:020}", ledger.0), Expected::Absent, true, out);
        }
    }

    /// When it wants to be woken, if nothing reaches it before.
    pub fn next_wakeup(&self) -> Option<Time> {
        let audit = self.next_audit.filter(|_| self.auditor);
        let work = self.work.as_ref().map(|work| work.since + self.settings.again);
        let later = self.later.values().copied().min().filter(|_| self.work.is_none());
        [self.next_ping].into_iter().chain(audit).chain(work).chain(later).min()
    }

    /// Something that it watches stands otherwise.
    fn changed(&mut self, now: Time, path: &str, stands: Option<&Stored>, out: &mut Out<Message>) {
        if let Some(bookie) = path.strip_prefix(BOOKIES).and_then(|name| name.parse::<NodeId>().ok()) {
            let Some(here) = &mut self.here else { return };
            match stands {
                Some(_) => _ = (here.insert(bookie), self.gone.remove(&bookie)),
                None => _ = (here.remove(&bookie), self.gone.insert(bookie, now)),
            }
            self.missing(now);
        } else if path == AUDITOR && stands.is_none() {
            self.auditor = false;
            self.put(Asked::Elect, AUDITOR.into(), Expected::Absent, true, out);
        } else if let Some(ledger) = ledger_of(path, MARKS) {
            match stands {
                Some(_) => _ = self.marks.insert(ledger),
                None => _ = self.marks.remove(&ledger),
            }
        }
    }

    /// Somebody has come or gone: the auditor looks when the next has been gone for long enough.
    fn missing(&mut self, now: Time) {
        let due = self.auditor && !self.gone.is_empty();
        self.next_audit = due.then_some(now + self.settings.delay);
    }

    fn answered(&mut self, now: Time, asked: Asked, answer: StoreAnswer, out: &mut Out<Message>) {
        match (asked, answer) {
            (_, StoreAnswer::Expired) => self.begin_anew(now),
            (Asked::Bookies, StoreAnswer::All(all)) => {
                let name = |(path, _): &(String, Stored)| path.strip_prefix(BOOKIES)?.parse().ok();
                let here: BTreeSet<NodeId> = all.iter().filter_map(name).collect();
                let gone = self.bookies.iter().filter(|bookie| !here.contains(bookie));
                self.gone = gone.map(|bookie| (*bookie, now)).collect();
                self.here = Some(here);
                self.missing(now);
            }
            (Asked::Auditor, StoreAnswer::All(all)) => match all.first() {
                // It was the auditor when it went, and nobody has noticed that it was away.
                Some((_, stored)) if stored.owner == Some(self.me) => self.elected(now, out),
                Some(_) => {}
                None => self.put(Asked::Elect, AUDITOR.into(), Expected::Absent, true, out),
            },
            (Asked::Locks, StoreAnswer::All(all)) => {
                let me = Some(self.me);
                for (path, _) in all.into_iter().filter(|(_, stored)| stored.owner == me) {
                    self.delete(path, out); // of an earlier life
                }
            }
            (Asked::Marks, StoreAnswer::All(all)) => {
                self.marks = all.iter().filter_map(|(path, _)| ledger_of(path, MARKS)).collect();
            }
            (Asked::Elect, StoreAnswer::Written { .. }) => self.elected(now, out),
            (Asked::Audit, StoreAnswer::All(all)) => self.audit(now, &all, out),
            (Asked::Lock(ledger), StoreAnswer::Written { .. }) => {
                self.ask(Asked::Look(ledger), StoreOp::Get { path: ledger_path(ledger) }, out);
            }
            (Asked::Lock(ledger), _) => self.forget_work(now, ledger), // another copies it
            (Asked::Look(ledger), StoreAnswer::Value(stored)) => {
                self.begin_copying(now, ledger, stored.as_ref(), out);
            }
            (Asked::Look(ledger), _) => self.put_off(now, ledger, out),
            (Asked::Work(ledger), answer) if self.work.as_ref().is_some_and(|work| work.ledger == ledger) => {
                self.with_work(now, out, |work, effects| work.on_store(&answer, effects));
            }
            _ => {}
        }
    }

    fn elected(&mut self, now: Time, out: &mut Out<Message>) {
        self.auditor = true;
        out.events.push(Event::Pulsar(PulsarEvent::Recovery(RecoveryEvent::Audits)));
        self.missing(now);
    }

    /// Marks the ledgers of which copies are missing.
    fn audit(&mut self, now: Time, ledgers: &[(String, Stored)], out: &mut Out<Message>) {
        let lost = |since: &Time| now.since(*since) >= self.settings.delay;
        let is_here = |bookie: &&NodeId| !self.gone.get(*bookie).is_some_and(lost);
        let here: Vec<NodeId> = self.bookies.iter().filter(is_here).copied().collect();
        let (mut lacking, mut lost) = (Vec::new(), BTreeSet::new());
        for (path, stored) in ledgers {
            let Some(ledger) = ledger_of(path, LEDGERS) else { continue };
            let Ok(metadata) = LedgerMetadata::parse(&stored.value) else { continue };
            if metadata.is_under_replicated(&here) && !self.marks.contains(&ledger) {
                lost.extend(metadata.fragments.values().flatten().filter(|bookie| !here.contains(bookie)));
                lacking.push(ledger);
            }
        }
        if lacking.is_empty() {
            return;
        }
        let (bookies, ledgers) =
            (lost.into_iter().collect(), lacking.iter().map(|ledger| ledger.0).collect());
        out.events.push(Event::Pulsar(PulsarEvent::Recovery(RecoveryEvent::Marked { bookies, ledgers })));
        for ledger in lacking {
            self.put(Asked::Done, format!("{MARKS}{:020}", ledger.0), Expected::Absent, false, out);
        }
    }

    /// Looks which bookie of a ledger is gone, and copies what it had; if none is, the ledger has all that it should.
    fn begin_copying(
        &mut self,
        now: Time,
        ledger: LedgerId,
        stored: Option<&Stored>,
        out: &mut Out<Message>,
    ) {
        let (Some(here), Some(work)) = (&self.here, &mut self.work) else { return };
        let here: Vec<NodeId> = here.iter().copied().collect();
        let metadata = stored.and_then(|stored| LedgerMetadata::parse(&stored.value).ok());
        let lacks = metadata.filter(|metadata| metadata.is_under_replicated(&here));
        let lost = lacks.as_ref().and_then(|metadata| {
            // The last fragment of one that is open is its writer's affair.
            let open = usize::from(!matches!(metadata.state, LedgerState::Closed { .. }));
            let complete = metadata.fragments.values().take(metadata.fragments.len().saturating_sub(open));
            complete.flatten().copied().find(|bookie| !here.contains(bookie))
        });
        let Some(lost) = lost else {
            self.delete(format!("{MARKS}{:020}", ledger.0), out);
            self.marks.remove(&ledger);
            self.put_off(now, ledger, out);
            return;
        };
        let mut effects = Vec::new();
        let replication = Replication::begin(ledger, lost, &here, &mut effects);
        (work.replication, work.since) = (Some((lost, replication)), now);
        work.to.clear();
        out.events
            .push(Event::Pulsar(PulsarEvent::Recovery(RecoveryEvent::Copies { ledger: ledger.0, lost })));
        self.of_work(now, effects, out);
    }

    fn with_work(
        &mut self,
        now: Time,
        out: &mut Out<Message>,
        what: impl FnOnce(&mut Replication, &mut Vec<Effect>),
    ) {
        let Some((_, replication)) = self.work.as_mut().and_then(|work| work.replication.as_mut()) else {
            return;
        };
        let mut effects = Vec::new();
        what(replication, &mut effects);
        self.of_work(now, effects, out);
    }

    fn of_work(&mut self, now: Time, effects: Vec<Effect>, out: &mut Out<Message>) {
        for effect in effects {
            let Some(work) = &mut self.work else { return };
            let ledger = work.ledger;
            work.since = now;
            match effect {
                Effect::Ask(to, request) => {
                    if matches!(request, BookieRequest::Add { .. }) {
                        work.to.insert(to);
                    }
                    out.sends.push((to, Message::ToBookie(request)));
                }
                Effect::Store(op) => self.ask(Asked::Work(ledger), op, out),
                Effect::Ended(LedgerEnd::Replicated) => {
                    let lost = work.replication.take().map(|(lost, _)| lost);
                    let to: Vec<NodeId> = core::mem::take(&mut work.to).into_iter().collect();
                    out.events.extend(lost.map(|lost| {
                        let ledger = ledger.0;
                        Event::Pulsar(PulsarEvent::Recovery(RecoveryEvent::Copied { ledger, lost, to }))
                    }));
                    // Perhaps another is gone, too.
                    self.ask(Asked::Look(ledger), StoreOp::Get { path: ledger_path(ledger) }, out);
                }
                Effect::Ended(_) => self.put_off(now, ledger, out),
                Effect::Acknowledged { .. } => {}
            }
        }
    }

    /// Lets go of a ledger; whoever is there may try it again in a while.
    fn put_off(&mut self, now: Time, ledger: LedgerId, out: &mut Out<Message>) {
        self.delete(format!("{LOCKS}{:020}", ledger.0), out);
        self.forget_work(now, ledger);
    }

    fn forget_work(&mut self, now: Time, ledger: LedgerId) {
        self.work = self.work.take().filter(|work| work.ledger != ledger);
        self.later.insert(ledger, now + self.settings.again);
    }
}

/// The ledger that a path under `prefix` is of.
fn ledger_of(path: &str, prefix: &str) -> Option<LedgerId> {
    path.strip_prefix(prefix)?.parse().ok().map(LedgerId)
}
