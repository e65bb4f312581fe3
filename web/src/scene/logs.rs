//! The logs, each replica's one above the other, so that what they hold at one offset stands in one column.
//!
//! ```text
//!   orders/0   leader broker 1, epoch 3                      41   42   43   44   45
//!   broker 1   leader     │ start     epoch 3 ┆ (17) (18) (19) ┃(20)╎(21)╎
//!   broker 2   follower                       ┆ (17) (18) (19) ┃(20)╎
//!   broker 3   down                           ┆ (17) (18) [22]          ← differs from the leader at 43
//!                                                  ▲ billing 42
//! ```
//!
//! A bar is a replica's high watermark, dashes are what is not committed; a triangle is where a group goes on reading.
//! The window can be moved and made finer or coarser; where marks have no room for words, they keep colour and state.

use std::collections::BTreeMap;

use mqlab_core::ids::{MessageId, NodeId, Offset};
use mqlab_core::observe::{LEDGER, Place};
use mqlab_core::sim::picture::{Cell, CellState, Picture, Role, StripView};
use mqlab_core::sorted::SortedMap;

use super::Changes;
use super::glyph::{self, Firmness, Look};
use super::layout::{NARROW, SMALL};
use super::shape::{
    Anchor, Font, Paint, Rect, Scene, Stroke, Target, at, dashed, faded, line, solid, width_of,
};
use super::theme::Theme;
use crate::text::sentence::{Names, place};
use crate::text::{Lang, stage as stage_words, views as words};

const NAME: Font = Font { size: 13.0, weight: 600, anchor: Anchor::Start };
const PLAIN: Font = Font { size: 12.0, weight: 400, anchor: Anchor::Start };
const LITTLE: Font = Font { size: SMALL, weight: 400, anchor: Anchor::Start };

/// How high a log is, and how high where logs stand close.
const ROW: f64 = 32.0;
const ROW_CLOSE: f64 = 25.0;
/// Where logs stand close: the room for the names beside them.
const NAMES_CLOSE: f64 = 84.0;

/// From one offset to the next, in pixels, from the finest window to the coarsest.
pub const PITCHES: [f64; 4] = [37.0, 18.0, 9.0, 4.0];

/// All that is drawn of the logs.
#[derive(Clone, Debug)]
pub struct Logs<'a> {
    /// The moment; with as many cells as the window may show.
    pub picture: &'a Picture,
    /// The nodes' names.
    pub names: &'a Names,
    /// Which of [`PITCHES`].
    pub zoom: usize,
    /// How many offsets the window was moved back.
    pub back: u64,
    /// The message that stands out.
    pub selected: Option<MessageId>,
    /// What the last step changed.
    pub changes: &'a Changes,
    /// The colours.
    pub theme: &'a Theme,
    /// The language.
    pub lang: Lang,
    /// In pixels.
    pub width: f64,
    /// In pixels; the drawing takes more where logs need it.
    pub height: f64,
    /// Whether logs stand closer together: beside other views.
    pub close: bool,
}

/// The most logs that are drawn; of those beyond it is only said how many they are.
pub const LOGS_MAX: usize = 48;

/// One log of one broker.
type Copy<'a> = (NodeId, &'a StripView);

/// Where the columns lie.
#[derive(Clone, Copy, Debug)]
struct Grid {
    left: f64,
    pitch: f64,
    first: Offset,
    columns: u64,
}

impl Grid {
    fn x(&self, offset: Offset) -> f64 {
        let columns = offset.0.saturating_sub(self.first.0).min(self.columns);
        self.left + columns as f64 * self.pitch
    }

    fn shows(&self, offset: Offset) -> bool {
        offset >= self.first && offset.0 < self.first.0 + self.columns
    }

    fn right(&self) -> f64 {
        self.left + self.columns as f64 * self.pitch
    }
}

/// Draws the logs.
pub fn logs(view: &Logs<'_>) -> Scene {
    let mut scene = Scene { width: view.width, height: 0.0, scale: 1.0, ..Scene::default() };
    let mut kept: SortedMap<&Place, Vec<Copy<'_>>> = SortedMap::new();
    for broker in &view.picture.brokers {
        for strip in &broker.strips {
            kept.entry(&strip.place).or_default().push((broker.node, strip));
        }
    }
    let mut y = if view.close { 8.0 } else { 18.0 };
    let all = kept.len();
    let (mut more, mut records) = (0, 0);
    let holds = |copies: &[Copy<'_>]| {
        let mut marks = copies.iter().flat_map(|(_, strip)| &strip.cells).filter_map(|cell| cell.mark);
        view.selected.is_some_and(|selected| marks.any(|mark| mark.message == selected))
    };
    for (index, (place, copies)) in kept.into_iter().enumerate() {
        if all > LOGS_MAX && index + 1 >= LOGS_MAX && !holds(&copies) {
            more += 1;
            let held = |(_, strip): &Copy<'_>| strip.end.0.saturating_sub(strip.start.0);
            records += copies.iter().map(held).max().unwrap_or(0);
            continue;
        }
        y = match place {
            Place::Partition(_) => partition(&mut scene, view, place, &copies, y),
            Place::Queue(_) | Place::Exchange(_) | Place::Topic(_) => {
                queue(&mut scene, view, place, &copies, y)
            }
        };
        y += if view.close { 8.0 } else { 22.0 };
    }
    if more > 0 {
        let text = words::more_logs(more, records, view.lang);
        scene.text_within(at(14.0, y + 8.0), &text, PLAIN, view.theme.ink_2, view.width - 28.0);
        y += 30.0;
    }
    if scene.shapes.is_empty() {
        let spot = at(view.width / 2.0, 60.0);
        let font = Font { anchor: Anchor::Middle, ..PLAIN };
        scene.text(spot, words::NO_LOGS.get(view.lang), font, view.theme.ink_3);
    }
    scene.height = y.max(view.height);
    scene
}

fn grid(view: &Logs<'_>, end: Offset, start: Offset) -> Grid {
    let (left, right) = match (view.width < NARROW, view.close) {
        (true, false) => (14.0, 10.0),
        (true, true) => (NAMES_CLOSE + 18.0, 10.0),
        (false, true) => (NAMES_CLOSE + 18.0, 128.0),
        (false, false) => (176.0, 128.0),
    };
    let pitch = PITCHES[view.zoom.min(PITCHES.len() - 1)];
    let columns = ((view.width - left - right) / pitch).floor().max(4.0) as u64;
    // One column more than there are records shows where the next one comes. The window moves on by a quarter.
    let step = (columns / 4).max(1);
    let newest = (end.0 + 1).saturating_sub(columns).div_ceil(step) * step;
    let first = newest.saturating_sub(view.back).max(start.0.min(newest));
    Grid { left, pitch, first: Offset(first), columns }
}

fn leader_of<'a>(copies: &[Copy<'a>]) -> Option<Copy<'a>> {
    copies.iter().copied().find(|(_, strip)| matches!(strip.role, Role::Leader { .. } | Role::Owner { .. }))
}

fn partition(scene: &mut Scene, view: &Logs<'_>, place_: &Place, copies: &[Copy<'_>], top: f64) -> f64 {
    let leader = leader_of(copies);
    let end = copies.iter().map(|(_, strip)| strip.end).max().unwrap_or_default();
    let start = copies.iter().map(|(_, strip)| strip.start).min().unwrap_or_default();
    let grid = grid(view, end, start);
    let is_ledger = matches!(place_, Place::Partition(partition) if partition.topic.as_str() == LEDGER);
    let named = leader.map(|(node, strip)| (view.names.node(node, view.lang), strip));
    let facts = words::partition(named, is_ledger, view.lang);
    let mut y = heading(scene, view, &place(place_, view.lang), &facts, top);
    offsets(scene, view, &grid, y + 7.0);
    y += if view.close { 16.0 } else { 22.0 };
    let truth: BTreeMap<Offset, MessageId> = leader
        .or(copies.first().copied())
        .map(|(_, strip)| {
            strip.cells.iter().filter_map(|cell| Some((cell.offset, cell.mark?.message))).collect()
        })
        .unwrap_or_default();
    for &(node, strip) in copies {
        y = replica(scene, view, &grid, (node, strip), &truth, y);
    }
    if let Some((_, strip)) = leader {
        y = groups(scene, view, &grid, strip, if view.close { y + 4.0 } else { y });
    }
    y
}

/// A log's name, and what is known of it as a whole.
fn heading(scene: &mut Scene, view: &Logs<'_>, name: &str, facts: &str, top: f64) -> f64 {
    let theme = view.theme;
    let y = top + 8.0;
    scene.text_within(at(14.0, y), name, NAME, theme.ink, view.width - 28.0);
    let beside = 14.0 + width_of(name, NAME) * 1.06 + 14.0;
    if view.width < NARROW && !view.close {
        scene.text_within(at(14.0, y + 18.0), facts, LITTLE, theme.ink_2, view.width - 28.0);
        return y + 30.0;
    }
    scene.text_within(at(beside, y), facts, PLAIN, theme.ink_2, view.width - beside - 14.0);
    y + 18.0
}

/// Round offsets above their columns.
fn offsets(scene: &mut Scene, view: &Logs<'_>, grid: &Grid, y: f64) {
    let every = [1, 2, 5, 10, 20, 50, 100].into_iter().find(|every| f64::from(*every) * grid.pitch >= 34.0);
    let every = u64::try_from(every.unwrap_or(100)).unwrap_or(100);
    let last = grid.first.0 + grid.columns;
    for offset in (grid.first.0.div_ceil(every) * every..last).step_by(every as usize) {
        let x = grid.x(Offset(offset)) + grid.pitch / 2.0;
        scene.text(at(x, y), offset.to_string(), Font { anchor: Anchor::Middle, ..LITTLE }, view.theme.ink_3);
    }
}

fn replica(
    scene: &mut Scene,
    view: &Logs<'_>,
    grid: &Grid,
    (node, strip): Copy<'_>,
    truth: &BTreeMap<Offset, MessageId>,
    top: f64,
) -> f64 {
    let theme = view.theme;
    let narrow = view.width < NARROW;
    let leads = matches!(strip.role, Role::Leader { .. } | Role::Owner { .. });
    let is_keeper = matches!(strip.role, Role::Keeper { .. });
    let name = view.names.node(node, view.lang);
    let role = match strip.role {
        Role::Down => stage_words::DOWN.get(view.lang).into(),
        role => stage_words::role_in(role, view.picture.system, view.lang),
    };
    let color = match strip.role {
        Role::Down | Role::Follower { in_sync: false } | Role::Keeper { fenced: true } => theme.vermilion,
        _ => theme.ink_3,
    };
    let weight = if leads { 600 } else { 400 };
    let mut y = top;
    if view.close {
        let font = Font { weight, ..LITTLE };
        scene.text_within(at(14.0, y + 6.5), &name, font, theme.ink, NAMES_CLOSE);
        scene.text_within(at(14.0, y + 18.5), &role, LITTLE, color, NAMES_CLOSE);
    } else if narrow {
        scene.text(at(14.0, y + 8.0), name.as_str(), Font { weight, ..PLAIN }, theme.ink);
        scene.text(at(22.0 + width_of(&name, NAME), y + 8.0), role, LITTLE, color);
        y += 18.0;
    } else {
        scene.text_within(at(14.0, y + 9.0), &name, Font { weight, ..PLAIN }, theme.ink, 150.0);
        scene.text_within(at(14.0, y + 23.0), &role, LITTLE, color, 150.0);
    }
    let high = if view.close { ROW_CLOSE } else { ROW };
    let row = Rect::new(grid.left, y, grid.right() - grid.left, high);
    scene.boxed(row, 5.0, Some(solid(theme.surface)), Some(line(theme.line, 1.0)));
    let parted = cells(scene, view, grid, strip, truth, row);
    bounds(scene, view, grid, strip, row);
    if !narrow {
        let (text, color) = match parted {
            Some(offset) => (words::differs(offset.0, view.lang), theme.vermilion),
            None if leads => (stage_words::next(strip.end.0, view.lang), theme.ink_3),
            None if strip.role == Role::Down => (String::new(), theme.ink_3),
            None if is_keeper => (stage_words::next(strip.end.0, view.lang), theme.ink_3),
            None => (stage_words::behind(strip.behind, false, view.lang), theme.ink_3),
        };
        scene.text_within(at(grid.right() + 10.0, row.center().y), &text, LITTLE, color, 114.0);
    }
    if view.changes.has_log(node, &strip.place) {
        scene.boxed(row.grown(2.5), 7.0, None, Some(line(view.changes.color(theme), 1.6)));
    }
    row.bottom() + if view.close { 3.0 } else { 12.0 }
}

/// The records; where they first differ from the leader's.
fn cells(
    scene: &mut Scene,
    view: &Logs<'_>,
    grid: &Grid,
    strip: &StripView,
    truth: &BTreeMap<Offset, MessageId>,
    row: Rect,
) -> Option<Offset> {
    let mut parted = None;
    for cell in strip.cells.iter().filter(|cell| grid.shows(cell.offset)) {
        let inset = if view.close { 1.0 } else { 3.0 };
        let area = Rect::new(grid.x(cell.offset), row.y + inset, grid.pitch, row.h - 2.0 * inset);
        record(scene, view, strip, cell, area);
        let other = truth.get(&cell.offset).copied();
        if cell.mark.is_some() && other.is_some() && other != cell.mark.map(|mark| mark.message) {
            parted = parted.or(Some(cell.offset));
            let bottom = area.bottom() + 1.0;
            let ends = [at(area.x + 1.5, bottom), at(area.right() - 1.5, bottom)];
            scene.lines(&ends, line(view.theme.vermilion, 2.6));
        }
    }
    parted
}

fn record(scene: &mut Scene, view: &Logs<'_>, strip: &StripView, cell: &Cell, area: Rect) {
    let theme = view.theme;
    let Some(mark) = cell.mark else {
        scene.disc(area.center(), (area.w / 4.0).min(2.4), Some(solid(theme.ink_3)), None);
        return;
    };
    let leads = matches!(strip.role, Role::Leader { .. } | Role::Owner { .. } | Role::Queue);
    let firmness = match (cell.state, leads) {
        (CellState::Ready, _) | (CellState::Committed, true) => Firmness::Solid,
        (CellState::Waiting(_), _) | (CellState::Uncommitted, true) => Firmness::Dashed,
        (CellState::Delivered(_), _) | (CellState::Committed, false) => Firmness::Faded,
        (CellState::Uncommitted, false) => Firmness::FadedDashed,
    };
    let selected = view.selected == Some(mark.message);
    if area.w >= PITCHES[0] {
        let count = (cell.deliveries > 1).then_some(cell.deliveries);
        let look = Look { firmness, count, selected, width: area.w - 6.0 };
        glyph::message(scene, area.center(), mark, look, theme);
    } else {
        let (fill, edge) = theme.hue(mark.key);
        let bar = Rect::new(area.x + 0.75, area.y + 3.0, area.w - 1.5, area.h - 6.0);
        let (inside, outline): (Option<Paint>, Option<Stroke>) = match firmness {
            Firmness::Solid => (Some(solid(fill)), None),
            Firmness::Faded => (Some(faded(fill, 0.4)), None),
            Firmness::Dashed | Firmness::FadedDashed => (None, Some(dashed(edge, 1.2))),
        };
        scene.boxed(bar, 2.0, inside, outline);
        if selected {
            scene.boxed(bar.grown(1.5), 3.0, None, Some(line(theme.ink, 2.0)));
        }
        scene.answers(area, Target::Message(mark.message));
    }
    if view.changes.has_message(mark.message) {
        let bottom = area.bottom() + 1.0;
        let ends = [at(area.x + 2.0, bottom), at(area.right() - 2.0, bottom)];
        scene.lines(&ends, line(view.changes.color(theme), 2.4));
    }
}

/// Where the log begins, where epochs do, and how far it is committed and stable.
fn bounds(scene: &mut Scene, view: &Logs<'_>, grid: &Grid, strip: &StripView, row: Rect) {
    let theme = view.theme;
    if strip.start > grid.first {
        // What retention took is hatched ground.
        let gone = Rect::new(grid.left, row.y, grid.x(strip.start) - grid.left, row.h);
        scene.boxed(gone, 5.0, Some(solid(theme.sunk)), Some(dashed(theme.line_strong, 1.0)));
        let text = words::start(strip.start.0, view.lang);
        if width_of(&text, LITTLE) + 8.0 < gone.w {
            scene.text(gone.center(), text, Font { anchor: Anchor::Middle, ..LITTLE }, theme.ink_3);
        }
    }
    for (epoch, begins) in &strip.epochs {
        let x = grid.x(*begins);
        if *begins > grid.first && grid.shows(*begins) {
            scene.lines(&[at(x, row.y - 3.0), at(x, row.bottom() + 3.0)], dashed(theme.purple, 1.4));
            scene.text(at(x + 3.0, row.y - 6.0), format!("e{epoch}"), LITTLE, theme.purple);
        }
    }
    let reach = |offset: Offset| offset >= grid.first && offset.0 <= grid.first.0 + grid.columns;
    if let Some(mark) = strip.high_watermark.filter(|mark| reach(*mark) && strip.role != Role::Down) {
        let x = grid.x(mark);
        scene.lines(&[at(x, row.y - 2.0), at(x, row.bottom() + 2.0)], line(theme.green, 2.2));
    }
    if let Some(stable) = strip.last_stable.filter(|stable| reach(*stable)) {
        let x = grid.x(stable);
        scene.lines(&[at(x, row.y - 2.0), at(x, row.bottom() + 2.0)], line(theme.vermilion, 1.6));
    }
}

/// Where groups go on reading, below the leader's log.
fn groups(scene: &mut Scene, view: &Logs<'_>, grid: &Grid, strip: &StripView, top: f64) -> f64 {
    let theme = view.theme;
    let mut all: Vec<_> = strip.groups.iter().collect();
    all.sort_by_key(|(_, next)| *next);
    let (mut y, mut reach) = (top, f64::NEG_INFINITY);
    for (group, next) in all {
        let text = words::group(group.as_str(), next.0, strip.end.0.saturating_sub(next.0), view.lang);
        let wide = width_of(&text, LITTLE);
        let x = grid.x(*next);
        let start = (x + 8.0).min(view.width - wide - 8.0).max(grid.left);
        if x - 6.0 < reach {
            y += 16.0;
        }
        let tip = [at(x, y - 3.0), at(x - 4.0, y + 4.0), at(x + 4.0, y + 4.0)];
        scene.figure(&tip, solid(theme.blue));
        let start = if start < x + 8.0 { (x - wide - 8.0).max(4.0) } else { start };
        scene.text(at(start, y + 2.0), text, LITTLE, theme.blue);
        reach = (start + wide).max(x + 6.0);
    }
    if strip.groups.is_empty() { top } else { y + 14.0 }
}

fn queue(scene: &mut Scene, view: &Logs<'_>, place_: &Place, copies: &[Copy<'_>], top: f64) -> f64 {
    let theme = view.theme;
    let mut y = top;
    for &(node, strip) in copies {
        let facts = words::queue(&view.names.node(node, view.lang), strip, view.lang);
        y = heading(scene, view, &place(place_, view.lang), &facts, y) + 4.0;
        let first = strip.cells.first().map_or(strip.end, |cell| cell.offset);
        let mut grid = grid(view, strip.end, first);
        if view.width >= NARROW || view.close {
            grid.columns += ((grid.left - 14.0) / grid.pitch) as u64;
            grid.left = 14.0;
            grid.first =
                Offset(grid.first.0.min((strip.end.0 + 1).saturating_sub(grid.columns)).max(first.0));
        }
        offsets(scene, view, &grid, y + 7.0);
        let row = Rect::new(grid.left, y + 18.0, grid.right() - grid.left, 32.0);
        scene.boxed(row, 5.0, Some(solid(theme.surface)), Some(line(theme.line, 1.0)));
        for cell in strip.cells.iter().filter(|cell| grid.shows(cell.offset)) {
            let area = Rect::new(grid.x(cell.offset), row.y + 3.0, grid.pitch, row.h - 6.0);
            record(scene, view, strip, cell, area);
        }
        if view.changes.has_log(node, &strip.place) {
            scene.boxed(row.grown(2.5), 7.0, None, Some(line(view.changes.color(theme), 1.6)));
        }
        y = row.bottom() + 8.0;
    }
    y
}
