//! `chatbook cluster`: several nodes on one machine with everything that they need, and a look at those of any cluster.

mod dev;
mod node;
mod part;
mod place;
mod probe;
mod screen;

use clap::Subcommand;

use crate::operator::{self, Which};

#[derive(Subcommand)]
pub(crate) enum Cluster {
    /// Runs PostgreSQL, Redis, several nodes and a load balancer on this machine until it is interrupted
    Dev(dev::Options),
    /// Shows the nodes that serve a store: versions, how far each is behind, connections, whether it hears the others
    Status(Which),
}

/// Does what the command says.
///
/// # Errors
/// A sentence for the person who runs it.
pub(crate) async fn run(command: Cluster) -> Result<(), String> {
    match command {
        Cluster::Dev(options) => dev::run(options).await,
        Cluster::Status(which) => operator::status(which).await,
    }
}
