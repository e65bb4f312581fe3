//! What `mqlab run` says of those who pull, and of windows: what it cost to ask, what was kept, what came too late.

use std::io::{self, Write};

use mqlab_core::observe::{Metrics, PullMetrics};
use mqlab_core::sim::Traffic;

/// What went between consumers and brokers, for each message that was processed; nothing where there are no consumers.
pub(super) fn tell(out: &mut impl Write, metrics: &Metrics, traffic: &Traffic) -> io::Result<()> {
    let Traffic { from_consumers, to_consumers, empty_answers, bytes_fetched } = traffic;
    if from_consumers + to_consumers > 0 {
        let processed: u64 = metrics.processed.values().sum();
        writeln!(
            out,
            "traffic      {from_consumers} from consumers ({} per message processed), {to_consumers} to them ({})",
            per(*from_consumers, processed),
            per(*to_consumers, processed),
        )?;
        if *bytes_fetched > 0 {
            writeln!(out, "  fetched    {bytes_fetched} bytes; {empty_answers} answers brought nothing")?;
        }
        let most = metrics.backlog().samples().iter().max().copied().unwrap_or(0);
        writeln!(out, "  backlog    {most} messages at most")?;
    }
    let pulls = &metrics.pulls;
    let PullMetrics {
        trimmed,
        compacted,
        compacted_bytes,
        offsets_gone,
        recovered,
        forgotten,
        windows,
        corrected,
        counted,
        late,
        ..
    } = pulls;
    if *trimmed > 0 {
        writeln!(out, "retention    {trimmed} trimmed, {offsets_gone} times a reader's offset was gone")?;
    }
    if *compacted > 0 {
        writeln!(out, "compaction   {compacted} superseded and removed, {compacted_bytes} bytes less")?;
    }
    if *recovered > 0 {
        writeln!(out, "recovered    {recovered} found on the consumers' own disks")?;
    }
    if *forgotten > 0 {
        writeln!(out, "forgotten    {forgotten} noted as done, and lost from consumers' memories")?;
    }
    if *windows > 0 {
        writeln!(
            out,
            "windows      {windows} closed, {} after their ends in the mean; {counted} counted",
            pulls.waited_mean()
        )?;
        writeln!(out, "  late       {late} not counted, {corrected} counts corrected")?;
    }
    Ok(())
}

/// So many for each of so many, to two digits.
fn per(all: u64, each: u64) -> String {
    match (all * 100).checked_div(each) {
        Some(hundredths) => format!("{}.{:02}", hundredths / 100, hundredths % 100),
        None => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::per;

    #[test]
    fn a_share_has_two_digits() {
        assert_eq!([per(1, 3), per(205, 100), per(5, 0)], ["0.33", "2.05", "-"]);
    }
}
