//! What does a hand do to the stage? One finger or the mouse drags it, two fingers or a wheel make it larger.
//!
//! ```text
//!   down ──▶ a pointer that may yet be a click ── moved far ──▶ drags ── up ──▶ no click
//!   down, down ──▶ two pointers: their distance is the zoom, their middle the place
//! ```
//!
//! Where the whole drawing is in sight there is nothing to drag: then a finger scrolls the page, as everywhere.

use super::Desk;
use super::action::Action;
use super::views::Which;
use crate::scene::camera::{Camera, Size, ZOOM_STEP};
use crate::scene::shape::{Point, Rect, Scene, at};

/// A pointer that moved less far, in pixels, may still mean a click.
const CLICK: f64 = 5.0;
/// How far a key moves the stage, in pixels.
const KEY_PAN: f64 = 80.0;
/// What a turn of the wheel by one pixel is worth.
const WHEEL: f64 = 0.0022;

/// Pointers that are down.
#[derive(Debug, Default)]
pub(super) struct Hand {
    pointers: Vec<(i32, Point)>,
    start: Point,
    /// Whether this was a drag or a pinch: then its end is no click.
    dragged: bool,
}

fn middle(a: Point, b: Point) -> Point {
    at(f64::midpoint(a.x, b.x), f64::midpoint(a.y, b.y))
}

fn apart(a: Point, b: Point) -> f64 {
    (a.x - b.x).hypot(a.y - b.y)
}

impl Desk {
    /// The stage as it was laid out, in pixels of the page.
    fn drawing(&self) -> Option<Size> {
        let layout = &self.run.as_ref()?.layout;
        Some((layout.width * layout.scale, layout.height * layout.scale))
    }

    /// What of it can be seen at once. In lanes the page is as long as the drawing.
    pub(super) fn frame_size(&self) -> Size {
        let room = self.stage_room();
        match (&self.run, self.drawing()) {
            (Some(run), Some(drawing)) if run.layout.narrow && !self.is_together() => (room.0, drawing.1),
            _ => room,
        }
    }

    /// What is seen of the stage. Among three views nothing scrolls by itself: there all of it is seen at first.
    pub(super) fn camera(&self) -> Camera {
        let mut camera = self.views.camera;
        if let Some(drawing) = self.drawing().filter(|_| self.is_together() && camera.is_at_home()) {
            let frame = self.frame_size();
            camera.zoom_at(Camera::least(drawing, frame), at(0.0, 0.0), drawing, frame);
        }
        camera
    }

    /// Whether it is zoomed, so that a drag moves it and does not scroll the page.
    pub fn holds_the_stage(&self) -> bool {
        self.shows_the_stage() && !self.views.camera.is_at_home()
    }

    /// Sees the stage larger by a factor, or smaller, around a spot of it.
    pub fn zoom_stage(&mut self, factor: f64, spot: (f64, f64)) {
        let Some(drawing) = self.drawing().filter(|_| self.shows_the_stage()) else { return };
        let frame = self.frame_size();
        self.views.camera = self.camera();
        self.views.camera.zoom_at(factor, at(spot.0, spot.1), drawing, frame);
        self.filled.hurry();
    }

    /// Moves the stage; whether there was anything to move.
    pub fn pan_stage(&mut self, x: f64, y: f64) -> bool {
        let Some(drawing) = self.drawing().filter(|_| self.holds_the_stage()) else { return false };
        let frame = self.frame_size();
        self.views.camera.pan(at(x, y), drawing, frame);
        self.filled.hurry();
        true
    }

    /// The wheel was turned over the stage: with Ctrl, or by two fingers on a pad, it zooms; else it moves what is
    /// zoomed. Whether it meant anything.
    pub fn wheel(&mut self, (dx, dy): (f64, f64), spot: (f64, f64), zooms: bool) -> bool {
        if zooms && self.shows_the_stage() {
            self.zoom_stage((-dy * WHEEL).clamp(-0.5, 0.5).exp(), spot);
            return true;
        }
        self.scroll_logs(at(spot.0, spot.1), dy) || self.pan_stage(-dx, -dy)
    }

    /// The keys and buttons of the stage.
    pub(super) fn look_closer(&mut self, action: &Action) {
        let (w, h) = self.frame_size();
        match *action {
            Action::Zoom(by) => self.zoom_stage(ZOOM_STEP.powi(i32::from(by)), (w / 2.0, h / 2.0)),
            Action::Fit => {
                self.views.camera = Camera::default();
                self.filled.hurry();
            }
            Action::Move(x, y) => {
                self.pan_stage(-KEY_PAN * f64::from(x), -KEY_PAN * f64::from(y));
            }
            _ => {}
        }
    }

    /// A pointer went down on the stage.
    pub fn pointer_down(&mut self, id: i32, x: f64, y: f64) {
        let hand = &mut self.hand;
        hand.pointers.retain(|(other, _)| *other != id);
        if hand.pointers.is_empty() {
            (hand.start, hand.dragged) = (at(x, y), false);
        }
        hand.pointers.push((id, at(x, y)));
    }

    /// A pointer that is down moved; whether it moved the stage.
    pub fn pointer_move(&mut self, id: i32, x: f64, y: f64) -> bool {
        let to = at(x, y);
        let Some(index) = self.hand.pointers.iter().position(|(other, _)| *other == id) else { return false };
        let from = std::mem::replace(&mut self.hand.pointers[index].1, to);
        let other = self.hand.pointers.iter().find(|(other, _)| *other != id).map(|(_, spot)| *spot);
        let Some(other) = other else {
            if !self.hand.dragged && apart(self.hand.start, to) < CLICK {
                self.hand.pointers[index].1 = from; // the whole way counts once it is a drag
                return false;
            }
            let moved = self.scroll_logs(self.hand.start, from.y - to.y)
                || self.pan_stage(to.x - from.x, to.y - from.y);
            self.hand.dragged |= moved;
            return moved;
        };
        let (before, now) = (middle(from, other), middle(to, other));
        self.hand.dragged = true;
        self.zoom_stage(apart(to, other) / apart(from, other).max(1.0), (before.x, before.y));
        self.pan_stage(now.x - before.x, now.y - before.y);
        true
    }

    /// A pointer is up, or gone.
    pub fn pointer_up(&mut self, id: i32) {
        self.hand.pointers.retain(|(other, _)| *other != id);
    }

    /// Whether the pointer's click is the end of a drag, and means nothing by itself; asked once.
    pub(super) fn was_drag(&mut self) -> bool {
        std::mem::take(&mut self.hand.dragged)
    }

    /// The stage as it is seen.
    pub(super) fn seen(&self, stage: Scene) -> Scene {
        let camera = self.camera();
        if camera.is_at_home() { stage } else { camera.see(stage, self.frame_size()) }
    }

    /// Where an area of the stage, in pixels of the page as it was laid out, is seen.
    pub(super) fn seen_area(&self, area: Rect) -> Rect {
        if self.shows_the_stage() { self.camera().of(area) } else { area }
    }

    /// Brings a node's card into sight: whoever walks by keyboard must see where they are.
    pub(super) fn reveal(&mut self, node: mqlab_core::ids::NodeId) {
        let (Some(run), true) = (&self.run, self.holds_the_stage()) else { return };
        let (Some(card), Some(drawing)) = (run.layout.card(node), self.drawing()) else { return };
        let scale = run.layout.scale;
        let area = Rect::new(card.x * scale, card.y * scale, card.w * scale, card.h * scale);
        let frame = self.frame_size();
        self.views.camera.reveal(area, drawing, frame);
    }

    /// The drawing or the frame has another size.
    pub(super) fn refit(&mut self) {
        let Some(drawing) = self.drawing() else { return };
        let frame = self.frame_size();
        if !self.views.camera.is_at_home() {
            self.views.camera.keep_in(drawing, frame);
        }
    }

    /// Whether a stage is seen at all.
    pub(super) fn shows_the_stage(&self) -> bool {
        matches!(self.shown_view(), Which::Stage | Which::Together)
    }

    pub(super) fn is_together(&self) -> bool {
        self.shown_view() == Which::Together
    }
}
