//! Why is something refused? Each reason with the number that AMQP has for it.

use alloc::string::String;
use core::fmt;

use super::{ExchangeName, HASH_BUCKETS_MAX, KEY_BYTES_MAX, TOPIC_MANY_WORDS_MAX};
use crate::ids::Name;
use crate::message::Value;

/// Why exchanges and bindings are not changed, or a message is not routed.
///
/// ```
/// use mqlab_core::message::Headers;
/// use mqlab_core::routing::Router;
/// let error = Router::new().route(&"orders".parse()?, "key", &Headers::default()).unwrap_err();
/// assert_eq!(error.code(), 404);
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RouteError {
    /// There is no exchange of this name.
    NoExchange(ExchangeName),
    /// There is no queue of this name.
    NoQueue(Name),
    /// The default exchange is always there and has its bindings by itself.
    DefaultExchange,
    /// The name begins as those of exchanges do that are always there.
    Reserved(ExchangeName),
    /// The exchange takes messages from exchanges alone.
    Internal(ExchangeName),
    /// A system exchange has no bindings.
    NoBindings(ExchangeName),
    /// The exchange is there, with other options.
    Different(ExchangeName),
    /// The argument `x-match` is none of its four words.
    BadMatch(Value),
    /// The binding key is no weight.
    BadWeight(String),
    /// All weights together are too many buckets.
    TooManyBuckets,
    /// The binding key has so many words `#`.
    TooManyWildcards(usize),
    /// A routing key, a binding key or the name of a service has so many bytes.
    KeyTooLong(usize),
}

impl RouteError {
    /// AMQP's reply code: 403 access refused, 404 not found, 406 precondition failed, 502 syntax error. The first
    /// three close the channel, the last one the connection.
    pub const fn code(&self) -> u16 {
        match self {
            Self::NoExchange(_) | Self::NoQueue(_) => 404,
            Self::DefaultExchange | Self::Reserved(_) | Self::Internal(_) | Self::NoBindings(_) => 403,
            Self::Different(_)
            | Self::BadMatch(_)
            | Self::BadWeight(_)
            | Self::TooManyBuckets
            | Self::TooManyWildcards(_) => 406,
            Self::KeyTooLong(_) => 502,
        }
    }
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoExchange(name) => write!(f, "there is no exchange {name}: declare it first"),
            Self::NoQueue(name) => write!(f, "there is no queue {name}: declare it first"),
            Self::DefaultExchange => f.write_str(
                "the default exchange cannot be declared, deleted or bound: it leads to every queue by its name",
            ),
            Self::Reserved(name) => write!(f, "{name} is a name of the broker's own: choose another one"),
            Self::Internal(name) => {
                write!(f, "{name} is internal: publish to an exchange that is bound to it")
            }
            Self::NoBindings(name) => {
                write!(f, "{name} is a system exchange and has no bindings: its keys name the broker's services")
            }
            Self::Different(name) => {
                write!(f, "{name} is there with other options: declare it with the same, or delete it first")
            }
            Self::BadMatch(value) => {
                write!(f, "x-match is {value}: use \"all\", \"any\", \"all-with-x\" or \"any-with-x\"")
            }
            Self::BadWeight(key) => write!(f, "the binding key {key:?} is no weight: use a whole number from 1"),
            Self::TooManyBuckets => {
                write!(f, "all weights together are more than {HASH_BUCKETS_MAX}: use smaller ones")
            }
            Self::TooManyWildcards(count) => {
                write!(f, "the binding key has {count} words \"#\": use at most {TOPIC_MANY_WORDS_MAX}")
            }
            Self::KeyTooLong(bytes) => write!(f, "the key has {bytes} bytes: use at most {KEY_BYTES_MAX}"),
        }
    }
}

impl core::error::Error for RouteError {}
