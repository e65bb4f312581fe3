//! Where is a topic? A name server says which brokers told it of themselves lately.
//!
//! ```text
//!   broker ── Register, every 30 s ──▶ name server 1     (and 2, and 3: they do not know of each other)
//!   client ── Route(orders)? ────────▶ name server 1     broker-a: 0 → broker-1, 1 → broker-2, 4 queues; ...
//! ```
//!
//! It keeps nothing on a disk: what it knows comes again within 30 s. It forgets a broker that was silent for 120 s, or whose
//! connection broke; it tells nobody of it: clients ask every 30 s. So two name servers may answer differently for a while, and a
//! client finds out by a send that fails.
//!
//! Source: `RouteInfoManager.java`, `NamesrvController.java`.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::Topic;
use super::protocol::{Message, Notice, Refused, Reply, Request, RoutedBroker};
use crate::ids::{Name, NodeId};
use crate::observe::{Event, RocketmqEvent};
use crate::systems::{Input, Out};
use crate::time::{Span, Time};

/// A broker that was silent for so long is forgotten (`DEFAULT_BROKER_CHANNEL_EXPIRED_TIME`): 120 s.
pub const BROKER_EXPIRES: Span = Span::from_millis(120_000);

#[derive(Clone, Debug)]
struct Registered {
    node: NodeId,
    heard: Time,
    topics: BTreeMap<Topic, u32>,
}

/// A name server.
///
/// ```
/// use mqlab_core::ids::{Name, NodeId};
/// use mqlab_core::systems::rocketmq::names::{BROKER_EXPIRES, NameServer};
/// use mqlab_core::systems::rocketmq::protocol::{Message, Notice};
/// use mqlab_core::systems::rocketmq::Topic;
/// use mqlab_core::systems::{Input, Out};
/// use mqlab_core::time::Time;
///
/// let mut server = NameServer::new(BROKER_EXPIRES);
/// let topics = [(Topic::new("orders")?, 4)].into();
/// let message = Message::Notice(Notice::Register { broker: Name::new("broker-a")?, id: 0, topics });
/// server.handle(Time::ZERO, Input::Message { from: NodeId::Broker(1), message }, &mut Out::default());
/// assert_eq!(server.route(&Topic::new("orders")?)[0].master(), Some(NodeId::Broker(1)));
/// server.handle(Time(120_000_001), Input::Wake, &mut Out::default());
/// assert!(server.route(&Topic::new("orders")?).is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct NameServer {
    expires: Span,
    brokers: BTreeMap<(Name, u32), Registered>,
}

impl NameServer {
    /// A name server that knows of nobody, and forgets who is silent for so long.
    pub fn new(expires: Span) -> Self {
        Self { expires, brokers: BTreeMap::new() }
    }

    /// Takes an input.
    pub fn handle(&mut self, now: Time, input: Input<Message>, out: &mut Out<Message>) {
        let expires = self.expires;
        self.forget(|broker| now.since(broker.heard) > expires, out);
        match input {
            Input::HangUp { peer } => self.forget(|broker| broker.node == peer, out),
            Input::Message { from, message: Message::Notice(Notice::Register { broker, id, topics }) } => {
                let is = Registered { node: from, heard: now, topics };
                // Who has another number now does not have its old one.
                self.brokers.retain(|(_, other), known| known.node != from || *other == id);
                let before = self.brokers.insert((broker.clone(), id), is);
                if before.is_none_or(|before| before.node != from) {
                    out.events.push(Event::Rocketmq(RocketmqEvent::Registered { node: from, broker, id }));
                }
            }
            Input::Message { from, message: Message::Request(number, request) } => {
                let reply = match request {
                    Request::Route(topic) => Reply::Route(self.route(&topic)),
                    _ => Reply::Refused(Refused::NoPermission), // a broker's work
                };
                out.sends.push((from, Message::Reply(number, reply)));
            }
            Input::Wake | Input::Message { .. } => {}
        }
    }

    fn forget(&mut self, which: impl Fn(&Registered) -> bool, out: &mut Out<Message>) {
        for (_, Registered { node, .. }) in self.brokers.extract_if(.., |_, broker| which(broker)) {
            out.events.push(Event::Rocketmq(RocketmqEvent::Unregistered { node }));
        }
    }

    /// The brokers that it knows, in order of their names: which node has which number.
    pub fn brokers(&self) -> impl Iterator<Item = (&Name, u32, NodeId)> {
        self.brokers.iter().map(|((name, id), broker)| (name, *id, broker.node))
    }

    /// The brokers that have a topic, in order of their names.
    pub fn route(&self, topic: &Topic) -> Vec<RoutedBroker> {
        let mut routed: Vec<RoutedBroker> = Vec::new();
        for ((name, id), broker) in &self.brokers {
            let Some(queues) = broker.topics.get(topic).copied() else { continue };
            match routed.last_mut().filter(|last| last.broker == *name) {
                Some(last) => {
                    last.nodes.insert(*id, broker.node);
                    last.queues = last.queues.max(queues);
                }
                None => {
                    let nodes = BTreeMap::from([(*id, broker.node)]);
                    routed.push(RoutedBroker { broker: name.clone(), nodes, queues });
                }
            }
        }
        routed
    }

    /// When it will forget somebody.
    pub fn next_wakeup(&self) -> Option<Time> {
        self.brokers.values().map(|broker| broker.heard + self.expires + Span(1)).min()
    }
}
