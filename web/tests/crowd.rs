//! Very much at once, as SVG: messages as dots, then flows and counts. `UPDATE_EXPECT=1` writes the pictures anew.
#![cfg(not(target_arch = "wasm32"))]

use expect_test::expect_file;
use mqlab_core::ids::MessageId;
use mqlab_core::sim::picture::Picture;
use mqlab_core::sim::{Scenario, Timeline, UnderWay};
use mqlab_core::time::Time;
use mqlab_web::desk::action::Action;
use mqlab_web::desk::views::Which;
use mqlab_web::desk::{Desk, Visitor};
use mqlab_web::scene::changes::Changes;
use mqlab_web::scene::layout::Layout;
use mqlab_web::scene::shape::{Dash, Scene, Shape};
use mqlab_web::scene::theme::{DARK, LIGHT, Theme};
use mqlab_web::scene::{Selection, View, ground, moving, stage};
use mqlab_web::svg::svg;
use mqlab_web::text::Lang;

/// A shop that hands over so many messages at once, to a queue that has two workers.
fn rush(messages: u32) -> Scenario {
    let mut scenario = Scenario::built_in("hundred-messages").expect("it is built in");
    let shop = &mut scenario.producers[0];
    (shop.messages, shop.burst, shop.every) = (messages.into(), messages, 1_000);
    scenario.settings.in_flight_max = 10_000;
    scenario
}

fn at(messages: u32, now: u64, chosen: Option<MessageId>) -> Picture {
    let mut timeline = Timeline::new(rush(messages), 7).expect("it can be run");
    timeline.seek(Time(now));
    let mut picture = timeline.standing(16);
    UnderWay::default().show(&timeline, &mut picture, chosen);
    picture
}

fn drawn(
    picture: &Picture,
    size: (f64, f64),
    theme: &Theme,
    lang: Lang,
    chosen: Option<MessageId>,
    draw: impl Fn(&View<'_>) -> Scene,
) -> Scene {
    let layout = Layout::new(picture, size.0, size.1);
    draw(&View {
        picture,
        declared: picture,
        layout: &layout,
        selection: Selection { message: chosen, ..Selection::default() },
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

fn dots(scene: &Scene) -> usize {
    let of = |shape: &Shape| if let Shape::Dots { centers, .. } = shape { centers.len() } else { 0 };
    scene.shapes.iter().map(of).sum()
}

fn says(scene: &Scene, words: &str) -> bool {
    scene.shapes.iter().any(|shape| matches!(shape, Shape::Text { text, .. } if text == words))
}

/// Half of the messages are there: what comes back is told apart from what goes on.
#[test]
fn thousands_are_flows_there_and_back() {
    let scene = drawn(&at(5_000, 34_600, None), WIDE, &LIGHT, Lang::En, None, stage);
    expect_file!["snapshots/flows-wide-light-en.svg"].assert_eq(&svg(&scene, LIGHT.sunk));
}

#[test]
fn thousands_on_a_phone_by_night() {
    let scene = drawn(&at(5_000, 34_600, None), PHONE, &DARK, Lang::Zh, None, stage);
    expect_file!["snapshots/flows-narrow-dark-zh.svg"].assert_eq(&svg(&scene, DARK.sunk));
}

#[test]
fn a_flow_says_how_much_it_is_and_where_it_goes() {
    let scene = drawn(&at(5_000, 31_300, None), WIDE, &LIGHT, Lang::En, None, stage);
    assert!(says(&scene, "5000 →"));
    assert_eq!(dots(&scene), 0);
    let flows = |shape: &&Shape| matches!(shape, Shape::Line { stroke: Some(stroke), .. } if matches!(stroke.dash, Dash::Flowing { .. }));
    assert_eq!(scene.shapes.iter().filter(flows).count(), 1);
}

/// However many there are, what one has chosen is a message with its number; and no more is drawn for more messages.
#[test]
fn the_chosen_message_stays_and_the_rest_costs_the_same() {
    let chosen = Some(MessageId(2_345));
    let shapes = |messages| {
        let picture = at(messages, 31_300, chosen);
        let scene = drawn(&picture, WIDE, &LIGHT, Lang::En, chosen, stage);
        assert!(says(&scene, "2345"), "{messages}");
        scene.shapes.len()
    };
    assert!(shapes(10_000) <= shapes(5_000) + 2);
    let without = drawn(&at(5_000, 31_300, None), WIDE, &LIGHT, Lang::En, None, stage);
    assert!(!says(&without, "2345"));
}

/// Many, and not too many for their way: each is a dot, at its place.
#[test]
fn hundreds_are_dots_and_few_have_their_numbers() {
    let scene = |messages| drawn(&at(messages, 31_300, None), PHONE, &LIGHT, Lang::En, None, stage);
    assert_eq!(dots(&scene(8)), 0);
    assert!(says(&scene(8), "8"));
    let many = scene(100);
    assert_eq!(dots(&many), 100);
    assert!(!says(&many, "88"));
}

/// The two layers together are the whole.
#[test]
fn layers_are_the_same_stage() {
    for messages in [50, 600, 5_000] {
        let picture = at(messages, 32_000, None);
        let layer = |draw: fn(&View<'_>) -> Scene| drawn(&picture, WIDE, &LIGHT, Lang::En, None, draw);
        let (whole, below, above) = (layer(stage), layer(ground), layer(moving));
        assert_eq!(whole.shapes, [below.shapes, above.shapes].concat());
        assert_eq!(whole.hits, [below.hits, above.hits].concat());
    }
}

/// A desk that plays draws in layers only where much moves, and what stands still is never older than it may be.
#[test]
fn a_desk_looks_less_often_at_what_stands_still_where_much_moves() {
    let link = format!("?run={}&at=31.1&v={}", rush(5_000).pack(), mqlab_core::VERSION);
    let mut desk = Desk::new(&Visitor { query: link, ..Visitor::default() });
    desk.frame(0.0);
    desk.act(Action::Pace(10)); // 3.2 ms of the run in a second
    assert!(!desk.is_layered());
    desk.act(Action::Play);
    let mut fresh = Vec::new();
    for frame in 1..120 {
        desk.frame(f64::from(frame) * 1_000.0 / 60.0);
        if desk.is_layered() {
            fresh.push(desk.is_ground_fresh());
        }
    }
    assert!(fresh.len() > 20, "much moves for a while: {}", fresh.len());
    assert!(fresh.windows(11).all(|frames| frames.contains(&true)), "{fresh:?}");
    assert!(fresh.windows(4).any(|frames| frames.contains(&false)));
    let seen = desk.ground_scene().expect("there is a run");
    desk.act(Action::Play);
    assert!(!desk.is_layered(), "at rest everything is drawn");
    assert!(!seen.shapes.is_empty());
}

/// Thousands of ways in the diagram of space and time are bands with their number, and words say so; a few are arrows.
#[test]
fn very_many_ways_in_space_and_time_are_bands() {
    let look = |messages: u32, lang: &str| {
        let link = format!(
            "?run={}&at=33&lang={lang}&view=space-time&v={}",
            rush(messages).pack(),
            mqlab_core::VERSION
        );
        let mut desk = Desk::new(&Visitor { query: link, ..Visitor::default() });
        desk.resize_stage(WIDE.0, WIDE.1);
        desk.act(Action::View(Which::SpaceTime));
        desk.frame(0.0);
        desk.main_scene().expect("there is a run")
    };
    let tells = |scene: &Scene, words: &str| {
        scene.shapes.iter().any(|shape| matches!(shape, Shape::Text { text, .. } if text.contains(words)))
    };
    let (few, many) = (look(60, "en"), look(5_000, "en"));
    assert!(!tells(&few, "drawn as one band") && !tells(&few, "×"));
    assert!(tells(&many, "packets here: those alike are drawn as one band, with their number"));
    assert!(tells(&many, "×"), "a band says how many it is");
    assert!(many.shapes.len() < 700, "{} shapes", many.shapes.len());
    assert!(tells(&look(5_000, "zh"), "相同的画成一条带，旁边是数量"));
}

/// Hundreds of logs are not drawn one below the other without an end: it is said how many more there are.
#[test]
fn very_many_logs_are_counted() {
    let mut scenario = Scenario::built_in("kill-the-leader").expect("it is built in");
    scenario.topics[0].partitions = 300;
    let link = format!("?run={}&at=200&v={}", scenario.pack(), mqlab_core::VERSION);
    for (lang, words) in [("en", "more logs, with "), ("zh", "个日志，共 ")] {
        let mut desk = Desk::new(&Visitor { query: format!("{link}&lang={lang}"), ..Visitor::default() });
        desk.resize_stage(WIDE.0, WIDE.1);
        desk.act(Action::View(Which::Logs));
        let scene = desk.main_scene().expect("there is a run");
        let told = |shape: &Shape| matches!(shape, Shape::Text { text, .. } if text.contains(words));
        assert!(scene.shapes.iter().any(told), "{lang}");
        assert!(scene.height < 15_000.0, "{}", scene.height);
    }
}
