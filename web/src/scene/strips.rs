//! The logs: cells in a row, with what is committed, who has read how far, and who is behind.

use mqlab_core::ids::{Name, Offset, PartitionId};
use mqlab_core::observe::Place;
use mqlab_core::sim::picture::{BrokerView, Cell, CellState, Role, StripView};
use mqlab_core::sorted::SortedSet;

use super::cards::{LITTLE, PLAIN, on};
use super::exchanges::SLACK;
use super::glyph::{self, Firmness, Look};
use super::layout::{BrokerPlace, MARK, RowPlace};
use super::shape::{Anchor, Font, Rect, Scene, at, dashed, line, solid, width_of};
use super::{View, queues};
use crate::text::stage as words;

/// Draws a broker's strips, those that it does not have yet as empty places.
pub(super) fn draw(scene: &mut Scene, view: &View<'_>, broker: &BrokerView, place: &BrokerPlace) {
    for row in &place.rows {
        if row.is_line() {
            list_line(scene, view, broker, row);
            continue;
        }
        let there = broker.strips.iter().any(|strip| strip.place == row.place);
        slots(scene, view, row, broker.up, there);
        let Some(strip) = broker.strips.iter().find(|strip| strip.place == row.place) else {
            label(scene, view, Role::Down, row);
            queues::absent(scene, view, broker, row);
            continue;
        };
        let first = window(view, strip, row);
        let changed = view.changes.has_log(broker.node, &strip.place);
        let closed_up = queues::close_up(strip, row, first);
        let (mut shown, mut said) = (0, None);
        for (place, cell) in strip.cells.iter().enumerate() {
            let index = if closed_up { Some(place as u64) } else { cell.offset.0.checked_sub(first.0) };
            let Some(area) = index.and_then(|index| row.cell(index as usize, view.layout.mark)) else {
                continue;
            };
            let mut look = look(view, strip, cell);
            let counted = (area.y.to_bits(), look.count);
            // What came back as often as its neighbour on the left has its ring, and the count is said once.
            look.count = if said == Some(counted) { look.count.map(|_| 1) } else { look.count };
            said = Some(counted);
            draw_cell(scene, view, strip, cell, look, area);
            if changed && cell.mark.is_some_and(|mark| view.changes.has_message(mark.message)) {
                let ends =
                    [at(area.x + 3.0, area.bottom() + 1.0), at(area.right() - 3.0, area.bottom() + 1.0)];
                scene.lines(&ends, line(view.changes.color(view.theme), 2.2));
            }
            shown += 1;
        }
        label(scene, view, strip.role, row);
        match strip.place {
            Place::Partition(_) => partition_notes(scene, view, strip, row, first),
            Place::Queue(_) | Place::Exchange(_) | Place::Topic(_) => {
                queues::notes(scene, view, broker, strip, row, shown)
            }
        }
    }
}

/// A log as a line: its name, strong where it is led here; its records as dots, where there is room; and how far it
/// has come, or how far it is behind.
fn list_line(scene: &mut Scene, view: &View<'_>, broker: &BrokerView, row: &RowPlace) {
    let theme = view.theme;
    let Some((spot, room)) = row.label else { return };
    let strip = broker.strips.iter().find(|strip| strip.place == row.place);
    let role = strip.map_or(Role::Down, |strip| strip.role);
    let leads = matches!(role, Role::Leader { .. } | Role::Owner { .. } | Role::Queue);
    let color = match role {
        Role::Follower { in_sync: false } | Role::Keeper { fenced: true } => theme.vermilion,
        _ if leads => theme.ink,
        _ => theme.ink_3,
    };
    let changed = strip.is_some_and(|strip| view.changes.has_log(broker.node, &strip.place));
    if changed {
        scene.disc(at(spot.x - 5.5, spot.y), 2.0, Some(solid(view.changes.color(theme))), None);
    }
    let font = Font { weight: if leads { 600 } else { 400 }, ..LITTLE };
    let name = match &row.place {
        Place::Partition(partition) => named(partition, font, room),
        other => other.to_string(),
    };
    scene.text_within(spot, &name, font, color, room);
    let Some(strip) = strip else { return };
    let text = match (&strip.place, role) {
        (Place::Partition(_), Role::Follower { .. }) if strip.behind > 0 => format!("−{}", strip.behind),
        (Place::Partition(_), Role::Leader { .. } | Role::Owner { .. }) => strip.end.0.to_string(),
        (Place::Queue(_), _) => strip.held.to_string(),
        _ => String::new(),
    };
    scene.text_within(row.words.0, &text, on(LITTLE, Anchor::End), theme.ink_2, row.words.1);
    if row.columns == 0 {
        return;
    }
    // What waits in a queue stands from its head on, without gaps: as much as there is room for.
    let first = match strip.place {
        Place::Queue(_) => None,
        _ => Some(window(view, strip, row)),
    };
    for (place, cell) in strip.cells.iter().enumerate() {
        let index = first.map_or(Some(place as u64), |first| cell.offset.0.checked_sub(first.0));
        let Some(center) = index.and_then(|index| row.dot(index as usize)) else { continue };
        match cell.mark {
            Some(mark) => glyph::dot(scene, center, mark, look(view, strip, cell), theme),
            None => scene.disc(center, 1.2, Some(solid(theme.ink_3)), None),
        }
    }
}

/// The first offset that a strip shows. The window moves on by a quarter, so that cells stand still in between and
/// most of them are filled, and all replicas of a partition show the same one.
fn window(view: &View<'_>, strip: &StripView, row: &RowPlace) -> Offset {
    if let Place::Queue(_) = strip.place {
        let first = strip.cells.first().map_or(strip.end, |cell| cell.offset);
        let columns = row.columns.max(1) as u64;
        return Offset(first.0 / columns * columns);
    }
    let same = view.picture.brokers.iter().flat_map(|broker| &broker.strips);
    let same: Vec<&StripView> = same.filter(|other| other.place == strip.place).collect();
    let leader = same.iter().find(|other| matches!(other.role, Role::Leader { .. } | Role::Owner { .. }));
    let end = leader.map(|leader| leader.end.0).or_else(|| same.iter().map(|other| other.end.0).max());
    let (columns, step) = (row.columns as u64, (row.columns as u64 / 4).max(1));
    let over = (end.unwrap_or(0) + 1).saturating_sub(columns);
    Offset(over.div_ceil(step) * step)
}

fn slots(scene: &mut Scene, view: &View<'_>, row: &RowPlace, up: bool, there: bool) {
    let edge = if there { line(view.theme.line, 1.0) } else { dashed(view.theme.line, 1.0) };
    for index in 0..row.room() {
        if let Some(area) = row.cell(index, view.layout.mark) {
            let fill = up.then(|| solid(view.theme.surface));
            scene.boxed(area, 6.0, fill, Some(edge));
        }
    }
}

/// How a record is drawn.
fn look(view: &View<'_>, strip: &StripView, cell: &Cell) -> Look {
    let leads = matches!(strip.role, Role::Leader { .. } | Role::Owner { .. } | Role::Queue);
    let firmness = match cell.state {
        CellState::Ready => Firmness::Solid,
        CellState::Delivered(_) => Firmness::Faded,
        CellState::Waiting(_) => Firmness::Dashed,
        CellState::Committed if leads => Firmness::Solid,
        CellState::Committed => Firmness::Faded,
        CellState::Uncommitted if leads => Firmness::Dashed,
        CellState::Uncommitted => Firmness::FadedDashed,
    };
    let selected = cell.mark.is_some_and(|mark| view.selection.message == Some(mark.message));
    let first = u32::from(matches!(cell.state, CellState::Delivered(_)));
    let count = (cell.deliveries > first).then_some(cell.deliveries);
    Look { firmness, count, selected, width: view.layout.mark }
}

fn draw_cell(scene: &mut Scene, view: &View<'_>, strip: &StripView, cell: &Cell, look: Look, area: Rect) {
    let theme = view.theme;
    let Some(mark) = cell.mark else {
        // A record that is no message: a mark of the log's own.
        scene.disc(area.center(), 2.4, Some(solid(theme.ink_3)), None);
        return;
    };
    glyph::message(scene, area.center(), mark, look, theme);
    if let CellState::Waiting(_) = cell.state {
        glyph::clock(scene, at(area.center().x - view.layout.mark / 2.0 + 1.0, area.y + 3.5), theme);
    }
    if strip.queue.as_ref().is_some_and(|queue| queue.priority_max > 0) {
        let corner = at(area.center().x + view.layout.mark / 2.0 - 1.0, area.bottom() - 4.0);
        glyph::priority(scene, corner, cell.priority, theme);
    }
}

fn label(scene: &mut Scene, view: &View<'_>, is: Role, row: &RowPlace) {
    let (Some((spot, room)), Place::Partition(partition)) = (row.label, &row.place) else { return };
    let (theme, lang) = (view.theme, view.lang);
    let leads = matches!(is, Role::Leader { .. } | Role::Owner { .. });
    let name = Font { weight: if leads { 600 } else { 400 }, ..PLAIN };
    let role = words::role_in(is, view.picture.system, lang);
    let role_color = match is {
        Role::Leader { .. } | Role::Owner { .. } => theme.ink_2,
        Role::Follower { in_sync: false } | Role::Keeper { fenced: true } => theme.vermilion,
        _ => theme.ink_3,
    };
    let color = if leads { theme.ink } else { theme.ink_2 };
    let text = |room: f64| match topics(view) {
        // A log of no topic has a name of its own, also where no topic is to be seen.
        0 | 1 if !words::is_of_no_topic(partition) => {
            words::partition(partition.index, room < 66.0, view.picture.system, lang)
        }
        _ => named(partition, name, room),
    };
    if row.named_above() {
        let text = text(room.max(66.0));
        let wide = (width_of(&text, name) * SLACK).min(room);
        scene.text_within(spot, &text, name, color, wide);
        let (beside, left) = (at(spot.x + wide + 8.0, spot.y), room - wide - 8.0);
        // Half a word says less than none, unless it is all that there is to say.
        if width_of(&role, LITTLE) <= left || wide < room * 0.6 {
            scene.text_within(beside, &role, LITTLE, role_color, left);
        }
        return;
    }
    let rise = if role.is_empty() { 0.0 } else { 7.0 };
    let (upper, lower) = (at(spot.x, spot.y - rise), at(spot.x, spot.y + rise));
    scene.text_within(upper, &text(room), name, color, room);
    scene.text_within(lower, &role, LITTLE, role_color, room);
}

/// How many topics there are: where it is one, its name stands nowhere.
fn topics(view: &View<'_>) -> usize {
    let strips = view.declared.brokers.iter().flat_map(|broker| &broker.strips);
    let topic = |strip: &StripView| match &strip.place {
        Place::Partition(partition) => Some(partition.topic.clone()),
        Place::Queue(_) | Place::Exchange(_) | Place::Topic(_) => None,
    };
    strips.filter_map(topic).collect::<SortedSet<Name>>().len()
}

/// A partition with its topic's name, of which so much is left out that its number has room.
fn named(partition: &PartitionId, font: Font, room: f64) -> String {
    let whole = partition.to_string();
    let fits = |text: &String| width_of(text, font) * SLACK <= room;
    let topic = partition.topic.as_str();
    let shorter = (1..topic.len()).rev().map(|length| format!("{}…/{}", &topic[..length], partition.index));
    core::iter::once(whole.clone()).chain(shorter).find(fits).unwrap_or(whole)
}

fn partition_notes(scene: &mut Scene, view: &View<'_>, strip: &StripView, row: &RowPlace, first: Offset) {
    let (theme, lang) = (view.theme, view.lang);
    let leads = matches!(strip.role, Role::Leader { .. } | Role::Owner { .. });
    let right = match strip.role {
        Role::Leader { .. } | Role::Owner { .. } => words::next(strip.end.0, lang),
        Role::Follower { .. } if led(view, strip) => words::behind(strip.behind, row.words.1 < 56.0, lang),
        _ => String::new(),
    };
    let color = if strip.behind > 0 && !leads { theme.ink_2 } else { theme.ink_3 };
    let ends = row.named_above() || row.note == Some(row.words.0.y);
    let anchor = if ends { Anchor::End } else { Anchor::Start };
    scene.text_within(row.words.0, &right, on(LITTLE, anchor), color, row.words.1);
    let Some(high_watermark) = strip.high_watermark.filter(|_| strip.role != Role::Down) else { return };
    let pitch = pitch(row, view.layout.mark);
    let edge = |offset: Offset| {
        let cells = offset.0.saturating_sub(first.0).min(row.columns as u64) as f64;
        row.first.x + cells * pitch - 2.0
    };
    let x = edge(high_watermark);
    let reach = if leads { 4.0 } else { 1.0 };
    let (above, below) = (row.port - MARK / 2.0 - reach - 1.0, row.port + MARK / 2.0 + reach + 1.0);
    let width = if leads { 2.0 } else { 1.4 };
    scene.lines(&[at(x, above), at(x, below)], line(theme.green, width));
    if let Some(stable) = strip.last_stable {
        let x = edge(stable);
        scene.lines(&[at(x, above), at(x, below)], line(theme.vermilion, 1.4));
    }
    let Some(note) = row.note.filter(|_| leads) else { return };
    let room = row.columns as f64 * pitch;
    let aside = if row.note == Some(row.words.0.y) { width_of(&right, LITTLE) + 8.0 } else { 0.0 };
    let text = words::high_watermark(high_watermark.0, room < 300.0, lang);
    let font = on(LITTLE, Anchor::Middle);
    let half = width_of(&text, font) / 2.0;
    let middle = x.clamp(row.first.x + half, (row.first.x + room - aside - half).max(row.first.x + half));
    scene.text(at(middle, note), text, font, theme.green);
    let mut taken = vec![(middle - half - 6.0, middle + half + 6.0)];
    if row.note == Some(row.words.0.y) {
        taken.push((row.words.0.x - width_of(&right, LITTLE) - 6.0, f64::INFINITY));
    }
    let limit = row.first.x + room + if ends { 0.0 } else { row.words.1 };
    // Who is furthest behind has its word first: the others may share what room is left.
    let mut groups: Vec<_> = strip.groups.iter().collect();
    groups.sort_by_key(|(_, next)| *next);
    for (group, next) in groups {
        let x = edge(*next);
        // The mark ends above the line of words, for they may stand right below it.
        let tip = [at(x, note - 12.0), at(x - 4.0, note - 6.0), at(x + 4.0, note - 6.0)];
        scene.figure(&tip, solid(theme.blue));
        // The group's word stands left of its mark, or right of it, or wherever the line has room.
        let text = format!("{group} {next}");
        let wide = width_of(&text, LITTLE);
        let starts = [x - wide - 6.0, x + 7.0, middle - half - wide - 10.0, middle + half + 10.0];
        let fits = |start: &f64| {
            let (from, to) = (*start, *start + wide);
            from >= row.first.x - 2.0 && to <= limit && taken.iter().all(|(a, b)| to < *a || from > *b)
        };
        let free = starts.into_iter().find(fits);
        taken.push((x - 6.0, x + 6.0));
        if let Some(start) = free {
            scene.text(at(start, note), text, LITTLE, theme.blue);
            taken.push((start - 6.0, start + wide + 6.0));
        }
    }
    offsets(scene, view, row, first, strip.end, &taken);
}

/// The offsets of the first and the last cell shown, where the line below them has room.
fn offsets(
    scene: &mut Scene,
    view: &View<'_>,
    row: &RowPlace,
    first: Offset,
    end: Offset,
    taken: &[(f64, f64)],
) {
    let Some(note) = row.note else { return };
    let last = end.0.checked_sub(first.0 + 1).map(|cells| (cells as usize).min(row.columns - 1));
    let shown = [Some(0), last.filter(|last| *last > 0)];
    for index in shown.into_iter().flatten().filter(|_| end > first) {
        let Some(cell) = row.cell(index, view.layout.mark) else { continue };
        let text = (first.0 + index as u64).to_string();
        let (x, half) = (cell.center().x, width_of(&text, LITTLE) / 2.0);
        if taken.iter().all(|(a, b)| x + half < *a || x - half > *b) {
            scene.text(at(x, note), text, on(LITTLE, Anchor::Middle), view.theme.ink_3);
        }
    }
}

/// Whether anybody leads a partition: without a leader nobody is behind.
fn led(view: &View<'_>, strip: &StripView) -> bool {
    let mut all = view.picture.brokers.iter().flat_map(|broker| &broker.strips);
    all.any(|other| {
        other.place == strip.place && matches!(other.role, Role::Leader { .. } | Role::Owner { .. })
    })
}

/// From one cell to the next.
fn pitch(row: &RowPlace, mark: f64) -> f64 {
    match (row.cell(0, mark), row.cell(1, mark)) {
        (Some(a), Some(b)) if b.x > a.x => b.x - a.x,
        _ => mark + 4.0,
    }
}
