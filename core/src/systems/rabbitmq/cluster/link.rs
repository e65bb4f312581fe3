//! How does a client stay connected? It tries its nodes in turn, one session after the other, and beats.

use alloc::vec::Vec;

use super::protocol::{ClusterMessage, ToClient, ToNode};
use super::{AFTER_HANG_UP, BEATS};
use crate::ids::NodeId;
use crate::observe::{Event, RabbitmqEvent};
use crate::systems::{Input, Out};
use crate::time::{Span, Time};

/// How many sessions a client may have in one life.
pub(super) const SESSIONS_SHIFT: u32 = 16;

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It tries again then.
    Waits(Time),
    /// It asked for a channel, and waits so long.
    Opens(Time),
    Open,
}

/// What an input means for a client.
#[derive(Clone, Debug)]
pub(super) enum Means {
    Nothing,
    /// It has a channel.
    Opened,
    /// It has none any more.
    Lost,
    Word(ToClient),
}

/// A client's end of a connection.
#[derive(Clone, Debug)]
pub(super) struct Link {
    nodes: Vec<NodeId>,
    at: usize,
    session: u32,
    state: State,
    heartbeat: Span,
    heard: Time,
    beat_at: Time,
}

impl Link {
    /// The first connection of a life, from a moment on.
    pub(super) fn new(nodes: Vec<NodeId>, heartbeat: Span, incarnation: u64, starts_at: Time) -> Self {
        let session = u32::try_from(incarnation << SESSIONS_SHIFT).unwrap_or(u32::MAX);
        let state = State::Waits(starts_at);
        Self { nodes, at: 0, session, state, heartbeat, heard: starts_at, beat_at: starts_at }
    }

    pub(super) fn node(&self) -> NodeId {
        self.nodes[self.at % self.nodes.len()]
    }

    pub(super) fn session(&self) -> u32 {
        self.session
    }

    pub(super) fn is_open(&self) -> bool {
        self.state == State::Open
    }

    pub(super) fn say(&self, word: ToNode, out: &mut Out<ClusterMessage>) {
        out.sends.push((self.node(), ClusterMessage::Says(self.session, word)));
    }

    /// The next node, after a while.
    fn lose(&mut self, now: Time, out: &mut Out<ClusterMessage>) -> Means {
        let was_open = self.is_open();
        if was_open {
            out.events.push(Event::Rabbitmq(RabbitmqEvent::Disconnected { from: self.node() }));
        }
        self.at += 1;
        self.state = State::Waits(now + AFTER_HANG_UP);
        if was_open { Means::Lost } else { Means::Nothing }
    }

    pub(super) fn handle(
        &mut self,
        now: Time,
        input: Input<ClusterMessage>,
        out: &mut Out<ClusterMessage>,
    ) -> Means {
        match input {
            Input::Wake => self.wake(now, out),
            Input::HangUp { peer } if peer == self.node() && !matches!(self.state, State::Waits(_)) => {
                self.lose(now, out)
            }
            Input::Message { from, message: ClusterMessage::Hears(session, word) }
                if from == self.node() && session == self.session =>
            {
                self.heard = now;
                match word {
                    ToClient::Opened if matches!(self.state, State::Opens(_)) => {
                        (self.state, self.beat_at) = (State::Open, now + Span(self.heartbeat.0 / BEATS));
                        Means::Opened
                    }
                    ToClient::Opened | ToClient::Beat => Means::Nothing,
                    word if self.is_open() => Means::Word(word),
                    _ => Means::Nothing,
                }
            }
            Input::HangUp { .. } | Input::Message { .. } => Means::Nothing,
        }
    }

    fn wake(&mut self, now: Time, out: &mut Out<ClusterMessage>) -> Means {
        match self.state {
            State::Waits(at) if at <= now => {
                self.session += 1;
                self.state = State::Opens(now + self.heartbeat);
                self.say(ToNode::Open, out);
                Means::Nothing
            }
            State::Opens(until) if until <= now => self.lose(now, out),
            State::Open if now.since(self.heard) > self.heartbeat => self.lose(now, out),
            State::Open if self.beat_at <= now => {
                self.beat_at = now + Span(self.heartbeat.0 / BEATS);
                self.say(ToNode::Beat, out);
                Means::Nothing
            }
            _ => Means::Nothing,
        }
    }

    pub(super) fn next_wakeup(&self) -> Time {
        match self.state {
            State::Waits(at) | State::Opens(at) => at,
            State::Open => self.beat_at.min(self.heard + self.heartbeat + Span(1)),
        }
    }
}
