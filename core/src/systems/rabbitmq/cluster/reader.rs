//! When does a node not read what a client sends? While an alarm is on, or while the client's channel has more under way than its
//! queues take.
//!
//! ```text
//!            400 credit                400 credit, 200 more for 200     classic queue
//!   reader ─────────────▶ channel ──┬─────────────────────────────────▶
//!      ▲   200 more for 200,        ├─ 32 commands, not answered ─────▶ quorum queue
//!      │   while it is not blocked  └─ 256 messages, not answered ────▶ stream
//!      └── none left: in flow, the socket is not read
//! ```
//!
//! * A channel that waits for a queue goes on with what comes, but gives its reader no more credit: so a publisher is in flow
//!   when it has sent as much again as the reader's credit.
//! * Only who has published is stopped: who only consumes is read always. An alarm stops who has published since they were let
//!   go on last, and others with their first message, which is still taken.
//! * With an alarm the client is told (`connection.blocked`); of flow it hears nothing, but TCP's window closes.
//! * Who is not read cannot be heard: meanwhile nobody counts heartbeats.
//!
//! Sources: `credit_flow.erl`, `rabbit_reader.erl` (`should_block`, `maybe_block`), `rabbit_channel.erl`,
//! `rabbit_fifo_client.erl` (`soft_limit`), `rabbit_stream_queue.erl`; RabbitMQ, "Flow Control", "Memory and Disk Alarms".

use alloc::collections::VecDeque;
use core::ops::Bound;

use super::Channel;
use super::asking::Asker;
use super::channels::ServerChannel;
use super::node::{ClusterNode, Fallible};
use super::protocol::{ToClient, ToNode};
use crate::ids::NodeId;
use crate::observe::{Event, QueueEvent, RabbitmqEvent};
use crate::time::Time;
use crate::vhost::Credit;

/// How much may be under way before a publisher is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FlowLimits {
    /// What a reader has of its channel, and a channel of a classic queue: at first, and each time so much was handled.
    pub(crate) credit: (u32, u32),
    /// Commands to a quorum queue.
    pub(crate) commands: u32,
    /// Messages to a stream.
    pub(crate) messages: u32,
}

/// The node's end of a connection, as far as it is read.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    credit: Credit,
    /// Handled by the channel, while it gave no credit for it.
    handled: u32,
    /// Whether the client has published since it was let go on last.
    publishes: bool,
    /// Whether the client was told that it is blocked.
    blocked: bool,
    /// Whether it is not read for want of credit.
    in_flow: bool,
    /// What came, and was not read.
    unread: VecDeque<ToNode>,
}

impl Reader {
    pub(super) fn new(limits: FlowLimits) -> Self {
        let (initial, more_after) = limits.credit;
        let (blocked, in_flow, unread) = Default::default();
        let credit = Credit::new(initial, more_after);
        Self { credit, handled: 0, publishes: false, blocked, in_flow, unread }
    }

    /// Whether the client is not read, as it was found last.
    pub(super) fn is_stopped(&self) -> bool {
        self.blocked || self.in_flow
    }

    /// The client publishes something.
    fn publishes(&mut self) {
        self.publishes = true;
        self.credit.spend();
        self.handled += 1;
    }

    /// The channel gives credit for what it has handled, unless a queue holds it up.
    fn is_granted(&mut self, held_up: bool) {
        if !held_up {
            self.credit.handle(core::mem::take(&mut self.handled));
        }
    }

    /// Whether it is not read because of an alarm, and whether for want of credit, as it was found last.
    fn stopped_by(&self) -> (bool, bool) {
        (self.blocked, self.in_flow)
    }

    /// The same, as it is now: only who publishes is stopped.
    fn is_to_be_stopped(&self, alarm: bool) -> (bool, bool) {
        (self.publishes && alarm, self.publishes && self.credit.is_spent())
    }
}

impl ServerChannel {
    /// Whether it is to be read on, or not any more.
    fn has_news(&mut self, alarm: bool) -> bool {
        if !self.reader.publishes {
            return false;
        }
        self.grant_credit();
        let reader = &self.reader;
        reader.is_to_be_stopped(alarm) != reader.stopped_by() || !reader.unread.is_empty()
    }

    /// The channel gives its reader credit for what it has handled, unless a queue holds it up.
    fn grant_credit(&mut self) {
        let held_up = self.askers.values().any(Asker::holds_up);
        self.reader.is_granted(held_up);
    }
}

impl ClusterNode {
    /// A client says something: it is done, or waits until its node reads on.
    pub(super) fn comes_from(&mut self, now: Time, channel: Channel, word: ToNode) -> Fallible<()> {
        let Some(own) = self.channel(channel) else {
            // It opens one, or comes too late.
            return self.client_says(now, channel, word);
        };
        own.heard = now;
        if own.reader.is_stopped() {
            if !matches!(word, ToNode::Beat) {
                own.reader.unread.push_back(word);
            }
            return Ok(());
        }
        self.reads(now, channel, word)
    }

    fn reads(&mut self, now: Time, channel: Channel, word: ToNode) -> Fallible<()> {
        if let (Some(own), ToNode::Publish { .. }) = (self.channel(channel), &word) {
            own.reader.publishes();
        }
        self.client_says(now, channel, word)?;
        self.stop_or_let_go(now, channel);
        Ok(())
    }

    /// Reads on, where that was not possible before; and stops reading where it is not possible any more.
    pub(super) fn read_on(&mut self, now: Time) -> Fallible<()> {
        let mut behind = Bound::Unbounded;
        while let Some(channel) = self.next_with_news(behind) {
            behind = Bound::Excluded(channel.client);
            self.stop_or_let_go(now, channel);
            while let Some(own) = self.channel(channel).filter(|own| !own.reader.is_stopped())
                && let Some(word) = own.reader.unread.pop_front()
            {
                self.reads(now, channel, word)?;
            }
        }
        Ok(())
    }

    /// The next channel of a publisher that may be read and was not, or the other way round: for most nothing is new.
    fn next_with_news(&mut self, behind: Bound<NodeId>) -> Option<Channel> {
        let alarm = self.alarms.are_on();
        let mut rest = self.channels.range_mut((behind, Bound::Unbounded));
        rest.find_map(|(&client, own)| {
            own.has_news(alarm).then_some(Channel { client, session: own.session })
        })
    }

    /// Looks whether a client may be read, and says so where it is otherwise than before.
    fn stop_or_let_go(&mut self, now: Time, channel: Channel) {
        let alarm = self.alarms.are_on();
        let Some(own) = self.channel(channel) else { return };
        own.grant_credit();
        let (client, waiting) = (channel.client, own.open.len() as u64);
        let reader = &mut own.reader;
        let (blocked, in_flow) = reader.stopped_by();
        (reader.blocked, reader.in_flow) = reader.is_to_be_stopped(alarm);
        let (blocks, goes) = (reader.blocked && !blocked, !reader.blocked && blocked);
        let (slows, flows_on) = (reader.in_flow && !in_flow, !reader.in_flow && in_flow);
        if (blocked || in_flow) && !reader.is_stopped() {
            (reader.publishes, own.heard) = (false, now);
        }
        if blocks {
            self.events.push(Event::Rabbitmq(RabbitmqEvent::ConnectionBlocked { client }));
            self.hear(channel, ToClient::Blocked);
        }
        if slows {
            self.events.push(Event::Queue(QueueEvent::InFlow { client, waiting }));
            self.hear(channel, ToClient::Window { open: false });
        }
        if flows_on {
            self.events.push(Event::Queue(QueueEvent::OutOfFlow { client, waiting }));
            self.hear(channel, ToClient::Window { open: true });
        }
        if goes {
            self.events.push(Event::Rabbitmq(RabbitmqEvent::ConnectionUnblocked { client }));
            self.hear(channel, ToClient::Unblocked);
        }
    }
}
