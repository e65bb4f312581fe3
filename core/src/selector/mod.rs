//! stub
use alloc::sync::Arc;
/// stub
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Selector(Arc<str>);
impl Selector {
    /// stub
    pub fn parse(s: &str) -> Result<Self, core::fmt::Error> {
        Ok(Self(s.into()))
    }
    /// stub
    pub fn matches(&self, _: &crate::message::Message) -> bool {
        true
    }
}
