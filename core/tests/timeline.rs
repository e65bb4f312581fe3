//! Time travel gives the same facts as going straight there, whatever the way.

use mqlab_core::ids::NodeId;
use mqlab_core::observe::{Digest, Landmark, Stamped, Turn};
use mqlab_core::rng::{Rng, Stream};
use mqlab_core::sim::{BRANCHES_MAX, Command, CommandRefused, Lookout, Next, Scenario, Timeline};
use mqlab_core::time::{Span, Time};
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

/// A way through several branches: there and back, with commands, undone and removed.
fn wander(timeline: &mut Timeline, rng: &mut Rng, legs: u64) {
    for _ in 0..legs {
        timeline.seek(Time(rng.below(900_000)));
        let branches = timeline.branches();
        let any = branches[rng.below(branches.len() as u64) as usize].id;
        match rng.below(8) {
            0 => timeline.switch(any),
            1 => assert_eq!(timeline.remove(any), any != timeline.branch_id()),
            2 | 3 => {
                let given = timeline.commands_given();
                match timeline.undo() {
                    Ok(()) => assert_eq!(timeline.commands_given(), given - 1),
                    Err(why) => assert_eq!((why, given), (CommandRefused::NothingToUndo, 0)),
                }
            }
            4 => _ = timeline.step(),
            _ => {
                let node =
                    [NodeId::Broker(2), NodeId::Consumer(1), NodeId::Producer(2)][rng.below(3) as usize];
                let given = timeline.commands_given();
                let fits = timeline.command([Command::Crash, Command::Restart][rng.below(2) as usize](node));
                assert!(fits.is_err() || timeline.commands_given() > given || timeline.branches().len() > 1);
            }
        }
    }
}

/// Everything about the branch that is looked at, to its end.
fn whole(timeline: &mut Timeline) -> (Digest, Vec<Stamped>, Vec<Landmark>) {
    timeline.seek(timeline.ends_at());
    (timeline.digest(), timeline.events().to_vec(), timeline.landmarks().to_vec())
}

/// The same commands, given by somebody who was never anywhere else.
fn given_straight(seed: u64, commands: &[(Time, Command)]) -> Timeline {
    let mut straight = timeline("kill-the-leader-acks-1", seed);
    for (at, command) in commands {
        straight.advance(Time(at.0 - 1));
        assert_eq!(straight.command(command.clone()), Ok(()));
    }
    straight
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever was undone, removed and looked at in between: a branch has the facts and the turns of its commands.
    #[test]
    fn a_branch_outlives_those_that_it_left(seed in 0..1_000_u64, legs in 4..24_u64) {
        let mut wandered = timeline("kill-the-leader-acks-1", seed);
        wander(&mut wandered, &mut Rng::new(seed, Stream::Workload), legs);
        for branch in wandered.branches() {
            wandered.switch(branch.id);
            prop_assert_eq!(wandered.branch_id(), branch.id);
            let straight = whole(&mut given_straight(seed, &branch.commands));
            prop_assert_eq!(whole(&mut wandered), straight);
        }
    }

    /// The first difference is the one that somebody finds who compares all facts of both.
    #[test]
    fn two_branches_differ_first_where_their_facts_do(seed in 0..1_000_u64, legs in 4..16_u64) {
        let mut wandered = timeline("kill-the-leader-acks-1", seed);
        wander(&mut wandered, &mut Rng::new(seed, Stream::Workload), legs);
        let branches = wandered.branches();
        let before = seen(&wandered);
        let facts: Vec<Vec<Stamped>> =
            branches.iter().map(|branch| whole(&mut given_straight(seed, &branch.commands)).1).collect();
        for (one, left) in branches.iter().zip(&facts) {
            for (other, right) in branches.iter().zip(&facts) {
                let fact = |of: &Stamped| (of.at, of.node, of.event.clone());
                let equal = left.iter().zip(right).take_while(|(a, b)| fact(a) == fact(b)).count();
                let found = wandered.first_difference(one.id, other.id);
                if equal == left.len().max(right.len()) {
                    prop_assert_eq!(found, None);
                    continue;
                }
                let found = found.expect("they differ");
                prop_assert_eq!(found.fact, equal);
                prop_assert_eq!(found.one.as_ref().map(fact), left.get(equal).map(fact));
                prop_assert_eq!(found.other.as_ref().map(fact), right.get(equal).map(fact));
                let first = [left.get(equal), right.get(equal)].into_iter().flatten().map(|of| of.at).min();
                prop_assert_eq!(Some(found.at), first);
            }
            let at = Time(seed * 900);
            let mut straight = given_straight(seed, &one.commands[..0]);
            for (given, command) in one.commands.iter().filter(|(given, _)| *given <= at) {
                straight.advance(Time(given.0 - 1));
                straight.command(command.clone()).expect("it was given before");
            }
            straight.seek(at);
            prop_assert_eq!(wandered.world_of(one.id, at).expect("it is there").digest(), straight.digest());
        }
        prop_assert_eq!(seen(&wandered), before);
    }

    /// Who looks ahead sees what will be, and changes nothing.
    #[test]
    fn what_is_seen_ahead_comes(seed in 0..1_000_u64, moves in moves(), ahead in 0..80_000_u64) {
        let mut wandered = timeline("kill-the-leader-acks-1", seed);
        let all = whole(&mut timeline("kill-the-leader-acks-1", seed));
        let mut lookout = Lookout::default();
        for step in moves {
            match step {
                Move::Seek(at) => wandered.seek(Time(at)),
                Move::Advance(by) => wandered.advance(Time(wandered.now().0 + by)),
                Move::Step => _ = wandered.step(),
                Move::Back => _ = wandered.back(),
            }
            let before = (seen(&wandered), wandered.events().len());
            lookout.look(&wandered, Span(ahead));
            let (now, to) = (wandered.now(), wandered.now() + Span(ahead));
            let next = all.1.get(wandered.happened()).map_or(Next::Never, |fact| Next::At(fact.at));
            prop_assert_eq!(lookout.next_fact(&wandered), next);
            let turns = all.2.iter().filter(|mark| mark.decisive && mark.at > now && mark.at <= to);
            let turns: Vec<(Time, Turn)> = turns.map(|mark| (mark.at, mark.turn)).collect();
            let seen_ahead = lookout.turns(&wandered, now + Span(1), to);
            prop_assert_eq!(seen_ahead, turns);
            prop_assert_eq!((seen(&wandered), wandered.events().len()), before);
        }
    }
}

#[test]
fn an_undone_command_leads_back_and_stays_in_its_branch() {
    let mut timeline = timeline("kill-the-leader", 20);
    timeline.seek(Time(100_000));
    assert_eq!(timeline.undo(), Err(CommandRefused::NothingToUndo));
    // Nobody has seen the future: the first command makes no branch, and undoing it does.
    timeline.command(Command::Crash(NodeId::Broker(2))).expect("it runs");
    let crashed = timeline.digest();
    timeline.seek(Time(300_000));
    assert_eq!(timeline.branches().len(), 1);
    timeline.undo().expect("there is something to undo");
    assert_eq!((timeline.now(), timeline.branches().len(), timeline.branch_id()), (Time(100_000), 2, 1));
    assert_ne!(timeline.digest(), crashed);
    // Once more the same: there is a branch for it already.
    timeline.switch(0);
    timeline.undo().expect("there is something to undo");
    assert_eq!((timeline.branches().len(), timeline.branch_id()), (2, 1));
    timeline.switch(0);
    timeline.seek(Time(100_001));
    assert_eq!(timeline.digest(), crashed, "the other future is still there");
}

#[test]
fn no_more_branches_are_made_than_are_kept() {
    let mut timeline = timeline("hundred-messages", 7);
    timeline.seek(timeline.ends_at());
    for number in 1..BRANCHES_MAX as u64 {
        timeline.switch(0);
        timeline.seek(Time(100_000 + number));
        timeline.command(Command::Crash(NodeId::Consumer(1))).expect("there is room");
    }
    timeline.switch(0);
    timeline.seek(Time(400_000));
    let before = seen(&timeline);
    let refused = timeline.command(Command::Crash(NodeId::Consumer(1)));
    assert_eq!(refused, Err(CommandRefused::TooManyBranches));
    assert_eq!(seen(&timeline), before);
    assert!(timeline.remove(7));
    timeline.command(Command::Crash(NodeId::Consumer(1))).expect("there is room again");
    assert_eq!((timeline.branch_id(), timeline.branches().len()), (BRANCHES_MAX, BRANCHES_MAX));
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
