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
use mqlab_core::sim::{Trip, Trips};
use mqlab_core::time::{Span, Time};

use super::bundles::WAYS_MAX;
use super::glyph;
use super::lane_heads::{HEAD_FONT, heads, heads_height};
use super::layout::{NARROW, SMALL};
use super::shape::{
    Anchor, Dash, Font, Point, Rect, Scene, Stroke, Target, at, faded, line, solid, width_of,
};
use super::slanted::arrows;
use super::theme::Theme;
use crate::text::sentence::Tone;
use crate::text::{Lang, views as words};

const NAME: Font = Font { size: 12.0, weight: 600, anchor: Anchor::Start };
pub(super) const LITTLE: Font = Font { size: SMALL, weight: 400, anchor: Anchor::Start };

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
pub(super) struct Plane {
    /// Whether time runs down the page.
    pub(super) down: bool,
    /// The first lane, and from one to the next.
    first: f64,
    pitch: f64,
    /// Where the window begins and how long it is.
    start: f64,
    length: f64,
    window: (Time, Time),
    /// Above lanes that run down: how many lines their names take.
    lines: usize,
}

impl Plane {
    fn of(view: &SpaceTime<'_>) -> (Self, f64) {
        let (count, down) = (view.lanes.len().max(1) as f64, view.width < NARROW && !view.across);
        let window = view.window;
        if down {
            let pitch = (view.width - 12.0) / count;
            let first = 6.0 + pitch / 2.0;
            let names = view.lanes.iter().map(|(_, name)| name.as_str());
            let lines = heads(names, view.width, first, pitch).iter().map(|head| head.line + 1).max();
            let lines = lines.unwrap_or(1);
            let start = heads_height(lines) + 30.0;
            let height = view.height.max(560.0);
            let length = height - start - 14.0;
            return (Self { down, first, pitch, start, length, window, lines }, height);
        }
        let (top, bottom) = (46.0, 24.0);
        let pitch =
            ((view.height - top - bottom) / count).clamp(if view.across { LANE_CLOSE } else { LANE }, 104.0);
        let height = (top + bottom + pitch * count).max(view.height);
        let slack = (height - top - bottom - pitch * count).max(0.0) / 2.0;
        let first = top + slack.min(40.0) + pitch / 2.0;
        let length = view.width - 128.0 - 18.0;
        (Self { down, first, pitch, start: 128.0, length, window, lines: 0 }, height)
    }

    pub(super) fn along(&self, moment: Time) -> f64 {
        let (from, to) = (self.window.0.0 as f64, self.window.1.0 as f64);
        self.start + (moment.0 as f64 - from) / (to - from).max(1.0) * self.length
    }

    fn across(&self, lane: f64) -> f64 {
        self.first + lane * self.pitch
    }

    pub(super) fn spot(&self, lane: f64, moment: Time) -> Point {
        self.place(lane, self.along(moment))
    }

    pub(super) fn place(&self, lane: f64, along: f64) -> Point {
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
    summed(&mut scene, view, &plane, height);
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
    let spot = if plane.down { at(3.0, plane.start - 12.0) } else { at(14.0, 21.0) };
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
pub(super) fn lane_of(view: &SpaceTime<'_>, node: NodeId) -> Option<f64> {
    view.lanes.iter().position(|(other, _)| *other == node).map(|index| index as f64)
}

/// What is summed up, in words: without them a band would be a riddle.
fn summed(scene: &mut Scene, view: &SpaceTime<'_>, plane: &Plane, height: f64) {
    let (from, to) = view.window;
    let within = |trip: &&Trip| trip.packet.departed <= to && trip.packet.arrives >= from;
    let ways = view.trips.all().filter(within).count();
    let since = Some(view.trips.since()).filter(|since| *since > from && *since < to);
    let Some(text) = words::summed(ways, ways > WAYS_MAX, since, view.lang) else { return };
    if let Some(since) = since {
        // Of what lies before nothing is drawn.
        let along = plane.along(since);
        let gone = match plane.down {
            true => Rect::new(0.0, plane.start, view.width, along - plane.start),
            false => Rect::new(plane.start, 32.0, along - plane.start, height - 46.0),
        };
        scene.boxed(gone, 0.0, Some(faded(view.theme.line, 0.45)), None);
    }
    let room = view.width - 20.0;
    scene.text_within(at(14.0, height - 7.0), &text, LITTLE, view.theme.ink_2, room);
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
    if !plane.down {
        for (index, (_, name)) in view.lanes.iter().enumerate() {
            let spot = at(14.0, plane.across(index as f64));
            scene.text_within(spot, name, NAME, view.theme.ink, plane.start - 26.0);
        }
        return;
    }
    let ground = Rect::new(0.0, 0.0, view.width, heads_height(plane.lines) + 4.0);
    scene.boxed(ground, 0.0, Some(faded(view.theme.sunk, 0.9)), None);
    let names = view.lanes.iter().map(|(_, name)| name.as_str());
    for (index, head) in heads(names, view.width, plane.first, plane.pitch).into_iter().enumerate() {
        let (x, y) = (plane.across(index as f64), head.y());
        // From a name on an upper line a stroke leads down to its lane.
        scene.lines(&[at(x, y + 8.0), at(x, plane.start)], line(view.theme.line_strong, 1.0));
        scene.text(at(head.middle, y), head.text, HEAD_FONT, view.theme.ink);
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
