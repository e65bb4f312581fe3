//! How is it drawn? Each bar as a line: the ratio as a point, its spread as whiskers, and what was asked for as a mark.
//!
//! The axis is logarithmic: twice as fast and half as fast are equally far from "as fast". Colours do not carry the meaning
//! alone: what was missed is hollow. The drawing brings its own background, and a dark one for whoever prefers that.

use std::error::Error;
use std::fs;
use std::path::Path;

use mqlab_bench_contest::contest::{Figures, Outcome, Verdict};
use mqlab_bench_contest::report::Report;
use plotters::coord::combinators::{IntoLogRange as _, LogCoord};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Measures in pixels.
const WIDTH: u32 = 1100;
const LINE: u32 = 24;
const HEAD: u32 = 70;
const FOOT: u32 = 70;
const NAMES: u32 = 470;
const FIGURES: u32 = 170;
/// The least and the greatest ratio that are drawn as such.
const LEAST: f64 = 0.25;
const GREATEST: f64 = 128.0;

const PAPER: RGBColor = RGBColor(255, 255, 255);
const INK: RGBColor = RGBColor(31, 35, 40);
const FAINT: RGBColor = RGBColor(208, 215, 222);
const MET: RGBColor = RGBColor(9, 105, 218);
const MISSED: RGBColor = RGBColor(207, 34, 46);
const ASKED: RGBColor = RGBColor(188, 76, 0);

/// What each colour is where the reader's system is dark.
const DARK: [(RGBColor, &str); 6] = [
    (PAPER, "#0d1117"),
    (INK, "#e6edf3"),
    (FAINT, "#30363d"),
    (MET, "#58a6ff"),
    (MISSED, "#ff7b72"),
    (ASKED, "#f0883e"),
];

type Drawn = Result<(), Box<dyn Error>>;

/// A line of the drawing.
enum Line<'a> {
    Row(&'a Outcome),
    Bar(&'a Verdict, &'a Figures),
}

/// Draws all bars that are multiples of a rival's rate.
pub(crate) fn draw(report: &Report, path: &Path) -> Drawn {
    let lines = lines(report);
    let height = HEAD + FOOT + LINE * lines.len() as u32;
    let mut svg = String::new();
    paint(report, &lines, &mut svg, height)?;
    Ok(fs::write(path, with_dark(&svg))?)
}

fn lines(report: &Report) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    for row in report.rows.iter().filter(|row| !row.noisy) {
        let figures =
            |bar: &Verdict| row.contenders.iter().find(|figures| Some(figures.name) == bar.times_of);
        let bars: Vec<_> = row.bars.iter().filter_map(|bar| Some(Line::Bar(bar, figures(bar)?))).collect();
        if !bars.is_empty() {
            lines.push(Line::Row(row));
            lines.extend(bars);
        }
    }
    lines
}

fn text(size: u32, color: RGBColor, horizontal: HPos) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&color).pos(Pos::new(horizontal, VPos::Center))
}

fn paint(report: &Report, lines: &[Line<'_>], svg: &mut String, height: u32) -> Drawn {
    let root = SVGBackend::with_string(svg, (WIDTH, height)).into_drawing_area();
    root.fill(&PAPER)?;
    root.draw(&Text::new("mqlab log: how many times as fast", (20, 24), text(20, INK, HPos::Left)))?;
    let key = "whiskers: least and greatest of the rounds · mark: what was asked for · hollow: missed · logarithmic";
    root.draw(&Text::new(key, (20, 48), text(13, INK, HPos::Left)))?;
    let (machine, after) = (report.machine.to_string(), height as i32);
    root.draw(&Text::new(machine, (20, after - 16), text(11, INK, HPos::Left)))?;

    let ticks = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];
    let mut chart = ChartBuilder::on(&root)
        .margin_top(HEAD)
        .margin_bottom(FOOT - 30)
        .margin_left(NAMES)
        .margin_right(FIGURES)
        .x_label_area_size(0)
        .build_cartesian_2d((LEAST..GREATEST).log_scale().base(2.0), 0.0..lines.len() as f64)?;
    for tick in ticks {
        let color = if tick == 1.0 { INK } else { FAINT };
        let ends = vec![(tick, 0.0), (tick, lines.len() as f64)];
        chart.draw_series([PathElement::new(ends, color)])?;
        let (x, _) = chart.backend_coord(&(tick, 0.0));
        root.draw(&Text::new(format!("{tick}"), (x, after - FOOT as i32 + 42), text(12, INK, HPos::Center)))?;
    }
    for (number, line) in lines.iter().enumerate() {
        let y = lines.len() as f64 - number as f64 - 0.5;
        let (_, at) = chart.backend_coord(&(1.0, y));
        let name = |name: &str, x, size| Text::new(name.to_owned(), (x, at), text(size, INK, HPos::Left));
        match line {
            Line::Row(row) => root.draw(&name(&row.name, 20, 14))?,
            Line::Bar(bar, figures) => {
                root.draw(&name(&format!("to {}", figures.name), 44, 13))?;
                bar_line(&mut chart, bar, figures, y)?;
                let told = format!("{:.2}  (asked {})", bar.reached, bar.wanted);
                let right = (WIDTH as i32 - 16, at);
                root.draw(&Text::new(told, right, text(13, INK, HPos::Right)))?;
            }
        }
    }
    root.present()?;
    Ok(())
}

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<LogCoord<f64>, RangedCoordf64>>;

fn bar_line(chart: &mut Chart<'_, '_>, bar: &Verdict, figures: &Figures, y: f64) -> Drawn {
    let color = if bar.met { MET } else { MISSED };
    let ratio = figures.ratio;
    let inside = |ratio: f64| ratio.clamp(LEAST, GREATEST);
    let (least, middle, most) = (inside(ratio.min), inside(ratio.median), inside(ratio.max));
    chart.draw_series([ErrorBar::new_horizontal(y, least, middle, most, color.stroke_width(2), 8)])?;
    let asked = vec![(inside(bar.wanted), y - 0.4), (inside(bar.wanted), y + 0.4)];
    chart.draw_series([PathElement::new(asked, ASKED.stroke_width(3))])?;
    chart.draw_series([Circle::new((middle, y), 5, if bar.met { color } else { PAPER }.filled())])?;
    chart.draw_series([Circle::new((middle, y), 5, color.stroke_width(2))])?;
    Ok(())
}

/// The same drawing with its other colours for readers whose system is dark.
fn with_dark(svg: &str) -> String {
    let hex = |RGBColor(red, green, blue): RGBColor| format!("#{red:02X}{green:02X}{blue:02X}");
    let rules = DARK.iter().map(|(light, dark)| {
        let light = hex(*light);
        format!("[fill=\"{light}\"]{{fill:{dark}}}[stroke=\"{light}\"]{{stroke:{dark}}}")
    });
    let style = format!("<style>@media (prefers-color-scheme:dark){{{}}}</style>", rules.collect::<String>());
    match svg.find('>') {
        Some(end) => format!("{}{style}{}", &svg[..=end], &svg[end + 1..]),
        None => svg.to_owned(),
    }
}
