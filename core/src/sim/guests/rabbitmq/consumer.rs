//! How does a consumer live in the lab? Its client gets messages; its program works on them, and says what became of each.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::super::{Guest, GuestMessage, GuestOut, GuestView, Halts, Hands, HasId, Look, Over, Run, Speaks};
use super::{GivesBack, RabbitmqSource};
use crate::ids::{MessageId, Name, NodeId};
use crate::observe::{Change, Event, QueueEvent};
use crate::sim::picture::ConsumerView;
use crate::sim::{ConsumerSpec, OnFailure, Settles};
use crate::systems::rabbitmq::cluster::{ClusterConfig, ClusterMessage, ConsumerClient, Given, How, Reads};
use crate::systems::{Input, Out};
use crate::time::Time;

impl HasId for Given {
    fn message(&self) -> Option<MessageId> {
        self.id()
    }

    fn attempt(&self) -> u32 {
        self.attempt
    }
}

/// A consumer.
#[derive(Clone, Debug)]
pub(super) struct ConsumerGuest {
    node: NodeId,
    spec: ConsumerSpec,
    from: RabbitmqSource,
    reads: Reads,
    nodes: Vec<NodeId>,
    config: Arc<ClusterConfig>,
    client: ConsumerClient,
    hands: Hands<Given>,
    /// Done, and not said yet.
    unsaid: Vec<Given>,
    processed: u64,
}

impl ConsumerGuest {
    pub(super) fn new(
        spec: &ConsumerSpec,
        from: &RabbitmqSource,
        number: u16,
        (nodes, stream): (Vec<NodeId>, bool),
        config: &Arc<ClusterConfig>,
    ) -> Self {
        let reads = if stream {
            Reads::Stream {
                from: from.offset.into(),
                reference: from.reference.clone().filter(|_| from.store_every > 0),
                credit: from.prefetch,
                store_every: from.store_every,
            }
        } else {
            Reads::Queue { prefetch: from.prefetch, priority: from.priority, no_ack: from.no_ack }
        };
        let life = (1, Time(spec.starts_at));
        let (queue, heartbeat) = (from.queue.clone(), config.heartbeat);
        let client = ConsumerClient::new(queue, reads.clone(), nodes.clone(), heartbeat, life);
        let hands = Hands::new(spec, config.seed);
        let (node, config) = (NodeId::Consumer(number), Arc::clone(config));
        let (spec, from, unsaid) = (spec.clone(), from.clone(), Vec::new());
        Self { node, spec, from, reads, nodes, config, client, hands, unsaid, processed: 0 }
    }

    /// As whose work it counts: a stream is read by many, each for itself.
    fn group(&self) -> Option<Name> {
        self.from.reference.clone().filter(|_| self.client.is_stream())
    }

    /// The program is through with something.
    fn is_through(&mut self, over: Over<Given>, out: &mut Out<ClusterMessage>) {
        let Over { what, done } = over;
        let Some(message) = what.id() else { return };
        let from = self.client.place();
        let said_before = self.spec.program.settles == Settles::Before;
        if done {
            self.processed += 1;
            let (messages, group) = (message.into(), self.group());
            out.events.push(Event::Processed { from, messages, group });
            if !said_before {
                self.unsaid.push(what);
            }
            return;
        }
        out.events.push(Event::Queue(QueueEvent::Failed { from, message }));
        if said_before {
            return;
        }
        if self.client.is_stream() {
            return self.unsaid.push(what); // a log goes on
        }
        let how = match self.spec.program.on_failure {
            OnFailure::Requeue => How::Back { failed: self.from.gives_back == GivesBack::Reject },
            OnFailure::Reject => How::Dead,
        };
        self.client.settle(&[what], how, out);
    }

    fn go_on(&mut self, now: Time, out: &mut Out<ClusterMessage>) {
        loop {
            for over in self.hands.go_on(now) {
                self.is_through(over, out);
            }
            let mut given = false;
            while self.hands.free() > 0
                && let Some(next) = self.client.take()
            {
                if self.spec.program.settles == Settles::Before {
                    self.client.settle(core::slice::from_ref(&next), How::Done, out);
                }
                self.hands.give(next);
                given = true;
            }
            if !given {
                break;
            }
        }
        let at_once = match self.spec.program.settles {
            Settles::Every(many) => many as usize,
            Settles::Each | Settles::Before => 1,
        };
        let idle = self.hands.in_work().next().is_none();
        if self.unsaid.len() >= at_once || idle && !self.unsaid.is_empty() {
            let done = core::mem::take(&mut self.unsaid);
            self.client.settle(&done, How::Done, out);
            if idle {
                self.client.says_how_far(out);
            }
        }
    }
}

impl Guest for ConsumerGuest {
    fn boxed(&self) -> Box<dyn Guest> {
        Box::new(self.clone())
    }

    fn handle(&mut self, now: Time, input: Input<GuestMessage>, _run: &mut Run<'_>, out: &mut GuestOut) {
        let Some(input) = ClusterMessage::input(input) else { return };
        let mut own = Out::default();
        self.client.handle(now, input, &mut own);
        self.go_on(now, &mut own);
        out.events.append(&mut own.events);
        out.sends.extend(own.sends.into_iter().map(|(to, message)| (to, message.wrap())));
    }

    fn next_wakeup(&self) -> Option<Time> {
        [self.client.next_wakeup(), self.hands.next_wakeup()].into_iter().flatten().min()
    }

    fn stop(&mut self) -> Vec<Event> {
        Vec::new() // what it had comes back to the queue
    }

    fn start(&mut self, now: Time, incarnation: u64) -> Result<(), Halts> {
        let life = (incarnation, now.max(Time(self.spec.starts_at)));
        let (queue, reads, nodes) = (self.from.queue.clone(), self.reads.clone(), self.nodes.clone());
        self.client = ConsumerClient::new(queue, reads, nodes, self.config.heartbeat, life);
        self.hands = Hands::new(&self.spec, self.config.seed);
        self.unsaid.clear();
        Ok(())
    }

    fn change(&mut self, _now: Time, change: &Change) -> bool {
        let Change::Work { span, .. } = change else { return false };
        self.spec.work = span.0;
        self.hands.work_for(*span);
        true
    }

    fn view(&self, look: &Look<'_>) -> GuestView {
        let up = look.is_up();
        let mark = |given: &Given| given.id().map(|id| look.mark(id));
        let working = self.hands.in_work().next().filter(|_| up);
        let working = working.and_then(|(given, since, until)| {
            Some((mark(given)?, look.true_time(since), look.true_time(until)))
        });
        let staged: Vec<_> =
            self.hands.waiting().chain(self.client.inbox()).filter(|_| up).filter_map(mark).collect();
        let in_work = self.hands.in_work().count();
        let held = if up { in_work + staged.len() + self.unsaid.len() } else { 0 };
        GuestView::Consumer(ConsumerView {
            node: self.node,
            name: self.spec.name.clone(),
            up,
            from: self.from.queue.clone(),
            group: self.group(),
            shares: false,
            // A stream is a log of one partition.
            assigned: if self.client.is_stream() { Vec::from([0]) } else { Vec::new() },
            working,
            staged,
            held: u32::try_from(held).unwrap_or(u32::MAX),
            memory_max: 0,
            sends_to: Vec::new(),
            processed: self.processed,
        })
    }
}
