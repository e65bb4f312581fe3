//! The ways of packets in the diagram of space and time: an arrow for each, and where they are very many, bands.

use mqlab_core::observe::{Event, FaultEvent};
use mqlab_core::sim::Trip;
use mqlab_core::sim::picture::{Mark, PacketKind};
use mqlab_core::time::Time;

use super::bundles::{Bundle, bundled};
use super::glyph::{self, Firmness, Look};
use super::shape::{Dash, Font, Point, Rect, Scene, Stroke, Target, at, faded, line, width_of};
use super::space_time::{LITTLE, Plane, SpaceTime, lane_of};

/// So many ways in a band are counted beside it; fewer say it by themselves.
const COUNTED_MIN: usize = 4;

/// Every arrow that has a part in the window; the selected message's above the others.
pub(super) fn arrows(scene: &mut Scene, view: &SpaceTime<'_>, plane: &Plane) {
    let (from, to) = view.window;
    let within = |trip: &&Trip| trip.packet.departed <= to && trip.packet.arrives >= from;
    let chosen = |trip: &Trip| trip.packet.marks.iter().any(|mark| Some(mark.message) == view.selected);
    let mut labels = Vec::new();
    let (bundles, alone) = bundled(view.trips.all().filter(within), |moment| plane.along(moment), chosen);
    for bundle in &bundles {
        band(scene, view, plane, bundle, &mut labels);
    }
    for above in [false, true] {
        for trip in alone.iter().filter(|trip| chosen(trip) == above) {
            arrow(scene, view, plane, trip, above, &mut labels);
        }
    }
    // What was lost as soon as it left was never under way: its arrow only begins.
    for fact in view.events {
        let Event::Fault(FaultEvent::Lost { to, messages, .. }) = &fact.event else { continue };
        let (Some(a), Some(b)) = (lane_of(view, fact.node), lane_of(view, *to)) else { continue };
        let start = plane.spot(a, fact.at);
        let end = plane.place(a + (b - a) * 0.3, plane.along(fact.at) + 9.0);
        let alpha = if fact.at > view.now { 0.4 } else { 1.0 };
        let stroke = Stroke { paint: faded(view.theme.vermilion, alpha), width: 1.5, dash: Dash::None };
        scene.lines(&[start, end], stroke);
        cross(scene, end, stroke);
        if let Some(message) = messages.first() {
            let target = Target::Moment { message: Some(*message), at: fact.at };
            scene.answers(Rect::around(end, 18.0, 18.0), target);
        }
    }
}

/// Many ways that are alike: from when the first left and arrived to when the last did, with how many they are.
fn band(scene: &mut Scene, view: &SpaceTime<'_>, plane: &Plane, bundle: &Bundle<'_>, labels: &mut Vec<Rect>) {
    let packet = &bundle.first.packet;
    let (Some(a), Some(b)) = (lane_of(view, packet.from), lane_of(view, packet.to)) else { return };
    let (color, _, tells) = style(view, bundle.first);
    let color = if bundle.lost { view.theme.vermilion } else { color };
    let quiet = view.selected.is_some() || packet.departed > view.now;
    let alpha = match (tells || bundle.lost, quiet) {
        (true, false) => 0.34,
        (false, true) => 0.12,
        _ => 0.2,
    };
    // An edge of the band, cut where the window ends.
    let edge = |(leaves, comes): (Time, Time)| {
        let whole = comes.since(leaves).0.max(1) as f64;
        let spot = |moment: Time| {
            let moment = moment.clamp(view.window.0, view.window.1);
            let part = (moment.since(leaves).0 as f64 / whole).clamp(0.0, 1.0);
            plane.spot(a + (b - a) * part, moment)
        };
        (spot(leaves), spot(comes))
    };
    let (early, late) = (edge(bundle.early), edge(bundle.late));
    scene.figure(&[early.0, late.0, late.1, early.1], faded(color, alpha));
    let middle = |a: Point, b: Point| at(f64::midpoint(a.x, b.x), f64::midpoint(a.y, b.y));
    let (start, tip) = (middle(early.0, late.0), middle(early.1, late.1));
    let stroke = Stroke { paint: faded(color, (alpha * 2.5).min(1.0)), width: 1.2, dash: Dash::None };
    scene.lines(&[start, tip], stroke);
    match bundle.lost {
        true => cross(scene, tip, stroke),
        false => head(scene, start, tip, color, (alpha * 2.5).min(1.0), tells),
    }
    let message = packet.marks.first().map(|mark| mark.message);
    let spot = |part: f64| at(start.x + (tip.x - start.x) * part, start.y + (tip.y - start.y) * part);
    let target = Target::Moment { message, at: packet.departed };
    for part in [0.2, 0.4, 0.6, 0.8] {
        scene.answers(Rect::around(spot(part), 15.0, 15.0), target);
    }
    if (tells || bundle.lost) && bundle.count >= COUNTED_MIN {
        write_beside(scene, view, spot(0.35), &format!("×{}", bundle.count), (quiet, target), labels);
    }
}

/// How an arrow looks: its colour, its dashes, and whether it tells of messages.
fn style(view: &SpaceTime<'_>, trip: &Trip) -> (&'static str, Dash, bool) {
    let theme = view.theme;
    let hue = || theme.hue(trip.packet.marks.first().and_then(|mark| mark.key)).1;
    let with = !trip.packet.marks.is_empty();
    match trip.packet.kind {
        PacketKind::Produce | PacketKind::Delivery | PacketKind::Fetched if with => (hue(), Dash::None, true),
        PacketKind::Copied if with => (hue(), Dash::Dashed, true),
        PacketKind::Stored | PacketKind::Done => (theme.green, Dash::None, with),
        PacketKind::Answer => (theme.green, Dash::None, false),
        PacketKind::Refused => (theme.vermilion, Dash::None, with),
        PacketKind::Call => (theme.ink_2, Dash::None, false),
        _ => (theme.ink_3, Dash::None, false),
    }
}

fn arrow(
    scene: &mut Scene,
    view: &SpaceTime<'_>,
    plane: &Plane,
    trip: &Trip,
    chosen: bool,
    labels: &mut Vec<Rect>,
) {
    let packet = &trip.packet;
    let (Some(a), Some(b)) = (lane_of(view, packet.from), lane_of(view, packet.to)) else { return };
    let (color, dash, tells) = style(view, trip);
    let whole = packet.arrives.since(packet.departed).0.max(1) as f64;
    let part = |moment: Time| (moment.since(packet.departed).0 as f64 / whole).clamp(0.0, 1.0);
    let point = |share: f64| {
        let moment = Time(packet.departed.0 + (share * whole) as u64);
        let (from, to) = view.window;
        // What reaches over an end of the window is cut there, and keeps its slant.
        let moment = moment.clamp(from, to);
        plane.spot(a + (b - a) * part(moment), moment)
    };
    let quiet = view.selected.is_some() && !chosen;
    let ahead = packet.departed > view.now;
    let alpha = match (tells, quiet || ahead) {
        (true, false) => 1.0,
        (true, true) => 0.4,
        (false, false) => 0.45,
        (false, true) => 0.28,
    };
    let width = if chosen {
        2.8
    } else if tells {
        1.5
    } else {
        1.0
    };
    let stroke = Stroke { paint: faded(color, alpha), width, dash };
    let end = trip.lost.map_or(1.0, part);
    let here = if ahead { end } else { part(view.now).min(end) };
    scene.lines(&[point(0.0), point(here)], stroke);
    if here < end {
        let rest = Stroke { paint: faded(color, alpha * 0.5), width: 1.0, dash: Dash::Dotted };
        scene.lines(&[point(here), point(end)], rest);
    }
    let tip = point(end);
    match trip.lost {
        Some(_) => {
            cross(scene, tip, Stroke { paint: faded(view.theme.vermilion, alpha), ..line(color, 1.6) })
        }
        None if packet.arrives <= view.window.1 => head(scene, point(0.0), tip, color, alpha, tells),
        None => {}
    }
    if !tells {
        return;
    }
    let selected = packet.marks.iter().find(|mark| Some(mark.message) == view.selected);
    let Some(mark) = selected.or(packet.marks.first()) else { return };
    for step in 0_u8..7 {
        let spot = point(f64::from(step) / 6.0 * end);
        let target = Target::Moment { message: Some(mark.message), at: packet.departed };
        scene.answers(Rect::around(spot, 13.0, 13.0), target);
    }
    if chosen {
        let firmness = if packet.kind == PacketKind::Copied { Firmness::Faded } else { Firmness::Solid };
        let count = (packet.repeats > 0).then_some(packet.repeats + 1);
        let look = Look { firmness, count, selected: true, width: 30.0 };
        glyph::message(scene, point(0.5 * end), *mark, look, view.theme);
    } else if !matches!(packet.kind, PacketKind::Stored | PacketKind::Done | PacketKind::Refused) {
        label(scene, view, point(0.3 * end), packet.marks.len(), *mark, (alpha, packet.departed), labels);
    }
}

/// Which messages an arrow carries, where no other words stand.
fn label(
    scene: &mut Scene,
    view: &SpaceTime<'_>,
    spot: Point,
    count: usize,
    mark: Mark,
    (alpha, departed): (f64, Time),
    labels: &mut Vec<Rect>,
) {
    let mut text = glyph::label(mark);
    if count > 1 {
        text += &format!("+{}", count - 1);
    }
    let target = Target::Moment { message: Some(mark.message), at: departed };
    write_beside(scene, view, spot, &text, (alpha < 1.0, target), labels);
}

/// Writes beside an arrow, where no other words stand.
fn write_beside(
    scene: &mut Scene,
    view: &SpaceTime<'_>,
    spot: Point,
    text: &str,
    (quiet, target): (bool, Target),
    labels: &mut Vec<Rect>,
) {
    let font = Font { weight: 600, ..LITTLE };
    let area = Rect::new(spot.x + 5.0, spot.y - 8.0, width_of(text, font) + 4.0, 15.0);
    let apart = |other: &Rect| {
        area.right() < other.x || other.right() < area.x || area.bottom() < other.y || other.bottom() < area.y
    };
    if labels.len() >= 160 || area.right() > view.width - 4.0 || !labels.iter().all(apart) {
        return;
    }
    labels.push(area);
    scene.answers(area, target);
    let ink = if quiet { view.theme.ink_3 } else { view.theme.ink_2 };
    scene.text(at(area.x + 2.0, spot.y - 0.5), text, font, ink);
}

fn head(scene: &mut Scene, from: Point, tip: Point, color: &'static str, alpha: f64, large: bool) {
    let (dx, dy) = (tip.x - from.x, tip.y - from.y);
    let length = dx.hypot(dy).max(0.01);
    let (ux, uy) = (dx / length, dy / length);
    let (long, half) = if large { (7.0, 3.2) } else { (5.0, 2.2) };
    let base = at(tip.x - ux * long, tip.y - uy * long);
    let points =
        [tip, at(base.x - uy * half, base.y + ux * half), at(base.x + uy * half, base.y - ux * half)];
    scene.figure(&points, faded(color, alpha));
}

/// Here something was lost.
fn cross(scene: &mut Scene, c: Point, stroke: Stroke) {
    let stroke = Stroke { width: 1.8, dash: Dash::None, ..stroke };
    scene.lines(&[at(c.x - 4.0, c.y - 4.0), at(c.x + 4.0, c.y + 4.0)], stroke);
    scene.lines(&[at(c.x - 4.0, c.y + 4.0), at(c.x + 4.0, c.y - 4.0)], stroke);
}
