//! The table, drawn: a bar for each contender, in three charts. Plotters draws the bars through the page's own pen.
//!
//! ```text
//!   Messages processed a second                     a contender's name stands over its bars, so that there is
//!   Kafka acks-all                                  room for both on a narrow page, too
//!   ████████████████████████ 21,304
//!   RabbitMQ classic
//!   ████████ 7,120
//! ```

use std::fmt::Write as _;

use mqlab_core::sim::compare::{Mishap, Row};
use mqlab_core::time::Span;
use plotters::drawing::IntoDrawingArea as _;
use plotters::element::Rectangle;
use plotters::style::Color as _;

use super::panel::ChartPart;
use crate::scene::pen::{FINE, Pen, rgb};
use crate::scene::shape::{Anchor, Font, Scene, at, fitted, line, width_of};
use crate::scene::theme::Theme;
use crate::svg::svg;
use crate::text::{Lang, compare as words, compare_names as names};

const TITLE: Font = Font { size: 13.0, weight: 600, anchor: Anchor::Start };
const NAME: Font = Font { size: 12.0, weight: 400, anchor: Anchor::Start };
/// Measures in pixels.
const MARGIN: f64 = 14.0;
const HEAD: f64 = 34.0;
const NAME_LINE: f64 = 19.0;
const BAR: f64 = 12.0;
const BAR_LINE: f64 = 17.0;
const GAP: f64 = 8.0;
/// Between a bar and its figure.
const BESIDE: f64 = 7.0;
/// The picture that is kept.
const KEPT_WIDTH: f64 = 1_000.0;

/// A bar: how long, what stands beside it, in which colour.
struct Bar {
    value: u64,
    words: String,
    color: &'static str,
}

/// The bars of a contender, under its name.
struct Group {
    name: String,
    bars: Vec<Bar>,
}

/// A chart before it is drawn.
struct Plot {
    title: &'static str,
    groups: Vec<Group>,
}

/// The charts of a table, each on its own.
///
/// # Errors
///
/// In words, when plotters finds that something does not fit.
pub(super) fn charts(rows: &[Row], width: f64, theme: &Theme, lang: Lang) -> Result<Vec<ChartPart>, String> {
    let plots = plots(rows, theme, lang).into_iter().filter(|plot| !plot.groups.is_empty());
    plots
        .map(|plot| {
            let mut scene =
                Scene { width: width.max(200.0), height: height(&plot), scale: 1.0, ..Scene::default() };
            draw(&mut scene, &plot, 0.0, theme)?;
            Ok(ChartPart { title: plot.title.into(), heard: heard(&plot), svg: svg(&scene, theme.surface) })
        })
        .collect()
}

/// All charts in one picture, to be kept.
///
/// # Errors
///
/// In words, when plotters finds that something does not fit.
pub(super) fn picture(head: &str, rows: &[Row], theme: &Theme, lang: Lang) -> Result<String, String> {
    let plots: Vec<Plot> = plots(rows, theme, lang);
    let all: f64 = plots.iter().map(height).sum();
    let mut scene = Scene { width: KEPT_WIDTH, height: all + HEAD, scale: 1.0, ..Scene::default() };
    scene.text(at(MARGIN, HEAD / 2.0), head, NAME, theme.ink_2);
    let mut top = HEAD;
    for plot in plots.iter().filter(|plot| !plot.groups.is_empty()) {
        scene.lines(&[at(MARGIN, top), at(KEPT_WIDTH - MARGIN, top)], line(theme.line, 1.0));
        draw(&mut scene, plot, top, theme)?;
        top += height(plot);
    }
    Ok(svg(&scene, theme.surface))
}

fn plots(rows: &[Row], theme: &Theme, lang: Lang) -> Vec<Plot> {
    // Throughput and latency are those of an undisturbed run, where there is one.
    let calm = |row: &&Row| row.mishap == Mishap::None || !rows.iter().any(|row| row.mishap == Mishap::None);
    let span = |label: &str, value: Span, color| Bar {
        value: value.0,
        words: format!("{label} {}", words::brief(value)),
        color,
    };
    let named = |row: &Row, bars| {
        let who = words::contender(&row.contender);
        let several = rows.iter().any(|other| other.mishap != row.mishap);
        let name = if several { format!("{who} · {}", names::mishap(row.mishap).0.get(lang)) } else { who };
        Group { name, bars }
    };
    let [throughput, latency, pauses] = words::CHARTS.map(|title| title.get(lang));
    let [storing, delivery] = words::PAUSES.map(|label| label.get(lang));
    let bar =
        |row: &Row| Bar { value: row.per_second, words: words::number(row.per_second), color: theme.blue };
    let percentiles = |row: &Row| {
        vec![
            span("p50", row.p50, theme.green),
            span("p95", row.p95, theme.blue),
            span("p99", row.p99, theme.vermilion),
        ]
    };
    let stood = |row: &Row| -> Vec<Bar> {
        let first = row.no_storing.map(|pause| span(storing, pause, theme.purple));
        first.into_iter().chain([span(delivery, row.no_delivery, theme.vermilion)]).collect()
    };
    vec![
        Plot {
            title: throughput,
            groups: rows.iter().filter(calm).map(|row| named(row, vec![bar(row)])).collect(),
        },
        Plot {
            title: latency,
            groups: rows.iter().filter(calm).map(|row| named(row, percentiles(row))).collect(),
        },
        Plot { title: pauses, groups: rows.iter().map(|row| named(row, stood(row))).collect() },
    ]
}

fn height(plot: &Plot) -> f64 {
    let group = |group: &Group| NAME_LINE + group.bars.len() as f64 * BAR_LINE + GAP;
    if plot.groups.is_empty() { 0.0 } else { HEAD + plot.groups.iter().map(group).sum::<f64>() + GAP }
}

/// Draws bars that begin at nothing; the longest leaves room for its figure.
fn draw(scene: &mut Scene, plot: &Plot, top: f64, theme: &Theme) -> Result<(), String> {
    scene.text(at(MARGIN, top + HEAD / 2.0), plot.title, TITLE, theme.ink);
    let bars = || plot.groups.iter().flat_map(|group| &group.bars);
    let most = bars().map(|bar| bar.value).max().unwrap_or(0).max(1) as f64;
    let beside = bars().map(|bar| width_of(&bar.words, NAME)).fold(0.0, f64::max) + BESIDE;
    let room = (scene.width - 2.0 * MARGIN - beside * 1.08).max(20.0);
    let mut spots = Vec::new();
    let mut y = top + HEAD;
    for group in &plot.groups {
        let name = fitted(&group.name, NAME, scene.width - 2.0 * MARGIN);
        scene.text(at(MARGIN, y + NAME_LINE / 2.0 - 1.0), name, NAME, theme.ink_2);
        y += NAME_LINE;
        for bar in &group.bars {
            let wide = (bar.value as f64 / most * room).max(1.5);
            spots.push((bar, y, wide));
            scene.text(at(MARGIN + wide + BESIDE, y + BAR / 2.0), bar.words.as_str(), NAME, theme.ink);
            y += BAR_LINE;
        }
        y += GAP;
    }
    let fine = |pixels: f64| (pixels * FINE) as i32;
    let area = Pen { scene, theme }.into_drawing_area();
    for (bar, y, wide) in spots {
        let corners = [(fine(MARGIN), fine(y)), (fine(MARGIN + wide), fine(y + BAR))];
        area.draw(&Rectangle::new(corners, rgb(bar.color).filled())).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn heard(plot: &Plot) -> String {
    let mut text = String::new();
    for group in &plot.groups {
        let figures: Vec<&str> = group.bars.iter().map(|bar| bar.words.as_str()).collect();
        let written = write!(text, "{}: {}. ", group.name, figures.join(", "));
        debug_assert!(written.is_ok(), "a string takes what it is given");
    }
    text
}
