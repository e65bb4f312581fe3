//! The engine as a RabbitMQ 3.10 of one node: a virtual host, quorum queues of one member, and channels with names.

use std::collections::BTreeMap;

use mqlab_core::ids::{NodeId, Offset};
use mqlab_core::log::memory::MemoryStorage;
use mqlab_core::message::Message;
use mqlab_core::queue::ConsumerId;
use mqlab_core::systems::rabbitmq::x_death;
use mqlab_core::time::{Span, Time};
use mqlab_core::vhost::{ChannelId, ChannelOptions, Handle, Output, Publish, VirtualHost};

use super::quorum::{Delivery, Quorum};
use crate::broker::{Broker, Result};
use crate::script::{Script, Step};
use crate::seen::{self, Notes};

/// The channel that publishes; it is told what was stored.
pub(super) const PUBLISHER: ChannelId = ChannelId(1);

/// What a channel has not settled.
#[derive(Clone, Copy)]
pub(super) enum Held {
    /// Of a classic queue: its number with the host.
    Classic(Handle),
    /// Of a quorum queue: which consumer's, and which of its deliveries.
    Quorum(Offset, u64),
}

/// A channel.
pub(super) struct Channel {
    pub(super) id: ChannelId,
    /// As a client of quorum queues.
    pub(super) client: NodeId,
    /// What consumers may hold that are attached from now on.
    pub(super) prefetch: u32,
    /// The last number that it gave to a delivery.
    pub(super) last_tag: u64,
    /// By its number: the body, the queue if it is a quorum queue, and what settles it.
    pub(super) held: BTreeMap<u64, (String, Option<String>, Held)>,
}

/// A consumer: on which channel it is, and what ends it.
pub(super) struct Attached {
    pub(super) channel: String,
    pub(super) id: Source,
    pub(super) acks_by_itself: bool,
}

/// Where a consumer's messages come from.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Source {
    Classic(ConsumerId),
    Quorum(String, u32),
}

/// The profile.
pub struct Rabbit {
    pub(super) host: VirtualHost<MemoryStorage>,
    pub(super) now: Time,
    pub(super) quorum: BTreeMap<String, Quorum>,
    pub(super) channels: BTreeMap<String, Channel>,
    pub(super) consumers: BTreeMap<String, Attached>,
    pub(super) numbers: u64,
    pub(super) notes: Notes,
    shows_route: bool,
}

impl Default for Rabbit {
    fn default() -> Self {
        let (quorum, channels, consumers, notes) = Default::default();
        let host = VirtualHost::in_memory();
        Self {
            host,
            now: Time(1_000_000),
            quorum,
            channels,
            consumers,
            numbers: 1,
            notes,
            shows_route: false,
        }
    }
}

impl Broker for Rabbit {
    fn version(&self) -> String {
        "the profile for 3.10".into()
    }

    fn begin(&mut self, script: &Script) -> Result<()> {
        *self = Self { shows_route: script.show.iter().any(|what| what == "route"), ..Self::default() };
        self.host.write_death_headers(true);
        let options = ChannelOptions { confirms: true, ..ChannelOptions::default() };
        Ok(self.host.open_channel(self.now, PUBLISHER, options)?)
    }

    fn perform(&mut self, step: &Step) -> Result<Vec<String>> {
        self.take(step)?;
        self.look()?;
        Ok(self.notes.take())
    }

    fn end(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Rabbit {
    /// Lets time pass, moment by moment.
    pub(super) fn wait(&mut self, span: Span) -> Result<()> {
        let until = self.now + span;
        loop {
            let due = self.quorum.values().filter_map(Quorum::next_wakeup).chain(self.host.next_wakeup());
            let Some(next) = due.min().filter(|next| *next <= until) else { break };
            self.now = self.now.max(next);
            self.host.tick(self.now)?;
            for queue in self.quorum.values_mut() {
                queue.wake(self.now)?;
            }
            self.look()?;
        }
        self.now = until;
        Ok(())
    }

    /// Notes what came of what was done, until nothing more comes.
    pub(super) fn look(&mut self) -> Result<()> {
        loop {
            let before = self.notes.count();
            if self.host.next_wakeup().is_some_and(|at| at <= self.now) {
                self.host.tick(self.now)?;
            }
            self.host.flush()?;
            while let Some(output) = self.host.poll() {
                self.note(output);
            }
            let names: Vec<String> = self.quorum.keys().cloned().collect();
            for name in names {
                self.look_at(&name)?;
            }
            if self.notes.count() == before {
                return Ok(());
            }
        }
    }

    fn note(&mut self, output: Output) {
        let Output::Deliver(delivered) = output else { return };
        let id = Source::Classic(delivered.consumer);
        let Some((name, attached)) = self.consumers.iter().find(|(_, attached)| attached.id == id) else {
            return;
        };
        let (name, channel, acks) = (name.clone(), attached.channel.clone(), attached.acks_by_itself);
        let redelivered = delivered.is_redelivered();
        let seen = self.hold(
            &channel,
            (&delivered.message, delivered.queue.as_str(), redelivered),
            (!acks).then_some((None, Held::Classic(delivered.handle))),
        );
        self.notes.saw(&name, &seen);
    }

    /// What a quorum queue has to say.
    fn look_at(&mut self, name: &str) -> Result<()> {
        let Some(queue) = self.quorum.get_mut(name) else { return Ok(()) };
        let deliveries = queue.take_deliveries();
        let mut dead = Vec::new();
        while let Some(letter) = queue.next_dead(self.now, name)? {
            dead.push(letter);
        }
        for (client, delivery) in deliveries {
            let id = Source::Quorum(name.into(), delivery.tag);
            let on = |attached: &Attached| {
                attached.id == id
                    && self.channels.get(&attached.channel).is_some_and(|own| own.client == client)
            };
            let found = self.consumers.iter().find(|(_, attached)| on(attached));
            let Some((who, attached)) = found else { continue };
            let (who, channel) = (who.clone(), attached.channel.clone());
            let seen = self.hold_quorum(&channel, name, &delivery);
            self.notes.saw(&who, &seen);
        }
        for (exchange, key, letter) in dead {
            // A dead-letter exchange that is not there drops what it should get.
            if self.host.router().exchange(&exchange.parse()?).is_some() {
                self.host.publish_with(self.now, &exchange, &key, letter, Publish::default())?;
            }
        }
        Ok(())
    }

    /// Numbers a delivery of a quorum queue.
    pub(super) fn hold_quorum(&mut self, channel: &str, queue: &str, delivery: &Delivery) -> seen::Message {
        let held = Held::Quorum(delivery.key, delivery.number);
        let holds = Some((Some(queue.to_owned()), held));
        let mut seen = self.hold(channel, (&delivery.message, queue, delivery.acquired > 0), holds);
        if delivery.failed > 0 {
            seen.marks.push(format!("x-delivery-count={}", delivery.failed));
        }
        seen
    }

    /// Numbers a delivery of a channel, which holds it if it is to be settled; says what its consumer sees.
    pub(super) fn hold(
        &mut self,
        channel: &str,
        (message, queue, redelivered): (&Message, &str, bool),
        holds: Option<(Option<String>, Held)>,
    ) -> seen::Message {
        let body = message.text().into_owned();
        let mut tag = None;
        if let Some(channel) = self.channels.get_mut(channel) {
            channel.last_tag += 1;
            tag = Some(channel.last_tag);
            if let Some((of, held)) = holds {
                channel.held.insert(channel.last_tag, (body, of, held));
            }
        }
        seen_of(message, queue, (tag, redelivered), self.shows_route)
    }
}

/// What can be seen of a message.
fn seen_of(
    message: &Message,
    queue: &str,
    (tag, redelivered): (Option<u64>, bool),
    shows_route: bool,
) -> seen::Message {
    let route = || (message.exchange().to_owned(), message.routing_key().unwrap_or(queue).to_owned());
    let deaths = x_death(message).into_iter().map(|death| seen::Death {
        queue: death.queue.to_string(),
        reason: death.reason.into(),
        count: death.count.into(),
        exchange: death.exchange.to_string(),
        keys: death.routing_keys.iter().map(ToString::to_string).collect(),
        expiration: death.original_expiration,
    });
    let header = |name: &str| message.headers().get(name).map(|value| format!("{name}={value}"));
    seen::Message {
        body: message.text().into_owned(),
        tag,
        redelivered,
        route: shows_route.then(route),
        expiration: message.ttl().map(|ttl| (ttl.0 / 1_000).to_string()),
        deaths: deaths.collect(),
        marks: ["x-first-death-queue", "x-first-death-reason"].into_iter().filter_map(header).collect(),
    }
}
