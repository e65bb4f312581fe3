//! Does a pattern match a routing key? The plainest way to say it, and the model that the trie is tested against.
//!
//! Patterns and keys are words between dots. Two families of systems write the wildcards differently:
//!
//! ```text
//!                               Topic (AMQP)     Hierarchy (JMS providers)
//!   exactly one word            *                *
//!   any number, also none       # anywhere       > at the end
//! ```
//!
//! * A wildcard is a whole word: `a#b` and `a*` are plain words.
//! * Words may be empty, and `*` matches an empty word: `.` is two empty words, and `*.*` matches it.
//! * The empty *text* has no words at all, not one empty word: `#` matches it, `*` does not.
//! * In a routing key nothing is a wildcard: the key `a.#` is matched by `a.*`.
//!
//! What real systems do differently: MQTT writes `+` and `#` between slashes, and its `#` stands at the end alone.
//! ActiveMQ also lets one publish to a wildcard, which then reaches every topic that it matches; not so here.
//!
//! Source: RabbitMQ `rabbit_db_topic_exchange.erl` and `routing_SUITE.erl`; ActiveMQ `DestinationFilter.java` and
//! `PrefixDestinationFilter.java`.

use alloc::vec;
use alloc::vec::Vec;

use super::{KEY_BYTES_MAX, RouteError};

/// How many `#` the binding key of a topic exchange may have: with more of them, one key can be matched in very
/// many ways (RabbitMQ since 4.3.5).
pub const TOPIC_MANY_WORDS_MAX: usize = 2;

/// How wildcards are written.
///
/// ```
/// use mqlab_core::routing::Syntax;
/// assert!(Syntax::Topic.matches("order.#", "order.eu.paid"));
/// assert!(Syntax::Hierarchy.matches("order.>", "order"));
/// assert!(!Syntax::Hierarchy.matches("order.*", "order.eu.paid"));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Syntax {
    /// AMQP's topic exchange: `*` is one word, `#` any number.
    #[default]
    Topic,
    /// ActiveMQ's wildcards: `*` is one level, `>` at the end any number of levels. A `>` before other words is a
    /// plain word.
    Hierarchy,
}

/// One word of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// This word.
    Word(&'a str),
    /// Any one word.
    One,
    /// Any number of words, also none.
    Many,
}

/// The words of a routing key. The empty key has none.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split('.').filter(move |_| !text.is_empty())
}

impl Syntax {
    /// The words of a pattern, the wildcards among them recognized.
    pub(super) fn parts(self, pattern: &str) -> Vec<Part<'_>> {
        let mut parts: Vec<Part<'_>> = words(pattern)
            .map(|word| match (self, word) {
                (_, "*") => Part::One,
                (Self::Topic, "#") => Part::Many,
                _ => Part::Word(word),
            })
            .collect();
        if self == Self::Hierarchy {
            // Only what stands at the end; `a.>.>` says the same as `a.>`.
            parts
                .iter_mut()
                .rev()
                .take_while(|part| **part == Part::Word(">"))
                .for_each(|part| *part = Part::Many);
        }
        parts
    }

    /// Checks a binding key.
    ///
    /// # Errors
    ///
    /// [`RouteError::KeyTooLong`] beyond [`KEY_BYTES_MAX`]; [`RouteError::TooManyWildcards`] for a topic with more
    /// than [`TOPIC_MANY_WORDS_MAX`] words `#`.
    pub fn check(self, pattern: &str) -> Result<(), RouteError> {
        if pattern.len() > KEY_BYTES_MAX {
            return Err(RouteError::KeyTooLong(pattern.len()));
        }
        let many = self.parts(pattern).into_iter().filter(|part| *part == Part::Many).count();
        if self == Self::Topic && many > TOPIC_MANY_WORDS_MAX {
            return Err(RouteError::TooManyWildcards(many));
        }
        Ok(())
    }

    /// Whether the pattern matches the key. It takes words of the pattern times words of the key steps, whatever
    /// the pattern is.
    pub fn matches(self, pattern: &str, key: &str) -> bool {
        let key: Vec<&str> = words(key).collect();
        // reached[n]: the parts so far can match the key's first n words. No parts match no words.
        let mut reached = vec![false; key.len() + 1];
        reached[0] = true;
        for part in self.parts(pattern) {
            if part == Part::Many {
                // From wherever we are, on to every later place.
                for n in 1..reached.len() {
                    reached[n] |= reached[n - 1];
                }
            } else {
                // One word on, if it is the right one.
                for n in (1..reached.len()).rev() {
                    reached[n] = reached[n - 1] && (part == Part::One || part == Part::Word(key[n - 1]));
                }
                reached[0] = false;
            }
        }
        reached[key.len()]
    }
}

/// Whether a topic exchange's binding key matches a routing key: [`Syntax::Topic`].
///
/// ```
/// use mqlab_core::routing::matches;
/// assert!(matches("order.*.#", "order.eu"));
/// assert!(matches("#", "") && !matches("*", ""));
/// ```
pub fn matches(pattern: &str, key: &str) -> bool {
    Syntax::Topic.matches(pattern, key)
}
