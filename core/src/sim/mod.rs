//! The lab: a whole cluster on one agenda, seeded, that can be stopped, drawn and taken back.

mod acknowledging;
mod admin;
mod adversity;
mod agenda;
mod asking;
mod beside;
mod built_in;
mod calls;
mod carrying;
mod change_check;
mod changing;
mod cleanup_check;
mod clients;
mod clocks;
mod command;
pub mod compare;
mod controllers;
mod cost;
mod described;
mod disks;
mod draft;
mod draw;
mod draw_host;
mod draw_share;
mod drawn;
mod facts;
mod first_view;
mod group_check;
mod guests;
mod host_check;
mod in_transactions;
mod line;
mod links;
mod lives;
mod lookout;
mod network;
mod nodes;
mod onward;
mod own_transaction;
mod packed;
mod page_link;
mod permits;
pub mod picture;
mod power;
mod program;
mod program_spec;
mod promised;
mod pull_check;
mod remember;
mod renumber;
mod scenario;
mod scenario_file;
mod service;
mod service_spec;
mod serving;
mod share_check;
mod shop;
mod shrink;
mod source;
mod spec;
mod still;
mod stream;
mod subscriptions;
pub mod swarm;
mod timeline;
mod together;
mod traffic;
mod transactional_spec;
mod transform;
mod trips;
mod txn_facts;
mod under_way;
mod user;
mod usual;
mod wakes;
mod wires;
mod words;
mod worker_end;
mod world;

pub use admin::AdminAction;
pub use asking::AskSpec;
pub use command::{Action, BadAction, Command};
pub use controllers::CONTROLLERS_MAX;
pub use cost::{
    BadCatalogue, Bill, CATALOGUE_MAX, CORES_MAX, COST_MAX, Catalogue, Costs, Machine, Path, Sourced, System,
};
pub use draft::{BODY_BYTES_MAX, LateSpec, MessageSpec};
pub use drawn::{DRAWN_MAX, FaultKind, FaultPlan};
pub use guests::activemq::{
    ActivemqDestination, ActivemqPolicy, ActivemqReads, ActivemqRedelivery, ActivemqSharedStore,
    ActivemqSource, ActivemqSpec, ActivemqTarget, ActivemqTransport, OnByDefault,
};
pub use guests::pulsar::{
    PulsarAutoRecovery, PulsarBatching, PulsarCompaction, PulsarGeo, PulsarLedgers, PulsarOffload,
    PulsarPatience, PulsarRetry, PulsarSource, PulsarSpec, PulsarTarget, PulsarType,
};
pub use guests::{
    GivesBack, OnNack, RabbitmqLimit, RabbitmqQueue, RabbitmqSettings, RabbitmqSource, RabbitmqSpec,
    RabbitmqTarget, StreamOffset,
};
pub use guests::{
    RocketmqBrokerSpec, RocketmqClientSpec, RocketmqControllerSpec, RocketmqReplication, RocketmqSend,
    RocketmqSource, RocketmqSpec, RocketmqTarget,
};
pub use guests::{SystemName, SystemSource, SystemSpec, SystemTarget};
pub use host_check::MAILBOX_ROOM_MIN;
pub use lookout::{Lookout, Next};
pub use onward::{ONWARD_MAX, OnwardSpec};
pub use own_transaction::{HowTransaction, Keeps, TransactionSpec};
pub use packed::{BadPacked, PACKED_MAX, UNPACKED_MAX, pack_text, unpack_text};
pub use page_link::{BadLink, COMMANDS_MAX, LinkPlace, PageLink, READABLE_MAX, SCENARIO_USUAL, encoded};
pub use permits::CommandRefused;
pub use program_spec::{OnFailure, ProgramSpec, ReadingSpec, Settles};
pub use pull_check::PULL_BYTES_MAX;
pub use scenario::{
    BURST_MAX, CLIENTS_MAX, ConsumerSpec, ExchangeSpec, InvalidScenario, LimitSpec, MESSAGES_MAX, NODES_MAX,
    PARTITIONS_MAX, PATIENCE_MAX, PATIENCE_MIN, ProducerSpec, QueueSpec, RUN_MICROS_MAX, SCENARIO_FORMAT,
    Scenario, SourceSpec, TargetSpec, TopicSpec,
};
pub use scenario_file::{BadFile, SCENARIO_FILE_MAX};
pub use service_spec::{BACKLOG_MAX, STEPS_MAX, ServiceSpec, StepSpec, UserSpec, WORKERS_MAX, WorkSpec};
pub use shrink::{Shrunk, shrink};
pub use timeline::{BRANCHES_MAX, BranchView, Difference, NAME_MAX, Timeline};
pub use traffic::Traffic;
pub use transactional_spec::{TXN_MESSAGES_MAX, TransactionalSpec, TransformSpec};
pub use trips::{TRIPS_MAX, Trip, Trips};
pub use under_way::{FLOW_MIN, FlowView, PACKETS_MAX, UnderWay};
pub use world::World;
