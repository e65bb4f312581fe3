//! A real ActiveMQ, driven by its own JMS client, in a Java process that does what it is told on its input.
//!
//! Why not by STOMP? Half of what the profile says is said of the JMS client: windows that are extended by what was seen,
//! transactions, and redelivery, which is the client's and not the broker's. A STOMP client has none of it. (The crates for
//! STOMP, besides, are unmaintained or under a licence that is not this project's.)

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use mqlab_core::message::Value;

use super::NotInstalled;
use crate::broker::{Broker, Result};
use crate::script::{Script, Step};

/// Where Debian has the jars of ActiveMQ and of what it needs.
const JARS: &str = "/usr/share/java";
/// Which of them the broker and its client take.
const NEEDED: [&str; 10] = [
    "activemq-broker.jar",
    "activemq-client.jar",
    "activemq-kahadb-store.jar",
    "activemq-openwire-legacy.jar",
    "activemq-protobuf.jar",
    "geronimo-j2ee-management-1.1-spec.jar",
    "geronimo-jms_1.1_spec.jar",
    "hawtbuf.jar",
    "slf4j-api.jar",
    "slf4j-nop.jar",
];
/// The program; Java compiles it when it starts.
const PROGRAM: &str = include_str!("../../java/Fidelity.java");

/// The broker and its clients.
pub struct Active {
    java: Child,
    says: BufReader<ChildStdout>,
    version: String,
}

/// The class path, where everything is there.
fn class_path() -> Result<String> {
    let jars: Vec<PathBuf> = NEEDED.iter().map(|jar| Path::new(JARS).join(jar)).collect();
    if let Some(missing) = jars.iter().find(|jar| !jar.is_file()) {
        let missing = missing.display();
        return Err(NotInstalled(format!("no {missing}: apt-get install libactivemq-java")).into());
    }
    let compiler = Command::new("javac").arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !compiler.is_ok_and(|status| status.success()) {
        return Err(NotInstalled("no Java compiler: apt-get install default-jdk-headless".into()).into());
    }
    Ok(jars.iter().map(|jar| jar.display().to_string()).collect::<Vec<_>>().join(":"))
}

impl Active {
    /// Starts a broker whose store is in a folder, which is emptied.
    ///
    /// # Errors
    ///
    /// [`NotInstalled`] where it or Java is not there; when it does not start.
    pub fn start(folder: &Path) -> Result<Self> {
        let jars = class_path()?;
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
        let program = folder.join("Fidelity.java");
        fs::write(&program, PROGRAM)?;
        let mut java = Command::new("java")
            .args(["-Xmx256m", "-cp", &jars])
            .args([program.as_path(), &folder.join("data")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(folder.join("out.log"))?)
            .spawn()?;
        let says = java.stdout.take().ok_or("its output is not read")?;
        let mut active = Self { java, says: BufReader::new(says), version: String::new() };
        active.version = active.answer()?.concat();
        Ok(active)
    }

    /// Tells it a line, and reads its answer.
    fn ask(&mut self, line: &str) -> Result<Vec<String>> {
        let input = self.java.stdin.as_mut().ok_or("its input is closed")?;
        input.write_all(line.as_bytes())?;
        input.write_all(b"\n")?;
        input.flush()?;
        self.answer()
    }

    fn answer(&mut self) -> Result<Vec<String>> {
        let mut seen = Vec::new();
        loop {
            let mut line = String::new();
            if self.says.read_line(&mut line)? == 0 {
                return Err("ActiveMQ has ended; its out.log says why".into());
            }
            match line.trim_end().split_at_checked(2) {
                Some(("= ", what)) => seen.push(what.to_owned()),
                Some(("! ", wrong)) => return Err(wrong.to_owned().into()),
                None if line.trim_end() == "." => return Ok(seen),
                _ => return Err(format!("ActiveMQ's program said {line:?}").into()),
            }
        }
    }
}

/// A step as the program reads it.
fn written(step: &Step) -> Result<String> {
    let mut fields = vec![step.verb.clone()];
    fields.extend(step.words.iter().map(|word| format!("w:{word}")));
    fields.extend(step.flags.iter().map(|flag| format!("f:{flag}")));
    for (name, value) in &step.settings {
        fields.push(match value {
            Value::Int(number) => format!("s:{name}=i:{number}"),
            Value::Bool(flag) => format!("s:{name}=b:{flag}"),
            Value::Text(text) => format!("s:{name}=t:{text}"),
            other => return Err(format!("`{}`: no property can be {other}", step.line).into()),
        });
    }
    Ok(fields.join("\t"))
}

impl Broker for Active {
    fn version(&self) -> String {
        format!("ActiveMQ {}", self.version)
    }

    fn begin(&mut self, script: &Script) -> Result<()> {
        let words = script.broker.iter().map(|setting| format!("\tw:{setting}")).collect::<String>();
        self.ask(&format!("begin{words}")).map(drop)
    }

    fn perform(&mut self, step: &Step) -> Result<Vec<String>> {
        self.ask(&written(step)?)
    }

    fn end(&mut self) -> Result<()> {
        self.ask("end").map(drop)
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        // The program ends with its input.
        drop(self.java.stdin.take());
        if let Err(error) = self.java.wait() {
            eprintln!("ActiveMQ's process may be left: {error}");
        }
    }
}
