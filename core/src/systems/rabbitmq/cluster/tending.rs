//! When does a node say something again for its channels, and which of them are gone? It looks who leads, how long nobody has
//! answered, and who is silent.

use alloc::vec::Vec;

use super::channels::ServerChannel;
use super::hosted::Hosted;
use super::node::{ClusterNode, Fallible};
use super::protocol::{ClusterMessage, ToClient, Word};
use super::{BEATS, Channel};
use crate::ids::{Name, NodeId};
use crate::systems::rabbitmq::{QuorumMessage, StreamMessage};
use crate::systems::{Input, Out};
use crate::time::{Span, Time};

impl ClusterNode {
    /// Says again what has to be said again: to another leader, or because nobody answers.
    pub(super) fn pump(&mut self, now: Time) -> Fallible<()> {
        let again = self.config.ask_again;
        let mut said = Vec::new();
        let Self { channels, hosted, me, .. } = self;
        let leader = |host: Option<&Hosted>| host.and_then(|own| own.leader(*me));
        for (&client, own) in channels.iter_mut() {
            let channel = Channel { client, session: own.session };
            for (name, asker) in own.askers.iter_mut().filter(|(_, asker)| !asker.is_idle()) {
                let host = hosted.get(name);
                if let Some(epoch) = host.and_then(Hosted::epoch) {
                    asker.is_written_in(now, epoch);
                }
                if asker.patience.is_over(now, leader(host), again) {
                    said.extend(asker.repeats().into_iter().map(|word| (name.clone(), channel, word)));
                }
            }
            if let Some(reading) = &mut own.reading {
                let leader = leader(hosted.get(&reading.queue));
                let open = reading.is_open();
                if (open || reading.patience.is_news(leader)) && reading.patience.is_over(now, leader, again)
                {
                    let all = reading.all().into_iter();
                    said.extend(
                        all.map(|(to, word)| (reading.queue.clone(), channel, (to, Word::Queue(word)))),
                    );
                }
            }
        }
        for (queue, channel, (to, word)) in said {
            self.send(to, ClusterMessage::Ask { queue, channel, word });
        }
        Ok(())
    }

    /// The connection to another node is gone: what was under way there is said again.
    pub(super) fn connection_lost(&mut self, now: Time, peer: NodeId) {
        for own in self.channels.values_mut() {
            own.askers.values_mut().for_each(|asker| asker.patience.hung_up(now, peer));
            if let Some(reading) = &mut own.reading
                && reading.patience.leader == Some(peer)
            {
                reading.doubts = true;
                reading.patience.hung_up(now, peer);
            }
        }
    }

    /// Tells publishers what every queue has.
    pub(super) fn say_confirmed(&mut self) {
        let mut said = Vec::new();
        for (&client, own) in self.channels.iter_mut().filter(|(_, own)| !own.confirmed.is_empty()) {
            let numbers = core::mem::take(&mut own.confirmed);
            said.push((Channel { client, session: own.session }, numbers));
        }
        for (channel, numbers) in said {
            self.hear(channel, ToClient::Confirmed { numbers });
        }
    }

    /// A client's connection is gone, and its channel with it.
    pub(super) fn channel_gone(&mut self, now: Time, client: NodeId) -> Fallible<()> {
        let Some(own) = self.channels.remove(&client) else { return Ok(()) };
        let channel = Channel { client, session: own.session };
        if let Some(reading) = own.reading {
            self.leaving.insert((reading.queue, channel), now);
        }
        if let Some(reading) = own.stream
            && let Some(Hosted::Stream(member)) = self.hosted.get_mut(&reading.stream)
        {
            let mut out = Out::default();
            member.handle(now, Input::HangUp { peer: client }, &mut out);
        }
        self.say_who_leaves(now)
    }

    /// A channel can say nothing more to some queue. Its client hears nothing more, and opens another; the node's own begins anew.
    pub(super) fn channel_is_lost(&mut self, now: Time, client: NodeId) -> Fallible<()> {
        if client == self.me {
            self.graves.begin_anew();
        }
        self.channel_gone(now, client)
    }

    fn say_who_leaves(&mut self, now: Time) -> Fallible<()> {
        let due: Vec<(Name, Channel)> =
            self.leaving.iter().filter(|(_, at)| **at <= now).map(|(who, _)| who.clone()).collect();
        for (queue, channel) in due {
            self.leaving.insert((queue.clone(), channel), now + self.config.ask_again);
            let leader = self.hosted.get(&queue).and_then(|own| own.leader(self.me));
            if let Some(leader) = leader {
                let word = Word::Queue(QuorumMessage::Leave { tag: channel.session });
                self.send(leader, ClusterMessage::Ask { queue, channel, word });
            }
        }
        Ok(())
    }

    /// A stream's consumer begins: where it was, if it has a name and the writer knows it.
    pub(super) fn begin_to_read(&mut self, now: Time, channel: Channel) -> Fallible<()> {
        let again = self.config.ask_again;
        let Some(reading) = self.channel(channel).and_then(|own| own.stream.as_mut()) else { return Ok(()) };
        let Some((from, credit)) = reading.asks else { return Ok(()) };
        let queue = reading.stream.clone();
        match reading.reference.clone() {
            None => {
                reading.asks = None;
                let subscribe = StreamMessage::Subscribe { tag: channel.session, from, credit };
                self.tell_stream(now, &queue, channel.client, subscribe)
            }
            Some(reference) => {
                reading.again_at = now + again;
                let word = Word::Stream(StreamMessage::QueryOffset { reference });
                let leader = self.hosted.get(&queue).and_then(|own| own.leader(self.me));
                if let Some(leader) = leader {
                    self.send(leader, ClusterMessage::Ask { queue, channel, word });
                }
                Ok(())
            }
        }
    }

    /// What is due for channels: beats, those that are silent, and what is asked again.
    pub(super) fn wake_channels(&mut self, now: Time) -> Fallible<()> {
        let (beat, patience, me) = (Span(self.config.heartbeat.0 / BEATS), self.config.heartbeat, self.me);
        let (mut silent, mut beats, mut asks) = (Vec::new(), Vec::new(), Vec::new());
        for (&client, own) in self.channels.iter_mut().filter(|(client, _)| **client != me) {
            let channel = Channel { client, session: own.session };
            if now.since(own.heard) > patience && !own.reader.is_stopped() {
                silent.push(client);
            } else if own.beat_at <= now {
                own.beat_at = now + beat;
                beats.push(channel);
            }
            if own.stream.as_ref().is_some_and(|own| own.asks.is_some() && own.again_at <= now) {
                asks.push(channel);
            }
        }
        for client in silent {
            self.channel_gone(now, client)?;
        }
        for channel in beats {
            self.hear(channel, ToClient::Beat);
        }
        for channel in asks {
            self.begin_to_read(now, channel)?;
        }
        self.say_who_leaves(now)
    }

    /// Whose channels here consume a queue.
    pub(crate) fn readers(&self, queue: &Name) -> Vec<NodeId> {
        let reads = |own: &&ServerChannel| own.reading.as_ref().is_some_and(|own| own.queue == *queue);
        self.channels.iter().filter(|(_, own)| reads(own)).map(|(&client, _)| client).collect()
    }

    pub(super) fn next_of_channels(&self) -> Option<Time> {
        let own = self.channels.iter().filter(|(client, _)| **client != self.me);
        let own = own.map(|(_, own)| {
            let silent = (!own.reader.is_stopped()).then_some(own.heard + self.config.heartbeat + Span(1));
            silent.map_or(own.beat_at, |at| own.beat_at.min(at))
        });
        let open = self.channels.values().filter(|own| own.is_open());
        let asked = open.flat_map(|own| own.askers.values().filter(|asker| !asker.is_idle()));
        let asked = asked.map(|asker| asker.patience.again_at());
        let reading = self.channels.values().filter_map(|own| own.reading.as_ref());
        let reading = reading.filter(|reading| reading.is_open()).map(|reading| reading.patience.again_at());
        let streams = self.channels.values().filter_map(|own| own.stream.as_ref());
        let streams = streams.filter(|own| own.asks.is_some()).map(|own| own.again_at);
        own.chain(asked).chain(reading).chain(streams).min()
    }
}
