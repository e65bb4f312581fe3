//! What stands where on a broker's card: exchanges above, then a row for each log.
//!
//! ```text
//!  +- broker 1 --------------------------+
//!  | .--[<> orders  topic]               |   an exchange; its way goes down the gutter on the left
//!  | |  eu   order.eu.#       2 of 9 ready|   a queue's name, the keys that lead here, its figures
//!  | '->[ ][ ][ ][ ][ ][ ]             - |   its cells; the way of its dead letters is on the right
//!  |    dead letters go to graves      ; |
//!  |    graves                  3 ready  |
//!  |    [ ][ ][ ][ ][ ][ ]            <' |
//!  |    partition 0  leader       next 9 |   a partition's name and role above its cells, where the card is high
//!  |    [ ][ ][ ][ ][ ][ ]               |   enough; else beside them, where they take room from cells
//!  +-------------------------------------+
//! ```

use mqlab_core::observe::Place;
use mqlab_core::routing::ExchangeName;
use mqlab_core::sim::picture::{BrokerView, ExchangeView, StripView};

use super::glyph::DOT_STEP;
use super::shape::{Point, Rect, at};

/// Between two cells.
const CELL_GAP: f64 = 3.0;
/// A cell's height.
pub(super) const CELL: f64 = 27.0;
/// From one line of cells to the next.
const LINE: f64 = CELL + 3.0;
/// A broker's title.
pub(super) const HEAD: f64 = 32.0;
/// Rows of a queue that has its broker for itself.
const QUEUE_LINES: usize = 4;
/// The line above a queue's cells, where there are several queues.
const NAME: f64 = 17.0;
/// The line below a queue's cells, where there is room.
const NOTE: f64 = 16.0;
/// An exchange, with the gap below it.
const EXCHANGE: f64 = 27.0;
/// From one way in the gutter to the next.
const RAIL: f64 = 8.0;
/// The most ways side by side; more share them.
const RAILS_MAX: usize = 5;

/// A broker's place.
#[derive(Clone, Debug, PartialEq)]
pub struct BrokerPlace {
    /// Which.
    pub node: mqlab_core::ids::NodeId,
    /// Its card.
    pub card: Rect,
    /// Its exchanges, in the picture's order.
    pub exchanges: Vec<ExchangePlace>,
    /// Its strips, in the picture's order.
    pub rows: Vec<RowPlace>,
}

/// An exchange's place.
#[derive(Clone, Debug, PartialEq)]
pub struct ExchangePlace {
    /// Which.
    pub name: ExchangeName,
    /// As it will be: what is drawn of it while its broker does not have it yet.
    pub declared: ExchangeView,
    /// The most that it may take.
    pub area: Rect,
    /// Where its way to its queues goes down.
    pub rail: f64,
}

/// A strip's place.
#[derive(Clone, Debug, PartialEq)]
pub struct RowPlace {
    /// Which log.
    pub place: Place,
    /// The height at which wires end.
    pub port: f64,
    /// Where the label begins, and how wide it may be; nothing where it stands in the card's title.
    pub label: Option<(Point, f64)>,
    /// Where the first cell begins.
    pub first: Point,
    /// Cells in a line; of a line of a list, how many records it shows as dots.
    pub columns: usize,
    /// Lines of cells; none where it is a line of a list.
    pub lines: usize,
    /// Where the words to the right begin, and how wide they may be; those on a line above the cells end there.
    pub words: (Point, f64),
    /// The height of the words below the cells, where there is room for them.
    pub note: Option<f64>,
}

impl RowPlace {
    /// The cell with a number counted from the first one shown.
    pub fn cell(&self, index: usize, mark: f64) -> Option<Rect> {
        let (column, row) = (index % self.columns.max(1), index / self.columns.max(1));
        (row < self.lines).then(|| {
            let pitch = mark + 2.0 * CELL_GAP;
            let (x, y) = (self.first.x + column as f64 * pitch, self.first.y + row as f64 * LINE);
            Rect::new(x, y, pitch - 2.0, CELL)
        })
    }

    /// Whether its name stands above its cells.
    pub fn named_above(&self) -> bool {
        self.label.is_some_and(|(spot, _)| spot.y < self.first.y)
    }

    /// Whether it is a line of a list, without cells: its records are dots, where it is wide enough.
    pub const fn is_line(&self) -> bool {
        self.lines == 0
    }

    /// As many records as there is room for.
    pub fn room(&self) -> usize {
        self.columns * self.lines.max(1)
    }

    /// Where a record of a line of a list stands, by its number counted from the first one shown.
    pub fn dot(&self, index: usize) -> Option<Point> {
        let x = self.first.x + (index as f64 + 0.5) * DOT_STEP;
        (self.is_line() && index < self.columns).then(|| at(x, self.first.y))
    }
}

/// How much room rows take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rows {
    /// A partition's height.
    partition: f64,
    /// Whether a partition's name stands above its cells.
    above: bool,
    /// Whether there are words below the cells.
    noted: bool,
    /// Lines of cells of one queue of several; none where it is a line of a list.
    lines: usize,
}

impl Rows {
    /// As little as can be.
    pub(super) const TIGHT: Self = Self { partition: 32.0, above: false, noted: false, lines: 1 };
    /// The same, and what is no partition is a line of a list.
    pub(super) const LISTED: Self = Self { lines: 0, ..Self::TIGHT };
    /// In lanes, where the page may be as long as it needs to be.
    pub(super) const LANES: Self = Self { partition: NAME + 44.0, above: true, noted: true, lines: 1 };
    /// From the most room to the least.
    pub(super) const ALL: [Self; 6] = [
        Self::roomy(3),
        Self::roomy(2),
        Self::roomy(1),
        Self { partition: 45.0, above: false, ..Self::roomy(1) },
        Self { noted: true, ..Self::TIGHT },
        Self::TIGHT,
    ];

    const fn roomy(lines: usize) -> Self {
        Self { partition: NAME + 45.0, above: true, noted: true, lines }
    }

    fn height(self, strip: &StripView) -> f64 {
        match strip.place {
            Place::Partition(_) => self.partition,
            _ if self.lines == 0 => LINE_OF_LIST,
            _ => NAME + self.lines as f64 * LINE + if self.noted { NOTE + 7.0 } else { 5.0 },
        }
    }
}

/// A broker's height.
pub(super) fn height_of(broker: &BrokerView, rows: Rows, room: f64) -> f64 {
    if only_queue(broker) {
        return HEAD + queue_lines(room) as f64 * LINE + 34.0;
    }
    let strips: f64 = broker.strips.iter().map(|strip| rows.height(strip)).sum();
    let exchanges = broker.exchanges.len() as f64 * EXCHANGE;
    HEAD + exchanges + strips.max(rows.partition) + 8.0
}

fn only_queue(broker: &BrokerView) -> bool {
    let alone = broker.strips.len() == 1 && broker.exchanges.is_empty();
    alone && matches!(broker.strips[0].place, Place::Queue(_))
}

fn queue_lines(room: f64) -> usize {
    (((room - HEAD - 60.0) / LINE) as usize).clamp(2, QUEUE_LINES)
}

/// Lays a broker's card out.
pub(super) fn broker_place(broker: &BrokerView, card: Rect, rows: Rows, mark: f64) -> BrokerPlace {
    let pad = if card.w < 330.0 { 10.0 } else { 14.0 };
    if only_queue(broker) {
        let places = vec![alone(broker, card, pad, mark)];
        return BrokerPlace { node: broker.node, card, exchanges: Vec::new(), rows: places };
    }
    let rails = broker.exchanges.len().min(RAILS_MAX);
    let gutter = if rails == 0 { 0.0 } else { rails as f64 * RAIL + 6.0 };
    let inside = Rect::new(card.x + pad + gutter, card.y, card.w - 2.0 * pad - gutter, card.h);
    let exchange = |(index, view): (usize, &ExchangeView)| ExchangePlace {
        name: view.name.clone(),
        declared: view.clone(),
        area: Rect::new(inside.x, card.y + HEAD + index as f64 * EXCHANGE, inside.w, EXCHANGE - 6.0),
        rail: inside.x - 10.0 - (index % RAILS_MAX) as f64 * RAIL,
    };
    let exchanges: Vec<ExchangePlace> = broker.exchanges.iter().enumerate().map(exchange).collect();
    let mut y = card.y + HEAD + exchanges.len() as f64 * EXCHANGE;
    let place = |strip: &StripView| {
        let top = y;
        y += rows.height(strip);
        match strip.place {
            Place::Partition(_) => partition(strip, inside, top, rows, card.w < 330.0, mark),
            _ if rows.lines == 0 => list_row(strip, inside, top + 0.5 * LINE_OF_LIST),
            _ => among(strip, inside, top, rows, mark),
        }
    };
    let places = broker.strips.iter().map(place).collect();
    BrokerPlace { node: broker.node, card, exchanges, rows: places }
}

/// A queue that has its broker for itself.
fn alone(broker: &BrokerView, card: Rect, pad: f64, mark: f64) -> RowPlace {
    let pitch = mark + 2.0 * CELL_GAP;
    let columns = ((card.w - 2.0 * pad) / pitch) as usize;
    let lines = ((card.h - HEAD - 34.0) / LINE).round() as usize;
    let inset = (card.w - columns as f64 * pitch + 2.0) / 2.0;
    RowPlace {
        place: broker.strips[0].place.clone(),
        port: card.center().y,
        label: None,
        first: at(card.x + inset, card.y + HEAD),
        columns,
        lines,
        words: (at(card.right() - pad, card.bottom() - 16.0), card.w / 2.0 - pad),
        note: Some(card.bottom() - 16.0),
    }
}

/// One queue of several, or one that exchanges lead to.
fn among(strip: &StripView, inside: Rect, top: f64, rows: Rows, mark: f64) -> RowPlace {
    let pitch = mark + 2.0 * CELL_GAP;
    // On the right there is room for the way that dead letters take.
    let columns = (((inside.w - 10.0) / pitch) as usize).max(2);
    let cells = top + NAME;
    let bottom = cells + rows.lines as f64 * LINE - 3.0;
    RowPlace {
        place: strip.place.clone(),
        port: cells + CELL / 2.0,
        label: Some((at(inside.x, top + NAME / 2.0 - 1.0), inside.w)),
        first: at(inside.x, cells),
        columns,
        lines: rows.lines,
        words: (at(inside.x + columns as f64 * pitch - 2.0, top + NAME / 2.0 - 1.0), inside.w),
        note: rows.noted.then_some(bottom + NOTE / 2.0 + 3.0),
    }
}

fn partition(strip: &StripView, inside: Rect, y: f64, rows: Rows, small: bool, mark: f64) -> RowPlace {
    if rows.above {
        let pitch = mark + 2.0 * CELL_GAP;
        let columns = (((inside.w + 2.0) / pitch) as usize).max(2);
        let (middle, cells) = (y + NAME / 2.0 - 2.0, y + NAME);
        let end = inside.x + columns as f64 * pitch - 2.0;
        return RowPlace {
            place: strip.place.clone(),
            port: cells + CELL / 2.0,
            label: Some((at(inside.x, middle), inside.w * 0.62)),
            first: at(inside.x, cells),
            columns,
            lines: 1,
            words: (at(end, middle), inside.w * 0.36),
            note: Some(cells + CELL + 9.0),
        };
    }
    let (label, words) = if small { (62.0, 46.0) } else { (76.0, 50.0) };
    let pitch = mark + 2.0 * CELL_GAP;
    let note = (rows.partition > Rows::TIGHT.partition).then_some(y + CELL + 9.0);
    if let Some(note) = note {
        // The words end on the line below, and leave their place to cells.
        let columns = (((inside.w + 2.0 - label) / pitch) as usize).max(2);
        return RowPlace {
            place: strip.place.clone(),
            port: y + CELL / 2.0,
            label: Some((at(inside.x, y + CELL / 2.0), label - 4.0)),
            first: at(inside.x + label, y),
            columns,
            lines: 1,
            words: (at(inside.x + label + columns as f64 * pitch - 2.0, note), 60.0),
            note: Some(note),
        };
    }
    let columns = (((inside.w - label - words) / pitch) as usize).max(2);
    let after = columns as f64 * pitch;
    RowPlace {
        place: strip.place.clone(),
        port: y + CELL / 2.0,
        label: Some((at(inside.x, y + CELL / 2.0), label - 4.0)),
        first: at(inside.x + label, y),
        columns,
        lines: 1,
        words: (
            at(inside.x + label + after + 3.0, y + CELL / 2.0),
            inside.w + if small { 0.0 } else { 4.0 } - label - after,
        ),
        note,
    }
}

/// A log's line, where logs are a list.
pub(super) const LINE_OF_LIST: f64 = 15.0;
/// The head of a broker's card there.
const HEAD_OF_LIST: f64 = 30.0;

/// How high a broker's card is whose logs are a list.
pub(super) fn list_height(broker: &BrokerView) -> f64 {
    let lines = broker.strips.len() + broker.exchanges.len();
    HEAD_OF_LIST + lines.max(1) as f64 * LINE_OF_LIST + 8.0
}

/// The least width of a line that shows its records: below it, name and figure need the room.
const DOTTED_MIN: f64 = 250.0;
/// What its name takes there at least, and its figure.
const NAME_MIN: f64 = 116.0;
const FIGURE: f64 = 40.0;

/// A log's line: its name on the left, its figure on the right, and its records in between.
fn list_row(strip: &StripView, inside: Rect, middle: f64) -> RowPlace {
    let dotted = inside.w >= DOTTED_MIN;
    let (name, figure) = match dotted {
        true => ((inside.w * 0.26).max(NAME_MIN), FIGURE),
        false => (inside.w * 0.6, inside.w * 0.38),
    };
    let first = name + 6.0;
    let dots = if dotted { (inside.w - first - figure) / DOT_STEP } else { 0.0 };
    RowPlace {
        place: strip.place.clone(),
        port: middle,
        label: Some((at(inside.x, middle), name)),
        first: at(inside.x + first, middle),
        columns: dots as usize,
        lines: 0,
        words: (at(inside.right(), middle), figure),
        note: None,
    }
}

/// Lays out a broker's card with a line for each exchange and each log, and no records.
pub(super) fn list_place(broker: &BrokerView, card: Rect) -> BrokerPlace {
    let inside = Rect::new(card.x + 10.0, card.y + HEAD_OF_LIST, card.w - 20.0, card.h);
    let middle = |line: usize| inside.y + (line as f64 + 0.5) * LINE_OF_LIST;
    let exchange = |(index, view): (usize, &ExchangeView)| ExchangePlace {
        name: view.name.clone(),
        declared: view.clone(),
        area: Rect::new(inside.x, inside.y + index as f64 * LINE_OF_LIST, inside.w, LINE_OF_LIST - 2.0),
        rail: inside.x - 4.0,
    };
    let first = broker.exchanges.len();
    let row = |(index, strip)| list_row(strip, inside, middle(first + index));
    BrokerPlace {
        node: broker.node,
        card,
        exchanges: broker.exchanges.iter().enumerate().map(exchange).collect(),
        rows: broker.strips.iter().enumerate().map(row).collect(),
    }
}
