//! What becomes of messages that come faster than a queue takes them in? They wait in its mailbox, and credit flow
//! keeps the mailbox small.
//!
//! ```text
//!   connection     unread ──── read: 1 credit ────▶ mailbox ──── one each `intake` ────▶ queue ──▶ "stored"
//!                    ▲                                                                     │
//!      credit 0: nothing more is read, the connection is in flow    200 taken in: 200 more ┘
//! ```
//!
//! A mailbox is memory. What is in it stands in no log and was confirmed to nobody: when the broker dies, it is gone,
//! and whoever sent it sends it again. Without credit a mailbox grows as long as somebody is faster than the queue.
//!
//! A connection in flow is told nothing. What it sends stays where it is, as in the full buffer of a socket: also what
//! is no publish, for nobody can see what it is before it is read. That it arrives shows that its client lives, so a
//! client in flow is not given up for being silent. Each message is counted by itself: a request may be read in part.
//!
//! An alarm refuses whole requests that are not begun; what is in a mailbox still goes to its queue, for only there
//! consumers can make room. A full queue that blocks takes nothing from its mailbox until it has room, so that the
//! order is kept. What is published to an exchange waits in a mailbox of the exchange's: each message goes into all of
//! its queues at one moment.
//!
//! A local transaction passes by the mailboxes: its messages go into their queues with the commit. A scenario that slows
//! the intake cannot have one.
//!
//! Where the intake takes no time nothing of this is seen: what is read is taken in at once, and never are more than
//! 199 messages of credit out.
//!
//! What real systems do: in RabbitMQ each message goes from a reader to a channel and on to a queue, each a process
//! with a mailbox, and there is credit between each two of them; the management page shows such a connection in state
//! *flow*. Here the way is one step. Kafka's network threads read no more when 500 requests wait (`queued.max.requests`).

use alloc::borrow::ToOwned as _;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use super::hosting::channel_of;
use super::protocol::{Message, Out, Reply, Request, RequestId};
use super::{Broker, Done, Settings, refuse};
use crate::ids::{MessageId, NodeId};
use crate::log::{SliceOf, Storage};
use crate::message::Message as Payload;
use crate::observe::{Event, Place, QueueEvent, Refusal};
use crate::record::Batches;
use crate::routing::ExchangeName;
use crate::sorted::SortedMap;
use crate::time::{Span, Time};
use crate::vhost::{ChannelId, Credit, Publish, VhostError};

/// What waits in mailboxes: read from connections, and taken in by no queue yet.
///
/// ```
/// use mqlab_core::broker::{Broker, Settings, Untaken};
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::log::memory::MemoryStorage;
/// let broker = Broker::new(NodeId::Broker(1), 1, Settings::default(), MemoryStorage::default())?;
/// assert_eq!(broker.untaken(), Untaken { messages: 0, bytes: 0 });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Untaken {
    /// How many messages.
    pub messages: u64,
    /// The bytes of their bodies.
    pub bytes: u64,
}

/// All mailboxes of a broker, and the connections that fill them.
#[derive(Clone, Debug, Default)]
pub(super) struct Intake {
    connections: SortedMap<NodeId, Connection>,
    /// By queue or exchange.
    mailboxes: SortedMap<Place, Mailbox>,
    untaken: Untaken,
    last_connection: u64,
}

/// A client's connection, as far as its messages are read.
#[derive(Clone, Debug)]
struct Connection {
    /// Its number: a client that comes again is another one.
    number: u64,
    /// How many messages may be read; any number without.
    credit: Option<Credit>,
    in_flow: bool,
    /// What has arrived and is not read.
    unread: VecDeque<Message>,
    /// What is left of a request that is being read.
    reading: Option<Reading>,
    /// Requests that are not answered.
    open: SortedMap<RequestId, Open>,
}

/// A request to publish, read up to some message.
#[derive(Clone, Debug)]
struct Reading {
    id: RequestId,
    to: Place,
    how: Publish,
    next: u32,
    rest: VecDeque<Payload>,
}

/// A request whose messages are not all taken in.
#[derive(Clone, Debug)]
struct Open {
    left: usize,
    /// The places of those that were not stored, and why.
    refused: Vec<(u32, Refusal)>,
}

/// What waits for one queue or exchange.
#[derive(Clone, Debug, Default)]
struct Mailbox {
    letters: VecDeque<Letter>,
    /// When the first of them is taken in.
    due: Time,
    /// Whether a queue is full and asks to wait: it is tried again when one has room, and after a while.
    is_full: bool,
}

/// A message in a mailbox.
#[derive(Clone, Debug)]
struct Letter {
    from: NodeId,
    connection: u64,
    id: RequestId,
    /// Its place in the request.
    place: u32,
    how: Publish,
    message: Payload,
}

impl Intake {
    fn connection(&mut self, client: NodeId, settings: &Settings) -> &mut Connection {
        let last = &mut self.last_connection;
        self.connections.entry(client).or_insert_with(|| {
            *last += 1;
            Connection {
                number: *last,
                credit: settings.credit(),
                in_flow: false,
                unread: VecDeque::new(),
                reading: None,
                open: SortedMap::new(),
            }
        })
    }

    /// A connection broke: what was not read of it is gone. What is in a mailbox will be taken in.
    pub(super) fn forget(&mut self, client: NodeId) {
        self.connections.remove(&client);
    }

    /// A queue has room again: those that wait for it may try.
    pub(super) fn may_have_room(&mut self) {
        for mailbox in self.mailboxes.values_mut().filter(|mailbox| mailbox.is_full) {
            (mailbox.is_full, mailbox.due) = (false, Time::ZERO);
        }
    }

    /// When the next message is taken in.
    pub(super) fn next_due(&self) -> Option<Time> {
        let filled = self.mailboxes.values().filter(|mailbox| !mailbox.letters.is_empty());
        filled.map(|mailbox| mailbox.due).min()
    }

    /// Takes the message that has been due for the longest out of its mailbox.
    fn take_due(&mut self, now: Time, takes: Span) -> Option<(Place, Letter)> {
        let filled = self.mailboxes.iter_mut().filter(|(_, mailbox)| !mailbox.letters.is_empty());
        let due = filled.filter(|(_, mailbox)| mailbox.due <= now);
        let (to, mailbox) = due.min_by_key(|(_, mailbox)| mailbox.due)?;
        let letter = mailbox.letters.pop_front()?;
        (mailbox.due, mailbox.is_full) = (now + takes, false);
        self.untaken.messages -= 1;
        self.untaken.bytes -= letter.message.body().len() as u64;
        Some((to.clone(), letter))
    }

    /// Puts a message back in front that its queue has no room for.
    fn put_back(&mut self, try_again: Time, to: Place, letter: Letter) {
        self.untaken.messages += 1;
        self.untaken.bytes += letter.message.body().len() as u64;
        let mailbox = self.mailboxes.entry(to).or_default();
        mailbox.letters.push_front(letter);
        (mailbox.due, mailbox.is_full) = (try_again, true);
    }

    /// Reads the request in hand, message by message, as far as the credit goes; returns how many bytes were read.
    fn read_messages(&mut self, now: Time, client: NodeId, takes: Span) -> u64 {
        let Some(connection) = self.connections.get_mut(&client) else { return 0 };
        let mut bytes = 0;
        while let Some(reading) = &mut connection.reading {
            if connection.credit.is_some_and(|credit| credit.is_spent()) {
                break;
            }
            let Some(message) = reading.rest.pop_front() else {
                connection.reading = None;
                break;
            };
            if let Some(credit) = &mut connection.credit {
                credit.spend();
            }
            bytes += message.body().len() as u64;
            let mailbox = self.mailboxes.entry(reading.to.clone()).or_default();
            if mailbox.letters.is_empty() {
                mailbox.due = mailbox.due.max(now + takes);
            }
            let (place, id, how) = (reading.next, reading.id, reading.how);
            mailbox.letters.push_back(Letter {
                from: client,
                connection: connection.number,
                id,
                place,
                how,
                message,
            });
            reading.next += 1;
            self.untaken.messages += 1;
        }
        self.untaken.bytes += bytes;
        bytes
    }

    /// Notes whether a connection is in flow; says so if that changed.
    fn flow_changed(&mut self, client: NodeId) -> Option<bool> {
        let connection = self.connections.get_mut(&client)?;
        let in_flow = connection.credit.is_some_and(|credit| credit.is_spent());
        (core::mem::replace(&mut connection.in_flow, in_flow) != in_flow).then_some(in_flow)
    }

    /// The next thing to be read of a connection: nothing while it is in flow, or a request is being read.
    fn next_unread(&mut self, client: NodeId) -> Option<Message> {
        let connection = self.connections.get_mut(&client)?;
        let may = !connection.in_flow && connection.reading.is_none();
        may.then(|| connection.unread.pop_front()).flatten()
    }
}

impl<S: Storage> Broker<S> {
    /// What waits in the mailboxes.
    pub fn untaken(&self) -> Untaken {
        self.intake.untaken
    }

    /// The messages that wait in the mailboxes, by queue or exchange.
    pub fn in_mailboxes(&self) -> impl Iterator<Item = (&Place, Vec<MessageId>)> {
        let ids =
            |mailbox: &Mailbox| mailbox.letters.iter().filter_map(|letter| letter.message.id()).collect();
        let filled = self.intake.mailboxes.iter().filter(|(_, mailbox)| !mailbox.letters.is_empty());
        filled.map(move |(place, mailbox)| (place, ids(mailbox)))
    }

    /// The credit of a client's connection; nothing where there is no connection, or no credit flow.
    pub fn credit_of(&self, client: NodeId) -> Option<u32> {
        Some(self.intake.connections.get(&client)?.credit?.left())
    }

    /// The clients whose connections are in flow: nothing is read from them.
    pub fn in_flow(&self) -> impl Iterator<Item = NodeId> {
        let in_flow = self.intake.connections.iter().filter(|(_, connection)| connection.in_flow);
        in_flow.map(|(&client, _)| client)
    }

    /// Something arrives, and is read if it may be.
    pub(super) fn arrives(
        &mut self,
        now: Time,
        from: NodeId,
        message: Message,
        out: &mut Out<SliceOf<S>>,
    ) -> Done<S> {
        let is_client = !(matches!(from, NodeId::Broker(_)) || from.is_controller());
        if !is_client || self.settings.intake == Span::ZERO {
            return self.message(now, from, message, out);
        }
        let connection = self.intake.connection(from, &self.settings);
        connection.unread.push_back(message);
        if connection.in_flow {
            self.guests.deadlines.put_off(from, now + self.settings.consumer_session);
        }
        self.read_on(now, from, out)
    }

    /// Reads what may be read of a connection.
    fn read_on(&mut self, now: Time, from: NodeId, out: &mut Out<SliceOf<S>>) -> Done<S> {
        loop {
            let bytes = self.intake.read_messages(now, from, self.settings.intake);
            self.host.add_untaken(bytes);
            self.note_flow(from, out);
            self.drain(out)?;
            let Some(message) = self.intake.next_unread(from) else { return Ok(()) };
            match message {
                Message::Request(id, Request::Send { queue, batches }) => {
                    let how = Publish { channel: channel_of(from), ..Publish::default() };
                    self.begin_reading(now, (from, id), Place::Queue(queue), how, &batches, out)?;
                }
                Message::Request(id, Request::Publish { exchange, mandatory, retain, batches }) => {
                    let how = Publish { channel: channel_of(from), mandatory, retain };
                    self.begin_reading(now, (from, id), Place::Exchange(exchange), how, &batches, out)?;
                }
                message => self.message(now, from, message, out)?,
            }
        }
    }

    /// States that a connection went into flow, or out of it.
    fn note_flow(&mut self, client: NodeId, out: &mut Out<SliceOf<S>>) {
        if let Some(in_flow) = self.intake.flow_changed(client) {
            let waiting = self.intake.untaken.messages;
            out.event(Event::Queue(match in_flow {
                true => QueueEvent::InFlow { client, waiting },
                false => QueueEvent::OutOfFlow { client, waiting },
            }));
        }
    }

    /// Begins to read a request to publish, if nothing speaks against it.
    fn begin_reading(
        &mut self,
        now: Time,
        asker: (NodeId, RequestId),
        to: Place,
        how: Publish,
        batches: &Batches,
        out: &mut Out<SliceOf<S>>,
    ) -> Done<S> {
        let (from, id) = asker;
        self.guests.publishers.insert(from);
        let is_there = match &to {
            Place::Queue(queue) => self.host.queue(queue.as_str()).is_some(),
            Place::Exchange(exchange) => {
                exchange.is_default() || self.host.router().exchange(exchange).is_some()
            }
            Place::Partition(_) | Place::Topic(_) => false,
        };
        if !is_there {
            return refuse(asker, Refusal::Unknown, out);
        }
        if self.host.has_alarm() {
            self.ask_to_wait(from, out);
            return refuse(asker, Refusal::Blocked, out);
        }
        self.guests.waiting.remove(&from);
        self.host.open_channel(now, how.channel, Default::default())?;
        let rest: VecDeque<Payload> = batches.records().map(|record| Payload::from_record(&record)).collect();
        if rest.is_empty() {
            out.reply(from, id, Reply::Published { refused: Vec::new() });
            return Ok(());
        }
        let connection = self.intake.connection(from, &self.settings);
        connection.open.insert(id, Open { left: rest.len(), refused: Vec::new() });
        connection.reading = Some(Reading { id, to, how, next: 0, rest });
        Ok(())
    }

    /// Lets queues take in what is due.
    pub(super) fn take_in_due(&mut self, now: Time, out: &mut Out<SliceOf<S>>) -> Done<S> {
        while let Some((to, letter)) = self.intake.take_due(now, self.settings.intake) {
            let is_open = self.connection_of(&letter).is_some();
            let mut how = letter.how;
            if !is_open {
                // Its publisher is gone, and what it sent stays: nobody hears what becomes of it.
                how.channel = ChannelId::default();
            }
            let (exchange, key) = match &to {
                Place::Exchange(exchange) => {
                    (exchange.clone(), letter.message.routing_key().map(str::to_owned))
                }
                Place::Queue(queue) => (ExchangeName::DEFAULT, Some(queue.as_str().to_owned())),
                Place::Partition(_) | Place::Topic(_) => continue, // none was ever put there
            };
            let key: String = key.unwrap_or_default();
            let message = letter.message.clone();
            let became = match self.host.take_in(now, exchange.as_str(), &key, message, how) {
                Ok(published) => {
                    if published.is_stored()
                        && published.queues == 0
                        && let Some(message) = letter.message.id()
                    {
                        let returned = published.returned;
                        out.event(Event::Queue(QueueEvent::Unroutable { exchange, message, returned }));
                    }
                    if published.is_stored() { Ok(()) } else { Err(Refusal::Full) }
                }
                Err(VhostError::Blocked) => {
                    self.intake.put_back(now + self.settings.retry_backoff, to, letter);
                    continue;
                }
                Err(error) if error.is_storage() => return Err(error.into()),
                Err(error) => Err(Refusal::from(&error)),
            };
            self.drain(out)?;
            self.taken_in(now, &letter, became, out)?;
        }
        Ok(())
    }

    /// A message left its mailbox: its sender may hear of it, and has more credit.
    fn taken_in(
        &mut self,
        now: Time,
        letter: &Letter,
        became: Result<(), Refusal>,
        out: &mut Out<SliceOf<S>>,
    ) -> Done<S> {
        let Some(connection) = self.connection_of(letter) else { return Ok(()) };
        if let Some(credit) = &mut connection.credit {
            credit.handle(1);
        }
        if let Some(open) = connection.open.get_mut(&letter.id) {
            open.left -= 1;
            if let Err(why) = became {
                open.refused.push((letter.place, why));
            }
            if open.left == 0
                && let Some(Open { refused, .. }) = connection.open.remove(&letter.id)
            {
                out.reply(letter.from, letter.id, Reply::Published { refused });
            }
        }
        self.note_flow(letter.from, out);
        self.read_on(now, letter.from, out)
    }

    /// The connection that a message came from, if it is still there.
    fn connection_of(&mut self, letter: &Letter) -> Option<&mut Connection> {
        let connection = self.intake.connections.get_mut(&letter.from)?;
        (connection.number == letter.connection).then_some(connection)
    }
}
