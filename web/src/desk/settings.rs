//! What can be set of a node that runs? For each setting the next steps up and down from what it is now, and another one
//! like the node, or none.

use mqlab_core::broker::Acks;
use mqlab_core::ids::NodeId;
use mqlab_core::observe::{AckWhen, AcksLevel, Change};
use mqlab_core::routing::{Destination, ExchangeName};
use mqlab_core::sim::{Scenario, SourceSpec, TargetSpec};
use mqlab_core::time::Span;

use crate::text::menu::{Family, Now};

/// Where a setting that is off begins.
const WORK_FIRST: Span = Span::from_millis(5);
const TTL_FIRST: Span = Span::from_millis(100);
const LENGTH_FIRST: u64 = 10;
const KEEP_FIRST: Span = Span::from_millis(200);
const POLL_FIRST: Span = Span::from_millis(20);
/// How many messages are acknowledged at once, where several are.
const MANY_FIRST: u32 = 5;
/// Of so many topics and queues of a broker the settings are offered: a menu is no catalogue.
const PLACES_MAX: usize = 3;

/// A change, and how that is now.
pub(super) type Setting = (Change, Now);

/// The settings of a node, by family.
pub(super) fn of_node(node: NodeId, scenario: &Scenario) -> Vec<(Family, Vec<Setting>)> {
    let mut all = match node {
        NodeId::Producer(number) => vec![(Family::Settings, of_producer(number, scenario))],
        NodeId::Consumer(number) => vec![(Family::Settings, of_consumer(number, scenario))],
        NodeId::Broker(number) => of_broker(number, scenario),
        NodeId::Service(number) => return vec![(Family::Settings, of_service(number, scenario))],
        NodeId::User(number) => return vec![(Family::Settings, of_users(number, scenario))],
        _ => return Vec::new(),
    };
    let members = [Change::Join(node), Change::Leave(node)].map(|change| (change, Now::Unsaid));
    all.push((Family::Members, members.into()));
    all
}

/// Half of a span and twice as much.
fn halved_and_doubled(span: Span) -> [Span; 2] {
    [Span(span.0 / 2), Span(span.0.saturating_mul(2))]
}

fn of_producer(number: u16, scenario: &Scenario) -> Vec<Setting> {
    let node = NodeId::Producer(number);
    let Some(spec) = scenario.producers.get(usize::from(number).wrapping_sub(1)) else { return Vec::new() };
    let every = Span(spec.every);
    let mut all: Vec<Setting> =
        halved_and_doubled(every).map(|span| (Change::Every { node, span }, Now::Lasts(every))).into();
    if let TargetSpec::Topic { acks, .. } = &spec.to {
        let now = match acks {
            Acks::None => AcksLevel::None,
            Acks::Leader => AcksLevel::Leader,
            Acks::All => AcksLevel::All,
        };
        let others = [AcksLevel::None, AcksLevel::Leader, AcksLevel::All];
        let others = others.into_iter().filter(|level| *level != now);
        all.extend(others.map(|level| (Change::Acks { node, level }, Now::Acks(now))));
    }
    all
}

fn of_consumer(number: u16, scenario: &Scenario) -> Vec<Setting> {
    let node = NodeId::Consumer(number);
    let Some(spec) = scenario.consumers.get(usize::from(number).wrapping_sub(1)) else { return Vec::new() };
    let work = Span(spec.work);
    let spans = if spec.work == 0 { vec![WORK_FIRST] } else { halved_and_doubled(work).into() };
    let mut all: Vec<Setting> =
        spans.into_iter().map(|span| (Change::Work { node, span }, Now::Lasts(work))).collect();
    if let SourceSpec::Queue { prefetch, .. } | SourceSpec::Subscription { prefetch, .. } = &spec.from {
        let now = Now::Count(u64::from(*prefetch));
        let others = [1, prefetch.saturating_mul(2), 0].into_iter().filter(|most| most != prefetch);
        all.extend(others.map(|most| (Change::Prefetch { node, most }, now)));
    }
    match &spec.from {
        SourceSpec::Share { options, .. } => {
            let now = Now::Count(options.records_max.into());
            let others = [1, options.records_max.saturating_mul(2)].into_iter();
            let others = others.filter(|most| *most != options.records_max);
            all.extend(others.map(|most| (Change::Prefetch { node, most }, now)));
        }
        SourceSpec::Poll { options, .. } => {
            let now = options.poll_every;
            let spans = if now == Span::ZERO { vec![POLL_FIRST] } else { halved_and_doubled(now).into() };
            all.extend(spans.into_iter().map(|span| (Change::Every { node, span }, Now::Lasts(now))));
        }
        _ => {}
    }
    if let Some(now) = spec.acknowledges() {
        let ways = [AckWhen::Each, AckWhen::Every(MANY_FIRST), AckWhen::Before, AckWhen::Automatic];
        let others = ways.into_iter().filter(|when| *when != now);
        all.extend(others.map(|when| (Change::Ack { node, when }, Now::Ack(now))));
    }
    all
}

/// Its work is drawn between two spans: half of their middle and twice as much.
fn of_service(number: u16, scenario: &Scenario) -> Vec<Setting> {
    let node = NodeId::Service(number);
    let Some(spec) = scenario.services.get(usize::from(number).wrapping_sub(1)) else { return Vec::new() };
    let (low, high) = (Span(spec.work.low), Span(spec.work.high));
    let now = if low == high { Now::Lasts(low) } else { Now::Between(low, high) };
    let middle = Span((low.0 + high.0) / 2);
    halved_and_doubled(middle).map(|span| (Change::Work { node, span }, now)).into()
}

fn of_users(number: u16, scenario: &Scenario) -> Vec<Setting> {
    let node = NodeId::User(number);
    let Some(spec) = scenario.users.get(usize::from(number).wrapping_sub(1)) else { return Vec::new() };
    let every = Span(spec.every);
    halved_and_doubled(every).map(|span| (Change::Every { node, span }, Now::Lasts(every))).into()
}

/// The durable subscriptions that a broker keeps: those to its exchanges.
fn subscriptions(number: u16, scenario: &Scenario) -> Vec<Setting> {
    let here = |name: &ExchangeName| {
        scenario.exchanges.iter().any(|spec| spec.broker == number && spec.exchange.name == *name)
    };
    let all = scenario.durable_subscriptions().filter(|durable| here(&durable.topic));
    let ends = all.filter_map(|durable| {
        let (name, client) = (durable.name.clone()?, durable.client.clone());
        Some((Change::DropSubscription { name, client }, Now::Unsaid))
    });
    ends.take(PLACES_MAX).collect()
}

fn of_broker(number: u16, scenario: &Scenario) -> Vec<(Family, Vec<Setting>)> {
    let queues = scenario.queues.iter().filter(|queue| queue.broker == number).take(PLACES_MAX);
    let queues = queues.flat_map(|spec| {
        let (queue, options) = (&spec.name, &spec.options);
        let ttl = |ttl| Change::Ttl { queue: queue.clone(), ttl };
        let length = |most| Change::Length { queue: queue.clone(), most };
        let lives = options.ttl.map_or(Now::None, Now::Lasts);
        let long = options.length_max.map_or(Now::None, Now::Count);
        [
            (ttl(options.ttl.map_or(Some(TTL_FIRST), |_| None)), lives),
            (length(options.length_max.map_or(Some(LENGTH_FIRST), |_| None)), long),
            (Change::DropQueue(queue.clone()), Now::Unsaid),
        ]
    });
    let topics = scenario.topics.iter().take(PLACES_MAX).flat_map(|spec| {
        let least = |least| Change::MinInSync { topic: spec.name.clone(), least };
        let (count, now) = (Now::Count(spec.partitions.into()), Now::Count(spec.min_in_sync.into()));
        [
            (
                Change::Partitions { topic: spec.name.clone(), total: spec.partitions.saturating_add(1) },
                count,
            ),
            (least(spec.min_in_sync.saturating_add(1)), now),
            (least(spec.min_in_sync.saturating_sub(1)), now),
            (
                Change::RetentionTime {
                    topic: spec.name.clone(),
                    keep: spec.retention_time.map_or(Some(KEEP_FIRST), |_| None),
                },
                spec.retention_time.map_or(Now::None, Now::Lasts),
            ),
            (Change::DropTopic(spec.name.clone()), Now::Unsaid),
        ]
    });
    let exchanges = scenario.exchanges.iter().filter(|spec| spec.broker == number).take(PLACES_MAX);
    let exchanges = exchanges.flat_map(|spec| {
        let name = &spec.exchange.name;
        let to_queues = scenario.bindings.iter().filter(|binding| binding.exchange == *name);
        let unbinds = to_queues.filter_map(|binding| match &binding.to {
            Destination::Queue(queue) => {
                let (exchange, queue, key) = (name.clone(), queue.clone(), binding.key.to_string());
                Some((Change::Unbind { exchange, queue, key }, Now::Unsaid))
            }
            Destination::Exchange(_) => None,
        });
        let unbinds: Vec<Setting> = unbinds.take(PLACES_MAX).collect();
        unbinds.into_iter().chain([(Change::DropExchange(name.clone()), Now::Unsaid)])
    });
    let exchanges = (Family::Exchanges, exchanges.collect());
    let queues: Vec<Setting> = queues.chain(subscriptions(number, scenario)).collect();
    vec![exchanges, (Family::Queues, queues), (Family::Topics, topics.collect())]
}

#[cfg(test)]
mod tests {
    use mqlab_core::sim::{Command, Timeline};
    use mqlab_core::time::Time;

    use super::*;

    /// Whatever is offered can be done: in every scenario that comes with the engine, once it runs.
    #[test]
    fn what_is_offered_and_permitted_can_be_done() {
        for name in Scenario::names() {
            let scenario = Scenario::built_in(name).expect("it is there");
            let seed = scenario.seed;
            let mut timeline = Timeline::new(scenario, seed).expect("it can be run");
            timeline.seek(Time(timeline.ends_at().0 / 3));
            let nodes = [NodeId::Producer(1), NodeId::Consumer(1), NodeId::Broker(1)];
            for node in nodes.into_iter().chain([NodeId::Service(1), NodeId::User(1)]) {
                let offered = of_node(node, timeline.scenario_now()).into_iter().flat_map(|(_, all)| all);
                for (change, _) in offered.collect::<Vec<_>>() {
                    let command = Command::Change(change);
                    assert_eq!(command.to_string().parse(), Ok(command.clone()), "{name}");
                    if timeline.world().permits(&command).is_ok() {
                        let mut other = timeline.clone();
                        other
                            .command(command.clone())
                            .unwrap_or_else(|why| panic!("{name}, {command}: {why}"));
                        assert_ne!(other.digest(), timeline.digest(), "{name}, {command}");
                    }
                }
            }
        }
    }
}
