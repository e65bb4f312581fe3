//! The verbs of RabbitMQ's scripts, for the engine.

use std::collections::BTreeMap;

use mqlab_core::ids::{Name, NodeId, Offset};
use mqlab_core::message::{Message, Value};
use mqlab_core::queue::{AckMode, ConsumerOptions, Flow};
use mqlab_core::routing::{Binding, Destination, ExchangeKind, ExchangeOptions, HashBy};
use mqlab_core::systems::rabbitmq::{Declared, declare};
use mqlab_core::time::Span;
use mqlab_core::vhost::{ChannelId, ChannelOptions, Handle, Publish};

use super::quorum::Quorum;
use super::rabbit::{Attached, Channel, Held, PUBLISHER, Rabbit, Source};
use crate::broker::Result;
use crate::script::Step;
use crate::seen::named;

/// The channel of whoever asks for messages and names none.
const GET: &str = "get";

impl Rabbit {
    /// Does a step. What the host refuses is noted.
    pub(super) fn take(&mut self, step: &Step) -> Result<()> {
        match step.verb.as_str() {
            "exchange" => self.exchange(step),
            "queue" => self.queue(step),
            "bind" | "link" => self.bind(step, true),
            "unbind" => self.bind(step, false),
            "publish" => self.publish(step, step.word(0)?, step.word(1)?, 2),
            "send" => self.publish(step, "", step.word(0)?, 1),
            "channel" => self.channel(step),
            "consume" => self.consume(step),
            "cancel" => self.cancel(step),
            "close" => self.close(step.word(0)?),
            "get" => self.get(step),
            "ack" => self.settle(step, Verdict::Ack),
            "nack" | "reject" if step.is("requeue") => self.settle(step, Verdict::Requeue),
            "nack" | "reject" => self.settle(step, Verdict::Refuse),
            "wait" => self.wait(Span::from_millis(step.count(0, 0)?)),
            "count" => step.from(0).try_for_each(|queue| {
                let ready = self.ready(queue)?;
                self.notes.tell(format!("{queue}: {ready} ready"));
                Ok(())
            }),
            "total" => {
                let counts = step.from(0).map(|queue| self.ready(queue)).collect::<Result<Vec<u64>>>()?;
                let held = counts.iter().filter(|count| **count > 0).count();
                let all: u64 = counts.iter().sum();
                self.notes.tell(format!("{all} ready, in {held} of {}", counts.len()));
                Ok(())
            }
            "purge" => {
                let count = self.host.purge(self.now, step.word(0)?)?;
                self.notes.tell(format!("{count} purged"));
                Ok(())
            }
            "delete" => {
                self.host.delete_queue(self.now, step.word(0)?)?;
                Ok(())
            }
            _ => step.unknown(),
        }
    }

    fn ready(&self, queue: &str) -> Result<u64> {
        match (self.quorum.get(queue), self.host.queue(queue)) {
            (Some(quorum), _) => Ok(quorum.ready()),
            (None, Some(classic)) => Ok(classic.stats().ready),
            (None, None) => Err(format!("no queue {queue}").into()),
        }
    }

    fn refused(&mut self, what: &str, code: u16) {
        self.notes.tell(format!("{what}: closed {code}"));
    }

    fn exchange(&mut self, step: &Step) -> Result<()> {
        let kind = match step.word(1)? {
            "direct" => ExchangeKind::Direct,
            "fanout" => ExchangeKind::Fanout,
            "topic" => ExchangeKind::Topic,
            "headers" => ExchangeKind::Headers,
            "x-consistent-hash" => {
                let by =
                    step.text("hash-header").map_or(HashBy::RoutingKey, |name| HashBy::Header(name.into()));
                ExchangeKind::ConsistentHash { by }
            }
            _ => return step.unknown(),
        };
        let alternate = step.text("alternate-exchange").map(str::parse).transpose()?;
        let options = ExchangeOptions {
            alternate,
            internal: step.is("internal"),
            durable: true,
            ..ExchangeOptions::new(kind)
        };
        if let Err(error) = self.host.declare_exchange_with(step.word(0)?, options) {
            self.refused(step.word(0)?, error.code());
        }
        Ok(())
    }

    fn queue(&mut self, step: &Step) -> Result<()> {
        let name = step.word(0)?;
        let arguments = step.headers("");
        match declare(&arguments) {
            Ok(Declared::Classic(options)) => {
                if let Err(error) = self.host.declare_queue(self.now, name, options) {
                    self.refused(name, error.code());
                }
            }
            Ok(Declared::Quorum { options, dead_letter, .. }) => {
                let named_limit = step.setting("x-delivery-limit").is_some();
                let queue = Quorum::open(self.now, name, (options, named_limit), dead_letter)?;
                self.quorum.insert(name.into(), queue);
            }
            Ok(Declared::Stream { .. }) => return step.unknown(),
            Err(_) => self.refused(name, 406),
        }
        Ok(())
    }

    fn bind(&mut self, step: &Step, bound: bool) -> Result<()> {
        let to = match step.verb.as_str() {
            "link" => Destination::Exchange(step.word(1)?.parse()?),
            _ => Destination::Queue(Name::new(step.word(1)?)?),
        };
        let key = step.words.get(2).map_or("", String::as_str);
        let binding = Binding::new(step.word(0)?.parse()?, to, key).with_arguments(step.headers(""));
        let done = if bound { self.host.bind_with(binding) } else { self.host.unbind(&binding) };
        if let Err(error) = done {
            self.refused(named(step.word(0)?), error.code());
        }
        Ok(())
    }

    fn publish(&mut self, step: &Step, exchange: &str, key: &str, first: usize) -> Result<()> {
        for body in step.from(first) {
            let message = message(step, body)?;
            if exchange.is_empty() && self.quorum.contains_key(key) {
                let Some(queue) = self.quorum.get_mut(key) else { continue };
                let stored = queue.publish(self.now, message)?;
                self.notes.tell(format!("{body}: {}", confirmed(stored)));
            } else {
                self.publish_one(step, (exchange, key), message)?;
            }
            self.look()?;
        }
        Ok(())
    }

    fn publish_one(&mut self, step: &Step, (exchange, key): (&str, &str), message: Message) -> Result<()> {
        let body = message.text().into_owned();
        let how = Publish { channel: PUBLISHER, mandatory: step.is("mandatory"), retain: false };
        let published = match self.host.publish_with(self.now, exchange, key, message, how) {
            Ok(published) => published,
            Err(error) => {
                self.refused(&body, error.code());
                return Ok(());
            }
        };
        let mut told = String::new();
        if published.returned {
            // What came back says where it was published to.
            told = format!("returned 312 {}/{}, ", named(exchange), named(key));
        }
        self.notes.tell(format!("{body}: {told}{}", confirmed(published.is_stored())));
        Ok(())
    }

    fn channel(&mut self, step: &Step) -> Result<()> {
        let name = step.word(0)?.to_owned();
        let window = u32::try_from(step.number("window").unwrap_or(0))?;
        let prefetch = u32::try_from(step.number("prefetch").unwrap_or(0))?;
        self.open(&name, window, prefetch)
    }

    fn open(&mut self, name: &str, window: u32, prefetch: u32) -> Result<()> {
        self.numbers += 1;
        let (id, client) = (ChannelId(self.numbers), NodeId::Consumer(u16::try_from(self.numbers)?));
        self.host.open_channel(self.now, id, ChannelOptions { window, ..ChannelOptions::default() })?;
        let channel = Channel { id, client, prefetch, last_tag: 0, held: Default::default() };
        self.channels.insert(name.into(), channel);
        Ok(())
    }

    fn consume(&mut self, step: &Step) -> Result<()> {
        let (queue, name) = (step.word(0)?, step.word(1)?.to_owned());
        let on = step.text("on").unwrap_or(&name).to_owned();
        if !self.channels.contains_key(&on) {
            self.open(&on, 0, 0)?;
        }
        let Some(channel) = self.channels.get(&on) else { return step.unknown() };
        let prefetch = step.number("prefetch").map(u32::try_from).transpose()?.unwrap_or(channel.prefetch);
        let priority = i32::try_from(step.number("priority").unwrap_or(0))?;
        let acks_by_itself = step.is("auto");
        if let Some(quorum) = self.quorum.get_mut(queue) {
            self.numbers += 1;
            let tag = u32::try_from(self.numbers)?;
            let id = Source::Quorum(queue.into(), tag);
            self.consumers.insert(name, Attached { channel: on, id, acks_by_itself });
            return quorum.consume(self.now, channel.client, tag, (prefetch, priority));
        }
        let options = ConsumerOptions {
            flow: Flow::Prefetch(prefetch),
            ack: if acks_by_itself { AckMode::Automatic } else { AckMode::Explicit },
            priority,
            ..ConsumerOptions::default()
        };
        match self.host.consume_on(self.now, channel.id, queue, options) {
            Ok(id) => {
                let id = Source::Classic(id);
                self.consumers.insert(name, Attached { channel: on, id, acks_by_itself });
            }
            Err(error) => self.refused(&name, error.code()),
        }
        Ok(())
    }

    fn cancel(&mut self, step: &Step) -> Result<()> {
        let Some(attached) = self.consumers.remove(step.word(0)?) else { return step.unknown() };
        let Some(channel) = self.channels.get(&attached.channel) else { return step.unknown() };
        match attached.id {
            Source::Classic(id) => Ok(self.host.cancel(self.now, id)?),
            Source::Quorum(queue, tag) => match self.quorum.get_mut(&queue) {
                Some(quorum) => quorum.cancel(self.now, channel.client, tag),
                None => step.unknown(),
            },
        }
    }

    fn close(&mut self, name: &str) -> Result<()> {
        let Some(channel) = self.channels.remove(name) else {
            return Err(format!("no channel {name}").into());
        };
        self.consumers.retain(|_, attached| attached.channel != name);
        for quorum in self.quorum.values_mut() {
            quorum.hang_up(self.now, channel.client)?;
        }
        Ok(self.host.close_channel(self.now, channel.id)?)
    }

    fn get(&mut self, step: &Step) -> Result<()> {
        let queue = step.word(0)?;
        let on = step.text("on").unwrap_or(GET).to_owned();
        if !self.channels.contains_key(&on) {
            self.open(&on, 0, 0)?;
        }
        let Some((id, client)) = self.channels.get(&on).map(|channel| (channel.id, channel.client)) else {
            return step.unknown();
        };
        for _ in 0..step.count(1, 1)? {
            let seen = if let Some(quorum) = self.quorum.get_mut(queue) {
                let found = quorum.get(self.now, client)?;
                found.map(|delivery| self.hold_quorum(&on, queue, &delivery))
            } else {
                let found = self.host.receive_on(self.now, id, queue)?;
                found.map(|delivered| {
                    let redelivered = delivered.is_redelivered();
                    let holds = Some((None, Held::Classic(delivered.handle)));
                    self.hold(&on, (&delivered.message, queue, redelivered), holds)
                })
            };
            match seen {
                Some(seen) => self.notes.tell(format!("got {seen}, {} left", self.ready(queue)?)),
                None => {
                    self.notes.tell("got nothing");
                    break;
                }
            }
        }
        Ok(())
    }

    /// Settles deliveries of a channel: by their bodies, or `#n` by their numbers; 0 is all of them.
    fn settle(&mut self, step: &Step, verdict: Verdict) -> Result<()> {
        let name = step.word(0)?.to_owned();
        let name = self.consumers.get(&name).map_or(name.clone(), |attached| attached.channel.clone());
        for what in step.from(1) {
            let Some(channel) = self.channels.get_mut(&name) else {
                return Err(format!("no channel {name}").into());
            };
            let tag = match what.strip_prefix('#') {
                Some(number) => number.parse()?,
                None => {
                    let found = channel.held.iter().rev().find(|(_, (body, ..))| body == what);
                    *found.ok_or_else(|| format!("{name} does not hold {what}"))?.0
                }
            };
            let all = step.is("multiple");
            let meant: Vec<u64> = match (all, tag) {
                (true, 0) => channel.held.keys().copied().collect(),
                (true, _) if channel.held.contains_key(&tag) => {
                    channel.held.range(..=tag).map(|(tag, _)| *tag).collect()
                }
                _ => channel.held.get(&tag).map(|_| tag).into_iter().collect(),
            };
            let client = channel.client;
            let held: Vec<_> = meant.iter().filter_map(|tag| channel.held.remove(tag)).collect();
            if held.is_empty() && !(all && tag == 0) {
                // The host knows no such delivery either: it closes the channel.
                let unknown = Handle { channel: channel.id, tag: u64::MAX };
                if let Err(error) = self.host.ack(self.now, unknown) {
                    self.refused(&name, error.code());
                    self.close(&name)?;
                }
                return Ok(());
            }
            self.judge(client, held, verdict)?;
            self.look()?;
        }
        Ok(())
    }

    /// Settles what a channel held, in the order of its numbers: what a client says at once is done at once.
    fn judge(
        &mut self,
        client: NodeId,
        held: Vec<(String, Option<String>, Held)>,
        verdict: Verdict,
    ) -> Result<()> {
        let mut classic: Vec<Handle> = Vec::new();
        let mut quorum: BTreeMap<(String, Offset), Vec<u64>> = BTreeMap::new();
        for (_, queue, held) in held {
            match (held, queue) {
                (Held::Quorum(key, number), Some(name)) => {
                    quorum.entry((name, key)).or_default().push(number)
                }
                (Held::Classic(handle), _) => classic.push(handle),
                (Held::Quorum(..), None) => {}
            }
        }
        for ((name, key), numbers) in quorum {
            let Some(queue) = self.quorum.get_mut(&name) else { continue };
            match verdict {
                Verdict::Ack => queue.settle(self.now, client, key, numbers)?,
                Verdict::Requeue => queue.refuse(self.now, client, (key, numbers), true)?,
                Verdict::Refuse => queue.refuse(self.now, client, (key, numbers), false)?,
            }
        }
        match (classic.as_slice(), verdict) {
            ([], _) => Ok(()),
            ([only], Verdict::Ack) => Ok(self.host.ack(self.now, *only)?),
            ([only], _) => Ok(self.host.nack(self.now, *only, matches!(verdict, Verdict::Requeue))?),
            ([.., last], Verdict::Ack) => Ok(self.host.ack_until(self.now, *last)?),
            ([.., last], _) => {
                Ok(self.host.nack_until(self.now, *last, matches!(verdict, Verdict::Requeue))?)
            }
        }
    }
}

/// How deliveries end.
#[derive(Clone, Copy)]
enum Verdict {
    Ack,
    Requeue,
    Refuse,
}

fn confirmed(stored: bool) -> &'static str {
    if stored { "confirmed" } else { "refused" }
}

/// The message that a step publishes.
fn message(step: &Step, body: &str) -> Result<Message> {
    let mut message = Message::new(body.to_owned()).with_headers(step.headers("h."));
    if let Some(millis) = step.number("expiration") {
        message = message.with_ttl(Span::from_millis(u64::try_from(millis)?));
    }
    if let Some(priority) = step.number("priority") {
        message = message.with_priority(u8::try_from(priority)?);
    }
    if let Some(Value::Bool(false)) = step.setting("persistent") {
        message = message.transient();
    }
    Ok(message)
}
