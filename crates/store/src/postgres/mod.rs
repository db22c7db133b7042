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
    doors::{BATCHERS, Doors},
    error::{Error, Result},
    queue::WORTH,
    stats::Stats,
    value::{Row, Value},
};

/// The section `postgres` of the settings.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `postgres://user:password@host:port/database`, with several hosts (`host1:5432,host2:5432`) the one that takes
    /// writes is used. Empty: the store is SQLite in the data directory.
    pub url: String,
    /// Into how many shards a new store is divided, which never changes; 0 for what the store has, and 8 for a new one.
    pub shards: u32,
    /// Connections for queries; commits have up to eight more.
    pub connections: usize,
    /// How long a host may take until it is connected and has said that it takes writes, milliseconds.
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

/// More backends than that PostgreSQL never has (its `MAX_BACKENDS`).
const MOST_CONNECTIONS: u64 = 262_143;
/// Less is a slip of the pen.
const SHORTEST_MS: u64 = 10;
/// What PostgreSQL takes as a timeout at most.
const LONGEST_MS: u64 = i32::MAX as u64;

impl Config {
    /// How many connections a node makes at most to a store of so many shards: one for each batcher beside those for
    /// queries.
    pub fn most_connections(&self, shards: usize) -> usize {
        self.connections + shards.min(BATCHERS)
    }

    /// # Errors
    /// [`Error::Refused`] for the first number that cannot work.
    fn check(&self) -> Result<()> {
        let numbers = [
            ("connections", self.connections as u64, 1, MOST_CONNECTIONS),
            ("connect_timeout_ms", self.connect_timeout_ms, SHORTEST_MS, LONGEST_MS),
            ("statement_timeout_ms", self.statement_timeout_ms, SHORTEST_MS, LONGEST_MS),
            ("lock_timeout_ms", self.lock_timeout_ms, SHORTEST_MS, LONGEST_MS),
            ("tcp_user_timeout_ms", self.tcp_user_timeout_ms, SHORTEST_MS, LONGEST_MS),
        ];
        match numbers.into_iter().find(|(_, number, least, most)| !(*least..=*most).contains(number)) {
            Some((key, number, least, most)) => Err(Error::Refused(format!(
                "postgres.{key}: {number} cannot work: it has to be from {least} to {most}"
            ))),
            None => Ok(()),
        }
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("url", &if self.url.is_empty() { "" } else { "***" })
            .field("shards", &self.shards)
            .field("connections", &self.connections)
            .field("connect_timeout_ms", &self.connect_timeout_ms)
            .field("statement_timeout_ms", &self.statement_timeout_ms)
            .field("lock_timeout_ms", &self.lock_timeout_ms)
            .field("tcp_user_timeout_ms", &self.tcp_user_timeout_ms)
            .finish()
    }
}

/// Whether somebody has made a store in the database.
///
/// # Errors
/// As [`Db::open_postgres`](crate::Db::open_postgres).
pub async fn has_store(config: &Config) -> Result<bool> {
    migrations::has_store(&Pool::new(config, Arc::default())?).await
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
        Ok((Self::new(pool, shards, &stats), shards))
    }

    /// Opens a store that is there as it is, for looking only: its doors are closed.
    pub(crate) async fn open_existing(config: &Config, stats: Arc<Stats>) -> Result<(Self, usize)> {
        let pool = Arc::new(Pool::new(config, stats.clone())?);
        let shards = migrations::look(&pool).await?;
        let postgres = Self::new(pool, shards, &stats);
        postgres.doors.close().await;
        Ok((postgres, shards))
    }

    fn new(pool: Arc<Pool>, shards: usize, stats: &Arc<Stats>) -> Self {
        let doors = Doors::new(shards, (pool.nonce(), WORTH), || Appender::new(pool.clone()), stats, tokio::spawn);
        Self { pool, doors }
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
