//! Who waits for something of a group's account? Members for records, members for "acknowledged", and the account itself
//! for the share coordinator. (What it is about: `share_leader.rs`.)

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::group_turn::Asker;
use super::protocol::{Message, Out, Reply, Request, RequestId};
use super::replica::Replica;
use super::settings::Settings;
use super::share_partition::{AcknowledgeType, RecordState, SharePartition, Turned};
use super::share_request::{ShareReply, ShareRequest};
use super::share_settings::ShareStart;
use super::share_state::{ShareKey, ShareWriter};
use super::view::View;
use crate::ids::{MessageId, NodeId, Offset};
use crate::log::{Log, LogError, Slice as _};
use crate::observe::{CameBack, Event, GivenUp, Refusal, ShareEvent};
use crate::record::Batches;
use crate::sorted::SortedMap;
use crate::time::Time;

/// A group's account, and who waits for something of it.
#[derive(Clone, Debug)]
pub(super) struct Led {
    pub(super) writer: ShareWriter,
    /// Nothing before the share coordinator has answered.
    pub(super) account: Option<SharePartition>,
    /// How often the account changed.
    pub(super) version: u64,
    /// Up to which change it is written down.
    kept: u64,
    /// What the share coordinator was asked, whom, and when that is given up.
    pub(super) asked: Option<(RequestId, NodeId, Time)>,
    /// It is not asked before.
    pub(super) not_before: Time,
    /// Fetches that wait for records, oldest first.
    pub(super) parked: VecDeque<Parked>,
    /// Words that wait to be written down, oldest first.
    waiting: VecDeque<Waiting>,
    /// The last fetch of each member.
    sessions: SortedMap<NodeId, RequestId>,
}

#[derive(Clone, Debug)]
pub(super) struct Parked {
    pub(super) asker: Asker,
    pub(super) records_max: u32,
    pub(super) bytes_max: u32,
    pub(super) until: Time,
    /// The change that its word made: it is not answered before that is written down.
    waits_for: u64,
    /// Why its word was not taken.
    refused: Option<Refusal>,
}

impl Parked {
    pub(super) fn new(asker: Asker, records_max: u32, bytes_max: u32, until: Time) -> Self {
        Self { asker, records_max, bytes_max, until, waits_for: 0, refused: None }
    }
}

#[derive(Clone, Debug)]
struct Waiting {
    version: u64,
    /// Who is answered then; nobody, where a fetch brought the word.
    asker: Option<Asker>,
    /// What is true then.
    event: Option<ShareEvent>,
}

impl Led {
    pub(super) fn new(writer: ShareWriter, now: Time) -> Self {
        let (parked, waiting, sessions) = Default::default();
        Self {
            writer,
            account: None,
            version: 0,
            kept: 0,
            asked: None,
            not_before: now,
            parked,
            waiting,
            sessions,
        }
    }

    pub(super) fn next_wakeup(&self) -> Option<Time> {
        let locks = self.account.as_ref().and_then(SharePartition::next_expiry);
        let write = match self.asked {
            Some((.., deadline)) => Some(deadline),
            None => self.must_ask().then_some(self.not_before),
        };
        let answered = self.parked.iter().filter(|parked| parked.waits_for <= self.kept);
        answered.map(|parked| parked.until).chain(locks).chain(write).min()
    }

    /// Whether the share coordinator has something that this leader needs, or the other way round.
    fn must_ask(&self) -> bool {
        self.account.is_none() || self.kept < self.version
    }

    /// Everybody who waits is refused.
    pub(super) fn refuse_all<D>(&mut self, why: Refusal, out: &mut Out<D>) {
        let parked = self.parked.drain(..).map(|parked| parked.asker);
        for (to, id) in parked.chain(self.waiting.drain(..).filter_map(|waiting| waiting.asker)) {
            out.reply(to, id, Reply::Refused(why));
        }
    }

    /// Takes a fetch, and the word that it brings along, of records whose locks are renewed until some moment.
    pub(super) fn park<D>(
        &mut self,
        key: &ShareKey,
        mut parked: Parked,
        (until, word): (Time, &[(Offset, AcknowledgeType)]),
        out: &mut Out<D>,
    ) {
        let (from, id) = parked.asker;
        if self.parked.iter().any(|other| other.asker == parked.asker) {
            return; // a second copy
        }
        let last = self.sessions.entry(from).or_default();
        if id <= *last {
            return out.reply(from, id, Reply::Refused(Refusal::Stale));
        }
        *last = id;
        if !word.is_empty() {
            match self.turn(key, from, until, word, out) {
                Ok(None) => {}
                Ok(Some(event)) => parked.waits_for = self.wait(None, event),
                Err(why) => parked.refused = Some(why),
            }
        }
        self.parked.push_back(parked);
    }

    pub(super) fn take_word<D>(
        &mut self,
        key: &ShareKey,
        asker: Asker,
        until: Time,
        word: &[(Offset, AcknowledgeType)],
        out: &mut Out<D>,
    ) {
        if self.waiting.iter().any(|waiting| waiting.asker == Some(asker)) {
            return; // a second copy
        }
        match self.turn(key, asker.0, until, word, out) {
            Ok(None) => out.reply(asker.0, asker.1, Reply::Share(ShareReply::Acknowledged)),
            Ok(Some(event)) => _ = self.wait(Some(asker), event),
            Err(why) => out.reply(asker.0, asker.1, Reply::Refused(why)),
        }
    }

    /// The account changed: somebody hears it, and something is true, when that is written down. Returns which change it is.
    fn wait(&mut self, asker: Option<Asker>, event: ShareEvent) -> u64 {
        self.version += 1;
        let event = (!event.messages().is_empty()).then_some(event);
        self.waiting.push_back(Waiting { version: self.version, asker, event });
        self.version
    }

    /// Takes a member's word. Returns what is true when it is written down; `None` when nothing has to be.
    fn turn<D>(
        &mut self,
        key: &ShareKey,
        by: NodeId,
        until: Time,
        word: &[(Offset, AcknowledgeType)],
        out: &mut Out<D>,
    ) -> Result<Option<ShareEvent>, Refusal> {
        let account = self.account.as_mut().ok_or(Refusal::UnknownDelivery)?;
        let turned = account.acknowledge(by, until, word)?;
        let renewed = of(&turned, |state| matches!(state, RecordState::Acquired { .. }));
        let accepted = of(&turned, |state| state == RecordState::Acknowledged);
        let (group, partition) = key.clone();
        if !renewed.is_empty() {
            let (group, partition) = key.clone();
            out.event(Event::Share(ShareEvent::Renewed { group, partition, by, messages: renewed }));
        }
        let rejects = |turned: &Turned| word.contains(&(turned.offset, AcknowledgeType::Reject));
        say_back(key, &turned, rejects, CameBack::Released, out);
        let all_renewed = turned.iter().all(|turned| matches!(turned.state, RecordState::Acquired { .. }));
        Ok((!all_renewed).then_some(ShareEvent::Accepted { group, partition, by, messages: accepted }))
    }

    /// Members lose records.
    pub(super) fn take_back<D>(
        &mut self,
        key: &ShareKey,
        take: impl FnOnce(&mut SharePartition) -> Vec<Turned>,
        why: CameBack,
        out: &mut Out<D>,
    ) {
        let turned = self.account.as_mut().map(take).unwrap_or_default();
        self.version += u64::from(!turned.is_empty());
        say_back(key, &turned, |_| false, why, out);
    }

    /// Answers the fetches that waited, where there is something for them or their time is over.
    pub(super) fn answer_parked<L: Log>(
        &mut self,
        now: Time,
        key: &ShareKey,
        replica: &Replica<L>,
        settings: &Settings,
        out: &mut Out<L::Slice>,
    ) -> Result<(), LogError<L::Error>> {
        let (lock, mut at) = (settings.share.lock, 0);
        while let (Some(parked), Some(account)) = (self.parked.get(at), &mut self.account) {
            if parked.waits_for > self.kept {
                at += 1;
                continue;
            }
            let ((by, id), until) = (parked.asker, now + lock);
            let (batches, acquired) = hand_out(account, parked, until, replica)?;
            if acquired.is_empty() {
                break;
            }
            say_acquired(key, by, &batches, &acquired, out);
            let (deliveries, refused) = (acquired, parked.refused);
            out.reply(by, id, Reply::Share(ShareReply::Acquired { batches, deliveries, lock, refused }));
            self.parked.remove(at);
        }
        let is_over = |parked: &Parked| parked.until <= now && parked.waits_for <= self.kept;
        while let Some(at) = self.parked.iter().position(is_over) {
            let Some(Parked { asker: (to, id), refused, .. }) = self.parked.remove(at) else { break };
            let (batches, deliveries) = Default::default();
            out.reply(to, id, Reply::Share(ShareReply::Acquired { batches, deliveries, lock, refused }));
        }
        Ok(())
    }

    /// The account is here, as it was written down last.
    pub(super) fn begin<D>(
        &mut self,
        key: &ShareKey,
        version: u64,
        account: SharePartition,
        out: &mut Out<D>,
    ) {
        let in_flight = account.end().0 - account.start().0;
        let ((group, partition), start) = (key.clone(), account.start());
        out.event(Event::Share(ShareEvent::Began { group, partition, start, in_flight }));
        (self.version, self.kept, self.account) = (version, version, Some(account));
    }

    /// Asks the share coordinator for the account, or to write it down, if that is due.
    pub(super) fn write_if_due<L: Log>(
        &mut self,
        now: Time,
        (group, partition): &ShareKey,
        replica: &Replica<L>,
        (settings, view): (&Settings, &View),
        last_request: &mut RequestId,
        out: &mut Out<L::Slice>,
    ) {
        self.asked.take_if(|(.., deadline)| *deadline <= now);
        if self.asked.is_some() || !self.must_ask() || self.not_before > now {
            return;
        }
        let Some(coordinator) = view.share_coordinator() else {
            self.not_before = now + settings.retry_backoff;
            return;
        };
        let (partition, writer) = (partition.clone(), self.writer);
        let request = match &self.account {
            None => {
                let fresh = match settings.share.start {
                    ShareStart::Earliest => replica.log.start(),
                    ShareStart::Latest => replica.high_watermark,
                };
                ShareRequest::Begin { partition, writer, fresh }
            }
            Some(account) => {
                let (version, state) = (self.version, account.state());
                ShareRequest::Keep { partition, writer, version, state }
            }
        };
        *last_request += 1;
        self.asked = Some((*last_request, coordinator, now + settings.request_timeout));
        let request = Request::Share { group: group.clone(), request };
        out.send(coordinator, Message::Request(*last_request, request));
    }

    /// The account is written down up to some change: whoever waited for that hears it.
    pub(super) fn written<D>(&mut self, version: u64, out: &mut Out<D>) {
        self.kept = self.kept.max(version);
        while let Some(done) = self.waiting.pop_front_if(|waiting| waiting.version <= version) {
            out.events.extend(done.event.map(Event::Share));
            if let Some((to, id)) = done.asker {
                out.reply(to, id, Reply::Share(ShareReply::Acknowledged));
            }
        }
    }
}

/// Records, and which delivery of each it is.
type HandedOut = (Batches, Vec<(Offset, u32)>);

/// Hands out what there is for a fetch.
fn hand_out<L: Log>(
    account: &mut SharePartition,
    parked: &Parked,
    until: Time,
    replica: &Replica<L>,
) -> Result<HandedOut, LogError<L::Error>> {
    while let Some(from) = account.next().filter(|from| *from < replica.high_watermark) {
        let read = replica.log.read(from, replica.high_watermark, parked.bytes_max)?.load()?;
        let Some(read_to) = read.next() else { break };
        let there: Vec<(Offset, Option<MessageId>)> = read
            .records()
            .filter(|record| record.offset >= from)
            .map(|record| (record.offset, record.message_id()))
            .collect();
        let acquired = account.acquire(parked.asker.0, until, &there, read_to, parked.records_max);
        if !acquired.is_empty() {
            let wanted =
                |offset: &Offset| acquired.binary_search_by_key(offset, |(offset, _)| *offset).is_ok();
            return Ok((read.selected(|record| wanted(&record.offset)), acquired));
        }
        // Nothing stood there: on to what stands behind.
        if account.next() == Some(from) {
            break;
        }
    }
    Ok(Default::default())
}

/// The messages of records that stand so now.
fn of(turned: &[Turned], is: impl Fn(RecordState) -> bool) -> Vec<MessageId> {
    turned.iter().filter(|turned| is(turned.state)).filter_map(|turned| turned.message).collect()
}

/// States what came back, and what is given up.
fn say_back<D>(
    (group, partition): &ShareKey,
    turned: &[Turned],
    rejects: impl Fn(&Turned) -> bool,
    why: CameBack,
    out: &mut Out<D>,
) {
    let mut back: SortedMap<NodeId, Vec<MessageId>> = SortedMap::new();
    let mut gone: SortedMap<GivenUp, Vec<MessageId>> = SortedMap::new();
    for one in turned {
        let Some(message) = one.message else { continue };
        match one.state {
            RecordState::Available => back.entry(one.by).or_default().push(message),
            RecordState::Archived => {
                let why = if rejects(one) { GivenUp::Rejected } else { GivenUp::DeliveryLimit };
                gone.entry(why).or_default().push(message);
            }
            RecordState::Acquired { .. } | RecordState::Acknowledged => {}
        }
    }
    for (from, messages) in back {
        let (group, partition) = (group.clone(), partition.clone());
        out.event(Event::Share(ShareEvent::Returned { group, partition, from, messages, why }));
    }
    for (why, messages) in gone {
        let (group, partition) = (group.clone(), partition.clone());
        out.event(Event::Share(ShareEvent::Archived { group, partition, messages, why }));
    }
}

/// States what was handed out: one fact for each count.
fn say_acquired<D>(
    (group, partition): &ShareKey,
    by: NodeId,
    batches: &Batches,
    acquired: &[(Offset, u32)],
    out: &mut Out<D>,
) {
    let mut by_count: SortedMap<u32, Vec<MessageId>> = SortedMap::new();
    for (record, (_, delivery)) in batches.records().zip(acquired) {
        by_count.entry(*delivery).or_default().extend(record.message_id());
    }
    for (delivery, messages) in by_count {
        let (group, partition) = (group.clone(), partition.clone());
        out.event(Event::Share(ShareEvent::Acquired { group, partition, by, messages, delivery }));
    }
}
