//! Pulsar: the vectors of its rules as tables, its parts against plain models, and small clusters that fail.

mod clusters;
mod compacting;
mod geo;
mod ledger_list;
mod ledger_run;
mod ledgers;
mod net;
mod offload;
mod recovering;
mod silence;
mod subscriptions;
mod vectors;
