//! A real RabbitMQ, driven by lapin.
//!
//! When is all quiet? Publishing waits for its confirm, and a queue pushes before it confirms. Then each channel, and each
//! queue, is asked for something in turn: an answer comes behind what was under way before it. When two rounds in a row
//! bring nothing new, that was all.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lapin::message::DeliveryResult;
use lapin::options::*;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Acker, Channel, Confirmation, Connection, ConnectionProperties, ExchangeKind};
use tokio::runtime::Runtime;

use super::rabbit_client::{code, properties, seen, table};
use super::rabbit_server::Server;
use crate::broker::{Broker, Result};
use crate::script::{Script, Step};
use crate::seen::{Message, Notes, named};

/// The channel of whoever asks for messages and names none.
const GET: &str = "get";
/// A queue that is always there, to be asked for.
const ALWAYS_THERE: &str = "mqlab.fidelity";
/// How long a round waits; and how many rounds without news are enough.
const ROUND: Duration = Duration::from_millis(20);
const QUIET_ROUNDS: u32 = 2;

/// What consumers were handed, in order, and not yet noted.
type Inbox = Arc<Mutex<Vec<Arrival>>>;

/// Something that came to a consumer.
enum Arrival {
    Message { who: String, channel: String, acker: Option<Acker>, message: Box<Message> },
    Closed { channel: String, code: u16 },
}

/// A channel, and by which number each delivery is settled.
struct Open {
    channel: Channel,
    held: BTreeMap<u64, (String, Acker)>,
}

/// The server, and a client of it.
pub struct Rabbit {
    connection: Connection,
    /// Declares, and asks.
    control: Channel,
    publisher: Channel,
    channels: BTreeMap<String, Open>,
    /// On which channel each consumer is.
    consumers: BTreeMap<String, String>,
    inbox: Inbox,
    queues: Vec<String>,
    exchanges: Vec<String>,
    notes: Notes,
    shows_route: bool,
    runtime: Runtime,
    server: Server,
}

impl Rabbit {
    /// Starts a server in a folder, and connects.
    ///
    /// # Errors
    ///
    /// [`NotInstalled`](super::NotInstalled) where there is none; when it does not start or answer.
    pub fn start(folder: &Path) -> Result<Self> {
        let server = Server::start(folder)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let address = format!("amqp://guest:guest@127.0.0.1:{}/%2f", server.port);
        let connection = runtime
            .block_on(async { Connection::connect(&address, ConnectionProperties::default()).await })?;
        let control = runtime.block_on(connection.create_channel())?;
        let publisher = runtime.block_on(connection.create_channel())?;
        runtime.block_on(publisher.confirm_select(ConfirmSelectOptions::default()))?;
        let always =
            control.queue_declare(ALWAYS_THERE.into(), QueueDeclareOptions::default(), FieldTable::default());
        runtime.block_on(always)?;
        let (channels, consumers, inbox, queues) = Default::default();
        let (exchanges, notes, shows_route) = Default::default();
        Ok(Self {
            connection,
            control,
            publisher,
            channels,
            consumers,
            inbox,
            queues,
            exchanges,
            notes,
            shows_route,
            runtime,
            server,
        })
    }
}

impl Broker for Rabbit {
    fn version(&self) -> String {
        format!("RabbitMQ {}", self.server.version)
    }

    fn begin(&mut self, script: &Script) -> Result<()> {
        self.shows_route = script.show.iter().any(|what| what == "route");
        self.notes = Notes::default();
        Ok(())
    }

    fn perform(&mut self, step: &Step) -> Result<Vec<String>> {
        // The runtime is taken along, since what is done needs all the rest.
        let handle = self.runtime.handle().clone();
        handle.block_on(async {
            self.take(step).await?;
            if !["exchange", "queue", "bind", "link", "channel", "count", "total"]
                .contains(&step.verb.as_str())
            {
                self.settle_down().await?;
            }
            Ok(self.notes.take())
        })
    }

    fn end(&mut self) -> Result<()> {
        let handle = self.runtime.handle().clone();
        handle.block_on(async {
            for (_, open) in std::mem::take(&mut self.channels) {
                if open.channel.status().connected() {
                    open.channel.close(200, "done".into()).await?;
                }
            }
            for queue in std::mem::take(&mut self.queues) {
                self.control.queue_delete(queue.into(), QueueDeleteOptions::default()).await?;
            }
            for exchange in std::mem::take(&mut self.exchanges) {
                self.control.exchange_delete(exchange.into(), ExchangeDeleteOptions::default()).await?;
            }
            self.consumers.clear();
            self.inbox.lock().unwrap_or_else(PoisonError::into_inner).clear();
            Ok(())
        })
    }
}

impl Rabbit {
    async fn take(&mut self, step: &Step) -> Result<()> {
        match step.verb.as_str() {
            "exchange" => self.exchange(step).await,
            "queue" => self.queue(step).await,
            "bind" | "link" | "unbind" => self.bind(step).await,
            "publish" => self.publish(step, step.word(0)?, step.word(1)?, 2).await,
            "send" => self.publish(step, "", step.word(0)?, 1).await,
            "channel" => self.open(step.word(0)?, step).await,
            "consume" => self.consume(step).await,
            "cancel" => {
                let name = step.word(0)?;
                let Some(on) = self.consumers.get(name).and_then(|on| self.channels.get(on)) else {
                    return step.unknown();
                };
                Ok(on.channel.basic_cancel(name.into(), BasicCancelOptions::default()).await?)
            }
            "close" => {
                let Some(open) = self.channels.remove(step.word(0)?) else { return step.unknown() };
                Ok(open.channel.close(200, "done".into()).await?)
            }
            "get" => self.get(step).await,
            "ack" | "nack" | "reject" => self.settle(step).await,
            "wait" => {
                tokio::time::sleep(Duration::from_millis(step.count(0, 0)?)).await;
                Ok(())
            }
            "count" => {
                for queue in step.from(0) {
                    let ready = self.ready(queue).await?;
                    self.notes.tell(format!("{queue}: {ready} ready"));
                }
                Ok(())
            }
            "total" => {
                let (mut all, mut held, mut asked) = (0, 0, 0);
                for queue in step.from(0) {
                    let ready = self.ready(queue).await?;
                    (all, held, asked) = (all + ready, held + u32::from(ready > 0), asked + 1);
                }
                self.notes.tell(format!("{all} ready, in {held} of {asked}"));
                Ok(())
            }
            "purge" => {
                let count =
                    self.control.queue_purge(step.word(0)?.into(), QueuePurgeOptions::default()).await?;
                self.notes.tell(format!("{count} purged"));
                Ok(())
            }
            "delete" => {
                let name = step.word(0)?;
                self.queues.retain(|queue| queue != name);
                self.control.queue_delete(name.into(), QueueDeleteOptions::default()).await?;
                Ok(())
            }
            _ => step.unknown(),
        }
    }

    /// Notes a refusal, and opens the channel anew that it closed; any other failure is one.
    async fn refused(&mut self, what: &str, error: lapin::Error) -> Result<()> {
        let Some(code) = code(&error) else { return Err(error.into()) };
        self.notes.tell(format!("{what}: closed {code}"));
        if !self.control.status().connected() {
            self.control = self.connection.create_channel().await?;
        }
        if !self.publisher.status().connected() {
            self.publisher = self.connection.create_channel().await?;
            self.publisher.confirm_select(ConfirmSelectOptions::default()).await?;
        }
        Ok(())
    }

    async fn ready(&self, queue: &str) -> Result<u32> {
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        Ok(self.control.queue_declare(queue.into(), passive, FieldTable::default()).await?.message_count())
    }

    async fn exchange(&mut self, step: &Step) -> Result<()> {
        let (name, kind) = (step.word(0)?, ExchangeKind::Custom(step.word(1)?.into()));
        let options = ExchangeDeclareOptions {
            durable: true,
            internal: step.is("internal"),
            ..ExchangeDeclareOptions::default()
        };
        let arguments = table(&step.headers(""))?;
        match self.control.exchange_declare(name.into(), kind, options, arguments).await {
            Ok(()) => self.exchanges.push(name.into()),
            Err(error) => self.refused(name, error).await?,
        }
        Ok(())
    }

    async fn queue(&mut self, step: &Step) -> Result<()> {
        let name = step.word(0)?;
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        match self.control.queue_declare(name.into(), options, table(&step.headers(""))?).await {
            Ok(_) => self.queues.push(name.into()),
            Err(error) => self.refused(name, error).await?,
        }
        Ok(())
    }

    async fn bind(&mut self, step: &Step) -> Result<()> {
        let (from, to) = (step.word(0)?, step.word(1)?);
        let key = step.words.get(2).map_or("", String::as_str);
        let arguments = table(&step.headers(""))?;
        let control = &self.control;
        let done = match step.verb.as_str() {
            "bind" => {
                let options = QueueBindOptions::default();
                control.queue_bind(to.into(), from.into(), key.into(), options, arguments).await
            }
            "unbind" => control.queue_unbind(to.into(), from.into(), key.into(), arguments).await,
            _ => {
                let options = ExchangeBindOptions::default();
                control.exchange_bind(to.into(), from.into(), key.into(), options, arguments).await
            }
        };
        match done {
            Ok(()) => Ok(()),
            Err(error) => self.refused(named(from), error).await,
        }
    }

    async fn publish(&mut self, step: &Step, exchange: &str, key: &str, first: usize) -> Result<()> {
        let options =
            BasicPublishOptions { mandatory: step.is("mandatory"), ..BasicPublishOptions::default() };
        for body in step.from(first) {
            let properties = properties(step)?;
            let sent = self.publisher.basic_publish(
                exchange.into(),
                key.into(),
                options,
                body.as_bytes(),
                properties,
            );
            let confirmed = match sent.await {
                Ok(confirm) => confirm.await,
                Err(error) => Err(error),
            };
            match confirmed {
                Ok(Confirmation::NotRequested) => return Err("the publisher is told nothing".into()),
                Ok(confirmation) => {
                    let word = if confirmation.is_ack() { "confirmed" } else { "refused" };
                    let returned = confirmation.take_message().map(|message| {
                        let delivery = &message.delivery;
                        let (exchange, key) =
                            (delivery.exchange.to_string(), delivery.routing_key.to_string());
                        format!("returned {} {}/{}, ", message.reply_code, named(&exchange), named(&key))
                    });
                    self.notes.tell(format!("{body}: {}{word}", returned.unwrap_or_default()));
                }
                Err(error) => self.refused(body, error).await?,
            }
        }
        Ok(())
    }

    async fn open(&mut self, name: &str, step: &Step) -> Result<()> {
        let channel = self.connection.create_channel().await?;
        for (setting, global) in [("prefetch", false), ("window", true)] {
            if let Some(most) = step.number(setting) {
                channel.basic_qos(u16::try_from(most)?, BasicQosOptions { global }).await?;
            }
        }
        self.channels.insert(name.into(), Open { channel, held: BTreeMap::new() });
        Ok(())
    }

    async fn consume(&mut self, step: &Step) -> Result<()> {
        let (queue, name) = (step.word(0)?, step.word(1)?);
        let on = step.text("on").unwrap_or(name).to_owned();
        if !self.channels.contains_key(&on) {
            self.open(&on, step).await?;
        }
        let Some(open) = self.channels.get(&on) else { return step.unknown() };
        let no_ack = step.is("auto");
        let options =
            BasicConsumeOptions { no_ack, exclusive: step.is("exclusive"), ..BasicConsumeOptions::default() };
        let mut arguments = FieldTable::default();
        if let Some(priority) = step.number("priority") {
            arguments.insert("x-priority".into(), AMQPValue::LongInt(i32::try_from(priority)?));
        }
        let consumer = match open.channel.basic_consume(queue.into(), name.into(), options, arguments).await {
            Ok(consumer) => consumer,
            Err(error) => {
                self.channels.remove(&on);
                return self.refused(name, error).await;
            }
        };
        let (inbox, who, channel, shows_route) =
            (Arc::clone(&self.inbox), name.to_owned(), on.clone(), self.shows_route);
        // What comes is put away before anything is spawned, so its order is kept.
        consumer.set_delegate(move |delivery: DeliveryResult| {
            let arrival = match &delivery {
                Ok(Some(delivery)) => Some(Arrival::Message {
                    who: who.clone(),
                    channel: channel.clone(),
                    acker: (!no_ack).then(|| delivery.acker.clone()),
                    message: seen(delivery, shows_route).into(),
                }),
                Ok(None) => None,
                Err(error) => code(error).map(|code| Arrival::Closed { channel: channel.clone(), code }),
            };
            inbox.lock().unwrap_or_else(PoisonError::into_inner).extend(arrival);
            async {}
        });
        self.consumers.insert(name.into(), on);
        Ok(())
    }

    async fn get(&mut self, step: &Step) -> Result<()> {
        let (queue, on) = (step.word(0)?, step.text("on").unwrap_or(GET).to_owned());
        if !self.channels.contains_key(&on) {
            self.open(&on, &Step::default()).await?;
        }
        for _ in 0..step.count(1, 1)? {
            let Some(open) = self.channels.get_mut(&on) else { return step.unknown() };
            match open.channel.basic_get(queue.into(), BasicGetOptions::default()).await? {
                Some(got) => {
                    let message = seen(&got.delivery, self.shows_route);
                    self.notes.tell(format!("got {message}, {} left", got.message_count));
                    open.held.insert(got.delivery.delivery_tag, (message.body, got.delivery.acker.clone()));
                }
                None => {
                    self.notes.tell("got nothing");
                    break;
                }
            }
        }
        Ok(())
    }

    async fn settle(&mut self, step: &Step) -> Result<()> {
        let name = step.word(0)?;
        let name = self.consumers.get(name).map_or(name, String::as_str).to_owned();
        let (multiple, requeue) = (step.is("multiple"), step.is("requeue"));
        for what in step.from(1) {
            let open = self.channels.get_mut(&name).ok_or_else(|| format!("no channel {name}"))?;
            let tag = match what.strip_prefix('#') {
                Some(number) => number.parse()?,
                None => {
                    let found = open.held.iter().rev().find(|(_, (body, _))| body == what);
                    *found.ok_or_else(|| format!("{name} does not hold {what}"))?.0
                }
            };
            open.held.retain(|held, _| *held != tag && !(multiple && (tag == 0 || *held < tag)));
            let done = match step.verb.as_str() {
                "ack" => open.channel.basic_ack(tag, BasicAckOptions { multiple }).await,
                "nack" => open.channel.basic_nack(tag, BasicNackOptions { multiple, requeue }).await,
                _ => open.channel.basic_reject(tag, BasicRejectOptions { requeue }).await,
            };
            done?;
            self.settle_down().await?;
        }
        Ok(())
    }

    /// Waits until nothing more comes.
    async fn settle_down(&mut self) -> Result<()> {
        let mut quiet = 0;
        while quiet < QUIET_ROUNDS {
            let before = self.notes.count();
            let names: Vec<String> = self.channels.keys().cloned().collect();
            for name in names {
                self.ask(&name).await?;
            }
            self.ask_queues().await?;
            tokio::time::sleep(ROUND).await;
            self.note_arrivals();
            quiet = if self.notes.count() == before { quiet + 1 } else { 0 };
        }
        Ok(())
    }

    /// Asks each queue how much is ready. One that is gone closes the channel that asks.
    async fn ask_queues(&mut self) -> Result<()> {
        for queue in self.queues.clone() {
            let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
            let asked =
                self.control.queue_declare(queue.as_str().into(), passive, FieldTable::default()).await;
            match asked {
                Ok(_) => {}
                Err(error) if code(&error) == Some(404) => {
                    self.queues.retain(|other| *other != queue);
                    self.control = self.connection.create_channel().await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Asks a channel for something; one that was closed is noted.
    async fn ask(&mut self, name: &str) -> Result<()> {
        let Some(open) = self.channels.get(name) else { return Ok(()) };
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let asked = open.channel.queue_declare(ALWAYS_THERE.into(), passive, FieldTable::default()).await;
        let Err(error) = asked else { return Ok(()) };
        // Whoever was told why is a consumer, or what it got.
        let told = self.note_arrivals();
        let Some(open) = self.channels.remove(name) else { return Ok(()) };
        let mut code = code(&error).or_else(|| told.get(name).copied());
        if let (None, Some((_, acker))) = (code, open.held.values().next()) {
            code = acker.ack(BasicAckOptions::default()).await.err().as_ref().and_then(self::code);
        }
        match code {
            Some(code) => self.notes.tell(format!("{name}: closed {code}")),
            None => return Err(format!("channel {name}: {error}").into()),
        }
        Ok(())
    }

    /// Notes what came; says which channels were closed, and why.
    fn note_arrivals(&mut self) -> BTreeMap<String, u16> {
        let mut closed = BTreeMap::new();
        for arrival in self.inbox.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            match arrival {
                Arrival::Message { who, channel, acker, message } => {
                    self.notes.saw(&who, &message);
                    let open = self.channels.get_mut(&channel).zip(message.tag).zip(acker);
                    if let Some(((open, tag), acker)) = open {
                        open.held.insert(tag, (message.body, acker));
                    }
                }
                Arrival::Closed { channel, code } => drop(closed.insert(channel, code)),
            }
        }
        closed
    }
}
