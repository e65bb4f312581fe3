//! What does a master say, and what happened in it? Messages for consumers, and facts for who watches.

use super::*;

impl<S: Storage> Serving<S> {
    /// Carries out what the host wants, and says what happened in it.
    pub(super) fn drain(&mut self, out: &mut Out<Message>) {
        while let Some(output) = self.broker.host_mut().poll() {
            match output {
                Output::Deliver(delivered) => self.dispatch(delivered, out),
                Output::Fact(queue, fact) => {
                    let client = |consumer| self.client_of(consumer);
                    // Each message by itself: one may be stored, and the next in memory.
                    let mut stated = Vec::new();
                    state_fact(&queue, fact, &client, &mut stated);
                    merge(stated, self.transient.is_empty(), &mut out.events);
                }
                Output::QueueRemoved(queue) => {
                    out.events.push(Event::Queue(QueueEvent::Removed { queue }));
                }
                _ => {}
            }
        }
    }

    fn dispatch(&mut self, delivered: Delivered, out: &mut Out<Message>) {
        let Some(&(client, consumer)) = self.attached.get(&delivered.consumer) else { return };
        let Some(connected) = self.connections.get_mut(&client) else { return };
        // A client that came again has given it back.
        if connected.channel != delivered.handle.channel {
            return;
        }
        let dispatch = Dispatch {
            consumer,
            delivery: delivered.handle.tag,
            queue: delivered.queue.clone(),
            count: delivered.count,
            message: delivered.message.clone(),
        };
        connected.out.insert(delivered.handle.tag, delivered);
        say(client, connected.wire, BrokerCommand::Dispatch(dispatch.into()), out);
    }

    /// Gives those a message that asked for one.
    pub(super) fn serve_pulls(&mut self, now: Time, out: &mut Out<Message>) -> Result<(), S> {
        let waiting: Vec<(NodeId, u32, ConsumerId)> = self
            .connections
            .iter()
            .flat_map(|(client, connected)| {
                let known = |number: &u32| Some((*client, *number, *connected.consumers.get(number)?));
                connected.pulls.iter().filter_map(known).collect::<Vec<_>>()
            })
            .collect();
        for (client, number, id) in waiting {
            let Some(delivered) = self.broker.host_mut().receive_for(now, id)? else { continue };
            if let Some(connected) = self.connections.get_mut(&client) {
                connected.pulls.remove(&number);
            }
            let delivered = Delivered { consumer: id, ..delivered };
            self.drain(out);
            self.dispatch(delivered, out);
        }
        Ok(())
    }
}

/// Adds events; neighbours that were stored one after the other become one where that is asked for.
fn merge(stated: Vec<Event>, together: bool, events: &mut Vec<Event>) {
    for event in stated {
        match (events.last_mut(), event) {
            (
                Some(Event::Appended { to, base, messages }),
                Event::Appended { to: place, base: offset, messages: mut more },
            ) if together && *to == place && base.plus(messages.len() as u64) == offset => {
                messages.append(&mut more);
            }
            (
                Some(Event::Requeued { queue, messages, from, why }),
                Event::Requeued { queue: of, messages: mut more, from: by, why: reason },
            ) if (&*queue, *from, *why) == (&of, by, reason) => messages.append(&mut more),
            (_, event) => events.push(event),
        }
    }
}
