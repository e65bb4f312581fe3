//! Which order do small collections have, and what does it cost? The order of their keys, in a plain vector.
//!
//! [`SortedMap`] and [`SortedSet`] do what `BTreeMap` and `BTreeSet` do, by the same names. Keys lie side by side, in
//! order; a key is found by halving; what comes in or goes moves what is behind it:
//!
//! ```text
//!   keys     broker-1   broker-2   broker-4          insert broker-3 between: the last key and the last value
//!   values   up         up         down              move one place
//! ```
//!
//! Which to take? A search costs the same in both. To insert or remove costs a tree the logarithm of its size, and a
//! vector its size, though a processor moves many bytes at once. So:
//!
//! | what is kept | take |
//! |---|---|
//! | one entry for each node, topic, partition, group, connection, request on its way: tens, perhaps hundreds | these |
//! | one entry for each message, offset or order, in no order or going from the front: thousands and more | `BTreeMap` |
//!
//! Why have two? Each pair of types that a `BTreeMap` is used with becomes ten kilobytes of WebAssembly, and a cluster has
//! a hundred such pairs; here, keys and values lie apart, so that what searches is compiled once for each type of key, and
//! what moves once for each type. Clones, which the lab makes of whole worlds, are two copies of memory instead of a walk.
//!
//! Others: `boost::flat_map`, `std::flat_map` of C++23, whose keys and values lie apart for the same reason.

mod map;
mod serde;
mod set;

pub use map::{Entry, IntoIter, Iter, IterMut, SortedMap};
pub use set::SortedSet;
