//! Which number does a text become? Java's `String.hashCode`, on which tags, keys and the choice of a queue rest.
//!
//! ```text
//!   h = 0;  for each half of UTF-16:  h = 31 · h + half        in 32 bits, wrapping around
//!
//!   "TagA" = 2598919      "AaAa" = "BBBB" = 2031744: two texts, one hash      "polygenelubricants" = -2147483648
//! ```
//!
//! A hash is small enough to stand in an index, and so a broker filters without opening messages. That two texts may share
//! one is why the client looks at the text once more.
//!
//! Source: Java `String.hashCode`; `MessageExtBrokerInner.tagsString2tagsCode`, `IndexFile.java`.

/// Java's hash of a text.
///
/// ```
/// use mqlab_core::systems::rocketmq::hash::java_hash;
/// assert_eq!(java_hash("TagA"), 2_598_919);
/// assert_eq!(java_hash("AaAa"), java_hash("BBBB"));
/// ```
pub fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0_i32, |hash, half| hash.wrapping_mul(31).wrapping_add(i32::from(half)))
}

/// What a consume queue keeps of a tag: its hash with the sign carried on; 0 without a tag.
///
/// ```
/// use mqlab_core::systems::rocketmq::hash::tags_code;
/// assert_eq!(tags_code(Some("TagB")), 2_598_920);
/// assert_eq!(tags_code(None), 0);
/// ```
pub fn tags_code(tag: Option<&str>) -> i64 {
    tag.filter(|tag| !tag.is_empty()).map_or(0, |tag| i64::from(java_hash(tag)))
}

/// What an index keeps of a key: the absolute value of the hash of `topic#key`; 0 for the one number that has none.
///
/// ```
/// use mqlab_core::systems::rocketmq::hash::key_hash;
/// assert!(key_hash("orders", "17") >= 0);
/// ```
pub fn key_hash(topic: &str, key: &str) -> i32 {
    let text = topic.encode_utf16().chain("#".encode_utf16()).chain(key.encode_utf16());
    magnitude(text.fold(0_i32, |hash, half| hash.wrapping_mul(31).wrapping_add(i32::from(half))))
}

/// The absolute value; 0 for the smallest number, which has none.
pub(super) fn magnitude(hash: i32) -> i32 {
    hash.checked_abs().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_java_s() {
        let vectors = [
            ("", 0),
            ("*", 42),
            ("TagA", 2_598_919),
            ("TagB", 2_598_920),
            ("AaAa", 2_031_744),
            ("BBBB", 2_031_744),
            ("polygenelubricants", i32::MIN),
        ];
        for (text, hash) in vectors {
            assert_eq!(java_hash(text), hash, "{text}");
        }
        // Beyond U+FFFF a character is two halves.
        assert_eq!(java_hash("\u{1f600}"), 31 * 0xd83d + 0xde00);
        assert_eq!(magnitude(i32::MIN), 0);
        assert_eq!(key_hash("t", "k"), java_hash("t#k").abs());
    }
}
