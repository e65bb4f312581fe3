//! Random options and random operations.

use mqlab_core::log::faulty::Fault;
use mqlab_core::message::{Message, Repeat, Value};
use mqlab_core::queue::{
    AckMode, Backoff, ConsumerId, ConsumerOptions, DeadLetter, Expiry, Flow, Overflow, QueueOptions, Requeue,
};
use mqlab_core::selector::Selector;
use mqlab_core::time::Span;
use proptest::prelude::*;
use proptest::sample::Index;

/// What a selector means.
type Meaning = fn(&Message) -> bool;

/// What consumers ask for: the text, and what it means.
pub(crate) const SELECTORS: [(&str, Meaning); 6] = [
    ("color = 'red'", |message| color(message) == Some("red")),
    ("color <> 'red'", |message| color(message).is_some_and(|color| color != "red")),
    ("color = 'red' OR JMSPriority > 4", |message| {
        color(message) == Some("red") || message.priority().is_some_and(|priority| priority > 4)
    }),
    ("JMSXGroupID IN ('g0', 'g2') OR weight IS NULL", |message| {
        matches!(message.group().map(|group| &**group), Some("g0" | "g2")) || weight(message).is_none()
    }),
    ("weight BETWEEN 3 AND 6 AND NOT color = 'blue'", |message| {
        weight(message).is_some_and(|weight| (3..=6).contains(&weight))
            && color(message).is_some_and(|color| color != "blue")
    }),
    ("weight > 9", |_| false),
];

fn color(message: &Message) -> Option<&str> {
    match message.headers().get("color")? {
        Value::Text(color) => Some(color),
        _ => None,
    }
}

fn weight(message: &Message) -> Option<i64> {
    match message.headers().get("weight")? {
        Value::Int(weight) => Some(*weight),
        _ => None,
    }
}

/// What a sender wants of a message.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) bytes: usize,
    pub(crate) priority: Option<u8>,
    pub(crate) ttl: Option<Span>,
    pub(crate) delay: Option<Span>,
    pub(crate) repeat: Option<Repeat>,
    pub(crate) group: Option<u8>,
    pub(crate) sequence: Option<i32>,
    pub(crate) color: Option<&'static str>,
    pub(crate) weight: Option<i64>,
    pub(crate) transient: bool,
    /// Send an earlier one again.
    pub(crate) again: Option<Index>,
}

#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Send(Box<Wish>),
    Attach(ConsumerId, ConsumerOptions),
    Detach(ConsumerId),
    Cancel(ConsumerId),
    Grant(ConsumerId, u64),
    Block(ConsumerId, bool),
    Receive,
    ReceiveInPlace,
    ReceiveFor(ConsumerId),
    Lease(Span),
    AckReceipt(Index),
    NackReceipt(Index, Option<Span>),
    RejectReceipt(Index),
    RenewReceipt(Index, Span),
    Ack(Index),
    AckUntil(Index),
    Nack(Index, bool),
    NackUntil(Index, bool),
    Seen(Index),
    Renew(Index),
    /// Settles something that nobody has.
    Wrong(u64),
    Purge,
    Browse(usize),
    /// Time passes, and nobody looks; then somebody does.
    Pass(Span),
    Tick,
    /// Time passes until something is due.
    Wake,
    /// So many bytes of bodies may stay in memory.
    Memory(u64),
    Commit,
    Flush,
    Restart,
    /// The power goes; of each log's tail that was not flushed so many hundredths had reached the medium: of the
    /// messages, and of the cursor.
    PowerCut(u64, u64),
    /// The disk is full, or has room again.
    Full(bool),
    /// Sends, and takes it back when there is no room for it.
    SendOrNot(Box<Wish>),
    /// After so many writes one of the logs fails.
    Fail(u32, Fault),
}

/// How processes end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ends {
    Restarts,
    PowerCuts,
    /// The disk fails: then, and also else, the power goes.
    Faults,
    /// The disk is full for a while, and again.
    FullDisks,
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::FailAppend),
        (0..600_usize).prop_map(|bytes| Fault::TearAppend { bytes }),
        Just(Fault::FailFlush),
    ]
}

fn rarely<T: Clone + std::fmt::Debug + 'static>(
    strategy: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = Option<T>> {
    proptest::option::weighted(0.2, strategy)
}

fn span(most: u64) -> impl Strategy<Value = Span> {
    prop_oneof![
        1 => Just(Span::ZERO),
        1 => (1..2_000_u64).prop_map(Span),
        6 => (1..most).prop_map(Span::from_millis),
    ]
}

pub(crate) fn options() -> impl Strategy<Value = QueueOptions> {
    let expiry = prop_oneof![
        2 => Just(Expiry::AtHead),
        1 => prop_oneof![Just(500_u64), 1_000..20_000_u64].prop_map(|every| Expiry::Sweep(Span(every))),
    ];
    let overflow = prop_oneof![
        Just(Overflow::DropHead),
        Just(Overflow::RejectPublish),
        Just(Overflow::RejectPublishDeadLetter),
        Just(Overflow::Block),
    ];
    let requeue = prop_oneof![Just(Requeue::OldPlace), Just(Requeue::Front), Just(Requeue::Back)];
    let backoff = (1..8_u64, 100..300_u32).prop_map(|(first, percent)| Backoff {
        first: Span::from_millis(first),
        percent,
        max: Span::from_millis(30),
    });
    let limits = (rarely(span(20)), expiry, rarely(0..6_u64), rarely(0..40_u64), overflow);
    let returns =
        (requeue, rarely(0..4_u32), rarely(backoff), rarely((1..15_u64).prop_map(Span::from_millis)));
    let flags =
        (any::<bool>(), prop::bool::weighted(0.2), prop::bool::weighted(0.3), any::<bool>(), any::<bool>());
    let rest = (0..4_u8, 0..6_u8, rarely(span(30)), prop::bool::weighted(0.15), any::<bool>());
    (limits, returns, flags, rest).prop_map(|(limits, returns, flags, rest)| {
        let (ttl, expiry, length_max, bytes_max, overflow) = limits;
        let (requeue, delivery_limit, redelivery, lease) = returns;
        let (dead, single_active, strict_dispatch, prefetch_extension, prioritized) = flags;
        let (priority_max, priority_default, remember_ids, transient, dead_letter_persistent_only) = rest;
        let options = QueueOptions {
            transient,
            priority_max: if prioritized { priority_max } else { 0 },
            priority_default: if prioritized { priority_default.min(priority_max) } else { 0 },
            ttl,
            expiry,
            length_max,
            bytes_max,
            overflow,
            requeue,
            delivery_limit,
            redelivery,
            lease,
            single_active,
            strict_dispatch,
            prefetch_extension,
            remember_ids,
            dead_letter: dead.then(|| DeadLetter { exchange: "dlx".into(), routing_key: None }),
            dead_letter_persistent_only,
            auto_delete: false, // both are for whoever owns the queue
            unused_max: None,
        };
        options.check().expect("sound options");
        options
    })
}

fn wish() -> impl Strategy<Value = Box<Wish>> {
    let repeat = (0..6_u64, 0..4_u32).prop_map(|(every, times)| Repeat { every: Span(every * 700), times });
    let sequence = prop_oneof![Just(1), Just(-1), Just(2)];
    let times = (rarely(span(15)), rarely(span(12)), proptest::option::weighted(0.1, repeat));
    let group = (proptest::option::weighted(0.3, 0..3_u8), rarely(sequence));
    let color = prop_oneof![Just("red"), Just("blue"), Just("green")];
    let properties = (proptest::option::weighted(0.8, color), proptest::option::weighted(0.6, 0..9_i64));
    let rest = (0..20_usize, rarely(0..6_u8), prop::bool::weighted(0.15), rarely(any::<Index>()));
    (times, group, properties, rest).prop_map(|(times, (group, sequence), (color, weight), rest)| {
        let (ttl, delay, repeat) = times;
        let (bytes, priority, transient, again) = rest;
        Box::new(Wish {
            bytes,
            priority,
            ttl,
            delay,
            repeat,
            group,
            sequence,
            color,
            weight,
            transient,
            again,
        })
    })
}

fn consumer() -> impl Strategy<Value = ConsumerOptions> {
    let flow = prop_oneof![
        1 => Just(Flow::Unlimited),
        3 => (0..4_u32).prop_map(Flow::Prefetch),
        1 => Just(Flow::Credit),
        1 => Just(Flow::Pull),
    ];
    let ack = prop_oneof![3 => Just(AckMode::Explicit), 1 => Just(AckMode::Automatic)];
    let selector = (0..SELECTORS.len()).prop_map(|at| Selector::parse(SELECTORS[at].0).expect("sound"));
    let selector = proptest::option::weighted(0.6, selector);
    (flow, ack, -1..2_i32, prop::bool::weighted(0.1), selector).prop_map(
        |(flow, ack, priority, exclusive, selector)| ConsumerOptions {
            flow,
            ack,
            priority,
            exclusive,
            selector,
        },
    )
}

/// Up to `most` operations.
pub(crate) fn operations(most: usize, ends: Ends) -> impl Strategy<Value = Vec<Operation>> {
    let who = || (1..4_u64).prop_map(ConsumerId);
    let which = any::<Index>;
    let sends = prop_oneof![Just(()), Just(())].prop_flat_map(|()| wish()).prop_map(Operation::Send);
    let consumers = prop_oneof![
        4 => (who(), consumer()).prop_map(|(who, options)| Operation::Attach(who, options)),
        1 => who().prop_map(Operation::Detach),
        1 => who().prop_map(Operation::Cancel),
        2 => (who(), 0..4_u64).prop_map(|(who, credit)| Operation::Grant(who, credit)),
        1 => (who(), any::<bool>()).prop_map(|(who, blocked)| Operation::Block(who, blocked)),
        1 => Just(Operation::Receive),
        1 => Just(Operation::ReceiveInPlace),
        2 => who().prop_map(Operation::ReceiveFor),
        2 => span(20).prop_map(Operation::Lease),
    ];
    let settling = prop_oneof![
        4 => which().prop_map(Operation::Ack),
        1 => which().prop_map(Operation::AckUntil),
        4 => (which(), prop::bool::weighted(0.7)).prop_map(|(which, requeue)| Operation::Nack(which, requeue)),
        1 => (which(), prop::bool::weighted(0.7)).prop_map(|(which, requeue)| Operation::NackUntil(which, requeue)),
        1 => which().prop_map(Operation::Seen),
        1 => which().prop_map(Operation::Renew),
        2 => which().prop_map(Operation::AckReceipt),
        2 => (which(), rarely(span(15))).prop_map(|(which, delay)| Operation::NackReceipt(which, delay)),
        1 => which().prop_map(Operation::RejectReceipt),
        1 => (which(), span(20)).prop_map(|(which, span)| Operation::RenewReceipt(which, span)),
        1 => (0..200_u64).prop_map(Operation::Wrong),
    ];
    let others = prop_oneof![
        1 => Just(Operation::Purge),
        6 => (0..30_usize).prop_map(Operation::Browse),
        8 => span(20).prop_map(Operation::Pass),
        4 => Just(Operation::Tick),
        4 => Just(Operation::Wake),
        1 => prop_oneof![Just(0), 0..100_u64].prop_map(Operation::Memory),
        3 => Just(Operation::Commit),
        3 => Just(Operation::Flush),
    ];
    // Mostly the process alone ends, or all that was written is lost, or something between.
    let kept = || prop_oneof![Just(0), Just(100), 0..=100_u64];
    let fails = (0..12_u32, fault()).prop_map(|(left, fault)| Operation::Fail(left, fault));
    let end = (kept(), kept(), fails).prop_map(move |(messages, cursor, fails)| match ends {
        Ends::Restarts => Operation::Restart,
        Ends::PowerCuts => Operation::PowerCut(messages, cursor),
        Ends::Faults if (messages + cursor) % 5 == 0 => fails,
        Ends::Faults => Operation::PowerCut(messages, cursor),
        Ends::FullDisks => match (messages * 7 + cursor) % 6 {
            0 => Operation::Restart,
            1 => Operation::PowerCut(messages, cursor),
            way => Operation::Full(way < 4),
        },
    });
    let or_not = wish().prop_map(Operation::SendOrNot);
    let one = prop_oneof![30 => sends, 3 => or_not, 20 => consumers, 25 => settling, 25 => others, 4 => end];
    prop::collection::vec(one, 1..most)
}
