//! `cargo xtask test`: set up what the chosen steps need, run them, stop at the first that fails, say what happened.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::dist;
use crate::error::{Context, Error, Result};
use crate::progress::seconds;
use crate::steps::{Found, Need, STEPS, Step};
use crate::system::{self, Program};
use crate::tools;
use crate::workspace::Workspace;

/// Which steps run.
#[derive(Debug, Args)]
pub struct Options {
    /// Leave out what needs a browser
    #[arg(long)]
    fast: bool,
    /// Run this step alone (may be given again)
    #[arg(long, value_name = "STEP", value_parser = step_names())]
    only: Vec<String>,
    /// Name the steps and run none
    #[arg(long)]
    list: bool,
}

fn step_names() -> PossibleValuesParser {
    STEPS.iter().map(|step| step.name).collect::<Vec<_>>().into()
}

/// How one step went.
enum Outcome {
    Passed(Duration),
    Failed(Duration),
    /// An earlier one failed.
    NotRun,
}

/// Runs the chosen steps; the exit code says whether all passed.
pub fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let chosen = |step: &&Step| {
        let named = options.only.is_empty() || options.only.iter().any(|name| name == step.name);
        named && !(options.fast && step.needs_browser())
    };
    let steps: Vec<&Step> = STEPS.iter().filter(chosen).collect();
    if options.list {
        for step in steps {
            println!("{:<18} {}", step.name, step.about);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let started = Instant::now();
    let found = set_up(workspace, &steps)?;
    let set_up = started.elapsed();
    let outcomes = run_all(workspace, &steps, &found);
    summarize(&steps, &outcomes, set_up);
    let passed = outcomes.iter().all(|outcome| matches!(outcome, Outcome::Passed(_)));
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Finds or installs what the steps need, and nothing else.
fn set_up(workspace: &Workspace, steps: &[&Step]) -> Result<Found> {
    eprintln!("set-up");
    let needs: Vec<Need> = steps.iter().flat_map(|step| step.needs).copied().collect();
    let mut found = Found::default();
    // First what may need a person: nobody should wait for compilers before hearing of it.
    let programs: Vec<Program> = [Program::Node, Program::Npm, Program::Chrome, Program::Chromedriver]
        .into_iter()
        .filter(|program| needs.contains(&Need::Program(*program)))
        .collect();
    found.programs = system::find_or_install(&programs, &workspace.root)?;
    if needs.contains(&Need::WasmTarget) {
        tools::wasm_target(workspace)?;
    }
    if needs.contains(&Need::WasmPack) {
        let (wasm_pack, wasm_bindgen) = (tools::wasm_pack(workspace)?, tools::wasm_bindgen(workspace)?);
        found.tool_folders =
            [&wasm_bindgen, &wasm_pack].iter().filter_map(|tool| Some(tool.parent()?.into())).collect();
        found.wasm_pack = Some(wasm_pack);
        found.capabilities = capabilities(workspace, &found)?;
    }
    if let Some(npm) = found.program(Program::Npm).filter(|_| needs.contains(&Need::Axe)) {
        found.axe = Some(tools::axe(npm)?);
    }
    let builds_page = steps.iter().any(|step| step.name == "page");
    if needs.contains(&Need::Page) && !builds_page {
        dist::build(workspace)?;
    }
    Ok(found)
}

/// Writes the browser options of `web/webdriver.json` anew with the browser that was found.
///
/// The file beside the crate serves whoever types `wasm-pack test`; it cannot name a path that differs by machine.
fn capabilities(workspace: &Workspace, found: &Found) -> Result<Option<PathBuf>> {
    let Some(chrome) = found.program(Program::Chrome) else { return Ok(None) };
    let source = workspace.root.join("web/webdriver.json");
    let text = fs::read_to_string(&source).context(|| format!("cannot read {}", source.display()))?;
    let mut json: serde_json::Value =
        serde_json::from_str(&text).context(|| format!("{}", source.display()))?;
    json["goog:chromeOptions"]["binary"] =
        chrome.to_str().ok_or_else(|| Error::new("CHROME is no UTF-8"))?.into();
    let target = workspace.target.join("webdriver.json");
    fs::create_dir_all(&workspace.target)
        .context(|| format!("cannot make {}", workspace.target.display()))?;
    fs::write(&target, json.to_string()).context(|| format!("cannot write {}", target.display()))?;
    Ok(Some(target))
}

fn run_all(workspace: &Workspace, steps: &[&Step], found: &Found) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        eprintln!("\n[{}/{}] {}: {}", index + 1, steps.len(), step.name, step.about);
        let started = Instant::now();
        let passed = step.run(workspace, found).unwrap_or_else(|error| {
            eprintln!("error: {error}");
            false
        });
        let time = started.elapsed();
        if !passed {
            eprintln!(
                "[{}] FAILED after {}; again alone: cargo xtask test --only {}",
                step.name,
                seconds(time),
                step.name
            );
            outcomes.push(Outcome::Failed(time));
            break;
        }
        eprintln!("[{}] passed in {}", step.name, seconds(time));
        outcomes.push(Outcome::Passed(time));
    }
    outcomes.resize_with(steps.len(), || Outcome::NotRun);
    outcomes
}

fn summarize(steps: &[&Step], outcomes: &[Outcome], set_up: Duration) {
    let (mut passed, mut failed, mut skipped, mut sum) = (0, 0, 0, set_up);
    println!("\n{:<18} {:>9.1} s", "set-up", set_up.as_secs_f64());
    for (step, outcome) in steps.iter().zip(outcomes) {
        let (time, word) = match outcome {
            Outcome::Passed(time) => (*time, "passed"),
            Outcome::Failed(time) => (*time, "FAILED"),
            Outcome::NotRun => (Duration::ZERO, "not run"),
        };
        match outcome {
            Outcome::Passed(_) => passed += 1,
            Outcome::Failed(_) => failed += 1,
            Outcome::NotRun => skipped += 1,
        }
        sum += time;
        println!("{:<18} {:>9.1} s  {word}", step.name, time.as_secs_f64());
    }
    println!("{:<18} {:>9.1} s", "all", sum.as_secs_f64());
    let skipped = if skipped == 0 { String::new() } else { format!(", {skipped} skipped") };
    println!("{passed} passed, {failed} failed{skipped}");
}
