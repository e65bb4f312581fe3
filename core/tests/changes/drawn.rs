//! Does anything go wrong, whatever is set, added and removed, and whenever? Commands drawn from a seed, among traffic and faults.

use mqlab_core::observe::{Digest, PromiseJudge};
use mqlab_core::rng::{Rng, Stream};
use mqlab_core::sim::{Action, Command, Scenario, Timeline};
use mqlab_core::time::Time;
use proptest::prelude::*;

use super::everything;

/// Something to do, drawn from a seed; most of it makes sense.
fn draw(rng: &mut Rng, faults: bool) -> String {
    let client = |rng: &mut Rng, kind: &str| format!("{kind}-{}", 1 + rng.below(5));
    let queue = |rng: &mut Rng| ["jobs", "inbox", "more", "other"][rng.below(4) as usize];
    let topic = |rng: &mut Rng| ["orders", "bills"][rng.below(2) as usize];
    let number = |rng: &mut Rng| 1 + rng.below(12);
    match rng.below(if faults { 34 } else { 27 }) {
        0 => format!("every {} {}", client(rng, "producer"), number(rng)),
        1 => format!("acks {} {}", client(rng, "producer"), ["0", "1", "all"][rng.below(3) as usize]),
        2 => format!("work {} {}", client(rng, "consumer"), number(rng)),
        3 => format!("prefetch {} {}", client(rng, "consumer"), rng.below(4)),
        4 | 5 => format!("join {}", client(rng, "consumer")),
        6 => format!("join {}", client(rng, "producer")),
        7 => "join broker-1".into(),
        8 | 9 => format!("leave {}", client(rng, "consumer")),
        10 => format!("leave {}", client(rng, "producer")),
        11 => format!("partitions {} {}", topic(rng), number(rng)),
        12 => format!("min-in-sync {} {}", topic(rng), 1 + rng.below(3)),
        13 => format!("topic bills partitions {} replicas {}", 1 + rng.below(4), 1 + rng.below(4)),
        14 => format!("queue {} on broker-{}", queue(rng), 1 + rng.below(4)),
        15 => format!("drop-queue {}", queue(rng)),
        16 => format!("ttl {} {}", queue(rng), ["none", "5", "60"][rng.below(3) as usize]),
        17 => format!("length {} {}", queue(rng), ["none", "0", "3"][rng.below(3) as usize]),
        18 => format!(
            "exchange {} topic on broker-{}",
            ["news", "mail"][rng.below(2) as usize],
            1 + rng.below(3)
        ),
        19 => format!("drop-exchange {}", ["news", "mail"][rng.below(2) as usize]),
        20 => format!("bind {} {} #", ["news", "mail"][rng.below(2) as usize], queue(rng)),
        21 => format!("unbind news {} {}", queue(rng), ["#", "eu.#"][rng.below(2) as usize]),
        22 | 23 => {
            // What is acknowledged too soon is lost with whoever leaves.
            let ways: &[&str] =
                if faults { &["each", "every 3", "before", "automatic"] } else { &["each", "every 3"] };
            let when = ways[rng.below(ways.len() as u64) as usize];
            format!("ack {} {when}", client(rng, "consumer"))
        }
        24 => format!("leave broker-{}", 3 + rng.below(2)),
        25 => "restart broker-4".into(),
        26 => format!("drop-topic {}", topic(rng)),
        27 => format!("crash {}", ["broker-1", "broker-2", "broker-3", "consumer-1"][rng.below(4) as usize]),
        28 => {
            format!("restart {}", ["broker-1", "broker-2", "broker-3", "consumer-1"][rng.below(4) as usize])
        }
        29 => format!("cut-power broker-{}", 1 + rng.below(4)),
        30 => format!("freeze broker-{}", 1 + rng.below(4)),
        31 => format!("thaw broker-{}", 1 + rng.below(4)),
        32 => format!("crash controller-{}", 1 + rng.below(3)),
        _ => format!("restart controller-{}", 1 + rng.below(3)),
    }
}

/// One controller, or three that have to agree.
fn scenario(seed: u64) -> Scenario {
    Scenario { controllers: if seed.is_multiple_of(2) { 1 } else { 3 }, ..everything() }
}

/// Gives drawn commands; what was taken, and where the run ended.
fn wander(seed: u64, faults: bool) -> (Timeline, Vec<Action>) {
    let mut timeline = Timeline::new(scenario(seed), seed).expect("it can be run");
    let mut rng = Rng::new(seed, Stream::Workload);
    let mut taken = Vec::new();
    for _ in 0..40 {
        timeline.advance(Time(timeline.now().0 + 1 + rng.below(25_000)));
        let command: Command = draw(&mut rng, faults).parse().expect("a command");
        let at = Time(timeline.now().0 + 1);
        if timeline.command(command.clone()).is_ok() {
            taken.push(Action { at, command });
        }
    }
    timeline.seek(timeline.ends_at());
    (timeline, taken)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever is set, added and removed among traffic: nothing that was acknowledged is lost.
    #[test]
    fn changes_alone_lose_nothing(seed in 0..100_000_u64) {
        let (timeline, taken) = wander(seed, false);
        prop_assert!(taken.len() > 5, "hardly anything is taken");
        let verdict = timeline.verdict();
        prop_assert!(verdict.lost().is_empty(), "{:?} lost by {taken:?}", verdict.lost());
    }

    /// Among faults, too, a run is what its commands make it, on whatever way one comes there; and what it promises is kept.
    #[test]
    fn changes_among_faults_are_the_same_each_time(seed in 0..100_000_u64) {
        let (mut timeline, taken) = wander(seed, true);
        let digest: Digest = timeline.digest();
        let mut again = Timeline::new(scenario(seed), seed).expect("it can be run");
        prop_assert_eq!(again.replay(&taken), Ok(()));
        again.seek(again.ends_at());
        prop_assert_eq!(again.digest(), digest);
        // Back into the middle, something else happens, and back again.
        timeline.seek(Time(300_000));
        prop_assert!(timeline.command("join consumer-2".parse().expect("a command")).is_ok());
        timeline.seek(timeline.ends_at());
        timeline.switch(0);
        timeline.seek(timeline.ends_at());
        prop_assert_eq!(timeline.digest(), digest);
        let suffered = Scenario { actions: taken, ..scenario(seed) };
        let promised = suffered.promises(seed);
        let mut judge = PromiseJudge::default();
        timeline.events().iter().for_each(|fact| judge.observe(fact));
        for judged in judge.judge(&promised, timeline.verdict()) {
            prop_assert!(judged.is_kept(), "{judged:?}");
        }
    }
}
