//! What of a log is written and not durable yet, and who makes it so? Whoever comes first flushes for all.
//!
//! ```text
//!   writer 1   append ── waits ─────────────▶│ flushes 1        │▶ done
//!   writer 2      append ── waits ───────────┼──────────────────┼▶│ flushes 2, 3, 4  │▶ done
//!   writer 3         append ── waits ────────┼──────────────────┼▶│                  │▶ done
//!   writer 4                     append ── waits ───────────────┼▶│                  │▶ done
//!                                            one fdatasync        one fdatasync for three
//! ```
//!
//! This is *group commit*. Nobody waits longer than for the flush that is under way and the one after it; the more
//! write at a time, the more share a flush.
//!
//! A flush that failed leaves everything that it was to make durable in doubt, and the log refuses changes from then
//! on. `durable` is raised only when a flush has returned, to where the log ended when it began.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mqlab_core::ids::Offset;

use super::disk::Files;
use super::marks::{POINT, Point};
use crate::error::{Context as _, Error};

/// How many sealed segments may be not durable: when there are more, the next one begins with a flush. So what
/// recovery has to read after a crash is bounded, and so are the files that are open.
pub const UNFLUSHED_SEGMENTS_MAX: usize = 8;

/// A segment's file, and its name for error messages.
type Named = (Arc<File>, Arc<Path>);

/// The end of a log, as its writer and whoever flushes share it.
#[derive(Debug)]
pub(super) struct Tail {
    files: Files,
    dir: PathBuf,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// The last segment: what is written goes there.
    active: Named,
    /// Where the log ends.
    end: Point,
    durable: Offset,
    /// Sealed segments that are not durable.
    sealed: Vec<Named>,
    /// Whether files were made whose names are not durable.
    names: bool,
    /// The recovery point's file, written over after each flush.
    point: File,
    /// Somebody flushes at the moment.
    flushing: bool,
    failed: bool,
    /// Since when something is not durable.
    since: Option<Instant>,
    closed: bool,
}

impl Tail {
    /// The tail of a log that is durable up to its `end`, in the last segment. Makes that its recovery point.
    pub(super) fn new(files: Files, dir: PathBuf, active: Named, end: Point) -> Result<Self, Error> {
        if Point::load(&dir) != Some(end) {
            end.save(&files, &dir)?;
        }
        let point = open_point(&dir)?;
        let state = State {
            active,
            end,
            durable: end.offset,
            sealed: Vec::new(),
            names: false,
            point,
            flushing: false,
            failed: false,
            since: None,
            closed: false,
        };
        Ok(Self { files, dir, state: Mutex::new(state), changed: Condvar::new() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics halfway through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn durable(&self) -> Offset {
        self.lock().durable
    }

    pub(super) fn has_failed(&self) -> bool {
        self.lock().failed
    }

    /// What is on disk is in doubt.
    pub(super) fn fail(&self) {
        self.lock().failed = true;
        self.changed.notify_all();
    }

    /// Nobody writes any more.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Somebody writes again.
    pub(super) fn reopen(&self) {
        self.lock().closed = false;
    }

    /// Takes notice that something waits to be written and made durable.
    pub(super) fn owes(&self) {
        let mut state = self.lock();
        if state.since.is_none() {
            state.since = Some(Instant::now());
            self.changed.notify_all();
        }
    }

    /// Waits for the end of the flush that is under way, if there is one.
    pub(super) fn wait_for_flush(&self) {
        drop(self.settle());
    }

    /// Takes notice that the last segment now reaches so far.
    pub(super) fn wrote(&self, position: u64, offset: Offset) {
        let mut state = self.lock();
        (state.end.position, state.end.offset) = (position, offset);
        if state.since.is_none() {
            state.since = Some(Instant::now());
            self.changed.notify_all();
        }
    }

    /// Takes notice that the last segment is sealed and another begun; says how many sealed ones are not durable.
    pub(super) fn rolled(&self, active: Named) -> usize {
        let mut state = self.lock();
        let sealed = std::mem::replace(&mut state.active, active);
        state.sealed.push(sealed);
        state.names = true;
        state.end = Point::at(state.end.offset);
        state.sealed.len()
    }

    /// Takes notice that the log was cut or begun anew, and now ends here, in a segment that is durable. So are all before
    /// it when this returns. Nobody flushes meanwhile.
    pub(super) fn restart(&self, active: Named, end: Point) -> Result<(), Error> {
        let mut state = self.settle();
        for (file, path) in &state.sealed {
            self.files.sync(file, path)?;
        }
        state.sealed.clear();
        (state.active, state.end, state.durable) = (active, end, end.offset);
        (state.names, state.since) = (false, None);
        end.save(&self.files, &self.dir)?;
        state.point = open_point(&self.dir)?;
        Ok(())
    }

    /// Lowers the recovery point, durably, before the log is cut there. Whoever flushes from now on promises no more
    /// than that.
    pub(super) fn lower(&self, to: Point) -> Result<(), Error> {
        let mut state = self.settle();
        (state.end, state.durable) = (to, state.durable.min(to.offset));
        to.save(&self.files, &self.dir)?;
        state.point = open_point(&self.dir)?;
        Ok(())
    }

    /// Writes the recovery point durably: what is before it will be replaced. Everything must be durable.
    pub(super) fn pin(&self) -> Result<(), Error> {
        let end = self.settle().end;
        self.lower(end)
    }

    /// Waits until nobody flushes.
    fn settle(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        while state.flushing {
            state = self.wait(state);
        }
        state
    }

    /// Sees to it that everything below `target` is durable.
    pub(super) fn sync_to(&self, target: Offset) -> Result<(), Error> {
        let mut state = self.lock();
        loop {
            if state.failed {
                return Err(Error::Refusing);
            }
            if state.durable >= target && !(state.end.offset <= target && state.names) {
                return Ok(());
            }
            if !state.flushing {
                break;
            }
            state = self.wait(state);
        }
        state.flushing = true;
        let (sealed, active, end, names) =
            (state.sealed.clone(), state.active.clone(), state.end, state.names);
        state.since = None;
        drop(state);
        let flushed = self.flush(&sealed, &active, names);
        let mut state = self.lock();
        state.flushing = false;
        match &flushed {
            Ok(()) => {
                state.sealed.drain(..sealed.len());
                state.names = state.names && (!names || !state.sealed.is_empty());
                state.durable = end.offset;
                // An older point is right, too, so that nothing is lost if this fails.
                let text = end.to_text();
                let _ = self.files.write_at(&state.point, &self.dir.join(POINT), text.as_bytes(), 0);
            }
            Err(_) => state.failed = true,
        }
        self.changed.notify_all();
        flushed
    }

    fn flush(&self, sealed: &[Named], (file, path): &Named, names: bool) -> Result<(), Error> {
        for (file, path) in sealed {
            self.files.sync(file, path)?;
        }
        self.files.sync(file, path)?;
        if names { self.files.sync_dir(&self.dir) } else { Ok(()) }
    }

    /// Waits until something has not been durable for `interval`, and says up to where; none when the log is closed.
    pub(super) fn wait_until_due(&self, interval: Duration) -> Option<Offset> {
        let mut state = self.lock();
        loop {
            if state.closed || state.failed {
                return None;
            }
            let Some(since) = state.since else {
                state = self.wait(state);
                continue;
            };
            let left = interval.saturating_sub(since.elapsed());
            if left.is_zero() {
                return Some(state.end.offset);
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

fn open_point(dir: &Path) -> Result<File, Error> {
    let path = dir.join(POINT);
    File::options().write(true).open(&path).context("open", &path)
}
