//! The lab: a whole cluster on one agenda, seeded, that can be stopped, drawn and taken back.

mod admin;
mod adversity;
mod agenda;
mod asking;
mod beside;
mod built_in;
mod calls;
mod carrying;
mod cleanup_check;
mod clients;
mod clocks;
mod command;
mod controllers;
mod disks;
mod draft;
mod draw;
mod draw_host;
mod drawn;
mod facts;
mod first_view;
mod group_check;
mod host_check;
mod links;
mod lives;
mod network;
mod onward;
mod own_transaction;
mod packed;
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
mod service;
mod service_spec;
mod serving;
mod shop;
mod shrink;
mod spec;
mod still;
mod stream;
pub mod swarm;
mod timeline;
mod together;
mod traffic;
mod user;
mod usual;
mod world;

pub use admin::AdminAction;
pub use asking::AskSpec;
pub use command::{Action, BadAction, Command};
pub use controllers::CONTROLLERS_MAX;
pub use draft::{BODY_BYTES_MAX, LateSpec, MessageSpec};
pub use drawn::{DRAWN_MAX, FaultKind, FaultPlan};
pub use host_check::MAILBOX_ROOM_MIN;
pub use onward::{ONWARD_MAX, OnwardSpec};
pub use own_transaction::{HowTransaction, Keeps, TransactionSpec};
pub use packed::{BadPacked, PACKED_MAX, UNPACKED_MAX};
pub use permits::CommandRefused;
pub use program_spec::{OnFailure, ProgramSpec, ReadingSpec, Settles};
pub use pull_check::PULL_BYTES_MAX;
pub use scenario::{
    ConsumerSpec, ExchangeSpec, InvalidScenario, LimitSpec, MESSAGES_MAX, NODES_MAX, PARTITIONS_MAX,
    PATIENCE_MAX, PATIENCE_MIN, ProducerSpec, QueueSpec, RUN_MICROS_MAX, SCENARIO_FORMAT, Scenario,
    SourceSpec, TargetSpec, TopicSpec,
};
pub use service_spec::{BACKLOG_MAX, STEPS_MAX, ServiceSpec, StepSpec, UserSpec, WORKERS_MAX, WorkSpec};
pub use shrink::{Shrunk, shrink};
pub use timeline::{BranchView, Timeline};
pub use traffic::Traffic;
pub use world::World;
