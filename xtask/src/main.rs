//! Automation: `cargo xtask demo`, `cargo xtask test`, `cargo xtask dist`.

fn main() {}
