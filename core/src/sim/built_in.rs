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
    ("push-orders", include_str!("../../scenarios/push-orders.json")),
    ("pull-orders", include_str!("../../scenarios/pull-orders.json")),
    ("pull-long-poll", include_str!("../../scenarios/pull-long-poll.json")),
    ("push-overload", include_str!("../../scenarios/push-overload.json")),
    ("pull-overload", include_str!("../../scenarios/pull-overload.json")),
    ("slow-puller-retention", include_str!("../../scenarios/slow-puller-retention.json")),
    ("replay", include_str!("../../scenarios/replay.json")),
    ("staging-in-memory", include_str!("../../scenarios/staging-in-memory.json")),
    ("staging-on-disk", include_str!("../../scenarios/staging-on-disk.json")),
    ("filtered-pull", include_str!("../../scenarios/filtered-pull.json")),
    ("windowed-count", include_str!("../../scenarios/windowed-count.json")),
    ("windowed-count-lateness", include_str!("../../scenarios/windowed-count-lateness.json")),
];
