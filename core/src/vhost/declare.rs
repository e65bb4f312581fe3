//! What is there? Exchanges, queues and bindings are declared: made when they are not there, compared when they are.
//!
//! Declaring is for every client to do before it uses a thing, so that none depends on another's coming first. What is
//! durable is noted, and there again after a restart.

use alloc::vec::Vec;

use super::definitions::Definition;
use super::*;
use crate::queue::Browsed;
use crate::routing::KEY_BYTES_MAX;
use crate::time::Span;

impl<S: Storage> VirtualHost<S> {
    /// Sees to it that there is a queue with these options; `false` when it was there already.
    ///
    /// # Errors
    ///
    /// [`VhostError::Different`] (406) when it is there with other options; [`VhostError::BadOptions`]; a bad name,
    /// of the queue or of where its dead letters go, or one that begins with `amq.` (403); failures of the storage.
    pub fn declare_queue(&mut self, now: Time, name: &str, options: QueueOptions) -> Result<bool, S> {
        let name = Name::new(name)?;
        self.check_queue(&name, &options)?;
        if let Some(there) = self.queues.get_mut(&name) {
            there.touch(now);
            return Ok(false);
        }
        // Noted first: where there is no room for that, nothing has changed.
        if !options.transient {
            self.definitions.note_queue(name.clone(), Some(options.clone()))?;
        }
        self.open_queue(now, name, options)?;
        Ok(true)
    }

    /// Whether there may be such a queue besides what is there.
    pub(super) fn check_queue(&self, name: &Name, options: &QueueOptions) -> Result<(), S> {
        if name.as_str().starts_with(RESERVED_PREFIX) {
            return Err(RouteError::Reserved(name.clone().into()).into());
        }
        options.check()?;
        if let Some(letter) = &options.dead_letter {
            let _: ExchangeName = letter.exchange.parse()?;
            let bytes = letter.routing_key.as_ref().map_or(0, alloc::string::String::len);
            if bytes > KEY_BYTES_MAX {
                return Err(RouteError::KeyTooLong(bytes).into());
            }
        }
        match self.queues.get(name) {
            Some(there) if there.options() != options => Err(VhostError::Different(name.clone())),
            _ => Ok(()),
        }
    }

    pub(super) fn open_queue(&mut self, now: Time, name: Name, options: QueueOptions) -> Result<(), S> {
        let mut queue = Queue::open(&mut self.storage, name.clone(), options, now)?;
        queue.touch(now); // it is used by being declared
        queue.watch(true); // the host itself must know which deliveries a queue takes back
        self.router.add_queue(name.clone());
        self.touched.insert(name.clone()); // what an earlier life wrote may not be durable yet
        self.queues.insert(name.clone(), queue);
        self.check_room(&name); // it may have been full before
        Ok(())
    }

    /// Removes a queue with all that is in it, its bindings and its consumers. Its messages do not go where dead
    /// letters go. `false` when there is none.
    ///
    /// # Errors
    ///
    /// Failures of the storage.
    pub fn delete_queue(&mut self, now: Time, name: &str) -> Result<bool, S> {
        let name = Name::new(name)?;
        if !self.queues.contains_key(&name) {
            return Ok(false);
        }
        // A message that died here stands in another queue now: it must be durable there before its log here goes.
        self.flush_messages()?;
        let Some(mut queue) = self.queues.remove(&name) else { return Ok(false) };
        let consumers: Vec<ConsumerId> = queue.consumers().collect();
        for consumer in consumers {
            if let Some(Attached { channel, .. }) = self.consumers.remove(&consumer) {
                self.outputs.push_back(Output::Cancelled { consumer, channel });
            }
        }
        self.leased.retain(|(queue, _), _| *queue != name);
        for channel in self.channels.values_mut() {
            channel.forget_queue(&name);
        }
        queue.erase(now)?;
        queue.flush()?;
        let durable = !queue.options().transient;
        queue.close(&mut self.storage)?;
        self.router.remove_queue(&name);
        self.filters.remove(&name);
        self.touched.remove(&name);
        if self.full.remove(&name).is_some() {
            self.outputs.push_back(Output::Room(name.clone()));
        }
        if durable {
            self.definitions.note_queue(name, None)?;
        }
        self.sync_windows(now)?;
        self.check_memory();
        Ok(true)
    }

    /// Sets anew how long messages live in a queue and how many may be ready, as a policy of RabbitMQ does: whatever the
    /// queue was declared with. What it holds keeps its time, but where it is opened anew all have the new one. `false`
    /// when there is no such queue.
    ///
    /// ```
    /// use mqlab_core::{message::Message, queue::QueueOptions, time::Time, vhost::VirtualHost};
    /// let (mut host, now) = (VirtualHost::in_memory(), Time::ZERO);
    /// host.declare_queue(now, "q", QueueOptions::default())?;
    /// host.publish(now, "", "q", Message::new("a"))?;
    /// host.publish(now, "", "q", Message::new("b"))?;
    /// host.retune_queue(now, "q", None, Some(1))?;
    /// assert_eq!(host.queue("q").map(|queue| queue.stats().ready), Some(1)); // the older one had to go
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A bad name; failures of the storage.
    pub fn retune_queue(
        &mut self,
        now: Time,
        name: &str,
        ttl: Option<Span>,
        length_max: Option<u64>,
    ) -> Result<bool, S> {
        let name = Name::new(name)?;
        let Some(queue) = self.queues.get(&name) else { return Ok(false) };
        let options = QueueOptions { ttl, length_max, ..queue.options().clone() };
        if *queue.options() == options {
            return Ok(true);
        }
        if !options.transient {
            self.definitions.note_queue(name.clone(), Some(options))?;
        }
        self.with_queue(now, &name, |queue| queue.retune(now, ttl, length_max))?;
        if self.full.remove(&name).is_some() {
            self.outputs.push_back(Output::Room(name.clone())); // whoever waits tries, and hears whether there is room
        }
        self.check_room(&name);
        Ok(true)
    }

    /// Lets a consumer have so many messages that it did not acknowledge, from now on (AMQP's `basic.qos`); 0 for no limit.
    ///
    /// # Errors
    ///
    /// Failures of the storage.
    pub fn set_prefetch(&mut self, now: Time, consumer: ConsumerId, most: u32) -> Result<(), S> {
        let Some(queue) = self.queue_of(consumer).cloned() else { return Ok(()) };
        self.with_queue(now, &queue, |queue| queue.set_prefetch(now, consumer, most))
    }

    /// Removes every ready message of a queue, and says how many. They do not go where dead letters go.
    ///
    /// # Errors
    ///
    /// [`VhostError::NoQueue`]; failures of the storage.
    pub fn purge(&mut self, now: Time, queue: &str) -> Result<u64, S> {
        self.with_queue(now, &Name::new(queue)?, |queue| queue.purge(now))
    }

    /// Up to `most` ready messages of a queue, in the order in which they would be delivered. They stay.
    ///
    /// # Errors
    ///
    /// [`VhostError::NoQueue`]; failures of the storage.
    pub fn browse(&mut self, now: Time, queue: &str, most: usize) -> Result<Vec<Browsed>, S> {
        self.with_queue(now, &Name::new(queue)?, |queue| queue.browse(now, most))
    }

    /// Sees to it that there is a durable exchange of this kind; `false` when it was there already.
    ///
    /// # Errors
    ///
    /// [`VhostError::Route`] when it is there with other options, or the name is the broker's own.
    pub fn declare_exchange(&mut self, name: &str, kind: ExchangeKind) -> Result<bool, S> {
        self.declare_exchange_with(name, ExchangeOptions { durable: true, ..ExchangeOptions::new(kind) })
    }

    /// [`declare_exchange`](Self::declare_exchange) with all options.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn declare_exchange_with(&mut self, name: &str, options: ExchangeOptions) -> Result<bool, S> {
        let name: ExchangeName = name.parse()?;
        Definition::Exchange { name: name.clone(), options: Some(options.clone()) }.check()?;
        let new = self.router.declare(name.clone(), options.clone())?;
        if new && options.durable {
            self.definitions.note_exchange(name, Some(options))?;
        }
        Ok(new)
    }

    /// Removes an exchange with its bindings; `false` when there is none.
    ///
    /// # Errors
    ///
    /// [`VhostError::Route`] for those that are always there.
    pub fn delete_exchange(&mut self, name: &str) -> Result<bool, S> {
        let name: ExchangeName = name.parse()?;
        let durable = self.router.exchange(&name).is_some_and(|options| options.durable);
        let found = self.router.delete(&name)?;
        if durable {
            self.definitions.note_exchange(name, None)?;
        }
        Ok(found)
    }

    /// Lets a queue have the messages of an exchange that match a key or pattern; `false` when it had them already.
    ///
    /// # Errors
    ///
    /// [`VhostError::Route`] with what is wrong.
    pub fn bind(&mut self, exchange: &str, queue: &str, key: &str) -> Result<bool, S> {
        let to = Destination::Queue(Name::new(queue)?);
        self.bind_with(Binding::new(exchange.parse()?, to, key))
    }

    /// [`bind`](Self::bind) with arguments, or to an exchange.
    ///
    /// # Errors
    ///
    /// As there; [`VhostError::TooLarge`] when its arguments are.
    pub fn bind_with(&mut self, binding: Binding) -> Result<bool, S> {
        Definition::Binding { binding: binding.clone(), bound: true }.check()?;
        let new = self.router.bind(binding.clone())?;
        if new && self.is_durable(&binding) {
            self.definitions.note_binding(binding, true)?;
        }
        Ok(new)
    }

    /// Takes a binding away; `false` when there is none.
    ///
    /// # Errors
    ///
    /// [`VhostError::Route`] with what is wrong.
    pub fn unbind(&mut self, binding: &Binding) -> Result<bool, S> {
        let found = self.router.unbind(binding)?;
        if found && self.is_durable(binding) {
            self.definitions.note_binding(binding.clone(), false)?;
        }
        Ok(found)
    }

    /// A binding is there again after a restart if both its ends are.
    fn is_durable(&self, binding: &Binding) -> bool {
        let exchange =
            |name: &ExchangeName| self.router.exchange(name).is_some_and(|options| options.durable);
        exchange(&binding.exchange)
            && match &binding.to {
                Destination::Exchange(name) => exchange(name),
                Destination::Queue(name) => {
                    self.queues.get(name).is_some_and(|queue| !queue.options().transient)
                }
            }
    }
}
