//! Does a scenario's virtual host make sense? Exchanges, bindings and limits are tried out before a run begins.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::draft::BODY_BYTES_MAX;
use super::scenario::{InvalidScenario, PATIENCE_MAX, PATIENCE_MIN, Scenario, SourceSpec, TargetSpec};
use crate::broker::{CREDIT_MAX, HostLayout, IN_FLIGHT_MAX, INTAKE_MAX, Settings};
use crate::ids::{Name, NodeId};
use crate::log::memory::MemoryStorage;
use crate::routing::ExchangeName;
use crate::sorted::SortedMap;
use crate::time::Time;
use crate::vhost::{ErrorOf, VirtualHost};

/// The least room that a broker's mailboxes may have, in bytes: with less it dies of its first messages.
pub const MAILBOX_ROOM_MIN: u64 = 1_000;

/// Declares a layout, as a broker will; what is refused, in words where the reason does not name it, and why.
pub(super) fn declare(layout: &HostLayout) -> Result<(), (String, ErrorOf<MemoryStorage>)> {
    let mut host = VirtualHost::in_memory();
    for (name, options) in &layout.queues {
        host.declare_queue(Time::ZERO, name.as_str(), options.clone())
            .map_err(|error| (format!("the queue {name}: "), error))?;
    }
    for exchange in &layout.exchanges {
        host.declare_exchange_with(exchange.name.as_str(), exchange.options.clone())
            .map_err(|error| (String::new(), error))?;
    }
    for binding in &layout.bindings {
        host.bind_with(binding.clone()).map_err(|error| (String::new(), error))?;
    }
    Ok(())
}

impl Scenario {
    /// What stands on each broker's virtual host.
    pub(super) fn layouts(&self) -> SortedMap<NodeId, Arc<HostLayout>> {
        let layout = |broker: u16| {
            let queues = self.queues.iter().filter(|queue| queue.broker == broker);
            let exchanges: Vec<_> = self
                .exchanges
                .iter()
                .filter(|exchange| exchange.broker == broker)
                .map(|exchange| exchange.exchange.clone())
                .collect();
            let here = |name: &ExchangeName| exchanges.iter().any(|exchange| exchange.name == *name);
            let bindings = self.bindings.iter().filter(|binding| here(&binding.exchange)).cloned().collect();
            let limit = self.limits.iter().find(|limit| limit.broker == broker);
            HostLayout {
                queues: queues.map(|queue| (queue.name.clone(), queue.options.clone())).collect(),
                bindings,
                exchanges,
                memory_max: limit.and_then(|limit| limit.memory_max),
                disk: limit.and_then(|limit| limit.disk),
                check_times: limit.and_then(|limit| limit.check_times),
                ..HostLayout::default()
            }
        };
        let layouts = (1..=self.brokers).map(|broker| (broker, layout(broker)));
        let laid_out = layouts.filter(|(_, layout)| *layout != HostLayout::default());
        laid_out.map(|(broker, layout)| (NodeId::Broker(broker), Arc::new(layout))).collect()
    }

    /// Tries the hosts out: whoever declares, binds and limits here does it as a broker will.
    pub(super) fn check_host(&self) -> Result<(), InvalidScenario> {
        let invalid = |what: &dyn core::fmt::Display| InvalidScenario(what.to_string());
        for exchange in &self.exchanges {
            if !(1..=self.brokers).contains(&exchange.broker) {
                let (name, broker) = (&exchange.exchange.name, exchange.broker);
                return Err(invalid(&format!(
                    "the exchange {name} is on broker {broker}, there are {}",
                    self.brokers
                )));
            }
        }
        for limit in &self.limits {
            if !(1..=self.brokers).contains(&limit.broker) {
                return Err(invalid(&format!(
                    "limits for broker {}, there are {}",
                    limit.broker, self.brokers
                )));
            }
        }
        for (broker, disk) in self.limits.iter().filter_map(|limit| Some((limit.broker, limit.disk?))) {
            if disk.free_min >= disk.size {
                return Err(invalid(&format!(
                    "{} bytes of broker {broker}'s disk must stay free, and it has {}",
                    disk.free_min, disk.size
                )));
            }
        }
        for binding in &self.bindings {
            if !self.exchanges.iter().any(|exchange| exchange.exchange.name == binding.exchange) {
                return Err(invalid(&format!(
                    "a binding names the exchange {}, which is not there",
                    binding.exchange
                )));
            }
        }
        for layout in self.layouts().values() {
            declare(layout).map_err(|(what, error)| invalid(&format!("{what}{error}")))?;
        }
        for producer in &self.producers {
            if producer.message.bytes > BODY_BYTES_MAX {
                return Err(invalid(&format!("{} sends more than {BODY_BYTES_MAX} bytes", producer.name)));
            }
        }
        Ok(())
    }

    /// Checks how fast queues take messages in, and how producers are slowed down to it.
    pub(super) fn check_pace(&self) -> Result<(), InvalidScenario> {
        let Settings { intake, credit_flow: (initial, more_after), in_flight_max, .. } = self.settings;
        let Settings { producer_expiry, request_timeout, leader_balance, .. } = self.settings;
        let invalid = |what| Err(InvalidScenario(what));
        if intake > INTAKE_MAX {
            return invalid(format!("the setting intake is {intake}, use 0 to {INTAKE_MAX}"));
        }
        let is_off = (initial, more_after) == (0, 0);
        let is_sound = (1..=CREDIT_MAX).contains(&initial) && (1..=initial).contains(&more_after);
        if !(is_off || is_sound) {
            return invalid(format!(
                "the setting credit_flow is [{initial}, {more_after}], use a credit of 1 to {CREDIT_MAX} and at most \
                 as much more each time; or [0, 0] for none"
            ));
        }
        if !(1..=IN_FLIGHT_MAX).contains(&in_flight_max) {
            return invalid(format!(
                "the setting in_flight_max is {in_flight_max}, use 1 to {IN_FLIGHT_MAX}"
            ));
        }
        if producer_expiry < request_timeout {
            return invalid(format!(
                "the setting producer_expiry is {producer_expiry}, use at least request_timeout, {request_timeout}"
            ));
        }
        let unused_for = self.settings.transactional_id_expiration;
        if unused_for < request_timeout {
            return invalid(format!(
                "the setting transactional_id_expiration is {unused_for}, use at least request_timeout, {request_timeout}"
            ));
        }
        if self.settings.catch_up_rate == Some(0) {
            return invalid(
                "the setting catch_up_rate is 0, use at least 1; or leave it out for no bound".into(),
            );
        }
        if self.settings.internal_segment_bytes == 0 {
            return invalid("the setting internal_segment_bytes is 0, use at least 1".into());
        }
        if let Some(every) = leader_balance.filter(|every| !(PATIENCE_MIN..=PATIENCE_MAX).contains(every)) {
            return invalid(format!(
                "the setting leader_balance is {every}, use {PATIENCE_MIN} to {PATIENCE_MAX}; or leave it out for never"
            ));
        }
        if let Some(age) =
            self.settings.metadata_age.filter(|age| !(PATIENCE_MIN..=PATIENCE_MAX).contains(age))
        {
            return invalid(format!(
                "the setting metadata_age is {age}, use {PATIENCE_MIN} to {PATIENCE_MAX}; or leave it out for never"
            ));
        }
        for limit in self.limits.iter().filter(|limit| limit.mailbox_room.is_none()) {
            if limit.restarts_after > 0 {
                return invalid(format!(
                    "broker {} is started again when its mailboxes are full, and has no mailbox_room",
                    limit.broker
                ));
            }
        }
        for (broker, room) in self.limits.iter().filter_map(|limit| Some((limit.broker, limit.mailbox_room?)))
        {
            if room < MAILBOX_ROOM_MIN {
                return invalid(format!(
                    "broker {broker} has room for {room} bytes in its mailboxes, use {MAILBOX_ROOM_MIN} or more"
                ));
            }
        }
        Ok(())
    }

    fn has_queue(&self, name: &Name) -> bool {
        self.queues.iter().any(|queue| queue.name == *name)
    }

    fn has_exchange(&self, name: &ExchangeName) -> bool {
        self.exchanges.iter().any(|exchange| exchange.exchange.name == *name)
    }

    /// Whether there is what somebody sends to.
    pub(super) fn has_target(&self, to: &TargetSpec) -> bool {
        match to {
            TargetSpec::Queue(name) => self.has_queue(name),
            TargetSpec::Topic { name, .. } => self.topics.iter().any(|topic| topic.name == *name),
            TargetSpec::Exchange { name, .. } => self.has_exchange(name),
            TargetSpec::System(_) => self.system.is_some(), // its own check looks closer
            TargetSpec::AnyOf(names) => !names.is_empty() && names.iter().all(|name| self.has_queue(name)),
        }
    }

    /// Whether there is what somebody reads.
    pub(super) fn has_source(&self, from: &SourceSpec) -> bool {
        match from {
            SourceSpec::Queue { name, .. } => self.has_queue(name),
            SourceSpec::Group { topic, .. }
            | SourceSpec::Share { topic, .. }
            | SourceSpec::Poll { topic, .. } => self.topics.iter().any(|known| known.name == *topic),
            SourceSpec::Subscription { subscription, .. } => self.has_exchange(&subscription.topic),
            SourceSpec::System(_) => self.system.is_some(),
        }
    }
}
