//! The engine of a cluster: a PostgreSQL database that any number of nodes share.

mod batch;
pub mod durability;
mod migrations;
mod pool;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::{batch::Appender, pool::Pool};
use crate::{
    db::Stmt,
    doors::Doors,
    error::Result,
    stats::Stats,
    value::{Row, Value},
};

/// The section `postgres` of the settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `postgres://user:password@host:port/database`, with several hosts (`host1:5432,host2:5432`) the one that takes
    /// writes is used. Empty: the store is SQLite in the data directory.
    pub url: String,
    /// Into how many shards a new store is divided, which never changes; 0 for what the store has, and 8 for a new one.
    pub shards: u32,
    /// Connections for queries; commits have up to eight more.
    pub connections: usize,
    /// How long a connection may take to be made, milliseconds.
    pub connect_timeout_ms: u64,
    /// How long one statement may take, milliseconds.
    pub statement_timeout_ms: u64,
    /// How long a commit may wait for another node's commit in the same shard, milliseconds.
    pub lock_timeout_ms: u64,
    /// How long data may stay unacknowledged by the other side's network before the connection counts as lost, milliseconds.
    pub tcp_user_timeout_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: String::new(),
            shards: 0,
            connections: 8,
            connect_timeout_ms: 3_000,
            statement_timeout_ms: 15_000,
            lock_timeout_ms: 5_000,
            tcp_user_timeout_ms: 5_000,
        }
    }
}

/// The open database.
pub(crate) struct Postgres {
    pool: Arc<Pool>,
    pub(crate) doors: Doors,
}

impl Postgres {
    pub(crate) async fn open(config: &Config, stats: Arc<Stats>) -> Result<(Self, usize)> {
        let pool = Arc::new(Pool::new(config, stats.clone())?);
        let shards = migrations::run(&pool, config.shards).await?;
        let doors = Doors::new(shards, pool.nonce(), || Appender::new(pool.clone()), &stats, tokio::spawn);
        Ok((Self { pool, doors }, shards))
    }

    pub(crate) async fn query<T>(
        &self,
        sql: &'static str,
        params: &[Value],
        map: fn(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let rows = self.pool.query(sql, params).await?;
        rows.iter().map(|row| map(&Row::postgres(row))).collect()
    }

    pub(crate) async fn execute(&self, statement: Stmt) -> Result<()> {
        self.pool.query(statement.sql, &statement.params).await.map(drop)
    }

    pub(crate) async fn close(&self) {
        self.doors.close().await;
        self.pool.close();
    }
}
