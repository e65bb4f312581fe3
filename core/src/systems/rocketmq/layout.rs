//! Which bytes is a message in the CommitLog? All topics share one file, so each message says everything about itself.
//!
//! ```text
//!  total  magic  body   queue  flag  queue   physical sys-  born at and   stored at and re-    prepared  length    length   length
//!  size          CRC    id           offset  offset   flag  by            by            sumes  offset    and body  , topic  , props
//!  4      4      4      4      4     8       8        4     8    8 | 20   8    8 | 20   4      8         4 + n     1|2 + n  2 + n
//! ```
//!
//! All numbers are big-endian. With both hosts in IPv4, a topic whose length takes one byte (version 1) and nothing in it, a
//! message takes 91 bytes: [`FIXED_BYTES`]. An IPv6 host takes 12 more, version 2 one more.
//!
//! ```text
//!  ... message │ message │ size of the rest, magic of a blank ┆ (anything) │ message ...
//!                        └────────────── the file's end ──────────────────┘└─ the next file
//! ```
//!
//! A message is never cut by the end of a file. Where it and the eight bytes of a blank do not fit, the rest is declared blank.
//!
//! Sources: `MessageExtEncoder.java`, `CommitLog.java`, `MessageSysFlag.java`.

use alloc::vec::Vec;
use core::fmt;

use bytes::{Buf as _, BufMut as _, Bytes};
use crc::{CRC_32_ISO_HDLC, Crc, Table};

use super::properties::Properties;
use super::topic::Topic;
use crate::time::Time;

/// A message of version 1 without body, topic and properties, both hosts in IPv4, in bytes.
pub const FIXED_BYTES: u32 = 91;
/// The bytes of a blank that are written: its size and its magic.
pub const BLANK_BYTES: u32 = 8;
/// The largest body and the largest message that a broker takes, in bytes: 4 MiB (`maxMessageSize`).
pub const MESSAGE_BYTES_MAX: u32 = 4 * 1024 * 1024;

const MAGIC_V1: i32 = -626_843_481;
const MAGIC_V2: i32 = -626_843_477;
const MAGIC_BLANK: i32 = -875_286_124;

/// Bits that say what a message is.
pub mod sys_flag {
    /// The part that says in which state of a transaction it is.
    pub const TRANSACTION: i32 = 0b11 << 2;
    /// It is prepared: no consume queue shows it.
    pub const PREPARED: i32 = 0b01 << 2;
    /// It was committed.
    pub const COMMIT: i32 = 0b10 << 2;
    /// It was rolled back: no consume queue shows it.
    pub const ROLLBACK: i32 = 0b11 << 2;
    /// The host where it was born is IPv6.
    pub const BORN_V6: i32 = 1 << 4;
    /// The host that stores it is IPv6.
    pub const STORE_V6: i32 = 1 << 5;
}

/// An address and a port.
///
/// ```
/// use mqlab_core::systems::rocketmq::layout::Host;
/// assert_eq!(Host::V4([10, 0, 0, 7], 10_911).bytes(), 8);
/// assert_eq!(Host::V6([0; 16], 10_911).bytes(), 20);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// IPv4.
    V4([u8; 4], u32),
    /// IPv6.
    V6([u8; 16], u32),
}

impl Host {
    /// How many bytes it takes.
    pub const fn bytes(self) -> u32 {
        match self {
            Self::V4(..) => 8,
            Self::V6(..) => 20,
        }
    }

    fn put(self, to: &mut Vec<u8>) {
        let port = match self {
            Self::V4(address, port) => {
                to.put_slice(&address);
                port
            }
            Self::V6(address, port) => {
                to.put_slice(&address);
                port
            }
        };
        to.put_u32(port);
    }

    fn take(from: &mut &[u8], is_v6: bool) -> Option<Self> {
        let mut v6 = [0; 16];
        let address = if is_v6 { &mut v6[..] } else { &mut v6[..4] };
        from.try_copy_to_slice(address).ok()?;
        let port = from.try_get_u32().ok()?;
        let [a, b, c, d, ..] = v6;
        Some(if is_v6 { Self::V6(v6, port) } else { Self::V4([a, b, c, d], port) })
    }
}

/// With how many bytes a message gives the length of its topic.
///
/// ```
/// use mqlab_core::systems::rocketmq::layout::Version;
/// assert_ne!(Version::V1, Version::V2);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// One byte.
    #[default]
    V1,
    /// Two bytes.
    V2,
}

/// A message as it is stored.
///
/// ```
/// use mqlab_core::systems::rocketmq::layout::{Entry, StoredMessage};
/// use mqlab_core::systems::rocketmq::Topic;
/// let message = StoredMessage::new(Topic::new("orders")?, 2, "paid".into());
/// let bytes = message.encode()?;
/// assert_eq!(bytes.len(), 91 + 4 + 6);
/// assert_eq!(Entry::decode(&bytes)?, Entry::Message(message));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    /// How its topic's length is written.
    pub version: Version,
    /// Which queue of its topic.
    pub queue: u32,
    /// The application's own bits.
    pub flag: i32,
    /// Its place in the queue; 0 where no queue shows it.
    pub queue_offset: u64,
    /// Its place in the CommitLog, in bytes.
    pub physical_offset: u64,
    /// What it is: see [`sys_flag`]. The bits for IPv6 follow from the hosts.
    pub sys_flag: i32,
    /// When it was made.
    pub born_at: Time,
    /// By whom.
    pub born_host: Host,
    /// When it was stored. Times are stored in milliseconds.
    pub stored_at: Time,
    /// By whom.
    pub store_host: Host,
    /// How often consumers sent it back.
    pub reconsumed: u32,
    /// Where the half message is that it decides, in the CommitLog.
    pub prepared_offset: u64,
    /// What it says.
    pub body: Bytes,
    /// Its topic.
    pub topic: Topic,
    /// What stands beside its body.
    pub properties: Properties,
}

/// What begins at a place of the CommitLog.
///
/// ```
/// use mqlab_core::systems::rocketmq::layout::Entry;
/// assert_eq!(Entry::decode(&Entry::blank(100))?, Entry::Blank { bytes: 100 });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A message.
    Message(StoredMessage),
    /// Nothing up to the end of the file.
    Blank {
        /// How far that is.
        bytes: u32,
    },
}

/// Why bytes are not what stands in a CommitLog, or a message cannot stand there.
///
/// ```
/// use mqlab_core::systems::rocketmq::layout::{BadLayout, Entry};
/// assert_eq!(Entry::decode(&vec![0; 3].into()), Err(BadLayout::Cut));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadLayout {
    /// They end too early, or a length says more than there is.
    Cut,
    /// No magic number that is known stands there.
    Magic(i32),
    /// The body is not what was stored.
    Checksum,
    /// Topic or properties are no text of theirs.
    Text,
    /// The topic is longer than its length can say.
    TopicTooLong,
    /// The properties take more than 32,767 bytes.
    PropertiesTooLong,
    /// The message takes more than [`MESSAGE_BYTES_MAX`], or than a file has room for.
    TooLarge,
}

impl fmt::Display for BadLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut => f.write_str("the message is cut off"),
            Self::Magic(magic) => write!(f, "no message begins with the magic number {magic}"),
            Self::Checksum => f.write_str("the body does not have the checksum that was stored with it"),
            Self::Text => f.write_str("the topic or the properties are no text"),
            Self::TopicTooLong => f.write_str("the topic's name is too long for this version of the layout"),
            Self::PropertiesTooLong => f.write_str("the properties take more than 32767 bytes"),
            Self::TooLarge => f.write_str("the message is larger than a broker takes"),
        }
    }
}

impl core::error::Error for BadLayout {}

/// The checksum of a body: CRC-32 as Java has it, without its sign.
fn body_crc(body: &[u8]) -> u32 {
    static CRC_32: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);
    CRC_32.checksum(body) & 0x7fff_ffff
}

impl StoredMessage {
    /// A message for a queue of a topic, otherwise with nothing.
    pub fn new(topic: Topic, queue: u32, body: Bytes) -> Self {
        let host = Host::V4([127, 0, 0, 1], 0);
        let version = Version::V1;
        let (flag, sys_flag, queue_offset, physical_offset) = (0, 0, 0, 0);
        let (born_at, stored_at, born_host, store_host) = (Time::ZERO, Time::ZERO, host, host);
        let (reconsumed, prepared_offset, properties) = (0, 0, Properties::default());
        Self {
            version,
            queue,
            flag,
            queue_offset,
            physical_offset,
            sys_flag,
            born_at,
            born_host,
            stored_at,
            store_host,
            reconsumed,
            prepared_offset,
            body,
            topic,
            properties,
        }
    }

    /// The state of a transaction that it is in: one of [`sys_flag`]'s.
    pub fn transaction(&self) -> i32 {
        self.sys_flag & sys_flag::TRANSACTION
    }

    /// Whether a consume queue shows it.
    pub fn is_visible(&self) -> bool {
        !matches!(self.transaction(), sys_flag::PREPARED | sys_flag::ROLLBACK)
    }

    /// How many bytes it takes.
    ///
    /// # Errors
    ///
    /// [`BadLayout`] where a part is too long for the layout.
    pub fn size(&self) -> Result<u32, BadLayout> {
        self.checked_size(self.properties.size())
    }

    fn checked_size(&self, properties: usize) -> Result<u32, BadLayout> {
        let topic = self.topic.as_str().len();
        let (topic_max, more) = match self.version {
            Version::V1 => (i8::MAX as usize, 0),
            Version::V2 => (i16::MAX as usize, 1),
        };
        if topic > topic_max {
            return Err(BadLayout::TopicTooLong);
        }
        if properties > i16::MAX as usize {
            return Err(BadLayout::PropertiesTooLong);
        }
        let body = u32::try_from(self.body.len()).map_err(|_| BadLayout::TooLarge)?;
        if body > MESSAGE_BYTES_MAX {
            return Err(BadLayout::TooLarge);
        }
        let hosts = self.born_host.bytes() + self.store_host.bytes() - 16;
        Ok(FIXED_BYTES + hosts + more + body + topic as u32 + properties as u32)
    }

    /// The bytes that are stored.
    ///
    /// # Errors
    ///
    /// [`BadLayout`] where a part is too long for the layout.
    pub fn encode(&self) -> Result<Bytes, BadLayout> {
        let size = self.checked_size(self.properties.size())?;
        let v6 = |host: Host, bit| if matches!(host, Host::V6(..)) { bit } else { 0 };
        let hosts = v6(self.born_host, sys_flag::BORN_V6) | v6(self.store_host, sys_flag::STORE_V6);
        let flags = self.sys_flag & !(sys_flag::BORN_V6 | sys_flag::STORE_V6) | hosts;
        let mut to = Vec::with_capacity(size as usize);
        to.put_u32(size);
        to.put_i32(if self.version == Version::V1 { MAGIC_V1 } else { MAGIC_V2 });
        to.put_u32(body_crc(&self.body));
        to.put_u32(self.queue);
        to.put_i32(self.flag);
        to.put_u64(self.queue_offset);
        to.put_u64(self.physical_offset);
        to.put_i32(flags);
        to.put_u64(self.born_at.as_millis());
        self.born_host.put(&mut to);
        to.put_u64(self.stored_at.as_millis());
        self.store_host.put(&mut to);
        to.put_u32(self.reconsumed);
        to.put_u64(self.prepared_offset);
        to.put_u32(self.body.len() as u32);
        to.put_slice(&self.body);
        let topic = self.topic.as_str();
        match self.version {
            Version::V1 => to.put_u8(topic.len() as u8),
            Version::V2 => to.put_u16(topic.len() as u16),
        }
        to.put_slice(topic.as_bytes());
        to.put_u16(self.properties.size() as u16);
        self.properties.write(&mut to);
        Ok(to.into())
    }
}

impl Entry {
    /// The written bytes of a blank that is so large.
    pub fn blank(bytes: u32) -> Bytes {
        let mut to = Vec::with_capacity(BLANK_BYTES as usize);
        to.put_u32(bytes);
        to.put_i32(MAGIC_BLANK);
        to.into()
    }

    /// Reads what begins here; bytes behind it are not looked at.
    ///
    /// # Errors
    ///
    /// [`BadLayout`] when it is neither a whole message nor a blank.
    pub fn decode(bytes: &Bytes) -> Result<Self, BadLayout> {
        let mut head = &bytes[..];
        let size = head.try_get_u32().map_err(|_| BadLayout::Cut)?;
        let version = match head.try_get_i32().map_err(|_| BadLayout::Cut)? {
            MAGIC_V1 => Version::V1,
            MAGIC_V2 => Version::V2,
            MAGIC_BLANK => return Ok(Self::Blank { bytes: size }),
            magic => return Err(BadLayout::Magic(magic)),
        };
        if (bytes.len() as u64) < u64::from(size) || size < FIXED_BYTES {
            return Err(BadLayout::Cut);
        }
        let whole = bytes.slice(..size as usize);
        let mut from = &whole[BLANK_BYTES as usize..];
        let (message, crc) = take(&whole, &mut from, version).ok_or(BadLayout::Cut)??;
        if !from.is_empty() {
            return Err(BadLayout::Cut);
        }
        if body_crc(&message.body) != crc {
            return Err(BadLayout::Checksum);
        }
        Ok(Self::Message(message))
    }
}

/// A message and its checksum, of bytes whose size and magic are read; none where they end too early.
fn take(
    whole: &Bytes,
    from: &mut &[u8],
    version: Version,
) -> Option<Result<(StoredMessage, u32), BadLayout>> {
    let crc = from.try_get_u32().ok()?;
    let queue = from.try_get_u32().ok()?;
    let flag = from.try_get_i32().ok()?;
    let queue_offset = from.try_get_u64().ok()?;
    let physical_offset = from.try_get_u64().ok()?;
    let sys_flag = from.try_get_i32().ok()?;
    let born_at = from.try_get_u64().ok()?;
    let born_host = Host::take(from, sys_flag & sys_flag::BORN_V6 != 0)?;
    let stored_at = from.try_get_u64().ok()?;
    let store_host = Host::take(from, sys_flag & sys_flag::STORE_V6 != 0)?;
    let reconsumed = from.try_get_u32().ok()?;
    let prepared_offset = from.try_get_u64().ok()?;
    let body = from.try_get_u32().ok()? as usize;
    let start = whole.len() - from.len();
    from.get(..body)?;
    let body = whole.slice(start..start + body);
    from.advance(body.len());
    let topic = match version {
        Version::V1 => usize::from(from.try_get_u8().ok()?),
        Version::V2 => usize::from(from.try_get_u16().ok()?),
    };
    let topic = take_bytes(from, topic)?;
    let properties = usize::from(from.try_get_u16().ok()?);
    let properties = take_bytes(from, properties)?;
    let topic = core::str::from_utf8(topic).ok().and_then(|topic| Topic::new(topic).ok());
    let (Some(topic), Some(properties)) = (topic, Properties::decode(properties)) else {
        return Some(Err(BadLayout::Text));
    };
    let message = StoredMessage {
        version,
        queue,
        flag,
        queue_offset,
        physical_offset,
        sys_flag: sys_flag & !(sys_flag::BORN_V6 | sys_flag::STORE_V6),
        born_at: Time(born_at.saturating_mul(1_000)),
        born_host,
        stored_at: Time(stored_at.saturating_mul(1_000)),
        store_host,
        reconsumed,
        prepared_offset,
        body,
        topic,
        properties,
    };
    Some(Ok((message, crc)))
}

fn take_bytes<'a>(from: &mut &'a [u8], bytes: usize) -> Option<&'a [u8]> {
    let (taken, rest) = from.split_at_checked(bytes)?;
    *from = rest;
    Some(taken)
}
