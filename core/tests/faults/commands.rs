//! Commands are read as they are written, refused where they make no sense, and a run with them is a run like any other.

use mqlab_core::ids::NodeId;
use mqlab_core::observe::{DiskState, Link, LinkFault};
use mqlab_core::sim::{Action, Command, CommandRefused, FaultKind, FaultPlan, Scenario, Timeline, World};
use mqlab_core::time::{Span, Time};

use super::*;

/// One of each kind.
fn every_command() -> Vec<Command> {
    let node = NodeId::Broker(1);
    let links = [Link::OneWay(node, SHOP), Link::Both(node, NodeId::Controller), Link::Everywhere];
    let hurts = [
        LinkFault::Cut,
        LinkFault::Slow(Span(2_501)),
        LinkFault::Lose(20),
        LinkFault::Duplicate(1),
        LinkFault::Reorder(1_000),
        LinkFault::LoseNext,
        LinkFault::DuplicateNext,
        LinkFault::ReorderNext,
        LinkFault::Heal,
    ];
    let disks = [DiskState::Sound, DiskState::Slow(Span(5_000)), DiskState::Lying, DiskState::Full];
    let plain = [
        Command::Crash(node),
        Command::CutPower(node),
        Command::ShutDown(node),
        Command::Restart(node),
        Command::Replace(node),
        Command::CrashOnceDone(node),
    ];
    let still = [Command::Freeze(node), Command::Thaw(node)];
    let clocks = [-12_500, 0, 30_000].map(|by| Command::Skew { node, by });
    let mut all: Vec<Command> = plain.into_iter().chain(still).chain(clocks).collect();
    all.extend(disks.map(|is| Command::Disk { node, is }));
    all.extend(links.iter().flat_map(|&link| hurts.map(|fault| Command::Link { link, fault })));
    all
}

#[test]
fn every_command_is_read_as_it_is_written() {
    for command in every_command() {
        let text = command.to_string();
        assert_eq!(text.parse(), Ok(command.clone()), "{text}");
        let json = serde_json::to_string(&command).expect("plain data");
        assert_eq!(serde_json::from_str::<Command>(&json).expect("what was written"), command, "{json}");
        let action = Action { at: Time(412_800), command };
        assert_eq!(action.to_string().parse(), Ok(action));
    }
    let cut = r#"{"link":{"link":"broker-1 to producer-1","fault":"cut"}}"#;
    let written = Command::Link { link: Link::OneWay(NodeId::Broker(1), SHOP), fault: LinkFault::Cut };
    assert_eq!(serde_json::from_str::<Command>(cut).expect("as the documents say"), written);
}

#[test]
fn what_is_no_command_is_refused() {
    for text in [
        "",
        "freeze",
        "freeze broker-0",
        "crash broker-1 broker-2",
        "cut broker-1 broker-2",
        "cut broker-1 to",
        "lose broker-1 to broker-2",
        "lose everywhere -1",
        "slow everywhere",
        "slow everywhere 1,5",
        "skew broker-1",
        "skew broker-1 +-5",
        "disk broker-1",
        "disk broker-1 slow",
        "disk broker-1 broken",
        "heal all",
    ] {
        let error = text.parse::<Command>().expect_err(text);
        assert!(error.to_string().contains("is not understood"), "{error}");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let mut world = World::new(queue(&["10 freeze broker-1"]), 1).expect("a sound scenario");
    while world.next_time().is_some_and(|at| at <= Time(20_000)) {
        world.step();
    }
    let user = NodeId::User(1);
    for (text, why) in [
        ("freeze broker-1", CommandRefused::IsFrozen(BROKER)),
        ("thaw consumer-1", CommandRefused::IsNotFrozen(WORKER)),
        ("freeze broker-2", CommandRefused::NoSuchNode(NodeId::Broker(2))),
        ("freeze user-1", CommandRefused::NoSuchNode(user)),
        ("crash controller", CommandRefused::NoSuchNode(NodeId::Controller)),
        ("replace consumer-1", CommandRefused::IsUp(WORKER)),
        ("disk consumer-1 full", CommandRefused::HasNoDisk(WORKER)),
        ("disk broker-1 slow 0", CommandRefused::BadSpan(Span(0))),
        ("cut broker-1 to broker-1", CommandRefused::SameNode(BROKER)),
        ("cut broker-1 to broker-3", CommandRefused::NoSuchNode(NodeId::Broker(3))),
        ("heal everywhere", CommandRefused::NothingToHeal(Link::Everywhere)),
        ("lose everywhere 1001", CommandRefused::BadChance(1_001)),
        ("reorder everywhere 0", CommandRefused::BadChance(0)),
        ("slow everywhere 600000.001", CommandRefused::BadSpan(Span(600_000_001))),
        ("skew broker-1 -600000.001", CommandRefused::BadSpan(Span(600_000_001))),
    ] {
        let command: Command = text.parse().expect("it can be read");
        assert_eq!(world.permits(&command), Err(why.clone()), "{text}");
        assert!(!why.to_string().is_empty());
    }
    for text in ["thaw broker-1", "crash broker-1", "freeze controller", "cut broker-1 and controller"] {
        assert_eq!(world.permits(&text.parse().expect("it can be read")), Ok(()), "{text}");
    }
}

#[test]
fn a_scenario_with_an_action_that_can_never_be_done_is_refused() {
    for (line, why) in [
        ("10 freeze broker-2", "there is no broker-2"),
        ("10 lose everywhere 2000", "use 1 to 1000"),
        ("10 cut shop-1 to broker-1", ""),
        ("9000 freeze broker-1", "after the end"),
    ] {
        let Ok(action) = line.parse::<Action>() else {
            assert_eq!(why, "");
            continue;
        };
        let error = Scenario { actions: vec![action], ..queue(&[]) }.check().expect_err(line);
        assert!(error.to_string().contains(why), "{error}");
    }
}

/// A bit of everything that the network and processes can suffer.
fn troubled(seed: u64) -> Scenario {
    let lines = [
        "20 lose everywhere 30",
        "20.5 duplicate everywhere 100",
        "21 reorder everywhere 100",
        "60 freeze broker-2",
        "100 cut broker-1 to broker-3",
        "130 slow broker-1 and broker-2 3",
        "150 thaw broker-2",
        "250 heal broker-1 to broker-3",
        "300 freeze consumer-1",
        "400 thaw consumer-1",
        "500 heal everywhere",
    ];
    Scenario { seed, latency: (500, 2_500), ..topic(Acks::All, true, &lines) }
}

#[test]
fn the_same_seed_brings_the_same_faults_and_another_seed_others() {
    let digest = |seed| run(troubled(seed)).digest();
    assert_eq!(digest(7), digest(7));
    assert_ne!(digest(7), digest(8));
    let lost = |seed| {
        let timeline = run(troubled(seed));
        faults(&timeline).iter().filter(|fault| matches!(fault, FaultEvent::Lost { .. })).count()
    };
    assert!(lost(7) > 3, "the run has faults in it");
}

#[test]
fn a_world_that_is_cloned_in_the_middle_goes_on_as_it_would() {
    let straight = run(troubled(5));
    let mut world = World::new(troubled(5), 5).expect("a sound scenario");
    for pause in [90_000, 140_000, 350_000] {
        while world.next_time().is_some_and(|at| at <= Time(pause)) {
            world.step();
        }
        let mut other = world.clone();
        while other.next_time().is_some_and(|at| at <= straight.ends_at()) {
            other.step();
        }
        assert_eq!(other.digest(), straight.digest(), "from {pause} on");
    }
    // And so does a person who goes back and forth.
    let mut timeline = Timeline::new(troubled(5), 5).expect("a sound scenario");
    for moment in [700_000, 120_000, 410_000, 65_000, 2_000_000] {
        timeline.seek(Time(moment));
    }
    assert_eq!(timeline.digest(), straight.digest());
}

fn plan(from: u64, until: u64, faults: (u32, u32)) -> FaultPlan {
    let kinds = vec![FaultKind::Crash, FaultKind::Cut, FaultKind::FullDisk, FaultKind::Skew];
    FaultPlan { kinds, from: Time(from), until: Time(until), faults }
}

#[test]
fn drawn_faults_follow_from_the_seed_and_end() {
    let scenario = Scenario { faults: Some(plan(20_000, 600_000, (3, 9))), ..topic(Acks::All, true, &[]) };
    let read = Scenario::from_json(&scenario.to_json()).expect("what was written");
    assert_eq!(read, scenario);
    let plan = scenario.faults.clone().expect("it has one");
    for seed in 0..50 {
        let drawn = plan.draw(&scenario, seed);
        assert_eq!(drawn, plan.draw(&scenario, seed));
        let begins = drawn.iter().filter(|action| match action.command {
            Command::Crash(_)
            | Command::Link { fault: LinkFault::Cut, .. }
            | Command::Disk { is: DiskState::Full, .. } => true,
            Command::Skew { by, .. } => by != 0,
            _ => false,
        });
        assert!((3..=9).contains(&begins.count()), "seed {seed}");
        assert!(drawn.is_sorted_by_key(|action| action.at) && drawn[0].at >= Time(20_000));
        // Whatever was drawn, all is well after it.
        let timeline = run(Scenario { seed, ..scenario.clone() });
        let picture = timeline.picture(0);
        assert!(picture.brokers.iter().all(|broker| broker.up) && picture.cut.is_empty(), "seed {seed}");
    }
    let other = |seed| plan.draw(&scenario, seed);
    assert_ne!(other(1), other(2));
}

#[test]
fn a_plan_that_cannot_be_drawn_is_refused() {
    for (plan, why) in [
        (FaultPlan { kinds: Vec::new(), ..plan(1, 2, (1, 1)) }, "names no kind"),
        (plan(20, 20, (1, 1)), "end before they begin"),
        (plan(20, 9_000_000, (1, 1)), "after the run"),
        (plan(20, 30, (2, 1)), "from a number to a smaller one"),
        (plan(20, 30, (0, 1_001)), "too many"),
    ] {
        let error = Scenario { faults: Some(plan), ..queue(&[]) }.check().expect_err(why);
        assert!(error.to_string().contains(why), "{error}");
    }
}
