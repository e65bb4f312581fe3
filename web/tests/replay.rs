//! A run in WebAssembly is the run on a machine, bit for bit: the digests on record, made anew.
#![cfg(target_arch = "wasm32")]

use wasm_bindgen_test::wasm_bindgen_test;

// A library's module there, a part of this test here.
#[allow(unreachable_pub)]
#[path = "../../tests/src/replay.rs"]
mod replay;

const RECORDED: &str = include_str!("../../tests/replays/digests.txt");

#[wasm_bindgen_test]
fn recorded_runs_come_out_the_same_in_webassembly() {
    let replays = replay::read(RECORDED).expect("the recorded runs can be read");
    assert!(replays.len() >= 5, "there are runs on record");
    for replay in &replays {
        let digest = replay::run(replay).expect("a recorded run can be made").to_string();
        assert_eq!(digest, replay.digest, "{} with seed {}", replay.scenario, replay.seed);
    }
}
