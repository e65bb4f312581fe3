//! The nodes: who sends, who keeps, who receives, and what was lost.

use mqlab_core::ids::{MessageId, NodeId};
use mqlab_core::observe::Place;
use mqlab_core::sim::SystemName;
use mqlab_core::sim::picture::{BrokerView, ConsumerView, ControllerView, ProducerView};

use super::glyph::{self, Firmness, Look};
use super::layout::{CONTROLLERS_WORD, SMALL};
use super::shape::{
    Anchor, Font, Point, Rect, Scene, Target, at, dashed, faded, line, shortened, solid, width_of,
};
use super::{View, exchanges, strips};
use crate::text::broker as hosting;
use crate::text::{pulsar, stage as words};

const TITLE: Font = Font { size: 13.0, weight: 600, anchor: Anchor::Start };
pub(super) const PLAIN: Font = Font { size: 11.5, weight: 400, anchor: Anchor::Start };
pub(super) const LITTLE: Font = Font { size: SMALL, weight: 400, anchor: Anchor::Start };
/// The least room for words beside a broker's name.
const WORD_MIN: f64 = 30.0;
const CAPTION: Font = Font { size: 12.0, weight: 400, anchor: Anchor::Start };

/// The same words, on another side of their anchor.
pub(super) const fn on(font: Font, anchor: Anchor) -> Font {
    Font { anchor, ..font }
}

/// From the first broker's left side to the last one's right, where they stand side by side.
fn brokers_width(layout: &super::layout::Layout) -> f64 {
    let Some(first) = layout.brokers.first() else { return 200.0 };
    layout.brokers.iter().map(|broker| broker.card.right()).fold(0.0, f64::max) - first.card.x
}

/// The words above the columns or lanes, and the controller.
pub(super) fn captions(scene: &mut Scene, view: &View<'_>) {
    let (layout, lang, color) = (view.layout, view.lang, view.theme.ink_3);
    let room = [
        layout.brokers.first().map_or(200.0, |broker| broker.card.x - layout.captions[0].x - 8.0),
        brokers_width(layout) - layout.controllers_width(),
        layout.width - layout.captions[2].x - 6.0,
    ];
    let rows = layout.brokers.iter().flat_map(|broker| &broker.rows);
    let places: Vec<&Place> = rows.map(|row| &row.place).collect();
    let exchanges = layout.brokers.iter().map(|broker| broker.exchanges.len()).sum();
    let kept = words::kept(&places, exchanges, view.picture.system, lang);
    let texts = [words::askers(view.picture, lang), kept, words::workers(view.picture, lang)];
    for ((spot, text), room) in layout.captions.iter().zip(texts).zip(room) {
        let room = if layout.narrow { in_lanes(layout, *spot) } else { room };
        scene.text_within(*spot, &text, CAPTION, color, room);
    }
    controllers(scene, view);
}

/// In lanes: how far words above a lane may go, which is to the controllers, where those stand on the same line.
fn in_lanes(layout: &super::layout::Layout, spot: Point) -> f64 {
    let beside = layout.controllers.first().filter(|(_, area)| (area.center().y - spot.y).abs() < 16.0);
    beside.map_or(layout.width * 0.55, |(_, area)| area.x - spot.x - 8.0)
}

/// One chip, or the members of the quorum by their numbers: the active one stands out, who is down is dashed.
fn controllers(scene: &mut Scene, view: &View<'_>) {
    let (layout, theme) = (view.layout, view.theme);
    for (controller, (node, area)) in view.picture.controllers.iter().zip(&layout.controllers) {
        let over = view.selection.hover == Some(Target::Control(*node));
        let (fill, edge, ink) = match controller {
            ControllerView { up: false, .. } => (theme.sunk, dashed(theme.vermilion, 1.3), theme.vermilion),
            _ if over => (theme.surface, line(theme.ink_3, 1.0), theme.ink),
            _ => (theme.surface, line(theme.line_strong, 1.0), theme.ink_2),
        };
        let (NodeId::Voter(number) | NodeId::NameServer(number)) = node else {
            let word = match view.picture.cluster_of(*node) {
                Some(cluster) => pulsar::store_of(cluster, view.lang),
                None if pulsar::plays(view.picture) => pulsar::STORE.get(view.lang).into(),
                None => words::CONTROLLER.get(view.lang).into(),
            };
            glyph::chip(scene, *area, &word, (fill, edge, ink));
            if layout.chips_die {
                scene.answers(area.grown(2.0), Target::Control(*node));
            }
            pause_if_frozen(scene, view, *node, at(area.x, area.center().y));
            continue;
        };
        if number == &1 && !layout.narrow {
            let word = at(area.x - 6.0, area.center().y);
            let font = on(CAPTION, Anchor::End);
            let all = match (node, view.picture.controllers.len()) {
                (NodeId::NameServer(_), 1) => words::NAME_SERVER,
                (NodeId::NameServer(_), _) => words::NAME_SERVERS,
                _ => words::CONTROLLERS,
            };
            scene.text_within(word, all.get(view.lang), font, theme.ink_3, CONTROLLERS_WORD);
        }
        let (fill, edge, ink) = match controller {
            ControllerView { up: true, active: true, .. } => {
                (theme.blue, line(theme.blue, 1.0), theme.surface)
            }
            _ => (fill, edge, ink),
        };
        scene.boxed(*area, 6.0, Some(solid(fill)), Some(edge));
        scene.text(area.center(), number.to_string(), on(LITTLE, Anchor::Middle), ink);
        if let Some((at, most)) = controller.runs_at {
            // How much of its patience is left: when it is used up, it wants to be the active one.
            let left = at.since(view.picture.now).0 as f64 / most.0.max(1) as f64;
            let bar = Rect::new(area.x + 4.0, area.bottom() - 4.0, area.w - 8.0, 2.0);
            let wide = bar.w * left.clamp(0.0, 1.0);
            scene.boxed(bar, 1.0, Some(faded(theme.line_strong, 0.5)), None);
            scene.boxed(Rect { w: wide.max(1.0), ..bar }, 1.0, Some(solid(theme.purple)), None);
        }
        scene.answers(area.grown(2.0), Target::Control(*node));
        pause_if_frozen(scene, view, *node, at(area.right(), area.y));
    }
}

/// Whether a client's card is a chip: its name, its control, and how far it is, as a line along its lower edge.
pub(super) fn is_chip(area: Rect) -> bool {
    area.h < 40.0
}

/// The line along a chip's lower edge.
pub(super) fn chip_bar(scene: &mut Scene, area: Rect, share: f64, color: &'static str) {
    let wide = (area.w - 18.0) * share.clamp(0.0, 1.0);
    if wide >= 1.0 {
        scene.boxed(Rect::new(area.x + 9.0, area.bottom() - 4.0, wide, 2.0), 1.0, Some(solid(color)), None);
    }
}

fn pause_if_frozen(scene: &mut Scene, view: &View<'_>, node: NodeId, spot: Point) {
    if view.picture.frozen.contains(&node) {
        glyph::pause(scene, spot, view.theme);
    }
}

/// A node's card with its name and its control.
pub(super) fn card(scene: &mut Scene, view: &View<'_>, node: NodeId, area: Rect, up: bool, name: &str) {
    let theme = view.theme;
    let selected = view.selection.node == Some(node);
    let hovered =
        matches!(view.selection.hover, Some(Target::Node(over) | Target::Control(over)) if over == node);
    if selected {
        scene.boxed(area.grown(3.0), 13.0, None, Some(line(theme.blue, 2.0)));
    }
    if view.changes.has_node(node) {
        // Something happened here in the last step.
        let by = if selected { 6.0 } else { 3.0 };
        scene.boxed(area.grown(by), 10.0 + by, None, Some(line(view.changes.color(theme), 1.5)));
    }
    if up {
        let edge = if hovered { theme.ink_3 } else { theme.line_strong };
        scene.boxed(area, 10.0, Some(solid(theme.surface)), Some(line(edge, 1.0)));
    } else {
        scene.boxed(area, 10.0, Some(solid(theme.sunk)), Some(dashed(theme.ink_3, 1.3)));
    }
    scene.answers(area, Target::Node(node));
    let color = if up { theme.ink } else { theme.ink_2 };
    let room = area.w - 44.0;
    // A long name is written smaller before it is cut.
    let chip = is_chip(area);
    let (left, room, middle) =
        if chip { (9.0, area.w - 36.0, area.h / 2.0 - 1.0) } else { (13.0, room, 18.0) };
    let smaller = TITLE.size * room / width_of(name, TITLE).max(1.0);
    let font = Font { size: smaller.clamp(SMALL, TITLE.size), ..TITLE };
    scene.text_within(at(area.x + left, area.y + middle), &shortened(name, font, room), font, color, room);
    if let Some(control) = view.layout.control(node) {
        let over = view.selection.hover == Some(Target::Control(node));
        if matches!(node, NodeId::User(_)) {
            glyph::dots(scene, control, over, theme);
        } else if up {
            glyph::bolt(scene, control, selected || hovered, over, theme);
        } else {
            glyph::revive(scene, control, over, theme);
        }
        scene.answers(control.grown(3.0), Target::Control(node));
    }
    if view.picture.frozen.contains(&node) {
        scene.boxed(area, 10.0, Some(faded(theme.vermilion, 0.08)), Some(dashed(theme.vermilion, 1.4)));
        glyph::pause(scene, at(area.right() - 17.0, area.bottom() - 15.0), theme);
    }
}

/// Those who send.
pub(super) fn producers(scene: &mut Scene, view: &View<'_>) {
    // Users and services stand below them.
    for (producer, (_, area)) in view.picture.producers.iter().zip(&view.layout.producers) {
        card(scene, view, producer.node, *area, producer.up, &producer.name);
        producer_inside(scene, view, producer, *area);
    }
}

fn producer_inside(scene: &mut Scene, view: &View<'_>, producer: &ProducerView, area: Rect) {
    let (theme, lang) = (view.theme, view.lang);
    if is_chip(area) {
        let share = producer.acknowledged as f64 / producer.planned.max(1) as f64;
        return chip_bar(scene, area, share, theme.green);
    }
    let (x, room) = (area.x + 13.0, area.w - 26.0);
    let tall = area.h >= 66.0;
    if !producer.up {
        scene.text_within(at(x, area.y + 36.0), words::DOWN.get(lang), PLAIN, theme.vermilion, room);
        return;
    }
    let sent = words::sent(producer, lang);
    let must_wait = producer.held_up.map(|why| hosting::held_up(why, lang));
    let upper = match must_wait {
        Some(words) => (words.into(), theme.vermilion),
        None => (words::acks(producer, lang), theme.ink_2),
    };
    let second = at(x, area.y + 35.0);
    if tall {
        scene.text_within(second, &upper.0, PLAIN, upper.1, room);
        scene.text_within(at(x, area.y + 50.0), &sent, LITTLE, theme.ink_3, room);
    } else if must_wait.is_some() {
        scene.text_within(second, &upper.0, LITTLE, upper.1, room);
    } else {
        scene.text_within(second, &sent, LITTLE, theme.ink_3, room);
    }
    let planned = producer.planned.max(1) as f64;
    let bar = Rect::new(x, area.bottom() - 11.0, room, 4.0);
    glyph::bar(scene, bar, producer.sent as f64 / planned, theme.hues[5].0, theme);
    let stored = Rect::new(x, bar.y, room * (producer.acknowledged as f64 / planned).min(1.0), 4.0);
    if stored.w >= 4.0 {
        scene.boxed(stored, 2.0, Some(solid(theme.green)), None);
    }
}

/// Whether a broker runs, and was not told yet what to keep.
pub(super) fn untold(broker: &BrokerView) -> bool {
    broker.up && broker.strips.is_empty() && broker.exchanges.is_empty()
}

/// Those who keep.
pub(super) fn brokers(scene: &mut Scene, view: &View<'_>) {
    for (broker, place) in view.picture.brokers.iter().zip(&view.layout.brokers) {
        let name = match broker.node {
            NodeId::Broker(number) => words::broker(number, view.lang),
            NodeId::Store if pulsar::plays(view.picture) => pulsar::OBJECTS.get(view.lang).into(),
            NodeId::Store => words::STORE.get(view.lang).into(),
            NodeId::Bookie(number) => pulsar::bookie(number, view.lang),
            other => other.to_string(),
        };
        card(scene, view, broker.node, place.card, broker.up, &name);
        let beside = at(place.card.x + 13.0 + width_of(&name, TITLE) + 12.0, place.card.y + 18.0);
        let room = place.card.right() - 40.0 - beside.x;
        // Half a word says less than none, but that it is down must be said.
        let room = if broker.up && room < WORD_MIN { 0.0 } else { room };
        if broker.up && room == 0.0 {
            // Its own name has all the room.
        } else if untold(broker) && view.picture.system == Some(SystemName::ActiveMq) {
            let idle = hosting::idle(broker.node).get(view.lang);
            scene.text_within(beside, idle, PLAIN, view.theme.ink_3, room);
        } else if untold(broker) && !place.rows.is_empty() {
            scene.text_within(beside, hosting::UNTOLD.get(view.lang), PLAIN, view.theme.ink_3, room);
        } else if broker.up {
            let alone = place.rows.first().is_some_and(|row| row.label.is_none());
            let named = view.layout.brokers.len() > 1;
            let (duties, harm) = hosting::beside(broker, (alone, named), view.picture.system, view.lang);
            let duties = match view.picture.cluster_of(broker.node) {
                Some(cluster) if duties.is_empty() => cluster.to_string(),
                Some(cluster) => format!("{cluster} · {duties}"),
                None => duties,
            };
            let color = if harm { view.theme.vermilion } else { view.theme.ink_2 };
            scene.text_within(beside, &duties, PLAIN, color, room);
        } else {
            let down = Font { weight: 600, ..PLAIN };
            scene.text_within(beside, words::DOWN.get(view.lang), down, view.theme.vermilion, room);
        }
        exchanges::draw(scene, view, broker, place);
        strips::draw(scene, view, broker, place);
    }
}

/// Those who receive.
pub(super) fn consumers(scene: &mut Scene, view: &View<'_>) {
    for (consumer, (_, area)) in view.picture.consumers.iter().zip(&view.layout.consumers) {
        card(scene, view, consumer.node, *area, consumer.up, &consumer.name);
        consumer_inside(scene, view, consumer, *area);
    }
}

fn consumer_inside(scene: &mut Scene, view: &View<'_>, consumer: &ConsumerView, area: Rect) {
    let (theme, lang) = (view.theme, view.lang);
    if is_chip(area) {
        if let Some((_, since, until)) = consumer.working {
            let whole = until.since(since).0.max(1) as f64;
            chip_bar(scene, area, view.picture.now.since(since).0 as f64 / whole, theme.blue);
        }
        return;
    }
    let (x, room) = (area.x + 13.0, area.w - 26.0);
    let tall = area.h >= 88.0;
    let second = at(x, area.y + 35.0);
    if !consumer.up {
        scene.text_within(second, words::DOWN.get(lang), PLAIN, theme.vermilion, room);
        return;
    }
    scene.text_within(second, &words::reads(consumer, view.picture.system, lang), PLAIN, theme.ink_2, room);
    let (done, near) = hosting::done(consumer, lang);
    let color = if near { theme.vermilion } else { theme.ink_3 };
    if tall {
        scene.text_within(at(x, area.y + 50.0), &done, LITTLE, color, room);
    }
    let middle = area.bottom() - if tall { 26.0 } else { 22.0 };
    let mark = view.layout.mark;
    let look = |firmness, message| Look {
        firmness,
        count: None,
        selected: view.selection.message == Some(message),
        width: mark,
    };
    let mut free = x;
    if let Some((working, since, until)) = consumer.working {
        glyph::message(
            scene,
            at(x + mark / 2.0, middle),
            working,
            look(Firmness::Solid, working.message),
            theme,
        );
        let whole = until.since(since).0.max(1) as f64;
        let share = view.picture.now.since(since).0 as f64 / whole;
        glyph::bar(scene, Rect::new(x, area.bottom() - 10.0, room, 4.0), share, theme.blue, theme);
        free += mark + 9.0;
    }
    let fits = ((area.right() - 8.0 - free) / (mark + 3.0)).max(0.0) as usize;
    let staged = consumer.staged.len();
    // One place is kept for the count of those that do not fit.
    let shown = if staged <= fits { staged } else { fits.saturating_sub(1) };
    for (index, staged) in consumer.staged.iter().take(shown).enumerate() {
        let center = at(free + mark / 2.0 + index as f64 * (mark + 3.0), middle);
        glyph::message(scene, center, *staged, look(Firmness::Faded, staged.message), theme);
    }
    if staged > shown {
        let spot = at(free + shown as f64 * (mark + 3.0) + 2.0, middle);
        scene.text(spot, format!("+{}", staged - shown), LITTLE, theme.ink_3);
    }
    if consumer.working.is_none() && staged == 0 {
        scene.text_within(at(x, middle), words::IDLE.get(lang), LITTLE, theme.ink_3, room);
    }
}

/// How high above the tray a lost message still is: it falls faster and faster.
fn height_left(view: &View<'_>, message: MessageId) -> f64 {
    let fallen = view.falling.iter().find(|(other, _)| *other == message).map_or(1.0, |(_, fallen)| *fallen);
    let fallen = fallen.clamp(0.0, 1.0);
    view.layout.tray.y.min(FALL) * (1.0 - fallen * fallen)
}

/// Where a lost message comes from, above the tray.
const FALL: f64 = 260.0;

/// The tray: what was promised and is gone.
pub(super) fn tray(scene: &mut Scene, view: &View<'_>) {
    let (theme, layout, lost) = (view.theme, view.layout, &view.picture.lost);
    let area = layout.tray;
    let middle = area.center().y;
    if view.hint && !layout.narrow {
        let spot = at(area.right() - 14.0, middle);
        scene.text(spot, words::START.get(view.lang), on(CAPTION, Anchor::End), theme.ink_2);
    }
    // Where there are calls alone, no message can be lost.
    if view.picture.brokers.is_empty() {
        return;
    }
    let (stroke, color) = match lost.is_empty() {
        true => (dashed(theme.line_strong, 1.0), theme.ink_3),
        false => (dashed(theme.vermilion, 1.3), theme.vermilion),
    };
    scene.boxed(area, 9.0, None, Some(stroke));
    let label = words::lost(lost.len(), view.lang);
    let font = Font { weight: if lost.is_empty() { 400 } else { 600 }, ..CAPTION };
    scene.text(at(area.x + 14.0, middle), label.clone(), font, color);
    let start = area.x + 14.0 + width_of(&label, font) + 14.0;
    let pitch = layout.mark + 5.0;
    let room = ((area.right() - 40.0 - start) / pitch).max(0.0) as usize;
    for (index, mark) in lost.iter().take(room).enumerate() {
        let selected = view.selection.message == Some(mark.message);
        let look = Look { firmness: Firmness::Solid, count: None, selected, width: layout.mark };
        let center = at(start + pitch * (index as f64 + 0.5), middle - height_left(view, mark.message));
        glyph::message(scene, center, *mark, look, theme);
    }
    if lost.len() > room {
        let spot = at(start + pitch * room as f64 + 4.0, middle);
        scene.text(spot, format!("+{}", lost.len() - room), LITTLE, theme.vermilion);
    }
}
