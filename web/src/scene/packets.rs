//! What is on its way, and the ways.

use mqlab_core::ids::NodeId;
use mqlab_core::observe::Place;
use mqlab_core::sim::picture::{ConsumerView, PacketKind, PacketView, Picture, ProducerView, Role};
use mqlab_core::sorted::{SortedMap, SortedSet};

use super::View;
use super::cards::untold;
use super::crowd::Crowd;
use super::glyph::{self, Firmness, Look};
use super::lane_ways::{GUTTER, among_lanes, down_the_side, up_from_below};
use super::layout::{BrokerPlace, Layout};
use super::shape::{Dash, Point, Rect, Scene, Shape, Stroke, Target, at, faded, solid};
use super::wire::Wire;

/// Messages and answers keep to the right of their way, so that they do not meet.
pub(super) const ASIDE: f64 = 5.0;

/// How wide a way is for the pointer.
const SPOT: f64 = 12.0;

/// A way's ends: two nodes in the order of [`side`], and the rows that it ends at; of no row, in the middle of the card.
type Ends = (NodeId, NodeId, usize, usize);

/// The ways between nodes, made when they are first needed.
pub(super) struct Ways<'a> {
    view: &'a View<'a>,
    made: SortedMap<Ends, Wire>,
}

/// On which side of the brokers a node stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Before,
    Controller,
    Broker,
    After,
}

/// Producers and users stand before brokers, brokers before consumers; services on either side.
fn side(layout: &Layout, node: NodeId) -> Side {
    match node {
        NodeId::Controller | NodeId::Voter(_) => Side::Controller,
        NodeId::Store if layout.controllers.iter().any(|(other, _)| *other == node) => Side::Controller,
        NodeId::Broker(_) | NodeId::Bookie(_) | NodeId::Store => Side::Broker,
        _ if layout.producers.iter().any(|(other, _)| *other == node) => Side::Before,
        _ => Side::After,
    }
}

/// The row of a broker's card where a way ends: first its logs are counted, then its exchanges.
fn row_of(layout: &Layout, node: NodeId, place: Option<&Place>) -> usize {
    let row = broker(layout, node).and_then(|broker| match place? {
        Place::Exchange(name) => {
            let exchange = broker.exchanges.iter().position(|exchange| exchange.name == *name)?;
            Some(broker.rows.len() + exchange)
        }
        // Drawn as what it is: something that routes.
        Place::Topic(name) => {
            let topic = broker.exchanges.iter().position(|topic| topic.name.as_str() == name.as_str())?;
            Some(broker.rows.len() + topic)
        }
        place => broker.rows.iter().position(|row| row.place == *place),
    });
    row.unwrap_or(0)
}

fn broker(layout: &Layout, node: NodeId) -> Option<&BrokerPlace> {
    layout.brokers.iter().find(|broker| broker.node == node)
}

impl<'a> Ways<'a> {
    pub(super) fn new(view: &'a View<'a>) -> Self {
        Self { view, made: SortedMap::new() }
    }

    /// The way between two nodes, and whether it is travelled against its direction.
    pub(super) fn way(&mut self, from: NodeId, to: NodeId, place: Option<&Place>) -> Option<(&Wire, bool)> {
        let layout = self.view.layout;
        let back = (side(layout, from), from) > (side(layout, to), to);
        let (a, b) = if back { (to, from) } else { (from, to) };
        let ends = (a, b, row_of(layout, a, place), row_of(layout, b, place));
        self.wire(ends, back)
    }

    /// The way between two nodes as such, whatever travels on it is about.
    pub(super) fn pair(&mut self, from: NodeId, to: NodeId) -> Option<(&Wire, bool)> {
        let layout = self.view.layout;
        let back = (side(layout, from), from) > (side(layout, to), to);
        let (a, b) = if back { (to, from) } else { (from, to) };
        self.wire((a, b, usize::MAX, usize::MAX), back)
    }

    fn wire(&mut self, ends: Ends, back: bool) -> Option<(&Wire, bool)> {
        let layout = self.view.layout;
        let wire = self.made.entry(ends).or_try_insert_with(|| make(layout, ends).ok_or(())).ok()?;
        Some((&*wire, back))
    }

    /// Draws the ways that clients and replicas use, those in use a little stronger.
    pub(super) fn draw(&mut self, scene: &mut Scene) {
        let (view, theme) = (self.view, self.view.theme);
        // Where there are many, those in use say enough, and those of the node that somebody looks at.
        let dense = view.layout.is_dense();
        let looked_at = |node: NodeId| {
            let over = matches!(view.selection.hover, Some(Target::Node(over) | Target::Control(over)) if over == node);
            over || view.selection.node == Some(node)
        };
        for (from, to, place, copies) in standing(view.declared) {
            if dense || copies || !(is_untold(view.picture, from) || is_untold(view.picture, to)) {
                continue;
            }
            let Some((wire, _)) = self.way(from, to, Some(&place)) else { continue };
            let paint = faded(theme.line_strong, 0.5);
            let stroke = Some(Stroke { paint, width: 1.2, dash: Dash::Dashed });
            scene.shapes.push(Shape::Line { points: wire.points.clone(), curved: true, fill: None, stroke });
        }
        let used = in_use(view.picture);
        for (from, to, place, copies) in standing(view.picture) {
            let used = used.contains(&(from.min(to), from.max(to), Some(&place)));
            if dense && !used && !looked_at(from) && !looked_at(to) && !is_meant(view, from, to) {
                continue;
            }
            let Some((wire, _)) = self.way(from, to, Some(&place)) else { continue };
            let alpha = if used { 1.0 } else { 0.5 };
            let dash = if copies { Dash::Dotted } else { Dash::None };
            let stroke = match is_meant(view, from, to) {
                true => Stroke { paint: solid(theme.blue), width: 2.2, dash },
                false => Stroke { paint: faded(theme.line_strong, alpha), width: 1.2, dash },
            };
            wire.spots(SPOT).for_each(|spot| {
                scene.answers(Rect::around(spot, SPOT, SPOT), Target::Link(from, to));
            });
            scene.shapes.push(Shape::Line {
                points: wire.points.clone(),
                curved: true,
                fill: None,
                stroke: Some(stroke),
            });
        }
    }

    /// Draws the ways that calls take, those in use a little stronger.
    pub(super) fn calls(&mut self, scene: &mut Scene) {
        let (view, theme) = (self.view, self.view.theme);
        let users = view.picture.users.iter().map(|user| (user.node, user.calls));
        let services = view.picture.services.iter().filter(|service| service.up);
        let services =
            services.flat_map(|service| service.calls.iter().map(move |callee| (service.node, *callee)));
        let used = in_use(view.picture);
        for (from, to) in users.chain(services) {
            let used = used.contains(&(from.min(to), from.max(to), None));
            let Some((wire, _)) = self.way(from, to, None) else { continue };
            let paint = faded(theme.line_strong, if used { 1.0 } else { 0.5 });
            let points = wire.points.clone();
            let stroke = Some(Stroke { paint, width: 1.2, dash: Dash::None });
            scene.shapes.push(Shape::Line { points, curved: true, fill: None, stroke });
        }
    }

    /// Draws what keeps the cluster together.
    pub(super) fn upkeep(&self, scene: &mut Scene) {
        let view = self.view;
        let packets = view.picture.packets.iter().filter(|packet| packet.kind == PacketKind::Upkeep);
        for packet in packets.filter(|_| view.upkeep) {
            if let Some(spot) = straight(view.layout, packet, passed(view, packet)) {
                glyph::upkeep(scene, spot, view.theme);
            }
        }
    }

    /// Draws where nothing passes. A cut one way lies on its side of the way, where its packets would be.
    pub(super) fn cuts(&mut self, scene: &mut Scene) {
        let view = self.view;
        for &(from, to) in &view.picture.cut {
            let place = standing(view.picture)
                .into_iter()
                .find_map(|(a, b, place, _)| [(a, b), (b, a)].contains(&(from, to)).then_some(place));
            let (Some(start), Some(end)) = (view.layout.card(from), view.layout.card(to)) else { continue };
            let both = view.picture.cut.contains(&(to, from));
            let aside = if both { 0.0 } else { ASIDE };
            let spot = match self.way(from, to, place.as_ref()) {
                Some((wire, false)) => wire.at(0.5, aside),
                Some((wire, true)) => wire.at(0.5, -aside),
                // No way is drawn to the controller: the sign sits on the other's card.
                None => {
                    let card = if from.is_controller() { end } else { start };
                    at(card.right() - 46.0, card.y)
                }
            };
            glyph::cut(scene, spot, view.theme);
        }
    }

    /// Draws what is so much that it is a flow.
    pub(super) fn flows(&mut self, scene: &mut Scene) {
        let view = self.view;
        if let Some(crowd) = Crowd::of(self, view.picture) {
            crowd.bands(scene, self, view);
        }
    }

    /// Draws what else is on its way, dots first: they never cover a message.
    pub(super) fn packets(&mut self, scene: &mut Scene) {
        let view = self.view;
        if let Some(crowd) = Crowd::of(self, view.picture) {
            return crowd.rest(scene, self, view);
        }
        let shown = || view.picture.packets.iter().filter(|packet| packet.kind != PacketKind::Upkeep);
        let dots = shown().filter(|packet| is_dot(packet));
        for packet in dots.chain(shown().filter(|packet| !is_dot(packet))) {
            let Some((wire, back)) = self.way(packet.from, packet.to, packet.place.as_ref()) else {
                continue;
            };
            let spot = spot(wire, back, passed(view, packet));
            draw(scene, view, packet, spot);
        }
    }
}

/// Whether somebody points at the way between two nodes, or has its menu open.
pub(super) fn is_meant(view: &View<'_>, a: NodeId, b: NodeId) -> bool {
    let pointed = match view.selection.hover {
        Some(Target::Link(from, to)) => Some((from, to)),
        _ => None,
    };
    let meant = |way: (NodeId, NodeId)| way == (a, b) || way == (b, a);
    view.selection.link.is_some_and(meant) || pointed.is_some_and(meant)
}

/// Which ways are used just now, in either direction, and what for.
fn in_use(picture: &Picture) -> SortedSet<(NodeId, NodeId, Option<&Place>)> {
    let packets = picture.packets.iter().map(|packet| (packet.from, packet.to, packet.place.as_ref()));
    let flows = picture.flows.iter().map(|flow| (flow.from, flow.to, flow.place.as_ref()));
    packets.chain(flows).map(|(from, to, place)| (from.min(to), from.max(to), place)).collect()
}

/// Where something is that has a part of its way behind it.
pub(super) fn spot(wire: &Wire, back: bool, part: f64) -> Point {
    if back { wire.at(1.0 - part, -ASIDE) } else { wire.at(part, ASIDE) }
}

/// Whether a packet carries the message that is chosen.
pub(super) fn is_chosen(view: &View<'_>, packet: &PacketView) -> bool {
    view.selection.message.is_some_and(|chosen| packet.marks.iter().any(|mark| mark.message == chosen))
}

/// The part of its way that a packet has behind it.
pub(super) fn passed(view: &View<'_>, packet: &PacketView) -> f64 {
    let whole = packet.arrives.since(packet.departed).0.max(1) as f64;
    view.picture.now.since(packet.departed).0 as f64 / whole
}

/// A way that stands there even when nothing travels on it: from, to, about what, and whether for copies.
type StandingWay = (NodeId, NodeId, Place, bool);

/// Whether a node is a broker that has nothing yet: brokers learn what to keep when the run begins.
fn is_untold(picture: &Picture, node: NodeId) -> bool {
    picture.brokers.iter().any(|broker| broker.node == node && untold(broker))
}

/// Whom a node talks with, in order: by the ways that stand, and brokers with each other and with their controllers.
pub(crate) fn peers(picture: &Picture, node: NodeId) -> Vec<NodeId> {
    let ways = standing(picture).into_iter().map(|(a, b, ..)| (a, b));
    let services = picture.services.iter();
    let calls = services.flat_map(|service| service.calls.iter().map(|callee| (service.node, *callee)));
    let controllers = picture.controllers.iter().map(|view| view.node);
    let kept = picture
        .brokers
        .iter()
        .flat_map(|broker| controllers.clone().map(move |controller| (broker.node, controller)));
    let asks = picture.users.iter().map(|user| (user.node, user.calls));
    let all = ways.chain(calls).chain(asks).chain(kept);
    let mut peers: Vec<NodeId> = all
        .filter_map(|(a, b)| match (a == node, b == node) {
            (true, false) => Some(b),
            (false, true) => Some(a),
            _ => None,
        })
        .collect();
    peers.sort_unstable();
    peers.dedup();
    peers
}

/// The ways that stand in a picture.
fn standing(picture: &Picture) -> Vec<StandingWay> {
    let mut ways = Vec::new();
    for broker in &picture.brokers {
        for exchange in broker.exchanges.iter().filter(|_| broker.up) {
            let is = |name: &mqlab_core::ids::Name| name.as_str() == exchange.name.as_str();
            let producers = picture.producers.iter().filter(|view| view.up && view.publishes && is(&view.to));
            let services = picture.services.iter().filter(|view| view.up && view.sends_to.iter().any(is));
            let senders = producers.map(|view| view.node).chain(services.map(|view| view.node));
            let place = Place::Exchange(exchange.name.clone());
            ways.extend(senders.map(|sender| (sender, broker.node, place.clone(), false)));
        }
        for strip in &broker.strips {
            // Of a queue that several nodes have, each serves the clients that are connected to it.
            let serves = matches!(strip.role, Role::Queue | Role::Leader { .. } | Role::Owner { .. })
                || strip.queue.as_ref().is_some_and(|queue| !queue.readers.is_empty());
            if !serves || !broker.up {
                continue;
            }
            let (name, index) = match &strip.place {
                Place::Queue(name) => (name, None),
                Place::Partition(partition) => (&partition.topic, Some(partition.index)),
                Place::Exchange(_) | Place::Topic(_) => continue, // nothing stands in one
            };
            let senders = picture.producers.iter().filter(|producer| {
                let meant = producer.to == *name || producer.or_to.contains(name);
                producer.up && !producer.publishes && meant
            });
            ways.extend(senders.map(|producer| (producer.node, broker.node, strip.place.clone(), false)));
            let sends = |view: &&ConsumerView| view.up && view.sends_to.contains(name);
            let onward = picture.consumers.iter().filter(sends);
            ways.extend(onward.map(|consumer| (consumer.node, broker.node, strip.place.clone(), false)));
            let asks = |view: &&ProducerView| view.up && view.reads.as_ref() == Some(name);
            let asking = picture.producers.iter().filter(asks);
            ways.extend(asking.map(|producer| (broker.node, producer.node, strip.place.clone(), false)));
            let services = || picture.services.iter().filter(|service| service.up);
            let senders = services().filter(|service| service.sends_to.contains(name));
            ways.extend(senders.map(|service| (service.node, broker.node, strip.place.clone(), false)));
            let readers = services().filter(|service| {
                service.from.as_ref() == Some(name)
                    && index.is_none_or(|index| service.assigned.contains(&index))
            });
            ways.extend(readers.map(|service| (broker.node, service.node, strip.place.clone(), false)));
            let readers = picture.consumers.iter().filter(|consumer| {
                let attached =
                    strip.queue.as_ref().is_some_and(|queue| queue.readers.contains(&consumer.node));
                consumer.up
                    && (consumer.from == *name || attached)
                    && index.is_none_or(|index| consumer.assigned.contains(&index))
            });
            ways.extend(readers.map(|consumer| (broker.node, consumer.node, strip.place.clone(), false)));
            let followers = picture.brokers.iter().filter(|other| {
                other.up
                    && other.node != broker.node
                    && other.strips.iter().any(|copy| copy.place == strip.place)
            });
            ways.extend(followers.map(|other| (broker.node, other.node, strip.place.clone(), true)));
        }
    }
    ways
}

fn make(layout: &Layout, (a, b, row_a, row_b): Ends) -> Option<Wire> {
    let (card_a, card_b) = (layout.card(a)?, layout.card(b)?);
    let port = |node: NodeId, row: usize| -> Option<f64> {
        let broker = broker(layout, node)?;
        let exchange = || broker.exchanges.get(row.checked_sub(broker.rows.len())?);
        let port = broker.rows.get(row).map(|row| row.port);
        let port = port.or_else(|| exchange().map(|exchange| exchange.area.center().y));
        Some(port.unwrap_or(broker.card.center().y))
    };
    match (side(layout, a), side(layout, b)) {
        (Side::Broker, Side::Broker) => {
            let (from, to) = (at(card_a.right(), port(a, row_a)?), at(card_b.right(), port(b, row_b)?));
            let far = layout
                .brokers
                .iter()
                .position(|broker| broker.node == a)
                .zip(layout.brokers.iter().position(|broker| broker.node == b));
            let apart = far.map_or(1, |(a, b)| a.abs_diff(b)).max(1) as f64;
            let depth = if layout.narrow { 5.0 } else { 14.0 + 13.0 * apart };
            Some(Wire::bow(from, to, depth))
        }
        (Side::Before, Side::Broker) if layout.narrow => {
            let from = at(card_a.center().x, card_a.bottom());
            let to = at(card_b.x, port(b, row_b)?);
            Some(down_the_side(from, card_b.x - 14.0, to))
        }
        (Side::Broker, Side::After) if layout.narrow => {
            let from = at(card_a.right(), port(a, row_a)?);
            let to = at(card_b.center().x, card_b.y);
            Some(up_from_below(from, card_a.right() + GUTTER, to))
        }
        // Between chips and cards, and down the gutter: the line of the chips has words on the left.
        (Side::Controller, Side::Broker) if layout.narrow => {
            let (level, gutter) = (card_a.bottom() + 3.0, card_b.right() + GUTTER);
            let to = at(card_b.right(), port(b, row_b)?);
            let from = at(card_a.center().x, card_a.bottom());
            Some(Wire::square(&[from, at(from.x, level), at(gutter, level), at(gutter, to.y), to]))
        }
        (Side::Before, Side::Broker) => {
            Some(Wire::level(at(card_a.right(), card_a.center().y), at(card_b.x, port(b, row_b)?)))
        }
        (Side::Broker, Side::After) => {
            Some(Wire::level(at(card_a.right(), port(a, row_a)?), at(card_b.x, card_b.center().y)))
        }
        _ if layout.narrow => Some(among_lanes(card_a, card_b, layout.width - 40.0 + GUTTER)),
        // Within a column calls go round the cards between, on the side where the brokers are.
        (Side::Before, Side::Before) => {
            let (from, to) = (at(card_a.right(), card_a.center().y), at(card_b.right(), card_b.center().y));
            Some(Wire::bow(from, to, round(card_a.center(), card_b.center())))
        }
        (Side::After, Side::After) => {
            let (from, to) = (at(card_a.x, card_a.center().y), at(card_b.x, card_b.center().y));
            Some(Wire::bow(from, to, -round(card_a.center(), card_b.center())))
        }
        (Side::Before, Side::After) => {
            Some(Wire::level(at(card_a.right(), card_a.center().y), at(card_b.x, card_b.center().y)))
        }
        _ => Some(Wire::level(card_a.center(), card_b.center())),
    }
}

/// How far a call within a column goes to the side.
fn round(from: Point, to: Point) -> f64 {
    (10.0 + (from.y - to.y).abs() * 0.06).min(34.0)
}

/// Upkeep goes straight and behind everything: it is there, and it is not the story.
fn straight(layout: &Layout, packet: &PacketView, part: f64) -> Option<Point> {
    let (from, to) = (layout.card(packet.from)?.center(), layout.card(packet.to)?.center());
    let part = part.clamp(0.0, 1.0);
    Some(at(from.x + (to.x - from.x) * part, from.y + (to.y - from.y) * part))
}

/// Whether a packet is drawn as a mere dot: a request, or an answer without messages.
pub(super) fn is_dot(packet: &PacketView) -> bool {
    match packet.kind {
        PacketKind::Fetch | PacketKind::Copy | PacketKind::Commit | PacketKind::Call => true,
        PacketKind::Stored | PacketKind::Refused | PacketKind::Done | PacketKind::Answer => false,
        _ => packet.marks.is_empty(),
    }
}

pub(super) fn draw(scene: &mut Scene, view: &View<'_>, packet: &PacketView, spot: Point) {
    let theme = view.theme;
    let chosen = packet.marks.iter().find(|mark| Some(mark.message) == view.selection.message);
    let selected = chosen.is_some();
    match packet.kind {
        PacketKind::Stored | PacketKind::Refused | PacketKind::Done | PacketKind::Answer => {
            glyph::answer(scene, spot, packet.kind != PacketKind::Refused, selected, theme);
            if let Some(mark) = packet.marks.first() {
                let area = Rect::around(spot, 20.0, 20.0);
                scene.answers(area, Target::Message(mark.message));
            }
        }
        PacketKind::Fetch | PacketKind::Copy | PacketKind::Call => glyph::small(scene, spot, true, theme),
        PacketKind::Commit => {
            glyph::small(scene, spot, matches!(packet.from, NodeId::Consumer(_)), theme);
        }
        _ => {
            let Some(shown) = chosen.or(packet.marks.first()).copied() else {
                return glyph::small(scene, spot, false, theme);
            };
            let count = (packet.repeats > 0).then_some(packet.repeats + 1);
            let firmness = if packet.kind == PacketKind::Copied { Firmness::Faded } else { Firmness::Solid };
            let look = Look { firmness, count, selected, width: view.layout.mark };
            glyph::batch(scene, spot, &packet.marks, shown, look, theme);
        }
    }
}
