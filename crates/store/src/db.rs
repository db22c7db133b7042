//! One door to the engine: queries on a pool of readers, writes on one writer that groups them into transactions.
//!
//! The surface is what both engines can do: a statement with parameters, a list of statements that succeed or fail
//! together, and a [`Commit`](crate::log::Commit).

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::{
    dialect,
    error::{Error, Result},
    log::{Commit, Outcome, Record},
    migrations,
    value::{Row, Value},
    writer::{self, Job},
};

/// Connections that read beside the writer.
const READERS: usize = 4;
/// Writes that may wait; one more is refused with [`Error::Overloaded`].
const QUEUE: usize = 8192;
/// How long a command waits for its commit before its outcome counts as unknown.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

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

/// What happens in the order of commits, on the writer's thread: keep it short.
pub type Follower = Box<dyn FnMut(&[Arc<Record>]) + Send>;

/// The open database. Clones share it.
#[derive(Clone)]
pub struct Db {
    inner: Arc<Inner>,
}

struct Inner {
    jobs: mpsc::Sender<Job>,
    readers: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
    path: PathBuf,
    queries: AtomicU64,
    stats: Arc<writer::Stats>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
    /// Held for as long as the store is open, so that no second process writes to it.
    lock: Mutex<Option<std::fs::File>>,
}

impl Db {
    /// Opens or creates the SQLite store `chatbook.db` in `dir` and brings its schema up to date.
    ///
    /// # Errors
    /// [`Error::Refused`] with a sentence for the operator if another process has it open or a newer version made it.
    pub fn open_sqlite(dir: &Path) -> Result<Self> {
        let lock = lock(dir)?;
        let path = dir.join("chatbook.db");
        let mut connection = connect(&path, OpenFlags::default())?;
        migrations::run(&mut connection)?;
        let wal = std::fs::File::open(dir.join("chatbook.db-wal"))
            .map_err(|e| Error::Refused(format!("cannot open the database's write-ahead log: {e}")))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let readers = (0..READERS).map(|_| connect(&path, flags)).collect::<Result<Vec<_>>>()?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        let stats = Arc::new(writer::Stats::default());
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn({
                let stats = stats.clone();
                move || writer::run(&connection, queue, &move || wal.sync_data(), &stats)
            })
            .map_err(|e| Error::Refused(format!("cannot start the writer thread: {e}")))?;
        Ok(Self {
            inner: Arc::new(Inner {
                jobs,
                readers: Mutex::new(readers),
                permits: Arc::new(Semaphore::new(READERS)),
                path,
                queries: AtomicU64::new(0),
                stats,
                thread: Mutex::new(Some(thread)),
                lock: Mutex::new(Some(lock)),
            }),
        })
    }

    /// Rows that `sql` finds, each read by `map`.
    pub async fn query<T: Send + 'static>(
        &self,
        sql: &'static str,
        params: Vec<Value>,
        map: fn(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.inner.queries.fetch_add(1, Ordering::Relaxed);
        let permit = self.inner.permits.clone().acquire_owned().await.map_err(|_| Error::Closed)?;
        let inner = self.inner.clone();
        let work = move || {
            // Held to the end of the query, also when nobody waits for it any more.
            let _permit = permit;
            let connection = inner.readers.lock().pop();
            let connection = connection.map_or_else(|| connect(&inner.path, OpenFlags::SQLITE_OPEN_READ_ONLY), Ok)?;
            let rows = select(&connection, sql, &params, map);
            inner.readers.lock().push(connection);
            rows
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| Error::Closed)?
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

    /// Runs the statements in one transaction, all or none, and says how many rows each changed. Durable on return.
    pub async fn write(&self, statements: Vec<Stmt>) -> Result<Vec<usize>> {
        let (reply, answer) = oneshot::channel();
        self.submit(Job::Write { statements, reply }, answer).await
    }

    /// Appends to the log of the commit's shard. Durable, and seen by the follower, on return.
    pub async fn commit(&self, commit: Commit) -> Result<Outcome> {
        let (reply, answer) = oneshot::channel();
        self.submit(Job::Commit { commit: Box::new(commit), reply }, answer).await
    }

    /// The head position of each shard, by shard.
    pub async fn heads(&self) -> Result<Vec<i64>> {
        self.query("select head from shard order by shard", Vec::new(), |row| row.get(0)).await
    }

    /// Calls `follower` with every record committed from now on, in order; returns the head position of each shard
    /// at that moment, by shard.
    pub async fn follow(&self, follower: Follower) -> Result<Vec<i64>> {
        let (reply, answer) = oneshot::channel();
        self.submit(Job::Follow { follower, reply }, answer).await
    }

    /// How many queries were run since the store was opened.
    pub fn queries(&self) -> u64 {
        self.inner.queries.load(Ordering::Relaxed)
    }

    /// What the writer has done since the store was opened.
    pub fn writer_stats(&self) -> writer::Snapshot {
        self.inner.stats.snapshot()
    }

    /// Lets waiting writes finish, then closes the writer. Later writes fail with [`Error::Closed`].
    pub async fn close(&self) {
        let (reply, answer) = oneshot::channel();
        if self.inner.jobs.send(Job::Close { reply }).await.is_ok() {
            answer.await.ok();
        }
        let thread = self.inner.thread.lock().take();
        if let Some(thread) = thread {
            tokio::task::spawn_blocking(move || thread.join().ok()).await.ok();
        }
        // Not when the last clone goes: a request that is still being answered must not keep the next process out.
        self.inner.lock.lock().take();
    }

    async fn submit<T>(&self, job: Job, answer: oneshot::Receiver<Result<T>>) -> Result<T> {
        self.inner.jobs.try_send(job).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => Error::Overloaded,
            mpsc::error::TrySendError::Closed(_) => Error::Closed,
        })?;
        tokio::time::timeout(WRITE_TIMEOUT, answer).await.map_err(|_| Error::Closed)?.map_err(|_| Error::Closed)?
    }
}

fn lock(dir: &Path) -> Result<std::fs::File> {
    let refused = |what: String| Error::Refused(what);
    std::fs::create_dir_all(dir).map_err(|e| refused(format!("cannot create {}: {e}", dir.display())))?;
    let path = dir.join("chatbook.lock");
    let file = std::fs::File::create(&path).map_err(|e| refused(format!("cannot open {}: {e}", path.display())))?;
    file.try_lock().map_err(|_| refused(format!("{} is in use by another chatbook process", dir.display())))?;
    Ok(file)
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection> {
    let connection = Connection::open_with_flags(path, flags)?;
    connection.execute_batch(dialect::SQLITE_PRAGMAS)?;
    connection.set_prepared_statement_cache_capacity(256);
    Ok(connection)
}

fn select<T>(
    connection: &Connection,
    sql: &'static str,
    params: &[Value],
    map: fn(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut statement = connection.prepare_cached(dialect::sqlite(sql))?;
    let mut rows = statement.query(rusqlite::params_from_iter(params))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(map(&Row(row))?);
    }
    Ok(found)
}
