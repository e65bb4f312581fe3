//! What a scene is made of: a few plain shapes, and areas that can be pointed at.

use mqlab_core::ids::{MessageId, NodeId};
use mqlab_core::time::Time;

/// A place on the scene, in its own pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// From the left.
    pub x: f64,
    /// From the top.
    pub y: f64,
}

/// Shorthand for a [`Point`].
pub const fn at(x: f64, y: f64) -> Point {
    Point { x, y }
}

/// An upright rectangle.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rect {
    /// Its left side.
    pub x: f64,
    /// Its top.
    pub y: f64,
    /// Its width.
    pub w: f64,
    /// Its height.
    pub h: f64,
}

impl Rect {
    /// A rectangle from its upper left corner.
    pub const fn new(x: f64, y: f64, w: f64, h: f64) -> Self {
        Self { x, y, w, h }
    }

    /// A rectangle around a point.
    pub const fn around(center: Point, w: f64, h: f64) -> Self {
        Self { x: center.x - w / 2.0, y: center.y - h / 2.0, w, h }
    }

    /// Its middle.
    pub const fn center(&self) -> Point {
        at(self.x + self.w / 2.0, self.y + self.h / 2.0)
    }

    /// Its right side.
    pub const fn right(&self) -> f64 {
        self.x + self.w
    }

    /// Its lower side.
    pub const fn bottom(&self) -> f64 {
        self.y + self.h
    }

    /// The same, larger by `by` on every side.
    pub const fn grown(&self, by: f64) -> Self {
        Self::new(self.x - by, self.y - by, self.w + 2.0 * by, self.h + 2.0 * by)
    }

    /// The least that holds both.
    pub fn around_both(&self, other: &Self) -> Self {
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        Self::new(x, y, self.right().max(other.right()) - x, self.bottom().max(other.bottom()) - y)
    }

    /// Whether a point lies in it.
    pub fn contains(&self, point: Point) -> bool {
        (self.x..=self.right()).contains(&point.x) && (self.y..=self.bottom()).contains(&point.y)
    }
}

/// A colour, more or less opaque.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Paint {
    /// As CSS writes it: `#rrggbb`.
    pub color: &'static str,
    /// 0 for nothing, 1 for opaque.
    pub alpha: f64,
}

/// An opaque colour.
pub const fn solid(color: &'static str) -> Paint {
    Paint { color, alpha: 1.0 }
}

/// A colour that lets through what is behind it.
pub const fn faded(color: &'static str, alpha: f64) -> Paint {
    Paint { color, alpha }
}

/// How a line is interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dash {
    /// Not at all.
    None,
    /// Short dashes: not certain, not alive.
    Dashed,
    /// Dots: a way that is seldom used.
    Dotted,
    /// Marks far from each other that move along: something flows.
    Flowing {
        /// How far they have moved, in tenths of a pixel.
        shift: u16,
    },
}

impl Dash {
    /// Lengths of line and gap.
    pub const fn pattern(self) -> Option<(f64, f64)> {
        match self {
            Self::None => None,
            Self::Dashed => Some((3.4, 2.6)),
            Self::Dotted => Some((1.0, 4.0)),
            Self::Flowing { .. } => Some((8.0, 14.0)),
        }
    }

    /// Where in its pattern a line begins.
    pub fn offset(self) -> f64 {
        match self {
            Self::Flowing { shift } => -f64::from(shift) / 10.0,
            _ => 0.0,
        }
    }
}

/// A line's look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stroke {
    /// Its colour.
    pub paint: Paint,
    /// Its width.
    pub width: f64,
    /// Its dashes.
    pub dash: Dash,
}

/// A plain line.
pub const fn line(color: &'static str, width: f64) -> Stroke {
    Stroke { paint: solid(color), width, dash: Dash::None }
}

/// A dashed line.
pub const fn dashed(color: &'static str, width: f64) -> Stroke {
    Stroke { paint: solid(color), width, dash: Dash::Dashed }
}

/// Which side of its anchor a text stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// The text begins at the point.
    Start,
    /// The point is its middle.
    Middle,
    /// The text ends at the point.
    End,
}

/// A text's look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Font {
    /// In pixels of the scene.
    pub size: f64,
    /// As CSS counts it: 400 is ordinary.
    pub weight: u16,
    /// Where it stands.
    pub anchor: Anchor,
}

/// One mark on the scene.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// A rectangle, a pill or a disc, by its radius.
    Box {
        /// Where.
        area: Rect,
        /// Of its corners.
        radius: f64,
        /// Inside.
        fill: Option<Paint>,
        /// Its outline.
        stroke: Option<Stroke>,
    },
    /// A line through points: straight, or cubic if `curved` (then points come as start, control, control, end, ...).
    Line {
        /// The points.
        points: Vec<Point>,
        /// Whether they are those of cubic curves.
        curved: bool,
        /// Inside, if the line closes.
        fill: Option<Paint>,
        /// The line.
        stroke: Option<Stroke>,
    },
    /// Very many small discs of one look.
    Dots {
        /// Of each.
        radius: f64,
        /// Inside.
        paint: Paint,
        /// Where.
        centers: Vec<Point>,
    },
    /// Words; `at.y` is their middle's height.
    Text {
        /// Where.
        at: Point,
        /// What.
        text: String,
        /// How.
        font: Font,
        /// In what colour.
        paint: Paint,
        /// Set closer where the reader's font would make it wider than this.
        room: Option<f64>,
    },
}

/// What can be pointed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// The way between two nodes.
    Link(NodeId, NodeId),
    /// A message, anywhere.
    Message(MessageId),
    /// A node's control: kills it, or brings it back.
    Control(NodeId),
    /// A node.
    Node(NodeId),
    /// Something that happened at a moment, perhaps to a message: it leads there.
    Moment {
        /// To which message.
        message: Option<MessageId>,
        /// When.
        at: Time,
    },
}

/// An area that can be pointed at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// Where.
    pub area: Rect,
    /// What.
    pub target: Target,
}

/// A drawing: shapes from back to front, and what can be pointed at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scene {
    /// Its width in its own pixels.
    pub width: f64,
    /// Its height in its own pixels.
    pub height: f64,
    /// How many pixels of the page one of its own takes.
    pub scale: f64,
    /// From back to front.
    pub shapes: Vec<Shape>,
    /// From back to front.
    pub hits: Vec<Hit>,
}

impl Scene {
    /// Adds a box.
    pub(crate) fn boxed(&mut self, area: Rect, radius: f64, fill: Option<Paint>, stroke: Option<Stroke>) {
        self.shapes.push(Shape::Box { area, radius, fill, stroke });
    }

    /// Adds a disc.
    pub(crate) fn disc(&mut self, center: Point, radius: f64, fill: Option<Paint>, stroke: Option<Stroke>) {
        self.boxed(Rect::around(center, radius * 2.0, radius * 2.0), radius, fill, stroke);
    }

    /// Adds straight lines.
    pub(crate) fn lines(&mut self, points: &[Point], stroke: Stroke) {
        self.shapes.push(Shape::Line {
            points: points.to_vec(),
            curved: false,
            fill: None,
            stroke: Some(stroke),
        });
    }

    /// Adds a filled figure with straight sides.
    pub(crate) fn figure(&mut self, points: &[Point], fill: Paint) {
        self.shapes.push(Shape::Line {
            points: points.to_vec(),
            curved: false,
            fill: Some(fill),
            stroke: None,
        });
    }

    /// Adds words, as they are.
    pub(crate) fn text(&mut self, at: Point, text: impl Into<String>, font: Font, color: &'static str) {
        self.shapes.push(Shape::Text { at, text: text.into(), font, paint: solid(color), room: None });
    }

    /// Adds words, cut with an ellipsis where they would be wider than `width`.
    pub(crate) fn text_within(&mut self, at: Point, text: &str, font: Font, color: &'static str, width: f64) {
        let text = fitted(text, font, width);
        self.shapes.push(Shape::Text { at, text, font, paint: solid(color), room: Some(width.max(8.0)) });
    }

    /// Lets the ground shine through all shapes from the one at `first` on.
    pub(crate) fn fade(&mut self, first: usize, alpha: f64) {
        let dim = |paint: &mut Paint| paint.alpha *= alpha;
        for shape in self.shapes.iter_mut().skip(first).filter(|_| alpha < 1.0) {
            match shape {
                Shape::Box { fill, stroke, .. } | Shape::Line { fill, stroke, .. } => {
                    fill.iter_mut().for_each(dim);
                    stroke.iter_mut().for_each(|stroke| dim(&mut stroke.paint));
                }
                Shape::Dots { paint, .. } | Shape::Text { paint, .. } => dim(paint),
            }
        }
    }

    /// Makes an area answer to the pointer.
    pub(crate) fn answers(&mut self, area: Rect, target: Target) {
        self.hits.push(Hit { area, target });
    }

    /// What lies under a point, given in pixels of the page.
    pub fn target_at(&self, x: f64, y: f64) -> Option<Target> {
        let scale = if self.scale > 0.0 { self.scale } else { 1.0 };
        let point = at(x / scale, y / scale);
        self.hits.iter().rev().find(|hit| hit.area.contains(point)).map(|hit| hit.target)
    }
}

/// The width of words, estimated without a font: good enough to leave room, never used to place one glyph by another.
pub fn width_of(text: &str, font: Font) -> f64 {
    let bold = if font.weight >= 600 { 1.06 } else { 1.0 };
    text.chars().map(advance).sum::<f64>() * font.size * bold
}

fn advance(c: char) -> f64 {
    match c {
        'i' | 'l' | 'j' | '.' | ',' | ':' | '\'' | '|' | ';' => 0.29,
        ' ' | 'f' | 't' | 'r' | '(' | ')' | '/' | '-' => 0.37,
        'm' | 'w' | 'M' | 'W' => 0.88,
        'A'..='Z' => 0.66,
        c if c.is_ascii() => 0.58,
        '\u{2e80}'..='\u{ffef}' => 1.0,
        _ => 0.7,
    }
}

/// The words, or as many of their first characters as fit, and an ellipsis.
pub(crate) fn fitted(text: &str, font: Font, width: f64) -> String {
    if width_of(text, font) <= width {
        return text.into();
    }
    let mut kept = String::new();
    for c in text.chars() {
        kept.push(c);
        if width_of(&kept, font) + font.size * 0.8 > width {
            kept.pop();
            break;
        }
    }
    format!("{}…", kept.trim_end())
}

/// A name that fits: nodes differ by how their names end, so the middle goes.
pub(crate) fn shortened(name: &str, font: Font, room: f64) -> String {
    if width_of(name, font) <= room {
        return name.into();
    }
    let end: String = name.chars().rev().take(2).collect::<Vec<_>>().into_iter().rev().collect();
    let letters: Vec<char> = name.chars().collect();
    let kept = (1..letters.len().saturating_sub(2)).rev();
    let shorter = kept.map(|kept| letters[..kept].iter().collect::<String>() + "…" + &end);
    shorter.into_iter().find(|text| width_of(text, font) <= room).unwrap_or(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Font = Font { size: 12.0, weight: 400, anchor: Anchor::Start };

    #[test]
    fn words_that_do_not_fit_say_so() {
        assert_eq!(fitted("billing-1", PLAIN, 100.0), "billing-1");
        assert!(fitted("a-very-long-name-of-a-consumer", PLAIN, 80.0).ends_with('…'));
        assert_eq!(shortened("billing-12", PLAIN, 46.0), "billi…12");
        assert!(width_of(&fitted("消费者组 billing", PLAIN, 60.0), PLAIN) <= 60.0 + 12.0);
    }

    #[test]
    fn what_is_drawn_last_is_hit_first_and_in_pixels_of_the_page() {
        let mut scene = Scene { scale: 2.0, ..Scene::default() };
        scene.answers(Rect::new(0.0, 0.0, 50.0, 50.0), Target::Node(NodeId::Broker(1)));
        scene.answers(Rect::new(10.0, 10.0, 5.0, 5.0), Target::Message(MessageId(3)));
        assert_eq!(scene.target_at(24.0, 24.0), Some(Target::Message(MessageId(3))));
        assert_eq!(scene.target_at(90.0, 90.0), Some(Target::Node(NodeId::Broker(1))));
        assert_eq!(scene.target_at(110.0, 20.0), None);
    }
}
