//! Three views side by side: how is the main area shared among them?
//!
//! ```text
//!   +-----------------------+--------------+
//!   |                       |     logs     |
//!   |         stage         +--------------+
//!   |                       |  space-time  |
//!   +-----------------------+--------------+
//! ```
//!
//! Where the area is too narrow for that, the stage is shown alone, and the three come when there is room again.

use super::Desk;
use super::views::Which;
use crate::scene::camera::{Size, placed};
use crate::scene::shape::{Rect, Scene, at, solid};

/// The least width of the main area for three views, in pixels of the page.
const TOGETHER_MIN: f64 = 900.0;
/// The least width that the stage has among three.
const STAGE_MIN: f64 = 625.0;
/// The part that it has where there is more.
const STAGE_PART: f64 = 0.58;
/// The most of the height that logs take.
const LOGS_PART: f64 = 0.62;
/// How wide the two beside the stage are meant to be; with more they are larger, within limits.
const BESIDE_USUAL: f64 = 520.0;
const SMALLEST: f64 = 0.8;
const LARGEST: f64 = 1.4;

/// Where each of three views is.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Panes {
    stage: Rect,
    /// The column of the other two.
    beside: Rect,
}

fn panes((width, height): Size) -> Panes {
    let stage = (width * STAGE_PART).max(STAGE_MIN);
    Panes {
        stage: Rect::new(0.0, 0.0, stage, height),
        beside: Rect::new(stage + 1.0, 0.0, width - stage - 1.0, height),
    }
}

impl Desk {
    /// The view that is shown: the chosen one, where there is room for it.
    pub fn shown_view(&self) -> Which {
        match self.views.which {
            Which::Together if self.stage_size.0 < TOGETHER_MIN => Which::Stage,
            which => which,
        }
    }

    /// Whether there is room for three views.
    pub(super) fn has_room_for_three(&self) -> bool {
        self.stage_size.0 >= TOGETHER_MIN
    }

    /// How much room the stage has, in pixels of the page.
    pub(super) fn stage_room(&self) -> Size {
        if !self.is_together() {
            return self.stage_size;
        }
        let Rect { w, h, .. } = panes(self.stage_size).stage;
        (w, h)
    }

    /// All three, in step; nothing when there is no run.
    pub(super) fn together_scene(&mut self) -> Option<Scene> {
        let (theme, Panes { stage: left, beside }) = (self.theme(), panes(self.stage_size));
        let stage = self.stage_scene()?;
        let mut whole = self.camera().see(stage, (left.w, left.h));
        within(&mut whole, left);
        (whole.width, whole.height) = self.stage_size;
        let room = beside.h * LOGS_PART;
        let usual = (beside.w / BESIDE_USUAL).clamp(1.0, LARGEST);
        let logs = self.logs_scene_in((beside.w / usual, 1.0))?;
        let log_factor = (room / logs.height.max(1.0)).min(usual).clamp(SMALLEST, LARGEST);
        let logs = self.logs_scene_in((beside.w / log_factor, 1.0))?;
        let tall = (logs.height * log_factor).min(room).floor();
        let upper = Rect { h: tall, ..beside };
        let lower = Rect::new(beside.x, tall + 1.0, beside.w, beside.h - tall - 1.0);
        let factor = self.space_time_scene_in((lower.w / usual, lower.h / usual), true)?.height;
        let factor = (lower.h / factor.max(1.0)).min(usual).clamp(SMALLEST, LARGEST);
        let space_time = self.space_time_scene_in((lower.w / factor, lower.h / factor), true)?;
        // What each of them draws beyond its pane is covered by the next one's ground.
        for (pane, scene, factor) in [(upper, logs, log_factor), (lower, space_time, factor)] {
            whole.boxed(pane.grown(1.0), 0.0, Some(solid(theme.line)), None);
            whole.boxed(pane, 0.0, Some(solid(theme.sunk)), None);
            let mut part = placed(scene, factor, at(pane.x, pane.y));
            within(&mut part, pane);
            whole.hits.retain(|hit| !pane.contains(hit.area.center()));
            whole.shapes.append(&mut part.shapes);
            whole.hits.append(&mut part.hits);
        }
        Some(whole)
    }
}

/// Only what is seen answers to the pointer.
fn within(scene: &mut Scene, pane: Rect) {
    scene.hits.retain(|hit| {
        let area = hit.area;
        area.x < pane.right() && area.right() > pane.x && area.y < pane.bottom() && area.bottom() > pane.y
    });
    for hit in &mut scene.hits {
        let (x, y) = (hit.area.x.max(pane.x), hit.area.y.max(pane.y));
        let (right, bottom) = (hit.area.right().min(pane.right()), hit.area.bottom().min(pane.bottom()));
        hit.area = Rect::new(x, y, right - x, bottom - y);
    }
}
