//! One door to the engine: queries, writes, and commits to the log.
//!
//! The surface is what both engines can do: a statement with parameters, a list of statements that succeed or fail
//! together, and a [`Commit`](crate::log::Commit). Writes and commits of a shard come one after the other, on all nodes.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

#[cfg(feature = "simulation")]
use crate::simulation::{self, Simulated};
use crate::{
    epoch,
    error::{Error, Result},
    log::{Commit, Committed, Head, Outcome, Record, Shard, shard_of},
    postgres::{self, Postgres},
    replay,
    sqlite::Sqlite,
    stats::{Snapshot, Stats},
    value::{Row, Value},
};

/// One statement of a write, and how many rows it has to change for the write to stand.
#[derive(Debug, Clone)]
pub struct Stmt {
    pub(crate) sql: &'static str,
    pub(crate) params: Vec<Value>,
    pub(crate) expect: Option<usize>,
}

impl Stmt {
    /// A statement that may change any number of rows.
    pub fn new(sql: &'static str, params: Vec<Value>) -> Self {
        Self { sql, params, expect: None }
    }

    /// The write fails with [`Error::Expectation`] unless exactly `rows` rows change.
    #[must_use]
    pub fn expect(mut self, rows: usize) -> Self {
        self.expect = Some(rows);
        self
    }
}

/// Hears of every commit of this node before it is answered, those of a shard in their order. Keep it short.
pub type Follower = Arc<dyn Fn(&Committed) + Send + Sync>;

/// The open database. Clones share it.
#[derive(Clone)]
pub struct Db {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    shards: usize,
    queries: AtomicU64,
    stats: Arc<Stats>,
}

enum Engine {
    Sqlite(Sqlite),
    Postgres(Postgres),
    #[cfg(feature = "simulation")]
    Simulated(Simulated),
}

impl Db {
    /// Opens or creates the SQLite store `chatbook.db` in `dir` and brings its schema up to date. It has one shard.
    ///
    /// # Errors
    /// [`Error::Refused`] with a sentence for the operator if another process has it open or a newer version made it.
    pub fn open_sqlite(dir: &Path) -> Result<Self> {
        let stats = Arc::new(Stats::default());
        let engine = Engine::Sqlite(Sqlite::open(dir, stats.clone())?);
        Ok(Self { inner: Arc::new(Inner { engine, shards: 1, queries: AtomicU64::new(0), stats }) })
    }

    /// Opens or creates the store in a PostgreSQL database and brings its schema up to date.
    ///
    /// # Errors
    /// [`Error::Refused`] with a sentence for the operator: the settings cannot work, the database cannot be reached or
    /// does not suit, a newer version or another number of shards made the store.
    pub async fn open_postgres(config: &postgres::Config) -> Result<Self> {
        let stats = Arc::new(Stats::default());
        let (engine, shards) = Postgres::open(config, stats.clone()).await?;
        let engine = Engine::Postgres(engine);
        Ok(Self { inner: Arc::new(Inner { engine, shards, queries: AtomicU64::new(0), stats }) })
    }

    /// A node's door to a model of the database. Its tasks are made by `spawn`.
    #[cfg(feature = "simulation")]
    pub fn open_simulated(
        model: &simulation::Model,
        spawn: impl Fn(simulation::Task) -> tokio::task::JoinHandle<()>,
    ) -> Self {
        let stats = Arc::new(Stats::default());
        let (engine, shards) = (Engine::Simulated(Simulated::open(model, &stats, spawn)), model.shards());
        Self { inner: Arc::new(Inner { engine, shards, queries: AtomicU64::new(0), stats }) }
    }

    /// How many shards the store has.
    pub fn shards(&self) -> usize {
        self.inner.shards
    }

    /// The shard that a room or a user lives in.
    pub fn shard_of(&self, id: &str) -> Shard {
        shard_of(id, self.inner.shards)
    }

    /// Whether other nodes may write to the store too.
    pub fn is_shared(&self) -> bool {
        !matches!(self.inner.engine, Engine::Sqlite(_))
    }

    /// Rows that `sql` finds, each read by `map`.
    pub async fn query<T: Send + 'static>(
        &self,
        sql: &'static str,
        params: Vec<Value>,
        map: fn(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.inner.queries.fetch_add(1, Relaxed);
        if params.iter().any(Value::is_unstorable) {
            return Err(Error::Unstorable);
        }
        match &self.inner.engine {
            Engine::Sqlite(engine) => engine.query(sql, params, map).await,
            Engine::Postgres(engine) => engine.query(sql, &params, map).await,
            #[cfg(feature = "simulation")]
            Engine::Simulated(_) => Err(Simulated::unknown(sql)),
        }
    }

    /// The first row that `sql` finds, if any.
    pub async fn query_opt<T: Send + 'static>(
        &self,
        sql: &'static str,
        params: Vec<Value>,
        map: fn(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        Ok(self.query(sql, params, map).await?.into_iter().next())
    }

    /// Runs the statements in one transaction, all or none, in turn with everything else that is written in the shard,
    /// and says how many rows each changed. Durable on return.
    pub async fn write(&self, shard: Shard, statements: Vec<Stmt>) -> Result<Vec<usize>> {
        if statements.iter().flat_map(|statement| &statement.params).any(Value::is_unstorable) {
            return Err(Error::Unstorable);
        }
        match &self.inner.engine {
            Engine::Sqlite(engine) => engine.write(statements).await,
            Engine::Postgres(engine) => engine.doors.write(shard, statements).await,
            #[cfg(feature = "simulation")]
            Engine::Simulated(engine) => engine.doors.write(shard, statements).await,
        }
    }

    /// Runs a statement that can be run at any time and by several nodes at once, such as the removal of old rows.
    pub async fn tidy(&self, statement: Stmt) -> Result<()> {
        match &self.inner.engine {
            Engine::Sqlite(engine) => engine.write(vec![statement]).await.map(drop),
            Engine::Postgres(engine) => engine.execute(statement).await,
            #[cfg(feature = "simulation")]
            Engine::Simulated(_) => Err(Simulated::unknown(statement.sql)),
        }
    }

    /// Appends to the log of the commit's shard. Durable, and told to the follower, on return.
    pub async fn commit(&self, commit: Commit) -> Result<Outcome> {
        if commit.is_unstorable() {
            return Err(Error::Unstorable);
        }
        match &self.inner.engine {
            Engine::Sqlite(engine) => engine.commit(commit).await,
            Engine::Postgres(engine) => engine.doors.commit(commit).await,
            #[cfg(feature = "simulation")]
            Engine::Simulated(engine) => engine.doors.commit(commit).await,
        }
    }

    /// The end of each shard's log, by shard, with everything in it that was acknowledged before the call.
    pub async fn heads(&self) -> Result<Vec<Head>> {
        let sql = "select epoch, head from shard order by shard";
        let read = |row: &Row<'_>| Ok(Head { epoch: row.get(0)?, pos: row.get(1)? });
        match &self.inner.engine {
            Engine::Sqlite(engine) => engine.query(sql, Vec::new(), read).await,
            Engine::Postgres(engine) => engine.query(sql, &[], read).await,
            #[cfg(feature = "simulation")]
            Engine::Simulated(engine) => engine.heads().await,
        }
    }

    /// The shard's records after position `after` up to position `to`, in order. An event that was redacted since is as
    /// the redaction left it.
    pub async fn records(&self, shard: Shard, after: i64, to: i64) -> Result<Vec<Record>> {
        #[cfg(feature = "simulation")]
        if let Engine::Simulated(engine) = &self.inner.engine {
            return engine.records(shard, after, to).await;
        }
        replay::assemble(shard, self.query(replay::SQL, replay::params(shard, after, to), replay::read).await?)
    }

    /// Tells `follower` of every commit of this node from now on; returns the end of each shard's log at that moment.
    pub async fn follow(&self, follower: Follower) -> Result<Vec<Head>> {
        match &self.inner.engine {
            Engine::Sqlite(engine) => engine.follow(follower).await,
            Engine::Postgres(engine) => {
                engine.doors.follow(follower);
                self.heads().await
            }
            #[cfg(feature = "simulation")]
            Engine::Simulated(engine) => {
                engine.doors.follow(follower);
                self.heads().await
            }
        }
    }

    /// Tells how many nodes share the store, this one included: commands wait for company the longer the more there are.
    pub fn set_nodes(&self, nodes: u32) {
        match &self.inner.engine {
            Engine::Sqlite(_) => (),
            Engine::Postgres(engine) => engine.doors.set_nodes(nodes),
            #[cfg(feature = "simulation")]
            Engine::Simulated(engine) => engine.doors.set_nodes(nodes),
        }
    }

    /// Begins a new epoch in every shard, as after a restore from a backup: what clients know beyond it counts for
    /// nothing, and no old token can skip what comes.
    pub async fn bump_epoch(&self) -> Result<()> {
        let sql = if self.is_shared() { epoch::POSTGRES } else { epoch::SQLITE };
        self.tidy(Stmt::new(sql, crate::params![epoch::GAP])).await
    }

    /// Begins a new epoch in every shard of a shared store that is in this one or an earlier one yet.
    pub async fn begin_epoch_after(&self, epoch: i64) -> Result<()> {
        self.tidy(Stmt::new(epoch::POSTGRES_AFTER, crate::params![epoch::GAP, epoch])).await
    }

    /// How many queries were run since the store was opened, looks at the heads aside.
    pub fn queries(&self) -> u64 {
        self.inner.queries.load(Relaxed)
    }

    /// What was written since the store was opened.
    pub fn stats(&self) -> Snapshot {
        self.inner.stats.snapshot()
    }

    /// Lets waiting writes finish, then closes the store for writing. Later writes fail with [`Error::Closed`].
    pub async fn close(&self) {
        match &self.inner.engine {
            Engine::Sqlite(engine) => engine.close().await,
            Engine::Postgres(engine) => engine.close().await,
            #[cfg(feature = "simulation")]
            Engine::Simulated(engine) => engine.doors.close().await,
        }
    }

    /// Opens the store in a PostgreSQL database for looking only: nothing is created or brought up to date, and writes and
    /// commits fail with [`Error::Closed`].
    ///
    /// # Errors
    /// As [`Db::open_postgres`], and if there is no store, or one that is not up to date.
    pub async fn open_existing_postgres(config: &postgres::Config) -> Result<Self> {
        let stats = Arc::new(Stats::default());
        let (engine, shards) = Postgres::open_existing(config, stats.clone()).await?;
        let engine = Engine::Postgres(engine);
        Ok(Self { inner: Arc::new(Inner { engine, shards, queries: AtomicU64::new(0), stats }) })
    }
}
