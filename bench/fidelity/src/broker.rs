//! What does a script need of a broker? To do a step, wait until all is quiet, and say what anybody saw.

use std::error::Error;

use crate::script::{Script, Step};

/// A script that cannot be played, or a broker that does not answer. What a broker refuses is no error: it is seen.
pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A broker, real or not.
pub trait Broker {
    /// Which it is, with its version.
    fn version(&self) -> String;

    /// Makes it empty, and as the script wants it.
    ///
    /// # Errors
    ///
    /// When the broker does not answer.
    fn begin(&mut self, script: &Script) -> Result<()>;

    /// Does a step, and says what was seen: first by who did it, then by others, in order of their names.
    ///
    /// # Errors
    ///
    /// When the step is none, or the broker does not answer.
    fn perform(&mut self, step: &Step) -> Result<Vec<String>>;

    /// Ends whatever the script began.
    ///
    /// # Errors
    ///
    /// When the broker does not answer.
    fn end(&mut self) -> Result<()>;
}
