//! The cluster that is broken: three nodes, PostgreSQL with a synchronous standby, Redis, nginx.

use std::time::{Duration, Instant};

use services::{Error, Nginx, Postgres, Redis};
use tokio::sync::Mutex;

use super::node::Node;
use crate::Client;

const DATABASE: &str = "chatbook";

/// PostgreSQL's settings. What is broken here are processes, not the machine: nothing that was written gets lost without
/// fsync.
const SETTINGS: [(&str, &str); 4] = [
    ("fsync", "off"),
    ("max_connections", "400"),
    ("wal_retrieve_retry_interval", "300ms"),
    ("wal_sender_timeout", "5s"),
];

/// Everything.
pub struct Cluster {
    /// The nodes.
    pub nodes: Vec<Node>,
    /// The load balancer.
    pub nginx: Nginx,
    /// What the nodes tell each other over.
    pub redis: Redis,
    databases: Mutex<Databases>,
}

struct Databases {
    primary: Postgres,
    standby: Option<Postgres>,
    /// In which of the two places the primary is.
    place: usize,
    standbys: usize,
}

fn text(error: Error) -> String {
    error.to_string()
}

impl Cluster {
    /// Starts everything. The nodes' clocks are wrong by so many milliseconds.
    ///
    /// # Errors
    /// If something is not installed or does not start.
    pub async fn start(clocks_off_by_ms: [i64; 3]) -> Result<Self, String> {
        let (primary, redis) = tokio::join!(Postgres::start(&SETTINGS), Redis::start(&[]));
        let (primary, redis) = (primary.map_err(text)?, redis.map_err(text)?);
        primary.create_database(DATABASE).await.map_err(text)?;
        let standby = primary.standby("standby0").await.map_err(text)?;
        primary.make_synchronous(&["standby0"]).await.map_err(text)?;
        let addresses = [primary.addr(), standby.addr()];
        let mut nodes = Vec::new();
        for (number, off_by_ms) in (1..).zip(clocks_off_by_ms) {
            nodes.push(Node::start(number, addresses, redis.addr(), off_by_ms).await?);
        }
        let fronts: Vec<_> = nodes.iter().map(|node| node.front.addr()).collect();
        let nginx = Nginx::start(&fronts).await.map_err(text)?;
        let databases = Mutex::new(Databases { primary, standby: Some(standby), place: 0, standbys: 1 });
        Ok(Self { nodes, nginx, redis, databases })
    }

    /// A client of the load balancer.
    pub fn client(&self) -> Client {
        Client::new(self.nginx.addr())
    }

    /// The rows of a query on the primary: a line each, columns separated by `|`.
    ///
    /// # Errors
    /// PostgreSQL's message.
    pub async fn rows(&self, sql: &str) -> Result<Vec<Vec<String>>, String> {
        let databases = self.databases.lock().await;
        let answer = databases.primary.sql(DATABASE, sql).await.map_err(text)?;
        Ok(answer.lines().map(|line| line.split('|').map(ToOwned::to_owned).collect()).collect())
    }

    /// Kills the primary for a while.
    ///
    /// # Errors
    /// If it does not start again.
    pub async fn restart_primary(&self, down: Duration) -> Result<(), Error> {
        let databases = self.databases.lock().await;
        databases.primary.kill().await;
        tokio::time::sleep(down).await;
        databases.primary.start_again().await
    }

    /// Freezes the primary for a while.
    pub async fn pause_primary(&self, paused: Duration) {
        let databases = self.databases.lock().await;
        databases.primary.pause().await;
        tokio::time::sleep(paused).await;
        databases.primary.resume().await;
    }

    /// Kills the primary for good and promotes the standby. Says how long that took; nothing if there is no standby.
    ///
    /// # Errors
    /// If the standby does not become a primary.
    pub async fn fail_over(&self) -> Result<Option<Duration>, Error> {
        let mut databases = self.databases.lock().await;
        let Some(standby) = databases.standby.take() else { return Ok(None) };
        let begun = Instant::now();
        databases.primary.kill().await;
        standby.promote().await?;
        databases.primary = standby;
        databases.place = 1 - databases.place;
        Ok(Some(begun.elapsed()))
    }

    /// Gives the primary a synchronous standby again, if it has none.
    ///
    /// # Errors
    /// If that fails.
    pub async fn replace_standby(&self) -> Result<(), Error> {
        let mut databases = self.databases.lock().await;
        if databases.standby.is_some() {
            return Ok(());
        }
        let name = format!("standby{}", databases.standbys);
        databases.standbys += 1;
        let standby = databases.primary.standby(&name).await?;
        for node in &self.nodes {
            node.postgres[1 - databases.place].lead_to(standby.addr()).await?;
        }
        databases.primary.make_synchronous(&[&name]).await?;
        databases.standby = Some(standby);
        Ok(())
    }
}
