//! Other programs: how they are found, and started in a clean environment.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Context, Error, Result};

/// Variables that `cargo run` sets for this program and that mean nothing to the cargo it starts.
///
/// Left in place they reach build scripts, which then believe that something changed: the next build by hand would
/// compile their crates anew.
const SET_BY_CARGO_RUN: [&str; 4] = ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_BIN_", "CARGO_CRATE_"];

/// A program started from `folder`, without what `cargo run` put into the environment.
pub fn program(name: impl AsRef<OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(name);
    command.current_dir(folder);
    for (key, _) in env::vars_os() {
        let set_by_cargo = |key: &str| SET_BY_CARGO_RUN.iter().any(|prefix| key.starts_with(prefix));
        if key.to_str().is_some_and(set_by_cargo) {
            command.env_remove(&key);
        }
    }
    command
}

/// Cargo, the same one that started this program, in `folder`.
pub fn cargo(folder: &Path) -> Command {
    program(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), folder)
}

/// The search path with folders put before it and after it.
pub fn path_between(before: &[PathBuf], after: &[PathBuf]) -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let all = before.iter().cloned().chain(env::split_paths(&path)).chain(after.iter().cloned());
    env::join_paths(all).unwrap_or(path)
}

/// The first program on PATH, or in one of `places`, that has one of `names`.
pub fn find(names: &[&str], places: &[&str]) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).flat_map(|folder| {
        names
            .iter()
            .map(move |name| folder.join(format!("{name}{}", env::consts::EXE_SUFFIX)))
            .collect::<Vec<_>>()
    });
    on_path.chain(places.iter().map(PathBuf::from)).find(|file| file.is_file())
}

/// What a program prints, where it succeeds.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.output().context(|| format!("cannot start {}", shown(command)))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(Error::new(format!("{} failed: {}", shown(command), why.trim())));
    }
    String::from_utf8(output.stdout).context(|| format!("{} printed no UTF-8", shown(command)))
}

/// The command as a person would type it (without variables and folder).
pub fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_stem().unwrap_or(program.as_os_str());
    let words = std::iter::once(name).chain(command.get_args());
    let quoted = words.map(|word| {
        let word = word.to_string_lossy();
        if word.contains(' ') { format!("'{word}'") } else { word.into_owned() }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_it_is_typed() {
        let mut command = Command::new("/usr/bin/cargo");
        command.args(["test", "--", "two words"]);
        assert_eq!(shown(&command), "cargo test -- 'two words'");
    }

    #[test]
    fn a_missing_program_is_an_error_that_names_it() {
        let error = output(&mut Command::new("no-such-program-here")).expect_err("there is none");
        assert!(error.to_string().contains("cannot start no-such-program-here"), "{error}");
    }
}
