//! A scene on a canvas.

use wasm_bindgen::JsValue;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

use crate::scene::shape::{Anchor, Paint, Rect, Scene, Shape, Stroke};
use crate::svg::FONTS;

/// A canvas, its size, and how many dots of the screen a pixel of the page has.
#[derive(Debug)]
pub(crate) struct Canvas {
    element: HtmlCanvasElement,
    context: CanvasRenderingContext2d,
    /// Width and height in pixels of the page, and dots for each.
    size: (f64, f64, f64),
}

impl Canvas {
    /// Takes a canvas over.
    pub(crate) fn new(element: HtmlCanvasElement) -> Result<Self, JsValue> {
        use wasm_bindgen::JsCast as _;
        let context = element.get_context("2d")?.ok_or("this browser draws no canvas")?;
        let context = context.dyn_into::<CanvasRenderingContext2d>()?;
        Ok(Self { element, context, size: (0.0, 0.0, 1.0) })
    }

    /// Draws a scene on a ground of one colour: a picture that stands by itself.
    pub(crate) fn paint(&mut self, scene: &Scene, dots: f64, ground: &'static str) -> Result<(), JsValue> {
        let area = Rect { x: 0.0, y: 0.0, w: scene.width, h: scene.height };
        let fill = Some(Paint { color: ground, alpha: 1.0 });
        let mut shapes = vec![Shape::Box { area, radius: 0.0, fill, stroke: None }];
        shapes.extend(scene.shapes.iter().cloned());
        self.draw(&Scene { shapes, ..scene.clone() }, dots)
    }

    /// Draws a scene, with the canvas made as large as it needs.
    pub(crate) fn draw(&mut self, scene: &Scene, dots: f64) -> Result<(), JsValue> {
        let dots = dots.clamp(1.0, 4.0);
        let size = (scene.width * scene.scale, scene.height * scene.scale, dots);
        if size != self.size {
            self.size = size;
            self.element.set_width((size.0 * dots).round() as u32);
            self.element.set_height((size.1 * dots).round() as u32);
            self.element.set_attribute("style", &format!("height:{}px", size.1))?;
        }
        let scale = scene.scale * dots;
        self.context.set_transform(scale, 0.0, 0.0, scale, 0.0, 0.0)?;
        self.context.clear_rect(0.0, 0.0, scene.width, scene.height);
        self.context.set_text_baseline("middle");
        self.context.set_line_cap("round");
        self.context.set_line_join("round");
        let mut pen = Pen { context: &self.context, font: None };
        for shape in &scene.shapes {
            pen.draw(shape)?;
        }
        Ok(())
    }
}

/// Remembers the font, which is dear to change.
struct Pen<'a> {
    context: &'a CanvasRenderingContext2d,
    font: Option<(f64, u16)>,
}

impl Pen<'_> {
    fn draw(&mut self, shape: &Shape) -> Result<(), JsValue> {
        match shape {
            Shape::Box { area, radius, fill, stroke } => {
                self.outline(*area, *radius)?;
                self.paint(*fill, *stroke)
            }
            Shape::Line { points, curved, fill, stroke } => {
                self.context.begin_path();
                let Some((first, rest)) = points.split_first() else { return Ok(()) };
                self.context.move_to(first.x, first.y);
                if *curved {
                    for curve in rest.chunks_exact(3) {
                        let (a, b, c) = (curve[0], curve[1], curve[2]);
                        self.context.bezier_curve_to(a.x, a.y, b.x, b.y, c.x, c.y);
                    }
                } else {
                    rest.iter().for_each(|point| self.context.line_to(point.x, point.y));
                }
                self.paint(*fill, *stroke)
            }
            Shape::Text { at, text, font, paint, room } => {
                if self.font != Some((font.size, font.weight)) {
                    self.font = Some((font.size, font.weight));
                    self.context.set_font(&format!("{} {}px {FONTS}", font.weight, font.size));
                }
                self.context.set_text_align(match font.anchor {
                    Anchor::Start => "left",
                    Anchor::Middle => "center",
                    Anchor::End => "right",
                });
                self.context.set_fill_style_str(paint.color);
                self.context.set_global_alpha(paint.alpha);
                let drawn = match room {
                    Some(room) => self.context.fill_text_with_max_width(text, at.x, at.y, *room),
                    None => self.context.fill_text(text, at.x, at.y),
                };
                self.context.set_global_alpha(1.0);
                drawn
            }
        }
    }

    fn outline(&self, area: Rect, radius: f64) -> Result<(), JsValue> {
        let context = self.context;
        let radius = radius.min(area.w / 2.0).min(area.h / 2.0).max(0.0);
        context.begin_path();
        if radius * 2.0 >= area.w && area.w == area.h {
            let center = area.center();
            return context.arc(center.x, center.y, radius, 0.0, std::f64::consts::TAU);
        }
        let (right, bottom) = (area.right(), area.bottom());
        context.move_to(area.x + radius, area.y);
        context.arc_to(right, area.y, right, bottom, radius)?;
        context.arc_to(right, bottom, area.x, bottom, radius)?;
        context.arc_to(area.x, bottom, area.x, area.y, radius)?;
        context.arc_to(area.x, area.y, right, area.y, radius)?;
        context.close_path();
        Ok(())
    }

    fn paint(&self, fill: Option<Paint>, stroke: Option<Stroke>) -> Result<(), JsValue> {
        let context = self.context;
        if let Some(paint) = fill {
            context.set_global_alpha(paint.alpha);
            context.set_fill_style_str(paint.color);
            context.fill();
        }
        if let Some(stroke) = stroke {
            context.set_global_alpha(stroke.paint.alpha);
            context.set_stroke_style_str(stroke.paint.color);
            context.set_line_width(stroke.width);
            if let Some((dash, gap)) = stroke.dash.pattern() {
                context.set_line_dash(&lengths(&[dash, gap]))?;
                context.stroke();
                context.set_line_dash(&lengths(&[]))?;
            } else {
                context.stroke();
            }
        }
        context.set_global_alpha(1.0);
        Ok(())
    }
}

fn lengths(of: &[f64]) -> JsValue {
    of.iter().map(|length| JsValue::from_f64(*length)).collect::<js_sys::Array>().into()
}
