//! `cargo xtask fidelity`: the profiles of RabbitMQ and ActiveMQ next to the real brokers, on the same scripts.
//!
//! The brokers come from Debian's packages. Where one is not there and cannot be installed, its scripts are skipped, which
//! is said, and is no error: `bench/fidelity/tests/recorded.rs` compares with what was recorded all the same.

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::error::{Context, Error, Result};
use crate::process;
use crate::system;
use crate::workspace::Workspace;

/// How the program that plays ends where no script is called so.
const NONE: i32 = 3;

/// A real broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Server {
    /// RabbitMQ, driven over AMQP 0-9-1
    Rabbitmq,
    /// ActiveMQ Classic, driven by its JMS client
    Activemq,
}

impl Server {
    fn name(self) -> &'static str {
        match self {
            Self::Rabbitmq => "rabbitmq",
            Self::Activemq => "activemq",
        }
    }

    /// Debian's packages that bring it.
    fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Rabbitmq => &["rabbitmq-server"],
            // Its driver is a Java program, which Java compiles when it starts.
            Self::Activemq => &["libactivemq-java", "default-jdk-headless"],
        }
    }

    fn is_installed(self) -> bool {
        match self {
            Self::Rabbitmq => Path::new("/usr/lib/rabbitmq/lib").is_dir(),
            Self::Activemq => {
                Path::new("/usr/share/java/activemq-broker.jar").exists()
                    && process::find(&["javac"], &["/usr/bin/javac"]).is_some()
            }
        }
    }
}

/// Which scripts are played.
#[derive(Debug, Args)]
pub struct Options {
    /// One system [default: both]
    #[arg(long, value_enum)]
    system: Option<Server>,
    /// Only the scripts whose name holds this text
    #[arg(long, value_name = "NAME", conflicts_with = "write")]
    only: Option<String>,
    /// Also write the reports, docs/fidelity/*.md, which are the record that the tests go by
    #[arg(long)]
    write: bool,
    /// Also show what was seen, step by step
    #[arg(long)]
    verbose: bool,
}

/// Installs what is missing, and plays the scripts; the exit code says whether all is as it is known to be.
pub fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let (mut code, mut any) = (ExitCode::SUCCESS, false);
    for server in [Server::Rabbitmq, Server::Activemq] {
        if options.system.is_some_and(|only| only != server) {
            continue;
        }
        if !server.is_installed()
            && let Err(why) = system::install_servers(server.packages(), &workspace.root)
        {
            let why = why.to_string().replace('\n', "; ");
            println!("{}: skipped ({why})", server.name());
            any = true;
            continue;
        }
        let mut play = process::cargo(&workspace.root);
        play.args(["run", "--quiet", "--package", "mqlab-bench-fidelity", "--features", "servers", "--"]);
        play.args(["--system", server.name(), "--folder"]).arg(workspace.target.join("fidelity"));
        if let Some(only) = &options.only {
            play.args(["--only", only]);
        }
        if options.write {
            play.arg("--write").arg(&workspace.root);
        }
        if options.verbose {
            play.arg("--verbose");
        }
        let status = play.status().context(|| format!("cannot start `{}`", process::shown(&play)))?;
        if status.code().is_none() {
            return Err(Error::new("the comparison was interrupted"));
        }
        any |= status.code() != Some(NONE);
        if !status.success() && status.code() != Some(NONE) {
            code = ExitCode::FAILURE;
        }
    }
    if let (false, Some(only)) = (any, &options.only) {
        return Err(Error::new(format!(
            "no script is called {only}: their names stand in bench/fidelity/scripts"
        )));
    }
    Ok(code)
}
