//! What connects an exchange with a queue? A binding, which is known by all that it says.
//!
//! There are no numbers or names for bindings: two with the same exchange, destination, key and arguments are one,
//! and to take a binding away one says it again.

use alloc::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ExchangeName;
use crate::ids::Name;
use crate::message::Headers;

/// Where a binding leads to. As JSON: `{"queue":"eu"}` or `{"exchange":"audit"}`.
///
/// ```
/// use mqlab_core::ids::Name;
/// use mqlab_core::routing::Destination;
/// assert_eq!(Destination::Queue(Name::new("eu")?).to_string(), "queue eu");
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    /// A queue, which gets a copy.
    Queue(Name),
    /// An exchange, which routes the message on, with the same key.
    Exchange(ExchangeName),
}

impl core::fmt::Display for Destination {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Queue(name) => write!(f, "queue {name}"),
            Self::Exchange(name) => write!(f, "exchange {name}"),
        }
    }
}

/// A binding. As JSON, where `key` and `arguments` may be left out:
///
/// ```
/// use mqlab_core::routing::Binding;
/// let text = r#"{"exchange":"orders","to":{"queue":"eu"},"key":"order.eu.#","arguments":{"x-match":"any"}}"#;
/// let binding: Binding = serde_json::from_str(text)?;
/// assert_eq!(&*binding.key, "order.eu.#");
/// assert_eq!(serde_json::to_string(&binding)?, text);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// The exchange whose messages it takes.
    pub exchange: ExchangeName,
    /// Where they go.
    pub to: Destination,
    /// What the routing key is compared with; a weight for a consistent hash; nothing for fanout and headers.
    #[serde(default)]
    pub key: Arc<str>,
    /// What a message's headers are compared with. Other kinds than headers do not read it, but it makes a
    /// binding another one.
    #[serde(default, skip_serializing_if = "Headers::is_empty")]
    pub arguments: Headers,
}

impl Binding {
    /// A binding without arguments.
    pub fn new(exchange: ExchangeName, to: Destination, key: &str) -> Self {
        Self { exchange, to, key: key.into(), arguments: Headers::default() }
    }

    /// Gives it other arguments.
    #[must_use]
    pub fn with_arguments(mut self, arguments: Headers) -> Self {
        self.arguments = arguments;
        self
    }
}
