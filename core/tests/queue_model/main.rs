//! A queue against a plain list (`list.rs`, `act.rs`, `pass.rs`: read them as the specification), over random options
//! and random operations, with restarts and power cuts between them.
//!
//! What a selector means is written beside its text (`plan.rs`), so that the list asks no selector.

mod act;
mod drive;
mod list;
mod pass;
mod plan;

use drive::{Disk, Pair};
use mqlab_core::ids::LogName;
use mqlab_core::log::faulty::FaultyStorage;
use mqlab_core::log::memory::MemoryStorage;
use proptest::prelude::*;

impl Disk for FaultyStorage<MemoryStorage> {
    fn reopened(self) -> Self {
        self
    }

    fn cut(&mut self, messages: u64, cursor: u64) {
        let kept = |log: &LogName, bytes: u64| match log {
            LogName::QueueCursor(_) => bytes * cursor / 100,
            _ => bytes * messages / 100,
        };
        self.cut_power(kept).expect("memory does not fail");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn a_queue_is_a_list(options in plan::options(), operations in plan::operations(100, false)) {
        Pair::new(FaultyStorage::<MemoryStorage>::default(), options).run(operations);
    }

    #[test]
    fn a_power_cut_takes_only_what_was_not_flushed(
        options in plan::options(),
        operations in plan::operations(100, true),
    ) {
        Pair::new(FaultyStorage::<MemoryStorage>::default(), options).run(operations);
    }
}
