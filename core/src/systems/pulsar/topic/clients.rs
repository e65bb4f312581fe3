//! Who takes a place in a topic's subscriptions, and how does one leave? Whoever comes first says how a subscription shares.

use alloc::format;
use alloc::vec::Vec;

use super::{Topic, TopicOut};
use crate::ids::NodeId;
use crate::observe::{CompactionEvent, PulsarEvent};
use crate::queue::ReturnReason;
use crate::systems::pulsar::NotSubscribed;
use crate::systems::pulsar::cursor::Cursor;
use crate::systems::pulsar::protocol::{Answer, Command, InitialPosition};
use crate::systems::pulsar::subscription::Subscription;
use crate::time::Time;

impl Topic {
    pub(super) fn subscribe(&mut self, from: NodeId, command: Command, out: &mut Vec<TopicOut>) {
        let Command::Subscribe {
            subscription: name,
            kind,
            consumer,
            new,
            from: begin,
            epoch,
            read_compacted,
            ..
        } = command
        else {
            return;
        };
        let (partition, topic) = (self.name.partition_index(), format!("{}", self.name));
        let subscription = name.clone();
        if let Some(subscribed) = self.subscriptions.get_mut(&name)
            && subscribed.clients.is_empty()
        {
            // Nobody consumes: whoever comes first says how it is shared out.
            let cursor = subscribed.subscription.cursor().clone();
            subscribed.subscription = Subscription::new(kind, cursor, partition, &topic);
        }
        if !self.subscriptions.contains_key(&name) {
            let extents = self.managed.extents();
            let at = match begin {
                InitialPosition::Latest => extents.end(),
                InitialPosition::Earliest => extents.start(),
            };
            let subscription = Subscription::new(kind, Cursor::new(at), partition, &topic);
            self.insert(name.clone(), subscription, None);
        }
        let Some(subscribed) = self.subscriptions.get_mut(&name) else { return };
        let added = match subscribed.subscription.dispatcher().kind() == kind {
            _ if read_compacted && kind.is_shared() => Err(NotSubscribed::NotCompacted),
            true => subscribed.subscription.add(new),
            false => Err(NotSubscribed::OtherType),
        };
        match added {
            Ok(id) => {
                subscribed.clients.insert(id, (from, consumer));
                if read_compacted {
                    subscribed.compacted.insert(id);
                }
                subscribed.subscription.set_epoch(id, epoch);
                subscribed.told_active = None; // all are told, the new one too
                self.consumers.insert((from, consumer), (name, id));
                out.push(TopicOut::Client(from, Answer::Subscribed { consumer }));
                let reads = subscription.clone();
                self.tell(out, |partition| PulsarEvent::Subscribed {
                    partition,
                    subscription,
                    consumer: from,
                });
                if read_compacted {
                    let (subscription, consumer) = (reads, from);
                    self.tell(out, |partition| {
                        PulsarEvent::Compaction(CompactionEvent::Reads { partition, subscription, consumer })
                    });
                }
            }
            Err(why) => {
                self.consumers.remove(&(from, consumer));
                out.push(TopicOut::Client(from, Answer::NotSubscribed { consumer, why }));
                self.tell(out, |partition| PulsarEvent::Busy { partition, subscription, consumer: from });
            }
        }
    }

    pub(super) fn close(&mut self, client: NodeId, number: u64, out: &mut Vec<TopicOut>) {
        let held = self.held((client, number));
        self.tell_back((client, number), &held, ReturnReason::Left, out);
        self.producers.remove(&(client, number));
        self.held.retain(|(of, ..)| *of != (client, number));
        if let Some((name, id)) = self.consumers.remove(&(client, number))
            && let Some(subscribed) = self.subscriptions.get_mut(&name)
        {
            subscribed.clients.remove(&id);
            subscribed.compacted.remove(&id);
            subscribed.subscription.remove(id);
        }
    }

    /// The connection to a client is broken.
    pub(in crate::systems::pulsar) fn client_gone(
        &mut self,
        now: Time,
        client: NodeId,
        out: &mut Vec<TopicOut>,
    ) {
        let theirs: Vec<u64> =
            self.clients().filter(|(of, _)| *of == client).map(|(_, number)| number).collect();
        theirs.into_iter().for_each(|number| self.close(client, number, out));
        self.early.retain(|(from, _)| *from != client);
        self.pump(now, out);
    }
}
