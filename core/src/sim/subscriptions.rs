//! How does a durable subscription end by hand? As an administrator ends it, at the broker that keeps its queue.
//!
//! ```text
//!   leave consumer-1              its reader goes; the subscription keeps on keeping what comes
//!   drop-subscription audit shop  it ends: its queue goes, with what it kept
//! ```
//!
//! It must not have a reader (JMS 2.0, section 8.3.3: `unsubscribe` is an error while there is one). Who subscribes under its
//! name again, as a consumer does that is started again, begins with nothing.

use super::permits::CommandRefused;
use super::scenario::{Scenario, SourceSpec};
use super::service_spec::subscription_queue;
use super::world::{BrokerProcess, Power, World, index};
use crate::ids::{Name, NodeId};
use crate::observe::Change;
use crate::vhost::Subscription;

impl Scenario {
    /// Every durable subscription that somebody has.
    ///
    /// ```
    /// use mqlab_core::sim::Scenario;
    /// let away = Scenario::built_in("away").ok_or("no such scenario")?;
    /// let names: Vec<_> = away.durable_subscriptions().filter_map(|durable| durable.name.as_ref()).collect();
    /// assert_eq!(names[0].as_str(), "loyal");
    /// # Ok::<(), &str>(())
    /// ```
    pub fn durable_subscriptions(&self) -> impl Iterator<Item = &Subscription> {
        let services = self.services.iter().filter_map(|service| service.from.as_ref());
        let sources = self.consumers.iter().map(|consumer| &consumer.from).chain(services);
        sources.filter_map(|source| match source {
            SourceSpec::Subscription { subscription, .. } if subscription.durable => Some(subscription),
            _ => None,
        })
    }

    /// The durable subscription of a name.
    pub(super) fn durable(
        &self,
        name: &Name,
        client: Option<&Name>,
    ) -> Result<&Subscription, CommandRefused> {
        let mut all = self.durable_subscriptions();
        let found = all.find(|known| known.name.as_ref() == Some(name) && known.client.as_ref() == client);
        found.ok_or_else(|| CommandRefused::NoSuchSubscription(name.clone()))
    }
}

impl World {
    /// Which broker that runs keeps what, if the change is that a subscription ends.
    pub(super) fn keeper_of(&self, change: &Change) -> Option<NodeId> {
        let Change::DropSubscription { name, client } = change else { return None };
        let queue = subscription_queue(self.scenario.durable(name, client.as_ref()).ok()?);
        self.keeper(&queue)
    }

    fn keeper(&self, queue: &Name) -> Option<NodeId> {
        let mut brokers = (1..).map(NodeId::Broker).zip(&self.brokers);
        let keeps = |process: &BrokerProcess| match process {
            BrokerProcess::Runs(broker) => broker.host().queue(queue.as_str()).is_some(),
            BrokerProcess::Disk(_) => false,
        };
        brokers.find(|(_, slot)| keeps(&slot.process)).map(|(node, _)| node)
    }

    /// Whether a durable subscription can end now.
    pub(super) fn permits_end(&self, name: &Name, client: Option<&Name>) -> Result<(), CommandRefused> {
        let subscription = self.scenario.durable(name, client)?;
        let queue = subscription_queue(subscription);
        let Some(node @ NodeId::Broker(number)) = self.keeper(&queue) else {
            // Perhaps it is kept by a broker that is down: that of its exchange.
            let mut exchanges = self.scenario.exchanges.iter();
            let on = exchanges.find(|known| known.exchange.name == subscription.topic);
            let on = on.map(|known| NodeId::Broker(known.broker));
            let down = on.filter(|node| self.power(*node) != Some(Power::On));
            let none = CommandRefused::NoSuchSubscription(name.clone());
            return Err(down.map_or(none, CommandRefused::IsDown));
        };
        if self.is_frozen(node) {
            return Err(CommandRefused::IsFrozen(node));
        }
        let BrokerProcess::Runs(broker) = &self.brokers[index(number)].process else { return Ok(()) };
        let mut readers = broker.host().queue(queue.as_str()).into_iter().flat_map(|queue| queue.consumers());
        match readers.find_map(|reader| broker.client_of_consumer(reader)) {
            Some(reader) => Err(CommandRefused::IsRead(name.clone(), reader)),
            None => Ok(()),
        }
    }

    /// A durable subscription that nobody reads ends.
    pub(super) fn end_subscription(&mut self, name: &Name, client: Option<&Name>) {
        let Ok(subscription) = self.scenario.durable(name, client) else { return };
        let queue = subscription_queue(subscription);
        if let Some(NodeId::Broker(number)) = self.keeper(&queue) {
            self.hand_to_broker_with(number, [], |broker, now, out| {
                broker.end_subscription(now, &queue, out)
            });
        }
    }
}
