//! What does a broker do from time to time? It delivers what is due, revives, asks back, flushes, writes its tables down, deletes,
//! and tells name servers that it is there.

use super::*;

/// When what is to be done from time to time is to be done next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due {
    pub(super) persist: Time,
    pub(super) register: Time,
    pub(super) check: Time,
    pub(super) revive: Time,
    pub(super) clean: Time,
    pub(super) hold_check: Time,
}

impl Due {
    pub(super) fn from(now: Time, settings: &BrokerSettings) -> Self {
        Self {
            persist: now + settings.persist_every,
            register: now,
            check: now + settings.check_every,
            revive: now,
            clean: now + settings.clean_every,
            hold_check: now + settings.hold_check_every,
        }
    }
}

/// Whether a moment has come; then the next one is set.
pub(super) fn is_due(now: Time, due: &mut Time, every: Span) -> bool {
    let is_due = now >= *due;
    if is_due {
        *due = now + every.max(Span(1));
    }
    is_due
}

impl<S: Storage> Broker<S> {
    pub(super) fn do_what_is_due(&mut self, now: Time, out: &mut Output) -> Done<S> {
        if self.is_master() {
            let epoch = self.epoch();
            let delivered = unless_full(self.store.deliver_due(now, epoch))?.unwrap_or_default();
            delivered.iter().for_each(|stored| self.stored(stored, out));
            if is_due(now, &mut self.due.revive, self.settings.revive_every) {
                self.revive(now, out)?;
            }
            if is_due(now, &mut self.due.check, self.settings.check_every) {
                unless_full(self.check_halves(now, out))?;
            }
        }
        self.flush_when_due(now)?;
        if is_due(now, &mut self.due.persist, self.settings.persist_every) {
            self.persist(out)?;
        }
        if is_due(now, &mut self.due.clean, self.settings.clean_every) {
            self.clean(now, out)?;
        }
        if is_due(now, &mut self.due.register, self.settings.register_every) {
            let (broker, id, topics) = (self.settings.name.clone(), self.settings.id, self.topics.clone());
            for server in &self.settings.name_servers {
                let (broker, topics) = (broker.clone(), topics.clone());
                out.sends.push((*server, Message::Notice(Notice::Register { broker, id, topics })));
            }
        }
        for client in self.clients.expired(now, self.settings.client_expires) {
            self.client_gone(client, out);
        }
        Ok(())
    }

    /// Writes the tables down, and tells slaves of them.
    fn persist(&mut self, out: &mut Output) -> Done<S> {
        unless_full(self.store.persist())?;
        if self.is_master() {
            for slave in self.slaves.keys() {
                let (offsets, delays) = (self.offsets.table().clone(), self.store.delays().clone());
                out.sends.push((*slave, Message::Notice(Notice::Tables { offsets, delays })));
            }
        }
        if let Some(table) = self.offsets.take_dirty() {
            unless_full(self.offset_file.write(table))?;
        }
        Ok(())
    }

    fn clean(&mut self, now: Time, out: &mut Output) -> Done<S> {
        let deleted = unless_full(self.store.delete_expired(now))?.unwrap_or_default();
        for deleted in deleted {
            let (partition, below) = (self.partition(&deleted.topic, deleted.queue), Offset(deleted.below));
            let messages = deleted.messages;
            let event = if self.is_master() {
                PullEvent::Trimmed { partition, below, messages }
            } else {
                PullEvent::CopyTrimmed { partition, below, messages }
            };
            out.events.push(Event::Pull(event));
        }
        Ok(())
    }

    /// When it wants to be woken.
    pub fn next_wakeup(&self) -> Option<Time> {
        let Due { persist, register, check, revive, clean, hold_check } = self.due;
        let master = self.is_master().then_some(check);
        let servers = (!self.settings.name_servers.is_empty()).then_some(register);
        let delayed = self.is_master().then(|| self.store.next_due()).flatten();
        let clients = self.clients.next_expiry(self.settings.client_expires);
        let times = [
            self.next_flush(),
            Some(persist.min(clean)),
            servers,
            master,
            delayed,
            clients,
            self.next_revival().map(|until| until.max(revive)),
            self.popping.next_deadline(),
            self.holds.next_deadline().map(|deadline| deadline.min(hold_check)),
            self.next_send_deadline(),
            self.next_report(),
            self.next_reign_report(),
        ];
        times.into_iter().flatten().min()
    }
}
