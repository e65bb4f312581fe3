//! The charts as SVG, of real runs: `UPDATE_EXPECT=1` writes them anew. And that they lie where the axis lies.
#![cfg(not(target_arch = "wasm32"))]

use expect_test::expect_file;
use mqlab_core::sim::Scenario;
use mqlab_core::time::Time;
use mqlab_web::desk::action::Action;
use mqlab_web::desk::{Desk, Visitor};
use mqlab_web::scene::layout::SMALL;
use mqlab_web::scene::shape::{Anchor, Scene, Shape, width_of};
use mqlab_web::svg::svg;

fn measured(query: &str, width: f64, dark: bool, at: u64) -> Desk {
    let mut desk =
        Desk::new(&Visitor { query: query.into(), languages: "en".into(), dark, ..Visitor::default() });
    desk.resize_charts(width);
    desk.resize_axis(width, 94.0);
    desk.act(Action::Charts(Some(true)));
    desk.act(Action::Seek(Time(at)));
    desk
}

fn drawn(desk: &mut Desk) -> Scene {
    desk.charts_scene().expect("they fit").expect("they are open")
}

fn words(scene: &Scene) -> Vec<&str> {
    let text = |shape: &'_ Shape| matches!(shape, Shape::Text { .. });
    let said = scene.shapes.iter().filter(|shape| text(shape));
    said.map(|shape| if let Shape::Text { text, .. } = shape { text.as_str() } else { "" }).collect()
}

#[test]
fn a_leader_dies_and_every_chart_tells() {
    let mut desk = measured("?scenario=kill-the-leader&seed=20", 800.0, false, 900_000);
    desk.act(Action::Seek(Time(430_000)));
    let scene = drawn(&mut desk);
    expect_file!["snapshots/charts-wide-light-en.svg"].assert_eq(&svg(&scene, desk.theme().surface));
}

#[test]
fn charts_on_a_phone_by_night_under_a_finger() {
    let mut desk = measured("?scenario=poison-message&lang=zh", 374.0, true, 500_000);
    desk.hover_charts(Some(120.0));
    let scene = drawn(&mut desk);
    expect_file!["snapshots/charts-narrow-dark-zh.svg"].assert_eq(&svg(&scene, desk.theme().surface));
}

#[test]
fn every_scenario_has_charts_that_fit_and_say_the_same_wherever_one_comes_from() {
    for name in Scenario::names() {
        for (width, lang) in [(800.0, "en"), (312.0, "zh"), (1_900.0, "zh")] {
            let query = format!("?scenario={name}&lang={lang}");
            let end = Scenario::built_in(name).expect("it is built in").ends_at;
            let mut there = measured(&query, width, false, end.0);
            let scene = drawn(&mut there);
            for shape in &scene.shapes {
                let Shape::Text { text, font, at, .. } = shape else { continue };
                assert!(font.size >= SMALL, "{name}: {text}");
                let left = match font.anchor {
                    Anchor::Start => at.x,
                    Anchor::Middle => at.x - width_of(text, *font) / 2.0,
                    Anchor::End => at.x - width_of(text, *font),
                };
                let right = left + width_of(text, *font);
                assert!(left >= 0.0 && right <= width + 4.0, "{name}, {width}: {text} to {right}");
            }
            if width != 800.0 {
                continue;
            }
            // In small steps, and back and forth, the gauges come to the same.
            let mut slowly = measured(&query, width, false, 0);
            for step in 1..=12 {
                slowly.act(Action::Seek(Time(end.0 * step / 12)));
                drawn(&mut slowly);
                slowly.act(Action::Back);
            }
            slowly.act(Action::Seek(end));
            assert_eq!(drawn(&mut slowly), scene, "{name}");
        }
    }
}

#[test]
fn another_branch_is_measured_anew() {
    let mut desk = measured("?scenario=hundred-messages&seed=7", 800.0, false, 1_500_000);
    let whole = drawn(&mut desk);
    desk.act(Action::Seek(Time(300_000)));
    desk.act(Action::Toggle(mqlab_core::ids::NodeId::Consumer(1)));
    desk.act(Action::End);
    let other = drawn(&mut desk);
    assert_ne!(whole.shapes, other.shapes);
    desk.act(Action::Branch(0));
    desk.act(Action::End);
    assert_eq!(drawn(&mut desk), whole);
}

#[test]
fn before_and_after_a_fault_stand_side_by_side() {
    let mut desk = measured("?scenario=kill-the-leader-acks-1&seed=20", 800.0, false, 200_000);
    let part = desk.panel(1.0).expect("everything is new").charts.expect("they are open");
    assert!(part.rows.is_empty() && part.fault.starts_with("After a fault"), "{part:?}");
    desk.act(Action::Seek(Time(600_000)));
    let part = desk.panel(20_000.0).expect("time has passed").charts.expect("they are open");
    let row = |label: &str| {
        let row = part.rows.iter().find(|row| row.label == label);
        row.map(|row| (row.was.as_str(), row.is.as_str())).unwrap_or_else(|| panic!("no {label} in {part:?}"))
    };
    assert!(part.fault.contains("broker 1"), "{}", part.fault);
    assert_eq!(row("lost"), ("0", "2"));
    assert_eq!(row("in sync").0, "3");
}

#[test]
fn what_is_pointed_at_is_said() {
    let mut desk = measured("?scenario=kill-the-leader&seed=20", 800.0, false, 600_000);
    desk.hover_charts(Some(400.0));
    assert!(words(&drawn(&mut desk)).contains(&"450.0 ms"));
    desk.hover_charts(None);
    assert!(!words(&drawn(&mut desk)).contains(&"450.0 ms"));
    desk.act(Action::Charts(None));
    assert!(desk.charts_scene().expect("nothing is wrong").is_none(), "they are closed");
}
