//! The rules that a compiler does not keep: layers, the length of files, what every file says first, and that what the
//! documents name is there.

use std::fs;
use std::path::{Path, PathBuf};

/// The layers of the engine, bottom up. A module uses only what stands before it, or beside it on its line.
const LAYERS: [&[&str]; 11] = [
    &["ids", "time", "rng", "sorted"],
    &["record"],
    &["log", "message"],
    &["selector", "routing", "raft"],
    &["queue"],
    &["vhost"],
    &["observe"],
    &["broker"],
    &["client"],
    &["systems"],
    &["sim"],
];

/// The most lines of a source file.
const LINES_MAX: usize = 500;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is above").into()
}

/// Every file below a folder that has one of these endings, with its text.
fn files(folder: &str, endings: &[&str]) -> Vec<(PathBuf, String)> {
    let (mut folders, mut found) = (vec![root().join(folder)], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the project can be read") {
            let path = entry.expect("an entry can be read").path();
            let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
            if path.is_dir() {
                folders.push(path);
            } else if endings.contains(&ending) {
                let text = fs::read_to_string(&path).expect("a source file is text");
                found.push((path, text));
            }
        }
    }
    found.sort();
    found
}

/// The modules of the engine that a line of code names after `crate::`.
fn named_modules(line: &str) -> impl Iterator<Item = &str> {
    let code = line.split("//").next().unwrap_or_default();
    code.match_indices("crate::").map(move |(at, found)| {
        let rest = &code[at + found.len()..];
        rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default()
    })
}

#[test]
fn layers_point_downwards() {
    let level = |module: &str| LAYERS.iter().position(|layer| layer.contains(&module));
    let mut wrong = Vec::new();
    for (path, text) in files("core/src", &["rs"]) {
        let inside = path.strip_prefix(root().join("core/src")).expect("it is there").to_owned();
        let first =
            inside.components().next().expect("a file has a name").as_os_str().to_string_lossy().into_owned();
        let Some(own) = level(first.trim_end_matches(".rs")) else { continue };
        for line in text.lines() {
            for module in named_modules(line).filter(|module| level(module).is_some_and(|other| other > own))
            {
                wrong.push(format!(
                    "{} uses {module}, which stands above it: {}",
                    inside.display(),
                    line.trim()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn files_are_read_in_one_sitting() {
    for folder in
        ["core", "web/src", "web/www", "web/tests", "native", "tests", "xtask", "bench", "fuzz/fuzz_targets"]
    {
        for (path, text) in files(folder, &["rs", "js", "css", "html"]) {
            let lines = text.lines().count();
            assert!(lines <= LINES_MAX, "{} has {lines} lines: is it still one thing?", path.display());
        }
    }
}

#[test]
fn every_source_file_says_what_it_is_for() {
    for folder in
        ["core/src", "web/src", "native/src", "tests/src", "xtask/src", "bench", "fuzz/fuzz_targets"]
    {
        for (path, text) in files(folder, &["rs"]) {
            assert!(text.starts_with("//! "), "{} does not begin with what it is for", path.display());
        }
    }
}

/// The public types of a source file whose words have no example.
fn without_example(text: &str) -> Vec<&str> {
    let (mut example, mut found) = (false, Vec::new());
    for line in text.lines() {
        let is_type = ["pub struct ", "pub enum ", "pub trait "].iter().any(|kind| line.starts_with(kind));
        if line.starts_with("///") {
            example |= line.starts_with("/// ```");
        } else if is_type && !example {
            found.push(line);
        } else if line.is_empty() || is_type {
            example = false;
        }
    }
    found
}

#[test]
fn every_public_type_of_the_engine_has_an_example() {
    assert_eq!(without_example("/// A.\npub struct A;\n\n/// ```\n/// ```\npub enum B {"), ["pub struct A;"]);
    for (path, text) in files("core/src", &["rs"]) {
        assert_eq!(without_example(&text), [""; 0], "{}: show how it is used", path.display());
    }
}

/// Nothing that is built for use has a deliberate fault: no crate switches the feature on by itself, neither for itself nor
/// for another.
#[test]
fn nobody_builds_mutants_by_default() {
    let mut declared = 0;
    for folder in ["core", "web", "native", "tests", "xtask", "bench"] {
        for (path, text) in files(folder, &["toml"]) {
            for line in text.lines().filter(|line| !line.starts_with('#') && line.contains("mutants")) {
                let own = ["mutants = []", r#"mutants = ["mqlab-core/mutants"]"#].contains(&line);
                let test = [r#"name = "mutants""#, r#"required-features = ["mutants"]"#].contains(&line);
                assert!(own || test, "{}: {line}", path.display());
                declared += usize::from(own);
            }
        }
    }
    let workspace = fs::read_to_string(root().join("Cargo.toml")).expect("the workspace has its file");
    assert!(!workspace.contains("mutants"), "the workspace switches nothing on");
    assert_eq!(declared, 3, "core has the faults, and two crates test them");
}

/// Paths in back quotes, and targets of links, that look like files of the project.
fn paths_named(text: &str) -> Vec<String> {
    let quoted = text.split('`').skip(1).step_by(2).map(str::to_owned);
    let linked = text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).map(str::to_owned);
    let roots = ["core/", "web/", "native/", "tests/", "xtask/", "bench/", "fuzz/", "docs/", ".ci/"];
    let is_path =
        |path: &String| roots.iter().any(|root| path.starts_with(root)) && !path.contains([' ', '{', '*']);
    quoted.chain(linked).filter(is_path).collect()
}

#[test]
fn what_the_documents_name_is_there() {
    let mut named = 0;
    for document in ["README.md", "README.zh-CN.md", "ARCHITECTURE.md"] {
        let text = fs::read_to_string(root().join(document)).expect("the document is there");
        for path in paths_named(&text) {
            assert!(root().join(&path).exists(), "{document} names {path}, which is not there");
            named += 1;
        }
    }
    assert!(named > 20, "the documents lead to the sources");
}
