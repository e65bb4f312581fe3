//! Standard input in blocks of whole lines, read by a thread of its own, so that lines which have arrived are kept
//! while the next ones are waited for.

use std::fmt;
use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use bytes::{Bytes, BytesMut};
use mqlab_core::record::BATCH_BYTES_MAX;

/// How many bytes one read asks for.
const READ_BYTES: usize = 64 * 1024;
/// How many blocks are read ahead.
const BLOCKS_AHEAD: usize = 4;
/// The longest line: what is longer fits no batch, and is not gathered in memory to find out.
const LINE_BYTES_MAX: usize = BATCH_BYTES_MAX;

/// Why there are no more lines.
#[derive(Debug)]
pub(super) enum InputError {
    /// Reading failed.
    Read(io::Error),
    /// A line does not end.
    TooLong,
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "cannot read standard input: {error}"),
            Self::TooLong => {
                write!(f, "the line is longer than the {LINE_BYTES_MAX} bytes of the largest batch")
            }
        }
    }
}

/// Whole lines, each with its newline, except that the last of the input may lack it.
pub(super) type Block = Bytes;

/// Begins to read.
pub(super) fn blocks(input: impl Read + Send + 'static) -> Receiver<Result<Block, InputError>> {
    let (sender, receiver) = sync_channel(BLOCKS_AHEAD);
    thread::spawn(move || {
        if let Err(error) = read(input, &sender) {
            // Nobody listens any more when the command has failed for another reason.
            let _ = sender.send(Err(error));
        }
    });
    receiver
}

fn read(mut input: impl Read, sender: &SyncSender<Result<Block, InputError>>) -> Result<(), InputError> {
    let mut pending = BytesMut::new();
    loop {
        let start = pending.len();
        pending.resize(start + READ_BYTES, 0);
        let read = loop {
            match input.read(&mut pending[start..]) {
                Ok(read) => break read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(InputError::Read(error)),
            }
        };
        pending.truncate(start + read);
        let ended = read == 0;
        // Only what came just now can hold a new line's end.
        let whole = match pending[start..].iter().rposition(|&byte| byte == b'\n') {
            Some(last) => start + last + 1,
            None if ended => pending.len(),
            None => 0,
        };
        if whole > 0 && sender.send(Ok(pending.split_to(whole).freeze())).is_err() {
            return Ok(());
        }
        if ended {
            return Ok(());
        }
        if pending.len() > LINE_BYTES_MAX {
            return Err(InputError::TooLong);
        }
    }
}

/// The lines of a block, without their newlines.
pub(super) fn split(mut block: Block) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || {
        if block.is_empty() {
            return None;
        }
        let end = block.iter().position(|&byte| byte == b'\n');
        let mut line = block.split_to(end.map_or(block.len(), |end| end + 1));
        if end.is_some() {
            line.truncate(line.len() - 1);
        }
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes a few at a time.
    struct Drops(Vec<u8>, usize);

    impl Read for Drops {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0.drain(..count);
            Ok(count)
        }
    }

    fn lines(input: &[u8], at_once: usize) -> Vec<Vec<u8>> {
        let blocks = blocks(Drops(input.to_vec(), at_once));
        blocks.into_iter().flat_map(|block| split(block.expect("readable"))).map(Vec::from).collect()
    }

    #[test]
    fn lines_come_whole_however_they_arrive() {
        for at_once in [1, 2, 3, 7, 1000] {
            assert_eq!(lines(b"one\n\ntwo\r\nthree", at_once), [&b"one"[..], b"", b"two\r", b"three"]);
            assert_eq!(lines(b"\xff\0\n", at_once), [b"\xff\0"]);
            assert_eq!(lines(b"\n", at_once), [b""]);
            assert!(lines(b"", at_once).is_empty());
        }
    }

    #[test]
    fn a_line_without_end_is_an_error() {
        let mut blocks = blocks(io::repeat(b'x')).into_iter();
        assert!(matches!(blocks.next(), Some(Err(InputError::TooLong))));
        assert!(blocks.next().is_none());
    }
}
