//! `cargo xtask dist`: the page as files to give away, and how large they are.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::error::{Context, Error, Result};
use crate::single_file;
use crate::site;
use crate::workspace::Workspace;

/// The most that the page's module may weigh, compressed with gzip, in bytes: what it weighed when somebody last made it
/// smaller, and a little more. Whoever has to raise this says in the commit what the page gets for it.
const WASM_GZIP_MAX: usize = 3_200_000;

/// Builds the folder and the single file.
///
/// # Errors
///
/// Also when the page's module is larger than it [may be](WASM_GZIP_MAX).
pub fn build(workspace: &Workspace) -> Result<()> {
    site::build(workspace)?;
    within_budget(Size::of(&workspace.site().join(site::wasm_file()))?.gzip)?;
    let html = single_file::assemble(&workspace.site())?;
    let path = workspace.single_file();
    fs::write(&path, html).context(|| format!("cannot write {}", path.display()))
}

/// Builds both and prints what each weighs.
pub fn run(workspace: &Workspace) -> Result<()> {
    build(workspace)?;
    let (site, single) = (workspace.site(), workspace.single_file());
    println!("{:>12} {:>12}", "bytes", "gzip");
    let mut sum = Size::default();
    for file in files(&site)? {
        let size = Size::of(&file)?;
        println!("{size} {}", workspace.display(&file));
        sum = Size { raw: sum.raw + size.raw, gzip: sum.gzip + size.gzip };
    }
    println!("{sum} {}/ as a whole: any static server can host it", workspace.display(&site));
    println!("{} {}: opens from disk", Size::of(&single)?, workspace.display(&single));
    Ok(())
}

fn within_budget(gzip: usize) -> Result<()> {
    if gzip <= WASM_GZIP_MAX {
        return Ok(());
    }
    Err(Error::new(format!(
        "the page's module has {gzip} bytes, compressed, of {WASM_GZIP_MAX} that it may have: make it smaller, or raise \
         WASM_GZIP_MAX in xtask/src/dist.rs and say what for"
    )))
}

/// How large a file is, and how large as most servers send it.
#[derive(Default)]
struct Size {
    raw: usize,
    gzip: usize,
}

impl Size {
    fn of(file: &Path) -> Result<Self> {
        let bytes = fs::read(file).context(|| format!("cannot read {}", file.display()))?;
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let packed = encoder.write_all(&bytes).and_then(|()| encoder.finish());
        let packed = packed.context(|| format!("cannot compress {}", file.display()))?;
        Ok(Self { raw: bytes.len(), gzip: packed.len() })
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:>12} {:>12}", self.raw, self.gzip)
    }
}

/// All files in a folder and the folders in it, by name.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).context(|| format!("cannot read {}", folder.display()))? {
        let path = entry.context(|| format!("cannot read {}", folder.display()))?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_that_grew_is_an_error_that_says_by_how_much() {
        assert!(within_budget(WASM_GZIP_MAX).is_ok());
        let error = within_budget(WASM_GZIP_MAX + 1).expect_err("it is too large").to_string();
        assert!(error.contains(&(WASM_GZIP_MAX + 1).to_string()), "{error}");
    }
}
