//! A scene as SVG: what tests compare, and what a picture can be saved as.

use std::fmt::Write as _;

use crate::scene::shape::{Anchor, Paint, Point, Scene, Shape, Stroke};

/// The fonts, as the page asks for them.
pub const FONTS: &str = "system-ui,'Noto Sans CJK SC','PingFang SC','Microsoft YaHei','Noto Sans',sans-serif";

/// Writes a scene as an SVG document on a ground of one colour.
pub fn svg(scene: &Scene, ground: &str) -> String {
    let mut out = String::new();
    let (w, h) = (scene.width * scene.scale, scene.height * scene.scale);
    put(
        &mut out,
        format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" viewBox=\"0 0 {} {}\" font-family=\"{FONTS}\">\n",
            n(w),
            n(h),
            n(scene.width),
            n(scene.height)
        ),
    );
    put(&mut out, format_args!("<rect width=\"100%\" height=\"100%\" fill=\"{ground}\"/>\n"));
    for shape in &scene.shapes {
        write_shape(&mut out, shape);
    }
    out.push_str("</svg>\n");
    out
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    let written = out.write_fmt(text);
    debug_assert!(written.is_ok(), "a string takes what it is given");
}

/// A number with one decimal where it needs one.
fn n(value: f64) -> String {
    let rounded = (value * 10.0).round() / 10.0;
    if rounded == rounded.trunc() { format!("{rounded:.0}") } else { format!("{rounded:.1}") }
}

fn fill(paint: Option<Paint>) -> String {
    match paint {
        None => " fill=\"none\"".into(),
        Some(paint) if paint.alpha >= 1.0 => format!(" fill=\"{}\"", paint.color),
        Some(paint) => format!(" fill=\"{}\" fill-opacity=\"{}\"", paint.color, paint.alpha),
    }
}

fn stroked(stroke: Option<Stroke>) -> String {
    let Some(stroke) = stroke else { return String::new() };
    let mut text = format!(" stroke=\"{}\" stroke-width=\"{}\"", stroke.paint.color, n(stroke.width));
    if stroke.paint.alpha < 1.0 {
        put(&mut text, format_args!(" stroke-opacity=\"{}\"", stroke.paint.alpha));
    }
    if let Some((dash, gap)) = stroke.dash.pattern() {
        put(&mut text, format_args!(" stroke-dasharray=\"{dash} {gap}\""));
    }
    if stroke.dash.offset() != 0.0 {
        put(&mut text, format_args!(" stroke-dashoffset=\"{}\"", n(stroke.dash.offset())));
    }
    text
}

fn path(points: &[Point], curved: bool) -> String {
    let mut text = String::new();
    for (index, point) in points.iter().enumerate() {
        let command = match (index, curved) {
            (0, _) => "M",
            (1, true) => "C",
            (_, true) => " ",
            (_, false) => "L",
        };
        put(&mut text, format_args!("{command}{} {}", n(point.x), n(point.y)));
    }
    text
}

fn write_shape(out: &mut String, shape: &Shape) {
    match shape {
        Shape::Box { area, radius, fill: inside, stroke } => put(
            out,
            format_args!(
                "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{}\"{}{}/>\n",
                n(area.x),
                n(area.y),
                n(area.w),
                n(area.h),
                n(*radius),
                fill(*inside),
                stroked(*stroke)
            ),
        ),
        Shape::Line { points, curved, fill: inside, stroke } => put(
            out,
            format_args!("<path d=\"{}\"{}{}/>\n", path(points, *curved), fill(*inside), stroked(*stroke)),
        ),
        Shape::Dots { radius, paint, centers } => {
            put(out, format_args!("<g{}>\n", fill(Some(*paint))));
            for center in centers {
                let (x, y) = (n(center.x), n(center.y));
                put(out, format_args!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{}\"/>\n", n(*radius)));
            }
            out.push_str("</g>\n");
        }
        Shape::Text { at, text, font, paint, room: _ } => {
            let anchor = match font.anchor {
                Anchor::Start => "start",
                Anchor::Middle => "middle",
                Anchor::End => "end",
            };
            let escaped = text.replace('&', "&amp;").replace('<', "&lt;");
            put(
                out,
                format_args!(
                    "<text x=\"{}\" y=\"{}\" dominant-baseline=\"central\" font-size=\"{}\" font-weight=\"{}\" text-anchor=\"{anchor}\"{}>{escaped}</text>\n",
                    n(at.x),
                    n(at.y),
                    n(font.size),
                    font.weight,
                    fill(Some(*paint))
                ),
            );
        }
    }
}
