//! RocketMQ: vectors of its rules, its store against a plain list, and small clusters in which machines are lost.

mod cluster;
mod loss;
mod net;
mod reading;
mod store;
mod vectors;
