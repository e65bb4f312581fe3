//! Programs that the machine must have: Node for tests without a browser, Chromium, its driver and npm for those with one.
//!
//! They are taken from where they usually are. Where they are missing, Debian's packages are installed if this is
//! Debian and we may (root); anywhere else a person decides, and is told the command.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::process;
use crate::progress;

/// A program of the machine's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// Runs the web crate's tests that need no browser.
    Node,
    /// Shows the page.
    Chrome,
    /// Tells Chromium what to do.
    Chromedriver,
    /// Brings scripts that tests use.
    Npm,
}

impl Program {
    /// The variable by which a person says where it is.
    pub fn variable(self) -> &'static str {
        match self {
            Self::Node => "NODE",
            Self::Chrome => "CHROME",
            Self::Chromedriver => "CHROMEDRIVER",
            Self::Npm => "NPM",
        }
    }

    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Node => &["node", "nodejs"],
            Self::Chrome => {
                &["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"]
            }
            Self::Chromedriver => &["chromedriver"],
            Self::Npm => &["npm"],
        }
    }

    fn usual_places(self) -> &'static [&'static str] {
        match self {
            Self::Node => &["/usr/bin/node", "/usr/local/bin/node"],
            Self::Chrome => &[
                "/usr/bin/chromium",
                "/usr/lib/chromium/chromium",
                "/opt/google/chrome/chrome",
                "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
                "/Applications/Chromium.app/Contents/MacOS/Chromium",
            ],
            Self::Chromedriver => &[
                "/usr/bin/chromedriver",
                "/usr/lib/chromium/chromedriver",
                "/usr/lib/chromium-browser/chromedriver",
            ],
            Self::Npm => &["/usr/bin/npm", "/usr/local/bin/npm"],
        }
    }

    /// Debian's packages that bring it. The page speaks Chinese too, so a browser without fonts for it shows boxes.
    fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Node => &["nodejs"],
            Self::Chrome => &["chromium", "fonts-noto-cjk", "fonts-dejavu-core"],
            Self::Chromedriver => &["chromium-driver"],
            Self::Npm => &["npm"],
        }
    }

    /// Where it is; a variable that names no file is an error, not a reason to take another program.
    fn find(self) -> Result<Option<PathBuf>> {
        match env::var_os(self.variable()).filter(|value| !value.is_empty()).map(PathBuf::from) {
            Some(file) if file.is_file() => Ok(Some(file)),
            Some(file) => Err(Error::new(format!("{}={} is no file", self.variable(), file.display()))),
            None => Ok(process::find(self.names(), self.usual_places())),
        }
    }
}

/// Finds every one of `programs`, installing what is missing where that is ours to do.
pub fn find_or_install(programs: &[Program], folder: &Path) -> Result<Vec<(Program, PathBuf)>> {
    let mut packages = BTreeSet::new();
    for program in programs {
        if program.find()?.is_none() {
            packages.extend(program.packages());
        }
    }
    if !packages.is_empty() {
        install(&packages.into_iter().collect::<Vec<_>>(), folder)?;
    }
    programs.iter().map(|program| Ok((*program, program.find()?.ok_or_else(|| missing(*program))?))).collect()
}

fn missing(program: Program) -> Error {
    Error::new(format!("no {} found: set {} to its path", program.names()[0], program.variable()))
}

/// What a person types to install packages.
fn by_hand(packages: &[&str]) -> String {
    format!("apt-get update && apt-get install -y --no-install-recommends {}", packages.join(" "))
}

fn install(packages: &[&str], folder: &Path) -> Result<()> {
    let list = packages.join(" ");
    if !is_debian() {
        return Err(Error::new(format!(
            "needed and not found on this machine (in Debian's names): {list}\n\
             Install them your system's way, or say where they are: CHROME=, CHROMEDRIVER=, NODE=, NPM=.\n\
             What needs no browser runs with: cargo xtask test --fast"
        )));
    }
    if !is_root(folder) {
        let by_hand = by_hand(packages);
        return Err(Error::new(format!(
            "needed and not found on this machine; run once: sudo sh -c '{by_hand}'"
        )));
    }
    apt_install(packages, folder)
}

/// Installs packages of servers, where that is ours to do and starts none of them, as in a container: on a machine with
/// services of its own a person decides.
pub fn install_servers(packages: &[&str], folder: &Path) -> Result<()> {
    let has_services = Path::new("/run/systemd/system").exists();
    let starts_none = Path::new("/usr/sbin/policy-rc.d").exists() && !has_services;
    if !is_debian() || !is_root(folder) || !starts_none {
        return Err(Error::new(format!("not installed; as root on Debian: {}", by_hand(packages))));
    }
    apt_install(packages, folder)
}

fn apt_install(packages: &[&str], folder: &Path) -> Result<()> {
    let apt = |arguments: &[&str]| {
        let mut apt = process::program("apt-get", folder);
        apt.args(["-o", "DPkg::Lock::Timeout=300"]).args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        apt
    };
    let advice =
        |error: Error| Error::new(format!("{error}\nOnce that is mended, run: {}", by_hand(packages)));
    progress::run("asking Debian for its list of packages", &mut apt(&["update"])).map_err(advice)?;
    let mut install = apt(&["install", "-y", "--no-install-recommends"]);
    progress::run(&format!("installing {}", packages.join(" ")), install.args(packages)).map_err(advice)
}

/// Debian itself: what its derivatives call `chromium` may be another kind of package.
fn is_debian() -> bool {
    fs::read_to_string("/etc/os-release").is_ok_and(|text| text.lines().any(|line| line == "ID=debian"))
}

fn is_root(folder: &Path) -> bool {
    process::output(process::program("id", folder).arg("-u")).is_ok_and(|id| id.trim() == "0")
}
