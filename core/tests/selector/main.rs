//! Selectors: against tables of what each is worth, and against a plain evaluator of random conditions.

mod model;
mod printer;
mod random;
mod tables;
