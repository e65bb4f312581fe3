//! Does a text look like a pattern? `%` stands for any number of characters, `_` for exactly one.
//!
//! ```text
//!   pattern   1  2  %  3          On a difference behind a %, the % takes one character more and all behind it
//!             │  │  │  │          is tried again. Only the last % is ever asked: if what stands between two of them
//!   text      1  2  99 3          was found once, finding it later leaves less for the rest.
//! ```
//!
//! So the work is at most the length of the text times the length of the pattern, however many `%` there are; a
//! matcher that tries every one anew needs exponential time for `%a%a%a%a%b`.
//!
//! A character is a Unicode scalar value. In Java it is half of a surrogate pair beyond U+FFFF, where `_` would take
//! half of an emoji.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Element {
    /// These characters.
    These(String),
    /// Any one character.
    One,
    /// Any number of characters.
    Many,
}

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(super) struct Pattern(Box<[Element]>);

impl Pattern {
    /// Compiles a pattern; a character behind the escape stands for itself. `None` where the escape stands before
    /// anything but `%`, `_` or itself, which SQL forbids, for it would be a slip.
    pub(super) fn new(text: &str, escape: Option<char>) -> Option<Self> {
        let mut elements: Vec<Element> = Vec::new();
        let mut rest = text.chars();
        while let Some(next) = rest.next() {
            let literal = match next {
                _ if Some(next) == escape => {
                    rest.next().filter(|&next| matches!(next, '%' | '_') || Some(next) == escape)?
                }
                '%' => {
                    if elements.last() != Some(&Element::Many) {
                        elements.push(Element::Many);
                    }
                    continue;
                }
                '_' => {
                    elements.push(Element::One);
                    continue;
                }
                literal => literal,
            };
            if let Some(Element::These(characters)) = elements.last_mut() {
                characters.push(literal);
            } else {
                elements.push(Element::These(literal.into()));
            }
        }
        Some(Self(elements.into()))
    }

    /// Whether the whole text looks like it.
    pub(super) fn matches(&self, text: &str) -> bool {
        let (mut elements, mut rest) = (&self.0[..], text);
        // What follows the last %, and the text that was left when it had taken what it has so far.
        let mut retry: Option<(&[Element], &str)> = None;
        loop {
            let fits = match elements.split_first() {
                None if rest.is_empty() => return true,
                None => None,
                Some((Element::Many, [])) => return true,
                Some((Element::Many, behind)) => {
                    retry = Some((behind, rest));
                    Some((behind, rest))
                }
                // What is too short stays too short when the % takes more.
                Some((Element::These(characters), _)) if rest.len() < characters.len() => return false,
                Some((Element::These(characters), behind)) => {
                    rest.strip_prefix(&**characters).map(|rest| (behind, rest))
                }
                Some((Element::One, _)) if rest.is_empty() => return false,
                Some((Element::One, behind)) => without_first(rest).map(|rest| (behind, rest)),
            };
            (elements, rest) = if let Some(next) = fits {
                next
            } else {
                let Some((behind, Some(left))) = retry.map(|(behind, left)| (behind, without_first(left)))
                else {
                    return false;
                };
                retry = Some((behind, left));
                (behind, left)
            };
        }
    }
}

/// The text without its first character.
fn without_first(text: &str) -> Option<&str> {
    let mut characters = text.chars();
    characters.next()?;
    Some(characters.as_str())
}
