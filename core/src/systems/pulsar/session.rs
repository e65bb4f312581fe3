//! How does a client find the broker that owns its topic, again and again? It asks any, and comes back when that one goes.
//!
//! ```text
//!   waiting ─▶ looking: who owns it? ─▶ opening: producer, or subscribe ─▶ connected
//!      ▲  nobody, no answer, refused          │ closed, broken, no answer      │ closed, broken
//!      └──────────────────────────────────────┴────────────────────────────────┘
//! ```
//!
//! Each connection has a number of its own, so that what an earlier one was sent is not taken for this one's. Over one that
//! is silent for long goes a question: if that stays without an answer, too, the broker is gone, and nobody has said so.

use alloc::vec::Vec;

use super::Message;
use super::names::TopicName;
use super::protocol::{Answer, Command};
use crate::ids::NodeId;
use crate::systems::{Input, Out};
use crate::time::{Span, Time};

/// How long a client waits before it asks again: 100 ms (`initialBackoffIntervalNanos`).
pub const BACKOFF: Span = Span::from_millis(100);

/// How long a client waits for an answer of a broker: 30 s (`operationTimeoutMs`).
pub const OPERATION_TIMEOUT: Span = Span::from_millis(30_000);

/// After so much silence one side of a connection asks the other, and after as much again gives it up: 30 s
/// (`keepAliveIntervalSeconds`, at both ends).
pub const KEEP_ALIVE: Span = Span::from_millis(30_000);

/// Where a client is with its topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting(Time),
    Looking(NodeId, Time),
    Opening(NodeId, Time),
    /// Since when nothing was heard, and whether it was asked why.
    Connected(NodeId, Time, bool),
}

/// What a connection tells whoever uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// Say to this broker, under this number, what you want.
    Open(NodeId, u64),
    /// The connection is gone.
    Closed,
    /// An answer for the connection that is being opened, or is open.
    Answer(Answer),
}

/// A client's way to a topic.
#[derive(Clone, Debug)]
pub(super) struct Session {
    topic: TopicName,
    brokers: Vec<NodeId>,
    turn: usize,
    number: u64,
    stage: Stage,
    backoff: Span,
    timeout: Span,
    keep_alive: Span,
}

impl Session {
    /// Its connections are numbered after `first`: clients of one node begin far apart.
    pub(super) fn new(topic: TopicName, brokers: Vec<NodeId>, first: u64) -> Self {
        let (backoff, timeout, keep_alive) = (BACKOFF, OPERATION_TIMEOUT, KEEP_ALIVE);
        let stage = Stage::Waiting(Time::ZERO);
        Self { topic, brokers, turn: 0, number: first, stage, backoff, timeout, keep_alive }
    }

    /// With other waits.
    pub(super) fn with_waits(self, backoff: Span, timeout: Span) -> Self {
        Self { backoff, timeout, ..self }
    }

    /// With another patience for silence.
    pub(super) fn with_keep_alive(self, keep_alive: Span) -> Self {
        Self { keep_alive, ..self }
    }

    /// The number of the connection that there is, or was last.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn topic(&self) -> &TopicName {
        &self.topic
    }

    /// The broker and the number of this connection, if it is open.
    pub(super) fn connected(&self) -> Option<(NodeId, u64)> {
        if let Stage::Connected(broker, ..) = self.stage { Some((broker, self.number)) } else { None }
    }

    /// It is open: the broker has said so.
    pub(super) fn open(&mut self, now: Time) {
        if let Stage::Opening(broker, _) = self.stage {
            self.stage = Stage::Connected(broker, now, false);
        }
    }

    /// It must be opened anew.
    pub(super) fn again(&mut self, now: Time) {
        self.stage = Stage::Waiting(now + self.backoff);
    }

    /// Takes what has come, and goes on if it is time.
    pub(super) fn handle(
        &mut self,
        now: Time,
        input: Input<Message>,
        out: &mut Out<Message>,
    ) -> Option<News> {
        let news = match input {
            Input::Wake => None,
            Input::HangUp { peer } => self.lost(now, peer),
            Input::Message { from, message: Message::FromBroker(answer) } => {
                self.answer(now, from, answer, out)
            }
            Input::Message { .. } => None,
        };
        news.or_else(|| self.tick(now, out))
    }

    fn lost(&mut self, now: Time, peer: NodeId) -> Option<News> {
        let of = match self.stage {
            Stage::Waiting(_) => return None,
            Stage::Looking(of, _) | Stage::Opening(of, _) | Stage::Connected(of, ..) => of,
        };
        (of == peer).then(|| {
            self.again(now);
            News::Closed
        })
    }

    fn answer(&mut self, now: Time, from: NodeId, answer: Answer, out: &mut Out<Message>) -> Option<News> {
        if let Stage::Connected(broker, heard, asked) = &mut self.stage
            && *broker == from
            && answer.number() == Some(self.number)
        {
            (*heard, *asked) = (now, false);
            if let Answer::Ping { of } = answer {
                out.sends.push((from, Message::ToBroker(Command::Pong { of })));
            }
        }
        match (&answer, self.stage) {
            (Answer::Owner { topic, broker }, Stage::Looking(asked, _)) => {
                if *topic != self.topic || asked != from {
                    return None;
                }
                let Some(broker) = *broker else {
                    self.again(now);
                    return None;
                };
                self.number += 1;
                self.stage = Stage::Opening(broker, now);
                Some(News::Open(broker, self.number))
            }
            (Answer::Owner { .. }, _) => None,
            (Answer::Ping { .. } | Answer::Pong { .. }, _) => None,
            (Answer::Closed { of }, Stage::Opening(broker, _) | Stage::Connected(broker, ..)) => {
                (*of == self.number && broker == from).then(|| {
                    self.again(now);
                    News::Closed
                })
            }
            (_, Stage::Opening(broker, _) | Stage::Connected(broker, ..)) => {
                (broker == from && answer.number() == Some(self.number)).then_some(News::Answer(answer))
            }
            _ => None,
        }
    }

    fn tick(&mut self, now: Time, out: &mut Out<Message>) -> Option<News> {
        match self.stage {
            Stage::Looking(_, since) | Stage::Opening(_, since) if now.since(since) >= self.timeout => {
                self.again(now);
                Some(News::Closed)
            }
            Stage::Connected(broker, heard, asked) if now.since(heard) >= self.silence(asked) => {
                if asked {
                    self.again(now);
                    return Some(News::Closed);
                }
                self.stage = Stage::Connected(broker, heard, true);
                out.sends.push((broker, Message::ToBroker(Command::Ping { of: self.number })));
                None
            }
            Stage::Waiting(until) if until <= now => {
                let broker = *self.brokers.get(self.turn)?;
                self.turn = (self.turn + 1) % self.brokers.len();
                self.stage = Stage::Looking(broker, now);
                let command = Command::Lookup { topic: self.topic.clone() };
                out.sends.push((broker, Message::ToBroker(command)));
                None
            }
            _ => None,
        }
    }

    /// How much silence is too much, before it was asked and after.
    fn silence(&self, asked: bool) -> Span {
        Span(self.keep_alive.0.saturating_mul(1 + u64::from(asked)))
    }

    pub(super) fn next_wakeup(&self) -> Option<Time> {
        match self.stage {
            Stage::Waiting(until) => (!self.brokers.is_empty()).then_some(until),
            Stage::Looking(_, since) | Stage::Opening(_, since) => Some(since + self.timeout),
            Stage::Connected(_, heard, asked) => Some(heard + self.silence(asked)),
        }
    }
}
