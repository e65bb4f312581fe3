//! The grammar of small marks, the same in pictures and prose.
//!
//! ```text
//! (17)   a message: solid on its leader or on its way, faded as a copy, dashed while it is not committed
//! (K17)  with a key: its letter, and a hue of its own
//!  (+)   stored, or done        (-)  refused        *  a request        o  an empty answer
//! ((17)) x2   sent or delivered again, with a count
//! (17) with a clock: waits for its moment        (17)[4]  its priority
//! ```

use mqlab_core::sim::picture::Mark;

use super::layout::{MARK, MARK_FONT, SMALL};
use super::shape::{
    Anchor, Font, Paint, Point, Rect, Scene, Shape, Stroke, Target, at, dashed, faded, fitted, line, solid,
    width_of,
};
use super::theme::Theme;

/// How sure a message's place is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Firmness {
    /// The leader's copy, a message on its way.
    Solid,
    /// A replica's copy, a message that is with somebody else.
    Faded,
    /// Not committed.
    Dashed,
    /// Not committed, and a replica's copy.
    FadedDashed,
}

/// A message's look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) firmness: Firmness,
    /// Its count, if it was sent or delivered more than once.
    pub(crate) count: Option<u32>,
    pub(crate) selected: bool,
    /// The width that all messages of the run have.
    pub(crate) width: f64,
}

/// The words in a disc: the key's letter and the last digits of the number.
pub(crate) fn label(mark: Mark) -> String {
    let number = mark.message.0;
    let digits = if number < 10_000 { number.to_string() } else { format!("{:04}", number % 10_000) };
    match mark.key {
        Some(key) => format!("{}{digits}", key.to_uppercase()),
        None => digits,
    }
}

/// The place of a disc with these words in it.
fn area_of(center: Point, text: &str, look: Look) -> Rect {
    let width = look.width.min(MARK.max(width_of(text, MARK_FONT) + 5.0));
    Rect::around(center, width, MARK)
}

/// The part of its hue that a faded disc has.
pub(super) const FADED: f64 = 0.22;

/// Draws a message, and lets it be pointed at.
pub(crate) fn message(scene: &mut Scene, center: Point, mark: Mark, look: Look, theme: &Theme) {
    let (fill, edge) = theme.hue(mark.key);
    let text = label(mark);
    let area = area_of(center, &text, look);
    let radius = MARK / 2.0;
    let (inside, outline, ink): (Option<Paint>, _, _) = match look.firmness {
        Firmness::Solid => (Some(solid(fill)), line(edge, 1.2), theme.on_mark),
        Firmness::Faded => (Some(faded(fill, FADED)), line(edge, 1.0), theme.ink),
        Firmness::Dashed => (Some(solid(theme.surface)), dashed(edge, 2.0), theme.ink),
        Firmness::FadedDashed => (Some(faded(fill, 0.1)), dashed(edge, 1.3), theme.ink),
    };
    if look.selected {
        scene.boxed(area.grown(3.4), radius + 3.4, Some(solid(theme.surface)), Some(line(theme.ink, 2.2)));
    } else if look.count.is_some() {
        scene.boxed(area.grown(2.6), radius + 2.6, Some(solid(theme.surface)), Some(line(theme.ink_2, 1.3)));
    }
    let shrunk = if matches!(look.firmness, Firmness::Dashed | Firmness::FadedDashed) { -0.8 } else { 0.0 };
    scene.boxed(area.grown(shrunk), radius + shrunk, inside, Some(outline));
    let room = Some(area.w - 5.0);
    let spot = at(center.x, center.y + 0.5);
    scene.shapes.push(Shape::Text { at: spot, text, font: MARK_FONT, paint: solid(ink), room });
    // What was delivered once and came back has its ring, and nothing to count yet.
    if let Some(count) = look.count.filter(|count| *count > 1) {
        badge(scene, at(area.right() - 1.0, area.y - 2.0), &format!("×{count}"), theme.ink_2, theme.paper);
    }
    scene.answers(area.grown(2.0), Target::Message(mark.message));
}

/// The radius of a message where there is no room for its number.
const DOT: f64 = 2.8;
/// From one such message to the next.
pub(crate) const DOT_STEP: f64 = 2.0 * DOT + 1.4;

/// Draws a message where there is no room for its number, and lets it be pointed at.
pub(crate) fn dot(scene: &mut Scene, center: Point, mark: Mark, look: Look, theme: &Theme) {
    let (fill, edge) = theme.hue(mark.key);
    let (inside, outline) = match look.firmness {
        Firmness::Solid => (Some(solid(fill)), None),
        Firmness::Faded => (Some(faded(fill, FADED)), Some(line(edge, 0.8))),
        Firmness::Dashed | Firmness::FadedDashed => (Some(solid(theme.surface)), Some(line(edge, 1.0))),
    };
    let outline = if look.selected { Some(line(theme.ink, 1.8)) } else { outline };
    let radius = if look.selected { DOT + 1.0 } else { DOT };
    scene.disc(center, radius, inside, outline);
    scene.answers(Rect::around(center, DOT_STEP, 13.0), Target::Message(mark.message));
}

/// A small count at a corner.
fn badge(scene: &mut Scene, center: Point, text: &str, ground: &'static str, ink: &'static str) {
    let font = Font { size: SMALL, weight: 650, anchor: Anchor::Middle };
    let area = Rect::around(center, width_of(text, font) + 6.0, 14.0);
    scene.boxed(area, 7.0, Some(solid(ground)), Some(line(ink, 1.0)));
    scene.text(at(center.x, center.y + 0.5), text, font, ink);
}

/// A small clock at a corner: this message waits for a moment.
pub(crate) fn clock(scene: &mut Scene, center: Point, theme: &Theme) {
    scene.disc(center, 5.0, Some(solid(theme.surface)), Some(line(theme.ink_2, 1.2)));
    let hands = [at(center.x, center.y - 3.2), center, at(center.x + 2.4, center.y)];
    scene.lines(&hands, line(theme.ink_2, 1.2));
}

/// A priority at a corner: a digit in a square, where counts stand in discs.
pub(crate) fn priority(scene: &mut Scene, center: Point, priority: u8, theme: &Theme) {
    let font = Font { size: SMALL, weight: 600, anchor: Anchor::Middle };
    let text = priority.to_string();
    let area = Rect::around(center, width_of(&text, font) + 5.0, 12.0);
    scene.boxed(area, 2.0, Some(solid(theme.surface)), Some(line(theme.ink_3, 1.0)));
    scene.text(at(center.x, center.y + 0.5), text, font, theme.ink);
}

/// A diamond: here a way divides.
pub(crate) fn fork(scene: &mut Scene, c: Point, theme: &Theme) {
    let points = [at(c.x, c.y - 5.0), at(c.x + 5.0, c.y), at(c.x, c.y + 5.0), at(c.x - 5.0, c.y)];
    scene.figure(&points, solid(theme.ink_2));
}

/// Several messages in one packet: the first, or the selected one, before a hint of the others and their count.
/// Faded ones stand on a ground of their own, so that neither ways nor each other shine through their words.
pub(crate) fn batch(
    scene: &mut Scene,
    center: Point,
    marks: &[Mark],
    shown: Mark,
    look: Look,
    theme: &Theme,
) {
    let (fill, edge) = theme.hue(shown.key);
    let pale = look.firmness == Firmness::Faded;
    let ground = Some(solid(theme.surface));
    for behind in (1..marks.len().min(3)).rev() {
        let shift = behind as f64 * 3.2;
        let area = Rect::around(at(center.x + shift, center.y - shift), look.width.min(MARK + 6.0), MARK);
        if pale {
            scene.boxed(area, MARK / 2.0, ground, None);
        }
        let inside = if pale { faded(fill, FADED) } else { solid(fill) };
        scene.boxed(area, MARK / 2.0, Some(inside), Some(line(edge, 1.2)));
    }
    if pale {
        scene.boxed(area_of(center, &label(shown), look), MARK / 2.0, ground, None);
    }
    message(scene, center, shown, look, theme);
    if marks.len() > 1 && look.count.is_none() {
        let corner = at(center.x + look.width / 2.0 + 5.0, center.y - MARK / 2.0 - 3.0);
        badge(scene, corner, &marks.len().to_string(), theme.surface, theme.ink_2);
    }
}

/// Yes or no, on its way back.
pub(crate) fn answer(scene: &mut Scene, center: Point, yes: bool, selected: bool, theme: &Theme) {
    let color = if yes { theme.green } else { theme.vermilion };
    let radius = 7.6;
    if selected {
        scene.disc(center, radius + 3.4, Some(solid(theme.surface)), Some(line(theme.ink, 2.0)));
    }
    scene.disc(center, radius, Some(solid(theme.surface)), Some(line(color, 1.7)));
    let arm = 3.6;
    scene.lines(&[at(center.x - arm, center.y), at(center.x + arm, center.y)], line(color, 1.8));
    if yes {
        scene.lines(&[at(center.x, center.y - arm), at(center.x, center.y + arm)], line(color, 1.8));
    }
}

/// A question without messages, or an empty answer.
pub(crate) fn small(scene: &mut Scene, center: Point, question: bool, theme: &Theme) {
    if question {
        scene.disc(center, 3.4, Some(solid(theme.ink_3)), None);
    } else {
        scene.disc(center, 3.2, Some(solid(theme.sunk)), Some(line(theme.ink_3, 1.3)));
    }
}

/// "I am here."
pub(crate) fn upkeep(scene: &mut Scene, center: Point, theme: &Theme) {
    scene.disc(center, 1.8, Some(faded(theme.ink_3, 0.7)), None);
}

/// A bolt: this node can be stopped.
pub(crate) fn bolt(scene: &mut Scene, area: Rect, near: bool, active: bool, theme: &Theme) {
    let center = area.center();
    let radius = area.w / 2.0 - 1.0;
    let (ground, ink) =
        if active { (Some(solid(theme.vermilion)), theme.paper) } else { (None, theme.ink_3) };
    let edge = if active { theme.vermilion } else { theme.line_strong };
    if near || active {
        scene.disc(center, radius, ground, Some(line(edge, 1.1)));
    }
    scene.figure(&bolt_points(center, 0.78), solid(ink));
}

/// Three dots: there is a list of what can be changed here.
pub(crate) fn dots(scene: &mut Scene, area: Rect, active: bool, theme: &Theme) {
    let center = area.center();
    if active {
        scene.disc(center, area.w / 2.0 - 1.0, None, Some(line(theme.ink_3, 1.1)));
    }
    for aside in [-4.5, 0.0, 4.5] {
        scene.disc(at(center.x + aside, center.y), 1.5, Some(solid(theme.ink_3)), None);
    }
}

/// A star's outline around a point: somebody was chosen.
pub(crate) fn star(c: Point, radius: f64) -> Vec<Point> {
    (0..10)
        .map(|corner| {
            let angle = (f64::from(corner) * 36.0 - 90.0).to_radians();
            let radius = if corner % 2 == 0 { radius } else { radius * 0.45 };
            at(c.x + radius * angle.cos(), c.y + radius * angle.sin())
        })
        .collect()
}

/// A bolt's outline around a point.
pub(crate) fn bolt_points(c: Point, scale: f64) -> [Point; 6] {
    [(1.5, -8.0), (-5.0, 1.5), (-1.0, 1.5), (-1.5, 8.0), (5.0, -1.5), (1.0, -1.5)]
        .map(|(x, y)| at(c.x + x * scale, c.y + y * scale))
}

/// An arrow that turns back to where it came from: this node can be brought back.
pub(crate) fn revive(scene: &mut Scene, area: Rect, active: bool, theme: &Theme) {
    let center = area.center();
    let (ground, ink) = if active { (Some(solid(theme.green)), theme.paper) } else { (None, theme.green) };
    scene.disc(center, area.w / 2.0 - 1.0, ground, Some(line(theme.green, 1.3)));
    turning(scene, center, 4.6, ink);
}

/// Two bars: what it marks stands still.
pub(crate) fn pause(scene: &mut Scene, c: Point, theme: &Theme) {
    scene.disc(c, 9.0, Some(solid(theme.surface)), Some(line(theme.vermilion, 1.6)));
    for x in [c.x - 2.8, c.x + 2.8] {
        scene.lines(&[at(x, c.y - 4.0), at(x, c.y + 4.0)], line(theme.vermilion, 2.4));
    }
}

/// A cross on a way: nothing passes.
pub(crate) fn cut(scene: &mut Scene, c: Point, theme: &Theme) {
    scene.disc(c, 8.0, Some(solid(theme.surface)), Some(line(theme.vermilion, 1.6)));
    for side in [-3.4, 3.4] {
        scene.lines(&[at(c.x - side, c.y - 3.4), at(c.x + side, c.y + 3.4)], line(theme.vermilion, 2.0));
    }
}

/// The turning arrow itself.
pub(crate) fn turning(scene: &mut Scene, c: Point, radius: f64, color: &'static str) {
    let point = |degrees: f64, r: f64| {
        let angle = degrees.to_radians();
        at(c.x + r * angle.cos(), c.y + r * angle.sin())
    };
    let arc: Vec<Point> = (0..=10).map(|step| point(-20.0 + 29.0 * f64::from(step), radius)).collect();
    scene.lines(&arc, line(color, 1.6));
    // The arc runs clockwise and ends above, to the left of the gap; its head points on along it.
    let tip = point(-20.0 + 290.0, radius);
    let head = [at(tip.x + 3.6, tip.y), at(tip.x - 0.8, tip.y - 3.2), at(tip.x - 0.8, tip.y + 3.2)];
    scene.figure(&head, solid(color));
}

/// A bar that shows how much of something is done.
pub(crate) fn bar(scene: &mut Scene, area: Rect, share: f64, color: &'static str, theme: &Theme) {
    scene.boxed(area, area.h / 2.0, Some(solid(theme.line)), None);
    let done = area.w * share.clamp(0.0, 1.0);
    if done > 0.5 {
        let done = done.max(area.h.min(area.w));
        scene.boxed(Rect::new(area.x, area.y, done, area.h), area.h / 2.0, Some(solid(color)), None);
    }
}

/// Words on a small ground of their own.
pub(crate) fn chip(
    scene: &mut Scene,
    area: Rect,
    text: &str,
    (fill, edge, ink): (&'static str, Stroke, &'static str),
) {
    let font = Font { size: SMALL + 0.5, weight: 400, anchor: Anchor::Middle };
    scene.boxed(area, area.h / 2.0, Some(solid(fill)), Some(edge));
    let text = fitted(text, font, area.w - 10.0);
    scene.text(area.center(), text, font, ink);
}
