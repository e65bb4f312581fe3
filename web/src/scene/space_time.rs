//! Space and time: a lane for each node, and the ways of packets as slanted arrows between them.
//!
//! ```text
//!   wide: time from left to right              narrow: time from top to bottom
//!
//!   shop     ───●─────────────▲──│───          shop  broker  billing
//!                ╲           ╱   │now            │      │      │
//!   broker   ─────▼──┼──●───●────│───            ●╲     │      │
//!                 commit ╲       │               │ ╲    │      │
//!   billing  ───────┄┄┄──▼───────│───            │  ▶●  │      │
//!                  (was down)                  ──┴──────┴──────┴── now
//! ```
//!
//! A lane has a gap where its node was down, and dots where it stood still; an arrow that ends in a cross was lost. The
//! window follows the present. What lies right of (below) the present is what this branch was seen to do.

use mqlab_core::ids::{MessageId, NodeId};
use mqlab_core::observe::{Event, FaultEvent, Stamped};
use mqlab_core::sim::picture::{Mark, PacketKind};
use mqlab_core::sim::{Trip, Trips};
use mqlab_core::time::{Span, Time};

use super::glyph::{self, Firmness, Look};
use super::layout::{NARROW, SMALL};
use super::shape::{
    Anchor, Dash, Font, Point, Rect, Scene, Stroke, Target, at, faded, line, shortened, solid, width_of,
};
use super::theme::Theme;
use crate::text::sentence::Tone;
use crate::text::{Lang, views as words};

const NAME: Font = Font { size: 12.0, weight: 600, anchor: Anchor::Start };
const LITTLE: Font = Font { size: SMALL, weight: 400, anchor: Anchor::Start };

/// The part of the window that lies before the present.
pub const PAST: f64 = 0.72;

/// When a node did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Still {
    /// Which.
    pub node: NodeId,
    /// Since when.
    pub from: Time,
    /// Until when; nothing while it lasts, as far as is known.
    pub until: Option<Time>,
    /// Whether it stood still, and was not down.
    pub frozen: bool,
}

/// The least room of a lane, and the least beside other views.
const LANE: f64 = 44.0;
const LANE_CLOSE: f64 = 26.0;

/// All that the diagram shows.
#[derive(Clone, Debug)]
pub struct SpaceTime<'a> {
    /// The nodes, in order, with their names.
    pub lanes: &'a [(NodeId, String)],
    /// When they did nothing.
    pub still: &'a [Still],
    /// The ways of packets.
    pub trips: &'a Trips,
    /// The events within the window.
    pub events: &'a [Stamped],
    /// The present.
    pub now: Time,
    /// The window.
    pub window: (Time, Time),
    /// The message whose way stands out.
    pub selected: Option<MessageId>,
    /// The colours.
    pub theme: &'a Theme,
    /// The language.
    pub lang: Lang,
    /// In pixels.
    pub width: f64,
    /// In pixels; the diagram takes more where lanes need it.
    pub height: f64,
    /// Whether time goes from left to right however narrow it is, with lanes closer together: beside other views.
    pub across: bool,
}

/// Where lanes and moments lie.
#[derive(Clone, Copy, Debug)]
struct Plane {
    /// Whether time runs down the page.
    down: bool,
    /// The first lane, and from one to the next.
    first: f64,
    pitch: f64,
    /// Where the window begins and how long it is.
    start: f64,
    length: f64,
    window: (Time, Time),
}

impl Plane {
    fn of(view: &SpaceTime<'_>) -> (Self, f64) {
        let (count, down) = (view.lanes.len().max(1) as f64, view.width < NARROW && !view.across);
        let window = view.window;
        if down {
            let pitch = (view.width - 12.0) / count;
            let height = view.height.max(560.0);
            let plane =
                Self { down, first: 6.0 + pitch / 2.0, pitch, start: 52.0, length: height - 66.0, window };
            return (plane, height);
        }
        let (top, bottom) = (46.0, 24.0);
        let pitch =
            ((view.height - top - bottom) / count).clamp(if view.across { LANE_CLOSE } else { LANE }, 104.0);
        let height = (top + bottom + pitch * count).max(view.height);
        let slack = (height - top - bottom - pitch * count).max(0.0) / 2.0;
        let first = top + slack.min(40.0) + pitch / 2.0;
        (Self { down, first, pitch, start: 128.0, length: view.width - 128.0 - 18.0, window }, height)
    }

    fn along(&self, moment: Time) -> f64 {
        let (from, to) = (self.window.0.0 as f64, self.window.1.0 as f64);
        self.start + (moment.0 as f64 - from) / (to - from).max(1.0) * self.length
    }

    fn across(&self, lane: f64) -> f64 {
        self.first + lane * self.pitch
    }

    fn spot(&self, lane: f64, moment: Time) -> Point {
        self.place(lane, self.along(moment))
    }

    fn place(&self, lane: f64, along: f64) -> Point {
        let along = along.clamp(self.start, self.start + self.length);
        if self.down { at(self.across(lane), along) } else { at(along, self.across(lane)) }
    }
}

/// Draws the diagram.
pub fn space_time(view: &SpaceTime<'_>) -> Scene {
    let (plane, height) = Plane::of(view);
    let mut scene = Scene { width: view.width, height, scale: 1.0, ..Scene::default() };
    future(&mut scene, view, &plane, height);
    ruler(&mut scene, view, &plane, height);
    lanes(&mut scene, view, &plane);
    arrows(&mut scene, view, &plane);
    marks(&mut scene, view, &plane);
    present(&mut scene, view, &plane, height);
    names(&mut scene, view, &plane);
    scene
}

/// What is ahead lies on a ground of its own.
fn future(scene: &mut Scene, view: &SpaceTime<'_>, plane: &Plane, height: f64) {
    let (from, to) = (plane.along(view.now), plane.start + plane.length);
    let area = if plane.down {
        Rect::new(0.0, from, view.width, (to - from).max(0.0))
    } else {
        Rect::new(from, 32.0, (to - from).max(0.0), height - 46.0)
    };
    scene.boxed(area, 0.0, Some(faded(view.theme.line, 0.45)), None);
}

fn ruler(scene: &mut Scene, view: &SpaceTime<'_>, plane: &Plane, height: f64) {
    let theme = view.theme;
    let (from, to) = view.window;
    let span = to.since(from).0.max(1);
    let labels = (plane.length / if plane.down { 70.0 } else { 96.0 }).max(2.0) as u64;
    let powers = (0..7).flat_map(|power| [1, 2, 5].map(|digit| digit * 10_u64.pow(power) * 100));
    let step = powers.into_iter().find(|step| span / step <= labels).unwrap_or(span);
    let mut moment = from.0.div_ceil(step) * step;
    while moment <= to.0 {
        let along = plane.along(Time(moment));
        let text = match (step < 1_000, moment % 1_000) {
            (true, _) => format!("{}.{}", moment / 1_000, moment % 1_000 / 100),
            (false, _) => (moment / 1_000).to_string(),
        };
        let stroke = Stroke { paint: faded(theme.line_strong, 0.4), width: 1.0, dash: Dash::None };
        if plane.down {
            scene.lines(&[at(0.0, along), at(view.width, along)], stroke);
            scene.text(at(3.0, along - 7.0), text, LITTLE, theme.ink_3);
        } else {
            scene.lines(&[at(along, 32.0), at(along, height - 14.0)], stroke);
            let half = width_of(&text, LITTLE) / 2.0;
            if along + half < view.width && along - half > 34.0 {
                scene.text(at(along, 21.0), text, Font { anchor: Anchor::Middle, ..LITTLE }, theme.ink_3);
            }
        }
        moment += step;
    }
    let spot = if plane.down { at(3.0, 40.0) } else { at(14.0, 21.0) };
    scene.text(spot, words::MILLISECONDS.get(view.lang), LITTLE, theme.ink_3);
}

fn lanes(scene: &mut Scene, view: &SpaceTime<'_>, plane: &Plane) {
    let theme = view.theme;
    let (from, to) = view.window;
    for (index, (node, _)) in view.lanes.iter().enumerate() {
        let lane = index as f64;
        let mut since = from;
        let draw = |scene: &mut Scene, a: Time, b: Time, stroke: Stroke| {
            if b > a {
                scene.lines(&[plane.spot(lane, a), plane.spot(lane, b)], stroke);
            }
        };
        let rests = view.still.iter().filter(|still| still.node == *node);
        for still in rests.filter(|still| still.from < to && still.until.is_none_or(|until| until > from)) {
            let (begin, end) = (still.from.max(from), still.until.unwrap_or(to).min(to));
            draw(scene, since, begin, line(theme.line_strong, 1.6));
            let color = theme.vermilion;
            if still.frozen {
                let stroke = Stroke { paint: solid(color), width: 1.6, dash: Dash::Dotted };
                draw(scene, begin, end, stroke);
            }
            let (a, b) = (plane.along(begin), plane.along(end));
            let text = if still.frozen { words::STANDS_STILL } else { words::DOWN }.get(view.lang);
            let middle = Font { anchor: Anchor::Middle, ..LITTLE };
            if b - a > width_of(text, middle) + 20.0 && !plane.down {
                let spot = plane.place(lane, (a + b) / 2.0);
                scene.text(at(spot.x, spot.y - if still.frozen { 9.0 } else { 0.0 }), text, middle, color);
            }
            since = since.max(end);
        }
        draw(scene, since, to, line(theme.line_strong, 1.6));
    }
}

/// The lane of a node.
fn lane_of(view: &SpaceTime<'_>, node: NodeId) -> Option<f64> {
    view.lanes.iter().position(|(other, _)| *other == node).map(|index| index as f64)
}

/// Every arrow that has a part in the window; the selected message's above the others.
fn arrows(scene: &mut Scene, view: &SpaceTime<'_>, plane: &Plane) {
    let (from, to) = view.window;
    let within = |trip: &&Trip| trip.packet.departed <= to && trip.packet.arrives >= from;
    let chosen = |trip: &Trip| trip.packet.marks.iter().any(|mark| Some(mark.message) == view.selected);
    let mut labels = Vec::new();
    for above in [false, true] {
        for trip in view.trips.all().filter(within).filter(|trip| chosen(trip) == above) {
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
    let font = Font { weight: 600, ..LITTLE };
    let wide = width_of(&text, font);
    let area = Rect::new(spot.x + 5.0, spot.y - 8.0, wide + 4.0, 15.0);
    let apart = |other: &Rect| {
        area.right() < other.x || other.right() < area.x || area.bottom() < other.y || other.bottom() < area.y
    };
    if labels.len() >= 160 || area.right() > view.width - 4.0 || !labels.iter().all(apart) {
        return;
    }
    labels.push(area);
    scene.answers(area, Target::Moment { message: Some(mark.message), at: departed });
    let ink = if alpha < 1.0 { view.theme.ink_3 } else { view.theme.ink_2 };
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

/// What nodes did, as marks on their lanes.
fn marks(scene: &mut Scene, view: &SpaceTime<'_>, plane: &Plane) {
    let mut last: Vec<f64> = vec![f64::NEG_INFINITY; view.lanes.len()];
    for fact in view.events {
        let node = match &fact.event {
            Event::Elected { leader: Some(leader), .. } => *leader,
            _ => fact.node,
        };
        let Some(lane) = lane_of(view, node) else { continue };
        let message = fact.event.messages().first().copied();
        let message = view.selected.filter(|one| fact.event.messages().contains(one)).or(message);
        let spot = plane.spot(lane, fact.at);
        let along = if plane.down { spot.y } else { spot.x };
        let small = !fact.event.is_landmark();
        // Small marks that would lie on each other show as one.
        if small && along - last[lane as usize] < 4.0 || !mark(scene, view, plane, fact, spot) {
            continue;
        }
        last[lane as usize] = along;
        scene.answers(Rect::around(spot, 14.0, 14.0), Target::Moment { message, at: fact.at });
    }
}

/// Draws what one fact looks like; `false` where it has no mark.
fn mark(scene: &mut Scene, view: &SpaceTime<'_>, plane: &Plane, fact: &Stamped, c: Point) -> bool {
    let theme = view.theme;
    let ground = Some(solid(theme.surface));
    match &fact.event {
        Event::Crashed | Event::PowerCut => scene.figure(&glyph::bolt_points(c, 1.0), solid(theme.vermilion)),
        Event::Restarted => {
            scene.disc(c, 7.5, ground, None);
            glyph::turning(scene, c, 4.6, theme.green);
        }
        Event::Elected { leader: Some(_), .. } => {
            scene.figure(&glyph::star(c, 8.0), solid(theme.purple));
        }
        Event::Committed { .. } => {
            let (dx, dy) = if plane.down { (7.0, 0.0) } else { (0.0, 7.0) };
            scene.lines(&[at(c.x - dx, c.y - dy), at(c.x + dx, c.y + dy)], line(theme.green, 2.0));
        }
        Event::Processed { .. } => scene.disc(c, 3.2, Some(solid(theme.green)), None),
        Event::Requeued { .. } => {
            scene.disc(c, 7.0, ground, None);
            glyph::turning(scene, c, 4.2, theme.blue);
        }
        Event::Appended { .. } | Event::Copied { .. } => {
            scene.disc(c, 2.6, ground, Some(line(theme.ink_2, 1.3)));
        }
        Event::Fault(FaultEvent::Lost { .. }) => return false,
        other if other.is_landmark() => {
            let color = match Tone::of(other) {
                Tone::Harm => theme.vermilion,
                Tone::Turn => theme.purple,
                Tone::Back | Tone::Good => theme.green,
                Tone::Again => theme.blue,
                Tone::Plain => theme.ink_2,
            };
            let points = [at(c.x, c.y - 5.5), at(c.x + 5.5, c.y), at(c.x, c.y + 5.5), at(c.x - 5.5, c.y)];
            scene.figure(&points, solid(color));
        }
        _ => return false,
    }
    true
}

fn present(scene: &mut Scene, view: &SpaceTime<'_>, plane: &Plane, height: f64) {
    let along = plane.along(view.now);
    let (a, b) = if plane.down {
        (at(0.0, along), at(view.width, along))
    } else {
        (at(along, 30.0), at(along, height - 14.0))
    };
    scene.lines(&[a, b], line(view.theme.ink, 1.2));
}

fn names(scene: &mut Scene, view: &SpaceTime<'_>, plane: &Plane) {
    for (index, (_, name)) in view.lanes.iter().enumerate() {
        let lane = index as f64;
        if plane.down {
            let font = Font { size: SMALL, anchor: Anchor::Middle, ..NAME };
            let text = shortened(name, font, plane.pitch - 4.0);
            let ground = Rect::around(at(plane.across(lane), 20.0), plane.pitch, 24.0);
            scene.boxed(ground, 0.0, Some(faded(view.theme.sunk, 0.9)), None);
            scene.text(at(plane.across(lane), 20.0), text, font, view.theme.ink);
        } else {
            scene.text_within(at(14.0, plane.across(lane)), name, NAME, view.theme.ink, plane.start - 26.0);
        }
    }
}

/// The window around a moment: so much time, most of it before.
pub fn window(now: Time, length: Span, ends_at: Time) -> (Time, Time) {
    let past = (length.0 as f64 * PAST) as u64;
    let from = Time(now.0.saturating_sub(past));
    let to = Time(from.0 + length.0);
    if to > ends_at && length.0 < ends_at.0 {
        // At the end the present moves on in the window, as it does at the beginning.
        return (Time(ends_at.0 - length.0), ends_at);
    }
    (from, to)
}
