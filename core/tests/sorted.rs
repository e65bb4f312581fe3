//! Do sorted vectors do what trees do? Any sequence of what can be done to a map or a set is done to both.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use mqlab_core::sorted::{SortedMap, SortedSet};
use proptest::collection::vec;
use proptest::prelude::*;

/// Few keys, so that most of them meet one that is there.
fn key() -> impl Strategy<Value = u8> {
    0..24_u8
}

fn bound() -> impl Strategy<Value = Bound<u8>> {
    prop_oneof![key().prop_map(Bound::Included), key().prop_map(Bound::Excluded), Just(Bound::Unbounded)]
}

/// Something that is done to a map, or to a set.
#[derive(Clone, Debug)]
enum Doing {
    Insert(u8, i32),
    Remove(u8),
    Entry(u8, i32),
    EntryIfThere(u8, i32),
    Refused(u8),
    PopFirst,
    Retain(i32),
    Range(Bound<u8>, Bound<u8>, i32),
    Extend(Vec<(u8, i32)>),
    Clear,
}

fn doing() -> impl Strategy<Value = Doing> {
    use Doing::*;
    prop_oneof![
        6 => (key(), any::<i32>()).prop_map(|(key, value)| Insert(key, value)),
        4 => key().prop_map(Remove),
        3 => (key(), any::<i32>()).prop_map(|(key, value)| Entry(key, value)),
        2 => (key(), any::<i32>()).prop_map(|(key, value)| EntryIfThere(key, value)),
        1 => key().prop_map(Refused),
        2 => Just(PopFirst),
        1 => (1..5).prop_map(Retain),
        2 => (bound(), bound(), any::<i32>()).prop_map(|(from, to, value)| Range(from, to, value)),
        1 => vec((key(), any::<i32>()), 0..8).prop_map(Extend),
        1 => Just(Clear),
    ]
}

/// Whether a tree takes this range: it panics where the end is before the beginning.
fn sound(from: Bound<u8>, to: Bound<u8>) -> bool {
    match (from, to) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => true,
        (Bound::Excluded(from), Bound::Excluded(to)) => from < to,
        (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) => {
            from <= to
        }
    }
}

fn to_map(doing: Doing, map: &mut SortedMap<u8, i32>, model: &mut BTreeMap<u8, i32>) {
    match doing {
        Doing::Insert(key, value) => assert_eq!(map.insert(key, value), model.insert(key, value)),
        Doing::Remove(key) => assert_eq!(map.remove_entry(&key), model.remove_entry(&key)),
        Doing::Entry(key, value) => {
            let (mine, its) = (map.entry(key).or_default(), model.entry(key).or_default());
            assert_eq!(mine, its);
            (*mine, *its) = (value, value);
        }
        Doing::EntryIfThere(key, value) => assert_eq!(
            map.entry(key).and_modify(|old| *old = old.wrapping_add(value)).or_insert_with(|| value),
            model.entry(key).and_modify(|old| *old = old.wrapping_add(value)).or_insert_with(|| value)
        ),
        Doing::Refused(key) => {
            assert_eq!(map.entry(key).or_try_insert_with(|| Err(())).copied().ok(), model.get(&key).copied());
        }
        Doing::PopFirst => assert_eq!(map.pop_first(), model.pop_first()),
        Doing::Retain(by) => {
            map.retain(|key, value| *value % by != 0 || key % 3 == 0);
            model.retain(|key, value| *value % by != 0 || key % 3 == 0);
        }
        Doing::Range(from, to, value) if sound(from, to) => {
            assert!(map.range((from, to)).eq(model.range((from, to))));
            assert!(map.range((from, to)).rev().eq(model.range((from, to)).rev()));
            map.range_mut((from, to)).for_each(|(_, old)| *old = value);
            model.range_mut((from, to)).for_each(|(_, old)| *old = value);
        }
        Doing::Range(from, to, _) => assert_eq!(map.range((from, to)).count(), 0),
        Doing::Extend(entries) => {
            map.extend(entries.clone());
            model.extend(entries);
        }
        Doing::Clear => {
            map.clear();
            model.clear();
        }
    }
}

fn to_set(doing: Doing, set: &mut SortedSet<u8>, model: &mut BTreeSet<u8>) {
    match doing {
        Doing::Insert(key, _) | Doing::Entry(key, _) | Doing::EntryIfThere(key, _) => {
            assert_eq!(set.insert(key), model.insert(key));
        }
        Doing::Remove(key) => assert_eq!(set.remove(&key), model.remove(&key)),
        Doing::Refused(key) => assert_eq!(set.take(&key), model.take(&key)),
        Doing::PopFirst => assert_eq!(set.pop_first(), model.pop_first()),
        Doing::Retain(by) => {
            set.retain(|key| i32::from(*key) % by != 0);
            model.retain(|key| i32::from(*key) % by != 0);
        }
        Doing::Range(from, to, _) if sound(from, to) => {
            assert!(set.range((from, to)).eq(model.range((from, to))));
        }
        Doing::Range(from, to, _) => assert_eq!(set.range((from, to)).count(), 0),
        Doing::Extend(entries) => {
            let keys = entries.into_iter().map(|(key, _)| key);
            let (other, others): (SortedSet<u8>, BTreeSet<u8>) =
                (keys.clone().collect(), keys.clone().collect());
            assert!(set.difference(&other).eq(model.difference(&others)));
            assert!(set.intersection(&other).eq(model.intersection(&others)));
            assert_eq!(other.is_subset(set), others.is_subset(model));
            set.extend(keys.clone());
            model.extend(keys);
        }
        Doing::Clear => {
            set.clear();
            model.clear();
        }
    }
}

proptest! {
    #[test]
    fn a_sorted_map_is_what_a_tree_is(all in vec(doing(), 0..200)) {
        let (mut map, mut model) = (SortedMap::new(), BTreeMap::new());
        for doing in all {
            to_map(doing, &mut map, &mut model);
            prop_assert!(map.iter().eq(&model));
            prop_assert!(map.keys().eq(model.keys()) && map.values().eq(model.values()));
            prop_assert_eq!((map.len(), map.is_empty()), (model.len(), model.is_empty()));
            prop_assert_eq!(map.first_key_value(), model.first_key_value());
            prop_assert_eq!(map.last_key_value(), model.last_key_value());
            for key in 0..24 {
                prop_assert_eq!(map.get(&key), model.get(&key));
                prop_assert_eq!(map.get_mut(&key), model.get_mut(&key));
                prop_assert_eq!(map.get_key_value(&key), model.get_key_value(&key));
                prop_assert_eq!(map.contains_key(&key), model.contains_key(&key));
            }
        }
        prop_assert_eq!(format!("{map:?}"), format!("{model:?}"));
        prop_assert!(map.clone().into_keys().eq(model.clone().into_keys()));
        prop_assert!(map.clone().into_values().eq(model.clone().into_values()));
        prop_assert!(map.into_iter().eq(model));
    }

    #[test]
    fn a_sorted_set_is_what_a_tree_is(all in vec(doing(), 0..200)) {
        let (mut set, mut model) = (SortedSet::new(), BTreeSet::new());
        for doing in all {
            to_set(doing, &mut set, &mut model);
            prop_assert!(set.iter().eq(&model));
            prop_assert_eq!((set.len(), set.is_empty()), (model.len(), model.is_empty()));
            prop_assert_eq!((set.first(), set.last()), (model.first(), model.last()));
            for key in 0..24 {
                prop_assert_eq!(set.contains(&key), model.contains(&key));
                prop_assert_eq!(set.get(&key), model.get(&key));
            }
        }
        prop_assert_eq!(format!("{set:?}"), format!("{model:?}"));
        prop_assert!(set.into_iter().eq(model));
    }
}

#[test]
fn in_a_file_they_are_an_object_and_an_array() {
    let map = SortedMap::from([("b", 2), ("a", 1)]);
    assert_eq!(serde_json::to_string(&map).expect("JSON"), r#"{"a":1,"b":2}"#);
    let set = SortedSet::from([2, 1]);
    assert_eq!(serde_json::to_string(&set).expect("JSON"), "[1,2]");
    assert_eq!(serde_json::from_str::<SortedSet<i32>>("[2,1,2]").expect("numbers"), set);
    assert!(serde_json::from_str::<SortedSet<i32>>("{}").is_err());
}
