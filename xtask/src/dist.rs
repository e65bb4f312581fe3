//! `cargo xtask dist`: the page as files to give away, and how large they are.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::error::{Context, Result};
use crate::single_file;
use crate::site;
use crate::workspace::Workspace;

/// Builds the folder and the single file.
pub fn build(workspace: &Workspace) -> Result<()> {
    site::build(workspace)?;
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
