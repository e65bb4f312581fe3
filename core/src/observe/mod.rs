//! What happened, and was it right? Facts, and those who read them.
//!
//! * [`Event`]: a fact, one line in a trace;
//! * [`Verdict`]: which promises were kept, judged from outside;
//! * [`Metrics`]: how much, how fast, how far behind;
//! * [`Digester`]: whether two runs are the same.

mod digest;
mod event;
mod metrics;
mod verdict;

pub use digest::{Digest, Digester};
pub use event::{Event, Place, Refusal, Stamped};
pub use metrics::{Metrics, SAMPLES_MAX, Series};
pub use verdict::Verdict;
