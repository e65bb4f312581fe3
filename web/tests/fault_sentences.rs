//! Every fault, every command for one and every refusal as a sentence, in both languages: `UPDATE_EXPECT=1` writes them
//! anew.
#![cfg(not(target_arch = "wasm32"))]

#[allow(dead_code, unused_imports)]
mod pictures;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use expect_test::expect_file;
use mqlab_core::ids::{MessageId, NodeId};
use mqlab_core::observe::{DiskState, Event, FaultEvent, Link, LinkFault, Parcel, Place, Stamped};
use mqlab_core::sim::{Command, CommandRefused};
use mqlab_core::time::{Span, Time};
use mqlab_web::text::sentence::{Names, life_line, sentence};
use mqlab_web::text::{Lang, branches, ui};
use pictures::name;

const SHOP: NodeId = NodeId::Producer(1);
const B1: NodeId = NodeId::Broker(1);

const HURTS: [LinkFault; 9] = [
    LinkFault::Cut,
    LinkFault::Slow(Span(2_500)),
    LinkFault::Lose(20),
    LinkFault::Duplicate(20),
    LinkFault::Reorder(20),
    LinkFault::LoseNext,
    LinkFault::DuplicateNext,
    LinkFault::ReorderNext,
    LinkFault::Heal,
];

const DISKS: [DiskState; 4] =
    [DiskState::Sound, DiskState::Slow(Span(5_000)), DiskState::Lying, DiskState::Full];

fn every_fault() -> Vec<FaultEvent> {
    let messages = || vec![MessageId(17)];
    let of = || Place::Queue(name("hello"));
    let mut all = vec![
        FaultEvent::Frozen,
        FaultEvent::Thawed { waited: 0 },
        FaultEvent::Thawed { waited: 1 },
        FaultEvent::Thawed { waited: 12 },
        FaultEvent::Broke { peer: SHOP },
        FaultEvent::Skewed { by: 30_000 },
        FaultEvent::Skewed { by: -1_250 },
        FaultEvent::Skewed { by: 0 },
        FaultEvent::NoSpace,
        FaultEvent::DiskLied { of: of(), messages: messages() },
        FaultEvent::Replaced,
        FaultEvent::DiskGone { of: of(), messages: messages() },
        FaultEvent::Lost { to: SHOP, what: Parcel::Request, messages: messages() },
    ];
    for what in [Parcel::Request, Parcel::Answer, Parcel::Delivery, Parcel::Word] {
        all.push(FaultEvent::Lost { to: SHOP, what, messages: Vec::new() });
    }
    all.push(FaultEvent::Doubled { to: SHOP, what: Parcel::Answer, messages: Vec::new() });
    all.push(FaultEvent::HeldUp { to: SHOP, what: Parcel::Answer, messages: messages() });
    all.extend(DISKS.map(|is| FaultEvent::Disk { is }));
    for link in [Link::OneWay(B1, SHOP), Link::Both(B1, SHOP), Link::Everywhere] {
        all.extend(HURTS.map(|fault| FaultEvent::Link { link, fault }));
    }
    all
}

#[test]
fn faults_have_sentences_in_both_languages() {
    let (names, mut text) = (Names::of(&pictures::topic(false)), String::new());
    for fault in every_fault() {
        let fact = Stamped { at: Time(412_800), step: 1, node: B1, event: Event::Fault(fault) };
        for lang in [Lang::En, Lang::Zh] {
            let told = sentence(&fact, &names, lang);
            assert!(
                lang == Lang::En || !told.contains(&fact.event.to_string()),
                "the engine's own words: {told}"
            );
            writeln!(text, "{told}").expect("a string takes it");
            if fact.event.messages() == [MessageId(17)] {
                writeln!(text, "    {}", life_line(&fact, MessageId(17), &names, lang))
                    .expect("a string takes it");
            }
        }
    }
    expect_file!["snapshots/fault-sentences.txt"].assert_eq(&text);
}

#[test]
fn every_kind_of_fault_is_in_the_list() {
    let kind =
        |fault: &FaultEvent| format!("{fault:?}").split([' ', '{']).next().unwrap_or_default().to_owned();
    let listed: BTreeSet<String> = every_fault().iter().map(kind).collect();
    let source = include_str!("../../core/src/observe/fault_event.rs");
    let body = source.split("pub enum FaultEvent {").nth(1).and_then(|rest| rest.split("\n}").next());
    let variants = body.expect("the engine's facts are written there").lines().filter_map(|line| {
        let name = line.strip_prefix("    ")?.trim_end_matches([' ', '{', ',']);
        name.starts_with(char::is_uppercase).then(|| name.to_owned())
    });
    assert_eq!(listed, variants.collect(), "the engine's facts, and the list");
}

#[test]
fn commands_and_their_refusals_are_told_in_both_languages() {
    let (names, mut text) = (Names::of(&pictures::topic(false)), String::new());
    let mut commands = vec![
        Command::Crash(B1),
        Command::CutPower(B1),
        Command::ShutDown(B1),
        Command::Restart(B1),
        Command::Replace(B1),
        Command::Freeze(SHOP),
        Command::Thaw(SHOP),
        Command::Skew { node: B1, by: -5_000 },
    ];
    commands.extend(DISKS.map(|is| Command::Disk { node: B1, is }));
    commands.extend(HURTS.map(|fault| Command::Link { link: Link::Both(B1, SHOP), fault }));
    for lang in [Lang::En, Lang::Zh] {
        for command in &commands {
            let branch = branches::deed(command.clone(), Time(412_801), &names, lang);
            writeln!(text, "{branch}").expect("a string takes it");
        }
        for why in [
            CommandRefused::NoSuchNode(NodeId::Controller),
            CommandRefused::IsDown(B1),
            CommandRefused::IsUp(B1),
            CommandRefused::IsFrozen(B1),
            CommandRefused::IsNotFrozen(B1),
            CommandRefused::IsSo(B1),
            CommandRefused::HasNoDisk(SHOP),
            CommandRefused::SameNode(B1),
            CommandRefused::NothingToHeal(Link::Everywhere),
            CommandRefused::BadChance(1_001),
            CommandRefused::BadSpan(Span(0)),
            CommandRefused::RunIsOver,
            CommandRefused::TooManyBranches,
            CommandRefused::NothingToUndo,
        ] {
            let told = ui::refused(why, &names, lang);
            assert!(!told.contains(&why.to_string()) || lang == Lang::En, "the engine's own words: {told}");
            writeln!(text, "{told}").expect("a string takes it");
        }
    }
    expect_file!["snapshots/fault-commands.txt"].assert_eq(&text);
}
