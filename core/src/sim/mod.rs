//! The lab: a whole cluster on one agenda, seeded, that can be stopped, drawn and taken back.

pub mod picture;
