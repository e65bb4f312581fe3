//! Completing the service worker, which keeps the page for when there is no network.
//!
//! `web/www/sw.js` has two places that only a build can fill: its number, which is a checksum of all that the site holds,
//! and the names of the files. So a build of the same sources is the same worker, and browsers leave it alone; any other
//! is a new one, and they fetch it.

use std::fs;
use std::path::Path;

use flate2::Crc;

use crate::error::{Context, Error, Result};

/// The worker's file.
const WORKER: &str = "sw.js";
/// The page by its folder's name, as most people open it.
const FOLDER: &str = "./";

/// Fills in the places of the worker in `site`.
pub fn complete(site: &Path) -> Result<()> {
    let worker = site.join(WORKER);
    let source = fs::read_to_string(&worker).context(|| format!("cannot read {}", worker.display()))?;
    let mut names = Vec::new();
    for entry in fs::read_dir(site).context(|| format!("cannot read {}", site.display()))? {
        let entry = entry.context(|| format!("cannot read {}", site.display()))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    let mut sum = Crc::new();
    for name in &names {
        let bytes = fs::read(site.join(name)).context(|| format!("cannot read {name}"))?;
        sum.update(name.as_bytes());
        sum.update(&bytes);
    }
    let build = format!("{:08x}-{:x}", sum.sum(), sum.amount());
    let files = names.iter().filter(|name| *name != WORKER).map(String::as_str);
    let files = [FOLDER].into_iter().chain(files).collect::<Vec<_>>().join("\", \"");
    let filled = fill(&source, "@build@", &build).and_then(|text| fill(&text, "@files@", &files))?;
    fs::write(&worker, filled).context(|| format!("cannot write {}", worker.display()))
}

fn fill(source: &str, place: &str, with: &str) -> Result<String> {
    match source.matches(place).count() {
        1 => Ok(source.replace(place, with)),
        found => Err(Error::new(format!("{WORKER} has {found} places {place}, it needs one"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(page: &str) -> String {
        let site = tempfile::tempdir().expect("a folder");
        fs::write(site.path().join("page.js"), page).expect("written");
        fs::write(site.path().join(WORKER), "const BUILD = \"@build@\", FILES = [\"@files@\"];")
            .expect("written");
        complete(site.path()).expect("it has both places");
        fs::read_to_string(site.path().join(WORKER)).expect("it is there")
    }

    #[test]
    fn another_page_is_another_worker_and_the_same_page_is_the_same() {
        let worker = completed("1");
        assert!(worker.ends_with("FILES = [\"./\", \"page.js\"];"), "{worker}");
        assert_eq!(worker, completed("1"));
        assert_ne!(worker, completed("2"));
    }

    #[test]
    fn a_worker_without_its_places_is_refused() {
        let site = tempfile::tempdir().expect("a folder");
        fs::write(site.path().join(WORKER), "@build@").expect("written");
        assert!(complete(site.path()).is_err());
    }
}
