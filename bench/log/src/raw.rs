//! What a program would do that wants nothing but the bytes in a file: the bare system calls.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// A file that is written to by `write(2)` at its end.
#[derive(Debug)]
pub(crate) struct Raw {
    file: File,
    /// Where in the blocks that were written ahead the next bytes go; nothing when the file grows.
    ahead: Option<u64>,
}

impl Raw {
    /// A new file.
    pub(crate) fn create(dir: &Path) -> Self {
        let file = OpenOptions::new().create_new(true).append(true).open(dir.join("raw"));
        Self { file: file.expect("the directory is new"), ahead: None }
    }

    /// A new file in which so many bytes of zeros were written and made durable.
    pub(crate) fn written_ahead(dir: &Path, bytes: usize) -> Self {
        let mut file = File::create_new(dir.join("ahead")).expect("the directory is new");
        let zeros = vec![0; 1024 * 1024];
        let mut left = bytes;
        while left > 0 {
            let part = left.min(zeros.len());
            file.write_all(&zeros[..part]).expect("there is room");
            left -= part;
        }
        file.sync_all().expect("the disk takes it");
        Self { file, ahead: Some(0) }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        match &mut self.ahead {
            None => self.file.write_all(bytes).expect("there is room"),
            Some(at) => {
                self.file.write_all_at(bytes, *at).expect("there is room");
                *at += bytes.len() as u64;
            }
        }
    }

    pub(crate) fn flush(&self) {
        self.file.sync_data().expect("the disk takes it");
    }
}

/// Reads a file of frames (four bytes of length, little-endian, and so many bytes) by large chunks into memory that is
/// used again, and shows each frame.
pub(crate) fn read_frames(
    path: &Path,
    chunk: usize,
    length: impl Fn(&[u8]) -> Option<usize>,
    mut visit: impl FnMut(&[u8]),
) {
    let mut file = File::open(path).expect("it was written");
    let mut buffer = vec![0; chunk];
    let mut held = 0;
    loop {
        let got = file.read(&mut buffer[held..]).expect("it can be read");
        if got == 0 {
            break;
        }
        held += got;
        let mut at = 0;
        while let Some(frame) = length(&buffer[at..held]) {
            let Some(bytes) = buffer.get(at..at + frame).filter(|_| at + frame <= held) else { break };
            visit(bytes);
            at += frame;
        }
        buffer.copy_within(at..held, 0);
        held -= at;
    }
    assert_eq!(held, 0, "the file ends with a frame");
}
