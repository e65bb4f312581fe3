//! How is something kept for every message? On pages, found by the message's number.
//!
//! ```text
//!   m2051  =  page 2, place 3
//!
//!   pages   0 ▶ [ m0 .. m1023 ]    1 ▶ [ m1024 .. m2047 ]    2 ▶ [ m2048 m2049 m2050 m2051 ... ]
//! ```
//!
//! A world numbers its messages from 1 as it makes them, so pages fill up one after the other, and to find an entry costs
//! the same for the first message and the millionth. A page is shared between copies until one of them writes on it
//! (*copy on write*): the checkpoints of a run that can go back cost only the pages that changed. Numbers that no world
//! gives (a trace from elsewhere may have any) stand on pages in a tree.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::ids::MessageId;

/// How many entries stand on a page.
const PAGE: u64 = 1_024;
/// How many pages are found without a tree: more than a scenario's messages need.
const NEAR: u64 = 4_096;

type Page<T> = Arc<Vec<T>>;

/// An entry for every message, blank until it is written on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Paged<T> {
    near: Vec<Option<Page<T>>>,
    far: BTreeMap<u64, Page<T>>,
}

impl<T> Default for Paged<T> {
    fn default() -> Self {
        Self { near: Vec::new(), far: BTreeMap::new() }
    }
}

fn blank<T: Clone + Default>() -> Page<T> {
    Arc::new((0..PAGE).map(|_| T::default()).collect())
}

impl<T: Clone + Default> Paged<T> {
    /// The entry of a message, if anything was ever written on its page.
    pub(super) fn get(&self, id: MessageId) -> Option<&T> {
        let number = id.0 / PAGE;
        let page = match usize::try_from(number) {
            Ok(near) if number < NEAR => self.near.get(near)?.as_ref()?,
            _ => self.far.get(&number)?,
        };
        page.get((id.0 % PAGE) as usize)
    }

    /// The entry of a message, to write on.
    pub(super) fn of(&mut self, id: MessageId) -> &mut T {
        let number = id.0 / PAGE;
        let page = match usize::try_from(number) {
            Ok(near) if number < NEAR => {
                if self.near.len() <= near {
                    self.near.resize_with(near + 1, || None);
                }
                self.near[near].get_or_insert_with(blank)
            }
            _ => self.far.entry(number).or_insert_with(blank),
        };
        &mut Arc::make_mut(page)[(id.0 % PAGE) as usize]
    }

    /// All entries with something on their page, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (MessageId, &T)> {
        let near = (0..).zip(&self.near).filter_map(|(number, page)| Some((number, page.as_ref()?)));
        let far = self.far.iter().map(|(&number, page)| (number, page));
        near.chain(far).flat_map(|(number, page)| {
            (0..).zip(page.iter()).map(move |(place, entry)| (MessageId(number * PAGE + place), entry))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_found_by_its_number_and_a_copy_keeps_what_it_had() {
        let mut paged = Paged::<bool>::default();
        let last_near = NEAR * PAGE - 1;
        for id in [1, 1_023, 1_024, last_near, last_near + 1, 5_000_000_000, u64::MAX] {
            *paged.of(MessageId(id)) = true;
        }
        let copy = paged.clone();
        *paged.of(MessageId(1)) = false;
        let set = |paged: &Paged<bool>| {
            paged.iter().filter(|(_, set)| **set).map(|(id, _)| id.0).collect::<Vec<u64>>()
        };
        assert_eq!(set(&paged), [1_023, 1_024, last_near, last_near + 1, 5_000_000_000, u64::MAX]);
        assert_eq!(set(&copy), [1, 1_023, 1_024, last_near, last_near + 1, 5_000_000_000, u64::MAX]);
        assert_eq!(paged.get(MessageId(2)), Some(&false));
        assert_eq!(paged.get(MessageId(9_999)), None, "nobody ever heard of it");
        assert_eq!(paged.get(MessageId(u64::MAX - PAGE)), None);
    }
}
