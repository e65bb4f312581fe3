//! Is it the same run? A number that two runs share only if everything that happened in them is the same.

use core::fmt;
use core::hash::{Hash, Hasher};

use super::event::Stamped;

/// The digest of a run up to some moment: 64 bits, shown as 16 hexadecimal digits.
///
/// ```
/// use mqlab_core::observe::Digest;
/// assert_eq!(Digest(0xbeef).to_string(), "000000000000beef");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest(pub u64);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Gathers a digest (a lane of XXH64 over all events).
///
/// ```
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::observe::{Digester, Event, Stamped};
/// use mqlab_core::time::Time;
/// let crashed = |at| Stamped { at: Time(at), step: 1, node: NodeId::Broker(1), event: Event::Crashed };
/// let digest_of = |at| {
///     let mut digester = Digester::default();
///     digester.observe(&crashed(at));
///     digester.digest()
/// };
/// assert_eq!(digest_of(5), digest_of(5));
/// assert_ne!(digest_of(5), digest_of(6)); // a microsecond later is another run
/// ```
#[derive(Clone, Debug, Default)]
pub struct Digester(Words);

impl Digester {
    /// Counts an event in.
    pub fn observe(&mut self, stamped: &Stamped) {
        stamped.hash(&mut self.0);
    }

    /// The digest of what was counted in so far.
    pub fn digest(&self) -> Digest {
        Digest(self.0.finish())
    }
}

/// A hasher that gives one answer on every machine: each number counts as one word of 64 bits, also a length or a
/// discriminant where the machine's own words have 32, as in WebAssembly.
///
/// ```text
///   state ──(+)──▶ turned left by 31 bits ──(* P1)──▶ state      one lane of XXH64: two multiplications a word,
///            ▲                                                   and only one of them waits for the word before
///        word * P2
/// ```
///
/// It is quick because it promises less than a hash for tables that strangers fill: nobody wants to make two runs alike.
/// That two different runs are taken for the same is as unlikely as for any other 64 bits.
///
/// Source: `xxHash`'s specification, `doc/xxhash_spec.md`; the last mixing is XXH64's, too.
#[derive(Clone, Debug)]
struct Words(u64);

impl Default for Words {
    /// As XXH64's first lane begins: from 0, zeros would leave no trace.
    fn default() -> Self {
        Self(P1.wrapping_add(P2))
    }
}

const P1: u64 = 0x9e37_79b1_85eb_ca87;
const P2: u64 = 0xc2b2_ae3d_27d4_eb4f;
const P3: u64 = 0x1656_67b1_9e37_79f9;

impl Words {
    fn word(&mut self, word: u64) {
        self.0 = self.0.wrapping_add(word.wrapping_mul(P2)).rotate_left(31).wrapping_mul(P1);
    }
}

impl Hasher for Words {
    fn finish(&self) -> u64 {
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 33)).wrapping_mul(P2);
        mixed = (mixed ^ (mixed >> 29)).wrapping_mul(P3);
        mixed ^ (mixed >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        let (whole, rest) = bytes.as_chunks::<8>();
        whole.iter().for_each(|word| self.word(u64::from_le_bytes(*word)));
        // What is left has its own length in it, or a zero at its end would not count.
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        word[7] = rest.len() as u8;
        self.word(u64::from_le_bytes(word));
    }

    fn write_u8(&mut self, value: u8) {
        self.word(value.into());
    }

    fn write_u16(&mut self, value: u16) {
        self.word(value.into());
    }

    fn write_u32(&mut self, value: u32) {
        self.word(value.into());
    }

    fn write_u64(&mut self, value: u64) {
        self.word(value);
    }

    fn write_usize(&mut self, value: usize) {
        self.word(value as u64);
    }

    fn write_i16(&mut self, value: i16) {
        self.word(i64::from(value) as u64);
    }

    fn write_i32(&mut self, value: i32) {
        self.word(i64::from(value) as u64);
    }

    fn write_i64(&mut self, value: i64) {
        self.word(value as u64);
    }

    fn write_isize(&mut self, value: isize) {
        self.word(value as i64 as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first rounds of XXH64's first lane, worked out by hand from its specification.
    #[test]
    fn a_word_is_a_round_of_xxh64() {
        let mut words = Words::default();
        words.write_u64(1);
        let first = P1.wrapping_add(P2).wrapping_add(P2).rotate_left(31).wrapping_mul(P1);
        assert_eq!(words.0, first);
        words.write_u64(0);
        assert_eq!(words.0, first.rotate_left(31).wrapping_mul(P1));
    }

    #[test]
    fn whatever_differs_is_told_apart() {
        let digest = |write: &dyn Fn(&mut Words)| {
            let mut words = Words::default();
            write(&mut words);
            words.finish()
        };
        // Numbers among each other, and texts: whether it is one or the other follows from where it stands.
        let numbers = [
            digest(&|_| {}),
            digest(&|words| words.write_u64(0)),
            digest(&|words| words.write_u64(1)),
            digest(&|words| words.write_u64(1 << 63)),
            digest(&|words| (words.write_u64(1), words.write_u64(0)).1),
            digest(&|words| (words.write_u64(0), words.write_u64(1)).1),
        ];
        let texts = [
            digest(&|_| {}),
            digest(&|words| words.write(b"")),
            digest(&|words| words.write(b"a")),
            digest(&|words| words.write(b"a\0")),
            digest(&|words| words.write(b"orders-0")),
            digest(&|words| words.write(b"orders-1")),
            digest(&|words| words.write(b"orders-0\0")),
        ];
        for all in [&numbers[..], &texts[..]] {
            for (at, one) in all.iter().enumerate() {
                assert!(all[at + 1..].iter().all(|other| other != one), "{at}: {all:x?}");
            }
        }
    }
}
