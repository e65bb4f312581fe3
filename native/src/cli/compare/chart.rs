//! How is a comparison drawn? A bar for each contender, in three charts: how much a second, how long on the way, how long
//! without service.

use std::error::Error;

use mqlab_core::sim::compare::{Mishap, Row, Workload, in_brief};
use mqlab_core::time::Span;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Measures in pixels.
const WIDTH: u32 = 1100;
const LINE: u32 = 22;
const HEAD: u32 = 60;
const TITLE: u32 = 46;
const NAMES: i32 = 260;
const FIGURES: i32 = 150;

const PAPER: RGBColor = RGBColor(255, 255, 255);
const INK: RGBColor = RGBColor(31, 35, 40);
const BAR: RGBColor = RGBColor(9, 105, 218);

/// What each colour is where the reader's system is dark.
const DARK: [(RGBColor, &str); 3] = [(PAPER, "#0d1117"), (INK, "#e6edf3"), (BAR, "#58a6ff")];

type Drawn = Result<(), Box<dyn Error>>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// What a chart shows of a row, and how that is written.
type Figure = (fn(&Row) -> u64, fn(u64) -> String);

/// Draws a comparison as SVG.
pub(super) fn draw(workload: &Workload, rows: &[Row]) -> Result<String, String> {
    let mut svg = String::new();
    paint(workload, rows, &mut svg).map_err(|why| format!("cannot draw: {why}"))?;
    Ok(with_dark(&svg))
}

fn paint(workload: &Workload, rows: &[Row], svg: &mut String) -> Drawn {
    let span = |micros| in_brief(Span(micros));
    let calm = |row: &&Row| row.mishap == Mishap::None;
    let charts: [(&str, bool, Figure); 3] = [
        (
            "messages processed a second, when nothing goes wrong",
            true,
            (|row| row.per_second, |n| n.to_string()),
        ),
        (
            "from sent to processed: 99 of 100 messages, when nothing goes wrong",
            true,
            (|row| row.p99.0, span),
        ),
        (
            "the longest time that nothing was stored while somebody waited",
            false,
            (|row| row.no_storing.map_or(0, |span| span.0), span),
        ),
    ];
    let of = |calm_only: bool| rows.iter().filter(move |row| !calm_only || calm(row)).collect::<Vec<_>>();
    let lines: u32 = charts.iter().map(|(_, calm, _)| of(*calm).len() as u32 * LINE + TITLE).sum();
    let area = SVGBackend::with_string(svg, (WIDTH, HEAD + lines)).into_drawing_area();
    area.fill(&PAPER)?;
    write(&area, &format!("mqlab compare: {}", workload.name), (16, 14), 18, HPos::Left)?;
    let mut top = HEAD as i32;
    for (title, calm_only, figure) in charts {
        write(&area, title, (16, top), 14, HPos::Left)?;
        top += TITLE as i32 - LINE as i32;
        bars(&area, &of(calm_only), top, figure)?;
        top += of(calm_only).len() as i32 * LINE as i32 + LINE as i32;
    }
    area.present()?;
    Ok(())
}

/// One chart: its bars begin at nothing, and the longest fills the width.
fn bars(area: &Area<'_>, rows: &[&Row], top: i32, (of, words): Figure) -> Drawn {
    let most = rows.iter().map(|row| of(row)).max().unwrap_or(0).max(1);
    let wide = WIDTH as i32 - NAMES - FIGURES;
    for (number, row) in (0..).zip(rows) {
        let at = top + number * LINE as i32;
        let name = match row.mishap {
            Mishap::None => row.contender.to_string(),
            mishap => format!("{}, {mishap}", row.contender),
        };
        write(area, &name, (NAMES - 12, at + 3), 13, HPos::Right)?;
        let end = NAMES + (u128::from(of(row)) * wide as u128 / u128::from(most)) as i32;
        area.draw(&Rectangle::new(
            [(NAMES, at + 3), (end.max(NAMES + 1), at + LINE as i32 - 5)],
            BAR.filled(),
        ))?;
        write(area, &words(of(row)), (end + 8, at + 3), 13, HPos::Left)?;
    }
    Ok(())
}

fn write(area: &Area<'_>, text: &str, at: (i32, i32), size: u32, side: HPos) -> Drawn {
    let style = ("sans-serif", size).into_font().color(&INK).pos(Pos::new(side, VPos::Top));
    area.draw_text(text, &style, at)?;
    Ok(())
}

/// The same drawing, in other colours where the reader's system is dark.
fn with_dark(svg: &str) -> String {
    let hex = |RGBColor(r, g, b): RGBColor| format!("#{r:02X}{g:02X}{b:02X}");
    let rules: String =
        DARK.iter().map(|(light, dark)| format!("[fill=\"{}\"]{{fill:{dark}}}", hex(*light))).collect();
    let style = format!("<style>@media (prefers-color-scheme: dark){{{rules}}}</style>");
    match svg.find('>') {
        Some(end) => format!("{}{style}{}", &svg[..=end], &svg[end + 1..]),
        None => svg.to_owned(),
    }
}
