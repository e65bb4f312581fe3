//! What a person reads of `mqlab bench zero-copy`: what the books say, what this machine did, and why they differ.

use std::io::{self, Write};

use super::sending::{Round, Used};
use super::zero_copy::{Part, Report, Way, human};

const GIB: u64 = 1024 * 1024 * 1024;

/// For each slice, by the books: way, system calls, switches, copies by CPU and by DMA on the way to a card, copies by CPU on
/// loopback. [`mqlab::log::Transfer`] has the sources and a drawing.
const THEORY: [(&str, [u32; 5]); 3] =
    [("read and write", [2, 4, 2, 2, 3]), ("mmap and write", [1, 2, 1, 2, 2]), ("sendfile", [1, 2, 0, 2, 1])];

const THEORY_NOTE: &str = "
  Switches are between program and kernel. Source: Palaniappan and Nagaraja, Efficient data transfer through zero
  copy (IBM, 2008); mmap and write follows from it. The first copy by DMA brings the bytes from disk into the page
  cache: here they are there already. The last one is made by a network card, and loopback has none: there the
  receiver's read is the last copy, by CPU, out of the sender's socket buffer, or after sendfile out of the very
  pages of the file.";

const MMAP: &str = "\
Why a broker may want mmap all the same
  A broker that must look into messages (to filter them, to move them to a dead letter queue, to send them again)
  needs their bytes where it can read them. After sendfile it has seen nothing; read gives it a copy, which costs
  memory and time for each reader of the same message. A mapping shows it the page cache itself, and what it
  decides to send it sends from there. So RocketMQ maps its files, and Kafka, whose consumers filter for
  themselves, sends by sendfile.";

const PACING: &str = "\
Why bbr changes the order
  BBR does not send as fast as it can, but at the rate that it has estimated. Over loopback no queue keeps that
  time, so TCP arms a timer whenever the next segment, of up to 64 KiB, would come too early. sendfile has nothing
  else to do and is nearly always too early; a sender that copies first is late enough for many of its segments.
  On a virtual machine a timer can cost tens of microseconds: more than the copy that was saved.";

/// Prints the report.
pub(super) fn tell(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let (mib, slice) = (report.bytes / (1024 * 1024), human(report.slice));
    writeln!(
        out,
        "The same {mib} MiB ({} batches of a log in files) sent over loopback in slices of {slice}",
        report.batches
    )?;
    writeln!(
        out,
        "{} rounds, the ways in turn; {} processors; medians [least to greatest]",
        report.rounds, report.processors
    )?;
    books(out)?;
    for part in &report.parts {
        table(report, part, out)?;
        writeln!(out, "\n{}", verdict(report, part))?;
    }
    if report.parts.iter().any(|part| part.congestion == "bbr") {
        writeln!(out, "\n{}", pacing(report))?;
    }
    writeln!(out, "\n{MMAP}")?;
    out.flush()
}

/// What the books say.
fn books(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\nBy the books, for each slice")?;
    let heads = ["system calls", "switches", "copies by CPU", "copies by DMA", "on loopback, by CPU"];
    let line = |name: &str, cells: [String; 5]| {
        let cells =
            cells.iter().zip(heads).map(|(cell, head)| format!("{cell:>wide$}", wide = head.len() + 2));
        format!("  {name:<15} {}", cells.collect::<String>())
    };
    writeln!(out, "{}", line("way", heads.map(str::to_owned)))?;
    for (name, cells) in THEORY {
        writeln!(out, "{}", line(name, cells.map(|cell| cell.to_string())))?;
    }
    writeln!(out, "{THEORY_NOTE}")
}

/// What this machine did under one congestion control.
fn table(report: &Report, part: &Part, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\nMeasured, TCP congestion control {}", part.congestion)?;
    writeln!(
        out,
        "  {:<15} {:^24} {:>19} {:>19} {:>16}",
        "way", "GB/s", "sender's CPU ms", "receiver's CPU ms", "system calls"
    )?;
    writeln!(
        out,
        "  {:<15} {:^24} {:>19} {:>19} {:>16}",
        "", "", "a GiB: user+system", "a GiB: user+system", "theory / counted"
    )?;
    for way in &part.ways {
        let rates = sorted(way, |round| report.bytes as f64 / round.took_us as f64 / 1_000.0);
        let (least, greatest) = (rates[0], rates[rates.len() - 1]);
        let rate = format!("{:.2} [{least:.2} to {greatest:.2}]", middle(&rates));
        let cpu = |used: fn(&Round) -> Used| {
            let [user, system] = cpu_ms_a_gib(report, way, used);
            format!("{user:.0}+{system:.0}")
        };
        let (sender, receiver) = (cpu(|round| round.sender), cpu(|round| round.receiver));
        let calls = format!("{} / {}", way.calls_in_theory, median(way, |round| round.moves));
        writeln!(out, "  {:<15} {rate:^24} {sender:>19} {receiver:>19} {calls:>16}", way.name)?;
    }
    writeln!(out)?;
    writeln!(
        out,
        "  {:<15} {:>12} {:>12} {:>12} {:>15} {:>12} {:>17}",
        "way", "mappings", "page faults", "sender waits", "receiver waits", "segments", "timer interrupts"
    )?;
    for way in &part.ways {
        let [maps, faults, waits, receiver, segments, timers] = [
            median(way, |round| round.maps),
            median(way, |round| round.sender.page_faults),
            median(way, |round| round.sender.waits),
            median(way, |round| round.receiver.waits),
            median(way, |round| round.segments),
            median(way, |round| round.timer_interrupts),
        ];
        writeln!(
            out,
            "  {:<15} {maps:>12} {faults:>12} {waits:>12} {receiver:>15} {segments:>12} {timers:>17}",
            way.name
        )?;
    }
    writeln!(out, "  Segments and timer interrupts are the whole machine's, whoever they were for.")
}

/// Whether it is as the books say.
fn verdict(report: &Report, part: &Part) -> String {
    let [read, mmap, sendfile] = &part.ways[..] else { return String::new() };
    let rate = |way: &Way| middle(&sorted(way, |round| report.bytes as f64 / round.took_us as f64));
    let fastest = part.ways.iter().max_by(|a, b| rate(a).total_cmp(&rate(b))).map_or("", |way| way.name);
    let books = if fastest == sendfile.name { "as the books say" } else { "against the books" };
    let receiver = cpu_ms_a_gib(report, sendfile, |round| round.receiver).into_iter().sum::<f64>();
    format!(
        "  The fastest way was {fastest}, {books}: sendfile had {:.2} times the throughput of read and write.\n  \
         CPU time of both ends together, for a GiB: {:.0} ms by read and write, {:.0} ms by mmap and write, {:.0} ms by\n  \
         sendfile, {:.0} percent of it the receiver's: the one copy that is left is made there.",
        rate(sendfile) / rate(read),
        cpu_of_both(report, read),
        cpu_of_both(report, mmap),
        cpu_of_both(report, sendfile),
        receiver / cpu_of_both(report, sendfile) * 100.0,
    )
}

/// CPU time of sender and receiver for a GiB, in milliseconds.
fn cpu_of_both(report: &Report, way: &Way) -> f64 {
    let both =
        [cpu_ms_a_gib(report, way, |round| round.sender), cpu_ms_a_gib(report, way, |round| round.receiver)];
    both.into_iter().flatten().sum()
}

/// Why BBR turns the order around, in the numbers of this run.
fn pacing(report: &Report) -> String {
    let of = |paced: bool| report.parts.iter().find(|part| (part.congestion == "bbr") == paced);
    let timers = |part: &Part| {
        let counts = part.ways.iter().map(|way| median(way, |round| round.timer_interrupts).to_string());
        counts.collect::<Vec<_>>().join(", ")
    };
    let mut text = PACING.to_owned();
    if let Some(paced) = of(true) {
        text += &format!(
            "\n  Timer interrupts by read and write, mmap and write, sendfile: {} under bbr",
            timers(paced)
        );
    }
    if let Some(unpaced) = of(false) {
        text += &format!(",\n  {} under {}", timers(unpaced), unpaced.congestion);
    }
    text + "."
}

fn sorted(way: &Way, of: impl Fn(&Round) -> f64) -> Vec<f64> {
    let mut values: Vec<f64> = way.rounds.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values
}

fn middle<T: Copy>(sorted: &[T]) -> T {
    sorted[sorted.len() / 2]
}

fn median(way: &Way, of: impl Fn(&Round) -> u64) -> u64 {
    let mut values: Vec<u64> = way.rounds.iter().map(of).collect();
    values.sort_unstable();
    middle(&values)
}

/// User and system time for a GiB, in milliseconds.
fn cpu_ms_a_gib(report: &Report, way: &Way, used: impl Fn(&Round) -> Used) -> [f64; 2] {
    let scale = GIB as f64 / report.bytes as f64 / 1_000.0;
    [median(way, |round| used(round).user_us), median(way, |round| used(round).system_us)]
        .map(|us| us as f64 * scale)
}
