//! The table of five systems that people learn for interviews, claim by claim, each an experiment: does it hold, and what
//! setting turns it?
//!
//! Times and rates are those of one model of cost (`core/costs.json`); what is asserted are orders, with room: an order of
//! magnitude, or who stands still and who does not. The tables themselves stand in `docs/comparison.md`.

use mqlab_core::sim::compare::{Contender, Mishap, Outcome, Row, Workload};
use mqlab_core::time::Span;

const SEEDS: u64 = 3;

fn contender(name: &str) -> Contender {
    name.parse().expect("it comes with the engine")
}

fn workload(name: &str) -> Workload {
    Workload::built_in(name).expect("it comes with the engine")
}

fn row(workload: &Workload, name: &str, mishap: Mishap) -> Row {
    let run = |seed| Outcome::run(workload, contender(name), mishap, seed).expect("it can be run");
    let outcomes: Vec<Outcome> = (1..=SEEDS).map(run).collect();
    Row::of(&outcomes).remove(0)
}

fn calm(workload: &Workload, name: &str) -> Row {
    let row = row(workload, name, Mishap::None);
    assert_eq!((row.lost, row.doubled, row.waiting), (0, 0, 0), "{name}: nothing went wrong");
    row
}

/// "ActiveMQ and RabbitMQ carry ten thousands, an order of magnitude less than RocketMQ and Kafka; ActiveMQ the least."
#[test]
fn brokers_of_queues_carry_an_order_of_magnitude_less_than_logs() {
    let flood = workload("flood");
    let rate = |name: &str| calm(&flood, name).per_second;
    let (activemq, rabbitmq) = (rate("activemq"), rate("rabbitmq:classic"));
    let (rocketmq, kafka, pulsar) = (rate("rocketmq"), rate("kafka"), rate("pulsar"));
    assert!(activemq < rabbitmq, "ActiveMQ is the slowest: {activemq}, {rabbitmq}");
    for (name, log) in [("rocketmq", rocketmq), ("kafka", kafka), ("pulsar", pulsar)] {
        assert!(log > 10 * rabbitmq, "{name}: {log} a second, RabbitMQ {rabbitmq}");
    }
}

/// "Kafka carries more than RocketMQ, because of sendfile." It does, where both answer from memory; and it is less the copies
/// than what a broker does for each message. With a flush before each answer the order turns.
#[test]
fn kafka_carries_more_than_rocketmq_until_it_flushes() {
    let flood = workload("flood");
    let rate = |name: &str| calm(&flood, name).per_second;
    let (kafka, flushed, rocketmq) =
        (rate("kafka:acks-1"), rate("kafka:acks-all-flushed"), rate("rocketmq:async"));
    assert!(kafka > rocketmq, "{kafka}, {rocketmq}");
    assert!(flushed < rocketmq, "Kafka with flushes {flushed}, RocketMQ without {rocketmq}");
    // What follows from zero copy alone: the same broker, once by sendfile and once by read and write.
    let mut copying = flood.clone();
    let mut catalogue = mqlab_core::sim::Catalogue::built_in();
    for system in catalogue.systems.iter_mut().filter(|system| system.what.name == "kafka") {
        system.what.path = mqlab_core::sim::Path::ReadWrite;
    }
    copying.catalogue = Some(catalogue);
    let copies = |workload: &Workload| {
        calm(workload, "kafka:acks-1").copied_per_message.expect("the workload has a machine")
    };
    assert!(copies(&copying) > copies(&flood) + 1_024, "two copies of each message more");
}

/// "RabbitMQ is the quickest, in microseconds; all others take milliseconds." By their defaults Kafka and Pulsar gather before
/// they send; without that they are as quick. RocketMQ gathers nothing, and is.
#[test]
fn who_gathers_takes_milliseconds() {
    let trickle = workload("trickle");
    let p50 = |name: &str| calm(&trickle, name).p50;
    let millisecond = Span::from_millis(1);
    assert!(p50("rabbitmq:classic") < millisecond);
    assert!(p50("kafka") > Span::from_millis(5), "linger.ms is 5 since 4.0");
    assert!(p50("pulsar") > millisecond, "a batch waits a millisecond for others");
    assert!(p50("kafka:no-linger") < millisecond, "the setting that turns it");
    assert!(p50("rocketmq") < millisecond, "so that it is no law");
}

/// "ActiveMQ and RabbitMQ are highly available as master and slave, RocketMQ and Kafka as distributed systems: with few machines
/// down nothing is lost and nothing stands still." What spreads stands still for less long; nothing acknowledged is lost.
#[test]
fn what_spreads_stands_still_for_less_long() {
    let steady = workload("steady");
    let still = |name: &str, mishap: Mishap| {
        let row = row(&steady, name, mishap);
        assert_eq!(row.lost, 0, "{name}, {mishap}");
        row.no_storing.expect("it is asked for answers")
    };
    let second = Span::from_millis(1_000);
    assert!(still("rabbitmq:classic", Mishap::Crash) > Span::from_millis(3_000), "until the node is back");
    assert!(still("kafka", Mishap::Crash) < second);
    assert!(still("rocketmq", Mishap::Crash) < second, "the other master takes what comes");
    assert!(
        still("activemq", Mishap::Crash) < second,
        "its connection to the store breaks, and the slave gets the lock"
    );
    // Nobody is told of a broker that is cut off: now it is patience that decides.
    assert!(still("kafka", Mishap::CutOff) < still("activemq", Mishap::CutOff));
}

/// "With ActiveMQ and RabbitMQ loss is very unlikely; Kafka, RocketMQ and Pulsar can be set so that nothing is lost." All five can;
/// and of four a setting, or a second disk that is not there, turns it. What decides is for whom an answer waits, not the name.
#[test]
fn what_is_lost_depends_on_whom_an_answer_waits_for() {
    let kept = workload("kept");
    for name in ["activemq", "rabbitmq:classic", "rocketmq", "kafka", "pulsar"] {
        for mishap in [Mishap::Crash, Mishap::PowerCut, Mishap::CutOff] {
            let row = row(&kept, name, mishap);
            assert_eq!((row.lost, row.waiting), (0, 0), "{name}, {mishap}");
        }
    }
    for (name, mishap) in [
        ("activemq:no-sync", Mishap::PowerCut),
        ("activemq", Mishap::DiskLost), // master and slave share one
        ("rabbitmq:classic", Mishap::DiskLost),
        ("rabbitmq:classic-transient", Mishap::Crash),
    ] {
        let row = row(&kept, name, mishap);
        assert!(row.lost > 0, "{name}, {mishap}: nothing was lost");
    }
    // The slave has what the master lost: it is not gone, and nobody gets it while the master is back and does not have it.
    let row_of = |name: &str, mishap| row(&kept, name, mishap);
    let rocketmq = row_of("rocketmq:async", Mishap::PowerCut);
    assert!(rocketmq.waiting > 0 && rocketmq.lost == 0, "{rocketmq:?}");
    // No single mishap took anything from Pulsar, not even with one answer of two: the other copy is on its way, too.
    for name in ["pulsar:qw2-qa1", "pulsar:no-journal-sync"] {
        for mishap in [Mishap::Crash, Mishap::PowerCut, Mishap::DiskLost] {
            assert_eq!(row_of(name, mishap).lost, 0, "{name}, {mishap}");
        }
    }
}

/// The same of Kafka: a leader that answers alone takes with it what its followers did not fetch. They fetch at once, so it is as
/// much as is sent in the time of a way and back: on a slow network some, on a quick one mostly nothing.
#[test]
fn a_leader_that_answers_alone_loses_what_is_on_its_way() {
    let slow = Workload { latency: (2_000, 4_000), keys: 0, ..workload("kept") };
    let lost = |name: &str| {
        let run = |seed| Outcome::run(&slow, contender(name), Mishap::DiskLost, seed).expect("it can be run");
        (1..=8).map(|seed| run(seed).lost).sum::<u64>()
    };
    assert!(lost("kafka:acks-1") > 0);
    assert_eq!(lost("kafka:acks-all"), 0);
}
