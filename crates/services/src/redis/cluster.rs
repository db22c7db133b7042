//! A Redis Cluster of three servers.

use tokio::process::Command;

use super::Redis;
use crate::{Error, command::run, port::Port, programs::find, service::until};

/// Three servers, each with a third of the keys, and no replicas: while one of them is dead, the cluster serves nothing.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<Redis>,
    /// Where the servers talk with each other.
    _bus: Vec<Port>,
}

impl RedisCluster {
    /// Starts the servers and joins them.
    ///
    /// # Errors
    /// If Redis is not installed, or says no.
    pub async fn start() -> Result<RedisCluster, Error> {
        let (mut nodes, mut bus) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let port = Port::claim()?;
            let number = port.number().to_string();
            let settings = [("cluster-enabled", "yes"), ("cluster-port", &number), ("cluster-node-timeout", "2000")];
            nodes.push(Redis::start(&settings).await?);
            bus.push(port);
        }
        let mut create = Command::new(find("redis-cli")?);
        create.args(["--cluster", "create", "--cluster-yes"]).args(nodes.iter().map(|node| node.addr().to_string()));
        run(&mut create, "").await?;
        let cluster = RedisCluster { nodes, _bus: bus };
        cluster.ready().await?;
        Ok(cluster)
    }

    /// Its servers, each of which can be broken by itself.
    #[must_use]
    pub fn nodes(&self) -> &[Redis] {
        &self.nodes
    }

    /// Where to connect: `redis://127.0.0.1:PORT` of each server.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Redis::url).collect()
    }

    /// Waits until all of its servers say that the cluster works, for example after one has been started again.
    ///
    /// # Errors
    /// If that takes too long, or one of them does not answer.
    pub async fn ready(&self) -> Result<(), Error> {
        until("the Redis cluster to work", async || {
            for node in &self.nodes {
                if !node.command(&["cluster", "info"]).await?.contains("cluster_state:ok") {
                    return Ok(false);
                }
            }
            Ok(true)
        })
        .await
    }
}
