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

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::ids::MessageId;
use crate::selector::PropertyValue;
use crate::sorted::SortedMap;

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

    /// Those that most messages have: nobody keeps a copy of these names.
    pub(super) const COMMON: [&str; 3] = [UNIQUE, KEYS, TAGS];
}

/// Names and texts beside a body, in order of name. A clone shares them until one of the two is changed.
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
pub struct Properties(Arc<SortedMap<Cow<'static, str>, Box<str>>>);

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
        self.0.get(name).map(AsRef::as_ref)
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
        let common = key::COMMON.into_iter().find(|common| *common == name);
        let name = common.map_or_else(|| Cow::Owned(name.into()), Cow::Borrowed);
        Arc::make_mut(&mut self.0).insert(name, text.into());
        Ok(())
    }

    /// Gives a name of the system a text that is known to have none of the two bytes.
    pub(super) fn put(&mut self, name: &'static str, text: &str) {
        Arc::make_mut(&mut self.0).insert(Cow::Borrowed(name), text.into());
    }

    /// Takes a name away.
    pub fn remove(&mut self, name: &str) -> Option<String> {
        Arc::make_mut(&mut self.0).remove(name).map(String::from)
    }

    /// The names and texts, in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_ref(), text.as_ref()))
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
        let mut bytes = Vec::with_capacity(self.size());
        self.write(&mut bytes);
        bytes
    }

    /// How many bytes are stored.
    pub(super) fn size(&self) -> usize {
        self.iter().map(|(name, text)| name.len() + text.len() + 2).sum()
    }

    /// Appends them.
    pub(super) fn write(&self, to: &mut Vec<u8>) {
        for (name, text) in self.iter() {
            to.extend_from_slice(name.as_bytes());
            to.push(1);
            to.extend_from_slice(text.as_bytes());
            to.push(2);
        }
    }

    /// Reads what [`encode`](Self::encode) wrote; none where it is something else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut properties = Self::default();
        let text = core::str::from_utf8(bytes).ok()?;
        for pair in text.split_terminator('\x02') {
            let (name, text) = pair.split_once('\x01')?;
            properties.set(name, text).ok()?;
        }
        Some(properties)
    }
}

/// To a selector a property has no type of its own.
impl crate::selector::Properties for Properties {
    fn property(&self, name: &str) -> PropertyValue<'_> {
        self.get(name).map_or(PropertyValue::Null, PropertyValue::Untyped)
    }
}
