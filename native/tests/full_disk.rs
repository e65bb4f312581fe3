//! A disk that is really full: what does not fit is refused by name, what is there stays, and with room it goes on.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{run, scratch};

fn ok(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let output = run(arguments, input);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn fails(code: i32, arguments: &[&str], input: &[u8]) -> String {
    let output = run(arguments, input);
    assert_eq!(output.status.code(), Some(code));
    String::from_utf8(output.stderr).expect("messages are text")
}

/// A disk in memory of so many MiB; none where nobody may mount one, which is said loudly.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(root: &Path, mebibytes: u32) -> Option<Self> {
        let size = format!("size={mebibytes}M");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(root).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(root.to_owned()));
        }
        eprintln!("SKIPPED: a small disk cannot be mounted here, so a full one was not tried");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // If it stays mounted, the directory cannot be removed, and that is said by whoever tries.
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_is_said_and_nothing_is_lost() {
    let root = scratch();
    let Some(disk) = SmallDisk::mount(root.path(), 2) else { return };
    let dir = disk.0.join("data").to_str().expect("UTF-8").to_owned();
    let lines: String = (0..40_000).map(|n| format!("{n} {}\n", "x".repeat(90))).collect();
    let said = fails(1, &["produce", "--dir", &dir, "--topic", "t"], lines.as_bytes());
    assert!(said.contains("there is no room on the disk") && said.contains("at least"), "{said}");
    let kept: usize = said
        .split("at least ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next()?.parse().ok())
        .expect("a number");
    let verified = run(&["log", "verify", "--dir", &dir], b"");
    assert_eq!(verified.status.code(), Some(0), "{}", String::from_utf8_lossy(&verified.stdout));
    let printed = ok(&["consume", "--dir", &dir, "--topic", "t", "--group", "g"], b"");
    let there = printed.iter().filter(|byte| **byte == b'\n').count();
    assert!(there >= kept && there > 10_000, "{there} are there, {kept} were said to be");
    assert!(lines.as_bytes().starts_with(&printed), "the first ones, and nothing else");
    // With room again it goes on; what the first process left open is where it was.
    assert!(
        Command::new("mount")
            .args(["-o", "remount,size=8M"])
            .arg(&disk.0)
            .status()
            .is_ok_and(|done| done.success())
    );
    ok(&["produce", "--dir", &dir, "--topic", "t"], b"one more\n");
    assert_eq!(ok(&["consume", "--dir", &dir, "--topic", "t", "--group", "g"], b""), b"one more\n");
}
