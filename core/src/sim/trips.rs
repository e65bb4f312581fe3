//! Which ways did packets take between nodes, and when? What a diagram of space and time is drawn from.
//!
//! Events tell what nodes did, not when each packet left and arrived; and a world forgets a packet as soon as it has
//! arrived. So whoever wants to see ways goes along a [`Timeline`] with a world of its own: from the checkpoint before the
//! window, step by step, never further than the timeline itself was. What lies before the window is forgotten.
//!
//! ```text
//!   checkpoint          from                    now      to
//!       o───────────────┤·······window··········│········├      the timeline, as far as it was visited
//!       └── steps ──▶   └── ways are kept ──────────────▶┘
//! ```
//!
//! Memory is bounded: one world, and at most [`TRIPS_MAX`] ways, the newest.

use alloc::collections::VecDeque;

use super::picture::{PacketKind, PacketView};
use super::timeline::Timeline;
use super::world::World;
use crate::observe::{Event, QueueEvent, Stamped};
use crate::time::Time;

/// The most ways that are kept at once.
pub const TRIPS_MAX: usize = 2_048;

/// A packet's way from one node to another.
///
/// ```
/// use mqlab_core::sim::picture::PacketKind;
/// use mqlab_core::sim::{Scenario, Timeline, Trips};
/// use mqlab_core::time::Time;
/// let mut timeline = Timeline::new(Scenario::built_in("hundred-messages").ok_or("no such scenario")?, 7)?;
/// timeline.seek(Time(100_000));
/// let mut trips = Trips::default();
/// trips.follow(&timeline, Time(50_000), Time(100_000));
/// let sent = trips.all().find(|trip| trip.packet.kind == PacketKind::Produce).ok_or("something is sent")?;
/// assert!(sent.packet.departed < sent.packet.arrives && sent.lost.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trip {
    /// What travelled, from whom to whom, since when; and when it arrives, if nothing happens to it.
    pub packet: PacketView,
    /// When it was lost on its way: its connection broke, or who should get it died.
    pub lost: Option<Time>,
}

/// The ways within a window of a timeline.
///
/// ```
/// use mqlab_core::sim::{Scenario, Timeline, Trips};
/// use mqlab_core::time::Time;
/// let mut timeline = Timeline::new(Scenario::built_in("hundred-messages").ok_or("no such scenario")?, 7)?;
/// timeline.seek(Time(100_000));
/// timeline.seek(Time(60_000)); // what lies ahead was seen already
/// let mut trips = Trips::default();
/// trips.follow(&timeline, Time(40_000), Time(80_000));
/// assert!(trips.all().all(|trip| trip.packet.arrives >= Time(40_000) && trip.packet.departed <= Time(80_000)));
/// assert!(trips.all().any(|trip| trip.packet.departed > Time(60_000)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Trips {
    /// The branch, and the commands in it, that the world follows.
    course: Option<Course>,
    world: Option<World>,
    /// In order of departure.
    known: VecDeque<Trip>,
    /// What ended before is forgotten.
    from: Time,
    /// Complete from here on.
    since: Time,
    /// The last packet that was noted.
    seen: u64,
}

/// What a world's future follows from, besides scenario and seed: its branch, and how many commands that has, the last
/// one when.
pub(super) type Course = (usize, usize, Time);

impl Trips {
    /// Goes along until the ways between two moments are known, as far as the timeline was visited. Another branch, or a
    /// window that begins earlier, makes it begin anew.
    pub fn follow(&mut self, timeline: &Timeline, from: Time, to: Time) {
        let to = to.min(timeline.ends_at());
        let course = timeline.course();
        // Going on is no longer way than beginning at the last checkpoint before the window.
        let near = |world: &World| world.steps() >= timeline.steps_before(from);
        if self.course != Some(course) || from < self.from || !self.world.as_ref().is_some_and(near) {
            self.begin(timeline, course, from);
        }
        let visited = timeline.visited();
        while let Some(world) = &mut self.world
            && world.steps() < visited
            && world.next_time().is_some_and(|next| next <= to)
        {
            let Some(events) = world.step() else { break };
            self.note(events.iter().any(loses));
        }
        self.from = from;
        self.since = self.since.max(from);
        self.known.retain(|trip| ended(trip) >= from);
    }

    /// The ways, in order of departure.
    pub fn all(&self) -> impl Iterator<Item = &Trip> {
        self.known.iter()
    }

    /// From when on all are known: later than was asked for, where there were too many.
    pub fn since(&self) -> Time {
        self.since
    }

    fn begin(&mut self, timeline: &Timeline, course: Course, from: Time) {
        *self = Self { course: Some(course), from, since: from, ..Self::default() };
        let Some(world) = timeline.world_before(from) else { return };
        self.world = Some(world);
        self.note(false);
    }

    /// Notes what has left since, and, if something may have been lost, what.
    fn note(&mut self, lost: bool) {
        let Some(world) = &self.world else { return };
        if lost {
            let now = world.now();
            let gone = |trip: &&mut Trip| {
                trip.lost.is_none() && trip.packet.arrives > now && !world.is_under_way(trip.packet.id)
            };
            self.known.iter_mut().filter(gone).for_each(|trip| trip.lost = Some(now));
        }
        for packet in world.packets_after(self.seen) {
            self.seen = self.seen.max(packet.id);
            // What keeps a cluster together would hide what is told of messages.
            if packet.kind != PacketKind::Upkeep {
                self.known.push_back(Trip { packet, lost: None });
            }
        }
        while self.known.len() > TRIPS_MAX {
            let dropped = self.known.pop_front();
            self.since = dropped.map_or(self.since, |trip| self.since.max(trip.packet.departed));
        }
    }
}

fn ended(trip: &Trip) -> Time {
    trip.lost.unwrap_or(trip.packet.arrives)
}

/// Whether something may be lost on its way by this.
fn loses(fact: &Stamped) -> bool {
    matches!(
        &fact.event,
        Event::Crashed
            | Event::PowerCut
            | Event::Restarted
            | Event::Fault(_)
            | Event::Cluster(_)
            | Event::Queue(QueueEvent::OutOfMemory { .. } | QueueEvent::Halted { .. })
    )
}
