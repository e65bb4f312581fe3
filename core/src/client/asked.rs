//! What is a request under way? Something that will be answered, or given up.

use crate::broker::RequestId;
use crate::ids::NodeId;
use crate::time::Time;

/// A request that was sent, and not answered yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// What its answer will carry.
    pub(super) id: RequestId,
    /// Whom it was sent to: if the connection breaks, nobody answers.
    pub(super) broker: NodeId,
    /// When it is given up.
    pub(super) deadline: Time,
}

impl Asked {
    /// Whether an answer is the answer to this.
    pub(super) fn is(request: Option<&Self>, id: RequestId) -> bool {
        request.is_some_and(|asked| asked.id == id)
    }
}
