//! What is on its way just now, where that may be very much? Each packet by itself, or of many alike how many they are.
//!
//! A host that draws every frame asks again and again, and most packets are still the same. So what is known is kept:
//! going on in a run, what has arrived is forgotten, and what has left since is looked at. Whatever else happens (another
//! branch, a moment before, a selection) begins anew.
//!
//! ```text
//!   up to PACKETS_MAX under way:   each as a PacketView
//!   more than that:                from, to, kind and place alike ──▶ one FlowView, if they are more than FLOW_MIN
//! ```

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::network::Packet;
use super::picture::{PacketKind, PacketView, Picture};
use super::timeline::Timeline;
use super::trips::Course;
use super::world::World;
use crate::ids::{MessageId, NodeId};
use crate::observe::Place;
use crate::time::Span;

/// The most packets that are shown one by one.
pub const PACKETS_MAX: usize = 3_000;
/// So many packets alike are still shown one by one, however many others there are.
pub const FLOW_MIN: u64 = 8;

/// Packets that are alike, and too many to be looked at one by one.
///
/// ```
/// use mqlab_core::sim::{Scenario, Timeline, UnderWay};
/// let timeline = Timeline::new(Scenario::built_in("hundred-messages").ok_or("no such scenario")?, 7)?;
/// let mut picture = timeline.standing(8);
/// UnderWay::default().show(&timeline, &mut picture, None);
/// assert!(picture.flows.is_empty()); // so few are all shown
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowView {
    /// Who sent them.
    pub from: NodeId,
    /// Who will get them.
    pub to: NodeId,
    /// What they are.
    pub kind: PacketKind,
    /// The partition or queue that they are about, if one.
    pub place: Option<Place>,
    /// How many they are.
    pub packets: u64,
    /// How many messages they carry.
    pub messages: u64,
    /// How long they travel, in the middle of them all.
    pub travel: Span,
}

/// What is on its way at the present moment of a timeline, kept from one look to the next.
///
/// ```
/// use mqlab_core::sim::{Scenario, Timeline, UnderWay};
/// use mqlab_core::time::Time;
/// let mut timeline = Timeline::new(Scenario::built_in("hundred-messages").ok_or("no such scenario")?, 7)?;
/// let mut picture = timeline.standing(8);
/// let mut under_way = UnderWay::default();
/// for at in [100_000, 100_400, 90_000] {
///     timeline.seek(Time(at));
///     under_way.show(&timeline, &mut picture, None);
///     assert_eq!(picture.packets, timeline.picture(0).packets);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct UnderWay {
    /// Of which run and course it is what was shown, as of which step, and up to which packet.
    known: Option<(u64, Course, u64, u64)>,
}

impl UnderWay {
    /// Brings a picture's moment, packets and flows up to date: it holds what was shown before, or nothing. Packets with
    /// the message `shown` are shown one by one, however many there are.
    pub fn show(&mut self, timeline: &Timeline, picture: &mut Picture, shown: Option<MessageId>) {
        let (world, course) = (timeline.world(), timeline.course());
        let (seed, steps) = (timeline.seed(), world.steps());
        let goes_on = |&(of, on, at, _): &(u64, Course, u64, u64)| (of, on) == (seed, course) && at <= steps;
        let known = self.known.filter(|known| goes_on(known) && picture.flows.is_empty());
        self.known = Some((seed, course, steps, world.network.last_packet()));
        picture.now = timeline.now();
        picture.flows.clear();
        if world.network.under_way().nth(PACKETS_MAX).is_some() {
            picture.packets.clear();
            return gather(world, picture, shown);
        }
        match known {
            Some(_) => picture.packets.retain(|packet| world.is_under_way(packet.id)),
            None => picture.packets.clear(),
        }
        let before = picture.packets.len();
        picture.packets.extend(world.packets_after(known.map_or(0, |(.., last)| last)));
        if picture.packets.len() > before {
            in_order(&mut picture.packets);
        }
    }
}

impl UnderWay {
    /// Moves a picture's packets on without counting what is a flow anew: for frames in between.
    pub fn move_on(&mut self, timeline: &Timeline, picture: &mut Picture, shown: Option<MessageId>) {
        if picture.flows.is_empty() {
            return self.show(timeline, picture, shown);
        }
        picture.now = timeline.now();
        picture.packets.retain(|packet| timeline.world().is_under_way(packet.id));
    }
}

fn in_order(packets: &mut [PacketView]) {
    packets.sort_by_key(|packet| (packet.arrives, packet.id));
}

/// Packets of one kind about one place, between two nodes: how many, with how many messages, how long under way in all.
struct Sums {
    kind: PacketKind,
    place: Option<Place>,
    packets: u64,
    messages: u64,
    travel: u64,
}

/// Counts what is alike, and shows the rest one by one. Between two nodes there are few kinds and places, so they stand in
/// a row, and each packet's is found by looking along it.
fn gather(world: &World, picture: &mut Picture, shown: Option<MessageId>) {
    let mut ways: BTreeMap<(NodeId, NodeId), Vec<Sums>> = BTreeMap::new();
    for packet in world.network.under_way() {
        let (kind, place, messages) = packet.message.brief(packet.to);
        let row = ways.entry((packet.from, packet.to)).or_default();
        let at = row.iter().position(|sums| sums.kind == kind && sums.place == place).unwrap_or_else(|| {
            row.push(Sums { kind, place, packets: 0, messages: 0, travel: 0 });
            row.len() - 1
        });
        let sums = &mut row[at];
        sums.packets += 1;
        sums.messages += messages;
        sums.travel += packet.arrives.since(packet.departed).0;
    }
    let is_flow = |sums: &&Sums| sums.packets > FLOW_MIN;
    if shown.is_some() || ways.values().flatten().any(|sums| !is_flow(&sums)) {
        let by_itself = |packet: &&Packet| {
            let row = &ways[&(packet.from, packet.to)];
            let is_alone = row.iter().any(|sums| !is_flow(&sums)) && {
                let (kind, place, _) = packet.message.brief(packet.to);
                !row.iter().filter(is_flow).any(|sums| sums.kind == kind && sums.place == place)
            };
            is_alone || shown.is_some_and(|message| packet.message.carried(packet.to).contains(&message))
        };
        let shown = world.network.under_way().filter(by_itself);
        picture.packets.extend(shown.map(|packet| world.packet_view(packet)));
        in_order(&mut picture.packets);
    }
    for ((from, to), row) in ways {
        let flows = row.into_iter().filter(|sums| is_flow(&sums)).map(|sums| {
            let Sums { kind, place, packets, messages, travel } = sums;
            FlowView { from, to, kind, place, packets, messages, travel: Span(travel / packets) }
        });
        picture.flows.extend(flows);
    }
    picture.flows.sort_by(|a, b| (a.from, a.to, a.kind, &a.place).cmp(&(b.from, b.to, b.kind, &b.place)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Command, Scenario};
    use crate::time::Time;

    /// However one comes to a moment, what is known of it is the same as what a picture shows.
    #[test]
    fn wherever_one_goes_it_is_what_the_picture_shows() {
        for name in ["kill-the-leader", "hundred-messages", "request-reply"] {
            let scenario = Scenario::built_in(name).expect("it is built in");
            let mut timeline = Timeline::new(scenario, 5).expect("it can be run");
            let (mut under_way, mut picture) = (UnderWay::default(), timeline.standing(0));
            let end = timeline.ends_at().0;
            for number in 1..200_u64 {
                // Mostly on, in small steps; sometimes anywhere.
                let on = timeline.now().0 + end / 400;
                timeline.seek(Time(if number % 17 == 0 { number * 7_919 % end } else { on.min(end) }));
                if number == 60 {
                    timeline.command(Command::Crash(NodeId::Producer(1))).expect("it runs");
                }
                under_way.show(&timeline, &mut picture, None);
                assert_eq!(picture.packets, timeline.picture(0).packets, "{name} at {}", timeline.now());
            }
        }
    }

    /// Of many that are alike no more is told than how many they are; but what was chosen is shown, and so are the few.
    #[test]
    fn of_very_many_only_their_number_is_told() {
        let mut scenario = Scenario::built_in("hundred-messages").expect("it is built in");
        let producer = &mut scenario.producers[0];
        (producer.messages, producer.burst, producer.every) = (5_000, 5_000, 1_000);
        scenario.settings.in_flight_max = 10_000;
        let mut timeline = Timeline::new(scenario, 5).expect("it can be run");
        timeline.seek(Time(31_300)); // they left at 31 ms, and travel 0.4 ms at least
        let all = timeline.picture(0).packets;
        let (mut under_way, mut picture) = (UnderWay::default(), timeline.standing(0));
        let chosen = all[4_000].marks[0].message;
        under_way.show(&timeline, &mut picture, Some(chosen));
        let [flow] = picture.flows.as_slice() else { panic!("{:?}", picture.flows) };
        assert_eq!((flow.packets, flow.messages, flow.kind), (5_000, 5_000, PacketKind::Produce));
        assert!(picture.packets.len() < 20 && picture.packets.contains(&all[4_000]));
        under_way.show(&timeline, &mut picture, None);
        assert!(!picture.packets.contains(&all[4_000]));
        timeline.seek(Time(60_000));
        under_way.show(&timeline, &mut picture, None);
        assert_eq!(picture.packets, timeline.picture(0).packets);
    }

    /// What is brief says the same as what is told at length.
    #[test]
    fn in_brief_it_is_the_same() {
        for name in Scenario::names() {
            let scenario = Scenario::built_in(name).expect("it is built in");
            let mut timeline = Timeline::new(scenario, 3).expect("it can be run");
            for part in 1..40 {
                timeline.seek(Time(timeline.ends_at().0 * part / 40));
                for packet in timeline.world().network.under_way() {
                    let (kind, place, messages) = packet.message.brief(packet.to);
                    let told = packet.message.describe(packet.to);
                    assert_eq!((kind, &place), (told.0, &told.1), "{name}");
                    assert!(messages >= told.2.len() as u64, "{name}");
                }
            }
        }
    }
}
