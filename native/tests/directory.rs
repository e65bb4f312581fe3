//! A data directory is ours, in our format and nobody else's at the moment, or it is not touched.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use common::{name, scratch};
use mqlab::Error;
use mqlab::log::FileStorage;
use mqlab_core::ids::{LogName, Name, PartitionId};
use mqlab_core::log::Storage;

fn listing(dir: &std::path::Path) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("listed");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("listed").file_name().into_string().expect("ASCII")).collect();
    names.sort();
    names
}

#[test]
fn a_missing_or_empty_directory_becomes_ours() {
    let root = scratch();
    for dir in [root.path().join("a/b/c"), root.path().join("empty")] {
        if dir.ends_with("empty") {
            fs::create_dir_all(dir.join("lost+found")).expect("created");
        }
        drop(FileStorage::open(&dir).expect("opens"));
        let marker = fs::read_to_string(dir.join("mqlab-format")).expect("marked");
        assert_eq!(marker, "mqlab data directory, format 2\n");
        FileStorage::open(&dir).expect("opens again");
    }
}

#[test]
fn a_directory_of_others_is_not_touched() {
    let root = scratch();
    fs::write(root.path().join("thesis.tex"), b"years of work").expect("written");
    let error = FileStorage::open(root.path()).expect_err("not ours");
    assert!(matches!(error, Error::NotOurs { .. }));
    assert!(error.to_string().contains("not a data directory of mqlab"), "{error}");
    assert_eq!(listing(root.path()), ["thesis.tex"]);

    let error = FileStorage::open(root.path().join("thesis.tex")).expect_err("a file");
    assert!(matches!(error, Error::NotADirectory { .. }), "{error}");
}

#[test]
fn another_format_is_refused_by_name() {
    for (found, age) in [(3, "newer"), (1, "older")] {
        let root = scratch();
        fs::write(root.path().join("mqlab-format"), format!("mqlab data directory, format {found}\n"))
            .expect("written");
        let error = FileStorage::open(root.path()).expect_err("another format");
        assert!(matches!(error, Error::Format { supported: 2, .. }));
        assert!(error.to_string().contains(&format!("a {age} mqlab (format {found};")), "{error}");
        assert_eq!(listing(root.path()), ["mqlab-format"]);
    }
    let root = scratch();
    fs::write(root.path().join("mqlab-format"), [0xff; 9]).expect("written");
    assert!(matches!(FileStorage::open(root.path()), Err(Error::NotOurs { .. })));
}

#[test]
fn a_start_that_was_cut_off_can_be_repeated() {
    let root = scratch();
    fs::write(root.path().join("mqlab-lock"), b"").expect("written");
    fs::write(root.path().join("mqlab-format.new"), b"mqlab da").expect("written");
    FileStorage::open(root.path()).expect("opens");
}

#[test]
fn one_writer_at_a_time() {
    let root = scratch();
    let mut first = FileStorage::open(root.path()).expect("opens");
    let error = FileStorage::open(root.path()).expect_err("locked");
    assert!(matches!(error, Error::InUse { .. }));
    assert!(error.to_string().contains("is in use by another mqlab process"), "{error}");
    let log = first.open(&name()).expect("opens");
    drop(first);
    assert!(matches!(FileStorage::open(root.path()), Err(Error::InUse { .. })), "a log can still write");
    drop(log);
    FileStorage::open(root.path()).expect("free again");
}

#[test]
fn names_are_found_by_walking() {
    let root = scratch();
    let mut storage = FileStorage::open(root.path()).expect("opens");
    let topic = |text: &str| Name::new(text).expect("a legal name");
    let mut names = vec![
        LogName::Partition(PartitionId { topic: topic("0"), index: 11 }),
        LogName::Partition(PartitionId { topic: topic("orders"), index: 2 }),
        LogName::Queue(topic("messages")),
        LogName::QueueCursor(topic("messages")),
    ];
    for name in &names {
        storage.open(name).expect("opens");
    }
    fs::create_dir_all(root.path().join("topics/orders/007/deep/er")).expect("created");
    fs::create_dir_all(root.path().join("elsewhere/x")).expect("created");
    fs::write(root.path().join("topics/orders/3"), b"a file").expect("written");
    names.sort();
    assert_eq!(storage.names().expect("listed"), names);
}

#[test]
fn a_read_only_directory_is_a_clear_error() {
    let root = scratch();
    let dir = root.path().join("data");
    drop(FileStorage::open(&dir).expect("opens"));
    let set = |mode| fs::set_permissions(&dir, fs::Permissions::from_mode(mode)).expect("changed");
    set(0o500);
    if fs::write(dir.join("probe"), b"").is_ok() {
        eprintln!("skipped: this user may write anywhere (root)");
        return;
    }
    let mut storage = FileStorage::open(&dir).expect("the lock file is there and can be locked");
    let error = storage.open(&name()).expect_err("no log can be created");
    assert!(matches!(error, Error::Io { operation: "create", .. }), "{error}");
    set(0o700);
}
