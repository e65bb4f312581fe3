//! Where does everything stand? Columns where there is room, lanes from top to bottom where there is not.
//!
//! A layout depends on who there is and on the size of the stage, never on what happens, so nothing moves but
//! messages.

use mqlab_core::ids::NodeId;
use mqlab_core::sim::picture::{ControllerView, Picture, ServiceView};

use super::dense;
pub use super::rows::{BrokerPlace, ExchangePlace, RowPlace};
use super::rows::{CELL, HEAD, Rows, broker_place, height_of};
use super::shape::{Anchor, Font, Point, Rect, at, width_of};

/// Below this width, in pixels of the page, the stage is laid out in lanes.
pub const NARROW: f64 = 620.0;
/// No word is smaller than this.
pub const SMALL: f64 = 11.0;
/// The words within a disc.
pub const MARK_FONT: Font = Font { size: SMALL, weight: 600, anchor: Anchor::Middle };
/// A disc's height.
pub const MARK: f64 = 23.0;

/// The width of the only controller's chip, or of a metadata store's.
const CHIP: f64 = 104.0;
/// Room for the word before several controllers.
pub const CONTROLLERS_WORD: f64 = 84.0;

/// As wide as the columns are meant for; with more, everything is larger.
const WIDTH_USUAL: f64 = 800.0;
/// As large as it gets.
const SCALE_MAX: f64 = 2.2;

/// In lanes: how many stand side by side, and from which width on still three where there are several rows.
const ACROSS_MAX: usize = 3;
const THREE_MIN: f64 = 460.0;
/// In lanes: the room between two rows of cards in which ways run level, with what travels on them.
const WAYS: f64 = 34.0;

/// The tray's height.
pub(super) const TRAY: f64 = 38.0;
/// The least height that a client's card takes in its column, with the gap below it.
const CLIENT_MIN: f64 = 54.0;

/// Everything's place.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// In pixels of the scene.
    pub width: f64,
    /// In pixels of the scene; more than was given if it did not suffice.
    pub height: f64,
    /// Pixels of the page for one of the scene.
    pub scale: f64,
    /// Whether it has lanes instead of columns.
    pub narrow: bool,
    /// A message's width: a disc, or longer where numbers are long.
    pub mark: f64,
    /// Where the words above producers, brokers and consumers begin.
    pub captions: [Point; 3],
    /// Cards of those who send, then of users and of the services that they call, each in the picture's order.
    pub producers: Vec<(NodeId, Rect)>,
    /// Cards, in the picture's order.
    pub brokers: Vec<BrokerPlace>,
    /// Cards of those who receive, then of all other services, each in the picture's order.
    pub consumers: Vec<(NodeId, Rect)>,
    /// The controllers, if elections are held, in a row: a chip for the only one, a button for each of several.
    pub controllers: Vec<(NodeId, Rect)>,
    /// Whether a chip stands for a process that can be killed: a metadata store, and not the engine's own controller.
    pub chips_die: bool,
    /// Where the lost are kept.
    pub tray: Rect,
}

impl Layout {
    /// Lays a picture out on a stage of so many pixels of the page.
    pub fn new(picture: &Picture, width: f64, height: f64) -> Self {
        let mark = mark_width(picture);
        if width < NARROW {
            return lanes(picture, width.max(280.0), height, mark);
        }
        let fits = |layout: &Self| layout.height <= height / layout.scale + 0.5;
        let most = ((width / WIDTH_USUAL).min(SCALE_MAX) * 20.0).floor() / 20.0;
        // As large as it can be; where it is not, smaller before closer, and closer before it must be scrolled.
        let larger = (0..).map(|step| most - f64::from(step) * 0.05).take_while(|scale| *scale > 1.0);
        let usual = larger.chain([1.0, 0.94, 0.88]);
        let mut usual =
            usual.map(|scale| columns(picture, (width / scale, height / scale), scale, mark, &Rows::ALL));
        if let Some(layout) = usual.find(fits) {
            return layout;
        }
        // Where topics have subscriptions, these may say how many they have, and leave the room to the topics' messages.
        if dense::has_subscriptions(picture) {
            let listed = [1.0, 0.94, 0.88].into_iter();
            let mut listed = listed
                .map(|scale| columns(picture, (width / scale, height / scale), scale, mark, &[Rows::LISTED]));
            if let Some(layout) = listed.find(fits) {
                return layout;
            }
        }
        let closer = dense::GRIDS.flat_map(|grid| [1.0, 0.94, 0.88].map(|scale| (grid, scale)));
        let mut closer = closer.filter_map(|(grid, scale)| {
            dense::lay_out(picture, (width / scale, height / scale), scale, grid, mark)
        });
        closer.find(fits).unwrap_or_else(|| columns(picture, (width, height), 1.0, mark, &Rows::ALL))
    }

    /// Whether logs are lines of a list, because there are so many of them: all of them, and not subscriptions alone.
    pub fn is_dense(&self) -> bool {
        let mut rows = self.brokers.iter().flat_map(|broker| &broker.rows).peekable();
        rows.peek().is_some() && rows.all(RowPlace::is_line)
    }

    /// The most cells that a strip can show.
    pub fn cells_max(&self) -> usize {
        self.brokers.iter().flat_map(|broker| &broker.rows).map(RowPlace::room).max().unwrap_or(0)
    }

    /// How much of the line above the brokers the controllers take, with the word before them.
    pub fn controllers_width(&self) -> f64 {
        match (self.controllers.first(), self.controllers.last()) {
            (Some((first, start)), Some((_, end))) => {
                let word = if *first == NodeId::Controller || self.narrow { 0.0 } else { CONTROLLERS_WORD };
                end.right() - start.x + word + 10.0
            }
            _ => 0.0,
        }
    }

    /// A node's card.
    pub fn card(&self, node: NodeId) -> Option<Rect> {
        match node {
            NodeId::Controller | NodeId::Voter(_) | NodeId::NameServer(_) => self.chip(node),
            NodeId::Broker(_) | NodeId::Bookie(_) | NodeId::Store => {
                let broker = self.brokers.iter().find(|broker| broker.node == node);
                broker.map(|broker| broker.card).or_else(|| self.chip(node))
            }
            _ => {
                let clients = self.producers.iter().chain(&self.consumers);
                clients.into_iter().find(|(client, _)| *client == node).map(|(_, card)| *card)
            }
        }
    }

    fn chip(&self, node: NodeId) -> Option<Rect> {
        self.controllers.iter().find(|(other, _)| *other == node).map(|(_, area)| *area)
    }

    /// A node's control: the small round button in its corner.
    pub fn control(&self, node: NodeId) -> Option<Rect> {
        let card = self.card(node)?;
        let is_chip = self.controllers.iter().any(|(other, _)| *other == node);
        if is_chip && matches!(node, NodeId::Controller | NodeId::Store) {
            return self.chips_die.then_some(card);
        }
        if is_chip || node.is_controller() {
            return Some(card); // it is a button as a whole
        }
        let middle = if card.h < 40.0 { card.h / 2.0 } else { 18.0 };
        Some(Rect::around(
            at(card.right() - if card.h < 40.0 { 13.0 } else { 17.0 }, card.y + middle),
            24.0,
            24.0,
        ))
    }
}

/// The width of a disc that holds the longest number of the run, with its key's letter.
fn mark_width(picture: &Picture) -> f64 {
    let planned: u64 = picture.producers.iter().map(|producer| producer.planned).sum();
    let planned = planned + picture.users.iter().map(|user| user.planned).sum::<u64>();
    let digits = planned.max(10).to_string().len();
    let cells = picture.brokers.iter().flat_map(|broker| &broker.strips).flat_map(|strip| &strip.cells);
    let waiting = picture.producers.iter().flat_map(|producer| &producer.waiting);
    let keyed = cells.filter_map(|cell| cell.mark).chain(waiting.copied()).any(|mark| mark.key.is_some())
        || picture
            .brokers
            .iter()
            .flat_map(|broker| &broker.strips)
            .any(|strip| strip.high_watermark.is_some());
    let longest = format!("{}{}", if keyed { "B" } else { "" }, "8".repeat(digits.min(4)));
    MARK.max(width_of(&longest, MARK_FONT) + 3.0).min(36.0)
}

/// Who stands before the brokers, and who after. A service that users call stands with them; one that is called by
/// services, or reads what brokers keep, stands with the consumers.
pub(super) fn sides(picture: &Picture) -> (Vec<NodeId>, Vec<NodeId>) {
    let called = |service: &ServiceView| picture.users.iter().any(|user| user.calls == service.node);
    let in_front = |service: &&ServiceView| service.from.is_none() && called(service);
    let senders = picture.producers.iter().map(|view| view.node);
    let users = picture.users.iter().map(|view| view.node);
    let front = picture.services.iter().filter(in_front).map(|view| view.node);
    let readers = picture.consumers.iter().map(|view| view.node);
    let behind = picture.services.iter().filter(|service| !in_front(service)).map(|view| view.node);
    (senders.chain(users).chain(front).collect(), readers.chain(behind).collect())
}

/// Columns, with rows as roomy as there is room for, of these.
fn columns(picture: &Picture, (width, height): (f64, f64), scale: f64, mark: f64, of: &[Rows]) -> Layout {
    let small = width < 760.0;
    let (margin, left, right) = if small { (14.0, 104.0, 112.0) } else { (28.0, 120.0, 134.0) };
    let rest = width - 2.0 * margin - left - right;
    let card = (rest - 2.0 * (rest * 0.125).clamp(46.0, 130.0)).min(560.0);
    let gap = (rest - card) / 2.0;
    let (top, bottom) = (52.0, TRAY + 30.0);
    let room = height - top - bottom;
    let count = picture.brokers.len().max(1) as f64;
    let (in_front, behind) = sides(picture);
    let all =
        |rows: Rows| picture.brokers.iter().map(|broker| height_of(broker, rows, room / count)).sum::<f64>();
    let fits = |rows: &Rows| all(*rows) + (count - 1.0) * 14.0 <= room;
    let tightest = of.last().copied().unwrap_or(Rows::TIGHT);
    let rows = of.iter().copied().find(fits).unwrap_or(tightest);
    let between = ((room - all(rows)) / count).clamp(14.0, 46.0);
    let tall = if picture.brokers.is_empty() { room } else { all(rows) + between * (count - 1.0) };
    // Where many clients stand beside few brokers, they decide how high the stage is.
    let span = tall.max(in_front.len().max(behind.len()) as f64 * CLIENT_MIN);
    let start = top + ((room - span) / 2.0).max(0.0);
    let mut y = start + (span - tall) / 2.0;
    let brokers = picture.brokers.iter().map(|broker| {
        let area = Rect::new(margin + left + gap, y, card, height_of(broker, rows, room / count));
        y = area.bottom() + between;
        broker_place(broker, area, rows, mark)
    });
    let brokers: Vec<BrokerPlace> = brokers.collect();
    let top_of_brokers = brokers.first().map_or(start, |broker| broker.card.y);
    let (sender, reader) = (72.0, 94.0);
    let height = height.max(start + span + bottom);
    let over_brokers = top_of_brokers - 20.0;
    let producers = column(&in_front, margin, left, sender, start, span);
    let consumers = column(&behind, width - margin - right, right, reader, start, span);
    // Words stand on one line, and higher where a column's cards begin higher.
    let over = |cards: &[(NodeId, Rect)]| {
        cards.first().map_or(over_brokers, |(_, card)| over_brokers.min(card.y - 17.0))
    };
    let controllers = controllers(picture, margin + left + gap + card, over_brokers - 11.0);
    Layout {
        width,
        height,
        scale,
        narrow: false,
        mark,
        captions: [
            at(margin, over(&producers)),
            at(margin + left + gap, over_brokers),
            at(width - margin - right, over(&consumers)),
        ],
        producers,
        consumers,
        brokers,
        controllers,
        chips_die: picture.system.is_some(),
        tray: Rect::new(margin, height - TRAY - 14.0, width - 2.0 * margin, TRAY),
    }
}

/// The controllers in a row that ends at `right`: where elections are held, or a quorum could be lost.
pub(super) fn controllers(picture: &Picture, right: f64, y: f64) -> Vec<(NodeId, Rect)> {
    let all = &picture.controllers;
    let keeps = all.first().is_some_and(|view| matches!(view.node, NodeId::NameServer(_)));
    let chips = all.iter().all(|view| matches!(view.node, NodeId::Controller | NodeId::Store));
    let (wide, step) = if (all.len() > 1 && !chips) || keeps { (26.0, 30.0) } else { (CHIP, CHIP + 6.0) };
    if all.len() < 2 && picture.brokers.len() < 2 && !keeps {
        return Vec::new();
    }
    let start = right - step * (all.len() as f64 - 1.0) - wide;
    let place = |(index, view): (usize, &ControllerView)| {
        (view.node, Rect::new(start + step * index as f64, y, wide, 22.0))
    };
    all.iter().enumerate().map(place).collect()
}

/// Cards below each other, evenly over a span.
fn column(nodes: &[NodeId], x: f64, width: f64, height: f64, start: f64, span: f64) -> Vec<(NodeId, Rect)> {
    let count = nodes.len().max(1) as f64;
    // Where the middle is lower than its neighbours, they reach beyond it, as far as the stage goes.
    let span_wanted = span.max(count * (height + 12.0)).min(span + 2.0 * (start - 40.0).max(0.0));
    let (start, span) = (start - (span_wanted - span) / 2.0, span_wanted);
    let share = span / count;
    let height = height.min(share - 6.0).max(46.0);
    nodes
        .iter()
        .enumerate()
        .map(|(index, node)| {
            let middle = start + share * (index as f64 + 0.5);
            (*node, Rect::new(x, middle - height / 2.0, width, height))
        })
        .collect()
}

fn lanes(picture: &Picture, width: f64, height: f64, mark: f64) -> Layout {
    let (margin, gutter) = (12.0, 28.0);
    let lane = |nodes: Vec<NodeId>, top: f64, height: f64| -> (Vec<(NodeId, Rect)>, f64) {
        // Several rows leave room for the ways between them, and on both sides as the brokers do.
        let rows_follow = nodes.len() > ACROSS_MAX;
        let (side, below) = if rows_follow { (margin + gutter, WAYS) } else { (margin, 0.0) };
        let across = match rows_follow {
            true if width < THREE_MIN => 2,
            true => ACROSS_MAX,
            false => nodes.len().max(1),
        };
        let gap = 8.0;
        let card = ((width - 2.0 * side - gap * (across - 1) as f64) / across as f64).min(168.0);
        let inset = (width - card * across as f64 - gap * (across - 1) as f64) / 2.0;
        let places = nodes.iter().enumerate().map(|(index, node)| {
            let (column, row) = (index % across, index / across);
            let x = inset + column as f64 * (card + gap);
            (*node, Rect::new(x, top + row as f64 * (height + below), card, height))
        });
        let rows = nodes.len().div_ceil(across).max(1);
        (places.collect(), top + rows as f64 * (height + below) - below)
    };
    let (left, right) = sides(picture);
    let (producers, below) = lane(left, 32.0, 58.0);
    // Its words begin where those on the cards do: the ways in the gutter turn before them.
    let brokers_caption = at(margin + gutter + 13.0, below + WAYS + 8.0);
    let mut y = brokers_caption.y + 16.0;
    let mut brokers = Vec::new();
    for broker in &picture.brokers {
        let area = Rect::new(
            margin + gutter,
            y,
            width - 2.0 * (margin + gutter),
            height_of(broker, Rows::LANES, HEAD + 60.0 + 5.0 * (CELL + 3.0)),
        );
        brokers.push(broker_place(broker, area, Rows::LANES, mark));
        y = area.bottom() + 14.0;
    }
    let readers_caption = at(margin, y + 16.0);
    let (consumers, below) = lane(right, readers_caption.y + WAYS + 8.0, 94.0);
    let tray = Rect::new(margin, below + 16.0, width - 2.0 * margin, TRAY);
    let controllers = controllers(picture, width - margin - gutter, brokers_caption.y - 11.0);
    Layout {
        width,
        height: (tray.bottom() + 12.0).max(height.min(tray.bottom() + 12.0)),
        scale: 1.0,
        narrow: true,
        mark,
        captions: [at(margin, 18.0), brokers_caption, readers_caption],
        producers,
        brokers,
        consumers,
        controllers,
        chips_die: picture.system.is_some(),
        tray,
    }
}
