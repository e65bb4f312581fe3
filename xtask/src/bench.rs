//! `cargo xtask bench`: builds the benchmarks as fast programs are built, and runs them.
//!
//! They are packages of their own, `mqlab-bench`, `mqlab-bench-log` and `mqlab-bench-web`: the crates that are measured against are compiled
//! for whoever asks for it, and this program, compiled without optimization, measures nothing itself.

use std::ffi::OsString;
use std::fs;
use std::path;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::error::{Context, Error, Result};
use crate::process;
use crate::progress;
use crate::site;
use crate::system::{self, Program};
use crate::tools::{self, WASM_TARGET};
use crate::workspace::Workspace;

/// The module of the worlds that are measured, as wasm-bindgen names it.
const MODULE: &str = "mqlab_bench_world";

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// Queue, routing, selectors and simulated worlds, in memory, on one core
    Engine,
    /// The file-backed log, next to the bare system calls and to other logs
    Log,
    /// The page in a headless browser: frames, seeks, its opening, its memory
    Web,
}

impl What {
    fn package(self) -> &'static str {
        match self {
            Self::Engine => "mqlab-bench",
            Self::Log => "mqlab-bench-log",
            Self::Web => "mqlab-bench-web",
        }
    }
}

/// What is measured, and how.
#[derive(Debug, Args)]
pub struct Options {
    /// What to measure
    #[arg(value_enum)]
    what: What,
    /// Also write what was measured as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<path::PathBuf>,
    /// How often each row is measured, all its contenders each time [default: 11]
    #[arg(long, value_parser = clap::value_parser!(u16).range(7..))]
    pairs: Option<u16>,
    /// A first look: the fewest pairs, and a quarter of the work
    #[arg(long)]
    quick: bool,
    /// Only the rows whose name holds this text
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Of the log: also draw what was measured
    #[arg(long, value_name = "FILE")]
    svg: Option<path::PathBuf>,
    /// Of the log: where files are written [default: target/bench-log]
    #[arg(long, value_name = "DIR")]
    dir: Option<path::PathBuf>,
    /// Of the log: also measure logs of 1 and 10 GB, which are written before
    #[arg(long)]
    large: bool,
}

impl Options {
    /// The same for the program that measures. It starts in the workspace's root, so paths are made absolute.
    fn arguments(&self) -> Result<Vec<OsString>> {
        let of_the_log = self.svg.is_some() || self.dir.is_some() || self.large;
        let mut arguments = match self.what {
            What::Engine | What::Web if of_the_log => {
                return Err(Error::new("--svg, --dir and --large are options of `cargo xtask bench log`"));
            }
            What::Engine => vec![OsString::from("engine")],
            What::Log | What::Web => Vec::new(),
        };
        for (name, path) in [("--json", &self.json), ("--svg", &self.svg), ("--dir", &self.dir)] {
            if let Some(path) = path {
                let path = path::absolute(path).context(|| format!("cannot find {}", path.display()))?;
                arguments.extend([name.into(), path.into()]);
            }
        }
        if let Some(pairs) = self.pairs {
            arguments.extend(["--pairs".into(), pairs.to_string().into()]);
        }
        if let Some(only) = &self.only {
            arguments.extend(["--only".into(), only.into()]);
        }
        let flags = [("--quick", self.quick), ("--large", self.large)];
        arguments.extend(flags.into_iter().filter(|(_, set)| *set).map(|(name, _)| name.into()));
        Ok(arguments)
    }
}

/// Builds and runs the benchmarks; their exit code is passed on.
pub fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let arguments = options.arguments()?;
    let mut cargo = process::cargo(&workspace.root);
    cargo.args(["run", "--quiet", "--release", "--package", options.what.package(), "--"]).args(arguments);
    match options.what {
        What::Engine => {
            cargo.arg("--wasm").arg(wasm(workspace)?);
        }
        What::Web => {
            let programs =
                system::find_or_install(&[Program::Chrome, Program::Chromedriver], &workspace.root)?;
            cargo.envs(programs.iter().map(|(program, path)| (program.variable(), path)));
            site::build(workspace)?;
            cargo.arg("--site").arg(workspace.site()).arg("--worlds").arg(worlds(workspace)?);
        }
        What::Log => {}
    }
    eprintln!("{}", process::shown(&cargo));
    let status = cargo.status().context(|| format!("cannot start `{}`", process::shown(&cargo)))?;
    let code = status.code().ok_or_else(|| Error::new("the benchmarks were interrupted"))?;
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}

/// Builds the worlds that are measured as a module for Node, and says where it is.
fn wasm(workspace: &Workspace) -> Result<path::PathBuf> {
    let folder = workspace.target.join("bench");
    world(workspace, "release", "nodejs", &folder)?;
    Ok(folder.join(format!("{MODULE}.js")))
}

/// Builds them for a browser, as the page is built, and says in which folder they are.
fn worlds(workspace: &Workspace) -> Result<path::PathBuf> {
    let folder = workspace.target.join("bench/web");
    world(workspace, "web", "web", &folder)?;
    let page = folder.join("index.html");
    fs::write(&page, "<!doctype html><title>worlds</title>\n")
        .context(|| format!("cannot write {}", page.display()))?;
    Ok(folder)
}

/// Builds them in a profile, with bindings for whoever runs them.
fn world(workspace: &Workspace, profile: &str, host: &str, folder: &path::Path) -> Result<()> {
    tools::wasm_target(workspace)?;
    let wasm_bindgen = tools::wasm_bindgen(workspace)?;
    let mut build = process::cargo(&workspace.root);
    build.args(["build", "--package=mqlab-bench-world", "--lib", "--profile", profile]);
    build.args(["--target", WASM_TARGET]);
    progress::run(&format!("compiling the worlds that are measured ({profile})"), &mut build)?;
    let compiled = workspace.target.join(WASM_TARGET).join(profile).join(format!("{MODULE}.wasm"));
    let mut bind = process::program(&wasm_bindgen, &workspace.root);
    bind.args(["--target", host, "--no-typescript", "--out-name", MODULE, "--out-dir"])
        .arg(folder)
        .arg(compiled);
    progress::run("generating their bindings", &mut bind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_is_handed_on() {
        let mut options = Options {
            what: What::Engine,
            json: None,
            pairs: Some(9),
            quick: true,
            only: Some("queue".into()),
            svg: None,
            dir: None,
            large: false,
        };
        let arguments = options.arguments().expect("no path is named");
        assert_eq!(arguments, ["engine", "--pairs", "9", "--only", "queue", "--quick"]);
        options.json = Some("out.json".into());
        let arguments = options.arguments().expect("this folder is there");
        assert!(path::Path::new(&arguments[2]).is_absolute());
        options.large = true;
        assert!(options.arguments().is_err(), "the engine has no large logs");
        (options.what, options.json) = (What::Log, None);
        let arguments = options.arguments().expect("no path is named");
        assert_eq!(arguments, ["--pairs", "9", "--only", "queue", "--quick", "--large"]);
    }
}
