//! Where does a key go? Pulsar hashes keys in two ways, and once more to share them out among consumers.
//!
//! | hash | of what | what for |
//! |---|---|---|
//! | [`java_string_hash`] | the key's UTF-16 units | which partition, unless told otherwise |
//! | [`murmur3_32`] | the key's bytes | which partition, on request; points of consumers on a ring |
//! | [`sticky_slot`] | Murmur3 of the key's bytes | which consumer of a key-shared subscription |
//!
//! All of them drop the sign: `hash & 0x7fff_ffff`, so that the remainder is never negative.
//!
//! Source: Austin Appleby's MurmurHash3 (x86, 32 bits); Pulsar's Go client `hash_test.go`, Java `Murmur3_32Hash`,
//! `JavaStringHash`, `StickyKeyConsumerSelector`.

use serde::{Deserialize, Serialize};

/// In how many slots the hash space of a key-shared subscription is cut (`DEFAULT_RANGE_SIZE`).
pub const SLOTS: u32 = 1 << 16;

/// The bits that are kept: a Java `int` without its sign.
const POSITIVE: u32 = 0x7fff_ffff;

/// How the producers of a topic hash their keys.
///
/// ```
/// use mqlab_core::systems::pulsar::HashingScheme;
/// assert_eq!(HashingScheme::default(), HashingScheme::JavaStringHash);
/// assert_eq!(HashingScheme::JavaStringHash.hash("hello"), 0x5e9_18d2);
/// assert_eq!(HashingScheme::Murmur3.hash("hello"), 0x248b_fa47);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HashingScheme {
    /// What `String.hashCode` says.
    #[default]
    JavaStringHash,
    /// MurmurHash3, seed 0.
    Murmur3,
}

impl HashingScheme {
    /// The hash of a key, without its sign.
    pub fn hash(self, key: &str) -> u32 {
        match self {
            Self::JavaStringHash => java_string_hash(key),
            Self::Murmur3 => murmur3_32(key.as_bytes()),
        }
    }
}

/// Java's `String.hashCode`, without its sign.
///
/// ```
/// use mqlab_core::systems::pulsar::java_string_hash;
/// assert_eq!(java_string_hash("test"), 0x36_4492);
/// ```
pub fn java_string_hash(text: &str) -> u32 {
    text.encode_utf16().fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(unit.into())) & POSITIVE
}

/// MurmurHash3 in 32 bits with seed 0, without its sign.
///
/// ```
/// use mqlab_core::systems::pulsar::murmur3_32;
/// assert_eq!((murmur3_32(b""), murmur3_32(b"test")), (0, 0x3a6b_d213));
/// ```
pub fn murmur3_32(bytes: &[u8]) -> u32 {
    let mix = |block: u32| block.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let (blocks, rest) = bytes.as_chunks::<4>();
    let mut hash = blocks.iter().fold(0_u32, |hash, block| {
        (hash ^ mix(u32::from_le_bytes(*block))).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64)
    });
    let tail = rest.iter().rev().fold(0, |tail, &byte| (tail << 8) | u32::from(byte));
    hash ^= mix(tail) ^ bytes.len() as u32;
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    (hash ^ (hash >> 16)) & POSITIVE
}

/// The slot of a key among `slots`: never 0, which stands for "no hash yet"; 1 when there are none.
///
/// ```
/// use mqlab_core::systems::pulsar::{SLOTS, sticky_slot};
/// assert_eq!(sticky_slot(b"key-1", SLOTS), 5_536);
/// assert_eq!(sticky_slot(b"", SLOTS), 1); // its hash is 0
/// ```
pub fn sticky_slot(key: &[u8], slots: u32) -> u32 {
    murmur3_32(key).checked_rem(slots).unwrap_or(0).max(1)
}
