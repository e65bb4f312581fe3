//! One kind of error: a line for a person that says what went wrong and what to do.

use std::fmt;

/// What went wrong, in words for the person at the terminal.
///
/// Automation has nobody else to tell: no caller tells kinds of failure apart, so there are no kinds.
#[derive(Debug)]
pub struct Error(String);

/// What every fallible function here returns.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error that says `message`.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// Adds to a library's error what was being done when it came up: "No such file" alone helps nobody.
pub trait Context<T> {
    /// Turns an error into ours, as `doing: error`.
    fn context(self, doing: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: fmt::Display> Context<T> for std::result::Result<T, E> {
    fn context(self, doing: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Error(format!("{}: {error}", doing())))
    }
}
