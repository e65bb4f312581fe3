//! What leaves a producer when? Each message gets a place, and each place's next batch goes as soon as it may.

use alloc::vec::Vec;

use super::asked::Asked;
use super::lane::{Lane, Rules, Unstored, gave_up};
use super::numbered::Next;
use super::producer::{BATCH_RECORDS_MAX, Producer};
use super::target::{Target, request};
use crate::broker::{Acks, Message, Out};
use crate::ids::{Name, NodeId, PartitionId};
use crate::observe::{Event, Place, ProducerEvent, Refusal};
use crate::record::{BATCH_BYTES_MAX, Batches};
use crate::time::Time;

impl Producer {
    /// When a lane may send, and when a batch for this broker is full.
    pub(super) fn rules(&self, broker: Option<NodeId>) -> Rules {
        let slowed = broker.and_then(|broker| self.slowed.get(&broker)).copied();
        let records = match (self.options.batch_bytes, slowed) {
            (None, slowed) => slowed.unwrap_or(BATCH_RECORDS_MAX),
            (Some(_), slowed) => slowed.filter(|most| *most < BATCH_RECORDS_MAX).unwrap_or(usize::MAX),
        };
        Rules {
            records,
            bytes: self
                .options
                .batch_bytes
                .map_or(BATCH_BYTES_MAX, |bytes| (bytes as usize).min(BATCH_BYTES_MAX)),
            in_flight_max: self.settings.in_flight_max,
            linger: self.options.linger,
            numbers: self.options.idempotent || self.gate.is_some(),
            me: self.gate.as_ref().map_or(self.identity.known(), |gate| gate.me),
        }
    }

    /// Sends whatever can be sent.
    pub(super) fn pump(&mut self, now: Time, out: &mut Out) {
        self.give_up_overdue(now, out);
        self.place_all(now);
        if self.options.idempotent {
            self.begin_anew(out);
        }
        let mut lost_sight = false;
        let mut lanes = core::mem::take(&mut self.lanes);
        let usual = self.rules(None);
        lanes.each_busy(|place, lane| lost_sight |= !self.empty(now, (place, lane), &usual, out));
        if let Some(gate) = &mut self.gate
            && lanes.busy().any(|(_, lane)| lane.numbered.must_begin_anew())
        {
            gate.fail(Refusal::OutOfSequence);
        }
        lanes.rest();
        self.lanes = lanes;
        self.pumped = Some(now);
        if lost_sight {
            self.metadata.refresh(now + self.settings.retry_backoff);
        }
        self.metadata.ask_if_due(now, &self.settings, &mut self.last_request, out);
        if self.options.idempotent {
            let whom = (&self.brokers[..], &self.settings);
            self.identity.ask_if_due(now, whom, &mut self.last_request, out);
        }
    }

    /// Sends what may leave a lane now. `false` where something may, and nobody knows whom to send it to.
    fn empty(&mut self, now: Time, (place, lane): (&Place, &mut Lane), usual: &Rules, out: &mut Out) -> bool {
        let may_send = |lane: &Lane, rules: &Rules| lane.next(rules).is_some_and(|(_, at)| at <= now);
        if self.slowed.is_empty() && !may_send(lane, usual) {
            return true;
        }
        let broker = self.metadata.broker_of(place);
        let rules = self.rules(broker);
        if !may_send(lane, &rules) {
            return true;
        }
        if self.gate.as_mut().is_some_and(|gate| !gate.lets(place)) {
            return true;
        }
        if broker.and_then(|broker| self.blocked.get(&broker)).is_some_and(|until| *until > now) {
            return true;
        }
        let Some(broker) = broker else {
            lane.not_before = now + self.settings.retry_backoff;
            return false;
        };
        loop {
            self.send_next(now, broker, (place, lane), &rules, out);
            // Who is never answered sends one batch at a time.
            let goes_on = !lane.in_flight.is_empty() || !lane.numbered.is_empty();
            if !goes_on || !may_send(lane, &rules) {
                return true;
            }
        }
    }

    /// Sends what a new message lets go. In a burst all else was looked at already, at the same moment: then its own lane
    /// alone can have something to send.
    pub(super) fn pump_new(&mut self, now: Time, out: &mut Out) {
        let is_known = !self.options.idempotent || self.identity.known().is_some();
        let alone = self.unplaced.len() == 1 && self.pumped == Some(now) && self.gate.is_none() && is_known;
        let Some(at) = alone.then(|| self.place_all(now)).flatten() else {
            return self.pump(now, out);
        };
        let (mut lanes, usual) = (core::mem::take(&mut self.lanes), self.rules(None));
        let (place, lane) = lanes.at(at);
        let is_sent = self.empty(now, (place, lane), &usual, out);
        if lane.is_idle() {
            lanes.rest();
        }
        self.lanes = lanes;
        if !is_sent {
            self.pump(now, out);
        }
    }

    /// Sends the next batch of a lane.
    fn send_next(
        &mut self,
        now: Time,
        broker: NodeId,
        (place, lane): (&Place, &mut Lane),
        rules: &Rules,
        out: &mut Out,
    ) {
        self.last_request += 1;
        let asked = Asked { id: self.last_request, broker, deadline: now + self.settings.request_timeout };
        let sent = |message: &Unstored, out: &mut Out| {
            let (to, attempt) = (place.clone(), message.attempts);
            out.event(Event::Sent { to, messages: message.id.into(), attempt });
        };
        let batches: Batches;
        let mut count = 0;
        if let Some(me) = rules.me.filter(|_| rules.numbers) {
            if let Some((Next::New, _)) = lane.next(rules) {
                let messages = lane.waiting.drain(..lane.next_size(rules).0).collect();
                lane.numbered.form(me, messages);
            }
            let Some((messages, numbered)) = lane.numbered.leave(asked) else { return };
            messages.iter().for_each(|message| sent(message, out));
            batches = numbered;
        } else {
            (count, batches) = lane.next_batch(rules);
            for message in lane.waiting.iter_mut().skip(lane.in_flight.messages()).take(count) {
                message.attempts += 1;
                sent(message, out);
            }
        }
        out.send(broker, Message::Request(asked.id, request(place, &self.target, batches)));
        if let Target::Topic(_, Acks::None) = self.target {
            lane.waiting.drain(..count); // nobody will answer: sent is all that is ever known
        } else if count > 0 {
            lane.again = lane.again.saturating_sub(count);
            lane.in_flight.push(asked, count);
        }
    }

    /// Where a count is in doubt, it begins from 0 in a higher epoch.
    fn begin_anew(&mut self, out: &mut Out) {
        let Self { lanes, identity, .. } = self;
        lanes.each_busy(|place, lane| {
            if !lane.numbered.must_begin_anew() {
                return;
            }
            if identity.known().is_some_and(|me| lane.numbered.is_of(me)) {
                identity.raise();
            }
            // Until the number is known, everything stays where it is.
            if let (Some(me), Place::Partition(partition)) = (identity.known(), place) {
                let messages = lane.numbered.begin_anew(me);
                let (partition, epoch) = (partition.clone(), me.epoch);
                out.event(Event::Producer(ProducerEvent::BeganAnew { partition, epoch, messages }));
            }
        });
    }

    /// Gives up what was not acknowledged in time.
    fn give_up_overdue(&mut self, now: Time, out: &mut Out) {
        let Some(after) = self.options.delivery_timeout else { return };
        while let Some(message) = self.unplaced.pop_front_if(|message| message.since + after <= now) {
            out.event(gave_up(message.id, Refusal::Overdue));
            self.given_up.push_back(message.id);
        }
        let Self { lanes, given_up, .. } = self;
        lanes.each_busy(|_, lane| given_up.extend(lane.give_up_overdue(now, after, out)));
    }

    /// Chooses a place for each message that has none, as soon as the cluster is known. Returns the lane of the last.
    fn place_all(&mut self, now: Time) -> Option<usize> {
        if self.unplaced.is_empty() {
            return None;
        }
        let view = self.metadata.view();
        if self.partitions.0 != view.version {
            let count = match &self.target {
                Target::Queue(_) | Target::Exchange { .. } | Target::AnyOf(_) => 1,
                Target::Topic(topic, _) => view.partitions_of(topic).count() as u32,
            };
            self.partitions = (view.version, count);
        }
        let (_, partitions) = self.partitions;
        if view.version == 0 || partitions == 0 {
            return None;
        }
        self.avoided.retain(|_, until| *until > now);
        let mut last = None;
        while let Some(message) = self.unplaced.pop_front() {
            let place = match &self.target {
                Target::Queue(queue) => Place::Queue(queue.clone()),
                Target::Exchange { name, .. } => Place::Exchange(name.clone()),
                Target::AnyOf(queues) => {
                    // The next in turn that is not avoided; when all are, the next in turn.
                    let next = (1..=queues.len()).map(|further| (self.turn + further) % queues.len());
                    let fit = next.clone().find(|&at| !self.avoided.contains_key(&queues[at]));
                    self.turn = fit.or_else(|| next.clone().next()).unwrap_or_default();
                    Place::Queue(queues[self.turn].clone())
                }
                Target::Topic(topic, _) => {
                    let topic = topic.clone();
                    let index = match (&message.record.key, self.stick(&topic, partitions, &message)) {
                        (None, Some(index)) => index,
                        (key, _) => self.partitioner.choose(key.as_deref(), partitions),
                    };
                    Place::Partition(PartitionId { topic, index })
                }
            };
            let at = self.lanes.of(place);
            self.lanes.at(at).1.push(message);
            last = Some(at);
        }
        last
    }

    /// The partition whose batch a message without key joins, if this producer fills one after the other.
    fn stick(&mut self, topic: &Name, partitions: u32, message: &Unstored) -> Option<u32> {
        if self.sticky.is_none() || message.record.key.is_some() {
            return None;
        }
        let rules = self.rules(None);
        let sticky = self.sticky.as_mut()?;
        let lane_of =
            |index: u32| self.lanes.get(&Place::Partition(PartitionId { topic: topic.clone(), index }));
        let is_ready = sticky.current().and_then(lane_of).is_none_or(|lane| {
            let (count, is_full) = lane.next_size(&rules);
            count == 0 || is_full
        });
        let view = self.metadata.view();
        let lines = || {
            let with_leader =
                |index: &u32| view.leader_of(&PartitionId { topic: topic.clone(), index: *index }).is_some();
            let line = |index| (index, lane_of(index).map_or(0, |lane| lane.held().count() as u32));
            let led: Vec<u32> = (0..partitions).filter(with_leader).collect();
            let all = if led.is_empty() { (0..partitions).collect() } else { led };
            all.into_iter().map(line).collect()
        };
        sticky.choose(is_ready, message.record.bytes_max(), lines)
    }
}
