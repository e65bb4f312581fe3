//! Whom does a system exchange lead to? To the broker itself: services that answer where a message says.
//!
//! AMQP's fifth kind of exchange: the routing key is not compared with bindings, it names a service. A request is an
//! ordinary message with `reply_to` and a correlation id; the answer is one too. So a client can ask the broker how it
//! stands with nothing but publish and consume.
//!
//! | service | its answer's body |
//! |---|---|
//! | `amq.echo` | the body of the request |
//! | `amq.queues` | JSON: each queue with what is in it |
//! | `amq.exchanges` | JSON: each exchange with its kind |
//! | `amq.bindings` | JSON: each binding |
//!
//! Source: AMQP 0-9-1, section 3.1.3.5, which leaves the services to the broker.

use alloc::vec::Vec;

use bytes::Bytes;

use super::*;
use crate::sorted::SortedMap;

/// The services, by the routing keys that name them.
pub const SERVICES: [&str; 4] = ["amq.echo", "amq.queues", "amq.exchanges", "amq.bindings"];

impl<S: Storage> VirtualHost<S> {
    pub(super) fn declare_services(&mut self) -> Result<(), S> {
        for service in SERVICES {
            self.router.add_service(service)?;
        }
        Ok(())
    }

    /// Lets a service answer. Nobody hears it when the request does not say where, or when that queue is not there.
    pub(super) fn serve(&mut self, now: Time, service: &str, request: &Message) -> Result<(), S> {
        let Some(to) = request.reply_to().cloned().filter(|to| self.queues.contains_key(to)) else {
            return Ok(());
        };
        let answer = Message::new(self.answer(service, request)).transient();
        let answer = match request.correlation() {
            Some(correlation) => answer.with_correlation(correlation),
            None => answer,
        };
        match self.with_queue(now, &to, |queue| queue.send(now, answer)) {
            Ok(_) | Err(VhostError::Queue(QueueError::Full) | VhostError::Blocked) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn answer(&self, service: &str, request: &Message) -> Bytes {
        let json = match service {
            "amq.queues" => {
                let queues: SortedMap<&str, _> =
                    self.queues.iter().map(|(name, queue)| (name.as_str(), queue.stats())).collect();
                serde_json::to_vec(&queues)
            }
            "amq.exchanges" => {
                let exchanges: SortedMap<&str, _> =
                    self.router.exchanges().map(|(name, options)| (name.as_str(), options)).collect();
                serde_json::to_vec(&exchanges)
            }
            "amq.bindings" => serde_json::to_vec(&self.router.bindings().collect::<Vec<_>>()),
            _ => return request.body().clone(),
        };
        json.expect("plain data with text for keys can be written").into()
    }
}
