//! How does nothing stay behind? A shell in a process group of its own starts the server, and ends the group when its
//! input does: in good order, and also when this program is killed, since the pipe breaks then.
//!
//! ```text
//!   this program ──pipe──▶ sh ─┬─▶ epmd                 all of one process group
//!                              └─▶ server ─▶ its helpers
//!   the pipe ends ───────────▶ sh: TERM to the group;  whoever is left after a while: KILL, from here
//! ```

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

use crate::broker::Result;

/// How long a server may take to stop.
const STOPS_WITHIN: Duration = Duration::from_secs(20);
/// How often it is looked whether something has come about.
pub(super) const LOOKS_EVERY: Duration = Duration::from_millis(50);

/// Waits for the end of its input, or of the server, and ends the whole group.
const SCRIPT: &str = r#"("$@"; kill -TERM 0) & cat; kill -TERM 0"#;

/// A server and all that it started.
pub(super) struct Guard {
    shell: Child,
    group: Pid,
}

impl Guard {
    /// Starts a command line of a shell, with these variables; what it says goes to a file.
    pub(super) fn start<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        commands: &str,
        variables: impl IntoIterator<Item = (K, V)>,
        says: &Path,
    ) -> Result<Self> {
        let file = File::create(says)?;
        let shell = Command::new("sh")
            .args(["-c", SCRIPT, "guard", "sh", "-c", commands])
            .envs(variables)
            .stdin(Stdio::piped())
            .stdout(file.try_clone()?)
            .stderr(file)
            .process_group(0)
            .spawn()?;
        let group =
            i32::try_from(shell.id()).ok().and_then(Pid::from_raw).ok_or("a process has no number")?;
        Ok(Self { shell, group })
    }

    /// Whether the server has ended by itself.
    pub(super) fn has_ended(&mut self) -> Result<bool> {
        Ok(self.shell.try_wait()?.is_some())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let until = Instant::now() + STOPS_WITHIN;
        let is_left = || test_kill_process_group(self.group).is_ok();
        while Instant::now() < until {
            // The shell itself stays in the group until it is asked how it ended.
            if self.shell.try_wait().is_ok_and(|ended| ended.is_some()) && !is_left() {
                return;
            }
            thread::sleep(LOOKS_EVERY);
        }
        if let Err(error) = kill_process_group(self.group, Signal::KILL) {
            eprintln!("processes of group {} may be left: {error}", self.group.as_raw_nonzero());
        }
    }
}
