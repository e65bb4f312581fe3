//! Which part of a drawing is seen, and how large? Zoom and place, as a function of the drawing and of the frame alone.
//!
//! ```text
//!     the drawing, zoom times as large
//!   +-----------------------------------+
//!   |        frame, what is seen        |
//!   |     +-----------------+           |      `place` is the drawing's corner, from the frame's:
//!   |     |                 |           |      nothing to the right of it or below it, ever, where the
//!   |     +-----------------+           |      drawing is the larger one; in its middle where it is not
//!   +-----------------------------------+
//! ```

use super::shape::{Hit, Point, Rect, Scene, Shape, Stroke, at};

/// As large as it gets.
pub const ZOOM_MAX: f64 = 4.0;
/// One step of the buttons and keys.
pub const ZOOM_STEP: f64 = 1.25;

/// Width and height, in pixels of the page.
pub type Size = (f64, f64);

/// What is seen of a drawing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Camera {
    zoom: f64,
    place: Point,
}

impl Default for Camera {
    fn default() -> Self {
        Self { zoom: 1.0, place: at(0.0, 0.0) }
    }
}

impl Camera {
    /// Whether the drawing is seen as it was laid out.
    pub fn is_at_home(&self) -> bool {
        *self == Self::default()
    }

    /// How much larger than laid out.
    pub const fn zoom(&self) -> f64 {
        self.zoom
    }

    /// The least zoom: all of the drawing is seen.
    pub fn least(drawing: Size, frame: Size) -> f64 {
        let fits = (frame.0 / drawing.0.max(1.0)).min(frame.1 / drawing.1.max(1.0));
        fits.min(1.0)
    }

    /// Sees it larger by a factor, or smaller, while what lies at `spot` of the frame stays there.
    pub fn zoom_at(&mut self, factor: f64, spot: Point, drawing: Size, frame: Size) {
        if !(factor.is_finite() && factor > 0.0 && spot.x.is_finite() && spot.y.is_finite()) {
            return;
        }
        let least = Self::least(drawing, frame);
        let mut zoom = (self.zoom * factor).clamp(least, ZOOM_MAX);
        // Close to its own size it takes it: nobody means 101 per cent.
        if (zoom - 1.0).abs() < 0.02 {
            zoom = 1.0;
        }
        let grown = zoom / self.zoom;
        self.place = at(spot.x - (spot.x - self.place.x) * grown, spot.y - (spot.y - self.place.y) * grown);
        self.zoom = zoom;
        self.keep_in(drawing, frame);
    }

    /// Moves the drawing under the frame.
    pub fn pan(&mut self, by: Point, drawing: Size, frame: Size) {
        if by.x.is_finite() && by.y.is_finite() {
            self.place = at(self.place.x + by.x, self.place.y + by.y);
            self.keep_in(drawing, frame);
        }
    }

    /// Moves it so that an area of the drawing, in pixels of the page as it was laid out, is seen.
    pub fn reveal(&mut self, area: Rect, drawing: Size, frame: Size) {
        let seen = self.of(area);
        let needed = |from: f64, to: f64, room: f64| match () {
            () if from < 0.0 => -from,
            () if to > room => (room - to).max(-from),
            () => 0.0,
        };
        let by = at(needed(seen.x, seen.right(), frame.0), needed(seen.y, seen.bottom(), frame.1));
        if by != at(0.0, 0.0) {
            self.pan(by, drawing, frame);
        }
    }

    /// The drawing or the frame has another size.
    pub fn keep_in(&mut self, drawing: Size, frame: Size) {
        self.zoom = self.zoom.clamp(Self::least(drawing, frame), ZOOM_MAX);
        let inside = |place: f64, drawing: f64, frame: f64| {
            let spare = frame - drawing * self.zoom;
            if spare >= 0.0 { spare / 2.0 } else { place.clamp(spare, 0.0) }
        };
        let (x, y) = (inside(self.place.x, drawing.0, frame.0), inside(self.place.y, drawing.1, frame.1));
        // At its own size a drawing that has room begins where it was laid out.
        self.place = if self.zoom == 1.0 { at(x.min(0.0), y.min(0.0)) } else { at(x, y) };
    }

    /// Where an area of the drawing is seen, both in pixels of the page.
    pub fn of(&self, area: Rect) -> Rect {
        Rect::new(
            area.x * self.zoom + self.place.x,
            area.y * self.zoom + self.place.y,
            area.w * self.zoom,
            area.h * self.zoom,
        )
    }

    /// The drawing as it is seen in a frame.
    pub fn see(&self, scene: Scene, frame: Size) -> Scene {
        let factor = scene.scale * self.zoom;
        let mut seen = placed(scene, factor, self.place);
        (seen.width, seen.height) = frame;
        seen
    }
}

/// A scene whose own pixels are those of the page: larger by a factor, and moved.
pub fn placed(mut scene: Scene, factor: f64, by: Point) -> Scene {
    let point = |p: Point| at(p.x * factor + by.x, p.y * factor + by.y);
    let rect = |r: Rect| Rect::new(r.x * factor + by.x, r.y * factor + by.y, r.w * factor, r.h * factor);
    let wide = |stroke: &mut Option<Stroke>| {
        if let Some(stroke) = stroke {
            stroke.width *= factor;
        }
    };
    for shape in &mut scene.shapes {
        match shape {
            Shape::Box { area, radius, stroke, .. } => {
                *area = rect(*area);
                *radius *= factor;
                wide(stroke);
            }
            Shape::Line { points, stroke, .. } => {
                points.iter_mut().for_each(|p| *p = point(*p));
                wide(stroke);
            }
            Shape::Dots { radius, centers, .. } => {
                centers.iter_mut().for_each(|p| *p = point(*p));
                *radius *= factor;
            }
            Shape::Text { at, font, room, .. } => {
                *at = point(*at);
                font.size *= factor;
                *room = room.map(|room| room * factor);
            }
        }
    }
    for Hit { area, .. } in &mut scene.hits {
        *area = rect(*area);
    }
    Scene { width: scene.width * factor, height: scene.height * factor, scale: 1.0, ..scene }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::shape::Target;
    use mqlab_core::ids::NodeId;

    const DRAWING: Size = (800.0, 700.0);
    const FRAME: Size = (800.0, 600.0);

    #[test]
    fn what_lies_under_the_pointer_stays_there() {
        let mut camera = Camera::default();
        let spot = at(600.0, 200.0);
        for factor in [1.7, 1.3, 0.8, 1.1] {
            let before = at((spot.x - camera.place.x) / camera.zoom, (spot.y - camera.place.y) / camera.zoom);
            camera.zoom_at(factor, spot, DRAWING, FRAME);
            let after = at((spot.x - camera.place.x) / camera.zoom, (spot.y - camera.place.y) / camera.zoom);
            assert!(
                (before.x - after.x).abs() < 1e-6 && (before.y - after.y).abs() < 1e-6,
                "{before:?} {after:?}"
            );
        }
    }

    #[test]
    fn no_more_than_all_is_seen_and_nothing_beside_it() {
        let mut camera = Camera::default();
        camera.zoom_at(0.01, at(0.0, 0.0), DRAWING, FRAME);
        assert!((camera.zoom - 600.0 / 700.0).abs() < 1e-9, "all of it: {camera:?}");
        assert!(camera.place.x > 0.0 && camera.place.y.abs() < 1e-9, "in the middle: {camera:?}");
        camera.zoom_at(1e9, at(0.0, 0.0), DRAWING, FRAME);
        assert_eq!(camera.zoom, ZOOM_MAX);
        camera.pan(at(1e6, -1e9), DRAWING, FRAME);
        assert_eq!(camera.place, at(0.0, 600.0 - 4.0 * 700.0), "its edges stay at the frame's");
        for odd in [f64::NAN, f64::INFINITY, 0.0, -3.0] {
            let before = camera;
            camera.zoom_at(odd, at(odd, 0.0), DRAWING, FRAME);
            assert_eq!(camera, before, "{odd} is no zoom");
        }
        camera.pan(at(f64::NAN, 0.0), DRAWING, FRAME);
        assert!(camera.place.x.is_finite());
        for _ in 0..40 {
            camera.zoom_at(0.9, at(400.0, 300.0), FRAME, FRAME);
        }
        assert!(camera.is_at_home(), "who goes back far enough is at home: {camera:?}");
    }

    #[test]
    fn what_is_seen_is_what_is_hit() {
        let mut scene = Scene { width: 400.0, height: 350.0, scale: 2.0, ..Scene::default() };
        scene.answers(Rect::new(100.0, 100.0, 20.0, 20.0), Target::Node(NodeId::Broker(1)));
        let mut camera = Camera::default();
        camera.zoom_at(2.0, at(220.0, 220.0), DRAWING, FRAME);
        let seen = camera.see(scene, FRAME);
        assert_eq!((seen.width, seen.height), FRAME);
        assert_eq!(seen.target_at(220.0, 220.0), Some(Target::Node(NodeId::Broker(1))), "it stayed in place");
        assert_eq!(
            seen.target_at(255.0, 255.0),
            Some(Target::Node(NodeId::Broker(1))),
            "and is twice as large"
        );
        assert_eq!(seen.target_at(265.0, 265.0), None);
        camera.reveal(Rect::new(0.0, 0.0, 40.0, 40.0), DRAWING, FRAME);
        assert_eq!(camera.place, at(0.0, 0.0), "its corner was out of sight");
    }
}
