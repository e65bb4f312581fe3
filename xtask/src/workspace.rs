//! Where the workspace lies, where cargo builds, and which versions Cargo.lock names.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Context, Error, Result};
use crate::process;

/// The workspace as this run sees it.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// The folder of the root Cargo.toml.
    pub root: PathBuf,
    /// Where cargo builds: asked from cargo, since an environment variable or a configuration file may move it.
    pub target: PathBuf,
}

impl Workspace {
    /// Asks cargo for the workspace this program was built from.
    pub fn find() -> Result<Self> {
        // `cargo run` names the package's folder at run time; the folder at build time serves a binary started by hand.
        let package = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let mut metadata = process::cargo(&package);
        metadata.args(["metadata", "--no-deps", "--format-version=1"]);
        let text = process::output(&mut metadata)?;
        let json: serde_json::Value =
            serde_json::from_str(&text).context(|| "cannot read cargo metadata".into())?;
        let folder = |key: &str| {
            json[key]
                .as_str()
                .map(PathBuf::from)
                .ok_or_else(|| Error::new(format!("cargo metadata names no {key}")))
        };
        Ok(Self { root: folder("workspace_root")?, target: folder("target_directory")? })
    }

    /// The page as a folder that any static server can host.
    pub fn site(&self) -> PathBuf {
        self.target.join("site")
    }

    /// The page as one HTML file.
    pub fn single_file(&self) -> PathBuf {
        self.target.join("mqlab.html")
    }

    /// The version of `package` that Cargo.lock names.
    pub fn locked_version(&self, package: &str) -> Result<String> {
        let path = self.root.join("Cargo.lock");
        let lock = fs::read_to_string(&path).context(|| format!("cannot read {}", path.display()))?;
        version_in_lock(&lock, package)
            .ok_or_else(|| Error::new(format!("{} names no package {package}", path.display())))
    }

    /// `path` as a person in the workspace's root would type it.
    pub fn display<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }
}

/// Finds a package's version in the text of a Cargo.lock.
///
/// The file is written by cargo, one key a line and `name` right before `version`, so no TOML reader is compiled for it.
fn version_in_lock(lock: &str, package: &str) -> Option<String> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    let version = lines.nth(1)?.strip_prefix("version = \"")?.strip_suffix('"')?;
    Some(version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "version = 4\n\n[[package]]\nname = \"a-b\"\nversion = \"9.9.9\"\n\n\
        [[package]]\nname = \"a\"\nversion = \"0.2.130\"\nsource = \"registry\"\n";

    #[test]
    fn the_locked_version_is_that_of_the_very_package() {
        assert_eq!(version_in_lock(LOCK, "a").as_deref(), Some("0.2.130"));
        assert_eq!(version_in_lock(LOCK, "a-b").as_deref(), Some("9.9.9"));
        assert_eq!(version_in_lock(LOCK, "b"), None);
    }

    #[test]
    fn this_workspace_is_found() {
        let workspace = Workspace::find().expect("cargo metadata works here");
        assert!(workspace.root.join("Cargo.lock").is_file());
        assert!(workspace.locked_version("wasm-bindgen").expect("locked").starts_with("0.2."));
    }
}
