//! What is an exchange? A name, a kind, and a few options; it holds no messages.

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::{BadName, Name};

/// Exchanges whose names begin so are the broker's own; nobody else can declare or delete one (AMQP 0-9-1).
pub const RESERVED_PREFIX: &str = "amq.";

/// The name of an exchange: a [`Name`], or nothing for the default exchange.
///
/// ```
/// use mqlab_core::routing::ExchangeName;
/// let orders: ExchangeName = "orders".parse()?;
/// assert!(!orders.is_default());
/// assert_eq!(ExchangeName::DEFAULT.as_str(), "");
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ExchangeName(Option<Name>);

impl ExchangeName {
    /// The exchange that leads to every queue by the queue's name.
    pub const DEFAULT: Self = Self(None);

    /// Whether it is the default exchange's.
    pub const fn is_default(&self) -> bool {
        self.0.is_none()
    }

    /// Whether it begins with [`RESERVED_PREFIX`].
    pub fn is_reserved(&self) -> bool {
        self.as_str().starts_with(RESERVED_PREFIX)
    }

    /// The name as text, empty for the default exchange.
    pub fn as_str(&self) -> &str {
        self.0.as_ref().map_or("", Name::as_str)
    }
}

impl FromStr for ExchangeName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        if text.is_empty() { Ok(Self::DEFAULT) } else { Name::new(text).map(Self::from) }
    }
}

impl From<Name> for ExchangeName {
    fn from(name: Name) -> Self {
        Self(Some(name))
    }
}

impl From<ExchangeName> for String {
    fn from(name: ExchangeName) -> Self {
        name.as_str().into()
    }
}

impl TryFrom<String> for ExchangeName {
    type Error = BadName;

    fn try_from(text: String) -> Result<Self, BadName> {
        text.parse()
    }
}

impl fmt::Display for ExchangeName {
    /// Writes the name, and `""` for the default exchange.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(if self.is_default() { "\"\"" } else { self.as_str() })
    }
}

/// What a consistent hash is taken of.
///
/// ```
/// use mqlab_core::routing::HashBy;
/// assert_eq!(serde_json::to_string(&HashBy::Header("customer".into()))?, r#"{"header":"customer"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HashBy {
    /// The routing key.
    #[default]
    RoutingKey,
    /// The header of this name. All messages without it go to one destination.
    Header(Arc<str>),
}

/// How an exchange compares messages and bindings. As JSON a word, except for the consistent hash:
///
/// ```
/// use mqlab_core::routing::{ExchangeKind, HashBy};
/// let kind: ExchangeKind = serde_json::from_str(r#""topic""#)?;
/// assert_eq!(kind, ExchangeKind::Topic);
/// let kind: ExchangeKind = serde_json::from_str(r#"{"consistent_hash":{"by":{"header":"customer"}}}"#)?;
/// assert_eq!(kind, ExchangeKind::ConsistentHash { by: HashBy::Header("customer".into()) });
/// let kind: ExchangeKind = serde_json::from_str(r#"{"consistent_hash":{}}"#)?;
/// assert_eq!(kind, ExchangeKind::ConsistentHash { by: HashBy::RoutingKey });
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ExchangeKind {
    /// The binding's key is the routing key, byte for byte.
    Direct,
    /// Every binding matches.
    Fanout,
    /// The binding's key is a pattern: `*` is one word, `#` any number.
    Topic,
    /// The binding's key is a pattern as ActiveMQ has it: `*` is one level, `>` at the end any number.
    Hierarchy,
    /// The binding's arguments are compared with the message's headers.
    Headers,
    /// A hash chooses one of all bindings; their keys are their weights.
    ConsistentHash {
        /// What it is taken of.
        #[serde(default)]
        by: HashBy,
    },
    /// The routing key names a service of the broker itself, which gets the message. It has no bindings. (AMQP
    /// 0-9-1, section 3.1.3.5; names that begin with `amq.` are reserved there. RabbitMQ does not have it.)
    System,
}

/// What an exchange is declared with.
///
/// ```
/// use mqlab_core::routing::{ExchangeKind, ExchangeOptions};
/// let options = ExchangeOptions { durable: true, ..ExchangeOptions::new(ExchangeKind::Topic) };
/// assert_eq!(options.alternate, None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExchangeOptions {
    /// How it routes.
    pub kind: ExchangeKind,
    /// The exchange that gets what none of its bindings match. It need not be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alternate: Option<ExchangeName>,
    /// Whether it takes messages from other exchanges alone, not from producers.
    #[serde(default)]
    pub internal: bool,
    /// Whether it is there again after the broker's restart. Routing is the same either way.
    #[serde(default)]
    pub durable: bool,
}

impl ExchangeOptions {
    /// An exchange of this kind without an alternate, neither internal nor durable.
    pub const fn new(kind: ExchangeKind) -> Self {
        Self { kind, alternate: None, internal: false, durable: false }
    }
}

/// An exchange as a scenario lists it: a name, and the options beside it.
///
/// ```
/// use mqlab_core::routing::{Declaration, ExchangeKind};
/// let declared: Declaration = serde_json::from_str(r#"{"name":"orders","kind":"topic"}"#)?;
/// assert_eq!(declared.name.as_str(), "orders");
/// assert_eq!(declared.options.kind, ExchangeKind::Topic);
/// assert!(serde_json::from_str::<Declaration>(r#"{"name":"orders","kind":"topic","durabel":true}"#).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Flat", from = "Flat")]
pub struct Declaration {
    /// Its name.
    pub name: ExchangeName,
    /// What it is declared with.
    pub options: ExchangeOptions,
}

/// A declaration as it is written. (`serde(flatten)` would write the same, and read misspelt fields in silence.)
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Flat {
    name: ExchangeName,
    kind: ExchangeKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alternate: Option<ExchangeName>,
    #[serde(default)]
    internal: bool,
    #[serde(default)]
    durable: bool,
}

impl From<Flat> for Declaration {
    fn from(Flat { name, kind, alternate, internal, durable }: Flat) -> Self {
        Self { name, options: ExchangeOptions { kind, alternate, internal, durable } }
    }
}

impl From<Declaration> for Flat {
    fn from(Declaration { name, options }: Declaration) -> Self {
        let ExchangeOptions { kind, alternate, internal, durable } = options;
        Self { name, kind, alternate, internal, durable }
    }
}
