//! What stands beside a message's body? Properties: names and texts, the system's own and the application's.
//!
//! ```text
//!   TAGS ␁ paid ␂ KEYS ␁ order-17 ␂ color ␁ red ␂          ␁ = byte 1, ␂ = byte 2
//! ```
//!
//! A text has no type; where an SQL filter compares one with a number, it counts as the number that it spells. In RocketMQ the
//! order of the properties is that of a Java hash map; here it is that of their names, so that the same message is always the
//! same bytes.
//!
//! Source: `MessageConst.java`, `MessageDecoder.java`.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::ids::MessageId;
use crate::selector::PropertyValue;

/// The names that the system itself uses.
pub mod key {
    /// The one tag of a message.
    pub const TAGS: &str = "TAGS";
    /// Keys to find it by, with blanks between.
    pub const KEYS: &str = "KEYS";
    /// The level of its delay.
    pub const DELAY: &str = "DELAY";
    /// The topic that it is meant for while it waits elsewhere.
    pub const REAL_TOPIC: &str = "REAL_TOPIC";
    /// The queue that it is meant for.
    pub const REAL_QUEUE: &str = "REAL_QID";
    /// The topic where it was before it was sent back.
    pub const RETRY_TOPIC: &str = "RETRY_TOPIC";
    /// Its identity, given by its producer.
    pub const UNIQUE: &str = "UNIQ_KEY";
    /// `true` on a half message.
    pub const HALF: &str = "TRAN_MSG";
    /// Its producer's group, on a half message.
    pub const PRODUCER_GROUP: &str = "PGROUP";
    /// How often its producer was asked what became of it.
    pub const CHECKS: &str = "TRANSACTION_CHECK_TIMES";
    /// From which moment on its producer is asked, in seconds after it was born.
    pub const IMMUNITY: &str = "CHECK_IMMUNITY_TIME_IN_SECONDS";
    /// The offset in the half topic of the message that this one repeats.
    pub const HALF_OFFSET: &str = "TRAN_PREPARED_QUEUE_OFFSET";
    /// The moment at which it was popped first, in milliseconds.
    pub const FIRST_POP: &str = "1ST_POP_TIME";
}

/// Names and texts beside a body, in order of name. They are kept as they are stored, in one piece that clones share: most are
/// only carried on.
///
/// ```
/// use mqlab_core::systems::rocketmq::Properties;
/// let mut properties = Properties::default();
/// properties.set("TAGS", "paid")?;
/// assert_eq!(properties.encode(), b"TAGS\x01paid\x02");
/// assert_eq!(properties.tag(), Some("paid"));
/// # Ok::<(), mqlab_core::systems::rocketmq::BadProperty>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties(Arc<str>);

/// A name or a text with one of the two bytes that separate properties, or an empty name.
///
/// ```
/// use mqlab_core::systems::rocketmq::Properties;
/// let error = Properties::default().set("", "x").expect_err("a name is needed");
/// assert_eq!(error.to_string(), "the property \"\" cannot be: it needs a name, and no byte 1 or 2");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadProperty(pub String);

impl fmt::Display for BadProperty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the property {:?} cannot be: it needs a name, and no byte 1 or 2", self.0)
    }
}

impl core::error::Error for BadProperty {}

impl Properties {
    /// The text of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let end = |text: &str| text.bytes().position(|byte| byte == 2);
        let mut rest = &*self.0;
        loop {
            if let Some(text) = rest.strip_prefix(name).and_then(|behind| behind.strip_prefix('\x01')) {
                return text.get(..end(text)?);
            }
            rest = rest.get(end(rest)? + 1..)?;
        }
    }

    /// The number that the text of this name spells.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.get(name)?.parse().ok()
    }

    /// Gives a name a text.
    ///
    /// # Errors
    ///
    /// [`BadProperty`] when the name is empty, or one of the two has a byte that separates properties.
    pub fn set(&mut self, name: &str, text: &str) -> Result<(), BadProperty> {
        if name.is_empty() || [name, text].iter().any(|part| part.contains(['\x01', '\x02'])) {
            return Err(BadProperty(name.into()));
        }
        self.put(name, text);
        Ok(())
    }

    /// Gives a name a text, both of which are known to have none of the two bytes.
    pub(super) fn put(&mut self, name: &str, text: &str) {
        self.rewrite(name, Some(text));
    }

    /// Takes a name away.
    pub fn remove(&mut self, name: &str) -> Option<String> {
        let text = String::from(self.get(name)?);
        self.rewrite(name, None);
        Some(text)
    }

    /// Writes all but one anew, and that one where it has a text.
    fn rewrite(&mut self, name: &str, text: Option<&str>) {
        let mut all = String::with_capacity(self.0.len() + name.len() + text.map_or(0, str::len) + 2);
        let mut push =
            |(name, text): (&str, &str)| [name, "\x01", text, "\x02"].map(|part| all.push_str(part));
        let before = self.iter().take_while(|(known, _)| *known < name);
        before.for_each(|pair| _ = push(pair));
        if let Some(text) = text {
            push((name, text));
        }
        let behind = self.iter().skip_while(|(known, _)| *known <= name);
        behind.for_each(|pair| _ = push(pair));
        self.0 = all.into();
    }

    /// The names and texts, in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.split_terminator('\x02').filter_map(|pair| pair.split_once('\x01'))
    }

    /// The tag.
    pub fn tag(&self) -> Option<&str> {
        self.get(key::TAGS)
    }

    /// The keys that an index finds the message by: its identity, and those that its sender gave it.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let given = self.get(key::KEYS).into_iter().flat_map(|keys| keys.split(' '));
        self.get(key::UNIQUE).into_iter().chain(given).filter(|key| !key.is_empty())
    }

    /// The message's identity in a run.
    pub fn message_id(&self) -> Option<MessageId> {
        self.get(key::UNIQUE)?.strip_prefix('m')?.parse().ok().map(MessageId)
    }

    /// The same with this identity.
    #[must_use]
    pub fn with_id(mut self, id: MessageId) -> Self {
        self.put(key::UNIQUE, &alloc::format!("{id}"));
        self
    }

    /// The bytes that are stored.
    pub fn encode(&self) -> Vec<u8> {
        self.0.as_bytes().to_vec()
    }

    /// How many bytes are stored.
    pub(super) fn size(&self) -> usize {
        self.0.len()
    }

    /// Appends them.
    pub(super) fn write(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(self.0.as_bytes());
    }

    /// Reads what [`encode`](Self::encode) wrote, or what has the same form in another order; none where it is something else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let all = core::str::from_utf8(bytes).ok()?;
        let (mut last, mut in_order) = ("", all.is_empty() || all.ends_with('\x02'));
        for pair in all.split_terminator('\x02') {
            let (name, text) = pair.split_once('\x01')?;
            if name.is_empty() || text.contains('\x01') {
                return None;
            }
            in_order &= last < name;
            last = name;
        }
        if in_order {
            return Some(Self(all.into()));
        }
        let mut properties = Self::default();
        let pairs = all.split_terminator('\x02').filter_map(|pair| pair.split_once('\x01'));
        pairs.for_each(|(name, text)| properties.put(name, text));
        Some(properties)
    }
}

/// To a selector a property has no type of its own.
impl crate::selector::Properties for Properties {
    fn property(&self, name: &str) -> PropertyValue<'_> {
        self.get(name).map_or(PropertyValue::Null, PropertyValue::Untyped)
    }
}
