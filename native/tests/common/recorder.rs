//! What was the file system asked to do, in which order? A disk that does it, and writes it down; that fails when it is
//! told to, and that dies with its process.
//!
//! Paths are kept relative to a root, and files are numbers, so that [a power cut](super::power) can be played on what
//! was recorded.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mqlab::log::disk::{Disk, SystemDisk};

/// A change of the file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Create {
        path: PathBuf,
        file: usize,
    },
    Write {
        file: usize,
        position: u64,
        bytes: Vec<u8>,
    },
    SetLen {
        file: usize,
        bytes: u64,
    },
    Sync {
        file: usize,
    },
    /// The system said that it could not write the file: what was not durable may never be, whatever it says later.
    SyncFailed {
        file: usize,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
        file: usize,
    },
    Remove {
        path: PathBuf,
    },
    CreateDir {
        path: PathBuf,
    },
    SyncDir {
        path: PathBuf,
    },
}

/// Which calls of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Create,
    Write,
    Read,
    SetLen,
    Sync,
    Rename,
    Remove,
    CreateDir,
    SyncDir,
}

pub(crate) const KINDS: [Kind; 9] = [
    Kind::Create,
    Kind::Write,
    Kind::Read,
    Kind::SetLen,
    Kind::Sync,
    Kind::Rename,
    Kind::Remove,
    Kind::CreateDir,
    Kind::SyncDir,
];

/// What errors say that a test asked for.
pub(crate) const INJECTED: &str = "a fault that was asked for";
/// What a name takes on a disk that has little room, in bytes.
pub(crate) const NAME_BYTES: u64 = 64;

/// A disk that writes down what it does below `root`.
#[derive(Debug)]
pub(crate) struct Recorder {
    root: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    ops: Vec<Op>,
    /// The number of the file that has an inode.
    files: BTreeMap<u64, usize>,
    count: usize,
    /// The process dies in the change of this number, counted from here.
    alive: Option<u64>,
    /// A call that is to fail: the kind, how many of it come before, and how.
    fault: Option<(Kind, u64, io::ErrorKind)>,
    /// How often each kind was called.
    calls: BTreeMap<Kind, u64>,
    /// A kind whose calls do nothing, though they say they do.
    lie: Option<Kind>,
    /// How many bytes there is room for; any number, if it is not said.
    room: Option<u64>,
}

impl Recorder {
    /// A disk over a directory that is as it is, durably.
    pub(crate) fn new(root: &Path) -> Self {
        let mut state = State::default();
        state.learn(root);
        Self { root: root.to_owned(), state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().ops.len()
    }

    pub(crate) fn ops(&self) -> Vec<Op> {
        self.lock().ops.clone()
    }

    /// Lets the process die in the change of this number from here on; or live on, as another.
    pub(crate) fn die_in(&self, changes: Option<u64>) {
        self.lock().alive = changes;
    }

    /// Lets the call of this kind fail before which there are so many of it, from now on.
    pub(crate) fn fail(&self, kind: Kind, after: u64, how: io::ErrorKind) {
        self.lock().fault = Some((kind, after, how));
    }

    /// Whether the fault that was asked for has come.
    pub(crate) fn has_failed(&self) -> bool {
        self.lock().fault.is_none()
    }

    pub(crate) fn calls(&self, kind: Kind) -> u64 {
        self.lock().calls.get(&kind).copied().unwrap_or(0)
    }

    /// From now on calls of this kind are believed, and not done.
    pub(crate) fn lie(&self, kind: Kind) {
        self.lock().lie = Some(kind);
    }

    /// From now on there is room for so many bytes more.
    pub(crate) fn give_room(&self, bytes: u64) {
        self.lock().room = Some(bytes);
    }

    /// How much room is left.
    pub(crate) fn room(&self) -> Option<u64> {
        self.lock().room
    }

    fn relative(&self, path: &Path) -> Option<PathBuf> {
        path.strip_prefix(&self.root).ok().map(Path::to_owned)
    }

    /// Whether a call may be done: what is left to say of it if not.
    fn begin(&self, kind: Kind) -> (MutexGuard<'_, State>, Option<io::Error>) {
        let mut state = self.lock();
        *state.calls.entry(kind).or_default() += 1;
        let error = match &mut state.alive {
            Some(_) if kind == Kind::Read => None,
            Some(0) => Some(io::Error::other("the process is dead")),
            Some(left) => {
                *left -= 1;
                // It dies halfway through this one.
                (*left == 0).then(|| io::Error::other("the process dies"))
            }
            None => None,
        };
        let error = error.or_else(|| match &mut state.fault {
            Some((fails, 0, how)) if *fails == kind => {
                let error = io::Error::new(*how, INJECTED);
                state.fault = None;
                Some(error)
            }
            Some((fails, left, _)) if *fails == kind => {
                *left -= 1;
                None
            }
            _ => None,
        });
        (state, error)
    }

    /// Does a change as a whole and writes it down, or fails.
    fn change<T>(
        &self,
        kind: Kind,
        work: impl FnOnce(&mut State) -> io::Result<T>,
        op: impl FnOnce(&mut State, &T) -> Option<Op>,
    ) -> io::Result<T> {
        let (mut state, error) = self.begin(kind);
        if let Some(error) = error {
            return Err(error);
        }
        let done = work(&mut state)?;
        if state.lie != Some(kind) {
            let op = op(&mut state, &done);
            state.ops.extend(op);
        }
        Ok(done)
    }
}

impl State {
    /// Takes up to so many bytes of the room; says how many there were.
    fn take(&mut self, bytes: u64) -> u64 {
        let Some(room) = &mut self.room else { return bytes };
        let taken = bytes.min(*room);
        *room -= taken;
        taken
    }

    /// Takes the room that a name needs.
    fn take_name(&mut self) -> io::Result<()> {
        match self.take(NAME_BYTES) {
            NAME_BYTES => Ok(()),
            some => {
                self.give(some);
                Err(io::ErrorKind::StorageFull.into())
            }
        }
    }

    fn give(&mut self, bytes: u64) {
        if let Some(room) = &mut self.room {
            *room += bytes;
        }
    }

    /// Learns which files there are.
    fn learn(&mut self, dir: &Path) {
        let mut entries: Vec<_> =
            fs::read_dir(dir).expect("listed").map(|entry| entry.expect("listed").path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                self.learn(&path);
            } else {
                self.files.insert(fs::metadata(&path).expect("there").ino(), self.count);
                self.count += 1;
            }
        }
    }

    fn file(&self, file: &File) -> usize {
        self.files[&file.metadata().expect("an open file has metadata").ino()]
    }

    fn write(&mut self, file: &File, bytes: &[u8], position: u64) {
        let (file, bytes) = (self.file(file), bytes.to_vec());
        self.ops.push(Op::Write { file, position, bytes });
    }
}

impl Disk for Recorder {
    fn create(&self, path: &Path) -> io::Result<File> {
        self.change(
            Kind::Create,
            |state| state.take_name().and_then(|()| SystemDisk.create(path)),
            |state, file| {
                let number = state.count;
                state.count += 1;
                state.files.insert(file.metadata().expect("an open file has metadata").ino(), number);
                self.relative(path).map(|path| Op::Create { path, file: number })
            },
        )
    }

    /// One that fails has done half of it.
    fn write_at(&self, file: &File, path: &Path, bytes: &[u8], position: u64) -> io::Result<()> {
        let (mut state, error) = self.begin(Kind::Write);
        if state.alive == Some(0) && error.as_ref().is_some_and(|error| error.to_string().ends_with("dead")) {
            return Err(error.expect("it was just looked at"));
        }
        let mut bytes = if error.is_some() { &bytes[..bytes.len() / 2] } else { bytes };
        let len = file.metadata()?.len();
        let more = (position + bytes.len() as u64).saturating_sub(len);
        let missing = more - state.take(more);
        let error = error.or_else(|| (missing > 0).then(|| io::ErrorKind::StorageFull.into()));
        bytes = &bytes[..bytes.len() - missing as usize];
        SystemDisk.write_at(file, path, bytes, position)?;
        state.write(file, bytes, position);
        error.map_or(Ok(()), Err)
    }

    fn read_at(&self, file: &File, path: &Path, bytes: &mut [u8], position: u64) -> io::Result<()> {
        if let (_, Some(error)) = self.begin(Kind::Read) {
            return Err(error);
        }
        SystemDisk.read_at(file, path, bytes, position)
    }

    fn set_len(&self, file: &File, path: &Path, bytes: u64) -> io::Result<()> {
        self.change(
            Kind::SetLen,
            |state| {
                state.give(file.metadata()?.len().saturating_sub(bytes));
                SystemDisk.set_len(file, path, bytes)
            },
            |state, ()| Some(Op::SetLen { file: state.file(file), bytes }),
        )
    }

    fn sync(&self, file: &File, _: &Path) -> io::Result<()> {
        let (mut state, error) = self.begin(Kind::Sync);
        let number = state.file(file);
        match error {
            Some(error) => {
                if state.alive != Some(0) {
                    state.ops.push(Op::SyncFailed { file: number });
                }
                Err(error)
            }
            None => {
                if state.lie != Some(Kind::Sync) {
                    state.ops.push(Op::Sync { file: number });
                }
                Ok(())
            }
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(
            Kind::Rename,
            |state| {
                let number = state.files[&fs::metadata(from)?.ino()];
                if let Ok(old) = fs::metadata(to) {
                    state.give(old.len() + NAME_BYTES);
                }
                SystemDisk.rename(from, to).map(|()| number)
            },
            |_, number| {
                let (from, to) = (self.relative(from)?, self.relative(to)?);
                Some(Op::Rename { from, to, file: *number })
            },
        )
        .map(drop)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.change(
            Kind::Remove,
            |state| {
                let len = fs::metadata(path)?.len();
                SystemDisk.remove(path).inspect(|()| state.give(len + NAME_BYTES))
            },
            |_, ()| self.relative(path).map(|path| Op::Remove { path }),
        )
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.change(
            Kind::CreateDir,
            |state| match SystemDisk.create_dir(path) {
                Ok(()) => state.take_name().inspect_err(|_| fs::remove_dir(path).expect("it was just made")),
                refused => refused,
            },
            |_, ()| self.relative(path).map(|path| Op::CreateDir { path }),
        )
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.change(
            Kind::SyncDir,
            |_| fs::metadata(path).map(drop),
            |_, ()| self.relative(path).map(|path| Op::SyncDir { path }),
        )
    }
}
