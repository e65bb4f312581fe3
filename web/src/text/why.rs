//! Why something happened to a message, in words.

use super::{Lang, spaced};

/// An earlier fact led to it.
pub fn because(fact: &str, moment: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("because {fact} ({moment})"),
        Lang::Zh => spaced(&format!("因为{fact}（{moment}）")),
    }
}

/// Nothing was heard since.
pub fn no_answer(since: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("because no answer came since {since}"),
        Lang::Zh => format!("因为从 {since} 起一直没有答复"),
    }
}

/// Steps that are not shown.
pub fn left_out(count: usize, lang: Lang) -> String {
    match lang {
        Lang::En => format!("… {count} more steps, not shown"),
        Lang::Zh => format!("……还有 {count} 步没有列出"),
    }
}
