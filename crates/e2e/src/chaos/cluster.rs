//! The cluster that is broken: three nodes, PostgreSQL with a synchronous standby, Redis, nginx.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use services::{Error, Nginx, Redis};
use tempfile::TempDir;
use tokio::{sync::Mutex, time::sleep};

use super::{
    database::{Server, Standby, Trouble},
    node::Node,
};
use crate::Client;

const DATABASE: &str = "chatbook";

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
    primary: Server,
    standby: Option<Standby>,
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
        let (primary, redis) = tokio::join!(Server::start(), Redis::start(&[]));
        let (primary, redis) = (primary?, redis.map_err(text)?);
        primary.postgres.create_database(DATABASE).await.map_err(text)?;
        let standby = primary.standby("standby0").await?;
        primary.postgres.make_synchronous(&["standby0"]).await.map_err(text)?;
        let addresses = [primary.postgres.addr(), standby.server.postgres.addr()];
        let data = Arc::new(TempDir::new().map_err(|error| error.to_string())?);
        let mut nodes = Vec::new();
        for (number, off_by_ms) in (1..).zip(clocks_off_by_ms) {
            nodes.push(Node::start(number, addresses, redis.addr(), data.clone(), off_by_ms).await?);
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
        let answer = databases.primary.postgres.sql(DATABASE, sql).await.map_err(text)?;
        Ok(answer.lines().map(|line| line.split('|').map(ToOwned::to_owned).collect()).collect())
    }

    /// Kills the primary for a while.
    ///
    /// # Errors
    /// If it does not start again.
    pub async fn restart_primary(&self, down: Duration) -> Result<(), Error> {
        let databases = self.databases.lock().await;
        databases.primary.postgres.kill().await;
        sleep(down).await;
        databases.primary.postgres.start_again().await
    }

    /// Freezes the primary for a while.
    pub async fn pause_primary(&self, paused: Duration) {
        let databases = self.databases.lock().await;
        databases.primary.postgres.pause().await;
        sleep(paused).await;
        databases.primary.postgres.resume().await;
    }

    /// Kills the primary for good and promotes the standby. Says how long that took; nothing if there is no standby.
    ///
    /// # Errors
    /// If the standby does not become a primary.
    pub async fn fail_over(&self) -> Result<Option<Duration>, Error> {
        let mut databases = self.databases.lock().await;
        let Some(standby) = databases.standby.take() else { return Ok(None) };
        let begun = Instant::now();
        databases.primary.postgres.kill().await;
        standby.server.postgres.promote().await?;
        databases.primary = standby.server;
        databases.place = 1 - databases.place;
        Ok(Some(begun.elapsed()))
    }

    /// Gives the primary a synchronous standby again, if it has none.
    ///
    /// # Errors
    /// If that fails.
    pub async fn replace_standby(&self) -> Result<(), String> {
        let mut databases = self.databases.lock().await;
        if databases.standby.is_some() {
            return Ok(());
        }
        let name = format!("standby{}", databases.standbys);
        databases.standbys += 1;
        let standby = databases.primary.standby(&name).await?;
        for node in &self.nodes {
            node.postgres[1 - databases.place].lead_to(standby.server.postgres.addr()).await.map_err(text)?;
        }
        databases.primary.postgres.make_synchronous(&[&name]).await.map_err(text)?;
        databases.standby = Some(standby);
        Ok(())
    }

    /// Has the line between primary and standby broken for a while. Commits wait for the standby meanwhile.
    ///
    /// # Errors
    /// If there is no standby.
    pub async fn break_standby(&self, trouble: Trouble, broken: Duration) -> Result<(), String> {
        let databases = self.databases.lock().await;
        let standby = databases.standby.as_ref().ok_or("there is no standby")?;
        standby.suffer(trouble, broken).await
    }

    /// Whether PostgreSQL's disks can be full.
    pub async fn has_disks(&self) -> bool {
        self.databases.lock().await.primary.disk.is_some()
    }

    /// Has the primary's disk full, but for some bytes, for a while. Says whether the primary ended of that, and was
    /// started again.
    ///
    /// # Errors
    /// If the primary does not work again once there is room.
    pub async fn fill_disk(&self, room: u64, full: Duration) -> Result<bool, String> {
        self.databases.lock().await.primary.fill_disk(room, full).await
    }
}
