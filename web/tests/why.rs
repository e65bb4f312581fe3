//! A message's life as a chain of causes, and the messages behind every number of the verdict.
#![cfg(not(target_arch = "wasm32"))]

use mqlab_core::ids::MessageId;
use mqlab_core::sim::Scenario;
use mqlab_web::desk::action::{Action, Count};
use mqlab_web::desk::panel::{Life, VerdictPart};
use mqlab_web::desk::{Desk, Visitor};

fn ended(query: &str) -> Desk {
    let mut desk = Desk::new(&Visitor { query: query.into(), languages: "en".into(), ..Visitor::default() });
    desk.act(Action::End);
    desk.panel(0.0);
    desk
}

fn life_of(query: &str, message: u64) -> Life {
    let mut desk = ended(query);
    desk.act(Action::Message(MessageId(message)));
    desk.panel(10_000.0).expect("a life").life.expect("a life")
}

fn told(life: &Life) -> String {
    let line = |row: &mqlab_web::desk::panel::LifeRow| {
        let why = row.why.as_ref().map_or(String::new(), |(_, why)| format!("\n           {why}"));
        let aside = if row.outside { "  (aside)" } else { "" };
        format!("{:>9}  {}{aside}{why}\n", row.row.time, row.row.text)
    };
    life.rows.iter().map(line).collect()
}

#[test]
fn lives_are_told_with_their_causes() {
    let mut all = String::new();
    for (query, message) in [
        ("?scenario=kill-the-leader-acks-1&seed=20", 88),
        ("?scenario=kill-the-leader-acks-1&seed=20&lang=zh", 88),
        ("?scenario=kill-the-leader&seed=20", 86),
        ("?scenario=poison-message", 1),
        ("?scenario=duplicate-after-lost-answer", 20),
    ] {
        let life = life_of(query, message);
        all += &format!("# {query}: {}\n{}\n", life.title, told(&life));
    }
    expect_test::expect_file!["snapshots/lives.txt"].assert_eq(&all);
}

#[test]
fn a_long_life_is_told_by_its_beginning_and_its_end() {
    let mut longest = 0;
    for name in Scenario::names() {
        let mut desk = ended(&format!("?scenario={name}"));
        for message in [1, 2, 3, 7, 20] {
            desk.act(Action::Message(MessageId(message)));
            let Some(life) = desk.panel(1.0 + message as f64 * 10_000.0).and_then(|panel| panel.life) else {
                continue;
            };
            longest = longest.max(life.rows.len());
            assert!(life.rows.len() <= 62, "{name}, {message}: {}", life.rows.len());
        }
    }
    assert!(longest > 8);
}

#[test]
fn what_is_on_its_way_at_the_end_is_stuck() {
    let mut seen = 0;
    for name in Scenario::names() {
        let mut desk = Desk::new(&Visitor {
            query: format!("?scenario={name}"),
            languages: "en".into(),
            ..Visitor::default()
        });
        desk.act(Action::End);
        let verdict = desk.panel(0.0).and_then(|panel| panel.verdict).expect("a verdict");
        let Some(part) = verdict.counts.iter().find(|part| part.name == "on-their-way") else { continue };
        assert_eq!(part.label == "stuck", part.value != "0", "{name}: {part:?}");
        seen += usize::from(part.label == "stuck");
    }
    assert!(seen > 0, "some scenario ends with work left over");
}

fn opened(desk: &mut Desk, count: Count, clock: f64) -> (VerdictPart, Option<Life>) {
    desk.act(Action::Count(count));
    let panel = desk.panel(clock).expect("something is open");
    (panel.verdict.expect("a verdict"), panel.life)
}

#[test]
fn every_number_can_be_opened_and_thousands_do_not_flood_the_page() {
    let mut desk = ended("?scenario=kill-the-leader-acks-1&seed=20");
    let mut clock = 0.0;
    for count in [Count::Acknowledged, Count::Delivered, Count::Lost] {
        clock += 10_000.0;
        let (verdict, _) = opened(&mut desk, count, clock);
        let part = verdict.counts.iter().find(|part| part.name == count.name()).expect("it is counted");
        assert!(part.open && part.can_open);
        let number: usize = part.value.parse().expect("a number");
        assert_eq!(verdict.named.len(), number.min(60), "{}", part.name);
        assert_eq!(verdict.more.is_empty(), number <= 60, "{}", verdict.more);
    }
    let (verdict, life) = {
        desk.act(Action::Clear);
        desk.panel(clock + 10_000.0);
        opened(&mut desk, Count::Lost, clock + 20_000.0)
    };
    assert_eq!(verdict.chosen, Some(verdict.named[0].0), "the first of them is told at once");
    let life = life.expect("a life");
    let last = life.rows.last().expect("it has a present");
    assert_eq!(last.row.when, "now");
    let (at, why) = last.why.as_ref().expect("it says why it is lost");
    assert!(why.starts_with("because") && *at < last.row.at, "{why}");
}
