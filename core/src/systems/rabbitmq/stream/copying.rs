//! How does a replica come to have the writer's log, and who writes next? It fetches what follows on what it has, and is
//! told where its log is another one.

use super::*;

/// How many bytes a replica gets at once, unless a chunk alone is larger.
const COPY_BYTES: u32 = 256 * 1024;

/// Whom a coordinator chooses to write, from what the members that it has stopped say of their logs: the epoch of the last
/// chunk, and the end. Who has the latest epoch, and in it the most, has everything that was confirmed, if they are a
/// majority; `None` while they are not. Of equal ones the first by name.
///
/// ```
/// use mqlab_core::ids::{Epoch, NodeId, Offset};
/// use mqlab_core::systems::rabbitmq::elect;
/// let tails = [
///     (NodeId::Broker(1), (Some(Epoch(1)), Offset(90))),
///     (NodeId::Broker(2), (Some(Epoch(2)), Offset(40))),
/// ];
/// assert_eq!(elect(&tails, 3), Some(NodeId::Broker(2)));
/// assert_eq!(elect(&tails[..1], 3), None);
/// ```
pub fn elect(tails: &[(NodeId, (Option<Epoch>, Offset))], members: usize) -> Option<NodeId> {
    if tails.len() < members / 2 + 1 {
        return None;
    }
    let best = tails.iter().max_by_key(|(node, tail)| (*tail, core::cmp::Reverse(*node)))?;
    Some(best.0)
}

impl<S: Storage> Stream<S> {
    /// An election begins: from now on nothing of an earlier epoch is taken.
    pub(super) fn stop(&mut self, from: NodeId, epoch: Epoch, out: &mut OutOf<S>) -> Fallible<(), S> {
        if epoch < self.epoch || (epoch == self.epoch && !matches!(self.role, Role::Idle)) {
            return Ok(());
        }
        (self.epoch, self.role) = (epoch, Role::Idle);
        self.open.clear();
        self.log.flush()?;
        let (last_epoch, end) = (self.epoch_before(self.log.end()), self.log.end());
        out.sends.push((from, StreamMessage::Stopped { epoch, last_epoch, end }));
        Ok(())
    }

    pub(super) fn begin_to_copy(&mut self, now: Time, epoch: Epoch, writer: NodeId) {
        if epoch < self.epoch || (epoch == self.epoch && !matches!(self.role, Role::Idle)) {
            return;
        }
        self.epoch = epoch;
        self.role = Role::Replica { writer, ask_at: now, asks: true, number: 0 };
    }

    pub(super) fn ask_again(&mut self, now: Time) {
        if let Role::Replica { ask_at, asks, .. } = &mut self.role {
            *asks |= *ask_at <= now;
        }
    }

    /// A replica asks for what follows: everything before is durable there.
    pub(super) fn ask(&mut self, now: Time, out: &mut OutOf<S>) {
        let (from, epoch, committed) = (self.log.end(), self.epoch, self.committed);
        let last_epoch = self.epoch_before(from);
        let Role::Replica { writer, ask_at, asks, number } = &mut self.role else { return };
        if core::mem::take(asks) {
            *ask_at = now + ASK_AGAIN;
            *number += 1;
            let number = *number;
            out.sends.push((*writer, StreamMessage::Fetch { epoch, number, from, last_epoch, committed }));
        }
    }

    /// A replica has the log up to there, if it is this log.
    pub(super) fn fetched(
        &mut self,
        (from, epoch, number): (NodeId, Epoch, u64),
        (at, committed): (Offset, Offset),
        last_epoch: Option<Epoch>,
        out: &mut OutOf<S>,
    ) {
        let (start, end, own) = (self.log.start(), self.log.end(), self.epoch_before(at));
        let Role::Writer { replicas, .. } = &mut self.role else { return };
        let Some(copy) = replicas.get_mut(&from).filter(|_| epoch == self.epoch) else { return };
        if at >= start && at <= end && own == last_epoch {
            // It says itself what it has: less than before, if its disk is another one.
            (copy.end, copy.waits, copy.told) = (at, true, committed);
            return;
        }
        // Where the epoch of its last chunk ends here, both may be the same; what it has of that beyond, nobody has
        // committed.
        let same = last_epoch.and_then(|last| Some(self.epochs.end_of(last, end)?.1));
        let to = same.unwrap_or(start).min(end).min(Offset(at.0.saturating_sub(1)));
        // What it would need before the start is not kept any more.
        let anew = start > Offset::ZERO && to <= start;
        out.sends.push((from, StreamMessage::Begin { epoch, number, at: to.max(start), anew }));
    }

    /// Sends replicas that wait what they do not have, or have not heard.
    pub(super) fn send_copies(&mut self, out: &mut OutOf<S>) -> Fallible<(), S> {
        let (epoch, committed, end) = (self.epoch, self.committed, self.log.end());
        let Role::Writer { replicas, .. } = &mut self.role else { return Ok(()) };
        for (replica, copy) in replicas.iter_mut() {
            if copy.waits && copy.end >= self.log.start() && (copy.end < end || copy.told < committed) {
                (copy.waits, copy.told) = (false, committed);
                let chunks = self.log.read(copy.end, end, COPY_BYTES)?;
                out.sends.push((*replica, StreamMessage::Chunks { epoch, chunks, committed }));
            }
        }
        Ok(())
    }

    /// What follows came from the writer.
    pub(super) fn copied(
        &mut self,
        now: Time,
        (from, epoch): (NodeId, Epoch),
        chunks: &Batches,
        committed: Offset,
    ) -> Fallible<(), S> {
        if !self.copies_from(from, epoch) {
            return Ok(());
        }
        if chunks.is_empty() || chunks.base() == Some(self.log.end()) {
            self.append(now, chunks)?;
            self.committed = self.committed.max(committed.min(self.log.end()));
        }
        self.ask_at_once();
        Ok(())
    }

    fn copies_from(&self, from: NodeId, epoch: Epoch) -> bool {
        epoch == self.epoch && matches!(&self.role, Role::Replica { writer, .. } if *writer == from)
    }

    fn ask_at_once(&mut self) {
        if let Role::Replica { asks, .. } = &mut self.role {
            *asks = true;
        }
    }

    /// The own log is another one from there on, or is to begin there. Only the answer to the last fetch is obeyed: what
    /// has been copied since is not cut off again by one that comes late.
    pub(super) fn cut(
        &mut self,
        (from, epoch, number): (NodeId, Epoch, u64),
        at: Offset,
        anew: bool,
    ) -> Fallible<(), S> {
        let is_last = matches!(&self.role, Role::Replica { number: last, .. } if *last == number);
        // What is committed here is the writer's, too.
        let sound = anew || (at >= self.committed && at < self.log.end());
        if !is_last || !sound || !self.copies_from(from, epoch) {
            return Ok(());
        }
        let from = if anew { self.log.start() } else { at };
        let (mut messages, to) = (Vec::new(), at);
        read_range(&self.log, from, self.log.end(), |chunks| messages.extend(ids_in(chunks)))?;
        self.events.push(Event::Truncated { partition: self.partition(), to, messages });
        if anew {
            self.log.begin_anew(at)?;
            self.committed = self.committed.max(at);
        } else {
            self.log.truncate(at)?;
        }
        let (mut epochs, mut tracking) = (Epochs::default(), Tracking::default());
        read_all(&self.log, |chunks| {
            epochs.learn(chunks);
            tracking.learn(chunks);
        })?;
        (self.epochs, self.tracking) = (epochs, tracking);
        self.ask_at_once();
        Ok(())
    }
}
