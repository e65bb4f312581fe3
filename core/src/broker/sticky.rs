//! Which partition, when there is no key? The same one until a batch is full, then another by chance.
//!
//! ```text
//!   in turn:   m1 ▶ 0   m2 ▶ 1   m3 ▶ 2   m4 ▶ 0 ...    three partitions, three small batches
//!   sticky:    m1 m2 m3 m4 ... ▶ 1      then  ▶ 0 ...    one batch after the other, each full
//! ```
//!
//! Over time both spread evenly; but a batch of sixteen messages costs hardly more than one of one. The next partition
//! is drawn, and the less waits for a partition, the more likely it is drawn: where a broker is slow its line grows, and
//! it gets less.
//!
//! Weights: with lines of 0, 3 and 1, the longest is 3, so the weights are 4, 1 and 3, and their running sums 4, 5 and
//! 8. A number from 0 to 7 is drawn, and the first sum above it wins.
//!
//! Source: Kafka `BuiltInPartitioner.java`, KIP-794 ("uniform sticky"). Kafka counts batches that wait, and here it is
//! messages; it also leaves out partitions that are not available for some time, and here it is those without leader.

use alloc::vec::Vec;

use crate::rng::{Rng, Stream};

/// The bytes that go to one partition before the next is drawn, unless a producer says otherwise: Kafka's `batch.size`.
pub const STICKY_BYTES: u32 = 16_384;

/// The running sums of the partitions' weights; `None` when every one is as good, so that no table is needed.
///
/// ```
/// use mqlab_core::broker::{first_above, running_weights};
/// let sums = running_weights(&[0, 3, 1]).ok_or("they differ")?;
/// assert_eq!(sums, [4, 5, 8]);
/// let drawn: Vec<usize> = (0..8).map(|number| first_above(&sums, number)).collect();
/// assert_eq!(drawn, [0, 0, 0, 0, 1, 2, 2, 2]);
/// # Ok::<(), &str>(())
/// ```
pub fn running_weights(lines: &[u32]) -> Option<Vec<u64>> {
    let longest = *lines.iter().max()?;
    if lines.len() < 2 || lines.iter().all(|line| *line == longest) {
        return None;
    }
    let mut sum = 0;
    let weights = lines.iter().map(|line| {
        sum += u64::from(longest - line) + 1;
        sum
    });
    Some(weights.collect())
}

/// The place of the first sum above a number.
pub fn first_above(sums: &[u64], number: u64) -> usize {
    sums.partition_point(|sum| *sum <= number)
}

/// Chooses partitions for messages without key.
///
/// ```
/// use mqlab_core::broker::StickyPartitioner;
/// let mut sticky = StickyPartitioner::new(100, 7);
/// let lines = || vec![(0, 0), (1, 0), (2, 0)]; // three partitions, and nothing waits for any
/// let first = sticky.choose(true, 60, lines);
/// assert_eq!(sticky.choose(true, 60, lines), Some(first.ok_or("one of three")?)); // 60 bytes are not enough
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug)]
pub struct StickyPartitioner {
    rng: Rng,
    /// The partition in use.
    current: Option<u32>,
    /// How many bytes went to it.
    bytes: u64,
    limit: u64,
}

impl StickyPartitioner {
    /// One that changes the partition after so many bytes.
    pub fn new(limit: u32, seed: u64) -> Self {
        Self { rng: Rng::new(seed, Stream::Workload), current: None, bytes: 0, limit: limit.into() }
    }

    /// The partition in use.
    pub fn current(&self) -> Option<u32> {
        self.current
    }

    /// The partition for a message of so many bytes. `is_ready` says that the partition in use has no batch that waits
    /// to be filled: else it stays in use until twice as many bytes went there. `lines` are the partitions to choose
    /// from, and how much waits for each; without any there is none.
    pub fn choose(
        &mut self,
        is_ready: bool,
        bytes: usize,
        lines: impl FnOnce() -> Vec<(u32, u32)>,
    ) -> Option<u32> {
        let enough = (is_ready && self.bytes >= self.limit) || self.bytes >= 2 * self.limit;
        if self.current.is_none() || enough {
            (self.current, self.bytes) = (self.draw(&lines()), 0);
        }
        self.bytes += bytes as u64;
        self.current
    }

    fn draw(&mut self, lines: &[(u32, u32)]) -> Option<u32> {
        let waiting: Vec<u32> = lines.iter().map(|(_, waits)| *waits).collect();
        let at = match running_weights(&waiting) {
            Some(sums) => first_above(&sums, self.rng.below(sums.last().copied().unwrap_or_default())),
            None => self.rng.below(lines.len() as u64) as usize,
        };
        lines.get(at).map(|(partition, _)| *partition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn equal_lines_need_no_table() {
        for lines in [&[][..], &[5], &[2, 2, 2]] {
            assert_eq!(running_weights(lines), None, "{lines:?}");
        }
    }

    #[test]
    fn a_batch_is_filled_before_the_partition_changes() {
        let lines = || vec![(0, 0), (1, 0), (2, 0), (3, 0)];
        let mut sticky = StickyPartitioner::new(100, 3);
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for _ in 0..4_000 {
            let chosen = sticky.choose(true, 30, lines).expect("one of four");
            match runs.last_mut() {
                Some((partition, count)) if *partition == chosen => *count += 1,
                _ => runs.push((chosen, 1)),
            }
        }
        // 4 messages have 120 bytes; the same partition may be drawn twice.
        assert!(runs.iter().all(|(_, count)| count % 4 == 0), "{runs:?}");
        for partition in 0..4 {
            let share: u32 = runs.iter().filter(|run| run.0 == partition).map(|run| run.1).sum();
            assert!((800..1_200).contains(&share), "{partition}: {share}");
        }
    }

    #[test]
    fn a_batch_that_waits_to_be_filled_is_left_open_up_to_twice_its_size() {
        let mut sticky = StickyPartitioner::new(100, 3);
        let first = sticky.choose(false, 199, || vec![(0, 0), (1, 0)]);
        let other = 1 - first.expect("one of two");
        assert_eq!(sticky.choose(false, 1, || vec![(other, 0)]), first);
        assert_eq!(sticky.choose(false, 1, || vec![(other, 0)]), Some(other), "200 bytes are enough");
    }

    #[test]
    fn where_more_waits_less_goes() {
        let mut sticky = StickyPartitioner::new(1, 5);
        let mut counts = [0_u32; 3];
        for _ in 0..8_000 {
            let chosen = sticky.choose(true, 1, || vec![(0, 0), (1, 3), (2, 1)]).expect("one of three");
            counts[chosen as usize] += 1;
        }
        let about = |count: u32, expected: u32| count.abs_diff(expected) < 300;
        assert!(about(counts[0], 4_000) && about(counts[1], 1_000) && about(counts[2], 3_000), "{counts:?}");
    }
}
