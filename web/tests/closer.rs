//! A large cluster is legible as it begins, and can be looked at more closely; three views share one area.
#![cfg(not(target_arch = "wasm32"))]

use expect_test::expect_file;
use mqlab_core::ids::NodeId;
use mqlab_core::sim::Scenario;
use mqlab_core::time::Time;
use mqlab_web::desk::action::Action;
use mqlab_web::desk::views::Which;
use mqlab_web::desk::{Desk, Visitor};
use mqlab_web::scene::layout::Layout;
use mqlab_web::scene::shape::{Hit, Rect, Scene, Shape, Target};
use mqlab_web::svg::svg;

fn visit(query: &str) -> Desk {
    Desk::new(&Visitor { query: query.into(), languages: "en".into(), ..Visitor::default() })
}

/// 12 brokers, 30 producers, 30 consumers, and a topic of 60 partitions with two copies each.
fn large() -> String {
    let list =
        |count: usize, one: &dyn Fn(usize) -> String| (1..=count).map(one).collect::<Vec<_>>().join(",\n");
    let producer = |number| {
        format!(
            r#"{{ "name": "till-{number}", "to": {{ "topic": {{ "name": "sales", "acks": "all" }} }}, "messages": 20, "every": 9000, "starts_at": 60000, "keys": 12 }}"#
        )
    };
    let consumer = |number| {
        format!(
            r#"{{ "name": "ledger-{number}", "from": {{ "group": {{ "name": "ledger", "topic": "sales" }} }}, "work": 2000 }}"#
        )
    };
    format!(
        r#"{{ "format": 1, "name": "large", "seed": 3, "ends_at": 900000, "brokers": 12, "latency": [1000, 4000],
             "topics": [{{ "name": "sales", "partitions": 60, "replicas": 2, "min_in_sync": 1 }}],
             "producers": [{}], "consumers": [{}] }}"#,
        list(30, &producer),
        list(30, &consumer)
    )
}

fn with_large(size: (f64, f64)) -> Desk {
    let mut desk = visit("?lang=en");
    desk.resize_stage(size.0, size.1);
    let text = large();
    desk.open_file("large.json", text.len() as f64, text.as_bytes());
    desk.act(Action::Seek(Time(200_000)));
    desk
}

fn picture_of(text: &str) -> mqlab_core::sim::picture::Picture {
    let scenario = Scenario::from_file(text.as_bytes()).expect("a scenario");
    let mut timeline = mqlab_core::sim::Timeline::new(scenario, 3).expect("it can be run");
    timeline.advance(Time(60_000));
    timeline.picture(1)
}

fn overlap(a: &Rect, b: &Rect) -> bool {
    a.x < b.right() && b.x < a.right() && a.y < b.bottom() && b.y < a.bottom()
}

/// The least words of a drawing, in pixels of the page.
fn smallest(scene: &Scene) -> f64 {
    let sizes = scene.shapes.iter().filter_map(|shape| match shape {
        Shape::Text { font, .. } => Some(font.size * scene.scale),
        _ => None,
    });
    sizes.fold(f64::INFINITY, f64::min)
}

#[test]
fn a_large_cluster_begins_in_sight_and_legible() {
    let picture = picture_of(&large());
    assert_eq!((picture.brokers.len(), picture.producers.len(), picture.consumers.len()), (12, 30, 30));
    // The stage of a page that is 1440, 1920 or 2560 wide.
    for size in [(808.0, 690.0), (1_160.0, 860.0), (1_620.0, 1_180.0)] {
        let layout = Layout::new(&picture, size.0, size.1);
        assert!(
            layout.height * layout.scale <= size.1 + 1.0,
            "{size:?}: {} high",
            layout.height * layout.scale
        );
        assert!(layout.scale >= 0.88, "{size:?}: {}", layout.scale);
        let clients = layout.producers.iter().chain(&layout.consumers).map(|(_, card)| *card);
        let cards: Vec<Rect> = layout.brokers.iter().map(|broker| broker.card).chain(clients).collect();
        for (index, card) in cards.iter().enumerate() {
            assert!(
                card.x >= 0.0 && card.right() <= layout.width && card.bottom() <= layout.tray.y,
                "{card:?}"
            );
            assert!(cards[index + 1..].iter().all(|other| !overlap(card, other)), "{size:?}: {card:?}");
        }
        for broker in &layout.brokers {
            let lowest = broker.rows.iter().map(|row| row.port).fold(0.0, f64::max);
            assert!(lowest + 6.0 <= broker.card.bottom(), "a log stands outside its broker");
        }
        let mut desk = with_large(size);
        let scene = desk.main_scene().expect("there is a run");
        assert!(smallest(&scene) >= 9.5, "{size:?}: words of {}", smallest(&scene));
    }
}

#[test]
fn a_large_cluster_as_it_is_drawn() {
    let mut desk = with_large((808.0, 690.0));
    let ground = desk.theme().sunk;
    expect_file!["snapshots/large-wide-light-en.svg"]
        .assert_eq(&svg(&desk.main_scene().expect("a run"), ground));
}

#[test]
fn a_line_shows_its_records_where_it_is_wide_enough() {
    // Bookies with many ledgers: each is a line, with a dot for each entry that can be pointed at.
    let ledgers = |size: (f64, f64)| {
        let mut desk = visit("?scenario=pulsar-compaction&lang=en");
        desk.resize_stage(size.0, size.1);
        desk.act(Action::Seek(Time(1_300_000)));
        let scene = desk.main_scene().expect("there is a run");
        let message = |hit: &&Hit| matches!(hit.target, Target::Message(_));
        scene.hits.iter().filter(message).count()
    };
    let (wide, narrow) = (ledgers((808.0, 690.0)), ledgers((700.0, 400.0)));
    assert!(wide > 200, "{wide} entries are on the bookies' lines");
    assert!(narrow < wide, "{narrow} of {wide} where names and figures need the room");
    // Sixty logs in narrow cards: names and figures alone, and nobody asks the engine for records that are not drawn.
    let layout = Layout::new(&picture_of(&large()), 808.0, 690.0);
    assert!(layout.is_dense() && layout.cells_max() == 0);
}

#[test]
fn a_closer_look_is_hit_where_it_is_seen() {
    let mut desk = with_large((808.0, 690.0));
    let at = |desk: &mut Desk, node: NodeId| {
        let scene = desk.main_scene().expect("there is a run");
        let hit = scene.hits.iter().find(|hit| hit.target == Target::Node(node)).copied();
        let area = hit.unwrap_or_else(|| panic!("{node} is not there")).area;
        let center = area.center();
        (center.x * scene.scale, center.y * scene.scale, area.w * scene.scale)
    };
    let node = NodeId::Broker(7);
    let (x, y, wide) = at(&mut desk, node);
    assert!(!desk.holds_the_stage());
    desk.zoom_stage(2.5, (x, y));
    assert!(desk.holds_the_stage());
    let (seen_x, seen_y, seen_wide) = at(&mut desk, node);
    assert!((seen_x - x).abs() < 1.0 && (seen_y - y).abs() < 1.0, "it stayed under the pointer");
    assert!((seen_wide - 2.5 * wide).abs() < 1.0);
    assert!(desk.hover(Some((seen_x, seen_y))));
    // A drag moves it, and is no click.
    desk.pointer_down(1, 400.0, 300.0);
    assert!(!desk.pointer_move(1, 402.0, 301.0), "not yet");
    assert!(desk.pointer_move(1, 440.0, 310.0));
    desk.pointer_up(1);
    let (moved_x, moved_y, _) = at(&mut desk, node);
    assert!((moved_x - seen_x - 40.0).abs() < 1.0 && (moved_y - seen_y - 10.0).abs() < 1.0);
    let menu =
        |desk: &mut Desk, now: f64| desk.panel(now).and_then(|panel| panel.menu).map(|menu| menu.title);
    desk.press(moved_x, moved_y);
    assert_ne!(menu(&mut desk, 1e6).as_deref(), Some("broker 7"), "the end of the drag");
    desk.pointer_down(1, moved_x, moved_y);
    desk.pointer_up(1);
    desk.press(moved_x, moved_y);
    assert_eq!(menu(&mut desk, 2e6).as_deref(), Some("broker 7"), "a click");
    // Two fingers.
    desk.act(Action::Fit);
    desk.pointer_down(1, 300.0, 300.0);
    desk.pointer_down(2, 400.0, 300.0);
    desk.pointer_move(1, 250.0, 300.0);
    desk.pointer_move(2, 450.0, 300.0);
    desk.pointer_up(1);
    desk.pointer_up(2);
    let (.., pinched) = at(&mut desk, node);
    assert!((pinched - 2.0 * wide).abs() < 1.0, "twice as far apart: {pinched} of {wide}");
    desk.act(Action::Fit);
    assert!(!desk.holds_the_stage());
}

#[test]
fn three_views_share_an_area_and_the_pointer() {
    let mut desk = visit("?scenario=kill-the-leader&seed=20&lang=en");
    desk.resize_stage(1_160.0, 860.0);
    desk.act(Action::Seek(Time(200_000)));
    desk.act(Action::View(Which::Together));
    let scene = desk.main_scene().expect("there is a run");
    assert_eq!((scene.width, scene.height, scene.scale), (1_160.0, 860.0, 1.0));
    assert!(smallest(&scene) >= 8.8, "{}", smallest(&scene));
    assert!(scene.hits.iter().any(|hit| matches!(hit.target, Target::Node(_)) && hit.area.x < 600.0));
    assert!(scene.hits.iter().any(|hit| matches!(hit.target, Target::Moment { .. }) && hit.area.x > 620.0));
    let ground = desk.theme().sunk;
    expect_file!["snapshots/together-wide-light-en.svg"].assert_eq(&svg(&scene, ground));
    // Where there is no room, the stage stands for them; what was chosen comes back.
    desk.resize_stage(808.0, 690.0);
    assert_eq!(desk.shown_view(), Which::Stage);
    desk.resize_stage(1_160.0, 860.0);
    assert_eq!(desk.shown_view(), Which::Together);
}

/// Among three views the logs that do not fit are counted, and a wheel or a finger brings them into sight.
#[test]
fn every_log_is_within_reach_among_three_views() {
    for (lang, more, least) in [("en", "more log", "led by"), ("zh", "个日志", "leader 是")] {
        let mut desk = visit(&format!("?scenario=kill-the-leader&seed=20&lang={lang}"));
        desk.act(Action::Seek(Time(200_000)));
        desk.act(Action::View(Which::Together));
        let says = |desk: &mut Desk, words: &str| -> Vec<f64> {
            let scene = desk.main_scene().expect("there is a run");
            let told = |shape: &Shape| match shape {
                Shape::Text { text, at, .. } if text.contains(words) => Some(at.y),
                _ => None,
            };
            scene.shapes.iter().filter_map(told).collect()
        };
        desk.resize_stage(1_160.0, 860.0);
        assert_eq!(says(&mut desk, least).len(), 3, "three partitions");
        assert!(says(&mut desk, more).is_empty(), "all of them fit");

        desk.resize_stage(1_000.0, 420.0);
        let note = says(&mut desk, more);
        assert_eq!(note.len(), 1, "some lie below");
        let hidden = |desk: &mut Desk| says(desk, least).iter().filter(|y| **y > note[0]).count();
        let before = hidden(&mut desk);
        assert!(before > 0, "{before}");
        assert!(!desk.wheel((0.0, 300.0), (100.0, 100.0), false), "over the stage it scrolls nothing");
        assert!(desk.wheel((0.0, 2_000.0), (900.0, 60.0), false));
        assert!(says(&mut desk, more).is_empty(), "the end is in sight");
        assert_eq!(hidden(&mut desk), 0);
        desk.pointer_down(1, 900.0, 60.0);
        assert!(desk.pointer_move(1, 900.0, 160.0), "a finger draws them down again");
        desk.pointer_up(1);
        assert_eq!(says(&mut desk, more).len(), 1);
    }
}
