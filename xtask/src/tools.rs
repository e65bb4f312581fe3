//! Tools that cargo makes, the wasm32 target, wasm-bindgen and wasm-pack; and one that npm brings, the accessibility audit.
//!
//! They are kept in a folder of the project's own, by name and version, where the next clone finds them again; nobody's
//! `~/.cargo/bin` is touched. A tool of another version is another folder, so two branches never fight over one.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Context, Error, Result};
use crate::process;
use crate::progress;
use crate::workspace::Workspace;

/// The target the page is compiled for.
pub const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// The version of wasm-pack that runs the tests of the web crate.
const WASM_PACK_VERSION: &str = "0.15.1";

/// The version of axe-core that audits the page: another one has other rules.
const AXE_VERSION: &str = "4.10.3";

/// A program that `cargo install` makes.
struct Tool {
    /// The package on crates.io.
    package: &'static str,
    /// The program we start.
    program: &'static str,
    version: String,
    /// What `cargo install` is told besides.
    options: &'static [&'static str],
}

/// The binding generator, in the very version that the page is compiled against: they speak a private format.
pub fn wasm_bindgen(workspace: &Workspace) -> Result<PathBuf> {
    let tool = Tool {
        package: "wasm-bindgen-cli",
        program: "wasm-bindgen",
        version: workspace.locked_version("wasm-bindgen")?,
        // It speaks TLS for remote WebDriver servers only, and ours are on this machine: 30 crates fewer to compile.
        options: &["--no-default-features"],
    };
    tool.find_or_install(workspace)
}

/// The runner of the web crate's tests.
pub fn wasm_pack(workspace: &Workspace) -> Result<PathBuf> {
    let tool =
        Tool { package: "wasm-pack", program: "wasm-pack", version: WASM_PACK_VERSION.into(), options: &[] };
    tool.find_or_install(workspace)
}

/// The audit that the browser tests run on the page: a script, brought by npm.
pub fn axe(npm: &Path) -> Result<PathBuf> {
    let home = cache()?.join("axe-core").join(AXE_VERSION);
    let script = home.join("node_modules/axe-core/axe.min.js");
    if script.is_file() {
        return Ok(script);
    }
    fs::create_dir_all(&home).context(|| format!("cannot make the folder {}", home.display()))?;
    let mut install = process::program(npm, &home);
    install.args([
        "install",
        "--no-save",
        "--no-package-lock",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
    ]);
    install.arg("--prefix").arg(&home).arg(format!("axe-core@{AXE_VERSION}"));
    progress::run(&format!("fetching axe-core {AXE_VERSION}"), &mut install)?;
    if script.is_file() {
        return Ok(script);
    }
    Err(Error::new(format!("{} is not there after its installation", script.display())))
}

/// Installs the tools and gives the line by which a shell finds them: for typing `wasm-pack test` by hand.
pub fn shell_line(workspace: &Workspace) -> Result<String> {
    wasm_target(workspace)?;
    let folders: Vec<String> = [wasm_bindgen(workspace)?, wasm_pack(workspace)?]
        .iter()
        .filter_map(|tool| Some(tool.parent()?.display().to_string()))
        .collect();
    Ok(format!("export PATH=\"{}:$PATH\"", folders.join(":")))
}

/// Makes sure that the compiler can build for the page.
pub fn wasm_target(workspace: &Workspace) -> Result<()> {
    let sysroot = process::output(process::program("rustc", &workspace.root).args(["--print", "sysroot"]))?;
    let library = Path::new(sysroot.trim()).join("lib/rustlib").join(WASM_TARGET).join("lib");
    if library.is_dir() {
        return Ok(());
    }
    let advice = format!(
        "the Rust compiler here has no {WASM_TARGET} target, and it could not be added.\n\
         With rustup and a network: rustup target add {WASM_TARGET}\n\
         Where Rust came another way, install its {WASM_TARGET} library that way too"
    );
    let mut add = process::program("rustup", &workspace.root);
    add.args(["target", "add", WASM_TARGET]);
    progress::run(&format!("adding the {WASM_TARGET} target"), &mut add)
        .map_err(|error| Error::new(format!("{error}\n{advice}")))
}

/// The folder for what is expensive to make and the same for every clone.
fn cache() -> Result<PathBuf> {
    let folder = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = folder("MQLAB_CACHE")
        .or_else(|| folder("XDG_CACHE_HOME").map(|cache| cache.join("mqlab")))
        .or_else(|| env::home_dir().map(|home| home.join(".cache/mqlab")))
        .ok_or_else(|| Error::new("no home folder to keep tools in: set MQLAB_CACHE to a folder"))?;
    std::path::absolute(&cache).context(|| format!("cannot use the cache folder {}", cache.display()))
}

impl Tool {
    fn find_or_install(&self, workspace: &Workspace) -> Result<PathBuf> {
        let home = cache()?.join(self.package).join(&self.version);
        let program = home.join("bin").join(format!("{}{}", self.program, env::consts::EXE_SUFFIX));
        if self.is_at(&program) {
            return Ok(program);
        }
        self.install(workspace, &home)?;
        if self.is_at(&program) {
            return Ok(program);
        }
        Err(Error::new(format!(
            "{} is not {} {} after its installation",
            program.display(),
            self.program,
            self.version
        )))
    }

    /// Whether the file is there, runs on this machine, and says the right version.
    fn is_at(&self, program: &Path) -> bool {
        let says = process::output(Command::new(program).arg("--version"));
        says.is_ok_and(|text| text.split_whitespace().nth(1) == Some(self.version.as_str()))
    }

    /// Installs first with the versions that the tool's authors tested, then with any that fit: a registry mirror may
    /// not have each of them.
    fn install(&self, workspace: &Workspace, home: &Path) -> Result<()> {
        fs::create_dir_all(home).context(|| format!("cannot make the folder {}", home.display()))?;
        let name = format!("installing {} {}", self.program, self.version);
        eprintln!("  {} is needed: installed once, kept in {}", self.program, home.display());
        let locked = progress::run_quietly(&name, &mut self.cargo_install(workspace, home, true))?;
        if !locked.success {
            eprintln!("  not with the versions of its own lock file; now with the newest that fit");
            progress::run(&name, &mut self.cargo_install(workspace, home, false))?;
        }
        self.clean(home)
    }

    fn cargo_install(&self, workspace: &Workspace, home: &Path, locked: bool) -> Command {
        let mut install = process::cargo(&workspace.root);
        install.args(["install", self.package, "--version", &format!("={}", self.version), "--force"]);
        install.args(self.options);
        // The build is kept beside the tool until it is done: an installation cut short goes on where it was.
        install.arg("--root").arg(home).arg("--target-dir").arg(home.join("build"));
        if locked {
            install.arg("--locked");
        }
        // These tools work for a second at most; compiling them is what takes time: optimized 150 s, like this 60 s.
        install.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0");
        install
    }

    fn clean(&self, home: &Path) -> Result<()> {
        let build = home.join("build");
        fs::remove_dir_all(&build).context(|| format!("cannot remove {}", build.display()))
    }
}
