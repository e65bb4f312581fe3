//! What is in a destination's name? Options for its consumers behind a question mark; a virtual topic's queue.
//!
//! | name | is |
//! |---|---|
//! | `orders?consumer.prefetchSize=10&consumer.exclusive=true` | the queue `orders`, and what its consumer wants |
//! | `VirtualTopic.Orders` | a topic, each message of which is copied to its queues |
//! | `Consumer.billing.VirtualTopic.Orders` | a queue that gets a copy of each, as long as it exists |
//! | `STOCK.*.IBM`, `STOCK.>` | all topics of one level there, or of any |
//!
//! Sources: ActiveMQ, "Destination Options", "Virtual Destinations", "Wildcards"; `VirtualTopic.java`.

use alloc::string::String;
use core::fmt;

use super::{QUEUE_PREFETCH, prefetch_flow};
use crate::ids::Name;
use crate::queue::{ConsumerOptions, Flow};
use crate::selector::Selector;

/// Which topics are virtual ones.
const VIRTUAL: &str = "VirtualTopic.";
/// How the names of their queues begin: then comes the consumer's name, and the topic's.
const CONSUMER: &str = "Consumer.";

/// A destination by its kind and its name.
///
/// ```
/// use mqlab_core::ids::Name;
/// use mqlab_core::systems::activemq::DestinationName;
/// let orders = DestinationName::Queue(Name::new("orders")?);
/// assert_eq!(orders.to_string(), "queue://orders");
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DestinationName {
    /// A queue.
    Queue(Name),
    /// A topic.
    Topic(Name),
}

impl DestinationName {
    /// Its name.
    pub fn name(&self) -> &Name {
        match self {
            Self::Queue(name) | Self::Topic(name) => name,
        }
    }
}

impl fmt::Display for DestinationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queue(name) => write!(f, "queue://{name}"),
            Self::Topic(name) => write!(f, "topic://{name}"),
        }
    }
}

/// The virtual topic of which a queue of this name gets a copy: `Consumer.A.VirtualTopic.X` of `VirtualTopic.X`.
///
/// ```
/// use mqlab_core::systems::activemq::virtual_topic_of;
/// assert_eq!(virtual_topic_of("Consumer.A.VirtualTopic.X.Y"), Some("VirtualTopic.X.Y"));
/// assert_eq!(virtual_topic_of("Consumer.A.B.VirtualTopic.X"), None); // a name is one word
/// assert_eq!(virtual_topic_of("orders"), None);
/// ```
pub fn virtual_topic_of(queue: &str) -> Option<&str> {
    let (name, topic) = queue.strip_prefix(CONSUMER)?.split_once('.')?;
    let rest = topic.strip_prefix(VIRTUAL)?;
    (!name.is_empty() && !rest.is_empty()).then_some(topic)
}

/// A destination's options that cannot be.
///
/// ```
/// use mqlab_core::systems::activemq::parse_destination;
/// let error = parse_destination("orders?consumer.prefetchSize=many").expect_err("it is no number");
/// assert_eq!(error.to_string(), "the destination option consumer.prefetchSize cannot be \"many\"");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadDestination {
    /// Which option.
    pub option: String,
    /// Its value.
    pub value: String,
}

impl fmt::Display for BadDestination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the destination option {} cannot be {:?}", self.option, self.value)
    }
}

impl core::error::Error for BadDestination {}

/// A queue's name, and what a consumer of it wants: its prefetch is 1000 where it names none, and 0 means that it asks for
/// each message.
///
/// ```
/// use mqlab_core::queue::Flow;
/// use mqlab_core::systems::activemq::parse_destination;
/// let (queue, options) = parse_destination("orders?consumer.priority=5&consumer.exclusive=true")?;
/// assert_eq!((queue, options.priority, options.exclusive), ("orders", 5, true));
/// assert_eq!(options.flow, Flow::Prefetch(1_000));
/// # Ok::<(), mqlab_core::systems::activemq::BadDestination>(())
/// ```
///
/// # Errors
///
/// [`BadDestination`] for an option that is not known, or a value that it cannot have.
pub fn parse_destination(text: &str) -> Result<(&str, ConsumerOptions), BadDestination> {
    let (name, query) = text.split_once('?').unwrap_or((text, ""));
    let flow = Flow::Prefetch(QUEUE_PREFETCH);
    let mut options = ConsumerOptions { flow, ..ConsumerOptions::default() };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (option, value) = pair.split_once('=').unwrap_or((pair, ""));
        let bad = || BadDestination { option: option.into(), value: value.into() };
        match option {
            "consumer.prefetchSize" => options.flow = prefetch_flow(value.parse().map_err(|_| bad())?),
            "consumer.priority" => options.priority = value.parse::<i8>().map_err(|_| bad())?.into(),
            "consumer.exclusive" => options.exclusive = value.parse().map_err(|_| bad())?,
            "consumer.selector" => options.selector = Some(Selector::parse(value).map_err(|_| bad())?),
            _ => return Err(bad()),
        }
    }
    Ok((name, options))
}
