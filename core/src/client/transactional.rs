//! How does a producer send to several partitions, all or nothing? In transactions, which a coordinator ends.
//!
//! ```text
//!                init              begin            commit, or abort
//!   Starting ─────────────▶ Ready ───────▶ Open ───────────────────────▶ Ending ──▶ Ready, in the next epoch
//!                             ▲             │                              │
//!                             │             └──▶ Broken ◀──────────────────┘  it can only be aborted
//!                             └──── abort ─────────┘
//!   any of them ── somebody else took over ──▶ Fenced: for good
//! ```
//!
//! *Commit*: first everything that was sent is stored, then the group's offsets are, and then the coordinator decides.
//! When it has kept that, nothing can change it: if the answer is lost, the producer asks again how it ended.
//!
//! *Broken* is what a new transaction mends: a message was not stored in time, a partition's count is in doubt, the group
//! has given what was read to another member, the transaction took too long. Its program aborts, goes back to where it
//! began, and does it again. *Fenced* is what nothing mends: another instance has the transactional id, and does the work.
//!
//! What real systems do: this is Kafka's `KafkaProducer` with a `transactional.id`; abortable and fatal errors are its
//! terms. Sources: KIP-98, KIP-447, KIP-890; `TransactionManager.java`.

use alloc::vec::Vec;

use super::asked::Asked;
use super::identity::ProducerId;
use super::producer::Producer;
use super::producer_options::{BadOptions, ProducerOptions};
use super::target::Target;
use crate::broker::{
    Acks, Input, Message, Out, Reply, Request, RequestId, Settings, TxnProducer, TxnReply, TxnRequest,
};
use crate::ids::{MessageId, Name, NodeId, Offset, PartitionId};
use crate::observe::{Event, ProducerEvent, Refusal, TxnEvent};
use crate::record::{Malformed, NewRecord};
use crate::time::{Span, Time};

/// Where a transactional producer stands.
///
/// ```
/// use mqlab_core::client::TxnStanding;
/// assert_ne!(TxnStanding::Ready, TxnStanding::Open);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TxnStanding {
    /// It does not know yet who it is.
    Starting,
    /// No transaction is open. If one was, it ended as was asked.
    Ready,
    /// One is.
    Open,
    /// It is being ended.
    Ending,
    /// It can only be aborted.
    Broken(Refusal),
    /// Somebody else took over, or it is refused for good.
    Fenced(Refusal),
}

/// What was asked of a coordinator.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Question {
    Init,
    Add(Vec<PartitionId>),
    AddOffsets,
    Offsets,
    End,
}

/// What is to be committed of a group's offsets, and how far that is.
#[derive(Clone, Debug)]
struct Offsets {
    group: Name,
    next: Vec<(PartitionId, Offset)>,
    added: bool,
    stored: bool,
}

/// A producer that sends in transactions.
///
/// ```
/// use mqlab_core::broker::{Out, Settings};
/// use mqlab_core::client::{ProducerOptions, Transactional, TxnStanding};
/// use mqlab_core::ids::{Name, NodeId};
/// use mqlab_core::time::Span;
/// let brokers = vec![NodeId::Broker(1)];
/// let (id, bills, timeout) = (Name::new("billing")?, Name::new("bills")?, Span::from_millis(60_000));
/// let producer = Transactional::new(Settings::default(), (id, timeout), bills, brokers)
///     .with_options(ProducerOptions::default(), 7)?;
/// assert_eq!(producer.standing(), TxnStanding::Starting); // it asks its coordinator who it is, once it is driven
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Transactional {
    id: Name,
    timeout: Span,
    producer: Producer,
    standing: TxnStanding,
    identity: (i64, i16),
    commit: bool,
    offsets: Option<Offsets>,
    /// Whether the coordinator may know of the open transaction.
    is_known: bool,
    /// Whether the coordinator was asked to commit it: from then on it alone knows how it ends.
    is_out_of_hand: bool,
    asked: Option<(Asked, Question)>,
    not_before: Time,
}

impl Transactional {
    /// A producer under a transactional id, whose transactions are open for so long at most. It sends to a topic, and
    /// knows these brokers by name.
    pub fn new(settings: Settings, (id, timeout): (Name, Span), topic: Name, brokers: Vec<NodeId>) -> Self {
        let mut producer = Producer::new(settings, Target::Topic(topic, Acks::All), brokers);
        producer.shut_gate();
        Self {
            id,
            timeout,
            producer,
            standing: TxnStanding::Starting,
            identity: (-1, -1),
            commit: false,
            offsets: None,
            is_known: false,
            is_out_of_hand: false,
            asked: None,
            not_before: Time::ZERO,
        }
    }

    /// The same producer, which sends in another way; `seed` is for what it draws by chance. It is idempotent in any case.
    ///
    /// # Errors
    ///
    /// [`BadOptions`] when it cannot work so.
    pub fn with_options(self, options: ProducerOptions, seed: u64) -> Result<Self, BadOptions> {
        let as_it_works = ProducerOptions { idempotent: true, ..options };
        as_it_works.check(&self.producer.target, &self.producer.settings)?;
        let options = ProducerOptions { idempotent: false, ..options }; // who it is it learns in another way
        Ok(Self { producer: self.producer.with_options(options, seed)?, ..self })
    }

    /// Where it stands.
    pub fn standing(&self) -> TxnStanding {
        self.standing
    }

    /// The number and epoch of the transaction that is open, or will be next.
    pub fn identity(&self) -> (i64, i16) {
        self.identity
    }

    /// Whether it waits for an answer.
    pub fn is_asking(&self) -> bool {
        self.asked.is_some()
    }

    /// The client below that sends.
    pub(crate) fn producer(&self) -> &Producer {
        &self.producer
    }

    /// Begins a transaction, if it is [ready](TxnStanding::Ready).
    pub fn begin(&mut self, out: &mut Out) {
        if self.standing != TxnStanding::Ready {
            return;
        }
        let (producer, epoch) = self.identity;
        self.producer.open_gate(ProducerId { id: producer, epoch, transactional: true });
        (self.standing, self.offsets) = (TxnStanding::Open, None);
        (self.is_known, self.is_out_of_hand) = (false, false);
        out.event(Event::Txn(TxnEvent::Began { id: self.id.clone(), producer, epoch }));
    }

    /// Sends a message in the open transaction; before that, it was sent so often.
    ///
    /// # Errors
    ///
    /// [`Malformed::Length`] when no batch could hold it; it is not taken over then.
    pub fn send(
        &mut self,
        now: Time,
        id: MessageId,
        record: NewRecord,
        sent_before: u32,
        out: &mut Out,
    ) -> Result<(), Malformed> {
        self.producer.send_again(now, id, record, sent_before, out)?;
        self.pump(now, out);
        Ok(())
    }

    /// The group goes on there, if the transaction is committed: said with the commit.
    pub fn send_offsets(&mut self, group: Name, next: Vec<(PartitionId, Offset)>) {
        self.offsets = Some(Offsets { group, next, added: false, stored: false });
    }

    /// Ends the open transaction: it shall count.
    pub fn commit(&mut self, now: Time, out: &mut Out) {
        if self.standing == TxnStanding::Open {
            self.end(now, true, out);
        }
    }

    /// Whether the transaction can still be aborted: it is open, or broken, or what it wrote is not stored yet.
    pub fn may_abort(&self) -> bool {
        match self.standing {
            TxnStanding::Open | TxnStanding::Broken(_) => true,
            TxnStanding::Ending => self.commit && !self.is_out_of_hand,
            TxnStanding::Starting | TxnStanding::Ready | TxnStanding::Fenced(_) => false,
        }
    }

    /// Ends the transaction, if it [may be aborted](Self::may_abort): nothing of it shall count.
    pub fn abort(&mut self, now: Time, out: &mut Out) {
        if self.may_abort() {
            self.producer.shut_gate();
            (self.offsets, self.asked) = (None, None);
            self.end(now, false, out);
        }
    }

    fn end(&mut self, now: Time, commit: bool, out: &mut Out) {
        (self.standing, self.commit) = (TxnStanding::Ending, commit);
        let (id, epoch) = (self.id.clone(), self.identity.1);
        out.event(Event::Txn(TxnEvent::Ending { id, epoch, commit }));
        self.pump(now, out);
    }

    /// Takes what reaches the producer.
    pub fn handle(&mut self, now: Time, input: Input, out: &mut Out) {
        let retry = now + self.producer.settings.retry_backoff;
        match &input {
            Input::Message { message: Message::Reply(id, reply), .. }
                if self.asked.as_ref().is_some_and(|(asked, _)| asked.id == *id) =>
            {
                if let Some((_, question)) = self.asked.take() {
                    self.answered(now, question, reply, out);
                }
            }
            _ => {
                let lost = |asked: &Asked| match &input {
                    Input::HangUp { peer } => asked.broker == *peer,
                    Input::Wake => asked.deadline <= now,
                    Input::Message { .. } => false,
                };
                if self.asked.take_if(|(asked, _)| lost(asked)).is_some() {
                    self.not_before = retry;
                    self.producer.metadata.refresh(now);
                }
                self.producer.handle(now, input, out);
            }
        }
        self.pump(now, out);
    }

    /// When the producer wants to be woken.
    pub fn next_wakeup(&self) -> Option<Time> {
        let own = match &self.asked {
            Some((asked, _)) => Some(asked.deadline),
            None => self.question().map(|_| self.not_before),
        };
        own.into_iter().chain(self.producer.next_wakeup()).min()
    }

    fn answered(&mut self, now: Time, question: Question, reply: &Reply, out: &mut Out) {
        match (question, reply) {
            (Question::Init, Reply::Producer { id, epoch }) => {
                (self.identity, self.standing) = ((*id, *epoch), TxnStanding::Ready);
                out.event(Event::Producer(ProducerEvent::Identified { id: *id, epoch: *epoch }));
            }
            (Question::Add(partitions), Reply::Txn(TxnReply::Added)) => {
                if let Some(gate) = &mut self.producer.gate {
                    gate.wanted.retain(|partition| !partitions.contains(partition));
                    gate.added.extend(partitions);
                }
                self.producer.pump(now, out);
            }
            (Question::AddOffsets, Reply::Txn(TxnReply::Added)) => {
                self.offsets.iter_mut().for_each(|offsets| offsets.added = true);
            }
            (Question::Offsets, Reply::OffsetsStored) => {
                self.offsets.iter_mut().for_each(|offsets| offsets.stored = true);
            }
            (Question::End, Reply::Txn(TxnReply::Ended { producer, epoch })) => {
                self.identity = (*producer, *epoch);
                self.over(out);
            }
            (question, Reply::Refused(why)) => self.refused(now, &question, *why, out),
            _ => {}
        }
    }

    /// The transaction ended as was asked.
    fn over(&mut self, out: &mut Out) {
        let gate = self.producer.shut_gate();
        for (by, message) in gate.stored.into_iter().filter(|_| self.commit) {
            out.event(Event::Acknowledged { by, messages: message.into() });
        }
        (self.standing, self.offsets) = (TxnStanding::Ready, None);
    }

    fn refused(&mut self, now: Time, question: &Question, why: Refusal, out: &mut Out) {
        let retry = now + self.producer.settings.retry_backoff;
        match why {
            // Nobody knows of a transaction: then there is nothing to abort.
            Refusal::InvalidTransaction if *question == Question::End && !self.commit => self.over(out),
            Refusal::InvalidTransaction | Refusal::TransactionTimedOut => self.breaks(why, out),
            Refusal::NotAMember | Refusal::ProducerEpoch if *question == Question::Offsets => {
                self.breaks(why, out);
            }
            // The number is not the one that this transactional id has.
            Refusal::ProducerFenced | Refusal::Unknown if *question != Question::Init => {
                self.standing = TxnStanding::Fenced(Refusal::ProducerFenced);
                self.producer.shut_gate();
                let (id, (producer, epoch)) = (self.id.clone(), self.identity);
                out.event(Event::Txn(TxnEvent::Fenced { id, producer, epoch }));
            }
            why if why.is_final() => self.standing = TxnStanding::Fenced(why),
            _ => {
                self.not_before = retry;
                if !matches!(why, Refusal::ConcurrentTransactions | Refusal::CoordinatorLoading) {
                    self.producer.metadata.refresh(now);
                }
            }
        }
    }

    fn breaks(&mut self, why: Refusal, out: &mut Out) {
        self.standing = TxnStanding::Broken(why);
        out.event(Event::Txn(TxnEvent::Failed { id: self.id.clone(), why }));
    }

    /// Whether all that was sent is stored.
    fn all_stored(&self) -> bool {
        self.producer.unstored().next().is_none()
    }

    /// What must be asked next.
    fn question(&self) -> Option<Question> {
        let gate = self.producer.gate.as_ref()?;
        let wanted = || (!gate.wanted.is_empty()).then(|| gate.wanted.iter().cloned().collect());
        match (self.standing, &self.offsets) {
            (TxnStanding::Starting, _) => Some(Question::Init),
            (TxnStanding::Open, _) => wanted().map(Question::Add),
            (TxnStanding::Ending, _) if !self.commit => Some(Question::End),
            (TxnStanding::Ending, _) if !self.all_stored() => wanted().map(Question::Add),
            (TxnStanding::Ending, Some(offsets)) if !offsets.added => Some(Question::AddOffsets),
            (TxnStanding::Ending, Some(offsets)) if !offsets.stored => Some(Question::Offsets),
            (TxnStanding::Ending, _) => Some(Question::End),
            (TxnStanding::Ready | TxnStanding::Broken(_) | TxnStanding::Fenced(_), _) => None,
        }
    }

    /// Sends whatever is due.
    fn pump(&mut self, now: Time, out: &mut Out) {
        if self.producer.take_given_up().is_some()
            && let Some(gate) = &mut self.producer.gate
        {
            gate.fail(Refusal::Overdue);
        }
        let failed = self.producer.gate.as_ref().and_then(|gate| gate.failed);
        let goes_on = matches!(self.standing, TxnStanding::Open | TxnStanding::Ending);
        if let Some(why) = failed.filter(|_| goes_on) {
            self.asked = None;
            return self.breaks(why, out);
        }
        if self.standing == TxnStanding::Ending
            && !self.is_known
            && self.offsets.is_none()
            && self.all_stored()
        {
            return self.over(out); // nothing was sent, and nobody knows of it
        }
        if self.asked.is_some() || self.not_before > now {
            return;
        }
        let Some(question) = self.question() else { return };
        let view = self.producer.metadata.view();
        let coordinator = match question {
            Question::Offsets => view.coordinator(),
            _ => view.transactions_partition(&self.id).and_then(|partition| view.leader_of(&partition)),
        };
        let Some(broker) = coordinator else {
            self.not_before = now + self.producer.settings.retry_backoff;
            self.producer.metadata.refresh(now);
            // Asking for the metadata is the producer's affair.
            return self.producer.pump(now, out);
        };
        let request = self.request(&question);
        self.is_known |= question != Question::Init;
        self.is_out_of_hand |= question == Question::End && self.commit;
        self.producer.last_request += 1;
        let id: RequestId = self.producer.last_request;
        let deadline = now + self.producer.settings.request_timeout;
        self.asked = Some((Asked { id, broker, deadline }, question));
        out.send(broker, Message::Request(id, Request::Txn(request)));
    }

    fn request(&self, question: &Question) -> TxnRequest {
        let (producer, epoch) = self.identity;
        let who = TxnProducer { id: self.id.clone(), producer, epoch };
        let (group, offsets) = match &self.offsets {
            Some(offsets) => (offsets.group.clone(), offsets.next.clone()),
            None => (self.id.clone(), Vec::new()),
        };
        match question {
            Question::Init => TxnRequest::Init { id: self.id.clone(), timeout: self.timeout },
            Question::Add(partitions) => TxnRequest::AddPartitions { who, partitions: partitions.clone() },
            Question::AddOffsets => TxnRequest::AddOffsets { who, group },
            Question::Offsets => TxnRequest::CommitOffsets { who, group, offsets },
            Question::End => TxnRequest::End { who, commit: self.commit },
        }
    }
}
