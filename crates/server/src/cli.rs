//! The command line.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use crate::{config::Settings, running};

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
}

/// Options override the environment, which overrides the file.
#[derive(Args)]
struct Serve {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// The directory that holds everything the server keeps
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The part of user ids after the colon, which can never change
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,
}

/// Runs the program: its arguments decide what it does, its exit code says whether it succeeded.
pub fn main() -> ExitCode {
    let Command::Serve(options) = Cli::parse().command;
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("cannot start: {error}")),
    };
    match runtime.block_on(serve(options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => fail(&message),
    }
}

fn fail(message: &str) -> ExitCode {
    eprintln!("chatbook: {message}");
    ExitCode::FAILURE
}

async fn serve(options: Serve) -> Result<(), String> {
    let mut settings = Settings::default();
    settings.server.listen = options.listen.unwrap_or(settings.server.listen);
    settings.server.data = options.data.unwrap_or(settings.server.data);
    settings.server.name = options.server_name.unwrap_or(settings.server.name);
    let running = running::start(settings).await.map_err(|error| error.to_string())?;
    println!("Chatbook listens on http://{}", running.addr);
    interrupted().await.map_err(|error| format!("cannot wait for signals: {error}"))?;
    running.stop().await;
    Ok(())
}

async fn interrupted() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupt = tokio::signal::ctrl_c() => interrupt,
        _ = terminate.recv() => Ok(()),
    }
}
