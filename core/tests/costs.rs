//! What work costs: that nothing changes without costs, that bills count what was done, and that what is known of real
//! systems comes out of runs: who is limited by what.

use std::collections::{BTreeMap, BTreeSet};

use mqlab_core::ids::NodeId;
use mqlab_core::sim::{Catalogue, Costs, Path, Scenario, World};
use mqlab_core::time::Time;

/// A machine and a system of the catalogue.
fn costs(machine: &str, system: &str) -> Costs {
    Catalogue::built_in().costs(machine, system).expect("it is in the catalogue")
}

/// A scenario in which producers offer more than a broker can take, or consumers find everything there already.
fn flood(json: &str, costs: Costs) -> Scenario {
    let mut scenario = Scenario::from_json(json).expect("it is sound");
    scenario.costs = Some(costs);
    scenario
}

/// Runs to a moment.
fn run(scenario: Scenario, seed: u64, until: u64) -> World {
    let mut world = World::new(scenario, seed).expect("it can be run");
    while world.next_time().is_some_and(|at| at <= Time(until)) {
        world.pass();
    }
    world
}

const BROKER: NodeId = NodeId::Broker(1);

/// One queue, one producer with a thousand small messages at once, twenty under way.
const QUEUE: &str = r#"{ "format": 1, "name": "flood", "seed": 1, "ends_at": 500000, "brokers": 1, "latency": [50, 60],
    "queues": [{ "name": "orders", "broker": 1 }],
    "producers": [{ "name": "shop", "to": { "queue": "orders" }, "messages": 20000, "every": 100, "burst": 10}],
    "settings": { "in_flight_max": 20 },
    "consumers": [{ "name": "work", "from": { "queue": { "name": "orders", "prefetch": 100 } }, "work": 1 }] }"#;

/// One partition, five times the load, in batches of a hundred; like Kafka's brokers this one leaves flushing to the
/// operating system.
const TOPIC: &str = r#"{ "format": 1, "name": "flood", "seed": 1, "ends_at": 500000, "brokers": 1, "latency": [50, 60],
    "topics": [{ "name": "orders", "partitions": 1, "replicas": 1, "min_in_sync": 1 }],
    "producers": [{ "name": "shop", "to": { "topic": { "name": "orders", "acks": "leader" } }, "messages": 20000, "every": 200, "burst": 100 }],
    "settings": { "flush_before_reply": false, "in_flight_max": 20 },
    "consumers": [{ "name": "work", "from": { "group": { "name": "g", "topic": "orders" } }, "work": 1 }] }"#;

#[test]
fn every_figure_has_a_source_and_no_source_is_without_a_figure() {
    let catalogue = Catalogue::built_in();
    let check = |what: serde_json::Value, sources: &BTreeMap<String, String>| {
        let figures = what.as_object().expect("an object").keys().filter(|key| *key != "name");
        assert_eq!(figures.collect::<BTreeSet<_>>(), sources.keys().collect(), "{}", what["name"]);
    };
    for machine in &catalogue.machines {
        check(serde_json::to_value(&machine.what).expect("plain data"), &machine.sources);
    }
    for system in &catalogue.systems {
        check(serde_json::to_value(&system.what).expect("plain data"), &system.sources);
    }
}

/// What costs nothing is as fast as what has no costs, to the last event.
#[test]
fn work_for_nothing_changes_nothing() {
    let free = || {
        let mut free = costs("server", "kafka");
        let Costs { machine, system } = &mut free;
        (machine.system_call, machine.switch, machine.copy, machine.page, machine.checksum) = (0, 0, 0, 0, 0);
        (machine.flush, machine.disk, machine.network) = (0, 0, 0);
        (system.request, system.message_in, system.message_out) = (0, 0, 0);
        free
    };
    for name in ["hundred-messages", "kill-the-leader"] {
        let scenario = Scenario::built_in(name).expect("it comes with the engine");
        let until = scenario.ends_at.0;
        let with = run(Scenario { costs: Some(free()), ..scenario.clone() }, 7, until);
        assert_eq!(with.digest(), run(scenario, 7, until).digest(), "{name}");
        assert!(with.bill(BROKER).expect("it has costs").bursts > 0);
    }
}

/// Tens of thousands a second through one queue, hundreds of thousands through one partition.
#[test]
fn who_looks_at_each_message_carries_an_order_of_magnitude_less() {
    let stored = |json: &str, system: &str| {
        let world = run(flood(json, costs("server", system)), 1, 40_000);
        world.metrics().acknowledged * 25 // a second
    };
    let (rabbitmq, activemq) = (stored(QUEUE, "rabbitmq"), stored(QUEUE, "activemq"));
    let kafka = stored(TOPIC, "kafka");
    assert!(activemq < rabbitmq, "{activemq} and {rabbitmq} a second");
    assert!((5_000..20_000).contains(&rabbitmq), "one queue: {rabbitmq} a second");
    assert!(kafka >= 8 * rabbitmq, "{kafka} and {rabbitmq} a second");
}

/// A flush serves what came while the last one ran: the slower the disk, the more each serves.
#[test]
fn a_slow_disk_is_flushed_less_often_for_more() {
    let per_flush = |machine: &str| {
        let mut scenario = flood(TOPIC, costs(machine, "kafka"));
        scenario.settings.flush_before_reply = true;
        let producer = scenario.producers.remove(0);
        for number in 0..20 {
            let mut another = producer.clone();
            (another.messages, another.every, another.burst) = (1_000, 1_000, 1);
            another.starts_at = 1_000 + number * 47;
            scenario.producers.push(another);
        }
        let world = run(scenario, 1, 100_000);
        let bill = world.bill(BROKER).expect("it has costs");
        (world.metrics().acknowledged, bill.messages_in / bill.flushes.max(1))
    };
    let (fast, spinning) = (per_flush("fast"), per_flush("spinning"));
    assert!(4 * fast.1 < spinning.1, "{fast:?} and {spinning:?} stored, and for a flush");
    assert!(spinning.0 < fast.0, "{fast:?} and {spinning:?} stored, and for a flush");
}

/// The same broker, the same messages; what differs is how often the processor copies what is read.
#[test]
fn sendfile_copies_nothing_and_read_and_write_twice() {
    let copied = |path: Path| {
        let mut scenario = flood(TOPIC, costs("server", "kafka"));
        let costs = scenario.costs.as_mut().expect("it has");
        (costs.system.path, costs.machine.cores) = (path, 1);
        (scenario.producers[0].messages, scenario.producers[0].every) = (5_000, 4_000);
        scenario.producers[0].message.bytes = 1_000;
        let bill = run(scenario, 1, 500_000).bill(BROKER).expect("it has costs");
        assert!(bill.bytes_as_stored > 1_000_000, "{bill:?}");
        (bill.bytes_copied - bill.bytes_written, bill.bytes_as_stored, bill.busy)
    };
    let (sendfile, mmap, read_write) = (copied(Path::SendFile), copied(Path::Mmap), copied(Path::ReadWrite));
    let per_byte = |(copied, stored, _): (u64, u64, _)| copied as f64 / stored as f64;
    // What came in was copied once, and is stored once and sent once.
    assert!((per_byte(mmap) - per_byte(sendfile) - 1.0).abs() < 0.05);
    assert!((per_byte(read_write) - per_byte(sendfile) - 2.0).abs() < 0.05);
    assert!(sendfile.2 < mmap.2 && mmap.2 < read_write.2, "{sendfile:?} {mmap:?} {read_write:?}");
}

/// What concerns different queues is done at the same time, if there are cores for it.
#[test]
fn queues_share_the_cores_of_a_machine() {
    let stored = |queues: u16, cores: u16| {
        let parts = |of: fn(u16) -> String| (1..=queues).map(of).collect::<Vec<_>>().join(", ");
        let json = format!(
            r#"{{ "format": 1, "name": "flood", "seed": 1, "ends_at": 500000, "brokers": 1, "latency": [50, 60],
                "queues": [{}], "producers": [{}], "consumers": [{}], "settings": {{ "in_flight_max": 20 }} }}"#,
            parts(|number| format!(r#"{{ "name": "q{number}", "broker": 1 }}"#)),
            parts(|number| format!(
                r#"{{ "name": "p{number}", "to": {{ "queue": "q{number}" }}, "messages": 20000, "every": 100, "burst": 10 }}"#
            )),
            parts(|number| format!(
                r#"{{ "name": "c{number}", "from": {{ "queue": {{ "name": "q{number}", "prefetch": 100 }} }}, "work": 1 }}"#
            )),
        );
        let mut scenario = flood(&json, costs("fast", "rabbitmq"));
        scenario.costs.as_mut().expect("it has").machine.cores = cores;
        run(scenario, 1, 60_000).metrics().acknowledged
    };
    let (one, two, narrow) = (stored(1, 4), stored(2, 4), stored(2, 1));
    assert!(two * 10 > one * 15, "{one} through one queue, {two} through two");
    assert!(narrow * 10 < one * 13, "{one} through one queue, {narrow} through two on one core");
}

#[test]
fn figures_out_of_bounds_are_refused_by_name() {
    let mut wrong = costs("server", "kafka");
    wrong.machine.flush = 2_000_000_000;
    let scenario =
        Scenario { costs: Some(wrong), ..Scenario::built_in("hundred-messages").expect("it comes") };
    let error = scenario.check().expect_err("a flush of two seconds");
    assert!(error.to_string().contains("flush costs 2000000000 ns"), "{error}");
    let mut wrong = costs("server", "kafka");
    wrong.machine.cores = 0;
    let scenario =
        Scenario { costs: Some(wrong), ..Scenario::built_in("hundred-messages").expect("it comes") };
    assert!(scenario.check().expect_err("no core").to_string().contains("0 cores"));
}
