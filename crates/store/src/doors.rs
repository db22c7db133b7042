//! The way to the batchers: bounded queues, and an answer in time.

use std::{
    pin::Pin,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::task::JoinHandle;

use crate::{
    batcher::Batcher,
    command::{Answer, Append, Command},
    db::{Follower, Stmt},
    error::{Error, Result},
    log::{Commit, Outcome, Shard},
    queue::Queues,
    stats::Stats,
};

/// How long a command waits for its commit before its outcome counts as unknown.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Batches that a node can have under way at once: more than a database has cores for.
pub(crate) const BATCHERS: usize = 8;

/// A batcher at work.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The batchers of one node.
pub(crate) struct Doors {
    queues: Arc<Queues>,
    batchers: Mutex<Vec<JoinHandle<()>>>,
    follower: Arc<OnceLock<Follower>>,
    stats: Arc<Stats>,
}

impl Doors {
    /// Starts the batchers, as tasks made by `spawn`. `nonce` and `worth` are the queues'.
    pub(crate) fn new<A: Append>(
        shards: usize,
        (nonce, worth): ([u8; 8], usize),
        append: impl Fn() -> A,
        stats: &Arc<Stats>,
        spawn: impl Fn(Task) -> JoinHandle<()>,
    ) -> Self {
        let (queues, follower) = (Arc::new(Queues::new(shards, nonce, worth)), Arc::new(OnceLock::new()));
        let count = shards.min(BATCHERS);
        let appenders = Arc::new(Mutex::new((0..count).map(|_| append()).collect()));
        let start = |_| {
            let (queues, appenders) = (Arc::clone(&queues), Arc::clone(&appenders));
            let (follower, stats) = (Arc::clone(&follower), Arc::clone(stats));
            spawn(Box::pin(Batcher { queues, appenders, follower, stats }.run()))
        };
        let batchers = (0..count).map(start).collect();
        Self { queues, batchers: Mutex::new(batchers), follower, stats: Arc::clone(stats) }
    }

    /// Tells `follower` of every commit from now on.
    pub(crate) fn follow(&self, follower: Follower) {
        // Told once, by whoever opens the store.
        self.follower.set(follower).ok();
    }

    /// So many nodes share the database, this one included.
    pub(crate) fn set_nodes(&self, nodes: u32) {
        self.queues.set_nodes(nodes);
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
        let answer = self.queues.push(shard, command).inspect_err(|error| {
            if matches!(error, Error::Overloaded) {
                self.stats.refuse();
            }
        })?;
        let answer = tokio::time::timeout(WRITE_TIMEOUT, answer).await;
        let answer = answer.map_err(|_| Error::Unavailable).and_then(|answer| answer.map_err(|_| Error::Closed)?);
        self.stats.appended(started.elapsed(), answer.is_err());
        answer
    }

    /// Lets what waits finish, and ends the batchers.
    pub(crate) async fn close(&self) {
        self.queues.close();
        let batchers = std::mem::take(&mut *self.batchers.lock());
        for batcher in batchers {
            batcher.await.ok();
        }
    }
}
