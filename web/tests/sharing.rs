//! Links and files: what is taken from one desk gives the same run on another.
#![cfg(not(target_arch = "wasm32"))]

use mqlab_core::ids::NodeId;
use mqlab_core::sim::{SCENARIO_FILE_MAX, Scenario, World};
use mqlab_core::time::Time;
use mqlab_web::desk::action::Action;
use mqlab_web::desk::{Desk, Visitor};

fn visit(query: &str) -> Desk {
    Desk::new(&Visitor { query: query.into(), languages: "en-GB,en".into(), ..Visitor::default() })
}

/// The digest and the moment that a desk shows.
fn shown(desk: &mut Desk) -> (String, u64) {
    desk.act(Action::Upkeep);
    desk.act(Action::Lang(desk.lang().other()));
    desk.act(Action::Lang(desk.lang().other()));
    let fresh = visit(&desk.link().expect("there is a run"));
    let (link, again) = (desk.link(), fresh.link());
    assert_eq!(link, again, "a link opened gives the same link");
    let mut other = fresh;
    let theirs = other.panel(0.0).and_then(|panel| panel.transport).expect("a run");
    (theirs.digest, theirs.now)
}

fn own(desk: &mut Desk, clock: &mut f64) -> (String, u64) {
    // A step away and back: the transport is told again only when it has changed.
    let panel = {
        desk.act(Action::ChangePace(1));
        *clock += 1_000.0;
        desk.panel(*clock)
    };
    let transport = panel.and_then(|panel| panel.transport).expect("the pace has changed");
    (transport.digest, transport.now)
}

#[test]
fn a_link_opens_the_same_moment_of_the_same_run_elsewhere() {
    for name in Scenario::names() {
        let scenario = Scenario::built_in(name).expect("it is built in");
        let node = if scenario.brokers > 0 { NodeId::Broker(1) } else { NodeId::Service(1) };
        let (mut desk, mut clock) = (visit(&format!("?scenario={name}&seed=11")), 0.0);
        // A future that is left behind, a command, some events one by one, and another command.
        desk.act(Action::Seek(Time(scenario.ends_at.0 / 2)));
        desk.act(Action::Seek(Time(scenario.ends_at.0 / 4)));
        desk.act(Action::Toggle(node));
        for _ in 0..7 {
            desk.act(Action::Forward);
            assert_eq!(own(&mut desk, &mut clock), shown(&mut desk), "{name}");
        }
        desk.act(Action::Back);
        assert_eq!(own(&mut desk, &mut clock), shown(&mut desk), "{name}");
        desk.act(Action::Toggle(node));
        desk.act(Action::End);
        assert_eq!(own(&mut desk, &mut clock), shown(&mut desk), "{name}");
    }
}

#[test]
fn a_link_is_all_there_or_nothing_is_loaded() {
    let v = mqlab_core::VERSION;
    let table = [
        ("do=412.8+crash+broker-1&lang=en", "The end of the link is missing"),
        ("do=412.8+crash+broker-1&lang=zh", "链接的末尾"),
        (&format!("do=412.8+crash&v={v}"), "“412.8 crash” in the link is no command"),
        (&format!("do=412.8+crash+broker-9&v={v}"), "The link's command “412.800 crash broker-9” cannot"),
        (
            &format!("do=9999999+crash+broker-1&v={v}"),
            "The link's command “9999999.000 crash broker-1” does not",
        ),
        (&format!("do=0+crash+broker-1&v={v}"), "The link's command “0.000 crash broker-1” does not"),
        (
            &format!("do=5+crash+broker-1,5+restart+broker-1&v={v}"),
            "The link's command “5.000 restart broker-1” has the",
        ),
        (
            &format!("do=5+restart+broker-1&lang=zh&v={v}"),
            "链接里的命令“5.000 restart broker-1”无法执行：Broker 1 已经在运行",
        ),
        ("lang=zh&v=77.0.0", "这个链接来自引擎 77.0.0，本页的引擎是"),
        ("v=77.0.0", "Engine 77.0.0 made this link"),
        (&format!("at=noon&v={v}"), "“noon” in the link is no moment"),
    ];
    for (query, words) in table {
        let mut desk = visit(&format!("?scenario=kill-the-leader&{query}"));
        let panel = desk.panel(0.0).expect("a first panel");
        assert!(panel.transport.is_none() && desk.stage_scene().is_none(), "{query}: nothing was loaded");
        let notice = panel.notice.unwrap_or_default();
        assert!(notice.starts_with(words), "{query}: {notice}");
        assert!(notice.ends_with("Nothing was loaded.") || notice.ends_with("什么也没有加载。"), "{notice}");
    }
    let mut later = v.rsplit_once('.').expect("a version").0.to_owned();
    later.push_str(".99");
    let mut desk = visit(&format!("?scenario=kill-the-leader&v={later}"));
    let panel = desk.panel(0.0).expect("a first panel");
    assert!(panel.transport.is_some(), "the same format is followed");
    assert!(panel.notice.unwrap_or_default().starts_with(&format!("Engine {later} made this link")));
}

#[test]
fn a_link_to_any_moment_is_quick_to_refuse_and_harmless() {
    let v = mqlab_core::VERSION;
    for at in ["0~0", "0~99999999", "412~0", "412~99999999", "99999999999~3", "18446744073709551.615"] {
        let mut desk = visit(&format!("?scenario=hundred-messages&at={at}&v={v}"));
        let panel = desk.panel(0.0).expect("a first panel");
        let transport = panel.transport.expect("it is opened");
        assert!(transport.now <= transport.end, "{at}: {transport:?}");
    }
}

#[test]
fn the_address_follows_quietly() {
    let mut desk = visit("?scenario=kill-the-leader&seed=7");
    let first = desk.panel(0.0).and_then(|panel| panel.address).expect("an address");
    desk.act(Action::Seek(Time(100_000)));
    assert_eq!(desk.panel(10.0).and_then(|panel| panel.address), None, "too early");
    let sought = desk.panel(1_000.0).and_then(|panel| panel.address).expect("it is time");
    assert_ne!(first, sought);
    assert!(sought.contains("&at=100&"), "{sought}");
    desk.act(Action::Lang(desk.lang().other()));
    assert!(
        desk.panel(1_001.0).and_then(|panel| panel.address).is_some_and(|now| now.contains("&lang=zh&")),
        "at once"
    );
    desk.act(Action::Play);
    for frame in 1..100 {
        let now = 2_000.0 + f64::from(frame) * 16.0;
        desk.frame(now);
        assert_eq!(desk.panel(now).and_then(|panel| panel.address), None, "not while it plays");
    }
    desk.act(Action::Play);
    assert!(desk.panel(9_000.0).and_then(|panel| panel.address).is_some_and(|address| address != sought));
}

#[test]
fn a_scenarios_file_is_the_run_with_everything_that_was_done() {
    for name in Scenario::names() {
        let (mut desk, mut clock) = (visit(&format!("?scenario={name}&seed=12")), 0.0);
        let scenario = Scenario::built_in(name).expect("it is built in");
        let node = if scenario.brokers > 0 { NodeId::Broker(1) } else { NodeId::Service(1) };
        desk.act(Action::Seek(Time(scenario.ends_at.0 / 3)));
        desk.act(Action::Toggle(node));
        desk.act(Action::Seek(Time(scenario.ends_at.0 / 2)));
        desk.act(Action::Toggle(node));
        desk.act(Action::End);
        let here = own(&mut desk, &mut clock).0;
        let kept = desk.keep("scenario").expect("there is a run");
        assert_eq!(kept.name, format!("{name}-seed12.json"));

        // What `mqlab run` does with the file.
        let read = Scenario::from_json(&kept.text).expect("it is a scenario");
        let seed = read.seed;
        let mut world = World::new(read.clone(), seed).expect("it can be run");
        let mut lines = String::new();
        while world.next_time().is_some_and(|next| next <= read.ends_at) {
            for fact in world.step().into_iter().flatten() {
                lines += &(fact.to_json() + "\n");
            }
        }
        assert_eq!(world.digest().to_string(), here, "{name}");
        let events = desk.keep("events").expect("there is a run");
        assert_eq!(events.name, format!("{name}-seed12.jsonl"));
        assert!(events.text == lines, "{name}: the events are those of the run");

        // And another desk.
        let mut other = visit("");
        other.open_file(&kept.name, kept.text.len() as f64, kept.text.as_bytes());
        other.act(Action::End);
        assert_eq!(own(&mut other, &mut clock).0, here, "{name}");
        assert_eq!(shown(&mut other).0, here, "{name}: and its link");
    }
}

#[test]
fn a_picture_is_the_stage_as_it_stands() {
    let mut desk = visit("?scenario=kill-the-leader&seed=7&lang=zh");
    desk.act(Action::Seek(Time(200_000)));
    let kept = desk.keep("picture").expect("there is a stage");
    assert_eq!(kept.name, "kill-the-leader-seed7-200.0ms.svg");
    assert!(kept.text.starts_with("<svg xmlns=") && kept.text.ends_with("</svg>\n"));
    assert!(kept.text.contains("Broker 1"), "in the language of the page");
    assert_eq!(desk.keep("anything"), None);
    assert_eq!(visit("?seed=x").keep("picture"), None);
}

#[test]
fn a_file_that_is_no_scenario_is_answered_in_words_and_changes_nothing() {
    let json = Scenario::built_in("hundred-messages").expect("it is built in").to_json();
    let odd = json.replacen("\"brokers\"", "\"brokerz\"", 1);
    let many = json.replacen("\"brokers\": 1", "\"brokers\": 60000", 1);
    let half = json.split_at(json.len() / 2).0;
    let table: [(&[u8], &str, &str); 7] = [
        (b"", "it is empty", "文件是空的"),
        (&[0, 159, 146, 150], "it is no text", "它不是文本"),
        (b"GIF89a", "it is no JSON from line 1, column 1 on", "从第 1 行第 1 列起不是合法的 JSON"),
        (half.as_bytes(), "it ends too early", "文件不完整"),
        (odd.as_bytes(), "it is JSON, but no scenario: unknown field `brokerz`", "它是 JSON，但不是场景"),
        (many.as_bytes(), "it is a scenario that cannot be run: 60000 brokers", "这个场景无法运行"),
        (b"[[[[[[[[", "it", ""),
    ];
    let (mut desk, mut clock) = (visit("?scenario=kill-the-leader&seed=7"), 0.0);
    desk.act(Action::Seek(Time(200_000)));
    let before = own(&mut desk, &mut clock);
    for (bytes, en, zh) in table {
        for words in [en, zh] {
            desk.open_file("notes.json", bytes.len() as f64, bytes);
            let notice = desk.panel(clock).and_then(|panel| panel.notice).unwrap_or_default();
            assert!(notice.contains("notes.json") && notice.contains(words), "{notice}");
            assert_eq!(own(&mut desk, &mut clock), before, "nothing has changed");
            desk.act(Action::Lang(desk.lang().other()));
        }
    }
    // One that is too large is not even read.
    desk.open_file("film.mp4", SCENARIO_FILE_MAX as f64 + 1.0, &[]);
    let notice = desk.panel(clock).and_then(|panel| panel.notice).unwrap_or_default();
    assert!(notice.contains("too large"), "{notice}");
}
