//! A visitor at a desk without a browser: opens a link, asks for something, and reads the panel.

use mqlab_web::desk::action::Action;
use mqlab_web::desk::panel::Panel;
use mqlab_web::desk::{Desk, Visitor};

/// A desk with what a link leads to, for somebody who reads English.
pub(crate) fn visit(query: &str) -> Desk {
    Desk::new(&Visitor { query: query.into(), languages: "en-GB,en".into(), ..Visitor::default() })
}

/// The panel after something was asked for, long after the last one.
pub(crate) fn after(desk: &mut Desk, clock: &mut f64, action: Action) -> Panel {
    desk.act(action);
    *clock += 10_000.0;
    desk.panel(*clock).unwrap_or_default()
}
