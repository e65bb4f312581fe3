//! Which messages does a consumer want? A selector is a condition on what stands beside a message's body.
//!
//! ```text
//!   text ──▶ lexer ──▶ parser ──▶ program ◀── properties of a message, one after another
//!            words     grammar    steps
//!                                    │
//!                                    ▼
//!                      True (selected), False, Unknown (a value is missing)
//! ```
//!
//! The language is JMS's: the conditions of SQL-92 without tables. A broker compiles a selector once, when a
//! consumer subscribes, and refuses there what is wrong with it. The files, in the order in which to read them:
//! `truth` (logic of three values), `properties` (what can be asked), `number` (arithmetic and comparison), `like`
//! (patterns), `lexer`, `parser` (the grammar), `program` (what runs).
//!
//! Where JMS leaves a choice, or is often read otherwise, it is so:
//!
//! | condition | value |
//! |---|---|
//! | `missing = missing` | unknown |
//! | `weight / 1000`, whole numbers | whole, as in Java: 2500 / 1000 = 2 |
//! | `weight / 0`, `weight % 0`, whole numbers | no value (NULL) |
//! | `weight * weight`, too large for 64 bits | wraps around, as in Java |
//! | `color + 1`, `-color`, a text | no value (NULL) |
//! | `'42' = 42`, `'42' <> 42` | both false: unlike types |
//! | `weight > 'a'`, `flag > FALSE` | refused: the text shows that it can never hold |
//! | `color > other`, `color > 5`, texts | false: only numbers have an order |
//! | `color` alone, `color AND flag`, a text | false, as unlike types |
//! | `weight NOT IN ('a')`, `weight NOT LIKE 'a'`, a number | true: the opposite of false |
//! | `color NOT BETWEEN 1 AND 5`, a text | false: it means `color < 1 OR color > 5` |
//! | `NOT color = 'blue'` | `NOT (color = 'blue')` |
//! | `1 < a < 5`, `a = b = c` | refused: comparisons have no chain |
//! | `LIKE`, `IN`, `IS NULL` | of a property, nothing else |
//!
//! What real systems do: ActiveMQ holds `missing = missing` for true, divides whole numbers as doubles, reads
//! `NOT color = 'blue'` as `(NOT color) = 'blue'` and `a = b = c` from the left, and has comments and XPath besides.
//!
//! Source: JMS 1.1, chapter 3.8 "Message Selection"; ActiveMQ 5.17, observed.

mod error;
mod lexer;
mod like;
mod number;
mod parser;
mod program;
mod properties;
mod truth;

pub use error::InvalidSelector;
pub use properties::{Properties, PropertyValue};
pub use truth::Truth;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::message::Message;
use program::Program;

/// The longest text of a selector, in bytes.
pub const SELECTOR_BYTES_MAX: usize = 4096;

/// How deep parentheses, `NOT`s and signs may be nested in a selector. Chains such as `a OR b OR c` are not nested.
/// So deep, a selector is read in less than 200 KB of stack; a page has 1 MB.
pub const NESTING_MAX: usize = 64;

/// A condition on a message's headers, compiled: clones share it.
///
/// It is shown, compared, ordered and saved as its text, to the letter; reading a saved one checks it again.
///
/// ```
/// use mqlab_core::message::Message;
/// use mqlab_core::selector::{Selector, Truth};
///
/// let heavy = Selector::parse("color = 'red' AND weight BETWEEN 2000 AND 3000")?;
/// let parcel = Message::new("a stove").with_header("color", "red").with_header("weight", 2500);
/// assert!(heavy.matches(&parcel));
///
/// // Nobody weighed it: it may be heavy or not, and is not selected.
/// let parcel = Message::new("a stove").with_header("color", "red");
/// assert_eq!(heavy.evaluate(&parcel), Truth::Unknown);
/// assert!(!heavy.matches(&parcel));
/// # Ok::<(), mqlab_core::selector::InvalidSelector>(())
/// ```
#[derive(Clone, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Selector(Arc<Compiled>);

struct Compiled {
    text: Box<str>,
    program: Program,
}

impl Selector {
    /// Compiles a selector.
    ///
    /// An empty text is none: where JMS takes one for "no selector", use `None` of an `Option`.
    ///
    /// # Errors
    ///
    /// [`InvalidSelector`] with the place where the text goes wrong, and what could stand there.
    pub fn parse(text: &str) -> Result<Self, InvalidSelector> {
        let program = parser::parse(text)?;
        Ok(Self(Arc::new(Compiled { text: text.into(), program })))
    }

    /// Whether a message is selected: whether it is true that it is as described.
    pub fn matches(&self, message: &Message) -> bool {
        self.evaluate(message) == Truth::True
    }

    /// What the condition is worth for something that has properties. It allocates nothing.
    pub fn evaluate(&self, of: &(impl Properties + ?Sized)) -> Truth {
        self.0.program.run(of)
    }

    /// The names of the properties that it asks for, each once, in the order of the text.
    pub fn properties(&self) -> impl Iterator<Item = &str> {
        self.0.program.properties()
    }

    /// The text that it was compiled from.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }
}

impl FromStr for Selector {
    type Err = InvalidSelector;

    fn from_str(text: &str) -> Result<Self, InvalidSelector> {
        Self::parse(text)
    }
}

impl From<Selector> for String {
    fn from(selector: Selector) -> Self {
        selector.as_str().into()
    }
}

impl TryFrom<String> for Selector {
    type Error = InvalidSelector;

    fn try_from(text: String) -> Result<Self, InvalidSelector> {
        Self::parse(&text)
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Selector").field(&self.as_str()).finish()
    }
}

impl PartialEq for Selector {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Selector {}

impl PartialOrd for Selector {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Selector {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for Selector {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}
