//! `chatbook cluster`: several nodes on one machine, with everything that they need.

mod dev;
mod node;
mod part;
mod place;
mod probe;
mod screen;

use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum Cluster {
    /// Runs PostgreSQL, Redis, several nodes and a load balancer on this machine until it is interrupted
    Dev(dev::Options),
}

/// Does what the command says.
///
/// # Errors
/// A sentence for the person who runs it.
pub(crate) async fn run(command: Cluster) -> Result<(), String> {
    match command {
        Cluster::Dev(options) => dev::run(options).await,
    }
}
