//! How is a node of one of the systems driven? As a broker is: by inputs and time, and it says what it wants done.
//!
//! ```text
//!   loop:  node.handle(now, input, &mut out)    for each input that is there: a burst
//!          node.settle(now, &mut out)?          where it has a disk: flush once for the burst, release what waited
//!          send out.sends, in order; show out.events
//!          wait for input, or until node.next_wakeup(): then Input::Wake
//! ```
//!
//! Each system has messages of its own: `M` is their type.

use alloc::vec::Vec;

use crate::ids::NodeId;
use crate::observe::Event;

/// What reaches a node.
///
/// ```
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::systems::Input;
/// let input = Input::Message { from: NodeId::Producer(1), message: "hello" };
/// assert!(matches!(input, Input::Message { message: "hello", .. }));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input<M> {
    /// The time has come that it asked to be woken at.
    Wake,
    /// A message.
    Message {
        /// Who sent it.
        from: NodeId,
        /// What it says.
        message: M,
    },
    /// The connection to another node is broken.
    HangUp {
        /// Which.
        peer: NodeId,
    },
}

/// What a node wants done, and what happened to it.
///
/// ```
/// use mqlab_core::systems::Out;
/// let out: Out<&str> = Out::default();
/// assert!(out.sends.is_empty() && out.events.is_empty());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Out<M> {
    /// To be sent, in this order.
    pub sends: Vec<(NodeId, M)>,
    /// Facts for whoever watches; the node does not need them.
    pub events: Vec<Event>,
}

impl<M> Default for Out<M> {
    fn default() -> Self {
        Self { sends: Vec::new(), events: Vec::new() }
    }
}
