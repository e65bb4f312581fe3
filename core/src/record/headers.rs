//! What stands beside a record's payload? Named values, kept as they stand in its bytes: a reader that asks for none of
//! them pays for none.
//!
//! ```text
//!   count     name             value             name             value
//!   2       │ len │ bytes ... │ len │ bytes ... │ len │ bytes ... │ -1  │          lengths are zig-zag varints, -1: no value
//! ```
//!
//! Most records carry one or two, and most readers want one of them or none. So they are one piece of memory, which all
//! records of a batch share with it, and not a list of pieces.
//!
//! Source: Kafka `DefaultRecord.java`.

use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

use super::builder::{HeaderWriter, put_slice, slice_len};
use super::varint;

/// A header: its name, which is UTF-8 by convention, and its value, if any.
pub type Header<'a> = (&'a [u8], Option<&'a [u8]>);

/// The headers of a record, in order. A name may come several times.
///
/// ```
/// use mqlab_core::record::{BatchBuilder, Headers, NewRecord};
/// let mut headers = Headers::from_iter([("tenant", Some("acme"))]);
/// headers.push(b"trace", None);
/// let mut builder = BatchBuilder::new();
/// builder.push(&NewRecord { headers, ..Default::default() })?;
/// let record = builder.build().records().next().ok_or("one record")?;
/// assert_eq!(record.headers.get(b"tenant"), Some(Some(&b"acme"[..])));
/// assert_eq!((record.headers.get(b"trace"), record.headers.get(b"color")), (Some(None), None));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    count: u32,
    /// Sound: they were written here, or walked when their batch was checked.
    bytes: Bytes,
}

impl Headers {
    /// No headers.
    pub const fn new() -> Self {
        Self { count: 0, bytes: Bytes::new() }
    }

    /// What was checked before: so many headers, and their bytes.
    pub(super) fn trusted(count: u32, bytes: Bytes) -> Self {
        Self { count, bytes }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How they stand in the record, without the count before them.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Header<'_>> {
        walk(&self.bytes)
    }

    /// The value of the first header of this name: the outer `None` when there is no such header.
    pub fn get(&self, name: &[u8]) -> Option<Option<&[u8]>> {
        self.iter().find(|(other, _)| *other == name).map(|(_, value)| value)
    }

    /// A part of one of these headers, sharing their memory.
    pub(crate) fn share(&self, part: &[u8]) -> Bytes {
        self.bytes.slice_ref(part)
    }

    /// Adds a header at the end.
    pub fn push(&mut self, name: &[u8], value: Option<&[u8]>) {
        let more = slice_len(Some(name)) + slice_len(value);
        let mut bytes = Vec::with_capacity(self.bytes.len() + more);
        bytes.extend_from_slice(&self.bytes);
        put_slice(&mut bytes, Some(name));
        put_slice(&mut bytes, value);
        *self = Self { count: self.count + 1, bytes: bytes.into() };
    }

    /// Removes the last header.
    pub(crate) fn pop(&mut self) {
        let (mut rest, mut last) = (&self.bytes[..], None);
        while !rest.is_empty() {
            last = Some(self.bytes.len() - rest.len());
            if take_header(&mut rest).is_none() {
                break;
            }
        }
        if let Some(last) = last {
            self.bytes.truncate(last);
            self.count -= 1;
        }
    }
}

impl From<HeaderWriter> for Headers {
    fn from(written: HeaderWriter) -> Self {
        Self { count: written.count as u32, bytes: written.bytes.into() }
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, Option<V>)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, Option<V>)>>(headers: I) -> Self {
        let mut written = HeaderWriter::default();
        for (name, value) in headers {
            written.put(
                name.as_ref(),
                value.as_ref().map(|value| [value.as_ref()]).as_ref().map(|one| &one[..]),
            );
        }
        written.into()
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.iter().map(|(name, value)| (name.escape_ascii(), value.map(<[u8]>::escape_ascii)));
        let text = |(name, value): (core::slice::EscapeAscii<'_>, Option<core::slice::EscapeAscii<'_>>)| {
            (alloc::format!("{name}"), value.map(|value| alloc::format!("{value}")))
        };
        f.debug_map().entries(shown.map(text)).finish()
    }
}

/// The headers that stand in some bytes, as long as they can be read whole.
#[inline]
pub(super) fn walk(bytes: &[u8]) -> impl Iterator<Item = Header<'_>> {
    let mut rest = bytes;
    core::iter::from_fn(move || take_header(&mut rest))
}

/// The name and value at the front of `bytes`; `None` when they cannot be read whole.
#[inline]
pub(super) fn take_header<'a>(bytes: &mut &'a [u8]) -> Option<Header<'a>> {
    Some((take_slice(bytes)??, take_slice(bytes)?))
}

/// A slice with its length in front, -1 for none; the outer `None` when it is cut off.
#[inline(always)]
pub(super) fn take_slice<'a>(bytes: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let length = varint::take(bytes)?;
    if length == -1 {
        return Some(None);
    }
    let (slice, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    Some(Some(slice))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_a_list_that_grows_and_shrinks_at_its_end() {
        let mut headers = Headers::new();
        let long = [b'x'; 300];
        let all: [Header<'_>; 4] =
            [(b"a", Some(b"1")), (b"", None), (b"a", Some(b"")), (b"long", Some(&long))];
        for (name, value) in all {
            headers.push(name, value);
        }
        assert_eq!(headers.iter().collect::<Vec<_>>(), all);
        assert_eq!(headers, all.into_iter().collect::<Headers>());
        assert_eq!((headers.get(b"a"), headers.get(b"")), (Some(Some(&b"1"[..])), Some(None)));
        assert_eq!(headers.get(b"b"), None);
        for left in (0..all.len()).rev() {
            headers.pop();
            assert_eq!(headers.iter().collect::<Vec<_>>(), all[..left]);
            assert_eq!((headers.len(), headers.is_empty()), (left, left == 0));
        }
        headers.pop();
        assert_eq!(headers, Headers::new());
    }
}
