//! Which runs are hard to draw? Those in which very much is on its way at once, and very much waits.

use mqlab_core::broker::{Acks, IN_FLIGHT_MAX, Settings};
use mqlab_core::sim::{
    BURST_MAX, ConsumerSpec, MESSAGES_MAX, ProducerSpec, QueueSpec, Scenario, SourceSpec, TargetSpec,
};
use mqlab_core::time::{Span, Time};

use crate::{as_kafka_has_it, name, topic};

/// How long everything is on its way, in microseconds: a tenth of a second, as from one continent to the next.
pub const FAR: u64 = 100_000;
/// How many producers there are, and how many partitions they send to: that many ways between each two of them.
const PRODUCERS: u16 = 10;
const PARTITIONS: u32 = 12;

/// So many messages on their way from producers to brokers at any moment, each by itself and none answered; from half a
/// second of the run on, for some seconds more.
///
/// Where `waiting` is not 0, so many wait in a queue besides, whose only consumer is slow.
pub fn moving(under_way: u64, waiting: u64) -> Scenario {
    let every = u64::from(PRODUCERS) * FAR / under_way.max(1);
    let all = (10_000_000 / every.max(1)).min((MESSAGES_MAX - waiting) / u64::from(PRODUCERS));
    let mut scenario = Scenario {
        ends_at: Time(300_000 + all * every),
        latency: (FAR, FAR),
        brokers: 3,
        topics: vec![topic("t", PARTITIONS, 1)],
        settings: Settings { fetch_wait: Span::from_millis(100), ..as_kafka_has_it() },
        ..Scenario::empty("moving")
    };
    let to = TargetSpec::Topic { name: name("t"), acks: Acks::None };
    let from = SourceSpec::Group { name: name("g"), topic: name("t"), options: Default::default() };
    scenario.producers.extend((1..=PRODUCERS).map(|index| ProducerSpec {
        messages: all,
        every: every.max(1),
        keys: 26,
        // Nobody sends at the same moment as all others.
        starts_at: 200_000 + u64::from(index) * every / u64::from(PRODUCERS),
        ..ProducerSpec::new(&format!("p-{index}"), to.clone())
    }));
    scenario.consumers.extend(
        (1..=6).map(|index| ConsumerSpec {
            work: 100,
            ..ConsumerSpec::new(&format!("c-{index}"), from.clone())
        }),
    );
    if waiting > 0 {
        scenario.queues.push(QueueSpec { name: name("q"), broker: 1, options: Default::default() });
        scenario.settings.in_flight_max = IN_FLIGHT_MAX;
        scenario.producers.push(ProducerSpec {
            messages: waiting,
            every: 1_000,
            burst: BURST_MAX.min(IN_FLIGHT_MAX),
            ..ProducerSpec::new("filler", TargetSpec::Queue(name("q")))
        });
        let slow = SourceSpec::Queue { name: name("q"), prefetch: 10, reading: Default::default() };
        scenario.consumers.push(ConsumerSpec { work: 50_000, ..ConsumerSpec::new("slow", slow) });
    }
    scenario
}

#[cfg(test)]
mod tests {
    use mqlab_core::sim::Timeline;
    use mqlab_core::sim::picture::PacketKind;

    use super::*;

    /// Messages on their way from producers, and messages in queues, at a moment.
    fn found(scenario: &Scenario, at: u64) -> (usize, u64) {
        let mut timeline = Timeline::new(scenario.clone(), 1).expect("a sound scenario");
        timeline.seek(Time(at));
        let picture = timeline.picture(16);
        let packets = picture.packets.iter().filter(|packet| packet.kind == PacketKind::Produce);
        let strips = picture.brokers.iter().flat_map(|broker| &broker.strips);
        let held = strips.filter(|strip| strip.queue.is_some()).map(|strip| strip.held).sum();
        (packets.map(|packet| packet.marks.len()).sum(), held)
    }

    #[test]
    fn as_many_are_on_their_way_as_is_promised() {
        let (under_way, _) = found(&moving(2_000, 0), 1_000_000);
        assert!((1_990..=2_010).contains(&under_way), "{under_way}");
    }

    #[test]
    fn as_many_wait_as_is_promised() {
        let (under_way, held) = found(&moving(20_000, 30_000), 1_000_000);
        assert!((19_900..=20_100).contains(&under_way), "{under_way}");
        assert!((29_000..=30_000).contains(&held), "{held}");
    }
}
