//! What stands around a queue's cells: its name, the keys that lead to it, its figures, and what died in it.

use mqlab_core::ids::Offset;
use mqlab_core::observe::Place;
use mqlab_core::routing::{Destination, ExchangeKind};
use mqlab_core::sim::picture::{BrokerView, CellState, StripView};

use super::View;
use super::cards::{LITTLE, PLAIN, on};
use super::exchanges::SLACK;
use super::layout::RowPlace;
use super::shape::{Anchor, Font, Scene, at, fitted, width_of};
use crate::text::broker as words;
use crate::text::stage;

/// A queue's name.
const NAME: Font = Font { weight: 600, ..PLAIN };
/// Between two texts of one line.
const GAP: f64 = 10.0;

/// Whether a queue's cells stand close together, whatever was removed between them: what waits, or is of low
/// priority, stays for long, and the places of those that have gone would push the others out of sight.
pub(super) fn close_up(strip: &StripView, row: &RowPlace, first: Offset) -> bool {
    let end = first.0 + row.room() as u64;
    let visible = strip.cells.iter().filter(|cell| cell.offset.0 < end).count();
    matches!(strip.place, Place::Queue(_)) && visible * 2 < strip.cells.len().min(row.room())
}

/// The name of a queue that is not there (yet, or any more).
pub(super) fn absent(scene: &mut Scene, view: &View<'_>, broker: &BrokerView, row: &RowPlace) {
    if let (Place::Queue(name), Some((spot, room))) = (&row.place, row.label) {
        scene.text_within(spot, &words::queue(name, view.lang), PLAIN, view.theme.ink_3, room * 0.7);
        // Where nothing is there, the broker's title says so for all.
        if !broker.strips.is_empty() {
            let gone = words::ABSENT.get(view.lang);
            scene.text(row.words.0, gone, on(LITTLE, Anchor::End), view.theme.ink_3);
        }
    }
}

/// The words around a queue's cells, of which so many are shown.
pub(super) fn notes(
    scene: &mut Scene,
    view: &View<'_>,
    broker: &BrokerView,
    strip: &StripView,
    row: &RowPlace,
    shown: u64,
) {
    match row.label {
        None => below(scene, view, strip, row, shown),
        Some((spot, room)) => {
            let keys = [words::role(strip.role, view.lang), keys(view, broker, strip)];
            let keys = keys.into_iter().filter(|words| !words.is_empty()).collect::<Vec<_>>().join(", ");
            let named = match &strip.place {
                Place::Queue(queue) => width_of(&words::queue(queue, view.lang), NAME) * SLACK + GAP,
                _ => 0.0,
            };
            let taken = figures(scene, view, strip, row, (shown, named), !keys.is_empty());
            name(scene, view, strip, &keys, (spot, row.words.0.x - spot.x - taken));
            if let (Some(note), Some(queue)) = (row.note, &strip.queue) {
                let (text, harm) = words::deaths(queue, view.lang);
                let color = if harm { view.theme.vermilion } else { view.theme.ink_3 };
                scene.text_within(at(row.first.x, note), &text, LITTLE, color, room);
            }
        }
    }
}

/// A queue that has its broker for itself: what it holds stands below its cells.
fn below(scene: &mut Scene, view: &View<'_>, strip: &StripView, row: &RowPlace, shown: u64) {
    let (theme, lang) = (view.theme, view.lang);
    let Some(note) = row.note else { return };
    let most = row.words.1 * 1.6;
    let (text, full) = match &strip.queue {
        Some(queue) => {
            let role = words::role(strip.role, lang);
            let with_role = |(text, full): (String, bool)| {
                (if role.is_empty() { text } else { format!("{role}: {text}") }, full)
            };
            let said = with_role(words::figures(queue, false, lang));
            if width_of(&said.0, PLAIN) <= most { said } else { with_role(words::figures(queue, true, lang)) }
        }
        None => {
            let out = |cell: &&mqlab_core::sim::picture::Cell| matches!(cell.state, CellState::Delivered(_));
            (stage::held(strip.held, strip.cells.iter().filter(out).count() as u64, lang), false)
        }
    };
    let color = if full { theme.vermilion } else { theme.ink_2 };
    scene.text_within(at(row.first.x, note), &text, PLAIN, color, most);
    if strip.held > shown {
        let more = stage::more(strip.held - shown, lang);
        scene.text(at(row.words.0.x, note), more, on(PLAIN, Anchor::End), theme.ink_3);
    }
}

/// The figures at the right of a queue's name, which is so wide, short ones where keys need room; returns how much
/// room they took.
fn figures(
    scene: &mut Scene,
    view: &View<'_>,
    strip: &StripView,
    row: &RowPlace,
    (shown, named): (u64, f64),
    short: bool,
) -> f64 {
    let Some(queue) = &strip.queue else { return 0.0 };
    let end = row.words.0;
    let whole = end.x - row.first.x;
    let limit = (whole - named).clamp(whole * 0.4, whole * 0.66);
    let fits = |text: &str| width_of(text, LITTLE) <= limit;
    let (mut text, full) = words::figures(queue, short, view.lang);
    if !fits(&text) {
        text = words::figures(queue, true, view.lang).0;
    }
    if strip.held > shown && shown > 0 {
        let longer = format!("{text}, {}", stage::more(strip.held - shown, view.lang));
        text = if fits(&longer) { longer } else { text };
    }
    let text = fitted(&text, LITTLE, limit);
    let wide = width_of(&text, LITTLE) * SLACK;
    let color = if full { view.theme.vermilion } else { view.theme.ink_2 };
    scene.text(end, text, on(LITTLE, Anchor::End), color);
    wide + GAP
}

/// What the bindings that lead to a queue ask for; of one that spreads by a hash, how large a share it gives.
fn keys(view: &View<'_>, broker: &BrokerView, strip: &StripView) -> String {
    let Place::Queue(queue) = &strip.place else { return String::new() };
    let leads_here = |to: &Destination| matches!(to, Destination::Queue(name) if name == queue);
    let bindings = broker.exchanges.iter().flat_map(|exchange| {
        let hashes = matches!(exchange.kind, ExchangeKind::ConsistentHash { .. });
        exchange.bindings.iter().map(move |binding| (hashes, binding))
    });
    let asked = bindings.filter(|(_, binding)| leads_here(&binding.to)).map(|(hashes, binding)| {
        if hashes { words::weight(binding, view.lang) } else { words::condition(binding) }
    });
    asked.filter(|condition| !condition.is_empty()).collect::<Vec<_>>().join(", ")
}

/// A queue's name, and behind it the keys of its bindings, if they fit.
fn name(
    scene: &mut Scene,
    view: &View<'_>,
    strip: &StripView,
    keys: &str,
    (spot, room): (super::shape::Point, f64),
) {
    let Place::Queue(queue) = &strip.place else { return };
    let theme = view.theme;
    let text = words::queue(queue, view.lang);
    let wide = (width_of(&text, NAME) * SLACK).min(room);
    scene.text_within(spot, &text, NAME, theme.ink, wide);
    let left = room - wide - GAP;
    if !keys.is_empty() && left >= 30.0 {
        scene.text_within(at(spot.x + wide + GAP, spot.y), keys, LITTLE, theme.blue, left);
    }
}
