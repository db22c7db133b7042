//! The one writer of an SQLite store: collects what waits into a transaction, syncs it to disk once, then answers.
//!
//! Group commit without timers: while one transaction is being synced, the next batch collects in the queue.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::{
    append::{Appender, execute_all},
    db::{Follower, Stmt},
    dialect,
    error::{Error, Result},
    log::{Commit, Outcome, Record},
};

/// Commands in one transaction at most.
const BATCH: usize = 512;

type Reply<T> = oneshot::Sender<Result<T>>;

pub(crate) enum Job {
    Write { statements: Vec<Stmt>, reply: Reply<Vec<usize>> },
    Commit { commit: Box<Commit>, reply: Reply<Outcome> },
    Follow { follower: Follower, reply: Reply<Vec<i64>> },
    Close { reply: Reply<()> },
}

/// Counters of the writer, for metrics.
#[derive(Default)]
pub(crate) struct Stats {
    batches: AtomicU64,
    commands: AtomicU64,
    failed: AtomicU64,
    busy_us: AtomicU64,
}

/// [`Stats`] at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Snapshot {
    /// Transactions synced to disk.
    pub batches: u64,
    /// Commands in them.
    pub commands: u64,
    /// Commands that failed.
    pub failed: u64,
    /// Microseconds spent in transactions, waiting for the disk included.
    pub busy_us: u64,
}

impl Stats {
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            batches: self.batches.load(Relaxed),
            commands: self.commands.load(Relaxed),
            failed: self.failed.load(Relaxed),
            busy_us: self.busy_us.load(Relaxed),
        }
    }
}

pub(crate) fn run(connection: Connection, mut queue: mpsc::Receiver<Job>, stats: &Stats) {
    let mut follower: Option<Follower> = None;
    let mut jobs = Vec::with_capacity(BATCH);
    while queue.blocking_recv_many(&mut jobs, BATCH) > 0 {
        let mut batch = Vec::with_capacity(jobs.len());
        for job in jobs.drain(..) {
            match job {
                Job::Write { .. } | Job::Commit { .. } => batch.push(job),
                // What came before these must be done first: a follower's head must not include half a batch.
                Job::Follow { follower: new, reply } => {
                    run_batch(&connection, std::mem::take(&mut batch), &mut follower, stats);
                    let heads = heads(&connection);
                    if heads.is_ok() {
                        follower = Some(new);
                    }
                    reply.send(heads).ok();
                }
                Job::Close { reply } => {
                    run_batch(&connection, std::mem::take(&mut batch), &mut follower, stats);
                    reply.send(Ok(())).ok();
                    return;
                }
            }
        }
        run_batch(&connection, batch, &mut follower, stats);
    }
}

fn heads(connection: &Connection) -> Result<Vec<i64>> {
    let mut statement = connection.prepare("select head from shard order by shard")?;
    let heads = statement.query_map([], |row| row.get(0))?;
    Ok(heads.collect::<Result<_, _>>()?)
}

fn run_batch(connection: &Connection, batch: Vec<Job>, follower: &mut Option<Follower>, stats: &Stats) {
    if batch.is_empty() {
        return;
    }
    let started = Instant::now();
    stats.batches.fetch_add(1, Relaxed);
    stats.commands.fetch_add(batch.len() as u64, Relaxed);
    match transact(connection, &batch) {
        Ok((results, records)) => {
            if let Some(follower) = follower {
                follower(&records);
            }
            batch.into_iter().zip(results).for_each(|(job, result)| finish(job, result, stats));
        }
        // One command that the engine refuses must not take its neighbours with it: each gets its own transaction.
        Err(error) if batch.len() > 1 && !matches!(error, Error::Full) => {
            for job in batch {
                run_batch(connection, vec![job], follower, stats);
            }
        }
        Err(error) => {
            tracing::error!(name: "store.commit", %error, commands = batch.len(), "a transaction failed");
            batch.into_iter().for_each(|job| finish(job, Err(error.clone()), stats));
        }
    }
    stats.busy_us.fetch_add(started.elapsed().as_micros() as u64, Relaxed);
}

enum Answer {
    Write(Vec<usize>),
    Commit(Outcome),
}

fn finish(job: Job, result: Result<Answer>, stats: &Stats) {
    if result.is_err() {
        stats.failed.fetch_add(1, Relaxed);
    }
    // A caller that went away does not need its answer.
    match job {
        Job::Write { reply, .. } => drop(reply.send(result.map(|answer| match answer {
            Answer::Write(rows) => rows,
            Answer::Commit(_) => Vec::new(),
        }))),
        Job::Commit { reply, .. } => drop(reply.send(result.and_then(|answer| match answer {
            Answer::Commit(outcome) => Ok(outcome),
            Answer::Write(_) => Err(Error::Closed),
        }))),
        Job::Follow { .. } | Job::Close { .. } => {}
    }
}

/// Runs the batch in one transaction. An error means that nothing of it was written.
fn transact(connection: &Connection, batch: &[Job]) -> Result<(Vec<Result<Answer>>, Vec<Arc<Record>>)> {
    // IMMEDIATE: a deferred transaction that upgrades its lock fails under concurrent readers of another process.
    let transaction = Transaction::begin(connection)?;
    let mut appender = Appender::new(connection);
    let mut results = Vec::with_capacity(batch.len());
    for job in batch {
        results.push(match job {
            Job::Commit { commit, .. } => match appender.append(commit) {
                Ok(outcome) => Ok(Answer::Commit(outcome)),
                Err(error) if refuses_one(&error) => Err(error),
                Err(error) => return Err(error),
            },
            Job::Write { statements, .. } => match isolated(connection, || execute_all(connection, statements)) {
                Ok(rows) => Ok(Answer::Write(rows)),
                Err(error) if refuses_one(&error) => Err(error),
                Err(error) => return Err(error),
            },
            Job::Follow { .. } | Job::Close { .. } => Err(Error::Closed),
        });
    }
    let records = appender.finish()?;
    transaction.commit()?;
    Ok((results, records))
}

/// Whether the error speaks of one command only, which has left nothing behind.
fn refuses_one(error: &Error) -> bool {
    matches!(error, Error::Stale | Error::NoRoom | Error::Expectation(_))
}

/// Undoes what `work` wrote if it fails, without touching the rest of the transaction.
pub(crate) fn isolated<T>(connection: &Connection, work: impl FnOnce() -> Result<T>) -> Result<T> {
    connection.prepare_cached("savepoint command")?.execute([])?;
    let result = work();
    if result.is_err() {
        connection.prepare_cached("rollback to command")?.execute([])?;
    }
    connection.prepare_cached("release command")?.execute([])?;
    result
}

/// Rolls back when dropped before [`Transaction::commit`].
struct Transaction<'a> {
    connection: &'a Connection,
    open: bool,
}

impl<'a> Transaction<'a> {
    fn begin(connection: &'a Connection) -> Result<Self> {
        connection.prepare_cached("begin immediate")?.execute([])?;
        Ok(Self { connection, open: true })
    }

    fn commit(mut self) -> Result<()> {
        self.connection.prepare_cached("commit")?.execute([])?;
        self.open = false;
        Ok(())
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if self.open
            && !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("rollback")
        {
            tracing::error!(name: "store.rollback", %error, "a transaction could not be rolled back");
        }
    }
}

pub(crate) fn prepare<'a>(connection: &'a Connection, sql: &'static str) -> Result<rusqlite::CachedStatement<'a>> {
    Ok(connection.prepare_cached(dialect::sqlite(sql))?)
}
