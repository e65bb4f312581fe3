//! How are programs compared on a machine that others use, too? What all of mqlab's benchmarks share.
//!
//! | file | question it answers |
//! |---|---|
//! | [`contest`] | how are two programs compared on a noisy machine? |
//! | [`machine`] | which machine was it, and how busy? |
//! | [`report`] | how is a run made, shown and kept? |

pub mod contest;
pub mod machine;
pub mod report;
