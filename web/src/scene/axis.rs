//! The time axis: how far the run is, how much waits, and where its turns are.

use mqlab_core::time::{Span, Time};

use super::glyph;
use super::layout::SMALL;
use super::shape::{Anchor, Dash, Font, Point, Rect, Scene, Shape, Stroke, at, faded, line, solid};
use super::theme::Theme;
use crate::text::sentence::Tone;

/// Left and right of the axis, in pixels: half a thumb and a little.
pub const MARGIN: f64 = 14.0;
/// Where the bar lies, from below.
const BAR: f64 = 30.0;

const LITTLE: Font = Font { size: SMALL, weight: 400, anchor: Anchor::Start };

/// All that the axis shows.
#[derive(Clone, Debug)]
pub struct AxisView<'a> {
    /// The moment shown on the stage.
    pub now: Time,
    /// The end of the run.
    pub ends_at: Time,
    /// Between two samples.
    pub interval: Span,
    /// Messages that waited, as far as is known of this branch.
    pub backlog: &'a [u32],
    /// The run's turns, as far as they are known.
    pub landmarks: &'a [(Time, Tone)],
    /// The word for what the curve shows.
    pub label: &'a str,
    /// The colours.
    pub theme: &'a Theme,
    /// In pixels.
    pub width: f64,
    /// In pixels.
    pub height: f64,
}

/// The moment under a point of the axis.
pub fn moment_at(x: f64, width: f64, ends_at: Time) -> Time {
    let share = ((x - MARGIN) / (width - 2.0 * MARGIN).max(1.0)).clamp(0.0, 1.0);
    Time((share * ends_at.0 as f64).round() as u64)
}

fn x_of(view: &AxisView<'_>, moment: Time) -> f64 {
    let share = moment.0 as f64 / view.ends_at.0.max(1) as f64;
    MARGIN + share.min(1.0) * (view.width - 2.0 * MARGIN)
}

/// Draws the axis.
pub fn axis(view: &AxisView<'_>) -> Scene {
    let mut scene = Scene { width: view.width, height: view.height, scale: 1.0, ..Scene::default() };
    let theme = view.theme;
    let (bar_y, now_x) = (view.height - BAR, x_of(view, view.now));
    curve(&mut scene, view, bar_y - 18.0);
    let whole = Rect::new(MARGIN, bar_y - 2.5, view.width - 2.0 * MARGIN, 5.0);
    scene.boxed(whole, 2.5, Some(solid(theme.line)), None);
    scene.boxed(Rect { w: now_x - MARGIN, ..whole }, 2.5, Some(solid(theme.ink_3)), None);
    ruler(&mut scene, view);
    let mut last = f64::NEG_INFINITY;
    for (moment, tone) in view.landmarks {
        let x = x_of(view, *moment);
        // Marks that would lie on each other show as one.
        if x - last >= 9.0 {
            landmark(&mut scene, at(x, bar_y), *tone, theme);
            last = x;
        } else {
            scene.lines(&[at(x, bar_y - 4.0), at(x, bar_y + 4.0)], line(color(*tone, theme), 1.6));
        }
    }
    scene.lines(&[at(now_x, 6.0), at(now_x, bar_y)], line(theme.ink, 1.2));
    scene.disc(at(now_x, bar_y), 7.0, Some(solid(theme.surface)), Some(line(theme.ink, 2.0)));
    scene
}

fn color(tone: Tone, theme: &Theme) -> &'static str {
    match tone {
        Tone::Harm => theme.vermilion,
        Tone::Turn => theme.purple,
        Tone::Back | Tone::Good => theme.green,
        Tone::Again => theme.blue,
        Tone::Plain => theme.ink_3,
    }
}

/// A tick, and above it a sign of what happened, so that it is not told by colour alone.
fn landmark(scene: &mut Scene, spot: Point, tone: Tone, theme: &Theme) {
    let color = color(tone, theme);
    scene.lines(&[at(spot.x, spot.y - 5.0), at(spot.x, spot.y + 5.0)], line(color, 2.0));
    let sign = at(spot.x, spot.y - 12.5);
    match tone {
        Tone::Harm => scene.figure(&glyph::bolt_points(sign, 0.72), solid(color)),
        Tone::Back | Tone::Again => glyph::turning(scene, sign, 3.6, color),
        Tone::Turn => scene.figure(&glyph::star(sign, 5.2), solid(color)),
        Tone::Good | Tone::Plain => scene.disc(sign, 2.2, Some(solid(color)), None),
    }
}

/// The curve of what waits: what was, strong; what is known to come, faint.
fn curve(scene: &mut Scene, view: &AxisView<'_>, floor: f64) {
    let theme = view.theme;
    let top = 18.0;
    let highest = view.backlog.iter().copied().max().unwrap_or(0).max(1);
    scene.text(at(MARGIN + 5.0, 9.0), view.label, LITTLE, theme.ink_3);
    let value = |sample: u32| floor - f64::from(sample) / f64::from(highest) * (floor - top);
    let points: Vec<Point> = view
        .backlog
        .iter()
        .enumerate()
        .map(|(index, sample)| at(x_of(view, Time(index as u64 * view.interval.0)), value(*sample)))
        .filter(|point| point.x <= view.width - MARGIN)
        .collect();
    let now_x = x_of(view, view.now);
    let past = points.partition_point(|point| point.x <= now_x);
    if past > 1 {
        let mut ground = points[..past].to_vec();
        ground.push(at(points[past - 1].x, floor));
        ground.push(at(points[0].x, floor));
        scene.shapes.push(Shape::Line {
            points: ground,
            curved: false,
            fill: Some(faded(theme.blue, 0.1)),
            stroke: None,
        });
        scene.lines(&points[..past], line(theme.blue, 1.7));
        let peak = view.backlog[..past].iter().copied().enumerate().max_by_key(|(_, sample)| *sample);
        if let Some((index, sample)) =
            peak.filter(|(index, sample)| *sample > 0 && (points[*index].x - now_x).abs() > 16.0)
        {
            let beside_label = MARGIN + super::shape::width_of(view.label, LITTLE) + 24.0;
            let x = points[index].x.clamp(beside_label, (view.width - MARGIN - 30.0).max(beside_label));
            let font = Font { anchor: Anchor::Middle, ..LITTLE };
            scene.text(at(x, 9.0), sample.to_string(), font, theme.blue);
        }
    }
    if past < points.len() {
        let stroke = Stroke { paint: faded(theme.blue, 0.35), width: 1.4, dash: Dash::None };
        scene.lines(&points[past.saturating_sub(1)..], stroke);
    }
}

/// Round moments below the bar.
fn ruler(scene: &mut Scene, view: &AxisView<'_>) {
    let ends = view.ends_at.0.max(1);
    let labels = (view.width / 110.0).max(2.0) as u64;
    let round = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000];
    let step = round.into_iter().map(|ms| ms * 1_000).find(|step| ends / step <= labels).unwrap_or(ends);
    let y = view.height - 11.0;
    for moment in (0..=ends).step_by(step.max(1) as usize) {
        let x = x_of(view, Time(moment));
        let unit = if moment == 0 { " ms" } else { "" };
        let text = format!("{}{unit}", moment / 1_000);
        let half = super::shape::width_of(&text, LITTLE) / 2.0;
        if x + half > view.width {
            break;
        }
        let anchor = if moment == 0 { Anchor::Start } else { Anchor::Middle };
        scene.text(at(x, y), text, Font { anchor, ..LITTLE }, view.theme.ink_3);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_reads_back_the_moment_that_it_draws() {
        let theme = super::super::theme::LIGHT;
        let view = AxisView {
            now: Time(300_000),
            ends_at: Time(1_500_000),
            interval: Span(10_000),
            backlog: &[0, 1, 2],
            landmarks: &[(Time(300_000), Tone::Harm)],
            label: "backlog",
            theme: &theme,
            width: 780.0,
            height: 96.0,
        };
        for moment in [0, 1_000, 300_000, 750_000, 1_500_000].map(Time) {
            let back = moment_at(x_of(&view, moment), view.width, view.ends_at);
            assert!(back.0.abs_diff(moment.0) <= 1, "{moment} came back as {back}");
        }
        assert_eq!(moment_at(-50.0, 780.0, view.ends_at), Time::ZERO);
        assert_eq!(moment_at(9_000.0, 780.0, view.ends_at), view.ends_at);
        assert!(!axis(&view).shapes.is_empty());
    }
}
