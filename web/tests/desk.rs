//! The desk with the real engine on it, and no browser.
#![cfg(not(target_arch = "wasm32"))]

mod visiting;

use mqlab_core::ids::NodeId;
use mqlab_core::sim::{Command, Scenario, Timeline};
use mqlab_core::time::Time;
use mqlab_web::desk::Desk;
use mqlab_web::desk::action::{Action, Count};
use mqlab_web::desk::panel::{NodeControl, Panel};
use mqlab_web::scene::shape::{Shape, Target, width_of};
use visiting::{after, visit};

#[test]
fn the_page_shows_the_digest_of_the_same_run_elsewhere() {
    for name in Scenario::names() {
        let scenario = Scenario::built_in(name).expect("it is built in");
        // A system without a queue has no broker to crash.
        let node = if scenario.brokers > 0 { NodeId::Broker(1) } else { NodeId::Service(1) };
        let mut timeline = Timeline::new(scenario, 7).expect("it can be run");
        timeline.seek(Time(100_000));
        timeline.command(Command::Crash(node)).expect("it runs");
        timeline.seek(timeline.ends_at());

        let (mut desk, mut clock) = (visit(&format!("?scenario={name}&seed=7")), 0.0);
        desk.act(Action::Seek(Time(100_000)));
        desk.act(Action::Toggle(node));
        let panel = after(&mut desk, &mut clock, Action::End);
        let transport = panel.transport.expect("time has passed");
        assert_eq!(transport.digest, timeline.digest().to_string(), "{name}");
        assert_eq!((transport.now, transport.seed.as_str()), (timeline.ends_at().0, "7"));
    }
}

#[test]
fn a_hundred_messages_are_played_to_the_end() {
    let mut desk = visit("");
    desk.resize_stage(816.0, 700.0);
    desk.act(Action::Pace(60));
    desk.act(Action::Play);
    let mut clock = 0.0;
    for _ in 0..200 {
        clock += 16.0;
        desk.frame(clock);
        assert!(desk.stage_scene().is_some_and(|scene| !scene.shapes.is_empty()));
        assert!(desk.axis_scene().is_some());
    }
    let panel = desk.panel(clock).expect("everything is new");
    let counts: Vec<String> =
        panel.verdict.expect("a verdict").counts.into_iter().map(|part| part.value).collect();
    assert_eq!(counts, ["100", "100", "0", "0", "0", "0"]);
    let transport = panel.transport.expect("time has passed");
    assert!(!transport.playing, "it stops at the end");
    assert_eq!(transport.pace_words.1, "1 s");
    assert!(desk.panel(clock + 1_000.0).is_none(), "nothing has changed since");
}

#[test]
fn what_a_person_does_is_shown_at_once() {
    let mut desk = visit("");
    desk.act(Action::Play);
    desk.frame(0.0);
    desk.frame(16.0);
    assert!(desk.panel(16.0).is_some());
    desk.frame(32.0);
    assert!(desk.panel(32.0).is_none(), "while it plays, not with every frame");
    desk.act(Action::Toggle(NodeId::Consumer(1)));
    let controls = desk.panel(33.0).and_then(|panel| panel.nodes).expect("a control has changed");
    assert!(controls.iter().any(|control| control.id == "consumer-1" && !control.up));
}

#[test]
fn a_message_is_followed_by_pointing_at_it() {
    let (mut desk, mut clock) = (visit("?scenario=kill-the-leader"), 0.0);
    desk.resize_stage(816.0, 700.0);
    desk.act(Action::Seek(Time(200_000)));
    let scene = desk.stage_scene().expect("a stage");
    let hit = scene.hits.iter().rev().find(|hit| matches!(hit.target, Target::Message(_)));
    let center = hit.expect("messages are about").area.center();
    desk.press(center.x * scene.scale, center.y * scene.scale);
    let life = after(&mut desk, &mut clock, Action::Upkeep).life.expect("a life");
    assert!(life.chosen && life.title.starts_with("The life of message"), "{}", life.title);
    assert!(life.rows[0].row.text.contains("sends it to orders/"), "{}", life.rows[0].row.text);
    assert!(life.rows.iter().any(|row| row.row.when == "now"));
    let life = after(&mut desk, &mut clock, Action::Clear).life.expect("it changed");
    assert!(!life.chosen && life.rows.is_empty());
}

#[test]
fn the_past_can_be_changed_and_both_futures_kept() {
    let (mut desk, mut clock) = (visit("?scenario=kill-the-leader"), 0.0);
    desk.act(Action::End);
    desk.act(Action::Seek(Time(200_000)));
    desk.act(Action::Select(NodeId::Broker(2)));
    let panel = after(&mut desk, &mut clock, Action::Kill);
    let branches = panel.branches.expect("a branch");
    assert_eq!(branches.len(), 2);
    assert_eq!(branches[1].label, "broker 2 crashes at 200 ms");
    assert_eq!(panel.say.as_deref(), Some("broker 2 crashes"));
    let controls = panel.nodes.expect("controls");
    let control = controls.iter().find(|control| control.id == "broker-2").expect("broker 2");
    assert_eq!((control.label.as_str(), control.up), ("Revive broker 2", false));

    let panel = after(&mut desk, &mut clock, Action::Kill);
    assert_eq!(panel.notice.as_deref(), Some("broker 2 is down already."));
    let panel = after(&mut desk, &mut clock, Action::Branch(0));
    assert_eq!(panel.notice.as_deref(), Some(""));
    assert!(panel.branches.expect("another is current")[0].current);
}

#[test]
fn a_link_that_leads_nowhere_says_so_and_loads_nothing() {
    for (query, words) in [
        ("?scenario=nope", "There is no experiment “nope”. The list above has all "),
        ("?scenario=outbux", "There is no experiment “outbux”. Names like it: outbox."),
        ("?scenario=nope&lang=zh", "没有名为“nope”的实验"),
        ("?seed=twelve", "The link's seed “twelve” is not a whole number"),
        ("?lang=tlh", "This page does not speak “tlh”"),
    ] {
        let mut desk = visit(query);
        assert!(desk.stage_scene().is_none(), "{query}");
        let notice = desk.panel(0.0).and_then(|panel| panel.notice).unwrap_or_default();
        assert!(notice.starts_with(words), "{notice}");
        desk.act(Action::Scenario("hundred-messages".into()));
        assert!(desk.stage_scene().is_some(), "and goes on from there");
    }
}

#[test]
fn two_languages_have_two_names_for_everything() {
    let mut shown = Vec::new();
    for lang in ["en", "zh"] {
        let mut desk = visit(&format!("?scenario=kill-the-leader-acks-1&lang={lang}"));
        desk.act(Action::Seek(Time(400_000)));
        let scene = desk.stage_scene().expect("a stage");
        let text = scene.shapes.iter().filter_map(|shape| match shape {
            Shape::Text { text, .. } => Some(text.clone()),
            _ => None,
        });
        let panel = desk.panel(0.0).expect("everything is new");
        let events = panel.events.expect("events").rows.into_iter().map(|row| row.text);
        shown.push(text.chain(events).collect::<String>());
    }
    let chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    assert!(!chinese(&shown[0]) && chinese(&shown[1]));
    for word in ["producers", "appends", "is told", "done"] {
        assert!(shown[0].contains(word) && !shown[1].contains(word), "{word}");
    }
}

/// The counts at the end of a scenario: name and value.
fn judged(name: &str) -> (Vec<(&'static str, String)>, Panel) {
    let (mut desk, mut clock) = (visit(&format!("?scenario={name}")), 0.0);
    let panel = after(&mut desk, &mut clock, Action::End);
    let counts = panel.verdict.as_ref().expect("a verdict").counts.iter();
    (counts.map(|part| (part.name, part.value.clone())).collect(), panel)
}

#[test]
fn what_is_dead_dropped_returned_trimmed_invented_or_unheard_is_counted_and_named() {
    for (name, more) in [
        ("full-queue-drops", &["dead"][..]),
        ("slow-puller-retention", &["trimmed"]),
        ("compacted-topic", &["superseded"]),
        ("dual-write-publish-first", &["invented", "unheard"]),
        ("dual-write-commit-first", &["invented", "unheard"]),
        ("outbox", &["invented", "unheard"]),
        ("exchanges", &["dropped", "returned"]),
        ("hundred-messages", &[]),
    ] {
        let (counts, _) = judged(name);
        let names: Vec<&str> = counts[6..].iter().map(|(name, _)| *name).collect();
        assert_eq!(names, more, "{name}");
    }
    let scenario = Scenario::built_in("exchanges").expect("it is built in");
    let mut timeline = Timeline::new(scenario.clone(), scenario.seed).expect("it can be run");
    timeline.seek(timeline.ends_at());
    let dropped = timeline.verdict().dropped();
    assert!(!dropped.is_empty());
    let (mut desk, mut clock) = (visit("?scenario=exchanges"), 0.0);
    desk.act(Action::End);
    let verdict = after(&mut desk, &mut clock, Action::Count(Count::Dropped)).verdict.expect("it opens");
    let part = verdict.counts.iter().find(|part| part.name == "dropped").expect("it is counted");
    assert_eq!(part.value, dropped.len().to_string());
    assert!(part.open && part.can_open && !part.harm, "it was told to: no promise is broken");
    let named: Vec<u64> = verdict.named.iter().map(|(id, _)| *id).collect();
    assert_eq!(named, dropped.iter().take(60).map(|id| id.0).collect::<Vec<_>>());
}

/// The words on the stage.
fn words(desk: &Desk) -> Vec<String> {
    let scene = desk.stage_scene().expect("there is a run");
    let words = scene.shapes.into_iter().filter_map(|shape| match shape {
        Shape::Text { text, .. } => Some(text),
        _ => None,
    });
    words.collect()
}

#[test]
fn what_is_seen_first_is_the_whole_system_as_it_was_declared() {
    for name in Scenario::names() {
        let scenario = Scenario::built_in(name).expect("it is built in");
        let (mut desk, mut clock) = (visit(&format!("?scenario={name}")), 0.0);
        desk.resize_stage(1_100.0, 900.0);
        let first = words(&desk);
        let exchanges = scenario.exchanges.iter().map(|spec| spec.exchange.name.to_string());
        let queues = scenario.queues.iter().map(|spec| spec.name.to_string());
        // The name of a queue that has its broker for itself stands above the card.
        for declared in exchanges.chain(queues) {
            assert!(first.iter().any(|text| text.contains(&declared)), "{name}: no {declared} in {first:?}");
        }
        let untold =
            |words: &[String]| words.iter().filter(|text| *text == "does not know yet what to keep").count();
        if scenario.system.is_some() {
            assert_eq!(
                untold(&first),
                0,
                "{name}: another system's brokers are told by their files, before they start"
            );
            continue;
        }
        // Several controllers must find out first which of them is active.
        let told = if scenario.controllers > 1 { Time(250_000) } else { Time(50_000) };
        let seed = scenario.seed;
        let mut timeline = Timeline::new(scenario, seed).expect("it can be run");
        timeline.seek(told);
        let brokers = timeline.picture(1).brokers;
        let keep = brokers.iter().filter(|broker| !broker.strips.is_empty() || !broker.exchanges.is_empty());
        assert_eq!(untold(&first), keep.count(), "{name}: nothing is faked");
        after(&mut desk, &mut clock, Action::Seek(told));
        assert_eq!(untold(&words(&desk)), 0, "{name}");
    }
}

#[test]
fn counts_of_redelivered_messages_do_not_lie_on_each_other() {
    for (width, height) in [(390.0, 700.0), (816.0, 700.0), (1_300.0, 900.0)] {
        for name in ["push-unlimited", "push-overload", "poison-forever", "failover-doubles"] {
            let (mut desk, mut clock) = (visit(&format!("?scenario={name}")), 0.0);
            desk.resize_stage(width, height);
            for part in 1..=10 {
                let end = Scenario::built_in(name).expect("it is built in").ends_at.0;
                after(&mut desk, &mut clock, Action::Seek(Time(end * part / 10)));
                let scene = desk.stage_scene().expect("there is a run");
                let counts: Vec<_> = (scene.shapes.iter())
                    .filter_map(|shape| match shape {
                        Shape::Text { text, at, font, .. } if text.starts_with('×') => {
                            Some((at.x, at.y, width_of(text, *font) / 2.0 + 3.0))
                        }
                        _ => None,
                    })
                    .collect();
                for (index, (x, y, half)) in counts.iter().enumerate() {
                    for (other_x, other_y, other) in &counts[index + 1..] {
                        let apart = (x - other_x).abs() >= half + other - 1.0 || (y - other_y).abs() >= 14.0;
                        assert!(apart, "{name}, {width} wide, part {part}: {x} {y} and {other_x} {other_y}");
                    }
                }
            }
        }
    }
}

#[test]
fn dead_letters_that_nobody_reads_are_not_on_their_way() {
    let (counts, panel) = judged("expiry-swept");
    let count = |wanted: &str| {
        let found = counts.iter().find(|(name, _)| *name == wanted);
        found.and_then(|(_, value)| value.parse::<u64>().ok()).expect("a count")
    };
    assert_eq!((count("acknowledged"), count("delivered"), count("dead")), (20, 10, 10));
    assert_eq!((count("on-their-way"), count("lost")), (0, 0));
    let said = |panel: Panel| panel.verdict.expect("a verdict").sentence;
    assert_eq!(said(panel), "No promise was broken; 10 messages are dead letters.");
    let (mut desk, mut clock) = (visit("?scenario=expiry-swept&lang=zh-CN"), 0.0);
    let chinese = after(&mut desk, &mut clock, Action::End);
    assert_eq!(said(chinese), "没有违背任何承诺；10 条消息成了死信。");
}

#[test]
fn where_there_are_calls_alone_the_panel_tells_of_users() {
    let (counts, panel) = judged("flash-sale-by-calls");
    let names: Vec<&str> = counts.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["asked", "served", "unanswered", "failed", "waited-p50", "waited-p99"]);
    let number = |index: usize| counts[index].1.parse::<u64>().expect("a count");
    assert_eq!(number(0), number(1) + number(2) + number(3), "{counts:?}");
    assert!(number(3) > 0, "a rush is turned away");
    let verdict = panel.verdict.expect("a verdict");
    assert!(verdict.sentence.starts_with("Of the failed: "), "{}", verdict.sentence);

    let (counts, panel) = judged("flash-sale-by-queue");
    assert_eq!(counts[0], ("acknowledged", "300".into()), "with a queue there are messages");
    let figures = panel.verdict.expect("a verdict").figures;
    assert_eq!(figures[0].label, "users");
    assert!(figures[0].words.starts_with("300 asked, 300 accepted; answered in "), "{}", figures[0].words);
}

#[test]
fn windows_have_a_line_of_figures() {
    for (name, missing) in [("windowed-count", true), ("windowed-count-lateness", false)] {
        let (_, panel) = judged(name);
        let figures = panel.verdict.expect("a verdict").figures;
        assert_eq!(figures[0].name, "windows");
        assert_eq!(!figures[0].words.contains(" 0 missing"), missing, "{}", figures[0].words);
    }
}

#[test]
fn a_link_holds_a_whole_scenario() {
    let mut scenario = Scenario::built_in("hundred-messages").expect("it is built in");
    scenario.producers[0].messages = 7;
    scenario.name = "seven".into();
    let packed = scenario.pack();
    let (mut desk, mut clock) = (visit(&format!("?run={packed}&seed=9")), 0.0);
    let panel = after(&mut desk, &mut clock, Action::End);
    let mut timeline = Timeline::new(scenario.clone(), 9).expect("it can be run");
    timeline.seek(timeline.ends_at());
    assert_eq!(panel.transport.expect("a run").digest, timeline.digest().to_string());
    let story = panel.story.expect("a story");
    assert_eq!(story.title, "seven");
    let v = mqlab_core::VERSION;
    let end = format!("at={}", timeline.ends_at().0 / 1_000);
    let address = format!("?run={packed}&seed=9&{end}&lang=en&v={v}");
    assert_eq!(panel.address, Some(address), "the address stays what it was");
    assert_eq!(panel.verdict.expect("a verdict").counts[0].value, "7");
    // Another seed is another run of the same scenario.
    let panel = after(&mut desk, &mut clock, Action::NewSeed(10));
    assert_eq!(panel.address, Some(format!("?run={packed}&seed=10&lang=en&v={v}")));
    // One of ours, changed, does not go by the name of ours.
    scenario.name = "hundred-messages".into();
    let (mut desk, mut clock) = (visit(&format!("?run={}", scenario.pack())), 0.0);
    let story = after(&mut desk, &mut clock, Action::End).story.expect("a story");
    assert_eq!((story.title.as_str(), story.paragraphs.len()), ("hundred-messages*", 0));
    // And then one of ours again.
    let panel = after(&mut desk, &mut clock, Action::Scenario("kill-the-leader".into()));
    assert_eq!(panel.address, Some(format!("?scenario=kill-the-leader&seed=20&lang=en&v={v}")));
}

#[test]
fn a_link_whose_scenario_cannot_be_read_says_so() {
    let packed = Scenario::built_in("hundred-messages").expect("it is built in").pack();
    for (query, en, zh) in [
        ("?run=what".to_owned(), "What follows run= in the link is no scenario", "不是场景"),
        (format!("?run={}", &packed[..packed.len() / 2]), "A part of the scenario in the link", "不完整"),
        ("?run=zA!".to_owned(), "cannot have the character “!”", "不该出现字符“!”"),
        ("?run=je30".to_owned(), "The link's scenario cannot be loaded: ", "无法加载"),
    ] {
        let notice = |query: &str| visit(query).panel(0.0).and_then(|panel| panel.notice).unwrap_or_default();
        let (said, also) = (notice(&query), notice(&format!("{query}&lang=zh")));
        assert!(said.contains(en) && also.contains(zh), "{query}: {said:?}, {also:?}");
    }
}

#[test]
fn at_the_end_the_page_says_which_promises_were_kept() {
    let (mut desk, mut clock) = (visit("?scenario=kill-the-leader"), 0.0);
    let promises = |panel: Panel| {
        let figures = panel.verdict.expect("a verdict").figures;
        figures.into_iter().find(|figure| figure.name == "promises").map(|figure| figure.words)
    };
    assert_eq!(promises(after(&mut desk, &mut clock, Action::Seek(Time(300_000)))), None, "not yet");
    let words = promises(after(&mut desk, &mut clock, Action::End)).expect("it is over");
    assert!(words.starts_with("all kept: what was acknowledged is not lost"), "{words}");
}

/// The control of each of several controllers says what it does; a crowd of users has one that opens its menu.
#[test]
fn controllers_are_killed_and_users_are_changed_by_their_controls() {
    let controls =
        |desk: &mut Desk, now: f64| desk.panel(now).and_then(|panel| panel.nodes).expect("controls");
    let mut desk = visit("?scenario=controllers-fail-over&lang=en");
    desk.act(Action::Seek(Time(200_000)));
    let of = |controls: &[NodeControl], id: &str| controls.iter().find(|one| one.id == id).cloned();
    let second = of(&controls(&mut desk, 1e5), "controller-2").expect("it is a button");
    assert!(second.up && second.label == "Kill controller 2", "{second:?}");
    desk.act(Action::from_control("toggle", "controller-2").expect("a control"));
    let second = of(&controls(&mut desk, 2e5), "controller-2").expect("it is a button");
    assert!(!second.up && second.label == "Revive controller 2", "{second:?}");

    let mut desk = visit("?scenario=flash-sale-by-calls&lang=en");
    desk.act(Action::Seek(Time(100_000)));
    let rush = of(&controls(&mut desk, 1e5), "user-2").expect("it is a button");
    assert!(rush.up && rush.label == "What can be changed of rush", "{rush:?}");
    desk.act(Action::from_control("toggle", "user-2").expect("a control"));
    let menu = desk.panel(2e5).and_then(|panel| panel.menu).expect("its menu is open");
    assert_eq!((menu.title.as_str(), menu.state.as_str()), ("rush", "runs"));
    let lines: Vec<&str> =
        menu.groups.iter().flat_map(|group| &group.lines).map(|line| line.0.as_str()).collect();
    assert_eq!(lines, ["every user-2 0.250", "every user-2 1.000"], "a crowd neither dies nor stands still");
    assert_eq!(menu.ways, [("user-2 and service-1".into(), "shop".into())]);
}
