//! How does a client stay connected? It says who it is to the broker that serves, says again what was not answered, says that
//! it is there, and looks for another broker when it hears nothing.
//!
//! ```text
//!   tries broker-1 ── ConnectionInfo ──▶ BrokerInfo: connected ── what was not answered ──▶
//!         ▲   │ ShutdownInfo, hang-up, silence        │ the same
//!         │   ▼                                       ▼
//!        next, or a wait                         interrupted: tries
//! ```
//!
//! Sources: `FailoverTransport.java`, `AbstractInactivityMonitor.java`, `ConnectionStateTracker.java`.

use alloc::vec::Vec;

use super::Failover;
use super::protocol::{BrokerCommand, ClientCommand, Message, Wire};
use crate::ids::NodeId;
use crate::rng::{Rng, Stream};
use crate::time::{Span, Time};

/// How often in the time after which silence is the end of a connection a client says that it is there.
const SIGNS_OF_LIFE: u64 = 3;

/// What a client is told of its brokers.
///
/// ```
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::systems::activemq::ConnectionOptions;
/// let options = ConnectionOptions::new(vec![NodeId::Broker(1), NodeId::Broker(2)]);
/// assert!(options.randomize);
/// ```
#[derive(Clone, Debug)]
pub struct ConnectionOptions {
    /// The brokers, in order.
    pub brokers: Vec<NodeId>,
    /// Whether they are tried in an order that chance gives.
    pub randomize: bool,
    /// The first wait between two rounds, and the longest.
    pub delays: (Span, Span),
    /// Silence of so long is the end.
    pub max_inactivity: Span,
}

impl ConnectionOptions {
    /// With ActiveMQ's defaults.
    pub fn new(brokers: Vec<NodeId>) -> Self {
        use super::{INITIAL_RECONNECT_DELAY, MAX_RECONNECT_DELAY};
        let delays = (INITIAL_RECONNECT_DELAY, MAX_RECONNECT_DELAY);
        Self { brokers, randomize: true, delays, max_inactivity: Span::from_millis(30_000) }
    }
}

/// What a client's connection has to say to its client.
///
/// ```
/// use mqlab_core::systems::activemq::Heard;
/// assert_eq!(Heard::default(), Heard::Nothing);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Heard {
    /// Nothing that concerns it.
    #[default]
    Nothing,
    /// It is connected: consumers are to be made anew. What was not answered was said again.
    Connected {
        /// With which broker.
        broker: NodeId,
        /// Whether it was connected before.
        again: bool,
        /// What was said again.
        said: Vec<ClientCommand>,
    },
    /// It is connected no longer: consumers, and what they were ahead by, are gone.
    Interrupted {
        /// With which broker it was.
        broker: NodeId,
    },
    /// The broker says something.
    Command(BrokerCommand),
}

/// A client's connection, over the failover transport.
///
/// ```
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::systems::activemq::protocol::{BrokerCommand, Message};
/// use mqlab_core::systems::activemq::{Connection, ConnectionOptions, Heard};
/// use mqlab_core::time::Time;
/// let options = ConnectionOptions::new(vec![NodeId::Broker(1)]);
/// let (mut connection, mut sends) = (Connection::new(options, 1, 7), Vec::new());
/// connection.wake(Time::ZERO, &mut sends);
/// let (to, Message::Client { wire, .. }) = sends.remove(0) else { return };
/// let heard = connection.hear(Time::ZERO, to, wire, BrokerCommand::Connected, &mut sends);
/// assert!(matches!(heard, Heard::Connected { again: false, .. }));
/// ```
#[derive(Clone, Debug)]
pub struct Connection {
    failover: Failover<ClientCommand>,
    rng: Rng,
    life: u64,
    attempts: u32,
    /// Whom it tries.
    trying: Option<NodeId>,
    /// It was connected once.
    again: bool,
    max_inactivity: Span,
    /// What it waits for must have come by then.
    silent_until: Time,
    next_sign: Time,
}

impl Connection {
    /// That of a client's `life`th process.
    pub fn new(options: ConnectionOptions, life: u64, seed: u64) -> Self {
        let ConnectionOptions { brokers, randomize, delays, max_inactivity } = options;
        let failover = Failover::new(brokers).waiting(delays.0, delays.1);
        Self {
            failover: if randomize { failover } else { failover.in_order() },
            rng: Rng::new(seed ^ life.wrapping_mul(0x9e37_79b9_7f4a_7c15), Stream::Elections),
            life,
            attempts: 0,
            trying: None,
            again: false,
            max_inactivity,
            silent_until: Time::ZERO,
            next_sign: Time::ZERO,
        }
    }

    /// Which of the client's processes it belongs to.
    pub fn life(&self) -> u64 {
        self.life
    }

    /// The broker that it is connected with.
    pub fn broker(&self) -> Option<NodeId> {
        self.failover.broker()
    }

    fn wire(&self) -> Wire {
        Wire::new(self.life, self.attempts)
    }

    /// Does what is due: tries the next broker, says that it is there, notices silence.
    pub fn wake(&mut self, now: Time, sends: &mut Vec<(NodeId, Message)>) -> Heard {
        let waits = self.trying.is_some() || self.broker().is_some();
        if waits && now >= self.silent_until {
            let heard = self.lose(now);
            if heard != Heard::Nothing {
                return heard;
            }
        }
        if let Some(broker) = self.broker() {
            if now >= self.next_sign {
                self.next_sign = now + Span(self.max_inactivity.0 / SIGNS_OF_LIFE);
                sends.push((broker, self.message(ClientCommand::KeepAlive)));
            }
            return Heard::Nothing;
        }
        if let Some(broker) = self.failover.try_next(now, &mut self.rng) {
            self.attempts += 1;
            self.trying = Some(broker);
            self.silent_until = now + self.max_inactivity;
            sends.push((broker, self.message(ClientCommand::Connect { reconnect: self.again })));
        }
        Heard::Nothing
    }

    fn message(&self, command: ClientCommand) -> Message {
        Message::Client { wire: self.wire(), command }
    }

    /// Whom it tries, or is connected with, is not there for it.
    fn lose(&mut self, now: Time) -> Heard {
        if let Some(broker) = self.broker() {
            self.failover.broken(now);
            return Heard::Interrupted { broker };
        }
        if self.trying.take().is_some() {
            self.failover.refused(now);
        }
        Heard::Nothing
    }

    /// A broker says something.
    pub fn hear(
        &mut self,
        now: Time,
        from: NodeId,
        wire: Wire,
        command: BrokerCommand,
        sends: &mut Vec<(NodeId, Message)>,
    ) -> Heard {
        let known = self.broker().or(self.trying) == Some(from) && wire == self.wire();
        if !known {
            return Heard::Nothing; // of an earlier connection
        }
        match command {
            BrokerCommand::Shutdown => self.lose(now),
            BrokerCommand::Connected if self.trying.is_some() => {
                self.trying = None;
                self.silent_until = now + self.max_inactivity;
                self.next_sign = now + Span(self.max_inactivity.0 / SIGNS_OF_LIFE);
                let said: Vec<ClientCommand> =
                    self.failover.connected().into_iter().map(|(_, command)| command).collect();
                sends.extend(said.iter().map(|command| (from, self.message(command.clone()))));
                let again = core::mem::replace(&mut self.again, true);
                Heard::Connected { broker: from, again, said }
            }
            BrokerCommand::Connected => Heard::Nothing,
            command => {
                self.silent_until = now + self.max_inactivity;
                match command {
                    BrokerCommand::KeepAlive => Heard::Nothing,
                    command => Heard::Command(command),
                }
            }
        }
    }

    /// A connection broke.
    pub fn hang_up(&mut self, now: Time, peer: NodeId) -> Heard {
        match self.broker().or(self.trying) {
            Some(broker) if broker == peer => self.lose(now),
            _ => Heard::Nothing,
        }
    }

    /// Says something that is not said again.
    pub fn tell(&self, command: ClientCommand, sends: &mut Vec<(NodeId, Message)>) {
        if let Some(broker) = self.broker() {
            sends.push((broker, self.message(command)));
        }
    }

    /// The number of the next thing that is asked.
    pub fn next_number(&self) -> u64 {
        self.failover.next_number()
    }

    /// Asks for something, again if need be, until it is [answered](Self::answered). The command has the
    /// [next number](Self::next_number).
    pub fn ask(&mut self, command: ClientCommand, sends: &mut Vec<(NodeId, Message)>) {
        self.failover.say(command.clone());
        self.tell(command, sends);
    }

    /// What was asked under a number is answered.
    pub fn answered(&mut self, number: u64) {
        self.failover.answered(number);
    }

    /// When it wants to be woken.
    pub fn next_wakeup(&self) -> Option<Time> {
        let waits = self.trying.is_some() || self.broker().is_some();
        let signs = self.broker().map(|_| self.next_sign);
        let silence = waits.then_some(self.silent_until);
        self.failover.next_wakeup().into_iter().chain(signs).chain(silence).min()
    }
}
