//! Which partition does a message go to? By its key, so that what has one key stays in one order.
//!
//! The hash is Kafka's murmur2, so that a producer of ours and one of Kafka's agree on where a key lives.
//! Messages without a key have no order to keep and are dealt round; or, if a producer wants it so, fill one batch
//! after another (`core/src/broker/sticky.rs`).
//!
//! What real systems do: Kafka since 3.3 fills one batch after another and draws the next partition by chance
//! (KIP-794, "uniform sticky"), which spreads as evenly over time and makes larger batches.
//!
//! Source: Kafka `Utils.murmur2`, `BuiltInPartitioner.partitionForKey`.

/// MurmurHash 2 over `bytes`, 32 bits, with Kafka's seed.
pub fn murmur2(bytes: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;
    let mut hash = SEED ^ bytes.len() as u32;
    let (blocks, rest) = bytes.as_chunks::<4>();
    for block in blocks {
        let mut k = u32::from_le_bytes(*block).wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !rest.is_empty() {
        for (index, &byte) in rest.iter().enumerate() {
            hash ^= u32::from(byte) << (8 * index);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

/// The partition of a key among `partitions`; 0 when there are none.
pub fn partition_of_key(key: &[u8], partitions: u32) -> u32 {
    (murmur2(key) & 0x7fff_ffff).checked_rem(partitions).unwrap_or(0)
}

/// Chooses partitions for one producer.
///
/// ```
/// use mqlab_core::broker::Partitioner;
/// let mut partitioner = Partitioner::default();
/// assert_eq!(partitioner.choose(Some(b"user-1"), 3), partitioner.choose(Some(b"user-1"), 3));
/// let dealt: Vec<u32> = (0..4).map(|_| partitioner.choose(None, 3)).collect();
/// assert_eq!(dealt, [0, 1, 2, 0]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Partitioner {
    turn: u32,
}

impl Partitioner {
    /// The partition for a message with this key, or the next in turn without one.
    pub fn choose(&mut self, key: Option<&[u8]>, partitions: u32) -> u32 {
        if let Some(key) = key {
            return partition_of_key(key, partitions);
        }
        let chosen = self.turn.checked_rem(partitions).unwrap_or(0);
        self.turn = self.turn.wrapping_add(1);
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From Kafka's `UtilsTest`, and from running its classes.
    #[test]
    fn vectors() {
        let table: [(&[u8], i32); 11] = [
            (b"21", -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"a-little-bit-longer-string", -1_486_304_829),
            (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            (b"abc", 479_470_107),
            (b"", 275_646_681),
            (b"a", -1_563_381_124),
            (b"user-1", 1_404_122_828),
            (b"hello", 2_132_663_229),
            (&[0, 0, 0, 0], 850_957_120),
        ];
        for (key, hash) in table {
            assert_eq!(murmur2(key) as i32, hash, "{key:?}");
        }
        for (key, of) in
            [("21", [0, 0, 0, 0]), ("foobar", [0, 2, 0, 6]), ("abc", [0, 3, 3, 7]), ("user-1", [2, 0, 2, 8])]
        {
            assert_eq!([3, 4, 6, 10].map(|count| partition_of_key(key.as_bytes(), count)), of, "{key}");
        }
    }

    #[test]
    fn no_key_is_dealt_round() {
        let mut partitioner = Partitioner::default();
        let chosen: [u32; 6] = core::array::from_fn(|_| partitioner.choose(None, 3));
        assert_eq!(chosen, [0, 1, 2, 0, 1, 2]);
    }
}
