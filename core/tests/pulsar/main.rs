//! Pulsar: the vectors of its rules as tables, its parts against plain models, and small clusters that fail.

mod vectors;
