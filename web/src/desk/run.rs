//! A run on the desk: the engine's timeline, and what is kept beside it for drawing.

use std::mem::take;

use mqlab_core::broker::is_internal;
use mqlab_core::ids::{MessageId, NodeId};
use mqlab_core::observe::{Judged, Landmark, Place, PromiseJudge};
use mqlab_core::routing::ExchangeName;
use mqlab_core::sim::picture::{Mark, Picture};
use mqlab_core::sim::{Action, Command, CommandRefused, InvalidScenario, Scenario, Timeline, UnderWay};
use mqlab_core::time::{Span, Time};

use crate::scene::layout::Layout;
use crate::text::Lang;
use crate::text::sentence::{Names, sentence};
use crate::text::time;

/// A run, and its latest picture.
#[derive(Debug)]
pub(super) struct Run {
    /// The scenario's name.
    pub(super) name: String,
    /// What the link held, where it held a whole scenario.
    pub(super) packed: Option<String>,
    pub(super) timeline: Timeline,
    pub(super) picture: Picture,
    under_way: UnderWay,
    /// The message that is shown by itself however much is on its way with it.
    pub(super) chosen: Option<MessageId>,
    /// The fullest picture so far: what the layout leaves room for, so that it does not change on the way.
    pub(super) shape: Picture,
    size: (f64, f64),
    pub(super) layout: Layout,
    pub(super) names: Names,
    /// Messages that waited, or users where there are calls alone, as far as this branch was ever visited, one sample
    /// for each `interval`.
    pub(super) backlog: Vec<u32>,
    pub(super) interval: Span,
}

/// By then a cluster has found its leaders, and every broker has the logs that it will keep.
const SETTLED: Span = Span::from_millis(40);
/// Several controllers must first find out which of them is active.
const SETTLED_WITH_QUORUM: Span = Span::from_millis(300);

/// Whether a picture has a node, a log or an exchange for which there is no room in the layout, or lacks a node that it had:
/// then it is of another branch, or of a moment before somebody came.
fn outgrown(shape: &Picture, picture: &Picture) -> bool {
    let nodes = |picture: &Picture| [picture.brokers.len(), picture.producers.len(), picture.consumers.len()];
    if nodes(shape) != nodes(picture) {
        return true;
    }
    let mut brokers = picture.brokers.iter().zip(&shape.brokers);
    brokers.any(|(now, then)| {
        now.strips.iter().any(|strip| then.strips.iter().all(|known| known.place != strip.place))
            || now.exchanges.iter().any(|new| then.exchanges.iter().all(|known| known.name != new.name))
    })
}

/// Whether there is room for a topic, a queue or an exchange that somebody removed.
fn has_removed(shape: &Picture, scenario: &Scenario) -> bool {
    let is_there = |place: &Place| match place {
        Place::Partition(partition) => {
            is_internal(&partition.topic) || scenario.topics.iter().any(|topic| topic.name == partition.topic)
        }
        // What subscribers have was never in the scenario.
        Place::Queue(queue) => {
            queue.as_str().starts_with("amq.") || scenario.queues.iter().any(|known| known.name == *queue)
        }
        Place::Exchange(_) | Place::Topic(_) => true,
    };
    let brokers = || shape.brokers.iter();
    let gone = brokers().flat_map(|broker| &broker.strips).any(|strip| !is_there(&strip.place));
    let known = |name: &ExchangeName| scenario.exchanges.iter().any(|spec| spec.exchange.name == *name);
    gone || brokers().flat_map(|broker| &broker.exchanges).any(|exchange| !known(&exchange.name))
}

/// Sentences that are said at once after a step.
const SAID_MAX: usize = 3;

impl Run {
    /// A run of a scenario that a link holds. It goes by its own name, unless one that comes with the engine has that.
    pub(super) fn of_link(
        packed: &str,
        scenario: Scenario,
        seed: u64,
        size: (f64, f64),
    ) -> Result<Self, InvalidScenario> {
        let taken = Scenario::names().any(|known| known == scenario.name);
        let name = if taken { format!("{}*", scenario.name) } else { scenario.name.clone() };
        let run = Self::new(&name, scenario, seed, size)?;
        Ok(Self { packed: Some(packed.into()), ..run })
    }

    pub(super) fn new(
        name: &str,
        scenario: Scenario,
        seed: u64,
        size: (f64, f64),
    ) -> Result<Self, InvalidScenario> {
        let settled = if scenario.controllers > 1 { SETTLED_WITH_QUORUM } else { SETTLED };
        let timeline = Timeline::new(scenario, seed)?;
        let picture = timeline.picture(0);
        let mut ahead = timeline.clone();
        ahead.advance(Time::ZERO + settled);
        let shape = ahead.picture(1);
        let layout = Layout::new(&shape, size.0, size.1);
        let names = Names::of(&picture);
        let mut run = Self {
            name: name.into(),
            packed: None,
            timeline,
            picture,
            under_way: UnderWay::default(),
            chosen: None,
            shape,
            size,
            layout,
            names,
            backlog: Vec::new(),
            interval: Span(1),
        };
        run.refresh();
        Ok(run)
    }

    /// Takes a new picture of the moment.
    pub(super) fn refresh(&mut self) {
        self.take_picture();
        let is_other = outgrown(&self.shape, &self.picture)
            || has_removed(&self.shape, self.timeline.scenario_now())
                && !has_removed(&self.picture, self.timeline.scenario_now());
        if is_other {
            self.shape = self.picture.clone();
            self.names = Names::of(&self.picture);
            self.layout = Layout::new(&self.shape, self.size.0, self.size.1);
            self.take_picture();
        }
        let metrics = self.timeline.metrics();
        let series = if self.has_calls_alone() { metrics.users_waiting() } else { metrics.backlog() };
        if series.interval() != self.interval || series.samples().len() >= self.backlog.len() {
            self.interval = series.interval();
            self.backlog = series.samples().to_vec();
        }
    }

    fn take_picture(&mut self) {
        let (packets, flows) = (take(&mut self.picture.packets), take(&mut self.picture.flows));
        self.picture = Picture { packets, flows, ..self.timeline.standing(self.layout.cells_max()) };
        self.under_way.show(&self.timeline, &mut self.picture, self.chosen);
    }

    /// Brings only what moves one by one up to date.
    pub(super) fn refresh_moving(&mut self) {
        self.under_way.move_on(&self.timeline, &mut self.picture, self.chosen);
    }

    /// Shows what is on its way from the beginning, since something else was chosen.
    pub(super) fn show_anew(&mut self) {
        self.under_way = UnderWay::default();
        self.under_way.show(&self.timeline, &mut self.picture, self.chosen);
    }

    /// Whether the scenario has users and services and nothing between them: then no message waits, but users do.
    pub(super) fn has_calls_alone(&self) -> bool {
        self.timeline.scenario().brokers == 0
    }

    /// The curve belonged to another branch.
    pub(super) fn forget_the_curve(&mut self) {
        self.backlog.clear();
    }

    /// The room that it was laid out for.
    pub(super) const fn size(&self) -> (f64, f64) {
        self.size
    }

    pub(super) fn lay_out(&mut self, size: (f64, f64)) {
        self.size = size;
        self.layout = Layout::new(&self.shape, size.0, size.1);
        self.refresh();
    }

    /// Whether a node's process runs.
    pub(super) fn is_up(&self, node: NodeId) -> bool {
        let picture = &self.picture;
        let producers = picture.producers.iter().map(|view| (view.node, view.up));
        let brokers = picture.brokers.iter().map(|view| (view.node, view.up));
        let consumers = picture.consumers.iter().map(|view| (view.node, view.up));
        let services = picture.services.iter().map(|view| (view.node, view.up));
        let controllers = picture.controllers.iter().map(|view| (view.node, view.up));
        let users = picture.users.iter().map(|view| (view.node, true));
        let clients = producers.chain(consumers).chain(services).chain(users);
        clients.chain(brokers).chain(controllers).any(|(other, up)| other == node && up)
    }

    /// Kills or revives a node; `kill` of `None` does whichever is possible.
    pub(super) fn toggle(&mut self, node: NodeId, kill: Option<bool>) -> Result<(), CommandRefused> {
        let command =
            if kill.unwrap_or(self.is_up(node)) { Command::Crash(node) } else { Command::Restart(node) };
        self.give(command)
    }

    /// Does something to the cluster, now.
    pub(super) fn give(&mut self, command: Command) -> Result<(), CommandRefused> {
        let branches = self.timeline.branches().len();
        self.timeline.command(command)?;
        if self.timeline.branches().len() != branches {
            self.forget_the_curve();
        }
        self.refresh();
        Ok(())
    }

    /// The last turn among the events since there were `before` of them, in words.
    pub(super) fn landmark_since(&self, before: usize, lang: Lang) -> Option<String> {
        let now = self.timeline.happened();
        let mark = self.timeline.landmarks().iter().rev().find(|mark| (before..now).contains(&mark.fact))?;
        self.mark_words(mark, lang)
    }

    /// A mark on the axis, in words.
    pub(super) fn mark_words(&self, mark: &Landmark, lang: Lang) -> Option<String> {
        let fact = self.timeline.events().get(mark.fact)?;
        Some(time::mark(mark, fact, &self.names, lang))
    }

    /// What became of the promises that the run made: known at its end. Whatever was done to the cluster on the way counts
    /// among its faults.
    pub(super) fn judged(&self) -> Vec<Judged> {
        let timeline = &self.timeline;
        if timeline.now() < timeline.ends_at() {
            return Vec::new();
        }
        let mut suffered = timeline.scenario().clone();
        let given = timeline.branches().into_iter().filter(|branch| branch.current);
        let given = given.flat_map(|branch| branch.commands);
        suffered.actions.extend(given.map(|(at, command)| Action { at, command }));
        let promised = suffered.promises(timeline.seed());
        if promised.is_empty() {
            return Vec::new();
        }
        let mut judge = PromiseJudge::default();
        timeline.events()[..timeline.happened()].iter().for_each(|fact| judge.observe(fact));
        judge.judge(&promised, timeline.verdict())
    }

    /// What happened last, in words: the events of the last step.
    pub(super) fn last_words(&self, lang: Lang) -> String {
        let past = &self.timeline.events()[..self.timeline.happened()];
        let Some(step) = past.last().map(|fact| fact.step) else { return String::new() };
        let group: Vec<String> = past
            .iter()
            .rev()
            .take_while(|fact| fact.step == step)
            .take(SAID_MAX)
            .map(|fact| sentence(fact, &self.names, lang))
            .collect();
        let between = match lang {
            Lang::En => "; ",
            Lang::Zh => "；",
        };
        group.into_iter().rev().collect::<Vec<_>>().join(between)
    }

    /// How a message looks, if it stands anywhere in the picture.
    pub(super) fn mark(&self, message: MessageId) -> Mark {
        let picture = &self.picture;
        let strips = picture.brokers.iter().flat_map(|broker| &broker.strips);
        let cells = strips.flat_map(|strip| &strip.cells).filter_map(|cell| cell.mark);
        let packets = picture.packets.iter().flat_map(|packet| packet.marks.iter().copied());
        let waiting = picture.producers.iter().flat_map(|producer| producer.waiting.iter().copied());
        let staged = picture.consumers.iter().flat_map(|consumer| {
            consumer.staged.iter().copied().chain(consumer.working.iter().map(|(mark, ..)| *mark))
        });
        let mut all = cells.chain(packets).chain(waiting).chain(staged).chain(picture.lost.iter().copied());
        all.find(|mark| mark.message == message).unwrap_or(Mark { message, key: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever comes on the way has a name and a place; before that moment there is none.
    #[test]
    fn the_stage_has_a_place_for_whoever_joins() {
        let scenario = Scenario::built_in("hundred-messages").expect("it is built in");
        let mut run = Run::new("x", scenario, 7, (1_200.0, 700.0)).expect("it can be run");
        let (worker, broker) = (NodeId::Consumer(3), NodeId::Broker(2));
        assert!(run.layout.card(worker).is_none() && run.layout.card(broker).is_none());
        for text in ["join consumer-2", "join broker-1", "queue more on broker-1"] {
            run.timeline.advance(run.timeline.now() + Span::from_millis(50));
            run.timeline.command(text.parse().expect("a command")).expect("it can be done");
        }
        run.timeline.seek(Time(200_000));
        run.refresh();
        assert_eq!(run.names.node(worker, Lang::En), "worker-3");
        assert!(run.layout.card(worker).is_some() && run.layout.card(broker).is_some());
        assert!(run.shape.brokers[0].strips.iter().any(|strip| strip.place.to_string() == "more"));
        run.timeline.seek(Time(40_000));
        run.refresh();
        assert!(run.layout.card(worker).is_none(), "it has not come yet");
    }
}
