//! The engine as an ActiveMQ 5.17, and as its JMS client: what a consumer is pushed it keeps until its program asks.

use std::collections::BTreeMap;

use mqlab_core::ids::Name;
use mqlab_core::log::memory::MemoryStorage;
use mqlab_core::message::Message;
use mqlab_core::queue::ConsumerId;
use mqlab_core::rng::{Rng, Stream};
use mqlab_core::systems::activemq::{
    self, BrokerError, DestinationPolicy, Dispatched, MessageConsumer, RedeliveryPolicy, RolledBack,
};
use mqlab_core::time::{Span, Time};
use mqlab_core::vhost::{ChannelId, ChannelOptions, Output};

use crate::broker::{Broker, Result};
use crate::script::{Script, Step};
use crate::seen::{self, Notes};

/// How long a program waits for a message that does not come, in milliseconds, where the script does not say.
const WITHIN_MILLIS: u64 = 250;

/// When a session acknowledges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Session {
    Auto,
    Client,
    Individual,
    Transacted,
}

/// A consumer with a session and a connection of its own.
struct Client {
    id: ConsumerId,
    channel: ChannelId,
    session: Session,
    /// Whether it asks for each message.
    pulls: bool,
    consumer: MessageConsumer,
    /// What a session that acknowledges one by one has received.
    received: Vec<Dispatched>,
}

/// The profile.
pub struct Active {
    broker: activemq::Broker<MemoryStorage>,
    now: Time,
    clients: BTreeMap<String, Client>,
    channels: u64,
    rng: Rng,
    notes: Notes,
}

impl Default for Active {
    fn default() -> Self {
        let broker = activemq::Broker::in_memory();
        let (clients, notes) = Default::default();
        Self { broker, now: Time(1_000_000), clients, channels: 0, rng: Rng::new(1, Stream::Workload), notes }
    }
}

impl Broker for Active {
    fn version(&self) -> String {
        "the profile for 5.17".into()
    }

    fn begin(&mut self, script: &Script) -> Result<()> {
        *self = Self::default();
        let mut policy = DestinationPolicy::default();
        for setting in &script.broker {
            match setting.split_once('=').unwrap_or((setting, "")) {
                ("prioritized", _) => policy.prioritized_messages = true,
                ("strict", _) => policy.strict_order_dispatch = true,
                ("scheduler", _) => policy.scheduler_support = true,
                ("sweep", millis) => policy.expire_messages_period = Span::from_millis(millis.parse()?),
                _ => return Err(format!("no broker is set so: {setting}").into()),
            }
        }
        self.broker = activemq::Broker::open(MemoryStorage::default(), policy, self.now)?;
        Ok(())
    }

    fn perform(&mut self, step: &Step) -> Result<Vec<String>> {
        self.take(step)?;
        self.pump()?;
        Ok(self.notes.take())
    }

    fn end(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Active {
    fn take(&mut self, step: &Step) -> Result<()> {
        match step.verb.as_str() {
            "queue" => {
                self.broker.declare_queue(self.now, step.word(0)?)?;
                Ok(())
            }
            "send" | "publish" => self.send(step),
            "consume" | "subscribe" => self.attach(step),
            "receive" => self.receive(step),
            "ack" => self.ack(step),
            "commit" => {
                let client = self.client(step)?;
                let done = client.consumer.commit();
                self.acknowledge(done)
            }
            "rollback" => self.roll_back(step),
            "close" => {
                let Some(client) = self.clients.remove(step.word(0)?) else { return step.unknown() };
                Ok(self.broker.leave(self.now, client.channel)?)
            }
            "wait" => self.wait(Span::from_millis(step.count(0, 0)?)),
            "browse" => {
                let found = match self.broker.host().queue(step.word(0)?) {
                    Some(_) => self.broker.host_mut().browse(self.now, step.word(0)?, 1_000)?,
                    None => Vec::new(),
                };
                let bodies: Vec<String> =
                    found.iter().map(|found| found.message.text().into_owned()).collect();
                self.notes.tell(format!("{}: {}", step.word(0)?, bodies.join(" ")).trim_end().to_owned());
                Ok(())
            }
            "unsubscribe" => {
                let (client, name) = (Name::new(step.word(0)?)?, Name::new(step.word(1)?)?);
                if let Err(error) = self.broker.host_mut().unsubscribe(self.now, Some(&client), &name) {
                    self.notes.tell(format!("refused: {}", refusal(error.code())));
                }
                Ok(())
            }
            _ => step.unknown(),
        }
    }

    fn client(&mut self, step: &Step) -> Result<&mut Client> {
        let name = step.word(0)?;
        self.clients.get_mut(name).ok_or_else(|| format!("no consumer {name}").into())
    }

    fn send(&mut self, step: &Step) -> Result<()> {
        for body in step.from(1) {
            let message = message(step, body)?;
            let sent = if step.verb == "publish" {
                self.broker.publish(self.now, step.word(0)?, message).map(drop)
            } else {
                self.broker.send(self.now, step.word(0)?, message)
            };
            if let Err(error) = sent {
                self.notes.tell(format!("refused: {}", refused(&error)));
            }
            self.pump()?;
        }
        Ok(())
    }

    fn attach(&mut self, step: &Step) -> Result<()> {
        let name = step.word(1)?.to_owned();
        self.channels += 1;
        let channel = ChannelId(self.channels);
        self.broker.host_mut().open_channel(self.now, channel, ChannelOptions::default())?;
        let selector = step.text("selector").unwrap_or_default();
        let attached = if step.verb == "consume" {
            let mut options = vec![];
            options.extend(step.number("prefetch").map(|size| format!("consumer.prefetchSize={size}")));
            options.extend(step.number("priority").map(|priority| format!("consumer.priority={priority}")));
            options.extend(step.is("exclusive").then(|| "consumer.exclusive=true".to_owned()));
            let destination = format!("{}?{}", step.word(0)?, options.join("&"));
            self.broker.consume_on(self.now, channel, &destination, selector)
        } else if step.is("durable") {
            let client = Name::new(step.text("client").unwrap_or("client"))?;
            let subscription = Name::new(step.text("name").unwrap_or(&name))?;
            let names = (&client, &subscription);
            self.broker.subscribe_durably(self.now, channel, names, step.word(0)?, selector)
        } else {
            self.broker.subscribe(self.now, channel, step.word(0)?, selector)
        };
        let id = match attached {
            Ok(id) => id,
            Err(error) => {
                self.notes.tell(format!("refused: {}", refused(&error)));
                return Ok(());
            }
        };
        let mut policy = RedeliveryPolicy::default();
        if let Some(most) = step.number("redeliveries") {
            policy.maximum_redeliveries = u32::try_from(most).ok();
        }
        if let Some(millis) = step.number("delay") {
            let delay = Span::from_millis(u64::try_from(millis)?);
            (policy.initial_redelivery_delay, policy.redelivery_delay) = (delay, delay);
        }
        if let Some(percent) = step.number("backoff") {
            policy.use_exponential_back_off = true;
            policy.back_off_multiplier_percent = u32::try_from(percent)?;
        }
        let session = match step.flags.iter().find(|flag| *flag != "durable" && *flag != "exclusive") {
            None => Session::Auto,
            Some(flag) if flag == "client" => Session::Client,
            Some(flag) if flag == "individual" => Session::Individual,
            Some(flag) if flag == "transacted" => Session::Transacted,
            Some(_) => return step.unknown(),
        };
        let (pulls, received) = (step.number("prefetch") == Some(0), Vec::new());
        let consumer = MessageConsumer::new(policy);
        self.clients.insert(name, Client { id, channel, session, pulls, consumer, received });
        Ok(())
    }

    /// What was pushed goes to whom it is for.
    fn pump(&mut self) -> Result<()> {
        self.broker.host_mut().flush()?;
        while let Some(output) = self.broker.host_mut().poll() {
            if let Output::Deliver(delivered) = output
                && let Some(client) = self.clients.values_mut().find(|client| client.id == delivered.consumer)
            {
                client.consumer.pushed(delivered);
            }
        }
        Ok(())
    }

    fn wait(&mut self, span: Span) -> Result<()> {
        self.wait_until(self.now + span)
    }

    fn wait_until(&mut self, until: Time) -> Result<()> {
        while let Some(next) = self.broker.host().next_wakeup().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            self.broker.host_mut().tick(self.now)?;
            self.pump()?;
        }
        self.now = until;
        Ok(())
    }

    fn receive(&mut self, step: &Step) -> Result<()> {
        let within = step.number("within").map(u64::try_from).transpose()?.unwrap_or(WITHIN_MILLIS);
        for _ in 0..step.count(1, 1)? {
            let until = self.now + Span::from_millis(within);
            match self.next(step, until)? {
                Some(dispatched) => {
                    let seen = seen::Message {
                        body: dispatched.delivered.message.text().into_owned(),
                        redelivered: dispatched.is_redelivered(),
                        marks: vec![format!("count={}", dispatched.delivery_count())],
                        ..seen::Message::default()
                    };
                    self.notes.tell(format!("got {seen}"));
                }
                None => {
                    self.notes.tell("got nothing");
                    break;
                }
            }
        }
        Ok(())
    }

    /// The next message for a program that waits until then.
    fn next(&mut self, step: &Step, until: Time) -> Result<Option<Dispatched>> {
        loop {
            let now = self.now;
            let client = self.client(step)?;
            let (pulls, id) = (client.pulls, client.id);
            let mut next = client.consumer.receive(now);
            if next.is_none() && pulls {
                let pulled = self.broker.host_mut().receive_for(now, id)?;
                let client = self.client(step)?;
                pulled.into_iter().for_each(|delivered| client.consumer.pushed(delivered));
                next = client.consumer.receive(now);
            }
            if let Some(dispatched) = next {
                self.received(step, &dispatched)?;
                return Ok(Some(dispatched));
            }
            let own = self.client(step)?.consumer.next_wakeup().filter(|at| *at > now);
            let due = [own, self.broker.host().next_wakeup()].into_iter().flatten().min();
            match due.filter(|at| *at <= until) {
                Some(at) => {
                    self.wait_until(at.max(now))?;
                    self.broker.host_mut().tick(self.now)?;
                    self.pump()?;
                }
                None => {
                    self.wait_until(until)?;
                    return Ok(None);
                }
            }
        }
    }

    /// A program has a message.
    fn received(&mut self, step: &Step, dispatched: &Dispatched) -> Result<()> {
        let client = self.client(step)?;
        match client.session {
            Session::Auto => {
                let done = client.consumer.commit();
                self.acknowledge(done)
            }
            Session::Individual => {
                let received = client.consumer.commit();
                client.received.extend(received);
                Ok(self.broker.host_mut().seen(self.now, dispatched.delivered.handle)?)
            }
            Session::Client | Session::Transacted => {
                Ok(self.broker.host_mut().seen(self.now, dispatched.delivered.handle)?)
            }
        }?;
        self.pump()
    }

    fn acknowledge(&mut self, done: Vec<Dispatched>) -> Result<()> {
        for dispatched in done {
            self.broker.host_mut().ack(self.now, dispatched.delivered.handle)?;
        }
        Ok(())
    }

    /// Everything that was received is acknowledged; in a session that does so one by one, what the step names.
    fn ack(&mut self, step: &Step) -> Result<()> {
        let named: Vec<&str> = step.from(1).collect();
        let client = self.client(step)?;
        let done = match client.session {
            Session::Individual => {
                let is_named = |one: &Dispatched| named.contains(&&*one.delivered.message.text());
                let (done, left) = std::mem::take(&mut client.received).into_iter().partition(is_named);
                client.received = left;
                done
            }
            _ => client.consumer.commit(),
        };
        self.acknowledge(done)
    }

    fn roll_back(&mut self, step: &Step) -> Result<()> {
        let now = self.now;
        let mut rng = self.rng.clone();
        let rolled = self.client(step)?.consumer.roll_back(now, &mut rng);
        self.rng = rng;
        if let RolledBack::Poison(poison, cause) = rolled {
            for dispatched in poison {
                self.broker.poison(now, &dispatched, &cause)?;
            }
        }
        Ok(())
    }
}

/// Why a broker refuses, in a word that JMS has for it.
fn refusal(code: u16) -> &'static str {
    match code {
        403 => "in use",
        404 => "unknown",
        502 => "invalid destination",
        _ => "refused",
    }
}

fn refused<E: std::fmt::Display>(error: &BrokerError<E>) -> &'static str {
    match error {
        BrokerError::Host(error) => refusal(error.code()),
        BrokerError::Selector(_) => "invalid selector",
        _ => "invalid destination",
    }
}

/// The message that a step sends.
fn message(step: &Step, body: &str) -> Result<Message> {
    let mut message = Message::new(body.to_owned()).with_headers(step.headers("h."));
    if let Some(millis) = step.number("ttl") {
        message = message.with_ttl(Span::from_millis(u64::try_from(millis)?));
    }
    if let Some(priority) = step.number("priority") {
        message = message.with_priority(u8::try_from(priority)?);
    }
    if let Some(group) = step.text("group") {
        message = message.with_group(group);
    }
    if let Some(sequence) = step.number("seq") {
        message = message.with_group_sequence(i32::try_from(sequence)?);
    }
    if let Some(kind) = step.text("type") {
        message = message.with_kind(kind);
    }
    Ok(if step.is("transient") { message.transient() } else { message })
}
