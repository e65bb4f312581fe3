//! On a phone, where everything stands in lanes: what travels never lies on the words that say what something is.
#![cfg(not(target_arch = "wasm32"))]

use mqlab_core::ids::NodeId;
use mqlab_core::sim::picture::Picture;
use mqlab_core::sim::{Scenario, Timeline};
use mqlab_core::time::Time;
use mqlab_web::scene::changes::Changes;
use mqlab_web::scene::layout::Layout;
use mqlab_web::scene::shape::{Point, Rect, Scene, Shape, width_of};
use mqlab_web::scene::theme::LIGHT;
use mqlab_web::scene::{Selection, View, ground, moving};
use mqlab_web::text::Lang;

/// Stages as wide as phones have them.
const WIDTHS: [f64; 3] = [320.0, 344.0, 390.0];
/// Into how many moments a run is cut.
const MOMENTS: u64 = 60;

fn drawn(picture: &Picture, layout: &Layout, draw: impl Fn(&View<'_>) -> Scene) -> Scene {
    draw(&View {
        picture,
        declared: picture,
        layout,
        selection: Selection::default(),
        theme: &LIGHT,
        lang: Lang::En,
        upkeep: false,
        falling: &[],
        changes: &Changes::default(),
        hint: false,
    })
}

/// The words above the lanes, and the names on the cards.
fn titles(layout: &Layout, ground: &Scene) -> Vec<(String, Rect)> {
    let name_of = |card: &Rect| Point { x: card.x + 13.0, y: card.y + 18.0 };
    let clients = layout.producers.iter().chain(&layout.consumers).map(|(_, card)| *card);
    let cards = clients.chain(layout.brokers.iter().map(|broker| broker.card));
    let spots: Vec<Point> = layout.captions.iter().copied().chain(cards.map(|card| name_of(&card))).collect();
    let title = |shape: &Shape| match shape {
        Shape::Text { at, text, font, room, .. } if spots.contains(at) => {
            let wide = room.map_or(width_of(text, *font), |room| width_of(text, *font).min(room));
            Some((text.clone(), Rect::new(at.x, at.y - font.size / 2.0, wide, font.size)))
        }
        _ => None,
    };
    ground.shapes.iter().filter_map(title).collect()
}

fn overlap(a: &Rect, b: &Rect) -> bool {
    let (wide, high) = (a.right().min(b.right()) - a.x.max(b.x), a.bottom().min(b.bottom()) - a.y.max(b.y));
    wide > 1.0 && high > 1.0
}

#[test]
fn nothing_that_travels_lies_on_a_title() {
    let mut seen = 0;
    for name in Scenario::names() {
        let scenario = Scenario::built_in(name).expect("it is built in");
        let seed = scenario.seed;
        let mut timeline = Timeline::new(scenario, seed).expect("it can be run");
        let step = timeline.ends_at().0 / MOMENTS;
        for moment in 1..MOMENTS {
            timeline.advance(Time(moment * step));
            let picture = timeline.picture(16);
            for width in WIDTHS {
                let layout = Layout::new(&picture, width, 600.0);
                assert!(layout.narrow);
                let titles = titles(&layout, &drawn(&picture, &layout, ground));
                assert!(titles.len() >= layout.producers.len() + layout.consumers.len(), "{titles:?}");
                for (node, chip) in &layout.controllers {
                    let over = titles.iter().find(|(_, title)| overlap(chip, title));
                    assert!(over.is_none(), "{name} on {width}: {node} lies on {over:?}");
                }
                for shape in drawn(&picture, &layout, moving).shapes {
                    let Shape::Box { area, .. } = shape else { continue };
                    seen += 1;
                    let over = titles.iter().find(|(_, title)| overlap(&area, title));
                    assert!(
                        over.is_none(),
                        "{name} at {} on {width}: {area:?} lies on {over:?}",
                        timeline.now()
                    );
                    assert!(area.x >= -1.0 && area.right() <= width + 1.0, "{name} on {width}: {area:?}");
                }
            }
        }
    }
    assert!(seen > 10_000, "{seen} marks were looked at");
}

/// Rows of many clients leave room between them for ways, and none lies on another.
#[test]
fn cards_of_many_clients_stand_apart() {
    for name in ["shop-by-calls", "push-overload", "rebalance-storm", "share-group"] {
        let scenario = Scenario::built_in(name).expect("it is built in");
        let timeline = Timeline::new(scenario, 1).expect("it can be run");
        let layout = Layout::new(&timeline.picture(8), 344.0, 600.0);
        let cards: Vec<(NodeId, Rect)> = layout.producers.iter().chain(&layout.consumers).copied().collect();
        for (index, (node, a)) in cards.iter().enumerate() {
            assert!(a.x >= 0.0 && a.right() <= 344.0 && a.w > 80.0, "{name}: {node} is {a:?}");
            for (other, b) in &cards[index + 1..] {
                assert!(!overlap(a, b), "{name}: {node} {a:?} and {other} {b:?}");
            }
        }
    }
}
