//! How does a whole scenario fit into a link? As JSON, compressed, in letters that an address may have.
//!
//! ```text
//!   scenario ── JSON ──▶ bytes ── deflate, if that is shorter ──▶ bytes ── base64url ──▶ j... plain, z... compressed
//! ```
//!
//! A link may come from anybody: what it unpacks to has a limit, and whatever is wrong with it is one clear error.
//!
//! Sources: RFC 4648 section 5 (base64url, here without padding), RFC 1951 (deflate).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;

use super::scenario::{InvalidScenario, Scenario};

/// The most letters of a packed scenario: what browsers and chats let pass.
pub const PACKED_MAX: usize = 64 * 1024;
/// The most bytes that one unpacks to.
pub const UNPACKED_MAX: usize = 1024 * 1024;

/// The letters of base64url, by their values.
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// How hard it is tried to make it short, of 10.
const EFFORT: u8 = 9;

/// Why text is no packed scenario.
///
/// ```
/// use mqlab_core::sim::{BadPacked, Scenario};
/// assert_eq!(Scenario::unpack("x"), Err(BadPacked::Kind));
/// assert_eq!(Scenario::unpack("j!"), Err(BadPacked::Letter('!')));
/// assert!(matches!(Scenario::unpack("je30"), Err(BadPacked::Scenario(_)))); // "{}" is no scenario
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadPacked {
    /// It does not begin as one.
    Kind,
    /// A letter that none has.
    Letter(char),
    /// It ends too early, or in the middle of it something is missing.
    Torn,
    /// It is longer than [`PACKED_MAX`], or unpacks to more than [`UNPACKED_MAX`].
    TooLarge,
    /// It is a scenario that cannot be run, or none.
    Scenario(InvalidScenario),
}

impl fmt::Display for BadPacked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind => f.write_str("a packed scenario begins with j or z"),
            Self::Letter(letter) => write!(f, "a packed scenario has no {letter:?}"),
            Self::Torn => f.write_str("a part of the packed scenario is missing"),
            Self::TooLarge => write!(
                f,
                "a packed scenario has at most {PACKED_MAX} letters, and unpacks to at most {UNPACKED_MAX} bytes"
            ),
            Self::Scenario(why) => why.fmt(f),
        }
    }
}

impl core::error::Error for BadPacked {}

impl Scenario {
    /// The scenario in letters that an address may have.
    ///
    /// ```
    /// use mqlab_core::sim::Scenario;
    /// let scenario = Scenario::built_in("kill-the-leader").ok_or("no such scenario")?;
    /// let packed = scenario.pack();
    /// assert!(packed.len() < 1_500, "{}", packed.len());
    /// assert_eq!(Scenario::unpack(&packed)?, scenario);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    ///
    /// Never: a scenario is plain data with text for keys.
    pub fn pack(&self) -> String {
        pack_text(&serde_json::to_string(self).expect("plain data can be written"))
    }

    /// The scenario that was [packed](Self::pack).
    ///
    /// # Errors
    ///
    /// [`BadPacked`] with the first thing that is wrong.
    pub fn unpack(packed: &str) -> Result<Self, BadPacked> {
        Self::from_json(&unpack_text(packed)?).map_err(BadPacked::Scenario)
    }

    /// The scenario that a link holds as `run=...`, however much stands around it; `None` when it holds none.
    ///
    /// ```
    /// use mqlab_core::sim::Scenario;
    /// let scenario = Scenario::built_in("hundred-messages").ok_or("no such scenario")?;
    /// let link = format!("http://127.0.0.1:8080/?run={}&lang=zh", scenario.pack());
    /// assert_eq!(Scenario::of_link(&link), Some(Ok(scenario)));
    /// assert_eq!(Scenario::of_link("http://127.0.0.1:8080/?scenario=outbox"), None);
    /// # Ok::<(), &str>(())
    /// ```
    pub fn of_link(link: &str) -> Option<Result<Self, BadPacked>> {
        let (_, query) = link.split_once('?')?;
        let query = query.split('#').next().unwrap_or_default();
        let packed = query.split('&').find_map(|part| part.strip_prefix("run="))?;
        Some(Self::unpack(packed))
    }
}

/// Any text in letters that an address may have, short: what a person did in a run, when that is a lot.
///
/// ```
/// use mqlab_core::sim::{pack_text, unpack_text};
/// let text = "412.8 crash broker-1,".repeat(100);
/// assert!(pack_text(&text).len() < 100);
/// assert_eq!(unpack_text(&pack_text(&text)), Ok(text));
/// ```
pub fn pack_text(text: &str) -> String {
    pack(text.as_bytes())
}

/// The text that was [packed](pack_text).
///
/// ```
/// use mqlab_core::sim::{BadPacked, unpack_text};
/// assert_eq!(unpack_text("jMQ"), Ok("1".into()));
/// assert_eq!(unpack_text("jM"), Err(BadPacked::Torn));
/// ```
///
/// # Errors
///
/// [`BadPacked`] with the first thing that is wrong.
pub fn unpack_text(packed: &str) -> Result<String, BadPacked> {
    if packed.len() > PACKED_MAX {
        return Err(BadPacked::TooLarge);
    }
    let mut letters = packed.chars();
    let kind = letters.next().filter(|kind| "jz".contains(*kind)).ok_or(BadPacked::Kind)?;
    let bytes = decode(letters)?;
    let text = match kind {
        'j' => bytes,
        _ => decompress_to_vec_with_limit(&bytes, UNPACKED_MAX).map_err(|error| match error.status {
            miniz_oxide::inflate::TINFLStatus::HasMoreOutput => BadPacked::TooLarge,
            _ => BadPacked::Torn,
        })?,
    };
    String::from_utf8(text).map_err(|_| BadPacked::Torn)
}

fn pack(bytes: &[u8]) -> String {
    let small = compress_to_vec(bytes, EFFORT);
    let (kind, bytes) = if small.len() < bytes.len() { ('z', &small[..]) } else { ('j', bytes) };
    let mut packed = String::from(kind);
    encode(bytes, &mut packed);
    packed
}

fn encode(bytes: &[u8], text: &mut String) {
    for chunk in bytes.chunks(3) {
        let mut three = [0; 3];
        three[..chunk.len()].copy_from_slice(chunk);
        let [a, b, c] = three.map(u32::from);
        let value = a << 16 | b << 8 | c;
        for place in 0..=chunk.len() as u32 {
            let letter = LETTERS[(value >> (18 - 6 * place) & 63) as usize];
            text.push(char::from(letter));
        }
    }
}

fn decode(letters: impl Iterator<Item = char>) -> Result<Vec<u8>, BadPacked> {
    let mut bytes = Vec::new();
    let (mut value, mut bits) = (0_u32, 0);
    for letter in letters {
        let digit = LETTERS.iter().position(|known| char::from(*known) == letter);
        value = value << 6 | digit.ok_or(BadPacked::Letter(letter))? as u32;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((value >> bits) as u8);
            value &= (1 << bits) - 1;
        }
    }
    // What is left over is filled up with zeros, and never a whole letter.
    if bits >= 6 || value != 0 { Err(BadPacked::Torn) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;

    /// The vectors of RFC 4648, section 10, without padding.
    #[test]
    fn base64() {
        let table = [
            ("", ""),
            ("f", "Zg"),
            ("fo", "Zm8"),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg"),
            ("fooba", "Zm9vYmE"),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, coded) in table {
            let mut text = String::new();
            encode(plain.as_bytes(), &mut text);
            assert_eq!(text, coded);
            assert_eq!(decode(coded.chars()), Ok(plain.as_bytes().to_vec()));
        }
        assert_eq!(decode("Zg==".chars()), Err(BadPacked::Letter('=')));
        assert_eq!(decode("Zh".chars()), Err(BadPacked::Torn), "bits that nothing has");
        assert_eq!(decode("Zm9vY".chars()), Err(BadPacked::Torn));
        assert_eq!(decode("-_8".chars()), Ok(vec![0xfb, 0xff]));
    }

    #[test]
    fn every_scenario_comes_back() {
        for name in Scenario::names() {
            let scenario = Scenario::built_in(name).expect("it is there");
            let packed = scenario.pack();
            assert_eq!(Scenario::unpack(&packed), Ok(scenario), "{name}");
            // However it is torn, it is an error, and no panic.
            for end in 0..packed.len() {
                assert!(Scenario::unpack(&packed[..end]).is_err(), "{name}, {end} letters of it");
            }
        }
    }

    #[test]
    fn what_unpacks_to_too_much_is_refused() {
        let mut bomb = String::from("z");
        encode(&compress_to_vec(&vec![b' '; UNPACKED_MAX + 1], EFFORT), &mut bomb);
        assert!(bomb.len() < PACKED_MAX);
        assert_eq!(Scenario::unpack(&bomb), Err(BadPacked::TooLarge));
        let long: String = core::iter::repeat_n('A', PACKED_MAX + 1).collect();
        assert_eq!(Scenario::unpack(&long), Err(BadPacked::TooLarge));
        assert_eq!(Scenario::unpack("").map_err(|why| why.to_string()), Err(BadPacked::Kind.to_string()));
    }
}
