//! RabbitMQ: what only it has, held by vectors, by naive models, by quorums whose members die, and by clusters.

mod clients;
mod cluster;
mod fifo;
mod fifo_model;
mod lab;
mod member;
mod net;
mod profile;
mod quorum;
mod stream;
