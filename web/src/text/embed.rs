//! The words of a lab within somebody's page.

use super::{Both, Lang, both};
use crate::embed::{BadAttribute, CONTROLS, THEMES};

/// What it is called where nothing runs.
pub const TITLE: Both = both("A message queue, simulated", "消息队列模拟");
/// The way to the whole page.
pub const OPEN: Both = both("Open in mqlab", "在 mqlab 中打开");

/// An attribute that cannot be meant.
pub fn bad(why: &BadAttribute, lang: Lang) -> String {
    match (why, lang) {
        (BadAttribute::Control(name), Lang::En) => {
            format!(
                "<mq-lab> has no control “{name}”. The attribute controls takes: {}.",
                CONTROLS.join(", ")
            )
        }
        (BadAttribute::Control(name), Lang::Zh) => {
            format!("<mq-lab> 没有“{name}”这个控件。controls 属性可以写：{}。", CONTROLS.join("、"))
        }
        (BadAttribute::Theme(name), Lang::En) => {
            format!("<mq-lab> has no theme “{name}”. The attribute theme takes: {}.", THEMES.join(", "))
        }
        (BadAttribute::Theme(name), Lang::Zh) => {
            format!("<mq-lab> 没有“{name}”这种配色。theme 属性可以写：{}。", THEMES.join("、"))
        }
        (BadAttribute::Lang(tag), Lang::En) => {
            format!("<mq-lab> does not speak “{tag}”. The attribute lang takes: en, zh.")
        }
        (BadAttribute::Lang(tag), Lang::Zh) => {
            format!("<mq-lab> 没有“{tag}”这种语言。lang 属性可以写：en、zh。")
        }
        (BadAttribute::Seed(seed), Lang::En) => {
            format!(
                "The attribute seed of <mq-lab> is “{seed}”, which is no whole number from 0 to {}.",
                u64::MAX
            )
        }
        (BadAttribute::Seed(seed), Lang::Zh) => {
            format!("<mq-lab> 的 seed 属性“{seed}”不是 0 到 {} 之间的整数。", u64::MAX)
        }
    }
}
