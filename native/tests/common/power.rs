//! What is on a disk after a power cut? Anything that the file system never promised: a model of it, over what a
//! [recorder](super::recorder) wrote down.
//!
//! | since the last sync of the file | may be |
//! |---|---|
//! | a write | there, not there, or some of its sectors, whatever became of those before and after it |
//! | a length | the old, the new, or one between; bytes that were never written are zeros |
//! | **since the last sync of the directory** | |
//! | a new name, a removal | there or not, each by itself |
//! | a rename | done or not, at both ends |
//!
//! What a file had when it was synced is there, if it has a name.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use mqlab_core::rng::{Rng, Stream};

use super::recorder::Op;

/// What a disk writes as a whole, in bytes.
const SECTOR: usize = 512;

/// How much of what was not synced is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    Nothing,
    Everything,
    /// As a seed draws it.
    Some(u64),
}

/// What stands in a directory: files, and folders (none).
pub(crate) type Image = BTreeMap<PathBuf, Option<Vec<u8>>>;

/// Reads what stands below `root`.
pub(crate) fn read_image(root: &Path) -> Image {
    let (mut folders, mut image) = (vec![root.to_owned()], Image::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("listed") {
            let path = entry.expect("listed").path();
            let name = path.strip_prefix(root).expect("below").to_owned();
            if path.is_dir() {
                image.insert(name, None);
                folders.push(path);
            } else {
                image.insert(name, Some(fs::read(&path).expect("read")));
            }
        }
    }
    image
}

/// Makes `root` hold this and nothing else.
pub(crate) fn write_image(root: &Path, image: &Image) {
    if root.exists() {
        fs::remove_dir_all(root).expect("removed");
    }
    fs::create_dir_all(root).expect("created");
    for (name, content) in image {
        match content {
            Some(bytes) => fs::write(root.join(name), bytes).expect("written"),
            None => fs::create_dir(root.join(name)).expect("created"),
        }
    }
}

/// A change of a file that is not durable.
#[derive(Clone, Debug)]
enum Change {
    Write(u64, Vec<u8>),
    Len(u64),
}

#[derive(Clone, Debug, Default)]
struct Content {
    durable: Vec<u8>,
    pending: Vec<Change>,
    /// As the system has it: what a process sees that begins anew.
    cached: Vec<u8>,
}

/// A disk, some way into a recording.
#[derive(Clone, Debug)]
pub(crate) struct Power {
    files: Vec<Content>,
    /// Which file or folder (none) has a name.
    durable: BTreeMap<PathBuf, Option<usize>>,
    cached: BTreeMap<PathBuf, Option<usize>>,
    pending: Vec<Op>,
    /// How many changes there were.
    steps: u64,
}

impl Power {
    /// A disk on which this is durable. Files are numbered as a recorder does.
    pub(crate) fn new(image: &Image) -> Self {
        let (mut files, mut names) = (Vec::new(), BTreeMap::new());
        // As a recorder finds them: in order of path, each component for itself.
        for (path, content) in image {
            let number = content.as_ref().map(|bytes| {
                files.push(Content { durable: bytes.clone(), pending: Vec::new(), cached: bytes.clone() });
                files.len() - 1
            });
            names.insert(path.clone(), number);
        }
        Self { files, cached: names.clone(), durable: names, pending: Vec::new(), steps: 0 }
    }

    /// What comes next in the recording happens.
    pub(crate) fn step(&mut self, op: &Op) {
        self.steps += 1;
        match op {
            Op::Write { file, position, bytes } => {
                self.change(*file, Change::Write(*position, bytes.clone()))
            }
            Op::SetLen { file, bytes } => self.change(*file, Change::Len(*bytes)),
            Op::Sync { file } => {
                let content = &mut self.files[*file];
                for change in std::mem::take(&mut content.pending) {
                    change.apply(&mut content.durable);
                }
            }
            Op::SyncFailed { file } => {
                let mut rng = Rng::new(self.steps, Stream::Disk);
                let content = &mut self.files[*file];
                content.durable = content.left(&mut rng);
                // Of its length the file system keeps account elsewhere: that is yet to be synced.
                content.pending = vec![Change::Len(content.cached.len() as u64)];
            }
            Op::Create { file, .. } => {
                if self.files.len() <= *file {
                    self.files.resize(*file + 1, Content::default());
                }
                self.name(op);
            }
            Op::Rename { .. } | Op::Remove { .. } | Op::CreateDir { .. } => self.name(op),
            Op::SyncDir { path } => {
                let (now, later) =
                    std::mem::take(&mut self.pending).into_iter().partition(|op| folder_of(op) == path);
                self.pending = later;
                let now: Vec<Op> = now;
                for op in &now {
                    name(&mut self.durable, op);
                }
            }
        }
    }

    fn change(&mut self, file: usize, change: Change) {
        change.apply(&mut self.files[file].cached);
        self.files[file].pending.push(change);
    }

    fn name(&mut self, op: &Op) {
        name(&mut self.cached, op);
        self.pending.push(op.clone());
    }

    /// How many changes are not durable.
    pub(crate) fn pending(&self) -> usize {
        self.pending.len() + self.files.iter().map(|file| file.pending.len()).sum::<usize>()
    }

    /// What is there when the power comes back.
    pub(crate) fn image(&self, left: Left) -> Image {
        let mut rng = Rng::new(if let Left::Some(seed) = left { seed } else { 0 }, Stream::Disk);
        let mut names = if left == Left::Everything { self.cached.clone() } else { self.durable.clone() };
        if let Left::Some(_) = left {
            // Much or little of it: a disk that was busy, or one that was idle.
            let odds = rng.below(5);
            for op in &self.pending {
                if rng.below(4) < odds {
                    name(&mut names, op);
                }
            }
        }
        let mut image = Image::new();
        for (path, number) in &names {
            // A folder that is not there has nothing in it.
            let folder = path.parent().expect("a name is in a folder");
            if !folder.as_os_str().is_empty() && image.get(folder) != Some(&None) {
                continue;
            }
            let content = number.map(|number| match left {
                Left::Nothing => self.files[number].durable.clone(),
                Left::Everything => self.files[number].cached.clone(),
                Left::Some(_) => self.files[number].left(&mut rng),
            });
            image.insert(path.clone(), content);
        }
        image
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write(position, new) => write(bytes, *position as usize, new),
            Self::Len(len) => bytes.resize(*len as usize, 0),
        }
    }
}

impl Content {
    /// What chance leaves of it.
    fn left(&self, rng: &mut Rng) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        let mut lengths = vec![bytes.len()];
        let mut cached = bytes.len();
        let odds = rng.below(5);
        for change in &self.pending {
            cached = match change {
                Change::Write(position, new) => cached.max(*position as usize + new.len()),
                Change::Len(len) => *len as usize,
            };
            lengths.push(cached);
            match change {
                _ if rng.below(4) < odds => change.apply(&mut bytes),
                // Some of its sectors.
                Change::Write(position, new) if rng.below(3) > 0 => {
                    let (mut at, end) = (*position as usize, *position as usize + new.len());
                    while at < end {
                        let next = end.min((at / SECTOR + 1) * SECTOR);
                        if rng.below(2) == 0 {
                            let from = at - *position as usize;
                            write(&mut bytes, at, &new[from..from + next - at]);
                        }
                        at = next;
                    }
                }
                _ => {}
            }
        }
        if rng.below(3) == 0 {
            bytes.resize(lengths[rng.below(lengths.len() as u64) as usize], 0);
        }
        bytes
    }
}

fn write(bytes: &mut Vec<u8>, position: usize, new: &[u8]) {
    if bytes.len() < position + new.len() {
        bytes.resize(position + new.len(), 0);
    }
    bytes[position..position + new.len()].copy_from_slice(new);
}

/// The folder that a change of names is in.
fn folder_of(op: &Op) -> &Path {
    let (Op::Create { path, .. }
    | Op::Remove { path }
    | Op::CreateDir { path }
    | Op::Rename { to: path, .. }) = op
    else {
        unreachable!("only changes of names wait for their folder")
    };
    path.parent().expect("a name is in a folder")
}

/// Does a change of names; one that it builds on may be missing.
fn name(names: &mut BTreeMap<PathBuf, Option<usize>>, op: &Op) {
    match op {
        Op::Create { path, file } => drop(names.insert(path.clone(), Some(*file))),
        Op::CreateDir { path } => drop(names.insert(path.clone(), None)),
        Op::Remove { path } => drop(names.remove(path)),
        Op::Rename { from, to, file } => {
            names.remove(from);
            names.insert(to.clone(), Some(*file));
        }
        _ => {}
    }
}
