//! The stage as a drawing: a pure function of a moment, a selection, a size, a theme and a language.
//!
//! ```text
//! Picture --Layout--> places --Scene--> shapes and hit areas --canvas or SVG--> what is seen
//! ```
//!
//! Nothing here decides what happens: between departure and arrival it interpolates, and that is all.

pub mod axis;
mod callers;
pub mod camera;
mod cards;
pub mod changes;
pub mod charts;
mod dense;
mod exchanges;
mod glyph;
pub mod layout;
pub mod logs;
pub mod marks;
mod packets;
mod pen;
mod queues;
mod rows;
pub mod shape;
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
    let layout = view.layout;
    let mut scene =
        Scene { width: layout.width, height: layout.height, scale: layout.scale, ..Scene::default() };
    let mut ways = packets::Ways::new(view);
    ways.draw(&mut scene);
    ways.calls(&mut scene);
    ways.upkeep(&mut scene);
    cards::captions(&mut scene, view);
    cards::producers(&mut scene, view);
    cards::brokers(&mut scene, view);
    cards::consumers(&mut scene, view);
    callers::services(&mut scene, view);
    callers::users(&mut scene, view);
    cards::tray(&mut scene, view);
    ways.packets(&mut scene);
    ways.cuts(&mut scene);
    scene
}
