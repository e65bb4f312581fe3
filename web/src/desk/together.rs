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

use std::collections::BTreeSet;

use mqlab_core::observe::Place;
use mqlab_core::sim::picture::Picture;

use super::Desk;
use super::views::Which;
use crate::scene::camera::{Size, placed};
use crate::scene::shape::{Anchor, Font, Point, Rect, Scene, at, line, solid, width_of};
use crate::text::views as words;

/// The least width of the main area for three views, in pixels of the page.
const TOGETHER_MIN: f64 = 900.0;
/// The least width that the stage has among three.
const STAGE_MIN: f64 = 625.0;
/// The part that it has where there is more.
const STAGE_PART: f64 = 0.58;
/// The part of the height that logs may take in any case.
const LOGS_PART: f64 = 0.62;
/// How wide the two beside the stage are meant to be; with more they are larger, within limits.
const BESIDE_USUAL: f64 = 520.0;
const SMALLEST: f64 = 0.8;
const LARGEST: f64 = 1.4;

/// With less than this below what is seen, in pixels, nothing is hidden there.
const NOTHING_BELOW: f64 = 18.0;

/// What is said of logs that lie below.
const BELOW: Font = Font { size: 11.0, weight: 600, anchor: Anchor::Middle };

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
        let usual = (beside.w / BESIDE_USUAL).clamp(1.0, LARGEST);
        // Space and time keep what their lanes need at least; logs may have the rest, and a part of all in any case.
        let lanes = self.space_time_scene_in((beside.w / SMALLEST, 1.0), true)?.height * SMALLEST;
        let room = (beside.h * LOGS_PART).max(beside.h - lanes - 1.0);
        let logs = self.logs_scene_in((beside.w / usual, 1.0), true)?;
        let log_factor = (room / logs.height.max(1.0)).min(usual).clamp(SMALLEST, LARGEST);
        let logs = self.logs_scene_in((beside.w / log_factor, 1.0), true)?;
        let tall = (logs.height * log_factor).min(room).floor();
        let upper = Rect { h: tall, ..beside };
        self.views.logs_pane = upper;
        // Below the last log there is nothing to see.
        let over = logs.height * log_factor - tall;
        self.views.scrolled_max = if over > NOTHING_BELOW { over } else { 0.0 };
        self.views.scrolled = self.views.scrolled.min(self.views.scrolled_max);
        let scrolled = self.views.scrolled;
        let lower = Rect::new(beside.x, tall + 1.0, beside.w, beside.h - tall - 1.0);
        let factor = self.space_time_scene_in((lower.w / usual, lower.h / usual), true)?.height;
        let factor = (lower.h / factor.max(1.0)).min(usual).clamp(SMALLEST, LARGEST);
        let space_time = self.space_time_scene_in((lower.w / factor, lower.h / factor), true)?;
        let below = Some(self.views.scrolled_max - scrolled).filter(|below| *below > NOTHING_BELOW);
        let below = below.unwrap_or(0.0) / (logs.height * log_factor).max(1.0);
        let count = self.run.as_ref().map_or(0, |run| logs_count(&run.picture));
        let hidden = (below * count as f64).ceil() as usize;
        // What each of them draws beyond its pane is covered by the next one's ground.
        for (pane, scene, factor, up) in
            [(upper, logs, log_factor, scrolled), (lower, space_time, factor, 0.0)]
        {
            whole.boxed(pane.grown(1.0), 0.0, Some(solid(theme.line)), None);
            whole.boxed(pane, 0.0, Some(solid(theme.sunk)), None);
            let mut part = placed(scene, factor, at(pane.x, pane.y - up));
            within(&mut part, pane);
            whole.hits.retain(|hit| !pane.contains(hit.area.center()));
            whole.shapes.append(&mut part.shapes);
            whole.hits.append(&mut part.hits);
        }
        if hidden > 0 {
            let text = words::below(hidden, self.lang);
            let wide = width_of(&text, BELOW) + 16.0;
            let area = Rect::new(upper.right() - wide - 8.0, upper.bottom() - 24.0, wide, 19.0);
            whole.boxed(area, 9.0, Some(solid(theme.surface)), Some(line(theme.line_strong, 1.0)));
            whole.text(area.center(), text, BELOW, theme.ink_2);
        }
        Some(whole)
    }
}

/// How many logs there are, however many copies each has.
fn logs_count(picture: &Picture) -> usize {
    let places: BTreeSet<&Place> =
        picture.brokers.iter().flat_map(|broker| &broker.strips).map(|strip| &strip.place).collect();
    places.len()
}

impl Desk {
    /// Scrolls the logs where they are one of three views, and do not fit; whether there was anything to scroll.
    pub(super) fn scroll_logs(&mut self, spot: Point, by: f64) -> bool {
        if !self.is_together() || !self.views.logs_pane.contains(spot) || self.views.scrolled_max <= 0.0 {
            return false;
        }
        let before = self.views.scrolled;
        self.views.scrolled = (before + by).clamp(0.0, self.views.scrolled_max);
        self.filled.hurry();
        self.views.scrolled != before
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
