//! How does a consumer live in the lab? Its client is dealt queues and pulls; its program works on what it is given.
//!
//! What a program fails at is the client's to deal with: sent back and given again later, tried again in its place, or left.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::super::{Guest, GuestMessage, GuestOut, GuestView, Halts, Hands, HasId, Look, Over, Run};
use super::NUMBERS_OF_A_LIFE;
use super::chart::Chart;
use super::client::Client;
use super::spec::RocketmqSource;
use super::talk::{heard, say};
use crate::ids::{MessageId, NodeId};
use crate::observe::{Change, Event, Place, QueueEvent};
use crate::sim::OnFailure;
use crate::sim::picture::{ConsumerView, Mark};
use crate::sim::scenario::ConsumerSpec;
use crate::systems::rocketmq::consumer::{Consumed, Work};
use crate::systems::rocketmq::protocol::Message;
use crate::systems::{Input, Out};
use crate::time::Time;

impl HasId for Work {
    fn message(&self) -> Option<MessageId> {
        self.message.properties.message_id()
    }

    fn attempt(&self) -> u32 {
        self.message.reconsumed + 1
    }
}

/// A consumer and its program.
#[derive(Clone, Debug)]
pub(super) struct Worker {
    node: NodeId,
    chart: Arc<Chart>,
    spec: ConsumerSpec,
    from: RocketmqSource,
    process: Client,
    hands: Hands<Work>,
    seed: u64,
    processed: u64,
    /// Before this it is not there.
    starts: Time,
}

impl Worker {
    pub(super) fn new(
        number: u16,
        (spec, from): (&ConsumerSpec, &RocketmqSource),
        chart: Arc<Chart>,
        seed: u64,
    ) -> Self {
        let node = NodeId::Consumer(number);
        let starts = chart.clients_start().max(Time(spec.starts_at));
        let process = Client::new(starts, node, (spec, from), (&chart, 0), None);
        let hands = Hands::new(spec, seed);
        let (spec, from) = (spec.clone(), from.clone());
        Self { node, chart, spec, from, process, hands, seed, processed: 0, starts }
    }

    /// Lets the program go on, until it waits or works.
    fn go_on(&mut self, now: Time, own: &mut Out<Message>) {
        loop {
            let has_hands = self.hands.free() > 0;
            let work = if has_hands { self.process.take_work() } else { Vec::new() };
            let is_idle = work.is_empty();
            work.into_iter().for_each(|work| self.hands.give(work));
            let over = self.hands.go_on(now);
            if is_idle && over.is_empty() {
                return;
            }
            for Over { what, done } in over {
                self.is_over(now, &what, done, own);
            }
        }
    }

    fn is_over(&mut self, now: Time, work: &Work, done: bool, own: &mut Out<Message>) {
        self.processed += u64::from(done);
        let how = match self.spec.program.on_failure {
            _ if done => Consumed::Success,
            OnFailure::Requeue => Consumed::Later,
            OnFailure::Reject => Consumed::Never,
        };
        if let Some(message) = HasId::message(work).filter(|_| !done) {
            let from = Place::Partition(self.chart.numbering.of(&work.queue));
            own.events.push(Event::Queue(QueueEvent::Failed { from, message }));
        }
        self.process.finish(now, work.number, how, own);
    }
}

impl Guest for Worker {
    fn boxed(&self) -> Box<dyn Guest> {
        Box::new(self.clone())
    }

    fn handle(&mut self, now: Time, input: Input<GuestMessage>, _run: &mut Run<'_>, out: &mut GuestOut) {
        let Some(input) = heard(input).filter(|_| now >= self.starts) else { return };
        let mut own = Out::default();
        self.process.handle(now, input, &mut own);
        self.go_on(now, &mut own);
        say(&self.chart, self.node, own, out);
    }

    fn next_wakeup(&self) -> Option<Time> {
        let wanted = [self.process.next_wakeup(), self.hands.next_wakeup()];
        wanted.into_iter().flatten().min().map(|at| at.max(self.starts))
    }

    fn stop(&mut self) -> Vec<Event> {
        self.hands = Hands::new(&self.spec, self.seed);
        Vec::new() // what it had is at the brokers, and is not told to be done
    }

    fn start(&mut self, now: Time, incarnation: u64) -> Result<(), Halts> {
        let numbers = incarnation * NUMBERS_OF_A_LIFE;
        let spec = (&self.spec, &self.from);
        self.process = Client::new(now, self.node, spec, (&self.chart, numbers), Some(&self.process));
        self.starts = now;
        Ok(())
    }

    fn change(&mut self, _now: Time, change: &Change) -> bool {
        let Change::Work { span, .. } = change else { return false };
        self.spec.work = span.0;
        self.hands.work_for(*span);
        true
    }

    fn view(&self, look: &Look<'_>) -> GuestView {
        let is_up = look.is_up();
        let queues = self.process.queues().into_iter().filter(|_| is_up);
        let of_topic = queues.filter(|queue| queue.topic.as_str() == self.from.topic.as_str());
        let assigned = of_topic.map(|queue| self.chart.numbering.of(queue).index).collect();
        let in_work: Vec<MessageId> =
            self.hands.in_work().filter_map(|(work, ..)| HasId::message(work)).collect();
        let given = self.hands.waiting().filter_map(HasId::message);
        let mut waiting: Vec<MessageId> = given.chain(self.process.in_hand()).filter(|_| is_up).collect();
        waiting.retain(|id| !in_work.contains(id));
        waiting.dedup();
        let staged: Vec<Mark> = waiting.into_iter().map(|id| look.mark(id)).collect();
        let work = self.hands.in_work().filter_map(|(work, since, until)| {
            let mark = look.mark(HasId::message(work)?);
            Some((mark, look.true_time(since), look.true_time(until)))
        });
        GuestView::Consumer(ConsumerView {
            node: self.node,
            name: self.spec.name.clone(),
            up: is_up,
            from: self.from.topic.clone(),
            group: Some(self.from.group.clone()),
            shares: self.from.pop_invisible.is_some(),
            assigned,
            working: work.filter(|_| is_up).min_by_key(|(_, _, until)| *until),
            held: if is_up { (staged.len() + in_work.len()) as u32 } else { 0 },
            staged,
            memory_max: 0,
            sends_to: Vec::new(),
            processed: self.processed,
        })
    }
}
