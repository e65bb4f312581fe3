//! Who reads a drawn cluster's topics? Groups of both protocols, share groups, readers with a place of their own, and
//! programs that write what they read to another topic.

use alloc::format;
use alloc::vec::Vec;

use super::super::program_spec::{OnFailure, ProgramSpec};
use super::super::scenario::{ConsumerSpec, SourceSpec, TopicSpec};
use super::super::transactional_spec::{TransactionalSpec, TransformSpec};
use super::{name, one_in};
use crate::broker::{Assignor, Isolation};
use crate::client::{
    Acknowledges, CommitMode, Commits, GroupProtocol, MemberOptions, PullOptions, ShareOptions, Staging,
};
use crate::ids::Name;
use crate::rng::Rng;
use crate::time::Span;

/// Who reads the topics: for each a group of one to three, sometimes somebody who keeps his place himself, sometimes a
/// share group. If there is a topic `to`, programs write there what they read of the first one.
pub(super) fn readers(
    rng: &mut Rng,
    topics: &[TopicSpec],
    to: Option<&Name>,
    racks: &[Name],
) -> Vec<ConsumerSpec> {
    let mut consumers = Vec::new();
    for (number, topic) in (1..).zip(topics) {
        group(rng, number, &topic.name, racks, &mut consumers);
        if one_in(rng, 4) {
            let options = PullOptions {
                staging: [Staging::Memory, Staging::Disk][rng.below(2) as usize],
                commits: [Commits::Before, Commits::After][rng.below(2) as usize],
                ..PullOptions::default()
            };
            let reader = name(&format!("r{number}"));
            let from = SourceSpec::Poll { reader, topic: topic.name.clone(), options };
            consumers.push(ConsumerSpec::new(&called(&consumers), from));
        }
        if one_in(rng, 3) {
            share_group(rng, number, &topic.name, &mut consumers);
        }
    }
    if let (Some(to), Some(first)) = (to, topics.first()) {
        transforms(rng, &first.name, to, &mut consumers);
    }
    consumers
}

fn called(consumers: &[ConsumerSpec]) -> alloc::string::String {
    format!("c{}", consumers.len() + 1)
}

fn group(rng: &mut Rng, number: u64, topic: &Name, racks: &[Name], consumers: &mut Vec<ConsumerSpec>) {
    let commits = [CommitMode::Interval, CommitMode::After, CommitMode::Before][rng.below(3) as usize];
    let classic = one_in(rng, 2);
    let all = [Assignor::Range, Assignor::RoundRobin, Assignor::Sticky, Assignor::CooperativeSticky];
    let assignor = match classic {
        true => all[rng.below(4) as usize],
        false => [Assignor::Range, Assignor::Uniform][rng.below(2) as usize],
    };
    let protocol = if classic { GroupProtocol::Classic } else { GroupProtocol::Server };
    let isolation = [Isolation::Uncommitted, Isolation::Committed][rng.below(2) as usize];
    let remembers = one_in(rng, 3);
    let program = ProgramSpec {
        workers: [0, 0, 0, 2][rng.below(4) as usize],
        remembers,
        database: remembers.then(|| name("done")),
        ..ProgramSpec::default()
    };
    for member in 1..=rng.between(1, 3) {
        let instance = one_in(rng, 4).then(|| name(&format!("i{number}-{member}")));
        let rack = racks.get(rng.below(2) as usize).cloned();
        let assignor = Some(assignor);
        let options =
            MemberOptions { protocol, assignor, instance, rack, commits, isolation, ..Default::default() };
        let from = SourceSpec::Group { name: name(&format!("g{number}")), topic: topic.clone(), options };
        consumers.push(ConsumerSpec {
            work: rng.between(500, 4_000),
            program: program.clone(),
            starts_at: [0, 0, 200_000][rng.below(3) as usize],
            ..ConsumerSpec::new(&called(consumers), from)
        });
    }
}

/// One to three who share a topic, each with a program of its own.
fn share_group(rng: &mut Rng, number: u64, topic: &Name, consumers: &mut Vec<ConsumerSpec>) {
    for _ in 0..rng.between(1, 3) {
        let implicit = one_in(rng, 4);
        let options = ShareOptions {
            acknowledges: if implicit { Acknowledges::Implicit } else { Acknowledges::Explicit },
            records_max: rng.between(1, 6) as u32,
            renews: one_in(rng, 3),
        };
        let program = ProgramSpec {
            workers: rng.below(4) as u16,
            fails_per_mille: if implicit { 0 } else { [0, 100, 400][rng.below(3) as usize] },
            fails_every: if implicit { 0 } else { [0, 9][rng.below(2) as usize] },
            on_failure: if one_in(rng, 4) { OnFailure::Reject } else { OnFailure::Requeue },
            ..ProgramSpec::default()
        };
        let from = SourceSpec::Share { name: name(&format!("s{number}")), topic: topic.clone(), options };
        let work = rng.between(500, 8_000);
        consumers.push(ConsumerSpec { work, program, ..ConsumerSpec::new(&called(consumers), from) });
    }
}

/// One or two programs that write a message for each that they read, and somebody who reads those.
fn transforms(rng: &mut Rng, from: &Name, to: &Name, consumers: &mut Vec<ConsumerSpec>) {
    let (transacts, same) = (!one_in(rng, 4), one_in(rng, 4));
    let isolation =
        [Isolation::Committed, Isolation::Committed, Isolation::Uncommitted][rng.below(3) as usize];
    for member in 1..=rng.between(1, 2) {
        let id = name(&if same { "bills".into() } else { format!("bills-{member}") });
        let transactional = transacts.then(|| TransactionalSpec {
            messages: rng.between(1, 4) as u32,
            aborts_per_mille: [0, 100][rng.below(2) as usize],
            restarts_after: 30_000,
            ..transactional(id)
        });
        let program = ProgramSpec {
            transform: Some(TransformSpec { to: to.clone(), transactional }),
            ..ProgramSpec::default()
        };
        let options = MemberOptions { isolation, ..MemberOptions::default() };
        let group = SourceSpec::Group { name: name("billing"), topic: from.clone(), options };
        let work = rng.between(500, 2_000);
        consumers.push(ConsumerSpec { work, program, ..ConsumerSpec::new(&called(consumers), group) });
    }
    let isolation = if one_in(rng, 4) { Isolation::Uncommitted } else { Isolation::Committed };
    let options = MemberOptions { isolation, ..MemberOptions::default() };
    let ledger = SourceSpec::Group { name: name("ledger"), topic: to.clone(), options };
    consumers.push(ConsumerSpec { work: 500, ..ConsumerSpec::new(&called(consumers), ledger) });
}

/// Transactions under an id, one message each, that are aborted when they are open for too long.
pub(super) fn transactional(id: Name) -> TransactionalSpec {
    TransactionalSpec {
        id,
        messages: 1,
        timeout: Span::from_millis(150),
        aborts_per_mille: 0,
        restarts_after: 0,
    }
}
