//! The command line of mqlab.

fn main() {}
