//! How a queue's process ends, and what must be there after each end: it closes, the power goes, the disk fails.

use std::collections::BTreeMap;

use mqlab_core::ids::{LogName, MessageId};
use mqlab_core::log::{Log, Slice, Storage};
use mqlab_core::message::Message;
use mqlab_core::queue::{Held, Queue, RESIDENT_BYTES, Standing};
use mqlab_core::time::Time;

use crate::drive::{Disk, Pair, delivered, name, seen};
use crate::list::{List, Place};
use crate::pass::Stands;

impl<S: Disk> Pair<S> {
    /// The disk failed. Nobody was told of what was done then: it may be there later, or not. What was done before and
    /// not flushed may be gone, as in a power cut. The queue promises nothing any more until it is opened again.
    pub(crate) fn fail(&mut self) {
        let queue = self.queue.as_mut().expect("it is open");
        assert!(queue.flush().is_err(), "it promises more after a failure");
        let mut pushed: Vec<_> = self.list.pushed.drain(..).collect();
        pushed.extend(std::iter::from_fn(|| queue.poll_delivery()).map(delivered));
        self.list.departed.clear();
        self.count(pushed.into_iter());
        // Whoever goes on all the same is promised nothing.
        let number = MessageId(self.sent.len() as u64 + 1);
        let message = Message::new(number.0.to_string()).with_id(number);
        self.sent.push(message.clone());
        self.since_flush.insert(number);
        let queue = self.queue.as_mut().expect("it is open");
        let sent = queue.send(self.now, message);
        assert!(queue.flush().is_err(), "{sent:?} is promised after a failure");
        pushed = std::iter::from_fn(|| queue.poll_delivery()).map(delivered).collect();
        self.count(pushed.into_iter());
        self.power_cut(100, 100);
    }

    /// The process ends and another begins: everything that was done is known, durable or not.
    pub(crate) fn restart(&mut self) -> String {
        if self.full {
            return self.power_cut(100, 100); // what waited for room is lost
        }
        let (mut disk, queue) =
            (self.disk.take().expect("it is there"), self.queue.take().expect("it is open"));
        queue.close(&mut disk).expect("no failure");
        let mut disk = disk.reopened();
        let mut queue = Queue::open(&mut disk, name(), self.list.options.clone(), self.now).expect("opens");
        if self.memory < RESIDENT_BYTES {
            queue.keep_resident(self.memory);
        }
        let before = std::mem::take(&mut self.list);
        self.list = before.restarted(self.now);
        // It may know of offsets that no message in the log has. None is given twice.
        assert!((before.logged..=before.next).contains(&queue.next().0));
        self.list.next = queue.next().0;
        (self.disk, self.queue) = (Some(disk), Some(queue));
        String::new()
    }

    /// The power goes. What may be lost:
    ///
    /// * of the messages that were sent since the last flush, the latest: if one is lost, so are all after it; also
    ///   such as were stored anew since (they came back behind all others, or were due): these then stand where they
    ///   stood before;
    /// * what became of messages since the last flush: that they were delivered, and that they are gone.
    ///
    /// So nothing that was gone by the last flush comes again, nothing that was there by then is missing unless it has
    /// gone since, and nothing is invented.
    pub(crate) fn power_cut(&mut self, messages: u64, cursor: u64) -> String {
        let (mut disk, queue) =
            (self.disk.take().expect("it is there"), self.queue.take().expect("it is open"));
        disk.fail_after(u32::MAX, None);
        let closed = queue.close(&mut disk);
        assert!(closed.is_ok() || self.full, "what cannot be written is given up: {closed:?}");
        disk.cut(messages, cursor);
        let stored = stored(&mut disk);
        let mut queue = Queue::open(&mut disk, name(), self.list.options.clone(), self.now).expect("opens");
        if self.memory < RESIDENT_BYTES {
            queue.keep_resident(self.memory);
        }
        let found: Vec<_> = queue.held().map(seen).collect();
        let stands: BTreeMap<u64, Stands> =
            queue.held().map(|held| (held.offset.0, self.stands(&held))).collect();
        let before = std::mem::take(&mut self.list);
        let persistent = |list: &List| -> Vec<(u64, MessageId, u32)> {
            let options = &list.options;
            let items = list.items.iter().filter(|item| !item.message.is_transient() && !options.transient);
            items
                .map(|item| (item.offset, item.message.id().expect("all have one"), item.deliveries))
                .collect()
        };
        let (durable, latest) = (persistent(&self.flushed), persistent(&before));
        let has = |list: &[(u64, MessageId, u32)], wanted| list.iter().any(|(_, id, _)| *id == wanted);
        for &(_, id, deliveries, ..) in &found {
            let id = id.expect("all have one");
            assert!(has(&durable, id) || self.since_flush.contains(&id), "{id:?} comes again");
            assert!(
                deliveries <= self.counts.get(&id).copied().unwrap_or(0),
                "{id:?} was not delivered so often"
            );
            if !self.plural.contains(&id) {
                let least = durable.iter().find(|(_, other, _)| *other == id).map_or(0, |(.., count)| *count);
                assert!(deliveries >= least, "{id:?} was delivered {least} times");
                assert_eq!(
                    found.iter().filter(|(_, other, ..)| *other == Some(id)).count(),
                    1,
                    "{id:?} is there once"
                );
            }
        }
        // What was sent again is another message of the same name.
        let is_there = |id| has(&latest, id) && !self.since_flush.contains(&id);
        for (_, id, _) in durable.iter().filter(|(_, id, _)| is_there(*id)) {
            assert!(found.iter().any(|(_, other, ..)| *other == Some(*id)), "{id:?} was durable and is lost");
        }
        let lost = latest.iter().find(|(offset, ..)| found.iter().all(|(other, ..)| other != offset));
        if let Some((lost, ..)) = lost {
            assert!(found.iter().all(|(offset, ..)| offset < lost), "{lost} is lost, and a later one is not");
        }
        let items = found.iter().map(|&(offset, _, deliveries, ..)| {
            let (message, since) = stored[&offset].clone();
            (offset, message, since, deliveries, stands[&offset])
        });
        self.list = List::recovered(&before, self.now, items.collect());
        self.list.next = queue.next().0;
        self.list.logged = self.list.next;
        self.flushed = self.list.clone();
        self.since_flush.clear();
        (self.disk, self.queue) = (Some(disk), Some(queue));
        String::new()
    }
}

impl<S: Disk> Pair<S> {
    /// Where the logs say that a message stands. No lease and no wait is invented, and none is forgotten that was durable.
    fn stands(&self, held: &Held) -> Stands {
        let Held { offset, deliveries, standing, lease, .. } = *held;
        let stands = match (standing, lease) {
            (Standing::With(_), Some(until)) => Stands::Leased(until),
            (Standing::Waiting(until), _) if deliveries > 0 => Stands::Waits(until),
            _ => Stands::Free,
        };
        if let Stands::Leased(until) | Stands::Waits(until) = stands {
            assert!(self.given.contains(&(offset.0, deliveries, until)), "{held:?} is an invention");
        }
        let find = |list: &List| list.items.iter().find(|item| item.offset == offset.0).cloned();
        if let (Some(durable), Some(latest)) = (find(&self.flushed), find(&self.list))
            && durable.noted
            && durable.deliveries == latest.deliveries
            && durable.place == latest.place
            && match latest.place {
                Place::Out { .. } => true,
                Place::Waiting(until) => until > self.now,
                Place::Ready(_) => false,
            }
        {
            assert!(stands != Stands::Free, "{held:?} was hidden");
        }
        stands
    }
}

/// Everything in the log of messages, with the moment that stands on it.
fn stored<S: Storage>(disk: &mut S) -> BTreeMap<u64, (Message, Time)> {
    let log_name = LogName::Queue(name());
    let log = disk.open(&log_name).expect("opens");
    let all = log.read(log.start(), log.end(), u32::MAX).expect("in range").load().expect("loads");
    let stored = all.records().map(|record| {
        (record.offset.0, (Message::from_record(&record), Time(record.timestamp as u64 * 1_000)))
    });
    let stored = stored.collect();
    disk.close(&log_name, log).expect("closes");
    stored
}
