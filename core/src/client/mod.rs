//! How do programs talk to brokers? Producers and consumers, as state machines without I/O.
//!
//! They are driven as a broker is: `handle` what reaches them, carry out what they want sent, come back at
//! `next_wakeup`. What a program does with a message is its own affair: it takes one, and says when it is done.

mod asked;
mod caller;
mod classic_member;
mod fetching;
mod identity;
mod in_flight;
mod in_hand;
mod lane;
mod lanes;
mod member;
mod member_options;
mod metadata;
mod numbered;
mod outbox;
mod position;
mod producer;
mod producer_options;
mod pull_options;
mod puller;
mod reader;
mod requester;
mod rewind;
mod sending;
mod share_consumer;
mod share_options;
mod shelf;
mod store;
mod subscriber;
mod target;
mod transacted;
mod transactional;
mod two_phase;
mod txn_gate;
mod window;

pub use caller::{Caller, Over};
pub use classic_member::ClassicMember;
pub use member::Member;
pub use member_options::{CommitMode, GroupProtocol, MemberOptions};
pub use outbox::{Outbox, Row};
pub use position::STAGED_MAX;
pub use producer::{BATCH_RECORDS_MAX, Producer};
pub use producer_options::{BATCH_BYTES_MIN, BadOptions, ProducerOptions};
pub use pull_options::{Commits, PullOptions, Replay, Reset, Staging, StartAt};
pub use puller::Puller;
pub use requester::{Answered, REQUESTS_REMEMBERED, Requester};
pub use share_consumer::ShareConsumer;
pub use share_options::{Acknowledges, SHARE_RECORDS_MAX, ShareOptions};
pub use store::{Again, RECEIPT_DOUBLINGS_MAX, RECEIPT_TIMEOUT, Store};
pub use subscriber::{Staged, Subscriber};
pub use target::Target;
pub use transacted::{Standing, Transacted};
pub use transactional::{Transactional, TxnStanding};
pub use two_phase::TwoPhase;
pub use window::{Late, Outcome, WINDOWS_MAX, WindowOptions, Windows};
