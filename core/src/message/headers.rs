//! Which named values go beside a message's body? A small ordered map, shared between copies of a message.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::Value;

/// The named values of a message, in order of name; names are case-sensitive.
///
/// A message that goes to a hundred queues has its headers once: cloning shares them, and changing a copy leaves
/// the others alone. Equality and order are those of what is in it.
///
/// ```
/// use mqlab_core::message::{Headers, Value};
/// let headers: Headers = [("color", Value::from("red")), ("weight", Value::from(2500))].into();
/// assert_eq!(headers.get("color"), Some(&Value::from("red")));
/// assert_eq!(headers.get("Color"), None);
/// ```
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Headers(Option<Arc<BTreeMap<Arc<str>, Value>>>);

impl Headers {
    /// No headers.
    pub(super) const NONE: Self = Self(None);

    /// The value of this name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.as_ref()?.get(name)
    }

    /// Sets a value, in place of one that the name had before.
    pub fn insert(&mut self, name: &str, value: impl Into<Value>) {
        Arc::make_mut(self.0.get_or_insert_default()).insert(name.into(), value.into());
    }

    /// Takes a value out.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        Arc::make_mut(self.0.as_mut()?).remove(name)
    }

    /// Names and values, in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().flat_map(|map| map.iter()).map(|(name, value)| (&**name, value))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |map| map.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Headers {}

impl PartialOrd for Headers {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Headers {
    /// Compares what is in them: no map at all and an empty one are the same.
    fn cmp(&self, other: &Self) -> Ordering {
        self.iter().cmp(other.iter())
    }
}

impl<'a, V: Into<Value>> FromIterator<(&'a str, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (&'a str, V)>>(pairs: I) -> Self {
        let mut headers = Self::default();
        for (name, value) in pairs {
            headers.insert(name, value);
        }
        headers
    }
}

impl<'a, V: Into<Value>, const N: usize> From<[(&'a str, V); N]> for Headers {
    fn from(pairs: [(&'a str, V); N]) -> Self {
        pairs.into_iter().collect()
    }
}
