//! ActiveMQ at random: one broker or several that share a store, settings of the journal, of producers and consumers, and
//! nodes, links and the store that fail.

use alloc::format;
use alloc::vec::Vec;

use super::super::command::{Action, Command};
use super::super::guests::SystemSpec;
use super::super::program_spec::{OnFailure, ProgramSpec, Settles};
use super::super::scenario::{ConsumerSpec, ProducerSpec, Scenario, SourceSpec, TargetSpec};
use super::super::{
    ActivemqDestination, ActivemqReads, ActivemqRedelivery, ActivemqSource, ActivemqSpec, ActivemqTarget,
    OnByDefault, SystemSource, SystemTarget,
};
use super::{name, one_in};
use crate::ids::{Name, NodeId};
use crate::observe::{DiskState, Link, LinkFault};
use crate::rng::{Rng, Stream};
use crate::systems::activemq::JournalSync;
use crate::time::{Span, Time};

/// The last fault of a drawn run is over by then.
const CALM: Time = Time(900_000);
/// Long enough for leases, clients that look for a master, and waits between redeliveries after that.
const END: Time = Time(9_000_000);

/// A scenario of ActiveMQ.
///
/// ```
/// use mqlab_core::sim::swarm::activemq;
/// let scenario = activemq(7);
/// assert_eq!(scenario, activemq(7)); // the same under the same seed
/// assert_eq!(scenario.check(), Ok(()));
/// ```
pub fn activemq(seed: u64) -> Scenario {
    let mut rng = Rng::new(seed ^ 0xac71, Stream::Workload);
    let brokers = rng.between(1, 3) as u16;
    let topic = one_in(&mut rng, 3);
    let (to, queues): (ActivemqDestination, Vec<Name>) = match topic {
        false => (ActivemqDestination::Queue(name("orders")), [name("orders")].into()),
        true => {
            let queues = ["Consumer.stock.VirtualTopic.orders", "Consumer.bills.VirtualTopic.orders"];
            (ActivemqDestination::Topic(name("VirtualTopic.orders")), queues.map(name).into())
        }
    };
    let mut spec = ActivemqSpec { queues: queues.clone(), ..ActivemqSpec::default() };
    spec.journal_sync = match rng.below(6) {
        0 => JournalSync::Never,
        1 => JournalSync::Periodic(Span::from_millis(rng.between(5, 60))),
        _ => JournalSync::Always,
    };
    spec.transport.randomize = one_in(&mut rng, 2);
    spec.policy.strict_order_dispatch = one_in(&mut rng, 5);
    spec.policy.use_prefetch_extension = !one_in(&mut rng, 4);
    spec.policy.prioritized_messages = one_in(&mut rng, 5);
    spec.producer_audit = OnByDefault(!one_in(&mut rng, 4));
    let producers = (1..=rng.between(1, 2)).map(|number| producer(&mut rng, number, &to));
    let producers: Vec<ProducerSpec> = producers.collect();
    let consumers = (1..=rng.between(1, 3)).map(|number| consumer(&mut rng, number, &queues));
    let consumers: Vec<ConsumerSpec> = consumers.collect();
    let mut scenario = Scenario {
        name: format!("swarm-activemq-{seed}"),
        seed,
        ends_at: END,
        brokers,
        latency: (300, 1_500),
        system: Some(SystemSpec::Activemq(spec)),
        producers,
        consumers,
        ..Scenario::empty("swarm")
    };
    scenario.actions = actions(&mut rng, &scenario);
    scenario
}

fn producer(rng: &mut Rng, number: u64, to: &ActivemqDestination) -> ProducerSpec {
    let target =
        ActivemqTarget { to: to.clone(), use_async_send: one_in(rng, 6), always_sync_send: one_in(rng, 4) };
    let target = TargetSpec::System(SystemTarget::Activemq(target));
    let mut spec = ProducerSpec::new(&format!("shop-{number}"), target);
    spec.messages = rng.between(10, 60);
    spec.every = rng.between(1_000, 12_000);
    spec.keys = rng.below(4) as u8;
    spec.burst = if one_in(rng, 4) { rng.between(2, 6) as u32 } else { 0 };
    spec.message.transient = one_in(rng, 6);
    spec.message.group_by_key = one_in(rng, 4);
    spec
}

fn consumer(rng: &mut Rng, number: u64, queues: &[Name]) -> ConsumerSpec {
    let queue = queues[(number as usize - 1) % queues.len()].clone();
    let prefetch = [None, Some(0), Some(1), Some(rng.between(2, 20) as u32)][rng.below(4) as usize];
    let redelivery = ActivemqRedelivery {
        maximum_redeliveries: Some(rng.below(5) as u32),
        use_exponential_back_off: one_in(rng, 3),
        back_off_multiplier_percent: 200,
        ..ActivemqRedelivery::default()
    };
    let source = ActivemqSource {
        from: ActivemqReads::Queue(queue),
        prefetch,
        exclusive: one_in(rng, 6),
        priority: rng.below(3) as i8,
        selector: None,
        durable: None,
        redelivery,
        check_for_duplicates: OnByDefault(!one_in(rng, 3)),
    };
    let from = SourceSpec::System(SystemSource::Activemq(source));
    let mut spec = ConsumerSpec::new(&format!("worker-{number}"), from);
    spec.work = rng.between(500, 6_000);
    spec.program = ProgramSpec {
        workers: rng.between(1, 3) as u16,
        work_max: if one_in(rng, 2) { spec.work * 2 } else { 0 },
        settles: match rng.below(6) {
            0 => Settles::Before,
            1 | 2 => Settles::Every(rng.between(2, 8) as u32),
            _ => Settles::Each,
        },
        fails_per_mille: if one_in(rng, 4) { rng.between(50, 300) as u32 } else { 0 },
        on_failure: if one_in(rng, 4) { OnFailure::Reject } else { OnFailure::Requeue },
        ..ProgramSpec::default()
    };
    spec
}

/// What goes wrong, and how it ends.
fn actions(rng: &mut Rng, scenario: &Scenario) -> Vec<Action> {
    let brokers: Vec<NodeId> = (1..=scenario.brokers).map(NodeId::Broker).collect();
    let producers = (1..=scenario.producers.len() as u16).map(NodeId::Producer);
    let clients: Vec<NodeId> =
        producers.chain((1..=scenario.consumers.len() as u16).map(NodeId::Consumer)).collect();
    let keeper = if brokers.len() > 1 { NodeId::Store } else { NodeId::Broker(1) };
    let mut all = Vec::new();
    for _ in 0..rng.below(5) {
        let at = Time(rng.between(5_000, CALM.0 - 400_000));
        let over = Time(at.0 + rng.between(1_000, 390_000));
        let node = match rng.below(8) {
            0..=3 => brokers[rng.below(brokers.len() as u64) as usize],
            4 => keeper,
            _ => clients[rng.below(clients.len() as u64) as usize],
        };
        let (begins, ends) = match rng.below(8) {
            0..=2 => (Command::Crash(node), Command::Restart(node)),
            3 => (Command::CutPower(node), Command::Restart(node)),
            4 => (Command::Freeze(node), Command::Thaw(node)),
            5 => {
                let link =
                    if node == keeper { Link::Both(keeper, clients[0]) } else { Link::Both(node, keeper) };
                (
                    Command::Link { link, fault: LinkFault::Cut },
                    Command::Link { link, fault: LinkFault::Heal },
                )
            }
            6 => {
                let slow = DiskState::Slow(Span(rng.between(100, 5_000)));
                (
                    Command::Disk { node: keeper, is: slow },
                    Command::Disk { node: keeper, is: DiskState::Sound },
                )
            }
            _ => (Command::CutPower(keeper), Command::Restart(keeper)),
        };
        all.push(Action { at, command: begins });
        all.push(Action { at: over, command: ends });
    }
    all.sort_by_key(|action| action.at);
    // Whatever is left of it is over in the end.
    let nodes = brokers.iter().chain(&clients).copied().chain([keeper]);
    for (step, node) in nodes.enumerate() {
        let at = Time(CALM.0 + step as u64 * 20);
        all.push(Action { at, command: Command::Thaw(node) });
        all.push(Action { at: Time(at.0 + 10), command: Command::Restart(node) });
    }
    all
}
