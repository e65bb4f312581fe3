//! Which messages is a fact about? Mostly one; sometimes as many as a batch has.
//!
//! A burst leaves in one batch, is acknowledged by one answer, arrives in one fetch: one fact each, which names all of its
//! messages. One message needs no memory of its own.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::ops::Deref;

use serde::{Serialize, Serializer};

use crate::ids::MessageId;

/// The messages of a fact, in order: a slice.
///
/// ```
/// use mqlab_core::ids::MessageId;
/// use mqlab_core::observe::Messages;
/// let mut messages = Messages::from(MessageId(7));
/// messages.push(MessageId(8));
/// assert_eq!(messages[..], [MessageId(7), MessageId(8)]);
/// assert_eq!(messages.iter().map(|message| message.0).sum::<u64>(), 15);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Messages(Held);

#[derive(Clone, PartialEq, Eq)]
enum Held {
    One(MessageId),
    /// More than one, or none.
    Many(Vec<MessageId>),
}

impl Messages {
    /// Adds a message at the end.
    pub fn push(&mut self, message: MessageId) {
        match &mut self.0 {
            Held::Many(many) => many.push(message),
            Held::One(one) => self.0 = Held::Many(Vec::from([*one, message])),
        }
    }

    /// Adds messages at the end.
    pub(crate) fn append(&mut self, others: &[MessageId]) {
        others.iter().for_each(|other| self.push(*other));
    }
}

/// Messages with commas between, or `-` for none: of three or more that follow each other the first and the last.
pub(super) fn named(messages: &[MessageId]) -> String {
    let runs = messages.chunk_by(|one, next| one.0.checked_add(1) == Some(next.0));
    let words = runs.flat_map(|run| match run {
        [first, _, .., last] => Vec::from([format!("{first}..{last}")]),
        few => few.iter().map(|one| format!("{one}")).collect(),
    });
    let words: Vec<String> = words.collect();
    if words.is_empty() { "-".into() } else { words.join(",") }
}

impl Deref for Messages {
    type Target = [MessageId];

    fn deref(&self) -> &[MessageId] {
        match &self.0 {
            Held::One(one) => core::slice::from_ref(one),
            Held::Many(many) => many,
        }
    }
}

impl From<MessageId> for Messages {
    fn from(message: MessageId) -> Self {
        Self(Held::One(message))
    }
}

impl FromIterator<MessageId> for Messages {
    fn from_iter<I: IntoIterator<Item = MessageId>>(messages: I) -> Self {
        let many: Vec<MessageId> = messages.into_iter().collect();
        match many[..] {
            [one] => one.into(),
            _ => Self(Held::Many(many)),
        }
    }
}

impl<'a> IntoIterator for &'a Messages {
    type Item = &'a MessageId;
    type IntoIter = core::slice::Iter<'a, MessageId>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Hash for Messages {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self[..].hash(state);
    }
}

impl Serialize for Messages {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self[..].serialize(serializer)
    }
}

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self[..].fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_named_by_their_ends() {
        let text = |ids: &[u64]| named(&ids.iter().map(|&id| MessageId(id)).collect::<Messages>());
        assert_eq!(text(&[]), "-");
        assert_eq!(text(&[7]), "m7");
        assert_eq!(text(&[7, 8]), "m7,m8");
        assert_eq!(text(&[7, 8, 9, 11, 10, 11, 12, 13]), "m7..m9,m11,m10..m13");
        assert_eq!(text(&[u64::MAX, 0]), format!("m{},m0", u64::MAX));
    }
}
