//! Space-time and logs as SVG, of real runs: `UPDATE_EXPECT=1` writes them anew. And what pointing at them does.
#![cfg(not(target_arch = "wasm32"))]

use expect_test::expect_file;
use mqlab_core::ids::MessageId;
use mqlab_core::sim::Scenario;
use mqlab_core::time::Time;
use mqlab_web::desk::action::Action;
use mqlab_web::desk::views::Which;
use mqlab_web::desk::{Desk, Visitor};
use mqlab_web::scene::layout::SMALL;
use mqlab_web::scene::shape::{Anchor, Scene, Shape, Target, width_of};
use mqlab_web::svg::svg;

const WIDE: (f64, f64) = (808.0, 690.0);
const PHONE: (f64, f64) = (390.0, 700.0);

/// A desk that looks at a moment of a run in one way.
fn looking(query: &str, size: (f64, f64), dark: bool, which: Which, at: u64) -> Desk {
    let mut desk =
        Desk::new(&Visitor { query: query.into(), languages: "en".into(), dark, ..Visitor::default() });
    desk.resize_stage(size.0, size.1);
    desk.act(Action::View(which));
    desk.act(Action::Seek(Time(at)));
    desk
}

fn drawn(desk: &mut Desk) -> String {
    let ground = desk.theme().sunk;
    svg(&desk.main_scene().expect("there is a run"), ground)
}

#[test]
fn a_leader_dies_in_space_and_time() {
    let mut desk = looking("?scenario=kill-the-leader&seed=20", WIDE, false, Which::SpaceTime, 296_000);
    desk.act(Action::Message(MessageId(86)));
    expect_file!["snapshots/space-time-wide-light-en.svg"].assert_eq(&drawn(&mut desk));
}

#[test]
fn a_queue_in_space_and_time_on_a_phone_by_night() {
    let query = "?scenario=duplicate-after-lost-answer&lang=zh";
    let mut desk = looking(query, PHONE, true, Which::SpaceTime, 160_000);
    expect_file!["snapshots/space-time-narrow-dark-zh.svg"].assert_eq(&drawn(&mut desk));
}

#[test]
fn logs_part_when_a_leader_dies() {
    let query = "?scenario=kill-the-leader-acks-1&seed=20";
    let mut desk = looking(query, WIDE, false, Which::Logs, 420_000);
    expect_file!["snapshots/logs-wide-light-en.svg"].assert_eq(&drawn(&mut desk));
}

#[test]
fn a_queue_as_a_log_on_a_phone_by_night() {
    let mut desk = looking("?scenario=poison-message&lang=zh", PHONE, true, Which::Logs, 400_000);
    expect_file!["snapshots/logs-narrow-dark-zh.svg"].assert_eq(&drawn(&mut desk));
}

/// Nothing is too small to be read or stands outside the drawing.
fn check(scene: &Scene, what: &str) {
    for shape in &scene.shapes {
        let Shape::Text { text, font, at, .. } = shape else { continue };
        assert!(font.size >= SMALL, "{what}: {text} is {}", font.size);
        let wide = width_of(text, *font);
        let left = match font.anchor {
            Anchor::Start => at.x,
            Anchor::Middle => at.x - wide / 2.0,
            Anchor::End => at.x - wide,
        };
        assert!(
            left >= -1.0 && left + wide <= scene.width + 6.0,
            "{what}: {text} from {left} to {}",
            left + wide
        );
        assert!((0.0..=scene.height).contains(&at.y), "{what}: {text} at {} of {}", at.y, scene.height);
    }
}

#[test]
fn every_scenario_can_be_seen_in_every_way_and_size() {
    for name in Scenario::names() {
        for (size, lang) in [(WIDE, "en"), (PHONE, "zh"), ((1_160.0, 500.0), "zh"), ((320.0, 600.0), "en")] {
            let mut desk =
                looking(&format!("?scenario={name}&lang={lang}"), size, false, Which::SpaceTime, 250_000);
            for which in [Which::SpaceTime, Which::Logs] {
                desk.act(Action::View(which));
                for zoom in [0, 1, 1, -1, -1, -1, -1] {
                    desk.act(Action::Zoom(zoom));
                    check(&desk.main_scene().expect("there is a run"), &format!("{name} {size:?} {which:?}"));
                }
                desk.act(Action::Pan(-1));
                check(&desk.main_scene().expect("there is a run"), name);
            }
        }
    }
}

#[test]
fn pressing_an_arrow_chooses_its_message_and_goes_to_its_moment() {
    let mut desk = looking("?scenario=kill-the-leader&seed=20", WIDE, false, Which::SpaceTime, 200_000);
    let scene = desk.main_scene().expect("there is a run");
    let hit = scene.hits.iter().find_map(|hit| match hit.target {
        Target::Moment { message: Some(message), at } if at < Time(190_000) => Some((hit.area, message, at)),
        _ => None,
    });
    let (area, _, _) = hit.expect("messages are on their way");
    // What lies above is what is pressed.
    let Some(Target::Moment { message: Some(message), at }) =
        scene.target_at(area.center().x, area.center().y)
    else {
        panic!("a moment lies there");
    };
    desk.press(area.center().x, area.center().y);
    let panel = desk.panel(1.0).expect("everything is new");
    assert_eq!(panel.transport.expect("time").now, at.0);
    assert_eq!(panel.life.expect("a life").title, format!("The life of message {}", message.0));
}

#[test]
fn views_are_in_step_and_the_stage_alone_has_controls() {
    let mut desk = looking("?scenario=kill-the-leader&seed=20", WIDE, false, Which::Stage, 200_000);
    let mut clock = 1.0;
    let mut next = |desk: &mut Desk, action: Action| {
        desk.act(action);
        clock += 10_000.0;
        desk.panel(clock).unwrap_or_default()
    };
    let first = next(&mut desk, Action::Upkeep);
    assert!(first.nodes.is_some_and(|nodes| !nodes.is_empty()));
    let second = next(&mut desk, Action::NextView);
    assert_eq!(second.nodes, Some(Vec::new()));
    assert!(second.transport.is_none() && second.events.is_none() && second.verdict.is_none());
    let views = second.views.expect("another view");
    let current: Vec<&str> = views.views.iter().filter(|view| view.current).map(|view| view.name).collect();
    assert_eq!(current, ["space-time"]);
    assert!(!views.fits && !views.pans);
    next(&mut desk, Action::NextView);
    let last = next(&mut desk, Action::NextView);
    assert!(last.nodes.is_some_and(|nodes| !nodes.is_empty()), "the stage comes back");
}
