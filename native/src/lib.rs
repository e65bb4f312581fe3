//! Durable queues and topics in files: the mqlab engine on a machine's disk.
