//! Whom to ask? A client's copy of the cluster's metadata, and how it gets a newer one.
//!
//! A client knows a few brokers by name and asks them in turn until one answers. Its copy may be old; it finds
//! out by being refused, and then asks again; and where copies are not trusted for ever, after a while.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::asked::Asked;
use crate::broker::{Message, Out, Request, RequestId, Settings, View};
use crate::ids::NodeId;
use crate::observe::Place;
use crate::time::Time;

/// A client's knowledge of the cluster.
#[derive(Clone, Debug)]
pub(super) struct Metadata {
    brokers: Vec<NodeId>,
    next: usize,
    view: Arc<View>,
    state: State,
    /// When the copy is too old to be trusted, if it ever is.
    stale_at: Option<Time>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// As far as is known, the copy is good.
    Known,
    /// A newer one is wanted, from this moment on.
    Wanted(Time),
    /// A broker was asked, and is given up at this moment.
    Asked(Asked),
}

impl Metadata {
    /// Knows these brokers by name, and nothing else yet.
    pub(super) fn new(brokers: Vec<NodeId>) -> Self {
        Self { brokers, next: 0, view: Arc::default(), state: State::Wanted(Time::ZERO), stale_at: None }
    }

    /// The newest view that is known; empty at first.
    pub(super) fn view(&self) -> &View {
        &self.view
    }

    /// The broker that takes what goes to a place, as far as is known.
    pub(super) fn broker_of(&self, place: &Place) -> Option<NodeId> {
        match place {
            Place::Queue(queue) => self.view.queues.get(queue).copied(),
            Place::Partition(partition) => self.view.leader_of(partition),
            Place::Exchange(exchange) => self.view.exchanges.get(exchange).copied(),
            Place::Topic(_) => None,
        }
    }

    /// The view did not hold: get a newer one, soon.
    pub(super) fn refresh(&mut self, at: Time) {
        if let State::Known = self.state {
            self.state = State::Wanted(at);
        }
    }

    /// Takes a view; says whether it is one that was asked for.
    pub(super) fn learn(&mut self, id: RequestId, view: Arc<View>, retry: Time) -> bool {
        if !matches!(self.state, State::Asked(asked) if asked.id == id) {
            return false;
        }
        // A broker that has just started knows nothing yet.
        self.state = if view.version == 0 { State::Wanted(retry) } else { State::Known };
        if view.version > self.view.version {
            self.view = view;
        }
        true
    }

    /// The connection to a broker broke.
    pub(super) fn hang_up(&mut self, peer: NodeId, retry: Time) {
        if matches!(self.state, State::Asked(asked) if asked.broker == peer) {
            self.state = State::Wanted(retry);
        }
    }

    /// Asks the next broker, if that is due.
    pub(super) fn ask_if_due(
        &mut self,
        now: Time,
        settings: &Settings,
        last_request: &mut RequestId,
        out: &mut Out,
    ) {
        let due = match self.state {
            State::Known => self.stale_at.is_some_and(|at| at <= now),
            State::Wanted(at) => at <= now,
            State::Asked(asked) => asked.deadline <= now,
        };
        if !due || self.brokers.is_empty() {
            return;
        }
        let broker = self.brokers[self.next % self.brokers.len()];
        self.next += 1;
        *last_request += 1;
        let deadline = now + settings.request_timeout;
        self.stale_at = settings.metadata_age.map(|age| now + age);
        self.state = State::Asked(Asked { id: *last_request, broker, deadline });
        out.send(broker, Message::Request(*last_request, Request::Metadata));
    }

    /// When something is due.
    pub(super) fn next_wakeup(&self) -> Option<Time> {
        match self.state {
            State::Known => self.stale_at,
            State::Wanted(at) => Some(at),
            State::Asked(asked) => Some(asked.deadline),
        }
    }
}
