//! What is a node called? What the scenario calls it, or what it is, and which one.

use mqlab_core::ids::{Name, NodeId};
use mqlab_core::sim::picture::Picture;
use mqlab_core::sorted::SortedMap;

use super::{Lang, pulsar, row};

/// How the nodes of a run are called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    given: SortedMap<NodeId, String>,
    /// Whether the only controller is a metadata store.
    pub(super) has_store: bool,
    /// Whether its old ledgers go to an object store.
    has_objects: bool,
    /// Where there are several clusters: whose metadata store is whose.
    stores: SortedMap<NodeId, Name>,
}

impl Names {
    /// The names that a picture shows.
    pub fn of(picture: &Picture) -> Self {
        let producers = picture.producers.iter().map(|view| (view.node, view.name.clone()));
        let consumers = picture.consumers.iter().map(|view| (view.node, view.name.clone()));
        let services = picture.services.iter().map(|view| (view.node, view.name.clone()));
        let users = picture.users.iter().map(|view| (view.node, view.name.clone()));
        let all = producers.chain(consumers).chain(services).chain(users);
        let has_store = pulsar::plays(picture);
        let has_objects = has_store && picture.brokers.iter().any(|view| view.node == NodeId::Store);
        let stores = picture.controllers.iter();
        let stores =
            stores.filter_map(|view| Some((view.node, picture.cluster_of(view.node)?.clone()))).collect();
        Self { given: all.filter(|(_, name)| !name.is_empty()).collect(), has_store, has_objects, stores }
    }

    /// A node's name within a sentence.
    pub fn node(&self, node: NodeId, lang: Lang) -> String {
        if let Some(name) = self.given.get(&node) {
            return name.clone();
        }
        if let Some(cluster) = self.stores.get(&node) {
            return match lang {
                Lang::En => format!("{cluster}'s metadata store"),
                Lang::Zh => format!("{cluster} 的元数据存储"),
            };
        }
        match (lang, node) {
            (_, NodeId::Controller) if self.has_store => match lang {
                Lang::En => "the metadata store".into(),
                Lang::Zh => pulsar::STORE.get(lang).into(),
            },
            (Lang::En, NodeId::Store) if self.has_objects => "the object store".into(),
            (Lang::Zh, NodeId::Store) if self.has_objects => pulsar::OBJECTS.get(lang).into(),
            (Lang::En, NodeId::Controller) => "the controller".into(),
            (Lang::Zh, NodeId::Controller) => "控制器".into(),
            (Lang::En, NodeId::Broker(number)) => format!("broker {number}"),
            (Lang::Zh, NodeId::Broker(number)) => format!("Broker {number}"),
            (Lang::En, NodeId::Producer(number)) => format!("producer {number}"),
            (Lang::Zh, NodeId::Producer(number)) => format!("生产者 {number}"),
            (Lang::En, NodeId::Consumer(number)) => format!("consumer {number}"),
            (Lang::Zh, NodeId::Consumer(number)) => format!("消费者 {number}"),
            (Lang::En, NodeId::Service(number)) => format!("service {number}"),
            (Lang::Zh, NodeId::Service(number)) => format!("服务 {number}"),
            (Lang::En, NodeId::User(number)) => format!("users {number}"),
            (Lang::Zh, NodeId::User(number)) => format!("用户 {number}"),
            (Lang::En, NodeId::Voter(number)) => format!("controller {number}"),
            (Lang::Zh, NodeId::Voter(number)) => format!("控制器 {number}"),
            (Lang::En, NodeId::Bookie(number)) => format!("bookie {number}"),
            (Lang::Zh, NodeId::Bookie(number)) => format!("Bookie {number}"),
            (Lang::En, NodeId::NameServer(number)) => format!("name server {number}"),
            (Lang::Zh, NodeId::NameServer(number)) => format!("NameServer {number}"),
            (Lang::En, NodeId::Store) => "shared store".into(),
            (Lang::Zh, NodeId::Store) => "共享存储".into(),
        }
    }

    pub(super) fn nodes(&self, nodes: &[NodeId], lang: Lang) -> String {
        let names: Vec<String> = nodes.iter().map(|node| self.node(*node, lang)).collect();
        row(&names, lang)
    }
}
