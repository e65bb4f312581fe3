//! Which messages does a consumer want? Those with certain tags, or those that an SQL condition selects.
//!
//! ```text
//!   consume queue:  offset, size, hash of the tag          the message itself
//!                                  │                            │
//!              broker: is the hash among mine? ── yes ──▶ sent ──▶ client: is the *text* among mine? ──▶ program
//!                                  └ no: skipped, unread                      └ no (the hashes collide): skipped
//! ```
//!
//! The broker decides by twenty bytes, without opening the message: that is why a message has one tag only. SQL needs the
//! properties, so there the broker reads the message.
//!
//! Sources: `FilterAPI.java`, `ExpressionMessageFilter.java`, `PullAPIWrapper.java`.

use alloc::collections::BTreeSet;
use alloc::string::String;
use core::fmt;

use super::hash::tags_code;
use super::properties::Properties;
use super::sql::SqlFilter;

/// What a consumer subscribes to within a topic.
///
/// ```
/// use mqlab_core::systems::rocketmq::filter::Subscription;
/// use mqlab_core::systems::rocketmq::{Properties, hash};
/// let wants = Subscription::tags("AaAa")?;
/// let mut other = Properties::default();
/// other.set("TAGS", "BBBB")?;
/// assert!(wants.passes_code(hash::tags_code(other.tag()))); // the broker cannot tell them apart
/// assert!(!wants.accepts(&other)); // the client can
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Subscription {
    /// Everything.
    #[default]
    All,
    /// Messages with one of these tags.
    Tags(BTreeSet<String>),
    /// Messages of which this is true.
    Sql(SqlFilter),
}

/// A list of tags without any tag.
///
/// ```
/// use mqlab_core::systems::rocketmq::filter::Subscription;
/// let error = Subscription::tags("||").expect_err("no tag");
/// assert_eq!(error.to_string(), "\"||\" names no tag: write tags with || between, or * for all");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoTags(String);

impl fmt::Display for NoTags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} names no tag: write tags with || between, or * for all", self.0)
    }
}

impl core::error::Error for NoTags {}

impl Subscription {
    /// Reads `a || b`; an empty text or `*` is everything.
    ///
    /// # Errors
    ///
    /// [`NoTags`] where there are only separators.
    pub fn tags(text: &str) -> Result<Self, NoTags> {
        if text.is_empty() || text == "*" {
            return Ok(Self::All);
        }
        let tags = text.split("||").map(str::trim).filter(|tag| !tag.is_empty());
        let tags: BTreeSet<_> = tags.map(String::from).collect();
        if tags.is_empty() { Err(NoTags(text.into())) } else { Ok(Self::Tags(tags)) }
    }

    /// What the broker asks of an entry of a consume queue.
    pub fn passes_code(&self, code: i64) -> bool {
        match self {
            Self::Tags(tags) => tags.iter().any(|tag| tags_code(Some(tag)) == code),
            Self::All | Self::Sql(_) => true,
        }
    }

    /// What the broker asks of the message, for which it has to read it.
    pub fn passes_properties(&self, properties: &Properties) -> bool {
        match self {
            Self::Sql(filter) => filter.matches(properties),
            Self::All | Self::Tags(_) => true,
        }
    }

    /// What the client asks of a message that came. (SQL was decided at the broker.)
    pub fn accepts(&self, properties: &Properties) -> bool {
        match self {
            Self::Tags(tags) => properties.tag().is_some_and(|tag| tags.contains(tag)),
            Self::All | Self::Sql(_) => true,
        }
    }
}
