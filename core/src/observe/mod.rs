//! What happened, and was it right? Facts, and those who read them.
//!
//! * [`Event`]: a fact, one line in a trace;
//! * [`Verdict`]: which promises were kept, judged from outside;
//! * [`PromiseJudge`]: which [`Promise`]s were broken, and by which messages; [`life`] and [`chain`] tell how;
//! * [`Agreement`]: whether a producer's database and its messages agree;
//! * [`Metrics`]: how much, how fast, how far behind; [`QueueMetrics`]: what failed, died or came back on the way;
//! * [`Ledger`] and [`OrderMetrics`]: what became of what users asked for;
//! * [`Digester`]: whether two runs are the same.

mod agreement;
mod cluster_event;
mod digest;
mod event;
mod fault;
mod fault_event;
mod group_event;
mod ledger;
mod life;
mod mailbox_metrics;
mod metrics;
mod order;
mod order_metrics;
mod order_of_work;
mod producer_event;
mod promise;
mod promise_judge;
mod pull_event;
mod pull_metrics;
mod queue_event;
mod queue_metrics;
mod refusal;
mod verdict;

pub use agreement::Agreement;
pub use cluster_event::ClusterEvent;
pub use digest::{Digest, Digester};
pub use event::{Event, Place, Stamped};
pub use fault::{BadFault, DiskState, Link, LinkFault};
pub use fault_event::{FaultEvent, Parcel};
pub use group_event::{GroupEvent, Removal};
pub use ledger::{Ledger, Needed};
pub use life::{CHAIN_MAX, chain, life};
pub use mailbox_metrics::MailboxMetrics;
pub use metrics::{Metrics, SAMPLES_MAX, Series};
pub use order::{Answer, OrderEvent};
pub use order_metrics::{Figures, ORDERS_MAX, OrderMetrics, ServiceCounts, Spans};
pub use producer_event::ProducerEvent;
pub use promise::{Promise, Promised, Subject};
pub use promise_judge::{Judged, PromiseJudge};
pub use pull_event::PullEvent;
pub use pull_metrics::PullMetrics;
pub use queue_event::QueueEvent;
pub use queue_metrics::QueueMetrics;
pub use refusal::Refusal;
pub use verdict::Verdict;
