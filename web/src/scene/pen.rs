//! How does plotters draw onto a scene? As a back end that makes our shapes of its lines, boxes, discs and words.
//!
//! So what plotters draws is painted on a canvas, saved as SVG and compared in tests like everything else. Plotters counts in
//! whole pixels: here one of its pixels is a tenth of one of the scene's, so that curves stay smooth.

use std::convert::Infallible;

use plotters::style::RGBColor;
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
};

use super::shape::{Anchor, Dash, Font, Paint, Point, Rect, Scene, Shape, Stroke, at, width_of};
use super::theme::Theme;

/// Plotters' pixels in one of the scene's.
pub(crate) const FINE: f64 = 10.0;

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

/// Draws onto a scene, in the colours of a theme.
pub(crate) struct Pen<'a> {
    pub(crate) scene: &'a mut Scene,
    pub(crate) theme: &'a Theme,
}

/// A colour of the theme, as plotters wants it.
pub(crate) fn rgb(color: &str) -> RGBColor {
    let channel = |from: usize| {
        color.get(from..from + 2).and_then(|hex| u8::from_str_radix(hex, 16).ok()).unwrap_or_default()
    };
    RGBColor(channel(1), channel(3), channel(5))
}

fn spot((x, y): BackendCoord) -> Point {
    at(f64::from(x) / FINE, f64::from(y) / FINE)
}

impl Pen<'_> {
    /// The theme's colour that plotters was given; its ink where it was given none of the theme's.
    fn paint(&self, color: BackendColor) -> Paint {
        let theme = self.theme;
        let known = [
            theme.blue,
            theme.green,
            theme.vermilion,
            theme.purple,
            theme.ink,
            theme.ink_2,
            theme.ink_3,
            theme.line,
            theme.line_strong,
        ];
        let is = |known: &&&str| {
            let RGBColor(r, g, b) = rgb(known);
            (r, g, b) == color.rgb
        };
        Paint { color: known.iter().find(is).copied().unwrap_or(theme.ink), alpha: color.alpha }
    }

    fn stroke(&self, style: &impl BackendStyle) -> Option<Stroke> {
        let color = style.color();
        let width = f64::from(style.stroke_width()) / FINE;
        (color.alpha > 0.0).then(|| Stroke { paint: self.paint(color), width, dash: Dash::None })
    }

    fn fill(&self, style: &impl BackendStyle) -> Option<Paint> {
        let color = style.color();
        (color.alpha > 0.0).then(|| self.paint(color))
    }
}

impl DrawingBackend for Pen<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        ((self.scene.width * FINE) as u32, (self.scene.height * FINE) as u32)
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, point: BackendCoord, color: BackendColor) -> Drawn {
        if let Some(paint) = self.fill(&color) {
            let Point { x, y } = spot(point);
            self.scene.boxed(Rect::new(x, y, 1.0 / FINE, 1.0 / FINE), 0.0, Some(paint), None);
        }
        Ok(())
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        if let Some(stroke) = self.stroke(style) {
            self.scene.lines(&[spot(from), spot(to)], stroke);
        }
        Ok(())
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        upper_left: BackendCoord,
        bottom_right: BackendCoord,
        style: &S,
        fill: bool,
    ) -> Drawn {
        let (a, b) = (spot(upper_left), spot(bottom_right));
        let area = Rect::new(a.x, a.y, b.x - a.x, b.y - a.y);
        let (inside, outline) = if fill { (self.fill(style), None) } else { (None, self.stroke(style)) };
        if inside.is_some() || outline.is_some() {
            self.scene.boxed(area, 0.0, inside, outline);
        }
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        if let Some(stroke) = self.stroke(style) {
            let points: Vec<Point> = path.into_iter().map(spot).collect();
            self.scene.lines(&points, stroke);
        }
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        center: BackendCoord,
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Drawn {
        let (inside, outline) = if fill { (self.fill(style), None) } else { (None, self.stroke(style)) };
        if inside.is_some() || outline.is_some() {
            self.scene.disc(spot(center), f64::from(radius) / FINE, inside, outline);
        }
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        vert: I,
        style: &S,
    ) -> Drawn {
        if let Some(paint) = self.fill(style) {
            let points: Vec<Point> = vert.into_iter().map(spot).collect();
            self.scene.figure(&points, paint);
        }
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, pos: BackendCoord) -> Drawn {
        let font = font(style);
        let spot = spot(pos);
        let y = match style.anchor().v_pos {
            VPos::Top => spot.y + font.size / 2.0,
            VPos::Center => spot.y,
            VPos::Bottom => spot.y - font.size / 2.0,
        };
        let paint = self.paint(style.color());
        let at = at(spot.x, y);
        self.scene.shapes.push(Shape::Text { at, text: text.into(), font, paint, room: None });
        Ok(())
    }

    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        text: &str,
        style: &S,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        let font = font(style);
        Ok(((width_of(text, font) * FINE) as u32, (font.size * FINE) as u32))
    }
}

fn font(style: &impl BackendTextStyle) -> Font {
    let anchor = match style.anchor().h_pos {
        HPos::Left => Anchor::Start,
        HPos::Center => Anchor::Middle,
        HPos::Right => Anchor::End,
    };
    Font { size: style.size() / FINE, weight: 400, anchor }
}
