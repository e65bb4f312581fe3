//! Which ways do messages go where everything stands in lanes? Round the cards, in gutters on both sides and in the room between
//! rows, so that nothing that travels lies on words.
//!
//! ```text
//!        [shop] [app]
//!    .-----'------'              down a gutter on the left, into a broker's side
//!    |   [ broker 1 ] -.
//!    '-> [ broker 2 ] -|         out of a broker's side, down a gutter on the right
//!          .-------.---'
//!       [anna]   [ben]
//! ```

use super::shape::{Point, Rect, at};
use super::wire::Wire;

/// In lanes: how far on the right of the brokers' cards ways go down; a batch with its count has room beside them.
pub(super) const GUTTER: f64 = 11.0;

/// From a card above, down a gutter on the left, into a card's left side.
pub(super) fn down_the_side(from: Point, x: f64, to: Point) -> Wire {
    let (level, turn) = (from.y + 16.0, 12.0);
    let toward = if from.x > x { -1.0 } else { 1.0 };
    Wire::new(vec![
        from,
        at(from.x, level),
        at(from.x, level),
        at(from.x + toward * turn, level),
        at(from.x + toward * turn, level),
        at(x - toward * turn, level),
        at(x - toward * turn, level),
        at(x, level),
        at(x, level),
        at(x, level + turn),
        at(x, level + turn),
        at(x, to.y - turn),
        at(x, to.y - turn),
        at(x, to.y),
        at(x, to.y),
        to,
    ])
}

/// Out of a card's right side, down a gutter, into a card below.
pub(super) fn up_from_below(from: Point, x: f64, to: Point) -> Wire {
    let (level, turn) = (to.y - 16.0, 12.0);
    let toward = if to.x > x { 1.0 } else { -1.0 };
    Wire::new(vec![
        from,
        at(x, from.y),
        at(x, from.y),
        at(x, from.y + turn),
        at(x, from.y + turn),
        at(x, level - turn),
        at(x, level - turn),
        at(x, level),
        at(x, level),
        at(x + toward * turn, level),
        at(x + toward * turn, level),
        at(to.x - toward * turn, level),
        at(to.x - toward * turn, level),
        at(to.x, level),
        at(to.x, level),
        to,
    ])
}

/// From one client's card to another's: round below where both stand in a row, and else down the gutter on the right, where
/// no card is in between.
pub(super) fn among_lanes(a: Rect, b: Rect, gutter: f64) -> Wire {
    let (from, level) = (at(a.center().x, a.bottom()), a.bottom() + 16.0);
    if (a.y - b.y).abs() < a.h.min(b.h) {
        return Wire::square(&[
            from,
            at(from.x, level),
            at(b.center().x, level),
            at(b.center().x, b.bottom()),
        ]);
    }
    let (upper, lower) = if a.y < b.y { (a, b) } else { (b, a) };
    let (start, end) = (at(upper.center().x, upper.bottom()), at(lower.center().x, lower.y));
    let (leaves, comes) = (start.y + 16.0, end.y - 16.0);
    let next = comes - leaves < 24.0;
    let mut corners = match next {
        true => vec![start, at(start.x, comes), at(end.x, comes), end],
        false => {
            vec![start, at(start.x, leaves), at(gutter, leaves), at(gutter, comes), at(end.x, comes), end]
        }
    };
    if a.y > b.y {
        corners.reverse();
    }
    Wire::square(&corners)
}
