//! A queue against a plain list (`list.rs`, `act.rs`, `pass.rs`: read them as the specification), over random options
//! and random operations, with restarts, power cuts and failures of the disk between them (`ends.rs`).
//!
//! What a selector means is written beside its text (`plan.rs`), so that the list asks no selector.

mod act;
mod drive;
mod ends;
mod list;
mod pass;
mod plan;
mod receipts;
#[path = "../rigged/mod.rs"]
mod rigged;

use drive::{Disk, Pair};
use mqlab_core::ids::LogName;
use mqlab_core::log::faulty::Fault;
use mqlab_core::queue::QueueOptions;
use plan::Ends;
use proptest::prelude::*;
use rigged::Rigged;

impl Disk for Rigged {
    fn reopened(self) -> Self {
        self
    }

    fn cut(&mut self, messages: u64, cursor: u64) {
        let kept = |log: &LogName, bytes: u64| match log {
            LogName::QueueCursor(_) => bytes * cursor / 100,
            _ => bytes * messages / 100,
        };
        self.disk.cut_power(kept).expect("memory does not fail");
    }

    fn fail_after(&mut self, left: u32, fault: Option<Fault>) {
        self.rig.after(left, fault);
    }

    fn set_full(&mut self, full: bool) {
        self.rig.set_full(full);
    }
}

fn pair(options: QueueOptions) -> Pair<Rigged> {
    Pair::new(Rigged::new(rigged::Disk::default()), options)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn a_queue_is_a_list(options in plan::options(), operations in plan::operations(100, Ends::Restarts)) {
        pair(options).run(operations);
    }

    #[test]
    fn a_power_cut_takes_only_what_was_not_flushed(
        options in plan::options(),
        operations in plan::operations(100, Ends::PowerCuts),
    ) {
        pair(options).run(operations);
    }

    #[test]
    fn a_full_disk_takes_nothing_and_loses_nothing(
        options in plan::options(),
        operations in plan::operations(120, Ends::FullDisks),
    ) {
        pair(options).run(operations);
    }

    #[test]
    fn a_disk_that_fails_takes_only_what_was_not_flushed(
        options in plan::options(),
        operations in plan::operations(100, Ends::Faults),
    ) {
        pair(options).run(operations);
    }
}
