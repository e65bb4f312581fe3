//! Who is the master here, where a controller says so? A broker asks it, becomes what it is told, and follows whom it is told to.
//!
//! ```text
//!   told: you are the master, epoch 2            epochs  1: 0 ─ 640 │ 2: 640 ─ ...     a new one begins at the log's end
//!   told: broker-2 is the master, epoch 2        CopyFrom 900, epochs 1: 0 ──▶ broker-2: "epoch 1 ended at 640 here"
//!                                                ◀── CutBack 640: what is behind it no master ever had acknowledged
//! ```
//!
//! A slave that has everything joins those in sync; one that is silent, or lags for too long, leaves them. With SYNC_MASTER a
//! producer is answered when *all* in sync have its message: so any of them can be the next master.
//!
//! Consumers read what all in sync have: so no new master lacks what somebody has read.
//!
//! Left out: refusing sends while too few are in sync (`minInSyncReplicas`); electing one that is not in sync.
//!
//! Source: `ReplicasManager.java`, `AutoSwitchHAService.java`, `EpochFileCache.java`.

use alloc::collections::BTreeSet;

use super::*;
use crate::ids::MessageId;
use crate::systems::rocketmq::controller::Reign;

/// Masters' epochs, and where each begins in the CommitLog.
pub(super) type Epochs = Vec<(u32, u64)>;

/// What a broker knows of its name's reign.
#[derive(Clone, Debug, Default)]
pub(super) struct Reigning {
    reign: Option<Reign>,
    /// What is in the log, in order.
    epochs: Epochs,
    alive_at: Time,
    /// What it asked the controller to note, and when it asks again.
    asked: Option<(BTreeSet<NodeId>, Time)>,
}

impl Reigning {
    pub(super) fn new(now: Time, epochs: Option<Epochs>) -> Self {
        Self { reign: None, epochs: epochs.unwrap_or_default(), alive_at: now, asked: None }
    }

    /// Who is in sync, where a controller says it.
    pub(super) fn in_sync(&self) -> Option<&BTreeSet<NodeId>> {
        self.reign.as_ref().map(|reign| &reign.in_sync)
    }

    /// The epochs that have something in a log that ends there.
    pub(super) fn epochs_below(&self, end: u64) -> Epochs {
        self.epochs.iter().copied().filter(|(_, start)| *start < end).collect()
    }
}

/// Up to where two logs are the same: the end of the last epoch that both have from the same place on.
pub(super) fn same_below(mine: (&[(u32, u64)], u64), theirs: (&[(u32, u64)], u64)) -> u64 {
    let end_of = |(epochs, end): (&[(u32, u64)], u64), index: usize| {
        epochs.get(index + 1).map_or(end, |(_, start)| *start)
    };
    for (index, epoch) in theirs.0.iter().enumerate().rev() {
        if let Some(at) = mine.0.iter().position(|other| other == epoch) {
            return end_of(mine, at).min(end_of(theirs, index));
        }
    }
    0
}

impl<S: Storage> Broker<S> {
    /// The epoch of what it writes.
    pub(super) fn epoch(&self) -> Epoch {
        Epoch(self.reigning.reign.as_ref().map_or(0, |reign| reign.epoch))
    }

    /// The controller says who is what.
    pub(super) fn role_is(&mut self, now: Time, reign: Reign, out: &mut Output) -> Done<S> {
        let Some(me) = self.settings.me.filter(|_| self.settings.controller.is_some()) else { return Ok(()) };
        let before = self.reigning.reign.replace(reign.clone());
        let is_older = |before: &Reign| (before.epoch, before.version) > (reign.epoch, reign.version);
        if before.as_ref().is_some_and(is_older) {
            self.reigning.reign = before; // it was on its way for long
            return Ok(());
        }
        self.reigning.asked = None;
        let is_same =
            before.is_some_and(|before| (before.master, before.epoch) == (reign.master, reign.epoch));
        if is_same {
            return Ok(());
        }
        // Whoever waits for an answer from the old role gets none from the new one.
        for send in core::mem::take(&mut self.waiting) {
            let (to, id) = send.to();
            out.sends.push((to, Message::Reply(id, Reply::Refused(Refused::SlaveMode))));
        }
        self.slaves.clear();
        // What was read of tables that stand in the log is read anew: the log may be cut.
        (self.half, self.popping) = Default::default();
        self.due.register = now;
        match reign.master {
            Some(master) if master == me => {
                self.settings.role = self.settings.as_master;
                self.settings.id = 0;
                let end = self.store.commit_log().end();
                self.reigning.epochs.retain(|(_, start)| *start < end);
                self.reigning.epochs.push((reign.epoch, end));
                self.write_epochs()?;
                self.takes_office(reign.epoch, out);
            }
            Some(master) => {
                self.settings.role = Role::Slave(master);
                self.settings.id = self.settings.own_id.max(1);
                self.following = Following::from(now);
            }
            None => self.settings.role = Role::Waiting,
        }
        Ok(())
    }

    /// Its log is the truth from now on.
    fn takes_office(&self, epoch: u32, out: &mut Output) {
        let own = self.settings.topics.iter();
        let own = own.flat_map(|(topic, queues)| (0..*queues).map(move |queue| (topic, queue)));
        let all: BTreeSet<_> = own.chain(self.store.queues()).collect();
        for (topic, queue) in all.into_iter().filter(|(topic, _)| !topic.is_system()) {
            let (partition, epoch) = (self.partition(topic, queue), Epoch(epoch));
            out.events.push(Event::Elected { partition, leader: self.settings.me, epoch });
        }
    }

    fn write_epochs(&mut self) -> Done<S> {
        unless_full(self.epoch_file.write(&self.reigning.epochs))?;
        Ok(())
    }

    /// A slave learns its master's epochs.
    pub(super) fn take_epochs(&mut self, from: NodeId, epochs: Epochs) -> Done<S> {
        if self.settings.role == Role::Slave(from) && self.reigning.epochs != epochs {
            self.reigning.epochs = epochs;
            return self.write_epochs();
        }
        Ok(())
    }

    /// The master does not have what stands behind a place: it is cut off.
    pub(super) fn cut_back(&mut self, from: NodeId, physical: u64, out: &mut Output) -> Done<S> {
        if self.settings.role != Role::Slave(from) || physical >= self.store.commit_log().end() {
            return Ok(());
        }
        let gone = self.store.truncate(physical)?;
        let mut queues: BTreeMap<(Topic, u32), (u64, Vec<MessageId>)> = BTreeMap::new();
        for stored in gone.iter().filter(|stored| stored.message.is_visible()) {
            let key = (stored.message.topic.clone(), stored.message.queue);
            let cut = queues.entry(key).or_insert((stored.message.queue_offset, Vec::new()));
            cut.0 = cut.0.min(stored.message.queue_offset);
            cut.1.extend(stored.id());
        }
        for ((topic, queue), (to, messages)) in queues {
            let partition = self.partition(&topic, queue);
            out.events.push(Event::Truncated { partition, to: Offset(to), messages });
        }
        self.reigning.epochs.retain(|(_, start)| *start < physical);
        self.write_epochs()?;
        self.following.begin_anew();
        Ok(())
    }

    /// Tells the controller that it is there, and, as a master, who is in sync.
    pub(super) fn report_to_controller(&mut self, now: Time, out: &mut Output) {
        let Some(controller) = self.settings.controller else { return };
        let broker = self.settings.name.clone();
        if now >= self.reigning.alive_at {
            self.reigning.alive_at = now + self.settings.alive_every;
            let end = self.store.commit_log().end();
            let last = self.reigning.epochs_below(end).last().map_or(0, |(epoch, _)| *epoch);
            let notice = Notice::Alive {
                broker: broker.clone(),
                reach: (last, end),
                is_new: self.reigning.reign.is_none(),
            };
            out.sends.push((controller, Message::Notice(notice)));
        }
        let (true, Some(reign), Some(me)) = (self.is_master(), &self.reigning.reign, self.settings.me) else {
            return;
        };
        let end = self.store.commit_log().end();
        let stays = |node: &NodeId| {
            let slave = self.slaves.get(node);
            *node == me
                || slave.is_some_and(|slave| now.since(slave.level_at()) <= self.settings.catch_up_max)
        };
        let level = self.slaves.iter().filter(|(_, slave)| slave.has(end)).map(|(node, _)| *node);
        let in_sync: BTreeSet<NodeId> = reign.in_sync.iter().copied().filter(stays).chain(level).collect();
        let is_asked =
            self.reigning.asked.as_ref().is_some_and(|(asked, until)| *asked == in_sync && now < *until);
        if in_sync != reign.in_sync && !is_asked {
            let (epoch, version) = (reign.epoch, reign.version);
            let notice = Notice::AlterInSync { broker, epoch, version, in_sync: in_sync.clone() };
            out.sends.push((controller, Message::Notice(notice)));
            self.reigning.asked = Some((in_sync, now + self.settings.alive_every));
        }
    }

    /// When it tells the controller something next.
    pub(super) fn next_reign_report(&self) -> Option<Time> {
        self.settings.controller.map(|_| self.reigning.alive_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_logs_are_the_same_up_to_the_end_of_their_last_common_epoch() {
        type Epochs = &'static [(u32, u64)];
        let rows: [(Epochs, u64, Epochs, u64, u64); 6] = [
            (&[(1, 0)], 640, &[(1, 0)], 500, 500),
            (&[(1, 0), (2, 640)], 900, &[(1, 0)], 800, 640),
            (&[(1, 0), (2, 640), (3, 700)], 900, &[(1, 0), (2, 640)], 720, 700),
            (&[(1, 0), (3, 640)], 900, &[(1, 0), (2, 600)], 800, 600),
            (&[(2, 0)], 900, &[(1, 0)], 800, 0),
            (&[(1, 0)], 900, &[], 0, 0),
        ];
        for (mine, end, theirs, their_end, same) in rows {
            assert_eq!(same_below((mine, end), (theirs, their_end)), same, "{mine:?} {theirs:?}");
        }
    }
}
