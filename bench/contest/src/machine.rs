//! Which machine was it, and how busy was it? What a reader must know before believing a figure.

use std::fmt;
use std::fs;
use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};

use serde::Serialize;

/// The machine and the compiler. What the system does not tell is `None`.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    processor: Option<String>,
    processors: Option<usize>,
    memory_mib: Option<u64>,
    system: Option<String>,
    kernel: Option<String>,
    target: String,
    compiler: Option<String>,
}

impl Machine {
    /// Asks the system, where it is a Linux; elsewhere less is known.
    pub fn describe() -> Self {
        let memory = field("/proc/meminfo", "MemTotal").and_then(|text| first_number(&text));
        let name = field("/etc/os-release", "PRETTY_NAME").map(|name| name.trim_matches('"').to_owned());
        let compiler = Command::new("rustc").arg("--version").output().ok();
        let compiler = compiler.and_then(|output| String::from_utf8(output.stdout).ok());
        Self {
            processor: field("/proc/cpuinfo", "model name"),
            processors: std::thread::available_parallelism().ok().map(Into::into),
            memory_mib: memory.map(|kib| kib / 1024),
            system: name,
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease").ok().map(|text| text.trim().to_owned()),
            target: format!("{} {}", std::env::consts::ARCH, std::env::consts::OS),
            compiler: compiler.map(|text| text.trim().to_owned()),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".into());
        let number = |number: Option<u64>| number.map_or_else(|| "?".into(), |number| number.to_string());
        let processors = number(self.processors.map(|count| count as u64));
        write!(f, "machine: {} x {}, {} MiB", processors, or(&self.processor), number(self.memory_mib))?;
        let (system, kernel) = (or(&self.system), or(&self.kernel));
        write!(f, ", {system}, kernel {kernel}, {}, {}", self.target, or(&self.compiler))
    }
}

/// How busy a machine is at a moment.
#[derive(Clone, Debug, Serialize)]
pub struct Busy {
    /// Programs that ran or wanted to, over the last minute.
    load: Option<f64>,
    /// The time since boot that other machines on the same hardware took away, in hundredths of a second.
    stolen_ticks: Option<u64>,
    /// A calibration: how long a fixed loop takes, the shortest of a few, in microseconds.
    spin_us: f64,
}

impl Busy {
    /// Looks now.
    pub fn now() -> Self {
        let load = fs::read_to_string("/proc/loadavg").ok();
        let load = load.and_then(|text| text.split_whitespace().next()?.parse().ok());
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        // "cpu  user nice system idle iowait irq softirq steal ..."
        let stolen = stat.lines().next().and_then(|line| line.split_whitespace().nth(8)?.parse().ok());
        let spin = (0..5).map(|_| spin()).min().unwrap_or_default();
        Self { load, stolen_ticks: stolen, spin_us: spin.as_secs_f64() * 1e6 }
    }
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let load = self.load.map_or_else(|| "?".into(), |load| load.to_string());
        let stolen = self.stolen_ticks.map_or_else(|| "?".into(), |ticks| ticks.to_string());
        write!(f, "load {load}, stolen since boot {stolen} ticks, spin {:.0} us", self.spin_us)
    }
}

/// Says how long something took: by the time that the processor gave to this thread, which others on the machine do not
/// change much; where the system does not tell that, by the clock.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    start: Instant,
    processor: Option<Duration>,
}

impl Stopwatch {
    /// From now on.
    pub fn start() -> Self {
        Self { start: Instant::now(), processor: processor_time() }
    }

    /// How long it took until now.
    pub fn elapsed(self) -> Duration {
        let elapsed = self.start.elapsed();
        let given = self.processor.zip(processor_time()).map(|(before, after)| after.saturating_sub(before));
        // It is counted in ticks of some milliseconds: what is shorter is measured by the clock.
        given.filter(|given| *given >= TICKS_MIN).unwrap_or(elapsed)
    }
}

/// Processor time below this is not trusted.
const TICKS_MIN: Duration = Duration::from_millis(50);

/// The time that the processor has given to this thread.
fn processor_time() -> Option<Duration> {
    first_number(&fs::read_to_string("/proc/thread-self/schedstat").ok()?).map(Duration::from_nanos)
}

/// How much memory this program has in hand now, in MiB; nothing where the system does not tell.
pub fn resident_mib() -> Option<f64> {
    let kib = first_number(&field("/proc/self/status", "VmRSS")?)?;
    Some(kib as f64 / 1024.0)
}

/// A loop of the same length each time, about a millisecond, that no compiler can shorten: each step needs the one
/// before. What it takes longer, somebody else took.
pub fn spin() -> Duration {
    let start = Instant::now();
    let mut state = black_box(0x9e37_79b9_7f4a_7c15_u64);
    for _ in 0..400_000 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
    }
    black_box(state);
    start.elapsed()
}

/// What stands behind a name in a file of lines like `name: value` or `name=value`.
fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once([':', '='])?.1.trim().to_owned())
}

fn first_number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}
