//! The marks on the time axis: a sign of its own for each kind of turn, so that none is told by colour alone.
//!
//! ```text
//!   ✕ lost for good    ▽ a copy lost    ∞ processed twice    ϟ gone       ★ an election    ◂▸ a rebalance
//!   ⊖ the first no     ◇ a fault        ○ comes back         ↺ well again  ■ another turn
//!   » jumped over      ≠ where two branches part
//! ```
//!
//! Marks that would lie on each other show as one: the gravest of them gives its sign, the others their ticks.

use mqlab_core::observe::{Landmark, Turn};
use mqlab_core::time::Time;

use super::axis::{AxisView, x_of};
use super::glyph;
use super::layout::SMALL;
use super::shape::{Anchor, Dash, Font, Point, Rect, Scene, Shape, Stroke, at, line, solid, width_of};
use super::theme::Theme;

/// Signs nearer to each other than this show as one.
const APART: f64 = 11.0;
/// How far above the bar signs stand.
const ABOVE: f64 = 13.0;
/// How far from above the sign of the first difference stands.
const DIFFERENCE_Y: f64 = 28.0;
/// How near the pointer must come to a sign.
const REACH: f64 = 9.0;

/// Marks that show as one sign.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cluster {
    /// Where the sign stands.
    pub x: f64,
    /// The gravest of them, the first of these.
    pub mark: Landmark,
    /// How many more there are.
    pub others: usize,
}

/// The signs of an axis, from left to right.
pub fn clusters(marks: &[Landmark], width: f64, ends_at: Time) -> Vec<Cluster> {
    let mut all: Vec<Cluster> = Vec::new();
    let mut began = f64::NEG_INFINITY;
    for mark in marks {
        let x = x_of(mark.at, width, ends_at);
        match all.last_mut() {
            Some(last) if x - began < APART => {
                last.others += 1;
                if mark.turn > last.mark.turn {
                    (last.mark, last.x) = (*mark, x);
                }
            }
            _ => {
                began = x;
                all.push(Cluster { x, mark: *mark, others: 0 });
            }
        }
    }
    all
}

/// The sign under a point of the axis, if there is one.
pub fn cluster_at(clusters: &[Cluster], spot: Point, height: f64) -> Option<Cluster> {
    let signs = height - super::axis::BAR - ABOVE;
    if (spot.y - signs).abs() > REACH {
        return None;
    }
    let near = clusters.iter().filter(|cluster| (cluster.x - spot.x).abs() <= REACH);
    near.min_by(|a, b| (a.x - spot.x).abs().total_cmp(&(b.x - spot.x).abs())).copied()
}

/// Whether the sign of the first difference lies under a point of the axis.
pub fn is_difference_at(moment: Time, (x, y): (f64, f64), width: f64, ends_at: Time) -> bool {
    (x - x_of(moment, width, ends_at)).abs() <= REACH && (y - DIFFERENCE_Y).abs() <= REACH
}

/// Draws ticks and signs.
pub(super) fn draw(scene: &mut Scene, view: &AxisView<'_>, bar: f64) {
    for mark in view.marks {
        let x = x_of(mark.at, view.width, view.ends_at);
        scene.lines(&[at(x, bar - 4.0), at(x, bar + 4.0)], line(color(mark.turn, view.theme), 1.6));
    }
    for cluster in clusters(view.marks, view.width, view.ends_at) {
        let color = color(cluster.mark.turn, view.theme);
        let x = cluster.x;
        scene.lines(&[at(x, bar - 5.5), at(x, bar + 5.5)], line(color, 2.2));
        sign(scene, at(x, bar - ABOVE), cluster.mark.turn, color, view.theme);
    }
}

const fn color(turn: Turn, theme: &Theme) -> &'static str {
    match turn {
        Turn::Loss | Turn::CopyLost | Turn::Doubling | Turn::Crash | Turn::Fault | Turn::Refusal => {
            theme.vermilion
        }
        Turn::Return => theme.green,
        Turn::Redelivery => theme.blue,
        _ => theme.purple,
    }
}

/// The sign of a kind of turn.
fn sign(scene: &mut Scene, c: Point, turn: Turn, color: &'static str, theme: &Theme) {
    let pen = line(color, 1.7);
    match turn {
        Turn::Loss => {
            for (dx, dy) in [(4.0, 4.0), (4.0, -4.0)] {
                scene.lines(&[at(c.x - dx, c.y - dy), at(c.x + dx, c.y + dy)], line(color, 2.6));
            }
        }
        Turn::CopyLost => {
            outline(scene, &[at(c.x - 4.6, c.y - 3.6), at(c.x + 4.6, c.y - 3.6), at(c.x, c.y + 4.4)], pen)
        }
        Turn::Doubling => {
            scene.disc(at(c.x - 2.2, c.y), 3.3, None, Some(pen));
            scene.disc(at(c.x + 2.2, c.y), 3.3, None, Some(pen));
        }
        Turn::Crash => scene.figure(&glyph::bolt_points(c, 0.76), solid(color)),
        Turn::Election => scene.figure(&star(c, 5.4), solid(color)),
        Turn::Rebalance => {
            scene.figure(
                &[at(c.x - 5.6, c.y), at(c.x - 1.0, c.y - 4.2), at(c.x - 1.0, c.y + 4.2)],
                solid(color),
            );
            scene.figure(
                &[at(c.x + 5.6, c.y), at(c.x + 1.0, c.y - 4.2), at(c.x + 1.0, c.y + 4.2)],
                solid(color),
            );
        }
        Turn::Refusal => {
            scene.disc(c, 4.6, Some(solid(theme.surface)), Some(pen));
            scene.lines(&[at(c.x - 2.4, c.y), at(c.x + 2.4, c.y)], pen);
        }
        Turn::Fault => {
            let (up, side) = (5.0, 4.4);
            outline(
                scene,
                &[at(c.x, c.y - up), at(c.x + side, c.y), at(c.x, c.y + up), at(c.x - side, c.y)],
                pen,
            );
        }
        Turn::Redelivery => scene.disc(c, 3.6, None, Some(pen)),
        Turn::Return => glyph::turning(scene, c, 3.6, color),
        _ => scene.boxed(Rect::around(c, 5.0, 5.0), 0.5, Some(solid(color)), None),
    }
}

/// A closed line through points.
fn outline(scene: &mut Scene, points: &[Point], stroke: Stroke) {
    let closed = points.iter().chain(&points[..2]).copied().collect();
    scene.shapes.push(Shape::Line { points: closed, curved: false, fill: None, stroke: Some(stroke) });
}

fn star(c: Point, radius: f64) -> Vec<Point> {
    (0..10)
        .map(|corner| {
            let angle = (f64::from(corner) * 36.0 - 90.0).to_radians();
            let radius = if corner % 2 == 0 { radius } else { radius * 0.45 };
            at(c.x + radius * angle.cos(), c.y + radius * angle.sin())
        })
        .collect()
}

/// A stretch that was jumped over: the bar is broken there.
pub(super) fn leap(scene: &mut Scene, (from, to): (f64, f64), bar: f64, theme: &Theme) {
    let (from, to) = (from.min(to), to.max(from + 5.0));
    scene.boxed(Rect::new(from, bar - 4.0, to - from, 8.0), 0.0, Some(solid(theme.surface)), None);
    let dots = Stroke { dash: Dash::Dotted, ..line(theme.ink_3, 1.6) };
    scene.lines(&[at(from + 1.0, bar), at(to, bar)], dots);
    let middle = f64::midpoint(from, to);
    let pen = line(theme.ink_2, 1.4);
    for x in if to - from < 16.0 { vec![middle - 1.0] } else { vec![middle - 3.6, middle + 1.2] } {
        scene.lines(&[at(x, bar - 3.4), at(x + 3.0, bar), at(x, bar + 3.4)], pen);
    }
}

/// Where two branches part.
pub(super) fn difference(scene: &mut Scene, x: f64, bar: f64, theme: &Theme) {
    let dashes = Stroke { dash: Dash::Dashed, ..line(theme.ink, 1.4) };
    scene.lines(&[at(x, DIFFERENCE_Y + 7.0), at(x, bar + 7.0)], dashes);
    let c = at(x, DIFFERENCE_Y);
    scene.disc(c, 6.6, Some(solid(theme.surface)), Some(line(theme.ink, 1.4)));
    for dy in [-1.7, 1.7] {
        scene.lines(&[at(c.x - 3.2, c.y + dy), at(c.x + 3.2, c.y + dy)], line(theme.ink, 1.3));
    }
    scene.lines(&[at(c.x - 1.8, c.y + 4.0), at(c.x + 1.8, c.y - 4.0)], line(theme.ink, 1.3));
}

/// The words for a spot of the axis.
const LABEL: Font = Font { size: SMALL, weight: 500, anchor: Anchor::Middle };

/// Where words for a spot stand on an axis of a width.
pub(super) fn label_area(x: f64, words: &str, whole: f64) -> Rect {
    let width = (width_of(words, LABEL) + 14.0).min(whole - 4.0);
    let middle = x.clamp(width / 2.0 + 2.0, (whole - width / 2.0 - 2.0).max(width / 2.0 + 2.0));
    Rect::around(at(middle, 9.5), width, 18.0)
}

/// Words for a spot of the axis, above it, within the drawing.
pub(super) fn label(scene: &mut Scene, x: f64, words: &str, theme: &Theme) {
    let area = label_area(x, words, scene.width);
    let (width, middle) = (area.w, area.center().x);
    scene.boxed(area, 5.0, Some(solid(theme.surface)), Some(line(theme.line_strong, 1.0)));
    scene.text_within(at(middle, 10.0), words, LABEL, theme.ink, width - 10.0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn mark(at: u64, turn: Turn) -> Landmark {
        Landmark { at: Time(at), fact: at as usize, turn, messages: 0, decisive: true }
    }

    #[test]
    fn no_two_kinds_of_turn_have_the_same_sign() {
        let drawn = |turn| {
            let mut scene = Scene::default();
            // One colour for all: they must differ by form.
            sign(&mut scene, at(10.0, 10.0), turn, "#000000", &super::super::theme::LIGHT);
            format!("{:?}", scene.shapes)
        };
        let forms: BTreeSet<String> = Turn::ALL.into_iter().map(drawn).collect();
        assert_eq!(forms.len(), Turn::ALL.len());
    }

    #[test]
    fn what_lies_together_shows_as_its_gravest() {
        let marks = [
            mark(100_000, Turn::Crash),
            mark(100_400, Turn::Loss),
            mark(101_000, Turn::Return),
            mark(500_000, Turn::Election),
        ];
        let all = clusters(&marks, 780.0, Time(900_000));
        assert_eq!(
            all.iter().map(|one| (one.mark.turn, one.others)).collect::<Vec<_>>(),
            [(Turn::Loss, 2), (Turn::Election, 0)]
        );
        let over = |x: f64, y: f64| cluster_at(&all, at(x, y), 94.0).map(|one| one.mark.turn);
        assert_eq!(over(all[0].x + 3.0, 52.0), Some(Turn::Loss));
        assert_eq!(over(all[0].x + 3.0, 66.0), None, "the bar is for any moment");
        assert_eq!(over(300.0, 52.0), None);
    }
}
