//! The nodes: who sends, who keeps, who receives, and what was lost.

use mqlab_core::ids::{MessageId, NodeId, Offset};
use mqlab_core::observe::Place;
use mqlab_core::sim::picture::{BrokerView, Cell, CellState, ConsumerView, ProducerView, Role, StripView};

use super::View;
use super::glyph::{self, Firmness, Look};
use super::layout::{BrokerPlace, MARK, RowPlace, SMALL};
use super::shape::{Anchor, Font, Rect, Scene, Target, at, dashed, line, solid, width_of};
use crate::text::stage as words;

const TITLE: Font = Font { size: 13.0, weight: 600, anchor: Anchor::Start };
const PLAIN: Font = Font { size: 11.5, weight: 400, anchor: Anchor::Start };
const LITTLE: Font = Font { size: SMALL, weight: 400, anchor: Anchor::Start };
const CAPTION: Font = Font { size: 12.0, weight: 400, anchor: Anchor::Start };

/// The same words, on another side of their anchor.
const fn on(font: Font, anchor: Anchor) -> Font {
    Font { anchor, ..font }
}

/// The words above the columns or lanes, and the controller.
pub(super) fn captions(scene: &mut Scene, view: &View<'_>) {
    let (layout, lang, color) = (view.layout, view.lang, view.theme.ink_3);
    let room = [
        layout.brokers.first().map_or(200.0, |broker| broker.card.x - layout.captions[0].x - 8.0),
        layout.brokers.first().map_or(200.0, |broker| broker.card.w)
            - layout.controller.map_or(0.0, |controller| controller.w + 10.0),
        layout.width - layout.captions[2].x - 6.0,
    ];
    let rows = layout.brokers.iter().flat_map(|broker| &broker.rows);
    let places: Vec<&Place> = rows.map(|row| &row.place).collect();
    let texts = [
        words::PRODUCERS.get(lang).into(),
        words::kept(&places, lang),
        words::readers(&view.picture.consumers, lang),
    ];
    for ((spot, text), room) in layout.captions.iter().zip(texts).zip(room) {
        let room = if layout.narrow { room.max(layout.width * 0.55) } else { room };
        scene.text_within(*spot, &text, CAPTION, color, room);
    }
    if let Some(area) = layout.controller {
        glyph::chip(scene, area, words::CONTROLLER.get(lang), view.theme);
    }
}

/// A node's card with its name and its control.
fn card(scene: &mut Scene, view: &View<'_>, node: NodeId, area: Rect, up: bool, name: &str) {
    let theme = view.theme;
    let selected = view.selection.node == Some(node);
    let hovered =
        matches!(view.selection.hover, Some(Target::Node(over) | Target::Control(over)) if over == node);
    if selected {
        scene.boxed(area.grown(3.0), 13.0, None, Some(line(theme.blue, 2.0)));
    }
    if up {
        let edge = if hovered { theme.ink_3 } else { theme.line_strong };
        scene.boxed(area, 10.0, Some(solid(theme.surface)), Some(line(edge, 1.0)));
    } else {
        scene.boxed(area, 10.0, Some(solid(theme.sunk)), Some(dashed(theme.ink_3, 1.3)));
    }
    scene.answers(area, Target::Node(node));
    let color = if up { theme.ink } else { theme.ink_2 };
    scene.text_within(at(area.x + 13.0, area.y + 18.0), name, TITLE, color, area.w - 46.0);
    if let Some(control) = view.layout.control(node) {
        let over = view.selection.hover == Some(Target::Control(node));
        if up {
            glyph::bolt(scene, control, selected || hovered, over, theme);
        } else {
            glyph::revive(scene, control, over, theme);
        }
        scene.answers(control.grown(3.0), Target::Control(node));
    }
}

/// Those who send.
pub(super) fn producers(scene: &mut Scene, view: &View<'_>) {
    for (producer, (_, area)) in view.picture.producers.iter().zip(&view.layout.producers) {
        card(scene, view, producer.node, *area, producer.up, &producer.name);
        producer_inside(scene, view, producer, *area);
    }
}

fn producer_inside(scene: &mut Scene, view: &View<'_>, producer: &ProducerView, area: Rect) {
    let (theme, lang) = (view.theme, view.lang);
    let (x, room) = (area.x + 13.0, area.w - 26.0);
    let tall = area.h >= 66.0;
    if !producer.up {
        scene.text_within(at(x, area.y + 36.0), words::DOWN.get(lang), PLAIN, theme.vermilion, room);
        return;
    }
    let sent = words::sent(producer, lang);
    if tall {
        scene.text_within(at(x, area.y + 35.0), &words::acks(producer, lang), PLAIN, theme.ink_2, room);
        scene.text_within(at(x, area.y + 50.0), &sent, LITTLE, theme.ink_3, room);
    } else {
        scene.text_within(at(x, area.y + 35.0), &sent, LITTLE, theme.ink_3, room);
    }
    let planned = producer.planned.max(1) as f64;
    let bar = Rect::new(x, area.bottom() - 11.0, room, 4.0);
    glyph::bar(scene, bar, producer.sent as f64 / planned, theme.hues[5].0, theme);
    let stored = Rect::new(x, bar.y, room * (producer.acknowledged as f64 / planned).min(1.0), 4.0);
    if stored.w >= 4.0 {
        scene.boxed(stored, 2.0, Some(solid(theme.green)), None);
    }
}

/// Those who keep.
pub(super) fn brokers(scene: &mut Scene, view: &View<'_>) {
    for (broker, place) in view.picture.brokers.iter().zip(&view.layout.brokers) {
        let name = match broker.node {
            NodeId::Broker(number) => words::broker(number, view.lang),
            other => other.to_string(),
        };
        card(scene, view, broker.node, place.card, broker.up, &name);
        let beside = at(place.card.x + 13.0 + width_of(&name, TITLE) + 12.0, place.card.y + 18.0);
        let room = place.card.right() - 40.0 - beside.x;
        if broker.up {
            let duties = words::duties(&broker.strips, view.lang);
            scene.text_within(beside, &duties, PLAIN, view.theme.ink_2, room);
        } else {
            let down = Font { weight: 600, ..PLAIN };
            scene.text_within(beside, words::DOWN.get(view.lang), down, view.theme.vermilion, room);
        }
        strips(scene, view, broker, place);
    }
}

fn strips(scene: &mut Scene, view: &View<'_>, broker: &BrokerView, place: &BrokerPlace) {
    for row in &place.rows {
        slots(scene, view, row, broker.up);
        let Some(strip) = broker.strips.iter().find(|strip| strip.place == row.place) else {
            label(scene, view, Role::Down, row);
            continue;
        };
        let first = window(view, strip, row);
        for cell in &strip.cells {
            let Some(index) = cell.offset.0.checked_sub(first.0) else { continue };
            let Some(area) = row.cell(index as usize, view.layout.mark) else { continue };
            draw_cell(scene, view, strip, cell, area);
        }
        label(scene, view, strip.role, row);
        match strip.place {
            Place::Partition(_) => partition_notes(scene, view, strip, row, first),
            Place::Queue(_) => queue_notes(scene, view, strip, row, first),
        }
    }
}

/// The first offset that a strip shows. The window moves on by halves, so that cells stand still in between, and
/// all replicas of a partition show the same one.
fn window(view: &View<'_>, strip: &StripView, row: &RowPlace) -> Offset {
    if let Place::Queue(_) = strip.place {
        let first = strip.cells.first().map_or(strip.end, |cell| cell.offset);
        let columns = row.columns.max(1) as u64;
        return Offset(first.0 / columns * columns);
    }
    let same = view.picture.brokers.iter().flat_map(|broker| &broker.strips);
    let same: Vec<&StripView> = same.filter(|other| other.place == strip.place).collect();
    let leader = same.iter().find(|other| matches!(other.role, Role::Leader { .. }));
    let end = leader.map(|leader| leader.end.0).or_else(|| same.iter().map(|other| other.end.0).max());
    let (columns, half) = (row.columns as u64, (row.columns as u64 / 2).max(1));
    let over = (end.unwrap_or(0) + 1).saturating_sub(columns);
    Offset(over.div_ceil(half) * half)
}

fn slots(scene: &mut Scene, view: &View<'_>, row: &RowPlace, up: bool) {
    for index in 0..row.room() {
        if let Some(area) = row.cell(index, view.layout.mark) {
            let fill = up.then(|| solid(view.theme.surface));
            scene.boxed(area, 6.0, fill, Some(line(view.theme.line, 1.0)));
        }
    }
}

fn draw_cell(scene: &mut Scene, view: &View<'_>, strip: &StripView, cell: &Cell, area: Rect) {
    let theme = view.theme;
    let Some(mark) = cell.mark else {
        // A record that is no message: a mark of the log's own.
        scene.disc(area.center(), 2.4, Some(solid(theme.ink_3)), None);
        return;
    };
    let leads = matches!(strip.role, Role::Leader { .. } | Role::Queue);
    let firmness = match cell.state {
        CellState::Ready => Firmness::Solid,
        CellState::Delivered(_) => Firmness::Faded,
        CellState::Committed if leads => Firmness::Solid,
        CellState::Committed => Firmness::Faded,
        CellState::Uncommitted if leads => Firmness::Dashed,
        CellState::Uncommitted => Firmness::FadedDashed,
    };
    let selected = view.selection.message == Some(mark.message);
    let first = u32::from(matches!(cell.state, CellState::Delivered(_)));
    let count = (cell.deliveries > first).then_some(cell.deliveries);
    let look = Look { firmness, count, selected, width: view.layout.mark };
    glyph::message(scene, area.center(), mark, look, theme);
}

fn label(scene: &mut Scene, view: &View<'_>, is: Role, row: &RowPlace) {
    let (Some((spot, room)), Place::Partition(partition)) = (row.label, &row.place) else { return };
    let (theme, lang) = (view.theme, view.lang);
    let leads = matches!(is, Role::Leader { .. });
    let name = Font { weight: if leads { 600 } else { 400 }, ..PLAIN };
    let role = words::role(is, lang);
    let rise = if role.is_empty() { 0.0 } else { 7.0 };
    let (upper, lower) = (at(spot.x, spot.y - rise), at(spot.x, spot.y + rise));
    let color = if leads { theme.ink } else { theme.ink_2 };
    scene.text_within(upper, &words::partition(partition.index, room < 66.0, lang), name, color, room);
    let color = match is {
        Role::Leader { .. } => theme.ink_2,
        Role::Follower { in_sync: false } => theme.vermilion,
        _ => theme.ink_3,
    };
    scene.text_within(lower, &role, LITTLE, color, room);
}

fn partition_notes(scene: &mut Scene, view: &View<'_>, strip: &StripView, row: &RowPlace, first: Offset) {
    let (theme, lang) = (view.theme, view.lang);
    let leads = matches!(strip.role, Role::Leader { .. });
    let right = match strip.role {
        Role::Leader { .. } => words::next(strip.end.0, lang),
        Role::Follower { .. } if led(view, strip) => words::behind(strip.behind, row.words.1 < 56.0, lang),
        _ => String::new(),
    };
    let color = if strip.behind > 0 && !leads { theme.ink_2 } else { theme.ink_3 };
    scene.text_within(row.words.0, &right, LITTLE, color, row.words.1);
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
    let Some(note) = row.note.filter(|_| leads) else { return };
    let room = row.columns as f64 * pitch;
    let text = words::high_watermark(high_watermark.0, room < 240.0, lang);
    let font = on(LITTLE, Anchor::Middle);
    let half = width_of(&text, font) / 2.0;
    let middle = x.clamp(row.first.x + half, (row.first.x + room - half).max(row.first.x + half));
    scene.text(at(middle, note), text, font, theme.green);
    let mut taken = vec![(middle - half - 6.0, middle + half + 6.0)];
    let limit = row.first.x + room + row.words.1;
    for (group, next) in &strip.groups {
        let x = edge(*next);
        let tip = [at(x, note - 9.0), at(x - 4.0, note - 3.0), at(x + 4.0, note - 3.0)];
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
    all.any(|other| other.place == strip.place && matches!(other.role, Role::Leader { .. }))
}

/// From one cell to the next.
fn pitch(row: &RowPlace, mark: f64) -> f64 {
    match (row.cell(0, mark), row.cell(1, mark)) {
        (Some(a), Some(b)) if b.x > a.x => b.x - a.x,
        _ => mark + 4.0,
    }
}

fn queue_notes(scene: &mut Scene, view: &View<'_>, strip: &StripView, row: &RowPlace, first: Offset) {
    let (theme, lang) = (view.theme, view.lang);
    let out = strip.cells.iter().filter(|cell| matches!(cell.state, CellState::Delivered(_))).count() as u64;
    let shown = strip.cells.iter().filter(|cell| cell.offset.0 < first.0 + row.room() as u64).count() as u64;
    let Some(note) = row.note else { return };
    scene.text_within(
        at(row.first.x, note),
        &words::held(strip.held, out, lang),
        PLAIN,
        theme.ink_2,
        row.words.1 * 1.6,
    );
    if strip.held > shown {
        let more = words::more(strip.held - shown, lang);
        scene.text(at(row.words.0.x, note), more, on(PLAIN, Anchor::End), theme.ink_3);
    }
}

/// Those who receive.
pub(super) fn consumers(scene: &mut Scene, view: &View<'_>) {
    for (consumer, (_, area)) in view.picture.consumers.iter().zip(&view.layout.consumers) {
        card(scene, view, consumer.node, *area, consumer.up, &consumer.name);
        consumer_inside(scene, view, consumer, *area);
    }
}

fn consumer_inside(scene: &mut Scene, view: &View<'_>, consumer: &ConsumerView, area: Rect) {
    let (theme, lang) = (view.theme, view.lang);
    let (x, room) = (area.x + 13.0, area.w - 26.0);
    let tall = area.h >= 80.0;
    let second = at(x, area.y + 35.0);
    if !consumer.up {
        scene.text_within(second, words::DOWN.get(lang), PLAIN, theme.vermilion, room);
        return;
    }
    scene.text_within(second, &words::reads(consumer, lang), PLAIN, theme.ink_2, room);
    let done = words::done(consumer.processed, lang);
    if tall {
        scene.text_within(at(x, area.y + 50.0), &done, LITTLE, theme.ink_3, room);
    }
    let middle = area.bottom() - if tall { 26.0 } else { 22.0 };
    let mark = view.layout.mark;
    let look = |firmness, message| Look {
        firmness,
        count: None,
        selected: view.selection.message == Some(message),
        width: mark,
    };
    let mut free = x;
    if let Some((working, since, until)) = consumer.working {
        glyph::message(
            scene,
            at(x + mark / 2.0, middle),
            working,
            look(Firmness::Solid, working.message),
            theme,
        );
        let whole = until.since(since).0.max(1) as f64;
        let share = view.picture.now.since(since).0 as f64 / whole;
        glyph::bar(scene, Rect::new(x, area.bottom() - 10.0, room, 4.0), share, theme.blue, theme);
        free += mark + 9.0;
    }
    let fits = ((area.right() - 8.0 - free) / (mark + 3.0)).max(0.0) as usize;
    let staged = consumer.staged.len();
    // One place is kept for the count of those that do not fit.
    let shown = if staged <= fits { staged } else { fits.saturating_sub(1) };
    for (index, staged) in consumer.staged.iter().take(shown).enumerate() {
        let center = at(free + mark / 2.0 + index as f64 * (mark + 3.0), middle);
        glyph::message(scene, center, *staged, look(Firmness::Faded, staged.message), theme);
    }
    if staged > shown {
        let spot = at(free + shown as f64 * (mark + 3.0) + 2.0, middle);
        scene.text(spot, format!("+{}", staged - shown), LITTLE, theme.ink_3);
    }
    if consumer.working.is_none() && staged == 0 {
        scene.text_within(at(x, middle), words::IDLE.get(lang), LITTLE, theme.ink_3, room);
    }
}

/// How high above the tray a lost message still is: it falls faster and faster.
fn height_left(view: &View<'_>, message: MessageId) -> f64 {
    let fallen = view.falling.iter().find(|(other, _)| *other == message).map_or(1.0, |(_, fallen)| *fallen);
    let fallen = fallen.clamp(0.0, 1.0);
    view.layout.tray.y.min(FALL) * (1.0 - fallen * fallen)
}

/// Where a lost message comes from, above the tray.
const FALL: f64 = 260.0;

/// The tray: what was promised and is gone.
pub(super) fn tray(scene: &mut Scene, view: &View<'_>) {
    let (theme, layout, lost) = (view.theme, view.layout, &view.picture.lost);
    let area = layout.tray;
    let (stroke, color) = match lost.is_empty() {
        true => (dashed(theme.line_strong, 1.0), theme.ink_3),
        false => (dashed(theme.vermilion, 1.3), theme.vermilion),
    };
    scene.boxed(area, 9.0, None, Some(stroke));
    let label = words::lost(lost.len(), view.lang);
    let font = Font { weight: if lost.is_empty() { 400 } else { 600 }, ..CAPTION };
    let middle = area.center().y;
    scene.text(at(area.x + 14.0, middle), label.clone(), font, color);
    if view.hint && !layout.narrow {
        let spot = at(area.right() - 14.0, middle);
        scene.text(spot, words::START.get(view.lang), on(CAPTION, Anchor::End), theme.ink_2);
    }
    let start = area.x + 14.0 + width_of(&label, font) + 14.0;
    let pitch = layout.mark + 5.0;
    let room = ((area.right() - 40.0 - start) / pitch).max(0.0) as usize;
    for (index, mark) in lost.iter().take(room).enumerate() {
        let selected = view.selection.message == Some(mark.message);
        let look = Look { firmness: Firmness::Solid, count: None, selected, width: layout.mark };
        let center = at(start + pitch * (index as f64 + 0.5), middle - height_left(view, mark.message));
        glyph::message(scene, center, *mark, look, theme);
    }
    if lost.len() > room {
        let spot = at(start + pitch * room as f64 + 4.0, middle);
        scene.text(spot, format!("+{}", lost.len() - room), LITTLE, theme.vermilion);
    }
}
