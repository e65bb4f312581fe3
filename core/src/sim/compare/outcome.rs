//! What came of one run?

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::fate::fates;
use super::watch::Watch;
use super::{Contender, Fate, Mishap, Workload};
use crate::ids::NodeId;
use crate::sim::scenario::InvalidScenario;
use crate::sim::{Bill, Scenario, World};
use crate::time::{Span, Time};

/// What came of one run.
///
/// ```
/// use mqlab_core::sim::compare::{Mishap, Outcome, Workload};
/// let workload = Workload { messages: 100, ..Workload::built_in("steady").ok_or("no such workload")? };
/// let outcome = Outcome::run(&workload, "kafka".parse()?, Mishap::None, 1)?;
/// assert_eq!((outcome.acknowledged, outcome.delivered, outcome.lost), (100, 100, 0));
/// assert_eq!(outcome.fates.len(), 100);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Who.
    pub contender: Contender,
    /// What went wrong.
    pub mishap: Mishap,
    /// The seed.
    pub seed: u64,
    /// Messages that were sent.
    pub sent: u64,
    /// Messages that their producers were told are stored.
    pub acknowledged: u64,
    /// Messages that were processed, each counted once.
    pub delivered: u64,
    /// Messages that were acknowledged, and that nobody will ever get.
    pub lost: u64,
    /// Messages that were processed more than once.
    pub doubled: u64,
    /// Messages that were received out of order.
    pub reordered: u64,
    /// Messages that are kept, and were not processed by the end.
    pub waiting: u64,
    /// Messages processed a second, from the first that was handed over to the last that was processed.
    pub per_second: u64,
    /// The time from handed over to processed: half of the messages had no longer.
    pub p50: Span,
    /// 95 of a hundred had no longer.
    pub p95: Span,
    /// 99 of a hundred had no longer.
    pub p99: Span,
    /// The longest that producers waited while nothing was acknowledged; nothing where they do not ask for that.
    pub no_storing: Option<Span>,
    /// The longest that messages waited while none was processed.
    pub no_delivery: Span,
    /// What all brokers' machines did together; nothing without a machine.
    pub bill: Option<Bill>,
    /// The digest of the run, as 16 hexadecimal digits: the same on every machine.
    pub digest: String,
    /// What became of each message, from number 1 on.
    #[serde(skip)]
    pub fates: Vec<Fate>,
    /// When that was decided, for each: it was acknowledged, or processed (again), or lost; the beginning where nothing was.
    #[serde(skip)]
    pub decided: Vec<Time>,
}

/// After so many steps of the world somebody is told how far it is.
const STEPS_BETWEEN: u64 = 4_096;

impl Outcome {
    /// Runs it.
    ///
    /// # Errors
    ///
    /// [`InvalidScenario`] when the workload asks for what the system has not.
    pub fn run(
        workload: &Workload,
        contender: Contender,
        mishap: Mishap,
        seed: u64,
    ) -> Result<Self, InvalidScenario> {
        Self::run_told(workload, contender, mishap, seed, &mut |_| {})
    }

    /// Runs it, and tells from time to time how many messages are processed.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run).
    pub fn run_told(
        workload: &Workload,
        contender: Contender,
        mishap: Mishap,
        seed: u64,
        tell: &mut dyn FnMut(u64),
    ) -> Result<Self, InvalidScenario> {
        let scenario = contender.scenario(workload, mishap);
        let ends_at = scenario.ends_at;
        let nodes: Vec<NodeId> = scenario.nodes().collect();
        let mut world = World::new(scenario, seed)?;
        let mut watch = Watch::default();
        let mut steps: u64 = 0;
        while world.next_time().is_some_and(|at| at <= ends_at) {
            let events = world.step().unwrap_or_default();
            watch.handed(world.now(), world.begun());
            events.iter().for_each(|stamped| watch.observe(stamped));
            let verdict = world.verdict();
            watch.judged(world.now(), verdict.lost());
            steps += 1;
            if steps.is_multiple_of(STEPS_BETWEEN) {
                tell(verdict.delivered());
            }
            let all = verdict.delivered() == workload.messages && verdict.acknowledged() == workload.messages;
            world.reuse(events);
            if all && mishap == Mishap::None {
                break; // nothing more will come
            }
        }
        let (verdict, now) = (world.verdict(), world.now());
        let took = watch.took().map_or(0, |span| span.0);
        let bills: Vec<Bill> = nodes.iter().filter_map(|node| world.bill(*node)).collect();
        let no_storing = watch.acknowledges().then(|| watch.storing.longest_until(now));
        // What is lost nobody waits for any longer than for what came after it.
        let comes = verdict.waiting().next().is_some();
        let no_delivery = watch.delivering.longest_until(if comes { now } else { watch.last_delivery() });
        let decided = watch.decided(workload.messages);
        let [p50, p95, p99] = watch.percentiles([50, 95, 99]);
        Ok(Self {
            contender,
            mishap,
            seed,
            sent: verdict.sent(),
            acknowledged: verdict.acknowledged(),
            delivered: verdict.delivered(),
            lost: verdict.lost().len() as u64,
            doubled: verdict.doubled().len() as u64,
            reordered: verdict.reordered().len() as u64,
            waiting: verdict.waiting().count() as u64,
            per_second: verdict.delivered().saturating_mul(1_000_000).checked_div(took).unwrap_or(0),
            no_storing,
            no_delivery,
            bill: (!bills.is_empty()).then(|| bills.into_iter().sum()),
            digest: world.digest().to_string(),
            fates: fates(verdict, workload.messages),
            decided,
            p50,
            p95,
            p99,
        })
    }

    /// The scenario that it ran: with its seed, it shows the same run again.
    pub fn scenario(&self, workload: &Workload) -> Scenario {
        Scenario { seed: self.seed, ..self.contender.scenario(workload, self.mishap) }
    }
}
