//! The engine of a cluster: a PostgreSQL database that any number of nodes share.

mod batch;
pub mod durability;
mod migrations;
mod pool;

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use self::{batch::Appender, pool::Pool};
use crate::{
    batcher::{Batcher, Job},
    command::{Answer, Command},
    db::{Follower, Stmt},
    error::{Error, Result},
    log::{Commit, Outcome, Shard},
    stats::Stats,
    value::{Row, Value},
};

/// Commands that may wait in one shard; one more is refused with [`Error::Overloaded`].
const QUEUE: usize = 4096;
/// How long a command waits for its commit before its outcome counts as unknown.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// The section `postgres` of the settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `postgres://user:password@host:port/database`, with several hosts (`host1:5432,host2:5432`) the one that takes
    /// writes is used. Empty: the store is SQLite in the data directory.
    pub url: String,
    /// Into how many shards a new store is divided, which never changes; 0 for what the store has, and 8 for a new one.
    pub shards: u32,
    /// Connections for queries; each shard has one more for its commits.
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
    batchers: Vec<ShardDoor>,
    follower: Arc<OnceLock<Follower>>,
    stats: Arc<Stats>,
}

/// The way to a shard's batcher.
struct ShardDoor {
    jobs: mpsc::Sender<Job>,
    task: parking_lot::Mutex<Option<tokio::task::JoinHandle<()>>>,
}

impl Postgres {
    pub(crate) async fn open(config: &Config, stats: Arc<Stats>) -> Result<(Self, usize)> {
        let pool = Arc::new(Pool::new(config, stats.clone())?);
        let shards = migrations::run(&pool, config.shards).await?;
        let follower = Arc::new(OnceLock::new());
        let batcher = |shard| {
            let (jobs, queue) = mpsc::channel(QUEUE);
            let batcher = Batcher::new(shard, Appender::new(pool.clone()), follower.clone(), stats.clone());
            ShardDoor { jobs, task: parking_lot::Mutex::new(Some(tokio::spawn(batcher.run(queue)))) }
        };
        let batchers = (0..shards as Shard).map(batcher).collect();
        Ok((Self { pool, batchers, follower, stats }, shards))
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

    pub(crate) fn follow(&self, follower: Follower) {
        // Told once, by whoever opens the store.
        self.follower.set(follower).ok();
    }

    pub(crate) async fn write(&self, shard: Shard, statements: Vec<Stmt>) -> Result<Vec<usize>> {
        match self.submit(shard, Command::Write(statements)).await? {
            Answer::Write(rows) => Ok(rows),
            Answer::Commit(_) => Err(Error::Closed),
        }
    }

    pub(crate) async fn commit(&self, commit: Commit) -> Result<Outcome> {
        match self.submit(commit.shard, Command::Commit(Box::new(commit))).await? {
            Answer::Commit(outcome) => Ok(outcome),
            Answer::Write(_) => Err(Error::Closed),
        }
    }

    async fn submit(&self, shard: Shard, command: Command) -> Result<Answer> {
        let started = Instant::now();
        let batcher = self.batchers.get(shard as usize).ok_or(Error::NoRoom)?;
        let (reply, answer) = oneshot::channel();
        batcher.jobs.try_send(Job::new(command, reply)).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => Error::Overloaded,
            mpsc::error::TrySendError::Closed(_) => Error::Closed,
        })?;
        let answer = tokio::time::timeout(WRITE_TIMEOUT, answer).await;
        let answer = answer.map_err(|_| Error::Unavailable).and_then(|answer| answer.map_err(|_| Error::Closed)?);
        self.stats.appended(started.elapsed(), answer.is_err());
        answer
    }

    pub(crate) async fn close(&self) {
        for batcher in &self.batchers {
            batcher.jobs.send(Job::close()).await.ok();
        }
        for batcher in &self.batchers {
            let task = batcher.task.lock().take();
            if let Some(task) = task {
                task.await.ok();
            }
        }
        self.pool.close();
    }
}
