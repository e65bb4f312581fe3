//! How does a name server live in the lab? It keeps nothing: after a restart it knows what brokers tell it.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::super::{Guest, GuestMessage, GuestOut, GuestView, Halts, Look, Run};
use super::chart::Chart;
use super::talk::{heard, say};
use crate::ids::{Epoch, NodeId};
use crate::observe::Event;
use crate::sim::picture::ControllerView;
use crate::systems::rocketmq::names::NameServer;
use crate::systems::{Input, Out};
use crate::time::Time;

/// A name server.
#[derive(Clone, Debug)]
pub(super) struct Names {
    node: NodeId,
    chart: Arc<Chart>,
    process: NameServer,
}

impl Names {
    pub(super) fn new(node: NodeId, chart: Arc<Chart>) -> Self {
        Self { node, process: NameServer::new(chart.broker_expires()), chart }
    }
}

impl Guest for Names {
    fn boxed(&self) -> Box<dyn Guest> {
        Box::new(self.clone())
    }

    fn handle(&mut self, now: Time, input: Input<GuestMessage>, _run: &mut Run<'_>, out: &mut GuestOut) {
        let Some(input) = heard(input) else { return };
        let mut own = Out::default();
        self.process.handle(now, input, &mut own);
        say(&self.chart, self.node, own, out);
    }

    fn next_wakeup(&self) -> Option<Time> {
        self.process.next_wakeup()
    }

    fn stop(&mut self) -> Vec<Event> {
        Vec::new()
    }

    fn start(&mut self, _now: Time, _incarnation: u64) -> Result<(), Halts> {
        self.process = NameServer::new(self.chart.broker_expires());
        Ok(())
    }

    fn view(&self, look: &Look<'_>) -> GuestView {
        // Name servers do not know of each other: each is as active as any.
        GuestView::Keeper(ControllerView {
            node: self.node,
            up: look.is_up(),
            active: true,
            term: Epoch(0),
            runs_at: None,
        })
    }
}
