//! What a person sees while something long runs: its name, the time so far, and the last thing it said.
//!
//! On a terminal that is one moving line. Where standard error goes to a file or a CI log it is a line at the start,
//! one every 15 seconds, and one at the end. What the program printed is shown in full only if it fails.

use std::io::{BufRead, BufReader, IsTerminal, Read};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::error::{Context, Error, Result};
use crate::process::shown;

/// How often a log that is no terminal hears that work goes on.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How often the moving line moves.
const TICK: Duration = Duration::from_millis(120);

/// Runs `command` as one piece of work called `name`; if it fails, shows everything it printed.
pub fn run(name: &str, command: &mut Command) -> Result<()> {
    match run_quietly(name, command)? {
        Ended { success: true, .. } => Ok(()),
        Ended { printed, .. } => {
            eprintln!("{}", printed.join("\n"));
            Err(Error::new(format!("{name}: `{}` failed; what it printed is above", shown(command))))
        }
    }
}

/// How a program ended.
pub struct Ended {
    /// Whether it exited with 0.
    pub success: bool,
    /// All it printed, on standard output and standard error, line by line.
    pub printed: Vec<String>,
}

/// Like [`run`], but leaves it to the caller what a failure means.
pub fn run_quietly(name: &str, command: &mut Command) -> Result<Ended> {
    let work = Work::begin(name);
    let mut child = command
        .env("CARGO_TERM_COLOR", if work.bar.is_some() { "always" } else { "never" })
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context(|| format!("cannot start `{}`", shown(command)))?;
    let (sender, lines) = mpsc::channel();
    forward(child.stdout.take(), sender.clone());
    forward(child.stderr.take(), sender);
    let mut printed = Vec::new();
    loop {
        match lines.recv_timeout(HEARTBEAT) {
            Ok(line) => {
                work.says(&line);
                printed.push(line);
            }
            Err(RecvTimeoutError::Timeout) => work.says(""),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    let status = child.wait().context(|| format!("lost track of `{}`", shown(command)))?;
    work.end(status.success());
    Ok(Ended { success: status.success(), printed })
}

/// Sends each line that arrives in `pipe`, from a thread of its own: a program blocks if nobody reads what it prints.
fn forward(pipe: Option<impl Read + Send + 'static>, lines: Sender<String>) {
    let Some(pipe) = pipe else { return };
    thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(std::result::Result::ok) {
            if lines.send(String::from_utf8_lossy(&line).trim_end().to_owned()).is_err() {
                break;
            }
        }
    });
}

/// One piece of work under way.
struct Work {
    name: String,
    started: Instant,
    /// The moving line, on a terminal.
    bar: Option<ProgressBar>,
    /// When the log last heard of it, where there is no terminal.
    heard: std::cell::Cell<Instant>,
}

impl Work {
    fn begin(name: &str) -> Self {
        let started = Instant::now();
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("  {spinner} {prefix} ({elapsed}) {wide_msg:.dim}");
            let bar = ProgressBar::new_spinner().with_prefix(name.to_owned());
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(TICK);
            bar
        });
        if bar.is_none() {
            eprintln!("  {name} ...");
        }
        Self { name: name.to_owned(), started, bar, heard: started.into() }
    }

    fn says(&self, line: &str) {
        let line = line.trim();
        if let Some(bar) = &self.bar {
            if !line.is_empty() {
                bar.set_message(line.to_owned());
            }
        } else if self.heard.get().elapsed() >= HEARTBEAT {
            self.heard.set(Instant::now());
            eprintln!("  {} ... {} {line}", self.name, seconds(self.started.elapsed()));
        }
    }

    fn end(self, success: bool) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
        let how = if success { "done in" } else { "failed after" };
        eprintln!("  {}: {how} {}", self.name, seconds(self.started.elapsed()));
    }
}

/// A duration as people read it: `0.4 s`, `42 s`, `3 min 5 s`.
pub fn seconds(duration: Duration) -> String {
    let whole = duration.as_secs();
    match whole {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..60 => format!("{whole} s"),
        _ => format!("{} min {} s", whole / 60, whole % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short_to_read() {
        assert_eq!(seconds(Duration::from_millis(420)), "0.4 s");
        assert_eq!(seconds(Duration::from_secs(42)), "42 s");
        assert_eq!(seconds(Duration::from_secs(185)), "3 min 5 s");
    }

    #[test]
    fn what_a_failing_program_printed_is_kept() {
        let ended = run_quietly("asking rustc", Command::new("rustc").arg("--no-such-option"))
            .expect("rustc is here");
        assert!(!ended.success);
        assert!(ended.printed.iter().any(|line| line.contains("no-such-option")), "{:?}", ended.printed);
    }
}
