//! Plays every script of `tests/scripts` and compares what came out.

use std::path::Path;

use expect_test::expect_file;

#[test]
fn scripts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder of scripts is there")
        .map(|entry| entry.expect("an entry of the folder can be read").path())
        .collect();
    paths.sort();
    assert!(paths.len() >= 6, "the scripts are there");
    for path in paths {
        let script = std::fs::read_to_string(&path).expect("a script is text");
        let played =
            mqlab_tests::script::play(&script).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        expect_file![&path].assert_eq(&played);
    }
}
