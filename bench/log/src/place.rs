//! Where are the files, and in which state does each contender find the disk?
//!
//! Each contender gets a new directory, which is removed when it is done: so nobody writes beside another's dirty pages,
//! and what was never to be flushed never is. Before a contender that flushes, what the file system has yet to write is
//! written.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A directory on the file system that is measured.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    dir: PathBuf,
}

impl Place {
    pub(crate) fn new(dir: &Path) -> std::io::Result<Self> {
        fs::create_dir_all(dir)?;
        Ok(Self { dir: dir.canonicalize()? })
    }

    /// A new directory; it goes when the value does.
    pub(crate) fn scratch(&self) -> TempDir {
        TempDir::with_prefix_in("bench-", &self.dir).expect("a directory can be made where it is measured")
    }

    /// The same, once the file system has nothing else to write.
    pub(crate) fn settled(&self) -> TempDir {
        let scratch = self.scratch();
        let dir = File::open(scratch.path()).expect("it was made");
        rustix::fs::syncfs(&dir).expect("the file system can be flushed");
        scratch
    }

    /// What a reader must know of the file system.
    pub(crate) fn describe(&self) -> Vec<String> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let kind = mounts.lines().filter_map(|line| mount(line, &self.dir)).max_by_key(|(length, _)| *length);
        let kind = kind.map_or_else(|| "unknown".into(), |(_, kind)| kind);
        vec![format!("measured in: {} ({kind})", self.dir.display())]
    }
}

/// How well a line of mountinfo fits a directory, as the length of its mount point, and what is mounted there.
fn mount(line: &str, dir: &Path) -> Option<(usize, String)> {
    // "36 35 98:0 /root /mnt/point rw,noatime - ext4 /dev/root rw,errors=continue"
    let (front, back) = line.split_once(" - ")?;
    let point = front.split(' ').nth(4)?;
    let options = front.split(' ').nth(5)?;
    let mut back = back.split(' ');
    let (kind, device, more) = (back.next()?, back.next()?, back.next().unwrap_or_default());
    let fits = dir.starts_with(point);
    fits.then(|| (point.len(), format!("{kind} on {device}, {options},{more}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_mount_point_that_fits_is_the_file_system() {
        let line = "36 35 98:0 / /mnt rw,noatime shared:1 - ext4 /dev/vda rw,errors=continue";
        let expected = (4, "ext4 on /dev/vda, rw,noatime,rw,errors=continue".to_owned());
        assert_eq!(mount(line, Path::new("/mnt/data")), Some(expected));
        assert_eq!(mount(line, Path::new("/mntdata")), None);
        assert_eq!(mount("nonsense", Path::new("/")), None);
    }
}
