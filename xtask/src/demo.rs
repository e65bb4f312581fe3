//! `cargo xtask demo`: build the page, serve it, show it.

use std::env;
use std::sync::Arc;

use crate::error::{Context, Result};
use crate::serve::SiteServer;
use crate::site;
use crate::workspace::Workspace;

/// The port that is tried first, where nobody names one.
pub const DEFAULT_PORT: u16 = 8080;

/// Builds and serves the page until Ctrl-C.
pub fn run(workspace: &Workspace, port: u16, open: bool) -> Result<()> {
    site::build(workspace)?;
    let server = Arc::new(SiteServer::bind(&workspace.site(), port)?);
    let stop = Arc::clone(&server);
    ctrlc::set_handler(move || stop.stop()).context(|| "cannot listen for Ctrl-C".into())?;
    if port != 0 && server.port() != port {
        eprintln!("port {port} is taken, so it is {}", server.port());
    }
    eprintln!("The page is ready (Ctrl-C stops it):");
    println!("{}", server.address());
    if open && has_desktop() {
        // Where no browser comes up, the address above is all a person needs.
        let _ = open::that_detached(server.address());
    }
    server.run();
    eprintln!("stopped");
    Ok(())
}

/// Whether a window can open. Without this question `xdg-open` on a bare machine may start a browser for the terminal.
fn has_desktop() -> bool {
    let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || set("DISPLAY") || set("WAYLAND_DISPLAY") || set("WSL_DISTRO_NAME")
}
