//! A RabbitMQ of its own: on loopback, with free ports, and with data, logs, name and cookie below a folder.

use std::ffi::OsString;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::NotInstalled;
use super::guard::{Guard, LOOKS_EVERY};
use crate::broker::Result;

/// Where Debian's package has the server, in a folder that is called after its version.
const INSTALLED: &str = "/usr/lib/rabbitmq/lib";
/// How that folder's name begins.
const VERSIONED: &str = "rabbitmq_server-";
/// How long it may take to start.
const STARTS_WITHIN: Duration = Duration::from_secs(90);
/// It starts its own name server where there is none; one that it started would outlive it.
const COMMANDS: &str = r#"epmd -address 127.0.0.1 -port "$ERL_EPMD_PORT" & "$MQLAB_SERVER""#;

/// A running server.
pub(super) struct Server {
    /// Its version.
    pub(super) version: String,
    /// Where it listens for AMQP.
    pub(super) port: u16,
    guard: Guard,
}

/// The installed server's version and its program.
fn installed() -> Result<(String, PathBuf)> {
    let missing = || NotInstalled(format!("no RabbitMQ in {INSTALLED}: apt-get install rabbitmq-server"));
    for entry in fs::read_dir(INSTALLED).map_err(|_| missing())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let program = entry.path().join("sbin/rabbitmq-server");
        if let Some(version) = name.strip_prefix(VERSIONED)
            && program.is_file()
        {
            return Ok((version.into(), program));
        }
    }
    Err(missing().into())
}

/// Ports that nobody listens on now.
fn free_ports<const N: usize>() -> Result<[u16; N]> {
    let mut ports = [0; N];
    let mut taken = Vec::new();
    for port in &mut ports {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        *port = listener.local_addr()?.port();
        taken.push(listener);
    }
    Ok(ports)
}

impl Server {
    /// Starts one in a folder, which is emptied.
    pub(super) fn start(folder: &Path) -> Result<Self> {
        let (version, program) = installed()?;
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder.join("home"))?;
        fs::write(folder.join("plugins"), "[rabbitmq_consistent_hash_exchange].\n")?;
        fs::write(folder.join("rabbitmq.conf"), "log.console = false\n")?;
        let [port, between_nodes, names] = free_ports()?;
        let file = |name: &str| folder.join(name).into_os_string();
        let number = |port: u16| OsString::from(port.to_string());
        let variables = [
            ("MQLAB_SERVER", program.into_os_string()),
            ("HOME", file("home")),
            ("ERL_EPMD_PORT", number(names)),
            ("ERL_EPMD_ADDRESS", "127.0.0.1".into()),
            ("RABBITMQ_NODENAME", format!("mqlab-fidelity-{port}@localhost").into()),
            ("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1".into()),
            ("RABBITMQ_NODE_PORT", number(port)),
            ("RABBITMQ_DIST_PORT", number(between_nodes)),
            ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}".into()),
            ("RABBITMQ_MNESIA_BASE", file("data")),
            ("RABBITMQ_LOG_BASE", file("log")),
            ("RABBITMQ_FEATURE_FLAGS_FILE", file("feature-flags")),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", file("plugins")),
            ("RABBITMQ_CONFIG_FILE", file("rabbitmq.conf")),
            ("RABBITMQ_CONF_ENV_FILE", file("none")),
            ("RABBITMQ_PID_FILE", file("pid")),
        ];
        let says = folder.join("out.log");
        let guard = Guard::start(COMMANDS, variables, &says)?;
        let mut server = Self { version, port, guard };
        let until = Instant::now() + STARTS_WITHIN;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if server.guard.has_ended()? || Instant::now() > until {
                let said = fs::read_to_string(&says).unwrap_or_default();
                return Err(format!("RabbitMQ does not start; it says:\n{said}").into());
            }
            thread::sleep(LOOKS_EVERY);
        }
        Ok(server)
    }
}
