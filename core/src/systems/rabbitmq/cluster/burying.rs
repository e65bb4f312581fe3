//! Where do dead letters go in a cluster? Whoever leads the queue in which they died publishes them, as any client would; with
//! `at-least-once` they stay in the queue until those who get them have confirmed.
//!
//! ```text
//!   at-most-once    died ─▶ published, and forgotten           its target full, or its leader dead at this moment: lost
//!   at-least-once   died ─▶ published ─▶ confirmed ─▶ forgotten   refused: published again after a while
//! ```
//!
//! Sources: RabbitMQ, "Quorum Queues", "Dead Lettering"; `rabbit_fifo_dlx_worker.erl`, `rabbit_dead_letter.erl`.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::ToString as _;
use alloc::vec::Vec;

use super::Channel;
use super::channels::ServerChannel;
use super::hosted::Hosted;
use super::link::SESSIONS_SHIFT;
use super::node::{ClusterNode, Fallible};
use crate::ids::{Epoch, Name};
use crate::message::{Death, DeathReason, Message};
use crate::observe::{Event, RabbitmqEvent};
use crate::queue::{DeadLetter, Departure};
use crate::routing::ExchangeName;
use crate::systems::Out;
use crate::time::Time;

/// A dead letter that was published, and is not confirmed.
#[derive(Clone, Debug)]
struct Grave {
    /// In which term of its queue it was handed out.
    term: Epoch,
    exchange: ExchangeName,
    letter: Message,
    careful: bool,
    done: bool,
    /// When it is published again, after it was refused.
    refused: bool,
    again_at: Option<Time>,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Graves {
    next: u64,
    /// How many sessions the node's own channel had before.
    sessions: u32,
    open: BTreeMap<u64, Grave>,
    /// Of each queue whose letters must arrive, in the order of dying.
    order: BTreeMap<Name, VecDeque<u64>>,
}

impl Graves {
    /// What was published and not confirmed is published in another session.
    pub(super) fn begin_anew(&mut self) {
        self.sessions += 1;
        self.open.values_mut().filter(|grave| !grave.done).for_each(|grave| grave.refused = true);
    }

    /// Those who get a letter have it, or will not.
    pub(super) fn answered(&mut self, number: u64, refused: bool) {
        let Some(grave) = self.open.get_mut(&number) else { return };
        if !grave.careful {
            self.open.remove(&number);
        } else if refused {
            grave.refused = true;
        } else {
            grave.done = true;
        }
    }

    pub(super) fn next_wakeup(&self) -> Option<Time> {
        self.open.values().filter_map(|grave| grave.again_at).min()
    }
}

impl ClusterNode {
    /// A message left its queue: it goes where dead letters go, if there is such a place.
    pub(super) fn buries(
        &mut self,
        now: Time,
        origin: &Name,
        departure: Departure,
        letter: Option<DeadLetter>,
        careful: bool,
    ) {
        let Departure { reason, message, .. } = departure;
        let Some(letter) = letter else { return };
        let Ok(exchange) = letter.exchange.parse::<ExchangeName>() else { return };
        let own_key = message.routing_key().unwrap_or(origin.as_str());
        let key = letter.routing_key.as_deref().unwrap_or(own_key).to_string();
        let death = Death {
            queue: origin.clone(),
            reason,
            count: 1,
            exchange: message.exchange().into(),
            routing_key: own_key.into(),
            original_ttl: None,
            time: Some(now),
        };
        let dead = message.clone().after_death(death).with_routing_key(&key);
        let routes = self.router.route(&exchange, &key, dead.headers());
        let targets: Vec<Name> = routes.map(|routes| routes.queues().to_vec()).unwrap_or_default();
        let round = targets.iter().any(|name| goes_round(dead.deaths(), name));
        if !careful && (targets.is_empty() || round) {
            return; // it goes nowhere, or in a circle
        }
        let term = match self.hosted.get(origin) {
            Some(Hosted::Quorum(host)) => host.member.term(),
            _ => Epoch(0),
        };
        if let Some(message) = dead.id() {
            let (queue, to) = (origin.clone(), targets);
            self.events.push(Event::Rabbitmq(RabbitmqEvent::DeadLettered { queue, message, to }));
        }
        self.graves.next += 1;
        let number = self.graves.next;
        let (done, refused, again_at) = (round, false, None);
        if careful {
            self.graves.order.entry(origin.clone()).or_default().push_back(number);
        }
        let grave = Grave { term, exchange, letter: dead, careful, done, refused, again_at };
        self.graves.open.insert(number, grave);
        if !round {
            self.publishes_letter(now, number);
        }
    }

    fn publishes_letter(&mut self, now: Time, number: u64) {
        let Some(grave) = self.graves.open.get_mut(&number) else { return };
        (grave.refused, grave.again_at) = (false, None);
        let (exchange, letter) = (grave.exchange.clone(), grave.letter.clone());
        let life = u32::try_from(self.incarnation << SESSIONS_SHIFT).unwrap_or(u32::MAX);
        let session = life.saturating_add(self.graves.sessions);
        let channel = Channel { client: self.me, session };
        let fits = self.router.route(&exchange, letter.routing_key().unwrap_or_default(), letter.headers());
        if fits.is_ok_and(|routes| routes.queues().is_empty()) {
            // Nobody would have it: it stays until somebody does.
            let again = now + self.config.ask_again;
            if let Some(grave) = self.graves.open.get_mut(&number) {
                grave.again_at = Some(again);
            }
            return;
        }
        let flow = self.config.flow;
        self.channels.entry(self.me).or_insert_with(|| ServerChannel::new(session, flow, now));
        self.publish(channel, number, (&exchange, false, true), None, letter);
    }

    /// Tells queues which of their letters have arrived, and publishes again what was refused.
    pub(super) fn bury(&mut self, now: Time) -> Fallible<()> {
        let again = now + self.config.ask_again;
        for grave in self.graves.open.values_mut().filter(|grave| grave.refused && grave.again_at.is_none()) {
            grave.again_at = Some(again);
        }
        let due = self.graves.open.iter().filter(|(_, grave)| grave.again_at.is_some_and(|at| at <= now));
        let due: Vec<u64> = due.map(|(number, _)| *number).collect();
        for number in due {
            self.publishes_letter(now, number);
        }
        let origins: Vec<Name> = self.graves.order.keys().cloned().collect();
        for origin in origins {
            self.count_buried(now, &origin)?;
        }
        Ok(())
    }

    fn count_buried(&mut self, now: Time, origin: &Name) -> Fallible<()> {
        let Self { graves, hosted, .. } = self;
        let Some(Hosted::Quorum(host)) = hosted.get_mut(origin) else { return Ok(()) };
        let term = host.member.serves().then(|| host.member.term());
        let Some(order) = graves.order.get_mut(origin) else { return Ok(()) };
        let mut count = 0;
        while let Some(&number) = order.front() {
            let grave = graves.open.get(&number);
            let stale = grave.is_none_or(|grave| Some(grave.term) != term);
            if !stale && !grave.is_some_and(|grave| grave.done) {
                break;
            }
            count += u64::from(!stale); // of an earlier term it is handed out anew
            graves.open.remove(&number);
            order.pop_front();
        }
        if count == 0 {
            return Ok(());
        }
        let mut own = Out::default();
        host.member.buried(now, count, &mut own);
        self.absorb_quorum(origin, own)
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
