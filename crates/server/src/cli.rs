//! The command line.

use std::{
    io::Write,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};
use tokio::{
    runtime::Runtime,
    signal::unix::{SignalKind, signal},
};

use crate::{
    cluster::{self, Cluster},
    config::{self, SAMPLE, Sources},
    operator::{self, Which},
    running::{self, Running},
    telemetry,
};

#[derive(Parser)]
#[command(name = "chatbook", version, about = "A self-hosted chat server that speaks the Matrix Client-Server API.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the server in the foreground until it is interrupted
    Serve(Serve),
    /// Several nodes: a cluster on this machine, and a look at those of any cluster
    #[command(subcommand)]
    Cluster(Cluster),
    /// Says whether PostgreSQL and Redis are set up so that nothing that was acknowledged is lost
    Check(Which),
    /// Repairs of the store
    #[command(subcommand)]
    Store(operator::Store),
    /// Prints every setting with its default and what it does, as a file for `serve --config`
    Config,
}

/// Options override the environment (`CHATBOOK_SECTION__KEY`), which overrides the file.
#[derive(Args)]
struct Serve {
    /// A TOML file; `chatbook config` prints one with every setting
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to listen [default: 127.0.0.1:8008]; port 0 takes a free one
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
    /// The directory that holds everything the server keeps [default: data]
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// The part of user ids after the colon, which can never change [default: localhost]
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,
}

/// Runs the program: its arguments decide what it does, its exit code says whether it succeeded.
pub fn main() -> ExitCode {
    main_with(chat::Env::system())
}

/// [`main`] with a clock and randomness of the caller's.
pub fn main_with(env: chat::Env) -> ExitCode {
    match run(Cli::parse().command, env) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("chatbook: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command, env: chat::Env) -> Result<(), String> {
    match command {
        Command::Config => {
            print(SAMPLE);
            Ok(())
        }
        Command::Serve(options) => {
            let runtime = runtime()?;
            let served = runtime.block_on(serve(options, env));
            // A disk or a file system that hangs keeps its threads, and is not waited for.
            runtime.shutdown_background();
            served
        }
        Command::Check(which) => runtime()?.block_on(operator::check(which)),
        Command::Store(command) => runtime()?.block_on(operator::store(command)),
        Command::Cluster(command) => {
            // Its parts inherit the limit.
            raise_descriptor_limit();
            runtime()?.block_on(cluster::run(command))
        }
    }
}

fn runtime() -> Result<Runtime, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| format!("cannot start: {error}"))
}

async fn serve(options: Serve, env: chat::Env) -> Result<(), String> {
    let settings = config::load(&options.sources()).map_err(|error| error.to_string())?;
    telemetry::start(&settings.log)?;
    raise_descriptor_limit();
    // Before anything else that takes time, so that an early signal is not lost.
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| format!("cannot wait for signals: {error}"))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| format!("cannot wait for signals: {error}"))?;
    let data = settings.server.data.display().to_string();
    // A database that is silent may hold up either of them for long.
    let running = tokio::select! {
        started = running::start_with(settings, env) => started.map_err(|error| error.to_string())?,
        _ = terminate.recv() => return Ok(()),
        _ = interrupt.recv() => return Ok(()),
    };
    let serving = async {
        greet(&running, &data).await?;
        std::future::pending::<Result<(), String>>().await
    };
    tokio::select! {
        failed = serving => return failed,
        _ = terminate.recv() => (),
        _ = interrupt.recv() => (),
    }
    println!("Stopping.");
    tokio::select! {
        () = running.stop() => Ok(()),
        _ = interrupt.recv() => Err("interrupted again: stopped without waiting for open connections".into()),
    }
}

async fn greet(running: &Running, data: &str) -> Result<(), String> {
    println!("Chatbook listens on http://{}", reachable(running.addr));
    println!("Everything it keeps is in {data}");
    if let Some(metrics) = running.metrics_addr {
        println!("Metrics are at http://{metrics}/metrics");
    }
    if running.is_new().await.map_err(|error| error.to_string())? {
        println!("Nobody has an account yet: the first one to be registered becomes the administrator.");
        let token = chat::registration_tokens::first(running.chat()).await.map_err(|error| error.to_string())?;
        if let Some(token) = token {
            println!("Registering takes a token. This one is good for that first account: {token}");
        }
    }
    Ok(())
}

/// Where somebody on this machine reaches what listens on an address.
pub(crate) fn reachable(addr: SocketAddr) -> SocketAddr {
    let host = match addr.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(_) => IpAddr::from(std::net::Ipv6Addr::LOCALHOST),
    };
    SocketAddr::new(host, addr.port())
}

/// The environment. A variable that is not UTF-8 can be none of ours.
pub(crate) fn environment() -> Vec<(String, String)> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).collect()
}

/// Writes to stdout. A reader that has seen enough closes the pipe: no failure of ours.
pub(crate) fn print(text: &str) {
    std::io::stdout().write_all(text.as_bytes()).ok();
}

impl Serve {
    fn sources(self) -> Sources {
        let given = [
            ("server.listen", self.listen, "--listen"),
            ("server.data", self.data, "--data"),
            ("server.name", self.server_name, "--server-name"),
        ];
        Sources {
            file: self.config,
            environment: environment(),
            options: given.into_iter().filter_map(|(key, value, option)| Some((key, value?, option))).collect(),
        }
    }
}

/// Every connection takes a descriptor, and the usual soft limit is 1024.
fn raise_descriptor_limit() {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(name: "server.descriptors", %error, "the limit of open files could not be raised");
    }
}
