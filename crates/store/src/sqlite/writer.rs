//! The one writer of an SQLite store: collects what waits into a transaction, syncs it to disk once, then answers.
//!
//! Group commit without timers, in two steps that overlap: while one thread waits for the disk and tells everyone of a
//! batch, the other writes the next, and the one after that collects in the queue. SQLite itself does not sync at a
//! commit (`synchronous=NORMAL`); the write-ahead log is synced here before anybody hears of what stands in it.

use std::{
    io,
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::Ordering::Relaxed,
        mpsc::{Receiver, SyncSender},
    },
    time::Instant,
};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::append::{Appender, execute_all};
use crate::{
    db::{Follower, Stmt},
    dialect,
    error::{Error, Result},
    log::{Commit, Committed, Head, Outcome, Record, Segment},
    stats::Stats,
};

/// Commands in one transaction at most.
const BATCH: usize = 512;
/// Batches that may wait for the second thread, besides the one it has. The more run ahead, the smaller each is, and the
/// more pages are written for a command.
const AHEAD: usize = 0;

/// Waits until everything written is on disk.
pub(crate) type Sync = dyn Fn() -> io::Result<()> + std::marker::Sync;

type Reply<T> = oneshot::Sender<Result<T>>;

pub(crate) enum Job {
    Write { statements: Vec<Stmt>, reply: Reply<Vec<usize>> },
    Commit { commit: Box<Commit>, reply: Reply<Outcome> },
    Follow { follower: Follower, reply: Reply<Vec<Head>> },
    Close { reply: Reply<()> },
}

/// What the writer hands over: written, but not yet on disk.
enum Written {
    Batch { jobs: Vec<Job>, results: Vec<Result<Answer>>, records: Vec<Arc<Record>> },
    Follow { follower: Follower, heads: Result<Vec<Head>>, reply: Reply<Vec<Head>> },
    Closed { reply: Reply<()> },
}

/// Runs transactions until the queue ends, on this thread; the disk is waited for, followers are told and callers are
/// answered on a second one, so that the next transaction is under way meanwhile.
pub(crate) fn run(connection: &Connection, mut queue: mpsc::Receiver<Job>, sync: &Sync, stats: &Stats) {
    let (written, publish) = std::sync::mpsc::sync_channel(AHEAD);
    std::thread::scope(move |scope| {
        let publisher = std::thread::Builder::new().name("store-publish".into());
        if let Err(error) = publisher.spawn_scoped(scope, move || Publisher::new(sync, stats).run(&publish)) {
            tracing::error!(name: "store.start", %error, "the store cannot start its second thread");
            return;
        }
        let mut jobs = Vec::with_capacity(BATCH);
        while queue.blocking_recv_many(&mut jobs, BATCH) > 0 {
            if take(connection, &mut jobs, &written, stats).is_break() {
                return;
            }
        }
    });
}

/// Writes what has collected in the queue.
fn take(connection: &Connection, jobs: &mut Vec<Job>, written: &SyncSender<Written>, stats: &Stats) -> ControlFlow<()> {
    let mut batch = Vec::with_capacity(jobs.len());
    let run = |batch: Vec<Job>| run_batch(connection, batch, stats, &mut |done| drop(written.send(done)));
    for job in jobs.drain(..) {
        match job {
            Job::Write { .. } | Job::Commit { .. } => batch.push(job),
            // What came before these must be done first: a follower's head must not include half a batch.
            Job::Follow { follower, reply } => {
                run(std::mem::take(&mut batch));
                written.send(Written::Follow { follower, heads: heads(connection), reply }).ok();
            }
            Job::Close { reply } => {
                run(std::mem::take(&mut batch));
                written.send(Written::Closed { reply }).ok();
                return ControlFlow::Break(());
            }
        }
    }
    run(batch);
    ControlFlow::Continue(())
}

fn heads(connection: &Connection) -> Result<Vec<Head>> {
    let mut statement = connection.prepare("select epoch, head from shard order by shard")?;
    let heads = statement.query_map([], |row| Ok(Head { epoch: row.get(0)?, pos: row.get(1)? }))?;
    Ok(heads.collect::<Result<_, _>>()?)
}

fn run_batch(connection: &Connection, jobs: Vec<Job>, stats: &Stats, publish: &mut dyn FnMut(Written)) {
    if jobs.is_empty() {
        return;
    }
    let started = Instant::now();
    let outcome = transact(connection, &jobs);
    stats.batch(jobs.len(), started.elapsed());
    match outcome {
        Ok((results, records)) => publish(Written::Batch { jobs, results, records }),
        // One command that the engine refuses must not take its neighbours with it: each gets its own transaction.
        Err(error) if jobs.len() > 1 && !matches!(error, Error::Full) => {
            for job in jobs {
                run_batch(connection, vec![job], stats, publish);
            }
        }
        Err(error) => {
            tracing::error!(name: "store.commit", %error, commands = jobs.len(), "a transaction failed");
            let results = jobs.iter().map(|_| Err(error.clone())).collect();
            publish(Written::Batch { jobs, results, records: Vec::new() });
        }
    }
}

/// The second half of every commit, in the order of the first: on disk, known to the follower, answered.
struct Publisher<'a> {
    sync: &'a Sync,
    stats: &'a Stats,
    follower: Option<Follower>,
    epoch: i64,
    /// The disk failed to take what was written. What it has is unknown until the store is opened again.
    broken: bool,
}

impl<'a> Publisher<'a> {
    fn new(sync: &'a Sync, stats: &'a Stats) -> Self {
        Self { sync, stats, follower: None, epoch: 0, broken: false }
    }

    fn run(mut self, written: &Receiver<Written>) {
        while let Ok(first) = written.recv() {
            let all: Vec<_> = std::iter::once(first).chain(written.try_iter()).collect();
            self.sync();
            all.into_iter().for_each(|one| self.publish(one));
        }
    }

    fn sync(&mut self) {
        let started = Instant::now();
        if let Err(error) = (self.sync)() {
            tracing::error!(name: "store.sync", %error, "the disk failed: nothing more is written until a restart");
            self.broken = true;
        }
        self.stats.syncs.fetch_add(1, Relaxed);
        self.stats.sync_us.fetch_add(started.elapsed().as_micros() as u64, Relaxed);
    }

    fn publish(&mut self, written: Written) {
        match written {
            Written::Batch { jobs, .. } if self.broken => {
                jobs.into_iter().for_each(|job| finish(job, Err(Error::Closed)));
            }
            Written::Batch { jobs, results, records } => {
                if let Some(follower) = &self.follower
                    && !records.is_empty()
                {
                    let segment = Segment { shard: 0, epoch: self.epoch, records };
                    follower(&Committed { segments: vec![segment], heads: Vec::new() });
                }
                jobs.into_iter().zip(results).for_each(|(job, result)| finish(job, result));
            }
            Written::Follow { follower, heads, reply } => {
                if let Ok(heads) = &heads {
                    self.follower = Some(follower);
                    self.epoch = heads.first().map_or(0, |head| head.epoch);
                }
                reply.send(heads).ok();
            }
            Written::Closed { reply } => drop(reply.send(Ok(()))),
        }
    }
}

enum Answer {
    Write(Vec<usize>),
    Commit(Outcome),
}

fn finish(job: Job, result: Result<Answer>) {
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

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicBool, AtomicUsize},
        time::Duration,
    };

    use super::{super::migrations, *};

    /// A writer whose disk answers as `sync` says, and how many records its follower was told of.
    fn start(
        sync: impl Fn() -> io::Result<()> + Send + std::marker::Sync + 'static,
    ) -> (mpsc::Sender<Job>, Arc<AtomicUsize>) {
        let mut connection = Connection::open_in_memory().expect("memory");
        migrations::run(&mut connection).expect("a schema");
        let (jobs, queue) = mpsc::channel(8);
        std::thread::spawn(move || run(&connection, queue, &sync, &Stats::default()));
        let followed = Arc::new(AtomicUsize::new(0));
        let counted = followed.clone();
        let follower: Follower = Arc::new(move |committed| {
            counted.fetch_add(committed.segments.iter().map(|segment| segment.records.len()).sum(), Relaxed);
        });
        let (reply, _) = oneshot::channel();
        jobs.try_send(Job::Follow { follower, reply }).ok();
        (jobs, followed)
    }

    fn commit(jobs: &mpsc::Sender<Job>) -> oneshot::Receiver<Result<Outcome>> {
        let (reply, answer) = oneshot::channel();
        jobs.try_send(Job::Commit { commit: Box::default(), reply }).ok();
        answer
    }

    #[tokio::test]
    async fn nobody_hears_of_a_commit_before_it_is_on_disk() {
        let slow = Arc::new(AtomicBool::new(true));
        let disk = slow.clone();
        let (jobs, followed) = start(move || {
            while disk.load(Relaxed) {
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(())
        });
        let mut answer = commit(&jobs);
        tokio::time::timeout(Duration::from_millis(100), &mut answer).await.expect_err("answered before the disk");
        assert_eq!(followed.load(Relaxed), 0);
        slow.store(false, Relaxed);
        assert!(matches!(answer.await, Ok(Ok(Outcome::Committed(_)))));
        assert_eq!(followed.load(Relaxed), 1);
    }

    #[tokio::test]
    async fn after_the_disk_failed_once_nothing_is_acknowledged_any_more() {
        let failing = Arc::new(AtomicBool::new(false));
        let disk = failing.clone();
        let (jobs, followed) = start(move || match disk.load(Relaxed) {
            true => Err(io::Error::other("the disk is gone")),
            false => Ok(()),
        });
        assert!(matches!(commit(&jobs).await, Ok(Ok(_))));
        failing.store(true, Relaxed);
        assert!(matches!(commit(&jobs).await, Ok(Err(Error::Closed))));
        failing.store(false, Relaxed);
        assert!(matches!(commit(&jobs).await, Ok(Err(Error::Closed))), "what the disk holds is unknown");
        assert_eq!(followed.load(Relaxed), 1);
    }
}
