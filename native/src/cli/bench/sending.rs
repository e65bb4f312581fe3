//! What does it cost to send stored bytes to a socket once? Two threads, one connection over loopback, and everything
//! counted that the system counts.

use std::fs;
use std::io::{self, Read as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use mqlab::log::{Courier, FileSlice, SystemCalls, Transfer};
use mqlab_core::log::Slice as _;
use mqlab_core::record::crc32c;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use rustix::net::{AddressFamily, SocketType, connect, socket, sockopt};
use serde::Serialize;

/// How much the receiver takes at once, in bytes.
const RECEIVED_AT_ONCE: usize = 256 * 1024;
/// How much is summed at once, in bytes.
const SUMMED_AT_ONCE: usize = 64 * 1024;

/// What a thread has used.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Used {
    /// CPU time in the program, in microseconds.
    pub(super) user_us: u64,
    /// CPU time in the kernel, in microseconds.
    pub(super) system_us: u64,
    /// How often it waited and another thread got the processor.
    pub(super) waits: u64,
    /// Pages of a mapping that were looked up when they were first touched.
    pub(super) page_faults: u64,
}

impl Used {
    /// What the calling thread has used since it began.
    fn so_far() -> io::Result<Self> {
        let usage = getrusage(UsageWho::RUSAGE_THREAD)?;
        Ok(Self {
            user_us: usage.user_time().num_microseconds().unsigned_abs(),
            system_us: usage.system_time().num_microseconds().unsigned_abs(),
            waits: usage.voluntary_context_switches().unsigned_abs(),
            page_faults: usage.minor_page_faults().unsigned_abs(),
        })
    }

    fn since(self, before: Self) -> Self {
        Self {
            user_us: self.user_us - before.user_us,
            system_us: self.system_us - before.system_us,
            waits: self.waits - before.waits,
            page_faults: self.page_faults - before.page_faults,
        }
    }
}

/// What the whole machine has counted, whoever it was for; 0 where it does not say.
#[derive(Clone, Copy, Debug, Default)]
struct Machine {
    segments: u64,
    timer_interrupts: u64,
}

impl Machine {
    fn now() -> Self {
        let snmp = fs::read_to_string("/proc/net/snmp").unwrap_or_default();
        let interrupts = fs::read_to_string("/proc/interrupts").unwrap_or_default();
        Self { segments: segments(&snmp).unwrap_or(0), timer_interrupts: timer_interrupts(&interrupts) }
    }
}

/// How many TCP segments were sent: the column `OutSegs` of the two lines that begin with `Tcp:`.
fn segments(snmp: &str) -> Option<u64> {
    let mut lines = snmp.lines().filter_map(|line| line.strip_prefix("Tcp:"));
    let at = lines.next()?.split_whitespace().position(|name| name == "OutSegs")?;
    lines.next()?.split_whitespace().nth(at)?.parse().ok()
}

/// How often a timer interrupted any of the processors: the line `LOC:`.
fn timer_interrupts(interrupts: &str) -> u64 {
    let line = interrupts.lines().find_map(|line| line.trim_start().strip_prefix("LOC:")).unwrap_or_default();
    line.split_whitespace().map_while(|count| count.parse::<u64>().ok()).sum()
}

/// One round of one way.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Round {
    /// From the first call until the receiver had everything, in microseconds.
    pub(super) took_us: u64,
    pub(super) sender: Used,
    pub(super) receiver: Used,
    /// The sender's system calls that move bytes, and those that make mappings.
    pub(super) moves: u64,
    pub(super) maps: u64,
    /// TCP segments that the machine sent meanwhile.
    pub(super) segments: u64,
    /// Timer interrupts of the machine meanwhile.
    pub(super) timer_interrupts: u64,
}

/// A checksum of a stream, in whatever pieces it comes: each block's CRC-32C, summed with those before.
#[derive(Debug, Default)]
pub(super) struct Sum {
    pending: Vec<u8>,
    sum: u32,
}

impl Sum {
    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.pending.extend(bytes);
        let whole = self.pending.len() - self.pending.len() % SUMMED_AT_ONCE;
        for block in self.pending.drain(..whole).as_slice().chunks(SUMMED_AT_ONCE) {
            self.sum = with(self.sum, block);
        }
    }

    pub(super) fn of_all(self) -> u32 {
        with(self.sum, &self.pending)
    }
}

fn with(sum: u32, block: &[u8]) -> u32 {
    crc32c(&[sum.to_le_bytes(), crc32c(block).to_le_bytes()].concat())
}

/// What the receiver has to say.
struct Received {
    bytes: u64,
    sum: u32,
    used: Used,
    at: Instant,
}

/// A connection over loopback that its sender controls in the way that is named.
pub(super) fn connection(congestion: &str) -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let sender = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    // Before it connects: BBR leaves its pacing to whoever comes after it.
    sockopt::set_tcp_congestion(&sender, congestion)?;
    connect(&sender, &listener.local_addr()?)?;
    let sender = TcpStream::from(sender);
    sender.set_nodelay(true)?;
    Ok((sender, listener.accept()?.0))
}

/// Sends a slice once, `piece` bytes a call. If `expected` names a checksum, the receiver sums what it gets, which is
/// then no measurement.
pub(super) fn send(
    slice: &FileSlice,
    way: Transfer,
    piece: usize,
    congestion: &str,
    expected: Option<u32>,
) -> Result<Round, String> {
    let no_socket = |error: io::Error| format!("cannot connect to this machine itself: {error}");
    let (sender, receiver) = connection(congestion).map_err(no_socket)?;
    let receiving = thread::Builder::new().name("receiver".into());
    let receiving = receiving.spawn(move || receive(receiver, expected.is_some())).map_err(no_socket)?;
    let mut courier = Courier::new(way).in_pieces(piece);
    let machine = Machine::now();
    let before = Used::so_far().map_err(no_socket)?;
    let started = Instant::now();
    courier.put(slice);
    courier.send_all(&sender).map_err(|error| error.to_string())?;
    let used = Used::so_far().map_err(no_socket)?.since(before);
    drop(sender);
    let received = receiving.join().map_err(|_| "the receiver failed".to_owned())?.map_err(no_socket)?;
    let after = Machine::now();
    let (bytes, left) = (slice.bytes(), courier.left());
    if received.bytes != bytes || left != 0 || expected.is_some_and(|sum| sum != received.sum) {
        return Err(format!("{}: other bytes came than were sent", way.name()));
    }
    if courier.way() != way {
        return Err(format!("this system cannot send by {}", way.name()));
    }
    let SystemCalls { reads, writes, sendfiles, maps } = courier.calls();
    Ok(Round {
        took_us: us(received.at.duration_since(started)),
        sender: used,
        receiver: received.used,
        moves: reads + writes + sendfiles,
        maps,
        segments: after.segments.saturating_sub(machine.segments),
        timer_interrupts: after.timer_interrupts.saturating_sub(machine.timer_interrupts),
    })
}

fn us(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1)
}

/// Takes everything until the sender closes.
fn receive(mut from: TcpStream, summed: bool) -> io::Result<Received> {
    let (mut bytes, mut buffer, mut sum) = (0, vec![0; RECEIVED_AT_ONCE], Sum::default());
    let before = Used::so_far()?;
    loop {
        match from.read(&mut buffer)? {
            0 => break,
            read => {
                bytes += read as u64;
                if summed {
                    sum.take(&buffer[..read]);
                }
            }
        }
    }
    let (at, used) = (Instant::now(), Used::so_far()?.since(before));
    Ok(Received { bytes, sum: sum.of_all(), used, at })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_does_not_depend_on_the_pieces() {
        let bytes: Vec<u8> = (0..300_000_u32).map(|number| (number / 7) as u8).collect();
        let of = |piece: usize| {
            let mut sum = Sum::default();
            bytes.chunks(piece).for_each(|piece| sum.take(piece));
            sum.of_all()
        };
        assert_eq!([of(1_000), of(65_536), of(300_000)], [of(7); 3]);
        let mut other = Sum::default();
        other.take(&bytes[1..]);
        assert_ne!(other.of_all(), of(7));
    }

    #[test]
    fn the_system_s_own_counts_are_read() {
        let snmp = "Ip: Forwarding\nIp: 1\nTcp: RtoMin InSegs OutSegs RetransSegs\nTcp: 200 7 42 0\nUdp: a\nUdp: 1\n";
        assert_eq!((segments(snmp), segments("nothing")), (Some(42), None));
        let interrupts =
            "     CPU0  CPU1\n  0:  1 2 IO-APIC timer\nLOC:   30   12   Local timer interrupts\n";
        assert_eq!((timer_interrupts(interrupts), timer_interrupts("")), (42, 0));
    }
}
