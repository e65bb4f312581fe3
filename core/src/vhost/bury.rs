//! Where do dead letters go? Through an exchange like everybody else, with their history, and not in circles.
//!
//! ```text
//!   y1 (ttl) ── expired ──▶ y2 (ttl) ── expired ──▶ y1?   dropped: it has been there, and nobody touched it since
//!   d1 ── rejected ──▶ d2 (ttl) ── expired ──▶ d1         delivered again: somebody refused it, and may take it now
//! ```
//!
//! Source: RabbitMQ "Dead Letter Exchanges", `rabbit_dead_letter.erl`. A dead-letter exchange that is not there drops
//! what it should get, in silence, as RabbitMQ does; a queue of dead letters that is full does what it does with
//! everything.

use alloc::vec::Vec;

use super::publish::routed;
use super::*;
use crate::message::{Death, DeathReason};
use crate::queue::Departure;

impl<S: Storage> VirtualHost<S> {
    /// Sends on all that died, one after the other: a letter that throws another one out of a full queue does not
    /// wait for that one's burial, however long the row of full queues is.
    pub(super) fn bury_all(&mut self, now: Time) -> Result<(), S> {
        if core::mem::replace(&mut self.burying, true) {
            return Ok(()); // whoever is at it goes on until there is none
        }
        let mut done = Ok(());
        while done.is_ok()
            && let Some((from, departure)) = self.dying.pop_front()
        {
            done = self.bury(now, &from, departure);
        }
        self.burying = false;
        done
    }

    /// Sends a message on that died in a queue.
    fn bury(&mut self, now: Time, from: &Name, departure: Departure) -> Result<(), S> {
        let Departure { reason, message, .. } = departure;
        let Some(letter) = self.queues.get(from).and_then(|queue| queue.options().dead_letter.clone()) else {
            return Ok(());
        };
        let Ok(exchange) = letter.exchange.parse::<ExchangeName>() else { return Ok(()) };
        let own_key = message.routing_key().unwrap_or(from.as_str());
        let key = letter.routing_key.as_deref().unwrap_or(own_key);
        let death = Death {
            queue: from.clone(),
            reason,
            count: 1,
            exchange: message.exchange().into(),
            routing_key: own_key.into(),
            original_ttl: None,
            time: self.death_headers.then_some(now),
        };
        let dead = message.clone().after_death(death);
        let dead = if self.death_headers { dead.with_death_headers() } else { dead };
        let routes = match self.router.route(&exchange, key, dead.headers()) {
            Ok(routes) => routes,
            Err(RouteError::NoExchange(_) | RouteError::Internal(_) | RouteError::KeyTooLong(_)) => {
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let allowed = |name: &&Name| !goes_round(dead.deaths(), name);
        let targets: Vec<Name> = routes.queues().iter().filter(allowed).cloned().collect();
        let dead = routed(dead, &exchange, key);
        for target in targets {
            if self.filters.get(&target).is_some_and(|filter| !filter.wants(&dead, None)) {
                continue;
            }
            match self.with_queue(now, &target, |queue| queue.send_again(now, dead.clone())) {
                Ok(_) | Err(VhostError::Queue(QueueError::Full) | VhostError::Blocked) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Whether a message has come from this queue to where it died now without anybody refusing it on the way, here included:
/// its latest death stands first.
fn goes_round(deaths: &[Death], to: &Name) -> bool {
    match deaths.iter().position(|death| death.queue == *to) {
        None => false,
        Some(at) => deaths[..=at].iter().all(|death| death.reason != DeathReason::Rejected),
    }
}
