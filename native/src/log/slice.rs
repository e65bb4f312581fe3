//! Stored bytes that were found and not yet read: parts of files.
//!
//! | what is wanted | call | what is copied |
//! |---|---|---|
//! | to look into the messages | [`load`](Slice::load) | once, from the page cache into memory of one's own |
//! | the same without a copy | [`load_mapped`](FileSlice::load_mapped) | nothing: the page cache itself is looked at |
//! | to send them to somebody | [`send`](FileSlice::send), or a [`Courier`] | `transfer` has a drawing |

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use mqlab_core::ids::Offset;
use mqlab_core::log::Slice;
use mqlab_core::record::{Batches, Malformed, whole_prefix};

use super::mapped;
use super::segment::{Range, Segment};
use super::transfer::Courier;
use crate::error::{Context as _, Error};

/// Whole batches of a log, as parts of its segments' files.
///
/// It keeps the files open, so that trimming the log takes nothing away from it. Truncating does: what is cut off
/// and written anew is not what was found, and [`load`](Slice::load) says so where it can tell. Carry out what a
/// broker wants sent before handing it the next input, and the question does not arise.
#[derive(Clone, Debug, Default)]
pub struct FileSlice {
    parts: Vec<Part>,
}

/// A part of one segment.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) file: Arc<File>,
    pub(super) path: Arc<Path>,
    pub(super) range: Range,
}

impl FileSlice {
    pub(super) fn push(&mut self, segment: &Segment, file: Arc<File>, range: Range) {
        self.parts.push(Part { file, path: segment.path.clone(), range });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The batches as they lie in the page cache, checked as [`load`](Slice::load) checks them, without a copy: one
    /// [`Batches`] for each segment that the slice has a part of, in order. Their bytes are a mapping of the segment's
    /// file, which lasts as long as any of them.
    ///
    /// Pages that are not in the cache are read from disk when they are first touched, here, while the checksums are
    /// summed. Such a read has no way to fail but a signal: see Errors.
    ///
    /// # Errors
    ///
    /// As for [`load`](Slice::load): [`Error::Damaged`], [`Error::Changed`], [`Error::Io`] when the file cannot be mapped.
    /// A file that is shorter than the slice is found before it is touched, and is [`Error::Changed`].
    ///
    /// The process is killed by SIGBUS instead when a page vanishes between this and its use: when another program
    /// shortens the file, or when the disk cannot read the page. This process does not shorten a segment that it has mapped;
    /// `native/src/log/mapped.rs` says who does, and what comes of it.
    ///
    /// ```
    /// # use mqlab::log::FileStorage;
    /// # use mqlab_core::ids::{LogName, Name, Offset};
    /// # use mqlab_core::log::{Log, Slice, Storage, contract::batch};
    /// # let scratch = tempfile::tempdir()?;
    /// # let mut storage = FileStorage::open(scratch.path().join("data"))?;
    /// # let mut log = storage.open(&LogName::Queue(Name::new("q")?))?;
    /// # log.append(&batch(0, 3))?;
    /// let slice = log.read(Offset(0), log.end(), u32::MAX)?;
    /// let mapped = slice.load_mapped()?;
    /// assert_eq!(mapped, [slice.load()?]); // one segment, the same batches
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn load_mapped(&self) -> Result<Vec<Batches>, Error> {
        self.parts
            .iter()
            .map(|part| part.checked(part.of_mapping(&mapped::map(&part.file, &part.path)?)?))
            .collect()
    }

    /// Sends all of it to a socket, or to any descriptor that can be written to, in the way that suits the receiver
    /// ([`Transfer::suited_to`](super::Transfer::suited_to)). It waits where the receiver takes no more, also when the
    /// descriptor does not block. Nothing is checked on the way: whoever receives batches sums their checksums.
    ///
    /// Who sends many slices to the same peer, or cannot wait, keeps a [`Courier`].
    ///
    /// # Errors
    ///
    /// As for [`Courier::send`].
    pub fn send(&self, to: impl AsFd) -> Result<(), Error> {
        let mut courier = Courier::suited_to(&to);
        courier.put(self);
        courier.send_all(&to)
    }
}

impl Part {
    /// What of a mapping of its file belongs to it.
    pub(super) fn of_mapping(&self, mapping: &Bytes) -> Result<Bytes, Error> {
        let end = self.range.position + self.range.bytes;
        if mapping.len() as u64 >= end {
            Ok(mapping.slice(self.range.position as usize..end as usize))
        } else {
            Err(self.changed())
        }
    }

    /// The file is not any more what it was when the part was found.
    pub(super) fn changed(&self) -> Error {
        Error::Changed { path: self.path.to_path_buf() }
    }

    /// The checksum does not cover the base offset.
    fn check_base(&self, bytes: &[u8]) -> Result<(), Error> {
        let base = bytes.first_chunk().map(|base| u64::from_be_bytes(*base));
        if base == Some(self.range.base.0) { Ok(()) } else { Err(self.changed()) }
    }

    /// The part's bytes as batches, if they are sound.
    fn checked(&self, bytes: Bytes) -> Result<Batches, Error> {
        self.check_base(&bytes)?;
        let batches =
            Batches::parse(bytes.clone()).map_err(|_| damage(std::slice::from_ref(self), &bytes))?;
        self.check_end(batches)
    }

    /// What would tell that the last batch's offset is wrong is not among the batches: what follows.
    fn check_end(&self, batches: Batches) -> Result<Batches, Error> {
        let until = self.range.until.0;
        match batches.next() {
            Some(next) if next.0 > until => {
                let reason = Malformed::OutOfOrder { expected: next.0, found: until };
                let position = self.range.position + self.range.bytes;
                Err(Error::Damaged { path: self.path.to_path_buf(), position, reason })
            }
            _ => Ok(batches),
        }
    }
}

/// Names the file and the place of what is wrong with the bytes of some parts.
fn damage(parts: &[Part], bytes: &[u8]) -> Error {
    let (good, _, reason) = whole_prefix(bytes, Offset::ZERO);
    let mut position = good as u64;
    for Part { path, range, .. } in parts {
        if position < range.bytes
            && let Some(reason) = reason
        {
            let position = range.position + position;
            return Error::Damaged { path: path.to_path_buf(), position, reason };
        }
        position = position.saturating_sub(range.bytes);
    }
    // A mapping that another program wrote to while it was checked.
    parts[0].changed()
}

impl Slice for FileSlice {
    type Error = Error;

    fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.range.bytes).sum()
    }

    /// Reads the bytes and checks them again: they come from outside.
    fn load(&self) -> Result<Batches, Error> {
        let mut bytes = vec![0; self.bytes() as usize];
        let mut at = 0;
        for part in &self.parts {
            let read = &mut bytes[at..at + part.range.bytes as usize];
            part.file.read_exact_at(read, part.range.position).context("read", &part.path)?;
            part.check_base(read)?;
            at += read.len();
        }
        let bytes = Bytes::from(bytes);
        let batches = Batches::parse(bytes.clone()).map_err(|_| damage(&self.parts, &bytes))?;
        match self.parts.last() {
            Some(last) => last.check_end(batches),
            None => Ok(batches),
        }
    }
}
