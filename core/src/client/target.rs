//! Where does a producer send? To a queue, a topic, an exchange, or any of several queues; and what it asks there.

use alloc::vec::Vec;

use crate::broker::{Acks, Request};
use crate::ids::Name;
use crate::observe::Place;
use crate::record::Batches;
use crate::routing::ExchangeName;

/// Where a producer sends.
///
/// ```
/// use mqlab_core::broker::Acks;
/// use mqlab_core::client::Target;
/// use mqlab_core::ids::Name;
/// let topic = Target::Topic(Name::new("orders")?, Acks::All);
/// assert_ne!(topic, Target::Queue(Name::new("orders")?));
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// To a queue.
    Queue(Name),
    /// To a topic; each message to the partition of its key.
    Topic(Name, Acks),
    /// To an exchange; each message names its routing key.
    Exchange {
        /// The exchange.
        name: ExchangeName,
        /// Whether a message that fits no queue comes back.
        mandatory: bool,
        /// Whether the last value is kept for subscribers that come later.
        retain: bool,
    },
    /// To any of these queues, in turn. When a broker does not answer, what was meant for its queue goes to another
    /// one: it is not known whether the first has it, so it may be stored twice.
    AnyOf(Vec<Name>),
}

/// What is asked to keep messages in a place.
pub(super) fn request(place: &Place, target: &Target, batches: Batches) -> Request {
    match (place, target) {
        (Place::Queue(queue), _) => Request::Send { queue: queue.clone(), batches },
        (Place::Partition(partition), target) => {
            let acks = if let Target::Topic(_, acks) = target { *acks } else { Acks::All };
            Request::Produce { partition: partition.clone(), acks, batches }
        }
        (Place::Exchange(exchange), target) => {
            let (mandatory, retain) = match target {
                Target::Exchange { mandatory, retain, .. } => (*mandatory, *retain),
                _ => (false, false),
            };
            Request::Publish { exchange: exchange.clone(), mandatory, retain, batches }
        }
        (Place::Topic(topic), _) => {
            let exchange = topic.clone().into();
            Request::Publish { exchange, mandatory: false, retain: false, batches }
        }
    }
}
