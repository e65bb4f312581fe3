//! The page as a folder: compile the web crate, generate its bindings, put the files of `web/www` beside them.

use std::fs;
use std::path::Path;

use crate::cards;
use crate::error::{Context, Result};
use crate::offline;
use crate::process;
use crate::progress;
use crate::tools::{self, WASM_TARGET};
use crate::workspace::Workspace;

/// The web crate's module as wasm-bindgen names it: `mqlab_web.js` and `mqlab_web_bg.wasm`.
pub const MODULE: &str = "mqlab_web";

/// Its package, and the profile that it is compiled in.
const PACKAGE: &str = "mqlab-web";
const PROFILE: &str = "web";

/// Builds the page into [`Workspace::site`], set-up included.
pub fn build(workspace: &Workspace) -> Result<()> {
    tools::wasm_target(workspace)?;
    let wasm_bindgen = tools::wasm_bindgen(workspace)?;
    compile(workspace)?;
    // Made beside the folder and then put in its place: a server that is running never sees half a page, and a file
    // that left the sources leaves the site.
    let (fresh, site) = (workspace.target.join("site.new"), workspace.site());
    remove(&fresh)?;
    bind(workspace, &wasm_bindgen, &fresh)?;
    copy(&workspace.root.join("web/www"), &fresh)?;
    // The page that compares says what its figures rest on.
    let costs = workspace.root.join("core/costs.json");
    fs::copy(&costs, fresh.join("costs.json")).context(|| format!("cannot copy {}", costs.display()))?;
    cards::complete(&workspace.root, &fresh.join("fidelity.html"))?;
    offline::complete(&fresh)?;
    remove(&site)?;
    fs::rename(&fresh, &site).context(|| format!("cannot write {}", site.display()))
}

fn compile(workspace: &Workspace) -> Result<()> {
    let mut build = process::cargo(&workspace.root);
    build.args(["build", "--package", PACKAGE, "--lib", "--profile", PROFILE]);
    build.args(["--target", WASM_TARGET]);
    progress::run(&format!("compiling {PACKAGE}"), &mut build)
}

fn bind(workspace: &Workspace, wasm_bindgen: &Path, folder: &Path) -> Result<()> {
    let compiled = workspace.target.join(WASM_TARGET).join(PROFILE).join(format!("{MODULE}.wasm"));
    let mut bind = process::program(wasm_bindgen, &workspace.root);
    bind.args(["--target=web", "--no-typescript", "--remove-name-section", "--remove-producers-section"]);
    bind.args(["--out-name", MODULE, "--out-dir"]).arg(folder).arg(compiled);
    progress::run(&format!("generating the bindings of {PACKAGE}"), &mut bind)
}

/// The module's file in the site.
pub fn wasm_file() -> String {
    format!("{MODULE}_bg.wasm")
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

/// Copies a folder's files, and those of the folders in it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).context(|| format!("cannot make the folder {}", to.display()))?;
    for entry in fs::read_dir(from).context(|| format!("cannot read {}", from.display()))? {
        let entry = entry.context(|| format!("cannot read {}", from.display()))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy(&source, &target)?;
        } else {
            fs::copy(&source, &target).context(|| format!("cannot copy {}", source.display()))?;
        }
    }
    Ok(())
}
