//! How does a broker live in the lab that shares its store with others? It asks for the lock, and is master as long as it has
//! it; nothing leaves it that the store has not.
//!
//! ```text
//!   slave ── Lock ──▶ Held: asks again                       burst 7 ── Write 7 ──▶ store ── Written 7 ──▶ answers of burst 7
//!     ▲         └──▶ Locked, with what is in the store                                                     and dispatches leave
//!     │                 ▼
//!     └── LockLost, NoSpace, the store is gone ── master
//! ```
//!
//! A master that lost the lock tells its clients that it serves nobody, and is a slave again: what a broker does that its
//! service wrapper starts again.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::super::{Guest, GuestMessage, GuestOut, GuestView, Halts, Look, Run, Speaks};
use super::broker::volatile;
use super::view;
use crate::ids::NodeId;
use crate::log::memory::MemoryStorage;
use crate::observe::{ActivemqEvent, Event, Refusal};
use crate::sim::ActivemqSharedStore;
use crate::systems::activemq::protocol::{BrokerCommand, ClientCommand, Message, StoreReply, StoreRequest};
use crate::systems::activemq::{NotedStorage, Serving, ServingOptions};
use crate::systems::{Input, Out};
use crate::time::{Span, Time};

/// How long after another a broker is started.
const STARTS_AFTER: Span = Span::from_millis(5);

/// A broker that shares its store.
#[derive(Clone, Debug)]
pub(super) struct Station {
    options: ServingOptions,
    sharing: ActivemqSharedStore,
    state: State,
    burst: Out<Message>,
    failed: bool,
}

#[derive(Clone, Debug)]
enum State {
    Down,
    Slave {
        /// When it asks for the lock.
        next: Time,
        /// Whether it has said that it waits.
        said: bool,
    },
    Master(Box<Mastery>),
}

#[derive(Clone, Debug)]
struct Mastery {
    serving: Serving<NotedStorage>,
    token: u64,
    /// The lock is not surely its own after that.
    sure_until: Time,
    next_sign: Time,
    writes: u64,
    /// What leaves when a write is done.
    pending: VecDeque<(u64, Out<Message>)>,
}

impl Station {
    /// The `number`th broker, which was started a little after the one before.
    pub(super) fn new(number: u16, options: ServingOptions, sharing: ActivemqSharedStore) -> Self {
        let starts = Time(u64::from(number.saturating_sub(1)) * STARTS_AFTER.0);
        let state = State::Slave { next: starts, said: false };
        Self { options, sharing, state, burst: Out::default(), failed: false }
    }

    fn heard_store(&mut self, now: Time, reply: StoreReply, out: &mut GuestOut) {
        match (&mut self.state, reply) {
            (State::Slave { next, .. }, StoreReply::Locked { token, contents, .. }) => {
                *next = now + self.sharing.lock_acquire_sleep_interval;
                self.take_over(now, token, contents, out);
            }
            (State::Slave { next, said }, StoreReply::Held) => {
                *next = now + self.sharing.lock_acquire_sleep_interval;
                if !core::mem::replace(said, true) {
                    out.events.push(Event::Activemq(ActivemqEvent::Slave));
                }
            }
            (State::Master(master), StoreReply::Kept { token }) if token == master.token => {
                master.sure_until = now + self.sharing.lease;
            }
            (State::Master(master), StoreReply::Written { token, number }) if token == master.token => {
                master.sure_until = now + self.sharing.lease;
                while let Some((_, done)) = master.pending.pop_front_if(|(of, _)| *of <= number) {
                    release(done, out);
                }
            }
            (State::Master(master), StoreReply::LockLost { token }) if token == master.token => {
                self.step_down(now, true, out);
            }
            (State::Master(master), StoreReply::NoSpace { token }) if token == master.token => {
                self.step_down(now, false, out);
            }
            _ => {}
        }
    }

    fn take_over(&mut self, now: Time, token: u64, contents: MemoryStorage, out: &mut GuestOut) {
        let Ok(serving) = Serving::open(NotedStorage::new(contents), self.options.clone(), now) else {
            self.failed = true;
            return;
        };
        let messages = serving.messages();
        out.events.push(Event::Activemq(ActivemqEvent::Master { messages }));
        let (sure_until, next_sign) = (now + self.sharing.lease, now + self.sharing.lock_keep_alive_period);
        let pending = VecDeque::new();
        let mastery = Mastery { serving, token, sure_until, next_sign, writes: 0, pending };
        self.state = State::Master(Box::new(mastery));
    }

    /// What it had begun is not done: nobody was told that it is.
    fn step_down(&mut self, now: Time, fenced: bool, out: &mut GuestOut) {
        let next = now + self.sharing.lock_acquire_sleep_interval;
        let State::Master(master) = core::mem::replace(&mut self.state, State::Slave { next, said: true })
        else {
            return;
        };
        out.events.push(Event::Activemq(ActivemqEvent::SteppedDown { fenced }));
        out.events.append(&mut volatile(&master.serving));
        let mut goodbye = Out::default();
        master.serving.say_goodbye(&mut goodbye);
        release(goodbye, out);
        self.burst = Out::default();
    }

    fn hear_client(&mut self, now: Time, from: NodeId, message: Message, out: &mut GuestOut) {
        let Message::Client { wire, command } = message else { return };
        match &mut self.state {
            State::Master(master) => {
                let done = master.serving.handle(now, from, (wire, command), &mut self.burst);
                self.failed |= done.is_err();
            }
            State::Slave { .. } => {
                if matches!(command, ClientCommand::Connect { .. }) {
                    out.events.push(Event::Activemq(ActivemqEvent::TurnedAway { client: from }));
                }
                let command = BrokerCommand::Shutdown;
                out.sends.push((from, Message::Broker { wire, command }.wrap()));
            }
            State::Down => {}
        }
    }

    /// Does what is due with the store.
    fn ask_store(&mut self, now: Time, out: &mut GuestOut) {
        let request = match &mut self.state {
            State::Slave { next, .. } if *next <= now => {
                *next = now + self.sharing.lease.max(self.sharing.lock_acquire_sleep_interval);
                StoreRequest::Lock
            }
            State::Master(master) if master.sure_until <= now => return self.step_down(now, true, out),
            State::Master(master) if master.next_sign <= now => {
                master.next_sign = now + self.sharing.lock_keep_alive_period;
                StoreRequest::KeepAlive { token: master.token }
            }
            _ => return,
        };
        out.sends.push((NodeId::Store, Message::Store(request).wrap()));
    }

    /// Sends what was done in the burst to the store; what it wanted sent waits until that is written.
    fn write(&mut self, now: Time, out: &mut GuestOut) -> Result<(), Halts> {
        let State::Master(master) = &mut self.state else { return Ok(()) };
        let mut burst = core::mem::take(&mut self.burst);
        master.serving.settle(now, &mut burst).map_err(|_| Halts(Refusal::Storage))?;
        let (storage, logs) = master.serving.disk_mut();
        let ops = storage.take_noted(logs);
        let (facts, events) = burst.events.into_iter().partition(|event| master.serving.is_of_store(event));
        let burst = Out { sends: burst.sends, events };
        let facts: Vec<Event> = facts;
        if !ops.is_empty() || !facts.is_empty() {
            master.writes += 1;
            let (token, number) = (master.token, master.writes);
            let write = StoreRequest::Write { token, number, ops, facts };
            out.sends.push((NodeId::Store, Message::Store(write).wrap()));
            master.pending.push_back((number, burst));
        } else if let Some(last) = master.pending.back_mut() {
            last.1.sends.extend(burst.sends);
            last.1.events.extend(burst.events);
        } else {
            release(burst, out);
        }
        Ok(())
    }
}

fn release(done: Out<Message>, out: &mut GuestOut) {
    out.events.extend(done.events);
    out.sends.extend(done.sends.into_iter().map(|(to, message)| (to, message.wrap())));
}

impl Guest for Station {
    fn boxed(&self) -> Box<dyn Guest> {
        Box::new(self.clone())
    }

    fn handle(&mut self, now: Time, input: Input<GuestMessage>, _run: &mut Run<'_>, out: &mut GuestOut) {
        match Message::input(input) {
            Some(Input::Message { message: Message::Stored(reply), .. }) => self.heard_store(now, reply, out),
            Some(Input::Message { from, message }) => self.hear_client(now, from, message, out),
            Some(Input::HangUp { peer: NodeId::Store }) => match &mut self.state {
                State::Slave { next, .. } => *next = now + self.sharing.lock_acquire_sleep_interval,
                _ => self.step_down(now, false, out),
            },
            Some(Input::HangUp { peer }) => {
                if let State::Master(master) = &mut self.state {
                    self.failed |= master.serving.leave(now, peer, &mut self.burst).is_err();
                }
            }
            Some(Input::Wake) | None => {}
        }
        self.ask_store(now, out);
    }

    fn settle(&mut self, now: Time, out: &mut GuestOut) -> Result<(), Halts> {
        if core::mem::take(&mut self.failed) {
            return Err(Halts(Refusal::Storage));
        }
        self.write(now, out)
    }

    fn next_wakeup(&self) -> Option<Time> {
        match &self.state {
            State::Down => None,
            State::Slave { next, .. } => Some(*next),
            State::Master(master) => {
                let own = [master.sure_until, master.next_sign];
                own.into_iter().chain(master.serving.next_wakeup()).min()
            }
        }
    }

    fn stop(&mut self) -> Vec<Event> {
        (self.burst, self.failed) = (Out::default(), false);
        match core::mem::replace(&mut self.state, State::Down) {
            State::Master(master) => volatile(&master.serving),
            _ => Vec::new(),
        }
    }

    fn start(&mut self, now: Time, _incarnation: u64) -> Result<(), Halts> {
        self.state = State::Slave { next: now, said: false };
        Ok(())
    }

    fn view(&self, look: &Look<'_>) -> GuestView {
        match &self.state {
            State::Master(master) => view::serving(look, &master.serving),
            _ => view::empty(look),
        }
    }
}
