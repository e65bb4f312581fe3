//! What happened, and was it right? Facts, and those who read them.

mod event;

pub use event::{Event, Place, Refusal, Stamped};
