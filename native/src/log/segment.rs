//! One file of a log: batches one after the other, from the offset that names it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mqlab_core::ids::Offset;
use mqlab_core::record::BatchHeader;

use super::directory::sync_dir;
use super::index::{Entry, Index};
use super::walk::{Step, Walk};
use crate::error::{Context as _, Error};

/// The digits of a segment's name: as many as the greatest 64-bit number has, so that names sort as numbers do.
const NAME_DIGITS: usize = 20;

/// A segment, known by what was found out when it was opened or written since. Its file is not kept open: only
/// the last one's is, by the log.
#[derive(Debug)]
pub(super) struct Segment {
    /// The offset that names it: the log's end when it was begun.
    pub(super) base: Offset,
    /// The offset after its last record.
    pub(super) end: Offset,
    /// Its length in bytes.
    pub(super) size: u64,
    pub(super) index: Index,
    pub(super) path: Arc<Path>,
}

/// A part of a segment that holds whole batches.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    pub(super) position: u64,
    pub(super) bytes: u64,
    /// The offset of the first record.
    pub(super) base: Offset,
}

impl Segment {
    /// Begins a segment in a log's directory; its name is durable when this returns.
    pub(super) fn create(dir: &Path, base: Offset) -> Result<(Self, Arc<File>), Error> {
        let path: Arc<Path> = path_of(dir, base).into();
        let file = File::options().read(true).write(true).create_new(true).open(&path);
        let file = file.context("create", &path)?;
        sync_dir(dir)?;
        Ok((Self { base, end: base, size: 0, index: Index::new(base), path }, Arc::new(file)))
    }

    /// A segment whose file is yet to be written.
    pub(super) fn planned(dir: &Path, base: Offset) -> Self {
        Self { base, end: base, size: 0, index: Index::new(base), path: path_of(dir, base).into() }
    }

    /// Opens the file for reading.
    pub(super) fn file(&self) -> Result<Arc<File>, Error> {
        File::open(&self.path).map(Arc::new).context("open", &self.path)
    }

    /// Opens the file for writing too.
    pub(super) fn writable(&self) -> Result<Arc<File>, Error> {
        File::options().read(true).write(true).open(&self.path).map(Arc::new).context("open", &self.path)
    }

    /// Takes notice of whole, checked batches that now stand at its end.
    pub(super) fn take_in(&mut self, batches: &[u8], interval: u32) {
        let mut rest = batches;
        while !rest.is_empty() {
            let header = BatchHeader::peek(rest).expect("a batch that was checked");
            self.index.note(interval, self.size, &header);
            (self.end, self.size) = (header.next, self.size + u64::from(header.bytes));
            rest = &rest[header.bytes as usize..];
        }
    }

    /// Writes the index beside the segment.
    pub(super) fn save_index(&self) -> Result<(), Error> {
        self.index.save(&index_path(&self.path))
    }

    /// Removes the segment; it stays removed when this returns.
    pub(super) fn remove(self, dir: &Path) -> Result<(), Error> {
        remove_index(&self.path)?;
        fs::remove_file(&self.path).context("remove", &self.path)?;
        sync_dir(dir)
    }

    /// A walk that begins at the batch of `entry`, if that is what the index says it is, else at the front.
    pub(super) fn walk<'a>(&'a self, file: &'a File, entry: Option<Entry>) -> Walk<'a> {
        if let Some(entry) = entry {
            let mut walk = Walk::new(file, &self.path, entry.position(), self.size, Offset::ZERO);
            if let Ok(Some(step)) = walk.step()
                && self.index.agrees(entry, &step)
            {
                walk.back_to(&step);
                return walk;
            }
        }
        Walk::new(file, &self.path, 0, self.size, self.base)
    }

    /// The batches from the one that reaches past `from`, as far as they end at or below `until` and are no more
    /// than `room` bytes; the first however large, if `oversize` permits it. None when not even the first will do.
    pub(super) fn select(
        &self,
        file: &File,
        from: Offset,
        until: Offset,
        room: u64,
        oversize: bool,
    ) -> Result<Option<Range>, Error> {
        let mut walk = self.walk(file, self.index.below(from));
        let first = loop {
            match walk.step()? {
                Some(step) if step.header.next > from => break step,
                Some(_) => {}
                None => return Err(Error::Changed { path: self.path.to_path_buf() }),
            }
        };
        let bytes = u64::from(first.header.bytes);
        if first.header.next > until || (bytes > room && !oversize) {
            return Ok(None);
        }
        let limit = first.position + room.max(bytes);
        let end = if self.end <= until && self.size <= limit {
            self.size
        } else {
            self.last_within(file, first, until, limit)?
        };
        let range = Range { position: first.position, bytes: end - first.position, base: first.header.base };
        Ok(Some(range))
    }

    /// Where the last batch ends that is no further than `until` and `limit`, from `first` on.
    fn last_within(&self, file: &File, first: Step, until: Offset, limit: u64) -> Result<u64, Error> {
        let mut walk = self.walk(file, self.index.within(until, limit));
        let mut end = first.end().max(walk.position());
        while let Some(step) = walk.step()? {
            if step.header.next > until || step.end() > limit {
                break;
            }
            end = end.max(step.end());
        }
        Ok(end)
    }

    /// Where to cut so that every batch stays that ends at or below `to`, and the offset after the last of them.
    pub(super) fn cut(&self, file: &File, to: Offset) -> Result<(u64, Offset), Error> {
        let mut walk = self.walk(file, self.index.below(to));
        let mut kept = self.base;
        while let Some(step) = walk.step()? {
            if step.header.next > to {
                return Ok((step.position, kept));
            }
            kept = step.header.next;
        }
        Ok((self.size, kept))
    }
}

pub(super) fn path_of(dir: &Path, base: Offset) -> PathBuf {
    dir.join(format!("{:0width$}.log", base.0, width = NAME_DIGITS))
}

pub(super) fn index_path(path: &Path) -> PathBuf {
    path.with_extension("index")
}

/// Removes the index beside a segment, if there is one.
pub(super) fn remove_index(path: &Path) -> Result<(), Error> {
    let index = index_path(path);
    match fs::remove_file(&index) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).context("remove", &index),
        _ => Ok(()),
    }
}

/// The segments in a log's directory, in order. Other files there are not ours to judge.
pub(super) fn list(dir: &Path) -> Result<Vec<(Offset, Arc<Path>)>, Error> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).context("list", dir)? {
        let name = entry.context("list", dir)?.file_name();
        if let Some(base) = name.to_str().and_then(base_of) {
            found.push((base, dir.join(&name).into()));
        }
    }
    found.sort();
    Ok(found)
}

/// The offset that a segment's file name says.
pub(super) fn base_of(name: &str) -> Option<Offset> {
    let digits = name.strip_suffix(".log")?;
    let plain = digits.len() == NAME_DIGITS && digits.bytes().all(|digit| digit.is_ascii_digit());
    if plain { digits.parse().ok().map(Offset) } else { None }
}
