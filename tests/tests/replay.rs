//! Recorded runs give the digest on record. The web crate's tests read the same file, so a run in WebAssembly and
//! one on this machine are the same, bit for bit.

use mqlab_tests::replay::{read, run};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/replays/digests.txt");

#[test]
fn recorded_runs_come_out_the_same() {
    let text = std::fs::read_to_string(FILE).expect("the file is there");
    let replays = read(&text).expect("it can be read");
    assert!(replays.len() >= 5, "there are runs on record");
    let mut fresh = text.clone();
    let mut differ = Vec::new();
    for replay in &replays {
        let digest = run(replay).expect("a recorded run can be made").to_string();
        if digest != replay.digest {
            fresh = fresh.replace(&replay.digest, &digest);
            differ.push(format!(
                "{} {}: {} on record, {digest} now",
                replay.scenario, replay.seed, replay.digest
            ));
        }
        assert_eq!(run(replay).expect("twice").to_string(), digest, "two runs in one process are the same");
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(FILE, fresh).expect("the file can be written");
    } else {
        assert!(differ.is_empty(), "{differ:#?}\nif the engine changed on purpose: UPDATE_EXPECT=1");
    }
}
