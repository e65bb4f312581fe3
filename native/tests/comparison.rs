//! The tables of `docs/comparison.md` and `docs/comparison.zh-CN.md` are what the commands above them print today.
//!
//! `UPDATE_EXPECT=1` writes them anew.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// What stands before a table, with its command, and behind it.
const BEGINS: &str = "<!-- mqlab compare ";
const ENDS: &str = "<!-- end -->";

/// What a command prints.
fn printed(arguments: &str) -> String {
    let made = Command::new(env!("CARGO_BIN_EXE_mqlab"))
        .args(["compare", "--markdown"])
        .args(arguments.split_whitespace())
        .output()
        .expect("it runs");
    assert!(made.status.success(), "mqlab compare {arguments}: {}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8(made.stdout).expect("words")
}

/// The document with its tables made anew, and how many there are.
fn anew(text: &str, known: &mut BTreeMap<String, String>) -> (String, usize) {
    let (mut made, mut rest, mut tables) = (String::new(), text, 0);
    while let Some((before, after)) = rest.split_once(BEGINS) {
        let (arguments, after) = after.split_once(" -->\n").expect("a command ends in its line");
        let (_, after) = after.split_once(ENDS).expect("a table has an end");
        let table = known.entry(arguments.into()).or_insert_with(|| printed(arguments));
        made += &format!("{before}{BEGINS}{arguments} -->\n\n{table}\n{ENDS}");
        (rest, tables) = (after, tables + 1);
    }
    (made + rest, tables)
}

#[test]
fn the_tables_are_what_the_commands_print() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let mut known = BTreeMap::new();
    let counts = ["comparison.md", "comparison.zh-CN.md"].map(|name| {
        let file = docs.join(name);
        let text = std::fs::read_to_string(&file).expect("it is there");
        let (made, tables) = anew(&text, &mut known);
        expect_test::expect_file![&file].assert_eq(&made);
        tables
    });
    assert!(counts[0] >= 5, "{counts:?}");
    assert_eq!(counts, [known.len(); 2], "both documents have the same tables, each once");
}
