//! Which bindings of one exchange match a message? Each kind keeps its bindings in the order in which it asks for
//! them.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::hash::{Ring, hash_of_key, hash_of_value};
use super::{
    Binding, Destination, ExchangeKind, HashBy, HeaderMatch, KEY_BYTES_MAX, RouteError, Syntax, TopicTrie,
};
use crate::message::Headers;

/// The bindings of one exchange.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// All, in order of destination, key, arguments.
    all: BTreeSet<Arc<Binding>>,
    index: Index,
}

/// The same bindings once more, as the kind needs them.
#[derive(Clone, Debug)]
enum Index {
    /// Fanout needs no other order; a system exchange has none.
    All,
    /// Direct: by key.
    Keys(BTreeMap<Arc<str>, BTreeSet<Arc<Binding>>>),
    /// Topic and hierarchy: by words.
    Words(TopicTrie<Arc<Binding>>),
    /// Headers: with the rule of each. All are asked one after the other, as RabbitMQ does.
    Rules(BTreeMap<Arc<Binding>, HeaderMatch>),
    /// Consistent hash: by bucket.
    Ring(Ring, HashBy),
}

impl Table {
    pub(super) fn new(kind: &ExchangeKind) -> Self {
        let index = match kind {
            ExchangeKind::Direct => Index::Keys(BTreeMap::new()),
            ExchangeKind::Topic => Index::Words(TopicTrie::new(Syntax::Topic)),
            ExchangeKind::Hierarchy => Index::Words(TopicTrie::new(Syntax::Hierarchy)),
            ExchangeKind::Headers => Index::Rules(BTreeMap::new()),
            ExchangeKind::ConsistentHash { by } => Index::Ring(Ring::default(), by.clone()),
            ExchangeKind::Fanout | ExchangeKind::System => Index::All,
        };
        Self { all: BTreeSet::new(), index }
    }

    /// Adds a binding; `false` when it is there already.
    pub(super) fn insert(&mut self, binding: Binding) -> Result<bool, RouteError> {
        if binding.key.len() > KEY_BYTES_MAX {
            return Err(RouteError::KeyTooLong(binding.key.len()));
        }
        if self.all.contains(&binding) {
            return Ok(false);
        }
        let binding = Arc::new(binding);
        match &mut self.index {
            Index::All => {}
            Index::Keys(keys) => {
                keys.entry(Arc::clone(&binding.key)).or_default().insert(Arc::clone(&binding));
            }
            Index::Words(trie) => {
                trie.insert(&binding.key, Arc::clone(&binding))?;
            }
            Index::Rules(rules) => {
                rules.insert(Arc::clone(&binding), HeaderMatch::of(&binding.arguments)?);
            }
            Index::Ring(ring, _) => ring.push(Arc::clone(&binding))?,
        }
        Ok(self.all.insert(binding))
    }

    /// Takes a binding away; `false` when it is not there.
    pub(super) fn remove(&mut self, binding: &Binding) -> bool {
        let Some(binding) = self.all.take(binding) else { return false };
        match &mut self.index {
            Index::All => {}
            Index::Keys(keys) => {
                if let Some(bindings) = keys.get_mut(&binding.key) {
                    bindings.remove(&binding);
                    if bindings.is_empty() {
                        keys.remove(&binding.key);
                    }
                }
            }
            Index::Words(trie) => {
                trie.remove(&binding.key, &binding);
            }
            Index::Rules(rules) => {
                rules.remove(&binding);
            }
            Index::Ring(ring, _) => ring.remove(&binding),
        }
        true
    }

    /// Takes all bindings to a destination away.
    pub(super) fn remove_to(&mut self, to: &Destination) {
        let Some(any) = self.all.first() else { return };
        // No key and no arguments: this one would stand before all others to the same destination.
        let first = Binding::new(any.exchange.clone(), to.clone(), "");
        let found: Vec<Arc<Binding>> =
            self.all.range(first..).take_while(|binding| binding.to == *to).cloned().collect();
        for binding in found {
            self.remove(&binding);
        }
    }

    /// All bindings: those of a consistent hash in the order of their buckets, others in order of destination.
    pub(super) fn bindings(&self) -> Vec<&Binding> {
        match &self.index {
            Index::Ring(ring, _) => ring.iter().map(|binding| &**binding).collect(),
            _ => self.all.iter().map(|binding| &**binding).collect(),
        }
    }

    /// Calls `hit` with each binding that matches.
    pub(super) fn search<'a>(&'a self, key: &str, headers: &Headers, mut hit: impl FnMut(&'a Arc<Binding>)) {
        match &self.index {
            Index::All => self.all.iter().for_each(hit),
            Index::Keys(keys) => keys.get(key).into_iter().flatten().for_each(hit),
            Index::Words(trie) => trie.search(key, hit),
            Index::Rules(rules) => {
                for (binding, rule) in rules {
                    if rule.matches(&binding.arguments, headers) {
                        hit(binding);
                    }
                }
            }
            Index::Ring(ring, by) => {
                let hash = match by {
                    HashBy::RoutingKey => hash_of_key(key.as_bytes()),
                    HashBy::Header(name) => hash_of_value(headers.get(name)),
                };
                ring.find(hash).into_iter().for_each(hit);
            }
        }
    }
}
