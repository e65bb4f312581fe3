//! RabbitMQ: what only it has, held by vectors, by naive models, and by quorums whose members die.

mod clients;
mod fifo;
mod fifo_model;
mod lab;
mod member;
mod net;
mod profile;
mod quorum;
mod stream;
