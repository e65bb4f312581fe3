//! What is a topic called? By its tenant, its namespace and its own name, with the kind of storage in front.
//!
//! ```text
//!   persistent :// acme / orders / paid-partition-2
//!   └ domain ┘     └ tenant ┘ └ namespace ┘ └ local name, and which of its partitions
//!
//!   paid                 short for   persistent://public/default/paid
//!   acme/orders/paid     short for   persistent://acme/orders/paid
//!   orders/paid          nothing: is it a tenant's namespace or a namespace's topic?
//! ```
//!
//! A partition of a topic is a topic of its own, and a broker owns it by itself: only clients know that several make one.
//! The topics where messages go that a subscription could not use are named after both.
//!
//! Left out: names of Pulsar 1, with a cluster between tenant and namespace; they are refused. Each part is a
//! [`Name`], so `=` and `:`, which Pulsar allows in a tenant's name, are refused too.
//!
//! Source: Pulsar's Go client, `topic_name.go`, `dlq_router.go`, `retry_router.go`.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::{Name, PartitionId};

/// What stands between the name of a topic and the number of its partition.
pub const PARTITION_SUFFIX: &str = "-partition-";

/// The tenant of a short name.
pub const PUBLIC_TENANT: &str = "public";

/// The namespace of a short name.
pub const DEFAULT_NAMESPACE: &str = "default";

/// What stands between the parts of a topic's place; no part has it.
const PLACE_SEPARATOR: &str = "_.";

/// Whether a topic's messages are kept.
///
/// ```
/// use mqlab_core::systems::pulsar::{Domain, TopicName};
/// let topic: TopicName = "non-persistent://public/default/ticks".parse()?;
/// assert_eq!(topic.domain(), Domain::NonPersistent);
/// # Ok::<(), mqlab_core::systems::pulsar::BadTopicName>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Domain {
    /// In ledgers, until every subscription has acknowledged it.
    Persistent,
    /// Nowhere: who is not ready at once misses it.
    NonPersistent,
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Persistent => "persistent",
            Self::NonPersistent => "non-persistent",
        })
    }
}

/// The full name of a topic, or of one of its partitions.
///
/// ```
/// use mqlab_core::systems::pulsar::TopicName;
/// let topic: TopicName = "paid".parse()?;
/// assert_eq!(topic.to_string(), "persistent://public/default/paid");
/// let partition = topic.partition(2)?;
/// assert_eq!(partition.to_string(), "persistent://public/default/paid-partition-2");
/// assert_eq!((partition.partition_index(), partition.topic()), (Some(2), topic));
/// # Ok::<(), mqlab_core::systems::pulsar::BadTopicName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TopicName {
    domain: Domain,
    tenant: Name,
    namespace: Name,
    /// Without the partition.
    local: Name,
    partition: Option<u32>,
    /// Of a second cluster, what facts call it: both have topics of the same names.
    cluster: Option<Name>,
}

impl TopicName {
    /// Whether its messages are kept.
    pub fn domain(&self) -> Domain {
        self.domain
    }

    /// Who it belongs to.
    pub fn tenant(&self) -> &Name {
        &self.tenant
    }

    /// The unit of policies: retention, limits, time to live are set for all topics of a namespace.
    pub fn namespace(&self) -> &Name {
        &self.namespace
    }

    /// The last part, without the partition.
    pub fn local(&self) -> &Name {
        &self.local
    }

    /// Which partition it is, if it is one.
    pub fn partition_index(&self) -> Option<u32> {
        self.partition
    }

    /// The topic of the same name in another cluster: facts tell the two apart by what they call that cluster, if anything.
    ///
    /// ```
    /// use mqlab_core::ids::Name;
    /// use mqlab_core::systems::pulsar::TopicName;
    /// let topic: TopicName = "paid".parse()?;
    /// let there = topic.of_cluster(Some(Name::new("south")?));
    /// assert_eq!((there.place()?.to_string(), there.to_string()), ("south_.paid/0".into(), topic.to_string()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn of_cluster(&self, cluster: Option<Name>) -> Self {
        Self { cluster, ..self.clone() }
    }

    /// What facts call the cluster that it is in, if anything.
    pub fn cluster(&self) -> Option<&Name> {
        self.cluster.as_ref()
    }

    /// The topic that it is a partition of; itself if it is none.
    #[must_use]
    pub fn topic(&self) -> Self {
        Self { partition: None, ..self.clone() }
    }

    /// One of its partitions.
    ///
    /// # Errors
    ///
    /// [`BadTopicName::Partition`] when it is one already.
    pub fn partition(&self, index: u32) -> Result<Self, BadTopicName> {
        match self.partition {
            None => Ok(Self { partition: Some(index), ..self.clone() }),
            Some(_) => Err(BadTopicName::Partition(self.to_string())),
        }
    }

    /// The topic where a subscription puts messages to be delivered again later.
    ///
    /// # Errors
    ///
    /// When it would be too long for a name.
    ///
    /// ```
    /// use mqlab_core::systems::pulsar::TopicName;
    /// let topic: TopicName = "paid-partition-2".parse()?;
    /// assert_eq!(topic.retry("mail")?.to_string(), "persistent://public/default/paid-mail-RETRY");
    /// assert_eq!(topic.dead_letters("mail")?.to_string(), "persistent://public/default/paid-mail-DLQ");
    /// # Ok::<(), mqlab_core::systems::pulsar::BadTopicName>(())
    /// ```
    pub fn retry(&self, subscription: &str) -> Result<Self, BadTopicName> {
        self.beside(subscription, "RETRY")
    }

    /// The topic where a subscription puts messages that it has given up.
    ///
    /// # Errors
    ///
    /// As for [`retry`](Self::retry).
    pub fn dead_letters(&self, subscription: &str) -> Result<Self, BadTopicName> {
        self.beside(subscription, "DLQ")
    }

    fn beside(&self, subscription: &str, suffix: &str) -> Result<Self, BadTopicName> {
        let local = part(&format!("{}-{subscription}-{suffix}", self.local))?;
        Ok(Self { domain: Domain::Persistent, local, partition: None, ..self.clone() })
    }

    /// Where its messages stand, as facts name it: a topic that is not partitioned is its own partition 0.
    ///
    /// Topics of the default namespace go by their local names, others by all parts.
    ///
    /// ```
    /// use mqlab_core::systems::pulsar::TopicName;
    /// let place = |name: &str| Ok::<_, Box<dyn std::error::Error>>(name.parse::<TopicName>()?.place()?.to_string());
    /// assert_eq!(place("paid-partition-2")?, "paid/2");
    /// assert_eq!(place("acme/orders/paid")?, "acme_.orders_.paid/0");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the parts together are too long for a name.
    pub fn place(&self) -> Result<PartitionId, BadTopicName> {
        let default = self.tenant.as_str() == PUBLIC_TENANT && self.namespace.as_str() == DEFAULT_NAMESPACE;
        let topic = if default && self.cluster.is_none() {
            self.local.clone()
        } else {
            let of = [self.tenant.as_str(), self.namespace.as_str()].into_iter().filter(|_| !default);
            let cluster = self.cluster.as_ref().map(Name::as_str);
            let all: Vec<&str> = cluster.into_iter().chain(of).chain([self.local.as_str()]).collect();
            Name::new(&all.join(PLACE_SEPARATOR))
                .map_err(|bad| BadTopicName::Part { part: bad.name, rule: bad.rule })?
        };
        Ok(PartitionId { topic, index: self.partition.unwrap_or(0) })
    }

    /// What it is called where a name is one word: as its [place](Self::place) says, or, where that would be too long, by
    /// its last part.
    pub fn label(&self) -> Name {
        self.place().map_or_else(|_| self.local.clone(), |place| place.topic)
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}/{}/{}", self.domain, self.tenant, self.namespace, self.local)?;
        match self.partition {
            Some(index) => write!(f, "{PARTITION_SUFFIX}{index}"),
            None => Ok(()),
        }
    }
}

impl TryFrom<String> for TopicName {
    type Error = BadTopicName;

    fn try_from(text: String) -> Result<Self, BadTopicName> {
        text.parse()
    }
}

impl From<TopicName> for String {
    /// As short as it can be said.
    fn from(topic: TopicName) -> Self {
        let full = topic.to_string();
        let short = full.strip_prefix("persistent://");
        let default = format!("{PUBLIC_TENANT}/{DEFAULT_NAMESPACE}/");
        short.map_or(full.clone(), |short| short.strip_prefix(&default).unwrap_or(short).into())
    }
}

/// A tenant, a namespace or a local name.
fn part(text: &str) -> Result<Name, BadTopicName> {
    let bad = |rule| BadTopicName::Part { part: text.into(), rule };
    if text.contains(PLACE_SEPARATOR) {
        return Err(bad(
            "an underscore is not followed by a dot: that separates parts where a place is one name",
        ));
    }
    Name::new(text).map_err(|error| bad(error.rule))
}

impl FromStr for TopicName {
    type Err = BadTopicName;

    fn from_str(text: &str) -> Result<Self, BadTopicName> {
        let (domain, path) = match text.split_once("://") {
            None => (Domain::Persistent, text),
            Some(("persistent", path)) => (Domain::Persistent, path),
            Some(("non-persistent", path)) => (Domain::NonPersistent, path),
            Some((domain, _)) => return Err(BadTopicName::Domain(domain.into())),
        };
        let short = !text.contains("://");
        let mut parts = path.split('/');
        let (tenant, namespace, local) = match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(local), None, ..) if short => (PUBLIC_TENANT, DEFAULT_NAMESPACE, local),
            (Some(tenant), Some(namespace), Some(local), None) => (tenant, namespace, local),
            _ => return Err(BadTopicName::Parts(text.into())),
        };
        // What looks like a partition's number and is none belongs to the name, as in Pulsar's clients.
        let numbered = local.rsplit_once(PARTITION_SUFFIX).and_then(|(topic, number)| {
            let index: u32 = number.parse().ok()?;
            (index.to_string() == number && !topic.is_empty()).then_some((topic, index))
        });
        let (local, partition) = match numbered {
            Some((topic, index)) => (topic, Some(index)),
            None => (local, None),
        };
        Ok(Self {
            domain,
            tenant: part(tenant)?,
            namespace: part(namespace)?,
            local: part(local)?,
            partition,
            cluster: None,
        })
    }
}

/// A text that names no topic.
///
/// ```
/// use mqlab_core::systems::pulsar::{BadTopicName, TopicName};
/// let error = "orders/paid".parse::<TopicName>().expect_err("two parts say too little");
/// assert_eq!(error, BadTopicName::Parts("orders/paid".into()));
/// assert_eq!(error.to_string(), "\"orders/paid\" names no topic: write NAME, TENANT/NAMESPACE/NAME, or all with \
///     persistent:// or non-persistent:// in front");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadTopicName {
    /// Neither persistent nor non-persistent.
    Domain(String),
    /// Not one part and not three.
    Parts(String),
    /// A part that cannot be used.
    Part {
        /// Which.
        part: String,
        /// What is allowed instead.
        rule: &'static str,
    },
    /// A partition has no partitions.
    Partition(String),
}

impl fmt::Display for BadTopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain(domain) => {
                write!(f, "{domain:?} is no domain of topics: persistent or non-persistent")
            }
            Self::Parts(text) => write!(
                f,
                "{text:?} names no topic: write NAME, TENANT/NAMESPACE/NAME, or all with persistent:// or \
                 non-persistent:// in front"
            ),
            Self::Part { part, rule } => write!(f, "{part:?} cannot be part of a topic's name: {rule}"),
            Self::Partition(topic) => write!(f, "{topic} is a partition, and has none"),
        }
    }
}

impl core::error::Error for BadTopicName {}
