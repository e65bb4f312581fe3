//! How do stored bytes come to a socket, and who copies them on the way?
//!
//! ```text
//!  read and write          user     ┌──▶ buffer ──┐            2 calls a piece, 4 switches
//!                          ─────────│─────────────│──────────
//!                          kernel   │ CPU         │ CPU
//!  disk ──DMA──▶ page cache ────────┘             └──▶ socket buffer ──DMA──▶ network card
//!
//!  mmap and write          user        (pages are seen)         1 call a piece, 2 switches
//!                          ────────────┄┄┄┄┄┄┄┄┄┄┄───────────
//!                          kernel             CPU
//!  disk ──DMA──▶ page cache ─────────────────────────▶ socket buffer ──DMA──▶ network card
//!
//!  sendfile                user                                 1 call a piece, 2 switches
//!                          ──────────────────────────────────
//!                          kernel        no copy
//!  disk ──DMA──▶ page cache ┄┄┄ its pages are lent to ┄┄▶ socket buffer ──DMA──▶ network card
//! ```
//!
//! | way | by CPU | by DMA | what a broker can do with it |
//! |---|---|---|---|
//! | [`ReadWrite`](Transfer::ReadWrite) | 2 | 2 | anything: it has a copy of its own |
//! | [`MmapWrite`](Transfer::MmapWrite) | 1 | 2 | look into the messages (filters, dead letters), as RocketMQ does |
//! | [`SendFile`](Transfer::SendFile) | 0 | 2 | only pass them on, as Kafka does |
//!
//! The two by DMA are the disk's, which falls away when the page cache has the bytes, and the card's. That the card
//! fetches lent pages by itself takes one that gathers ("scatter-gather"); without it, sendfile copies once.
//!
//! **On loopback there is no card, and no DMA.** What is sent is handed over to the receiver's socket in the same
//! kernel, and the receiver's `read` copies it out: from pages of the page cache where they were lent, else from the
//! socket buffer. So the copies by CPU are 3, 2 and 1, and sendfile's only one is made on the receiver's account.
//!
//! **Pacing turns the order around.** Under the congestion control BBR the kernel sends not as fast as it can, but at
//! the rate that it has estimated, and over loopback, where no queue does it, TCP itself keeps the time: it arms a timer
//! for the next segment of 64 KiB whenever that comes too early. sendfile, which has nothing else to do, is always too
//! early: a timer interrupt for each segment. Where a buffer is copied first, half of the segments are late enough.
//! In a virtual machine such a timer costs tens of microseconds, more than the copy that was saved. Without pacing
//! (CUBIC, Reno) sendfile is the fastest at every size. `mqlab bench zero-copy` shows both, with the timers counted.
//!
//! Sources: Palaniappan and Nagaraja, "Efficient data transfer through zero copy" (2008), whose two figures are the
//! first and the third above; sendfile(2), mmap(2), tcp(7); Linux: `splice_to_socket` in `fs/splice.c` (before 6.5
//! `sendpage`), which lends the pages, `tcp_pacing_check` in `net/ipv4/tcp_output.c`. Measured on the reference machine,
//! whose congestion control is BBR: a GiB by sendfile is 16,384 segments and 16,700 timer interrupts of some 25 us, by
//! read and write 8,200; under Reno a hundred. `perf` shows no copy in the sender of sendfile, and the receiver's in
//! `skb_copy_datagram_iter`.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt as _;

use bytes::Bytes;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::mapped::{FileId, id_of, map};
use super::slice::{FileSlice, Part};
use crate::error::{Context as _, Error};

/// How many bytes one system call moves at most, unless the courier is told otherwise. A buffer of this size stays in
/// a processor's cache between the read and the write.
pub const PIECE_BYTES: usize = 256 * 1024;

/// The most files that a courier keeps mapped. A file is left when the ones after it are sent.
const MAPPED_FILES_MAX: usize = 4;

/// The congestion control that paces, of those that come with Linux: a timer for each segment over loopback.
const PACED: &str = "bbr";

/// A way for stored bytes into a socket. [The module](self) draws who copies what.
///
/// The default is the fastest one as measured over a loopback without pacing: sendfile, at every size of slices.
///
/// ```
/// use mqlab::log::Transfer;
/// assert_eq!(Transfer::default(), Transfer::SendFile);
/// assert_eq!(Transfer::ALL.map(Transfer::name), ["read and write", "mmap and write", "sendfile"]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Transfer {
    /// `pread` into a buffer, `write` from it.
    ReadWrite,
    /// `write` from a mapping of the file.
    MmapWrite,
    /// `sendfile`: the bytes do not pass through the process. Where the system cannot do it (it is no Linux, or the
    /// receiver is a file that is appended to), it is done by [`ReadWrite`](Self::ReadWrite).
    #[default]
    SendFile,
}

impl Transfer {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::ReadWrite, Self::MmapWrite, Self::SendFile];

    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReadWrite => "read and write",
            Self::MmapWrite => "mmap and write",
            Self::SendFile => "sendfile",
        }
    }

    /// The fastest way to this receiver, as measured: the [default](Self::default), but to a loopback socket that is
    /// paced by BBR [`MmapWrite`](Self::MmapWrite), which is half as fast again there.
    pub fn suited_to(to: impl AsFd) -> Self {
        if is_paced_loopback(to.as_fd()) { Self::MmapWrite } else { Self::default() }
    }
}

/// Whether each segment to this receiver waits for a timer. What is no TCP socket is not paced.
#[cfg(target_os = "linux")]
fn is_paced_loopback(to: BorrowedFd<'_>) -> bool {
    use rustix::net::{SocketAddrAny, getsockname, sockopt::tcp_congestion};
    let own = getsockname(to).ok().and_then(|own: SocketAddrAny| std::net::SocketAddr::try_from(own).ok());
    own.is_some_and(|own| own.ip().to_canonical().is_loopback())
        && tcp_congestion(to).is_ok_and(|name| name == PACED)
}

#[cfg(not(target_os = "linux"))]
fn is_paced_loopback(_: BorrowedFd<'_>) -> bool {
    false
}

/// How far a courier has come.
///
/// ```
/// use mqlab::log::Progress;
/// assert_ne!(Progress::Done, Progress::Blocked);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Everything was handed to the system.
    Done,
    /// The receiver takes no more now: come back when it can be written to.
    Blocked,
}

/// How many system calls a courier has made, each kind for itself, the interrupted and refused ones included.
///
/// ```
/// use mqlab::log::{Courier, SystemCalls, Transfer};
/// assert_eq!(Courier::new(Transfer::SendFile).calls(), SystemCalls::default());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SystemCalls {
    /// `pread`.
    pub reads: u64,
    /// `write`.
    pub writes: u64,
    /// `sendfile`.
    pub sendfiles: u64,
    /// `mmap`, each with the four small calls around it: `fstat` twice, `fcntl` to duplicate the descriptor, and `close`
    /// when the mapping is left.
    pub maps: u64,
}

/// Carries slices to one receiver, in order, by one way, as far as the receiver takes them. It keeps what is worth
/// keeping from slice to slice: the buffer, the mappings.
///
/// ```
/// use std::io::Read;
/// use std::net::{TcpListener, TcpStream};
/// use mqlab::log::{Courier, FileStorage, Transfer};
/// # use mqlab_core::ids::{LogName, Name, Offset};
/// # use mqlab_core::log::{Log, Slice, Storage, contract::batch};
/// # let scratch = tempfile::tempdir()?;
/// # let mut storage = FileStorage::open(scratch.path().join("data"))?;
/// # let mut log = storage.open(&LogName::Queue(Name::new("q")?))?;
/// # log.append(&batch(0, 3))?;
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let sender = TcpStream::connect(listener.local_addr()?)?;
/// let (mut receiver, _) = listener.accept()?;
///
/// let slice = log.read(Offset(0), log.end(), u32::MAX)?;
/// let mut courier = Courier::new(Transfer::SendFile);
/// courier.put(&slice);
/// courier.send_all(&sender)?;
/// drop(sender);
///
/// let mut received = Vec::new();
/// receiver.read_to_end(&mut received)?;
/// assert_eq!(slice.load()?.bytes(), &received);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Courier {
    way: Transfer,
    piece: usize,
    /// What is yet to be sent; of the first, `carried` bytes are.
    parts: VecDeque<Part>,
    carried: u64,
    /// What was read and not yet written stands in the buffer at `held`, and counts as not carried.
    buffer: Vec<u8>,
    held: Range<usize>,
    mapped: VecDeque<(FileId, Bytes)>,
    /// The part's bytes in its file's mapping, for the first of `parts`.
    seen: Option<Bytes>,
    calls: SystemCalls,
}

impl Courier {
    /// A courier that moves up to [`PIECE_BYTES`] with a system call.
    pub fn new(way: Transfer) -> Self {
        Self {
            way,
            piece: PIECE_BYTES,
            parts: VecDeque::new(),
            carried: 0,
            buffer: Vec::new(),
            held: 0..0,
            mapped: VecDeque::new(),
            seen: None,
            calls: SystemCalls::default(),
        }
    }

    /// The same for this receiver: [`Transfer::suited_to`].
    pub fn suited_to(to: impl AsFd) -> Self {
        Self::new(Transfer::suited_to(to))
    }

    /// The same with other pieces: how many bytes one system call moves at most, at least 1.
    #[must_use]
    pub fn in_pieces(mut self, bytes: usize) -> Self {
        self.piece = bytes.max(1);
        self
    }

    /// The way that it goes. Where sendfile turned out not to work, it is [`Transfer::ReadWrite`] from then on.
    pub fn way(&self) -> Transfer {
        self.way
    }

    /// The system calls so far.
    pub fn calls(&self) -> SystemCalls {
        self.calls
    }

    /// How many bytes are yet to be sent.
    pub fn left(&self) -> u64 {
        self.parts.iter().map(|part| part.range.bytes).sum::<u64>() - self.carried
    }

    /// Takes a slice along, to be sent after everything that it has.
    pub fn put(&mut self, slice: &FileSlice) {
        self.parts.extend(slice.parts().iter().filter(|part| part.range.bytes > 0).cloned());
    }

    /// Sends on, until everything is sent or the receiver takes no more. To a descriptor that blocks it sends everything.
    /// What is interrupted by a signal is tried again.
    ///
    /// # Errors
    ///
    /// [`Error::Peer`] when the receiver is gone or refuses; [`Error::Changed`] when a file ends before the slice does;
    /// [`Error::Io`] when it cannot be read or mapped. The receiver has the beginning then, and
    /// [`left`](Self::left) says how much not: a stream that breaks off within a batch is of no use but to be closed.
    ///
    /// A write to a socket that was closed raises SIGPIPE, which Rust programs ignore from the start. A program that is
    /// not begun by Rust must do so itself.
    pub fn send(&mut self, to: impl AsFd) -> Result<Progress, Error> {
        let to = to.as_fd();
        while let Some(part) = self.parts.front().cloned() {
            let rest = part.range.bytes - self.carried;
            let sent = match self.way {
                Transfer::ReadWrite => self.read_write(to, &part, rest),
                Transfer::MmapWrite => self.mmap_write(to, &part, rest),
                Transfer::SendFile => self.sendfile(to, &part, rest),
            }?;
            let Some(sent) = sent else { return Ok(Progress::Blocked) };
            self.carried += sent as u64;
            if self.carried == part.range.bytes {
                self.parts.pop_front();
                (self.carried, self.seen) = (0, None);
            }
        }
        Ok(Progress::Done)
    }

    /// Sends everything, and waits where the receiver takes no more, also when the descriptor does not block.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send).
    pub fn send_all(&mut self, to: impl AsFd) -> Result<(), Error> {
        while self.send(&to)? == Progress::Blocked {
            match poll(&mut [PollFd::new(&to, PollFlags::OUT)], None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(peer(error)),
            }
        }
        Ok(())
    }

    fn read_write(&mut self, to: BorrowedFd<'_>, part: &Part, rest: u64) -> Result<Option<usize>, Error> {
        if self.held.is_empty() {
            let wanted = as_many(rest, self.piece);
            if self.buffer.len() < wanted {
                self.buffer.resize(wanted, 0);
            }
            self.calls.reads += 1;
            let read = read_some(&part.file, &mut self.buffer[..wanted], part.range.position + self.carried);
            self.held = 0..read.context("read", &part.path)?;
            if self.held.is_empty() {
                return Err(part.changed());
            }
        }
        self.calls.writes += 1;
        let sent = write_some(to, &self.buffer[self.held.clone()])?;
        self.held.start += sent.unwrap_or(0);
        Ok(sent)
    }

    fn mmap_write(&mut self, to: BorrowedFd<'_>, part: &Part, rest: u64) -> Result<Option<usize>, Error> {
        let bytes = match self.seen.take() {
            Some(bytes) => bytes,
            None => self.mapping(part)?,
        };
        let from = self.carried as usize;
        let piece = &bytes[from..from + as_many(rest, self.piece)];
        self.calls.writes += 1;
        // The kernel reads the mapping: a page that is not there any more is an error here, and no signal.
        let sent = match rustix::io::write(to, piece) {
            Err(Errno::FAULT) => return Err(unreadable(part, part.range.position + self.carried)),
            sent => taken(sent),
        };
        self.seen = Some(bytes);
        sent
    }

    /// The part's bytes, in a mapping that there is or a new one.
    fn mapping(&mut self, part: &Part) -> Result<Bytes, Error> {
        let id = id_of(&part.file, &part.path)?;
        // A file that has grown since is mapped again.
        let known =
            self.mapped.iter().find(|(known, _)| *known == id).map(|(_, whole)| part.of_mapping(whole));
        if let Some(Ok(bytes)) = known {
            return Ok(bytes);
        }
        self.mapped.retain(|(known, _)| *known != id);
        self.mapped.truncate(MAPPED_FILES_MAX - 1);
        self.calls.maps += 1;
        let whole = map(&part.file, &part.path)?;
        let bytes = part.of_mapping(&whole);
        self.mapped.push_front((id, whole));
        bytes
    }

    #[cfg(target_os = "linux")]
    fn sendfile(&mut self, to: BorrowedFd<'_>, part: &Part, rest: u64) -> Result<Option<usize>, Error> {
        let mut position = part.range.position + self.carried;
        self.calls.sendfiles += 1;
        match rustix::fs::sendfile(to, &part.file, Some(&mut position), as_many(rest, self.piece)) {
            Ok(0) => Err(part.changed()),
            Err(Errno::INVAL | Errno::NOSYS) => {
                self.way = Transfer::ReadWrite;
                self.read_write(to, part, rest)
            }
            Err(Errno::IO) => Err(io::Error::from(Errno::IO)).context("read", &part.path),
            sent => taken(sent),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn sendfile(&mut self, to: BorrowedFd<'_>, part: &Part, rest: u64) -> Result<Option<usize>, Error> {
        self.way = Transfer::ReadWrite;
        self.read_write(to, part, rest)
    }
}

fn as_many(rest: u64, piece: usize) -> usize {
    usize::try_from(rest).unwrap_or(usize::MAX).min(piece)
}

/// Why the kernel finds no page at a place of a mapping: the disk cannot read it, or the file has become shorter.
fn unreadable(part: &Part, position: u64) -> Error {
    match read_some(&part.file, &mut [0], position).context("read", &part.path) {
        Ok(_) => part.changed(),
        Err(error) => error,
    }
}

/// Reads what one call gives; 0 is the file's end.
fn read_some(file: &File, bytes: &mut [u8], position: u64) -> io::Result<usize> {
    loop {
        match file.read_at(bytes, position) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// Writes what one call takes; none if the receiver takes nothing now.
fn write_some(to: BorrowedFd<'_>, bytes: &[u8]) -> Result<Option<usize>, Error> {
    taken(rustix::io::write(to, bytes))
}

/// What a call that sends has said. One that was interrupted has sent nothing, and is made again.
fn taken(sent: Result<usize, Errno>) -> Result<Option<usize>, Error> {
    match sent {
        Ok(0) => Err(Error::Peer { source: io::ErrorKind::WriteZero.into() }),
        Ok(sent) => Ok(Some(sent)),
        Err(Errno::INTR) => Ok(Some(0)),
        Err(Errno::AGAIN) => Ok(None),
        Err(error) => Err(peer(error)),
    }
}

fn peer(error: Errno) -> Error {
    Error::Peer { source: error.into() }
}
