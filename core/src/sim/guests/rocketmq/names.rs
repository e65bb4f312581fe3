//! How does a name server live in the lab? It keeps nothing: after a restart it knows what brokers tell it. (The
//! controller in it keeps who is the master.)

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::super::{Guest, GuestMessage, GuestOut, GuestView, Halts, Look, Run};
use super::chart::Chart;
use super::talk::{heard, say};
use crate::ids::{Epoch, NodeId};
use crate::observe::Event;
use crate::sim::picture::ControllerView;
use crate::systems::rocketmq::controller::Controller;
use crate::systems::rocketmq::names::NameServer;
use crate::systems::{Input, Out};
use crate::time::Time;

/// A name server.
#[derive(Clone, Debug)]
pub(super) struct Names {
    node: NodeId,
    chart: Arc<Chart>,
    process: NameServer,
    /// The first has the controller, if there is one.
    controller: Option<Controller>,
}

impl Names {
    pub(super) fn new(node: NodeId, chart: Arc<Chart>) -> Self {
        let (process, controller) = (NameServer::new(chart.broker_expires()), chart.controller(node));
        Self { node, process, controller, chart }
    }
}

impl Guest for Names {
    fn boxed(&self) -> Box<dyn Guest> {
        Box::new(self.clone())
    }

    fn handle(&mut self, now: Time, input: Input<GuestMessage>, _run: &mut Run<'_>, out: &mut GuestOut) {
        let Some(input) = heard(input) else { return };
        let mut own = Out::default();
        if let Some(controller) = &mut self.controller {
            controller.handle(now, &input, &mut own);
        }
        self.process.handle(now, input, &mut own);
        say(&self.chart, self.node, own, out);
    }

    fn next_wakeup(&self) -> Option<Time> {
        let controller = self.controller.as_ref().and_then(Controller::next_wakeup);
        self.process.next_wakeup().into_iter().chain(controller).min()
    }

    fn stop(&mut self) -> Vec<Event> {
        Vec::new()
    }

    fn start(&mut self, now: Time, _incarnation: u64) -> Result<(), Halts> {
        self.process = NameServer::new(self.chart.broker_expires());
        if let Some(controller) = &mut self.controller {
            controller.restart(now);
        }
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
