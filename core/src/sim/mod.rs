//! The lab: a whole cluster on one agenda, seeded, that can be stopped, drawn and taken back.

mod actors;
mod agenda;
mod built_in;
mod calls;
mod clients;
mod command;
mod draft;
mod draw;
mod draw_host;
mod host_check;
mod network;
pub mod picture;
mod power;
mod program;
mod scenario;
mod service;
mod service_spec;
mod timeline;
mod user;
mod world;

pub use command::{Action, BadAction, Command};
pub use draft::{BODY_BYTES_MAX, MessageSpec};
pub use program::{OnFailure, ProgramSpec, ReadingSpec, Settles};
pub use scenario::{
    ConsumerSpec, ExchangeSpec, InvalidScenario, LimitSpec, MESSAGES_MAX, NODES_MAX, PARTITIONS_MAX,
    PATIENCE_MAX, PATIENCE_MIN, ProducerSpec, QueueSpec, RUN_MICROS_MAX, SCENARIO_FORMAT, Scenario,
    SourceSpec, TargetSpec, TopicSpec,
};
pub use service_spec::{BACKLOG_MAX, STEPS_MAX, ServiceSpec, StepSpec, UserSpec, WORKERS_MAX, WorkSpec};
pub use timeline::{BranchView, Timeline};
pub use world::{CommandRefused, World};
