//! Do bookies copy what one that is gone had? Only where a scenario says so.

use alloc::format;
use alloc::string::String;

use serde::{Deserialize, Serialize};

use super::spec::PulsarSpec;
use crate::ids::NodeId;
use crate::sim::scenario::PATIENCE_MAX;
use crate::systems::pulsar::{AutoRecovery, AutoRecoverySettings};
use crate::time::{Span, Time};

/// How long after something was in vain it is tried again: 300 ms (30 s in BookKeeper).
const AGAIN: Span = Span::from_millis(300);

/// Bookies copy what one that is gone had to others.
///
/// ```
/// use mqlab_core::sim::PulsarAutoRecovery;
/// use mqlab_core::time::Span;
/// let recovery: PulsarAutoRecovery = serde_json::from_str("{}")?;
/// assert_eq!(recovery.delay, Span::ZERO);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PulsarAutoRecovery {
    /// A bookie must be gone for so long after its session: not at all (`lostBookieRecoveryDelay`).
    pub delay: Span,
}

impl PulsarAutoRecovery {
    /// That of a bookie, whose process starts at a moment.
    pub(super) fn of(
        self,
        spec: &PulsarSpec,
        (me, store, bookies): (NodeId, NodeId, &[NodeId]),
        now: Time,
    ) -> AutoRecovery {
        let ping = Span((spec.patience.session.0 / 3).max(1));
        let settings = AutoRecoverySettings { ping, delay: self.delay, again: AGAIN };
        AutoRecovery::new(me, store, settings, bookies).at(now)
    }

    /// Whether it can be so.
    pub(super) fn check(self) -> Result<(), String> {
        if self.delay <= PATIENCE_MAX {
            return Ok(());
        }
        Err(format!("the delay of auto_recovery is {}, use at most {PATIENCE_MAX}", self.delay))
    }
}
