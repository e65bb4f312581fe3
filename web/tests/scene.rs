//! The stage as SVG, compared with what was looked at and found good: `UPDATE_EXPECT=1` writes it anew.
#![cfg(not(target_arch = "wasm32"))]

mod pictures;

use expect_test::expect_file;
use mqlab_core::ids::{MessageId, NodeId};
use mqlab_core::sim::picture::Picture;
use mqlab_web::scene::changes::Changes;
use mqlab_web::scene::layout::{Layout, NARROW, SMALL};
use mqlab_web::scene::shape::{Scene, Shape, Target, width_of};
use mqlab_web::scene::theme::{DARK, LIGHT, Theme};
use mqlab_web::scene::{Selection, View, stage};
use mqlab_web::svg::svg;
use mqlab_web::text::Lang;

fn drawn(picture: &Picture, size: (f64, f64), theme: &Theme, lang: Lang, selection: Selection) -> Scene {
    let layout = Layout::new(picture, size.0, size.1);
    stage(&View {
        picture,
        declared: picture,
        layout: &layout,
        selection,
        theme,
        lang,
        upkeep: true,
        falling: &[],
        changes: &Changes::default(),
        hint: false,
    })
}

const WIDE: (f64, f64) = (816.0, 690.0);
const PHONE: (f64, f64) = (390.0, 700.0);

fn chosen() -> Selection {
    Selection {
        message: Some(MessageId(25)),
        node: Some(NodeId::Broker(2)),
        link: None,
        hover: Some(Target::Control(NodeId::Broker(2))),
    }
}

#[test]
fn a_queue_in_columns_by_day() {
    let scene = drawn(&pictures::queue(), WIDE, &LIGHT, Lang::En, Selection::default());
    expect_file!["snapshots/queue-wide-light-en.svg"].assert_eq(&svg(&scene, LIGHT.sunk));
}

#[test]
fn a_queue_in_lanes_by_night() {
    let scene = drawn(&pictures::queue(), PHONE, &DARK, Lang::Zh, Selection::default());
    expect_file!["snapshots/queue-narrow-dark-zh.svg"].assert_eq(&svg(&scene, DARK.sunk));
}

#[test]
fn a_topic_in_columns_by_day() {
    let scene = drawn(&pictures::topic(false), WIDE, &LIGHT, Lang::En, chosen());
    expect_file!["snapshots/topic-wide-light-en.svg"].assert_eq(&svg(&scene, LIGHT.sunk));
}

#[test]
fn a_topic_without_its_leader_by_night() {
    let scene = drawn(&pictures::topic(true), (1100.0, 800.0), &DARK, Lang::Zh, Selection::default());
    expect_file!["snapshots/topic-crashed-wide-dark-zh.svg"].assert_eq(&svg(&scene, DARK.sunk));
}

#[test]
fn who_stands_still_and_what_is_cut_in_columns_by_day() {
    let mut picture = pictures::topic(false);
    picture.frozen = vec![NodeId::Controller, NodeId::Broker(2), NodeId::Consumer(1)];
    let (b1, b3, shop) = (NodeId::Broker(1), NodeId::Broker(3), NodeId::Producer(1));
    picture.cut = vec![(NodeId::Controller, b3), (b1, b3), (b3, b1), (b1, shop)];
    let scene = drawn(&picture, WIDE, &LIGHT, Lang::En, Selection::default());
    expect_file!["snapshots/faults-wide-light-en.svg"].assert_eq(&svg(&scene, LIGHT.sunk));
}

#[test]
fn a_topic_in_lanes() {
    let scene = drawn(&pictures::topic(true), PHONE, &LIGHT, Lang::En, Selection::default());
    expect_file!["snapshots/topic-crashed-narrow-light-en.svg"].assert_eq(&svg(&scene, LIGHT.sunk));
}

#[test]
fn users_and_services_in_columns_by_day() {
    let scene = drawn(&pictures::calls(false), WIDE, &LIGHT, Lang::En, Selection::default());
    expect_file!["snapshots/calls-wide-light-en.svg"].assert_eq(&svg(&scene, LIGHT.sunk));
}

#[test]
fn users_and_services_around_a_queue_in_lanes_by_night() {
    let scene = drawn(&pictures::calls(true), PHONE, &DARK, Lang::Zh, Selection::default());
    expect_file!["snapshots/calls-queue-narrow-dark-zh.svg"].assert_eq(&svg(&scene, DARK.sunk));
}

#[test]
fn exchanges_and_queues_in_columns_by_day() {
    let scene = drawn(&pictures::exchanges(), WIDE, &LIGHT, Lang::En, Selection::default());
    expect_file!["snapshots/exchanges-wide-light-en.svg"].assert_eq(&svg(&scene, LIGHT.sunk));
}

#[test]
fn exchanges_and_queues_in_lanes_by_night() {
    let scene = drawn(&pictures::exchanges(), PHONE, &DARK, Lang::Zh, Selection::default());
    expect_file!["snapshots/exchanges-narrow-dark-zh.svg"].assert_eq(&svg(&scene, DARK.sunk));
}

#[test]
fn users_have_a_control_for_what_can_be_changed_as_services_have() {
    let scene = drawn(&pictures::calls(false), WIDE, &LIGHT, Lang::En, Selection::default());
    let has = |target| scene.hits.iter().any(|hit| hit.target == target);
    assert!(has(Target::Node(NodeId::User(1))) && has(Target::Control(NodeId::User(1))));
    assert!((1..=4).all(|number| has(Target::Control(NodeId::Service(number)))));
}

#[test]
fn no_word_is_small_and_nothing_leaves_the_stage() {
    let pictures = [pictures::queue(), pictures::topic(false), pictures::topic(true), pictures::exchanges()];
    for picture in pictures.into_iter().chain([pictures::calls(false), pictures::calls(true)]) {
        for width in [320.0, 360.0, 390.0, NARROW - 1.0, NARROW, 700.0, 816.0, 1100.0, 1840.0] {
            for lang in [Lang::En, Lang::Zh] {
                let scene = drawn(&picture, (width, 640.0), &LIGHT, lang, Selection::default());
                assert!(
                    scene.width * scene.scale <= width + 0.5,
                    "{width}: {} × {}",
                    scene.width,
                    scene.scale
                );
                for shape in &scene.shapes {
                    check(shape, &scene, width);
                }
            }
        }
    }
}

fn check(shape: &Shape, scene: &Scene, width: f64) {
    match shape {
        Shape::Text { text, font, at, .. } => {
            assert!(font.size >= SMALL, "{text} is {}", font.size);
            assert!((0.0..=scene.width).contains(&at.x), "{text} begins at {} of {width}", at.x);
            let left = match font.anchor {
                mqlab_web::scene::shape::Anchor::Start => at.x,
                mqlab_web::scene::shape::Anchor::Middle => at.x - width_of(text, *font) / 2.0,
                mqlab_web::scene::shape::Anchor::End => at.x - width_of(text, *font),
            };
            let right = left + width_of(text, *font);
            assert!(
                left >= -1.0 && right <= scene.width + 6.0,
                "{text} reaches from {left} to {right} of {width}"
            );
        }
        Shape::Box { area, .. } => {
            let inside = area.x >= -1.0 && area.right() <= scene.width + 1.0;
            assert!(inside && area.bottom() <= scene.height + 1.0, "{area:?} of {width}");
        }
        Shape::Line { points, .. } => {
            assert!(points.iter().all(|p| p.x >= 0.0 && p.x <= scene.width), "{points:?} of {width}");
        }
        Shape::Dots { centers, .. } => {
            assert!(centers.iter().all(|p| p.x >= 0.0 && p.x <= scene.width), "{centers:?} of {width}");
        }
    }
}

#[test]
fn a_message_can_be_pointed_at_wherever_it_is() {
    let picture = pictures::topic(true);
    let scene = drawn(&picture, WIDE, &LIGHT, Lang::En, Selection::default());
    let hit = |message| scene.hits.iter().any(|hit| hit.target == Target::Message(MessageId(message)));
    for message in [28, 31, 33, 22, 11] {
        assert!(hit(message), "message {message}");
    }
    let first =
        scene.hits.iter().find(|hit| hit.target == Target::Control(NodeId::Broker(1))).expect("a control");
    let center = first.area.center();
    assert_eq!(
        scene.target_at(center.x * scene.scale, center.y * scene.scale),
        Some(Target::Control(NodeId::Broker(1)))
    );
}

#[test]
fn nothing_moves_but_messages() {
    let (before, after) = (pictures::topic(false), pictures::topic(true));
    assert_eq!(Layout::new(&before, 816.0, 690.0), Layout::new(&after, 816.0, 690.0));
}
