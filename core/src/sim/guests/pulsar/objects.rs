//! How does an object store live in the lab? It keeps entries like a bookie, on a disk of its own, and takes its time to find
//! one.
//!
//! A real one (S3, GCS, a file system) keeps a ledger as one object with an index beside it, and never loses it. Here it is a
//! node that can die, and whose disk can be replaced, like every other.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::super::{Guest, GuestMessage, GuestOut, GuestView, Halts, Look, OpenDisk, Run};
use super::bookie::Keeper;
use super::spec::PulsarSpec;
use crate::ids::{LogName, MessageId, NodeId};
use crate::observe::{Event, Place};
use crate::record::Batches;
use crate::sim::scenario::{PATIENCE_MAX, PATIENCE_MIN};
use crate::systems::Input;
use crate::systems::pulsar::Offload;
use crate::time::{Span, Time};

/// The object store.
pub(super) const OBJECTS: NodeId = NodeId::Store;

/// Ledgers that are closed go to an object store.
///
/// ```
/// use mqlab_core::sim::PulsarOffload;
/// use mqlab_core::time::Span;
/// let offload: PulsarOffload = serde_json::from_str(r#"{ "threshold": 4000 }"#)?;
/// assert_eq!((offload.lag, offload.takes), (Span::from_millis(1_000), Span::from_millis(10)));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PulsarOffload {
    /// A topic may have so many bytes on bookies; what is older goes. 0: everything goes as soon as it is closed.
    pub threshold: u64,
    /// So long after that bookies may delete it: 1 s (4 h in Pulsar).
    pub lag: Span,
    /// So long the object store takes for every answer: 10 ms.
    pub takes: Span,
}

impl Default for PulsarOffload {
    fn default() -> Self {
        Self { threshold: 0, lag: Span::from_millis(1_000), takes: Span::from_millis(10) }
    }
}

impl PulsarOffload {
    /// What brokers are told.
    pub(super) fn settings(self) -> Offload {
        Offload { to: OBJECTS, threshold: self.threshold, lag: self.lag }
    }

    /// Whether it can be so.
    pub(super) fn check(self, spec: &PulsarSpec) -> Result<(), String> {
        if spec.geo.is_some() {
            return Err("two clusters and an object store: use one or the other".into());
        }
        if !(PATIENCE_MIN..=PATIENCE_MAX).contains(&self.lag) {
            return Err(format!("the lag of offload is {}, use {PATIENCE_MIN} to {PATIENCE_MAX}", self.lag));
        }
        // Whoever is asked and does not answer in time is asked again.
        let patience = spec.patience.add_timeout;
        if self.takes.0.saturating_mul(2) > patience.0 {
            return Err(format!(
                "the object store takes {}, use at most half of the patience add_timeout, {patience}",
                self.takes
            ));
        }
        Ok(())
    }
}

/// The node.
#[derive(Clone, Debug)]
pub(super) struct Objects {
    keeper: Keeper,
    takes: Span,
    /// Answers, and when they leave.
    answers: VecDeque<(Time, NodeId, GuestMessage)>,
}

impl Objects {
    pub(super) fn new(offload: PulsarOffload) -> Self {
        Self { keeper: Keeper::new(OBJECTS, true), takes: offload.takes, answers: VecDeque::new() }
    }
}

impl Guest for Objects {
    fn boxed(&self) -> Box<dyn Guest> {
        Box::new(self.clone())
    }

    fn handle(&mut self, now: Time, input: Input<GuestMessage>, run: &mut Run<'_>, out: &mut GuestOut) {
        let mut own = GuestOut::default();
        self.keeper.handle(now, input, run, &mut own);
        out.events.append(&mut own.events);
        let leaves = now + self.takes;
        self.answers.extend(own.sends.into_iter().map(|(to, message)| (leaves, to, message)));
        while self.answers.front().is_some_and(|(leaves, ..)| *leaves <= now) {
            out.sends.extend(self.answers.pop_front().map(|(_, to, message)| (to, message)));
        }
    }

    fn settle(&mut self, now: Time, out: &mut GuestOut) -> Result<(), Halts> {
        self.keeper.settle(now, out)
    }

    fn next_wakeup(&self) -> Option<Time> {
        self.answers.front().map(|(leaves, ..)| *leaves)
    }

    fn stop(&mut self) -> Vec<Event> {
        self.answers.clear();
        self.keeper.stop()
    }

    fn start(&mut self, now: Time, incarnation: u64) -> Result<(), Halts> {
        self.keeper.start(now, incarnation)
    }

    fn has_disk(&self) -> bool {
        true
    }

    fn disks(&mut self) -> Vec<OpenDisk<'_>> {
        self.keeper.disks()
    }

    fn messages_in(&self, log: &LogName, batches: &Batches) -> Vec<(Place, Vec<MessageId>)> {
        self.keeper.messages_in(log, batches)
    }

    fn view(&self, look: &Look<'_>) -> GuestView {
        self.keeper.view(look)
    }
}
