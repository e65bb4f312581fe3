//! When a file is mapped into memory, who sees to it that it stays as long as it was?
//!
//! A mapping lends pages of the page cache, and the processor reads them as if they were the program's own memory:
//!
//! ```text
//!   segment   ┌────┬────┬────┬────┐            ┌────┬────┐ ┄ ┄ ┄ ┄ ┐
//!             │ p0 │ p1 │ p2 │ p3 │   set_len  │ p0 │ p1 │  gone     ┆
//!             └─┬──┴─┬──┴─┬──┴─┬──┘  ────────▶ └─┬──┴─┬──┘ ┄ ┄ ┄ ┄ ┘
//!   mapping   [ p0 │ p1 │ p2 │ p3 ]            [ p0 │ p1 │ ✗  │ ✗  ]  ◀── a program reads: SIGBUS, it is killed
//!                                                                     ◀── the kernel reads (`write`): EFAULT
//! ```
//!
//! | who could shorten or overwrite a mapped segment | what is done about it |
//! |---|---|
//! | this log, when it is [truncated](mqlab_core::log::Log::truncate) | a segment that this process has mapped is not cut: [`shorten`] writes its front anew, and renames |
//! | this log, when it appends | it writes behind all batches; a slice ends before |
//! | this log, when it trims, compacts, begins anew | files are unlinked and renamed: a mapping keeps the one that it has |
//! | this log, when it lets go what it had set aside | that lies behind all batches, too |
//! | a file that became shorter before it was mapped | [`Error::Changed`]: the length is asked for at mapping |
//! | this log, truncated by another process, while one reads it by a [`LogReader`](super::LogReader) | nothing can be done: who reads a log that is truncated while it is read must load, not map |
//! | another program, against the lock | nothing can be done: SIGBUS, or other bytes than were checked |
//! | a disk that cannot read a page | nothing can be done: SIGBUS, where `pread` would have said EIO |
//!
//! The last rows are why loading by `pread` stays the usual way, and mapping is asked for by name.
//!
//! The mapping itself is made by the crate mmap-io, because this project has no `unsafe`. Its call is safe to make
//! though the system keeps nobody from changing the file: it rests on what the table says, as every safe mapping does.
//! Sources: mmap(2), section ERRORS, SIGBUS; write(2), EFAULT.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use mmap_io::{MemoryMappedFile, MmapIoError, MmapMode};

use super::disk::Files;
use crate::error::{Context as _, Error};

/// The ending of a segment's front while it is written anew; what a crash leaves of it is in nobody's way.
const BESIDE: &str = "cut";
/// How much is copied at once.
const CHUNK_BYTES: usize = 1024 * 1024;

/// A file, whatever it is named: device and inode.
pub(super) type FileId = (u64, u64);

/// How many mappings this process has of which files.
static MAPPED: Mutex<BTreeMap<FileId, usize>> = Mutex::new(BTreeMap::new());

fn mapped() -> MutexGuard<'static, BTreeMap<FileId, usize>> {
    // A count is never left half changed.
    MAPPED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The name that a file keeps.
pub(super) fn id_of(file: &File, path: &Path) -> Result<FileId, Error> {
    file.metadata().map(|metadata| (metadata.dev(), metadata.ino())).context("read", path)
}

/// A whole file, as long as it was when this was made.
struct Mapping {
    map: MemoryMappedFile,
    id: FileId,
}

impl AsRef<[u8]> for Mapping {
    fn as_ref(&self) -> &[u8] {
        self.map.as_slice_bytes(0, self.map.len()).expect("all of a mapping that can only be read")
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        let mut mapped = mapped();
        if let Some(count) = mapped.get_mut(&self.id) {
            *count -= 1;
            if *count == 0 {
                mapped.remove(&self.id);
            }
        }
    }
}

/// Maps a whole file for reading. The pages are not touched yet.
pub(super) fn map(file: &File, path: &Path) -> Result<Bytes, Error> {
    let id = id_of(file, path)?;
    // The crate keeps the file that it is given.
    let own = file.try_clone().context("map", path)?;
    let mut mapped = mapped();
    let map = MemoryMappedFile::from_file(own, MmapMode::ReadOnly, path);
    let map = map.map_err(|error| match error {
        MmapIoError::Io(error) => error,
        error => io::Error::other(error),
    });
    let map = map.context("map", path)?;
    *mapped.entry(id).or_default() += 1;
    drop(mapped);
    Ok(Bytes::from_owner(Mapping { map, id }))
}

/// Cuts a segment off after so many bytes. Where this process has it mapped, a new file with its front takes its name, and
/// the old one stays as it is for whoever reads it. Hands back the file that has the name. What was cut is durable once that
/// file is flushed; after a crash before there is the old segment or the new one.
pub(super) fn shorten(files: &Files, file: Arc<File>, path: &Path, bytes: u64) -> Result<Arc<File>, Error> {
    if unless_mapped(&file, path, || files.set_len(&file, path, bytes))?.is_some() {
        return Ok(file);
    }
    let beside = path.with_extension(BESIDE);
    files.remove_if_there(&beside)?;
    let new = files.create(&beside)?;
    let (mut chunk, mut at) = (vec![0; CHUNK_BYTES], 0);
    while at < bytes {
        let some = &mut chunk[..CHUNK_BYTES.min((bytes - at) as usize)];
        files.read_at(&file, path, some, at)?;
        files.write_at(&new, &beside, some, at)?;
        at += some.len() as u64;
    }
    files.sync(&new, &beside)?;
    files.rename(&beside, path)?;
    files.sync_dir(path.parent().unwrap_or(Path::new(".")))?;
    Ok(Arc::new(new))
}

/// Does what makes a file shorter, unless this process has it mapped: then nothing is done. Nobody maps the file meanwhile.
fn unless_mapped<T>(
    file: &File,
    path: &Path,
    change: impl FnOnce() -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    let id = id_of(file, path)?;
    let mapped = mapped();
    if mapped.contains_key(&id) { Ok(None) } else { change().map(Some) }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_file_is_not_shortened_while_anybody_has_it_mapped() {
        let mut temporary = tempfile::NamedTempFile::new().expect("a file");
        temporary.write_all(&[7; 10_000]).expect("takes it");
        let (file, path) = (temporary.as_file(), temporary.path());
        let cut = || unless_mapped(file, path, || file.set_len(10).context("truncate", path)).expect("can");

        let whole = map(file, path).expect("maps");
        let part = whole.slice(5_000..5_010);
        assert_eq!(cut(), None);
        drop(whole);
        assert_eq!(cut(), None, "a part holds the whole");
        assert_eq!(part.as_ref(), [7; 10]);
        drop(part);
        assert_eq!(cut(), Some(()));
        assert_eq!(map(file, path).expect("maps").as_ref(), [7; 10], "and is as long as it is");
    }

    #[test]
    fn an_empty_file_is_an_empty_mapping() {
        let temporary = tempfile::NamedTempFile::new().expect("a file");
        assert!(map(temporary.as_file(), temporary.path()).expect("maps").is_empty());
    }
}
