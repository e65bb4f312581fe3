//! The stage as a drawing: a pure function of a moment, a selection, a size, a theme and a language.
//!
//! ```text
//! Picture --Layout--> places --Scene--> shapes and hit areas --canvas or SVG--> what is seen
//! ```
//!
//! Nothing here decides what happens: between departure and arrival it interpolates, and that is all.

pub mod axis;
mod bundles;
mod callers;
pub mod camera;
mod cards;
pub mod changes;
pub mod charts;
mod crowd;
mod dense;
mod exchanges;
mod glyph;
mod lane_heads;
mod lane_ways;
pub mod layout;
pub mod logs;
pub mod marks;
mod packets;
pub(crate) mod pen;
mod queues;
mod rows;
pub mod shape;
mod slanted;
pub mod space_time;
mod strips;
pub mod theme;
mod wire;

pub(crate) use packets::peers;

use mqlab_core::ids::{MessageId, NodeId};
use mqlab_core::sim::picture::Picture;

use crate::text::Lang;
use changes::Changes;
use layout::Layout;
use shape::{Scene, Target};
use theme::Theme;

/// What a person has chosen and points at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The message whose life is told.
    pub message: Option<MessageId>,
    /// The node that keys act on.
    pub node: Option<NodeId>,
    /// The way between two nodes that faults are about to be done to.
    pub link: Option<(NodeId, NodeId)>,
    /// What lies under the pointer.
    pub hover: Option<Target>,
}

/// All that a drawing depends on.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The moment.
    pub picture: &'a Picture,
    /// What the layout has places for: all that is there, or is to come.
    pub declared: &'a Picture,
    /// Where everything stands.
    pub layout: &'a Layout,
    /// What is chosen.
    pub selection: Selection,
    /// The colours.
    pub theme: &'a Theme,
    /// The language.
    pub lang: Lang,
    /// Whether heartbeats and metadata are drawn.
    pub upkeep: bool,
    /// Lost messages that are still falling into the tray, and how far (0 to 1) they have fallen.
    pub falling: &'a [(MessageId, f64)],
    /// What the last step changed.
    pub changes: &'a Changes,
    /// Whether to say how the run is started.
    pub hint: bool,
}

/// Draws the stage.
pub fn stage(view: &View<'_>) -> Scene {
    let mut scene = empty(view);
    ground_of(&mut scene, view);
    moving_on(&mut scene, view);
    scene
}

/// What stands on the stage, and what flows: of what is on its way one by one, nothing.
pub fn ground(view: &View<'_>) -> Scene {
    let mut scene = empty(view);
    ground_of(&mut scene, view);
    scene
}

/// What moves on the stage, one by one.
pub fn moving(view: &View<'_>) -> Scene {
    let mut scene = empty(view);
    moving_on(&mut scene, view);
    scene
}

fn empty(view: &View<'_>) -> Scene {
    let layout = view.layout;
    Scene { width: layout.width, height: layout.height, scale: layout.scale, ..Scene::default() }
}

fn ground_of(scene: &mut Scene, view: &View<'_>) {
    let mut ways = packets::Ways::new(view);
    ways.draw(scene);
    ways.calls(scene);
    ways.upkeep(scene);
    cards::captions(scene, view);
    cards::producers(scene, view);
    cards::brokers(scene, view);
    cards::consumers(scene, view);
    callers::services(scene, view);
    callers::users(scene, view);
    cards::tray(scene, view);
    ways.flows(scene);
}

fn moving_on(scene: &mut Scene, view: &View<'_>) {
    let mut ways = packets::Ways::new(view);
    ways.packets(scene);
    ways.cuts(scene);
}
