//! The time axis: how far the run is, how much waits, where its turns are ([`super::marks`]), what was jumped over.

use mqlab_core::observe::Landmark;
use mqlab_core::time::{Span, Time};

use super::layout::SMALL;
use super::marks;
use super::shape::{Anchor, Dash, Font, Point, Rect, Scene, Shape, Stroke, at, faded, line, solid};
use super::theme::Theme;

/// Left and right of the axis, in pixels: half a thumb and a little.
pub const MARGIN: f64 = 14.0;
/// Where the bar lies, from below.
pub(super) const BAR: f64 = 30.0;

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
    pub marks: &'a [Landmark],
    /// Stretches that were jumped over.
    pub leaps: &'a [(Time, Time)],
    /// Where two branches part that are compared.
    pub difference: Option<Time>,
    /// Words for a moment: what is under the pointer, or where one is.
    pub named: Option<(Time, String)>,
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

/// Where a moment lies on an axis of a width.
pub(super) fn x_of(moment: Time, width: f64, ends_at: Time) -> f64 {
    let share = moment.0 as f64 / ends_at.0.max(1) as f64;
    MARGIN + share.min(1.0) * (width - 2.0 * MARGIN)
}

impl AxisView<'_> {
    fn x(&self, moment: Time) -> f64 {
        x_of(moment, self.width, self.ends_at)
    }
}

/// Draws the axis.
pub fn axis(view: &AxisView<'_>) -> Scene {
    let mut scene = Scene { width: view.width, height: view.height, scale: 1.0, ..Scene::default() };
    let theme = view.theme;
    let (bar_y, now_x) = (view.height - BAR, view.x(view.now));
    curve(&mut scene, view, bar_y - 18.0);
    let whole = Rect::new(MARGIN, bar_y - 2.5, view.width - 2.0 * MARGIN, 5.0);
    scene.boxed(whole, 2.5, Some(solid(theme.line)), None);
    scene.boxed(Rect { w: now_x - MARGIN, ..whole }, 2.5, Some(solid(theme.ink_3)), None);
    ruler(&mut scene, view);
    for (from, to) in view.leaps {
        marks::leap(&mut scene, (view.x(*from), view.x(*to)), bar_y, theme);
    }
    marks::draw(&mut scene, view, bar_y);
    if let Some(moment) = view.difference {
        marks::difference(&mut scene, view.x(moment), bar_y, theme);
    }
    scene.lines(&[at(now_x, 6.0), at(now_x, bar_y)], line(theme.ink, 1.2));
    scene.disc(at(now_x, bar_y), 7.0, Some(solid(theme.surface)), Some(line(theme.ink, 2.0)));
    if let Some((moment, words)) = &view.named {
        marks::label(&mut scene, view.x(*moment), words, theme);
    }
    scene
}

/// The curve of what waits: what was, strong; what is known to come, faint.
fn curve(scene: &mut Scene, view: &AxisView<'_>, floor: f64) {
    let theme = view.theme;
    let top = 18.0;
    let highest = view.backlog.iter().copied().max().unwrap_or(0).max(1);
    // The words for a moment take the same line: they go first.
    let ends = MARGIN + 5.0 + super::shape::width_of(view.label, LITTLE);
    let named =
        view.named.as_ref().map(|(moment, words)| marks::label_area(view.x(*moment), words, view.width));
    if named.is_none_or(|area| area.x > ends + 4.0) {
        scene.text(at(MARGIN + 5.0, 9.0), view.label, LITTLE, theme.ink_3);
    }
    let value = |sample: u32| floor - f64::from(sample) / f64::from(highest) * (floor - top);
    let points: Vec<Point> = view
        .backlog
        .iter()
        .enumerate()
        .map(|(index, sample)| at(view.x(Time(index as u64 * view.interval.0)), value(*sample)))
        .filter(|point| point.x <= view.width - MARGIN)
        .collect();
    let now_x = view.x(view.now);
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
        let x = view.x(Time(moment));
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
            marks: &[],
            leaps: &[(Time(500_000), Time(700_000))],
            difference: Some(Time(300_000)),
            named: Some((Time(1_500_000), "1500.0 ms".into())),
            label: "backlog",
            theme: &theme,
            width: 780.0,
            height: 96.0,
        };
        for moment in [0, 1_000, 300_000, 750_000, 1_500_000].map(Time) {
            let back = moment_at(view.x(moment), view.width, view.ends_at);
            assert!(back.0.abs_diff(moment.0) <= 1, "{moment} came back as {back}");
        }
        assert_eq!(moment_at(-50.0, 780.0, view.ends_at), Time::ZERO);
        assert_eq!(moment_at(9_000.0, 780.0, view.ends_at), view.ends_at);
        assert!(!axis(&view).shapes.is_empty());
    }
}
