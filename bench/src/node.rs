//! How is a WebAssembly module run and timed? In a Node of its own, which is asked line by line and times itself.
//!
//! ```text
//!   "1 25000"  ──▶  Node: runs the module, and asks the system how long the processor worked for it
//!              ──▶  "93.4 2f0c5e8a77d1b3c4"     milliseconds, digest
//! ```

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// What Node runs: it answers each line with how long the module took, and what it returned.
const SCRIPT: &str = "
const world = require(process.argv[1]);
require('readline').createInterface({ input: process.stdin }).on('line', line => {
    const [batch, messages] = line.split(' ').map(Number);
    const start = process.cpuUsage();
    const digest = world.run(batch, messages);
    const { user, system } = process.cpuUsage(start);
    console.log(`${(user + system) / 1000} ${digest}`);
});
";

/// A running Node with the module in it. It ends when nobody asks any more.
#[derive(Debug)]
pub(crate) struct Node {
    process: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Node {
    /// Starts Node over the bindings of a module.
    pub(crate) fn start(module: &Path) -> io::Result<Self> {
        let mut node = Command::new("node");
        node.arg("--eval").arg(SCRIPT).arg(module.canonicalize()?);
        let mut process = node.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let missing = || io::Error::other("a stream of Node is missing");
        let questions = Some(process.stdin.take().ok_or_else(missing)?);
        let answers = BufReader::new(process.stdout.take().ok_or_else(missing)?);
        Ok(Self { process, questions, answers })
    }

    /// Runs a world; returns the digest of the run, and how long it took.
    pub(crate) fn run(&mut self, batch: u64, messages: u64) -> io::Result<(u64, Duration)> {
        let questions = self.questions.as_mut().ok_or_else(|| io::Error::other("Node has ended"))?;
        writeln!(questions, "{batch} {messages}")?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let answer = || {
            let (millis, digest) = line.trim().split_once(' ')?;
            let took = Duration::try_from_secs_f64(millis.parse::<f64>().ok()? / 1e3).ok()?;
            Some((u64::from_str_radix(digest, 16).ok()?, took))
        };
        answer().ok_or_else(|| io::Error::other(format!("Node answered {line:?}")))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.questions = None; // no more lines: it ends by itself
        if let Err(error) = self.process.wait() {
            eprintln!("warning: Node did not end: {error}");
        }
    }
}
