//! Time on the desk: marks, slow passages, jumps, branches and how two of them differ.
#![cfg(not(target_arch = "wasm32"))]

mod visiting;

use mqlab_core::ids::NodeId;
use mqlab_core::observe::Turn;
use mqlab_core::sim::{Command, Scenario, Timeline};
use mqlab_core::time::Time;
use mqlab_web::desk::action::Action;
use mqlab_web::desk::panel::{Comparison, Panel};
use mqlab_web::desk::{Desk, Visitor};
use mqlab_web::scene::marks::clusters;
use mqlab_web::scene::shape::Shape;
use mqlab_web::text::Lang;
use visiting::{after, visit};

fn key(name: &str) -> Action {
    Action::from_key(name, Lang::En).expect("a key that means something")
}

/// The moment that is looked at, in microseconds.
fn now(desk: &mut Desk, clock: &mut f64) -> u64 {
    // Twice another pace, so that the transport has changed.
    let other = after(desk, clock, Action::ChangePace(1)).transport;
    let same = after(desk, clock, Action::ChangePace(-1)).transport;
    same.or(other).expect("the pace has changed").now
}

/// The marks of a run, each moment once.
fn marks(name: &str) -> Vec<Time> {
    let scenario = Scenario::built_in(name).expect("it is built in");
    let mut timeline = Timeline::new(scenario.clone(), scenario.seed).expect("it can be run");
    timeline.seek(timeline.ends_at());
    let mut all: Vec<Time> = timeline.landmarks().iter().map(|mark| mark.at).collect();
    all.dedup();
    all
}

#[test]
fn keys_lead_from_mark_to_mark_also_where_nobody_has_been() {
    let (mut desk, mut clock) = (visit("?scenario=kill-the-leader-acks-1"), 0.0);
    let marks = marks("kill-the-leader-acks-1");
    assert!(marks.len() > 4, "{marks:?}");
    for mark in &marks {
        let panel = after(&mut desk, &mut clock, key("]"));
        let transport = panel.transport.expect("it went on");
        assert_eq!(Time(transport.now), *mark);
        // Whoever hears the axis hears what happened there.
        assert!(transport.heard.contains(", "), "{}", transport.heard);
        assert!(transport.heard.ends_with(&panel.say.expect("it is said")), "{}", transport.heard);
    }
    for mark in marks.iter().rev().skip(1) {
        after(&mut desk, &mut clock, key("["));
        assert_eq!(Time(now(&mut desk, &mut clock)), *mark);
    }
    after(&mut desk, &mut clock, Action::Mark { forward: false });
    assert_eq!(now(&mut desk, &mut clock), 0);
}

#[test]
fn a_mark_is_named_under_the_pointer_and_leads_to_its_moment() {
    let scenario = Scenario::built_in("kill-the-leader-acks-1").expect("it is built in");
    let mut timeline = Timeline::new(scenario.clone(), scenario.seed).expect("it can be run");
    timeline.seek(timeline.ends_at());
    for (query, words) in [("", "lost for good"), ("&lang=zh", "彻底丢失")] {
        let (mut desk, mut clock) = (visit(&format!("?scenario=kill-the-leader-acks-1{query}")), 0.0);
        desk.resize_axis(780.0, 94.0);
        after(&mut desk, &mut clock, Action::End);
        let signs = clusters(timeline.landmarks(), 780.0, timeline.ends_at());
        let loss = signs.iter().find(|sign| sign.mark.turn == Turn::Loss).expect("acks=1 loses");
        assert!(!desk.hover_axis(Some((loss.x, 66.0))), "the bar is for any moment");
        assert!(desk.hover_axis(Some((loss.x + 2.0, 50.0))));
        let scene = desk.axis_scene().expect("an axis");
        let named = scene
            .shapes
            .iter()
            .any(|shape| matches!(shape, Shape::Text { text, .. } if text.contains(words)));
        assert!(named, "{words}: {:?}", scene.shapes.last());
        desk.press_axis(loss.x + 2.0, 50.0);
        assert_eq!(Time(now(&mut desk, &mut clock)), loss.mark.at);
    }
}

/// Plays to the end in frames of 16 ms; the moments and, for each, what was said of the pace.
fn played(desk: &mut Desk) -> (usize, Vec<(u64, String)>, Panel) {
    let (mut clock, mut said, mut frames) = (0.0, Vec::new(), 0);
    desk.act(Action::Play);
    let mut last = Panel::default();
    for frame in 0..40_000 {
        clock += 16.0;
        desk.frame(clock);
        let Some(panel) = desk.panel(clock) else { continue };
        let Some(transport) = &panel.transport else { continue };
        said.push((transport.now, transport.note.clone()));
        if !transport.playing {
            frames = frame;
            last = panel;
            break;
        }
    }
    assert!(frames > 0, "it came to its end");
    (frames, said, last)
}

#[test]
fn a_run_is_slow_where_its_leader_dies_and_says_why() {
    let digest = |panel: &Panel| panel.transport.as_ref().map(|part| part.digest.clone());
    let mut desk = visit("?scenario=kill-the-leader");
    desk.act(Action::Leap);
    let (slow, said, end) = played(&mut desk);
    let why: Vec<&str> =
        said.iter().filter(|(now, _)| (240_000..250_000).contains(now)).map(|(_, note)| &note[..]).collect();
    assert!(why.len() > 5 && why.iter().all(|note| *note == "slow for a crash (1 s = 8 ms)"), "{why:?}");
    assert!(said.iter().any(|(_, note)| note.starts_with("slow for an election")));
    assert!(said.iter().any(|(now, note)| *now < 200_000 && note.is_empty()), "before it, nothing is slow");

    let mut plain = visit("?scenario=kill-the-leader");
    plain.act(Action::Leap);
    plain.act(Action::Slow);
    let (quick, said, other) = played(&mut plain);
    assert!(said.iter().all(|(_, note)| note.is_empty()), "turned off, it says nothing");
    assert!(slow > quick + 100, "{slow} frames, and {quick} without");
    assert_eq!(digest(&end), digest(&other), "the run is the same");
    assert_eq!(end.transport.expect("a transport").pace_words.1, "40 ms", "and so is the chosen pace");
}

/// A story in which nothing happens for a long time.
const IDLE: &str = "expiry-swept";

#[test]
fn where_nothing_happens_the_run_jumps_and_says_so() {
    let mut desk = visit(&format!("?scenario={IDLE}"));
    desk.act(Action::Slow);
    let (quick, said, end) = played(&mut desk);
    let jumps: Vec<&String> =
        said.iter().map(|(_, note)| note).filter(|note| note.starts_with("jumped ")).collect();
    assert!(!jumps.is_empty(), "{said:?}");
    let marked = |desk: &Desk| {
        let scene = desk.axis_scene().expect("an axis");
        // A jump is the only thing on the axis that is dotted.
        scene.shapes.iter().filter(|shape| format!("{shape:?}").contains("Dotted")).count()
    };
    assert!(marked(&desk) > 0);

    let mut plain = visit(&format!("?scenario={IDLE}"));
    plain.act(Action::Slow);
    plain.act(Action::Leap);
    let (long, said, other) = played(&mut plain);
    assert!(said.iter().all(|(_, note)| note.is_empty()));
    assert_eq!(marked(&plain), 0);
    assert!(long > quick + 60, "{quick} frames, and {long} without jumps");
    let digest = |panel: Panel| panel.transport.expect("a transport").digest;
    assert_eq!(digest(end), digest(other), "the run is the same");
}

#[test]
fn less_motion_lingers_at_a_turn() {
    let visitor = Visitor {
        query: "?scenario=kill-the-leader".into(),
        languages: "zh".into(),
        less_motion: true,
        ..Visitor::default()
    };
    let (mut desk, mut clock) = (Desk::new(&visitor), 0.0);
    desk.act(Action::Seek(Time(249_000)));
    desk.act(Action::Play);
    let mut noted = Vec::new();
    for _ in 0..2_000 {
        clock += 16.0;
        desk.frame(clock);
        if let Some(transport) = desk.panel(clock).and_then(|panel| panel.transport) {
            noted.push((transport.now, transport.note));
        }
    }
    let crash = noted.iter().find(|(now, _)| *now == 250_000).expect("step by step it comes to the crash");
    assert_eq!(crash.1, "多停一会儿：宕机");
    assert!(noted.iter().all(|(now, note)| *now >= 250_000 || note.is_empty()));
}

#[test]
fn a_command_taken_back_leads_to_a_branch_without_it() {
    let (mut desk, mut clock) = (visit("?scenario=kill-the-leader"), 0.0);
    let undo = || key("u");
    let panel = after(&mut desk, &mut clock, undo());
    assert_eq!(panel.notice.as_deref(), Some("Nothing was done in this branch yet."));
    assert!(!panel.transport.expect("new").can_undo);
    desk.act(Action::Seek(Time(100_000)));
    desk.act(Action::Toggle(NodeId::Broker(2)));
    desk.act(Action::Seek(Time(180_000)));
    let panel = after(&mut desk, &mut clock, undo());
    assert_eq!(panel.say.as_deref(), Some("taken back: broker 2 crashes at 100 ms"));
    let labels = |panel: &Panel| -> Vec<(String, bool)> {
        let parts = panel.branches.clone().expect("branches");
        parts.into_iter().map(|part| (part.label, part.current)).collect()
    };
    assert_eq!(labels(&panel), [("broker 2 crashes at 100 ms".into(), false), ("as written".into(), true)]);
    assert_eq!(now(&mut desk, &mut clock), 100_000);
    let panel = after(&mut desk, &mut clock, Action::Branch(0));
    assert!(labels(&panel)[0].1, "the other is still there");
}

#[test]
fn branches_get_names_lose_them_and_go() {
    let (mut desk, mut clock) = (visit("?scenario=kill-the-leader"), 0.0);
    desk.act(Action::End);
    desk.act(Action::Seek(Time(412_000)));
    desk.act(Action::Toggle(NodeId::Broker(2)));
    desk.act(Action::Seek(Time(500_300)));
    let panel = after(&mut desk, &mut clock, Action::Toggle(NodeId::Broker(2)));
    let branch = panel.branches.expect("branches").remove(1);
    assert_eq!(branch.label, "broker 2 is back at 500.3 ms (+1)");
    assert_eq!(branch.deeds, "broker 2 crashes at 412 ms, broker 2 is back at 500.3 ms");
    assert_eq!(branch.remove, None, "nobody saws off the branch that they sit on");
    let rename = |name: &str| Action::Rename(1, name.into());
    let panel = after(&mut desk, &mut clock, rename("  a short nap "));
    let branch = panel.branches.expect("a name").remove(1);
    assert_eq!(
        (branch.label.as_str(), branch.named, branch.rename.as_str()),
        ("a short nap", true, "Rename “a short nap”")
    );
    let panel = after(&mut desk, &mut clock, rename(""));
    assert!(!panel.branches.expect("none")[1].named);
    let panel = after(&mut desk, &mut clock, Action::Remove(1));
    assert!(panel.branches.is_none(), "the one that is looked at stays");
    desk.act(Action::Branch(0));
    let panel = after(&mut desk, &mut clock, Action::Remove(1));
    assert_eq!(panel.branches.expect("one less"), [], "one branch alone needs no list");
}

fn compared(panel: Panel) -> Comparison {
    panel.comparison.expect("a comparison")
}

#[test]
fn two_branches_are_compared_now_and_at_the_end() {
    let name = "kill-the-leader-acks-1";
    let (mut desk, mut clock) = (visit(&format!("?scenario={name}")), 0.0);
    desk.act(Action::End);
    desk.act(Action::Seek(Time(200_000)));
    desk.act(Action::Toggle(NodeId::Consumer(1)));
    desk.act(Action::Seek(Time(400_000)));
    let panel = after(&mut desk, &mut clock, Action::CompareUsual);
    let events = panel.events.clone().expect("events");
    let (place, words) = events.differs.expect("they part");
    assert_eq!(words, "first difference");
    let part = compared(panel);
    assert_eq!(part.pair, Some((0, 1)));
    let first = part.first.expect("they part");
    assert_eq!((first.at, first.other.as_str()), (200_001, "billing-1 crashes"));
    assert_eq!(part.columns.0, "at 400 ms");

    // The same figures from two runs that nobody compares.
    let scenario = Scenario::built_in(name).expect("it is built in");
    let run = |command: Option<Command>, at: Time| {
        let mut timeline = Timeline::new(scenario.clone(), scenario.seed).expect("it can be run");
        timeline.advance(Time(200_000));
        command.into_iter().for_each(|command| timeline.command(command).expect("it runs"));
        timeline.advance(at);
        let verdict = timeline.verdict();
        let counts = [
            verdict.acknowledged(),
            verdict.delivered(),
            verdict.on_their_way(),
            verdict.lost().len() as u64,
        ];
        counts.map(|count| count.to_string())
    };
    let crash = Some(Command::Crash(NodeId::Consumer(1)));
    for (at, which) in [(Time(400_000), 0), (scenario.ends_at, 1)] {
        let (was, is) = (run(None, at), run(crash.clone(), at));
        for (row, (was, is)) in part.rows.iter().zip(was.into_iter().zip(is)) {
            let shown = [&row.present, &row.end][which];
            assert_eq!((shown.0.as_str(), shown.1.as_str()), (was.as_str(), is.as_str()), "{}", row.label);
            assert_eq!([row.differs.0, row.differs.1][which], was != is);
        }
    }
    assert!(part.rows.iter().any(|row| row.differs.0), "a consumer less is seen");

    // One key leads to where they part, and there the event says so.
    let panel = after(&mut desk, &mut clock, key("d"));
    assert_eq!(panel.transport.as_ref().map(|part| part.now), Some(200_001));
    let row =
        panel.events.clone().expect("events").rows.into_iter().find(|row| row.id == place).expect("in sight");
    assert_eq!((row.text.as_str(), row.at), ("billing-1 crashes", 200_001));
    assert_eq!(compared(panel).columns.0, "at 200 ms");
    // So does the sign on the axis.
    desk.resize_axis(780.0, 94.0);
    after(&mut desk, &mut clock, Action::End);
    let sign = 14.0 + 752.0 * 200_001.0 / scenario.ends_at.0 as f64;
    assert!(desk.hover_axis(Some((sign, 28.0))) && !desk.hover_axis(Some((sign, 9.0))));
    desk.press_axis(sign, 28.0);
    assert_eq!(now(&mut desk, &mut clock), 200_001);

    // On the other side, at the same place, stands what happened there instead.
    let panel = after(&mut desk, &mut clock, Action::Branch(0));
    let events = panel.events.clone().expect("events");
    let row = events.rows.into_iter().find(|row| row.id == place).expect("in sight");
    assert_eq!(row.text, first.one);
    assert_eq!(events.differs, Some((place, "first difference")));

    let part = compared(after(&mut desk, &mut clock, Action::Compare(None)));
    assert_eq!(part, Comparison::default());
}

#[test]
fn what_is_compared_follows_what_is_done() {
    let (mut desk, mut clock) = (visit("?scenario=kill-the-leader&lang=zh"), 0.0);
    desk.act(Action::End);
    desk.act(Action::Seek(Time(200_000)));
    desk.act(Action::Toggle(NodeId::Broker(2)));
    let part = compared(after(&mut desk, &mut clock, Action::Compare(Some((1, 0)))));
    assert_eq!(part.rows[0].label, "已确认");
    let crashed = part.rows.iter().map(|row| row.end.0.clone()).collect::<Vec<_>>();
    // In the branch that is compared, more is done.
    desk.act(Action::Seek(Time(260_000)));
    let part = compared(after(&mut desk, &mut clock, Action::Toggle(NodeId::Broker(3))));
    let worse = part.rows.iter().map(|row| row.end.0.clone()).collect::<Vec<_>>();
    assert_ne!(worse, crashed);
    // A branch that goes takes the comparison along.
    desk.act(Action::Branch(0));
    let part = compared(after(&mut desk, &mut clock, Action::Remove(1)));
    assert_eq!(part, Comparison::default());
    // What cannot be compared is not.
    desk.act(Action::Compare(Some((0, 0))));
    desk.act(Action::Compare(Some((0, 77))));
    assert!(after(&mut desk, &mut clock, Action::Upkeep).comparison.is_none());
}

#[test]
fn where_there_are_calls_alone_users_are_compared() {
    let (mut desk, mut clock) = (visit("?scenario=flash-sale-by-calls"), 0.0);
    desk.act(Action::End);
    desk.act(Action::Seek(Time(100_000)));
    desk.act(Action::Toggle(NodeId::Service(1)));
    let part = compared(after(&mut desk, &mut clock, Action::CompareUsual));
    assert_eq!(part.rows[0].label, "asked");
    assert!(part.rows[1].differs.1, "without a service fewer are served: {:?}", part.rows);
}
