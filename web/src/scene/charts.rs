//! Charts over the time axis: rates, backlog, latency, in-sync sets, redeliveries; one above the other, on one axis.
//!
//! ```text
//!   rates, messages/s   in 120   out 98                at 312.4 ms
//!   ─────╮    ╭───────────
//!        ╰────╯     │                what was is strong, what is known to come is faint
//!   backlog, messages  60   lag 21   drains in 140 ms
//!         ╭──╮      │
//!   ──────╯  ╰──────│─────
//!                   now
//! ```
//!
//! A chart has the same left and right ends as the [axis](super::axis), so a moment stands at the same place in both.

use mqlab_core::observe::Reading;
use mqlab_core::time::{Span, Time};
use plotters::chart::ChartBuilder;
use plotters::coord::ranged1d::Ranged as _;
use plotters::coord::types::RangedCoordf64;
use plotters::drawing::IntoDrawingArea as _;
use plotters::series::{AreaSeries, LineSeries};
use plotters::style::{Color as _, ShapeStyle};

use super::axis::MARGIN;
use super::layout::SMALL;
use super::pen::{FINE, Pen, rgb};
use super::shape::{Anchor, Font, Scene, Stroke, at, faded, line, width_of};
use super::theme::Theme;
use crate::text::{Lang, charts as words, moment};

const TITLE: Font = Font { size: 11.5, weight: 600, anchor: Anchor::Start };
const LITTLE: Font = Font { size: SMALL, weight: 400, anchor: Anchor::Start };
/// The words above a curve, and the room below it.
const HEAD: f64 = 20.0;
const FOOT: f64 = 8.0;
/// How high a chart is.
pub const CHART: f64 = 66.0;

/// One chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chart {
    /// Messages that come and go.
    Rates,
    /// Messages that wait.
    Backlog,
    /// How long messages took.
    Latency,
    /// The smallest in-sync set.
    InSync,
    /// Messages that came again.
    Again,
}

/// All that the charts show.
#[derive(Clone, Debug)]
pub struct Charts<'a> {
    /// Which, from above.
    pub charts: &'a [Chart],
    /// What the gauges showed, as far as the branch was visited, one reading for each `interval`.
    pub readings: &'a [Reading],
    /// Between two readings.
    pub interval: Span,
    /// The present.
    pub now: Time,
    /// The end of the run.
    pub ends_at: Time,
    /// The moment that is pointed at.
    pub hover: Option<Time>,
    /// Whether users' calls are measured, and not messages.
    pub calls: bool,
    /// The colours.
    pub theme: &'a Theme,
    /// The language.
    pub lang: Lang,
    /// In pixels.
    pub width: f64,
}

/// A curve: what it is called, how it looks, what it shows.
struct Curve {
    label: &'static str,
    color: &'static str,
    /// Whether the ground below it is tinted.
    tinted: bool,
    value: fn(&Reading) -> Option<f64>,
}

/// What could not be drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadChart(pub String);

/// Draws the charts.
///
/// # Errors
///
/// [`BadChart`] when plotters finds that something does not fit.
pub fn charts(view: &Charts<'_>) -> Result<Scene, BadChart> {
    let height = CHART * view.charts.len() as f64 + 4.0;
    let mut scene = Scene { width: view.width, height, scale: 1.0, ..Scene::default() };
    for (index, chart) in view.charts.iter().enumerate() {
        let top = CHART * index as f64;
        let curves = curves(*chart, view);
        let highest = highest(view, &curves);
        plot(&mut scene, view, &curves, highest, top).map_err(BadChart)?;
        head(&mut scene, view, *chart, &curves, top);
        if index > 0 {
            scene.lines(&[at(MARGIN, top), at(view.width - MARGIN, top)], line(view.theme.line, 1.0));
        }
    }
    moments(&mut scene, view, height);
    Ok(scene)
}

fn millis(span: Span) -> f64 {
    span.0 as f64 / 1_000.0
}

fn curves(chart: Chart, view: &Charts<'_>) -> Vec<Curve> {
    let (theme, lang) = (view.theme, view.lang);
    let curve = |label, color, tinted, value| Curve { label, color, tinted, value };
    match chart {
        Chart::Rates => vec![
            curve(words::IN.get(lang), theme.blue, false, |r| Some(r.rate_in as f64)),
            curve(words::OUT.get(lang), theme.green, false, |r| Some(r.rate_out as f64)),
        ],
        Chart::Backlog => vec![
            curve(words::WAITING.get(lang), theme.blue, true, |r| Some(f64::from(r.backlog))),
            curve(words::LAG.get(lang), theme.purple, false, |r| r.lag.map(f64::from)),
        ],
        Chart::Latency => {
            let mut curves = vec![
                curve("p50", theme.green, false, |r| r.p50.map(millis)),
                curve("p95", theme.blue, false, |r| r.p95.map(millis)),
                curve("p99", theme.vermilion, false, |r| r.p99.map(millis)),
            ];
            if !view.calls {
                curves.push(curve(words::OLDEST.get(lang), theme.ink_3, true, |r| Some(millis(r.waited))));
            }
            curves
        }
        Chart::InSync => {
            vec![curve(words::SMALLEST.get(lang), theme.purple, true, |r| r.in_sync.map(f64::from))]
        }
        Chart::Again => {
            vec![curve(words::SO_FAR.get(lang), theme.vermilion, true, |r| Some(r.again as f64))]
        }
    }
}

/// The highest value of all, or a little more: a round number.
fn highest(view: &Charts<'_>, curves: &[Curve]) -> f64 {
    let values =
        view.readings.iter().flat_map(|reading| curves.iter().filter_map(|curve| (curve.value)(reading)));
    let highest = values.fold(0.0, f64::max).max(1.0);
    let power = 10_f64.powf(highest.log10().floor());
    let digits = [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    digits.into_iter().map(|digit| digit * power).find(|round| *round >= highest).unwrap_or(highest)
}

/// Draws grid and curves with plotters.
fn plot(
    scene: &mut Scene,
    view: &Charts<'_>,
    curves: &[Curve],
    highest: f64,
    top: f64,
) -> Result<(), String> {
    let (theme, width) = (view.theme, view.width);
    let height = CHART - HEAD - FOOT;
    {
        let words = |error: &dyn std::fmt::Display| error.to_string();
        let root = Pen { scene, theme }.into_drawing_area();
        let fine = |pixels: f64| (pixels * FINE) as i32;
        let across = (width - 2.0 * MARGIN).max(1.0) * FINE;
        let area = root.shrink((fine(MARGIN), fine(top + HEAD)), (across as u32, (height * FINE) as u32));
        let mut chart = ChartBuilder::on(&area)
            .build_cartesian_2d(0.0..view.ends_at.0.max(1) as f64, 0.0..highest)
            .map_err(|error| words(&error))?;
        let grid = ShapeStyle { color: rgb(theme.line).to_rgba(), filled: false, stroke_width: FINE as u32 };
        let mut mesh = chart.configure_mesh();
        mesh.disable_x_mesh().disable_axes().y_labels(3).y_max_light_lines(0).bold_line_style(grid);
        mesh.draw().map_err(|error| words(&error))?;
        let past = view.readings.len().min((view.now.0 / view.interval.0.max(1)) as usize + 1);
        for curve in curves {
            // What is known to come begins where what was ends.
            for (from, to, alpha) in [(0, past, 1.0), (past.saturating_sub(1), view.readings.len(), 0.32)] {
                for points in runs(view, curve, (from, to), past) {
                    let color = rgb(curve.color).mix(alpha);
                    if curve.tinted {
                        let ground = AreaSeries::new(points.clone(), 0.0, rgb(curve.color).mix(0.1 * alpha));
                        chart.draw_series(ground).map_err(|error| words(&error))?;
                    }
                    let style = ShapeStyle { color, filled: false, stroke_width: (1.6 * FINE) as u32 };
                    chart.draw_series(LineSeries::new(points, style)).map_err(|error| words(&error))?;
                }
            }
        }
    }
    let bottom = top + HEAD + height;
    let marks = RangedCoordf64::from(0.0..highest).key_points(3);
    for value in marks.into_iter().filter(|mark| *mark > 0.0 && *mark == mark.trunc()) {
        let y = bottom - value / highest * height;
        let font = Font { anchor: Anchor::End, ..LITTLE };
        if y > top + HEAD - 4.0 {
            scene.text(at(width - MARGIN - 2.0, y + 7.0), number(value), font, theme.ink_3);
        }
    }
    Ok(())
}

/// The points of a curve between two readings, in pieces where there is nothing to show.
fn runs(view: &Charts<'_>, curve: &Curve, (from, to): (usize, usize), past: usize) -> Vec<Vec<(f64, f64)>> {
    let mut runs = vec![Vec::new()];
    for (index, reading) in view.readings.iter().enumerate().take(to).skip(from) {
        // A reading stands at the end of its slice, that of the present slice at the present.
        let end = ((index as u64 + 1) * view.interval.0).min(view.ends_at.0);
        let at = if index + 1 == past { view.now.0 } else { end };
        match ((curve.value)(reading), runs.last_mut()) {
            (Some(value), Some(run)) => run.push((at as f64, value)),
            (None, Some(run)) if !run.is_empty() => runs.push(Vec::new()),
            _ => {}
        }
    }
    runs.retain(|run| run.len() > 1);
    runs
}

/// A value, with no more digits than can be told apart.
fn number(value: f64) -> String {
    if value >= 10.0 || value == value.trunc() { format!("{value:.0}") } else { format!("{value:.1}") }
}

/// The reading of a moment.
pub fn reading_at(readings: &[Reading], interval: Span, moment: Time) -> Option<&Reading> {
    let index = (moment.0 / interval.0.max(1)) as usize;
    readings.get(index.min(readings.len().checked_sub(1)?))
}

/// The words above a chart: its title, and the values at the moment that is looked at.
fn head(scene: &mut Scene, view: &Charts<'_>, chart: Chart, curves: &[Curve], top: f64) {
    let theme = view.theme;
    let y = top + 11.0;
    let title = words::title(chart, view.calls, view.lang);
    scene.text(at(MARGIN, y), title, TITLE, theme.ink_2);
    let mut x = MARGIN + width_of(title, TITLE) * 1.06 + 12.0;
    let shown = view.hover.unwrap_or(view.now);
    let Some(reading) = reading_at(view.readings, view.interval, shown) else { return };
    for curve in curves {
        let Some(value) = (curve.value)(reading) else { continue };
        let text = format!("{} {}", curve.label, number(value));
        let wide = width_of(&text, LITTLE) + 16.0;
        if x + wide > view.width - MARGIN {
            return;
        }
        scene.lines(&[at(x, y), at(x + 10.0, y)], line(curve.color, 2.4));
        scene.text(at(x + 14.0, y), text, LITTLE, theme.ink);
        x += wide + 12.0;
    }
    let Some(more) = words::more(chart, reading, view.lang) else { return };
    if x + width_of(&more, LITTLE) < view.width - MARGIN {
        scene.text(at(x, y), more, LITTLE, theme.ink_2);
    }
}

/// The present, and the moment that is pointed at, through all charts.
fn moments(scene: &mut Scene, view: &Charts<'_>, height: f64) {
    let x_of = |moment: Time| {
        let share = moment.0 as f64 / view.ends_at.0.max(1) as f64;
        MARGIN + share.min(1.0) * (view.width - 2.0 * MARGIN)
    };
    let x = x_of(view.now);
    for index in 0..view.charts.len() {
        let top = CHART * index as f64 + HEAD - 2.0;
        let bottom = (CHART * (index as f64 + 1.0)).min(height);
        scene.lines(&[at(x, top), at(x, bottom)], line(view.theme.ink, 1.2));
        if let Some(hover) = view.hover {
            let x = x_of(hover);
            let stroke = Stroke { paint: faded(view.theme.ink_3, 0.8), ..line(view.theme.ink_3, 1.0) };
            scene.lines(&[at(x, top), at(x, bottom)], stroke);
            if index == 0 {
                let text = words::at(&moment(hover), view.lang);
                let half = width_of(&text, LITTLE) / 2.0;
                let middle = x.clamp(MARGIN + half, (view.width - MARGIN - half).max(MARGIN + half));
                let font = Font { anchor: Anchor::Middle, ..LITTLE };
                let y = CHART - 5.0;
                scene.text(at(middle, y), text, font, view.theme.ink);
            }
        }
    }
}
