//! `mqlab run`: a scenario without its page.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, BufWriter, Write};

use clap::Args;
use mqlab_core::ids::{MessageId, NodeId};
use mqlab_core::observe::{Agreement, Judged, Metrics, PromiseJudge, Stamped, Verdict};
use mqlab_core::sim::{Action, LinkPlace, PageLink, SCENARIO_USUAL, Scenario, Timeline, Traffic, World};
use mqlab_core::time::{Span, Time};
use serde::Serialize;

use super::promises::{self, Account};
use super::{Stop, count, output, scenarios};

/// How many messages a line names before it only counts the others.
const NAMED_MAX: usize = 10;

const EXAMPLES: &str = "\
Time, network, disks and chance are simulated: the same scenario and seed always give the same
run, here and on the page, which shows the same digest.

Examples:
  mqlab run --list
  mqlab run hundred-messages
  mqlab run kill-the-leader --seed 42 --trace | less
  mqlab run hundred-messages --do '208 crash consumer-2' --do '400 restart consumer-2'
  mqlab run hundred-messages --do '208 lose-next broker-1 to producer-1'
  mqlab run kill-the-leader --json
  mqlab run 'http://127.0.0.1:8080/?scenario=kill-the-leader&seed=7&do=412.8+crash+broker-1&v=0.1'

Commands for --do, after a moment in milliseconds:
  crash NODE, cut-power NODE, restart NODE, replace NODE (restart with an empty disk)
  shut-down NODE                 a broker stops in good order: others lead before it goes
  freeze NODE, thaw NODE
  skew NODE MS                   set a clock ahead, or behind with -MS; 0 sets it right
  disk NODE sound|lying|full     a broker's disk; also: slow MS, for each flush
  cut LINK, heal LINK
  slow LINK MS                   everything takes so much longer
  lose LINK N, duplicate LINK N, reorder LINK N      N of a thousand messages
  lose-next LINK, duplicate-next LINK, reorder-next LINK
  every producer-1 MS, acks producer-1 0|1|all       how often it sends, and when that counts as stored
  work consumer-1 MS, prefetch consumer-1 N          how long it works, and how much it may hold (0: any)
  join NODE                      another producer, consumer or broker like it
  leave NODE                     it goes in good order: what a broker leads others lead before
  ack consumer-1 each|before|automatic|'every N'     when it acknowledges
  every user-1 MS, work service-1 MS                 how often users ask, and how long a service works on an order
  topic NAME partitions N replicas N, partitions TOPIC N, min-in-sync TOPIC N, drop-topic NAME
  retention-time TOPIC MS|none, retention-bytes TOPIC N|none
  queue NAME on broker-1, drop-queue NAME, ttl QUEUE MS|none, length QUEUE N|none
  drop-subscription NAME CLIENT  a durable subscription that nobody reads, with all in it
  exchange NAME fanout on broker-1 (or direct, topic, hierarchy, headers, consistent-hash), drop-exchange NAME
  bind EXCHANGE QUEUE [KEY], unbind EXCHANGE QUEUE [KEY]
NODE: broker-1, producer-1, consumer-1, service-1; controller for freeze, thaw, skew;
      controller-1 (of several) also for crash, cut-power, restart
LINK: 'broker-1 to broker-2' (one way), 'broker-1 and broker-2' (both ways), everywhere";

/// Options of `mqlab run`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    /// A scenario that comes with mqlab, the path of a JSON file with one, or a link of the page, with all that was done there
    #[arg(required_unless_present = "list")]
    scenario: Option<String>,
    /// Print the scenarios that come with mqlab, one a line, and run none
    #[arg(long, exclusive = true)]
    list: bool,
    /// Another seed than the scenario proposes
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Do something to the cluster at a moment in milliseconds (may be repeated): the commands stand below
    #[arg(long = "do", value_name = "'MS COMMAND'")]
    actions: Vec<Action>,
    /// Print every event, one a line
    #[arg(long)]
    trace: bool,
    /// Print one JSON object instead of words
    #[arg(long)]
    json: bool,
}

/// Everything that is said about a run.
#[derive(Serialize)]
struct Report<'a> {
    engine: &'static str,
    scenario: &'a str,
    seed: u64,
    digest: String,
    steps: u64,
    events: u64,
    verdict: Judgement<'a>,
    /// What settings and faults promise, and whether it was kept.
    promises: Vec<Account<'a>>,
    /// How many messages each consumer's program was done with.
    deliveries: BTreeMap<NodeId, u64>,
    metrics: &'a Metrics,
    latency_mean: u64,
    latency_p99: Span,
    traffic: Traffic,
    /// What the link looks at: the page shows the same digest there.
    #[serde(skip_serializing_if = "Option::is_none")]
    looked_at: Option<LookedAt>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<&'a [Stamped]>,
}

/// The place in a run that a link looks at.
#[derive(Serialize)]
struct LookedAt {
    at: Time,
    digest: String,
}

#[derive(Serialize)]
struct Judgement<'a> {
    clean: bool,
    sent: u64,
    acknowledged: u64,
    delivered: u64,
    on_their_way: u64,
    /// In a queue for dead letters, where nobody has processed them.
    dead_letters: u64,
    lost: &'a BTreeSet<MessageId>,
    doubled: &'a BTreeSet<MessageId>,
    reordered: &'a BTreeSet<MessageId>,
    /// Let go by a queue as it was told to, and not among dead letters; or fitting no queue.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    dropped: &'a BTreeSet<MessageId>,
    /// Mandatory, fitting no queue, and back at their producers, who know it.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    returned: &'a BTreeSet<MessageId>,
    /// Never to be taken by a broker, and given up by their producers.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    given_up: &'a BTreeSet<MessageId>,
    /// Acknowledged, and dropped by retention before anybody had processed them.
    trimmed: BTreeSet<MessageId>,
    /// Acknowledged, and unprocessed when a later message of the same key took their place.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    superseded: BTreeSet<MessageId>,
    /// Given up by a share group, and processed by nobody.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    archived: &'a BTreeSet<MessageId>,
    /// Only where producers have transactions of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    own_transactions: Option<Agreed<'a>>,
}

/// Whether producers' databases and their messages agree.
#[derive(Serialize)]
struct Agreed<'a> {
    committed: u64,
    undone: u64,
    checked_back: u64,
    invented: &'a BTreeSet<MessageId>,
    unheard: &'a BTreeSet<MessageId>,
}

impl<'a> Agreed<'a> {
    fn of(agreement: &'a Agreement) -> Option<Self> {
        (!agreement.is_empty()).then(|| Self {
            committed: agreement.committed(),
            undone: agreement.undone(),
            checked_back: agreement.checked_back(),
            invented: agreement.invented(),
            unheard: agreement.unheard(),
        })
    }
}

impl<'a> Judgement<'a> {
    fn of(verdict: &'a Verdict) -> Self {
        Self {
            clean: verdict.is_clean(),
            sent: verdict.sent(),
            acknowledged: verdict.acknowledged(),
            delivered: verdict.delivered(),
            on_their_way: verdict.on_their_way(),
            dead_letters: verdict.dead_letters().count() as u64,
            lost: verdict.lost(),
            doubled: verdict.doubled(),
            reordered: verdict.reordered(),
            dropped: verdict.dropped(),
            returned: verdict.returned(),
            given_up: verdict.given_up(),
            trimmed: verdict.trimmed().collect(),
            superseded: verdict.superseded().collect(),
            archived: verdict.archived(),
            own_transactions: Agreed::of(verdict.agreement()),
        }
    }
}

/// Lets everything happen up to a moment.
fn advance(
    world: &mut World,
    to: Time,
    show: &mut impl FnMut(Stamped) -> Result<(), Stop>,
) -> Result<(), Stop> {
    while world.next_time().is_some_and(|next| next <= to) {
        world.step().into_iter().flatten().try_for_each(&mut *show)?;
    }
    Ok(())
}

/// An action that cannot be done when it should be.
fn misplaced(action: &Action, why: &dyn std::fmt::Display) -> Stop {
    Stop::Failure(format!("--do '{action}': {why}"))
}

/// The actions in order of their moments, each of which must lie in the run and be taken once: two commands at one
/// moment have no order.
fn in_order(actions: &[Action], ends_at: Time) -> Result<Vec<Action>, Stop> {
    let mut actions = actions.to_vec();
    actions.sort_by_key(|action| action.at);
    for (index, action) in actions.iter().enumerate() {
        if action.at == Time::ZERO || action.at > ends_at {
            return Err(misplaced(action, &format_args!("the run goes from 0.001 to {ends_at} ms")));
        }
        if index > 0 && actions[index - 1].at == action.at {
            return Err(misplaced(action, &"another command has the same moment, move one by 0.001 ms"));
        }
    }
    Ok(actions)
}

/// Runs a scenario to its end and prints what came of it.
pub(super) fn run(options: &Options) -> Result<(), Stop> {
    let Some(name) = options.scenario.as_deref().filter(|_| !options.list) else {
        return scenarios::list(&mut BufWriter::new(io::stdout())).map_err(output);
    };
    let (scenario, link) = find(name)?;
    let seed = options.seed.or(link.seed).unwrap_or(scenario.seed);
    let mut world = World::new(scenario.clone(), seed)?;
    let mut out = BufWriter::new(io::stdout());
    let (mut events, mut trace, mut judge) = (0, Vec::new(), PromiseJudge::default());
    let mut show = |stamped: Stamped| {
        events += 1;
        judge.observe(&stamped);
        match (options.trace, options.json) {
            (true, false) => writeln!(out, "{stamped}").map_err(output)?,
            (true, true) => trace.push(stamped),
            (false, _) => {}
        }
        Ok(())
    };
    let actions = in_order(&[&link.actions[..], &options.actions].concat(), scenario.ends_at)?;
    for action in &actions {
        advance(&mut world, action.at - Span(1), &mut show)?;
        world.permits(&action.command).map_err(|refused| misplaced(action, &refused))?;
        world.plan(action.at, action.command.clone());
    }
    advance(&mut world, scenario.ends_at, &mut show)?;
    let suffered = Scenario { actions: [&scenario.actions[..], &actions].concat(), ..scenario.clone() };
    let judged = judge.judge(&suffered.promises(seed), world.verdict());
    let again =
        if judged.iter().all(Judged::is_kept) { Vec::new() } else { again(&scenario, seed, &actions)? };
    let looked_at = link.place.map(|place| looked_at(&scenario, seed, &actions, place)).transpose()?;
    let metrics = world.metrics();
    let scenario = world.scenario_now();
    let report = Report {
        engine: mqlab_core::VERSION,
        scenario: &scenario.name,
        seed,
        digest: world.digest().to_string(),
        steps: world.steps(),
        events,
        verdict: Judgement::of(world.verdict()),
        promises: promises::accounts(&judged, &again),
        deliveries: deliveries(scenario, metrics),
        metrics,
        latency_mean: metrics.latency_mean().0,
        latency_p99: metrics.latency().p99,
        traffic: world.traffic(),
        looked_at,
        trace: options.trace.then_some(&trace[..]),
    };
    if options.json {
        let json = serde_json::to_string(&report).expect("numbers, names and lists are JSON");
        writeln!(out, "{json}").map_err(output)?;
    } else {
        if options.trace {
            writeln!(out).map_err(output)?;
        }
        tell(&mut out, &report, scenario).map_err(output)?;
    }
    out.flush().map_err(output)
}

/// The events of a run, for whoever must tell how something came about: it is made again, for it is always the same.
fn again(scenario: &Scenario, seed: u64, actions: &[Action]) -> Result<Vec<Stamped>, Stop> {
    let mut world = World::new(scenario.clone(), seed)?;
    let mut events = Vec::new();
    let mut keep = |stamped: Stamped| {
        events.push(stamped);
        Ok(())
    };
    for action in actions {
        advance(&mut world, action.at - Span(1), &mut keep)?;
        world.plan(action.at, action.command.clone());
    }
    advance(&mut world, scenario.ends_at, &mut keep)?;
    Ok(events)
}

/// What the run is at the place that a link looks at.
fn looked_at(scenario: &Scenario, seed: u64, actions: &[Action], place: LinkPlace) -> Result<LookedAt, Stop> {
    let mut timeline = Timeline::new(scenario.clone(), seed)?;
    timeline.replay(actions).map_err(|(action, why)| misplaced(&action, &why))?;
    timeline.go_to(place);
    Ok(LookedAt { at: timeline.now(), digest: timeline.digest().to_string() })
}

/// A scenario by its name, from a link, or from a file; and what else a link says.
fn find(name: &str) -> Result<(Scenario, PageLink), Stop> {
    if let Some((_, query)) = name.split_once('?') {
        let bad = |error: &dyn std::fmt::Display| Stop::Failure(format!("the link: {error}"));
        let link = PageLink::read(query).map_err(|error| bad(&error))?;
        let scenario = match (&link.run, &link.scenario) {
            (Some(packed), _) => Scenario::unpack(packed).map_err(|error| bad(&error))?,
            (None, named) => {
                let named = named.as_deref().unwrap_or(SCENARIO_USUAL);
                Scenario::built_in(named).ok_or_else(|| Stop::Failure(scenarios::unknown(named)))?
            }
        };
        return Ok((scenario, link));
    }
    let alone = |scenario| (scenario, PageLink::default());
    if let Some(scenario) = Scenario::built_in(name) {
        return Ok(alone(scenario));
    }
    match fs::read_to_string(name) {
        Ok(json) => {
            Scenario::from_json(&json).map(alone).map_err(|error| Stop::Failure(format!("{name}: {error}")))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Stop::Failure(scenarios::unknown(name))),
        Err(error) => Err(Stop::Failure(format!("cannot read {name}: {error}"))),
    }
}

/// Also of those that got nothing.
fn deliveries(scenario: &Scenario, metrics: &Metrics) -> BTreeMap<NodeId, u64> {
    let consumers = (1..).map(NodeId::Consumer).take(scenario.consumers.len());
    consumers.map(|node| (node, metrics.processed.get(&node).copied().unwrap_or(0))).collect()
}

fn tell(out: &mut impl Write, report: &Report<'_>, scenario: &Scenario) -> io::Result<()> {
    let Report { verdict, metrics, .. } = report;
    let word = if verdict.clean {
        "nothing lost, doubled or out of order"
    } else {
        "some lost, trimmed, doubled or out of order"
    };
    writeln!(out, "scenario     {}, seed {}", report.scenario, report.seed)?;
    writeln!(out, "verdict      {word}")?;
    for (what, messages) in
        [("lost", verdict.lost), ("doubled", verdict.doubled), ("reordered", verdict.reordered)]
    {
        writeln!(out, "  {what:<10} {}", named(messages))?;
    }
    if !verdict.dropped.is_empty() {
        writeln!(out, "  dropped    {}, by what a queue was told, or fitting none", named(verdict.dropped))?;
    }
    if !verdict.returned.is_empty() {
        writeln!(out, "  returned   {}, to who sent them, fitting no queue", named(verdict.returned))?;
    }
    if !verdict.given_up.is_empty() {
        writeln!(out, "  given up   {}, which a broker will never take", named(verdict.given_up))?;
    }
    if !verdict.trimmed.is_empty() {
        writeln!(out, "  trimmed    {}, before anybody had processed them", named(&verdict.trimmed))?;
    }
    if !verdict.superseded.is_empty() {
        let superseded = named(&verdict.superseded);
        writeln!(out, "  superseded {superseded}, by later messages of their keys")?;
    }
    if !verdict.archived.is_empty() {
        writeln!(out, "  archived   {}, given up by a share group", named(verdict.archived))?;
    }
    promises::tell(out, &report.promises)?;
    if let Some(own) = &verdict.own_transactions {
        writeln!(out, "own transactions")?;
        for (what, messages) in [("invented", own.invented), ("unheard", own.unheard)] {
            writeln!(out, "  {what:<10} {}", named(messages))?;
        }
        let Agreed { committed, undone, checked_back, .. } = own;
        writeln!(out, "  {committed} committed, {undone} undone, {checked_back} times asked about")?;
    }
    write!(
        out,
        "messages     {} sent, {} acknowledged, {} delivered, {} on their way",
        verdict.sent, verdict.acknowledged, verdict.delivered, verdict.on_their_way
    )?;
    match verdict.dead_letters {
        0 => writeln!(out)?,
        dead => writeln!(out, ", {}", count(dead, "dead letter"))?,
    }
    let Metrics { sent, received, redelivered, .. } = metrics;
    writeln!(
        out,
        "with repeats {sent} sent, {received} received, {redelivered} of them marked as redelivered"
    )?;
    writeln!(
        out,
        "latency      {} in the mean, p99 {}, {} at most",
        metrics.latency_mean(),
        report.latency_p99,
        metrics.latency_max
    )?;
    super::orders::tell(out, metrics, scenario)?;
    super::pulls::tell(out, metrics, &report.traffic)?;
    for ((node, processed), consumer) in report.deliveries.iter().zip(&scenario.consumers) {
        let name = &consumer.name;
        writeln!(out, "{:<12} {} processed ({name})", node.to_string(), count(*processed, "message"))?;
    }
    writeln!(out, "run          {} in {}", count(report.events, "event"), count(report.steps, "step"))?;
    if let Some(LookedAt { at, digest }) = &report.looked_at {
        writeln!(out, "looked at    {at} ms, digest {digest}")?;
    }
    writeln!(out, "digest       {}", report.digest)
}

/// How many, and the first of them by name.
pub(super) fn named(messages: &BTreeSet<MessageId>) -> String {
    let names: Vec<String> = messages.iter().take(NAMED_MAX).map(ToString::to_string).collect();
    match messages.len() {
        0 => "0".to_owned(),
        all if all > NAMED_MAX => format!("{all}: {} ...", names.join(" ")),
        all => format!("{all}: {}", names.join(" ")),
    }
}
