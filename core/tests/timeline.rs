//! Time travel gives the same facts as going straight there, whatever the way.

use mqlab_core::ids::NodeId;
use mqlab_core::observe::{Digest, Stamped};
use mqlab_core::rng::{Rng, Stream};
use mqlab_core::sim::{Command, Scenario, Timeline};
use mqlab_core::time::Time;
use proptest::prelude::*;

fn timeline(name: &str, seed: u64) -> Timeline {
    let scenario = Scenario::built_in(name).expect("a scenario that comes with the engine");
    Timeline::new(scenario, seed).expect("it is sound")
}

/// What can be seen of a moment.
fn seen(timeline: &Timeline) -> (Digest, Vec<Stamped>, String, String) {
    let past = timeline.events()[..timeline.happened()].to_vec();
    let metrics = format!("{:?}", timeline.metrics());
    let picture = format!("{:?}", timeline.picture(16));
    (timeline.digest(), past, metrics, picture)
}

#[derive(Clone, Debug)]
enum Move {
    Seek(u64),
    Advance(u64),
    Step,
    Back,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        (0..900_000_u64).prop_map(Move::Seek),
        (0..100_000_u64).prop_map(Move::Advance),
        Just(Move::Step),
        Just(Move::Back),
    ];
    prop::collection::vec(one, 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_way_to_a_moment_shows_the_same(seed in 0..1_000_u64, moves in moves(), end in 0..900_000_u64) {
        let mut wandered = timeline("kill-the-leader-acks-1", seed);
        for step in moves {
            match step {
                Move::Seek(at) => wandered.seek(Time(at)),
                Move::Advance(by) => wandered.advance(Time(wandered.now().0 + by)),
                Move::Step => _ = wandered.step(),
                Move::Back => _ = wandered.back(),
            }
        }
        wandered.seek(Time(end));
        let mut straight = timeline("kill-the-leader-acks-1", seed);
        straight.advance(Time(end));
        prop_assert_eq!(seen(&wandered), seen(&straight));
    }

    /// Commands given while wandering are the same as commands given on the way; old branches stay as they were.
    #[test]
    fn a_branch_is_what_its_commands_make_it(seed in 0..1_000_u64, detours in moves()) {
        let mut wandered = timeline("kill-the-leader", seed);
        let mut rng = Rng::new(seed, Stream::Workload);
        let mut ends: Vec<(usize, Digest)> = Vec::new();
        for detour in &detours {
            let at = match detour {
                Move::Seek(at) => *at,
                Move::Advance(by) => wandered.now().0.saturating_sub(*by),
                Move::Step | Move::Back => rng.below(900_000),
            };
            wandered.seek(Time(at));
            let node = [NodeId::Broker(2), NodeId::Consumer(1), NodeId::Producer(2)][rng.below(3) as usize];
            let texts = [
                format!("crash {node}"),
                format!("restart {node}"),
                format!("freeze {node}"),
                format!("thaw {node}"),
                format!("skew {node} -40"),
                format!("cut {node} to broker-1"),
                "disk broker-2 slow 3".to_owned(),
                "lose everywhere 50".to_owned(),
                "reorder everywhere 200".to_owned(),
                "heal everywhere".to_owned(),
            ];
            let command: Command = texts[rng.below(10) as usize].parse().expect("a command");
            if wandered.command(command).is_ok() {
                wandered.seek(wandered.ends_at());
                let current = wandered.branches().iter().position(|branch| branch.current).expect("one is current");
                ends.retain(|(branch, _)| *branch != current);
                ends.push((current, wandered.digest()));
            }
        }
        let branches = wandered.branches();
        for (branch, digest) in ends {
            let mut straight = timeline("kill-the-leader", seed);
            for (at, command) in &branches[branch].commands {
                straight.advance(Time(at.0 - 1));
                prop_assert!(straight.command(command.clone()).is_ok());
            }
            straight.seek(straight.ends_at());
            prop_assert_eq!(straight.digest(), digest);
            wandered.switch(branch);
            wandered.seek(wandered.ends_at());
            prop_assert_eq!(seen(&wandered), seen(&straight));
        }
    }
}

#[test]
fn step_and_back_are_opposites() {
    let mut timeline = timeline("hundred-messages", 7);
    let mut moments = vec![(timeline.now(), timeline.happened(), timeline.digest())];
    while timeline.step() {
        let happened = timeline.happened();
        assert!(happened > moments.last().expect("one at least").1, "a step brings an event");
        moments.push((timeline.now(), happened, timeline.digest()));
    }
    assert!(moments.len() > 500, "every event is a moment of its own");
    timeline.seek(moments.last().expect("many").0);
    moments.pop();
    for moment in moments.iter().skip(1).rev() {
        assert!(timeline.back());
        assert_eq!((timeline.now(), timeline.happened(), timeline.digest()), *moment);
    }
    assert!(timeline.back());
    assert!(!timeline.back(), "before the first event there is nothing to go back to");
}

#[test]
fn the_life_of_a_message_is_told_in_order() {
    let mut timeline = timeline("kill-the-leader", 20);
    timeline.seek(timeline.ends_at());
    let message = mqlab_core::ids::MessageId(40);
    let life: Vec<&Stamped> = timeline.life(message).collect();
    assert!(life.len() >= 6, "sent, appended, copied twice, acknowledged, received, processed: {life:#?}");
    assert!(life.windows(2).all(|pair| pair[0].at <= pair[1].at));
}

#[test]
fn a_command_that_cannot_be_changes_nothing() {
    let mut timeline = timeline("hundred-messages", 7);
    timeline.seek(Time(200_000));
    let before = seen(&timeline);
    for command in [
        Command::Restart(NodeId::Broker(1)),
        Command::Crash(NodeId::Broker(9)),
        Command::Crash(NodeId::Consumer(0)),
        Command::CutPower(NodeId::Controller),
    ] {
        assert!(timeline.command(command.clone()).is_err(), "{command}");
    }
    assert_eq!(seen(&timeline), before);
    assert_eq!(timeline.branches().len(), 1);
    timeline.seek(timeline.ends_at());
    assert!(timeline.command(Command::Crash(NodeId::Broker(1))).is_err(), "the run is over");
}
