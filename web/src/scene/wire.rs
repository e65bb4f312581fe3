//! The ways between nodes, and where on them a packet is.

use super::shape::{Point, at};

/// A way: cubic curves, end to end.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wire {
    /// Start, control, control, end, control, control, end, ...
    pub(super) points: Vec<Point>,
    /// Points along it at even steps of the curves' parameters, with the length so far.
    samples: Vec<(Point, f64)>,
}

/// How far before a corner a way begins to turn.
const TURN: f64 = 12.0;

/// From one point so far toward another, and no further than half of the way.
fn toward(from: Point, to: Point, far: f64) -> Point {
    let whole = (to.x - from.x).hypot(to.y - from.y);
    let part = if whole > 0.0 { (far / whole).min(0.5) } else { 0.0 };
    at(from.x + (to.x - from.x) * part, from.y + (to.y - from.y) * part)
}

/// Samples for each cubic curve: enough that the eye sees even speed.
const SAMPLES: usize = 14;

impl Wire {
    /// A way from cubic curves.
    pub(super) fn new(points: Vec<Point>) -> Self {
        let mut samples: Vec<(Point, f64)> = Vec::new();
        let mut length = 0.0;
        for curve in 0..points.len().saturating_sub(1) / 3 {
            let p = &points[curve * 3..curve * 3 + 4];
            let first = usize::from(curve > 0);
            for step in first..=SAMPLES {
                let here = cubic(p, step as f64 / SAMPLES as f64);
                if let Some((before, _)) = samples.last() {
                    length += (here.x - before.x).hypot(here.y - before.y);
                }
                samples.push((here, length));
            }
        }
        Self { points, samples }
    }

    /// One curve that leaves and arrives level.
    pub(super) fn level(from: Point, to: Point) -> Self {
        let bend = (to.x - from.x) * 0.5;
        Self::new(vec![from, at(from.x + bend, from.y), at(to.x - bend, to.y), to])
    }

    /// A bow to the side: out of one right side and into another, or the left if `depth` is negative.
    pub(super) fn bow(from: Point, to: Point, depth: f64) -> Self {
        let edge = if depth > 0.0 { from.x.max(to.x) } else { from.x.min(to.x) } + depth;
        let middle = at(edge, (from.y + to.y) / 2.0);
        let reach = (middle.y - from.y) * 0.45;
        Self::new(vec![
            from,
            at(edge, from.y),
            at(edge, from.y + reach * 0.4),
            middle,
            at(edge, to.y - reach * 0.4),
            at(edge, to.y),
            to,
        ])
    }

    /// Straight pieces from corner to corner, rounded where they turn.
    pub(super) fn square(corners: &[Point]) -> Self {
        let mut points: Vec<Point> = corners.first().copied().into_iter().collect();
        for (index, corner) in corners.iter().enumerate().skip(1) {
            let before = corners[index - 1];
            let Some(after) = corners.get(index + 1) else {
                let last = points.last().copied().unwrap_or(before);
                points.extend([last, *corner, *corner]);
                continue;
            };
            let (a, b) = (toward(*corner, before, TURN), toward(*corner, *after, TURN));
            let last = points.last().copied().unwrap_or(before);
            points.extend([last, a, a, *corner, *corner, b]);
        }
        Self::new(points)
    }

    /// How long it is.
    pub(super) fn length(&self) -> f64 {
        self.samples.last().map_or(0.0, |(_, length)| *length)
    }

    /// Points along it, moved `aside` to the right of the direction of travel, which may be `back`, without the first and the
    /// last `inset` of it.
    pub(super) fn beside(&self, aside: f64, back: bool, inset: f64) -> Vec<Point> {
        let steps = self.samples.len().max(2) - 1;
        let inset = (inset / self.length().max(1.0)).min(0.3);
        let part = |step: usize| inset + (1.0 - 2.0 * inset) * step as f64 / steps as f64;
        (0..=steps)
            .map(|step| if back { self.at(1.0 - part(step), -aside) } else { self.at(part(step), aside) })
            .collect()
    }

    /// Points along the way, so far from each other, its ends left out.
    pub(super) fn spots(&self, apart: f64) -> impl Iterator<Item = Point> {
        let whole = self.samples.last().map_or(0.0, |(_, length)| *length);
        let count = (whole / apart).floor().clamp(1.0, 200.0) as u32;
        (1..count).map(move |number| self.at(f64::from(number) / f64::from(count), 0.0))
    }

    /// The point at `part` (0 to 1) of the way, moved `aside` to the right of the direction of travel.
    pub(super) fn at(&self, part: f64, aside: f64) -> Point {
        let Some((_, whole)) = self.samples.last().copied() else { return Point::default() };
        let wanted = whole * part.clamp(0.0, 1.0);
        let after =
            self.samples.partition_point(|(_, length)| *length < wanted).clamp(1, self.samples.len() - 1);
        let ((a, from), (b, to)) = (self.samples[after - 1], self.samples[after]);
        let length = (to - from).max(f64::EPSILON);
        let share = (wanted - from) / length;
        let (dx, dy) = ((b.x - a.x) / length, (b.y - a.y) / length);
        at(a.x + (b.x - a.x) * share - dy * aside, a.y + (b.y - a.y) * share + dx * aside)
    }
}

fn cubic(p: &[Point], t: f64) -> Point {
    let u = 1.0 - t;
    let (a, b, c, d) = (u * u * u, 3.0 * u * u * t, 3.0 * u * t * t, t * t * t);
    at(a * p[0].x + b * p[1].x + c * p[2].x + d * p[3].x, a * p[0].y + b * p[1].y + c * p[2].y + d * p[3].y)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_with_corners_keeps_to_them() {
        let corners = [at(0.0, 0.0), at(0.0, 40.0), at(80.0, 40.0), at(80.0, 100.0)];
        let wire = Wire::square(&corners);
        assert_eq!((wire.at(0.0, 0.0), wire.at(1.0, 0.0)), (corners[0], corners[3]));
        assert_eq!(wire.points.len() % 3, 1, "whole curves");
        let whole = 40.0 + 80.0 + 60.0;
        assert!(wire.length() < whole && wire.length() > whole - 20.0, "{}", wire.length());
        let on_it = |p: Point| p.x < 0.01 || p.x > 79.99 || (p.y - 40.0).abs() < 12.0;
        assert!((0..=100).all(|part| on_it(wire.at(f64::from(part) / 100.0, 0.0))));
        // Where two corners lie on each other, nothing breaks.
        assert!(Wire::square(&[at(5.0, 0.0), at(5.0, 10.0), at(5.0, 10.0), at(5.0, 20.0)]).length() <= 20.01);
    }

    #[test]
    fn a_way_begins_and_ends_where_it_should_and_is_even_between() {
        let wire = Wire::level(at(0.0, 0.0), at(100.0, 60.0));
        assert_eq!(wire.at(0.0, 0.0), at(0.0, 0.0));
        assert_eq!(wire.at(1.0, 0.0), at(100.0, 60.0));
        let middle = wire.at(0.5, 0.0);
        assert!((middle.x - 50.0).abs() < 0.5 && (middle.y - 30.0).abs() < 0.5, "{middle:?}");
        assert!(wire.at(2.0, 0.0) == wire.at(1.0, 0.0));
    }
}
