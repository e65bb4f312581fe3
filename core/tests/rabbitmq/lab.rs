//! A quorum queue's state alone, without a quorum: commands in words, effects in words.

use mqlab_core::ids::{NodeId, Offset};
use mqlab_core::message::Message;
use mqlab_core::systems::rabbitmq::{Command, ConsumerTag, Effect, Entry, Fifo, FifoOptions};
use mqlab_core::time::Time;

pub(crate) struct Lab {
    pub(crate) fifo: Fifo,
    now: Time,
    sequence: u64,
    /// What stands in the log.
    log: Vec<Option<Message>>,
    /// The messages that each consumer holds, by name: where its key is, and the number.
    pub(crate) held: Vec<(u32, String, Offset, u64)>,
}

pub(crate) fn tag(consumer: u32) -> ConsumerTag {
    ConsumerTag { node: NodeId::Consumer(consumer as u16), tag: 0 }
}

impl Lab {
    pub(crate) fn new(options: FifoOptions) -> Self {
        Self { fifo: Fifo::new(options), now: Time::ZERO, sequence: 0, log: Vec::new(), held: Vec::new() }
    }

    /// Goes on in time, and looks whether something has expired.
    pub(crate) fn at(&mut self, millis: u64) -> String {
        self.now = Time(millis * 1_000);
        self.apply(&Command::Expire, None)
    }

    /// Messages by name; `name:priority` for one that has a priority.
    pub(crate) fn publish(&mut self, words: &str) -> String {
        let said: Vec<String> = words.split_whitespace().map(|word| self.publish_one(word)).collect();
        said.join(" ").trim().to_owned()
    }

    fn publish_one(&mut self, word: &str) -> String {
        let message = match word.split_once(':') {
            Some((name, priority)) => {
                Message::new(name.to_owned()).with_priority(priority.parse().expect("a number"))
            }
            None => Message::new(word.to_owned()),
        };
        self.send(message)
    }

    pub(crate) fn send(&mut self, message: Message) -> String {
        self.sequence += 1;
        let command = Command::Enqueue { from: NodeId::Producer(1), sequence: self.sequence };
        self.apply(&command, Some(message))
    }

    pub(crate) fn consume(&mut self, consumer: u32, prefetch: u32, priority: i32) -> String {
        let consumer = tag(consumer);
        self.apply(&Command::Checkout { consumer, prefetch, priority, once: false, next: 0 }, None)
    }

    pub(crate) fn cancel(&mut self, consumer: u32) -> String {
        self.apply(&Command::Cancel { consumer: tag(consumer) }, None)
    }

    pub(crate) fn down(&mut self, consumer: u32) -> String {
        self.held.retain(|held| held.0 != consumer);
        self.apply(&Command::Down { node: tag(consumer).node }, None)
    }

    /// Takes messages with a consumer that holds any number of them; says which.
    pub(crate) fn take(&mut self, count: u32) -> String {
        let said = self.consume(9, count, 0);
        self.cancel(9);
        said
    }

    fn find(&mut self, name: &str) -> (Offset, u64) {
        let at = self.held.iter().position(|held| held.1 == name).expect("somebody holds it");
        let (_, _, key, number) = self.held.remove(at);
        (key, number)
    }

    pub(crate) fn settle(&mut self, name: &str) -> String {
        let (key, number) = self.find(name);
        self.apply(&Command::Settle { key, deliveries: vec![number] }, None)
    }

    pub(crate) fn discard(&mut self, name: &str) -> String {
        let (key, number) = self.find(name);
        self.apply(&Command::Discard { key, deliveries: vec![number] }, None)
    }

    /// Gives back: `failed` for a reject. Without a delivery limit it is what the leader makes of it.
    pub(crate) fn back(&mut self, name: &str, failed: bool) -> String {
        let (key, delivery) = self.find(name);
        if self.fifo.options().delivery_limit.is_none() {
            let message = Message::new(name.to_owned());
            return self.apply(&Command::Requeue { key, delivery }, Some(message));
        }
        self.apply(&Command::Return { key, deliveries: vec![delivery], failed }, None)
    }

    /// What would be served next, in order.
    pub(crate) fn ready(&self) -> String {
        let names: Vec<String> = self.fifo.in_order().map(|index| self.name(index)).collect();
        names.join(" ")
    }

    fn name(&self, index: Offset) -> String {
        self.log[index.0 as usize].as_ref().expect("a message").text().into_owned()
    }

    pub(crate) fn apply(&mut self, command: &Command, message: Option<Message>) -> String {
        let batches = command.to_batches(self.now, message.as_ref()).expect("small");
        let stamped = batches.stamped(Offset(self.log.len() as u64), mqlab_core::ids::Epoch(1));
        let entry = Entry::read(&stamped.iter().next().expect("one entry")).expect("a command");
        assert_eq!(&entry.command, command, "what is written is read");
        self.log.push(None);
        self.log.extend(message.map(Some));
        let mut effects = Vec::new();
        self.fifo.apply(&entry, &mut effects);
        self.said(&effects)
    }

    fn said(&mut self, effects: &[Effect]) -> String {
        let mut said = Vec::new();
        for effect in effects {
            match effect {
                Effect::Deliver { consumer, key, number, index, acquired, failed } => {
                    let name = self.name(*index);
                    let times = if *acquired > 0 { format!("*{acquired},{failed}") } else { String::new() };
                    let letter = consumer.node.to_string().replace("consumer-", "");
                    said.push(format!("{letter}={name}{times}"));
                    let consumer = letter.parse().expect("a number");
                    self.held.retain(|held| (held.2, held.3) != (*key, *number));
                    self.held.push((consumer, name, *key, *number));
                }
                Effect::DeadLetter { index, reason } | Effect::Dropped { index, reason, .. } => {
                    said.push(format!("{}:{}", self.name(*index), reason.as_str()));
                }
                Effect::Empty { .. } => said.push("empty".into()),
                Effect::Missing { next, .. } => said.push(format!("missing {next}")),
                Effect::Refusing(refusing) => {
                    said.push(if *refusing { "refusing".into() } else { "taking".to_owned() });
                }
                Effect::Activated { consumer, .. } => {
                    said.push(consumer.node.to_string().replace("consumer-", "active:"));
                }
                Effect::Purged { count } => said.push(format!("purged {count}")),
                _ => {}
            }
        }
        said.join(" ")
    }
}
