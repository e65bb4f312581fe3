//! Chance, as the engine knows it: numbers drawn from a seed that somebody else hands in.
//!
//! Every part that needs chance has a *stream* of its own. If the network and the producers drew from one
//! stream, a message more would change every latency after it, and two runs that differ in one setting could
//! not be compared.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng as _, SeedableRng as _};

/// Who draws: one independent stream each, so that one drawing more leaves the others as they were.
///
/// ```
/// use mqlab_core::rng::{Rng, Stream};
/// // One stream may be drawn from as often as one likes: the others do not notice.
/// let mut network = Rng::new(7, Stream::Network);
/// let mut disk = Rng::new(7, Stream::Disk);
/// let first = disk.below(1_000);
/// network.below(1_000);
/// assert_eq!(Rng::new(7, Stream::Disk).below(1_000), first);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Latencies of the simulated network.
    Network,
    /// Keys and intervals of the simulated producers.
    Workload,
    /// What a disk keeps of its unflushed tail at a power cut.
    Disk,
    /// How long services work on an order, and whether it fails.
    Services,
    /// What the network loses, doubles and holds up, where it is told to.
    Links,
    /// When drawn faults come, and which.
    Faults,
    /// How long the members of a quorum wait before they want to lead.
    Elections,
}

/// A seeded generator (xoshiro256++). The same seed and stream give the same numbers on every machine.
///
/// ```
/// use mqlab_core::rng::{Rng, Stream};
/// let mut first = Rng::new(7, Stream::Network);
/// let mut again = Rng::new(7, Stream::Network);
/// assert_eq!(first.below(1_000), again.below(1_000));
/// ```
#[derive(Clone, Debug)]
pub struct Rng(Xoshiro256PlusPlus);

impl Rng {
    /// The generator of one stream under one seed.
    pub fn new(seed: u64, stream: Stream) -> Self {
        // SplitMix64 inside `seed_from_u64` spreads neighbouring seeds; the odd constant keeps streams apart.
        let apart = (stream as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self(Xoshiro256PlusPlus::seed_from_u64(seed ^ apart))
    }

    /// A number in `0..bound`; 0 when `bound` is 0.
    ///
    /// Lemire's multiplication without the rejection step: the bias is below `bound / 2^64`.
    pub fn below(&mut self, bound: u64) -> u64 {
        let product = u128::from(self.0.next_u64()) * u128::from(bound);
        (product >> 64) as u64
    }

    /// A number in `low..=high`; `low` when the range is empty.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low).saturating_add(1))
    }
}
