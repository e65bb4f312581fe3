//! What the passing of time and a restart do to the list.

use mqlab_core::ids::MessageId;
use mqlab_core::message::{DeathReason, Message, Repeat};
use mqlab_core::queue::{ConsumerId, Expiry, Overflow, Requeue};
use mqlab_core::time::{Span, Time};

use crate::list::{Item, List, Place};

/// Where the logs say that a message stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Stands {
    Free,
    Leased(Time),
    Waits(Time),
}

/// What the logs hold of a message: offset, message, when it came, deliveries, and where it stands.
pub(crate) type Found = (u64, Message, Time, u32, Stands);

impl List {
    /// Does what is due. Whoever calls it sooner than anything is due finds nothing changed.
    pub(crate) fn tick(&mut self, now: Time) {
        self.too_full = None;
        while let Some((.., offset)) = self.first_due(now, |item| match item.place {
            Place::Out { tag, lease, .. } => lease.map(|at| (at, tag)),
            _ => None,
        }) {
            self.give_back(now, offset);
        }
        while let Some((due, .., offset)) = self.first_due(now, |item| match item.place {
            Place::Waiting(until) => Some((until, item.offset)),
            _ => None,
        }) {
            self.waited(now, due, offset);
        }
        if let (Expiry::Sweep(every), Some(at)) = (self.options.expiry, self.sweep)
            && at <= now
            && !self.items.is_empty()
        {
            let ready = self.items.iter().filter(|item| matches!(item.place, Place::Ready(_)));
            let dead: Vec<u64> =
                ready.filter(|item| self.is_expired(now, item)).map(|item| item.offset).collect();
            dead.into_iter().for_each(|offset| self.die(offset, DeathReason::Expired));
            self.sweep = Some(now + every);
        }
        self.settle_down(now);
    }

    fn first_due(&self, now: Time, at: impl Fn(&Item) -> Option<(Time, u64)>) -> Option<(Time, u64, u64)> {
        let all = self.items.iter().filter_map(|item| at(item).map(|(at, order)| (at, order, item.offset)));
        all.filter(|(at, ..)| *at <= now).min()
    }

    /// What came back stands in line again. What its sender delayed begins its life now, behind all others; and one that
    /// repeats waits again, for the next moment of its rhythm that is still to come.
    fn waited(&mut self, now: Time, due: Time, offset: u64) {
        let item = self.item(offset).clone();
        if item.deliveries > 0 {
            return self.back_in_line(offset);
        }
        let repeat = item.message.repeat().filter(|repeat| repeat.times > 0);
        if repeat.is_none() {
            self.remove(offset);
        }
        let place = self.add(now, item.message.clone().due());
        self.item_mut(place).place = Place::Ready(None);
        self.log(place);
        if let Some(repeat) = repeat {
            self.remove(offset);
            let every = repeat.every.0.max(1_000);
            let until =
                (1..).map(|times| due + Span(times * every)).find(|at| *at > now).expect("time ends late");
            let delay = until.since(Time(now.0 / 1_000 * 1_000));
            let rest = Repeat { times: repeat.times - 1, ..repeat };
            let place = self.add(now, item.message.with_delay(delay).with_repeat(rest));
            self.item_mut(place).place = Place::Waiting(until);
            self.log(place);
        }
    }

    /// What a restart makes of the list, when everything that was done was written. Transient messages are gone.
    pub(crate) fn restarted(&self, now: Time) -> Self {
        let kept = self.items.iter().filter(|item| !item.message.is_transient() && !self.options.transient);
        let kept = kept.map(|item| {
            let stands = match item.place {
                Place::Out { lease: Some(until), .. } if item.noted => Stands::Leased(until),
                Place::Waiting(until) if item.noted => Stands::Waits(until),
                _ => Stands::Free,
            };
            (item.offset, item.message.clone(), item.since, item.deliveries, stands)
        });
        Self::recovered(self, now, kept.collect())
    }

    /// The list as a restart makes it from what the logs hold.
    pub(crate) fn recovered(before: &Self, now: Time, found: Vec<Found>) -> Self {
        let mut list = Self::new(before.options.clone());
        (list.logged, list.next) = (before.logged, before.logged);
        for (offset, message, since, deliveries, stands) in found {
            let mut item = Item::new(offset, message, since);
            // It was delivered, and nobody has it now: but a restart alone kills no message.
            item.deliveries = deliveries;
            let came_back = deliveries - u32::from(matches!(stands, Stands::Leased(_)));
            item.returns = came_back.min(list.options.delivery_limit.unwrap_or(u32::MAX));
            item.noted = stands != Stands::Free;
            let repeats = item.message.repeat().is_some_and(|repeat| repeat.times > 0);
            let delay = item.message.delay().or(repeats.then_some(Span::ZERO));
            let stands =
                if matches!(stands, Stands::Waits(until) if until <= now) { Stands::Free } else { stands };
            let is_front = deliveries > 0 && list.options.requeue == Requeue::Front && stands == Stands::Free;
            list.fronts += u64::from(is_front);
            list.tags += u64::from(matches!(stands, Stands::Leased(_)));
            item.place = match (stands, delay) {
                (Stands::Leased(until), _) => {
                    let (tag, with) = (list.tags, ConsumerId::default());
                    Place::Out { tag, with, seen: false, lease: Some(until) }
                }
                (Stands::Waits(until), _) => Place::Waiting(until),
                (_, Some(delay)) if deliveries == 0 => Place::Waiting(since + delay),
                _ => Place::Ready(is_front.then_some(list.fronts)),
            };
            if list.expires(&item).is_some() {
                list.arm(now);
            }
            list.items.push(item);
        }
        let ids = list.items.iter().filter_map(|item| Some((item.since, item.message.id()?)));
        let mut ids: Vec<(Time, MessageId)> = ids.collect();
        ids.sort_unstable();
        for (since, id) in ids {
            if list.options.remember_ids.is_some() && list.remembered.iter().all(|(other, _)| *other != id) {
                list.remembered.push((id, since));
            }
        }
        let too_full = list.options.overflow == Overflow::DropHead && list.is_over();
        list.too_full = too_full.then_some(now);
        list
    }
}
