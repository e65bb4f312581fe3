//! What does a master do with messages and acknowledgements? Each message goes where it belongs, unless it is known; what a
//! consumer is done with is gone, and what it gave up is dead.

use super::*;

impl<S: Storage> Serving<S> {
    pub(super) fn consume(
        &mut self,
        now: Time,
        (from, channel): (NodeId, ChannelId),
        info: ConsumerInfo,
    ) -> Result<(), S> {
        let ConsumerInfo { number, reads, options, .. } = info;
        let broker = &mut self.broker;
        let id = match reads {
            Reads::Queue(queue) => broker.attach_on(now, channel, &queue, options)?,
            Reads::Topics { pattern, durable } => {
                broker.subscribe_with(now, channel, &pattern, durable.as_ref(), options)?
            }
        };
        self.attached.insert(id, (from, number));
        if let Some(connected) = self.connections.get_mut(&from) {
            connected.consumers.insert(number, id);
        }
        Ok(())
    }

    /// Takes a message, unless its producer has sent it before.
    pub(super) fn take(
        &mut self,
        (now, from, channel): (Time, NodeId, ChannelId),
        (life, sequence): (u64, u64),
        to: &DestinationName,
        message: Payload,
        out: &mut Out<Message>,
    ) -> Result<(), S> {
        let audits = self.options.producer_audit && !message.is_transient();
        if audits && self.audit.knows(from, life, sequence) {
            if let Some(message) = message.id() {
                out.events.push(Event::Activemq(ActivemqEvent::KnownAlready { message }));
            }
            return Ok(());
        }
        if message.is_transient() {
            self.transient.extend(message.id());
        }
        match to {
            DestinationName::Queue(name) => match self.options.composite_queues.get(name).cloned() {
                None => self.put(now, channel, to, message, out)?,
                Some(targets) => {
                    for target in targets {
                        self.put(now, channel, &target, message.clone(), out)?;
                    }
                }
            },
            DestinationName::Topic(_) => self.put(now, channel, to, message, out)?,
        }
        if audits {
            self.audit.note(from, life, sequence);
        }
        Ok(())
    }

    fn put(
        &mut self,
        now: Time,
        channel: ChannelId,
        to: &DestinationName,
        message: Payload,
        out: &mut Out<Message>,
    ) -> Result<(), S> {
        match to {
            DestinationName::Queue(queue) => self.broker.send(now, queue.as_str(), message),
            DestinationName::Topic(topic) => {
                let id = message.id();
                let queues = self.broker.publish_on(now, channel, topic.as_str(), message)?;
                if let (0, Some(message)) = (queues, id) {
                    let exchange = topic.clone().into();
                    out.events.push(Event::Queue(QueueEvent::Unroutable {
                        exchange,
                        message,
                        returned: false,
                    }));
                }
                Ok(())
            }
        }
    }

    pub(super) fn acknowledge(
        &mut self,
        (now, from): (Time, NodeId),
        consumer: u32,
        kind: AckType,
        delivery: u64,
        cause: Option<&str>,
        out: &mut Out<Message>,
    ) -> Result<(), S> {
        let Some(connected) = self.connections.get_mut(&from) else { return Ok(()) };
        let handle = Handle { channel: connected.channel, tag: delivery };
        let done: core::result::Result<(), ErrorOf<S>> = match kind {
            AckType::Redelivered => return Ok(()), // it stays with the client
            AckType::Delivered => self.broker.host_mut().seen(now, handle),
            AckType::Standard | AckType::Individual => {
                connected.out.remove(&delivery);
                self.broker.host_mut().ack(now, handle)
            }
            AckType::Poison | AckType::Expired => match connected.out.remove(&delivery) {
                None => Err(VhostError::UnknownDelivery(delivery)),
                Some(delivered) => {
                    let reason = match kind {
                        AckType::Expired => DeathReason::Expired,
                        _ => DeathReason::DeliveryLimit,
                    };
                    return self.bury(now, delivered, (reason, cause.unwrap_or("expired")), out);
                }
            },
        };
        match done {
            Err(VhostError::UnknownDelivery(_) | VhostError::NoChannel) => {
                let known = self.connections.get(&from).and_then(|known| known.consumers.get(&consumer));
                if let Some(queue) = known.and_then(|id| self.broker.host().queue_of(*id)) {
                    let (queue, why) = (queue.clone(), Refusal::UnknownDelivery);
                    out.events.push(Event::Queue(QueueEvent::NotSettled { queue, by: from, why }));
                }
                Ok(())
            }
            done => Ok(done?),
        }
    }

    /// A consumer gave a message up: it dies in its queue, and what goes to the dead is stored there in the same moment.
    fn bury(
        &mut self,
        now: Time,
        delivered: Delivered,
        (reason, cause): (DeathReason, &str),
        out: &mut Out<Message>,
    ) -> Result<(), S> {
        self.drain(out);
        let redeliveries = delivered.count.saturating_sub(1);
        let (id, queue) = (delivered.message.id(), delivered.queue.clone());
        let dispatched = Dispatched { delivered, redeliveries };
        let first = out.events.len();
        let drops = reason == DeathReason::Expired && !self.options.policy.process_expired;
        let buried = match drops {
            true => self.broker.host_mut().ack(now, dispatched.delivered.handle).map_err(BrokerError::Host),
            false => self.broker.poison(now, &dispatched, cause),
        };
        match buried {
            // It was taken back meanwhile.
            Err(BrokerError::Host(VhostError::UnknownDelivery(_))) => return Ok(()),
            done => done?,
        }
        self.drain(out);
        if let Some(message) = id {
            let is_end = |event: &Event| matches!(event, Event::Settled { queue: of, message: other, .. } if (of, *other) == (&queue, message));
            if let Some(at) = out.events[first..].iter().position(is_end) {
                out.events.remove(first + at);
                let died = Event::Queue(QueueEvent::Died { queue: queue.clone(), message, reason });
                out.events.insert(first, died);
            }
        }
        Ok(())
    }
}
