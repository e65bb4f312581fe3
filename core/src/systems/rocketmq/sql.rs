//! Which messages does an SQL filter select? Conditions on properties, as JMS has them, with three words more.
//!
//! ```text
//!   name CONTAINS 'a_b'    ──▶   name LIKE '%a\_b%' ESCAPE '\'
//!   name STARTSWITH 'a'    ──▶   name LIKE 'a%' ESCAPE '\'
//!   name ENDSWITH 'b'      ──▶   name LIKE '%b' ESCAPE '\'
//! ```
//!
//! The rest is [`crate::selector`]'s, asked of properties that have no types: beside a number a text counts as the number that it
//! spells. What real systems do: RocketMQ took its parser from ActiveMQ, without `LIKE` and arithmetic, which are understood
//! here; it refuses `BETWEEN 3 AND 1`, which is never true here; and a text that spells no number is, beside one, unequal and
//! sometimes less there, and neither here.
//!
//! Source: `SelectorParser.jj`, `ComparisonExpression.java`.

use alloc::string::String;

use super::properties::Properties;
use crate::selector::{InvalidSelector, Selector, Truth};

/// A condition on a message's properties, compiled.
///
/// ```
/// use mqlab_core::systems::rocketmq::Properties;
/// use mqlab_core::systems::rocketmq::sql::SqlFilter;
/// let filter = SqlFilter::parse("age BETWEEN 18 AND 65 AND name NOT CONTAINS 'test'")?;
/// let mut properties = Properties::default();
/// properties.set("age", "40")?;
/// properties.set("name", "Ada")?;
/// assert!(filter.matches(&properties));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlFilter {
    text: String,
    selector: Selector,
}

impl SqlFilter {
    /// Compiles a condition.
    ///
    /// # Errors
    ///
    /// [`InvalidSelector`], whose places are those of the text with the three words written as `LIKE`.
    pub fn parse(text: &str) -> Result<Self, InvalidSelector> {
        Ok(Self { text: text.into(), selector: Selector::parse(&with_like(text))? })
    }

    /// Whether the condition is true of these properties.
    pub fn matches(&self, properties: &Properties) -> bool {
        self.selector.evaluate(properties) == Truth::True
    }

    /// The text that it was compiled from.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// What stands around a text in the pattern that each of the three words means.
const WORDS: [(&str, &str, &str); 3] =
    [("CONTAINS", "%", "%"), ("STARTSWITH", "", "%"), ("ENDSWITH", "%", "")];

/// The same condition without the three words. They count as words only before a text in quotes, so that a property may have
/// such a name; what stands in quotes is left as it is.
fn with_like(text: &str) -> String {
    let mut to = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if first == '\'' {
            let end = quoted_bytes(rest);
            to.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$');
        let word = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        if word == 0 {
            to.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let behind = rest[word..].trim_start();
        let known = WORDS.iter().find(|(known, ..)| rest[..word].eq_ignore_ascii_case(known));
        let end = quoted_bytes(behind);
        if let Some((_, before, after)) = known
            && behind.starts_with('\'')
            && end > 1
            && behind[..end].ends_with('\'')
        {
            to.push_str("LIKE '");
            to.push_str(before);
            for c in behind[1..end - 1].chars() {
                if matches!(c, '%' | '_' | '\\') {
                    to.push('\\');
                }
                to.push(c);
            }
            to.push_str(after);
            to.push_str("' ESCAPE '\\'");
            rest = &behind[end..];
        } else {
            to.push_str(&rest[..word]);
            rest = &rest[word..];
        }
    }
    to
}

/// How long the quoted text is that begins here, with its quotes; two quotes inside are one character of it.
fn quoted_bytes(text: &str) -> usize {
    let mut inside = false;
    for (at, c) in text.char_indices() {
        inside ^= c == '\'';
        if !inside && !text[at + c.len_utf8()..].starts_with('\'') {
            return at + c.len_utf8();
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_words_become_patterns() {
        let rows = [
            ("a CONTAINS 'x'", r"a LIKE '%x%' ESCAPE '\'"),
            ("a not startswith 'x_%'", r"a not LIKE 'x\_\%%' ESCAPE '\'"),
            ("a EndsWith 'it''s'", r"a LIKE '%it''s' ESCAPE '\'"),
            ("contains = 'a CONTAINS ''x'''", "contains = 'a CONTAINS ''x'''"),
            ("a CONTAINS 'open", "a CONTAINS 'open"),
            ("a CONTAINS '", "a CONTAINS '"),
            ("a CONTAINS ''", r"a LIKE '%%' ESCAPE '\'"),
        ];
        for (text, like) in rows {
            assert_eq!(with_like(text), like);
        }
    }
}
