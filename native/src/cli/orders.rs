//! What `mqlab run` says of users: what they were told, and what was really done.

use std::io::{self, Write};

use mqlab_core::ids::NodeId;
use mqlab_core::observe::{Figures, Metrics, OrderMetrics};
use mqlab_core::sim::Scenario;

/// Says nothing of a scenario without users.
pub(super) fn tell(out: &mut impl Write, metrics: &Metrics, scenario: &Scenario) -> io::Result<()> {
    let orders = &metrics.orders;
    if orders.is_empty() {
        return Ok(());
    }
    let answers: Vec<String> =
        orders.answered.iter().map(|(answer, count)| format!("{count} {answer}")).collect();
    let answers = if answers.is_empty() { "none answered".to_owned() } else { answers.join(", ") };
    writeln!(out, "orders       {} asked for: {answers}", orders.asked)?;
    writeln!(out, "  answered   {}", times(orders.waited.figures()))?;
    let drained = orders.last_fulfilled.map_or(String::new(), |at| format!(", the last at {at} ms"));
    writeln!(out, "  really     {} done{drained}", orders.fulfilled)?;
    writeln!(out, "  done       {}", times(orders.until_fulfilled.figures()))?;
    let OrderMetrics { told_early, disappointed, fulfilled_unknown, notified, .. } = orders;
    writeln!(
        out,
        "  told       {told_early} before it was done, {disappointed} of an order that then failed"
    )?;
    writeln!(out, "  not told   {fulfilled_unknown} of an order that was done all the same")?;
    if *notified > 0 {
        writeln!(out, "  notified   {}", times(orders.until_notified.figures()))?;
    }
    for (node, service) in (1..).map(NodeId::Service).zip(&scenario.services) {
        let counts = orders.services.get(&node).copied().unwrap_or_default();
        writeln!(
            out,
            "{:<12} {} done, {} given up, {} turned away, {} waited at most ({})",
            node.to_string(),
            counts.worked,
            counts.gave_up,
            counts.turned_away,
            counts.waiting_max,
            service.name,
        )?;
    }
    Ok(())
}

/// The figures of some times, in words.
fn times(figures: Figures) -> String {
    let Figures { count, mean, p50, p95, p99, max } = figures;
    match count {
        0 => "never".to_owned(),
        _ => format!("after {p50} in the middle, {mean} in the mean, p95 {p95}, p99 {p99}, {max} at most"),
    }
}
