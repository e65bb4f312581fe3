//! Is it the same run? A number that two runs share only if everything that happened in them is the same.

use core::fmt;
use core::hash::{Hash, Hasher};

use siphasher::sip::SipHasher13;

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

/// Gathers a digest (SipHash-1-3 over all events).
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
pub struct Digester(Portable);

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

/// A hasher that gives one answer on every machine: lengths and discriminants count as 64 bits, also where the
/// machine's own words have 32, as in WebAssembly.
#[derive(Clone, Debug, Default)]
struct Portable(SipHasher13);

impl Hasher for Portable {
    fn finish(&self) -> u64 {
        self.0.finish()
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    fn write_u16(&mut self, value: u16) {
        self.0.write(&value.to_le_bytes());
    }

    fn write_u32(&mut self, value: u32) {
        self.0.write(&value.to_le_bytes());
    }

    fn write_u64(&mut self, value: u64) {
        self.0.write(&value.to_le_bytes());
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    fn write_isize(&mut self, value: isize) {
        self.write_u64(value as i64 as u64);
    }
}
