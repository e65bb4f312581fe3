//! How is a stream of messages shared out among queues, so that one key always finds the same queue, and adding a
//! queue moves as few keys as it can? By a consistent hash.
//!
//! Each binding has a number of *buckets*, its weight. The key is hashed to 64 bits, and the hash chooses a bucket:
//!
//! ```text
//!   binding         key "2" to queue a     key "1" to queue b     key "3" to queue c
//!   buckets               0   1                   2                   3   4   5
//!                             └─── hash("customer-7") ──▶ 1: queue a
//! ```
//!
//! `hash mod buckets` would do that too, but with one bucket more nearly every key would change its place. With the
//! *jump hash*, of n buckets after one was added, the new one takes one key in n, evenly from all others, and no
//! other key moves. That holds at the end only: when a binding in the middle goes, all buckets after it get other
//! numbers, and with them other keys.
//!
//! What real systems do differently: RabbitMQ hashes with Erlang's `phash2` and then jumps the same way. Kafka
//! takes `murmur2(key) mod partitions`, so adding a partition moves nearly every key.
//!
//! Source: Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm", 2014; RabbitMQ
//! `rabbit_exchange_type_consistent_hash.erl`.

use alloc::sync::Arc;
use alloc::vec::Vec;

use siphasher::sip::SipHasher13;

use super::{Binding, RouteError};
use crate::message::Value;

/// The most buckets of one exchange, all weights together (the paper counts them in 32 bits, signed).
pub const HASH_BUCKETS_MAX: u32 = i32::MAX as u32;

/// The hash of a key: SipHash-1-3 with a key of zeros, the same on every machine.
pub fn hash_of_key(key: &[u8]) -> u64 {
    SipHasher13::new().hash(key)
}

/// The hash of a header's value. A text hashes as a routing key of these letters does, a missing header as the
/// empty text; other types as their bytes in a record.
pub(super) fn hash_of_value(value: Option<&Value>) -> u64 {
    match value {
        None => hash_of_key(b""),
        Some(Value::Text(text)) => hash_of_key(text.as_bytes()),
        Some(other) => hash_of_key(&other.to_bytes()),
    }
}

/// The bucket of a hash among `buckets`; 0 when there are none.
///
/// Think of the buckets as added one by one. When the n-th comes, each key moves to it with a chance of one in n,
/// drawn from a generator whose seed is the hash. So a key's place is the last to which it jumped, and instead of
/// asking bucket after bucket, the jump to the next one is drawn directly. It takes about ln(buckets) jumps.
///
/// The paper computes in doubles, which round twice; here it is whole numbers, which round once. Very rarely, where
/// the exact quotient is a whole number or just below one, the two may give different buckets.
///
/// ```
/// use mqlab_core::routing::jump_hash;
/// assert_eq!(jump_hash(0xDEAD_10CC, 666), 361);
/// ```
pub fn jump_hash(hash: u64, buckets: u32) -> u32 {
    const MULTIPLIER: u64 = 2_862_933_555_777_941_757;
    let (mut state, mut bucket, mut next) = (hash, 0, 0);
    while next < u64::from(buckets) {
        bucket = next;
        state = state.wrapping_mul(MULTIPLIER).wrapping_add(1);
        // A number from 1 to 2^31, evenly drawn: the chance that no bucket up to `next` takes the key is
        // (bucket + 1) / (next + 1).
        let drawn = (state >> 33) + 1;
        next = ((bucket + 1) << 31) / drawn;
    }
    u32::try_from(bucket).expect("it is less than `buckets`")
}

/// The bindings of a consistent-hash exchange and their buckets, in the order in which they were bound.
#[derive(Clone, Debug, Default)]
pub(super) struct Ring {
    /// Each binding, and the number of the first bucket after its own.
    shares: Vec<(Arc<Binding>, u32)>,
}

impl Ring {
    /// How many buckets there are.
    fn buckets(&self) -> u32 {
        self.shares.last().map_or(0, |(_, end)| *end)
    }

    /// Adds a binding that is not there: its key is its weight.
    pub(super) fn push(&mut self, binding: Arc<Binding>) -> Result<(), RouteError> {
        let weight = weight(&binding.key)?;
        let end = self.buckets().checked_add(weight).filter(|end| *end <= HASH_BUCKETS_MAX);
        let end = end.ok_or(RouteError::TooManyBuckets)?;
        self.shares.push((binding, end));
        Ok(())
    }

    /// Takes a binding away; the buckets after its own move down.
    pub(super) fn remove(&mut self, binding: &Binding) {
        let Some(at) = self.shares.iter().position(|(other, _)| **other == *binding) else { return };
        let (_, end) = self.shares.remove(at);
        let start = at.checked_sub(1).map_or(0, |before| self.shares[before].1);
        for (_, later) in &mut self.shares[at..] {
            *later -= end - start;
        }
    }

    /// The binding that a hash falls to.
    pub(super) fn find(&self, hash: u64) -> Option<&Arc<Binding>> {
        let bucket = jump_hash(hash, self.buckets());
        let at = self.shares.partition_point(|(_, end)| *end <= bucket);
        self.shares.get(at).map(|(binding, _)| binding)
    }

    /// The bindings, in the order of their buckets.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Binding>> {
        self.shares.iter().map(|(binding, _)| binding)
    }
}

/// A binding key as a weight: digits alone, from 1.
fn weight(key: &str) -> Result<u32, RouteError> {
    let digits = key.bytes().all(|byte| byte.is_ascii_digit());
    let weight = if digits { key.parse().ok() } else { None };
    weight.filter(|weight| *weight > 0).ok_or_else(|| RouteError::BadWeight(key.into()))
}
