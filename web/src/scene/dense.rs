//! Where does everything stand when there is too much of it? Closer: brokers in a grid with a line for each log, clients as
//! chips in columns.
//!
//! ```text
//!   producers          brokers                              consumers
//!   +------+------+   +- broker 1 ---+- broker 2 ---+      +------+------+
//!   |p-1   |p-2   |   | orders/0  l  | orders/1  l  |      |c-1   |c-2   |
//!   +------+------+   | orders/3  f  | orders/4  f  |      +------+------+
//!   |p-3   |p-4   |   +- broker 3 ---+- broker 4 ---+      |c-3   |c-4   |
//!   +------+------+   +--------------+--------------+      +------+------+
//! ```
//!
//! Nobody reads the numbers of sixty logs' records: a line says who leads, and how far the log has come, and shows records
//! as dots where it is wide enough. The view of logs, and a closer look at the stage, are for what is left out here.

use mqlab_core::ids::NodeId;
use mqlab_core::observe::Place;
use mqlab_core::sim::picture::Picture;

use super::layout::{Layout, TRAY, controllers, sides};
use super::rows::{BrokerPlace, LINE_OF_LIST, list_height, list_place};
use super::shape::{Rect, at};

/// How many brokers stand side by side, the fewest first.
pub(super) const GRIDS: std::ops::RangeInclusive<usize> = 1..=4;
/// A chip's height, with the gap below it, and its least width.
const CHIP: f64 = 30.0;
const CHIP_WIDTH: f64 = 78.0;
/// The most chips side by side.
const ACROSS_MAX: usize = 3;
/// The least width of a broker's card.
const CARD_MIN: f64 = 112.0;
/// Between the columns, for the ways.
const WAYS: f64 = 28.0;
const GAP: f64 = 10.0;

/// Whether some broker has topics and, in rows of their own, those who read them.
pub(super) fn has_subscriptions(picture: &Picture) -> bool {
    picture.brokers.iter().any(|broker| {
        let partitions = broker.strips.iter().filter(|strip| matches!(strip.place, Place::Partition(_)));
        (1..broker.strips.len()).contains(&partitions.count())
    })
}

/// Chips in as many columns as their number needs, evenly over a height; they begin at `x`, or end there.
fn chips(nodes: &[NodeId], across: usize, x: f64, (top, room): (f64, f64)) -> Vec<(NodeId, Rect)> {
    let rows = nodes.len().div_ceil(across.max(1)).max(1);
    let pitch = (room / rows as f64).clamp(CHIP, 56.0);
    let start = top + ((room - pitch * rows as f64) / 2.0).max(0.0);
    let place = |(index, node): (usize, &NodeId)| {
        let (column, row) = (index % across, index / across);
        let x = x + column as f64 * (CHIP_WIDTH + 6.0);
        (*node, Rect::new(x, start + row as f64 * pitch, CHIP_WIDTH, CHIP - 4.0))
    };
    nodes.iter().enumerate().map(place).collect()
}

/// How many chips must stand side by side, so that all fit.
fn across(count: usize, room: f64) -> usize {
    let fits = (room / CHIP).floor().max(1.0) as usize;
    count.div_ceil(fits).clamp(1, ACROSS_MAX)
}

/// Lays a picture out with so many brokers side by side; nothing where their cards would be too narrow.
pub(super) fn lay_out(
    picture: &Picture,
    (width, height): (f64, f64),
    scale: f64,
    grid: usize,
    mark: f64,
) -> Option<Layout> {
    let (margin, top, bottom) = (16.0, 52.0, TRAY + 26.0);
    let room = height - top - bottom;
    let (front, behind) = sides(picture);
    let (before, after) = (across(front.len(), room), across(behind.len(), room));
    let wide = |across: usize| across as f64 * (CHIP_WIDTH + 6.0) - 6.0;
    let left = margin + wide(before) + WAYS;
    let whole = width - left - WAYS - wide(after) - margin;
    let card = (whole - GAP * (grid as f64 - 1.0)) / grid as f64;
    if card < CARD_MIN {
        return None;
    }
    let heights: Vec<f64> = picture.brokers.iter().map(list_height).collect();
    let lines: Vec<f64> =
        heights.chunks(grid).map(|line| line.iter().copied().fold(LINE_OF_LIST, f64::max)).collect();
    let tall = lines.iter().sum::<f64>() + GAP * lines.len().saturating_sub(1) as f64;
    let mut y = top + ((room - tall) / 2.0).max(0.0);
    let mut brokers: Vec<BrokerPlace> = Vec::with_capacity(picture.brokers.len());
    for (line, high) in picture.brokers.chunks(grid).zip(&lines) {
        for (column, broker) in line.iter().enumerate() {
            let x = left + column as f64 * (card + GAP);
            brokers.push(list_place(broker, Rect::new(x, y, card, *high)));
        }
        y += high + GAP;
    }
    let chips_of = |count: usize, across: usize| count.div_ceil(across) as f64 * CHIP;
    let clients = chips_of(front.len(), before).max(chips_of(behind.len(), after));
    let span = tall.max(clients);
    let right = width - margin - wide(after);
    let over = brokers.first().map_or(top, |broker| broker.card.y) - 20.0;
    let producers = chips(&front, before, margin, (top, room.max(clients)));
    let consumers = chips(&behind, after, right, (top, room.max(clients)));
    let caption = |cards: &[(NodeId, Rect)]| cards.first().map_or(over, |(_, card)| over.min(card.y - 17.0));
    Some(Layout {
        width,
        height: height.max(top + span + bottom),
        scale,
        narrow: false,
        mark,
        captions: [at(margin, caption(&producers)), at(left, over), at(right, caption(&consumers))],
        producers,
        brokers,
        consumers,
        controllers: controllers(picture, left + whole, over - 11.0),
        chips_die: picture.system.is_some(),
        tray: Rect::new(margin, height.max(top + span + bottom) - TRAY - 12.0, width - 2.0 * margin, TRAY),
    })
}
