//! A scene on a canvas.

use wasm_bindgen::JsValue;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

use crate::scene::shape::{Anchor, Paint, Point, Rect, Scene, Shape, Stroke};
use crate::svg::FONTS;

/// A canvas, its size, and how many dots of the screen a pixel of the page has.
#[derive(Debug)]
pub(crate) struct Canvas {
    element: HtmlCanvasElement,
    context: CanvasRenderingContext2d,
    /// Width and height in pixels of the page, and dots for each.
    size: (f64, f64, f64),
    /// What stands still behind what moves, drawn less often.
    behind: Option<Box<Self>>,
}

impl Canvas {
    /// Takes a canvas over.
    pub(crate) fn new(element: HtmlCanvasElement) -> Result<Self, JsValue> {
        use wasm_bindgen::JsCast as _;
        let context = element.get_context("2d")?.ok_or("this browser draws no canvas")?;
        let context = context.dyn_into::<CanvasRenderingContext2d>()?;
        Ok(Self { element, context, size: (0.0, 0.0, 1.0), behind: None })
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
        let scale = self.fit(scene, dots)?;
        self.context.set_transform(scale, 0.0, 0.0, scale, 0.0, 0.0)?;
        self.context.clear_rect(0.0, 0.0, scene.width, scene.height);
        self.draw_shapes(scene, scale)
    }

    /// Draws what stands behind what moves, to be seen with the next [`draw_over`](Self::draw_over).
    pub(crate) fn draw_behind(&mut self, scene: &Scene, dots: f64) -> Result<(), JsValue> {
        if self.behind.is_none() {
            use wasm_bindgen::JsCast as _;
            let document = self.element.owner_document().ok_or("the canvas has no document")?;
            let element = document.create_element("canvas")?.dyn_into::<HtmlCanvasElement>()?;
            self.behind = Some(Box::new(Self::new(element)?));
        }
        self.behind.as_mut().map_or(Ok(()), |behind| behind.draw(scene, dots))
    }

    /// Draws what moves over what was drawn behind it last.
    pub(crate) fn draw_over(&mut self, scene: &Scene, dots: f64) -> Result<(), JsValue> {
        let scale = self.fit(scene, dots)?;
        let context = &self.context;
        if let Some(behind) = &self.behind {
            context.set_transform(1.0, 0.0, 0.0, 1.0, 0.0, 0.0)?;
            context.set_global_composite_operation("copy")?;
            context.draw_image_with_html_canvas_element(&behind.element, 0.0, 0.0)?;
            context.set_global_composite_operation("source-over")?;
        }
        context.set_transform(scale, 0.0, 0.0, scale, 0.0, 0.0)?;
        self.draw_shapes(scene, scale)
    }

    /// Makes the canvas as large as a scene needs; returns dots for each pixel of the scene.
    fn fit(&mut self, scene: &Scene, dots: f64) -> Result<f64, JsValue> {
        let dots = dots.clamp(1.0, 4.0);
        let size = (scene.width * scene.scale, scene.height * scene.scale, dots);
        if size != self.size {
            self.size = size;
            self.element.set_width((size.0 * dots).round() as u32);
            self.element.set_height((size.1 * dots).round() as u32);
            self.element.set_attribute("style", &format!("height:{}px", size.1))?;
        }
        Ok(scene.scale * dots)
    }

    fn draw_shapes(&self, scene: &Scene, scale: f64) -> Result<(), JsValue> {
        self.context.set_text_baseline("middle");
        self.context.set_line_cap("round");
        self.context.set_line_join("round");
        let mut pen = Pen { context: &self.context, scale, now: Look::default() };
        scene.shapes.iter().try_for_each(|shape| pen.draw(shape))
    }
}

/// What a context was told last: each of these is dear to tell, and mostly it is the same again.
#[derive(Debug, Default)]
struct Look {
    font: Option<(f64, u16)>,
    anchor: Option<Anchor>,
    fill: Option<&'static str>,
    stroke: Option<&'static str>,
    width: Option<f64>,
    alpha: Option<f64>,
}

/// Draws shapes, and remembers what it told the context.
struct Pen<'a> {
    context: &'a CanvasRenderingContext2d,
    /// Dots of the screen for each pixel of the scene.
    scale: f64,
    now: Look,
}

/// A disc of no more than so many dots is two bars across each other: nobody sees a difference, and it takes a third of
/// the time.
const TINY: f64 = 9.0;

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
            Shape::Dots { radius, paint, centers } => self.dots(*radius, *paint, centers),
            Shape::Text { at, text, font, paint, room } => {
                if self.now.font != Some((font.size, font.weight)) {
                    self.now.font = Some((font.size, font.weight));
                    self.context.set_font(&format!("{} {}px {FONTS}", font.weight, font.size));
                }
                if self.now.anchor != Some(font.anchor) {
                    self.now.anchor = Some(font.anchor);
                    self.context.set_text_align(match font.anchor {
                        Anchor::Start => "left",
                        Anchor::Middle => "center",
                        Anchor::End => "right",
                    });
                }
                self.fill_with(*paint);
                match room {
                    Some(room) => self.context.fill_text_with_max_width(text, at.x, at.y, *room),
                    None => self.context.fill_text(text, at.x, at.y),
                }
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

    /// Very many small discs. Those of a few dots are set on whole dots.
    fn dots(&mut self, radius: f64, paint: Paint, centers: &[Point]) -> Result<(), JsValue> {
        self.fill_with(paint);
        let (context, scale) = (self.context, self.scale);
        let whole = (radius * 2.0 * scale).round();
        if whole > TINY {
            for center in centers {
                context.begin_path();
                context.arc(center.x, center.y, radius, 0.0, std::f64::consts::TAU)?;
                context.fill();
            }
            return Ok(());
        }
        let corner = (whole * 0.2).round().max(1.0);
        let inner = whole - 2.0 * corner;
        context.set_transform(1.0, 0.0, 0.0, 1.0, 0.0, 0.0)?;
        for center in centers {
            let x = (center.x * scale - whole / 2.0).round();
            let y = (center.y * scale - whole / 2.0).round();
            context.fill_rect(x, y + corner, whole, inner);
            if paint.alpha >= 1.0 {
                context.fill_rect(x + corner, y, inner, whole);
            } else {
                // What shines through must not be painted twice.
                context.fill_rect(x + corner, y, inner, corner);
                context.fill_rect(x + corner, y + whole - corner, inner, corner);
            }
        }
        context.set_transform(scale, 0.0, 0.0, scale, 0.0, 0.0)
    }

    fn see_through(&mut self, alpha: f64) {
        if self.now.alpha != Some(alpha) {
            self.now.alpha = Some(alpha);
            self.context.set_global_alpha(alpha);
        }
    }

    fn fill_with(&mut self, paint: Paint) {
        self.see_through(paint.alpha);
        if self.now.fill != Some(paint.color) {
            self.now.fill = Some(paint.color);
            self.context.set_fill_style_str(paint.color);
        }
    }

    fn paint(&mut self, fill: Option<Paint>, stroke: Option<Stroke>) -> Result<(), JsValue> {
        let context = self.context;
        if let Some(paint) = fill {
            self.fill_with(paint);
            context.fill();
        }
        let Some(stroke) = stroke else { return Ok(()) };
        self.see_through(stroke.paint.alpha);
        if self.now.stroke != Some(stroke.paint.color) {
            self.now.stroke = Some(stroke.paint.color);
            context.set_stroke_style_str(stroke.paint.color);
        }
        if self.now.width != Some(stroke.width) {
            self.now.width = Some(stroke.width);
            context.set_line_width(stroke.width);
        }
        let Some((dash, gap)) = stroke.dash.pattern() else {
            context.stroke();
            return Ok(());
        };
        context.set_line_dash(&lengths(&[dash, gap]))?;
        context.set_line_dash_offset(stroke.dash.offset());
        context.stroke();
        context.set_line_dash(&lengths(&[]))
    }
}

fn lengths(of: &[f64]) -> JsValue {
    of.iter().map(|length| JsValue::from_f64(*length)).collect::<js_sys::Array>().into()
}
