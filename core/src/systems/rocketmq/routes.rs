//! What does a client know of the brokers? What a name server told it, asked again every 30 s.
//!
//! ```text
//!   asked ──▶ server 1 ── no answer in 3 s ──▶ server 2 ──▶ Route: kept until the next answer
//! ```
//!
//! Source: `MQClientInstance.java` (`pollNameServerInterval`).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::Topic;
use super::allocate::MessageQueue;
use super::protocol::{Message, Reply, Request, RequestId, RoutedBroker};
use crate::ids::{Name, NodeId};
use crate::systems::Out;
use crate::time::{Span, Time};

/// How often a client asks again (`pollNameServerInterval`): 30 s.
pub(super) const ROUTES_EVERY: Span = Span::from_millis(30_000);
/// After so long without an answer it asks the next server: 3 s.
pub(super) const ROUTE_TIMEOUT: Span = Span::from_millis(3_000);

/// A client's numbers for its requests.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Numbers(RequestId);

impl Numbers {
    /// Numbers that begin behind this one.
    pub(super) fn behind(last: u64) -> Self {
        Self(RequestId(last))
    }

    pub(super) fn take(&mut self) -> RequestId {
        self.0 = self.0.next();
        self.0
    }
}

/// Routes of the topics that a client is concerned with.
#[derive(Clone, Debug)]
pub(super) struct Routes {
    servers: Vec<NodeId>,
    /// Which of them is asked.
    server: usize,
    every: Span,
    /// Without an answer for so long it asks the next server.
    timeout: Span,
    routes: BTreeMap<Topic, Vec<RoutedBroker>>,
    asked: BTreeMap<RequestId, Topic>,
    asked_at: Option<Time>,
    ask_at: Time,
}

impl Routes {
    pub(super) fn new(
        now: Time,
        servers: Vec<NodeId>,
        (every, timeout): (Span, Span),
        topics: impl IntoIterator<Item = Topic>,
    ) -> Self {
        let routes = topics.into_iter().map(|topic| (topic, Vec::new())).collect();
        Self {
            servers,
            server: 0,
            every,
            timeout,
            routes,
            asked: BTreeMap::new(),
            asked_at: None,
            ask_at: now,
        }
    }

    /// Asks, if it is time to.
    pub(super) fn ask(&mut self, now: Time, numbers: &mut Numbers, out: &mut Out<Message>) {
        if now < self.ask_at {
            return;
        }
        if self.servers.is_empty() {
            self.ask_at = now + self.every;
            return;
        }
        if !self.asked.is_empty() {
            self.server = (self.server + 1) % self.servers.len();
            self.asked.clear();
        }
        for topic in self.routes.keys() {
            let id = numbers.take();
            out.sends.push((self.servers[self.server], Message::Request(id, Request::Route(topic.clone()))));
            self.asked.insert(id, topic.clone());
        }
        (self.asked_at, self.ask_at) = (Some(now), now + self.every.min(self.timeout));
    }

    /// Somebody needs a route that is not known: it is asked for soon, and not all the time.
    pub(super) fn hurry(&mut self) {
        if let Some(asked_at) = self.asked_at {
            self.ask_at = self.ask_at.min(asked_at + self.timeout);
        }
    }

    /// Takes an answer, if it is one to this, and says whether it is news. A name server that knows no broker leaves what is
    /// known.
    pub(super) fn take(&mut self, now: Time, id: RequestId, reply: &Reply) -> Option<bool> {
        let topic = self.asked.remove(&id)?;
        let mut is_news = false;
        if let Reply::Route(route) = reply
            && !route.is_empty()
        {
            is_news = self.routes.insert(topic, route.clone()).as_ref() != Some(route);
        }
        if self.asked.is_empty() {
            let knows_all = self.routes.values().all(|route| !route.is_empty());
            self.ask_at = now + if knows_all { self.every } else { self.every.min(self.timeout) };
        }
        Some(is_news)
    }

    pub(super) fn of(&self, topic: &Topic) -> &[RoutedBroker] {
        self.routes.get(topic).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn broker(&self, topic: &Topic, broker: &Name) -> Option<&RoutedBroker> {
        self.of(topic).iter().find(|routed| routed.broker == *broker)
    }

    /// The queues of a topic, in order.
    pub(super) fn queues(&self, topic: &Topic) -> Vec<MessageQueue> {
        let of = |routed: &RoutedBroker| {
            let broker = routed.broker.clone();
            let topic = topic.clone();
            (0..routed.queues).map(move |queue| MessageQueue {
                topic: topic.clone(),
                broker: broker.clone(),
                queue,
            })
        };
        self.of(topic).iter().flat_map(of).collect()
    }

    /// The brokers of all topics.
    pub(super) fn nodes(&self) -> Vec<NodeId> {
        let mut nodes: Vec<_> =
            self.routes.values().flatten().flat_map(|routed| routed.nodes.values().copied()).collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }

    pub(super) fn next_ask(&self) -> Time {
        self.ask_at
    }
}
