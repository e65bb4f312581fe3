//! Do a message's headers fit what a binding asks for? The rules of the headers exchange.
//!
//! The binding's arguments are what is asked for; the argument `x-match` says how many of them must be met, and
//! whether arguments whose names begin with `x-` count:
//!
//! ```text
//!   x-match        must be met    arguments named x-...
//!   all (default)  each one       are not looked at
//!   any            one at least   are not looked at
//!   all-with-x     each one       count, except x-match itself
//!   any-with-x     one at least   count, except x-match itself
//! ```
//!
//! An argument is met by a header of the same name and exactly the same value, of the same type: the number 1 is not
//! the text `"1"`. An argument that is null is met by any value. Where no arguments are left, *each* of none is met
//! and *one* of none is not: `all` matches every message, `any` none.
//!
//! Source: RabbitMQ `rabbit_exchange_type_headers.erl`.

use super::RouteError;
use crate::message::{Headers, Value};

/// The argument that says how the others are matched.
pub const X_MATCH: &str = "x-match";

/// How a binding's arguments are matched.
///
/// ```
/// use mqlab_core::message::{Headers, Value};
/// use mqlab_core::routing::HeaderMatch;
///
/// let asked: Headers = [("x-match", Value::from("any")), ("color", "red".into()), ("size", 3.into())].into();
/// let rule = HeaderMatch::of(&asked)?;
/// assert!(rule.matches(&asked, &[("size", 3)].into()));
/// assert!(!rule.matches(&asked, &[("size", "3")].into()));
/// # Ok::<(), mqlab_core::routing::RouteError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderMatch {
    /// One is enough.
    any: bool,
    /// Arguments named `x-...` count.
    with_x: bool,
}

impl HeaderMatch {
    /// Reads `x-match` among a binding's arguments.
    ///
    /// # Errors
    ///
    /// [`RouteError::BadMatch`] when it is there and none of the four words, in small letters.
    pub fn of(arguments: &Headers) -> Result<Self, RouteError> {
        let word = match arguments.get(X_MATCH) {
            None => "all",
            Some(Value::Text(word)) => word,
            Some(other) => return Err(RouteError::BadMatch(other.clone())),
        };
        match word {
            "all" => Ok(Self { any: false, with_x: false }),
            "any" => Ok(Self { any: true, with_x: false }),
            "all-with-x" => Ok(Self { any: false, with_x: true }),
            "any-with-x" => Ok(Self { any: true, with_x: true }),
            other => Err(RouteError::BadMatch(other.into())),
        }
    }

    /// Whether a message with these headers is for the binding with these arguments.
    pub fn matches(self, arguments: &Headers, headers: &Headers) -> bool {
        let counts = |name: &str| if self.with_x { name != X_MATCH } else { !name.starts_with("x-") };
        let met = |name: &str, asked: &Value| {
            headers.get(name).is_some_and(|value| *asked == Value::Null || value == asked)
        };
        let mut asked = arguments.iter().filter(|(name, _)| counts(name));
        if self.any {
            asked.any(|(name, value)| met(name, value))
        } else {
            asked.all(|(name, value)| met(name, value))
        }
    }
}
