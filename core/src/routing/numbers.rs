//! How is the number of a thing found in one look? In a hash table.
//!
//! The table is a row of slots, at least half of them empty. A key's *home* is a slot that the key's bits choose. If
//! that is taken, the key stands in the next empty one; so a search begins at home and ends at the first empty slot:
//!
//! ```text
//!   slot     0    1    2    3    4    5    6    7
//!   home                    3    3         6
//!                         ┌───┬────┬────┐┌───┐
//!            .    .    .  │ a │ b  │ .  ││ c │ .        b's home was taken by a
//!                         └───┴────┴────┘└───┘
//! ```
//!
//! When a key goes, those behind it that would rather stand in its place move up, so that no search ends too early.
//!
//! Ordered maps, which are used everywhere else, take one comparison after the other, each of them somewhere else in
//! memory. The trie asks several times for each word of each message, so here it pays. The row's order means
//! nothing and is never walked: nothing that a run shows depends on it.
//!
//! Source: Knuth, "The Art of Computer Programming" 3, section 6.4, algorithms L and R.

use alloc::vec;
use alloc::vec::Vec;
use core::num::NonZeroU32;

/// A number that is found: never 0, so that an empty slot takes no more room.
pub(super) type Number = NonZeroU32;

/// The `index`-th number, from 1.
pub(super) fn number(index: usize) -> Number {
    u32::try_from(index)
        .ok()
        .and_then(Number::new)
        .expect("memory ends before 2^32 things, and counting starts at 1")
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    key: u64,
    number: Option<Number>,
}

const EMPTY: Slot = Slot { key: 0, number: None };

/// How many slots a table starts with. Always a power of two.
const SLOTS_MIN: usize = 8;

/// Numbers by key. Several numbers may have the same key (a hash): who asks says which of them is meant.
#[derive(Clone, Debug)]
pub(super) struct Numbers {
    slots: Vec<Slot>,
    len: usize,
}

impl Numbers {
    pub(super) fn new() -> Self {
        Self { slots: vec![EMPTY; SLOTS_MIN], len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The slot where a key would like to stand: the highest bits of a product in which every bit of the key has
    /// a part (Knuth's multiplicative hashing, by the golden ratio).
    fn home(&self, key: u64) -> usize {
        const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
        (key.wrapping_mul(GOLDEN) >> (64 - self.slots.len().trailing_zeros())) as usize
    }

    fn after(&self, slot: usize) -> usize {
        (slot + 1) & (self.slots.len() - 1)
    }

    /// Where a number of this key stands.
    fn find(&self, key: u64, is_it: impl Fn(Number) -> bool) -> Option<(usize, Number)> {
        let mut at = self.home(key);
        while let Some(number) = self.slots[at].number {
            if self.slots[at].key == key && is_it(number) {
                return Some((at, number));
            }
            at = self.after(at);
        }
        None
    }

    /// The number of this key that is meant.
    pub(super) fn get(&self, key: u64, is_it: impl Fn(Number) -> bool) -> Option<Number> {
        self.find(key, is_it).map(|(_, number)| number)
    }

    /// Adds a number that is not there.
    pub(super) fn insert(&mut self, key: u64, number: Number) {
        if (self.len + 1) * 2 > self.slots.len() {
            let more = vec![EMPTY; self.slots.len() * 2];
            for slot in core::mem::replace(&mut self.slots, more) {
                if slot.number.is_some() {
                    self.put(slot);
                }
            }
        }
        self.put(Slot { key, number: Some(number) });
        self.len += 1;
    }

    fn put(&mut self, slot: Slot) {
        let mut at = self.home(slot.key);
        while self.slots[at].number.is_some() {
            at = self.after(at);
        }
        self.slots[at] = slot;
    }

    /// Takes a number away.
    pub(super) fn remove(&mut self, key: u64, number: Number) {
        let Some((mut hole, _)) = self.find(key, |other| other == number) else { return };
        let last = self.slots.len() - 1;
        let mut at = self.after(hole);
        while self.slots[at].number.is_some() {
            // How far it stands from home, and how far the hole is away: it moves up if the hole is not before home.
            let from_home = at.wrapping_sub(self.home(self.slots[at].key)) & last;
            let from_hole = at.wrapping_sub(hole) & last;
            if from_home >= from_hole {
                self.slots[hole] = self.slots[at];
                hole = at;
            }
            at = self.after(at);
        }
        self.slots[hole] = EMPTY;
        self.len -= 1;
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;

    use super::*;
    use crate::rng::{Rng, Stream};

    #[test]
    fn it_finds_what_an_ordered_map_finds() {
        for seed in 0..200 {
            let mut rng = Rng::new(seed, Stream::Workload);
            let (mut table, mut model) = (Numbers::new(), BTreeMap::new());
            for _ in 0..400 {
                // Few keys and few numbers, so that keys are shared, come again and fill whole stretches.
                let key = rng.below(40) * if seed % 2 == 0 { 1 } else { 1 << 58 };
                let value = number(1 + rng.below(3) as usize);
                if rng.below(5) < 3 {
                    if model.insert((key, value), ()).is_none() {
                        table.insert(key, value);
                    }
                } else {
                    model.remove(&(key, value));
                    table.remove(key, value);
                }
                let found = table.get(key, |other| other == value);
                assert_eq!(found.is_some(), model.contains_key(&(key, value)));
            }
            assert_eq!(table.len(), model.len());
            assert!(model.keys().all(|(key, value)| table.get(*key, |other| other == *value).is_some()));
        }
    }
}
