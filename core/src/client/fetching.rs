//! What does a reader ask for, and what does it keep of the answer? Records from an offset on, until they are taken.

use alloc::collections::VecDeque;

use super::member_options::MemberOptions;
use super::position::Position;
use super::pull_options::StartAt;
use super::subscriber::Staged;
use crate::broker::{Fetch, Out, Request, Settings};
use crate::ids::PartitionId;
use crate::observe::{Event, Place};
use crate::record::{Batches, Record};
use crate::time::Span;

/// What to ask a partition's leader, and how long he may wait.
pub(super) fn question(
    partition: &PartitionId,
    position: &Position,
    (settings, options): (&Settings, &MemberOptions),
) -> (Request, Span) {
    let partition = partition.clone();
    let timestamp = match position.seek {
        Some((StartAt::Time(at), _)) => at.as_millis() as i64,
        Some(_) => 0,
        None => {
            let fetch = Fetch {
                partition,
                from: position.fetched,
                bytes_max: settings.fetch_bytes_max,
                bytes_min: 1,
                wait_max: settings.fetch_wait,
                filter: None,
                replica: None,
                rack: options.rack.clone(),
                isolation: options.isolation,
            };
            return (Request::Fetch(fetch), settings.fetch_wait);
        }
    };
    (Request::OffsetForTime { partition, timestamp, isolation: options.isolation }, Span::ZERO)
}

/// Stages what was fetched, from the offset asked for on: a batch may begin before it.
pub(super) fn stage(
    staged: &mut VecDeque<Staged>,
    position: &mut Position,
    from: &Place,
    (batches, records): (&Batches, impl Iterator<Item = Record>),
    out: &mut Out,
) {
    for record in records.filter(|record| record.offset >= position.fetched) {
        if let Some(message) = record.message_id() {
            out.event(Event::Received { from: from.clone(), messages: message.into(), delivery: 1 });
        }
        position.staged += 1;
        staged.push_back(Staged { from: from.clone(), record, delivery: 1, session: 0, tag: 0 });
    }
    position.fetched = batches.next().map_or(position.fetched, |next| next.max(position.fetched));
}
