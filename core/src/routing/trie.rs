//! How are the few patterns that match a key found among a hundred thousand? By walking a trie with all of them at
//! once.
//!
//! A trie is a tree whose edges are words. Patterns that begin alike share their beginning, wildcards are edges
//! like others, and what is bound stands where its pattern ends:
//!
//! ```text
//!   a.b   a.*.c   a.#.b   #
//!
//!           root ──a──▶ ● ──b──▶ ◉ (a.b)
//!            │          ├──*──▶ ● ──c──▶ ◉ (a.*.c)
//!            │          └──#──▶ ○ ──b──▶ ◉ (a.#.b)
//!            └──#──▶ ◎ (#)
//! ```
//!
//! A search stands on several nodes at once: on all that the words so far lead to. For the next word, each of them
//! is left by at most two edges, the word's and `*`. The edge `#` takes no word: who stands at its beginning
//! stands at its end too. And its end is never left again, because `#` takes any number of words. So:
//!
//! * what is bound at the end of `#` matches as soon as it is reached, whatever follows;
//! * the ends of `#` are a list that only grows; all other nodes change with every word;
//! * no node is ever entered in the list twice, so a search takes at most words times nodes steps. Trying all ways
//!   in which `#.#.#` can share out the words, one after the other, would take exponentially many.
//!
//! Words are numbered when they are first bound. A key's word is looked up once; a word without a number occurs in
//! no pattern, and only wildcards match it. All edges that bear words are in one table, by node and word.
//!
//! What real systems do: RabbitMQ keeps the same trie in tables, and tries the ways one after the other; hence its
//! limit of two `#`.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use super::numbers::{Number, Numbers, number};
use super::pattern::{Part, Syntax, words};
use super::{RouteError, hash_of_key};

/// The place of a node in the list of nodes, from 1; the root is the first.
type NodeId = Number;
const ROOT: NodeId = Number::MIN;

/// The number of a word.
type WordId = Number;

#[derive(Clone, Debug)]
struct Node<V> {
    /// How many edges with words leave it.
    words: u32,
    /// Where `*` leads to.
    one: Option<NodeId>,
    /// Where `#` leads to.
    many: Option<NodeId>,
    /// Whether `#` stands in its pattern: only then can a search come here after different numbers of words.
    after_many: bool,
    /// What is bound with the pattern that ends here, in order, each once. (A row is walked faster than a tree, and
    /// walking it is what a search does most.)
    values: Vec<V>,
}

impl<V> Node<V> {
    fn new(after_many: bool) -> Self {
        Self { words: 0, one: None, many: None, after_many, values: Vec::new() }
    }

    fn is_leaf(&self) -> bool {
        self.words == 0 && self.one.is_none() && self.many.is_none()
    }
}

/// Values under patterns, found by key.
///
/// Values are a set: the same value may stand under several patterns, and a search then finds it several times.
///
/// ```
/// use mqlab_core::routing::{Syntax, TopicTrie};
///
/// let mut trie = TopicTrie::new(Syntax::Topic);
/// trie.insert("order.eu.*", "eu")?;
/// trie.insert("order.#", "audit")?;
/// let mut found = Vec::new();
/// trie.search("order.eu.paid", |value| found.push(*value));
/// found.sort();
/// assert_eq!(found, ["audit", "eu"]);
/// assert!(trie.remove("order.#", &"audit"));
/// # Ok::<(), mqlab_core::routing::RouteError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TopicTrie<V> {
    syntax: Syntax,
    nodes: Vec<Node<V>>,
    /// Places in `nodes` that are not used.
    free: Vec<NodeId>,
    /// Where each word leads to from each node.
    edges: Numbers,
    dictionary: Dictionary,
    len: usize,
}

impl<V> TopicTrie<V> {
    fn node(&self, id: NodeId) -> &Node<V> {
        &self.nodes[id.get() as usize - 1]
    }

    fn node_mut(&mut self, id: NodeId) -> &mut Node<V> {
        &mut self.nodes[id.get() as usize - 1]
    }
}

impl<V: Ord> TopicTrie<V> {
    /// A trie without patterns.
    pub fn new(syntax: Syntax) -> Self {
        let (nodes, free) = (vec![Node::new(false)], Vec::new());
        Self { syntax, nodes, free, edges: Numbers::new(), dictionary: Dictionary::new(), len: 0 }
    }

    /// Puts a value under a pattern; `false` when it is there already.
    ///
    /// # Errors
    ///
    /// When the pattern is not allowed: see [`Syntax::check`].
    pub fn insert(&mut self, pattern: &str, value: V) -> Result<bool, RouteError> {
        self.syntax.check(pattern)?;
        let mut at = ROOT;
        for part in self.syntax.parts(pattern) {
            at = match self.child(at, part) {
                Some(child) => child,
                None => self.grow(at, part),
            };
        }
        let values = &mut self.node_mut(at).values;
        let Err(place) = values.binary_search(&value) else { return Ok(false) };
        values.insert(place, value);
        self.len += 1;
        Ok(true)
    }

    /// Takes a value away from a pattern, and every node that then leads nowhere; `false` when it was not there.
    pub fn remove(&mut self, pattern: &str, value: &V) -> bool {
        let parts = self.syntax.parts(pattern);
        let mut path = vec![ROOT];
        let mut at = ROOT;
        for part in &parts {
            let Some(child) = self.child(at, *part) else { return false };
            at = child;
            path.push(at);
        }
        let values = &mut self.node_mut(at).values;
        let Ok(place) = values.binary_search(value) else { return false };
        values.remove(place);
        self.len -= 1;
        // From the end back: a node without values and edges goes, and may leave its parent so.
        for (ends, part) in path.windows(2).zip(&parts).rev() {
            let (parent, child) = (ends[0], ends[1]);
            let node = self.node(child);
            if !node.values.is_empty() || !node.is_leaf() {
                break;
            }
            self.cut(parent, *part, child);
        }
        true
    }

    /// Calls `hit` with each value whose pattern matches the key: once for each such pattern, in no order that
    /// means anything.
    pub fn search<'a>(&'a self, key: &str, mut hit: impl FnMut(&'a V)) {
        let mut search = Search { trie: self, here: Vec::new(), loops: Vec::new(), entered: BTreeSet::new() };
        let mut before = Vec::new();
        search.enter(ROOT, &mut hit);
        for word in words(key) {
            core::mem::swap(&mut before, &mut search.here);
            search.here.clear();
            // What `#` reaches with this word is left by the next word, not by this one.
            let loops = search.loops.len();
            let word = self.dictionary.find(word);
            for &node in &before {
                search.follow(node, word, &mut hit);
            }
            for at in 0..loops {
                search.follow(search.loops[at], word, &mut hit);
            }
        }
        for node in search.here {
            self.node(node).values.iter().for_each(&mut hit);
        }
    }

    /// How many values there are, counted once for each pattern.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many nodes there are, the root among them: how much memory the patterns take.
    pub fn nodes(&self) -> usize {
        self.nodes.len() - self.free.len()
    }

    /// How many different words the patterns have, wildcards not counted.
    pub fn words(&self) -> usize {
        self.dictionary.numbers.len()
    }

    fn child(&self, parent: NodeId, part: Part<'_>) -> Option<NodeId> {
        match part {
            Part::One => self.node(parent).one,
            Part::Many => self.node(parent).many,
            Part::Word(word) => self.edges.get(edge(parent, self.dictionary.find(word)?), |_| true),
        }
    }

    /// Adds the edge that a node does not have.
    fn grow(&mut self, parent: NodeId, part: Part<'_>) -> NodeId {
        let node = Node::new(part == Part::Many || self.node(parent).after_many);
        let child = self.free.pop().unwrap_or_else(|| number(self.nodes.len() + 1));
        if let Some(place) = self.nodes.get_mut(child.get() as usize - 1) {
            *place = node;
        } else {
            self.nodes.push(node);
        }
        match part {
            Part::One => self.node_mut(parent).one = Some(child),
            Part::Many => self.node_mut(parent).many = Some(child),
            Part::Word(word) => {
                self.node_mut(parent).words += 1;
                self.edges.insert(edge(parent, self.dictionary.take(word)), child);
            }
        }
        child
    }

    /// Takes an edge away, and the node that it leads to.
    fn cut(&mut self, parent: NodeId, part: Part<'_>, child: NodeId) {
        match part {
            Part::One => self.node_mut(parent).one = None,
            Part::Many => self.node_mut(parent).many = None,
            Part::Word(word) => {
                if let Some(word) = self.dictionary.give_back(word) {
                    self.node_mut(parent).words -= 1;
                    self.edges.remove(edge(parent, word), child);
                }
            }
        }
        self.free.push(child);
    }
}

/// The key of an edge: each node and word have their own.
fn edge(from: NodeId, word: WordId) -> u64 {
    u64::from(from.get()) << 32 | u64::from(word.get())
}

/// Where a search stands.
struct Search<'a, V> {
    trie: &'a TopicTrie<V>,
    /// The nodes that the words so far lead to, except the ends of `#`.
    here: Vec<NodeId>,
    /// The ends of `#` that were reached and lead on: from here every further word may leave.
    loops: Vec<NodeId>,
    /// Which ends of `#` were reached, of those behind another `#`: only these can be reached twice.
    entered: BTreeSet<NodeId>,
}

impl<'a, V> Search<'a, V> {
    /// Leaves a node by the edges of one word.
    fn follow(&mut self, node: NodeId, word: Option<WordId>, hit: &mut impl FnMut(&'a V)) {
        let trie = self.trie;
        let from = trie.node(node);
        if from.words > 0
            && let Some(child) = word.and_then(|word| trie.edges.get(edge(node, word), |_| true))
        {
            self.enter(child, hit);
        }
        if let Some(child) = from.one {
            self.enter(child, hit);
        }
    }

    /// Stands on a node, and on the end of its `#`, and of that one's.
    fn enter(&mut self, node: NodeId, hit: &mut impl FnMut(&'a V)) {
        self.here.push(node);
        let mut from = self.trie.node(node);
        while let Some(end) = from.many {
            if from.after_many && !self.entered.insert(end) {
                return;
            }
            from = self.trie.node(end);
            from.values.iter().for_each(&mut *hit);
            if !from.is_leaf() {
                self.loops.push(end);
            }
        }
    }
}

/// Words and their numbers, with how many edges bear each, so that a word that no pattern has is forgotten.
#[derive(Clone, Debug)]
struct Dictionary {
    /// Each word at its number, from 1, with how many edges bear it.
    words: Vec<(Arc<str>, u32)>,
    /// Numbers that are not used.
    free: Vec<WordId>,
    /// Numbers by the hash of the word.
    numbers: Numbers,
}

impl Dictionary {
    fn new() -> Self {
        Self { words: Vec::new(), free: Vec::new(), numbers: Numbers::new() }
    }

    fn find(&self, word: &str) -> Option<WordId> {
        let is_it = |number: WordId| *self.words[number.get() as usize - 1].0 == *word;
        self.numbers.get(hash_of_key(word.as_bytes()), is_it)
    }

    /// The number of a word that one more edge bears.
    fn take(&mut self, word: &str) -> WordId {
        if let Some(number) = self.find(word) {
            self.words[number.get() as usize - 1].1 += 1;
            return number;
        }
        let number = self.free.pop().unwrap_or_else(|| number(self.words.len() + 1));
        if let Some(place) = self.words.get_mut(number.get() as usize - 1) {
            *place = (word.into(), 1);
        } else {
            self.words.push((word.into(), 1));
        }
        self.numbers.insert(hash_of_key(word.as_bytes()), number);
        number
    }

    /// The number of a word that one edge less bears.
    fn give_back(&mut self, word: &str) -> Option<WordId> {
        let number = self.find(word)?;
        let place = &mut self.words[number.get() as usize - 1];
        place.1 -= 1;
        if place.1 == 0 {
            self.numbers.remove(hash_of_key(word.as_bytes()), number);
            self.free.push(number);
        }
        Some(number)
    }
}
