//! The stage, drawn: as a whole, or in two layers where much moves.
//!
//! What moves is looked at in every frame. What stands behind it (cards, cells, words, flows) changes in every frame, too,
//! where hundreds of messages arrive in each; but nobody reads so fast. So there it is looked at less often, and it is at most
//! [`GROUND_MS`] old.

use std::collections::BTreeSet;

use mqlab_core::ids::MessageId;
use mqlab_core::time::Time;

use super::views::Which;
use super::{Desk, FALL_MS};
use crate::scene::changes::Changes;
use crate::scene::shape::Scene;
use crate::scene::{self, View};

/// How old what stands still may be where much moves, in real milliseconds.
const GROUND_MS: f64 = 150.0;
/// With more than this on its way, much moves.
const MUCH: u64 = 400;
/// The most messages that fall into the tray at once.
const FALLING_MAX: usize = 40;

/// When what stands still was looked at.
#[derive(Debug, Default)]
pub(super) struct Layers {
    /// In real milliseconds.
    seen: Option<f64>,
    /// Whether that was in the last frame.
    fresh: bool,
}

impl Desk {
    /// Whether very much is on its way on the stage.
    pub fn is_crowded(&self) -> bool {
        let Some(run) = self.run.as_ref().filter(|_| self.views.which == Which::Stage) else { return false };
        let flows = run.picture.flows.iter().map(|flow| flow.packets).sum::<u64>();
        run.picture.packets.len() as u64 + flows > MUCH
    }

    /// Whether the stage is drawn in layers: while it plays, and much moves.
    pub fn is_layered(&self) -> bool {
        self.player.playing && self.is_crowded()
    }

    /// Whether what stands still was looked at in the last frame.
    pub fn is_ground_fresh(&self) -> bool {
        self.layers.fresh
    }

    /// Takes a new picture after time has passed, of all or only of what moves.
    pub(super) fn look_again(&mut self, now_ms: f64) {
        let early = self.layers.seen.is_some_and(|seen| (0.0..GROUND_MS).contains(&(now_ms - seen)));
        self.layers.fresh = !(early && self.is_layered());
        let Some(run) = &mut self.run else { return };
        if !self.layers.fresh {
            return run.refresh_moving();
        }
        self.layers.seen = Some(now_ms);
        let lost: BTreeSet<MessageId> = run.picture.lost.iter().map(|mark| mark.message).collect();
        run.refresh();
        if !self.player.steps {
            let room = FALLING_MAX.saturating_sub(self.falling.len());
            let fresh = run.picture.lost.iter().filter(|mark| !lost.contains(&mark.message)).take(room);
            self.falling.extend(fresh.map(|mark| (mark.message, now_ms)));
        }
    }

    /// What was chosen is shown by itself, however much is on its way with it.
    pub(super) fn show_chosen(&mut self) {
        let Some(run) = &mut self.run else { return };
        if run.chosen != self.selection.message {
            run.chosen = self.selection.message;
            run.show_anew();
        }
    }

    /// The stage, drawn; nothing when there is no run.
    pub fn stage_scene(&self) -> Option<Scene> {
        self.drawn(scene::stage)
    }

    /// The stage as it is seen, without what moves one by one; nothing when there is no run.
    pub fn ground_scene(&self) -> Option<Scene> {
        Some(self.seen(self.drawn(scene::ground)?))
    }

    /// What moves on the stage one by one, as it is seen; nothing when there is no run.
    pub fn moving_scene(&self) -> Option<Scene> {
        Some(self.seen(self.drawn(scene::moving)?))
    }

    fn drawn(&self, draw: impl FnOnce(&View<'_>) -> Scene) -> Option<Scene> {
        let run = self.run.as_ref()?;
        let now = self.last_frame.unwrap_or(0.0);
        let falling: Vec<(MessageId, f64)> =
            self.falling.iter().map(|(message, since)| (*message, (now - since) / FALL_MS)).collect();
        Some(draw(&View {
            picture: &run.picture,
            declared: &run.shape,
            layout: &run.layout,
            selection: self.selection,
            theme: self.theme(),
            lang: self.lang,
            upkeep: self.upkeep,
            falling: &falling,
            // Where everything changes all the time, a ring around each change would say nothing.
            changes: &if self.is_layered() { Changes::default() } else { self.changes(run) },
            hint: run.timeline.now() == Time::ZERO && !self.player.playing,
        }))
    }
}
