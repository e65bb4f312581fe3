//! Where does a consumer's program get its messages from? One of the clients there are, behind one face.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::scenario::SourceSpec;
use super::world::Disk;
use crate::broker::{AcknowledgeType, Input, Out, Reads, RequestId, Settings, Settlement};
use crate::client::{ClassicMember, GroupProtocol, Member, Puller, ShareConsumer, Staged, Subscriber};
use crate::ids::NodeId;
use crate::log::Storage;
use crate::time::Time;

/// The log on a consumer's own disk.
pub(super) type DiskLog = <Disk as Storage>::Log;

/// The client of a consumer.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// A queue pushes.
    Push(Subscriber),
    /// It pulls as a member of a group.
    Pull(Member),
    /// The same, in the classic protocol.
    Classic(Box<ClassicMember>),
    /// It pulls on its own account.
    Poll(Box<Puller<DiskLog>>),
    /// It pulls as a member of a share group.
    Share(Box<ShareConsumer>),
}

impl Source {
    pub(crate) fn new(from: &SourceSpec, settings: &Settings, brokers: Vec<NodeId>, disk: &mut Disk) -> Self {
        let settings = settings.clone();
        let push =
            |reads, options| Self::Push(Subscriber::new(settings.clone(), reads, options, brokers.clone()));
        match from {
            SourceSpec::Queue { name, prefetch, reading } => {
                push(Reads::Queue(name.clone()), reading.options(*prefetch))
            }
            SourceSpec::Subscription { subscription, prefetch, reading } => {
                push(Reads::Topic(subscription.clone()), reading.options(*prefetch))
            }
            SourceSpec::Group { name, topic, options } => {
                let (options, name, topic) = (options.clone(), name.clone(), topic.clone());
                match options.protocol {
                    GroupProtocol::Server => {
                        Self::Pull(Member::with_options(settings, options, name, topic, brokers))
                    }
                    GroupProtocol::Classic => {
                        Self::Classic(Box::new(ClassicMember::new(settings, options, name, topic, brokers)))
                    }
                }
            }
            SourceSpec::Share { name, topic, options } => {
                let (options, name, topic) = (options.clone(), name.clone(), topic.clone());
                Self::Share(Box::new(ShareConsumer::new(settings, options, name, topic, brokers)))
            }
            SourceSpec::System(_) => unreachable!("who reads another system is a guest"),
            SourceSpec::Poll { topic, options, .. } => {
                let log = disk.open(&Puller::<DiskLog>::log_name()).expect("memory opens its logs");
                let puller = Puller::new(settings, options.clone(), topic.clone(), brokers, log);
                Self::Poll(Box::new(puller.expect("memory can be read")))
            }
        }
    }

    pub(super) fn take(&mut self) -> Option<Staged> {
        match self {
            Self::Push(subscriber) => subscriber.take(),
            Self::Pull(member) => member.take(),
            Self::Classic(member) => member.take(),
            Self::Poll(puller) => puller.take(),
            Self::Share(consumer) => consumer.take(),
        }
    }

    pub(super) fn handle(&mut self, now: Time, input: Input, out: &mut Out) {
        match self {
            Self::Push(subscriber) => subscriber.handle(now, input, out),
            Self::Pull(member) => member.handle(now, input, out),
            Self::Classic(member) => member.handle(now, input, out),
            Self::Poll(puller) => puller.handle(now, input, out),
            Self::Share(consumer) => consumer.handle(now, input, out),
        }
    }

    /// A message is done with.
    pub(super) fn done(&mut self, now: Time, staged: &Staged, out: &mut Out) {
        self.settle(now, core::slice::from_ref(staged), Settlement::Done, out);
    }

    /// What becomes of messages. Those of a group's or a puller's partition cannot be given back or refused: it goes on
    /// behind them.
    pub(super) fn settle(&mut self, now: Time, all: &[Staged], how: Settlement, out: &mut Out) {
        match self {
            Self::Push(subscriber) => subscriber.settle(all, how, out),
            Self::Pull(member) => {
                for staged in all {
                    member.done(now, &staged.from, staged.record.offset, out);
                }
            }
            Self::Classic(member) => {
                for staged in all {
                    member.done(now, &staged.from, staged.record.offset, out);
                }
            }
            Self::Poll(puller) => puller.done(all),
            Self::Share(consumer) => {
                let what = match how {
                    Settlement::Done => AcknowledgeType::Accept,
                    Settlement::Requeue => AcknowledgeType::Release,
                    Settlement::Reject => AcknowledgeType::Reject,
                };
                consumer.acknowledge(now, all, what, out);
            }
        }
    }

    /// The broker that pushes, and the number of the subscription.
    pub(super) fn session(&self) -> Option<(NodeId, RequestId)> {
        match self {
            Self::Push(subscriber) => subscriber.session(),
            Self::Pull(_) | Self::Classic(_) | Self::Poll(_) | Self::Share(_) => None,
        }
    }

    /// Whether something waits to be begun.
    pub(super) fn has_next(&self) -> bool {
        !self.staged().is_empty()
    }

    /// Whether the program still has a message in hand, as far as its group knows. Only members know.
    pub(super) fn has_in_hand(&self, staged: &Staged) -> bool {
        matches!(self, Self::Pull(member) if member.has_in_hand(&staged.from, staged.record.offset))
    }

    /// What the program has in hand is not done: it comes again.
    pub(super) fn rewind(&mut self) {
        if let Self::Pull(member) = self {
            member.rewind();
        }
    }

    pub(super) fn next_wakeup(&self) -> Option<Time> {
        match self {
            Self::Push(subscriber) => subscriber.next_wakeup(),
            Self::Pull(member) => member.next_wakeup(),
            Self::Classic(member) => member.next_wakeup(),
            Self::Poll(puller) => puller.next_wakeup(),
            Self::Share(consumer) => consumer.next_wakeup(),
        }
    }

    /// The numbers of the partitions that it reads.
    pub(crate) fn partitions(&self) -> Vec<u32> {
        match self {
            Self::Push(_) => Vec::new(),
            Self::Pull(member) => member.partitions().map(|partition| partition.index).collect(),
            Self::Classic(member) => member.partitions().map(|partition| partition.index).collect(),
            Self::Poll(puller) => puller.partitions().collect(),
            Self::Share(consumer) => consumer.partitions().map(|partition| partition.index).collect(),
        }
    }

    /// What was received and not begun, oldest first.
    pub(crate) fn staged(&self) -> Vec<&Staged> {
        match self {
            Self::Push(subscriber) => subscriber.staged().collect(),
            Self::Pull(member) => member.staged().collect(),
            Self::Classic(member) => member.staged().collect(),
            Self::Poll(puller) => puller.staged().collect(),
            Self::Share(consumer) => consumer.staged().collect(),
        }
    }
}
