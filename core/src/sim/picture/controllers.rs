//! What is known of the controllers at one moment?

use crate::ids::{Epoch, NodeId};
use crate::time::{Span, Time};

/// One controller.
///
/// ```
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::sim::{Scenario, Timeline};
/// let mut timeline = Timeline::new(Scenario::built_in("kill-the-leader").ok_or("no such scenario")?, 7)?;
/// timeline.seek(timeline.ends_at());
/// let controllers = timeline.picture(8).controllers;
/// assert_eq!((controllers[0].node, controllers[0].active), (NodeId::Controller, true)); // one, which cannot die
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControllerView {
    /// Which.
    pub node: NodeId,
    /// Whether its process runs.
    pub up: bool,
    /// Whether it is the active one: of two that take themselves for it, the later.
    pub active: bool,
    /// The term of the quorum that it knows of.
    pub term: Epoch,
    /// When it wants to be the active one, if it hears of none before, and the longest that it ever waits for that; nothing
    /// where it is active, down or the only one.
    pub runs_at: Option<(Time, Span)>,
}
