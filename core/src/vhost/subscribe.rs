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
//! A durable subscription that comes back with another topic, pattern, selector or *no local* is a new one: the old
//! backlog is gone. *No local* means the channel that subscribed, as long as it is open.
//!
//! Sources: JMS 2.0 chapter 8.3 and `ActiveMQ` (semantics of durable subscriptions); MQTT 5 section 3.3.1.3 (retained).

use alloc::format;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::*;
use crate::ids::BadName;
use crate::routing::Syntax;
use crate::selector::Selector;

/// What a subscriber is interested in.
///
/// ```
/// use mqlab_core::selector::Selector;
/// use mqlab_core::vhost::Subscription;
///
/// let subscription = Subscription::new("stock", "nyse.#")?
///     .durable("audit")?
///     .with_selector(Selector::parse("price > 100")?);
/// assert!(subscription.durable && !subscription.shared);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
    no_local: bool,
    /// The channel whose messages it does not want, while it is open.
    #[serde(skip)]
    not_from: Option<ChannelId>,
    shared: bool,
}

impl Subscription {
    /// Whoever is there gets what is published to an exchange with a key that matches.
    ///
    /// # Errors
    ///
    /// [`BadName`] when the exchange's name is none.
    pub fn new(topic: &str, pattern: &str) -> core::result::Result<Self, BadName> {
        Ok(Self { topic: topic.parse()?, pattern: pattern.into(), ..Self::default() })
    }

    /// Goes on under this name while nobody is there, until it is unsubscribed.
    ///
    /// # Errors
    ///
    /// [`BadName`] when the name is none.
    pub fn durable(self, name: &str) -> core::result::Result<Self, BadName> {
        Ok(Self { durable: true, name: Some(Name::new(name)?), ..self })
    }

    /// Lets all consumers of this name share it.
    ///
    /// # Errors
    ///
    /// [`BadName`] when the name is none.
    pub fn shared(self, name: &str) -> core::result::Result<Self, BadName> {
        Ok(Self { shared: true, name: Some(Name::new(name)?), ..self })
    }

    /// Wants only what a selector selects.
    #[must_use]
    pub fn with_selector(self, selector: Selector) -> Self {
        Self { selector: Some(selector), ..self }
    }
}

impl Filter {
    /// Whether a message belongs in the queue that was published on a channel, if it was published on one.
    pub(super) fn wants(&self, message: &Message, from: Option<ChannelId>) -> bool {
        let foreign = from.is_none() || self.not_from != from;
        foreign && self.selector.as_ref().is_none_or(|selector| selector.matches(message))
    }

    /// A channel is closed: its number may soon be another client's.
    pub(super) fn forget_channel(&mut self, channel: ChannelId) {
        self.not_from = self.not_from.filter(|own| *own != channel);
    }

    /// Whether a subscription that comes back is the one that was there.
    fn is_like(&self, other: &Self) -> bool {
        (&self.topic, &self.pattern, &self.selector, self.no_local)
            == (&other.topic, &other.pattern, &other.selector, other.no_local)
    }
}

impl<S: Storage> VirtualHost<S> {
    /// Subscribes, and attaches a consumer on a channel. The queue of the subscription is found by
    /// [`subscription_queue`](Self::subscription_queue) where it has a name.
    ///
    /// # Errors
    ///
    /// [`VhostError::Nameless`] when it has no name and shall be durable or shared; [`VhostError::BadName`] when its
    /// names are too long together; [`VhostError::InUse`] when a subscription that does not share has a consumer; [`VhostError::Route`] for its
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
        let kept = subscription.durable;
        if subscription.name.is_none() && (kept || subscription.shared) {
            return Err(VhostError::Nameless);
        }
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
            no_local: subscription.no_local,
            not_from: subscription.no_local.then_some(channel),
            shared: subscription.shared,
        };
        if let Some(there) = self.queues.get(&queue) {
            let alike = kept != there.options().transient
                && self.filters.get(&queue).is_some_and(|old| old.is_like(&filter));
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
            if kept {
                self.definitions.note_queue(queue.clone(), Some(options))?;
            }
        }
        // Its topic may have gone and come back since it was bound.
        let to = Destination::Queue(queue.clone());
        let bound = self.bind_with(Binding::new(subscription.topic, to, &subscription.pattern));
        if let Err(error) = bound {
            if new {
                self.delete_queue(now, queue.as_str())?;
            }
            return Err(error);
        }
        if kept && self.filters.get(&queue) != Some(&filter) {
            self.definitions.note_filter(queue.clone(), filter.clone())?;
        }
        self.filters.insert(queue.clone(), filter);
        if new {
            self.catch_up(now, &queue)?;
        }
        self.consume_on(now, channel, queue.as_str(), options)
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

    /// The name of a subscription's queue. Names may have dots, so the client's is written with its length before it:
    /// `amq.sub.4.shop.orders`.
    ///
    /// # Errors
    ///
    /// [`VhostError::BadName`] when both names together are too long.
    pub fn subscription_queue(client: Option<&Name>, name: &Name) -> Result<Name, S> {
        let client = client.map_or("", Name::as_str);
        let bytes = client.len();
        Ok(Name::new(&format!("{RESERVED_PREFIX}sub.{bytes}.{client}.{name}"))?)
    }

    /// Gives a new subscription the last values of its topics.
    fn catch_up(&mut self, now: Time, queue: &Name) -> Result<(), S> {
        let Some(filter) = self.filters.get(queue) else { return Ok(()) };
        let syntax = match self.router.exchange(&filter.topic).map(|options| &options.kind) {
            Some(ExchangeKind::Topic) => Some(Syntax::Topic),
            Some(ExchangeKind::Hierarchy) => Some(Syntax::Hierarchy),
            _ => None,
        };
        let suits = |(key, message): &(&str, &Message)| {
            syntax.is_none_or(|syntax| syntax.matches(&filter.pattern, key)) && filter.wants(message, None)
        };
        let values = self.retained.of(&filter.topic).filter(suits);
        let values: Vec<Message> = values.map(|(_, message)| message.clone()).collect();
        for value in values {
            self.with_queue(now, queue, |queue| queue.send(now, value))?;
        }
        Ok(())
    }
}
