//! Exchanges: a labelled box each, and the ways from it down to the queues that it fills. On the other side, dotted,
//! the ways of dead letters.

use mqlab_core::observe::Place;
use mqlab_core::routing::{Binding, Destination};
use mqlab_core::sim::picture::{BrokerView, ExchangeView};

use super::cards::{LITTLE, PLAIN};
use super::layout::{BrokerPlace, ExchangePlace};
use super::shape::{Dash, Font, Point, Rect, Scene, Stroke, at, dashed, line, solid, width_of};
use super::{View, glyph};
use crate::text::broker as words;

/// An exchange's name.
const NAME: Font = Font { weight: 600, ..PLAIN };
/// Between its name and its kind.
const GAP: f64 = 7.0;
/// By how much wider than estimated a reader's font may be, before words are set closer.
pub(super) const SLACK: f64 = 1.12;
/// Between the ends of two ways in one queue.
const APART: f64 = 6.0;
/// An arrow's length.
const TIP: f64 = 5.0;

/// Draws a broker's exchanges and their ways.
pub(super) fn draw(scene: &mut Scene, view: &View<'_>, broker: &BrokerView, place: &BrokerPlace) {
    for own in &place.exchanges {
        // One that is not there (yet, or any more) is outlined, as it was declared.
        let there = broker.exchanges.iter().find(|exchange| exchange.name == own.name);
        ways(scene, view, place, (there.unwrap_or(&own.declared), own), there.is_some());
        label(scene, view, there.unwrap_or(&own.declared), own, there.is_some());
    }
    dead_letters(scene, view, broker, place);
}

fn label(scene: &mut Scene, view: &View<'_>, exchange: &ExchangeView, place: &ExchangePlace, there: bool) {
    let (theme, area) = (view.theme, place.area);
    let name = words::exchange(&exchange.name, view.lang);
    let kind = words::kind(exchange, view.lang);
    let left = area.x + 19.0;
    let area = Rect::new(area.x, area.y, width(view, exchange, area.w), area.h);
    let (ground, edge) = match there {
        true => (theme.sunk, line(theme.line_strong, 1.2)),
        false => (theme.surface, dashed(theme.line_strong, 1.2)),
    };
    scene.boxed(area, 4.0, Some(solid(ground)), Some(edge));
    let (ink, ink_2) = if there { (theme.ink, theme.ink_2) } else { (theme.ink_3, theme.ink_3) };
    let middle = area.center().y;
    glyph::fork(scene, at(area.x + 10.0, middle), theme);
    let name_room = (width_of(&name, NAME) * SLACK).min(area.right() - 6.0 - left);
    scene.text_within(at(left, middle), &name, NAME, ink, name_room);
    let after = left + name_room + GAP;
    if after + 24.0 < area.right() {
        scene.text_within(at(after, middle), &kind, LITTLE, ink_2, area.right() - 6.0 - after);
    }
}

/// Where a binding leads: the left end of a queue's cells, or of an exchange's box.
fn end(place: &BrokerPlace, to: &Destination) -> Option<Point> {
    match to {
        Destination::Queue(name) => {
            let row = place.rows.iter().find(|row| matches!(&row.place, Place::Queue(q) if q == name))?;
            Some(at(row.first.x, row.port))
        }
        Destination::Exchange(name) => {
            let other = place.exchanges.iter().find(|other| other.name == *name)?;
            Some(at(other.area.x, other.area.center().y))
        }
    }
}

/// One line down the gutter, and from it an arrow to each queue.
fn ways(
    scene: &mut Scene,
    view: &View<'_>,
    place: &BrokerPlace,
    (exchange, own): (&ExchangeView, &ExchangePlace),
    there: bool,
) {
    let color = if there { view.theme.ink_3 } else { view.theme.line_strong };
    let stroke = if there { line(color, 1.2) } else { dashed(color, 1.2) };
    let mut seen: Vec<&Destination> = Vec::new();
    for Binding { to, .. } in &exchange.bindings {
        if seen.contains(&to) {
            continue;
        }
        seen.push(to);
        let Some(end) = end(place, to) else { continue };
        // Ways of several exchanges into one place end beside each other.
        let into = |other: &&ExchangePlace| other.declared.bindings.iter().any(|binding| binding.to == *to);
        let all: Vec<&ExchangePlace> = place.exchanges.iter().filter(into).collect();
        let mine = all.iter().position(|other| other.name == exchange.name).unwrap_or(0) as f64;
        let y = end.y + (mine - (all.len() as f64 - 1.0) / 2.0) * APART;
        let from = at(own.area.x, own.area.center().y);
        let x = own.rail;
        scene.lines(&[from, at(x, from.y), at(x, y), at(end.x - TIP, y)], stroke);
        arrow(scene, at(end.x - 1.0, y), 1.0, color);
    }
}

/// An arrow's head that ends at a point, and points to the right (1) or to the left (-1).
fn arrow(scene: &mut Scene, tip: Point, way: f64, color: &'static str) {
    let back = tip.x - way * TIP;
    scene.figure(&[tip, at(back, tip.y - 3.4), at(back, tip.y + 3.4)], solid(color));
}

/// The ways of dead letters, where they stay on their broker.
fn dead_letters(scene: &mut Scene, view: &View<'_>, broker: &BrokerView, place: &BrokerPlace) {
    let color = view.theme.vermilion;
    let x = place.card.right() - 7.0;
    for strip in &broker.strips {
        let Some(letter) = strip.queue.as_ref().and_then(|queue| queue.dead_letter.as_ref()) else {
            continue;
        };
        let Some(row) = place.rows.iter().find(|row| row.place == strip.place && row.label.is_some()) else {
            continue;
        };
        let right_of_cells = row.words.0.x + 2.0;
        let to = if letter.exchange.is_empty() {
            let named = |other: &&super::layout::RowPlace| match (&other.place, &letter.routing_key) {
                (Place::Queue(name), Some(key)) => name.as_str() == key,
                _ => false,
            };
            place.rows.iter().find(named).map(|row| at(row.words.0.x + 2.0, row.port))
        } else {
            let named = place.exchanges.iter().find(|other| other.name.as_str() == letter.exchange);
            let view_of =
                |place: &ExchangePlace| broker.exchanges.iter().find(|view| view.name == place.name);
            named.and_then(|other| {
                let wide = width(view, view_of(other)?, other.area.w);
                Some(at(other.area.x + wide, other.area.center().y))
            })
        };
        let Some(to) = to.filter(|to| (to.y - row.port).abs() > 1.0) else { continue };
        let stroke = Stroke { paint: solid(color), width: 1.3, dash: Dash::Dashed };
        let points = [at(right_of_cells, row.port), at(x, row.port), at(x, to.y), at(to.x + TIP, to.y)];
        scene.lines(&points, stroke);
        arrow(scene, at(to.x + 1.0, to.y), -1.0, color);
    }
}

/// How wide an exchange's box is.
fn width(view: &View<'_>, exchange: &ExchangeView, most: f64) -> f64 {
    let name = width_of(&words::exchange(&exchange.name, view.lang), NAME) * SLACK;
    let kind = width_of(&words::kind(exchange, view.lang), LITTLE) * SLACK;
    (19.0 + name + GAP + kind + 9.0).min(most)
}
