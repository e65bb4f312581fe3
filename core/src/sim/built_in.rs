//! The scenarios that come with the engine, by name, each a file that a person can read.

/// The scenarios that come with the engine.
pub(super) const BUILT_IN: &[(&str, &str)] = &[
    ("hundred-messages", include_str!("../../scenarios/hundred-messages.json")),
    ("kill-the-leader", include_str!("../../scenarios/kill-the-leader.json")),
    ("kill-the-leader-acks-1", include_str!("../../scenarios/kill-the-leader-acks-1.json")),
    ("checkout-by-calls", include_str!("../../scenarios/checkout-by-calls.json")),
    ("checkout-by-queue", include_str!("../../scenarios/checkout-by-queue.json")),
    ("flash-sale-by-calls", include_str!("../../scenarios/flash-sale-by-calls.json")),
    ("flash-sale-by-queue", include_str!("../../scenarios/flash-sale-by-queue.json")),
    ("shop-by-calls", include_str!("../../scenarios/shop-by-calls.json")),
    ("shop-by-topic", include_str!("../../scenarios/shop-by-topic.json")),
    ("failover-doubles", include_str!("../../scenarios/failover-doubles.json")),
    ("failover-once", include_str!("../../scenarios/failover-once.json")),
    ("stored-is-not-done", include_str!("../../scenarios/stored-is-not-done.json")),
    ("kept-until-done", include_str!("../../scenarios/kept-until-done.json")),
    ("dual-write-publish-first", include_str!("../../scenarios/dual-write-publish-first.json")),
    ("dual-write-commit-first", include_str!("../../scenarios/dual-write-commit-first.json")),
    ("outbox", include_str!("../../scenarios/outbox.json")),
    ("half-messages", include_str!("../../scenarios/half-messages.json")),
];
