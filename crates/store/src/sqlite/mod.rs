//! The engine of a single machine: one SQLite file, a pool of connections that read, one that writes.

mod append;
mod migrations;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::{Semaphore, mpsc, oneshot};

use self::writer::Job;
use crate::{
    db::{Follower, Stmt},
    dialect,
    error::{Error, Result},
    log::{Commit, Head, Outcome},
    stats::Stats,
    value::{Row, Value},
};

/// Connections that read beside the writer.
const READERS: usize = 4;
/// Writes that may wait; one more is refused with [`Error::Overloaded`].
const QUEUE: usize = 8192;
/// How long a command waits for its commit before its outcome counts as unknown.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// The open file.
pub(crate) struct Sqlite {
    jobs: mpsc::Sender<Job>,
    readers: Arc<Readers>,
    permits: Arc<Semaphore>,
    stats: Arc<Stats>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
    /// Held for as long as the store is open, so that no second process writes to it.
    lock: Mutex<Option<std::fs::File>>,
}

struct Readers {
    idle: Mutex<Vec<Connection>>,
    path: PathBuf,
}

impl Sqlite {
    pub(crate) fn open(dir: &Path, stats: Arc<Stats>) -> Result<Self> {
        let lock = lock(dir)?;
        let path = dir.join("chatbook.db");
        let mut connection = connect(&path, OpenFlags::default())?;
        migrations::run(&mut connection)?;
        let wal = std::fs::File::open(dir.join("chatbook.db-wal"))
            .map_err(|e| Error::Refused(format!("cannot open the database's write-ahead log: {e}")))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let idle = (0..READERS).map(|_| connect(&path, flags)).collect::<Result<Vec<_>>>()?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn({
                let stats = stats.clone();
                move || writer::run(&connection, queue, &move || wal.sync_data(), &stats)
            })
            .map_err(|e| Error::Refused(format!("cannot start the writer thread: {e}")))?;
        Ok(Self {
            jobs,
            readers: Arc::new(Readers { idle: Mutex::new(idle), path }),
            permits: Arc::new(Semaphore::new(READERS)),
            stats,
            thread: Mutex::new(Some(thread)),
            lock: Mutex::new(Some(lock)),
        })
    }

    pub(crate) async fn query<T: Send + 'static>(
        &self,
        sql: &'static str,
        params: Vec<Value>,
        map: fn(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| Error::Closed)?;
        let readers = self.readers.clone();
        let work = move || {
            // Held to the end of the query, also when nobody waits for it any more.
            let _permit = permit;
            let idle = readers.idle.lock().pop();
            let connection = idle.map_or_else(|| connect(&readers.path, OpenFlags::SQLITE_OPEN_READ_ONLY), Ok)?;
            let rows = select(&connection, sql, &params, map);
            readers.idle.lock().push(connection);
            rows
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| Error::Closed)?
    }

    pub(crate) async fn write(&self, statements: Vec<Stmt>) -> Result<Vec<usize>> {
        self.submit(|reply| Job::Write { statements, reply }).await
    }

    pub(crate) async fn commit(&self, commit: Commit) -> Result<Outcome> {
        self.submit(|reply| Job::Commit { commit: Box::new(commit), reply }).await
    }

    pub(crate) async fn follow(&self, follower: Follower) -> Result<Vec<Head>> {
        self.submit(|reply| Job::Follow { follower, reply }).await
    }

    pub(crate) async fn close(&self) {
        let (reply, answer) = oneshot::channel();
        if self.jobs.send(Job::Close { reply }).await.is_ok() {
            answer.await.ok();
        }
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            tokio::task::spawn_blocking(move || thread.join().ok()).await.ok();
        }
        // Not when the last clone goes: a request that is still being answered must not keep the next process out.
        self.lock.lock().take();
    }

    async fn submit<T>(&self, job: impl FnOnce(oneshot::Sender<Result<T>>) -> Job) -> Result<T> {
        let started = Instant::now();
        let (reply, answer) = oneshot::channel();
        self.jobs.try_send(job(reply)).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => {
                self.stats.refuse();
                Error::Overloaded
            }
            mpsc::error::TrySendError::Closed(_) => Error::Closed,
        })?;
        let answer = tokio::time::timeout(WRITE_TIMEOUT, answer).await;
        let answer = answer.map_err(|_| Error::Unavailable).and_then(|answer| answer.map_err(|_| Error::Closed)?);
        self.stats.appended(started.elapsed(), answer.is_err());
        answer
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
        found.push(map(&Row::sqlite(row))?);
    }
    Ok(found)
}
