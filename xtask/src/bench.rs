//! `cargo xtask bench`: builds the benchmarks as fast programs are built, and runs them.
//!
//! They are a package of their own, `mqlab-bench`: the crates that the engine is measured against are compiled for
//! whoever asks for it, and this program, compiled without optimization, measures nothing itself.

use std::ffi::OsString;
use std::path;
use std::process::ExitCode;

use clap::Args;

use crate::error::{Context, Error, Result};
use crate::process;
use crate::progress;
use crate::tools::{self, WASM_TARGET};
use crate::workspace::Workspace;

/// The module of the worlds that are measured, as wasm-bindgen names it.
const MODULE: &str = "mqlab_bench_world";

/// What is measured, and how.
#[derive(Debug, Args)]
pub struct Options {
    /// What to measure
    #[arg(value_parser = ["engine"])]
    what: String,
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
}

impl Options {
    /// The same for the program that measures. It starts in the workspace's root, so paths are made absolute.
    fn arguments(&self) -> Result<Vec<OsString>> {
        let mut arguments = vec![OsString::from(&self.what)];
        if let Some(json) = &self.json {
            let json = path::absolute(json).context(|| format!("cannot find {}", json.display()))?;
            arguments.extend(["--json".into(), json.into()]);
        }
        if let Some(pairs) = self.pairs {
            arguments.extend(["--pairs".into(), pairs.to_string().into()]);
        }
        if self.quick {
            arguments.push("--quick".into());
        }
        if let Some(only) = &self.only {
            arguments.extend(["--only".into(), only.into()]);
        }
        Ok(arguments)
    }
}

/// Builds and runs the benchmarks; their exit code is passed on.
pub fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let mut cargo = process::cargo(&workspace.root);
    cargo.args(["run", "--quiet", "--release", "--package", "mqlab-bench", "--"]).args(options.arguments()?);
    cargo.arg("--wasm").arg(wasm(workspace)?);
    eprintln!("{}", process::shown(&cargo));
    let status = cargo.status().context(|| format!("cannot start `{}`", process::shown(&cargo)))?;
    let code = status.code().ok_or_else(|| Error::new("the benchmarks were interrupted"))?;
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}

/// Builds the worlds that are measured as a module for Node, and says where it is.
fn wasm(workspace: &Workspace) -> Result<path::PathBuf> {
    tools::wasm_target(workspace)?;
    let wasm_bindgen = tools::wasm_bindgen(workspace)?;
    let mut build = process::cargo(&workspace.root);
    build.args(["build", "--package=mqlab-bench-world", "--lib", "--release", "--target", WASM_TARGET]);
    progress::run("compiling the worlds for Node", &mut build)?;
    let folder = workspace.target.join("bench");
    let compiled = workspace.target.join(WASM_TARGET).join("release").join(format!("{MODULE}.wasm"));
    let mut bind = process::program(&wasm_bindgen, &workspace.root);
    bind.args(["--target=nodejs", "--no-typescript", "--out-name", MODULE, "--out-dir"])
        .arg(&folder)
        .arg(compiled);
    progress::run("generating their bindings", &mut bind)?;
    Ok(folder.join(format!("{MODULE}.js")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_is_handed_on() {
        let mut options = Options {
            what: "engine".into(),
            json: None,
            pairs: Some(9),
            quick: true,
            only: Some("queue".into()),
        };
        let arguments = options.arguments().expect("no path is named");
        assert_eq!(arguments, ["engine", "--pairs", "9", "--quick", "--only", "queue"]);
        options.json = Some("out.json".into());
        let arguments = options.arguments().expect("this folder is there");
        assert!(path::Path::new(&arguments[2]).is_absolute());
    }
}
