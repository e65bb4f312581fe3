//! How long did it take, on the clock and of the processor?
//!
//! Rates are by the clock: disks, sockets and other threads take part. The processor's time is that of the whole process,
//! threads that a rival keeps in the background included.

use std::time::{Duration, Instant};

use mqlab_bench_contest::contest::Took;
use rustix::time::{ClockId, clock_gettime};

/// Measures both from its start on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch {
    start: Instant,
    processor: Duration,
}

impl Watch {
    pub(crate) fn start() -> Self {
        Self { start: Instant::now(), processor: processor() }
    }

    pub(crate) fn took(self) -> Took {
        let counted = self.start.elapsed();
        Took { counted, processor: Some(processor().saturating_sub(self.processor)) }
    }
}

/// What the processor has given to this process so far.
fn processor() -> Duration {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(spent.tv_sec as u64, spent.tv_nsec as u32)
}
