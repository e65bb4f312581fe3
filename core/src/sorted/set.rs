//! Which keys are there? A set that is one vector, in order.

use alloc::vec::{self, Vec};
use core::borrow::Borrow;
use core::fmt;
use core::ops::{Bound, Range, RangeBounds};
use core::slice;

/// A set in order, for few keys: [which](super).
///
/// ```
/// use mqlab_core::sorted::SortedSet;
/// let mut in_sync = SortedSet::from([3, 1, 3]);
/// assert!(in_sync.insert(2));
/// assert!(!in_sync.insert(2));
/// assert!(in_sync.remove(&3));
/// assert_eq!((in_sync.first(), in_sync.last(), in_sync.len()), (Some(&1), Some(&2), 2));
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SortedSet<K> {
    pub(super) keys: Vec<K>,
}

/// Where a key is, or where it would be.
pub(super) fn place<K: Borrow<Q>, Q: Ord + ?Sized>(keys: &[K], key: &Q) -> Result<usize, usize> {
    keys.binary_search_by(|known| known.borrow().cmp(key))
}

/// The places of the keys in a range; none where it ends before it begins.
pub(super) fn within<K: Borrow<Q>, Q: Ord + ?Sized>(keys: &[K], range: &impl RangeBounds<Q>) -> Range<usize> {
    let from = |key, after: bool| match place(keys, key) {
        Ok(at) => at + usize::from(after),
        Err(at) => at,
    };
    let start = match range.start_bound() {
        Bound::Included(key) => from(key, false),
        Bound::Excluded(key) => from(key, true),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(key) => from(key, true),
        Bound::Excluded(key) => from(key, false),
        Bound::Unbounded => keys.len(),
    };
    start.min(end)..end
}

impl<K> SortedSet<K> {
    /// None. It takes no memory yet.
    pub const fn new() -> Self {
        Self { keys: Vec::new() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Takes all out.
    pub fn clear(&mut self) {
        self.keys.clear();
    }

    /// All, in order.
    pub fn iter(&self) -> slice::Iter<'_, K> {
        self.keys.iter()
    }

    /// The first.
    pub fn first(&self) -> Option<&K> {
        self.keys.first()
    }

    /// The last.
    pub fn last(&self) -> Option<&K> {
        self.keys.last()
    }

    /// Takes out the first; all others move.
    pub fn pop_first(&mut self) -> Option<K> {
        (!self.keys.is_empty()).then(|| self.keys.remove(0))
    }

    /// Keeps what the question says yes to, which it is asked in order.
    pub fn retain(&mut self, stays: impl FnMut(&K) -> bool) {
        self.keys.retain(stays);
    }
}

impl<K: Ord> SortedSet<K> {
    /// Whether this key is there.
    pub fn contains<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        place(&self.keys, key).is_ok()
    }

    /// The key as it is kept here.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&K>
    where
        K: Borrow<Q>,
    {
        place(&self.keys, key).ok().map(|at| &self.keys[at])
    }

    /// Puts a key in; whether it is new.
    pub fn insert(&mut self, key: K) -> bool {
        let free = place(&self.keys, &key);
        if let Err(at) = free {
            self.keys.insert(at, key);
        }
        free.is_err()
    }

    /// Takes a key out; whether it was there.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.take(key).is_some()
    }

    /// Takes a key out and returns it.
    pub fn take<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<K>
    where
        K: Borrow<Q>,
    {
        place(&self.keys, key).ok().map(|at| self.keys.remove(at))
    }

    /// Those in a range, in order; none where it ends before it begins.
    pub fn range<Q: Ord + ?Sized>(&self, range: impl RangeBounds<Q>) -> slice::Iter<'_, K>
    where
        K: Borrow<Q>,
    {
        self.keys[within(&self.keys, &range)].iter()
    }

    /// Those that the other has not, in order.
    pub fn difference<'a>(&'a self, other: &'a Self) -> impl DoubleEndedIterator<Item = &'a K> + Clone {
        self.iter().filter(|key| !other.contains(*key))
    }

    /// Those that the other has, too, in order.
    pub fn intersection<'a>(&'a self, other: &'a Self) -> impl DoubleEndedIterator<Item = &'a K> + Clone {
        self.iter().filter(|key| other.contains(*key))
    }

    /// Whether the other has all of them.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.iter().all(|key| other.contains(key))
    }
}

impl<K> Default for SortedSet<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: fmt::Debug> fmt::Debug for SortedSet<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self).finish()
    }
}

impl<K: Ord> Extend<K> for SortedSet<K> {
    fn extend<I: IntoIterator<Item = K>>(&mut self, keys: I) {
        for key in keys {
            self.insert(key);
        }
    }
}

impl<K: Ord> FromIterator<K> for SortedSet<K> {
    fn from_iter<I: IntoIterator<Item = K>>(keys: I) -> Self {
        let mut set = Self::new();
        set.extend(keys);
        set
    }
}

impl<K: Ord, const N: usize> From<[K; N]> for SortedSet<K> {
    fn from(keys: [K; N]) -> Self {
        keys.into_iter().collect()
    }
}

impl<K> IntoIterator for SortedSet<K> {
    type Item = K;
    type IntoIter = vec::IntoIter<K>;

    fn into_iter(self) -> vec::IntoIter<K> {
        self.keys.into_iter()
    }
}

impl<'a, K> IntoIterator for &'a SortedSet<K> {
    type Item = &'a K;
    type IntoIter = slice::Iter<'a, K>;

    fn into_iter(self) -> slice::Iter<'a, K> {
        self.iter()
    }
}
