//! What do the systems have that is only theirs? Each is a point in one space; most of it is shared, and below this
//! layer. Here stands the rest, under the names that the systems themselves use.
//!
//! | | ActiveMQ | RabbitMQ | RocketMQ | Kafka | Pulsar |
//! |---|---|---|---|---|---|
//! | routing | queue, topic, virtual topic, selector | exchange and binding | topic to queues, tag and SQL filter | partitioner by key | partitioned topic by key |
//! | storage | journal and index of a broker | a log of a queue | one commit log, a consume queue of each topic queue | a log of a partition | ledgers striped over bookies |
//! | delivery | push with prefetch | push with prefetch | long poll that looks like push | pull | push by permits |
//! | acknowledgement | individual | individual, multiple | offset | offset | individual and cumulative |
//! | replication | one store, one master | quorum | master and slave | in-sync set, leader epoch | write and ack quorum, fencing |

pub mod activemq;
mod host;
pub mod pulsar;
pub mod rabbitmq;
pub mod rocketmq;

pub use host::{Input, Out};
