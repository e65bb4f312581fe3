//! How does one message reach everybody who is interested? Each subscription has a queue of its own.
//!
//! ```text
//!   publish "stock.nyse.ibm" ──▶ topic ─┬─ stock.#  ──▶ [queue of subscription A] ──▶ A1, A2 in turn (shared)
//!                                       └─ stock.*.ibm ▶ [queue of subscription B] ──▶ B, away: it is kept (durable)
//! ```
//!
//! * *non-durable*: lives as long as its consumer; what is published while it is away is not for it;
//! * *durable*: known by client and name; keeps what comes while nobody is there, until it is unsubscribed;
//! * *shared*: its consumers get each message once between them;
//! * a *selector* says which messages it wants at all; *no local* keeps one's own messages away;
//! * a *retained* message is the last value of its topic, and the first thing that a new subscription gets.
//!
//! A durable subscription that comes back with another topic, pattern or selector is a new one: the old backlog is
//! gone.
//!
//! Sources: JMS 2.0 chapter 8.3 and `ActiveMQ` (semantics of durable subscriptions); MQTT 5 section 3.3.1.3 (retained).

use alloc::format;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::*;
use crate::routing::Syntax;
use crate::selector::Selector;

/// What a subscriber is interested in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Subscription {
    /// The exchange: a topic (`*`, `#`), a hierarchy (`*`, `>`), or a fanout, which needs no pattern.
    pub topic: ExchangeName,
    /// Which keys of it.
    pub pattern: Arc<str>,
    /// The name of the subscription; needed to be durable or shared.
    pub name: Option<Name>,
    /// Whose name it is (JMS's client id); shared subscriptions need none.
    pub client: Option<Name>,
    /// Whether it goes on while nobody is there.
    pub durable: bool,
    /// Whether several consumers share it.
    pub shared: bool,
    /// Whether messages that were published on the subscriber's own channel are kept away.
    pub no_local: bool,
    /// Which messages it wants.
    pub selector: Option<Selector>,
}

/// What a subscription wants in its queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Filter {
    topic: ExchangeName,
    pattern: Arc<str>,
    selector: Option<Selector>,
    /// The channel whose messages it does not want.
    not_from: Option<ChannelId>,
    shared: bool,
}

impl Filter {
    /// Whether a message that was published on a channel belongs in the queue.
    pub(super) fn wants(&self, message: &Message, from: ChannelId) -> bool {
        self.not_from != Some(from) && self.selector.as_ref().is_none_or(|selector| selector.matches(message))
    }
}

impl<S: Storage> VirtualHost<S> {
    /// Subscribes, and attaches a consumer on a channel. The queue of the subscription is found by
    /// [`subscription_queue`](Self::subscription_queue) where it has a name.
    ///
    /// # Errors
    ///
    /// [`VhostError::InUse`] when a subscription that does not share has a consumer; [`VhostError::Route`] for its
    /// topic and pattern; [`VhostError::NoChannel`]; failures of the storage.
    pub fn subscribe(
        &mut self,
        now: Time,
        channel: ChannelId,
        subscription: Subscription,
        options: ConsumerOptions,
    ) -> Result<ConsumerId, S> {
        if !self.channels.contains_key(&channel) {
            return Err(VhostError::NoChannel);
        }
        let kept = subscription.durable && subscription.name.is_some();
        let queue = match &subscription.name {
            Some(name) => Self::subscription_queue(subscription.client.as_ref(), name)?,
            None => {
                let number = self.last_consumer + 1;
                Name::new(&format!("{RESERVED_PREFIX}sub-{number}"))?
            }
        };
        let filter = Filter {
            topic: subscription.topic.clone(),
            pattern: Arc::clone(&subscription.pattern),
            selector: subscription.selector,
            not_from: subscription.no_local.then_some(channel),
            shared: subscription.shared,
        };
        if let Some(there) = self.queues.get(&queue) {
            let alike = self.filters.get(&queue).is_some_and(|old| {
                (&old.topic, &old.pattern, &old.selector)
                    == (&filter.topic, &filter.pattern, &filter.selector)
            });
            let shares = filter.shared && self.filters.get(&queue).is_some_and(|old| old.shared);
            if there.consumers().next().is_some() && !(alike && shares) {
                return Err(VhostError::InUse(queue));
            }
            if !alike {
                self.delete_queue(now, queue.as_str())?;
            }
        }
        let new = !self.queues.contains_key(&queue);
        if new {
            let options = QueueOptions { transient: !kept, auto_delete: !kept, ..QueueOptions::default() };
            self.open_queue(now, queue.clone(), options.clone())?;
            let to = Destination::Queue(queue.clone());
            let binding = Binding::new(subscription.topic.clone(), to, &subscription.pattern);
            if let Err(error) = self.bind_subscription(binding, kept, options) {
                self.delete_queue(now, queue.as_str())?;
                return Err(error);
            }
        }
        if kept {
            self.definitions.note_filter(queue.clone(), filter.clone())?;
        }
        self.filters.insert(queue.clone(), filter);
        if new {
            self.catch_up(now, &queue)?;
        }
        self.consume_on(now, channel, queue.as_str(), options)
    }

    fn bind_subscription(&mut self, binding: Binding, kept: bool, options: QueueOptions) -> Result<(), S> {
        if kept && let Destination::Queue(name) = &binding.to {
            self.definitions.note_queue(name.clone(), Some(options))?;
        }
        self.bind_with(binding).map(drop)
    }

    /// Ends a durable subscription: what it kept is gone.
    ///
    /// # Errors
    ///
    /// [`VhostError::InUse`] while it has a consumer, [`VhostError::NoQueue`] when there is none of that name.
    pub fn unsubscribe(&mut self, now: Time, client: Option<&Name>, name: &Name) -> Result<(), S> {
        let queue = Self::subscription_queue(client, name)?;
        let there = self.queues.get(&queue).ok_or_else(|| VhostError::NoQueue(queue.clone()))?;
        if there.consumers().next().is_some() {
            return Err(VhostError::InUse(queue));
        }
        self.delete_queue(now, queue.as_str()).map(drop)
    }

    /// The name of a subscription's queue.
    ///
    /// # Errors
    ///
    /// [`VhostError::BadName`] when both names together are too long.
    pub fn subscription_queue(client: Option<&Name>, name: &Name) -> Result<Name, S> {
        let client = client.map_or("", Name::as_str);
        Ok(Name::new(&format!("{RESERVED_PREFIX}sub.{client}.{name}"))?)
    }

    /// Keeps a message as the last value of its topic; one without body forgets it.
    pub(super) fn retain(&mut self, exchange: &ExchangeName, key: &str, message: &Arc<Message>) {
        let topic = (exchange.clone(), key.into());
        if message.body().is_empty() {
            self.retained.remove(&topic);
        } else {
            self.retained.insert(topic, Arc::clone(message));
        }
    }

    /// Gives a new subscription the last values of its topics.
    fn catch_up(&mut self, now: Time, queue: &Name) -> Result<(), S> {
        let Some(filter) = self.filters.get(queue) else { return Ok(()) };
        let syntax = match self.router.exchange(&filter.topic).map(|options| &options.kind) {
            Some(ExchangeKind::Topic) => Some(Syntax::Topic),
            Some(ExchangeKind::Hierarchy) => Some(Syntax::Hierarchy),
            _ => None,
        };
        let suits = |((exchange, key), message): &(&(ExchangeName, Arc<str>), &Arc<Message>)| {
            *exchange == filter.topic
                && syntax.is_none_or(|syntax| syntax.matches(&filter.pattern, key))
                && filter.selector.as_ref().is_none_or(|selector| selector.matches(message))
        };
        let values: Vec<Arc<Message>> =
            self.retained.iter().filter(suits).map(|(_, message)| Arc::clone(message)).collect();
        for value in values {
            self.with_queue(now, queue, |queue| queue.send(now, value))?;
        }
        Ok(())
    }
}
