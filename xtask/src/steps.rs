//! The steps of `cargo xtask test`, in order: the cheap and the telling ones first.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::dist;
use crate::error::{Context, Result};
use crate::process;
use crate::system::Program;
use crate::tools::WASM_TARGET;
use crate::workspace::Workspace;

/// What a step needs before it can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The compiler's wasm32 target.
    WasmTarget,
    /// wasm-pack, and the wasm-bindgen it calls.
    WasmPack,
    /// A program of the machine's.
    Program(Program),
    /// The built page.
    Page,
    /// The accessibility audit.
    Axe,
}

use Need::{Axe, Page, WasmPack, WasmTarget};

/// What property tests draw from, as proptest reads it.
const PROPERTY_SEED: &str = "PROPTEST_RNG_SEED";

const NODE: Need = Need::Program(Program::Node);
const CHROME: Need = Need::Program(Program::Chrome);
const CHROMEDRIVER: Need = Need::Program(Program::Chromedriver);
const NPM: Need = Need::Program(Program::Npm);

/// One thing that must pass.
#[derive(Debug)]
pub struct Step {
    /// How `--only` calls it.
    pub name: &'static str,
    /// What it shows, in a few words.
    pub about: &'static str,
    /// What it needs.
    pub needs: &'static [Need],
    work: Work,
}

#[derive(Debug)]
enum Work {
    /// A command of cargo's; the second field is put into the environment.
    Cargo(&'static [&'static str], &'static [(&'static str, &'static str)]),
    /// A command of wasm-pack's on the web crate.
    WasmPack(&'static [&'static str]),
    /// The page, built as `cargo xtask dist` does.
    Dist,
}

/// What the set-up found: the programs to hand to the steps.
#[derive(Debug, Default)]
pub struct Found {
    /// wasm-pack itself.
    pub wasm_pack: Option<PathBuf>,
    /// The folders of the tools that cargo made; they go before the search path.
    pub tool_folders: Vec<PathBuf>,
    /// The machine's programs, by kind.
    pub programs: Vec<(Program, PathBuf)>,
    /// The accessibility audit's script.
    pub axe: Option<PathBuf>,
    /// The browser options of the web crate's tests, with the browser that was found.
    pub capabilities: Option<PathBuf>,
}

/// Every step, in the order they run.
pub const STEPS: &[Step] = &[
    Step {
        name: "format",
        about: "the code is formatted",
        needs: &[],
        work: Work::Cargo(&["fmt", "--all", "--check"], &[]),
    },
    Step {
        name: "clippy",
        about: "no warning on this machine's target",
        needs: &[],
        work: Work::Cargo(
            &["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"],
            &[],
        ),
    },
    Step {
        name: "clippy-wasm",
        about: "no warning on the page's target",
        needs: &[WasmTarget],
        work: Work::Cargo(
            &[
                "clippy",
                "-p",
                "mqlab-core",
                "-p",
                "mqlab-web",
                "--lib",
                "--target",
                WASM_TARGET,
                "--",
                "-D",
                "warnings",
            ],
            &[],
        ),
    },
    Step {
        name: "clippy-wasm-tests",
        about: "nor in the page's own tests",
        needs: &[WasmTarget],
        work: Work::Cargo(
            &["clippy", "-p", "mqlab-web", "--tests", "--target", WASM_TARGET, "--", "-D", "warnings"],
            &[],
        ),
    },
    Step {
        name: "docs",
        about: "the documentation builds, and its links lead somewhere",
        needs: &[],
        work: Work::Cargo(
            &["doc", "--workspace", "--no-deps", "--document-private-items"],
            &[("RUSTDOCFLAGS", "-D warnings")],
        ),
    },
    Step {
        name: "tests",
        about: "unit, documentation, property, script and replay tests",
        needs: &[],
        // The log's rivals take minutes to compile: they are checked by clippy, and run by `cargo xtask bench log`.
        work: Work::Cargo(&["test", "--workspace", "--exclude", "mqlab-bench-log"], &[]),
    },
    Step {
        name: "mutants",
        about: "an engine with a deliberate fault is found out, each of them",
        needs: &[],
        work: Work::Cargo(
            &[
                "test",
                "-p",
                "mqlab-tests",
                "-p",
                "mqlab",
                "--features",
                "mqlab-tests/mutants,mqlab/mutants",
                "--test",
                "mutants",
            ],
            &[],
        ),
    },
    Step {
        name: "page",
        about: "the page builds, as a folder and as one file",
        needs: &[WasmTarget],
        work: Work::Dist,
    },
    Step {
        name: "wasm-node",
        about: "the web crate's tests in Node",
        needs: &[WasmTarget, WasmPack, NODE],
        work: Work::WasmPack(&["test", "--node"]),
    },
    Step {
        name: "wasm-chrome",
        about: "the web crate's tests in Chromium",
        needs: &[WasmTarget, WasmPack, CHROME, CHROMEDRIVER],
        work: Work::WasmPack(&["test", "--headless", "--chrome"]),
    },
    Step {
        name: "browser",
        about: "the built page, driven in Chromium",
        needs: &[Page, Axe, CHROME, CHROMEDRIVER, NPM],
        // A test waits for its browser most of the time: more of them than processors get done sooner.
        work: Work::Cargo(
            &[
                "test",
                "-p",
                "mqlab-tests",
                "--features",
                "browser",
                "--test",
                "browser",
                "--",
                "--test-threads=4",
            ],
            &[],
        ),
    },
];

impl Step {
    /// Whether `--fast` leaves it out.
    pub fn needs_browser(&self) -> bool {
        self.needs.contains(&CHROME)
    }

    /// Does the work; true if it passed.
    pub fn run(&self, workspace: &Workspace, found: &Found) -> Result<bool> {
        let mut command = match &self.work {
            Work::Dist => return dist::build(workspace).map(|()| true),
            Work::Cargo(arguments, environment) => {
                let mut cargo = process::cargo(&workspace.root);
                cargo.args(*arguments).envs(environment.iter().copied());
                cargo
            }
            Work::WasmPack(arguments) => {
                let wasm_pack = found.wasm_pack.clone().unwrap_or_else(|| "wasm-pack".into());
                let mut wasm_pack = process::program(wasm_pack, &workspace.root);
                wasm_pack.args(*arguments);
                if let Some(driver) = found.program(Program::Chromedriver).filter(|_| self.needs_browser()) {
                    wasm_pack.arg("--chromedriver").arg(driver);
                }
                wasm_pack.arg("web");
                wasm_pack
            }
        };
        found.hand_to(&mut command, workspace);
        eprintln!("  {}", process::shown(&command));
        let status = command.status().context(|| format!("cannot start `{}`", process::shown(&command)))?;
        Ok(status.success())
    }
}

impl Found {
    /// Where a program of the machine's is.
    pub fn program(&self, wanted: Program) -> Option<&Path> {
        self.programs.iter().find(|(program, _)| *program == wanted).map(|(_, path)| path.as_path())
    }

    /// Tells a step's command where everything is.
    fn hand_to(&self, command: &mut Command, workspace: &Workspace) {
        // The machine's programs come last: beside Node there may be a cargo that is not ours.
        let machine: Vec<PathBuf> =
            self.programs.iter().filter_map(|(_, path)| Some(path.parent()?.into())).collect();
        command.env("PATH", process::path_between(&self.tool_folders, &machine));
        for (program, path) in &self.programs {
            command.env(program.variable(), path);
        }
        command.env("MQLAB_SITE", workspace.site()).env("MQLAB_SINGLE_FILE", workspace.single_file());
        if let Some(axe) = &self.axe {
            command.env("MQLAB_AXE", axe);
        }
        if let Some(capabilities) = &self.capabilities {
            command.env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", capabilities);
        }
        // The same commit passes each time, or fails each time: property tests draw anew in campaigns, where nobody waits for
        // them with something else in mind.
        if env::var_os(PROPERTY_SEED).is_none() {
            command.env(PROPERTY_SEED, "20261129");
        }
        // The test runner's own limits, in seconds, suit a fast machine that does nothing else.
        command.env("WASM_BINDGEN_TEST_DRIVER_TIMEOUT", "60").env("WASM_BINDGEN_TEST_TIMEOUT", "300");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_has_a_name_of_its_own() {
        for (index, step) in STEPS.iter().enumerate() {
            assert!(
                STEPS[index + 1..].iter().all(|later| later.name != step.name),
                "two steps are called {}",
                step.name
            );
        }
    }

    #[test]
    fn whoever_needs_the_page_comes_after_it() {
        let page =
            STEPS.iter().position(|step| matches!(step.work, Work::Dist)).expect("a step builds the page");
        assert!(STEPS[..page].iter().all(|step| !step.needs.contains(&Page)));
    }
}
