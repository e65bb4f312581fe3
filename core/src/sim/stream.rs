//! What does a program do that counts a stream? It puts each message into the window of its event time, and tells when
//! a window is over.
//!
//! The event time is what a producer says in the header [`EVENT_TIME`]; without one, it is when the message was made.
//! The windows are in the program's own database, as its memory of what it has done is: they survive the program.

use alloc::string::String;

use crate::broker::Out;
use crate::client::{Outcome, Staged, WindowOptions, Windows};
use crate::message::{Message, Value};
use crate::observe::{Event, PullEvent};
use crate::time::Time;

/// The header that says when it happened what a message tells of, in microseconds.
pub(super) const EVENT_TIME: &str = "event-time";

/// When it happened.
fn event_time(staged: &Staged) -> Time {
    match Message::from_record(&staged.record).headers().get(EVENT_TIME) {
        Some(Value::Int(micros)) => Time(u64::try_from(*micros).unwrap_or(0)),
        _ => Time(u64::try_from(staged.record.timestamp).unwrap_or(0).saturating_mul(1_000)),
    }
}

/// Counts a message that was processed.
pub(super) fn count(windows: &mut Windows, spec: WindowOptions, staged: &Staged, out: &mut Out) {
    for outcome in windows.add(event_time(staged), staged.record.key.as_ref()) {
        match outcome {
            Outcome::Closed { start, key, count, corrected } => {
                let key = key.map(|key| String::from_utf8_lossy(&key).into_owned());
                let end = start + spec.size;
                out.event(Event::Pull(PullEvent::WindowClosed { start, end, key, count, corrected }));
            }
            Outcome::Late { start, counted } => {
                if let Some(message) = staged.record.message_id() {
                    out.event(Event::Pull(PullEvent::Late { message, start, counted }));
                }
            }
        }
    }
}
