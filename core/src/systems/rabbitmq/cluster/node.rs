//! What is a node of a cluster? Members of queues and streams, a seat in the council, channels of clients, and the knowledge of
//! who else is there.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::{Drain, Vec};

use super::alarms::Alarms;
use super::burying::Graves;
use super::channels::ServerChannel;
use super::council::{Council, Wishes};
use super::hosted::{DiskLog, Hosted, QuorumOut};
use super::protocol::{ClusterMessage, Order, ToClient, Word};
use super::{BEATS, Channel, ClusterConfig, Disk};
use crate::ids::{Epoch, MessageId, Name, NodeId, Offset, PartitionId};
use crate::observe::{Event, QueueEvent, RabbitmqEvent};
use crate::routing::Router;
use crate::systems::rabbitmq::{DeadLetters, QuorumMessage, StreamMessage};
use crate::systems::{Input, Out};
use crate::time::{Span, Time};

/// A node's storage failed: it cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeFailed;

/// Whatever went wrong, the node stops.
pub(super) fn failed<E>(_: E) -> NodeFailed {
    NodeFailed
}

pub(super) type Fallible<T> = Result<T, NodeFailed>;

/// Another node, as this one knows it.
#[derive(Clone, Copy, Debug)]
struct Peer {
    heard: Time,
    incarnation: u64,
    up: bool,
}

/// What is left of a node while it is down: its disks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stopped {
    pub(crate) queues: BTreeMap<Name, Disk>,
    /// Up to where it had applied the log of each quorum queue.
    pub(crate) applied: BTreeMap<Name, Offset>,
    pub(crate) council: Option<Disk>,
}

/// A node.
#[derive(Clone, Debug)]
pub(crate) struct ClusterNode {
    pub(super) me: NodeId,
    pub(super) incarnation: u64,
    pub(super) config: Arc<ClusterConfig>,
    pub(super) router: Arc<Router>,
    pub(super) hosted: BTreeMap<Name, Hosted>,
    pub(super) channels: BTreeMap<NodeId, ServerChannel>,
    /// Consumers of channels that are gone, until their queues know it; and when they are told again.
    pub(super) leaving: BTreeMap<(Name, Channel), Time>,
    pub(super) graves: Graves,
    /// Through which nodes the latest channels of those speak who publish to streams that are written here.
    pub(super) writers_clients: BTreeMap<NodeId, (NodeId, u32)>,
    pub(super) alarms: Alarms,
    council: Option<Box<Council>>,
    /// In which epoch each stream's member was stopped in this life: then it may write.
    stopped: BTreeMap<Name, Epoch>,
    peers: BTreeMap<NodeId, Peer>,
    next_tick: Time,
    /// What it says to itself.
    mail: VecDeque<ClusterMessage>,
    pub(super) sends: Vec<(NodeId, ClusterMessage)>,
    pub(super) events: Vec<Event>,
    failed: bool,
}

impl ClusterNode {
    /// Starts a node over what it left.
    pub(crate) fn start(
        me: NodeId,
        config: Arc<ClusterConfig>,
        router: Arc<Router>,
        mut left: Stopped,
        (now, incarnation): (Time, u64),
    ) -> Result<Self, Box<Stopped>> {
        let (life, kept) = ((me, incarnation), left.clone());
        let mut hosted = BTreeMap::new();
        for queue in &config.queues {
            let disk = left.queues.remove(&queue.name).unwrap_or_default();
            let applied = left.applied.get(&queue.name).copied().unwrap_or_default();
            match Hosted::open(queue, (disk, applied), life, &config, now) {
                Ok(own) => _ = hosted.insert(queue.name.clone(), own),
                Err(NodeFailed) => return Err(Box::new(kept)),
            }
        }
        let streams = hosted.values().any(Hosted::is_stream);
        let council = match streams.then(|| left.council.take().unwrap_or_default()) {
            None => None,
            Some(disk) => match Council::open(disk, &config, life, now) {
                Ok(council) => Some(Box::new(council)),
                Err(NodeFailed) => return Err(Box::new(kept)),
            },
        };
        let peers = config.nodes.iter().filter(|node| **node != me);
        let peers = peers.map(|&node| (node, Peer { heard: now, incarnation: 0, up: true })).collect();
        let (channels, leaving, graves, writers_clients) = Default::default();
        let (stopped, mail, sends, events) = Default::default();
        let limits = config.limits.iter().find(|(node, _)| *node == me).map(|(_, limits)| *limits);
        let alarms = Alarms::new(limits, now);
        Ok(Self {
            me,
            incarnation,
            config,
            router,
            hosted,
            channels,
            leaving,
            graves,
            writers_clients,
            alarms,
            council,
            stopped,
            peers,
            next_tick: now,
            mail,
            sends,
            events,
            failed: false,
        })
    }

    /// Its process is gone; the disks stay.
    pub(crate) fn stop(self) -> Stopped {
        let applied =
            self.hosted.iter().filter_map(|(name, own)| Some((name.clone(), own.applied()?))).collect();
        let queues = self.hosted.into_iter().filter_map(|(name, own)| Some((name, own.close()?))).collect();
        let council = self.council.and_then(|council| council.close().ok());
        Stopped { queues, applied, council }
    }

    /// What happened in a burst that it could not end, in queues whose disks took it: that is so, whoever hears of it.
    pub(crate) fn untold(&mut self) -> Vec<Event> {
        let mut events = core::mem::take(&mut self.events);
        for own in self.hosted.values_mut() {
            if let Hosted::Classic(queue) = own {
                events.append(&mut queue.untold());
            }
        }
        events
    }

    /// What its classic queues have in memory alone.
    pub(crate) fn volatile(&self) -> Vec<(Name, Vec<MessageId>)> {
        let all = self.hosted.iter().filter_map(|(name, own)| {
            let Hosted::Classic(own) = own else { return None };
            let held = own.queue().held().filter(|held| !held.stored).filter_map(|held| held.id);
            let messages: Vec<MessageId> = held.collect();
            (!messages.is_empty()).then(|| (name.clone(), messages))
        });
        all.collect()
    }

    /// Its disks, each with the logs of it that are open.
    pub(crate) fn storages_mut(&mut self) -> Vec<(&mut Disk, Vec<&mut DiskLog>)> {
        let queues = self.hosted.values_mut().filter_map(Hosted::storage_mut);
        queues.chain(self.council.as_deref_mut().map(Council::storage_mut)).collect()
    }

    /// What it has of each queue and stream.
    pub(crate) fn hosted(&self) -> &BTreeMap<Name, Hosted> {
        &self.hosted
    }

    /// When it wants to be woken.
    pub(crate) fn next_wakeup(&self) -> Option<Time> {
        let hosted = self.hosted.values().filter_map(Hosted::next_wakeup);
        let council = self.council.iter().map(|council| council.next_wakeup());
        let own =
            [self.next_tick].into_iter().chain(self.graves.next_wakeup()).chain(self.alarms.next_look());
        let leaving = self.leaving.values().copied();
        hosted.chain(council).chain(own).chain(leaving).chain(self.next_of_channels()).min()
    }

    pub(super) fn send(&mut self, to: NodeId, message: ClusterMessage) {
        if to == self.me { self.mail.push_back(message) } else { self.sends.push((to, message)) }
    }

    pub(super) fn hear(&mut self, channel: Channel, word: ToClient) {
        self.sends.push((channel.client, ClusterMessage::Hears(channel.session, word)));
    }

    /// Takes one input of a burst.
    pub(crate) fn handle(&mut self, now: Time, input: Input<ClusterMessage>) {
        let done = match input {
            Input::Wake => self.wake(now),
            Input::HangUp { peer } => self.hung_up(now, peer),
            Input::Message { from, message } => self.take(now, from, message),
        };
        let done = done.and_then(|()| self.read_mail(now)).and_then(|()| self.pump(now));
        let done = done.and_then(|()| self.read_mail(now)).and_then(|()| self.read_on(now));
        self.failed |= done.and_then(|()| self.read_mail(now)).is_err();
    }

    /// Ends a burst: everything is on disk, and what waited for that goes out; says to whom, and what happened.
    pub(crate) fn settle(
        &mut self,
        now: Time,
        mut goes: impl FnMut(NodeId, ClusterMessage),
    ) -> Fallible<Drain<'_, Event>> {
        if self.failed {
            return Err(NodeFailed);
        }
        loop {
            let names: Vec<Name> = self.hosted.keys().cloned().collect();
            for name in &names {
                self.settle_one(now, name)?;
            }
            self.with_council(|council, wishes| council.settle(wishes))?;
            self.bury(now)?;
            self.read_on(now)?;
            if self.mail.is_empty() {
                break;
            }
            self.read_mail(now)?;
            self.pump(now)?;
        }
        self.say_confirmed();
        self.sends.drain(..).for_each(|(to, message)| goes(to, message));
        Ok(self.events.drain(..))
    }

    fn settle_one(&mut self, now: Time, name: &Name) -> Fallible<()> {
        match self.hosted.get_mut(name) {
            Some(Hosted::Quorum(host)) => {
                let mut own = Out::default();
                host.member.settle(now, &mut own).map_err(failed)?;
                self.absorb_quorum(name, own)?;
                while let Some(Hosted::Quorum(host)) = self.hosted.get_mut(name)
                    && let Some(departure) = host.member.poll_departure()
                {
                    let letter = host.dead_letter.clone();
                    let careful = host.options().dead_letters == DeadLetters::AtLeastOnce;
                    if let Some(message) = departure.message.id() {
                        let (queue, reason) = (name.clone(), departure.reason);
                        self.events.push(Event::Queue(QueueEvent::Died { queue, message, reason }));
                    }
                    self.buries(now, name, departure, letter, careful);
                }
                Ok(())
            }
            Some(Hosted::Stream(member)) => {
                let mut own = Out::default();
                member.settle(now, &mut own).map_err(failed)?;
                self.absorb_stream(name, own)
            }
            Some(Hosted::Classic(queue)) => {
                let letter = queue.queue().options().dead_letter.clone();
                let mut departures = Vec::new();
                let told = queue.settle(&mut self.events, &mut departures)?;
                for (node, channel, word) in told {
                    let (queue, word) = (name.clone(), Word::Queue(word));
                    self.send(node, ClusterMessage::Tell { queue, channel, word });
                }
                for departure in departures {
                    self.buries(now, name, departure, letter.clone(), false);
                }
                Ok(())
            }
            Some(Hosted::Elsewhere(_)) | None => Ok(()),
        }
    }

    /// What a member of a quorum queue wants said.
    pub(super) fn absorb_quorum(&mut self, name: &Name, own: QuorumOut) -> Fallible<()> {
        self.events.extend(own.events);
        for (to, message) in own.sends {
            let word = message.load().map_err(failed)?;
            let queue = name.clone();
            if matches!(word, QuorumMessage::Raft(_)) {
                self.send(to, ClusterMessage::Member { queue, word: Word::Queue(word) });
                continue;
            }
            let Some(Hosted::Quorum(host)) = self.hosted.get(name) else { continue };
            if let Some((node, channel)) = host.channel_of(to) {
                self.send(node, ClusterMessage::Tell { queue, channel, word: Word::Queue(word) });
            }
        }
        Ok(())
    }

    fn take(&mut self, now: Time, from: NodeId, message: ClusterMessage) -> Fallible<()> {
        if let Some(peer) = self.peers.get_mut(&from) {
            peer.heard = now;
            if !peer.up {
                peer.up = true;
                self.events.push(Event::Rabbitmq(RabbitmqEvent::NodeUp { peer: from }));
            }
        }
        match message {
            ClusterMessage::Says(session, word) => {
                self.comes_from(now, Channel { client: from, session }, word)
            }
            ClusterMessage::Hears(..) => Ok(()), // it is nobody's client
            ClusterMessage::Ask { queue, channel, word } => self.asked(now, from, &queue, channel, word),
            ClusterMessage::Tell { queue, channel, word } => self.told(now, &queue, channel, word),
            ClusterMessage::Member { queue, word } => self.member_said(now, from, &queue, word),
            ClusterMessage::Council(message) => self.with_council(|council, wishes| {
                council.handle(now, Input::Message { from, message }, wishes)
            }),
            ClusterMessage::Tick { incarnation, orders } => {
                let known = self.peers.get_mut(&from).map(|peer| &mut peer.incarnation);
                let lives_again = known.is_some_and(|known| {
                    let before = core::mem::replace(known, incarnation);
                    before != 0 && before != incarnation
                });
                if lives_again {
                    self.node_gone(now, from)?;
                }
                self.obey(now, orders)
            }
            ClusterMessage::Alarms { on } => {
                self.hears_of_alarms(from, on);
                Ok(())
            }
        }
    }

    fn read_mail(&mut self, now: Time) -> Fallible<()> {
        while let Some(message) = self.mail.pop_front() {
            self.take(now, self.me, message)?;
        }
        Ok(())
    }

    fn member_said(&mut self, now: Time, from: NodeId, name: &Name, word: Word) -> Fallible<()> {
        match (self.hosted.get_mut(name), word) {
            (Some(Hosted::Quorum(host)), Word::Queue(message)) => {
                let mut own = Out::default();
                host.member.handle(now, Input::Message { from, message }, &mut own);
                self.absorb_quorum(name, own)
            }
            (Some(Hosted::Stream(_)), Word::Stream(StreamMessage::Stopped { epoch, last_epoch, end })) => {
                self.with_council(|council, wishes| {
                    council.stopped(name, from, epoch, (last_epoch, end), wishes)
                })
            }
            (Some(Hosted::Stream(member)), Word::Stream(message)) => {
                if let StreamMessage::Stop { epoch } = message {
                    self.stopped.insert(name.clone(), epoch);
                }
                let mut own = Out::default();
                member.handle(now, Input::Message { from, message }, &mut own);
                self.absorb_stream(name, own)
            }
            _ => Ok(()),
        }
    }

    /// Lets the council do something, and does what it wants.
    fn with_council(&mut self, act: impl FnOnce(&mut Council, &mut Wishes) -> Fallible<()>) -> Fallible<()> {
        let Some(council) = &mut self.council else { return Ok(()) };
        let mut wishes = Wishes::default();
        act(council, &mut wishes)?;
        for (to, message) in wishes.sends {
            self.send(to, ClusterMessage::Council(message.load().map_err(failed)?));
        }
        for (stream, epoch) in wishes.stops {
            self.tell_to_stop(&stream, epoch);
        }
        if !wishes.chosen.is_empty() {
            for Order { stream, epoch, writer } in &wishes.chosen {
                let partition = PartitionId { topic: stream.clone(), index: 0 };
                self.events.push(Event::Elected { partition, leader: Some(*writer), epoch: *epoch });
            }
            self.tick();
        }
        Ok(())
    }

    fn tell_to_stop(&mut self, stream: &Name, epoch: Epoch) {
        for node in self.config.nodes.clone() {
            let word = Word::Stream(StreamMessage::Stop { epoch });
            self.send(node, ClusterMessage::Member { queue: stream.clone(), word });
        }
    }

    /// Tells all nodes that it is there, and who writes what.
    fn tick(&mut self) {
        let (stops, orders) = self.council.as_ref().map(|council| council.orders()).unwrap_or_default();
        for (stream, epoch) in stops {
            self.tell_to_stop(&stream, epoch);
        }
        for node in self.config.nodes.clone() {
            let (incarnation, orders) = (self.incarnation, orders.clone());
            if node != self.me || !orders.is_empty() {
                self.send(node, ClusterMessage::Tick { incarnation, orders });
            }
        }
    }

    /// Does what the council has decided of its streams.
    fn obey(&mut self, now: Time, orders: Vec<Order>) -> Fallible<()> {
        for Order { stream, epoch, writer } in orders {
            let message = if writer != self.me {
                StreamMessage::Copy { epoch, writer }
            } else if self.stopped.get(&stream) == Some(&epoch) {
                let others = self.config.nodes.iter().copied().filter(|node| *node != self.me);
                StreamMessage::Write { epoch, replicas: others.collect() }
            } else {
                continue; // that was decided in an earlier life
            };
            if let Some(Hosted::Stream(member)) = self.hosted.get_mut(&stream) {
                let mut own = Out::default();
                member.handle(now, Input::Message { from: self.me, message }, &mut own);
                self.absorb_stream(&stream, own)?;
            }
        }
        Ok(())
    }

    fn wake(&mut self, now: Time) -> Fallible<()> {
        let due: Vec<Name> = self
            .hosted
            .iter()
            .filter(|(_, own)| own.next_wakeup().is_some_and(|at| at <= now))
            .map(|(name, _)| name.clone())
            .collect();
        for name in due {
            match self.hosted.get_mut(&name) {
                Some(Hosted::Quorum(host)) => {
                    let mut own = Out::default();
                    host.member.handle(now, Input::Wake, &mut own);
                    self.absorb_quorum(&name, own)?;
                }
                Some(Hosted::Stream(member)) => {
                    let mut own = Out::default();
                    member.handle(now, Input::Wake, &mut own);
                    self.absorb_stream(&name, own)?;
                }
                Some(Hosted::Classic(queue)) => queue.tick(now)?,
                _ => {}
            }
        }
        if self.council.as_ref().is_some_and(|council| council.next_wakeup() <= now) {
            self.with_council(|council, wishes| council.handle(now, Input::Wake, wishes))?;
        }
        if self.next_tick <= now {
            self.next_tick = now + Span(self.config.net_tick.0 / BEATS);
            self.tick();
            self.tell_of_alarms_again();
            let silent = |peer: &Peer| peer.up && now.since(peer.heard) > self.config.net_tick;
            let dead: Vec<NodeId> =
                self.peers.iter().filter(|(_, peer)| silent(peer)).map(|(node, _)| *node).collect();
            for node in dead {
                self.takes_for_dead(now, node)?;
            }
        }
        self.look_at_itself(now)?;
        self.wake_channels(now)
    }

    fn takes_for_dead(&mut self, now: Time, node: NodeId) -> Fallible<()> {
        if let Some(peer) = self.peers.get_mut(&node)
            && core::mem::replace(&mut peer.up, false)
        {
            self.events.push(Event::Rabbitmq(RabbitmqEvent::NodeDown { peer: node }));
        }
        self.connection_lost(now, node);
        self.node_gone(now, node)
    }

    /// What was on a node is gone, or may be.
    fn node_gone(&mut self, now: Time, node: NodeId) -> Fallible<()> {
        self.forget_alarms(node);
        let names: Vec<Name> = self.hosted.keys().cloned().collect();
        for name in names {
            match self.hosted.get_mut(&name) {
                Some(Hosted::Quorum(host)) => {
                    let consumers = host.came_through(node);
                    host.member.suspect(now, consumers);
                }
                Some(Hosted::Classic(queue)) => queue.node_down(now, node)?,
                _ => {}
            }
        }
        self.with_council(|council, wishes| council.node_gone(node, wishes))
    }

    fn hung_up(&mut self, now: Time, peer: NodeId) -> Fallible<()> {
        if self.peers.contains_key(&peer) {
            return self.takes_for_dead(now, peer);
        }
        self.channel_gone(now, peer)
    }
}
