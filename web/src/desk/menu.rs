//! What can be done to what a person points at? A node, or the way between two: a list of commands, each with what it will
//! do, said before it is done.
//!
//! Only what the engine would permit at this moment is offered. Every line is a command as text, which is what the journal,
//! a link and the command line take, too.

use mqlab_core::ids::NodeId;
use mqlab_core::observe::{DiskState, Link, LinkFault};
use mqlab_core::sim::Command;
use mqlab_core::time::Span;
use serde::Serialize;

use super::run::Run;
use super::{Desk, Notice, settings};
use crate::scene::shape::Rect;
use crate::text::menu::{self, Family, condition, effect, title_of};

/// By how much a link is slowed.
const SLOW_LINK: Span = Span::from_millis(20);
/// How long a flush takes on a slow disk.
const SLOW_FLUSH: Span = Span::from_millis(15);
/// How many of a thousand are lost, doubled or overtaken.
const OFTEN: u16 = 100;
/// By how much a clock is set wrong, in microseconds.
const SKEW: i64 = 50_000;

/// What a menu is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A node.
    Node(NodeId),
    /// The way between two.
    Link(NodeId, NodeId),
}

impl Subject {
    /// Reads `broker-1`, or `broker-1 and consumer-1`.
    pub fn read(text: &str) -> Option<Self> {
        match text.split_once(" and ") {
            None => Some(Self::Node(text.parse().ok()?)),
            Some((a, b)) => {
                let (a, b) = (a.parse().ok()?, b.parse().ok()?);
                (a != b).then_some(Self::Link(a, b))
            }
        }
    }

    fn nodes(self) -> impl Iterator<Item = NodeId> {
        match self {
            Self::Node(node) => [Some(node), None],
            Self::Link(a, b) => [Some(a), Some(b)],
        }
        .into_iter()
        .flatten()
    }
}

/// The menu.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MenuPart {
    /// What it is about; empty when there is none.
    pub title: String,
    /// How that stands.
    pub state: String,
    /// Where that is, in pixels of the page: left, top, width, height.
    pub area: (f64, f64, f64, f64),
    /// The node that a link's menu was reached from.
    pub back: Option<String>,
    /// What can be done, by family.
    pub groups: Vec<MenuGroup>,
    /// The ways from here: what the menu would be about, and the other end's name.
    pub ways: Vec<(String, String)>,
}

/// Lines of one family.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MenuGroup {
    /// Its name.
    pub title: &'static str,
    /// Command, its name, and what it will do.
    pub lines: Vec<(String, String, String)>,
}

impl MenuPart {
    fn none() -> Self {
        let (title, state, groups, ways) = Default::default();
        Self { title, state, area: (0.0, 0.0, 0.0, 0.0), back: None, groups, ways }
    }
}

/// What could be done to a node, whether or not it can now.
fn for_node(node: NodeId) -> Vec<(Family, Vec<Command>)> {
    let is_broker = matches!(node, NodeId::Broker(_));
    let mut process = vec![Command::Restart(node), Command::Thaw(node), Command::Crash(node)];
    if matches!(node, NodeId::Consumer(_)) {
        process.push(Command::CrashOnceDone(node));
    }
    process.extend([Command::CutPower(node), Command::Freeze(node)]);
    if is_broker {
        process.push(Command::ShutDown(node));
    }
    let disk = |is| Command::Disk { node, is };
    let disks = match is_broker || matches!(node, NodeId::Bookie(_)) {
        true => vec![
            disk(DiskState::Sound),
            disk(DiskState::Full),
            disk(DiskState::Lying),
            disk(DiskState::Slow(SLOW_FLUSH)),
            Command::Replace(node),
        ],
        false => vec![Command::Replace(node)],
    };
    let clocks = [0, SKEW, -SKEW].map(|by| Command::Skew { node, by });
    vec![(Family::Process, process), (Family::Disk, disks), (Family::Clock, clocks.into())]
}

/// What could be done to the way between two nodes.
fn for_link(a: NodeId, b: NodeId) -> Vec<(Family, Vec<Command>)> {
    let both = |fault| Command::Link { link: Link::Both(a, b), fault };
    let one = |from, to| {
        let way = move |fault| Command::Link { link: Link::OneWay(from, to), fault };
        let faults = [LinkFault::LoseNext, LinkFault::DuplicateNext, LinkFault::ReorderNext, LinkFault::Cut];
        faults.map(way).to_vec()
    };
    let whole = [
        LinkFault::Heal,
        LinkFault::Cut,
        LinkFault::Slow(SLOW_LINK),
        LinkFault::Lose(OFTEN),
        LinkFault::Duplicate(OFTEN),
        LinkFault::Reorder(OFTEN),
    ];
    vec![(Family::BothWays, whole.map(both).to_vec()), (Family::There, one(a, b)), (Family::Back, one(b, a))]
}

impl Desk {
    /// Opens the menu of something, if it is there; closes it where there is nothing.
    pub(super) fn open_menu(&mut self, subject: Option<Subject>) {
        let is_there =
            |run: &Run, subject: Subject| subject.nodes().all(|node| run.layout.card(node).is_some());
        self.menu = subject.filter(|subject| self.run.as_ref().is_some_and(|run| is_there(run, *subject)));
        match self.menu {
            Some(Subject::Node(node)) => {
                (self.selection.node, self.selection.link) = (Some(node), None);
            }
            Some(Subject::Link(a, b)) => self.selection.link = Some((a, b)),
            None => self.selection.link = None,
        }
    }

    /// Does something to the cluster, now.
    pub(super) fn give(&mut self, command: &Command) {
        let Some(run) = &mut self.run else { return };
        match run.give(command.clone()) {
            Ok(()) => {
                self.notice = None;
                self.say = run.last_words(self.lang);
                self.menu = None;
                self.selection.link = None;
            }
            Err(why) => self.notice = Some(Notice::Refused(why)),
        }
    }

    /// The menu, filled.
    pub(super) fn menu_part(&self, run: &Run) -> MenuPart {
        let Some(subject) = self.menu else { return MenuPart::none() };
        let (lang, names, world) = (self.lang, &run.names, run.timeline.world());
        let all = match subject {
            Subject::Node(node) => for_node(node),
            Subject::Link(a, b) => for_link(a, b),
        };
        let faults = all.into_iter().map(|(family, commands)| {
            let line = |command: Command| {
                let (title, effect) = (title_of(&command, lang), effect(&command, names, lang));
                (command, title, effect)
            };
            (family, commands.into_iter().map(line).collect::<Vec<_>>())
        });
        let settings = match subject {
            Subject::Node(node) => settings::of_node(node, run.timeline.scenario_now()),
            Subject::Link(..) => Vec::new(),
        };
        let settings = settings.into_iter().map(|(family, all)| {
            let line = |(change, now): settings::Setting| {
                let (title, effect) = menu::setting(&change, now, lang);
                (Command::Change(change), title, effect)
            };
            (family, all.into_iter().map(line).collect::<Vec<_>>())
        });
        let groups = faults.chain(settings).filter_map(|(family, lines)| {
            let offered = lines.into_iter().filter(|(command, ..)| world.permits(command).is_ok());
            let lines: Vec<_> =
                offered.map(|(command, title, effect)| (command.to_string(), title, effect)).collect();
            (!lines.is_empty()).then(|| MenuGroup { title: family.title(lang), lines })
        });
        let cards = subject.nodes().filter_map(|node| run.layout.card(node));
        let area = cards.reduce(|a, b| a.around_both(&b)).unwrap_or_default();
        let (title, state, back, ways) = match subject {
            Subject::Node(node) => {
                let state = condition(&run.picture, node, lang).to_owned();
                (names.node(node, lang), state, None, self.ways_from(run, node))
            }
            Subject::Link(a, b) => {
                let title = menu::between(a, b, names, lang);
                let from = self.selection.node.filter(|node| [a, b].contains(node)).unwrap_or(a);
                (title, String::new(), Some(from.to_string()), Vec::new())
            }
        };
        let area = pixels(self.seen_area(larger(area, run.layout.scale)));
        MenuPart { title, state, area, back, groups: groups.collect(), ways }
    }

    /// Whom a node talks with, by the ways that are drawn, brokers among themselves and with controllers included.
    fn ways_from(&self, run: &Run, node: NodeId) -> Vec<(String, String)> {
        let peers = crate::scene::peers(&run.shape, node);
        peers
            .into_iter()
            .filter(|peer| run.layout.card(*peer).is_some())
            .map(|peer| (format!("{node} and {peer}"), run.names.node(peer, self.lang)))
            .collect()
    }

    /// What the key for the menu means: open it for the chosen node, or the first broker; or close it.
    pub(super) fn toggle_menu(&mut self) {
        let subject = match self.menu {
            Some(_) => None,
            None => {
                let first = || self.run.as_ref()?.layout.brokers.first().map(|place| place.node);
                self.selection.node.or_else(first).map(Subject::Node)
            }
        };
        self.open_menu(subject);
    }
}

fn larger(area: Rect, scale: f64) -> Rect {
    Rect::new(area.x * scale, area.y * scale, area.w * scale, area.h * scale)
}

fn pixels(area: Rect) -> (f64, f64, f64, f64) {
    let round = f64::round;
    (round(area.x), round(area.y), round(area.w), round(area.h))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_menu_is_about_a_node_or_the_way_between_two() {
        assert_eq!(Subject::read("broker-1"), Some(Subject::Node(NodeId::Broker(1))));
        let link = Subject::Link(NodeId::Broker(1), NodeId::Consumer(2));
        assert_eq!(Subject::read("broker-1 and consumer-2"), Some(link));
        for nonsense in ["", "broker-0", "broker-1 and broker-1", "broker-1 and ", "a and b"] {
            assert_eq!(Subject::read(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn every_line_of_a_menu_can_be_read_again() {
        let nodes = [NodeId::Broker(1), NodeId::Producer(1), NodeId::Consumer(1)];
        let lines = nodes.into_iter().flat_map(for_node).chain(for_link(nodes[0], nodes[1]));
        for command in lines.flat_map(|(_, commands)| commands) {
            assert_eq!(command.to_string().parse(), Ok(command));
        }
    }
}
