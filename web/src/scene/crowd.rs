//! How is it drawn where very much is on its way at once? Messages without their numbers, and then flows and counts.
//!
//! ```text
//!   few          (17)  (18)   (19)      each with its number
//!   many         •  • ••  •  • • ••     each a dot
//!   very many    ══ ══ 1204 → ══ ══     a band: its width tells how many, its words say it exactly
//! ```
//!
//! Messages are a band in their own hue, copies a pale one; what comes back is thin, with a plus where it is a yes, and broken,
//! with a minus, where it is a no. One look fades into the next, so that nothing flickers where a count goes to and fro. What
//! is chosen stays a message with its number.

use std::collections::BTreeMap;

use mqlab_core::ids::NodeId;
use mqlab_core::observe::Place;
use mqlab_core::sim::FLOW_MIN;
use mqlab_core::sim::picture::{PacketKind, PacketView, Picture};

use super::View;
use super::layout::SMALL;
use super::packets::{self, Ways};
use super::shape::{
    Anchor, Dash, Font, Paint, Point, Rect, Scene, Shape, Stroke, Target, at, faded, line, solid, width_of,
};
use super::theme::Theme;
use super::wire::Wire;

/// With more than this on its way in all, numbers fade; they are gone when it is as many again as [`FADE`] says.
const NUMBERS_MAX: f64 = 400.0;
/// With more than this, dots fade, too: [`PACKETS_MAX`](mqlab_core::sim::PACKETS_MAX) is where they are gone.
const DOTS_MAX: f64 = 2_500.0;
/// A way with more than one message for so many pixels of it has no numbers.
const NUMBER_PITCH: f64 = 4.0;
/// A way with more than one message for so many pixels of it has no dots.
const DOT_PITCH: f64 = 2.0;
/// At so many times a bound the look above it is gone.
const FADE: f64 = 1.2;
/// The radius of a message that is a dot, of one that carries several, and of an answer or a request.
const DOT: f64 = 3.0;
const DOT_LARGE: f64 = 4.0;
const DOT_SMALL: f64 = 2.0;
/// How wide a band is for one message, and how wide at most.
const BAND: f64 = 0.6;
const BAND_MIN: f64 = 3.0;
const BAND_MAX: f64 = 18.0;
/// In lanes, where ways turn round corners.
const BAND_MAX_LANES: f64 = 8.0;
/// The part of the stage's height that all bands together may cover.
const COVERED_MAX: f64 = 0.4;
/// With more bands than this, one stands for all that goes from one node to another.
const BANDS_MAX: usize = 40;
/// Above a band of words, and between two of them.
const WORDS: Font = Font { size: SMALL, weight: 650, anchor: Anchor::Middle };
/// From one mark to the next on a band that flows.
const FLOWING: f64 = 22.0;

/// Packets that travel alike: sender, receiver, kind, place.
type Alike<'a> = (NodeId, NodeId, PacketKind, Option<&'a Place>);

/// All packets that travel alike.
#[derive(Debug, Default)]
struct Stream<'a> {
    packets: Vec<&'a PacketView>,
    /// How many there are, also those that are not told one by one.
    count: u64,
    messages: u64,
    /// How long they travel, in microseconds.
    travel: u64,
}

/// Everything that is on its way, by what travels alike.
#[derive(Debug)]
pub(super) struct Crowd<'a> {
    streams: BTreeMap<Alike<'a>, Stream<'a>>,
    total: u64,
}

/// How much of each look is seen, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Level {
    /// Of what has no number, in what is no band.
    dots: f64,
    band: f64,
}

/// How far a count is on its way from a bound to where the look above it is gone.
fn beyond(count: f64, bound: f64) -> f64 {
    ((count / bound.max(1.0) - 1.0) / (FADE - 1.0)).clamp(0.0, 1.0)
}

/// How so many are drawn on a way of a length, where there are so many in all.
fn level(count: u64, total: u64, length: f64) -> Level {
    let (count, total) = (count as f64, total as f64);
    let dots = beyond(total, NUMBERS_MAX)
        .max(beyond(count, length / NUMBER_PITCH).min(beyond(count, FLOW_MIN as f64)));
    let narrow = beyond(count, (length / DOT_PITCH).max(FLOW_MIN as f64));
    let band = if count > FLOW_MIN as f64 { narrow.max(beyond(total, DOTS_MAX)) } else { 0.0 };
    Level { dots, band }
}

impl<'a> Crowd<'a> {
    /// What is on its way; nothing where it is so little that every packet is drawn in full.
    pub(super) fn of(ways: &mut Ways<'_>, picture: &'a Picture) -> Option<Self> {
        let shown = picture.packets.iter().filter(|packet| packet.kind != PacketKind::Upkeep);
        if picture.flows.is_empty() && shown.clone().nth(FLOW_MIN as usize).is_none() {
            return None;
        }
        let mut crowd = Self { streams: BTreeMap::new(), total: 0 };
        for packet in shown {
            let alike = (packet.from, packet.to, packet.kind, packet.place.as_ref());
            let stream = crowd.streams.entry(alike).or_default();
            stream.packets.push(packet);
            stream.count += 1;
            stream.messages += packet.marks.len() as u64;
            stream.travel = packet.arrives.since(packet.departed).0;
        }
        for flow in picture.flows.iter().filter(|flow| flow.kind != PacketKind::Upkeep) {
            let stream =
                crowd.streams.entry((flow.from, flow.to, flow.kind, flow.place.as_ref())).or_default();
            stream.count = flow.packets;
            stream.messages = flow.messages;
            stream.travel = flow.travel.0;
        }
        crowd.total = crowd.streams.values().map(|stream| stream.count).sum();
        if crowd.total as f64 > NUMBERS_MAX {
            return Some(crowd);
        }
        let in_full = crowd.streams.iter().all(|((from, to, _, place), stream)| {
            stream.count <= FLOW_MIN
                || ways.way(*from, *to, *place).is_none_or(|(wire, _)| {
                    level(stream.count, 0, wire.length()) == Level { dots: 0.0, band: 0.0 }
                })
        });
        (!in_full).then_some(crowd)
    }

    /// Draws what is so much that it is a flow, and says how much it is, the most first.
    pub(super) fn bands(&self, scene: &mut Scene, ways: &mut Ways<'_>, view: &View<'_>) {
        let mut flows: Vec<(Alike<'_>, Flow)> = Vec::new();
        for (alike @ (from, to, _, place), stream) in &self.streams {
            let Some((wire, _)) = ways.way(*from, *to, *place) else { continue };
            let seen = level(stream.count, self.total, wire.length()).band;
            if seen > 0.0 {
                let Stream { count, messages, travel, .. } = *stream;
                flows.push((*alike, Flow { count, messages, travel, seen }));
            }
        }
        let together = flows.len() > BANDS_MAX;
        if together {
            flows = merged(flows);
        }
        // All bands together cover no more than a part of the stage, or none would be told from the next.
        let wide = |(alike, flow): &(Alike<'_>, Flow)| Band::of(alike.2, view.theme).width(flow.count);
        let part = (view.layout.height * COVERED_MAX / flows.iter().map(wide).sum::<f64>().max(1.0)).min(1.0);
        let mut words = Vec::new();
        for ((from, to, kind, place), flow) in flows {
            let way = if together { ways.pair(from, to) } else { ways.way(from, to, place) };
            let Some((wire, back)) = way else { continue };
            let look = Band::of(kind, view.theme);
            let count = if look.carries { flow.messages } else { flow.count };
            let most = if view.layout.narrow { BAND_MAX_LANES } else { BAND_MAX };
            let wide = (look.width(flow.count) * part).clamp(BAND_MIN, most);
            let points = wire.beside(packets::ASIDE + (wide / 2.0 - 3.0).max(0.0), back, wide / 2.0 + 1.0);
            look.draw(scene, &points, wide, flow.seen, shift(view, flow.travel, wire));
            // Its words stand beside it, where a short way leaves room for them.
            let beside = wire.beside(packets::ASIDE + wide + 8.0, back, wide / 2.0 + 1.0);
            words.push((packets::is_meant(view, from, to), count, look, beside));
        }
        words.sort_by_key(|(meant, count, ..)| std::cmp::Reverse((*meant, *count)));
        // Nothing lies on the words above the columns or lanes.
        let wide = if view.layout.narrow { view.layout.width * 0.55 } else { 90.0 };
        let captions = view.layout.captions.iter().map(|spot| Rect::new(spot.x, spot.y - 8.0, wide, 16.0));
        // Nor on the names of the cards.
        let layout = view.layout;
        let clients = layout.producers.iter().chain(&layout.consumers).map(|(_, card)| *card);
        let cards = clients.chain(layout.brokers.iter().map(|broker| broker.card));
        let names = cards.map(|card| Rect::new(card.x + 6.0, card.y + 6.0, card.w - 12.0, 24.0));
        let mut taken: Vec<Rect> = captions.chain(names).collect();
        for (_, count, look, points) in words {
            look.say(scene, view, count, &points, &mut taken);
        }
    }

    /// Draws what is no flow, dots first.
    pub(super) fn rest(&self, scene: &mut Scene, ways: &mut Ways<'_>, view: &View<'_>) {
        let mut dots: BTreeMap<(u32, &'static str, u32), Vec<Point>> = BTreeMap::new();
        let mut in_full: Vec<(&PacketView, Point, f64)> = Vec::new();
        for ((from, to, _, place), stream) in &self.streams {
            let Some((wire, back)) = ways.way(*from, *to, *place) else { continue };
            let level = level(stream.count, self.total, wire.length());
            for packet in &stream.packets {
                let spot = packets::spot(wire, back, packets::passed(view, packet));
                if packets::is_chosen(view, packet) {
                    in_full.push((packet, spot, 1.0));
                    continue;
                }
                let numberless = if few(packet, stream) { 0.0 } else { level.dots };
                let (dot, full) = ((1.0 - level.band) * numberless, (1.0 - level.band) * (1.0 - numberless));
                if dot > 0.0 {
                    let (radius, color) = as_dot(packet, view.theme);
                    let key = ((radius * 10.0) as u32, color, (dot * 100.0).ceil() as u32);
                    dots.entry(key).or_default().push(spot);
                    if let Some(mark) = packet.marks.first() {
                        scene.answers(Rect::around(spot, 10.0, 10.0), Target::Message(mark.message));
                    }
                }
                if full > 0.0 {
                    in_full.push((packet, spot, full));
                }
            }
        }
        for ((radius, color, alpha), centers) in dots {
            let paint = faded(color, f64::from(alpha) / 100.0);
            scene.shapes.push(Shape::Dots { radius: f64::from(radius) / 10.0, paint, centers });
        }
        in_full.sort_by_key(|(packet, ..)| {
            (packets::is_chosen(view, packet), !packets::is_dot(packet), packet.arrives, packet.id)
        });
        for (packet, spot, alpha) in in_full {
            let first = scene.shapes.len();
            packets::draw(scene, view, packet, spot);
            scene.fade(first, alpha);
        }
    }
}

/// What is drawn as one band.
#[derive(Clone, Copy, Debug)]
struct Flow {
    count: u64,
    messages: u64,
    travel: u64,
    /// How much of it is seen.
    seen: f64,
}

/// One flow for each two nodes and kind, whatever it is about: where so many bands would lie over each other that none is
/// seen.
fn merged(flows: Vec<(Alike<'_>, Flow)>) -> Vec<(Alike<'_>, Flow)> {
    let mut all: BTreeMap<Alike<'_>, Flow> = BTreeMap::new();
    for ((from, to, kind, _), flow) in flows {
        let sum = all.entry((from, to, kind, None)).or_insert(Flow { count: 0, messages: 0, ..flow });
        sum.count += flow.count;
        sum.messages += flow.messages;
        sum.seen = sum.seen.max(flow.seen);
    }
    all.into_iter().collect()
}

/// Whether a packet keeps its look though there are many others: it carries several messages, and there are few like it; or
/// it says no.
fn few(packet: &PacketView, stream: &Stream<'_>) -> bool {
    stream.count <= FLOW_MIN && (packet.marks.len() > 1 || packet.kind == PacketKind::Refused)
}

/// How large a packet is as a dot, and of which colour: an edge's, which stands out from every ground.
fn as_dot(packet: &PacketView, theme: &Theme) -> (f64, &'static str) {
    match packet.kind {
        PacketKind::Stored | PacketKind::Done | PacketKind::Answer => (DOT_SMALL, theme.green),
        PacketKind::Refused => (DOT, theme.vermilion),
        _ => match packet.marks.as_slice() {
            [] => (DOT_SMALL, theme.ink_3),
            [one] => (DOT, theme.hue(one.key).1),
            [one, ..] => (DOT_LARGE, theme.hue(one.key).1),
        },
    }
}

/// How far what flows in a band has come since it left, in tenths of a pixel.
fn shift(view: &View<'_>, travel: u64, wire: &Wire) -> u16 {
    let travel = travel.max(1);
    let part = (view.picture.now.0 % travel) as f64 / travel as f64;
    ((part * wire.length()) % FLOWING * 10.0) as u16
}

/// A band's look.
#[derive(Clone, Copy, Debug)]
struct Band {
    ground: Paint,
    edge: &'static str,
    /// Whether it is broken.
    dash: Dash,
    /// How wide it is, as a part of how wide messages would be.
    part: f64,
    /// What stands before its count.
    sign: &'static str,
    /// Whether messages are counted, not packets.
    carries: bool,
}

impl Band {
    fn of(kind: PacketKind, theme: &Theme) -> Self {
        let (fill, edge) = theme.hues[0];
        let messages =
            Self { ground: faded(fill, 0.4), edge, dash: Dash::None, part: 1.0, sign: "", carries: true };
        match kind {
            PacketKind::Copied => {
                Self { ground: faded(theme.hues[5].0, 0.4), edge: theme.hues[5].1, ..messages }
            }
            PacketKind::Stored | PacketKind::Done | PacketKind::Answer => {
                let ground = faded(theme.green, 0.3);
                Self { ground, edge: theme.green, part: 0.5, sign: "+", carries: false, ..messages }
            }
            PacketKind::Refused => Self {
                ground: faded(theme.vermilion, 0.6),
                edge: theme.vermilion,
                dash: Dash::Dashed,
                part: 0.5,
                sign: "−",
                carries: false,
            },
            PacketKind::Fetch | PacketKind::Copy | PacketKind::Commit | PacketKind::Call => {
                let ground = faded(theme.ink_3, 0.3);
                Self { ground, edge: theme.ink_3, part: 0.3, carries: false, ..messages }
            }
            _ => messages,
        }
    }

    fn width(&self, count: u64) -> f64 {
        ((count as f64).sqrt() * BAND * self.part).clamp(BAND_MIN, BAND_MAX)
    }

    fn draw(&self, scene: &mut Scene, points: &[Point], width: f64, seen: f64, shift: u16) {
        let paint = Paint { alpha: self.ground.alpha * seen, ..self.ground };
        scene.lines(points, Stroke { paint, width, dash: self.dash });
        let flowing = Stroke {
            paint: faded(self.edge, seen),
            width: (width * 0.25).clamp(1.2, 3.0),
            dash: Dash::Flowing { shift },
        };
        scene.lines(points, flowing);
    }

    /// Says how many there are and where they go, where there is room on the band.
    fn say(&self, scene: &mut Scene, view: &View<'_>, count: u64, points: &[Point], taken: &mut Vec<Rect>) {
        let theme = view.theme;
        let (Some(&start), Some(&end)) = (points.first(), points.last()) else { return };
        let text = format!("{}{count} {}", self.sign, arrow(start, end, view.layout.narrow));
        let (w, h) = (width_of(&text, WORDS) + 10.0, 16.0);
        let areas: Vec<Rect> = [8, 6, 10, 4, 12, 2, 14, 1, 15]
            .into_iter()
            .filter_map(|sixteenth| points.get(points.len() * sixteenth / 16))
            .map(|spot| {
                let x = spot.x.clamp(w / 2.0 + 2.0, (scene.width - w / 2.0 - 2.0).max(w / 2.0 + 2.0));
                Rect::around(at(x, spot.y), w, h)
            })
            .collect();
        let free = |area: &&Rect| !taken.iter().any(|other| overlap(area, other));
        let layout = view.layout;
        let cards = || {
            let clients = layout.producers.iter().chain(&layout.consumers).map(|(_, card)| card);
            clients.chain(layout.brokers.iter().map(|broker| &broker.card))
        };
        // Rather on a card's edge than not at all.
        let beside = areas.iter().filter(free).find(|area| !cards().any(|card| overlap(area, card)));
        let Some(area) = beside.or_else(|| areas.iter().find(free)).copied() else { return };
        scene.boxed(area, 8.0, Some(solid(theme.surface)), Some(line(self.edge, 1.0)));
        scene.text(at(area.center().x, area.center().y + 0.5), text, WORDS, theme.ink);
        taken.push(area.grown(2.0));
    }
}

fn overlap(a: &Rect, b: &Rect) -> bool {
    a.x < b.right() && b.x < a.right() && a.y < b.bottom() && b.y < a.bottom()
}

/// An arrow that points from where a way begins to where it ends: to the side in columns, up or down in lanes.
fn arrow(from: Point, to: Point, lanes: bool) -> char {
    let (dx, dy) = (to.x - from.x, to.y - from.y);
    let level = if lanes { dy.abs() < 10.0 } else { dx.abs() >= 10.0 };
    match (level, dx >= 0.0, dy >= 0.0) {
        (true, true, _) => '→',
        (true, false, _) => '←',
        (false, _, true) => '↓',
        (false, _, false) => '↑',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fade_before_dots_and_dots_before_nothing_is_told_one_by_one() {
        let full = Level { dots: 0.0, band: 0.0 };
        assert_eq!(level(8, 400, 20.0), full, "a few have their numbers, however short the way");
        assert_eq!(level(50, 400, 200.0), full);
        assert_eq!(level(80, 400, 200.0), Level { dots: 1.0, band: 0.0 });
        assert_eq!(level(130, 400, 200.0), Level { dots: 1.0, band: 1.0 });
        assert_eq!(level(8, 2_500, 200.0), Level { dots: 1.0, band: 0.0 });
        assert_eq!(
            level(20, mqlab_core::sim::PACKETS_MAX as u64, 200.0).band,
            1.0,
            "what is no longer told is not missed"
        );
        // Nothing leaps: one more makes little difference.
        let way = |count| level(count, 300, 300.0);
        let leaps = (1..300).map(|count| (way(count + 1).dots - way(count).dots).abs());
        assert!(leaps.fold(0.0, f64::max) < 0.7);
    }
}
