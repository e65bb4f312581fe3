//! What belongs to each key? A map whose keys and values are two vectors, in the order of the keys.

use alloc::vec::{self, Vec};
use core::borrow::Borrow;
use core::fmt;
use core::iter::Zip;
use core::mem;
use core::ops::{Index, Range, RangeBounds};
use core::slice;

use super::set::{SortedSet, place, within};

/// A map in the order of its keys, for few of them: [which](super).
///
/// ```
/// use mqlab_core::sorted::SortedMap;
/// let mut leaders = SortedMap::from([(2, "broker-1"), (0, "broker-3")]);
/// *leaders.entry(1).or_default() = "broker-2";
/// assert_eq!(leaders.insert(2, "broker-3"), Some("broker-1"));
/// assert_eq!(leaders.iter().next(), Some((&0, &"broker-3")));
/// assert_eq!(leaders.range(1..).count(), 2);
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SortedMap<K, V> {
    keys: SortedSet<K>,
    /// As many as there are keys: each has the place of its key.
    values: Vec<V>,
}

/// Keys with their values, in order.
pub type Iter<'a, K, V> = Zip<slice::Iter<'a, K>, slice::Iter<'a, V>>;
/// Keys with values that may be changed, in order.
pub type IterMut<'a, K, V> = Zip<slice::Iter<'a, K>, slice::IterMut<'a, V>>;
/// Keys and values that are taken out, in order.
pub type IntoIter<K, V> = Zip<vec::IntoIter<K>, vec::IntoIter<V>>;

impl<K, V> SortedMap<K, V> {
    /// None. It takes no memory yet.
    pub const fn new() -> Self {
        Self { keys: SortedSet::new(), values: Vec::new() }
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Takes all out.
    pub fn clear(&mut self) {
        self.keys.clear();
        self.values.clear();
    }

    /// All, in order.
    pub fn iter(&self) -> Iter<'_, K, V> {
        self.keys.iter().zip(&self.values)
    }

    /// All, in order; the values may be changed.
    pub fn iter_mut(&mut self) -> IterMut<'_, K, V> {
        self.keys.iter().zip(&mut self.values)
    }

    /// The keys, in order.
    pub fn keys(&self) -> slice::Iter<'_, K> {
        self.keys.iter()
    }

    /// The values, in the order of their keys.
    pub fn values(&self) -> slice::Iter<'_, V> {
        self.values.iter()
    }

    /// The values, in the order of their keys, to be changed.
    pub fn values_mut(&mut self) -> slice::IterMut<'_, V> {
        self.values.iter_mut()
    }

    /// The keys alone.
    pub fn into_keys(self) -> vec::IntoIter<K> {
        self.keys.into_iter()
    }

    /// The values alone.
    pub fn into_values(self) -> vec::IntoIter<V> {
        self.values.into_iter()
    }

    /// The first key, with its value.
    pub fn first_key_value(&self) -> Option<(&K, &V)> {
        self.keys.first().zip(self.values.first())
    }

    /// The last key, with its value.
    pub fn last_key_value(&self) -> Option<(&K, &V)> {
        self.keys.last().zip(self.values.last())
    }

    /// Takes out the first; all others move.
    pub fn pop_first(&mut self) -> Option<(K, V)> {
        self.keys.pop_first().map(|key| (key, self.values.remove(0)))
    }

    /// Keeps what the question says yes to, which it is asked in order.
    pub fn retain(&mut self, mut stays: impl FnMut(&K, &mut V) -> bool) {
        let mut kept = 0;
        let Self { keys, values } = self;
        for at in 0..values.len() {
            if stays(&keys.keys[at], &mut values[at]) {
                keys.keys.swap(kept, at);
                values.swap(kept, at);
                kept += 1;
            }
        }
        keys.keys.truncate(kept);
        values.truncate(kept);
    }
}

impl<K: Ord, V> SortedMap<K, V> {
    /// The value of this key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.place(key).ok().map(|at| &self.values[at])
    }

    /// The value of this key, to be changed.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.place(key).ok().map(|at| &mut self.values[at])
    }

    /// The key as it is kept here, with its value.
    pub fn get_key_value<Q: Ord + ?Sized>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
    {
        self.place(key).ok().map(|at| (&self.keys.keys[at], &self.values[at]))
    }

    /// Whether this key has a value.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.place(key).is_ok()
    }

    /// Gives the key this value; returns the one that it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.place(&key) {
            Ok(at) => Some(mem::replace(&mut self.values[at], value)),
            Err(at) => {
                self.put(at, key, value);
                None
            }
        }
    }

    /// Takes out a key; returns its value.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.remove_entry(key).map(|(_, value)| value)
    }

    /// Takes out a key; returns it with its value.
    pub fn remove_entry<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<(K, V)>
    where
        K: Borrow<Q>,
    {
        self.place(key).ok().map(|at| (self.keys.keys.remove(at), self.values.remove(at)))
    }

    /// The place of a key, taken or free.
    pub fn entry(&mut self, key: K) -> Entry<'_, K, V> {
        let place = self.place(&key);
        Entry { map: self, place, key }
    }

    /// Those whose keys lie in a range, in order; none where it ends before it begins.
    pub fn range<Q: Ord + ?Sized>(&self, range: impl RangeBounds<Q>) -> Iter<'_, K, V>
    where
        K: Borrow<Q>,
    {
        let Range { start, end } = within(&self.keys.keys, &range);
        self.keys.keys[start..end].iter().zip(&self.values[start..end])
    }

    /// Those whose keys lie in a range, in order; the values may be changed.
    pub fn range_mut<Q: Ord + ?Sized>(&mut self, range: impl RangeBounds<Q>) -> IterMut<'_, K, V>
    where
        K: Borrow<Q>,
    {
        let Range { start, end } = within(&self.keys.keys, &range);
        self.keys.keys[start..end].iter().zip(&mut self.values[start..end])
    }

    fn place<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        place(&self.keys.keys, key)
    }

    fn put(&mut self, at: usize, key: K, value: V) {
        self.keys.keys.insert(at, key);
        self.values.insert(at, value);
    }
}

/// The place of a key in a map, taken or free, found once for a question and an answer.
///
/// ```
/// use mqlab_core::sorted::SortedMap;
/// let mut votes = SortedMap::new();
/// for broker in ["broker-2", "broker-1", "broker-2"] {
///     *votes.entry(broker).or_insert(0) += 1;
/// }
/// assert!(votes.iter().eq([(&"broker-1", &1), (&"broker-2", &2)]));
/// ```
#[derive(Debug)]
pub struct Entry<'a, K, V> {
    map: &'a mut SortedMap<K, V>,
    place: Result<usize, usize>,
    key: K,
}

impl<'a, K: Ord, V> Entry<'a, K, V> {
    /// The value; this one, if there is none.
    pub fn or_insert(self, value: V) -> &'a mut V {
        self.or_insert_with(|| value)
    }

    /// The value; what this makes, if there is none.
    pub fn or_insert_with(self, make: impl FnOnce() -> V) -> &'a mut V {
        let at = match self.place {
            Ok(at) => at,
            Err(at) => {
                self.map.put(at, self.key, make());
                at
            }
        };
        &mut self.map.values[at]
    }

    /// The value; what this makes, if there is none and it can.
    ///
    /// # Errors
    ///
    /// What the making says. The map is as it was then.
    pub fn or_try_insert_with<E>(self, make: impl FnOnce() -> Result<V, E>) -> Result<&'a mut V, E> {
        let at = match self.place {
            Ok(at) => at,
            Err(at) => {
                self.map.put(at, self.key, make()?);
                at
            }
        };
        Ok(&mut self.map.values[at])
    }

    /// The value; the usual one of its type, if there is none.
    pub fn or_default(self) -> &'a mut V
    where
        V: Default,
    {
        self.or_insert_with(V::default)
    }

    /// Changes the value, if there is one.
    #[must_use]
    pub fn and_modify(self, change: impl FnOnce(&mut V)) -> Self {
        if let Ok(at) = self.place {
            change(&mut self.map.values[at]);
        }
        self
    }
}

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for SortedMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

impl<K: Ord, V> Extend<(K, V)> for SortedMap<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for SortedMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::new();
        map.extend(entries);
        map
    }
}

impl<K: Ord, V, const N: usize> From<[(K, V); N]> for SortedMap<K, V> {
    fn from(entries: [(K, V); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl<K, V> IntoIterator for SortedMap<K, V> {
    type Item = (K, V);
    type IntoIter = IntoIter<K, V>;

    fn into_iter(self) -> IntoIter<K, V> {
        self.keys.into_iter().zip(self.values)
    }
}

impl<'a, K, V> IntoIterator for &'a SortedMap<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Iter<'a, K, V> {
        self.iter()
    }
}

impl<'a, K, V> IntoIterator for &'a mut SortedMap<K, V> {
    type Item = (&'a K, &'a mut V);
    type IntoIter = IterMut<'a, K, V>;

    fn into_iter(self) -> IterMut<'a, K, V> {
        self.iter_mut()
    }
}

impl<K: Ord + Borrow<Q>, Q: Ord + ?Sized, V> Index<&Q> for SortedMap<K, V> {
    type Output = V;

    /// # Panics
    ///
    /// When the key has no value.
    fn index(&self, key: &Q) -> &V {
        self.get(key).expect("no value for this key")
    }
}
