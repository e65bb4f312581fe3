//! `cargo xtask shots`: pictures of the page in its main states, for somebody to look at with a critical eye.
//!
//! The states are told in `tests/tests/browser/shots.rs`, beside the browser tests, whose driver they share. An index
//! shows all of them side by side.

use std::process::ExitCode;

use clap::Args;

use crate::error::{Context, Result};
use crate::process;
use crate::site;
use crate::system::{self, Program};
use crate::workspace::Workspace;

/// Which states are shown.
#[derive(Debug, Args)]
pub struct Options {
    /// Show this state alone
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Take the page as it was built last
    #[arg(long)]
    no_build: bool,
}

/// Builds the page and makes the pictures; the exit code says whether all could be made.
pub fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let programs = system::find_or_install(&[Program::Chrome, Program::Chromedriver], &workspace.root)?;
    if !options.no_build {
        site::build(workspace)?;
    }
    let mut shots = process::cargo(&workspace.root);
    shots.args(["test", "--quiet", "-p", "mqlab-tests", "--features", "browser", "--test", "browser"]);
    shots.args(["--", "--ignored", "--exact", "--nocapture", "shots::the_main_states"]);
    let folder = workspace.target.join("shots");
    shots.env("MQLAB_SITE", workspace.site()).env("MQLAB_SHOTS", &folder);
    shots.env("MQLAB_SHOTS_ONLY", options.only.as_deref().unwrap_or_default());
    for (program, path) in &programs {
        shots.env(program.variable(), path);
    }
    let status = shots.status().context(|| format!("cannot start `{}`", process::shown(&shots)))?;
    if !status.success() {
        return Ok(ExitCode::FAILURE);
    }
    println!("{}", workspace.display(&folder.join("index.html")));
    Ok(ExitCode::SUCCESS)
}
